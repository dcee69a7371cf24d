"""Faster R-CNN: each part against torchvision's, the whole on what it must learn and must refuse."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from helpers import metrics
from tests.helpers.backends import MISSING, ran

COURSE = Path(__file__).parents[2]
FIXTURES = np.load(Path(__file__).parent / "fixtures" / "torchvision.npz")
EXACT = 1e-5


@pytest.fixture(scope="module")
def frcnn():
    from helpers.models import faster_rcnn

    return faster_rcnn


def float32(name: str) -> np.ndarray:
    return FIXTURES[name].astype(np.float32)


def numpy(tensor) -> np.ndarray:
    from keras import ops

    return ops.convert_to_numpy(tensor)


# ---------------------------------------------------------------- parts, against torchvision


def test_iou_is_that_of_torchvision(frcnn):
    found = numpy(frcnn.box_iou(float32("iou_a")[None], float32("iou_b")[None]))[0]
    np.testing.assert_allclose(found, FIXTURES["iou"], atol=EXACT)


def test_boxes_are_coded_as_torchvision_does(frcnn):
    np.testing.assert_allclose(frcnn.WEIGHTS, FIXTURES["coder_weights"])
    encoded = numpy(frcnn.encode_boxes(float32("coder_truth"), float32("coder_anchors")))
    np.testing.assert_allclose(encoded, FIXTURES["coder_encoded"], rtol=EXACT, atol=EXACT)
    decoded = numpy(frcnn.decode_boxes(float32("coder_deltas"), float32("coder_anchors")))
    np.testing.assert_allclose(decoded, FIXTURES["coder_decoded"], rtol=EXACT, atol=1e-4)  # of boxes 1000 pixels wide


def test_decoding_undoes_encoding(frcnn):
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 90, (2, 500, 2))
    boxes, anchors = np.concatenate([corners, corners + rng.uniform(2, 40, (2, 500, 2))], axis=-1).astype(np.float32)
    again = numpy(frcnn.decode_boxes(frcnn.encode_boxes(boxes, anchors), anchors))
    np.testing.assert_allclose(again, boxes, atol=1e-4)


@pytest.mark.parametrize("k", range(6))
def test_non_maximum_suppression_is_that_of_torchvision(frcnn, k):
    """Also with heaps of equal scores and chains, in which a box that went removes nothing any more."""
    boxes, scores, threshold = float32("nms_boxes")[k], float32("nms_scores")[k], float(FIXTURES["nms_threshold"][k])
    wanted = FIXTURES["nms_kept"][k]
    wanted = wanted[wanted >= 0]
    np.testing.assert_array_equal(metrics.nms(boxes, scores, threshold), wanted)
    count = min(len(wanted) + 3, len(boxes))
    found, kept = map(numpy, frcnn.non_maximum_suppression(boxes[None], scores[None], threshold, count))
    assert (kept[0, : len(wanted)] > -1).all()
    assert (kept[0, len(wanted) :] < -1e8).all()
    np.testing.assert_array_equal(kept[0, : len(wanted)], scores[wanted])
    order = np.lexsort((*boxes[wanted].T, -scores[wanted]))  # equal scores may come in any order
    order_found = np.lexsort((*found[0, : len(wanted)].T, -kept[0, : len(wanted)]))
    np.testing.assert_array_equal(found[0][order_found], boxes[wanted][order])


@pytest.mark.parametrize("ratio", [1, 2])
def test_roi_align_is_that_of_torchvision(frcnn, ratio):
    """Also for boxes outside, across borders, tiny and without area."""
    features = float32("roi_features")[FIXTURES["roi_image"]]
    found = frcnn.roi_align(features, float32("roi_boxes")[:, None], 4, 7, ratio)
    np.testing.assert_allclose(numpy(found)[:, 0], FIXTURES[f"roi_{ratio}"], atol=EXACT)


@pytest.mark.parametrize("force", [False, True])
def test_matching_is_that_of_torchvision_but_for_whose_a_forced_anchor_is(frcnn, force):
    """There it keeps the truth box it overlaps most; here it is that of the box that forced it, of two the nearer."""
    for k, count in enumerate(FIXTURES["match_count"]):
        truth = float32("match_truth")[k]
        labels = (np.arange(len(truth)) < count).astype(np.int32)
        anchors = float32("match_anchors")
        found = frcnn.match(anchors[None], truth[None], labels[None], 0.3, 0.5, force)
        index, label = (numpy(part)[0] for part in found)
        theirs = FIXTURES[f"match_{int(force)}"][k]
        np.testing.assert_array_equal(label, np.select([theirs >= 0, theirs == -1], [1, 0], -1))
        overlap = metrics.iou(anchors, truth[:count])
        forced = ((overlap == overlap.max(axis=0)) & (overlap > 0)).any(axis=1) & force
        certain = (label == 1) & ~forced
        np.testing.assert_array_equal(index[certain], theirs[certain])
        for g in range(count * force):
            favourites = np.flatnonzero((overlap[:, g] == overlap[:, g].max()) & (overlap[:, g] > 0))
            others = [overlap[a, index[a]] >= overlap[a, g] and index[a] != g for a in favourites]
            assert all((label[favourites] == 1) & ((index[favourites] == g) | others))


def test_anchors_have_torchvisions_sides_around_the_middles_of_cells(frcnn):
    shape, stride = tuple(FIXTURES["anchor_shape"]), int(FIXTURES["anchor_stride"])
    sizes, ratios = FIXTURES["anchor_sizes"], FIXTURES["anchor_ratios"]
    ours = frcnn.make_anchors(shape, stride, sizes, ratios).reshape(-1, len(sizes), len(ratios), 4)
    theirs = FIXTURES["anchors"].reshape(-1, len(ratios), len(sizes), 4).swapaxes(1, 2)
    sides, their_sides = (boxes[..., 2:] - boxes[..., :2] for boxes in (ours, theirs))
    assert np.abs(sides - their_sides).max() <= 1  # each of their edges is rounded
    middles, their_middles = ((boxes[..., 2:] + boxes[..., :2]) / 2 for boxes in (ours, theirs))
    np.testing.assert_allclose(middles, their_middles + stride / 2)


# ---------------------------------------------------------------- matching, sampling, truth


def test_findings_that_count_neither_way_are_not_background(frcnn):
    boxes = np.array([[[0, 0, 10, 10], [40, 40, 50, 50], [80, 80, 90, 90]]], np.float32)
    truth = np.array([[[0, 0, 10, 10], [41, 41, 51, 51], [0, 0, 0, 0]]], np.float32)
    _, label = frcnn.match(boxes, truth, np.array([[1, -1, 0]], np.int32), 0.3, 0.5, force=True)
    np.testing.assert_array_equal(numpy(label), [[1, -1, 0]])


def test_without_truth_everything_is_background(frcnn):
    boxes = np.array([[[0, 0, 10, 10], [40, 40, 50, 50]]], np.float32)
    index, label = frcnn.match(boxes, np.zeros((1, 2, 4), np.float32), np.zeros((1, 2), np.int32), 0.3, 0.5, force=True)
    assert not numpy(label).any()
    assert not numpy(index).any()


def test_sampling_takes_what_there_is_and_weighs_the_rest_zero(frcnn):
    rng = np.random.default_rng(1)
    label = np.array([[1] * 3 + [0] * 20 + [-1] * 7])
    scores = rng.normal(size=(1, 30)).astype(np.float32)
    import keras

    index, weight = (numpy(part)[0] for part in frcnn.sample(label, scores, 5, 8, 4, keras.random.SeedGenerator(0)))
    assert len(index) == 17
    assert weight.sum() == 3 + 8 + 4
    assert set(index[:5][weight[:5] > 0]) == {0, 1, 2}
    assert (label[0, index[5:]] == 0).all()
    assert len(set(index[5:13])) == 8
    hardest = 3 + np.argsort(-scores[0, 3:23])[:4]
    assert set(index[13:]) == set(hardest)


def test_truth_of_unequal_numbers_fills_slots(frcnn):
    boxes, labels = frcnn.slots(
        [np.array([[1, 2, 3, 4]]), np.zeros((0, 4))],
        [np.zeros((0, 4)), np.array([[0, 0, 5, 5], [1, 1, 6, 6]])],
        (16, 16),
    )
    np.testing.assert_array_equal(labels, [[1, 0], [-1, -1]])
    np.testing.assert_array_equal(boxes[0], [[1, 2, 3, 4], [0, 0, 0, 0]])


def test_mirroring_takes_the_boxes_along(frcnn):
    rng = np.random.default_rng(2)
    images = np.zeros((8, 16, 24, 1), np.int16)
    images[:, 3:7, 2:9] = 100
    batch = {"images": images, "boxes": np.tile(np.float32([3, 2, 7, 9]), (8, 1, 1)), "labels": np.ones((8, 1), int)}
    turned = frcnn.mirrored(batch, rng)
    assert 0 < (turned["boxes"] != batch["boxes"]).any(axis=(1, 2)).sum() < 8
    for image, (y0, x0, y1, x1) in zip(turned["images"], turned["boxes"][:, 0].astype(int), strict=True):
        assert (image[y0:y1, x0:x1] == 100).all()
        assert image.sum() == 100 * 28


# ---------------------------------------------------------------- the whole


def discs(n: int, seed: int, size: int = 64) -> tuple[np.ndarray, list[np.ndarray]]:
    """Bright discs on a dark ground with noise: images (n, size, size, 1) HU, and their boxes; some have none."""
    rng = np.random.default_rng(seed)
    images = rng.normal(-850, 60, (n, size, size, 1))
    y, x = np.mgrid[:size, :size] + 0.5
    truth = []
    for image in images:
        boxes = []
        for _ in range(rng.integers(0, 3)):
            radius = rng.uniform(3, 8)
            cy, cx = rng.uniform(radius, size - radius, 2)
            image[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = 0
            boxes.append([cy - radius, cx - radius, cy + radius, cx + radius])
        truth.append(np.array(boxes).reshape(-1, 4))
    return images.astype(np.int16), truth


SMALL = {"size": (64, 64), "sizes": (8.0, 14.0), "width": 8, "channels": 16, "units": 32, "proposals": 8}
LEARNS = """
import keras
from tests.helpers.test_models_faster_rcnn import SMALL, discs
from helpers.metrics import box_average_precision
from helpers.models import FasterRCNN, detect, fit_detector
keras.utils.set_random_seed(0)
model = FasterRCNN(**SMALL)
history = fit_detector(model, *discs(320, seed=0), epochs=8)
images, truth = discs(80, seed=1)
loss = [sum(values) for values in zip(*history.values())]
print(loss[0], loss[-1], box_average_precision(truth, *detect(model, images)))
"""


@pytest.mark.parametrize("backend", ["tensorflow", *(pytest.param(name, marks=pytest.mark.long) for name in MISSING)])
def test_it_learns_to_find_discs(backend):
    first, last, precision = map(float, ran(LEARNS, backend)[-3:])
    assert last < first / 2
    assert precision > 0.6


AS_THE_CHAPTER = """
import keras
from helpers import load
from helpers.models import FasterRCNN
from tests.benchmarks.one_stage import precisions, trained
keras.utils.set_random_seed(0)
model = trained(FasterRCNN(), seed=0)
print(precisions(model, load("chest_ct", "test", n=400))["AP50 from 6 mm"])
"""


@pytest.mark.long
@pytest.mark.parametrize("backend", MISSING)
def test_another_backend_reaches_what_the_chapter_reaches(backend):
    """The chapter's recipe; its band comes from TensorFlow, other random numbers give another network."""
    bands = tomllib.loads((COURSE / "chapters" / "bands.toml").read_text())
    band = bands["08"]["ap50_from_6mm"]
    precision = ran(AS_THE_CHAPTER, backend)[-1]
    assert band["low"] <= float(precision) <= band["high"]


