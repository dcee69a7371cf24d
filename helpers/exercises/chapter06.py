"""Exercises, predictions and quiz of chapter 06, a CNN in Keras."""

import difflib
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.exercises.exercise import Case, Exercise, Misconception
from helpers.exercises.registry import ComesTrue, Option, Question

# 6.2 ------------------------------------------------------------------------------------------------------------------


def one_hot(y: np.ndarray, C: int) -> np.ndarray:
    """Labels as rows: a 1 in the column of the class, 0 elsewhere.

    y (N,) integers from 0 to C - 1 -> T (N, C)
    """
    return np.eye(C)[y]


def _one_hot_cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case((np.array([2, 0, 2]), 4), "class 3 does not occur"),
        Case((rng.permutation(np.array([0, 1, 2, 3, 4, 1, 3])), 5)),
        Case((rng.integers(1, 8, size=12), 10), "ten classes, not all of them occur"),
        Case((rng.permutation(6), 6), "as many examples as classes"),
        Case((rng.permutation(np.array([9, 1, 4, 4], dtype=np.uint8)), 10), "labels of type uint8, as files have them"),
    ]


def _into_zeros(write: Callable) -> Callable:
    """A wrong answer that writes into zeros (N, C)."""

    def wrong(y, C):
        T = np.zeros((len(y), C))
        write(T, y)
        return T

    return wrong


def _whole_columns(T, y):
    T[:, y] = 1


def _whole_rows(T, y):
    T[y] = 1


def _the_label(T, y):
    T[np.arange(len(y)), y] = y


ONE_HOT = Exercise(
    id="6.2",
    reference=one_hot,
    cases=_one_hot_cases,
    hints=(
        "Begin with zeros of shape (N, C). In row i exactly one entry becomes 1: which column?",
        "Two index arrays of the same length pick one entry a row, as in chapter 02: `T[np.arange(N), y]`.",
        "Shorter: row k of the identity matrix `np.eye(C)` is the row for class k. Pick rows with `y`.",
    ),
    why="Row k of the identity matrix has its 1 in column k; indexing with y picks one such row for each example.",
    misconceptions=(
        Misconception(
            "whole columns",
            "A colon in front of `y` means *every row*: each row got a 1 for every label of the batch. Each example "
            "has one class: two index arrays, one for the rows and one for the columns, go together.",
            (_into_zeros(_whole_columns),),
        ),
        Misconception(
            "rows picked by label",
            "The labels were used as *row* numbers. Rows are examples; the label says which column of its row gets "
            "the 1.",
            (_into_zeros(_whole_rows),),
        ),
        Misconception(
            "as many columns as labels that occur",
            "The number of columns came from the labels in this batch. A batch without the last class would get a "
            "narrower table than the network's output. The caller says how many classes there are: `C`.",
            (
                lambda y, C: np.eye(y.max() + 1)[y],
                lambda y, C: np.eye(len(np.unique(y)))[np.unique(y, return_inverse=True)[1]],
                lambda y, C: (y[:, None] == np.unique(y)).astype(float),
            ),
        ),
        Misconception(
            "always ten columns",
            "There are ten columns whatever the call says. The caller says how many classes there are: `C`.",
            (lambda y, C: np.eye(10)[y],),
        ),
        Misconception(
            "counted from 1",
            "The 1 stands one column off. Classes are counted from 0, as columns are: class 0 is column 0.",
            (lambda y, C: np.eye(C)[y - 1], lambda y, C: np.eye(C + 1)[y + 1], lambda y, C: np.eye(C + 1)[y][:, 1:]),
        ),
        Misconception(
            "transposed",
            "Your rows are classes and your columns examples. Examples are rows, in the labels too: T is (N, C), the "
            "shape of the network's output.",
            (lambda y, C: np.eye(C)[y].T, lambda y, C: np.eye(C)[:, y]),
        ),
        Misconception(
            "the label in place of 1",
            "In the right column stands the label itself. It must be 1: the probability that this example is of "
            "that class. (And class 0 would get a row of zeros.)",
            (_into_zeros(_the_label), lambda y, C: np.eye(C)[y] * y[:, None], lambda y, C: np.eye(C)[y] * np.arange(C)),
        ),
        Misconception(
            "a column of labels",
            "The labels now stand in a column, one number an example. One-hot needs C numbers an example.",
            (lambda y, C: y[:, None], lambda y, C: y.reshape(-1, 1)),
        ),
    ),
)

# 6.3 ------------------------------------------------------------------------------------------------------------------

_CLASSES = 10
_SPARSE = ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy")
_ONE_HOT = ("categorical_crossentropy", "CategoricalCrossentropy")


def repair_listing(y: np.ndarray) -> tuple[Any, np.ndarray]:
    """A loss for `compile` and labels for `fit` that fit each other and the listing's ten softmax outputs.

    y (N,) integers from 0 to 9 -> (loss, labels): the loss as Keras takes it, the labels (N,) or (N, 10)
    """
    return "sparse_categorical_crossentropy", y


def _repair_cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case((np.array([5, 0, 4]),), "a batch without a 9"),
        Case((rng.permutation(np.arange(10).repeat(2)),)),
        Case((rng.integers(0, 10, size=16).astype(np.uint8),), "labels of type uint8, as files have them"),
    ]


