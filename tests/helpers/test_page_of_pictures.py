"""Writes a page of phantoms beside the real thing, to be looked at: build/phantoms.html."""

import os
from pathlib import Path

import numpy as np
import pytest

from helpers import load
from helpers.data.intensity import window
from helpers.data.mni import load_mni152
from helpers.data.sheet import draw, grey_levels
from helpers.display import contact_sheet, img, still_bytes
from helpers.places import COURSE

PAGE = COURSE / "build" / "phantoms.html"
LUNG, SOFT = (-600, 1500), (40, 400)
SIDE = 256


def resized(picture: np.ndarray) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def row(title: str, pictures: list[np.ndarray], titles: list[str]) -> str:
    sheet = contact_sheet([resized(picture) for picture in pictures], titles, columns=6, font_size=20)
    return f"<h2>{title}</h2>" + img(still_bytes(sheet), title, 1200)


def phantoms(name: str, **options) -> str:
    data = load(name, n=12, **options)
    titles = [data.card.classes[case.label] for case in data]
    words = ", ".join(f"{key} {value}" for key, value in options.items())
    return row(f"phantom: {name} {words}", [draw(case, data.card) for case in data], titles)


def chests_in_two_windows() -> str:
    data = load("chest_ct", n=24, size=256, spacing=1.4)[::4]
    pictures = [window(case.image[..., 0], *setting) for setting in (LUNG, SOFT) for case in data]
    return row("phantom: whole chests", pictures, ["lung window"] * 6 + ["soft tissue"] * 6)


def one_scan() -> str:
    (scan,) = load("chest_ct", n=1, scans=True)
    pictures = [window(plane[..., 0], *LUNG) for plane in scan.image[:12]]
    return row("phantom: one scan, slice after slice", pictures, [f"slice {k}" for k in range(12)])


def four_sequences() -> str:
    data = load("brain_mri", n=12, size=192)
    pictures = [grey_levels(data[k].image[..., c : c + 1], data.card) for k in (0, 5, 9) for c in range(4)]
    return row("phantom: three brains, four sequences", pictures, list(data.card.channels) * 3)


def real_chests() -> str:
    """Slices of a real CT, at the phantoms' 0.8 mm: in whole, and one region."""
    from scipy.ndimage import zoom

    (scan,) = load("folder", path=Path(os.environ["COURSE_TEST_DATA"]) / "ct_cptac_lscc")
    planes = [zoom(scan.image[k, ..., 0], scan.spacing[1] / 0.8, order=1) for k in (2, 6, 10)]
    parts = [plane[120:248, 40:168] for plane in planes]
    pictures = [window(plane, *setting) for setting in (LUNG, SOFT) for plane in planes + parts]
    return row("REAL: CPTAC-LSCC, C3N-00247 (CC BY 4.0)", pictures, ["lung window"] * 6 + ["soft tissue"] * 6)


def real_brains() -> str:
    values = load_mni152().values
    pictures = [np.flipud(values[::-1, :, k].T).astype(np.uint8) for k in (65, 75, 85, 95, 105, 115)]
    return row("REAL, an average of 152 heads: MNI152 T1", pictures, [f"slice {k}" for k in (65, 75, 85, 95, 105, 115)])


def test_the_page_of_pictures_is_written_and_every_picture_shows_something():
    parts = [
        phantoms("chest_ct"),
        phantoms("chest_ct", size=256),
        phantoms("chest_ct", site="B"),
        chests_in_two_windows(),
    ]
    parts += [one_scan(), phantoms("breast_us"), phantoms("breast_us", site="B"), phantoms("breast_us", shortcut=True)]
    parts += [phantoms("brain_mri"), phantoms("brain_mri", site="B"), four_sequences(), real_brains()]
    if "COURSE_TEST_DATA" in os.environ:
        parts.insert(0, real_chests())
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("<!doctype html><meta charset='utf-8'><title>Phantoms</title>" + "\n".join(parts), encoding="utf-8")
    assert PAGE.stat().st_size < 12_000_000
    for name in ("chest_ct", "breast_us", "brain_mri"):
        data = load(name, n=12)
        for case in data:
            assert draw(case, data.card).std() > 20, name  # neither black nor white nor flat


@pytest.mark.skipif(
    "COURSE_TEST_DATA" not in os.environ, reason="needs real files: set COURSE_TEST_DATA to their folder"
)
def test_the_noise_of_a_chest_phantom_is_that_of_a_real_scan():
    """Standard deviation in the aorta and muscles: the phantoms' range holds that of the real scan, at 0.8 mm."""
    (scan,) = load("folder", path=Path(os.environ["COURSE_TEST_DATA"]) / "ct_cptac_lscc")
    assert noise(scan.image[6, ..., 0]) < 3 * np.median([noise(case.image[..., 0]) for case in load("chest_ct", n=12)])
    assert noise(scan.image[6, ..., 0]) > np.median([noise(case.image[..., 0]) for case in load("chest_ct", n=12)]) / 3


def noise(hu: np.ndarray) -> float:
    """Median over soft tissue of the local standard deviation, 5 x 5 pixels."""
    from scipy.ndimage import uniform_filter

    hu = hu.astype(float)
    mean = uniform_filter(hu, 5)
    spread = np.sqrt(np.maximum(uniform_filter(hu**2, 5) - mean**2, 0))
    soft = (mean > 20) & (mean < 80) & (spread < 60)
    return float(np.median(spread[soft]))
