"""How good a detector is: boxes against boxes, and marks against nodules by the rules of LUNA16.

A box is (y0, x0, y1, x1) in pixels, its edges: from 2 to 5 is 3 wide. Boxes are (n, 4), none at all (0, 4). They may
lie outside the image, have no area, but must have y0 <= y1 and x0 <= x1. Numbers must be finite.
"""

from collections.abc import Sequence

import numpy as np

Lists = Sequence[np.ndarray]  # one for each image or scan
RATES = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)  # false positives per scan at which LUNA16 reads the sensitivity


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union: the area that two boxes share, of the area that they cover together.

    a, b : (M, 4) and (N, 4) boxes (y0, x0, y1, x1). Returns (M, N), every box in a with every box in b, from 0 to 1. 0
    where they do not meet or only touch, and where a box has no area.

    A ValueError for another shape, nan or infinity, and a box with y1 < y0 or x1 < x0.
    """
    a, b = _checked_boxes(a, "a"), _checked_boxes(b, "b")
    top_left = np.maximum(a[:, None, :2], b[:, :2])  # (M, N, 2)
    bottom_right = np.minimum(a[:, None, 2:], b[:, 2:])
    intersection = np.prod(np.clip(bottom_right - top_left, 0, None), axis=2)  # apart: 0, not minus times minus
    area_a, area_b = np.prod(a[:, 2:] - a[:, :2], axis=1), np.prod(b[:, 2:] - b[:, :2], axis=1)
    union = area_a[:, None] + area_b - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=intersection > 0)


def nms(boxes: np.ndarray, scores: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Non-maximum suppression: of boxes that overlap, the one with the highest score stays.

    The best box is kept, and those whose IoU with it is above the threshold go (exactly the threshold stays); then the
    best of what is left, and so on. Only a box that was kept removes others.

    Parameters
    ----------
    boxes : (n, 4) of one image and one class
    scores : (n,) higher is better; of equal scores the lower index comes first
    threshold : IoU, from 0 to 1

    Returns
    -------
    (k,) int, the indices of the boxes that are kept, highest score first

    A ValueError as in `iou`, and for other scores than one a box, and a threshold outside 0 to 1.
    """
    boxes = _checked_boxes(boxes, "boxes")
    scores = _checked(scores, "scores", (len(boxes),))
    _expect(0 <= threshold <= 1, f"expected a threshold on the IoU, from 0 to 1, got {threshold}")
    left = np.argsort(-scores, kind="stable")  # highest first, equal ones in the order given
    kept = []
    while len(left):
        best, others = left[0], left[1:]
        kept.append(best)
        left = others[iou(boxes[[best]], boxes[others])[0] <= threshold]
    return np.array(kept, dtype=int)


def box_average_precision(
    truth: Lists, boxes: Lists, scores: Lists, threshold: float = 0.5, ignored: Lists | None = None, points=None
) -> float:
    """Area under precision against recall, where a box is right if its IoU with a truth box reaches the threshold.

    In each image the boxes come in order of their scores. Each takes the free truth box of highest IoU, if that is at
    least the threshold; without one it is a false positive. Then the boxes of all images stand in one order (equal
    scores as given), and the precision at a recall is the highest at that recall or above.

    Parameters
    ----------
    truth, boxes, scores : one (g, 4), (d, 4) and (d,) for each image
    threshold : IoU, above 0 and at most 1
    ignored : one (g,) bool for each image, True for truth boxes that count neither way. A box that finds no other free
        truth box, but reaches the threshold with an ignored one, counts neither way either
    points : None for the whole area (PASCAL VOC since 2010: Everingham et al., Int. J. Comput. Vis. 111:98, 2015); 101
        for the mean at recalls 0, 0.01, ..., 1 (COCO: Lin et al., ECCV 2014)

    A ValueError as in `nms`, and for lists of different lengths, no truth box that counts, and points below 2.
    """
    truth, boxes, scores, ignored = _checked_images(truth, boxes, scores, ignored)
    _expect(0 < threshold <= 1, f"expected a threshold on the IoU, above 0 and at most 1, got {threshold}")
    _expect(points is None or points >= 2, f"expected points=None for the whole area, or 101 as COCO, got {points}")
    images = zip(truth, boxes, scores, ignored, strict=True)
    outcome = np.concatenate([_outcomes(*image, threshold) for image in images])
    outcome = outcome[np.argsort(-np.concatenate(scores), kind="stable")]
    right = np.cumsum(outcome[outcome >= 0])
    recall = right / np.sum(~np.concatenate(ignored))
    precision = right / np.arange(1, len(right) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]  # the highest from here on
    if points is None:
        return float(np.sum(np.diff(recall, prepend=0) * precision))
    place = np.searchsorted(recall, np.linspace(0, 1, points))  # the first box that reaches each recall
    return float(np.mean(np.append(precision, 0)[place]))