def _pair(value: Any) -> tuple[Any, np.ndarray] | None:
    """(loss, labels) where the value is such a pair; else None."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        return None
    loss, labels = value
    if not (isinstance(loss, str) or callable(loss)) or isinstance(labels, str) or callable(labels):
        return None
    return loss, np.asarray(labels)


def _style(loss: Any) -> str:
    """What kind of labels a loss wants: "sparse", "one-hot" or "other"; Keras objects and functions by their name."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    return "sparse" if name in _SPARSE else "one-hot" if name in _ONE_HOT else "other"


def _are(labels: np.ndarray, T: np.ndarray) -> bool:
    return labels.shape == T.shape and labels.dtype.kind in "biuf" and bool((labels == T).all())


def _verify_repair(case: Case, value: Any) -> str | None:
    (y,) = case.args
    if value is None:
        return "Your function gave back None; a loss and labels were expected. Is the `return` missing?"
    pair = _pair(value)
    if pair is None:
        return "Two things were expected: first the loss, as `compile` takes it, then the labels, as `fit` takes them."
    loss, labels = pair
    if isinstance(loss, type):
        return f"`{loss.__name__}` is the class. The loss is what comes out when you call it: put brackets behind it."
    style, T = _style(loss), np.eye(_CLASSES)[y]
    if style == "other":
        return f"The loss is {loss!r}. A repair keeps the cross-entropy over ten classes, in one of its two forms."
    fits = _are(labels, T) if style == "one-hot" else _are(labels, y) or _are(labels, y[:, None])
    if not fits:
        due = (T.shape,) if style == "one-hot" else (y.shape, (len(y), 1))
        wanted = f"({len(y)}, {_CLASSES}), one-hot" if style == "one-hot" else f"({len(y)},), the classes themselves"
        same = " of this shape, but with other values" if labels.shape in due else ""
        return f"This loss wants labels of shape {wanted}; labels {labels.shape}{same} came."
    if isinstance(value[1], list | tuple):
        return "The labels are right, but `fit` stops at lists. Return an array: `np.array(...)`."
    return None if isinstance(loss, str) else _measured(loss, labels, y)


def _measured(loss: Callable, labels: np.ndarray, y: np.ndarray) -> str | None:
    """Hold a loss object against the cross-entropy of some probabilities."""
    P = np.random.default_rng(6).dirichlet(np.full(_CLASSES, 2.0), size=len(y)).astype("float32")
    due = -np.log(P[np.arange(len(y)), y]).mean()
    try:
        came = float(np.mean(np.asarray(loss(labels, P))))
    except Exception as error:  # whatever Keras says about it is the learner's to know
        return f"Keras stopped when it computed this loss: {str(error)[:200]}"
    if abs(came - due) <= 1e-4 * due:
        return None
    told = "For probabilities as the listing's last layer gives them "
    told += f"this loss is {came:.4f}; their cross-entropy is {due:.4f}."
    if getattr(loss, "from_logits", False):
        told += " `from_logits=True` says that the outputs are logits; the listing's are probabilities. (On TensorFlow "
        told += "Keras notices the softmax, ignores the setting and warns. Do not rely on it: leave it out.)"
    return told


def _says(style: str, fits: Callable[[np.ndarray, np.ndarray], bool]) -> Callable[[Case, Any], bool]:
    """The sign of a pair with a loss of this style and labels that `fits(labels, y)`."""

    def sign(case: Case, value: Any) -> bool:
        pair = _pair(value)
        return pair is not None and _style(pair[0]) == style and fits(pair[1], case.args[0])

    return sign


def _misspelt(case: Case, value: Any) -> bool:
    """Nearly the name of one of the two losses (and not the focal ones, which exist)."""
    pair = _pair(value)
    if pair is None or not isinstance(pair[0], str) or _style(pair[0]) != "other" or "ocal" in pair[0]:
        return False
    return bool(difflib.get_close_matches(pair[0], _SPARSE + _ONE_HOT, n=1, cutoff=0.88))


def _too_narrow(labels: np.ndarray, y: np.ndarray) -> bool:
    return labels.ndim == 2 and 1 < labels.shape[1] != _CLASSES and len(labels) == len(y)


