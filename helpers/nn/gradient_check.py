"""Is a gradient right? Compare it with finite differences. Taught in chapter 04."""

from collections.abc import Callable

import numpy as np


def numerical_gradient(f: Callable[[np.ndarray], float], X: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """The slope of f in every entry of X, by central differences: (f(X + step) - f(X - step)) / (2 step).

    Parameters
    ----------
    f : takes an array like X, gives a number
    X : any shape; it is left as it is
    step : how far each entry is moved, up and down

    Returns
    -------
    gradient : the shape of X, float64; its error falls with step**2 until rounding, which grows
        with 1 / step, takes over
    """
    X = np.array(X, dtype=np.float64)
    gradient = np.zeros_like(X)
    for place in np.ndindex(X.shape):
        value = X[place]
        X[place] = value + step
        above = f(X)
        X[place] = value - step
        below = f(X)
        X[place] = value
        gradient[place] = (above - below) / (2 * step)
    return gradient


def relative_error(a: np.ndarray, n: np.ndarray) -> float:
    """||a - n|| / (||a|| + ||n||), the norms over all entries: from 0 (equal) to 1.

    0 where both are 0. In float64, and away from kinks, a right gradient gives less than 1e-7.
    """
    a, n = np.asarray(a, dtype=np.float64), np.asarray(n, dtype=np.float64)
    size = np.linalg.norm(a) + np.linalg.norm(n)
    return float(np.linalg.norm(a - n) / size) if size > 0 else 0.0
