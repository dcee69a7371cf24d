"""Exercises whose function gives several results, or takes a function."""

import numpy as np
import pytest

from helpers.exercises.exercise import Case, Exercise, Misconception


def both(X, f):
    return X.sum(), f(X)


def double(X):
    """twice its input, entry by entry"""
    return 2 * X


TASK = Exercise(
    id="0.1",
    reference=both,
    cases=lambda rng: [Case((np.arange(3.0), double)), Case((rng.normal(size=(2, 2)), double))],
    hints=("one", "two"),
    why="",
    returns=("total", "image"),
    misconceptions=(
        Misconception("exchanged", "You gave them in the other order.", (lambda X, f: (f(X), X.sum()),)),
        Misconception("not called", "f was not called.", (lambda X, f: (X.sum(), X),)),
    ),
)


def test_a_right_tuple_passes_and_so_does_a_list():
    assert TASK.judge(lambda X, f: (float(X.sum()), X + X)).status == "passed"
    assert TASK.judge(lambda X, f: [X.sum(), X + X]).status == "passed"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda X, f: X.sum(), "gave back one value; 2 were expected, in this order: `total`, `image`"),
        (lambda X, f: None, "Is the `return` missing?"),
        (lambda X, f: (X.sum(), f(X), 0), "gave back 3 values"),
        (lambda X, f: (X.sum() + 1, f(X)), "`total`: Your result is 4, expected 3."),
        (lambda X, f: (X.sum(), f(X)[None]), "`image`: The shape is not right: (1, 3) came, (3,) was expected."),
        (lambda X, f: (X.sum(), None), "`image`: Your function gave back None"),
    ],
)
def test_what_is_wrong_is_said_of_the_result_that_is_wrong(wrong, said):
    verdict = TASK.judge(wrong)
    assert verdict.status == "wrong"
    assert said in verdict.text


def test_misconceptions_are_named():
    assert TASK.judge(lambda X, f: (f(X), X.sum())).misconception == "exchanged"
    assert TASK.judge(lambda X, f: (X.sum(), X.copy())).misconception == "not called"


def test_an_argument_that_is_a_function_is_shown_by_what_it_does():
    text = TASK.judge(lambda X, f: (0.0, X)).text
    assert "f: twice its input, entry by entry" in text
    assert " at 0x" not in text
