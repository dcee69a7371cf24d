"""The export for nbgrader: its metadata, and tests that pass with the course's answers and fail without."""

import json
import subprocess
import sys

import nbformat
import pytest

from helpers.exercises import registry
from tools.chapter import COURSE
from tools.common import Problem
from tools.homework import nbgrader
from tools.homework.assignment import Assignment, Task

CELL = {"grade", "grade_id", "locked", "schema_version", "solution", "task"}


def exported(tmp_path, number="03", ids=None) -> dict:
    ids = ids or list(registry.exercises(number))
    assignment = Assignment(tmp_path, "hw", number, tuple(Task(id, 2) for id in ids), bytes(32))
    return json.loads(nbgrader.export(assignment, tmp_path / "course").read_text(encoding="utf-8"))


def test_the_cells_are_nbgrader_s(tmp_path):
    notebook = exported(tmp_path, ids=["3.2", "3.4", "3.4w"])
    nbformat.validate(nbformat.from_dict(notebook))
    cells = [c["metadata"]["nbgrader"] for c in notebook["cells"] if "nbgrader" in c["metadata"]]
    assert len({cell["grade_id"] for cell in cells}) == len(cells) == 6
    for cell in cells:
        assert set(cell) - {"points"} == CELL
        assert ("points" in cell) == cell["grade"]
    assert sum(cell.get("points", 0) for cell in cells) == 6


def run(notebook: dict, without: bool) -> subprocess.CompletedProcess:
    """All code cells in turn, the solutions taken out as nbgrader does where `without`."""
    sources = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            if without and "### BEGIN SOLUTION" in source:
                source = source.split("    ### BEGIN SOLUTION")[0] + "    return None"
            sources.append(source)
    program = "\n".join(sources)
    return subprocess.run([sys.executable, "-"], cwd=COURSE, input=program, capture_output=True, text=True)


@pytest.mark.parametrize("number", registry.chapters())
def test_the_course_s_answers_pass_and_a_stub_does_not(tmp_path, number):
    notebook = exported(tmp_path, number)
    done = run(notebook, without=False)
    assert done.returncode == 0, done.stderr[-500:]
    assert run(notebook, without=True).returncode != 0


def test_what_cannot_be_exported_is_said(tmp_path, capsys):
    exported(tmp_path, "05", ["5.2", "5.4"])
    assert "Left out, since plain asserts cannot say them: 5.4" in capsys.readouterr().out
    with pytest.raises(Problem, match="No task of this homework can be written as plain asserts"):
        exported(tmp_path, "05", ["5.4"])
