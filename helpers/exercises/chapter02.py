"""Exercises, predictions and quiz of chapter 02, neurons and ReLU."""

import numpy as np

from helpers import nn
from helpers.exercises.exercise import Case, Exercise, Misconception
from helpers.exercises.registry import ComesTrue, Option, Question


def _relu_cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case((np.array([[-2.0, 0.5, 0.0], [3.0, -0.25, 1.5]]),)),
        Case((rng.normal(size=(4, 7)),)),
        Case((rng.normal(size=5),), "one row only"),
        Case((rng.normal(size=(3, 2, 4)),), "three axes, as images have"),
        Case((-rng.uniform(1, 2, size=(2, 3)),), "all negative"),
        Case((1000 * rng.normal(size=(2, 4)),), "large values"),
        Case((rng.normal(size=(3, 5)).astype(np.float32),), "float32"),
    ]


def _relu_in_place(A):
    A[A < 0] = 0
    return A


RELU = Exercise(
    id="2.3",
    reference=nn.relu,
    cases=_relu_cases,
    keeps_dtype=True,
    hints=(
        "Each entry is treated alone: where it is negative the result is 0, else it is the entry itself.",
        "You need no loop. NumPy has a function that takes the larger of two values, entry by entry; one may be a "
        "number.",
        "`np.max` looks for the largest value in one array. `np.maximum` compares two.",
    ),
    why="`np.maximum` compares entry by entry, makes a new array and keeps the dtype.",
    misconceptions=(
        Misconception(
            "np.max along an axis",
            "`np.max` looks for the largest value *along an axis*, and that axis is gone. (In `np.max(A, 0)` the 0 is "
            "the axis.) ReLU compares every entry with the number 0.",
            (lambda A: np.max(A, 0), lambda A: np.max(A, axis=-1), lambda A: np.max(A), lambda A: np.max(A, axis=1)),
        ),
        Misconception(
            "changes its input",
            "Writing zeros into `A` changes the caller's array too: whoever still needs the pre-activations, a plot "
            "or another layer, finds them gone. Make a new array.",
            (_relu_in_place,),
        ),
        Misconception(
            "the slope in place of the value",
            "`A > 0` says *where* ReLU lets something through: that is its slope, 1 or 0. Its value is `A` itself "
            "there.",
            (lambda A: A > 0, lambda A: (A > 0).astype(A.dtype), lambda A: np.where(A > 0, 1, 0), lambda A: A >= 0),
        ),
        Misconception(
            "absolute value",
            "Negative entries came out positive. ReLU sets them to 0: a neuron that says no does not shout.",
            (np.abs,),
        ),
        Misconception(
            "keeps the negative part",
            "The signs are the wrong way round: you kept the negative entries and set the positive ones to 0.",
            (lambda A: np.minimum(A, 0),),
        ),
        Misconception(
            "nothing done",
            "The negative entries came out as they went in. They must become 0.",
            (
                lambda A: A,
                lambda A: A.copy(),
                lambda A: A + 0,
            ),
        ),
        Misconception(
            "leaky",
            "The negative entries are smaller now, but not 0. That is a leaky ReLU (section 2.3 has one to look at); "
            "ReLU itself lets nothing through below 0.",
            (
                lambda A: np.where(A > 0, A, 0.1 * A),
                lambda A: np.where(A > 0, A, 0.01 * A),
                lambda A: np.maximum(A, 0.2 * A),
            ),
        ),
        Misconception(
            "rounded to integers",
            "The result was rounded. `np.vectorize` takes its type from the first result, and a plain 0 is an integer "
            "(so is an array made with dtype=int). Keep the dtype of A.",
            (
                np.vectorize(lambda a: a if a > 0 else 0),
                lambda A: np.maximum(A, 0).astype(int),
            ),
        ),
    ),
)


