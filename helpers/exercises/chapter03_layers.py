"""Exercises of chapter 03 on whole layers: convolution and max pooling of a batch."""

import numpy as np

from helpers import nn
from helpers.exercises.exercise import Case, Exercise, Misconception


def _conv_cases(rng: np.random.Generator) -> list[Case]:
    def case(shape, f, channels, *options, note=""):
        X, K = rng.normal(size=shape), rng.normal(size=(f, f, shape[3], channels))
        return Case((X, K, rng.normal(size=channels), *options), note)

    X = np.array([[1.0, 0, 2], [3, 1, 0]])[None, ..., None] * np.array([1.0, 10.0])
    K = np.array([[[1.0, 0], [0, 1]], [[2.0, 0], [0, 0]], [[0, 3], [1, 0]], [[0, 1], [0, 0]]]).reshape(2, 2, 2, 2)
    return [
        Case((X, K, np.array([100.0, -100.0])), "one image of 2 x 3 pixels, two channels in, two out"),
        case((2, 5, 7, 3), 3, 4, note="two images, three channels in, four out"),
        case((1, 6, 9, 2), 3, 3, 2, note="stride 2; a row is left over"),
        case((1, 5, 4, 2), 3, 1, 1, 1, note="padding 1"),
        case((1, 8, 7, 1), 3, 2, 1, 0, 2, note="dilation 2"),
        case((3, 9, 8, 2), 2, 5, 2, 2, 3, note="stride 2, padding 2, dilation 3"),
        case((2, 3, 4, 5), 1, 2, note="a 1 x 1 kernel"),
    ]


def _conv(X, K, b, stride=1, padding=0, dilation=1):
    """`nn.conv2d`, under a name that the wrong ideas below can bend."""
    return nn.conv2d(X, K, b, stride, padding, dilation)


def _wrong_order(rearrange):
    """The matrix product with the kernels laid out in another way than the patches."""

    def wrong(X, K, b, stride=1, padding=0, dilation=1):
        return nn.columns(X, K.shape[0], stride, padding, dilation) @ rearrange(K) + b

    return wrong


def _channels_not_summed(X, K, b, stride=1, padding=0, dilation=1):
    each = [_conv(X[..., k : k + 1], K[:, :, k : k + 1], None, stride, padding, dilation) for k in range(X.shape[3])]
    return np.stack(each, axis=-2) + b


def _channels(total):
    """The input channels taken together by something other than a sum."""
    return lambda *args: total(_channels_not_summed(*args[:2], 0 * args[2], *args[3:])) + args[2]


def _stride_forgotten_in_the_index(X, K, b, stride=1, padding=0, dilation=1):
    Y = _conv(X, K, b, stride, padding, dilation)
    return _conv(X, K, b, 1, padding, dilation)[:, : Y.shape[1], : Y.shape[2]]


def _pads_everything(X, K, b, stride=1, padding=0, dilation=1):
    return _conv(np.pad(X, padding), K, b, stride, 0, dilation)


def _pads(**how):
    """Padding with something else than zeros, or after the convolution."""

    def wrong(X, K, b, stride=1, padding=0, dilation=1):
        around = ((0, 0), (padding, padding), (padding, padding), (0, 0))
        return _conv(np.pad(X, around, **how), K, b, stride, 0, dilation)

    return wrong


def _pads_one_side(around):
    def wrong(X, K, b, stride=1, padding=0, dilation=1):
        side = around(padding)
        return _conv(np.pad(X, ((0, 0), side, side, (0, 0))), K, b, stride, 0, dilation)

    return wrong


def _pads_afterwards(X, K, b, stride=1, padding=0, dilation=1):
    around = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    return np.pad(_conv(X, K, b, stride, 0, dilation), around)


