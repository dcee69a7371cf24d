"""A computational graph of four operations, stepped: forward node by node, then backward with the chain rule."""

import numpy as np

from helpers.display import Shown, contact_sheet
from helpers.widgets.marks import ORANGE, WHITE, Mark, box, drawn, line, text
from helpers.widgets.shell import View, explorer, slider

START = {"step": 0.0, "x": 2.0, "w": 1.5, "b": -1.0, "hover": None}
FIXED = {"w2": 0.5, "b2": 1.0, "y": 3.0}
FORMULAS = {"a": "x w + b", "h": "relu(a)", "z": "h w2 + b2", "L": "(z - y)^2"}
NUMBERS = {"a": "{x} × {w} + {b}", "h": "relu({a})", "z": "{h} × {w2} + {b2}", "L": "({z} - {y})^2"}
INPUTS = {"a": ("x", "w", "b"), "h": ("a",), "z": ("h", "w2", "b2"), "L": ("z",)}  # those that get a gradient
SLOPES = {"x": "w", "w": "x", "b": "1", "h": "w2", "w2": "h", "b2": "1", "a": "slope of relu"}
LAST = 2 * len(FORMULAS)
_CENTRES = {"x": (7, 17), "w": (23, 5), "b": (23, 29), "a": (23, 17), "h": (40, 17), "w2": (56, 5), "b2": (56, 29)}
_CENTRES |= {"z": (56, 17), "y": (72, 5), "L": (72, 17)}
_WIDE, _HIGH = 6, 4.2  # half a node; a unit is 10 CSS pixels
_DULL = "#AEBBD0"


