"""A brain MRI phantom: one axial slice in four sequences with a tumour, on the anatomy of the MNI152 template."""

import functools
from dataclasses import dataclass

import numpy as np

from helpers.data.mni import load_mni152
from helpers.data.phantoms.shapes import generators, inside, ragged, smooth_field

FIELD_OF_VIEW = 208.0  # mm
SEQUENCES = ("FLAIR", "T1", "T1c", "T2")  # T1c: T1 after contrast
LABELS = ("background", "oedema", "non-enhancing core", "enhancing core")
_LOWEST, _HIGHEST = 60, 140  # slices of the template, counted from below: from the temporal lobes to near the crown
_BRIGHTNESS = {  # of fluid, grey matter, white matter, oedema, non-enhancing core, enhancing core
    "FLAIR": (0.12, 0.62, 0.50, 1.05, 0.58, 0.85),
    "T1": (0.18, 0.55, 0.80, 0.45, 0.28, 0.50),
    "T1c": (0.18, 0.57, 0.82, 0.46, 0.26, 1.20),
    "T2": (1.10, 0.66, 0.48, 0.88, 0.97, 0.72),
}


@dataclass(frozen=True)
class BrainSlice:
    """One slice; up is the front, the patient's right is on the left. The skull is taken off, as in public sets.

    sequences (H, W, 4) float32 in the order of SEQUENCES, in no unit; labels (H, W) uint8, numbers of LABELS;
    spacing (2,) mm a pixel (rows, columns).
    """

    sequences: np.ndarray
    labels: np.ndarray
    spacing: np.ndarray


def brain_mri(seed: int, index: int, size: int = 128, tumour: bool = True) -> BrainSlice:
    """Make one axial slice of a brain with a tumour: a core, most often with an enhancing rim, amid oedema.

    Realistic: folds, ventricles and deep grey matter, for they come from the MNI152 tissue maps, bent anew for each
    slice; which tissue is bright in which sequence; oedema that keeps to white matter; tissue pushed aside by the
    tumour; uneven coil sensitivity and Rician noise; a brightness scale that means nothing. Not realistic: one average
    anatomy beneath all, no blood vessels, no skull, one roundish tumour, four sequences that fit each other exactly.

    Parameters
    ----------
    seed, index : 0 or more; the same two give the same image, whatever else was made before
    size : H = W in pixels, at least 64; the slice is always 208 mm wide
    tumour : False for a healthy brain

    Raises
    ------
    ValueError : a size below 64, seed or index below 0
    ModuleNotFoundError : nilearn, in which the template lies, is not installed
    """
    if size < 64:
        raise ValueError(f"expected a size of at least 64 pixels, got {size}: the folds would be lost")
    head, lesion, scanner = generators("brain_mri", seed, index, 3)
    middle = (((np.arange(size) + 0.5) / size - 0.5) * FIELD_OF_VIEW).astype(np.float32)
    y, x = np.meshgrid(middle, middle, indexing="ij")
    k = int(head.integers(_HIGHEST - _LOWEST))
    bend, folds = _bending(head, x, y), smooth_field(head, size, 26)
    brain, fluid, grey, white = _tissues(*bend(x, y), k, folds)
    shares = np.stack([fluid, grey, white])
    labels = np.zeros((size, size), np.uint8)
    if tumour:
        cx, cy, radius = _place(lesion, x, y, white * inside(np.hypot(x, y) - 70, 4))
        shrink = 1 - 0.35 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (1.7 * radius) ** 2)  # pushes tissue aside
        brain, *tissues = _tissues(*bend(cx + (x - cx) * shrink, cy + (y - cy) * shrink), k, folds)
        shares, labels = _with_tumour(lesion, x - cx, y - cy, radius, brain, np.stack(tissues))
    return BrainSlice(_scanned(scanner, shares), labels, np.full(2, FIELD_OF_VIEW / size))


