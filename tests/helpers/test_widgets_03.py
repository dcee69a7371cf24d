"""The widgets of chapter 03: what they draw and say agrees with the engine, and with counting by hand."""

import itertools

import numpy as np
import pytest

from helpers.nn import conv2d, conv2d_loops
from helpers.widgets import kernel, kernel_explorer, pooling, pooling_explorer
from helpers.widgets.shell import At
from tests.helpers.players import click, hover, leave, parts, words

# The kernel -----------------------------------------------------------------------------------------------------------

IMAGE = np.random.default_rng(0).integers(-900, 300, (9, 11)).astype(float)
SHOWN = kernel.Convolved(IMAGE, "HU", kernel.KERNELS)
PLAIN = {"stride": 1.0, "padding": 0.0, "dilation": 1.0, "cell": 4, "hover": None}
LOOKS = list(itertools.product((1.0, 2.0, 3.0), (0.0, 1.0, 2.0), (1.0, 2.0)))


def of(name: str, **changes) -> dict:
    """The state of a preset."""
    return PLAIN | {"kernel": name, "weights": SHOWN.kernels[name]} | changes


def test_the_output_is_that_of_loops_and_the_kernel_is_not_turned():
    for name, K in kernel.KERNELS.items():
        assert np.allclose(SHOWN.output(of(name))[0], conv2d_loops(IMAGE, np.array(K)))


