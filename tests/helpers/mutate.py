"""Damages files in ways that disks, networks and people do, and lets a reader try them in a process of its own."""

import faulthandler
import gzip
import io
import json
import os
import re
import struct
import sys
import zlib
from collections import Counter
from pathlib import Path

import numpy as np

MEMORY = 3 * 1024**3  # bytes of address space for the process
SECONDS = 5  # for one file
KINDS = ("dicom", "nii", "nii_gz", "mhd", "mha", "picture")
INTEGERS = (0, 1, -1, 2, 127, 255, 256, 32767, -32768, 65535, 2**31 - 1, -(2**31), 2**32 - 1)
FLOATS = (0.0, -1.0, 1e-30, 1e30, 3e38, float("nan"), float("inf"), -float("inf"), 352.0, 0.5)
WORDS = ("", "0", "-1", "1", "3", "99999", "99999999999999999999", "1e400", "nan", "0 0 0", "1 2", "512 512 99999")
WORDS += (
    "-1 -1 -1",
    "LOCAL",
    "LIST",
    "scan%03d.raw 1 9 1",
    "../../../../etc/passwd",
    "/dev/zero",
    "C:\\x",
    "MET_DOUBLE",
)
WORDS += ("True", "False", "\x00", "ü" * 30, "1\\2\\3", "1\\0\\0\\0\\1\\0", "1\\1\\1\\1\\1\\1", "ISO_IR 192", "1.2.3")
TAGS = {  # (group, element): type of the value, US is a number of 16 bits
    (0x0028, 0x0002): "US", (0x0028, 0x0004): "CS", (0x0028, 0x0006): "US", (0x0028, 0x0008): "IS",
    (0x0028, 0x0010): "US", (0x0028, 0x0011): "US", (0x0028, 0x0030): "DS", (0x0028, 0x0100): "US",
    (0x0028, 0x0101): "US", (0x0028, 0x0102): "US", (0x0028, 0x0103): "US", (0x0028, 0x1052): "DS",
    (0x0028, 0x1053): "DS", (0x0020, 0x0032): "DS", (0x0020, 0x0037): "DS", (0x0018, 0x0050): "DS",
    (0x0020, 0x000E): "UI", (0x0002, 0x0010): "UI", (0x0008, 0x0005): "CS", (0x0020, 0x0011): "IS",
}  # fmt: skip


# One damage each: bytes and a second file's bytes -> bytes


def flip_bits(rng, data: bytes, other: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.integers(1, 20)):
        changed[rng.integers(len(data))] ^= 1 << rng.integers(8)
    return bytes(changed)


def flip_in_header(rng, data: bytes, other: bytes) -> bytes:
    return flip_bits(rng, data[:600], other) + data[600:]


def cut(rng, data: bytes, other: bytes) -> bytes:
    return data[: rng.integers(len(data))]


def lose_a_piece(rng, data: bytes, other: bytes) -> bytes:
    start, end = np.sort(rng.integers(len(data), size=2))
    return data[:start] + data[end:]


def overwrite_a_number(rng, data: bytes, other: bytes) -> bytes:
    order = rng.choice(["<", ">"])
    if rng.random() < 0.6:
        kind = rng.choice(["B", "H", "I", "Q"])
        number = struct.pack(order + kind, int(rng.choice(INTEGERS)) % 256 ** struct.calcsize(order + kind))
    else:
        number = struct.pack(order + rng.choice(["f", "d"]), rng.choice(FLOATS))
    where = rng.integers(min(len(data), 600 if rng.random() < 0.8 else len(data)))
    return data[:where] + number + data[where + len(number) :]


def splice(rng, data: bytes, other: bytes) -> bytes:
    start, end = np.sort(rng.integers(len(other), size=2))
    where = rng.integers(len(data))
    return data[:where] + other[start:end] + data[where + (end - start) * rng.integers(2) :]


