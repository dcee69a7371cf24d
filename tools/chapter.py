"""What a chapter is: a text, the notebook made from it, and the surroundings in which both are run."""

import ast
import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
import yaml

from tools.common import write_whole

COURSE = Path(__file__).resolve().parents[1]
CELL_TIMEOUT = 600  # seconds that one cell may take; a whole chapter is meant to take 180
PARAMETERS = ("PROFILE", "SOURCE", "SEED")
RAISES = "raises-exception"


class ChapterError(Exception):
    """Something its reader can put right: the message says what was expected, what came and what to do.

    The commands print the message without a traceback.
    """


@dataclass(frozen=True)
class Chapter:
    """One chapter of the course in folder `course`; `name` is the stem of its files, such as "02_relu"."""

    course: Path
    name: str

    @property
    def number(self) -> str:
        """The two digits by which commands, bands and measurements know the chapter."""
        return self.name[:2]

    @property
    def text(self) -> Path:
        """The source, a MyST Markdown notebook."""
        return self.course / "chapters" / "text" / f"{self.name}.md"

    @property
    def notebook(self) -> Path:
        """What the build makes from the source, and what learners open."""
        return self.course / "chapters" / f"{self.name}.ipynb"


@dataclass(frozen=True)
class FrontMatter:
    """What the author says about a chapter: minutes for the learner, and import name -> pip name of what it needs."""

    number: str
    minutes: int
    needs: dict[str, str]


def find_texts(numbers: Iterable[str] = (), course: Path = COURSE) -> list[Chapter]:
    """The chapters that have a source, all of them or those with the given numbers ("2" and "02" are the same).

    Raises ChapterError when there are none, when a number is unknown or when two files share one.
    """
    return _find(numbers, course, course / "chapters" / "text", ".md")


def find_notebooks(numbers: Iterable[str] = (), course: Path = COURSE) -> list[Chapter]:
    """The chapters that have a notebook; otherwise like `find_texts`."""
    return _find(numbers, course, course / "chapters", ".ipynb")


def _find(numbers: Iterable[str], course: Path, folder: Path, suffix: str) -> list[Chapter]:
    names = sorted(path.stem for path in folder.glob(f"*{suffix}") if re.match(r"\d\d_", path.name))
    chapters: dict[str, Chapter] = {}
    for name in names:
        if name[:2] in chapters:
            raise ChapterError(f"{folder}: {chapters[name[:2]].name} and {name} have the same number; rename one.")
        chapters[name[:2]] = Chapter(course, name)
    if not chapters:
        raise ChapterError(f"There are no chapters: expected files such as 02_relu{suffix} in {folder}.")
    wanted = [number.zfill(2) for number in numbers] or list(chapters)
    unknown = [number for number in wanted if number not in chapters]
    if unknown:
        raise ChapterError(f"There is no chapter {', '.join(unknown)}; there are {', '.join(chapters)}.")
    return [chapters[number] for number in dict.fromkeys(wanted)]


def read_front_matter(chapter: Chapter) -> FrontMatter:
    """The part `course:` of the YAML at the top of a chapter's text; raises ChapterError when it is malformed."""

    def wrong(what: str) -> ChapterError:
        return ChapterError(f"{chapter.text.name}, front matter: {what}")

    found = re.match(r"---\n(.*?)\n---\n", chapter.text.read_text(encoding="utf-8"), re.DOTALL)
    if not found:
        raise wrong("missing; the file must start with a YAML block between two lines of ---.")
    try:
        front = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        raise wrong(f"not YAML: {' '.join(str(error).split())}") from None
    course = front.get("course") if isinstance(front, dict) else None
    if not isinstance(course, dict):
        raise wrong("expected a part `course:` with number, minutes and needs.")
    if "formats" in (front.get("jupytext") or {}):
        raise wrong("jupytext `formats` would write learners' answers back into the text; take it out.")
    number, minutes, needs = course.get("number"), course.get("minutes"), course.get("needs")
    if number != chapter.number:
        raise wrong(f'course.number must be "{chapter.number}" (in quotes, as in the file\'s name), not {number!r}.')
    if not isinstance(minutes, int) or isinstance(minutes, bool) or minutes < 1:
        raise wrong(f"course.minutes must be a whole number of minutes, not {minutes!r}.")
    if not isinstance(needs, dict) or not all(_is_need(*item) for item in needs.items()):
        raise wrong(f"course.needs must map top-level import names to pip names without blanks, not {needs!r}.")
    return FrontMatter(number, minutes, needs)


