"""Marks rest on values: right answers of every style pass in the sandbox, damage is read through, reasons are given."""

import importlib
import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.exercises import registry
from helpers.exercises.handin import Handin, likeness
from tests.exercises.right_answers import RIGHT
from tests.homework.conftest import notebook
from tools.chapter import COURSE
from tools.homework import judge, kit, preview, release, sandbox, wire
from tools.homework.assignment import Assignment, Student, Task

BUILD = COURSE / "build" / "homework"
EVERY = [(number, id) for number in registry.chapters() for id in registry.exercises(number)]


def mark(folder, tasks, data, slot, chapter) -> dict:
    assignment = Assignment(folder, "hw", chapter, tuple(Task(id, 1) for id in tasks), bytes(32), (Student("s1"),))
    made = kit.make(assignment.tasks, BUILD)
    return judge.mark(assignment, "s1", data, lambda: sandbox.Sandbox(made, slot))


@pytest.mark.parametrize(("number", "id"), EVERY, ids=[id for _, id in EVERY])
def test_a_right_answer_in_any_style_gets_full_marks(number, id, tmp_path, locked, slot):
    """Each of the right answers in tests/exercises/right_answers, three at least, with the seed of the marks."""
    source = inspect.getsource(importlib.import_module(f"tests.exercises.right_answers.chapter{number}"))
    assert len(RIGHT[id]) >= 3
    for answer in RIGHT[id]:
        cells = (source, f'{registry.exercise(id).function} = check("{id}", {answer.__name__})')
        marks = mark(tmp_path, [id], notebook(*cells), slot, number)
        got = marks["tasks"][id]
        assert (got["status"], got["share"]) == ("passed", 1.0), (answer.__name__, got["text"])


@pytest.mark.parametrize("number", registry.chapters())
def test_the_course_s_own_answers_pass_in_its_own_notebook(number, tmp_path, locked, slot):
    ids = list(registry.exercises(number))
    assignment = Assignment(tmp_path, "hw", number, tuple(Task(id, 1) for id in ids), bytes(32))
    path = release.release(assignment)[0]
    full = preview.answered(json.loads(path.read_text(encoding="utf-8")), assignment, release.NOBODY)
    marks = mark(tmp_path, ids, json.dumps(full).encode(), slot, number)
    assert {id: task["status"] for id, task in marks["tasks"].items()} == dict.fromkeys(ids, "passed")
    assert marks["notes"] == []


def relu(*sources: str, tmp_path, slot) -> dict:
    return mark(tmp_path, ["2.3"], notebook(*sources), slot, "02")["tasks"]["2.3"]


GOOD = "import numpy as np\ndef relu(X):\n    return np.maximum(X, 0)"
STUB = 'def relu(X):\n    """To do."""\n    ...\n\nrelu = check("2.3", relu)'


@pytest.mark.parametrize(
    ("sources", "status"),
    [
        (["from numpy import maximum as larger", "def relu(X):\n    return larger(X, 0)"], "passed"),
        (["import numpy as np", "zero = 0", "def relu(X):\n    return np.maximum(X, zero)"], "passed"),
        (["def half(X):\n    return abs(X) / 2", "def relu(X):\n    return half(X) + X / 2"], "passed"),
        ([GOOD, STUB], "passed"),
        ([STUB, GOOD], "passed"),
        (["def relu(X):\n    return X", GOOD], "passed"),
        ([GOOD, "def relu(X):\n    return X"], "wrong"),
        (["import numpy as np", 'relu = check("2.3", lambda X: np.maximum(X, 0))'], "passed"),
        (["import numpy as np\ndef mine(X):\n    return X * (X > 0)", 'relu = check("2.3", mine)'], "passed"),
        ([GOOD, "relu = nothing(relu)"], "raised"),
        (["%matplotlib inline\n!pip install x\n" + GOOD + "\nrelu?"], "passed"),
        (["%%bash\nrm -rf /", GOOD], "passed"),
        (["if True:\n    import numpy as np\n    def relu(X):\n        return np.maximum(X, 0)"], "passed"),
        (["class Net:\n    def relu(self, X):\n        return X"], "missing"),
        (["import numpy as np\nfrom numpy import *\ndef relu(X):\n    return maximum(X, 0)"], "passed"),
        (["data = load('chest_ct')\nX = data.images", GOOD], "passed"),
        (["# only a comment"], "missing"),
        ([STUB], "not attempted"),
        (["def relu(X):\n    raise NotImplementedError"], "not attempted"),
        (["relu = 3"], "wrong"),
        (["def relu(X):\n\treturn X * (X > 0)\n        "], "passed"),
        (["x = [1,\n", "2]", GOOD], "passed"),
        (["print 'old'", GOOD], "passed"),
        (["def relu(X):", "    return X * (X > 0)"], "passed"),
    ],
)
def test_the_function_is_found_in_the_source_wherever_it_went(sources, status, tmp_path, locked, slot):
    got = relu(*sources, tmp_path=tmp_path, slot=slot)
    assert got["status"] == status, got
    assert got["text"] or status == "passed"


