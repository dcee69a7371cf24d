"""Boxes and marks: right against torchvision, COCO's own code, tables worked by hand, and counting."""

import contextlib
import io
import math
import time
from pathlib import Path

import numpy as np
import pytest

from helpers.metrics import (
    RATES,
    bootstrap_froc,
    box_average_precision,
    coco_average_precision,
    cpm,
    find_hits,
    froc,
    iou,
    nms,
    sensitivity_at,
)

NO_BOXES, NO_POINTS = np.zeros((0, 4)), np.zeros((0, 3))
NONE, NO_HITS = np.zeros(0), np.zeros(0, int)


@pytest.fixture(scope="module")
def torchvision():
    """What torchvision gave, written once by fixtures/make_torchvision.py."""
    with np.load(Path(__file__).parent / "fixtures" / "torchvision.npz") as arrays:
        return dict(arrays)


def grid_boxes(rng, n: int, extent: int = 12, largest: int = 6) -> np.ndarray:
    """Boxes with edges at whole pixels: they touch, contain and equal each other, and some have no area."""
    corner = rng.integers(-2, extent, (n, 2))
    return np.hstack([corner, corner + rng.integers(0, largest, (n, 2))]).astype(float)


def assert_close(ours, theirs, atol=1e-12):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)


# Intersection over union


def test_iou_by_hand():
    a = [[0, 0, 4, 6], [2, 2, 5, 4]]  # 24 and 6 pixels
    b = [[0, 0, 4, 6], [2, 3, 6, 9], [4, 0, 8, 6], [10, 10, 12, 12], [1, 1, 3, 3]]  # 24, 24, 24, 4 and 4
    # shared with the first: all; 2 x 3; an edge; nothing; all of the small one
    # shared with the second: 2 x 2; 3 x 1; 1 x 2; nothing; 1 x 1
    expected = [[1, 6 / 42, 0, 0, 4 / 24], [4 / 26, 3 / 27, 2 / 28, 0, 1 / 9]]
    assert_close(iou(a, b), expected)


def test_iou_is_that_of_torchvision(torchvision):
    assert_close(iou(torchvision["iou_a"], torchvision["iou_b"]), torchvision["iou"], 1e-12)
    assert (torchvision["iou"] == 1).any()
    assert (torchvision["iou"] == 0).any()


def test_iou_counts_pixels():
    rng = np.random.default_rng(0)
    for _ in range(60):
        a, b = grid_boxes(rng, 7), grid_boxes(rng, 5)
        for i, j in np.ndindex(7, 5):
            pixels = np.zeros((2, 30, 30), bool)
            for mask, box in zip(pixels, (a[i], b[j]), strict=True):
                y0, x0, y1, x1 = box.astype(int) + 5
                mask[y0:y1, x0:x1] = True
            either = (pixels[0] | pixels[1]).sum()
            assert iou(a, b)[i, j] == pytest.approx((pixels[0] & pixels[1]).sum() / either if either else 0)


def test_iou_is_symmetric_and_does_not_see_shifts_scales_and_swapped_axes():
    rng = np.random.default_rng(1)
    a, b = grid_boxes(rng, 20), grid_boxes(rng, 30)
    assert_close(iou(a, b), iou(b, a).T)
    assert_close(iou(a, b), iou(a * 0.8 - 300, b * 0.8 - 300), 1e-10)  # also far outside any image
    assert_close(iou(a, b), iou(a[:, [1, 0, 3, 2]], b[:, [1, 0, 3, 2]]))


def test_a_box_without_area_meets_nothing_not_even_itself():
    boxes = [[3, 3, 3, 8], [3, 3, 8, 3], [4, 4, 4, 4], [0, 0, 9, 9]]
    assert iou(boxes, boxes).tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize("kind", ["float32", "int16", "uint8"])
def test_iou_of_small_number_types_does_not_overflow(kind):
    boxes = np.array([[0, 0, 250 if kind == "uint8" else 30_000, 100], [0, 0, 100, 100]], kind)
    wide = float(boxes[0, 2])
    assert_close(iou(boxes, boxes), [[1, 100 / wide], [100 / wide, 1]])


def test_no_boxes_meet_no_boxes():
    assert iou(NO_BOXES, [[0, 0, 1, 1]]).shape == (0, 1)
    assert iou([[0, 0, 1, 1]], NO_BOXES).shape == (1, 0)
    assert iou(NO_BOXES, NO_BOXES).shape == (0, 0)


BAD_BOXES = {
    "one box without its row": ([0, 0, 1, 1], r"expected float of shape \(n, 4\), got int64 of shape \(4,\)"),
    "three edges": ([[0, 0, 1]], r"expected float of shape \(n, 4\)"),
    "an empty list": ([], r"if there are none, pass np.zeros\(\(0, 4\)\)"),
    "words": ([["a", "b", "c", "d"]], "expected float"),
    "bool": (np.ones((2, 4), bool), "expected float"),
    "nan": ([[0, 0, np.nan, 1]], "finite"),
    "infinity": ([[0, 0, np.inf, 1]], "finite"),
    "upside down": ([[0, 0, 1, 1], [5, 0, 2, 1]], r"y0 <= y1 and x0 <= x1, got \[\[5.0, 0.0, 2.0, 1.0\]\]"),
    "right to left": ([[0, 5, 1, 2]], "y0 <= y1 and x0 <= x1"),
}