def _dense_cases(rng: np.random.Generator) -> list[Case]:
    def case(N: int, D: int, M: int, note: str = "") -> Case:
        return Case((rng.normal(size=(N, D)), rng.normal(size=(D, M)), rng.normal(size=M)), note)

    X = np.array([[1.0, 2.0, 0.0], [0.0, -1.0, 3.0]])
    W = np.array([[1.0, -1.0], [0.5, 2.0], [0.0, -2.0]])
    return [
        Case((X, W, np.array([10.0, -5.0]))),
        case(4, 3, 5),
        case(3, 3, 3, "as many examples as features as units"),
        case(1, 4, 2, "a batch of one"),
        case(5, 2, 1, "one unit"),
    ]


DENSE = Exercise(
    id="2.4",
    reference=nn.dense_forward,
    cases=_dense_cases,
    hints=(
        "Write the shapes down: X is (N, D), W is (D, M), the result is (N, M). Which product joins them over D?",
        "`X @ W` does all N x M weighted sums at once. Then every row gets the same M biases.",
        "b has shape (M,). NumPy adds it to every row of an (N, M) array by itself: broadcasting starts at the last "
        "axis.",
    ),
    why="The D of X meets the D of W and is summed away; b is broadcast over the N rows.",
    misconceptions=(
        Misconception(
            "bias forgotten",
            "The weighted sums are right, the bias is missing: without b every decision line goes through the origin.",
            (lambda X, W, b: X @ W,),
        ),
        Misconception(
            "column form",
            "W stands before X: the order of textbooks that write an example as a column, as the article does in "
            "section 4. Here an example is a *row*, and X comes first. The other order runs for some shapes by "
            "chance, and is wrong there too.",
            (lambda X, W, b: W @ X + b, lambda X, W, b: W.T @ X + b),
        ),
        Misconception(
            "W transposed",
            "W is (D, M) here: one unit a column, as Keras has it. (PyTorch stores the transpose; then `X @ W.T` is "
            "right.)",
            (lambda X, W, b: X @ W.T + b,),
        ),
        Misconception(
            "one bias an example",
            "b went down the rows. A bias belongs to a *unit*, a column of the result, and is the same for all "
            "examples.",
            (lambda X, W, b: X @ W + b[:, None], lambda X, W, b: X @ W + b.reshape(-1, 1)),
        ),
        Misconception(
            "ReLU added",
            "You applied ReLU as well. A dense layer is X W + b; the activation is a step of its own, and the last "
            "layer has none (section 2.7 shows what a ReLU there destroys).",
            (lambda X, W, b: np.maximum(X @ W + b, 0),),
        ),
        Misconception(
            "transposed result",
            "Your result has units as rows and examples as columns. In the row convention the N examples stay rows.",
            (
                lambda X, W, b: (X @ W + b).T,
                lambda X, W, b: W.T @ X.T + b[:, None],
                lambda X, W, b: (X @ W).T + b,
            ),
        ),
        Misconception(
            "entry by entry",
            "`*` multiplies entry by entry. A neuron needs the *sum* of inputs times weights, for every row with "
            "every column: a matrix product.",
            (
                lambda X, W, b: X * W + b,
                lambda X, W, b: (X * W).sum(axis=1) + b,
            ),
        ),
        Misconception(
            "bias among the weights",
            "The bias was added to the weights, so it gets multiplied by the inputs. It is added *after* the product, "
            "whatever the inputs are.",
            (lambda X, W, b: X @ (W + b),),
        ),
    ),
)


def _dead_cases(rng: np.random.Generator) -> list[Case]:
    X = np.array([[1.0, 0.0], [2.0, 1.0], [0.0, 3.0]])
    W = np.array([[1.0, -1.0, 1.0, 0.0], [0.0, -1.0, -1.0, 0.0]])
    b = np.array([-0.5, 0.0, -2.5, 0.0])
    wide = rng.normal(size=(6, 3)), rng.normal(size=(3, 40)), rng.normal(-2, 1, size=40)
    few = rng.normal(size=(30, 4)), rng.normal(size=(4, 7)), np.array([-50.0, -50, -50, 0, 1, -1, 50])
    alive = rng.uniform(0.1, 1, size=(5, 3)), rng.uniform(0.1, 1, size=(3, 6)), np.array([1.0, -0.01, 1, 1, 1, 1])
    return [
        Case((X, W, b), "the last unit gives exactly 0 for every row"),
        Case(wide, "40 units, 6 examples"),
        Case(few, "7 units, 30 examples"),
        Case(alive, "every unit is on for every example"),
    ]


