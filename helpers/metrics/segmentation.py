"""How good a segmentation is: shared volume, distances between surfaces in mm, and the three regions of BraTS.

A mask is an array of bool, or of 0 and 1, with any number of axes; two masks lie on one grid of voxels. Spacing is the
distance in mm between neighbouring voxels, one number for each axis in the order of the axes: (dz, dy, dx).
"""

from collections.abc import Sequence

import numpy as np

REGIONS = ("WT", "TC", "ET")  # whole tumour, tumour core, enhancing tumour: each holds the next


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Dice coefficient: twice the voxels that two masks share, of the voxels of both. 2 |a & b| / (|a| + |b|).

    From 0 to 1; two empty masks agree, 1 (as BraTS scored them: Menze et al., IEEE Trans. Med. Imaging 34:1993, 2015,
    doi 10.1109/TMI.2014.2377694, has the formula). a, b : masks of one shape.

    A ValueError for shapes that differ and for values other than 0 and 1: a label map, a probability, nan.
    """
    a, b = _checked_masks(a, b)
    both = a.sum() + b.sum()
    if both == 0:
        return 1.0
    return float(2 * (a & b).sum() / both)


def mask_iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two masks, from 0 to 1, Dice / (2 - Dice); two empty masks: 1.

    a, b : masks of one shape. Errors as in `dice`. (`iou` compares boxes.)
    """
    a, b = _checked_masks(a, b)
    union = (a | b).sum()
    return float((a & b).sum() / union) if union else 1.0


