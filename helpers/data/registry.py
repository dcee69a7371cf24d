"""What data/datasets.toml says of each set."""

import difflib
import functools
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.places import COURSE

SPLITS = ("train", "val", "test")
TABLE = COURSE / "data" / "datasets.toml"


@dataclass(frozen=True)
class Entry:
    """One set. What the fields mean stands at the head of data/datasets.toml."""

    name: str
    title: str
    task: str
    modality: str
    kind: str
    format: str
    licence: str
    citation: str
    split: str
    counts: dict[str, int]
    channels: list[str]
    page: str = ""
    classes: list[str] = field(default_factory=list)
    tissues: list[str] = field(default_factory=list)
    source_tissues: list[str] = field(default_factory=list)
    relabel: list[int] | None = None
    class_counts: dict[str, list[int]] = field(default_factory=dict)
    shape: list[int] | None = None
    window: list[float] | None = None
    notes: list[str] = field(default_factory=list)
    real: str = ""
    needs_path: bool = False
    arrays: Any = None
    options: dict[str, list] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)

    @property
    def defaults(self) -> dict[str, Any]:
        """What each option is if nobody says: its first value."""
        return {option: values[0] for option, values in self.options.items()}

    def chosen_files(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        """The files that these options need."""
        return [file for file in self.files if "option" not in file or options.get(file["option"]) == file["value"]]


@functools.cache
def _entries(path: Path) -> dict[str, Entry]:
    with path.open("rb") as file:
        return {name: Entry(name, **fields) for name, fields in tomllib.load(file).items()}


def entries() -> dict[str, Entry]:
    """All sets by name."""
    return _entries(TABLE)


def find(name: str) -> Entry:
    """The set of that name.

    Raises
    ------
    ValueError : there is none; the message has the nearest names
    """
    known = entries()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(str(name).lower(), known, n=3, cutoff=0.5)
    guess = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise ValueError(f"There is no set {name!r}. {guess}There are: {', '.join(known)}. datasets() says what each is.")
