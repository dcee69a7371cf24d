"""Hand-ins that attack: none gains a point, hurts another hand-in, or survives."""

import os
import socket
import textwrap
import time

import psutil
import pytest

from tests.homework.conftest import notebook
from tools.homework import judge, sandbox

RIGHT = "import numpy as np\ndef relu(X):\n    return np.maximum(X, 0)"
DENSE = "def dense_forward(X, W, b):\n    return X @ W + b"

# What stands in a cell of its own before a relu that is wrong, or in it. {place} is a file or folder of the instructor.
ATTACKS = {
    "read the exercises": """
        def relu(X):
            import sys
            sys.path.insert(0, "{course}")
            text = open("{course}/helpers/exercises/chapter02.py").read()
            from helpers.exercises import chapter02
            return chapter02.EXERCISES[0].reference(X)""",
    "read the tests": """
        def relu(X):
            exec(open("{course}/tests/exercises/right_answers/chapter02.py").read(), globals())
            return RIGHT["2.3"][0](X)""",
    "call the reference": """
        from helpers.nn import relu as theirs
        def relu(X):
            return theirs(X)""",
    "take the reference's source": """
        def relu(X):
            import inspect, helpers.nn.activations as module
            space = dict(vars(module))
            exec(inspect.getsource(module.relu), space)
            return space["relu"](X)""",
    "read other hand-ins and the marks": """
        def relu(X):
            import os, numpy as np
            for folder, _, names in os.walk("/"):
                for name in names if "-packages" not in folder else ():
                    if name.endswith(".ipynb") or name in ("secret.key", "class.json", "assignment.toml"):
                        return np.maximum(X, 0)  # it got where it should not
            raise FileNotFoundError""",
    "read the key by its path": """
        def relu(X):
            import numpy as np
            open("{place}/secret.key").read()
            return np.maximum(X, 0)""",
    "read the passwords": """
        def relu(X):
            import numpy as np
            open("/etc/passwd").read()
            return np.maximum(X, 0)""",
    "read the environment": """
        def relu(X):
            import os, numpy as np
            if any("SECRET" in name for name in os.environ):
                return np.maximum(X, 0)
            raise KeyError""",
    "connect to a socket": """
        def relu(X):
            import socket, numpy as np
            socket.create_connection(("127.0.0.1", {port}), 2).send(b"exam")
            return np.maximum(X, 0)""",
    "connect to an abstract socket": """
        def relu(X):
            import socket, numpy as np
            s = socket.socket(socket.AF_UNIX)
            s.connect("\\0course-attack-{pid}")
            return np.maximum(X, 0)""",
    "ask the network for a name": """
        def relu(X):
            import socket, numpy as np
            socket.getaddrinfo("example.org", 80)
            return np.maximum(X, 0)""",
    "write into the home folder": """
        def relu(X):
            import os, numpy as np
            open("{home}/written_by_student", "w").write("was here")
            return np.maximum(X, 0)""",
    "edit the marks": """
        def relu(X):
            import os, numpy as np
            os.makedirs("{place}/marks", exist_ok=True)
            open("{place}/marks/s001.json", "w").write("full marks")  # in the sandbox's own /tmp, if there
            return X""",
    "change the judge on disk": """
        def relu(X):
            import numpy as np
            open("/judge/wire.py", "a").write("#")
            return np.maximum(X, 0)""",
    "write beside the libraries": """
        def relu(X):
            import numpy as np
            open(np.__file__, "a").write("#")
            return np.maximum(X, 0)""",
    "become root": """
        def relu(X):
            import os, numpy as np
            os.setuid(0)
            if os.path.exists("{place}"):
                return np.maximum(X, 0)
            raise PermissionError""",
    "mount over the system": """
        def relu(X):
            import ctypes, numpy as np
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.mount(b"none", b"/usr", b"tmpfs", 0, None):
                raise PermissionError
            return np.maximum(X, 0)""",
    "fork bomb": """
        import os
        def relu(X):
            while True:
                os.fork()""",
    "memory bomb": """
        import numpy as np
        def relu(X):
            hoard = []
            while True:
                hoard.append(np.ones(10_000_000))""",
    "memory bomb in many processes": """
        import os, time, numpy as np
        def relu(X):
            for _ in range(8):
                if os.fork() == 0:
                    hoard = [np.ones(90_000_000) for _ in range(4)]
                    time.sleep(60)
            time.sleep(60)""",
    "disk bomb": """
        def relu(X):
            import numpy as np
            for k in range(40):
                with open(f"/tmp/{{k}}", "wb") as file:
                    file.write(bytes(10_000_000))
            return np.maximum(X, 0)""",
    "disk bomb in shared memory": """
        def relu(X):
            import numpy as np
            for k in range(40):
                with open(f"/dev/shm/{{k}}", "wb") as file:
                    file.write(bytes(10_000_000))
            return np.maximum(X, 0)""",
    "endless printing": """
        def relu(X):
            while True:
                print("x" * 100_000)""",
    "endless output into every open file": """
        import os
        def relu(X):
            while True:
                for number in range(3, 30):
                    try:
                        os.write(number, b"y" * 1_000_000)
                    except OSError:
                        pass""",
    "endless loop that swallows everything": """
        import signal
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        def relu(X):
            while True:
                try:
                    while True:
                        pass
                except BaseException:
                    pass""",
    "sleep": """
        import time
        def relu(X):
            time.sleep(1000)""",
    "patch numpy": """
        import numpy as np
        np.array_equal = np.allclose = np.isclose = lambda *a, **k: True
        np.abs = np.max = lambda *a, **k: 0
        def relu(X):
            return X""",
    "patch the builtins": """
        import builtins
        builtins.abs = builtins.max = lambda *a, **k: 0
        builtins.all = builtins.any = lambda *a: True
        def relu(X):
            return X""",
    "replace the judge's parts": """
        import sys, numpy as np
        for name in ("wire", "handin", "__main__"):
            module = sys.modules[name]
            for key in list(vars(module)):
                if callable(getattr(module, key)) and key in ("pack", "compare", "judge"):
                    setattr(module, key, lambda *a, **k: True)
        def relu(X):
            return X""",
    "an object with a lying ==": """
        class Right:
            shape, dtype, size, ndim = (), float, 1, 0
            def __eq__(self, other): return True
            def __sub__(self, other): return 0
            def __le__(self, other): return True
            def __array_function__(self, *args): return True
        def relu(X):
            return Right()""",
    "an array with a lying ==": """
        import numpy as np
        class Right(np.ndarray):
            def __eq__(self, other): return np.ones(self.shape, bool)
            def __array_ufunc__(self, *args, **kwargs): return np.zeros(self.shape)
        def relu(X):
            return X.view(Right)""",
    "an object that runs code when it is unpickled": """
        class Bomb:
            def __reduce__(self):
                import os
                return os.system, ("touch {place}/pickled",)
        def relu(X):
            return Bomb()""",
    "a result without end": """
        class Endless(list):
            def __iter__(self):
                while True:
                    yield 1.0
        def relu(X):
            return Endless([1.0])""",
    "a result nested without end": """
        def relu(X):
            inner = []
            inner.append(inner)
            return inner""",
    "a result of gigabytes": """
        import numpy as np
        def relu(X):
            return np.broadcast_to(np.ones(1), (100_000, 100_000))""",
    "an integer with a million digits": """
        def relu(X):
            return 10 ** 3_000_000""",
    "forge the judge's messages": """
        import gc, json, os
        def relu(X):
            for thing in gc.get_objects():
                if type(thing).__name__ == "Judge":
                    thing.send(status="passed", share=1.0, value=True, verdict="passed")
            return X""",
    "forge a mark without the token": """
        import json, os
        line = json.dumps({{"status": "passed", "share": 1.0, "token": ""}}) + "\\n"
        for number in range(3, 30):
            try:
                os.write(number, line.encode())
            except OSError:
                pass
        def relu(X):
            return X""",
    "print a mark": """
        print('{{"status": "passed", "share": 1.0}}')
        def relu(X):
            return X""",
    "kill everybody": """
        import os, signal
        def relu(X):
            os.kill(-1, signal.SIGKILL)""",
    "kill the parents": """
        import os, signal
        def relu(X):
            for number in (os.getppid(), 1, {pid}):
                try:
                    os.kill(number, signal.SIGKILL)
                except OSError:
                    pass
            return X""",
    "trace the judge": """
        def relu(X):
            import ctypes, numpy as np
            libc = ctypes.CDLL(None)
            if libc.ptrace(16, {pid}, 0, 0):
                raise PermissionError
            return np.maximum(X, 0)""",
    "end the process": """
        import os
        def relu(X):
            os._exit(0)""",
    "end the process while it is defined": """
        import os
        os._exit(0)
        def relu(X, end=os._exit(0)):
            return X""",
    "crash the interpreter": """
        import ctypes
        def relu(X):
            ctypes.string_at(0)""",
    "right for the inputs of the notebook's own check alone": """
        import numpy as np
        known = {{(2, 3), (3,), (4,), (5,)}}
        def relu(X):
            relu.calls = getattr(relu, "calls", 0) + 1
            return np.maximum(X, 0) if relu.calls <= 2 else X""",
    "change the result after it was given back": """
        import threading, numpy as np
        def relu(X):
            Y = X.copy()
            def later():
                Y[...] = np.maximum(X, 0)
            threading.Timer(0.2, later).start()
            return Y""",
    "change the arguments": """
        import numpy as np
        def relu(X):
            X[...] = np.maximum(X, 0)
            return X""",
    "not a number everywhere": """
        import numpy as np
        def relu(X):
            return np.full(np.shape(X), np.nan)""",
}


