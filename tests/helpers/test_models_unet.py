"""The U-Net: its parts against MONAI's and against plain NumPy, the whole on what it must learn and must refuse."""

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.backends import MISSING, ran

FIXTURES = np.load(Path(__file__).parent / "fixtures" / "monai.npz")


@pytest.fixture(scope="module")
def models():
    import tensorflow as tf

    from helpers.models import unet

    tf.get_logger().setLevel("ERROR")
    return unet


@pytest.fixture(scope="module")
def small(models):
    return models.build_unet((32, 16, 2), 3, base=8, levels=2)


def discs(n: int, seed: int, shape=(32, 16)) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, *shape, 2) with a disc, label 1 or 2: bright in the one channel or in the other."""
    rng = np.random.default_rng(seed)
    images = rng.normal(0, 0.3, (n, *shape, 2)).astype(np.float32)
    labels = np.zeros((n, *shape), np.uint8)
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    for image, mask in zip(images, labels, strict=True):
        inside = np.linalg.norm(places - rng.uniform(3, np.array(shape) - 3), axis=-1) < rng.uniform(2, 5)
        label = rng.integers(1, 3)
        mask[inside] = label
        image[inside, label - 1] += 1
    return images, labels


# ---------------------------------------------------------------- networks


def count(models, *args, **options) -> int:
    return models.build_unet(*args, **options).count_params()


def block(before: int, after: int, times: int = 2) -> int:
    """Weights of a block: 3 x 3 kernels without bias, a scale and a shift of each channel."""
    return sum(9 * (before if k == 0 else after) * after + 2 * after for k in range(times))


@pytest.mark.parametrize("skips", [True, False])
@pytest.mark.parametrize("stem", [0, 4])
def test_the_weights_are_those_of_the_drawing(models, stem, skips):
    joined = 2 if skips else 1
    down = [block(2, 8), block(8, 16)] if not stem else [block(8, 8), block(8, 16)]
    up = [16 * 8 * 4 + 8 + block(joined * 8, 8), 32 * 16 * 4 + 16 + block(joined * 16, 16)]
    expected = sum(down) + block(16, 32) + sum(up)
    if stem:
        expected += block(2, 4, 1) + (4 * 8 * 4 + 8) + (8 * 4 * 4 + 4) + block(joined * 4, 4, 1)
    expected += (stem or 8) * 3 + 3
    assert count(models, (32, 16, 2), 3, base=8, levels=2, stem=stem, skips=skips) == expected


def test_the_chapters_network_has_the_weights_that_the_text_says(models):
    assert count(models, (96, 80, 4), 4, base=16, levels=3, stem=8) == 487_148


@pytest.mark.parametrize(
    ("shape", "options"),
    [((32, 16, 2), {}), ((16, 16, 16, 2), {}), ((32, 16, 2), {"stem": 4}), ((32, 32, 32, 1), {"stem": 4})],
)
def test_each_pixel_gets_a_logit_of_each_label(models, shape, options):
    network = models.build_unet(shape, 3, base=4, levels=2, **options)
    assert network.output_shape == (None, *shape[:-1], 3)
    deep = models.build_unet(shape, 3, base=4, levels=2, deep_supervision=True, **options)
    assert deep.output_shape == [(None, *shape[:-1], 3)] * (3 if options else 2)
    assert models.article_chain(shape if shape[1] > 16 else (32, 16, 2), 3, base=4).output_shape[-1] == 3


def test_skips_carry_detail_that_the_bottom_has_lost(models):
    """Moving one pixel within a cell that pooling makes one changes the answer only where a skip goes past."""
    import keras

    for skips in (True, False):
        keras.utils.set_random_seed(0)
        network = models.build_unet((16, 16, 1), 2, base=4, levels=1, skips=skips)
        for layer in network.layers:  # convolutions that leave each pixel to itself: nothing but the skip can know
            if layer.name.startswith("conv2d") and layer.get_weights()[0].shape[:2] == (3, 3):
                kernel = np.zeros_like(layer.get_weights()[0])
                kernel[1, 1] = np.abs(np.random.default_rng(1).normal(size=kernel.shape[2:]))
                layer.set_weights([kernel])
        images = np.zeros((2, 16, 16, 1), np.float32)
        images[0, 6, 6], images[1, 7, 7] = 1, 1  # of one 2 x 2 cell
        found = network.predict_on_batch(images)
        assert np.allclose(found[0], found[1], atol=1e-6) is not skips


def test_a_network_that_knows_nothing_says_background(models):
    images, _ = discs(4, seed=0)
    for network in (models.build_unet((32, 16, 2), 3, base=8, levels=2), models.article_chain((32, 16, 2), 3, base=8)):
        assert models.probabilities(network, images)[..., 0].mean() > 0.6


@pytest.mark.parametrize(
    ("shape", "options"),
    [((30, 16, 2), {}), ((32, 20, 2), {"levels": 3}), ((36, 36, 2), {"levels": 2, "stem": 8}), ((16, 2), {})],
)
def test_sides_that_cannot_be_halved_are_refused(models, shape, options):
    with pytest.raises(ValueError, match=r"sides divisible by .* got .*: crop or pad"):
        models.build_unet(shape, 3, **options)


def test_a_patients_slices_are_standardised_together(models):
    rng = np.random.default_rng(0)
    images = rng.uniform(50, 90, (3, 8, 8, 2))
    images[..., 1] *= [[[1.0]], [[2]], [[3]]]
    images[:, :2] = 0  # outside of the brain
    out = models.standardise(images)
    inside = images > 0
    for channel in range(2):
        values = out[..., channel][inside[..., channel]]
        assert abs(values.mean()) < 1e-5
        assert abs(values.std() - 1) < 1e-5
    assert (out[~inside] == 0).all()
    assert out.dtype == np.float32
    assert out[0, 2:, :, 1].mean() < out[1, 2:, :, 1].mean() < out[2, 2:, :, 1].mean()
    np.testing.assert_allclose(models.standardise(images * [5, 0.2]), out, atol=1e-4)
    assert (models.standardise(images * [1, 0])[..., 1] == 0).all()
    with pytest.raises(ValueError, match="nan or inf"):
        models.standardise(np.where(images > 80, np.nan, images))


# ---------------------------------------------------------------- losses


def test_losses_are_those_of_monai(models):
    labels, logits = FIXTURES["loss_labels"], FIXTURES["loss_logits"]
    assert float(models.soft_dice_loss(labels, logits)) == pytest.approx(float(FIXTURES["loss_dice"]), abs=1e-6)
    assert float(models.dice_cross_entropy(labels, logits)) == pytest.approx(float(FIXTURES["loss_both"]), abs=1e-6)
    tversky = FIXTURES["loss_tversky"]
    assert float(models.focal_tversky_loss(labels, logits, gamma=1)) == pytest.approx(tversky.mean(), abs=1e-6)
    focal = models.focal_tversky_loss(labels, logits, gamma=0.75)
    assert float(focal) == pytest.approx((tversky**0.75).mean(), abs=1e-6)


def test_cross_entropy_is_minus_the_log_of_the_true_labels_probability(models):
    labels, logits = FIXTURES["loss_labels"].astype(int), FIXTURES["loss_logits"].astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    expected = -np.log(np.take_along_axis(p, labels[..., None], axis=-1)).mean()
    assert float(models.cross_entropy(labels, FIXTURES["loss_logits"])) == pytest.approx(expected, rel=1e-5)
    with_axis = models.cross_entropy(labels[..., None], FIXTURES["loss_logits"])
    assert float(with_axis) == pytest.approx(expected, rel=1e-5)


def test_tversky_with_halves_is_dice(models):
    labels, logits = FIXTURES["loss_labels"], FIXTURES["loss_logits"]
    tversky = models.focal_tversky_loss(labels, logits, alpha=0.5, beta=0.5, gamma=1, smooth=0.5)
    assert float(tversky) == pytest.approx(float(models.soft_dice_loss(labels, logits)), abs=1e-6)


def test_a_perfect_answer_costs_nothing_and_an_absent_label_neither(models):
    labels = np.zeros((2, 4, 4), np.uint8)
    labels[:, 1:3, 1:3] = 1  # label 2 is nowhere
    logits = 30 * np.eye(3, dtype=np.float32)[labels]
    for loss in (models.cross_entropy, models.soft_dice_loss, models.dice_cross_entropy, models.focal_tversky_loss):
        assert float(loss(labels, logits)) == pytest.approx(0, abs=1e-5)


# ---------------------------------------------------------------- fit and predict

LEARNS = """
import keras, numpy as np
from helpers.metrics import dice
from helpers.models import build_unet, fit_segmenter, probabilities
from tests.helpers.test_models_unet import discs
keras.utils.set_random_seed(0)
model = build_unet((32, 16, 2), 3, base=8, levels=2)
history = fit_segmenter(model, *discs(240, seed=0), epochs=8)
images, labels = discs(60, seed=1)
found = probabilities(model, images).argmax(-1)
print(history[0], history[-1], dice(found == 1, labels == 1), dice(found == 2, labels == 2))
"""


@pytest.mark.parametrize("backend", ["tensorflow", *(pytest.param(name, marks=pytest.mark.long) for name in MISSING)])
def test_it_learns_to_find_discs_and_to_tell_them_apart(backend):
    first, last, one, two = map(float, ran(LEARNS, backend)[-4:])
    assert last < first / 2
    assert min(one, two) > 0.75


@pytest.mark.parametrize("dims", [2, 3])
def test_every_output_is_trained(models, dims):
    """Deep supervision: its loss is the weighted mean over the outputs, in two dimensions and in three."""
    shape = (32, 16) if dims == 2 else (8, 8, 8)
    images, labels = discs(16, seed=0) if dims == 2 else discs(16, 0, shape=shape)
    network = models.build_unet((*shape, 2), 3, base=4, levels=2, deep_supervision=True)
    before = [values.copy() for values in network.get_weights()]
    outputs = network.predict_on_batch(images)
    first, second = (float(models.dice_cross_entropy(labels, each)) for each in outputs)
    history = models.fit_segmenter(network, images, labels, 1, batch_size=16, learning_rate=1e-6, seed=0)
    assert history == [pytest.approx((first * 2 + second) / 3, abs=0.02)]  # mirrored by chance, hence not exact
    assert all((now != was).any() for now, was in zip(network.get_weights(), before, strict=True) if was.any())
    assert models.probabilities(network, images).shape == (16, *shape, 3)


def test_pixels_are_predicted_alike_however_many_images_there_are(models, small):
    images, _ = discs(5, seed=3)
    together = models.probabilities(small, images, batch_size=4)
    alone = np.concatenate([models.probabilities(small, image[None], batch_size=4) for image in images])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(together.sum(axis=-1), 1, atol=1e-5)


def test_left_out_channels_are_zero_and_one_stays(models):
    images = np.ones((2000, 2, 2, 4), np.float32)
    out = models.without_channels(images, 0.3, np.random.default_rng(0))
    kept = out[:, 0, 0] == 1
    assert ((out == 1) | (out == 0)).all()
    assert (out == out[:, :1, :1]).all()
    assert (images == 1).all()
    assert kept.any(axis=1).all()
    assert kept.mean() == pytest.approx(0.7 + 0.3 / 4, abs=0.02)  # one of four is kept whatever the draw
    assert (models.without_channels(images, 0, np.random.default_rng(0)) == 1).all()
    assert (models.without_channels(images, 1, np.random.default_rng(0)).sum(axis=-1) == 1).all()


def test_training_leaves_the_images_alone_and_takes_masks_along_when_it_mirrors(models, small, monkeypatch):
    images = np.zeros((8, 32, 16, 2), np.float32)
    images[:, :, :5] = 1
    masks = (images[..., 0] > 0).astype(np.uint8)
    seen = []
    monkeypatch.setattr(
        type(small), "train_on_batch", lambda self, x, y, **_: seen.append((x.copy(), y[0].copy())) or {"loss": 0.0}
    )
    assert models.fit_segmenter(small, images, masks, 6) == [0.0] * 6
    assert (images[:, :, :5] == 1).all()
    assert not images[:, :, 5:].any()
    sides = {bool(x[k, 0, 0, 0]) for x, _ in seen for k in range(8)}
    assert sides == {True, False}
    assert all(((x[..., 0] > 0) == y).all() for x, y in seen)


def test_what_cannot_be_learned_from_is_refused(models, small):
    images, labels = discs(8, seed=5)
    for wrong, masks, message in [
        (images, labels[:, :, :8], r"expected masks \(8, 32, 16\), .* got \(8, 32, 8\)"),
        (images, labels + 1, "expected whole numbers from 0 to 2 in the masks, got uint8 from 1 to 3"),
        (images, labels.astype(float), "expected whole numbers from 0 to 2 in the masks, got float64"),
        (images, -labels.astype(int), "whole numbers from 0 to 2 .* from -2"),
        (images[:4], labels[:4], "8 images or more"),
        (images[..., :1], labels, r"expected images \(N, 32, 16, 2\), got \(8, 32, 16, 1\): crop or pad"),
        (np.where(images > 1, np.nan, images), labels, "nan or inf"),
    ]:
        with pytest.raises(ValueError, match=message):
            models.fit_segmenter(small, wrong, masks, 1)
    with pytest.raises(ValueError, match="nan or inf"):
        models.probabilities(small, np.where(images > 1, np.inf, images))
