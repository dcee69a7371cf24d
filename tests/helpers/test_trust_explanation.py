"""Maps of what a score hangs on: held against scores whose reason is known, formulas, and Captum."""

import os
from pathlib import Path

import numpy as np
import pytest

from helpers import load
from helpers.models import shipped, small_cnn
from helpers.trust import (
    grad_cam,
    gradient,
    gradient_times_input,
    guided_backpropagation,
    integrated_gradients,
    occlusion_map,
    pointing_game,
    randomised,
    weighted_map,
)

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"


def patch_mean(rows, columns):
    """A score that looks at one patch alone."""
    return lambda images: images[:, rows, columns].astype(float).mean(axis=(1, 2, 3))


@pytest.fixture
def image():
    image = np.random.default_rng(0).integers(0, 100, (32, 48, 1)).astype(np.uint8)
    image[12:20, 28:36] = 240
    return image


def test_it_peaks_where_the_score_looks(image):
    drop = occlusion_map(patch_mean(slice(12, 20), slice(28, 36)), image)
    assert np.unravel_index(drop.argmax(), drop.shape) == (3, 7)
    assert drop[3, 7] == pytest.approx(240 - round(image.mean()))


def test_squares_that_do_not_touch_the_patch_change_nothing(image):
    drop = occlusion_map(patch_mean(slice(12, 20), slice(28, 36)), image)
    touched = np.zeros(drop.shape, bool)
    touched[2:5, 6:9] = True
    assert (drop[~touched] == 0).all()
    assert (drop[touched] > 0).all()


def test_what_speaks_against_is_below_zero(image):
    look = patch_mean(slice(12, 20), slice(28, 36))
    np.testing.assert_array_equal(occlusion_map(lambda images: -look(images), image), -occlusion_map(look, image))


@pytest.mark.parametrize(
    ("size", "stride", "shape"), [(8, 4, (7, 11)), (8, 8, (4, 6)), (5, 3, (10, 15)), (32, 1, (1, 17))]
)
def test_shape(image, size, stride, shape):
    assert occlusion_map(patch_mean(slice(None), slice(None)), image, size, stride).shape == shape


def test_every_entry_is_its_own_square():
    """Counted by hand: the score is the sum of an image of its own, the square is set to 0."""
    image = np.random.default_rng(1).normal(size=(9, 11, 2))
    drop = occlusion_map(lambda images: images.sum(axis=(1, 2, 3)), image, size=4, stride=3, fill=0)
    expected = [[image[i : i + 4, j : j + 4].sum() for j in (0, 3, 6)] for i in (0, 3)]
    np.testing.assert_allclose(drop, expected)


def test_without_a_fill_each_channel_gets_its_own_mean():
    image = np.zeros((8, 8, 2))
    image[..., 0], image[..., 1] = 3, -5
    assert (occlusion_map(lambda images: np.abs(images - image).sum(axis=(1, 2, 3)), image, 4, 4) == 0).all()


def test_the_image_stays_as_it_was(image):
    before = image.copy()
    seen = []
    occlusion_map(lambda images: seen.append(images) or np.zeros(len(images)), image)
    np.testing.assert_array_equal(image, before)
    assert seen[0].dtype == np.uint8
    np.testing.assert_array_equal(seen[0][0], before)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"image": np.zeros((2, 32, 48, 1))}, "one image"),
        ({"image": np.zeros((32, 48))}, "one image"),
        ({"size": 33}, "1 to 32 pixels"),
        ({"size": 0}, "1 to 32 pixels"),
        ({"stride": 0}, "stride"),
        ({"score": lambda images: images.mean(axis=(1, 2))}, "one number an image"),
        ({"score": lambda images: 0.5}, "one number an image"),
    ],
)
def test_wrong_arguments_are_refused(image, wrong, says):
    arguments = {"score": lambda images: np.zeros(len(images)), "image": image} | wrong
    with pytest.raises(ValueError, match=says):
        occlusion_map(**arguments)


# Backwards through a network: against Captum