def coco_average_precision(truth: Lists, boxes: Lists, scores: Lists, ignored: Lists | None = None) -> float:
    """Mean of `box_average_precision` at 101 points over the thresholds 0.50, 0.55, ..., 0.95 (Lin et al., ECCV 2014).

    Arguments and errors as there. COCO looks at no more than 100 boxes an image; here all count.
    """
    thresholds = np.linspace(0.5, 0.95, 10)
    return float(np.mean([box_average_precision(truth, boxes, scores, t, ignored, points=101) for t in thresholds]))


def _outcomes(truth, boxes, scores, ignored, threshold) -> np.ndarray:
    """(d,) for the boxes of one image: 1 right, 0 false positive, -1 neither."""
    truth, ignored = truth[::-1], ignored[::-1]  # of equal IoUs COCO takes the last, argmax the first
    overlap, free = iou(boxes, truth), ~ignored
    outcome = np.zeros(len(boxes), dtype=int)
    for box in np.argsort(-scores, kind="stable"):
        near = overlap[box] >= threshold
        if (near & free).any():
            free[np.argmax(overlap[box] * free)] = False
            outcome[box] = 1
        elif (near & ignored).any():
            outcome[box] = -1
    return outcome


# Marks in scans, by the rules of LUNA16 (Setio et al., Med. Image Anal. 42:1, 2017, doi 10.1016/j.media.2017.06.015)


def find_hits(
    marks: np.ndarray, nodules: np.ndarray, radii: np.ndarray, excluded: np.ndarray, excluded_radii: np.ndarray
) -> np.ndarray:
    """Which nodule of a scan each mark hits: one whose centre is nearer than its radius; at the radius is a miss.

    Parameters
    ----------
    marks, nodules, excluded : (d, 3), (n, 3) and (m, 3) points (z, y, x) in mm; excluded findings count neither way
    radii, excluded_radii : (n,) and (m,) in mm

    Returns
    -------
    (d,) int, the index of the nodule hit, of several the nearest (LUNA16's script counts them all, and warns); -1 a
    false positive; -2 neutral: no nodule, but an excluded finding

    A ValueError for other shapes, nan or infinity, and a radius below 0: LUNA16 has diameters of -1 where none was
    measured, and its script takes a radius of 5 mm there.
    """
    marks, nodules = _checked(marks, "marks", (None, 3)), _checked(nodules, "nodules", (None, 3))
    excluded = _checked(excluded, "excluded", (None, 3))
    radii = _checked(radii, "radii", (len(nodules),), low=0)
    excluded_radii = _checked(excluded_radii, "excluded_radii", (len(excluded),), low=0)
    hits = np.full(len(marks), -1)
    for k, mark in enumerate(marks):
        distance = np.linalg.norm(nodules - mark, axis=1)
        if (distance < radii).any():
            hits[k] = np.argmin(np.where(distance < radii, distance, np.inf))
        elif (np.linalg.norm(excluded - mark, axis=1) < excluded_radii).any():
            hits[k] = -2
    return hits


def merge_slices(
    boxes: Lists, scores: Lists, spacing: Sequence[float], reach: float = 3.0
) -> tuple[np.ndarray, np.ndarray]:
    """One mark for the boxes that a scan's slices show of the same thing.

    The best box comes first. Boxes belong to it whose middles lie within its radius, or within `reach`, beside it, in
    its slice and the slices above and below as far as each has one. Then the best box that is left, and so on.

    Parameters
    ----------
    boxes, scores : one (d, 4) in pixels and (d,) for each slice of one scan, from below
    spacing : (3,) mm between slices, rows, columns
    reach : mm

    Returns
    -------
    marks : (k, 3) points (z, y, x) in mm, the mean of the boxes' middles by score; 0 is the middle of the first voxel
    scores : (k,) mean of the two best slices, falling; a thing that only one slice shows has half of its score

    A ValueError as in `nms`, and for scores below 0, lists of different lengths, another spacing or reach than above 0.
    """
    _check_lengths(boxes=boxes, scores=scores)
    spacing = _checked(spacing, "spacing", (3,))
    _expect((spacing > 0).all() and reach > 0, f"expected a spacing and reach above 0 mm, got {spacing}, {reach}")
    boxes = [_checked_boxes(found, f"boxes[{z}]") for z, found in enumerate(boxes)]
    values = [_checked(found, f"scores[{z}]", (len(boxes[z]),), low=0) for z, found in enumerate(scores)]
    z, score = np.repeat(np.arange(len(boxes)), [len(found) for found in boxes]), np.concatenate(values)
    corners = np.concatenate(boxes).reshape(-1, 2, 2)  # edges: the middle of the first pixel is at 0.5
    middles = np.column_stack([z, corners.mean(axis=1) - 0.5]) * spacing
    radii = (corners[:, 1] - corners[:, 0]) @ spacing[1:] / 4
    left = np.argsort(-score, kind="stable")
    marks, mark_scores = [], []
    while len(left):
        best = left[0]
        beside = np.linalg.norm(middles[left, 1:] - middles[best, 1:], axis=1) <= max(reach, radii[best])
        shown = np.unique(z[left[beside]])
        run = np.cumsum(np.diff(shown, prepend=shown[0]) > 1)  # slices without a gap have the same number
        together = beside & np.isin(z[left], shown[run == run[shown == z[best]]])
        part, left = left[together], left[~together]
        _, first = np.unique(z[part], return_index=True)  # the best box of each slice
        marks.append(np.average(middles[part], axis=0, weights=score[part] + 1e-9))
        mark_scores.append(np.sort(score[part[first]])[-2:].sum() / 2)
    order = np.argsort(-np.array(mark_scores), kind="stable")
    return np.array(marks).reshape(-1, 3)[order], np.array(mark_scores)[order]


