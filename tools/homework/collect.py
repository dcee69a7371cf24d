"""Takes in what was handed in, from wherever: keeps every file, says whose it is, which one counts, and why."""

import datetime
import hmac
import io
import json
import re
import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tools.common import Problem, make_folder, write_whole
from tools.homework.assignment import Assignment, Student, digest

MOST_BYTES = 200_000_000  # of one file; a notebook with large outputs has some tens of megabytes
MOST_OF_AN_ARCHIVE = 5_000_000_000
_IGNORED = {".DS_Store", "Thumbs.db", "desktop.ini", "timestamp.txt"}
_IGNORED_FOLDERS = {"__MACOSX", ".ipynb_checkpoints", ".git"}
_LINE = re.compile(rb"# homework: (\S+) \| student: (\S+) \| seal: ([0-9a-f]+|-)")
_WRITTEN = re.compile(rb'STUDENT = \\?["\']([A-Za-z0-9._@+-]+)\\?["\']')
_MOODLE = re.compile(r"([^/]+)_(\d+)_assignsubmission_file_?(?:/|[^/]*$)")
_CANVAS = re.compile(r"([a-z0-9]+)_(?:LATE_)?(\d+)_(\d+)_[^/]+$")
_INBOUND = re.compile(r"(?:^|/)([^/+]+)\+([^/+]+)\+(\d{4}-\d\d-\d\d[ T][\d:.]+)(?: UTC)?[^/]*/")
_SUBMITTED = re.compile(r"(?:^|/)submitted/([^/]+)/([^/]+)/")


@dataclass
class Found:
    """A file that was met: where, its bytes (None: not read), when it was handed in, and what is wrong with it."""

    origin: str
    inner: str  # the path within the folder or archive, by which platforms say whose it is
    data: bytes | None
    submitted: datetime.datetime | None
    reasons: list[str] = field(default_factory=list)


def collect(assignment: Assignment, paths: list[Path]) -> dict:
    """Add the files at `paths` to the hand-ins; return the whole index. The same files again add nothing.

    Raises
    ------
    Problem : there is nothing at a path
    """
    folder = make_folder(assignment.folder / "handins" / "files", assignment.folder)
    index = load_index(assignment)
    known = {(entry["file"], entry["origin"]) for entry in index["entries"]}
    for path in paths:
        if not path.exists():
            raise Problem(f"There is nothing at {path}.")
        for found in _walk(path):
            entry = _entry(assignment, found)
            if (entry["file"], entry["origin"]) in known:
                continue
            if found.data is not None:
                target = folder / f"{entry['file']}.ipynb"
                if not target.exists():
                    write_whole(target, found.data)
            known.add((entry["file"], entry["origin"]))
            index["entries"].append(entry)
    _choose(index["entries"])
    text = json.dumps(index, indent=1, ensure_ascii=False) + "\n"
    write_whole(assignment.folder / "handins" / "index.json", text.encode())
    return index


def load_index(assignment: Assignment) -> dict:
    """What was collected so far."""
    path = assignment.folder / "handins" / "index.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"version": 1, "entries": []}
    except ValueError as error:
        raise Problem(
            f"{path} is damaged ({error}). Move it away and collect again: the files are all there."
        ) from None


def counting(index: dict) -> dict[str, dict]:
    """Student id -> the entry that counts."""
    return {entry["student"]: entry for entry in index["entries"] if entry["status"] == "counts"}


def handin_path(assignment: Assignment, entry: dict) -> Path:
    """The file of an entry, byte for byte as it came."""
    return assignment.folder / "handins" / "files" / f"{entry['file']}.ipynb"


def _walk(path: Path) -> Iterator[Found]:
    if path.is_symlink():
        yield Found(str(path), path.name, None, None, ["It is a link to another place, which is not followed."])
    elif path.is_dir():
        for inner in sorted(path.rglob("*")):
            name = inner.relative_to(path).as_posix()
            if inner.is_symlink():
                yield Found(name, name, None, None, ["It is a link to another place, which is not followed."])
            elif not inner.is_dir() and not _is_ignored(name):
                inside = f"{path.name}/{name}" if path.name == "submitted" else name
                yield from _file(inner, name, inside)
    else:
        yield from _file(path, path.name, path.name)


