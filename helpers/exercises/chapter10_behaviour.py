"""Exercises of chapter 10 on behaviour: two maps of what an answer hangs on, weights in a byte, image and table."""

from collections.abc import Callable

import numpy as np

from helpers.exercises.exercise import Case, Exercise, Misconception
from helpers.trust import fuse, quantise

# 10.11 ----------------------------------------------------------------------------------------------------------------


def grad_cam(values, slopes):
    """The core of Grad-CAM: where the last convolution found what speaks for a logit.

    values (h, w, C) what the last convolution gives; slopes (h, w, C) d logit / d values -> map (h, w): ReLU of the sum
    over channels of values, each channel weighed by its mean slope
    """
    weights = slopes.mean(axis=(0, 1))  # (C,): one for each channel
    return np.maximum((values * weights).sum(axis=-1), 0)


def _map_cases(rng: np.random.Generator) -> list[Case]:
    values = np.array([[[2.0, 1.0], [0.5, 3.0]], [[4.0, 0.0], [1.0, 2.0]]])
    slopes = np.array([[[2.0, -1.0], [0.0, 0.5]], [[1.0, -2.5], [1.0, 1.0]]])

    def case(h, w, C, note, shift=0.0):
        return Case((np.maximum(rng.normal(size=(h, w, C)) + 0.3, 0), rng.normal(size=(h, w, C)) + shift), note)

    return [
        Case((values, slopes), "2 x 2 places, two channels: one speaks for the logit, one against it"),
        case(3, 5, 4, "3 x 5 places, four channels"),
        case(4, 4, 4, "as many rows and columns as channels"),
        case(6, 3, 2, "all speak against it", -2.0),
        case(1, 4, 7, "one row"),
        Case((rng.normal(size=(3, 4, 5)), rng.normal(size=(3, 4, 5)) + 0.2), "values below 0 too"),
        Case((rng.normal(size=(5, 2, 3)), 1e-3 * rng.normal(size=(5, 2, 3))), "small slopes, values below 0 too"),
    ]


def _relu(x) -> np.ndarray:
    return np.maximum(x, 0)


def _mapped(weights: Callable, end: Callable = _relu, each: Callable = lambda part: part) -> Callable:
    """A wrong map by its parts: weights(slopes), what is done to each weighed channel, and to the sum."""
    return lambda values, slopes: end(each(values * weights(slopes)).sum(axis=-1))


def _mean(slopes) -> np.ndarray:
    return slopes.mean(axis=(0, 1))


def _itself(x) -> np.ndarray:
    return x


def _largest_1(x) -> np.ndarray:
    x = _relu(x)
    return x / x.max()


def _largest_1_if_any(x) -> np.ndarray:
    x = _relu(x)
    return x / x.max() if x.max() > 0 else x


def _smallest_0_largest_1(x) -> np.ndarray:
    return (x - x.min()) / (x.max() - x.min())


