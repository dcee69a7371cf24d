"""The augmentation gallery: the mass goes where the picture goes, and the verdict follows from what is left of it."""

import functools

import numpy as np
import pytest

from helpers.data.phantoms import breast_us
from helpers.widgets import augmentation_gallery
from helpers.widgets.augmentation_changes import CHANGES, KEEPS, LABEL, OF_GREYS, PHYSICS, SMALL, WITHOUT_STRENGTH
from helpers.widgets.augmentations import START, Gallery, augmentation_sheet
from helpers.widgets.shell import At
from tests.helpers.players import hover, leave, parts, words

GREYS = (*OF_GREYS, "blurred")
MOVES = [name for name in CHANGES if name not in (*GREYS, "none", "erased square")]
every = pytest.mark.parametrize("name", CHANGES)


@functools.cache
def phantom() -> Gallery:
    case = breast_us(0, 4)
    return Gallery(case.image[..., 0], case.mask)


def ellipse(height: float, width: float, y: float = 45, x: float = 60, size: tuple[int, int] = (120, 110)) -> Gallery:
    """A white mass on black, its mask the same."""
    rows, columns = np.indices(size) + 0.5
    mask = ((rows - y) / height) ** 2 + ((columns - x) / width) ** 2 < 0.25
    return Gallery(np.where(mask, 255, 0).astype(np.uint8), mask)


def state(name: str, strength: float = 0.3, tell: bool = False, at: At | None = None) -> dict:
    return START | {"change": name, "strength": strength, "tell": tell, "hover": at}


# The pictures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(64, 64), (48, 70)])
def test_what_moves_whole_pixels_is_what_numpy_does(size):
    image = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
    shown = Gallery(image)
    assert np.array_equal(shown.changed(state("none")), image)
    assert np.array_equal(shown.changed(state("mirrored left-right")), np.fliplr(image))
    assert np.array_equal(shown.changed(state("upside down")), np.flipud(image))
    right = round(0.7 * 0.5 * size[1])
    shifted = shown.changed(state("shifted", 0.5))
    assert np.array_equal(shifted[:, right:], image[:, :-right])
    assert not shifted[:, :right].any()
    assert np.array_equal(shown.changed(state("shifted", -0.5))[:, :-right], image[:, right:])
    if size[0] == size[1]:
        assert np.array_equal(shown.changed(state("rotated by 90 degrees")), np.rot90(image, -1))


@pytest.mark.parametrize("name", [name for name in CHANGES if name not in WITHOUT_STRENGTH])
def test_a_strength_of_0_changes_nothing_and_a_large_one_does_the_same_each_time(name):
    image = phantom().image
    assert np.array_equal(phantom().changed(state(name, 0.0)), image)
    first = phantom().changed(state(name, 0.6))
    assert first.dtype == np.uint8
    assert first.shape == image.shape
    assert not np.array_equal(first, image)
    assert np.array_equal(phantom().changed(state(name, 0.6)), first)
    assert np.array_equal(phantom().image, breast_us(0, 4).image[..., 0])  # it was not drawn on


@pytest.mark.parametrize("strength", [-0.7, -0.2, 0.2, 0.7])
def test_a_pixel_is_tissue_or_black_and_the_skin_stays_at_the_top(strength):
    """Nothing is mixed with the black beside the picture; a bright first row stays in the first row."""
    flat, skin = np.full((60, 60), 200, np.uint8), np.zeros((60, 60), np.uint8)
    skin[:4] = 200
    for name in MOVES:
        assert set(np.unique(Gallery(flat).changed(state(name, strength)))) <= {0, 200}, name
    for name in ("zoomed", "stretched in height", "cropped", "shifted", "mirrored left-right"):
        assert Gallery(skin).changed(state(name, strength))[0].max() == 200, name


