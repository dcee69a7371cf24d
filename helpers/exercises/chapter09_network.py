"""Exercises of chapter 09 on the network: a block of convolutions, the wiring, soft Dice."""

from collections.abc import Callable, Sequence

import numpy as np

from helpers.exercises.exercise import Case, Exercise, Misconception
from helpers.nn import conv2d, relu

# 9.5 ------------------------------------------------------------------------------------------------------------------


def conv_block(X: np.ndarray, kernels: Sequence[np.ndarray], groups: int) -> np.ndarray:
    """Convolution, group normalisation, ReLU, for one kernel after the other.

    Wu and He, Group normalization, ECCV 2018; with as many groups as channels it is instance normalisation.

    Parameters
    ----------
    X : (N, H, W, C), the images
    kernels : each (3, 3, C_in, C_out); no bias, padding "same"
    groups : into how many groups of neighbouring channels each C_out is cut

    Returns
    -------
    (N, H, W, C_out) of the last kernel
    """
    for K in kernels:
        X = conv2d(X, K, None, padding="same")
        grouped = X.reshape(*X.shape[:3], groups, -1)  # (N, H, W, groups, channels of a group)
        apart = grouped - grouped.mean(axis=(1, 2, 4), keepdims=True)
        variance = (apart**2).mean(axis=(1, 2, 4), keepdims=True)
        X = relu((apart / np.sqrt(variance + 1e-3)).reshape(X.shape))
    return X


class _Arrays(list):
    """A list of arrays, told by their shapes."""

    def __repr__(self):
        return "[" + ", ".join(f"an array of shape {array.shape}" for array in self) + "]"


def _block_cases(rng: np.random.Generator) -> list[Case]:
    def case(shape, channels, groups, note, scale=1.0):
        sizes = zip((shape[3], *channels), channels, strict=False)
        kernels = _Arrays(rng.normal(size=(3, 3, *size)) for size in sizes)
        shift = 1 + np.arange(shape[0]).reshape(-1, 1, 1, 1)  # images of different brightness and contrast
        return Case((scale * shift * (rng.normal(size=shape) + shift), kernels, groups), note)

    one = np.zeros((3, 3, 1, 2))
    one[1, 1] = [[1.0, -2.0]]
    return [
        Case((np.array([[1.0, 2, 3], [6, 5, 4]])[None, :, :, None], _Arrays([one]), 1), "one image, one kernel"),
        case((2, 4, 5, 2), (4, 4), 2, "two kernels, groups of two channels"),
        case((3, 5, 4, 3), (3, 3), 3, "as many groups as channels"),
        case((2, 4, 4, 1), (6, 9), 3, "groups of two, then of three channels"),
        case((2, 5, 6, 5), (5,), 1, "one group", 0.01),
        case((1, 4, 3, 4), (4, 4, 8), 4, "three kernels"),
    ]


