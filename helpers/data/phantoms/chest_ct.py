"""A chest CT phantom: one axial slice in Hounsfield units with lung nodules, their boxes and diameters."""

from dataclasses import dataclass

import numpy as np

from helpers.data.phantoms import chest_anatomy, chest_lung
from helpers.data.phantoms.shapes import generators, inside, smooth_field

FIELD_OF_VIEW = 360.0  # mm


@dataclass(frozen=True)
class ChestSlice:
    """One slice; up is the front, the patient's right is on the left, as radiologists see it.

    hu (H, W) int16 Hounsfield units; boxes (n, 4) float32 (y0, x0, y1, x1) in pixels, one a nodule;
    diameters_mm (n,) float32, of the disc of the same area; spacing (2,) mm a pixel (rows, columns).
    """

    hu: np.ndarray
    boxes: np.ndarray
    diameters_mm: np.ndarray
    spacing: np.ndarray


class Plane:
    """A slice while it is painted. x runs to the patient's left and y to the back, in mm from the middle of the chest.

    x and y (H, W) are bent a little, so that no two chests have the same outline; straight_x and straight_y are not.
    """

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self.size, self.pixel = size, FIELD_OF_VIEW / size
        middle = ((np.arange(size) + 0.5) * self.pixel - FIELD_OF_VIEW / 2).astype(np.float32)
        self.straight_y, self.straight_x = np.meshgrid(middle, middle, indexing="ij")
        self._scale = rng.uniform(0.92, 1.06)
        self.x = (self.straight_x + 4 * smooth_field(rng, size, 4)) / np.float32(self._scale)
        self.y = (self.straight_y + 4 * smooth_field(rng, size, 4)) / np.float32(self._scale)
        self.hu = np.full((size, size), -1000, np.float32)

    def near(self, x: float, y: float, reach: float) -> tuple[slice, slice]:
        """Pixels within `reach` mm of a point, with some to spare for the bending; a small shape paints only there."""

        def span(at: float) -> slice:
            first, last = (at - reach) * self._scale - 16, (at + reach) * self._scale + 16
            return slice(*(int(np.clip(edge / self.pixel + self.size / 2, 0, self.size)) for edge in (first, last)))

        return span(y), span(x)

    def cover(self, distance: np.ndarray) -> np.ndarray:
        """The share of each pixel that lies inside."""
        return inside(distance, 0.45 * self.pixel)

    def paint(self, share: np.ndarray, hu, where=...) -> None:
        """Lay a tissue over what is there, by its share of each pixel."""
        view = self.hu[where]
        view += share * (hu - view)


def chest_ct(seed: int, index: int, size: int = 256, nodules: int | None = None) -> ChestSlice:
    """Make one axial slice of a chest at a random height between the aortic arch and the dome of the liver.

    Realistic: layers of skin, fat, muscle and bone, their Hounsfield units, blood vessels as a tree in space cut by a
    slice of 2.5 mm, so that vessels seen end on look like nodules; solid, part-solid and ground-glass nodules; noise
    with the grain of filtered back projection, strongest in the middle. Not realistic: no lobes, no disease beside
    the nodules, no motion or metal, a plain mediastinum, ribs and organs from ellipses. Sizes and kinds of nodules
    are chosen to teach, not to match a population.

    Parameters
    ----------
    seed, index : 0 or more; the same two give the same image, whatever else was made before
    size : H = W in pixels, at least 64; the slice is always 360 mm wide
    nodules : how many, 0 to 6; None: a random number from 0 to 4

    Raises
    ------
    ValueError : a size below 64, nodules outside 0 to 6, seed or index below 0
    """
    if size < 64:
        raise ValueError(f"expected a size of at least 64 pixels, got {size}: nodules would be smaller than a pixel")
    if nodules is not None and not 0 <= nodules <= 6:
        raise ValueError(f"expected 0 to 6 nodules, got {nodules}")
    body, lungs, lesions, grain = generators("chest_ct", seed, index, 4)
    plane = Plane(body, size)
    level = body.uniform(0.15, 0.95)  # 0 the top of the lungs, 1 their base
    lung = chest_anatomy.paint(plane, body, level)
    chest_lung.paint(plane, lungs, lung, level)
    if nodules is None:
        nodules = int(lesions.choice(5, p=[0.2, 0.35, 0.25, 0.12, 0.08]))
    boxes, diameters = chest_lung.paint_nodules(plane, lesions, lung, nodules)
    hu = _scanned(plane.hu, grain)
    return ChestSlice(hu, boxes, diameters, np.array([plane.pixel, plane.pixel]))


def _scanned(hu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur and noise of a scanner: filtered back projection makes fine grain and leaves no slow drift."""
    from scipy.ndimage import gaussian_filter

    size = len(hu)
    frequency = np.hypot(np.fft.rfftfreq(size), np.fft.fftfreq(size)[:, None])
    grain = np.fft.rfft2(rng.standard_normal((size, size))) * frequency * np.exp(-((frequency / 0.33) ** 2))
    noise = np.fft.irfft2(grain, s=(size, size))
    place = np.linspace(-1, 1, size)
    strength = 1.25 - 0.7 * np.clip(place[:, None] ** 2 / 0.6 + place**2, 0, 1)  # most rays are lost in the middle
    noisy = gaussian_filter(hu, 0.55) + noise / noise.std() * strength * rng.uniform(10, 35)
    return np.clip(np.round(noisy), -1024, 1500).astype(np.int16)
