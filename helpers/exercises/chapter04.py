"""Exercises, predictions and quiz of chapter 04, backpropagation."""

import itertools
from functools import partial

import numpy as np

from helpers import nn
from helpers.exercises import chapter04_backward as backward_passes
from helpers.exercises.chapter04_backward import conv2d_backward, max_pool2d_backward
from helpers.exercises.exercise import Case, Exercise, Misconception
from helpers.exercises.registry import ComesTrue, Option, Question


def _cubic(X):
    """loss(X) = X[0]**3 + 2 * X[0] * X[1]"""
    return X[0] ** 3 + 2 * X[0] * X[1]


def _waves(X):
    """loss(X) = sum of weight * sin(X), with the weights 1, 2, 3, ... in reading order"""
    weights = np.arange(1.0, X.size + 1).reshape(X.shape)
    return (weights * np.sin(X)).sum()


def _powers(X):
    """loss(X) = sum of weight * X**3, with the weights 1, 2, 3, ... in reading order"""
    return (np.arange(1.0, X.size + 1).reshape(X.shape) * X**3).sum()


def _entropy(X):
    """loss(X) = cross_entropy(X, y), every row's true class is 0"""
    return nn.cross_entropy(X, np.zeros(len(X), dtype=int))


def _numeric_cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case((_cubic, np.array([1.0, 2.0]), 0.1)),
        Case((_waves, rng.normal(size=(2, 3)), 0.01)),
        Case((_powers, rng.normal(size=(2, 1, 3)), 0.05), "three axes"),
        Case((_powers, np.array([[1, 2, 3], [4, 5, 6]]), 0.01), "X holds integers"),
        Case((_waves, rng.normal(size=(3, 2)).astype(np.float32), 0.001), "X is float32"),
        Case((_entropy, rng.normal(size=(4, 3))), "the loss of chapter 02, and no step given"),
    ]


def _as_float(X):
    return np.array(X, dtype=float)


def _nudging(*differences, starts=(_as_float, np.copy)):
    """Numeric gradients that compute `difference(loss, X, place, step)` in each place; X is what a start makes of it.

    With np.copy the same mistake is made in the type of X: integers and float32 come out differently.
    """

    def wrong(difference, start, loss, X, step=1e-5):
        X = start(X)
        gradient = np.zeros(X.shape)
        for place in np.ndindex(X.shape):
            gradient[place] = difference(loss, X, place, step)
        return gradient

    return tuple(partial(wrong, *both) for both in itertools.product(differences, starts))


def _moved(X, place, by):
    X = X.copy()
    X[place] += by
    return X


def _central(loss, X, place, step):
    return (loss(_moved(X, place, step)) - loss(_moved(X, place, -step))) / (2 * step)


def _left_moved(loss, X, place, step):
    X[place] += step
    above = loss(X)
    X[place] -= 2 * step
    return (above - loss(X)) / (2 * step)


def _left_above(loss, X, place, step):
    below = loss(_moved(X, place, -step))
    X[place] += step
    return (loss(X) - below) / (2 * step)


def _moved_back(loss, X, place, step):
    slope = _left_moved(loss, X, place, step)
    X[place] += step
    return slope


def _one_array(loss, X, place, step):
    above, below = X, X
    above[place] += step
    below[place] -= step
    return (loss(above) - loss(below)) / (2 * step)


def _one_array_in_turn(loss, X, place, step):
    X[place] += step
    above = loss(X)
    X[place] -= step
    return (above - loss(X)) / (2 * step)


def _copied_once(start):
    def wrong(loss, X, step=1e-5):
        above, below, gradient = start(X), start(X), np.zeros(X.shape)
        for place in np.ndindex(X.shape):
            above[place] += step
            below[place] -= step
            gradient[place] = (loss(above) - loss(below)) / (2 * step)
        return gradient

    return wrong


def _at_once(loss, X, step=1e-5):
    return (loss(X + step) - loss(X - step)) / (2 * step)


def _own_step(own):
    return _nudging(lambda loss, X, place, step: _central(loss, X, place, own))


_ALL_STARTS = (_as_float, np.copy, np.asarray)


