"""A mask that the learner changes, beside what that does to Dice, IoU and the distances between the outlines in mm."""

from collections.abc import Sequence

import numpy as np

from helpers import metrics
from helpers.display import Shown, contact_sheet
from helpers.widgets.marks import BLUE, GREEN, ORANGE, WHITE, Mark, box, drawn, text
from helpers.widgets.mixer import WIDTH, as_images, flowing, greys, inside, outlines
from helpers.widgets.shell import At, View, explorer, slider
from helpers.widgets.stage import SHARP, Stage

ISLANDS = (0, 1, 4, 12, 30)  # pixels
MEASURES = {  # short name, and what it is
    "Dice": "twice the pixels that both masks share, of the pixels of both.",
    "IoU": "the pixels that both masks share, of those in either. It is Dice / (2 - Dice).",
    "HD": "Hausdorff distance: of all points of both outlines, the farthest from the other one. One pixel sets it.",
    "HD95": "95 of 100 points of an outline are no farther from the other one; the larger of the two ways round.",
    "pooled": "95th percentile of the distances of both outlines in one heap. Some call this HD95: another number.",
    "mean": "mean surface distance, over the points of both outlines.",
}
PLAIN = {"grow": 0.0, "down": 0.0, "right": 0.0, "island": 0, "hole": False, "empty": False, "hover": None}


def grown(mask: np.ndarray, pixels: float) -> np.ndarray:
    """The mask (H, W) with all that lies within so many pixels of it; below 0: without what is as near to its edge."""
    from scipy.ndimage import distance_transform_edt

    if pixels == 0 or not mask.any():
        return mask
    return distance_transform_edt(~mask) <= pixels if pixels > 0 else distance_transform_edt(mask) > -pixels


def shifted(mask: np.ndarray, down: float, right: float) -> np.ndarray:
    """The mask (H, W) moved by whole pixels; what leaves the picture is lost."""
    from scipy.ndimage import shift

    return shift(mask.astype(np.uint8), (down, right), order=0) > 0


def island(shape: tuple[int, int], place: tuple[int, int], pixels: int) -> np.ndarray:
    """A mask of that shape with so many pixels, as near to each other as can be, around place (y, x)."""
    y, x = np.indices(shape)
    nearest = np.argsort(np.hypot(y - place[0] - 0.25, x - place[1] - 0.25), axis=None, kind="stable")
    mask = np.zeros(shape, bool)
    mask.flat[nearest[:pixels]] = True
    return mask


def holed(mask: np.ndarray) -> np.ndarray:
    """The mask (H, W) without a disc around its innermost pixel, half as wide as there is room."""
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(mask)
    y, x = np.indices(mask.shape)
    middle = np.unravel_index(depth.argmax(), mask.shape)
    return mask & (np.hypot(y - middle[0], x - middle[1]) > depth.max() / 2)


