"""Train once: a second run of the same code with the same settings takes the weights from disk."""

import hashlib
import inspect
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from helpers.places import cache_folder


def cached(train: Callable[..., dict[str, np.ndarray]], **settings) -> dict[str, np.ndarray]:
    """`train(**settings)`, or what it gave the last time with the same code and settings.

    Parameters
    ----------
    train : returns a dict of arrays (weights, history); for a Keras model put `model.get_weights()` in it, numbered
    settings : everything the result depends on: profile, source, seed

    The key holds the source of `train` and of every module of `helpers` it can reach, so that changed code trains anew.
    A damaged file in the cache is trained over.
    """
    path = cache_folder() / "training" / f"{train.__name__}-{_key(train, settings)}.npz"
    stored = _stored(path)
    if stored is not None:
        return stored
    arrays = {name: np.asarray(value) for name, value in train(**settings).items()}
    _store(path, arrays)
    return arrays


def _key(train: Callable, settings: dict) -> str:
    package = Path(__file__).parent
    code = [inspect.getsource(train), repr(sorted(settings.items()))]
    for room in ("nn", "models", "data"):  # what training code is made of; exercises and widgets change no weights
        code += [path.read_text(encoding="utf-8") for path in sorted((package / room).rglob("*.py"))]
    return hashlib.sha256("\0".join(code).encode()).hexdigest()[:16]


def _stored(path: Path) -> dict[str, np.ndarray] | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        print(f"A stored training result cannot be read ({type(error).__name__}): training again.")
        return None


def _store(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Whole or not at all. A full or read-only disk costs the next run its time, not this run its result."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".npz")
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)
        os.replace(name, path)
    except OSError as error:
        print(f"The trained weights could not be stored ({error.strerror}): the next run trains again.")
