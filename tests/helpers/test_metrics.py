"""Measures of a test: right against counting by hand and against SciPy."""

import numpy as np
import pytest
from scipy.stats import binomtest

from helpers.metrics import sensitivity_specificity, wilson_interval


def test_sensitivity_counts_the_diseased_and_specificity_the_healthy():
    y = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0])
    positive = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0], bool)
    assert sensitivity_specificity(y, positive) == (3 / 4, 4 / 5)


def test_calling_everybody_ill_finds_all_and_spares_none():
    y = np.array([1, 0, 0])
    assert sensitivity_specificity(y, np.ones(3, bool)) == (1, 0)
    assert sensitivity_specificity(y, np.zeros(3, bool)) == (0, 1)


@pytest.mark.parametrize(
    ("y", "positive", "says"),
    [
        ([1, 1], [1, 0], "diseased and healthy"),
        ([1, 0], [1, 0, 0], "one shape"),
        ([[1, 0]], [[1, 0]], "one shape"),
        ([1, 0], [0.7, 0.2], "threshold"),
        ([2, 0], [1, 0], "y must hold 0 and 1"),
    ],
)
def test_what_is_no_yes_or_no_test_is_refused(y, positive, says):
    with pytest.raises(ValueError, match=says):
        sensitivity_specificity(np.array(y), np.array(positive))


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("n", [1, 10, 37, 4000])
def test_wilson_agrees_with_scipy(n, confidence):
    for successes in {0, 1, n // 3, n - 1, n}:
        expected = binomtest(successes, n).proportion_ci(confidence, method="wilson")
        low, high = wilson_interval(successes, n, confidence)
        assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
        assert low <= successes / n <= high  # an error bar must not have a negative length


@pytest.mark.parametrize(("successes", "n", "confidence"), [(0, 0, 0.95), (-1, 5, 0.95), (6, 5, 0.95), (3, 5, 95)])
def test_impossible_counts_are_refused(successes, n, confidence):
    with pytest.raises(ValueError, match="expected"):
        wilson_interval(successes, n, confidence)