CONV = Exercise(
    id="3.6",
    reference=nn.conv2d,
    cases=_conv_cases,
    points=2,
    hints=(
        "Two steps: `columns` lays every patch out as a row of f f C_in numbers. Lay each kernel out as a column of as "
        "many numbers, in the same order. Then it is the dense layer of chapter 02.",
        "K is (f, f, C_in, C_out). Keep the last axis and flatten the first three: reshape does that, with -1 for "
        "their product. 3 and 9 are true for one kernel only: read f from K.shape[0].",
        "`columns(X, K.shape[0], stride, padding, dilation)` has shape (N, H', W', f f C_in). The product `@` works on "
        "its last axis and leaves the others alone. Then add b, which meets the last axis.",
    ),
    why="Patches as rows, kernels as columns, in the same order; one matrix product makes all pixels of all channels.",
    misconceptions=(
        Misconception(
            "kernel turned",
            "That is the kernel turned by 180 degrees. Deep-learning libraries slide it as it is.",
            (lambda X, K, b, *options: _conv(X, K[::-1, ::-1], b, *options),),
        ),
        Misconception(
            "bias forgotten",
            "The sums are right, the bias is missing: one number for each output channel.",
            (lambda X, K, b, *options: _conv(X, K, None, *options),),
        ),
        Misconception(
            "input channels not summed",
            "Your result still has an axis of input channels. An output channel looks at *all* input channels, and "
            "adds what it finds.",
            (_channels_not_summed,),
        ),
        Misconception(
            "input channels taken together otherwise",
            "You took the mean of the input channels, or the largest, or only one of them. An output channel *adds* "
            "what it finds in all of them.",
            (
                _channels(lambda Y: Y.mean(axis=-2)),
                _channels(lambda Y: Y.max(axis=-2)),
                _channels(lambda Y: Y[..., 0, :]),
                _channels(lambda Y: Y[..., -1, :]),
            ),
        ),
        Misconception(
            "output left flat",
            "The numbers are there, but the rows of all images lie in one long list. Y has four axes: `columns` "
            "gives (N, H', W', ...) and `@` keeps these three.",
            (lambda X, K, b, *options: _conv(X, K, b, *options).reshape(-1, K.shape[3]),),
        ),
        Misconception(
            "ReLU applied",
            "Negative values became 0. A convolution layer ends with the bias; ReLU is a step of its own.",
            (lambda X, K, b, *options: np.maximum(_conv(X, K, b, *options), 0),),
        ),
        Misconception(
            "bias once for every input channel",
            "The bias was added once for every input channel. It comes once, after the sum.",
            (lambda X, K, b, *options: _conv(X, K, X.shape[3] * b, *options),),
        ),
        Misconception(
            "patches and kernels in different orders",
            "The shape is right and the numbers are mixed up: in the rows and in the kernels the weights stand in "
            "different orders. A row runs over u, then v, then the input channel, and K is stored in that order "
            "already, with the output channels last: no transpose is needed. (`reshape` never moves a number; it only "
            "draws the borders anew.)",
            (
                _wrong_order(lambda K: K.reshape(K.shape[3], -1).T),
                _wrong_order(lambda K: K.transpose(2, 0, 1, 3).reshape(-1, K.shape[3])),
                _wrong_order(lambda K: K.transpose(1, 0, 2, 3).reshape(-1, K.shape[3])),
            ),
        ),
        Misconception(
            "options not used",
            "One of `stride`, `padding`, `dilation` has no effect in your function: hand all three on.",
            (
                lambda X, K, b, stride=1, padding=0, dilation=1: _conv(X, K, b, 1, padding, dilation),
                lambda X, K, b, stride=1, padding=0, dilation=1: _conv(X, K, b, stride, 0, dilation),
                lambda X, K, b, stride=1, padding=0, dilation=1: _conv(X, K, b, stride, padding, 1),
                lambda X, K, b, stride=1, padding=0, dilation=1: _conv(X, K, b),
                lambda X, K, b, stride=1, padding=0, dilation=1: _conv(X, K, b, stride),
                lambda X, K, b, stride=1, padding=0, dilation=1: _conv(X, K, b, stride, padding),
            ),
        ),
        Misconception(
            "options exchanged",
            "Two of the three options are exchanged: the order is stride, padding, dilation.",
            (
                lambda X, K, b, stride=1, padding=0, dilation=1: _conv(X, K, b, dilation, padding, stride),
                lambda X, K, b, stride=1, padding=0, dilation=1: _conv(X, K, b, padding, stride, dilation),
            ),
        ),
        Misconception(
            "stride forgotten in the index",
            "The output has the right size, but it shows the top-left corner at stride 1. Output pixel i begins at "
            "input pixel i times stride.",
            (_stride_forgotten_in_the_index,),
        ),
        Misconception(
            "pads every axis",
            "`np.pad(X, padding)` pads *all* axes: more images and more channels of zeros too. Height and width alone "
            "get a border.",
            (_pads_everything,),
        ),
        Misconception(
            "pads with something else",
            "The border holds copies of pixels of the picture. Here it holds zeros.",
            (_pads(mode="edge"), _pads(mode="reflect"), _pads(mode="wrap"), _pads(mode="symmetric")),
        ),
        Misconception(
            "pads on one side",
            "The border is missing on one side. Padding p adds p rows above *and* p below, p columns left *and* right.",
            (_pads_one_side(lambda p: (p, 0)), _pads_one_side(lambda p: (0, p))),
        ),
        Misconception(
            "pads the output",
            "The border was put around the output. It belongs around the *input*, before the kernel slides.",
            (_pads_afterwards,),
        ),
        Misconception(
            "channels in front",
            "Your output has the channels before height and width. Here they come last: (N, H', W', C_out).",
            (lambda X, K, b, *options: _conv(X, K, b, *options).transpose(0, 3, 1, 2),),
        ),
        Misconception(
            "only the first image",
            "One image came out, or the images were added up. The batch axis stays: every image has an output of its "
            "own.",
            (
                lambda X, K, b, *options: _conv(X, K, b, *options)[0],
                lambda X, K, b, *options: _conv(X, K, b, *options)[:1],
                lambda X, K, b, *options: _conv(X, K, b, *options).sum(axis=0),
            ),
        ),
    ),
)


