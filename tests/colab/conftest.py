"""A kernel like Colab's, and a course to fetch."""

import os
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tools import environment, testing
from tools.chapter import COURSE, repository


class Colab:
    """A machine as Colab lends it: an empty folder to work in; the course's address leads to a copy on this disk."""

    def __init__(self, content: Path, published: Path) -> None:
        self.content = content
        self.variables = {
            name: value for name, value in os.environ.items() if name not in ("PYTEST_CURRENT_TEST", "COURSE_REPO")
        }
        self.variables.update(
            testing.colab_variables(COURSE),
            COURSE_HEADLESS="1",
            GIT_CONFIG_COUNT="1",
            GIT_CONFIG_KEY_0=f"url.{published.as_uri()}.insteadOf",
            GIT_CONFIG_VALUE_0=repository(),
        )

    def run(self, *sources: str) -> str:
        """Run cells in one kernel; return what the last one printed. An error in any cell raises."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(self.content)}})
        client.execute(env=self.variables)
        return "".join(o.text for o in notebook.cells[-1].outputs if o.output_type == "stream" and o.name == "stdout")


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository with what a chapter needs of the course, as it is in the working tree."""
    folder = tmp_path_factory.mktemp("published") / "course"
    folder.mkdir()
    shutil.copy(COURSE / "course.py", folder)
    for name in ("helpers", "data"):
        shutil.copytree(COURSE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "course"]):
        subprocess.run([*git, *command], check=True)
    return folder


@pytest.fixture
def colab(tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch) -> Colab:
    """A fresh machine."""
    monkeypatch.delenv("COURSE_REPO", raising=False)
    (tmp_path / "content").mkdir()
    return Colab(tmp_path / "content", published)


@pytest.fixture
def lacking() -> list[str]:
    """The packages of requirements.txt that Colab does not bring."""
    return environment.not_there(COURSE, environment.COLAB)
