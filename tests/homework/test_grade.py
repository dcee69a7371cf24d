"""From hand-ins to marks: a synthetic class, damage of every kind, a kill in the middle, marks made again."""

import collections
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.homework import synthetic
from tests.homework.conftest import notebook
from tools.common import Problem
from tools.homework import collect, grade, report
from tools.homework.assignment import Assignment, Student, Task, save
from tools.homework.grade import marks_of

COURSE = grade.Path(__file__).resolve().parents[2]


def chapter_03(folder, count: int) -> Assignment:
    students = tuple(Student(f"s{number:03d}", f"Vera Example{number:03d}") for number in range(1, count + 1))
    tasks = tuple(Task(id, 2) for id in synthetic.ANSWERS)
    assignment = Assignment(folder / "homework", "03", "03", tasks, bytes(range(32)), students)
    save(assignment)
    return assignment


def a_class(folder, count: int) -> tuple[Assignment, dict[str, synthetic.Expected]]:
    assignment = chapter_03(folder, count)
    expected = synthetic.hand_in(assignment, folder / "in", damages=max(len(synthetic.DAMAGES), count // 20))
    collect.collect(assignment, [folder / "in"])
    return assignment, expected


def check_class(assignment: Assignment, expected: dict[str, synthetic.Expected]) -> None:
    """Each has the mark that it must get, or a reason; the class page counts the same."""
    states, misconceptions = collections.Counter(), collections.Counter()
    for id, due in expected.items():
        marks = marks_of(assignment, id)
        if due.damage == "another chapter":
            entries = [e for e in collect.load_index(assignment)["entries"] if e["student"] == id]
            assert marks is None or marks["problem"], id
            assert entries == [] or entries[0]["reasons"]
            continue
        assert marks["problem"] is None, (id, due, marks["problem"])
        got = {task: mark["status"] for task, mark in marks["tasks"].items()}
        assert got == due.status, (id, due, marks)
        for task, mark in marks["tasks"].items():
            assert mark["text"] or mark["status"] == "passed", (id, task)
            assert mark["misconception"] == due.misconceptions.get(task), (id, task, mark)
            states[task, mark["status"]] += 1
        misconceptions.update(due.misconceptions.items())
    assert {entry["origin"] for entry in collect.load_index(assignment)["entries"]}
    page = report.report(assignment).read_text(encoding="utf-8")
    for name in {name for _, name in misconceptions}:
        assert name in page
    for id in expected:
        assert id in page


def test_every_hand_in_of_a_class_gets_its_mark_or_a_reason(tmp_path, locked):
    assignment, expected = a_class(tmp_path, 30)
    grade.grade(assignment)
    check_class(assignment, expected)
    files = {entry["origin"] for entry in collect.load_index(assignment)["entries"]}
    assert len(files) == 30


@pytest.mark.long
def test_three_hundred_hand_ins(tmp_path, locked):
    assignment, expected = a_class(tmp_path, 300)
    started = time.monotonic()
    grade.grade(assignment)
    print(f"{(time.monotonic() - started) / 300:.2f} s a hand-in")
    check_class(assignment, expected)


def everything(assignment: Assignment) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (assignment.folder / "marks").glob("*.json")}


def test_the_same_hand_ins_give_the_same_marks(tmp_path, locked):
    assignment, _ = a_class(tmp_path, 12)
    grade.grade(assignment, workers=2)
    first = everything(assignment)
    grade.grade(assignment, workers=1, again=True)
    assert everything(assignment) == first


def test_what_is_marked_is_not_marked_again(tmp_path, locked):
    assignment, _ = a_class(tmp_path, 12)
    assert set(grade.grade(assignment).values()) == {"marked"}
    times = {path: path.stat().st_mtime_ns for path in (assignment.folder / "marks").glob("*.json")}
    assert set(grade.grade(assignment).values()) == {"kept"}
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_one_student_or_one_task_again_leaves_the_rest(tmp_path, locked):
    assignment, _ = a_class(tmp_path, 12)
    grade.grade(assignment)
    first = everything(assignment)
    broken = json.loads(first["s001.json"])
    for mark in broken["tasks"].values():
        mark["text"] = "changed by hand"
    (assignment.folder / "marks" / "s001.json").write_text(json.dumps(broken))
    (assignment.folder / "marks" / "s002.json").write_bytes(b"{}")
    grade.grade(assignment, students=["s001"], tasks=["3.4"], again=True)
    now = json.loads(everything(assignment)["s001.json"])
    assert now["tasks"]["3.4"] == json.loads(first["s001.json"])["tasks"]["3.4"]
    assert now["tasks"]["3.2"]["text"] == "changed by hand"
    assert everything(assignment)["s002.json"] == b"{}"
    assert {k: v for k, v in everything(assignment).items() if k > "s002.json"} == {
        k: v for k, v in first.items() if k > "s002.json"
    }


def test_a_newer_hand_in_is_marked_in_place_of_the_older(homework, tmp_path, locked):
    for number, source in enumerate(("def relu(X):\n    return X", "def relu(X):\n    return X * (X > 0)")):
        data = notebook(source, student="s001", seal=homework.seal("s001"))
        path = tmp_path / f"in{number}" / "02.ipynb"
        path.parent.mkdir()
        path.write_bytes(data)
        os.utime(path, (1_800_000_000 + number, 1_800_000_000 + number))
        collect.collect(homework, [path.parent])
        grade.grade(homework)
    assert marks_of(homework, "s001")["tasks"]["2.3"]["status"] == "passed"


def test_a_kill_in_the_middle_and_then_again(tmp_path, locked):
    assignment, expected = a_class(tmp_path, 20)
    command = [sys.executable, "-m", "tools.homework", "grade", "03", "--out", str(assignment.folder)]
    process = subprocess.Popen(command, cwd=COURSE, stdout=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while len(everything(assignment)) < 3 and time.monotonic() < end:
        time.sleep(0.02)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == [], "what it had started ends with it"
    before = everything(assignment)
    assert 3 <= len(before) < 19, "it was killed in the middle"
    for data in before.values():
        json.loads(data)  # whole, each of them
    done = grade.grade(assignment)
    assert {f"{id}.json" for id, state in done.items() if state == "kept"} == set(before)
    check_class(assignment, expected)
    interrupted = everything(assignment)
    grade.grade(assignment, again=True)
    assert everything(assignment) == interrupted


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"students": ["s999"]}, "Nothing that counts was collected of s999"),
        ({"tasks": ["3.99"]}, "There is no task 3.99 in this homework. It has 3.2, 3.4, 3.7, 3.8"),
    ],
)
def test_what_is_not_there_is_said(tmp_path, locked, options, message):
    assignment, _ = a_class(tmp_path, 9)
    with pytest.raises(Problem, match=message):
        grade.grade(assignment, **options)


