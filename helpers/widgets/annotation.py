"""A desk for annotation: the whole tumour of a few slices, from nothing or from a network's proposal, with a brush.

What it measures is effort (strokes, seconds) and agreement with the truth (Dice, surface Dice), for the two ways of
starting. The truth is shown only when a slice is done, and then nothing of that slice can be changed any more.
"""

import time
from collections.abc import Sequence

import numpy as np

from helpers import metrics
from helpers.data.phantoms.brain_mri import SEQUENCES
from helpers.display import Shown, contact_sheet, to_html
from helpers.widgets.annotation_work import STARTS, TOLERANCE, Work, clicked
from helpers.widgets.marks import BLUE, GREEN, WHITE, Mark, circle, drawn, text
from helpers.widgets.mixer import as_images, greys, outlines
from helpers.widgets.shell import _curtain, slider

MODES = {"paint": "paint", "erase": "erase", "remove a piece or fill a hole": "point"}  # of the canvas
_INK = [255, 154, 31, 105]
_COLUMNS = ("", "strokes", "seconds", "Dice before", "Dice after", "surface Dice")


def marks(work: Work, radius: int) -> list[Mark]:
    """While the learner is at work the size of the brush, in a corner; then the truth, solid, the proposal, dashed."""
    if work.result is None:
        y = len(work.mask) - 12
        return [circle(12, y, radius + 0.5, WHITE, width=1.5), text(22, y, "brush", WHITE, 12, "left")]
    return outlines(work.truth, GREEN, edge=False) + outlines(work.proposal, BLUE, dash=(7, 4))


def caption(work: Work, number: int, slices: int, spacing: Sequence[float], radius: int) -> str:
    """What is to be done, or what has come of it."""
    words = f"**Slice {number} of {slices}**, start: **{work.start}**"
    strokes = f"{work.strokes} stroke{'' if work.strokes == 1 else 's'}"
    if work.result is None:
        return (
            f"{words}. Mark the **whole tumour**, oedema and core, in orange. So far {strokes}.\n"
            f"The brush is {2 * radius + 1} pixels wide; Shift or the right button erases.\n"
            "*Done* shows the truth, and ends this slice."
        )
    row = work.result
    return (
        f"{words}. Done: Dice before {row['dice_before']:.2f}, **after {row['dice_after']:.2f}**; {strokes}, "
        f"{row['seconds']:.0f} s. Surface Dice {row['surface_dice']:.2f}: so much of both outlines lies within "
        f"{TOLERANCE:g} mm of the other (a pixel is {max(spacing):.1f} mm).\n"
        "Orange: you. Green, solid: the truth. Blue, dashed: the proposal."
    )


def table(results: Sequence[dict]) -> str:
    """The slices done so far, from nothing and from the proposal, each with their mean, as HTML."""
    head = "".join(f"<th scope='col' style='padding:0 4px;white-space:normal'>{name}</th>" for name in _COLUMNS)
    body = ""
    for start, title in zip(STARTS, ("from nothing", "from the proposal"), strict=True):
        rows = {f"slice {row['slice']}": list(row.values())[2:] for row in results if row["start"] == start}
        if rows:
            rows["mean"] = np.mean(list(rows.values()), axis=0)
            body += f"<tr><th colspan='6' style='text-align:left'>{title}</th></tr>"
            body += "".join(_row(name, *values) for name, values in rows.items())
    if not body:
        return ""
    few = f"Surface Dice at {TOLERANCE:g} mm. A few slices and one person: too few to say which way is better."
    style = "text-align:right;line-height:1.4;white-space:nowrap"
    return f"<table style='{style}'><tr>{head}</tr>{body}</table>{to_html(few)}"


def _row(name: str, strokes: float, seconds: float, *scores: float) -> str:
    cells = [f"{strokes:.1f}" if name == "mean" else strokes, f"{seconds:.0f}", *(f"{score:.2f}" for score in scores)]
    return f"<tr><th scope='row'>{name}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _masks(name: str, labels, shape: tuple) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.shape != shape or labels.dtype.kind not in "biu":
        came = f"got {labels.dtype} {labels.shape}"
        raise ValueError(f"expected {name} {shape}, as the images, masks or labels of tumour, {came}")
    return labels != 0


