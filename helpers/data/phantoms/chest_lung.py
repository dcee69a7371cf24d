"""What is inside the lungs: air and its texture, a tree of vessels, bronchi, nodules."""

import numpy as np

from helpers.data.phantoms.shapes import inside, ragged, smooth_field

SLAB = 2.5  # mm, how thick the slice is
SMALLEST, LARGEST = 4.0, 30.0  # mm, diameters of nodules


def paint(plane, rng: np.random.Generator, lung: np.ndarray, level: float) -> None:
    """Fill the lungs: air sacs, denser towards the back where the patient lies, a fissure, vessels and bronchi."""
    from scipy.ndimage import gaussian_filter

    sacs = gaussian_filter(rng.standard_normal(lung.shape).astype(np.float32), 2.2 / plane.pixel)
    sacs *= 16 / sacs.std()
    air = -868 + rng.uniform(-25, 20) + 50 * np.clip(plane.y / 90, -1, 1) + 14 * smooth_field(rng, plane.size, 8)
    plane.paint(plane.cover(lung), air + sacs)
    slope, height = rng.uniform(0.2, 0.5), rng.uniform(-30, 20)
    fissure = plane.y - slope * np.abs(plane.x) - height - 4 * smooth_field(rng, plane.size, 4)
    plane.paint(0.22 * plane.cover(np.abs(fissure) - 0.3) * plane.cover(lung), -600)

    vessels = np.zeros_like(lung)
    depth = (level - 0.55) * 180  # mm below the roots of the lungs
    rings = []
    for side in (-1, 1):
        start, end, radius = _cut(*_tree(rng, side), depth)
        for piece in zip(start, end, radius, strict=True):
            _add_vessel(plane, vessels, *piece)
        thick = np.flatnonzero((radius[:, 0] > 1.5) & (np.hypot(*(end - start).T) < 4))[:6]
        rings += [(start[i], radius[i, 0]) for i in thick]
    plane.paint(vessels * plane.cover(lung + 1), 50)
    for at, radius in rings:
        _paint_bronchus(plane, rng, lung, at, radius)


