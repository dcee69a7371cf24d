"""Nodules of the lung, and what may be taken for one: their places, shapes and truth."""

from dataclasses import dataclass

import numpy as np

from helpers.data.case import Findings
from helpers.data.phantoms.chest_anatomy import Body
from helpers.data.phantoms.chest_lung import Lungs
from helpers.data.phantoms.chest_plane import SLAB, Plane, View, fill, tubes

# Diameters in mm: 4 + exp(normal), drawn again above the largest. Fitted by maximum likelihood to the 1137 of LUNA16's
# 1186 nodules that measure 4 mm or more (Setio et al., Med Image Anal 42, 2017, doi 10.1016/j.media.2017.06.015).
SMALLEST, LARGEST = 4.0, 33.0
LOG_MEAN, LOG_SD = 1.03, 1.26
NO_TUBES = np.zeros((0, 8))
LEAST_SEEN = 2.0  # mm across: what shows less of itself in a slice does not count there


@dataclass(frozen=True)
class Lump:
    """A nodule or another finding: at (3,) mm (x, y, z) in the scanner; diameter in mm; kind; hu.

    waves (n, 4): size, order, phase of what makes its outline depart from round, and how that turns with height;
    strands (n, 8): tubes that leave it; a scar has nothing else.
    """

    at: np.ndarray
    diameter: float
    kind: str
    hu: float
    waves: np.ndarray
    strands: np.ndarray

    def round(self, plane: Plane, core: float = 1.0) -> tuple[tuple[slice, slice], np.ndarray]:
        """Pixels where it may be seen, and how much of each it fills; core: of one inside it, so much smaller."""
        radius = core * self.diameter / 2
        row, column = plane.view.pixel(*self.at[:2])
        reach = 1.5 * radius / plane.pixel + 2
        where = tuple(slice(*np.clip([at - reach, at + reach + 1], 0, plane.size).astype(int)) for at in (row, column))
        y, x = plane.rows[where[0]][:, None] - self.at[1], plane.columns[where[1]][None, :] - self.at[0]
        angle, flat = np.arctan2(y, x), np.hypot(x, y)
        total = np.zeros(flat.shape, np.float32)
        for part in (-0.4, -0.2, 0, 0.2, 0.4):
            z = plane.z + part * SLAB - self.at[2]
            edge = np.ones_like(flat)
            for size, order, phase, turn in self.waves:
                edge += size * np.cos(order * angle + phase + turn * z / radius)
            total += plane.cover(np.hypot(flat, z) - radius * edge)
        return where, total / 5


class _Places:
    """Finds places (x, y, z) for round things in the lungs in a view between two heights, apart from each other."""

    def __init__(self, rng, body: Body, lungs: Lungs, view: View, low: float, high: float) -> None:
        self._rng, self._body, self._taken = rng, body, []
        self._middle = np.array([view.x, view.y, (low + high) / 2])
        self._reach = np.array([view.reach, view.reach, (high - low) / 2])
        self._ends = lungs.vessels[lungs.vessels[:, 6] < 1.6, 3:6]

    def find(self, diameter: float, beside: str, least: float) -> list[tuple[np.ndarray, float]]:
        """A place and the diameter, which shrinks to `least` until there is room; [] if there is none in 60 trials."""
        for trial in range(60):
            radius = diameter / 2
            points = self._middle + self._reach * self._rng.uniform(-1, 1, (600, 3))
            if beside == "vessel" and len(self._ends):
                near = self._ends[self._rng.integers(len(self._ends), size=300)]
                points[:300] = near + self._rng.normal(0, 0.3 * diameter, (300, 3))
            spare = self._reach - [radius + 2, radius + 2, min(radius, 0.8 * self._reach[2])]
            fits = (np.abs(points - self._middle) < spare).all(axis=1)
            room = self._body.room(points)
            if beside == "on pleura":
                fits &= (room > 0) & (room < 1.5)
            else:
                fits &= (room > 0.85 * radius) & (room < (radius + 0.6 if beside == "pleura" and trial < 20 else 1e3))
            for at, other in self._taken:
                fits &= np.linalg.norm(points - at, axis=1) > 1.5 * (radius + other) + 3  # not even their boxes meet
            if fits.any():
                self._taken.append((points[fits.argmax()], radius))
                return [(points[fits.argmax()], diameter)]
            diameter = max(0.93 * diameter, least)
        return []


def find_lumps(
    rng: np.random.Generator, body: Body, lungs: Lungs, view: View, low: float, high: float, count: int
) -> tuple[list[Lump], list[Lump], list[Lump]]:
    """Nodules of one patient, findings that count neither way, and scars nobody marked; no two overlap.

    Raises
    ------
    ValueError : so many nodules do not fit into this view
    """
    places = _Places(rng, body, lungs, view, low, high)
    nodules, excluded, scars = [], [], []
    for diameter in sorted(np.minimum(draw_diameters(rng, count), 0.7 * view.reach), reverse=True):
        beside = rng.choice(["nothing", "pleura", "vessel"], p=[0.6, 0.2, 0.2])
        nodules += [_nodule(rng, at, width, body.contrast) for at, width in places.find(diameter, beside, SMALLEST)]
    if len(nodules) < count:
        raise ValueError(f"no room for {count} nodules in {2 * view.reach:.0f} mm: ask for fewer, or a larger size")
    for kind in rng.choice(["small", "scar", "plaque"], rng.choice(4, p=[0.3, 0.35, 0.2, 0.15]), p=[0.5, 0.3, 0.2]):
        if kind == "scar":
            excluded += [_scar(rng, *place) for place in places.find(rng.uniform(6, 14), "nothing", 4)]
        elif kind == "small":
            found = places.find(rng.uniform(2, 2.9), "nothing", 2)
            excluded += [Lump(*place, "small", 20, _waves(rng, 0.05), NO_TUBES) for place in found]
        else:
            hu, found = rng.choice([60.0, 350.0]), places.find(rng.uniform(9, 18), "on pleura", 6)
            excluded += [Lump(*place, "plaque", hu, _waves(rng, 0.1), NO_TUBES) for place in found]
    for _ in range(rng.integers(3)):
        scars += [_scar(rng, *place) for place in places.find(rng.uniform(4, 9), "nothing", 3)]
    return nodules, excluded, scars