def _normalised(X, groups, axes=(1, 2, 4), eps=1e-3, ddof=0, neighbours=True, rule=None) -> np.ndarray:
    """Group normalisation with one part exchanged; rule(apart, variance, eps) divides."""
    N, H, W, C = X.shape
    if neighbours:
        grouped = X.reshape(N, H, W, groups, C // groups)
    else:
        grouped = X.reshape(N, H, W, C // groups, groups).swapaxes(3, 4)
    apart = grouped - grouped.mean(axis=axes, keepdims=True)
    variance = grouped.var(axis=axes, keepdims=True, ddof=ddof)
    normal = apart / np.sqrt(variance + eps) if rule is None else rule(grouped, apart, variance)
    return (normal if neighbours else normal.swapaxes(3, 4)).reshape(X.shape)


def _conv(X, K) -> np.ndarray:
    return conv2d(X, K, None, padding="same")


def _blocks(step: Callable) -> Callable:
    """A wrong answer that does step(X, K, groups) for one kernel after the other."""

    def wrong(X, kernels, groups):
        for K in kernels:
            X = step(X, K, groups)
        return X

    return wrong


def _norm(**how) -> Callable:
    return _blocks(lambda X, K, groups: relu(_normalised(_conv(X, K), groups, **how)))


def _relu_at_the_end(X, kernels, groups):
    for K in kernels:
        X = _normalised(_conv(X, K), groups)
    return relu(X)


def _no_relu_at_the_end(X, kernels, groups):
    X = conv_block(X, kernels[:-1], groups)
    return _normalised(_conv(X, kernels[-1]), groups)


def _every_kernel_on_x(X, kernels, groups):
    for K in kernels:
        Y = conv_block(X, [K], groups)
    return Y


CONV_BLOCK = Exercise(
    id="9.5",
    reference=conv_block,
    cases=_block_cases,
    hints=(
        "Three steps in a loop over the kernels: convolution, normalisation, ReLU. What comes out of one round goes "
        "into the next. The new part is the normalisation; write it for one group first, all channels together.",
        "A reshape cuts the last axis into two: (N, H, W, groups, channels of one group). Mean and variance are then "
        "taken over three of these five axes: rows, columns, channels of the group. `keepdims=True` keeps what comes "
        "out fit for the subtraction.",
        "With `grouped = Y.reshape(*Y.shape[:3], groups, -1)`: the mean over `axis=(1, 2, 4)`, the variance as "
        "`grouped.var(axis=(1, 2, 4), keepdims=True)`. Divide by the root of the variance plus 0.001, reshape back to "
        "the shape of Y, then `relu`.",
    ),
    why="The reshape puts neighbouring channels into one group without a loop. Each image is normalised by its own "
    "numbers: what comes out for it does not depend on the others in the batch, or on how many there are.",
    misconceptions=(
        Misconception(
            "normalised after the ReLU",
            "You normalise after the ReLU. Then the mean of what was cut off at 0 is subtracted, and negative numbers "
            "come out of the block. Here the order is: convolution, normalisation, ReLU.",
            (_blocks(lambda X, K, groups: _normalised(relu(_conv(X, K)), groups)),),
        ),
        Misconception(
            "a ReLU is missing",
            "A ReLU is missing: one follows *every* normalisation, the last one too. Two convolutions with nothing "
            "bent between them are one convolution with a larger kernel (chapter 02): the block could learn no more.",
            (_blocks(lambda X, K, groups: _normalised(_conv(X, K), groups)), _relu_at_the_end, _no_relu_at_the_end),
        ),
        Misconception(
            "the normalisation is missing",
            "There are convolutions and ReLUs, but no normalisation: one follows every convolution.",
            (_blocks(lambda X, K, groups: relu(_conv(X, K))),),
        ),
        Misconception(
            "over the images of the batch",
            "Your mean runs over the images too, as in batch normalisation (chapter 06). Then an image's result "
            "depends on its neighbours in the batch, and a batch of two is a poor sample. Here every image is "
            "normalised by itself: axis 0 stays.",
            (_norm(axes=(0, 1, 2, 4)), _norm(axes=(0, 1, 2)), _norm(axes=(0, 1, 2, 3, 4))),
        ),
        Misconception(
            "all channels together",
            "You normalised all channels together, whatever `groups` says. That is layer normalisation: a channel with "
            "large values decides the mean of the others. Each group has its own mean and variance.",
            (_norm(axes=(1, 2, 3, 4)),),
        ),
        Misconception(
            "each channel by itself",
            "You normalised each channel by itself. That is instance normalisation, one group a channel. Here `groups` "
            "says how many groups there are, and the channels of one group share their mean and variance.",
            (_norm(axes=(1, 2)),),
        ),
        Misconception(
            "the groups interleaved",
            "Your groups take every second, third ... channel. A group holds *neighbours*: of four channels in two "
            "groups, 0 and 1, then 2 and 3. In a reshape the axis of the groups comes before that of their channels.",
            (_norm(neighbours=False),),
        ),
        Misconception(
            "channels in a group for groups",
            "You took `groups` for the number of channels in a group. It is the number of groups.",
            (_blocks(lambda X, K, groups: relu(_normalised(_conv(X, K), K.shape[3] // groups))),),
        ),
        Misconception(
            "another number in the root",
            "The number in the root is 0.001, inside, beside the variance. It matters where an image is nearly flat: "
            "without it the noise of an empty corner is blown up to full size.",
            (
                _norm(rule=lambda grouped, apart, variance: apart / (np.sqrt(variance) + 1e-3)),
                _norm(eps=0),
                _norm(eps=1e-5),
                _norm(eps=1e-6),
                _norm(eps=1e-8),
                _norm(eps=1e-2),
            ),
        ),
        Misconception(
            "divided by n - 1",
            "Your variance divides by n - 1. Here it is the mean of the squared distances, divided by n, as in all "
            "normalisation layers.",
            (_norm(ddof=1),),
        ),
        Misconception(
            "the root is missing",
            "You divided by the variance. It is made of squares: an image with twice the contrast comes out with half "
            "of it. The *root*, the standard deviation, is in the units of the image, and brings every group to "
            "variance 1.",
            tuple(
                _norm(rule=lambda grouped, apart, variance, e=e: apart / (variance + e)) for e in (1e-3, 0, 1e-5, 1e-6)
            ),
        ),
        Misconception(
            "half a normalisation",
            "Normalising takes two steps: subtract the mean, and divide by the *root* of variance plus 0.001. Then the "
            "result has mean 0 and variance 1, whatever units came in. One of the two is missing or differs.",
            tuple(
                _norm(rule=rule)
                for rule in (
                    lambda grouped, apart, variance: apart,
                    lambda grouped, apart, variance: grouped / np.sqrt(variance + 1e-3),
                )
            ),
        ),
        Misconception(
            "not one kernel after the other",
            "You used one kernel of the list, or started from X again with each. The block goes through all of them: "
            "the second convolution takes what the first ReLU gave.",
            (
                lambda X, kernels, groups: conv_block(X, kernels[:1], groups),
                lambda X, kernels, groups: conv_block(X, kernels[-1:], groups),
                lambda X, kernels, groups: conv_block(X, kernels[:2], groups),
                _every_kernel_on_x,
            ),
        ),
        Misconception(
            "no padding",
            "Your image has become smaller: each convolution without padding takes two rows and two columns. With "
            'padding "same" the size stays, and a U-Net can join skips without cutting.',
            (_blocks(lambda X, K, groups: relu(_normalised(conv2d(X, K, None), groups))),),
        ),
    ),
)

# 9.6 ------------------------------------------------------------------------------------------------------------------


def unet(x: np.ndarray, down: list, pool: Callable, bottom: Callable, up: list, across: list) -> np.ndarray:
    """The wiring of a U-Net: down, the bottom, and up again, where each level gets back what it had on the way down.

    Ronneberger, Fischer, Brox, U-Net: convolutional networks for biomedical image segmentation, MICCAI 2015.

    Parameters
    ----------
    x : (..., H, W, C)
    down, up, across : one function a level, the finest level first. up goes from the level below to this one, across
        takes the skip and what comes from below, joined along the last axis, the skip first
    pool, bottom : functions

    Returns
    -------
    What the finest function of `across` gives; without levels, what `bottom` gives
    """
    skips = []
    for here in down:
        x = here(x)
        skips.append(x)
        x = pool(x)
    x = bottom(x)
    for skip, rise, here in zip(skips[::-1], up[::-1], across[::-1], strict=True):
        x = here(np.concatenate([skip, rise(x)], axis=-1))
    return x


class _Functions(list):
    """A list of functions, told by what each does."""

    def __repr__(self):
        return "[" + ", ".join(function.__doc__ for function in self) + "]"


def told(about: str, function: Callable) -> Callable:
    function.__doc__ = about
    return function


def _max_pool(x) -> np.ndarray:
    """the largest of each 2 x 2 pixels"""
    *before, H, W, C = x.shape
    return x.reshape(*before, H // 2, 2, W // 2, 2, C).max(axis=(-4, -2))


def _spread_max(x) -> np.ndarray:
    """the larger of each pixel and its right neighbour, the size stays"""
    return np.maximum(x, np.roll(x, -1, axis=-2))


def _enlarge(x) -> np.ndarray:
    """each pixel becomes 2 x 2 pixels"""
    return x.repeat(2, axis=-3).repeat(2, axis=-2)


def _mixer(rng: np.random.Generator, channels: int, first: Callable | None = None) -> Callable:
    """A function that makes new channels from any number of channels, each a weighted sum; perhaps something before."""
    weights = rng.normal(size=(64, channels))

    def mix(x):
        x = x if first is None else first(x)
        return x @ weights[: x.shape[-1]]

    before = "" if first is None else f"{first.__doc__}, then "
    return told(f"{before}{channels} weighted sums of the channels", mix)


def _thousands(x) -> np.ndarray:
    """channel 0 plus 1000 times channel 1, and so on"""
    return (x * 1000.0 ** np.arange(x.shape[-1])).sum(axis=-1, keepdims=True)


def _unet_cases(rng: np.random.Generator) -> list[Case]:
    def case(shape, levels, note, pool=_max_pool, rise=_enlarge):
        sizes = [int(rng.integers(2, 5)) for _ in range(levels)]
        parts = (_Functions(_mixer(rng, size, first) for size in sizes) for first in (None, rise, None))
        down, up, across = parts
        return Case((rng.normal(size=shape), down, pool, _mixer(rng, 3), up, across), note)

    ten = told("10 times x", lambda x: 10.0 * x)
    one_more = told("x + 1", lambda x: x + 1.0)
    tiny = np.array([[1.0, 2.0], [3.0, 4.0]])[:, :, None]
    return [
        Case(
            (tiny, _Functions([ten]), _max_pool, one_more, _Functions([_enlarge]), _Functions([_thousands])),
            "one level, one channel",
        ),
        case((4, 4, 2), 2, "two levels"),
        case((2, 8, 8, 3), 3, "two images, three levels"),
        case((3, 4, 2), 2, "two levels, pooling keeps the size", _spread_max, None),
        case((1, 3, 3, 1), 3, "three levels, pooling keeps the size", _spread_max, None),
        case((2, 2, 3), 0, "no levels: the lists are empty"),
    ]


def _joined(skip, x) -> np.ndarray:
    return np.concatenate([skip, x], axis=-1)


def _backward(functions):
    return functions[::-1]


def _forward(functions):
    return functions


def _wired(
    descend=lambda x, here, pool: (here(x), pool(here(x))),
    order=_backward,
    climb=lambda skip, x, rise, here: here(_joined(skip, rise(x))),
    lowest=lambda x, bottom: bottom(x),
    ups=_backward,
    acrosses=_backward,
) -> Callable:
    """A wrong answer: a U-Net with one part wired in another way.

    descend : a level of the way down -> the skip, and what goes on; climb : a level of the way up
    """

    def wrong(x, down, pool, bottom, up, across):
        skips = []
        for here in down:
            skip, x = descend(x, here, pool)
            skips.append(skip)
        x = lowest(x, bottom)
        for skip, rise, here in zip(order(skips), ups(up), acrosses(across), strict=True):
            x = climb(skip, x, rise, here)
        return x

    return wrong


def _descending(descend: Callable) -> Callable:
    return _wired(descend=descend)


def _climbing(climb: Callable) -> Callable:
    return _wired(climb=climb)


def _joining(join: Callable) -> Callable:
    return _wired(climb=lambda skip, x, rise, here: here(join(skip, rise(x))))


def _bottom_on_every_level(x, down, pool, bottom, up, across):
    return _descending(lambda x, here, pool: (here(x), bottom(pool(here(x)))))(x, down, pool, lambda x: x, up, across)


def _no_last_pool(x, down, pool, bottom, up, across):
    skips = []
    for here in down:
        x = here(pool(x) if skips else x)
        skips.append(x)
    return _climbed(bottom(x), skips, up, across)


def _climbed(x, skips, up, across):
    for skip, rise, here in zip(skips[::-1], up[::-1], across[::-1], strict=True):
        x = here(_joined(skip, rise(x)))
    return x


def _climbing_only(levels: slice) -> Callable:
    """A wrong answer that uses some levels only on the way up."""

    def wrong(x, down, pool, bottom, up, across):
        skips = []
        for here in down:
            skips.append(here(x))
            x = pool(skips[-1])
        return _climbed(bottom(x), skips[levels], up[levels], across[levels])

    return wrong


def _coarsest_not_reached(x, down, pool, bottom, up, across):
    return unet(x, down[:-1], pool, bottom, up[:-1], across[:-1])


def _coarsest_without_skip(x, down, pool, bottom, up, across):
    """The last function of `down` works right before the bottom."""
    return unet(x, down[:-1], pool, lambda x: bottom(down[-1](x) if down else x), up[:-1], across[:-1])


def _only_down(x, down, pool, bottom, up, across):
    for here in down:
        x = pool(here(x))
    return bottom(x)


UNET = Exercise(
    id="9.6",
    reference=unet,
    cases=_unet_cases,
    hints=(
        "Draw the small case with one level: x goes through `down`, then through `pool`, then `bottom`, then `up`. "
        "Where does the arrow across start, where does it end? Then write two loops, one down, one up.",
        "On the way down put what each function of `down` gave into a list, before you pool. On the way up the levels "
        "come in the other order: the last skip first. The lists `up` and `across` have the finest level first as "
        "well, so they are read backwards too.",
        "`zip(skips[::-1], up[::-1], across[::-1])` walks through all three from coarse to fine. In the loop: "
        "x from below through `up`, `np.concatenate([skip, x], axis=-1)`, and this through `across`. Take nothing out "
        "of the lists that came in: the caller needs them.",
    ),
    why="The skips are a pile: what was put down last is needed first. Each level of the way up gets the fine detail "
    "that its twin had before pooling, beside what the coarse levels know.",
    misconceptions=(
        Misconception(
            "the skip after pooling",
            "You kept what came out of `pool`. The skip is what the level had *before*: the detail that pooling throws "
            "away is the very thing it carries across. (Its size does not fit either.)",
            (_descending(lambda x, here, pool: (pool(here(x)), pool(here(x)))),),
        ),
        Misconception(
            "the skip before the level's function",
            "You kept what came *into* the level. The skip is what the level's function of `down` gave: features, not "
            "yet pooled.",
            (
                _descending(lambda x, here, pool: (x, pool(here(x)))),
                _descending(lambda x, here, pool: (x, here(pool(x)))),
            ),
        ),
        Misconception(
            "the sum in place of joining",
            "You added the skip to x. A U-Net *joins* them: all channels side by side, so that the next convolution "
            "can treat them differently. (Networks that add exist too; they are residual ones.)",
            (_joining(lambda skip, x: skip + x),),
        ),
        Misconception(
            "x before the skip",
            "You joined x and the skip in the other order. The skip comes first. A trained network has one weight for "
            "each channel: its weights would meet the wrong channels.",
            (_joining(lambda skip, x: _joined(x, skip)),),
        ),
        Misconception(
            "the first skip first",
            "You used the skips in the order in which they were made. On the way up the coarsest level comes first, "
            "and it needs the *last* skip.",
            (_wired(order=_forward), _wired(order=_forward, ups=_forward, acrosses=_forward)),
        ),
        Misconception(
            "the lists of the way up read forwards",
            "You read `up` or `across` from the front on the way up. Their first function belongs to the finest level, "
            "which comes last.",
            (_wired(ups=_forward, acrosses=_forward), _wired(ups=_forward), _wired(acrosses=_forward)),
        ),
        Misconception(
            "the same skip on every level",
            "You joined the same skip on every level. Each level has its own: a list keeps them.",
            (
                _wired(order=lambda skips: [skips[-1] for _ in skips]),
                _wired(order=lambda skips: [skips[0] for _ in skips]),
            ),
        ),
        Misconception(
            "no skip at all",
            "There are no skips: what comes out has been through the bottom, and the bottom is coarse. This is the "
            "article's chain, with or without a way up behind it. On every level of the way up the skip is joined.",
            (_joining(lambda skip, x: x), _joining(lambda skip, x: _joined(x, x)), _only_down),
        ),
        Misconception(
            "the bottom is missing",
            "`bottom` is never used. Below the last level, after its pooling, it works on the coarsest image.",
            (_wired(lowest=lambda x, bottom: x),),
        ),
        Misconception(
            "the bottom on every level",
            "You used `bottom` on every level, or more than once. It comes once, below the last level.",
            (_bottom_on_every_level, _wired(lowest=lambda x, bottom: bottom(bottom(x)))),
        ),
        Misconception(
            "a pool is missing",
            "A `pool` is missing. One follows *every* level, the last one too: `bottom` works below it, on an image "
            "half as wide. There are as many ways up as levels, and each makes up for one pooling: without it what "
            "comes back is too large for its skip.",
            (_no_last_pool, _descending(lambda x, here, pool: (here(x), here(x)))),
        ),
        Misconception(
            "a level is left out",
            "A level is left out, the finest or the coarsest. `down`, `up` and `across` have one function for each "
            "level, and all of them work: down to the last, below it the bottom, and up again until the first skip is "
            "used and the answer is as large as the image.",
            (
                _climbing_only(slice(1, None)),
                _climbing_only(slice(None, -1)),
                _coarsest_not_reached,
                _coarsest_without_skip,
            ),
        ),
        Misconception(
            "pooled first",
            "You pooled before the level's function. The finest level must see the image as it is: first its function "
            "of `down`, then `pool`.",
            (_descending(lambda x, here, pool: (here(pool(x)), here(pool(x)))),),
        ),
        Misconception(
            "not joined at its place",
            "On each level of the way up the order is: `up`, then join, then `across`. Skip and x must have the same "
            "size when they meet, and `across` must see both.",
            (
                _climbing(lambda skip, x, rise, here: _joined(skip, here(rise(x)))),
                _climbing(lambda skip, x, rise, here: _joined(here(skip), rise(x))),
                _climbing(lambda skip, x, rise, here: here(rise(_joined(skip, x)))),
            ),
        ),
        Misconception(
            "one of the two functions is missing",
            "On each level of the way up two functions are used: that of `up` before joining, to bring x to the size "
            "of this level, and that of `across` after it, to make one answer of both.",
            (
                _climbing(lambda skip, x, rise, here: _joined(skip, rise(x))),
                _climbing(lambda skip, x, rise, here: here(_joined(skip, x))),
            ),
        ),
        Misconception(
            "joined along another axis",
            "You joined along the wrong axis: the image grew in place of its channels. The channels are the last axis, "
            "and `np.concatenate` takes the first one if you do not say which.",
            (
                _joining(lambda skip, x: np.concatenate([skip, x])),
                _joining(lambda skip, x: np.concatenate([skip, x], axis=1)),
                _joining(lambda skip, x: np.stack([skip, x], axis=-1)),
            ),
        ),
    ),
)

# 9.7 ------------------------------------------------------------------------------------------------------------------


def soft_dice_loss(probabilities: np.ndarray, truth: np.ndarray, smooth: float = 1.0) -> float:
    """1 minus the mean soft Dice of all labels but the background, over all pixels of the batch.

    After Milletari, Navab, Ahmadi, V-Net, 3DV 2016, who have squares below the line.

    Parameters
    ----------
    probabilities : (N, H, W, K), of each pixel and label, the background first
    truth : (N, H, W, K), one-hot
    smooth : added above and below the line

    Returns
    -------
    The loss: 0 for a perfect answer, at most 1
    """
    p, t = probabilities[..., 1:], truth[..., 1:]
    shared = (p * t).sum(axis=(0, 1, 2))  # one number a label
    sizes = p.sum(axis=(0, 1, 2)) + t.sum(axis=(0, 1, 2))
    return 1 - ((2 * shared + smooth) / (sizes + smooth)).mean()


def _soft_cases(rng: np.random.Generator) -> list[Case]:
    def case(shape, note, smooth=(), labels=None, sharp=2.0, dtype=float):
        K = shape[-1]
        label = rng.choice(labels or K, size=shape[:-1])
        label.flat[:K] = np.resize(labels or np.arange(K), min(K, label.size))
        truth = np.eye(K)[label]
        logits = rng.normal(size=shape) + sharp * truth * rng.random(shape[:-1])[..., None]
        p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        return Case((p, truth.astype(dtype), *smooth), note)

    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6], [0.8, 0.1, 0.1]])[None, None]
    truth = np.eye(3)[[1, 1, 2, 0]][None, None]
    small = case((2, 3, 4, 4), "the second image has background only")
    small.args[1][1] = np.eye(4)[0]
    return [
        Case((p, truth), "one row of four pixels: labels 1, 1, 2, 0"),
        small,
        case((3, 4, 5, 4), "smooth is 0", (0.0,)),
        case((2, 4, 3, 3), "smooth is 10, truth of integers", (10.0,), dtype=np.int64),
        case((2, 5, 4, 4), "label 3 does not occur", (), [0, 1, 2]),
        case((1, 4, 4, 2), "one label beside the background", (1e-5,)),
        Case((truth.copy(), truth.copy()), "the perfect answer"),
    ]


def _soft(
    parts=lambda p, t: (p * t, p, t),
    over=lambda values: values.sum(axis=(0, 1, 2)),
    ratio=lambda shared, p, t, smooth: (2 * shared + smooth) / (p + t + smooth),
    first=1,
    last=None,
    put=lambda scores: 1 - np.mean(scores),
    answer=lambda p: p,
    smoothing=lambda smooth: smooth,
) -> Callable:
    """A wrong answer: the loss with one part exchanged."""

    def wrong(probabilities, truth, smooth=1.0):
        p, t = answer(probabilities)[..., first:last], truth[..., first:last]
        return put(ratio(*map(over, parts(p, t)), smoothing(smooth)))

    return wrong


def _if_it_occurs(put: Callable) -> Callable:
    """A wrong answer that asks which labels occur: put(scores, occurs) is their mean."""

    def ratio(shared, p, t, smooth):
        return np.stack([(2 * shared + smooth) / (p + t + smooth), t])

    return _soft(ratio=ratio, put=lambda both: 1 - put(both[0], both[1] > 0))


SOFT_DICE_LOSS = Exercise(
    id="9.7",
    reference=soft_dice_loss,
    cases=_soft_cases,
    hints=(
        "Work the small case out by hand for label 1. Its probabilities are 0.3, 0.6, 0.2, 0.1, its truth 1, 1, 0, 0. "
        "What is the sum of their products? What are their two sums?",
        "Everything happens for each label, along the last axis. Leave the first label out, then sum over the other "
        "three axes: three sums, each with one number a label.",
        "With `axis=(0, 1, 2)`: the sum of the products, the sum of the probabilities, the sum of the truth. From them "
        "one soft Dice a label, with `smooth` above and below. Then the mean, and 1 minus it.",
    ),
    why="For probabilities of 0 and 1 and smooth = 0 this is 1 minus the Dice of 9.3: products count the shared "
    "pixels, sums the sizes. Unlike counting it changes a little when a probability does, and so it has a gradient.",
    misconceptions=(
        Misconception(
            "the background counts",
            "You took all labels into the mean, the background too. It fills nearly the whole image and its Dice is "
            "near 1 from the first step: it would hide what happens to the tumour. Leave out the first label.",
            (_soft(first=0),),
        ),
        Misconception(
            "the last label left out",
            "You left out the last label. The background is the *first* one, label 0: now it counts, and one kind of "
            "tumour tissue does not count at all.",
            (_soft(first=0, last=-1),),
        ),
        Misconception(
            "absent labels left out",
            "You asked whether a label occurs, and left it out of the mean or gave it a mark of its own. Then it costs "
            "nothing to see that label where it is not. Every label but the background has its fraction: `smooth` "
            "gives 1 to one that neither occurs nor is predicted.",
            (
                _if_it_occurs(lambda scores, occurs: scores[occurs].mean()),
                _if_it_occurs(lambda scores, occurs: np.where(occurs, scores, 1.0).mean()),
                _if_it_occurs(lambda scores, occurs: np.where(occurs, scores, 0.0).mean()),
            ),
        ),
        Misconception(
            "each image by itself",
            "You worked out a Dice for each image and took their mean. Then an image without a label decides as much "
            "as one that is full of it: a false spot of five pixels there costs most of a Dice. Here the sums run "
            "over all images of the batch.",
            (_soft(over=lambda values: values.sum(axis=(1, 2))),),
        ),
        Misconception(
            "probabilities made hard",
            "You turned the probabilities into yes and no first. A step has no slope: if a probability moves from 0.40 "
            "to 0.41 nothing changes, the gradient is 0, and the network learns nothing. *Soft* Dice takes the "
            "probabilities as they are.",
            (
                _soft(answer=lambda p: np.eye(p.shape[-1])[p.argmax(axis=-1)]),
                _soft(answer=lambda p: (p > 0.5).astype(float)),
                _soft(answer=lambda p: (p >= 0.5).astype(float)),
                _soft(answer=np.round),
            ),
        ),
        Misconception(
            "squares below the line",
            "You squared the probabilities below the line. That is the loss of V-Net, another published definition; "
            "for 0 and 1 it is the same, in between it is not. Here plain sums stand there.",
            (_soft(parts=lambda p, t: (p * t, p**2, t**2)), _soft(parts=lambda p, t: (p * t, p**2, t))),
        ),
        Misconception(
            "all labels in one heap",
            "You put the labels together before you divided. Then a large label, the oedema, outweighs a small one. "
            "First one Dice for each label, then the mean of these: so every label counts the same.",
            (
                _soft(over=np.sum),
                _soft(over=np.sum, first=0),
                _soft(
                    ratio=lambda shared, p, t, smooth: (
                        (2 * shared.sum() + len(shared) * smooth) / (p.sum() + t.sum() + len(shared) * smooth)
                    )
                ),
                _soft(ratio=lambda shared, p, t, smooth: (2 * shared.mean() + smooth) / (p.mean() + t.mean() + smooth)),
            ),
        ),
        Misconception(
            "a Dice for each pixel",
            "You divided before you summed. A Dice is one fraction of two sums over *all* pixels; a mean of fractions, "
            "a pixel or a row each, is another number.",
            (
                _soft(over=lambda values: values),
                _soft(over=lambda values: values.sum(axis=(0, 1))),
                _soft(over=lambda values: values.sum(axis=3)),
            ),
        ),
        Misconception(
            "means in place of sums",
            "You took means over the pixels where sums are asked for. Then `smooth` is huge beside them: the loss is "
            "near 0 whatever the network says, and hardly has a slope.",
            (_soft(over=lambda values: values.mean(axis=(0, 1, 2))),),
        ),
        Misconception(
            "smooth on one side only",
            "`smooth` stands above *and* below the line. With a label that does not occur and is not predicted the "
            "fraction must be 1, not 0 and not large.",
            (
                _soft(ratio=lambda shared, p, t, smooth: (2 * shared + smooth) / (p + t)),
                _soft(ratio=lambda shared, p, t, smooth: 2 * shared / (p + t + smooth)),
            ),
        ),
        Misconception(
            "smooth counted twice above",
            "Above the line the 2 multiplies `smooth` as well. It belongs to the shared part alone; `smooth` is added "
            "once above and once below. Your fraction goes beyond 1: a label that neither occurs nor is predicted gets "
            "2.",
            (_soft(ratio=lambda shared, p, t, smooth: 2 * (shared + smooth) / (p + t + smooth)),),
        ),
        Misconception(
            "smooth not taken from the argument",
            "You left `smooth` out, or put a number of your own in its place. It is an argument: the caller may give "
            "another one than 1.",
            (
                _soft(smoothing=lambda smooth: 0.0),
                _soft(smoothing=lambda smooth: 1.0),
                _soft(smoothing=lambda smooth: 1e-5),
                _soft(smoothing=lambda smooth: 1e-6),
            ),
        ),
        Misconception(
            "the 2 is missing",
            "The 2 is missing above the line. A perfect answer then has a loss of about 1/2: shared pixels stand below "
            "the line twice.",
            (_soft(ratio=lambda shared, p, t, smooth: (shared + smooth) / (p + t + smooth)),),
        ),
        Misconception(
            "Dice in place of the loss",
            "That is the soft Dice, and training makes a loss *small*: this network would learn to miss the tumour. "
            "The loss is 1 minus it. (Minus the Dice has the same gradient, but is not what is asked for.)",
            (
                _soft(put=np.mean),
                _soft(put=lambda scores: -np.mean(scores)),
                _soft(put=lambda scores: np.mean(scores) - 1),
            ),
        ),
        Misconception(
            "not the mean over the labels",
            "You summed over the labels, or divided by a wrong number of them. Take the mean of all but the "
            "background, K - 1 labels, then 1 minus it: the loss stays between 0 and 1 however many there are.",
            (
                _soft(put=lambda scores: 1 - np.sum(scores)),
                _soft(put=lambda scores: np.sum(1 - scores)),
                _soft(put=lambda scores: 1 - np.sum(scores) / (len(scores) + 1)),
            ),
        ),
        Misconception(
            "one number for each label",
            "These are the losses of the single labels. One number is asked for: training needs one slope. Take the "
            "mean.",
            (_soft(put=lambda scores: 1 - scores), _soft(put=lambda scores: 1 - scores, first=0)),
        ),
        Misconception(
            "IoU in place of Dice",
            "That is the soft IoU: below the line the shared part was subtracted once. In Dice the two sums stay "
            "whole.",
            (
                _soft(ratio=lambda shared, p, t, smooth: (shared + smooth) / (p + t - shared + smooth)),
                _soft(ratio=lambda shared, p, t, smooth: (2 * shared + smooth) / (p + t - shared + smooth)),
            ),
        ),
    ),
)
