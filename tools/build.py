"""Makes the notebooks that people open from the texts in chapters/text/: `course.py build [NN ...] [--measure]`.

A chapter is read, gets its set-up cell, is executed, has the numbers of that run filled into its text, and is cleaned
of all that differs from one run to the next. Networks that it keeps for later chapters go to data/. What a reader
should not meet (warnings, pictures without a description, paths of the author's machine, results out of their bands)
stops it, and the old notebook stays.
"""

import argparse
import dataclasses
import difflib
import hashlib
import html.parser
import importlib.metadata
import json
import math
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from helpers.places import data_folder
from tools import bands, chapter
from tools.chapter import COURSE, Chapter, ChapterError

METADATA = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}
LARGEST = 1_500_000  # bytes of a notebook
TAG = re.compile(r"\{\{([^{}\n]*)\}\}")
TAG_INSIDE = re.compile(r"\s*(?P<name>[A-Za-z_]\w*(?:\.(?:low|high|min|max|seeds))?)\s*(?::(?P<spec>[^{}]*))?")
SETUP = Template("""\
# Run this first: it finds the course (on Colab it fetches it).
import importlib.util, os, pathlib, subprocess, sys
address, clone = $address, pathlib.Path("/content/course")
needs = $needs
course = next((f for f in [pathlib.Path.cwd(), *pathlib.Path.cwd().parents] if (f / "course.py").exists()), clone)
if "google.colab" in sys.modules:
    missing = [need.split(":", 1)[-1] for need in needs.split() if not importlib.util.find_spec(need.split(":")[0])]
    if not course.exists(): subprocess.run(["git", "clone", "-q", "--depth", "1", address, course], check=True)
    if missing: subprocess.run([sys.executable, "-m", "pip", "install", "-q", *missing], check=True)
assert course.exists(), "No course.py in this folder or above: put this notebook back into the course's folder."
sys.path.insert(0, str(course))
os.environ.update(COURSE_CHAPTER=$number, TF_ENABLE_ONEDNN_OPTS="0", TF_CPP_MIN_LOG_LEVEL="2")""")


class BuildError(ChapterError):
    """All that keeps a chapter from being built."""

    def __init__(self, given: Chapter, faults: Sequence[str]) -> None:
        super().__init__("\n".join(f"{given.name}: {fault}" for fault in faults))


@dataclass(frozen=True)
class Execution:
    """One run of a chapter: seconds, peak memory of its kernel in bytes, what `result` recorded, what `keep` stored."""

    seconds: float
    peak: int
    results: list[tuple[str, float]]
    kept: dict[str, bytes] = dataclasses.field(default_factory=dict)


# From text to notebook -----------------------------------------------------------------------------------------------


def setup_cell(front: chapter.FrontMatter, address: str) -> nbformat.NotebookNode:
    """The generated cell that finds (on Colab: fetches) the course; the same in every chapter but for its needs."""
    needs = " ".join(name if name == package else f"{name}:{package}" for name, package in front.needs.items())
    source = SETUP.substitute(address=json.dumps(address), needs=json.dumps(needs), number=json.dumps(front.number))
    folded = {"source_hidden": True}  # JupyterLab shows its first line; a learner need not read the rest
    return nbformat.v4.new_code_cell(source, metadata={"tags": ["setup"], "jupyter": folded})


def read_text(given: Chapter) -> nbformat.NotebookNode:
    """The notebook of a chapter's text, before it is run: with set-up cell and stable ids, tags not yet filled in."""
    front = chapter.read_front_matter(given)
    notebook = jupytext.read(given.text, fmt="md:myst")
    first = next((i for i, cell in enumerate(notebook.cells) if cell.cell_type == "markdown"), None)
    if first is None:
        raise BuildError(given, ["expected a text cell with the title, found none."])
    notebook.cells.insert(first + 1, setup_cell(front, chapter.repository(given.course)))
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        digest = hashlib.sha256((cell.cell_type + cell.source).encode()).hexdigest()[:8]
        seen[digest] += 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    return notebook


# Running -------------------------------------------------------------------------------------------------------------


class MemoryWatch:
    """Within `with`: samples the memory of the processes started from this one; `peak` is the most seen, in bytes."""

    def __init__(self) -> None:
        self.peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            self.peak = max(self.peak, chapter.tree_memory(os.getpid(), root=False))

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()


