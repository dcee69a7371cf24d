"""Exercises of chapter 08 on boxes: IoU, anchors matched to nodules, boxes as shifts of anchors, suppression."""

from collections.abc import Callable

import numpy as np

from helpers.exercises.exercise import Case, Exercise, Misconception
from helpers.metrics import iou, nms

# 8.2 ------------------------------------------------------------------------------------------------------------------


def _boxes(rng: np.random.Generator, count: int, place=(0, 40), size=(4, 30)) -> np.ndarray:
    """Random boxes, some of them far apart, with edges on quarters of a pixel."""
    corners = np.round(rng.uniform(*place, size=(count, 2)) * 4) / 4
    return np.concatenate([corners, corners + np.round(rng.uniform(*size, size=(count, 2)) * 4) / 4], axis=1)


def _iou_cases(rng: np.random.Generator) -> list[Case]:
    a, b = _boxes(rng, 4), _boxes(rng, 3, (-10, 30))
    inside = np.concatenate([a[:, :2] + 1, a[:, 2:] - 2], axis=1)
    flat = np.array([[5.0, 5, 5, 9], [20, 20, 20, 20]])
    return [
        Case(
            (
                np.array([[0.0, 0, 4, 6], [6, 8, 8, 12]]),
                np.array([[2.0, 3, 6, 9], [0, 0, 4, 6], [10, 20, 14, 25]]),
            ),
            "two boxes in a, three in b: one pair is the same box, one only touches, others are apart in y and in x",
        ),
        Case((a, b), "edges between the pixels, some outside the image"),
        Case((inside, a), "as many in b as in a; each box of a lies inside one of b"),
        Case(
            (np.array([[0, 0, 8, 4], [3, 1, 9, 5], [20, 2, 24, 9]]), np.array([[1, 0, 9, 5], [3, 1, 9, 5]])),
            "boxes of integers",
        ),
        Case((_boxes(rng, 1), _boxes(rng, 6, (0, 12))), "one box against six"),
        Case((flat, np.concatenate([flat, [[2, 2, 12, 12]]])), "the boxes of a have no area"),
        Case((np.zeros((0, 4)), b), "no box in a"),
    ]


def _sides(a, b, extra=0.0) -> np.ndarray:
    """(M, N, 2): how far two boxes share their rows and their columns, below 0 where they are apart."""
    return np.minimum(a[:, None, 2:], b[:, 2:]) - np.maximum(a[:, None, :2], b[:, :2]) + extra


def _areas(boxes, extra=0.0) -> np.ndarray:
    return np.prod(boxes[:, 2:] - boxes[:, :2] + extra, axis=1)


def _share(part, whole) -> np.ndarray:
    """part / whole, 0 where part is 0."""
    return np.divide(part, whole, out=np.zeros(part.shape), where=part != 0)


def _of_areas(rule: Callable) -> Callable:
    """A wrong answer made from the overlap and the two areas, (M, N), (M, 1) and (N,)."""
    return lambda a, b: rule(np.clip(_sides(a, b), 0, None).prod(axis=2), _areas(a)[:, None], _areas(b))


def _not_clipped(rule: Callable) -> Callable:
    def wrong(a, b):
        overlap = rule(_sides(a, b).prod(axis=2))
        return _share(overlap, _areas(a)[:, None] + _areas(b) - overlap)

    return wrong


def _one_more(a, b, extra=(1, 1)) -> np.ndarray:
    overlap = np.clip(_sides(a, b, extra[0]), 0, None).prod(axis=2)
    return _share(overlap, _areas(a, extra[1])[:, None] + _areas(b, extra[1]) - overlap)


def _read(change: Callable) -> Callable:
    """The right IoU of numbers that are taken for something else."""

    def wrong(a, b):
        a, b = change(a), change(b)
        overlap = np.clip(_sides(a, b), 0, None).prod(axis=2)
        return _share(overlap, _areas(a)[:, None] + _areas(b) - overlap)

    return wrong


def _around(a, b) -> np.ndarray:
    """The area of the smallest box around both."""
    return (np.maximum(a[:, None, 2:], b[:, 2:]) - np.minimum(a[:, None, :2], b[:, :2])).prod(axis=2)


def _min_for_max(a, b):
    overlap = _around(a, b)
    return _share(overlap, _areas(a)[:, None] + _areas(b) - overlap)


def _nan_without_area(a, b):
    overlap = np.clip(_sides(a, b), 0, None).prod(axis=2)
    return overlap / (_areas(a)[:, None] + _areas(b) - overlap)


def _pair_by_pair(a, b):
    overlap = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None).prod(axis=1)
    return _share(overlap, _areas(a) + _areas(b) - overlap)


def _plus_small(small: float) -> Callable:
    return _of_areas(lambda overlap, area_a, area_b: overlap / (area_a + area_b - overlap + small))


