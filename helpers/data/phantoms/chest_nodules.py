"""Nodules of the lung, and what may be taken for one: their places, shapes and truth."""

from dataclasses import dataclass, replace

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

    def round(self, plane: Plane) -> np.ndarray:
        """How much of each pixel (H, W) it fills, without its strands."""
        radius = self.diameter / 2
        rows, columns = plane.window(*self.at[:2], 1.5 * radius + 2 * plane.pixel)
        y, x = plane.rows[rows, None] - self.at[1], plane.columns[None, columns] - self.at[0]
        angle, flat = np.arctan2(y, x), np.hypot(x, y)
        total = np.zeros((plane.size, plane.size), np.float32)
        for part in (-0.4, -0.2, 0, 0.2, 0.4):
            z = plane.z + part * SLAB - self.at[2]
            edge = np.ones_like(flat)
            for size, order, phase, turn in self.waves:
                edge += size * np.cos(order * angle + phase + turn * z / radius)
            total[rows, columns] += plane.cover(np.hypot(flat, z) - radius * edge)
        return total / 5


class _Places:
    """Finds places (x, y, z) for round things in the lungs in a view, apart from each other."""

    def __init__(self, rng: np.random.Generator, body: Body, lungs: Lungs, view: View) -> None:
        self._rng, self._body, self._view, self._taken = rng, body, view, []
        self._ends = lungs.vessels[lungs.vessels[:, 6] < 1.6, 3:6]

    def find(self, diameter: float, beside: str, least: float) -> list[tuple[np.ndarray, float]]:
        """A place and the diameter, which shrinks to `least` until there is room; [] if there is none in 60 trials."""
        for trial in range(60):
            radius, reach = diameter / 2, self._view.reach
            points = self._view.middle + reach * self._rng.uniform(-1, 1, (600, 3))
            if beside == "vessel" and len(self._ends):
                near = self._ends[self._rng.integers(len(self._ends), size=300)]
                points[:300] = near + self._rng.normal(0, 0.3 * diameter, (300, 3))
            spare = reach - [radius + 2, radius + 2, min(radius, 0.8 * reach[2])]
            fits = (np.abs(points - self._view.middle) < spare).all(axis=1)
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


def find_lumps(rng: np.random.Generator, body: Body, lungs: Lungs, view: View, count: int) -> tuple[list[Lump], ...]:
    """Nodules of one patient, findings that count neither way, and scars nobody marked; no two overlap.

    Raises ValueError where so many nodules do not fit into this view.
    """
    places = _Places(rng, body, lungs, view)
    nodules, excluded, scars = [], [], []
    for diameter in sorted(np.minimum(draw_diameters(rng, count), 0.7 * view.reach[0]), reverse=True):
        beside = rng.choice(["nothing", "pleura", "vessel"], p=[0.6, 0.2, 0.2])
        nodules += [_nodule(rng, at, width, body.contrast) for at, width in places.find(diameter, beside, SMALLEST)]
    if len(nodules) < count:
        raise ValueError(f"no room for {count} nodules in {2 * view.reach[0]:.0f} mm: ask for fewer, or a larger size")
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
    sizes, phases = rng.normal(0, size / orders**0.8), rng.uniform(0, 2 * np.pi, 5)
    return np.column_stack([sizes, orders, phases, rng.normal(0, 1.0, 5)])


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


def paint_lumps(plane: Plane, lumps: list[Lump], lung: np.ndarray, room: np.ndarray) -> list[tuple[Lump, np.ndarray]]:
    """Paint lumps into a slice; `lung` and `room` as from Body.paint.

    Returns those that this slice may show, each with the share (H, W) of each pixel that it fills.
    """
    shown = []
    for lump in lumps:
        if abs(lump.at[2] - plane.z) > 0.8 * lump.diameter + SLAB:
            continue
        share = fill(plane, lump.strands) if lump.kind == "scar" else lump.round(plane)
        if lump.kind == "plaque":
            share = share * plane.cover(-lung - 2.2)
        share = share * room
        plane.paint(share, lump.hu + (25 * plane.fine if lump.diameter > 5 else 0))
        if lump.kind == "part-solid":
            core = replace(lump, diameter=0.55 * lump.diameter)
            plane.paint(core.round(plane) * room, 20)
        if lump.kind != "scar":
            plane.paint(0.7 * fill(plane, lump.strands) * room, -20)
        shown.append((lump, share))
    return shown


def seen(plane: Plane, shown: list[tuple[Lump, np.ndarray]], least_share: float, least: float = 0) -> tuple:
    """Findings with boxes around what a slice shows of lumps, and as faint (lump, share) those that show too little.

    shown: as from `paint_lumps`; least_share: of a pixel, to belong to the lump; least: its width and height in mm.
    """
    found, faint = [], []
    for lump, share in shown:
        pixels = np.argwhere(share >= least_share)
        box = np.concatenate([pixels.min(axis=0, initial=plane.size), pixels.max(axis=0, initial=-1) + 1])
        if (box[2:] - box[:2]).min() * plane.pixel >= least:
            found.append((lump, box))
        else:
            faint.append((replace(lump, kind="faint"), share))
    boxes = np.array([box for _, box in found], np.float32).reshape(-1, 4)
    return findings([lump for lump, _ in found], (boxes[:, :2] + boxes[:, 2:] - 1) / 2, boxes), faint


def findings(lumps: list[Lump], centres: np.ndarray, boxes: np.ndarray | None = None) -> Findings:
    """What is known about these lumps; centres (n, 2) or (n, 3) in pixels or voxels."""
    kinds = np.array([lump.kind for lump in lumps], np.str_)
    return Findings(centres.astype(np.float32), np.array([lump.diameter for lump in lumps], np.float32), kinds, boxes)
