"""Unpacking archives without trusting what is in them."""

import contextlib
import functools
import json
import re
import shutil
import stat
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from helpers.data.download import CHUNK, disk_trouble, one_at_a_time, read_note, refuse_no_data
from helpers.data.errors import DataError
from helpers.waiting import progress_bar

MOST_MEMBERS = 200_000
MARK = ".unpacked"  # a folder with this file in it is whole


def unpack(archive: Path, folder: Path, most_bytes: int) -> Path:
    """Unpack a zip or tar (.gz, .xz, .bz2) archive into a folder of its own, whole or not at all; returns the folder.

    A folder that an earlier call made from the same archive is left as it is.

    Parameters
    ----------
    most_bytes : what the members may hold together when unpacked

    Raises
    ------
    DataError : the archive is damaged, cut short, encrypted, empty or too large, or holds links or names that lead
        elsewhere or that differ only by case; or there is something else in the folder
    """
    staging = folder.with_name(f"{folder.name}.unpacking")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        refuse_no_data(archive)
        mark = {"archive": archive.name, "bytes": archive.stat().st_size}
        with one_at_a_time(folder, f"{archive.name}: another notebook is unpacking it. Waiting until it is done."):
            if read_note(folder / MARK) == mark:
                return folder
            with contextlib.suppress(OSError):
                folder.rmdir()  # an empty one is no loss
            if folder.exists():
                raise DataError(
                    f"{folder} is there already, and is not {archive.name} unpacked and whole. Move it away first."
                )
            shutil.rmtree(staging, ignore_errors=True)  # of a process that was killed
            try:
                _fill(staging, archive, most_bytes)
                (staging / MARK).write_text(json.dumps(mark), encoding="utf-8")
                staging.rename(folder)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except OSError as trouble:
        raise DataError(disk_trouble(trouble, folder.parent)) from trouble
    return folder


def _fill(staging: Path, archive: Path, most_bytes: int) -> None:
    staging.mkdir()
    taken, total = {MARK: MARK}, 0
    bar = progress_bar(f"unpacking {archive.name}", unit="B")
    with bar, contextlib.closing(_members(archive, bar)) as listing:
        for number, (name, kind, size, content) in enumerate(listing):
            if number == MOST_MEMBERS:
                raise DataError(f"{archive} holds more than {MOST_MEMBERS:,} members. It is not unpacked.")
            if kind not in ("file", "folder"):
                raise DataError(f"{archive} is not unpacked: {name!r} in it is {kind}.")
            target = staging / _inside(archive, name, kind == "folder", taken)
            if kind == "folder":
                target.mkdir(parents=True, exist_ok=True)
                continue
            total += size
            if total > most_bytes:
                raise DataError(f"{archive} is not unpacked: it holds more than {most_bytes:,} bytes, the limit.")
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "wb") as out:
                for piece in content:
                    out.write(piece)
                    bar.update(len(piece))
    if len(taken) == 1:
        raise DataError(f"{archive} is empty.")


def _inside(archive: Path, name: str, is_folder: bool, taken: dict[str, str]) -> PurePosixPath:
    """The path of a member below the folder. taken: {path as a system that ignores case sees it: path} so far."""
    path = PurePosixPath(name)
    leads_out = path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts
    if leads_out or re.search(r"[\\\0]", name) or not (path.name or is_folder):
        raise DataError(f"{archive} is not unpacked: the name {name!r} in it may lead out of the folder.")
    for step in [*reversed(path.parents), path][1:]:  # without the "." at the front
        is_file = step == path and not is_folder
        shown = f"{step}" if is_file else f"{step}/"
        key = unicodedata.normalize("NFC", str(step)).casefold()
        if key in taken and (is_file or taken[key] != shown):
            raise DataError(f"{archive} is not unpacked: {taken[key]!r} and {shown!r} are one name on many systems.")
        taken[key] = shown
    return path


def _members(archive: Path, bar) -> Iterator[tuple[str, str, int, Iterator[bytes]]]:
    """Name, kind ("file", "folder", or what is wrong with it), bytes, and these in pieces. bar: is told the total."""
    with _reading(archive), open(archive, "rb") as stream:
        is_zip = stream.read(2) == b"PK"
        yield from _zip_members(archive, bar) if is_zip else _tar_members(archive)


def _zip_members(archive: Path, bar):
    with zipfile.ZipFile(archive) as file:
        bar.total = sum(info.file_size for info in file.infolist())  # a tar does not know
        for info in file.infolist():
            kind = "folder" if info.orig_filename.endswith("/") else "file"
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                kind = "a link or a device, not a file"
            elif info.flag_bits & 0x1:
                kind = "encrypted; unpack it by hand with its password"
            content = _pieces(archive, functools.partial(file.open, info), info.file_size)
            yield info.orig_filename, kind, info.file_size, content


def _tar_members(archive: Path):
    with tarfile.open(archive) as file:
        for info in file:
            kind = "folder" if info.isdir() else "file" if info.isfile() else "a link or a device, not a file"
            content = _pieces(archive, functools.partial(file.extractfile, info), info.size)
            yield info.name, kind, info.size, content
        # To tarfile, any end is the end. That of a whole archive is a block of zeros, and the checksum of what it is
        # packed in is looked at only once everything is read.
        file.fileobj.seek(file.offset)
        if file.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise EOFError("its end is missing")
        while file.fileobj.read(CHUNK):
            pass


def _pieces(archive: Path, opening: Callable, size: int) -> Iterator[bytes]:
    """The content of a member; never more than the size that was declared and counted."""
    done = 0
    with _reading(archive), opening() as source:
        while piece := source.read(CHUNK):
            done += len(piece)
            if done > size:
                break
            yield piece
        if done != size:
            raise EOFError(f"one of its files has not the {size:,} bytes it should have")


@contextlib.contextmanager
def _reading(archive: Path):
    """Whatever the readers raise, and on damaged files that can be anything, is told in our words."""
    try:
        yield
    except Exception as trouble:
        reason = (str(trouble) or type(trouble).__name__).splitlines()[0].rstrip(":")
        raise DataError(
            f"{archive} cannot be read ({reason}). It is cut short or damaged, or packed in a way that Python does not "
            "know. Download it again, or unpack it by hand."
        ) from trouble
