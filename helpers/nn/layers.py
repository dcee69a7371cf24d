"""Layers, forward. Taught in chapter 02."""

import numpy as np


def dense_forward(X: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    """One dense layer without an activation: A = X W + b.

    Parameters
    ----------
    X : (N, D), one example a row
    W : (D, M), one unit a column
    b : (M,), one bias a unit, added to every row

    Returns
    -------
    A : (N, M), the pre-activations
    """
    return X @ W + b


def count_dead_units(X: np.ndarray, W: np.ndarray, b: np.ndarray) -> int:
    """How many units of a ReLU layer give 0 for every example.  X (N, D), W (D, M), b (M,) -> an int from 0 to M.

    A unit is dead *on these data*: its pre-activation is never above 0, so its slope is 0 on every row and no
    gradient reaches its weights.
    """
    A = dense_forward(X, W, b)
    return int((A <= 0).all(axis=0).sum())
