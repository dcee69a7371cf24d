"""The widgets of chapter 04: what they draw and say agrees with the engine, and with finite differences."""

import itertools

import numpy as np
import pytest

from helpers.widgets import gradient_check, gradient_check_explorer, graph, graph_stepper
from helpers.widgets.shell import At
from tests.helpers.players import hover, parts, words

# The graph ------------------------------------------------------------------------------------------------------------

STATES = [
    graph.START | dict(zip("xwb", values, strict=True)) for values in itertools.product((-3.0, 0.5, 2.0), repeat=3)
]
NODES = ["x", "w", "b", "w2", "b2", "y", "a", "h", "z", "L"]


def loss(values: dict[str, float]) -> float:
    h = max(values["x"] * values["w"] + values["b"], 0)
    return (h * values["w2"] + values["b2"] - values["y"]) ** 2


def texts(state: dict) -> list[str]:
    return [mark["text"] for mark in graph.marks(state) if mark["kind"] == "text"]


@pytest.mark.parametrize("state", STATES, ids=lambda state: f"{state['x']} {state['w']} {state['b']}")
def test_the_gradients_are_those_of_finite_differences(state):
    values, gradients, _ = graph.computed(state)
    inputs = {name: values[name] for name in ("x", "w", "b", "w2", "b2", "y")}
    assert values["L"] == loss(inputs)
    if values["a"] == 0:
        return  # a kink: there is no slope
    for name in ("x", "w", "b", "w2", "b2"):
        above, below = (loss(inputs | {name: inputs[name] + step}) for step in (1e-5, -1e-5))
        assert gradients[name] == pytest.approx((above - below) / 2e-5, abs=1e-6)


def test_no_gradient_passes_a_dead_relu():
    for b in (-3.0, -4.0):  # exactly 0, and below
        _, gradients, _ = graph.computed(graph.START | {"b": b})
        assert [gradients[name] for name in "axwb"] == [0, 0, 0, 0]
        assert gradients["h"] != 0
        assert "no gradient reaches x, w and b" in graph.caption(graph.START | {"b": b, "step": 7.0})
    assert "no gradient reaches" not in graph.caption(graph.START | {"step": 7.0})


def test_each_step_adds_one_node_and_shows_nothing_before_its_time():
    values, gradients, _ = graph.computed(graph.START)
    order = ["a", "h", "z", "L", "z", "w2", "a", "w"]  # what is new with steps 1 to 8
    for step in range(9):
        state = graph.START | {"step": float(step)}
        drawn, said = texts(state), graph.caption(state)
        assert drawn.count("?") == max(0, 4 - step)
        assert sum(words.startswith("dL/d") for words in drawn) == [0, 0, 0, 0, 0, 1, 4, 5, 8][step]
        assert said.splitlines()[0].count(" = ") == 10 - drawn.count("?") + [0, 0, 0, 0, 0, 1, 4, 5, 8][step]
        if step:
            name = order[step - 1]
            new = values[name] if step < 5 else gradients[name]
            assert f"**{new:.4g}**" in said
            assert [mark["colour"] for mark in graph.marks(state) if mark["kind"] == "box"].count(graph.ORANGE) == (
                {6: 3, 8: 3}.get(step, 1)
            )
        assert texts(state | {"x": -1.0}) != drawn
    assert "dL/dw = -2" in drawn
    assert "* 1.5" in drawn  # the local slope da/dx = w


def test_the_calculation_in_the_caption_is_right():
    for state, step in itertools.product(STATES, range(1, 9)):
        for line in graph.caption(state | {"step": float(step)}).splitlines()[1:]:
            if line.count(" = ") < 2:
                continue
            *_, numbers, result = line.split(", since")[0].rstrip(".").split(" = ")
            wanted = eval(numbers.replace("×", "*").replace("^2", "**2"), {"relu": lambda a: max(a, 0)})
            assert float(result.strip("*.")) == pytest.approx(wanted, rel=1e-3), line


def test_pointing_at_a_node_reads_it(monkeypatch):
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    shown = graph_stepper()
    (canvas,), step = parts(shown, "Canvas"), parts(shown, "FloatSlider")[0]
    for name in NODES:
        hover(canvas, *graph._CENTRES[name])
        known = name not in "ahzL"
        assert (f"{name} is not computed yet" in words(shown)) == (not known)
    step.value = 8.0
    for name, gradient in {"x": -1.5, "w": -2, "z": -2}.items():
        hover(canvas, *graph._CENTRES[name])
        assert f"dL/d{name} = {gradient}: if {name} grows a little, L changes by {gradient} times that." in words(shown)
    assert graph.pointed_at({"hover": At("graph", 0, 0)}) is None
    assert graph.pointed_at({"hover": None}) is None


# The gradient check ---------------------------------------------------------------------------------------------------

LAYERS = list(gradient_check.SLIPS)
BEST = -5.0  # log10 of the step that chapter 04 recommends


