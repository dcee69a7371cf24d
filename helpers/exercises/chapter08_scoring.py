"""Exercises of chapter 08 on scoring as LUNA16 does: the FROC curve and the CPM."""

from collections.abc import Callable

import numpy as np

from helpers.exercises.exercise import Case, Exercise, Misconception
from helpers.metrics import RATES, cpm, froc, sensitivity_at

# 8.11 -----------------------------------------------------------------------------------------------------------------


class _Scans(list):
    """One array for each scan, told as short as it can be."""

    def __repr__(self):
        return "[" + ", ".join(f"array({scan.tolist()})" for scan in self) + "]"


def _scans(scores: list, hits: list, counts: list[int], note: str) -> Case:
    marks = _Scans(np.array(scan, dtype=float) for scan in scores), _Scans(np.array(scan, dtype=int) for scan in hits)
    return Case((*marks, counts), note)


def _random_scans(rng: np.random.Generator, count: int, scores: Callable, note: str) -> Case:
    """Scans with 0 to 2 nodules and 0 to 6 marks; `scores` gives that many scores."""
    counts = [2, *rng.integers(0, 3, size=count - 2).tolist(), 0]
    hits = [rng.integers(-2, nodules, size=rng.integers(0, 7)) for nodules in counts]
    hits[0], hits[-1] = np.array([-1, 0, 0, -2]), np.array([-1, -1])
    return _scans([scores(len(scan)) for scan in hits], hits, counts, note)


def _froc_cases(rng: np.random.Generator) -> list[Case]:
    return [
        _scans(
            [[0.9, 0.7, 0.3], [0.8, 0.4], [0.6], []],
            [[0, -1, 0], [-1, -2], [0], []],
            [2, 0, 1, 0],
            "four scans, three nodules: one is hit twice, one never; 0.4 lies on an excluded finding; two scans are "
            "healthy, one has no marks",
        ),
        _scans(
            [[2, 5, 4, 3], [4, 3, 3], [], [1, 5], [4, 2]],
            [[1, 0, 1, -1], [-1, -1, -2], [], [-1, -2], [0, -1]],
            [3, 1, 2, 0, 1],
            "a reader's ratings from 1 to 5: equal scores, of two hits the higher comes later; no mark in one scan",
        ),
        _random_scans(rng, 8, lambda d: np.round(rng.random(d), 2), "eight scans"),
        _random_scans(rng, 12, lambda d: np.round(rng.normal(-2, 1, size=d), 1), "scores are logits, most below 0"),
        _scans([[], [], []], [[], [], []], [1, 0, 2], "no marks at all"),
        _scans([[0.5, 0.2], []], [[-1, -1], []], [0, 1], "false alarms only"),
    ]


def _marks(scores, hits, more="left out", best=np.max, neutral="left out"):
    """Scores of the nodules found and of false positives, when further hits and neutral marks are dealt with so.

    more, neutral : "left out", "hits" or "false"
    best : which score of the hits on one nodule counts
    """
    found, false = [], []
    bins = {"left out": [], "hits": found, "false": false}
    for score, hit in zip(scores, hits, strict=True):
        for nodule in np.unique(hit[hit >= 0]):
            here = score[hit == nodule]
            found.append(best(here))
            bins[more] += np.delete(here, np.argmax(here)).tolist()
        false += score[hit == -1].tolist()
        bins[neutral] += score[hit == -2].tolist()
    return np.array(found), np.array(false)


def _drawn(found, false, scans, nodules, thresholds=None, called=np.greater_equal):
    """The curve of these scores; `scans` and `nodules` are what its two axes are divided by."""
    if thresholds is None:
        thresholds = np.unique(np.append(found, false))[::-1]
    thresholds = np.append(np.inf, thresholds)
    false_positives = called(false, thresholds[:, None]).sum(axis=1) / scans
    return false_positives, called(found, thresholds[:, None]).sum(axis=1) / nodules, thresholds


def _counted(**how) -> Callable:
    """A wrong answer in which other marks count."""
    return lambda scores, hits, counts: _drawn(*_marks(scores, hits, **how), len(counts), np.sum(counts))


def _divided(by: Callable) -> Callable:
    """A wrong answer with other divisors: by(scores, hits, counts) -> (scans, nodules)."""

    def wrong(scores, hits, counts):
        found, false = _marks(scores, hits)
        scans, nodules = by(scores, hits, counts)
        return _drawn(found, false, scans, nodules)

    return wrong