@pytest.mark.parametrize(
    ("source", "flag"),
    [
        ("from scipy.special import expit\ndef relu(X):\n    return expit(X)", "only calls expit of scipy"),
        ("from tensorflow import nn\ndef relu(X):\n    return nn.relu(X)", "only calls nn.relu of tensorflow"),
        ("def relu(X):\n    return eval('X * (X > 0)')", "uses eval, which the task does not ask for"),
        ("import os\ndef relu(X):\n    return X if os else 0", "uses os, which the task does not ask for"),
    ],
)
def test_what_a_person_should_look_at_is_flagged(source, flag):
    answer = Handin(notebook(source)).function("2.3", "relu")
    assert answer.flags == [flag]


def test_calling_numpy_is_no_flag():
    assert Handin(notebook(GOOD)).function("2.3", "relu").flags == []


def test_likeness_sees_through_names_and_layout_but_not_through_another_idea():
    import ast

    one = (
        "def f(X, K):\n    Y = X[1:] * K\n    total = Y.sum(axis=0) / len(K)\n    for i in range(3):\n"
        "        Y[i] = (X[i:i + 3] * K).sum() - total\n    return Y"
    )
    same = one.replace("Y", "out").replace("def f(X, K):", "def f(X, K):\n    '''Doc.'''  # note")
    other = one.replace("range(3)", "range(len(X))")
    codes = [likeness(ast.parse(text).body[0]) for text in (one, same, other)]
    assert codes[0] is not None
    assert codes[0] == codes[1] != codes[2]
    assert likeness(ast.parse("def f(x):\n    return max(x, 0)").body[0]) is None


def test_partly_right_gets_its_share(tmp_path, locked, slot):
    source = "import numpy as np\ndef relu(X):\n    return np.maximum(X, 0) if X.ndim < 3 else X"
    got = relu(source, tmp_path=tmp_path, slot=slot)
    assert got["status"] == "wrong"
    assert 0 < got["share"] < 1


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b"not json", b"\xff\xfe\x00", b'{"cells": 3}', b"\x00" * 1000]
)
def test_a_file_that_is_no_notebook_gets_a_reason(data, tmp_path, locked, slot):
    marks = mark(tmp_path, ["2.3"], data, slot, "02")
    assert "no cell in this file" in marks["problem"]
    assert marks["tasks"] == {}


def test_json_nested_without_end_is_survived(tmp_path, locked, slot):
    marks = mark(tmp_path, ["2.3"], b'{"cells": ' + b"[" * 200_000, slot, "02")
    assert marks["problem"]


def test_an_old_notebook_is_read(tmp_path, locked, slot):
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": GOOD.splitlines(True)}]}], "nbformat": 3}
    assert mark(tmp_path, ["2.3"], json.dumps(old).encode(), slot, "02")["tasks"]["2.3"]["status"] == "passed"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_common_encoding_is_read(encoding):
    text = notebook("name = 'Öz 李'", GOOD).decode()
    assert Handin(text.encode(encoding)).function("2.3", "relu").cell == 2


