"""Openers: from the files of a set to its cases. Each is named in data/datasets.toml as the `format` of a set."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from helpers.data.case import Case, Findings, Scan
from helpers.data.errors import DataError
from helpers.data.registry import SPLITS, Entry
from helpers.data.splits import split_by_name

LUNA_NODULES = 1186  # rows of annotations.csv as published


@dataclass(frozen=True)
class Arrays:
    """A source whose images and labels lie in memory."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def cases(self, numbers: Iterable[int]) -> Iterator[Case]:
        for k in numbers:
            yield Case(self.images[k], None, label=int(self.labels[k]))


@dataclass(frozen=True)
class Files:
    """A source that reads a case from its files when it is asked for: `read(record)`."""

    records: Sequence[Any]
    read: Callable[[Any], Case]

    def __len__(self) -> int:
        return len(self.records)

    def cases(self, numbers: Iterable[int]) -> Iterator[Case]:
        for k in numbers:
            yield self.read(self.records[k])


@dataclass(frozen=True)
class Opened:
    """A source, and what is only known once the files are open: classes and notes for the card."""

    source: Arrays | Files
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def open_digits(entry: Entry, split: str, paths: list[Path], options: dict, whole: bool) -> Opened:
    """scikit-learn's digits, in the order of the file: what one hand wrote seems to stand together."""
    from sklearn.datasets import load_digits

    data = load_digits()
    first = sum(entry.counts[name] for name in SPLITS[: SPLITS.index(split)])
    part = slice(first, first + entry.counts[split])
    return Opened(Arrays(data.images[part, ..., None].astype(np.uint8), data.target[part]))


def open_npz(entry: Entry, split: str, paths: list[Path], options: dict, whole: bool) -> Opened:
    """Images and labels of an .npz file, checked for keys, shapes, types, range of labels and number of cases."""
    (path,) = paths
    keys = (
        {"images": f"{split}_images", "labels": f"{split}_labels"}
        if entry.arrays == "medmnist"
        else entry.arrays[split]
    )
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = {keys["images"], keys["labels"]} - set(file.files)
            if missing:
                raise DataError(f"{path.name} has no {', '.join(sorted(missing))}. It has: {', '.join(file.files)}.")
            images, labels = file[keys["images"]], file[keys["labels"]]
    except DataError:
        raise
    except Exception as error:  # np.load fails in a dozen ways on a damaged file
        raise DataError(
            f"{path.name} is no readable .npz file ({error}). Delete it, and load() gets it anew."
        ) from error
    side = options.get("size", 28)
    part = slice(keys.get("first"), keys.get("last"))
    images, labels = (
        images[part],
        labels[part].reshape(-1) if labels.ndim == 2 and labels.shape[1] == 1 else labels[part],
    )
    if images.dtype != np.uint8 or images.shape[1:] not in {(side, side), (side, side, 3)} or labels.ndim != 1:
        raise DataError(
            f"{path.name}: expected images uint8 (N, {side}, {side}) and one label each, got images {images.dtype} "
            f"{images.shape} and labels {labels.shape}. This is another file than {entry.title}."
        )
    if not np.issubdtype(labels.dtype, np.integer) or len(labels) != len(images):
        raise DataError(f"{path.name}: {len(images)} images and {len(labels)} labels of type {labels.dtype}.")
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(entry.classes):
        raise DataError(
            f"{path.name}: labels from {labels.min()} to {labels.max()}, expected 0 to {len(entry.classes) - 1}."
        )
    _check_counts(entry, split, path, labels)
    images = images[..., None] if images.ndim == 3 else images
    return Opened(Arrays(images, np.array(entry.relabel)[labels] if entry.relabel else labels.astype(int)))


def _check_counts(entry: Entry, split: str, path: Path, labels: np.ndarray) -> None:
    if len(labels) != entry.counts[split]:
        raise DataError(
            f"{path.name}: {len(labels)} cases in {split}, published are {entry.counts[split]}: an altered copy."
        )
    if split in entry.class_counts:
        found, published = np.bincount(labels, minlength=len(entry.classes)).tolist(), entry.class_counts[split]
        if found != published:
            raise DataError(
                f"{path.name}: {found} cases a class in {split}, published are {published}: an altered copy."
            )