def _A(X, W, b):
    return X @ W + b


DEAD = Exercise(
    id="2.6",
    reference=nn.count_dead_units,
    cases=_dead_cases,
    hints=(
        "Dead means: 0 after ReLU for *every* row of X. So first compute the (N, M) pre-activations.",
        "Ask of each entry whether it is at most 0, then of each column (axis 0) whether that holds for all rows.",
        "`(A <= 0).all(axis=0)` is M answers, True or False. Their sum is the number of True.",
    ),
    why="A column of A is one unit over all examples; it is dead when not one entry is above 0.",
    misconceptions=(
        Misconception(
            "off once is not dead",
            "You counted units that are off for *some* example. Being off now and then is what ReLU is for; a dead "
            "unit is off for all.",
            (lambda X, W, b: (_A(X, W, b) <= 0).any(axis=0).sum(),),
        ),
        Misconception(
            "examples in place of units",
            "You counted examples for which no unit fires. Rows are examples, columns are units: go down the rows, "
            "axis 0.",
            (lambda X, W, b: (_A(X, W, b) <= 0).all(axis=1).sum(),),
        ),
        Misconception(
            "zeros in place of units",
            "You counted zeros in the table of outputs, N x M of them at most. There are only M units: ask one "
            "question a column.",
            (lambda X, W, b: (_A(X, W, b) <= 0).sum(), lambda X, W, b: (np.maximum(_A(X, W, b), 0) == 0).sum()),
        ),
        Misconception(
            "looks at the bias alone",
            "A negative bias makes a unit harder to wake, not dead: X W may still lift it above 0. Look at X W + b.",
            (lambda X, W, b: (b < 0).sum(), lambda X, W, b: (b <= 0).sum()),
        ),
        Misconception(
            "mean below zero",
            "A unit whose *average* pre-activation is below 0 can still fire for a few examples, and then it learns "
            "from them.",
            (
                lambda X, W, b: (_A(X, W, b).mean(axis=0) <= 0).sum(),
                lambda X, W, b: (_A(X, W, b).sum(axis=0) < 0).sum(),
                lambda X, W, b: (_A(X, W, b).mean(axis=0) < 0).sum(),
            ),
        ),
        Misconception(
            "exactly 0 counted as alive",
            "One unit has the pre-activation 0 everywhere. Its output is 0, and libraries take its slope as 0 too: no "
            "gradient gets through, so it is dead. Use `<=`.",
            (lambda X, W, b: (_A(X, W, b) < 0).all(axis=0).sum(),),
        ),
        Misconception(
            "counts the living",
            "You counted the units that fire at least once. The others were asked for.",
            (lambda X, W, b: (_A(X, W, b) > 0).any(axis=0).sum(),),
        ),
        Misconception(
            "one answer a unit",
            "You have one True or False for each unit. How many of them are True?",
            (
                lambda X, W, b: (_A(X, W, b) <= 0).all(axis=0),
                lambda X, W, b: (nn.relu(_A(X, W, b)) == 0).all(axis=0),
            ),
        ),
        Misconception(
            "bias forgotten",
            "You looked at X W. A unit sees X W + b, and here it is mostly the bias that kills.",
            (lambda X, W, b: int((X @ W <= 0).all(axis=0).sum()),),
        ),
        Misconception(
            "share in place of number",
            "That is the share of dead units. Their number was asked for, an integer.",
            (lambda X, W, b: (_A(X, W, b) <= 0).all(axis=0).mean(),),
        ),
    ),
)


