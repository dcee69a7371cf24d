"""Exercises of chapter 07 on how good a classifier is: ROC curve, AUC, its interval, what a result means."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.exercises.exercise import Case, Exercise, Misconception
from helpers.metrics import auc, predictive_values

# 7.6 ------------------------------------------------------------------------------------------------------------------


def roc_curve(y: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rate at every threshold: (0, 0) first, then one point for each distinct score, from the
    highest down. Positive means score >= threshold.

    y (N,) 1 malignant, 0 not; scores (N,) higher = more suspicious -> (fpr, tpr), each (1 + number of distinct scores,)
    """
    fpr, tpr = [0.0], [0.0]
    for threshold in np.unique(scores)[::-1]:
        positive = scores >= threshold
        fpr.append(positive[y == 0].mean())
        tpr.append(positive[y == 1].mean())
    return np.array(fpr), np.array(tpr)


def _curve_cases(rng: np.random.Generator) -> list[Case]:
    y = rng.permutation(np.repeat([0, 1], (21, 9)))
    logits = np.round(rng.normal(1.5 * y - 3, 1.5), 2)
    ratings = np.clip(rng.integers(1, 5, size=30) + y, 1, 5)
    few = rng.permutation(np.repeat([0, 1], (3, 9)))
    return [
        Case((np.array([0, 1, 1, 0, 1]), np.array([0.2, 0.9, 0.6, 0.6, 0.4])), "a malignant and a benign case tie"),
        Case((y, ratings), "a reader's ratings from 1 to 5: many ties"),
        Case((y, logits), "scores are logits, most of them negative"),
        Case((few, rng.random(12)), "nine of twelve are malignant"),
    ]


def _points(y, scores, thresholds, called=np.greater_equal) -> tuple[np.ndarray, np.ndarray]:
    """The rates at these thresholds, nothing put in front."""
    positive = called(scores, np.asarray(thresholds)[:, None])
    return positive[:, y == 0].mean(axis=1), positive[:, y == 1].mean(axis=1)


def _falling(scores):
    return np.unique(scores)[::-1]


def _on_curve(change: Callable) -> Callable:
    """A wrong answer that does something to the right curve."""
    return lambda y, scores: change(*roc_curve(y, scores), y, scores)


def _one_point_an_image(y, scores):
    y = y[np.argsort(-scores, kind="stable")]
    return np.append(0, np.cumsum(1 - y) / (1 - y).sum()), np.append(0, np.cumsum(y) / y.sum())


def _kept_images(y, scores):
    fpr, tpr = _points(y, scores, np.sort(scores)[::-1])
    return np.append(0, fpr), np.append(0, tpr)


def _of_those_called(y, scores):
    positive = scores >= _falling(scores)[:, None]
    false, true = (positive & (y == 0)).sum(axis=1), (positive & (y == 1)).sum(axis=1)
    return np.append(0, false / (false + true)), np.append(0, true / (false + true))


def _corners_only(fpr, tpr, y, scores):
    """scikit-learn's curve unless told otherwise: points on a straight line are left out."""
    bend = np.append(True, np.append(np.hypot(np.diff(fpr[1:], 2), np.diff(tpr[1:], 2)) > 1e-9, True))
    keep = np.append(True, bend)
    return fpr[keep], tpr[keep]


def _grid(thresholds):
    return lambda y, scores: _points(y, scores, thresholds[::-1])


