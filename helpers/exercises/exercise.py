"""What an exercise is, and how a function is judged against it. No display, no progress: graders use this too."""

import ast
import copy
import dataclasses
import inspect
import pprint
import re
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from helpers.exercises.handin import empty
from helpers.exercises.limits import MOST_BYTES, SECONDS, Outcome, call

Status = Literal["passed", "wrong", "raised", "not attempted"]
Runner = Callable[[Callable, tuple, float], Outcome]  # a function, its arguments, seconds


@dataclass(frozen=True)
class Case:
    """One call of the learner's function: its arguments, and what is special about it (shown when it fails)."""

    args: tuple
    note: str = ""


@dataclass(frozen=True)
class Misconception:
    """A wrong idea with a name, the message it deserves, and the wrong functions that come from it.

    A learner's function holds this misconception when it does on every case what one of `wrong` does. Where a task
    has many right results it has many wrong ones too: there `sign`, (case, value) -> bool, recognises a wrong result.
    """

    name: str
    message: str
    wrong: tuple[Callable, ...]
    sign: Callable[[Case, Any], bool] | None = None


@dataclass(frozen=True)
class Verdict:
    """The result of judging a function. `text` tells a beginner what came, what was expected and, if known, why.

    `share` is how much of it is right: the share of the cases, and 1 only where nothing at all is wrong.
    """

    status: Status
    text: str
    misconception: str | None = None
    share: float = 0.0


