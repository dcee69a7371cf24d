"""Other right answers to the exercises of chapter 08."""

import numpy as np

from helpers.metrics import iou


def _iou_loops(a, b):
    table = np.zeros((len(a), len(b)))
    for i, (top, left, bottom, right) in enumerate(a):
        for j, (y0, x0, y1, x1) in enumerate(b):
            height, width = min(bottom, y1) - max(top, y0), min(right, x1) - max(left, x0)
            if height > 0 and width > 0:
                both = (bottom - top) * (right - left) + (y1 - y0) * (x1 - x0)
                table[i, j] = height * width / (both - height * width)
    return table


def _iou_columns(a, b):
    y0, x0, y1, x1 = np.asarray(a, dtype=float).T[:, :, None]
    v0, u0, v1, u1 = np.asarray(b, dtype=float).T[:, None]
    height = np.maximum(0, np.minimum(y1, v1) - np.maximum(y0, v0))
    width = np.maximum(0, np.minimum(x1, u1) - np.maximum(x0, u0))
    union = (y1 - y0) * (x1 - x0) + (v1 - v0) * (u1 - u0) - height * width
    with np.errstate(all="ignore"):
        return np.nan_to_num(height * width / union)


def _iou_tiny_divisor(a, b):
    """A divisor that is never 0, and so near to the right one that nobody can tell."""
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    overlap = np.prod(sides * (sides > 0), axis=-1)
    area = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1) for boxes in (a, b)]
    return overlap / (area[0][:, None] + area[1][None] - overlap + 1e-12)


def _match_loops(overlaps, low=0.3, high=0.5):
    labels, index = [], []
    for row in overlaps:
        label, box = 0, 0
        if len(row):
            box = int(np.argmax(row))
            label = 1 if row[box] >= high else (0 if row[box] < low else -1)
        best = 0
        for k, value in enumerate(row):
            if value > best and value == max(overlaps[:, k]):
                label, box, best = 1, k, value
        labels.append(label)
        index.append(box)
    return np.array(labels), np.array(index)


def _match_truth_first(overlaps, low=0.3, high=0.5):
    """Truth boxes in order of their best IoU, so that the largest overlap writes last."""
    best = overlaps.max(axis=1, initial=0)
    index = overlaps.argmax(axis=1) if overlaps.size else np.zeros(len(overlaps), dtype=int)
    labels = np.select([best >= high, best >= low], [1, -1], default=0)
    peaks = overlaps.max(axis=0, initial=0)
    for box in np.argsort(peaks[::-1], kind="stable"):
        box = len(peaks) - 1 - box  # of equal ones the first writes last
        if peaks[box] > 0:
            rows = overlaps[:, box] == peaks[box]
            labels[rows], index[rows] = 1, box
    return [labels.astype(np.int8), index]


def _encode_columns(boxes, anchors):
    height, width = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    tall, wide = anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]
    dy = (boxes[:, 0] + height / 2 - anchors[:, 0] - tall / 2) / tall
    dx = (boxes[:, 1] + width / 2 - anchors[:, 1] - wide / 2) / wide
    return np.stack([dy, dx, np.log(height) - np.log(tall), np.log(width) - np.log(wide)], axis=1)


def _encode_loop(boxes, anchors):
    deltas = np.zeros(boxes.shape)
    for k, (box, anchor) in enumerate(zip(boxes, anchors, strict=True)):
        for axis in (0, 1):
            size, of = box[axis + 2] - box[axis], anchor[axis + 2] - anchor[axis]
            deltas[k, axis] = (box[axis] + box[axis + 2] - anchor[axis] - anchor[axis + 2]) / (2 * of)
            deltas[k, axis + 2] = np.log(size / of)
    return deltas


def _nms_table(boxes, scores, threshold=0.5):
    overlaps, gone, kept = iou(boxes, boxes), set(), []
    for box in sorted(range(len(scores)), key=lambda k: (-scores[k], k)):
        if box not in gone:
            kept.append(box)
            gone |= set(np.flatnonzero(overlaps[box] > threshold))
    return np.array(kept, dtype=np.int32)


def _nms_against_kept(boxes, scores, threshold=0.5):
    kept = np.zeros(0, dtype=int)
    for box in np.argsort(-scores, kind="stable"):
        if np.all(iou(boxes[box : box + 1], boxes[kept]) <= threshold):
            kept = np.append(kept, box)
    return kept


def _nms_argmax(boxes, scores, threshold=0.5):
    left, kept = np.full(len(boxes), True), []
    while left.any():
        best = int(np.argmax(np.where(left, scores, -np.inf)))
        kept.append(best)
        left &= iou(boxes, boxes[[best]])[:, 0] <= threshold
        left[best] = False
    return np.array(kept, dtype=int)


