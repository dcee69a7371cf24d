"""What `solution` shows: a right answer as a learner would write it, to be pasted and run.

The course's own functions also check what they are given, and share parts with each other. Where leaving out the
checks is not enough, the plain form stands here.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable

import numpy as np

from helpers.nn import columns, output_size


def conv2d_loops(X, K):
    """Slide K over X without padding, one pixel at a time.  X (H, W), K (f, f) -> Y (H - f + 1, W - f + 1)."""
    f = K.shape[0]
    Y = np.zeros((X.shape[0] - f + 1, X.shape[1] - f + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + f, j : j + f] * K).sum()
    return Y


def output_places(size, kernel_size, stride=1, padding=0, dilation=1):
    """How many places a kernel has along one axis: the steps that fit behind the first place, plus 1."""
    covered = dilation * (kernel_size - 1) + 1
    return (size + 2 * padding - covered) // stride + 1


def conv2d(X, K, b, stride=1, padding=0, dilation=1):
    """Every patch as a row, every kernel as a column, one matrix product."""
    rows = columns(X, K.shape[:2], stride, padding, dilation)
    return rows @ K.reshape(-1, K.shape[3]) + b


def max_pool2d(X, size=2, stride=2):
    """The largest value of each window, channel by channel.  X (N, H, W, C) -> Y (N, H', W', C)."""
    N, H, W, C = X.shape
    Y = np.zeros((N, output_size(H, size, stride), output_size(W, size, stride), C), dtype=X.dtype)
    for i in range(Y.shape[1]):
        for j in range(Y.shape[2]):
            window = X[:, i * stride : i * stride + size, j * stride : j * stride + size]
            Y[:, i, j] = window.max(axis=(1, 2))
    return Y


def receptive_field(layers):
    """How many input pixels, along one axis, one output pixel depends on."""
    field, apart = 1, 1
    for kernel_size, stride in layers:
        field += (kernel_size - 1) * apart
        apart *= stride
    return field


def count_parameters(input_shape, layers):
    """How many weights and biases a network has: walk through it and keep the shape."""
    (height, width, channels), total = input_shape, 0
    for kind, *numbers in layers:
        if kind == "conv":
            new, f = numbers
            total += f * f * channels * new + new
            height, width, channels = height - f + 1, width - f + 1, new
        elif kind == "pool":
            height, width = height // numbers[0], width // numbers[0]
        elif kind == "flatten":
            channels = height * width * channels
        else:
            total += channels * numbers[0] + numbers[0]
            channels = numbers[0]
    return total


def relative_error(gradient, numeric):
    """||gradient - numeric|| / (||gradient|| + ||numeric||), and 0 where both are 0."""
    size = np.linalg.norm(gradient) + np.linalg.norm(numeric)
    return 0.0 if size == 0 else np.linalg.norm(gradient - numeric) / size


def he_init(shape, rng):
    """Normal, mean 0, variance 2 / fan-in.  shape (D, M) or (f, f, C_in, C_out)."""
    fan_in = np.prod(shape[:-1])  # all inputs of one unit; the last axis counts the units
    return rng.normal(0, np.sqrt(2 / fan_in), size=shape)


def auc(y, scores):
    """The share of pairs, one malignant and one not, in which the malignant one has the higher score; ties 1/2."""
    gap = scores[y == 1][:, None] - scores[y == 0]  # every malignant case against every other
    return ((gap > 0) + 0.5 * (gap == 0)).mean()


def predictive_values(sensitivity, specificity, prevalence):
    """How often a positive and a negative result are right: four groups, as shares of all who are tested."""
    found, missed = prevalence * sensitivity, prevalence * (1 - sensitivity)
    left_alone, false_alarms = (1 - prevalence) * specificity, (1 - prevalence) * (1 - specificity)
    return found / (found + false_alarms), left_alone / (left_alone + missed)


def expected_calibration_error(y, p, bins=10):
    """Mean distance of what was promised from what came, each bin weighed by its cases."""
    which = np.minimum((p * bins).astype(int), bins - 1)  # p = 1 belongs to the last bin
    total = 0.0
    for k in range(bins):
        here = which == k
        if here.any():
            total += here.sum() * abs(y[here].mean() - p[here].mean())
    return total / len(y)


def fit_platt(y, z):
    """Slope and offset with the smallest cross-entropy of sigmoid(slope * z + offset), by gradient descent."""
    slope, offset = 1.0, 0.0
    learning_rate = 4 / (1 + np.mean(z**2))  # never too large: the loss curves at most 1 / learning_rate
    for _ in range(5000):
        gap = 1 / (1 + np.exp(-(slope * z + offset))) - y
        slope = slope - learning_rate * np.mean(gap * z)
        offset = offset - learning_rate * np.mean(gap)
    return slope, offset


def fit_temperature(y, z):
    """The temperature with the smallest cross-entropy of sigmoid(z / temperature): the best of many."""
    temperatures = np.geomspace(0.05, 20, 1000)
    towards = np.where(y == 1, z, -z)  # the probability of what came is sigmoid(towards / temperature)
    losses = [np.mean(np.logaddexp(0, -towards / temperature)) for temperature in temperatures]
    return temperatures[np.argmin(losses)]


def iou(a, b):
    """The area that two boxes share, of the area that they cover together.  a (M, 4), b (N, 4) -> (M, N)"""
    top_left = np.maximum(a[:, None, :2], b[:, :2])  # (M, N, 2), every box of a with every box of b
    bottom_right = np.minimum(a[:, None, 2:], b[:, 2:])
    overlap = np.clip(bottom_right - top_left, 0, None).prod(axis=2)
    area_a, area_b = (a[:, 2:] - a[:, :2]).prod(axis=1), (b[:, 2:] - b[:, :2]).prod(axis=1)
    union = area_a[:, None] + area_b - overlap
    return np.divide(overlap, union, out=np.zeros(union.shape), where=overlap > 0)


def nms(boxes, scores, threshold=0.5):
    """The indices of the boxes that are kept, highest score first: each removes those that overlap it too much."""
    left = np.argsort(-scores, kind="stable")  # highest first, equal ones in the order given
    kept = []
    while len(left):
        best, others = left[0], left[1:]
        kept.append(best)
        left = others[iou(boxes[[best]], boxes[others])[0] <= threshold]
    return np.array(kept, dtype=int)


def froc(scores, hits, counts):
    """False positives per scan and the share of the nodules found, at every threshold."""
    found, false = [], []
    for score, hit in zip(scores, hits, strict=True):
        for nodule in np.unique(hit[hit >= 0]):
            found.append(score[hit == nodule].max())  # further hits count neither way
        false.extend(score[hit == -1])
    found, false = np.array(found), np.array(false)
    thresholds = np.append(np.inf, np.unique(np.append(found, false))[::-1])
    false_positives = np.array([(false >= threshold).sum() for threshold in thresholds]) / len(counts)
    sensitivity = np.array([(found >= threshold).sum() for threshold in thresholds]) / np.sum(counts)
    return false_positives, sensitivity, thresholds


def cpm(false_positives, sensitivity):
    """The mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives per scan."""
    rates = [1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8]
    return np.mean(np.interp(rates, false_positives, sensitivity))


def regions(labels):
    """Three masks, one inside the other: WT (labels 1, 2, 3), TC (1, 3), ET (3).  labels (...) -> (3, ...) bool"""
    return np.stack([labels > 0, (labels == 1) | (labels == 3), labels == 3])


def dice(a, b):
    """Twice the voxels that two masks share, of the voxels of both; two empty masks: 1."""
    a, b = np.asarray(a) > 0, np.asarray(b) > 0
    both = a.sum() + b.sum()
    return 2 * (a & b).sum() / both if both else 1.0


def hausdorff95(a, b, spacing):
    """The larger of the two 95th percentiles of the distances from surface to surface, in mm."""
    from scipy.ndimage import binary_erosion, distance_transform_edt

    a, b = np.asarray(a) > 0, np.asarray(b) > 0
    if not a.any() and not b.any():
        return 0.0
    if not a.any() or not b.any():
        return np.linalg.norm(np.array(a.shape) * spacing)
    surface_a, surface_b = a & ~binary_erosion(a), b & ~binary_erosion(b)
    from_a = distance_transform_edt(~surface_b, sampling=spacing)[surface_a]
    from_b = distance_transform_edt(~surface_a, sampling=spacing)[surface_b]
    return max(np.percentile(from_a, 95), np.percentile(from_b, 95))


PLAIN: dict[str, Callable] = {
    "3.2": conv2d_loops,
    "3.4": output_places,
    "3.6": conv2d,
    "3.7": max_pool2d,
    "3.8": receptive_field,
    "3.9": count_parameters,
    "4.3": relative_error,
    "5.7": he_init,
    "7.7": auc,
    "7.10": predictive_values,
    "7.11": expected_calibration_error,
    "7.12": fit_platt,
    "7.13": fit_temperature,
    "8.2": iou,
    "8.7": nms,
    "8.11": froc,
    "8.12": cpm,
    "9.2": regions,
    "9.3": dice,
    "9.4": hausdorff95,
}


def plain_source(function: Callable, name: str) -> str:
    """The source of `function` as `name`: without type hints and input checks, the docstring down to its beginning."""
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    tree = ast.parse("\n".join(lines)).body[0]
    for argument in ast.walk(tree.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    kept = [f"def {name}({ast.unparse(tree.args)}):"]
    statements = tree.body
    if ast.get_docstring(tree) is not None:
        kept.append(f'    """{" ".join(ast.get_docstring(tree).split(chr(10) * 2)[0].split())}"""')
        statements = statements[1:]
    start = tree.body[0].end_lineno if len(statements) < len(tree.body) else tree.body[0].lineno - 1
    checks = [range(s.lineno, s.end_lineno + 1) for s in statements if _is_check(s)]
    body = [line for n, line in enumerate(lines[start:], start + 1) if not any(n in check for check in checks)]
    return "\n".join([*kept, *body])


def _is_check(statement: ast.stmt) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and "check_" in call.func.id
