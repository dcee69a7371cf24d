"""Read requirements.txt, compare it with what is installed, write environment.yml. Reads on Python 3.7 and newer."""

from __future__ import annotations

import hashlib
import json
import operator
import platform
import re
import shutil
import subprocess
from pathlib import Path

# These two install the same files: with both, each breaks the other.
TENSORFLOWS = ("tensorflow", "tensorflow-cpu")

_LIST_INSTALLED = """
import importlib.metadata, json
print(json.dumps({d.metadata["Name"]: d.version for d in importlib.metadata.distributions() if d.metadata["Name"]}))
"""

_COMPARE = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


def read(path: Path) -> list[str]:
    """The requirements of a file, one a string, without comments."""
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def name_of(requirement: str) -> str:
    """`Scikit_Learn>=1.6` -> `scikit-learn`."""
    return normal(re.match(r"[A-Za-z0-9._-]+", requirement).group())


def normal(name: str) -> str:
    """The one spelling of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def for_machine(requirements: list[str], *, small_tensorflow: bool) -> list[str]:
    """The same list, with `tensorflow-cpu` in place of `tensorflow` where that is enough."""
    if not small_tensorflow:
        return list(requirements)
    return [re.sub(r"^tensorflow(?![\w-])", "tensorflow-cpu", requirement) for requirement in requirements]


def small_tensorflow_is_enough() -> bool:
    """Whether tensorflow-cpu serves here: Linux on x86-64 without an NVIDIA driver (others have no such package)."""
    linux = platform.system() == "Linux" and platform.machine().lower() in ("x86_64", "amd64")
    return linux and not has_nvidia_driver()


def has_nvidia_driver(root: Path = Path("/")) -> bool:
    """Whether an NVIDIA driver is installed (Linux, and Linux inside Windows)."""
    files = ("proc/driver/nvidia/version", "usr/lib/wsl/lib/nvidia-smi")
    return shutil.which("nvidia-smi") is not None or any((root / file).exists() for file in files)


def fingerprint(requirements: list[str]) -> str:
    """Changes when the list changes, not when a comment in it does."""
    return hashlib.sha256("\n".join(requirements).encode()).hexdigest()


def installed(python: Path) -> dict[str, str]:
    """Name -> version of every package that the interpreter sees (empty if it does not answer)."""
    try:
        done = subprocess.run([str(python), "-I", "-c", _LIST_INSTALLED], capture_output=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    if done.returncode:
        return {}
    return {normal(name): version for name, version in json.loads(done.stdout.decode()).items()}


def unmet(requirements: list[str], packages: dict[str, str]) -> list[str]:
    """One sentence for every requirement that the packages do not meet."""
    sentences = []
    for requirement in requirements:
        name = name_of(requirement)
        version = packages.get(name)
        if version is None and name == "tensorflow":
            version = packages.get("tensorflow-cpu")
        if version is None:
            sentences.append(f"{requirement} is not installed")
        elif not meets(version, requirement):
            sentences.append(f"{requirement} is needed, {version} is installed")
    return sentences


def meets(version: str, requirement: str) -> bool:
    """Whether a version lies in the range of a requirement such as `numpy>=2.1.3,<2.5` (releases only, no `~=`)."""
    for sign, bound in re.findall(r"([<>=!]=|[<>])\s*([0-9.]+)", requirement):
        left, right = _release(version), _release(bound)
        length = max(len(left), len(right))
        if not _COMPARE[sign](_padded(left, length), _padded(right, length)):
            return False
    return True


def _release(version: str) -> list[int]:
    return [int(part) for part in re.match(r"[0-9]+(?:\.[0-9]+)*", version).group().split(".")]


def _padded(release: list[int], length: int) -> list[int]:
    return release + [0] * (length - len(release))


def conda_environment(root: Path) -> str:
    """The text of environment.yml.

    Everything but Python comes by pip from the ranges of requirements.txt, so that conda users get the tested versions:
    some packages have other names, or come later, on conda-forge.
    """
    python = re.search(
        r'^requires-python = "(.+)"$', (root / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE
    )
    lines = [
        "# Made from requirements.txt by `python3 -m tools.requirements`; do not edit.",
        "# conda env create -f environment.yml; conda activate medical-imaging-course; python course.py lab --here",
        "name: medical-imaging-course",
        "channels:",
        "  - conda-forge",
        "  - nodefaults",
        "dependencies:",
        f"  - python {python.group(1)}",
        "  - pip",
        "  - pip:",
        *[f'      - "{requirement}"' for requirement in read(root / "requirements.txt")],
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    folder = Path(__file__).resolve().parent.parent
    (folder / "environment.yml").write_text(conda_environment(folder), encoding="utf-8")