def _froc_dictionary(scores, hits, counts):
    best, false = {}, []
    for scan in range(len(counts)):
        for score, hit in zip(scores[scan], hits[scan], strict=True):
            if hit >= 0:
                best[scan, hit] = max(score, best.get((scan, hit), -np.inf))
            elif hit == -1:
                false.append(score)
    thresholds = [np.inf, *sorted({*best.values(), *false}, reverse=True)]
    x = [sum(score >= threshold for score in false) / len(scores) for threshold in thresholds]
    y = [sum(score >= threshold for score in best.values()) / sum(counts) for threshold in thresholds]
    return np.array(x), np.array(y), np.array(thresholds)


def _froc_sorted(scores, hits, counts):
    """All marks in one order, then running counts; a nodule counts at its first mark."""
    scan = np.repeat(np.arange(len(counts)), [len(score) for score in scores])
    score, hit = np.concatenate(scores), np.concatenate(hits)
    order = np.argsort(-score, kind="stable")
    order = order[hit[order] != -2]
    scan, score, hit = scan[order], score[order], hit[order]
    seen, marks = set(), []
    for k in range(len(order)):
        if hit[k] == -1:
            marks.append((score[k], 1, 0))
        elif (scan[k], hit[k]) not in seen:
            seen.add((scan[k], hit[k]))
            marks.append((score[k], 0, 1))
    score, false, found = np.array(marks).reshape(-1, 3).T
    last = np.flatnonzero(np.append(score[1:] != score[:-1], True)[: len(score)])
    x, y = np.cumsum(false)[last] / len(counts), np.cumsum(found)[last] / np.sum(counts)
    return [np.append(0, x), np.append(0, y), np.append(np.inf, score[last])]


def _cpm_by_hand(false_positives, sensitivity):
    total = 0
    for rate in (0.125, 0.25, 0.5, 1, 2, 4, 8):
        before = np.flatnonzero(false_positives <= rate)[-1]
        value = sensitivity[before]
        if before + 1 < len(sensitivity):
            along = (rate - false_positives[before]) / (false_positives[before + 1] - false_positives[before])
            value = value + along * (sensitivity[before + 1] - value)
        total += value
    return total / 7


def _cpm_by_slopes(false_positives, sensitivity):
    """A level piece up to far away is put behind the end, so that every rate has a point behind it."""
    x, y = np.append(false_positives, 1e9), np.append(sensitivity, sensitivity[-1])
    rates = 2.0 ** np.arange(-3, 4)
    behind = np.searchsorted(x, rates, side="right")
    slope = (y[behind] - y[behind - 1]) / (x[behind] - x[behind - 1])
    return np.average(y[behind - 1] + slope * (rates - x[behind - 1]))


def _match_in_two_passes(overlaps, low=0.3, high=0.5):
    n, m = overlaps.shape
    index = np.array([int(np.argmax(row)) if m else 0 for row in overlaps], dtype=int)
    labels = np.array([0 if not m or max(row) < low else 1 if max(row) >= high else -1 for row in overlaps], dtype=int)
    forced = {}
    for k in range(m):
        most = max(overlaps[:, k], default=0)
        for row in range(n):
            if most > 0 and overlaps[row, k] == most:
                forced.setdefault(row, []).append(k)
    for row, candidates in forced.items():
        labels[row] = 1
        index[row] = max(candidates, key=lambda k: (overlaps[row, k], -k))
    return labels, index


def _encode_centred(boxes, anchors):
    def parts(box):
        x1, y1, x2, y2 = np.asarray(box, float).T
        return np.array([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])

    b, a = parts(boxes), parts(anchors)
    return np.vstack([(b[:2] - a[:2]) / a[2:], np.log(b[2:]) - np.log(a[2:])]).T


def _froc_threshold_by_threshold(scores, hits, counts):
    """Every score is tried; one that changes nothing, as a second mark of a nodule, is left out."""
    points = [(0, 0, np.inf)]
    for threshold in sorted({score for scan in scores for score in scan}, reverse=True):
        false = found = 0
        for score, hit in zip(scores, hits, strict=True):
            shown = np.asarray(hit)[np.asarray(score) >= threshold].tolist()
            false += shown.count(-1)
            found += len({nodule for nodule in shown if nodule >= 0})
        if (false, found) != points[-1][:2]:
            points.append((false, found, threshold))
    false, found, thresholds = np.array(points, dtype=float).T
    return false / len(scores), found / sum(counts), thresholds


def _cpm_loop(false_positives, sensitivity):
    total = 0.0
    for power in range(-3, 4):
        total += np.interp(2.0**power, false_positives, sensitivity)
    return total / 7


RIGHT = {
    "8.2": [_iou_loops, _iou_columns, _iou_tiny_divisor],
    "8.4": [_match_loops, _match_truth_first, _match_in_two_passes],
    "8.5": [_encode_columns, _encode_loop, _encode_centred],
    "8.7": [_nms_table, _nms_against_kept, _nms_argmax],
    "8.11": [_froc_dictionary, _froc_sorted, _froc_threshold_by_threshold],
    "8.12": [_cpm_by_hand, _cpm_by_slopes, _cpm_loop],
}
