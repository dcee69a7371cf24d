"""Exercises of chapter 07 on probabilities: class weights, calibration, and how to put it right."""

from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.exercises.exercise import Case, Exercise, Misconception, compare
from helpers.metrics import expected_calibration_error, fit_platt, fit_temperature, sigmoid

# 7.5 ------------------------------------------------------------------------------------------------------------------


def class_weights(y: np.ndarray, C: int) -> np.ndarray:
    """A weight for each class, so that all classes count the same in the loss: N / (C * number of its examples).

    y (N,) integers from 0 to C - 1, each class occurs; C classes -> (C,). The mean weight of an example is 1.
    """
    return len(y) / (C * np.bincount(y, minlength=C))


def _weight_cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case((np.array([0, 1, 0, 0]), 2), "three not malignant, one malignant"),
        Case((rng.permutation(np.repeat([0, 1], (73, 27))), 2), "27 of 100 malignant"),
        Case((rng.permutation(np.repeat([0, 1, 2], (6, 10, 24))), 3), "three classes"),
        Case((rng.permutation(np.repeat([0, 1], (5, 20))).astype(np.uint8), 2), "labels of type uint8"),
    ]


def _counts(y, C):
    return np.bincount(y, minlength=C)


def _weighted(rule: Callable) -> Callable:
    """A wrong answer made from the number of examples and the counts of the classes."""
    return lambda y, C: rule(len(y), _counts(y, C), C)


def _is_dict(case: Case, value: Any) -> bool:
    return isinstance(value, dict)