MAPS = {
    "gradient": gradient,
    "gradient_times_input": gradient_times_input,
    "integrated_gradients": integrated_gradients,
    "guided_backpropagation": guided_backpropagation,
    "grad_cam": grad_cam,
}
CAPTUM = np.load(Path(__file__).parent / "fixtures" / "captum.npz")  # Captum 0.9.0; how: make_captum.py beside it


def classes():
    """Three logits, no pooling to a mean, ReLUs as activations and as layers."""
    from keras import Input, Sequential, layers

    return Sequential(
        [
            *(Input((15, 12, 2)), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(2)),
            *(layers.Conv2D(5, (3, 2), use_bias=False), layers.BatchNormalization(), layers.ReLU(name="top")),
            *(layers.Flatten(), layers.Dense(6), layers.Activation("relu"), layers.Dense(3)),
        ]
    )


@pytest.fixture(scope="module")
def networks():
    """Name -> a network with the weights of the fixture."""
    found = {"classes": classes(), "small": small_cnn((33, 32, 1), (4, 8, 8))}
    for name, network in found.items():
        network.set_weights([CAPTUM[key] for key in CAPTUM.files if key.startswith(f"{name}_weights")])
    return found


def of_fixture(name):
    return {key: CAPTUM[f"{name}_{key}"] for key in ("images", "target")}


def assert_same(ours, theirs):
    """To 1e-5 of the largest value, image by image."""
    assert ours.shape == theirs.shape
    assert ours.dtype == np.float32
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(b).max() > 0
        assert np.abs(a - b).max() <= 1e-5 * np.abs(b).max()