def at(step: float, **changes) -> dict:
    return gradient_check.START | {"step": step} | changes


def error_said(state: dict) -> float:
    return float(gradient_check.caption(state).split("**")[1])


@pytest.mark.parametrize("layer", LAYERS)
def test_a_right_gradient_passes_in_float64_and_every_planted_bug_is_found(layer):
    for bug in gradient_check.BUGS:
        error = gradient_check._error(at(BEST, layer=layer), bug)
        assert (error < 1e-7) if bug == "none" else (error > 1e-4), bug
        if bug != "none":  # no step hides it, in float32 neither
            for precision in ("float64", "float32"):
                assert gradient_check.errors(layer, precision, bug).min() > 1e-4


@pytest.mark.parametrize("layer", LAYERS)
def test_left_of_the_valley_the_error_rises_with_1_over_the_step_and_right_of_it_with_its_square(layer):
    errors = np.log10(gradient_check.errors(layer, "float64", "none"))
    steps = gradient_check.STEPS
    rounding = np.polyfit(steps[steps <= -6], errors[steps <= -6], 1)[0]
    truncation = np.polyfit(*(values[(steps >= -4) & (steps <= -2)] for values in (steps, errors)), 1)[0]
    assert rounding == pytest.approx(-1, abs=0.15)
    assert truncation == pytest.approx(2, abs=0.15)
    shallow = gradient_check.errors(layer, "float32", "none")
    assert shallow[steps == BEST] > 1e-3
    assert steps[shallow.argmin()] > steps[errors.argmin()] + 1


def test_a_step_across_the_kink_of_relu_breaks_the_check_at_once():
    _, A, _, _ = gradient_check.case("ReLU", "float64")
    nearest = np.log10(np.abs(A).min())
    errors, steps = gradient_check.errors("ReLU", "float64", "none"), gradient_check.STEPS
    assert errors[steps > nearest].min() > 100 * errors[steps < nearest][-1]
    for step in steps:
        assert ("kink" in gradient_check.caption(at(step, layer="ReLU"))) == (step > nearest)
        assert "kink" not in gradient_check.caption(at(step))


def test_the_caption_reads_the_curve_and_names_the_side():
    for layer, precision, bug in itertools.product(LAYERS, ("float64", "float32"), gradient_check.BUGS):
        right = gradient_check.errors(layer, precision, "none")
        errors = gradient_check.errors(layer, precision, bug)
        lowest = gradient_check.STEPS[right.argmin()]
        for step, error in zip(gradient_check.STEPS, errors, strict=True):
            state = at(step, layer=layer, precision=precision, bug=bug)
            said = gradient_check.caption(state)
            assert error_said(state) == pytest.approx(error, rel=0.06)
            assert ("**truncation**" in said) == (step > lowest + 0.5)
            assert ("**rounding**" in said) == (step < lowest - 0.5)
            assert (f"**No step gets below {errors.min():.1e}**" in said) == (bug != "none")


def test_the_point_lies_on_the_curve_and_the_pointer_moves_it(monkeypatch):
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    stage = gradient_check._stage()
    shown = gradient_check_explorer()
    (canvas,), (step,) = parts(shown, "Canvas"), parts(shown, "FloatSlider")
    for value in (-11.0, -4.75, -1.0):
        ((x, y),) = stage.to_pixels(stage.parts[0], 10.0**value, 1e-3)
        hover(canvas, int(x), int(y))
        assert step.value == value
        line, point = canvas.marks
        step_there, error_there = stage.to_data(stage.parts[0], point["x"] - 0.5, point["y"] - 0.5)
        assert np.log10(step_there) == pytest.approx(value, abs=1e-6)
        assert error_there == pytest.approx(gradient_check._error(at(value), "none"), rel=1e-6)
    hover(canvas, 0, 0)  # outside the axes
    assert step.value == -1.0


def test_without_a_bug_one_curve_is_drawn_and_with_one_two():
    plain, planted = gradient_check.picture(at(BEST)), gradient_check.picture(at(BEST, bug=gradient_check.SLIP))

    def green(pixels: np.ndarray) -> int:
        return int((np.abs(pixels.astype(int) - (0, 158, 115)).sum(axis=2) < 30).sum())

    assert green(planted) > 2 * green(plain)  # the legend is green too
    assert np.array_equal(plain, gradient_check.picture(at(-9.0)))


def test_the_alt_text_of_the_gradient_check_is_true():
    alt, steps = gradient_check_explorer().alt, gradient_check.STEPS
    dense = gradient_check.errors("dense", "float64", "none")
    assert abs(steps[dense.argmin()] - BEST) <= 0.5
    assert dense.min() < 1e-9
    transposed = gradient_check.errors("dense", "float64", gradient_check.SLIP)
    assert f"flat, {transposed[0]:.0e} at every step" in alt
    assert len({f"{error:.0e}" for error in transposed}) == 1
    assert f"{gradient_check.errors('ReLU', 'float64', 'none')[-1]:.0e} at a step of 0.1" in alt
