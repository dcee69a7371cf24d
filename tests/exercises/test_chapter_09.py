"""What the exercises of chapter 09 say to answers that come close, and that they ask for what the course uses."""

import numpy as np
import pytest

from helpers.exercises.chapter09_masks import DICE, HAUSDORFF95, REGIONS
from helpers.exercises.chapter09_network import CONV_BLOCK, SOFT_DICE_LOSS, UNET, conv_block, soft_dice_loss, unet
from helpers.exercises.chapter09_windows import SLIDING_WINDOW, sliding_window
from helpers.metrics import dice, hausdorff95, regions


def test_the_loss_of_four_pixels_worked_by_hand():
    """Label 1: 2 * 0.9 + 1 over 1.2 + 2 + 1. Label 2: 2 * 0.6 + 1 over 1.2 + 1 + 1."""
    p, truth = SOFT_DICE_LOSS.cases(np.random.default_rng(0))[0].args
    assert soft_dice_loss(p, truth) == pytest.approx(1 - (2.8 / 4.2 + 2.2 / 3.2) / 2)


def test_with_probabilities_of_0_and_1_it_is_1_minus_dice():
    rng = np.random.default_rng(2)
    p, truth = (np.eye(4)[rng.integers(0, 4, size=(2, 6, 5))] for _ in range(2))
    scores = [dice(p[..., k], truth[..., k]) for k in (1, 2, 3)]
    assert soft_dice_loss(p, truth, 0.0) == pytest.approx(1 - np.mean(scores))


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_one_block_does_what_keras_does(groups):
    import keras

    from helpers.nn import conv2d

    rng = np.random.default_rng(groups)
    X, K = rng.normal(1, 3, size=(2, 5, 4, 3)), rng.normal(size=(3, 3, 3, 6))
    layer = keras.layers.GroupNormalization(groups, epsilon=1e-3, center=False, scale=False)
    due = keras.ops.relu(layer(conv2d(X, K, None, padding="same").astype("float32")))
    np.testing.assert_allclose(conv_block(X, [K], groups), np.array(due), atol=1e-5)


def test_a_network_of_one_level_wired_by_hand():
    """10, 20, 30, 40 are kept; the largest plus 1 comes back from below, beside each of them."""
    x, *parts = UNET.cases(np.random.default_rng(0))[0].args
    np.testing.assert_array_equal(unet(x, *parts)[:, :, 0], [[41010, 41020], [41030, 41040]])


def test_windows_that_all_agree_give_the_image_back():
    image, weights = np.random.default_rng(0).normal(size=(11, 9)), 1 + np.arange(16.0).reshape(4, 4)
    np.testing.assert_allclose(sliding_window(image, lambda window: window, 4, 3, weights), image)


def test_a_small_number_in_dice_passes_and_a_larger_one_is_named():
    def with_number(e):
        def answer(a, b):
            a, b = np.asarray(a) > 0, np.asarray(b) > 0
            return (2 * (a & b).sum() + e) / (a.sum() + b.sum() + e)

        return answer

    assert DICE.judge(with_number(1e-7)).status == "passed"
    assert DICE.judge(with_number(1e-5)).status == "wrong"
    assert DICE.judge(with_number(1e-3)).misconception == "a number added"


def test_the_usual_lines_for_dice_are_led_on_step_by_step():
    steps = [
        lambda a, b: 2 * (a & b).sum() / (a + b).sum(),
        lambda a, b: 2 * (a & b).sum() / (a.sum() + b.sum()),
        lambda a, b: 2 * (a * b).sum() / (a.sum() + b.sum()),
        lambda a, b: 2 * (a * b).sum() / (a.sum() + b.sum()) if a.any() or b.any() else 1,
    ]
    verdicts = [DICE.judge(step) for step in steps]
    assert [verdict.misconception for verdict in verdicts[:3]] == [
        "the sum of two bool masks",
        "only for bool and integers",
        "both empty is 0 divided by 0",
    ]
    assert verdicts[3].status == "passed"


def _hd95(put, convert=bool, scaled=True):
    """The usual lines, without a question whether a mask is empty."""

    def answer(a, b, spacing):
        from scipy.ndimage import binary_erosion, distance_transform_edt

        a, b = (mask.astype(convert or mask.dtype) for mask in (a, b))
        a, b = a & ~binary_erosion(a), b & ~binary_erosion(b)
        step = spacing if scaled else None
        return put(distance_transform_edt(~b, sampling=step)[a], distance_transform_edt(~a, sampling=step)[b])

    return answer


