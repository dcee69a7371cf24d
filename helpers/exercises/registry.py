"""Finds exercises, predictions and quizzes by id; a chapter's module is imported when it is first asked for."""

import difflib
import importlib
import pkgutil
import re
from dataclasses import dataclass
from types import ModuleType

from helpers.exercises.exercise import Exercise


class Unknown(Exception):
    """No exercise, prediction or quiz of that id; the message names the nearest."""

    def _render_traceback_(self) -> list[str]:
        """IPython shows this in place of a traceback through the course's own code."""
        return [str(self)]


@dataclass(frozen=True)
class ComesTrue:
    """What a prediction turns out to be: the option that comes true, counted from 0, and why."""

    right: int
    because: str


@dataclass(frozen=True)
class Option:
    """One answer to a quiz question. A wrong one is a misconception, and `reply` answers it."""

    text: str
    reply: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A quiz question; exactly one option is right."""

    text: str
    options: tuple[Option, ...]

    def is_right(self, chosen: int) -> bool:
        """Whether option `chosen`, counted from 0, is right; one that is no longer there is not."""
        return 0 <= chosen < len(self.options) and self.options[chosen].right


def chapters() -> list[str]:
    """The chapters that have exercises, as "02"."""
    import helpers.exercises as package

    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(name[-2:] for name in names if re.fullmatch(r"chapter\d\d", name))


def chapter(number: str) -> ModuleType:
    """The module of a chapter: EXERCISES, PREDICTIONS, QUIZ, sometimes SECTION_QUIZZES. "2" and "02" are the same."""
    name = f"{number:0>2}"
    if name not in chapters():
        raise Unknown(f"There is no chapter {number!r} with exercises. There are: {', '.join(chapters())}.")
    return importlib.import_module(f"helpers.exercises.chapter{name}")


def exercises(number: str) -> dict[str, Exercise]:
    """The exercises of a chapter by id, in order."""
    return {exercise.id: exercise for exercise in chapter(number).EXERCISES}


def section_quizzes(number: str) -> dict[str, tuple[Question, ...]]:
    """Quizzes within a chapter by section, such as a self-test. They count for nothing in `score()`."""
    return getattr(chapter(number), "SECTION_QUIZZES", {})


def exercise(id: str) -> Exercise:
    """The exercise of that id, e.g. "2.3"."""
    found = exercises(id.split(".")[0]) if isinstance(id, str) and "." in id else {}
    if id not in found:
        known = list(found) or [known for number in chapters() for known in exercises(number)]
        near = difflib.get_close_matches(str(id), known, n=1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        raise Unknown(f"There is no exercise {id!r}.{meant} There are: {', '.join(known)}.")
    return found[id]