CLASS_WEIGHTS = Exercise(
    id="7.5",
    reference=class_weights,
    cases=_weight_cases,
    hints=(
        "Count the examples of each class. A class with few examples needs a large weight.",
        "`np.bincount(y, minlength=C)` counts them all at once. If every class is to weigh the same in sum, weight "
        "times count must be the same number for all classes.",
        "That number is N / C: each of the C classes gets an equal part of the N examples. Divide it by the counts.",
    ),
    why="Weight times count is N / C for every class, so all classes pull equally; and all weights of all examples add "
    "up to N, so the loss stays as large as without weights.",
    misconceptions=(
        Misconception(
            "shares in place of weights",
            "These are the shares of the classes: the frequent class got the large weight. The network would care even "
            "less for the rare one, and here the rare one is cancer. Divide *by* the count.",
            (_weighted(lambda N, n, C: n / N), _weighted(lambda N, n, C: C * n / N)),
        ),
        Misconception(
            "the number of classes left out",
            "The classes weigh the same, good; but the weights are C times too large, and the mean weight of an "
            "example is C in place of 1. The loss grows by that factor. With plain gradient descent that acts like a "
            "larger learning rate; Adam hardly notices.",
            (_weighted(lambda N, n, C: N / n),),
        ),
        Misconception(
            "always two classes",
            "You wrote 2 for the number of classes. With three classes the mean weight of an example is then no longer "
            "1: take `C`.",
            (_weighted(lambda N, n, C: N / (2 * n)),),
        ),
        Misconception(
            "whole numbers",
            "Your weights are whole numbers: `//` throws away what comes after the point. Divide with `/`.",
            (_weighted(lambda N, n, C: N // (C * n)), _weighted(lambda N, n, C: (N // (C * n)).astype(float))),
        ),
        Misconception(
            "multiplied by the number of classes",
            "The classes weigh the same, good; but C stands above the line. Each class gets one C-th of the N "
            "examples, so you divide by C.",
            (_weighted(lambda N, n, C: C * N / n),),
        ),
        Misconception(
            "weights that add up to N",
            "Your C weights add up to N. Not the weights of the classes should: the weights of all *examples*, each "
            "class weight taken as often as the class occurs.",
            (_weighted(lambda N, n, C: N * (1 / n) / (1 / n).sum()),),
        ),
        Misconception(
            "one minus the share",
            "1 minus the share of a class: with two classes the ratio is right, with three it is not. And the mean "
            "weight of an example is not 1.",
            (_weighted(lambda N, n, C: 1 - n / N),),
        ),
        Misconception(
            "one over the count",
            "The classes weigh the same, but all weights are tiny: the whole loss shrinks with the size of the data "
            "set, and so do its gradients. Scale them so that the mean weight of an example is 1.",
            (_weighted(lambda N, n, C: 1 / n), _weighted(lambda N, n, C: 1 / (C * n))),
        ),
        Misconception(
            "weights that add up to 1 or to C",
            "You made the C weights add up to a fixed number. What the loss sees is one weight for each *example*: the "
            "weights of all N examples should add up to N, so that their mean is 1.",
            (
                _weighted(lambda N, n, C: (1 / n) / (1 / n).sum()),
                _weighted(lambda N, n, C: C * (1 / n) / (1 / n).sum()),
            ),
        ),
        Misconception(
            "relative to one class",
            "One class has weight 1 and the others are measured by it. The ratio between the classes is right; but the "
            "mean weight of an example is not 1, so the loss changes its size with the imbalance.",
            (
                _weighted(lambda N, n, C: n.max() / n),
                _weighted(lambda N, n, C: n.min() / n),
                _weighted(lambda N, n, C: n[0] / n),
            ),
        ),
        Misconception(
            "the root of the weights",
            "You took a root. Softer weights are sometimes used on purpose; then the rare class still counts for less. "
            "Here every class is to weigh the same.",
            (_weighted(lambda N, n, C: np.sqrt(N / (C * n))), _weighted(lambda N, n, C: np.sqrt(N / n))),
        ),
        Misconception(
            "one weight an example",
            "You gave one weight for each *example*. Asked for is one for each *class*, in the order of the classes; "
            "`weights[y]` makes the long list from it. (In Keras they are `class_weight` and `sample_weight`.)",
            (lambda y, C: class_weights(y, C)[y],),
        ),
        Misconception(
            "a dict",
            "That is the form Keras wants for `class_weight=`, a dict from class to weight. Here an array is asked "
            "for, weight of class k in place k; `dict(enumerate(weights))` makes the one from the other.",
            (lambda y, C: dict(enumerate(class_weights(y, C))),),
            sign=_is_dict,
        ),
        Misconception(
            "classes in another order",
            "The weights are right and stand in the wrong places: place 0 is for class 0, place 1 for class 1. Did you "
            "sort the counts, or take the classes in the order in which they come?",
            (_weighted(lambda N, n, C: (N / (C * n))[::-1]),),
        ),
    ),
)

# 7.11 -----------------------------------------------------------------------------------------------------------------


def _calibration_cases(rng: np.random.Generator) -> list[Case]:
    p = np.concatenate([rng.uniform(0.02, 0.38, 24), rng.uniform(0.72, 0.98, 9), [0.0, 1.0, 1.0]])
    sure = sigmoid(3 * rng.normal(size=60))
    mixed = np.where(np.arange(60) % 2, 0.5 * sure, sure)
    order = rng.permutation(len(p))
    y = (rng.random(len(p)) < 0.25 + 0.5 * p).astype(int)
    y[-3:] = 1, 1, 0  # p = 0 and malignant; of the two with p = 1 one right, one wrong
    return [
        Case(
            (np.array([0, 1, 0, 1, 0]), np.array([0.1, 0.3, 0.2, 0.8, 1.0]), 2),
            "two bins: below 0.5, and from 0.5 to 1",
        ),
        Case(
            (np.array([0, 1, 1, 0]), np.array([0.25, 0.3, 0.5, 0.6]), 4),
            "0.25 and 0.5 lie on an edge, and no p is near 0 or 1",
        ),
        Case((y[order], p[order], 10), "some bins are empty; p = 0 and p = 1 occur"),
        Case(((rng.random(60) < 0.4).astype(int), mixed, 4), "60 cases in four bins"),
        Case(((rng.random(60) < sure).astype(int), sure), "the number of bins is not given: 10"),
    ]


def _bin_table(y, p, bins, which=None):
    """Count, share of positives and mean probability of each bin, empty ones left out."""
    which = np.minimum((p * bins).astype(int), bins - 1) if which is None else which
    used = np.unique(which[which >= 0])
    rows = [(np.sum(which == k), y[which == k].mean(), p[which == k].mean()) for k in used]
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def _from_bins(rule: Callable, which: Callable | None = None) -> Callable:
    """A wrong answer: `rule(count, share, mean_p, N, bins)`, with bins by `which(p, bins)` if given."""

    def wrong(y, p, bins=10):
        return rule(*_bin_table(y, p, bins, None if which is None else which(p, bins)), len(y), bins)

    return wrong


def _weighted_gap(count, share, mean_p, N, bins):
    return np.sum(count * np.abs(share - mean_p)) / N


def _with_nan(y, p, bins=10):
    which = np.minimum((p * bins).astype(int), bins - 1)
    gaps = [
        np.sum(which == k) / len(y) * abs(np.divide(y[which == k].sum() - p[which == k].sum(), np.sum(which == k)))
        for k in range(bins)
    ]
    return np.sum(gaps)


def _never_in_the_last(p, bins):
    return np.where(p == 1, -1, (p * bins).astype(int))


def _closed_right(p, bins):
    return np.maximum(np.ceil(p * bins).astype(int) - 1, 0)


def _never_in_the_first(p, bins):
    return np.where(p == 0, -1, _closed_right(p, bins))


def _closed_on_both_sides(y, p, bins=10):
    edges, total = np.linspace(0, 1, bins + 1), 0.0
    for k in range(bins):
        inside = (p >= edges[k]) & (p <= edges[k + 1])
        total += abs((y - p)[inside].sum())
    return total / len(y)


def _from_smallest_to_largest(p, bins):
    return np.digitize(p, np.histogram_bin_edges(p, bins)[1:-1])


def _no_bin_for_one(y, p, bins=10):
    return expected_calibration_error(y, p, bins) + ([0.0] * bins)[int(p.max() * bins)]  # stops where p = 1


def _equal_counts(y, p, bins=10):
    order = np.argsort(p, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return sum(len(part) * abs(y[part].mean() - p[part].mean()) for part in parts) / len(y)


def _of_confidence(y, p, bins=10):
    """The form for many classes: confidence in the predicted class, and whether it is right."""
    return expected_calibration_error(((p >= 0.5) == (y == 1)).astype(int), np.maximum(p, 1 - p), bins)


def _middles(y, p, bins=10):
    which = np.minimum((p * bins).astype(int), bins - 1)
    gaps = [np.sum(which == k) * abs(y[which == k].mean() - (k + 0.5) / bins) for k in np.unique(which)]
    return sum(gaps) / len(y)


CALIBRATION = Exercise(
    id="7.11",
    reference=expected_calibration_error,
    cases=_calibration_cases,
    hints=(
        "Sort the cases into bins by their p. In each bin compare two numbers: the mean of p (what was promised) and "
        "the share that is malignant (what came).",
        "The bin of each case: `(p * bins).astype(int)`, but p = 1 belongs to the last bin. Skip bins without cases.",
        "For each bin: the number of its cases times |share - mean of p|. Add up, divide by N.",
    ),
    why="Each bin's gap is weighed by its share of the cases, so a bin with two cases says little and one with two "
    "hundred much. (The number depends on the bins: say how many there were.)",
    misconceptions=(
        Misconception(
            "plain mean over the bins",
            "You took the plain mean over the bins: one with 2 cases weighs as much as one with 200, and its gap is "
            "mostly chance. Weigh each bin by its share of the cases.",
            (
                _from_bins(lambda count, share, mean_p, N, bins: np.abs(share - mean_p).mean()),
                _from_bins(lambda count, share, mean_p, N, bins: np.abs(share - mean_p).sum() / bins),
                _from_bins(lambda count, share, mean_p, N, bins: np.abs(share - mean_p).sum()),
            ),
        ),
        Misconception(
            "signed gaps",
            "You added gaps with their signs. A model that promises too much to some patients and too little to others "
            "comes out as good, although it is right for nobody: take the absolute gap in each bin.",
            (
                _from_bins(lambda count, share, mean_p, N, bins: np.sum(count * (share - mean_p)) / N),
                _from_bins(lambda count, share, mean_p, N, bins: np.sum(count * (mean_p - share)) / N),
                lambda y, p, bins=10: abs(y.mean() - p.mean()),
            ),
        ),
        Misconception(
            "empty bins give nan",
            "A bin without cases has no mean: 0 / 0 is nan, and one nan makes the sum nan. Skip empty bins.",
            (_with_nan,),
        ),
        Misconception(
            "p = 1 is in no bin",
            "Cases with p = 1 fell out (or made a bin of their own behind the last). These are the cases of which the "
            "model is surest. `(p * bins).astype(int)` gives them the number `bins`, and the bins go from 0 to bins - "
            "1: p = 1 belongs to the last one. The numbers of cases in the bins must add up to N.",
            (
                _no_bin_for_one,
                _from_bins(_weighted_gap, _never_in_the_last),
                _from_bins(
                    lambda count, share, mean_p, N, bins: _weighted_gap(count, share, mean_p, count.sum(), bins),
                    _never_in_the_last,
                ),
                _from_bins(_weighted_gap, lambda p, bins: (p * bins).astype(int)),
            ),
        ),
        Misconception(
            "p = 0 is in no bin",
            "Cases with p = 0 fell out: your first bin is open on the left. The numbers of cases in the bins must add "
            "up to N.",
            (
                _from_bins(_weighted_gap, _never_in_the_first),
                _from_bins(
                    lambda count, share, mean_p, N, bins: _weighted_gap(count, share, mean_p, count.sum(), bins),
                    _never_in_the_first,
                ),
            ),
        ),
        Misconception(
            "an edge in the wrong bin",
            "A case whose p lies on an edge between two bins is in the wrong one, or in both. It belongs to the upper "
            "bin, once: k / bins <= p < (k + 1) / bins. Only the last bin is closed on the right.",
            (_closed_on_both_sides, _from_bins(_weighted_gap, _closed_right)),
        ),
        Misconception(
            "bins from the smallest p to the largest",
            "Your bins go from the smallest p to the largest, as `np.histogram` does unless told otherwise. They "
            "should go from 0 to 1, so that two models are held against the same bins.",
            (_from_bins(_weighted_gap, _from_smallest_to_largest),),
        ),
        Misconception(
            "always ten bins",
            "You took ten bins each time. `bins` says how many; 10 only where it is not given.",
            (lambda y, p, bins=10: expected_calibration_error(y, p, 10),),
        ),
        Misconception(
            "rounded to a bin",
            "You rounded to the nearest number: a p just below an edge then counts above it. A bin begins at its edge: "
            "cut off with `.astype(int)` (or `np.floor`).",
            (
                _from_bins(_weighted_gap, lambda p, bins: np.round(p * bins).astype(int)),
                _from_bins(_weighted_gap, lambda p, bins: np.minimum(np.round(p * bins).astype(int), bins - 1)),
                _from_bins(_weighted_gap, lambda p, bins: np.round(p * (bins - 1)).astype(int)),
            ),
        ),
        Misconception(
            "one bin too few or too many",
            "The number of bins is not the one asked for. `np.linspace(0, 1, bins)` gives `bins` *edges*, and between "
            "them one bin fewer.",
            (
                lambda y, p, bins=10: expected_calibration_error(y, p, max(1, bins - 1)),
                lambda y, p, bins=10: expected_calibration_error(y, p, bins + 1),
            ),
        ),
        Misconception(
            "bins of equally many cases",
            "Your bins hold equally many cases. That is a calibration error too, with other bins. Here they have equal "
            "*width*: from 0 to 1 in steps of 1 / bins.",
            (_equal_counts,),
        ),
        Misconception(
            "confidence in place of p",
            "You measured whether the *predicted class* is right as often as the model is sure of it. That is the "
            "usual form for many classes. With one probability of malignant it hides what matters: 10 % that should "
            "be 17 % and 90 % that should be 97 % would share a bin and cancel. Take p itself.",
            (_of_confidence,),
        ),
        Misconception(
            "the middle of the bin in place of the mean",
            "You compared with the middle of each bin. What was promised is the mean of the p in it: near 0, where "
            "most patients are, they are not spread evenly over their bin.",
            (_middles,),
        ),
        Misconception(
            "the largest gap, or squares",
            "That is another measure: the largest gap (known as maximum calibration error), squared gaps, or their "
            "root. Asked for is the mean of the absolute gaps, weighed by the number of cases.",
            (
                _from_bins(lambda count, share, mean_p, N, bins: np.abs(share - mean_p).max()),
                _from_bins(lambda count, share, mean_p, N, bins: np.sum(count * (share - mean_p) ** 2) / N),
                _from_bins(lambda count, share, mean_p, N, bins: np.sqrt(np.sum(count * (share - mean_p) ** 2) / N)),
            ),
        ),
        Misconception(
            "each case by itself",
            "You compared each p with its own label. One patient is ill or not: a p of 0.3 is always 0.3 or 0.7 away, "
            "however well it is calibrated. Only a *group* with p about 0.3 can be right, if three in ten are ill.",
            (
                lambda y, p, bins=10: np.abs(y - p).mean(),
                lambda y, p, bins=10: ((y - p) ** 2).mean(),
            ),
        ),
        Misconception(
            "not divided by N",
            "You added up gaps times numbers of cases and did not divide by N. The result would grow with the number "
            "of patients.",
            (_from_bins(lambda count, share, mean_p, N, bins: np.sum(count * np.abs(share - mean_p))),),
        ),
    ),
)

# 7.12 -----------------------------------------------------------------------------------------------------------------

_ENOUGH = 1e-4  # log loss above the smallest possible that still counts as its minimum


def _loss(y: np.ndarray, logits: np.ndarray, weights: np.ndarray | float = 1.0) -> float:
    """Mean log loss of sigmoid(logits), never nan."""
    return float(np.mean(weights * (np.logaddexp(0, logits) - y * logits)))


def _overlapping(rng: np.random.Generator, N: int, slope: float, offset: float, spread: float, middle: float):
    """Labels and logits whose best line is near slope and offset; no threshold parts them."""
    z = np.round(rng.normal(middle, spread, size=N), 2)
    y = (rng.random(N) < sigmoid(slope * z + offset)).astype(int)
    y[np.argsort(z)[[0, N // 2 - 2, N // 2 + 2, -1]]] = 0, 1, 0, 1
    return y, z


def _platt_cases(rng: np.random.Generator) -> list[Case]:
    levels = np.repeat([0.0, 0.0, 2.0, 2.0], (1, 4, 4, 4))
    return [
        Case(
            (np.repeat([1, 0, 1, 0], (1, 4, 4, 4)), levels), "at z = 0 one of five is malignant, at z = 2 four of eight"
        ),
        Case(_overlapping(rng, 150, 0.4, -1.2, 3.0, 0.8), "too sure of itself, and shifted by class weights"),
        Case(_overlapping(rng, 100, 2.0, 0.7, 0.9, -0.5), "not sure enough"),
    ]


def _pair(value: Any) -> tuple[float, float] | None:
    """(slope, offset) where the value is two finite numbers (or arrays of one number); else None."""
    if not isinstance(value, tuple | list | np.ndarray) or len(value) != 2:
        return None
    try:
        numbers = [float(np.asarray(part).item()) for part in value]
    except (TypeError, ValueError):
        return None
    return tuple(numbers)


def _ran_away(pair: tuple[float, float]) -> bool:
    return not np.abs(pair).max() < 1e6  # true of nan


def _excess(case: Case, pair: tuple[float, float]) -> float:
    """How far the log loss is above the smallest possible."""
    y, z = case.args
    slope, offset = fit_platt(y, z)
    return _loss(y, pair[0] * z + pair[1]) - _loss(y, slope * z + offset)


def _verify_platt(case: Case, value: Any) -> str | None:
    y, z = case.args
    if value is None:
        return "Your function gave back None; two numbers were expected, slope and offset. Is the `return` missing?"
    pair = _pair(value)
    if pair is None:
        came = f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
        return f"Two numbers were expected, in this order: `slope`, `offset`; {came} came."
    slope, offset = pair
    if _ran_away(pair):
        return f"Your slope is {slope:g}, your offset {offset:g}."
    excess = _excess(case, pair)
    if excess <= _ENOUGH:
        return None
    gap = sigmoid(slope * z + offset) - y
    mine = _loss(y, slope * z + offset)
    return (
        f"With your slope {slope:.4g} and offset {offset:.4g} the log loss is {mine:.5g}; the smallest possible is "
        f"{mine - excess:.5g}. There both derivatives are 0; yours are {np.mean(gap * z):.2g} by the slope and "
        f"{np.mean(gap):.2g} by the offset."
    )


def _newton(y, X, weights=1.0, ridge=0.0) -> np.ndarray:
    """Where sum(weights * log loss) + ridge * w**2 / 2 is smallest; ridge holds one number a column."""
    w, ridge = np.zeros(X.shape[1]), np.broadcast_to(ridge, X.shape[1])
    for _ in range(40):
        p = sigmoid(X @ w)
        gradient = X.T @ (weights * (p - y)) + ridge * w
        w = w - np.linalg.solve((X.T * (weights * p * (1 - p))) @ X + np.diag(ridge), gradient)
    return w


def _columns(z):
    return np.column_stack([z, np.ones(len(z))])


def _plain(y, z):
    return _newton(y, _columns(z))


def _smoothed(y, z):
    n, m = (y == 1).sum(), (y == 0).sum()
    return _newton(np.where(y == 1, (n + 1) / (n + 2), 1 / (m + 2)), _columns(z))


def _balanced(y, z):
    return _newton(y, _columns(z), np.where(y == 1, 0.5 / y.mean(), 0.5 / (1 - y.mean())))


def _penalised(y, z):
    return _newton(y, _columns(z), ridge=(1.0, 0.0))


def _both_penalised(y, z):
    return _newton(y, _columns(z), ridge=1.0)


def _slope_only(y, z):
    return np.array([_newton(y, z[:, None])[0], 0.0])


def _offset_only(y, z):
    offset = 0.0
    for _ in range(40):
        p = sigmoid(z + offset)
        offset -= np.mean(p - y) / np.mean(p * (1 - p))
    return np.array([1.0, offset])


def _line(y, z):
    return np.polyfit(z, y, 1)


def _least_squares(y, z):
    """The smallest mean of (p - y)**2: gradient descent, halved where it overshoots."""
    X, w, rate = _columns(z), _plain(y, z), 4.0
    for _ in range(1500):
        p = sigmoid(X @ w)
        step = rate * X.T @ ((p - y) * p * (1 - p)) / len(y)
        if np.mean((sigmoid(X @ (w - step)) - y) ** 2) > np.mean((p - y) ** 2):
            rate /= 2
        else:
            w = w - step
    return w


def _descent(steps: int, rate: float, start: tuple[float, float] = (1.0, 0.0)) -> Callable:
    def fit(y, z):
        slope, offset = start
        for _ in range(steps):
            gap = sigmoid(slope * z + offset) - y
            slope, offset = slope - rate * np.mean(gap * z), offset - rate * np.mean(gap)
        return slope, offset

    return fit


def _gives(*fits: Callable) -> Callable[[Case, Any], bool]:
    """The sign of a result whose logits are nearly those of one of `fits`."""

    def sign(case: Case, value: Any) -> bool:
        pair = _pair(value)
        if pair is None or _ran_away(pair):
            return False
        z = case.args[1]
        away = (np.array(pair) - np.asarray(fit(*case.args)) for fit in fits)
        return any(np.abs(slope * z + offset).max() < 0.02 for slope, offset in away)

    return sign


def _minimum_if(change: Callable) -> Callable[[Case, Any], bool]:
    """The sign of two numbers that are right once changed back."""

    def sign(case: Case, value: Any) -> bool:
        pair = _pair(value)
        return pair is not None and not _ran_away(pair) and _excess(case, change(*pair)) <= _ENOUGH

    return sign


def _fit_logits(y, z):
    slope, offset = fit_platt(y, z)
    return slope * z + offset


def _fit_and(change: Callable) -> Callable:
    return lambda y, z: change(*fit_platt(y, z))


PLATT = Exercise(
    id="7.12",
    reference=fit_platt,
    cases=_platt_cases,
    verify=_verify_platt,
    points=2,
    hints=(
        "It is a network with one input and one unit: logit = slope * z + offset, p = sigmoid of it. You want the two "
        "numbers with the smallest cross-entropy (log loss). You know how to find them: gradient descent.",
        "With p the derivatives are `np.mean((p - y) * z)` for the slope and `np.mean(p - y)` for the offset (chapter "
        "04: probability minus label). Begin with slope 1 and offset 0.",
        "A learning rate of 0.3 and some 5000 steps are enough here; stop earlier when both derivatives are below "
        "1e-6. (`scipy.optimize.minimize` or scikit-learn's LogisticRegression without penalty do it too.)",
    ),
    why="The log loss is convex in these two numbers: there is one minimum, and every way that gets there is right. "
    "`helpers.metrics` takes Newton's method, which needs a handful of steps.",
    misconceptions=(
        Misconception(
            "exchanged",
            "The two numbers are right and in the wrong order: slope first, then offset.",
            (_fit_and(lambda slope, offset: (offset, slope)),),
            sign=_minimum_if(lambda first, second: (second, first)),
        ),
        Misconception(
            "the sign turned round",
            "Both numbers have the wrong sign: you fitted the probability of *not* malignant. (Platt's paper writes "
            "1 / (1 + exp(A z + B)), with A and B negative where ours are positive. Another trap: labels exchanged.)",
            (_fit_and(lambda slope, offset: (-slope, -offset)),),
            sign=_minimum_if(lambda slope, offset: (-slope, -offset)),
        ),
        Misconception(
            "another way to write the offset",
            "Your offset is measured in units of z: it belongs to sigmoid(slope * (z + offset)) or to "
            "sigmoid(slope * (z - offset)). Asked for is sigmoid(slope * z + offset).",
            (
                _fit_and(lambda slope, offset: (slope, offset / slope)),
                _fit_and(lambda slope, offset: (slope, -offset / slope)),
            ),
            sign=lambda case, value: any(
                _minimum_if(lambda slope, offset, side=side: (slope, side * slope * offset))(case, value)
                for side in (1, -1)
            ),
        ),
        Misconception(
            "no offset",
            "The offset is 0: only the slope was fitted. That can make the model more or less sure, but it cannot move "
            "its probabilities up or down together, which is what class weights did to them.",
            (lambda y, z: tuple(_slope_only(y, z)),),
            sign=_gives(_slope_only),
        ),
        Misconception(
            "only the offset",
            "The slope is 1: only the offset was fitted. That moves all probabilities up or down together, but a model "
            "that is too sure of itself stays too sure.",
            (lambda y, z: tuple(_offset_only(y, z)),),
            sign=_gives(_offset_only),
        ),
        Misconception(
            "a straight line through the labels",
            "You fitted a straight line to the labels, 0 and 1. A line leaves the range from 0 to 1 and is no logit. "
            "Put slope * z + offset into the sigmoid, and make the *log loss* small.",
            (lambda y, z: tuple(_line(y, z)),),
            sign=_gives(_line),
        ),
        Misconception(
            "squared error",
            "You made the squared error small (its derivative has an extra p * (1 - p)). It hardly moves where the "
            "model is sure and wrong (chapter 05). Asked for is the smallest log loss.",
            (lambda y, z: tuple(_least_squares(y, z)),),
            sign=_gives(_least_squares),
        ),
        Misconception(
            "class weights again",
            "You weighted the two classes equally, as in training. Then the probabilities are those of a place where "
            "every second patient has cancer: the shift that you want to get rid of. Calibrate without weights, on "
            "patients as they come.",
            (lambda y, z: tuple(_balanced(y, z)),),
            sign=_gives(_balanced),
        ),
        Misconception(
            "a penalty on the slope",
            "Your slope is pulled towards 0. scikit-learn's LogisticRegression penalises large weights unless told "
            "otherwise (a very large `C` switches it off). Useful with many inputs; with one it only makes the "
            "probabilities duller than the data are.",
            (lambda y, z: tuple(_penalised(y, z)), lambda y, z: tuple(_both_penalised(y, z))),
            sign=_gives(_penalised, _both_penalised),
        ),
        Misconception(
            "Platt's labels",
            "That is Platt's recipe of 1999 to the letter: he moves the labels in from 0 and 1, to "
            "1 / (n + 2) and (n + 1) / (n + 2), as a guard against few data. A good idea; here the labels are taken as "
            "they are, as most people do who now say Platt scaling.",
            (lambda y, z: tuple(_smoothed(y, z)),),
            sign=_gives(_smoothed),
        ),
        Misconception(
            "probabilities in place of the two numbers",
            "That is one number for each patient. Asked for are the two numbers that make them, slope and offset: "
            "they are found on validation data and then used for every patient who comes.",
            (
                _fit_logits,
                lambda y, z: sigmoid(_fit_logits(y, z)),
            ),
            sign=lambda case, value: np.shape(value) == case.args[1].shape,
        ),
        Misconception(
            "ran away",
            "The numbers ran away. A learning rate that is too large does that, or the log of a probability that is "
            "exactly 0.",
            (lambda y, z: (np.nan, np.nan), _descent(50, 1e9)),
            sign=lambda case, value: _pair(value) is not None and _ran_away(_pair(value)),
        ),
        Misconception(
            "not at the minimum",
            "There is a smaller log loss, and it is downhill from where you are: the log loss is convex, so it has no "
            "other valley to be caught in. With gradient descent: too few steps, a learning rate too small or too "
            "large, or a wrong derivative. With a grid: too coarse, or too short.",
            (
                _descent(20, 0.1),
                _descent(200, 0.01),
                lambda y, z: (1.0, 0.0),
                lambda y, z: tuple(np.round(fit_platt(y, z))),
            ),
            sign=lambda case, value: _pair(value) is not None,
        ),
    ),
)

# 7.13 -----------------------------------------------------------------------------------------------------------------


def _temperature_cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case(
            (np.repeat([1, 0, 1, 0], (2, 8, 4, 1)), np.repeat([-3.0, -3.0, 3.0, 3.0], (2, 8, 4, 1))),
            "at z = 3 four of five are malignant, at z = -3 two of ten",
        ),
        Case(_overlapping(rng, 150, 0.4, 0.2, 2.5, -0.5), "far too sure of itself"),
        Case(_overlapping(rng, 120, 2.0, 0.3, 0.8, 0.1), "not sure enough"),
        Case(_overlapping(rng, 150, 0.6, -0.6, 2.0, 0.3), "too sure, and shifted"),
    ]


def _verify_temperature(case: Case, value: Any) -> str | None:
    y, z = case.args
    problem = compare(1.0, value, np.inf)
    if problem:
        return problem
    T = float(np.asarray(value).item())
    if not T > 0 or not np.isfinite(T):
        return f"Your T is {T:g}. It must be a number above 0."
    excess = _loss(y, z / T) - _loss(y, z / fit_temperature(y, z))
    if excess <= _ENOUGH:
        return None
    mine = _loss(y, z / T)
    too = "surer" if T < fit_temperature(y, z) else "less sure"
    return (
        f"With your T = {T:.4g} the log loss is {mine:.5g}; the smallest possible is {mine - excess:.5g}. Your "
        f"probabilities are still {too} than the labels allow."
    )


def _number(value: Any) -> float | None:
    return float(np.asarray(value).item()) if compare(1.0, value, np.inf) is None else None


def _temperature_is(*rules: Callable, near: float = 1e-3) -> Callable[[Case, Any], bool]:
    """The sign of a T that follows from another rule."""

    def sign(case: Case, value: Any) -> bool:
        T = _number(value)
        return T is not None and any(abs(T / rule(*case.args) - 1) < near for rule in rules)

    return sign


_GRID = np.geomspace(0.05, 20, 600)


def _smallest(measure: Callable) -> Callable:
    """The T on a grid with the smallest `measure(y, p)`."""
    return lambda y, z: _GRID[np.argmin([measure(y, sigmoid(z / T)) for T in _GRID])]


def _from_grid(temperatures: np.ndarray) -> Callable:
    return lambda y, z: temperatures[np.argmin([_loss(y, z / T) for T in temperatures])]


_ece_t = _smallest(expected_calibration_error)
_mean_t = _smallest(lambda y, p: abs(p.mean() - y.mean()))


def _is_tiny(case: Case, value: Any) -> bool:
    T = _number(value)
    return T is not None and 0 < T < fit_temperature(*case.args) / 8


def _is_place(case: Case, value: Any) -> bool:
    T = _number(value)
    return T is not None and T == round(T) and T > 4 * fit_temperature(*case.args)


def _with_offset(y, z):
    return 1 / fit_platt(y, z)[0]


TEMPERATURE = Exercise(
    id="7.13",
    reference=fit_temperature,
    cases=_temperature_cases,
    verify=_verify_temperature,
    hints=(
        "One number is wanted. Try many: for each T the probabilities are sigmoid(z / T), and the cross-entropy "
        "(log loss) says how good they are. Take the best.",
        "`np.geomspace(0.05, 20, 1000)` gives 1000 values of T, each a little more than half a percent larger than the "
        "one before. In even steps they would be too coarse for small T.",
        "The log loss is the mean of -log(p) for malignant cases and of -log(1 - p) for the others; `np.argmin` of the "
        "list of losses tells which T to return.",
    ),
    why="The loss has one minimum, so a fine grid finds it (or halving an interval, or gradient descent on 1 / T). "
    "Dividing by T never moves a logit across 0: at a threshold of one half, every decision stays.",
    misconceptions=(
        Misconception(
            "one over T",
            "You have 1 / T, what the logits are *multiplied* by. A temperature divides: above 1 it makes the model "
            "less sure, below 1 surer.",
            (lambda y, z: 1 / fit_temperature(y, z), lambda y, z: 1 / _from_grid(_GRID)(y, z)),
            sign=_temperature_is(lambda y, z: 1 / fit_temperature(y, z), near=0.01),
        ),
        Misconception(
            "fitted together with an offset",
            "This is 1 over the slope of Platt's fit, which has an offset too. Without the offset another slope is "
            "best. A temperature alone cannot move all probabilities up or down: it does its best without.",
            (_with_offset,),
            sign=_temperature_is(_with_offset),
        ),
        Misconception(
            "the size of the logits",
            "You took T from the spread or the size of z alone. Whether a model is too sure is not seen in its logits, "
            "only in what became of the patients: the labels must come in.",
            (
                lambda y, z: z.std(),
                lambda y, z: np.abs(z).mean(),
                lambda y, z: np.abs(z).max(),
                lambda y, z: z.std(ddof=1),
            ),
            sign=_temperature_is(
                lambda y, z: z.std(),
                lambda y, z: np.abs(z).mean(),
                lambda y, z: np.abs(z).max(),
                lambda y, z: z.std(ddof=1),
            ),
        ),
        Misconception(
            "another measure",
            "This T makes something else small: the calibration error, or the distance between mean probability and "
            "share of malignant cases. The calibration error jumps with the bins, and several T may "
            "share its minimum. Asked for is the smallest log loss.",
            (_ece_t, _mean_t),
            sign=_temperature_is(_ece_t, _mean_t, near=0.01),
        ),
        Misconception(
            "the first T that was tried",
            "This T is tiny: every probability becomes nearly 0 or 1. Is it the first that you tried? Then perhaps "
            "`np.argmax` stands where `np.argmin` belongs. Or you looked at the accuracy at one half, which is the "
            "same for every T.",
            (lambda y, z: _GRID[np.argmax([_loss(y, z / T) for T in _GRID])], lambda y, z: 0.01),
            sign=_is_tiny,
        ),
        Misconception(
            "the place in place of the T",
            "Is that the *place* of the best T in your list? `np.argmin` gives the place; the T stands there: "
            "`temperatures[place]`.",
            (
                lambda y, z: np.argmin([_loss(y, z / T) for T in _GRID]),
                lambda y, z: int(np.argmin([_loss(y, z / T) for T in np.linspace(0.1, 10, 100)])),
            ),
            sign=_is_place,
        ),
        Misconception(
            "not above 0",
            "A temperature is above 0. At 0 every probability would be 0 or 1, below 0 every opinion would be turned "
            "round.",
            (lambda y, z: -fit_temperature(y, z), lambda y, z: 0.0),
            sign=lambda case, value: _number(value) is not None and _number(value) <= 0,
        ),
        Misconception(
            "probabilities in place of T",
            "That is one number for each patient. Asked for is T itself: it is found on validation data and then used "
            "for every patient who comes.",
            (lambda y, z: sigmoid(z / fit_temperature(y, z)), lambda y, z: z / fit_temperature(y, z)),
            sign=lambda case, value: np.shape(value) == case.args[1].shape,
        ),
        Misconception(
            "not at the minimum",
            "There is a T with a smaller log loss. Is yours the first or the last that you tried? Then the range is "
            "too short. Are the steps coarse? Small T need small steps. With gradient descent: more steps.",
            (
                _from_grid(np.linspace(0.9, 1.5, 200)),
                _from_grid(np.arange(1.5, 11)),
                lambda y, z: 1.0,
                lambda y, z: 4.0,
            ),
            sign=lambda case, value: _number(value) is not None,
        ),
    ),
)

# 7.14 -----------------------------------------------------------------------------------------------------------------


def ensemble_mean(logits: np.ndarray) -> np.ndarray:
    """What several networks say together: the mean of their probabilities.

    logits (M, N), one row for each of M networks, one column for each of N images -> p (N,)
    """
    return (1 / (1 + np.exp(-logits))).mean(axis=0)


def _ensemble_cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case((np.array([[0.0, 3.0, -2.0], [2.0, -1.0, -2.0]]),), "two networks, three images"),
        Case((rng.normal(-1, 2, size=(5, 8)),), "five networks, eight images"),
        Case((rng.normal(0, 4, size=(4, 4)),), "as many networks as images"),
        Case((rng.normal(0, 2, size=(1, 6)),), "one network alone"),
    ]


ENSEMBLE = Exercise(
    id="7.14",
    reference=ensemble_mean,
    cases=_ensemble_cases,
    hints=(
        "Two steps: make probabilities, then average. In this order.",
        "The sigmoid makes a probability of each logit. Average over the networks: along which axis do they lie?",
        "`1 / (1 + np.exp(-logits))` has shape (M, N); its mean over axis 0 has one number for each image.",
    ),
    why="Each network gives a probability; their mean is what you would say if you picked one of the networks by "
    "chance. (Lakshminarayanan, Pritzel and Blundell, 2017, average their ensembles like this.)",
    misconceptions=(
        Misconception(
            "mean of the logits first",
            "You averaged the logits and then took the sigmoid. That is another average, which is used too: the "
            "geometric mean of the odds. One network that is very sure can pull it to its side, where the mean of "
            "probabilities gives each network one equal vote. Here the probabilities are averaged.",
            (lambda logits: sigmoid(logits.mean(axis=0)),),
        ),
        Misconception(
            "logits in place of probabilities",
            "There is no sigmoid: these are logits still, with values below 0 and above 1.",
            (
                lambda logits: logits.mean(axis=0),
                lambda logits: np.log(ensemble_mean(logits) / (1 - ensemble_mean(logits))),
            ),
        ),
        Misconception(
            "averaged over the images",
            "You averaged over the images: one number for each network came out. The images are the columns, the "
            "networks the rows; the networks are to agree on each image.",
            (lambda logits: sigmoid(logits).mean(axis=1), lambda logits: sigmoid(logits.mean(axis=1))),
        ),
        Misconception(
            "one number for everything",
            "One number came out for all images together. Each image needs its own: average along the axis of the "
            "networks only.",
            (lambda logits: sigmoid(logits).mean(), lambda logits: sigmoid(logits.mean())),
        ),
        Misconception(
            "a vote",
            "You counted votes for and against. 0.51 and 0.99 are then the same yes: how sure each network is gets "
            "lost.",
            (
                lambda logits: (logits > 0).mean(axis=0),
                lambda logits: (logits >= 0).mean(axis=0),
                lambda logits: ((logits > 0).mean(axis=0) > 0.5).astype(float),
            ),
        ),
        Misconception(
            "sum in place of mean",
            "You added the probabilities up. Divide by the number of networks, or a third network would make every "
            "image more suspicious.",
            (lambda logits: sigmoid(logits).sum(axis=0),),
        ),
        Misconception(
            "product of the probabilities",
            "You multiplied the probabilities. That would be right for independent events; the networks all look at "
            "the same image. Each further network makes the product smaller, whatever it says.",
            (lambda logits: sigmoid(logits).prod(axis=0),),
        ),
        Misconception(
            "largest, smallest or middle",
            "You took one of the values (the largest, smallest or middle one), or the middle of two. The others no "
            "longer count. Take the mean of all.",
            (
                lambda logits: sigmoid(logits).max(axis=0),
                lambda logits: sigmoid(logits).min(axis=0),
                lambda logits: np.median(sigmoid(logits), axis=0),
            ),
        ),
        Misconception(
            "softmax over the networks",
            "You took a softmax: it lets numbers compete, and the rows (or columns) then add up to 1. Each logit here "
            "is a yes-or-no question of its own: sigmoid.",
            (
                lambda logits: (np.exp(logits) / np.exp(logits).sum(axis=0)).mean(axis=0),
                lambda logits: (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).mean(axis=0),
            ),
        ),
        Misconception(
            "the sign of the sigmoid",
            "You have 1 minus the probability: the minus in front of z is missing in 1 / (1 + exp(-z)).",
            (lambda logits: (1 / (1 + np.exp(logits))).mean(axis=0),),
        ),
    ),
)
