"""Phantoms: the same by seed and index, labels that fit the pixels, and nothing given away that should not be."""

import dataclasses
import subprocess
import sys
import time

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers.data.phantoms import brain_mri, breast_us, chest_ct
from helpers.data.phantoms.shapes import smooth_field

MAKERS = {"chest_ct": chest_ct, "breast_us": breast_us, "brain_mri": brain_mri}
every = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def parts(phantom) -> list[np.ndarray]:
    return [np.asarray(getattr(phantom, field.name)) for field in dataclasses.fields(phantom)]


def image(phantom) -> np.ndarray:
    return parts(phantom)[0]


@every
def test_seed_and_index_alone_decide(make):
    """The same again after others were made and after the global generator was used; another pair, another image."""
    first = make(3, 5)
    np.random.seed(0)  # noqa: NPY002 (what a learner may do)
    others = [make(3, 6), make(4, 5), make(5, 3)]
    again = make(3, 5)
    assert all(np.array_equal(a, b) for a, b in zip(parts(first), parts(again), strict=True))
    assert all(not np.array_equal(image(first), image(other)) for other in others)


@every
def test_another_process_makes_the_same(make):
    code = f"from helpers.data.phantoms import {make.__name__} as make; import dataclasses, zlib; p = make(3, 5); "
    code += "print(zlib.crc32(getattr(p, dataclasses.fields(p)[0].name).tobytes()))"
    import zlib

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(out) == zlib.crc32(image(make(3, 5)).tobytes())


@every
def test_size_and_spacing_go_together(make):
    small, large = make(1, 0, size=96), make(1, 0, size=192)
    assert image(small).shape[:2] == (96, 96)
    assert image(large).shape[:2] == (192, 192)
    assert np.allclose(small.spacing, 2 * large.spacing)


@every
@pytest.mark.parametrize(("given", "says"), [({"size": 32}, "at least 64"), ({"index": -1}, "index -1")])
def test_impossible_wishes_are_refused(make, given, says):
    with pytest.raises(ValueError, match=says):
        make(**{"seed": 1, "index": 0, **given})


@pytest.mark.parametrize(("make", "most"), [(chest_ct, 0.15), (breast_us, 0.06), (brain_mri, 0.06)])
def test_making_one_takes_little_time(make, most):
    """Processor time, for other programs run on this machine too; the best of three rounds of four."""
    make(0, 0)

    def round_() -> float:
        start = time.thread_time()
        for index in range(4):
            make(0, index)
        return (time.thread_time() - start) / 4

    assert min(round_() for _ in range(3)) < most


def test_a_smooth_field_has_mean_0_and_deviation_1_and_the_same_shape_at_every_size():
    rng = np.random.default_rng(0)
    fields = np.array([smooth_field(rng, 64, 6) for _ in range(200)])
    assert abs(fields.mean()) < 0.05
    assert fields.std() == pytest.approx(1, abs=0.05)
    coarse, fine = (smooth_field(np.random.default_rng(1), size, 6) for size in (64, 128))
    assert np.allclose(fine.reshape(64, 2, 64, 2).mean(axis=(1, 3)), coarse, atol=0.02)


# Chest CT


@pytest.fixture(scope="module")
def chests():
    return [chest_ct(11, index) for index in range(24)]


def test_a_chest_has_air_fat_muscle_and_bone_in_hounsfield_units(chests):
    for chest in chests:
        assert chest.hu.dtype == np.int16
        assert -1060 < np.median(chest.hu[:8]) < -940  # the room
        shares = [
            ((chest.hu > low) & (chest.hu < high)).mean()
            for low, high in ((-950, -750), (-150, -60), (20, 100), (300, 1500))
        ]
        assert all(share > 0.01 for share in shares)  # lung, fat, muscle, bone


def test_boxes_lie_in_the_image_around_something_denser_than_lung(chests):
    assert sum(len(chest.boxes) for chest in chests) > 10
    for chest in chests:
        height, width = chest.hu.shape
        for y0, x0, y1, x1 in chest.boxes.astype(int):
            assert 0 <= y0 < y1 <= height
            assert 0 <= x0 < x1 <= width
            inside = chest.hu[y0:y1, x0:x1]
            assert np.median(inside) > -720  # ground glass; solid ones are far above
        assert chest.boxes.dtype == np.float32
        assert chest.diameters_mm.shape == (len(chest.boxes),)


