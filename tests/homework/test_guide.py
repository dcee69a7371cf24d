"""The instructor's guide, tried from top to bottom as it is written."""

import csv
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile

import pytest

from helpers.exercises import registry
from tools.chapter import COURSE
from tools.homework import own_tasks, preview
from tools.homework.assignment import Assignment, Student, Task, load
from tools.homework.questions import all_questions

GUIDE = (COURSE / "INSTRUCTORS.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", GUIDE, re.DOTALL) for line in block.strip().split("\n")]
CLASS = "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,Feedback comments\n"
CLASS += "".join(f'Participant {k},"Example, Vera{k}",v{k}@example.org,,,6.00,Yes,\n' for k in range(100, 104))


def _hand_in(folder) -> None:
    """Three of four hand in over Moodle: everything right, untouched, and a copy of somebody else's notebook."""
    assignment = load(folder / "homework" / "03")
    students = assignment.students
    paths = {student.id: next((folder / "homework/03/release").glob(f"*_{student.id}.ipynb")) for student in students}
    full = preview.answered(json.loads(paths[students[0].id].read_text(encoding="utf-8")), assignment, students[0])
    with zipfile.ZipFile(folder / "moodle.zip", "w") as archive:
        archive.writestr("Vera100 Example_100_assignsubmission_file_/03.ipynb", json.dumps(full))
        archive.write(paths[students[1].id], "Vera101 Example_101_assignsubmission_file_/03 (1).ipynb")
        archive.write(paths[students[1].id], "Vera102 Example_102_assignsubmission_file_/03.ipynb")


def test_from_a_class_list_to_marks_in_moodle(tmp_path, locked):
    (tmp_path / "class.csv").write_text(CLASS, encoding="utf-8")
    said = {}
    for line in COMMANDS:
        words = shlex.split(line)
        assert words[:3] == ["python3", "course.py", "homework"], line
        if words[3] == "collect":
            _hand_in(tmp_path)
        if len(said) > 5:  # step 7 comes after somebody has marked the written answers
            sheet = tmp_path / "homework/03/written.csv"
            rows = list(csv.reader(sheet.read_text(encoding="utf-8-sig").splitlines()))
            rows[1][3:] = ["1", "Well seen."]
            sheet.write_text("\n".join(";".join(row) for row in rows), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "tools.homework", *words[3:]],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(COURSE)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        said[line] = done.stdout
    text = "\n".join(said.values())
    for words in (
        "4 notebooks, one for each of 4 students",
        "As it should be.",
        "conflict (Participant-102)",
        "2 marked",
    ):
        assert words in text
    with (tmp_path / "homework/03/report/moodle.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["Identifier"]: row for row in csv.DictReader(file)}
    assert {id: row["Grade"] for id, row in rows.items()} == {
        "Participant 100": "6", "Participant 101": "0", "Participant 102": "", "Participant 103": "",
    }  # fmt: skip
    assert "Well seen." in (tmp_path / "homework/03/report/students/Participant-100.html").read_text(encoding="utf-8")


def test_every_task_of_the_plans_exists():
    plans = GUIDE[GUIDE.index("## A ten-week plan") : GUIDE.index("## JupyterHub")]
    homework = [
        line.split("|")[-3].split(";")[-1 if "orals" not in line else 0] for line in plans.split("\n") if "|" in line
    ]
    ids = set(
        re.findall(r"(?<![\d.])\d+\.\d+[vxw]?\b", " ".join(re.sub(r"[\d.]+ to [\d.]+", "", text) for text in homework))
    )
    assert len(ids) > 60
    known = {id for number in registry.chapters() for id in registry.exercises(number)}
    some = tuple(Student(f"s{k}") for k in range(3))
    for id in ids:
        if id.endswith("w"):
            assert id in all_questions()
        elif id[-1] in "vx":
            number = id.split(".")[0].zfill(2)
            own_tasks.make(Assignment(COURSE, "x", number, (), bytes(32), some), "s1", Task(id, 1))
        else:
            assert id in known, id


@pytest.mark.parametrize(("row", "key"), [("memory, GB", "memory_gb"), ("all cells, s", "seconds")])
def test_the_numbers_in_the_guide_are_those_that_were_measured(row, key):
    measured = tomllib.loads((COURSE / "chapters" / "measured.toml").read_text(encoding="utf-8"))
    (line,) = re.findall(rf"(?m)^\| {row} \|(.*)\|$", GUIDE)
    assert [float(cell) for cell in line.split("|")] == [measured[number][key] for number in registry.chapters()]


def test_a_mistyped_command_is_answered_in_words(tmp_path):
    command = [sys.executable, "-m", "tools.homework", "grade", "77"]
    variables = os.environ | {"PYTHONPATH": str(COURSE)}
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.returncode == 1
    assert "holds no homework" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
