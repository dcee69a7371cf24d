"""The committed notebooks are what the texts say: nobody edited a notebook by hand, or a text without building."""

import re

import pytest

from tools import chapter
from tools.build import TAG, read_text
from tools.chapter import COURSE


@pytest.fixture(autouse=True)
def address_of_pyproject(monkeypatch):
    """The committed set-up cells carry this address, wherever the tests run."""
    monkeypatch.delenv("COURSE_REPO", raising=False)


def test_each_text_has_a_notebook_and_each_notebook_a_text(notebooks):
    texts = sorted(path.stem for path in (COURSE / "chapters" / "text").glob("[0-9][0-9]_*.md"))
    assert [given.name for given in notebooks] == texts, "run `course.py build`"


def test_cells_are_those_of_the_text(given):
    expected, built = read_text(given).cells, chapter.read_notebook(given).cells
    assert [_kind(cell) for cell in built] == [_kind(cell) for cell in expected], "run `course.py build`"
    for cell, source in zip(built, expected, strict=True):
        if source.cell_type == "code":
            assert cell.source == source.source, "run `course.py build`"
        else:
            assert _pattern(source.source).fullmatch(cell.source), f"run `course.py build`: {source.source}"


def _kind(cell):
    return cell.cell_type, cell.id, chapter.tags(cell)


def _pattern(text):
    """Matches the text with anything in the place of its tags."""
    parts = TAG.split(text)[::2]  # TAG has one group, which `split` puts between the parts
    return re.compile(".*".join(map(re.escape, parts)), re.DOTALL)
