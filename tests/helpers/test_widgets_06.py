"""The widget of chapter 06: feature maps on one grey scale, and what their pixels see."""

import functools

import numpy as np
import pytest

from helpers.nn import average_pool2d, conv2d, relu
from helpers.widgets import feature_map_explorer
from helpers.widgets.feature_maps import FeatureMaps
from helpers.widgets.shell import At
from tests.helpers.players import hover, leave, parts, words

CHAIN = {"first": [(3, 1)], "pool": [(3, 1), (2, 2)], "second": [(3, 1), (2, 2), (5, 1)]}
KERNELS = [np.random.default_rng(k).normal(size=shape) for k, shape in enumerate([(3, 3, 1, 5), (5, 5, 5, 12)])]
IMAGES = np.random.default_rng(2).uniform(size=(12, 20, 18))


def maps(images: np.ndarray, bend=relu) -> dict[str, np.ndarray]:
    """What an invented network makes of images (N, H, W): no channel, row or column like another."""
    first = bend(conv2d(images[..., None], KERNELS[0], None))
    pool = average_pool2d(first)
    return {"first": first, "pool": pool, "second": bend(conv2d(pool, KERNELS[1], None))}


@functools.cache
def arguments() -> tuple:
    """Images, maps, probabilities, kernel_chain."""
    probabilities = np.random.default_rng(3).dirichlet(np.ones(10), size=len(IMAGES))
    return IMAGES, maps(IMAGES), probabilities, CHAIN


@functools.cache
def shown() -> FeatureMaps:
    return FeatureMaps(*arguments())


def state(layer: str, image: int = 0, at: At | None = None) -> dict:
    return {"layer": layer, "image": float(image), "hover": at}