def execute(given: Chapter, notebook: nbformat.NotebookNode, first: bool = False) -> Execution:
    """Runs a notebook in place, in chapters/; raises BuildError where a cell fails that is not meant to.

    `first`: as a learner's first run, with nothing trained or made before.
    """
    at = 0

    def on_start(cell: nbformat.NotebookNode, cell_index: int) -> None:
        nonlocal at
        at = cell_index

    client = NotebookClient(
        notebook,
        timeout=chapter.CELL_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(given.notebook.parent)}},
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=40"],  # its warning about TCP is not for the author
        on_cell_start=on_start,
    )
    with tempfile.TemporaryDirectory() as folder, MemoryWatch() as memory:
        results = Path(folder) / "results.jsonl"
        kept = Path(folder, "kept")
        environment = chapter.kernel_environment(results) | {"COURSE_KEEP": str(kept)}
        if first:
            environment |= {"COURSE_CACHE": str(Path(folder, "cache")), "COURSE_DATA": str(data_folder())}
        start = time.monotonic()
        try:
            client.execute(env=environment)
        except CellExecutionError as error:
            what = f"{error.ename}: {error.evalue}"
        except CellTimeoutError:
            what = f"took longer than {chapter.CELL_TIMEOUT} s"
        except DeadKernelError:
            what = "the kernel died (out of memory, or os._exit)"
        else:
            seconds = time.monotonic() - start
            networks = {path.name: path.read_bytes() for path in sorted(kept.glob("*"))}
            return Execution(seconds, memory.peak, chapter.read_results(results), networks)
    raise BuildError(given, [f"{chapter.label(notebook.cells, at)}: {what}"])


# Filling in ----------------------------------------------------------------------------------------------------------


def badges(given: Chapter) -> str:
    """Markdown links to this notebook: opened in Colab and shown on GitHub, or to the repository if it is elsewhere."""
    address = chapter.repository(given.course)
    found = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)", address)
    if not found:
        return f"[The course's repository]({address})"
    path = f"{found[1]}/blob/main/chapters/{given.notebook.name}"
    colab, github = f"https://colab.research.google.com/github/{path}", f"https://github.com/{path}"
    badge = "https://colab.research.google.com/assets/colab-badge.svg"
    return f"[![Open in Colab]({badge})]({colab}) [Show on GitHub]({github})"


def budget(minutes: int, measured: Mapping[str, object] | None) -> str:
    """One sentence: the author's minutes for the learner, and the seconds and memory of a run as last measured."""
    learner = f"Plan about {minutes} minutes (the author's estimate)"
    if measured is None:
        return f"{learner}; how long its cells run and how much memory they take is not measured yet."
    seconds, cores = measured["seconds"], measured["cores"]
    span = f"{seconds} s" if seconds < 120 else f"{seconds / 60:g} minutes"
    machine = f"{cores} core{'s' * (cores != 1)}, {'with a' if measured['gpu'] else 'no'} GPU"
    return f"{learner}; its cells run for up to {span} and take up to {measured['memory_gb']} GB ({machine})."


def fill_in(
    given: Chapter, notebook: nbformat.NotebookNode, words: Mapping[str, str], numbers: Mapping[str, float]
) -> list[str]:
    """Puts `words` and `numbers` in the place of the tags in text cells; returns what is wrong, with its line."""
    lines = given.text.read_text(encoding="utf-8").splitlines()
    known = {**numbers, **words}
    faults = []

    def value(tag: re.Match[str]) -> str:
        where = f"line {next((n for n, line in enumerate(lines, 1) if tag[0] in line), '?')}"
        inside = TAG_INSIDE.fullmatch(tag[1])
        if not inside:
            faults.append(f"{where}: {tag[0]} is not a tag; expected {{{{name}}}} or {{{{name:.3f}}}}.")
        elif inside["name"] not in known:
            faults.append(f"{where}: {tag[0]} is unknown; {_nearest(inside['name'], list(known))}.")
        else:
            try:
                return format(known[inside["name"]], inside["spec"] or "")
            except ValueError as error:
                faults.append(f"{where}: {tag[0]} cannot be written so: {error}.")
        return tag[0]

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = TAG.sub(value, cell.source)
    return faults


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known) or sorted(known)
    return f"nearest: {', '.join(near)}"


