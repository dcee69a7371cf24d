"""Exercises of chapter 07 on how good a classifier is: ROC curve, AUC, what a result means."""

from collections.abc import Callable

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


def _one_too_many(y, scores):
    fpr, tpr = roc_curve(y, scores)
    return np.append(fpr, 1), np.append(tpr, 1)


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
            "sensitivity and specificity",
            "These are sensitivity and specificity. The sensitivity is the true positive rate and comes second here. "
            "The false positive rate is what is missing from the specificity to 1, and comes first.",
            (_on_curve(lambda fpr, tpr, y, scores: (tpr, 1 - fpr)),),
        ),
        Misconception(
            "one point too many",
            "There is one point too many at the end. At the smallest score everybody is called positive already: (1, "
            "1) is reached, and a threshold below all scores gives the same point again.",
            (_one_too_many,),
        ),
        Misconception(
            "the last place still 0",
            "The last entry is 0, where everybody should be called positive: 1. Your rates stand one place too far to "
            "the left, on the place of (0, 0), and the last place was never filled.",
            (_on_curve(lambda fpr, tpr, y, scores: (np.append(fpr[1:], 0), np.append(tpr[1:], 0))),),
        ),
        Misconception(
            "one array for both",
            "Both results lie in one array. Asked for are two, one after the other: `return fpr, tpr`.",
            (_on_curve(lambda fpr, tpr, y, scores: np.array([fpr, tpr])),),
            sign=lambda case, value: isinstance(value, np.ndarray) and value.ndim == 2,
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


def _by_places(y, scores):
    """As `_by_rank`, with the ties in whatever order argsort leaves them."""
    rank, n = np.argsort(np.argsort(scores)) + 1, int((y == 1).sum())
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
            "Where scores are equal, your ranks follow the order in which the images stand, or in which sorting left "
            "them. Another order of the same images would give another AUC. Equal scores share the mean of their "
            "ranks.",
            (_by_rank, _by_places),
        ),
        Misconception(
            "never below one half",
            "You turned an AUC below 0.5 round. A network that finds the healthy more suspicious than the sick has to "
            "be seen as such: something is wrong with it, or with its labels.",
            (lambda y, scores: max(auc(y, scores), 1 - auc(y, scores)), lambda y, scores: max(auc(y, scores), 0.5)),
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


def _false_alarms_of_all(sensitivity, specificity, prevalence):
    found, _, alone, _ = _counted(sensitivity, specificity, prevalence)
    return found / (found + 1 - specificity), alone / (alone + 1 - sensitivity)


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
            "the wrong among the negative",
            "The PPV is right. Your second result is the share of *missed cancers* among the negative results; the NPV "
            "is the share that is rightly negative.",
            (lambda *shares: (predictive_values(*shares)[0], 1 - predictive_values(*shares)[1]),),
        ),
        Misconception(
            "odds in place of shares",
            "These are odds, right ones to wrong ones, and can be larger than 1. A share divides by *all* who have "
            "that result, right and wrong: from odds o it is o / (1 + o).",
            (_predictive(lambda found, missed, alone, alarms: (found / alarms, alone / missed)),),
        ),
        Misconception(
            "false alarms of everybody",
            "You took 1 - specificity of *everybody* for the false alarms. Only the healthy can be alarmed for "
            "nothing: multiply by their share, 1 - prevalence. (Likewise the missed: they come from the ill.)",
            (
                _false_alarms_of_all,
                lambda *shares: (_false_alarms_of_all(*shares)[0], predictive_values(*shares)[1]),
            ),
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
