"""A small course in a temporary folder, for the tools to work on."""

from pathlib import Path
from textwrap import dedent

import pytest

from tools.chapter import Chapter

RESULT = """\
import json, os

def result(name, value):
    with open(os.environ["COURSE_RESULTS"], "a") as file:
        file.write(json.dumps({"name": name, "value": value}) + "\\n")
"""


class SmallCourse:
    """A course folder with course.py, pyproject.toml, a `helpers` that has `result`, and no chapters yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("course.py", "")
        self.write("pyproject.toml", '[project.urls]\nrepository = "https://github.com/someone/a-course"\n')
        self.write("helpers/__init__.py", RESULT)
        (folder / "chapters" / "text").mkdir(parents=True)

    def write(self, path: str, text: str) -> Path:
        """Writes a file of the course; the text is dedented."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(dedent(text), encoding="utf-8")
        return target

    def chapter(self, name: str, body: str, course: str | None = None) -> Chapter:
        """Writes a chapter's text: front matter (`course` replaces the usual part) and dedented MyST cells."""
        course = course or f'{{number: "{name[:2]}", minutes: 75, needs: {{json: json}}}}'
        front = (
            "---\njupytext: {text_representation: {extension: .md, format_name: myst}}\n"
            "kernelspec: {name: python3, display_name: Python 3, language: python}\n"
            f"course: {course}\n---\n\n"
        )
        chapter = Chapter(self.folder, name)
        chapter.text.write_text(front + dedent(body), encoding="utf-8")
        return chapter

    def notebook(self, name: str, body: str) -> Chapter:
        """A chapter with its notebook, not executed, as if it had been built."""
        from nbformat import writes

        from tools.build import read_text

        chapter = self.chapter(name, body)
        chapter.notebook.write_text(writes(read_text(chapter)), encoding="utf-8")
        return chapter


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallCourse:
    for name in ("COURSE_REPO", "COURSE_RESULTS", "COURSE_RESULTS_DIR", "COURSE_CHAPTER"):
        monkeypatch.delenv(name, raising=False)
    return SmallCourse(tmp_path / "course")
