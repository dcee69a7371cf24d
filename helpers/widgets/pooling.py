"""Pooling an invented picture of 8 x 8 whole numbers, and what a shift of the picture does to the pooled values."""

import numpy as np

from helpers.display import Shown, contact_sheet
from helpers.nn import average_pool2d, max_pool2d
from helpers.widgets.marks import GREEN, WHITE, Mark, box, drawn, text
from helpers.widgets.shell import View, explorer, slider

# A blob above, an edge below, each digit a pixel; three columns more than are seen, which a shift brings in.
ROWS = "01010010010 00103520100 10026971001 01014851010 00101210000 10000177677 00100067776 01001076777"
SCENE = np.array([[float(digit) for digit in row] for row in ROWS.split()])
N = 8
START = {"kind": "max", "size": 2.0, "stride": 2.0, "shift": 0.0, "hover": None}
_POOLS = {"max": max_pool2d, "average": average_pool2d}
_BLANK = (44, 62, 92)  # where no pixel is


def seen(shift: float) -> np.ndarray:
    """The picture (8, 8), its content moved `shift` pixels to the right."""
    first = SCENE.shape[1] - N - int(shift)
    return SCENE[:, first : first + N]


def pooled(state: dict) -> np.ndarray:
    """Y (n', n'), of the picture with its shift."""
    X = seen(state["shift"])[None, :, :, None]
    return _POOLS[state["kind"]](X, int(state["size"]), int(state["stride"]))[0, :, :, 0]


def picture(state: dict) -> np.ndarray:
    """A pixel for each number, 0 black, 9 light grey: uint8 (8, 8, 3)."""
    return _grey(seen(state["shift"]))


def result(state: dict) -> np.ndarray:
    """The pooled picture in the middle of a view of the same size: uint8 (8, 8, 3)."""
    return _grey(pooled(state))


def _grey(values: np.ndarray) -> np.ndarray:
    pixels, first = np.full((N, N, 3), _BLANK, np.uint8), (N - len(values)) // 2
    pixels[first : first + len(values), first : first + len(values)] = np.rint(20 * values)[..., None]
    return pixels


def chosen(state: dict) -> tuple[int, int, np.ndarray] | None:
    """Row and column of the pooled pixel under the pointer, and the window (size, size) it is made of."""
    at, Y, s, f = state["hover"], pooled(state), int(state["stride"]), int(state["size"])
    i, j = (-1, -1) if at is None or at.view != "pooled" else np.array([at.y, at.x]) - (N - len(Y)) // 2
    if not (0 <= i < len(Y) and 0 <= j < len(Y)):
        return None
    return int(i), int(j), seen(state["shift"])[i * s : i * s + f, j * s : j * s + f]


def over_input(state: dict) -> list[Mark]:
    """The numbers, the window of the chosen pooled pixel, and its winner: the first in reading order of equal ones."""
    marks, here = _numbers(seen(state["shift"])), chosen(state)
    if here is None:
        return marks
    i, j, window = here
    y, x = i * int(state["stride"]), j * int(state["stride"])
    marks.append(box(y, x, y + len(window), x + len(window), width=3))
    u, v = np.unravel_index(int(window.argmax()), window.shape)
    won = box(y + u + 0.12, x + v + 0.12, y + u + 0.88, x + v + 0.88, GREEN, dash=(4, 3))
    return [*marks, won] if state["kind"] == "max" else marks


def over_pooled(state: dict) -> list[Mark]:
    """The numbers, a dashed box where one differs from that without shift, a box round the chosen one."""
    Y, here = pooled(state), chosen(state)
    first = (N - len(Y)) // 2
    dashed = [_inside(i + first, j + first, WHITE, width=1.5, dash=(3, 3)) for i, j in np.argwhere(changed(state))]
    return [*_numbers(Y), *dashed, *([_inside(here[0] + first, here[1] + first, width=3)] if here else [])]


def _inside(y: int, x: int, *colour: str, **look) -> Mark:
    return box(y + 0.07, x + 0.07, y + 0.93, x + 0.93, *colour, **look)


