"""Make an environment and install what the course needs, once. Standard library only; reads on Python 3.7 and newer."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tools import pythons, requirements
from tools.common import COURSE, Problem, make_folder, relative, say, write_whole
from tools.lock import only_one
from tools.progress import Progress, run_logged

MARKER = "course.json"
ROOM_GB = 3.0

# What pip says -> what it means for the person at the keyboard. The first that is found counts.
PIP_REASONS = (
    (r"No space left on device|not enough space on the disk", "the disk is full ({folder}, or {temporary})"),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError", "the secure connection was refused (often a company proxy: set PIP_CERT)"),
    (r"ProxyError|Tunnel connection failed", "the proxy refused the connection (look at HTTPS_PROXY)"),
    (
        r"NewConnectionError|NameResolutionError|name resolution|getaddrinfo failed|Network is unreachable"
        r"|Connection refused|ConnectTimeout|Read timed out|ConnectionResetError",
        "there is no connection to the package index: connect to the network, then run the same command again",
    ),
    (r"Permission denied|Access is denied", "a file could not be written (is the course open in another program?)"),
    (r"[Ll]ong [Pp]ath", "a path is too long for Windows: move the course to a folder near the top of the disk"),
    (r"No matching distribution found for (?P<what>\S+)", "the package index has no {what} for this Python and system"),
    (r"ResolutionImpossible", "two requirements contradict each other"),
)


class Stack(NamedTuple):
    """A generation of packages, and the folder of the environment that holds it.

    `constraints` names a file of exact versions; `without` lists what is left out of the requirements; `python` is the
    version to make it with where this machine has that one (else the running one serves).
    """

    folder: str
    constraints: str = ""
    without: tuple[str, ...] = ()
    python: str = ""


NEWEST = Stack(".venv")
COLAB = Stack(
    ".venv-colab",
    constraints="requirements-colab.txt",
    without=("distributed", "jupyterlab", "papermill", "nbconvert", "playwright", "pyspellchecker", "ruff"),
    python="3.13",
)
STACKS = {"newest": NEWEST, "colab": COLAB}  # by the name on the command line


class Environment(NamedTuple):
    """A Python in which the course runs, and whether course.py made it."""

    python: Path
    own: bool

    def variables(self) -> dict[str, str]:
        """Environment variables for its processes; oneDNN is off so that numbers repeat from run to run."""
        variables = dict(os.environ)
        if self.own:  # what is meant for another Python does not belong into this one
            for name in ("PYTHONHOME", "PYTHONPATH"):
                variables.pop(name, None)
        variables["TF_ENABLE_ONEDNN_OPTS"] = "0"
        return variables


def venv_python(root: Path, stack: Stack = NEWEST) -> Path:
    """The interpreter of the environment."""
    return root / stack.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def ensure(root: Path, *, dev: bool = False, here: bool = False, stack: Stack = NEWEST) -> Environment:
    """The environment of the course, made or brought up to date first where that is needed.

    Parameters
    ----------
    root : the course folder
    dev : also what tests and builds need (requirements-dev.txt)
    here : use the running interpreter as it is and install nothing
    stack : which versions, in which folder; not together with `here`

    Raises
    ------
    Problem
        If the environment cannot be made; if `here` and something is missing.
    """
    if here:
        return _running_interpreter(root, dev)
    own = Environment(venv_python(root, stack), own=True)
    if _is_ready(root, dev, stack):
        return own
    make_folder(root, root)
    with only_one(make_folder(root / "build", root) / "setup.lock") as lock:
        if not _is_ready(root, dev, stack):  # another command may just have done it
            _set_up(root, dev, stack, lock)
    return own


def _running_interpreter(root: Path, dev: bool) -> Environment:
    python = Path(sys.executable)
    missing = requirements.unmet(_wanted(root, dev, False), requirements.installed(python))
    if missing:
        files = " ".join(f"-r {path.name}" for path in _files(root, dev))
        why = pythons.unsuitable(pythons.this_machine())
        raise Problem(
            "This Python lacks what the course needs:\n    "
            + "\n    ".join(missing)
            + f"\nInstall it by:  {python} -m pip install {files}"
            + (f"\n{why}" if why else f"\nOr leave out --here: `{COURSE} lab` then makes an environment of its own.")
        )
    return Environment(python, own=False)


def not_there(root: Path, stack: Stack) -> list[str]:
    """The packages of requirements.txt that are no part of the stack: a chapter that needs one has to install it."""
    there = {requirements.name_of(line) for line in requirements.read(root / stack.constraints)}
    names = [requirements.name_of(line) for line in requirements.read(root / "requirements.txt")]
    return [name for name in names if name not in there and name not in stack.without]


def _files(root: Path, dev: bool) -> list[Path]:
    return [root / "requirements.txt"] + ([root / "requirements-dev.txt"] if dev else [])


def _wanted(root: Path, dev: bool, small_tensorflow: bool, stack: Stack = NEWEST) -> list[str]:
    lines = [line for path in _files(root, dev) for line in requirements.read(path)]
    lines = [line for line in lines if requirements.name_of(line) not in stack.without]
    return requirements.for_machine(lines, small_tensorflow=small_tensorflow)


def _constraints(root: Path, small_tensorflow: bool, stack: Stack) -> list[str]:
    lines = requirements.read(root / stack.constraints) if stack.constraints else []
    return requirements.for_machine(lines, small_tensorflow=small_tensorflow)


def _state(root: Path, dev: bool, stack: Stack) -> dict[str, str]:
    """What the marker says of a complete environment."""
    small = requirements.small_tensorflow_is_enough()
    constraints = _constraints(root, small, stack)
    state = {
        "folder": str(root),
        "requirements": requirements.fingerprint(_wanted(root, False, small, stack) + constraints),
    }
    if dev:
        state["requirements-dev"] = requirements.fingerprint(_wanted(root, True, small, stack) + constraints)
    return state


def read_marker(root: Path, stack: Stack = NEWEST) -> dict[str, str]:
    """What the last complete set-up left; empty when there was none."""
    try:
        return json.loads((root / stack.folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _is_ready(root: Path, dev: bool, stack: Stack) -> bool:
    marker = read_marker(root, stack)
    return all(marker.get(key) == value for key, value in _state(root, dev, stack).items()) and starts(root, stack)


def starts(root: Path, stack: Stack = NEWEST) -> bool:
    """Whether the interpreter of the environment starts and is one that the course supports."""
    code = f"import sys; sys.exit(not {pythons.OLDEST} <= sys.version_info[:2] <= {pythons.NEWEST})"
    return _succeeds(venv_python(root, stack), "-I", "-c", code)


def _succeeds(python: Path, *arguments: str) -> bool:
    try:
        done = subprocess.run([str(python), *arguments], capture_output=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _set_up(root: Path, dev: bool, stack: Stack, lock: int | None) -> None:
    started = time.monotonic()
    log = make_folder(root / "build" / "logs", root) / "setup.log"
    log.write_text("", encoding="utf-8")
    with Progress() as progress:
        _make_venv(root, stack, log, progress, lock)
        pip_started = time.monotonic()
        dev = dev or "requirements-dev" in read_marker(root, stack)
        # From here to the last line the environment is not complete; without the marker the next command resumes.
        marker = root / stack.folder / MARKER
        if marker.exists():
            marker.unlink()
        _install(root, dev, log, progress, lock, stack)
        pip_seconds = time.monotonic() - pip_started
        write_whole(marker, json.dumps(_state(root, dev, stack), indent=1).encode())
    say(f"set-up took {time.monotonic() - started:.0f} s, of which pip {pip_seconds:.0f} s")


def _make_venv(root: Path, stack: Stack, log: Path, progress: Progress, lock: int | None) -> None:
    """Make the environment, or make it again where it is broken; leave a sound one alone."""
    folder, python = root / stack.folder, venv_python(root, stack)
    moved = read_marker(root, stack).get("folder", str(root)) != str(root)
    if (
        not moved
        and starts(root, stack)
        and (_succeeds(python, "-I", "-m", "pip", "--version") or _succeeds(python, "-m", "ensurepip"))
    ):
        return
    if Path(sys.prefix).resolve() == folder.resolve():
        raise Problem(
            f"The environment in {stack.folder} is broken, and runs this command. "
            "First:  deactivate  (or a new terminal)."
        )
    problem = pythons.unsuitable(pythons.this_machine()) or pythons.missing_for_venv()
    if problem:
        raise Problem(problem)
    if folder.exists():
        if not folder.is_dir() or (any(folder.iterdir()) and not (folder / "pyvenv.cfg").is_file()):
            raise Problem(
                f"There is something named {stack.folder} here that is not a Python environment. "
                "Rename it, then try again."
            )
        say(
            f"The environment in {stack.folder} does not work (Python was upgraded, or the folder moved): "
            "making it again."
        )
    else:
        say(
            f"First use: making the environment {stack.folder} and installing what the course needs. "
            "This takes some minutes."
        )
        _check_room(root)
    progress.show(f"making {stack.folder}")
    command = [*_interpreter(stack), "-m", "venv", "--clear", str(folder)]
    if run_logged(command, log, progress, keep_open=lock):
        raise Problem(_failure(f"Making {stack.folder} failed", root, log))


def _interpreter(stack: Stack) -> list[str]:
    """The command of the Python that makes the environment: of the stack's version if there is one, else this one."""
    running = ".".join(str(part) for part in sys.version_info[:2])
    if stack.python and stack.python != running:
        for command in pythons.find_supported():
            if command.endswith(stack.python):
                return command.split()
    return [sys.executable]


