"""What the exercises of chapter 10 say to answers that come close, and that they ask for what the course uses."""

import os
import random

import numpy as np
import pytest

from helpers import trust
from helpers.exercises.chapter10_behaviour import (
    FUSE,
    GRAD_CAM,
    INTEGRATED_GRADIENTS,
    QUANTISE,
    grad_cam,
    integrated_gradients,
)
from helpers.exercises.chapter10_privacy import DEIDENTIFY, ENCRYPT_VOLUME, deidentify, encrypt_volume
from helpers.exercises.chapter10_training import (
    CLIP_AND_NOISE,
    FEDERATED_AVERAGE,
    MEMBERSHIP_ATTACK,
    clip_and_noise,
    federated_average,
    membership_attack,
)

SEEDS = range(5)


def cases(exercise, seed):
    return [case.args for case in exercise.cases(np.random.default_rng(seed))]


# The tasks ask for what helpers.trust does


@pytest.mark.parametrize("seed", SEEDS)
def test_the_attack_is_the_course_s(seed):
    for members, others, rate in cases(MEMBERSHIP_ATTACK, seed):
        due = trust.membership_attack(members, others, [rate])
        assert membership_attack(members, others, rate) == pytest.approx((due.auc, due.found[0]))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_noisy_mean_is_the_course_s(seed):
    for gradients, clip, noise, count, _ in cases(CLIP_AND_NOISE, seed):
        (due,) = trust.clip_and_noise([gradients], clip, noise, count, np.random.default_rng(9))
        np.testing.assert_allclose(clip_and_noise(gradients, clip, noise, count, np.random.default_rng(9)), due)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_mean_of_hospitals_is_the_course_s(seed):
    for weights, counts in cases(FEDERATED_AVERAGE, seed):
        for came, due in zip(federated_average(weights, counts), trust.federated_average(weights, counts), strict=True):
            np.testing.assert_allclose(came, due)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_map_is_the_core_of_the_course_s_grad_cam(seed):
    for values, slopes in cases(GRAD_CAM, seed):
        np.testing.assert_allclose(grad_cam(values, slopes), trust.weighted_map(values, slopes), atol=1e-12)


