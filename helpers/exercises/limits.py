"""Run a learner's function so that nothing it does harms the notebook: time, printing, exit, changed arguments."""

import contextlib
import copy
import io
import random
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SECONDS = 2.0
MOST_BYTES = 200_000_000


class TimeLimit(BaseException):
    """Time is up. A BaseException, so that a learner's `except Exception` does not swallow it."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeLimit in the block after `seconds`; between two Python instructions, so not inside one long C call.

    Only the main thread can be interrupted: elsewhere there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
    elif hasattr(signal, "setitimer"):
        with _alarm(seconds):
            yield
    else:
        with _bell(seconds):
            yield


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(signum, frame):
        raise TimeLimit

    old = signal.signal(signal.SIGALRM, ring)
    # The repeat gets through a bare `except:` that swallowed the first ring.
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


@contextlib.contextmanager
def _bell(seconds: float) -> Iterator[None]:
    """Windows has no interval timer: a thread presses Ctrl-C for us, again and again until it is heard."""
    import _thread

    done, rung = threading.Event(), threading.Event()

    def ring():
        if not done.wait(seconds):
            rung.set()
            while not done.is_set():
                _thread.interrupt_main()
                done.wait(0.1)

    bell = threading.Thread(target=ring, daemon=True)
    bell.start()
    try:
        yield
    except KeyboardInterrupt:
        if not rung.is_set():  # the learner's own Stop button
            raise
        raise TimeLimit from None
    finally:
        done.set()
        with contextlib.suppress(KeyboardInterrupt):
            bell.join()
            if rung.is_set():
                time.sleep(0.05)  # a last ring may still be under way


class _Page(io.TextIOBase):
    """Keeps the first characters of what is printed and drops the rest: an endless print fills no memory."""

    def __init__(self, most: int = 400) -> None:
        self.kept, self.most = "", most

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.kept += text[: max(0, self.most - len(self.kept))]
        return len(text)


@dataclass
class Outcome:
    """What one call of a function did: a value or an error, which arguments it changed, what it printed.

    Of an error also what Python said, and the function's own line: (counted from `def`, its text).
    """

    value: Any = None
    error: BaseException | None = None
    timed_out: bool = False
    changed: list[int] = field(default_factory=list)
    printed: str = ""
    said: str = ""
    line: tuple[int, str] | None = None

    @property
    def stopped(self) -> bool:
        """True when the call gave no value."""
        return self.timed_out or self.error is not None


@contextlib.contextmanager
def _put_back() -> Iterator[None]:
    """Whatever the function does to the random generators and to NumPy's error settings is undone."""
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002 - the learner may use it
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)


def call(fn: Callable, args: tuple, seconds: float = SECONDS) -> Outcome:
    """Call `fn` on copies of `args` and report what happened.

    Survived: any exception, SystemExit, recursion, an endless loop, endless printing, changed arguments. A
    KeyboardInterrupt (the learner's Stop button) goes through. Not survived: one C call that never returns, and a crash
    of the process.
    """
    given, page, outcome = copy.deepcopy(args), _Page(), Outcome()
    try:
        with _put_back(), contextlib.redirect_stdout(page), contextlib.redirect_stderr(page), time_limit(seconds):
            outcome.value = fn(*given)
    except TimeLimit:
        outcome.timed_out = True
    except (Exception, SystemExit, GeneratorExit) as error:
        outcome.error, outcome.said, outcome.line = error, f"{type(error).__name__}: {error}", own_line(error, fn)
    outcome.printed = page.kept
    outcome.changed = [i for i, (now, before) in enumerate(zip(given, args, strict=True)) if not _same(now, before)]
    return outcome


def _same(now: Any, before: Any) -> bool:
    if isinstance(before, np.ndarray):
        alike = isinstance(now, np.ndarray) and now.shape == before.shape and now.dtype == before.dtype
        return alike and np.array_equal(now, before, equal_nan=before.dtype.kind == "f")
    if isinstance(before, np.random.Generator):
        return True  # drawing from a generator that was handed over is what it is for
    if isinstance(before, list | tuple):
        return len(now) == len(before) and all(map(_same, now, before))
    return bool(np.all(now == before))


def own_line(error: BaseException, fn: Callable) -> tuple[int, str] | None:
    """The last line of the learner's own function in a traceback: (line counted from `def`, its text), or None."""
    code = getattr(fn, "__code__", None)
    if code is None:
        return None
    last = max(line for _, _, line in code.co_lines() if line is not None)
    frames = [
        f
        for f in traceback.extract_tb(error.__traceback__)
        if f.filename == code.co_filename and code.co_firstlineno <= f.lineno <= last
    ]
    if not frames:
        return None
    return frames[-1].lineno - code.co_firstlineno + 1, (frames[-1].line or "").strip()
