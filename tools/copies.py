"""The learner's own copies of the chapters in `my/`: made once, never written again. Reads on Python 3.7 and newer."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from pathlib import Path

from tools.common import Problem, make_folder, write_new, write_whole

ORIGIN = ".origin.json"
START_PAGE = "START_HERE.md"
PLAIN_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def chapters(root: Path) -> dict[int, Path]:
    """Number -> notebook, in order.

    Raises
    ------
    Problem
        If chapters/ holds no notebooks.
    """
    found = {int(path.name[:2]): path for path in sorted((root / "chapters").glob("[0-9][0-9]_*.ipynb"))}
    if not found:
        raise Problem(
            "The folder chapters/ holds no notebooks (NN_name.ipynb).\n"
            "Get the course again, or make them from chapters/text with the command build."
        )
    return found


def pick(root: Path, text: str) -> Path:
    """The chapter with the number `2` or `02`.

    Raises
    ------
    Problem
        If there is no such chapter.
    """
    known = chapters(root)
    if not text.isdigit() or int(text) not in known:
        raise Problem(f"There is no chapter {text!r}. There are: " + ", ".join(f"{number:02d}" for number in known))
    return known[int(text)]


def title(notebook: Path) -> str:
    """The notebook's first heading, or its file name."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        if cell["cell_type"] == "markdown":
            heading = re.search(r"^#\s+(.+)$", "".join(cell["source"]), re.MULTILINE)
            if heading:
                return heading.group(1).strip()
    return notebook.stem


def digest(path: Path) -> str:
    """The fingerprint of a chapter as it stands."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_copies(root: Path, kernel: dict[str, str]) -> list[Path]:
    """Copy every chapter that has no copy yet, with the given kernelspec; return the new ones."""
    make_folder(root / "my", root)
    return [
        copy for chapter in chapters(root).values() for copy in [_copy(root, chapter, chapter.name, kernel)] if copy
    ]


def make_fresh(root: Path, chapter: Path, kernel: dict[str, str]) -> Path | None:
    """Start a chapter anew; return where the learner's copy is kept (None when there was none)."""
    current, kept = root / "my" / chapter.name, None
    if current.exists():
        kept = _free_name(root, chapter, "until")
        current.rename(kept)
        known = origins(root)
        if chapter.name in known:
            known[kept.name] = known.pop(chapter.name)
            _record(root, known)
    _copy(root, chapter, chapter.name, kernel)
    return kept


def adopt(root: Path) -> None:
    """Take files in my/ that course.py did not make as copies of the chapters as they stand now."""
    known = origins(root)
    for chapter in chapters(root).values():
        if chapter.name not in known and (root / "my" / chapter.name).exists():
            _record(root, dict(origins(root), **{chapter.name: digest(chapter)}))


def put_newer_beside(root: Path) -> list[Path]:
    """Put the chapters that changed since the learner's copy was made beside it, each under a dated name, once."""
    placed = []
    for chapter in chapters(root).values():
        learner = root / "my" / chapter.name
        known = origins(root)
        offered = {known[name] for name in known if name.startswith(chapter.stem)}
        if learner.exists() and digest(chapter) not in offered:
            newer = _free_name(root, chapter, "new")
            placed.append(_copy(root, chapter, newer.name, _kernel_of(learner)))
    return placed


def write_start_page(root: Path) -> Path:
    """Write the page that lists the chapters; the only file in my/ that is ever written again."""
    lines = [
        "<!-- Written anew by course.py at every start: keep your notes in another file. -->",
        "# Deep learning in medical image analysis",
        "",
        "These are your own copies: write in them, break them, save them. Nothing overwrites them.",
        "",
        "Coming back to a chapter? First choose **Run > Run All Cells**: it brings your functions and the widgets "
        "back.",
        "",
        "| chapter | other versions of it here |",
        "|---|---|",
    ]
    for chapter in chapters(root).values():
        others = sorted((root / "my").glob(f"{chapter.stem}_*.ipynb"))
        links = ", ".join(f"[{other.stem[len(chapter.stem) + 1 :]}]({other.name})" for other in others)
        lines.append(f"| [{_in_table(title(chapter))}]({chapter.name}) | {links} |")
    lines += [
        "",
        "`python3 course.py lab --fresh NN` keeps your copy of chapter NN under a dated name and starts it anew.",
        "",
    ]
    page = root / "my" / START_PAGE
    write_whole(page, "\n".join(lines).encode())
    return page


def origins(root: Path) -> dict[str, str]:
    """File name in my/ -> fingerprint of the chapter it was copied from."""
    try:
        return json.loads((root / "my" / ORIGIN).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise Problem(f"my/{ORIGIN} is damaged ({error}). Delete it: your copies stay as they are.") from error


def _record(root: Path, known: dict[str, str]) -> None:
    write_whole(root / "my" / ORIGIN, (json.dumps(known, indent=1, sort_keys=True) + "\n").encode())


def _copy(root: Path, chapter: Path, name: str, kernel: dict[str, str]) -> Path | None:
    target = root / "my" / name
    if target.exists():
        return None
    source = chapter.read_bytes()
    notebook = json.loads(source.decode("utf-8"))
    notebook["metadata"]["kernelspec"] = dict(kernel)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":  # whoever predicts should not see the answer below the question
            cell["outputs"], cell["execution_count"] = [], None
    if not write_new(target, (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()):
        return None
    _record(root, dict(origins(root), **{name: hashlib.sha256(source).hexdigest()}))
    return target


def _kernel_of(notebook: Path) -> dict[str, str]:
    """The kernelspec that a learner's notebook carries."""
    try:
        return json.loads(notebook.read_text(encoding="utf-8"))["metadata"]["kernelspec"]
    except (ValueError, KeyError):
        return PLAIN_KERNEL


def _free_name(root: Path, chapter: Path, word: str) -> Path:
    base = f"{chapter.stem}_{word}_{datetime.date.today().isoformat()}"
    names = [f"{base}.ipynb"] + [f"{base}_{number}.ipynb" for number in range(2, 1000)]
    return next(root / "my" / name for name in names if not (root / "my" / name).exists())


def _in_table(text: str) -> str:
    return re.sub(r"([|\[\]])", r"\\\1", text)