class MaskExplorer:
    """One or two true masks, and all that the widget shows of what is made of them. Arguments: `mask_explorer`."""

    def __init__(self, image, truth, spacing: Sequence[float]) -> None:
        image, truth = np.asarray(image), np.asarray(truth)
        fits = truth.ndim == 2 or truth.ndim == 3 and len(truth) == 2
        if not fits or image.shape not in (truth.shape, truth.shape[-2:]):
            raise ValueError(f"expected image and truth (H, W) or (2, H, W), got {image.shape} and {truth.shape}")
        as_images(image.reshape(-1, *truth.shape[-2:], 1), ("image",))
        truths = truth.reshape(-1, *truth.shape[-2:])
        metrics.dice(truths, truths)  # refuses what is no mask, and the next line a spacing that is none
        metrics.hausdorff95(truths[0], truths[0], spacing)
        sizes = (truths != 0).sum(axis=(1, 2))
        if not sizes.all():
            raise ValueError(f"expected true masks with tumour, got masks of {sizes.tolist()} pixels")
        names = ("tumour",) if len(truths) == 1 else ("large tumour", "small tumour")
        order = dict(zip(names, np.argsort(-sizes, kind="stable"), strict=True))
        images = np.broadcast_to(image, truths.shape)[..., None]
        shown, brains = greys(images)[..., 0], inside(images)
        self.truths = {name: truths[k] != 0 for name, k in order.items()}
        self.greys = {name: shown[k] for name, k in order.items()}
        self.far = {name: _farthest(truths[k] != 0, brains[k]) for name, k in order.items()}
        self.spacing, self._last = spacing, (None, None)
        self.most = 10 * np.ceil(np.linalg.norm(np.multiply(image.shape[-2:], spacing)) / 20)  # mm, half the diagonal
        self.stage = Stage((4.2, 3.7), self._build, SHARP)
        self.frame = self.stage.drawn()  # uint8 (740, 840, 3), the axes without their bars

    def _build(self, fig):
        axes, names = fig.subplots(1, 2, width_ratios=(2.2, 4)), list(MEASURES)
        fig.set_facecolor("black")  # as the image beside it: marks are made for black
        for ax, some, top, label in zip(axes, (names[:2], names[2:]), (1, self.most), ("", "mm"), strict=True):
            ax.set_xticks(range(len(some)), some)
            ax.set(ylim=(0, 1.08 * top), xlim=(-0.6, len(some) - 0.4), facecolor="black")
            ax.set_ylabel(label, color="white")
            ax.tick_params(colors="white")
            ax.spines[:].set_color("white")
        return axes

    def changed(self, state: dict) -> np.ndarray:
        """The mask (H, W) that the controls make of the true one."""
        mask = shifted(grown(self.truths[state["tumour"]], state["grow"]), state["down"], state["right"])
        if state["hole"] and mask.any():
            mask = holed(mask)
        mask = mask | island(mask.shape, state["place"], state["island"])
        return mask & (not state["empty"])

    def measured(self, state: dict) -> tuple[np.ndarray, dict[str, float]]:
        """The changed mask, and MEASURES of it; of an empty one no pooled percentile and no mean: nan."""
        key = {name: value for name, value in state.items() if name not in ("hover", "click")}
        if self._last[0] != key:
            self._last = key, self._measured(state)
        return self._last[1]

    def _measured(self, state: dict) -> tuple[np.ndarray, dict[str, float]]:
        mask, true = self.changed(state), self.truths[state["tumour"]]
        values = [metrics.dice(mask, true), metrics.mask_iou(mask, true)]
        values += [distance(mask, true, self.spacing) for distance in (metrics.hausdorff, metrics.hausdorff95)]
        both = np.concatenate(metrics.surface_distances(mask, true, self.spacing)) if mask.any() else np.array([np.nan])
        return mask, dict(zip(MEASURES, [*values, np.percentile(both, 95), both.mean()], strict=True))

    def picture(self, state: dict) -> np.ndarray:
        """uint8 (H, W, 3): the image, the changed mask in orange."""
        tint = np.array([int(ORANGE[k : k + 2], 16) for k in (1, 3, 5)])
        pixels = np.repeat(self.greys[state["tumour"]][..., None], 3, axis=2)
        mask = self.measured(state)[0]
        pixels[mask] = np.rint(0.65 * pixels[mask] + 0.35 * tint)
        return pixels

    def bars(self, state: dict) -> list[Mark]:
        """MEASURES as bars with their numbers; one that is too long ends at the top, its number does not."""
        marks = []
        for k, value in enumerate(self.measured(state)[1].values()):
            axes, x, top, colour = (0, k, 1, BLUE) if k < 2 else (1, k - 2, self.most, ORANGE)
            ends = [x - 0.35, x + 0.35], [0, min(np.nan_to_num(value), top)]
            (x0, y1), (x1, y0) = self.stage.to_pixels(self.stage.parts[axes], *ends)
            number = "none" if np.isnan(value) else f"{value:.3f}" if k < 2 else f"{value:.1f}"
            marks.append(box(y0, x0, y1, x1, colour, fill=colour, width=0))
            marks.append(text((x0 + x1) / 2, y0 - 20, number, WHITE, 12))
        return marks

    def marks(self, state: dict) -> list[Mark]:
        """The true outline, solid, and that of the changed mask, dashed."""
        marks = outlines(self.truths[state["tumour"]], GREEN, width=1.8)
        return marks + outlines(self.measured(state)[0], ORANGE, dash=(5, 4), width=1.5, edge=False)

    def clicked(self, state: dict, at: At) -> dict:
        """A click in the image sets the island."""
        return {"place": (at.y, at.x), "island": state["island"] or 1} if at.view == "image" else {}

    def turned(self, state: dict, name: str) -> dict:
        """Another tumour, another place that is far from it."""
        return {"place": self.far[state["tumour"]]} if name == "tumour" else {}

    def caption(self, state: dict) -> str:
        """What was changed, the numbers, what the island is of the surface, and what is under the pointer."""
        from scipy.ndimage import binary_erosion

        (mask, values), true, at = self.measured(state), self.truths[state["tumour"]], state["hover"]
        words = f"**{state['tumour'].capitalize()}** of {true.sum()} pixels, {_done(state)}: {mask.sum()} pixels. "
        words += "Green, solid: the truth. Orange, dashed: changed.\n"
        words += f"Dice **{values['Dice']:.3f}**, IoU {values['IoU']:.3f}. "
        words += f"HD **{values['HD']:.1f} mm**, HD95 **{values['HD95']:.1f} mm**, "
        if mask.any():
            words += f"pooled 95th percentile {values['pooled']:.1f} mm, mean surface distance {values['mean']:.2f} mm."
        else:
            words += "by rule: the diagonal of the image. Pooled percentile and mean need two masks with pixels."
        if state["island"] and mask.any():
            edge = mask & ~binary_erosion(mask)
            k, n = (edge & island(mask.shape, state["place"], state["island"])).sum(), edge.sum()
            words += (
                f"\nThe island has {k} of the mask's {n} surface pixels ({k / n:.1%}); HD95 leaves out the farthest 5%."
            )
        if at is None:
            return words
        if at.view == "image":
            where = {(1, 1): "in both", (1, 0): "in the truth alone", (0, 1): "in the changed mask alone"}
            here = where.get((int(true[at.y, at.x]), int(mask[at.y, at.x])), "in neither")
            return f"{words}\nRow {at.y}, column {at.x}: {here}. A click sets an island here."
        return words if (name := self.pointed_at(at)) is None else f"{words}\n{name}: {MEASURES[name]}"

    def pointed_at(self, at: At) -> str | None:
        """The measure whose bar stands in the column of the pointer."""
        for axes, names in zip(self.stage.parts, (list(MEASURES)[:2], list(MEASURES)[2:]), strict=True):
            if (place := self.stage.to_data(axes, at.x, at.y)) is not None:
                return names[min(max(round(place[0]), 0), len(names) - 1)]
        return None