@pytest.mark.parametrize("name", ["classes", "small"])
def test_the_networks_are_those_of_the_fixture(networks, name):
    found = np.array(networks[name](CAPTUM[f"{name}_images"], training=False))
    np.testing.assert_allclose(found, CAPTUM[f"{name}_logits"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["classes", "small"])
@pytest.mark.parametrize("kind", ["gradient", "gradient_times_input", "guided_backpropagation"])
def test_maps_of_pixels_are_those_of_captum(networks, name, kind):
    assert_same(MAPS[kind](networks[name], **of_fixture(name)), CAPTUM[f"{name}_{kind}"])


@pytest.mark.parametrize("name", ["classes", "small"])
def test_integrated_gradients_are_those_of_captum(networks, name):
    ours = integrated_gradients(networks[name], baseline=CAPTUM[f"{name}_baseline"], steps=20, **of_fixture(name))
    assert_same(ours, CAPTUM[f"{name}_integrated_gradients"])


@pytest.mark.parametrize(("name", "k"), [("classes", 0), ("classes", 1), ("small", 0), ("small", 1), ("small", 2)])
def test_grad_cam_is_that_of_captum_at_every_relu(networks, name, k):
    network = networks[name]
    at = [layer.name for layer in network.layers if layer.name == "top" or "re_lu" in layer.name]
    if name == "classes":
        at = [network.layers[0].name, *at]
    theirs = CAPTUM[f"{name}_grad_cam_{k}"]
    assert_same(grad_cam(network, layer=at[k], **of_fixture(name)), theirs)
    if f"{name}_grad_cam_{k + 1}" not in CAPTUM:
        assert_same(grad_cam(network, **of_fixture(name)), theirs)  # the last is what it takes by itself


# Against formulas


def with_logit(logit, shape=(3, 4, 2)):
    """A network of one logit, from images to (N, 1)."""
    import keras

    images = keras.Input(shape)
    return keras.Model(images, logit(keras.layers.Flatten()(images)))


@pytest.fixture
def drawn():
    """Images, a baseline for each, and a weight for each pixel."""
    rng = np.random.default_rng(5)
    return rng.normal(size=(5, 3, 4, 2)), rng.normal(size=(5, 3, 4, 2)), rng.normal(size=(3, 4, 2))


def test_a_linear_network_has_the_parts_that_one_expects(drawn):
    from keras import layers

    images, baseline, w = drawn
    network = with_logit(layers.Dense(1))
    network.set_weights([w.reshape(-1, 1), np.array([0.7])])
    np.testing.assert_allclose(gradient(network, images), np.broadcast_to(w, images.shape), rtol=1e-6)
    np.testing.assert_allclose(gradient_times_input(network, images), w * images, rtol=0, atol=1e-6)
    for steps in (1, 7):
        parts = integrated_gradients(network, images, baseline, steps)
        np.testing.assert_allclose(parts, w * (images - baseline), rtol=0, atol=1e-5)


def test_a_quadratic_network_shares_out_its_products_and_one_step_is_enough(drawn):
    from keras import layers, ops

    images, baseline, w = drawn
    network = with_logit(lambda x: ops.square(layers.Dense(1, use_bias=False, name="sum")(x)))
    network.get_layer("sum").set_weights([w.reshape(-1, 1)])
    end, start = ((w * each).sum(axis=(1, 2, 3), keepdims=True) for each in (images, baseline))
    expected = w * (images - baseline) * (end + start)  # the integral of 2 (start + a (end - start)) over a from 0 to 1
    for steps in (1, 2, 64):
        np.testing.assert_allclose(
            integrated_gradients(network, images, baseline, steps), expected, rtol=0, atol=1e-5 * abs(expected).max()
        )
    np.testing.assert_allclose(gradient(network, images), 2 * w * end, rtol=0, atol=1e-5 * abs(expected).max())


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_gradients_are_taken_in_the_middle_of_each_step(drawn, steps):
    from keras import ops

    images = drawn[0]
    network = with_logit(lambda x: ops.sum(x**3, axis=1, keepdims=True))
    expected = images**3 * (1 - 1 / (4 * steps**2))  # the mean of 3 ((k + 0.5) / steps)^2 over k
    np.testing.assert_allclose(integrated_gradients(network, images, steps=steps), expected, rtol=0, atol=1e-5)


def test_a_baseline_may_be_a_number_a_value_for_each_channel_or_an_image(networks):
    network, images = networks["classes"], CAPTUM["classes_images"]
    channels = np.array([0.3, -0.2])
    one = integrated_gradients(network, images, np.broadcast_to(channels, images.shape), 4, 1)
    for same in (channels, np.broadcast_to(channels, images.shape[1:])):
        np.testing.assert_array_equal(integrated_gradients(network, images, same, 4, 1), one)
    black = integrated_gradients(network, images, steps=4, target=1)
    np.testing.assert_array_equal(black, integrated_gradients(network, images, np.zeros(2), 4, 1))
    assert (np.abs(black - one).max(axis=(1, 2, 3)) > 0.01).all()
    assert (integrated_gradients(network, images, images, 4, 1) == 0).all()


def missing(network, images, steps, **options):
    """How far the sum of each map is from logit(image) - logit(black), and that difference."""
    parts = integrated_gradients(network, images, steps=steps, **options).astype(float).sum(axis=(1, 2, 3))
    found = np.array(network(np.concatenate([images, 0 * images[:1]]), training=False), float)
    rows = np.arange(len(images)), options.get("target", 0)
    differences = found[rows] - found[-1, rows[1]]
    return np.abs(parts - differences), np.abs(differences)


def test_integrated_gradients_add_up_in_a_small_network(networks):
    """64 steps left under 1 % of differences above 0.5, but 12 % of one of 0.13; 512 left 0.1 % of all."""
    error, difference = missing(networks["classes"], CAPTUM["classes_images"], 512, target=CAPTUM["classes_target"])
    assert difference.min() > 0.1
    assert (error / difference).max() < 0.01


def test_integrated_gradients_add_up_in_the_network_of_chapter_07():
    """64 steps left up to 1.9 % of the difference, 256 up to 0.8 %."""
    images = load("breast_us", "test", n=8, size=64).images
    network = shipped("breast_cnn", small_cnn((64, 64, 1)))
    error, difference = missing(network, images, 256)
    far = difference > 0.2  # one of the eight has nearly the logit of a black image
    assert far.sum() >= 6
    assert (error / difference)[far].max() < 0.01
    assert error.max() < 0.02
    rough, _ = missing(network, images, 16)
    assert rough.mean() > 2 * error.mean()


# Guided backpropagation


def three_units(relu):
    """Two pixels, three units, one ReLU of the kind asked for, one logit."""
    import keras

    pixels = keras.Input((1, 2, 1))
    first = keras.layers.Dense(3, use_bias=False, name="first", activation=relu if isinstance(relu, str) else None)
    units = first(keras.layers.Flatten()(pixels))
    network = keras.Model(pixels, keras.layers.Dense(1, name="last")(units if isinstance(relu, str) else relu(units)))
    first.set_weights([np.array([[1.0, 2, -3], [4, 1, 1]])])
    network.get_layer("last").set_weights([np.array([[5.0], [-7], [11]]), np.zeros(1)])
    return network


def kinds_of_relu():
    import keras

    nested = keras.Sequential([keras.Input((3,)), keras.layers.ReLU()])
    limited = keras.layers.ReLU(max_value=6)
    return {
        "activation": "relu",
        "layer": keras.layers.ReLU(),
        "activation layer": keras.layers.Activation("relu"),
        "operation": keras.ops.relu,
        "function": keras.activations.relu,
        "nested": nested,
        "limited activation": "relu6",
        "limited": limited,
        "limited operation": keras.ops.relu6,
    }


KINDS = ["activation", "layer", "activation layer", "operation", "function", "nested"]
KINDS += ["limited activation", "limited", "limited operation"]


@pytest.mark.parametrize("kind", KINDS)
def test_guided_backpropagation_by_hand_through_every_kind_of_relu(kind):
    network = three_units(kinds_of_relu()[kind])
    # the units get 1 + 2 x 4 = 9, 2 + 2 = 4 and -3 + 2 = -1: the third is off
    images = np.array([1.0, 2]).reshape(1, 1, 2, 1)
    limited = "limited" in kind  # at 6, so that the first hands nothing back
    plain = [-14, -7] if limited else [5 - 14, 20 - 7]
    guided = [0, 0] if limited else [5, 20]  # without the second unit, whose weight is -7
    assert gradient(network, images).ravel().tolist() == plain
    assert guided_backpropagation(network, images).ravel().tolist() == guided


def test_what_is_no_relu_stays_as_it_is():
    import keras

    network = three_units(lambda units: keras.layers.LeakyReLU(0.5)(keras.layers.ReLU()(units)))
    assert guided_backpropagation(network, np.ones((1, 1, 2, 1))).ravel().tolist() == [5, 20]
    # the gradient at the leaky ReLU is (5, -7, 11); only the ReLU before it takes away the -7
    network = three_units(lambda units: keras.layers.ReLU()(keras.layers.LeakyReLU(0.5)(units) - 0.1))
    guided = guided_backpropagation(network, np.array([1, -1.5]).reshape(1, 1, 2, 1))
    # the units get -5, 0.5 and -4.5: the second is on, with -7
    assert guided.ravel().tolist() == [0, 0]


@pytest.mark.parametrize("compiled", [False, True])
def test_guided_backpropagation_leaves_the_network_as_it_was(compiled):
    network, images = classes(), CAPTUM["classes_images"]
    if compiled:
        network.compile(optimizer="adam", loss="mse")

    def state():
        activations = [getattr(layer, "activation", None) for layer in network.layers]
        answers = np.array(network(images, training=False)), gradient(network, images, 1)
        return [type(layer) for layer in network.layers], activations, [*network.get_weights(), *answers]

    before = state()
    guided = guided_backpropagation(network, images, 1)
    after = state()
    assert before[:2] == after[:2]
    for was, now in zip(before[2], after[2], strict=True):
        np.testing.assert_array_equal(was, now)
    assert np.abs(guided - before[2][-1]).max() > 0.01
    np.testing.assert_array_equal(guided_backpropagation(network, images, 1), guided)


def test_guided_backpropagation_needs_a_relu():
    from keras import layers

    with pytest.raises(ValueError, match="a network with a ReLU, got none"):
        guided_backpropagation(with_logit(layers.Dense(1)), np.zeros((1, 3, 4, 2)))


# Grad-CAM


def two_channels():
    """A pixel and its negative as two channels, weighed 2 and -1 in the mean over all positions."""
    import keras

    layers = [keras.Input((2, 3, 1)), keras.layers.Conv2D(2, 1, use_bias=False, name="both")]
    layers += [keras.layers.GlobalAveragePooling2D(keepdims=True), keras.layers.Flatten(), keras.layers.Dense(2)]
    network = keras.Sequential(layers)
    network.set_weights([np.array([1.0, -1]).reshape(1, 1, 1, 2), np.array([[2.0, -2], [-1, 1]]), np.zeros(2)])
    return network


def test_grad_cam_by_hand():
    image = np.array([[3.0, -1, 0], [2, -4, 6]])[None, ..., None]
    # a mean over 6 positions: the gradients are 2 / 6 and -1 / 6 everywhere, and so are the weights of the channels.
    # 2 / 6 x - 1 / 6 (-x) = x / 2, and nothing below 0
    network = two_channels()
    np.testing.assert_allclose(grad_cam(network, image, target=0), [[[1.5, 0, 0], [1, 0, 3]]], atol=1e-6)
    np.testing.assert_allclose(grad_cam(network, image, target=1), [[[0, 0.5, 0], [0, 2, 0]]], atol=1e-6)
    assert (grad_cam(network, -np.abs(image), target=0) == 0).all()


def test_grad_cam_takes_the_last_layer_with_several_positions():
    image = np.random.default_rng(2).normal(size=(2, 2, 3, 1))
    network = two_channels()  # its last output of four axes is a mean of one position
    np.testing.assert_array_equal(grad_cam(network, image, target=0), grad_cam(network, image, "both", 0))
    mean = next(layer.name for layer in network.layers if "average" in layer.name)
    assert grad_cam(network, image, mean, 0).shape == (2, 1, 1)


def test_a_map_is_enlarged_by_one_call():
    """Bilinear between the middles of the cells, as the docstring says."""
    from skimage.transform import resize

    maps = np.array([[[0.0, 8]], [[4, 4]]], np.float32)
    assert resize(maps, (2, 1, 8), order=1, mode="edge").tolist() == [[[0, 0, 1, 3, 5, 7, 8, 8]], [[4] * 8]]


# Which logit, which images


def test_the_target_is_one_for_all_one_an_image_or_the_highest(networks):
    network, images = networks["classes"], CAPTUM["classes_images"]
    highest = CAPTUM["classes_logits"].argmax(axis=1)
    assert len(set(highest.tolist())) > 1
    for explain in MAPS.values():
        each = [explain(network, images, target=k) for k in range(3)]
        mixed = explain(network, images, target=highest)
        for i, k in enumerate(highest):
            np.testing.assert_allclose(mixed[i], each[k][i], rtol=0, atol=1e-6)
            assert np.abs(mixed[i] - each[k - 1][i]).max() > 1e-3
        np.testing.assert_array_equal(explain(network, images), mixed)
    one = networks["small"], CAPTUM["small_images"]
    np.testing.assert_array_equal(gradient(*one), gradient(*one, target=0))


def test_many_images_have_the_maps_that_each_has_alone(networks):
    network = networks["small"]
    images = np.random.default_rng(3).integers(0, 256, (130, 33, 32, 1), dtype=np.uint8)
    for explain in (gradient, grad_cam):
        together = explain(network, images)
        alone = np.concatenate([explain(network, image[None]) for image in images[[0, 63, 64, 129]]])
        np.testing.assert_allclose(together[[0, 63, 64, 129]], alone, rtol=0, atol=1e-4 * np.abs(alone).max())


@pytest.mark.parametrize("name", MAPS)
def test_the_type_of_the_images_does_not_matter_and_they_stay_as_they_were(networks, name):
    images = CAPTUM["small_images"].copy()
    images.setflags(write=False)
    expected = MAPS[name](networks["small"], images)
    for kind in ("int64", "float32", "float64"):
        np.testing.assert_array_equal(MAPS[name](networks["small"], images.astype(kind)), expected)


IMAGES = np.zeros((2, 15, 12, 2))


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            {"images": IMAGES[0]},
            r"images \(N, 15, 12, 2\), N at least 1, got shape \(15, 12, 2\); one image is image\[",
        ),
        ({"images": IMAGES[..., :1]}, r"images \(N, 15, 12, 2\), .* got shape \(2, 15, 12, 1\)"),
        ({"images": IMAGES[:0]}, r"N at least 1, got shape \(0, 15, 12, 2\)"),
        ({"images": np.where(IMAGES == 0, np.nan, 0)}, "images of finite numbers, got float64 with nan"),
        ({"images": np.full_like(IMAGES, np.inf)}, "images of finite numbers"),
        ({"images": IMAGES.astype(str)}, "images of finite numbers, got <U"),
        ({"target": 3}, "a target from 0 to 2, got 3 to 3"),
        ({"target": [0, -1]}, "a target from 0 to 2, got -1 to 0"),
        ({"target": [0, 1, 2]}, r"one whole number as target, or 2, one an image, got int64 of shape \(3,\)"),
        ({"target": 1.0}, "one whole number as target, .* got float64"),
    ],
)
def test_wrong_images_and_targets_are_refused(networks, name, wrong, says):
    with pytest.raises(ValueError, match=says):
        MAPS[name](networks["classes"], **({"images": IMAGES, "target": 0} | wrong))


