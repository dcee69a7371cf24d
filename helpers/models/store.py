"""Trained networks that ship with the course: the build of a chapter writes them, a later chapter loads them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.places import COURSE, cache_folder
from helpers.storage import read_arrays, write_arrays

if TYPE_CHECKING:
    import keras

SHIPPED = COURSE / "data"
LARGEST = 2_000_000  # bytes of a network that ships


def keep(name: str, model: "keras.Model", card: str) -> Path:
    """Store a trained network with its model card, and return where.

    A build of the course takes it from there to `data/`. What a learner's own training gave stays in the cache.

    Parameters
    ----------
    name : of the files, `name.npz` and `name.md`
    card : Markdown: what it is for, what it was trained on, how good it is, what it must not be used for

    Raises
    ------
    ValueError : a network too large to ship
    """
    folder = Path(os.environ.get("COURSE_KEEP") or cache_folder() / "models")
    arrays = {f"{k:03d}": values for k, values in enumerate(model.get_weights())}
    size = sum(values.nbytes for values in arrays.values())
    if size > LARGEST:
        raise ValueError(f"expected at most {LARGEST / 1e6:.0f} MB of weights, got {size / 1e6:.1f} MB")
    if write_arrays(folder / f"{name}.npz", arrays):
        (folder / f"{name}.md").write_text(card.strip() + "\n", encoding="utf-8")
    return folder / f"{name}.npz"


def shipped(name: str, model: "keras.Model", folder: Path = SHIPPED) -> "keras.Model":
    """Put the weights that ship with the course into `model`, which must be built as it was for `keep`.

    Raises
    ------
    ValueError : no such network, or one of another shape
    """
    arrays = read_arrays(folder / f"{name}.npz")
    if arrays is None:
        known = ", ".join(sorted(path.stem for path in folder.glob("*.npz")))
        raise ValueError(f"no network {name!r} ships with the course; there are {known}")
    weights = [arrays[key] for key in sorted(arrays)]
    wanted, came = [w.shape for w in model.get_weights()], [w.shape for w in weights]
    if wanted != came:
        raise ValueError(f"{name} has weights of other shapes than this network: {came}, expected {wanted}")
    model.set_weights(weights)
    return model


def card(name: str, folder: Path = SHIPPED) -> str:
    """The model card of a network that ships, in Markdown."""
    return (folder / f"{name}.md").read_text(encoding="utf-8")
