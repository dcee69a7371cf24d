"""A chapter runs to its end whatever a learner writes: right answers serve the later cells, wrong ones are lent for."""

import inspect
import json
import re

import nbformat
from nbclient import NotebookClient

from helpers.exercises import registry
from tests.exercises.right_answers import RIGHT
from tools import chapter
from tools.chapter import COURSE

WRONG = (
    "lambda *args: None",
    "lambda *args: 1 / 0",
    "lambda *args: args[0][:1]",
    "lambda *args: [1, 2]",
    "'not a function'",
)


def _run(given, answers: dict[str, str], folder, monkeypatch) -> tuple[dict, nbformat.NotebookNode]:
    """Put `answers` (exercise id -> cell) in the place of the stubs, run all cells; progress and executed notebook."""
    notebook = chapter.read_notebook(given)
    for cell in notebook.cells:
        for id, answer in answers.items():
            if cell.cell_type == "code" and f'check("{id}"' in cell.source:
                cell.source = answer
    progress = folder / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(progress))
    monkeypatch.delenv("COURSE_HEADLESS", raising=False)
    resources = {"metadata": {"path": str(COURSE / "chapters")}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    return json.loads(progress.read_text()), notebook


def _lines(notebook: nbformat.NotebookNode) -> str:
    return "\n".join(
        o.get("text", "") for c in notebook.cells for o in c.get("outputs", []) if o.get("name") == "stdout"
    )


def test_every_right_answer_serves_the_rest_of_the_chapter(given, tmp_path, monkeypatch):
    """The slow ones, with loops, too; and the results are the same as with the course's own functions."""
    answers = {}
    for id, exercise in registry.exercises(given.number).items():
        name = RIGHT[id][0].__name__
        source = inspect.getsource(RIGHT[id][0])
        answers[id] = f'from scipy import special\n{source}\n{exercise.function} = check("{id}", {name})'
    progress, notebook = _run(given, answers, tmp_path, monkeypatch)
    assert {id for id, entry in progress["exercises"].items() if entry["passed"]} == set(answers)
    plain = _lines(chapter.read_notebook(given))
    assert re.findall(r"(?m)^\w[\w ]+: [\d.]+$", _lines(notebook)) == re.findall(r"(?m)^\w[\w ]+: [\d.]+$", plain)


def test_wrong_answers_of_all_kinds_do_not_stop_the_chapter(given, tmp_path, monkeypatch):
    ids = list(registry.exercises(given.number))
    answers = {}
    for k, id in enumerate(ids):
        name = registry.exercise(id).function
        answers[id] = f'{name} = check("{id}", {WRONG[k % len(WRONG)]})'
    progress, _ = _run(given, answers, tmp_path, monkeypatch)
    assert all(progress["exercises"][id] == progress["exercises"][id] | {"passed": False, "attempts": 1} for id in ids)
