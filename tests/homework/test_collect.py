"""Whatever comes in is kept, matched to a student or said to be nobody's; nothing hurts anybody else."""

import datetime
import io
import json
import os
import stat
import zipfile

import pytest

from tests.homework.conftest import notebook
from tools.common import Problem
from tools.homework import collect
from tools.homework.assignment import Assignment, Late, Student, Task, save

RELU = 'def relu(X):\n    return X\n\nrelu = check("2.3", relu)'


@pytest.fixture
def few(tmp_path) -> Assignment:
    """Three students with what Moodle and Canvas know of them."""
    students = (
        Student("s1", "Ann Lee", "ann@example.org", {"ID": "701", "Identifier": "Participant 9001"}),
        Student("s2", "Bülent Öz", "bulent@example.org", {"ID": "702"}),
        Student("s3", "李雷", "lei@example.org", {"ID": "703"}),
    )
    due = datetime.datetime(2027, 1, 31, 12, tzinfo=datetime.UTC)
    assignment = Assignment(tmp_path / "homework", "02", "02", (Task("2.3", 1),), bytes(32), students, due)
    save(assignment)
    return assignment


def of(assignment: Assignment, student: str, more: str = RELU) -> bytes:
    return notebook(more, student=student, seal=assignment.seal(student))


def zipped(path, members: dict[str, bytes], time=(2027, 1, 31, 10, 0, 0)):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, time), data)
    return path


def put(folder, files: dict[str, bytes], time: int = 0):
    for name, data in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        if time:
            os.utime(target, (time, time))
    return folder


def states(index: dict) -> dict[str, tuple]:
    return {entry["origin"]: (entry["student"], entry["status"]) for entry in index["entries"]}


def test_the_sealed_id_inside_counts_whatever_the_file_is_called(few, tmp_path):
    index = collect.collect(few, [put(tmp_path / "in", {"homework (1).ipynb": of(few, "s2"), "x.txt": of(few, "s1")})])
    assert states(index) == {"homework (1).ipynb": ("s2", "counts"), "x.txt": ("s1", "counts")}
    assert {entry["matched_by"] for entry in index["entries"]} == {"seal"}


def test_every_byte_is_kept(few, tmp_path):
    data = of(few, "s1")
    index = collect.collect(few, [put(tmp_path / "in", {"a.ipynb": data})])
    assert collect.handin_path(few, collect.counting(index)["s1"]).read_bytes() == data


def test_a_changed_seal_is_not_believed(few, tmp_path):
    data = notebook(RELU, student="s1", seal="0123456789")
    (entry,) = collect.collect(few, [put(tmp_path / "in", {"a.ipynb": data})])["entries"]
    assert (entry["student"], entry["status"]) == (None, "unknown student")
    assert "seal is wrong" in entry["reasons"][0]


def test_a_copy_for_nobody_counts_for_the_id_that_was_written_into_it(few, tmp_path):
    data = notebook('STUDENT = "s3"', RELU, student="-", seal="-")
    stranger = notebook('STUDENT = "s99"', RELU, student="-", seal="-")
    index = collect.collect(few, [put(tmp_path / "in", {"a.ipynb": data, "b.ipynb": stranger})])
    assert states(index) == {"a.ipynb": ("s3", "counts"), "b.ipynb": (None, "unknown student")}
    assert "s99, is not in the class list" in index["entries"][1]["reasons"][0]


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("s2/whatever.ipynb", "s2"),
        ("02_s1.ipynb", "s1"),
        ("oz_bulent.ipynb", "s2"),
        ("Ann Lee/02.ipynb", "s1"),
        ("李雷.ipynb", "s3"),
        ("somebody.ipynb", None),
        ("Ann Lee and Bülent Öz.ipynb", None),
    ],
)
def test_without_an_id_inside_names_are_read(few, tmp_path, name, student):
    (entry,) = collect.collect(few, [put(tmp_path / "in", {name: notebook(RELU)})])["entries"]
    assert entry["student"] == student
    assert entry["status"] == ("counts" if student else "unknown student")


def test_a_moodle_zip(few, tmp_path):
    path = zipped(
        tmp_path / "moodle.zip",
        {
            "Ann Lee_9001_assignsubmission_file_/02.ipynb": notebook(RELU),
            "Bülent Öz_9002_assignsubmission_file_/02.ipynb": notebook(RELU, "1"),
            "Nobody Known_9009_assignsubmission_file_/02.ipynb": notebook(RELU, "2"),
            "李雷_9003_assignsubmission_file_02.ipynb": notebook(RELU, "3"),
        },
    )
    index = collect.collect(few, [path])
    assert sorted(str(entry["student"]) for entry in index["entries"]) == ["None", "s1", "s2", "s3"]
    assert {entry["matched_by"] for entry in index["entries"] if entry["student"]} == {"moodle"}
    local = datetime.datetime(2027, 1, 31, 10).astimezone(datetime.UTC).isoformat(timespec="seconds")
    assert {entry["submitted"] for entry in index["entries"]} == {local}


