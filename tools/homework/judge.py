"""Marks one hand-in: the student's functions run in a sandbox, their values are judged here."""

import copy
import functools
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from helpers.exercises import registry
from helpers.exercises.exercise import Verdict
from helpers.exercises.limits import Outcome
from tools.homework import own_tasks, wire
from tools.homework.assignment import Assignment, Task, digest
from tools.homework.sandbox import Died, OverTime, Sandbox

SECONDS = 5  # processor time that the student's function may take for all cases of a task
WAIT = 15.0  # seconds on the clock for the same: sleeping is no computing

Maker = Callable[[], Sandbox]


class RemoteError(Exception):
    """An error within the student's function, in the sandbox."""


class Remote:
    """Stands for the student's function: calling it sends the arguments into the sandbox and brings back the value."""

    def __init__(self, sandbox: Sandbox, name: str, source: str) -> None:
        self.sandbox, self.__name__, self.source = sandbox, name, source
        self.end = time.monotonic() + WAIT
        self.gone = ""  # why the sandbox answers no more

    def __deepcopy__(self, memo: dict) -> "Remote":
        return self

    def __call__(self, *args):
        outcome = self.outcome(args, drawing=True)
        if outcome.stopped:
            raise outcome.error or RemoteError("it took too long")
        return outcome.value

    def outcome(self, args: tuple, drawing: bool = False) -> Outcome:
        """What one call did. Never raises because of what the student's function does.

        With `drawing` the generators among `args` go on where the student's function left them.
        """
        if self.gone:
            return Outcome(error=RemoteError(self.gone), said=self.gone)
        functions: list[Callable] = []
        try:
            packed = [wire.pack(arg, functions) for arg in copy.deepcopy(args)]
            self.sandbox.send({"call": packed})
            reply = self._answered(functions)
            for k, arg in enumerate(args):
                if drawing and isinstance(arg, np.random.Generator):
                    arg.bit_generator.state = wire.unpack(reply["drawn"][str(k)]).bit_generator.state
            return self._outcome(reply)
        except OverTime:
            self.gone = "it took too long"
            return Outcome(timed_out=True)
        except Died as error:
            self.gone = f"The process that ran your code ended: {error}."
            return Outcome(error=RemoteError(self.gone), said=self.gone)
        except (ValueError, TypeError, KeyError, OverflowError, MemoryError, RecursionError) as error:
            self.gone = "What came back is no result of any task."
            return Outcome(error=RemoteError(str(error)), said=self.gone)
        except BaseException:  # the line is out of step: this sandbox answers no more
            self.gone = "it was interrupted"
            raise

    def _answered(self, functions: list[Callable]) -> dict:
        """The reply; functions among the arguments are called here in the meantime."""
        while True:
            reply = self.sandbox.receive(max(0.01, self.end - time.monotonic()))
            if "callback" not in reply:
                return reply
            try:
                with np.errstate(all="ignore"):
                    value = functions[int(reply["callback"])](*[wire.unpack(arg) for arg in reply["args"]])
                answer = {"value": wire.pack(value)}
            except Exception as error:  # the student gave it something that does not fit
                answer = {"error": f"{type(error).__name__}: {error}"[:300]}
            self.sandbox.send(answer)

    def _outcome(self, reply: dict) -> Outcome:
        printed, changed = str(reply.get("printed", ""))[:400], [int(k) for k in reply.get("changed", [])][:20]
        if "error" in reply:
            return _failed(reply["error"], printed, changed)
        return Outcome(value=wire.unpack(reply["value"]), printed=printed, changed=changed)


def _failed(told: dict, printed: str = "", changed: list[int] | None = None) -> Outcome:
    said, line = str(told["said"])[:600], told.get("line")
    error = NotImplementedError(said) if told.get("kind") == "NotImplementedError" else RemoteError(said)
    line = (int(line[0]), str(line[1])[:200]) if line else None
    return Outcome(error=error, said=said, line=line, printed=printed, changed=changed or [])


def _call(function: Remote, args: tuple, seconds: float) -> Outcome:
    return function.outcome(args)


def fingerprint(assignment: Assignment, tasks: list[Task]) -> dict[str, str]:
    """Task -> what its mark depends on besides the hand-in; where it is unchanged, a mark need not be made again."""
    course = _course()
    return {
        task.id: hashlib.sha256(f"{course}|{task.id}|{assignment.seed(task.id)}".encode()).hexdigest()[:16]
        for task in tasks
    }


@functools.cache
def _course() -> str:
    """The code that judges: the exercises, what they are checked with, and this package."""
    root = Path(__file__).resolve().parents[2]
    folders = [root / "helpers" / name for name in ("exercises", "nn", "metrics", "models", "trust", "data")]
    paths = [path for folder in [*folders, root / "tools" / "homework"] for path in folder.rglob("*.py")]
    skipped = {"report.py", "pages.py", "written.py", "likeness.py", "collect.py", "roster.py", "release.py"}
    whole = hashlib.sha256()
    for path in sorted(path for path in paths if path.name not in skipped):
        whole.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return whole.hexdigest()