@pytest.mark.parametrize("name", MAPS)
def test_networks_of_another_kind_are_refused(name):
    import keras

    class Own(keras.Model):
        def call(self, images):
            return images[:, 0, 0]

    unbuilt = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
    masks = keras.Sequential([keras.Input((15, 12, 2)), keras.layers.Conv2D(3, 1)])
    table = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    pair = [keras.Input((15, 12, 2)), keras.Input((15, 12, 2))]
    two = keras.Model(pair, keras.layers.Dense(1)(keras.layers.Flatten()(pair[0] + pair[1])))
    rounded = with_logit(lambda x: keras.layers.Dense(1)(keras.ops.relu(keras.ops.round(x))), (15, 12, 2))
    for network, says in [
        (Own(), "begins with keras.Input, .* got Own with inputs"),
        (unbuilt, "begins with keras.Input, .* got Sequential with inputs"),
        (masks, r"gives logits \(N, K\), got Sequential .* outputs \[\(None, 15, 12, 3\)\]"),
        (two, "takes one array of images .* got Functional"),
        (table, "takes images .* got one that takes"),
        *([(rounded, "a step that has none")] if name != "grad_cam" else []),
    ]:
        with pytest.raises(ValueError, match=says):
            MAPS[name](network, IMAGES)


@pytest.mark.parametrize("name", MAPS)
def test_another_backend_is_named(networks, name, monkeypatch):
    import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(RuntimeError, match="Keras on TensorFlow, .* got jax"):
        MAPS[name](networks["classes"], IMAGES)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"steps": 0}, "at least 1 step, got 0"),
        ({"baseline": np.nan}, "baseline of finite numbers"),
        ({"baseline": np.zeros(12)}, r"of shape \(2,\), \(15, 12, 2\) or \(2, 15, 12, 2\), got \(12,\)"),
        ({"baseline": np.zeros((12, 2))}, r"a baseline .* got \(12, 2\)"),
        ({"baseline": np.zeros((1, 15, 12, 2))}, r"a baseline .* got \(1, 15, 12, 2\)"),
    ],
)
def test_wrong_ways_are_refused(networks, wrong, says):
    with pytest.raises(ValueError, match=says):
        integrated_gradients(networks["classes"], IMAGES, **wrong)