GRAD_CAM = Exercise(
    id="10.11",
    reference=grad_cam,
    cases=_map_cases,
    points=2,
    hints=(
        "Each channel of the last convolution is a small map of where it found its pattern. Some patterns speak for "
        "the "
        "logit, some against it: the slopes tell how much. How do you get one number for a channel from its slopes?",
        "The weight of a channel is the mean of its slopes over all places: `slopes.mean(axis=(0, 1))` has the shape "
        "(C,). Then each channel of `values` is multiplied by its weight, and the channels are added up.",
        "`(values * weights).sum(axis=-1)` is (h, w): the weights meet the last axis by themselves. At the end, what "
        "is below 0 becomes 0.",
    ),
    why="The mean slope says whether more of a channel's pattern, wherever it lies, would raise the logit. The values "
    "say where it lies. What speaks against the logit is dropped, since the question is what speaks for it.",
    misconceptions=(
        Misconception(
            "multiplied place by place",
            "You multiplied slope and value at each place, without the mean. That is another map: there a slope "
            "at one place decides alone, and it jumps from place to place. Grad-CAM weighs each *channel* as a whole. "
            "Whoever compares your map with a published one would blame the network for a difference in the formula.",
            (_mapped(_itself), _mapped(_relu), _mapped(_itself, each=_relu)),
        ),
        Misconception(
            "no ReLU",
            "What speaks against the logit was not dropped. In a picture, whose colours run from the smallest to the "
            "largest value, it cannot be told from what speaks for it: a reader is sent to tissue that the network "
            "takes "
            "for healthy.",
            (_mapped(_mean, _itself), lambda values, slopes: values @ _mean(slopes) - 0.0),
        ),
        Misconception(
            "ReLU before the sum",
            "You dropped what is below 0 in each channel, or among the weights, before adding. Then nothing can speak "
            "against a place any more: a spot that one channel takes for a nodule and three for a vessel would shine. "
            "First add up, then drop.",
            (
                _mapped(_mean, each=_relu),
                _mapped(lambda slopes: _relu(_mean(slopes))),
                _mapped(lambda slopes: _mean(_relu(slopes))),
            ),
        ),
        Misconception(
            "the mean over channels",
            "You took the mean over the channels, so that each *place* has a weight. What a channel has found is no "
            "longer told apart: a pattern that speaks for a tumour and one that speaks against it count the same.",
            (
                lambda values, slopes: _relu((values * slopes.mean(axis=-1, keepdims=True)).sum(axis=-1)),
                lambda values, slopes: _relu(slopes.mean(axis=-1) * values.mean(axis=-1)),
                lambda values, slopes: _relu(slopes.sum(axis=-1) * values.sum(axis=-1)),
            ),
        ),
        Misconception(
            "slopes without their sign",
            "You took the slopes without their sign, or squared. A channel that speaks *against* the disease then "
            "lights "
            "up as if it spoke for it.",
            (
                _mapped(lambda slopes: np.abs(_mean(slopes))),
                _mapped(lambda slopes: _mean(np.abs(slopes))),
                _mapped(lambda slopes: _mean(slopes**2)),
                _mapped(_mean, np.abs),
            ),
        ),
        Misconception(
            "the slopes not used",
            "Your map does not ask what speaks for the logit: it shows where the layer found anything at all. It would "
            "be the same map for every disease the network knows.",
            (
                lambda values, slopes: values.sum(axis=-1),
                lambda values, slopes: values.mean(axis=-1),
                lambda values, slopes: _relu(values.sum(axis=-1)),
                lambda values, slopes: _relu(values.mean(axis=-1)),
            ),
        ),
        Misconception(
            "the values not used",
            "Your map does not ask what the layer found in this image: it shows slopes alone. A pattern that is not "
            "there cannot be the reason for the answer.",
            (
                lambda values, slopes: _relu(slopes.sum(axis=-1)),
                lambda values, slopes: _relu(slopes.mean(axis=-1)),
                lambda values, slopes: slopes.mean(axis=-1),
            ),
        ),
        Misconception(
            "stretched to 1",
            "You stretched the map so that its largest value is 1. Then a map with next to nothing in it looks as sure "
            "as any other, and a map of a healthy patient shows a bright spot. With nothing above 0 it is 0 / 0.",
            (_mapped(_mean, _largest_1), _mapped(_mean, _largest_1_if_any), _mapped(_mean, _smallest_0_largest_1)),
        ),
        Misconception(
            "the mean of the channels in place of their sum",
            "You divided by the number of channels. The map has the right shape, but is smaller, and maps of layers "
            "with "
            "different numbers of channels no longer compare. Asked for is the sum.",
            (lambda values, slopes: _relu((values * _mean(slopes)).mean(axis=-1)),),
        ),
        Misconception(
            "the sum of the slopes in place of their mean",
            "You summed the slopes over the places in place of taking their mean. The picture looks the same, but the "
            "values grow with the size of the layer, and two layers no longer compare.",
            (_mapped(lambda slopes: slopes.sum(axis=(0, 1))),),
        ),
        Misconception(
            "channels not added up",
            "Your result still has channels, or only one of them. A reader wants one map: add the weighed channels up.",
            (
                lambda values, slopes: _relu(values * _mean(slopes)),
                lambda values, slopes: _relu((values * _mean(slopes)).sum(axis=(0, 1))),
                lambda values, slopes: _relu((values * _mean(slopes)).max(axis=-1)),
            ),
        ),
    ),
)

# 10.13 ----------------------------------------------------------------------------------------------------------------


