"""Runs the committed notebooks from top to bottom: `course.py run [NN ...]`.

Each chapter runs in a process of its own (papermill and its kernel), so that a kernel that dies takes nothing with it
and its peak memory can be measured. Executed copies and HTML pages go to build/run/.
"""

import argparse
import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil

from tools import bands, chapter
from tools.chapter import COURSE, Chapter, ChapterError

TICK = 0.1  # seconds between two looks at the running chapters
LARGEST_SEED = 2**32 - 1  # what NumPy accepts


@dataclass(frozen=True)
class Settings:
    """What to set in the `parameters` cell of each chapter that has it; None leaves the chapter's own value."""

    profile: str | None = None
    source: str | None = None
    seed: int | None = None

    def for_cell(self, assigned: dict[str, object]) -> dict[str, object]:
        """The parameters to inject: those that are set here and that the chapter really assigns."""
        wanted = {"PROFILE": self.profile, "SOURCE": self.source, "SEED": self.seed}
        return {name: value for name, value in wanted.items() if value is not None and name in assigned}


@dataclass(frozen=True)
class Outcome:
    """How one chapter went: seconds of execution, peak memory in bytes, results against bands, the error if any."""

    chapter: Chapter
    seconds: float
    peak: int
    judged: list[bands.Judged]
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Ran to its end, with every result that has a band inside it and none missing."""
        return self.error is None and all(judged.verdict in ("in band", "no band") for judged in self.judged)

    def report(self) -> dict[str, object]:
        """The entry of this chapter in a report."""
        results = [{key: getattr(j, key) for key in ("name", "value", "low", "high")} for j in self.judged]
        for result in results:  # JSON has no NaN
            result["value"] = result["value"] if math.isfinite(result["value"] or 0) else None
        return {
            "id": self.chapter.number,
            "ok": self.ok,
            "seconds": round(self.seconds, 2),
            "peak_mb": round(self.peak / 1e6, 1),
            "results": results,
            "error": self.error,
        }


# In the process of one chapter ---------------------------------------------------------------------------------------


def work(job: dict[str, object]) -> None:
    """Executes one chapter and saves it as notebook and HTML; tells how far it is in the file `job["events"]`."""
    threading.Thread(target=_end_with_the_watcher, daemon=True).start()
    source = Path(job["notebook"])
    with open(job["events"], "a", encoding="utf-8") as events:

        def tell(**event: object) -> None:
            print(json.dumps(event), file=events, flush=True)

        start = time.monotonic()
        notebook, error = _execute(source, Path(job["cwd"]), job["parameters"], lambda done: tell(done=done))
        seconds = time.monotonic() - start
        if notebook is not None:
            _save(notebook, Path(job["folder"]), source.stem)
        tell(seconds=seconds, error=error)


def _end_with_the_watcher() -> None:
    """Waits for the end of stdin, a pipe that closes when the watching process is gone, whatever ended it."""
    sys.stdin.buffer.read()
    os._exit(1)  # the kernel looks after its parent in the same way


def _execute(
    source: Path, cwd: Path, values: dict[str, object], on_cell: Callable[[int], None]
) -> tuple[nbformat.NotebookNode | None, str | None]:
    """Papermill's run of a notebook: the notebook as far as it came, and the error that stopped it, if one did."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.engines import NBClientEngine, papermill_engines
    from papermill.exceptions import PapermillExecutionError

    class Engine(NBClientEngine):
        """Papermill's engine; keeps the notebook, which papermill itself does not hand out when a cell fails."""

        notebook = None
        at = 0

        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **kwargs):
            cls.notebook = nb_man.nb
            return super().execute_managed_notebook(nb_man, kernel_name, **kwargs)

    def on_start(cell: nbformat.NotebookNode, cell_index: int) -> None:
        Engine.at = cell_index
        on_cell(cell_index)

    papermill_engines.register("course", Engine)
    error = None
    try:
        _papermill(source, cwd, values, on_start)
        on_cell(len(Engine.notebook.cells))
    except PapermillExecutionError:
        error = _failure(Engine.notebook)  # none when only cells that are meant to raise did
    except (DeadKernelError, CellTimeoutError) as problem:
        why = "the kernel died (out of memory, or os._exit)"
        if isinstance(problem, CellTimeoutError):
            why = f"took longer than {chapter.CELL_TIMEOUT} s"
        error = f"{chapter.label(Engine.notebook.cells, Engine.at)}: {why}"
    return Engine.notebook, error


def _papermill(source: Path, cwd: Path, values: dict[str, object], on_cell_start: Callable[..., None]) -> None:
    import papermill

    papermill.execute_notebook(
        source,
        None,
        parameters=values,
        engine_name="course",
        kernel_name="python3",
        progress_bar=False,
        cwd=cwd,
        execution_timeout=chapter.CELL_TIMEOUT,
        on_cell_start=on_cell_start,
    )