def test_layers_without_a_map_are_refused(networks):
    from keras import layers

    names = ", ".join(layer.name for layer in networks["classes"].layers[:5])
    with pytest.raises(ValueError, match=f"the name of a layer .*: {names}; got 'conv_9'"):
        grad_cam(networks["classes"], IMAGES, "conv_9")
    flat = networks["classes"].layers[5].name
    with pytest.raises(ValueError, match=rf"{names}; {flat} gives \(None, 80\)"):
        grad_cam(networks["classes"], IMAGES, flat)
    with pytest.raises(ValueError, match="layer whose output .* got none"):
        grad_cam(with_logit(layers.Dense(1), (1, 1, 4)), np.zeros((1, 1, 1, 4)))


# A network that has forgotten


def changed(network, copy):
    """The layers with another kernel in the copy."""
    pairs = zip(network.layers, copy.layers, strict=True)
    pairs = [(a, b) for a, b in pairs if hasattr(a, "kernel")]
    return [k for k, (a, b) in enumerate(pairs) if not np.array_equal(a.get_weights()[0], b.get_weights()[0])]


def test_randomised_draws_all_layers_or_those_at_the_top(networks):
    network = networks["small"]  # kernels 0, 1 and 2 with a batch normalisation each, kernel 3 dense
    before = network.get_weights()
    for layers, expected in [("all", [0, 1, 2, 3]), (7, [0, 1, 2, 3]), (3, [2, 3]), (2, [3]), (1, [3]), (0, [])]:
        copy = randomised(network, 0, layers)
        assert changed(network, copy) == expected
        assert [layer.name for layer in copy.layers] == [layer.name for layer in network.layers]
    for was, now in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)
    norms = [layer.get_weights() for layer in randomised(network, 0, 2).layers if "norm" in layer.name]
    assert [values[0].tolist() for values in norms[-1]] == [1, 0, 0, 1]  # scale, shift, mean and variance
    np.testing.assert_array_equal(norms[0], network.get_layer("norm_1").get_weights())