@pytest.fixture
def small(frcnn):
    return frcnn.FasterRCNN(**SMALL)


def test_weights_serve_images_of_another_size(frcnn, small):
    images, _ = discs(3, seed=3, size=96)
    large = frcnn.FasterRCNN(**SMALL | {"size": (96, 64)})
    large.set_weights(small.get_weights())
    boxes, scores = frcnn.detect(large, images[:, :, :64], least_score=0, threshold=1)
    assert [len(b) for b in boxes] == [len(s) for s in scores] == [8, 8, 8]
    boxes = np.concatenate(boxes)
    assert boxes.min() >= 0
    assert (boxes.max(axis=0) <= [96, 64, 96, 64]).all()


def test_images_are_detected_in_one_way_however_many_there_are(frcnn, small):
    images, _ = discs(7, seed=4)
    alone = frcnn.detect(small, images[2:3], 0, 1)
    among = frcnn.detect(small, images, 0, 1, batch_size=3)
    np.testing.assert_allclose(alone[1][0], among[1][2], rtol=1e-4)
    assert frcnn.detect(small, images[:0]) == ([], [])


def test_the_losses_are_finite_for_empty_images_and_boxes_at_the_edge(frcnn, small):
    images, _ = discs(16, seed=5)
    truth = [np.array([[-5.0, -5, 6, 6], [60, 60, 64, 64]])] + [np.zeros((0, 4))] * 15
    before = small.get_weights()
    history = frcnn.fit_detector(small, images, truth, [np.array([[10.0, 10, 20, 20]])] * 16, epochs=2)
    assert np.isfinite(list(history.values())).all()
    assert list(history) == ["loss_objectness", "loss_rpn_box_reg", "loss_classifier", "loss_box_reg"]
    assert all(np.isfinite(w).all() for w in small.get_weights())
    assert any((w != b).any() for w, b in zip(small.get_weights(), before, strict=True))