class AnnotationDesk(Shown):
    """The widgets of the desk. Arguments and errors: `annotation_desk`; clock : seconds, as time.monotonic.

    `results` has a dict for each slice that is done, in the order in which they were: "slice" (from 1), "start"
    ("nothing" or "proposal"), "strokes" (a click that changed something is one too), "seconds", "dice_before",
    "dice_after", "surface_dice".
    """

    def __init__(self, images, truth, proposals, names, spacing, waits_for=None, clock=time.monotonic) -> None:
        images = as_images(images, names)
        truth, proposals = (_masks(*each, images.shape[:3]) for each in (("truth", truth), ("proposals", proposals)))
        metrics.surface_dice(truth[0], truth[0], spacing, TOLERANCE)  # refuses a spacing that is none
        self.greys, self.names, self.spacing, self.results = greys(images), list(names), tuple(spacing), []
        self.works = [Work(*each, STARTS[k % 2], clock) for k, each in enumerate(zip(truth, proposals, strict=True))]
        best = "FLAIR" if "FLAIR" in self.names else self.names[0]
        k = min(1, len(images) - 1)  # the first that starts from the proposal: of the other nothing may be given away
        outline = outlines(proposals[k], BLUE, dash=(7, 4))
        pictures = [drawn(self.picture(k, best), some, 300) for some in ([], outline)]
        alt = f"A slice in {best}; and the same with what a network proposes as tumour, as a dashed outline. "
        alt += f"Run the cell to mark the whole tumour in {len(images)} slices, with a brush."
        sheet = contact_sheet(pictures, [f"slice {k + 1}", "with the network's proposal"])
        super().__init__(self._built(best, waits_for), sheet, alt, 600)
        self._draw()

    @property
    def work(self) -> Work:
        """What has been done on the slice that is shown."""
        return self.works[self.slice.value]

    def picture(self, k: int, sequence: str) -> np.ndarray:
        """uint8 (H, W): slice k, from 0."""
        return np.ascontiguousarray(self.greys[k, ..., self.names.index(sequence)])

    def _built(self, sequence: str, waits_for: str | None):
        import ipywidgets as widgets

        from helpers.widgets.canvas import Canvas  # not above: importing this room must not import anywidget

        look = {"style": {"description_width": "5em"}, "layout": {"width": "16em"}}
        slices = [(f"{k} of {len(self.works)}", k - 1) for k in range(1, len(self.works) + 1)]
        self.slice = widgets.Dropdown(options=slices, value=0, description="slice", **look)
        self.sequence = widgets.Dropdown(options=self.names, value=sequence, description="shown", **look)
        self.start = widgets.Dropdown(options=STARTS, description="start from", **look)
        self.mode = widgets.ToggleButtons(options=list(MODES), style={"button_width": "auto"})
        self.radius = slider("radius (pixels)", 3, 0, 8, 1, ".0f")
        self.radius.layout.width = "26em"
        self.undo, self.reset, self.done = (
            widgets.Button(description=name, layout={"width": "auto"}) for name in ("undo", "back to the start", "Done")
        )
        self.words = widgets.HTML(layout={"width": "25em", "max_width": "100%"})
        first = self.picture(0, sequence)
        alt = "A slice to mark the whole tumour in."
        self.canvas = Canvas(first, alt=alt, width=5 * first.shape[1], mode="paint", radius=3, ink=_INK)
        self.canvas.layout.max_width = "100%"
        self.canvas.observe(lambda change: change["new"] and self.work.tick(change["new"][:2]), "hover")
        self.canvas.on_msg(self._told)
        for control, answer in (
            (self.slice, self._draw),
            (self.sequence, self._draw),
            (self.start, self._begin),
            (self.mode, self._draw),
            (self.radius, self._tell),
        ):
            control.observe(lambda _, answer=answer: answer(), "value")
        for button, answer in (
            (self.undo, lambda: self.work.undo()),
            (self.reset, lambda: self.work.reset()),
            (self.done, self._finish),
        ):
            button.on_click(lambda _, answer=answer: (answer(), self._draw()))
        wrap = {"flex_flow": "row wrap", "align_items": "flex-start"}
        rows = [
            [self.slice, self.sequence, self.start],
            [self.mode, self.radius],
            [self.undo, self.reset, self.done],
            [self.canvas, self.words],
        ]
        body = widgets.VBox([widgets.HBox(row, layout=wrap) for row in rows])
        return body if waits_for is None else widgets.VBox([_curtain(waits_for, body), body])

    def _told(self, canvas, message: dict, buffers: list) -> None:
        """A stroke, which is in `canvas.painted` already, or a click."""
        if self.work.result is None and message.get("kind") == "stroke":
            self.work.step(canvas.painted.astype(bool), message["points"])
            self._tell()
            return
        if self.work.result is None and message.get("kind") == "click":
            place = message["x"], message["y"]
            mask = clicked(self.work.mask, *place)
            if mask is not self.work.mask:
                self.work.step(mask, [place])
        self._draw()

    def _begin(self) -> None:
        if self.start.value != self.work.start:  # and not because another slice has come
            self.work.begin(self.start.value)
            self._draw()

    def _finish(self) -> None:
        if self.work.result is None:
            self.results.append(self.work.finish(self.slice.value + 1, self.spacing))

    def _draw(self) -> None:
        """All that is shown of the slice."""
        done = self.work.result is not None
        self.canvas.show(self.picture(self.slice.value, self.sequence.value))
        self.canvas.set_mask(self.work.mask)
        self.canvas.mode = "point" if done else MODES[self.mode.value]
        for control in (self.mode, self.radius, self.reset, self.done):
            control.disabled = done
        self._tell()

    def _tell(self) -> None:
        """The words, the brush, and what a stroke makes possible or not."""
        done, radius = self.work.result is not None, round(self.radius.value)
        self.canvas.radius, self.canvas.marks = radius, marks(self.work, radius)
        self.start.value = self.work.start
        self.start.disabled, self.undo.disabled = done or self.work.strokes > 0, done or not self.work.before
        words = caption(self.work, self.slice.value + 1, len(self.works), self.spacing, radius)
        self.words.value = f"<div role='status' style='line-height:1.5'>{to_html(words)}</div>{table(self.results)}"


def annotation_desk(
    images: np.ndarray,
    truth: np.ndarray,
    proposals: np.ndarray,
    names: Sequence[str] = SEQUENCES,
    spacing: Sequence[float] = (2.17, 2.17),
    waits_for: str | None = None,
) -> AnnotationDesk:
    """The widget: mark the whole tumour of a few slices, in turn from nothing and from the proposal of a network.

    Seconds run from the first stroke to Done; a pause of more than 10 s counts as 10.

    Parameters
    ----------
    images : (n, H, W, C), any scale, 0 outside the brain
    truth, proposals : (n, H, W) masks, or labels of which all but 0 are tumour
    names : of the C sequences
    spacing : (dy, dx) mm
    waits_for : id of the prediction to be made first

    Returns
    -------
    AnnotationDesk : what a cell shows; its `results` are the rows of the table

    A ValueError for shapes that do not fit, images that are not finite, masks that are no integers, another spacing.
    """
    return AnnotationDesk(images, truth, proposals, names, spacing, waits_for)
