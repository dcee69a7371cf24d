"""Exercises, predictions and quiz of chapter 03, convolution and pooling."""

import math

import numpy as np

from helpers import nn
from helpers.exercises.chapter03_layers import CONV, POOL
from helpers.exercises.exercise import Case, Exercise, Misconception
from helpers.exercises.registry import ComesTrue, Option, Question


def _loops_cases(rng: np.random.Generator) -> list[Case]:
    X = np.array([[1.0, 2, 0, 3], [0, 1, 4, 1], [2, 0, 1, 5], [3, 1, 0, 2]])[:3]
    K = np.array([[1.0, 0, 2], [0, -1, 0], [3, 0, 0]])
    stored = rng.integers(-1000, 400, size=(5, 6)).astype(np.int16)
    return [
        Case((X, K)),
        Case((rng.normal(size=(6, 9)), rng.normal(size=(3, 3)))),
        Case((rng.normal(size=(8, 5)), rng.normal(size=(2, 2))), "higher than wide, a 2 x 2 kernel"),
        Case((rng.normal(size=(5, 5)), rng.normal(size=(5, 5))), "a kernel as large as the picture"),
        Case((rng.normal(size=(7, 6)), rng.normal(size=(5, 5))), "a 5 x 5 kernel"),
        Case((stored, rng.normal(size=(3, 3))), "a picture of whole numbers"),
    ]


def _slide(X, K, product=lambda patch, K: (patch * K).sum(), rows=0, columns=0, dtype=float):
    """Slide K over X; the wrong ideas differ in the product, or leave out rows and columns at the end."""
    f = K.shape[0]
    Y = np.zeros((X.shape[0] - f + 1 - rows, X.shape[1] - f + 1 - columns), dtype)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = product(X[i : i + f, j : j + f], K)
    return Y


def _in_full_size(X, K):
    f, Y = K.shape[0], np.zeros(X.shape)
    Y[: X.shape[0] - f + 1, : X.shape[1] - f + 1] = _slide(X, K)
    return Y


