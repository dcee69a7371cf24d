"""The reader study: fixed cases, ratings that survive a restart, an honest summary, no answer before the end."""

import re

import numpy as np
import pytest

from helpers.data.phantoms import breast_us
from helpers.data.phantoms.breast_us import HELD_OUT
from helpers.exercises import progress
from helpers.widgets import reader
from helpers.widgets.reader import (
    EXAMPLES,
    STEPS,
    reader_cases,
    reader_ratings,
    reader_study,
    reader_summary,
    roc_picture,
)

LABELS = reader.reader_labels()


def press(shown, *descriptions):
    """Press buttons as a learner does; each is found by the start of what it says."""
    for description in descriptions:
        (button,) = [b for b in shown.widget.children[2].children if b.description.startswith(description)]
        assert not button.disabled
        button.click()


def seen(shown) -> str:
    """What stands below the examples."""
    _, case, _, words = shown.widget.children
    return case.value + words.value


def told(page: str) -> str:
    """The words of a page, without pictures' bytes and tags."""
    return re.sub(r"<[^>]*>", "", page)


def kept():
    return progress.read().get("reader", {}).get("1.13", [])


def test_ten_of_each_kind_in_no_order_and_no_example_among_them():
    assert (len(LABELS), LABELS.sum()) == (20, 10)
    assert np.abs(np.diff(LABELS)).sum() >= 8  # neither sorted nor in blocks
    assert not set(HELD_OUT[1]) & {index for indices in EXAMPLES.values() for index in indices}
    seed, indices = HELD_OUT
    assert all(
        np.array_equal(breast_us(seed, k).image, case.image) for k, case in zip(indices, reader_cases(), strict=True)
    )


def test_each_rating_shows_the_next_case_and_is_kept_at_once():
    shown = reader_study()
    pages = [seen(shown)]
    for number, step in enumerate(("5", "1", "3"), 1):
        press(shown, step)
        pages.append(seen(shown))
        assert len(kept()) == number
    assert kept() == [5, 1, 3]
    assert "4 of 20" in told(pages[-1])
    assert len(set(pages)) == 4


def test_undo_takes_the_last_back():
    shown = reader_study()
    assert shown.widget.children[2].children[-1].disabled  # nothing to take back yet
    first = seen(shown)
    press(shown, "4", "undo")
    assert (kept(), seen(shown)) == ([], first)


def test_a_restart_goes_on_where_it_was():
    press(reader_study(), "4", "2")
    again = reader_study()
    assert "3 of 20" in told(seen(again))
    press(again, "1")
    assert kept() == [4, 2, 1]


def test_other_progress_is_left_alone():
    progress.update(lambda data: data["quiz"].update({"1.q1": 0}) or data.update(reader={"7.1": [1]}))
    press(reader_study(), "4")
    assert progress.read()["quiz"] == {"1.q1": 0}
    assert progress.read()["reader"] == {"7.1": [1], "1.13": [4]}


@pytest.mark.parametrize("stored", [{"1.13": [9]}, {"1.13": "aha"}, {"1.13": [1] * 21}, [1, 2], {"1.13": [[1]]}])
def test_ratings_that_are_none_are_passed_over(stored):
    progress.update(lambda data: data.update(reader=stored))
    shown = reader_study()
    assert "1 of 20" in told(seen(shown))
    press(shown, "2")
    assert kept() == [2]


def test_before_the_last_case_nothing_is_told():
    """Whatever is rated, the words under the picture are the same: they cannot depend on the label."""
    shown, words = reader_study(), set()
    for _ in range(19):
        words.add(shown.widget.children[3].value)
        press(shown, "5")
        assert reader_ratings() is None
    assert len(words) == 1
    assert not re.search("right|wrong|ensitivity", words.pop())


def test_after_the_last_the_summary_stands_there_and_the_buttons_are_gone():
    shown = reader_study()
    press(shown, *["5" if label else "1" for label in LABELS])
    assert "Sensitivity 1.00" in told(seen(shown))
    assert "alt=" in seen(shown)
    assert shown.widget.children[2].layout.display == "none"
    ratings, labels = reader_ratings()
    assert np.array_equal(ratings >= 4, labels == 1)
    shown.widget.children[2].children[-1].click()  # an undo that arrives late changes nothing
    assert reader_ratings() is not None


def test_when_nothing_can_be_saved_the_study_goes_on(monkeypatch):
    def full(change):
        raise progress.ProgressError("the disk is full")

    monkeypatch.setattr(progress, "update", full)
    shown = reader_study()
    press(shown, "3")
    assert "the disk is full" in told(seen(shown))
    press(shown, *["3"] * 19)
    assert "Sensitivity 0.00" in told(seen(shown))


def test_the_summary_counts_as_one_does_by_hand():
    """Of 10 malignant 7 are rated 4 or 5; of 10 benign 1 is. Wilson's intervals come from a table of 10 cases."""
    ratings = np.array([5, 5, 5, 4, 4, 4, 4, 3, 2, 1] + [5, 3, 3, 2, 2, 1, 1, 1, 1, 1])
    labels = np.repeat([1, 0], 10)
    summary = reader_summary(ratings, labels)
    assert (summary.sensitivity, summary.specificity) == (0.7, 0.9)
    assert summary.sensitivity_interval == pytest.approx((0.397, 0.892), abs=5e-4)
    assert summary.specificity_interval == pytest.approx((0.596, 0.982), abs=5e-4)
    assert summary.thresholds == (2, 3, 4, 5)
    assert summary.roc == pytest.approx(np.array([[0.5, 0.9], [0.3, 0.8], [0.1, 0.7], [0.1, 0.3]]))
    assert "7 of 10 malignant" in summary.text
    assert "9 of 10 benign" in summary.text
    assert "phantoms, not patients" in summary.text
    assert "spans 0.50" in summary.text


def test_who_cannot_say_anything_gets_the_corners():
    assert reader_summary(np.full(20, 3), LABELS).roc.tolist() == [[1, 1], [1, 1], [0, 0], [0, 0]]


@pytest.mark.parametrize("rating", [0, 6, 2.5])
def test_what_is_no_rating_is_refused(rating):
    with pytest.raises(ValueError, match="from 1 to 5"):
        reader_summary(np.full(20, rating), LABELS)


def test_the_figure_is_described_point_by_point():
    ratings = np.where(LABELS == 1, 5, 1)
    assert roc_picture(reader_summary(ratings, LABELS)).alt.count("1.00 at 0.00") == 4


def test_without_a_kernel_there_are_the_cases_and_words():
    shown = reader_study()
    bundle = shown._repr_mimebundle_()
    bundle = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "20 breast ultrasound phantoms" in bundle["text/plain"]
    assert "alt=" in bundle["text/html"]
    assert len(bundle["text/html"]) < 200_000
    assert not re.search("benign|malignant", told(bundle["text/html"]) + shown.alt)


def test_every_step_can_be_pressed_by_its_number():
    buttons = reader_study().widget.children[2].children
    assert [b.description for b in buttons[:-1]] == [f"{k} {step}" for k, step in enumerate(STEPS, 1)]


def test_the_end_shows_what_was_called_wrongly():
    labels = reader.reader_labels().tolist()
    right = [5 if label else 1 for label in labels]
    assert "all 20 rightly" in reader._wrong_calls(right)
    missed = labels.index(1)
    html = reader._wrong_calls([1 if k == missed else rating for k, rating in enumerate(right)])
    assert html.count("<figcaption>") == 1
    assert f"no. {missed + 1}: malignant, you said 1" in html
