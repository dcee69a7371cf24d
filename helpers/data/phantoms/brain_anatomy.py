"""The healthy brain behind the MRI phantom: one anatomy, bent anew for each patient, cut at any height."""

import functools

import numpy as np

from helpers.data.mni import load_mni152
from helpers.data.phantoms.shapes import inside, spline_basis

FIELD_OF_VIEW = 208.0  # mm, width and height of a slice
DEPTH = 72.0  # mm from the lowest slice to the highest
_BELOW, _ABOVE = 42, 156  # slices of the template that a bent head can reach, counted from below
_MIDDLE = (99 - _BELOW, 116, 98)  # voxel (z, y, x) of the template in the middle of all heads


def random_field(rng: np.random.Generator, wave: float, count: int = 1) -> np.ndarray:
    """Weights (count, ...) float32 of `count` smooth random fields with a bump about every `wave` mm."""
    flat, tall = (max(2, round(length / wave)) for length in (FIELD_OF_VIEW, DEPTH))
    return rng.standard_normal((count, tall + 3, flat + 3, flat + 3), dtype=np.float32)


def field_at(weights: np.ndarray, z: float, size: int) -> np.ndarray:
    """The fields (count, size, size) float32 in the plane at height z mm: mean 0, standard deviation about 1.

    Cubic B-splines in all three directions, so that neighbouring slices fit each other.
    """
    count, tall, flat, _ = weights.shape
    knots = tall - 3
    low, t = divmod(float(np.clip(z / DEPTH + 0.5, 0, 0.9999)) * knots, 1)
    up = np.array([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], np.float32) / 6
    plane = np.tensordot(up, weights[:, int(low) : int(low) + 4], axes=(0, 1))
    plane /= np.float32(0.332)  # mean root of the summed squares of the weights
    basis = spline_basis(size, flat - 3)
    strips = np.array_split(basis @ plane, size // 32, axis=1)  # small enough to stay on one thread, which is faster
    return np.concatenate([strip @ basis.T for strip in strips], axis=1)


@functools.cache
def plane(size: int) -> tuple[np.ndarray, np.ndarray]:
    """y to the back and x to the patient's left, (size, size) float32 mm from the middle of the slice."""
    middle = (((np.arange(size) + 0.5) / size - 0.5) * FIELD_OF_VIEW).astype(np.float32)
    return tuple(np.meshgrid(middle, middle, indexing="ij"))


class Head:
    """One patient's head: the template turned, tilted and stretched a little, bent softly, with folds of its own."""

    def __init__(self, rng: np.random.Generator):
        a, b, c = rng.normal(0, [0.05, 0.07, 0.04])
        flat = np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]])
        nod = np.array([[np.cos(b), np.sin(b), 0], [-np.sin(b), np.cos(b), 0], [0, 0, 1]])
        lean = np.array([[np.cos(c), 0, np.sin(c)], [0, 1, 0], [-np.sin(c), 0, np.cos(c)]])
        turn = flat @ nod @ lean / rng.uniform(0.94, 1.06, (3, 1))
        self.turn = turn.astype(np.float32)  # (3, 3) head mm to template mm, (z, y, x) from the middle
        self.bend, self.folds = random_field(rng, 45, 3), random_field(rng, 11, 2)
        self.ventricles = rng.uniform(-0.2, 0.45)  # above 0 wider than the template's, below 0 narrower
        self.atrophy = rng.uniform(0, 1)  # how wide the furrows are

    def places(self, z: float, size: int, push: np.ndarray | float = 0) -> np.ndarray:
        """Where each pixel of the slice at height z lies in the template, (3, size, size) mm (z, y, x) from its middle.

        push (3, size, size): mm from a pixel to the place that its tissue has come from.
        """
        y, x = plane(size)
        here = np.stack([np.full_like(y, z), y, x]) + push
        there = np.einsum("ab,bhw->ahw", self.turn, here)
        there += np.array([2.0, 3.0, 3.0], np.float32)[:, None, None] * field_at(self.bend, z, size)
        up, back, left = there
        wide = self.ventricles * np.exp(-((up + 8) ** 2 / 900 + (back + 6) ** 2 / 2000 + left**2 / 700))
        left *= 1 - wide
        return there

    def tissues(self, there: np.ndarray, z: float) -> np.ndarray:
        """Shares of fluid, grey and white matter (3, H, W) float32 at these places; all 0 outside the brain."""
        from scipy.ndimage import map_coordinates

        maps, _ = template()
        near = np.hypot(there[1] / 98, there[2] / 76) < 1  # no brain beyond
        voxels = there[:, near] + np.array(_MIDDLE, np.float32)[:, None]
        shares = np.zeros_like(there)
        shares[:, near] = [map_coordinates(part, voxels, np.float32, order=1) for part in maps]
        fluid, grey, white = shares / np.float32(255)
        brain = fluid + grey + white
        folds = field_at(self.folds, z, len(brain))  # they open furrows and move the border of the cortex
        furrows = (0.02 + 0.10 * self.atrophy) * (np.clip(1 - white, 0, 1) * grey) * np.clip(folds[0], 0, None)
        border = 1 - 0.10 * np.clip(folds[1], -1.5, 1.5)
        parts = np.stack([fluid * (0.85 + 0.6 * self.atrophy) + furrows, grey, white * border])
        # The template is a blurred average: a power lets the likeliest tissue prevail, sharp as in one person
        parts = parts * parts * parts + np.float32(1e-5)
        return parts * (brain / parts.sum(axis=0))