def _check_room(root: Path) -> None:
    free = shutil.disk_usage(root).free / 1e9
    if free < ROOM_GB:
        raise Problem(
            f"The disk has {free:.1f} GB free, and the environment needs about {ROOM_GB:.0f} GB.\n"
            "Make room, or copy the course to a larger disk."
        )


def _install(root: Path, dev: bool, log: Path, progress: Progress, lock: int | None, stack: Stack = NEWEST) -> None:
    small = requirements.small_tensorflow_is_enough()
    folder, python = root / stack.folder, venv_python(root, stack)
    wanted = folder / "course-requirements.txt"
    wanted.write_text("\n".join(_wanted(root, dev, small, stack)) + "\n", encoding="utf-8")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    variables = dict(Environment(python, own=True).variables(), PIP_USER="0")

    present = set(requirements.installed(python)) & set(requirements.TENSORFLOWS)
    if present - {requirements.TENSORFLOWS[int(small)]}:
        # Removing one takes files of the other along: remove both, the right one comes back below.
        progress.show("removing " + " and ".join(sorted(present)))
        run_logged([*pip, "uninstall", "--yes", *sorted(present)], log, progress, variables, keep_open=lock)

    command = [*pip, "install", "--progress-bar", "off", "-r", str(wanted)]
    if stack.constraints:
        constraints = folder / "course-constraints.txt"
        constraints.write_text("\n".join(_constraints(root, small, stack)) + "\n", encoding="utf-8")
        command += ["-c", str(constraints)]
    if run_logged(command, log, progress, variables, keep_open=lock, detail=lambda: _packages_there(folder)):
        raise Problem(_failure("Installing what the course needs failed", root, log))


def _packages_there(folder: Path) -> str:
    """What to add to the progress line: pip is silent while it unpacks."""
    places = "Lib/site-packages" if os.name == "nt" else "lib/python*/site-packages"
    return f" ({sum(1 for _ in folder.glob(places + '/*.dist-info'))} there)"


def _failure(what: str, root: Path, log: Path) -> str:
    """One sentence on why a logged command failed, and where the log is."""
    text = log.read_text(encoding="utf-8", errors="replace")[
        -6000:
    ]  # the end tells why; pip retries what failed before
    reason = "the log says why"
    for pattern, sentence in PIP_REASONS:
        found = re.search(pattern, text)
        if found:
            reason = sentence.format(folder=root, temporary=tempfile.gettempdir(), **found.groupdict())
            break
    else:
        errors = [line for line in text.splitlines() if line.startswith("ERROR: ")]
        if errors:
            reason = errors[0][len("ERROR: ") :]
    return f"{what}: {reason}.\nThe whole log: {relative(log, root)}"
