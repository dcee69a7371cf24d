"""Weights in one byte, by hand and by their error; an image and a table side by side; what they refuse."""

import doctest

import numpy as np
import pytest

from helpers.trust import cost, fuse, fusion, quantise


@pytest.mark.parametrize("module", [cost, fusion])
def test_the_examples_of_the_docstrings_are_true(module):
    result = doctest.testmod(module, extraglobs={"np": np})
    assert result.attempted > 0
    assert result.failed == 0


def test_weights_worked_by_hand():
    W = np.array([[2.54, 0.3], [-1.0, -0.3], [0.013, 0.1]])
    codes, scale = quantise(W)
    np.testing.assert_allclose(scale, [0.02, 0.3 / 127])
    assert codes.tolist() == [[127, 127], [-50, -127], [1, 42]]
    assert codes.dtype == np.int8


@pytest.mark.parametrize("shape", [(3, 3, 4, 8), (20, 5), (7,)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_no_weight_is_off_by_more_than_half_a_scale(shape, dtype):
    W = np.random.default_rng(0).normal(0, 0.1, shape).astype(dtype)
    codes, scale = quantise(W)
    assert (codes.shape, scale.shape, scale.dtype) == (W.shape, W.shape[-1:], dtype)
    off = np.abs(codes * scale.astype(float) - W)
    assert (off <= scale * (0.5 + 127 * np.finfo(dtype).eps)).all()
    assert np.abs(codes).reshape(-1, shape[-1]).max(axis=0).tolist() == [127] * shape[-1]


@pytest.mark.parametrize("weight", [0.0, 1e-45, 2e-43])
def test_a_channel_of_nothing_or_next_to_nothing_stays_what_it_is(weight):
    W = np.array([[weight, 1.0], [0.0, -2.0]], np.float32)
    codes, scale = quantise(W)
    assert np.isfinite(scale).all()
    np.testing.assert_allclose((codes * scale)[:, 0], W[:, 0], atol=1e-44 + 0.5 * weight)


@pytest.mark.parametrize(
    ("W", "said"),
    [
        (np.ones((2, 3), int), "floating-point weights"),
        (np.float64(1), "got float64"),
        (np.zeros((0, 3)), "at least one"),
        ([[1.0]], "got list"),
        (np.array([1.0, np.nan]), "nan or infinity"),
    ],
)
def test_other_weights_are_refused(W, said):
    with pytest.raises(ValueError, match=said):
        quantise(W)


def test_a_patient_of_whom_all_is_known_and_one_of_whom_nothing_is():
    table = np.array([[70.0, 1.2], [np.nan, np.nan]])
    fused = fuse(np.array([[0.5], [-3.0]]), table, np.array([60.0, 1.0]), np.array([10.0, 0.4]))
    np.testing.assert_allclose(fused, [[0.5, 1, 0.5, 0, 0], [-3, 0, 0, 1, 1]])
    assert np.isnan(table[1]).all()


def test_a_patient_gets_the_same_row_whoever_else_comes():
    rng = np.random.default_rng(1)
    features, table = rng.normal(size=(6, 3)), rng.normal(60, 10, (6, 2))
    mean, std = np.array([55.0, 50.0]), np.array([9.0, 12.0])
    all_rows = fuse(features, table, mean, std)
    np.testing.assert_array_equal(fuse(features[:1], table[:1], mean, std), all_rows[:1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"features": np.ones((3, 1))}, "got .*3, 1.*2, 2"),
        ({"mean": np.zeros(3)}, r"got .*\(3,\)"),
        ({"table": np.array([[1.0, np.inf], [0, 0]])}, "infinity"),
        ({"features": np.array([[np.nan], [1]])}, "only the table may hold nan"),
        ({"std": np.array([1.0, 0.0])}, "std above 0"),
    ],
)
def test_other_parts_are_refused(change, said):
    parts = {"features": np.ones((2, 1)), "table": np.ones((2, 2)), "mean": np.zeros(2), "std": np.ones(2)}
    with pytest.raises(ValueError, match=said):
        fuse(**(parts | change))