def _padded_same(X, K):
    f = K.shape[0]
    return _slide(np.pad(X, ((f // 2, (f - 1) // 2),) * 2), K)


def _zeros_at_the_end(X, K):
    Y = _slide(X, K)
    Y[-1], Y[:, -1] = 0, 0
    return Y


def _square(X, K):
    """The number of rows is taken for the number of columns too; what lies outside X stops, or is left out."""
    n = X.shape[0] - K.shape[0] + 1
    Y = np.zeros((n, X.shape[1] - K.shape[0] + 1))
    Y[:, :n] = _slide(X, K)[:, :n]
    return Y


def _first_row_only(X, K):
    Y = _slide(X, K)
    Y[1:] = 0
    return Y


def _tiles(X, K):
    f = K.shape[0]
    return _slide(X, K)[::f, ::f]


LOOPS = Exercise(
    id="3.2",
    reference=nn.conv2d_loops,
    cases=_loops_cases,
    hints=(
        "How many places has the kernel? Count with a 3 x 3 kernel on a picture 4 wide: 2. That is the size of Y.",
        "Make Y of zeros first. Then two loops, over the rows and columns *of Y*. Inside, cut the patch out of X that "
        "begins at (i, j) and is as large as K.",
        "One output pixel is the sum of the patch times K, entry by entry (`*`, then `.sum()`). The patch is "
        "`X[i : i + f, j : j + f]`, with f the size of K.",
    ),
    why="The loops run over places of the kernel. At each place nine products are added; K lies as it is, not turned.",
    misconceptions=(
        Misconception(
            "kernel turned",
            "That is what comes out when the kernel is turned by 180 degrees before it slides. Mathematicians do so "
            "and call only that a convolution (`scipy.signal.convolve2d` does it). Deep-learning libraries slide the "
            "kernel as it is.",
            (
                lambda X, K: _slide(X, K[::-1, ::-1]),
                lambda X, K: _slide(X, K, lambda patch, K: (patch * K[::-1, ::-1]).sum()),
            ),
        ),
        Misconception(
            "kernel mirrored or transposed",
            "The kernel was mirrored, or its rows and columns were exchanged. Weight (u, v), in row u and column v, "
            "meets the pixel u rows down and v columns to the right of the corner of the patch.",
            (
                lambda X, K: _slide(X, K.T),
                lambda X, K: _slide(X, K[::-1]),
                lambda X, K: _slide(X, K[:, ::-1]),
            ),
        ),
        Misconception(
            "last row and column missing",
            "The last row and the last column are missing. A kernel of 3 fits into 4 pixels at *two* places: there "
            "are H - f + 1 of them, not H - f.",
            (
                lambda X, K: _slide(X, K, rows=1, columns=1),
                lambda X, K: _slide(X, K, rows=1),
                lambda X, K: _slide(X, K, columns=1),
                _zeros_at_the_end,
            ),
        ),
        Misconception(
            "one count for both axes",
            "You used the number of rows for the columns too. Pictures need not be square.",
            (_square, lambda X, K: _slide(X, K)[:, : X.shape[0] - K.shape[0] + 1]),
        ),
        Misconception(
            "returned after the first row",
            "Only the first row is there. `return` ends the function: it stands behind both loops, not inside.",
            (_first_row_only,),
        ),
        Misconception(
            "output as large as the input",
            "Your output has the size of the input, with zeros where the kernel would stick out. Without padding "
            "there is no such place: the output is smaller, H - f + 1 by W - f + 1.",
            (_in_full_size,),
        ),
        Misconception(
            "padded",
            "You put zeros around the picture, so that the output is as large as the input. That is padding (section "
            "3.4). Here none was asked for.",
            (_padded_same,),
        ),
        Misconception(
            "mean of the products",
            "You took the mean of the products. A convolution takes their sum; whoever wants a mean puts 1/9 into "
            "the kernel.",
            (lambda X, K: _slide(X, K, lambda patch, K: (patch * K).mean()),),
        ),
        Misconception(
            "matrix product",
            "`@` is the matrix product: rows of the patch with columns of the kernel. Here each pixel meets the one "
            "weight that lies on it: entry by entry, `*`, then the sum.",
            (lambda X, K: _slide(X, K, lambda patch, K: (patch @ K).sum()),),
        ),
        Misconception(
            "only the last product",
            "Each product overwrote the one before, so that only the last weight counts. They must be added up.",
            (lambda X, K: _slide(X, K, lambda patch, K: patch[-1, -1] * K[-1, -1]),),
        ),
        Misconception(
            "jumps by its own size",
            "Your kernel jumps by its own size, so that the patches do not overlap. It moves by one pixel at a time.",
            (_tiles,),
        ),
        Misconception(
            "rounded to whole numbers",
            "The picture holds whole numbers, and your Y took their type over: every sum was cut to a whole number. "
            "Make Y of floats.",
            (lambda X, K: _slide(X, K, dtype=X.dtype),),
        ),
        Misconception(
            "negative values lost",
            "Negative sums came out as 0 or positive. The sign says on which side it is brighter; ReLU is a step of "
            "its own.",
            (lambda X, K: np.maximum(_slide(X, K), 0), lambda X, K: np.abs(_slide(X, K))),
        ),
        Misconception(
            "one sum short",
            "Your output has further axes: the products were added along one axis only, or not at all. One output "
            "pixel is *one* number, the sum of all products.",
            (
                lambda X, K: np.lib.stride_tricks.sliding_window_view(X, K.shape) * K,
                lambda X, K: (np.lib.stride_tricks.sliding_window_view(X, K.shape) * K).sum(axis=-1),
                lambda X, K: (np.lib.stride_tricks.sliding_window_view(X, K.shape) * K).sum(axis=-2),
            ),
        ),
    ),
)


def _size_cases(rng: np.random.Generator) -> list[Case]:
    some = [
        Case((int(rng.integers(20, 60)), int(rng.integers(2, 6)), int(rng.integers(2, 5)), int(rng.integers(1, 4)), 2))
        for _ in range(4)
    ]
    return [
        Case((8, 3, 2), "the last pixel is left over"),
        Case((5, 3)),
        Case((3, 3), "a kernel as wide as the image fits once"),
        Case((11, 2, 2), "the last pixel is left over"),
        Case((10, 3, 4), "three pixels are left over"),
        Case((7, 3, 1, 1)),
        Case((8, 2, 2, 1)),
        Case((12, 5, 1, 0, 2), "dilation 2"),
        Case((14, 5, 2, 3, 2)),
        Case((512, 7, 2, 3), "the first layer of many networks"),
        *some,
    ]


def _size(formula):
    """A wrong formula of n, f, s, p, r as a function with the right arguments."""
    return lambda size, kernel_size, stride=1, padding=0, dilation=1: formula(
        size, kernel_size, stride, padding, dilation
    )


SIZE = Exercise(
    id="3.4",
    reference=nn.output_size,
    cases=_size_cases,
    keeps_dtype=True,
    hints=(
        "How many pixels does the kernel cover when its weights lie r apart? Between f weights there are f - 1 steps.",
        "The first place needs no step. Then: how many steps of s fit into what is left of the padded image?",
        "floor((n + 2p - (r(f - 1) + 1)) / s) + 1. In Python `//` divides and takes the floor; it gives an int.",
    ),
    why="The kernel covers r(f - 1) + 1 of n + 2p pixels. The rest is divided into steps of s; the start counts too.",
    misconceptions=(
        Misconception(
            "+ 1 missing",
            "Count by hand: a kernel 3 wide on an image 3 wide fits once, not zero times. The place where it starts "
            "counts too.",
            (_size(lambda n, f, s, p, r: (n + 2 * p - r * (f - 1) - 1) // s),),
        ),
        Misconception(
            "padding on one side only",
            "Padding is added on both sides: an axis grows by twice the padding.",
            (_size(lambda n, f, s, p, r: (n + p - r * (f - 1) - 1) // s + 1),),
        ),
        Misconception(
            "dilation times the whole kernel",
            "A kernel of f weights that lie r apart covers r(f - 1) + 1 pixels, not r f: there is no gap after the "
            "last weight. Draw three weights with dilation 2: x . x . x covers 5.",
            (_size(lambda n, f, s, p, r: (n + 2 * p - r * f) // s + 1),),
        ),
        Misconception(
            "dilation forgotten",
            "With dilation the weights lie apart, and the kernel covers more pixels than it has weights.",
            (
                _size(lambda n, f, s, p, r: (n + 2 * p - f) // s + 1),
                _size(lambda n, f, s, p, r: (n + 2 * p - f - r + 1) // s + 1),
            ),
        ),
        Misconception(
            "not a whole number",
            "There is no half place for a kernel: where it does not fit entirely it is not placed. Take the floor.",
            (_size(lambda n, f, s, p, r: (n + 2 * p - r * (f - 1) - 1) / s + 1),),
        ),
        Misconception(
            "rounded",
            "You rounded to the nearest whole number, or up. A kernel that would stick out is not placed, however "
            "little is missing: always down.",
            (
                _size(lambda n, f, s, p, r: round((n + 2 * p - r * (f - 1) - 1) / s + 1)),
                _size(lambda n, f, s, p, r: round((n + 2 * p - r * (f - 1) - 1) / s) + 1),
                _size(lambda n, f, s, p, r: math.ceil((n + 2 * p - r * (f - 1) - 1) / s) + 1),
            ),
        ),
        Misconception(
            "TensorFlow's same",
            'The input size divided by the stride, rounded up, is the rule for TensorFlow\'s padding "same", whatever '
            "the kernel. Here the padding is given, and the kernel counts.",
            (_size(lambda n, f, s, p, r: math.ceil(n / s)),),
        ),
        Misconception(
            "covered one pixel short",
            "The kernel covers r(f - 1) + 1 pixels; you took away r(f - 1), one too few. Mind the bracket: both are "
            "subtracted.",
            (
                _size(lambda n, f, s, p, r: (n + 2 * p - r * (f - 1)) // s + 1),
                _size(lambda n, f, s, p, r: (n + 2 * p - r * (f - 1) + 1) // s + 1),
            ),
        ),
        Misconception(
            "bracket missing before the division",
            "Division goes before minus: without a bracket only the last number is divided. Put the whole difference "
            "into brackets, then `// stride`.",
            (_size(lambda n, f, s, p, r: n + 2 * p - r * (f - 1) - 1 // s + 1),),
        ),
        Misconception(
            "stride forgotten",
            "That is the number of places at stride 1. With stride s only every s-th of them is used.",
            (_size(lambda n, f, s, p, r: n + 2 * p - r * (f - 1)),),
        ),
        Misconception(
            "padding forgotten",
            "The image was padded: it has 2p more pixels along this axis.",
            (
                _size(lambda n, f, s, p, r: (n - r * (f - 1) - 1) // s + 1),
                _size(lambda n, f, s, p, r: (n - 2 * p - r * (f - 1) - 1) // s + 1),
            ),
        ),
        Misconception(
            "the + 1 is divided too",
            "You divided the number of all places by the stride. The first place is free; only the steps after it "
            "are divided: the + 1 stands behind the division.",
            (_size(lambda n, f, s, p, r: (n + 2 * p - r * (f - 1)) // s),),
        ),
        Misconception(
            "a float",
            "The number is right, but it is a float. A size is an int: `//` on whole numbers gives one.",
            (
                _size(lambda n, f, s, p, r: float((n + 2 * p - r * (f - 1) - 1) // s + 1)),
                _size(lambda n, f, s, p, r: np.floor((n + 2 * p - r * (f - 1) - 1) / s) + 1),
            ),
        ),
    ),
)


def _field_cases(rng: np.random.Generator) -> list[Case]:
    some = [
        Case(([(int(rng.integers(2, 6)), int(rng.integers(1, 4))) for _ in range(5)],), "five layers") for _ in range(3)
    ]
    return [
        Case(([(3, 1), (3, 1)],), "two convolutions, 3 x 3"),
        Case(([(3, 1), (2, 2), (3, 1)],), "convolution, pooling, convolution"),
        Case(([(5, 3)],), "one layer with stride 3"),
        Case(([(3, 1), (2, 2), (3, 1), (2, 2), (3, 1)],), "the article's network"),
        Case(([(7, 2), (3, 2), (3, 1), (3, 1)],), "how many large networks begin"),
        Case(([(1, 1), (3, 1), (1, 1)],), "1 x 1 kernels before and behind"),
        *some,
    ]


def _forward(grow, stride=lambda apart, s: apart * s, start=1):
    """A recursion from the first layer to the last: field += grow(f, s, apart); apart = stride(apart, s)."""

    def wrong(layers):
        field, apart = start, 1
        for f, s in layers:
            field += grow(f, s, apart)
            apart = stride(apart, s)
        return field

    return wrong


def _backward_from_the_wrong_end(layers):
    field = 1
    for f, s in layers:
        field = (field - 1) * s + f
    return field


FIELD = Exercise(
    id="3.8",
    reference=nn.receptive_field,
    cases=_field_cases,
    keeps_dtype=True,
    hints=(
        "Before the first layer a pixel sees itself: 1. A 3 x 3 kernel adds one pixel on each side: 3. How many does "
        "the next one add?",
        "Keep two numbers: the field so far, and how many *input* pixels lie between two neighbours of the present "
        "layer. The second starts at 1 and is multiplied by every stride.",
        "For each layer: first the field grows by (kernel_size - 1) times that distance, then the distance is "
        "multiplied by the stride.",
    ),
    why="A layer reaches kernel_size - 1 of its own pixels further; the strides before it say how far apart these lie.",
    misconceptions=(
        Misconception(
            "kernel sizes added",
            "You added the kernel sizes. Neighbouring patches overlap: a further 3 x 3 layer adds 2, not 3.",
            (
                lambda layers: sum(f for f, _ in layers),
                _forward(lambda f, s, apart: f * apart, start=0),
                _forward(lambda f, s, apart: f * apart),
                _forward(lambda f, s, apart: f),
            ),
        ),
        Misconception(
            "kernel sizes multiplied",
            "You multiplied the kernel sizes. That would be right if patches never overlapped. With stride 1 two "
            "3 x 3 layers see 5 pixels, not 9.",
            (lambda layers: math.prod(f for f, _ in layers),),
        ),
        Misconception(
            "strides ignored",
            "The strides have no effect in your function. After a stride of 2, neighbouring pixels lie two input "
            "pixels apart, and every later kernel reaches twice as far.",
            (_forward(lambda f, s, apart: f - 1),),
        ),
        Misconception(
            "own stride counted too early",
            "You let a layer's own stride widen its own field. A stride moves the pixels of the *output* apart, so it "
            "counts for the layers after it.",
            (
                _forward(lambda f, s, apart: (f - 1) * apart * s),
                _forward(lambda f, s, apart: (f - 1) * s),
            ),
        ),
        Misconception(
            "only the last stride",
            "Only the stride of the layer before counts in your function. Strides multiply: after two of 2, pixels lie "
            "4 apart.",
            (_forward(lambda f, s, apart: (f - 1) * apart, lambda apart, s: s),),
        ),
        Misconception(
            "strides added",
            "Strides multiply, they do not add up: after three layers of stride 2 neighbouring pixels lie 8 apart, "
            "not 6 or 4.",
            (
                _forward(lambda f, s, apart: (f - 1) * apart, lambda apart, s: apart + s),
                _forward(lambda f, s, apart: (f - 1) * apart, lambda apart, s: apart + s - 1),
            ),
        ),
        Misconception(
            "starts at 0",
            "Without any layer a pixel sees one pixel, itself. Start at 1.",
            (_forward(lambda f, s, apart: (f - 1) * apart, start=0),),
        ),
        Misconception(
            "pairs read the wrong way round",
            "You took the stride for the kernel size: each pair is (kernel_size, stride).",
            (lambda layers: nn.receptive_field([(s, f) for f, s in layers]),),
        ),
        Misconception(
            "wrong end first",
            "Formula and order do not belong together. The formula of the text begins with the *first* layer; the "
            "other one, (field - 1) s + f, begins with the last.",
            (
                _backward_from_the_wrong_end,
                lambda layers: _forward(lambda f, s, apart: (f - 1) * apart)(layers[::-1]),
            ),
        ),
        Misconception(
            "largest kernel",
            "Only one layer counts in your function. Each layer looks at the output of the one before, so the field "
            "grows with every layer.",
            (lambda layers: max(f for f, _ in layers), lambda layers: layers[-1][0], lambda layers: layers[0][0]),
        ),
        Misconception(
            "distance in place of the field",
            "That is how far apart two neighbouring outputs lie in the input, the product of the strides. How many "
            "input pixels does *one* output depend on?",
            (lambda layers: math.prod(s for _, s in layers),),
        ),
    ),
)


_ARTICLE = [
    ("conv", 32, 3),
    ("pool", 2),
    ("conv", 64, 3),
    ("pool", 2),
    ("conv", 64, 3),
    ("flatten",),
    ("dense", 64),
    ("dense", 10),
]


def _count_cases(rng: np.random.Generator) -> list[Case]:
    def some(low, high):
        return int(rng.integers(low, high))

    drawn = [("conv", some(2, 9), 3), ("pool", 2), ("conv", some(2, 9), 2), ("flatten",), ("dense", some(2, 9))]
    return [
        Case(((5, 5, 1), [("conv", 2, 3)]), "one layer"),
        Case(((6, 4, 3), [("conv", 5, 3)]), "three channels in, five out"),
        Case(((4, 3, 2), [("flatten",), ("dense", 7), ("dense", 2)]), "two dense layers"),
        Case(((9, 7, 1), [("conv", 3, 2), ("pool", 2), ("flatten",), ("dense", 4)]), "pooling, then dense"),
        Case(((8, 9, 2), [("conv", 4, 1), ("conv", 2, 5), ("pool", 3)]), "no dense layer"),
        Case(((some(12, 20), some(12, 20), 3), drawn)),
        Case(((28, 28, 1), _ARTICLE), "the article's network"),
    ]


def _count(
    conv=lambda f, c_in, c_out, h, w: f * f * c_in * c_out + c_out,
    dense=lambda d, m: d * m + m,
    pool=lambda size, c: 0,
    after_conv=lambda n, f: n - f + 1,
    after_pool=lambda n, size: n // size,
    flat=lambda h, w, c: h * w * c,
    width=lambda units, before: units,
    keeps_channels=False,
):
    """Count layer by layer, with one of the rules replaced by a wrong one."""

    def counted(input_shape, layers):
        (h, w, c), total, d = input_shape, 0, None
        for kind, *numbers in layers:
            if kind == "conv":
                c_out, f = numbers
                h, w = after_conv(h, f), after_conv(w, f)
                total += conv(f, c, c_out, h, w)
                c = c if keeps_channels else c_out
            elif kind == "pool":
                total += pool(numbers[0], c)
                h, w = after_pool(h, numbers[0]), after_pool(w, numbers[0])
            elif kind == "flatten":
                d = flat(h, w, c)
            else:
                total += dense(d, numbers[0])
                d = width(numbers[0], d)
        return total

    return counted


def _swapped(input_shape, layers):
    """Channels and kernel size exchanged."""
    swapped = [(layer[0], *layer[:0:-1]) for layer in layers]
    return _count()(input_shape, swapped)


def _only(*kinds):
    return lambda input_shape, layers: sum(
        row.parameters for row in nn.layer_table(input_shape, layers) if row.name in kinds
    )


def _one_channel_in(input_shape, layers):
    """The input's channels are used for every layer; those of the layer before are forgotten."""
    right = _count(conv=lambda f, c_in, c_out, h, w: f * f * input_shape[2] * c_out + c_out)
    return right(input_shape, layers)


COUNT = Exercise(
    id="3.9",
    reference=nn.count_parameters,
    cases=_count_cases,
    keeps_dtype=True,
    points=2,
    hints=(
        "Walk through the layers with the present shape in hand: (H, W, C) at first, one number after flatten. For "
        "each kind of layer: how many parameters, and what is the shape afterwards?",
        "Convolution: f f C_in C_out weights and C_out biases; H and W shrink by f - 1, C becomes C_out. Pooling: no "
        "parameters; H and W are divided by the size, rounded down. Flatten: H W C numbers. Dense: D M + M.",
        "`for layer in layers:` and `if layer[0] == ...`: layers have one, two or three entries, so look at layer[0] "
        "before you unpack. A convolution is `_, channels, kernel_size = layer`. Keep H, "
        "W, C and the running total in variables.",
    ),
    why="Parameters depend on channels and kernel size, not on the size of the picture, until something is flattened.",
    misconceptions=(
        Misconception(
            "biases forgotten",
            "The biases are missing: one an output channel, one a dense unit.",
            (
                _count(lambda f, c_in, c_out, h, w: f * f * c_in * c_out, lambda d, m: d * m),
                _count(conv=lambda f, c_in, c_out, h, w: f * f * c_in * c_out),
                _count(dense=lambda d, m: d * m),
            ),
        ),
        Misconception(
            "input channels forgotten",
            "A kernel has a weight for every *input* channel too: f f C_in numbers for each output channel.",
            (_count(lambda f, c_in, c_out, h, w: f * f * c_out + c_out),),
        ),
        Misconception(
            "channels of the picture in every layer",
            "You used the channels of the picture for every layer. The second convolution gets the channels that the "
            "first one gives.",
            (_one_channel_in, _count(keeps_channels=True)),
        ),
        Misconception(
            "channels and kernel size exchanged",
            "In a convolution the channels come first, then the kernel size. You read them the other way round.",
            (_swapped,),
        ),
        Misconception(
            "multiply-adds",
            "Those are the multiply-adds. Here the weights and biases are counted, whatever the number of pixels.",
            (lambda input_shape, layers: sum(row.multiply_adds for row in nn.layer_table(input_shape, layers)),),
        ),
        Misconception(
            "only one kind of layer",
            "Only the convolutions count in your function, or only the dense layers. Both have weights and biases.",
            (_only("conv"), _only("dense")),
        ),
        Misconception(
            "kernel not squared",
            "A kernel of size 3 has 3 x 3 weights, not 3.",
            (_count(lambda f, c_in, c_out, h, w: f * c_in * c_out + c_out),),
        ),
        Misconception(
            "wrong number of biases",
            "Your number of biases is off. There is one for each output channel, added after the sum over the input "
            "channels, and one for each dense unit.",
            (
                _count(lambda f, c_in, c_out, h, w: (f * f + 1) * c_in * c_out),
                _count(lambda f, c_in, c_out, h, w: 2 * f * f * c_in * c_out),
                _count(lambda f, c_in, c_out, h, w: f * f * c_in * c_out + 1, lambda d, m: d * m + 1),
            ),
        ),
        Misconception(
            "weights for every pixel",
            "You counted the weights once for every output pixel. All pixels share them; that is what a convolution "
            "is. (Times the pixels they give the multiply-adds.)",
            (
                _count(lambda f, c_in, c_out, h, w: (f * f * c_in * c_out + c_out) * h * w),
                _count(lambda f, c_in, c_out, h, w: f * f * c_in * c_out * h * w),
                _count(lambda f, c_in, c_out, h, w: f * f * c_in * c_out * h * w + c_out),
            ),
        ),
        Misconception(
            "pooling has weights",
            "Pooling has nothing to learn: it takes the largest of what is there. It counts 0.",
            (
                _count(pool=lambda size, c: size * size),
                _count(pool=lambda size, c: size * size * c),
                _count(pool=lambda size, c: size * size * c + c),
            ),
        ),
        Misconception(
            "the picture does not shrink",
            "The number that is flattened is too large: a convolution without padding takes f - 1 pixels off height "
            "and width, and pooling divides them.",
            (
                _count(after_conv=lambda n, f: n),
                _count(after_pool=lambda n, size: n),
                _count(after_conv=lambda n, f: n, after_pool=lambda n, size: n),
                _count(after_pool=lambda n, size: n - size + 1),
            ),
        ),
        Misconception(
            "sizes rounded up, or one off",
            "The number that is flattened is off. A convolution leaves n - f + 1 pixels, and pooling drops a row that "
            "fills no window: divide and round *down*.",
            (_count(after_pool=lambda n, size: -(-n // size)), _count(after_conv=lambda n, f: n - f)),
        ),
        Misconception(
            "flattened without channels",
            "Flatten lays out height times width times *channels*.",
            (_count(flat=lambda h, w, c: h * w), _count(flat=lambda h, w, c: c)),
        ),
        Misconception(
            "second dense layer sees the flattened picture",
            "The second dense layer gets the units of the first, not the flattened picture.",
            (_count(width=lambda units, before: before),),
        ),
        Misconception(
            "only the last layer",
            "Only the last layer counts in your function: add up, do not overwrite.",
            (
                lambda input_shape, layers: [row.parameters for row in nn.layer_table(input_shape, layers)][-1],
                lambda input_shape, layers: [
                    row.parameters for row in nn.layer_table(input_shape, layers) if row.parameters
                ][-1],
            ),
        ),
    ),
)

EXERCISES = (LOOPS, SIZE, CONV, POOL, FIELD, COUNT)

PREDICTIONS = {
    "3.1a": ComesTrue(2, "128 x 128 x 64 is about a million: one weight for each pixel and unit."),
    "3.2a": ComesTrue(1, "Right column minus left column: only where they differ does anything come out."),
    "3.2b": ComesTrue(2, "The weights add up to 0, so a constant cancels."),
    "3.3a": ComesTrue(2, "Sharpening subtracts the neighbours; noise differs from its neighbours, so it grows."),
    "3.4a": ComesTrue(1, "The places begin at 0, 2 and 4, and the last one ends at pixel 6."),
    "3.4b": ComesTrue(2, "The right column is air, -1000 a row, the left one is padding, 0: three times -1000."),
    "3.5a": ComesTrue(1, "One output channel a kernel; the three input channels are added."),
    "3.7a": ComesTrue(1, "The windows now cut the picture elsewhere. Only a shift of a whole stride moves the output."),
    "3.8a": ComesTrue(2, "1, then 3, 4, 8, 10 and 18: after each pooling a kernel reaches twice as far."),
    "3.9a": ComesTrue(1, "18,432 weights, each used at 11 x 11 pixels: over two million products."),
}

QUIZ = (
    Question(
        "A 3 x 3 kernel has the weights 1/9, nine times. You add 100 HU to the whole picture. Its output ...",
        (
            Option("stays as it is.", "That is so for weights that add up to 0. These add up to 1."),
            Option("rises by 100 HU.", "The weights add up to 1, so a constant goes through unchanged.", True),
            Option("rises by 900 HU.", "Nine pixels rise by 100, and each counts a ninth."),
        ),
    ),
    Question(
        "A layer gets (8, 64, 64, 16) and has 32 kernels of 3 x 3, padding 1, stride 2. What comes out?",
        (
            Option("(8, 32, 32, 32)", "floor((64 + 2 - 3) / 2) + 1 = 32 places, one channel a kernel.", True),
            Option("(8, 32, 32, 512)", "The 16 input channels are added up, not kept beside each other."),
            Option("(8, 31, 31, 32)", "That is without padding: with it an axis has 66 pixels."),
        ),
    ),
    Question(
        "Why is a border of zeros around a CT a bad idea?",
        (
            Option("Zeros make the sums smaller.", "Against -1000 a zero makes them larger. What is 0 HU?"),
            Option(
                "0 HU is water: a sharp edge appears where the picture ends.",
                "Air is -1000. The step of 1000 HU is as large as many an edge in the patient.",
                True,
            ),
            Option("The output gets too large.", "Its size depends on how many pixels are added, not on their value."),
        ),
    ),
    Question(
        "A tumour lies 3 pixels further left than in the training pictures. A convolution layer with stride 1 ...",
        (
            Option("finds it, 3 pixels further left.", "The same weights everywhere: what moves in moves out.", True),
            Option("gives the same output as before.", "Not the same: its output moves along with the tumour."),
            Option("needs new weights for that place.", "A dense layer would. A convolution has no places."),
        ),
    ),
    Question(
        "Which change leaves the number of parameters of a convolution layer as it is?",
        (
            Option("A larger picture.", "The weights are shared by all pixels; only the multiply-adds grow.", True),
            Option("More input channels.", "Each kernel has a weight for every input channel."),
            Option("More output channels.", "Each output channel is a kernel of its own, with a bias."),
        ),
    ),
    Question(
        "A network sees 18 pixels of a CT with 0.66 mm a pixel. You resample the CT to 2 mm. It now sees ...",
        (
            Option("12 mm, as before.", "18 pixels of 2 mm are 36 mm. The field is counted in pixels."),
            Option("36 mm.", "18 pixels, each 2 mm. Its kernels now meet other shapes too.", True),
            Option("6 pixels.", "The field in pixels comes from kernels and strides alone."),
        ),
    ),
)
