"""Exercises of chapter 09 on masks: nested regions, the Dice coefficient, the 95 % Hausdorff distance."""

import functools
from collections.abc import Callable

import numpy as np

from helpers.exercises.exercise import Case, Exercise, Misconception
from helpers.metrics import dice, hausdorff95, regions

# 9.2 ------------------------------------------------------------------------------------------------------------------


def _regions_cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case((np.array([[0, 1, 2, 3], [2, 2, 0, 1]]),), "each label occurs"),
        Case((rng.integers(0, 4, size=(4, 5, 6), dtype=np.uint8),), "a volume"),
        Case((rng.permutation([0, 0, 1, 1, 2, 2, 2, 3, 3]).reshape(3, 3),), "as many rows as there are regions"),
        Case((rng.permutation([0, 0, 1, 1, 2, 2]).reshape(2, 3).astype(np.uint8),), "no enhancing tumour"),
        Case((rng.permutation([0, 1, 2, 3, 3]),), "one row"),
        Case((np.zeros((2, 3), dtype=np.int64),), "no tumour"),
        Case((np.full((2, 2), 3, dtype=np.int32),), "enhancing tumour everywhere"),
    ]


def _in(labels, *sets) -> np.ndarray:
    return np.array([np.isin(labels, numbers) for numbers in sets])


def _other(*sets) -> tuple[Callable, Callable]:
    """Wrong answers in which the regions hold other labels: as bool, and as floats, which np.zeros gives."""
    return _also_floats(lambda labels: _in(labels, *sets))


def _also_floats(wrong: Callable) -> tuple[Callable, Callable]:
    return wrong, lambda labels: wrong(labels).astype(float)


def _but_oedema(labels):
    return np.array([labels > 0, labels != 2, labels == 3])


WT, TC, ET = (1, 2, 3), (1, 3), (3,)

REGIONS = Exercise(
    id="9.2",
    reference=regions,
    cases=_regions_cases,
    keeps_dtype=True,
    hints=(
        "Three questions, each answered for every voxel by True or False: is it tumour at all? Is it core? Is it "
        "enhancing? A voxel with the label 3 gets three times True.",
        "`labels == 3` is a mask. Two masks are put together by `|`, with brackets around each comparison. "
        "Then the three masks become one array with a new first axis.",
        "`np.stack` of a list of three masks puts the new axis in front. The first mask is `labels > 0`, the second "
        "one holds the labels 1 and 3, the third the label 3.",
    ),
    why="The labels exclude each other, the regions do not: ET lies inside TC, TC inside WT. So each region is a mask "
    "of its own, and a comparison of the whole array makes it.",
    misconceptions=(
        Misconception(
            "one label for each region",
            "You gave each region one label. Labels exclude each other; regions are *nested*: whoever cuts out the "
            "whole tumour also cuts out its core. A voxel with the label 3 is in all three.",
            (*_other((2,), (1,), (3,)), *_other((1,), (2,), (3,))),
        ),
        Misconception(
            "the whole tumour without its core",
            "Your whole tumour is not whole: WT is oedema, necrotic part and enhancing part together, the labels 1, 2 "
            "and 3.",
            (*_other((2,), TC, ET), *_other((1, 2), TC, ET), *_other((2, 3), TC, ET), *_other((1, 2), (1,), ET)),
        ),
        Misconception(
            "the core without the enhancing tumour",
            "Your tumour core is label 1 alone. The enhancing tumour is a part of the core: TC is 1 and 3, "
            "and ET lies inside it.",
            _other(WT, (1,), ET),
        ),
        Misconception(
            "oedema in the core",
            "You put the labels 1 and 2 into the tumour core. 2 is oedema, swollen tissue around the tumour: it is in "
            "WT only. The core is 1 and 3.",
            (*_other(WT, (1, 2), ET), *_other(WT, (1, 2), (1,)), *_other(WT, WT, ET)),
        ),
        Misconception(
            "another order of the labels",
            "Your tumour core is 2 and 3. In Task01 of the Medical Segmentation Decathlon that is right: there 1 is "
            "oedema and 2 the non-enhancing core. Here the labels are those of BraTS 2023: 2 is oedema. (The labels "
            "are names, no levels: 2 is not more tumour than 1.) Read the table of a data set before you count.",
            (*_other(WT, (2, 3), ET), *_other(WT, (2, 3), (2,)), *_other(WT, (1, 2), (2,))),
        ),
        Misconception(
            "label 4",
            "You looked for the label 4. In the BraTS sets of 2017 to 2021 the enhancing tumour has it, and 3 does not "
            "occur. Here, as in BraTS 2023, it is 3.",
            (*_other((1, 2, 4), (1, 4), (4,)), *_other(WT, (1, 4), (4,)), *_other(WT, TC, (4,))),
        ),
        Misconception(
            "1 and 3 exchanged",
            "Your enhancing tumour is label 1. 1 is the part that is dead or takes up no contrast agent; what lights "
            "up after the contrast agent has the label 3.",
            (*_other(WT, TC, (1,)), *_other(WT, (3,), (1,))),
        ),
        Misconception(
            "the regions in another order",
            "The three masks are right, their order is not: from large to small, WT first, then TC, then ET. Whoever "
            "uses your array knows the regions by their place only.",
            (*_other(ET, TC, WT), *_other(TC, WT, ET), *_other(WT, ET, TC), *_other(TC, ET, WT), *_other(ET, WT, TC)),
        ),
        Misconception(
            "the regions along the last axis",
            "Your new axis is the last one. Asked for is (3, ...): then the first index picks a region, and what comes "
            "has the shape of the label map.",
            _also_floats(lambda labels: np.moveaxis(regions(labels), 0, -1)),
        ),
        Misconception(
            "background in the core",
            "Your tumour core is everything that is not oedema. That takes the healthy brain in as well: label 0 is "
            "not 2 either.",
            _also_floats(_but_oedema),
        ),
        Misconception(
            "and in place of or",
            "One voxel has one label: it is never 1 *and* 3. Your mask is empty. A voxel is core if its label is 1 "
            "*or* 3.",
            (*_other(WT, (), ET), *_other((), (), ET)),
        ),
        Misconception(
            "a comparison with 1 | 3",
            "`1 | 3` is worked out first, bit by bit, and is the number 3: you compared with 3 alone. Compare with "
            "each label, each comparison in brackets, and put the masks together after that.",
            (*_other(WT, ET, ET), *_other(ET, ET, ET)),
        ),
        Misconception(
            "a fourth region",
            "Background is no region. What is wanted are three masks: WT, TC, ET.",
            (*_other((0,), WT, TC, ET), *_other((0,), (1,), (2,), (3,)), *_other(WT, TC, ET, (0,))),
        ),
        Misconception(
            "one map in place of three masks",
            "You gave back one array of the shape of `labels`. The regions overlap, so one number a voxel cannot hold "
            "them: give three masks, one behind the other along a new first axis.",
            (lambda labels: regions(labels).sum(axis=0), lambda labels: labels > 0, lambda labels: labels),
        ),
        Misconception(
            "numbers in place of True and False",
            "The regions are right, but as numbers. Masks are bool: `image[mask]` picks the voxels of a bool mask, but "
            "takes the 0s and 1s of an array of integers for row numbers.",
            tuple(lambda labels, dtype=dtype: regions(labels).astype(dtype) for dtype in (float, np.int64, np.uint8)),
        ),
    ),
)

