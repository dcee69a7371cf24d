"""What the exercises of chapter 08 say to answers that come close, and that they ask for what the course uses."""

import numpy as np
import pytest

from helpers import metrics
from helpers.exercises.chapter08_boxes import ENCODE_BOXES, IOU, MATCH_ANCHORS, NMS, encode_boxes, match_anchors
from helpers.exercises.chapter08_scoring import CPM, FROC


def test_anchors_of_one_slice_matched_by_hand():
    overlaps = np.array([[0.6, 0.0, 0.0], [0.5, 0.35, 0.0], [0.4, 0.1, 0.0], [0.1, 0.0, 0.0], [0.0, 0.0, 0.2]])
    labels, index = match_anchors(overlaps)
    assert labels.tolist() == [1, 1, -1, 0, 1]
    assert index.tolist() == [0, 1, 0, 0, 2]


def test_deltas_applied_to_the_anchors_give_the_boxes():
    rng = np.random.default_rng(5)
    boxes, anchors = (
        np.concatenate([corner, corner + rng.uniform(1, 20, size=(9, 2))], axis=1)
        for corner in rng.uniform(0, 40, (2, 9, 2))
    )
    dy_dx, growth = np.split(encode_boxes(boxes, anchors), 2, axis=1)
    size = anchors[:, 2:] - anchors[:, :2]
    middle = anchors[:, :2] + size / 2 + dy_dx * size
    half = size * np.exp(growth) / 2
    np.testing.assert_allclose(np.concatenate([middle - half, middle + half], axis=1), boxes)


@pytest.mark.parametrize("small", [1e-15, 1e-12, 1e-9])
def test_a_divisor_that_is_almost_right_passes_and_a_larger_addition_is_named(small):
    def iou(a, b, small=small):
        sides = np.clip(np.minimum(a[:, None, 2:], b[:, 2:]) - np.maximum(a[:, None, :2], b[:, :2]), 0, None)
        areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (a, b)]
        overlap = sides.prod(axis=2)
        return overlap / (areas[0][:, None] + areas[1] - overlap + small)

    assert IOU.judge(iou).status == "passed"
    assert IOU.judge(lambda a, b: iou(a, b, 1e-6)).misconception == "a small number in the divisor"


def test_a_mistake_is_named_although_boxes_without_area_are_not_looked_after_either():
    def dice(a, b):
        sides = np.clip(np.minimum(a[:, None, 2:], b[:, 2:]) - np.maximum(a[:, None, :2], b[:, :2]), 0, None)
        areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (a, b)]
        return 2 * sides.prod(axis=2) / (areas[0][:, None] + areas[1])

    assert IOU.judge(dice).misconception == "Dice in place of IoU"


def test_the_usual_lines_for_forcing_are_led_on_step_by_step():
    """`labels[best] = 1; index[best] = arange(G)` has three faults; each repair uncovers the next."""

    def with_rows(rows):
        def match(overlaps, low=0.3, high=0.5):
            if overlaps.shape[1] == 0:
                return match_anchors(overlaps)
            best, index = overlaps.max(axis=1), overlaps.argmax(axis=1)
            labels = np.where(best >= high, 1, np.where(best >= low, -1, 0))
            for box, anchors in rows(overlaps):
                labels[anchors] = 1
                index[anchors] = box
            return labels, index

        return match

    def by_overlap(overlaps):
        return reversed(np.argsort(-overlaps.max(axis=0), kind="stable"))

    usual = with_rows(lambda overlaps: enumerate(overlaps.argmax(axis=0)))
    ordered = with_rows(lambda overlaps: [(k, overlaps[:, k].argmax()) for k in by_overlap(overlaps)])
    met = with_rows(
        lambda overlaps: [(k, overlaps[:, k].argmax()) for k in by_overlap(overlaps) if overlaps[:, k].any()]
    )
    right = with_rows(
        lambda overlaps: [
            (k, overlaps[:, k] == overlaps[:, k].max()) for k in by_overlap(overlaps) if overlaps[:, k].any()
        ]
    )
    names = [MATCH_ANCHORS.judge(match).misconception for match in (usual, ordered, met)]
    assert names == ["the last truth box takes it", *["only the first of equal anchors"] * 2]
    assert MATCH_ANCHORS.judge(right).status == "passed"


