"""Progress survives crashes, damage and two notebooks at once, can be deleted, and moves elsewhere by a code."""

import json
import multiprocessing
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from helpers import check, hint, places, predict, quiz, reset, score, solution
from helpers.exercises import progress, registry
from helpers.exercises.registry import Unknown


def relu(A):
    return np.maximum(A, 0)


def stored() -> dict:
    return json.loads(places.progress_file().read_text())


def passed(*ids: str):
    return lambda data: [data["exercises"].update({id: {"passed": True}}) for id in ids]


def test_a_passed_exercise_stays_passed_after_a_later_mistake(capsys):
    check("2.3", relu)
    check("2.3", np.abs)
    entry = stored()["exercises"]["2.3"]
    assert entry["passed"]
    assert entry["attempts"] == 2


def test_running_the_same_code_again_is_no_new_attempt(capsys):
    for _ in range(3):
        check("2.3", relu)
    assert stored()["exercises"]["2.3"]["attempts"] == 1
    assert "2.3 `relu`: passed (1 attempt)" in repr(score())


@pytest.mark.parametrize("moment", ["os.fsync", "os.replace"])
def test_a_crash_in_the_middle_of_writing_loses_nothing(tmp_path, moment):
    """The process dies without a word, as in a power cut: what was there before is still there, and can be added to."""
    path = tmp_path / "p.json"
    progress.update(passed("2.3"), path)
    code = f"""
        import os, pathlib
        from helpers.exercises import progress, registry
        {moment} = lambda *args, **kwargs: os._exit(9)
        progress.update(lambda data: data["exercises"].clear(), pathlib.Path({str(path)!r}))
        """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=places.COURSE)
    assert done.returncode == 9
    assert list(progress.read(path)["exercises"]) == ["2.3"]
    progress.update(passed("2.4"), path)
    assert list(progress.read(path)["exercises"]) == ["2.3", "2.4"]


def test_a_half_written_file_is_replaced_by_the_last_good_one(tmp_path):
    path = tmp_path / "p.json"
    progress.update(passed("2.3"), path)
    progress.update(passed("2.4"), path)
    path.write_text(path.read_text()[:40])
    assert progress.read(path)["exercises"] == {"2.3": {"passed": True}}
    progress.update(passed("2.6"), path)
    assert set(progress.read(path)["exercises"]) == {"2.3", "2.6"}
    (damaged,) = tmp_path.glob("p.damaged-*.json")
    assert len(damaged.read_text()) == 40


@pytest.mark.parametrize("content", ["", "null", "[]", "{}", '{"exercises": 3}', "\0\0\0", "{"])
def test_any_damage_is_set_aside_and_work_goes_on(tmp_path, content):
    path = tmp_path / "p.json"
    path.write_text(content)
    progress.update(passed("2.3"), path)
    assert progress.read(path)["exercises"] == {"2.3": {"passed": True}}
    assert [p.read_text() for p in tmp_path.glob("p.damaged-*.json")] == [content]


def _write_many(path, start):
    for k in range(25):
        progress.update(passed(f"2.{start + k}"), path)


def test_two_kernels_at_once_lose_no_answer(tmp_path):
    path = tmp_path / "p.json"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(path, start)) for start in (100, 200)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(progress.read(path)["exercises"]) == 50


def test_no_temporary_file_is_left(tmp_path):
    path = tmp_path / "p.json"
    progress.update(passed("2.3"), path)
    progress.update(passed("2.4"), path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".p.json.last", "p.json"]


def test_the_file_can_be_deleted_at_any_time(capsys):
    check("2.3", relu)
    places.progress_file().unlink()
    check("2.3", relu)
    assert stored()["exercises"]["2.3"]["passed"]


def test_reset_forgets_one_a_prediction_a_chapter_or_all(capsys):
    check("2.3", relu)
    predict("2.3a", "?", ["a", "b"]).choose(2)
    quiz("2").answer(1, 2)
    assert "def relu(A):" in repr(reset("2.3"))
    assert "The larger of each entry and 0." in repr(reset("2.3"))  # the cell as it was handed out
    assert stored()["exercises"] == {}
    reset("2.3a")
    assert stored()["predictions"] == {}
    check("2.3", relu)
    reset("02")
    assert stored()["exercises"] == stored()["quiz"] == {}
    check("2.3", relu)
    reset("all")
    assert stored()["exercises"] == {}
    with pytest.raises(Unknown, match=r"2\.9"):
        reset("2.99")