def test_boxes_are_as_large_as_the_diameters_say(chests):
    """A disc fills pi / 4 of its box; lobes leave more of it free."""
    for chest in chests:
        sides = (chest.boxes[:, 2:] - chest.boxes[:, :2]) * chest.spacing
        assert (np.abs(np.sqrt(sides.prod(axis=1)) - chest.diameters_mm) < 0.25 * chest.diameters_mm).all()
        assert ((chest.diameters_mm > 3) & (chest.diameters_mm < 36)).all()


def test_boxes_of_one_slice_do_not_share_a_nodule():
    """Boxes may touch at a corner, but none holds the middle of another."""
    for index in range(10):
        boxes = chest_ct(5, index, nodules=5).boxes
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        for k, middle in enumerate(middles):
            within = (boxes[:, :2] < middle).all(axis=1) & (boxes[:, 2:] > middle).all(axis=1)
            assert within.sum() == 1, (index, k)


@pytest.mark.parametrize(("count", "size"), [(0, 256), (1, 256), (6, 256), (6, 64)])
def test_as_many_nodules_as_asked_for(count, size):
    """Also where a pixel is wider than a nodule."""
    for index in range(6):
        chest = chest_ct(9, index, size, nodules=count)
        assert chest.boxes.shape == (count, 4)


def test_more_than_six_nodules_are_refused():
    with pytest.raises(ValueError, match="0 to 6 nodules, got 7"):
        chest_ct(1, 0, nodules=7)


def test_a_nodule_is_not_just_brightness():
    """Vessels reach the brightness of nodules: lung pixels above -300 HU lie outside the boxes too."""
    outside = 0
    for index in range(6):
        chest = chest_ct(21, index, nodules=1)
        hu = chest.hu[100:150].astype(float)  # a band through the lungs
        y0, x0, y1, x1 = chest.boxes[0].astype(int)
        spots = (hu > -300) & (_around(hu) < -600)
        spots[max(y0 - 102, 0) : max(y1 - 98, 0), max(x0 - 2, 0) : x1 + 2] = False
        outside += spots.sum()
    assert outside > 30


def _around(hu: np.ndarray) -> np.ndarray:
    from scipy.ndimage import uniform_filter

    return uniform_filter(hu, 11)


def test_the_nodule_of_the_opening_game_is_where_it_was():
    """6 to 10 mm, alone in the middle of the lung: around it nothing but air and its noise."""
    chest = chest_ct(1, 66, nodules=1)
    (diameter,) = chest.diameters_mm
    assert 6 <= diameter <= 10
    y, x = np.mgrid[:256, :256] + 0.5
    middle = (chest.boxes[0, :2] + chest.boxes[0, 2:]) / 2
    far = np.hypot(y - middle[0], x - middle[1]) * chest.spacing[0]
    assert chest.hu[far < 0.3 * diameter].mean() > -100
    ring = chest.hu[(far > diameter / 2 + 3) & (far < diameter / 2 + 9)]
    assert np.percentile(ring, 97) < -750


# Breast ultrasound


@pytest.fixture(scope="module")
def breasts():
    return [breast_us(3, index) for index in range(300)]


@pytest.fixture(scope="module")
def truth(breasts):
    return np.array([breast.label for breast in breasts])


def auc_of(features: np.ndarray, y: np.ndarray) -> float:
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    scores = cross_val_predict(model, features, y, cv=5, method="decision_function")
    return roc_auc_score(y, scores)


def solidity(mask: np.ndarray) -> float:
    """Area over the area of the convex hull of the pixels' corners: 1 for an oval, less for an irregular outline."""
    rows, columns = np.nonzero(mask)
    corners = np.concatenate([np.c_[rows + a, columns + b] for a in (0, 1) for b in (0, 1)])
    return mask.sum() / ConvexHull(corners).volume


def test_both_kinds_are_equally_common(truth):
    assert 0.4 < truth.mean() < 0.6


def test_brightness_does_not_give_the_kind_away(breasts, truth):
    """Mean, deviation and percentiles of the image and of the mass."""
    pixels = np.array([breast.pixels for breast in breasts], float).reshape(len(breasts), -1)
    percentiles = np.percentile(pixels, (1, 5, 10, 25, 50, 75, 90, 95, 99), axis=1).T
    statistics = np.column_stack([pixels.mean(axis=1), pixels.std(axis=1), percentiles])
    assert auc_of(statistics, truth) < 0.65
    of_mass = np.array([[b.pixels[b.mask].mean(), b.pixels[b.mask].std()] for b in breasts])
    assert auc_of(of_mass, truth) < 0.65