@functools.cache
def template() -> tuple[np.ndarray, str]:
    """Fluid, grey and white matter, (3, Z, Y, X) uint8 (255: nothing else), and the name of the anatomy.

    1 mm voxels; z upwards, y to the back, x to the patient's left. The MNI152 template; without nilearn, which brings
    it, a brain made by rule.
    """
    try:
        (brain, *parts), name = _mni152(), "MNI152"
    except ModuleNotFoundError:
        (brain, *parts), name = _procedural(), "procedural"
    scale = 255 * brain / (sum(parts) + np.float32(1e-6))
    return np.stack([(scale * part + 0.5).astype(np.uint8) for part in parts]), name


def _mni152() -> tuple[np.ndarray, ...]:
    """Brain, fluid, grey and white matter of the MNI152 template."""
    from scipy.ndimage import gaussian_filter

    maps = [load_mni152(kind).values[::-1, ::-1, _BELOW:_ABOVE].T for kind in ("t1", "grey", "white")]
    t1, grey, white = np.array(maps, np.float32)
    grey, white = grey / 255, white / 255
    brain = gaussian_filter((t1 > 10).astype(np.float32), (0, 0.8, 0.8))
    # The maps have next to no fluid in the furrows, where 152 brains disagree; but the T1 average is darker there
    furrow = np.clip((gaussian_filter(t1, 3) - t1) / 25, 0, 1) * (1 - white)
    fluid = np.clip(1 - grey - white, 0, 1) + 0.9 * furrow
    return brain, fluid, grey * (1 - 0.3 * furrow), white


def _procedural() -> tuple[np.ndarray, ...]:
    """Brain, fluid, grey and white matter of a brain made by rule, on the template's grid."""
    rng = np.random.default_rng(152)
    axes = np.arange(_BELOW, _ABOVE) - 72, 98 - np.arange(233), np.arange(197) - 98  # mm from the anterior commissure
    up, front, left = np.meshgrid(*(axis.astype(np.float32) for axis in axes), indexing="ij")
    radius = np.sqrt((left / (68 - 0.1 * front)) ** 2 + ((front + 18) / 87) ** 2 + ((up - 4) / 72) ** 2)
    depth = 68 * (1 - radius)  # mm below the surface
    side = np.abs(left)
    callosum = np.hypot((front + 8) / 46, (up - 2) / 30)  # below 1 inside; there the cleft between the halves ends
    cleft = side + 2 * np.clip(30 * (1 - callosum), 0, None)
    surface = np.minimum(depth, np.minimum(_furrows(rng, up, front, left, radius, depth), cleft))
    deep, ventricles = _deep(np.stack([up, front, side]))
    fluid = np.maximum(inside(surface - 1.1, 0.35), inside(ventricles, 0.5))
    grey = np.maximum(inside(surface - 4.6, 0.4), 0.9 * inside(deep, 0.6)) * (1 - fluid)
    return inside(-depth, 0.4), fluid, grey, 1 - fluid - grey


def _furrows(rng, up, front, left, radius, depth) -> np.ndarray:
    """mm to the next furrow: sheets that go in from the surface, where random numbers change their sign."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    noise, deepest = gaussian_filter(rng.standard_normal((2, 76, 76, 76), dtype=np.float32), (0, 1.35, 1.35, 1.35))
    beneath = 1 / (3 * np.maximum(radius, 0.3) ** 0.75)  # almost the same all the way in; voxels of 3 mm
    spots = np.stack([up * beneath, front * beneath, left * beneath]) + np.float32(37.5)
    values = map_coordinates(noise, spots, np.float32, order=1, mode="nearest")
    slope = np.sqrt(sum(part**2 for part in np.gradient(values)))
    floor = 15 + 5 * map_coordinates(deepest / deepest.std(), spots, np.float32, order=1, mode="nearest")
    return np.abs(values) / (gaussian_filter(slope, 2) + 1e-3) + np.clip(depth - floor, 0, None)


def _deep(here: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signed distances, below 0 inside, of deep grey matter and of the ventricles; about in mm."""

    def ball(middle, half):
        middle, half = (np.array(numbers, np.float32)[:, None, None, None] for numbers in (middle, half))
        return (np.linalg.norm((here - middle) / half, axis=0) - 1) * half.min()

    grey = ball((14, 12, 15), (13, 17, 6)), ball((8, -17, 10), (12, 15, 9)), ball((3, 2, 26), (15, 19, 7))
    ventricles = ball((2, -12, 0), (11, 14, 1.6))  # the third; the lateral one follows, front to back
    ways = np.array([(10, 30, 9), (22, 6, 7), (24, -18, 11), (12, -38, 22), (4, -60, 24)], np.float32)
    ways = ways[..., None, None, None]
    for start, end, thick in zip(ways, ways[1:], (3.8, 4.2, 5.0, 3.8), strict=False):
        off, along = here - start, end - start
        t = np.clip((off * along).sum(axis=0) / (along**2).sum(), 0, 1)
        ventricles = np.minimum(ventricles, np.linalg.norm(off - t * along, axis=0) - thick)
    return np.minimum.reduce(grey), ventricles
