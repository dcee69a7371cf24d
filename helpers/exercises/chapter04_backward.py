"""The way back of convolution and of max pooling, as chapter 04 asks for them, and the ways to get them wrong.

Both right functions give what `nn.conv2d_backward` and `nn.max_pool2d_backward` give (a test holds that). The engine's
have stride, padding and dilation, or avoid the loop; a learner who asks for the solution wants the core, and to a
Parsons problem the lines in their order.
"""

import numpy as np

from helpers import nn


def conv2d_backward(dY, X, K):
    """Gradients of a convolution with stride 1 and no padding.

    dY (N, H', W', C_out), X (N, H, W, C_in), K (kh, kw, C_in, C_out)
    -> dX, dK, db of the shapes of X, of K, and (C_out,)
    """
    dX, dK = np.zeros_like(X), np.zeros_like(K)
    height, width = dY.shape[1:3]
    for u in range(K.shape[0]):
        for v in range(K.shape[1]):
            met = np.s_[:, u : u + height, v : v + width]  # the pixels that met the weight (u, v)
            dK[u, v] = np.tensordot(X[met], dY, axes=((0, 1, 2), (0, 1, 2)))
            dX[met] += dY @ K[u, v].T
    return dX, dK, dY.sum(axis=(0, 1, 2))


def conv_parts(dX=None, dK=None, db=None):
    """The right three gradients, with some of them replaced."""
    parts = (dX, dK, db)
    return lambda dY, X, K: tuple(
        mine(dY, X, K) if mine else theirs for mine, theirs in zip(parts, conv2d_backward(dY, X, K), strict=True)
    )


def shared_dK(dY, X, K):
    return conv2d_backward(dY, X, K)[1] / len(X)


def unturned(dY, X, K):
    """dX by sliding a kernel over dY, which gets a border of zeros: right if only the kernel were turned."""
    kh, kw = K.shape[:2]
    wide = np.pad(dY, ((0, 0), (kh - 1, kh - 1), (kw - 1, kw - 1), (0, 0)))
    return nn.conv2d(wide, np.ascontiguousarray(np.swapaxes(K, 2, 3)), None)


def by_weights(share, add=False):
    """dX, weight by weight; `=` in place of `+=` unless `add`."""

    def dX(dY, X, K):
        out = np.zeros_like(X)
        for u, v in np.ndindex(K.shape[:2]):
            met = np.s_[:, u : u + dY.shape[1], v : v + dY.shape[2]]
            out[met] = dY @ share(K[u, v]) + (out[met] if add else 0)
        return out

    return dX


def by_pixels(dY, X, K):
    """dX, output pixel by output pixel, with `=` in place of `+=`."""
    out, (kh, kw) = np.zeros_like(X), K.shape[:2]
    for i, j in np.ndindex(dY.shape[1:3]):
        out[:, i : i + kh, j : j + kw] = np.einsum("nd,uvcd->nuvc", dY[:, i, j], K)
    return out


def wrapped(dY, X, K):
    """dX by dY[i - u, j - v], where an index below 0 counts from the end."""
    out, (height, width) = np.zeros_like(X), dY.shape[1:3]
    for i, j, u, v in np.ndindex(*X.shape[1:3], *K.shape[:2]):
        if -height <= i - u < height and -width <= j - v < width:
            out[:, i, j] += dY[:, i - u, j - v] @ K[u, v].T
    return out


def no_border(dY, X, K):
    return nn.conv2d(dY, np.ascontiguousarray(np.swapaxes(K[::-1, ::-1], 2, 3)), None)


def max_pool2d_backward(dY, X, size=2, stride=2):
    """Gradient of max pooling: each output pixel's gradient goes to the first largest pixel of its window.

    dY (N, H', W', C), X (N, H, W, C) -> dX, the shape of X
    """
    dX = np.zeros_like(X)
    for k, i, j, c in np.ndindex(dY.shape):
        window = X[k, i * stride : i * stride + size, j * stride : j * stride + size, c]
        u, v = np.unravel_index(window.argmax(), window.shape)
        dX[k, i * stride + u, j * stride + v, c] += dY[k, i, j, c]
    return dX


def winner(window):
    won = np.zeros(window.shape)
    won.flat[window.argmax()] = 1
    return won


def pool(share, step=None, add=True):
    """Pooling backward where each pixel of a window gets `share(window)` of the gradient; windows `step` apart."""

    def wrong(dY, X, size=2, stride=2):
        dX, apart = np.zeros_like(X), step or stride
        for k, i, j, c in np.ndindex(dY.shape):
            met = np.s_[k, i * stride : i * stride + size, j * stride : j * stride + size, c]
            window = X[k, i * apart : i * apart + size, j * apart : j * apart + size, c]
            won = share(window)
            dX[met] = won * dY[k, i, j, c] + (dX[met] if add else dX[met] * (won == 0))
        return dX

    return wrong


def paid_by(lines):
    """Pooling backward where several lines pay, in this order: "=" sets and "+" adds to the winner, "w" the window."""

    def wrong(dY, X, size=2, stride=2):
        dX = np.zeros_like(X)
        for k, i, j, c in np.ndindex(dY.shape):
            met = dX[k, i * stride : i * stride + size, j * stride : j * stride + size, c]
            window = X[k, i * stride : i * stride + size, j * stride : j * stride + size, c]
            place = np.unravel_index(window.argmax(), window.shape)
            for line in lines:
                where = ... if line == "w" else place
                met[where] = dY[k, i, j, c] + (0 if line == "=" else met[where])
        return dX

    return wrong


def pay_in_corner(dY, X, size=2, stride=2):
    dX = np.zeros_like(X)
    for k, i, j, c in np.ndindex(dY.shape):
        window = X[k, i * stride : i * stride + size, j * stride : j * stride + size, c]
        u, v = np.unravel_index(window.argmax(), window.shape)
        dX[k, u, v, c] += dY[k, i, j, c]
    return dX


def first_only(dY, X, size=2, stride=2):
    only = np.zeros_like(dY)
    only[0, 0, 0, 0] = dY[0, 0, 0, 0]
    return max_pool2d_backward(only, X, size, stride)


def pay_where_it_looked(dY, X, size=2, stride=2):
    return pool(winner)(dY, X, size, 1)
