"""Marking on the workers of a Dask scheduler, for a class larger than one machine.

Each worker keeps a process of its own that marks: Dask runs tasks in threads, where nothing can be interrupted. The
workers must be started in the course's folder, with its Python, on machines with bubblewrap.
"""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from tools.common import Problem
from tools.homework import sandbox
from tools.homework.assignment import Assignment, Student, Task

_own = threading.local()


def run(assignment: Assignment, jobs: list[tuple[str, bytes, list[str]]], address: str, unsafe: bool) -> Iterator[dict]:
    """Marks, in the order in which the workers have them ready.

    Raises
    ------
    Problem : Dask is not installed, or its scheduler does not answer
    """
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise Problem('--scheduler needs Dask: pip install "distributed>=2024"') from None
    given = {
        "name": assignment.name,
        "chapter": assignment.chapter,
        "tasks": [[task.id, task.points] for task in assignment.tasks],
        "key": assignment.key.hex(),
        "students": [student.id for student in assignment.students],
        "unsafe": unsafe,
    }
    try:
        client = Client(address, timeout=20)
    except (OSError, TimeoutError, ValueError) as error:
        raise Problem(f"The Dask scheduler at {address} does not answer ({error}).") from None
    with client:
        futures = [
            client.submit(mark_there, given, student, client.scatter(data, hash=False), tasks, pure=False)
            for student, data, tasks in jobs
        ]
        for future in as_completed(futures):
            marks = future.result()
            if "error" in marks:
                raise Problem(f"A worker cannot mark: {marks['error']}")
            yield marks


def mark_there(given: dict, student: str, data: bytes, tasks: list[str]) -> dict:
    """On a worker: hand the job to the process of this thread, which is started when it is first needed."""
    process = getattr(_own, "process", None)
    if process is None or process.poll() is not None:
        process = _own.process = subprocess.Popen(
            [sys.executable, "-m", "tools.homework.cluster"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[2],
            text=True,
        )
    job = given | {"student": student, "data": base64.b64encode(data).decode(), "wanted": tasks}
    process.stdin.write(json.dumps(job) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    return json.loads(line) if line else {"error": "its process ended; start the worker in the course's folder"}


def serve() -> None:
    """Job in, marks out, a line each, until the line is cut."""
    from tools.homework.grade import prepared
    from tools.homework.judge import mark

    makers = {}
    for line in sys.stdin:
        job = json.loads(line)
        tasks = tuple(Task(*pair) for pair in job["tasks"])
        students = tuple(Student(id) for id in job["students"])
        assignment = Assignment(Path(), job["name"], job["chapter"], tasks, bytes.fromhex(job["key"]), students)
        try:
            if not job["unsafe"]:
                sandbox.require()
            if tasks not in makers:
                makers[tasks] = prepared(assignment, os.getpid() % 4000, job["unsafe"])
            wanted = [task for task in tasks if task.id in job["wanted"]]
            marks = mark(assignment, job["student"], base64.b64decode(job["data"]), makers[tasks], wanted)
        except Problem as problem:
            marks = {"error": str(problem)}
        print(json.dumps(marks), flush=True)


if __name__ == "__main__":
    serve()
