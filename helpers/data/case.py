"""What every set gives: one image or scan at a time, with all that is known about it."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Findings:
    """Round things in a chest, n of them.

    centres (n, 2) or (n, 3) float32: the middle as an index (y, x) of a slice or (z, y, x) of a scan, the middle of
    the first pixel being 0; diameters_mm (n,) float32 of the whole thing, also where a slice cuts it off-centre;
    kinds (n,) of str; boxes (n, 4) float32 (y0, x0, y1, x1) around what a slice shows of it, None for a scan: edges,
    so that the first pixel goes from 0 to 1 and image[y0:y1, x0:x1] is what lies inside.
    """

    centres: np.ndarray
    diameters_mm: np.ndarray
    kinds: np.ndarray
    boxes: np.ndarray | None = None


@dataclass(frozen=True, repr=False)
class Case:
    """One image or scan with its truth. What a set does not have is None.

    image (H, W, C), or (Z, H, W, C) for a scan; spacing (2,) or (3,) mm from one row (slice) to the next, in the order
    of the axes; None where the source tells none; patient: a name that all images of one patient share, None if
    unknown; label: a number of the set's classes; mask (H, W) or (Z, H, W) uint8, a number of the set's tissues a
    pixel; nodules: what is to be found; excluded: findings that count neither way; table: clinical facts by name;
    affine (4, 4) as of a `Scan`, of a scan read from a file.
    """

    image: np.ndarray
    spacing: np.ndarray | None
    patient: str | None = None
    label: int | None = None
    mask: np.ndarray | None = None
    nodules: Findings | None = None
    excluded: Findings | None = None
    table: dict[str, float | str] = field(default_factory=dict)
    affine: np.ndarray | None = None

    def __repr__(self) -> str:
        facts = []
        for name, value in vars(self).items():
            if isinstance(value, Findings):
                facts.append(f"{name}: {len(value.kinds)}")
            elif isinstance(value, np.ndarray) and value.size > 3:
                facts.append(f"{name} {value.shape} {value.dtype}")
            elif value is not None and not (name == "table" and not value):
                facts.append(f"{name} {value}")
        return f"Case({', '.join(facts)})"


@dataclass(frozen=True)
class Scan:
    """A volume as a file held it.

    values (Z, Y, X), or (Z, Y, X, C) with several channels; spacing (3,) mm (z, y, x); affine (4, 4): voxel
    (z, y, x, 1) to world (x, y, z, 1) in mm, x to the patient's left, y to the back, z to the head (LPS, as in DICOM);
    about: facts from the header that do not name the patient.
    """

    values: np.ndarray
    spacing: np.ndarray
    affine: np.ndarray
    about: dict[str, str] = field(default_factory=dict)