def _softmax_cases(rng: np.random.Generator) -> list[Case]:
    far = rng.normal(size=(3, 4)) + np.array([[0.0], [-1000.0], [5.0]])
    return [
        Case((np.array([[1.0, 2.0, 0.0], [3.0, 3.0, 5.0]]),)),
        Case((rng.normal(0, 3, size=(2, 6)),), "more classes than rows"),
        Case((rng.normal(0, 3, size=(7, 3)),), "more rows than classes"),
        Case((np.array([[1000.0, 1001.0], [0.0, 2.0]]),), "logits near 1000"),
        Case((far,), "rows 1000 apart"),
        Case((np.array([[1000.0, -1000.0], [0.0, 2.0]]),), "logits 2000 apart in one row"),
    ]


def _exp_rows(Z):
    return np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)


def _batch_max(Z):
    E = np.exp(Z - Z.max())
    return E / E.sum(axis=1, keepdims=True)


def _E(Z):
    return np.exp(Z - Z.max(axis=1, keepdims=True))


def _shifted(by):
    """Softmax after subtracting `by(Z)`."""

    def wrong(Z):
        E = np.exp(Z - by(Z))
        return E / E.sum(axis=1, keepdims=True)

    return wrong


def _columns(Z):
    E = np.exp(Z - Z.max(axis=0, keepdims=True))
    return E / E.sum(axis=0, keepdims=True)


SOFTMAX = Exercise(
    id="2.7",
    reference=nn.softmax,
    cases=_softmax_cases,
    hints=(
        "Three steps: make everything positive with exp, add up each row, divide each row by its own sum.",
        "`sum(axis=1, keepdims=True)` gives an (N, 1) column, which divides an (N, C) array row by row.",
        "For large logits subtract each row's own maximum first: `Z - Z.max(axis=1, keepdims=True)`. The result is "
        "the same, because exp(z - m) = exp(z) / exp(m) and the factor cancels.",
    ),
    why="Each row's maximum becomes exp(0) = 1, so nothing overflows and no sum is 0.",
    misconceptions=(
        Misconception(
            "the whole batch sums to 1",
            "You divided by the sum over *all* rows. Each row is one patient and must sum to 1 by itself: sum over "
            "axis 1 and keep the dimension.",
            (
                lambda Z: np.exp(Z) / np.exp(Z).sum(),
                lambda Z: np.exp(Z - Z.max()) / np.exp(Z - Z.max()).sum(),
                lambda Z: _E(Z) / _E(Z).sum(),
            ),
        ),
        Misconception(
            "columns sum to 1",
            "The *columns* of your result sum to 1. Axis 0 runs over the examples; the classes are axis 1.",
            (_columns, lambda Z: np.exp(Z) / np.exp(Z).sum(axis=0), lambda Z: np.exp(Z) / sum(np.exp(Z))),
        ),
        Misconception(
            "overflow",
            "exp(1000) is too large for float64: it becomes infinity, and infinity / infinity is nan. Subtracting a "
            "number from a whole row changes nothing in the result, so subtract the row's maximum first.",
            (_exp_rows,),
        ),
        Misconception(
            "one maximum for the batch",
            "You subtracted the maximum of the whole batch. A row 1000 below it becomes exp(-1000) = 0 everywhere, "
            "and 0 / 0 is nan. Each row needs its *own* maximum.",
            (_batch_max,),
        ),
        Misconception(
            "division without exp",
            "You divided the logits by their sum. That is negative or above 1 as soon as the signs differ. exp comes "
            "first: it makes every number positive.",
            (lambda Z: Z / Z.sum(axis=1, keepdims=True),),
        ),
        Misconception(
            "sigmoid",
            "That is the sigmoid of each logit by itself: the row does not sum to 1. Softmax compares the logits of a "
            "row.",
            (nn.ACTIVATIONS["sigmoid"].value, lambda Z: 1 / (1 + np.exp(-Z))),
        ),
        Misconception(
            "shifted by something else",
            "You subtracted a constant from each row, and on paper any constant will do. In float64 only the "
            "*maximum* is safe: then the largest term is exp(0) = 1. With the mean, the minimum or the columns' "
            "maximum a large one is left.",
            (
                _shifted(lambda Z: Z.mean(axis=1, keepdims=True)),
                _shifted(lambda Z: Z.min(axis=1, keepdims=True)),
                _shifted(lambda Z: Z.max(axis=0)),
            ),
        ),
        Misconception(
            "shifted in one place only",
            "The maximum was subtracted above the fraction bar and not below (or after exp). It cancels only if both "
            "have it, inside exp.",
            (
                lambda Z: _E(Z) / np.exp(Z).sum(axis=1, keepdims=True),
                lambda Z: np.exp(Z) / _E(Z).sum(axis=1, keepdims=True),
                lambda Z: np.exp(Z) - Z.max(axis=1, keepdims=True),
            ),
        ),
        Misconception(
            "not divided",
            "The numbers are positive, but the rows do not sum to 1: divide each row by its own sum.",
            (
                _E,
                np.exp,
            ),
        ),
    ),
)


