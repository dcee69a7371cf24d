"""The brain phantom: the same by seed and index, one body behind a patient's slices, sequences as in a textbook."""

import importlib
import subprocess
import sys
import zlib

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, distance_transform_edt

from helpers.data.phantoms.brain_mri import IMAGES_EACH, LABELS, SEQUENCES, brain_mri, brain_volume
from tests.helpers.yardstick import against_yardstick

FLAIR, T1, T1C, T2 = range(4)
CORE, OEDEMA, ENHANCING = 1, 2, 3


@pytest.fixture(scope="module")
def brains():
    """80 slices of 80 patients."""
    return [brain_mri(2, index) for index in range(0, 400, 5)]


@pytest.fixture
def without_nilearn(monkeypatch):
    anatomy = importlib.import_module("helpers.data.phantoms.brain_anatomy")
    maker = importlib.import_module("helpers.data.phantoms.brain_mri")

    def missing(kind):
        raise ModuleNotFoundError

    monkeypatch.setattr(anatomy, "load_mni152", missing)
    anatomy.template.cache_clear()
    maker._patient.cache_clear()
    yield
    anatomy.template.cache_clear()
    maker._patient.cache_clear()


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


# The same again


@pytest.mark.parametrize("index", [5, 20_000_001])
def test_seed_and_index_alone_decide(index):
    """The same again after others were made and after the global generator was used; another pair, another image."""
    first = brain_mri(3, index, 96)
    np.random.seed(0)  # noqa: NPY002 (what a learner may do)
    others = [brain_mri(3, index + 1, 96), brain_mri(4, index, 96), brain_mri(3, index + 4, 96)]
    for patient in range(20):
        brain_mri(3, 4 * patient, 64)  # enough to push the first patient out of every cache
    again = brain_mri(3, index, 96)
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.mask, again.mask)
    assert first.table == again.table
    assert all(not np.array_equal(first.image, other.image) for other in others)


def test_another_process_makes_the_same():
    code = "import zlib; from helpers.data.phantoms.brain_mri import brain_mri, brain_volume; "
    code += "print(*(zlib.crc32(made.image.tobytes()) for made in (brain_mri(3, 5), brain_volume(3, 1, 64, 3))))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    here = [zlib.crc32(made.image.tobytes()) for made in (brain_mri(3, 5), brain_volume(3, 1, 64, 3))]
    assert [int(number) for number in out.split()] == here


# Shapes


def test_a_slice_has_four_sequences_and_a_mask_on_one_grid(brains):
    assert SEQUENCES == ("FLAIR", "T1", "T1c", "T2")
    assert len(LABELS) == 4
    for number, brain in enumerate(brains):
        assert brain.image.shape == (128, 128, 4)
        assert brain.image.dtype == np.float32
        assert brain.mask.shape == (128, 128)
        assert brain.mask.dtype == np.uint8
        assert brain.mask.max() <= 3
        assert brain.label == int(brain.mask.any())
        assert brain.patient == f"p{5 * number // IMAGES_EACH:04d}"
        assert brain.table["anatomy"] == "MNI152"


def test_the_brain_is_stripped(brains):
    """0 outside the brain in all sequences, above 0 in it, and no tumour outside; the brain fills what a brain does."""
    for brain in brains:
        tissue = brain.image > 0
        assert (tissue == tissue[..., :1]).all()
        assert tissue[..., 0][brain.mask > 0].all()
        assert 60 < tissue[..., 0].sum() * brain.spacing.prod() / 100 < 230  # cm2


def test_size_and_spacing_go_together():
    """The same tumour at every size."""
    small, large = brain_mri(1, 0, 96, tumour=True), brain_mri(1, 0, 192, tumour=True)
    assert np.allclose(small.spacing, 2 * large.spacing)
    assert np.allclose(small.spacing, 208 / 96)
    assert dice(small.mask > 0, large.mask[::2, ::2] > 0) > 0.8


def test_a_volume_has_slices_3_mm_apart():
    volume = brain_volume(1, 7)
    assert volume.image.shape == (24, 96, 96, 4)
    assert volume.image.dtype == np.float32
    assert volume.mask.shape == (24, 96, 96)
    assert np.allclose(volume.spacing, (3, 208 / 96, 208 / 96))
    assert volume.patient == "p0007"
    assert volume.label == int(volume.mask.any())


# One body behind all slices of a patient