def _is_ignored(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return parts[-1] in _IGNORED or parts[-1].startswith("._") or bool(_IGNORED_FOLDERS & set(parts))


def _file(path: Path, origin: str, inner: str) -> Iterator[Found]:
    try:
        state = path.lstat()
        if not stat.S_ISREG(state.st_mode):
            yield Found(origin, inner, None, None, ["It is no plain file and was not opened."])
            return
        if path.suffix.lower() == ".zip":
            with path.open("rb") as file:
                yield from _archive(file, origin, 0)
            return
        time = datetime.datetime.fromtimestamp(state.st_mtime, datetime.UTC)
        if state.st_size > MOST_BYTES:
            yield Found(origin, inner, None, time, [_too_large(state.st_size)])
        else:
            yield Found(origin, inner, path.read_bytes(), time)
    except OSError as error:
        yield Found(origin, inner, None, None, [f"It cannot be read: {error.strerror}."])


def _too_large(size: int) -> str:
    return f"It has {size / 1e6:,.0f} MB; a hand-in has at most {MOST_BYTES / 1e6:,.0f}."


def _archive(file: io.IOBase, origin: str, depth: int) -> Iterator[Found]:
    """The files of a zip; nothing is ever written under a name that stands in it."""
    left = MOST_OF_AN_ARCHIVE
    try:
        archive = zipfile.ZipFile(file)
        members = sorted(archive.infolist(), key=lambda member: member.filename)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        yield Found(origin, origin, None, None, [f"The zip file is damaged: {error}."])
        return
    for member in members:
        name, place = member.filename, f"{origin}: {member.filename}"
        if member.is_dir() or _is_ignored(name):
            continue
        time = datetime.datetime(*member.date_time).astimezone(datetime.UTC) if member.date_time[1] else None
        reason = _unsafe(member)
        if not reason and member.file_size > min(MOST_BYTES, left):
            reason = _too_large(member.file_size)
        if reason:
            yield Found(place, name, None, time, [reason])
            continue
        try:
            with archive.open(member) as inner:
                data = inner.read(MOST_BYTES + 1)
        except (RuntimeError, NotImplementedError, zipfile.BadZipFile, OSError, EOFError, zlib_error()) as error:
            why = "it is locked with a password" if member.flag_bits & 1 else str(error)
            yield Found(place, name, None, time, [f"It cannot be taken out of the zip file: {why}."])
            continue
        left -= len(data)
        if len(data) > MOST_BYTES:
            yield Found(place, name, None, time, [_too_large(len(data))])
        elif name.lower().endswith(".zip") and depth == 0:
            for found in _archive(io.BytesIO(data), place, 1):
                yield Found(found.origin, f"{name}/{found.inner}", found.data, time or found.submitted, found.reasons)
        else:
            yield Found(place, name, data, time)


def zlib_error() -> type[Exception]:
    """What damaged compressed data raise."""
    import zlib

    return zlib.error


def _unsafe(member: zipfile.ZipInfo) -> str:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", member.filename):
        return "Its name leads out of the zip file: it was not unpacked."
    if stat.S_ISLNK(member.external_attr >> 16):
        return "It is a link to another place, which is not followed."
    return ""


def _entry(assignment: Assignment, found: Found) -> dict:
    """What the index says of a file; which one counts is chosen later."""
    data = found.data if found.data is not None else b""
    entry = {
        "file": digest(data if found.data is not None else found.origin.encode()),
        "origin": found.origin,
        "bytes": len(data),
        "student": None,
        "matched_by": None,
        "submitted": None,
        "status": "",
        "reasons": list(found.reasons),
    }
    inbound = _INBOUND.search(found.inner)
    time = found.submitted
    if inbound:
        time = datetime.datetime.fromisoformat(inbound[3]).replace(tzinfo=datetime.UTC)
    entry["submitted"] = time.isoformat(timespec="seconds") if time else None
    if found.data is None:
        return entry | {"status": "unsafe", "student": _platform(assignment, found.inner)[0]}
    said, how = _inside(assignment, data, entry["reasons"])
    theirs, platform = _platform(assignment, found.inner)
    if said and theirs and said != theirs:
        reason = f"Handed in by {theirs}, made for {said}: it counts for neither until somebody has asked."
        return entry | {
            "status": "conflict",
            "student": theirs,
            "matched_by": platform,
            "reasons": [*entry["reasons"], reason],
        }
    if not said and not theirs:
        said, how = _by_name(assignment, found.inner), "folder" if "/" in found.inner else "file name"
    entry["student"] = said or theirs
    entry["matched_by"] = how if said else platform if theirs else None
    entry["status"] = _kind(assignment, data, entry["reasons"])
    if not entry["student"]:
        entry["reasons"].append("Nothing in it or in its name says whose it is.")
        if entry["status"] == "notebook":
            entry["status"] = "unknown student"
    return entry


def _inside(assignment: Assignment, data: bytes, reasons: list[str]) -> tuple[str | None, str | None]:
    """The id inside, and whether a seal vouches for it."""
    lines = [tuple(part.decode() for part in match) for match in _LINE.findall(data)]
    for name, student, seal in reversed(lines):
        if name != assignment.name:
            continue
        if student != "-":
            if hmac.compare_digest(assignment.seal(student), seal):
                return student, "seal"
            reasons.append(f"The line that says it belongs to {student} was changed: its seal is wrong.")
            continue
        written = _WRITTEN.findall(data)
        id = written[-1].decode() if written else ""
        if assignment.student(id) or (id and not assignment.students):
            return id, "id inside"
        if id:
            reasons.append(f"The id written in it, {id}, is not in the class list.")
    return None, None


def _platform(assignment: Assignment, inner: str) -> tuple[str | None, str | None]:
    """Who was logged in where it was handed in, as the platform writes it into the name."""
    if match := _MOODLE.search(inner):
        return _moodle(assignment, match[1], match[2]), "moodle"
    for pattern in (_INBOUND, _SUBMITTED):
        if match := pattern.search(inner):
            return _by_field(assignment, match[1]), "exchange"
    if match := _CANVAS.search(inner):
        student = next((s.id for s in assignment.students if s.extra.get("ID", "").strip() == match[2]), None)
        return student, "canvas"
    return None, None


def _moodle(assignment: Assignment, name: str, number: str) -> str | None:
    for student in assignment.students:
        if number in student.extra.get("Identifier", "").split():
            return student.id
    alike = [student.id for student in assignment.students if _normal(student.name) == _normal(name)]
    return alike[0] if len(alike) == 1 else None


def _by_field(assignment: Assignment, login: str) -> str | None:
    for student in assignment.students:
        if login in (student.id, student.email, student.email.split("@")[0], *student.extra.values()):
            return student.id
    return None if assignment.students else login


def _normal(text: str) -> frozenset[str]:
    """The words of a name, whatever their order, case and accents."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return frozenset(re.findall(r"\w+", bare.replace("_", " ")))


def _by_name(assignment: Assignment, inner: str) -> str | None:
    """The one student whose id or whole name stands in the path."""
    words = _normal(inner.replace(".", " ").replace("-", " "))
    whole = re.split(r"[/\\_ ]|\.ipynb", inner)
    found = {s.id for s in assignment.students if s.id in whole or f"_{s.id}." in inner}
    found = found or {s.id for s in assignment.students if _normal(s.name) and _normal(s.name) <= words}
    return found.pop() if len(found) == 1 else None


def _kind(assignment: Assignment, data: bytes, reasons: list[str]) -> str:
    """Whether it is a notebook of this homework, by its bytes: they may be damaged."""
    if b'"cells"' not in data and b'"worksheets"' not in data and b'"cell_type"' not in data:
        reasons.append("It is no notebook: nothing in it is a cell.")
        return "not a notebook"
    names = {match[0].decode() for match in _LINE.findall(data)}
    if names and assignment.name not in names:
        reasons.append(f"It is of another homework: {', '.join(sorted(names))}.")
        return "other assignment"
    number = int(assignment.chapter)
    tasks = re.search(rb"""check\(\s*\\?["']%d\.""" % number, data) or b"grade_id" in data
    if not names and not tasks:
        reasons.append(f"It holds no homework line and no exercise of chapter {assignment.chapter}.")
        return "other assignment"
    return "notebook"


def _choose(entries: list[dict]) -> None:
    """Of each student the last notebook counts; the others say what became of them."""
    for entry in entries:
        if entry["status"] in ("counts", "older", "same again"):
            entry["status"] = "notebook"
            entry["reasons"] = [r for r in entry["reasons"] if not r.startswith(("A later one", "The same file"))]
    last: dict[str, dict] = {}
    for entry in entries:
        student = entry["student"]
        if entry["status"] != "notebook" or student is None:
            continue
        held = last.get(student)
        if held is None:
            last[student] = entry
        elif held["file"] == entry["file"]:
            _give_way(entry, "same again", "The same file came before.")
        elif (entry["submitted"] or "") >= (held["submitted"] or ""):
            _give_way(held, "older", "A later one of the same student counts.")
            last[student] = entry
        else:
            _give_way(entry, "older", "A later one of the same student counts.")
    for entry in last.values():
        entry["status"] = "counts"


def _give_way(entry: dict, status: str, reason: str) -> None:
    entry["status"] = status
    entry["reasons"].append(reason)


def minutes_late(assignment: Assignment, entry: dict) -> float | None:
    """Minutes after the due time; None where there is no due time, or none of handing in."""
    if assignment.due is None or not entry["submitted"]:
        return None
    return (datetime.datetime.fromisoformat(entry["submitted"]) - assignment.due).total_seconds() / 60


def summary(assignment: Assignment, index: dict) -> str:
    """What came, for the person at the keyboard: numbers first, then each file that needs a look."""
    entries, counts = index["entries"], counting(index)
    lines = [f"{len(entries)} files so far; of {len(counts)} students one counts."]
    late = [(id, minutes_late(assignment, entry)) for id, entry in sorted(counts.items())]
    late = [f"{id} by {_duration(m)}" for id, m in late if m and m > assignment.late.grace_minutes]
    if late:
        lines.append(f"Late: {', '.join(late)}.")
    double = sum(entry["status"] in ("older", "same again") for entry in entries)
    if double:
        lines.append(f"{double} more of students who handed in several times; the last one counts.")
    for status in ("conflict", "unknown student", "other assignment", "not a notebook", "unsafe"):
        for entry in entries:
            if entry["status"] == status:
                whose = f" ({entry['student']})" if entry["student"] else ""
                lines.append(f"{status}{whose}: {entry['origin']}. {' '.join(entry['reasons'])}")
    missing = [_who(student) for student in assignment.students if student.id not in counts]
    if missing:
        lines.append(f"Nothing that counts from {len(missing)}: {', '.join(missing)}.")
    return "\n".join(lines)


def _who(student: Student) -> str:
    return f"{student.id} {student.name}".strip()


def _duration(minutes: float) -> str:
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 60 / 24:.1f} days"
