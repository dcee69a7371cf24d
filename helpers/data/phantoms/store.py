"""Phantoms on disk: each is made once, in blocks, by as many processes as there are cores."""

import contextlib
import functools
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from helpers.data.case import Case, Findings
from helpers.places import COURSE, cache_folder
from helpers.storage import read_arrays, write_arrays
from helpers.waiting import progress_bar

BLOCK = 32  # images in one file; a scan has a file of its own
SLICES = 20  # about how many a scan has
WORTH_HELP = 128  # from so many missing images on, other processes help
FIRST = {"train": 0, "val": 10_000_000, "test": 20_000_000}  # index of the first image of each split


@functools.cache
def makers() -> dict[tuple[str, bool], tuple[Callable[..., Case], int]]:
    """(name, whole scans?) -> what makes one, and how many images share one index of it."""
    from helpers.data.phantoms import brain_mri, breast_us, chest_ct
    from helpers.data.phantoms.brain_mri import IMAGES_EACH as BRAIN_EACH
    from helpers.data.phantoms.brain_mri import brain_volume
    from helpers.data.phantoms.chest_ct import IMAGES_EACH as CHEST_EACH
    from helpers.data.phantoms.chest_ct import chest_scan

    return {
        ("breast_us", False): (breast_us, 1),
        ("chest_ct", False): (chest_ct, 1),
        ("chest_ct", True): (chest_scan, CHEST_EACH),
        ("brain_mri", False): (brain_mri, 1),
        ("brain_mri", True): (brain_volume, BRAIN_EACH),
    }