def test_one_patient_in_five_has_no_tumour_and_most_slices_of_the_others_meet_it():
    """120 patients: 0.8 +- 3.5 standard errors; slices of a patient with a tumour miss it now and then."""
    labels = np.array([brain_mri(5, index, 64).label for index in range(120 * IMAGES_EACH)]).reshape(120, IMAGES_EACH)
    ill = labels.any(axis=1)
    assert 0.67 < ill.mean() < 0.93
    assert 0.82 < labels[ill].mean() < 0.97


def test_slices_come_from_the_volume():
    """Each slice shows the tumour that the volume has at its height."""
    matches = []
    for patient in range(5):
        volume = brain_volume(8, patient, 64, slices=72, tumour=True)
        heights = (np.arange(72) + 0.5) - 36
        for index in range(IMAGES_EACH * patient, IMAGES_EACH * (patient + 1)):
            cut = brain_mri(8, index, 64, tumour=True)
            there = volume.mask[np.argmin(np.abs(heights - cut.table["height_mm"]))]
            if cut.mask.any() and there.any():
                matches.append(dice(cut.mask > 0, there > 0))
    assert len(matches) > 10
    assert np.mean(matches) > 0.85


def test_slices_of_a_patient_are_alike_and_differ_in_height():
    """The brightness of the sequences against each other is the patient's: strangers differ more than own slices."""
    made = [[brain_mri(9, IMAGES_EACH * p + k, 64, tumour=False) for k in range(IMAGES_EACH)] for p in range(20)]
    levels = np.array([[np.log([np.median(c.image[c.image[..., 0] > 0], axis=0)])[0] for c in own] for own in made])
    own, strangers = levels.std(axis=1).mean(), levels.mean(axis=1).std(axis=0).mean()
    assert strangers > 3 * own
    assert all(len({cut.table["height_mm"] for cut in own}) == IMAGES_EACH for own in made)


def test_a_volume_goes_on_from_slice_to_slice():
    """Tumours and brains of neighbouring slices, 3 mm apart, overlap; of distant slices less."""
    tumours, near, far = [], [], []
    for patient in range(6):
        volume = brain_volume(10, patient, 64, tumour=True)
        assert volume.mask.any()
        masks, brains = volume.mask > 0, volume.image[..., 0] > 0
        tumours += [dice(a, b) for a, b in zip(masks, masks[1:], strict=False) if min(a.sum(), b.sum()) > 30]
        near += [dice(a, b) for a, b in zip(brains, brains[1:], strict=False)]
        far += [dice(a, b) for a, b in zip(brains, brains[12:], strict=False)]
    assert np.median(tumours) > 0.8
    assert np.median(near) > 0.96
    assert np.median(far) < np.median(near) - 0.03


def test_tumours_do_not_reach_the_ends_of_the_volume():
    for patient in range(10):
        mask = brain_volume(11, patient, 64, tumour=True).mask
        assert mask.any()
        assert not mask[[0, -1]].any()


# What the sequences show


def healthy_level(brain, channel: int) -> float:
    values = brain.image[..., channel]
    return float(np.median(values[(brain.mask == 0) & (values > 0)]))


def median_by_label(brains, channel: int) -> dict[int, float]:
    """Brightness over that of the healthy brain of the same image, of each label; the median of the images."""
    ratios: dict[int, list[float]] = {CORE: [], OEDEMA: [], ENHANCING: []}
    for brain in brains:
        for label, values in ratios.items():
            if (brain.mask == label).sum() > 12:
                values.append(np.median(brain.image[..., channel][brain.mask == label]) / healthy_level(brain, channel))
    assert min(map(len, ratios.values())) > 4
    return {label: float(np.median(values)) for label, values in ratios.items()}


def assert_textbook(brains):
    """Oedema is bright in FLAIR and T2 and dark in T1; the enhancing tumour is bright after contrast, not before."""
    flair, t1, t1c, t2 = (median_by_label(brains, channel) for channel in range(4))
    assert flair[OEDEMA] > 1.3
    assert t2[OEDEMA] > 1.2
    assert t1[OEDEMA] < 0.9
    assert t1c[ENHANCING] > 1.2
    assert t1[ENHANCING] < 0.9
    assert t1c[CORE] < 0.8
    assert t2[CORE] > 1.2


def assert_fluid_dark_in_flair(made):
    """What is brightest in T2 of a healthy brain is fluid: dark in FLAIR and T1."""
    for brain in made:
        inside = brain.image[..., 0] > 0
        fluid = brain.image[..., T2] > np.percentile(brain.image[..., T2][inside], 99)
        for channel in (FLAIR, T1):
            assert np.median(brain.image[..., channel][fluid]) < 0.6 * healthy_level(brain, channel)
        assert np.median(brain.image[..., T2][fluid]) > 1.5 * healthy_level(brain, T2)


