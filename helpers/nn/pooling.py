"""Pooling: one number for each window of each channel. Taught in chapters 03 and 04."""

import numpy as np

from helpers.nn.convolution import output_size
from helpers.nn.inputs import check_array, pair


def _windows(X: np.ndarray, size, stride) -> tuple[tuple[int, int], list[tuple[slice, slice]]]:
    """(H', W') of the output, and for each place in the window, in reading order, the pixels of X that lie there."""
    check_array("X", X, ("N", "H", "W", "C"), "pooling")
    (fh, fw), (sh, sw) = pair("size", size, 1, "pooling"), pair("stride", stride, 1, "pooling")
    h, w = output_size(X.shape[1], fh, sh), output_size(X.shape[2], fw, sw)
    return (h, w), [
        (slice(u, u + sh * (h - 1) + 1, sh), slice(v, v + sw * (w - 1) + 1, sw)) for u in range(fh) for v in range(fw)
    ]


def max_pool2d(X: np.ndarray, size=2, stride=2) -> np.ndarray:
    """The largest value of each window, channel by channel.

    Parameters
    ----------
    X : (N, H, W, C)
    size : pixels a side of the window
    stride : pixels from one window to the next

    Returns
    -------
    Y : (N, H', W', C); a row or column at the end that fills no whole window is left out

    Raises
    ------
    ValueError : wrong number of axes, integers, a window larger than the image, a size or stride below 1
    NotFinite : nan or infinity in X
    """
    return _largest(X, _windows(X, size, stride)[1])


def _largest(X: np.ndarray, places: list[tuple[slice, slice]]) -> np.ndarray:
    Y = X[:, *places[0]].copy()
    for place in places[1:]:
        np.maximum(Y, X[:, *place], out=Y)
    return Y


def max_pool2d_backward(dY: np.ndarray, X: np.ndarray, size=2, stride=2) -> np.ndarray:
    """Each window's gradient goes to its winner; of several equal ones to the first in reading
    order, as TensorFlow does on a CPU.

    dY (N, H', W', C), gradient of the loss with respect to the output -> dX, the shape of X. Where windows overlap, a
    pixel may win several times: its gradients add up.

    Raises
    ------
    ValueError : as `max_pool2d`, or dY has another shape than the output
    """
    (h, w), places = _windows(X, size, stride)
    check_array("dY", dY, (X.shape[0], h, w, X.shape[3]), "max_pool2d_backward")
    Y = _largest(X, places)
    dX, unpaid = np.zeros(X.shape, dtype=dY.dtype), np.ones(Y.shape, dtype=bool)
    for place in places:
        wins = (X[:, *place] == Y) & unpaid
        dX[:, *place] += wins * dY
        unpaid &= ~wins
    return dX


def average_pool2d(X: np.ndarray, size=2, stride=2) -> np.ndarray:
    """The mean of each window, channel by channel.  X (N, H, W, C) -> Y (N, H', W', C); errors as `max_pool2d`."""
    _, places = _windows(X, size, stride)
    return sum(X[:, *place] for place in places) / X.dtype.type(len(places))


def average_pool2d_backward(dY: np.ndarray, X: np.ndarray, size=2, stride=2) -> np.ndarray:
    """Every pixel of a window gets an equal share of its gradient.  dY (N, H', W', C) -> dX, the shape of X.

    Raises
    ------
    ValueError : as `max_pool2d`, or dY has another shape than the output
    """
    (h, w), places = _windows(X, size, stride)
    check_array("dY", dY, (X.shape[0], h, w, X.shape[3]), "average_pool2d_backward")
    dX, share = np.zeros(X.shape, dtype=dY.dtype), dY / dY.dtype.type(len(places))
    for place in places:
        dX[:, *place] += share
    return dX
