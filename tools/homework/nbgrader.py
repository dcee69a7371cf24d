"""The same homework for nbgrader: solution and test cells with its metadata (schema 3), in its course folder.

Its tests run within the student's process and can be tampered with there, unlike `homework grade`; they name no
misconception. What cannot be written as plain asserts (chance, functions as arguments) is left out, and named.
"""

import ast
import copy
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from helpers.exercises import registry
from helpers.exercises.exercise import Case, Exercise
from helpers.exercises.handin import Handin
from helpers.exercises.plain import PLAIN, plain_source
from tools import chapter as chapters
from tools.common import Problem, make_folder, say, write_whole
from tools.homework import preview, release
from tools.homework.assignment import Assignment, Task
from tools.homework.questions import read_questions

_COMPARE = '''def same(got, due, rtol):
    """Shapes and values are equal up to rounding."""
    if isinstance(due, (tuple, list)):
        several = isinstance(got, (tuple, list)) and len(got) == len(due)
        return several and all(same(g, d, rtol) for g, d in zip(got, due))
    got, due = np.asarray(got, dtype=float), np.asarray(due, dtype=float)
    scale = max(1.0, np.abs(due[np.isfinite(due)]).max(initial=0))
    return got.shape == due.shape and np.allclose(got, due, rtol=0, atol=rtol * scale, equal_nan=True)'''


def export(assignment: Assignment, course: Path) -> Path:
    """Write source/<name>/<chapter>.ipynb into nbgrader's course folder; return its path.

    Raises
    ------
    Problem : no task of this homework can be written as asserts
    """
    chapter = chapters.find_texts([assignment.chapter])[0]
    cells = [_markdown(f"# Homework {assignment.name}: chapter {assignment.chapter}", {})]
    cells += [
        _code("\n".join(_imports(assignment)), {}),
        _code(_COMPARE, _cell("same", locked=True)),
    ]
    left_out = []
    for task in assignment.tasks:
        made = _written(task, assignment) if task.kind == "written" else _tested(task, assignment)
        cells += made
        if not made:
            left_out.append(task.id)
    if len(left_out) == len(assignment.tasks):
        raise Problem("No task of this homework can be written as plain asserts for nbgrader.")
    if left_out:
        say(f"Left out, since plain asserts cannot say them: {', '.join(left_out)}")
    folder = make_folder(course / "source" / assignment.name, course)
    notebook = {
        "cells": [cell | {"id": f"cell-{k}"} for k, cell in enumerate(cells)],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path = folder / f"{chapter.name}.ipynb"
    write_whole(path, (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode())
    return path


def _imports(assignment: Assignment) -> list[str]:
    """What the right answers take from elsewhere in the chapter: its imports, and what it defines."""
    code = tuple(task for task in assignment.tasks if task.kind == "code")
    alone = replace(assignment, tasks=code, students=())
    notebook = preview.answered(release.notebook_for(alone, release.NOBODY), alone, release.NOBODY)
    handin = Handin(json.dumps(notebook).encode())
    own = {registry.exercise(task.exercise).function for task in code}
    lines = ["import numpy as np"]
    for task in code:
        for unit in handin.function(task.exercise, registry.exercise(task.exercise).function).units:
            line = ast.unparse(unit.node)
            if not unit.binds & own and line not in lines:
                lines.append(line)
    return lines


def _solution(task: Task) -> str:
    exercise = registry.exercise(task.exercise)
    return plain_source(PLAIN.get(task.exercise, exercise.reference), exercise.function)


def _tested(task: Task, assignment: Assignment) -> list[dict]:
    """Stub with its solution, and tests: the first case in sight, the others hidden."""
    if task.kind != "code":
        return []
    exercise = registry.exercise(task.exercise)
    cases = [] if exercise.verify or exercise.holds else _plain_cases(exercise, assignment.seed(task.id))
    if not cases:
        return []
    head, body = _halves(_solution(task))
    source = f"{head}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"
    lines = _asserts(exercise, cases[:1])
    if cases[1:]:
        lines += ["### BEGIN HIDDEN TESTS", *_asserts(exercise, cases[1:]), "### END HIDDEN TESTS"]
    id = task.id.replace(".", "-")
    text = f"## {task.id}\n\nWrite `{exercise.function}`; section {task.exercise} of the chapter explains it."
    return [
        _markdown(text, {}),
        _code(source, _cell(f"solution-{id}", solution=True)),
        _code("\n".join(lines), _cell(f"tests-{id}", grade=True, locked=True, points=task.points)),
    ]


def _plain_cases(exercise: Exercise, seed: int) -> list[tuple[Case, object]]:
    """The cases that can be written out, with their right results."""
    found = []
    for case in exercise.cases(np.random.default_rng(seed)):
        due = exercise.reference(*copy.deepcopy(case.args))
        try:
            for value in (*case.args, due):
                _literal(value)
        except TypeError:
            continue
        found.append((case, due))
    return found


def _asserts(exercise: Exercise, cases: list[tuple[Case, object]]) -> list[str]:
    lines = []
    for case, due in cases:
        args = ", ".join(_literal(arg) for arg in case.args)
        lines.append(f"assert same({exercise.function}({args}), {_literal(due)}, {max(exercise.rtol, 1e-9)!r})")
    return lines


def _literal(value: object) -> str:
    """Python source of a value; TypeError for one that has none."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        with np.printoptions(threshold=sys.maxsize, floatmode="unique", nanstr="np.nan", infstr="np.inf"):
            text = " ".join(np.array2string(value, separator=", ", max_line_width=sys.maxsize).split())
        return f"np.array({text}, dtype='{value.dtype.name}').reshape({value.shape})"
    if isinstance(value, np.generic):
        return _literal(value.item())
    if isinstance(value, list | tuple):
        parts = ", ".join(_literal(part) for part in value)
        return f"[{parts}]" if isinstance(value, list) else f"({parts},)"
    if isinstance(value, bool | int | str):
        return repr(value)
    if isinstance(value, float):
        return f"float({str(value)!r})" if value - value else repr(value)
    raise TypeError(f"{type(value).__name__} cannot be written out")


def _halves(source: str) -> tuple[str, str]:
    """A function's header with its docstring, and the rest."""
    node = ast.parse(source).body[0]
    lines = source.split("\n")
    first = node.body[1] if ast.get_docstring(node) else node.body[0]
    return "\n".join(lines[: first.lineno - 1]), "\n".join(lines[first.lineno - 1 :]).rstrip()


def _written(task: Task, assignment: Assignment) -> list[dict]:
    question = read_questions(assignment)[task.id]
    id = f"written-{task.id.replace('.', '-')}"
    cell = _cell(id, grade=True, solution=True, points=task.points)
    return [_markdown(f"## {task.id}\n\n{question.text}", {}), _markdown("...", cell)]


def _cell(id: str, grade: bool = False, solution: bool = False, locked: bool = False, points: float = 0) -> dict:
    """nbgrader's metadata of a cell."""
    metadata = {
        "grade": grade,
        "grade_id": id,
        "locked": locked,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    return {"nbgrader": metadata | ({"points": points} if grade else {})}


def _markdown(text: str, metadata: dict) -> dict:
    return {"cell_type": "markdown", "metadata": metadata, "source": text.splitlines(True)}


def _code(text: str, metadata: dict) -> dict:
    lines = text.splitlines(True)
    return {"cell_type": "code", "execution_count": None, "metadata": metadata, "outputs": [], "source": lines}
