"""Measures of a yes-or-no test."""

from statistics import NormalDist

import numpy as np


def sensitivity_specificity(y: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """The share of the diseased whom a test finds, and the share of the healthy whom it leaves alone.

    Parameters
    ----------
    y : (N,) the truth, 1 or True diseased, 0 or False healthy
    positive : (N,) what the test says, 1 or True diseased

    Raises
    ------
    ValueError : shapes that differ, values other than 0 and 1, or one of the two groups is empty
    """
    y, positive = np.asarray(y), np.asarray(positive)
    if y.ndim != 1 or y.shape != positive.shape:
        raise ValueError(f"expected y and positive of one shape (N,), got {y.shape} and {positive.shape}")
    for name, values in (("y", y), ("positive", positive)):
        if not np.isin(values, (0, 1)).all():
            raise ValueError(
                f"{name} must hold 0 and 1 (or False and True) only; compare scores with a threshold first"
            )
    y, positive = y.astype(bool), positive.astype(bool)
    if y.all() or not y.any():
        raise ValueError("y needs diseased and healthy cases: without one of them one share is of nothing")
    return float(positive[y].mean()), float((~positive[~y]).mean())


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """An interval for a share, of which `successes` in `n` were seen.

    It holds the shares p for which what was seen is no more than z standard errors sqrt(p (1 - p) / n) away. Never
    outside 0 to 1, and not of width 0 when all or none succeed (Wilson, J. Am. Stat. Assoc. 22:209, 1927).

    Raises
    ------
    ValueError : n below 1, successes outside 0 to n, confidence not between 0 and 1
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"expected 0 <= successes <= n with n at least 1, got {successes} of {n}")
    if not 0 < confidence < 1:
        raise ValueError(f"expected a confidence between 0 and 1, e.g. 0.95, got {confidence}")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / n
    middle = share + z**2 / (2 * n)
    half = z * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    low, high = (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)
    return max(low, 0.0), min(high, 1.0)
