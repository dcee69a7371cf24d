"""Marks for written answers: nothing that a person wrote is ever lost, moved to another or shown to the wrong one."""

import csv
import dataclasses
import io
import re

import pytest

from tests.homework.test_report import fill, grades, homework, marked, result, store, table  # noqa: F401
from tools.common import Problem
from tools.homework import report, written


def sheet(assignment) -> dict:
    return {(row[0], row[1]): row[2:] for row in table(assignment.folder / "written.csv")[1:]}


def test_marks_stay_when_the_hand_in_is_not_marked_at_the_moment(marked):  # noqa: F811
    report.report(marked)
    fill(marked, points="2", comment="Good.")
    path = marked.folder / "marks" / "s1.json"
    kept = path.read_bytes()
    path.unlink()
    report.report(marked)
    path.write_bytes(kept)
    report.report(marked)
    assert sheet(marked)["s1", "3.4w"][1:] == ["2", "Good."]


def test_a_comment_or_an_answer_with_an_apostrophe_or_a_sign_comes_back_as_it_was(marked):  # noqa: F811
    store(marked, "s1", {"3.4w": result("to be marked", source="'Twas brillig")})
    report.report(marked)
    fill(marked, points="1", comment="-1 for the sign")
    report.report(marked)
    report.report(marked)
    assert "changed" not in sheet(marked)["s1", "3.4w"][2]
    assert grades(marked)["s1"].comments["3.4w"] == "-1 for the sign"


def test_other_line_ends_are_no_other_answer(marked):  # noqa: F811
    store(marked, "s1", {"3.4w": result("to be marked", source="one\ntwo")})
    report.report(marked)
    fill(marked, points="1")
    path = marked.folder / "written.csv"
    path.write_bytes(path.read_bytes().replace(b"one\ntwo", b"one\r\ntwo"))
    report.report(marked)
    assert "changed" not in sheet(marked)["s1", "3.4w"][2]


def test_a_student_does_not_see_notes_for_the_instructor(marked):  # noqa: F811
    report.report(marked)
    fill(marked, points="1", comment="Well seen.")
    store(marked, "s1", {"3.4w": result("to be marked", source="Another answer.")})
    page = report.report(marked).parent
    student = (page / "students" / "s1.html").read_text(encoding="utf-8")
    assert "Well seen." in student
    assert "answer changed" not in student
    assert "changed since it was marked" in (page / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["nobody", "3.4w", "x", "1", ""]], r"line 2: there is no student 'nobody'"),
        ([["s1", "3.4w", "x", "1", ""]] * 2, r"line 3: s1, 3.4w is already in line 2"),
        ([["s1", "3.9w", "x", "1", ""]], r"line 2: there is no task '3.9w'"),
    ],
)
def test_lines_that_belong_to_nobody_are_said(marked, rows, message):  # noqa: F811
    text = io.StringIO(newline="")
    csv.writer(text).writerows([written.COLUMNS, *rows])
    (marked.folder / "written.csv").write_text(text.getvalue(), encoding="utf-8")
    with pytest.raises(Problem, match=message):
        written.read_sheet(marked)


def answers(**texts) -> dict:
    return {id: {"tasks": {"3.4w": result("to be marked", source=text)}} for id, text in texts.items()}


def test_what_was_typed_stays_with_its_answer_when_another_comes(homework):  # noqa: F811
    """The page keeps fields by their id, which must be the same for an answer and no other."""

    def fields(assignment, **texts) -> list[str]:
        page = written.write_sheet(assignment, answers(**texts), {})[1].read_text(encoding="utf-8")
        return re.findall("<input id='(points[0-9]+)'", page)

    (alone,) = fields(homework, s2="two")
    first, second = fields(homework, s1="one", s2="two")
    assert alone == second != first
    assert fields(homework, s1="one", s2="another")[1] != alone
    assert fields(dataclasses.replace(homework, key=bytes([1] * 32)), s2="two") != [alone]


def test_a_marked_answer_is_no_longer_to_be_marked(marked):  # noqa: F811
    report.report(marked)
    fill(marked, points="1")
    page = report.report(marked).read_text(encoding="utf-8")
    assert "title='marked by a person'" in page
    assert "title='to be marked by a person'" not in page
