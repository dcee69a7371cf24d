"""Medical image files as arrays: DICOM, NIfTI, MetaImage, and plain pictures.

Every reader of volumes gives a `Scan`: the voxels as the file holds them, nothing resampled or flipped, and the affine
that says where they lie. A file is judged before it is trusted: what its header claims must fit its size.
"""

from pathlib import Path

from helpers.data.case import Scan
from helpers.data.errors import DataError
from helpers.data.readers.dicom import read_dicom
from helpers.data.readers.files import existing_file, reading
from helpers.data.readers.metaimage import read_metaimage
from helpers.data.readers.nifti import STARTS, read_nifti
from helpers.data.readers.pictures import SIGNATURES, read_picture

__all__ = ["read_dicom", "read_metaimage", "read_nifti", "read_picture", "read_scan"]


def read_scan(path: str | Path) -> Scan:
    """A volume, by the reader that fits what lies there.

    Parameters
    ----------
    path : a folder of DICOM files, or a file: DICOM, NIfTI (.nii, .nii.gz) or MetaImage (.mhd, .mha). The first bytes
        decide, the ending only where they say nothing.

    Returns
    -------
    Scan, as `read_dicom`, `read_nifti` or `read_metaimage` give it

    Raises
    ------
    DataError : nothing that can be read lies there, or it is damaged
    """
    if Path(path).is_dir():
        return read_dicom(path)
    path = existing_file(path)
    with reading(path), path.open("rb") as stream:
        head = stream.read(1024)
    name = path.name.lower()
    if head[128:132] == b"DICM" or name.endswith(".dcm"):  # what stands before DICM is free
        return read_dicom(path)
    if head.startswith(SIGNATURES):
        raise DataError(f"{path.name} is a picture, which has no place in space. Read it with read_picture.")
    if head.startswith((b"\x1f\x8b", *STARTS)) or name.endswith((".nii", ".nii.gz")):
        return read_nifti(path)
    if b"NDims" in head or name.endswith((".mhd", ".mha")):
        return read_metaimage(path)
    raise DataError(f"{path.name} is no DICOM, NIfTI or MetaImage file. Check that it is the right one.")
