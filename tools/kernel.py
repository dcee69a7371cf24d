"""The course's kernel, so that any Jupyter server of this user opens the copies in my/ with the right Python.

Standard library only; reads on Python 3.7 and newer.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

from tools.common import Problem, say
from tools.environment import Environment

PREFIX = "medical-imaging-course"
DISPLAY_NAME = "Deep learning in medical images"

_JUPYTER_FOLDERS = """
import json
from jupyter_core.paths import jupyter_data_dir, jupyter_runtime_dir
print(json.dumps([jupyter_data_dir(), jupyter_runtime_dir()]))
"""


def jupyter_folders(environment: Environment) -> tuple[Path, Path]:
    """Jupyter's data and runtime folders of this user, as the environment's own Jupyter knows them.

    Raises
    ------
    Problem
        If Jupyter does not start there.
    """
    done = subprocess.run(
        [str(environment.python), "-c", _JUPYTER_FOLDERS], capture_output=True, env=environment.variables(), timeout=120
    )
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise Problem(f"Jupyter does not start: {''.join(last)}\nDelete the folder .venv and run the command again.")
    data, runtime = json.loads(done.stdout.decode())
    return Path(data), Path(runtime)


def kernel_name(root: Path) -> str:
    """One name per course folder: two clones on one machine do not share a kernel."""
    return f"{PREFIX}-{hashlib.sha256(str(root).encode()).hexdigest()[:8]}"


def register(root: Path, environment: Environment, data: Path) -> dict[str, str] | None:
    """Register the environment of `root` as a kernel of this user; return the kernelspec for notebooks.

    Copies made before the folder was moved or copied carry an older name. Inside `.venv` such a name points here as
    well (JupyterLab of an environment looks there first); for the user only where nothing else answers to it.
    Returns None, after saying why, where the user's folder cannot be written.
    """
    own = kernel_name(root)
    inside = environment.python.parent.parent / "share" / "jupyter" / "kernels"
    outside = data / "kernels"
    display_name = _display_name(root, own, outside)
    try:
        for name in sorted({own} | _names_in_use(root)):
            _write(inside / name, environment, display_name, inside)
            if name == own or not _answers(outside / name):
                _write(outside / name, environment, display_name, inside)
    except OSError as error:
        say(f"The kernel {DISPLAY_NAME!r} could not be registered in {data} ({error.strerror}).")
        say("JupyterLab as started by this command works without it; in another server, pick a kernel by hand.")
        return None
    return {"display_name": display_name, "language": "python", "name": own}


def _display_name(root: Path, own: str, kernels: Path) -> str:
    """The plain name; with the folder's name where another clone has taken it."""
    others = [path for path in kernels.glob(f"{PREFIX}-*") if path.name != own and _answers(path)]
    return f"{DISPLAY_NAME} ({root.name})" if others else DISPLAY_NAME


def _names_in_use(root: Path) -> set[str]:
    """The course's kernel names that notebooks in my/ carry."""
    pattern = re.compile(rf'"name": "({PREFIX}-[0-9a-f]{{8}})"')
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in (root / "my").glob("*.ipynb"))
    return {name for text in texts for name in pattern.findall(text)}


def _answers(spec: Path) -> bool:
    """Whether a registered kernel's interpreter exists."""
    try:
        return Path(json.loads((spec / "kernel.json").read_text(encoding="utf-8"))["argv"][0]).exists()
    except (OSError, ValueError, KeyError, IndexError):
        return False


def _write(spec: Path, environment: Environment, display_name: str, inside: Path) -> None:
    spec.mkdir(parents=True, exist_ok=True)
    for logo in (inside / "python3").glob("logo-*"):
        shutil.copyfile(logo, spec / logo.name)
    content = {
        "argv": [str(environment.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": display_name,
        "language": "python",
        "metadata": {"debugger": True},
        "env": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    }
    (spec / "kernel.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
