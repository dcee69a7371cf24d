"""What is wrong with the set-up, and what to do. Standard library only; reads on Python 3.7 and newer."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tools import environment, pythons, requirements
from tools.common import COURSE, say

DISK_GB = environment.ROOM_GB
MEMORY_GB = 4.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
MAC_BROWSERS = ("Chromium", "Google Chrome")


class Line(NamedTuple):
    """One finding: `level` is OK, WARN or FAIL; `advice` says what to do."""

    level: str
    text: str
    advice: str = ""


def examine(root: Path, here: bool = False) -> int:
    """Print one line per finding; return 1 if one of them is FAIL."""
    python = Path(sys.executable) if here else environment.venv_python(root)
    lines = [check_python(pythons.this_machine(), environment.starts(root) and not here)]
    lines += check_environment(root, python, here)
    lines += [check_folder(root, "."), check_folder(root, "my")]
    lines += [check_disk(shutil.disk_usage(root).free / 1e9), check_memory(memory_gb())]
    lines += [check_gpu(), check_browser(), check_cache(root), check_address(root)]
    for line in lines:
        say(f"{line.level:<5} {line.text}")
        if line.advice:
            say("      " + line.advice.replace("\n", "\n      "))
    return int(any(line.level == "FAIL" for line in lines))


def check_python(machine: pythons.Machine, has_environment: bool) -> Line:
    """The running interpreter; where a sound `.venv` exists, it is not the one that matters."""
    problem = pythons.unsuitable(machine)
    version = ".".join(str(part) for part in machine.version)
    if problem is None:
        return Line("OK", f"Python {version}")
    first, _, rest = problem.partition("\n")
    if has_environment:
        return Line("OK", f"Python {version} runs this command, and .venv has a suitable one of its own")
    return Line("FAIL", first, rest)


def check_environment(root: Path, python: Path, here: bool) -> list[Line]:
    """The packages of the environment against requirements.txt."""
    if not here and not (root / ".venv").exists():
        advice = f"`{COURSE} lab` makes it. If you brought your own: `{COURSE} doctor --here`."
        return [Line("WARN", "no environment yet", advice)]
    if not here and not environment.starts(root):
        return [Line("FAIL", "the environment .venv does not start", f"`{COURSE} lab` makes it again.")]
    pip = f"{python} -m pip"
    packages = requirements.installed(python)
    lines = [
        Line("FAIL", sentence, f"{pip} install -r requirements.txt" if here else f"`{COURSE} lab` installs it.")
        for sentence in requirements.unmet(requirements.read(root / "requirements.txt"), packages)
    ]
    lines += check_tensorflow(packages, pip) + check_widgets(packages, pip)
    if not lines:
        lines.append(Line("OK", f"packages: {len(packages)} installed, every range of requirements.txt is met"))
    if not here and not environment.read_marker(root):
        lines.append(Line("WARN", "the set-up of .venv is not complete", f"`{COURSE} lab` goes on with it."))
    return lines


def check_tensorflow(packages: dict[str, str], pip: str) -> list[Line]:
    """Two TensorFlows in one environment break each other."""
    if not set(requirements.TENSORFLOWS) <= set(packages):
        return []
    keep = requirements.TENSORFLOWS[int(requirements.small_tensorflow_is_enough())]
    both = " and ".join(requirements.TENSORFLOWS)
    advice = f'{pip} uninstall -y {" ".join(requirements.TENSORFLOWS)}\n{pip} install "{keep}=={packages[keep]}"'
    return [Line("FAIL", f"{both} are both installed: they overwrite each other's files", advice)]


def check_widgets(packages: dict[str, str], pip: str) -> list[Line]:
    """ipywidgets 7 is for Colab; JupyterLab 4 shows nothing for it."""
    version = packages.get("ipywidgets")
    if version is None or "jupyterlab" not in packages or requirements.meets(version, "ipywidgets>=8"):
        return []
    text = f"ipywidgets {version} shows no sliders in JupyterLab {packages['jupyterlab']}"
    return [Line("FAIL", text, f'{pip} install "ipywidgets>=8,<9"')]


def check_folder(root: Path, name: str) -> Line:
    """Whether the folder (or, where it does not exist yet, the course folder) can be written."""
    what = "the course folder" if name == "." else f"{name}/"
    folder = root / name if (root / name).exists() else root
    try:
        with tempfile.TemporaryFile(dir=str(folder)):
            return Line("OK", f"{what} can be written")
    except OSError as error:
        advice = "Copy the course into a folder of your own and run the command there."
        return Line("FAIL", f"{what} cannot be written ({error.strerror})", advice)


def check_disk(free_gb: float) -> Line:
    """Room for the environment, or for data when that is there already."""
    text = f"disk: {free_gb:.1f} GB free"
    if free_gb >= DISK_GB:
        return Line("OK", text)
    return Line("WARN", text, f"The environment needs about {DISK_GB:.0f} GB, data sets more: make room.")


def check_memory(total_gb: float | None) -> Line:
    """Memory of the machine, or of the container this runs in."""
    if total_gb is None:
        return Line("WARN", "memory: could not be read", f"The chapters need {MEMORY_GB:.0f} GB.")
    text = f"memory: {total_gb:.1f} GB"
    if total_gb >= MEMORY_GB:
        return Line("OK", text)
    return Line("WARN", text, "A chapter takes up to 3 GB: close other programs, and run one chapter at a time.")


def memory_gb(root: Path = Path("/")) -> float | None:
    """Total memory in GB, at most what the container may take; None where it cannot be told."""
    if os.name == "nt":
        return _windows_memory_gb()
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None
    for file in ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"):
        limit = (root / file).read_text().strip() if (root / file).is_file() else ""
        if limit.isdigit():
            total = min(total, int(limit))
    return total / 1e9


def _windows_memory_gb() -> float | None:
    kilobytes = ctypes.c_ulonglong()
    if not ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes)):
        return None
    return kilobytes.value * 1024 / 1e9


def check_gpu() -> Line:
    """An NVIDIA GPU that answers; the course needs none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        if requirements.has_nvidia_driver():
            return Line(
                "WARN", "an NVIDIA driver without nvidia-smi", "TensorFlow may not find the GPU; all runs without."
            )
        return Line("OK", "no NVIDIA GPU: none is needed")
    query = [program, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        done = None
    if done is None or done.returncode:
        return Line(
            "WARN", "nvidia-smi is there and does not answer", "Install the driver again; all runs without a GPU."
        )
    name = "; ".join(done.stdout.decode(errors="replace").strip().splitlines())
    if os.name == "nt":
        return Line("OK", f"GPU: {name}. TensorFlow uses it only inside WSL 2; on Windows itself all runs on the CPU")
    return Line("OK", f"GPU: {name}")


def check_browser() -> Line:
    """Chromium for the browser tests; learners need none of it."""
    found = find_browser()
    if found:
        return Line("OK", f"browser for the tests: {found}")
    advice = (
        "Only authors need it. Debian, Ubuntu: sudo apt install chromium; elsewhere install Chromium or Chrome,\n"
        "or with the Python of the environment: python -m playwright install chromium"
    )
    return Line("WARN", "no Chromium found: the browser tests cannot run", advice)


def find_browser() -> str | None:
    """The path of a Chromium or Chrome: on the PATH, as a Mac application, or brought by playwright."""
    for name in BROWSERS:
        path = shutil.which(name)
        if path:
            return path
    applications = [Path(f"/Applications/{name}.app") for name in MAC_BROWSERS]
    caches = {"darwin": "Library/Caches", "win32": "AppData/Local"}
    playwright = Path.home() / caches.get(sys.platform, ".cache") / "ms-playwright"
    return next((str(path) for path in [*applications, *playwright.glob("chromium*")] if path.exists()), None)


def check_cache(root: Path) -> Line:
    """What downloaded data and trained models take."""
    cache = Path(os.environ.get("COURSE_CACHE") or root / ".cache")
    size = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
    return Line("OK", f"cache: {size / 1e9:.2f} GB in {cache} (may be deleted; COURSE_CACHE moves it)")


def check_address(root: Path) -> Line:
    """The repository's address, which badges and the Colab cell are made from."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^repository = "(.+)"$', text, re.MULTILINE)
    address = os.environ.get("COURSE_REPO") or (found.group(1) if found else "")
    if address and "OWNER" not in address:
        return Line("OK", f"repository: {address}")
    advice = "Authors: put the real one into pyproject.toml, [project.urls], or set COURSE_REPO."
    return Line("WARN", f"the repository's address is a placeholder: {address}", advice)
