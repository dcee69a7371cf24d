"""What every part of course.py shares. Standard library only; reads on Python 3.7 and newer."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

COURSE = "python course.py" if os.name == "nt" else "python3 course.py"


class Problem(Exception):
    """Something the person at the keyboard can mend: printed as it stands, without a traceback, exit code 1."""


def say(text: str = "") -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


def relative(path: Path, root: Path) -> str:
    """The path as seen from the course folder, where it lies inside it."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return str(path)


def make_folder(folder: Path, root: Path) -> Path:
    """Make `folder` and make sure that it can be written.

    Raises
    ------
    Problem
        If the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Problem(
            f"The folder {relative(folder, root)} in {root} cannot be written ({error.strerror}).\n"
            "Copy the course into a folder of your own and run the command there."
        ) from error
    return folder


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that readers see either as it was or complete, never half."""
    part = _written_beside(path, data)
    try:
        os.replace(part, path)
    except BaseException:  # Ctrl-C too leaves no half of it behind
        part.unlink()
        raise


def write_new(path: Path, data: bytes) -> bool:
    """Write a complete file only if there is none of that name; return whether it was written."""
    part = _written_beside(path, data)
    try:
        os.link(part, path)  # fails where the name is taken: no gap between looking and writing
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        return _write_new_directly(path, data)
    finally:
        part.unlink()
    return True


def _write_new_directly(path: Path, data: bytes) -> bool:
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        return False
    return True


def _written_beside(path: Path, data: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    # mkstemp makes files that only the owner reads; a class folder is often shared with a group.
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(name, 0o666 & ~mask)
    return Path(name)
