"""What section 9.17 says about true MRI: its own functions, on 12 volumes of the Decathlon's hippocampus."""

import os
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from helpers import load, metrics
from helpers.models import build_unet, fit_segmenter, probabilities, standardise
from helpers.places import COURSE

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
TEXT = COURSE / "chapters" / "text" / "09_unet.md"

pytestmark = pytest.mark.skipif(
    "COURSE_TEST_DATA" not in os.environ, reason="needs true MRI: set COURSE_TEST_DATA to the folder of real test data"
)


@pytest.fixture(scope="module")
def section():
    """The functions of section 9.17, made by the chapter's cells."""
    text = re.search(r"(?ms)^## 9\.17 .*?(?=^## )", TEXT.read_text(encoding="utf-8"))[0]
    names = {
        "np": np,
        "metrics": metrics,
        "fit_segmenter": fit_segmenter,
        "probabilities": probabilities,
        "standardise": standardise,
    }
    for cell in re.findall(r"(?ms)^```\{code-cell\} ipython3\n(.*?)^```", text):
        if cell.startswith("def "):
            exec(compile(cell, str(TEXT), "exec"), names)
    return names


@pytest.fixture(scope="module")
def cases():
    """The 12 volumes, in the order of their names."""
    folder = Path(os.environ["COURSE_TEST_DATA"]) / "msd_hippocampus"
    return list(load("msd_hippocampus", "all", path=folder, unverified=True))


def test_padding_and_cropping_lose_nothing_of_the_hippocampus(section, cases):
    for case in cases:
        images, labels = section["hippocampus_slices"](case)
        assert images.shape == (len(case.image), 56, 40, 3)
        assert (labels > 0).sum() == (case.mask > 0).sum()


def mean_dices(section, cases, folds):
    """Mean Dice of the anterior and of the posterior part over the volumes that each fold leaves out."""
    keras.utils.set_random_seed(0)
    model = build_unet((56, 40, 3), 3, base=16, levels=3)
    blank, dices = model.get_weights(), []
    for fold in folds:
        model.set_weights(blank)
        section["train_hippocampus"](model, [case for k, case in enumerate(cases) if k % 4 != fold], 8)
        dices += [section["hippocampus_dice"](model, case) for case in cases[fold::4]]
    anterior, posterior = np.mean(dices, axis=0)
    print(f"anterior {anterior:.3f}, posterior {posterior:.3f}, lowest {np.min(dices):.3f}")
    return anterior, posterior


def test_nine_volumes_teach_to_outline_three_others(section, cases):
    """A fold alone takes a minute; here the first."""
    assert min(mean_dices(section, cases, [0])) > 0.75


@pytest.mark.long
def test_nine_volumes_teach_to_outline_the_other_three(section, cases):
    assert min(mean_dices(section, cases, range(4))) > 0.75