def integrated_gradients(gradient, image, baseline, steps):
    """What each pixel adds to the logit on the straight way from a baseline to the image.

    gradient: one image (H, W) -> its slopes (H, W), d logit / d pixel; image, baseline (H, W); steps: gradients on the
    way, at the middles (k + 0.5) / steps of equal pieces -> (H, W): the way times the mean gradient
    """
    way = image - baseline
    total = np.zeros(image.shape)
    for k in range(steps):
        total = total + gradient(baseline + (k + 0.5) / steps * way)
    return way * total / steps


def _told(about: str, function: Callable, shape: tuple[int, ...]) -> Callable:
    def gradient(image):
        if np.shape(image) != shape:
            raise ValueError(f"gradient takes one image of shape {shape}; one of shape {np.shape(image)} came")
        return function(np.asarray(image, float))

    gradient.__doc__ = about
    return gradient


def _way_cases(rng: np.random.Generator) -> list[Case]:
    def network(shape):
        """A small one: tanh units, so that the slopes bend on the way, and a product of neighbours."""
        W, v = rng.normal(size=(6, *shape)), rng.normal(size=6)

        def slopes(x):
            inner = np.tensordot(W, x, axes=x.ndim)
            return np.tensordot(v / np.cosh(inner) ** 2, W, axes=1) + np.roll(x, 1) + np.roll(x, -1)

        return _told("one image -> the slopes of a network with six units", slopes, shape)

    def case(shape, steps, note, black=False, middle=0.0):
        image = rng.normal(middle, 1, shape)
        baseline = np.zeros(shape) if black else rng.normal(0, 0.5, shape)
        return Case((network(shape), image, baseline, steps), note)

    def linear(shape):
        W = rng.normal(size=shape)
        return _told("one image -> always the same slopes, as of a linear network", lambda x: W.copy(), shape)

    squares = _told("one image -> twice each pixel, the slopes of the sum of squares", lambda x: 2 * x, (1, 3))
    cubes = _told("one image -> 3 x^2 at each pixel, the slopes of the sum of cubes", lambda x: 3 * x**2, (1, 3))
    image = np.array([[2.0, -1.0, 3.0]])
    return [
        Case((cubes, image, np.array([[0.0, 1.0, 1.0]]), 2), "two gradients, at 1/4 and 3/4 of the way"),
        Case((squares, image, np.zeros((1, 3)), 4), "from black"),
        case((3, 4), 5, "3 x 4 pixels, five gradients"),
        case((4, 4), 3, "from black, three gradients", black=True, middle=1.0),
        Case((linear((2, 5)), *rng.normal(size=(2, 2, 5)), 6), "a linear network"),
        case((2, 3), 1, "one gradient, in the middle of the way"),
    ]


def _path(
    shares: Callable = lambda steps: (np.arange(steps) + 0.5) / steps,
    point: Callable = lambda image, baseline, share: baseline + share * (image - baseline),
    end: Callable = lambda mean, image, baseline, steps: (image - baseline) * mean,
) -> Callable:
    """A wrong answer by its parts: the shares of the way, the point at a share, what becomes of the mean gradient."""

    def wrong(gradient, image, baseline, steps):
        slopes = [gradient(point(image, baseline, share)) for share in shares(steps)]
        return end(np.mean(slopes, axis=0), image, baseline, steps)

    return wrong


def _from_black(image, baseline, share) -> np.ndarray:
    return share * image


def _times_image(mean, image, baseline, steps) -> np.ndarray:
    return image * mean


