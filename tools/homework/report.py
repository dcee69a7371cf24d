"""From marks to grades: points, flags, tables for a learning platform, pages for students and for the class."""

import collections
import functools
import json
import re
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from helpers.exercises import registry
from helpers.exercises.handin import likeness
from helpers.exercises.plain import PLAIN, plain_source
from tools.common import Problem
from tools.homework import collect, pages, written
from tools.homework.assignment import Assignment, Student
from tools.homework.questions import read_questions
from tools.homework.tables import write_table

FOREIGN = "the right value for"
_OPEN = ("to be marked",)


@dataclass
class Grade:
    """What one student gets. `points` is None where nothing can be said yet: nothing handed in, nothing marked."""

    student: Student
    marks: dict | None
    entry: dict | None
    tasks: dict[str, float | None] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    points: float | None = None
    late_minutes: float | None = None
    keeps: float = 1.0
    flags: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        """In a word or two."""
        if self.entry is None:
            return "nothing handed in"
        if self.marks is None:
            return "not marked yet"
        if self.marks["problem"]:
            return "could not be marked"
        return "written answers open" if None in self.tasks.values() else "marked"


def report(assignment: Assignment) -> Path:
    """Write report/ anew from the hand-ins and marks that are there; return the class page.

    Raises
    ------
    Problem : written.csv holds something that is no mark; the message names the line
    """
    marks = _marks(assignment)
    questions = read_questions(assignment)
    if any(task.kind == "written" for task in assignment.tasks):
        written.write_sheet(assignment, marks, questions)
    grades = grade_all(assignment, marks)
    folder = Path(tempfile.mkdtemp(dir=assignment.folder, prefix=".report-"))
    try:
        _write(assignment, grades, questions, folder)
    except BaseException:
        shutil.rmtree(folder)
        raise
    target = assignment.folder / "report"
    if target.exists():
        shutil.rmtree(target)
    folder.rename(target)
    return target / "index.html"


def _write(assignment: Assignment, grades: list[Grade], questions: dict, folder: Path) -> None:
    folder.chmod(0o755)
    (folder / "students").mkdir()
    index = collect.load_index(assignment)
    (folder / "index.html").write_text(pages.class_page(assignment, grades, index), encoding="utf-8")
    for grade in grades:
        if grade.entry is not None:
            page = pages.student_page(assignment, grade, questions)
            (folder / "students" / f"{grade.student.id}.html").write_text(page, encoding="utf-8")
    for name, rows in (("grades.csv", plain_table), ("moodle.csv", moodle_table), ("canvas.csv", canvas_table)):
        (folder / name).write_bytes(write_table(rows(assignment, grades)))


def _marks(assignment: Assignment) -> dict[str, dict]:
    found = {}
    for path in sorted((assignment.folder / "marks").glob("*.json")):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            found[data["student"]] = data
        except (ValueError, KeyError):
            raise Problem(f"{path} is damaged. Delete it and run grade again: it makes this one anew.") from None
    return found


def grade_all(assignment: Assignment, marks: dict[str, dict]) -> list[Grade]:
    """One grade for everybody of the class list, and for those who are not on it and handed in or have marks."""
    counting = collect.counting(collect.load_index(assignment))
    sheet = written.read_sheet(assignment)
    others = [Student(id) for id in sorted({*counting, *marks} - {student.id for student in assignment.students})]
    grades = []
    for student in (*assignment.students, *others):
        entry = counting.get(student.id)
        own = marks.get(student.id)
        if own is not None and (entry is None or own["handin"] != entry["file"]):
            own = None  # marks of an older hand-in
        grade = Grade(student, own, entry)
        if entry is not None:
            grade.late_minutes = collect.minutes_late(assignment, entry)
            grade.keeps = assignment.late.keeps(grade.late_minutes)
        if own is not None:
            _count(assignment, grade, sheet)
        grades.append(grade)
    _flag(assignment, grades)
    return grades


def _count(assignment: Assignment, grade: Grade, sheet: dict) -> None:
    for task in assignment.tasks:
        mark = grade.marks["tasks"].get(task.id)
        if grade.marks["problem"] or mark is None:
            grade.tasks[task.id] = 0.0
        elif mark["status"] in _OPEN:
            points, comment, _ = sheet.get((grade.student.id, task.id), (None, "", ""))
            grade.tasks[task.id], grade.comments[task.id] = points, comment.replace(written.CHANGED, "").strip()
            if written.CHANGED in comment:
                grade.flags.append(f"{task.id}: the answer changed since it was marked")
        elif mark["status"] == "passed":
            grade.tasks[task.id] = task.points
        else:
            partly = mark["share"] * assignment.partial if task.kind == "code" else 0.0
            grade.tasks[task.id] = round(task.points * partly, 2)
    grade.points = round(sum(points or 0.0 for points in grade.tasks.values()) * grade.keeps, 2)


