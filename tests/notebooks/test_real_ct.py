"""What section 8.17 says about the detector that ships, on a real CT; a page shows it, build/real_ct.html."""

import os
from pathlib import Path

import numpy as np
import pytest

from helpers import load
from helpers.data.intensity import window
from helpers.display import contact_sheet, img, still_bytes
from helpers.metrics import find_hits, merge_slices
from helpers.models import FasterRCNN, detect, shipped
from helpers.places import COURSE

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
PAGE = COURSE / "build" / "real_ct.html"
PIXEL = 0.8  # mm
NODULE, RADIUS = (8, 168, 109), 10.0  # its middle as a voxel of the CT, read off the slices; mm
DOME = (11, 135, 181)  # the top of the diaphragm

pytestmark = pytest.mark.skipif(
    "COURSE_TEST_DATA" not in os.environ, reason="needs a real CT: set COURSE_TEST_DATA to the folder of real test data"
)


@pytest.fixture(scope="module")
def found():
    """The CT, its slices at 0.8 mm, boxes and scores of each, marks in mm and their scores, highest first."""
    from scipy.ndimage import zoom

    (case,) = load("folder", path=Path(os.environ["COURSE_TEST_DATA"]) / "ct_cptac_lscc")
    factor = case.spacing[1:] / PIXEL
    air = {"mode": "grid-constant", "cval": -1000}
    planes = [zoom(plane[..., 0].astype("float32"), factor, order=1, grid_mode=True, **air) for plane in case.image]
    down, right = -np.array(planes[0].shape) % 16
    images = np.pad(planes, ((0, 0), (0, down), (0, right)), constant_values=-1000)[..., None]
    model = FasterRCNN(images.shape[1:3], proposals=64)
    model.set_weights(shipped("nodule_detector", FasterRCNN()).get_weights())
    boxes, scores = detect(model, images, batch_size=4)
    return case, images, boxes, scores, *merge_slices(boxes, scores, (case.spacing[0], PIXEL, PIXEL))


def test_the_nodule_comes_first_and_no_other_mark_near_it(found):
    case, _, _, _, marks, scores = found
    hits = find_hits(marks, np.array([NODULE]) * case.spacing, np.array([RADIUS]), np.zeros((0, 3)), np.zeros(0))
    assert hits[0] == 0
    assert scores[0] > 0.9
    assert (scores[hits == -1] < 0.6).all()


def test_the_highest_false_mark_lies_on_the_dome_of_the_diaphragm(found):
    case, _, _, _, marks, _ = found
    assert np.linalg.norm(marks[1] - np.array(DOME) * case.spacing) < 15


def test_a_slice_has_few_boxes(found):
    assert np.mean([len(scores) for scores in found[3]]) < 4


def test_the_page_is_written(found):
    from PIL import Image, ImageDraw

    _, images, boxes, scores, _, _ = found
    pictures = []
    for image, found_boxes, values in zip(images, boxes, scores, strict=True):
        picture = Image.fromarray(window(image[..., 0], -600, 1500)).convert("RGB")
        for (y0, x0, y1, x1), value in zip(found_boxes.tolist(), values, strict=True):
            ImageDraw.Draw(picture).rectangle((x0, y0, x1, y1), outline="orange")
            ImageDraw.Draw(picture).text((x0, y0 - 12), f"{value:.2f}", fill="orange")
        pictures.append(np.asarray(picture))
    sheet = contact_sheet(pictures, [f"slice {k}" for k in range(len(pictures))], columns=4, font_size=20)
    title = "REAL: CPTAC-LSCC, C3N-00247 (CC BY 4.0), and what a detector trained on phantoms finds"
    PAGE.parent.mkdir(exist_ok=True)
    page = f"<!doctype html><meta charset='utf-8'><title>Real CT</title><h2>{title}</h2>"
    PAGE.write_text(page + img(still_bytes(sheet), title, 1500), encoding="utf-8")
    assert PAGE.stat().st_size > 100_000