def _scans_in_place_of(scans: Callable) -> Callable:
    return _divided(lambda scores, hits, counts: (scans(scores, hits, counts), np.sum(counts)))


def _nodules_in_place_of(nodules: Callable) -> Callable:
    return _divided(lambda scores, hits, counts: (len(counts), nodules(scores, hits, counts)))


def _on_curve(change: Callable) -> Callable:
    """A wrong answer that does something to the right curve."""
    return lambda scores, hits, counts: change(*froc(scores, hits, counts))


def _more_than_the_threshold(scores, hits, counts):
    return _drawn(*_marks(scores, hits), len(counts), np.sum(counts), called=np.greater)


def _without_first(wrong: Callable) -> Callable:
    return lambda *args: tuple(result[1:] for result in wrong(*args))


def _at(thresholds: Callable) -> Callable:
    """The right counts at other thresholds: thresholds(found, false, scores) -> (T,)."""

    def wrong(scores, hits, counts):
        found, false = _marks(scores, hits)
        return _drawn(found, false, len(counts), np.sum(counts), thresholds(found, false, scores))

    return wrong


def _one_point_a_mark(found, false, scores):
    return np.sort(np.append(found, false))[::-1]


def _mark_after_mark(scores, hits, counts):
    """Counts along the sorted marks, a point after each, equal scores or not."""
    found, false = _marks(scores, hits)
    together, right = np.append(found, false), np.repeat([1, 0], (len(found), len(false)))
    order = np.argsort(-together, kind="stable")
    thresholds, right = np.append(np.inf, together[order]), np.append(0, right[order])
    wrong = np.append(0, 1 - right[1:])
    return np.cumsum(wrong) / len(counts), np.cumsum(right) / np.sum(counts), thresholds


def _all_scores(found, false, scores):
    return np.unique(np.concatenate(scores))[::-1]


def _not_neutral(scores, hits, counts):
    """Points at the scores of further hits too."""
    found, false = _marks(scores, hits)
    shown = np.concatenate([score[hit != -2] for score, hit in zip(scores, hits, strict=True)])
    return _drawn(found, false, len(counts), np.sum(counts), np.unique(shown)[::-1])


def _nodules_of_one_number(scores, hits, counts):
    """Hits with the same index are one nodule, whichever scan they lie in."""
    return _drawn(*_marks([np.concatenate(scores)], [np.concatenate(hits)]), len(counts), np.sum(counts))


def _mean_of_scans(scores, hits, counts):
    """Each scan's own sensitivity, then the mean over the scans that have nodules."""
    false_positives, _, thresholds = froc(scores, hits, counts)
    shares = [
        _drawn(*_marks([score], [hit]), 1, count, thresholds[1:])[1]
        for score, hit, count in zip(scores, hits, counts, strict=True)
        if count
    ]
    return false_positives, np.mean(shares, axis=0), thresholds