def _flag(assignment: Assignment, grades: list[Grade]) -> None:
    """What a person should look at; no flag changes a point."""
    alike = collections.defaultdict(list)
    for grade in grades:
        for id, mark in (grade.marks or {"tasks": {}})["tasks"].items():
            if mark.get("likeness") and mark["status"] in ("passed", "wrong", "raised"):
                alike[id, mark["likeness"]].append(grade)
            for flag in mark["flags"]:
                word = "gave " if flag.startswith(FOREIGN) else ""
                grade.flags.append(f"{id}: {word}{flag}")
    handed_in = sum(grade.marks is not None for grade in grades)
    for (id, code), same in alike.items():
        course = code in course_likeness(id)
        for grade in same if course else ():
            grade.flags.append(f"{id}: the course's own text")
        others = [grade.student.id for grade in same[1:]]
        if not course and others and len(same) <= max(3, handed_in / 4):  # what many have is the usual way to do it
            same[0].flags.append(f"{id}: the same answer, names and layout apart, as {', '.join(others)}: ask them all")


@functools.cache
def course_likeness(id: str) -> frozenset[str]:
    """What the course itself prints as a right answer to an exercise."""
    import ast

    if not id[-1].isdigit():
        return frozenset()
    exercise = registry.exercise(id)
    sources = {plain_source(exercise.reference, exercise.function)}
    sources.add(plain_source(PLAIN.get(id, exercise.reference), exercise.function))
    return frozenset(code for text in sources if (code := likeness(ast.parse(text).body[0])))


def _shown(points: float | None) -> float | int | str:
    """A grade as a table shows it: at most two decimals, none where there are none."""
    if points is None:
        return ""
    return int(points) if points == int(points) else round(points, 2)


def plain_table(assignment: Assignment, grades: list[Grade]) -> list[list]:
    """Everything, a student a line."""
    ids = [task.id for task in assignment.tasks]
    rows = [["id", "name", "points", "most", "percent", "late minutes", "status", *ids]]
    for grade in grades:
        percent = "" if grade.points is None or not assignment.most else _shown(100 * grade.points / assignment.most)
        late = "" if grade.late_minutes is None or grade.late_minutes <= 0 else int(grade.late_minutes)
        each = [_shown(grade.tasks.get(id)) for id in ids]
        head = [grade.student.id, grade.student.name, _shown(grade.points), _shown(assignment.most), percent]
        rows.append([*head, late, grade.status, *each])
    return rows


def _feedback(grade: Grade) -> str:
    """One line for a platform's comment field."""
    if grade.marks is None or grade.marks["problem"]:
        return "" if grade.entry is None else grade.status
    parts = [f"{id}: {mark['status']}" for id, mark in grade.marks["tasks"].items()]
    late = f"; late, {100 - 100 * grade.keeps:.0f} % less" if grade.keeps < 1 else ""
    return "; ".join(parts) + late


def moodle_table(assignment: Assignment, grades: list[Grade]) -> list[list]:
    """Moodle's grading worksheet: its own columns come back unchanged, with grade and comment filled in.

    A grade is of the worksheet's "Maximum Grade": points of 6 are scaled where Moodle's assignment has 100.
    """
    usual = ["Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade", "Grade can be changed"]
    usual += ["Last modified (submission)", "Last modified (grade)", "Feedback comments"]
    theirs = [s for s in assignment.students if "Identifier" in s.extra and "Grade" in s.extra]
    columns = list(theirs[0].extra) if theirs else usual
    rows = [columns]
    for grade in grades:
        student = grade.student
        known = {"Identifier": student.id, "Full name": student.name, "Email address": student.email}
        row = known | {"Maximum Grade": _shown(assignment.most), "Grade can be changed": "Yes"} | student.extra
        row |= {"Grade": _shown(_scaled(grade.points, str(row.get("Maximum Grade", "")), assignment.most))}
        row |= {"Feedback comments": _feedback(grade)}
        rows.append([row.get(column, "") for column in columns])
    return rows


def _scaled(points: float | None, maximum: str, most: float) -> float | None:
    """Points of `most` as points of Moodle's maximum; as they are where that is no number, or a scale of words."""
    try:
        greatest = float(maximum.replace(",", "."))
    except ValueError:
        return points
    return points if points is None or not most or greatest <= 0 else points * greatest / most


def canvas_table(assignment: Assignment, grades: list[Grade]) -> list[list]:
    """Canvas' gradebook: who the student is, and the column of this homework alone."""
    fixed = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    headings = dict.fromkeys(column for student in assignment.students for column in student.extra)
    title = re.compile(rf"(homework )?{re.escape(assignment.name)}(?![\w.+@-]).*\(\d+\)", re.IGNORECASE)
    own = [heading for heading in headings if title.fullmatch(heading)]
    column = own[0] if own else f"Homework {assignment.name}"
    rows = [[*fixed, column], ["Points Possible", "", "", "", "", _shown(assignment.most)]]
    for grade in grades:
        extra, student = grade.student.extra, grade.student
        usual = {"Student": student.name or student.id, "SIS User ID": student.id}
        rows.append([*(extra.get(name) or usual.get(name, "") for name in fixed), _shown(grade.points)])
    return rows
