"""Running notebooks: what is set, what is reported, and that neither a dead kernel nor Ctrl-C leaves a mess."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tools import run
from tools.bands import Judged
from tools.chapter import Chapter

TOOLS = Path(__file__).resolve().parents[2]

FINE = """
    # Title

    ```{code-cell} ipython3
    :tags: [parameters]
    SEED = 1
    SOURCE = "phantom"
    ```

    ```{code-cell} ipython3
    from helpers import result
    result("seed", SEED)
    assert SOURCE == "phantom" and "PROFILE" not in globals()
    ```

    ```{code-cell} ipython3
    import os
    assert os.environ["COURSE_HEADLESS"] == "1"
    assert os.path.basename(os.getcwd()) == "chapters"
    ```

    ```{code-cell} ipython3
    import ipywidgets
    ipywidgets.IntSlider()
    ```

    ```{code-cell} ipython3
    :tags: [raises-exception]
    1 / 0
    ```
    """
FAILING = """
    # Title

    ```{code-cell} ipython3
    from helpers import result
    result("early", 3)
    ```

    ```{code-cell} ipython3
    :tags: [raises-exception]
    1 / 0
    ```

    ```{code-cell} ipython3
    # comment
    {}["key"]
    ```
    """
DYING = "# Title\n\n```{code-cell} ipython3\nimport os; os._exit(1)\n```\n"
SLOW = "# Title\n\n```{code-cell} ipython3\nimport time; time.sleep(100)\n```\n"


def test_every_chapter_is_run_and_reported_whatever_happens_to_the_others(small, capsys):
    small.write("chapters/bands.toml", '["02".seed]\nlow = 7\nhigh = 7\n["03".early]\nlow = 0\nhigh = 1\n')
    for name, body in (("02_fine", FINE), ("03_failing", FAILING), ("04_dying", DYING)):
        small.notebook(name, body)
    small.write("chapters/05_broken.ipynb", "{")
    before = {path: path.read_bytes() for path in (small.folder / "chapters").glob("*.ipynb")}
    report = small.folder / "report.json"
    code = run.main(["--profile", "gpu", "--seed", "7", "--jobs", "2", "--report", str(report)], small.folder)
    assert code == 1
    fine, failing, dying, broken = json.loads(report.read_text())["chapters"]
    assert fine["error"] is None
    assert fine["ok"] is True
    assert fine["results"] == [{"name": "seed", "value": 7, "low": 7, "high": 7}]
    assert 0 < fine["seconds"] < 60
    assert fine["peak_mb"] > 50
    assert failing["error"] == """cell 5 `{}["key"]`: KeyError: 'key'"""
    assert failing["results"] == [{"name": "early", "value": 3, "low": 0, "high": 1}]
    assert dying["error"] == "cell 3 `import os; os._exit(1)`: the kernel died (out of memory, or os._exit)"
    assert broken["error"].startswith("05_broken.ipynb is not a notebook")
    assert [c["ok"] for c in (failing, dying, broken)] == [False] * 3
    out, err = capsys.readouterr()
    assert "02_fine  " in out
    assert "    seed = 7: in band [7, 7]" in out
    assert "    early = 3: out of band [0, 1]" in out
    assert "\r" not in out, "a file is no terminal"
    assert err == ""
    assert {path: path.read_bytes() for path in before} == before
    page = (small.folder / "build" / "run" / "02_fine.html").read_text()
    assert "IntSlider(value=0)" in page, "the text in the place of a widget"
    executed = (small.folder / "build" / "run" / "02_fine.ipynb").read_text()
    assert "widget-view" not in executed
    assert "papermill-error-cell-tag" not in executed
    assert "SEED = 7" in executed


def outcome(*judged, error=None):
    return run.Outcome(Chapter(Path("course"), "02_relu"), 1.0, 2_000_000, list(judged), error)


@pytest.mark.parametrize(
    ("judged", "ok"),
    [
        (Judged("x", 1, 0, 1), True),
        (Judged("x", 2, 0, 1), False),
        (Judged("x", None, 0, 1), False),
        (Judged("x", float("nan"), 0, 1), False),
        (Judged("x", 2, None, None), True),
    ],
)
def test_a_chapter_is_fine_when_no_band_is_left_or_unanswered(judged, ok):
    assert outcome(judged).ok is ok
    assert not outcome(judged, error="it failed").ok


def test_a_report_is_json_even_with_nan():
    entry = outcome(Judged("x", float("nan"), 0, 1)).report()
    assert json.loads(json.dumps(entry, allow_nan=False))["results"] == [
        {"name": "x", "value": None, "low": 0, "high": 1}
    ]


def test_only_what_the_cell_assigns_is_set():
    settings = run.Settings(profile="gpu", seed=0)
    assert settings.for_cell({"SEED": 1, "SOURCE": "phantom"}) == {"SEED": 0}
    assert settings.for_cell({}) == {}


@pytest.mark.parametrize("seed", ["-1", "1.5", "x", "4294967296"])
def test_a_bad_seed_is_refused(small, capsys, seed):
    with pytest.raises(SystemExit) as stopped:
        run.main([f"--seed={seed}"], small.folder)
    assert stopped.value.code == 2
    assert "a seed is a whole number from 0 to 4294967295" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["12"], "no chapter 12; there are 02"),
        (["--report", "no/such/folder/report.json"], "--report: cannot write"),
        (["--report", "."], "--report: cannot write"),
    ],
)
def test_a_wrong_request_is_said_before_anything_runs(small, capsys, arguments, complaint):
    small.notebook("02_relu", SLOW)
    assert run.main(arguments, small.folder) == 1
    assert complaint in capsys.readouterr().err


def test_a_course_without_chapters_is_an_error(small, capsys):
    assert run.main([], small.folder) == 1
    assert "There are no chapters" in capsys.readouterr().err


def test_on_a_terminal_the_line_is_rewritten_in_place(capsys, monkeypatch):
    class Running:
        chapter, done, cells, seconds = Chapter(Path("course"), "02_relu"), 3, 12, 4.4

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "25")
    screen = run.Screen()
    screen.show([Running(), Running()])
    screen.ended(outcome())
    assert capsys.readouterr().out == "\r\x1b[K02_relu 3/12 cells 4 s |\r\x1b[K02_relu  1.0 s  ok\n"


def start(small, *arguments):
    """The command in a process of its own; returns once the slow chapter's cell runs."""
    small.notebook("02_fine", "# Title\n")
    small.notebook("03_slow", SLOW)
    call = f"main({list(arguments)!r}, Path({str(small.folder)!r}))"
    command = f"import sys; from pathlib import Path; from tools.run import main; sys.exit({call})"
    process = subprocess.Popen(
        [sys.executable, "-c", command], cwd=TOOLS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().startswith("02_fine")
    wait_for(lambda: len(psutil.Process(process.pid).children(recursive=True)) >= 2)
    return process, psutil.Process(process.pid).children(recursive=True)


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def gone(processes):
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def test_ctrl_c_ends_the_workers_and_reports_what_is_done(small):
    report = small.folder / "report.json"
    process, family = start(small, "--report", str(report))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert out == "Interrupted after 1 of 2 chapters; nothing is left running.\n"
    assert err == ""
    assert [entry["id"] for entry in json.loads(report.read_text())["chapters"]] == ["02"]
    assert gone(family)


def test_killing_the_watcher_leaves_no_worker_behind(small):
    process, family = start(small)
    process.kill()
    process.communicate()
    wait_for(lambda: gone(family))
