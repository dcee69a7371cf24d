"""`test` runs every part, also after one failed, and its exit code tells."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from tests.command.conftest import Course
from tools import command, environment, testing

PARTS = testing.parts  # the tests below put others in its place
SHOW = (
    "import os; from pathlib import Path; Path('seen.txt').write_text(repr([os.environ.get(name) for name in "
    "('COURSE_HEADLESS', 'COURSE_RESULTS_DIR', 'TF_ENABLE_ONEDNN_OPTS', 'PYTHONHASHSEED')]))"
)


@pytest.fixture
def parts(course: Course, monkeypatch: pytest.MonkeyPatch) -> list[testing.Part]:
    """The parts that `run_tests` runs in `course`; a module named `fails` and one named `shows`."""
    (course.root / "fails.py").write_text("raise SystemExit(2)")
    (course.root / "shows.py").write_text(SHOW)
    listed: list[testing.Part] = []
    monkeypatch.setattr(testing, "parts", lambda long, stack: listed)
    monkeypatch.setattr(
        environment, "ensure", lambda root, dev, here, stack: environment.Environment(Path(sys.executable), own=False)
    )
    return listed


def test_all_parts_passed(course: Course, parts: list[testing.Part], capfd: pytest.CaptureFixture[str]) -> None:
    (course.root / "build" / "results").mkdir(parents=True)
    (course.root / "build" / "results" / "of_last_time.json").touch()
    parts.append(testing.Part("good", ".", [("shows",)], notebooks=True))
    assert testing.run_tests(course.root) == 0
    assert capfd.readouterr().out.splitlines()[-1].split()[:2] == ["all", "passed"]
    results = course.root / "build" / "results"
    assert (course.root / "seen.txt").read_text() == repr(["1", str(results), "0", "0"])
    assert list(results.iterdir()) == []


def test_only_notebooks_run_headless_and_leave_results(
    course: Course, parts: list[testing.Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("COURSE_HEADLESS", "COURSE_RESULTS_DIR", "PYTHONHASHSEED"):
        monkeypatch.delenv(name, raising=False)
    parts.append(testing.Part("good", ".", [("shows",)]))
    assert testing.run_tests(course.root) == 0
    assert (course.root / "seen.txt").read_text() == repr([None, None, "0", None])
    assert [part.name for part in PARTS() if part.notebooks] == ["chapters", "bands"]


def test_one_failed_part_fails_the_whole_and_the_next_still_runs(
    course: Course, parts: list[testing.Part], capfd: pytest.CaptureFixture[str]
) -> None:
    parts += [testing.Part("bad", ".", [("fails",), ("shows",)]), testing.Part("good", ".", [("shows",)])]
    assert testing.run_tests(course.root) == 1
    summary = [line.split() for line in capfd.readouterr().out.splitlines()[-3:]]
    assert [words[:2] for words in summary] == [["bad", "FAILED"], ["good", "passed"], ["all", "FAILED"]]


def test_missing_folder_is_a_failure(
    course: Course, parts: list[testing.Part], capfd: pytest.CaptureFixture[str]
) -> None:
    parts.append(testing.Part("browser", "tests/browser", [("shows",)]))
    assert testing.run_tests(course.root) == 1
    assert "FAILED: no folder tests/browser" in capfd.readouterr().out


def test_folder_without_tests_is_a_failure(
    course: Course, parts: list[testing.Part], capfd: pytest.CaptureFixture[str]
) -> None:
    (course.root / "tests").mkdir()
    parts.append(testing.Part("code", "tests", [("pytest", "-q", "tests")]))
    assert testing.run_tests(course.root) == 1
    assert "FAILED: no tests found" in capfd.readouterr().out


def test_long_tests_run_only_when_asked_for(course: Course, parts: list[testing.Part]) -> None:
    (course.root / "tests").mkdir()
    (course.root / "tests" / "test_a.py").write_text(
        "import pytest\ndef test_short(): pass\n@pytest.mark.long\ndef test_long(): assert False\n"
    )
    short = ("pytest", "-q", "tests")
    parts.append(testing.Part("code", "tests", [short]))
    assert testing.run_tests(course.root) == 0
    parts[0] = testing.Part("code", "tests", [(*short, "-m", "")])
    assert testing.run_tests(course.root) == 1


def test_the_parts_are_all_there() -> None:
    parts = {part.name: part for part in testing.parts()}
    assert list(parts) == ["style", "code", "browser", "chapters", "bands"]
    assert [command[0] for command in parts["style"].commands] == ["ruff", "ruff"]
    (code,) = parts["code"].commands
    assert {"tests", "--ignore=tests/notebooks", "--ignore=tests/browser", "--ignore=tests/colab"} <= set(code)
    (chapters,) = parts["chapters"].commands
    assert {"--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=300", "loadfile"} <= set(chapters)
    assert all("-m" not in command for part in parts.values() for command in part.commands)
    for part in testing.parts(long=True)[1:]:
        assert part.commands[0][2:4] == ("-m", "")


def test_the_stack_of_colab_runs_what_does_not_depend_on_jupyterlab() -> None:
    parts = {part.name: part for part in testing.parts(stack=environment.COLAB)}
    assert list(parts) == ["code", "colab", "chapters", "bands"]
    assert {"tests/exercises", "tests/helpers"} <= set(parts["code"].commands[0])
    assert {"--nbval-lax", "chapters"} <= set(parts["chapters"].commands[0])
    assert [part.name for part in parts.values() if part.notebooks] == ["chapters", "bands"]
    for part in testing.parts(long=True, stack=environment.COLAB):
        assert part.commands[0][2:4] == ("-m", "")


def test_only_notebooks_of_the_colab_stack_get_the_stand_in(
    course: Course,
    parts: list[testing.Part],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (course.root / "requirements-colab.txt").write_text("numpy==2.1.3\n")
    (course.root / "requirements.txt").write_text("numpy>=2\npydicom>=3\n")
    code = "import os; print('seen', *map(os.environ.get, ('PYTHONPATH', 'PYTHONSTARTUP', 'COURSE_NOT_ON_COLAB')))"
    (course.root / "shows.py").write_text(code)
    stand_in = course.root / "tests" / "colab" / "stand_in"
    there = f"{stand_in} {stand_in / 'startup.py'} pydicom"
    for name in ("PYTHONPATH", "PYTHONSTARTUP", "COURSE_NOT_ON_COLAB"):
        monkeypatch.delenv(name, raising=False)
    for stack, notebooks, expected in [
        (environment.COLAB, True, there),
        (environment.COLAB, False, "None None None"),
        (environment.NEWEST, True, "None None None"),
    ]:
        parts[:] = [testing.Part("part", ".", [("shows",)], notebooks=notebooks)]
        assert testing.run_tests(course.root, stack=stack) == 0
        assert f"seen {expected}" in capfd.readouterr().out.splitlines()


@pytest.mark.parametrize("wanted", ["2.7", ".".join(platform.python_version_tuple()[:2])])
def test_another_python_than_that_of_colab_is_said(
    wanted: str,
    course: Course,
    parts: list[testing.Part],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (course.root / "requirements-colab.txt").write_text("")
    monkeypatch.setattr(environment, "COLAB", environment.COLAB._replace(python=wanted))
    assert testing.run_tests(course.root, stack=environment.COLAB) == 0
    output = capfd.readouterr().out
    assert f"on Python {platform.python_version()} in .venv-colab" in output
    assert ("Colab has 2.7. To test with that: put python2.7 on the PATH" in output) == (wanted == "2.7")


@pytest.mark.parametrize(
    ("arguments", "stack"), [((), environment.NEWEST), (("--stack", "colab"), environment.COLAB)], ids=["none", "colab"]
)
def test_the_option_chooses_the_stack(
    arguments: tuple[str, ...], stack: environment.Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(testing, "run_tests", lambda root, **options: asked.append(options) or 0)
    assert command.run_command(["test", *arguments], tmp_path) == 0
    assert asked == [{"long": False, "here": False, "stack": stack}]


def test_the_stack_of_colab_is_never_this_python(course: Course) -> None:
    code, output = course.run("test", "--stack", "colab", "--here")
    assert code == 2
    assert "not allowed with" in output
