"""What a learner types in a notebook: check, hint, solution, reset, score."""

import hashlib
import inspect
import json
import textwrap
from collections.abc import Callable

from helpers.display import Message, Source, put, say
from helpers.exercises import progress, registry
from helpers.exercises.assigned import NotWritten, is_homework
from helpers.exercises.plain import PLAIN, plain_source
from helpers.places import COURSE

_MARK = {"passed": "good", "wrong": "bad", "raised": "bad", "not attempted": "note"}
_HEAD = {
    "passed": "passed",
    "wrong": "not yet",
    "raised": "stopped with an error",
    "not attempted": "not attempted yet",
}
_warned: set[str] = set()


def remember(change: Callable[[dict], None]) -> None:
    """Write a change to the learner's progress; if that fails say so once and go on."""
    try:
        progress.update(change)
    except progress.ProgressError as error:
        if "progress" not in _warned:
            _warned.add("progress")
            say(str(error), "bad")


def _entry(data: dict, id: str) -> dict:
    """What is stored of an exercise, to be changed in place; whatever is missing or no entry at all is made good."""
    stored = data["exercises"].get(id)
    new = {"passed": False, "attempts": 0, "hints": 0, "solution": False}
    data["exercises"][id] = new | (stored if isinstance(stored, dict) else {})
    return data["exercises"][id]


def check(id: str, fn: Callable) -> Callable:
    """Judge the learner's function and say what is right or wrong with it.

    Returns the learner's function when it is right and the course's own when it is not, so that a notebook always
    runs to its end: `relu = check("2.3", relu)`. In homework nothing is lent: the learner's own comes back.

    Raises
    ------
    Unknown : there is no exercise of that id
    NotWritten : it is homework, and not written yet
    """
    exercise = registry.exercise(id)
    verdict = exercise.judge(fn)

    code = _fingerprint(fn)

    def note(data: dict) -> None:
        entry = _entry(data, id)
        if verdict.status != "not attempted" and entry.get("code") != code:  # the same code again is no new attempt
            entry["attempts"] += 1
            entry["code"] = code
        entry["passed"] = entry["passed"] or verdict.status == "passed"

    remember(note)
    if verdict.status == "passed":
        say(f"**{id} passed.** Your `{exercise.function}` is right on every case.", "good")
        return fn
    if is_homework(id):
        if verdict.status == "not attempted":
            raise NotWritten(f"{id} is homework and not written yet. {verdict.text}")
        say(f"**{id} {_HEAD[verdict.status]}.** {verdict.text}\n\nIt is homework: your own function stays.", "bad")
        return fn
    ending = f"Going on with the course's `{exercise.function}`, so that the rest of the chapter works."
    say(f"**{id} {_HEAD[verdict.status]}.** {verdict.text}\n\n{ending}", _MARK[verdict.status])
    return exercise.reference


def _fingerprint(fn: Callable) -> str:
    try:
        code = inspect.getsource(fn)
    except (OSError, TypeError):
        code = repr(getattr(getattr(fn, "__code__", None), "co_code", type(fn)))
    return hashlib.sha256(code.encode()).hexdigest()[:12]


def hint(id: str) -> None:
    """The next hint of an exercise, one step at a time; after the last they start again."""
    exercise = registry.exercise(id)
    step = _entry(progress.read(), id)["hints"] % len(exercise.hints)

    def note(data: dict) -> None:
        _entry(data, id)["hints"] += 1

    remember(note)
    last = step + 1 == len(exercise.hints)
    more = (
        f'That was the last one; `solution("{id}")` shows a right answer.'
        if last
        else f'`hint("{id}")` again for more.'
    )
    say(f"**Hint {step + 1} of {len(exercise.hints)}.** {exercise.hints[step]}\n\n{more}")


def solution(id: str) -> None:
    """A right answer and why it is one. Nothing is copied into the notebook: write your own in the end."""
    exercise = registry.exercise(id)
    if is_homework(id):
        say(f'**{id} is homework.** `hint("{id}")` helps; the solution comes when it has been marked.')
        return

    def note(data: dict) -> None:
        entry = _entry(data, id)
        entry["solution"] = entry["solution"] or not entry["passed"]  # looking back at a solved one is free

    remember(note)
    source = plain_source(PLAIN.get(id, exercise.reference), exercise.function)
    put(Source(source, f"**One right answer to {id}.** {exercise.why}"))