ROC_CURVE = Exercise(
    id="7.6",
    reference=roc_curve,
    cases=_curve_cases,
    returns=("fpr", "tpr"),
    hints=(
        "Take one threshold. Who is called positive? Of the malignant cases, which share (the true positive rate)? Of "
        "the others, which share (the false positive rate)? Then do that for every threshold.",
        "The thresholds are the distinct scores, the highest first: `np.unique(scores)[::-1]`. In front of them stands "
        "the point (0, 0): nobody is called positive.",
        "For each threshold: `positive = scores >= threshold`, then the mean of `positive[y == 0]` for fpr and of "
        "`positive[y == 1]` for tpr. Collect both in lists that begin with 0, return two arrays.",
    ),
    why="Each threshold gives one pair of shares. The mean of True and False is the share of True. (Sorting the scores "
    "once and counting along, as `helpers.metrics` does, is faster and gives the same points.)",
    misconceptions=(
        Misconception(
            "exchanged",
            "The two results are exchanged: the false positive rate comes first. Drawn like this the curve is mirrored "
            "at the diagonal, and a good classifier looks worse than guessing.",
            (_on_curve(lambda fpr, tpr, y, scores: (tpr, fpr)),),
        ),
        Misconception(
            "the first point is missing",
            "The point (0, 0) is missing: a threshold above all scores, nobody is called positive. Without it the "
            "curve begins somewhere in the picture, and the area under it is too small.",
            (
                _on_curve(lambda fpr, tpr, y, scores: (fpr[1:], tpr[1:])),
                lambda y, scores: _points(y, scores, _falling(scores)),
            ),
        ),
        Misconception(
            "larger than the threshold",
            "You call a case positive only when its score is *larger* than the threshold. The threshold is one of the "
            "scores: the case it belongs to is positive too. Yours never reaches (1, 1), where everybody is.",
            (
                lambda y, scores: _points(y, scores, _falling(scores), np.greater),
                lambda y, scores: tuple(
                    np.append(0, rate) for rate in _points(y, scores, _falling(scores), np.greater)
                ),
            ),
        ),
        Misconception(
            "from right to left",
            "Your thresholds rise, so the curve runs from (1, 1) to (0, 0). Begin with the highest: first nobody is "
            "called positive, then more and more. (An area by trapezoids would come out negative.)",
            (
                _on_curve(lambda fpr, tpr, y, scores: (fpr[::-1], tpr[::-1])),
                lambda y, scores: _points(y, scores, np.unique(scores)),
                lambda y, scores: tuple(np.append(0, rate) for rate in _points(y, scores, np.unique(scores))),
                lambda y, scores: tuple(np.append(rate, 0) for rate in _points(y, scores, np.unique(scores))),
            ),
        ),
        Misconception(
            "one point an image",
            "You made one point for each image. Images with the same score cannot be parted by any threshold: they are "
            "crossed in one step, one point for each *distinct* score. Otherwise the curve depends on the order in "
            "which the images happen to stand, and points appear that no threshold can give.",
            (_one_point_an_image, _kept_images),
        ),
        Misconception(
            "shares of everybody",
            "You divided by the number of all images. The true positive rate is a share of the *malignant* ones, the "
            "false positive rate a share of the *others*. Divided by all, the curve would depend on how many patients "
            "of each kind came.",
            (_on_curve(lambda fpr, tpr, y, scores: (fpr * (y == 0).mean(), tpr * (y == 1).mean())),),
        ),
        Misconception(
            "counts in place of shares",
            "These are counts. Rates are shares, from 0 to 1: divide by the number of malignant cases, and by the "
            "number of the others.",
            (_on_curve(lambda fpr, tpr, y, scores: (fpr * (y == 0).sum(), tpr * (y == 1).sum())),),
        ),
        Misconception(
            "specificity in place of its rest",
            "Your first result is the specificity, the share of the healthy who are left alone. The false positive "
            "rate is the rest: those who are alarmed for nothing.",
            (_on_curve(lambda fpr, tpr, y, scores: (1 - fpr, tpr)),),
        ),
        Misconception(
            "shares of those called positive",
            "You divided by the number of those who are *called* positive. That says how far a positive result can be "
            "trusted (section 7.10). The rates look from the other side: of those who *are* malignant, how many are "
            "called positive?",
            (_of_those_called,),
        ),
        Misconception(
            "low scores positive",
            "You call the *low* scores positive. High means suspicious here; your curve is that of a classifier which "
            "is wrong as often as this one is right.",
            (
                lambda y, scores: tuple(
                    np.append(0, rate) for rate in _points(y, scores, np.unique(scores), np.less_equal)
                ),
                lambda y, scores: tuple(
                    np.append(0, rate) for rate in _points(y, scores, _falling(scores), np.less_equal)
                ),
            ),
        ),
        Misconception(
            "fixed thresholds",
            "Your thresholds are a fixed grid. Between two grid points several scores may lie, and logits or ratings "
            "lie outside 0 to 1. The curve changes at the scores and nowhere else: take those.",
            (
                _grid(np.linspace(0, 1, 101)),
                _grid(np.linspace(0, 1, 11)),
                _grid(np.linspace(0, 1, 100)),
                lambda y, scores: _points(y, scores, np.linspace(scores.min(), scores.max(), 101)[::-1]),
            ),
        ),
        Misconception(
            "points on a straight line left out",
            "The curve is right, but points are missing: scikit-learn leaves out those that lie on a straight line "
            "between others, unless told `drop_intermediate=False`. Here each distinct score keeps its point, so that "
            "you can read off what any threshold does.",
            (_on_curve(_corners_only),),
        ),
    ),
)

# 7.7 ------------------------------------------------------------------------------------------------------------------


def _auc_cases(rng: np.random.Generator) -> list[Case]:
    y = rng.permutation(np.repeat([0, 1], (28, 12)))
    few = rng.permutation(np.repeat([0, 1], (4, 9)))
    return [
        Case(
            (np.array([1, 0, 1, 0, 1]), np.array([0.9, 0.2, 0.6, 0.6, 0.1])),
            "three malignant, two not: six pairs, one of them a tie",
        ),
        Case((y, np.clip(rng.integers(1, 5, size=40) + y, 1, 5)), "a reader's ratings from 1 to 5: many ties"),
        Case((y, rng.normal(0.8 * y - 2, 1)), "scores are logits, most of them negative"),
        Case((few, rng.normal(-0.8 * few, 0.5)), "the scores point the wrong way"),
        Case((few, np.full(13, 0.3)), "all scores are the same"),
    ]


def _gaps(y, scores):
    return scores[y == 1][:, None] - scores[y == 0]


def _by_rank(y, scores):
    """Ranks without a thought for ties, divided by the number of pairs."""
    rank = np.empty(len(y))
    rank[np.argsort(scores, kind="stable")] = np.arange(1, len(y) + 1)
    n = int((y == 1).sum())
    return (rank[y == 1].sum() - n * (n + 1) / 2) / (n * (len(y) - n))


def _won(y, scores):
    gaps = _gaps(y, scores)
    return (gaps > 0).sum() + 0.5 * (gaps == 0).sum()


