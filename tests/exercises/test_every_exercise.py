"""What must hold for every exercise of every chapter."""

import ast
import importlib.util
import inspect
import itertools
import re
import time

import jupytext
import numpy as np
import pytest

from helpers import metrics, nn
from helpers.exercises import registry
from helpers.exercises.plain import PLAIN, plain_source
from tests.exercises.right_answers import RIGHT
from tools import chapter as chapters

EXERCISES = [e for number in registry.chapters() for e in registry.exercises(number).values()]
SEEDS = range(5)
every = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)


def code_cells(number: str) -> list[str]:
    (text,) = chapters.find_texts([number])
    return [cell.source for cell in jupytext.read(text.text).cells if cell.cell_type == "code"]


def stub(exercise, folder):
    """The function as the chapter hands it out, imported from a file so that Python can find its source."""
    number = f"{exercise.id.split('.')[0]:0>2}"
    cell = next(c for c in code_cells(number) if f"def {exercise.function}(" in c and "check(" in c)
    path = folder / f"stub_{exercise.function}.py"
    path.write_text(cell[: cell.index(f"\n{exercise.function} = check(")])
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, exercise.function)


@every
def test_the_reference_passes(exercise):
    for seed in SEEDS:
        assert exercise.judge(lambda *args: exercise.reference(*args), seed).status == "passed"


@every
def test_the_untouched_stub_is_not_attempted(exercise, tmp_path):
    assert exercise.judge(stub(exercise, tmp_path)).status == "not attempted"


@every
def test_the_stub_has_the_signature_of_the_reference(exercise, tmp_path):
    handed_out = inspect.signature(stub(exercise, tmp_path)).parameters
    assert list(handed_out) == list(inspect.signature(exercise.reference).parameters)


@every
def test_the_chapter_checks_it_by_id_and_name_once(exercise):
    cells = code_cells(f"{exercise.id.split('.')[0]:0>2}")
    line = f'{exercise.function} = check("{exercise.id}", {exercise.function})'
    assert sum(line in cell for cell in cells) == 1


@pytest.mark.parametrize(
    ("exercise", "known"),
    [(e, m) for e in EXERCISES for m in e.misconceptions],
    ids=lambda x: x.id if hasattr(x, "id") else x.name,
)
def test_every_misconception_is_rejected_and_named(exercise, known):
    for wrong in known.wrong:
        for seed in SEEDS:
            verdict = exercise.judge(wrong, seed)
            assert verdict.status in ("wrong", "raised")
            assert verdict.misconception == known.name
            assert known.message in verdict.text


@every
def test_a_differently_written_right_answer_passes(exercise):
    assert RIGHT.get(exercise.id), f"tests/exercises/right_answers has no other right answer for {exercise.id}"
    for answer in RIGHT[exercise.id]:
        for seed in SEEDS:
            assert exercise.judge(answer, seed).status == "passed", f"{answer.__name__}, seed {seed}"


@every
def test_it_has_three_right_answers_or_more(exercise):
    bodies = {inspect.getsource(answer).partition("\n")[2] for answer in RIGHT.get(exercise.id, [])}
    assert len(bodies) >= 3


def names_before(exercise) -> set[str]:
    """What a learner has at an exercise: the imports of the chapter, and the functions of the exercises before it."""
    number = f"{exercise.id.split('.')[0]:0>2}"
    earlier = itertools.takewhile(lambda e: e.id != exercise.id, registry.exercises(number).values())
    known = {e.function for e in earlier}
    for cell in code_cells(number):
        if f'check("{exercise.id}"' in cell:
            break
        for node in ast.walk(ast.parse(re.sub(r"(?m)^[%!].*$", "", cell))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                known |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return known


@every
def test_the_solution_can_be_pasted_and_passes(exercise, tmp_path):
    source = plain_source(PLAIN.get(exercise.id, exercise.reference), exercise.function)
    path = tmp_path / "pasted.py"
    path.write_text(source)
    namespace = {**vars(nn), **vars(metrics), "np": np}
    exec(compile(source, path, "exec"), namespace)
    assert exercise.judge(namespace[exercise.function]).status == "passed"
    used = {*inspect.getclosurevars(namespace[exercise.function]).globals} - {exercise.function}  # recursion
    assert used <= names_before(exercise), "the solution uses what the chapter has not imported before it"


@every
def test_it_has_enough_misconceptions_and_hints(exercise):
    assert len({m.name for m in exercise.misconceptions}) >= 3
    assert len(exercise.hints) >= 2
    assert len({h for h in exercise.hints}) == len(exercise.hints)


@every
def test_messages_do_not_show_the_solution(exercise):
    """A message names the mistake; whoever wants the code asks for the solution."""
    body = [line.strip() for line in inspect.getsource(exercise.reference).splitlines()][-1]
    assert all(body not in m.message for m in exercise.misconceptions)


@every
def test_judging_is_fast(exercise):
    """Under 1 s for right answers and for every known wrong one."""
    answers = [*RIGHT[exercise.id], *(w for m in exercise.misconceptions for w in m.wrong)]
    for answer in answers:
        start = time.perf_counter()
        exercise.judge(answer)
        assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize("number", registry.chapters())
def test_quizzes_have_one_right_option_and_answer_every_wrong_one(number):
    within = (question for quiz in registry.section_quizzes(number).values() for question in quiz)
    for question in (*registry.chapter(number).QUIZ, *within):
        assert sum(option.right for option in question.options) == 1
        assert all(option.reply.strip() for option in question.options)
        assert len({option.reply for option in question.options}) == len(question.options)


@pytest.mark.parametrize("number", registry.chapters())
def test_predictions_stand_in_the_chapter_with_their_right_option(number):
    calls = [call for cell in code_cells(number) for call in predictions(cell)]
    options = {call.args[0].value: ast.literal_eval(call.args[2]) for call in calls}
    known = registry.chapter(number).PREDICTIONS
    assert sorted(call.args[0].value for call in calls) == sorted(known)
    for id, outcome in known.items():
        assert outcome.because.strip()
        assert 0 <= outcome.right < len(options[id])


def predictions(cell: str) -> list[ast.Call]:
    """The calls of `predict` in a cell."""
    calls = (node for node in ast.walk(ast.parse(re.sub(r"(?m)^[%!].*$", "", cell))) if isinstance(node, ast.Call))
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "predict"]
