"""The widgets of chapter 10: maps of trained and random weights over their images, and what a choice costs."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from helpers.widgets import explanation_toggle, price_page
from helpers.widgets.explanation import Explanations
from helpers.widgets.price import Prices
from helpers.widgets.shell import At
from tests.helpers.players import hover, leave, parts, plain, words

# Maps of trained and random weights -----------------------------------------------------------------------------------

N, SIZE = 12, 32


def some_maps() -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Images with a lesion in rows 8 to 15, columns 12 to 21; one method finds it, one is coarse and has a zero map."""
    rng = np.random.default_rng(0)
    images = rng.integers(40, 120, (N, SIZE, SIZE), np.uint8)
    masks = np.zeros((N, SIZE, SIZE), bool)
    masks[:, 8:16, 12:22] = True
    fine = rng.normal(size=(2, N, SIZE, SIZE))
    fine[0, :, 10, 15] = 9.0
    fine[1, :, 30, 2] = 9.0
    coarse = rng.uniform(size=(2, N, 8, 8))
    coarse[1, 0] = 0
    coarse[0, 1] *= -1
    return images, masks, {"pixels": fine, "coarse": coarse}


def a_toggle():
    return explanation_toggle(*some_maps())


START = {"method": "pixels", "image": 0.0, "weights": "trained", "outline": True, "hover": None}


@pytest.fixture(scope="module")
def explained():
    return Explanations(*some_maps())


@pytest.mark.parametrize(
    ("change", "image", "overlay"),
    [
        ({"method": "coarse"}, False, True),
        ({"weights": "random"}, False, True),
        ({"image": 3.0}, True, True),
        ({"outline": False}, False, False),
    ],
)
def test_a_picture_depends_on_its_state_alone(explained, change, image, overlay):
    before = explained.image(START), explained.overlay(START)
    after = explained.image(START | change), explained.overlay(START | change)
    changed = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert changed == [image, overlay]
    np.testing.assert_array_equal(Explanations(*some_maps()).overlay(START), before[1])


def test_the_caption_says_where_the_map_is_largest(explained):
    said = explained.caption(START)
    assert "row 10, column 15, **inside the lesion**" in said
    assert f"covers {80 / SIZE**2:.0%}" in said
    assert "row 30, column 2, **outside the lesion**" in explained.caption(START | {"weights": "random"})
    dot = explained.marks("map", START)[-1]
    assert (dot["kind"], dot["x"], dot["y"]) == ("point", 15.5, 10.5)


def test_a_map_without_a_value_above_0(explained):
    zero = START | {"method": "coarse", "weights": "random"}
    assert "**0 everywhere**" in explained.caption(zero)
    assert "no rank correlation" in explained.caption(zero)
    grey = (explained.image(zero) * 0.7).astype(np.uint8)
    np.testing.assert_array_equal(explained.overlay(zero), np.stack([grey] * 3, axis=-1))
    below = START | {"method": "coarse", "image": 1.0}
    assert "**nowhere above 0**" in explained.caption(below)
    assert [mark["kind"] for mark in explained.marks("map", below)] == ["line"] * 4


@pytest.mark.parametrize("method", ["pixels", "coarse"])
def test_the_rank_correlation_is_that_of_scipy(explained, method):
    trained, random = some_maps()[2][method][:, 5].astype(np.float32)
    expected = spearmanr(np.abs(trained), np.abs(random), axis=None).statistic
    assert f"(Spearman) **{expected:.2f}**" in explained.caption(START | {"method": method, "image": 5.0})


def test_orange_is_above_0_blue_below_and_full_at_the_percentile():
    values = np.zeros((2, 1, 4, 4))
    values[0, 0, 0] = [2, 1, -2, 0]
    shown = Explanations(np.full((1, 4, 4), 100, np.uint8), np.ones((1, 4, 4), bool), {"m": values})
    assert shown.map(START | {"method": "m"}).max() == 2
    row = shown.overlay(START | {"method": "m"})[0].astype(int)
    assert row[0, 0] > row[1, 0] > row[3, 0] == row[3, 1] == row[3, 2] == 70
    assert row[2, 2] > row[2, 0]
    large = Explanations(np.full((1, 4, 4), 100, np.uint8), np.ones((1, 4, 4), bool), {"m": 1e3 * values})
    np.testing.assert_array_equal(large.overlay(START | {"method": "m"}), shown.overlay(START | {"method": "m"}))


