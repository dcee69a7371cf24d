"""A class that hands in chapter 03: right, wrong, unfinished and damaged notebooks, and what each must get."""

import json
import random
from dataclasses import dataclass, field
from pathlib import Path

from tools.homework import release
from tools.homework.assignment import Assignment

# Task -> kind of answer -> source; a wrong one bears the name of its misconception.
ANSWERS = {
    "3.2": {
        "passed": """
def conv2d_loops(X, K):
    rows, cols = X.shape[0] - K.shape[0] + 1, X.shape[1] - K.shape[1] + 1
    Y = np.zeros((rows, cols))
    for i in range(rows):
        for j in range(cols):
            Y[i, j] = np.sum(X[i:i + K.shape[0], j:j + K.shape[1]] * K)
    return Y""",
        "kernel turned": """
def conv2d_loops(X, K):
    K = K[::-1, ::-1]
    Y = np.zeros((X.shape[0] - len(K) + 1, X.shape[1] - len(K) + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = np.sum(X[i:i + len(K), j:j + len(K)] * K)
    return Y""",
        "raised": """
def conv2d_loops(X, K):
    return X @ K @ nothing""",
    },
    "3.4": {
        "passed": """
def output_size(size, kernel_size, stride=1, padding=0, dilation=1):
    reach = (kernel_size - 1) * dilation + 1
    return (size + 2 * padding - reach) // stride + 1""",
        "dilation forgotten": """
def output_size(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - kernel_size) // stride + 1""",
    },
    "3.7": {
        "passed": """
def max_pool2d(X, size=2, stride=2):
    N, H, W, C = X.shape
    rows, cols = (H - size) // stride + 1, (W - size) // stride + 1
    Y = np.empty((N, rows, cols, C), X.dtype)
    for i in range(rows):
        for j in range(cols):
            Y[:, i, j] = X[:, i * stride:i * stride + size, j * stride:j * stride + size].max(axis=(1, 2))
    return Y""",
        "stopped": """
def max_pool2d(X, size=2, stride=2):
    while True:
        size += 1""",
    },
    "3.8": {
        "passed": """
def receptive_field(layers):
    field, step = 1, 1
    for size, stride in layers:
        field, step = field + (size - 1) * step, step * stride
    return field""",
    },
}
DAMAGES = (
    "duplicated cells", "lost metadata", "split cells", "renamed file", "truncated", "Windows line ends",
    "Python 2 print", "80 MB outputs", "another chapter",
)  # fmt: skip


@dataclass
class Expected:
    """What a student must get: the status of each task, the misconceptions, and the damage that was done."""

    damage: str = ""
    status: dict[str, str] = field(default_factory=dict)
    misconceptions: dict[str, str] = field(default_factory=dict)


def hand_in(assignment: Assignment, folder: Path, seed: int = 0, damages: int = len(DAMAGES), huge: int = 80_000_000):
    """Release to all students of `assignment`, let them answer, write their files into `folder`; id -> Expected."""
    rng, expected = random.Random(seed), {}
    folder.mkdir(parents=True)
    paths = {path.stem.rsplit("_", 1)[1]: path for path in release.release(assignment)}
    for number, student in enumerate(assignment.students):
        notebook = json.loads(paths[student.id].read_text(encoding="utf-8"))
        due = Expected(DAMAGES[number % len(DAMAGES)] if number < damages else "")
        for task in assignment.tasks:
            kinds = [kind for kind in ANSWERS[task.id] if kind != "stopped" or rng.random() < 0.2]
            kind = "passed" if due.damage or rng.random() < 0.6 else rng.choice([*kinds, "not attempted"])
            if kind != "not attempted":
                _write(notebook, task.id, ANSWERS[task.id][kind])
            known = kind in ("passed", "raised", "stopped", "not attempted")
            due.status[task.id] = kind if known else "wrong"
            if not known:
                due.misconceptions[task.id] = kind
        data, name = damaged(notebook, due, paths[student.id].name, huge)
        (folder / name).write_bytes(data)
        expected[student.id] = due
    return expected


def _write(notebook: dict, task: str, source: str) -> None:
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code" and f'check("{task}"' in text:
            call = text[text.index("\n", text.rindex("...")) :].strip()
            cell["source"] = f"{source.strip()}\n\n{call}".splitlines(True)


def _cell_of(notebook: dict, task: str) -> int:
    cells = enumerate(notebook["cells"])
    return next(k for k, c in cells if c["cell_type"] == "code" and f'check("{task}"' in "".join(c["source"]))


def damaged(notebook: dict, due: Expected, name: str, huge: int) -> tuple[bytes, str]:
    """The bytes and the file name after the damage; `due` is changed where it costs an answer."""
    cells = notebook["cells"]
    if due.damage == "duplicated cells":
        for task in ("3.8", "3.2"):
            cells.append(json.loads(json.dumps(cells[_cell_of(notebook, task)])))
    elif due.damage == "lost metadata":
        notebook["metadata"] = {}
        for cell in cells:
            cell["metadata"] = {}
            cell.pop("id", None)
    elif due.damage == "split cells":
        at = _cell_of(notebook, "3.2")
        lines = cells[at]["source"]
        cells[at : at + 1] = [
            cells[at] | {"source": lines[:1], "id": "a"},
            cells[at] | {"source": lines[1:], "id": "b"},
        ]
    elif due.damage == "Python 2 print":
        at = _cell_of(notebook, "3.2")
        cells[at]["source"] = ["print 'begin'\n", *cells[at]["source"]]
        at = _cell_of(notebook, "3.4")
        cells[at]["source"] = [
            line.replace("    return", "    print size\n    return", 1) for line in cells[at]["source"]
        ]
        due.status["3.4"] = "raised"
    elif due.damage == "80 MB outputs":
        cells[_cell_of(notebook, "3.2")]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * huge}]
    elif due.damage == "another chapter":
        text = "import numpy as np\ndef relu(X):\n    return np.maximum(X, 0)\n\nrelu = check('2.3', relu)"
        notebook = {"cells": [cells[0] | {"cell_type": "code", "source": text}], "metadata": {}, "nbformat": 4}
        due.status = {}
    data = json.dumps(notebook, indent=1).encode()
    if due.damage == "truncated":
        data = data[: data.index(b'check(\\"3.8\\"') + 30]
        due.status |= {"3.8": "missing"}
    if due.damage == "Windows line ends":
        for cell in cells:
            cell["source"] = [line.replace("\n", "\r\n") for line in cell["source"]]
        data = json.dumps(notebook, indent=1).replace("\n", "\r\n").encode()
    if due.damage == "renamed file":
        number = name.removesuffix(".ipynb")[-3:]  # of the student: a platform's zip holds each file under one name
        name = f"final version ({number}).ipynb.txt"
    return data, name