@pytest.mark.parametrize(("stride", "padding", "dilation"), LOOKS)
def test_every_output_pixel_is_the_sum_of_the_nine_products_it_shows(stride, padding, dilation):
    state = of("sharpen", stride=stride, padding=padding, dilation=dilation)
    Y, _, _ = SHOWN.output(state)
    top, left = (SHOWN.frame - Y.shape) // 2
    for i, j in [(0, 0), (0, Y.shape[1] - 1), (Y.shape[0] - 1, 0), (Y.shape[0] // 2, Y.shape[1] // 2)]:
        here = state | {"hover": At("output", int(left + j), int(top + i))}
        row, column, values = SHOWN.chosen(here)
        assert (row, column) == (i, j)
        assert (values * state["weights"]).sum() == pytest.approx(Y[i, j])
        border, *nine = SHOWN.over_image(here)
        framed = [np.pad(IMAGE, 2)[int(mark["y0"]), int(mark["x0"])] for mark in nine]
        assert framed == values.tolist()  # the frames stand over the pixels whose values are named
        (chosen,) = SHOWN.over_output(here)
        assert (chosen["y0"], chosen["x0"]) == (top + i, left + j)
        said = SHOWN.caption(here)
        assert f"Output row {i}, column {j}: " in said
        assert said.count(" × ") == 9
        assert f"(5 × {values[4]:.5g})" in said
        assert f"**{Y[i, j]:.5g} HU**" in said
    assert f"= {Y.shape[0]} rows, {Y.shape[1]} columns" in SHOWN.caption(state)


def test_the_formula_in_the_caption_is_right():
    for stride, padding, dilation in LOOKS:
        said = SHOWN.caption(of("blur", stride=stride, padding=padding, dilation=dilation))
        formula = said.split("`")[1].replace("×", "*").replace("floor", "int")
        assert f"= {eval(formula)} rows" in said


def test_beside_the_output_nothing_is_chosen():
    for at in (At("output", 0, 0), At("output", 14, 12), At("image", 5, 5), None):
        state = of("blur", hover=at)
        assert SHOWN.chosen(state) is None
        assert len(SHOWN.over_image(state)) == 1
        assert SHOWN.over_output(state) == []
        assert len(SHOWN.over_kernel(state)) == 1 + 9


def test_greys_are_those_that_the_caption_names():
    for name in kernel.KERNELS:
        Y, low, high = SHOWN.output(of(name))
        top, left = (SHOWN.frame - Y.shape) // 2
        grey = SHOWN.result(of(name))[top : top + Y.shape[0], left : left + Y.shape[1], 0].astype(float)
        assert np.abs(low + grey / 255 * (high - low) - Y).max() <= (high - low) / 255 / 2 + 1e-9
        assert f"Black is {low:.5g} HU, white {high:.5g} HU." in SHOWN.caption(of(name))
    flat = kernel.Convolved(np.full((9, 9), 40.0), "HU", kernel.KERNELS)
    assert (flat.result(of("edge up-down"))[4:9, 4:9] == 128).all()  # weights that add up to 0: mid grey
    assert "comes out as 0 times" in flat.caption(of("edge up-down"))
    assert "comes out as 1 times" in flat.caption(of("blur"))


def test_padding_is_drawn_as_the_zero_it_is():
    for padding in (0, 1, 2):
        pixels = SHOWN.picture(of("blur", padding=float(padding)))
        drawn = (pixels != kernel._BLANK).any(axis=2)
        assert drawn.sum() == (9 + 2 * padding) * (11 + 2 * padding)
    zero = round(255 * (0 - IMAGE.min()) / (IMAGE.max() - IMAGE.min()))
    assert (pixels[0] == zero).all()


def test_a_weight_is_chosen_by_a_click_and_set_by_the_slider(monkeypatch):
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    shown = kernel_explorer(IMAGE)
    _, nine, output = parts(shown, "Canvas")
    (choice,), weight = parts(shown, "Dropdown"), parts(shown, "FloatSlider")[0]
    click(nine, 0, 2)  # column 0, row 2
    assert weight.value == -1
    assert "The slider moves row 2, column 0: -1." in words(shown)
    weight.value = 4.0
    assert choice.value == "your own"
    assert [mark["text"] for mark in nine.marks[1:]] == ["-1", "0", "1", "-1", "0", "1", "4", "0", "1"]
    K = np.array([[-1, 0, 1], [-1, 0, 1], [4, 0, 1]], float)
    Y = conv2d(IMAGE[None, :, :, None], K[:, :, None, None], None)[0, :, :, 0]
    assert f"white {Y.max():.5g} HU" in words(shown)
    weight.value = -1.0
    assert choice.value == "edge left-right"
    choice.value = "blur"
    assert weight.value == pytest.approx(1 / 9)
    hover(output, 5, 5)
    assert len(nine.marks) == 1 + 27
    leave(output)
    assert len(nine.marks) == 1 + 9


def test_own_kernels_and_units_and_what_is_refused():
    shown = kernel_explorer(IMAGE, unit="", kernels={"corner": np.eye(3)})
    assert parts(shown, "Dropdown")[0].options == ("corner", "your own")
    assert "HU" not in words(shown)
    for image, kernels, said in [
        (IMAGE[None], kernel.KERNELS, r"an image \(H, W\).*\(1, 9, 11\)"),
        (IMAGE[:4], kernel.KERNELS, r"5 x 5"),
        (np.full((9, 9), np.nan), kernel.KERNELS, "finite"),
        (IMAGE, {"flat": [1, 2, 3]}, r"'flat' has \(3,\)"),
    ]:
        with pytest.raises(ValueError, match=said):
            kernel_explorer(image, kernels=kernels)


# Pooling --------------------------------------------------------------------------------------------------------------

POOLS = [
    pooling.START | {"kind": kind, "size": size, "stride": stride, "shift": shift}
    for kind in ("max", "average")
    for size in (2.0, 3.0, 4.0)
    for stride in (1.0, 2.0, 3.0, 4.0)
    for shift in (0.0, 1.0, 2.0, 3.0)
]


def on(state: dict, i: int, j: int) -> dict:
    """The pointer is on pooled pixel (i, j)."""
    first = (pooling.N - len(pooling.pooled(state))) // 2
    return state | {"hover": At("pooled", first + j, first + i)}


def test_each_pooled_value_is_that_of_the_window_it_shows():
    for state in POOLS:
        Y, of_window = pooling.pooled(state), {"max": np.max, "average": np.mean}[state["kind"]]
        for i, j in np.ndindex(Y.shape):
            here = on(state, i, j)
            row, column, window = pooling.chosen(here)
            assert (row, column) == (i, j)
            assert window.shape == (state["size"], state["size"])
            assert Y[i, j] == pytest.approx(of_window(window))
        assert f"8 x 8 becomes **{len(Y)} x {len(Y)}**" in pooling.caption(state)
        assert f"**{Y[i, j]:.3g}**" in pooling.caption(here)


def test_the_frame_lies_on_the_window_and_the_winner_is_the_first_of_the_largest():
    for state in POOLS:
        Y = pooling.pooled(state)
        for i, j in [(0, 0), (len(Y) - 1, len(Y) - 1), (0, len(Y) - 1)]:
            here = on(state, i, j)
            boxes = [mark for mark in pooling.over_input(here) if mark["kind"] == "box"]
            y0, x0, y1, x1 = (int(boxes[0][key]) for key in ("y0", "x0", "y1", "x1"))
            window = pooling.seen(state["shift"])[y0:y1, x0:x1]
            assert np.array_equal(window, pooling.chosen(here)[2])
            assert len(boxes) == (2 if state["kind"] == "max" else 1)
            if state["kind"] == "max":
                order = [value for row in window for value in row]
                place = (int(boxes[1]["y0"]) - y0) * len(window) + int(boxes[1]["x0"]) - x0
                assert place == order.index(max(order))
                assert ("are equal, the first counts" in pooling.caption(here)) == (order.count(max(order)) > 1)


def test_the_caption_counts_what_a_shift_changes():
    for state in POOLS:
        before, after = pooling.pooled(state | {"shift": 0.0}), pooling.pooled(state)
        count = sum(not np.isclose(*pair) for pair in zip(before.flat, after.flat, strict=True))
        dashed = [mark for mark in pooling.over_pooled(state) if mark["kind"] == "box"]
        assert len(dashed) == count
        assert (f"**{count} of {after.size} pooled values**" in pooling.caption(state)) == (state["shift"] > 0)


def test_after_a_shift_by_the_stride_the_pooled_picture_has_moved_as_a_whole():
    moved = 0
    for state in POOLS:
        k, rest = divmod(int(state["shift"]), int(state["stride"]))
        before, after = pooling.pooled(state | {"shift": 0.0}), pooling.pooled(state)
        said = "a multiple of the stride: every pooled value has moved" in pooling.caption(state).replace(
            "no multiple", ""
        )
        assert said == (rest == 0 and state["shift"] > 0)
        if said:
            assert np.array_equal(after[:, k:], before[:, : before.shape[1] - k])
            moved += 1
    assert moved > 20
    odd = pooling.START | {"shift": 1.0}  # and by less than a stride it has not, whichever way it is laid
    assert not np.array_equal(pooling.pooled(odd)[:, 1:], pooling.pooled(pooling.START)[:, :-1])
    assert not np.array_equal(pooling.pooled(odd), pooling.pooled(pooling.START))


def test_a_pixel_tells_in_how_many_windows_it_lies():
    for stride, size, place, count in [(2, 2, 3, 1), (1, 2, 3, 4), (1, 2, 0, 1), (4, 2, 2, 0), (1, 3, 4, 9)]:
        state = pooling.START | {"stride": stride, "size": size, "hover": At("input", place, place)}
        words = f"it lies in {count} window{'s' * (count != 1)}."
        assert f"{pooling.seen(0)[place, place]:g}; {words}" in pooling.caption(state)


def test_the_alt_text_of_pooling_is_true():
    counts = [int(pooling.changed(pooling.START | {"shift": shift}).sum()) for shift in (1.0, 2.0)]
    assert f"by 1 and by 2 pixels: {counts[0]} and {counts[1]} of the 16" in pooling_explorer().alt