def test_a_canvas_zip(few, tmp_path):
    path = zipped(
        tmp_path / "c.zip", {"leeann_701_88_02.ipynb": notebook(RELU), "ozb_LATE_702_89_02-1.ipynb": of(few, "s2")}
    )
    index = collect.collect(few, [path])
    assert sorted((e["student"], e["status"]) for e in index["entries"]) == [("s1", "counts"), ("s2", "counts")]


def test_an_nbgrader_exchange(few, tmp_path):
    inbound = "inbound/s1+02+2027-01-31 13:00:00.123456 UTC+abc/02.ipynb"
    put(
        tmp_path / "exchange",
        {inbound: notebook(RELU), "inbound/s1+02+2027-01-31 13:00:00.123456 UTC+abc/timestamp.txt": b"x"},
    )
    put(tmp_path / "submitted", {"s2/02/02.ipynb": notebook(RELU, "1")})
    index = collect.collect(few, [tmp_path / "exchange", tmp_path / "submitted"])
    assert sorted((e["student"], e["matched_by"]) for e in index["entries"]) == [("s1", "exchange"), ("s2", "exchange")]
    assert collect.minutes_late(few, collect.counting(index)["s1"]) == 60


def test_who_was_logged_in_and_whose_notebook_it_is_must_agree(few, tmp_path):
    """A copy of somebody else's notebook neither counts for the sender nor displaces the owner's."""
    collect.collect(few, [put(tmp_path / "in", {"a.ipynb": of(few, "s1", RELU + "  # mine")})])
    path = zipped(
        tmp_path / "m.zip", {"Bülent Öz_5_assignsubmission_file_/a.ipynb": of(few, "s1")}, (2027, 2, 1, 0, 0, 0)
    )
    index = collect.collect(few, [path])
    assert [e["status"] for e in index["entries"]] == ["counts", "conflict"]
    assert "Handed in by s2, made for s1" in index["entries"][1]["reasons"][-1]
    assert set(collect.counting(index)) == {"s1"}


def test_the_last_notebook_counts_and_what_is_none_displaces_nothing(few, tmp_path):
    for time, data in (
        (1, of(few, "s1", RELU + "#1")),
        (3, of(few, "s1", RELU + "#3")),
        (2, of(few, "s1", RELU + "#2")),
    ):
        collect.collect(few, [put(tmp_path / f"in{time}", {"s1.ipynb": data}, time * 1_000_000)])
    index = collect.collect(few, [put(tmp_path / "in4", {"s1/essay.pdf": b"%PDF", "s1/s1.ipynb": b"PK"}, 4_000_000)])
    assert [e["status"] for e in index["entries"]] == ["older", "counts", "older", "not a notebook", "not a notebook"]
    assert b"#3" in collect.handin_path(few, collect.counting(index)["s1"]).read_bytes()


def test_again_adds_nothing_and_loses_nothing(few, tmp_path):
    folder = put(tmp_path / "in", {"a.ipynb": of(few, "s1"), "b/a.ipynb": of(few, "s1")})
    first = collect.collect(few, [folder])
    assert sorted(e["status"] for e in first["entries"]) == ["counts", "same again"]
    assert collect.collect(few, [folder]) == first