AUC = Exercise(
    id="7.7",
    reference=auc,
    cases=_auc_cases,
    hints=(
        "Take one malignant case and one that is not. Has the malignant one the higher score? Ask every such pair; the "
        "AUC is the share of pairs that answer yes.",
        "A pair with equal scores counts one half: by these scores you would have to toss a coin.",
        "All pairs at once: `scores[y == 1][:, None] - scores[y == 0]` is a table of differences, one row for each "
        "malignant case. Count the positive ones, add half of those that are 0, divide by the size of the table.",
    ),
    why="The table holds every pair. `helpers.metrics` counts the same pairs by ranks, which is faster for many "
    "images. The area under the curve of 7.6, by trapezoids, is the same number.",
    misconceptions=(
        Misconception(
            "accuracy at one threshold",
            "That is the accuracy at a threshold of 0.5. The AUC looks at the *order* of the scores and at no "
            "threshold: if you double all scores, or take their logits, it must stay as it is. Yours changes.",
            (
                lambda y, scores: ((scores >= 0.5) == (y == 1)).mean(),
                lambda y, scores: ((scores > 0.5) == (y == 1)).mean(),
                lambda y, scores: ((scores >= 0) == (y == 1)).mean(),
                lambda y, scores: (np.round(scores) == y).mean(),
            ),
        ),
        Misconception(
            "the AUC of yes and no",
            "You compared with a threshold first and then ranked what was left: 0 and 1. All the order within each "
            "group is lost. Leave the scores as they are.",
            (
                lambda y, scores: auc(y, scores >= 0.5),
                lambda y, scores: auc(y, scores > 0.5),
                lambda y, scores: auc(y, scores >= 0),
                lambda y, scores: auc(y, np.round(scores)),
            ),
        ),
        Misconception(
            "ties count nothing",
            "Pairs with equal scores counted as lost. They are worth one half: with all scores the same, the AUC is "
            "that of guessing, 0.5. (In an area made of steps: join the points of the curve by straight lines.)",
            (
                lambda y, scores: (_gaps(y, scores) > 0).mean(),
                lambda y, scores: np.sum(np.diff(roc_curve(y, scores)[0]) * roc_curve(y, scores)[1][:-1]),
            ),
        ),
        Misconception(
            "ties count in full",
            "Pairs with equal scores counted as won. They are worth one half: a classifier that gives everybody the "
            "same score would have a perfect AUC, and have found nobody. (In an area made of steps: join the points of "
            "the curve by straight lines.)",
            (
                lambda y, scores: (_gaps(y, scores) >= 0).mean(),
                lambda y, scores: np.sum(np.diff(roc_curve(y, scores)[0]) * roc_curve(y, scores)[1][1:]),
            ),
        ),
        Misconception(
            "ties left out",
            "Pairs with equal scores were left out of the count altogether. Then a classifier that ties nearly always "
            "is judged by the few pairs it dares to order. They belong to the pairs, and count one half.",
            (
                lambda y, scores: (_gaps(y, scores) > 0).sum() / (_gaps(y, scores) != 0).sum(),
                lambda y, scores: (_gaps(y, scores) > 0).sum() / max(1, (_gaps(y, scores) != 0).sum()),
            ),
        ),
        Misconception(
            "ties in the order of the file",
            "Where scores are equal, your ranks follow the order in which the images stand. Another order of the same "
            "images would give another AUC. Equal scores share the mean of their ranks.",
            (_by_rank,),
        ),
        Misconception(
            "the other class is positive",
            "You have 1 minus the AUC: the healthy ones won your pairs. Say each time which label is the positive one. "
            "(In the files of BreastMNIST malignant is 0.)",
            (lambda y, scores: 1 - auc(y, scores), lambda y, scores: auc(y, -scores)),
        ),
        Misconception(
            "trapezoids from right to left",
            "The size is right and the sign is not: the trapezoids ran along a curve from right to left, with steps to "
            "the left counted as negative. The false positive rate must rise.",
            (lambda y, scores: -auc(y, scores),),
        ),
        Misconception(
            "not divided",
            "That is the number of pairs that were won. Divide by the number of all pairs: malignant times the others.",
            (_won,),
        ),
        Misconception(
            "other pairs",
            "You divided by another number of pairs. A pair is one malignant case and one that is not; two malignant "
            "cases make no pair, nobody asks which of them should be ahead.",
            (
                lambda y, scores: _won(y, scores) / (len(y) * (len(y) - 1) / 2),
                lambda y, scores: _won(y, scores) / (len(y) * (len(y) - 1)),
                lambda y, scores: _won(y, scores) / len(y) ** 2,
                lambda y, scores: _won(y, scores) / len(y),
                lambda y, scores: _won(y, scores) / (y == 1).sum(),
                lambda y, scores: _won(y, scores) / (y == 0).sum(),
            ),
        ),
        Misconception(
            "difference of the means",
            "That is how far apart the mean scores of the two groups lie. It changes when all scores are doubled, and "
            "a single extreme score moves it. Ask each pair who is ahead, not by how much.",
            (
                lambda y, scores: scores[y == 1].mean() - scores[y == 0].mean(),
                lambda y, scores: float(scores[y == 1].mean() > scores[y == 0].mean()),
            ),
        ),
        Misconception(
            "the first point is missing",
            "The area begins at the first score and not at (0, 0): a piece on the left is missing.",
            (
                lambda y, scores: np.trapezoid(roc_curve(y, scores)[1][1:], roc_curve(y, scores)[0][1:]),
                lambda y, scores: np.trapezoid(roc_curve(y, scores)[1][1:-1], roc_curve(y, scores)[0][1:-1]),
            ),
        ),
        Misconception(
            "twice the area minus one",
            "That is 2 AUC - 1, known as Gini coefficient or Somers' D: 0 for guessing. The AUC of guessing is 0.5.",
            (lambda y, scores: 2 * auc(y, scores) - 1,),
        ),
    ),
)

