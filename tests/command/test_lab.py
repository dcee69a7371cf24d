"""`lab`: kernel, copies, a real JupyterLab that is reused and that ends cleanly, and JupyterHub."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.command.conftest import Course, write_notebook
from tools import copies, kernel, lab
from tools.common import Problem
from tools.environment import Environment


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def read_until(process: subprocess.Popen, words: str) -> str:
    output = ""
    for line in process.stdout:
        output += line
        if words in line:
            return output
    raise AssertionError(f"{words!r} did not come:\n{output}")


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_real_jupyterlab_opens_is_reused_and_ends_by_ctrl_c(course: Course) -> None:
    (course.root / "requirements.txt").write_text("jupyterlab>=4\n")
    port = free_port()
    process = course.start("lab", "2", "--here", "--port", str(port))
    try:
        output = read_until(process, "Open in a browser")
        assert "JupyterLab answered after" in output
        url = output.split()[-1]
        assert url.startswith(f"http://localhost:{port}/lab/tree/my/02_numbers.ipynb?token=")
        with urlopen(url) as page:
            assert b"JupyterLab" in page.read()

        code, second = course.run("lab", "--here", "--port", str(free_port()))
        assert code == 0
        assert "already runs" in second
        assert f"http://localhost:{port}/lab/tree/my/START_HERE.md?token=" in second

        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=30)[0]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "Traceback" not in rest
    assert not answers(port)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_closing_the_terminal_before_the_page_answers_ends_the_server(course: Course) -> None:
    (course.root / "requirements.txt").write_text("jupyterlab>=4\n")
    process = course.start("lab", "--here", "--port", str(free_port()))
    read_until(process, "copies in my/")
    log = course.root / "build" / "logs" / "jupyterlab.log"
    while not log.exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGHUP)
    rest = process.communicate(timeout=40)[0]
    assert (process.returncode, "Traceback" in rest) == (0, False)
    assert not list((course.data / "runtime").glob("jpserver-*"))


def test_taken_port_is_named(course: Course) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Problem, match=f"Port {taken.getsockname()[1]} is taken"):
            lab._free_port(taken.getsockname()[1])


def test_server_that_does_not_start_shows_the_end_of_its_log(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*arguments: object) -> subprocess.Popen:
        code = "print('first'); raise SystemExit('no module named jupyterlab')"
        return subprocess.Popen([sys.executable, "-c", code], stdout=arguments[-1], stderr=subprocess.STDOUT)

    monkeypatch.setattr(lab, "_start", start)
    with pytest.raises(Problem, match=r"did not start:\s+first\s+no module named jupyterlab\s+Log: build/logs"):
        lab._serve(course.root, Environment(Path(sys.executable), own=False), free_port(), "my/START_HERE.md")


def test_only_a_live_server_of_this_folder_is_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, folder in (("a", tmp_path / "other"), ("b", tmp_path)):
        info = {"url": f"http://localhost:{free_port()}/{name}/", "token": "t", "root_dir": str(folder)}
        (tmp_path / f"jpserver-{name}.json").write_text(json.dumps(info))
    (tmp_path / "jpserver-0.json").write_text("{")
    assert lab.running_server(tmp_path, tmp_path) is None
    monkeypatch.setattr(lab.Server, "answers", lambda _: True)
    assert lab.running_server(tmp_path, tmp_path).url.endswith("/b/")


def test_unknown_chapter_is_said_before_anything_is_set_up(course: Course) -> None:
    code, output = course.run("lab", "7")
    assert (code, output) == (1, "There is no chapter '7'. There are: 01, 02\n")
    assert not (course.root / ".venv").exists()


@pytest.mark.parametrize(
    ("variables", "platform", "display"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "w"}, "linux", True),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "1"}, "linux", False),
        ({}, "darwin", True),
        ({"SSH_CONNECTION": "1"}, "darwin", False),
        ({}, "win32", True),
        ({"COURSE_HEADLESS": "1"}, "win32", False),
    ],
)
def test_display(variables: dict[str, str], platform: str, display: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "os", type("os", (), {"environ": variables}))
    monkeypatch.setattr(lab.sys, "platform", platform)
    assert lab.has_display() == display


# ---- JupyterHub and the kernel


def hub_variables(course: Course) -> dict[str, str]:
    return {"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/", "JUPYTER_SERVER_ROOT": str(course.root.parent)}


def test_on_a_hub_no_server_starts_and_the_way_is_told(with_jupyter: Course) -> None:
    code, output = with_jupyter.run("lab", "02", **hub_variables(with_jupyter))
    assert code == 0
    assert "course/my/02_numbers.ipynb" in output
    assert "/user/ada/lab/tree/course/my/02_numbers.ipynb" in output
    assert f"pick:  {kernel.DISPLAY_NAME}" in output
    assert not (with_jupyter.root / "build" / "logs" / "jupyterlab.log").exists()

    name = kernel.kernel_name(with_jupyter.root)
    spec = json.loads((with_jupyter.data / "kernels" / name / "kernel.json").read_text())
    assert spec["argv"][0] == str(with_jupyter.root / ".venv" / "bin" / "python")
    assert spec["display_name"] == kernel.DISPLAY_NAME
    copy = json.loads((with_jupyter.root / "my" / "01_images.ipynb").read_text())
    assert copy["metadata"]["kernelspec"]["name"] == name


def test_with_here_the_hub_is_given_the_python_that_runs(course: Course) -> None:
    (course.root / "requirements.txt").write_text("jupyterlab>=4\n")
    code, output = course.run("lab", "--here", **hub_variables(course))
    assert code == 0, output
    assert f"pick:  Python 3 (ipykernel), if it runs {sys.executable}\n" in output
    assert not (course.root / ".venv").exists()


def test_fresh_on_the_command_line(with_jupyter: Course) -> None:
    first = with_jupyter.run("lab", "--fresh", "2", **hub_variables(with_jupyter))[1]
    assert "is kept" not in first
    (with_jupyter.root / "my" / "02_numbers.ipynb").write_text("my answers")
    code, output = with_jupyter.run("lab", "--fresh", "2", **hub_variables(with_jupyter))
    assert code == 0
    kept = next((with_jupyter.root / "my").glob("02_numbers_until_*.ipynb"))
    assert kept.read_text() == "my answers"
    assert f"kept as my/{kept.name}" in output
    assert "my/02_numbers.ipynb" in output


def test_kernel_starts_in_the_environment(with_jupyter: Course) -> None:
    with_jupyter.run("lab", **hub_variables(with_jupyter))
    code = (
        "from jupyter_client.manager import start_new_kernel as s; m, c = s(kernel_name="
        f"{kernel.kernel_name(with_jupyter.root)!r}); "
        "c.execute_interactive('import os, sys, tiny; print(sys.prefix, os.environ[\"TF_ENABLE_ONEDNN_OPTS\"])'); "
        "m.shutdown_kernel(now=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=with_jupyter.variables, capture_output=True, text=True)
    assert done.stdout == f"{with_jupyter.root / '.venv'} 0\n"


def environment_of(root: Path) -> Environment:
    """An environment whose interpreter only needs to exist."""
    python = root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.touch()
    return Environment(python, own=True)


def interpreter(spec: Path) -> str:
    return json.loads((spec / "kernel.json").read_text())["argv"][0]


def test_two_clones_have_two_kernels_that_can_be_told_apart(tmp_path: Path) -> None:
    specs = {}
    for name in ("one", "two"):
        (tmp_path / name / "my").mkdir(parents=True)
        specs[name] = kernel.register(tmp_path / name, environment_of(tmp_path / name), tmp_path / "data")
    assert specs["one"]["name"] != specs["two"]["name"]
    assert specs["one"]["display_name"] == kernel.DISPLAY_NAME
    assert specs["two"]["display_name"] == f"{kernel.DISPLAY_NAME} (two)"
    for name, spec in specs.items():
        assert f"/{name}/.venv/" in Path(interpreter(tmp_path / "data" / "kernels" / spec["name"])).as_posix()


def test_copies_of_a_moved_folder_find_their_kernel_again(tmp_path: Path) -> None:
    (tmp_path / "old" / "my").mkdir(parents=True)
    (tmp_path / "old" / "chapters").mkdir()
    write_notebook(tmp_path / "old" / "chapters" / "01_a.ipynb", "A")
    spec = kernel.register(tmp_path / "old", environment_of(tmp_path / "old"), tmp_path / "data")
    copies.make_copies(tmp_path / "old", spec)
    shutil.move(tmp_path / "old", tmp_path / "new")
    kernel.register(tmp_path / "new", environment_of(tmp_path / "new"), tmp_path / "data")
    assert "/new/.venv/" in Path(interpreter(tmp_path / "data" / "kernels" / spec["name"])).as_posix()


def test_copied_folder_does_not_take_the_first_ones_kernel(tmp_path: Path) -> None:
    (tmp_path / "first" / "my").mkdir(parents=True)
    (tmp_path / "first" / "chapters").mkdir()
    write_notebook(tmp_path / "first" / "chapters" / "01_a.ipynb", "A")
    spec = kernel.register(tmp_path / "first", environment_of(tmp_path / "first"), tmp_path / "data")
    copies.make_copies(tmp_path / "first", spec)
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    second = environment_of(tmp_path / "second")
    kernel.register(tmp_path / "second", second, tmp_path / "data")
    assert "/first/.venv/" in Path(interpreter(tmp_path / "data" / "kernels" / spec["name"])).as_posix()
    inside = tmp_path / "second" / ".venv" / "share" / "jupyter" / "kernels" / spec["name"]
    assert interpreter(inside) == str(second.python)


def test_home_that_cannot_be_written_is_said_and_survived(with_jupyter: Course) -> None:
    with_jupyter.data.write_text("a file where a folder belongs")
    code, output = with_jupyter.run("lab", **hub_variables(with_jupyter))
    assert code == 0
    assert "could not be registered" in output
    copy = json.loads((with_jupyter.root / "my" / "01_images.ipynb").read_text())
    assert copy["metadata"]["kernelspec"]["name"] == "python3"
