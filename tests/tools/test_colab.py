"""The list of what Colab brings fits requirements.txt."""

import pytest

from tools import environment, requirements
from tools.chapter import COURSE

LIST = COURSE / environment.COLAB.constraints
PINS = {requirements.name_of(pin): pin for pin in requirements.read(LIST)}
WANTED = {requirements.name_of(line): line for line in requirements.read(COURSE / "requirements.txt")}


@pytest.mark.parametrize("name", sorted(set(PINS) & set(WANTED)))
def test_a_version_of_colab_lies_in_the_range_of_the_course(name):
    version = PINS[name].partition("==")[2]
    assert requirements.meets(version, WANTED[name])


def test_every_line_is_one_version_and_says_why():
    lines = [line for line in LIST.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert len(PINS) == len(lines)
    assert [line for line in lines if "==" not in line.split()[0] or not line.partition("#")[2].strip()] == []


def test_of_every_requirement_it_is_known_whether_colab_brings_it():
    """A new requirement goes into requirements-colab.txt with Colab's version, or else here."""
    assert environment.not_there(COURSE, environment.COLAB) == ["pydicom", "nilearn", "cryptography"]


def test_what_the_stack_leaves_out_is_required_somewhere():
    listed = [*requirements.read(COURSE / "requirements.txt"), *requirements.read(COURSE / "requirements-dev.txt")]
    assert set(environment.COLAB.without) <= {requirements.name_of(line) for line in listed}