def _larger(from_a, from_b):
    return max(np.percentile(from_a, 95), np.percentile(from_b, 95))


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (_hd95(_larger), "empty masks not asked for"),
        (_hd95(_larger, convert=None), "0 and 1 taken for False and True"),
        (_hd95(_larger, scaled=False), "voxels in place of mm"),
        (_hd95(lambda from_a, from_b: np.percentile(from_a, 95)), "one direction only"),
        (_hd95(lambda from_a, from_b: np.percentile(np.append(from_a, from_b), 95)), "both directions in one heap"),
        (_hd95(lambda from_a, from_b: max(from_a.max(), from_b.max())), "the maximum in place of the percentile"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_mistake_is_named_although_empty_masks_are_forgotten_too(answer, name):
    assert HAUSDORFF95.judge(answer).misconception == name


def _by_distance_maps(read):
    """read(a, b, surface of a, surface of b, distance map of a mask) -> the number; empty masks are asked for."""

    def answer(a, b, spacing):
        from scipy.ndimage import binary_erosion, distance_transform_edt

        a, b = a > 0, b > 0
        if not a.any() and not b.any():
            return 0.0
        if not a.any() or not b.any():
            return np.sqrt(sum((n * step) ** 2 for n, step in zip(a.shape, spacing, strict=True)))
        edge_a, edge_b = a & ~binary_erosion(a), b & ~binary_erosion(b)
        return read(a, b, edge_a, edge_b, lambda mask: distance_transform_edt(~mask, sampling=spacing))

    return answer


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("read", "name"),
    [
        (lambda a, b, s, t, to: _larger(to(t)[a], to(a)[t]), "the surface of one mask only"),
        (lambda a, b, s, t, to: _larger(to(t)[s], to(a)[t]), "the surface of one mask only"),
        (lambda a, b, s, t, to: _larger(to(t)[s], to(s)[b]), "the surface of one mask only"),
        (lambda a, b, s, t, to: _larger(to(t)[a], to(s)[b]), "all voxels in place of the surface"),
        (lambda a, b, s, t, to: _larger(to(t)[t], to(s)[s]), "read at its own surface"),
    ],
)
def test_surfaces_that_are_mixed_up_with_masks_or_with_each_other_never_pass(read, name, seed):
    """A surface measured to the other *mask* differs only where it lies inside: the full image against a hole."""
    assert HAUSDORFF95.judge(_by_distance_maps(read), seed).misconception == name


def test_the_first_distance_is_worked_out_by_hand():
    """Three columns of 2 mm between the left edges; all that is wrong in mm shows there first."""
    a, b, spacing = HAUSDORFF95.cases(np.random.default_rng(0))[0].args
    assert [np.argwhere(mask).min(axis=0).tolist() for mask in (a, b)] == [[0, 0], [0, 3]]
    assert hausdorff95(a, b, spacing) == pytest.approx(3 * 2.0)
    assert "Your result is 3, expected 6." in HAUSDORFF95.judge(_hd95(_larger, scaled=False)).text


def test_masks_that_are_subtracted_are_told_that_once_and_not_about_powers():
    def subtracted(a, b, spacing):
        from scipy.ndimage import binary_erosion, distance_transform_edt

        a, b = a - binary_erosion(a), b - binary_erosion(b)
        to_a, to_b = (distance_transform_edt(~mask, sampling=spacing) for mask in (a, b))
        return _larger(to_b[a], to_a[b])

    verdict = HAUSDORFF95.judge(subtracted)
    assert verdict.misconception == "masks subtracted"
    assert "`a & ~b` is what is in a and not in b" in verdict.text
    assert "power" not in verdict.text


def test_an_axis_that_a_volume_has_and_a_slice_has_not():
    def wired(x, down, pool, bottom, up, across):
        skips = []
        for function in down:
            skips.append(function(x))
            x = pool(skips[-1])
        x = bottom(x)
        for skip, rise, function in zip(skips[::-1], up[::-1], across[::-1], strict=True):
            x = function(np.concatenate([skip, rise(x)], axis=3))
        return x

    assert "n dimensions have the axes 0 to n - 1, and -1 is the last" in UNET.judge(wired).text


def _counts(a, b):
    a, b = np.asarray(a) > 0, np.asarray(b) > 0
    return (a & b).sum(), a.sum(), b.sum()


