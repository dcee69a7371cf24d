"""Tasks with a student's own numbers: a value on an input of one's own, the bug planted in a function of one's own.

Nothing is stored: inputs and bugs come from the assignment's key, so `release` and `grade` make the same ones.
"""

import copy
import functools
import json
import string
from dataclasses import dataclass

import numpy as np

from helpers.exercises import registry
from helpers.exercises.exercise import Case, Exercise, Misconception, Verdict, compare
from helpers.exercises.limits import call
from tools.common import Problem
from tools.homework.assignment import Assignment, Task, split_task

ROUNDED = 2e-3  # a value worked out by hand may be rounded to three digits
_MOST_NUMBERS = 36  # as large as an input or a result may be that is written out
_MOST_OPTIONS = 5


@dataclass(frozen=True)
class Own:
    """What one student gets: the text of the task, and the value that is right."""

    text: str
    right: object


def variable(id: str) -> str:
    """The variable in which the answer to an own task stands: own_3_2 of "3.2v", bug_3_2 of "3.2x"."""
    exercise, letter = split_task(id)
    return f"{'bug' if letter == 'x' else 'own'}_{exercise.replace('.', '_')}"


def make(assignment: Assignment, student: str, task: Task) -> Own:
    """The own task of a student.

    Raises
    ------
    Problem : this exercise has no small input to write out, or no mistake that shows on one
    """
    return _made(assignment.seed(task.id, student), task.id)


@functools.lru_cache(maxsize=4096)
def _made(seed: int, id: str) -> Own:
    exercise_id, letter = split_task(id)
    exercise = registry.exercise(exercise_id)
    rng = np.random.default_rng(seed)
    return _bug(exercise, rng, id) if letter == "x" else _value(exercise, rng, id)


def _small_cases(exercise: Exercise, rng: np.random.Generator) -> list[Case]:
    """Cases that can be written out and change with the seed, numbers rounded to two digits, the smallest first."""
    fixed = {_key(case) for case in exercise.cases(np.random.default_rng(0))}
    fixed &= {_key(case) for case in exercise.cases(np.random.default_rng(1))}
    small = [case for case in exercise.cases(rng) if all(_is_small(arg) for arg in case.args)]
    return [_rounded(case) for case in sorted(small, key=_size) if _key(case) not in fixed]


def _key(case: Case) -> str:
    return repr([np.asarray(a).tolist() if isinstance(a, np.ndarray) else repr(a) for a in case.args])


def _size(case: Case) -> int:
    return sum(np.size(arg) for arg in case.args if isinstance(arg, np.ndarray))


def _is_small(arg: object) -> bool:
    if isinstance(arg, np.ndarray):
        return 0 < arg.size <= _MOST_NUMBERS and arg.dtype.kind in "biuf" and bool(np.isfinite(arg).all())
    if isinstance(arg, list | tuple):
        return len(arg) <= 8 and all(_is_small(part) for part in arg)
    return isinstance(arg, bool | int | float | str)


def _rounded(case: Case) -> Case:
    args = (np.round(a, 2) + 0.0 if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in case.args)
    return Case(tuple(copy.deepcopy(list(args))), case.note)


def _result(function: object, case: Case) -> object:
    """The value on a case; None where there is none, or none that can be written out."""
    outcome = call(function, case.args)
    value = outcome.value
    if outcome.stopped or outcome.changed or not isinstance(value, int | float | np.ndarray | np.generic):
        return None
    array = np.asarray(value)
    if array.size > _MOST_NUMBERS or array.dtype.kind not in "biuf" or not np.isfinite(array.astype(float)).all():
        return None
    return value


def _value(exercise: Exercise, rng: np.random.Generator, id: str) -> Own:
    if exercise.verify is not None:
        raise Problem(f"{id}: this exercise has more than one right result, so there is no value to ask for.")
    for case in _small_cases(exercise, rng):
        right = _result(exercise.reference, case)
        if right is not None:
            text = (
                f"**{id}, on your own numbers.** What does `{exercise.function}` give for this input? It was drawn for "
                "you. Work it out by hand or with your function. Write the numbers themselves, three digits are "
                f"enough.\n\n{_written_out(exercise, case)}"
            )
            return Own(text, right)
    raise Problem(f"{id}: the inputs of this exercise are too large to write out. Ask for another one.")


def _written_out(exercise: Exercise, case: Case) -> str:
    names = list(exercise.reference.__code__.co_varnames)
    lines = [f"{name} = {literal(arg)}" for name, arg in zip(names, case.args, strict=False)]
    return "```python\n" + "\n".join(lines) + "\n```"


