"""What a detector found in several scans: non-maximum suppression and a cut of the scores, beside the FROC curve."""

from collections.abc import Sequence

import numpy as np

from helpers import metrics
from helpers.data.case import Case, Findings
from helpers.data.intensity import window
from helpers.display import Shown, contact_sheet
from helpers.widgets.marks import BLUE, GREEN, ORANGE, WHITE, Mark, box, circle, drawn, line, point
from helpers.widgets.shell import At, View, explorer, slider
from helpers.widgets.stage import SHARP, Stage
from helpers.widgets.window import PRESETS

STEPS = np.arange(1, 10) / 10  # thresholds of the suppression; what costs is computed once for each
USUAL = True, 2  # of the grey curve: merged, suppression above 0.3
LEAST = 1 / 16  # false positives a scan, at the left edge of the curve: fewer are drawn there too
HIT, FALSE, NEUTRAL = 0, -1, -2  # as of `find_hits`, where a hit is the index of a nodule
_LOOKS = {HIT: (GREEN, ()), FALSE: (ORANGE, (6, 4)), NEUTRAL: (BLUE, (1, 3))}  # of boxes: colour, dash
_WHERE = {HIT: "on a nodule", FALSE: "elsewhere", NEUTRAL: "on an excluded finding"}


class Detections:
    """Scans with what a detector found in them, and all that the widget shows. Arguments: `detection_explorer`."""

    def __init__(self, scans, boxes, scores) -> None:
        self.scans = list(scans)
        lengths = [[len(one) for one in each] for each in ([case.image for case in self.scans], boxes, scores)]
        sides = {case.image.shape[1:] for case in self.scans}
        if not lengths[0] == lengths[1] == lengths[2] or len(sides) != 1 or len(min(sides)) != 3:
            expected = "expected scans (Z, H, W, 1) of one H and W, and for each of their slices boxes and scores"
            raise ValueError(f"{expected}, got slices {sorted(sides)}, and as many of them: {lengths}")
        self.names = [f"scan {k}" for k in range(len(self.scans))]
        self.truth = [_in_mm(case.nodules, case) + _in_mm(case.excluded, case) for case in self.scans]
        self.nodules = [len(centres) for centres, *_ in self.truth]
        self.found, self.curves = {}, {}  # by merged or not, and place in STEPS: of each scan see _find; see `froc`
        for step, threshold in enumerate(STEPS):
            kept = [_suppressed(*both, threshold) for both in zip(boxes, scores, strict=True)]
            for key in ((True, step), (False, step)):
                self.found[key] = [self._find(scan, *both, key[0]) for scan, both in enumerate(kept)]
                self.curves[key] = metrics.froc(*list(zip(*self.found[key], strict=True))[3:], self.nodules)
        self.stage = Stage((4.2, 3.8), self._build, SHARP)

    def _find(self, scan: int, boxes: list, scores: list, merge: bool) -> tuple:
        """Boxes and scores by slice; marks (k, 3) in mm, their scores and hits (k,). Not merged, each box is a mark."""
        spacing = self.scans[scan].spacing
        if merge:
            marks, values = metrics.merge_slices(boxes, scores, spacing)
        else:
            marks = np.concatenate([_middles(some, z, spacing) for z, some in enumerate(boxes)])
            values = np.concatenate(scores)
        return boxes, scores, marks, values, metrics.find_hits(marks, *self.truth[scan])

    def _build(self, fig):
        axes, most = fig.subplots(), max(2.0, *(curve[0][-1] for curve in self.curves.values()))
        powers = range(-3, int(np.ceil(np.log2(most))) + 1)
        axes.set_xscale("log", base=2)
        axes.set(ylim=(0, 1), xlabel="false positives a scan", ylabel="sensitivity")
        axes.set_xticks([2.0**k for k in powers], [f"1/{2**-k}" if k < 0 else str(2**k) for k in powers])
        axes.set_xlim(LEAST, 2.0 ** powers[-1])
        axes.vlines(metrics.RATES, 0, 1, colors="#BBBBBB", ls=":", lw=1)
        axes.plot(*self._line(USUAL), "--", color="#777777", lw=1.5, label=f"merged, above {STEPS[USUAL[1]]:g}")
        (now,) = axes.plot([], [], "-", color="#0072B2", clip_on=False, label="as chosen")
        fig.legend(loc="outside upper center", ncols=2)
        return axes, now

    def _line(self, key: tuple[bool, int]) -> tuple[np.ndarray, np.ndarray]:
        return np.maximum(self.curves[key][0], LEAST), self.curves[key][1]

    def where(self, state: dict) -> tuple[int, int]:
        """The scan, and its slice."""
        scan = self.names.index(state["scan"])
        return scan, min(round(state["slice"]), len(self.scans[scan].image) - 1)

    def key(self, state: dict) -> tuple[bool, int]:
        """Merged or not, and the place of the threshold of the suppression in STEPS."""
        return state["merge"], int(np.abs(STEPS - state["nms"]).argmin())

    def through(self, state: dict) -> list[np.ndarray]:
        """What the slice, as thick as it is, goes through: as `find_hits` takes it, nodules and excluded, in mm."""
        scan, z = self.where(state)
        (centres, radii, *excluded), (thick, *_) = self.truth[scan], self.scans[scan].spacing
        found = []
        for middles, sizes in ((centres, radii), excluded):
            here = np.abs(middles[:, 0] - z * thick) < sizes + thick / 2
            found += [middles[here], sizes[here]]
        return found

    def left(self, state: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The slice's boxes (d, 4) that suppression and cut have left, scores (d,), and HIT, FALSE or NEUTRAL (d,).

        A box hits what the slice goes through if, in its plane, the middles are nearer to each other than the radius.
        """
        scan, z = self.where(state)
        boxes, scores, *_ = self.found[self.key(state)][scan]
        shown, flat = scores[z] >= state["cut"], (0, 1, 1)
        boxes, (centres, radii, excluded, sizes) = boxes[z][shown], self.through(state)
        middles = _middles(boxes, 0, self.scans[scan].spacing)
        hits = metrics.find_hits(middles, centres * flat, radii, excluded * flat, sizes)
        return boxes, scores[z][shown], np.minimum(hits, HIT)

    def at_cut(self, state: dict) -> int:
        """The point of the curve at which the marks are shown whose score reaches the cut."""
        return int(np.searchsorted(-self.curves[self.key(state)][2], -state["cut"], side="right")) - 1

    def turned(self, state: dict, name: str) -> dict:
        """Another scan begins where there is something to see; no slice lies beyond the last."""
        scan, z = self.where(state)
        return {"scan": {"slice": self.telling(scan)}, "slice": {"slice": z}}.get(name, {})

    def telling(self, scan: int) -> int:
        """The slice through the largest nodule; without one the middle."""
        (centres, radii, *_), last = self.truth[scan], len(self.scans[scan].image) - 1
        z = centres[radii.argmax(), 0] / self.scans[scan].spacing[0] if len(radii) else last / 2
        return int(np.clip(np.rint(z), 0, last))

    def slice(self, state: dict) -> np.ndarray:
        """state {"scan", "slice"} -> uint8 (H, W), in the lung window."""
        scan, z = self.where(state)
        return window(self.scans[scan].image[z, ..., 0], *PRESETS["lung"])

    def froc(self, state: dict) -> np.ndarray:
        """state {"nms"} -> uint8 (760, 840, 3): the FROC curve."""
        self.stage.parts[1].set_data(*self._line(self.key(state)))
        self.stage.restored()
        return self.stage.drawn(self.stage.parts[1])

    def over_slice(self, state: dict) -> list[Mark]:
        """Truth as circles, the boxes left, and the marks whose middle lies in this slice."""
        (scan, z), (boxes, _, outcomes), seen = self.where(state), self.left(state), []
        spacing, (centres, radii, excluded, sizes) = self.scans[scan].spacing, self.through(state)
        for middles, reaches, dash in ((centres, radii, ()), (excluded, sizes, (3, 3))):
            for (height, *place), reach in zip(middles, reaches, strict=True):
                y, x = place / spacing[1:] + 0.5
                size = max(reach**2 - (height - z * spacing[0]) ** 2, (reach / 3) ** 2) ** 0.5  # its edge: still seen
                seen.append(circle(x, y, size / spacing[1], WHITE, width=1.2, dash=dash, edge=False))
        for edges, outcome in zip(boxes, outcomes, strict=True):
            colour, dash = _LOOKS[outcome]
            seen.append(box(*edges, colour, dash=dash, width=1.8, edge=False))
        for (height, *place), score, hit in zip(*self.found[self.key(state)][scan][2:], strict=True):
            if score >= state["cut"] and round(height / spacing[0]) == z:
                seen += _sign(*(place / spacing[1:] + 0.5)[::-1], min(hit, HIT))
        return seen

    def over_froc(self, state: dict) -> list[Mark]:
        """The cut, and the point of the curve under the pointer."""
        places = self.stage.to_pixels(self.stage.parts[0], *self._line(self.key(state)))
        marks = [point(*places[self.at_cut(state)], ORANGE, 11)]
        here = self.pointed_at("froc", state)
        return marks if here is None else [*marks, point(*places[here], GREEN)]

    def pointed_at(self, view: str, state: dict) -> int | None:
        """On the curve the nearest of its points; in the slice the smallest box around the pointer."""
        at, axes = state["hover"], self.stage.parts[0]
        if at is None or at.view != view:
            return None
        if view == "froc":
            places = self.stage.to_pixels(axes, *self._line(self.key(state)))
            inside = self.stage.to_data(axes, at.x, at.y) is not None
            return int(np.hypot(*(places - (at.x + 0.5, at.y + 0.5)).T).argmin()) if inside else None
        boxes, place = self.left(state)[0], np.array([at.y, at.x]) + 0.5
        around = ((boxes[:, :2] <= place) & (place <= boxes[:, 2:])).all(axis=1)
        areas = np.where(around, np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), np.inf)
        return int(areas.argmin()) if around.any() else None

    def chosen(self, state: dict, at: At) -> dict:
        """A click on the curve takes the score of the nearest point as the cut."""
        here = self.pointed_at("froc", state | {"hover": at})
        if here is None:
            return {}
        # The slider ends at 1 and is read to nine decimals; a little below a score is the same point of the curve.
        return {"cut": float(np.floor(min(self.curves[self.key(state)][2][here], 1.0) * 1e9) / 1e9)}

    def caption(self, state: dict) -> str:
        """What is left on the slice, what that means over all scans, and what is under the pointer."""
        (scan, z), (boxes, scores, outcomes), key = self.where(state), self.left(state), self.key(state)
        n, nodules = len(self.scans), sum(self.nodules)
        false_positives, sensitivity, _ = (values[self.at_cut(state)] for values in self.curves[key])
        cpm, usual = (metrics.cpm(*self.curves[which][:2]) for which in (key, USUAL))
        number = [int((outcomes == outcome).sum()) for outcome in _WHERE]
        how = "Slices merged: a score is the mean of the two best" if key[0] else "Not merged: each box is a mark"
        words = (
            f"Scan {scan}, slice {z} of 0 to {len(self.scans[scan].image) - 1}, **{len(boxes)} boxes** left: "
            f"{number[0]} on a nodule (green), {number[1]} elsewhere (orange, dashed), {number[2]} on an excluded "
            "finding (blue, dotted).\nCircles: the truth, dashed if excluded. Marks, each in the slice of its middle: "
            f"a dot is a hit, a cross a false positive, a ring neither. {how}.\n"
            f"All {n} scans, suppression above {STEPS[key[1]]:g}, scores from {state['cut']:.2f}: "
            f"**{round(sensitivity * nodules)} of {nodules} nodules** found, **{false_positives:.2f} false positives** "
            f"a scan. CPM **{cpm:.3f}** (grey: {usual:.3f}). 1/8 a scan is {n / 8:g} in all: few to rest on."
        )
        if (at := state["hover"]) is not None and at.view == "slice":
            words += f"\nRow {at.y}, column {at.x}: {self.scans[scan].image[z, at.y, at.x, 0]} HU."
        if (one := self.pointed_at("slice", state)) is not None:
            words += f" A box with score {scores[one]:.2f}, {_WHERE[outcomes[one]]}."
        elif (one := self.pointed_at("froc", state)) is not None:
            there, found, threshold = (values[one] for values in self.curves[key])
            words += f"\nGreen: cut {threshold:.3f}, sensitivity {found:.1%}, {there:.2f} false positives a scan."
            words += " A click takes it."
        return words


def _in_mm(findings: Findings, case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Centres (n, 3) and radii (n,), as `find_hits` takes them."""
    return findings.centres * case.spacing, findings.diameters_mm / 2


def _suppressed(boxes, scores, threshold: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    kept = [metrics.nms(some, their, threshold) for some, their in zip(boxes, scores, strict=True)]
    return tuple([np.asarray(a, float)[k] for a, k in zip(each, kept, strict=True)] for each in (boxes, scores))


def _middles(boxes: np.ndarray, z: int, spacing: np.ndarray) -> np.ndarray:
    """In mm, (d, 3); the middle of the first voxel is 0."""
    return np.column_stack([np.full(len(boxes), z), (boxes[:, :2] + boxes[:, 2:]) / 2 - 0.5]) * spacing


def _sign(x: float, y: float, outcome: int) -> list[Mark]:
    """What a mark is: a dot for a hit, a cross for a false positive, a ring for neither."""
    if outcome == HIT:
        return [point(x, y, GREEN, 5)]
    if outcome == NEUTRAL:
        return [circle(x, y, 1.3, BLUE)]
    return [line([(x - 1.3, y - k), (x + 1.3, y + k)], ORANGE) for k in (1.3, -1.3)]


def detection_explorer(scans: Sequence[Case], boxes: Sequence, scores: Sequence, waits_for: str | None = None) -> Shown:
    """The widget: what a detector found in several scans, at every threshold of the suppression and every cut.

    scans : cases with image (Z, H, W, 1) in HU, all of one H and W, their nodules and excluded findings
    boxes, scores : of each scan and each of its slices (d, 4) and (d,), before the last suppression; scores 0 to 1
    waits_for : id of the prediction to be made first

    A ValueError for lists of other lengths, slices of several sizes, and as `nms` and `froc`.
    """
    import ipywidgets as widgets

    shown = Detections(scans, boxes, scores)
    look = {"style": {"description_width": "9em"}, "layout": {"width": "36em", "max_width": "100%"}}
    first, last = int(np.argmax(shown.nodules)), max(len(case.image) for case in shown.scans) - 1
    controls = {
        "scan": widgets.Dropdown(options=shown.names, value=shown.names[first], description="scan", **look),
        "slice": slider("slice", shown.telling(first), 0, last, 1, ".0f"),
        "nms": slider("suppression above IoU", STEPS[USUAL[1]], STEPS[0], STEPS[-1], 0.1),
        "cut": slider("scores from", 0.5, 0, 1, 0.01, ".2f"),
        "merge": widgets.Checkbox(value=True, description="merge slices into marks", **look),
    }
    views = {
        "slice": View(shown.slice, "A slice with boxes.", shown.over_slice, 380, smooth=False, uses=("scan", "slice")),
        "froc": View(shown.froc, "FROC curve with the cut.", shown.over_froc, 420, uses=("nms", "merge")),
    }
    start = {name: control.value for name, control in controls.items()} | {"hover": None}
    states = [start, start | {"nms": float(STEPS[-1])}]
    shots = [(view, state) for state in states for view in views.values()]
    pictures = [drawn(view.picture(state), view.marks(state), 230, smooth=view.smooth) for view, state in shots]
    titles = [title for state in states for title in (f"NMS above {state['nms']:g}", "FROC, slices merged")]
    alt = "Twice a slice beside a FROC curve. " + " ".join(shown.caption(state) for state in states).replace("**", "")
    sheet, act = contact_sheet(pictures, titles), {"on_click": shown.chosen, "on_control": shown.turned}
    return explorer(views, shown.caption, controls, sheet, alt, waits_for=waits_for, **act)
