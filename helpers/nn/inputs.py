"""What a layer may be given. Each check names the argument, what was expected, what came and what to do."""

from collections.abc import Sequence

import numpy as np


class NotFinite(ValueError):
    """An array holds nan or infinity."""


def check_array(name: str, X: np.ndarray, shape: Sequence[int | str], where: str) -> None:
    """X must be a floating-point array of finite numbers.

    Parameters
    ----------
    shape : one entry an axis: the size it must have, or a word for an axis of any size above 0

    Raises
    ------
    ValueError : not an array, not floats, another number of axes, another size
    NotFinite : nan or infinity; the message says where the first one is
    """
    wanted = f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
    if not isinstance(X, np.ndarray):
        raise ValueError(f"{where}: {name} must be a NumPy array of shape {wanted}; a {type(X).__name__} came.")
    if X.dtype.kind != "f":
        raise ValueError(
            f"{where}: {name} must hold floating-point numbers; {X.dtype} came. "
            f'Convert it first: {name}.astype("float32").'
        )
    if X.ndim != len(shape):
        raise ValueError(f"{where}: {name} must have {len(shape)} axes, {wanted}; shape {X.shape} came.")
    for axis, (size, want) in enumerate(zip(X.shape, shape, strict=True)):
        if size != want if isinstance(want, int) else size == 0:
            raise ValueError(f"{where}: {name} must have shape {wanted}; {X.shape} came: axis {axis} does not fit.")
    check_finite(name, X, where)


def check_finite(name: str, X: np.ndarray, where: str) -> None:
    """Raise NotFinite if X holds nan or infinity."""
    with np.errstate(all="ignore"):
        total = X.sum()  # one pass; it is finite unless an entry is not, or the sum itself overflows
    if not np.isfinite(total) and not np.isfinite(X).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(X))[0])
        raise NotFinite(
            f"{where}: {name} must be finite; {name}[{', '.join(map(str, place))}] is {X[place]}. "
            "In training this mostly means that the learning rate is too large."
        )


def check_alike(where: str, **arrays: np.ndarray) -> None:
    """Two arrays, given by name, must be floats of one shape: NumPy would stretch one to the other without a word."""
    (first, A), (second, B) = arrays.items()
    check_array(first, A, np.shape(A), where)
    check_array(second, B, A.shape, where)


def check_logits(Z: np.ndarray, y: np.ndarray, where: str) -> None:
    """Z must be (N, C), and y (N,) integers from 0 to C - 1.

    Raises
    ------
    ValueError : another shape, no integers (one-hot labels?), a label outside 0 to C - 1
    """
    check_array("Z", Z, ("N", "C"), where)
    N, C = Z.shape
    if not isinstance(y, np.ndarray) or y.shape != (N,) or y.dtype.kind not in "iu":
        came = f"shape {y.shape}, {y.dtype}" if isinstance(y, np.ndarray) else type(y).__name__
        raise ValueError(f"{where}: y must be {N} integers, one label a row of Z; {came} came. One-hot labels: argmax.")
    if N and not (y.min() >= 0 and y.max() < C):
        raise ValueError(
            f"{where}: labels must be from 0 to {C - 1}, there are {C} classes; {y.min()} to {y.max()} came."
        )


def _came(value) -> str:
    return f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)


def check_whole(name: str, value: int, least: int, where: str) -> int:
    """A whole number that is at least `least`, as an int.

    Raises
    ------
    ValueError : it is not
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{where}: {name} must be a whole number from {least} on; {_came(value)} came.")
    return int(value)


def pair(name: str, value: int | tuple[int, int], least: int, where: str) -> tuple[int, int]:
    """The same number for height and width, or one for each."""
    both = (value, value) if not isinstance(value, tuple | list) else tuple(value)
    if len(both) != 2:
        raise ValueError(f"{where}: {name} must be one number or two (height, width); {_came(value)} came.")
    return check_whole(name, both[0], least, where), check_whole(name, both[1], least, where)
