"""Gradient descent in a ravine: learning rate, momentum and the noise of minibatches, step by step."""

import functools

import numpy as np

from helpers.display import Shown, contact_sheet
from helpers.nn import momentum_step
from helpers.widgets.marks import WHITE, Mark, line, point
from helpers.widgets.shell import At, View, explorer, slider
from helpers.widgets.stage import Stage

CURVATURES = np.array([1.0, 20.0])  # of the loss, along the valley and across it
BEGIN = np.array([-9.0, 2.0])
STEPS = 100
START = {"learning_rate": 0.02, "momentum": 0.0, "noise": 0.0, "step": 20.0, "hover": None}
_FAR = np.array([10.0, 4.0])  # parameters shown, on each side


def loss(theta: np.ndarray) -> np.ndarray:
    """Half the sum of curvature times theta squared: theta (..., 2) -> (...)."""
    return 0.5 * (CURVATURES * theta**2).sum(axis=-1)


@functools.lru_cache(maxsize=8)  # pictures and caption of one move ask for the same path
def _path(learning_rate: float, momentum: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    theta, m, passed = BEGIN, np.zeros(2), [BEGIN]
    for error in np.random.default_rng(0).normal(scale=noise, size=(STEPS, 2)):
        theta, m = momentum_step(theta, CURVATURES * theta + error, m, learning_rate, momentum)
        passed.append(theta)
    return np.array(passed), loss(np.array(passed))


def path(state: dict) -> tuple[np.ndarray, np.ndarray]:
    """Where the steps lead: theta (STEPS + 1, 2), and the loss there (STEPS + 1,). The same state, the same noise."""
    return _path(state["learning_rate"], state["momentum"], state["noise"])


@functools.cache
def _stage(view: str) -> Stage:
    """The figure of a view; its parts are the axes, the line of all steps, the line of the steps so far."""
    from matplotlib.colors import LogNorm

    def ravine(fig):
        axes, (across, up) = fig.subplots(), (np.linspace(-far, far, 201) for far in _FAR)
        heights, levels = loss(np.stack(np.meshgrid(across, up), axis=-1)), [0.1, 0.3, 1, 3, 10, 30, 100, 300]
        norm = LogNorm(0.1, 3000)  # no yellow, on which the path would not be seen
        filled = axes.contourf(across, up, np.maximum(heights, 0.1), levels, norm=norm, cmap="viridis")
        bar = fig.colorbar(filled, ax=axes, label="loss L", ticks=levels, format="%g", location="top", aspect=50)
        bar.ax.minorticks_off()
        axes.plot(0, 0, "+", color="white", ms=9, mew=1.6)
        axes.set(aspect="equal", xlim=(-_FAR[0], _FAR[0]), ylim=(-_FAR[1], _FAR[1]))
        axes.set(xlabel="first parameter (curvature 1)", ylabel="second (curvature 20)")
        return axes, *axes.plot([], [], "w-", lw=0.8), *axes.plot([], [], "o-", color="#FFB000", ms=4, mec="black")

    def curve(fig):
        axes = fig.subplots()
        axes.set(xlim=(-2, STEPS + 2), ylim=(1e-6, 1e6), yscale="log", xlabel="step t", ylabel="loss L (log scale)")
        return axes, *axes.plot([], [], "-", color="#777777", lw=0.8), *axes.plot([], [], "o-", color="#D55E00", ms=3)

    return Stage((4.9, 3.1), ravine) if view == "ravine" else Stage((3.2, 3.1), curve)


def picture(view: str, state: dict) -> np.ndarray:
    """All steps thin, those up to `step` thick: in the "ravine" the path, uint8 (356, 644, 3); in the "curve" the loss.

    state {"learning_rate", "momentum", "noise", "step": floats}
    """
    (theta, losses), (_, *lines), so_far = path(state), _stage(view).parts, int(state["step"]) + 1
    far = (np.abs(theta) > 5 * _FAR).any(axis=1)  # from there on a path that diverges would fill the ravine
    last = int(far.argmax()) + 1 if view == "ravine" and far.any() else STEPS + 1
    for artist, end in zip(lines, (last, min(so_far, last)), strict=True):
        artist.set_data(*(theta[:end].T if view == "ravine" else (np.arange(end), losses[:end])))
    _stage(view).restored()
    return _stage(view).drawn(*lines)


def pointed_at(at: At | None) -> tuple[float, float] | None:
    """What is under the pointer: two parameters in the ravine, step and loss in the curve."""
    return None if at is None else _stage(at.view).to_data(_stage(at.view).parts[0], at.x, at.y)


def marks(state: dict) -> list[Mark]:
    """Over the ravine: the step that starts under the pointer, without momentum, as far as it is in the picture."""
    at, place = state["hover"], pointed_at(state["hover"])
    if place is None or at.view != "ravine":
        return []
    theta = np.array(place)
    move = -state["learning_rate"] * CURVATURES * theta
    room = (np.sign(move) * _FAR - theta) / np.where(move == 0, 1, move)  # in parts of the step
    ends = theta, theta + min(1, *room[move != 0], 1) * move
    places = _stage("ravine").to_pixels(_stage("ravine").parts[0], *np.transpose(ends))
    return [line(places, WHITE), point(*places[0], WHITE)]


def caption(state: dict) -> str:
    """The loss at the step, the edge beyond which the steps diverge, and what is under the pointer."""
    losses, step, beta = path(state)[1], int(state["step"]), state["momentum"]
    product, edge = state["learning_rate"] * CURVATURES[1], 2 * (1 + beta)
    ends = "on the edge: the steps swing for ever" if product < edge + 1e-6 else "beyond it: **they diverge**"
    ends = "below it: **the steps do not diverge**" if product < edge - 1e-6 else ends
    words = (
        f"Step {step}: loss **{losses[step]:.3g}**; {losses[0]:.3g} at the start, {losses[-1]:.3g} after {STEPS} "
        f"steps.\nLearning rate x largest curvature = {state['learning_rate']:.3g} x 20 = {product:.3g}. The edge is "
        f"2 (1 + {beta:.2f}) = {edge:.2f}; this is {ends}."
    )
    if state["noise"]:
        words += f"\nEach entry of the gradient is off by about {state['noise']:.1f}, as in a minibatch. "
        words += f"Mean loss over the last 20 steps: {losses[-20:].mean():.3g}."
    place = pointed_at(state["hover"])
    return words if place is None else f"{words}\n{_under(state, *place)}"


def _under(state: dict, x: float, y: float) -> str:
    if state["hover"].view == "curve":
        step = int(np.clip(round(x), 0, STEPS))
        return f"At step {step} the loss is **{path(state)[1][step]:.3g}**."
    theta, g = np.array([x, y]), CURVATURES * (x, y)
    there = loss(theta - state["learning_rate"] * g)
    return (
        f"At ({x:.1f}, {y:.1f}) the loss is {loss(theta):.3g} and the gradient ({g[0]:.1f}, {g[1]:.1f}). One step from "
        f"here, without momentum (white line), leads to a loss of {there:.3g}."
    )


def ravine_explorer(waits_for: str | None = None) -> Shown:
    """The widget: learning rate, momentum, noise, step.  waits_for : id of the prediction to be made first."""
    import ipywidgets as widgets

    look = {"style": {"description_width": "9em"}, "layout": {"width": "36em", "max_width": "100%"}}
    rate = {"min": -3, "max": -0.5, "step": 0.05, "readout_format": ".3f", "description": "learning rate"}
    controls = {
        "learning_rate": widgets.FloatLogSlider(START["learning_rate"], **rate, **look),
        "momentum": slider("momentum", START["momentum"], 0, 0.95, 0.05, ".2f"),
        "noise": slider("minibatch noise", START["noise"], 0, 10, 0.5),
        "step": slider("step t", START["step"], 0, STEPS, 1, ".0f"),
    }
    views = {
        "ravine": View(functools.partial(picture, "ravine"), "The path in the ravine, seen from above.", marks, 490),
        "curve": View(functools.partial(picture, "curve"), "The loss at each step.", width=320),
    }
    changes = {"learning_rate": 0.02}, {"learning_rate": 0.09}, {"momentum": 0.8}, {"learning_rate": 0.11, "step": 12.0}
    states = [START | {"step": 40.0} | change for change in changes]
    titles = [
        title
        for state in states
        for title in (f"learning rate {state['learning_rate']:g}, momentum {state['momentum']:g}", "its loss")
    ]
    still = contact_sheet([picture(view, state) for state in states for view in views], titles)
    alt = (
        "Four paths from one place in a ravine, with the loss at each step; 40 steps, in the last 12. Learning "
        "rate 0.02: down the wall, then slowly along the valley. 0.09: from wall to wall, quicker along the valley. "
        "0.02 with momentum 0.8: swings that die out. The loss is then "
        f"{', '.join(f'{path(state)[1][40]:.2g}' for state in states[:3])}. 0.11: every swing is larger than the last, "
        "and the loss grows."
    )
    return explorer(views, caption, controls, still, alt, waits_for=waits_for)
