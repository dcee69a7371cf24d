"""Which Python can run the course, and where one is. Reads on Python 3.7 and newer."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from typing import NamedTuple

from tools.common import COURSE

OLDEST, NEWEST = (3, 11), (3, 13)
COLAB = "Or open the chapters in Google Colab (the badges in README.md): nothing to install."


class Machine(NamedTuple):
    """What decides whether TensorFlow exists for an interpreter."""

    version: tuple[int, int]
    system: str
    processor: str
    bits: int


def this_machine() -> Machine:
    """The interpreter that runs this code."""
    bits = 64 if sys.maxsize > 2**32 else 32
    return Machine(sys.version_info[:2], platform.system(), platform.machine().lower(), bits)


def unsuitable(machine: Machine, found: list[str] | None = None) -> str | None:
    """Why the course cannot run on this interpreter and what to do, or None when it can.

    `found` are the commands of suitable interpreters; by default they are looked for on the PATH.
    """
    if machine.system == "Darwin" and machine.processor == "x86_64":
        return (
            "This Python is built for Intel Macs, and TensorFlow 2.20 and newer has no version for them.\n"
            "On a Mac with Apple silicon, install an arm64 Python (python.org, or conda for arm64) and use that.\n"
            + COLAB
        )
    if machine.bits != 64:
        return "This is a 32-bit Python, and TensorFlow needs a 64-bit one. Install that and use it.\n" + COLAB
    if OLDEST <= machine.version <= NEWEST:
        return None
    what = "too old" if machine.version < OLDEST else "too new: TensorFlow has no version for it yet"
    lines = [f"This is Python {_dotted(machine.version)}, which is {what}. The course needs Python {supported()}."]
    found = find_supported() if found is None else found
    if found:
        lines += ["A suitable one is on this machine:", f"    {found[0]} course.py lab"]
    else:
        newest = _dotted(NEWEST)
        lines += [
            f"Install Python {newest} (python.org, your system's packages, or conda create -n course python={newest})",
            f"and run this command with it, for example: python{newest} course.py lab",
        ]
    return "\n".join([*lines, COLAB])


def supported() -> str:
    """The supported versions in words."""
    names = [_dotted(version) for version in _versions()]
    return ", ".join(names[:-1]) + " or " + names[-1]


def find_supported() -> list[str]:
    """Commands that start a supported Python, the newest first."""
    candidates = [[f"python{_dotted(version)}"] for version in reversed(_versions())]
    if os.name == "nt":
        candidates = [["py", f"-{_dotted(version)}"] for version in reversed(_versions())] + candidates
    return [" ".join(command) for command in candidates if _starts(command)]


def _starts(command: list[str]) -> bool:
    """Whether the command really starts: version managers leave commands on the PATH that only print an error."""
    program = shutil.which(command[0])
    if program is None:
        return False
    try:
        done = subprocess.run([program, *command[1:], "-c", ""], capture_output=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def missing_for_venv() -> str | None:
    """What to install when this Python cannot make an environment, or None when it can."""
    from importlib.util import find_spec

    if find_spec("venv") and find_spec("ensurepip"):
        return None
    version = _dotted(sys.version_info[:2])
    return (
        "This Python cannot make an environment: its modules venv and ensurepip are not complete.\n"
        f"On Debian and Ubuntu:  sudo apt install python3-venv  (or python{version}-venv)\n"
        f"Then run the same command again. With conda no .venv is needed: environment.yml and `{COURSE} lab --here`."
    )


def _versions() -> list[tuple[int, int]]:
    return [(OLDEST[0], minor) for minor in range(OLDEST[1], NEWEST[1] + 1)]


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(str(part) for part in version)
