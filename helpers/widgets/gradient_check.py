"""Relative error of a gradient check against the step of the finite difference, for right and for wrong gradients."""

import functools
from collections.abc import Callable

import numpy as np

from helpers import nn
from helpers.display import Shown, contact_sheet
from helpers.widgets.marks import Mark, drawn, line, point
from helpers.widgets.shell import WIDTH, At, View, explorer, slider
from helpers.widgets.stage import SHARP, Stage

START = {"layer": "dense", "precision": "float64", "bug": "none", "step": -3.0}
STEPS = np.arange(-12, -0.9, 0.25)  # log10
SLIPS = {  # of each layer, the slip that people make
    "dense": "dW is transposed (W is square: its shape does not tell)",
    "ReLU": "the mask is missing: gradients pass where A is below 0",
    "softmax, cross-entropy": "the one-hot labels T are not subtracted",
    "convolution": "dK is turned by 180 degrees",
}
SLIP = "the usual slip in this layer"
BUGS = ("none", SLIP, "not divided by N", "one entry 1 % too large")
_DOT = "#D55E00"
_KINK = 0.023  # distance of the nearest entry of A from 0


def case(layer: str, precision: str) -> tuple[Callable, np.ndarray, np.ndarray, np.ndarray]:
    """A layer under a cross-entropy: the loss as a function, where its slope is asked for, the gradient, the slip's."""
    rng, y = np.random.default_rng(4), np.array([0, 2, 1, 2])
    X, W, b, A = (rng.normal(size=size).astype(precision) for size in ((4, 3), (3, 3), 3, (4, 3)))
    images, K = (rng.normal(size=size).astype(precision) for size in ((4, 4, 4, 1), (3, 3, 1, 2)))
    if layer == "dense":
        dA = nn.softmax_cross_entropy_backward(nn.dense_forward(X, W, b), y)
        return lambda W: nn.cross_entropy(nn.dense_forward(X, W, b), y), W, nn.dense_backward(dA, X, W)[1], dA.T @ X
    if layer == "ReLU":
        A = A + np.copysign(A.dtype.type(0.02), A)  # further from the kink than a good step reaches
        dH = nn.softmax_cross_entropy_backward(nn.relu(A), y)
        return lambda A: nn.cross_entropy(nn.relu(A), y), A, nn.relu_backward(dH, A), dH
    if layer == "convolution":
        dZ = nn.softmax_cross_entropy_backward(nn.flatten(nn.conv2d(images, K, None)), y)
        dK = nn.conv2d_backward(dZ.reshape(4, 2, 2, 2), images, K)[1]
        return lambda K: nn.cross_entropy(nn.flatten(nn.conv2d(images, K, None)), y), K, dK, dK[::-1, ::-1]
    return lambda Z: nn.cross_entropy(Z, y), A, nn.softmax_cross_entropy_backward(A, y), nn.softmax(A) / A.dtype.type(4)


@functools.cache
def slopes(layer: str, precision: str) -> list[np.ndarray]:
    """The numeric gradient for each of `STEPS`; the loss is computed in `precision`."""
    loss, place, _, _ = case(layer, precision)
    return [nn.numerical_gradient(lambda P: loss(P.astype(precision)), place, 10.0**step) for step in STEPS]


@functools.cache
def errors(layer: str, precision: str, bug: str) -> np.ndarray:
    """Relative error for each of `STEPS`."""
    _, _, right, slip = case(layer, precision)
    large = np.where(np.abs(right) == np.abs(right).max(), 1.01 * right, right)
    gradient = {"none": right, SLIP: slip, "not divided by N": 4 * right}.get(bug, large)
    return np.array([nn.relative_error(gradient, numeric) for numeric in slopes(layer, precision)])


@functools.cache
def _stage() -> Stage:
    def build(fig):
        axes = fig.subplots()
        axes.set(xscale="log", yscale="log", xlim=(5e-13, 0.2), ylim=(1e-13, 3))
        axes.set(xlabel="step of the finite difference", ylabel="relative error")
        axes.axhline(1e-7, color="#666666", lw=0.8, ls=":")
        axes.annotate("float64: right is below 1e-7", (7e-13, 1.8e-8), fontsize=8, color="#444444")
        (right,) = axes.plot([], [], color="#009E73", ls="--", label="without the planted bug")
        (curve,) = axes.plot([], [], color="#0072B2", ls="-", marker="o", ms=3, label="the gradient you check")
        fig.legend(loc="outside upper center", ncols=2)
        return axes, right, curve

    return Stage((5.6, 3.4), build, SHARP)