def test_the_same_seed_draws_the_same_weights_whatever_else_was_drawn(networks):
    import keras

    network = networks["small"]
    keras.utils.set_random_seed(1)
    first = randomised(network, 7)
    keras.utils.set_random_seed(2)
    again, other, top = randomised(network, 7), randomised(network, 8), randomised(network, 7, 1)
    assert changed(first, again) == []
    assert changed(first, other) == [0, 1, 2, 3]
    assert changed(first, top) == [0, 1, 2]
    units = [keras.layers.Dense(24) for _ in range(2)]
    twins = randomised(with_logit(lambda x: keras.layers.Dense(1)(units[1](units[0](x)))), 7).get_weights()
    assert (twins[0] != twins[2]).all()  # (24, 24) both, from one initialiser


def test_kernels_are_drawn_by_their_own_initialiser():
    import keras

    images = keras.Input((4, 4, 1))
    inner = keras.Sequential([keras.Input((16,)), keras.layers.Dense(50)], name="inner")
    start = keras.initializers.RandomNormal(3, 0.1, seed=5)
    logit = keras.layers.Dense(1, kernel_initializer=start, name="last")(inner(keras.layers.Flatten()(images)))
    network = keras.Model(images, logit)
    copy = randomised(network, 0)
    kernel = copy.get_layer("last").get_weights()[0]
    assert kernel.mean() == pytest.approx(3, abs=0.05)
    assert kernel.std() == pytest.approx(0.1, abs=0.03)
    assert (kernel != network.get_layer("last").get_weights()[0]).all()  # in spite of its fixed seed
    one = randomised(network, 0, 1).get_weights()
    np.testing.assert_array_equal(one[0], network.get_weights()[0])  # a network inside counts as one layer
    assert (one[2] != network.get_weights()[2]).all()
    assert (randomised(network, 0, 2).get_weights()[0] != network.get_weights()[0]).all()
    np.testing.assert_array_equal(randomised(network, 0, 2).get_weights()[0], copy.get_weights()[0])


