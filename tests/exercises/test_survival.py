"""Whatever a learner's function does, `check` comes back, says what happened, and lends the course's function."""

import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings

import numpy as np
import pytest

from helpers import nn
from helpers.exercises import check, limits
from helpers.exercises.chapter02 import CROSS_ENTROPY, DENSE, RELU, SOFTMAX
from helpers.exercises.exercise import Case, Exercise, Misconception, _argument, compare
from helpers.exercises.limits import call


def endless(A):
    while True:
        pass


def swallows_everything(A):
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            continue


def sleeps(A):
    time.sleep(60)


def busy_numpy(A):
    while True:
        np.ones(1000).sum()


def test_limits_stop_endless_functions_after_two_seconds():
    for fn in (endless, swallows_everything, sleeps, busy_numpy):
        start = time.monotonic()
        verdict = RELU.judge(fn)
        assert verdict.status == "raised"
        assert "stopped after 2 seconds" in verdict.text
        assert "restart the kernel" in verdict.text
        assert 1.8 < time.monotonic() - start < 3.5


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the alarm is there on Unix alone")
def test_the_alarm_of_somebody_else_is_put_back():
    def mine(signum, frame): ...

    old = signal.signal(signal.SIGALRM, mine)
    try:
        RELU.judge(np.abs)
        assert signal.getsignal(signal.SIGALRM) is mine
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    finally:
        signal.signal(signal.SIGALRM, old)


