"""What all readers share: a file is judged before it is trusted, and trouble comes as one DataError."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from helpers.data.case import Scan
from helpers.data.errors import DataError

MAX_BYTES = 2 * 1024**3  # no array above this, whatever a header claims
AGAIN = "Download or copy it again."


def existing_file(path: str | Path) -> Path:
    """The path, once it is sure that a file of a bearable size lies there."""
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path.name} is a folder, a file was expected. Give the file inside it.")
    if not path.is_file():
        raise DataError(f"There is no file {path.name} in {path.parent}. Check the name and the folder.")
    size = path.stat().st_size
    if not size:
        raise DataError(f"{path.name} is empty. {AGAIN}")
    if size > MAX_BYTES:
        raise DataError(f"{path.name} is larger than {_gigabytes(MAX_BYTES)}, the most that is read here.")
    return path


@contextmanager
def reading(path: Path, trouble: str = f"is damaged. {AGAIN}") -> Iterator[None]:
    """Around the calls of libraries: on bad files they warn and raise all sorts of things, here one DataError comes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except DataError:
            raise
        except Exception as error:
            if getattr(error, "errno", None):  # the disk's; an OSError without a number is a decoder's
                trouble = f"cannot be read: {error.strerror}."
            raise DataError(f"{path.name} {trouble}") from error


def check_size(path: Path, claimed: int) -> None:
    """A header's claim is refused before memory is asked for."""
    if not 0 < claimed <= MAX_BYTES:
        said = "no voxels" if claimed <= 0 else f"{_gigabytes(claimed)} of voxels"
        raise DataError(f"{path.name} claims {said}, up to {_gigabytes(MAX_BYTES)} can be read. {AGAIN}")


def to_scan(path: Path, values: np.ndarray, affine: np.ndarray, about: dict[str, str]) -> Scan:
    """A Scan whose voxels have a place and a size: lengths of the affine's columns, from a micrometre to a metre."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or not np.all((spacing >= 1e-3) & (spacing <= 1e3)):
        sizes = " x ".join(f"{size:.3g}" for size in spacing)
        raise DataError(f"{path.name} gives voxels of {sizes} mm (z, y, x), which cannot be: its header is damaged.")
    if abs(np.linalg.det(affine[:3, :3] / spacing)) <= 0.1:  # 1 at right angles; a tilted gantry leaves 0.85 and more
        raise DataError(f"{path.name} gives voxel axes that lie in one plane, which cannot be: its header is damaged.")
    return Scan(values, spacing, affine, about)


def _gigabytes(size: int) -> str:
    return f"{size / 1024**3:.3g} GB"
