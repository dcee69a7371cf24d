"""The widgets of chapter 08: anchors on slices and on all nodules of a set, and what a detector found in scans."""

import functools
import os
import time

import numpy as np
import pytest

from helpers import metrics
from helpers.data.case import Case, Findings
from helpers.widgets import anchor_explorer, detection_explorer
from helpers.widgets.anchors import DRAWN, GROUPS, RATIOS, SMALL, STRIDES, Anchors, best_overlaps, ordered
from helpers.widgets.detections import LEAST, STEPS, USUAL, Detections
from helpers.widgets.marks import BLUE, GREEN, ORANGE, WHITE
from helpers.widgets.shell import At
from tests.helpers.players import click, hover, leave, numbers, parts, plain, seconds_of_moves, words

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # before make_anchors' home imports keras
SPACING = np.array([2.5, 0.8, 0.8])


# The anchors ----------------------------------------------------------------------------------------------------------


def some_boxes(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (n, 4) in whole pixels, as around pixels, anywhere in 128 x 128; diameters (n,) in mm, 4 to 30."""
    rng = np.random.default_rng(seed)
    diameters = np.geomspace(4, 30, n)
    sides = np.maximum(np.rint(diameters[:, None] / 0.8 * rng.uniform(0.8, 1.1, (n, 2))), 3)
    start = np.rint(rng.uniform(0, 1, (n, 2)) * (128 - sides))
    return np.hstack([start, start + sides]), diameters


def some_slices() -> dict:
    """Arguments of `anchor_explorer`: slices with no, one, two and three boxes, and a set of 300."""
    rng = np.random.default_rng(0)
    boxes, diameters = some_boxes(300, 1)
    few = [boxes[:0], boxes[[20]], boxes[[60, 200]], boxes[[5, 120, 280]]]
    images = rng.integers(-1000, 200, (4, 128, 128, 1)).astype(np.int16)
    return {"images": images, "boxes": few, "all_boxes": boxes, "diameters": diameters}


@functools.cache
def anchors() -> Anchors:
    return Anchors(**some_slices(), spacing=0.8, sizes=(6, 9, 15, 27))


START = {"slice": "slice 3", "smallest": 6.0, "count": 4, "ratios": "squares", "stride": 4}
START |= {"low": 0.3, "high": 0.5, "force": True, "hover": None}
STATES = [
    START | change
    for change in (
        {},
        {"slice": "slice 1"},
        {"slice": "slice 2", "ratios": "three ratios", "force": False},
        {"slice": "slice 4", "stride": 8, "low": 0.1, "high": 0.2},
        {"slice": "slice 4", "stride": 2, "smallest": 4.5},
        {"slice": "slice 4", "smallest": 32.0, "count": 2},
        {"stride": 16, "force": False, "high": 0.9},
    )
]
every_state = pytest.mark.parametrize("state", STATES)


def matched(overlaps: np.ndarray, low: float, high: float, force: bool) -> np.ndarray:
    """The rule, written out anchor by anchor: 1 positive, 2 only by force, 0 negative, -1 ignored."""
    labels = []
    for row in overlaps:
        best = max(row, default=0.0)
        label = 1 if best >= high else 0 if best < low else -1
        forced = any(value > 0 and value == overlaps[:, k].max() for k, value in enumerate(row))
        labels.append(2 if force and forced and label != 1 else label)
    return np.array(labels)


@every_state
def test_the_anchors_of_a_slice_are_labelled_by_the_rule(state):
    shown = anchors()
    grid, (overlaps, labels) = shown.grid(state), shown.labels(state)
    truth = some_slices()["boxes"][int(state["slice"][-1]) - 1]
    assert np.array_equal(overlaps, metrics.iou(grid.reshape(-1, 4), truth))
    assert np.array_equal(labels, matched(overlaps, state["low"], state["high"], state["force"]))
    said = shown.caption(state)
    positive, ignored, negative, share = numbers(
        r"In this slice (\d+) positive[^,]*, (\d+) ignored, (\d+) negative, ([\d.]+)%", said
    )
    assert [positive, ignored, negative] == [np.isin(labels, (1, 2)).sum(), (labels == -1).sum(), (labels == 0).sum()]
    assert share == pytest.approx(100 * negative / len(labels), abs=0.0501)
    assert numbers(r"^(\d+) anchors an image", said) == [len(labels)]
    assert ("only by force)" in said) == bool((labels == 2).any())


@every_state
def test_the_best_iou_of_every_nodule_is_that_of_all_anchors(state):
    shown, boxes = anchors(), some_slices()["all_boxes"]
    expected = metrics.iou(boxes, shown.grid(state).reshape(-1, 4))
    best, groups = shown.nodules(state)
    np.testing.assert_allclose(best, expected.max(axis=1), atol=1e-6)  # anchors are float32
    each = best_overlaps(shown.grid(state), boxes, state["stride"])
    cells = expected.reshape(len(boxes), -1, each.shape[1])
    np.testing.assert_allclose(each, cells.max(axis=1), atol=1e-6)
    by_iou = best >= state["high"]
    assert np.array_equal(groups, np.where(by_iou, 0, 1 if state["force"] else 2))  # each box meets some anchor here
    counts = np.bincount(groups, minlength=3).tolist()
    small = np.bincount(groups[some_slices()["diameters"] < SMALL], minlength=3).tolist()
    fate = r" (\d+) get a positive anchor by its IoU, (\d+) only by force, (\d+) none\."
    said = shown.caption(state)
    assert numbers(r"Of all (\d+) nodules of the set" + fate, said) == [300, *counts]
    assert numbers(r"Of the (\d+) below 6 mm" + fate, said) == [sum(small), *small]


def test_anchors_of_32_pixels_leave_the_smallest_nodules_nothing_but_force():
    diameters = some_slices()["diameters"]
    fitted, large = (anchors().nodules(START | {"smallest": size})[1] for size in (6.0, 32.0))
    assert (large[diameters < 8] == 1).all()
    assert (fitted[diameters < 8] == 0).mean() > 0.3
    unforced = anchors().nodules(START | {"smallest": 32.0, "force": False})[1]
    assert (unforced[diameters < 8] == 2).all()


def test_a_nodule_that_meets_no_anchor_gets_none_even_by_force():
    boxes = np.array([[0.0, 0.0, 1.0, 1.0], [3.0, 3.0, 5.0, 5.0]])  # between the middles of cells of 16 pixels
    images = np.zeros((1, 32, 32), np.int16)
    shown = Anchors(images, [boxes[:1]], boxes, np.array([1.0, 2.0]), 0.8, (3,))
    state = START | {"slice": "slice 1", "smallest": 3.0, "count": 1, "stride": 16}
    assert shown.nodules(state)[1].tolist() == [2, 2]
    assert (shown.labels(state)[1] == 0).all()
    assert "0 get a positive anchor by its IoU, 0 only by force, 2 none" in shown.caption(state).replace("**", "")


@every_state
def test_the_best_anchors_are_drawn_in_the_line_of_their_label(state):
    shown = anchors()
    grid, (overlaps, labels) = shown.grid(state).reshape(-1, 4), shown.labels(state)
    marks = shown.over_slice(state)
    truth = [mark for mark in marks if mark["colour"] == WHITE]
    assert len(truth) == overlaps.shape[1]
    drawn_ones = 0
    looks = {1: (GREEN, 0), 2: (ORANGE, 2), -1: (BLUE, 2)}
    for mark in marks[len(truth) :]:
        edges = [mark[name] for name in ("y0", "x0", "y1", "x1")]
        k = int(np.abs(grid - edges).max(axis=1).argmin())
        assert np.allclose(grid[k], edges)
        assert (mark["colour"], len(mark["dash"])) == looks[labels[k]]
        ranks = [(overlaps[:, g] > overlaps[k, g]).sum() for g in range(overlaps.shape[1])]
        assert min(ranks) < DRAWN
        drawn_ones += 1
    assert drawn_ones <= DRAWN * overlaps.shape[1]
    if overlaps.shape[1] and state["force"]:
        assert any(mark["colour"] in (GREEN, ORANGE) for mark in marks)


def test_the_cell_under_the_pointer_shows_its_anchors_and_says_what_they_are():
    shown, state = anchors(), START | {"slice": "slice 2", "ratios": "three ratios", "stride": 8}
    y0, x0, y1, x1 = some_slices()["boxes"][1][0]
    x, y = int((x0 + x1) / 2), int((y0 + y1) / 2)
    pointed = state | {"hover": At("slice", x, y)}
    yellow = shown.over_slice(pointed)[len(shown.over_slice(state)) :]
    assert len(yellow) == 12
    for mark in yellow:
        middle = (mark["y0"] + mark["y1"]) / 2, (mark["x0"] + mark["x1"]) / 2
        assert middle == pytest.approx((y // 8 * 8 + 4, x // 8 * 8 + 4))
    overlaps, labels = (values.reshape(16, 16, 12, -1)[y // 8, x // 8] for values in shown.labels(state))
    said = numbers(
        rf"row {y // 8}, column {x // 8} \(yellow\): highest IoU ([\d.]+); (\d+) positive[^,]*, (\d+) ignored, (\d+)",
        shown.caption(pointed),
    )
    counts = [np.isin(labels, (1, 2)).sum(), (labels == -1).sum(), (labels == 0).sum()]
    assert said == [pytest.approx(overlaps.max(), abs=0.00501), *counts]


@pytest.mark.parametrize("one", [0, 100, 250, 299])
def test_the_nodule_under_the_pointer_is_the_one_that_is_drawn_there(one):
    shown, axes = anchors(), anchors().stage.parts[0]
    best, groups = shown.nodules(START)
    ((x, y),) = shown.stage.to_pixels(axes, shown.diameters[one], best[one])
    state = START | {"hover": At("scatter", int(x), int(y))}
    here = shown.pointed_at("scatter", state)
    assert np.hypot(*(shown.stage.to_pixels(axes, shown.diameters[here], best[here])[0] - (x, y))) < 2
    assert f"{shown.diameters[here]:.1f} mm, highest IoU {best[here]:.2f}" in shown.caption(state)
    assert shown.caption(state).endswith(f"{list(GROUPS)[groups[here]]}.")
    high, low, ring = shown.over_scatter(state)
    assert (ring["x"], ring["y"]) == pytest.approx((x, y), abs=2)
    for mark, name in ((high, "high"), (low, "low")):
        ((_, expected),) = shown.stage.to_pixels(axes, 10, START[name])
        assert [point[1] for point in mark["points"]] == pytest.approx([expected] * 2)
    assert shown.over_scatter(START | {"hover": At("scatter", 0, 0)}) == [high, low]


def test_controls_change_what_depends_on_them(headless):
    shown = anchor_explorer(**some_slices())
    slices, scatter = parts(shown, "Canvas")
    count, ratios, stride = parts(shown, "ToggleButtons")
    smallest, low, high = parts(shown, "FloatSlider")
    (force,), (which,) = parts(shown, "Checkbox"), parts(shown, "Dropdown")
    which.value = "slice 4"

    def changed(move) -> list[bool]:
        before = [slices.picture["data"], slices.marks, scatter.picture["data"], scatter.marks, words(shown)]
        move()
        after = [slices.picture["data"], slices.marks, scatter.picture["data"], scatter.marks, words(shown)]
        return [a != b for a, b in zip(before, after, strict=True)]

    assert changed(lambda: setattr(which, "value", "slice 3")) == [True, True, False, False, True]
    assert changed(lambda: setattr(ratios, "value", "three ratios")) == [False, True, True, False, True]
    assert changed(lambda: setattr(stride, "value", 8)) == [False, True, True, False, True]
    assert changed(lambda: setattr(smallest, "value", 20)) == [False, True, True, False, True]
    assert changed(lambda: setattr(count, "value", 1)) == [False, False, True, False, True]
    assert changed(lambda: setattr(force, "value", False)) == [False, True, True, False, True]
    assert changed(lambda: setattr(high, "value", 0.2))[2:] == [True, True, True]
    assert low.value == high.value  # taken along
    low.value = 0.7
    assert high.value == 0.7
    assert "of 20 px (16 mm) on 16 x 16 cells" in plain(shown)


def test_the_lower_threshold_is_never_above_the_upper_one():
    assert ordered({"low": 0.6, "high": 0.5}, "low") == {"low": 0.6, "high": 0.6}
    assert ordered({"low": 0.6, "high": 0.5}, "high") == {"low": 0.5, "high": 0.5}
    assert ordered({"low": 0.3, "high": 0.5}, "high") == {}
    assert ordered({"low": 0.6, "high": 0.5}, "stride") == {}


def test_the_finest_grid_is_quick_too(headless):
    """As in `test_a_move_costs_the_kernel_at_most_15_ms`, with 12 anchors in each of 64 x 64 cells."""
    shown = anchor_explorer(**some_slices(), stride=2)
    _, ratios, _ = parts(shown, "ToggleButtons")
    ratios.value = "three ratios"
    slices, _ = parts(shown, "Canvas")
    moves = [lambda x=x: hover(slices, x, 60) for x in range(20, 50)]
    moves += [
        lambda s=s, k=k: s.set_state({"value": 0.3 + k / 50}) for s in parts(shown, "FloatSlider")[1:] for k in range(9)
    ]
    seconds = seconds_of_moves(moves)
    assert np.median(seconds) <= 0.015
    assert max(seconds) <= 0.050


@pytest.mark.parametrize("waits", [None, "8.3a"])
def test_anchors_take_slices_without_channel_and_other_starts(headless, waits):
    arguments = some_slices() | {"images": some_slices()["images"][..., 0]}
    shown = anchor_explorer(**arguments, stride=8, sizes=(8, 16), spacing=1.0, waits_for=waits)
    assert "squares of 8, 16 px (8, 16 mm) on 16 x 16 cells" in plain(shown)
    assert "squares of 32, 64 px" in shown.alt
    assert "*" not in shown.alt
    assert sorted(RATIOS["three ratios"]) == [0.5, 1, 2]
    assert STRIDES == tuple(parts(shown, "ToggleButtons")[2].options)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": np.zeros((4, 128, 120))}, r"multiples of 16, got \(4, 128, 120\)"),
        ({"images": np.zeros((128, 128))}, r"got \(128, 128\)"),
        ({"boxes": [np.zeros((0, 4))]}, "each of the 4 slices, got 1"),
        ({"boxes": [np.zeros((0, 4))] * 3 + [np.array([[5, 5, 3, 9]])]}, r"boxes\[3\]: .* y0 <= y1.*\[\[5.0, 5.0, 3.0"),
        ({"all_boxes": np.zeros((300, 3))}, r"all_boxes: expected boxes \(n, 4\)"),
        ({"all_boxes": np.full((300, 4), np.nan)}, "all_boxes"),
        ({"diameters": np.ones(3)}, "a diameter above 0 mm, got 300"),
        ({"diameters": np.zeros(300)}, "a diameter above 0 mm"),
        ({"all_boxes": np.zeros((0, 4)), "diameters": np.zeros(0)}, "expected boxes, .* got 0"),
        ({"sizes": (9, 6)}, "the smallest first"),
        ({"sizes": (1, 6)}, "from 3 pixels on"),
        ({"sizes": (4, 6, 8, 9, 10)}, "one to four sizes"),
        ({"stride": 5}, "2, 4, 8 or 16 pixels, got 5"),
    ],
)
def test_what_cannot_be_shown_with_anchors_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        anchor_explorer(**some_slices() | change)


# The detections -------------------------------------------------------------------------------------------------------


def findings(rng: np.random.Generator, n: int, slices: int) -> Findings:
    centres = np.column_stack([rng.uniform(1, slices - 2, n), rng.uniform(20, 108, (n, 2))])
    return Findings(centres, rng.uniform(4, 14, n), np.array(["solid"] * n))


def detected(case: Case, rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Boxes and scores by slice: heaps around what is there, in each slice it reaches, false alarms, and vessels."""
    boxes, scores = [], []
    vessels = [
        (*place, 4.0, rng.normal()) for place in rng.uniform(10, 118, (4, 2))
    ]  # in every slice, more or less alike
    for z in range(len(case.image)):
        here = []
        for found, more in ((case.nodules, 1.0), (case.excluded, 0.0)):
            for (height, *place), diameter in zip(found.centres, found.diameters_mm, strict=True):
                if abs(height - z) * SPACING[0] < diameter / 2 + 1:
                    here += [(*(place + rng.normal(0.5, 1, 2)), diameter / 1.6, more) for _ in range(3)]
        here += [(*rng.uniform(10, 118, 2), rng.uniform(3, 7), -1.5) for _ in range(rng.poisson(1.0))]
        here += vessels
        here += [(y + 1.0, x - 1.0, half, more) for y, x, half, more in here]  # of each a neighbour
        boxes.append(np.array([(y - half, x - half, y + half, x + half) for y, x, half, _ in here]).reshape(-1, 4))
        scores.append(np.array([1 / (1 + np.exp(-more - rng.normal())) for *_, more in here]))
    return boxes, scores


def some_scans(seed: int = 0) -> dict:
    """Arguments of `detection_explorer`: ten scans of 8 to 12 slices, some without nodules or excluded findings."""
    rng, scans = np.random.default_rng(seed), []
    for k in range(10):
        slices = 8 + k % 5
        image = rng.integers(-1000, 200, (slices, 128, 128, 1)).astype(np.int16)
        scans.append(Case(image, SPACING, nodules=findings(rng, k % 3, slices), excluded=findings(rng, k % 2, slices)))
    boxes, scores = zip(*[detected(case, rng) for case in scans], strict=True)
    return {"scans": scans, "boxes": boxes, "scores": scores}


@functools.cache
def detections() -> Detections:
    return Detections(**some_scans())


AT = {"scan": "scan 5", "slice": 4.0, "nms": 0.3, "cut": 0.4, "merge": True, "hover": None}
WHERES = [
    AT | {"scan": f"scan {k}", "slice": float(3 + k % 4), "nms": nms, "cut": cut, "merge": merge}
    for k, nms, cut, merge in zip(
        range(10), [0.1, 0.3, 0.5, 0.7, 0.9] * 2, np.linspace(0, 0.9, 10), [True] * 5 + [False] * 5, strict=True
    )
]
everywhere = pytest.mark.parametrize("state", WHERES)


def in_mm(found: Findings) -> tuple[np.ndarray, np.ndarray]:
    return found.centres * SPACING, found.diameters_mm / 2


def marks_of(scan: int, nms: float, merge: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Marks, scores and hits, box by box."""
    given = some_scans()
    case, kept_boxes, kept_scores = given["scans"][scan], [], []
    for boxes, scores in zip(given["boxes"][scan], given["scores"][scan], strict=True):
        keep = metrics.nms(boxes, scores, nms)
        kept_boxes.append(boxes[keep])
        kept_scores.append(scores[keep])
    if merge:
        marks, scores = metrics.merge_slices(kept_boxes, kept_scores, SPACING)
    else:
        marks = [
            (2.5 * z, 0.8 * ((y0 + y1) / 2 - 0.5), 0.8 * ((x0 + x1) / 2 - 0.5))
            for z, boxes in enumerate(kept_boxes)
            for y0, x0, y1, x1 in boxes
        ]
        marks, scores = np.array(marks).reshape(-1, 3), np.concatenate(kept_scores)
    return marks, scores, metrics.find_hits(marks, *in_mm(case.nodules), *in_mm(case.excluded))


@everywhere
def test_the_curve_and_the_numbers_are_those_of_the_metrics(state):
    shown, given = detections(), some_scans()
    each = [marks_of(k, state["nms"], state["merge"]) for k in range(10)]
    counts = [len(case.nodules.kinds) for case in given["scans"]]
    curve = metrics.froc([scores for _, scores, _ in each], [hits for *_, hits in each], counts)
    for found, expected in zip(shown.curves[shown.key(state)], curve, strict=True):
        np.testing.assert_allclose(found, expected)
    reached = [{hit for hit in hits[scores >= state["cut"]] if hit >= 0} for _, scores, hits in each]
    false = sum(int((hits[scores >= state["cut"]] == -1).sum()) for _, scores, hits in each)
    said = shown.caption(state)
    assert numbers(r"(\d+) of (\d+) nodules found, ([\d.]+) false positives a scan", said) == [
        sum(map(len, reached)),
        sum(counts),
        pytest.approx(false / 10, abs=0.00501),
    ]
    usual = metrics.cpm(*shown.curves[USUAL][:2])
    expected = [round(metrics.cpm(*curve[:2]), 3), round(usual, 3)]
    assert numbers(r"CPM ([\d.]+) \(grey: ([\d.]+)\)", said) == pytest.approx(expected, abs=1e-9)
    dot = shown.over_froc(state)[0]
    place = shown.stage.to_pixels(shown.stage.parts[0], max(false / 10, LEAST), sum(map(len, reached)) / sum(counts))
    assert (dot["x"], dot["y"]) == pytest.approx(tuple(place[0]))


@everywhere
def test_the_boxes_of_a_slice_are_those_left_and_drawn_by_what_they_hit(state):
    shown, given = detections(), some_scans()
    scan, z = int(state["scan"][-1]), int(state["slice"])
    boxes, scores, case = given["boxes"][scan][z], given["scores"][scan][z], given["scans"][scan]
    left = [k for k in metrics.nms(boxes, scores, state["nms"]) if scores[k] >= state["cut"]]
    drawn_boxes = [mark for mark in shown.over_slice(state) if mark["kind"] == "box"]
    found = np.array([[mark[name] for name in ("y0", "x0", "y1", "x1")] for mark in drawn_boxes]).reshape(-1, 4)
    np.testing.assert_allclose(found, boxes[left])
    looks = []
    for y0, x0, y1, x1 in boxes[left]:
        hit = [
            any(
                abs(height - z) * 2.5 < diameter / 2 + 1.25
                and np.hypot((y0 + y1) / 2 - 0.5 - y, (x0 + x1) / 2 - 0.5 - x) * 0.8 < diameter / 2
                for (height, y, x), diameter in zip(some.centres, some.diameters_mm, strict=True)
            )
            for some in (case.nodules, case.excluded)
        ]
        looks.append((GREEN, 0) if hit[0] else (BLUE, 2) if hit[1] else (ORANGE, 2))
    assert [(mark["colour"], len(mark["dash"])) for mark in drawn_boxes] == looks
    colours = [colour for colour, _ in looks]
    counts = [len(colours), *(colours.count(colour) for colour in (GREEN, ORANGE, BLUE))]
    pattern = r"(\d+) boxes left: (\d+) on a nodule .*, (\d+) elsewhere .*, (\d+) on an excluded"
    assert numbers(pattern, shown.caption(state)) == counts


def test_in_all_slices_together_every_mark_has_its_sign():
    """A dot for a hit, two lines for a false positive, a small circle for neither; where the mark is."""
    shown = detections()
    for scan in range(10):
        marks, scores, hits = marks_of(scan, 0.3, True)
        shows = scores >= AT["cut"]
        seen = [
            mark
            for z in range(len(shown.scans[scan].image))
            for mark in shown.over_slice(AT | {"scan": f"scan {scan}", "slice": float(z)})
        ]
        points = [mark for mark in seen if mark["kind"] == "point"]
        rings = [mark for mark in seen if mark["kind"] == "circle" and mark["colour"] == BLUE]
        assert len(points) == (hits[shows] >= 0).sum()
        assert len(rings) == (hits[shows] == -2).sum()
        assert sum(mark["kind"] == "line" for mark in seen) == 2 * (hits[shows] == -1).sum()
        expected = sorted((x / 0.8 + 0.5, y / 0.8 + 0.5) for _, y, x in marks[shows & (hits >= 0)])
        assert sorted((mark["x"], mark["y"]) for mark in points) == [pytest.approx(place) for place in expected]


def test_the_circles_of_the_truth_are_where_the_slice_goes_through():
    shown = detections()
    for scan, case in enumerate(shown.scans):
        for z in range(len(case.image)):
            circles = [
                mark
                for mark in shown.over_slice(AT | {"scan": f"scan {scan}", "slice": float(z)})
                if mark["kind"] == "circle" and mark["colour"] == WHITE
            ]
            expected = []
            for found, dashes in ((case.nodules, 0), (case.excluded, 2)):
                for (height, y, x), diameter in zip(found.centres, found.diameters_mm, strict=True):
                    off = abs(height - z) * 2.5
                    if off < diameter / 2 + 1.25:
                        size = max(diameter**2 / 4 - off**2, diameter**2 / 36) ** 0.5 / 0.8
                        expected.append([x + 0.5, y + 0.5, size, dashes])
            drawn_ones = [[mark["x"], mark["y"], mark["r"], len(mark["dash"])] for mark in circles]
            np.testing.assert_allclose(drawn_ones, expected)


def test_boxes_in_heaps_cost_without_merging_and_hardly_with_it():
    """The highest threshold leaves heaps: each box a false positive of its own, unless slices are merged."""
    shown, most = detections(), len(STEPS) - 1
    false = {key: curve[0][-1] for key, curve in shown.curves.items()}
    assert false[False, most] > 1.5 * false[False, 2]
    assert false[True, most] - false[True, 2] < 0.25 * (false[False, most] - false[False, 2])


def test_a_click_on_the_curve_takes_the_nearest_point():
    shown = detections()
    for merge, nms in ((True, 0.3), (False, 0.9)):
        state = AT | {"merge": merge, "nms": nms}
        false_positives, sensitivity, thresholds = shown.curves[shown.key(state)]
        places = shown.stage.to_pixels(shown.stage.parts[0], np.maximum(false_positives, LEAST), sensitivity)
        for k, (x, y) in enumerate(places):
            at = At("froc", int(x), int(y))
            here = shown.pointed_at("froc", state | {"hover": at})
            if here is None:  # on the upper edge or an end of the graph
                continue
            assert np.hypot(*(places[here] - places[k])) < 2
            chosen = state | shown.chosen(state, at)
            assert shown.at_cut(chosen) == here or thresholds[here] > 1
            said = shown.caption(state | {"hover": at})
            assert f"sensitivity {sensitivity[here]:.1%}, {false_positives[here]:.2f} false positives" in said
    assert shown.chosen(AT, At("slice", 60, 60)) == {}
    assert shown.chosen(AT, At("froc", 0, 0)) == {}


def test_the_box_under_the_pointer_tells_its_score_and_the_pixel_its_hu():
    shown, state = detections(), AT | {"cut": 0.0}
    scan, z = shown.where(state)
    boxes, scores, _ = shown.left(state)
    for k, (y0, x0, y1, x1) in enumerate(boxes):
        at = At("slice", int((x0 + x1) / 2), int((y0 + y1) / 2))
        here = shown.pointed_at("slice", state | {"hover": at})
        assert np.prod(boxes[here, 2:] - boxes[here, :2]) <= np.prod(boxes[k, 2:] - boxes[k, :2])
        said = shown.caption(state | {"hover": at})
        assert f"Row {at.y}, column {at.x}: {shown.scans[scan].image[z, at.y, at.x, 0]} HU. A box" in said
        assert f"score {scores[here]:.2f}" in said
    assert "A box" not in shown.caption(state | {"hover": At("slice", 0, 0)})


def test_another_scan_begins_at_its_largest_nodule_and_no_slice_lies_beyond_the_last(headless):
    shown = detection_explorer(**some_scans())
    (which,), (layer, _, _) = parts(shown, "Dropdown"), parts(shown, "FloatSlider")
    for k, case in enumerate(some_scans()["scans"]):
        which.value = f"scan {k}"
        if len(case.nodules.kinds):
            assert layer.value == round(case.nodules.centres[case.nodules.diameters_mm.argmax(), 0])
            assert any(mark["colour"] == WHITE for mark in parts(shown, "Canvas")[0].marks)
        layer.value = 11.0
        assert layer.value == min(11, len(case.image) - 1)
        assert f"slice {layer.value:.0f} of 0 to {len(case.image) - 1}," in plain(shown)


def test_each_control_moves_what_depends_on_it(headless):
    shown = detection_explorer(**some_scans())
    slices, froc = parts(shown, "Canvas")
    (which,), (merge,) = parts(shown, "Dropdown"), parts(shown, "Checkbox")
    layer, nms, cut = parts(shown, "FloatSlider")
    which.value = "scan 5"

    def changed(move) -> list[bool]:
        before = [slices.picture["data"], froc.picture["data"], froc.marks, words(shown)]
        move()
        after = [slices.picture["data"], froc.picture["data"], froc.marks, words(shown)]
        return [a != b for a, b in zip(before, after, strict=True)]

    assert changed(lambda: setattr(layer, "value", 1.0)) == [True, False, False, True]
    assert changed(lambda: setattr(cut, "value", 0.2)) == [False, False, True, True]
    assert changed(lambda: setattr(merge, "value", False)) == [False, True, True, True]
    assert changed(lambda: setattr(nms, "value", 0.9)) == [False, True, True, True]
    stage = detections().stage
    curve = detections().curves[False, len(STEPS) - 1]
    one = np.flatnonzero(curve[1] < 0.9)[-1]
    ((x, y),) = stage.to_pixels(stage.parts[0], curve[0][one], curve[1][one])
    hover(froc, int(x), int(y))
    said = numbers(r"Green: cut ([\d.]+), sensitivity ([\d.]+)%, ([\d.]+) false", plain(shown))
    leave(froc)
    click(froc, int(x), int(y))
    assert cut.value == pytest.approx(said[0], abs=1e-3)
    assert numbers(r"found, ([\d.]+) false positives a scan", plain(shown)) == said[2:]


def test_all_thresholds_together_take_less_than_3_seconds():
    """Processor time for ten scans, the better of two."""
    given, seconds = some_scans(), []
    for _ in range(2):
        start = time.process_time()
        Detections(**given)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 3


def test_the_still_of_the_detections_is_described_in_numbers(headless):
    alt = detection_explorer(**some_scans(), waits_for="8.13a").alt
    for said, times in (("suppression above 0.3", 1), ("suppression above 0.9", 1), ("Slices merged", 2)):
        assert alt.count(said) == times
    assert "*" not in alt


def without(name: str, scan: int) -> dict:
    """`some_scans` with one slice less of boxes or scores in a scan."""
    given = some_scans()
    lists = list(given[name])
    lists[scan] = lists[scan][:-1]
    return given | {name: lists}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (without("boxes", 3), "for each of their slices boxes and scores"),
        (without("scores", 9), "for each of their slices boxes and scores"),
        (some_scans() | {"boxes": some_scans()["boxes"][:4]}, "for each of their slices"),
        ({"scans": [], "boxes": [], "scores": []}, r"expected scans \(Z, H, W, 1\)"),
        (some_scans() | {"scores": [[s + np.nan for s in some] for some in some_scans()["scores"]]}, "finite"),
    ],
)
def test_what_is_no_set_of_detections_is_refused(given, said):
    with pytest.raises(ValueError, match=said):
        detection_explorer(**given)


def test_scans_without_any_nodule_are_refused():
    given = some_scans()
    healthy = [k for k, case in enumerate(given["scans"]) if not len(case.nodules.kinds)]
    with pytest.raises(ValueError, match="nodule"):
        detection_explorer(*([given[name][k] for k in healthy] for name in ("scans", "boxes", "scores")))
