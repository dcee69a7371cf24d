"""Where a voxel lies in the patient, and a volume on another grid."""

from collections.abc import Sequence

import numpy as np


def voxel_to_world(affine: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    """Voxel indices to positions in the patient.

    Parameters
    ----------
    affine : (4, 4), the last row is 0 0 0 1
    voxels : (N, 3), one voxel (i, j, k) a row, in the index order of the affine

    Returns
    -------
    (N, 3) positions in mm, one a row

    References
    ----------
    NIfTI-1 standard, section on orientation (method 3)
    """
    return voxels @ affine[:3, :3].T + affine[:3, 3]


def world_to_voxel(affine: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Positions in the patient to voxel indices, whatever way the axes run.

    Parameters
    ----------
    affine : (4, 4), the last row is 0 0 0 1
    positions : (N, 3) in mm, one a row, in the world of the affine

    Returns
    -------
    (N, 3) voxel indices, one voxel (i, j, k) a row, with fractions
    """
    return np.linalg.solve(affine[:3, :3], (positions - affine[:3, 3]).T).T


def resample_spacing(volume: np.ndarray, spacing: Sequence[float], new_spacing: Sequence[float]) -> np.ndarray:
    """A volume on a grid with another spacing, by linear interpolation.

    The first voxel stays where it is. The new grid goes on as long as it lies inside the old one.

    Parameters
    ----------
    volume : (n0, n1, ...)
    spacing, new_spacing : mm between the centres of neighbouring voxels, one number an axis

    Returns
    -------
    float64, floor((n - 1) * spacing / new_spacing) + 1 voxels along each axis
    """
    from scipy.ndimage import map_coordinates

    step = np.asarray(new_spacing, float) / np.asarray(spacing, float)
    sizes = np.floor((np.array(volume.shape) - 1) / step + 1e-9).astype(int) + 1  # 1e-9: 7 / 0.7 is 10, not 9.99...
    places = np.meshgrid(*(np.arange(size) * s for size, s in zip(sizes, step, strict=True)), indexing="ij")
    return map_coordinates(volume.astype(np.float64), places, order=1, mode="nearest")
