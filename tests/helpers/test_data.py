"""What stored numbers and voxel indices mean, held against pydicom, nibabel and scipy; splits without a leak."""

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from scipy.interpolate import RegularGridInterpolator

from helpers.data.geometry import resample_spacing, voxel_to_world
from helpers.data.intensity import hounsfield, window
from helpers.data.splits import split_by_patient

CT_FILES = ("CT_small.dcm", "J2K_pixelrep_mismatch.dcm", "693_J2KI.dcm")


@pytest.fixture(scope="module", params=CT_FILES)
def ct(request):
    return pydicom.dcmread(get_testdata_file(request.param))


def test_hounsfield_equals_pydicom(ct):
    expected = apply_modality_lut(ct.pixel_array, ct)
    assert np.array_equal(hounsfield(ct.pixel_array, ct.RescaleSlope, ct.RescaleIntercept), expected)


def test_hounsfield_survives_unsigned_integers():
    assert hounsfield(np.array([0, 24], np.uint16), 1, -1024).tolist() == [-1024, -1000]


@pytest.mark.parametrize(("level", "width"), [(40, 80), (40, 400), (600, 2800), (-600, 1500), (50, 351)])
def test_window_equals_pydicom(ct, level, width):
    """pydicom applies the window of the header, to the full range of the stored bits: here scaled to 255."""
    hu = apply_modality_lut(ct.pixel_array, ct)
    copy = pydicom.dcmread(ct.filename)
    copy.WindowCenter, copy.WindowWidth = level, width
    theirs = apply_voi_lut(hu, copy)
    low, high = -(2 ** (ct.BitsStored - 1)), 2 ** (ct.BitsStored - 1) - 1  # signed: what pydicom maps the window to
    low, high = (low * ct.RescaleSlope + ct.RescaleIntercept, high * ct.RescaleSlope + ct.RescaleIntercept)
    assert np.abs((theirs - low) / (high - low) * 255 - window(hu, level, width)).max() <= 0.5 + 1e-6


def test_a_window_shows_its_ends_black_and_white():
    assert window(np.array([-161, -160, 239, 240]), 40, 400).tolist() == [0, 0, 255, 255]
    assert window(np.array([-160, -159, 238, 239]), 40, 400).tolist() == [0, 1, 254, 255]


def test_a_window_without_width_is_refused():
    with pytest.raises(ValueError, match="width above 1, got 1"):
        window(np.zeros(3), 40, 1)


def test_voxel_to_world_equals_nibabel():
    rng = np.random.default_rng(0)
    for _ in range(20):
        affine = np.vstack([rng.normal(size=(3, 4)), [0, 0, 0, 1]])
        voxels = rng.integers(0, 200, size=(rng.integers(1, 6), 3))
        assert np.allclose(voxel_to_world(affine, voxels), nibabel.affines.apply_affine(affine, voxels), rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_resampling_equals_interpolation_by_position(seed):
    rng = np.random.default_rng(seed)
    volume, spacing, new = rng.normal(size=rng.integers(3, 9, size=3)), rng.uniform(0.5, 5, 3), rng.uniform(0.5, 3, 3)
    ours = resample_spacing(volume, spacing, new)
    axes = [np.arange(n) * s for n, s in zip(volume.shape, spacing, strict=True)]
    places = np.stack(np.meshgrid(*(np.arange(n) * s for n, s in zip(ours.shape, new, strict=True)), indexing="ij"), -1)
    theirs = RegularGridInterpolator(axes, volume, bounds_error=False, fill_value=None)(places)
    assert np.abs(ours - theirs).max() / np.abs(theirs).max() < 1e-12
    assert all(
        (n - 1) * s <= (m - 1) * o + 1e-9 < n * s
        for n, s, m, o in zip(ours.shape, new, volume.shape, spacing, strict=True)
    )


def test_resampling_to_the_same_spacing_changes_nothing():
    volume = np.random.default_rng(0).normal(size=(4, 5, 6))
    assert np.array_equal(resample_spacing(volume, (0.7, 0.7, 5.0), (0.7, 0.7, 5.0)), volume)


@pytest.mark.parametrize("seed", range(20))
def test_no_patient_is_on_both_sides(seed):
    rng = np.random.default_rng(seed)
    patients = rng.permutation(np.repeat(np.arange(50), rng.integers(1, 9, size=50)))
    test = split_by_patient(patients, 0.3, rng)
    assert not set(patients[test]) & set(patients[~test])
    assert len(set(patients[test])) == 15


def test_a_small_share_still_tests_somebody():
    assert split_by_patient(np.array([1, 1, 2]), 0.01, np.random.default_rng(0)).any()
