"""What all tests share: a progress file and a cache of their own, never the learner's."""

import pytest


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    """Progress and cache go to a temporary folder; COURSE_HEADLESS is off, so that answers count as a learner's do."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_HEADLESS", raising=False)
    return tmp_path


@pytest.fixture
def headless(monkeypatch):
    """Nothing waits for a prediction."""
    monkeypatch.setenv("COURSE_HEADLESS", "1")
