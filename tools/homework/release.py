"""The notebooks that students get: a chapter with its stubs, the tasks that count, and the student's id inside."""

import json
import re
from pathlib import Path

from helpers.exercises import registry
from tools import chapter as chapters
from tools.common import Problem, make_folder, write_whole
from tools.homework import own_tasks
from tools.homework.assignment import Assignment, Student, Task
from tools.homework.questions import Question, read_questions

NOBODY = Student("-")
_BADGES = re.compile(r"\[!\[Open in Colab\].*\n\n?")  # they lead to the chapter, not to this copy of it


def release(assignment: Assignment) -> list[Path]:
    """Write one notebook a student, or one for everybody where there is no class list; return their paths.

    Raises
    ------
    Problem : a task does not exist in this chapter, or gives everybody the same numbers
    """
    given = chapters.find_notebooks([assignment.chapter])[0]
    _check(assignment, given)
    folder = make_folder(assignment.folder / "release", assignment.folder)
    paths = []
    for student in assignment.students or (NOBODY,):
        name = file_name(given.name, assignment, student)
        made = notebook_for(assignment, student)
        write_whole(folder / name, (json.dumps(made, indent=1, ensure_ascii=False) + "\n").encode())
        paths.append(folder / name)
    return paths


def file_name(chapter: str, assignment: Assignment, student: Student) -> str:
    """Of the notebook of a student; without a class list all have the same."""
    return f"{chapter}_homework_{assignment.name}{'' if student is NOBODY else '_' + student.id}.ipynb"


def _check(assignment: Assignment, given: chapters.Chapter) -> None:
    known = registry.exercises(assignment.chapter)
    read_questions(assignment)
    cells = chapters.read_notebook(given).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    for task in assignment.tasks:
        if task.kind != "written" and (task.exercise not in known or f'check("{task.exercise}"' not in code):
            raise Problem(f"Chapter {assignment.chapter} has no exercise {task.exercise}. It has {', '.join(known)}.")
        if task.kind in ("value", "bug"):
            if not assignment.students:
                raise Problem(f"{task.id} gives each student other numbers: it needs a class list (--students).")
            rights = {repr(own_tasks.make(assignment, s.id, task).right) for s in assignment.students[:20]}
            if len(rights) == 1 and len(assignment.students) > 2:
                raise Problem(f"{task.id}: the value is the same for everybody. Ask for another exercise.")