def _entropy_cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case((np.array([[2.0, 0.0, 1.0], [0.5, -1.0, 0.0]]), np.array([0, 2]))),
        Case((rng.normal(0, 2, size=(6, 4)), np.array([3, 0, 1, 1, 2, 3]))),
        Case((rng.normal(0, 2, size=(3, 5)), np.array([4, 0, 2])), "more classes than rows"),
        Case((np.array([[1000.0, -1000.0, 0.0], [0.0, 1.0, 2.0]]), np.array([1, 2])), "sure and wrong: logits of 1000"),
        Case((np.array([[30.0, -30.0], [-25.0, 25.0]]), np.array([0, 1])), "sure and right"),
        Case((np.array([[1000.0, 0.0], [0.0, 999.0]]), np.array([0, 1])), "sure and right: logits of 1000"),
        Case((np.array([[-1000.0, -1001.0], [0.0, 1.0]]), np.array([1, 1])), "two rows 1000 apart"),
    ]


def _picked(P, y):
    return P[np.arange(len(y)), y]


def _twice(Z, y):
    return nn.cross_entropy(nn.softmax(Z), y)


def _with_eps(eps: float):
    return lambda Z, y: -np.log(_picked(nn.softmax(Z), y) + eps).mean()


def _with_clip(eps: float):
    return lambda Z, y: -np.log(np.clip(_picked(nn.softmax(Z), y), eps, 1)).mean()


_EPS = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16, 1e-20, 1e-300)

