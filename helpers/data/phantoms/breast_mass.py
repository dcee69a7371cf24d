"""A mass in the breast: what the BI-RADS lexicon says of it (ACR, 2013), its outline, its echo, what lies behind."""

from dataclasses import dataclass

import numpy as np

from helpers.data.phantoms.breast_anatomy import DEPTH
from helpers.data.phantoms.shapes import inside, ragged, smooth_field

# How many of 100 benign and of 100 malignant masses show what: tendencies, none a rule. Chosen to teach, not counted.
SHAPES = {"oval": (82, 5), "round": (10, 4), "irregular": (8, 91)}
UPRIGHT = (4, 83)  # taller than wide, of those that are not round
MARGINS = {
    "circumscribed": (84, 4),
    "indistinct": (6, 8),
    "angular": (3, 24),
    "microlobulated": (6, 15),
    "spiculated": (1, 49),
}
POSTERIOR = {"none": (57, 47), "enhancement": (17, 15), "shadowing": (18, 28), "combined": (8, 10)}
BLURS = {"indistinct": (0.5, 0.9), "spiculated": (0.16, 0.34)}  # mm over which an edge fades
CALCIFIED = (12, 35)
HALO = (6, 78)  # a bright rim
LOOKALIKE = 0.02  # share of either kind that is drawn by the numbers of the other
TURN = np.linspace(-np.pi, np.pi, 720, endpoint=False)


@dataclass(frozen=True)
class Lesion:
    """What both planes through one mass share."""

    radius: float  # mm, of a circle of its area
    depth: float  # mm, of its middle
    darker: float  # dB below fat
    shape: str
    orientation: str
    margin: str
    posterior: str
    aspect: float  # height over width
    blur: float  # mm over which the edge fades
    behind: float  # dB that the beam loses per mm of mass; below 0: what lies behind is brighter
    halo: float  # dB, echo of the bright rim; minus infinity: none
    specks: int  # calcifications

    def descriptors(self) -> dict[str, str]:
        """The terms of the lexicon; round masses count as not parallel to the skin there."""
        names = ("shape", "orientation", "margin", "posterior")
        return {name: getattr(self, name) for name in names} | {"calcifications": "yes" if self.specks else "no"}


def draw_lesion(rng: np.random.Generator, malignant: bool, radius: float, depth: float, darker: float) -> Lesion:
    """A mass of a kind; radius, depth and darkness come from outside, for they tell nothing about the kind."""
    like = int(malignant != (rng.random() < LOOKALIKE))
    shape, margin, posterior = (_one_of(rng, shares, like) for shares in (SHAPES, MARGINS, POSTERIOR))
    upright = rng.random() < UPRIGHT[like] / 100
    aspect = rng.uniform(1.15, 1.55) if upright else rng.uniform(0.48, 0.78)
    if shape == "round":
        aspect = rng.uniform(0.95, 1.05)
    behind = {"none": 0, "enhancement": rng.uniform(-0.7, -0.3), "shadowing": rng.uniform(0.4, 0.8), "combined": 0.6}
    return Lesion(
        radius=radius,
        depth=depth,
        darker=darker,
        shape=shape,
        orientation="not parallel" if upright or shape == "round" else "parallel",
        margin=margin,
        posterior=posterior,
        aspect=aspect,
        blur=rng.uniform(*BLURS.get(margin, (0.1, 0.25))),
        behind=behind[posterior],
        halo=rng.uniform(-1, 3) if rng.random() < HALO[like] / 100 else -np.inf,
        specks=int(rng.integers(4, 11)) if rng.random() < CALCIFIED[like] / 100 else 0,
    )


def _one_of(rng, shares: dict[str, tuple[int, int]], column: int) -> str:
    return str(rng.choice(list(shares), p=[both[column] / 100 for both in shares.values()]))


