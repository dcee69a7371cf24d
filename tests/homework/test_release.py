"""What students get: stubs without solutions, their own numbers, their id; and what can be seen of it beforehand."""

import dataclasses
import json

import pytest

from helpers.exercises import assigned as student_side
from helpers.exercises import registry
from helpers.exercises.commands import check, solution
from tools import chapter as chapters
from tools.common import Problem
from tools.homework import assignment as assignments
from tools.homework import own_tasks, preview, release
from tools.homework.assignment import Assignment, Student, Task
from tools.homework.questions import all_questions

COURSE = chapters.COURSE
TWO = (Student("s1", "Ann Lee"), Student("s2", "Bülent Öz"), Student("s3"))


def made(folder, chapter="03", tasks=("3.2", "3.4", "3.2v", "3.4x", "3.4w"), students=TWO) -> Assignment:
    return Assignment(folder / "hw", chapter, chapter, tuple(Task(id, 1) for id in tasks), bytes(32), students)


def cells(path) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]


@pytest.mark.parametrize("number", registry.chapters())
def test_every_chapter_can_be_released_and_holds_no_answer(tmp_path, number):
    ids = list(registry.exercises(number))
    (path,) = release.release(made(tmp_path, number, ids, ()))
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        assert not cell.get("outputs")
        assert "".join(cell["source"]).strip() not in {f'solution("{id}")' for id in ids}
    text = "\n".join(cells(path))
    for id in ids:
        assert f'check("{id}"' in text
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])


def test_each_student_has_an_id_a_seal_and_numbers_of_their_own(tmp_path):
    assignment = made(tmp_path)
    first, second, _ = (cells(path) for path in release.release(assignment))
    assert any(f"# homework: 03 | student: s1 | seal: {assignment.seal('s1')}" in cell for cell in first)
    assert any("Homework 03 for Bülent Öz" in cell for cell in second)
    own = [next(cell for cell in each if "on your own numbers" in cell) for each in (first, second)]
    assert own[0] != own[1]


def test_the_same_release_again_is_the_same(tmp_path):
    before = {path.name: path.read_bytes() for path in release.release(made(tmp_path))}
    assert {path.name: path.read_bytes() for path in release.release(made(tmp_path))} == before


def test_tasks_stand_behind_their_exercise_and_questions_in_their_section(tmp_path):
    text = cells(release.release(made(tmp_path))[0])
    place = {sign: next(k for k, cell in enumerate(text) if sign in cell) for sign in
             ('check("3.2"', "own_3_2", 'check("3.4"', "bug_3_4", "Your answer to 3.4w", "## 3.5")}  # fmt: skip
    assert list(place.values()) == sorted(place.values())


@pytest.mark.parametrize(
    ("tasks", "students", "message"),
    [
        (("3.99",), TWO, "Chapter 03 has no exercise 3.99. It has 3.2"),
        (("2.3",), TWO, "Chapter 03 has no exercise 2.3"),
        (("3.2v",), (), "needs a class list"),
        (("4.2v",), TWO, "Chapter 03 has no exercise 4.2"),
        (("3.6v",), TWO, "too large to write out"),
        (("3.99w",), TWO, "no written question 3.99w. There are 3.2w, 3.4w"),
    ],
)
def test_what_cannot_be_released_is_said(tmp_path, tasks, students, message):
    with pytest.raises(Problem, match=message):
        release.release(made(tmp_path, tasks=tasks, students=students))


def test_a_page_and_a_dry_run(tmp_path, locked):
    assignment = made(tmp_path)
    release.release(assignment)
    assert "Homework 03 for Ann Lee" in preview.preview(assignment).read_text(encoding="utf-8")
    text = preview.dry_run(assignment)
    assert text.endswith("As it should be.")
    assert [line.split() for line in text.split("\n")[1:3]] == [
        ["3.2", "not", "attempted", "passed"],
        ["3.4", "not", "attempted", "passed"],
    ]
    with pytest.raises(Problem, match="no student 's9'"):
        preview.preview(assignment, "s9")


@pytest.fixture
def as_homework():
    yield student_side.homework("03", "s1", "-", tasks="3.2 3.4", notebook="nothing.ipynb")
    student_side.homework("", "-", "-", tasks="")


def test_check_lends_nothing_in_homework(as_homework, capsys):
    def conv2d_loops(X, K):
        """Not written."""
        ...

    with pytest.raises(student_side.NotWritten, match="3.2 is homework and not written yet"):
        check("3.2", conv2d_loops)

    def wrong(X, K):
        return X

    assert check("3.2", wrong) is wrong
    assert "your own function stays" in capsys.readouterr().out
    other = check("3.7", lambda X, size=2, stride=2: X)
    assert other is registry.exercise("3.7").reference, "what is no task is lent as always"


def test_solution_says_that_it_is_homework(as_homework, capsys):
    solution("3.2")
    said = capsys.readouterr().out
    assert "3.2 is homework" in said
    assert "def conv2d_loops" not in said


