"""Maps of what a network looked at, over their images: of the trained network, and of one with random weights."""

import functools

import numpy as np

from helpers.display import Shown, contact_sheet
from helpers.widgets.marks import GREEN, Mark, drawn, line, point
from helpers.widgets.shell import At, View, explorer, slider

WEIGHTS = ("trained", "random")
_FOR, _AGAINST = np.array([230, 120, 0]), np.array([0, 130, 230])  # above 0, below 0
_MOST = 5  # methods on a still


class Explanations:
    """Images, the maps of several methods, and all that their widget shows of them.

    Parameters
    ----------
    images : (N, H, W) uint8
    masks : (N, H, W) bool: the lesion
    maps : name of a method -> (2, N, h, w), [0] of the trained network and [1] of one with random weights; h and w at
        most H and W: enlarged bilinearly

    Raises
    ------
    ValueError : arrays that do not fit each other, a map with nan or infinity, no method
    """

    def __init__(self, images: np.ndarray, masks: np.ndarray, maps: dict[str, np.ndarray]) -> None:
        self.images, self.masks = np.asarray(images), np.asarray(masks, bool)
        shape = self.images.shape
        if self.images.dtype != np.uint8 or len(shape) != 3 or not shape[0] or self.masks.shape != shape:
            raise ValueError(
                f"expected images (N, H, W) uint8, e.g. X[..., 0], and masks of their shape, got {shape} "
                f"{self.images.dtype} and {self.masks.shape}"
            )
        if not maps:
            raise ValueError('expected at least one method, e.g. {"Grad-CAM": np.stack([trained, random])}; got none')
        self.maps = {name: np.asarray(values, np.float32) for name, values in maps.items()}
        for name, values in self.maps.items():
            fits = values.ndim == 4 and values.shape[:2] == (2, shape[0]) and min(values.shape) > 0
            if not fits or values.shape[2] > shape[1] or values.shape[3] > shape[2]:
                raise ValueError(
                    f"{name}: expected maps (2, {shape[0]}, h, w), trained and random, h and w at most {shape[1]} and "
                    f"{shape[2]}; got {values.shape}"
                )
            if not np.isfinite(values).all():
                raise ValueError(f"{name}: expected finite numbers, got nan or infinity")
        self.alike = {name: [_spearman(*pair) for pair in values.swapaxes(0, 1)] for name, values in self.maps.items()}
        self._enlarged = functools.lru_cache(64)(self._enlarge)
        self._outlines = functools.lru_cache(64)(lambda image: _outline(self.masks[image]))

    def _enlarge(self, method: str, weights: str, image: int) -> np.ndarray:
        from PIL import Image

        values = self.maps[method][WEIGHTS.index(weights), image]
        return np.asarray(Image.fromarray(values).resize(self.images.shape[:0:-1], Image.Resampling.BILINEAR))

    def map(self, state: dict) -> np.ndarray:
        """state {"method", "weights", "image"} -> the map as large as the image, (H, W)."""
        return self._enlarged(state["method"], state["weights"], int(state["image"]))

    def image(self, state: dict) -> np.ndarray:
        """state {"image"} -> uint8 (H, W)."""
        return self.images[int(state["image"])]

    def overlay(self, state: dict) -> np.ndarray:
        """state {"method", "weights", "image"} -> uint8 (H, W, 3): the map in two colours over the grey image."""
        values = self.map(state)[..., None]
        part = np.clip(np.abs(values) / max(_scale(values), 1e-30), 0, 1) * 0.85
        grey = self.image(state)[..., None] * 0.7
        return (grey * (1 - part) + np.where(values > 0, _FOR, _AGAINST) * part).astype(np.uint8)

    def peak(self, state: dict) -> tuple[int, int] | None:
        """Row and column of the largest value of the map; None of a map without a value above 0."""
        values = self.map(state)
        return divmod(int(values.argmax()), values.shape[1]) if values.max() > 0 else None

    def marks(self, view: str, state: dict) -> list[Mark]:
        """The outline of the lesion, where it is asked for, and on the map its largest value."""
        marks = list(self._outlines(int(state["image"]))) if state["outline"] else []
        if view == "map" and (peak := self.peak(state)):
            marks.append(point(peak[1] + 0.5, peak[0] + 0.5, "#FFFFFF"))
        return marks

    def caption(self, state: dict) -> str:
        """The method, where its map is largest, how alike the two networks' maps are, what is under the pointer."""
        i, at = int(state["image"]), state["hover"]
        mask, values, peak, alike = self.masks[i], self.map(state), self.peak(state), self.alike[state["method"]][i]
        words = f"Image {i}, {state['method']}, **{state['weights']} weights**: "
        if peak:
            inside = "inside" if mask[peak] else "outside"
            words += f"the largest value (white dot) is in row {peak[0]}, column {peak[1]}, **{inside} the lesion**, "
            words += f"which covers {mask.mean():.0%} of the image."
        else:
            words += "the map is **0 everywhere**." if not values.any() else "the map is **nowhere above 0**."
        words += "\nOrange is above 0, blue below, full colour from the 99.5th percentile of this map's absolute values"
        words += (
            f" ({_scale(values):.2g}). The lesion is {'outlined in green' if state['outline'] else 'not outlined'}."
        )
        words += f"\nTrained against random weights: {_correlation(alike)}."
        return words if at is None else f"{words}\n{self._under(at, mask, values, i)}"

    def _under(self, at: At, mask: np.ndarray, values: np.ndarray, i: int) -> str:
        where = "in the lesion" if mask[at.y, at.x] else "beside the lesion"
        return (
            f"Row {at.y}, column {at.x}, {where}: image {self.images[i, at.y, at.x]}, map **{values[at.y, at.x]:.3g}**."
        )


