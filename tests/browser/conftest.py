"""JupyterLab on a copy of the course, seen by a headless Chromium."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

from tools import copies
from tools.chapter import COURSE

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
VIEWPORT = {"width": 1280, "height": 1400}
SCREENSHOTS = COURSE / "build" / "screenshots"


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium; without one these tests are skipped, except where they must run."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium: .ci/run installs Debian's package chromium")
        pytest.skip("no Chromium on this machine: install it (Debian: apt install chromium) to run the browser tests")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A copy of the course with the learner's copies in my/."""
    folder = tmp_path_factory.mktemp("course")
    for name in ("course.py", "pyproject.toml"):
        shutil.copy2(COURSE / name, folder / name)
    for name in ("helpers", "data", "chapters"):
        shutil.copytree(COURSE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    copies.make_copies(folder, copies.PLAIN_KERNEL)
    return folder


@pytest.fixture(scope="module")
def lab(course):
    """A running JupyterLab on the copy; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = course / "settings" / "@jupyterlab"
    for plugin, values in {
        "notebook-extension/tracker": {"windowingMode": "none"},  # every cell is in the page
        "apputils-extension/notification": {"fetchNews": "false"},
    }.items():
        path = settings / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("COURSE_", "JUPYTER"))}
    environment |= {"JUPYTERLAB_SETTINGS_DIR": str(course / "settings"), "JUPYTER_DATA_DIR": str(course / "jupyter")}
    environment["JUPYTER_CONFIG_PATH"] = str(COURSE / "tools" / "jupyter")  # as `course.py lab` does
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--IdentityProvider.token="]
    command += ["--allow-root", f"--ServerApp.root_dir={course}", "--ServerApp.port_retries=0"]
    with (course / "lab.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=course, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, server, course / "lab.log")
        yield address
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(120):
        assert server.poll() is None, f"JupyterLab ended: {log.read_text()[-2000:]}"
        try:
            urllib.request.urlopen(f"{address}/api", timeout=2).close()
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"JupyterLab did not answer: {log.read_text()[-2000:]}")


# Console errors of JupyterLab itself, which say nothing of the course.
NOT_OURS = re.compile(r"Failed to load resource|/static/|/lab/extensions/@jupyterlab|[Ww]eb[Ss]ocket|favicon")


class Notebook:
    """A notebook open in JupyterLab. `errors`: what broke in the page, and what its console calls an error."""

    def __init__(self, page: Page, address: str, path: str) -> None:
        self.page, self.errors = page, []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._heard)
        page.goto(f"{address}/lab/tree/{path}?reset")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        self._idle()

    def _heard(self, message: ConsoleMessage) -> None:
        said = f"{message.text} ({message.location.get('url', '')})"
        if message.type == "error" and not NOT_OURS.search(said):
            self.errors.append(said)

    def _idle(self) -> None:
        """Wait until the kernel is there and has nothing to do; before that, JupyterLab asks which one to take."""
        self.page.get_by_text("| Idle").wait_for(timeout=120_000)

    def cell(self, text: str):
        """The code cell whose source holds `text`."""
        return self.page.locator(".jp-CodeCell", has=self.page.locator(".cm-content", has_text=text)).first

    def command(self, menu: str, entry: str) -> None:
        """A command from the menu bar."""
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.get_by_text(entry, exact=True).click()

    def run_all(self, seconds: int = 120) -> None:
        """Run all cells and wait so long for the last, whose number is taken away first."""
        self.command("Edit", "Clear Outputs of All Cells")
        last = self.page.locator(".jp-CodeCell .jp-InputPrompt").last
        expect(last).to_have_text("[ ]:")
        self.command("Run", "Run All Cells")
        expect(last).to_have_text(re.compile(r"\[\d+\]:"), timeout=1000 * seconds)
        self._idle()

    def write(self, text: str, code: str) -> None:
        """Replace the source of the cell that holds `text` and run it."""
        self.cell(text).locator(".cm-content").click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(code)
        self.page.keyboard.press("Shift+Enter")

    def canvas(self, text: str, number: int = 0) -> Locator:
        """A picture of the widget that the cell with `text` shows, scrolled into view."""
        found = self.cell(text).locator(".course-canvas canvas[role=application]").nth(number)
        expect(found).to_be_visible()
        found.scroll_into_view_if_needed()
        return found

    def screenshot(self, name: str) -> None:
        """Keep what is seen, for whoever reads the test's artefacts."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


def fingerprint(canvas: Locator) -> int:
    """A number that is another one for other pixels."""
    return canvas.evaluate("""canvas => {
        const bytes = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return bytes.reduce((sum, byte, i) => (sum + byte * (i % 8191)) % 1000000007, 0);
    }""")


def changed(canvas: Locator, before: int) -> int:
    """Wait until the pixels are others than those of `before`; their fingerprint."""
    for _ in range(100):
        now = fingerprint(canvas)
        if now != before:
            return now
        canvas.page.wait_for_timeout(50)
    pytest.fail("the picture has not changed in 5 s")


def _opener(browser: Browser, lab: str):
    pages = []

    def open_(path: str) -> Notebook:
        pages.append(browser.new_page(viewport=VIEWPORT))
        return Notebook(pages[-1], lab, path)

    yield open_
    for page in pages:
        page.close()


@pytest.fixture
def open_notebook(browser: Browser, lab: str):
    """Function that opens a notebook of the copy in a new page."""
    yield from _opener(browser, lab)


@pytest.fixture(scope="module")
def written(course: Path, lab: str, request: pytest.FixtureRequest) -> str:
    """A notebook in the learner's folder whose cells are CELLS of the test module; its path."""
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in request.module.CELLS])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = f"my/{request.module.__name__.rsplit('.', 1)[-1]}.ipynb"
    (course / path).write_text(nbformat.writes(notebook), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def _run_once(browser: Browser, lab: str, written: str):
    for open_ in _opener(browser, lab):
        opened = open_(written)
        opened.run_all()
        yield opened


@pytest.fixture
def notebook(_run_once: Notebook) -> Notebook:
    """The notebook of CELLS, opened and run once for all tests of the module: a learner goes on where the last was."""
    _run_once.page.set_viewport_size(VIEWPORT)
    _run_once.page.mouse.move(5, 5)
    yield _run_once
    assert _run_once.errors == []
