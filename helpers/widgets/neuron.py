"""One neuron over two features of the breast-mass table: its decision line moves with its weights."""

import functools

import numpy as np

from helpers.data.wdbc import load_wdbc
from helpers.display import Shown
from helpers.nn import relu
from helpers.widgets.shell import contact_sheet, explorer, rendered, slider

FEATURES = ("worst radius", "worst smoothness")
START = {"w1": 1.0, "w2": 0.0, "b": 0.0, "relu": False}
_EDGE = 4.0  # standard deviations shown on each side
_LOW, _HIGH, _STEPS = -4.0, 8.0, 24  # the colours of the output: so few that the picture packs fast


@functools.cache
def two_features() -> tuple[np.ndarray, np.ndarray]:
    """The two features of all masses, standardised: X (569, 2), and y (569,), 1 malignant."""
    table = load_wdbc()
    X = table.X[:, [table.names.index(name) for name in FEATURES]]
    return (X - X.mean(axis=0)) / X.std(axis=0), table.y


def counts(state: dict) -> tuple[int, int]:
    """Malignant masses the neuron stays silent on, and benign ones it fires on: (missed, false alarms)."""
    X, y = two_features()
    a = X @ np.array([state["w1"], state["w2"]]) + state["b"]
    return int(((a <= 0) & (y == 1)).sum()), int(((a > 0) & (y == 0)).sum())


@functools.cache
def _stage():
    """The figure is made once; a move changes the colours behind the masses and the line."""
    import matplotlib
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patheffects import Normal, Stroke

    X, y = two_features()
    with style.context("helpers.course"):
        fig = Figure(figsize=(5.6, 3.5), dpi=115)
        FigureCanvasAgg(fig)
        axes = fig.subplots()
        axes.set(xlim=(-_EDGE, _EDGE), ylim=(-_EDGE, _EDGE))
        axes.set(xlabel="worst radius (standard deviations from the mean)", ylabel="worst smoothness (same unit)")
        colours = matplotlib.colormaps["viridis"].resampled(_STEPS)
        scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(_LOW, _HIGH), colours)
        fig.colorbar(scale, ax=axes, label="output of the neuron")
        benign = axes.plot(*X[y == 0].T, "o", ms=3.5, color="#CCCCCC", mec="black", mew=0.4, label="benign")[0]
        malignant = axes.plot(*X[y == 1].T, "^", ms=4.5, color="#FF9A1F", mec="black", mew=0.3, label="malignant")[0]
        outline = [Stroke(linewidth=3.6, foreground="black"), Normal()]  # to be seen on every colour, and in the legend
        (line,) = axes.plot([], [], color="white", lw=2, ls="-", path_effects=outline, label="a = 0, the decision line")
        fig.legend(loc="outside upper center", ncols=3)
        fig.canvas.draw()
    fig.set_layout_engine("none")  # the layout is found once, not at every move
    table = (colours(np.arange(_STEPS))[:, :3] * 255).astype(np.uint8)
    return fig, axes, (benign, malignant, line), table, fig.canvas.copy_from_bbox(fig.bbox)


def picture(state: dict) -> np.ndarray:
    """state {"w1", "w2", "b": floats, "relu": bool} -> uint8 (402, 644, 3): output surface, masses, decision line."""
    fig, axes, artists, table, background = _stage()
    w1, w2, b = state["w1"], state["w2"], state["b"]
    fig.canvas.restore_region(background)
    pixels = np.asarray(fig.canvas.buffer_rgba())
    left, bottom, right, top = np.round(axes.bbox.extents).astype(int)
    x1 = np.linspace(-_EDGE, _EDGE, right - left, dtype=np.float32)
    x2 = np.linspace(_EDGE, -_EDGE, top - bottom, dtype=np.float32)  # pixel rows run downwards
    a = w1 * x1 + (w2 * x2 + b)[:, None]
    step = ((relu(a) if state["relu"] else a) - _LOW) * (_STEPS / (_HIGH - _LOW))
    inside = pixels[len(pixels) - top : len(pixels) - bottom, left:right]
    inside[..., :3] = table[np.clip(step, 0, _STEPS - 1).astype(np.uint8)]
    artists[-1].set_data(*_line(w1, w2, b))
    for artist in artists:
        axes.draw_artist(artist)
    return rendered(fig)


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
    """The neuron in numbers."""
    missed, alarms = counts(state)
    signs = ["-" if state[name] < 0 else "+" for name in ("w2", "b")]
    formula = f"a = {state['w1']:.1f} x1 {signs[0]} {abs(state['w2']):.1f} x2 {signs[1]} {abs(state['b']):.1f}"
    return f"`{formula}`: **{missed} of 212 malignant masses missed, {alarms} of 357 benign ones called malignant.**"


def neuron_explorer() -> Shown:
    """The widget: weights, bias, ReLU on or off."""
    import ipywidgets as widgets

    controls = {
        "w1": slider("w1 (radius)", START["w1"], -3, 3),
        "w2": slider("w2 (smoothness)", START["w2"], -3, 3),
        "b": slider("b (bias)", START["b"], -5, 5),
        "relu": widgets.Checkbox(value=False, description="ReLU", indent=True),
    }
    states = [START, START | {"b": -1.5}, START | {"w2": 1.0}, START | {"w2": 1.0, "relu": True}]
    titles = ["w1 = 1, w2 = 0, b = 0", "b = -1.5", "w2 = 1", "w2 = 1, with ReLU"]
    still = contact_sheet([picture(state) for state in states], titles)
    alt = (
        "Four pictures of one neuron over two features of 569 breast masses. With weight on the radius alone the "
        "decision line is upright; a bias of -1.5 moves it to the right; a second weight turns it; with ReLU all "
        "outputs on its benign side are 0."
    )
    return explorer(picture, caption, controls, still, alt)