# 9.3 ------------------------------------------------------------------------------------------------------------------


def _mask(rows: list[str], dtype=bool) -> np.ndarray:
    """A mask drawn with # and anything else."""
    return np.array([[sign == "#" for sign in row] for row in rows]).astype(dtype)


def _random_masks(rng: np.random.Generator, shape: tuple[int, ...], dtype, share=(0.4, 0.6)) -> tuple[np.ndarray, ...]:
    """Two masks that overlap in part; neither is empty, and a is smaller than b."""
    a, b = (rng.random(shape) < part for part in share)
    a.flat[:3], b.flat[:3] = [True, True, False], [True, False, True]
    b.flat[-3:] = True
    return a.astype(dtype), b.astype(dtype)


def _dice_cases(rng: np.random.Generator) -> list[Case]:
    a, b = _mask(["##..", "##..", "...."]), _mask([".##.", ".#..", "...."])
    large, larger = _random_masks(rng, (24, 24), np.uint8, (0.8, 0.9))
    left, right = _mask(["##....", "#....."], np.uint8), _mask(["...###", "....##"], np.uint8)
    return [
        Case((a, b), "4 and 3 pixels, 2 of them in both"),
        Case(_random_masks(rng, (4, 5), np.uint8), "0 and 1 as uint8"),
        Case(_random_masks(rng, (3, 4, 5), np.int64), "two volumes, of integers"),
        Case((large, larger), "uint8, more than 255 pixels in both"),
        Case(_random_masks(rng, (3, 6), float), "0.0 and 1.0"),
        Case(_random_masks(rng, (4, 5), bool)[::-1], "a is the larger one"),
        Case((a, b.astype(np.int64)), "one mask of bool, one of integers"),
        Case((left, right), "two masks that do not meet"),
        Case((b, b.copy()), "the same mask twice"),
        Case((np.ones((3, 4), dtype=bool), a), "a is full"),
        Case((np.zeros((2, 3), dtype=bool), np.zeros((2, 3), dtype=bool)), "both empty"),
        Case((np.zeros((2, 3), dtype=np.uint8), np.ones((2, 3), dtype=np.uint8)), "a is empty, b is full"),
        Case((b, np.zeros(b.shape, dtype=bool)), "b is empty"),
    ]


def _sizes(a, b) -> tuple[float, float, float]:
    a, b = np.asarray(a) > 0, np.asarray(b) > 0
    return np.float64((a & b).sum()), np.float64(a.sum()), np.float64(b.sum())


def _of_sizes(rule: Callable, both_empty: float = 1.0) -> Callable:
    """A wrong answer from the number of pixels in both masks, in a, and in b."""

    def wrong(a, b):
        both, in_a, in_b = _sizes(a, b)
        return both_empty if in_a + in_b == 0 else rule(both, in_a, in_b)

    return wrong


