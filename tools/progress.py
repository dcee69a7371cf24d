"""One line on the screen for a long command, everything in a log. Reads on Python 3.7 and newer."""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

TICK_SECONDS = 0.5
PLAIN_SECONDS = 15.0


class Progress:
    """The line `[ 42 s] what is being done`: rewritten in a terminal, one line now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._started = time.monotonic()
        self._printed = -PLAIN_SECONDS
        self._what = ""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal and self._what:
            print(flush=True)

    def show(self, what: str = "", detail: str = "") -> None:
        """Say what is being done now; without `what`, only the seconds (and the detail) go on."""
        self._what = what or self._what
        seconds = time.monotonic() - self._started
        line = f"[{seconds:4.0f} s] {self._what}{detail}"
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            print("\r" + line[:width].ljust(width), end="", flush=True)
        elif seconds - self._printed >= PLAIN_SECONDS:
            self._printed = seconds
            print(line, flush=True)


def describe(line: str) -> str:
    """What a line of pip's output means in a few words; empty when it is not worth showing."""
    for pattern, words in (
        (r"Collecting ([A-Za-z0-9._-]+)", "collecting"),
        (r"Downloading (\S+)-\d\S*\.(?:whl|tar\.gz)( \(.+\))?", "downloading"),
        (r"Building wheel for (\S+)", "building"),
    ):
        found = re.match(r"\s*" + pattern, line)
        if found:
            name, *size = (part for part in found.groups() if part)
            return " ".join([words, name.rsplit("/", 1)[-1], *(part.strip() for part in size)])
    if line.startswith("Installing collected packages: "):
        return f"installing {line.count(',') + 1} packages"
    return ""


def run_logged(
    command: list[str],
    log: Path,
    progress: Progress,
    variables: dict[str, str] | None = None,
    keep_open: int | None = None,
    detail: Callable[[], str] = str,
) -> int:
    """Run a command with its output in `log` and its steps on the progress line; return its exit code.

    `keep_open` is a file descriptor that the command inherits (POSIX): the lock then lasts as long as the command,
    even when this process is killed. `detail` is asked for what to add to the line while the command is silent. An
    interrupt ends the command too.
    """
    inherited = {"pass_fds": (keep_open,)} if keep_open is not None and os.name != "nt" else {}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=variables, **inherited
    )
    lines: queue.Queue[bytes | None] = queue.Queue()
    threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
    try:
        with log.open("ab") as file:
            _follow(lines, file, progress, detail)
        return process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def _read(stream: object, lines: queue.Queue) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _follow(lines: queue.Queue, file: object, progress: Progress, detail: Callable[[], str]) -> None:
    while True:
        try:
            line = lines.get(timeout=TICK_SECONDS)
        except queue.Empty:
            progress.show(detail=detail())
            continue
        if line is None:
            return
        file.write(line)
        file.flush()
        progress.show(describe(line.decode("utf-8", "replace")))
