"""A chapter runs to its end whatever a learner writes: right answers serve the later cells, wrong ones are lent for."""

import inspect
import json
import re
import shutil

import nbformat
import pytest
from nbclient import NotebookClient

from helpers.exercises import registry
from tests.exercises.right_answers import RIGHT
from tools import bands, chapter
from tools.chapter import COURSE

WRONG = (
    "lambda *args: None",
    "lambda *args: 1 / 0",
    "lambda *args: args[0][:1]",
    "lambda *args: [1, 2]",
    "'not a function'",
)
RESULT = re.compile(r"(?m)^(\w[\w ]+): ([\d.]+)$")  # the lines of `result(name, value)`


def _run(given, answers: dict[str, str], folder, monkeypatch) -> tuple[dict, nbformat.NotebookNode]:
    """Put `answers` (exercise id -> cell) in the place of the stubs, run all cells; progress and executed notebook.

    Networks that the course's own run of the chapter has trained are taken from a copy of its cache: no answer changes
    what they learn, for the key holds all of the code that trains them.
    """
    if (trained := COURSE / ".cache" / "training").is_dir():
        shutil.copytree(trained, folder / "cache" / "training")
    notebook = chapter.read_notebook(given)
    for cell in notebook.cells:
        for id, answer in answers.items():
            if cell.cell_type == "code" and f'check("{id}"' in cell.source:
                cell.source = answer
    progress = folder / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(progress))
    monkeypatch.delenv("COURSE_HEADLESS", raising=False)
    resources = {"metadata": {"path": str(COURSE / "chapters")}}
    NotebookClient(notebook, timeout=chapter.CELL_TIMEOUT, kernel_name="python3", resources=resources).execute()
    return json.loads(progress.read_text()), notebook


def _results(notebook: nbformat.NotebookNode) -> dict[str, float]:
    """What `result` printed: name -> value."""
    printed = "\n".join(
        o.get("text", "") for c in notebook.cells for o in c.get("outputs", []) if o.get("name") == "stdout"
    )
    return {name.replace(" ", "_"): float(value) for name, value in RESULT.findall(printed)}


def _right_answers_serve(given, folder, monkeypatch) -> None:
    """Among the right answers are slow ones with loops; the results are those of the course's own functions.

    A task with more than one right result (a random split) gives results of its own: those lie within their bands.
    """
    answers = {}
    for id, exercise in registry.exercises(given.number).items():
        name, source = RIGHT[id][0].__name__, inspect.getsource(RIGHT[id][0])
        answers[id] = f'from scipy import special\n{source}\n{exercise.function} = check("{id}", {name})'
    progress, notebook = _run(given, answers, folder, monkeypatch)
    assert {id for id, entry in progress["exercises"].items() if entry["passed"]} == set(answers)
    ours, theirs = (_results(each) for each in (chapter.read_notebook(given), notebook))
    if any(exercise.verify for exercise in registry.exercises(given.number).values()):
        assert list(theirs) == list(ours)
        assert [str(judged) for judged in bands.judge(given.number, theirs, None, None) if not judged.ok] == []
    else:
        assert theirs == ours


def _wrong_answers_do_not_stop(given, folder, monkeypatch) -> None:
    answers = {}
    for k, (id, exercise) in enumerate(registry.exercises(given.number).items()):
        answers[id] = f'{exercise.function} = check("{id}", {WRONG[k % len(WRONG)]})'
    progress, _ = _run(given, answers, folder, monkeypatch)
    for id in answers:
        assert progress["exercises"][id]["passed"] is False
        assert progress["exercises"][id]["attempts"] == 1


def test_right_answers_serve_the_rest_of_the_chapter_of_the_day(of_the_day, tmp_path, monkeypatch):
    _right_answers_serve(of_the_day, tmp_path, monkeypatch)


def test_wrong_answers_do_not_stop_the_chapter_of_the_day(of_the_day, tmp_path, monkeypatch):
    _wrong_answers_do_not_stop(of_the_day, tmp_path, monkeypatch)


@pytest.mark.long
def test_right_answers_serve_the_rest_of_every_chapter(given, tmp_path, monkeypatch):
    _right_answers_serve(given, tmp_path, monkeypatch)


@pytest.mark.long
def test_wrong_answers_stop_no_chapter(given, tmp_path, monkeypatch):
    _wrong_answers_do_not_stop(given, tmp_path, monkeypatch)
