"""An activation function and its slope: the tangent moves with the pre-activation."""

import functools

import numpy as np

from helpers.display import Shown
from helpers.nn import ACTIVATIONS
from helpers.widgets.shell import contact_sheet, explorer, rendered, slider

_EDGE = 6.0


def _value_and_slope(state: dict) -> tuple[float, float]:
    activation, a = ACTIVATIONS[state["name"]], np.array([state["a"]])
    return float(activation.value(a)[0]), float(activation.slope(a)[0])


@functools.cache
def _stage():
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style.context("helpers.course"):
        fig = Figure(figsize=(5.6, 2.9), dpi=115)
        FigureCanvasAgg(fig)
        left, right = fig.subplots(1, 2)
        left.set(xlim=(-_EDGE, _EDGE), ylim=(-1.6, 6.2), xlabel="pre-activation a", ylabel="output h")
        right.set(xlim=(-_EDGE, _EDGE), ylim=(-0.15, 1.25), xlabel="pre-activation a", ylabel="slope dh/da")
        (curve,) = left.plot([], [], color="#0072B2")
        (tangent,) = left.plot([], [], color="#D55E00", ls="--")
        (dot,) = left.plot([], [], "o", color="#D55E00", ms=6)
        (slopes,) = right.plot([], [], color="#009E73", ls="-.")
        (slope_dot,) = right.plot([], [], "o", color="#D55E00", ms=6)
        for axes in (left, right):
            axes.axhline(0, color="#999999", lw=0.6)
        fig.canvas.draw()
    fig.set_layout_engine("none")
    artists = {left: (curve, tangent, dot), right: (slopes, slope_dot)}
    return fig, artists, fig.canvas.copy_from_bbox(fig.bbox)


def picture(state: dict) -> np.ndarray:
    """state {"name": str, "a": float} -> uint8 (333, 644, 3): the function with its tangent at a, and its slope."""
    fig, artists, background = _stage()
    (curve, tangent, dot), (slopes, slope_dot) = artists.values()
    a = np.linspace(-_EDGE, _EDGE, 481)
    activation = ACTIVATIONS[state["name"]]
    h, slope = _value_and_slope(state)
    curve.set_data(a, activation.value(a))
    slopes.set_data(a, activation.slope(a))
    run = np.array([-1.5, 1.5])
    tangent.set_data(state["a"] + run, h + slope * run)
    dot.set_data([state["a"]], [h])
    slope_dot.set_data([state["a"]], [slope])
    fig.canvas.restore_region(background)
    for axes, drawn in artists.items():
        for artist in drawn:
            axes.draw_artist(artist)
    return rendered(fig)


def caption(state: dict) -> str:
    """The point in numbers."""
    h, slope = _value_and_slope(state)
    return f"{state['name']} at a = {state['a']:.1f}: output **{h:.4g}**, slope **{slope:.4g}**."


def activation_explorer() -> Shown:
    """The widget: which function, and where on it."""
    import ipywidgets as widgets

    controls = {
        "name": widgets.Dropdown(
            options=list(ACTIVATIONS), value="ReLU", description="function", style={"description_width": "9em"}
        ),
        "a": slider("pre-activation a", 1.0, -_EDGE, _EDGE),
    }
    states = [{"name": name, "a": a} for name in ("ReLU", "sigmoid") for a in (-3.0, 2.0)]
    titles = [f"{state['name']} at a = {state['a']:g}" for state in states]
    still = contact_sheet([picture(state) for state in states], titles)
    alt = (
        "Four pairs of graphs. ReLU at a = -3: output 0, slope 0. ReLU at a = 2: output 2, slope 1. Sigmoid at a = -3: "
        "output 0.05, slope 0.05. Sigmoid at a = 2: output 0.88, slope 0.10; its slope is never above 0.25."
    )
    return explorer(picture, caption, controls, still, alt)
