"""Reads a class list: plain, as Moodle or as Canvas exports it."""

import csv
import io
import re
from pathlib import Path

from tools.common import Problem
from tools.homework.assignment import ID, Student

# What columns are called, in the order in which they are believed; compared without case, blanks and dashes.
_IDS = ("id", "studentid", "idnumber", "matrikelnummer", "idnummer", "sisuserid", "sisloginid", "username", "login")
_NAMES = ("name", "fullname", "vollständigername", "student", "studentname")
_FIRST = ("firstname", "vorname", "givenname")
_LAST = ("lastname", "surname", "nachname", "familyname")
_EMAILS = ("email", "emailaddress", "emailadresse", "mail")
_IDENTIFIERS = ("identifier", "kennung")  # of Moodle's grading worksheet: "Participant 123456"


def read_roster(path: Path) -> tuple[Student, ...]:
    """The students of a class list, in its order; all of its columns are kept in `extra`.

    Raises
    ------
    Problem : no such file, no columns that are known, an id twice, nobody in it; the message names the line
    """
    try:
        text = decoded(path.read_bytes())
    except OSError as error:
        raise Problem(f"The class list {path} cannot be read: {error.strerror}.") from None
    dialect = max((",", ";", "\t"), key=text.split("\n", 1)[0].count)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=dialect))
    if not rows:
        raise Problem(f"{path.name} is empty: expected a first line such as id,name,email.")
    header = [cell.strip() for cell in rows[0]]
    entries = [
        (n, dict(zip(header, row, strict=False))) for n, row in enumerate(rows[1:], 2) if any(map(str.strip, row))
    ]
    entries = [(n, entry) for n, entry in entries if not _is_no_student(entry)]
    if not entries:
        raise Problem(f"{path.name} names no student: below its first line there is nothing.")
    column = _id_column(header, entries, path)
    students, lines = [], {}
    for n, entry in entries:
        id = _allowed(entry[column].strip())
        if id in lines:
            raise Problem(
                f"{path.name}, line {n}: the id {id!r} is already in line {lines[id]}. Each student needs an own one."
            )
        if not ID.fullmatch(id):
            raise Problem(f"{path.name}, line {n}: {entry[column]!r} in column {column!r} cannot be an id.")
        lines[id] = n
        students.append(Student(id, _name(entry), _first_of(entry, _EMAILS), entry))
    return tuple(students)


def decoded(data: bytes) -> str:
    """The text of a CSV file: UTF-8, UTF-16, or what old spreadsheets write."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def plain(heading: str) -> str:
    """A column's heading without case, blanks, dashes and what stands in brackets."""
    return re.sub(r"[\s\-_()]|\(.*\)", "", heading.casefold())


def _first_of(entry: dict[str, str], names: tuple[str, ...]) -> str:
    found = {plain(heading): value for heading, value in entry.items()}
    return next((found[name].strip() for name in names if found.get(name, "").strip()), "")


def _name(entry: dict[str, str]) -> str:
    both = " ".join(part for part in (_first_of(entry, _FIRST), _first_of(entry, _LAST)) if part)
    return both or _first_of(entry, _NAMES)


def _is_no_student(entry: dict[str, str]) -> bool:
    """Canvas adds rows on points and posting, and a test student."""
    first = next(iter(entry.values()), "").strip().casefold()
    return first in ("points possible", "student, test", "manual posting") or (
        not first and "manual posting" in " ".join(entry.values()).casefold()
    )


def _id_column(header: list[str], entries: list[tuple[int, dict[str, str]]], path: Path) -> str:
    """The first column of ids that is filled for everybody."""
    known = {plain(heading): heading for heading in header}
    candidates = [known[name] for name in (*_IDS, *_IDENTIFIERS, *_EMAILS) if name in known]
    if "sisuserid" in known and "id" in known:  # Canvas: ID is its own number, the other the university's
        candidates = [known["sisuserid"], *candidates]
    for column in candidates:
        if all(entry.get(column, "").strip() for _, entry in entries):
            return column
    raise Problem(
        f"{path.name} has no column of ids that is filled for everybody. Its columns: {', '.join(header)}. Expected "
        "one of: id, ID number, SIS User ID, SIS Login ID, username, Identifier, Email address."
    )


def _allowed(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._@+-]+", "-", text).strip("-._")[:64]