# 7.8 ------------------------------------------------------------------------------------------------------------------


def bootstrap_interval(
    y: np.ndarray, scores: np.ndarray, patients: np.ndarray, rng: np.random.Generator, repeats: int = 1000
) -> tuple[float, float]:
    """95 % interval for the AUC: draw whole patients with replacement, as many as there are, and take the AUC of all
    their images; again and again. Between the 2.5th and the 97.5th percentile.

    y (N,), scores (N,), patients (N,) whose image it is; rng draws; a draw with one class only is drawn again
    -> (low, high)
    """
    images = [np.flatnonzero(patients == patient) for patient in np.unique(patients)]
    values = []
    while len(values) < repeats:
        drawn = rng.integers(len(images), size=len(images))
        rows = np.concatenate([images[k] for k in drawn])
        if 0 < y[rows].sum() < len(rows):  # no AUC where one class is missing
            values.append(auc(y[rows], scores[rows]))
    low, high = np.percentile(values, [2.5, 97.5])
    return low, high


# Each row a patient with all images. Chosen so that the interval is clearly another one for each wrong way of drawing.
_MALIGNANT = ([1.79], [2.04], [1.32], [1.35, 1.16], [1.57, 0.96, 1.23, 0.98, 1.53], [1.23], [3.19, 3.56])
_BENIGN = (
    [1.01, 0.93],
    [0.97, 1.14, 0.98, 1.5],
    [1.23, -0.02, 0.85, 0.65, 0.48],
    [-0.72],
    [-0.59, -0.88],
    [3.08, 3.02, 3.0],
    [-0.7, 0.01, -0.21],
    [-0.68, -0.3],
    [3.18, 3.11, 2.77, 3.68, 3.21],
    [-0.39, -0.06, 0.68, -0.11, 0.08],
)


def _interval_cases(rng: np.random.Generator) -> list[Case]:
    def case(names: np.ndarray, repeats: int, note: str) -> Case:
        people = [*_MALIGNANT, *_BENIGN]
        y = np.repeat([1, 0], [sum(map(len, _MALIGNANT)), sum(map(len, _BENIGN))])
        scores = np.round(np.concatenate(people) * rng.uniform(1, 3) + rng.normal(), 3)
        order = rng.permutation(len(y))
        patients = np.repeat(rng.permutation(names), [len(images) for images in people])
        generator = np.random.default_rng(rng.integers(1 << 30))
        return Case((y[order], scores[order], patients[order], generator, repeats), note)

    eight = np.array([1, 0, 1, 0, 0, 1, 0, 0]), np.array([0.9, 0.4, 0.35, 0.2, 0.3, 0.8, 0.5, 0.1])
    six = np.array([1, 2, 2, 3, 3, 4, 5, 6])
    named = np.array([f"P{number}" for number in range(31, 48)])
    return [
        case(np.arange(100, 117), 2000, "17 patients, 44 images, one to five a patient"),
        case(named, 300, "17 patients with names, 44 images"),
        Case((*eight, six, np.random.default_rng(rng.integers(1 << 30)), 200), "six patients, eight images"),
    ]


_DRAWS = 10_000

# How often each image is drawn, by the right idea and by wrong ones: (rng, owner (N,), patients P) -> (_DRAWS, N)
_WAYS: dict[str, Callable] = {
    "patients": lambda rng, owner, P: rng.multinomial(P, np.full(P, 1 / P), size=_DRAWS)[:, owner],
    "images": lambda rng, owner, P: rng.multinomial(len(owner), np.full(len(owner), 1 / len(owner)), size=_DRAWS),
    "each once": lambda rng, owner, P: np.minimum(_WAYS["patients"](rng, owner, P), 1),
    "one image": lambda rng, owner, P: (
        _WAYS["patients"](rng, owner, P) * np.isin(np.arange(len(owner)), np.unique(owner, return_index=True)[1])
    ),
    "too many": lambda rng, owner, P: rng.multinomial(len(owner), np.full(P, 1 / P), size=_DRAWS)[:, owner],
    "by images": lambda rng, owner, P: rng.multinomial(P, np.bincount(owner) / len(owner), size=_DRAWS)[:, owner],
    "by images, too many": lambda rng, owner, P: rng.multinomial(
        len(owner), np.bincount(owner) / len(owner), size=_DRAWS
    )[:, owner],
}


def _drawn_aucs(case: Case, way: str = "patients") -> np.ndarray:
    """The AUCs of many test sets drawn in this way, sorted."""
    return _aucs(way, *(tuple(column.tolist()) for column in case.args[:3]))


@functools.lru_cache(maxsize=32)
def _aucs(way: str, *columns: tuple) -> np.ndarray:
    y, scores, patients = map(np.array, columns)
    names, owner = np.unique(patients, return_inverse=True)
    times = _WAYS[way](np.random.default_rng(7), owner, len(names)).astype(float)
    malignant, other = times[:, y == 1], times[:, y == 0]
    both = malignant.any(axis=1) & other.any(axis=1)
    malignant, other = malignant[both], other[both]
    gaps = _gaps(y, scores)
    won = ((malignant @ ((gaps > 0) + 0.5 * (gaps == 0))) * other).sum(axis=1)
    return np.sort(won / (malignant.sum(axis=1) * other.sum(axis=1)))


