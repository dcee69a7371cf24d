"""A set of images as the chapters see it: cases one at a time, or whole columns as arrays."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from helpers.data.case import Case
from helpers.data.errors import DataError
from helpers.waiting import progress_bar

MOST_BYTES = 8_000_000_000  # what `images` puts into memory at most


class Source(Protocol):
    """Where cases come from; case k alone, or many in a row, which may be faster."""

    def __len__(self) -> int: ...

    def cases(self, numbers: Iterable[int]) -> Iterator[Case]: ...


@dataclass(frozen=True)
class Card:
    """What a set is. `kind` is "phantom", "shipped" or "real"; classes and tissues name the numbers 0, 1, ..."""

    name: str
    title: str
    kind: str
    split: str
    how_split: str
    licence: str
    citation: str
    classes: tuple[str, ...] = ()
    tissues: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    window: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    @property
    def called(self) -> str:
        """Title and kind, the kind once."""
        return self.title if self.kind in self.title else f"{self.title} ({self.kind})"

    def __str__(self) -> str:
        lines = [f"{self.called}, split {self.split}: {self.how_split}"]
        for what, names in (("labels", self.classes), ("mask", self.tissues)):
            if any(name != str(k) for k, name in enumerate(names)):
                lines.append(f"{what}: " + ", ".join(f"{k} {name}" for k, name in enumerate(names)))
        lines += self.notes
        return "\n".join([*lines, f"licence: {self.licence}", f"cite: {self.citation}"])


class Dataset(Sequence):
    """N cases. `data[3]` is a `Case`, `data[:8]` the first eight, `data[data.labels == 1]` those of a class;
    `for case in data` keeps one in memory at a time.

    Columns over all cases, made when they are first asked for: images (N, H, W, C) or (N, Z, H, W, C); labels (N,) int;
    masks (N, H, W) or (N, Z, H, W) uint8; boxes, a list of (n, 4); patients (N,) str; spacing (2,) or (3,) mm; table, a
    dict of (N,) arrays. `card` says what the set is, where it comes from and how it was split.

    Raises
    ------
    DataError : a column that the set does not have, or images of unequal shapes
    """

    def __init__(self, card: Card, source: Source, numbers: Sequence[int] | None = None) -> None:
        self.card, self._source = card, source
        self._numbers = range(len(source)) if numbers is None else numbers
        self._facts: list[Case] | None = None
        self._pixels: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, which: int | slice | Sequence | np.ndarray) -> "Case | Dataset":
        if isinstance(which, slice):
            return Dataset(self.card, self._source, self._numbers[which])
        if isinstance(which, Sequence | np.ndarray):
            return Dataset(self.card, self._source, np.array(self._numbers)[np.asarray(which)].tolist())
        if not -len(self) <= which < len(self):
            raise IndexError(f"there are {len(self)} cases, 0 to {len(self) - 1}; got {which}")
        return next(iter(self._source.cases([self._numbers[which]])))

    def __iter__(self) -> Iterator[Case]:
        return iter(self._source.cases(self._numbers))

    @property
    def images(self) -> np.ndarray:
        return self._column("image")

    @property
    def masks(self) -> np.ndarray:
        return self._column("mask")

    @property
    def labels(self) -> np.ndarray:
        return np.array(self._known("label"))

    @property
    def patients(self) -> np.ndarray:
        return np.array(self._known("patient"))

    @property
    def boxes(self) -> list[np.ndarray]:
        nodules = self._known("nodules")
        if nodules[0].boxes is None:
            raise DataError(f"{self.card.name} gives whole scans, which have no boxes: use case.nodules.centres")
        return [found.boxes for found in nodules]

    @property
    def spacing(self) -> np.ndarray:
        all_of_them = np.array(self._known("spacing"))
        if np.ptp(all_of_them, axis=0).any():
            raise DataError(f"The spacing of {self.card.name} differs from case to case: take it from each case.")
        return all_of_them[0]

    @property
    def table(self) -> dict[str, np.ndarray]:
        rows = [case.table for case in self._all_facts()]
        return {name: np.array([row.get(name) for row in rows]) for name in rows[0]}

    def _all(self) -> Iterable[Case]:
        """Each case, with a bar; phantoms have one of their own while they are made."""
        if self.card.kind == "phantom":
            return self
        return progress_bar(f"reading {self.card.name}", len(self), iterable=self)

    def _all_facts(self) -> list[Case]:
        """Every case without its pixels."""
        if self._facts is None:
            self._facts = [dataclasses.replace(case, image=None, mask=None) for case in self._all()]
        if not self._facts:
            raise DataError(f"{self.card.name}, split {self.card.split}, is empty: there is nothing to take.")
        return self._facts

    def _known(self, name: str) -> list:
        values = [getattr(case, name) for case in self._all_facts()]
        if any(value is None for value in values):
            raise DataError(f"{self.card.name} has no {name} for every case.")
        return values

    def _column(self, name: str) -> np.ndarray:
        """Images and masks: one array over all cases, filled case by case."""
        if name not in self._pixels:
            columns: dict[str, np.ndarray] = {}
            facts = []
            for k, case in enumerate(self._all()):
                facts.append(dataclasses.replace(case, image=None, mask=None))
                for part in ("image", "mask"):
                    self._put(columns, part, k, getattr(case, part))
            self._facts, self._pixels = facts, columns
        if name not in self._pixels:
            raise DataError(f"{self.card.name} has no {name}s.")
        return self._pixels[name]

    def _put(self, columns: dict[str, np.ndarray], name: str, k: int, values: np.ndarray | None) -> None:
        if values is None:
            return
        if k == 0:
            if values.nbytes * len(self) > MOST_BYTES:
                raise DataError(
                    f"All {name}s of {self.card.name} would take {values.nbytes * len(self) / 1e9:.0f} GB of memory. "
                    "Take them one at a time, `for case in data`, or fewer, n=..."
                )
            columns[name] = np.empty((len(self), *values.shape), values.dtype)
        if values.shape != columns[name].shape[1:]:
            raise DataError(
                f"The {name}s of {self.card.name} have different shapes, {columns[name].shape[1:]} and {values.shape}: "
                "they make no one array. Take them one at a time, `for case in data`."
            )
        columns[name][k] = values

    def __repr__(self) -> str:
        return f"{len(self)} case{'s' * (len(self) != 1)} of {self.card}"

    def _repr_html_(self) -> str:
        from helpers.data.sheet import card_html

        return card_html(self)
