"""A folder of the user's own images, with or without a table of labels."""

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from helpers.data.case import Case
from helpers.data.errors import DataError
from helpers.data.registry import SPLITS, Entry
from helpers.data.sets import Files, Opened
from helpers.data.splits import split_by_name

VOLUMES, PICTURES = (".nii", ".nii.gz", ".mhd", ".mha"), (".png", ".jpg", ".jpeg", ".tif", ".tiff")
TABLE = "labels.csv"
_OURS = ("file", "label", "patient", "split", "mask")  # columns with a meaning; all others are facts of the case


@dataclass(frozen=True)
class Record:
    """One case: the file or the folder of its slices, and its row of the table."""

    path: Path
    name: str
    label: int | None = None
    patient: str | None = None
    split: str | None = None
    mask: Path | None = None
    table: dict[str, float | str] = field(default_factory=dict)


def open_folder(entry: Entry, split: str, paths: list[Path], options: dict, whole: bool) -> Opened:
    """Every DICOM folder, NIfTI, MetaImage and picture below a folder is a case.

    What is known of them comes from a table (labels.csv in the folder, or the option `labels`): a column `file` and any
    of label, patient, split, mask; further columns become facts. Without a table, pictures in subfolders have the
    name of their subfolder as class.
    """
    root = paths[0]
    if not root.is_dir():
        raise DataError(f"{root} is no folder. path= wants the folder that holds your images.")
    found = dict(sorted((path.relative_to(root).as_posix(), path) for path in _cases_below(root)))
    if not found:
        raise DataError(f"{root} holds no image that can be read: no DICOM, {', '.join(VOLUMES + PICTURES)}.")
    table = Path(options["labels"]) if options.get("labels") else root / TABLE
    notes = []
    if table.exists():
        records, classes = _from_table(table, root, found)
        if len(records) < len(found):
            notes.append(f"{len(found) - len(records)} files are not named in {table.name} and left out")
    elif options.get("labels"):
        raise DataError(f"There is no table {table}. labels= wants the path of a CSV file with a column `file`.")
    else:
        records, classes = _from_subfolders(found)
    if not any(record.patient for record in records):
        notes.append("no patient is named: images of one patient may come into two splits")
    return Opened(Files(_chosen(records, split), _read), tuple(classes), tuple(notes))


def _cases_below(root: Path) -> Iterable[Path]:
    """Files that are one case each, and folders of DICOM slices."""
    for folder, _, names in os.walk(root):
        paths = [Path(folder) / name for name in sorted(names) if not name.startswith(".")]
        dicom = [path for path in paths if _is_dicom(path)]
        if dicom:
            yield Path(folder) if Path(folder) != root or len(dicom) > 1 else dicom[0]
        yield from (path for path in paths if path.name.lower().endswith(VOLUMES + PICTURES))


def _is_dicom(path: Path) -> bool:
    """By the four letters that stand after 128 bytes, whatever the name; an index (DICOMDIR) holds no image."""
    try:
        with path.open("rb") as file:
            head = file.read(132)
    except OSError:
        return False
    return head[128:] == b"DICM" and path.name.upper() != "DICOMDIR"


def _from_subfolders(found: dict[str, Path]) -> tuple[list[Record], list[str]]:
    """Class by subfolder, if all are pictures in two or more subfolders."""
    tops = {name.split("/")[0] for name in found if "/" in name}
    if len(tops) < 2 or not all("/" in name and name.lower().endswith(PICTURES) for name in found):
        return [Record(path, name) for name, path in found.items()], []
    classes = sorted(tops)
    return [Record(path, name, classes.index(name.split("/")[0])) for name, path in found.items()], classes


def _from_table(table: Path, root: Path, found: dict[str, Path]) -> tuple[list[Record], list[str]]:
    rows = _rows(table)
    names = sorted({row["label"] for row in rows if row.get("label")}, key=lambda text: (len(text), text))
    classes = [] if all(name.isdigit() for name in names) else sorted(names)
    records, seen = [], set()
    for line, row in enumerate(rows, start=2):
        where, name = f"{table.name}, line {line}", (row.get("file") or "").replace("\\", "/").strip("/")
        if name in seen:
            raise DataError(f"{where}: {name} stands there twice.")
        seen.add(name)
        if name not in found:
            raise DataError(
                f"{where}: there is no image {name!r} in {root}. The column `file` holds paths inside the folder."
            )
        if row.get("split") and row["split"] not in SPLITS:
            raise DataError(f"{where}: split {row['split']!r}, expected {', '.join(SPLITS)} or nothing.")
        label = row.get("label") or None
        mask = root / row["mask"] if row.get("mask") else None
        if mask is not None and not mask.resolve().is_relative_to(root.resolve()):
            raise DataError(f"{where}: the mask {row['mask']} lies outside {root}.")
        records.append(
            Record(
                found[name],
                name,
                None if label is None else classes.index(label) if classes else int(label),
                row.get("patient") or None,
                row.get("split") or None,
                mask,
                {key: _number(value) for key, value in row.items() if key not in _OURS and value},
            )
        )
    return records, classes


def _rows(table: Path) -> list[dict[str, str]]:
    """The table, with commas, semicolons or tabs between its columns, as spreadsheets write them."""
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{table.name} cannot be read ({error}). Save it as CSV in UTF-8.") from error
    head = text.split("\n", 1)[0]
    between = max(",;\t", key=head.count)
    rows = list(csv.DictReader(text.splitlines(), delimiter=between))
    if not rows or "file" not in rows[0]:
        raise DataError(
            f"{table.name} needs a first line with the names of the columns, one of them `file`; it has: {head!r}."
        )
    if any(None in row or None in row.values() for row in rows):
        bad = next(k for k, row in enumerate(rows, start=2) if None in row or None in row.values())
        raise DataError(f"{table.name}, line {bad}: not as many columns as in the first line.")
    return [{key.strip(): value.strip() for key, value in row.items()} for row in rows]


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _chosen(records: list[Record], split: str) -> list[Record]:
    if split != "all" and any(record.split for record in records):
        return [record for record in records if record.split == split]
    chosen = split_by_name([record.patient or record.name for record in records], split)
    return [records[k] for k in chosen]


def _read(record: Record) -> Case:
    from helpers.data.readers import read_picture, read_scan

    def pixels(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
        if path.is_file() and path.name.lower().endswith(PICTURES):
            return read_picture(path), None
        scan = read_scan(path)
        return scan.values, scan.spacing

    image, spacing = pixels(record.path)
    flat = spacing is None
    image = image[..., None] if image.ndim == (2 if flat else 3) else image
    mask = None
    if record.mask is not None:
        mask = pixels(record.mask)[0]
        if mask.shape != image.shape[:-1]:
            raise DataError(f"The mask of {record.name} has shape {mask.shape}, the image {image.shape[:-1]}.")
        if (
            not np.issubdtype(mask.dtype, np.integer)
            and (mask != np.rint(mask)).any()
            or mask.min() < 0
            or mask.max() > 255
        ):
            raise DataError(f"The mask of {record.name} holds other numbers than 0 to 255.")
        mask = mask.astype(np.uint8)
    return Case(image, spacing, record.patient, record.label, mask, table=record.table)
