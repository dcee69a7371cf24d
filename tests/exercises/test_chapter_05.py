"""What the exercises of chapter 05 say to answers that come close."""

import numpy as np
import pytest

from helpers import nn
from helpers.exercises.chapter05 import ADAM_STEP, DROPOUT, HE_INIT, MOMENTUM_STEP, TRAIN, train


@pytest.mark.parametrize(
    ("exercise", "own"),
    [
        (HE_INIT, lambda shape, rng: nn.he_init(shape, np.random.default_rng(0))),
        (HE_INIT, lambda shape, rng: nn.he_init(shape, np.random.default_rng())),
        (DROPOUT, lambda X, drop, rng: nn.dropout(X, drop, np.random.default_rng(0))),
        (DROPOUT, lambda X, drop, rng: nn.dropout(X, drop, np.random.default_rng())),
    ],
)
def test_an_answer_that_makes_its_own_chance_does_not_pass(exercise, own):
    verdict = exercise.judge(own)
    assert verdict.status == "wrong"
    assert "does not come from `rng`" in verdict.text


@pytest.mark.parametrize("exercise", [TRAIN, MOMENTUM_STEP, ADAM_STEP, HE_INIT, DROPOUT], ids=lambda e: e.id)
@pytest.mark.parametrize("odd", [None, "text", 3.0, (), {}, np.zeros((2, 2, 2)), np.array(["a"]), np.nan], ids=repr)
def test_whatever_comes_back_is_answered(exercise, odd):
    verdict = exercise.judge(lambda *args: odd)
    assert verdict.status == "wrong"
    assert verdict.text


def test_one_result_in_place_of_two_is_told_their_names():
    verdict = MOMENTUM_STEP.judge(lambda theta, g, m, learning_rate, beta=0.9: theta - learning_rate * (beta * m + g))
    assert "`theta`, `m`" in verdict.text
    assert verdict.misconception == "m is not handed back"


def test_the_old_m_is_not_called_missing():
    verdict = MOMENTUM_STEP.judge(
        lambda theta, g, m, learning_rate, beta=0.9: (theta - learning_rate * (beta * m + g), m)
    )
    assert verdict.misconception == "the old m is handed back"


def test_the_article_s_loop_does_not_pass():
    def article(theta, gradient, X, y, epochs, batch_size, learning_rate, rng):
        theta = theta - learning_rate * gradient(theta, X[:batch_size], y[:batch_size])
        for _ in range(epochs):
            for _ in range(0, len(y), batch_size):
                pass
        return theta

    assert TRAIN.judge(article).status == "wrong"


def test_a_loop_over_one_epoch_too_few_is_shown_a_difference():
    verdict = TRAIN.judge(lambda theta, gradient, X, y, epochs, *rest: train(theta, gradient, X, y, epochs - 1, *rest))
    assert verdict.status == "wrong"
    assert "the gradient of mean((X @ theta - y)**2)" in verdict.text  # says what `gradient` is


def test_weights_of_a_wrong_size_are_told_both_sizes():
    verdict = HE_INIT.judge(lambda shape, rng: 3 * nn.he_init(shape, rng))
    assert "0.24" in verdict.text  # 3 * sqrt(2 / 300)
    assert "expected about 0.0816" in verdict.text


def test_a_truncated_normal_of_the_right_variance_passes():
    from scipy.stats import truncnorm

    def truncated(shape, rng):
        drawn = truncnorm.rvs(-2, 2, size=shape, random_state=rng)
        return drawn / truncnorm.std(-2, 2) * np.sqrt(2 / np.prod(shape[:-1]))

    assert HE_INIT.judge(truncated).status == "passed"


def test_dropout_that_keeps_everything_is_told_the_share():
    verdict = DROPOUT.judge(lambda X, drop, rng: X / (1 - drop))
    assert "0 of 2000 entries are 0" in verdict.text
