"""The exercise of chapter 09 on a window that slides over a whole image."""

import itertools
import math
from collections.abc import Callable

import numpy as np

from helpers.exercises.chapter09_network import told
from helpers.exercises.exercise import Case, Exercise, Misconception

# 9.14 -----------------------------------------------------------------------------------------------------------------


def sliding_window(image: np.ndarray, predict: Callable, size: int, stride: int, weights: np.ndarray) -> np.ndarray:
    """The answer for a whole image from a network that takes windows: overlapping windows, blended by weights.

    Parameters
    ----------
    image : (H, W), both at least `size`
    predict : (size, size) -> (size, size)
    size, stride : of a window, and from one window to the next; stride at most size
    weights : (size, size), above 0, mostly large in the middle, where a network sees all around

    Returns
    -------
    (H, W): at each pixel the weighted mean over the windows that cover it
    """
    H, W = image.shape
    total, weight = np.zeros((H, W)), np.zeros((H, W))
    for y in [*range(0, H - size, stride), H - size]:  # the last one ends with the image
        for x in [*range(0, W - size, stride), W - size]:
            window = slice(y, y + size), slice(x, x + size)
            total[window] += weights * predict(image[window])
            weight[window] += weights
    return total / weight


def _network(size: int, row: np.ndarray, about: str) -> Callable:
    """Something that takes windows of one size only; what it says depends on the place, and on all of the window."""
    ramp = row[:, None] + 2 * row

    def predict(window):
        window = np.asarray(window)
        if window.shape != (size, size):
            raise ValueError(f"predict takes windows of shape {(size, size)}; one of shape {window.shape} came.")
        return window + ramp + 0.5 * window.max()

    return told(about, predict)


def _window_cases(rng: np.random.Generator) -> list[Case]:
    def case(shape, size, stride, note):
        predict = _network(size, rng.normal(size=size), f"a network for windows of {size} x {size} pixels")
        weights = np.minimum(np.arange(1, size + 1), np.arange(size, 0, -1))
        weights = weights[:, None] * weights + rng.random((size, size))
        image = rng.integers(10, size=shape) if stride == 1 else rng.normal(size=shape)
        return Case((image, predict, size, stride, weights), note)

    tens = np.array([[0.0, 10.0], [20.0, 30.0]])

    def plain(window):
        if np.shape(window) != (2, 2):
            raise ValueError(f"predict takes windows of shape (2, 2); one of shape {np.shape(window)} came.")
        return window + tens

    told("the window plus [[0, 10], [20, 30]]", plain)
    return [
        Case(
            (np.array([[1.0, 2, 3, 4, 5], [6, 7, 8, 9, 9]]), plain, 2, 2, np.array([[1.0, 3.0], [1.0, 4.0]])),
            "windows start at columns 0, 2 and 3",
        ),
        case((7, 9), 4, 3, "along y the windows fit, along x they leave a strip"),
        case((8, 6), 2, 2, "windows side by side"),
        case((5, 6), 3, 1, "stride 1, an image of whole numbers"),
        case((4, 4), 4, 2, "one window is enough"),
        case((int(rng.integers(10, 12)), 7), 4, 4, "windows side by side, and strips"),
        case((9, int(rng.integers(10, 13))), 5, 2, "many windows over each pixel"),
        case((11, 8), 5, 3, "the windows fit"),
    ]


def _starts(length: int, size: int, stride: int) -> list[int]:
    return [*range(0, length - size, stride), length - size]


def _fitting(length: int, size: int, stride: int) -> list[int]:
    """Without the window that ends with the image."""
    return list(range(0, length - size + 1, stride))


def _without_last(length: int, size: int, stride: int) -> list[int]:
    return list(range(0, length - size, stride)) or [0]


def _swept(
    starts=_starts,
    starts_x=None,
    add=lambda window, weights: weights * window,
    add_weight=lambda weights: weights,
    put=lambda total, weight: total / weight,
    see=lambda window, weights: window,
) -> Callable:
    """A wrong answer: sliding_window with one part exchanged."""

    def wrong(image, predict, size, stride, weights):
        H, W = image.shape
        total, weight = np.zeros((H, W)), np.zeros((H, W))
        for y in starts(H, size, stride):
            for x in (starts_x or starts)(W, size, stride):
                total[y : y + size, x : x + size] += add(
                    predict(see(image[y : y + size, x : x + size], weights)), weights
                )
                weight[y : y + size, x : x + size] += add_weight(weights)
        return put(total, weight)

    return wrong


def _written(change: Callable, starts: Callable = _starts) -> Callable:
    """A wrong answer in which each window goes over the one before: change(old, new, seen before)."""

    def wrong(image, predict, size, stride, weights):
        H, W = image.shape
        answer, seen = np.zeros((H, W)), np.zeros((H, W), dtype=bool)
        for y in starts(H, size, stride):
            for x in starts(W, size, stride):
                window = slice(y, y + size), slice(x, x + size)
                answer[window] = change(answer[window], predict(image[window]), seen[window])
                seen[window] = True
        return answer

    return wrong