def _pool_cases(rng: np.random.Generator) -> list[Case]:
    X = np.array([[1.0, 5, 2, 0], [3, 4, 1, 1], [0, 2, 9, 6], [7, 1, 8, 3]])[None, ..., None]
    return [
        Case((X,)),
        Case((rng.normal(size=(2, 6, 8, 3)),), "two images, three channels"),
        Case((rng.normal(size=(1, 7, 5, 2)),), "a row and a column that fill no window"),
        Case((rng.normal(size=(1, 7, 9, 2)), 3, 2), "size 3, stride 2: windows overlap"),
        Case((rng.normal(size=(2, 5, 6, 1)), 2, 1), "size 2, stride 1"),
        Case((rng.normal(size=(1, 8, 7, 2)), 2, 3), "size 2, stride 3: pixels between the windows count nowhere"),
        Case((-rng.uniform(1, 2, size=(1, 4, 6, 2)),), "all values below 0"),
    ]


def _windows(X, size=2, stride=2):
    """(N, H', W', C, size, size)"""
    view = np.lib.stride_tricks.sliding_window_view(X, (size, size), axis=(1, 2))
    return view[:, ::stride, ::stride]


def _pool(take, size_of=lambda size, stride: size, stride_of=lambda size, stride: stride):
    """Pooling with another function of the window, or with size and stride mixed up."""
    return lambda X, size=2, stride=2: take(_windows(X, size_of(size, stride), stride_of(size, stride)))


def _largest(windows):
    return windows.max(axis=(-2, -1))