def test_a_list_of_indices_is_asked_for_as_an_array():
    verdict = NMS.judge(lambda boxes, scores, threshold=0.5: metrics.nms(boxes, scores, threshold).tolist())
    assert "type list; a NumPy array" in verdict.text


def test_scores_set_to_nothing_on_the_way_are_told():
    def nms(boxes, scores, threshold=0.5):
        kept = metrics.nms(boxes, scores, threshold)
        scores[kept] = -np.inf
        return kept

    assert "`scores` changed" in NMS.judge(nms).text


def test_four_arrays_in_place_of_one_are_told_what_was_expected():
    verdict = ENCODE_BOXES.judge(lambda boxes, anchors: tuple(encode_boxes(boxes, anchors).T))
    assert "type tuple; a NumPy array of shape (1, 4)" in verdict.text


def test_scans_are_shown_as_arrays_and_their_change_is_noticed():
    def froc(scores, hits, counts):
        curve = metrics.froc(scores, hits, counts)
        for score in scores:
            score.sort()
        return curve

    verdict = FROC.judge(froc)
    assert "`scores` changed" in verdict.text
    verdict = FROC.judge(lambda scores, hits, counts: None)
    assert "scores = [array([0.9, 0.7, 0.3]), array([0.8, 0.4]), array([0.6]), array([])]" in verdict.text


@pytest.mark.parametrize("seed", range(5))
def test_the_cases_of_the_curve_have_what_tells_answers_apart(seed):
    cases = FROC.cases(np.random.default_rng(seed))
    assert any(0 in case.args[2] for case in cases), "healthy scans"
    assert any(not len(scan) for case in cases for scan in case.args[0]), "scans without marks"
    assert any((scan == -2).any() for case in cases for scan in case.args[1]), "neutral marks"
    scans = [scan for case in cases for scan in zip(case.args[0], case.args[1], strict=True)]
    twice = [score[hit == nodule] for score, hit in scans for nodule in np.unique(hit[hit >= 0])]
    assert any(len(score) > 1 and score[0] < score.max() for score in twice), "the best hit comes later"
    found, false = (
        {(k, score) for k, case in enumerate(cases) for score in _scores(case, hit)}
        for hit in (lambda h: h >= 0, lambda h: h == -1)
    )
    assert found & false, "a hit and a false positive with the same score"


def _scores(case, which):
    return [float(score) for scan, hit in zip(*case.args[:2], strict=True) for score in scan[which(hit)]]


def test_two_of_three_results_are_told_which_are_expected():
    verdict = FROC.judge(lambda *args: metrics.froc(*args)[:2])
    assert "2 values; 3 were expected, in this order: `false_positives`, `sensitivity`, `thresholds`" in verdict.text


def test_a_curve_read_from_distinct_points_is_told_what_a_vertical_piece_is():
    def cpm(false_positives, sensitivity):
        rates, first = np.unique(false_positives, return_index=True)
        return np.mean(np.interp(metrics.RATES, rates, sensitivity[first]))

    assert CPM.judge(cpm).misconception == "the lower end of a rise"


@pytest.mark.parametrize("exercise", [MATCH_ANCHORS, NMS], ids=["8.4", "8.7"])
def test_indices_that_are_no_integers_are_refused(exercise):
    """They pass a comparison of values, and stop the chapter where it uses them in square brackets."""

    def with_floats(*args, **options):
        value = exercise.reference(*args, **options)
        return tuple(part.astype(float) for part in value) if isinstance(value, tuple) else value.astype(float)

    verdict = exercise.judge(with_floats)
    assert verdict.status == "wrong"
    assert "float64" in verdict.text
