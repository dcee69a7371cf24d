"""Networks that a chapter's build left in data/ for later chapters: small, with a card, as good as the chapter says."""

import os
import re

import numpy as np

from helpers import load
from helpers.metrics import auc
from helpers.models import FasterRCNN, card, logits, shipped, small_cnn
from helpers.models.store import SHIPPED
from tests.benchmarks.one_stage import precisions, scan_scores
from tools import bands
from tools.chapter import COURSE

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"


def test_the_classifier_of_chapter_07_has_the_auc_of_its_band_and_of_its_card():
    found = load("breast_us", "test", n=900, size=64)  # as in 7.1: malignant patients are left out until 27 % remain
    malignant = found.labels == found.card.classes.index("malignant")
    ill, others = np.unique(found.patients[malignant]), np.unique(found.patients[~malignant])
    rows = ~np.isin(found.patients, ill[round(0.27 / 0.73 * len(others)) :])
    value = auc(malignant[rows], logits(shipped("breast_cnn", small_cnn((64, 64, 1))), found.images[rows]))
    band = bands.read_bands(COURSE)["07"]["small_test_auc"][()]
    assert band.low <= value <= band.high
    on_the_card = float(re.search(r"AUC on \d+ other patients: (0\.\d+)", card("breast_cnn"))[1])
    assert abs(value - on_the_card) < 0.002  # another processor rounds otherwise
    assert (SHIPPED / "breast_cnn.npz").stat().st_size < 1_000_000


def test_the_detector_of_chapter_08_is_as_good_as_its_band_and_its_card():
    detector = shipped("nodule_detector", FasterRCNN())
    found = precisions(detector, load("chest_ct", "test", n=400))
    cpm, sensitivity = scan_scores(detector, list(load("chest_ct", "test", n=60, scans=True)))
    of_chapter = bands.read_bands(COURSE)["08"]
    for name, value in (("ap50_from_6mm", found["AP50 from 6 mm"]), ("sensitivity_at_1_per_scan", sensitivity)):
        assert of_chapter[name][()].low <= value <= of_chapter[name][()].high
    on_the_card = float(re.search(r"CPM on 60 scans with \d+ nodules: (0\.\d+)", card("nodule_detector"))[1])
    assert abs(cpm - on_the_card) < 0.005  # another processor rounds otherwise
    assert (SHIPPED / "nodule_detector.npz").stat().st_size < 2_000_000