def test_the_history_of_an_epoch_is_the_mean_over_its_batches(frcnn, small):
    """At a rate of 0 nothing but what is in them tells the batches apart."""
    images, truth = discs(8, seed=7)
    images, truth = np.concatenate([images[:1]] * 4 + [images[1:2]] * 4), [np.array([[5.0, 5, 15, 15]])] * 8
    told = []
    train_on_batch = small.train_on_batch
    small.train_on_batch = lambda *args, **options: told.append(train_on_batch(*args, **options)) or told[-1]
    history = frcnn.fit_detector(small, images, truth, epochs=2, learning_rate=0.0, batch_size=2)
    assert len(told) == 8
    for name, values in history.items():
        np.testing.assert_allclose(
            values, np.reshape([losses[name] for losses in told], (2, 4)).mean(axis=1), rtol=1e-5
        )
    assert (
        len({round(float(losses["loss_objectness"]), 5) for losses in told}) > 2
    )  # each of its own, not a running mean
    ends = [told[3]["loss_objectness"], told[7]["loss_objectness"]]
    assert not np.allclose(history["loss_objectness"], ends)


def test_what_cannot_be_learned_from_is_refused(frcnn, small):
    images, _ = discs(16, seed=6)
    none, one = [np.zeros((0, 4))] * 16, [np.array([[1.0, 1, 9, 9]])] * 16
    for wrong, message in [
        ([5.0, 5, 5, 9], "image 3: expected y0 < y1"),  # no area
        ([9.0, 9, 5, 5], "image 3: expected y0 < y1"),  # turned over
        ([70.0, 0, 90, 9], "inside"),  # outside
        ([np.nan, 1, 9, 9], "image 3"),
    ]:
        with pytest.raises(ValueError, match=message):
            frcnn.fit_detector(small, images, [*one[:3], np.array([wrong]), *one[4:]])
    with pytest.raises(ValueError, match="nothing to learn to find"):
        frcnn.fit_detector(small, images, none)
    with pytest.raises(ValueError, match="at least 16 images and a list of boxes for each, got 16 and 15"):
        frcnn.fit_detector(small, images, one[:15])
    with pytest.raises(ValueError, match=r"takes images \(N, 64, 64, 1\), got \(16, 64, 60, 1\)"):
        frcnn.fit_detector(small, images[:, :, :60], one)
    with pytest.raises(ValueError, match="nan or infinity"):
        frcnn.detect(small, np.where(images > -500, np.nan, images))
    with pytest.raises(ValueError, match="multiples of 16, got"):
        frcnn.FasterRCNN(size=(100, 128))
