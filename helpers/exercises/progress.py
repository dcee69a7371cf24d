"""What a learner has solved, in one JSON file. No crash, damaged file or second notebook loses it."""

import base64
import binascii
import datetime
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from helpers.places import progress_file

EMPTY = {"version": 1, "exercises": {}, "predictions": {}, "quiz": {}}


class ProgressError(Exception):
    """The progress file cannot be read or written; the message says what to do."""


def read(path: Path | None = None) -> dict:
    """The progress as it stands; empty when there is none yet, the last good copy when the file is damaged."""
    path = path or progress_file()
    for candidate in (path, _backup(path)):
        data = _parsed(candidate)
        if data is not None:
            return data
    return json.loads(json.dumps(EMPTY))


def update(change: Callable[[dict], None], path: Path | None = None) -> dict:
    """Read, change and write under a lock, so that two notebooks at once lose nothing. Returns what was written.

    Raises
    ------
    ProgressError : the folder cannot be written, the disk is full, or another notebook holds the file for over 5 s
    """
    from filelock import FileLock, Timeout

    path = path or progress_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(_lock_path(path), timeout=5):
            _set_damaged_aside(path)
            data = read(path)
            change(data)
            _write(path, data)
            return data
    except (OSError, Timeout) as error:
        raise ProgressError(
            f"Your progress could not be saved in {path.name}: {error}. The notebook works on without it. Free some "
            f"disk "
            "space, make the folder writable, or set COURSE_PROGRESS to a file elsewhere."
        ) from error


def _parsed(path: Path) -> dict | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    sound = isinstance(data, dict) and all(
        isinstance(data.get(key), dict) for key in ("exercises", "predictions", "quiz")
    )
    return data if sound else None


def _backup(path: Path) -> Path:
    return path.with_name(f".{path.name}.last")


def _lock_path(path: Path) -> str:
    """In the temporary folder: Google Drive and some network disks cannot lock."""
    user = os.environ.get("USER") or os.environ.get("USERNAME") or ""
    key = hashlib.sha256(f"{user}{path.absolute()}".encode()).hexdigest()[:16]
    return os.path.join(tempfile.gettempdir(), f"course-progress-{key}.lock")


def _set_damaged_aside(path: Path) -> None:
    if path.exists() and _parsed(path) is None:
        day = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S-%f")
        path.replace(path.with_name(f"{path.stem}.damaged-{day}{path.suffix}"))


def _write(path: Path, data: dict) -> None:
    """Whole or not at all: written beside, then moved over; the file before it stays as a backup."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            _backup(path).write_bytes(path.read_bytes())
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def encode(passed: list[str]) -> str:
    """A short code for the exercises passed, to be typed in elsewhere: chapter and bit mask each, and a check sum."""
    masks: dict[int, int] = {}
    for exercise in passed:
        chapter, number = map(int, exercise.split("."))
        masks[chapter] = masks.get(chapter, 0) | 1 << number
    body = b"".join(bytes([chapter]) + mask.to_bytes(3, "big") for chapter, mask in sorted(masks.items()))
    check = binascii.crc_hqx(body, 0).to_bytes(2, "big")
    text = base64.b32encode(body + check).decode().rstrip("=")
    return "-".join(text[i : i + 4] for i in range(0, len(text), 4))


def decode(code: str) -> list[str]:
    """The exercise ids in a code of `encode`.

    Raises
    ------
    ValueError : a mistyped code; the check sum finds it
    """
    text = "".join(code.upper().split()).replace("-", "")
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error:
        raw = b""
    body, check = raw[:-2], raw[-2:]
    if len(raw) < 2 or len(body) % 4 or binascii.crc_hqx(body, 0).to_bytes(2, "big") != check:
        raise ValueError(f"{code!r} is not a code from score(): a character is wrong or missing. Copy the whole code.")
    ids = []
    for start in range(0, len(body), 4):
        mask = int.from_bytes(body[start + 1 : start + 4], "big")
        ids += [f"{body[start]}.{number}" for number in range(24) if mask >> number & 1]
    return ids