NUMERIC = Exercise(
    id="4.2",
    reference=nn.numerical_gradient,
    cases=_numeric_cases,
    rtol=1e-6,
    hints=(
        "Go through the entries of X one by one. For each: the loss with this entry a little larger, the loss with it "
        "a little smaller, and how far apart the two places are.",
        "`for place in np.ndindex(X.shape):` visits every entry, whatever the number of axes, and `X[place]` is that "
        "entry. Keep its value, so that you can put it back.",
        "Work on `X = np.array(X, dtype=float)`: a copy, in float64. The two places are 2 * step apart.",
    ),
    why="One entry moves at a time, up and down by the same step, and is put back before the next one moves.",
    misconceptions=(
        Misconception(
            "one-sided difference",
            "You moved to one side only. The error of that is about as large as the step; when you move up *and* "
            "down, the curvature cancels and the error falls with the step squared.",
            _nudging(
                lambda loss, X, place, step: (loss(_moved(X, place, step)) - loss(X)) / step,
                lambda loss, X, place, step: (loss(X) - loss(_moved(X, place, -step))) / step,
            ),
        ),
        Misconception(
            "divided by the wrong distance",
            "From X - step to X + step the entry travels twice the step. Divide by the whole way, in brackets: `/ (2 * "
            "step)`. Without them Python divides by 2 and then *multiplies* by the step.",
            _nudging(
                lambda loss, X, place, step: 2 * _central(loss, X, place, step),
                lambda loss, X, place, step: (loss(_moved(X, place, step)) - loss(X)) / (2 * step),
                lambda loss, X, place, step: step**2 * _central(loss, X, place, step),
            ),
        ),
        Misconception(
            "all entries moved at once",
            "You moved all entries together and got one number: how the loss answers when *everything* grows. A "
            "gradient has one slope for each entry, so move one entry at a time.",
            (
                _at_once,
                lambda loss, X, step=1e-5: np.full(X.shape, _at_once(loss, X, step)),
                lambda loss, X, step=1e-5: (loss(X + step) - loss(X)) / step,
            ),
        ),
        Misconception(
            "entries are not put back",
            "After the first entry, the loss is no longer taken at X: the entries that were moved stay moved. Put "
            "each one back before you move the next.",
            (*_nudging(_left_moved, _left_above, starts=_ALL_STARTS), *map(_copied_once, (_as_float, np.copy))),
        ),
        Misconception(
            "one array under two names",
            "`Y = X` makes no second array: it is a second name for the same one, and a step on the one is a step on "
            "the other. `X.copy()` makes one.",
            _nudging(_one_array, starts=_ALL_STARTS) + _nudging(_one_array_in_turn, starts=(np.asarray,)),
        ),
        Misconception(
            "moved back by steps",
            "Plus step, minus two steps, plus step does not bring a number back to its last digit. Keep the old value "
            "and write it back, or work on a copy.",
            _nudging(_moved_back, starts=(np.asarray,)),
        ),
        Misconception(
            "moves in the type of X",
            "An array of integers cannot hold 3.01, and float32 rounds a small step away. Work on a float64 copy of X.",
            _nudging(_central, starts=(np.copy,)),
        ),
        Misconception(
            "a step of its own",
            "The step is an argument: use the one that was given. Section 4.3 shows how much depends on it.",
            tuple(itertools.chain(*map(_own_step, (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)))),
        ),
        Misconception(
            "not divided",
            "That is the change of the loss. A slope is the change divided by the way that the entry travelled.",
            _nudging(lambda loss, X, place, step: 2 * step * _central(loss, X, place, step)),
        ),
        Misconception(
            "wrong sign",
            "The sign is the wrong way round: a loss that grows with the entry has a *positive* slope. Above minus "
            "below.",
            _nudging(lambda loss, X, place, step: -_central(loss, X, place, step)),
        ),
    ),
)


def _error_cases(rng: np.random.Generator) -> list[Case]:
    right, small = rng.normal(size=(4, 3)), rng.normal(size=(2, 3))
    kernel = rng.normal(size=(3, 2, 1, 4))
    return [
        Case((np.array([3.0, 4.0]), np.array([3.0, 0.0]))),
        Case((np.array([[1.0, 0.0], [-2.0, 4.0]]), np.array([[1.0, 1e-9], [-2.0, 4.0]])), "one entry is 0"),
        Case((right, right + 1e-3 * rng.normal(size=right.shape))),
        Case((kernel, 1.5 * kernel), "a kernel, four axes, half as much again"),
        Case((right, -right), "the opposite direction"),
        Case((1e-12 * small, 3e-12 * rng.normal(size=small.shape)), "both are tiny, and quite different"),
        Case((np.zeros((2, 3)), np.zeros((2, 3))), "both are 0"),
        Case((np.zeros(4), rng.normal(size=4)), "one is 0, the other is not"),
        Case((np.array([1.0, np.nan, 2.0]), np.array([1.0, 0.5, 2.0])), "a gradient that is no number: nan"),
    ]


_norm = np.linalg.norm


def _guarded(error):
    """`error(a, b)`, but 0 where both arrays are 0."""
    return lambda a, b: error(a, b) if a.any() or b.any() else 0.0


def _entrywise(a, b):
    return np.abs(a - b) / (np.abs(a) + np.abs(b))


def _with_eps(eps: float):
    return lambda a, b: _norm(a - b) / (_norm(a) + _norm(b) + eps)


def _at_least(eps: float):
    return lambda a, b: _norm(a - b) / max(_norm(a) + _norm(b), eps)


def _over(below):
    return lambda a, b: _norm(a - b) / below(a, b)


_OTHERS = (
    lambda a, b: _norm(b),
    lambda a, b: _norm(a),
    lambda a, b: max(_norm(a), _norm(b)),
    lambda a, b: _norm(a + b),
    lambda a, b: (_norm(a) + _norm(b)) / 2,
)

