"""What a network costs, and how it becomes smaller."""

import numpy as np


def quantise(W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights as whole numbers from -127 to 127 with one scale for each output channel: W is about codes * scale.

    The scale of a channel is its largest |W| / 127, so that no weight is cut off and 0 stays exactly 0; each weight is
    off by half a scale at most. A channel of zeros has the scale 1. One byte a weight in place of four. (Jacob et al.,
    CVPR 2018, arXiv 1712.05877, equation 1 with a zero-point of 0; a scale for each channel and no -128: TensorFlow
    Lite's 8-bit quantisation specification.)

    Parameters
    ----------
    W : (..., C_out), floating-point weights of a layer as Keras keeps them, (f, f, C_in, C_out) or (D, M)

    Returns
    -------
    codes : (..., C_out) int8
    scale : (C_out,), above 0, of the type of W

    Raises
    ------
    ValueError : no weights, weights that are not floating-point, nan or infinity

    Examples
    --------
    >>> codes, scale = quantise(np.array([[1.27, 0.0], [-0.5, 0.0]]))
    >>> codes.tolist(), scale.round(6).tolist()
    ([[127, 0], [-50, 0]], [0.01, 1.0])
    """
    _check_weights(W)
    scale = np.abs(W).max(axis=tuple(range(W.ndim - 1))) / 127
    scale = np.where(scale > 0, scale, 1)  # a channel of zeros
    codes = np.clip(np.round(W / scale), -127, 127).astype(np.int8)
    return codes, scale


def _check_weights(W) -> None:
    if not isinstance(W, np.ndarray) or W.ndim == 0 or W.size == 0 or W.dtype.kind != "f":
        got = f"{W.dtype} of shape {W.shape}" if isinstance(W, np.ndarray) else type(W).__name__
        raise ValueError(f"expected an array of floating-point weights (..., C_out), at least one, got {got}")
    if not np.isfinite(W).all():
        raise ValueError("expected finite weights, got nan or infinity: did the training diverge?")
