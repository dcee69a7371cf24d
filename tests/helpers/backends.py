"""The same code on another backend of Keras, in a process of its own."""

import os
import subprocess
import sys

import pytest

from helpers.places import COURSE

MISSING = {
    "jax": "JAX is not installed (requirements-dev.txt)",
    "torch": "PyTorch is not installed: pip install torch (gigabytes, too much to ask of authors)",
}


def ran(code: str, backend: str) -> list[str]:
    """The words that code prints after the backend's name; the test is skipped where the backend is not installed."""
    if backend in MISSING:
        pytest.importorskip(backend, reason=MISSING[backend])
    environment = os.environ | {"KERAS_BACKEND": backend, "COURSE_HEADLESS": "1", "JAX_PLATFORMS": "cpu"}
    code = f"import keras\nprint(keras.backend.backend())\n{code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=COURSE, env=environment)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    used, *words = done.stdout.split()
    assert used == backend
    return words