def surface_distances(a: np.ndarray, b: np.ndarray, spacing: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """How far each voxel of one mask's surface is from the other mask's surface, both ways round.

    The surface is the voxels of a mask with a face neighbour outside it; outside the image counts as outside. Each
    distance runs from the middle of a voxel to the middle of the nearest surface voxel.

    Parameters
    ----------
    a, b : masks of one shape, neither empty
    spacing : mm, one number for each axis

    Returns
    -------
    from_a, from_b : (n_a,) and (n_b,) mm, float64, for n_a and n_b surface voxels in the order of `np.argwhere`

    A ValueError as in `dice`, for an empty mask, and for a spacing that has not one number above 0 for each axis.
    """
    from scipy.ndimage import distance_transform_edt

    a, b = _checked_masks(a, b)
    spacing = _checked_spacing(spacing, a.ndim)
    if not (a.any() and b.any()):
        score = "hausdorff95 gives 0 if both are empty, and the diagonal of the image if one is"
        raise ValueError(f"expected two masks with voxels, got {a.sum()} in a and {b.sum()} in b; {score}")
    a, b = _cropped(a, b)
    surface_a, surface_b = _surface(a), _surface(b)
    to_a = distance_transform_edt(~surface_a, sampling=spacing)  # of every voxel, to the nearest one of the surface
    to_b = distance_transform_edt(~surface_b, sampling=spacing)
    return to_b[surface_a], to_a[surface_b]


def hausdorff(a: np.ndarray, b: np.ndarray, spacing: Sequence[float]) -> float:
    """Hausdorff distance in mm: from any point of either surface, the farthest to the other. One stray voxel sets it.

    Arguments, empty masks and errors as in `hausdorff95`.
    """
    return _directed(a, b, spacing, 100)


def hausdorff95(a: np.ndarray, b: np.ndarray, spacing: Sequence[float]) -> float:
    """95 % Hausdorff distance in mm: 95 of 100 points of each surface are no farther than this from the other.

    The larger of the two directed 95th percentiles (Menze et al., 2015). Others pool the distances of both directions
    before they take the percentile: that is another number.

    a, b : masks of one shape. Both empty: 0. One empty: the diagonal of the image, as BraTS scored it
    spacing : mm, one number for each axis

    A ValueError as in `dice`, and for a spacing that has not one number above 0 for each axis.
    """
    return _directed(a, b, spacing, 95)


def _directed(a: np.ndarray, b: np.ndarray, spacing: Sequence[float], percent: float) -> float:
    """The larger of the two directed percentiles of the surface distances, in mm."""
    a, b = _checked_masks(a, b)
    spacing = _checked_spacing(spacing, a.ndim)
    if not (a.any() and b.any()):
        diagonal = np.linalg.norm(np.multiply(a.shape, spacing))
        return float(diagonal) if a.any() or b.any() else 0.0
    return float(max(np.percentile(distances, percent) for distances in surface_distances(a, b, spacing)))


def surface_dice(a: np.ndarray, b: np.ndarray, spacing: Sequence[float], tolerance: float) -> float:
    """The share of both surfaces that lies within `tolerance` of the other one.

    After Nikolov et al., J. Med. Internet Res. 23(7):e26151, 2021, doi 10.2196/26151. They weigh by area; here each
    surface voxel counts once.

    a, b : masks of one shape. Both empty: 1. One empty: 0
    spacing : mm, one number for each axis
    tolerance : mm, 0 or more; exactly the tolerance is within

    A ValueError as in `hausdorff95`, and for another tolerance.
    """
    a, b = _checked_masks(a, b)
    spacing = _checked_spacing(spacing, a.ndim)
    if not 0 <= tolerance < np.inf:
        raise ValueError(f"expected a tolerance in mm, 0 or more, got {tolerance}")
    if not (a.any() and b.any()):
        return 0.0 if a.any() or b.any() else 1.0
    distances = np.concatenate(surface_distances(a, b, spacing))
    return float(np.mean(distances <= tolerance + 1e-9))  # three voxels of 1.1 mm are 3.3000000000000003 mm


def volume_error(predicted: np.ndarray, truth: np.ndarray, spacing: Sequence[float]) -> float:
    """Predicted volume minus true volume in mL (1000 cubic mm): above 0 is too much, below 0 too little.

    predicted, truth : (Z, H, W) masks; spacing : (dz, dy, dx) in mm. Errors as in `hausdorff95`, and for other axes.
    """
    predicted, truth = _checked_masks(predicted, truth, ("predicted", "truth"))
    if truth.ndim != 3:
        raise ValueError(f"expected masks of 3 axes, got shape {truth.shape}; a slice is a volume as mask[None]")
    spacing = _checked_spacing(spacing, 3)
    return float((predicted.sum() - truth.sum()) * np.prod(spacing) / 1000)


# Brain tumours as BraTS scores them: Menze et al., 2015; labels and region names as in BraTS 2023


def regions(labels: np.ndarray) -> np.ndarray:
    """The three nested regions of a label map, in the order of `REGIONS`.

    WT, the whole tumour, is labels 1, 2 and 3; TC, its core without the oedema, 1 and 3; ET, what enhances, 3.

    labels : integers, 0 background, 1 necrotic or non-enhancing core, 2 oedema, 3 enhancing tumour
    Returns (3, *labels.shape) bool. A ValueError for labels that are not integers, or not 0 to 3.
    """
    labels = _checked_labels(labels)
    return np.stack([labels > 0, (labels == 1) | (labels == 3), labels == 3])


def brats_scores(predicted: np.ndarray, truth: np.ndarray, spacing: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Dice and 95 % Hausdorff distance (mm) of WT, TC and ET, for one patient.

    predicted, truth : label maps of one shape, as in `regions`; spacing : mm, one number for each axis
    Returns dice (3,) and hd95 (3,). Empty regions as in `dice` and `hausdorff95`; errors as there and in `regions`.
    """
    pairs = list(zip(regions(predicted), regions(truth), strict=True))
    return np.array([dice(p, t) for p, t in pairs]), np.array([hausdorff95(p, t, spacing) for p, t in pairs])


def _cropped(a, b) -> tuple[np.ndarray, np.ndarray]:
    """Both masks in the smallest box that holds both: the same surfaces, in less room."""
    for axis in range(a.ndim):
        others = tuple(k for k in range(a.ndim) if k != axis)
        places = np.flatnonzero((a | b).any(axis=others))
        box = (slice(None),) * axis + (slice(places[0], places[-1] + 1),)
        a, b = a[box], b[box]
    return a, b


def _surface(mask) -> np.ndarray:
    """What goes when the mask is eroded by one voxel; SciPy's binary_erosion does the same, more slowly."""
    inner = mask.copy()
    for axis in range(mask.ndim):
        along, kept = mask.swapaxes(0, axis), inner.swapaxes(0, axis)  # views: what changes kept changes inner
        kept[1:] &= along[:-1]
        kept[:-1] &= along[1:]
        kept[0] = kept[-1] = False
    return mask & ~inner


# What comes in


def _checked_masks(a, b, names=("a", "b")) -> tuple[np.ndarray, np.ndarray]:
    a, b = _checked_mask(a, names[0]), _checked_mask(b, names[1])
    if a.shape != b.shape:
        raise ValueError(f"expected masks of one shape, on one grid of voxels, got {a.shape} and {b.shape}")
    return a, b


def _checked_mask(mask, name: str) -> np.ndarray:
    mask = np.asarray(mask)
    if mask.dtype.kind not in "biuf" or not mask.ndim:
        raise ValueError(f"{name}: expected an array of bool or of 0 and 1, got {mask.dtype} of shape {mask.shape}")
    if mask.dtype == bool:
        return mask
    other = np.unique(mask[(mask != 0) & (mask != 1)])[:5]
    if other.size:
        advice = "compare probabilities with a threshold first, as in p > 0.5"
        if not np.isfinite(other).all():
            advice = "find out where nan or infinity comes from, 0 / 0 perhaps"
        elif (other == np.round(other)).all():
            advice = "of a label map take one label, as in labels == 1, or regions(labels)"
        raise ValueError(f"{name}: expected a mask of 0 and 1, got also {other.tolist()}; {advice}")
    return mask.astype(bool)


def _checked_spacing(spacing, axes: int) -> np.ndarray:
    values = np.asarray(spacing)
    fits = values.shape == (axes,) and values.dtype.kind in "iuf" and ((values > 0) & (values < np.inf)).all()
    if not fits:
        raise ValueError(f"expected a spacing in mm, {axes} numbers above 0 in the order of the axes, got {spacing}")
    return values.astype(float)


def _checked_labels(labels) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        advice = "convert a label map with astype(np.uint8), of probabilities take argmax over the channels"
        raise ValueError(f"expected labels 0 to 3 as integers, got {labels.dtype}; {advice}")
    other = np.unique(labels[(labels < 0) | (labels > 3)])[:5].tolist()
    if other:
        old = "BraTS up to 2021 wrote enhancing tumour as 4: make that 3 first"
        raise ValueError(f"expected labels 0, 1, 2 and 3, got also {other}; {old}")
    return labels
