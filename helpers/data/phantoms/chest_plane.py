"""A slice of the chest while it is painted, and what all its parts are made of: textures, bends and tubes in space."""

from dataclasses import dataclass

import numpy as np

SLAB = 2.5  # mm, how thick a slice is


class Texture:
    """A smooth random field in space, mean 0, standard deviation about 1, a bump every `step` mm; 32 steps repeat."""

    def __init__(self, rng: np.random.Generator, step: float) -> None:
        self._step, self._knots = step, rng.standard_normal((32, 32, 32), dtype=np.float32)

    def __call__(self, z: float, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """(H, W) float32 at height z, rows y (H,) and columns x (W,), all in mm.

        Sums of four knots an axis, not matrix products: those start threads, which takes longer than the sum.
        """
        values = self._knots
        for axis, at in enumerate((np.array([z]), y, x)):
            first, t = np.divmod(at.astype(float) / self._step, 1)
            knots = (first.astype(int) + np.arange(4)[:, None]) % 32
            weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6
            weights = weights.astype(np.float32).reshape(4, -1, *[1] * (2 - axis))  # of cubic B-splines
            values = sum(weight * values.take(knot, axis) for knot, weight in zip(knots, weights, strict=True))
        return values[0] / np.float32(0.332)  # 0.479 ** 1.5, see smooth_field


class Bend:
    """How one patient differs from the plan of the chest: a size, and smooth waves that push the outlines about."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.scale = rng.uniform(0.92, 1.06)
        lengths = np.array([120, 170, 240, 38, 50, 65])
        directions = rng.standard_normal((2, 6, 3))
        directions /= np.linalg.norm(directions, axis=2, keepdims=True)
        sizes = np.array([2.2, 2.2, 2.2, 0.45, 0.45, 0.45]) * rng.uniform(0.5, 1.5, (2, 6))
        phases = rng.uniform(0, 2 * np.pi, (2, 6))
        waves = np.dstack([2 * np.pi * directions / lengths[:, None], sizes, phases])
        self._waves = waves.astype(np.float32)  # (2, 6, 5): for x and y six waves (kx, ky, kz, size, phase)

    def __call__(self, x, y, z) -> tuple:
        """From mm in the scanner to mm on the plan."""
        push, pull = (
            sum(size * np.sin(kx * x + (ky * y + (kz * z + phase))) for kx, ky, kz, size, phase in waves)
            for waves in self._waves
        )
        return (x + push) / self.scale, (y + pull) / self.scale, z / self.scale

    def back(self, points: np.ndarray) -> np.ndarray:
        """From the plan to the scanner, (n, 3) mm (x, y, z)."""
        found = points * self.scale
        for _ in range(2):  # the waves are slow: two steps leave less than 0.2 mm
            found = found + points * self.scale - np.stack(self(*found.T), axis=1) * self.scale
        return found


@dataclass(frozen=True)
class View:
    """What is shown: its middle (3,) and how far it reaches from there (3,) in mm (x, y, z); H = W, mm a pixel."""

    middle: np.ndarray
    reach: np.ndarray
    size: int
    spacing: float

    def pixel(self, x, y) -> tuple:
        """(row, column) of a place in mm; the middle of the first pixel is 0."""
        row = (y - self.middle[1] + self.reach[1]) / self.spacing - 0.5
        return row, (x - self.middle[0] + self.reach[0]) / self.spacing - 0.5


class Plane:
    """A slice at height z. x runs to the patient's left, y to the back, z to the head, in mm from between the hila.

    columns (W,) and rows (H,): places of the pixels; x, y (H, W) and level: where these lie on the plan of the chest;
    fine, coarse, broad (H, W): the three textures here; hu (H, W): what has been painted.
    """

    def __init__(self, view: View, z: float, bend: Bend, textures: list[Texture]) -> None:
        (x, y, _), (reach, *_), size, spacing = view.middle, view.reach, view.size, view.spacing
        self.view = View(np.array([x, y, z]), np.array([reach, reach, SLAB / 2]), size, spacing)
        self.z, self.pixel, self.size = z, spacing, size
        middle = ((np.arange(size) + 0.5) * spacing - reach).astype(np.float32)
        self.columns, self.rows = middle + np.float32(x), middle + np.float32(y)
        self._scale = bend.scale
        x, y, self.level = bend(self.columns[None, :], self.rows[:, None], np.float32(z))
        self.x, self.y = x.astype(np.float32), y.astype(np.float32)
        self.fine, self.coarse, self.broad = (texture(z, self.rows, self.columns) for texture in textures)
        self.hu = np.full((size, size), -1000, np.float32)

    def window(self, x: float, y: float, reach: float) -> tuple[slice, ...]:
        """Pixels within `reach` mm of a place in the scanner."""
        middle, reach = np.array(self.view.pixel(x, y)), reach / self.pixel
        ends = np.clip([middle - reach, middle + reach + 1], 0, self.size).astype(int)
        return tuple(slice(*pair) for pair in ends.T)

    def near(self, x: float, y: float, reach: float) -> tuple[slice, ...]:
        """Pixels within `reach` mm of a place on the plan, with some to spare for the bends."""
        return self.window(x * self._scale, y * self._scale, reach * self._scale + 14)

    def cover(self, distance: np.ndarray, width: float = 0.0) -> np.ndarray:
        """The share of each pixel that lies inside; the edge is as wide as a pixel or as told, in mm."""
        return np.clip(np.float32(0.5) - distance / np.float32(max(width, self.pixel)), 0, 1)

    def paint(self, share: np.ndarray, hu, where=...) -> None:
        """Lay a tissue over what is there, by its share of each pixel."""
        view = self.hu[where]
        view += share * (hu - view)


def tubes(start: np.ndarray, end: np.ndarray, first, last) -> np.ndarray:
    """Straight tubes as rows (n, 8): from (x, y, z) to (x, y, z) in mm, radius at either end in mm."""
    ones = np.ones(len(start))
    return np.column_stack([start, end, first * ones, last * ones])


def path(points, radii) -> np.ndarray:
    """Tubes from each point of a line to the next; radii: one number, or one a point."""
    points = np.asarray(points, float)
    radii = np.broadcast_to(radii, len(points))
    return tubes(points[:-1], points[1:], radii[:-1], radii[1:])


def within(pieces: np.ndarray, view: View, spare: float) -> np.ndarray:
    """Those tubes of (n, 8) that come within `spare` mm of a view."""
    thick = pieces[:, 6:].max(axis=1, keepdims=True) + spare
    least = np.minimum(pieces[:, :3], pieces[:, 3:6]) - thick
    most = np.maximum(pieces[:, :3], pieces[:, 3:6]) + thick
    return pieces[((most > view.middle - view.reach) & (least < view.middle + view.reach)).all(axis=1)]


def fill(plane: Plane, pieces: np.ndarray) -> np.ndarray:
    """The share of each pixel, through the thickness of the slab, that the tubes (n, 8) fill: (H, W) float32.

    All tubes with windows of the same width are drawn at once.
    """
    share = np.zeros((plane.size, plane.size), np.float32)
    pieces = within(pieces, plane.view, 0).astype(np.float32)
    along = pieces[:, 3:6] - pieces[:, :3]
    radius = pieces[:, 6:].max(axis=1)
    rise = np.where(np.abs(along[:, 2]) < 1e-3, 1e-3, along[:, 2])
    cut = (plane.z - pieces[:, 2] + np.array([[-1], [1]]) * (SLAB / 2 + radius)) / rise
    cut = np.clip(cut, 0, 1)[:, :, None]  # beyond these parts of its length a tube is out of the slab
    ends = pieces[:, :2] + cut * along[:, :2]
    low, high = ends.min(axis=0) - radius[:, None], ends.max(axis=0) + radius[:, None]
    need = ((high - low).max(axis=1) / plane.pixel + 4).astype(int)
    corners = np.stack(plane.view.pixel(*low.T), axis=1).astype(int) - 1
    widths = np.minimum(4 * 2 ** np.ceil(np.log2(np.maximum(need, 6) / 4)).astype(int), plane.size)
    for width in np.unique(widths):
        chosen = np.flatnonzero(widths == width)
        places = np.clip(corners[chosen], 0, plane.size - width)
        parts = _filled(plane, pieces[chosen], along[chosen], places, width)
        for (i, j), part in zip(places.tolist(), parts, strict=True):
            window = share[i : i + width, j : j + width]
            np.maximum(window, part, out=window)
    return share


def _filled(plane: Plane, pieces, along, corners, width: int) -> np.ndarray:
    """Shares (n, width, width) of n tubes in their windows, the mean over the heights of the slab."""
    steps = np.arange(width)
    x = plane.columns[corners[:, 1, None] + steps][:, None, :] - pieces[:, 0, None, None]
    y = plane.rows[corners[:, 0, None] + steps][:, :, None] - pieces[:, 1, None, None]
    (dx, dy, dz), radius = along.T[:, :, None, None], pieces[:, 6, None, None]
    taper = pieces[:, 7, None, None] - radius
    square = dx * dx + dy * dy + dz * dz + np.float32(1e-6)
    total = np.float32(0)
    flat = x * (dx / square) + y * (dy / square)
    for part in (-0.34, 0, 0.34):
        z = np.float32(plane.z + part * SLAB) - pieces[:, 2, None, None]
        t = np.clip(flat + z * dz / square, 0, 1)
        distance = np.sqrt((x - t * dx) ** 2 + (y - t * dy) ** 2 + (z - t * dz) ** 2)
        total = total + plane.cover(distance - radius - t * taper)
    return total / np.float32(3)