def test_an_untouched_answer_is_told_from_a_missing_one():
    cells = [{"cell_type": "markdown", "metadata": {}, "source": "**Your answer to 3.4w:**\n\n..."}]
    data = {"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}
    assert Handin(json.dumps(data).encode()).written("3.4w").stub
    cells[0]["source"] = "**your answer to 3.4w**\nBecause 2p is even."
    assert Handin(json.dumps(data).encode()).written("3.4w").source == "Because 2p is even."
    assert Handin(json.dumps(data).encode()).written("3.5w") is None


def test_values_travel_whole():
    import numpy as np

    rng = np.random.default_rng(3)
    values = [None, True, 3, 2**80, 0.1, float("inf"), "ö", b"\x00", (1, [2.0]), {"a": [1], 2: "b"}, np.float32(0.1)]
    values += [np.arange(6, dtype=np.int16).reshape(2, 3), np.array(["a", "bc"]), np.zeros((0, 3)), np.array(True)]
    for value in values:
        back = wire.unpack(json.loads(wire.line({"value": wire.pack(value)}))["value"])
        assert type(back) is type(value)
        if isinstance(value, np.ndarray):
            assert (back.dtype, back.shape) == (value.dtype, value.shape)
            assert (back == value).all()
        else:
            assert back == value
    again = wire.unpack(json.loads(json.dumps(wire.pack(rng))))
    assert again.random() == rng.random()
    assert np.isnan(wire.unpack(wire.pack(float("nan"))))
    assert type(wire.unpack(wire.pack(object()))).__name__ == "object"


@pytest.mark.parametrize(
    "data", [{}, [], {"array": "AAAA", "dtype": "O", "shape": [1]}, {"array": "", "dtype": "<f8", "shape": [-1]},
             {"code": "x"}, {"array": "AAAA", "dtype": "<f8", "shape": [10**9]}, {"list": [[]]}],
)  # fmt: skip
def test_what_was_never_packed_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        wire.unpack(data)


def test_in_the_sandbox_there_are_no_exercises_and_no_answers(tmp_path):
    folder = kit.make((Task("3.2", 1), Task("3.4", 1)), tmp_path)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}
    assert {name for name in names if "exercises" in name} == {"helpers/exercises/__init__.py"}
    assert not any("test" in name or name.startswith("tools") for name in names)
    code = "from helpers import nn\nfrom helpers.nn import columns\nimport numpy as np\n"
    code += "print(columns(np.ones((1, 4, 4, 1)), (3, 3), 1, 0, 1).shape)\n"  # it uses output_size inside
    code += "for f in (nn.conv2d_loops, nn.output_size):\n    try:\n        f(5, 3)\n"
    code += "    except RuntimeError as error:\n        print(error)"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "(1, 2, 2, 9)",
        "conv2d_loops is what this task asks you to write",
        "output_size is what this task asks you to write",
    ], done.stderr


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="only root can become an ordinary user")
def test_an_ordinary_user_can_mark(tmp_path, locked):
    """In a user name space; there the limit on processes holds, and root's own way is not needed."""
    python = shutil.which("python3", path="/usr/bin")
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    if python is None or version not in os.path.realpath(python):
        pytest.skip(f"the system's Python is not {version}, and the one that runs here may be closed to others")
    folder = Path("/tmp") / f"ordinary-{os.getpid()}"
    try:
        subprocess.run([python, "-m", "venv", "--without-pip", folder / "env"], check=True)
        site = folder / "env" / "lib" / version / "site-packages"
        site.rmdir()
        site.symlink_to(os.path.dirname(os.path.dirname(pytest.__file__)))
        for name in ("helpers", "tools", "tests", "chapters"):
            shutil.copytree(COURSE / name, folder / name, ignore=shutil.ignore_patterns("*.ipynb", "__pycache__"))
        shutil.copy(COURSE / "pyproject.toml", folder)
        code = (
            "from pathlib import Path\nfrom tests.homework.test_judge import mark, notebook\n"
            "source = 'import os, numpy as np\\ndef relu(X):\\n    return np.maximum(X, 0) if os.getuid() else X'\n"
            "bomb = 'def dense_forward(X, W, b):\\n    import os\\n    while True: os.fork()'\n"
            "marks = mark(Path('.'), ['2.3', '2.4'], notebook(source, bomb), 0, '02')['tasks']\n"
            "print(marks['2.3']['status'], marks['2.4']['status'])"
        )
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
        subprocess.run(["chown", "-R", "60099:60099", folder], check=True)
        command = ["setpriv", "--reuid", "60099", "--regid", "60099", "--clear-groups"]
        variables = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [*command, folder / "env" / "bin" / "python", "-c", code],
            cwd=folder,
            env=variables,
            capture_output=True,
            text=True,
        )
        if "Permission denied" in done.stderr and "site-packages" in done.stderr:
            pytest.skip("the packages of this environment are closed to other users")
        assert done.stdout.split() in (["passed", "raised"], ["passed", "stopped"]), done.stderr[-2000:]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
