"""MetaImage, the format of ITK and LUNA16: a header in words (.mhd) with its voxels beside it, or both in one (.mha).

A small reader of our own: SimpleITK, which reads it too, takes 260 MB. A test holds one against the other.
"""

import math
import zlib
from pathlib import Path

import numpy as np

from helpers.data.case import Scan
from helpers.data.errors import DataError
from helpers.data.readers.files import AGAIN, check_size, existing_file, reading, to_scan

_TYPES = {"CHAR": "i1", "UCHAR": "u1", "SHORT": "i2", "USHORT": "u2", "INT": "i4", "UINT": "u4", "LONG": "i4"}
_TYPES |= {"ULONG": "u4", "LONG_LONG": "i8", "ULONG_LONG": "u8", "FLOAT": "f4", "DOUBLE": "f8"}
_OTHER_NAMES = {"ElementSize": "ElementSpacing", "Origin": "Offset", "Position": "Offset"}
_OTHER_NAMES |= {"Rotation": "TransformMatrix", "Orientation": "TransformMatrix"}
_OTHER_NAMES |= {"ElementByteOrderMSB": "BinaryDataByteOrderMSB"}


def read_metaimage(path: str | Path) -> Scan:
    """A three-dimensional MetaImage.

    Each row of TransformMatrix is the direction of one axis of the file, x first, in the patient's (x, y, z): a -1
    turns that axis round. The voxels stay as they are, the affine tells.

    Parameters
    ----------
    path : .mhd with its .raw or .zraw in the same folder, or .mha

    Returns
    -------
    Scan with values (Z, Y, X) or (Z, Y, X, C), the type of the file

    Raises
    ------
    DataError : damaged, not 3-D, text instead of binary voxels, voxels in several files or another folder, the wrong
        number of bytes, or too large

    References
    ----------
    itk.org/Wiki/ITK/MetaIO/Documentation
    """
    path = existing_file(path)
    with reading(path, f"has a damaged header. {AGAIN}"):
        header, end = _header(path)
        if header["NDims"] != "3" or not _truth(header, "BinaryData", "true"):
            raise DataError(f"{path.name} is not a 3-D binary MetaImage. Convert it with SimpleITK first.")
        shape = [int(size) for size in header["DimSize"].split()][::-1]
        channels = int(header.get("ElementNumberOfChannels", 1))
        if len(shape) != 3 or min(*shape, channels) < 1:
            raise DataError(f"{path.name} has a damaged header: DimSize is {header['DimSize']!r:.60}. {AGAIN}")
        shape += [channels] if channels > 1 else []
        dtype = np.dtype(_TYPES[header["ElementType"].removeprefix("MET_").removesuffix("_ARRAY")])
        spacing = _numbers(path, header, "ElementSpacing", "1 1 1")
        axes = _numbers(path, header, "TransformMatrix", "1 0 0 0 1 0 0 0 1").reshape(3, 3)
        if np.abs(axes @ axes.T - np.eye(3)).max() > 1e-3 or min(spacing) <= 0:
            raise DataError(f"{path.name} has a damaged header: its axes or its spacing cannot be. {AGAIN}")
        affine = np.eye(4)
        affine[:3, :3] = (axes.T * spacing)[:, ::-1]  # columns for x, y, z, turned to z, y, x
        affine[:3, 3] = _numbers(path, header, "Offset", "0 0 0")
        voxels = _voxels(path, header, end, math.prod(shape) * dtype.itemsize)
        most_first = _truth(header, "BinaryDataByteOrderMSB")
        values = np.frombuffer(voxels, dtype.newbyteorder(">" if most_first else "<")).reshape(shape).astype(dtype)
        about = {"format": "MetaImage"}
        if "Offset" not in header or "TransformMatrix" not in header:
            about["position"] = "not or half in the header: the first voxel at 0, axes along the patient's, stand in"
        return to_scan(path, values, affine, about)


def _header(path: Path) -> tuple[dict[str, str], int]:
    """Keys and values, and the number of bytes they take. ElementDataFile is the last line."""
    header, end = {}, 0
    with path.open("rb") as stream:
        lines = stream.read(10_000).splitlines(keepends=True)
    for line in lines:
        end += len(line)
        key, equals, value = map(str.strip, line.decode("latin-1").partition("="))
        if equals:
            header[key] = value
        if not equals or key == "ElementDataFile":
            break
    for name, key in _OTHER_NAMES.items():
        if name in header:
            header.setdefault(key, header[name])
    for key in ("NDims", "DimSize", "ElementSpacing", "ElementType", "ElementDataFile"):
        if key not in header:
            raise DataError(f"{path.name} is no whole MetaImage header: it has no line {key} = ... {AGAIN}")
    return header, end


def _truth(header: dict[str, str], key: str, default: str = "false") -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[header.get(key, default).lower()]


def _numbers(path: Path, header: dict[str, str], key: str, default: str) -> np.ndarray:
    said = header.get(key, default)
    numbers = np.array([float(number) for number in said.split()])
    if len(numbers) != len(default.split()) or not np.isfinite(numbers).all():
        raise DataError(f"{path.name} has a damaged header: {key} is {said!r:.60}. {AGAIN}")
    return numbers


def _voxels(path: Path, header: dict[str, str], end: int, claimed: int) -> bytes:
    """As many bytes as the header claims, from one file in the same folder: a header may not send its reader around."""
    check_size(path, claimed)
    name, packed, source = header["ElementDataFile"], _truth(header, "CompressedData"), path
    if name.upper() != "LOCAL":
        source, end = path.parent / name, 0
        if set(name) & set("/\\:\0") or not source.is_file():
            raise DataError(f"{path.name} has its voxels in {name!r:.60}, no file beside it. Put both in one folder.")
    with reading(source, f"holds damaged voxels of {path.name}. {AGAIN}"), source.open("rb") as stream:
        stream.seek(end)
        if packed:
            unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # zlib or gzip
            voxels = unpacker.decompress(stream.read(), claimed + 1)
            if len(voxels) != claimed or not unpacker.eof:
                raise DataError(f"{source.name} does not unpack to the {claimed} bytes that {path.name} says. {AGAIN}")
            return voxels
        held = source.stat().st_size - end
        if held != claimed:
            raise DataError(f"{source.name} holds {held} bytes of voxels, {path.name} says {claimed}. {AGAIN}")
        return stream.read()
