"""A small course in a temporary folder: the real course.py and tools, two short chapters, one tiny requirement."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import environment

REPOSITORY = Path(__file__).resolve().parents[2]
STUB_PROGRAM = (
    "import sys\nimport tiny\nprint('ran with', sys.argv[1:], 'tiny', tiny.VERSION)\nsys.exit(len(sys.argv) - 1)\n"
)


def write_notebook(path: Path, heading: str) -> None:
    """A notebook of one heading and one cell."""
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": [f"# {heading}\n", "text"]},
        {
            "cell_type": "code",
            "execution_count": 1,
            "id": "b",
            "metadata": {},
            "outputs": [{"name": "stdout", "output_type": "stream", "text": ["as committed\n"]}],
            "source": ["print('as committed')"],
        },
    ]
    kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernelspec}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook, indent=1) + "\n", encoding="utf-8")


def write_wheel(folder: Path, version: str) -> None:
    """The package `tiny`, ready for pip without a network."""
    folder.mkdir(exist_ok=True)
    info = f"tiny-{version}.dist-info"
    with zipfile.ZipFile(folder / f"tiny-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", f"VERSION = '{version}'\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


class Course:
    """A course folder and the variables to run its commands with."""

    def __init__(self, root: Path, home: Path, wheels: Path) -> None:
        self.root = root
        self.data = home / "jupyter"
        foreign = ("JUPYTER", "PIP_", "COURSE_", "SSH_", "PYTHON", "GIT_", "XDG_", "VIRTUAL_ENV")
        self.variables = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.variables.update(
            HOME=str(home),
            USERPROFILE=str(home),
            JUPYTER_DATA_DIR=str(self.data),
            JUPYTER_CONFIG_DIR=str(home / "config"),
            COURSE_HEADLESS="1",
            PIP_NO_INDEX="1",
            PIP_FIND_LINKS=str(wheels),
            PIP_CONFIG_FILE=os.devnull,
            PYTHONDONTWRITEBYTECODE="1",
        )

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen:
        """Start a command."""
        return subprocess.Popen(
            [sys.executable, str(self.root / "course.py"), *arguments],
            cwd=self.root.parent,  # a command works from any folder
            env=dict(self.variables, **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, **variables: str) -> tuple[int, str]:
        """Run a command; return exit code and output, which never shows a traceback."""
        process = self.start(*arguments, **variables)
        try:
            output = process.communicate(timeout=60)[0]
        except subprocess.TimeoutExpired:
            process.terminate()  # it takes a JupyterLab of its own along
            process.wait()
            raise
        assert "Traceback" not in output, output
        return process.returncode, output

    @property
    def marker(self) -> Path:
        return self.root / ".venv" / environment.MARKER


def make_course(folder: Path) -> Course:
    """A course folder without an environment."""
    root = (folder / "course").resolve()
    root.mkdir(parents=True)
    for name in ("course.py", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, root)
    shutil.copytree(REPOSITORY / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("run", "build"):
        (root / "tools" / f"{name}.py").write_text(STUB_PROGRAM)
    (root / "requirements.txt").write_text("tiny>=1,<2  # a comment\n")
    (root / "requirements-dev.txt").write_text("")
    (root / "chapters").mkdir()
    write_notebook(root / "chapters" / "01_images.ipynb", "1 Images | voxels")
    write_notebook(root / "chapters" / "02_numbers.ipynb", "2 Numbers")
    write_wheel(folder / "wheels", "1.0")
    (folder / "home").mkdir()
    return Course(root, folder / "home", folder / "wheels")


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """A course folder as it comes, without an environment."""
    return make_course(tmp_path)


@pytest.fixture(scope="session")
def first_setup(tmp_path_factory: pytest.TempPathFactory) -> tuple[Course, str]:
    """A course after its first command, and what that printed. Not to be changed: `ready` is a copy."""
    made = make_course(tmp_path_factory.mktemp("first"))
    code, output = made.run("run")
    assert code == 0, output
    return made, output


@pytest.fixture
def ready(course: Course, first_setup: tuple[Course, str]) -> Course:
    """A course with a sound environment, made once per session and copied because that takes seconds."""
    shutil.copytree(first_setup[0].root / ".venv", course.root / ".venv", symlinks=True)
    marker = json.loads(course.marker.read_text())
    course.marker.write_text(json.dumps(dict(marker, folder=str(course.root))))
    return course


@pytest.fixture
def with_jupyter(ready: Course) -> Course:
    """The same, with the packages of the interpreter that runs the tests (JupyterLab among them) visible in `.venv`."""
    import jupyterlab

    site = next((ready.root / ".venv").glob("**/site-packages"))
    (site / "tests.pth").write_text(str(Path(jupyterlab.__file__).parents[1]) + "\n")
    return ready