FROC = Exercise(
    id="8.11",
    reference=froc,
    cases=_froc_cases,
    returns=("false_positives", "sensitivity", "thresholds"),
    hints=(
        "First sort the marks into two piles, scan by scan: the scores of nodules that were found, one score for each "
        "nodule, and the scores of false positives. What goes on neither pile? After that the curve is a matter of "
        "counting, as for the ROC curve of 7.6.",
        "In one scan: `score[hit == -1]` are the false positives. For each nodule in `np.unique(hit[hit >= 0])` the "
        "highest of `score[hit == nodule]` goes on the pile of the found. The thresholds are infinity and then the "
        "distinct scores of both piles, falling.",
        "With the arrays `found` and `false`: for every threshold count `(false >= threshold).sum()`, divide by the "
        "number of *all* scans; count `(found >= threshold).sum()`, divide by `sum(counts)`, *all* nodules. With "
        "`np.inf` as first threshold the point (0, 0) comes by itself.",
    ),
    why="Once each nodule has one score and the neutral marks are gone, two piles of numbers are left, and two counts "
    "at each threshold. The divisors are fixed before anybody looks at a mark: all scans, all nodules.",
    misconceptions=(
        Misconception(
            "a second hit counts as a hit",
            "Further marks on a nodule that is found already were counted as hits. Then one nodule marked three times "
            "counts for three, and the sensitivity can pass 1. A nodule is found once: by its highest score.",
            (
                _counted(more="hits"),
                _without_first(_counted(more="hits")),
                _counted(more="hits", neutral="false"),
            ),
        ),
        Misconception(
            "a second hit is a false positive",
            "Further marks on a nodule that is found already were counted as false positives. By LUNA16's rules they "
            "count neither way: they point to something that is there.",
            (
                _counted(more="false"),
                _without_first(_counted(more="false")),
                _counted(more="false", neutral="false"),
            ),
        ),
        Misconception(
            "not the highest score",
            "Of several hits on one nodule you took one that is not the highest, perhaps the first in the list. The "
            "nodule is found as soon as its *best* mark is shown.",
            (
                _counted(best=lambda scores: scores[0]),
                _counted(best=lambda scores: scores[-1]),
                _counted(best=np.min),
                _counted(best=np.mean),
            ),
        ),
        Misconception(
            "excluded findings as false positives",
            "Marks on excluded findings (-2) were counted as false positives. LUNA16 leaves them out: nodules below "
            "3 mm or called so by only one or two of four radiologists, and marked places that are none. They are "
            "neutral.",
            (_counted(neutral="false"), _without_first(_counted(neutral="false"))),
        ),
        Misconception(
            "excluded findings as hits",
            "Marks on excluded findings (-2) were counted as hits. Only 0, 1, 2, ... are nodules; -1 is a false "
            "positive, and -2 counts neither way.",
            (_counted(neutral="hits"), _without_first(_counted(neutral="hits"))),
        ),
        Misconception(
            "not all scans",
            "You divided the false positives by some of the scans only. *All* scans count, healthy ones and those "
            "without a mark too: a scan without false alarms is what everybody wants, and it lowers their mean.",
            (
                _scans_in_place_of(lambda scores, hits, counts: np.sum(np.array(counts) > 0)),
                _scans_in_place_of(lambda scores, hits, counts: max(1, np.sum(np.array(counts) == 0))),
                _scans_in_place_of(lambda scores, hits, counts: max(1, sum(len(score) > 0 for score in scores))),
                _scans_in_place_of(lambda scores, hits, counts: max(1, sum((hit == -1).any() for hit in hits))),
                _divided(
                    lambda scores, hits, counts: (
                        max(1, sum(len(score) > 0 for score in scores)),
                        max(1, sum(n for n, score in zip(counts, scores, strict=True) if len(score))),
                    )
                ),
            ),
        ),
        Misconception(
            "false positives not per scan",
            "Your false positives are not per scan. Divide their number by the number of scans: a reader of the curve "
            "wants to know how many false alarms one patient gets.",
            (
                _scans_in_place_of(lambda *args: 1),
                _scans_in_place_of(lambda scores, hits, counts: np.sum(counts)),
                _scans_in_place_of(lambda scores, hits, counts: max(1, sum(map(len, scores)))),
                _scans_in_place_of(lambda scores, hits, counts: max(1, sum((hit == -1).sum() for hit in hits))),
            ),
        ),
        Misconception(
            "missed nodules left out",
            "Nodules that no mark hits are missing from what you divide by. The sensitivity is the share of *all* "
            "nodules, `counts` says how many there are. Without the missed ones every detector reaches 1.",
            (
                _nodules_in_place_of(lambda scores, hits, counts: max(1, len(_marks(scores, hits)[0]))),
                _nodules_in_place_of(
                    lambda scores, hits, counts: max(
                        1, sum(n for n, hit in zip(counts, hits, strict=True) if (hit >= 0).any())
                    )
                ),
                _nodules_in_place_of(
                    lambda scores, hits, counts: max(1, sum(n for n, hit in zip(counts, hits, strict=True) if len(hit)))
                ),
            ),
        ),
        Misconception(
            "sensitivity not a share of the nodules",
            "Your sensitivity is not the share of the nodules that are found: divide the number found by the sum of "
            "`counts`.",
            (
                _nodules_in_place_of(lambda *args: 1),
                _nodules_in_place_of(lambda scores, hits, counts: len(counts)),
                _nodules_in_place_of(lambda scores, hits, counts: np.sum(np.array(counts) > 0)),
            ),
        ),
        Misconception(
            "a mean of the scans",
            "You took the sensitivity of each scan, and then their mean. A scan with one nodule weighs as much as one "
            "with five that way. LUNA16 puts the nodules of all scans together: found in all, divided by nodules in "
            "all.",
            (_mean_of_scans,),
        ),
        Misconception(
            "nodule 0 of every scan taken for one",
            "The index in `hits` counts within a scan: nodule 0 of the first scan and nodule 0 of the third are two "
            "nodules. You put the marks together before you looked for second hits. Go scan by scan.",
            (_nodules_of_one_number,),
        ),
        Misconception(
            "larger than the threshold",
            "You show a mark only when its score is *larger* than the threshold. Each threshold is one of the scores: "
            "the mark it belongs to is shown too.",
            (_more_than_the_threshold, _without_first(_more_than_the_threshold)),
        ),
        Misconception(
            "the first point is missing",
            "The first point is missing: at the threshold infinity nothing is shown, no nodule found and no false "
            "alarm. Without it nobody can read the curve to the left of the first mark.",
            (_without_first(froc),),
        ),
        Misconception(
            "the first threshold is not infinity",
            "The first threshold is infinity, above every score, whatever range the scores have: there nothing is "
            "shown. Logits, for example, go beyond 1.",
            (
                _on_curve(lambda x, y, t: (x, y, np.append(1.0, t[1:]))),
                _on_curve(lambda x, y, t: (x, y, np.append(t[1:2].max(initial=0) + 1, t[1:]))),
            ),
        ),
        Misconception(
            "from the lowest threshold up",
            "Your thresholds rise, so the curve comes down from its end. Begin where nothing is shown: the highest "
            "threshold first.",
            (_on_curve(lambda *curve: tuple(result[::-1] for result in curve)),),
        ),
        Misconception(
            "one point a mark",
            "You made one point for each mark. Marks with equal scores cannot be parted by any threshold: one point "
            "for each *distinct* score.",
            (_at(_one_point_a_mark), _mark_after_mark),
        ),
        Misconception(
            "points at marks that count neither way",
            "The curve is the right one, but it has points at the scores of marks that count neither way: neutral "
            "ones, or second hits on a nodule. Nothing changes there. Only scores of marks that count make a point.",
            (_at(_all_scores), _not_neutral),
        ),
        Misconception(
            "fixed thresholds",
            "Your thresholds are a fixed grid. Between two of its points many marks may lie, and logits lie outside 0 "
            "to 1. The curve changes at the scores and nowhere else: take those.",
            (
                _at(lambda *marks: np.linspace(1, 0, 11)),
                _at(lambda *marks: np.linspace(1, 0, 101)),
                _at(lambda *marks: np.linspace(1, 0, 100)),
            ),
        ),
        Misconception(
            "exchanged",
            "The results are exchanged: false positives per scan first, then the sensitivity, then the thresholds.",
            (
                _on_curve(lambda x, y, t: (y, x, t)),
                _on_curve(lambda x, y, t: (t, x, y)),
                _on_curve(lambda x, y, t: (t, y, x)),
            ),
        ),
    ),
)

