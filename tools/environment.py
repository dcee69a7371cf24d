"""Make `.venv` and install what the course needs, once. Standard library only; reads on Python 3.7 and newer."""

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


def venv_python(root: Path) -> Path:
    """The interpreter of `.venv`."""
    return root / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def ensure(root: Path, *, dev: bool = False, here: bool = False) -> Environment:
    """The environment of the course, made or brought up to date first where that is needed.

    Parameters
    ----------
    root : the course folder
    dev : also what tests and builds need (requirements-dev.txt)
    here : use the running interpreter as it is and install nothing

    Raises
    ------
    Problem
        If the environment cannot be made; if `here` and something is missing.
    """
    if here:
        return _running_interpreter(root, dev)
    own = Environment(venv_python(root), own=True)
    if _is_ready(root, dev):
        return own
    make_folder(root, root)
    with only_one(make_folder(root / "build", root) / "setup.lock") as lock:
        if not _is_ready(root, dev):  # another command may just have done it
            _set_up(root, dev, lock)
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


def _files(root: Path, dev: bool) -> list[Path]:
    return [root / "requirements.txt"] + ([root / "requirements-dev.txt"] if dev else [])


def _wanted(root: Path, dev: bool, small_tensorflow: bool) -> list[str]:
    lines = [line for path in _files(root, dev) for line in requirements.read(path)]
    return requirements.for_machine(lines, small_tensorflow=small_tensorflow)


def _state(root: Path, dev: bool) -> dict[str, str]:
    """What the marker says of a complete environment."""
    small = requirements.small_tensorflow_is_enough()
    state = {"folder": str(root), "requirements": requirements.fingerprint(_wanted(root, False, small))}
    if dev:
        state["requirements-dev"] = requirements.fingerprint(_wanted(root, True, small))
    return state


def read_marker(root: Path) -> dict[str, str]:
    """What the last complete set-up left; empty when there was none."""
    try:
        return json.loads((root / ".venv" / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _is_ready(root: Path, dev: bool) -> bool:
    marker = read_marker(root)
    return all(marker.get(key) == value for key, value in _state(root, dev).items()) and starts(root)


def starts(root: Path) -> bool:
    """Whether the interpreter of `.venv` starts and is one that the course supports."""
    code = f"import sys; sys.exit(not {pythons.OLDEST} <= sys.version_info[:2] <= {pythons.NEWEST})"
    return _succeeds(root, "-I", "-c", code)


def _succeeds(root: Path, *arguments: str) -> bool:
    try:
        done = subprocess.run([str(venv_python(root)), *arguments], capture_output=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _set_up(root: Path, dev: bool, lock: int | None) -> None:
    started = time.monotonic()
    log = make_folder(root / "build" / "logs", root) / "setup.log"
    log.write_text("", encoding="utf-8")
    with Progress() as progress:
        _make_venv(root, log, progress, lock)
        pip_started = time.monotonic()
        dev = dev or "requirements-dev" in read_marker(root)
        # From here to the last line the environment is not complete; without the marker the next command resumes.
        marker = root / ".venv" / MARKER
        if marker.exists():
            marker.unlink()
        _install(root, dev, log, progress, lock)
        pip_seconds = time.monotonic() - pip_started
        write_whole(marker, json.dumps(_state(root, dev), indent=1).encode())
    say(f"set-up took {time.monotonic() - started:.0f} s, of which pip {pip_seconds:.0f} s")


def _make_venv(root: Path, log: Path, progress: Progress, lock: int | None) -> None:
    """Make `.venv`, or make it again where it is broken; leave a sound one alone."""
    folder = root / ".venv"
    moved = read_marker(root).get("folder", str(root)) != str(root)
    if (
        not moved
        and starts(root)
        and (_succeeds(root, "-I", "-m", "pip", "--version") or _succeeds(root, "-m", "ensurepip"))
    ):
        return
    if Path(sys.prefix).resolve() == folder.resolve():
        raise Problem(
            "The environment in .venv is broken, and runs this command. First:  deactivate  (or a new terminal)."
        )
    problem = pythons.unsuitable(pythons.this_machine()) or pythons.missing_for_venv()
    if problem:
        raise Problem(problem)
    if folder.exists():
        if not folder.is_dir() or (any(folder.iterdir()) and not (folder / "pyvenv.cfg").is_file()):
            raise Problem(
                "There is something named .venv here that is not a Python environment. Rename it, then try again."
            )
        say("The environment in .venv does not work (Python was upgraded, or the folder moved): making it again.")
    else:
        say("First use: making the environment .venv and installing what the course needs. This takes some minutes.")
        _check_room(root)
    progress.show("making .venv")
    command = [sys.executable, "-m", "venv", "--clear", str(folder)]
    if run_logged(command, log, progress, keep_open=lock):
        raise Problem(_failure("Making .venv failed", root, log))


def _check_room(root: Path) -> None:
    free = shutil.disk_usage(root).free / 1e9
    if free < ROOM_GB:
        raise Problem(
            f"The disk has {free:.1f} GB free, and the environment needs about {ROOM_GB:.0f} GB.\n"
            "Make room, or copy the course to a larger disk."
        )


def _install(root: Path, dev: bool, log: Path, progress: Progress, lock: int | None) -> None:
    small = requirements.small_tensorflow_is_enough()
    wanted = root / ".venv" / "course-requirements.txt"
    wanted.write_text("\n".join(_wanted(root, dev, small)) + "\n", encoding="utf-8")
    pip = [str(venv_python(root)), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    variables = dict(Environment(venv_python(root), own=True).variables(), PIP_USER="0")

    present = set(requirements.installed(venv_python(root))) & set(requirements.TENSORFLOWS)
    if present - {requirements.TENSORFLOWS[int(small)]}:
        # Removing one takes files of the other along: remove both, the right one comes back below.
        progress.show("removing " + " and ".join(sorted(present)))
        run_logged([*pip, "uninstall", "--yes", *sorted(present)], log, progress, variables, keep_open=lock)

    command = [*pip, "install", "--progress-bar", "off", "-r", str(wanted)]
    if run_logged(command, log, progress, variables, keep_open=lock, detail=lambda: _packages_there(root)):
        raise Problem(_failure("Installing what the course needs failed", root, log))


def _packages_there(root: Path) -> str:
    """What to add to the progress line: pip is silent while it unpacks."""
    places = "Lib/site-packages" if os.name == "nt" else "lib/python*/site-packages"
    return f" ({sum(1 for _ in (root / '.venv').glob(places + '/*.dist-info'))} there)"


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