REPAIR = Exercise(
    id="6.3",
    reference=repair_listing,
    cases=_repair_cases,
    verify=_verify_repair,
    hints=(
        "Read the error message once more: the target has one axis, the output two. Change *one* of the two sides.",
        "Either make the labels as wide as the output (you wrote the function for that in 6.2) and keep the loss, or "
        "keep the labels and take the loss that wants one integer an example.",
        "In Keras the losses are called `categorical_crossentropy` (rows) and `sparse_categorical_crossentropy` "
        "(integers). Return one of them, in quotes, and the labels that belong to it.",
    ),
    why="The sparse form picks the entry in column y[i] of row i, as `cross_entropy` of chapter 02 does. Keeping "
    "`categorical_crossentropy` with `one_hot(y, 10)` gives the same number.",
    misconceptions=(
        Misconception(
            "as printed",
            "That is the listing as it stands: rows expected, integers given. `fit` stops with the message of "
            "section 6.1.",
            (lambda y: ("categorical_crossentropy", y), lambda y: ("categorical_crossentropy", y.astype(float))),
            sign=_says("one-hot", lambda labels, y: labels.ndim == 1),
        ),
        Misconception(
            "both sides changed",
            "You changed both sides, and they do not meet again: the sparse loss wants integers, and now the labels "
            "are rows. One change is enough.",
            (lambda y: ("sparse_categorical_crossentropy", np.eye(10)[y]),),
            sign=_says("sparse", lambda labels, y: labels.ndim == 2 and labels.shape[1] > 1),
        ),
        Misconception(
            "a column of labels",
            "The labels stand in a column now, so the *rank* fits: two axes. The shape does not: one column against "
            "ten. Keras stops here too.",
            (lambda y: ("categorical_crossentropy", y[:, None]),),
            sign=_says("one-hot", lambda labels, y: labels.shape == (len(y), 1)),
        ),
        Misconception(
            "as many columns as labels that occur",
            "The columns were counted from the labels of this batch, which has no 9. The network has ten outputs "
            "whatever the batch holds.",
            (
                lambda y: ("categorical_crossentropy", np.eye(y.max() + 1)[y]),
                lambda y: ("categorical_crossentropy", np.eye(len(np.unique(y)))[np.unique(y, return_inverse=True)[1]]),
            ),
            sign=_says("one-hot", _too_narrow),
        ),
        Misconception(
            "a misspelt name",
            "Keras knows no loss of this name. Compare it letter by letter, underscores included, with the name in the "
            "listing; the other form has `sparse_` in front.",
            (
                lambda y: ("sparse_categorical_cross_entropy", y),
                lambda y: ("categorial_crossentropy", np.eye(10)[y]),
                lambda y: ("sparse-categorical-crossentropy", y),
            ),
            sign=_misspelt,
        ),
        Misconception(
            "another loss",
            "It may stop or run; it is another loss. Binary cross-entropy asks ten yes-or-no questions, the squared "
            "error hardly moves when the network is sure and wrong (chapter 05). Ten classes of which one is true: "
            "categorical cross-entropy, in one of its two forms.",
            (
                lambda y: ("binary_crossentropy", np.eye(10)[y]),
                lambda y: ("mse", np.eye(10)[y]),
                lambda y: ("mean_squared_error", y),
            ),
            sign=_says("other", lambda labels, y: True),
        ),
    ),
)

# 6.4 ------------------------------------------------------------------------------------------------------------------


