"""Anchors on a slice and on all nodules of a set: which nodules get a positive one, which only by force."""

import functools

import numpy as np

from helpers.data.intensity import window
from helpers.display import Shown, contact_sheet
from helpers.metrics import iou
from helpers.widgets.marks import BLUE, GREEN, ORANGE, WHITE, Mark, box, circle, drawn, line
from helpers.widgets.shell import View, explorer, slider
from helpers.widgets.stage import Stage
from helpers.widgets.window import PRESETS

RATIOS = {"squares": (1.0,), "three ratios": (0.5, 1.0, 2.0)}  # height / width
STRIDES = (2, 4, 8, 16)
SMALL = 6.0  # mm: nodules below it are also counted apart
DRAWN = 3  # anchors that are drawn of a nodule, those of highest IoU
NEGATIVE, POSITIVE, IGNORED, FORCED = 0, 1, -1, 2  # FORCED: positive, and not by its IoU
_LOOKS = {  # of anchors, from the lowest drawn to the one on top
    IGNORED: {"colour": BLUE, "dash": (1, 3), "width": 1.6},
    FORCED: {"colour": ORANGE, "dash": (6, 4), "width": 1.8},
    POSITIVE: {"colour": GREEN, "width": 1.8},
}
GROUPS = {  # of nodules, by how they get a positive anchor
    "by its IoU": {"marker": "o", "ms": 3.6, "mfc": "#009E73", "mec": "none"},
    "only by force": {"marker": "^", "ms": 5.5, "mfc": "#E69F00", "mec": "none"},
    "none": {"marker": "x", "ms": 5.0, "mec": "#D55E00", "mew": 1.5},
}
_POINTED, _DARK = "#F0E442", "#222222"


@functools.lru_cache(maxsize=8)
def _grid(cells: tuple[int, int], stride: int, sizes: tuple[float, ...], ratios: tuple[float, ...]) -> np.ndarray:
    from helpers.models.faster_rcnn import make_anchors  # not above: it imports keras

    return make_anchors(cells, stride, sizes, ratios).reshape(*cells, -1, 4).astype(float)


def best_overlaps(grid: np.ndarray, boxes: np.ndarray, stride: int) -> np.ndarray:
    """The highest IoU of each box with the anchors of each shape: (n, shapes).

    Of one shape that is the anchor of the cell nearest to the middle of the box: further off, they share less.

    grid : (h, w, shapes, 4) anchors; boxes : (n, 4); stride : pixels from cell to cell
    """
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    row, column = np.clip(np.rint(middles / stride - 0.5), 0, np.array(grid.shape[:2]) - 1).astype(int).T
    anchors, boxes = grid[row, column], boxes[:, None]
    sides = np.minimum(anchors[..., 2:], boxes[..., 2:]) - np.maximum(anchors[..., :2], boxes[..., :2])
    both = np.prod(np.clip(sides, 0, None), axis=-1)
    areas = [np.prod(some[..., 2:] - some[..., :2], axis=-1) for some in (anchors, boxes)]
    return both / (areas[0] + areas[1] - both)