def _and_nan(rule: Callable) -> tuple[Callable, Callable]:
    return _of_sizes(rule), _of_sizes(rule, np.nan)


def _divided_by_bool_sum(intersection: Callable) -> Callable:
    def wrong(a, b):
        return 2 * intersection(a, b).sum() / (a + b).sum()

    return wrong


def _bool_sum_and_empty(a, b):
    total = (a + b).sum()
    return 1.0 if total == 0 else 2 * (a * b).sum() / total


def _one_empty(answer: float) -> Callable:
    def wrong(a, b):
        both, in_a, in_b = _sizes(a, b)
        return 1.0 if in_a + in_b == 0 else answer if 0 in (in_a, in_b) else 2 * both / (in_a + in_b)

    return wrong


def _smoothed(above: float, below: float) -> Callable:
    def wrong(a, b):
        both, in_a, in_b = _sizes(a, b)
        return (2 * both + above) / (in_a + in_b + below)

    return wrong


def _with_ampersand(empty: Callable) -> Callable:
    """Right, but & does not take floats."""

    def wrong(a, b):
        total = a.sum() + b.sum()
        return 2 * (a & b).sum() / total if total else empty()

    return wrong


def _division_by_zero(a, b):
    both, in_a, in_b = map(int, _sizes(a, b))
    return 2 * both / (in_a + in_b)


def _whole_and_division_by_zero(a, b):
    both, in_a, in_b = map(int, _sizes(a, b))
    return 2 * both // (in_a + in_b)


def _accuracy(a, b):
    return np.mean((np.asarray(a) > 0) == (np.asarray(b) > 0))


def _summed(count: Callable, count_both: Callable | None = None) -> tuple[Callable, Callable]:
    """Wrong answers that count another way, without a question whether both are empty, and with it."""

    def wrong(a, b):
        a, b = np.asarray(a) > 0, np.asarray(b) > 0
        return 2 * (count_both or count)(a & b) / (count(a) + count(b))

    return wrong, lambda a, b: wrong(a, b) if np.any(a) or np.any(b) else 1.0


def _dot_of_bytes(a, b):
    both = np.dot(a.ravel(), b.ravel())
    total = a.sum() + b.sum()
    return 2 * both / total if total else 1.0


