"""Training images cut out of whole scans: what they show, and that their boxes lie around it."""

import dataclasses

import numpy as np
import pytest

from helpers import load
from helpers.data.case import Case, Findings
from helpers.data.patches import _discs, cut_patches, lungs
from helpers.data.phantoms.chest_ct import _Patient, chest_scan
from helpers.metrics import iou
from tests.helpers.test_load import luna

SPACINGS = [(1.25, 0.6, 0.7), (2.5, 0.8, 0.8), (3.0, 0.5, 0.5), (0.7, 0.9, 0.65)]
NONE = Findings(np.zeros((0, 3)), np.zeros(0), np.zeros(0, np.str_))


def found(centres, diameters) -> Findings:
    """Nodules at these voxels (z, y, x), diameters in mm."""
    return Findings(
        np.array(centres, np.float32), np.array(diameters, np.float32), np.array(["solid"] * len(diameters))
    )


def scan_of(spacing, nodules: Findings, size=130.0, excluded: Findings = NONE) -> Case:
    """A square body of 20 HU in air, lung of -870 HU from 15 mm inside it on, balls of 0 HU in that."""
    spacing = np.array(spacing)
    shape = np.round([40 / spacing[0], size / spacing[1], size / spacing[2]]).astype(int)
    z, y, x = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    depth = np.minimum.reduce([(y + 0.5) * spacing[1], (x + 0.5) * spacing[2]])
    depth = np.minimum(depth, size - np.maximum((y + 0.5) * spacing[1], (x + 0.5) * spacing[2]))
    hu = np.where(depth < 10, -1000, np.where(depth < 25, 20, -870))
    for middle, diameter in zip(nodules.centres, nodules.diameters_mm, strict=True):
        away = np.linalg.norm((np.stack([z, y, x], axis=-1) - middle) * spacing, axis=-1)
        hu[away < diameter / 2] = 0
    return Case(hu.astype(np.int16)[..., None], spacing, "somebody", nodules=nodules, excluded=excluded)


def middle_of(spacing, *mm) -> list:
    """The voxel at these mm from the corner of a scan."""
    return (np.array(mm) / spacing - 0.5).tolist()


@pytest.mark.parametrize("spacing", SPACINGS, ids=str)
def test_a_box_lies_around_what_the_patch_shows_of_a_ball(spacing):
    """Whatever the spacing: rows and columns of the ball's pixels, to one pixel."""
    nodules = found([middle_of(spacing, 20, 60, 75), middle_of(spacing, 22, 90, 50)], [9.0, 14.0])
    images, boxes, excluded = cut_patches(scan_of(spacing, nodules), np.random.default_rng(0), patches=24)
    assert images.shape == (24, 128, 128, 1)
    assert images.dtype == np.int16
    seen = 0
    for image, patch, other in zip(images, boxes, excluded, strict=True):
        inside = other[(other > 0).all(axis=1) & (other < 128).all(axis=1)]
        for box in [*patch, *inside]:
            y0, x0 = np.maximum(np.floor(box[:2]).astype(int) - 3, 0)
            y1, x1 = np.ceil(box[2:]).astype(int) + 3
            pixels = np.argwhere(image[y0:y1, x0:x1, 0] > -435) + [y0, x0]
            shown = np.concatenate([pixels.min(axis=0), pixels.max(axis=0) + 1])
            seen += len(patch) > 0 and (box == patch[0]).all()
            assert np.abs(shown - box).max() < 1.3, (shown, box)
    assert seen >= 12  # each of the patches around a nodule has it


@pytest.mark.parametrize("spacing", SPACINGS, ids=str)
def test_a_slice_beside_the_middle_shows_a_smaller_disc(spacing):
    """sqrt(r^2 - dz^2), worked out by hand: r = 5 mm and dz = 3 mm give 4 mm."""
    case = scan_of((3.0, *spacing[1:]), found([[5, *middle_of(spacing, 0, 60, 60)[1:]]], [10.0]))
    for z, radius in ((5, 5.0), (4, 4.0), (6, 4.0)):
        (box,), thin = _discs(case, case.nodules, z, np.array([10.0, 20.0]), 0.8)
        assert box == pytest.approx(np.array([50 - radius, 40 - radius, 50 + radius, 40 + radius]) / 0.8, abs=1e-4)
        assert len(thin) == 0
    for z in (3, 7):  # 6 mm away from a ball of radius 5
        assert [len(part) for part in _discs(case, case.nodules, z, np.zeros(2), 0.8)] == [0, 0]


def test_a_disc_of_less_than_two_mm_counts_neither_way():
    case = scan_of((2.5, 0.8, 0.8), found([[5, 80, 80]], [5.3]))  # 2.5 mm off, the disc is 1.76 mm wide
    wide, thin = _discs(case, case.nodules, 6, np.zeros(2), 0.8)
    assert len(wide) == 0
    assert np.diff(thin[0, ::2]) * 0.8 == pytest.approx(2 * (2.65**2 - 2.5**2) ** 0.5, rel=1e-3)


def test_nodules_lie_off_centre_and_inside():
    spacing = (2.5, 0.7, 0.7)
    case = scan_of(spacing, found([middle_of(spacing, 20, 65, 65)], [8.0]))
    _, boxes, _ = cut_patches(case, np.random.default_rng(1), patches=200)
    middles = np.array([(patch[0, :2] + patch[0, 2:]) / 2 for patch in boxes[:100]])
    assert (np.ptp(middles, axis=0) > 90).all()
    assert abs(middles.mean(axis=0) - 64).max() < 12  # four standard errors of a uniform place