# 8.12 -----------------------------------------------------------------------------------------------------------------


def _random_curve(rng: np.random.Generator, scans: int, nodules: int, false: int, found: int):
    """A curve as from `froc`; the nodules found have the higher scores."""
    scores, hits = rng.random(false + found), np.repeat([-1, 0], (false, found))
    shown = np.argsort(-(scores + 0.6 * (hits == 0)), kind="stable")
    rising = [np.append(0, np.cumsum(hits[shown] == kind)) for kind in (-1, 0)]
    return rising[0] / scans, rising[1] / nodules


def _cpm_cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case(
            (np.array([0, 0, 0.5, 0.5, 2]), np.array([0, 0.2, 0.4, 0.6, 0.8])),
            "five points; the curve rises straight up at 0 and at 0.5 and ends at 2 false positives per scan",
        ),
        Case(_random_curve(rng, 40, 45, 420, 40), "40 scans; the curve passes 8 false positives per scan"),
        Case(_random_curve(rng, 50, 60, 90, 48), "50 scans; the curve ends early"),
        Case((np.array([0, 0, 16.0]), np.array([0, 0.4, 1.0])), "three points, far apart"),
        Case((np.array([0, 0, 0.05]), np.array([0, 0.5, 0.5])), "the curve ends below 1/8"),
        Case((np.array([0.0]), np.array([0.0])), "no marks: one point"),
    ]


