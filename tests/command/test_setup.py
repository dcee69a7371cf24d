"""The environment is made once, completely, by one command at a time; what goes wrong is said in words."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.command.conftest import Course, write_wheel
from tools import environment, lock, pythons, requirements
from tools.common import Problem
from tools.progress import Progress

posix = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


class _Held(SimpleHTTPRequestHandler):
    def __init__(self, gate: threading.Event, asked: threading.Event, *arguments: object, **options: object) -> None:
        self.gate, self.asked = gate, asked
        super().__init__(*arguments, **options)

    def do_GET(self) -> None:
        self.asked.set()
        self.gate.wait(60)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def slow_index(wheels: Path) -> Iterator[tuple[str, threading.Event, threading.Event]]:
    """An index on this machine that answers only when its gate is opened: (address, gate, asked)."""
    gate, asked = threading.Event(), threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Held, gate, asked, directory=str(wheels)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", gate, asked
    finally:
        gate.set()
        server.shutdown()
        server.server_close()


def wheels_of(course: Course) -> Path:
    return course.root.parent / "wheels"


def test_first_command_makes_the_environment_and_says_how_long_it_took(first_setup: tuple[Course, str]) -> None:
    course, output = first_setup
    assert "First use" in output
    assert "ran with [] tiny 1.0" in output
    assert "set-up took" in output
    assert "of which pip" in output
    assert course.marker.is_file()
    assert "Successfully installed tiny-1.0" in (course.root / "build" / "logs" / "setup.log").read_text()


def test_second_command_installs_nothing_and_passes_arguments_and_exit_code_through(ready: Course) -> None:
    code, output = ready.run("run", "--help", "x y")
    assert (code, output) == (2, "ran with ['--help', 'x y'] tiny 1.0\n")


def test_changed_requirement_is_installed_and_changed_comment_is_not(ready: Course) -> None:
    (ready.root / "requirements.txt").write_text("# other words\ntiny>=1,<2\n")
    assert "set-up took" not in ready.run("run")[1]
    write_wheel(wheels_of(ready), "1.5")
    (ready.root / "requirements.txt").write_text("tiny>=1.5,<2\n")
    code, output = ready.run("run")
    assert code == 0
    assert "set-up took" in output
    assert "tiny 1.5" in output


def test_dev_requirements_come_with_build_only_and_stay(ready: Course) -> None:
    write_wheel(wheels_of(ready), "1.5")
    (ready.root / "requirements-dev.txt").write_text("tiny>=1.5\n")
    assert "tiny 1.0" in ready.run("run")[1]
    assert "tiny 1.5" in ready.run("build")[1]
    assert "set-up took" not in ready.run("run")[1]
    (ready.root / "requirements.txt").write_text("tiny>=1\n")
    assert "tiny 1.5" in ready.run("run")[1]
    assert "requirements-dev" in json.loads(ready.marker.read_text())


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_setup_interrupted_half_way_is_resumed(ready: Course, number: int, code: int) -> None:
    (ready.root / "requirements.txt").write_text("tiny>=1.5,<2\n")
    write_wheel(wheels_of(ready), "1.5")
    with slow_index(wheels_of(ready)) as (address, _, asked):
        process = ready.start("run", PIP_FIND_LINKS=address)
        assert asked.wait(30)
        process.send_signal(number)
        output = process.communicate(timeout=30)[0] if number == signal.SIGINT else ""
        assert process.wait(30) == code
    assert "Traceback" not in output
    assert not ready.marker.exists()
    code, output = ready.run("run")
    assert code == 0
    assert "tiny 1.5" in output
    assert ready.marker.exists()


@posix
def test_a_program_that_takes_its_time_after_ctrl_c_is_waited_for(ready: Course) -> None:
    """`run` still has a report to write."""
    (ready.root / "tools" / "run.py").write_text(
        "import time\ntry:\n    print('at work', flush=True)\n    time.sleep(60)\nexcept KeyboardInterrupt:\n"
        "    time.sleep(1.5)\n    print('report written')\n    raise SystemExit(130)\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(ready.root / "course.py"), "run"],
        env=ready.variables,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that the signal reaches both, as in a terminal
    )
    assert process.stdout.readline() == "at work\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=30)[0] == "report written\n"
    assert process.returncode == 130


def test_of_two_commands_at_once_one_installs_and_the_other_waits(ready: Course) -> None:
    ready.marker.unlink()
    (ready.root / "requirements.txt").write_text("tiny>=1.5,<2\n")
    write_wheel(wheels_of(ready), "1.5")
    with slow_index(wheels_of(ready)) as (address, gate, asked):
        first = ready.start("run", PIP_FIND_LINKS=address)
        assert asked.wait(30)
        second = ready.start("run", PIP_FIND_LINKS=address)
        waited = second.stdout.readline()
        gate.set()
        outputs = [first.communicate(timeout=60)[0], waited + second.communicate(timeout=60)[0]]
    assert "waiting for it" in waited
    assert [first.returncode, second.returncode] == [0, 0]
    assert ["set-up took" in output for output in outputs] == [True, False]
    assert all("tiny 1.5" in output for output in outputs)


def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    code = f"import sys, time; sys.path.insert(0, {str(Path(lock.__file__).parents[1])!r})\n"
    code += (
        f"from pathlib import Path; from tools.lock import only_one\nwith only_one(Path({str(tmp_path / 'l')!r})):\n"
    )
    code += "    print('held', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    with (tmp_path / "l").open("a+b") as file:
        assert not lock._try_lock(file.fileno())
    process.kill()
    process.communicate()
    started = time.monotonic()
    with lock.only_one(tmp_path / "l"):
        assert time.monotonic() - started < 2


def test_environment_whose_python_is_gone_is_made_again(ready: Course) -> None:
    python = environment.venv_python(ready.root)
    python.unlink()
    python.symlink_to(ready.root / "python-of-last-year") if os.name != "nt" else None
    code, output = ready.run("run")
    assert code == 0
    assert "making it again" in output
    assert "tiny 1.0" in output


def test_environment_of_a_moved_folder_is_made_again(ready: Course) -> None:
    moved = Course(ready.root.with_name("moved"), ready.root.parent / "home", wheels_of(ready))
    shutil.move(ready.root, moved.root)
    code, output = moved.run("run")
    assert code == 0
    assert "the folder moved" in output
    assert json.loads(moved.marker.read_text())["folder"] == str(moved.root)


def test_environment_is_not_deleted_under_its_own_python(ready: Course) -> None:
    ready.marker.write_text(json.dumps({"folder": "elsewhere"}))
    command = [str(environment.venv_python(ready.root)), str(ready.root / "course.py"), "run"]
    done = subprocess.run(command, env=ready.variables, capture_output=True, text=True)
    assert done.returncode == 1
    assert "deactivate" in done.stdout
    assert environment.venv_python(ready.root).exists()


def test_environment_without_pip_gets_it_instead_of_being_made_again(course: Course) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(course.root / ".venv")], check=True)
    (course.root / ".venv" / "kept").touch()
    code, output = course.run("run")
    assert code == 0, output
    assert (course.root / ".venv" / "kept").exists()


def test_folder_named_venv_that_is_none_is_not_deleted(course: Course) -> None:
    (course.root / ".venv").mkdir()
    (course.root / ".venv" / "thesis.txt").write_text("ten years of work")
    code, output = course.run("run")
    assert code == 1
    assert "not a Python environment" in output
    assert (course.root / ".venv" / "thesis.txt").exists()


def test_missing_package_is_said_in_a_sentence_with_the_log(ready: Course) -> None:
    (ready.root / "requirements.txt").write_text("tiny>=7\n")
    code, output = ready.run("run")
    assert code == 1
    assert "the package index has no tiny>=7 for this Python and system" in output
    assert "build/logs/setup.log" in output


def test_no_network_is_said_in_a_sentence(ready: Course) -> None:
    (ready.root / "requirements.txt").write_text("tiny>=7\n")
    closed = "http://127.0.0.1:9/simple"
    code, output = ready.run("run", PIP_NO_INDEX="0", PIP_INDEX_URL=closed, PIP_RETRIES="1")
    assert code == 1
    assert "no connection to the package index" in output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "PIP_CERT"),
        ("ERROR: something new\nmore", "something new."),
    ],
)
def test_reasons_of_pip(tmp_path: Path, text: str, words: str) -> None:
    log = tmp_path / "setup.log"
    log.write_text(text)
    assert words in environment._failure("It failed", tmp_path, log)


def test_too_little_room_is_said_before_anything_is_made(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9e9, 8e9, 1e9))
    with pytest.raises(Problem, match=r"1\.0 GB free"):
        environment.ensure(course.root)
    assert not (course.root / ".venv").exists()


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root can write everywhere")
def test_folder_that_cannot_be_written(course: Course) -> None:
    course.root.chmod(0o555)
    try:
        code, output = course.run("run")
    finally:
        course.root.chmod(0o755)
    assert code == 1
    assert "cannot be written" in output


def test_place_for_the_log_that_is_a_file_is_said(course: Course) -> None:
    (course.root / "build").write_text("a file where a folder belongs")
    code, output = course.run("run")
    assert code == 1
    assert "The folder build" in output
    assert "cannot be written" in output


def machine(version: tuple[int, int] = (3, 12), system: str = "Linux", processor: str = "x86_64", bits: int = 64):
    return pythons.Machine(version, system, processor, bits)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (machine((3, 10)), "too old"),
        (machine((3, 14)), "too new: TensorFlow has no version"),
        (machine(system="Darwin"), "Intel Macs"),
        (machine(bits=32), "32-bit"),
    ],
)
def test_unsuitable_python_is_named_with_ways_out(where: pythons.Machine, words: str) -> None:
    message = pythons.unsuitable(where, found=[])
    assert words in message
    assert "Colab" in message


def test_suitable_pythons_are_suitable() -> None:
    for version in [(3, 11), (3, 12), (3, 13)]:
        assert pythons.unsuitable(machine(version)) is None
    assert pythons.unsuitable(machine(system="Darwin", processor="arm64")) is None


def test_message_names_a_suitable_python_that_really_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.name == "nt":
        pytest.skip("shell scripts as commands")
    for name, body in (("python3.13", "exit 127"), ("python3.12", "exit 0")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    message = pythons.unsuitable(machine((3, 14)))
    assert "python3.12 course.py lab" in message
    assert "python3.13 course.py" not in message


def test_no_environment_is_made_with_an_unsuitable_python(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pythons, "this_machine", lambda: machine((3, 14)))
    with pytest.raises(Problem, match=r"Python 3\.14"):
        environment.ensure(course.root)
    assert not (course.root / ".venv").exists()


def test_missing_ensurepip_is_said_with_the_package_to_install(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "ensurepip" else object())
    with pytest.raises(Problem, match="sudo apt install python3-venv"):
        environment.ensure(course.root)


@pytest.mark.parametrize(
    ("system", "processor", "driver", "name"),
    [
        ("Linux", "x86_64", False, "tensorflow-cpu"),
        ("Linux", "x86_64", True, "tensorflow"),
        ("Linux", "aarch64", False, "tensorflow"),
        ("Darwin", "arm64", False, "tensorflow"),
        ("Windows", "AMD64", False, "tensorflow"),
    ],
)
def test_tensorflow_by_machine(
    system: str, processor: str, driver: bool, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requirements.platform, "system", lambda: system)
    monkeypatch.setattr(requirements.platform, "machine", lambda: processor)
    monkeypatch.setattr(requirements, "has_nvidia_driver", lambda: driver)
    (tmp_path / "requirements.txt").write_text("tensorflow>=2.20,<2.22  # Keras runs on it\ntensorflow-datasets>=4\n")
    wanted = environment._wanted(tmp_path, False, requirements.small_tensorflow_is_enough())
    assert wanted == [f"{name}>=2.20,<2.22", "tensorflow-datasets>=4"]


def test_nvidia_driver_is_found_without_its_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert not requirements.has_nvidia_driver(tmp_path)
    (tmp_path / "proc/driver/nvidia").mkdir(parents=True)
    (tmp_path / "proc/driver/nvidia/version").touch()
    assert requirements.has_nvidia_driver(tmp_path)


def test_the_other_tensorflow_is_removed_first(ready: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    monkeypatch.setattr(environment, "run_logged", lambda command, *_, **__: called.append(command) or 0)
    monkeypatch.setattr(requirements, "installed", lambda _: {"tensorflow": "2.21", "tiny": "1"})
    monkeypatch.setattr(requirements, "small_tensorflow_is_enough", lambda: True)
    environment._install(ready.root, False, ready.root / "log", Progress(), None)
    assert [command[5] for command in called] == ["uninstall", "install"]
    monkeypatch.setattr(requirements, "small_tensorflow_is_enough", lambda: False)
    environment._install(ready.root, False, ready.root / "log", Progress(), None)
    assert [command[5] for command in called[2:]] == ["install"]


def test_here_names_what_is_missing_and_installs_nothing(course: Course) -> None:
    (course.root / "requirements.txt").write_text("tiny>=1\npytest>=8\n")
    code, output = course.run("run", "--here")
    assert code == 1
    assert "tiny>=1 is not installed" in output
    assert "-m pip install -r requirements.txt" in output
    assert "pytest" not in output
    assert not (course.root / ".venv").exists()


def test_here_runs_with_this_python(course: Course) -> None:
    (course.root / "requirements.txt").write_text("pytest>=8\n")
    (course.root / "tools" / "run.py").write_text("import sys; print(sys.executable, sys.argv[1:])")
    assert course.run("run", "--here", "x") == (0, f"{sys.executable} ['x']\n")


# ---- a second environment, with the versions of Colab


@pytest.fixture
def on_colab(course: Course, monkeypatch: pytest.MonkeyPatch) -> Course:
    """A course without an environment; tiny exists in 1.0 and 1.5, and Colab has 1.0. Set-ups run in this process."""
    write_wheel(wheels_of(course), "1.5")
    (course.root / "requirements.txt").write_text("tiny>=1,<2\njupyterlab>=4\n")
    (course.root / "requirements-colab.txt").write_text("tiny==1.0  # a reason\n")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in course.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(pythons, "find_supported", list)
    return course


def test_the_stack_of_colab_has_a_folder_and_versions_of_its_own_and_no_jupyterlab(on_colab: Course) -> None:
    root, stack = on_colab.root, environment.COLAB
    made = environment.ensure(root, dev=True, stack=stack)
    assert made.python.is_relative_to(root / ".venv-colab")
    assert requirements.installed(made.python)["tiny"] == "1.0"
    assert not (root / ".venv").exists()
    assert environment.read_marker(root, stack)["folder"] == str(root)


def test_the_stack_of_colab_is_made_once_and_again_when_a_pin_changes(
    on_colab: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    root, stack = on_colab.root, environment.COLAB
    said = []
    for text in ("tiny==1.0", "tiny==1.0  # other words", "tiny==1.5"):
        (root / "requirements-colab.txt").write_text(text)
        environment.ensure(root, stack=stack)
        said.append("set-up took" in capsys.readouterr().out)
    assert said == [True, False, True]
    assert requirements.installed(environment.venv_python(root, stack))["tiny"] == "1.5"


def test_pins_name_the_tensorflow_of_this_machine(on_colab: Course) -> None:
    (on_colab.root / "requirements-colab.txt").write_text("tensorflow==2.20.0\n")
    assert environment._constraints(on_colab.root, True, environment.COLAB) == ["tensorflow-cpu==2.20.0"]
    assert environment._constraints(on_colab.root, False, environment.COLAB) == ["tensorflow==2.20.0"]


def test_what_is_neither_pinned_nor_left_out_is_not_on_colab(on_colab: Course) -> None:
    (on_colab.root / "requirements.txt").write_text("tiny>=1\njupyterlab>=4\npydicom>=3\n")
    assert environment.not_there(on_colab.root, environment.COLAB) == ["pydicom"]


@pytest.mark.parametrize(
    ("stack", "found", "command"),
    [
        (environment.COLAB, ["python9.9", "python3.12"], ["python9.9"]),
        (environment.COLAB, ["py -9.9", "py -3.12"], ["py", "-9.9"]),
        (environment.COLAB, ["python3.12"], [sys.executable]),
        (environment.NEWEST, ["python9.9"], [sys.executable]),
    ],
    ids=["found", "windows", "not found", "newest"],
)
def test_the_stack_of_colab_is_made_with_its_own_python_where_there_is_one(
    stack: environment.Stack, found: list[str], command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pythons, "find_supported", lambda: found)
    assert environment._interpreter(stack._replace(python=stack.python and "9.9")) == command


@pytest.mark.parametrize(
    ("version", "requirement", "met"),
    [
        ("2.5.0", "numpy>=2.1.3,<2.5", False),
        ("2.4.6", "numpy>=2.1.3,<2.5", True),
        ("2.1.2", "numpy>=2.1.3,<2.5", False),
        ("3.10", "matplotlib>=3.10.0,<3.12", True),
        ("10.0", "pillow>=9", True),
        ("2.21.0rc1", "tensorflow>=2.20", True),
    ],
)
def test_ranges(version: str, requirement: str, met: bool) -> None:
    assert requirements.meets(version, requirement) == met
