"""Boxes of slices become marks of a scan."""

import numpy as np
import pytest

from helpers.metrics import merge_slices

SPACING = (2.5, 0.8, 0.8)
NONE = (np.zeros((0, 4)), np.zeros(0))


def square(y: float, x: float, side: float = 8) -> list[float]:
    """The box around the middle of the pixel (y, x)."""
    return [y + 0.5 - side / 2, x + 0.5 - side / 2, y + 0.5 + side / 2, x + 0.5 + side / 2]


def scan(*slices: list[tuple[float, list[float]]]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Lists of boxes and of scores; each slice given as pairs (score, box)."""
    boxes = [np.array([box for _, box in found]).reshape(-1, 4) for found in slices]
    return boxes, [np.array([score for score, _ in found]) for found in slices]


def test_one_thing_in_three_slices_is_one_mark():
    found = scan([], [(0.4, square(20, 30))], [(0.9, square(21, 30))], [(0.8, square(20, 31))], [])
    marks, scores = merge_slices(*found, SPACING)
    assert scores == pytest.approx([0.85])  # the two best slices
    weights = np.array([0.4, 0.9, 0.8]) / 2.1
    where = [weights @ [1, 2, 3], weights @ [20, 21, 20], weights @ [30, 30, 31]]
    np.testing.assert_allclose(marks, [np.multiply(where, SPACING)], atol=1e-6)


def test_one_slice_alone_has_half_of_its_score():
    marks, scores = merge_slices(*scan([(0.9, square(5, 6))], [], []), SPACING)
    np.testing.assert_allclose(marks, [[0, 5 * 0.8, 6 * 0.8]])
    assert scores == pytest.approx([0.45])


def test_a_slice_without_it_divides_two_things():
    marks, scores = merge_slices(*scan([(0.9, square(5, 6))], [], [(0.8, square(5, 6))]), SPACING)
    np.testing.assert_allclose(marks[:, 0], [0, 5])
    np.testing.assert_allclose(scores, [0.45, 0.4])


def test_what_lies_apart_stays_apart_and_a_second_box_in_a_slice_adds_nothing():
    found = scan([(0.9, square(20, 20)), (0.7, square(21, 21)), (0.8, square(60, 20))], [(0.6, square(60, 21))])
    marks, scores = merge_slices(*found, SPACING)
    np.testing.assert_allclose(scores, [0.7, 0.45])
    assert marks[0, 1] == pytest.approx(60 * 0.8)


def test_a_large_box_reaches_as_far_as_its_radius_and_a_small_one_3_mm():
    for side, far, count in [(20, 9, 1), (20, 11, 2), (4, 3, 1), (4, 4, 2)]:  # 10 pixels are 8 mm; 3 mm are 3.75 pixels
        found = scan([(0.9, square(40, 40, side))], [(0.5, square(40, 40 + far, side))])
        assert len(merge_slices(*found, SPACING)[0]) == count


def test_the_score_of_a_mark_does_not_hang_on_the_order_of_boxes():
    rng = np.random.default_rng(0)
    slices = [
        [(s, square(*yx)) for s, yx in zip(rng.random(6), rng.uniform(0, 40, (6, 2)), strict=True)] for _ in range(8)
    ]
    shuffled = [[found[k] for k in rng.permutation(6)] for found in slices]
    for one, other in zip(merge_slices(*scan(*slices), SPACING), merge_slices(*scan(*shuffled), SPACING), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_every_box_ends_in_one_mark_and_scores_fall():
    rng = np.random.default_rng(1)
    slices = [
        [(s, square(*yx)) for s, yx in zip(rng.random(5), rng.uniform(0, 99, (5, 2)), strict=True)] for _ in range(6)
    ]
    marks, scores = merge_slices(*scan(*slices), SPACING, reach=1e-6)
    assert len(marks) > 20
    assert (np.diff(scores) <= 0).all()
    assert len(merge_slices(*scan(*slices), SPACING, reach=1e6)[0]) == 1


def test_nothing_found_is_no_mark():
    marks, scores = merge_slices([NONE[0]] * 3, [NONE[1]] * 3, SPACING)
    assert marks.shape == (0, 3)
    assert scores.shape == (0,)
    marks, scores = merge_slices(*scan([(0.0, square(3, 3))]), SPACING)
    np.testing.assert_allclose(marks, [[0, 2.4, 2.4]])


def test_what_makes_no_sense_is_refused():
    boxes, scores = scan([(0.5, square(9, 9))], [])
    for wrong, message in [
        ((boxes, scores[:1], SPACING), "lengths"),
        ((boxes, scores, (0.8, 0.8)), "spacing"),
        ((boxes, scores, (2.5, 0, 0.8)), "above 0 mm"),
        ((boxes, scores, SPACING, 0), "above 0 mm"),
        ((boxes, [np.array([np.nan]), scores[1]], SPACING), "nan"),
        ((boxes, [np.array([-0.5]), scores[1]], SPACING), "nothing below 0"),
        (([boxes[0][:, [2, 3, 0, 1]], boxes[1]], scores, SPACING), "y0 <= y1"),
    ]:
        with pytest.raises(ValueError, match=message):
            merge_slices(*wrong)