def open_luna16(entry: Entry, split: str, paths: list[Path], options: dict, whole: bool) -> Opened:
    """Scans with their nodules and excluded findings, from world mm to voxels; flipped axes are honoured."""
    scans = {
        path.stem: path for folder in paths for path in sorted(folder.rglob("*.mhd")) if "seg-lungs" not in str(path)
    }
    _check_number(entry, options, len(scans), whole, paths[-1], "scans")
    nodules = _luna_rows(_only(paths, "annotations.csv"), LUNA_NODULES if whole else None)
    excluded = _luna_rows(_only(paths, "annotations_excluded.csv"), None)

    def read(name: str) -> Case:
        from helpers.data.readers import read_metaimage

        scan = read_metaimage(scans[name])
        found = _luna_findings(nodules.get(name, []), scan, "nodule")
        return Case(
            scan.values[..., None],
            scan.spacing,
            patient=name,
            label=int(len(found.centres) > 0),
            nodules=found,
            excluded=_luna_findings(excluded.get(name, []), scan, "excluded"),
            affine=scan.affine,
        )

    return Opened(Files([name for name in _part(list(scans), split)], read))


def _only(folders: list[Path], name: str) -> Path:
    """The one file of that name below these folders."""
    found = [path for folder in folders for path in ([folder] if folder.is_file() else folder.rglob(name))]
    found = [path for path in found if path.name == name]
    if not found:
        raise DataError(f"{name} is missing. It belongs to the set, beside its other files in {folders[0]}.")
    return found[0]


def _luna_rows(path: Path, expected: int | None) -> dict[str, list[list[float]]]:
    """World x, y, z and diameter in mm of every finding, by series."""
    rows: dict[str, list[list[float]]] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        names = ("coordX", "coordY", "coordZ", "diameter_mm")
        if not {"seriesuid", *names} <= set(table.fieldnames or ()):
            raise DataError(f"{path.name}: expected the columns seriesuid, {', '.join(names)}, got {table.fieldnames}.")
        for number, row in enumerate(table, start=2):
            try:
                rows.setdefault(row["seriesuid"], []).append([float(row[name]) for name in names])
            except (TypeError, ValueError) as error:
                raise DataError(
                    f"{path.name}, line {number}: expected four numbers after the series ({error})."
                ) from error
    count = sum(map(len, rows.values()))
    if expected is not None and count != expected:
        raise DataError(
            f"{path.name} has {count} rows, published are {expected}. A shortened copy of 1117 rows goes round."
        )
    return rows


def _luna_findings(rows: list[list[float]], scan: Scan, kind: str) -> Findings:
    from helpers.data.geometry import world_to_voxel

    table = np.array(rows, float).reshape(-1, 4)
    centres = world_to_voxel(scan.affine, table[:, :3])
    table[table[:, 3] < 0, 3] = 10.0  # of some excluded findings no size is known: so LUNA16's own script takes it
    return Findings(centres.astype(np.float32), table[:, 3].astype(np.float32), np.array([kind] * len(table), np.str_))


def open_msd(entry: Entry, split: str, paths: list[Path], options: dict, whole: bool) -> Opened:
    """imagesTr and labelsTr of a Decathlon task; its dataset.json must mean by each number what the course expects."""
    roots = [path.parent for folder in paths for path in folder.rglob("imagesTr")] or paths[:1]
    if len(roots) > 1:
        raise DataError(
            f"{paths[0]} holds several tasks: {', '.join(root.name for root in roots)}. Name the folder of one."
        )
    root = roots[0]
    masks = {
        _stem(path): path for path in sorted((root / "labelsTr").glob("*.nii.gz")) if not path.name.startswith("._")
    }
    images = {
        _stem(path): path for path in sorted((root / "imagesTr").glob("*.nii.gz")) if not path.name.startswith("._")
    }
    if not images:
        raise DataError(f"{root} has no folder imagesTr with .nii.gz files: is it the unpacked {entry.title}?")
    alone = sorted(set(images) ^ set(masks))
    if alone:
        raise DataError(
            f"{root.name}: {alone[0]} has no partner: every image needs a mask of the same name in labelsTr."
        )
    _check_number(entry, options, len(images), whole, root, "images")
    _check_meaning(entry, root / "dataset.json", whole)

    def read(name: str) -> Case:
        return _segmented(entry, name, [images[name]], masks[name], entry.relabel, None)

    return Opened(Files(_part(list(images), split), read))


def _check_meaning(entry: Entry, path: Path, whole: bool) -> None:
    """The numbers in dataset.json against those that the course expects; spelling and case aside."""
    if not path.exists() and not whole:
        return
    try:
        labels = json.loads(path.read_text(encoding="utf-8"))["labels"]
        stated = [labels[str(k)].lower().replace("tumour", "tumor") for k in range(len(labels))]
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{path} does not say what the numbers of the masks mean ({error!r}).") from error
    expected = [name.lower() for name in entry.source_tissues]
    if stated != expected:
        raise DataError(f"{path}: the masks mean {stated}, the course expects {expected}: they would be read wrongly.")


