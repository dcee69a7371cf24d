"""Augmentation of breast ultrasound, with traps: which changes of a picture its label survives, and a probe could draw.

The signs named are those of the BI-RADS lexicon (ACR BI-RADS Atlas, 2013). Where a change goes from harmless to wrong
(`LEAST_LEFT`, `LEAST_RATIO`, `MOST_DEGREES`) is chosen for the course, not measured.
"""

import functools

import numpy as np

from helpers.display import Picture, Shown, contact_sheet, still_bytes
from helpers.widgets import augmentation_changes as changes
from helpers.widgets.augmentation_changes import CHANGES, KEEPS, LABEL, PHYSICS, SMALL
from helpers.widgets.marks import BLUE, GREEN, ORANGE, WHITE, Mark, drawn, line, point, text
from helpers.widgets.shell import View, explorer, slider

LEAST_LEFT = 0.5  # share of the mass that must be in the picture
LEAST_RATIO = 1.1  # a change of height over width by less is that of a few pixels
START = {"change": "shifted", "strength": 0.3, "tell": False, "hover": None}
NOTHING = START | {"change": "none"}
_COLOURS = {KEEPS: GREEN, SMALL: WHITE, LABEL: ORANGE, PHYSICS: ORANGE}
_CORNERS = np.array([(-0.5, -0.5), (-0.5, 0.5), (0.5, -0.5), (0.5, 0.5)])  # of a pixel, from its middle
_WIDTH = 840  # CSS pixels of the sheet


