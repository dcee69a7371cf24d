"""Layers without a grid: dense, flatten, dropout, batch norm. Taught in chapters 02, 04 and 05."""

import numpy as np

from helpers.nn.inputs import check_array


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
    check_array("W", W, ("D", "M"), "dense_forward")
    check_array("X", X, ("N", W.shape[0]), "dense_forward")
    check_array("b", b, (W.shape[1],), "dense_forward")
    return X @ W + b


def dense_backward(dA: np.ndarray, X: np.ndarray, W: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of the loss with respect to the input, the weights and the biases of a dense layer.

    Parameters
    ----------
    dA : (N, M), gradient of the loss with respect to the pre-activations
    X, W : (N, D) and (D, M), as in the forward call

    Returns
    -------
    dX, dW, db : (N, D), (D, M) and (M,). They sum over the batch: the mean is already in the loss.
    """
    check_array("W", W, ("D", "M"), "dense_backward")
    check_array("X", X, ("N", W.shape[0]), "dense_backward")
    check_array("dA", dA, (X.shape[0], W.shape[1]), "dense_backward")
    return dA @ W.T, X.T @ dA, dA.sum(axis=0)


def count_dead_units(X: np.ndarray, W: np.ndarray, b: np.ndarray) -> int:
    """How many units of a ReLU layer give 0 for every example.  X (N, D), W (D, M), b (M,) -> an int from 0 to M.

    A unit is dead *on these data*: its pre-activation is never above 0, so its slope is 0 on every row and no
    gradient reaches its weights.
    """
    A = dense_forward(X, W, b)
    return int((A <= 0).all(axis=0).sum())


def flatten(X: np.ndarray) -> np.ndarray:
    """One row an example.  X (N, H, W, C) -> (N, H * W * C); its backward pass is a reshape back."""
    check_array("X", X, np.shape(X), "flatten")
    return X.reshape(len(X), -1)


def dropout(X: np.ndarray, drop: float, rng: np.random.Generator) -> np.ndarray:
    """Set each entry to 0 with probability `drop`; divide the others by 1 - drop. (Srivastava et al. 2014)

    The division keeps the mean, so that nothing has to be changed when dropout is left out, as it is after training.

    Parameters
    ----------
    X : any shape
    drop : share that is dropped, from 0 to below 1
    rng : where the chance comes from

    Returns
    -------
    Y : the shape and dtype of X

    Raises
    ------
    ValueError : drop is not from 0 to below 1
    """
    if not 0 <= drop < 1:
        raise ValueError(f"dropout: drop must be from 0 to below 1; {drop!r} came.")
    check_array("X", X, np.shape(X), "dropout")
    kept = rng.random(X.shape) >= drop
    return X * (kept / (1 - drop)).astype(X.dtype)


def _over(X: np.ndarray) -> tuple[int, ...]:
    """All axes but the last: batch norm treats each unit or channel for itself."""
    return tuple(range(X.ndim - 1))


def check_channels(X: np.ndarray, gain: np.ndarray, where: str) -> None:
    """gain must be (C,), and X rows (N, C) or images (N, H, W, C)."""
    check_array("gain", gain, ("C",), where)
    check_array("X", X, (*(("N",) if np.ndim(X) == 2 else ("N", "H", "W")), len(gain)), where)


def batch_norm(X: np.ndarray, gain: np.ndarray, shift: np.ndarray, eps: float = 1e-3) -> np.ndarray:
    """Give every unit or channel mean 0 and variance 1 over the batch, then `gain` and `shift`. (Ioffe, Szegedy 2015)

    Parameters
    ----------
    X : (N, C) or (N, H, W, C)
    gain, shift : (C,), learned
    eps : added to the variance, so that a constant channel divides by no 0

    Returns
    -------
    Y : the shape of X
    """
    check_channels(X, gain, "batch_norm")
    check_array("shift", shift, gain.shape, "batch_norm")
    axes = _over(X)
    return gain * ((X - X.mean(axes)) / np.sqrt(X.var(axes) + X.dtype.type(eps))) + shift


def batch_norm_backward(
    dY: np.ndarray, X: np.ndarray, gain: np.ndarray, eps: float = 1e-3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of the loss with respect to X, gain and shift; mean and variance depend on X too.

    dY, X (N, C) or (N, H, W, C), gain (C,) -> dX, the shape of X, dgain (C,), dshift (C,)
    """
    check_channels(X, gain, "batch_norm_backward")
    check_array("dY", dY, X.shape, "batch_norm_backward")
    axes = _over(X)
    std = np.sqrt(X.var(axes) + X.dtype.type(eps))
    normal = (X - X.mean(axes)) / std
    dgain, dshift = (dY * normal).sum(axes), dY.sum(axes)
    count = X.dtype.type(X.size // X.shape[-1])
    return gain / std * (dY - dshift / count - normal * dgain / count), dgain, dshift
