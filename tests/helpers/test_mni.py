"""The template brain: the right files, the right way round, and found without importing nilearn."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from helpers.data.mni import load_mni152


@pytest.fixture(scope="module")
def maps():
    return {kind: load_mni152(kind) for kind in ("t1", "grey", "white")}


def test_three_maps_on_one_grid(maps):
    for volume in maps.values():
        assert volume.values.shape == (197, 233, 189)
        assert volume.values.dtype == np.uint8
        assert np.array_equal(volume.affine, maps["t1"].affine)
        assert np.array_equal(volume.spacing, [1, 1, 1])


def test_spacing_is_the_length_of_the_columns_of_the_affine(maps):
    volume = maps["t1"]
    assert np.allclose(np.linalg.norm(volume.affine[:3, :3], axis=0), volume.spacing)


def test_it_lies_in_ras_with_the_anterior_commissure_at_the_origin(maps):
    """World (0, 0, 0) is deep inside; the eyes' side is in front, the crown above: 100 mm off there is air."""
    t1 = maps["t1"]

    def at(*world):
        i, j, k = np.round(np.linalg.solve(t1.affine, [*world, 1])[:3]).astype(int)
        return t1.values[i, j, k]

    assert at(0, 0, 0) > 0
    assert at(0, 65, 0) > 0  # the frontal lobe ends about 70 mm in front, the occipital about 105 mm behind
    assert at(0, 90, 0) == 0
    assert at(10, -95, 0) > 0
    assert at(10, 0, 70) > 0
    assert at(10, 0, 100) == 0


def test_white_matter_is_brighter_than_grey_in_t1(maps):
    mean = {kind: maps["t1"].values[maps[kind].values > 230].mean() for kind in ("grey", "white")}
    assert mean["white"] > mean["grey"] + 20


def test_another_kind_is_refused():
    with pytest.raises(ValueError, match="'t1', 'grey', 'white', got 'T2'"):
        load_mni152("T2")


def test_without_nilearn_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install nilearn"):
        load_mni152()


def test_nilearn_is_not_imported():
    code = "import sys; from helpers.data.mni import load_mni152; load_mni152(); print('nilearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
