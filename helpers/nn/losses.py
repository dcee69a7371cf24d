"""From logits to probabilities to a loss. Taught in chapters 02 and 04."""

import numpy as np

from helpers.nn.inputs import check_alike, check_array, check_logits


def softmax(Z: np.ndarray) -> np.ndarray:
    """Probabilities from logits, row by row.  Z (N, C) -> P (N, C); no entry is negative and every row sums to 1.

    Each row's own maximum is subtracted first. That changes nothing in the result and keeps exp from overflowing
    (Blanchard, Higham, Higham 2021).
    """
    check_array("Z", Z, ("N", "C"), "softmax")
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def log_softmax(Z: np.ndarray) -> np.ndarray:
    """log(softmax(Z)) without ever taking the log of 0.  Z (N, C) -> (N, C), all values <= 0."""
    check_array("Z", Z, ("N", "C"), "log_softmax")
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
    check_logits(Z, y, "cross_entropy")
    rows = np.arange(len(y))
    return float(-log_softmax(Z)[rows, y].mean())


def softmax_cross_entropy_backward(Z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Gradient of `cross_entropy` with respect to the logits: (P - T) / N.

    Parameters
    ----------
    Z : (N, C), logits
    y : (N,), the true class of each row; T is y as one-hot rows

    Returns
    -------
    dZ : (N, C); every row sums to 0
    """
    check_logits(Z, y, "softmax_cross_entropy_backward")
    dZ = softmax(Z)
    dZ[np.arange(len(y)), y] -= 1
    return dZ / len(y)


def mean_squared_error(Y: np.ndarray, T: np.ndarray) -> float:
    """Mean of (Y - T)**2 over all entries.  Y, T of one shape -> a number."""
    check_alike("mean_squared_error", Y=Y, T=T)
    return float(((Y - T) ** 2).mean())


def mean_squared_error_backward(Y: np.ndarray, T: np.ndarray) -> np.ndarray:
    """Gradient of `mean_squared_error` with respect to Y: 2 (Y - T) / number of entries."""
    check_alike("mean_squared_error_backward", Y=Y, T=T)
    return 2 * (Y - T) / Y.size