def _over_the_edge(mode: str) -> Callable:
    """Windows go on in their stride; the image is made larger for the last ones."""

    def wrong(image, predict, size, stride, weights):
        H, W = image.shape
        more = [-(length - size) % stride for length in (H, W)]
        larger = np.pad(image, [(0, more[0]), (0, more[1])], mode=mode)
        return sliding_window(larger, predict, size, stride, weights)[:H, :W]

    return wrong


def _cut(image, predict, size, stride, weights):
    """Windows at the end are smaller than the network takes."""
    total, weight = np.zeros(image.shape), np.zeros(image.shape)
    for y in range(0, image.shape[0], stride):
        for x in range(0, image.shape[1], stride):
            window = slice(y, y + size), slice(x, x + size)
            part = weights[: image[window].shape[0], : image[window].shape[1]]
            total[window] += part * predict(image[window])
            weight[window] += part
    return total / weight


def _other_stride(stride_of: Callable) -> Callable:
    return lambda image, predict, size, stride, weights: sliding_window(
        image, predict, size, stride_of(size, stride), weights
    )


def _at(corners: Callable, put=lambda total, weight: total / weight) -> Callable:
    """A wrong answer whose windows stand at other places: corners(H, W, size, stride) -> (y, x) of each."""

    def wrong(image, predict, size, stride, weights):
        total, weight = np.zeros(image.shape), np.zeros(image.shape)
        for y, x in corners(*image.shape, size, stride):
            total[y : y + size, x : x + size] += weights * predict(image[y : y + size, x : x + size])
            weight[y : y + size, x : x + size] += weights
        return put(total, weight)

    return wrong


def _every_pair(starts_y: Callable, starts_x: Callable) -> Callable:
    return lambda *sizes: itertools.product(starts_y(*sizes), starts_x(*sizes))


def _along_y(H, W, size, stride):
    return _starts(H, size, stride)


def _along_x(H, W, size, stride):
    return _starts(W, size, stride)


def _pairs(H, W, size, stride):
    return zip(_starts(H, size, stride), _starts(W, size, stride), strict=False)


def _evenly(steps: Callable, whole: Callable) -> Callable:
    """Starts at equal distances from the first to the last place."""

    def starts(length, size, stride):
        return [int(y) for y in whole(np.linspace(0, length - size, steps((length - size) / stride) + 1))]

    return starts


def _by_one_number(number: Callable) -> Callable:
    """A wrong answer that divides every pixel by number(weights, their sum over each pixel)."""

    def wrong(image, predict, size, stride, weights):
        both = _swept(put=lambda total, weight: (total, weight))
        total, weight = both(image, predict, size, stride, weights)
        return total / number(weights, weight)

    return wrong


def _zeros_left(total, weight):
    return np.divide(total, weight, out=np.zeros(total.shape), where=weight > 0)