def repeat(rng, data: bytes, other: bytes) -> bytes:
    start, end = np.sort(rng.integers(len(data), size=2))
    return data[:end] + data[start:end] * int(rng.integers(1, 4)) + data[end:]


def put_text(rng, data: bytes, other: bytes) -> bytes:
    where = rng.integers(len(data)) * rng.integers(2)
    text = rng.choice(
        [b"<!DOCTYPE html><html>404</html>", b"version https://git-lfs.github.com/spec/v1\n", b"\r\n" * 40]
    )
    return data[:where] + bytes(text) + data[where:]


def nothing_but_noise(rng, data: bytes, other: bytes) -> bytes:
    return data[: rng.integers(200)] + rng.bytes(int(rng.integers(1, 2000)))


# Damage that keeps the form, so that it gets past the first checks


def change_dicom_value(rng, data: bytes, other: bytes) -> bytes:
    """One value of an explicit little-endian file, its length put right."""
    tag = list(TAGS)[rng.integers(len(TAGS))]
    where = data.find(struct.pack("<HH", *tag) + TAGS[tag].encode())
    if where < 0:
        return flip_bits(rng, data, other)
    length = struct.unpack_from("<H", data, where + 6)[0]
    if TAGS[tag] == "US":
        value = struct.pack("<H", int(rng.choice(INTEGERS)) % 65536)
    else:
        value = rng.choice(WORDS).encode()
        value += b" " * (len(value) % 2)
    return data[: where + 6] + struct.pack("<H", len(value)) + value + data[where + 8 + length :]


def change_nifti_value(rng, data: bytes, other: bytes) -> bytes:
    if rng.random() < 0.5:
        where, number = 40 + 2 * rng.integers(8), struct.pack("<h", int(rng.choice(INTEGERS)) % 32768)
        where = where if rng.random() < 0.7 else rng.choice([70, 72, 123, 252, 254])
    else:
        where, number = rng.choice([76, 80, 84, 88, 108, 112, 116, 256, 268, 280, 300, 320]), rng.choice(FLOATS)
        number = struct.pack("<f", number)
    return data[:where] + number + data[where + len(number) :]


def change_line(rng, data: bytes, other: bytes) -> bytes:
    lines = data.split(b"\n")
    named = [k for k, line in enumerate(lines[:20]) if b" = " in line]
    if not named:
        return flip_bits(rng, data, other)
    k = rng.choice(named)
    lines[k] = lines[k].split(b" = ")[0] + b" = " + rng.choice(WORDS).encode()
    return b"\n".join(lines)


def mend_png(data: bytes) -> bytes:
    """The checksum of every chunk made right again."""
    out, at = data[:8], 8
    while at + 12 <= len(data):
        length = struct.unpack_from(">I", data, at)[0]
        chunk = data[at + 4 : at + 8 + length]
        out += struct.pack(">I", length) + chunk + struct.pack(">I", zlib.crc32(chunk))
        at += 12 + length
    return out


def change_picture_size(rng, data: bytes, other: bytes) -> bytes:
    start = 16 if data[:4] == b"\x89PNG" else data.find(b"\xff\xc0") + 5
    size = struct.pack(">I" if start == 16 else ">H", int(rng.choice(INTEGERS)) % (2**32 if start == 16 else 65536))
    return data[:start] + size + data[start + len(size) :]


ANY = (flip_bits, flip_in_header, cut, lose_a_piece, overwrite_a_number, splice, repeat, put_text, nothing_but_noise)
OWN = {"dicom": change_dicom_value, "nii": change_nifti_value, "nii_gz": change_nifti_value}
OWN |= {"mhd": change_line, "mha": change_line, "picture": change_picture_size}


def damaged(kind: str, rng, data: bytes, other: bytes) -> bytes:
    if kind == "nii_gz" and rng.random() < 0.7:  # below the compression, which has a checksum
        return gzip.compress(damaged("nii", rng, gzip.decompress(data), gzip.decompress(other)), 1)
    how = OWN[kind] if rng.random() < 0.5 else ANY[rng.integers(len(ANY))]
    data = how(rng, data, other) or b"\0"
    return mend_png(data) if data[:4] == b"\x89PNG" and rng.random() < 0.7 else data