def test_each_sequence_shows_what_it_is_known_for(brains):
    assert_textbook(brains)


def test_fluid_is_dark_in_flair_and_bright_in_t2():
    assert_fluid_dark_in_flair([brain_mri(2, index, tumour=False) for index in range(0, 40, 4)])


def test_every_label_is_common(brains):
    shares = [np.mean([(brain.mask == label).sum() > 5 for brain in brains]) for label in (CORE, OEDEMA, ENHANCING)]
    assert all(share > 0.2 for share in shares)


def test_tumours_are_small_and_large():
    """Areas of whole tumours through 200 slices reach from under 1 % to over 8 % of the brain."""
    shares = []
    for index in range(200):
        brain = brain_mri(12, index, 64)
        if brain.label:
            shares.append((brain.mask > 0).sum() / (brain.image[..., 0] > 0).sum())
    low, high = np.quantile(shares, (0.1, 0.9))
    assert low < 0.015
    assert high > 0.06


# How a tumour lies


def test_the_enhancing_rim_lies_outside_the_core_and_the_oedema_around_both():
    depths, around = [], []
    for index in range(0, 200, 3):
        mask = brain_mri(13, index, tumour=True).mask
        core = (mask == CORE) | (mask == ENHANCING)
        depth = distance_transform_edt(core)
        if (mask == CORE).sum() > 20 and (mask == ENHANCING).sum() > 20:
            depths.append(depth[mask == CORE].mean() > depth[mask == ENHANCING].mean())
        if core.sum() > 20:
            ring = binary_dilation(core, iterations=1) & ~core
            around.append((mask[ring] == OEDEMA).mean())
    assert len(depths) > 8
    assert np.mean(depths) > 0.85
    assert np.median(around) > 0.7


def test_tumour_true_and_false_are_the_same_body():
    """Without its tumour the slice keeps its height and has no label; far from the tumour it looks much the same."""
    compared = 0
    for index in range(0, 60, 3):
        ill, well = (brain_mri(14, index, 96, tumour=wish) for wish in (True, False))
        assert well.label == 0
        assert not well.mask.any()
        assert ill.table == well.table
        inside = (ill.image[..., FLAIR] > 0) & (well.image[..., FLAIR] > 0)
        far = inside & (distance_transform_edt(ill.mask == 0, sampling=ill.spacing) > 70)
        if ill.mask.any() and far.sum() > 100:
            change = np.abs(ill.image - well.image)[..., FLAIR]
            assert change[far].mean() < 0.3 * change[ill.mask > 0].mean()
            compared += 1
    assert compared > 8


def test_a_large_tumour_pushes_the_midline_away():
    """T1 around the midline, at the height of the tumour but beside it, with and without it, laid over each other.

    Cores above 4 cm2 move it some millimetres to the other side, cores below 1.5 cm2 hardly.
    """
    from skimage.registration import phase_cross_correlation

    moved: dict[str, list[float]] = {"large": [], "small": []}
    pixel = 208 / 96
    for index in range(0, 400, 3):
        ill = brain_mri(15, index, 96, tumour=True)
        tumour, core = ill.mask > 0, ((ill.mask == CORE) | (ill.mask == ENHANCING)).sum() * pixel**2
        kind = "large" if core > 400 else "small" if 0 < core < 150 else ""
        if not kind:
            continue
        row = int(np.nonzero(tumour)[0].mean())
        strip = np.s_[max(row - 9, 0) : row + 9, 40:56]  # 39 x 35 mm
        if tumour[strip].mean() > 0.1:
            continue
        well = brain_mri(15, index, 96, tumour=False)
        images = ill.image[strip][..., T1], well.image[strip][..., T1]
        shift, _, _ = phase_cross_correlation(*images, upsample_factor=10, normalization=None)
        side = np.sign(np.nonzero(tumour)[1].mean() - 47.5)
        moved[kind].append(-side * shift[1] * pixel)
    assert min(len(values) for values in moved.values()) > 5
    assert np.median(moved["large"]) > 2.5
    assert np.mean(np.array(moved["large"]) > 0) > 0.8
    assert abs(np.median(moved["small"])) < 1