def _tree(rng, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The vessels of one lung in space, from its root: start (n, 3) and end (n, 3) mm (x, y, z), radii (n, 2) mm.

    Each piece splits in two; the cubes of the children's radii add up to the parent's (Murray, PNAS 12, 1926).
    """
    roots = 28
    root = np.array([side * 24.0, 8, 0])
    at = root + rng.normal(0, [3, 8, 14], (roots, 3)) + [side * 8, 0, 0]
    heading = rng.normal(0, [0.5, 0.9, 1.2], (roots, 3)) + [side * 0.8, 0.1, 0.0]
    radius, pieces = rng.uniform(2.4, 4.2, roots), []
    while len(at):
        outward = (at - root) / np.linalg.norm(at - root, axis=1, keepdims=True)
        heading = heading / np.linalg.norm(heading, axis=1, keepdims=True) + 0.25 * outward
        heading /= np.linalg.norm(heading, axis=1, keepdims=True)
        length = (6 + 3.5 * radius) * rng.lognormal(0, 0.35, len(at))
        end = at + heading * length[:, None]
        pieces.append((at, end, np.stack([radius, 0.96 * radius], axis=1)))
        share = rng.uniform(0.05, 0.5, len(at))  # of the flow, to the smaller child
        turn = rng.standard_normal((len(at), 3))
        turn -= (turn * heading).sum(axis=1, keepdims=True) * heading
        turn /= np.linalg.norm(turn, axis=1, keepdims=True)
        at = np.concatenate([end, end])
        radius = 0.96 * np.concatenate([radius * np.cbrt(1 - share), radius * np.cbrt(share)])
        heading = np.concatenate([heading - 0.8 * share[:, None] * turn, heading + (1.1 - share[:, None]) * turn])
        grows = (radius > 0.42) & (np.abs(at[:, 0]) < 130) & (np.abs(at[:, 1]) < 95) & (at[:, 0] * side > 0)
        at, radius, heading = at[grows], radius[grows], heading[grows]
    start, end, radii = (np.concatenate(part) for part in zip(*pieces, strict=True))
    return start, end, radii


def _cut(start, end, radius, depth: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The parts of the pieces inside the slice at z = depth: start (n, 2) and end (n, 2) in the plane, radii (n, 2)."""
    rise = end[:, 2] - start[:, 2]
    rise = np.where(np.abs(rise) < 1e-6, 1e-6, rise)
    edges = (depth + np.array([[-SLAB / 2], [SLAB / 2]]) - start[:, 2]) / rise
    first, last = np.clip(edges.min(axis=0), 0, 1), np.clip(edges.max(axis=0), 0, 1)
    hit = last > first
    first, last, start, end, radius = first[hit, None], last[hit, None], start[hit], end[hit], radius[hit]
    along, taper = (end - start)[:, :2], radius[:, 1:] - radius[:, :1]
    return (
        start[:, :2] + first * along,
        start[:, :2] + last * along,
        np.hstack([radius[:, :1] + first * taper, radius[:, :1] + last * taper]),
    )


def _add_vessel(plane, vessels, start, end, radius) -> None:
    """Draw one piece, thinning from start to end; one thinner than the slice is fainter."""
    middle, half = (start + end) / 2, np.hypot(*(end - start)) / 2
    where = plane.near(*middle, half + radius[0] + 2)
    x, y = plane.x[where] - start[0], plane.y[where] - start[1]
    dx, dy = end - start
    t = np.clip((x * dx + y * dy) / (dx * dx + dy * dy + 1e-6), 0, 1)
    distance = np.hypot(x - t * dx, y - t * dy) - (radius[0] + t * (radius[1] - radius[0]))
    lying = 2 * half / np.hypot(2 * half, SLAB)  # 1: in the plane of the slice; 0: straight through it
    filled = 1 - lying * (1 - min(2 * radius[0] / SLAB, 1))
    np.maximum(vessels[where], plane.cover(distance) * filled, out=vessels[where])


def _paint_bronchus(plane, rng, lung, at, radius) -> None:
    """A bronchus beside an artery seen end on: a thin bright ring around air."""
    angle, inner = rng.uniform(0, 2 * np.pi), radius * rng.uniform(0.8, 1.1)
    cx, cy = at + (radius + inner + 0.6) * np.array([np.cos(angle), np.sin(angle)])
    where = plane.near(cx, cy, inner + 3)
    distance = np.hypot(plane.x[where] - cx, plane.y[where] - cy) - inner
    share = plane.cover(lung[where] + 2)
    plane.paint(plane.cover(distance - 1) * share, -250, where)
    plane.paint(plane.cover(distance) * share, -970, where)


def paint_nodules(plane, rng: np.random.Generator, lung: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Put nodules into the lungs, apart from each other.

    Returns
    -------
    boxes (n, 4) float32 (y0, x0, y1, x1) pixels, around what is more than half nodule; diameters (n,) float32 mm
    """
    taken, boxes, diameters = np.zeros(lung.shape, bool), [], []
    places = np.argwhere(lung < -3)
    scale = 1.0
    while len(boxes) < count:
        diameter = max(SMALLEST, scale * np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))
        row, column = places[rng.integers(len(places))]
        scale *= 0.97  # a small lung gets small nodules: the search always ends
        if lung[row, column] > -0.6 * diameter:
            continue
        where, share, core = _nodule(plane, rng, plane.x[row, column], plane.y[row, column], diameter)
        share = share * plane.cover(lung[where] + 1.5)
        mask = share > 0.5
        if not mask.any() or taken[where][share > 0.02].any():
            continue
        taken[where] |= share > 0.02
        _paint_nodule(plane, rng, where, share, core, diameter)
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        top, left = where[0].start, where[1].start
        boxes.append([top + rows[0], left + columns[0], top + rows[-1] + 1, left + columns[-1] + 1])
        diameters.append(2 * np.sqrt(mask.sum() * plane.pixel**2 / np.pi))
    return np.array(boxes, np.float32).reshape(-1, 4), np.array(diameters, np.float32)


def _nodule(plane, rng, cx, cy, diameter) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """Where a lobed nodule lies: the pixels, its share of each, and the share of a core half as wide."""
    where = plane.near(cx, cy, 1.5 * diameter)
    x, y = plane.x[where] - cx, plane.y[where] - cy
    angle, distance = np.arctan2(y, x), np.hypot(x, y)
    edge = diameter / 2 * (1 + ragged(angle, rng, 0.13, range(2, 6)))
    return where, inside(distance - edge, 0.6 * plane.pixel), inside(distance - edge / 2, 0.8 * plane.pixel)


def _paint_nodule(plane, rng, where, share, core, diameter) -> None:
    """Solid, part-solid or ground glass; small ones are solid, and fainter where thinner than the slice."""
    kind = "solid" if diameter < 7 else rng.choice(["solid", "part-solid", "ground glass"], p=[0.65, 0.15, 0.2])
    haze = 25 * smooth_field(rng, plane.size, 60)[where]
    if kind == "solid":
        calcified = rng.random() < 0.08
        filled = np.clip(diameter / 6, 0.6, 1)
        plane.paint(share, (320 if calcified else rng.uniform(10, 60)) - 400 * (1 - filled) + 0.3 * haze, where)
    else:
        plane.paint(0.95 * share, rng.uniform(-620, -480) + haze, where)
        if kind == "part-solid":
            plane.paint(core * share, 20, where)
