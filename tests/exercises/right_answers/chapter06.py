"""Other right answers to the exercises of chapter 06."""

import itertools
import math

import numpy as np


def _one_hot_loop(y, C):
    T = np.zeros((len(y), C))
    for i in range(len(y)):
        T[i, y[i]] = 1
    return T


def _one_hot_places(y, C):
    T = np.zeros((len(y), C), dtype="float32")
    T[np.arange(len(y)), y] = 1
    return T


def _one_hot_compare(y, C):
    return (y[:, None] == np.arange(C)).astype(float)


def _repair_rows(y):
    return "categorical_crossentropy", np.eye(10)[y]


def _repair_list(y):
    return ["SparseCategoricalCrossentropy", y[:, None]]


def _repair_rows32(y):
    return "CategoricalCrossentropy", np.eye(10, dtype="float32")[y]


def _shapes_while(input_shape, layers):
    H, W, C = input_shape
    flat, found = None, []
    for layer in layers:
        if layer[0] == "conv":
            _, C, f, padding = layer
            if padding == "valid":
                H, W = H - f + 1, W - f + 1
        elif layer[0] == "pool":
            H, W = int(np.floor(H / layer[1])), int(np.floor(W / layer[1]))
        elif layer[0] == "flatten":
            flat = H * W * C
        else:
            flat = layer[1]
        found.append((H, W, C) if flat is None else (flat,))
    return found


def _shapes_accumulate(input_shape, layers):
    """As lists."""

    def after(shape, layer):
        if layer[0] == "conv":
            return [n if layer[3] == "same" else n + 1 - layer[2] for n in shape[:2]] + [layer[1]]
        if layer[0] == "pool":
            return [n // layer[1] for n in shape[:2]] + [shape[2]]
        return [math.prod(shape)] if layer[0] == "flatten" else [layer[1]]

    return list(itertools.accumulate(layers, after, initial=input_shape))[1:]


def _confusion_loop(y, predicted, C):
    counts = np.zeros((C, C))
    for i, j in zip(y, predicted, strict=True):
        counts[i, j] += 1
    return counts


def _confusion_bincount(y, predicted, C):
    return np.bincount(y * C + predicted, minlength=C * C).reshape(C, C)


def _confusion_product(y, predicted, C):
    return (np.eye(C, dtype=int)[y]).T @ np.eye(C, dtype=int)[predicted]


def _confusion_sklearn(y, predicted, C):
    from sklearn.metrics import confusion_matrix

    return confusion_matrix(y, predicted, labels=range(C))


def _curve_shuffled(fit, X, y, sizes, rng):
    rows = np.arange(len(X))
    rng.shuffle(rows)
    scores = []
    for n in sizes:
        scores.append(fit(X[rows[:n]], y[rows[:n]]))
    return np.array(scores)


def _curve_choice(fit, X, y, sizes, rng):
    rows = rng.choice(len(X), size=max(sizes), replace=False)
    X, y = X[rows], y[rows]
    return [fit(X[:n], y[:n]) for n in sizes]


def _shapes_recursively(input_shape, layers):
    if not layers:
        return []
    (kind, *numbers), shape = layers[0], tuple(input_shape)
    after = {
        "conv": lambda: (*(n - (numbers[1] - 1) * (numbers[2] != "same") for n in shape[:2]), numbers[0]),
        "pool": lambda: (*(n // numbers[0] for n in shape[:2]), shape[2]),
        "flatten": lambda: (int(np.prod(shape)),),
    }.get(kind, lambda: (numbers[0],))()
    return [after, *_shapes_recursively(after, layers[1:])]


def _curve_by_ranks(fit, X, y, sizes, rng):
    rank = np.argsort(rng.random(len(X)))
    X, y = X[rank], y[rank]
    results = []
    for n in sizes:
        results.append(fit(X[:n], y[:n]))
    return np.asarray(results, float)


RIGHT = {
    "6.2": [_one_hot_loop, _one_hot_places, _one_hot_compare],
    "6.3": [_repair_rows, _repair_list, _repair_rows32],
    "6.4": [_shapes_while, _shapes_accumulate, _shapes_recursively],
    "6.9": [_confusion_loop, _confusion_bincount, _confusion_product, _confusion_sklearn],
    "6.11": [_curve_shuffled, _curve_choice, _curve_by_ranks],
}
