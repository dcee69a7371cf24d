"""Convolution, as deep-learning libraries mean it (the kernel is not turned). Taught in chapters 03 and 04."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from helpers.nn.inputs import check_array, check_whole, pair

Padding = int | str | tuple[tuple[int, int], tuple[int, int]]


def output_size(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """How many places a kernel has along one axis: floor((n + 2p - r(f - 1) - 1) / s) + 1. (Dumoulin, Visin 2016)

    Parameters
    ----------
    size : n, pixels along the axis
    kernel_size : f, weights of the kernel along the axis
    stride : s, pixels from one place to the next
    padding : p, pixels added on *each* side
    dilation : r, pixels from one weight of the kernel to the next

    Raises
    ------
    ValueError : the kernel is larger than the padded axis, or an argument is not a whole number from 1 on (padding: 0)

    Examples
    --------
    >>> output_size(28, 3), output_size(28, 3, stride=2, padding=1)
    (26, 14)
    """
    least = {"size": (size, 1), "kernel_size": (kernel_size, 1), "stride": (stride, 1), "dilation": (dilation, 1)}
    for name, (value, smallest) in (least | {"padding": (padding, 0)}).items():
        check_whole(name, value, smallest, "output_size")
    covered = dilation * (kernel_size - 1) + 1
    padded = size + 2 * padding
    if covered > padded:
        raise ValueError(
            f"The padded image must have at least the {covered} pixels that the kernel covers; {padded} came. "
            "Take a smaller kernel or dilation, or more padding."
        )
    return (padded - covered) // stride + 1


def conv2d_loops(X: np.ndarray, K: np.ndarray) -> np.ndarray:
    """Slide K over X without padding, one pixel at a time.  X (H, W), K (f, f) -> Y (H-f+1, W-f+1).

    The plainest form: one output pixel after the other. `conv2d` does the same for batches and channels, fast.

    Raises
    ------
    ValueError : X has not two axes, K is not square, or K is larger than X
    """
    if np.ndim(X) != 2 or np.ndim(K) != 2 or K.shape[0] != K.shape[1]:
        raise ValueError(
            f"conv2d_loops: X must have shape (H, W) and K (f, f); X {np.shape(X)} and K {np.shape(K)} came."
        )
    f = K.shape[0]
    Y = np.zeros((output_size(X.shape[0], f), output_size(X.shape[1], f)), dtype=np.result_type(X, K))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + f, j : j + f] * K).sum()
    return Y


def borders(
    padding: Padding, shape: tuple[int, int], kernel_size: tuple[int, int], stride=(1, 1), dilation=(1, 1)
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows and columns to add, ((top, bottom), (left, right)), for a padding given in any of its forms.

    "valid" adds nothing. "same" is TensorFlow's: the output has ceil(n / s) pixels, and where an odd number of pixels
    is to be added the extra one goes to the bottom and to the right.

    Raises
    ------
    ValueError : another word, a negative number, another shape
    """
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        missing = [
            max((-(-n // s) - 1) * s + r * (f - 1) + 1 - n, 0)
            for n, f, s, r in zip(shape, kernel_size, stride, dilation, strict=True)
        ]
        return tuple((m // 2, m - m // 2) for m in missing)
    if isinstance(padding, int | np.integer):
        p = check_whole("padding", padding, 0, "columns")
        return (p, p), (p, p)
    if isinstance(padding, tuple | list) and [type(side) for side in padding] in ([tuple] * 2, [list] * 2):
        return pair("padding", padding[0], 0, "columns"), pair("padding", padding[1], 0, "columns")
    raise ValueError(
        f'columns: padding must be a whole number, "valid", "same" or ((top, bottom), (left, right)); {padding!r} came.'
    )


def surrounded(X: np.ndarray, top: int, bottom: int, left: int, right: int) -> np.ndarray:
    """X (N, H, W, C) with so many rows and columns of zeros around each image (np.pad takes several times as long)."""
    N, H, W, C = X.shape
    padded = np.zeros((N, top + H + bottom, left + W + right, C), X.dtype)
    padded[:, top : top + H, left : left + W] = X
    return padded


def columns(
    X: np.ndarray, kernel_size: int | tuple[int, int], stride=1, padding: Padding = 0, dilation=1
) -> np.ndarray:
    """Every patch that the kernel meets, as one row.  X (N, H, W, C) -> (N, H', W', kh * kw * C).

    One matrix product with the kernel, flattened to (kh * kw * C, C_out), is then the whole convolution. The price is
    memory: each pixel stands in up to kh * kw rows. (Chellapilla, Puri, Simard 2006)

    Raises
    ------
    ValueError : a wrong number of axes, integers, a kernel larger than the padded image, a stride or dilation below 1
    """
    check_array("X", X, ("N", "H", "W", "C"), "columns")
    (kh, kw), (sh, sw) = pair("kernel_size", kernel_size, 1, "columns"), pair("stride", stride, 1, "columns")
    rh, rw = pair("dilation", dilation, 1, "columns")
    (top, bottom), (left, right) = borders(padding, X.shape[1:3], (kh, kw), (sh, sw), (rh, rw))
    if top or bottom or left or right:
        X = surrounded(X, top, bottom, left, right)
    N, H, W, C = X.shape
    if rh * (kh - 1) + 1 > H or rw * (kw - 1) + 1 > W:
        raise ValueError(
            f"columns: the padded image must have at least the {rh * (kh - 1) + 1} x {rw * (kw - 1) + 1} pixels that "
            f"the kernel covers; {H} x {W} came. Take a smaller kernel or dilation, or more padding."
        )
    places = ((H - rh * (kh - 1) - 1) // sh + 1, (W - rw * (kw - 1) - 1) // sw + 1)
    n, h, w, c = X.strides
    patches = as_strided(X, (N, *places, kh, kw, C), (n, sh * h, sw * w, rh * h, rw * w, c), writeable=False)
    return patches.reshape(N, *places, kh * kw * C)  # this copies


def check_kernel(X: np.ndarray, K: np.ndarray, b: np.ndarray | None) -> None:
    """K must be (kh, kw, C_in, C_out) with the C_in of X, and b (C_out,)."""
    check_array("X", X, ("N", "H", "W", "C_in"), "conv2d")
    check_array("K", K, ("kh", "kw", X.shape[3], "C_out"), "conv2d")
    if b is not None:
        check_array("b", b, (K.shape[3],), "conv2d")


def conv2d(
    X: np.ndarray, K: np.ndarray, b: np.ndarray | None, stride=1, padding: Padding = 0, dilation=1
) -> np.ndarray:
    """A convolution layer: every patch as a row, then one matrix product.

    Parameters
    ----------
    X : (N, H, W, C_in), the images
    K : (kh, kw, C_in, C_out), one kernel an output channel; it is not turned
    b : (C_out,), one bias an output channel, or None
    stride : pixels from one place of the kernel to the next
    padding : zeros around the image: a number for each side, "valid" (0), "same" (TensorFlow's), or
        ((top, bottom), (left, right))
    dilation : pixels from one weight of the kernel to the next

    Returns
    -------
    Y : (N, H', W', C_out); H' and W' as `output_size` says

    Raises
    ------
    ValueError : wrong number of axes, integers, channels that do not match, a kernel larger than the padded image,
        a stride or dilation below 1
    NotFinite : nan or infinity in an argument
    """
    check_kernel(X, K, b)
    return weighted(columns(X, K.shape[:2], stride, padding, dilation), K, b)


def weighted(rows: np.ndarray, K: np.ndarray, b: np.ndarray | None) -> np.ndarray:
    """The one matrix product: patches `rows` (N, H', W', kh * kw * C_in) times K, plus b -> Y (N, H', W', C_out)."""
    Y = rows.reshape(-1, rows.shape[3]) @ K.reshape(-1, K.shape[3])  # of four axes NumPy would make many small ones
    if b is not None:
        Y += b
    return Y.reshape(*rows.shape[:3], -1)


def conv2d_backward(
    dY: np.ndarray, X: np.ndarray, K: np.ndarray, stride=1, padding: Padding = 0, dilation=1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of the loss with respect to the input, the kernels and the biases of `conv2d`.

    dK: every patch times the gradient of the pixel it made. dX: every pixel gets back, from each output pixel it
    helped to make, that pixel's gradient times the weight it met there. db: every output pixel uses the same bias.

    Parameters
    ----------
    dY : (N, H', W', C_out), gradient of the loss with respect to the output
    X, K, stride, padding, dilation : as in the forward call

    Returns
    -------
    dX, dK, db : shapes of X, of K, and (C_out,)

    Raises
    ------
    ValueError : as `conv2d`, or dY has another shape than the output
    """
    check_kernel(X, K, None)
    rows = columns(X, K.shape[:2], stride, padding, dilation)
    check_array("dY", dY, (*rows.shape[:3], K.shape[3]), "conv2d_backward")
    dK, db = kernel_gradients(dY, rows, K)
    return image_gradient(dY, X.shape, K, stride, padding, dilation), dK, db


def kernel_gradients(dY: np.ndarray, rows: np.ndarray, K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """dK and db from the patches `rows` (N, H', W', kh * kw * C_in) of the forward pass."""
    flat = dY.reshape(-1, dY.shape[3])
    db = np.ones(len(flat), flat.dtype) @ flat  # the sum over all rows, as a product: several times as fast
    return (rows.reshape(len(flat), -1).T @ flat).reshape(K.shape), db


def image_gradient(
    dY: np.ndarray, shape: tuple[int, ...], K: np.ndarray, stride=1, padding: Padding = 0, dilation=1
) -> np.ndarray:
    """dX: the gradient of every patch, added up where the patches lay.  dY (N, H', W', C_out) -> `shape`."""
    kh, kw, C, channels = K.shape
    (sh, sw), (rh, rw) = pair("stride", stride, 1, "conv2d"), pair("dilation", dilation, 1, "conv2d")
    (top, bottom), (left, right) = borders(padding, shape[1:3], (kh, kw), (sh, sw), (rh, rw))
    N, H, W, _ = shape
    out_h, out_w = dY.shape[1:3]
    padded, flat = np.zeros((N, H + top + bottom, W + left + right, C), dtype=dY.dtype), dY.reshape(-1, channels)
    for u in range(kh):
        for v in range(kw):  # where weight (u, v) lay, for all places of the kernel at once
            met = padded[:, u * rh : u * rh + sh * out_h : sh, v * rw : v * rw + sw * out_w : sw]
            met += (flat @ K[u, v].T).reshape(met.shape)
    return padded[:, top : top + H, left : left + W]