class Anchors:
    """A few slices, the nodules of a whole set, and all that the widget shows of them. Arguments: `anchor_explorer`."""

    def __init__(self, images, boxes, all_boxes, diameters, spacing: float, sizes) -> None:
        self.images = np.asarray(images)
        self.images = self.images[..., 0] if self.images.ndim == 4 else self.images
        if self.images.ndim != 3 or not len(self.images) or any(side % STRIDES[-1] for side in self.images.shape[1:]):
            raise ValueError(f"expected images (N, H, W) or (N, H, W, 1), H, W multiples of 16, got {np.shape(images)}")
        if len(boxes) != len(self.images):
            raise ValueError(f"expected the boxes of each of the {len(self.images)} slices, got {len(boxes)} arrays")
        self.boxes = [_checked(some, f"boxes[{k}]") for k, some in enumerate(boxes)]
        self.all_boxes, self.diameters = _checked(all_boxes, "all_boxes"), np.asarray(diameters, float)
        n = len(self.all_boxes)
        if n == 0 or self.diameters.shape != (n,) or not (self.diameters > 0).all():
            raise ValueError(f"expected boxes, each with a diameter above 0 mm, got {n}, {self.diameters.tolist()}")
        self.sizes = np.asarray(sizes, float)
        if self.sizes.ndim != 1 or not 1 <= len(self.sizes) <= 4 or not (np.diff(self.sizes, prepend=2.9) > 0).all():
            raise ValueError(f"expected one to four sizes from 3 pixels on, the smallest first, got {sizes}")
        self.spacing, self.names = spacing, [f"slice {k + 1}" for k in range(len(self.images))]
        self.stage = Stage((4.2, 3.8), self._build)

    def _build(self, fig):
        axes, ticks = fig.subplots(), (2, 3, 4, 6, 10, 15, 20, 30, 50)
        axes.set(xscale="log", ylim=(0, 1), xlabel="diameter (mm)", ylabel="highest IoU with an anchor")
        axes.set_xticks(ticks, map(str, ticks))
        axes.minorticks_off()
        axes.set_xlim(0.9 * self.diameters.min(), 1.1 * self.diameters.max())
        lines = [axes.plot([], [], ls="none", label=name, clip_on=False, **look)[0] for name, look in GROUPS.items()]
        fig.legend(handles=lines, loc="outside upper center", ncols=3, title="a positive anchor ...", handletextpad=0.1)
        return axes, *lines

    def sizes_in(self, state: dict) -> tuple[float, ...]:
        """The sizes of the anchors in pixels."""
        return tuple((self.sizes[: state["count"]] * state["smallest"] / self.sizes[0]).tolist())

    def grid(self, state: dict) -> np.ndarray:
        """All anchors of an image, (h, w, shapes, 4)."""
        stride, (_, height, width) = state["stride"], self.images.shape
        return _grid((height // stride, width // stride), stride, self.sizes_in(state), RATIOS[state["ratios"]])

    def labels(self, state: dict) -> tuple[np.ndarray, np.ndarray]:
        """Of the slice: the IoU of each anchor with each truth box (A, g), and POSITIVE, FORCED, ... of each (A,)."""
        anchors, truth = self.grid(state).reshape(-1, 4), self.boxes[self.names.index(state["slice"])]
        overlaps = np.zeros((len(anchors), len(truth)))
        meet = ((anchors[:, None, :2] < truth[:, 2:]) & (anchors[:, None, 2:] > truth[:, :2])).all(axis=2).any(axis=1)
        overlaps[meet] = iou(anchors[meet], truth)  # of the few that meet one: quicker than of all
        best = overlaps.max(axis=1, initial=0)
        labels = np.where(best >= state["high"], POSITIVE, np.where(best < state["low"], NEGATIVE, IGNORED))
        if state["force"]:
            forced = ((overlaps == overlaps.max(axis=0)) & (overlaps > 0)).any(axis=1)
            labels[forced & (labels != POSITIVE)] = FORCED
        return overlaps, labels

    def nodules(self, state: dict) -> tuple[np.ndarray, np.ndarray]:
        """Of every nodule of the set: its highest IoU with any anchor (n,), and its place in GROUPS (n,)."""
        best = best_overlaps(self.grid(state), self.all_boxes, state["stride"]).max(axis=1)
        return best, np.where(best >= state["high"], 0, np.where(state["force"] & (best > 0), 1, 2))

    def slice(self, state: dict) -> np.ndarray:
        """state {"slice"} -> uint8 (H, W), in the lung window."""
        return window(self.images[self.names.index(state["slice"])], *PRESETS["lung"])

    def scatter(self, state: dict) -> np.ndarray:
        """uint8 (437, 483, 3): the highest IoU of every nodule against its diameter."""
        best, groups = self.nodules(state)
        for k, artist in enumerate(self.stage.parts[1:]):
            artist.set_data(self.diameters[groups == k], best[groups == k])
        self.stage.restored()
        return self.stage.drawn(*self.stage.parts[1:])

    def pointed_at(self, view: str, state: dict) -> tuple[int, int] | int | None:
        """In the slice the cell of the feature map, (row, column); in the scatter the nearest nodule of the set."""
        at, (axes, *_) = state["hover"], self.stage.parts
        if at is None or at.view != view:
            return None
        if view == "slice":
            return at.y // state["stride"], at.x // state["stride"]
        if self.stage.to_data(axes, at.x, at.y) is None:
            return None
        places = self.stage.to_pixels(axes, self.diameters, self.nodules(state)[0])
        return int(np.hypot(*(places - (at.x + 0.5, at.y + 0.5)).T).argmin())

    def over_slice(self, state: dict) -> list[Mark]:
        """The truth boxes, the best anchors of each that are not negative, and those of the cell under the pointer."""
        grid, (overlaps, labels) = self.grid(state), self.labels(state)
        best = np.unique(np.argsort(-overlaps, axis=0, kind="stable")[:DRAWN])
        marks = [box(*truth, WHITE, width=1.4, edge=False) for truth in self.boxes[self.names.index(state["slice"])]]
        for label, look in _LOOKS.items():
            marks += [box(*grid.reshape(-1, 4)[k], **look, edge=False) for k in best[labels[best] == label]]
        cell = self.pointed_at("slice", state)
        return marks if cell is None else marks + [box(*one, _POINTED, width=1.2, edge=False) for one in grid[cell]]

    def over_scatter(self, state: dict) -> list[Mark]:
        """The two thresholds, and a ring around the nodule under the pointer."""
        axes, marks = self.stage.parts[0], []
        for name, dash in (("high", ()), ("low", (5, 4))):
            ends = self.stage.to_pixels(axes, axes.get_xlim(), [state[name]] * 2)
            marks.append(line(ends, _DARK, width=1.2, dash=dash, edge=False))
        if (here := self.pointed_at("scatter", state)) is not None:
            ((x, y),) = self.stage.to_pixels(axes, self.diameters[here], self.nodules(state)[0][here])
            marks.append(circle(x, y, 8, _DARK, edge=False))
        return marks

    def caption(self, state: dict) -> str:
        """How many anchors there are and what they are, how the nodules fare, and what is under the pointer."""
        (overlaps, labels), (best, groups) = self.labels(state), self.nodules(state)
        high, wide, shapes, _ = self.grid(state).shape
        px, mm = (", ".join(f"{size * unit:.3g}" for size in self.sizes_in(state)) for unit in (1, self.spacing))
        words = (
            f"**{labels.size} anchors** an image: {state['ratios']} of {px} px ({mm} mm) on {high} x {wide} cells. In "
            f"this slice {_counted(labels)}, **{(labels == NEGATIVE).mean():.1%}** of all.\n"
            f"Of all {len(groups)} nodules of the set {_fates(groups)}."
        )
        if (small := self.diameters < SMALL).any():
            words += f" Of the {small.sum()} below {SMALL:g} mm {_fates(groups[small])}."
        words += (
            f"\nLeft, white: the truth. Its {DRAWN} best anchors: positive green, only by force orange and dashed, "
            "ignored blue and dotted, negative not drawn. Right: lines at the two thresholds."
        )
        if (cell := self.pointed_at("slice", state)) is not None:
            near, here = (some.reshape(high, wide, shapes, -1)[cell] for some in (overlaps, labels))
            words += f"\nCell in row {cell[0]}, column {cell[1]} (yellow): highest IoU {near.max(initial=0):.2f}; "
            words += f"{_counted(here)}."
        elif (one := self.pointed_at("scatter", state)) is not None:
            how = list(GROUPS)[groups[one]]
            words += (
                f"\nIn the ring: {self.diameters[one]:.1f} mm, highest IoU {best[one]:.2f}, positive anchor: {how}."
            )
        return words


def ordered(state: dict, name: str) -> dict:
    """The lower threshold is never above the upper one: the one that is moved takes the other along."""
    if name not in ("low", "high") or state["low"] <= state["high"]:
        return {}
    return {"low": state[name], "high": state[name]}


def _counted(labels: np.ndarray) -> str:
    positive, forced, ignored, negative = ((labels == k).sum() for k in (POSITIVE, FORCED, IGNORED, NEGATIVE))
    by_force = f" ({forced} only by force)" if forced else ""
    return f"**{positive + forced} positive**{by_force}, {ignored} ignored, {negative} negative"


def _fates(groups: np.ndarray) -> str:
    by_iou, forced, none = np.bincount(groups, minlength=3)
    return f"**{by_iou}** get a positive anchor by its IoU, **{forced}** only by force, **{none}** none"


def _checked(boxes: np.ndarray, name: str) -> np.ndarray:
    boxes = np.asarray(boxes, float)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not (boxes[:, 2:] >= boxes[:, :2]).all():
        raise ValueError(f"{name}: expected boxes (n, 4) as (y0, x0, y1, x1), y0 <= y1, x0 <= x1, got {boxes.tolist()}")
    return boxes


def anchor_explorer(
    images, boxes, all_boxes, diameters, spacing=0.8, stride=4, sizes=(6.0, 9.0, 15.0, 27.0), waits_for=None
) -> Shown:
    """The widget: sizes, ratios, stride and thresholds of anchors, on a few slices and on all nodules of a set.

    Parameters
    ----------
    images : (N, H, W) or (N, H, W, 1) in HU, H and W multiples of 16: the slices to choose from
    boxes : of each slice its truth boxes (g, 4), (y0, x0, y1, x1) in pixels
    all_boxes, diameters : (n, 4) truth boxes of a whole set of slices of this size; (n,) mm, of the nodules in them
    spacing : mm a pixel
    stride : pixels from cell to cell, 2, 4, 8 or 16, at first
    sizes : pixels, one to four, the smallest first: those at first; the learner scales them together
    waits_for : id of the prediction to be made first

    A ValueError for other shapes, another stride, boxes with y1 < y0 or x1 < x0, diameters or sizes not above 0.
    """
    import ipywidgets as widgets

    shown = Anchors(images, boxes, all_boxes, diameters, spacing, sizes)
    if stride not in STRIDES:
        raise ValueError(f"expected a stride of 2, 4, 8 or 16 pixels, got {stride}")
    look = {"style": {"description_width": "9em"}, "layout": {"width": "36em", "max_width": "100%"}}
    first, n = float(shown.sizes[0]), len(shown.sizes)
    controls = {
        "slice": widgets.Dropdown(options=shown.names, description="slice", **look),
        "smallest": slider("smallest size (px)", first, 3, 64, 0.5),
        "count": widgets.ToggleButtons(options=range(1, n + 1), value=n, description="how many sizes", **look),
        "ratios": widgets.ToggleButtons(options=list(RATIOS), description="height / width", **look),
        "stride": widgets.ToggleButtons(options=STRIDES, value=stride, description="stride (px)", **look),
        "low": slider("negative below", 0.3, 0.05, 0.95, 0.05, ".2f"),
        "high": slider("positive from", 0.5, 0.05, 0.95, 0.05, ".2f"),
        "force": widgets.Checkbox(value=True, description="each nodule forces its best anchor", **look),
    }
    uses = ("smallest", "count", "ratios", "stride", "high", "force")
    views = {
        "slice": View(shown.slice, "A slice with boxes.", shown.over_slice, 380, smooth=False, uses=("slice",)),
        "scatter": View(shown.scatter, "Highest IoU against diameter.", shown.over_scatter, 420, uses=uses),
    }
    start = {name: control.value for name, control in controls.items()} | {"hover": None}
    states = [start | {"smallest": size} for size in (first, 32.0)]
    shots = [(view, state) for state in states for view in views.values()]
    pictures = [drawn(view.picture(state), view.marks(state), 230, smooth=view.smooth) for view, state in shots]
    titles = [title for state in states for title in (f"smallest {state['smallest']:g} px", "all nodules of the set")]
    alt = "Twice a slice with boxes, beside the highest IoU of each nodule against its diameter. "
    alt += " ".join(shown.caption(state).replace("**", "") for state in states)
    sheet = contact_sheet(pictures, titles)
    return explorer(views, shown.caption, controls, sheet, alt, on_control=ordered, waits_for=waits_for)
