"""Homework from the side of the student: which tasks count, and a receipt of what a notebook holds."""

import hashlib
import json
from pathlib import Path

from helpers.exercises.handin import Answer, Handin, stamp

_assigned: dict[str, str] = {}  # task -> assignment
_file: list[str] = []


class NotWritten(Exception):
    """A task of the homework is as it was handed out; the message says which."""

    def _render_traceback_(self) -> list[str]:
        """IPython shows this in place of a traceback through the course's own code."""
        return [str(self)]


def homework(name: str, student: str, seal: str, tasks: str, notebook: str = "") -> None:
    """Say which tasks count: `check` no longer lends the course's own functions for them, `solution` shows none.

    Parameters
    ----------
    tasks : their ids, with blanks between them, such as "3.2 3.4 3.2v"
    notebook : the file to be handed in, for `receipt`
    """
    from helpers.display import say

    _assigned.clear()
    _assigned.update(dict.fromkeys(tasks.split(), name))
    _file[:] = [notebook]
    who = f"student **{student}**" if student not in ("", "-", "...") else "nobody yet: write your id into `STUDENT`"
    say(f"**Homework {name}**, {who}. Tasks: {', '.join(tasks.split())}. `receipt()` says what a hand-in would hold.")


def is_homework(id: str) -> bool:
    """Whether exercise `id` is a task of the homework that this notebook is for."""
    return id in _assigned


def receipt(path: str | Path | None = None) -> None:
    """What the saved notebook holds for each task, as marking will read it; nothing is run, nothing is sent.

    Raises
    ------
    FileNotFoundError : there is no such notebook here; the message says what to give
    """
    from helpers.display import say

    data = _saved(path)
    try:
        say("\n".join(lines(data, list(_assigned))))
    except ValueError as error:
        say(f"**This cannot be handed in.** {error}", "bad")


def _saved(path: str | Path | None) -> bytes:
    """The notebook as it was last saved; on Colab, where it is no file, as it stands."""
    if path is None:
        try:
            from google.colab import _message

            return json.dumps(_message.blocking_request("get_ipynb", timeout_sec=30)["ipynb"]).encode()
        except ImportError:
            path = _file[0] if _file else ""
    file = Path(path)
    if not file.is_file():
        here = ", ".join(sorted(p.name for p in Path.cwd().glob("*.ipynb"))) or "none"
        raise FileNotFoundError(
            f"There is no notebook {str(path)!r} here. Save it (Ctrl+S), and give its name: "
            f'receipt("...ipynb"). Notebooks in this folder: {here}.'
        )
    return file.read_bytes()


def lines(data: bytes, tasks: list[str]) -> list[str]:
    """The receipt of a notebook in words, one line a task.

    Raises
    ------
    ValueError : nothing in it can be read
    """
    handin = Handin(data)
    name, student, _ = stamp(handin.cells) or ("?", "?", "?")
    if student == "-":
        own = handin.value("STUDENT")
        student = (own and own.likeness or "").strip('"') or "nobody: write your id into STUDENT"
    code = hashlib.sha256(data).hexdigest()[:16]
    found = [f"**Receipt.** Homework {name}, student {student}, {len(data) / 1000:,.0f} kB, fingerprint `{code}`"]
    found += [f"{id}: {_told(_find(handin, id))}" for id in tasks]
    return [*found, *(f"Note: {note}" for note in handin.notes)]


def _find(handin: Handin, id: str) -> Answer | None:
    from helpers.exercises import registry

    if id.endswith("w"):
        return handin.written(id)
    if id[-1] in "vx":
        return handin.value(f"{'bug' if id[-1] == 'x' else 'own'}_{id[:-1].replace('.', '_')}")
    return handin.function(id, registry.exercise(id).function)


def _told(answer: Answer | None) -> str:
    if answer is None:
        return "**nothing found**; it would get no points"
    if answer.stub:
        return f"as it was handed out (cell {answer.cell}); it would get no points"
    if answer.problem:
        return f"**cannot be read** (cell {answer.cell}): {answer.problem}"
    size = f"{len(answer.source.split())} words" if answer.name.endswith("w") else f"`{answer.name}`"
    return f"found, {size} in cell {answer.cell}; this would be marked"