# Whole files to start from: for each case its files, the first of which is read


def seeds(kind: str) -> list[dict[str, bytes]]:
    if kind == "dicom":
        return _dicom_seeds()
    if kind == "picture":
        return [{"picture.png": data} for data in _pictures()]
    if kind in ("mhd", "mha"):
        return _metaimages(kind)
    import nibabel

    folder = Path(nibabel.__file__).parent / "tests" / "data"
    names = (
        "anatomical.nii",
        "functional.nii",
        "reoriented_anat_moved.nii",
        "standard.nii.gz",
        "example_nifti2.nii.gz",
    )
    files = [folder / name for name in names] + _real("msd_hippocampus", "*/hippocampus_0*1.nii.gz")
    plain = [gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes() for file in files]
    return [{"a.nii": data} if kind == "nii" else {"a.nii.gz": gzip.compress(data, 1)} for data in plain]


def _real(folder: str, pattern: str) -> list[Path]:
    root = os.environ.get("COURSE_TEST_DATA")
    return sorted(Path(root, folder).glob(pattern))[:3] if root else []


def _dicom_seeds() -> list[dict[str, bytes]]:
    from pydicom.data import get_testdata_file

    names = ("CT_small", "MR_small", "MR_small_RLE", "MR_small_bigendian", "MR_small_implicit", "MR_small_jp2klossless")
    names += ("SC_rgb_dcmtk_+eb+cr", "SC_rgb_small_odd", "SC_rgb_rle", "SC_rgb_small_odd_jpeg")
    files = [Path(get_testdata_file(f"{name}.dcm")) for name in names] + _real("ct_cptac_lscc", "*.dcm")[:1]
    slices = sorted(Path(get_testdata_file("DICOMDIR")).parent.glob("98892001/CT5N/*"))
    stack = {f"slice{k}.dcm": file.read_bytes() for k, file in enumerate(slices)}
    return [{"a.dcm": file.read_bytes()} for file in files] + [{"a.dcm": _many_frames()}, stack, stack, stack]


def _many_frames() -> bytes:
    """One file of three frames, each with its place."""
    import pydicom
    from pydicom.data import get_testdata_file

    dataset = pydicom.dcmread(get_testdata_file("liver_1frame.dcm"))
    dataset.NumberOfFrames = len(dataset.PerFrameFunctionalGroupsSequence)
    dataset.PixelData = dataset.PixelData * dataset.NumberOfFrames
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


def _pictures() -> list[bytes]:
    from PIL import Image

    rng = np.random.default_rng(0)
    grey, colour = rng.integers(0, 256, (40, 50), np.uint8), rng.integers(0, 256, (40, 50, 3), np.uint8)
    plain = Image.fromarray(colour)
    deep = Image.fromarray(rng.integers(0, 65536, (40, 50), np.uint16))
    files = []
    for picture, form, more in (
        (Image.fromarray(grey), "PNG", {}), (plain, "PNG", {}), (deep, "PNG", {}), (plain.quantize(16), "PNG", {}),
        (plain.convert("RGBA"), "PNG", {}), (plain, "JPEG", {}), (Image.fromarray(grey), "JPEG", {"progressive": True}),
        (deep, "TIFF", {}), (plain, "TIFF", {"compression": "tiff_lzw"}), (plain, "TIFF", {"compression": "jpeg"}),
        (Image.fromarray(grey), "TIFF", {"compression": "tiff_adobe_deflate"}),
    ):  # fmt: skip
        stream = io.BytesIO()
        picture.save(stream, form, **more)
        files.append(stream.getvalue())
    return files


