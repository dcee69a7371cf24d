"""What the tests of the committed notebooks share: the chapters there are, and the results of a run of all of them."""

import datetime
import os
from pathlib import Path

import pytest

from tools import chapter, run
from tools.chapter import COURSE, Chapter

NOTEBOOKS = [Chapter(COURSE, path.stem) for path in sorted((COURSE / "chapters").glob("[0-9][0-9]_*.ipynb"))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with the argument `given` runs once for each committed notebook."""
    if "given" in metafunc.fixturenames:
        metafunc.parametrize("given", NOTEBOOKS, ids=[given.name for given in NOTEBOOKS])


@pytest.fixture
def notebooks() -> list[Chapter]:
    """The chapters that have a committed notebook."""
    return NOTEBOOKS


@pytest.fixture
def of_the_day() -> Chapter:
    """One committed notebook, another each day: what would take too long for all of them is done for this one."""
    if not NOTEBOOKS:
        pytest.skip("there are no notebooks yet")
    return NOTEBOOKS[datetime.date.today().toordinal() % len(NOTEBOOKS)]


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory):
    """Function from a chapter to its results by name: of nbval's run where there was one, else of a run of its own."""
    recorded = os.environ.get("COURSE_RESULTS_DIR")
    if recorded:
        folder = COURSE / recorded
        if not folder.is_dir():
            pytest.fail(f"COURSE_RESULTS_DIR names {folder}, which is not there; run `course.py test`.")
        return lambda given: dict(chapter.read_results(folder / f"{given.number}.jsonl"))
    folder = tmp_path_factory.mktemp("run")
    return lambda given: _run(given, folder)


def _run(given: Chapter, folder: Path) -> dict[str, float]:
    [outcome] = run.run([given], run.Settings(), folder)
    assert outcome.error is None, outcome.error
    return {judged.name: judged.value for judged in outcome.judged if judged.value is not None}
