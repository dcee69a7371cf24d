"""What the exercises of chapter 01 say to answers that come close."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates, zoom

from helpers.data.splits import split_by_patient
from helpers.exercises.chapter01 import HOUNSFIELD, RESAMPLE, SPLIT, WINDOW


def test_a_split_that_makes_its_own_chance_does_not_pass():
    for own in (lambda p, s, rng: split_by_patient(p, s, np.random.default_rng(0)), _global_chance):
        verdict = SPLIT.judge(own)
        assert verdict.status == "wrong"
        assert "does not come from `rng`" in verdict.text


def _global_chance(patients, test_share, rng):
    names = np.unique(patients)
    np.random.shuffle(names)  # noqa: NPY002 - what learners write
    return np.isin(patients, names[: round(test_share * len(names))])


def test_a_split_that_shuffles_the_caller_s_array_is_told_so():
    def shuffled(patients, test_share, rng):
        rng.shuffle(patients)
        names = np.unique(patients)[: round(test_share * len(np.unique(patients)))]
        return np.isin(patients, names)

    verdict = SPLIT.judge(shuffled)
    assert "`patients` is not what it was" in verdict.text
    assert verdict.misconception is None


@pytest.mark.parametrize(
    "kind", [lambda mask: mask.tolist(), lambda mask: mask.astype(int)], ids=["list", "zeros and ones"]
)
def test_a_mask_of_another_type_is_told_its_type(kind):
    verdict = SPLIT.judge(lambda *args: kind(split_by_patient(*args)))
    assert "dtype bool" in verdict.text


def test_a_forgotten_return_is_guessed():
    assert "Is the `return` missing?" in SPLIT.judge(lambda *args: None).text


def test_the_formula_of_the_text_passes_as_it_stands():
    """No rounding of floor(...) and no option of map_coordinates is needed to pass."""

    def literal(volume, spacing, new_spacing):
        sizes = [int(np.floor((n - 1) * s / t)) + 1 for n, s, t in zip(volume.shape, spacing, new_spacing, strict=True)]
        steps = [t / s for s, t in zip(spacing, new_spacing, strict=True)]
        places = np.meshgrid(*(np.arange(m) * step for m, step in zip(sizes, steps, strict=True)), indexing="ij")
        return map_coordinates(volume.astype(float), places, order=1)

    assert RESAMPLE.judge(literal).status == "passed"


def test_a_mistake_is_named_although_a_smaller_one_comes_with_it():
    def cubic_zoom(volume, spacing, new_spacing):
        return zoom(volume.astype(float), np.array(spacing) / new_spacing)

    assert RESAMPLE.judge(cubic_zoom).status == "wrong"

    def min_max(hu, level, width):
        return (255 * (hu - hu.min()) / (hu.max() - hu.min())).round().astype(np.uint8)

    assert WINDOW.judge(min_max).misconception == "scaled to this picture"


def test_integers_too_small_for_large_stored_values_do_not_pass():
    def short(stored, slope, intercept):
        return (slope * stored.astype(np.int16) + intercept).astype(float)

    assert HOUNSFIELD.judge(short).status == "wrong"