def test_greys_change_by_as_much_as_the_caption_says():
    image = np.random.default_rng(1).integers(90, 150, (64, 64)).astype(np.uint8)
    shown, X = Gallery(image), image.astype(float)
    for strength in (-0.4, 0.2):
        for name, expected, said in [
            ("brightness", X + 100 * strength, f"{100 * strength:+.0f} grey levels everywhere"),
            ("contrast", X.mean() + 3**strength * (X - X.mean()), f"multiplied by {3**strength:.2f}"),
            ("gain by depth", X + np.linspace(0, 120 * strength, 64)[:, None], f"{120 * strength:+.0f} grey levels at"),
        ]:
            assert np.abs(shown.changed(state(name, strength)) - expected).max() <= 0.5 + 1e-9
            assert said in shown.caption(state(name, strength))
        noise = shown.changed(state("noise", strength)) - X
        assert noise.std() == pytest.approx(60 * abs(strength), rel=0.1)
        assert shown.changed(state("blurred", strength)).std() < X.std()


def test_what_is_cut_off_is_counted():
    image = np.repeat(np.array([[0], [100], [200], [250]], np.uint8), 20, axis=0).repeat(80, axis=1)
    shown = Gallery(image)
    assert "black or white: 50%; before: 25%." in shown.caption(state("brightness", 0.6))  # 60, 160, 255, 255
    assert "black or white: 25%; before: 25%." in shown.caption(state("brightness", 0.1))


# The mass -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("strength", [-0.5, -0.2, 0.2, 0.5])
def test_outline_and_numbers_are_those_of_the_mass_in_the_changed_picture(name, strength):
    """The mask, drawn as a picture, is changed; there it is measured by counting pixels."""
    shown, now = ellipse(20, 36), state(name, strength)
    pixels = shown.changed(now) > 127
    ratio, left = shown.mass(now)
    rows, columns = np.nonzero(pixels)
    (outline,) = shown.marks("changed", now)
    x, y = np.transpose(outline["points"])
    inside = (x >= 0) & (x <= 110) & (y >= 0) & (y <= 120)
    if inside.all():
        assert left == 1
        assert ratio == pytest.approx((np.ptp(rows) + 1) / (np.ptp(columns) + 1), rel=0.1)
        assert [y.min(), y.max() - 1] == pytest.approx([rows.min(), rows.max()], abs=1.2)
        assert [x.min(), x.max() - 1] == pytest.approx([columns.min(), columns.max()], abs=1.2)
    area = abs(np.linalg.det(shown.moved(now, np.eye(2)) - shown.moved(now, np.zeros((2, 2)))))
    assert left == pytest.approx(pixels.sum() / area / (shown.image > 127).sum(), abs=0.05)


def test_height_over_width_is_measured_and_said():
    shown = ellipse(20, 40)
    assert shown.mass(state("none")) == (0.5, 1)
    assert "Height / width of the mass: 0.50; before: 0.50. Of the mass 100%" in shown.caption(state("zoomed"))
    assert "Height / width of the mass: 2.00; before: 0.50." in shown.caption(state("rotated by 90 degrees"))
    taller = shown.caption(state("stretched in height", 0.5))
    assert f"Made {2.5**0.5:.2f} times as high" in taller
    assert f"of the mass: {0.5 * 2.5**0.5:.2f}; before: 0.50." in taller


def test_an_erased_mass_is_counted():
    shown = ellipse(20, 20, y=60, x=55)  # in the middle
    assert shown.mass(state("erased square", 1.0))[1] == 0
    share = 1 - shown.changed(state("erased square", 0.1)).sum() / shown.image.sum()
    assert 0 < share < 1
    assert shown.mass(state("erased square", 0.1))[1] == pytest.approx(1 - share)


