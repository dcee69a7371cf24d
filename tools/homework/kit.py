"""What lies in the sandbox: the judge's inner part, and `helpers` without exercises and without the answers."""

import ast
import hashlib
import shutil
import tempfile
from pathlib import Path

from helpers.exercises import registry
from tools.common import make_folder
from tools.homework.assignment import Task

HERE = Path(__file__).parent
HELPERS = HERE.parents[1] / "helpers"

_STAND_IN = '''"""In the sandbox there are no exercises: what a notebook says to them does nothing."""


def check(id, function):
    return function


def _nothing(*args, **kwargs):
    return None


hint = solution = reset = score = predict = quiz = homework = receipt = _nothing
'''
_GUARD = '''

def _taught(function):
    """Only the course's own code may call what a task asks for."""
    import functools
    import sys

    @functools.wraps(function)
    def asked(*args, **kwargs):
        if not sys._getframe(1).f_code.co_filename.startswith(__file__.split("helpers")[0]):
            raise RuntimeError(f"{function.__name__} is what this task asks you to write")
        return function(*args, **kwargs)

    return asked

'''


def make(tasks: tuple[Task, ...], root: Path) -> Path:
    """The folder that the sandbox sees as /judge, made once for the same course and tasks, below `root`."""
    answers = _answers(tasks)
    files = {path.relative_to(HELPERS.parent).as_posix(): path for path in sorted(HELPERS.rglob("*")) if _goes(path)}
    texts = {name: path.read_bytes() for name, path in files.items()}
    used = _used_within(texts)
    for name, functions in answers.items():
        texts[name] = _without(texts[name].decode(), functions, used).encode()
    texts["helpers/exercises/__init__.py"] = _STAND_IN.encode()
    for name in ("inside.py", "wire.py"):
        texts[name] = (HERE / name).read_bytes()
    texts["handin.py"] = (HELPERS / "exercises" / "handin.py").read_bytes()
    whole = b"".join(name.encode() + b"\0" + text + b"\0" for name, text in sorted(texts.items()))
    folder = make_folder(root, root) / f"kit-{hashlib.sha256(whole).hexdigest()[:16]}"
    if not folder.exists():
        _write(folder, texts)
    return folder


def _goes(path: Path) -> bool:
    inner = path.relative_to(HELPERS).parts
    return path.is_file() and inner[0] != "exercises" and path.suffix in (".py", ".csv", ".txt", ".js")


def _answers(tasks: tuple[Task, ...]) -> dict[str, set[str]]:
    """File below helpers/ -> the functions in it that are the answer to a task."""
    found: dict[str, set[str]] = {}
    for task in tasks:
        if task.kind != "written":
            reference = registry.exercise(task.exercise).reference
            name = reference.__module__.replace(".", "/") + ".py"
            if not name.startswith("helpers/exercises/"):
                found.setdefault(name, set()).add(reference.__name__)
    return found


def _used_within(texts: dict[str, bytes]) -> set[str]:
    """Every name that the code of `helpers` itself takes, re-exports aside."""
    used: set[str] = set()
    for name, text in texts.items():
        if name.endswith(".py") and not name.endswith("__init__.py"):
            for part in ast.walk(ast.parse(text)):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
                    used.add(part.id)
                elif isinstance(part, ast.Attribute):
                    used.add(part.attr)
    return used


def _without(text: str, functions: set[str], used: set[str]) -> str:
    """A module whose `functions` raise: emptied, or, where the course itself needs them, closed to others."""
    tree, lines, guard = ast.parse(text), text.split("\n"), False
    for node in reversed(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name in functions:
            if node.name in used:
                guard = True
                start = node.decorator_list[0].lineno if node.decorator_list else node.lineno
                lines.insert(start - 1, "@_taught")
            else:
                told = f'    raise RuntimeError("{node.name} is what this task asks you to write")'
                lines[node.body[0].lineno - 1 : node.end_lineno] = [told]
    if guard:
        first = next(n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef))
        lines.insert(min([first.lineno, *(d.lineno for d in first.decorator_list)]) - 1, _GUARD)
    return "\n".join(lines)


def _write(folder: Path, texts: dict[str, bytes]) -> None:
    """Whole or not at all; readable for the user of the sandbox, whatever the umask."""
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".kit-"))
    for name, text in texts.items():
        target = part / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text)
    for path in [part, *part.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    try:
        part.rename(folder)
    except OSError:  # another worker was faster
        shutil.rmtree(part)
