"""What the exercises of chapter 04 say to answers that come close, and that their own references are the engine's."""

import numpy as np
import pytest

from helpers import nn
from helpers.exercises.chapter04 import CONV, DENSE, ERROR, NUMERIC, POOL, conv2d_backward, max_pool2d_backward


@pytest.mark.parametrize("seed", range(5))
def test_the_short_references_give_what_the_engine_gives(seed):
    rng = np.random.default_rng(seed)
    height, width, kernel, channels, size, stride = rng.integers(1, 4, size=6)
    X = rng.normal(size=(2, height + 5, width + 5, channels))
    K = rng.normal(size=(kernel, 2, channels, 3))
    dY = rng.normal(size=nn.conv2d(X, K, None).shape)
    for own, engine in zip(conv2d_backward(dY, X, K), nn.conv2d_backward(dY, X, K), strict=True):
        np.testing.assert_allclose(own, engine, atol=1e-12)
    ties = rng.integers(0, 3, size=X.shape).astype(float)
    dY = rng.normal(size=nn.max_pool2d(ties, size, stride).shape)
    own, engine = (back(dY, ties, size, stride) for back in (max_pool2d_backward, nn.max_pool2d_backward))
    np.testing.assert_allclose(own, engine, atol=1e-12)


def test_a_wrong_part_of_several_is_called_by_its_name():
    def bias_averaged(dY, X, K):
        dX, dK, db = conv2d_backward(dY, X, K)
        return dX, dK, db / len(X) + 1.0

    verdict = CONV.judge(bias_averaged)
    assert "db" in verdict.text
    assert verdict.misconception is None


def test_a_list_of_the_right_parts_and_a_missing_part_are_told_apart_from_wrong_numbers():
    verdict = DENSE.judge(lambda dA, X, W: (X.T @ dA, dA.sum(axis=0)))
    assert verdict.status == "wrong"
    assert "3" in verdict.text or "three" in verdict.text


def test_a_numeric_gradient_that_moves_the_caller_s_array_is_told_so():
    def in_place(loss, X, step=1e-5):
        gradient = np.zeros(X.shape)
        for place in np.ndindex(X.shape):
            X[place] += step
            above = loss(X)
            X[place] -= 2 * step
            gradient[place] = (above - loss(X)) / (2 * step)
        return gradient

    verdict = NUMERIC.judge(in_place)
    assert verdict.status == "wrong"
    assert "`X`" in verdict.text or "X is not" in verdict.text


def test_the_loss_is_described_to_the_learner_in_words():
    verdict = NUMERIC.judge(lambda loss, X, step=1e-5: np.zeros(X.shape))
    assert "X[0]**3 + 2 * X[0] * X[1]" in verdict.text


def test_one_entry_of_0_does_not_spoil_an_error():
    verdict = ERROR.judge(lambda a, n: float((np.abs(a - n) / (np.abs(a) + np.abs(n) + 1e-300)).max()))
    assert verdict.misconception == "entry by entry"


def test_lines_in_an_order_that_pays_once_only_are_named():
    def equals(dY, X, size=2, stride=2):
        dX = np.zeros_like(X)
        for k, i, j, c in np.ndindex(dY.shape):
            window = X[k, i * stride : i * stride + size, j * stride : j * stride + size, c]
            u, v = np.unravel_index(window.argmax(), window.shape)
            dX[k, i * stride + u, j * stride + v, c] = dY[k, i, j, c]
        return dX

    def whole_window(dY, X, size=2, stride=2):
        dX = np.zeros_like(X)
        for k, i, j, c in np.ndindex(dY.shape):
            dX[k, i * stride : i * stride + size, j * stride : j * stride + size, c] += dY[k, i, j, c]
        return dX

    def no_step(dY, X, size=2, stride=2):
        dX = np.zeros_like(X)
        for k, i, j, c in np.ndindex(dY.shape):
            window = X[k, i : i + size, j : j + size, c]
            u, v = np.unravel_index(window.argmax(), window.shape)
            dX[k, i * stride + u, j * stride + v, c] += dY[k, i, j, c]
        return dX

    named = [POOL.judge(wrong).misconception for wrong in (equals, whole_window, no_step)]
    assert named == ["= in place of +=", "average pooling", "step forgotten"]