IOU = Exercise(
    id="8.2",
    reference=iou,
    cases=_iou_cases,
    hints=(
        "Draw two boxes that overlap. The overlap is a box too. Where is its top edge, where is its bottom edge? And "
        "what is bottom minus top when the boxes do not meet?",
        "The overlap begins at the larger of the two beginnings and ends at the smaller of the two ends, in y and in "
        "x. A side below 0 means: they do not meet, the side is 0. The union is area plus area, minus what was counted "
        "twice.",
        "`a[:, None]` has the shape (M, 1, 4): `np.maximum(a[:, None, :2], b[:, :2])` holds the top left corner for "
        "every pair, (M, N, 2). Likewise the bottom right one. `np.clip(..., 0, None)` makes negative sides 0. Divide "
        "only where the overlap is above 0: `np.divide(..., out=zeros, where=...)`, or a loop over the pairs.",
    ),
    why="One corner of the overlap is a maximum, the other a minimum. Clipping each side at 0 before multiplying takes "
    "care of boxes that do not meet, and of touching ones. Where there is no overlap nothing needs to be divided.",
    misconceptions=(
        Misconception(
            "boxes apart get an overlap",
            "Two boxes that miss each other, in y *and* in x, got an overlap: both sides are negative, and minus times "
            "minus is plus. A side below 0 means that they do not meet: make each side 0 before you multiply.",
            (_not_clipped(lambda overlap: overlap), _not_clipped(lambda overlap: np.clip(overlap, 0, None))),
        ),
        Misconception(
            "one pixel more",
            "Your sides are one pixel too long. That is an old way to count, from boxes whose numbers are the first "
            "and the last pixel. Here the numbers are edges: a box from 2 to 5 is 3 wide. For a nodule 5 pixels wide "
            "one pixel more makes a large difference.",
            (
                _one_more,
                lambda a, b: _one_more(a, b, (1, 0)),
                lambda a, b: _one_more(a, b, (0, 1)),
            ),
        ),
        Misconception(
            "Dice in place of IoU",
            "That is the Dice score, twice the overlap over the sum of both areas. It is never smaller than the IoU: a "
            "threshold of 0.5 on it would let pass boxes whose IoU is 1/3.",
            (_of_areas(lambda overlap, area_a, area_b: _share(2 * overlap, area_a + area_b)),),
        ),
        Misconception(
            "the overlap counted twice",
            "You divided by the sum of both areas. The overlap lies in both and is counted twice there. The test: a "
            "box with itself must give 1, and yours gives 1/2.",
            (_of_areas(lambda overlap, area_a, area_b: _share(overlap, area_a + area_b)),),
        ),
        Misconception(
            "share of one box",
            "You divided by the area of one box. Then a huge box that holds a small nodule counts as a perfect find, "
            "or a tiny one inside it does. The union holds both boxes: it gets larger when either is too large.",
            (
                _of_areas(lambda overlap, area_a, area_b: _share(overlap, area_a)),
                _of_areas(lambda overlap, area_a, area_b: _share(overlap, area_b)),
                _of_areas(lambda overlap, area_a, area_b: _share(overlap, np.minimum(area_a, area_b))),
            ),
        ),
        Misconception(
            "the box around both",
            "You divided by the area of the smallest box around both. The union is only what the two cover: at its "
            "corners that box holds places that belong to neither.",
            (lambda a, b: _of_areas(lambda overlap, *areas: _share(overlap, _around(a, b)))(a, b),),
        ),
        Misconception(
            "minimum and maximum exchanged",
            "Your overlap is the box *around* both, not the one inside both. The overlap begins at the later of the "
            "two beginnings and ends at the earlier of the two ends.",
            (_min_for_max, lambda a, b: np.clip(_min_for_max(a, b), 0, 1)),
        ),
        Misconception(
            "height and width in place of the far corner",
            "You read the last two numbers as height and width. Here they are edges: (y0, x0, y1, x1). Other tools "
            "store (x, y, width, height): look which form a file has before you compare boxes.",
            (
                _read(lambda boxes: np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)),
                _read(
                    lambda boxes: np.concatenate(
                        [boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1
                    )
                ),
            ),
        ),
        Misconception(
            "the order of the four numbers",
            "You took the four numbers in another order. They are (y0, x0, y1, x1): first one corner, then the other. "
            "A height is y1 - y0, the third number minus the first; a width is the fourth minus the second.",
            (_read(lambda boxes: boxes[:, [0, 2, 1, 3]]), _read(lambda boxes: boxes[:, [0, 1, 3, 2]])),
        ),
        Misconception(
            "pair by pair",
            "You compared the first box of a with the first of b, the second with the second. Asked for is a table: "
            "*every* box of a with *every* box of b, M rows and N columns.",
            (_pair_by_pair,),
        ),
        Misconception(
            "rows and columns exchanged",
            "Your table has a row for each box of b. The rows belong to a: (M, N).",
            (lambda a, b: iou(a, b).T, lambda a, b: iou(b, a)),
        ),
        Misconception(
            "not divided",
            "That is the area of the overlap, in pixels. It is large for large boxes. Divided by the area that both "
            "cover together it lies between 0 and 1, whatever the size.",
            (_of_areas(lambda overlap, *areas: overlap),),
        ),
        Misconception(
            "one minus the IoU",
            "That is 1 - IoU, a distance: 0 for the same box. Asked for is how much they agree: 1 for the same box.",
            (lambda a, b: 1 - iou(a, b),),
        ),
        Misconception(
            "a small number in the divisor",
            "You added a small number to what you divide by. It keeps 0 / 0 away, but every IoU comes out a little too "
            "small: one that lies exactly on a threshold falls below it. Divide only where there is an overlap.",
            (*map(_plus_small, (1e-7, 1e-6, 1e-5, 1e-3, 1)),),
        ),
        Misconception(
            "nan for boxes without area",
            "Two boxes without area: no overlap, no union, and 0 / 0 is nan. By our convention the IoU is 0, because "
            "nothing is shared. One nan is enough to make a mean over all boxes nan.",
            (_nan_without_area, lambda a, b: np.where(np.isnan(_nan_without_area(a, b)), 1, iou(a, b))),
        ),
        Misconception(
            "cut off to integers",
            "For boxes of integers your result is cut off to 0 and 1: the array that you fill took the type of the "
            "boxes. Make it one of floats.",
            (lambda a, b: iou(a, b).astype(np.result_type(a, b)),),
        ),
    ),
)