def _metaimages(kind: str) -> list[dict[str, bytes]]:
    rng, found = np.random.default_rng(0), []
    for dtype, name in (("<i2", "SHORT"), ("u1", "UCHAR"), ("<f4", "FLOAT")):
        for packed in (False, True):
            voxels = rng.integers(0, 100, (4, 6, 5)).astype(dtype).tobytes()
            voxels = zlib.compress(voxels) if packed else voxels
            where = "LOCAL" if kind == "mha" else "a.zraw" if packed else "a.raw"
            header = (
                "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
                f"CompressedData = {packed}\nCompressedDataSize = {len(voxels)}\n"
                "TransformMatrix = 1 0 0 0 -1 0 0 0 1\nOffset = -10 20.5 30\n"
                f"ElementSpacing = 0.7 0.8 2.5\nDimSize = 5 6 4\nElementType = MET_{name}\nElementDataFile = {where}\n"
            ).encode()
            found.append({"a.mha": header + voxels} if kind == "mha" else {"a.mhd": header, where: voxels})
    return found


# The process that tries them


def try_all(kind: str, count: int, seed: int, folder: Path) -> dict:
    """How often a reader read and refused, and everything else that came of it."""
    from helpers.data.errors import DataError
    from helpers.data.readers import read_dicom, read_metaimage, read_nifti, read_picture

    read = {"dicom": read_dicom, "picture": read_picture, "mhd": read_metaimage, "mha": read_metaimage}.get(
        kind, read_nifti
    )
    whole, outcomes, wrong = seeds(kind), Counter(), []
    for k in range(-len(whole), count):  # first all of them undamaged
        rng = np.random.default_rng([seed, KINDS.index(kind), max(k, 0)])
        files = dict(whole[k] if k < 0 else whole[rng.integers(len(whole))])
        if k >= 0:
            name = list(files)[0] if len(files) == 2 and rng.random() < 0.8 else rng.choice(list(files))
            other = whole[rng.integers(len(whole))]
            files[name] = damaged(kind, rng, files[name], other.get(name) or next(iter(other.values())))
        place = folder / str(k)
        place.mkdir()
        for name, data in files.items():
            (place / name).write_bytes(data)
        path = place if len(files) > 2 else place / next(iter(files))
        print(f"{kind} {k}", file=sys.stderr, flush=True)  # the last one printed is the one that hung or crashed
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        try:
            found = read(path)
            outcomes["read" if k >= 0 else "undamaged read"] += 1
            wrong += [f"{k}: {said}" for said in _oddities(found)]
        except DataError as error:
            outcomes["refused" if k >= 0 else "undamaged refused"] += 1
            wrong += [f"{k}: {said}: {error}" for said in _faults(str(error), [path.name, *files])]
            if isinstance(error.__cause__, MemoryError):
                wrong.append(f"{k}: asked for too much memory")
        except BaseException as error:
            wrong.append(f"{k}: {type(error).__name__}: {error}")
        faulthandler.cancel_dump_traceback_later()
        for name in files:
            (place / name).unlink()
    return {"outcomes": outcomes, "wrong": wrong}


def _faults(message: str, names: list[str]) -> list[str]:
    """What is wrong with a message: it names a file and says it in one or two sentences."""
    first = message.split(":\n")[0]  # below it a list of series may stand
    sentences = re.split(r"[.!?]\s+", first.strip())
    faults = [] if any(name in message for name in names) else ["no file is named"]
    faults += ["too many sentences"] * (len(sentences) > 2) + ["too long"] * (len(first) > 300)
    return faults


def _oddities(found) -> list[str]:
    if isinstance(found, np.ndarray):
        good = found.dtype in (np.uint8, np.uint16) and (found.ndim == 2 or found.shape[2:] == (3,)) and found.size
    else:
        good = found.values.ndim in (3, 4) and found.values.size and np.isfinite(found.affine).all()
        good = good and np.allclose(np.linalg.norm(found.affine[:3, :3], axis=0), found.spacing)
    return [] if good else ["read, but not as promised"]


if __name__ == "__main__":
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    print(json.dumps(try_all(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))))