def test_hints_come_one_by_one_and_the_solution_is_remembered(capsys):
    said = []
    for _ in range(4):
        hint("2.3")
        said.append(capsys.readouterr().out)
    assert [text.split(".")[0] for text in said] == [f"Hint {k} of 3" for k in (1, 2, 3, 1)]
    assert 'solution("2.3")' in said[2]
    solution("2.3")
    assert "return np.maximum(A, 0)" in capsys.readouterr().out
    assert stored()["exercises"]["2.3"]["solution"] is True


def test_looking_at_the_solution_of_a_solved_exercise_is_free(capsys):
    check("2.3", relu)
    solution("2.3")
    assert stored()["exercises"]["2.3"]["solution"] is False


@pytest.mark.parametrize("entry", [3, None, {}, {"passed": True}, {"attempts": 1}])
def test_an_entry_of_another_version_is_made_good(entry, capsys):
    """A progress file outlives the release that wrote it."""
    progress.update(lambda data: [data["exercises"].update({"2.3": entry}), data["quiz"].update({"2.q1": 9})])
    hint("2.3")
    solution("2.3")
    assert "2.3 `relu`" in repr(score())
    assert quiz("2")._one(1, quiz("2").questions[0]).children[1].value is None
    check("2.3", relu)
    assert stored()["exercises"]["2.3"]["passed"] is True


def test_a_solution_seen_before_any_attempt_is_told(capsys):
    solution("2.3")
    assert "2.3 `relu`: open (solution seen)" in repr(score())


def test_score_tells_where_one_stands(capsys):
    check("2.3", relu)
    predict("2.3a", "?", ["a", "b", "c"]).choose(3)
    quiz("2").answer(1, 1)
    quiz("2").answer(1, 2)
    text = repr(score())
    most = sum(exercise.points for exercise in registry.exercises("02").values())
    assert f"1 of {most} points" in text
    assert "2.3 `relu`: passed" in text
    chapter = registry.chapter("02")
    assert f"Predictions: 1 of {len(chapter.PREDICTIONS)} made, 1 came true" in text
    assert f"Quiz: 1 of {len(chapter.QUIZ)} answered, 0 right at the first try" in text


def test_the_code_of_score_is_accepted_elsewhere(tmp_path, monkeypatch, capsys):
    check("2.3", relu)
    code = repr(score()).split('score("')[1].split('"')[0]
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "another machine" / "p.json"))
    assert "Chapter 02: not begun, 6 points" in repr(score())
    assert "1 of " in repr(score(code.lower().replace("-", " ")))


@pytest.mark.parametrize(
    "ids", [[], ["2.3"], ["2.3", "2.10", "10.23"], [f"{c}.{n}" for c in range(1, 11) for n in range(9)]]
)
def test_codes_go_there_and_back(ids):
    assert sorted(progress.decode(progress.encode(ids))) == sorted(ids)


@pytest.mark.parametrize("code", ["", "ABCD", "hello world", "!!!!", "AIAA-ACB7-WM"])
def test_a_mistyped_code_changes_nothing(code):
    with pytest.raises(ValueError, match="Copy the whole code"):
        score(code)
    assert not places.progress_file().exists()


def test_one_wrong_character_is_always_noticed():
    code = progress.encode(["2.3", "2.4"])
    for i, letter in enumerate(code):
        if letter != "-":
            wrong = code[:i] + ("A" if letter != "A" else "B") + code[i + 1 :]
            try:
                assert progress.decode(wrong) == ["2.3", "2.4"]  # the last letter carries bits that are not used
                assert i == len(code) - 1
            except ValueError:
                pass


def test_headless_runs_leave_no_trace(monkeypatch, tmp_path, capsys):
    """Not in my/, and not in a file that COURSE_PROGRESS names either."""
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    monkeypatch.setattr(places, "COURSE", tmp_path / "course")
    check("2.3", relu)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.delenv("COURSE_HEADLESS")
    monkeypatch.delenv("COURSE_PROGRESS")
    assert places.progress_file() == tmp_path / "course" / "my" / "progress.json"


def test_colab_keeps_progress_on_drive_when_it_is_mounted(monkeypatch):
    monkeypatch.delenv("COURSE_PROGRESS")
    monkeypatch.setitem(sys.modules, "google.colab", object())
    monkeypatch.setattr(places.Path, "is_dir", lambda self: str(self) == "/content/drive/MyDrive")
    assert str(places.progress_file()).startswith("/content/drive/MyDrive/")


def test_unknown_ids_name_the_nearest():
    with pytest.raises(Unknown, match=r"Did you mean '2\.3'"):
        check("2.33", relu)
    with pytest.raises(Unknown, match="There are: 01, 02"):
        quiz("77")
    with pytest.raises(Unknown, match=r"2\.1a"):
        predict("2.z", "?", ["a"])