# 8.4 ------------------------------------------------------------------------------------------------------------------


def match_anchors(overlaps: np.ndarray, low: float = 0.3, high: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Which anchors are positive, negative or ignored, and which truth box each belongs to.

    overlaps (A, G): the IoU of every anchor with every truth box -> labels (A,), index (A,), both of integers
    """
    labels, index = np.zeros(len(overlaps), dtype=int), np.zeros(len(overlaps), dtype=int)
    if overlaps.shape[1] == 0:  # a slice without nodules: nothing to ask for the largest
        return labels, index
    best, index = overlaps.max(axis=1), overlaps.argmax(axis=1)
    labels[best >= low] = -1
    labels[best >= high] = 1
    forced = (overlaps == overlaps.max(axis=0)) & (overlaps > 0)  # (A, G): the best anchors of each truth box
    some = forced.any(axis=1)
    labels[some] = 1
    index[some] = np.where(forced, overlaps, -1).argmax(axis=1)[some]
    return labels, index


def _match_cases(rng: np.random.Generator) -> list[Case]:
    first = np.array([[0.75, 0, 0], [0.5, 0.1, 0], [0.6, 0, 0.35], [0.3, 0.05, 0], [0.1, 0.05, 0.2], [0, 0.2, 0]])
    same = np.array([[0.4, 0.25, 0, 0], [0.2, 0.1, 0, 0], [0, 0, 0.2, 0.45], [0, 0, 0.1, 0.4], [0.1, 0, 0, 0]])
    tied = np.array([[0, 0.4, 0.4], [0.35, 0, 0], [0.35, 0, 0], [0, 0, 0], [0.25, 0.1, 0.3]])
    some = np.round(np.where(rng.random((40, 5)) < 0.5, 0, rng.random((40, 5))), 3)
    few = np.round(np.where(rng.random((25, 2)) < 0.7, 0, 0.6 * rng.random((25, 2))), 3)
    return [
        Case((first, 0.3, 0.5), "six anchors, three truth boxes; the best IoU of the second is 0.2, of the third 0.35"),
        Case((same, 0.3, 0.5), "pairs of truth boxes have the same best anchor"),
        Case((tied, 0.3, 0.5), "two anchors are equally good for the first truth box, one for the other two"),
        Case((some, 0.4, 0.7), "other thresholds"),
        Case((few,), "low and high left out"),
        Case((np.array([[0.55, 0], [0.2, 0], [0, 0], [0.4, 0]]), 0.3, 0.5), "the second truth box meets no anchor"),
        Case((np.zeros((5, 0)), 0.3, 0.5), "no truth box"),
    ]


def _after(change: Callable) -> Callable:
    """A wrong answer that does something to the right labels and index."""

    def wrong(overlaps, low=0.3, high=0.5):
        return change(*match_anchors(overlaps, low, high), overlaps)

    return wrong


def _forcing(which: Callable, owner: Callable | None = None) -> Callable:
    """A wrong answer in which truth boxes force the anchors that `which` says.

    which : (overlaps, low) -> (A, G) True where a truth box forces an anchor
    owner : (A, G) -> (A,) which of the truth boxes that force an anchor gets it; unless given, the largest overlap
    """

    def wrong(overlaps, low=0.3, high=0.5):
        if overlaps.shape[1] == 0:
            return match_anchors(overlaps)
        best, index = overlaps.max(axis=1), overlaps.argmax(axis=1)
        forced = which(overlaps, low)
        labels = np.where((best >= high) | forced.any(axis=1), 1, np.where(best >= low, -1, 0))
        owned = np.where(forced, overlaps, -1).argmax(axis=1) if owner is None else owner(forced)
        return labels, np.where(forced.any(axis=1), owned, index)

    return wrong


def _best(overlaps, low=0.3):
    return (overlaps == overlaps.max(axis=0)) & (overlaps > 0)


def _best_or_none(overlaps, low):
    return overlaps == overlaps.max(axis=0)


def _first_best_or_none(overlaps, low):
    return np.arange(len(overlaps))[:, None] == overlaps.argmax(axis=0)


def _first_best(overlaps, low):
    return _first_best_or_none(overlaps, low) & (overlaps > 0)


def _nobody(overlaps, low):
    return np.zeros(overlaps.shape, dtype=bool)


def _first(forced):
    return forced.argmax(axis=1)


def _last(forced):
    return forced.shape[1] - 1 - forced[:, ::-1].argmax(axis=1)


def _old_index(which: Callable) -> Callable:
    def wrong(overlaps, low=0.3, high=0.5):
        labels, index = _forcing(which)(overlaps, low, high)
        return labels, overlaps.argmax(axis=1) if overlaps.shape[1] else index

    return wrong


def _only_forced(other: int) -> Callable:
    """Who reaches `high` and is forced by nobody gets the label `other`."""

    def wrong(overlaps, low=0.3, high=0.5):
        labels, index = match_anchors(overlaps, low, high)
        forced = _best(overlaps).any(axis=1) if overlaps.shape[1] else labels == 1
        return np.where((labels == 1) & ~forced, other, labels), index

    return wrong


def _all_ignored_negative(forced: Callable) -> Callable:
    def wrong(overlaps, low=0.3, high=0.5):
        labels, index = forced(overlaps, low, high)
        return np.maximum(labels, 0), index

    return wrong


def _wrong_axis(overlaps, low=0.3, high=0.5):
    best = overlaps.max(axis=0)
    return np.where(best >= high, 1, np.where(best >= low, -1, 0)), overlaps.argmax(axis=0)


def _needs_a_box(overlaps, low=0.3, high=0.5):
    overlaps.max(axis=1)  # of rows without entries: an error
    return match_anchors(overlaps, low, high)


def _larger_than_high(overlaps, low=0.3, high=0.5):
    return match_anchors(overlaps, low, np.nextafter(high, 1))


def _larger_than_low(overlaps, low=0.3, high=0.5):
    return match_anchors(overlaps, np.nextafter(low, 1), high)


def _larger_than_both(overlaps, low=0.3, high=0.5):
    return match_anchors(overlaps, np.nextafter(low, 1), np.nextafter(high, 1))


MATCH_ANCHORS = Exercise(
    id="8.4",
    reference=match_anchors,
    cases=_match_cases,
    keeps_dtype="kind",
    returns=("labels", "index"),
    hints=(
        "Look at the table of overlaps: a row is an anchor, a column a truth box. First ask every row for its best "
        "column, and compare that best IoU with `low` and `high`. Then ask every column for its best row.",
        "`overlaps.max(axis=1)` and `.argmax(axis=1)` answer for the anchors. `overlaps == overlaps.max(axis=0)` marks "
        "the best anchors of every truth box, several where they tie; add `& (overlaps > 0)`. A table without columns "
        "has no maximum: deal with it first.",
        "Forced anchors: `forced.any(axis=1)`. Their label is 1. Their index is that of the truth box that forced "
        "them, of several the one with the largest overlap: `np.where(forced, overlaps, -1).argmax(axis=1)`, taken "
        "only in the rows that are forced.",
    ),
    why="Anchors ask along the rows, truth boxes along the columns. The second question is there for small nodules, "
    "which no anchor covers well: without it nobody would be taught to find them.",
    misconceptions=(
        Misconception(
            "nobody is forced",
            "A truth box whose best anchor stays below `high` got no positive anchor. Small nodules are like that: "
            "nobody would be taught to find them. Each truth box keeps its best anchors, whatever the IoU above 0.",
            (_forcing(_nobody),),
        ),
        Misconception(
            "nothing is ignored",
            "You called everything below `high` negative. An anchor between the two thresholds covers a good part of a "
            "nodule. Called background, it teaches the network to turn nodules down: such anchors are ignored, -1.",
            (_all_ignored_negative(match_anchors), _all_ignored_negative(_forcing(_nobody))),
        ),
        Misconception(
            "negative and ignored exchanged",
            "Your -1 and 0 are exchanged. Background, below `low`, is class 0 of the network's two classes. -1 marks "
            "what takes no part in the loss: the anchors between the thresholds.",
            (_after(lambda labels, index, overlaps: (np.where(labels == 1, 1, -1 - labels), index)),),
        ),
        Misconception(
            "larger than high",
            "An anchor whose IoU is exactly `high` is positive: from `high` on. You asked for more than `high`.",
            (_larger_than_high, _larger_than_both),
        ),
        Misconception(
            "ignored only above low",
            "An anchor whose IoU is exactly `low` is ignored: negative is only what lies *below* `low`.",
            (_larger_than_low,),
        ),
        Misconception(
            "forced, but with the old index",
            "The labels are right. But an anchor that was forced still points to the truth box it overlaps most, not "
            "to the one that forced it. It would be taught to move to the other nodule, and nobody to this one.",
            (_old_index(_best), _old_index(_first_best), _old_index(_first_best_or_none)),
        ),
        Misconception(
            "forced without any overlap",
            "A truth box that no anchor meets forces none: you let it force an anchor with an IoU of 0. That anchor "
            "lies anywhere in the image and would be taught that background is a nodule.",
            (_forcing(_best_or_none),),
        ),
        Misconception(
            "only the first of equal anchors",
            "Two anchors have the same best IoU with a truth box, and you forced only the first. Which one stands "
            "first says nothing about the image: all that share the best IoU are positive.",
            (_forcing(_first_best), _forcing(_first_best_or_none)),
        ),
        Misconception(
            "the last truth box takes it",
            "An anchor is the best one of two truth boxes, and you gave it to the one that comes later. It belongs to "
            "the one it overlaps more.",
            (_forcing(_best, _last), _forcing(_first_best, _last), _forcing(_first_best_or_none, _last)),
        ),
        Misconception(
            "the first truth box takes it",
            "An anchor is the best one of two truth boxes, and you gave it to the one that comes first. It belongs to "
            "the one it overlaps more; only where both overlaps are equal to the first.",
            (_forcing(_best, _first),),
        ),
        Misconception(
            "forced only from low on",
            "You forced an anchor only where the IoU reaches `low`. The best anchor of a small nodule often stays "
            "below: it is for these that forcing is there. Any IoU above 0 is enough.",
            (_forcing(lambda overlaps, low: _best(overlaps) & (overlaps >= low)),),
        ),
        Misconception(
            "only the forced ones are positive",
            "You made only the best anchor of each truth box positive. From `high` on *every* anchor is: a nodule may "
            "have several, and each is an example to learn from.",
            (_only_forced(0), _only_forced(-1)),
        ),
        Misconception(
            "along the wrong axis",
            "You asked along the wrong axis. Every *anchor* gets a label, (A,): its best truth box is the largest in "
            "its row. Along the columns you get the best anchor of each truth box, (G,).",
            (_wrong_axis,),
        ),
        Misconception(
            "no index for the others",
            "You gave anchors that are not positive another index. The index is that of the best truth box, for every "
            "anchor, whatever its label; 0 where there is no overlap. An index of -1 would pick the last truth box.",
            (
                _after(lambda labels, index, overlaps: (labels, np.where(labels == 1, index, -1))),
                _after(lambda labels, index, overlaps: (labels, np.where(labels == 1, index, 0))),
            ),
        ),
        Misconception(
            "exchanged",
            "The two results are exchanged: first the labels, then the index.",
            (_after(lambda labels, index, overlaps: (index, labels)),),
        ),
        Misconception(
            "a slice without nodules",
            "Your function stops when there is no truth box. Many slices of a scan have none: all their anchors are "
            "negative, label 0 and index 0. A row without entries has no maximum, so this comes first.",
            (_needs_a_box,),
        ),
    ),
)

# 8.5 ------------------------------------------------------------------------------------------------------------------


def encode_boxes(boxes: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """How each anchor must be shifted and stretched to become its box: (dy, dx, dh, dw), without units.

    boxes, anchors (n, 4), the k-th anchor for the k-th box -> (n, 4)
    """
    size, anchor_size = boxes[:, 2:] - boxes[:, :2], anchors[:, 2:] - anchors[:, :2]
    middle, anchor_middle = (boxes[:, :2] + boxes[:, 2:]) / 2, (anchors[:, :2] + anchors[:, 2:]) / 2
    shift = (middle - anchor_middle) / anchor_size
    return np.concatenate([shift, np.log(size / anchor_size)], axis=1)


def _encode_cases(rng: np.random.Generator) -> list[Case]:
    anchors = _boxes(rng, 6)
    near = anchors + np.round(rng.uniform(-1, 1, size=(6, 4)) * 6) / 4
    return [
        Case(
            (np.array([[14.0, 21, 22, 33]]), np.array([[10.0, 20, 20, 40]])),
            "a box 8 high and 12 wide, an anchor 10 high and 20 wide",
        ),
        Case((near, anchors), "boxes near their anchors"),
        Case((_boxes(rng, 3), _boxes(rng, 3)), "boxes far from their anchors"),
        Case((np.array([[3, 4, 12, 9], [0, 0, 5, 8]]), np.array([[2, 2, 10, 18], [1, 0, 7, 8]])), "integers"),
        Case((anchors[:2], anchors[:2].copy()), "boxes that equal their anchors"),
        Case((np.zeros((0, 4)), np.zeros((0, 4))), "no boxes"),
    ]


def _measures(boxes) -> tuple[np.ndarray, np.ndarray]:
    """Middle and size, (n, 2) each."""
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]


def _made_of(rule: Callable) -> Callable:
    """A wrong answer by (middle, size, anchor middle, anchor size) -> shift, growth; all (n, 2)."""
    return lambda boxes, anchors: np.concatenate(rule(*_measures(boxes), *_measures(anchors)), axis=1)


def _with_growth(growth: Callable) -> Callable:
    """The right shift, and another growth by (size, anchor size)."""
    return _made_of(lambda middle, size, at, of: ((middle - at) / of, growth(size, of)))


def _with_shift(shift: Callable) -> Callable:
    """The right growth, and another shift by (middle, size, anchor middle, anchor size)."""
    return _made_of(lambda middle, size, at, of: (shift(middle, size, at, of), np.log(size / of)))


def _from_corner(corner: slice) -> Callable:
    def wrong(boxes, anchors):
        right, (_, of) = encode_boxes(boxes, anchors), _measures(anchors)
        return np.concatenate([(boxes[:, corner] - anchors[:, corner]) / of, right[:, 2:]], axis=1)

    return wrong


def _corners(boxes, anchors):
    return (boxes - anchors) / np.tile(_measures(anchors)[1], 2)


def _decoded(boxes, anchors):
    middle, size = _measures(anchors)
    middle, size = middle + boxes[:, :2] * size, size * np.exp(boxes[:, 2:])
    return np.concatenate([middle - size / 2, middle + size / 2], axis=1)


def _in_order(*order: int) -> Callable:
    return lambda boxes, anchors: encode_boxes(boxes, anchors)[:, order]


def _weighed(*weights: float) -> Callable:
    return lambda boxes, anchors: encode_boxes(boxes, anchors) * np.array(weights)


ENCODE_BOXES = Exercise(
    id="8.5",
    reference=encode_boxes,
    cases=_encode_cases,
    hints=(
        "Four numbers take an anchor to its box. Two say how far the middle moves, down and to the right. Two say how "
        "much height and width grow. All four are relative to the anchor.",
        "The middle is the mean of two edges. Its shift in y is divided by the *height* of the anchor, its shift in x "
        "by the *width*. The growth is the natural logarithm of box size / anchor size: 0 where nothing changes.",
        "`boxes[:, :2]` holds (y0, x0), `boxes[:, 2:]` holds (y1, x1): half their sum is the middle, (n, 2), their "
        "difference is (height, width). `np.concatenate([shift, growth], axis=1)` makes (n, 4).",
    ),
    why="Divided by the anchor's size, the same numbers mean the same for a nodule of 4 mm and one of 20 mm. The "
    "logarithm makes twice as large and half as large equally far from 0, and whatever the network says, its "
    "exponential is a size above 0.",
    misconceptions=(
        Misconception(
            "divided by the size of the box",
            "You divided the shift by the size of the *box*. When the network predicts, it knows only the anchor: the "
            "box is what it looks for. `decode_boxes` multiplies by the size of the anchor, so divide by that.",
            (_with_shift(lambda middle, size, at, of: (middle - at) / size),),
        ),
        Misconception(
            "a corner in place of the middle",
            "You measured the shift between two corners. It is the *middle* that moves: the corner of a box also moves "
            "when the box only grows, and then shift and growth would say the same thing twice.",
            (_from_corner(slice(0, 2)), _from_corner(slice(2, 4))),
        ),
        Misconception(
            "all four edges",
            "These are the shifts of the four edges. Asked for are the shift of the middle and the growth of height "
            "and width. That parts the two questions: where is it, and how large is it?",
            (_corners, lambda boxes, anchors: boxes - anchors),
        ),
        Misconception(
            "half the size taken for the middle",
            "You took half the size for the middle. Half of (end - beginning) is how far the middle lies *behind* the "
            "beginning. The middle itself is half of (beginning + end), or the beginning plus half the size.",
            (_with_shift(lambda middle, size, at, of: (size - of) / 2 / of),),
        ),
        Misconception(
            "shifts in pixels",
            "Your shifts are in pixels. Relative to the anchor they are small numbers of one kind for all nodules: two "
            "pixels are much for a nodule of 5 pixels and little for one of 25.",
            (_with_shift(lambda middle, size, at, of: middle - at),),
        ),
        Misconception(
            "height and width exchanged",
            "You divided the shift in y by the width of the anchor and the shift in x by its height. With square "
            "anchors nobody would notice. (y, x) goes with (height, width).",
            (
                _with_shift(lambda middle, size, at, of: (middle - at) / of[:, ::-1]),
                _in_order(0, 1, 3, 2),
                _made_of(lambda middle, size, at, of: ((middle - at) / of[:, ::-1], np.log(size / of)[:, ::-1])),
            ),
        ),
        Misconception(
            "x before y",
            "Your numbers stand in the order x, y. Boxes are (y0, x0, y1, x1) here, and the deltas (dy, dx, dh, dw).",
            (_in_order(1, 0, 3, 2), _in_order(1, 0, 2, 3)),
        ),
        Misconception(
            "shift and growth in another order",
            "The four numbers are right, their order is not: first both shifts, then both growths, (dy, dx, dh, dw).",
            (_in_order(0, 2, 1, 3), _in_order(2, 3, 0, 1)),
        ),
        Misconception(
            "the ratio upside down",
            "The sign of your growth is wrong: a box larger than its anchor must give a number above 0. It is the log "
            "of box over anchor.",
            (_with_growth(lambda size, of: np.log(of / size)),),
        ),
        Misconception(
            "from the box to the anchor",
            "You went the wrong way: what takes the box to the anchor. The anchor is what the network has, the box is "
            "where it should get.",
            (
                lambda boxes, anchors: encode_boxes(anchors, boxes),
                _weighed(-1, -1, -1, -1),
                _weighed(-1, -1, 1, 1),
            ),
        ),
        Misconception(
            "another logarithm",
            "That is a logarithm to another base. `decode_boxes` takes the exponential, the inverse of the *natural* "
            "logarithm: with any other the boxes would come back in another size.",
            (_with_growth(lambda size, of: np.log2(size / of)), _with_growth(lambda size, of: np.log10(size / of))),
        ),
        Misconception(
            "no logarithm",
            "Your growth is not a logarithm. A ratio is 1 where nothing changes, and a network that says -1 would make "
            "a box of negative height. The log of the ratio is 0 where nothing changes, and any number is allowed.",
            (
                _with_growth(lambda size, of: size / of),
                _with_growth(lambda size, of: size / of - 1),
                _with_growth(lambda size, of: size - of),
                _with_growth(lambda size, of: np.log1p(size / of)),
            ),
        ),
        Misconception(
            "decoded in place of encoded",
            "You took the boxes for deltas and applied them to the anchors. That is decoding: from deltas to boxes, "
            "for what the network says. Encoding goes from boxes to deltas, for what it should have said.",
            (_decoded,),
        ),
        Misconception(
            "weights",
            "You multiplied by weights, as Faster R-CNN does before the loss. Not here: the network of this chapter "
            "does it itself, and twice would be too much.",
            (_weighed(10, 10, 5, 5), _weighed(0.1, 0.1, 0.2, 0.2)),
        ),
        Misconception(
            "one pixel more",
            "Your sizes are one pixel too large. The numbers of a box are edges, not pixel numbers: a box from 2 to 5 "
            "is 3 wide.",
            (
                _made_of(lambda middle, size, at, of: ((middle - at) / (of + 1), np.log((size + 1) / (of + 1)))),
                _with_growth(lambda size, of: np.log((size + 1) / (of + 1))),
            ),
        ),
        Misconception(
            "four rows",
            "Your result lies on its side: four rows, and a column for each box. Each box has its row: (n, 4).",
            (lambda boxes, anchors: encode_boxes(boxes, anchors).T,),
        ),
        Misconception(
            "cut off to integers",
            "For boxes of integers your result is cut off to integers: the array that you fill took the type of the "
            "boxes. Most deltas lie between -1 and 1, nothing is left of them. Make it an array of floats.",
            (lambda boxes, anchors: encode_boxes(boxes, anchors).astype(boxes.dtype),),
        ),
    ),
)

# 8.7 ------------------------------------------------------------------------------------------------------------------


def _nms_cases(rng: np.random.Generator) -> list[Case]:
    chain = np.array([[6.0, 0, 16, 10], [0, 0, 10, 10], [30, 30, 36, 36], [3, 0, 13, 10]])
    middles = rng.uniform(10, 50, size=(5, 2))[rng.integers(5, size=20)] + rng.normal(0, 2, size=(20, 2))
    halves = rng.uniform(4, 8, size=(20, 2))
    heaps = np.concatenate([middles - halves, middles + halves], axis=1)
    half = np.array([[0.0, 0, 2, 4], [0, 0, 2, 2], [8, 8, 12, 10], [8, 8, 12, 12], [0, 0, 2, 3]])
    twins = np.array([[0.0, 0, 8, 8], [1, 0, 9, 8], [20, 20, 26, 26], [20, 20, 26, 26], [20, 21, 26, 27]])
    return [
        Case(
            (chain, np.array([0.7, 0.9, 0.6, 0.8]), 0.5),
            "0 and 3 overlap with 0.54, so do 1 and 3; 0 and 1 with 0.25; 2 stands alone",
        ),
        Case((half, np.array([0.9, 0.8, 0.3, 0.4, 0.2]), 0.5), "two pairs of boxes have an IoU of exactly 0.5"),
        Case((twins, np.array([0.6, 0.6, 0.7, 0.7, 0.7]), 0.5), "equal scores"),
        Case((heaps, np.round(rng.permutation(20) / 20, 3), 0.3), "five heaps of boxes, threshold 0.3"),
        Case((heaps, rng.permutation(20) / 5 - 2), "scores are logits, threshold left out"),
        Case((heaps[:12], rng.permutation(12) / 12, 0.7), "a high threshold, one score is 0"),
        Case((np.zeros((0, 4)), np.zeros(0), 0.5), "no boxes"),
    ]


def _order(scores):
    return np.argsort(-scores, kind="stable")


def _kept(boxes, order, goes: Callable) -> np.ndarray:
    """The boxes that stay when each in turn, as `order` says, goes if `goes` says so of its IoUs with those kept."""
    kept = []
    for box in order:
        if not goes(iou(boxes[[box]], boxes[kept])[0]):
            kept.append(box)
    return np.array(kept, dtype=int)


def _over(threshold) -> Callable:
    return lambda overlaps: (overlaps > threshold).any()


def _ordered(order: Callable) -> Callable:
    """The right rule, in another order of the boxes."""
    return lambda boxes, scores, threshold=0.5: _kept(boxes, order(scores), _over(threshold))


def _from_kept(change: Callable) -> Callable:
    """A wrong answer that does something to the right indices: (kept, boxes, scores)."""
    return lambda boxes, scores, threshold=0.5: change(nms(boxes, scores, threshold), boxes, scores)


def _gone_also_suppress(boxes, scores, threshold=0.5):
    order = _order(scores)
    overlaps = iou(boxes[order], boxes[order])
    return order[~np.triu(overlaps > threshold, k=1).any(axis=0)]


def _copies_kept(boxes, scores, threshold=0.5):
    order, kept = _order(scores), []
    while len(order):
        kept.append(order[0])
        order = order[1:][iou(boxes[order[:1]], boxes[order[1:]])[0] > threshold]
    return np.array(kept, dtype=int)


def _one_round(boxes, scores, threshold=0.5):
    order = _order(scores)
    return np.append(order[:1], order[1:][iou(boxes[order[:1]], boxes[order[1:]]).max(axis=0, initial=0) <= threshold])


def _at_threshold_goes(boxes, scores, threshold=0.5):
    return _kept(boxes, _order(scores), lambda overlaps: (overlaps >= threshold).any())


def _with_last_only(boxes, scores, threshold=0.5):
    return _kept(boxes, _order(scores), lambda overlaps: (overlaps[-1:] > threshold).any())


def _shown_only(least: float) -> Callable:
    def wrong(boxes, scores, threshold=0.5):
        rows = np.flatnonzero(scores > least)
        return rows[nms(boxes[rows], scores[rows], threshold)]

    return wrong


def _places(boxes, scores, threshold=0.5):
    order = _order(scores)
    return np.flatnonzero(np.isin(order, nms(boxes, scores, threshold)))


def _begins_with_the_first(boxes, scores, threshold=0.5):
    boxes[_order(scores)[0]]  # of no boxes: an error
    return nms(boxes, scores, threshold)


NMS = Exercise(
    id="8.7",
    reference=nms,
    cases=_nms_cases,
    keeps_dtype="kind",
    hints=(
        "Several boxes lie on one nodule, and you want one of them: the best. Take the box with the highest score. "
        "Which of the others say the same? They go. Then take the best of those that are left.",
        '`np.argsort(-scores, kind="stable")` lists the indices, highest score first, equal ones in their order. Work '
        "on this list: its first index is kept, the rest is filtered, and so on until nothing is left.",
        "In each round: `best, others = left[0], left[1:]`. The IoUs are `iou(boxes[[best]], boxes[others])[0]`; what "
        "stays in `left` are the others whose IoU is at most `threshold`. Return the kept indices as an array of "
        "integers.",
    ),
    why="Only boxes that were kept remove others, because what was removed is no longer in the list. The list holds "
    "indices into the boxes as they came, so that scores and boxes can be picked by the result.",
    misconceptions=(
        Misconception(
            "the lowest score first",
            "You began with the lowest score: of every heap the worst box survives. Sorting goes from low to high; the "
            "best box must come first.",
            (_ordered(lambda scores: np.argsort(scores, kind="stable")),),
        ),
        Misconception(
            "suppressed boxes suppress",
            "A box that was itself removed still removed another one. In the chain of 1, 3 and 0 the best box removes "
            "its neighbour 3; then 3 has no say any more, and 0, which has an IoU of only 0.25 with 1, stays. It "
            "may be a second nodule.",
            (
                _gone_also_suppress,
                lambda *args: np.sort(_gone_also_suppress(*args)),
            ),
        ),
        Misconception(
            "places in the sorted list",
            "You gave back places in the *sorted* list. The caller knows the boxes as they were handed over: give back "
            "the indices that the sorted list holds at these places.",
            (_places,),
        ),
        Misconception(
            "exactly the threshold goes",
            "A box whose IoU is exactly the threshold went. It stays: only an IoU *above* the threshold removes.",
            (_at_threshold_goes,),
        ),
        Misconception(
            "the copies stay",
            "You removed the boxes with an IoU *below* the threshold: those that lie elsewhere, the other nodules. And "
            "the copies stayed. What overlaps the best box much says the same as it does, and goes.",
            (
                _copies_kept,
                lambda boxes, scores, threshold=0.5: _kept(
                    boxes, _order(scores), lambda overlaps: len(overlaps) and (overlaps <= threshold).any()
                ),
            ),
        ),
        Misconception(
            "one round only",
            "You kept the best box and removed what overlaps it, and stopped. The boxes that are left lie in heaps "
            "too: take the best of them, and so on until none is left.",
            (_one_round,),
        ),
        Misconception(
            "compared with one kept box only",
            "You compared each box only with the one that was kept last. A copy of an *earlier* kept box gets through "
            "that way. It must be compared with all that were kept.",
            (_with_last_only,),
        ),
        Misconception(
            "scores of 0 and below left out",
            "You left out boxes because of their score. The score decides the order and nothing else; logits are often "
            "negative. Where to cut is the caller's choice, and comes later.",
            (_shown_only(0), _shown_only(0.05), _shown_only(0.5)),
        ),
        Misconception(
            "of equal scores the last",
            "Of boxes with equal scores the one with the lower index comes first; yours takes the last. Sorted upwards "
            "and turned round, equal scores are turned round too.",
            (_ordered(lambda scores: np.argsort(scores, kind="stable")[::-1]),),
        ),
        Misconception(
            "in the order of the file",
            "The boxes are the right ones, but they stand in the order in which they came. The highest score comes "
            "first: then the first ten are the best ten.",
            (_from_kept(lambda kept, boxes, scores: np.sort(kept)),),
        ),
        Misconception(
            "the scores not sorted",
            "You went through the boxes as they stand. It is not the first box of a heap that stays, but the one with "
            "the highest score.",
            (_ordered(lambda scores: np.arange(len(scores))),),
        ),
        Misconception(
            "the threshold written in",
            "Your function works with a threshold of its own. `threshold` must come in: the proposals and "
            "the final boxes use different ones.",
            (lambda boxes, scores, threshold=0.5: nms(boxes, scores, 0.5),),
        ),
        Misconception(
            "yes and no in place of indices",
            "You gave back True or False for every box. Asked for are the indices of those that are kept, the highest "
            "score first: yes and no cannot tell the order.",
            (
                _from_kept(lambda kept, boxes, scores: np.isin(np.arange(len(boxes)), kept)),
                _from_kept(lambda kept, boxes, scores: np.isin(_order(scores), kept)),
            ),
        ),
        Misconception(
            "boxes or scores in place of indices",
            "You gave back the boxes (or scores) themselves. With indices the caller can pick both, and whatever else "
            "belongs to them.",
            (
                _from_kept(lambda kept, boxes, scores: boxes[kept]),
                _from_kept(lambda kept, boxes, scores: scores[kept]),
            ),
        ),
        Misconception(
            "those that go",
            "These are the boxes that go. Asked for are those that stay.",
            (
                _from_kept(lambda kept, boxes, scores: _order(scores)[~np.isin(_order(scores), kept)]),
                _from_kept(lambda kept, boxes, scores: np.setdiff1d(np.arange(len(boxes)), kept)),
            ),
        ),
        Misconception(
            "removed by itself",
            "Every box has an IoU of 1 with itself, and was removed by itself: nothing is left. Compare the best box "
            "with the *others*.",
            (lambda boxes, scores, threshold=0.5: np.zeros(0, dtype=int),),
        ),
        Misconception(
            "no boxes",
            "Your function stops when there are no boxes. A slice without any is common: the result is an array "
            "without entries.",
            (_begins_with_the_first,),
        ),
    ),
)