def add_mass(
    rng: np.random.Generator, lesion: Lesion, cx: float, fat: float, echo: np.ndarray, loss: np.ndarray, x, y
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Put one plane of the mass, its middle at x = `cx` mm, into the echo and what it does to the beam into the loss.

    Parameters
    ----------
    fat : echo of the patient's fat in dB
    echo, loss, x, y : (H, W), dB and mm

    Returns
    -------
    echo, loss (H, W) in dB; mask (H, W) bool, True in the mass
    """
    from scipy.ndimage import gaussian_filter1d, label

    size, pixel = len(x), DEPTH / len(x)
    edge, (cx, cy), (a, b) = _placed(_outline(rng, lesion), lesion, cx, np.exp(rng.uniform(-0.06, 0.06)))
    u, v = (x - cx) / a, (y - cy) / b
    turn = ((np.arctan2(v, u) + np.pi) * (len(TURN) / (2 * np.pi))).astype(np.intp) % len(TURN)
    far, away = np.maximum(np.hypot(u, v), 1e-3), np.hypot(x - cx, y - cy)
    distance = (1 - edge[turn] / far) * away  # mm along the line to the middle
    faces = np.abs(v) / far  # 1 where the outline lies across the beam, 0 along it
    share = inside(distance / np.clip(1 + 0.5 * smooth_field(rng, size, 5), 0.4, 2), lesion.blur)
    rim = inside(np.abs(distance - 1.5) - 1.5, 0.4) * np.clip(0.8 + 0.5 * smooth_field(rng, size, 8), 0, 1.5)
    echo = echo + rim * np.clip(lesion.halo - echo, 0, 12)
    if lesion.margin == "spiculated":
        from_ray, reach = _rays(rng)
        beyond = np.clip(distance / (1 + 7 * reach[turn]), 0, 1)
        spicules = inside(from_ray[turn] * away - 0.6 * (1 - beyond), 0.12) * (1 - beyond) * (1 - share)
        echo = echo + spicules * np.where(
            echo > fat + 5, np.float32(-11), np.float32(6)
        )  # dark in gland, bright in fat
    content = fat - lesion.darker + (1 if lesion.shape == "oval" else 2) * smooth_field(rng, size, 12)
    for _ in range(lesion.specks):
        angle, out = rng.uniform(-np.pi, np.pi), 0.7 * np.sqrt(rng.random())
        from_speck = (u - float(out * np.cos(angle))) ** 2 * a**2 + (v - float(out * np.sin(angle))) ** 2 * b**2
        content += 19 * np.exp(from_speck / -(0.22**2))
    echo = echo + share * (content - echo)
    sharp = float(np.clip((0.35 - lesion.blur) / 0.15, 0, 1))
    seam = sharp * np.exp(-((distance / 0.35) ** 2))
    echo += 9 * seam * faces**2
    behind = np.where(x < cx, -1, 1).astype(np.float32) if lesion.posterior == "combined" else 1
    along = lesion.behind * behind * share + 0.9 * seam * (1 - faces) ** 4  # the sides bend the beam away
    beam = gaussian_filter1d(np.clip(np.cumsum(along, axis=0) * pixel, -6, 9), 0.5 / pixel, axis=1)
    pieces, _ = label(distance < 0)  # the tip of a spike can come apart from the rest at the width of a pixel
    mask = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    return echo, loss + beam * (1 - share), mask  # within the mass a shadow would tell the kind by its darkness


def _outline(rng, lesion: Lesion) -> np.ndarray:
    """(720,) radius over `TURN`, without a scale."""
    tilt = 0 if lesion.shape == "round" else rng.normal(0, 0.25)
    long = np.sqrt(lesion.aspect)
    edge = 1 / np.hypot(np.cos(TURN - tilt) * long, np.sin(TURN - tilt) / long)
    rough = {"oval": 0.035, "round": 0.02, "irregular": 0.22}[lesion.shape]
    edge *= np.maximum(1 + ragged(TURN, rng, rough, range(2, 7)), 0.5)
    if lesion.margin == "microlobulated":
        edge *= 0.92 + 0.16 * np.abs(np.cos(TURN * rng.integers(7, 11) + ragged(TURN, rng, 1, range(1, 4))))
    if lesion.margin == "angular":  # straight walls between corners
        normals = rng.uniform(-np.pi, np.pi, rng.integers(4, 7))
        walls = np.cos(TURN[:, None] - normals) / rng.uniform(0.65, 1, len(normals))
        edge /= np.maximum(walls.max(axis=1), 0.62)
    if lesion.margin == "spiculated":
        from_ray, reach = _rays(rng)
        edge *= 0.85 + 0.75 * reach**1.5 * np.exp(-from_ray / 0.11)
    return edge


def _rays(rng) -> tuple[np.ndarray, np.ndarray]:
    """For each angle of `TURN`, how far in radians the nearest of several rays is, and that ray's length as a share."""
    count = rng.integers(8, 15)
    at = np.arange(count) * (2 * np.pi / count) + rng.uniform(-0.25, 0.25, count)
    apart = np.abs((TURN[:, None] - at + np.pi) % (2 * np.pi) - np.pi)
    lengths = rng.uniform(0.2, 1, count)[apart.argmin(axis=1)]
    return apart.min(axis=1).astype(np.float32), lengths.astype(np.float32)


def _placed(edge: np.ndarray, lesion: Lesion, cx: float, change: float):
    """Stretch and shift an outline: the lesion's area, its aspect times `change`, and all of it inside the image.

    Returns
    -------
    edge (720,) float32; the point (x, y) in mm that the angles are seen from; the two factors in mm across and down
    """
    across, down = edge * np.cos(TURN), edge * np.sin(TURN)
    stretch = np.sqrt(lesion.aspect * change * np.ptp(across) / np.ptp(down))
    scale = lesion.radius / np.sqrt(np.mean(edge**2))
    half = 0.5 * scale * np.array([np.ptp(across) / stretch, np.ptp(down) * stretch])
    room = np.array([DEPTH / 2 - abs(cx), min(lesion.depth, DEPTH - lesion.depth)]) - 1
    scale *= min(1, *(room / half))
    factors = float(scale / stretch), float(scale * stretch)
    middle = [
        (values.max() + values.min()) / 2 * factor for values, factor in zip((across, down), factors, strict=True)
    ]
    return edge.astype(np.float32), (float(cx - middle[0]), float(lesion.depth - middle[1])), factors