@pytest.mark.parametrize("empty", [None, 1.0])
def test_a_quotient_of_whole_numbers_is_told(empty):
    def answer(a, b):
        both, in_a, in_b = _counts(a, b)
        return empty if empty and in_a + in_b == 0 else 2 * both // (in_a + in_b)

    assert DICE.judge(answer).misconception == "a whole number"


def test_pythons_sum_gives_an_array_and_that_is_told():
    verdict = DICE.judge(lambda a, b: 2 * sum(a & b) / (sum(a) + sum(b)))
    assert verdict.misconception == "a sum over some axes only"
    assert "One number was expected; an array of shape (4,) came." in verdict.text


def test_one_sum_of_the_weights_for_all_pixels_is_not_called_undivided():
    def slid(image, predict, size, stride, weights):
        total = np.zeros(image.shape)
        for y in [*range(0, image.shape[0] - size, stride), image.shape[0] - size]:
            for x in [*range(0, image.shape[1] - size, stride), image.shape[1] - size]:
                total[y : y + size, x : x + size] += weights * predict(image[y : y + size, x : x + size])
        return total / weights.sum()

    assert SLIDING_WINDOW.judge(slid).misconception == "one sum for all pixels"


@pytest.mark.parametrize("seed", range(5))
def test_the_cases_of_the_distance_have_what_tells_answers_apart(seed):
    cases = [case.args for case in HAUSDORFF95.cases(np.random.default_rng(seed))]
    assert {mask.dtype.kind for a, b, _ in cases for mask in (a, b)} == {"b", "u", "i"}
    assert {(a.any(), b.any()) for a, b, _ in cases} == {(True, True), (True, False), (False, True), (False, False)}
    assert any(spacing == (5.0, 1.0, 0.5) for _, _, spacing in cases)
    block, island, spacing = cases[1]
    assert hausdorff95(block, island, spacing) == pytest.approx(8)  # 0, 0, 0, 0, 10: four fifths of the last step
    assert [mask.tolist() for mask in cases[2][:2]] == [island.tolist(), block.tolist()]


def test_three_masks_in_a_list_are_asked_for_as_an_array():
    verdict = REGIONS.judge(lambda labels: list(regions(labels)))
    assert "type list; a NumPy array of shape (3, 2, 4)" in verdict.text


def test_functions_taken_out_of_the_lists_are_told():
    def wired(x, down, pool, bottom, up, across):
        skips = []
        for function in down:
            skips.append(function(x))
            x = pool(skips[-1])
        x = bottom(x)
        while up:
            x = across.pop()(np.concatenate([skips.pop(), up.pop()(x)], axis=-1))
        return x

    assert "`up` and `across` changed" in UNET.judge(wired).text


def test_functions_are_told_by_what_they_do():
    verdict = UNET.judge(lambda x, down, pool, bottom, up, across: None)
    assert "down = [10 times x]" in verdict.text
    assert "pool: the largest of each 2 x 2 pixels" in verdict.text


def test_kernels_are_told_by_their_shape():
    verdict = CONV_BLOCK.judge(lambda X, kernels, groups: None)
    assert "kernels = [an array of shape (3, 3, 1, 2)]" in verdict.text


def test_a_window_that_is_too_small_is_refused_and_named():
    def slid(image, predict, size, stride, weights):
        total, weight = np.zeros(image.shape), np.zeros(image.shape)
        for y in range(0, image.shape[0], stride):
            for x in range(0, image.shape[1], stride):
                total[y : y + size, x : x + size] += weights * predict(image[y : y + size, x : x + size])
                weight[y : y + size, x : x + size] += weights
        return total / weight

    verdict = SLIDING_WINDOW.judge(slid)
    assert verdict.misconception == "the last window beyond the image"
    assert "predict takes windows of shape (2, 2); one of shape (2, 1) came." in verdict.text


def test_the_loss_must_take_smooth_and_give_one_number():
    def per_label(probabilities, truth, smooth=1.0):
        both, sizes = (probabilities * truth).sum(axis=(0, 1, 2)), (probabilities + truth).sum(axis=(0, 1, 2))
        return 1 - ((2 * both + smooth) / (sizes + smooth))[1:]

    verdict = SOFT_DICE_LOSS.judge(per_label)
    assert verdict.misconception == "one number for each label"
    assert SOFT_DICE_LOSS.judge(lambda p, t, smooth=1.0: per_label(p, t).mean()).misconception == (
        "smooth not taken from the argument"
    )