@pytest.mark.parametrize("bad", BAD_BOXES)
def test_what_are_no_boxes_is_refused_by_name(bad):
    boxes, says = BAD_BOXES[bad]
    good = [[0, 0, 1, 1]]
    with pytest.raises(ValueError, match=f"^a: .*{says}"):
        iou(boxes, good)
    with pytest.raises(ValueError, match=f"^b: .*{says}"):
        iou(good, boxes)
    with pytest.raises(ValueError, match=f"^boxes: .*{says}"):
        nms(boxes, [0.5])
    with pytest.raises(ValueError, match=rf"^truth\[1\]: .*{says}"):
        box_average_precision([good, boxes], [good, good], [[0.5], [0.5]])
    with pytest.raises(ValueError, match=rf"^boxes\[0\]: .*{says}"):
        box_average_precision([good], [boxes], [[0.5]])


# Non-maximum suppression


def test_nms_by_hand():
    boxes = [[0, 0, 4, 4], [0, 1, 4, 5], [0, 2, 4, 6], [20, 20, 24, 24]]  # neighbours share 12 of 20, the ends 8 of 24
    scores = [0.5, 0.9, 0.7, 0.1]
    assert nms(boxes, scores).tolist() == [1, 3]  # highest score first, as places in the arrays as given
    assert nms(boxes, scores, 0.6).tolist() == [1, 2, 0, 3]  # 12 / 20 is not above 0.6
    assert nms(boxes, scores, 0.59).tolist() == [1, 3]


def test_a_box_that_was_removed_removes_no_other():
    chain = [[0, 0, 4, 4], [0, 1, 4, 5], [0, 2, 4, 6]]  # the first removes the second, which would remove the third
    assert nms(chain, [0.9, 0.8, 0.7]).tolist() == [0, 2]


def test_of_equal_scores_the_lower_index_comes_first():
    boxes = [[0, 1, 4, 5], [9, 9, 12, 12], [0, 0, 4, 4], [9, 9, 12, 12]]
    assert nms(boxes, [0.5, 0.5, 0.5, 0.5]).tolist() == [0, 1]


def test_nms_is_that_of_torchvision(torchvision):
    for k, kept in enumerate(torchvision["nms_kept"]):
        ours = nms(torchvision["nms_boxes"][k], torchvision["nms_scores"][k], torchvision["nms_threshold"][k])
        assert ours.tolist() == kept[kept >= 0].tolist()


def test_what_is_kept_is_apart_and_what_goes_is_near_something_better():
    """Both together leave one answer only."""
    rng = np.random.default_rng(2)
    for _ in range(200):
        n, threshold = rng.integers(1, 40), rng.choice([0, 0.2, 1 / 3, 0.5, 0.8, 1])
        boxes, scores = grid_boxes(rng, n), rng.integers(-3, 4, n) / 4
        kept = nms(boxes, scores, threshold).tolist()
        overlap = iou(boxes, boxes)
        assert kept == sorted(kept, key=lambda k: (-scores[k], k))
        assert not any(overlap[a, b] > threshold for a in kept for b in kept if a != b)
        for gone in sorted(set(range(n)) - set(kept)):
            better = [k for k in kept if (-scores[k], k) < (-scores[gone], gone)]
            assert any(overlap[gone, k] > threshold for k in better)


def test_nms_of_nothing_and_of_one():
    assert nms(NO_BOXES, NONE).tolist() == []
    assert nms(NO_BOXES, []).dtype.kind == "i"
    assert nms([[5, 5, 5, 5]], [0]).tolist() == [0]
    assert nms([[5, 5, 5, 5]] * 3, [1, 2, 3], 0).tolist() == [2, 1, 0]  # no area, no IoU, nothing goes


@pytest.mark.parametrize(
    ("scores", "threshold", "says"),
    [
        ([0.5, np.nan], 0.5, "scores: expected finite"),
        ([0.5, -np.inf], 0.5, "scores: expected finite"),
        ([0.5], 0.5, r"scores: expected float of shape \(2,\), got float64 of shape \(1,\)"),
        ([[0.5, 0.5]], 0.5, r"scores: expected float of shape \(2,\)"),
        (["a", "b"], 0.5, "scores: expected float"),
        ([0.5, 0.4], 50, "from 0 to 1, got 50"),
        ([0.5, 0.4], 1.01, "from 0 to 1, got 1.01"),
        ([0.5, 0.4], -0.1, "from 0 to 1, got -0.1"),
        ([0.5, 0.4], np.nan, "from 0 to 1, got nan"),
    ],
)
def test_what_nms_cannot_order_is_refused(scores, threshold, says):
    with pytest.raises(ValueError, match=says):
        nms([[0, 0, 1, 1], [0, 0, 2, 2]], scores, threshold)


