"""Train once: a second run of the same code with the same settings takes the weights from disk."""

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np

from helpers.places import cache_folder
from helpers.storage import read_arrays, write_arrays


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
    stored = read_arrays(path)
    if stored is not None:
        return stored
    arrays = {name: np.asarray(value) for name, value in train(**settings).items()}
    write_arrays(path, arrays)
    return arrays


def _key(train: Callable, settings: dict) -> str:
    package = Path(__file__).parent
    code = [inspect.getsource(train), repr(sorted(settings.items()))]
    for room in ("nn", "models", "data"):  # what training code is made of; exercises and widgets change no weights
        code += [path.read_text(encoding="utf-8") for path in sorted((package / room).rglob("*.py"))]
    return hashlib.sha256("\0".join(code).encode()).hexdigest()[:16]
