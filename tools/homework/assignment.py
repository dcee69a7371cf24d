"""What was assigned, to whom, and how it counts: one folder an assignment, one small TOML file in it."""

import datetime
import hashlib
import hmac
import json
import re
import secrets
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from tools.common import Problem, relative, write_whole

FILE, KEY, CLASS = "assignment.toml", "secret.key", "class.json"
# A code task is an exercise of the chapter, "3.2"; a letter behind it makes another task of it. (a, b, c, d behind a
# number are predictions.)
KINDS = {"": "code", "v": "value", "x": "bug", "w": "written"}
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")  # what a student's id and an assignment's name may look like
_TASK = re.compile(r"(\d+\.\d+)([vxw]?)")


@dataclass(frozen=True)
class Student:
    """One line of the class list. `extra` holds its other columns, which a learning platform wants back."""

    id: str
    name: str = ""
    email: str = ""
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """Something that gets points: a function to write (code), a value on one's own input, a planted bug to name, an
    answer in sentences (written)."""

    id: str
    points: float

    @property
    def kind(self) -> str:
        """One of code, value, bug, written."""
        return KINDS[split_task(self.id)[1]]

    @property
    def exercise(self) -> str:
        """The id of the exercise or section that it belongs to, "3.2" of "3.2v"."""
        return split_task(self.id)[0]


@dataclass(frozen=True)
class Late:
    """What a late hand-in loses: after `grace_minutes`, `percent_per_day` for each day begun, `most_percent` at most;
    nothing counts after `accept_days`."""

    grace_minutes: float = 15
    percent_per_day: float = 10
    most_percent: float = 50
    accept_days: float = 14

    def keeps(self, minutes: float | None) -> float:
        """The share of the points that a hand-in `minutes` after the due time keeps (None: no due time)."""
        if minutes is None or minutes <= self.grace_minutes:
            return 1.0
        days = minutes / (24 * 60)
        if days > self.accept_days:
            return 0.0
        begun = int(days) + (days > int(days))
        return 1 - min(self.most_percent, self.percent_per_day * begun) / 100


@dataclass(frozen=True)
class Assignment:
    """A chapter as homework.

    Parameters
    ----------
    folder : holds assignment.toml, the class list, the hand-ins, the marks and the reports
    name : what the notebooks call it, unique in a term, such as "03" or "03-autumn"
    chapter : "03"
    partial : the share of a code task's points that a function may get which is right on some cases only
    due : with its time zone; None when nothing is late
    key : secret of this assignment; seeds and seals come from it, and it never leaves the folder
    """

    folder: Path
    name: str
    chapter: str
    tasks: tuple[Task, ...]
    key: bytes
    students: tuple[Student, ...] = ()
    due: datetime.datetime | None = None
    partial: float = 0.5
    late: Late = Late()

    @property
    def most(self) -> float:
        """All points."""
        return sum(task.points for task in self.tasks)

    def student(self, id: str) -> Student | None:
        """The student of that id."""
        return next((student for student in self.students if student.id == id), None)

    def seed(self, *parts: str) -> int:
        """A number that nobody without the key can know: one for `("3.2",)`, another for `("3.2v", student id)`."""
        text = "\0".join(("seed", self.name, *parts)).encode()
        return int.from_bytes(hmac.digest(self.key, text, "sha256")[:6], "big")

    def seal(self, student: str) -> str:
        """Ten characters that show that a notebook was made for this student."""
        return hmac.digest(self.key, f"seal\0{self.name}\0{student}".encode(), "sha256").hex()[:10]


def split_task(id: str) -> tuple[str, str]:
    """ "3.2v" -> ("3.2", "v").

    Raises
    ------
    Problem : it is no task id
    """
    found = _TASK.fullmatch(id)
    if not found:
        raise Problem(
            f"{id!r} is no task. Tasks are exercises such as 3.2; 3.2v asks for a value on the student's own input, "
            "3.2x for the bug in a function, 3.2w is an answer in sentences."
        )
    return found[1], found[2]


