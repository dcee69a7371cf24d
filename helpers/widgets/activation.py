"""An activation function and its slope: the tangent moves with the pre-activation."""

import functools

import numpy as np

from helpers.display import Shown, contact_sheet
from helpers.nn import ACTIVATIONS
from helpers.widgets.marks import Mark, drawn, line, point
from helpers.widgets.shell import WIDTH, At, View, explorer, slider
from helpers.widgets.stage import SHARP, Stage

_EDGE = 6.0
_LOW, _HIGH = -1.6, 6.2  # outputs shown
_TANGENT = "#D55E00"


def _value_and_slope(state: dict) -> tuple[float, float]:
    activation, a = ACTIVATIONS[state["name"]], np.array([state["a"]])
    return float(activation.value(a)[0]), float(activation.slope(a)[0])


@functools.cache
def _stage() -> Stage:
    def build(fig):
        left, right = fig.subplots(1, 2)
        left.set(xlim=(-_EDGE, _EDGE), ylim=(_LOW, _HIGH), xlabel="pre-activation a", ylabel="output h")
        right.set(xlim=(-_EDGE, _EDGE), ylim=(-0.15, 1.25), xlabel="pre-activation a", ylabel="slope dh/da")
        (curve,) = left.plot([], [], color="#0072B2")
        (slopes,) = right.plot([], [], color="#009E73", ls="-.")
        for axes in (left, right):
            axes.axhline(0, color="#999999", lw=0.6)
        return left, right, curve, slopes

    return Stage((5.6, 2.9), build, SHARP)


def picture(state: dict) -> np.ndarray:
    """state {"name": str} -> uint8 (580, 1120, 3): the function on the left, its slope on the right."""
    stage, a = _stage(), np.linspace(-_EDGE, _EDGE, 481)
    *_, curve, slopes = stage.parts
    activation = ACTIVATIONS[state["name"]]
    curve.set_data(a, activation.value(a))
    slopes.set_data(a, activation.slope(a))
    stage.restored()
    return stage.drawn(curve, slopes)


def marks(state: dict) -> list[Mark]:
    """state {"name", "a": float} -> the tangent and the point at a in both graphs, as far as they are in sight."""
    left, right, *_ = _stage().parts
    a, (h, slope) = state["a"], _value_and_slope(state)
    slope_point = point(*_stage().to_pixels(right, a, slope)[0], _TANGENT)
    if not _LOW <= h <= _HIGH:
        return [slope_point]
    run = np.clip([a - 1.5, a + 1.5], -_EDGE, _EDGE)
    if slope > 0:
        run = np.clip(run, a + (_LOW - h) / slope, a + (_HIGH - h) / slope)
    tangent = _stage().to_pixels(left, run, h + slope * (run - a))
    return [
        line(tangent, _TANGENT, dash=(7, 3), edge=False),
        point(*_stage().to_pixels(left, a, h)[0], _TANGENT),
        slope_point,
    ]


def follow(state: dict, at: At) -> dict:
    """The pointer over one of the graphs chooses a, to a tenth."""
    for axes in _stage().parts[:2]:
        place = _stage().to_data(axes, at.x, at.y)
        if place is not None:
            return {"a": round(place[0], 1)}
    return {}


def caption(state: dict) -> str:
    """The point in numbers."""
    h, slope = _value_and_slope(state)
    return f"{state['name']} at a = {state['a']:.1f}: output **{h:.4g}**, slope **{slope:.4g}**."


def activation_explorer() -> Shown:
    """The widget: which function, and where on it: by the slider, or by pointing at a graph."""
    import ipywidgets as widgets

    controls = {
        "name": widgets.Dropdown(
            options=list(ACTIVATIONS), value="ReLU", description="function", style={"description_width": "9em"}
        ),
        "a": slider("pre-activation a", 1.0, -_EDGE, _EDGE),
    }
    states = [{"name": name, "a": a} for name in ("ReLU", "sigmoid") for a in (-3.0, 2.0)]
    titles = [f"{state['name']} at a = {state['a']:g}" for state in states]
    views = {"graphs": View(picture, "A function with its tangent, and its slope.", marks, uses=("name",))}
    pictures = [drawn(picture(state), marks(state), WIDTH, smooth=True) for state in states]
    still = contact_sheet(pictures, titles)
    alt = (
        "Four pairs of graphs. ReLU at a = -3: output 0, slope 0. ReLU at a = 2: output 2, slope 1. Sigmoid at a = -3: "
        "output 0.05, slope 0.05. Sigmoid at a = 2: output 0.88, slope 0.10; its slope is never above 0.25."
    )
    return explorer(views, caption, controls, still, alt, on_hover=follow, waits_for="2.3a")