CROSS_ENTROPY = Exercise(
    id="2.8",
    reference=nn.cross_entropy,
    cases=_entropy_cases,
    points=2,
    hints=(
        "For row i only one number counts: the log-probability of its true class y[i]. Average those N numbers, "
        "change the sign.",
        "`P[np.arange(len(y)), y]` takes one entry a row: row 0 column y[0], row 1 column y[1], ...",
        "Do not take the log of a probability that may have become 0. log softmax is z - m - log(sum(exp(z - m))), "
        "with m the row's maximum: compute that in place of P.",
    ),
    why="log softmax comes straight from the logits (log-sum-exp), so no log sees a 0; `[rows, y]` picks one a row.",
    misconceptions=(
        Misconception(
            "softmax taken twice",
            "The loss never gets near 0, even where the right class has probability 1: softmax was taken twice. "
            "`cross_entropy` gets logits; decide in one place who does the softmax.",
            (_twice,),
        ),
        Misconception(
            "no softmax",
            "You used the raw logits of the true class. They are no probabilities: they may be 0 or negative, and "
            "their log is then infinite or nan. Make log-probabilities of them first.",
            (
                lambda Z, y: -np.log(_picked(Z, y)).mean(),
                lambda Z, y: -_picked(Z, y).mean(),
            ),
        ),
        Misconception(
            "every row against every label",
            "`P[:, y]` is an N x N table: every row with every label. You want one entry a row: row i, column y[i].",
            (
                lambda Z, y: -np.log(nn.softmax(Z)[:, y]).mean(),
                lambda Z, y: -nn.log_softmax(Z)[:, y].mean(),
            ),
        ),
        Misconception(
            "a small number added, or p clipped",
            "That hides infinity: however wrong the network is, the loss stops growing, and where it is most wrong it "
            "no longer learns. Here it should be about 1000. Compute log-softmax from the logits.",
            (*map(_with_eps, _EPS), *map(_with_clip, _EPS)),
        ),
        Misconception(
            "log of a probability that is 0",
            "The softmax of a class 2000 below the best is 0 in float64, and log(0) is minus infinity: the loss "
            "became infinite. Its true value is finite. Compute log-softmax from the logits and never form the 0.",
            (lambda Z, y: -np.log(_picked(nn.softmax(Z), y)).mean(),),
        ),
        Misconception(
            "sum in place of mean",
            "You added the losses of the rows. With the *mean* a batch of 200 and a batch of 20 can be compared.",
            (lambda Z, y: -_picked(nn.log_softmax(Z), y).sum(),),
        ),
        Misconception(
            "sign forgotten",
            "A log-probability is never above 0. The loss is its negative: 0 is perfect, larger is worse.",
            (lambda Z, y: _picked(nn.log_softmax(Z), y).mean(),),
        ),
        Misconception(
            "averaged over all classes",
            "You averaged over all N x C entries. Only one entry a row counts, that of its true class, and there are "
            "N rows.",
            (
                lambda Z, y: -(np.eye(Z.shape[1])[y] * nn.log_softmax(Z)).mean(),
                lambda Z, y: -nn.log_softmax(Z).mean(),
            ),
        ),
        Misconception(
            "one loss a row",
            "These are the N losses, one a row. One number was asked for: their mean.",
            (lambda Z, y: -_picked(nn.log_softmax(Z), y),),
        ),
        Misconception(
            "overflow",
            "exp(1000) is infinite, and exp(-1000) is 0, before any log is taken. Subtract each row's own maximum "
            "from Z first: log-softmax stays the same, and nothing overflows.",
            (
                lambda Z, y: -np.log(_picked(_exp_rows(Z), y)).mean(),
                lambda Z, y: (np.log(np.exp(Z).sum(axis=1)) - _picked(Z, y)).mean(),
            ),
        ),
        Misconception(
            "one maximum for the batch",
            "You subtracted the maximum of the whole batch. A row far below it becomes exp(-1000) = 0 everywhere. "
            "Each row needs its *own* maximum.",
            (
                lambda Z, y: (np.log(np.exp(Z - Z.max()).sum(axis=1)) - _picked(Z - Z.max(), y)).mean(),
                lambda Z, y: -np.log(_picked(_batch_max(Z), y)).mean(),
            ),
        ),
        Misconception(
            "maximum subtracted in one place only",
            "The maximum was subtracted inside the sum, but not from the logit in front of it. Subtract it from Z "
            "once, at the start, and use the result in both places.",
            (
                lambda Z, y: -(_picked(Z, y) - np.log(_E(Z).sum(axis=1))).mean(),
                lambda Z, y: -(_picked(Z - Z.max(axis=1, keepdims=True), y) - np.log(np.exp(Z).sum(axis=1))).mean(),
            ),
        ),
        Misconception(
            "rows picked by label",
            "`P[y]` picks whole *rows*, by the label. You want from row i the entry in column y[i]: two index arrays, "
            "one for the rows and one for the columns.",
            (
                lambda Z, y: -nn.log_softmax(Z)[y].mean(),
                lambda Z, y: -np.log(nn.softmax(Z)[y]).mean(),
            ),
        ),
    ),
)

EXERCISES = (RELU, DENSE, DEAD, SOFTMAX, CROSS_ENTROPY)