@pytest.mark.parametrize("layers", [8, -1, 1.0, "top", None])
def test_layers_that_are_not_there_cannot_be_drawn(networks, layers):
    with pytest.raises(ValueError, match='"all" or 0 to 7 layers, as so many have weights, got'):
        randomised(networks["small"], 0, layers)
    with pytest.raises(ValueError, match="begins with keras.Input"):
        randomised(None, 0)


def test_one_call_says_how_alike_two_maps_rank_the_pixels():
    """As the docstring of `randomised` says; with ties, whatever the sign."""
    from scipy.stats import spearmanr

    a, b = np.array([[1.0, -2], [3, 0]]), np.array([[-5.0, 5], [7, 1]])
    # ranks 2 3 4 1 and 2.5 2.5 4 1: less their means -0.5 0.5 1.5 -1.5 and 0 0 1.5 -1.5
    assert spearmanr(abs(a), abs(b), axis=None).statistic == pytest.approx(4.5 / np.sqrt(5 * 4.5))
    assert spearmanr(abs(a), abs(-a), axis=None).statistic == pytest.approx(1)


# The pointing game


def test_pointing_game_by_hand():
    maps = np.array([[[0, 5, 1], [2, 3, 4]], [[-1, -2, -3], [-4, -5, -6]], [[9, 9, 0], [9, 9, 0]]], float)
    masks = np.zeros((3, 2, 3), bool)
    masks[0, 0, 1] = masks[1, 1, :] = masks[2, 0, 1:] = True
    assert pointing_game(maps[:1], masks[:1]) == 1
    assert pointing_game(maps[1:2], masks[1:2]) == 0  # its highest value is -1
    assert pointing_game(maps[2:], masks[2:]) == 1 / 4  # one of four equal maxima
    assert pointing_game(maps, masks) == pytest.approx(1.25 / 3)
    assert pointing_game(maps, masks.astype(np.uint8)) == pointing_game(maps, masks.astype(float))
    assert pointing_game(maps, np.ones_like(masks)) == 1


