"""The MNI152 brain that ships inside nilearn: an average of 152 heads at 1 mm, with its tissue maps.

ICBM 2009a nonlinear symmetric template (Fonov and others, NeuroImage 54, 2011, doi 10.1016/j.neuroimage.2010.07.033).
Copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill
University. Permission to use, copy, modify, and distribute this software and its documentation for any purpose and
without fee is hereby granted, provided that the above copyright notice appear in all copies. The authors and McGill
University make no representations about the suitability of this software for any purpose. It is provided "as is"
without express or implied warranty. The authors are not responsible for any data loss, equipment damage, property loss,
or injury to subjects or patients resulting from the use or misuse of this software package.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_FILES = {"t1": "t1", "grey": "gm", "white": "wm"}  # our name -> the part of the file's name


@dataclass(frozen=True)
class Volume:
    """values (I, J, K) uint8; affine (4, 4): voxel (i, j, k, 1) to world (x, y, z, 1) in mm, RAS; spacing (3,) mm."""

    values: np.ndarray
    affine: np.ndarray
    spacing: np.ndarray


def load_mni152(kind: str = "t1") -> Volume:
    """The template brain, skull taken off.

    Parameters
    ----------
    kind : "t1" the T1-weighted average, 0 outside the brain; "grey" or "white" the probability of that tissue, 255 is 1

    Returns
    -------
    Volume of (197, 233, 189) voxels of 1 mm; i runs to the right, j to the front, k upwards (RAS)

    Raises
    ------
    ValueError : another kind
    ModuleNotFoundError : nilearn, in which the files lie, is not installed
    """
    if kind not in _FILES:
        raise ValueError(f"expected one of {', '.join(map(repr, _FILES))}, got {kind!r}")
    import nibabel

    image = nibabel.load(_folder() / f"mni_icbm152_{_FILES[kind]}_tal_nlin_sym_09a_converted.nii.gz")
    spacing = np.array(image.header.get_zooms(), float)
    return Volume(np.asarray(image.dataobj), image.affine, spacing)


def _folder() -> Path:
    """Found without importing nilearn, which takes seconds."""
    spec = importlib.util.find_spec("nilearn")
    if spec is None:
        raise ModuleNotFoundError("The MNI152 brain lies inside nilearn, which is not installed: pip install nilearn")
    return Path(spec.origin).parent / "datasets" / "data"