# Average precision


def random_images(rng, grid: bool = False):
    """truth, boxes, scores and ignored of a few images: near misses, doubles, false alarms, empty images, ties."""
    truth, boxes, scores, ignored = [], [], [], []
    for _ in range(rng.integers(1, 7)):
        g = rng.integers(0, 5)
        corner = rng.uniform(0, 60, (g, 2))
        t = np.hstack([corner, corner + rng.uniform(6, 20, (g, 2))])
        near = np.repeat(t, rng.integers(0, 4, g), axis=0)
        near = near + rng.normal(scale=rng.choice([0.5, 1.5, 3]), size=near.shape)
        corner = rng.uniform(0, 60, (rng.integers(0, 4), 2))
        d = np.vstack([near, np.hstack([corner, corner + rng.uniform(6, 20, corner.shape)])])
        if grid:  # IoUs exactly at a threshold, and equal ones
            t, d = np.round(t / 2), np.round(d / 2)
        d[:, 2:] = np.maximum(d[:, 2:], d[:, :2] + 1)
        d = d[rng.permutation(len(d))]
        truth.append(t)
        boxes.append(d)
        scores.append(np.round(rng.random(len(d)), rng.choice([1, 8])))
        ignored.append(rng.random(g) < 0.3)
    counts = any((~i).any() for i in ignored) and sum(map(len, boxes))
    return (truth, boxes, scores, ignored) if counts else random_images(rng, grid)