@dataclass(frozen=True)
class Exercise:
    """One exercise, defined once: used in the notebook, for hints, for marks and in the tests.

    Parameters
    ----------
    id : the section it stands in, e.g. "2.3"; never renumbered once released
    reference : the right function; its name is the name the learner's function has
    cases : rng -> the calls to make, the smallest first (messages show the first that fails)
    hints : from a nudge to nearly the answer
    why : one or two sentences beside the solution
    misconceptions : the wrong ideas that are recognised, the likeliest first
    rtol : largest max|a - b| / max|b| that still counts as equal (in float64)
    keeps_dtype : True where the dtype must be that of the reference; "kind" where an index must be an integer
    returns : names of the results where there are several: the reference returns a tuple of them
    verify : for tasks with more than one right result, (case, value) -> None or what is wrong, in place of comparing
    holds : what must hold between calls, once every case passes: (function) -> None or what is wrong
    """

    id: str
    reference: Callable
    cases: Callable[[np.random.Generator], list[Case]]
    hints: tuple[str, ...]
    why: str
    misconceptions: tuple[Misconception, ...]
    points: int = 1
    rtol: float = 1e-9
    keeps_dtype: bool | str = False
    returns: tuple[str, ...] = ()
    verify: Callable[[Case, Any], str | None] | None = None
    holds: Callable[[Callable], str | None] | None = None

    @property
    def function(self) -> str:
        """The name of the function to write."""
        return self.reference.__name__

    def judge(self, fn: Any, seed: int = 0, run: Runner = call, seconds: float = SECONDS) -> Verdict:
        """Hold `fn` against the reference on the cases of `seed`. Never raises because of what `fn` is or does.

        `run` calls it: marking has a runner that does so in another process, and gives it more `seconds`.
        """
        if not callable(fn):
            return Verdict("wrong", self._no_function(fn))
        if fn is self.reference:
            text = f"This is the course's own `{self.function}`. Run the cell with your `def` again."
            return Verdict(
                "not attempted", f"{text} (Is your function really called `{self.function}`, letter by letter?)"
            )
        if is_stub(fn):
            return Verdict("not attempted", f"{_what_to_do(fn)}, then run the cell again.")
        cases = self.cases(np.random.default_rng(seed))
        outcomes = list(_outcomes(fn, cases, run, seconds))
        for case, outcome in zip(cases, outcomes, strict=False):
            verdict = self._first_problem(fn, case, outcome, seconds)
            if verdict is not None:
                named = self._signed(verdict, case, outcome) or self._named(verdict, cases, outcomes, fn)
                return dataclasses.replace(named, share=self._share(cases, outcomes))
        if self.holds is None:
            return Verdict("passed", "", share=1.0)
        between = call(self.holds, (fn,), seconds)
        problem = "Your function stopped when it was called again." if between.stopped else between.value
        # every case is right, but the function is not
        return Verdict("wrong", problem, share=0.5) if problem else Verdict("passed", "", share=1.0)

    def _share(self, cases: list[Case], outcomes: list[Outcome]) -> float:
        told = zip(cases, outcomes, strict=False)
        return sum(not outcome.stopped and self._gap(case, outcome) is None for case, outcome in told) / len(cases)

    def _no_function(self, fn: Any) -> str:
        return (
            f'`check` wants the function itself: write `check("{self.id}", {self.function})`, without brackets after '
            f"the name. What came is of type {type(fn).__name__}."
        )

    def _first_problem(self, fn: Callable, case: Case, outcome: Outcome, seconds: float) -> Verdict | None:
        if outcome.timed_out:
            return Verdict("raised", _TIMED_OUT.format(seconds))
        if isinstance(outcome.error, NotImplementedError):
            return Verdict(
                "not attempted", f"`{self.function}` raises NotImplementedError: its body is not written yet."
            )
        if outcome.error is not None:
            return Verdict("raised", self._raised(case, outcome))
        gap = self._gap(case, outcome)
        if gap is None:
            return None
        printed = (
            f"\n\nYour function printed:\n\n{textwrap.indent(outcome.printed.strip(), '    ')}"
            if outcome.printed.strip()
            else ""
        )
        return Verdict("wrong", gap + printed)

    def _gap(self, case: Case, outcome: Outcome) -> str | None:
        """What differs from the right answer on this case, in words; None when nothing does."""
        if self.verify is not None:
            problem = self.verify(case, outcome.value)
        else:
            due = self.reference(*copy.deepcopy(case.args))  # a generator among them must not move on
            problem = compare(due, outcome.value, self.rtol, self.keeps_dtype, self.returns)
        names = list(inspect.signature(self.reference).parameters)
        changed = " and ".join(f"`{names[i]}`" for i in outcome.changed)
        if problem is None and changed:
            return (
                f"The result is right, but {changed} changed: what the caller holds is not what it was before. "
                "`X -= 1`, `X[...] = 0` and `.pop()` write into what others use too. Make a new one."
            )
        if problem is None:
            return None
        if changed:
            problem += f" Also, {changed} is not what it was before the call: work on a copy."
        return f"{problem}\n\n{self._call_text(case)}"

    def _raised(self, case: Case, outcome: Outcome) -> str:
        """The learner's own line and what Python said; no traceback through the libraries below it."""
        said = re.sub(r", with gufunc signature .*?\)(?= \(|$)", "", outcome.said)[
            :300
        ]  # NumPy's shorthand helps nobody
        line = outcome.line
        where = f"in line {line[0]}:\n\n    {line[1]}\n\n    {said}" if line else f"when it was called:\n\n    {said}"
        meaning = next((text for words, text in _MEANING if words in said), "")
        names = list(inspect.signature(self.reference).parameters)
        arrays = [(name, arg) for name, arg in zip(names, case.args, strict=False) if isinstance(arg, np.ndarray)]
        shapes = ", ".join(f"`{name}` {arg.shape}" for name, arg in arrays)
        ending = f" The arguments: {shapes}." if shapes else ""
        return f"Your function stopped {where}\n\n{(meaning + ending).strip()}"

    def _call_text(self, case: Case) -> str:
        names = list(inspect.signature(self.reference).parameters)
        about = f" ({case.note})" if case.note else ""
        return f"This was the call{about}:\n\n" + "\n".join(
            f"    {line}" for name, arg in zip(names, case.args, strict=False) for line in _argument(name, arg)
        )

    def _signed(self, verdict: Verdict, case: Case, outcome: Outcome) -> Verdict | None:
        """Add the misconception whose sign the wrong result bears, if there is one."""
        if verdict.status != "wrong" or outcome.changed:
            return None
        signed = (m for m in self.misconceptions if m.sign is not None and m.sign(case, outcome.value))
        return next((_because(verdict, m) for m in signed), None)

    def _named(self, verdict: Verdict, cases: list[Case], outcomes: list[Outcome], fn: Callable) -> Verdict:
        """Add the misconception that does what the learner's function did, if there is one.

        First one that agrees on every case; failing that, one that agrees wherever the learner's result is finite, so
        that a wrong sign is named although the function also overflows; failing that, one that agrees on the first
        wrong case and on three of four cases: a mistake is named although a second, smaller one comes with it.
        """
        if verdict.status == "not attempted":
            return verdict
        finite = [k for k, outcome in enumerate(outcomes) if _is_finite(outcome)]
        telling = any(self._gap(cases[k], outcomes[k]) is not None for k in finite)
        known = [(m, wrong) for m in self.misconceptions if m.sign is None for wrong in m.wrong]
        for places in (range(len(outcomes)), finite if telling else []):
            for misconception, wrong in known:
                theirs = list(_outcomes(wrong, [cases[k] for k in places]))
                alike = len(theirs) == len(places) and all(
                    self._alike(outcomes[k], other) for k, other in zip(places, theirs, strict=True)
                )
                if alike and not all(outcome.stopped for outcome in theirs):
                    return _because(verdict, misconception)
        first = next((k for k in finite if self._gap(cases[k], outcomes[k]) is not None), None)
        for misconception, wrong in known if first is not None else []:
            theirs = list(_outcomes(wrong, cases))
            alike = [self._alike(mine, other) for mine, other in zip(outcomes, theirs, strict=False)]
            if len(alike) > first and alike[first] and sum(alike) >= 0.75 * len(cases):
                return _because(verdict, misconception)
        name = getattr(fn, "__name__", self.function)
        if name not in (self.function, "<lambda>"):
            other = f"\n\n{self.id} asks for `{self.function}`; the function that came is called `{name}`."
            return Verdict(verdict.status, verdict.text + other)
        return verdict

    def _alike(self, mine: Outcome, theirs: Outcome) -> bool:
        if mine.stopped or theirs.stopped:
            return mine.stopped and theirs.stopped and mine.timed_out == theirs.timed_out
        same = compare(theirs.value, mine.value, self.rtol, self.keeps_dtype) is None
        return same and mine.changed == theirs.changed


