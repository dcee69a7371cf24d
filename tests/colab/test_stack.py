"""The packages are those of Colab, and work together."""

import importlib.util
import subprocess
import sys

import pytest

from tools import environment, requirements
from tools.chapter import COURSE

PINS = environment._constraints(COURSE, requirements.small_tensorflow_is_enough(), environment.COLAB)


@pytest.mark.parametrize("pin", PINS)
def test_the_version_is_that_of_colab(pin):
    assert requirements.unmet([pin], requirements.installed(sys.executable)) == [], "run `course.py test --stack colab`"


def test_jupyterlab_is_not_there():
    assert importlib.util.find_spec("jupyterlab") is None


def test_what_colab_lacks_is_imported_by_the_name_of_its_package(lacking):
    """The stand-in hides these by their names."""
    assert lacking
    assert all(importlib.util.find_spec(name) for name in lacking)


def test_keras_runs_on_the_tensorflow_of_colab():
    code = "import keras; print(keras.backend.backend(), *keras.ops.convert_to_numpy(keras.ops.relu([-1.0, 2.0])))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["tensorflow", "0.0", "2.0"], done.stderr
