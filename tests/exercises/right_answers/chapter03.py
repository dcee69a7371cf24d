"""Other right answers to the exercises of chapter 03."""

import math

import numpy as np
from scipy import signal


def _loops_four(X, K):
    f = len(K)
    Y = np.zeros((len(X) - f + 1, len(X[0]) - f + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            for u in range(f):
                for v in range(f):
                    Y[i, j] += X[i + u, j + v] * K[u, v]
    return Y


def _loops_over_the_kernel(X, K):
    f = K.shape[0]
    rows, cols = X.shape[0] - f + 1, X.shape[1] - f + 1
    return sum(K[u, v] * X[u : u + rows, v : v + cols] for u in range(f) for v in range(f))


def _loops_scipy(X, K):
    return signal.correlate2d(X.astype(float), K, mode="valid")


def _size_by_trying(size, kernel_size, stride=1, padding=0, dilation=1):
    count = start = 0
    while start + dilation * (kernel_size - 1) < size + 2 * padding:
        count, start = count + 1, start + stride
    return count


def _size_by_floor(size, kernel_size, stride=1, padding=0, dilation=1):
    return int(np.floor((size + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1)


def _size_by_range(size, kernel_size, stride=1, padding=0, dilation=1):
    return len(range(0, size + 2 * padding - dilation * (kernel_size - 1), stride))


def _conv_loops(X, K, b, stride=1, padding=0, dilation=1):
    f = K.shape[0]
    X = np.pad(X, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    rows, cols = (len(range(0, n - dilation * (f - 1), stride)) for n in X.shape[1:3])
    Y = np.zeros((len(X), rows, cols, K.shape[3]))
    for n, i, j, c in np.ndindex(Y.shape):
        total = b[c]
        for u, v, k in np.ndindex(K.shape[:3]):
            total += X[n, i * stride + u * dilation, j * stride + v * dilation, k] * K[u, v, k, c]
        Y[n, i, j, c] = total
    return Y


def _conv_einsum(X, K, b, stride=1, padding=0, dilation=1):
    reach = dilation * (K.shape[0] - 1) + 1
    X = np.pad(X, [(0, 0), (padding,) * 2, (padding,) * 2, (0, 0)])
    view = np.lib.stride_tricks.sliding_window_view(X, (reach, reach), axis=(1, 2))
    view = view[:, ::stride, ::stride, :, ::dilation, ::dilation]
    return np.einsum("nijcuv,uvcd->nijd", view, K) + b


def _conv_over_the_kernel(X, K, b, stride=1, padding=0, dilation=1):
    padded = np.pad(X, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    rows, cols = (_size_by_floor(n, K.shape[0], stride, padding, dilation) for n in X.shape[1:3])
    Y = np.zeros((len(X), rows, cols, K.shape[3])) + b
    for u in range(K.shape[0]):
        for v in range(K.shape[1]):
            patch = padded[:, u * dilation :, v * dilation :][:, ::stride, ::stride][:, :rows, :cols]
            Y += np.tensordot(patch, K[u, v], axes=1)
    return Y


def _pool_loops(X, size=2, stride=2):
    rows, cols = (len(range(0, n - size + 1, stride)) for n in X.shape[1:3])
    Y = np.zeros((X.shape[0], rows, cols, X.shape[3]))
    for n, i, j, c in np.ndindex(Y.shape):
        Y[n, i, j, c] = max(X[n, i * stride + u, j * stride + v, c] for u in range(size) for v in range(size))
    return Y


def _pool_view(X, size=2, stride=2):
    view = np.lib.stride_tricks.sliding_window_view(X, (1, size, size, 1))
    return view.max(axis=(4, 5, 6, 7))[:, ::stride, ::stride]


def _pool_axis_by_axis(X, size=2, stride=2):
    high = [X[:, i : i + size].max(axis=1) for i in range(0, X.shape[1] - size + 1, stride)]
    Y = np.stack(high, axis=1)
    return np.stack([Y[:, :, j : j + size].max(axis=2) for j in range(0, X.shape[2] - size + 1, stride)], axis=2)


def _field_by_interval(layers):
    low = high = 0
    for kernel_size, stride in reversed(layers):
        low, high = low * stride, high * stride + kernel_size - 1
    return high - low + 1


def _field_by_sum(layers):
    strides = [stride for _, stride in layers]
    return 1 + sum((f - 1) * math.prod(strides[:k]) for k, (f, _) in enumerate(layers))


def _field_by_jump(layers):
    field, jump = 1, 1
    for kernel_size, stride in layers:
        field = field + (kernel_size - 1) * jump
        jump = jump * stride
    return field


def _count_walking(input_shape, layers):
    H, W, C = input_shape
    total, units = 0, None
    for layer in layers:
        if layer[0] == "conv":
            _, channels, f = layer
            total += (f * f * C + 1) * channels
            H, W, C = H - f + 1, W - f + 1, channels
        if layer[0] == "pool":
            H, W = H // layer[1], W // layer[1]
        if layer[0] == "flatten":
            units = H * W * C
        if layer[0] == "dense":
            total += (units + 1) * layer[1]
            units = layer[1]
    return total


def _count_by_shape(input_shape, layers):
    shape, total = np.array(input_shape), 0
    for name, *numbers in layers:
        if name == "conv":
            weights = numbers[1] ** 2 * shape[2] * numbers[0]
            total, shape = total + weights + numbers[0], np.array([*(shape[:2] - numbers[1] + 1), numbers[0]])
        elif name == "pool":
            shape = np.array([*(shape[:2] // numbers[0]), shape[2]])
        elif name == "flatten":
            shape = np.prod(shape)
        else:
            total, shape = total + (shape + 1) * numbers[0], numbers[0]
    return int(total)


def _count_recursively(input_shape, layers):
    if not layers:
        return 0
    (kind, *numbers), rest = layers[0], layers[1:]
    *size, channels = input_shape
    if kind == "conv":
        own, shape = numbers[0] * (numbers[1] ** 2 * channels + 1), (*(n - numbers[1] + 1 for n in size), numbers[0])
    elif kind == "pool":
        own, shape = 0, (*(n // numbers[0] for n in size), channels)
    elif kind == "flatten":
        own, shape = 0, (int(np.prod(input_shape)),)
    else:
        own, shape = (channels + 1) * numbers[0], (numbers[0],)
    return own + _count_recursively(shape, rest)


RIGHT = {
    "3.2": [_loops_four, _loops_over_the_kernel, _loops_scipy],
    "3.4": [_size_by_trying, _size_by_floor, _size_by_range],
    "3.6": [_conv_loops, _conv_einsum, _conv_over_the_kernel],
    "3.7": [_pool_loops, _pool_view, _pool_axis_by_axis],
    "3.8": [_field_by_interval, _field_by_sum, _field_by_jump],
    "3.9": [_count_walking, _count_by_shape, _count_recursively],
}