def test_a_nodule_in_the_corner_of_a_scan_is_padded_with_air():
    spacing = (2.5, 0.7, 0.7)
    case = scan_of(spacing, found([middle_of(spacing, 38, 2, 128)], [8.0]))
    images, boxes, _ = cut_patches(case, np.random.default_rng(2), patches=20)
    for image, patch in zip(images[:10], boxes[:10], strict=True):
        assert len(patch) == 1
        y, x = ((patch[0, :2] + patch[0, 2:]) / 2).astype(int)
        assert image[y, x, 0] > -300
        assert (image[: max(y - 5, 0)] == -1000).all()  # 2 mm above its middle the scan ends


def test_what_the_edge_of_a_patch_cuts_counts_neither_way():
    spacing = (2.5, 0.8, 0.8)
    nodules = found([middle_of(spacing, 20, 60, 50), middle_of(spacing, 20, 60, 70)], [16.0, 16.0])
    _, boxes, excluded = cut_patches(scan_of(spacing, nodules), np.random.default_rng(3), size=32, patches=60)
    kept, cut = np.concatenate(boxes), np.concatenate(excluded)
    assert len(cut) > 10
    for found_boxes in (kept, cut):
        assert found_boxes.min() >= 0
        assert found_boxes.max() <= 32
    assert np.ptp(kept[:, ::2] - kept[:, 1::2] - (kept[:, :1] - kept[:, 1:2])) < 1e-3  # all of them are squares
    assert ((cut == 0) | (cut == 32)).any(axis=1).all()


def test_excluded_findings_stay_excluded():
    spacing = (2.5, 0.8, 0.8)
    case = scan_of(spacing, found([[8, 75, 75]], [8.0]), excluded=found([[8, 75, 90]], [6.0]))
    _, boxes, excluded = cut_patches(case, np.random.default_rng(4), patches=40)
    widths = [np.diff(box[::2])[0] * 0.8 for patch in excluded for box in patch]
    assert len(widths) > 5
    assert max(widths) <= 6.01
    assert max(len(patch) for patch in boxes) == 1


def test_a_scan_without_nodules_gives_patches_from_inside_the_body():
    case = scan_of((2.5, 0.7, 0.7), NONE)
    images, boxes, excluded = cut_patches(case, np.random.default_rng(5), patches=30)
    assert sum(map(len, boxes)) == sum(map(len, excluded)) == 0
    assert {patch.shape for patch in boxes} == {(0, 4)}
    assert (images[:, 63:66, 63:66].min(axis=(1, 2, 3)) == -870).all()  # lung in the middle, never the air around


def test_lungs_are_found_within_a_body_and_where_they_reach_the_edge_of_the_picture():
    case = scan_of((2.5, 0.8, 0.8), NONE)
    hu = case.image[4, ..., 0]
    assert np.array_equal(lungs(hu), hu == -870)
    assert np.array_equal(lungs(hu[40:, 40:]), hu[40:, 40:] == -870)
    padded = np.where(hu == -1000, -3024, hu)  # as some scanners mark what lies outside their circle
    assert np.array_equal(lungs(padded), hu == -870)


@pytest.mark.parametrize("nodules", [0, 2])
def test_patches_depend_on_the_generator_alone(nodules):
    case = chest_scan(0, 3, nodules=nodules)
    first, again, other = (cut_patches(case, np.random.default_rng(seed), patches=6) for seed in (7, 7, 8))
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])
    assert all(np.array_equal(a, b) for a, b in zip(first[1], again[1], strict=True))


def test_of_a_phantom_the_boxes_are_those_of_chest_ct():
    """The ball's disc against the box around the pixels that are at least half nodule, in every slice of 6 scans."""
    overlaps, missed = [], 0
    for index in range(6):
        case, patient = chest_scan(1, index, nodules=3), _Patient(1, index, 128, 0.8, 3)
        for z, height in enumerate(patient.heights):
            _, own, _ = patient.slice(height, "A", np.random.default_rng(0), None)
            discs, _ = _discs(case, case.nodules, z, np.zeros(2), 0.8)
            best = iou(own.boxes, discs).max(axis=1, initial=0)
            overlaps += [*best[best > 0]]
            missed += (best == 0).sum()
    assert np.median(overlaps) > 0.75
    assert missed < 0.1 * len(overlaps)


def test_scans_of_luna16_are_cut_with_their_axes_as_they_run(tmp_path):
    """Two scans of the loader's own test, of which one runs the other way: 50 HU stands where the box is."""
    for case in load("luna16", "all", path=luna(tmp_path), unverified=True):
        images, boxes, excluded = cut_patches(case, np.random.default_rng(0), patches=40)
        shown = 0
        for image, patch, other in zip(images, boxes, excluded, strict=True):
            for found_boxes, low, high in ((patch, -600, 60), (other, 100, 400)):
                bright = np.argwhere((image[..., 0] > low) & (image[..., 0] <= high))
                if len(bright) and len(found_boxes) == 1 and image.max() <= high:
                    middle = (found_boxes[0, :2] + found_boxes[0, 2:]) / 2
                    assert np.abs(bright.mean(axis=0) + 0.5 - middle).max() < 1
                    shown += 1
        assert shown > 4


def test_wrong_arguments_are_refused():
    case, rng = scan_of((2.5, 0.8, 0.8), NONE), np.random.default_rng(0)
    for change in ({"image": case.image[0]}, {"spacing": None}, {"nodules": None}):
        with pytest.raises(ValueError, match="expected a scan"):
            cut_patches(dataclasses.replace(case, **change), rng)
    for wrong in ({"size": 0}, {"spacing": 0}, {"patches": 0}):
        with pytest.raises(ValueError, match="above 0, got"):
            cut_patches(case, rng, **wrong)
