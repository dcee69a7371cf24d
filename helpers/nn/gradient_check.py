"""Is a gradient right? Compare it with finite differences. Taught in chapter 04."""

from collections.abc import Callable

import numpy as np


def numerical_gradient(loss: Callable[[np.ndarray], float], X: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """The slope of `loss` in every entry of X, by central differences: (loss(X + step) - loss(X - step)) / (2 step).

    Parameters
    ----------
    loss : takes an array like X, gives a number
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
        above = loss(X)
        X[place] = value - step
        below = loss(X)
        X[place] = value
        gradient[place] = (above - below) / (2 * step)
    return gradient


def relative_error(gradient: np.ndarray, numeric: np.ndarray) -> float:
    """||gradient - numeric|| / (||gradient|| + ||numeric||), norms over all entries: from 0 (equal) to 1.

    0 where both are 0, nan where either holds nan. In float64, and away from kinks, a right gradient gives less than
    1e-7.

    Raises
    ------
    ValueError : the shapes differ; NumPy would stretch one of them without a word
    """
    if np.shape(gradient) != np.shape(numeric):
        raise ValueError(
            f"relative_error: numeric must have the shape of gradient, {np.shape(gradient)}; {np.shape(numeric)} came."
        )
    a, n = np.asarray(gradient, dtype=np.float64), np.asarray(numeric, dtype=np.float64)
    size = np.linalg.norm(a) + np.linalg.norm(n)
    return 0.0 if size == 0 else float(np.linalg.norm(a - n) / size)