def _scale(values: np.ndarray) -> float:
    """What is shown in full colour: the 99.5th percentile of the absolute values; the largest where that is 0."""
    high = np.abs(values)
    return float(np.percentile(high, 99.5) or high.max())


def _spearman(trained: np.ndarray, random: np.ndarray) -> float:
    """Rank correlation of the absolute values of two maps (h, w); nan where one of them is constant."""
    from scipy.stats import rankdata

    a, b = (rankdata(np.abs(values)) for values in (trained, random))
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) and np.ptp(b) else float("nan")


def _correlation(alike: float) -> str:
    if np.isnan(alike):
        return "no rank correlation, one of the two maps is the same everywhere"
    return f"rank correlation of absolute values (Spearman) **{alike:.2f}**"


def _outline(mask: np.ndarray) -> list[Mark]:
    """The borders between pixels of a mask (H, W) and others, as lines along rows and columns."""
    marks = []
    for turned in (False, True):
        inside = np.pad(mask.T if turned else mask, 1).astype(np.int8)
        edges = np.diff(inside, axis=0)[:, 1:-1]  # (H + 1, W): an edge above row y
        for y in np.flatnonzero(edges.any(axis=1)):
            steps = np.flatnonzero(np.diff(np.concatenate([[0], edges[y] != 0, [0]]).astype(int)))
            for start, end in steps.reshape(-1, 2):
                ends = [(start, y), (end, y)]
                marks.append(line([(b, a) for a, b in ends] if turned else ends, GREEN, edge=False))
    return marks


def explanation_toggle(
    images: np.ndarray, masks: np.ndarray, maps: dict[str, np.ndarray], waits_for: str | None = None
) -> Shown:
    """The widget: which method, which image, whose weights.  Arguments and errors as `Explanations`.

    waits_for : a prediction
    """
    import ipywidgets as widgets

    shown, partial, style = Explanations(images, masks, maps), functools.partial, {"description_width": "9em"}
    names = list(shown.maps)
    controls = {
        "method": widgets.Dropdown(options=names, value=names[0], description="method", style=style),
        "image": slider("image", 0, 0, len(shown.images) - 1, 1, ".0f"),
        "weights": widgets.ToggleButtons(options=WEIGHTS, value=WEIGHTS[0], description="weights", style=style),
        "outline": widgets.Checkbox(True, description="outline of the lesion", indent=False),
    }
    views = {
        "image": View(shown.image, "The image.", partial(shown.marks, "image"), 320, False, ("image",)),
        "map": View(
            shown.overlay,
            "The map over the image: orange above 0, blue below.",
            partial(shown.marks, "map"),
            320,
            False,
            ("method", "image", "weights"),
        ),
    }
    start = {"image": 0, "outline": True, "hover": None}
    pictures, titles, said = [], [], []
    for weights in WEIGHTS:
        pictures.append(drawn(shown.image(start), shown.marks("image", start), 160))
        titles.append("image 0")
        for name in names[:_MOST]:
            state = start | {"method": name, "weights": weights}
            pictures.append(drawn(shown.overlay(state), shown.marks("map", state), 160))
            titles.append(f"{name}, {weights}")
            said.append(shown.caption(state).replace("**", "").splitlines()[0])
    said += [
        f"{name}, trained against random: {_correlation(shown.alike[name][0])}.".replace("**", "")
        for name in names[:_MOST]
    ]
    still = contact_sheet(pictures, titles, 1 + len(names[:_MOST]), 18)
    alt = "An image and its maps, above with trained, below with random weights. " + " ".join(said)
    return explorer(views, shown.caption, controls, still, alt, waits_for=waits_for)
