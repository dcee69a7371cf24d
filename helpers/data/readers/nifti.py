"""NIfTI, the format of brain research: one file, .nii or .nii.gz, with a 4 x 4 affine."""

import gzip
import io
import logging
import math
from pathlib import Path

import numpy as np

from helpers.data.case import Scan
from helpers.data.errors import DataError
from helpers.data.readers.files import AGAIN, check_size, existing_file, reading, to_scan

STARTS = [n.to_bytes(4, order) for n in (348, 540) for order in ("little", "big")]  # header sizes of NIfTI-1 and -2
_MM = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
_MOST_DEFLATE = 1032  # zlib cannot pack more bytes than this into one
_SILENT = logging.Logger("nifti", logging.CRITICAL + 1)  # nibabel would print what it mends; here it stands in `about`


def read_nifti(path: str | Path) -> Scan:
    """A NIfTI-1 or NIfTI-2 volume.

    NIfTI counts voxels (i, j, k) and its world runs to the right, front and head (RAS). Here voxels are (z, y, x) =
    (k, j, i) and the world runs to the left, back and head (LPS), so the signs of x and y change. The sform gives the
    affine, else the qform; without either the place is unknown, and `about["position"]` says so.

    Parameters
    ----------
    path : .nii or .nii.gz, 3-D, or 4-D with channels or time points

    Returns
    -------
    Scan with values (Z, Y, X) or (Z, Y, X, C): the file's own numbers, or float32 where it has a scale

    Raises
    ------
    DataError : not a single NIfTI file, damaged, cut short or longer than its header says, or too large

    References
    ----------
    NIfTI-1 standard, nifti.nimh.nih.gov/nifti-1
    """
    path = existing_file(path)
    with reading(path, f"is a damaged NIfTI file. {AGAIN}"):
        header, oddities, body = _parts(path)
        unit = header.get_xyzt_units()[0]
        about = {"format": "NIfTI", "units": unit}
        if oddities:
            about["header"] = oddities
        if not header["sform_code"] and not header["qform_code"]:
            about["position"] = "not in the header: the middle stands at 0, axes as most scanners of old had them"
        to_lps_mm = np.diag([-_MM[unit], -_MM[unit], _MM[unit], 1])
        return to_scan(path, _values(path, header, body), to_lps_mm @ header.get_best_affine()[:, [2, 1, 0, 3]], about)


def _parts(path: Path) -> tuple:
    """nibabel's header, what is odd in it, and the whole unpacked file."""
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else path.open("rb") as stream:
        head = stream.read(540)
        header, oddities = _header(path, head)
        shape, size = header.get_data_shape(), path.stat().st_size
        if len(shape) < 3 or min(shape) < 1:
            raise DataError(f"{path.name} has the shape {shape}, 3-D or 4-D was expected. {AGAIN}")
        claimed = math.prod(shape) * header.get_data_dtype().itemsize
        check_size(path, claimed)  # before it is unpacked: a small .gz can unpack to anything
        whole = header.get_data_offset() + claimed
        if packed and whole > size * _MOST_DEFLATE:
            raise DataError(f"{path.name} claims more voxels than so small a file can hold. {AGAIN}")
        body = head + stream.read(max(0, whole + 1 - len(head)) if packed else -1)
    if len(body) != whole:
        held = "more" if packed and len(body) > whole else len(body)
        raise DataError(f"{path.name} holds {held} bytes, but its header says {whole}. {AGAIN}")
    return header, oddities, body


def _header(path: Path, head: bytes) -> tuple:
    """nibabel's header, and what is odd in it. The first number is its size, in the byte order of the file."""
    import nibabel

    if head[:4] not in STARTS:
        raise DataError(f"{path.name} does not begin as a NIfTI file does. Check that it is the right one.")
    if head[344:348] != b"n+1\0" and head[4:8] != b"n+2\0":
        raise DataError(f"{path.name} is half of a .hdr/.img pair or damaged. Save the pair as one .nii file first.")
    kind = nibabel.Nifti1Header if STARTS.index(head[:4]) < 2 else nibabel.Nifti2Header
    block = head[: kind.sizeof_hdr]
    header = kind(block, check=False)
    header.check_fix(_SILENT)
    return header, kind.diagnose_binaryblock(block)


def _values(path: Path, header, body: bytes) -> np.ndarray:
    """Voxels (Z, Y, X) or (Z, Y, X, C)."""
    from nibabel.arrayproxy import ArrayProxy

    stored = ArrayProxy(io.BytesIO(body), header)
    values = stored.get_unscaled() if (stored.slope, stored.inter) == (1, 0) else np.asarray(stored, np.float32)
    shape = list(values.shape)
    if len(shape) == 5 and shape[3] == 1:  # channels stand on the fifth axis where the fourth is time
        del shape[3]
    while len(shape) > 3 and shape[-1] == 1:
        del shape[-1]
    if len(shape) > 4 or values.dtype.kind == "c":
        said = f"{values.ndim}-D {values.dtype} voxels"
        raise DataError(f"{path.name} holds {said}. Read it with nibabel and take a part.")
    values = values.reshape(shape, order="F")
    if values.dtype.names:  # RGB
        values = np.stack([values[name] for name in values.dtype.names], axis=-1)
    return values.astype(values.dtype.newbyteorder("="), copy=False).swapaxes(0, 2)
