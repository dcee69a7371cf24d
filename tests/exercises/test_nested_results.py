"""Exercises whose result is a dict, a list of arrays, or bytes."""

import numpy as np
import pytest

from helpers.exercises.exercise import Case, Exercise, Misconception, compare

DUE = {"name": "", "rows": 512, "items": [{"uid": "2.25.1"}, {"uid": "2.25.2", "size": 0.5}]}


@pytest.mark.parametrize("same", [DUE, dict(reversed(DUE.items())), DUE | {"rows": np.int64(512)}])
def test_equal_dicts_whatever_the_order(same):
    assert compare(DUE, same, 1e-9) is None


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (None, "Your function gave back None; a dict was expected. Is the `return` missing?"),
        ([1], "Your result is [1], of type list; expected {'name'"),
        (DUE | {"name": "Meier"}, "`name` is 'Meier', expected ''."),
        (DUE | {"name": None}, "`name` is None, of type NoneType; expected ''."),
        (DUE | {"rows": "512"}, "`rows` is '512', of type str; expected 512."),
        (DUE | {"rows": 511}, "`rows`: Your result is 511, expected 512."),
        (DUE | {"age": "061Y"}, "`age` should be gone; it is still there and holds '061Y'."),
        ({"rows": 512}, "`name` is missing; expected ''."),
        (DUE | {"items": []}, "`items` has 0 entries; 2 were expected."),
        (DUE | {"items": [{"uid": "2.25.1"}, {"uid": "1.2"}]}, "`items[1].uid` is '1.2', expected '2.25.2'."),
        (DUE | {"items": DUE["items"][:1] * 2}, "`items[1].uid` is '2.25.1', expected '2.25.2'."),
    ],
)
def test_the_first_entry_that_is_wrong_is_told_with_its_place(got, said):
    assert said in compare(DUE, got, 1e-9)


def test_lists_of_arrays():
    due = [np.zeros(2), np.ones((2, 2))]
    assert compare(due, [np.zeros(2), np.ones((2, 2))], 1e-9) is None
    assert compare(due, tuple(due), 1e-9) is None
    assert compare(due, [np.zeros(2)], 1e-9) == "Your result has 1 entries; 2 were expected."
    assert "`result[1]`: The shape is right: (2, 2). Your result[0, 0] is 0" in compare(
        due, [np.zeros(2), np.zeros((2, 2))], 1e-9
    )
    assert "of type list; expected array" in compare(due, [[0, 0], due[1]], 1e-9)


def test_bytes():
    assert compare(b"ab", b"ab", 1e-9) is None
    assert compare(b"ab", b"ac", 1e-9) == "Your result is b'ac', expected b'ab'."
    assert compare(b"ab", "ab", 1e-9) == "Your result is 'ab', of type str; expected b'ab'."


def cleaned(header):
    return {key: "" for key in header}


TASK = Exercise(
    id="0.1",
    reference=cleaned,
    cases=lambda rng: [Case(({"a": "x"},)), *(Case(({"a": "x", "b": "y" * n},)) for n in (3, 4, 5, 90))],
    hints=("one", "two"),
    why="",
    misconceptions=(Misconception("nothing done", "You gave it back.", (lambda header: dict(header),)),),
)


def test_a_misconception_is_named_with_a_second_mistake_beside_it():
    verdict = TASK.judge(lambda header: dict(header) if len(header.get("b", "")) < 5 else {"a": "x"})
    assert verdict.misconception is None
    verdict = TASK.judge(lambda header: dict(header) if len(header.get("b", "")) < 90 else {"a": "x"})
    assert verdict.misconception == "nothing done"


def test_a_dict_that_was_changed_is_told_and_shown_in_lines():
    def emptied(header):
        for key in header:
            header[key] = ""
        return header

    assert "`header` changed" in TASK.judge(emptied).text
    assert "    header =\n      {'a': 'x'}" in TASK.judge(lambda header: {}).text