def computed(state: dict) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Values of all nodes, gradients of L with respect to them, and the local slope on the way out of each.

    state {"x", "w", "b"}. A gradient is that of the node it goes into, times the local slope.
    """
    v = {name: state[name] for name in ("x", "w", "b")} | FIXED
    v["a"] = v["x"] * v["w"] + v["b"]
    v["h"] = max(v["a"], 0.0)
    v["z"] = v["h"] * v["w2"] + v["b2"]
    v["L"] = (v["z"] - v["y"]) ** 2
    slopes = {"x": v["w"], "w": v["x"], "b": 1.0, "a": float(v["a"] > 0), "h": v["w2"], "w2": v["h"], "b2": 1.0}
    slopes["z"] = 2 * (v["z"] - v["y"])
    gradients = {"L": 1.0}
    for node in reversed(FORMULAS):
        gradients |= {name: slopes[name] * gradients[node] + 0.0 for name in INPUTS[node]}
    return v, gradients, slopes


def done(step: float) -> tuple[list[str], list[str], str]:
    """After this many steps: the nodes that have a value, those that have a gradient, and the node of this step."""
    step, order = int(step), list(FORMULAS)
    valued = ["x", "w", "b", *FIXED, *order[:step]]
    back = order[::-1][: max(0, step - len(order))]
    node = "" if step == 0 else order[step - 1] if not back else back[-1]
    return valued, [name for node in back for name in INPUTS[node]], node


def picture(_: dict) -> np.ndarray:
    """A dark ground, uint8 (34, 80): everything else is marks, so that letters are sharp."""
    return np.full((34, 80), 28, np.uint8)


def marks(state: dict) -> list[Mark]:
    """Nodes with name, value and gradient as far as they are known; arrows with the local slopes on the way back."""
    (values, gradients, slopes), (valued, graded, node) = computed(state), done(state["step"])
    made = []
    for target, names in (INPUTS | {"L": ("z", "y")}).items():
        for name in names:
            back, now = name in graded, node == target and (not graded or name in graded)
            made += _arrow(name, target, back, ORANGE if now else _DULL)
            if back:
                middle = np.mean([_CENTRES[name], _CENTRES[target]], axis=0)
                x, y = middle + ((0, -1.3) if _CENTRES[name][1] == _CENTRES[target][1] else (2.2, 0))
                made.append(text(x, y, f"* {slopes[name]:.3g}", ORANGE, size=12))
    for name, (x, y) in _CENTRES.items():
        new = name == node if not graded else name in INPUTS.get(node, ())
        title = f"{name} = {FORMULAS[name]}" if name in FORMULAS else name
        look = {"colour": ORANGE if new else _DULL, "width": 3 if new else 1, "fill": "#1F3A5F"}
        made += [box(y - _HIGH, x - _WIDE, y + _HIGH, x + _WIDE, **look), text(x, y - 2.5, title, _DULL, size=13)]
        made.append(text(x, y + 0.1, f"{values[name]:.4g}" if name in valued else "?", WHITE, size=17))
        if name in graded:
            made.append(text(x, y + 2.8, f"dL/d{name} = {gradients[name]:.4g}", ORANGE, size=13))
    return made


def _arrow(name: str, target: str, back: bool, colour: str) -> list[Mark]:
    """Between the edges of two nodes, beside or above each other; its head where the step goes."""
    a, b = (np.array(_CENTRES[node], float) for node in (name, target))
    way = np.sign(b - a)
    start, end = a + way * (_WIDE, _HIGH), b - way * (_WIDE, _HIGH)
    if back:
        start, end, way = end, start, -way
    aside = way[::-1] * 0.8
    head = [end - way * 1.2 + aside, end, end - way * 1.2 - aside]
    return [line([start, end], colour), line(head, colour)]


def pointed_at(state: dict) -> str | None:
    """The node under the pointer."""
    at = state["hover"]
    near = (n for n, (x, y) in _CENTRES.items() if at and abs(at.x + 0.5 - x) <= _WIDE and abs(at.y + 0.5 - y) <= _HIGH)
    return next(near, None)


def caption(state: dict) -> str:
    """All that is known after this step, the step itself as a calculation, and the node under the pointer."""
    (values, gradients, _), (valued, graded, _), step = computed(state), done(state["step"]), int(state["step"])
    words = "Known: " + ", ".join(f"{name} = {values[name]:.4g}" for name in valued)
    words += "".join(f", dL/d{name} = {gradients[name]:.4g}" for name in graded) + ".\n"
    words += f"**Step {step} of {LAST}.** {_calculation(state)}"
    name = pointed_at(state)
    if name in graded:
        slope = f"{gradients[name]:.4g}"
        return f"{words}\ndL/d{name} = {slope}: if {name} grows a little, L changes by {slope} times that."
    if name is not None:
        return f"{words}\n" + (f"{name} = {values[name]:.4g}." if name in valued else f"{name} is not computed yet.")
    arrows = "On an arrow back stands its local slope. " if step > len(FORMULAS) else ""
    return f"{words}\n{arrows}Point at a node to read it."


def _calculation(state: dict) -> str:
    """What this step computes: the formula, the same in numbers, the result."""
    (values, gradients, slopes), (_, graded, node) = computed(state), done(state["step"])
    if not node:
        return "The inputs are given; y is the output that is wanted."
    if not graded:
        numbers = NUMBERS[node].format(**{name: _bracketed(value) for name, value in values.items()})
        return f"Forward: {node} = {FORMULAS[node]} = {numbers} = **{values[node]:.4g}**."
    if node == "L":
        return f"Backward: dL/dz = 2 (z - y) = 2 × ({values['z']:.4g} - {values['y']:.4g}) = **{gradients['z']:.4g}**."
    lines = [
        f"dL/d{name} = dL/d{node} × d{node}/d{name} = {_bracketed(gradients[node])} × {_bracketed(slopes[name])} = "
        f"**{gradients[name]:.4g}**, since d{node}/d{name} = {SLOPES[name]}."
        for name in INPUTS[node]
    ]
    if values["a"] <= 0 and node in "ha":
        lines.append("a is not above 0: the slope of relu is 0, and no gradient reaches x, w and b.")
    return "Backward: " + "\n".join(lines)


def _bracketed(value: float) -> str:
    return f"{value:.4g}" if value >= 0 else f"({value:.4g})"


def graph_stepper(waits_for: str | None = None) -> Shown:
    """The widget: step through the graph, with other x, w and b; `waits_for`: the prediction to be made first."""
    controls = {
        "step": slider("step", START["step"], 0, LAST, step=1, readout_format=".0f"),
        **{name: slider(name, START[name], -4, 4, step=0.5) for name in ("x", "w", "b")},
    }
    views = {"graph": View(picture, "A graph from x, w and b to the loss L.", marks, 800, uses=())}
    states = [START | {"step": 4.0}, START | {"step": 8.0}, START | {"step": 8.0, "b": -4.0}]
    titles = ["forward: each node has a value", "backward: each has a gradient", "a below 0: nothing comes back"]
    still = contact_sheet([drawn(picture(state), marks(state), 800) for state in states], titles, columns=1)
    alt = (
        "Three times a graph of four operations. Forward: x = 2, w = 1.5, b = -1 give a = 2, h = relu(a) = 2, z = 2 "
        "and, with y = 3, the loss L = 1. Backward: dL/dz = -2, dL/dh = -1, dL/da = -1, dL/dw = -2, dL/db = -1. With "
        "b = -4, a is -1: h is 0, and the gradients of a, x, w and b are all 0."
    )
    return explorer(views, caption, controls, still, alt, waits_for=waits_for, still_width=800)