INTEGRATED_GRADIENTS = Exercise(
    id="10.13",
    reference=integrated_gradients,
    cases=_way_cases,
    hints=(
        "Go from the baseline to the image in equal steps, and ask at each stop how steep the logit is. In the first "
        "case there are two stops, at 1/4 and at 3/4 of the way.",
        "A stop at the share s of the way is `baseline + s * (image - baseline)`. The shares are the middles of equal "
        "pieces: (k + 0.5) / steps for k from 0 to steps - 1. `gradient` takes one such image at a time.",
        "Add the gradients up, divide by steps, and multiply the mean by `image - baseline`, pixel by pixel.",
    ),
    why="The slope at the image tells of a small change there only. On the way from the baseline it changes: the mean "
    "slope times the way is what each pixel added. The map adds up to the difference of the two logits, but for the "
    "error of the steps.",
    misconceptions=(
        Misconception(
            "times the image in place of the way",
            "You multiplied by the image in place of the way from the baseline. A pixel that is as it was in the "
            "baseline "
            "has added nothing, yet it gets a share; and black pixels get none, even where the black is the finding, "
            "as the air around a collapsed lung is.",
            (_path(end=_times_image),),
        ),
        Misconception(
            "the way from black, whatever the baseline",
            "Your way starts at 0, whatever the baseline is. In HU 0 is water and air is -1000: a way from 0 asks why "
            "the "
            "patient is not made of water. What the map says depends on what the image is compared with.",
            (
                _path(point=_from_black),
                _path(point=_from_black, end=_times_image),
                _path(point=lambda image, baseline, share: baseline + share * image),
            ),
        ),
        Misconception(
            "the gradient at one end only",
            "You asked for the gradient at the image, or at the baseline, alone. On a way that bends, the slope at one "
            "end is not the mean slope, and the parts do not add up. Ask on the way.",
            (
                _path(shares=lambda steps: [1.0]),
                _path(shares=lambda steps: [0.0]),
                _path(shares=lambda steps: [1.0], end=_times_image),
                _path(shares=lambda steps: [1.0], end=lambda mean, image, baseline, steps: mean),
            ),
        ),
        Misconception(
            "the sum in place of the mean",
            "You added the gradients up and did not divide. With twice as many steps every pixel counts twice as much, "
            "and the map no longer adds up to what it should explain.",
            (_path(end=lambda mean, image, baseline, steps: (image - baseline) * mean * steps),),
        ),
        Misconception(
            "stops at the ends of the pieces",
            "Your stops are not the middles of equal pieces. With many steps that comes to the same. With few, the "
            "errors add up in place of cancelling, and what the pixels get no longer adds up to the difference of the "
            "logits.",
            (
                _path(shares=lambda steps: np.arange(steps) / steps),
                _path(shares=lambda steps: (np.arange(steps) + 1) / steps),
                _path(shares=lambda steps: np.arange(steps + 1) / steps),
                _path(shares=lambda steps: np.linspace(0, 1, steps)),
                _path(shares=lambda steps: (np.arange(steps) + 1) / (steps + 1)),
            ),
        ),
        Misconception(
            "not multiplied by the way",
            "The mean gradient alone says how steep the way was, not what a pixel added by going it. A pixel that is "
            "as "
            "it was in the baseline has added nothing, however steep.",
            (_path(end=lambda mean, image, baseline, steps: mean),),
        ),
        Misconception(
            "without its sign",
            "You dropped the sign. What spoke against the disease then looks as if it spoke for it, and the map no "
            "longer "
            "adds up to the difference of the logits.",
            (
                _path(end=lambda mean, image, baseline, steps: np.abs((image - baseline) * mean)),
                _path(end=lambda mean, image, baseline, steps: (image - baseline) * np.abs(mean)),
                _path(end=lambda mean, image, baseline, steps: np.abs(image - baseline) * mean),
                _path(end=lambda mean, image, baseline, steps: np.maximum((image - baseline) * mean, 0)),
            ),
        ),
        Misconception(
            "the way back",
            "Your way goes from the image to the baseline: all signs are turned, and what speaks for the disease is "
            "shown "
            "as speaking against it.",
            (_path(end=lambda mean, image, baseline, steps: (baseline - image) * mean),),
        ),
        Misconception(
            "beyond the image",
            "Your stops lie on the other side of the image: you started there, not at the baseline. The network is "
            "asked "
            "about images brighter than any patient's.",
            (_path(point=lambda image, baseline, share: image + share * (image - baseline)),),
        ),
        Misconception(
            "one number for all pixels",
            "You gave one number. That is what the image adds to the logit altogether; the map says which pixel adds "
            "how "
            "much.",
            (
                _path(end=lambda mean, image, baseline, steps: ((image - baseline) * mean).sum()),
                _path(end=lambda mean, image, baseline, steps: (image - baseline) * mean.mean()),
            ),
        ),
    ),
)

# 10.17 ----------------------------------------------------------------------------------------------------------------