def _failure(notebook: nbformat.NotebookNode) -> str | None:
    """The first error of a cell that was not meant to raise; takes papermill's banners out of the notebook.

    Papermill reports every error output, also those of cells tagged `raises-exception`.
    """
    notebook.cells = [cell for cell in notebook.cells if "papermill-error-cell-tag" not in chapter.tags(cell)]
    for index, cell in enumerate(notebook.cells):
        if chapter.RAISES not in chapter.tags(cell):
            for output in cell.get("outputs", []):
                if output.output_type == "error":
                    return f"{chapter.label(notebook.cells, index)}: {output.ename}: {output.evalue}"
    return None


def _save(notebook: nbformat.NotebookNode, folder: Path, name: str) -> None:
    """Writes folder/name.ipynb and folder/name.html, both with stills where there were widgets."""
    from nbconvert import HTMLExporter

    chapter.drop_widgets(notebook)
    chapter.write_text(folder / f"{name}.ipynb", nbformat.writes(notebook))
    page, _ = HTMLExporter().from_notebook_node(notebook, resources={"metadata": {"name": name}})
    chapter.write_text(folder / f"{name}.html", page)


# In the process that watches -----------------------------------------------------------------------------------------


class Worker:
    """The process of one chapter, seen from outside: how far it is, how much memory it had, how it ended."""

    def __init__(self, given: Chapter, settings: Settings, folder: Path) -> None:
        notebook = chapter.read_notebook(given)
        assigned = chapter.parameters(notebook)
        values = settings.for_cell(assigned)
        self.chapter, self.done, self.peak = given, 0, 0
        self.cells = len(notebook.cells) + bool(values)  # papermill adds a cell with the values
        self.variant = {**assigned, **values}
        self.start, self.end = time.monotonic(), {}
        self._scratch = tempfile.TemporaryDirectory()
        scratch = Path(self._scratch.name)
        self._events, self._results, self._log = (scratch / name for name in ("events", "results", "log"))
        job = {
            "notebook": str(given.notebook.resolve()),
            "cwd": str(given.course.resolve() / "chapters"),
            "parameters": values,
            "folder": str(folder.resolve()),
            "events": str(self._events),
        }
        command = "import json, sys; from tools.run import work; work(json.loads(sys.argv[1]))"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", command, json.dumps(job)],
                cwd=Path(__file__).resolve().parents[1],
                env=chapter.kernel_environment(self._results),
                stdin=subprocess.PIPE,  # nothing is written: it closes when this process ends
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the one who watches; it then ends the workers
            )

    @property
    def seconds(self) -> float:
        """Since the start; once it has ended, of the execution alone."""
        return self.end.get("seconds", time.monotonic() - self.start)

    def look(self) -> bool:
        """Takes a sample of the memory and reads the news; whether the process still runs."""
        running = self.process.poll() is None
        self.peak = max(self.peak, chapter.tree_memory(self.process.pid) if running else 0)
        text = self._events.read_text(encoding="utf-8") if self._events.exists() else ""
        for line in text.splitlines(keepends=True):
            if line.endswith("\n"):  # else it is being written
                event = json.loads(line)
                self.done = event.get("done", self.done)
                self.end = event if "seconds" in event else self.end
        return running

    def outcome(self, known: bands.Bands) -> Outcome:
        """What there is to say about the ended process."""
        error = self.end["error"] if self.end else self._death()
        try:
            results = dict(chapter.read_results(self._results))
        except ChapterError as problem:
            results, error = {}, error or str(problem)
        profile, source = self.variant.get("PROFILE"), self.variant.get("SOURCE")
        judged = bands.judge(self.chapter.number, results, profile, source, known)
        if error:  # what it did not come to is no news
            judged = [j for j in judged if j.value is not None]
        return Outcome(self.chapter, self.seconds, self.peak, judged, error)

    def _death(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n")
        said = next((line for line in reversed(lines) if line.strip()), "it said nothing")
        code = self.process.returncode
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return f"the process that ran the chapter ended {how}: {said.strip()}"

    def stop(self) -> None:
        """Ends the process and all it started, and removes its scratch files."""
        family = []
        with contextlib.suppress(psutil.NoSuchProcess):
            top = psutil.Process(self.process.pid)
            family = [top, *top.children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        self.process.stdin.close()
        self._scratch.cleanup()


def run(
    selected: Sequence[Chapter],
    settings: Settings,
    folder: Path,
    jobs: int = 1,
    show: Callable[[list[Worker]], None] = lambda running: None,
) -> Iterator[Outcome]:
    """Runs chapters, at most `jobs` at a time, and yields each outcome as it comes.

    Executed notebooks and pages go to `folder`. `show` is called ten times a second with what is running. A chapter
    that fails does not stop the others. Raises ChapterError when bands.toml is malformed. Closing the iterator, or an
    exception such as KeyboardInterrupt, ends what is running.
    """
    known = bands.read_bands(selected[0].course)
    waiting, running = list(selected), []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                given = waiting.pop(0)
                try:
                    running.append(Worker(given, settings, folder))
                except ChapterError as error:
                    yield Outcome(given, 0.0, 0, [], str(error))
            time.sleep(TICK)
            ended = [worker for worker in running if not worker.look()]
            for worker in ended:
                outcome = worker.outcome(known)
                running.remove(worker)
                worker.stop()
                yield outcome
            show(running)
    finally:
        for worker in running:
            worker.stop()


# On the screen -------------------------------------------------------------------------------------------------------


class Screen:
    """The live line on a terminal, and one line for each chapter that has ended."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()

    def show(self, running: Sequence[Worker]) -> None:
        """Rewrites the live line in place; nothing where the output is not a terminal."""
        if self._live and running:
            parts = [f"{w.chapter.name} {w.done}/{w.cells} cells {w.seconds:.0f} s" for w in running]
            width = shutil.get_terminal_size().columns - 1
            self.write(" | ".join(parts)[:width], end="")

    def ended(self, outcome: Outcome) -> None:
        """The lasting line of a chapter."""
        how = "ok" if outcome.ok else "out of band"
        if outcome.error:
            how = f"failed: {outcome.error.splitlines()[0]}"
        self.write(f"{outcome.chapter.name}  {outcome.seconds:.1f} s  {how}")

    def write(self, line: str, end: str = "\n") -> None:
        """Prints a line in the place of the live one."""
        print(f"\r\x1b[K{line}" if self._live else line, end=end, flush=True)


def table(outcomes: Sequence[Outcome]) -> str:
    """Seconds, peak memory and each result against its band, a chapter after the other."""
    width = max(len(outcome.chapter.name) for outcome in outcomes)
    lines = [f"{'chapter':{width}}  {'seconds':>9}  {'peak memory':>11}"]
    for o in outcomes:
        lines.append(
            f"{o.chapter.name:{width}}  {o.seconds:>7.1f} s  {o.peak / 1e6:>8.0f} MB  {'' if o.ok else 'FAILED'}"
        )
        lines += [f"    {judged}" for judged in o.judged]
        lines += [f"    {o.error}"] if o.error else []
    return "\n".join(line.rstrip() for line in lines)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) > LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0 to {LARGEST_SEED}, not {text!r}")
    return int(text)


def _jobs(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, not {text!r}")
    return int(text)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="course.py run", description="Runs chapters from top to bottom.")
    parser.add_argument("chapters", nargs="*", metavar="NN", help="numbers of chapters; all when none is given")
    parser.add_argument("--profile", choices=bands.PROFILES, help="sets PROFILE in chapters that have it")
    parser.add_argument("--source", choices=bands.SOURCES, help="sets SOURCE in chapters that have it")
    parser.add_argument("--seed", type=_seed, metavar="N", help="sets SEED in chapters that have it")
    parser.add_argument("--jobs", type=_jobs, default=1, metavar="N", help="chapters at a time (default 1)")
    parser.add_argument("--report", type=Path, metavar="FILE", help="writes the outcome as JSON as well")
    return parser.parse_args(argv)


def _check_writable(report: Path) -> None:
    try:
        if report.is_dir():
            raise IsADirectoryError(f"{report} is a folder")
        with tempfile.TemporaryFile(dir=report.resolve().parent):
            pass
    except OSError as error:
        raise ChapterError(f"--report: cannot write {report} ({error}); name a file in a folder that exists.") from None


def _write_report(report: Path | None, outcomes: Sequence[Outcome]) -> None:
    if report is not None:
        entries = sorted((outcome.report() for outcome in outcomes), key=lambda entry: entry["id"])
        chapter.write_text(report.resolve(), json.dumps({"chapters": entries}, indent=1) + "\n")


def main(argv: Sequence[str] | None = None, course: Path = COURSE) -> int:
    """The command; returns 0, 1 (a chapter failed or is out of band, or a wrong request) or 130 (Ctrl-C)."""
    chosen = _arguments(argv)
    settings = Settings(chosen.profile, chosen.source, chosen.seed)
    screen, selected, outcomes = Screen(), [], []
    try:
        selected = chapter.find_notebooks(chosen.chapters, course)
        if chosen.report:
            _check_writable(chosen.report)
        for outcome in run(selected, settings, course / "build" / "run", chosen.jobs, screen.show):
            outcomes.append(outcome)
            screen.ended(outcome)
    except ChapterError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _write_report(chosen.report, outcomes)
        screen.write(f"Interrupted after {len(outcomes)} of {len(selected)} chapters; nothing is left running.")
        return 130
    outcomes.sort(key=lambda outcome: outcome.chapter.name)
    screen.write(f"\n{table(outcomes)}\n\nExecuted copies and pages are in {course / 'build' / 'run'}.")
    _write_report(chosen.report, outcomes)
    return 0 if all(outcome.ok for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
