"""The generated set-up cell, executed: beside the course, below it, away from it, and on a Colab made of paper."""

import os
import subprocess
import sys
import zipfile

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tools.build import setup_cell
from tools.chapter import FrontMatter

COLAB = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')\n"
USE = "\nimport helpers, os; print(helpers.__file__, os.environ['COURSE_CHAPTER'])"


def source(address="https://example.org/course", clone="/content/course", needs=None):
    cell = setup_cell(FrontMatter("02", 75, needs or {}), str(address))
    assert "/content/course" in cell.source
    return cell.source.replace("/content/course", str(clone))


def execute(code, folder, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=os.environ | environment, capture_output=True, text=True
    )


@pytest.fixture
def published(small):
    """The address of a local git repository that holds the course."""
    git = ["git", "-C", str(small.folder), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "course"]):
        subprocess.run([*git, *command], check=True)
    return small.folder.as_uri()


def test_it_is_short_has_one_comment_and_differs_only_in_number_and_needs():
    many = ["numpy", "matplotlib", "keras", "tensorflow", "ipywidgets", "anywidget", "filelock"]
    needs = {name: name for name in many} | {"sklearn": "scikit-learn"}
    address = "https://github.com/OWNER/deep-learning-in-medical-image-analysis"
    one = setup_cell(FrontMatter("02", 75, needs), address)
    two = setup_cell(FrontMatter("10", 90, {"PIL": "pillow"}), address)
    lines = one.source.splitlines()
    assert len(lines) <= 12
    assert max(map(len, lines)) <= 120
    assert sum("#" in line for line in lines) == 1
    assert one.metadata.tags == ["setup"]
    listed = " ".join(many) + " sklearn:scikit-learn"
    assert one.source.replace(listed, "PIL:pillow").replace('"02"', '"10"') == two.source


@pytest.mark.parametrize("folder", [".", "chapters", "my/deeper/still"])
def test_helpers_are_found_from_anywhere_in_the_course(small, folder):
    here = small.folder / folder
    here.mkdir(parents=True, exist_ok=True)
    done = execute(source() + USE, here)
    assert done.stdout.split() == [str(small.folder / "helpers" / "__init__.py"), "02"], done.stderr


def test_away_from_the_course_it_says_what_to_do(tmp_path):
    done = execute(source(), tmp_path)
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].endswith("put this notebook back into the course's folder.")


def test_nothing_is_fetched_or_installed_outside_colab(small, published, tmp_path):
    code = source(published, tmp_path / "clone", needs={"no_such_module": "no-such-package"})
    done = execute(code + USE, small.folder / "chapters", PIP_NO_INDEX="1")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "clone").exists()


def test_on_colab_the_course_is_fetched_once(small, published, tmp_path):
    code = COLAB + source(published, tmp_path / "clone") + USE
    for _ in range(2):
        done = execute(code, tmp_path)
        assert done.stdout.split() == [str(tmp_path / "clone" / "helpers" / "__init__.py"), "02"], done.stderr


def test_on_colab_only_what_is_missing_is_installed(small, tmp_path):
    wheel = tmp_path / "lost_module-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("lost_module.py", "found = True\n")
        file.writestr("lost_module-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: lost-module\nVersion: 1\n")
        file.writestr("lost_module-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("lost_module-1.dist-info/RECORD", "")
    needs = {"json": "no-such-package-and-json-is-there", "lost_module": str(wheel)}
    installed = tmp_path / "installed"
    done = execute(
        COLAB + source(needs=needs), small.folder, PIP_NO_INDEX="1", PIP_TARGET=str(installed), PIP_NO_DEPS="1"
    )
    assert done.returncode == 0, done.stderr
    assert (installed / "lost_module.py").exists()


@pytest.mark.parametrize(
    ("needs", "message"),
    [({}, "does not appear to be a git repository"), ({"lost_module": "./lost.whl"}, "lost.whl")],
    ids=["clone", "pip"],
)
def test_in_the_notebook_a_failure_shows_what_git_or_pip_said(tmp_path, needs, message):
    clone = tmp_path / "clone"
    if needs:
        clone.mkdir()
    code = source((tmp_path / "nowhere").as_uri(), clone, needs)
    cells = [nbformat.v4.new_code_cell(COLAB + code)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    with pytest.raises(CellExecutionError, match="CalledProcessError"):
        client.execute(env=environment)  # with that variable ipykernel does not show what child processes write
    said = "".join(output.get("text", "") for output in cells[0].outputs)
    assert message in said