def _off(values: np.ndarray, share: float, end: float, repeats: int) -> float:
    """How far `end` is from the quantile `share` of the values, in standard errors of so many draws."""
    below, upto = (np.searchsorted(values, end, side) / len(values) for side in ("left", "right"))
    away = max(below - share, 0.0) + min(upto - share, 0.0)
    return away / math.sqrt(share * (1 - share) / repeats)


def _ends(value: Any) -> tuple[float, float] | None:
    """(low, high) where the value is two numbers; else None."""
    if not isinstance(value, tuple | list | np.ndarray) or np.shape(value) != (2,):
        return None
    ends = np.asarray(value)
    return tuple(float(end) for end in ends) if ends.dtype.kind in "biuf" else None


def _misses(case: Case, ends: tuple[float, float], way: str = "patients", tail: float = 0.025) -> float:
    """How far an interval is from the one of this way of drawing, in standard errors of both ends together."""
    values, repeats = _drawn_aucs(case, way), case.args[4]
    return math.hypot(_off(values, tail, ends[0], repeats), _off(values, 1 - tail, ends[1], repeats))


def _verify_interval(case: Case, value: Any) -> str | None:
    if value is None:
        return "Your function gave back None; two numbers were expected, low and high. Is the `return` missing?"
    ends = _ends(value)
    if ends is None:
        came = f"an array of shape {np.shape(value)}" if isinstance(value, np.ndarray) else f"{type(value).__name__}"
        return f"Two numbers were expected, the low and the high end of the interval; {came} came."
    low, high = ends
    yours = f"Your interval goes from {low:.3f} to {high:.3f}"
    if not np.isfinite(ends).all() or low > high:
        return f"{yours}."
    if low < 0 or high > 1:
        return f"{yours}. An AUC is never below 0 or above 1."
    if _misses(case, ends) <= 4.8:  # by chance about once in ten thousand
        return None
    due = np.quantile(_drawn_aucs(case), [0.025, 0.975])
    return (
        f"{yours}, a width of {high - low:.3f}. Drawn as the docstring says, it goes from about {due[0]:.2f} to "
        f"{due[1]:.2f}, a width of {due[1] - due[0]:.2f}: further off than chance explains."
    )


def _bootstrap_uses_the_rng(interval: Callable) -> str | None:
    """Two intervals from one generator differ, those of two generators with one seed agree."""
    y, scores = np.repeat([0, 1], 15), np.arange(30) % 17 / 10
    rng = np.random.default_rng(1)

    def again(rng):
        return np.asarray(interval(y.copy(), scores.copy(), np.arange(30), rng, 40), float)

    same_seed = [again(np.random.default_rng(2)) for _ in range(2)]
    if np.array_equal(again(rng), again(rng)) or not np.array_equal(*same_seed):
        return (
            "The interval is right, but the chance does not come from `rng`. Called twice with one generator, your "
            "function should draw other patients; called with two generators of the same seed, the same ones twice. "
            "Draw with `rng`, and make no generator of your own."
        )
    return None


def _spread_misses(case: Case, ends: tuple[float, float], factor: float) -> float:
    """How far an interval is from AUC (or mean of the draws) plus and minus `factor` standard deviations."""
    values, repeats, area = _drawn_aucs(case), case.args[4], auc(*case.args[:2])
    around_auc = abs(sum(ends) / 2 - area) < 1e-9 or ends[1] == 1  # exactly, unless cut off at 1
    middles = np.array([values.mean(), area] if around_auc else [values.mean()])
    reach, chance = factor * values.std(), values.std() * math.sqrt((1 + factor**2 / 2) / repeats)
    highs = middles + reach
    high = np.minimum(np.abs(ends[1] - highs), np.abs(ends[1] - np.minimum(1, highs)))
    return float(np.hypot(ends[0] - (middles - reach), high).min() / chance)


def _nearest(case: Case, ends: tuple[float, float]) -> str | None:
    """The wrong idea whose interval is nearest; None if none is near."""
    off = {way: _misses(case, ends, way) for way in _WAYS if way != "patients"}
    off["90 %"] = _misses(case, ends, tail=0.05)
    off |= {f"{factor} errors": _spread_misses(case, ends, factor) for factor in (1, 1.96)}
    idea = min(off, key=off.get)
    return idea if off[idea] <= 6 else None


def _idea(*names: str) -> Callable[[Case, Any], bool]:
    """The sign of an interval that lies nearer to one of these ideas than to any other."""
    return _on_ends(lambda case, low, high: _nearest(case, (low, high)) in names)


def _on_ends(judge: Callable[[Case, float, float], bool]) -> Callable[[Case, Any], bool]:
    """A sign that looks at the two ends, both finite."""

    def sign(case: Case, value: Any) -> bool:
        ends = _ends(value)
        return ends is not None and bool(np.isfinite(ends).all()) and bool(judge(case, *ends))

    return sign


def _is_nan(case: Case, value: Any) -> bool:
    ends = _ends(value)
    return ends is not None and bool(np.isnan(ends).any())