def test_a_small_map_is_enlarged_in_place(explained):
    coarse, large = some_maps()[2]["coarse"][0, 4], explained.map(START | {"method": "coarse", "image": 4.0})
    assert large.shape == (SIZE, SIZE)
    middles = large.reshape(8, 4, 8, 4)[:, 1:3, :, 1:3].mean(axis=(1, 3))  # around the centre of each coarse pixel
    assert np.corrcoef(middles.ravel(), coarse.ravel())[0, 1] > 0.99


def test_the_outline_runs_between_lesion_and_the_rest(explained):
    lines = explained.marks("image", START)
    ends = {tuple(map(tuple, mark["points"])) for mark in lines}
    assert ends == {((12, 8), (22, 8)), ((12, 16), (22, 16)), ((12, 8), (12, 16)), ((22, 8), (22, 16))}
    assert explained.marks("image", START | {"outline": False}) == []
    assert "not outlined" in explained.caption(START | {"outline": False})


def test_under_the_pointer_stand_image_and_map(explained):
    images, _, maps = some_maps()
    said = explained.caption(START | {"hover": At("map", 15, 10)})
    assert f"Row 10, column 15, in the lesion: image {images[0, 10, 15]}, map **9**" in said
    said = explained.caption(START | {"hover": At("image", 3, 4)})
    assert f"beside the lesion: image {images[0, 4, 3]}, map **{np.float32(maps['pixels'][0, 0, 4, 3]):.3g}**" in said


def test_the_weights_are_toggled(headless):
    shown = a_toggle()
    (buttons,), (image, overlay) = parts(shown, "ToggleButtons"), parts(shown, "Canvas")
    before = image.picture["data"], overlay.picture["data"], words(shown)
    buttons.value = "random"
    assert image.picture["data"] == before[0]
    assert overlay.picture["data"] != before[1]
    assert "random weights" in plain(shown)
    buttons.value = "trained"
    assert (overlay.picture["data"], words(shown)) == before[1:]


def test_the_still_tells_what_it_shows(explained):
    alt, alike = a_toggle().alt, explained.alike["pixels"][0]
    for weights in ("trained", "random"):
        assert explained.caption(START | {"weights": weights}).replace("**", "").splitlines()[0] in alt
    assert f"pixels, trained against random: rank correlation of absolute values (Spearman) {alike:.2f}" in alt


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": np.zeros((N, SIZE, SIZE))}, "uint8"),
        ({"images": np.zeros((N, SIZE, SIZE, 1), np.uint8)}, r"X\[..., 0\]"),
        ({"masks": np.zeros((N, 4, 4), bool)}, "masks of their shape"),
        ({"maps": {}}, "at least one method"),
        ({"maps": {"m": np.zeros((N, SIZE, SIZE))}}, "m: expected maps"),
        ({"maps": {"m": np.zeros((2, N, SIZE + 1, SIZE))}}, "at most 32"),
        ({"maps": {"m": np.full((2, N, 4, 4), np.nan)}}, "finite"),
    ],
)
def test_what_cannot_be_explained(change, said):
    given = dict(zip(("images", "masks", "maps"), some_maps(), strict=True)) | change
    with pytest.raises(ValueError, match=said):
        Explanations(**given)


# What a choice costs --------------------------------------------------------------------------------------------------


def some_pages() -> dict[str, dict]:
    """Invented numbers."""
    return {
        "privacy": {
            "setting": "epsilon",
            "values": ["none", 16, 8, 4, 2, 1, 0.5],
            "curves": {"AUC": [0.9, 0.88, 0.86, 0.8, 0.75, 0.7, 0.6], "attack AUC": np.linspace(0.8, 0.5, 7)},
            "note": "Less leaks, less is found.",
        },
        "size": {
            "setting": "bits",
            "values": [32, 16, 8, 4],
            "curves": {"MB": [4, 2, 1, 0.5], "AUC": [0.9, 0.9, 0.89, 0.7], "ms": [0, 1, 2, 3]},
            "note": "Half the bits, half the file.",
        },
    }


def a_page():
    return price_page(some_pages())


FIRST = {"page": "privacy", "setting": 1.0, "hover": None}


@pytest.fixture(scope="module")
def prices():
    return Prices(some_pages())