def test_the_way_windows_stops_a_loop_works_too():
    """Windows has no interval timer; the same code path, run here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        start = time.monotonic()
        with pytest.raises(limits.TimeLimit), limits._bell(0.3):
            endless(None)
        assert time.monotonic() - start < 1.5
        time.sleep(0.2)  # a late ring would hit here
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_learners_own_stop_button_goes_through():
    with pytest.raises(KeyboardInterrupt), limits._bell(5):
        raise KeyboardInterrupt

    def stopped(A):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RELU.judge(stopped)


def test_off_the_main_thread_it_works_without_a_limit():
    verdicts = []
    thread = threading.Thread(target=lambda: verdicts.append(RELU.judge(lambda A: np.maximum(A, 0))))
    thread.start()
    thread.join()
    assert verdicts[0].status == "passed"


def test_exceptions_name_the_learners_own_line():
    def relu(A):
        B = A + 1
        return np.maximum(B, missing)  # noqa: F821

    text = RELU.judge(relu).text
    assert "line 3" in text
    assert "np.maximum(B, missing)" in text
    assert "NameError" in text
    assert "spelled right" in text
    assert "site-packages" not in text


def test_the_line_is_the_learners_even_when_a_library_raised():
    def dense_forward(X, W, b):
        return np.linalg.inv(X) @ W

    text = DENSE.judge(dense_forward).text
    assert "np.linalg.inv(X) @ W" in text
    assert "LinAlgError" in text


@pytest.mark.parametrize("error", [SystemExit(0), RecursionError(), MemoryError(), GeneratorExit(), StopIteration()])
def test_other_ways_out_are_caught(error):
    def relu(A):
        raise error

    assert RELU.judge(relu).status == "raised"


def test_recursion_without_end():
    def relu(A):
        return relu(A)

    verdict = RELU.judge(relu)
    assert verdict.status == "raised"
    assert "calls itself" in verdict.text


WRONG_TYPES = {
    "None": None,
    "nested list": [[1.0]],
    "tuple": (1,),
    "dict": {},
    "text": "0",
    "array of text": np.array(["a"]),
    "array of objects": np.array([None]),
    "object": object(),
    "number": 3,
    "nan": float("nan"),
    "complex": np.zeros((2, 3), complex),
    "function": nn.relu,
}


@pytest.mark.parametrize("value", WRONG_TYPES.values(), ids=WRONG_TYPES.keys())
def test_wrong_types_are_said_in_words(value):
    verdict = RELU.judge(lambda A: value)
    assert verdict.status == "wrong"
    assert verdict.text


def test_none_asks_for_the_return():
    assert "`return`" in RELU.judge(lambda A: None).text


def test_an_array_like_that_raises_is_survived():
    class Grudging:
        def __array__(self, *args, **kwargs):
            raise RuntimeError("call detach() first")

    verdict = RELU.judge(lambda A: Grudging())
    assert verdict.status == "wrong"
    assert "detach" in verdict.text


def test_huge_results_are_refused_before_they_are_compared():
    start = time.monotonic()
    verdict = RELU.judge(lambda A: np.broadcast_to(np.float64(0), (20_000, 20_000)))
    assert "3,200 MB" in verdict.text
    assert time.monotonic() - start < 1


def test_printing_is_kept_short_and_shown():
    def relu(A):
        for i in range(100_000):
            print("step", i)
        return A

    text = RELU.judge(relu).text
    assert "Your function printed" in text
    assert "step 0" in text
    assert len(text) < 2500


def test_printing_of_a_right_function_does_not_disturb():
    def relu(A):
        print("x" * 10_000_000)
        return np.maximum(A, 0)

    assert RELU.judge(relu).status == "passed"


def test_a_changed_argument_is_said_and_the_cases_are_not_harmed():
    def relu(A):
        A[...] = np.maximum(A, 0)
        return A

    verdict = RELU.judge(relu)
    assert verdict.misconception == "changes its input"
    assert "`A` changed" in verdict.text
    assert RELU.judge(lambda A: np.maximum(A, 0)).status == "passed"


@pytest.mark.parametrize(
    "change", [lambda scans: scans.pop(), lambda scans: scans[1].sort(), lambda scans: scans.clear()]
)
def test_a_changed_list_of_arrays_is_noticed(change):
    scans = [np.array([]), np.array([2.0, 1.0])]
    assert call(lambda scans: len(scans), (scans,)).changed == []
    assert call(change, (scans,)).changed == [0]
    assert call(lambda scans: scans.__setitem__(1, 0.0), (scans,)).changed == [0]
    assert scans[1].tolist() == [2.0, 1.0]


def test_random_state_and_warnings_settings_are_put_back():
    def relu(A):
        np.random.seed(0)  # noqa: NPY002
        np.seterr(all="raise")
        warnings.simplefilter("error")
        return np.maximum(A, 0)

    np.random.seed(7)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(7)  # noqa: NPY002
    before = np.geterr()
    assert RELU.judge(relu).status == "passed"
    assert np.random.random() == expected  # noqa: NPY002
    assert np.geterr() == before


def test_overflow_gives_no_wall_of_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verdict = SOFTMAX.judge(lambda Z: np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True))
    assert verdict.misconception == "overflow"


def test_a_value_in_place_of_the_function():
    verdict = RELU.judge(np.zeros(3))
    assert verdict.status == "wrong"
    assert 'check("2.3", relu)' in verdict.text


def test_the_lent_function_is_not_an_attempt():
    assert RELU.judge(nn.relu).status == "not attempted"


@pytest.mark.parametrize("body", ["...", "pass", "return", "raise NotImplementedError", '"""Doc."""', "out = ..."])
def test_stubs_of_all_kinds_are_not_attempted(body, tmp_path, monkeypatch):
    (tmp_path / "learner.py").write_text(f"def relu(A):\n    {body}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "learner", raising=False)
    import learner

    assert RELU.judge(learner.relu).status == "not attempted"


def test_the_wrong_number_of_arguments():
    verdict = DENSE.judge(lambda X: X)
    assert verdict.status == "raised"
    assert "another number of arguments" in verdict.text


def test_another_exercises_function_is_recognised_by_its_name():
    def softmax(A):
        return A - 1

    assert "is called `softmax`" in RELU.judge(softmax).text


def test_the_gap_shows_the_first_wrong_entry_of_a_small_case():
    verdict = RELU.judge(lambda A: np.maximum(A, 0) + (A > 1))
    assert "Your result[1, 0] is 4, expected 3." in verdict.text
    assert "The shape is right: (2, 3)." in verdict.text
    assert verdict.misconception is None


def test_shapes_come_before_values():
    assert "(3,) came, (2, 3) was expected" in RELU.judge(lambda A: A.max(axis=0)).text


def test_an_error_everywhere_is_no_misconception():
    def dense_forward(X, W, b):
        raise ValueError("shapes")

    assert DENSE.judge(dense_forward).misconception is None


def test_misconceptions_that_raise_on_most_cases_are_named_all_the_same():
    verdict = DENSE.judge(lambda X, W, b: W @ X + b)
    assert verdict.status == "raised"
    assert verdict.misconception == "column form"


def test_a_small_difference_is_shown_with_enough_digits():
    text = RELU.judge(lambda A: np.maximum(A, 0) + 3e-8 * (A == 3)).text
    assert "is 3.00000003, expected 3." in text


# what a learner writes -> words that must be in the message
COMMON = {
    "Python's max": (RELU, lambda A: max(A, 0), "work entry by entry"),
    "an if": (RELU, lambda A: A if A > 0 else 0, "work entry by entry"),
    "a list in np.max": (RELU, lambda A: np.max([A, 0]), "not a list"),
    "no keepdims": (SOFTMAX, lambda Z: np.exp(Z) / np.exp(Z).sum(axis=1), "keepdims=True"),
    "an axis that is not there": (SOFTMAX, lambda Z: Z.sum(axis=2), "no such axis"),
    "a matrix product that does not fit": (DENSE, lambda X, W, b: X @ X + W + b, "inner sizes must be equal"),
    "the notebook's N": (CROSS_ENTROPY, lambda Z, y: Z[np.arange(569), y], "different lengths"),
    "a float as an index": (CROSS_ENTROPY, lambda Z, y: Z[y * 1.0], "must be integers"),
    "a sign and an unstable log": (
        CROSS_ENTROPY,
        lambda Z, y: np.log(nn.softmax(Z)[range(len(y)), y]).mean(),
        "negative",
    ),
    "a small difference": (RELU, lambda A: np.maximum(A, 1e-9), "is 1e-09, expected 0"),
}


@pytest.mark.parametrize(("exercise", "fn", "words"), COMMON.values(), ids=COMMON.keys())
def test_the_commonest_mistakes_get_a_word_of_help(exercise, fn, words):
    text = exercise.judge(fn).text
    assert words in text
    assert "gufunc" not in text


def test_a_misspelled_def_is_suspected():
    assert "letter by letter" in RELU.judge(nn.relu).text


@pytest.mark.parametrize(
    ("expected", "got", "right"),
    [
        (1.0, 1.0 + 1e-9, True),
        (1.0, np.float32(1), True),
        (3, np.int64(3), True),
        (np.zeros((0, 3)), np.zeros((0, 3)), True),
        (np.array([1.0, np.inf]), np.array([1.0, np.inf]), True),
        (np.array([1.0, np.inf]), np.array([1.0, -np.inf]), False),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), True),
        (np.array([1.0, 2.0]), np.array([1.0, np.nan]), False),
        (np.array([0.0, 0.0]), np.array([0.0, 1e-3]), False),
        (np.array([1e9, 1.0]), np.array([1e9, 1.5]), True),
        (np.array([1e-9, 0.0]), np.array([1.1e-9, 0.0]), False),
        (np.ones(2, np.float32), np.ones(2, np.float32) * np.float32(1 + 2e-6), True),
    ],
    ids=str,
)
def test_compare_is_relative_to_the_largest_expected_value(expected, got, right):
    assert (compare(expected, got, 1e-6) is None) is right


def test_verify_replaces_the_comparison_where_many_results_are_right():
    """A task with a random result is judged by what must hold of it."""

    def shuffled(x, rng):
        return rng.permutation(x)

    def holds(case, value):
        return None if sorted(value) == sorted(case.args[0]) else "An entry is missing or doubled."

    task = Exercise(
        id="2.99",
        reference=shuffled,
        cases=lambda rng: [Case((np.arange(5), rng))],
        hints=("a",),
        why="",
        misconceptions=(Misconception("x", "y", (lambda x, rng: x[:0],)),),
        verify=holds,
    )
    assert task.judge(lambda x, rng: x[::-1]).status == "passed"
    assert "missing or doubled" in task.judge(lambda x, rng: rng.choice(x, 5)).text


def test_cross_entropy_rows_are_told_from_their_mean():
    verdict = CROSS_ENTROPY.judge(lambda Z, y: -nn.log_softmax(Z)[np.arange(len(y)), y])
    assert verdict.misconception == "one loss a row"


def test_check_lends_the_reference_or_returns_the_learners(capsys):
    def relu(A):
        return A

    def right(A):
        return np.maximum(A, 0)

    assert check("2.3", relu) is nn.relu
    assert "not yet" in capsys.readouterr().out
    assert check("2.3", right) is right
    assert "2.3 passed" in capsys.readouterr().out


def test_check_works_when_progress_cannot_be_written(tmp_path, monkeypatch, capsys):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("COURSE_PROGRESS", str(blocked / "progress.json"))
    from helpers.exercises import commands

    commands._warned.clear()
    assert check("2.3", np.abs) is nn.relu
    assert "could not be saved" in capsys.readouterr().out
    check("2.3", np.abs)
    assert "could not be saved" not in capsys.readouterr().out


def test_one_endless_c_call_cannot_be_stopped_and_the_message_says_so():
    """The one thing that is not survived in process; here it is shown in a process that may be killed."""
    code = """
        from helpers.exercises.chapter02 import RELU
        RELU.judge(lambda A: sum(range(10**12)))
        """
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", textwrap.dedent(code)], timeout=5, env=os.environ | {"PYTHONPATH": "."})
    assert "the Stop button does nothing" in RELU.judge(endless).text


def test_a_wrong_result_that_bears_a_sign_is_named_by_it():
    """Where many results are right, no wrong function does the same as the learner's on every case."""
    even = Misconception("odd", "That number is odd.", (lambda rng: 3,), sign=lambda case, value: value % 2 == 1)
    task = Exercise(
        id="9.9",
        reference=even_number,
        cases=lambda rng: [Case((rng,))],
        hints=("a", "b"),
        why="",
        misconceptions=(even,),
        verify=lambda case, value: None if value in (2, 4, 6) else "Not an even number below 8.",
    )
    assert task.judge(lambda rng: 4).status == "passed"
    assert task.judge(lambda rng: 5).misconception == "odd"
    assert task.judge(lambda rng: 8).misconception is None