def _percent_as_share(case: Case, low: float, high: float) -> bool:
    return high <= np.quantile(_drawn_aucs(case), 0.04)


def _shrunk(case: Case, low: float, high: float) -> bool:
    values = _drawn_aucs(case)
    inside = np.quantile(values, 0.1) < low < high < np.quantile(values, 0.99)
    return inside and high - low < 0.25 * np.diff(np.quantile(values, [0.025, 0.975]))[0]


def _all_draws(case: Case, low: float, high: float) -> bool:
    values = _drawn_aucs(case)
    return low <= np.quantile(values, 0.006) and high >= np.quantile(values, 0.994)


def _percentiles(values, y, scores):
    return np.percentile(values, [2.5, 97.5])


def _quick_auc(y, scores):
    gaps = _gaps(y, scores)
    return ((gaps > 0) + 0.5 * (gaps == 0)).mean()


def _resampled(
    draw: Callable, ends: Callable = _percentiles, rows_of: Callable | None = None, redraw: bool = True
) -> Callable:
    """A wrong bootstrap: `draw(names, patients, rng)` gives names, `rows_of(patients, drawn)` their images."""

    def wrong(y, scores, patients, rng, repeats=1000):
        names, values = np.unique(patients), []
        images = {name: np.flatnonzero(patients == name) for name in names}
        while len(values) < repeats:
            drawn = draw(names, patients, rng)
            rows = rows_of(patients, drawn) if rows_of else np.concatenate([images[name] for name in drawn])
            both = 0 < y[rows].sum() < len(rows)
            if both or not redraw:
                values.append(_quick_auc(y[rows], scores[rows]) if both else auc(y[rows], scores[rows]))
        return tuple(float(end) for end in ends(np.array(values), y, scores))

    return wrong


def _names(names, patients, rng):
    return rng.choice(names, len(names))


def _image_rows(patients, drawn):
    return drawn


def _torn_apart(y, scores, patients, rng, repeats=1000):
    values, N = [], len(y)
    for _ in range(repeats):
        drawn = y[rng.integers(N, size=N)]
        if 0 < drawn.sum() < N:
            values.append(_quick_auc(drawn, scores[rng.integers(N, size=N)]))
    return tuple(np.percentile(values, [2.5, 97.5]))


def _shuffled_scores(y, scores, patients, rng, repeats=1000):
    return tuple(np.percentile([_quick_auc(y, rng.permutation(scores)) for _ in range(repeats)], [2.5, 97.5]))


def _auc_or_nan(y, scores, patients, rng, repeats=1000):
    names, values = np.unique(patients), []
    for _ in range(repeats):
        rows = np.concatenate([np.flatnonzero(patients == name) for name in rng.choice(names, len(names))])
        values.append(_quick_auc(y[rows], scores[rows]))  # the mean of no pairs is nan
    return tuple(np.percentile(values, [2.5, 97.5]))


def _normal(factor: float, middle: Callable = lambda values, y, scores: auc(y, scores)) -> Callable:
    def ends(values, y, scores):
        centre, reach = middle(values, y, scores), factor * values.std()
        return centre - reach, centre + reach

    return ends


def _mean_of_draws(values, y, scores):
    return values.mean()