def load(folder: Path) -> Assignment:
    """The assignment in a folder.

    Raises
    ------
    Problem : there is none, or its file holds something that does not belong there; the message says what and where
    """
    path = folder / FILE
    if not path.exists():
        raise Problem(f"{folder} holds no homework. Make one first: course.py homework release NN")
    try:
        text, key = path.read_text(encoding="utf-8"), bytes.fromhex((folder / KEY).read_text().strip())
    except (OSError, ValueError) as error:
        raise Problem(
            f"The homework in {folder} cannot be read ({error}). "
            f"{FILE} and {KEY} belong together: take both from a backup."
        ) from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Problem(f"{relative(path, folder.parent)} is not TOML: {error}.") from None
    points, late = _table(data, "points", path), _table(data, "late", path)
    unknown = set(data) - {"name", "chapter", "due", "partial", "points", "late"}
    unknown |= {f"late.{name}" for name in set(late) - set(Late.__dataclass_fields__)}
    if unknown:
        raise Problem(f"{path.name}: {', '.join(sorted(unknown))} is not known here. Is it a typing mistake?")
    numbers = {f"points.{id}": value for id, value in points.items()} | {f"late.{n}": v for n, v in late.items()}
    numbers["partial"] = data.get("partial", 0.5)
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise Problem(f"{path.name}: {name} must be a number from 0 on, not {value!r}.")
    if numbers["partial"] > 1 or late.get("most_percent", 0) > 100:
        raise Problem(f"{path.name}: partial is a share, at most 1, and most_percent at most 100.")
    due = data.get("due")
    if due is not None and not (isinstance(due, datetime.datetime) and due.tzinfo):
        raise Problem(f"{path.name}: due must be a time with its zone, such as 2027-01-31T23:59:00+01:00, not {due}.")
    for id in points:
        split_task(id)
    students = read_class(folder)
    return Assignment(
        folder,
        str(data.get("name", "")),
        str(data.get("chapter", "")),
        tuple(Task(id, float(value)) for id, value in points.items()),
        key,
        students,
        due,
        float(numbers["partial"]),
        Late(**late),
    )


def _table(data: dict, name: str, path: Path) -> dict:
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise Problem(f"{path.name}: [{name}] must be a table.")
    return table


def save(assignment: Assignment) -> None:
    """Write assignment.toml, the key and the class list; the instructor may edit the first."""
    folder = assignment.folder
    folder.mkdir(parents=True, exist_ok=True)
    late = assignment.late
    due = f"due = {assignment.due.isoformat()}" if assignment.due else "# due = 2027-01-31T23:59:00+01:00"
    lines = [
        "# Points, the date and what being late costs may be changed at any time: `report` reads them anew.",
        f'name = "{assignment.name}"',
        f'chapter = "{assignment.chapter}"',
        due,
        f"partial = {assignment.partial}  # share of the points for a function that is right on some cases only",
        "",
        "[points]",
        *(f'"{task.id}" = {task.points:g}' for task in assignment.tasks),
        "",
        "[late]",
        f"grace_minutes = {late.grace_minutes:g}",
        f"percent_per_day = {late.percent_per_day:g}  # for each day begun",
        f"most_percent = {late.most_percent:g}",
        f"accept_days = {late.accept_days:g}  # after that a hand-in counts nothing",
        "",
    ]
    write_whole(folder / FILE, "\n".join(lines).encode())
    if not (folder / KEY).exists():
        write_whole(folder / KEY, (assignment.key.hex() + "\n").encode())
        (folder / KEY).chmod(0o600)
    people = [student.__dict__ for student in assignment.students]
    write_whole(folder / CLASS, (json.dumps(people, indent=1, ensure_ascii=False) + "\n").encode())


def read_class(folder: Path) -> tuple[Student, ...]:
    """The class list that `release` kept."""
    try:
        return tuple(Student(**entry) for entry in json.loads((folder / CLASS).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return ()
    except (ValueError, TypeError) as error:
        raise Problem(f"{folder / CLASS} is damaged ({error}). Release again with --students.") from None


def new_key() -> bytes:
    """A fresh secret."""
    return secrets.token_bytes(32)


def digest(data: bytes) -> str:
    """What a file is known by: the first 16 digits of its SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]
