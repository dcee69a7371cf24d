"""Small homework to collect, mark and report, in a temporary folder."""

import json
import os
from pathlib import Path

import pytest

from tools.homework import kit, sandbox
from tools.homework.assignment import Assignment, Student, Task, save

STUDENTS = tuple(Student(f"s{number:03d}", f"Student Number{number}") for number in range(1, 31))


def notebook(*cells: str, student: str = "", seal: str = "", name: str = "02") -> bytes:
    """A notebook of code cells; with a student, the line that says whose it is comes first."""
    sources = [f"# homework: {name} | student: {student} | seal: {seal}"] * bool(student) + list(cells)
    made = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source.splitlines(True)}
        for source in sources
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


@pytest.fixture
def homework(tmp_path) -> Assignment:
    """Three tasks of chapter 02 for thirty students."""
    tasks = tuple(Task(id, 2) for id in ("2.3", "2.4", "2.7"))
    assignment = Assignment(tmp_path / "homework", "02", "02", tasks, bytes(range(32)), STUDENTS)
    save(assignment)
    return assignment


@pytest.fixture(scope="session")
def locked():
    """Skip where hand-ins cannot be locked in; `course.py homework grade` refuses to work there."""
    if reason := sandbox._missing():
        pytest.skip(f"no sandbox: {reason}")


@pytest.fixture(scope="session")
def slot() -> int:
    """A number of this test process, by which its sandboxes are known: others may be at work beside it."""
    return 100 + os.getpid() % 4000


@pytest.fixture
def maker(homework, locked, slot):
    """Makes sandboxes for the tasks of `homework`."""
    judge = kit.make(homework.tasks, Path(__file__).resolve().parents[2] / "build" / "homework")
    return lambda: sandbox.Sandbox(judge, slot)