def _numbers(values: np.ndarray) -> list[Mark]:
    first = (N - len(values)) // 2 + 0.5
    return [text(j + first, i + first, f"{round(value, 1):g}", size=14) for (i, j), value in np.ndenumerate(values)]


def changed(state: dict) -> np.ndarray:
    """Where the pooled values differ from those without shift: bool (n', n')."""
    return ~np.isclose(pooled(state), pooled(state | {"shift": 0.0}))


def caption(state: dict) -> str:
    """The sizes, what the shift changed, and what is under the pointer."""
    s, f, shift, Y = int(state["stride"]), int(state["size"]), int(state["shift"]), pooled(state)
    words = f"{state['kind'].capitalize()} of {f} x {f} pixels, stride {s}: {N} x {N} becomes **{len(Y)} x {len(Y)}**. "
    if shift:
        other, rest = (
            int((seen(shift) != seen(0)).sum()),
            "no multiple of the stride: the windows cut the picture anew.",
        )
        if shift % s == 0:
            rest = f"a multiple of the stride: every pooled value has moved {shift // s} to the right."
        words += f"Shifted by {shift}: {other} of {N * N} pixels have another value than without shift, and "
        words += f"**{changed(state).sum()} of {Y.size} pooled values** (dashed). {shift} is {rest}"
    at, here = state["hover"], chosen(state)
    if here is not None:
        i, j, window = here
        ties = int((window == window.max()).sum())
        how = f"the largest of its {window.size}" + (f"; {ties} are equal, the first counts as winner" * (ties > 1))
        if state["kind"] == "average":
            how = f"the sum of its {window.size}, {window.sum():g}, divided by {window.size}"
        rows = "; ".join(" ".join(f"{value:g}" for value in row) for row in window)
        return f"{words}\nPooled row {i}, column {j}: window {rows}. **{Y[i, j]:.3g}** is {how}."
    if at is None or at.view != "input":
        return f"{words}\nPoint at the pooled picture to see which window a value comes from."
    windows = [sum(k * s <= place < k * s + f for k in range(len(Y))) for place in (at.y, at.x)]
    count, value = windows[0] * windows[1], seen(shift)[at.y, at.x]
    return f"{words}\nPicture row {at.y}, column {at.x}: {value:g}; it lies in {count} window{'s' * (count != 1)}."


def pooling_explorer(waits_for: str | None = None) -> Shown:
    """The widget: kind, size and stride of the pooling, shift of the picture; `waits_for`: a prediction."""
    import ipywidgets as widgets

    look = {"description": "of each window", "style": {"description_width": "9em"}}
    controls = {
        "kind": widgets.Dropdown(options=list(_POOLS), value=START["kind"], **look),
        "size": slider("size of a window", START["size"], 2, 4, step=1, readout_format=".0f"),
        "stride": slider("stride", START["stride"], 1, 4, step=1, readout_format=".0f"),
        "shift": slider("shift to the right", START["shift"], 0, 3, step=1, readout_format=".0f"),
    }
    views = {
        "input": View(picture, "A picture of 8 x 8 numbers.", over_input, 360, smooth=False, uses=("shift",)),
        "pooled": View(result, "The pooled picture.", over_pooled, 360, smooth=False),
    }
    states = [START, START | {"shift": 1.0}, START | {"shift": 2.0}]
    pictures = []
    for state in states:
        pictures += [drawn(picture(state), over_input(state), 360), drawn(result(state), over_pooled(state), 360)]
    titles = [f"{what}, shift {state['shift']:.0f}" for state in states for what in ("the picture", "largest of 2 x 2")]
    counts = [int(changed(state).sum()) for state in states]
    alt = (
        "A picture of 8 x 8 numbers, a bright blob above and an edge below, and the largest of each 2 x 2 window: "
        f"4 x 4 numbers. Below, the same shifted to the right by 1 and by 2 pixels: {counts[1]} and {counts[2]} of the "
        "16 pooled numbers differ; at 2 they are those from before, one column further right."
    )
    return explorer(views, caption, controls, contact_sheet(pictures, titles), alt, waits_for=waits_for)