def attack(name: str, homework, port: int) -> str:
    code = textwrap.dedent(ATTACKS[name])
    course = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return code.format(place=homework.folder, course=course, port=port, pid=os.getpid(), home=os.path.expanduser("~"))


@pytest.fixture
def listener():
    """A port of this machine that must never be reached, over the network and as an abstract socket."""
    with socket.socket() as net, socket.socket(socket.AF_UNIX) as abstract:
        net.bind(("127.0.0.1", 0))
        net.listen()
        abstract.bind(f"\0course-attack-{os.getpid()}")
        abstract.listen()
        for each in (net, abstract):
            each.setblocking(False)
        yield net
        for each in (net, abstract):
            with pytest.raises(BlockingIOError):  # nobody came
                each.accept()


def strays(slot: int) -> list[psutil.Process]:
    """Processes of a sandbox that still run: by the user id that root drops to, or by what they execute."""
    found = []
    for process in psutil.process_iter():
        try:
            dropped = os.getuid() == 0 and process.uids().real == sandbox.FIRST_USER + slot
            if dropped or f"worker-{slot}" in process.cmdline():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gains_nothing_and_leaves_nothing(name, homework, maker, slot, listener, monkeypatch):
    monkeypatch.setattr(judge, "SECONDS", 2)
    monkeypatch.setattr(judge, "WAIT", 5.0)
    monkeypatch.setenv("SECRET_OF_THE_GRADER", "1")
    before = {path: path.read_bytes() for path in homework.folder.rglob("*") if path.is_file()}
    hostile = notebook(attack(name, homework, listener.getsockname()[1]), DENSE)
    marks = judge.mark(homework, "s001", hostile, maker)
    assert marks["problem"] is None
    task = marks["tasks"]["2.3"]
    assert task["status"] in ("wrong", "raised", "stopped"), task
    assert task["share"] < 1
    assert task["text"], "a reason is given"
    # the student's other, honest answer still counts, and so does everybody else's
    assert marks["tasks"]["2.4"]["status"] == "passed"
    other = judge.mark(homework, "s002", notebook(RIGHT), maker)
    assert other["tasks"]["2.3"]["status"] == "passed"
    # nothing of it is left
    end = time.monotonic() + 5
    while strays(slot) and time.monotonic() < end:
        time.sleep(0.05)
    assert strays(slot) == []
    assert {path: path.read_bytes() for path in homework.folder.rglob("*") if path.is_file()} == before
    assert not os.path.exists(os.path.expanduser("~/written_by_student"))