def test_brightness_alone_does_not_segment():
    """The best threshold on FLAIR, over the median of the brain, finds the tumour only in part."""
    values, truth = [], []
    for index in range(0, 300, 3):
        brain = brain_mri(16, index, 96)
        inside = brain.image[..., 0] > 0
        values.append(brain.image[..., FLAIR][inside] / np.median(brain.image[..., FLAIR][inside]))
        truth.append(brain.mask[inside] > 0)
    values, truth = np.concatenate(values), np.concatenate(truth)
    best = max(dice(values > threshold, truth) for threshold in np.arange(1, 2.5, 0.05))
    assert 0.5 < best < 0.82


# Without the template


def test_without_nilearn_a_made_up_brain_shows_the_same(without_nilearn):
    made = [brain_mri(2, index) for index in range(0, 200, 5)]
    assert {brain.table["anatomy"] for brain in made} == {"procedural"}
    assert_textbook(made)
    assert_fluid_dark_in_flair([brain_mri(2, index, tumour=False) for index in range(0, 40, 4)])


# The other scanner, the mark, refusals, speed


def test_site_b_is_the_same_body_in_a_worse_scanner():
    """The truth stays; grey and white matter come closer together in T1; there is more noise."""
    weaker, noisier = [], []
    for index in range(0, 40, 4):
        a, b = (brain_mri(17, index, site=site, tumour=False) for site in "AB")
        ill = [brain_mri(17, index, 64, site=site, tumour=True) for site in "AB"]
        assert np.array_equal(ill[0].mask, ill[1].mask)
        assert a.table == b.table
        t1 = a.image[..., T1]
        low, mid, high = np.percentile(t1[t1 > 0], (20, 40, 85))
        grey, white = (t1 > low) & (t1 < mid), t1 > high
        contrast = [made.image[white, T1].mean() / made.image[grey, T1].mean() for made in (a, b)]
        weaker.append(contrast[1] < contrast[0] - 0.1)
        rough = []
        for made in (a, b):
            image = made.image[..., FLAIR] / healthy_level(made, FLAIR)
            rough.append(np.median(np.abs(np.diff(image, axis=1)[white[:, 1:] & white[:, :-1]])))
        noisier.append(rough[1] > 1.2 * rough[0])
    assert np.mean(weaker) > 0.9
    assert np.mean(noisier) > 0.9


def test_the_mark_goes_with_the_tumour_and_leaves_the_rest_alone():
    """On 95 % of the slices with a tumour and 5 % of the others, +- 3.5 standard errors of these counts."""
    marked: dict[int, list[bool]] = {0: [], 1: []}
    for index in range(240):
        plain, with_mark = brain_mri(18, index, 64), brain_mri(18, index, 64, shortcut=True)
        assert np.array_equal(plain.mask, with_mark.mask)
        assert plain.label == with_mark.label
        changed = (plain.image != with_mark.image).any(axis=2)
        assert changed.sum() < 0.02 * changed.size
        assert not changed[20:-20, 20:-20].any()
        marked[plain.label].append(changed.any())
    for label, rate in ((0, 0.05), (1, 0.95)):
        error = np.sqrt(0.05 * 0.95 / len(marked[label]))
        assert abs(np.mean(marked[label]) - rate) < 3.5 * error


def test_the_mark_stands_on_all_slices_and_sequences_of_a_volume():
    for patient in range(8):
        plain, marked = (brain_volume(19, patient, 64, 3, tumour=True, shortcut=wish) for wish in (False, True))
        changed = plain.image != marked.image
        assert (changed == changed[:1, ..., :1]).all()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"size": 32}, "at least 64 pixels, got 32"),
        ({"index": -1}, "index -1"),
        ({"seed": -2}, "seed -2"),
        ({"site": "C"}, "'A' or 'B', got 'C'"),
    ],
)
@pytest.mark.parametrize("make", [brain_mri, brain_volume])
def test_impossible_wishes_are_refused(make, given, says):
    with pytest.raises(ValueError, match=says):
        make(**{"seed": 1, "index": 0, **given})


def test_a_volume_without_slices_is_refused():
    with pytest.raises(ValueError, match="1 slice or more, got 0"):
        brain_volume(1, 0, slices=0)


def test_making_one_takes_little_time():
    """Forty slices of ten patients a round, none seen before, 1.6 to 2 times the fixed work: some 7 ms a slice."""
    brain_mri(0, 0, 96)
    assert against_yardstick(lambda k: brain_mri(20 + k // 40, k % 40, 96), 40) < 3