def _weight_cases(rng: np.random.Generator) -> list[Case]:
    def case(shape, note, zeros=()):
        W = rng.normal(size=shape) * 10.0 ** rng.uniform(-2, 1, shape[-1])
        W.reshape(-1, shape[-1])[0] *= -4  # the largest of a channel is often below 0
        W[..., list(zeros)] = 0
        return Case((W,), note)

    by_hand = np.array([[1.27, -0.3], [-0.508, 2.54], [0.016, -0.047]])
    return [
        Case((by_hand,), "three inputs, two channels; scales of 0.01 and 0.02"),
        case((5, 3), "five inputs, three channels"),
        case((4, 4), "as many inputs as channels"),
        case((3, 3, 2, 5), "kernels of 3 x 3, two channels in, five out"),
        case((6, 4), "a channel of zeros", zeros=[2]),
        Case((-np.abs(rng.normal(size=(4, 3))) - 0.1,), "all below 0"),
    ]


def _channels(W) -> tuple[int, ...]:
    return tuple(range(W.ndim - 1))


def _coded(
    scale: Callable = lambda W: np.abs(W).max(axis=_channels(W)) / 127,
    whole: Callable = np.round,
    zeros: float | None = 1.0,
    dtype: type = np.int8,
) -> Callable:
    """A wrong answer by its parts: scale(W), how it becomes whole, the scale of a channel of zeros, the type."""

    def wrong(W):
        scales = np.asarray(scale(W))
        scales = scales if zeros is None else np.where(scales == 0, zeros, scales)
        codes = whole(W / scales)
        return (np.nan_to_num(codes).astype(np.int64) if np.issubdtype(dtype, np.integer) else codes).astype(
            dtype
        ), scales

    return wrong


def _from_0_to_255(W):
    low, high = W.min(axis=_channels(W)), W.max(axis=_channels(W))
    scale = np.where(high > low, (high - low) / 255, 1.0)
    return np.round((W - low) / scale).astype(np.uint8), scale


def _from_0_to_255_int8(W):
    codes, scale = _from_0_to_255(W)
    return codes.astype(np.int8), scale


def _largest(W, axis) -> np.ndarray:
    return np.abs(W).max(axis=axis)


def _divided_by(number: float) -> Callable:
    return lambda W: _largest(W, _channels(W)) / number