@dataclass(frozen=True)
class Phantoms:
    """The first `count` images (or whole scans, one a patient) of a split: a source of cases.

    name : "breast_us", "chest_ct" or "brain_mri"
    options : what goes to the maker besides seed and index
    """

    name: str
    seed: int
    split: str
    count: int
    scans: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.count

    def cases(self, numbers: Iterable[int]) -> Iterator[Case]:
        """These cases in this order: from disk where they are, else made; one block at a time is in memory."""
        numbers = list(numbers)
        if len(numbers) == 1:
            yield self._one(numbers[0])
            return
        self._prepare(list(dict.fromkeys(k // self._size for k in numbers)))
        block, members = -1, []
        for k in numbers:
            if k // self._size != block:
                block = k // self._size
                members = self._block(block)
            yield members[k % self._size]

    def make(self, k: int) -> Case:
        """Case k, made anew. Numbers with a fraction are rounded as the disk keeps them, to 11 bits."""
        maker, each = makers()[self.name, self.scans]
        case = maker(self.seed, FIRST[self.split] // each + k, **self.options)
        if case.image.dtype == np.float32:
            case = replace(case, image=case.image.astype(np.float16).astype(np.float32))
        return case

    @property
    def _size(self) -> int:
        return 1 if self.scans else BLOCK

    def _one(self, k: int) -> Case:
        stored = self._stored(k // self._size)
        return stored[k % self._size] if k % self._size < len(stored) else self.make(k)

    def _block(self, block: int) -> list[Case]:
        """All cases of a block; those that are not on disk are made and put there."""
        cases = self._stored(block)
        first, last = block * self._size + len(cases), min((block + 1) * self._size, self.count)
        if first < last:
            cases += [self.make(k) for k in range(first, last)]
            write_arrays(self._path(block), _packed(cases))
        return cases

    def _prepare(self, blocks: list[int]) -> None:
        """Put the missing blocks on disk, with the help of other processes, if there are many."""
        missing = [block for block in blocks if not self._path(block).exists()]
        images = len(missing) * (SLICES if self.scans else BLOCK)
        if images < WORTH_HELP or not _writable(self._path(0).parent):
            return
        hands = min(len(missing), os.cpu_count() or 1)
        with (
            progress_bar(f"making {self.name} phantoms", len(missing), " blocks") as bar,
            self._help(missing, hands) as others,
        ):
            for block in missing[::hands]:
                self._block(block)
                bar.update()
            while any(other.poll() is None for other in others):
                time.sleep(0.05)
                bar.update(sum(self._path(block).exists() for block in missing) - bar.n)

    @contextlib.contextmanager
    def _help(self, missing: list[int], hands: int) -> Iterator[list[subprocess.Popen]]:
        """Processes that make every block but each `hands`-th; they end with this one.

        A fresh interpreter is told what to do in words. multiprocessing would run the learner's own script again.
        """
        environment = {**os.environ, "PYTHONPATH": str(COURSE), "OMP_NUM_THREADS": "1", "COURSE_HEADLESS": "1"}
        environment["COURSE_CACHE"] = str(cache_folder().resolve())
        crew = []
        try:
            for hand in range(1, hands):
                order = json.dumps([asdict(self), missing[hand::hands]])
                crew.append(
                    subprocess.Popen([sys.executable, "-m", __name__, order], env=environment, start_new_session=True)
                )
            yield crew
        finally:
            for worker in crew:
                worker.terminate()
                worker.wait()

    def _path(self, block: int) -> Path:
        words = json.dumps([self.seed, self.split, self.scans, sorted(self.options.items())])
        key = hashlib.sha256((words + _code()).encode()).hexdigest()[:16]
        return cache_folder() / "phantoms" / f"{self.name}-{key}" / f"{block:06d}.npz"

    def _stored(self, block: int) -> list[Case]:
        arrays = read_arrays(self._path(block))
        return [] if arrays is None else _unpacked(arrays)


@functools.cache
def _code() -> str:
    """The source of all phantoms: changed code makes new images."""
    folder = Path(__file__).parent
    return "\0".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _packed(cases: list[Case]) -> dict[str, np.ndarray]:
    """Compact arrays: pixels stacked, numbers with a fraction in 16 bits, everything else as JSON."""
    images = np.stack([case.image for case in cases])
    arrays = {"image": images.astype(np.float16) if images.dtype == np.float32 else images}
    if cases[0].mask is not None:
        arrays["mask"] = np.stack([case.mask for case in cases])
    facts = [
        {
            "spacing": case.spacing.tolist(),
            "patient": case.patient,
            "label": case.label,
            "nodules": _listed(case.nodules),
            "excluded": _listed(case.excluded),
            "table": case.table,
        }
        for case in cases
    ]
    return arrays | {"facts": np.frombuffer(json.dumps(facts).encode(), np.uint8)}


def _unpacked(arrays: dict[str, np.ndarray]) -> list[Case]:
    images = arrays["image"]
    if images.dtype == np.float16:
        images = images.astype(np.float32)
    masks = arrays.get("mask", [None] * len(images))
    cases = []
    for image, mask, facts in zip(images, masks, json.loads(arrays["facts"].tobytes()), strict=True):
        found = {name: _findings(facts.pop(name)) for name in ("nodules", "excluded")}
        cases.append(Case(image, np.array(facts.pop("spacing")), mask=mask, **found, **facts))
    return cases


def _listed(found: Findings | None) -> dict[str, list] | None:
    if found is None:
        return None
    return {name: None if values is None else values.tolist() for name, values in vars(found).items()}


def _findings(lists: dict[str, list] | None) -> Findings | None:
    """The JSON form of findings back as arrays; the last axis is lost where there are none, so it is put back."""
    if lists is None:
        return None
    dimensions = 3 if lists["boxes"] is None else 2
    return Findings(
        np.array(lists["centres"], np.float32).reshape(-1, dimensions),
        np.array(lists["diameters_mm"], np.float32),
        np.array(lists["kinds"], np.str_),
        None if lists["boxes"] is None else np.array(lists["boxes"], np.float32).reshape(-1, 4),
    )


def main(order: str) -> None:
    """Make the blocks that an order names and put them on disk."""
    fields, blocks = json.loads(order)
    phantoms = Phantoms(**fields)
    for block in blocks:
        if not phantoms._path(block).exists():
            phantoms._block(block)


if __name__ == "__main__":
    main(sys.argv[1])
