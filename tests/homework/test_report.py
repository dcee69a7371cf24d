"""Grades, tables and pages from marks that are made up here: what counts, what is shown, and to whom."""

import csv
import dataclasses
import datetime
import io
import json
import os
import time

import pytest

from tests.homework.conftest import notebook
from tools.common import Problem
from tools.homework import collect, pages, report, tables, written
from tools.homework.assignment import Assignment, Late, Student, Task, save
from tools.homework.questions import Question

NASTY = "<script>alert('marks')</script>"
STUDENTS = (
    Student("s1", "Lee, Ann", "ann@example.org", {"ID": "701", "Section": "A", "Homework 03 (4711)": ""}),
    Student("s2", '=2+5 "Öz"', "oz@example.org", {"ID": "702"}),
    Student("s3", "李雷", "lei@example.org", {"ID": "703"}),
    Student("s4", "Absent Always"),
)
TASKS = (Task("3.2", 4), Task("3.4", 2), Task("3.2v", 1), Task("3.4w", 3))


def result(status: str, **more) -> dict:
    share = 1.0 if status == "passed" else 0.0
    usual = {"text": "", "misconception": None, "source": "def f(): pass", "cell": 7, "flags": [], "likeness": None}
    return {"status": status, "share": share} | usual | more


@pytest.fixture
def homework(tmp_path) -> Assignment:
    """Three of four handed in; the second late by 25 hours."""
    due = datetime.datetime(2027, 1, 31, 12, tzinfo=datetime.UTC)
    assignment = Assignment(tmp_path / "hw", "03", "03", TASKS, bytes(32), STUDENTS, due, 0.5, Late())
    save(assignment)
    for number, student in enumerate(STUDENTS[:3]):
        path = tmp_path / "in" / f"{student.id}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(notebook(str(number), student=student.id, seal=assignment.seal(student.id), name="03"))
        seconds = due.timestamp() + (25 * 3600 if student.id == "s2" else -60)
        os.utime(path, (seconds, seconds))
    collect.collect(assignment, [tmp_path / "in"])
    return assignment


def store(assignment: Assignment, student: str, tasks: dict, problem: str | None = None) -> None:
    entry = collect.counting(collect.load_index(assignment))[student]
    marks = {"version": 1, "student": student, "handin": entry["file"], "judge": {}, "problem": problem, "tasks": tasks}
    path = assignment.folder / "marks" / f"{student}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(marks | {"notes": ["Cell 3 cannot be read."], "sandbox": "bubblewrap"}))


@pytest.fixture
def marked(homework) -> Assignment:
    why = "The value is 3, expected 4.\n\n**Why?** The kernel was turned."
    wrong = result("wrong", share=0.5, text=why, misconception="kernel turned", source=NASTY)
    text = result("to be marked", source="=cmd()" + NASTY)
    ok = result("passed", likeness="abc", source="def g(): return 1")
    store(homework, "s1", {"3.2": ok, "3.4": result("passed"), "3.2v": result("passed"), "3.4w": text})
    foreign = result("wrong", flags=["the right value for s1"])
    store(homework, "s2", {"3.2": wrong | {"likeness": "abc"}, "3.4": result("not attempted"), "3.2v": foreign})
    store(homework, "s3", {}, problem="There is no cell in this file.")
    return homework


