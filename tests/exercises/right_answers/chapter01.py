"""Other right answers to the exercises of chapter 01."""

import numpy as np


def _hounsfield_loops(stored, slope, intercept):
    out = np.empty(stored.shape)
    for place in np.ndindex(stored.shape):
        out[place] = intercept + slope * float(stored[place])
    return out


def _hounsfield_float(stored, slope, intercept):
    return intercept + np.float64(slope) * stored.astype(np.float64)


def _window_from_ends(hu, level, width):
    low, high = level - 0.5 - (width - 1) / 2, level - 0.5 + (width - 1) / 2
    grey = np.interp(hu, [low, high], [0, 255])
    return np.round(grey).astype("uint8")


def _window_loops(hu, level, width):
    out = np.zeros(hu.shape, np.uint8)
    for place in np.ndindex(hu.shape):
        grey = ((hu[place] - (level - 0.5)) / (width - 1) + 0.5) * 255
        out[place] = round(float(min(max(grey, 0), 255)))
    return out


def _world_homogeneous(affine, voxels):
    ones = np.ones((len(voxels), 1))
    return (affine @ np.hstack([voxels, ones]).T).T[:, :3]


def _world_columns(affine, voxels):
    return np.array([i * affine[:3, 0] + j * affine[:3, 1] + k * affine[:3, 2] + affine[:3, 3] for i, j, k in voxels])


def _resample_axis_by_axis(volume, spacing, new_spacing):
    out = volume.astype(float)
    for axis in range(volume.ndim):
        old = np.arange(volume.shape[axis]) * spacing[axis]
        new = np.arange(0, old[-1] + 1e-9, new_spacing[axis])
        out = np.apply_along_axis(lambda line, new=new, old=old: np.interp(new, old, line), axis, out)
    return out


def _resample_interpolator(volume, spacing, new_spacing):
    from scipy.interpolate import RegularGridInterpolator

    axes = [np.arange(n) * s for n, s in zip(volume.shape, spacing, strict=True)]
    new = [np.arange(int((a[-1] + 1e-9) // s) + 1) * s for a, s in zip(axes, new_spacing, strict=True)]
    grid = np.stack(np.meshgrid(*new, indexing="ij"), axis=-1)
    return RegularGridInterpolator(axes, volume.astype(float), bounds_error=False, fill_value=None)(grid)


def _split_by_choice(patients, test_share, rng):
    names = sorted(set(patients.tolist()))
    chosen = set(rng.choice(names, size=max(1, round(test_share * len(names))), replace=False).tolist())
    return np.array([name in chosen for name in patients.tolist()])


def _split_by_shuffling(patients, test_share, rng):
    names = np.unique(patients)
    rng.shuffle(names)
    test = np.zeros(len(patients), dtype=bool)
    for name in names[: int(np.ceil(test_share * len(names)))]:
        test[patients == name] = True
    return test


def _hounsfield_polynomial(stored, slope, intercept):
    return np.polyval([float(slope), float(intercept)], stored.astype(float))


def _window_piece_by_piece(hu, level, width):
    darkest, brightest = level - width / 2, level + width / 2 - 1
    black, white = hu <= darkest, hu >= brightest
    between = ~(black | white)
    out = np.zeros(hu.shape, np.uint8)
    out[white] = 255
    out[between] = np.rint((hu[between] - darkest) * 255 / (brightest - darkest))
    return out


def _world_point_by_point(affine, voxels):
    points = [affine @ [*voxel, 1] for voxel in voxels.reshape(-1, 3)]
    return np.array(points, float).reshape(-1, 4)[:, :3].reshape(voxels.shape)


def _resample_along_each_axis(volume, spacing, new_spacing):
    step = [new / old for new, old in zip(new_spacing, spacing, strict=False)]
    sizes = [int((n - 1) / s + 1e-9) + 1 for n, s in zip(volume.shape, step, strict=False)]
    result = volume.astype(float)
    for axis in range(volume.ndim):
        places = np.arange(sizes[axis]) * step[axis]
        below = np.minimum(places.astype(int), result.shape[axis] - 1)
        above = np.minimum(below + 1, result.shape[axis] - 1)
        share = np.expand_dims(places - below, [k for k in range(volume.ndim) if k != axis])
        result = result.take(below, axis) * (1 - share) + result.take(above, axis) * share
    return result


def _split_by_numbers(patients, test_share, rng):
    names, which = np.unique(patients, return_inverse=True)
    rank = np.argsort(rng.random(len(names))).argsort()
    return (rank < max(1, round(test_share * len(names))))[which]


RIGHT = {
    "1.4": [_hounsfield_loops, _hounsfield_float, _hounsfield_polynomial],
    "1.5": [_window_from_ends, _window_loops, _window_piece_by_piece],
    "1.9": [_world_homogeneous, _world_columns, _world_point_by_point],
    "1.10": [_resample_axis_by_axis, _resample_interpolator, _resample_along_each_axis],
    "1.14": [_split_by_choice, _split_by_shuffling, _split_by_numbers],
}