class Gallery:
    """A picture, the outline of its mass, and all that the widget shows of it.

    Parameters
    ----------
    image : (H, W) uint8, up is the skin
    mask : (H, W), other than 0 in the mass; None, or 0 everywhere, where there is none

    Raises
    ------
    ValueError : an image that is not uint8 (H, W) of 16 x 16 or more, a mask of another shape
    """

    def __init__(self, image: np.ndarray, mask: np.ndarray | None = None) -> None:
        from skimage.measure import find_contours

        came = f"{getattr(image, 'dtype', type(image).__name__)} {np.shape(image)}"
        if came.split()[0] != "uint8" or np.ndim(image) != 2 or min(image.shape) < 16:
            raise ValueError(f"expected an image uint8 (H, W), 16 x 16 or more, e.g. case.image[..., 0], got {came}")
        if mask is not None and np.shape(mask) != image.shape:
            raise ValueError(f"expected a mask of the image's shape {image.shape}, or None, got {np.shape(mask)}")
        self.image, self.size = image, np.array(image.shape)
        inside = np.zeros(image.shape, bool) if mask is None else np.asarray(mask) != 0
        self._places = np.indices(image.shape).reshape(2, -1).T + 0.5  # (H W, 2), the middles of the pixels
        self._mass = self._places[inside.ravel()]
        self._corners = (self._mass[:, None] + _CORNERS).reshape(-1, 2)
        self._outlines = [path - 0.5 for path in find_contours(np.pad(inside, 1).astype(float), 0.5)]
        self._across = float(self._mass[:, 1].mean()) if len(self._mass) else self.size[1] / 2

    def moved(self, state: dict, places: np.ndarray, back: bool = False) -> np.ndarray:
        """Where places (..., 2) as (y, x) of the image lie in the changed picture; `back`: the other way."""
        A, t = changes.place_map(state["change"], state["strength"], self.size)
        return (places - t) @ np.linalg.inv(A).T if back else places @ A.T + t

    def changed(self, state: dict) -> np.ndarray:
        """The changed picture, uint8 (H, W), black where it has no data.

        state {"change": a name of CHANGES, "strength": -1 to 1}
        """
        from scipy.ndimage import affine_transform

        X = changes.new_greys(state["change"], state["strength"], self.image.astype(float))
        A, t = changes.place_map(state["change"], state["strength"], self.size)
        if (A != np.eye(2)).any() or t.any():
            begin = self.moved(state, np.array([0.5, 0.5]), back=True) - 0.5
            X = affine_transform(X, np.linalg.inv(A), begin, order=1, mode="nearest")
        gone = ~self._within(self.moved(state, self._places, back=True)) | self._erased(state, self._places)
        return np.where(gone.reshape(X.shape), 0, np.rint(np.clip(X, 0, 255))).astype(np.uint8)

    def _within(self, places: np.ndarray) -> np.ndarray:
        return ((places > 0) & (places < self.size)).all(axis=-1)

    def _erased(self, state: dict, places: np.ndarray) -> np.ndarray:
        """Which of the places (n, 2) the black square takes away, (n,) bool."""
        amount = CHANGES[state["change"]].amount(state["strength"])
        half = amount * self.size[0] / 2 if state["change"] == "erased square" else 0
        return (np.abs(places - self.size / 2) < half).all(axis=-1)

    def mass(self, state: dict) -> tuple[float, float]:
        """Height over width of the mass as it lies after the change, and the share of it that can still be seen."""
        high, wide = np.ptp(self.moved(state, self._corners), axis=0)
        left = self._within(self.moved(state, self._mass)) & ~self._erased(state, self._mass)
        return float(high / wide), float(left.mean())

    def verdict(self, state: dict) -> tuple[str, str]:
        """What becomes of the label, and what in this picture at this strength decides it, if something does."""
        name, verdict = state["change"], CHANGES[state["change"]].verdict
        degrees = CHANGES[name].amount(state["strength"]) if name == "rotated" else 0
        if abs(degrees) > changes.MOST_DEGREES:
            return PHYSICS, "Here the beam is too far from straight down."
        if verdict != SMALL or not len(self._mass):
            return verdict, ""
        (before, _), (now, left) = self.mass(NOTHING), self.mass(state)
        if left < LEAST_LEFT:
            return LABEL, f"Here only {left:.0%} of the mass can be seen; we ask for {LEAST_LEFT:.0%}."
        if (before < 1) != (now < 1) and max(before, now) > LEAST_RATIO * min(before, now):
            words = ("parallel to the skin", "not parallel") if before < 1 else ("not parallel", "parallel to the skin")
            return LABEL, f"Here the orientation, a BI-RADS sign, went from {words[0]} to {words[1]}."
        return verdict, ""

    def marks(self, view: str, state: dict) -> list[Mark]:
        """The outline of the mass; the beam through it, once told; in the other view the place under the pointer."""
        change, at = (NOTHING if view == "image" else state), state["hover"]
        lines = [(path, ORANGE, {"width": 1.5}) for path in self._outlines]
        if state["tell"]:
            top, end, wing = np.array([0.03, 0.97, 0.04]) * self.size[0]
            lines.append(([(top, self._across), (end, self._across)], BLUE, {"dash": (7, 5)}))
            arrow = [(end - wing, self._across - wing), (end, self._across), (end - wing, self._across + wing)]
            lines.append((arrow, BLUE, {}))
        marks = [line(self.moved(change, np.array(path))[:, ::-1], colour, **look) for path, colour, look in lines]
        if at is not None and at.view != view:
            marks.append(point(*self._linked(state)[::-1], WHITE))
        return marks

    def _linked(self, state: dict) -> np.ndarray:
        """Where the place under the pointer lies in the other picture: (y, x)."""
        at = state["hover"]
        return self.moved(state, np.array([at.y, at.x]) + 0.5, back=at.view == "changed")

    def caption(self, state: dict) -> str:
        """What was done; the verdict, or the question; what is under the pointer."""
        name, change, changed, at = state["change"], CHANGES[state["change"]], self.changed(state), state["hover"]
        words = f"**{change.done.format(change.amount(state['strength']))}**"
        if name in changes.WITHOUT_STRENGTH:
            words += " The strength plays no part."
        if name in changes.OF_GREYS:
            before, now = (np.isin(pixels, (0, 255)).mean() for pixels in (self.image, changed))
            words += f" Pixels that are black or white: {now:.0%}; before: {before:.0%}."
        elif len(self._mass):
            (before, _), (now, left) = self.mass(NOTHING), self.mass(state)
            words += (
                f" Height / width of the mass: {now:.2f}; before: {before:.2f}. Of the mass {left:.0%} can be seen."
            )
        words += "\nCould a probe on the skin, at the top, have drawn this? Is what the label says still true of it? "
        words += "Decide first, then tick *tell me*."
        if state["tell"]:
            verdict, here = self.verdict(state)
            words = f"{words.splitlines()[0]}\n**{verdict.capitalize()}.** {f'{here} {change.why}'.strip()}"
        if at is None:
            return words
        y, x = np.floor(self._linked(state)).astype(int)
        pictures = {"image": self.image, "changed": changed}
        other = next(view for view in pictures if view != at.view)
        seen = (
            f"row {y}, column {x}, grey {pictures[other][y, x]}" if self._within(np.array([y, x]) + 0.5) else "outside"
        )
        where = "in the changed picture" if other == "changed" else "in the picture as it is"
        return f"{words}\nRow {at.y}, column {at.x}: grey {pictures[at.view][at.y, at.x]}; {where}: {seen}."

    def sheet(self) -> tuple[np.ndarray, str]:
        """Every change with its verdict, uint8 (H', W', 3), and the same in words."""
        tall, right = len(self._mass) > 0 and self.mass(NOTHING)[0] >= 1, self._across > self.size[1] / 2
        strengths = {"stretched in height": -0.8 if tall else 0.8, "cropped": -0.9 if right else 0.9, "rotated": 0.3}
        pictures, verdicts = [], {}
        for name in CHANGES:
            state = START | {"change": name, "strength": strengths.get(name, 0.4)}
            verdict = verdicts[name] = self.verdict(state)[0]
            label = text(self.size[1] / 2, 0.93 * self.size[0], verdict, _COLOURS[verdict], 10)
            marks = self.marks("changed", state | {"tell": verdict == PHYSICS})
            pictures.append(drawn(self.changed(state), [*marks, label], 105))
        words = "; ".join(f"{name}: {verdict}" for name, verdict in verdicts.items())
        alt = f"A breast ultrasound and what {len(CHANGES) - 1} changes make of it, each with its verdict. {words}."
        return contact_sheet(pictures, list(CHANGES), 4, 19), alt