def _read_at(rates) -> Callable:
    """The right reading at other rates."""
    return lambda false_positives, sensitivity: np.mean(np.interp(rates, false_positives, sensitivity))


def _mean_read(read: Callable) -> Callable:
    """The mean over the rates of read(rate, false_positives, sensitivity)."""
    return lambda x, y: np.mean([read(rate, x, y) for rate in RATES])


def _of_readings(change: Callable) -> Callable:
    """A wrong answer that does something to the seven right readings."""
    return lambda x, y: change(sensitivity_at(x, y))


def _to_end(x, y, end=8.0):
    """The curve from 0 to `end`."""
    inside = x <= end
    return np.append(x[inside], end), np.append(y[inside], np.interp(end, x, y))


def _area(x, y):
    return np.trapezoid(_to_end(x, y)[1], _to_end(x, y)[0])


def _log_area(x, y):
    """The mean sensitivity between 1/8 and 8 on an axis where each doubling is equally wide."""
    places = np.linspace(-3, 3, 601)
    return np.trapezoid(np.interp(2**places, x, y), places) / 6


def _nearest(rate, x, y):
    return y[np.argmin(np.abs(x - rate))]


def _last_nearest(rate, x, y):
    return y[::-1][np.argmin(np.abs(x[::-1] - rate))]


def _step(rate, x, y):
    return y[x <= rate][-1]


def _next(rate, x, y):
    return y[x >= rate][0] if (x >= rate).any() else y[-1]


def _one_end(end: Callable) -> Callable:
    """Where the curve goes straight up, only one end is left of it."""

    def wrong(x, y):
        distinct = np.unique(x)
        return np.mean(np.interp(RATES, distinct, [end(y[x == value]) for value in distinct]))

    return wrong


def _logarithm_between(x, y):
    """On straight lines over an axis of log2; the points at 0 false positives have no place there."""
    rows = x > 0
    return np.mean(np.interp(np.log2(RATES), np.log2(x[rows]), y[rows])) if rows.any() else float(y[-1])


def _logarithm_of_little(x, y):
    return np.mean(np.interp(np.log(RATES), np.log(np.maximum(x, 1e-8)), y))


