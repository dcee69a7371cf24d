"""Before a class sees it: a student's notebook as a page, and what marking says to an empty and to a full one."""

import json
from pathlib import Path

from helpers.exercises import registry
from helpers.exercises.plain import PLAIN, plain_source
from tools.common import Problem, write_whole
from tools.homework import kit, own_tasks, release, sandbox
from tools.homework.assignment import Assignment, Student
from tools.homework.judge import mark

COURSE = Path(__file__).resolve().parents[2]


def preview(assignment: Assignment, student: str | None = None) -> Path:
    """The notebook of a student (the first of the class list without `student`) as an HTML page."""
    import nbformat
    from nbconvert import HTMLExporter

    path = _released(assignment, _one(assignment, student))
    html, _ = HTMLExporter().from_notebook_node(nbformat.read(path, as_version=4))
    page = assignment.folder / "preview.html"
    write_whole(page, html.encode())
    return page


def _one(assignment: Assignment, id: str | None) -> Student:
    if id is None:
        return assignment.students[0] if assignment.students else release.NOBODY
    student = assignment.student(id)
    if student is None:
        raise Problem(f"There is no student {id!r} in the class list.")
    return student


def _released(assignment: Assignment, student: Student) -> Path:
    end = "" if student is release.NOBODY else f"_{student.id}"
    paths = list((assignment.folder / "release").glob(f"*_homework_{assignment.name}{end}.ipynb"))
    if not paths:
        raise Problem("The notebooks are not there. Make them: course.py homework release NN --again")
    return paths[0]


def dry_run(assignment: Assignment, unsafe: bool = False) -> str:
    """Hand in a student's notebook untouched, and with the course's own answers; both marks, task by task."""
    if not unsafe:
        sandbox.require()
    student = _one(assignment, None)
    notebook = json.loads(_released(assignment, student).read_text(encoding="utf-8"))
    judge = kit.make(assignment.tasks, COURSE / "build" / "homework")
    results = []
    for made in (notebook, answered(notebook, assignment, student)):
        data = json.dumps(made).encode()
        results.append(mark(assignment, student.id, data, lambda: sandbox.Sandbox(judge, unsafe=unsafe)))
        if results[-1]["problem"]:
            raise Problem(f"The sandbox started, but marking in it fails. {results[-1]['problem']}")
    empty, full = (marks["tasks"] for marks in results)
    lines = ["task     untouched        with the course's answers"]
    lines += [f"{task.id:<8} {empty[task.id]['status']:<16} {full[task.id]['status']}" for task in assignment.tasks]
    good = all(full[task.id]["status"] in ("passed", "to be marked") for task in assignment.tasks)
    lines.append(
        "As it should be." if good else "Not every answer of the course passes: look at this before releasing."
    )
    return "\n".join(lines)


def answered(notebook: dict, assignment: Assignment, student: Student) -> dict:
    """The notebook with a right answer to every task."""
    made = json.loads(json.dumps(notebook))
    for task in assignment.tasks:
        if task.kind == "code":
            exercise = registry.exercise(task.exercise)
            text = plain_source(PLAIN.get(task.exercise, exercise.reference), exercise.function)
            sign = f'check("{task.exercise}"'
            _replace(made, sign, f"{text}\n\n{exercise.function} = {sign}, {exercise.function})")
        elif task.kind == "written":
            _replace(made, f"**Your answer to {task.id}:**", f"**Your answer to {task.id}:**\n\nBecause it is so.")
        else:
            name, right = own_tasks.variable(task.id), own_tasks.make(assignment, student.id, task).right
            value = right.tolist() if hasattr(right, "tolist") else right
            _replace(made, f"{name} = ...", f"{name} = {value!r}")
    return made


def _replace(notebook: dict, sign: str, text: str) -> None:
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if sign in source and not source.startswith("**Homework") and "homework(" not in source:
            cell["source"] = text.splitlines(True)
