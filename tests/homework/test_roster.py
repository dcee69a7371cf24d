"""Class lists as they come out of Moodle, Canvas and spreadsheets."""

import pytest

from tools.common import Problem
from tools.homework.roster import read_roster

MOODLE = (
    "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,Last modified (submission),"
    "Last modified (grade),Feedback comments\n"
    'Participant 501,"Lee, Ann",ann@example.org,Submitted,,8.00,Yes,-,-,\n'
    "Participant 502,Bülent Öz,b@example.org,Submitted,,8.00,Yes,-,-,\n"
)
CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Homework 02 (4711)\n"
    "    Points Possible,,,,,8\n"
    '"Lee, Ann",701,u-1,ann,A,\n"Öz, Bülent",702,u-2,boz,A,\n"Student, Test",799,,x,A,\n'
)


def read(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "class.csv"
    path.write_bytes(text.encode(encoding))
    return read_roster(path)


def test_a_plain_list(tmp_path):
    students = read(tmp_path, "id,name,email\ns1,Ann Lee,ann@example.org\n\ns2,李雷,lei@example.org\n")
    assert [(s.id, s.name, s.email) for s in students] == [
        ("s1", "Ann Lee", "ann@example.org"),
        ("s2", "李雷", "lei@example.org"),
    ]


def test_moodle_s_grading_worksheet(tmp_path):
    first, second = read(tmp_path, MOODLE)
    assert (first.id, first.name, second.name) == ("Participant-501", "Lee, Ann", "Bülent Öz")
    assert first.extra["Maximum Grade"] == "8.00"


def test_moodle_s_list_of_participants_in_german(tmp_path):
    text = "Vorname;Nachname;Matrikelnummer;E-Mail-Adresse\r\nAnn;Lee;1234;a@example.org\r\n"
    (student,) = read(tmp_path, text, "cp1252")
    assert (student.id, student.name, student.email) == ("1234", "Ann Lee", "a@example.org")


def test_canvas_s_gradebook(tmp_path):
    students = read(tmp_path, CANVAS, "utf-8-sig")
    assert [(s.id, s.name, s.extra["ID"]) for s in students] == [
        ("u-1", "Lee, Ann", "701"),
        ("u-2", "Öz, Bülent", "702"),
    ]


def test_a_spreadsheet_s_unicode_text(tmp_path):
    (student,) = read(tmp_path, "ID number\tFirst name\tSurname\n77\tZoë\tO'Neil\n", "utf-16")
    assert (student.id, student.name) == ("77", "Zoë O'Neil")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("id,name\n", "names no student"),
        ("colour,shape\nred,round\n", "no column of ids.*Its columns: colour, shape. Expected one of: id"),
        ("id,name\ns1,A\n,B\n", "no column of ids that is filled for everybody"),
        ("id,name\ns1,A\ns2,B\ns1,C\n", "line 4: the id 's1' is already in line 2"),
        ("id,name\n!!!,A\n", "line 2: '!!!' in column 'id' cannot be an id"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, message):
    with pytest.raises(Problem, match=message):
        read(tmp_path, text)


def test_no_such_file(tmp_path):
    with pytest.raises(Problem, match="cannot be read: No such file"):
        read_roster(tmp_path / "nothing.csv")