CPM = Exercise(
    id="8.12",
    reference=cpm,
    cases=_cpm_cases,
    hints=(
        "Draw the curve of the first case by hand and read it at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives per "
        "scan: seven sensitivities. The CPM is their mean.",
        "Between two points the curve is a straight line, beyond its end it stays level. `np.interp` reads several "
        "places of such a curve at once.",
        "`np.interp(places, x, y)`: the places are the seven rates, x is `false_positives`, y is `sensitivity`. Where "
        "the curve goes straight up, it takes the upper end; beyond the end, the last value: both are what is asked "
        "for. Then the mean.",
    ),
    why="Seven readings, one mean. `np.interp` does what LUNA16's script does: straight lines between the points.",
    misconceptions=(
        Misconception(
            "the area under the curve",
            "That is the area under the curve, or the mean height of it. On an axis from 0 to 8 half of it lies "
            "above 4 false positives per scan. The CPM reads seven places, four of them at 1 or below: the left end "
            "of the curve counts far more than by area.",
            (
                lambda x, y: np.trapezoid(y, x),
                _area,
                lambda x, y: _area(x, y) / 8,
                lambda x, y: np.trapezoid(y, x) / max(x[-1], 1e-9),
            ),
        ),
        Misconception(
            "the area over the doublings",
            "You averaged the curve over an axis on which each doubling is equally wide. That comes near, but the CPM "
            "is the mean of seven readings, no more: 1/8 and 8 count in full, what lies between two rates not at all.",
            (
                _log_area,
                _of_readings(lambda readings: np.trapezoid(readings) / 6),
                _of_readings(lambda readings: np.trapezoid(readings)),
            ),
        ),
        Misconception(
            "the nearest point",
            "You read the curve at the point nearest to each rate. That point may lie far away, or on the other side. "
            "Read on the straight line between the points before and behind the rate, as LUNA16's script does.",
            (_mean_read(_nearest), _mean_read(_last_nearest)),
        ),
        Misconception(
            "in steps",
            "You read the curve in steps: the highest sensitivity with at most that many false positives. That can "
            "be defended: it was really reached. But LUNA16's script joins the points by straight lines, and a number "
            "that shall be compared with others must be read as theirs.",
            (_mean_read(_step),),
        ),
        Misconception(
            "the next point behind",
            "You read the curve at the next point *behind* each rate. There it has more false positives than were "
            "allowed. Read on the straight line between the points.",
            (_mean_read(_next),),
        ),
        Misconception(
            "nothing beyond the end",
            "Beyond the end of the curve you put 0, or left the rate out. Who makes at most 2 false alarms per scan "
            "also keeps to 4 and 8: there the last sensitivity counts, and all seven rates count.",
            (
                lambda x, y: np.mean(np.interp(RATES, x, y, right=0)),
                lambda x, y: np.nanmean(np.interp(RATES, x, y, right=np.nan)),
                lambda x, y: np.mean(np.interp([rate for rate in RATES if rate <= x[-1]], x, y)),
            ),
        ),
        Misconception(
            "the mean of all points",
            "You averaged all points of the curve. How many there are, and where, depends on the marks: who adds a "
            "thousand marks of low score adds a thousand points at the end. The seven rates are fixed.",
            (lambda x, y: np.mean(y), lambda x, y: np.mean(y[1:]) if len(y) > 1 else 0.0),
        ),
        Misconception(
            "other rates",
            "You read the curve at other rates. They double from 1/8 to 8: 1/8, 1/4, 1/2, 1, 2, 4, 8.",
            tuple(
                map(
                    _read_at,
                    (
                        np.linspace(1 / 8, 8, 7),
                        np.arange(1, 8),
                        np.arange(1, 9),
                        (0.5, 1, 2, 4, 8),
                        (1, 2, 4, 8),
                        (1 / 8, 1 / 4, 1 / 2, 1, 2, 4),
                        (1 / 4, 1 / 2, 1, 2, 4, 8),
                        (0, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8),
                        (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8),
                    ),
                )
            ),
        ),
        Misconception(
            "the lower end of a rise",
            "Where the curve goes straight up, at one number of false positives, you took the lower end. At this price "
            "the upper end can be had: the highest sensitivity counts.",
            (_one_end(np.min),),
        ),
        Misconception(
            "the upper end of a rise also from the left",
            "Where the curve goes straight up you kept only the upper end. At that very number of false positives it "
            "is the right one. But the line that comes from the left ends at the *lower* end; yours climbs too early.",
            (_one_end(np.max),),
        ),
        Misconception(
            "straight lines over the doublings",
            "You joined the points by lines that are straight on an axis of doublings, as the curve is often drawn. "
            "LUNA16's script reads it on a plain axis; and on the other one 0 false positives have no place.",
            (_logarithm_between, _logarithm_of_little),
        ),
        Misconception(
            "not divided",
            "That is the sum of the seven sensitivities. Divided by seven it lies between 0 and 1.",
            (_of_readings(np.sum),),
        ),
        Misconception(
            "seven numbers",
            "These are the seven sensitivities. The CPM is one number, their mean.",
            (_of_readings(lambda readings: readings),),
        ),
        Misconception(
            "another mean",
            "You summed the seven sensitivities up in another way. The CPM is their plain mean: the sum divided by 7, "
            "each counting the same. (The curve rises: its median is the reading at 1, its maximum that at 8.)",
            (
                _of_readings(np.median),
                _of_readings(np.max),
                _of_readings(np.min),
                _of_readings(lambda readings: np.exp(np.mean(np.log(readings)))),
                _of_readings(lambda readings: np.exp(np.mean(np.log(np.maximum(readings, 1e-8))))),
                _of_readings(lambda readings: np.average(readings, weights=RATES)),
                _of_readings(lambda readings: np.average(readings, weights=1 / np.array(RATES))),
            ),
        ),
        Misconception(
            "exchanged",
            "The two axes are exchanged: you looked for the number of false positives at a sensitivity of 1/8, 1/4 "
            "and so on. The rates are numbers of false positives.",
            (lambda x, y: np.mean(np.interp(RATES, y, x)), lambda x, y: cpm(y, x)),
        ),
        Misconception(
            "percent in place of a share",
            "That is in percent. Sensitivities went in as shares, and a share is asked for, from 0 to 1.",
            (lambda x, y: 100 * cpm(x, y),),
        ),
    ),
)
