"""`predict` before a demonstration and `quiz` at the end: core ipywidgets, and text where there is no front end."""

import html
from collections.abc import Callable
from typing import Any

from helpers.display import EDGE, Shown, in_notebook, to_html
from helpers.exercises import progress, registry
from helpers.exercises.commands import remember
from helpers.exercises.registry import Question
from helpers.places import headless

_waiting: dict[str, list[Callable[[], None]]] = {}  # what comes alive with a prediction, by its id


def when_predicted(id: str, then: Callable[[], None]) -> None:
    """Call `then` once the learner has committed to prediction `id`: at once if that is so already, or if headless."""
    if headless() or id in progress.read()["predictions"]:
        then()
    else:
        _waiting.setdefault(id, []).append(then)


def _radio(options: list[str], chosen: int | None, locked: bool = False):
    import ipywidgets as widgets

    choices = [(text, i) for i, text in enumerate(options)]
    return widgets.RadioButtons(options=choices, value=chosen, disabled=locked, layout={"width": "max-content"})


class Prediction:
    """A question that waits for the learner's guess. `choose(n)` answers it without a mouse."""

    def __init__(self, id: str, question: str, options: list[str]) -> None:
        self.id, self.question, self.options = id, question, options

    @property
    def chosen(self) -> int | None:
        """The option the learner stands by, counted from 0; None before the choice. Headless runs choose the first."""
        if headless():
            return 0
        stored = progress.read()["predictions"].get(self.id)
        return stored if stored is not None and stored < len(self.options) else None

    def choose(self, number: int) -> "Prediction":
        """Commit to an option, counted from 1. The first choice stands: reset(id) forgets it."""
        if not 1 <= number <= len(self.options):
            raise ValueError(f"{self.id} has options 1 to {len(self.options)}; {number} came")
        remember(lambda data: data["predictions"].setdefault(self.id, number - 1))
        for then in _waiting.pop(self.id, []):
            then()
        return self

    def __repr__(self) -> str:
        lines = [f"{self.id}  {self.question}", *(f"  {i}. {text}" for i, text in enumerate(self.options, 1))]
        if self.chosen is None or headless():
            return "\n".join([*lines, f'Commit before you go on: predict("{self.id}", ...).choose(1)'])
        return "\n".join([*lines, self._noted()])

    def _noted(self) -> str:
        return f"You said: {self.options[self.chosen]}. Now run on and see."

    def outcome(self) -> str:
        """Whether it came true, and why; to be asked for after the demonstration."""
        if self.chosen is None:
            return "Commit to an option first."
        known = registry.chapter(self.id.split(".")[0]).PREDICTIONS[self.id]
        if self.chosen == known.right:
            return f"It came true. {known.because}"
        return f"Not so. What happens: {self.options[known.right]}. {known.because}"

    def _html(self) -> str:
        items = "".join(f"<li>{html.escape(option)}</li>" for option in self.options)
        return f"<div><b>Predict.</b> {to_html(self.question)}<ol>{items}</ol></div>"

    def _widget(self):
        import ipywidgets as widgets

        made = self.chosen is not None
        radio = _radio(self.options, self.chosen, locked=made)
        commit = widgets.Button(description="That is my prediction", layout={"width": "16em"}, disabled=True)
        ask = widgets.Button(description="I have seen it: was I right?", layout={"width": "20em"}, disabled=not made)
        note = widgets.HTML(html.escape(self._noted()) if made else "")

        def picked(_: Any) -> None:
            commit.disabled = radio.disabled or radio.value is None

        def committed(_: Any) -> None:
            self.choose(radio.value + 1)
            radio.disabled = commit.disabled = True
            ask.disabled = False
            note.value = html.escape(self._noted())

        def asked(_: Any) -> None:
            note.value = to_html(self.outcome())

        radio.observe(picked, "value")
        commit.on_click(committed)
        ask.on_click(asked)
        question = widgets.HTML(f"<b>Predict.</b> {to_html(self.question)}")
        return widgets.VBox([question, radio, widgets.HBox([commit, ask]), note])

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        if not in_notebook():
            return {"text/plain": repr(self)}
        return Shown(self._widget(), self._html(), repr(self))._repr_mimebundle_()


