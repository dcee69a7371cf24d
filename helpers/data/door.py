"""`load` and `datasets`: every set of images by one name, phantom or real."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np

from helpers.data.dataset import Card, Dataset
from helpers.data.download import NoNetwork, RemoteFile, check_file, fetch
from helpers.data.errors import DataError
from helpers.data.own_files import open_folder
from helpers.data.phantoms.store import Phantoms, makers
from helpers.data.registry import SPLITS, Entry, entries, find
from helpers.data.sets import OPENERS, Opened
from helpers.display import say
from helpers.places import data_folder

_OPENERS = OPENERS | {"folder": open_folder}
MOST, LARGEST = 1_000_000, 1024  # cases; pixels of a phantom


def load(
    name: str,
    split: str | None = None,
    n: int | None = None,
    seed: int = 0,
    *,
    source: str | None = None,
    path: str | Path | None = None,
    unverified: bool = False,
    **options: Any,
) -> Dataset:
    """A set of images: `load("breast_us")`, `load("chest_ct", "test", scans=True)`, `load("folder", path="scans")`.

    Parameters
    ----------
    name : one of `datasets()`
    split : "train" (the default), "val" or "test"; where the publisher made no split also "all"
    n : how many cases; the first 8 of 32 are the 8. None: as many as the set has, of phantoms some hundred
    seed : phantoms: which population; real sets: which n, if n is given
    source : "real" takes the real set that belongs to a phantom, downloads it if need be, and falls back to the phantom
        without a network, saying so. "phantom", None: the set itself
    path : a copy already on disk, checked like a download: the file, or the folder that holds the files
    unverified : True takes a copy that cannot be checked or differs from the published one, and says so
    options : phantoms: size (pixels), site ("A" or "B", the scanner), shortcut (True: a mark burned in), scans (True:
        whole scans), and what the maker in `helpers.data.phantoms` takes; real sets: what `datasets()` names, such as
        size or subset; folder: labels (path of the table), classes (their names in order), series (of a DICOM folder
        with several)

    Raises
    ------
    ValueError : an unknown name, split, source or option; the message has what there is
    DataError : a file or a download is not what it should be
    """
    entry = find(name)
    if source not in (None, "phantom", "real"):
        raise ValueError(f'source is "phantom" or "real", got {source!r}')
    if source == "real" and entry.real:
        wish = {key: value for key, value in options.items() if key in find(entry.real).options}
        if len(wish) < len(options):
            say(f"Only the phantom has {', '.join(sorted(set(options) - set(wish)))}: left out for {entry.real}.")
        try:
            return load(entry.real, split, n, seed, path=path, unverified=unverified, **wish)
        except NoNetwork as error:
            meaning = ", ".join(f"{k} {name}" for k, name in enumerate(entry.classes))
            said = f"**{entry.real} cannot be reached: going on with the {entry.title}.** Its labels are {meaning}."
            say(f"{said}\n\n{error}", "bad")
            path = None
    split = split or ("all" if entry.format == "folder" else "train")
    for word, value in (("n", n), ("seed", seed), ("size", options.get("size"))):
        if value is not None and (not isinstance(value, int | np.integer) or isinstance(value, bool)):
            raise ValueError(f"{word} is a whole number, got {value!r}")
    if n is not None and not 1 <= n <= MOST:
        raise ValueError(f"n is how many cases you want, 1 to {MOST}; got {n}")
    opened, numbers = (_made if entry.kind == "phantom" else _found)(entry, split, n, seed, path, unverified, options)
    card = Card(
        name,
        entry.title,
        entry.kind,
        split,
        entry.split,
        entry.licence,
        entry.citation,
        opened.classes or tuple(entry.classes),
        tuple(entry.tissues),
        tuple(entry.channels),
        tuple(entry.window) if entry.window else None,
        (*entry.notes, *opened.notes),
    )
    if entry.kind == "real" and entry.format != "folder":
        say(f"{entry.title}: {entry.licence}. Cite {entry.citation}.")
    return Dataset(card, opened.source, numbers)


def _made(entry: Entry, split: str, n, seed: int, path, unverified: bool, options: dict) -> tuple[Opened, range]:
    """Phantoms: the source makes them when they are asked for."""
    options = dict(options)
    scans = bool(options.pop("scans", False))
    if (entry.name, scans) not in makers():
        raise ValueError(f"{entry.name} has no whole scans: leave scans out")
    maker = makers()[entry.name, scans][0]
    allowed = [parameter for parameter in inspect.signature(maker).parameters if parameter not in ("seed", "index")]
    _check_words(entry, split, list(SPLITS), options, [*allowed, "scans"])
    if options.get("size", 0) > LARGEST:
        raise ValueError(f"size is at most {LARGEST} pixels, got {options['size']}")
    if not isinstance(options.get("shortcut", False), bool):
        raise ValueError(f"shortcut is True or False, got {options['shortcut']!r}")
    if path is not None:
        raise ValueError(f"{entry.name} is made, not read: path does not belong here")
    count = n or max(1, entry.counts[split] // (10 if scans else 1))
    phantoms = Phantoms(entry.name, seed, split, count, scans, options)
    next(iter(phantoms.cases([0])))  # impossible wishes are refused now, not when the first image is asked for
    wishes = ", ".join(f"{key}={value!r}" for key, value in options.items())
    return Opened(phantoms, notes=(f"made with {wishes}",) if wishes else ()), range(count)


def _found(entry: Entry, split: str, n, seed: int, path, unverified: bool, options: dict) -> tuple[Opened, Any]:
    """Sets that lie on disk, or are brought there."""
    own = ["labels", "classes", "series"] if entry.format == "folder" else []
    _check_words(entry, split, list(SPLITS) + ["all"] * (not entry.counts), options, [*entry.options, *own])
    options = entry.defaults | options
    for key, values in entry.options.items():
        if options[key] not in values:
            raise ValueError(f"{entry.name} has {key} {', '.join(map(str, values))}; got {options[key]!r}")
    paths = _paths(entry, None if path is None else Path(path).expanduser(), unverified, options)
    opened = _OPENERS[entry.format](entry, split, paths, options, not unverified)
    if n is None:
        return opened, range(len(opened.source))
    order = np.random.default_rng(seed).permutation(len(opened.source))
    if n > len(order):
        raise ValueError(f"{entry.name}, split {split}, has {len(order)} cases; n = {n} is more")
    return opened, order[:n].tolist()


def _check_words(entry: Entry, split: str, splits: list[str], options: dict, allowed: list[str]) -> None:
    if split not in splits:
        raise ValueError(f"{entry.name} has the splits {', '.join(splits)}; got {split!r}")
    unknown = [key for key in options if key not in allowed]
    if unknown:
        known = f"It has: {', '.join(allowed)}." if allowed else "It has none."
        raise ValueError(f"{entry.name} has no option {unknown[0]!r}. {known}")


def _paths(entry: Entry, path: Path | None, unverified: bool, options: dict) -> list[Path]:
    """Where the set lies: its files, archives unpacked, each checked."""
    if entry.kind == "shipped":
        return []
    if path is None:
        if entry.needs_path:
            raise ValueError(f"{entry.name} lies on your disk: say where, path=... {_where(entry)}")
        return [_ready(_fetched(entry, file), file) for file in entry.chosen_files(options)]
    if not path.exists():
        raise DataError(f"There is no {path}. path= wants a file or folder that is already on this computer.")
    if entry.needs_path:
        return [path]
    paths = _own_copy(entry, path, unverified, entry.chosen_files(options))
    if unverified:
        say(f"**Not checked:** {path.name} is taken as it is. It may differ from the published {entry.title}.", "bad")
    return paths


def _own_copy(entry: Entry, path: Path, unverified: bool, files: list[dict]) -> list[Path]:
    """The user's copy: one file, a folder with the files, or, not to be checked, a folder already unpacked."""
    if path.is_file():
        if len(files) > 1:
            raise DataError(
                f"{entry.title} needs {', '.join(file['name'] for file in files)}: name the folder they lie in."
            )
        _check_own(path, files[0], unverified)
        return [_ready(path, files[0])]
    there = [file for file in files if (path / file["name"]).exists()]
    if len(there) == len(files):
        for file in files:
            _check_own(path / file["name"], file, unverified)
        return [_ready(path / file["name"], file) for file in files]
    if unverified and any("unpacked" in file for file in files):
        return [path]
    missing = next(file["name"] for file in files if file not in there)
    hint = "A folder that is already unpacked has no checksum: add unverified=True to use it all the same."
    if not any("unpacked" in file for file in files):
        hint = "If your copy has another name, give its own path: path=.../NAME."
    raise DataError(f"{path} has no {missing}. {_where(entry)} {hint}")


