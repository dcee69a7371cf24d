"""A game: find the nodule in a chest CT phantom. It cannot be seen until the window fits the lungs."""

import functools
from dataclasses import dataclass

import numpy as np

from helpers.data.intensity import window
from helpers.display import Shown, contact_sheet
from helpers.widgets.marks import GREEN, Mark, circle, drawn, line
from helpers.widgets.shell import At, View, explorer, slider

SEED, INDEX = 1, 1053  # one ground-glass nodule: darker than any soft tissue, brighter than the lung around it
SOFT, LUNG = {"level": 40.0, "width": 400.0}, {"level": -600.0, "width": 1500.0}
_SLACK_MM = 3.0  # a click this far outside the nodule still hits it
_MARGIN = 5  # pixels left around the body
_ZOOM = 2.5  # CSS pixels a pixel: picture and words fit one screen


@dataclass(frozen=True)
class Hunt:
    """hu (H, W), cut to the body; lungs (H, W) bool; x, y centre of the nodule in pixels; its diameter; mm a pixel."""

    hu: np.ndarray
    lungs: np.ndarray
    x: float
    y: float
    diameter_mm: float
    spacing: np.ndarray

    def distance_mm(self, x: int, y: int) -> float:
        """From the centre of pixel (x, y) to the centre of the nodule."""
        return float(np.hypot((y + 0.5 - self.y) * self.spacing[0], (x + 0.5 - self.x) * self.spacing[1]))


@functools.cache
def hunted() -> Hunt:
    """The phantom of the game."""
    from scipy import ndimage

    from helpers.data.phantoms import chest_ct

    whole = chest_ct(SEED, INDEX, size=256, spacing=1.4, nodules=1)
    hu = whole.image[..., 0]
    labels, _ = ndimage.label(hu > -500)  # the largest piece is the body, the table may be another
    body = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    rows, columns = (np.flatnonzero(body.any(axis=axis)) for axis in (1, 0))
    top, left = max(0, rows[0] - _MARGIN), max(0, columns[0] - _MARGIN)
    cut = slice(top, rows[-1] + 1 + _MARGIN), slice(left, columns[-1] + 1 + _MARGIN)
    lungs = ndimage.binary_closing(ndimage.binary_fill_holes(body) & ~body, iterations=4)  # vessels belong to them
    y0, x0, y1, x1 = whole.nodules.boxes[0] - (top, left, top, left)
    diameter_mm = float(whole.nodules.diameters_mm[0])
    return Hunt(hu[cut], lungs[cut], (x0 + x1) / 2, (y0 + y1) / 2, diameter_mm, whole.spacing)


def picture(state: dict) -> np.ndarray:
    """state {"level", "width"} -> uint8 (H, W)."""
    return window(hunted().hu, state["level"], state["width"])


def marks(state: dict) -> list[Mark]:
    """A cross on each miss, a ring round the nodule once it is found."""
    crosses = [
        line([(x + 0.5 - 3, y + 0.5 - 3 * way), (x + 0.5 + 3, y + 0.5 + 3 * way)])
        for x, y in state["misses"]
        for way in (1, -1)
    ]
    return [*crosses, ring()] if state["found"] else crosses


def ring() -> Mark:
    """Around the nodule, with some room."""
    hunt = hunted()
    return circle(hunt.x, hunt.y, (hunt.diameter_mm / 2 + _SLACK_MM) / hunt.spacing[0], GREEN)


def clicked(state: dict, at: At) -> dict:
    """A click hits or misses; after a hit the game is over."""
    if state["found"]:
        return {}
    if hunted().distance_mm(at.x, at.y) <= hunted().diameter_mm / 2 + _SLACK_MM:
        return {"found": True}
    again = any(np.hypot(x - at.x, y - at.y) < 3 for x, y in state["misses"])
    return {} if again else {"misses": (*state["misses"], (at.x, at.y))}


def what_is_at(x: int, y: int) -> str:
    """What a learner has clicked on beside the nodule, in words that follow "that"."""
    hunt = hunted()
    if not hunt.lungs[y, x]:
        return "is not in a lung"
    if hunt.hu[y, x] > -600:
        return "spot is a blood vessel: drawn out, and as bright as the others. The nodule is round and fainter"
    around = hunt.hu[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
    return "is lung, next to a blood vessel" if around.max() > -450 else "is lung, and nothing else"


def caption(state: dict) -> str:
    """The window, the HU under the pointer, and how the hunt goes."""
    level, width, at = state["level"], state["width"], state["hover"]
    words = (
        f"Chest CT **phantom**, level {level:.0f} HU, width {width:.0f} HU: all below {level - width / 2:.0f} HU is "
        f"black, all above {level + width / 2 - 1:.0f} HU white."
    )
    if at is not None:
        words += f" Under the pointer: **{hunted().hu[at.y, at.x]} HU**."
    return f"{words}\n{_progress(state)}"


def _progress(state: dict) -> str:
    hunt, misses = hunted(), state["misses"]
    if state["found"]:
        tries = f"after {len(misses)} miss{'es' * (len(misses) != 1)}" if misses else "at the first click"
        return (
            f"**Yes: a nodule of {hunt.diameter_mm:.0f} mm**, {tries}. Its middle has about {core_hu():.0f} HU: black "
            f"in the window you began with, where all below {SOFT['level'] - SOFT['width'] / 2:.0f} HU is."
        )
    if not misses:
        return "One nodule hides in a lung. Move level and width until you see it, then click on it."
    x, y = misses[-1]
    words = f"**No:** that {what_is_at(x, y)}. The nodule is {hunt.distance_mm(x, y):.0f} mm away."
    if len(misses) < 2:
        return words
    side = "right lung: on the left" if hunt.x < hunt.hu.shape[1] / 2 else "left lung: on the right"
    return f"{words} Look in the patient's {side} of the picture, with a level near {LUNG['level']:.0f} HU."


def core_hu() -> float:
    """Mean HU of the inner half of the nodule."""
    hunt = hunted()
    y, x = np.indices(hunt.hu.shape)
    distances = np.hypot((y + 0.5 - hunt.y) * hunt.spacing[0], (x + 0.5 - hunt.x) * hunt.spacing[1])
    return float(hunt.hu[distances < hunt.diameter_mm / 4].mean())


def nodule_hunt() -> Shown:
    """The widget: level, width, and a click on what looks like the nodule."""
    controls = {
        "level": slider("level (HU)", SOFT["level"], -1000, 1000, step=10, readout_format=".0f"),
        "width": slider("width (HU)", SOFT["width"], 10, 3000, step=10, readout_format=".0f"),
    }
    css = round(_ZOOM * hunted().hu.shape[1])
    view = View(picture, "One slice of a chest CT phantom.", marks, css, smooth=False, uses=("level", "width"))
    found = {"misses": (), "found": True}
    pictures = [drawn(picture(SOFT), [], css // 2), drawn(picture(LUNG), marks(found), css // 2)]
    still = contact_sheet(pictures, ["phantom, level 40, width 400 HU", "phantom, level -600, width 1500 HU"])
    alt = (
        "Two pictures of one slice of a chest CT phantom. In the soft-tissue window, level 40 and width 400 HU, both "
        "lungs are black. In the lung window, level -600 and width 1500 HU, they are grey with white branching "
        f"vessels, and a ring marks a faint round nodule of {hunted().diameter_mm:.0f} mm."
    )
    start = {"misses": (), "found": False}
    return explorer({"slice": view}, caption, controls, still, alt, start=start, on_click=clicked, waits_for="1.1a")