def predict(id: str, question: str, options: list[str]) -> Prediction:
    """Ask for a prediction before a demonstration; the first answer is kept and counted in `score()`.

    Nothing waits for it: the notebook runs on without an answer.

    Raises
    ------
    Unknown : the chapter has no prediction of that id
    """
    known = registry.chapter(id.split(".")[0]).PREDICTIONS
    if id not in known:
        raise registry.Unknown(f"There is no prediction {id!r}. There are: {', '.join(known)}.")
    return Prediction(id, question, options)


class Quiz:
    """The questions at the end of a chapter ("2"), or within it ("1.2"). Every wrong option is answered.

    `answer(q, n)` works without a mouse.
    """

    def __init__(self, id: str, questions: tuple[Question, ...]) -> None:
        self.id, self.questions = id, questions

    def answer(self, question: int, option: int) -> str:
        """The reply to an option (both counted from 1). The first answer to a question counts in `score()`."""
        if not 1 <= question <= len(self.questions):
            raise ValueError(f"there are questions 1 to {len(self.questions)}; {question} came")
        options = self.questions[question - 1].options
        if not 1 <= option <= len(options):
            raise ValueError(f"question {question} has options 1 to {len(options)}; {option} came")
        chosen = options[option - 1]
        remember(lambda data: data["quiz"].setdefault(f"{self.id}.q{question}", option - 1))
        return f"{'Right.' if chosen.right else 'Not so.'} {chosen.reply}"

    def __repr__(self) -> str:
        lines = []
        for i, question in enumerate(self.questions, 1):
            lines += [f"{i}. {question.text}", *(f"   {j}) {o.text}" for j, o in enumerate(question.options, 1))]
        return "\n".join([*lines, f'Answer question 1 with quiz("{self.id}").answer(1, 2)'])

    def _html(self) -> str:
        parts = []
        for i, question in enumerate(self.questions, 1):
            options = "".join(f"<li>{html.escape(option.text)}</li>" for option in question.options)
            parts.append(f"{to_html(f'**{i}.** {question.text}')}<ol>{options}</ol>")
        return "".join(parts)

    def _one(self, number: int, question: Question):
        import ipywidgets as widgets

        first = progress.read()["quiz"].get(f"{self.id}.q{number}")
        first = first if first in range(len(question.options)) else None  # the question may have changed since
        radio = _radio([option.text for option in question.options], first)
        reply = widgets.HTML("")

        def show(chosen: int) -> None:
            edge = EDGE["good" if question.options[chosen].right else "bad"]
            text = to_html(self.answer(number, chosen + 1))
            reply.value = f"<div style='border-left:4px solid {edge};padding:0 12px;max-width:46em'>{text}</div>"

        if first is not None:
            show(first)
        radio.observe(lambda change: show(change["new"]), "value")
        return widgets.VBox([widgets.HTML(to_html(f"**{number}.** {question.text}")), radio, reply])

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        if not in_notebook():
            return {"text/plain": repr(self)}
        import ipywidgets as widgets

        box = widgets.VBox([self._one(i, question) for i, question in enumerate(self.questions, 1)])
        return Shown(box, self._html(), repr(self))._repr_mimebundle_()


def quiz(id: str) -> Quiz:
    """The quiz of a chapter, e.g. quiz("2"), or one that stands in a section of it, e.g. quiz("1.2").

    Raises
    ------
    Unknown : there is none
    """
    number, _, section = id.partition(".")
    module = registry.chapter(number)
    if not section:
        return Quiz(str(int(number)), module.QUIZ)
    known = registry.section_quizzes(number)
    if id not in known:
        raise registry.Unknown(f"There is no quiz {id!r}. There are: {', '.join([str(int(number)), *known])}.")
    return Quiz(id, known[id])