def by_cocos_own_code(truth, boxes, scores, ignored, crowd: bool) -> np.ndarray:
    """(10,) average precision at the thresholds 0.5 to 0.95.

    COCO ignores truth boxes in two ways. One outside the range of areas takes one box at most; a crowd takes any
    number, as ours do, but has an IoU of its own, for which the plain one is put here.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    class PlainIoU(COCOeval):
        def computeIoU(self, image, category):
            crowds = [box for box in self._gts[image, category] if box["iscrowd"]]
            for box in crowds:
                box["iscrowd"] = 0
            overlap = super().computeIoU(image, category)
            for box in crowds:
                box["iscrowd"] = 1
            return overlap

    def sides(box):
        y0, x0, y1, x1 = (float(edge) for edge in box)
        return [x0, y0, x1 - x0, y1 - y0]

    annotations = [
        {
            "image_id": image,
            "bbox": sides(box),
            "area": 1e11 if skip and not crowd else 1,
            "iscrowd": int(skip and crowd),
        }
        for image, (t, i) in enumerate(zip(truth, ignored, strict=True))
        for box, skip in zip(t, i, strict=True)
    ]
    detections = [
        {"image_id": image, "category_id": 1, "bbox": sides(box), "score": float(score)}
        for image, (d, s) in enumerate(zip(boxes, scores, strict=True))
        for box, score in zip(d, s, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": image} for image in range(len(truth))],
            "categories": [{"id": 1}],
            "annotations": [a | {"id": k + 1, "category_id": 1} for k, a in enumerate(annotations)],
        }
        coco.createIndex()
        evaluation = PlainIoU(coco, coco.loadRes(detections), "bbox")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][:, :, 0, 0, -1].mean(axis=1)  # (thresholds, recalls, ...)


@pytest.mark.parametrize("kind", ["nothing ignored", "ignored", "ignored, hit once at most"])
def test_average_precision_is_that_of_cocos_own_code(kind):
    rng = np.random.default_rng(3)
    seen = []
    for case in range(130):
        truth, boxes, scores, ignored = random_images(rng, grid=case % 2 == 1)
        if kind == "nothing ignored":
            ignored = [np.zeros(len(t), bool) for t in truth]
        if kind == "ignored, hit once at most":
            for k, (t, i) in enumerate(zip(truth, ignored, strict=True)):
                near = iou(boxes[k], t[i]) >= 0.5
                stays = ~(near & (np.cumsum(near, axis=0) > 1)).any(axis=1)
                boxes[k], scores[k] = boxes[k][stays], scores[k][stays]
            if not sum(map(len, boxes)):
                continue
        theirs = by_cocos_own_code(truth, boxes, scores, ignored, crowd=kind == "ignored")
        ours = [box_average_precision(truth, boxes, scores, t, ignored, 101) for t in np.linspace(0.5, 0.95, 10)]
        assert_close(ours, theirs, 1e-9)
        assert_close(coco_average_precision(truth, boxes, scores, ignored), theirs.mean(), 1e-9)
        seen.extend(theirs)
    assert len(seen) >= 1000
    assert np.mean((np.array(seen) > 0.05) & (np.array(seen) < 0.95)) > 0.4  # not mostly 0 and 1


def whole_area(truth, boxes, scores, threshold, ignored) -> float:
    """One box after the other in plain Python; then, for the k-th truth box found, the best precision from there on."""
    marks = []
    for image in range(len(truth)):
        taken = set()
        order = sorted(range(len(boxes[image])), key=lambda d: -scores[image][d])
        for d in order:
            overlap = {g: iou(boxes[image][[d]], truth[image][[g]])[0, 0] for g in range(len(truth[image]))}
            near = {g: o for g, o in overlap.items() if o >= threshold}
            wanted = [g for g in near if not ignored[image][g] and g not in taken]
            if wanted:
                taken.add(max(wanted, key=lambda g: (near[g], g)))
                marks.append((scores[image][d], -image, -d, True))
            elif not any(ignored[image][g] for g in near):
                marks.append((scores[image][d], -image, -d, False))
    marks.sort(reverse=True)
    right = [sum(mark[3] for mark in marks[: n + 1]) for n in range(len(marks))]
    total = sum(int((~i).sum()) for i in ignored)
    best = [max((r / (n + 1) for n, r in enumerate(right) if r >= k), default=0) for k in range(1, total + 1)]
    return sum(best) / total


@pytest.mark.parametrize("grid", [False, True])
def test_the_whole_area_is_that_of_a_plain_count(grid):
    rng = np.random.default_rng(4)
    for _ in range(150):
        truth, boxes, scores, ignored = random_images(rng, grid)
        threshold = rng.choice([0.3, 0.5, 0.75])
        ours = box_average_precision(truth, boxes, scores, threshold, ignored)
        assert ours == pytest.approx(whole_area(truth, boxes, scores, threshold, ignored), abs=1e-12)


def test_average_precision_by_hand():
    truth = [[[0, 0, 4, 4], [10, 10, 14, 14]], NO_BOXES, [[0, 0, 4, 4]]]
    boxes = [[[0, 0, 4, 4], [0, 0, 4, 5], [10, 10, 14, 13]], [[3, 3, 9, 9]], NO_BOXES]
    scores = [[0.9, 0.8, 0.6], [0.7], NONE]
    # in order of scores: right, wrong (the box is taken), wrong (no truth box there), right (IoU 0.75); one is missed
    # precision 1, 1/2, 1/3, 2/4 at recall 1/3, 1/3, 1/3, 2/3: the area is 1/3 x 1 + 1/3 x 1/2
    assert box_average_precision(truth, boxes, scores) == pytest.approx(1 / 2)
    # at recalls 0 to 0.33: 34 times 1; 0.34 to 0.66: 33 times 1/2; above: 0
    assert box_average_precision(truth, boxes, scores, points=101) == pytest.approx((34 + 33 / 2) / 101)
    # at recalls 0 and 1
    assert box_average_precision(truth, boxes, scores, points=2) == pytest.approx(1 / 2)
    # PASCAL VOC 2007 had 11 points: 0 to 0.3, then 0.4 to 0.6
    assert box_average_precision(truth, boxes, scores, points=11) == pytest.approx((4 + 3 / 2) / 11)
    # IoU exactly at the threshold is enough, above it is not
    assert box_average_precision(truth, boxes, scores, threshold=0.75) == pytest.approx(1 / 2)
    assert box_average_precision(truth, boxes, scores, threshold=0.76) == pytest.approx(1 / 3)
    # without the missed one: recall 1/2 and 1
    assert box_average_precision(truth, boxes, scores, ignored=[[False, False], [], [True]]) == pytest.approx(3 / 4)
    # the first truth box and the two boxes on it count neither way: wrong, right, one missed
    ignored = [[True, False], [], [False]]
    assert box_average_precision(truth, boxes, scores, ignored=ignored) == pytest.approx(1 / 4)


def test_a_box_takes_the_truth_box_it_meets_best():
    truth = [[[0, 0, 10, 10], [0, 3, 10, 13]]]
    boxes = [[[0, 2, 10, 12], [0, 0, 10, 9]]]  # the first meets both, the second box better; the second meets one
    assert box_average_precision(truth, boxes, [[0.9, 0.8]]) == 1


def test_detecting_nothing_is_worth_nothing_and_all_is_worth_one():
    truth = [[[0, 0, 4, 4]], NO_BOXES]
    for points in (None, 101):
        assert box_average_precision(truth, [NO_BOXES, NO_BOXES], [NONE, NONE], points=points) == 0
        assert box_average_precision(truth, [NO_BOXES, [[0, 0, 4, 4]]], [NONE, [1]], points=points) == 0
        assert box_average_precision(truth, truth, [[0.1], NONE], points=points) == 1
    assert box_average_precision(truth, truth, [[0.1], NONE], threshold=1) == 1
    assert coco_average_precision(truth, truth, [[0.1], NONE]) == 1
    # IoU 12/16 reaches six of the ten thresholds, 0.50 to 0.75
    assert coco_average_precision(truth, [[[0, 0, 4, 3]], NO_BOXES], [[0.1], NONE]) == pytest.approx(0.6)


BOX = [[0.0, 0.0, 4.0, 4.0]]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"boxes": [BOX, BOX]}, r"lists with one entry for each image.*'truth': 1, 'boxes': 2"),
        ({"ignored": []}, "lists with one entry for each image"),
        ({"truth": [], "boxes": [], "scores": []}, "lists with one entry for each image"),
        ({"scores": [[0.5, 0.5]]}, r"scores\[0\]: expected float of shape \(1,\)"),
        ({"scores": [[np.nan]]}, r"scores\[0\]: expected finite"),
        ({"ignored": [[0]]}, r"ignored\[0\]: expected bool of shape \(1,\), got int64"),
        ({"ignored": [[False, True]]}, r"ignored\[0\]: expected bool of shape \(1,\)"),
        ({"ignored": [[True]]}, "truth boxes that count, got none"),
        ({"truth": [NO_BOXES]}, "truth boxes that count, got none"),
        ({"threshold": 0}, "above 0 and at most 1, got 0"),
        ({"threshold": 1.01}, "above 0 and at most 1, got 1.01"),
        ({"points": 1}, "points=None for the whole area, or 101"),
    ],
)
def test_what_has_no_average_precision_is_refused(change, says):
    with pytest.raises(ValueError, match=says):
        box_average_precision(**{"truth": [BOX], "boxes": [BOX], "scores": [[0.5]]} | change)


# Marks and nodules


def test_a_hit_is_nearer_than_the_radius():
    nodule, radius = [[50.0, 60.0, 70.0]], [5.0]
    marks = [[50, 63, 74], [50, 63, 73.99], [50, 60, 70], [55, 60, 70], [54.99, 60, 70], [50, 55, 70], [0, 0, 0]]
    hits = find_hits(marks, nodule, radius, NO_POINTS, NONE)
    assert hits.tolist() == [-1, 0, 0, -1, 0, -1, -1]  # 3, 4, 5: exactly at the radius is a miss


def test_of_two_nodules_the_nearest_that_is_hit():
    nodules, radii = [[0, 0, 0], [0, 0, 10], [0, 0, 13]], [8, 3, 20]
    marks = [[0, 0, 6], [0, 0, 8], [0, 0, 11], [0, 0, 7.5], [0, 0, 12], [0, 0, -10]]
    # at 6: the second is nearer than the first, but not hit. At 7.5: 7.5 and 2.5 away. At -10: only the large one
    assert find_hits(marks, nodules, radii, NO_POINTS, NONE).tolist() == [0, 1, 1, 1, 2, -1]
    assert find_hits([[0, 0, -6.5]], nodules, radii, NO_POINTS, NONE).tolist() == [0]
    assert find_hits([[0, 0, 30]], nodules, radii, NO_POINTS, NONE).tolist() == [2]
    assert find_hits([[0, 5, 0]], [[0, 0, 0], [0, 10, 0]], [6, 6], NO_POINTS, NONE).tolist() == [0]  # the first of two


def test_a_mark_on_an_excluded_finding_is_neutral_unless_it_hits_a_nodule():
    nodules, excluded = [[0, 0, 0]], [[0, 0, 4], [0, 0, 40]]
    marks = [[0, 0, 2.5], [0, 0, 4], [0, 0, 40], [0, 0, 43], [0, 0, 20]]
    assert find_hits(marks, nodules, [3], excluded, [3, 3]).tolist() == [0, -2, -2, -1, -1]


def test_find_hits_is_a_plain_count():
    rng = np.random.default_rng(5)
    for _ in range(300):  # on a grid, where many distances are exactly a radius
        marks, nodules, excluded = (rng.integers(0, 12, (rng.integers(0, 8), 3)) for _ in range(3))
        radii, excluded_radii = rng.integers(1, 7, len(nodules)), rng.integers(1, 7, len(excluded))
        expected = []
        for mark in marks:
            near = [(math.dist(mark, c), k) for k, c in enumerate(nodules) if math.dist(mark, c) < radii[k]]
            neutral = any(math.dist(mark, c) < r for c, r in zip(excluded, excluded_radii, strict=True))
            expected.append(min(near)[1] if near else -2 if neutral else -1)
        assert find_hits(marks, nodules, radii, excluded, excluded_radii).tolist() == expected


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"marks": [1.0, 2.0, 3.0]}, r"^marks: expected float of shape \(n, 3\)"),
        ({"marks": []}, r"if there are none, pass np.zeros\(\(0, 3\)\)"),
        ({"nodules": [[1, 2]]}, r"^nodules: expected float of shape \(n, 3\)"),
        ({"marks": [[1, 2, np.nan]]}, "^marks: expected finite"),
        ({"radii": [3, 3]}, r"^radii: expected float of shape \(1,\)"),
        ({"radii": [-1]}, r"^radii: expected nothing below 0 .*\[-1\]"),
        ({"excluded_radii": []}, r"^excluded_radii: expected float of shape \(1,\)"),
        ({"excluded_radii": [np.inf]}, "^excluded_radii: expected finite"),
        ({"excluded_radii": [-0.5]}, "^excluded_radii: expected nothing below 0"),
        ({"excluded": [[[1, 2, 3]]]}, "^excluded: expected float"),
    ],
)
def test_what_are_no_points_in_mm_is_refused(change, says):
    good = {"marks": [[1, 2, 3]], "nodules": [[1, 2, 3]], "radii": [3], "excluded": [[9, 9, 9]], "excluded_radii": [2]}
    with pytest.raises(ValueError, match=says):
        find_hits(**good | change)


# FROC

SCANS = [  # scores, hits, number of nodules
    ([0.9, 0.3, 0.8], [0, -1, 0], 2),  # two marks on nodule 0: the better counts. Nodule 1 is missed
    ([0.2, 0.7], [-1, -1], 0),  # healthy, two false alarms
    ([], [], 1),  # no marks, a nodule missed
    ([0.6, 0.7], [-2, 0], 1),  # one on an excluded finding; the hit ties with a false alarm of another scan
    ([], [], 0),  # healthy and left alone
    ([0.5, 0.5, 0.95], [0, -1, -2], 1),  # a hit and a false alarm with one score
]
TABLE = [  # threshold, false positives per scan (of 6 scans), sensitivity (of 5 nodules)
    (np.inf, 0, 0),  # nothing is shown
    (0.9, 0, 1 / 5),  # the mark of 0.95 counts neither way
    (0.7, 1 / 6, 2 / 5),  # one hit and one false alarm in one step; at 0.8 nothing changed: no point there
    (0.5, 2 / 6, 3 / 5),  # again one of each; at 0.6 no point
    (0.3, 3 / 6, 3 / 5),
    (0.2, 4 / 6, 3 / 5),  # two nodules are never found
]


def test_froc_by_hand():
    false_positives, sensitivity, thresholds = froc(*zip(*SCANS, strict=True))
    expected = np.array(TABLE)
    assert thresholds.tolist() == expected[:, 0].tolist()
    assert_close(false_positives, expected[:, 1])
    assert_close(sensitivity, expected[:, 2])


def test_sensitivity_at_the_seven_rates_and_their_mean_by_hand():
    _, false_positives, sensitivity = np.array(TABLE).T
    # 1/8 lies 3/4 of the way from (0, 0.2) to (1/6, 0.4), 1/4 half way from there to (2/6, 0.6); then 0.6 to the end
    assert_close(sensitivity_at(false_positives, sensitivity), [0.35, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6])
    assert cpm(false_positives, sensitivity) == pytest.approx((0.35 + 0.5 + 5 * 0.6) / 7)  # 0.55
    assert_close(sensitivity_at(false_positives, sensitivity, [0]), [0.2])  # the highest at no false positive
    assert_close(sensitivity_at(false_positives, sensitivity, [3 / 6, 100]), [0.6, 0.6])
    assert sensitivity_at(false_positives, sensitivity, []).shape == (0,)


def test_where_the_curve_rises_at_one_rate_the_highest_counts():
    false_positives = [0, 0, 0.5, 0.5, 0.5, 1, 1]
    sensitivity = [0, 0.1, 0.1, 0.2, 0.4, 0.6, 0.8]
    # at 0.25 still 0.1: the next point is (0.5, 0.1). At 0.75 half way from (0.5, 0.4) to (1, 0.6)
    rates, expected = [0, 0.25, 0.5, 0.75, 1, 2], [0.1, 0.1, 0.4, 0.5, 0.8, 0.8]
    assert_close(sensitivity_at(false_positives, sensitivity, rates), expected)


def test_sensitivity_is_read_off_along_the_curve():
    rng = np.random.default_rng(15)
    for _ in range(300):
        n = rng.integers(1, 12)
        x, y = np.sort(rng.integers(0, 6, n) / 4), np.sort(rng.integers(0, 6, n) / 6)
        x[0] = 0
        rates = rng.integers(0, 16, rng.choice([1, 7, 40])) / 8
        for rate, ours in zip(rates, sensitivity_at(x, y, rates), strict=True):
            k = max(k for k in range(n) if x[k] <= rate)
            part = (rate - x[k]) / (x[k + 1] - x[k]) if k + 1 < n else 0
            assert ours == pytest.approx(y[k] + part * (y[min(k + 1, n - 1)] - y[k]), abs=1e-12)


def test_the_rates_are_those_of_luna16():
    assert RATES == (0.125, 0.25, 0.5, 1, 2, 4, 8)


def random_scans(rng, scans: int, ties: bool = True):
    scores, hits, counts = [], [], []
    for _ in range(scans):
        count, marks = rng.integers(0, 4), rng.integers(0, 9)
        scores.append(np.round(rng.normal(size=marks), 1 if ties else 9))
        hits.append(rng.integers(-2, count, marks))
        counts.append(count)
    counts[rng.integers(scans)] += 1  # not all healthy
    return scores, hits, counts


def test_froc_is_a_plain_count_at_every_threshold():
    rng = np.random.default_rng(6)
    for case in range(300):
        scores, hits, counts = random_scans(rng, rng.integers(1, 12), ties=case % 3 > 0)
        false_positives, sensitivity, thresholds = froc(scores, hits, counts)
        scans = list(zip(scores, hits, strict=True))
        best = {(k, n): max(s[h == n]) for k, (s, h) in enumerate(scans) for n in h if n >= 0}
        counting = {*best.values()} | {s for score, hit in scans for s, h in zip(score, hit, strict=True) if h == -1}
        assert thresholds.tolist() == [np.inf, *sorted(counting, reverse=True)]
        every = {np.inf, *(value for score in scores for value in score), -100}
        for threshold in sorted(every):  # also between the points, where the last point above holds
            shown = [set(hit[score >= threshold]) for score, hit in scans]
            found = sum(len({n for n in nodules if n >= 0}) for nodules in shown)
            false = sum(int(np.sum((score >= threshold) & (hit == -1))) for score, hit in scans)
            point = np.flatnonzero(thresholds >= threshold)[-1]
            assert false_positives[point] == pytest.approx(false / len(scans), abs=1e-12)
            assert sensitivity[point] == pytest.approx(found / sum(counts), abs=1e-12)


def test_froc_sees_neither_the_order_of_scans_and_marks_nor_the_scale_of_scores():
    rng = np.random.default_rng(7)
    scores, hits, counts = random_scans(rng, 30)
    expected = froc(scores, hits, counts)
    order = rng.permutation(30)
    mixed = [rng.permutation(len(scores[k])) for k in order]
    turned = froc(
        [np.exp(scores[k][m]) for k, m in zip(order, mixed, strict=True)],
        [hits[k][m] for k, m in zip(order, mixed, strict=True)],
        [counts[k] for k in order],
    )
    assert_close(turned[0], expected[0])
    assert_close(turned[1], expected[1])
    assert_close(turned[2], np.exp(expected[2]))


def test_healthy_scans_lower_the_false_positives_per_scan_and_nothing_else():
    scores, hits, counts = random_scans(np.random.default_rng(8), 10)
    less = froc([*scores, *[NONE] * 10], [*hits, *[NO_HITS] * 10], [*counts, *[0] * 10])
    false_positives, sensitivity, thresholds = froc(scores, hits, counts)
    assert_close(less[0], false_positives / 2)
    assert_close(less[1], sensitivity)
    assert less[2].tolist() == thresholds.tolist()


def test_a_detector_without_marks_has_one_point():
    for hits in ([[]], [[-2]]):
        curve = froc([[0.5] * len(hits[0])], hits, [3])
        assert [part.tolist() for part in curve] == [[0], [0], [np.inf]]
        assert cpm(*curve[:2]) == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"scores": [[0.5]]}, r"lists with one entry.*'scores': 1, 'hits': 2, 'counts': 2"),
        ({"scores": [], "hits": [], "counts": []}, "lists with one entry"),
        ({"counts": [0, 0], "hits": [[-1], []]}, "nodules in at least one scan, got none"),
        ({"counts": [1, -1]}, "^counts: expected nothing below 0"),
        ({"counts": [1.0, 0.0]}, r"^counts: expected int of shape \(n,\), got float64"),
        ({"counts": [[1], [0]]}, r"^counts: expected int of shape \(n,\)"),
        ({"scores": [[0.5, 0.4], []]}, r"^scores\[0\]: expected float of shape \(1,\)"),
        ({"scores": [[np.nan], []]}, r"^scores\[0\]: expected finite"),
        ({"hits": [[1], []]}, r"^hits\[0\].*else which nodule.*above 0, got \[1\]"),
        ({"hits": [[-3], []]}, r"^hits\[0\].*nothing below -2"),
        ({"hits": [[True], []]}, r"^hits\[0\].*expected int of shape \(n,\), got bool"),
        ({"hits": [[0.0], []]}, r"^hits\[0\].*expected int of shape \(n,\), got float64"),
    ],
)
def test_what_are_no_scans_is_refused(change, says):
    good = {"scores": [[0.5], []], "hits": [[0], []], "counts": [1, 0]}
    froc(**good)
    for curve in (froc, lambda **scans: bootstrap_froc(**scans, rng=np.random.default_rng(0))):
        with pytest.raises(ValueError, match=says):
            curve(**good | change)


@pytest.mark.parametrize(
    ("curve", "says"),
    [
        (([0, 1], [0, 0.5, 1]), r"^sensitivity: expected float of shape \(2,\)"),
        (([1, 0], [0, 1]), "never fall, as from froc"),
        (([0, 1], [1, 0]), "never fall, as from froc"),
        (([], []), "never fall, as from froc"),
        (([0, np.nan], [0, 1]), "^false_positives: expected finite"),
        (([0, 1], [0, np.nan]), "^sensitivity: expected finite"),
        (([[0, 1]], [[0, 1]]), "^false_positives: expected float"),
    ],
)
def test_what_is_no_curve_is_refused(curve, says):
    for read in (sensitivity_at, cpm):
        with pytest.raises(ValueError, match=says):
            read(*curve)


@pytest.mark.parametrize(("rates", "says"), [([1, -1], "nothing below 0"), ([np.nan], "finite"), (1, "shape")])
def test_rates_are_numbers_from_0_on(rates, says):
    with pytest.raises(ValueError, match=f"^rates: .*{says}"):
        sensitivity_at([0, 1], [0, 1], rates)


# The bootstrap


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("healthy", [False, True])
def test_each_draw_is_the_froc_curve_of_the_drawn_scans(healthy, ties):
    """Also where draws without a nodule have to be drawn again: one scan of 40 has the only one."""
    scores, hits, counts = random_scans(np.random.default_rng(9), 40, ties)
    if healthy:
        hits = [np.minimum(hit, -1) for hit in hits]
        hits[7], scores[7], counts = np.array([0, -1, 0]), np.array([0.1, 0.6, 0.3]), [int(k == 7) for k in range(40)]
    rng = np.random.default_rng(10)
    drawn_again = 0
    for row in bootstrap_froc(scores, hits, counts, np.random.default_rng(10), 200, [0.1, 0.5, 1, 2]):
        drawn = rng.integers(40, size=40)
        while not sum(counts[k] for k in drawn):
            drawn = rng.integers(40, size=40)
            drawn_again += 1
        false_positives, sensitivity, _ = froc(*([part[k] for k in drawn] for part in (scores, hits, counts)))
        assert_close(row, sensitivity_at(false_positives, sensitivity, [0.1, 0.5, 1, 2]))
    assert (drawn_again > 0) == healthy


def simulated_scans(rng, scans: int):
    """Nodules found more often in some scans than in others, as marks in one scan resemble each other."""
    scores, hits, counts = [], [], []
    for count in rng.poisson(1.2, scans):
        ease = rng.normal(1.5, 0.8)
        false = rng.normal(size=rng.poisson(6))
        found = rng.normal(ease, 1, count)
        scores.append(np.concatenate([found, false]))
        hits.append(np.concatenate([np.arange(count), np.full(len(false), -1)]))
        counts.append(int(count))
    return scores, hits, counts


def test_the_percentiles_cover_what_is_true_about_as_often_as_they_say():
    rates = [0.25, 1, 4]
    true = sensitivity_at(*froc(*simulated_scans(np.random.default_rng(0), 20_000))[:2], rates)
    covered = []
    for case in range(200):
        rng = np.random.default_rng([11, case])
        low, high = np.quantile(bootstrap_froc(*simulated_scans(rng, 60), rng, 200, rates), [0.05, 0.95], axis=0)
        covered.append((low <= true) & (true <= high))
    share = np.mean(covered, axis=0)  # of 200: a standard error is 0.02
    assert ((share > 0.8) & (share < 0.97)).all(), share


def test_the_same_generator_gives_the_same_draws():
    scans = random_scans(np.random.default_rng(12), 50)
    a, b, c = (bootstrap_froc(*scans, np.random.default_rng(seed), repeats=20) for seed in (1, 1, 2))
    assert a.shape == (20, 7)
    assert bootstrap_froc(*scans, np.random.default_rng(1), repeats=1).tolist() == a[:1].tolist()
    assert (a == b).all()
    assert (a != c).any()


def test_a_bootstrap_without_marks_finds_nothing():
    drawn = bootstrap_froc([[]] * 40, [[]] * 40, [1] * 40, np.random.default_rng(0), repeats=3)
    assert drawn.tolist() == [[0] * 7] * 3


@pytest.mark.parametrize(
    ("scans", "rng", "repeats", "says"),
    [
        (39, np.random.default_rng(0), 10, "at least 40 scans, got 39: .* rest on 4.875 false positives"),
        (40, np.random, 10, r"rng as from np.random.default_rng\(0\), got <module"),
        (40, 0, 10, "rng as from .*got 0"),
        (40, np.random.default_rng(0), 0, "repeats from 1 on, got 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(scans, rng, repeats, says):
    with pytest.raises(ValueError, match=says):
        bootstrap_froc(*random_scans(np.random.default_rng(0), scans), rng, repeats)


def test_a_thousand_draws_take_less_than_one_and_a_half_seconds():
    rng = np.random.default_rng(13)
    counts = rng.integers(0, 4, 60)
    scores, hits = rng.random((60, 30)), np.array([rng.integers(-2, count, 30) for count in counts])
    seconds = []
    for _ in range(3):
        start = time.process_time()
        assert bootstrap_froc(list(scores), list(hits), counts, rng).shape == (1000, 7)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 1.5


# All of them


def test_nothing_that_is_given_is_changed():
    rng = np.random.default_rng(14)
    truth, boxes, scores, ignored = random_images(rng)
    scans = [list(map(np.asarray, part)) for part in random_scans(rng, 40)]
    points, radii = rng.normal(size=(5, 3)), rng.random(5)
    given = [*truth, *boxes, *scores, *ignored, *scans[0], *scans[1], *scans[2], points, radii]
    for array in given:
        array.flags.writeable = False  # writing is an error from here on
    iou(boxes[0], truth[0])
    nms(boxes[0], scores[0])
    coco_average_precision(truth, boxes, scores, ignored)
    find_hits(points, points, radii, points, radii)
    curve = froc(*scans)[:2]
    for array in curve:
        array.flags.writeable = False
    cpm(*curve)
    bootstrap_froc(*scans, rng, repeats=2)