def test_nothing_collected_yet(tmp_path, locked):
    with pytest.raises(Problem, match="Nothing was collected yet"):
        grade.grade(chapter_03(tmp_path, 3))


def test_a_cluster_of_two_workers_gives_the_same_marks(tmp_path, locked, monkeypatch):
    distributed = pytest.importorskip("distributed", reason="Dask is optional: pip install distributed")
    assignment, _ = a_class(tmp_path, 12)
    grade.grade(assignment)
    first = everything(assignment)
    monkeypatch.chdir(COURSE)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        grade.grade(assignment, again=True, scheduler=cluster.scheduler_address)
    assert everything(assignment) == first


def test_a_scheduler_that_does_not_answer_is_said(tmp_path, locked, monkeypatch):
    pytest.importorskip("distributed", reason="Dask is optional: pip install distributed")
    assignment, _ = a_class(tmp_path, 9)
    with pytest.raises(Problem, match="does not answer"):
        grade.grade(assignment, scheduler="tcp://127.0.0.1:1")


def test_points_may_change_without_marking_again(tmp_path, locked):
    assignment, _ = a_class(tmp_path, 9)
    grade.grade(assignment)
    more = dataclasses.replace(assignment, tasks=tuple(Task(task.id, 5) for task in assignment.tasks))
    assert set(grade.grade(more).values()) == {"kept"}