# The verdicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "name", "strength", "verdict"),
    [
        (ellipse(20, 36), "mirrored left-right", 1.0, KEEPS),
        (ellipse(20, 36), "upside down", 0.0, PHYSICS),
        (ellipse(20, 36), "rotated by 90 degrees", 0.0, PHYSICS),
        (ellipse(20, 36), "rotated", 0.33, SMALL),
        (ellipse(20, 36), "rotated", -0.34, PHYSICS),
        (ellipse(20, 36), "shifted", 0.2, SMALL),
        (ellipse(20, 36), "shifted", 0.9, LABEL),  # out of the picture
        (ellipse(20, 36), "shifted", 47 / 77, SMALL),  # 47 columns: 21 of 36 can be seen
        (ellipse(20, 36), "shifted", 52 / 77, LABEL),  # 16 of 36
        (ellipse(20, 36), "stretched in height", 0.2, SMALL),
        (ellipse(20, 36), "stretched in height", 0.9, LABEL),  # taller than wide
        (ellipse(36, 20), "stretched in height", 0.4, SMALL),  # taller still
        (ellipse(36, 20), "stretched in height", -0.9, LABEL),
        (ellipse(30, 30.6), "rotated", 0.2, SMALL),  # round: over 1 by a pixel says nothing
        (ellipse(20, 20, x=25), "cropped", 0.9, LABEL),
        (ellipse(20, 20, x=25), "cropped", -0.3, SMALL),
        (ellipse(20, 20, y=60, x=55), "erased square", 0.8, LABEL),
        (ellipse(20, 20, y=20, x=20), "erased square", 0.4, SMALL),
        (ellipse(20, 36), "noise", 1.0, SMALL),
    ],
)
def test_the_verdict_follows_from_what_is_left(shown, name, strength, verdict):
    said, here = shown.verdict(state(name, strength))
    assert said == verdict
    assert bool(here) == (CHANGES[name].verdict != verdict)  # a reason wherever this picture decides
    assert here in shown.caption(state(name, strength, tell=True))


def test_the_reason_names_the_orientation_before_and_after():
    wide, tall = ellipse(20, 36), ellipse(36, 20)
    assert "from parallel to the skin to not parallel" in wide.verdict(state("stretched in height", 0.9))[1]
    assert "from not parallel to parallel to the skin" in tall.verdict(state("stretched in height", -0.9))[1]
    assert "only 0% of the mass can be seen; we ask for 50%" in wide.verdict(state("shifted", 1.0))[1]


@every
def test_the_caption_asks_first_and_tells_when_it_is_asked(name):
    asked, told = (phantom().caption(state(name, tell=tell)) for tell in (False, True))
    assert "Decide first" in asked
    assert not any(verdict in asked.lower() for verdict in (KEEPS, SMALL, LABEL, PHYSICS))
    assert phantom().verdict(state(name))[0].capitalize() in told
    assert CHANGES[name].why in told
    assert "Decide first" not in told
    assert asked.splitlines()[0] == told.splitlines()[0]
    assert ("plays no part" in told) == (phantom().caption(state(name, 0.8)).splitlines()[0] == told.splitlines()[0])


def test_the_beam_comes_from_the_skin_as_the_change_leaves_it():
    """Which way it runs in the changed picture, once told: (down, right)."""
    ways = {"none": (1, 0), "mirrored left-right": (1, 0), "zoomed": (1, 0), "cropped": (1, 0), "noise": (1, 0)}
    ways |= {"upside down": (-1, 0), "rotated by 90 degrees": (0, -1)}
    ways["rotated"] = (np.cos(np.pi / 12), -np.sin(np.pi / 12))  # 15 degrees clockwise
    for name, way in ways.items():
        assert len(phantom().marks("changed", state(name, 0.5))) == 1
        _, beam, arrow = phantom().marks("changed", state(name, 0.5, tell=True))
        (x0, y0), (x1, y1) = beam["points"]
        assert np.array([y1 - y0, x1 - x0]) / np.hypot(y1 - y0, x1 - x0) == pytest.approx(way, abs=1e-9)
        assert arrow["points"][1] == pytest.approx([x1, y1])
    _, beam, _ = phantom().marks("image", state("upside down", tell=True))
    assert beam["points"][0][1] < beam["points"][1][1]  # the picture as it is stays as it is
    assert (
        beam["points"][0][0] == beam["points"][1][0] == pytest.approx(np.nonzero(breast_us(0, 4).mask)[1].mean() + 0.5)
    )