def test_a_map_that_says_nothing_scores_as_guessing_does():
    masks = np.zeros((2, 4, 5), bool)
    masks[:, 1:3, 1:3] = True
    assert pointing_game(np.zeros((2, 4, 5)), masks) == pytest.approx(4 / 20)


MASKS = np.ones((2, 4, 5), np.uint8)


@pytest.mark.parametrize(
    ("maps", "masks", "says"),
    [
        (np.zeros((2, 4, 5, 1)), MASKS, r"one shape \(N, H, W\), .* got \(2, 4, 5, 1\) and \(2, 4, 5\)"),
        (np.zeros((2, 2, 2)), MASKS, "enlarge maps to the masks"),
        (np.zeros((4, 5)), MASKS[0], r"one shape \(N, H, W\)"),
        (np.zeros((0, 4, 5)), MASKS[:0], "N at least 1"),
        (np.full((2, 4, 5), np.nan), MASKS, "maps of finite numbers"),
        (np.zeros((2, 4, 5)), 2 * MASKS, "masks of 0 and 1, .* take one label"),
        (np.zeros((2, 4, 5)), MASKS * np.array([1, 0])[:, None, None], r"a pixel in each mask, got none in \[1\]"),
    ],
)
def test_a_game_without_its_pieces_is_refused(maps, masks, says):
    with pytest.raises(ValueError, match=says):
        pointing_game(maps, masks)


def test_a_channel_weighs_as_much_as_its_mean_slope():
    """Slopes of 3 and 1 in one channel weigh 2, of -1 and 0 in the other -1/2; below 0 is dropped."""
    values, slopes = np.array([[[1.0, 4.0], [0.5, 8.0]]]), np.array([[[3.0, -1.0], [1.0, 0.0]]])
    np.testing.assert_allclose(weighted_map(values, slopes), [[0, 0]])
    np.testing.assert_allclose(weighted_map(values[..., ::-1], slopes), [[7.5, 15.75]])
    np.testing.assert_allclose(weighted_map(values[None], slopes[None]), [[[0, 0]]])


@pytest.mark.parametrize("shape", [(1, 2), (1, 2, 3)])
def test_slopes_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="one shape"):
        weighted_map(np.ones((1, 2, 2)), np.ones(shape))
