"""What the repository says in two places agrees, and course.py reads on old Pythons."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import course
from tests.command.conftest import REPOSITORY
from tools import pythons, requirements

STDLIB_TOOLS = ("command", "common", "copies", "doctor", "environment", "kernel", "lab", "lock", "progress", "pythons")
STDLIB_TOOLS += ("requirements", "testing", "update")


def test_conda_environment_is_in_step_with_requirements() -> None:
    written = (REPOSITORY / "environment.yml").read_text(encoding="utf-8")
    assert written == requirements.conda_environment(REPOSITORY), "run: python3 -m tools.requirements"


def test_supported_pythons_are_those_of_pyproject() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (first, last), (_, stop) = pythons.OLDEST, pythons.NEWEST
    assert project["requires-python"] == f">={first}.{last},<{first}.{stop + 1}"
    assert pythons.supported() in course.TOO_OLD


def test_course_reads_on_python_3_6_and_the_tools_it_imports_on_3_7() -> None:
    ast.parse((REPOSITORY / "course.py").read_text(encoding="utf-8"), feature_version=(3, 6))
    for name in STDLIB_TOOLS:
        ast.parse((REPOSITORY / "tools" / f"{name}.py").read_text(encoding="utf-8"), feature_version=(3, 7))


def test_tools_before_the_environment_need_the_standard_library_only() -> None:
    for name in STDLIB_TOOLS:
        tree = ast.parse((REPOSITORY / "tools" / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for module in names:
                assert module.split(".")[0] in {*sys.stdlib_module_names, "tools"}, f"tools/{name}.py imports {module}"


def test_too_old_a_python_is_told_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 6, 15))
    assert course.main(["lab"]) == 1
    assert "This is Python 3.6. The course needs Python 3.11, 3.12 or 3.13." in capsys.readouterr().out


@pytest.mark.parametrize("argv", [[], ["--help"], ["help"]])
def test_help_names_every_command(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert course.main(argv) == 0
    text = capsys.readouterr().out
    for command in ("lab", "test", "run", "build", "doctor", "update"):
        assert re.search(rf"^  {command}\b", text, re.MULTILINE)


def test_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        course.main(["labb"])
    assert refused.value.code == 2
    assert "labb" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="a script for Linux")
@pytest.mark.parametrize(("fails", "code"), [("neither", 0), ("newest", 1), ("colab", 1)])
def test_ci_runs_both_stacks_whatever_happens_and_passes_arguments_and_data(
    fails: str, code: int, tmp_path: Path
) -> None:
    (tmp_path / "main" / ".ci").mkdir(parents=True)
    (tmp_path / "shared" / "data").mkdir(parents=True)
    script = tmp_path / "main" / ".ci" / "run"
    script.write_bytes((REPOSITORY / ".ci" / "run").read_bytes())
    stub = f"import os, sys; print(sys.argv[1:], os.environ['COURSE_TEST_DATA']); sys.exit(sys.argv[3] == {fails!r})"
    (tmp_path / "main" / "course.py").write_text(stub)
    browser = tmp_path / "bin" / "chromium"
    browser.parent.mkdir()
    browser.touch()
    browser.chmod(0o755)
    variables = {k: v for k, v in os.environ.items() if k != "COURSE_TEST_DATA"}
    variables["PATH"] = f"{browser.parent}:{variables['PATH']}"
    done = subprocess.run(["bash", str(script), "--long"], env=variables, capture_output=True, text=True, cwd="/")
    assert done.returncode == code
    for stack in ("newest", "colab"):
        assert f"['test', '--stack', '{stack}', '--long'] {tmp_path / 'shared' / 'data'}" in done.stdout
        assert re.search(rf"^stack {stack}: {'FAILED' if stack == fails else 'passed'}, \d+ s$", done.stdout, re.M)
    assert re.search(r"^total: \d+ s$", done.stdout, re.MULTILINE)
    assert os.access(REPOSITORY / ".ci" / "run", os.X_OK)
