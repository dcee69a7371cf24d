"""Runs inside the sandbox: reads one notebook, runs its answers on the inputs it is sent, sends back values.

From the first line of the student's code on, this process is theirs: it may say anything. Only values leave it, as
JSON, and what they should be is known outside alone.
"""

import contextlib
import io
import json
import linecache
import os
import sys
import traceback
import types
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
SITE = sys.argv[1]
sys.path[:0] = [HERE]
sys.path.append(SITE)

import handin  # noqa: E402
import numpy as np  # noqa: E402 - the path comes first
import wire  # noqa: E402


class Page(io.TextIOBase):
    """Keeps the first characters of what is printed and drops the rest."""

    def __init__(self) -> None:
        self.kept = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.kept += text[: max(0, 400 - len(self.kept))]
        return len(text)


class Judge:
    """The line to the outside: one JSON object a line, each with the token of this hand-in."""

    def __init__(self) -> None:
        self.hear, self.say = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", 0)
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        self.token, self.number = "", 0

    def send(self, **message) -> None:
        data = wire.line(dict(message, token=self.token, number=self.number))
        while data:
            data = data[self.say.write(data) :]

    def next(self) -> dict:
        text = self.hear.readline()
        if not text:
            sys.exit()
        message = json.loads(text)
        self.number = message["number"]
        return message


def answer_facts(answer: handin.Answer | None) -> dict | None:
    """What the outside learns of an answer before anything is run."""
    if answer is None:
        return None
    return {
        "name": answer.name,
        "cell": answer.cell,
        "source": answer.source,
        "stub": answer.stub,
        "flags": answer.flags,
        "likeness": answer.likeness,
        "problem": answer.problem,
    }


def find_all(notebook: handin.Handin, tasks: dict) -> dict:
    """Task -> answer, of every kind of task."""
    found = {}
    for id, task in tasks.items():
        if task["kind"] == "code":
            found[id] = notebook.function(task["exercise"], task["name"])
        elif task["kind"] == "written":
            found[id] = notebook.written(id)
        else:
            found[id] = notebook.value(task["name"])
    return found


def define(answer: handin.Answer) -> object:
    """Run the statements that an answer needs in a namespace of its own; return what bears its name."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    for unit in answer.units:
        name = f"<cell {unit.cell.number}>"
        text = unit.cell.text
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        tree = handin.ast.Module([unit.node], [])
        exec(compile(tree, name, "exec", dont_inherit=True), module.__dict__)  # what this sandbox is for
    return module.__dict__[answer.name]


def told(error: BaseException, function: object) -> dict:
    """What Python said, and the student's own line."""
    try:
        said = f"{type(error).__name__}: {error}"[:600]
    except Exception:
        said = "an error that cannot be shown"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith("<cell ")]
    line = None
    if frames:
        code = getattr(function, "__code__", None)
        first = code.co_firstlineno if code and code.co_filename == frames[-1].filename else frames[-1].lineno
        line = [max(1, frames[-1].lineno - first + 1), (frames[-1].line or "").strip()[:200]]
    return {"said": said, "kind": type(error).__name__, "line": line}


def run(judge: Judge, function: object, packed: list) -> None:
    """One call on fresh arguments; its value, or what went wrong, goes out."""

    def reach(k: int):
        """A function among the arguments is called outside."""

        def given(*args):
            judge.send(callback=k, args=[wire.pack(arg) for arg in args])
            reply = judge.next()
            if "error" in reply:
                raise ValueError(reply["error"])
            return wire.unpack(reply["value"])

        return given

    page, reply = Page(), {}
    args = [wire.unpack(arg, reach) for arg in packed]
    try:
        with contextlib.redirect_stdout(page), contextlib.redirect_stderr(page):
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = function(*args)
        reply["value"] = wire.pack(value)
    except BaseException as error:
        reply["error"] = told(error, function)
    functions = []
    now = [wire.pack(arg, functions) for arg in args]
    reply["drawn"] = {k: now[k] for k, a in enumerate(args) if isinstance(a, np.random.Generator)}
    reply["changed"] = [
        k for k, (a, b) in enumerate(zip(now, packed, strict=True)) if "rng" not in str(b)[:8] and a != b
    ]
    judge.send(printed=page.kept, **reply)


def limit(seconds: int) -> None:
    """From now on the process may compute for so many seconds; then the system ends it."""
    try:
        import resource
    except ImportError:  # Windows: the outside watches the clock
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def main() -> None:
    """Ready; one notebook; then definitions and calls until the line is cut."""
    judge = Judge()
    judge.send(ready=True)
    job = judge.next()
    judge.token = job["token"]
    data = judge.hear.read(job["bytes"])
    try:
        notebook = handin.Handin(data)
        found = find_all(notebook, job["tasks"])
    except (ValueError, RecursionError, MemoryError) as error:
        judge.send(problem=str(error) or type(error).__name__)
        return
    del data
    facts = {id: answer_facts(answer) for id, answer in found.items()}
    judge.send(found=facts, notes=notebook.notes[:50], stamp=handin.stamp(notebook.cells))
    function = None
    while True:
        message = judge.next()
        if "define" in message:
            function, page = None, Page()
            limit(message["seconds"])
            try:
                with contextlib.redirect_stdout(page), contextlib.redirect_stderr(page):
                    function = define(found[message["define"]])
                judge.send(defined=callable(function), type=type(function).__name__)
            except BaseException as error:
                judge.send(error=told(error, None))
        else:
            run(judge, function, message["call"])


main()
