"""One neuron over two features of the breast-mass table: its decision line moves with its weights."""

import functools

import numpy as np

from helpers.data.wdbc import load_wdbc
from helpers.display import Shown, contact_sheet
from helpers.nn import relu
from helpers.widgets.marks import WHITE, Mark, circle
from helpers.widgets.shell import At, View, explorer, slider
from helpers.widgets.stage import Stage

FEATURES = ("worst radius", "worst smoothness")
START = {"w1": 1.0, "w2": 0.0, "b": 0.0, "relu": False, "hover": None}
_REACH = 9  # pixels from the pointer to a mass that it still means
_EDGE = 4.0  # standard deviations shown on each side
_LOW, _HIGH, _STEPS = -4.0, 8.0, 24  # the colours of the output: so few that the picture packs fast


@functools.cache
def two_features() -> tuple[np.ndarray, np.ndarray]:
    """The two features of all masses, standardised: X (569, 2), and y (569,), 1 malignant."""
    X = _measured()
    return (X - X.mean(axis=0)) / X.std(axis=0), load_wdbc().y


@functools.cache
def _measured() -> np.ndarray:
    """The same two features as they were measured: (569, 2)."""
    table = load_wdbc()
    return table.X[:, [table.names.index(name) for name in FEATURES]]


def counts(state: dict) -> tuple[int, int]:
    """Malignant masses the neuron stays silent on, and benign ones it fires on: (missed, false alarms)."""
    X, y = two_features()
    a = X @ np.array([state["w1"], state["w2"]]) + state["b"]
    return int(((a <= 0) & (y == 1)).sum()), int(((a > 0) & (y == 0)).sum())


@functools.cache
def _stage() -> tuple[Stage, np.ndarray]:
    """The figure, and the colours (steps, 3) behind the masses; a move changes these and the line."""
    import matplotlib
    from matplotlib.patheffects import Normal, Stroke

    X, y = two_features()
    colours = matplotlib.colormaps["viridis"].resampled(_STEPS)

    def build(fig):
        axes = fig.subplots()
        axes.set(xlim=(-_EDGE, _EDGE), ylim=(-_EDGE, _EDGE))
        axes.set(xlabel="worst radius (standard deviations from the mean)", ylabel="worst smoothness (same unit)")
        scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(_LOW, _HIGH), colours)
        fig.colorbar(scale, ax=axes, label="output of the neuron")
        benign = axes.plot(*X[y == 0].T, "o", ms=3.5, color="#CCCCCC", mec="black", mew=0.4, label="benign")[0]
        malignant = axes.plot(*X[y == 1].T, "^", ms=4.5, color="#FF9A1F", mec="black", mew=0.3, label="malignant")[0]
        outline = [Stroke(linewidth=3.6, foreground="black"), Normal()]  # to be seen on every colour, and in the legend
        (line,) = axes.plot([], [], color="white", lw=2, ls="-", path_effects=outline, label="a = 0, the decision line")
        fig.legend(loc="outside upper center", ncols=3)
        return axes, benign, malignant, line

    return Stage((5.6, 3.5), build), (colours(np.arange(_STEPS))[:, :3] * 255).astype(np.uint8)


def picture(state: dict) -> np.ndarray:
    """state {"w1", "w2", "b": floats, "relu": bool} -> uint8 (402, 644, 3): output surface, masses, decision line."""
    stage, colours = _stage()
    axes, benign, malignant, line = stage.parts
    w1, w2, b = state["w1"], state["w2"], state["b"]
    top, left, bottom, right = stage.box(axes)
    x1 = np.linspace(-_EDGE, _EDGE, right - left, dtype=np.float32)
    x2 = np.linspace(_EDGE, -_EDGE, bottom - top, dtype=np.float32)  # pixel rows run downwards
    a = w1 * x1 + (w2 * x2 + b)[:, None]
    step = ((relu(a) if state["relu"] else a) - _LOW) * (_STEPS / (_HIGH - _LOW))
    stage.restored()[top:bottom, left:right, :3] = colours[np.clip(step, 0, _STEPS - 1).astype(np.uint8)]
    line.set_data(*_line(w1, w2, b))
    return stage.drawn(benign, malignant, line)