def test_without_a_mask_nothing_is_said_of_the_mass():
    image = breast_us(0, 0).image[..., 0]
    for shown in (Gallery(image), Gallery(image, np.zeros_like(image))):
        for name, change in CHANGES.items():
            now = state(name, 0.3, tell=True)
            assert shown.verdict(now) == (change.verdict, "")
            assert "of the mass:" not in shown.caption(now)
            assert len(shown.marks("changed", now)) == 2  # the beam and its head
        assert "Of the mass" not in shown.sheet()[1]


# The pointer and the widget -------------------------------------------------------------------------------------------


def test_the_pointer_finds_the_same_place_in_the_other_picture():
    image = phantom().image
    at = At("image", 20, 30)
    now = state("mirrored left-right", at=at)
    assert (
        f"Row 30, column 20: grey {image[30, 20]}; in the changed picture: row 30, column 107, grey {image[30, 20]}."
        in (phantom().caption(now))
    )
    mark = phantom().marks("changed", now)[-1]
    assert (mark["kind"], mark["x"], mark["y"]) == ("point", 107.5, 30.5)
    assert all(mark["kind"] == "line" for mark in phantom().marks("image", now))
    back = state("upside down", at=At("changed", 20, 30))
    assert f"in the picture as it is: row 97, column 20, grey {image[97, 20]}." in phantom().caption(back)
    assert phantom().marks("image", back)[-1]["y"] == 97.5
    assert (
        phantom().caption(state("shifted", 0.5, at=At("changed", 2, 5))).endswith("in the picture as it is: outside.")
    )
    assert phantom().caption(state("shifted", 0.5, at=At("image", 126, 5))).endswith("in the changed picture: outside.")


def test_a_new_change_asks_again_and_a_new_strength_does_not(headless):
    case = breast_us(0, 4)
    widget = augmentation_gallery(case.image[..., 0], case.mask)
    (change,), (strength,), (tell,) = (parts(widget, kind) for kind in ("Dropdown", "FloatSlider", "Checkbox"))
    before, after = parts(widget, "Canvas")
    untouched, shifted = before.picture["data"], after.picture["data"]
    tell.value = True
    assert "Keeps it if small." in words(widget)
    strength.value = 0.5
    assert tell.value
    assert after.picture["data"] != shifted
    change.value = "upside down"
    assert not tell.value
    assert "Decide first" in words(widget)
    tell.value = True
    assert "Breaks the physics." in words(widget)
    hover(after, 10, 10)
    assert len(before.marks) == len(after.marks) + 1
    leave(after)
    assert before.picture["data"] == untouched


def test_the_sheet_has_every_change_and_says_each_verdict():
    case = breast_us(0, 4)
    sheet, alt = phantom().sheet()
    assert sheet.shape == (4 * (210 + 33), 4 * (210 + 12) - 12, 3)
    for name in CHANGES:
        assert f"{name}: " in alt
    for said in (
        "mirrored left-right: keeps the label",
        "rotated: keeps it if small",
        "upside down: breaks the physics",
        "stretched in height: breaks the label",
        "cropped: breaks the label",
    ):
        assert said in alt
    picture = augmentation_sheet(case.image[..., 0], case.mask)
    assert picture.alt == alt
    assert len(picture.html) < 450_000


@pytest.mark.parametrize(
    ("image", "mask", "said"),
    [
        (np.zeros((64, 64, 1), np.uint8), None, r"\(H, W\).*case.image\[..., 0\], got uint8 \(64, 64, 1\)"),
        (np.zeros((64, 64)), None, r"uint8.*got float64 \(64, 64\)"),
        (np.zeros((8, 64), np.uint8), None, r"16 x 16 or more.*\(8, 64\)"),
        ([[1, 2]], None, r"got list \(1, 2\)"),
        (np.zeros((64, 64), np.uint8), np.zeros((64, 32)), r"shape \(64, 64\), or None, got \(64, 32\)"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(image, mask, said):
    with pytest.raises(ValueError, match=said):
        augmentation_gallery(image, mask)