def _segmented(
    entry: Entry, name: str, images: list[Path], mask: Path, relabel: list[int] | None, patient: str | None
) -> Case:
    """A volume of one or several files with its mask, on one grid."""
    from helpers.data.readers import read_nifti

    scans, truth = [read_nifti(path) for path in images], read_nifti(mask)
    volumes = [scan.values if scan.values.ndim == 4 else scan.values[..., None] for scan in scans]
    for path, volume in zip([*images, mask], [*volumes, truth.values], strict=True):
        if volume.shape[:3] != volumes[0].shape[:3]:
            raise DataError(
                f"{path.name} has shape {volume.shape[:3]}, {images[0].name} {volumes[0].shape[:3]}: no one grid."
            )
    numbers = np.unique(truth.values)
    allowed = range(len(entry.tissues)) if relabel is None else [k for k, new in enumerate(relabel) if new >= 0]
    if not set(numbers.tolist()) <= set(allowed):
        raise DataError(f"{mask.name} holds {numbers.tolist()}, expected only {list(allowed)}: a mask of another kind.")
    labels = truth.values.astype(np.uint8)
    labels = labels if relabel is None else np.array(relabel).astype(np.uint8)[labels]
    image = np.concatenate(volumes, axis=-1).astype(np.float32)
    if image.shape[-1] != len(entry.channels):
        raise DataError(
            f"{name}: {image.shape[-1]} channels, expected {len(entry.channels)}: {', '.join(entry.channels)}."
        )
    label = int(labels.any()) if entry.classes else None
    table = {"name": name}
    return Case(image, scans[0].spacing, patient, label, labels, table=table, affine=scans[0].affine)


# What BraTS calls FLAIR, T1, T1c, T2 and the mask. In 2020 one mask carries a date in place of the usual name.
_BRATS = {
    "2018 to 2021": (
        re.compile(r"_(flair|t1|t1ce|t2|seg)\.nii(\.gz)?$|()_segm\.nii(\.gz)?$", re.IGNORECASE),
        ["flair", "t1", "t1ce", "t2"],
    ),
    "2023": (re.compile(r"-(t2f|t1n|t1c|t2w|seg)\.nii(\.gz)?$", re.IGNORECASE), ["t2f", "t1n", "t1c", "t2w"]),
}
_BRATS_RELABEL = {"2018 to 2021": [0, 1, 2, -1, 3], "2023": [0, 1, 2, 3]}  # 2018 to 2021: 4 is enhancing, 3 is none


def open_brats(entry: Entry, split: str, paths: list[Path], options: dict, whole: bool) -> Opened:
    """A folder of patients as BraTS hands it out, 2018 to 2021 and 2023 told apart by the names of the files."""
    found: dict[Path, tuple[str, dict[str, Path]]] = {}
    for path in sorted(paths[0].rglob("*.nii*")):
        for year, (pattern, _) in _BRATS.items():
            match = pattern.search(path.name)
            if match:
                found.setdefault(path.parent, (year, {}))[1][(match[1] or "seg").lower()] = path
    if not found:
        raise DataError(f"{paths[0]} holds no BraTS files (names that end in _flair.nii.gz or -t2f.nii.gz, and so on).")
    for folder, (year, parts) in found.items():
        missing = {*_BRATS[year][1], "seg"} - set(parts)
        if missing:
            raise DataError(
                f"{folder.name}: {', '.join(sorted(missing))} missing. BraTS' validation part has no masks."
            )
    patient = {folder: re.sub(r"(BraTS-[A-Za-z]+-\d+)-\d+$", r"\1", folder.name) for folder in found}

    def read(folder: Path) -> Case:
        year, parts = found[folder]
        images = [parts[name] for name in _BRATS[year][1]]
        return _segmented(entry, folder.name, images, parts["seg"], _BRATS_RELABEL[year], patient[folder])

    folders = list(found)
    chosen = split_by_name([patient[folder] for folder in folders], split)
    years = sorted({year for year, _ in found.values()})
    return Opened(Files([folders[k] for k in chosen], read), notes=(f"files named as in {' and '.join(years)}",))


def _part(names: list[str], split: str) -> list[str]:
    return [names[k] for k in split_by_name(names, split)]


def _stem(path: Path) -> str:
    return path.name.removesuffix(".nii.gz")


def _check_number(entry: Entry, options: dict, found: int, whole: bool, folder: Path, what: str) -> None:
    """How many there are against how many the archive holds; a copy that was not checked may hold fewer."""
    expected = next((file["unpacked"] for file in entry.chosen_files(options) if "unpacked" in file), None)
    if found == 0 or (whole and expected is not None and found != expected):
        raise DataError(
            f"{folder} holds {found} {what}, expected {expected}: not unpacked to the end? Delete it and load anew."
        )


OPENERS = {"digits": open_digits, "npz": open_npz, "luna16": open_luna16, "msd": open_msd, "brats": open_brats}