def picture(state: dict) -> np.ndarray:
    """state {"layer", "precision", "bug"} -> uint8 (680, 1120, 3): the error of the check at every step."""
    (_, *curves), bugs = _stage().parts, ("none", state["bug"])
    for curve, bug in zip(curves, bugs, strict=True):
        curve.set_data(10.0**STEPS, errors(state["layer"], state["precision"], bug))
    _stage().restored()
    return _stage().drawn(*(curves[1:] if state["bug"] == "none" else curves))


def _error(state: dict, bug: str) -> float:
    return float(errors(state["layer"], state["precision"], bug)[np.abs(STEPS - state["step"]).argmin()])


def marks(state: dict) -> list[Mark]:
    """The step that is chosen, and its error."""
    axes = _stage().parts[0]
    x, y = _stage().to_pixels(axes, 10.0 ** state["step"], _error(state, state["bug"]))[0]
    top, _, bottom, _ = _stage().box(axes)
    return [line([(x, top), (x, bottom)], _DOT, width=1, edge=False, dash=(4, 3)), point(x, y, _DOT, 10)]


def follow(state: dict, at: At) -> dict:
    """The pointer over the graph chooses the step."""
    place = _stage().to_data(_stage().parts[0], at.x, at.y)
    return {} if place is None else {"step": float(np.clip(np.round(4 * np.log10(place[0])) / 4, STEPS[0], STEPS[-1]))}


def caption(state: dict) -> str:
    """The error at this step, whether it is truncation or rounding, and what is planted."""
    layer, precision, bug = state["layer"], state["precision"], state["bug"]
    right, step = errors(layer, precision, "none"), state["step"]
    best = STEPS[right.argmin()]
    words = f"{layer}, {precision}, step {10**step:.1e}: relative error **{_error(state, bug):.1e}**."
    where = "The lowest point: rounding and truncation are about equal"
    if step > best + 0.5:
        where = "To the right of the lowest point: **truncation**. The loss bends between the two places"
        if layer == "ReLU" and step > np.log10(_KINK):
            where += ", and a kink lies between them"
    elif step < best - 0.5:
        where = "To the left of the lowest point: **rounding**. The two losses differ in their last digits only"
    words += f"\n{where}. A right gradient has {_error(state, 'none'):.1e} here, {right.min():.1e} at {10**best:.1e}."
    if bug == "none":
        return words
    words += f"\nPlanted: {SLIPS[layer] if bug == SLIP else bug}."
    return f"{words} **No step gets below {errors(layer, precision, bug).min():.1e}**."


def gradient_check_explorer(waits_for: str | None = None) -> Shown:
    """The widget: layer, precision, planted bug, step (by pointing, too); `waits_for`: a prediction."""
    import ipywidgets as widgets

    options = {"layer": list(SLIPS), "precision": ["float64", "float32"], "bug": list(BUGS)}
    for layer in SLIPS:  # now, so that no move has to wait for them
        slopes(layer, "float64"), slopes(layer, "float32")
    look = {"style": {"description_width": "9em"}, "layout": {"width": "28em"}}
    controls = {
        name: widgets.Dropdown(options=kinds, value=START[name], description=name.replace("bug", "planted bug"), **look)
        for name, kinds in options.items()
    }
    controls["step"] = slider("step: 10 to the", START["step"], -12, -1, step=0.25, readout_format=".2f")
    views = {"curve": View(picture, "Relative error against the step.", marks, uses=tuple(options))}
    changes = ({}, {"precision": "float32"}, {"bug": SLIP}, {"layer": "ReLU", "step": -1.0})
    states = [START | {"step": -5.0} | change for change in changes]
    titles = ["dense, float64", "dense, float32", "dense, float64, dW transposed", "ReLU, float64, step 0.1"]
    still = contact_sheet([drawn(picture(state), marks(state), WIDTH, smooth=True) for state in states], titles)
    alt = (  # no numbers that are rounding errors: they are others on another computer
        "Four curves of relative error against the step, both logarithmic. A right gradient of a dense layer in "
        "float64: a valley, lowest near a step of 1e-5 and there far below 1e-7. In float32 the valley is shallow and "
        f"lies further right. With dW transposed: flat, {_error(states[2], SLIP):.0e} at every step, far above the "
        f"right gradient. ReLU: the same valley, but {_error(states[3], 'none'):.0e} at a step of 0.1, across a kink."
    )
    return explorer(views, caption, controls, still, alt, on_hover=follow, waits_for=waits_for)