ERROR = Exercise(
    id="4.3",
    reference=nn.relative_error,
    cases=_error_cases,
    hints=(
        "Three lengths: of the difference, of the one array, of the other. `np.linalg.norm` gives the length of an "
        "array of any shape: the root of the sum of the squares of all its entries.",
        "Divide the length of the difference by the sum of the two lengths.",
        "If both arrays are 0 they are equal, but 0 / 0 is nan: look at the sum of the lengths before you divide.",
    ),
    why="The norms look at all entries together, so one entry near 0 does not spoil the comparison.",
    misconceptions=(
        Misconception(
            "0 / 0",
            "Two gradients of 0 are equal, but 0 / 0 is nan. It happens: all weights of a dead unit have a gradient "
            "of 0. Treat this case before you divide.",
            (lambda a, b: _norm(a - b) / (_norm(a) + _norm(b)),),
        ),
        Misconception(
            "nan taken for equal",
            "nan is not greater than 0: your function calls a gradient of nan equal. Ask whether the sum of the "
            "lengths *is* 0, with `==`.",
            (lambda a, b: _norm(a - b) / (_norm(a) + _norm(b)) if _norm(a) + _norm(b) > 0 else 0.0,),
        ),
        Misconception(
            "entry by entry",
            "You compared entry by entry. Where the true slope is 0, the numeric one is rounding, such as 1e-11, "
            "and that entry alone gives an error of 1. Take the length of the *whole* difference.",
            (
                lambda a, b: _entrywise(a, b).max(),
                lambda a, b: _entrywise(a, b).mean(),
                _guarded(lambda a, b: np.nanmax(_entrywise(a, b))),
                _guarded(lambda a, b: np.nanmean(_entrywise(a, b))),
                _entrywise,
                lambda a, b: np.max(np.abs(a - b) / np.maximum(1e-8, np.abs(a) + np.abs(b))),
            ),
        ),
        Misconception(
            "a small number added below",
            "The small number hides small gradients: two that are near 1e-12 and quite different come out as equal. "
            "Only where *both* are exactly 0 is there anything to guard against.",
            (
                *map(_with_eps, (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 1e-12, 1e-15)),
                *map(_at_least, (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10)),
            ),
        ),
        Misconception(
            "not divided",
            "That is how far apart they are, not how far *for their size*. A difference of 0.001 is nothing between "
            "gradients of 1000, and everything between gradients of 0.001.",
            (lambda a, b: _norm(a - b), lambda a, b: np.abs(a - b).max(), lambda a, b: np.abs(a - b).mean()),
        ),
        Misconception(
            "divided by something else",
            "The difference is right, what it is divided by is not: the *sum* of both lengths. That treats the two "
            "alike, and keeps the error between 0 and 1.",
            (*map(_over, _OTHERS), *(_guarded(_over(below)) for below in _OTHERS)),
        ),
        Misconception(
            "compares the lengths only",
            "You compared how long the two are. A gradient that points the opposite way is just as long, and as wrong "
            "as it can be. First the difference, then its length.",
            (
                _guarded(lambda a, b: abs(_norm(a) - _norm(b)) / (_norm(a) + _norm(b))),
                lambda a, b: abs(_norm(a) - _norm(b)) / (_norm(a) + _norm(b)),
            ),
        ),
        Misconception(
            "differences cancel",
            "You added differences with their signs: one too large and one too small cancel. A length squares them "
            "first.",
            (
                _guarded(lambda a, b: abs((a - b).sum()) / (_norm(a) + _norm(b))),
                _guarded(lambda a, b: abs((a - b).sum()) / (np.abs(a).sum() + np.abs(b).sum())),
                _guarded(lambda a, b: (a - b).sum() / (a + b).sum()),
            ),
        ),
        Misconception(
            "another measure of length",
            "The sum, or the largest, of the absolute values is a measure of length too, but not the one asked for: "
            "the root of the sum of squares.",
            (
                _guarded(lambda a, b: np.abs(a - b).sum() / (np.abs(a).sum() + np.abs(b).sum())),
                _guarded(lambda a, b: np.abs(a - b).max() / (np.abs(a).max() + np.abs(b).max())),
            ),
        ),
        Misconception(
            "root missing",
            "The root is missing: a length is the root of the sum of the squares.",
            (
                _guarded(lambda a, b: ((a - b) ** 2).sum() / ((a**2).sum() + (b**2).sum())),
                lambda a, b: ((a - b) ** 2).sum() / ((a**2).sum() + (b**2).sum()),
            ),
        ),
        Misconception(
            "norm of a matrix",
            "A second argument of `norm` asks for another norm: with 2, a matrix gets its largest singular value, and "
            "more than two axes are an error. Leave it out.",
            (
                _guarded(lambda a, b: _norm(a - b, 2) / (_norm(a, 2) + _norm(b, 2))),
                lambda a, b: _norm(a - b, 2) / (_norm(a, 2) + _norm(b, 2)),
            ),
        ),
    ),
)


def _logit_cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case((np.array([[0.0, np.log(3.0)], [1.0, 1.0]]), np.array([0, 1]))),
        Case((rng.normal(0, 2, size=(5, 3)), np.array([2, 0, 1, 1, 2]))),
        Case((rng.normal(0, 2, size=(2, 6)), np.array([5, 0])), "more classes than rows"),
        Case((rng.normal(size=(1, 4)), np.array([3])), "one row"),
        Case((rng.normal(size=(4, 3)), np.array([0, 1, 1, 0])), "the last class does not occur"),
        Case((rng.normal(size=(3, 4)), np.array([0, 0, 0])), "all are of class 0"),
        Case((np.array([[1000.0, -1000.0, 0.0], [-1000.0, 0.5, 1.0]]), np.array([1, 2])), "logits of 1000"),
    ]


def _one_hot(Z, y):
    return np.eye(Z.shape[1])[y]


def _every_label(Z, y):
    P = nn.softmax(Z)
    P[:, y] -= 1
    return P / len(y)


def _plain_softmax(Z):
    return np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)


