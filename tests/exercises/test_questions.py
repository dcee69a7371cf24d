"""Predictions and quizzes: widgets where there is a kernel, text where there is none; answers reach Python and stay."""

import json

import pytest

from helpers import places, predict, quiz, reset, score
from helpers.display import VIEW
from helpers.exercises import progress, questions
from helpers.exercises.registry import Unknown

OPTIONS = ["it turns", "it moves", "nothing <b>"]


@pytest.fixture
def notebook(monkeypatch):
    """As inside a Jupyter kernel: widgets can be made, and `in_notebook` is true."""
    monkeypatch.setattr(questions, "in_notebook", lambda: True)


def stored() -> dict:
    return json.loads(places.progress_file().read_text())


def radios(box) -> list:
    found = [box] if type(box).__name__ == "RadioButtons" else []
    return found + [r for child in getattr(box, "children", ()) for r in radios(child)]


def test_a_prediction_is_text_without_a_notebook():
    text = predict("2.1a", "Which way?", OPTIONS)._repr_mimebundle_()["text/plain"]
    assert "1. it turns" in text
    assert ".choose(1)" in text


def test_the_first_choice_stands():
    prediction = predict("2.1a", "Which way?", OPTIONS).choose(2)
    prediction.choose(1)
    assert stored()["predictions"] == {"2.1a": 1}
    assert "You said: it moves" in repr(predict("2.1a", "Which way?", OPTIONS))


def test_a_choice_that_is_none_says_which_there_are():
    with pytest.raises(ValueError, match="options 1 to 3; 4 came"):
        predict("2.1a", "Which way?", OPTIONS).choose(4)


def test_the_widget_commits_only_with_the_button(notebook):
    prediction = predict("2.1a", "Which way?", OPTIONS)
    box = prediction._widget()
    question, radio, buttons, note = box.children
    button, ask = buttons.children
    assert radio.value is None
    assert button.disabled
    radio.value = 1
    assert prediction.chosen is None
    assert not button.disabled
    assert ask.disabled
    button.click()
    assert prediction.chosen == 1
    assert radio.disabled
    assert button.disabled
    assert "it moves" in note.value
    ask.click()
    assert "It came true." in note.value


def test_a_prediction_that_fails_is_told_why():
    assert predict("2.1a", "Which way?", OPTIONS).outcome() == "Commit to an option first."
    text = predict("2.1a", "Which way?", OPTIONS).choose(1).outcome()
    assert text.startswith("Not so. What happens: it moves. With b = -1.5")


def test_a_widget_made_again_knows_the_answer(notebook):
    predict("2.1a", "Which way?", OPTIONS).choose(1)
    _, radio, buttons, note = predict("2.1a", "Which way?", OPTIONS)._widget().children
    button, ask = buttons.children
    assert not ask.disabled
    assert radio.value == 0
    assert radio.disabled
    assert button.disabled
    assert "it turns" in note.value


def test_bundles_carry_widget_still_and_text(notebook):
    for thing in (predict("2.1a", "Which way?", OPTIONS), quiz("2")):
        bundle = thing._repr_mimebundle_()
        assert {VIEW, "text/html", "text/plain"} <= set(bundle)
    assert "nothing &lt;b&gt;" in predict("2.1a", "Which way?", OPTIONS)._repr_mimebundle_()["text/html"]


def test_headless_runs_choose_by_themselves_and_keep_nothing(own_places, monkeypatch):
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    prediction = predict("2.1a", "Which way?", OPTIONS)
    assert prediction.chosen == 0
    assert "You said" not in repr(prediction)
    assert list(own_places.iterdir()) == []


def test_a_quiz_answers_every_option_and_counts_the_first(notebook):
    box = quiz("2")._repr_mimebundle_() and quiz("2")._one(1, quiz("2").questions[0])
    (radio,) = radios(box)
    reply = box.children[2]
    radio.value = 0
    assert "Not so." in reply.value
    radio.value = 1
    assert "Right." in reply.value
    assert stored()["quiz"] == {"2.q1": 0}
    again = quiz("2")._one(1, quiz("2").questions[0])  # shows the first answer, with its reply
    assert radios(again)[0].value == 0
    assert "Not so." in again.children[2].value


def test_quiz_in_text():
    assert 'quiz("2").answer(1, 2)' in repr(quiz("2"))
    assert quiz("02").answer(2, 3).startswith("Right.")
    with pytest.raises(ValueError, match="question 1 has options 1 to 3; 9 came"):
        quiz("2").answer(1, 9)
    with pytest.raises(ValueError, match="questions 1 to 6; 8 came"):
        quiz("2").answer(8, 1)


def test_a_quiz_within_a_chapter_is_kept_apart_from_the_chapter_s_own():
    assert quiz("1.2").answer(1, 1).startswith("Right.")
    assert stored()["quiz"] == {"1.2.q1": 0}
    assert "Chapter 01: not begun" in repr(score())
    with pytest.raises(Unknown, match=r"no quiz '1\.3'. There are: 1, 1\.2"):
        quiz("1.3")


def test_a_miss_in_the_self_test_names_a_page():
    """Every wrong option sends the learner to a page that section 1.15 has."""
    for number, question in enumerate(quiz("1.2").questions, 1):
        for k, option in enumerate(question.options, 1):
            assert ("in section 1.15" in quiz("1.2").answer(number, k)) != option.right


def test_forgetting_a_quiz_within_a_chapter_leaves_the_rest():
    quiz("1.2").answer(1, 1)
    quiz("1").answer(1, 1)
    reset("1.2")
    assert stored()["quiz"] == {"1.q1": 0}
    reset("1")
    assert stored()["quiz"] == {}


def test_whatever_is_stored_under_a_section_can_be_forgotten():
    progress.update(lambda data: data.update(reader={"1.13": [1, 5]}))
    reset("1.13")
    assert stored()["reader"] == {}
