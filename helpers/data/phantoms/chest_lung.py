"""What fills the lungs of one patient: air sacs, fissures, a tree of vessels in space, bronchi beside the arteries."""

import numpy as np

from helpers.data.phantoms.chest_anatomy import AIR, Body
from helpers.data.phantoms.chest_plane import Plane, View, fill, tubes

TWIGS = 2500  # of arteries in one lung, about; as many of veins
THINNEST = 0.35  # mm, radius of a twig


class Lungs:
    """The lungs of one patient, as far as a view shows them; rngs: for both, for the right and for the left one."""

    def __init__(self, rngs: list[np.random.Generator], body: Body, view: View) -> None:
        rng, *sides = rngs
        self.body = body
        self.air = -862 + rng.uniform(-25, 25)
        self.stale = rng.uniform(10, 70)  # HU more where blood and closed sacs gather, at the back
        self.fissures = rng.uniform([-12, 0.15, 0.5], [12, 0.45, 0.9], (2, 3)).astype(np.float32)  # right and left
        box = [(view.middle + way * (view.reach + 14)) / body.bend.scale for way in (-1, 1)]
        trees = [
            _vessels(twigs, side, body, box)
            for side, twigs in zip((-1, 1), sides, strict=True)
            if side * view.middle[0] + view.reach[0] > 0
        ]
        self.vessels, self.bronchi = (body.shown(np.concatenate(part), view) for part in zip(*trees, strict=True))

    def paint(self, plane: Plane, lung: np.ndarray, share: np.ndarray) -> None:
        """Fill the lungs of a slice; `lung` and `share` as from Body.paint."""
        body, x, y, z = self.body, plane.x, plane.y, plane.level
        back = np.clip(y / body.depth, -1, 1)
        air = self.air + 45 * back + 16 * plane.fine + 10 * plane.broad
        air = air + self.stale * np.clip(back, 0, 1) * np.exp(np.minimum(lung, 0) / 5)
        right, left = (y - at - rise * z - slope * np.abs(x) for at, slope, rise in self.fissures)
        fissure = np.where(x < 0, right, left) - 2 * plane.broad
        plane.paint(share, air + 110 * plane.cover(np.abs(fissure) - 0.5, 2))
        inner = plane.cover(lung + 0.5) * share
        plane.paint(0.6 * fill(plane, self.bronchi + [0, 0, 0, 0, 0, 0, 0.9, 0.9]) * inner, -20)
        plane.paint(fill(plane, self.vessels) * inner, 42 + 0.9 * body.contrast)
        plane.paint(fill(plane, self.bronchi) * inner, AIR)


def _vessels(rng, side: int, body: Body, box: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Arteries and veins of one lung near a box, and the bronchi beside the arteries, as tubes (n, 8) on the plan."""
    points = rng.uniform([0, -body.depth, -105], [body.width, body.depth, 88], (4 * TWIGS, 3)) * [side, 1, 1]
    points = points[body.lung(*points.T) < -2.5]
    half = len(points) // 2
    arteries, across = _tree(rng, np.array([side * 30.0, 4, 4]), points[:half], *box)
    veins, _ = _tree(rng, np.array([side * 26.0, 6, -14]), points[half:], *box)
    wide = arteries[:, 6] > 1.2
    radius = arteries[wide, 6:]
    aside = across[wide] * (1.85 * radius[:, :1] + 0.7)
    bronchi = tubes(arteries[wide, :3] + aside, arteries[wide, 3:6] + aside, 0.75 * radius[:, 0], 0.75 * radius[:, 1])
    return np.concatenate([arteries, veins]), bronchi


def _tree(rng, root: np.ndarray, points: np.ndarray, lower, upper) -> tuple[np.ndarray, np.ndarray]:
    """A tree that fills a volume: each branch heads for the middle of the points it has to reach, then shares them out.

    After Tawhai, Pullan and Hunter, Ann Biomed Eng 28, 2000. A radius to the power of 2.8 is shared out among the
    branches as the points are (Murray, PNAS 12, 1926, derives a power of 3). Branches that cannot come into the box
    from `lower` to `upper` (3,) mm are left out. Tubes (n, 8) come back and for each a direction (3,) across it.
    """
    at, across, count = root[None, :], rng.standard_normal((1, 3)), np.array([len(points)])
    pieces, sideways = [], []
    while len(at):
        first = np.cumsum(count) - count  # the points of a branch lie one after another
        middle = np.add.reduceat(points, first) / count[:, None]
        way = (middle - at) * np.where(count > 1, 0.42, 0.9)[:, None]
        length = np.linalg.norm(way, axis=1, keepdims=True) + 1e-6
        across = np.cross(way / length, across) + 0.25 * rng.standard_normal(way.shape)
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        knee = at + way / 2 + 0.08 * length * rng.standard_normal(way.shape)
        end, radius = at + way, THINNEST * count ** (1 / 2.8)
        pieces += [tubes(at, knee, radius, 0.97 * radius), tubes(knee, end, 0.97 * radius, 0.9 * radius)]
        sideways += [across, across]
        owner = np.repeat(np.arange(len(at)), count)
        beyond = ((points - middle[owner]) * across[owner]).sum(axis=1)
        spread = np.sqrt(np.add.reduceat(beyond**2, first) / count)
        child = 2 * owner + (beyond > (spread * rng.uniform(-0.7, 0.7, len(at)))[owner])
        order = np.argsort(child, kind="stable")
        order = order[(count > 1)[owner[order]]]
        points, child = points[order], child[order]
        starts = np.flatnonzero(np.diff(child, prepend=-1))
        count = np.diff(starts, append=len(child))
        at, across = end[child[starts] // 2], across[child[starts] // 2]
        near = (np.maximum(np.maximum.reduceat(points, starts), at) > lower).all(axis=1)
        near &= (np.minimum(np.minimum.reduceat(points, starts), at) < upper).all(axis=1)
        points, at, across, count = points[np.repeat(near, count)], at[near], across[near], count[near]
    return np.concatenate(pieces), np.concatenate(sideways)