BOOTSTRAP = Exercise(
    id="7.8",
    reference=bootstrap_interval,
    cases=_interval_cases,
    verify=_verify_interval,
    holds=_bootstrap_uses_the_rng,
    points=2,
    hints=(
        "Imagine that the study is repeated with as many patients of the same kind. You have no others, so put the "
        "patients you have into a hat and draw, putting each back: some come twice, some not at all. Take *all* images "
        "of each, as often as the patient was drawn, and compute the AUC. Repeat.",
        "First collect the rows of each patient: `np.flatnonzero(patients == patient)` for each of "
        "`np.unique(patients)`. Draw as many patients as there are: `rng.integers(P, size=P)` gives P places among P. "
        "Join their rows with `np.concatenate`, and index y and scores with the same rows.",
        "If the drawn images are all malignant or all not, draw again (`while len(values) < repeats`). At the end: "
        "`np.percentile(values, [2.5, 97.5])`. (Use your `auc` of 7.7; scikit-learn's takes far longer a call.)",
    ),
    why="What varies from study to study is *who comes*. So patients are drawn, with replacement, and each brings all "
    "images. The middle 95 % of the AUCs is the interval.",
    misconceptions=(
        Misconception(
            "a draw with one class gives nan",
            "Some draws held only malignant patients or none, and there is no AUC for them: one nan among the values "
            "makes the whole interval nan. Draw again in that case.",
            (_auc_or_nan,),
            sign=_is_nan,
        ),
        Misconception(
            "a draw with one class stops",
            "By chance a draw holds only malignant patients, or none. No pairs, no AUC: look at the labels that were "
            "drawn before you call `auc`, and draw again. It happens when patients are few, so it comes late and "
            "seldom: the kind of error that appears after an hour.",
            (_resampled(_names, redraw=False),),
        ),
        Misconception(
            "the ends exchanged",
            "The high end came first. First low, then high.",
            (lambda *args: bootstrap_interval(*args)[::-1],),
            sign=_on_ends(lambda case, low, high: low > high),
        ),
        Misconception(
            "without replacement",
            "The width is 0: you drew everybody once, in another order, which is the same set again. Put each patient "
            "back into the hat (with replacement), so that some come twice and some not at all.",
            (
                _resampled(lambda names, patients, rng: rng.permutation(names)),
                _resampled(lambda names, patients, rng: rng.choice(names, len(names), replace=False)),
                _resampled(lambda names, patients, rng: names),
            ),
            sign=_on_ends(lambda case, low, high: high - low < 1e-9),
        ),
        Misconception(
            "smallest and largest",
            "That is the smallest and the largest value: all draws lie between them, not 95 %, and the more you draw "
            "the wider it gets. Cut off 2.5 % on each side.",
            (_resampled(_names, lambda values, y, scores: (values.min(), values.max())),),
            sign=_on_ends(_all_draws),
        ),
        Misconception(
            "labels and scores drawn separately",
            "Your interval lies around 0.5, the AUC of guessing. Labels and scores were drawn (or shuffled) "
            "separately, so that each score stands beside somebody else's label. Draw *rows*, and use the same rows "
            "for both.",
            (_torn_apart, _shuffled_scores),
            sign=_on_ends(lambda case, low, high: abs(low + high - 1) < 0.2 and high - low > 0.05),
        ),
        Misconception(
            "percent taken for a share",
            "Both ends lie among the smallest values. `np.percentile` wants percent, from 0 to 100: 0.975 is not even "
            "one percent. (`np.quantile` wants shares, 0.025 and 0.975.)",
            (_resampled(_names, lambda values, y, scores: np.percentile(values, [0.025, 0.975])),),
            sign=_on_ends(_percent_as_share),
        ),
        Misconception(
            "divided by the root of the draws",
            "The interval is far too narrow, and more draws would make it narrower still. The spread over the draws "
            "*is* the standard error of the AUC. More draws do not make more patients: do not divide by the root of "
            "their number.",
            (
                _resampled(_names, lambda v, y, s: _normal(1.96 / math.sqrt(len(v)))(v, y, s)),
                _resampled(_names, lambda v, y, s: _normal(1.96 / math.sqrt(len(v)), _mean_of_draws)(v, y, s)),
                _resampled(_names, lambda v, y, s: _normal(1.96 / math.sqrt(len(y)))(v, y, s)),
            ),
            sign=_on_ends(_shrunk),
        ),
        Misconception(
            "one standard error",
            "That is the AUC plus and minus *one* standard error: it would hold about 68 %. For 95 % take the 2.5th "
            "and the 97.5th percentile.",
            (_resampled(_names, _normal(1)),),
            sign=_idea("1 errors"),
        ),
        Misconception(
            "1.96 standard errors",
            "That is the normal interval, AUC plus and minus 1.96 standard errors, a good approximation for many "
            "patients. With few, and an AUC near 1, the draws are lopsided, and it ends above 1, where no AUC can be. "
            "Here the percentiles of the draws are asked for.",
            (
                _resampled(_names, _normal(1.96)),
                _resampled(_names, _normal(1.96, _mean_of_draws)),
                _resampled(_names, lambda v, y, s: np.clip(_normal(1.96)(v, y, s), 0, 1)),
            ),
            sign=_idea("1.96 errors"),
        ),
        Misconception(
            "images drawn in place of patients",
            "You drew images. Images of one patient resemble each other: the second says little that the first did not "
            "say. Counting them as separate people makes the interval too narrow, so that the result looks surer than "
            "it is. Draw *patients*, and take all their images.",
            (
                _resampled(
                    lambda names, patients, rng: rng.integers(len(patients), size=len(patients)), rows_of=_image_rows
                ),
                _resampled(lambda names, patients, rng: rng.choice(len(patients), len(patients)), rows_of=_image_rows),
            ),
            sign=_idea("images"),
        ),
        Misconception(
            "each drawn patient once",
            "A patient who was drawn twice came once. (`np.isin` and sets forget how often.) Then every draw is a "
            "part of the same people, without weights, and the interval is too narrow. Take the images *as often as* "
            "the patient was drawn.",
            (_resampled(_names, rows_of=lambda patients, drawn: np.flatnonzero(np.isin(patients, drawn))),),
            sign=_idea("each once"),
        ),
        Misconception(
            "one image a patient",
            "Each drawn patient brought one image. The AUC of the test set is over *all* images: take all of each "
            "drawn patient.",
            (
                _resampled(
                    _names, rows_of=lambda patients, drawn: np.array([np.argmax(patients == name) for name in drawn])
                ),
            ),
            sign=_idea("one image"),
        ),
        Misconception(
            "too many patients drawn",
            "You drew as many patients as there are *images*. That is a larger study than yours, and its interval is "
            "narrower. Draw as many patients as there are patients.",
            (_resampled(lambda names, patients, rng: rng.choice(names, len(patients))),),
            sign=_idea("too many"),
        ),
        Misconception(
            "patients with many images drawn more often",
            "You drew from a list in which each patient stands as often as there are images. Who was scanned five "
            "times is not five times as likely to come to the next study. Put each name into the hat once: "
            "`np.unique`.",
            (
                _resampled(lambda names, patients, rng: rng.choice(patients, len(names))),
                _resampled(lambda names, patients, rng: rng.choice(patients, len(patients))),
            ),
            sign=_idea("by images", "by images, too many"),
        ),
        Misconception(
            "the 5th and the 95th percentile",
            "That is the middle 90 %: 5 % are cut off on *each* side. For 95 % there may be 5 % outside in all: 2.5 % "
            "below and 2.5 % above.",
            (
                _resampled(_names, lambda values, y, scores: np.percentile(values, [5, 95])),
                _resampled(_names, lambda values, y, scores: np.quantile(values, [0.05, 0.95])),
            ),
            sign=_idea("90 %"),
        ),
    ),
)