def even_number(rng):
    return int(rng.choice([2, 4, 6]))


def _helper_above(A):
    return A[5]


def _uses_the_helper(A):
    B = A + 1
    return _helper_above(B)


def test_an_error_in_a_helper_is_told_with_the_line_of_the_function_itself():
    text = RELU.judge(_uses_the_helper).text
    assert "in line 3:\n\n    return _helper_above(B)" in text


def test_a_small_number_is_printed_as_what_it_is():
    shown = "\n".join(_argument("X", np.array([1.0, 1e-9])))
    assert "1.e-09" in shown
    assert "e" not in "\n".join(_argument("X", np.array([1.0, 0.25]))).split("=")[1]


def test_a_puzzle_is_told_what_to_do_with_its_lines(tmp_path):
    path = tmp_path / "puzzle.py"
    path.write_text("def relu(A):\n    ...\n    # return B\n    # B = np.maximum(A, 0)\n")
    spec = importlib.util.spec_from_file_location("puzzle", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert "Put the lines in order" in RELU.judge(module.relu).text


def test_a_string_that_is_returned_is_an_answer_and_no_docstring():
    def answered(A):
        """What it does."""
        return "relu"

    def untouched(A):
        """What it does."""
        "and more"
        return None

    assert RELU.judge(answered).status == "wrong"
    assert RELU.judge(untouched).status == "not attempted"
