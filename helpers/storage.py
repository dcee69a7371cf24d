"""Arrays that can be made again, kept on disk."""

import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np

_TOLD: set[Path] = set()  # folders of which it was said that nothing can be stored there


def read_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays of an .npz file; None if there is none, or it is damaged, which is said."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        print(f"A stored result cannot be read ({type(error).__name__}): it is made again.")
        return None


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> bool:
    """Whole or not at all. A full or read-only disk costs the next run its time, not this run its result: False."""
    name = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".npz")
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)
        os.replace(name, path)
        return True
    except OSError as error:
        if path.parent not in _TOLD:
            _TOLD.add(path.parent)
            print(f"A result could not be stored ({error.strerror}): the next run makes it again.")
        if name is not None:
            Path(name).unlink(missing_ok=True)
        return False