def test_size_does_not_give_the_kind_away(breasts, truth):
    area = np.array([breast.mask.sum() for breast in breasts])
    assert abs(roc_auc_score(truth, area) - 0.5) < 0.1


def test_the_outline_carries_the_kind_though_not_without_doubt(breasts, truth):
    auc = roc_auc_score(truth, [-solidity(breast.mask) for breast in breasts])
    assert 0.85 < auc < 0.97


def test_malignant_ones_are_more_often_taller_than_wide(breasts, truth):
    heights, widths = (np.array([np.ptp(np.nonzero(b.mask)[axis]) + 1 for b in breasts]) for axis in (0, 1))
    taller = heights > widths
    assert taller[truth == 1].mean() > 0.35
    assert taller[truth == 0].mean() < 0.15


def test_the_mass_is_darker_than_what_surrounds_it(breasts):
    darker = [breast.pixels[breast.mask].mean() < np.median(breast.pixels) for breast in breasts]
    assert np.mean(darker) > 0.97


def test_a_mass_is_one_piece_inside_the_image(breasts):
    from scipy.ndimage import label

    for breast in breasts:
        pieces, _ = label(breast.mask)
        assert np.bincount(pieces.ravel())[1:].max() > 0.95 * breast.mask.sum()
        assert not breast.mask[[0, -1]].any()
        assert not breast.mask[:, [0, -1]].any()


def test_a_kind_can_be_asked_for():
    assert [breast_us(1, 0, kind=kind).label for kind in ("benign", "malignant")] == [0, 1]
    with pytest.raises(ValueError, match="'benign', 'malignant' or None, got 'cyst'"):
        breast_us(1, 0, kind="cyst")


# Brain MRI


@pytest.fixture(scope="module")
def brains():
    return [brain_mri(2, index) for index in range(40)]


def test_a_brain_has_four_sequences_and_labels_on_one_grid(brains):
    for brain in brains:
        assert brain.sequences.shape == (128, 128, 4)
        assert brain.sequences.dtype == np.float32
        assert brain.labels.shape == (128, 128)
        assert brain.labels.dtype == np.uint8
        assert (brain.labels > 0).any()
        assert brain.labels.max() <= 3


def test_every_label_is_common(brains):
    assert all(np.mean([(brain.labels == label).sum() > 5 for brain in brains]) > 0.5 for label in (1, 2, 3))


def median_by_label(brains, channel: int) -> dict[int, float]:
    """Brightness over that of the healthy brain of the same image, of each label."""
    ratios: dict[int, list[float]] = {1: [], 2: [], 3: []}
    for brain in brains:
        values = brain.sequences[..., channel]
        healthy = np.median(values[(brain.labels == 0) & (values > 0.4 * values.max())])
        for label in ratios:
            if (brain.labels == label).sum() > 5:
                ratios[label].append(np.median(values[brain.labels == label]) / healthy)
    return {label: float(np.median(values)) for label, values in ratios.items()}


def test_each_sequence_shows_what_it_is_known_for(brains):
    """Oedema is bright in FLAIR and T2 and dark in T1; the enhancing core is bright after contrast and not before."""
    flair, t1, t1c, t2 = (median_by_label(brains, channel) for channel in range(4))
    assert flair[1] > 1.4
    assert t2[1] > 1.1
    assert t1[1] < 0.85
    assert t1c[3] > 1.2
    assert t1c[3] > 1.5 * t1[3]
    assert t1c[2] < 0.7


def test_the_enhancing_core_surrounds_the_other(brains):
    from scipy.ndimage import binary_fill_holes

    filled = [
        binary_fill_holes(brain.labels == 3)[brain.labels == 2].mean()
        for brain in brains
        if (brain.labels == 3).any() and (brain.labels == 2).any()
    ]
    assert np.median(filled) > 0.9


def test_a_healthy_brain_has_no_label():
    assert not brain_mri(2, 0, tumour=False).labels.any()
    assert np.abs(brain_mri(2, 0, tumour=False).sequences - brain_mri(2, 0).sequences).max() > 0.1


def test_fluid_is_dark_in_flair_and_bright_in_t2():
    """The ventricles, in healthy brains at the height where they are: pixels bright in T2 are dark in FLAIR."""
    for index in range(6):
        healthy = brain_mri(2, index, tumour=False).sequences
        flair, t2 = healthy[..., 0], healthy[..., 3]
        fluid = t2 > np.percentile(t2, 99.5)
        assert np.median(flair[fluid]) < 0.6 * np.median(flair[flair > 0.4 * flair.max()])