def _farthest(truth: np.ndarray, brain: np.ndarray) -> tuple[int, int]:
    """The place (y, x) farthest from the truth, and 4 pixels or more within the brain if there is one."""
    from scipy.ndimage import binary_erosion, distance_transform_edt

    within = binary_erosion(brain, iterations=4)
    far = distance_transform_edt(~truth) * (within if within.any() else brain)
    y, x = np.unravel_index(far.argmax(), far.shape)
    return int(y), int(x)


def _done(state: dict) -> str:
    """What the controls did, in words."""
    if state["empty"]:
        return "emptied"
    ways = {"grow": ("shrunk", "grown"), "down": ("moved up", "moved down"), "right": ("moved left", "moved right")}
    words = [f"{ways[k][state[k] > 0]} by {_pixels(abs(state[k]))}" for k in ways if state[k]]
    words += ["with a hole"] * state["hole"] + [f"with an island of {_pixels(state['island'])}"] * (state["island"] > 0)
    return ", ".join(words) or "unchanged"


def _pixels(number: float) -> str:
    return f"{number:.0f} pixel{'' if number == 1 else 's'}"


def mask_explorer(
    image: np.ndarray, truth: np.ndarray, spacing: Sequence[float] = (2.17, 2.17), waits_for: str | None = None
) -> Shown:
    """The widget: grow, shrink or move a mask, give it an island or a hole, and see which measure minds.

    Parameters
    ----------
    image : (H, W), any scale, 0 outside the brain; or (2, H, W), one for each of two masks
    truth : (H, W), or (2, H, W) for a choice between a large and a small one; bool, or 0 and 1
    spacing : (dy, dx) mm
    waits_for : id of the prediction to be made first

    A ValueError for other shapes, empty masks, values that are none of a mask or not finite, another spacing.
    """
    import ipywidgets as widgets

    shown = MaskExplorer(image, truth, spacing)
    names = list(shown.truths)
    look = {"style": {"description_width": "9em"}, "layout": {"width": "25em", "max_width": "100%"}}
    controls = {
        "tumour": widgets.Dropdown(options=names, value=names[0], description="mask", **look),
        "grow": slider("shrink, grow", 0, -4, 4, 1, ".0f"),
        "down": slider("up, down", 0, -8, 8, 1, ".0f"),
        "right": slider("left, right", 0, -8, 8, 1, ".0f"),
        "island": widgets.Dropdown(options=ISLANDS, value=0, description="island (pixels)", **look),
        "hole": widgets.Checkbox(False, description="a hole", indent=False, layout={"width": "8em"}),
        "empty": widgets.Checkbox(False, description="empty it", indent=False, layout={"width": "8em"}),
    }
    for name in ("grow", "down", "right"):
        controls[name].layout.width = "29em"
    own = {"place": shown.far[names[0]]}
    if len(names) == 1:
        own["tumour"] = controls.pop("tumour").value
    views = {
        "image": View(shown.picture, "The changed mask.", shown.marks, WIDTH, smooth=False),
        "measures": View(lambda state: shown.frame, "Six measures as bars.", shown.bars, WIDTH, uses=()),
    }
    states = [PLAIN | own | {"tumour": names[0], "island": n} for n in (1, 30)]
    pictures = []
    for state in states:
        pictures.append(drawn(shown.picture(state), shown.marks(state), 264))
        pictures.append(drawn(shown.frame, shown.bars(state), 300, smooth=True))
    titles = ["island of 1 pixel", "the same, measured", "island of 30 pixels", "the same, measured"]
    words = " ".join(shown.caption(state) for state in states).replace("**", "")
    alt = f"Twice a mask with a far island beside bars of six measures. {words}"
    act = {"start": own, "on_click": shown.clicked, "on_control": shown.turned, "waits_for": waits_for}
    return flowing(explorer(views, shown.caption, controls, contact_sheet(pictures, titles), alt, **act), waits_for)
