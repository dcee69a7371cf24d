"""An image and a table about one patient."""

import numpy as np


def fuse(features: np.ndarray, table: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """What a network found in the image and what the record says, side by side: the input of a common last layer.

    The table is standardised with the training patients' numbers. Where something is missing stands 0, their mean, and
    a flag of its own says so: that nobody measured is news too. It may also be news about the hospital, and then the
    classifier learns that. (Fusion by joining features: Huang et al. 2020, npj Digital Medicine 3:136. When a flag for
    what is missing is right, and when it misleads: Groenwold et al. 2012, CMAJ 184:1265.)

    Parameters
    ----------
    features : (N, F), what the network found, one row a patient; they stay as they are
    table : (N, T), age and the like, each in its own unit, nan where missing
    mean, std : (T,) of the training patients, in the table's units, std above 0; never of those at hand

    Returns
    -------
    fused : (N, F + 2 T): features, the standardised table, and 1 where it was missing, else 0

    Raises
    ------
    ValueError : shapes that do not match; features, mean or std that are not finite, a std of 0; infinity in the table

    Examples
    --------
    >>> fuse(np.array([[0.5], [2.0]]), np.array([[70.0], [np.nan]]), np.array([60.0]), np.array([10.0]))
    array([[0.5, 1. , 0. ],
           [2. , 0. , 1. ]])
    """
    _check_parts(features, table, mean, std)
    missing = np.isnan(table)
    standardised = np.where(missing, 0, (table - mean) / std)
    return np.concatenate([features, standardised, missing], axis=1)


def _check_parts(features, table, mean, std) -> None:
    shapes = [np.shape(part) for part in (features, table, mean, std)]
    first, second, *columns = shapes
    if len(first) != 2 or len(second) != 2 or first[0] != second[0] or columns != [second[1:]] * 2:
        raise ValueError(f"expected features (N, F), table (N, T), mean (T,) and std (T,), got {shapes}")
    if not all(np.isfinite(part).all() for part in (features, mean, std)):
        raise ValueError("expected features, mean and std of finite numbers; only the table may hold nan")
    if np.isinf(table).any():
        raise ValueError("expected a table of numbers, nan where one is missing, got infinity")
    if not (np.asarray(std) > 0).all():
        raise ValueError("expected std above 0: a column that is the same for all training patients tells nothing")