DICE = Exercise(
    id="9.3",
    reference=dice,
    cases=_dice_cases,
    rtol=1e-6,
    hints=(
        "Three numbers are needed: how many pixels are in both masks, how many in a, how many in b. Work the small "
        "case out by hand: 2 in both, 4 in a, 3 in b.",
        "Turn both masks into bool first: then `&` works whatever came in. Count a and b each for itself and add "
        "the counts. What if both counts are 0?",
        "With `a = np.asarray(a) > 0` and the same for b: the pixels in both are `(a & b).sum()`. Divide twice that by "
        "`a.sum() + b.sum()`, but ask before whether this is 0.",
    ),
    why="The shared pixels count twice because they stand in both sizes. Two empty masks agree, so they get 1; without "
    "the question the formula would give 0 / 0.",
    misconceptions=(
        Misconception(
            "the sum of two bool masks",
            "For bool, `a + b` is *or*: True and True is True, not 2. You divided by the pixels that are in one mask "
            "or in both. Count each mask for itself, then add the two numbers. (A Dice above 1 gives it away.)",
            (_divided_by_bool_sum(lambda a, b: a & b), _divided_by_bool_sum(lambda a, b: a * b), _bool_sum_and_empty),
        ),
        Misconception(
            "divided by the union",
            "You divided twice the shared pixels by those that the masks cover together. In the Dice coefficient "
            "stands the *sum* of the two sizes, in which shared pixels count twice. Two equal masks would get 2.",
            _and_nan(lambda both, a, b: 2 * both / (a + b - both)),
        ),
        Misconception(
            "IoU in place of Dice",
            "That is the IoU, the shared pixels over all that are covered. Both order two results the same way, but "
            "Dice is the larger number: Dice = 2 IoU / (1 + IoU). An IoU of 0.5 is a Dice of 0.67; never compare one "
            "with the other.",
            (
                *_and_nan(lambda both, a, b: both / (a + b - both)),
                _of_sizes(lambda both, a, b: both / (a + b - both), 0.0),
            ),
        ),
        Misconception(
            "the 2 is missing",
            "The 2 is missing. Two equal masks get 1/2 that way: shared pixels stand below the line twice, in the size "
            "of a and in that of b, so they must count twice above it too.",
            (*_and_nan(lambda both, a, b: both / (a + b)), _of_sizes(lambda both, a, b: both / (a + b), 0.0)),
        ),
        Misconception(
            "over the larger or the smaller mask",
            "You divided the shared pixels by the size of one mask: the larger, or the smaller. Dice divides by the "
            "mean of both sizes. (Over the smaller one is the *overlap coefficient*: a mask of one pixel inside the "
            "tumour would get 1.)",
            (
                *_and_nan(lambda both, a, b: both / max(a, b)),
                *_and_nan(lambda both, a, b: both / min(a, b) if min(a, b) else 0.0),
                *_and_nan(lambda both, a, b: both / min(a, b)),
            ),
        ),
        Misconception(
            "over one of the two masks",
            "You divided by the size of one mask only. Shared pixels over the truth are the sensitivity, over the "
            "prediction the positive predictive value. Each can be made 1 by a trick: call everything tumour, or one "
            "sure pixel. Dice takes both sizes.",
            (
                *_and_nan(lambda both, a, b: both / a),
                *_and_nan(lambda both, a, b: both / b),
                *_and_nan(lambda both, a, b: both / a if a else 0.0),
                *_and_nan(lambda both, a, b: both / b if b else 0.0),
            ),
        ),
        Misconception(
            "pixels outside both masks count",
            "That is the accuracy, the share of pixels in which the masks agree. Pixels that are in neither mask agree "
            "too, and in a brain they are nearly all: an empty prediction comes near 1. Dice does not look at them.",
            (_accuracy, lambda a, b: 1.0 if not np.any(a) and not np.any(b) else _accuracy(a, b)),
        ),
        Misconception(
            "both empty is 0 divided by 0",
            "Two empty masks give 0 / 0. Both say that there is no tumour: they agree, and that is 1 by our "
            "convention. Patients without enhancing tumour exist, and one nan makes the mean over all patients nan.",
            (
                _of_sizes(lambda both, a, b: 2 * both / (a + b), np.nan),
                _division_by_zero,
                _of_sizes(lambda both, a, b: 2 * both / (a + b), np.inf),
            ),
        ),
        Misconception(
            "both empty is 0",
            "Two empty masks got 0, the mark of the worst prediction. Both say that there is no tumour: they agree, "
            "and that is 1 by our convention. (A small number added *below* the line only does the same: it avoids 0 / "
            "0, and answers 0.)",
            (_of_sizes(lambda both, a, b: 2 * both / (a + b), 0.0), _smoothed(0, 1e-9), _smoothed(0, 1e-7)),
        ),
        Misconception(
            "one empty mask",
            "One mask is empty and the other is not: all of the tumour is missed, or all that is drawn is wrong. No "
            "pixel is shared, so the formula gives 0. Only when *both* are empty is the answer 1.",
            (_one_empty(1.0), _one_empty(np.nan)),
        ),
        Misconception(
            "a number added",
            "You added a number, above and below the line or below only, so that empty masks need no question. Small "
            "structures feel it: with 1 added to both, a missed tumour of 3 pixels gets 0.25 in place of 0. In a "
            "*loss* that is wanted; a score must not be polished. Ask whether both masks are empty.",
            (*(_smoothed(e, e) for e in (1, 0.1, 1e-2, 1e-3, 1e-4)), *(_smoothed(0, e) for e in (1, 1e-3, 1e-4))),
        ),
        Misconception(
            "only for bool and integers",
            "`&` works on bool and on integers. Masks also come as 0.0 and 1.0, from `np.zeros` or a network. Turn "
            "both into bool first.",
            (_with_ampersand(lambda: 1.0), _with_ampersand(lambda: np.nan), _with_ampersand(lambda: 0.0)),
        ),
        Misconception(
            "counted in bytes",
            "A product of uint8 arrays stays uint8: a count above 255 begins again at 0. And of two bool arrays it is "
            "True or False, no count. Use `sum`, which counts in 64 bits.",
            (_dot_of_bytes,),
        ),
        Misconception(
            "a sum over some axes only",
            "The sum ran along some of the axes only, and an array is left: one number a row, a column or a slice. "
            "(Python's own `sum` does the same: it adds up the rows, and gives one number a column.) NumPy's sum, "
            "without an axis, adds everything.",
            (
                *(wrong for axis in (0, 1, -1, (0, 1)) for wrong in _summed(lambda mask, axis=axis: mask.sum(axis))),
                *_summed(np.sum, sum),
                *_summed(np.sum, lambda mask: mask.sum(axis=1)),
                lambda a, b: np.nan_to_num(_summed(sum)[0](a, b), nan=1.0),
            ),
        ),
        Misconception(
            "a whole number",
            "Your result is a whole number, nearly always 0. `//` drops what comes after the point, so that 4/7 "
            "becomes 0 and 1 is left for equal masks alone. A Dice lies between 0 and 1: the exact quotient is the "
            "score.",
            (
                *_and_nan(lambda both, a, b: 2 * both // (a + b)),
                _of_sizes(lambda both, a, b: 2 * both // (a + b), 0.0),
                _whole_and_division_by_zero,
                *_and_nan(lambda both, a, b: 2 * (both // (a + b))),
                _of_sizes(lambda both, a, b: 2 * (both // (a + b)), 0.0),
            ),
        ),
        Misconception(
            "1 minus Dice",
            "That is 1 - Dice, a distance, or a loss. Asked for is the coefficient: equal masks get 1.",
            (lambda a, b: 1 - dice(a, b), _of_sizes(lambda both, a, b: 1 - 2 * both / (a + b))),
        ),
    ),
)

# 9.4 ------------------------------------------------------------------------------------------------------------------


def _ball(rng: np.random.Generator, shape: tuple[int, ...], spacing: tuple[float, ...]) -> np.ndarray:
    """A lump of about half the width of the image, at a random place near its middle, one corner cut off."""
    size = np.array(shape)
    middle = (size - 1) / 2 + rng.uniform(-0.12, 0.12, len(shape)) * size
    radius = rng.uniform(0.22, 0.36, len(shape)) * size
    apart = (np.indices(shape) - middle.reshape(-1, *[1] * len(shape))) / radius.reshape(-1, *[1] * len(shape))
    return ((apart**2).sum(axis=0) <= 1) & (apart.sum(axis=0) < 1.2)


def _with_island(mask: np.ndarray) -> np.ndarray:
    """The mask and a few voxels in a corner of the image, or in the last slice."""
    changed = mask.copy()
    changed[-1, -2:] = True
    return changed


def _volumes(rng: np.random.Generator, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[np.ndarray, ...]:
    return _ball(rng, shape, spacing), _ball(rng, shape, spacing)


def _surface_cases(rng: np.random.Generator) -> list[Case]:
    a, b = _mask([".....#", "###...", "###...", "###..."]), _mask(["......", "..###.", "..###.", "......"])
    block, island = _mask(["##..........", "##.........."]), _mask(["##.........#", "##.........."])
    corner = _mask(["####..", "####..", "####..", "......"], np.uint8)
    square = _mask(["###...", "###...", "###..."])
    full, hollow = np.ones((2, 7, 7), dtype=np.uint8)
    hollow[3, 3] = 0
    thick, flat = (5.0, 1.0, 0.5), (0.7, 1.9)
    blob, other = _volumes(rng, (6, 11, 13), thick)
    edge = np.zeros((10, 12), dtype=np.int64)
    edge[: rng.integers(6, 8), 5:] = 1
    nothing, all_of_it = np.zeros((2, 3), dtype=bool), np.ones((2, 3), dtype=bool)
    return [
        Case((square, square[:, ::-1].copy(), (1.0, 2.0)), "a square, and the same square 3 columns of 2 mm further"),
        Case((block, island, (2.0, 1.0)), "b has an island, 10 mm away"),
        Case((island, block, (2.0, 1.0)), "a has an island, 10 mm away"),
        Case((hollow, full, (2.0, 1.0)), "b is the full image, a has a hole in the middle"),
        Case((full, hollow, (2.0, 1.0)), "a is the full image, b has a hole in the middle"),
        Case((a, b, (3.0, 1.0)), "rows 3 mm apart, columns 1 mm"),
        Case((corner, np.roll(corner, (1, 2), (0, 1)), (1.0, 2.0)), "both touch the border of the image"),
        Case((edge, np.rot90(edge, 2).copy(), flat), "two masks that reach the border of the image"),
        Case((_with_island(blob), other, thick), "slices 5 mm apart, a has an island in the last one"),
        Case((*_volumes(rng, (15, 12), flat), flat), "a slice"),
        Case((edge, _with_island(_ball(rng, (10, 12), flat)).astype(np.int64), flat), "a slice, b has an island"),
        Case((nothing, nothing.copy(), (2.0, 1.0)), "both empty"),
        Case((nothing, all_of_it, (2.0, 1.0)), "a is empty"),
        Case((blob, np.zeros(blob.shape, dtype=bool), thick), "b is empty"),
    ]


def _inside(mask, structure=None, beyond=0) -> np.ndarray:
    """The mask without its surface."""
    from scipy.ndimage import binary_erosion

    return binary_erosion(mask, structure, border_value=beyond)


def _surface(mask, structure=None, beyond=0) -> np.ndarray:
    return mask & ~_inside(mask, structure, beyond)


def _around(mask) -> np.ndarray:
    """The voxels outside that touch the mask."""
    from scipy.ndimage import binary_dilation

    return binary_dilation(mask) & ~mask


def _in_each_slice(mask) -> np.ndarray:
    """The surface as seen in each slice, without the ones above and below."""
    structure = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]]).reshape(*[1] * (mask.ndim - 2), 3, 3)
    return _surface(mask, structure)


def _kept(measure: Callable) -> Callable:
    """`measure` of a bool mask, worked out once: every known mistake asks for the same masks again."""

    @functools.lru_cache(maxsize=256)
    def once(shape, voxels, *more):
        result = measure(np.frombuffer(voxels, dtype=bool).reshape(shape), *more)
        result.flags.writeable = False
        return result

    return lambda mask, *more: once(mask.shape, mask.tobytes(), *map(tuple, more))


@_kept
def _edge(mask) -> np.ndarray:
    return _surface(mask)


@_kept
def _nearest(marked, spacing) -> np.ndarray:
    """For every voxel the distance in mm to the nearest marked one; far away where none is marked."""
    from scipy.ndimage import distance_transform_edt

    return distance_transform_edt(~marked, sampling=spacing) if marked.any() else np.full(marked.shape, np.inf)


def _diagonal(shape, spacing) -> float:
    return float(np.linalg.norm(np.array(shape) * spacing))


def _larger(measure: Callable) -> Callable:
    return lambda from_a, from_b: max(measure(from_a), measure(from_b))


def _percentile(distances) -> float:
    return np.percentile(distances, 95)


_RIGHT = _larger(_percentile)


def _measured(
    put=_RIGHT, surface=_edge, target=None, scale=lambda spacing: spacing, both_empty=0.0, one_empty=_diagonal
) -> Callable:
    """A wrong answer: hausdorff95 with one part exchanged.

    put : (from_a, from_b) -> the number, from the distances of both directions
    surface, target : of a mask the voxels that are measured from, and those that are measured to
    scale : spacing -> the spacing that is used in its place
    one_empty : (shape, spacing) -> what one empty mask gives
    """

    def wrong(a, b, spacing):
        a, b = np.asarray(a) > 0, np.asarray(b) > 0
        if not a.any() and not b.any():
            return both_empty
        if not a.any() or not b.any():
            return one_empty(a.shape, spacing)
        step = scale(spacing)
        to_a, to_b = (_nearest((target or surface)(mask), step) for mask in (a, b))
        from_a, from_b = to_b[surface(a)], to_a[surface(b)]
        return put(from_a, from_b) if len(from_a) and len(from_b) else np.nan

    return wrong


def _in_voxels(one_empty=_diagonal, times: Callable = lambda spacing: 1.0) -> Callable:
    """Distances in voxels, all multiplied by one number."""
    return lambda a, b, spacing: (
        times(spacing) * _measured(scale=np.ones_like, one_empty=lambda *_: np.nan)(a, b, spacing)
        if np.any(a) and np.any(b)
        else _measured(one_empty=one_empty)(a, b, spacing)
    )


def _picked(directions: Callable) -> Callable:
    """A wrong answer by what is read where: directions(a, b, surface of a, surface of b) -> pairs (from, to)."""

    def wrong(a, b, spacing):
        if not np.any(a) or not np.any(b):
            return hausdorff95(a, b, spacing)
        a, b = np.asarray(a) > 0, np.asarray(b) > 0
        pairs = directions(a, b, _edge(a), _edge(b))
        return max(_percentile(_nearest(target, spacing)[start]) for start, target in pairs)

    return wrong


def _of_the_image(a, b, spacing):
    """The percentile over all voxels of the image."""
    if not np.any(a) or not np.any(b):
        return hausdorff95(a, b, spacing)
    a, b = np.asarray(a) > 0, np.asarray(b) > 0
    return max(_percentile(_nearest(_edge(mask), spacing)) for mask in (a, b))


def _numbers_kept(a, b, spacing, surface=lambda mask: mask & ~_inside(mask)):
    """Masks of 0 and 1 are not turned into bool."""
    from scipy.ndimage import distance_transform_edt

    if not np.any(a) or not np.any(b):
        return hausdorff95(a, b, spacing)
    a, b = surface(a), surface(b)
    return max(_percentile(distance_transform_edt(~of, sampling=spacing)[at]) for of, at in ((b, a), (a, b)))


def _numbers_subtracted(a, b, spacing):
    """NumPy refuses this for two bool arrays."""
    return _numbers_kept(a, b, spacing, lambda mask: mask - _inside(mask))


def _numbers_and_xor(a, b, spacing):
    return _numbers_kept(a, b, spacing, lambda mask: mask ^ _inside(mask))


def _transform_of_surface(a, b, spacing):
    """The distance transform of the surface itself: how deep a voxel lies in it."""
    from scipy.ndimage import distance_transform_edt

    if not np.any(a) or not np.any(b):
        return hausdorff95(a, b, spacing)
    a, b = _surface(np.asarray(a) > 0), _surface(np.asarray(b) > 0)
    return max(_percentile(distance_transform_edt(of, sampling=spacing)[at]) for of, at in ((b, a), (a, b)))


def _slice_by_slice(a, b, spacing):
    """Each slice for itself, then the largest."""
    if np.ndim(a) == 2:
        return hausdorff95(a, b, spacing)
    if not np.any(a) or not np.any(b):
        return hausdorff95(a, b, spacing)
    return max(hausdorff95(x, y, spacing[1:]) for x, y in zip(a, b, strict=True))


def _no_question(a, b, spacing):
    """No question whether a mask is empty: nan where there is nothing to take a percentile of."""
    if not np.any(a) or not np.any(b):
        return np.nan
    return hausdorff95(a, b, spacing)


def _stops_when_empty(a, b, spacing):
    if not np.any(a) or not np.any(b):
        raise IndexError("index -1 is out of bounds for axis 0 with size 0")
    return hausdorff95(a, b, spacing)


def _any_empty_diagonal(a, b, spacing):
    return hausdorff95(a, b, spacing) if np.any(a) and np.any(b) else _diagonal(np.shape(a), spacing)


HAUSDORFF95 = Exercise(
    id="9.4",
    reference=hausdorff95,
    cases=_surface_cases,
    hints=(
        "Two steps. First the surface of each mask: what is in the mask but not in its erosion. Then, for each voxel "
        "of one surface, how far it is to the other surface; `distance_transform_edt` knows that for every voxel of "
        "the image at once.",
        "The distance transform measures the way to the nearest *False* voxel. So give it an array that is False on "
        "the surface you want to reach and True elsewhere, together with `sampling=spacing`. Then pick the values on "
        "the other surface by indexing with it.",
        "Empty masks first: both, then one. After that, for both directions: `distances = distance_transform_edt("
        "~surface_b, sampling=spacing)[surface_a]`, and `np.percentile` of it. The larger one is the answer. Masks "
        "may come as 0 and 1: turn them into bool before you use `~`.",
    ),
    why="A distance transform is the whole trick: one array holds the way to b's surface from everywhere, and indexing "
    "with a's surface picks the voxels that count. The percentile forgives a few stray voxels, the larger of the two "
    "directions lets neither mask hide an island.",
    misconceptions=(
        Misconception(
            "one direction only",
            "You measured in one direction. When one mask has an island far away, every voxel of the *other* one still "
            "lies near the first mask, and that direction sees nothing. Take both directions and the larger number.",
            (
                _measured(lambda from_a, from_b: _percentile(from_a)),
                _measured(lambda from_a, from_b: _percentile(from_b)),
            ),
        ),
        Misconception(
            "the smaller direction",
            "Of the two directions you took the smaller number. It hides what the other one has found: an island far "
            "away, or a piece that is missing. The larger counts.",
            (_measured(lambda from_a, from_b: min(_percentile(from_a), _percentile(from_b))),),
        ),
        Misconception(
            "the mean of both directions",
            "You put the two directions together by a mean, or a sum. That can be defended, but it is another number: "
            "in the usual definition, that of BraTS, the *larger* of the two percentiles counts.",
            (
                _measured(lambda from_a, from_b: (_percentile(from_a) + _percentile(from_b)) / 2),
                _measured(lambda from_a, from_b: _percentile(from_a) + _percentile(from_b)),
            ),
        ),
        Misconception(
            "both directions in one heap",
            "You put the distances of both directions into one heap and took the percentile of that. This is another "
            "published definition, no nonsense, but another number: the many near voxels of one surface dilute the far "
            "ones of the other. Here each direction has its own percentile. When you read an HD95, ask which one it "
            "is.",
            (_measured(lambda from_a, from_b: _percentile(np.append(from_a, from_b))),),
        ),
        Misconception(
            "read at its own surface",
            "The distance to b's surface was read at b's surface, where it is 0. Each surface is 0 away from itself, "
            "however far apart the masks are. The distance to b's surface belongs to the voxels of a's, and the other "
            "way round.",
            (_picked(lambda a, b, edge_a, edge_b: [(edge_a, edge_a), (edge_b, edge_b)]),),
        ),
        Misconception(
            "the maximum in place of the percentile",
            "You took the largest distance. That is the Hausdorff distance itself: one stray voxel decides it. HD95 "
            "takes the 95th percentile of each direction, so that a few stray voxels are forgiven.",
            (_measured(_larger(np.max)),),
        ),
        Misconception(
            "another percentile",
            "That is another percentile, or another place in the sorted distances. `np.percentile` counts from 0 to "
            "100: 95, not 0.95. And where the place falls between two distances it goes on a straight line from one to "
            "the other: with the few voxels of a small tumour that matters.",
            (
                *(
                    _measured(_larger(lambda distances, percent=percent: np.percentile(distances, percent)))
                    for percent in (0.95, 5, 90)
                ),
                *(
                    _measured(_larger(lambda distances, way=way: np.percentile(distances, 95, method=way)))
                    for way in ("lower", "higher", "nearest")
                ),
                _measured(_larger(lambda distances: 0.95 * np.max(distances))),
                _measured(_larger(np.mean)),
            ),
        ),
        Misconception(
            "voxels in place of mm",
            "Your distances are in voxels, or in voxels times one number. Often voxels are no cubes: three slices "
            "of 5 mm are 15 mm, three columns of 0.5 mm are 1.5 mm. Each axis needs its own spacing.",
            (
                _in_voxels(),
                _in_voxels(lambda shape, spacing: _diagonal(shape, 1)),
                *(_in_voxels(times=times) for times in (np.mean, np.min, lambda spacing: spacing[0])),
            ),
        ),
        Misconception(
            "the spacing in another order",
            "The spacing went in with its axes in another order. It is given as the array has them: (z, y, x), or (y, "
            "x). (Some libraries name them the other way round. A sphere that comes out flat gives it away.)",
            (
                _measured(scale=lambda spacing: spacing[::-1]),
                _measured(scale=lambda spacing: spacing[::-1], one_empty=lambda s, p: _diagonal(s, p[::-1])),
            ),
        ),
        Misconception(
            "the surface of one mask only",
            "Of one mask you took the surface, of the other all voxels. The inner ones belong to no outline. Measured "
            "from, they are many and move the percentile; measured to, they are 0 away from a surface that runs "
            "through the middle of the mask. Both masks give their surface, in both directions.",
            tuple(
                _picked(directions)
                for directions in (
                    lambda a, b, edge_a, edge_b: [(a, edge_b), (edge_b, a)],
                    lambda a, b, edge_a, edge_b: [(edge_a, b), (b, edge_a)],
                    lambda a, b, edge_a, edge_b: [(a, edge_b), (edge_b, edge_a)],
                    lambda a, b, edge_a, edge_b: [(edge_a, edge_b), (b, edge_a)],
                    lambda a, b, edge_a, edge_b: [(edge_a, b), (edge_b, edge_a)],
                    lambda a, b, edge_a, edge_b: [(edge_a, edge_b), (edge_b, a)],
                    lambda a, b, edge_a, edge_b: [(a, edge_b)],
                    lambda a, b, edge_a, edge_b: [(b, edge_a)],
                )
            ),
        ),
        Misconception(
            "all voxels in place of the surface",
            "You measured from all voxels, or to all of them. The inner ones of two masks overlap, at distance 0, and "
            "there are many: they push the percentile down. And a surface that lies deep inside the other mask is not "
            "near that one's surface. Measure from surface to surface.",
            (
                _measured(surface=lambda mask: mask),
                _measured(surface=lambda mask: mask, target=_edge),
                _measured(target=lambda mask: mask),
                _measured(surface=_inside),
                _of_the_image,
            ),
        ),
        Misconception(
            "masks subtracted",
            "NumPy does not subtract bool masks, and from masks of 0 and 1 it makes numbers, which `~` and square "
            "brackets take for something else. The surface is what is in the mask *and not* in its erosion. Turn both "
            "masks into bool first.",
            (_numbers_subtracted,),
        ),
        Misconception(
            "0 and 1 taken for False and True",
            "It works for bool masks. For integers `~` turns the bits round, so that ~0 is not 1, and square brackets "
            "take 0 and 1 for row numbers. Turn both masks into bool in the first line.",
            (_numbers_kept, _numbers_and_xor),
        ),
        Misconception(
            "other neighbours",
            "Your surface holds other voxels. It belongs to the mask: its voxels that have a *face* neighbour outside, "
            "four in a slice, six in a volume, above and below too. A corner that touches is not enough, and the layer "
            "just outside the mask is not meant. `binary_erosion` counts like this by itself.",
            (
                _measured(surface=lambda mask: _surface(mask, np.ones((3,) * mask.ndim))),
                _measured(surface=_around),
                _measured(surface=_in_each_slice),
                _slice_by_slice,
            ),
        ),
        Misconception(
            "no surface at the border of the image",
            "Where a mask touches the border of the image you see no surface. What lies beyond the image counts as "
            "outside the mask: the tumour is cut off there, and that is where its known part ends.",
            (_measured(surface=lambda mask: _surface(mask, beyond=1)),),
        ),
        Misconception(
            "the distance transform inside out",
            "`distance_transform_edt` gives every True voxel its distance to the nearest *False* one. You gave it the "
            "surface as True: then it says how thick the surface is. Turn the array round before, so that the surface "
            "is False.",
            (_transform_of_surface,),
        ),
        Misconception(
            "empty masks not asked for",
            "An empty mask has no surface, and there is nothing to take a percentile of. Ask for it first. Both empty: "
            "they agree, 0. One empty: the diagonal of the image, as BraTS scored it, because no two voxels are "
            "further apart. A nan would make the mean over all patients nan.",
            (
                _no_question,
                _stops_when_empty,
                _measured(both_empty=np.nan),
                _measured(one_empty=lambda shape, spacing: np.nan),
            ),
        ),
        Misconception(
            "the sides in place of the diagonal",
            "One mask is empty, and you added up the sides of the image, or their squares. The diagonal is the "
            "straight way from corner to corner: the *root* of the sum of the squares of the sides, each side in mm.",
            (
                _measured(one_empty=lambda shape, spacing: np.sum(np.array(shape) * spacing)),
                _measured(one_empty=lambda shape, spacing: np.sum((np.array(shape) * spacing) ** 2)),
                _measured(one_empty=lambda shape, spacing: np.sum(shape)),
            ),
        ),
        Misconception(
            "another number for one empty mask",
            "One mask is empty and the other is not. 0 would be the mark of a perfect answer, for a tumour that was "
            "missed altogether; infinity makes the mean over all patients infinite. The diagonal of the image is worse "
            "than every real distance, and finite. In mm: along each axis voxels times spacing, then the root of the "
            "sum of squares. (Both empty: 0.)",
            (
                _measured(one_empty=lambda shape, spacing: 0.0),
                _measured(one_empty=lambda shape, spacing: np.inf),
                _measured(one_empty=lambda shape, spacing: _diagonal(np.array(shape) - 1, spacing)),
                _measured(one_empty=lambda shape, spacing: _diagonal(shape, 1)),
                _measured(one_empty=lambda shape, spacing: _diagonal(shape, spacing[::-1])),
                _measured(one_empty=lambda shape, spacing: np.max(np.array(shape) * spacing)),
                _any_empty_diagonal,
            ),
        ),
    ),
)