def literal(value: object) -> str:
    """Python source that gives the value again."""
    if isinstance(value, np.ndarray):
        text = np.array2string(value, separator=", ", max_line_width=90, floatmode="maxprec", prefix="    np.array(")
        kind = "" if value.dtype in (np.dtype(float), np.dtype(int)) else f", dtype=np.{value.dtype.name}"
        return f"np.array({text}{kind})"
    return repr(value.item() if isinstance(value, np.generic) else value)


def _bug(exercise: Exercise, rng: np.random.Generator, id: str) -> Own:
    cases = _small_cases(exercise, rng)[:6]
    known = [m for m in exercise.misconceptions if m.sign is None]
    for k in rng.permutation(len(known)):
        for wrong in known[k].wrong:
            shown = _telling(exercise, wrong, cases)
            if shown is not None:
                others = [m for m in known if m is not known[k] and not _same_there(m, shown, wrong)]
                picked = [others[int(j)] for j in rng.permutation(len(others))[: _MOST_OPTIONS - 1]]
                if len(picked) >= 2:
                    return _asked(exercise, id, known[k], picked, shown, rng)
    raise Problem(
        f"{id}: no mistake of this exercise shows on an input small enough to write out. Ask for another one."
    )


def _telling(exercise: Exercise, wrong: object, cases: list[Case]) -> tuple[Case, object] | None:
    """A case on which a wrong function gives something that can be written out and is not right."""
    for case in cases:
        got, right = _result(wrong, case), _result(exercise.reference, case)
        if got is not None and right is not None:
            if compare(right, got, 0.02) is not None and compare(right, got, exercise.rtol) is not None:
                return case, got
    return None


def _same_there(other: Misconception, shown: tuple[Case, object], wrong: object) -> bool:
    """Whether another mistake gives the same on the case that is shown: then both names would be right."""
    case, got = shown
    for function in other.wrong:
        value = _result(function, case)
        if value is not None and compare(got, value, ROUNDED) is None:
            return True
    return False


def _asked(
    exercise: Exercise,
    id: str,
    planted: Misconception,
    others: list[Misconception],
    shown: tuple[Case, object],
    rng: np.random.Generator,
) -> Own:
    options = [planted, *others]
    order = [int(k) for k in rng.permutation(len(options))]
    letters = string.ascii_uppercase[: len(order)]
    lines = [f"- **{letter}** {options[k].name}" for letter, k in zip(letters, order, strict=True)]
    case, got = shown
    text = (
        f"**{id}, a planted bug.** Somebody's `{exercise.function}` has one mistake. For this input, drawn for you,\n\n"
        f"{_written_out(exercise, case)}\n\nit gives\n\n```python\n{literal(got)}\n```\n\n"
        "Which mistake is it? Write the letter.\n\n" + "\n".join(lines)
    )
    return Own(text, letters[order.index(0)])


def judge(assignment: Assignment, student: str, task: Task, value: object) -> tuple[Verdict, list[str]]:
    """The verdict on a value that was written down, and flags: it may be the right one for somebody else."""
    own = make(assignment, student, task)
    if task.kind == "bug":
        letter = str(value).strip().upper()
        if letter == own.right:
            return Verdict("passed", "", share=1.0), []
        return Verdict("wrong", f"{letter[:20] or 'Nothing'} is not the mistake that was planted."), []
    problem = _differs(own.right, value)
    if problem is None:
        return Verdict("passed", "", share=1.0), []
    others = [s.id for s in assignment.students if s.id != student]
    theirs = [id for id in others if _differs(make(assignment, id, task).right, value) is None]
    alike = _differs(own.right, make(assignment, theirs[0], task).right) is None if theirs else True
    return Verdict("wrong", problem), [] if alike else [f"the right value for {', '.join(theirs[:3])}"]


def _differs(right: object, value: object) -> str | None:
    """None when a value written by hand is right up to rounding."""
    try:
        given = np.array(value, dtype=float) if isinstance(value, list) else value
        given = json.loads(json.dumps(value)) if not isinstance(value, list) else given
    except (ValueError, TypeError):
        return "What was written is no array of numbers: its rows have different lengths."
    if isinstance(right, np.ndarray) and right.size == 1 and isinstance(given, int | float):
        given = np.full(right.shape, float(given))
    return compare(np.asarray(right, dtype=float) if isinstance(right, np.ndarray) else float(right), given, ROUNDED)