LOGITS = Exercise(
    id="4.4",
    reference=nn.softmax_cross_entropy_backward,
    cases=_logit_cases,
    hints=(
        "Three steps: the probabilities, 1 less in the true class of each row, and the 1 / N of the mean.",
        "`softmax(Z)` of chapter 02 is imported. `P[np.arange(len(y)), y]` are the N entries of the true classes.",
        "The other entries of a row stay as they are: a wrong class gets its own probability as its gradient.",
    ),
    why="Softmax and logarithm cancel: what is left is probability minus truth, a row at a time, over N.",
    misconceptions=(
        Misconception(
            "not divided by N",
            "The loss is a *mean* over N rows, so each row counts 1 / N. Without it the direction is right, and a "
            "batch of 200 takes steps a hundred times those of a batch of 2.",
            (lambda Z, y: nn.softmax(Z) - _one_hot(Z, y),),
        ),
        Misconception(
            "classes counted from the labels",
            "`y.max() + 1` is not the number of classes: the last class may be missing from a batch. `Z.shape[1]` is.",
            (
                lambda Z, y: (nn.softmax(Z) - np.eye(y.max() + 1)[y]) / len(y),
                lambda Z, y: (nn.softmax(Z) - np.eye(len(np.unique(y)))[y]) / len(y),
            ),
        ),
        Misconception(
            "softmax over the wrong axis",
            "Your probabilities add up to 1 in each *column*. Each example, a row, has its own: `axis=1`.",
            (lambda Z, y: (nn.softmax(Z.T).T - _one_hot(Z, y)) / len(y),),
        ),
        Misconception(
            "divided by the wrong number",
            "The mean in the loss is over the N rows: one loss a row. It is not over the N x C entries, nor over the "
            "C classes.",
            (
                lambda Z, y: (nn.softmax(Z) - _one_hot(Z, y)) / Z.size,
                lambda Z, y: (nn.softmax(Z) - _one_hot(Z, y)) / Z.shape[1],
            ),
        ),
        Misconception(
            "wrong sign",
            "The sign is the wrong way round. A larger logit of the true class makes the loss *smaller*, so its entry "
            "must be negative.",
            (lambda Z, y: (_one_hot(Z, y) - nn.softmax(Z)) / len(y), lambda Z, y: _one_hot(Z, y) - nn.softmax(Z)),
        ),
        Misconception(
            "label forgotten",
            "These are the probabilities; the labels have not come in. In the true class it is the probability "
            "*minus 1*.",
            (lambda Z, y: nn.softmax(Z) / len(y), lambda Z, y: nn.softmax(Z)),
        ),
        Misconception(
            "every label in every row",
            "`P[:, y]` are the columns of all labels, in *every* row. You want one entry a row: row i, column y[i]. "
            "That takes two index arrays.",
            (_every_label,),
        ),
        Misconception(
            "label taken as a number",
            "You subtracted the label itself: class 2 is not twice class 1. Labels are names; subtract 1 in the "
            "column that the label names.",
            (
                lambda Z, y: (nn.softmax(Z) - y[:, None]) / len(y),
                lambda Z, y: nn.softmax(Z) - y[:, None],
                lambda Z, y: (nn.softmax(Z) - y) / len(y),
                lambda Z, y: nn.softmax(Z) - y,
            ),
        ),
        Misconception(
            "gradient for P",
            "That is the gradient with respect to the probabilities P. One step is missing: how P answers when the "
            "logits move. (Together they become short; that is why the two are treated as one.)",
            (lambda Z, y: -_one_hot(Z, y) / nn.softmax(Z) / len(y), lambda Z, y: -_one_hot(Z, y) / nn.softmax(Z)),
        ),
        Misconception(
            "no softmax",
            "You took the logits for probabilities: logits minus truth. That is what the article prints (section "
            "4.8). The loss sees softmax(Z).",
            (lambda Z, y: (Z - _one_hot(Z, y)) / len(y), lambda Z, y: Z - _one_hot(Z, y)),
        ),
        Misconception(
            "overflow",
            "exp(1000) is infinite. Subtract each row's own maximum before exp, as in chapter 02, or use `softmax`, "
            "which does.",
            (lambda Z, y: (_plain_softmax(Z) - _one_hot(Z, y)) / len(y),),
        ),
        Misconception(
            "only the true class",
            "You filled in the entry of the true class only. The other logits matter too: raise one of them, and the "
            "true class loses probability.",
            (lambda Z, y: _one_hot(Z, y) * (nn.softmax(Z) - 1) / len(y), lambda Z, y: -_one_hot(Z, y) / len(y)),
        ),
    ),
)


def _dense_cases(rng: np.random.Generator) -> list[Case]:
    def case(N: int, D: int, M: int, note: str = "") -> Case:
        return Case((rng.normal(size=(N, M)), rng.normal(size=(N, D)), rng.normal(size=(D, M))), note)

    dA = np.array([[1.0, 0.0], [0.0, -2.0]])
    X = np.array([[1.0, 2.0, 0.0], [0.0, -1.0, 3.0]])
    W = np.array([[1.0, -1.0], [0.5, 2.0], [0.0, -2.0]])
    return [
        Case((dA, X, W)),
        case(4, 3, 5),
        case(3, 3, 3, "as many examples as inputs as units"),
        case(1, 4, 2, "a batch of one"),
        case(5, 2, 1, "one unit"),
    ]


def _dense_parts(dX=None, dW=None, db=None):
    """The right three gradients, with some of them replaced."""
    right = (lambda dA, X, W: dA @ W.T, lambda dA, X, W: X.T @ dA, lambda dA, X, W: dA.sum(axis=0))
    parts = [mine or theirs for mine, theirs in zip((dX, dW, db), right, strict=True)]
    return lambda dA, X, W: tuple(part(dA, X, W) for part in parts)


def _reordered(*order):
    return lambda dA, X, W: tuple(nn.dense_backward(dA, X, W)[k] for k in order)