def froc(scores: Lists, hits: Lists, counts: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Free-response ROC curve: sensitivity against false positives per scan, at every threshold.

    A mark is shown when its score is at least the threshold. Of several hits on one nodule the one with the highest
    score counts, the others neither way; neither do marks on excluded findings.

    Parameters
    ----------
    scores, hits : one (d,) each for each scan, healthy ones and those without marks too; hits as from `find_hits`
    counts : how many nodules each scan has, found or not

    Returns
    -------
    false_positives, sensitivity : (T,) each, rising; per scan, over all scans, and of the nodules of all scans
    thresholds : (T,) falling: infinity, where nothing is shown, then each distinct score of the marks that count

    A ValueError for no scan, no nodule, lists of different lengths, nan, a hit on a nodule that the scan has not.
    """
    scores, hits, counts = _checked_scans(scores, hits, counts)
    found, false = [], []  # the scores of the marks that count
    for score, hit in zip(scores, hits, strict=True):
        found += [score[hit == nodule].max() for nodule in np.unique(hit[hit >= 0])]
        false += list(score[hit == -1])
    thresholds = np.append(np.inf, np.unique(found + false)[::-1])
    reached = len(found) - np.searchsorted(np.sort(found), thresholds)  # all but those below the threshold
    false_alarms = len(false) - np.searchsorted(np.sort(false), thresholds)
    return false_alarms / len(counts), reached / np.sum(counts), thresholds


def sensitivity_at(false_positives: np.ndarray, sensitivity: np.ndarray, rates: Sequence[float] = RATES) -> np.ndarray:
    """Sensitivity at given numbers of false positives per scan, read off a FROC curve, (R,) for R rates.

    Between two points on the straight line, as in LUNA16's script; where the curve rises at one number of false
    positives, the highest; beyond its end the last.

    false_positives, sensitivity : (T,) as from `froc`. A curve that falls, rates below 0 and nan are a ValueError.
    """
    false_positives = _checked(false_positives, "false_positives", (None,))
    sensitivity = _checked(sensitivity, "sensitivity", false_positives.shape)
    rates = _checked(rates, "rates", (None,), low=0)
    falls = (np.diff(false_positives) < 0).any() or (np.diff(sensitivity) < 0).any()
    _expect(len(sensitivity) and not falls, "expected false_positives and sensitivity that never fall, as from froc")
    return np.interp(rates, false_positives, sensitivity)  # of several points at one rate it takes the last


def cpm(false_positives: np.ndarray, sensitivity: np.ndarray) -> float:
    """Competition performance metric: mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives per scan.

    From 0 to 1 (Niemeijer et al., IEEE Trans. Med. Imaging 30:215, 2011, and LUNA16). Arguments as `sensitivity_at`.
    """
    return float(np.mean(sensitivity_at(false_positives, sensitivity, RATES)))


def bootstrap_froc(
    scores: Lists, hits: Lists, counts: Sequence[int], rng: np.random.Generator, repeats=1000, rates=RATES
) -> np.ndarray:
    """Sensitivity at the rates for sets of scans drawn from these: how far chance moves it. (repeats, R), a row a draw.

    Whole scans are drawn with replacement, as many as there are, each with all its marks and nodules: marks in one scan
    resemble each other. A draw without a nodule is drawn again. The mean over LUNA16's rates is the CPM of a draw.

    scores, hits, counts : as in `froc`; errors as there and in `sensitivity_at`, and for fewer than 40 scans, no
        generator, repeats below 1
    """
    scores, hits, counts = _checked_scans(scores, hits, counts)
    few = f"the first point of the curve would rest on {len(counts) / 8:g} false positives, too few to draw from"
    _expect(len(counts) >= 40, f"expected at least 40 scans, got {len(counts)}: {few}")
    _expect(isinstance(rng, np.random.Generator), f"expected rng as from np.random.default_rng(0), got {rng!r}")
    _expect(repeats >= 1, f"expected repeats from 1 on, got {repeats}")
    marks = []  # those that count, as in froc: score, is it a hit, which scan
    for scan, (score, hit) in enumerate(zip(scores, hits, strict=True)):
        marks += [(score[hit == nodule].max(), True, scan) for nodule in np.unique(hit[hit >= 0])]
        marks += [(value, False, scan) for value in score[hit == -1]]
    score, right, scan = np.array(sorted(marks, reverse=True), dtype=float).reshape(-1, 3).T
    scan = scan.astype(int)
    last = np.flatnonzero(np.diff(score, append=-np.inf))  # the last mark of each distinct score
    values = []
    while len(values) < repeats:
        drawn = rng.integers(len(counts), size=len(counts))
        times = np.bincount(drawn, minlength=len(counts))  # each scan was drawn
        nodules = np.sum(times * counts)
        if nodules:
            reached = np.cumsum(times[scan] * right)[last] / nodules
            false_alarms = np.cumsum(times[scan] * (1 - right))[last] / len(counts)
            values.append(sensitivity_at(np.append(0, false_alarms), np.append(0, reached), rates))
    return np.array(values)


# What comes in


def _expect(fits, message: str) -> None:
    if not fits:
        raise ValueError(message)


def _checked(values, name: str, shape: tuple, kind: type = float, low=-np.inf, high=np.inf) -> np.ndarray:
    """The values as an array of that shape, where None is any number, of that kind, finite, from `low` to `high`."""
    values = np.asarray(values)
    fits = values.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, values.shape, strict=True))
    fits = fits and (values.size == 0 or values.dtype.kind in {float: "iuf", int: "iu", bool: "b"}[kind])
    none = f"; if there are none, pass np.zeros({(0, *shape[1:])})" if values.size == 0 else ""
    expected = f"expected {kind.__name__} of shape {shape}".replace("None", "n")
    _expect(fits, f"{name}: {expected}, got {values.dtype} of shape {values.shape}{none}")
    _expect(np.isfinite(values).all(), f"{name}: expected finite numbers, got nan or infinity")
    if ((values < low) | (values > high)).any():
        raise ValueError(f"{name}: expected nothing below {low} or above {high}, got {values.tolist()}")
    return values.astype(kind)


def _checked_boxes(boxes, name: str) -> np.ndarray:
    boxes = _checked(boxes, name, (None, 4))
    wrong = boxes[(boxes[:, 2:] < boxes[:, :2]).any(axis=1)]
    _expect(len(wrong) == 0, f"{name}: expected (y0, x0, y1, x1) with y0 <= y1 and x0 <= x1, got {wrong[:1].tolist()}")
    return boxes


def _check_lengths(**lists) -> None:
    lengths = {name: len(entries) for name, entries in lists.items()}
    alike = len(set(lengths.values())) == 1 and 0 not in lengths.values()
    _expect(alike, f"expected lists with one entry for each image or scan, at least one, got lengths {lengths}")


def _checked_images(truth, boxes, scores, ignored) -> tuple[list, list, list, list]:
    ignored = [np.zeros(len(image), bool) for image in truth] if ignored is None else ignored
    _check_lengths(truth=truth, boxes=boxes, scores=scores, ignored=ignored)
    truth = [_checked_boxes(image, f"truth[{k}]") for k, image in enumerate(truth)]
    boxes = [_checked_boxes(image, f"boxes[{k}]") for k, image in enumerate(boxes)]
    scores = [_checked(image, f"scores[{k}]", (len(boxes[k]),)) for k, image in enumerate(scores)]
    ignored = [_checked(image, f"ignored[{k}]", (len(truth[k]),), bool) for k, image in enumerate(ignored)]
    _expect(not np.concatenate(ignored).all(), "expected truth boxes that count, got none: there is no recall then")
    return truth, boxes, scores, ignored


def _checked_scans(scores, hits, counts) -> tuple[list, list, np.ndarray]:
    _check_lengths(scores=scores, hits=hits, counts=counts)
    counts = _checked(counts, "counts", (None,), int, low=0)
    _expect(counts.any(), "expected nodules in at least one scan, got none: there is no sensitivity then")
    meaning = "(-2 neutral, -1 false positive, else which nodule)"
    hits = [_checked(scan, f"hits[{k}] {meaning}", (None,), int, -2, counts[k] - 1) for k, scan in enumerate(hits)]
    scores = [_checked(scan, f"scores[{k}]", (len(hits[k]),)) for k, scan in enumerate(scores)]
    return scores, hits, counts