def test_a_damaged_notebook_still_says_whose_it_is(few, tmp_path):
    whole = of(few, "s1", RELU + "\n" + "#" * 4000)
    index = collect.collect(few, [put(tmp_path / "in", {"a.ipynb": whole[: len(whole) // 2]})])
    assert states(index) == {"a.ipynb": ("s1", "counts")}


def test_the_notebook_of_another_homework_is_said(few, tmp_path):
    other = notebook("def conv2d(): ...", student="s1", seal="-", name="03")
    index = collect.collect(few, [put(tmp_path / "in", {"a.ipynb": other, "s2.ipynb": notebook('check("3.2", f)')})])
    assert {status for _, status in states(index).values()} == {"other assignment"}
    assert "It is of another homework: 03." in index["entries"][0]["reasons"]


def test_links_are_not_followed(few, tmp_path):
    secret = tmp_path / "secret.ipynb"
    secret.write_bytes(of(few, "s1"))
    folder = put(tmp_path / "in", {"b.ipynb": of(few, "s2")})
    (folder / "a.ipynb").symlink_to(secret)
    (folder / "all").symlink_to(few.folder, target_is_directory=True)
    index = collect.collect(few, [folder])
    assert states(index) == {"a.ipynb": (None, "unsafe"), "all": (None, "unsafe"), "b.ipynb": ("s2", "counts")}
    info = zipfile.ZipInfo("s1.ipynb")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr(info, str(secret))
    assert collect.collect(few, [tmp_path / "z.zip"])["entries"][-1]["status"] == "unsafe"


@pytest.mark.parametrize("name", ["../../s1.ipynb", "/tmp/s1.ipynb", "a/../../s1.ipynb", "C:/s1.ipynb", "..\\s1.ipynb"])
def test_a_zip_cannot_write_outside(few, tmp_path, name):
    before = sorted(path for path in tmp_path.rglob("*"))
    path = zipped(tmp_path / "z.zip", {name: of(few, "s1")})
    (entry,) = collect.collect(few, [path])["entries"]
    assert entry["status"] == "unsafe"
    assert "leads out of the zip file" in entry["reasons"][0]
    assert sorted(p for p in tmp_path.rglob("*") if "handins" not in str(p)) == sorted([*before, path])


def test_what_is_too_large_is_not_read(few, tmp_path, monkeypatch):
    monkeypatch.setattr(collect, "MOST_BYTES", 100_000)
    path = zipped(tmp_path / "bomb.zip", {"s1.ipynb": bytes(10_000_000), "s2.ipynb": of(few, "s2")})
    put(tmp_path / "in", {"s3.ipynb": bytes(200_000)})
    index = collect.collect(few, [path, tmp_path / "in"])
    assert [e["status"] for e in index["entries"]] == ["unsafe", "counts", "unsafe"]
    assert "It has 10 MB; a hand-in has at most 0." in index["entries"][0]["reasons"][0]


def test_zips_that_are_damaged_or_locked_are_said(few, tmp_path):
    put(tmp_path / "in", {"broken.zip": b"PK\x03\x04 no zip"})
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("s1.ipynb", of(few, "s1"))
    path = zipped(tmp_path / "outer.zip", {"Ann Lee_9001_assignsubmission_file_/hw.zip": inner.getvalue()})
    index = collect.collect(few, [tmp_path / "in", path])
    assert [e["status"] for e in index["entries"]] == ["unsafe", "counts"]
    assert "damaged" in index["entries"][0]["reasons"][0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_never_opened(few, tmp_path):
    (tmp_path / "in").mkdir()
    os.mkfifo(tmp_path / "in" / "s1.ipynb")
    (entry,) = collect.collect(few, [tmp_path / "in"])["entries"]
    assert entry["reasons"] == ["It is no plain file and was not opened."]


def test_nothing_at_a_path(few, tmp_path):
    with pytest.raises(Problem, match="There is nothing at .*typo"):
        collect.collect(few, [tmp_path / "typo"])


def test_a_damaged_index_is_not_written_over(few, tmp_path):
    collect.collect(few, [put(tmp_path / "in", {"a.ipynb": of(few, "s1")})])
    (few.folder / "handins" / "index.json").write_text("{")
    with pytest.raises(Problem, match="is damaged.*the files are all there"):
        collect.collect(few, [tmp_path / "in"])


def test_the_summary_names_what_a_person_must_know(few, tmp_path):
    late = int(datetime.datetime(2027, 1, 31, 15, tzinfo=datetime.UTC).timestamp())
    put(tmp_path / "in", {"a.ipynb": of(few, "s1")}, late)
    put(tmp_path / "in", {"readme.txt": b"hello"}, late)
    text = collect.summary(few, collect.collect(few, [tmp_path / "in"]))
    assert "2 files so far; of 1 students one counts." in text
    assert "Late: s1 by 3 h." in text
    assert "not a notebook: readme.txt. It is no notebook: nothing in it is a cell." in text
    assert "Nothing that counts from 2: s2 Bülent Öz, s3 李雷." in text


def test_without_a_class_list_ids_are_taken_as_they_are(tmp_path):
    assignment = Assignment(tmp_path / "homework", "02", "02", (Task("2.3", 1),), bytes(32))
    save(assignment)
    data = notebook('STUDENT = "anyone"', RELU, student="-", seal="-")
    index = collect.collect(assignment, [put(tmp_path / "in", {"a.ipynb": data})])
    assert states(index) == {"a.ipynb": ("anyone", "counts")}


@pytest.mark.parametrize(
    ("minutes", "share"),
    [
        (None, 1),
        (-100, 1),
        (15, 1),
        (16, 0.9),
        (24 * 60, 0.9),
        (24 * 60 + 1, 0.8),
        (10 * 24 * 60, 0.5),
        (15 * 24 * 60, 0),
    ],
)
def test_what_being_late_costs(minutes, share):
    assert Late().keeps(minutes) == pytest.approx(share)


def test_three_hundred_files_in_one_zip(tmp_path):
    students = tuple(Student(f"s{k:03d}", f"Vera Example{k}") for k in range(300))
    assignment = Assignment(tmp_path / "homework", "02", "02", (Task("2.3", 1),), bytes(32), students)
    save(assignment)
    members = {f"{s.name}_{k}_assignsubmission_file_/02.ipynb": notebook(RELU, str(k)) for k, s in enumerate(students)}
    index = collect.collect(assignment, [zipped(tmp_path / "m.zip", members)])
    assert set(collect.counting(index)) == {student.id for student in students}
    assert json.loads((assignment.folder / "handins" / "index.json").read_text()) == index