DENSE = Exercise(
    id="4.5",
    reference=nn.dense_backward,
    cases=_dense_cases,
    returns=("dX", "dW", "db"),
    points=2,
    hints=(
        "A gradient has the shape of what it belongs to: dX (N, D), dW (D, M), db (M,). You have dA (N, M), X (N, D) "
        "and W (D, M). Which products give these shapes?",
        "`.T` transposes: rows become columns. dW sums over the N examples, so N must stand in the middle.",
        "b went to every row alike: its gradient is the sum of the rows of dA.",
    ),
    why="The shapes leave one choice for each product: dX sums over the units, dW and db over the examples.",
    misconceptions=(
        Misconception(
            "averaged over the batch again",
            "You divided by N. The mean is in the *loss* already, so dA carries its 1 / N with it. Here the examples "
            "are added up.",
            (
                _dense_parts(dW=lambda dA, X, W: X.T @ dA / len(X), db=lambda dA, X, W: dA.mean(axis=0)),
                _dense_parts(dW=lambda dA, X, W: X.T @ dA / len(X)),
                _dense_parts(db=lambda dA, X, W: dA.mean(axis=0)),
                lambda dA, X, W: nn.dense_backward(dA / len(X), X, W),
            ),
        ),
        Misconception(
            "W not transposed",
            "Forward, an example of D inputs went through W to M units. On the way back M numbers become D: that "
            "takes W with rows and columns exchanged. (A square W hides this mistake.)",
            (_dense_parts(dX=lambda dA, X, W: dA @ W),),
        ),
        Misconception(
            "dX is transposed",
            "Your dX has examples as columns. It must have the shape of X, (N, D).",
            (_dense_parts(dX=lambda dA, X, W: W @ dA.T),),
        ),
        Misconception(
            "dW is transposed",
            "Your dW has units as rows. It must have the shape of W, (D, M), or no optimiser can subtract it from W.",
            (_dense_parts(dW=lambda dA, X, W: dA.T @ X),),
        ),
        Misconception(
            "X not transposed",
            "In dW the *examples* are summed away, so N must stand in the middle: (D, N) times (N, M).",
            (
                _dense_parts(dW=lambda dA, X, W: X @ dA),
                _dense_parts(dW=lambda dA, X, W: X * dA),
                _dense_parts(dW=lambda dA, X, W: dA @ X),
            ),
        ),
        Misconception(
            "bias gradient not summed",
            "There is one bias a unit, and all N examples use it: their gradients add up. Your db still has a row for "
            "each example.",
            (_dense_parts(db=lambda dA, X, W: dA),),
        ),
        Misconception(
            "bias gradient summed over the units",
            "You added the units of each example. A bias belongs to a unit, a *column* of dA: go down the rows.",
            (_dense_parts(db=lambda dA, X, W: dA.sum(axis=1)),),
        ),
        Misconception(
            "bias gradient keeps an axis of 1",
            "The numbers of db are right, but b has one axis, (M,), and its gradient must have the same.",
            (_dense_parts(db=lambda dA, X, W: dA.sum(axis=0, keepdims=True)),),
        ),
        Misconception(
            "bias gradient summed to one number",
            "You added everything up. There are M biases: one sum a column.",
            (_dense_parts(db=lambda dA, X, W: dA.sum()), _dense_parts(db=lambda dA, X, W: dA.mean())),
        ),
        Misconception(
            "another order",
            "The three gradients are there, in another order. The order asked for is dX, dW, db.",
            (_reordered(1, 2, 0), _reordered(1, 0, 2), _reordered(0, 2, 1), _reordered(2, 1, 0)),
        ),
        Misconception(
            "ReLU included",
            "You masked with the slope of a ReLU. A dense layer is X W + b alone; ReLU is a step of its own and gets "
            "its own backward (section 4.6).",
            (
                _dense_parts(dX=lambda dA, X, W: dA @ W.T * (X > 0)),
                lambda dA, X, W: nn.dense_backward(dA * (dA > 0), X, W),
            ),
        ),
    ),
)


def _relu_cases(rng: np.random.Generator) -> list[Case]:
    dH, A = np.array([[10.0, -20.0, 30.0], [-40.0, 50.0, 60.0]]), np.array([[1.0, 2.0, -3.0], [-4.0, 0.0, 0.5]])
    return [
        Case((dH, A), "one pre-activation is exactly 0"),
        Case((rng.normal(size=(4, 5)), rng.normal(size=(4, 5)))),
        Case((rng.normal(size=(2, 3, 3, 2)), rng.normal(size=(2, 3, 3, 2))), "four axes, as images have"),
        Case((rng.normal(size=7), -rng.uniform(1, 2, size=7)), "all units off"),
        Case((rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=(3, 4)).astype(np.float32)), "float32"),
    ]


def _in_place(dH, A):
    dH[A <= 0] = 0
    return dH


