"""Open the chapters in JupyterLab. Standard library only; reads on Python 3.7 and newer."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from tools import copies, environment, kernel
from tools.common import COURSE, Problem, make_folder, relative, say

FIRST_PORT, PORTS = 8888, 100
START_SECONDS = 300
STOP_SECONDS = 15
POLL_SECONDS = 0.2

# Not through a proxy: the server is this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Server(NamedTuple):
    """A Jupyter server on this machine."""

    url: str
    token: str

    def page(self, path: str) -> str:
        """The address of a file (relative to the course folder) in JupyterLab."""
        return f"{self.url}lab/tree/{quote(path)}" + (f"?token={quote(self.token)}" if self.token else "")

    def answers(self, path: str = "api", post: bool = False) -> bool:
        """Whether the server answers a request (by its token) with success."""
        request = urllib.request.Request(
            self.url + path, data=b"" if post else None, headers={"Authorization": f"token {self.token}"}
        )
        try:
            with _OPENER.open(request, timeout=10) as answer:
                return answer.status == 200
        except OSError:
            return False


def open_lab(
    root: Path, *, chapter: str | None = None, fresh: str | None = None, port: int | None = None, here: bool = False
) -> int:
    """Prepare environment, kernel and copies, and open the list of chapters or one chapter.

    Raises
    ------
    Problem
        If there is no such chapter, the port is taken, or JupyterLab does not start.
    """
    fresh_chapter = copies.pick(root, fresh) if fresh else None
    wanted = copies.pick(root, chapter) if chapter else fresh_chapter
    copies.chapters(root)
    target = environment.ensure(root, here=here)
    data, runtime = kernel.jupyter_folders(target)
    spec = kernel.register(root, target, data) if target.own else None
    _prepare_copies(root, fresh_chapter, spec or copies.PLAIN_KERNEL)
    path = f"my/{wanted.name if wanted else copies.START_PAGE}"

    if any(name.startswith("JUPYTERHUB_") for name in os.environ):
        named = spec["display_name"] if spec else f"{copies.PLAIN_KERNEL['display_name']}, if it runs {target.python}"
        _point_to_hub(root, path, named)
        return 0
    running = running_server(root, runtime)
    if running:
        say("JupyterLab already runs for this folder.")
        if port and f":{port}/" not in running.url:
            say(f"So --port {port} is left aside. To move it, end the running one first (Ctrl-C in its terminal).")
        _show(running.page(path))
        return 0
    return _serve(root, target, port, path)


def _prepare_copies(root: Path, fresh: Path | None, spec: dict[str, str]) -> None:
    made = copies.make_copies(root, spec)
    # A copy that was made a moment ago is fresh already.
    if fresh and root / "my" / fresh.name not in made:
        kept = copies.make_fresh(root, fresh, spec)
        say(f"Your copy of {fresh.name} is kept as my/{kept.name}.")
        say("If the chapter is open in a browser, close its tab without saving, then open it anew.")
    if made:
        say(f"Made {len(made)} {'copy' if len(made) == 1 else 'copies'} in my/: work there.")
    copies.write_start_page(root)


def running_server(root: Path, runtime: Path) -> Server | None:
    """The Jupyter server whose folder is the course folder, if one answers."""
    for file in sorted(runtime.glob("jpserver-*.json")):
        try:
            info = json.loads(file.read_text(encoding="utf-8"))
            server, folder = Server(info["url"], info["token"]), Path(info["root_dir"])
        except (OSError, ValueError, KeyError):  # being written, or of another version
            continue
        if folder == root and server.answers():
            return server
    return None


def _point_to_hub(root: Path, path: str, kernel_name: str) -> None:
    """On a JupyterHub the server runs already: say where to click."""
    served = os.environ.get("JUPYTER_SERVER_ROOT") or os.environ.get("JUPYTERHUB_ROOT_DIR") or str(Path.home())
    served = Path(served).expanduser().resolve()
    say("This is a JupyterHub, so JupyterLab runs already. The environment and your copies are ready.")
    try:
        inside = (root / path).relative_to(served).as_posix()
    except ValueError:
        say(f"In its file browser go to {root} and open {path} (it may lie outside what the file browser shows).")
    else:
        say(f"In its file browser open:  {inside}")
        address = Server(os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "/"), token="").page(inside)
        say(f"or put this after the Hub's address:  {address}")
    say(f"If a notebook asks for a kernel, pick:  {kernel_name}")


def _serve(root: Path, target: environment.Environment, port: int | None, path: str) -> int:
    port = _free_port(port)
    server = Server(f"http://localhost:{port}/", os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(24))
    log = make_folder(root / "build" / "logs", root) / "jupyterlab.log"
    started = time.monotonic()
    with _told_to_end() as told, log.open("wb") as output:
        process = _start(root, target, server, port, output)
        try:
            if _page_answers(process, server, path, log, root, told):
                say(f"JupyterLab answered after {time.monotonic() - started:.1f} s. Ctrl-C here ends it.")
                _show(server.page(path))
            while process.poll() is None and not told.wait(POLL_SECONDS):
                pass
            if told.is_set():
                say("\nEnding JupyterLab. Your notebooks are in my/.")
                return 0
        finally:
            _stop(process, server)
    if process.returncode:
        raise Problem(f"JupyterLab ended by itself (exit code {process.returncode}). Log: {relative(log, root)}")
    say("JupyterLab was shut down.")
    return 0


def _start(root: Path, target: environment.Environment, server: Server, port: int, output: object) -> subprocess.Popen:
    command = [
        *(str(target.python), "-m", "jupyterlab", "--no-browser"),
        *(f"--ServerApp.root_dir={root}", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # containers run as root
        command.append("--allow-root")
    # The token goes by the environment: other users can read command lines. A session of its own keeps Ctrl-C from the
    # server, which would ask whether it is meant; this process ends it instead.
    variables = dict(target.variables(), JUPYTER_TOKEN=server.token, JUPYTER_CONFIG_PATH=_settings(root))
    alone = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if os.name == "nt" else {"start_new_session": True}
    return subprocess.Popen(
        command, cwd=root, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **alone
    )


def _settings(root: Path) -> str:
    """The Jupyter configuration folders: ours shows Markdown as a page, and asks for neither news nor updates."""
    theirs = os.environ.get("JUPYTER_CONFIG_PATH")
    return os.pathsep.join([str(root / "tools" / "jupyter"), *([theirs] if theirs else [])])


def _free_port(wanted: int | None) -> int:
    if wanted is not None:
        if not _is_free(wanted):
            raise Problem(f"Port {wanted} is taken by another program. Try another one, or leave out --port.")
        return wanted
    for port in range(FIRST_PORT, FIRST_PORT + PORTS):
        if _is_free(port):
            return port
    raise Problem(
        f"The ports {FIRST_PORT} to {FIRST_PORT + PORTS - 1} are all taken. Name a free one: {COURSE} lab --port P"
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if (
            os.name != "nt"
        ):  # a port that a server left a moment ago is free; on Windows the option means more than that
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True


def _page_answers(
    process: subprocess.Popen, server: Server, path: str, log: Path, root: Path, told: threading.Event
) -> bool:
    """Wait for the page; False when told to end before it came."""
    page = server.page(path)[len(server.url) :]
    started = time.monotonic()
    while time.monotonic() - started < START_SECONDS:
        if process.poll() is not None:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
            raise Problem("JupyterLab did not start:\n    " + "\n    ".join(lines) + f"\nLog: {relative(log, root)}")
        if server.answers(page):
            return True
        if told.wait(POLL_SECONDS):
            return False
    raise Problem(f"JupyterLab did not answer within {START_SECONDS} s. Log: {relative(log, root)}")


def _stop(process: subprocess.Popen, server: Server) -> None:
    """End the server and its kernels: by asking, then by force."""
    for end in (lambda: server.answers("api/shutdown", post=True), process.terminate, process.kill):
        if process.poll() is not None:
            return
        if end() is False:  # it does not listen (yet), or is not ours to ask
            continue
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)


@contextlib.contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    """An event that is set by Ctrl-C, by `kill`, and by closing the terminal.

    An exception in place of the event could come between the start of the server and the first line that ends it.
    """
    told = threading.Event()
    before = {}
    for number in (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")):
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # ignored: by nohup, meant to stay
            before[number] = signal.signal(number, lambda *_: told.set())
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def has_display() -> bool:
    """Whether a browser that is opened here is seen by who typed the command."""
    if os.environ.get("COURSE_HEADLESS") or os.environ.get("SSH_CONNECTION"):
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _show(url: str) -> None:
    if has_display() and webbrowser.open(url):
        say(f"Opened in your browser: {url}")
        return
    say(f"Open in a browser:  {url}")
    if os.environ.get("SSH_CONNECTION"):
        port = url.split(":")[2].split("/")[0]
        say(f"From your own machine, first:  ssh -L {port}:localhost:{port} <this machine>")