@functools.cache
def _template() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Brain, grey and white matter, each (80, 197, 233) float32 from 0 to 1, slice by slice."""
    from scipy.ndimage import gaussian_filter

    t1, grey, white = (
        np.moveaxis(load_mni152(kind).values[..., _LOWEST:_HIGHEST], 2, 0).astype(np.float32)
        for kind in ("t1", "grey", "white")
    )
    return gaussian_filter((t1 > 10).astype(np.float32), (0, 1, 1)), grey / 255, white / 255


def _bending(rng, x, y):
    """A map from this head to the template, both in mm: turned, stretched and bent a little."""
    turn, stretch = rng.normal(0, 0.07), rng.uniform(0.93, 1.06, 2)
    cos, sin = np.cos(turn), np.sin(turn)
    dx, dy = 3.5 * smooth_field(rng, len(x), 4), 3.5 * smooth_field(rng, len(x), 4)
    return lambda x, y: ((cos * x + sin * y) / stretch[0] + dx, (cos * y - sin * x) / stretch[1] + dy)


def _tissues(x, y, k: int, folds) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Brain, fluid, grey and white matter (H, W) at these places of template slice k.

    The template is an average and blurred. A power makes the likeliest tissue of each pixel prevail, which sharpens it
    back towards one person; the random `folds` open furrows that the average has closed.
    """
    from scipy.ndimage import map_coordinates

    places = [98 - x, 116 - y]  # voxels: i runs to the right, j to the front
    brain, grey, white = (map_coordinates(volume[k], places, order=1) for volume in _template())
    furrow = np.clip(folds, 0, None)
    fluid = 0.12 + np.clip(1 - grey - white, 0, 1) + 0.09 * furrow * (grey > 0.15)
    parts = np.clip([fluid, grey, white - 0.055 * furrow], 1e-4, None) ** 3.2
    return brain, *(parts / parts.sum(axis=0) * brain)


def _place(rng, x, y, white) -> tuple[float, float, float]:
    """Middle of a tumour, somewhere in white matter, and the radius of its core, in mm."""
    rows, columns = np.nonzero(white > 0.5)
    here = rng.integers(len(rows))
    row, column = rows[here], columns[here]
    return float(x[row, column]), float(y[row, column]), float(rng.uniform(7, 18))


def _with_tumour(rng, x, y, radius, brain, tissues) -> tuple[np.ndarray, np.ndarray]:
    """Shares (6, H, W) of all tissues, and the labels; x and y count from the middle of the tumour."""
    from scipy.ndimage import gaussian_filter

    size = len(x)
    pixel = FIELD_OF_VIEW / size
    fluid, _, white = tissues
    stretch, turn = rng.uniform(0.8, 1.25), rng.uniform(0, np.pi)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    far, angle = np.hypot(u * stretch, v / stretch), np.arctan2(v, u)

    def within(size_mm, rough, blur):
        edge = size_mm * (1 + ragged(angle, rng, rough, range(2, 7)))
        return far - edge + smooth_field(rng, size, 16), blur

    spread, blur = within(radius + rng.uniform(5, 17), 0.2, 1.6)
    spread += 9 * (1 - np.clip(gaussian_filter(white, 2.4 / pixel) / 0.6, 0, 1))  # hardly into cortex
    oedema = inside(spread, blur) * (1 - 0.9 * fluid)
    core = inside(*within(radius, 0.13, 0.8))
    centre = inside(*within(radius * rng.uniform(0.4, 0.8), 0.18, 1.0)) * core
    if rng.random() < 0.2:  # some take up no contrast
        centre = core
    inside_brain = brain > 0.5
    labels = np.zeros(x.shape, np.uint8)
    labels[(oedema > 0.5) & inside_brain] = 1
    labels[(core > 0.5) & inside_brain] = 3
    labels[(core > 0.5) & (centre > 0.5) & inside_brain] = 2
    healthy = tissues * (1 - oedema) * (1 - core)
    return np.stack([*healthy, oedema * (1 - core) * brain, centre * brain, (core - centre) * brain]), labels


def _scanned(rng, shares) -> np.ndarray:
    """The four sequences (H, W, 4) of these shares of tissue, blurred, uneven and noisy as a scanner sees them."""
    from scipy.ndimage import gaussian_filter

    size = shares.shape[1]
    images = []
    for name in SEQUENCES:
        brightness = np.array(_BRIGHTNESS[name][: len(shares)]) * rng.normal(1, 0.04, len(shares))
        texture = np.ones_like(shares)
        texture[:3] += 0.03 * smooth_field(rng, size, 30)
        if len(shares) > 3:  # tumours are uneven, their core most of all
            patches = smooth_field(rng, size, 14) + 0.6 * smooth_field(rng, size, 36)
            texture[3:] += np.array([0.05, 0.14, 0.10])[:, None, None] * patches
        image = np.einsum("t,thw->hw", brightness, shares * texture)
        image = gaussian_filter(image, 0.4) * np.exp(0.13 * smooth_field(rng, size, 2))
        noise = rng.uniform(0.015, 0.04) * rng.standard_normal((2, size, size))
        images.append(np.hypot(image + noise[0], noise[1]) * rng.uniform(0.7, 1.4))  # the scale of MRI is arbitrary
    return np.stack(images, axis=-1).astype(np.float32)
