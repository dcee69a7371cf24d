"""Level and width on a CT slice, with the histogram of its Hounsfield units."""

from collections.abc import Sequence

import numpy as np

from helpers.data.intensity import window
from helpers.display import Shown, contact_sheet
from helpers.widgets.marks import BLUE, ORANGE, Mark, box, drawn, line
from helpers.widgets.shell import At, View, explorer, slider
from helpers.widgets.stage import SHARP, Stage

PRESETS = {"brain": (40.0, 80.0), "soft tissue": (40.0, 400.0), "bone": (600.0, 2800.0), "lung": (-600.0, 1500.0)}
OWN = "your own"
_LOW, _HIGH = -1100, 2000  # HU shown in the histogram
_BIN = 20  # HU


class WindowedSlice:
    """A slice in HU and all that its widget shows of it.

    Parameters
    ----------
    hu : (H, W) in HU, rounded to whole numbers
    spacing : (2,) mm a pixel, rows and columns; None if it is not known

    Raises
    ------
    ValueError : an array that is not two-dimensional, or a spacing that is not two numbers above 0
    """

    def __init__(self, hu: np.ndarray, spacing: Sequence[float] | None = None) -> None:
        if np.ndim(hu) != 2:
            raise ValueError(f"expected one slice (H, W) in HU, got shape {np.shape(hu)}; of a volume take volume[k]")
        if spacing is not None and (np.shape(spacing) != (2,) or min(spacing) <= 0):
            raise ValueError(f"expected spacing (rows, columns) in mm, e.g. (0.7, 0.7), got {spacing!r}")
        self.hu = np.rint(hu).astype(np.int32)
        self.spacing = spacing
        self._lowest = int(self.hu.min())
        self._values = np.arange(self._lowest, int(self.hu.max()) + 1)
        self._places = (self.hu - self._lowest).astype(np.uint16)
        self._sorted = np.sort(self.hu, axis=None)
        self._stage = Stage((3.2, 3.0), self._build, SHARP)
        self._histogram = self._stage.drawn()

    def _build(self, fig):
        axes = fig.subplots()
        edges = np.arange(_LOW, _HIGH + _BIN, _BIN)
        axes.hist(np.clip(self._sorted, _LOW, _HIGH), bins=edges, color="#666666", log=True)
        axes.set(xlim=(_LOW, _HIGH), xlabel="Hounsfield units (HU)", ylabel=f"pixels in steps of {_BIN} HU (log)")
        axes.set_ylim(bottom=0.7)  # so that a single pixel is seen
        return axes

    def picture(self, state: dict) -> np.ndarray:
        """state {"level", "width"} -> uint8 (H, W). Each HU that occurs is windowed once, not each pixel."""
        return window(self._values, state["level"], state["width"])[self._places]

    def histogram(self, state: dict) -> np.ndarray:
        """The same whatever the state: uint8 (600, 640, 3)."""
        return self._histogram

    def band(self, state: dict) -> list[Mark]:
        """Marks over the histogram: the window, its way from black to white, and the HU under the pointer."""
        axes = self._stage.parts
        top, left, bottom, right = self._stage.box(axes)
        low, high = ends(state)
        x0, x1 = np.clip(self._across([low, high]), left, right)
        marks = [box(top, x0, bottom, max(x1, x0 + 1), BLUE, width=1.5, fill="#56B4E940")]
        inside = np.clip([low, high], _LOW, _HIGH)
        rise = (inside - low) / max(high - low, 1)
        if inside[0] < inside[1]:
            marks.append(line(zip(self._across(inside), bottom + rise * (top - bottom), strict=True), BLUE))
        at = state["hover"]
        if at is not None and at.view == "slice":
            (x,) = self._across(np.clip([self.hu[at.y, at.x]], _LOW, _HIGH))
            marks.append(line([(x, top), (x, bottom)], ORANGE))
        return marks

    def _across(self, hu: Sequence[float]) -> np.ndarray:
        """HU to columns of the histogram's picture."""
        return self._stage.to_pixels(self._stage.parts, np.asarray(hu, float), np.ones(len(hu)))[:, 0]

    def caption(self, state: dict) -> str:
        """The window in numbers, and what is under the pointer."""
        low, high = ends(state)
        black = np.searchsorted(self._sorted, low, side="right") / self._sorted.size
        white = 1 - np.searchsorted(self._sorted, high, side="left") / self._sorted.size
        words = (
            f"Level {state['level']:.0f} HU, width {state['width']:.0f} HU: black up to {low:.0f} HU "
            f"({black:.0%} of the pixels), white from {high:.0f} HU ({white:.0%})."
        )
        at = state["hover"]
        return words if at is None else f"{words}\n{self._under(at, state)}"

    def _under(self, at: At, state: dict) -> str:
        if at.view == "histogram":
            place = self._stage.to_data(self._stage.parts, at.x, at.y)
            if place is None:
                return "The histogram counts pixels by their HU. The blue band is the window."
            start = int(_LOW + (place[0] - _LOW) // _BIN * _BIN)
            first, last = np.searchsorted(self._sorted, [start, start + _BIN])
            return f"{start} to {start + _BIN} HU: {last - first} pixels."
        hu = int(self.hu[at.y, at.x])
        grey = int(window(np.array([hu]), state["level"], state["width"])[0])
        where = f"Row {at.y}, column {at.x}"
        if self.spacing is not None:
            down, along = (at.y + 0.5) * self.spacing[0], (at.x + 0.5) * self.spacing[1]
            where += f" ({down:.0f} mm from the top edge, {along:.0f} mm from the left edge)"
        return f"{where}: **{hu} HU**, shown as grey {grey} of 255."


def ends(state: dict) -> tuple[float, float]:
    """The last HU that is black and the first that is white, by DICOM's LINEAR rule."""
    low = state["level"] - state["width"] / 2
    return low, low + state["width"] - 1


def preset(state: dict, changed: str) -> dict:
    """A preset moves both sliders; a slider moved by hand is no preset any more."""
    if changed == "preset" and state["preset"] in PRESETS:
        level, width = PRESETS[state["preset"]]
        return {"level": level, "width": width}
    here = (state["level"], state["width"])
    return {"preset": next((name for name, there in PRESETS.items() if there == here), OWN)}


def window_explorer(
    hu: np.ndarray,
    spacing: Sequence[float] | None = None,
    what: str = "a CT slice",
    start: str = "soft tissue",
    waits_for: str | None = None,
) -> Shown:
    """The widget: level, width and presets; the slice, and the histogram of its HU with the window in it.

    Parameters
    ----------
    hu : (H, W) in HU
    spacing : (2,) mm a pixel, rows and columns
    what : what the slice is, for the descriptions, e.g. "a slice of a head CT"
    start : the preset to begin with: "brain", "soft tissue", "bone" or "lung"
    waits_for : id of the prediction to be made first

    Raises
    ------
    ValueError : as `WindowedSlice`, or no such preset
    """
    import ipywidgets as widgets

    if start not in PRESETS:
        raise ValueError(f"expected one of the presets {', '.join(map(repr, PRESETS))}, got {start!r}")
    shown = WindowedSlice(hu, spacing)
    level, width = PRESETS[start]
    controls = {
        "preset": widgets.Dropdown(
            options=[*PRESETS, OWN], value=start, description="window", style={"description_width": "9em"}
        ),
        "level": slider("level (HU)", level, -1000, 1500, step=10, readout_format=".0f"),
        "width": slider("width (HU)", width, 2, 4000, step=1, readout_format=".0f"),
    }
    css = max(256, min(512, shown.hu.shape[1] * max(1, 512 // shown.hu.shape[1])))
    views = {
        "slice": View(shown.picture, f"{_capital(what)}.", width=css, smooth=False, uses=("level", "width")),
        "histogram": View(shown.histogram, f"Histogram of {what}, with the window.", shown.band, 320, uses=()),
    }
    pictures = [drawn(shown.picture({"level": c, "width": w}), [], 256) for c, w in PRESETS.values()]
    titles = [f"{name}: level {c:.0f}, width {w:.0f} HU" for name, (c, w) in PRESETS.items()]
    alt = (
        f"Four pictures of {what} in four windows, level and width in HU: brain 40 and 80, soft tissue 40 and 400, "
        "bone 600 and 2800, lung -600 and 1500. What lies below a window is black, what lies above it white."
    )
    still = contact_sheet(pictures, titles)
    return explorer(views, shown.caption, controls, still, alt, on_control=preset, waits_for=waits_for)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
