"""A folder of the user's own images, with or without a table of labels."""

import csv
import functools
import os
import posixpath
import re
import unicodedata
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
MASKS = {"mask", "masks", "labelstr", "segmentation", "segmentations"}  # folders
SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
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
    """Every DICOM folder, NIfTI, MetaImage and picture below a folder is a case, but what lies in folders of masks.

    What is known of them comes from a table (labels.csv in the folder, or the option `labels`): a column `file` and any
    of label, patient, split, mask; further columns become facts. Without a table, pictures in subfolders have the
    name of their subfolder as class; subfolders train, val, test above them are splits.
    """
    root, alone = paths[0], paths[0].is_file()
    below = [root] if alone else _cases_below(root)
    root = root.parent if alone else root
    found = dict(sorted((path.relative_to(root).as_posix(), path) for path in below))
    if not found:
        raise DataError(f"{root} holds no image that can be read: no DICOM, {', '.join(VOLUMES + PICTURES)}.")
    notes = []
    table = None if alone else _table(root, options.get("labels"))
    if table is not None:
        records, classes = _from_table(table, root, found, options.get("classes"))
        if len(records) < len(found):
            notes.append(f"{len(found) - len(records)} files are not named in {table.name} and left out")
    else:
        records, classes = _from_subfolders(found, options.get("classes"))
    without = sum(record.split is None for record in records)
    if 0 < without < len(records):
        notes.append(f"{without} cases have no split: they are in none")
    if not any(record.patient for record in records):
        notes.append("no patient is named: images of one patient may come into two splits")
    elif not all(record.patient for record in records):
        notes.append(f"{sum(not record.patient for record in records)} cases name no patient: each counts as one")
    if all(record.label is None for record in records):
        notes.append(f"no labels: put them into {TABLE}, or pictures into two or more subfolders, one a class")
    read = functools.partial(_read, series=options.get("series"))
    return Opened(Files(_chosen(records, split), read), tuple(classes), tuple(notes))


def _table(root: Path, named: str | Path | None) -> Path | None:
    """The table of labels: the one named, as it stands or inside the folder, or labels.csv in any case."""
    if named is None:
        return next((path for path in sorted(root.glob("*")) if path.name.lower() == TABLE), None)
    for path in (Path(named).expanduser(), root / named):
        if path.is_file():
            return path
    raise DataError(f"There is no table {named}, neither here nor in {root}. labels= wants the path of a CSV file.")


def _cases_below(root: Path) -> Iterable[Path]:
    """Files that are one case each, and folders of DICOM slices; what lies in folders of masks is none."""
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if name.lower() not in MASKS and not name.startswith("."))
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


def _from_subfolders(found: dict[str, Path], order: list[str] | None) -> tuple[list[Record], list[str]]:
    """Class by subfolder, if all are pictures in two or more; above these, train, val and test are splits."""
    parts = {name: name.split("/") for name in found}
    splits = {name: None for name in found}
    if all(SPLIT_FOLDERS.get(part[0].lower()) and len(part) > 1 for part in parts.values()):
        splits = {name: SPLIT_FOLDERS[part[0].lower()] for name, part in parts.items()}
        parts = {name: part[1:] for name, part in parts.items()}
    tops = {part[0] for part in parts.values() if len(part) > 1}
    if len(tops) < 2 or not all(len(part) > 1 and name.lower().endswith(PICTURES) for name, part in parts.items()):
        return [Record(path, name, split=splits[name]) for name, path in found.items()], []
    classes = _classes(tops, order)
    return [
        Record(found[name], name, classes.index(part[0]), split=splits[name]) for name, part in parts.items()
    ], classes


def _classes(names: set[str], order: list[str] | None) -> list[str]:
    """By the alphabet, or in the order asked for."""
    if order is not None and set(order) != names:
        raise ValueError(f"classes={order}, but the classes are {sorted(names)}: name each once")
    return sorted(names) if order is None else list(order)


def _from_table(
    table: Path, root: Path, found: dict[str, Path], order: list[str] | None
) -> tuple[list[Record], list[str]]:
    rows = _rows(table)
    known = {_same(name): name for name in found}
    names = {row["label"] for _, row in rows if row.get("label")}
    classes = [] if all(re.fullmatch(r"[+-]?\d+", name) for name in names) else _classes(names, order)
    records, seen, side = [], set(), {}
    for line, row in rows:
        where, name = f"{table.name}, line {line}", known.get(_same(row["file"]))
        if name is None:
            raise DataError(
                f"{where}: there is no image {row['file']!r} in {root}. The column `file` holds paths inside it."
            )
        if name in seen:
            raise DataError(f"{where}: {name} stands there twice.")
        seen.add(name)
        split, patient = row.get("split", "").lower() or None, row.get("patient") or None
        if split not in (None, *SPLITS):
            raise DataError(f"{where}: split {row['split']!r}, expected {', '.join(SPLITS)} or nothing.")
        if patient and split and side.setdefault(patient, split) != split:
            raise DataError(f"{where}: patient {patient} is in {split} and in {side[patient]}: that leaks. Choose one.")
        mask = root / row["mask"] if row.get("mask") else None
        if mask is not None and not mask.resolve().is_relative_to(root.resolve()):
            raise DataError(f"{where}: the mask {row['mask']} lies outside {root}.")
        label = row.get("label") or None
        number = None if label is None else classes.index(label) if classes else int(label)
        facts = {key: _number(value) for key, value in row.items() if key not in _OURS and value}
        records.append(Record(found[name], name, number, patient, split, mask, facts))
    return records, classes


def _same(name: str) -> str:
    """Names that mean the same file: ./a.PNG and a.png, and both ways to write an umlaut."""
    return unicodedata.normalize("NFC", posixpath.normpath(name.replace("\\", "/").strip())).casefold()


def _rows(table: Path) -> list[tuple[int, dict[str, str]]]:
    """Line and row; commas, semicolons or tabs between columns, as spreadsheets write them; empty rows left out."""
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{table.name} cannot be read ({error}). Save it as CSV in UTF-8.") from error
    lines = text.splitlines()
    said = re.fullmatch(r"sep=(.)", lines[0].strip()) if lines else None  # a line for Excel
    lines = lines[1:] if said else lines
    head = lines[0] if lines else ""
    between = said[1] if said else max(",;\t", key=re.sub('"[^"]*"', "", head).count)
    columns = [name.strip().lower() for name in next(csv.reader([head], delimiter=between), [])]
    if "file" not in columns:
        raise DataError(f"{table.name}: the first line must name the columns, one of them `file`; it is {head!r}.")
    rows = []
    reader = csv.reader(lines[1:], delimiter=between)
    for cells in reader:
        line = reader.line_num + (2 if said else 1)
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        if len(cells) != len(columns):
            raise DataError(f"{table.name}, line {line}: {len(cells)} columns, the first line names {len(columns)}.")
        rows.append((line, dict(zip(columns, cells, strict=True))))
    return rows


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


def _read(record: Record, series: int | str | None) -> Case:
    from helpers.data.readers import read_dicom, read_picture, read_scan

    def pixels(path: Path) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        if path.is_file() and path.name.lower().endswith(PICTURES):
            return read_picture(path), None, None
        scan = read_dicom(path, series) if series is not None and path.is_dir() else read_scan(path)
        return scan.values, scan.spacing, scan.affine

    image, spacing, affine = pixels(record.path)
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
    return Case(image, spacing, record.patient, record.label, mask, table=record.table, affine=affine)