SLIDING_WINDOW = Exercise(
    id="9.14",
    reference=sliding_window,
    cases=_window_cases,
    hints=(
        "Two arrays of the size of the image, both zeros: one collects weight times prediction, one collects the "
        "weights. Each window adds to both. At the end one is divided by the other.",
        "Where do windows start? In the small case at columns 0 and 2, which covers columns 0 to 3. Column 4 is left, "
        "so one more starts at 3, the width minus the size. When they fit exactly there is no further one.",
        "`[*range(0, W - size, stride), W - size]` are the starts along x: the range stops before the last place, and "
        "the last place comes once, whether it is in the stride or not. The same along y, then two loops, one in the "
        "other.",
    ),
    why="Sums of weights take care of everything: corners that one window covers, the middle where four meet, and the "
    "last window that lies closer to its neighbour than the others. Where one window is alone its weight cancels.",
    misconceptions=(
        Misconception(
            "one window goes over another",
            "Where windows overlap you kept one of them, or the larger value. A network sees least at the edge of its "
            "window, and that is what remains: seams across the image. Add weight times prediction, and divide by the "
            "sum of the weights.",
            (
                _written(lambda old, new, seen: new),
                _written(lambda old, new, seen: np.where(seen, old, new)),
                _written(lambda old, new, seen: np.where(seen, np.maximum(old, new), new)),
            ),
        ),
        Misconception(
            "no weights",
            "You averaged the windows without `weights`. The edge of a window, where the network sees half of its "
            "surroundings, counts as much as the middle of the next one. The weights are there to prefer the middle.",
            (_swept(add=lambda window, weights: window, add_weight=np.ones_like),),
        ),
        Misconception(
            "divided by the number of windows",
            "You divided by the number of windows over each pixel, or by the sum of weights without weighing. Weigh "
            "the predictions and divide by the sum of the *same* weights: then a pixel on which all windows agree "
            "keeps its value.",
            (_swept(add_weight=np.ones_like), _swept(add=lambda window, weights: window)),
        ),
        Misconception(
            "one sum for all pixels",
            "You divided all pixels by one number. Each pixel has its *own* sum, of the weights that lie over it: in a "
            "corner they come from one window, in the middle from several. Collect them in a second array.",
            tuple(
                _by_one_number(number)
                for number in (
                    lambda weights, weight: weights.sum(),
                    lambda weights, weight: weights.mean(),
                    lambda weights, weight: weights.max(),
                    lambda weights, weight: weight.max(),
                    lambda weights, weight: weight.sum(),
                )
            ),
        ),
        Misconception(
            "not divided",
            "You summed and did not divide: where windows overlap the answer is too large. Divide by the sum of the "
            "weights.",
            (
                _swept(put=lambda total, weight: total),
                _swept(add=lambda window, weights: window, put=lambda total, weight: total),
            ),
        ),
        Misconception(
            "the weights squared",
            "The weights came in twice. Multiply each prediction by its weight once, and add each weight once.",
            (
                _swept(add=lambda window, weights: weights**2 * window),
                _swept(add=lambda window, weights: weights**2 * window, add_weight=lambda weights: weights**2),
            ),
        ),
        Misconception(
            "the weights on the image",
            "You multiplied the image by the weights before the network saw it. The network was trained on images as "
            "they are. The weights belong to its answer.",
            (
                _swept(see=lambda window, weights: window * weights),
                _swept(see=lambda window, weights: window * weights, add=lambda window, weights: window),
            ),
        ),
        Misconception(
            "a strip is missing",
            "At the lower or right border a strip is not covered by any window: it stays 0, or becomes 0 / 0. If the "
            "stride does not bring you to the end of the image, one more window has to end with it. (And `range` stops "
            "*before* its end: the last place that fits must be among the starts.)",
            (
                _swept(starts=_fitting),
                _swept(starts=_fitting, put=_zeros_left),
                _swept(starts=_fitting, starts_x=_starts, put=_zeros_left),
                _swept(starts=_starts, starts_x=_fitting, put=_zeros_left),
                _swept(starts=_fitting, add=lambda window, weights: window, add_weight=np.ones_like),
                _written(lambda old, new, seen: new, _fitting),
                _swept(starts=_without_last),
                _swept(starts=_without_last, put=_zeros_left),
            ),
        ),
        Misconception(
            "the starts of the other axis",
            "Your starts along one axis come from the size of the other. Height and width have each their own. In a "
            "square image nobody notices; else a strip is left that no window covers, or windows stand beyond the "
            "border.",
            (
                *(
                    _at(_every_pair(*starts), put)
                    for starts in ((_along_y, _along_y), (_along_x, _along_x))
                    for put in (lambda total, weight: total / weight, _zeros_left)
                ),
                _at(_every_pair(_along_y, lambda H, W, size, stride: [*range(0, H - size, stride), W - size])),
                _at(_every_pair(_along_y, lambda H, W, size, stride: [*range(0, W - size, stride), H - size])),
            ),
        ),
        Misconception(
            "windows on the diagonal only",
            "Your windows stand on one diagonal: the first start along y goes with the first along x, the second with "
            "the second. *Every* start along y goes with *every* start along x.",
            (_at(_pairs), _at(_pairs, _zeros_left)),
        ),
        Misconception(
            "the last window beyond the image",
            "Your last window goes on in its stride and reaches beyond the image. What lies there was made up, or the "
            "window is too small for the network. Move the last window back until it ends with the image: real pixels "
            "only.",
            (
                _over_the_edge("constant"),
                _over_the_edge("edge"),
                _over_the_edge("reflect"),
                _over_the_edge("symmetric"),
                _cut,
            ),
        ),
        Misconception(
            "the last window twice",
            "The window that ends with the image was used twice or more: it was in the stride already, or several "
            "windows were pushed back onto the same place. Then it weighs too much where it meets its neighbours.",
            (
                _swept(starts=lambda length, size, stride: [*_fitting(length, size, stride), length - size]),
                _swept(starts=lambda length, size, stride: [min(y, length - size) for y in range(0, length, stride)]),
            ),
        ),
        Misconception(
            "windows side by side",
            "You did not use `stride`: your windows stand side by side, or at steps of your own. The overlap that the "
            "stride gives is what takes the seams away.",
            (
                _other_stride(lambda size, stride: size),
                _other_stride(lambda size, stride: 1),
                _other_stride(lambda size, stride: max(1, size // 2)),
                _other_stride(lambda size, stride: max(1, size - stride)),
            ),
        ),
        Misconception(
            "the starts spread evenly",
            "You spread the starts evenly from border to border. That can be defended, but it is not what `stride` "
            "says: each window starts that many pixels after the one before, and only the last one is moved back until "
            "it ends with the image.",
            tuple(
                _swept(starts=_evenly(steps, whole))
                for steps in (math.ceil, math.floor)
                for whole in (np.round, np.floor)
            ),
        ),
        Misconception(
            "one prediction after the other averaged",
            "You took the mean of what was there and what comes new. Then the last window counts one half, and the "
            "first of four only an eighth. Collect sums, and divide once at the end.",
            (
                _written(lambda old, new, seen: (old + new) / 2),
                _written(lambda old, new, seen: np.where(seen, (old + new) / 2, new)),
            ),
        ),
    ),
)