def _fill_in_all(
    given: Chapter,
    notebook: nbformat.NotebookNode,
    execution: Execution,
    variant: Mapping[str, object],
    measured: Mapping[str, object] | None,
) -> list[str]:
    own = bands.applying(given.number, variant.get("PROFILE"), variant.get("SOURCE"), bands.read_bands(given.course))
    minutes = chapter.read_front_matter(given).minutes
    words = {"badges": badges(given), "budget": budget(minutes, measured)}
    return fill_in(given, notebook, words, numbers_of(dict(execution.results), own))


def numbers_of(results: Mapping[str, float], own: Mapping[str, bands.Band]) -> dict[str, float]:
    """What tags can name: each result, and what its band says (name.low, name.high, name.min, name.max, name.seeds)."""
    ends = {
        f"{name}.{key}": value
        for name, band in own.items()
        for key, value in dataclasses.asdict(band).items()
        if value is not None
    }
    return {**results, **ends}


def faults_in_results(given: Chapter, execution: Execution, variant: Mapping[str, object]) -> list[str]:
    """Results that are recorded twice or carry a name of ours, and all that is not in its band."""
    counts = Counter(name for name, _ in execution.results)
    faults = [f"result {name} is recorded {n} times; give each its own name." for name, n in counts.items() if n > 1]
    faults += [f"a result must not be called {name}." for name in ("badges", "budget") if name in counts]
    profile, source = variant.get("PROFILE"), variant.get("SOURCE")
    known = bands.read_bands(given.course)
    for judged in bands.judge(given.number, dict(execution.results), profile, source, known):
        if not judged.ok:
            advice = f" (python -m tools.bands {given.number} proposes one)" if judged.verdict == "no band" else ""
            faults.append(f"result {judged}{advice}")
    return faults


# Cleaning ------------------------------------------------------------------------------------------------------------


def clean(notebook: nbformat.NotebookNode) -> None:
    """Takes out what differs between runs and machines: live widgets, and versions in the metadata."""
    chapter.drop_widgets(notebook)
    notebook.metadata = nbformat.from_dict(METADATA)