def _holds_arrays(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, np.ndarray) for part in value)


def _because(verdict: Verdict, known: Misconception) -> Verdict:
    return Verdict(verdict.status, f"{verdict.text}\n\n**Why?** {known.message}", known.name)


def _outcomes(fn: Callable, cases: list[Case], run: Runner = call, seconds: float = SECONDS) -> Iterator[Outcome]:
    """One outcome a case; all cases share one time limit, and none is tried after it has run out."""
    end = time.monotonic() + seconds
    for case in cases:
        outcome = run(fn, case.args, max(0.05, end - time.monotonic()))
        yield outcome
        if outcome.timed_out:
            return


def _is_finite(outcome: Outcome) -> bool:
    if isinstance(outcome.value, dict | bytes):
        return True
    several = isinstance(outcome.value, tuple) or _holds_arrays(outcome.value)
    values = outcome.value if several else (outcome.value,)
    if outcome.stopped or any(_wrong_type(0.0, value) for value in values):
        return False
    return all(np.isfinite(np.asarray(value)).all() for value in values)


def _what_to_do(stub: Callable) -> str:
    if re.search(r"(?m)^ +# ", inspect.getsource(stub)):  # a Parsons problem: its lines stand there as comments
        return "Put the lines in order, take away their `# `, and delete the `...`"
    return f"Write the body of `{stub.__name__}` in place of `...`"