QUANTISE = Exercise(
    id="10.17",
    reference=quantise,
    cases=_weight_cases,
    returns=("codes", "scale"),
    keeps_dtype=True,
    hints=(
        "Each output channel is the last axis of W. Find the largest |W| of each, and choose the scale so that this "
        "one "
        "weight gets 127 or -127. All others come out smaller.",
        "`np.abs(W).max(axis=...)` over all axes but the last: for any number of axes that is "
        "`tuple(range(W.ndim - 1))`. A channel of zeros would have the scale 0: give it 1.",
        "`np.where(scale > 0, scale, 1)` takes care of the zeros. Then `np.round(W / scale)`, and only then "
        "`astype(np.int8)`. Give back codes and scale.",
    ),
    why="One byte a weight, and one float a channel: a quarter of the memory. Each channel has a scale of its own, "
    "so that a channel of small weights keeps its digits although another one has large weights.",
    misconceptions=(
        Misconception(
            "one scale for all channels",
            "You took one scale for all channels. One channel with large weights decides, and the small weights of "
            "others "
            "all become 0: the network no longer sees what these channels looked for, such as a faint nodule. Each "
            "output channel has its own scale.",
            (
                _coded(lambda W: np.abs(W).max() / 127),
                _coded(lambda W: np.full(W.shape[-1], np.abs(W).max() / 127)),
            ),
        ),
        Misconception(
            "cut off in place of rounded",
            "You cut off in place of rounding. Weights come out off by up to a whole scale, all to one side or all "
            "nearer to 0. Such errors add up from layer to layer, until patients' probabilities have moved. Round "
            "first, then change the type.",
            (_coded(whole=np.trunc), _coded(whole=np.floor), _coded(whole=np.ceil)),
        ),
        Misconception(
            "the largest weight in place of the largest size",
            "You took the largest weight, without asking how far below 0 the others go. A weight of -4 beside a "
            "largest "
            "of 1 would need the code -508: in a byte it wraps round to 4, or is cut off, and what spoke against a "
            "disease speaks for it.",
            (
                _coded(lambda W: W.max(axis=_channels(W)) / 127),
                _coded(lambda W: np.abs(W.max(axis=_channels(W))) / 127),
                _coded(lambda W: W.max(axis=_channels(W)) / 127, lambda x: np.clip(np.round(x), -127, 127)),
            ),
        ),
        Misconception(
            "128, 255 or another number of steps",
            "Your scale has another number of steps than 127. A byte with a sign goes up to 127: with 128 the largest "
            "weight becomes +128, which wraps round to -128, and with 255 half of the weights wrap. With fewer, digits "
            "are given away.",
            (
                *(_coded(_divided_by(number)) for number in (128, 255, 256, 127.5, 100)),
                *(_coded(_divided_by(n), lambda x: np.clip(np.round(x), -128, 127)) for n in (128, 255, 127.5)),
            ),
        ),
        Misconception(
            "from the smallest to the largest",
            "You spread the weights from the smallest to the largest over 0 to 255. Then 0 is no longer 0, and without "
            "the smallest weight beside the codes nobody gets the weights back. Asked for are codes around 0, from "
            "-127 to 127.",
            (
                _from_0_to_255,
                _from_0_to_255_int8,
                _coded(lambda W: (W.max(axis=_channels(W)) - W.min(axis=_channels(W))) / 255),
            ),
        ),
        Misconception(
            "divided by a scale of 0",
            "A channel of zeros has no largest weight above 0: the scale is 0, and 0 / 0 is nan. Training switches "
            "channels off, so that this happens. One nan makes every answer of the network nan, for every patient. "
            "Give such a channel the scale 1.",
            (
                _coded(zeros=None),
                _coded(zeros=1e-8),
                _coded(zeros=1e-12),
                _coded(zeros=1 / 127),
                _coded(lambda W: _largest(W, _channels(W)) / 127 + 1e-8, zeros=None),
            ),
        ),
        Misconception(
            "a scale for each input",
            "Your scales belong to another axis than the output channels, the last one. Within an output channel all "
            "products are added up; with several scales in it the sum cannot be turned back.",
            (
                _coded(lambda W: np.abs(W).max(axis=-1, keepdims=True) / 127),
                _coded(lambda W: np.abs(W).max(axis=-1) / 127),
                _coded(lambda W: np.abs(W).max(axis=0) / 127),
            ),
        ),
        Misconception(
            "the scale turned round",
            "Your scale is the number by which you multiplied. W should be codes times scale: whoever loads the "
            "network "
            "does this, and gets weights a million times too large or too small.",
            (
                lambda W: (quantise(W)[0], 1 / quantise(W)[1]),
                lambda W: (quantise(W)[0], np.where(W.any(axis=_channels(W)), 1 / quantise(W)[1], 0)),
                lambda W: (quantise(W)[0], quantise(W)[1] * 127),
                lambda W: (quantise(W)[0], np.where(W.any(axis=_channels(W)), quantise(W)[1] * 127, 1)),
            ),
        ),
        Misconception(
            "codes that are not int8",
            "The codes are right, but not of type int8. In float64 each takes eight bytes, and the network is larger "
            "than before. The whole point is one byte a weight.",
            tuple(_coded(dtype=dtype) for dtype in (float, np.int64, np.int32, np.float32, np.int16)),
        ),
        Misconception(
            "weights in place of codes",
            "You gave the weights back, made coarser. That saves nothing: give the codes, from -127 to 127, and the "
            "scales beside them.",
            (lambda W: (quantise(W)[0] * quantise(W)[1], quantise(W)[1]),),
        ),
    ),
)

# 10.18 ----------------------------------------------------------------------------------------------------------------


def _patient_cases(rng: np.random.Generator) -> list[Case]:
    def case(N, F, T, missing, note):
        mean, std = rng.uniform(20, 80, T), rng.uniform(2, 15, T)
        table = mean + std * (rng.normal(size=(N, T)) + 0.8)  # other patients than those of the training
        for row, column in missing:
            table[row, column] = np.nan
        return Case((rng.normal(1, 2, (N, F)), table, mean, std), note)

    by_hand = np.array([[70.0, 1.5], [50.0, np.nan], [66.0, 0.8]])
    return [
        Case(
            (np.array([[0.2], [3.0], [1.1]]), by_hand, np.array([60.0, 1.0]), np.array([10.0, 0.5])),
            "three patients; age and a marker, which is missing once",
        ),
        case(5, 3, 2, [(0, 1), (3, 0), (3, 1)], "five patients, one without any entry"),
        case(4, 2, 3, [], "nothing is missing"),
        case(1, 4, 2, [(0, 0)], "one patient"),
        case(4, 4, 4, [(1, 2), (2, 2), (0, 3)], "as many patients as columns"),
        case(6, 1, 2, [(row, 1) for row in range(6)], "a column that nobody has"),
    ]