def reset(id: str) -> Message:
    """Forget what is stored of an exercise ("2.3"), a prediction ("2.3a"), a section's quiz or reader study, a chapter
    ("2") or of all ("all")."""
    id = str(id)
    stored = progress.read()
    known = _without_code() | {key for kind in stored.values() if isinstance(kind, dict) for key in kind}
    if id.isdigit():
        registry.chapter(id)  # says which there are
    elif id != "all" and id not in known:
        registry.exercise(id)

    def goes(key: str) -> bool:
        return id in ("all", key) or key.startswith(f"{int(id)}." if id.isdigit() else f"{id}.q")

    def note(data: dict) -> None:
        for kind, entries in data.items():
            if isinstance(entries, dict):
                data[kind] = {key: value for key, value in entries.items() if not goes(key)}

    remember(note)
    exercises = {e for number in registry.chapters() for e in registry.exercises(number)}
    if id in exercises:
        return Message(f"**{id} is as new.** To begin again, put this into the cell:\n\n{_indented_stub(id)}")
    return Message(f"**Forgotten: {'everything' if id == 'all' else id}.** Run the cells again.")


def _without_code() -> set[str]:
    """The ids of predictions and of quizzes within a chapter."""
    numbers = registry.chapters()
    return {id for n in numbers for id in (*registry.chapter(n).PREDICTIONS, *registry.section_quizzes(n))}


def _indented_stub(id: str) -> str:
    """The exercise's cell as the chapter hands it out; without the chapter, its first and last line."""
    exercise = registry.exercise(id)
    ending = f'{exercise.function} = check("{id}", {exercise.function})'
    for path in (COURSE / "chapters").glob(f"{id.split('.')[0]:0>2}_*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        handed_out = next((source for source in sources if source.endswith(ending)), None)
        if handed_out is not None:
            return textwrap.indent(handed_out, "    ", lambda line: True)
    names = ", ".join(inspect.signature(exercise.reference).parameters)
    return textwrap.indent(f"def {exercise.function}({names}):\n    ...\n\n{ending}", "    ", lambda line: True)


def score(code: str | None = None) -> Message:
    """What is solved so far, with a short code that another machine accepts: `score("...")` there.

    Raises
    ------
    ValueError : the code is mistyped
    """
    if code is not None:
        ids = progress.decode(code)
        remember(lambda data: [_entry(data, id).update(passed=True) for id in ids])
    data = progress.read()
    lines = [line for number in registry.chapters() for line in _chapter_lines(number, data)]
    passed = [id for id in data["exercises"] if _entry(data, id)["passed"]]
    if passed:
        lines += ["", f'To go on elsewhere, run there: `score("{progress.encode(passed)}")`']
    return Message("\n".join(lines))


def _chapter_lines(number: str, data: dict) -> list[str]:
    module = registry.chapter(number)
    entries = {e.id: _entry(data, e.id) for e in module.EXERCISES}
    points, most = (
        sum(e.points for e in module.EXERCISES if entries[e.id]["passed"]),
        sum(e.points for e in module.EXERCISES),
    )
    made = {id: outcome for id, outcome in module.PREDICTIONS.items() if id in data["predictions"]}
    came = sum(data["predictions"][id] == outcome.right for id, outcome in made.items())
    quiz = {i: question for i, question in enumerate(module.QUIZ, 1) if f"{int(number)}.q{i}" in data["quiz"]}
    if not made and not quiz and not any(any(entry.values()) for entry in entries.values()):
        return [f"**Chapter {number}: not begun**, {most} points"]
    answered = [question.is_right(data["quiz"][f"{int(number)}.q{i}"]) for i, question in quiz.items()]
    lines = [f"**Chapter {number}: {points} of {most} points**"]
    for e in module.EXERCISES:
        entry, tries = entries[e.id], entries[e.id]["attempts"]
        state = "passed" if entry["passed"] else "tried" if tries else "open"
        worth = f", {e.points} points" if e.points > 1 else ""
        history = [f"{tries} attempt{'s' * (tries > 1)}"] * (tries > 0) + ["solution seen"] * entry["solution"]
        lines.append(f"{e.id} `{e.function}`{worth}: {state}" + (f" ({', '.join(history)})" if history else ""))
    lines.append(f"Predictions: {len(made)} of {len(module.PREDICTIONS)} made, {came} came true")
    lines.append(f"Quiz: {len(answered)} of {len(module.QUIZ)} answered, {sum(answered)} right at the first try")
    return lines