RELU = Exercise(
    id="4.6",
    reference=nn.relu_backward,
    cases=_relu_cases,
    keeps_dtype=True,
    hints=(
        "Local slope times what comes from above, entry by entry. What is the slope of ReLU at a = 2? At a = -3?",
        "`A > 0` is True where the slope is 1. Multiplied with numbers, True counts as 1 and False as 0.",
    ),
    why="The slope is 1 where A > 0 and 0 elsewhere: a gate that was set on the way forward.",
    misconceptions=(
        Misconception(
            "mask missing",
            "The gradient passed as if there were no ReLU. Where a unit was off, moving its pre-activation changes "
            "nothing, so nothing may come back.",
            (lambda dH, A: dH, lambda dH, A: dH.copy()),
        ),
        Misconception(
            "gated by the gradient",
            "You let positive *gradients* through. What counts is whether the unit was on, the sign of A. A gradient "
            "may have any sign.",
            (lambda dH, A: np.maximum(dH, 0), lambda dH, A: dH * (dH > 0), lambda dH, A: dH * (A > 0) * (dH > 0)),
        ),
        Misconception(
            "slope alone",
            "That is the local slope. It still has to be multiplied by what comes from above.",
            (lambda dH, A: (A > 0).astype(dH.dtype), lambda dH, A: A > 0, lambda dH, A: np.where(A > 0, 1, 0)),
        ),
        Misconception(
            "mask in float64",
            "The mask was float64 (or int64) and widened the result. `A > 0` itself keeps the type: NumPy multiplies "
            "by it as by 1 and 0.",
            (lambda dH, A: dH * (A > 0).astype(float),),
        ),
        Misconception(
            "sign in place of slope",
            "`np.sign` is -1 below 0. ReLU is flat there: its slope is 0.",
            (lambda dH, A: dH * np.sign(A),),
        ),
        Misconception(
            "arguments exchanged",
            "You let A through where dH is above 0. It is the other way round: dH comes from above, A sets the gate.",
            (lambda dH, A: A * (dH > 0),),
        ),
        Misconception(
            "value in place of slope",
            "You multiplied by the value of ReLU (or by A). The chain rule wants its *slope*, which is 1 however "
            "large A is.",
            (lambda dH, A: dH * np.maximum(A, 0), lambda dH, A: dH * A),
        ),
        Misconception(
            "slope 1 at exactly 0",
            "At exactly 0 ReLU has no slope, and one must be chosen. Keras takes 0, and so do we: `A > 0`.",
            (lambda dH, A: dH * (A >= 0), lambda dH, A: np.where(A < 0, 0, dH)),
        ),
        Misconception(
            "changes its input",
            "You wrote zeros into dH itself. Whoever holds that array finds it changed. Make a new one.",
            (_in_place,),
        ),
        Misconception(
            "gate the wrong way round",
            "You let the gradient through where the unit was *off*.",
            (lambda dH, A: dH * (A < 0), lambda dH, A: dH * (A <= 0), lambda dH, A: np.where(A > 0, 0, dH)),
        ),
        Misconception(
            "forward in place of backward",
            "That is ReLU itself, the way forward. The way back multiplies what comes from above by the slope.",
            (lambda dH, A: np.maximum(A, 0),),
        ),
    ),
)


def _conv_cases(rng: np.random.Generator) -> list[Case]:
    def case(N: int, size: tuple, K: tuple, note: str = "") -> Case:
        shape = (N, size[0] - K[0] + 1, size[1] - K[1] + 1, K[3])
        return Case((rng.normal(size=shape), rng.normal(size=(N, *size, K[2])), rng.normal(size=K)), note)

    dY = np.array([[1.0, 0.0], [-1.0, 2.0]]).reshape(1, 2, 2, 1)
    X = np.array([[1.0, 2.0, 0.0], [0.0, 3.0, 1.0], [4.0, 0.0, 5.0]]).reshape(1, 3, 3, 1)
    K = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(2, 2, 1, 1)
    return [
        Case((dY, X, K), "one image, one channel"),
        case(3, (5, 6), (2, 3, 2, 3), "two channels in, three out"),
        case(2, (4, 4), (1, 1, 3, 2), "a 1 x 1 kernel"),
        case(2, (3, 4), (3, 4, 1, 2), "a kernel as large as the image"),
        case(2, (6, 5), (3, 3, 2, 2), "as many channels in as out"),
    ]


CONV = Exercise(
    id="4.9",
    reference=conv2d_backward,
    cases=_conv_cases,
    returns=("dX", "dK", "db"),
    points=2,
    hints=(
        "Take one weight, K[u, v]. It meets the pixels X[:, u : u + H', v : v + W'], one for each output pixel. Loop "
        "over u and v: everything else is the dense layer of section 4.5.",
        "For one (u, v) let `met` be those pixels, (N, H', W', C_in). dK[u, v] is (C_in, C_out): sum over N, H' and W' "
        "of met times dY. `np.einsum('nijc,nijd->cd', met, dY)` writes just that.",
        "dX: the same pixels get back `dY @ K[u, v].T`, and it is *added*, since a pixel meets several weights. "
        "db: the sum of dY over its first three axes.",
    ),
    why="Each weight is a dense layer between the pixels it met and the output; a pixel that met several weights "
    "collects from all of them.",
    misconceptions=(
        Misconception(
            "kernel not turned by 180 degrees",
            "dX slides over dY with the kernel as it is. Going back, the pixel at i + u met the weight u, so seen from "
            "the pixel the weights come in reverse order: turn the kernel by 180 degrees. Or do not slide at all, and "
            "add each output pixel's share back to the patch it came from.",
            (backward_passes.conv_parts(dX=backward_passes.unturned),),
        ),
        Misconception(
            "bias gradient added once a weight",
            "You added db once for each weight (u, v). The bias is used once an output pixel, however large the kernel "
            "is: sum dY once, outside the loop.",
            (backward_passes.conv_parts(db=lambda dY, X, K: dY.sum(axis=(0, 1, 2)) * K.shape[0] * K.shape[1]),),
        ),
        Misconception(
            "index below 0",
            "Python's index -1 is the last row. In dY[i - u, j - v] it means 'there is no such output pixel': leave "
            "these terms out.",
            (backward_passes.conv_parts(dX=backward_passes.wrapped),),
        ),
        Misconception(
            "= in place of +=",
            "Patches overlap: a pixel helps to make several output pixels, and gets a share of the gradient from each. "
            "You overwrote one share with the next. They add up.",
            (
                backward_passes.conv_parts(dX=backward_passes.by_weights(np.transpose)),
                backward_passes.conv_parts(dX=backward_passes.by_pixels),
            ),
        ),
        Misconception(
            "averaged over the batch again",
            "You divided by the number of images or places. The mean is in the loss already; here images and places "
            "are added up.",
            (
                backward_passes.conv_parts(db=lambda dY, X, K: dY.mean(axis=(0, 1, 2))),
                backward_passes.conv_parts(db=lambda dY, X, K: dY.sum(axis=(0, 1, 2)) / len(X)),
                backward_passes.conv_parts(dK=backward_passes.shared_dK),
                backward_passes.conv_parts(
                    dK=backward_passes.shared_dK, db=lambda dY, X, K: dY.sum(axis=(0, 1, 2)) / len(X)
                ),
                backward_passes.conv_parts(dK=backward_passes.shared_dK, db=lambda dY, X, K: dY.mean(axis=(0, 1, 2))),
            ),
        ),
        Misconception(
            "bias gradient not summed over everything",
            "Every output pixel of every image uses the same bias: db sums over N, H' and W', and only C_out numbers "
            "are left.",
            (
                backward_passes.conv_parts(db=lambda dY, X, K: dY.sum(axis=0)),
                backward_passes.conv_parts(db=lambda dY, X, K: dY.sum(axis=(1, 2))),
                backward_passes.conv_parts(db=lambda dY, X, K: dY.sum()),
                backward_passes.conv_parts(db=lambda dY, X, K: dY.sum(axis=(0, 1))),
            ),
        ),
        Misconception(
            "dK is turned by 180 degrees",
            "dK is turned by 180 degrees. Forward, the kernel slides over X as it is; for dK the gradient dY slides "
            "over X as it is, too.",
            (backward_passes.conv_parts(dK=lambda dY, X, K: conv2d_backward(dY, X, K)[1][::-1, ::-1]),),
        ),
        Misconception(
            "channels of K not exchanged",
            "On the way back C_out channels become C_in: K[u, v] must be transposed, as W in a dense layer. (As many "
            "channels in as out hides the mistake.)",
            (backward_passes.conv_parts(dX=backward_passes.by_weights(lambda weights: weights, add=True)),),
        ),
        Misconception(
            "no border around dY",
            "Your dX is smaller than X. The pixels at the edge of X get a gradient too: dY needs a border of zeros, "
            "one less than the kernel wide, before a kernel slides over it.",
            (backward_passes.conv_parts(dX=backward_passes.no_border),),
        ),
        Misconception(
            "another order",
            "The three gradients are there, in another order. The order asked for is dX, dK, db.",
            tuple(
                lambda dY, X, K, order=order: tuple(conv2d_backward(dY, X, K)[k] for k in order)
                for order in ((1, 0, 2), (1, 2, 0), (0, 2, 1))
            ),
        ),
    ),
)