def test_integrated_gradients_are_the_course_s():
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(1)
    dense = keras.layers.Dense(1)
    model = keras.Sequential([keras.Input((4, 5, 1)), keras.layers.Flatten(), keras.layers.Dense(6, "tanh"), dense])
    image, baseline = np.random.default_rng(0).normal(size=(2, 4, 5)).astype(np.float32)

    def gradient(x):
        x = tf.constant(x[None, :, :, None], tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(x)
            logit = model(x)
        return np.array(tape.gradient(logit, x))[0, :, :, 0]

    due = trust.integrated_gradients(model, image[None, :, :, None], baseline[:, :, None], steps=8)[0, :, :, 0]
    np.testing.assert_allclose(integrated_gradients(gradient, image, baseline, 8), due, atol=1e-5)


def test_a_map_of_the_cubes_adds_up_but_for_the_steps():
    """From (0, 1, 1) to (2, -1, 3): x^3 rises by 8, falls by 2, rises by 26; each off by way^3 / (4 steps^2)."""
    gradient, image, baseline, steps = cases(INTEGRATED_GRADIENTS, 0)[0]
    due = np.array([[8.0, -2.0, 26.0]])
    off = (image - baseline) ** 3 / (4 * steps**2)
    np.testing.assert_allclose(integrated_gradients(gradient, image, baseline, steps), due - off)


# First cases by hand


def test_the_first_header_by_hand():
    header, actions, new_uid = cases(DEIDENTIFY, 0)[0]
    assert deidentify(header, actions, new_uid) == {
        "PatientName": "",
        "PatientID": "ANONYMOUS",
        "Rows": 512,
        "SOPInstanceUID": new_uid(header["SOPInstanceUID"]),
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_no_case_leaves_a_name_or_a_number_behind(seed):
    for header, actions, new_uid in cases(DEIDENTIFY, seed):
        text = repr(deidentify(header, actions, new_uid))
        assert not any(word in text for word in ("MEIER", "OKAFOR", "NOVAK", "LI^WEI", "St. Anna", "1.2.276", "mayor"))


def test_the_first_attack_by_hand():
    """0.5, 1.5, 0.3, 0.8, 0.7 against 0.2, 0.9, 0.1, 0.4: 15 of 20 pairs; below 0.5 lie three members, one other."""
    assert membership_attack(*cases(MEMBERSHIP_ATTACK, 0)[0]) == (15 / 20, 3 / 4)


def test_the_first_noisy_mean_by_hand():
    np.testing.assert_allclose(clip_and_noise(*cases(CLIP_AND_NOISE, 0)[0]), [0.9 / 4, 0.2 / 4])


def test_the_first_mean_of_hospitals_by_hand():
    first, second = federated_average(*cases(FEDERATED_AVERAGE, 0)[0])
    assert (first.tolist(), second.tolist()) == ([2.0, 1.0], [[15.0]])


def test_the_first_map_by_hand():
    """Mean slopes of 1 and -1/2."""
    np.testing.assert_allclose(grad_cam(*cases(GRAD_CAM, 0)[0]), [[1.5, 0], [4, 0]])


# What answers that come close are told


def test_what_is_left_is_told_with_its_place():
    verdict = DEIDENTIFY.judge(
        lambda header, actions, new_uid: (
            deidentify(header, actions, new_uid)
            | {key: value for key, value in header.items() if isinstance(value, list) and actions[key] == "K"}
        )
    )
    assert verdict.misconception == "sequences not entered"
    assert "`ReferencedImageSequence[0].ReferencedSOPInstanceUID` is '1.2.276.0." in verdict.text
    assert "'PatientName': '" in verdict.text


def test_new_uids_by_chance_are_told():
    import uuid

    verdict = DEIDENTIFY.judge(
        lambda header, actions, new_uid: deidentify(header, actions, lambda uid: f"2.25.{uuid.uuid4().int}")
    )
    assert verdict.misconception == "a new UID of your own"


def test_two_mistakes_in_one_header_and_the_greater_is_named():
    """Private elements kept and sequences not entered."""

    def usual(header, actions, new_uid):
        clean = dict(header)
        for keyword, action in actions.items():
            if keyword not in header or action == "K":
                continue
            if action == "X":
                del clean[keyword]
            else:
                clean[keyword] = {"Z": "", "D": "ANONYMOUS"}.get(action) if action != "U" else new_uid(header[keyword])
        return clean

    assert DEIDENTIFY.judge(usual).misconception == "sequences not entered"


def lock(nonce):
    def encrypt(volume, key, header):
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        used = nonce()
        return used + AESGCM(key).encrypt(used, volume.tobytes(), header)

    return encrypt


@pytest.mark.parametrize(
    ("nonce", "said"),
    [
        (lambda: np.random.default_rng(0).bytes(12), "two calls with one key had the same nonce"),
        (lambda: random.Random(1).randbytes(12), "two calls with one key had the same nonce"),
        (lambda: np.random.bytes(12), "a generator for simulations"),  # noqa: NPY002
        (lambda: random.randbytes(12), "a generator for simulations"),
    ],
)
def test_a_nonce_that_comes_again_is_found(nonce, said):
    assert said in ENCRYPT_VOLUME.judge(lock(nonce)).text


def test_a_nonce_from_the_operating_system_passes():
    assert ENCRYPT_VOLUME.judge(lock(lambda: os.urandom(12))).status == "passed"


def test_the_key_and_the_lock_are_those_that_were_handed_over():
    verdict = ENCRYPT_VOLUME.judge(lambda volume, key, header: encrypt_volume(volume, bytes(32), header))
    assert "they cannot be opened" in verdict.text


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_that_is_not_normal_or_a_little_too_large_is_refused(seed):
    def noisy(draw):
        def answer(gradients, clip, noise_multiplier, expected_count, rng):
            total = expected_count * clip_and_noise(gradients, clip, 0, expected_count, rng)
            return (total + clip * noise_multiplier * draw(rng, gradients.shape[1])) / expected_count

        return answer

    assert CLIP_AND_NOISE.judge(noisy(lambda rng, D: rng.normal(size=D)), seed).status == "passed"
    uniform = CLIP_AND_NOISE.judge(noisy(lambda rng, D: rng.uniform(-(3**0.5), 3**0.5, D)), seed)
    assert "not normal" in uniform.text
    laplace = CLIP_AND_NOISE.judge(noisy(lambda rng, D: rng.laplace(0, 0.5**0.5, D)), seed)
    assert laplace.status == "wrong"
    assert "standard deviation" in CLIP_AND_NOISE.judge(noisy(lambda rng, D: 1.2 * rng.normal(size=D)), seed).text


@pytest.mark.parametrize("rng", [None, np.random.default_rng])
def test_noise_that_does_not_come_from_rng_is_refused(rng):
    def answer(gradients, clip, noise_multiplier, expected_count, _):
        return clip_and_noise(gradients, clip, noise_multiplier, expected_count, (rng or always)())

    def always():
        return np.random.default_rng(0)

    assert "does not come from `rng`" in CLIP_AND_NOISE.judge(answer).text


def test_noise_where_none_belongs_is_told():
    verdict = CLIP_AND_NOISE.judge(
        lambda gradients, clip, noise, count, rng: clip_and_noise(gradients, clip, 1.0, count, rng)
    )
    assert "noise_multiplier is 0 here, so no noise belongs into it" in verdict.text


@pytest.mark.parametrize("divisor", [lambda P, count: P, lambda P, count: count])
def test_the_mean_clipped_is_named_whatever_it_is_divided_by(divisor):
    def answer(gradients, clip, noise_multiplier, expected_count, rng):
        P, D = gradients.shape
        total = gradients.sum(axis=0)
        total = total * min(1, clip / np.linalg.norm(total))
        return (total + rng.normal(0, clip * noise_multiplier, D)) / divisor(P, expected_count)

    assert CLIP_AND_NOISE.judge(answer).misconception == "clips the mean in place of the patients"


def test_hospitals_that_are_averaged_by_one_numpy_call_on_uneven_arrays_stop_with_a_reason():
    assert (
        FEDERATED_AVERAGE.judge(lambda weights, counts: np.average(weights, axis=0, weights=counts)).status == "raised"
    )


def test_a_batch_of_images_is_refused_in_words():
    def answer(gradient, image, baseline, steps):
        shares = ((np.arange(steps) + 0.5) / steps)[:, None, None]
        return (image - baseline) * gradient(baseline + shares * (image - baseline)).mean(axis=0)

    text = INTEGRATED_GRADIENTS.judge(answer).text
    assert "gradient takes one image of shape (1, 3); one of shape (2, 1, 3) came" in text


def test_weights_of_which_none_is_zero_wrap_round_and_that_is_named():
    def answer(W):
        scale = np.abs(W).max(axis=tuple(range(W.ndim - 1))) / 128
        return np.round(W / np.where(scale == 0, 1, scale)).astype(np.int8), np.where(scale == 0, 1, scale)

    assert QUANTISE.judge(answer).misconception == "128, 255 or another number of steps"


def test_standardising_the_whole_batch_by_itself_is_named():
    def answer(features, table, mean, std):
        missing = np.isnan(table)
        filled = np.where(missing, np.nanmean(table, axis=0), table)
        return np.hstack([features, (filled - filled.mean(axis=0)) / filled.std(axis=0), missing])

    assert FUSE.judge(answer).misconception == "standardised by the patients at hand"


@pytest.mark.parametrize(
    "exercise",
    [
        DEIDENTIFY,
        ENCRYPT_VOLUME,
        MEMBERSHIP_ATTACK,
        CLIP_AND_NOISE,
        FEDERATED_AVERAGE,
        GRAD_CAM,
        INTEGRATED_GRADIENTS,
        QUANTISE,
        FUSE,
    ],
    ids=lambda exercise: exercise.id,
)
@pytest.mark.parametrize("nothing", [None, 0, "x", [], {}, (), np.zeros(3), [[]], {"a": {}}, b"", object()])
def test_whatever_comes_is_answered(exercise, nothing):
    verdict = exercise.judge(lambda *args: nothing)
    assert verdict.status == "wrong"
    assert "came" in verdict.text or "expected" in verdict.text