class _ImagesWithoutAlt(html.parser.HTMLParser):
    """Counts <img> elements whose alt is missing or empty."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "img" and not (dict(attributes).get("alt") or "").strip():
            self.count += 1


def faults_in_outputs(notebook: nbformat.NotebookNode, course: Path) -> list[str]:
    """What no reader should meet in the outputs of a cleaned notebook, each with its cell."""
    faults = []
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr" and "stderr-expected" in chapter.tags(cell):
                continue
            where = chapter.label(notebook.cells, index)
            faults += [f"{where}: {what}" for what in _faults_in_output(output, course)]
    return faults


def _faults_in_output(output: nbformat.NotebookNode, course: Path) -> list[str]:
    faults = []
    if output.output_type == "stream" and output.name == "stderr":
        line = output.text.strip().splitlines()[0] if output.text.strip() else ""
        faults.append(f"writes to stderr: {line!r}; remove its cause, or tag the cell stderr-expected.")
    data = output.get("data", {})
    if any(kind.startswith("image/") for kind in data):
        faults.append("a picture without a description; return figure(fig, alt) instead.")
    if "application/vnd.jupyter.widget-view+json" in data:
        faults.append("a widget with nothing to show without a kernel; return Shown(widget, still, alt) instead.")
    images = _ImagesWithoutAlt()
    images.feed(data.get("text/html", ""))
    if images.count:
        faults.append("an <img> without alt text; say in alt what it shows.")
    text = _text(output)
    if address := re.search(r".{0,40} at 0x[0-9a-fA-F]*", text):
        faults.append(f"a memory address, other in each run: {address[0]!r}; give the object a repr.")
    for path in _own_paths(course):
        if path in text:
            faults.append(f"a path of this machine: {path}...; show a path relative to the course folder.")
    return faults


def _text(output: nbformat.NotebookNode) -> str:
    """All that is readable in an output: without pictures, whose base64 may spell anything."""
    parts = [output.get("text", ""), output.get("evalue", ""), *output.get("traceback", [])]
    parts += [value for kind, value in output.get("data", {}).items() if not kind.startswith("image/")]
    joined = "\n".join(part if isinstance(part, str) else json.dumps(part) for part in parts)
    return re.sub(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=\s]+", "", joined)


def _own_paths(course: Path) -> list[str]:
    """How absolute paths of this machine begin; the last is where IPython pretends that cells are stored."""
    paths = [course.resolve(), Path.home(), Path(sys.prefix), Path(tempfile.gettempdir()) / "ipykernel_"]
    return [str(path) for path in dict.fromkeys(paths) if path != Path(path.anchor)]


# Measuring -----------------------------------------------------------------------------------------------------------


def measure(execution: Execution) -> dict[str, object]:
    """The entry of a chapter in measured.toml: rounded up to 30 s and 0.1 GB, with the machine it was measured on."""
    return {
        "seconds": math.ceil(execution.seconds / 30) * 30,
        "memory_gb": math.ceil(execution.peak / 1e8) / 10,
        "cores": os.cpu_count(),
        "gpu": _has_gpu(),
        "python": platform.python_version(),
        "tensorflow": _version("tensorflow", "tensorflow-cpu"),
    }


def _has_gpu() -> bool:
    command = shutil.which("nvidia-smi")
    return bool(command) and subprocess.run([command, "-L"], capture_output=True).returncode == 0


def _version(*distributions: str) -> str:
    for name in distributions:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "none"


def write_measured(course: Path, measured: Mapping[str, Mapping[str, object]]) -> None:
    """Writes chapters/measured.toml, in the order of the chapters."""
    lines = ["# Written by `course.py build --measure`: seconds and memory of a run, rounded up, and on which machine."]
    for number in sorted(measured):
        lines += ["", f'["{number}"]', *(f"{key} = {json.dumps(value)}" for key, value in measured[number].items())]
    chapter.write_text(course / "chapters" / "measured.toml", "\n".join(lines) + "\n")


# The command ---------------------------------------------------------------------------------------------------------


def build(given: Chapter, measuring: bool = False) -> tuple[float, int]:
    """Builds one notebook; returns the seconds its cells ran and its size in bytes.

    Raises BuildError with all that is wrong. The committed notebook is then as it was, and what came out of the run is
    in build/failed/ to look at.
    """
    notebook = read_text(given)
    variant = chapter.parameters(notebook)
    measured = dict(chapter.read_toml(given.course / "chapters" / "measured.toml"))
    try:
        execution = execute(given, notebook, first=measuring)
        if measuring:
            measured[given.number] = measure(execution)
        clean(notebook)
        faults = faults_in_outputs(notebook, given.course) + faults_in_results(given, execution, variant)
        faults += _fill_in_all(given, notebook, execution, variant, measured.get(given.number))
        text = nbformat.writes(notebook) + "\n"
        if (size := len(text.encode())) > LARGEST:
            faults.append(f"is {size / 1e6:.1f} MB, may be {LARGEST / 1e6} MB; make its pictures smaller.")
        if faults:
            raise BuildError(given, faults)
    except ChapterError:
        chapter.write_text(given.course / "build" / "failed" / given.notebook.name, nbformat.writes(notebook))
        raise
    chapter.write_text(given.notebook, text)
    for name, content in execution.kept.items():  # trained networks and their cards, which later chapters load
        (given.course / "data").mkdir(exist_ok=True)
        (given.course / "data" / name).write_bytes(content)
    if measuring:
        write_measured(given.course, measured)
    return execution.seconds, size


def main(argv: Sequence[str] | None = None, course: Path = COURSE) -> int:
    """The command; returns 0, 1 (a chapter could not be built, or a wrong request) or 130 (Ctrl-C)."""
    parser = argparse.ArgumentParser(prog="course.py build", description="Makes notebooks from chapters/text/.")
    parser.add_argument("chapters", nargs="*", metavar="NN", help="numbers of chapters; all when none is given")
    parser.add_argument("--measure", action="store_true", help="also rewrites their entries in chapters/measured.toml")
    chosen = parser.parse_args(argv)
    failed = 0
    try:
        for given in chapter.find_texts(chosen.chapters, course):
            try:
                seconds, size = build(given, chosen.measure)
                print(f"{given.name}  {seconds:.1f} s  {size / 1000:.0f} kB", flush=True)
            except ChapterError as error:
                failed += 1
                print(error, file=sys.stderr, flush=True)
    except ChapterError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; the chapter that was running keeps its old notebook.", file=sys.stderr)
        return 130
    if failed:
        where = course / "build" / "failed"
        print(f"Not built: {failed}. What came out of a run that failed is in {where}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