def over(layer: str, row: int, column: int, c: int) -> At:
    """The pointer in the middle of a feature-map pixel, found by the frame that marks it."""
    columns, tile, scale = shown()._grid(layer)
    x = c % columns * tile + column * scale + scale // 2
    return At("maps", x, c // columns * tile + row * scale + scale // 2)


@pytest.mark.parametrize("layer", CHAIN)
def test_the_frame_holds_all_that_a_pixel_sees_and_no_more(layer):
    """Tried out: without ReLU, a change of any pixel inside the frame changes the value, outside it never does."""
    linear = functools.partial(maps, bend=lambda A: A)
    before = linear(IMAGES[:1])[layer][0]
    h, w, _ = before.shape
    for row, column in [(0, 0), (h - 1, w - 1), (h // 2, 1)]:
        y0, x0, y1, x1 = shown().field(layer, row, column)
        changed = np.repeat(IMAGES[:1], 20 * 18, axis=0).reshape(20, 18, 20, 18)
        for y in range(20):
            for x in range(18):
                changed[y, x, y, x] += 1.0
        after = linear(changed.reshape(-1, 20, 18))[layer][:, row, column]
        moved = (np.abs(after - before[row, column]) > 1e-9).any(axis=1).reshape(20, 18)
        inside = np.zeros((20, 18), bool)
        inside[y0:y1, x0:x1] = True
        assert np.array_equal(moved, inside)


@pytest.mark.parametrize("layer", CHAIN)
def test_every_pixel_of_every_map_is_found_again_where_it_is_drawn(layer):
    """Its grey is the value on the scale of the layer, its frame stands around it, its number is read."""
    values = arguments()[1][layer]
    for image in (0, 7):
        sheet = shown().sheet(state(layer, image))
        for place in [(0, 0, 0), (values.shape[1] - 1, values.shape[2] - 1, values.shape[3] - 1), (2, 1, 3)]:
            now = state(layer, image, over(layer, *place))
            at, value = now["hover"], values[image][place]
            assert shown().pixel(now) == place
            assert sheet[at.y, at.x] == pytest.approx(255 * value / values.max(), abs=1)
            (frame,) = shown().marks("maps", now)
            assert frame["x0"] <= at.x < frame["x1"]
            assert frame["y0"] <= at.y < frame["y1"]
            assert (sheet[int(frame["y0"]) : int(frame["y1"]), int(frame["x0"]) : int(frame["x1"])]).std() == 0
            row, column, c = place
            assert f"Map {c}, row {row}, column {column}: **{value:.3g}**" in shown().caption(now)


def test_the_image_is_framed_where_the_caption_says():
    now = state("second", 3, over("second", 2, 1, 11))
    y0, x0, y1, x1 = shown().field("second", 2, 1)
    (frame,) = shown().marks("image", now)
    assert [frame[key] for key in ("y0", "x0", "y1", "x1")] == [y0, x0, y1, x1]
    assert f"It sees rows {y0} to {y1 - 1}, columns {x0} to {x1 - 1} of the image" in shown().caption(now)
    assert (y0, x0, y1, x1) == (4, 2, 16, 14)  # by hand: each pixel is 2 from the next and sees 3 + 1 + 2 x 4 = 12


def test_between_the_maps_and_beside_them_nothing_is_framed():
    columns, tile, _ = shown()._grid("first")  # 5 maps in rows of 3: the last place is empty
    for at in (
        At("maps", tile - 1, 5),
        At("maps", 5, tile - 1),
        At("maps", 2 * tile + 5, tile + 5),
        At("maps", 495, 495),
    ):
        now = state("first", at=at)
        assert shown().pixel(now) is None
        assert shown().marks("maps", now) == shown().marks("image", now) == []
        assert shown().caption(now) == shown().caption(state("first"))


def test_the_caption_tells_class_layer_scale_and_silent_maps():
    images, layers, probabilities, chain = arguments()
    silent = layers | {"first": layers["first"] * [1, 0, 1, 1, 0]}
    said = FeatureMaps(images, silent, probabilities, chain).caption(state("first", 5))
    assert f"class **{probabilities[5].argmax()}**, with probability {probabilities[5].max():.3f}" in said
    assert "5 maps of 18 x 16, 2 of them 0 everywhere" in said
    assert f"black is 0, white {silent['first'].max():.3g}" in said
    assert "sees 3 x 3 pixels" in said
    assert "sees 12 x 12 pixels" in shown().caption(state("second"))


def test_values_below_0_are_darker_than_0():
    linear = maps(IMAGES, bend=lambda A: A)
    curves = FeatureMaps(IMAGES, linear, arguments()[2], CHAIN)
    low, high = linear["first"].min(), linear["first"].max()
    assert low < 0
    assert f"black is {low:.3g}, white {high:.3g}" in curves.caption(state("first"))
    sheet = curves.sheet(state("first", 4, over("first", 2, 3, 1)))
    at = over("first", 2, 3, 1)
    assert sheet[at.y, at.x] == pytest.approx(255 * (linear["first"][4, 2, 3, 1] - low) / (high - low), abs=1)


def test_the_bars_are_as_high_as_the_probabilities():
    probabilities = arguments()[2]
    stage = shown()._bars
    for image in (0, 9):
        pixels = shown().bars(state("first", image)).astype(int)
        for c in range(10):
            ((x, top),) = stage.to_pixels(stage.parts[0], c, probabilities[image, c])
            blue = np.abs(pixels[:, int(x)] - (0, 114, 178)).sum(axis=1) < 60
            assert blue.sum() == pytest.approx(stage.box(stage.parts[0])[2] - top, abs=3)
            at = At("probabilities", int(x), 200)
            said = shown().caption(state("first", image, at))
            assert f"Class {c}: probability **{probabilities[image, c]:.2g}**." in said


def test_the_image_reads_its_value_under_the_pointer():
    said = shown().caption(state("first", 6, At("image", 17, 19)))
    assert f"Row 19, column 17 of the image: **{IMAGES[6, 19, 17]:.3g}**." in said
    assert shown().image(state("first", 6))[19, 17] == pytest.approx(255 * IMAGES[6, 19, 17] / IMAGES.max(), abs=1)


def test_a_layer_and_an_image_change_what_depends_on_them_and_no_more(headless):
    widget = feature_map_explorer(*arguments())
    (layer,), (image,) = parts(widget, "Dropdown"), parts(widget, "FloatSlider")
    canvases = parts(widget, "Canvas")
    assert (layer.value, image.max) == ("first", 11)

    def changed(move) -> list[bool]:
        before = [canvas.picture["data"] for canvas in canvases]
        move()
        return [canvas.picture["data"] != data for canvas, data in zip(canvases, before, strict=True)]

    assert changed(lambda: setattr(layer, "value", "second")) == [False, True, False]
    assert changed(lambda: setattr(image, "value", 4)) == [True, True, True]
    assert "Image 4" in words(widget)
    at = over("second", 1, 1, 2)
    hover(canvases[1], at.x, at.y)
    assert [len(canvas.marks) for canvas in canvases] == [1, 1, 0]  # linked
    leave(canvases[1])
    assert [len(canvas.marks) for canvas in canvases] == [0, 0, 0]


def test_the_still_is_described_by_the_captions_of_its_two_layers():
    alt = feature_map_explorer(*arguments()).alt
    assert "Layer first: 5 maps of 18 x 16" in alt
    assert "Layer second: 12 maps of 5 x 4" in alt
    assert "*" not in alt


def test_the_true_class_is_told_where_it_is_given():
    labels = np.arange(len(IMAGES))
    assert "It is class **4**." in FeatureMaps(*arguments(), labels).caption(state("first", 4))
    assert "It is class" not in shown().caption(state("first", 4))
    with pytest.raises(ValueError, match="one label for each of the 12 images"):
        FeatureMaps(*arguments(), labels[:3])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({0: IMAGES[..., None]}, r"images \(N, H, W\), e.g. X\[..., 0\].*\(12, 20, 18, 1\)"),
        ({2: np.ones((11, 10))}, r"probabilities \(N, classes\).*\(11, 10\)"),
        ({1: {}, 3: {}}, r"layers of maps in kernel_chain, got \[\]"),
        ({3: {"first": [(3, 1)]}}, r"layers of maps in kernel_chain.*\['first'\]"),
        ({3: CHAIN | {"pool": [(3, 1)]}}, r"'pool'.*without padding, leads to \(12, 18, 16, 5\), got \(12, 9, 8, 5\)"),
        ({1: {"same": np.ones((12, 20, 18, 2))}, 3: {"same": [(3, 1)]}}, "'same'.*without padding"),
        ({1: {"first": np.ones((12, 18, 16, 900))}, 3: {"first": [(3, 1)]}}, "do not fit side by side"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(change, said):
    with pytest.raises(ValueError, match=said):
        feature_map_explorer(*(change.get(k, argument) for k, argument in enumerate(arguments())))