def _fused(
    part: Callable = lambda table, mean, std: np.where(np.isnan(table), 0, (table - mean) / std),
    flags: Callable | None = np.isnan,
    kept: Callable = lambda features: features,
) -> Callable:
    """A wrong answer by its parts: the table's columns, the flags, what becomes of the features."""

    def wrong(features, table, mean, std):
        blocks = [kept(features), part(table, mean, std), *([flags(table)] if flags else [])]
        return np.concatenate(blocks, axis=1)

    return wrong


def _of_these(table, axis=0) -> tuple[np.ndarray, np.ndarray]:
    return np.nanmean(table, axis=axis), np.nanstd(table, axis=axis)


def _by_these_patients(table, mean, std) -> np.ndarray:
    mean, std = _of_these(table)
    return np.nan_to_num((table - mean) / std)


def _by_these_patients_filled(table, mean, std) -> np.ndarray:
    filled = np.where(np.isnan(table), _of_these(table)[0], table)
    return (filled - filled.mean(axis=0)) / filled.std(axis=0)


def _by_these_patients_0_first(table, mean, std) -> np.ndarray:
    table = np.nan_to_num(table)
    return (table - table.mean(axis=0)) / table.std(axis=0)


def _standardised(features) -> np.ndarray:
    return (features - features.mean(axis=0)) / features.std(axis=0)


def _rows_dropped(features, table, mean, std):
    there = ~np.isnan(table).any(axis=1)
    return fuse(features[there], table[there], mean, std)


def _another_order(*order: int) -> Callable:
    def wrong(features, table, mean, std):
        missing = np.isnan(table)
        blocks = (features, np.where(missing, 0, (table - mean) / std), missing)
        return np.concatenate([blocks[k] for k in order], axis=1)

    return wrong


def _column_by_column(features, table, mean, std):
    """Value and flag of each column side by side."""
    fused, F, T = fuse(features, table, mean, std), features.shape[1], table.shape[1]
    pairs = [fused[:, [F + t, F + T + t]] for t in range(T)]
    return np.concatenate([features, *pairs], axis=1)


def _into_the_table(features, table, mean, std):
    missing = np.isnan(table)
    table -= mean
    table /= std
    table[missing] = 0
    return np.concatenate([features, table, missing], axis=1)


def _zeros_into_the_table(features, table, mean, std):
    missing = np.isnan(table)
    result = fuse(features, table, mean, std)
    table[missing] = 0
    return result


