"""Training images for a detector, cut out of whole scans of any spacing."""

import numpy as np

from helpers.data.case import Case, Findings

LEAST = 2.0  # mm: a disc of which a slice shows less is too thin to be learned from
AIR, BODY = -1000, -400  # HU: what surrounds a scan; below BODY a pixel holds more air than tissue
OUTSIDE = -950  # HU: lungs are denser than this on average, the air around a patient is not


def cut_patches(
    case: Case, rng: np.random.Generator, size: int = 128, spacing: float = 0.8, patches: int = 16
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Cut square pieces of axial slices, half of them around nodules, the others anywhere in the lungs.

    A nodule counts as a ball of its diameter, of which a slice at a distance dz from its middle shows a disc of radius
    sqrt(radius^2 - dz^2). A patch around a nodule takes a slice within 0.8 radii of its middle, or the nearest, and has
    the disc anywhere in it. Pixels are read between those of the slice by linear interpolation.

    Parameters
    ----------
    case : a whole scan, image (Z, H, W, 1) in HU, with its spacing and its nodules; one without any nodule gives
        patches from the lungs alone
    size, spacing : of a patch, in pixels and mm a pixel
    patches : how many, n

    Returns
    -------
    images (n, size, size, 1) int16 in HU; what lies outside the scan is air
    boxes : n arrays (g, 4), around the discs in pixels of the patch
    excluded : n arrays (m, 4), what counts neither way: the scan's excluded findings, discs of less than 2 mm, and
        nodules that the edge of the patch cuts

    Raises
    ------
    ValueError : a case that is no whole scan with nodules and spacing; size, spacing or patches not above 0
    """
    if case.image.ndim != 4 or case.spacing is None or case.nodules is None:
        raise ValueError(f"expected a scan (Z, H, W, 1) with spacing and nodules, as of load('luna16'), got {case}")
    if not (size >= 1 and spacing > 0 and patches >= 1):
        raise ValueError(f"expected size, spacing and patches above 0, got {size}, {spacing} and {patches}")
    nodules, spare = case.nodules, case.excluded or Findings(np.zeros((0, 3)), np.zeros(0), np.zeros(0, np.str_))
    around = patches // 2 if len(nodules.centres) else 0
    first = rng.integers(len(nodules.centres)) if around else 0
    images, boxes, excluded = [], [], []
    for k in range(patches):
        if k < around:
            z, corner = _near(case, (first + k) % len(nodules.centres), size, spacing, rng)
        else:
            z, corner = _in_lung(case, size, spacing, rng)
        images.append(_resampled(case, z, corner, size, spacing))
        found, thin = _discs(case, nodules, z, corner, spacing)
        inside = (found >= 0).all(axis=1) & (found <= size).all(axis=1)
        other = np.concatenate([found[~inside], thin, *_discs(case, spare, z, corner, spacing)])
        other = np.clip(other, 0, size)
        boxes.append(found[inside])
        excluded.append(other[(other[:, 2:] > other[:, :2]).all(axis=1)])
    return np.stack(images), boxes, excluded


def _near(case: Case, number: int, size: int, spacing: float, rng) -> tuple[int, np.ndarray]:
    """A slice through a nodule, and the corner of a patch in which its disc lies anywhere, as (y, x) in mm."""
    radius, (z, *yx) = case.nodules.diameters_mm[number] / 2, case.nodules.centres[number]
    away = np.abs(np.arange(len(case.image)) - z) * case.spacing[0]
    z = rng.choice(np.flatnonzero(away <= max(0.8 * radius, away.min())))
    edge = min(radius + 2 * spacing, size * spacing / 2)  # mm kept free around the middle
    return z, (np.array(yx) + 0.5) * case.spacing[1:] - rng.uniform(edge, size * spacing - edge, 2)


def _in_lung(case: Case, size: int, spacing: float, rng) -> tuple[int, np.ndarray]:
    """A slice, and the corner of a patch around a place in its lungs; anywhere, where ten slices show none."""
    for _ in range(10):
        z = rng.integers(len(case.image))
        places = np.argwhere(lungs(case.image[z, ..., 0]))
        if len(places):
            break
    else:
        places = np.argwhere(np.ones(case.image.shape[1:3]))
    return z, (rng.choice(places) + 0.5) * case.spacing[1:] - size * spacing / 2


def lungs(hu: np.ndarray) -> np.ndarray:
    """Where a slice (H, W) shows air inside the body, (H, W) bool; gas in the bowels too."""
    from scipy.ndimage import label, mean

    regions, _ = label(hu < BODY)
    edge = np.unique(np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]]))
    outside = edge[mean(hu, regions, edge) < OUTSIDE]
    return (regions > 0) & ~np.isin(regions, outside)


def _resampled(case: Case, z: int, corner: np.ndarray, size: int, spacing: float) -> np.ndarray:
    """A patch (size, size, 1) of a slice; corner (y, x) in mm from that of the slice."""
    from scipy.ndimage import affine_transform

    first = (corner + spacing / 2) / case.spacing[1:] - 0.5  # the middle of its first pixel, in pixels of the slice
    plane = affine_transform(
        case.image[z, ..., 0].astype(float),
        spacing / case.spacing[1:],
        first,
        (size, size),
        order=1,
        mode="constant",
        cval=AIR,
    )
    return np.clip(np.round(plane), -1024, 3071).astype(np.int16)[..., None]


def _discs(case: Case, findings: Findings, z: int, corner: np.ndarray, spacing: float) -> tuple[np.ndarray, ...]:
    """Boxes (n, 4) around what slice z shows of findings, in pixels of a patch: those wide enough, those too thin."""
    square = (findings.diameters_mm / 2) ** 2 - ((findings.centres[:, 0] - z) * case.spacing[0]) ** 2
    centres, radius = findings.centres[square > 0, 1:], np.sqrt(square[square > 0])[:, None]
    middle = (centres + 0.5) * case.spacing[1:] - corner
    boxes = (np.concatenate([middle - radius, middle + radius], axis=1) / spacing).astype(np.float32)
    thin = 2 * radius[:, 0] < LEAST
    return boxes[~thin], boxes[thin]
