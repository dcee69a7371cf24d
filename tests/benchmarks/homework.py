"""Seconds a hand-in: `course.py homework grade` against nbgrader's batch, on the same notebooks in the same run.

    python -m tests.benchmarks.homework PYTHON [HAND-INS]

PYTHON is one with nbgrader 0.9.6 and NumPy in an environment of its own: it wants another JupyterLab. Chapter 03,
exported for nbgrader; two thirds of the answers right; no damage, at which nbgrader's batch would stop.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.homework.synthetic import ANSWERS
from tools.homework import collect, grade, nbgrader
from tools.homework.assignment import Assignment, Student, Task, new_key, save

COURSE = Path(__file__).resolve().parents[2]


def main(python: str, count: int) -> None:
    """Three rounds, each with both, in turn; prints seconds a hand-in and their ratio."""
    folder = Path(tempfile.mkdtemp(prefix="homework-speed-"))
    students = tuple(Student(f"s{number:03d}") for number in range(count))
    tasks = tuple(Task(id, 2) for id in ANSWERS)
    assignment = Assignment(folder / "homework", "hw03", "03", tasks, new_key(), students)
    save(assignment)
    theirs = folder / "nbgrader"
    nbgrader.export(assignment, theirs)
    (theirs / "nbgrader_config.py").write_text('c = get_config()\nc.CourseDirectory.course_id = "c"\n')
    tool = [str(Path(python).parent / "nbgrader")]
    variables = os.environ | {
        "PATH": f"{Path(python).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(COURSE),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    _call([*tool, "generate_assignment", "hw03"], theirs, variables)
    released = next((theirs / "release" / "hw03").glob("*.ipynb"))
    for number, student in enumerate(students):
        target = theirs / "submitted" / student.id / "hw03" / released.name
        target.parent.mkdir(parents=True)
        target.write_text(json.dumps(_answered(json.loads(released.read_text()), number)))
    collect.collect(assignment, [theirs / "submitted"])
    ratios = []
    for _ in range(3):
        seconds = []
        started = time.monotonic()
        grade.grade(assignment, again=True)
        seconds.append((time.monotonic() - started) / count)
        started = time.monotonic()
        _call([*tool, "autograde", "hw03", "--force"], theirs, variables)
        seconds.append((time.monotonic() - started) / count)
        ratios.append(seconds[0] / seconds[1])
        print(f"ours {seconds[0]:.3f} s, nbgrader {seconds[1]:.3f} s a hand-in: {ratios[-1]:.3f}", flush=True)
    print(f"ratio, median of {len(ratios)}: {sorted(ratios)[len(ratios) // 2]:.3f} (target: at most 0.333)")


def _answered(notebook: dict, number: int) -> dict:
    for cell in notebook["cells"]:
        for k, (task, answers) in enumerate(ANSWERS.items()):
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == f"solution-{task.replace('.', '-')}":
                kinds = [kind for kind in answers if kind != "stopped"]
                right = (number + k) % 3 or len(kinds) == 1
                cell["source"] = answers["passed" if right else kinds[1]].strip()
    return notebook


def _call(command: list[str], folder: Path, variables: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr[-2000:])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 30)