PREDICTIONS = {
    "2.1a": ComesTrue(1, "With b = -1.5 the radius must be above 1.5 before a is above 0."),
    "2.3a": ComesTrue(2, "Below 0 ReLU is flat: its output is 0 before and after."),
    "2.5a": ComesTrue(0, "The product of two weight matrices is a weight matrix: one layer does the same."),
    "2.6a": ComesTrue(2, "Some units have weights large enough to lift a few masses above 0 in spite of the bias."),
    "2.7a": ComesTrue(3, "exp(1000) is infinity in float64, and infinity divided by infinity is nan."),
    "2.8a": ComesTrue(1, "Every row costs -log(1/2), whatever its label is."),
    "2.9a": ComesTrue(1, "Both logarithms exist only where the raw output lies between 0 and 1."),
}

QUIZ = (
    Question(
        "The bias of a neuron goes from 0 to -2, its weights stay. What happens to its decision line?",
        (
            Option("It turns.", "Only the weights turn the line. The bias moves it without turning."),
            Option(
                "It shifts, parallel to itself.", "The ratio of the weights gives its direction, and they stayed.", True
            ),
            Option(
                "Nothing, the bias is a detail.",
                "Try it in section 2.1: with w1 = 1 and a bias of -5 the neuron never fires.",
            ),
        ),
    ),
    Question(
        "A ReLU unit of the first layer is dead on all training data. You go on with plain gradient steps. What can "
        "wake it?",
        (
            Option(
                "More passes over the same data.",
                "Its slope is 0 on every row, and its inputs never change: every step moves its weights by exactly 0.",
            ),
            Option(
                "A larger learning rate.",
                "A large step times a gradient of 0 is 0. Too large a step is often what killed it.",
            ),
            Option(
                "Other data, or a leaky slope.",
                "An example that lifts its pre-activation above 0, or a slope that is not 0 below. (A unit of a later "
                "layer may wake when the layers before it change.)",
                True,
            ),
        ),
    ),
    Question(
        "You add 100 to every logit of one patient. What happens to the softmax of that row?",
        (
            Option("All probabilities get closer to 1.", "They must sum to 1: they cannot all grow."),
            Option("Nothing.", "exp(100) is a factor above and below the fraction, and cancels.", True),
            Option(
                "The largest class wins more clearly.", "That takes a *factor*, not a sum: softmax(2 Z) is sharper."
            ),
        ),
    ),
    Question(
        "Three classes. After an hour of training the mean cross-entropy is 1.10. What do you make of it?",
        (
            Option(
                "It is no better than saying 1/3 to everything.", "log 3 = 1.0986. Hold every loss against log C.", True
            ),
            Option(
                "Good: 1.10 is a small number.", "Small against what? Saying 1/3 to everything costs log 3 = 1.0986."
            ),
            Option(
                "One case in 1.10 is wrong.",
                "A loss is no count. It is the mean of -log(probability of the true class).",
            ),
        ),
    ),
    Question(
        "Why has the last layer no ReLU in front of the softmax?",
        (
            Option(
                "ReLU would make negative logits equal and their slopes 0.",
                "Two classes with logits -1 and -9 would both become 0: the order is lost and nothing is learned "
                "there.",
                True,
            ),
            Option(
                "Softmax cannot handle zeros.",
                "It can: exp(0) = 1. What is lost is the difference between the classes.",
            ),
            Option("ReLU is too slow.", "It is about the cheapest function there is."),
        ),
    ),
    Question(
        "'ReLU prevents vanishing gradients', the article says. Which statement is right?",
        (
            Option(
                "True: its slope is 1.",
                "Its slope is 0 on the other half, and small weights shrink gradients in any case (2.6).",
            ),
            Option(
                "It does not saturate for a > 0; the rest depends on the weights and on dead units.",
                "That is why initialisation has a section of its own in chapter 05.",
                True,
            ),
            Option(
                "False: it makes them vanish more than sigmoid does.",
                "Sigmoid's slope is at most 1/4 everywhere: ten layers cost a factor of a million.",
            ),
        ),
    ),
)