def test_a_page_depends_on_its_state_alone(prices):
    privacy, size = (prices.picture({"page": page}) for page in some_pages())
    assert privacy.shape == size.shape
    assert not np.array_equal(privacy, size)
    np.testing.assert_array_equal(Prices(some_pages()).picture(FIRST), privacy)


def test_the_caption_tells_the_numbers_and_the_change_from_the_first(prices):
    said = prices.caption(FIRST | {"setting": 4.0})
    assert "epsilon **4**: AUC **0.8** (-0.1, -11%); attack AUC **0.65** (-0.15, -19%)." in said
    assert "the change from epsilon none" in said
    assert said.endswith("Less leaks, less is found.")
    assert "AUC **0.9**;" in prices.caption(FIRST)
    assert "(" not in prices.caption(FIRST)
    assert "ms **1** (+1)" in prices.caption({"page": "size", "setting": 2.0, "hover": None})  # no percents of 0


def test_a_setting_beyond_a_shorter_page_is_its_last(prices):
    assert prices.setting({"page": "size", "setting": 7.0}) == 3
    assert "bits **4**" in prices.caption({"page": "size", "setting": 7.0, "hover": None})


def test_the_line_stands_at_the_setting_and_the_dots_on_the_curves(prices):
    stage, page = prices._stages["privacy"], prices.pages["privacy"]
    marks = prices.marks(FIRST | {"setting": 3.0})
    assert [mark["kind"] for mark in marks] == ["line", "point"] * 2
    for axes, values, (upright, dot) in zip(stage.parts, page["curves"].values(), (marks[:2], marks[2:]), strict=True):
        (x, y), *_ = stage.to_pixels(axes, 2, values[2])
        assert {point[0] for point in upright["points"]} == {x}
        assert (dot["x"], dot["y"]) == (x, y)
        place = prices.picture(FIRST)[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3]
        assert (np.ptp(place.astype(int), axis=2) > 60).any()  # there the picture has the curve, in colour


def test_under_the_pointer_stand_the_numbers_of_the_nearest_setting(prices):
    stage = prices._stages["privacy"]
    ((x, y),) = stage.to_pixels(stage.parts[1], 5.2, 0.6)
    state = FIRST | {"hover": At("curves", int(x), int(y))}
    assert prices.pointed_at(state) == 5
    assert "Under the pointer, epsilon **1**: AUC **0.7**" in prices.caption(state)
    assert [mark["dash"] for mark in prices.marks(state) if mark["kind"] == "line"] == [[], [3, 3]] * 2
    between = stage.box(stage.parts[0])[2] + 3  # between the axes
    assert prices.pointed_at(FIRST | {"hover": At("curves", int(x), between)}) == 5
    assert prices.pointed_at(FIRST | {"hover": At("curves", 0, 0)}) is None


def test_the_slider_has_as_many_steps_as_the_page(headless):
    shown = a_page()
    (page,), (setting,), (canvas,) = (parts(shown, kind) for kind in ("Dropdown", "FloatSlider", "Canvas"))
    setting.value = 7
    assert "epsilon 0.5" in plain(shown)
    pixels = canvas.picture["data"]
    page.value = "size"
    assert (setting.max, setting.value) == (4, 4)
    assert "bits 4" in plain(shown)
    assert canvas.picture["data"] != pixels
    page.value = "privacy"
    assert setting.max == 7
    before = words(shown)
    hover(canvas, 300, 200)
    assert "Under the pointer" in plain(shown)
    leave(canvas)
    assert words(shown) == before


def test_the_still_of_the_pages_tells_what_it_shows(prices):
    alt = a_page().alt
    for name, page in some_pages().items():
        assert page["note"] in alt
        for setting in (0, len(page["values"]) - 1):
            assert prices.numbers(name, setting).replace("*", "") in alt


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"values": [1]}, "two settings or more"),
        ({"curves": {}}, "1 to 4 curves"),
        ({"curves": {"AUC": [1, 2]}}, "7 settings"),
        ({"curves": {"AUC": [np.nan] * 7}}, "finite"),
    ],
)
def test_what_is_no_page(change, said):
    with pytest.raises(ValueError, match=said):
        Prices({"privacy": some_pages()["privacy"] | change})
    with pytest.raises(ValueError, match="at least one page"):
        Prices({})
    with pytest.raises(ValueError, match="note missing"):
        Prices({"p": {"setting": "x", "values": [1, 2], "curves": {"y": [1, 2]}}})