def notebook_for(assignment: Assignment, student: Student) -> dict:
    """The notebook of one student: nothing executed, the homework said at the top, tasks behind their exercise."""
    given = chapters.find_notebooks([assignment.chapter])[0]
    made = json.loads(given.notebook.read_text(encoding="utf-8"))
    questions, file = read_questions(assignment), file_name(given.name, assignment, student)
    made["metadata"]["homework"] = {
        "name": assignment.name,
        "student": student.id,
        "seal": "-" if student is NOBODY else assignment.seal(student.id),
    }
    code_tasks = {task.id for task in assignment.tasks if task.kind == "code"}
    cells: list[dict] = []
    left = [task for task in assignment.tasks if task.kind != "code"]
    for cell in made["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
        cell["source"] = _BADGES.sub("", source).splitlines(True)
        if any(f'solution("{id}")' in source for id in code_tasks) and len(source.splitlines()) == 1:
            continue
        left = _put_before(cells, left, source, assignment, student, questions)
        cells.append(cell)
        if "setup" in cell["metadata"].get("tags", []):
            cells += _head(assignment, student, questions, file)
        for task in [task for task in left if f'check("{task.exercise}"' in source]:
            cells += _task(task, assignment, student, questions)
            left.remove(task)
    for task in left:  # a written question of a section that has no exercise and no heading after it
        cells += _task(task, assignment, student, questions)
    cells += _end(assignment)
    made["cells"] = cells
    for k, cell in enumerate(cells):
        cell.setdefault("id", f"homework-{k}")
    return made


def _put_before(
    cells: list[dict],
    left: list[Task],
    source: str,
    assignment: Assignment,
    student: Student,
    questions: dict[str, Question],
) -> list[Task]:
    """At the end of a section: the written questions on it that no exercise has taken along."""
    if not source.startswith("## "):
        return left
    number = source[3:].split(" ")[0]
    before = [t for t in left if t.kind == "written" and _section(t.exercise) < _section(number)]
    for task in before:
        cells += _task(task, assignment, student, questions)
    return [task for task in left if task not in before]


def _section(number: str) -> tuple[int, ...]:
    parts = number.split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else (0,)


def _head(assignment: Assignment, student: Student, questions: dict[str, Question], file: str) -> list[dict]:
    due = f"Due: {assignment.due.strftime('%A %d %B %Y, %H:%M %Z').strip()}. " if assignment.due else ""
    who = "" if student is NOBODY else f" for {student.name or student.id}"
    rows = "\n".join(f"| {task.id} | {_what(task)} | {task.points:g} |" for task in assignment.tasks)
    text = (
        f"# Homework {assignment.name}{who}\n\n{due}The tasks below count, {assignment.most:g} points in all. The rest "
        "of the chapter is as always. For these tasks `check` says what is wrong but lends nothing, and a cell whose "
        f"task is not written yet stops.\n\n| task | what | points |\n|---|---|---|\n{rows}\n\nMarking takes your "
        "functions out of this notebook and runs them on other inputs, so keep their names. At the end: save, run "
        "`receipt()`, hand in this file."
    )
    seal = "-" if student is NOBODY else assignment.seal(student.id)
    lines = ["# Leave this line as it is: it says whose notebook this is."]
    lines += [f"# homework: {assignment.name} | student: {student.id} | seal: {seal}"]
    lines += ["from helpers import homework, receipt", ""]
    who = f'"{student.id}"'
    if student is NOBODY:
        lines.insert(-1, 'STUDENT = "..."  # your id in the class list')
        who = "STUDENT"
    ids = " ".join(task.id for task in assignment.tasks)
    lines += [f'homework("{assignment.name}", {who}, "{seal}", tasks="{ids}", notebook="{file}")']
    return [_markdown(text), _code("\n".join(lines), ["homework"])]


def _what(task: Task) -> str:
    if task.kind == "code":
        return f"write `{registry.exercise(task.exercise).function}`"
    return {"value": "a value on your own numbers", "bug": "name a planted bug"}.get(task.kind, "explain in sentences")


def _task(task: Task, assignment: Assignment, student: Student, questions: dict[str, Question]) -> list[dict]:
    points = f"{task.points:g} point{'s' * (task.points != 1)}"
    if task.kind == "written":
        question = questions[task.id]
        text = f"**Homework {task.id}, {points}.** {question.text}\n\nDouble-click the cell below to write."
        return [_markdown(text), _markdown(f"**Your answer to {task.id}:**\n\n...")]
    own = own_tasks.make(assignment, student.id, task)
    hint = "the numbers, a list for an array: [[1.5, 2], [3, 4]]" if task.kind == "value" else 'a letter: "A"'
    source = f"{own_tasks.variable(task.id)} = ...  # {hint}"
    return [_markdown(f"**Homework, {points}.** {own.text}"), _code(source, [])]


def _end(assignment: Assignment) -> list[dict]:
    text = "## Hand in\n\nSave first (Ctrl+S). The receipt says what this file holds, as marking will read it."
    return [_markdown(text), _code("receipt()", ["homework"])]


def _markdown(text: str) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(True)}


def _code(text: str, tags: list[str]) -> dict:
    metadata = {"tags": tags} if tags else {}
    lines = text.splitlines(True)
    return {"cell_type": "code", "execution_count": None, "metadata": metadata, "outputs": [], "source": lines}
