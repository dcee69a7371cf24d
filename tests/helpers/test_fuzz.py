"""Damaged files: a reader refuses them with a sentence, or reads them; it never hangs, crashes or eats the memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.mutate import KINDS

ROOT = Path(__file__).parents[2]


def tried(kind: str, count: int, seed: int, folder: Path) -> dict:
    """In a process of its own, whose memory is limited and which ends itself when one file takes too long."""
    command = [sys.executable, "-m", "tests.helpers.mutate", kind, str(count), str(seed), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    if kind != "picture":  # of a damaged TIFF libtiff speaks too, below Python
        assert all(line.startswith(f"{kind} ") for line in done.stderr.splitlines())  # no warning spills over
    found = json.loads(done.stdout)
    print(kind, found["outcomes"])
    return found


def judge(found: dict, count: int) -> None:
    assert found["wrong"] == []
    outcomes = found["outcomes"]
    assert outcomes["read"] + outcomes["refused"] == count
    assert outcomes["undamaged read"] > outcomes.get("undamaged refused", 0)
    assert outcomes["refused"] > count / 4  # the damage is real


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_refused_with_a_sentence_or_read(kind, tmp_path):
    judge(tried(kind, 300, 0, tmp_path), 300)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_many_damaged_files(kind, tmp_path):
    judge(tried(kind, 2000, 1, tmp_path), 2000)
