"""Phantoms on disk: what comes back is what was made, however it was asked for."""

import json
import os
import stat
import subprocess
import sys

import numpy as np
import pytest

from helpers.data.case import Case, Findings
from helpers.data.phantoms import store
from helpers.data.phantoms.store import BLOCK, FIRST, Phantoms
from helpers.places import COURSE


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def made(cache, monkeypatch):
    """Makers of small cases; the list tells which indices were made in this process."""
    calls = []

    def maker(seed, index, size=4):
        calls.append(index)
        rng = np.random.default_rng([seed, index])
        n = index % 3
        boxes = rng.random((n, 4)).astype(np.float32)
        found = Findings(boxes[:, :2], boxes[:, 0], np.array(["solid"] * n, np.str_), boxes)
        return Case(rng.random((size, size, 2)).astype(np.float32), np.array([0.8, 0.8]), f"p{index // 2}", n, None,
                    found, table={"age": 50.5, "shape": "oval"})  # fmt: skip

    monkeypatch.setattr(store, "makers", lambda: {("spots", False): (maker, 1)})
    return calls


def same(a: Case, b: Case) -> bool:
    def listed(case):
        found = None if case.nodules is None else [np.asarray(part).tolist() for part in vars(case.nodules).values()]
        facts = case.spacing.tolist(), case.patient, case.label, case.table, found
        return json.dumps(facts), None if case.mask is None else case.mask.tolist()

    return a.image.dtype == b.image.dtype and np.array_equal(a.image, b.image) and listed(a) == listed(b)


def test_stored_cases_equal_those_made_anew(made):
    phantoms = Phantoms("spots", 3, "train", 7)
    first, again = list(phantoms.cases(range(7))), list(Phantoms("spots", 3, "train", 7).cases(range(7)))
    assert made == list(range(7))  # the second time they came from disk
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    assert all(same(phantoms.make(k), first[k]) for k in range(7))
    assert first[0].nodules.boxes.shape == (0, 4)


def test_the_first_8_of_40_are_the_8(made):
    few = list(Phantoms("spots", 3, "train", 8).cases(range(8)))
    many = list(Phantoms("spots", 3, "train", 40).cases(range(40)))
    assert all(same(a, b) for a, b in zip(few, many, strict=False))
    assert sorted(made) == list(range(40))  # none of the 8 was made twice


def test_splits_seeds_and_options_have_their_own_images(made):
    def first(*args, **options):
        return next(iter(Phantoms("spots", *args, options=options).cases([0]))).image

    images = [first(3, "train", 4), first(3, "val", 4), first(3, "test", 4), first(4, "train", 4)]
    assert len({image.tobytes() for image in images}) == 4
    assert first(3, "train", 4, size=6).shape == (6, 6, 2)
    assert set(made) == {0, FIRST["val"], FIRST["test"]}


def test_one_case_is_made_alone(made, cache):
    next(iter(Phantoms("spots", 3, "train", 600).cases([333])))
    assert made == [333]
    assert not list(cache.rglob("*.npz"))


def test_a_damaged_file_is_made_anew_and_said(made, cache, capsys):
    phantoms = Phantoms("spots", 3, "train", 6)
    before = list(phantoms.cases(range(6)))
    (file,) = cache.rglob("*.npz")
    file.write_bytes(file.read_bytes()[:200])
    after = list(phantoms.cases(range(6)))
    assert "cannot be read" in capsys.readouterr().out
    assert all(same(a, b) for a, b in zip(before, after, strict=True))
    file.write_bytes(b"")
    assert same(next(iter(phantoms.cases([2]))), before[2])


def test_a_cache_that_cannot_be_written_costs_time_not_the_images(made, tmp_path, monkeypatch, capsys):
    """A file stands where the folder should be: nobody can write there, root neither."""
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    monkeypatch.setenv("COURSE_CACHE", str(blocked))
    assert len(list(Phantoms("spots", 3, "train", 200).cases(range(200)))) == 200
    assert capsys.readouterr().out.count("could not be stored") == 1


def test_other_processes_make_the_same(cache):
    """Enough images that helpers are worth it: real phantoms, half of them made elsewhere."""
    phantoms = Phantoms("breast_us", 1, "train", 5 * BLOCK, options={"size": 64})
    cases = list(phantoms.cases(range(5 * BLOCK)))
    assert len(list(cache.rglob("*.npz"))) == 5
    for k in (0, BLOCK, BLOCK + 1, 3 * BLOCK + 5, 5 * BLOCK - 1):
        assert same(cases[k], phantoms.make(k))


def test_a_helper_needs_nothing_of_the_script_that_called(tmp_path):
    """A plain script without the guard that multiprocessing wants, as learners write them; every core in use."""
    script = tmp_path / "script.py"
    script.write_text(
        f"from helpers import load\nprint(load('breast_us', n={4 * BLOCK + 8}, size=64).images.mean() > 0)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(COURSE), "COURSE_CACHE": str(tmp_path / "cache")}
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment)
    assert run.stdout.strip().endswith("True"), run.stderr
    assert not run.stderr
    assert len(list(tmp_path.rglob("*.npz"))) == 5


def test_files_are_compact(cache):
    """One byte a pixel of ultrasound, two a Hounsfield unit, two a number of MRI."""
    for name, bytes_each in (("breast_us", 2), ("chest_ct", 2), ("brain_mri", 9)):  # with the mask, where there is one
        list(Phantoms(name, 1, "train", 4, options={"size": 64}).cases(range(4)))
        (file,) = (cache / "phantoms").glob(f"{name}-*/*.npz")
        assert stat.filemode(file.stat().st_mode).startswith("-rw")
        assert file.stat().st_size < 4 * 64 * 64 * bytes_each + 12_000