def augmentation_sheet(image: np.ndarray, mask: np.ndarray | None = None) -> Picture:
    """All changes of a picture at a glance, with their verdicts.  Arguments and errors as `Gallery`."""
    sheet, alt = Gallery(image, mask).sheet()
    return Picture(still_bytes(sheet), alt, _WIDTH)


def augmentation_gallery(image: np.ndarray, mask: np.ndarray | None = None, waits_for: str | None = None) -> Shown:
    """The widget: which change, how much of it.  Arguments and errors as `Gallery`; waits_for : a prediction."""
    import ipywidgets as widgets

    shown, partial = Gallery(image, mask), functools.partial
    look = {"style": {"description_width": "9em"}, "layout": {"width": "36em", "max_width": "100%"}}
    controls = {
        "change": widgets.Dropdown(options=list(CHANGES), value=START["change"], description="change", **look),
        "strength": slider("strength", START["strength"], -1, 1, 0.05, ".2f"),
        "tell": widgets.Checkbox(START["tell"], description="tell me (until the next change)", **look),
    }
    after = partial(shown.marks, "changed")
    views = {
        "image": View(lambda state: image, "The picture.", partial(shown.marks, "image"), 400, False, ()),
        "changed": View(shown.changed, "The picture, changed.", after, 400, False, ("change", "strength")),
    }
    answers = {"on_control": lambda state, name: {"tell": False} if name == "change" else {}, "waits_for": waits_for}
    return explorer(views, shown.caption, controls, *shown.sheet(), still_width=_WIDTH, **answers)