def is_stub(fn: Callable) -> bool:
    """True for a body that is only a docstring, `...`, `pass`, `return`, or an assignment of `...`."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))
    except (OSError, TypeError, SyntaxError):
        return False
    definitions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return bool(definitions) and all(empty(statement) for statement in definitions[0].body)


def compare(
    expected: Any, got: Any, rtol: float, keeps_dtype: bool | str = False, names: tuple[str, ...] = ()
) -> str | None:
    """None when `got` is right; else one or two sentences on what came and what was expected.

    Numbers may be Python or NumPy numbers. Arrays are compared in shape, then in value: max|a - b| / max|b| <= rtol
    (1e-5 at least where one side is float32, which knows seven digits). Of several results, a tuple with these names,
    the first that is not right is told; of a dict or a list, in which others may lie, the first entry.
    """
    if isinstance(expected, tuple):
        return _compare_each(expected, got, rtol, keeps_dtype, names)
    if isinstance(expected, dict | list | str | bytes):
        return _compare_nested(expected, got, rtol, keeps_dtype)
    problem = _wrong_type(expected, got)
    if problem:
        return problem
    want, have = np.asarray(expected), np.asarray(got)
    if np.float32 in (want.dtype, have.dtype):
        rtol = max(rtol, 1e-5)
    if have.shape != want.shape and want.ndim == 0:
        return f"One number was expected; an array of shape {have.shape} came."
    if have.shape != want.shape:
        return f"The shape is not right: {have.shape} came, {want.shape} was expected."
    place = _worst(want, have, rtol)
    if place is not None:
        right = "The shape is right: " + str(want.shape) + ". " if want.ndim else ""
        where = f"[{', '.join(map(str, place))}]" if want.ndim else ""
        came, due = _two_numbers(have[place], want[place])
        return f"{right}Your result{where} is {came}, expected {due}."
    if keeps_dtype == "kind":
        if have.dtype.kind != want.dtype.kind:
            return f"The values are right, but their type is {have.dtype}; {want.dtype} was expected, as of an index."
    elif keeps_dtype and have.dtype != want.dtype:
        return f"The values are right, but their type is {have.dtype}; {want.dtype} was expected."
    return None


def _compare_each(
    expected: tuple, got: Any, rtol: float, keeps_dtype: bool | str, names: tuple[str, ...]
) -> str | None:
    names = names or tuple(f"result {k + 1}" for k in range(len(expected)))
    if not isinstance(got, tuple | list) or len(got) != len(expected):
        came = "None" if got is None else "one value"
        if isinstance(got, tuple | list):
            came = f"{len(got)} values"
        elif isinstance(got, np.ndarray) and got.ndim:
            came = f"one array of shape {got.shape}"
        missing = " Is the `return` missing?" if got is None else ""
        order = ", ".join(f"`{name}`" for name in names)
        return f"Your function gave back {came}; {len(expected)} were expected, in this order: {order}.{missing}"
    problems = (compare(due, came, rtol, keeps_dtype) for due, came in zip(expected, got, strict=True))
    told = ((name, problem) for name, problem in zip(names, problems, strict=True) if problem)
    return next((f"`{name}`: {problem}" for name, problem in told), None)


def _compare_nested(expected: Any, got: Any, rtol: float, keeps_dtype: bool | str, place: str = "") -> str | None:
    """Dicts, lists, text and numbers within each other, entry by entry: `place` is where in the result, "A[0].B"."""
    known = ((dict, "a dict"), (list | tuple, "a list"), (str, "text"), (bytes, "bytes"))
    kind, called = next((pair for pair in known if isinstance(expected, pair[0])), (None, ""))
    subject = f"`{place}`" if place else "Your result"
    if got is None and not place:
        return f"Your function gave back None; {called} was expected. Is the `return` missing?"
    if kind and not isinstance(got, kind) or not kind and isinstance(got, dict | list | str | bytes | None):
        return f"{subject} is {_short(got)}, of type {type(got).__name__}; expected {_short(expected)}."
    if isinstance(expected, dict):
        for key in [*expected, *(key for key in got if key not in expected)]:
            where = f"{place}.{key}" if place else str(key)
            if key not in got:
                return f"`{where}` is missing; expected {_short(expected[key])}."
            if key not in expected:
                return f"`{where}` should be gone; it is still there and holds {_short(got[key])}."
            problem = _compare_nested(expected[key], got[key], rtol, keeps_dtype, where)
            if problem:
                return problem
        return None
    if isinstance(expected, list | tuple):
        if len(got) != len(expected):
            return f"{subject} has {len(got)} entries; {len(expected)} were expected."
        pairs = enumerate(zip(expected, got, strict=True))
        told = (_compare_nested(*pair, rtol, keeps_dtype, f"{place or 'result'}[{k}]") for k, pair in pairs)
        return next((problem for problem in told if problem), None)
    if kind:
        return None if got == expected else f"{subject} is {_short(got)}, expected {_short(expected)}."
    problem = compare(expected, got, rtol, keeps_dtype)
    return problem and f"`{place}`: {problem}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:76]} ..."


def _wrong_type(expected: Any, got: Any) -> str | None:
    kind = "a number" if np.ndim(expected) == 0 else f"a NumPy array of shape {np.shape(expected)}"
    if got is None:
        return f"Your function gave back None; {kind} was expected. Is the `return` missing?"
    if (
        isinstance(got, list | tuple | dict | set | str)
        or callable(got)
        or not hasattr(got, "__array__")
        and np.ndim(expected)
    ):
        return f"Your function gave back a value of type {type(got).__name__}; {kind} was expected."
    if getattr(got, "nbytes", 0) > MOST_BYTES:
        return f"Your result takes {got.nbytes / 1e6:,.0f} MB (shape {got.shape}); {kind} was expected."
    if not isinstance(got, int | float | complex) and not hasattr(got, "__array__"):
        return f"Your function gave back a value of type {type(got).__name__}; {kind} was expected."
    try:
        dtype = np.asarray(got).dtype
    except Exception as error:  # whatever a foreign array type raises here is the learner's to know
        return f"Your result, of type {type(got).__name__}, cannot be read as a NumPy array: {error}"
    if dtype.kind not in "biuf":
        return f"Your result holds values of type {dtype}; real numbers were expected."
    return None


def _worst(want: np.ndarray, have: np.ndarray, rtol: float) -> tuple[int, ...] | None:
    """Where `have` is furthest from `want`; the first nan or infinity that does not belong there; None if equal."""
    want, have = want.astype(float), have.astype(float)
    odd = (np.isfinite(want) != np.isfinite(have)) | (np.isnan(want) != np.isnan(have))
    odd |= np.isinf(want) & np.isinf(have) & (want != have)
    if odd.any():
        return tuple(int(i) for i in np.argwhere(odd)[0])
    both = np.isfinite(want)
    difference = np.where(both, np.abs(np.where(both, want, 0) - np.where(both, have, 0)), 0)
    scale = np.abs(want[both]).max(initial=0)
    if difference.size == 0 or difference.max() <= rtol * (scale or 1):
        return None
    # the first clear difference in reading order is easier to work out by hand than the largest
    return tuple(int(i) for i in np.argwhere(difference > max(rtol * scale, 0.5 * difference.max()))[0])


def _number(value: Any, digits: int = 6) -> str:
    value = value.item() if hasattr(value, "item") else value
    return str(value) if isinstance(value, bool | int) else f"{value + 0.0:.{digits}g}"  # + 0.0: no "-0"


def _two_numbers(came: Any, due: Any) -> tuple[str, str]:
    """Both with as many digits as it takes to see the difference."""
    pairs = [(_number(came, digits), _number(due, digits)) for digits in (6, 12, 17)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])


def _argument(name: str, arg: Any) -> list[str]:
    if isinstance(arg, np.ndarray):
        head = f"{name} {arg.shape} {arg.dtype} ="
        if arg.size > 24 and arg.dtype.kind not in "biuf":
            return [f"{name} {arg.shape} {arg.dtype}, from {arg[0]!s} to {arg[-1]!s}"]
        if arg.size > 24:
            return [f"{name} {arg.shape} {arg.dtype}, values from {_number(arg.min())} to {_number(arg.max())}"]
        grid = arg.squeeze() if arg.ndim > 2 else arg  # (1, 3, 3, 1) as three rows of three
        smallest = np.abs(grid[grid != 0]).min(initial=1) if arg.dtype.kind in "iuf" else 1
        body = np.array2string(grid, precision=4, suppress_small=bool(smallest >= 1e-4), max_line_width=90)
        return [head, *textwrap.indent(body, "  ").splitlines()]
    if isinstance(arg, np.random.Generator):
        return [f"{name}: a NumPy random generator"]
    if callable(arg):
        return [f"{name}: {(inspect.getdoc(arg) or 'a function').splitlines()[0]}"]
    if isinstance(arg, dict):
        lines = pprint.pformat(arg, width=90, sort_dicts=False).splitlines()
        return [f"{name} =", *(f"  {line}" for line in lines[:24]), *(["  ..."] if len(lines) > 24 else [])]
    return [f"{name} = {arg!r}"[:200]]


_TIMED_OUT = (
    "Your function was stopped after {:.0f} seconds. Is there a loop that never ends, or one that does far "
    "more "
    "work than needed? (If a cell ever hangs and the Stop button does nothing, one NumPy call is busy for good: "
    "restart "
    "the kernel. Your progress is kept.)"
)

# What Python or NumPy says -> what it means to a beginner. The first that is found counts.
_MEANING = (
    ("truth value of an array", "This is a whole array. `if`, `and` and Python's `max` want a single True or False. "
     "NumPy has functions that work entry by entry."),
    ("inhomogeneous", "A list of an array and a number is no array. To compare two things entry by entry, give a "
     "function both of them, not a list."),
    ("indexing arrays could not be broadcast", "Two index arrays have different lengths: each row needs one of each."),
    ("must be of integer", "What stands in the square brackets must be integers."),
    ("out of bounds for axis", "An index points outside the array: look at the shape of what you index."),
    ("is out of bounds", "There is no such axis: n dimensions have the axes 0 to n - 1, and -1 is the last. (In 2-D: 0 "
     "down the rows, 1 along a row.)"),
    ("boolean subtract", "Masks are not subtracted: `a & ~b` is what is in a and not in b."),
    ("could not be broadcast", "These two shapes do not fit entry by entry: they are lined up from the last axis. "
     "(A sum or maximum over an axis drops it, unless `keepdims=True`; a transpose exchanges rows and columns.)"),
    ("non-broadcastable", "The result does not fit into the array it should be written to."),
    ("not aligned", "In a matrix product the inner sizes must be equal: (N, D) @ (D, M)."),
    ("core dimension", "In a matrix product the inner sizes must be equal: (N, D) @ (D, M)."),
    ("can only convert", "A function for one number got a whole array. NumPy's functions take arrays."),
    ("only length-1 arrays", "A function for one number got a whole array. NumPy's functions take arrays."),
    ("only 0-dimensional arrays", "A function for one number got a whole array. NumPy's functions take arrays."),
    ("positional argument", "A function got another number of arguments than it takes."),
    ("for ^", "A power is written ** in Python."),
    ("bitwise_xor", "A power is written ** in Python."),
    ("setting an array element", "An array came where one number belongs: is a sum missing?"),
    ("not callable", "There are round brackets after something that is no function."),
    ("NameError", "Python does not know this name: is it spelled right, and did the import cell run?"),
    ("UnboundLocalError", "The name is used before it gets a value in this function."),
    ("RecursionError", "The function calls itself without an end."),
    ("MemoryError", "An array far too large for this machine was asked for: look at the shapes."),
    ("SystemExit", "`exit()` would close the whole notebook. A function ends with `return`."),
    ("AttributeError", "This object has nothing of that name: is it what you think it is? print(type(...)) tells."),
    ("IndexError", "An index points outside the array: look at the shape of what you index."),
    ("TypeError", "Something has another type than this line needs: print(type(...)) tells."),
)  # fmt: skip