def _is_need(module: object, package: object) -> bool:
    return isinstance(module, str) and module.isidentifier() and isinstance(package, str) and len(package.split()) == 1


def repository(course: Path = COURSE) -> str:
    """The address of the course's repository: COURSE_REPO, or else [project.urls].repository of pyproject.toml."""
    if address := os.environ.get("COURSE_REPO"):
        return address.rstrip("/").removesuffix(".git")
    path = course / "pyproject.toml"
    try:
        address = tomllib.loads(path.read_text(encoding="utf-8"))["project"]["urls"]["repository"]
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise ChapterError(f"{path}: expected an address in [project.urls].repository ({error!r}).") from None
    return address.rstrip("/").removesuffix(".git")


def read_notebook(chapter: Chapter) -> nbformat.NotebookNode:
    """The committed notebook; raises ChapterError when it cannot be read."""
    try:
        return nbformat.read(chapter.notebook, as_version=4)
    except (OSError, ValueError, AttributeError, nbformat.ValidationError) as error:
        what = str(error).splitlines()[0]
        raise ChapterError(f"{chapter.notebook.name} is not a notebook ({what}); build it again.") from None


def tags(cell: nbformat.NotebookNode) -> list[str]:
    """The tags of a cell, in their order."""
    return list(cell.metadata.get("tags", []))


def label(cells: list[nbformat.NotebookNode], index: int) -> str:
    """How messages name a cell: its place, counted from 1 with the text cells, and its first line of code."""
    lines = [line.strip() for line in cells[index].source.splitlines() if line.strip()]
    code = next((line for line in lines if not line.startswith("#")), lines[0] if lines else "empty")
    return f"cell {index + 1} `{code if len(code) <= 60 else code[:57] + '...'}`"


def parameters(notebook: nbformat.NotebookNode) -> dict[str, object]:
    """Which of PROFILE, SOURCE and SEED the cell tagged `parameters` assigns, and to what (None: not a literal)."""
    found: dict[str, object] = {}
    for cell in notebook.cells:
        if cell.cell_type != "code" or "parameters" not in tags(cell):
            continue
        try:
            statements = ast.parse(cell.source).body
        except SyntaxError:
            continue  # running the chapter shows this error where it belongs
        for statement in statements:
            if isinstance(statement, ast.Assign):
                value = statement.value.value if isinstance(statement.value, ast.Constant) else None
                found |= {t.id: value for t in statement.targets if isinstance(t, ast.Name) and t.id in PARAMETERS}
    return found


def kernel_environment(results: Path) -> dict[str, str]:
    """The environment of a kernel that runs a chapter unattended.

    Nothing asks, results go to the file `results`, and the learner's progress stays as it is.
    """
    return os.environ | {
        "COURSE_HEADLESS": "1",
        "COURSE_RESULTS": str(results),
        "PYTHONHASHSEED": "0",
        "TF_ENABLE_ONEDNN_OPTS": "0",  # the same sums on every processor, and no lines on stderr
    }


def read_results(path: Path) -> list[tuple[str, float]]:
    """What `result(name, value)` recorded, in its order: one JSON line {"name": ..., "value": ...} each.

    A missing file means that nothing was recorded. Raises ChapterError for a line that is no result.
    """
    if not path.exists():
        return []
    results = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
            name, value = record["name"], record["value"]
        except (ValueError, KeyError, TypeError):
            raise ChapterError(f"{path.name}: expected a line with name and value, got {line!r}.") from None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ChapterError(f"result({name!r}, {value!r}): a result must be a number.")
        results.append((name, value))
    return results


def drop_widgets(notebook: nbformat.NotebookNode) -> None:
    """Takes live widgets out of a notebook where a still or text shows in their place, which needs no kernel."""
    view = "application/vnd.jupyter.widget-view+json"
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if view in output.get("data", {}) and len(output.data) > 1:
                del output.data[view]
                output.metadata.pop(view, None)


def tree_memory(pid: int, root: bool = True) -> int:
    """Resident memory in bytes of a process (unless `root` is False) and all its descendants; 0 when it is gone."""
    try:
        top = psutil.Process(pid)
        processes = top.children(recursive=True) + [top] * root
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # ended between the two calls
    return total


def write_text(path: Path, text: str) -> None:
    """Writes a file, and its folder, so that readers meet the old text or the new one and never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())


def read_toml(path: Path) -> Mapping[str, object]:
    """A TOML file, empty when it is missing; raises ChapterError with the line when it is malformed."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise ChapterError(f"{path.name} is not TOML: {error}.") from None