def _keeps_the_rest(X, size=2, stride=2):
    """TensorFlow's "same" at the bottom and right: a window that sticks out counts what it has."""
    rows, cols = (-(-(n - size) // stride) * stride + size - n for n in X.shape[1:3])
    around = ((0, 0), (0, max(rows, 0)), (0, max(cols, 0)), (0, 0))
    return _largest(_windows(np.pad(X, around, constant_values=-np.inf), size, stride))


def _at_every_start(X, size=2, stride=2):
    """range(0, H, stride): a window wherever one can begin, also where it sticks out."""
    starts = [range(0, n, stride) for n in X.shape[1:3]]
    rows = [[X[:, i : i + size, j : j + size].max(axis=(1, 2)) for j in starts[1]] for i in starts[0]]
    return np.array(rows).transpose(2, 0, 1, 3)


def _stride_not_in_the_index(X, size=2, stride=2):
    rows, cols = _windows(X, size, stride).shape[1:3]
    return _largest(_windows(X, size, 1))[:, :rows, :cols]


def _all_in_one(X, size=2, stride=2):
    """One largest value for all images and channels, written into every place of Y."""
    Y = _largest(_windows(X, size, stride))
    return np.broadcast_to(Y.max(axis=(0, 3), keepdims=True), Y.shape)


def _rows_cut_wrongly(X, size=2, stride=2):
    rows = nn.columns(X, size, stride)
    return rows.reshape(*rows.shape[:3], X.shape[3], size * size).max(axis=-1)


def _last_window_missing(X, size=2, stride=2):
    return _largest(_windows(X[:, :-1, :-1], size, stride))


POOL = Exercise(
    id="3.7",
    reference=nn.max_pool2d,
    cases=_pool_cases,
    hints=(
        "How large is the output? The windows are placed like a kernel: your `output_size` knows, with the size of the "
        "window in place of the kernel's.",
        "Loop over the rows i and columns j of the *output*. Window (i, j) begins at row i times stride and column j "
        "times stride of X, and is `size` wide.",
        "`X[:, top : top + size, left : left + size, :]` is the window in all images and channels at once. Take its "
        "largest value over axes 1 and 2.",
    ),
    why="Each window begins at a multiple of the stride; the maximum goes over height and width of the window alone.",
    misconceptions=(
        Misconception(
            "step 1",
            "Your window moves by one pixel, as in the article's listing. With step 1 nothing gets much smaller. "
            "It moves by `stride`.",
            (_pool(_largest, stride_of=lambda size, stride: 1),),
        ),
        Misconception(
            "stride forgotten in the index",
            "The size is right, but your windows begin at (i, j): that is the top-left corner, pooled with step 1. "
            "Window (i, j) begins at row i times stride, column j times stride.",
            (_stride_not_in_the_index,),
        ),
        Misconception(
            "stride taken for the size",
            "Size and stride are two numbers: how large a window is, and how far it moves. You used one for both. "
            "(They are equal in the default, and then nobody notices.)",
            (
                _pool(_largest, stride_of=lambda size, stride: size),
                _pool(_largest, size_of=lambda size, stride: stride),
                _pool(_largest, lambda size, stride: stride, lambda size, stride: size),
            ),
        ),
        Misconception(
            "average",
            "That is average pooling. Max pooling takes the largest value of each window.",
            (
                _pool(lambda windows: windows.mean(axis=(-2, -1))),
                _pool(lambda windows: np.median(windows, axis=(-2, -1))),
            ),
        ),
        Misconception(
            "another value of the window",
            "You took one pixel of each window by its place, or the smallest, or the sum. Max pooling takes the "
            "largest value, wherever in the window it is.",
            (
                _pool(lambda windows: windows[..., 0, 0]),
                _pool(lambda windows: windows.min(axis=(-2, -1))),
                _pool(lambda windows: windows.sum(axis=(-2, -1))),
            ),
        ),
        Misconception(
            "absolute values",
            "-5 is smaller than 1: no absolute value. The largest value of a window may be negative.",
            (_pool(lambda windows: np.abs(windows).max(axis=(-2, -1))),),
        ),
        Misconception(
            "images and channels mixed",
            "Your maximum went over the images and channels of the window too. Over axes 1 and 2 of the window alone: "
            "`.max(axis=(1, 2))`.",
            (_all_in_one,),
        ),
        Misconception(
            "rows of `columns` cut wrongly",
            "A row of `columns` runs over the pixels first, channels last: reshape it to (..., size * size, C) and "
            "take the maximum over the axis before the last.",
            (_rows_cut_wrongly,),
        ),
        Misconception(
            "channels pooled too",
            "The channels are gone: the maximum went over them as well. Each channel is pooled by itself.",
            (
                lambda X, size=2, stride=2: _largest(_windows(X, size, stride)).max(axis=3),
                lambda X, size=2, stride=2: _largest(_windows(X, size, stride)).max(axis=3, keepdims=True),
            ),
        ),
        Misconception(
            "images pooled together",
            "The maximum went over the images of the batch too: one patient's pixels ended up in another's.",
            (
                lambda X, size=2, stride=2: _largest(_windows(X, size, stride)).max(axis=0),
                lambda X, size=2, stride=2: _largest(_windows(X, size, stride)).max(axis=0, keepdims=True),
            ),
        ),
        Misconception(
            "windows that stick out",
            "Your output counts windows that stick out over the edge. A row or column that fills no whole window is "
            'left out here. (TensorFlow keeps it with padding="same".)',
            (_keeps_the_rest, _at_every_start),
        ),
        Misconception(
            "last window missing",
            "The last window is missing: it fits exactly, and counts. There are floor((n - f) / s) + 1 places.",
            (_last_window_missing,),
        ),
        Misconception(
            "starts at zero",
            "A window in which all values are negative gave 0. A running maximum must not begin at 0: begin with the "
            "first value of the window.",
            (_pool(lambda windows: np.maximum(_largest(windows), 0)),),
        ),
        Misconception(
            "wrong axes",
            "You pooled other axes than height and width. In (N, H, W, C) these are axes 1 and 2.",
            (
                lambda X, size=2, stride=2: _largest(_windows(X.transpose(0, 2, 3, 1), size, stride)).transpose(
                    0, 3, 1, 2
                ),
                lambda X, size=2, stride=2: _largest(_windows(X.transpose(1, 0, 2, 3), size, stride)).transpose(
                    1, 0, 2, 3
                ),
            ),
        ),
    ),
)
