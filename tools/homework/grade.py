"""Marks all hand-ins: several at a time, again only where something changed, and whole or not at all."""

import concurrent.futures
import json
import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from tools.common import Problem, make_folder, say, write_whole
from tools.homework import collect, kit, sandbox
from tools.homework.assignment import Assignment, Task, load
from tools.homework.judge import fingerprint, mark
from tools.lock import only_one

_waiting: list[sandbox.Sandbox] = []  # in a worker: the next sandbox, started while the last hand-in is judged


def grade(
    assignment: Assignment,
    workers: int = 0,
    students: Iterable[str] = (),
    tasks: Iterable[str] = (),
    again: bool = False,
    unsafe: bool = False,
    scheduler: str = "",
) -> dict[str, str]:
    """Mark what was collected; return student -> "marked" or "kept".

    A mark stays as it is where neither the hand-in nor the course has changed since. With `students` or `tasks` only
    those are looked at; with `again` they are marked anew.

    Parameters
    ----------
    workers : hand-ins at a time; 0: as many as there are processors
    unsafe : without a sandbox
    scheduler : the address of a Dask scheduler, whose workers mark in place of this machine

    Raises
    ------
    Problem : no sandbox and not `unsafe`; nothing was collected; no such student or task
    """
    if not unsafe and not scheduler:
        sandbox.require()
    chosen = _chosen(assignment, tasks)
    jobs, kept = [], {}
    with only_one(make_folder(assignment.folder / "marks", assignment.folder) / ".lock"):
        for student, data in _handins(assignment, students):
            wanted = chosen if again else _unmarked(assignment, student, data, chosen)
            if wanted:
                jobs.append((student, data, [task.id for task in wanted]))
            else:
                kept[student] = "kept"
        done = kept
        for number, marks in enumerate(_run(assignment, jobs, workers, unsafe, scheduler), 1):
            marks["sandbox"] = "none" if unsafe else "bubblewrap"
            _store(assignment, marks)
            done[marks["student"]] = "marked"
            if number % 10 == 0 or number == len(jobs):
                say(f"{number} of {len(jobs)} marked")
    return done


def _chosen(assignment: Assignment, ids: Iterable[str]) -> list[Task]:
    ids, known = list(ids), {task.id: task for task in assignment.tasks}
    unknown = [id for id in ids if id not in known]
    if unknown:
        raise Problem(f"There is no task {', '.join(unknown)} in this homework. It has {', '.join(known)}.")
    return [known[id] for id in ids] or list(assignment.tasks)


def _handins(assignment: Assignment, students: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    index = collect.load_index(assignment)
    counting = collect.counting(index)
    unknown = [id for id in students if id not in counting]
    if unknown:
        raise Problem(f"Nothing that counts was collected of {', '.join(unknown)}.")
    if not counting:
        raise Problem("Nothing was collected yet: course.py homework collect NN PATH")
    for student in sorted(students or counting):
        yield student, collect.handin_path(assignment, counting[student]).read_bytes()


def marks_of(assignment: Assignment, student: str) -> dict | None:
    """The stored marks of a student; None where there are none, or none that can be read."""
    try:
        return json.loads((assignment.folder / "marks" / f"{student}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _unmarked(assignment: Assignment, student: str, data: bytes, tasks: list[Task]) -> list[Task]:
    """The tasks whose mark is missing, or was made for another hand-in or by another judge."""
    from tools.homework.assignment import digest

    old = marks_of(assignment, student)
    if old is None or old.get("handin") != digest(data):
        return list(assignment.tasks)  # a new hand-in: nothing of the old one stays
    now, before = fingerprint(assignment, tasks), old.get("judge", {})
    if old.get("problem"):
        return tasks if any(before.get(id) != code for id, code in now.items()) else []
    return [task for task in tasks if before.get(task.id) != now[task.id] or task.id not in old["tasks"]]


def _store(assignment: Assignment, marks: dict) -> None:
    """Put new marks beside those that stay."""
    old = marks_of(assignment, marks["student"])
    if old and old.get("handin") == marks["handin"] and not old.get("problem") and not marks["problem"]:
        kept = {task.id: old["tasks"][task.id] for task in assignment.tasks if task.id in old["tasks"]}
        marks = marks | {"tasks": kept | marks["tasks"], "judge": old["judge"] | marks["judge"]}
    order = {task.id: k for k, task in enumerate(assignment.tasks)}
    marks["tasks"] = dict(sorted(marks["tasks"].items(), key=lambda item: order.get(item[0], len(order))))
    text = json.dumps(marks, indent=1, ensure_ascii=False) + "\n"
    write_whole(assignment.folder / "marks" / f"{marks['student']}.json", text.encode())


def _run(
    assignment: Assignment, jobs: list[tuple[str, bytes, list[str]]], workers: int, unsafe: bool, scheduler: str
) -> Iterator[dict]:
    """Marks, in the order in which they are ready."""
    if not jobs:
        return
    if scheduler:
        from tools.homework import cluster

        yield from cluster.run(assignment, jobs, scheduler, unsafe)
        return
    context = multiprocessing.get_context("spawn")
    slots = context.Queue()
    count = min(len(jobs), workers or os.cpu_count() or 1)
    for slot in range(count):
        slots.put(slot)
    pool = concurrent.futures.ProcessPoolExecutor(
        count, mp_context=context, initializer=_begin, initargs=(assignment.folder, unsafe, slots)
    )
    with pool:
        futures = [pool.submit(_one, *job) for job in jobs]
        try:
            for future in concurrent.futures.as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _begin(folder: Path, unsafe: bool, slots: multiprocessing.Queue) -> None:
    """Once in each worker."""
    global _maker, _assignment
    threading.Thread(target=_end_with_the_command, daemon=True).start()
    _assignment = load(folder)
    _maker = prepared(_assignment, slots.get(), unsafe)


def _end_with_the_command() -> None:
    """A worker whose command was killed would wait for work for ever."""
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def prepared(assignment: Assignment, slot: int, unsafe: bool):
    """A maker of sandboxes that has the next one ready."""
    judge = kit.make(assignment.tasks, Path(__file__).resolve().parents[2] / "build" / "homework")

    def make() -> sandbox.Sandbox:
        ready = _waiting.pop() if _waiting else sandbox.Sandbox(judge, slot, unsafe)
        _waiting.append(sandbox.Sandbox(judge, slot, unsafe))
        return ready

    return make


def _one(student: str, data: bytes, tasks: list[str]) -> dict:
    chosen = [task for task in _assignment.tasks if task.id in tasks]
    return mark(_assignment, student, data, _maker, chosen)