@functools.cache
def _places() -> np.ndarray:
    """Where the masses are in the picture: (569, 2) as (x, y)."""
    stage, _ = _stage()
    return stage.to_pixels(stage.parts[0], *two_features()[0].T)


def pointed_at(at: At | None) -> int | None:
    """The mass nearest to the pointer, as its row in the table; None where none is drawn."""
    if at is None:
        return None
    drawn = (np.abs(two_features()[0]) <= _EDGE).all(axis=1)
    distances = np.where(drawn, np.hypot(*(_places() - (at.x + 0.5, at.y + 0.5)).T), np.inf)
    nearest = int(distances.argmin())
    return nearest if distances[nearest] <= _REACH else None


def marks(state: dict) -> list[Mark]:
    """A ring round the mass under the pointer."""
    row = pointed_at(state["hover"])
    return [] if row is None else [circle(*_places()[row], 8, WHITE)]


def _line(w1: float, w2: float, b: float) -> tuple[list[float], list[float]]:
    """The two ends of w1 x1 + w2 x2 + b = 0 in the picture; nothing when both weights are 0."""
    t = np.array([-20.0, 20.0])
    norm = np.hypot(w1, w2)
    if norm < 1e-9:
        return [], []
    foot = -b * np.array([w1, w2]) / norm**2
    along = np.array([-w2, w1]) / norm
    ends = foot[:, None] + along[:, None] * t
    return list(ends[0]), list(ends[1])


def caption(state: dict) -> str:
    """The neuron in numbers, and the mass under the pointer."""
    missed, alarms = counts(state)
    signs = ["-" if state[name] < 0 else "+" for name in ("w2", "b")]
    formula = f"a = {state['w1']:.1f} x1 {signs[0]} {abs(state['w2']):.1f} x2 {signs[1]} {abs(state['b']):.1f}"
    counted = f"`{formula}`: **{missed} of 212 malignant masses missed, {alarms} of 357 benign ones called malignant.**"
    row = pointed_at(state["hover"])
    return f"{counted}\n{_mass(row, state)}" if row is not None else counted


def _mass(row: int, state: dict) -> str:
    X, y = two_features()
    (x1, x2), (radius, smoothness) = X[row], _measured()[row]
    a = state["w1"] * x1 + state["w2"] * x2 + state["b"]
    kind, said = ("malignant" if y[row] else "benign"), ("malignant" if a > 0 else "benign")
    return (
        f"This mass is {kind}: {FEATURES[0]} {radius:.1f} (x1 = {x1:.2f}), {FEATURES[1]} {smoothness:.3f} "
        f"(x2 = {x2:.2f}). a = {a:.2f}, so the neuron says {said}."
    )


def neuron_explorer() -> Shown:
    """The widget: weights, bias, ReLU on or off; the pointer asks a mass for its measurements."""
    import ipywidgets as widgets

    controls = {
        "w1": slider("w1 (radius)", START["w1"], -3, 3),
        "w2": slider("w2 (smoothness)", START["w2"], -3, 3),
        "b": slider("b (bias)", START["b"], -5, 5),
        "relu": widgets.Checkbox(value=False, description="ReLU", indent=True),
    }
    live = "One neuron over two features of 569 breast masses: the masses, the neuron's output, its decision line."
    views = {"plane": View(picture, live, marks=marks)}
    states = [START, START | {"b": -1.5}, START | {"w2": 1.0}, START | {"w2": 1.0, "relu": True}]
    titles = ["w1 = 1, w2 = 0, b = 0", "b = -1.5", "w2 = 1", "w2 = 1, with ReLU"]
    still = contact_sheet([picture(state) for state in states], titles)
    alt = (
        "Four pictures of one neuron over two features of 569 breast masses. With weight on the radius alone the "
        "decision line is upright; a bias of -1.5 moves it to the right; a second weight turns it; with ReLU all "
        "outputs on its benign side are 0."
    )
    return explorer(views, caption, controls, still, alt, waits_for="2.1a")