def test_the_receipt_says_what_would_be_marked(tmp_path, as_homework, capsys, monkeypatch):
    assignment = made(tmp_path)
    path = release.release(assignment)[0]
    student_side.homework("03", "s1", "-", tasks="3.2 3.4 3.2v 3.4w", notebook=path.name)
    monkeypatch.chdir(path.parent)
    capsys.readouterr()
    student_side.receipt()
    said = capsys.readouterr().out
    assert (
        f"student s1, {path.stat().st_size / 1000:.0f} kB, fingerprint `{assignments.digest(path.read_bytes())}`"
        in said
    )
    assert "3.2: as it was handed out" in said
    full = preview.answered(json.loads(path.read_text(encoding="utf-8")), assignment, TWO[0])
    path.write_text(json.dumps(full))
    student_side.receipt()
    said = capsys.readouterr().out
    assert "3.2: found, `conv2d_loops` in cell" in said
    assert "3.2v: found, `own_3_2` in cell" in said
    assert "3.4w: found, 4 words in cell" in said
    with pytest.raises(FileNotFoundError, match="Save it .*Notebooks in this folder: 03_"):
        student_side.receipt("typo.ipynb")
    path.write_text("{")
    student_side.receipt()
    assert "This cannot be handed in." in capsys.readouterr().out


OWN = [f"{id}{letter}" for number in registry.chapters() for id in registry.exercises(number) for letter in "vx"]


@pytest.mark.parametrize("id", OWN)
def test_an_own_task_differs_and_its_right_answer_is_right_for_its_owner_alone(tmp_path, id):
    task = Task(id, 1)
    assignment = made(tmp_path, id.split(".")[0].zfill(2), (id,), tuple(Student(f"s{k}") for k in range(6)))
    try:
        owns, problem = [own_tasks.make(assignment, student.id, task) for student in assignment.students], ""
    except Problem as error:
        owns, problem = [], str(error)
    if problem:  # this exercise has none, and the message says so
        assert problem.startswith(id)
        return
    assert len({own.text for own in owns}) >= 4
    for student, own in zip(assignment.students, owns, strict=True):
        value = own.right.tolist() if hasattr(own.right, "tolist") else own.right
        verdict, flags = own_tasks.judge(assignment, student.id, task, json.loads(json.dumps(value)))
        assert (verdict.status, flags) == ("passed", [])


def test_every_chapter_has_a_task_on_own_numbers(tmp_path):
    for number in registry.chapters():
        assignment = made(tmp_path, number, (), TWO)
        found = 0
        for id in registry.exercises(number):
            try:
                own_tasks.make(assignment, "s1", Task(f"{id}x", 1))
                found += 1
            except Problem:
                continue
        assert found, number


def test_somebody_else_s_value_is_flagged(tmp_path):
    assignment, task = made(tmp_path), Task("3.2v", 1)
    theirs = own_tasks.make(assignment, "s2", task).right.tolist()
    verdict, flags = own_tasks.judge(assignment, "s1", task, theirs)
    assert verdict.status == "wrong"
    assert flags == ["the right value for s2"]


@pytest.mark.parametrize("value", [None, "text", [], [[1], [1, 2]], {"a": 1}, [["x"]], 1e400])
def test_a_value_that_is_none_is_told(tmp_path, value):
    verdict, flags = own_tasks.judge(made(tmp_path), "s1", Task("3.2v", 1), value)
    assert verdict.status == "wrong"
    assert verdict.text
    assert flags == []


def test_an_assignment_comes_back_as_it_was_saved(tmp_path):
    assignment = made(tmp_path)
    assignments.save(assignment)
    assert assignments.load(assignment.folder) == assignment
    assert (assignment.folder / "secret.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"3.2" = 1', '"3.2" = -1', "points.3.2 must be a number from 0 on, not -1"),
        ('"3.2" = 1', '"3.2" = "one"', "points.3.2 must be a number"),
        ('"3.2" = 1', '"x" = 1', "'x' is no task"),
        ("partial = 0.5", "partial = 2", "partial is a share"),
        ("grace_minutes", "grace", "late.grace is not known here"),
        ("[late]", "[latte]", "latte is not known here"),
        ("# due = 2027-01-31T23:59:00+01:00", "due = 2027-01-31", "due must be a time with its zone"),
        ('name = "03"', "name = ", "is not TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path, old, new, message):
    assignment = made(tmp_path)
    assignments.save(assignment)
    path = assignment.folder / "assignment.toml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(Problem, match=message):
        assignments.load(assignment.folder)


def test_seeds_and_seals_cannot_be_had_without_the_key(tmp_path):
    assignment = made(tmp_path)
    other = dataclasses.replace(assignment, key=bytes(31) + b"1")
    assert assignment.seed("3.2") != other.seed("3.2")
    assert assignment.seal("s1") != other.seal("s1")
    assert assignment.seal("s1") != assignment.seal("s2")


def test_every_written_question_has_a_section_and_a_rubric_that_adds_up():
    from fractions import Fraction

    texts = {path.name[:2]: path.read_text(encoding="utf-8") for path in (COURSE / "chapters" / "text").glob("*.md")}
    for id, question in all_questions().items():
        section = id[:-1]
        assert f"\n## {section} " in texts[section.split(".")[0].zfill(2)], id
        assert sum(Fraction(line.split(":")[0]) for line in question.rubric) == 1, id
    assert {id.split(".")[0].zfill(2) for id in all_questions()} == set(registry.chapters())
