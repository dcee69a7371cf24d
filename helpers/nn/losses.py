"""From logits to probabilities to a loss. Taught in chapter 02."""

import numpy as np


def softmax(Z: np.ndarray) -> np.ndarray:
    """Probabilities from logits, row by row.  Z (N, C) -> P (N, C); no entry is negative and every row sums to 1.

    Each row's own maximum is subtracted first. That changes nothing in the result and keeps exp from overflowing
    (Blanchard, Higham, Higham 2021).
    """
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def log_softmax(Z: np.ndarray) -> np.ndarray:
    """log(softmax(Z)) without ever taking the log of 0.  Z (N, C) -> (N, C), all values <= 0."""
    shifted = Z - Z.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def cross_entropy(Z: np.ndarray, y: np.ndarray) -> float:
    """Mean over the rows of -log(probability of the true class).

    Parameters
    ----------
    Z : (N, C), logits (not probabilities)
    y : (N,), the true class of each row, an integer from 0 to C - 1

    Returns
    -------
    A number >= 0: 0 when every row is sure and right, log(C) when it knows nothing.
    """
    rows = np.arange(len(y))
    return float(-log_softmax(Z)[rows, y].mean())
