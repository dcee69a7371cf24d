"""Every line of `doctor` comes when its condition is there, with what to do."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.command.conftest import Course
from tools import doctor, requirements
from tools.pythons import Machine


def levels(lines: list[doctor.Line]) -> list[str]:
    return [line.level for line in lines]


def test_before_the_first_use_nothing_is_wrong(course: Course) -> None:
    code, output = course.run("doctor")
    assert code == 0, output
    assert "WARN  no environment yet" in output
    assert not (course.root / ".venv").exists()
    assert not (course.root / "my").exists()


def test_after_the_set_up_the_packages_are_ok(ready: Course) -> None:
    code, output = ready.run("doctor")
    assert code == 0
    assert "every range of requirements.txt is met" in output


def test_package_out_of_range_fails(ready: Course) -> None:
    (ready.root / "requirements.txt").write_text("tiny>=2\n")
    code, output = ready.run("doctor")
    assert code == 1
    assert "FAIL  tiny>=2 is needed, 1.0 is installed" in output


def test_interrupted_set_up_is_a_warning(ready: Course) -> None:
    ready.marker.unlink()
    code, output = ready.run("doctor")
    assert code == 0
    assert "WARN  the set-up of .venv is not complete" in output


def test_broken_environment_fails(ready: Course) -> None:
    shutil.rmtree(ready.root / ".venv" / ("Scripts" if os.name == "nt" else "bin"))
    code, output = ready.run("doctor")
    assert code == 1
    assert "FAIL  the environment .venv does not start" in output


def test_python_comes_first_and_fails_unless_the_environment_has_its_own() -> None:
    new = Machine((3, 14), "Linux", "x86_64", 64)
    mac = Machine((3, 12), "Darwin", "x86_64", 64)
    for machine in (new, mac):
        line = doctor.check_python(machine, has_environment=False)
        assert line.level == "FAIL"
        assert "Colab" in line.advice
        assert doctor.check_python(machine, has_environment=True).level == "OK"
    assert doctor.check_python(Machine((3, 13), "Darwin", "arm64", 64), False).level == "OK"


def test_unsuitable_python_is_the_first_line_printed(
    course: Course, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor.pythons, "this_machine", lambda: Machine((3, 14), "Linux", "x86_64", 64))
    assert doctor.examine(course.root) == 1
    assert capsys.readouterr().out.startswith("FAIL  This is Python 3.14, which is too new")


@pytest.mark.parametrize(("small", "keep"), [(True, "tensorflow-cpu==2.21.0"), (False, "tensorflow==2.20.0")])
def test_two_tensorflows_fail_with_the_two_commands(small: bool, keep: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "small_tensorflow_is_enough", lambda: small)
    (line,) = doctor.check_tensorflow({"tensorflow": "2.20.0", "tensorflow-cpu": "2.21.0"}, "PIP")
    assert line.level == "FAIL"
    assert line.advice == f'PIP uninstall -y tensorflow tensorflow-cpu\nPIP install "{keep}"'
    assert doctor.check_tensorflow({"tensorflow-cpu": "2.21.0"}, "PIP") == []


def test_tensorflow_cpu_meets_the_requirement_of_tensorflow() -> None:
    wanted = ["tensorflow>=2.20,<2.22"]
    assert requirements.unmet(wanted, {"tensorflow-cpu": "2.21.0"}) == []
    assert requirements.unmet(wanted, {"tensorflow-cpu": "2.19.0"}) == [f"{wanted[0]} is needed, 2.19.0 is installed"]


def test_old_widgets_fail_in_jupyterlab_only() -> None:
    assert levels(doctor.check_widgets({"ipywidgets": "7.7.1", "jupyterlab": "4.4.0"}, "PIP")) == ["FAIL"]
    assert doctor.check_widgets({"ipywidgets": "7.7.1"}, "PIP") == []
    assert doctor.check_widgets({"ipywidgets": "8.1.9", "jupyterlab": "4.4.0"}, "PIP") == []


def test_disk_and_memory_warn_when_short() -> None:
    assert doctor.check_disk(1.0).level == "WARN"
    assert doctor.check_disk(50.0).level == "OK"
    assert doctor.check_memory(2.0).level == "WARN"
    assert doctor.check_memory(None).level == "WARN"
    assert doctor.check_memory(16.0).level == "OK"


@pytest.mark.skipif(os.name == "nt", reason="containers of Linux")
def test_memory_of_a_container_counts(tmp_path: Path) -> None:
    whole = doctor.memory_gb(tmp_path)
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    limit = tmp_path / "sys/fs/cgroup/memory.max"
    limit.write_text("1000000000\n")
    assert doctor.memory_gb(tmp_path) == 1.0
    limit.write_text("max\n")
    assert doctor.memory_gb(tmp_path) == whole > 1.0


def program(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="shell scripts as commands")
def test_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(requirements, "has_nvidia_driver", lambda: False)
    assert doctor.check_gpu() == doctor.Line("OK", "no NVIDIA GPU: none is needed")
    program(tmp_path, "nvidia-smi", "echo 'NVIDIA T4, 550.1, 15360 MiB'")
    assert doctor.check_gpu() == doctor.Line("OK", "GPU: NVIDIA T4, 550.1, 15360 MiB")
    program(tmp_path, "nvidia-smi", "exit 9")
    assert doctor.check_gpu().level == "WARN"


@pytest.mark.skipif(os.name == "nt", reason="shell scripts as commands")
def test_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(doctor, "MAC_BROWSERS", ())
    assert doctor.check_browser().level == "WARN"
    assert "apt install chromium" in doctor.check_browser().advice
    program(tmp_path, "chromium", "")
    assert doctor.check_browser() == doctor.Line("OK", f"browser for the tests: {tmp_path / 'chromium'}")


def test_folder_that_cannot_be_written_fails(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    assert doctor.check_folder(course.root, "my").level == "OK"
    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    line = doctor.check_folder(course.root, "my")
    assert (line.level, line.text) == ("FAIL", "my/ cannot be written (Permission denied)")


def test_cache_is_measured_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_CACHE", raising=False)
    (tmp_path / ".cache").mkdir()
    with (tmp_path / ".cache" / "set").open("wb") as file:
        file.truncate(20_000_000)
    assert "0.02 GB" in doctor.check_cache(tmp_path).text
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "elsewhere"))
    assert f"0.00 GB in {tmp_path / 'elsewhere'}" in doctor.check_cache(tmp_path).text


def test_placeholder_address_warns_until_one_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_REPO", raising=False)
    project = tmp_path / "pyproject.toml"
    project.write_text('[project.urls]\nrepository = "https://example.org/OWNER/course"\n')
    assert doctor.check_address(tmp_path).level == "WARN"
    monkeypatch.setenv("COURSE_REPO", "https://example.org/ada/course")
    assert doctor.check_address(tmp_path).level == "OK"
    monkeypatch.delenv("COURSE_REPO")
    project.write_text('[project.urls]\nrepository = "https://example.org/ada/course"\n')
    assert doctor.check_address(tmp_path).level == "OK"