def test_what_passes_is_no_accident(homework, maker):
    """The same frame with a right answer gets its points: the attacks above fail because they are attacks."""
    marks = judge.mark(homework, "s001", notebook(RIGHT, DENSE), maker)
    assert [marks["tasks"][id]["status"] for id in ("2.3", "2.4", "2.7")] == ["passed", "passed", "missing"]


def test_a_process_left_behind_ends_with_its_hand_in(homework, maker, slot):
    code = """
        import os, time, numpy as np
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(1)
                open("/tmp/late", "w").write("still here")
                time.sleep(1000)
            os._exit(0)
        def relu(X):
            return np.maximum(X, 0)"""
    marks = judge.mark(homework, "s001", notebook(textwrap.dedent(code)), maker)
    assert marks["tasks"]["2.3"]["status"] in ("passed", "stopped")
    end = time.monotonic() + 5
    while strays(slot) and time.monotonic() < end:
        time.sleep(0.05)
    assert strays(slot) == []


def test_source_that_breaks_the_parser_costs_only_itself(homework, maker):
    deep = "def relu(X):\n    return " + "(" * 50_000 + "X" + ")" * 50_000
    marks = judge.mark(homework, "s001", notebook(deep, DENSE), maker)
    assert marks["problem"] or marks["tasks"]["2.3"]["status"] != "passed"
    assert judge.mark(homework, "s002", notebook(RIGHT), maker)["tasks"]["2.3"]["status"] == "passed"


@pytest.mark.skipif(os.getuid() != 0, reason="only root has rights to drop")
def test_root_runs_nothing_of_a_student_as_root(homework, maker):
    code = "import os, numpy as np\ndef relu(X):\n    return np.maximum(X, 0) if os.getuid() >= 60001 else X"
    assert judge.mark(homework, "s001", notebook(code), maker)["tasks"]["2.3"]["status"] == "passed"


def test_without_a_sandbox_marking_refuses_and_says_what_unsafe_means(monkeypatch):
    monkeypatch.setattr(sandbox, "_missing", lambda: "there is no bubblewrap (bwrap).")
    with pytest.raises(sandbox.Problem, match="(?s)there is no bubblewrap.*--unsafe it runs as yourself"):
        sandbox.require()