FUSE = Exercise(
    id="10.18",
    reference=fuse,
    cases=_patient_cases,
    hints=(
        "Three blocks side by side: the features as they are, the standardised table, and the flags that say what was "
        "missing. Work out the first patient by hand: age 70, with a mean of 60 and a spread of 10, becomes 1.",
        "Ask for what is missing before you change anything: `np.isnan(table)`. Standardise with the `mean` and `std` "
        "that were handed over, not with those of the patients at hand. Only then put 0 where something was missing.",
        "`np.where(missing, 0, (table - mean) / std)` is the middle block. `np.concatenate` of a list of the three, "
        "with "
        "`axis=1`, puts them side by side; the flags become 0 and 1 by themselves.",
    ),
    why="After standardising, 0 is the mean of the training patients: the most neutral guess. The flag tells the "
    "classifier that it is a guess. With the training patients' numbers a patient gets the same row whoever else is "
    "in the batch.",
    misconceptions=(
        Misconception(
            "standardised by the patients at hand",
            "You standardised by mean and spread of the patients at hand. Then the same patient gets other numbers on "
            "another day, in other company; alone in a batch she is always 0, and a hospital whose patients are all "
            "old looks like any other. The training patients' numbers go with the network.",
            (
                _fused(_by_these_patients),
                _fused(_by_these_patients_0_first),
                _fused(_by_these_patients_filled),
                _fused(lambda table, mean, std: np.where(np.isnan(table), 0, (table - _of_these(table)[0]) / std)),
            ),
        ),
        Misconception(
            "0 put in before standardising",
            "You put 0 in before standardising. An age that nobody wrote down became an age of 0 years: the patient "
            "counts as six standard deviations younger than the others, and the classifier takes her for a newborn. "
            "Standardise first; then 0 is the mean.",
            (
                _fused(lambda table, mean, std: (np.nan_to_num(table) - mean) / std),
                _fused(lambda table, mean, std: (np.nan_to_num(table) - mean) / std, lambda table: 0 * np.isnan(table)),
            ),
        ),
        Misconception(
            "no flags",
            "Nothing says what was missing. A patient whose marker was never measured looks exactly like one with an "
            "average marker. Ask for what is missing before you fill it; nan equals nothing, not even nan. That nobody "
            "measured it often says something: about how ill she was, or in which hospital she was.",
            (
                _fused(flags=None),
                _fused(flags=lambda table: np.isnan(table).any(axis=1, keepdims=True)),
                _fused(flags=lambda table: 0 * np.isnan(table)),
            ),
        ),
        Misconception(
            "nan left in the table",
            "nan is still in the result. One missing entry makes the patient's probability nan; in training it makes "
            "all "
            "weights nan, for every patient to come.",
            (
                _fused(lambda table, mean, std: (table - mean) / std),
                _fused(lambda table, mean, std: (table - mean) / std, None),
            ),
        ),
        Misconception(
            "patients with gaps dropped",
            "Patients with a missing entry are gone. In most hospitals that is the greater part of them, and not a "
            "random one: whoever comes as an emergency has the fewest entries. The network never gives them an answer.",
            (_rows_dropped,),
        ),
        Misconception(
            "the flags the wrong way round",
            "Your flags are 1 where something is there. Asked for is 1 where it is missing. A network trained with the "
            "one and used with the other takes every complete patient for one of whom nothing is known.",
            (_fused(flags=lambda table: ~np.isnan(table)),),
        ),
        Misconception(
            "the table not standardised",
            "The table came as it is, each column in its own unit, or was only shifted or only divided. An age of 70 "
            "beside features of about 1: the sum in the next layer is age alone, and the image hardly counts. And 0 "
            "where something is missing is then no mean.",
            (
                _fused(lambda table, mean, std: np.nan_to_num(table)),
                _fused(lambda table, mean, std: np.nan_to_num(table), None),
                _fused(lambda table, mean, std: np.nan_to_num(table - mean)),
                _fused(lambda table, mean, std: np.nan_to_num(table / std)),
                _fused(lambda table, mean, std: np.where(np.isnan(table), mean, table)),
                _fused(lambda table, mean, std: np.nan_to_num((table - mean) / std**2)),
            ),
        ),
        Misconception(
            "something else than 0 for what is missing",
            "Where something is missing stands another number than 0: the mean before standardising, a 1, or a number "
            "that nobody has. After standardising 0 is the mean, and says the least.",
            (
                _fused(lambda table, mean, std: np.where(np.isnan(table), mean, (table - mean) / std)),
                _fused(lambda table, mean, std: np.where(np.isnan(table), -1, (table - mean) / std)),
                _fused(lambda table, mean, std: np.where(np.isnan(table), 1, (table - mean) / std)),
                _fused(lambda table, mean, std: np.where(np.isnan(table), -999, (table - mean) / std)),
            ),
        ),
        Misconception(
            "the features standardised too",
            "You changed the features. They come from the network and stay as they are: standardised by the patients "
            "at "
            "hand, the same image would give other features in other company.",
            (
                _fused(kept=_standardised),
                _fused(kept=lambda features: features / np.linalg.norm(features, axis=1, keepdims=True)),
            ),
        ),
        Misconception(
            "the blocks in another order",
            "The blocks stand in another order: first the features, then the table, then the flags. The next layer "
            "knows "
            "its inputs by their place alone; exchanged, age is taken for a pattern in the image.",
            (_another_order(1, 0, 2), _another_order(0, 2, 1), _another_order(1, 2, 0), _column_by_column),
        ),
        Misconception(
            "in the caller's own table",
            "You changed the table that was handed over. Whoever counts the missing entries after you finds none, and "
            "standardised a second time, every patient is wrong.",
            (_into_the_table, _zeros_into_the_table),
        ),
    ),
)
