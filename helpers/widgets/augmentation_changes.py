"""What the augmentation gallery does to a picture: each change with its words, where places go, what greys become."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

KEEPS, SMALL, LABEL, PHYSICS = "keeps the label", "keeps it if small", "breaks the label", "breaks the physics"
MOST_DEGREES = 10


class Change(NamedTuple):
    """amount: of a strength from -1 to 1; done: what was done, by that amount; its verdict, and why."""

    amount: Callable[[float], float]
    done: str
    verdict: str
    why: str


CHANGES = {
    "none": Change(lambda s: 0, "Nothing was done.", KEEPS, "To compare the others with."),
    "mirrored left-right": Change(
        lambda s: 0,
        "Left and right are exchanged.",
        KEEPS,
        "Turn the probe round and the machine draws this: a shadow still lies below the mass. It fails where the "
        "side matters: in a mirrored chest the heart is on the wrong side.",
    ),
    "shifted": Change(
        lambda s: 0.7 * s,
        "Shifted sideways by {:+.0%} of the width.",
        SMALL,
        "Slide the probe along the skin and the mass moves like this. The black strip is no breast: a probe would "
        "show more tissue there. And the mass must stay in the picture.",
    ),
    "zoomed": Change(
        lambda s: 2**s,
        "Zoomed by a factor of {:.2f}, down and across alike.",
        SMALL,
        "The depth setting of the machine does this; shape and orientation stay. A pixel is no longer as many mm, "
        "which is wrong where size decides. Zoomed in far, the shadow or the mass leaves the picture.",
    ),
    "rotated": Change(
        lambda s: 30 * s,
        "Rotated by {:+.0f} degrees (plus: clockwise).",
        SMALL,
        "Tilt the probe and the tissue tilts in the picture, but not the beam (blue) and not a shadow: both run "
        f"straight away from the probe. Here they tilt too. Up to {MOST_DEGREES} degrees we let that pass.",
    ),
    "rotated by 90 degrees": Change(
        lambda s: 0,
        "Rotated by 90 degrees, clockwise.",
        PHYSICS,
        "The skin is at the side now, and the beam (blue) and any shadow run sideways. Height and width are "
        "exchanged too, and so is the orientation. Tissue under a microscope has no up: there this does no harm.",
    ),
    "upside down": Change(
        lambda s: 0,
        "Top and bottom are exchanged.",
        PHYSICS,
        "The probe lies on the skin, at the top of a picture, so a shadow lies *below* the mass. Here the beam "
        "(blue) comes from below, and a shadow would lie above the mass: no probe on the skin draws this.",
    ),
    "stretched in height": Change(
        lambda s: 2.5**s,
        "Made {:.2f} times as high, the width as before.",
        SMALL,
        "The machine draws a mm down as long as a mm across. Stretched one way only, wider than tall (speaks for "
        "benign) becomes taller than wide (speaks for malignant), or back. To make an oblong picture square does it.",
    ),
    "cropped": Change(
        lambda s: 1 - 0.65 * abs(s),
        "Only {:.0%} of the height and the width is kept, from an upper corner (plus: right), and enlarged.",
        SMALL,
        "A random crop does not know where the mass is. With the mass outside, its label stands under a picture "
        "without a mass. With only the tissue below it outside, the shadow is lost.",
    ),
    "erased square": Change(
        lambda s: 0.8 * abs(s),
        "A square in the middle is black, its side {:.0%} of the height.",
        SMALL,
        "A network that misses a piece must learn to use the rest. But where the piece is the mass, nothing is left "
        "that the label is about.",
    ),
    "brightness": Change(
        lambda s: 100 * s,
        "{:+.0f} grey levels everywhere.",
        SMALL,
        "The gain of the machine does this, and not everybody sets it alike. What is cut off at black or white is "
        "lost. Never in CT: a value there is in HU, and 100 more turn fat (about -100) into water (0).",
    ),
    "contrast": Change(
        lambda s: 3**s,
        "Differences from the mean grey are multiplied by {:.2f}.",
        SMALL,
        "The dynamic range set on the machine does this. What is cut off at black or white is lost. Never in CT: HU "
        "say which tissue it is, and must not be rescaled.",
    ),
    "gain by depth": Change(
        lambda s: 120 * s,
        "{:+.0f} grey levels at the bottom, 0 at the top, evenly between.",
        SMALL,
        "The machine has a slider for the gain at each depth. They change whole rows; a shadow is darker, and "
        "enhancement brighter, than the tissue beside it in the same row, so both can still be seen.",
    ),
    "noise": Change(
        lambda s: 60 * abs(s),
        "Noise of {:.0f} grey levels (standard deviation), drawn for each pixel.",
        SMALL,
        "Electronics add some. But it is not the grain of ultrasound: the grains of speckle are as wide as the beam, "
        "these as a pixel. Much of it hides the margin and looks like calcifications.",
    ),
    "blurred": Change(
        lambda s: 4 * abs(s),
        "Blurred by a Gaussian of {:.1f} pixels (standard deviation).",
        SMALL,
        "A probe of lower frequency shows less detail. But the margin is a sign: blurred enough, a sharp one becomes "
        "indistinct (speaks for malignant), and calcifications vanish.",
    ),
}
WITHOUT_STRENGTH = tuple(name for name, change in CHANGES.items() if change.amount(-1) == change.amount(1) == 0)
OF_GREYS = ("brightness", "contrast", "gain by depth", "noise")  # those that can cut greys off


def place_map(name: str, strength: float, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a place (y, x) goes: A @ place + t, with A (2, 2) and t (2,) in pixels; size (2,) of the picture."""
    a, A, fixed = CHANGES[name].amount(strength), np.eye(2), size / 2  # the place that stays
    if name == "mirrored left-right":
        A = np.diag([1.0, -1.0])
    elif name == "upside down":
        A = np.diag([-1.0, 1.0])
    elif name == "rotated by 90 degrees":
        A = np.array([[0.0, 1.0], [-1.0, 0.0]])
    elif name == "rotated":
        cos, sin = np.cos(np.deg2rad(a)), np.sin(np.deg2rad(a))
        A = np.array([[cos, sin], [-sin, cos]])
    elif name in ("zoomed", "stretched in height"):
        A, fixed = np.diag([a, a if name == "zoomed" else 1.0]), size * (0, 0.5)  # the skin stays at the top
    elif name == "cropped":
        A, fixed = np.eye(2) / a, size * (0, float(strength > 0))
    elif name == "shifted":
        return A, np.array([0, np.rint(a * size[1])])
    return A, fixed - A @ fixed


def new_greys(name: str, strength: float, X: np.ndarray) -> np.ndarray:
    """Greys (H, W) float after a change that moves nothing; the noise is always the same."""
    from scipy.ndimage import gaussian_filter

    a = CHANGES[name].amount(strength)
    if name == "brightness":
        return X + a
    if name == "contrast":
        return X.mean() + a * (X - X.mean())
    if name == "gain by depth":
        return X + a * np.linspace(0, 1, len(X))[:, None]
    if name == "noise":
        return X + a * np.random.default_rng(0).standard_normal(X.shape)
    return gaussian_filter(X, a) if name == "blurred" else X