# 7.10 -----------------------------------------------------------------------------------------------------------------


def _predictive_cases(rng: np.random.Generator) -> list[Case]:
    sensitivity, specificity, prevalence = (float(x) for x in np.round(rng.uniform([0.55, 0.6, 0.1], 0.95), 3))
    return [
        Case((0.9, 0.8, 0.25), "think of 1000 patients, 250 of them with cancer"),
        Case((0.85, 0.9, 0.006), "screening: six in a thousand"),
        Case((0.6, 0.99, 0.4), "a strict test"),
        Case((sensitivity, specificity, prevalence)),
    ]


def _counted(sensitivity, specificity, prevalence) -> tuple[float, float, float, float]:
    """Found, missed, left alone, false alarms: shares of all who are tested."""
    sick, healthy = prevalence, 1 - prevalence
    return sick * sensitivity, sick * (1 - sensitivity), healthy * specificity, healthy * (1 - specificity)


def _predictive(rule: Callable) -> Callable:
    """A wrong answer made from found, missed, left alone and false alarms."""
    return lambda *shares: rule(*_counted(*shares))


PREDICTIVE = Exercise(
    id="7.10",
    reference=predictive_values,
    cases=_predictive_cases,
    returns=("ppv", "npv"),
    hints=(
        "Do not look for a formula. Take 1000 patients and sort them into four groups: found, missed, false alarms, "
        "rightly left alone. The prevalence says how many have cancer; sensitivity and specificity split each side.",
        "The PPV is found / (found + false alarms): of all with a positive result, who is ill. The NPV is left alone / "
        "(left alone + missed).",
        "found = prevalence * sensitivity, missed = prevalence * (1 - sensitivity); with the healthy, 1 - prevalence, "
        "the same with the specificity. In shares you need no 1000.",
    ),
    why="Four groups, two divisions: this is Bayes' rule, counted. Prevalence comes in because it says how large the "
    "two sides are before anybody is tested.",
    misconceptions=(
        Misconception(
            "the condition turned round",
            "You gave back sensitivity and specificity: of the ill, how many test positive. The question is the other "
            "way round: of those who test positive, how many are ill? When few are ill, the two are far apart. A "
            "patient who has just read her result asks the second.",
            (
                lambda sensitivity, specificity, prevalence: (sensitivity, specificity),
                lambda sensitivity, specificity, prevalence: (specificity, sensitivity),
                _predictive(lambda found, missed, alone, alarms: (found / (found + missed), alone / (alone + alarms))),
            ),
        ),
        Misconception(
            "prevalence left out",
            "The prevalence does not come in, as if every second patient had cancer. In screening fewer than one in a "
            "hundred has: there most positive results are false alarms, whatever the test's own numbers.",
            (lambda sensitivity, specificity, prevalence: predictive_values(sensitivity, specificity, 0.5),),
        ),
        Misconception(
            "exchanged",
            "The two results are exchanged: first what a positive result means (PPV), then a negative one (NPV).",
            (lambda *shares: predictive_values(*shares)[::-1],),
        ),
        Misconception(
            "NPV taken for the rest of PPV",
            "1 - PPV is the share of *false alarms* among positive results. It says nothing about those who test "
            "negative: they are another group, with a division of its own.",
            (lambda *shares: (predictive_values(*shares)[0], 1 - predictive_values(*shares)[0]),),
        ),
        Misconception(
            "the wrong side of the specificity",
            "False alarms come from the healthy who test *positive*, a share of 1 - specificity. You counted those who "
            "are rightly left alone as false alarms (and likewise for the NPV, or for one of the two).",
            (
                _predictive(lambda found, missed, alone, alarms: (found / (found + alone), alone / (alone + found))),
                _predictive(lambda found, missed, alone, alarms: (found / (found + alone), alone / (alone + missed))),
                _predictive(lambda found, missed, alone, alarms: (found / (found + alarms), alone / (alone + found))),
            ),
        ),
        Misconception(
            "shares of wrong results",
            "You counted the results that are *wrong*: false alarms among the positive, missed cancers among the "
            "negative. The predictive values count those that are right.",
            (_predictive(lambda found, missed, alone, alarms: (alarms / (found + alarms), missed / (alone + missed))),),
        ),
        Misconception(
            "not divided",
            "These are shares of *everybody*: found, and rightly left alone. Divide each by the share of all who have "
            "that result, right and wrong ones.",
            (
                _predictive(lambda found, missed, alone, alarms: (found, alone)),
                lambda sensitivity, specificity, prevalence: (sensitivity * prevalence, specificity * prevalence),
            ),
        ),
        Misconception(
            "prevalence on the wrong side",
            "Prevalence is the share of those who *have* cancer. You used it for the healthy.",
            (lambda sensitivity, specificity, prevalence: predictive_values(sensitivity, specificity, 1 - prevalence),),
        ),
        Misconception(
            "percent in place of shares",
            "These are percent. Shares go in, and shares were asked for, from 0 to 1.",
            (lambda *shares: tuple(100 * value for value in predictive_values(*shares)),),
        ),
    ),
)
