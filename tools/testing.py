"""Run every test and say how long each part took. Standard library only; reads on Python 3.7 and newer."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from tools import environment
from tools.common import say
from tools.environment import Stack

RESULTS = Path("build", "results")
TWO_AT_A_TIME = ("-n", "2", "--dist", "loadfile")
NBVAL = ("--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=300")
NO_TESTS_FOUND = 5
STAND_IN = Path("tests", "colab", "stand_in")
OUR_CODE = ("course.py", "helpers", "tools", "tests")  # not my/: a learner's files answer to nobody's style


class Part(NamedTuple):
    """One part of the tests: commands (arguments of `python -m`) and the folder that they need.

    With `notebooks`, nothing waits for an answer, and the results of the chapters go where their bands are judged.
    """

    name: str
    folder: str
    commands: list[tuple[str, ...]]
    notebooks: bool = False


def parts(long: bool = False, stack: Stack = environment.NEWEST) -> list[Part]:
    """What `course.py test` runs, in this order."""
    pytest = ("pytest", "-q", *(("-m", "") if long else ()))
    if stack == environment.COLAB:
        pytest = (*pytest, "--disable-warnings")  # its old packages use what newer Pythons deprecate
    chapters = Part("chapters", "chapters", [(*pytest, *NBVAL, *TWO_AT_A_TIME, "chapters")], notebooks=True)
    if stack == environment.COLAB:
        return [
            Part("code", "tests", [(*pytest, *TWO_AT_A_TIME, "tests/exercises", "tests/helpers")]),
            Part("colab", "tests/colab", [(*pytest, *TWO_AT_A_TIME, "tests/colab")]),
            chapters,
            Part("bands", "tests/notebooks", [(*pytest, "tests/notebooks/test_bands.py")], notebooks=True),
        ]
    elsewhere = ("notebooks", "browser", "colab")
    unit = (*pytest, "tests", *TWO_AT_A_TIME, *(f"--ignore=tests/{name}" for name in elsewhere))
    return [
        Part("style", ".", [("ruff", "check", *OUR_CODE), ("ruff", "format", "--check", *OUR_CODE)]),
        Part("code", "tests", [unit]),
        Part("browser", "tests/browser", [(*pytest, "tests/browser")]),
        chapters,
        Part("bands", "tests/notebooks", [(*pytest, *TWO_AT_A_TIME, "tests/notebooks")], notebooks=True),
    ]


def run_tests(root: Path, *, long: bool = False, here: bool = False, stack: Stack = environment.NEWEST) -> int:
    """Run every part, also after one failed; print a summary; return 1 if any failed."""
    target = environment.ensure(root, dev=True, here=here, stack=stack)
    results = root / RESULTS
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    plain = dict(target.variables(), PYDEVD_DISABLE_FILE_VALIDATION="1")  # a kernel's debugger complains otherwise
    headless = dict(plain, COURSE_HEADLESS="1", COURSE_RESULTS_DIR=str(results), PYTHONHASHSEED="0")
    if stack == environment.COLAB:
        _say_which_python(target.python, stack)
        headless.update(colab_variables(root))
    started = time.monotonic()
    summary = [
        _run_part(root, part, target.python, headless if part.notebooks else plain) for part in parts(long, stack)
    ]
    say("\npart        result                                seconds")
    for name, reason, seconds in summary:
        say(f"{name:<11} {reason or 'passed':<36} {seconds:8.1f}")
    failed = any(reason for _, reason, _ in summary)
    say(f"{'all':<11} {'FAILED' if failed else 'passed':<36} {time.monotonic() - started:8.1f}")
    return int(failed)


def colab_variables(root: Path) -> dict[str, str]:
    """Variables with which a kernel takes itself for one of Colab: the stand-in says how."""
    folder = root / STAND_IN
    return {
        "PYTHONPATH": str(folder),
        "PYTHONSTARTUP": str(folder / "startup.py"),  # kernels run it before the first cell, other programs do not
        "COURSE_NOT_ON_COLAB": " ".join(environment.not_there(root, environment.COLAB)),
    }


def _say_which_python(python: Path, stack: Stack) -> None:
    command = [str(python), "-c", "import platform; print(platform.python_version())"]
    version = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    say(f"The stack of Colab, on Python {version} in {stack.folder}.")
    if not version.startswith(stack.python):
        say(
            f"Colab has {stack.python}. To test with that: put python{stack.python} on the PATH, delete {stack.folder}."
        )


def _run_part(root: Path, part: Part, python: Path, variables: dict[str, str]) -> tuple[str, str, float]:
    """Name, reason of failure (empty when passed), seconds."""
    say(f"\n== {part.name}")
    started = time.monotonic()
    if not (root / part.folder).is_dir():
        reason = f"FAILED: no folder {part.folder}"
    else:
        codes = [subprocess.call([str(python), "-m", *command], cwd=root, env=variables) for command in part.commands]
        reason = next((_reason(code) for code in codes if code), "")
    seconds = time.monotonic() - started
    say(f"== {part.name}: {reason or 'passed'}, {seconds:.1f} s")
    return part.name, reason, seconds


def _reason(code: int) -> str:
    return "FAILED: no tests found" if code == NO_TESTS_FOUND else f"FAILED (exit code {code})"
