"""Bands hold for seeds other than the one they were looked at with, and a run leaves the learner's progress alone."""

import pytest

from tools import run
from tools.chapter import COURSE

SECOND_SEED = 1234


def _run_with_second_seed(given, folder, monkeypatch):
    elsewhere, own = folder / "progress.json", COURSE / "my" / "progress.json"
    elsewhere.write_text("{}")
    before = own.read_bytes() if own.exists() else None
    monkeypatch.setenv("COURSE_PROGRESS", str(elsewhere))
    [outcome] = run.run([given], run.Settings(seed=SECOND_SEED), folder)
    assert outcome.error is None, outcome.error
    assert not [str(judged) for judged in outcome.judged if not judged.ok]
    assert elsewhere.read_text() == "{}"
    assert (own.read_bytes() if own.exists() else None) == before


def test_the_chapter_of_the_day_holds_with_another_seed(of_the_day, tmp_path, monkeypatch):
    _run_with_second_seed(of_the_day, tmp_path, monkeypatch)


@pytest.mark.long
def test_every_chapter_holds_with_another_seed(given, tmp_path, monkeypatch):
    _run_with_second_seed(given, tmp_path, monkeypatch)