def table(path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


def grades(assignment) -> dict[str, report.Grade]:
    return {grade.student.id: grade for grade in report.grade_all(assignment, report._marks(assignment))}


def test_points_are_what_the_file_says(marked):
    got = grades(marked)
    assert got["s1"].tasks == {"3.2": 4, "3.4": 2, "3.2v": 1, "3.4w": None}
    assert got["s1"].points == 7
    # half of the cases right, half of that counts, and two days begun are a fifth less
    assert got["s2"].tasks == {"3.2": 1, "3.4": 0, "3.2v": 0, "3.4w": 0}
    assert got["s2"].points == pytest.approx(0.8)
    assert (got["s3"].points, got["s3"].status) == (0, "could not be marked")
    assert (got["s4"].points, got["s4"].status) == (None, "nothing handed in")


def test_flags_ask_and_take_nothing(marked):
    got = grades(marked)
    assert got["s1"].flags == ["3.2: the same answer, names and layout apart, as s2: ask them all"]
    assert got["s2"].flags == ["3.2v: gave the right value for s1"]


def test_the_course_s_own_text_is_flagged(marked, monkeypatch):
    monkeypatch.setattr(report, "course_likeness", lambda id: {"abc"} if id == "3.2" else set())
    assert grades(marked)["s2"].flags[-1] == "3.2: the course's own text"
    assert "same answer" not in str(grades(marked)["s1"].flags)


def test_the_course_s_own_text_is_known():
    assert report.course_likeness.__wrapped__("3.9")
    assert report.course_likeness.__wrapped__("3.6v") == frozenset()


def test_marks_of_an_older_hand_in_are_not_shown(marked, tmp_path):
    path = tmp_path / "again" / "s1.ipynb"
    path.parent.mkdir()
    path.write_bytes(notebook("new", student="s1", seal=marked.seal("s1"), name="03"))
    os.utime(path, (marked.due.timestamp(), marked.due.timestamp()))
    collect.collect(marked, [path.parent])
    assert grades(marked)["s1"].status == "not marked yet"


def test_the_tables(marked):
    folder = report.report(marked).parent
    plain = table(folder / "grades.csv")
    assert plain[1] == ["s1", "Lee, Ann", "7", "10", "70", "", "written answers open", "4", "2", "1", ""]
    assert plain[2][:7] == ["s2", '\'=2+5 "Öz"', "0.8", "10", "8", "1500", "marked"]
    assert plain[4][:7] == ["s4", "Absent Always", "", "10", "", "", "nothing handed in"]
    canvas = table(folder / "canvas.csv")
    assert canvas[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Homework 03 (4711)"]
    assert canvas[1] == ["Points Possible", "", "", "", "", "10"]
    assert canvas[2] == ["Lee, Ann", "701", "s1", "", "A", "7"]
    moodle = table(folder / "moodle.csv")
    assert moodle[0][:2] == ["Identifier", "Full name"]
    assert moodle[3][1] == "李雷"


@pytest.mark.parametrize(
    ("points", "maximum", "shown"),
    [
        (2.7, "100.00", 45),
        (2.7, "100,00", 45),
        (2.7, "6", 2.7),
        (None, "100.00", None),
        (2.7, "-", 2.7),
        (2.7, "", 2.7),
    ],
)
def test_moodle_gets_a_grade_of_its_own_maximum(points, maximum, shown):
    assert report._scaled(points, maximum, 6.0) == (shown if shown is None else pytest.approx(shown))


def test_moodle_s_worksheet_comes_back_scaled(homework):
    extra = {"Identifier": "Participant 1", "Grade": "", "Maximum Grade": "100,00"}
    ann = Student("s1", "Ann", extra=extra)
    homework = dataclasses.replace(homework, students=(ann,))
    rows = report.moodle_table(homework, [report.Grade(ann, None, None, points=homework.most / 4)])
    assert dict(zip(rows[0], rows[1], strict=True))["Grade"] == 25


def test_a_student_s_page_shows_the_reason_and_nobody_else(marked):
    folder = report.report(marked).parent / "students"
    page = (folder / "s2.html").read_text(encoding="utf-8")
    assert NASTY not in page
    assert "&lt;script&gt;" in page
    for words in (
        "0.8 of 10 points",
        "20 % less",
        "<b>Why?</b> The kernel was turned",
        "cell 7",
        "section 3.2 of chapter 03",
    ):
        assert words in page
    for secret in ("s1", "Lee", "李雷", "the right value for", "same answer", "s3"):
        assert secret not in page
    assert "There is no cell in this file." in (folder / "s3.html").read_text(encoding="utf-8")
    assert not (folder / "s4.html").exists()


def test_the_class_page_says_what_needs_a_person_first(marked):
    page = report.report(marked).read_text(encoding="utf-8")
    assert NASTY not in page
    order = ["There is no cell in this file.", "the right value for s1", "Nothing that counts from 1", "<h2>Points",
             "<h2>Tasks", "kernel turned", "<h2>Who is stuck", "<h2>Everybody"]  # fmt: skip
    places = [page.index(words) for words in order]
    assert places == sorted(places)


def test_the_same_marks_give_the_same_bytes(marked):
    folder = report.report(marked).parent
    first = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    report.report(marked)
    assert {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == first


def test_a_report_before_anything_came(tmp_path):
    assignment = Assignment(tmp_path / "hw", "03", "03", TASKS, bytes(32), STUDENTS)
    save(assignment)
    assert "Nothing is marked yet" in report.report(assignment).read_text(encoding="utf-8")
    empty = Assignment(tmp_path / "none", "03", "03", (), bytes(32))
    save(empty)
    report.report(empty)


def test_damaged_marks_are_said(marked):
    (marked.folder / "marks" / "s1.json").write_text("{")
    with pytest.raises(Problem, match=r"s1.json is damaged. Delete it and run grade again"):
        report.report(marked)


def test_a_class_of_three_hundred_takes_seconds(tmp_path):
    students = tuple(Student(f"s{k:03d}", f"Vera Example{k}") for k in range(300))
    assignment = Assignment(tmp_path / "hw", "03", "03", TASKS[:2], bytes(32), students)
    save(assignment)
    (tmp_path / "in").mkdir()
    for student in students:
        data = notebook(student.id, student=student.id, seal=assignment.seal(student.id), name="03")
        (tmp_path / "in" / f"{student.id}.ipynb").write_bytes(data)
    index = collect.counting(collect.collect(assignment, [tmp_path / "in"]))
    (assignment.folder / "marks").mkdir()
    for id, entry in index.items():
        tasks = {"3.2": result("passed"), "3.4": result("wrong", text="no", misconception="rounded")}
        marks = {"student": id, "handin": entry["file"], "judge": {}, "problem": None, "tasks": tasks, "notes": []}
        (assignment.folder / "marks" / f"{id}.json").write_text(json.dumps(marks))
    started = time.process_time()
    page = report.report(assignment)
    assert time.process_time() - started < 10
    assert page.stat().st_size < 1_000_000


def fill(assignment, **cells) -> None:
    rows = table(assignment.folder / "written.csv")
    for row in rows[1:]:
        row[3], row[4] = cells.get("points", row[3]), cells.get("comment", row[4])
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=cells.get("delimiter", ",")).writerows(rows)
    (assignment.folder / "written.csv").write_text(text.getvalue(), encoding="utf-8")


def test_written_answers_are_marked_in_a_sheet_and_kept(marked):
    report.report(marked)
    rows = table(marked.folder / "written.csv")
    assert rows[1][:3] == ["s1", "3.4w", "'=cmd()" + NASTY], "no spreadsheet takes it for a formula"
    fill(marked, points="2,5", comment="Nearly: <b>", delimiter=";")
    page = report.report(marked).parent / "students" / "s1.html"
    assert grades(marked)["s1"].points == 9.5
    assert "Nearly: &lt;b&gt;" in page.read_text(encoding="utf-8")
    assert table(marked.folder / "written.csv")[1][3:] == ["2.5", "Nearly: <b>"]


def test_an_answer_that_changed_since_it_was_marked_is_said(marked):
    report.report(marked)
    fill(marked, points="1")
    store(marked, "s1", {"3.4w": result("to be marked", source="Another answer.")})
    report.report(marked)
    assert table(marked.folder / "written.csv")[1][2:] == [
        "Another answer.",
        "1",
        "(answer changed since it was marked)",
    ]


@pytest.mark.parametrize("points", ["4", "-1", "three", "nan", "1e9"])
def test_points_that_cannot_be_are_said_with_their_line(marked, points):
    report.report(marked)
    fill(marked, points=points)
    with pytest.raises(Problem, match=r"written.csv, line 2 \(s1, 3.4w\): points must be a number from 0 to 3"):
        report.report(marked)


def test_the_page_for_written_answers_shows_question_and_rubric(marked):
    questions = {"3.4w": Question("Why <so>?", ("1/2: this", "1/2: that"))}
    _, page = written.write_sheet(marked, report._marks(marked), questions)
    text = page.read_text(encoding="utf-8")
    assert "Why &lt;so&gt;?" in text
    assert "<li>1/2: this</li>" in text
    assert NASTY not in text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_cell_is_a_formula(text):
    assert tables.cell(text) == f"'{text}"
    assert tables.cell(f"a{text}") == f"a{text}"


@pytest.mark.parametrize(
    ("name", "heading", "column"),
    [
        ("03-Autumn", "Homework 03-Autumn (5)", "Homework 03-Autumn (5)"),
        ("03", "03 - Convolution (5)", "03 - Convolution (5)"),
        ("03", "03 (draft)", "Homework 03"),
        ("1", "10 minutes (7)", "Homework 1"),
        ("03", "Homework 03-autumn (7)", "Homework 03"),
    ],
)
def test_canvas_s_own_column_is_found_and_no_other(tmp_path, name, heading, column):
    students = (Student("s1"), Student("s2", extra={heading: ""}))
    assignment = Assignment(tmp_path, name, "03", TASKS, bytes(32), students)
    assert report.canvas_table(assignment, [])[0][-1] == column


def test_moodle_s_dash_for_no_date_stays_a_dash():
    assert tables.cell("-") == "-"


@pytest.mark.parametrize("text", ["=1+1", "-1", "@x", "plain", "'quoted'", "-"])
def test_a_cell_is_read_as_it_was(text):
    assert tables.bare(tables.cell(text)) == text


def test_the_median_of_two_lies_between_them(marked):
    """0 and 0.8 and 7 points; without the one in the middle 3.5."""
    assert "Median 0.8 of 10" in report.report(marked).read_text(encoding="utf-8")
    few = [grade for id, grade in grades(marked).items() if id in ("s1", "s3")]
    assert "Median 3.5 of 10" in pages.class_page(marked, few, {"entries": []})


def test_being_late_is_a_line_of_the_points_and_said_in_the_class(marked):
    page = report.report(marked)
    assert "late, 20 % less" in page.read_text(encoding="utf-8")
    own = (page.parent / "students" / "s2.html").read_text(encoding="utf-8")
    assert "handed in 25.0 hours late: 20 % less</td><td class='n'>&minus;0.2</td>" in own


def test_marks_without_a_hand_in_or_a_line_in_the_list_are_listed(marked):
    marks = {"student": "gone", "handin": "x", "problem": None, "tasks": {}, "notes": []}
    (marked.folder / "marks" / "gone.json").write_text(json.dumps(marks))
    assert grades(marked)["gone"].status == "nothing handed in"


def test_a_report_that_fails_leaves_the_old_one_and_nothing_else(marked, monkeypatch):
    page = report.report(marked)
    before, first = sorted(marked.folder.iterdir()), page.read_bytes()
    monkeypatch.setattr(pages, "class_page", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report.report(marked)
    assert sorted(marked.folder.iterdir()) == before
    assert page.read_bytes() == first