def draw_diameters(rng: np.random.Generator, count: int) -> np.ndarray:
    """Diameters of nodules in mm, (count,)."""
    drawn = SMALLEST + np.exp(rng.normal(LOG_MEAN, LOG_SD, (count, 40)))
    return drawn[np.arange(count), (drawn < LARGEST).argmax(axis=1)]


def _waves(rng, size: float) -> np.ndarray:
    orders = np.arange(2, 7)
    return np.column_stack(
        [rng.normal(0, size / orders**0.8), orders, rng.uniform(0, 2 * np.pi, 5), rng.normal(0, 1.0, 5)]
    )


def _nodule(rng, at, diameter, contrast) -> Lump:
    """Solid, part-solid or ground glass; small ones are mostly solid, large ones often have spicules."""
    shares = [0.86, 0.06, 0.08] if diameter < 6 else [0.62, 0.19, 0.19]
    kind = rng.choice(["solid", "part-solid", "ground-glass"], p=shares)
    hu = rng.uniform(0, 50) + 0.25 * contrast
    if kind != "solid":
        hu = rng.uniform(-620, -470)
    elif diameter < 12 and rng.random() < 0.07:
        hu = rng.uniform(250, 500)  # calcified
    strands = NO_TUBES
    if kind != "ground-glass" and diameter > 9 and rng.random() < 0.5:
        ways = rng.standard_normal((rng.integers(8, 18), 3))
        ways *= diameter / 2 / np.linalg.norm(ways, axis=1, keepdims=True)
        strands = tubes(at + 0.7 * ways, at + rng.uniform(1.2, 1.8, (len(ways), 1)) * ways, 0.9, 0.25)
    return Lump(at, diameter, str(kind), hu, _waves(rng, rng.uniform(0.06, 0.2) * min(diameter / 12, 1)), strands)


def _scar(rng, at, diameter) -> Lump:
    """A few short strands that meet."""
    count = rng.integers(3, 6)
    ways = rng.normal(0, 1, (count, 3)) * [1, 1, 0.5] + rng.normal(0, 1, 3)
    ways *= diameter / 2 / np.linalg.norm(ways, axis=1, keepdims=True)
    strands = tubes(at - 0.6 * ways * rng.random((count, 1)), at + ways, rng.uniform(0.5, 1.0, count), 0.4)
    return Lump(at, diameter, "scar", -20, np.zeros((0, 4)), strands)


def paint(
    plane: Plane, lumps: list[Lump], body: Body, lung: np.ndarray, room: np.ndarray
) -> list[tuple[Lump, np.ndarray]]:
    """Paint lumps into a slice; `lung` and `room` as from Body.paint.

    Returns
    -------
    those that this slice may show, each with the share (H, W) of each pixel that it fills
    """
    shown = []
    for lump in lumps:
        if abs(lump.at[2] - plane.z) > 0.8 * lump.diameter + SLAB:
            continue
        share = _share(plane, lump, lung) * room
        texture = 25 * plane.texture(body.fine) if lump.diameter > 5 else 0
        plane.paint(share, lump.hu + texture)
        if lump.kind == "part-solid":
            where, core = lump.round(plane, core=0.55)
            plane.paint(core * room[where], 20, where)
        if lump.kind != "scar" and len(lump.strands):
            plane.paint(0.7 * fill(plane, lump.strands) * room, -20)
        shown.append((lump, share))
    return shown


def _share(plane: Plane, lump: Lump, lung: np.ndarray) -> np.ndarray:
    if lump.kind == "scar":
        return fill(plane, lump.strands)
    share = np.zeros((plane.size, plane.size), np.float32)
    where, part = lump.round(plane)
    share[where] = part * plane.cover(-lung[where] - 2.2) if lump.kind == "plaque" else part
    return share


def seen(
    plane: Plane, shown: list[tuple[Lump, np.ndarray]], least_share: float, least: float = 0
) -> tuple[Findings, list]:
    """Boxes around what a slice shows of lumps, and the (lump, share) that show too little to count.

    Parameters
    ----------
    shown : as from `paint`
    least_share : of a pixel, to belong to the lump
    least : mm that it must be wide and high
    """
    boxes, lumps, rest = [], [], []
    for lump, share in shown:
        mask = share >= least_share
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        box = [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1] if len(rows) else [0, 0, 0, 0]
        if len(rows) and min(box[2] - box[0], box[3] - box[1]) * plane.pixel >= least:
            boxes.append(box)
            lumps.append(lump)
        else:
            rest.append((lump, share))
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return findings(lumps, (boxes[:, :2] + boxes[:, 2:]) / 2, boxes), rest


def findings(lumps: list[Lump], centres: np.ndarray, boxes: np.ndarray | None = None) -> Findings:
    """What is known about these lumps; centres (n, 2) or (n, 3) in pixels or voxels."""
    kinds = np.array([lump.kind for lump in lumps], np.str_)
    return Findings(centres.astype(np.float32), np.array([lump.diameter for lump in lumps], np.float32), kinds, boxes)