def _check_own(path: Path, file: dict, unverified: bool) -> None:
    try:
        check_file(path, _remote(file), unverified)
    except DataError as error:
        raise DataError(
            f"{error} To use your copy all the same, unless it is no data at all: unverified=True."
        ) from error


def _where(entry: Entry) -> str:
    return f"Licence: {entry.licence}. {entry.page}"


def _remote(file: dict) -> RemoteFile:
    return RemoteFile(file["url"], file["name"], file.get("bytes"), file.get("md5"), file.get("sha256"))


def _fetched(entry: Entry, file: dict) -> Path:
    about = f"{_where(entry)} Cite {entry.citation}."
    return fetch(_remote(file), data_folder() / entry.name, about)


def _ready(path: Path, file: dict) -> Path:
    """The file itself, or the folder that its archive was unpacked to."""
    if not path.name.endswith((".zip", ".tar", ".tar.gz")):
        return path
    from helpers.data.archive import unpack

    folder = data_folder() / "unpacked" / f"{path.name.split('.')[0]}-{path.stat().st_size}"
    return unpack(path, folder, most_bytes=60_000_000_000)


class Datasets:
    """All sets in a table."""

    def rows(self) -> list[list[str]]:
        """Name, what it is, kind, task, download, licence, and whether it is here, a row a set."""
        return [
            [entry.name, entry.title, entry.kind, entry.task, _size(entry), entry.licence, _here(entry)]
            for entry in entries().values()
        ]

    head = ("name", "what it is", "kind", "task", "download", "licence", "here")

    def __repr__(self) -> str:
        rows = [list(self.head), *self.rows()]
        widths = [max(len(row[k]) for row in rows) for k in range(len(self.head))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )

    def _repr_html_(self) -> str:
        from helpers.data.sheet import table_html

        return table_html(self.rows(), list(self.head))


def datasets() -> Datasets:
    """What `load` knows: each set's name, task, download, licence, and whether it is already on this computer."""
    return Datasets()


def _size(entry: Entry) -> str:
    if not entry.files:
        return "your own copy" if entry.needs_path else "none"
    sizes = [file.get("bytes") for file in entry.chosen_files(entry.defaults)]
    if None in sizes:
        return "not stated"
    total = sum(sizes)
    return f"{total / 1e9:.1f} GB" if total >= 1e9 else f"{total / 1e6:.1f} MB"


def _here(entry: Entry) -> str:
    if entry.kind != "real":
        return "yes"
    if not entry.files:
        return ""
    return (
        "yes"
        if all((data_folder() / entry.name / file["name"]).exists() for file in entry.chosen_files(entry.defaults))
        else "no"
    )