def feature_map_shapes(input_shape: tuple[int, ...], layers: list[tuple]) -> list[tuple[int, ...]]:
    """The shape of what each layer gives for one image, without the batch axis.

    input_shape (H, W, C); layers: ("conv", channels, kernel_size, padding) with stride 1 and padding "valid" or "same",
    ("pool", size) with stride `size`, ("flatten",), ("dense", units) -> one tuple a layer
    """
    shape, shapes = tuple(input_shape), []
    for kind, *numbers in layers:
        if kind == "conv":
            channels, f, padding = numbers
            lost = 0 if padding == "same" else f - 1
            shape = (shape[0] - lost, shape[1] - lost, channels)
        elif kind == "pool":
            shape = (shape[0] // numbers[0], shape[1] // numbers[0], shape[2])
        elif kind == "flatten":
            shape = (shape[0] * shape[1] * shape[2],)
        else:
            shape = (numbers[0],)
        shapes.append(shape)
    return shapes


def _shape_cases(rng: np.random.Generator) -> list[Case]:
    few = [("conv", 4, 3, "valid"), ("pool", 2), ("flatten",), ("dense", 5)]
    same = [("conv", 3, 5, "same"), ("pool", 3), ("conv", 7, 3, "valid"), ("flatten",), ("dense", 2)]
    article = [("conv", 32, 3, "valid"), ("pool", 2), ("conv", 64, 3, "valid"), ("pool", 2), ("conv", 64, 3, "valid")]
    article += [("flatten",), ("dense", 64), ("dense", 10)]
    a, b = (int(k) for k in rng.integers(20, 40, size=2))
    return [
        Case(((9, 8, 2), few), "9 by 8 pixels, two channels"),
        Case(((17, 14, 1), same), "one layer has padding 'same'"),
        Case(((28, 28, 1), article), "the article's network"),
        Case(((a, b, 3), [("conv", 8, 1, "valid"), ("pool", 4), ("conv", 5, 3, "same"), ("flatten",)]), "colour"),
    ]


def _shapes_by(conv=None, pool=None, flat=None) -> Callable:
    """A wrong answer: `feature_map_shapes` with one rule replaced."""

    def right_conv(shape, channels, f, padding):
        return feature_map_shapes(shape, [("conv", channels, f, padding)])[0]

    def wrong(input_shape, layers):
        shape, shapes = tuple(input_shape), []
        for kind, *numbers in layers:
            if kind == "conv":
                shape = (conv or right_conv)(shape, *numbers)
            elif kind == "pool":
                shape = (pool or (lambda shape, size: (shape[0] // size, shape[1] // size, shape[2])))(shape, *numbers)
            elif kind == "flatten":
                shape = (flat or (lambda shape: (shape[0] * shape[1] * shape[2],)))(shape)
            else:
                shape = (*shape[:-1], numbers[0])
            shapes.append(shape)
        return shapes

    return wrong


def _sized(lost: Callable[[int, str], int]) -> Callable:
    """A convolution that loses `lost(f, padding)` pixels a side."""
    return lambda shape, channels, f, padding: (shape[0] - lost(f, padding), shape[1] - lost(f, padding), channels)


def _channels_first(input_shape, layers):
    return [(s[2], s[0], s[1]) if len(s) == 3 else s for s in feature_map_shapes(input_shape, layers)]


def _with_batch(first):
    return lambda input_shape, layers: [(first, *s) for s in feature_map_shapes(input_shape, layers)]


def _shape_list(value: Any) -> list[tuple] | None:
    """The value as a list of tuples of numbers; None where it is none."""
    if not isinstance(value, list | tuple):
        return None
    rows = [tuple(row) if isinstance(row, list | tuple | np.ndarray) else (row,) for row in value]
    return rows if all(isinstance(n, int | float | np.number | None) for row in rows for n in row) else None


def _verify_shapes(case: Case, value: Any) -> str | None:
    layers = case.args[1]
    if value is None:
        return "Your function gave back None; a list of shapes was expected. Is the `return` missing?"
    came, due = _shape_list(value), feature_map_shapes(*case.args)
    if came is None:
        return f"A list with one tuple a layer was expected; a value of type {type(value).__name__} came."
    for k, layer in enumerate(layers[: len(came)]):
        if came[k] != due[k]:
            return f"Layer {k + 1}, {layer}: your shape is {came[k]}, expected {due[k]}."
    if len(came) != len(layers):
        return f"{len(layers)} layers, so {len(layers)} shapes were expected; {len(came)} came."
    numbers = [n for row in came for n in row]
    if not all(isinstance(n, int | np.integer) for n in numbers):
        return "The values are right, but a size is a whole number: use `//`, not `/`."
    bare = [row for row in value if not isinstance(row, list | tuple | np.ndarray)]
    if bare:
        return f"Your shape is the number {bare[0]}; a shape with one axis is a tuple, written ({bare[0]},)."
    return None


def _shapes(name: str, message: str, *wrong: Callable) -> Misconception:
    """A misconception that is recognised by what it gives for the failing call."""

    def sign(case: Case, value: Any) -> bool:
        came = _shape_list(value)
        if came is None or came == feature_map_shapes(*case.args):
            return False
        return any(came == _shape_list(each(*case.args)) for each in wrong)

    return Misconception(name, message, wrong, sign=sign)


SHAPES = Exercise(
    id="6.4",
    reference=feature_map_shapes,
    cases=_shape_cases,
    verify=_verify_shapes,
    points=2,
    hints=(
        "Walk through the layers with one variable, `shape`. Each layer makes a new shape from the one before; put "
        "it into a list.",
        'A convolution sets the channels to its own number. With "valid" height and width lose f - 1 each, with '
        '"same" (and stride 1) nothing.',
        "Pooling divides height and width by its size, rounded down, and keeps the channels. Flatten multiplies all "
        "numbers of the shape into one.",
    ),
    why='"valid" leaves n - f + 1 positions, "same" leaves n at stride 1; pooling rounds down; flatten keeps every '
    "number and only forgets where it stood.",
    misconceptions=(
        _shapes(
            "convolution that does not shrink",
            'Height and width stayed as they were. Without padding ("valid", what Keras does unless told otherwise) a '
            "kernel 3 wide has two positions fewer than there are pixels.",
            _shapes_by(conv=_sized(lambda f, padding: 0)),
        ),
        _shapes(
            "shrunk by the whole kernel",
            "You took off the kernel's whole width. Count on paper: a 3-wide kernel on 5 pixels fits at 3 places, so 2 "
            "are lost, not 3.",
            _shapes_by(conv=_sized(lambda f, padding: 0 if padding == "same" else f)),
            _shapes_by(conv=_sized(lambda f, padding: f)),
        ),
        _shapes(
            "padding ignored",
            'One layer says "same": Keras adds just enough zeros that, at stride 1, the output is as large as the '
            "input.",
            _shapes_by(conv=_sized(lambda f, padding: f - 1)),
        ),
        _shapes(
            'one pixel of padding for "same"',
            '"same" was taken as one pixel on every side. That fits a kernel 3 wide; one 5 wide needs two.',
            _shapes_by(conv=_sized(lambda f, padding: f - 3 if padding == "same" else f - 1)),
        ),
        _shapes(
            "pooling rounds up",
            "A window that does not fit entirely is left out: pooling rounds *down*, and the last row is dropped.",
            _shapes_by(pool=lambda shape, size: (-(-shape[0] // size), -(-shape[1] // size), shape[2])),
        ),
        _shapes(
            "pooling with step 1",
            "That is pooling with a step of 1, as the article prints it in 3.1.2. In Keras the step is the size of the "
            "window unless told otherwise.",
            _shapes_by(pool=lambda shape, size: (shape[0] - size + 1, shape[1] - size + 1, shape[2])),
        ),
        _shapes(
            "pooling over the channels",
            "Pooling takes the largest value within each channel. Their number stays.",
            _shapes_by(pool=lambda shape, size: tuple(n // size for n in shape)),
            _shapes_by(pool=lambda shape, size: (shape[0] // size, shape[1] // size, 1)),
        ),
        _shapes(
            "channels multiplied",
            "Each kernel looks at all input channels and adds them up: one kernel, one output channel. So the number "
            "of channels is the layer's own, whatever came in.",
            _shapes_by(
                conv=lambda shape, channels, f, padding: (
                    *feature_map_shapes(shape, [("conv", channels, f, padding)])[0][:2],
                    channels * shape[2],
                )
            ),
        ),
        _shapes(
            "channels lost in flatten",
            "Flatten keeps every number: height times width *times channels*.",
            _shapes_by(flat=lambda shape: (shape[0] * shape[1],)),
        ),
        _shapes(
            "channels first",
            "The channels stand in front: that is PyTorch's order. Keras and this course have (H, W, C).",
            _channels_first,
        ),
        _shapes(
            "the batch axis",
            "The batch axis came along. Keras prints None for it; here it is left out.",
            _with_batch(None),
            _with_batch(1),
        ),
        _shapes(
            "the input as the first shape",
            "Your list begins with the input. One shape a layer was asked for: what comes *out* of it.",
            lambda input_shape, layers: [tuple(input_shape), *feature_map_shapes(input_shape, layers)],
            lambda input_shape, layers: [tuple(input_shape), *feature_map_shapes(input_shape, layers)[:-1]],
        ),
        _shapes(
            "the last shape only",
            "Only the shape behind the last layer came back. Collect one shape a layer in a list.",
            lambda input_shape, layers: feature_map_shapes(input_shape, layers)[-1],
            lambda input_shape, layers: feature_map_shapes(input_shape, layers)[-1:],
        ),
    ),
)

# 6.9 ------------------------------------------------------------------------------------------------------------------


def confusion_matrix(y: np.ndarray, predicted: np.ndarray, C: int) -> np.ndarray:
    """How often each class was called what: rows the true class, columns the predicted one.

    y (N,), predicted (N,) integers from 0 to C - 1 -> (C, C) integers that add up to N
    """
    counts = np.zeros((C, C), int)
    np.add.at(counts, (y, predicted), 1)
    return counts


def _confusion_cases(rng: np.random.Generator) -> list[Case]:
    y = rng.integers(0, 4, size=60)
    said = np.where(rng.random(60) < 0.6, y, rng.integers(0, 4, size=60))
    few = rng.integers(1, 5, size=9), rng.integers(0, 3, size=9)
    return [
        Case((np.array([0, 1, 1, 1, 2]), np.array([0, 2, 2, 1, 0]), 4), "class 3 does not occur"),
        Case((y, said, 4), "60 examples"),
        Case((*few, 6), "six classes, not all of them occur"),
        Case((np.array([2, 2, 2]), np.array([0, 0, 1]), 3), "nothing is right"),
    ]


def _assigned(value: Callable) -> Callable:
    def wrong(y, predicted, C):
        counts = np.zeros((C, C), int)
        counts[y, predicted] = value(counts[y, predicted])
        return counts

    return wrong


def _shares(axis):
    def wrong(y, predicted, C):
        counts = confusion_matrix(y, predicted, C)
        with np.errstate(all="ignore"):
            return counts / counts.sum(axis=axis, keepdims=axis is not None)

    return wrong


def _of_those_that_occur(y, predicted, C):
    names = np.unique(np.concatenate([y, predicted]))
    return confusion_matrix(np.searchsorted(names, y), np.searchsorted(names, predicted), len(names))


def _up_to_the_largest(y, predicted, C):
    return confusion_matrix(y, predicted, max(y.max(), predicted.max()) + 1)


CONFUSION = Exercise(
    id="6.9",
    reference=confusion_matrix,
    cases=_confusion_cases,
    hints=(
        "Begin with zeros of shape (C, C). Each example adds 1 in one place: row y[i], column predicted[i].",
        "A loop over `zip(y, predicted)` does it. Without a loop: `counts[y, predicted] += 1` counts a place that "
        "comes twice only once; NumPy has `np.add.at` for that.",
        "Another way: `np.bincount` of y * C + predicted, with `minlength=C * C`, then a reshape.",
    ),
    why="`np.add.at` adds 1 for every pair, also when the same pair comes again.",
    misconceptions=(
        Misconception(
            "repeated pairs counted once",
            "A pair that comes twice was counted once. In a loop: was the place *set* to 1 (`=`), not raised by 1 "
            "(`+=`)? Without a loop: with index arrays NumPy reads all old values first, adds 1, and writes them back, "
            "so that the second time overwrites the first.",
            (_assigned(lambda old: old + 1), _assigned(lambda old: 1)),
        ),
        Misconception(
            "transposed",
            "Rows and columns are exchanged. Here a *row* is a true class, as in scikit-learn: along a row you read "
            "what a digit was taken for. (Other books have it the other way round: always look at the labels.)",
            (lambda y, predicted, C: confusion_matrix(predicted, y, C),),
        ),
        Misconception(
            "only the classes that occur",
            "The table was made for the classes that occur in these lists. Then row 3 is not class 3 any more, and two "
            "tables cannot be compared. It is C by C, with rows of zeros where a class is missing.",
            (_of_those_that_occur, _up_to_the_largest),
        ),
        Misconception(
            "shares in place of counts",
            "These are shares. Counts were asked for: 1 of 2 and 50 of 100 are the same share and not the same "
            "evidence.",
            (_shares(0), _shares(1), _shares(None)),
        ),
        Misconception(
            "hits only",
            "Only the diagonal is filled: the examples that came out right. The table is made for the others.",
            (
                lambda y, predicted, C: confusion_matrix(y[y == predicted], y[y == predicted], C),
                lambda y, predicted, C: np.diag(confusion_matrix(y, y, C).diagonal()),
            ),
        ),
        Misconception(
            "errors only",
            "The diagonal is missing. The right ones are counted too: only then does a row add up to the number of "
            "examples of its class.",
            (
                lambda y, predicted, C: confusion_matrix(y[y != predicted], predicted[y != predicted], C),
                lambda y, predicted, C: confusion_matrix(y, predicted, C) * (1 - np.eye(C, dtype=int)),
            ),
        ),
        Misconception(
            "one number",
            "That is one number, the accuracy or the number of hits. It cannot say *which* classes are confused.",
            (lambda y, predicted, C: (y == predicted).mean(), lambda y, predicted, C: (y == predicted).sum()),
        ),
        Misconception(
            "one row, C times",
            "All your rows are alike. `[[0] * C] * C` holds *one* list C times: a 1 added to a row is added to all. "
            "`np.zeros((C, C), int)` has rows of its own.",
            (lambda y, predicted, C: np.tile(np.bincount(predicted, minlength=C), (C, 1)),),
        ),
        Misconception(
            "one row a class",
            "You counted each list by itself. What matters is which prediction belongs to which true class: count "
            "*pairs*.",
            (
                lambda y, predicted, C: np.outer(np.bincount(y, minlength=C), np.bincount(predicted, minlength=C)),
                lambda y, predicted, C: np.stack([np.bincount(y, minlength=C), np.bincount(predicted, minlength=C)]),
            ),
        ),
    ),
)

# 6.11 -----------------------------------------------------------------------------------------------------------------


def learning_curve(fit: Callable, X: np.ndarray, y: np.ndarray, sizes: list[int], rng: np.random.Generator):
    """The score after training on more and more of the images: each set contains the smaller ones.

    fit(X, y) trains on what it gets and gives a score; X (N, ...), y (N,); sizes: how many images each time;
    rng draws them -> scores (len(sizes),), in the order of `sizes`
    """
    order = rng.permutation(len(X))
    return np.array([fit(X[order[:n]], y[order[:n]]) for n in sizes])


_BASE = 8  # a row drawn up to seven times can still be told


def _label(row: Any) -> Any:
    return (7 * row + 3) % 10


def _telling_fit(X: np.ndarray, y: np.ndarray) -> float:
    """A stand-in for a training: its score only tells which rows of X came (and whether y belongs to them)."""
    rows = np.asarray(X)[:, 0].astype(int)
    if len(rows) != len(y):
        raise ValueError(f"fit got {len(rows)} images and {len(y)} labels")
    score = float(sum(_BASE ** int(row) for row in rows))
    return score if (_label(rows) == np.asarray(y)).all() else -score


def _curve_cases(rng: np.random.Generator) -> list[Case]:
    def case(N: int, sizes: list[int], note: str) -> Case:
        X = np.stack([np.arange(N), rng.integers(0, 16, size=N)], axis=1)
        return Case((_telling_fit, X, _label(np.arange(N)), sizes, np.random.default_rng(rng.integers(2**31))), note)

    return [
        case(12, [3, 6, 11], "12 images; sets of 3, 6 and 11"),
        case(16, [4, 8, 12, 16], "16 images; the last set is all of them"),
        case(15, [9, 4, 13], "the sizes are not in order"),
    ]


def _sets(case: Case, value: Any) -> list[Counter] | None:
    """Which rows `fit` got, and how often, for each score; None where the value holds no scores of that kind."""
    try:
        scores = np.asarray(value, float)
    except (TypeError, ValueError):
        return None
    if scores.shape != (len(case.args[3]),) or not np.isfinite(scores).all():
        return None
    found = []
    for score in scores:
        number, rows = round(abs(score)), Counter()
        for row in range(len(case.args[1])):
            number, rows[row] = divmod(number, _BASE)
        found.append(+rows)  # without the rows that did not come
    return found


def _sizes(sets: list[Counter]) -> list[int]:
    return [rows.total() for rows in sets]


def _torn(case: Case, value: Any) -> bool:
    return _sets(case, value) is not None and bool((np.asarray(value, float) < 0).any())


def _twice(case: Case, value: Any) -> bool:
    return any(count > 1 for rows in _sets(case, value) or [] for count in rows.values())


def _unnested(sets: list[Counter]) -> bool:
    ordered = sorted(sets, key=Counter.total)
    return any(not set(small) <= set(large) for small, large in zip(ordered, ordered[1:], strict=False))


def _in_file_order(case: Case, value: Any) -> bool:
    sets = _sets(case, value)
    N = len(case.args[1])
    ends = (lambda n: set(range(n))), (lambda n: set(range(N - n, N)))
    return sets is not None and any(all(set(rows) == end(rows.total()) for rows in sets) for end in ends)


def _verify_curve(case: Case, value: Any) -> str | None:
    sizes = list(case.args[3])
    if value is None:
        return "Your function gave back None; an array of scores was expected. Is the `return` missing?"
    sets = _sets(case, value)
    if sets is None:
        shape = np.shape(value) if isinstance(value, list | tuple | np.ndarray | float | int) else None
        came = f"an array of shape {shape}" if shape is not None else f"a value of type {type(value).__name__}"
        return f"{len(sizes)} scores were expected, one for each of the sizes {sizes}; {came} came."
    if _torn(case, value):
        return "`fit` got images with labels that are not theirs."
    if _twice(case, value):
        return "`fit` got some images more than once."
    if _sizes(sets) != sizes:
        return f"The sizes are {sizes}; `fit` got {_sizes(sets)} images, in the order of your scores."
    if _in_file_order(case, value):
        return "Each set is just the first (or last) rows, in the order in which they came."
    if _unnested(sets):
        small, large = sorted(sets, key=Counter.total)[:2]
        rows = f"rows {sorted(small)}, then rows {sorted(large)}"
        return f"A larger set does not contain the smaller one: `fit` got {rows}, among others."
    return None


def _curve_uses_the_rng(curve: Callable) -> str | None:
    """Two curves from one generator differ, those of two generators with one seed agree."""
    X = np.stack([np.arange(16), np.zeros(16, int)], axis=1)

    def again(rng):
        return np.asarray(curve(_telling_fit, X, _label(np.arange(16)), [4, 8], rng), float)

    rng = np.random.default_rng(1)
    if np.array_equal(again(rng), again(rng)) or not np.array_equal(
        again(np.random.default_rng(2)), again(np.random.default_rng(2))
    ):
        return (
            "The sets are right, but the chance does not come from `rng`. Called twice with one generator, your "
            "function should draw two different orders; called with two generators of the same seed, the same twice."
        )
    return None


def _by_rows(rows: Callable) -> Callable:
    """A wrong answer that takes `rows(N, n, rng)` for each size."""

    def wrong(fit, X, y, sizes, rng):
        chosen = [rows(len(X), n, rng) for n in sizes]
        return np.array([fit(X[k], y[k]) for k in chosen])

    return wrong


def _of_sizes(due: Callable) -> Callable[[Case, Any], bool]:
    """The sign of sets that have the sizes `due(N, sizes)`."""

    def sign(case: Case, value: Any) -> bool:
        sets = _sets(case, value)
        return sets is not None and _sizes(sets) == list(due(len(case.args[1]), case.args[3]))

    return sign


_right_sizes = _of_sizes(lambda N, sizes: sizes)


def _only_new(fit, X, y, sizes, rng):
    order, ends = rng.permutation(len(X)), [0, *sizes]
    return np.array([fit(X[order[a:b]], y[order[a:b]]) for a, b in zip(ends, sizes, strict=False)])


def _shuffled_apart(fit, X, y, sizes, rng):
    X, y = rng.permutation(X), rng.permutation(y)
    return np.array([fit(X[:n], y[:n]) for n in sizes])


def _labels_in_file_order(fit, X, y, sizes, rng):
    order = rng.permutation(len(X))
    return np.array([fit(X[order[:n]], y[:n]) for n in sizes])


def _adding(fit, X, y, sizes, rng):
    return learning_curve(fit, X, y, np.minimum(np.cumsum(sizes), len(X)), rng)


def _sorted_sizes(fit, X, y, sizes, rng):
    return learning_curve(fit, X, y, sorted(sizes), rng)


CURVE = Exercise(
    id="6.11",
    reference=learning_curve,
    cases=_curve_cases,
    verify=_verify_curve,
    holds=_curve_uses_the_rng,
    hints=(
        "Draw *one* order of all images at the start. The set of size n is the first n of that order.",
        "`rng.permutation(len(X))` is such an order, as row numbers. Index X and y with the *same* rows.",
        "For each n in sizes: rows = order[:n], score = fit(X[rows], y[rows]). Collect the scores in an array.",
    ),
    why="One permutation, cut at n: every larger set contains the smaller ones, so the curve does not jump because "
    "other images were drawn.",
    misconceptions=(
        Misconception(
            "images and labels torn apart",
            "Images and labels were shuffled separately (or only one of them): every image got somebody else's label. "
            "Draw row numbers once and use them for both.",
            (_shuffled_apart, _labels_in_file_order),
            sign=_torn,
        ),
        Misconception(
            "drawn with replacement",
            "The same image was drawn again and again, so that n images are fewer than n different ones. "
            "(`rng.integers` and `rng.choice` do that unless told otherwise.)",
            (_by_rows(lambda N, n, rng: rng.integers(0, N, size=n)), _by_rows(lambda N, n, rng: rng.choice(N, n))),
            sign=_twice,
        ),
        Misconception(
            "each size adds its own number",
            "Each set grew by n. The sizes say how many images there are *in all* each time.",
            (_adding,),
            sign=_of_sizes(lambda N, sizes: np.minimum(np.cumsum(sizes), N)),
        ),
        Misconception(
            "all images each time",
            "Every training got all the images. `n` must come in: the first n of your order.",
            (_by_rows(lambda N, n, rng: rng.permutation(N)), _by_rows(lambda N, n, rng: np.arange(N))),
            sign=_of_sizes(lambda N, sizes: [N] * len(sizes)),
        ),
        Misconception(
            "only the new images",
            "Each set holds only the images that came new. Those of the smaller sets belong to it too: cut every set "
            "from the beginning of the order.",
            (_only_new,),
            sign=_of_sizes(lambda N, sizes: np.diff(sizes, prepend=0)),
        ),
        Misconception(
            "one image off",
            "`order[:n]` holds n images, those in places 0 to n - 1. Nothing needs to be added or taken away.",
            (_by_rows(lambda N, n, rng: rng.permutation(N)[: n - 1]),),
            sign=_of_sizes(lambda N, sizes: np.subtract(sizes, 1)),
        ),
        Misconception(
            "in the order of the file",
            "Files have an order: by writer, by hospital, by class, by date. The first n images are then all of one "
            "kind, and the curve shows that order, not the number of images. Draw the order with the rng.",
            (_by_rows(lambda N, n, rng: np.arange(n)), _by_rows(lambda N, n, rng: np.arange(N - n, N))),
            sign=lambda case, value: _right_sizes(case, value) and _in_file_order(case, value),
        ),
        Misconception(
            "drawn anew for each size",
            "Each size got a set of its own. Then a curve can fall because the larger set was unlucky in *which* "
            "images it got. Draw one order, and cut it.",
            (
                _by_rows(lambda N, n, rng: rng.permutation(N)[:n]),
                _by_rows(lambda N, n, rng: rng.choice(N, n, replace=False)),
            ),
            sign=lambda case, value: _right_sizes(case, value) and _unnested(_sets(case, value)),
        ),
        Misconception(
            "another order of the scores",
            "The sets are right, but their scores come in another order than `sizes`. Whoever plots them against "
            "`sizes` gets a wrong curve.",
            (_sorted_sizes,),
            sign=_of_sizes(lambda N, sizes: sorted(sizes)),
        ),
    ),
)

EXERCISES = (ONE_HOT, REPAIR, SHAPES, CONFUSION, CURVE)

PREDICTIONS = {
    "6.1a": ComesTrue(
        3,
        "`compile` only notes the name of the loss. The first batch shows that labels (N,) and outputs (N, 10) differ.",
    ),
    "6.4a": ComesTrue(3, "3 x 3 x 64 x 64 + 64 and 576 x 64 + 64 are the same number: 36,928."),
    "6.6a": ComesTrue(2, "The validation images lie nearer to the training images than the test images do."),
    "6.6b": ComesTrue(
        2, "The running mean starts at 0, the running variance at 1; each step moves them by one part in a hundred."
    ),
    "6.9a": ComesTrue(2, "Softmax says how far one logit is ahead of the others, not how often that is right."),
    "6.10a": ComesTrue(2, "Convolutions and poolings widen the field: 3, 4, 8, 10, 18 pixels."),
    "6.11a": ComesTrue(
        0, "There is nothing to learn that holds for other images: about one in ten is right by chance."
    ),
    "6.12a": ComesTrue(2, "A random split puts images of the same sheets into training and test set."),
    "6.13a": ComesTrue(2, "Dark strokes on white are not what it learned, and it has no way to say so."),
}

QUIZ = (
    Question(
        "`fit` stops: *target and output must have the same rank; target (None,), output (None, 10)*. What is wrong?",
        (
            Option(
                "The images have one axis too few.",
                "Images are neither target nor output. Target is what Keras calls the labels.",
            ),
            Option(
                "The labels are integers, the loss expects rows.",
                "One integer an example has one axis, ten probabilities have two. Either side can be changed.",
                True,
            ),
            Option(
                "The network has too many outputs.",
                "Ten classes need ten outputs. One output would end the message and the lesson.",
            ),
        ),
    ),
    Question(
        "The last layer gives logits, and the loss is made without `from_logits=True`. What happens?",
        (
            Option("Keras stops with an error.", "The shapes fit, so nothing stops. That is what makes it dangerous."),
            Option(
                "Keras warns, and applies softmax.",
                "There is a warning for the other case, a softmax *and* `from_logits=True` (on TensorFlow).",
            ),
            Option(
                "It runs, and takes logits for probabilities.",
                "Without a word. The loss is clipped, and the network learns little or nothing.",
                True,
            ),
        ),
    ),
    Question(
        "99 % on the validation images, 92 % on the test images. What do you do?",
        (
            Option(
                "Train again until the test accuracy is better.",
                "Whatever you choose by the test set is fitted to it. Then you have no test set any more.",
            ),
            Option(
                "Report 92 %, and find out how the two sets differ.",
                "The test number stands. The gap says that validation images are closer to training than the "
                "test images.",
                True,
            ),
            Option("Report 99 %: validation images were not trained on.", "The stopping epoch was chosen on them."),
        ),
    ),
    Question(
        "With shuffled labels your network reaches 60 % on validation images, ten classes. What do you make of it?",
        (
            Option("It generalises well.", "From random labels there is nothing to generalise."),
            Option("It needs more dropout.", "That hinders learning by heart. These are *other* images."),
            Option(
                "True labels still reach the training.",
                "By chance it would be near 10 %. The shuffle did not take, or validation images were trained on with "
                "their own labels.",
                True,
            ),
        ),
    ),
    Question(
        "A saved model is loaded again. For the same image its probabilities differ in the second digit. Why?",
        (
            Option("Rounding.", "A .keras file holds the same float32 numbers. On one machine the outputs are equal."),
            Option(
                "The image is prepared differently, or it is another file.",
                "Scaling is the usual suspect: it lies outside the model, unless you put a Rescaling layer in.",
                True,
            ),
            Option("Dropout is drawn anew.", "Not in `predict` or `evaluate`: dropout works in training only."),
        ),
    ),
    Question(
        "Row 8, column 1 of a confusion matrix holds 7 (rows are the true class). What does it say?",
        (
            Option("Seven 8s were taken for a 1.", "Along a row you read what that class was called.", True),
            Option("Seven 1s were taken for an 8.", "That would be row 1, column 8. Look at the axes every time."),
            Option("8 and 1 were mixed up seven times.", "The two directions stand in two places."),
        ),
    ),
)