def _pool_cases(rng: np.random.Generator) -> list[Case]:
    def case(shape: tuple, size: int, stride: int, note: str = "", levels: int | None = None) -> Case:
        X = rng.normal(size=shape) if levels is None else rng.integers(0, levels, size=shape).astype(float)
        N, H, W, C = shape
        dY = rng.normal(size=(N, (H - size) // stride + 1, (W - size) // stride + 1, C))
        return Case((dY, X, size, stride), note)

    X = np.array([[1.0, 3, 2, 0], [0, 1, 4, 1], [0, 0, 5, 1], [0, 0, 2, 6]]).reshape(1, 4, 4, 1)
    dY = np.array([[10.0, 20], [30, 40]]).reshape(1, 2, 2, 1)
    return [
        Case((dY, X, 2, 2), "one window is all 0"),
        case((2, 4, 6, 3), 2, 2, "two images, three channels"),
        case((2, 5, 7, 2), 2, 2, "a row and a column are left over"),
        case((1, 5, 5, 2), 3, 1, "the windows overlap"),
        case((2, 6, 6, 2), 2, 2, "many ties", levels=2),
        case((1, 7, 7, 1), 3, 2, "the windows overlap, with ties", levels=3),
    ]


POOL = Exercise(
    id="4.10",
    reference=max_pool2d_backward,
    cases=_pool_cases,
    hints=(
        "An empty dX first, the return last. Between them one loop: take an output pixel, find its window, find the "
        "winner in the window, pay.",
        "Which line makes `window`, which line uses `window`, which line uses u and v? Each must come after the one "
        "before. The three lines inside the loop are indented alike.",
        "Three lines do not belong. One forgets that windows start `stride` pixels apart, one overwrites in place of "
        "adding, one pays every pixel of the window.",
    ),
    why="The gradient goes to the pixel that was passed on; `argmax` gives the first one in reading order, and `+=` "
    "lets a pixel win more than once.",
    misconceptions=(
        Misconception(
            "= in place of +=",
            "Where windows overlap, a pixel can win in several of them, and its gradients add up. You kept only the "
            "last.",
            (backward_passes.pool(backward_passes.winner, add=False),),
        ),
        Misconception(
            "every tied pixel is paid",
            "Where pixels tie for the largest, you paid each of them, and the gradient was given out several times. A "
            "window of zeros, after a ReLU, is full of ties. One pixel a window gets it, the first in reading order.",
            (backward_passes.pool(lambda window: window == window.max()),),
        ),
        Misconception(
            "tied pixels share",
            "You divided the gradient among tied pixels. That is a possible rule: some libraries have it for the "
            "maximum over an axis. Ours, and TensorFlow's on a CPU, is: the first in reading order takes all.",
            (backward_passes.pool(lambda window: (window == window.max()) / (window == window.max()).sum()),),
        ),
        Misconception(
            "the last of the tied pixels",
            "Where pixels tie, you paid the last. `argmax` finds the first, and so does the way forward.",
            (backward_passes.pool(lambda window: backward_passes.winner(window[::-1, ::-1])[::-1, ::-1]),),
        ),
        Misconception(
            "paid twice",
            "Two lines pay. Only one of the three lines that write into dX belongs: the one that adds to the winner "
            "alone.",
            tuple(map(backward_passes.paid_by, ("=+", "+w", "=w", "w=", "=+w", "w=+"))),
        ),
        Misconception(
            "returned too early",
            "Your dX came back before the loop had paid all pixels. The last line stands outside the loop, indented as "
            "far as `for`.",
            (lambda dY, X, size=2, stride=2: np.zeros_like(X), backward_passes.first_only),
        ),
        Misconception(
            "average pooling",
            "You spread the gradient over the window. That is the way back of *average* pooling: there every pixel "
            "helped. Here only the largest one went through.",
            (
                backward_passes.pool(lambda window: np.full(window.shape, 1 / window.size)),
                backward_passes.pool(np.ones_like),
            ),
        ),
        Misconception(
            "step forgotten",
            "The windows start `stride` pixels apart: that of output pixel (i, j) begins at (i * stride, j * stride).",
            (backward_passes.pool(backward_passes.winner, step=1), backward_passes.pay_where_it_looked),
        ),
        Misconception(
            "place in the window taken for a place in the image",
            "u and v count from the corner of the window. In the image the corner comes on top of them.",
            (backward_passes.pay_in_corner,),
        ),
        Misconception(
            "pays the smallest",
            "You paid the smallest pixel of each window. The largest one was passed on.",
            (backward_passes.pool(lambda window: backward_passes.winner(-window)),),
        ),
    ),
)

EXERCISES = (NUMERIC, ERROR, LOGITS, DENSE, RELU, CONV, POOL)

PREDICTIONS = {
    "4.1a": ComesTrue(0, "dL/dw is -2: 0.01 more in w changes the loss by about -0.02."),
    "4.2a": ComesTrue(2, "Two passes for each parameter: 2 x 93,322 x 0.05 s are 9,332 s, over two and a half hours."),
    "4.3a": ComesTrue(1, "A larger step sees the curvature of the loss, a smaller one drowns in rounding."),
    "4.4a": ComesTrue(0, "P - T is 0.7, -0.8, 0.1: the true logit is pushed hardest, and against the gradient, so up."),
    "4.5a": ComesTrue(3, "dW must be (576, 10), the shape of W: (576, 64) times (64, 10), the examples summed away."),
    "4.6a": ComesTrue(1, "One of the two places lies above the kink and one below: it sees a bit more than half."),
    "4.7a": ComesTrue(2, "The wrong gradient still points roughly downhill, and the task is easy."),
    "4.8a": ComesTrue(0, "When all sizes are equal, every matrix product fits as printed, and nothing complains."),
    "4.9a": ComesTrue(2, "It lies in all four patches, under another weight each time."),
    "4.10a": ComesTrue(0, "The first in reading order. The other rules are possible; paying all four in full is not."),
    "4.11a": ComesTrue(1, "Layer 6 is right, both gradients of layer 3 are wrong: it happened on the way to 3."),
}

QUIZ = (
    Question(
        "'Backpropagation is an optimisation algorithm', the article says. What is right?",
        (
            Option(
                "It computes the gradient; an optimiser decides on the step.",
                "SGD, RMSProp and Adam took three different steps with one gradient (4.7).",
                True,
            ),
            Option(
                "True: it updates the weights.", "It has no learning rate and changes no weight. The optimiser does."
            ),
            Option("It is another word for gradient descent.", "Gradient descent needs a gradient, from wherever."),
        ),
    ),
    Question(
        "X is (64, 30), W is (30, 8). What is the shape of db, and how is it made from dA, (64, 8)?",
        (
            Option("(8,): the column sums.", "All 64 examples use the same bias: 64 uses, added.", True),
            Option("(8,): the column means.", "The mean is in the loss already, and so in dA. Twice is too often."),
            Option("(64, 8): it is dA itself.", "A gradient has the shape of what it belongs to, and b is (8,)."),
        ),
    ),
    Question(
        "A check gives a relative error of exactly 1/3 for one kernel. What do you suspect?",
        (
            Option("Rounding.", "Rounding in float64 gives 1e-10 or so."),
            Option("A factor of 2.", "|2 - 1| / (2 + 1) = 1/3: right direction, twice too long (or half).", True),
            Option("A wrong sign.", "A wrong sign gives 1: the difference is as long as both together."),
        ),
    ),
    Question(
        "In a float32 network with a step of 1e-5 the check fails for every layer. What next?",
        (
            Option(
                "Look for a bug in every layer.", "First look at the judge: in float32 this step drowns in rounding."
            ),
            Option("Take a step of 1e-10.", "Smaller steps make rounding worse: it grows with 1 / step."),
            Option("Check again in float64.", "With 16 digits and a step of 1e-5, right gradients pass at 1e-7.", True),
        ),
    ),
    Question(
        "You train a network, and its accuracy on held-out masses is good. What do you know of its gradients?",
        (
            Option("They are right.", "Without the mask the network of 4.7 learned nearly as well."),
            Option("Nearly nothing.", "A roughly right direction is enough to learn. Only a check tells.", True),
            Option(
                "They are right up to a factor.", "In 4.7 the direction was wrong too, and it learned all the same."
            ),
        ),
    ),
    Question(
        "All gradients of layers 0 to 4 are wrong, those of layer 6 (the last) are right. Where is the mistake?",
        (
            Option(
                "In layer 0: it is the first.", "Backward runs from the end. Layer 0 comes last and spoils nothing."
            ),
            Option("In the loss.", "Then layer 6 would be wrong too."),
            Option(
                "Between layer 6 and layer 4, layer 4 included.",
                "What is handed down there, or taken in by layer 4, is wrong, and all before inherit it.",
                True,
            ),
        ),
    ),
)