def mark(assignment: Assignment, student: str, data: bytes, maker: Maker, tasks: list[Task] | None = None) -> dict:
    """Marks for one hand-in, as they are stored. Never raises because of what the hand-in holds.

    Parameters
    ----------
    data : the notebook, byte for byte
    maker : gives a fresh sandbox; another is taken whenever one ends before its time
    tasks : those to mark; all of the assignment without it
    """
    tasks = list(assignment.tasks) if tasks is None else tasks
    marks = {
        "version": 1,
        "student": student,
        "handin": digest(data),
        "judge": fingerprint(assignment, tasks),
        "problem": None,
        "notes": [],
        "tasks": {},
    }
    wanted = {task.id: _wanted(task) for task in tasks}
    sandbox, used = maker(), False
    try:
        try:
            read = sandbox.hand_over(data, wanted)
            if "problem" in read:
                return marks | {"problem": str(read["problem"])[:500]}
            found, marks["notes"] = read["found"], [str(note)[:300] for note in read["notes"]][:50]
        except (Died, OverTime, KeyError) as error:
            return marks | {"problem": f"Reading the notebook failed: {error or 'it took too long'}."}
        for task in tasks:
            for _ in range(2):
                if sandbox is None:
                    sandbox, used = maker(), False
                    sandbox.hand_over(data, wanted)
                result, sound = _mark_task(assignment, student, task, found.get(task.id), sandbox)
                again = not sound and used  # an earlier task may be what broke it
                used = True
                if not sound:
                    sandbox.close()
                    sandbox = None
                if not again:
                    break
            marks["tasks"][task.id] = result
    except (Died, OverTime) as error:
        return marks | {"problem": f"Reading the notebook failed: {error or 'it took too long'}."}
    finally:
        if sandbox is not None:
            sandbox.close()
    return json.loads(json.dumps(marks))


def _wanted(task: Task) -> dict:
    """What the inside looks for."""
    name = registry.exercise(task.exercise).function if task.kind == "code" else own_tasks.variable(task.id)
    return {"kind": task.kind, "exercise": task.exercise, "name": name}


def _mark_task(
    assignment: Assignment, student: str, task: Task, found: dict | None, sandbox: Sandbox
) -> tuple[dict, bool]:
    """The mark of one task, and whether the sandbox is still sound."""
    result = {"status": "missing", "share": 0.0, "text": "", "misconception": None, "source": "", "cell": None}
    result |= {"flags": [], "likeness": None}
    if found is None:
        name = own_tasks.variable(task.id)
        what = f"no function `{registry.exercise(task.exercise).function}`" if task.kind == "code" else f"no `{name}`"
        what = f"no place for the answer to {task.id}" if task.kind == "written" else what
        return result | {"text": f"There is {what} in this notebook."}, True
    result |= {key: found[key] for key in ("source", "cell", "flags", "likeness")}
    if task.kind == "written":
        state = "not attempted" if found["stub"] else "to be marked"
        return result | {"status": state, "text": "Nothing is written there." * found["stub"]}, True
    if found["problem"]:
        return result | {"status": "raised", "text": f"This cannot be read: {found['problem']}."}, True
    if found["stub"]:
        return result | {"status": "not attempted", "text": "It is as it was handed out."}, True
    if task.kind != "code":
        verdict, flags = own_tasks.judge(assignment, student, task, json.loads(found["likeness"]))
        result["likeness"] = None
        return result | _as_dict(verdict) | {"flags": [*result["flags"], *flags]}, True
    exercise = registry.exercise(task.exercise)
    try:
        sandbox.send({"define": task.id, "seconds": SECONDS})
        reply = sandbox.receive(WAIT)
    except (Died, OverTime) as error:
        why = str(error) or f"the cells it needs took more than {WAIT:.0f} seconds"
        return result | {"status": "stopped", "text": f"It was stopped while it was defined: {why}."}, False
    if "error" in reply:
        outcome = _failed(reply["error"])
        where = f"\n\n    {outcome.line[1]}" if outcome.line else ""
        text = f"Defining it stopped with an error:\n\n    {outcome.said}{where}"
        return result | {"status": "raised", "text": text}, True
    if not reply.get("defined"):
        kind = str(reply.get("type"))[:80]
        return result | {"status": "wrong", "text": f"`{found['name']}` is no function, but of type {kind}."}, True
    remote = Remote(sandbox, str(found["name"]), str(found["source"]))
    verdict = exercise.judge(remote, assignment.seed(task.id), run=_call, seconds=WAIT)
    judged = result | _as_dict(verdict)
    if remote.gone:
        judged["status"] = "stopped"
    return judged, not remote.gone and judged["status"] != "raised"


def _as_dict(verdict: Verdict) -> dict:
    share = 1.0 if verdict.status == "passed" else min(verdict.share, 0.999)
    return {
        "status": verdict.status,
        "share": round(share, 6),
        "text": verdict.text,
        "misconception": verdict.misconception,
    }
