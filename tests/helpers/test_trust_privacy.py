"""Privacy: the attack by hand, the noise by its moments, epsilon against dp-accounting, one step of three hospitals."""

import math
import secrets
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers.metrics import wilson_interval
from helpers.trust import (
    clip_and_noise,
    decrypt,
    encrypt,
    epsilon,
    federated_average,
    membership_attack,
    poisson_sample,
)
from helpers.trust.privacy import _renyi

DP = np.load(Path(__file__).parent / "fixtures" / "dp_accounting.npz")  # dp-accounting 0.6.0; how: the make_ beside it


@pytest.fixture
def rng():
    return np.random.default_rng(3)


# Was he in the training set?


def test_an_attack_worked_by_hand():
    """Losses rise: member, member, other, member, other, member and other tied."""
    attack = membership_attack([0.1, 0.2, 0.4, 0.6], [0.3, 0.5, 0.6], rates=[0.3, 1 / 3, 0.5, 0.9])
    np.testing.assert_allclose(attack.fpr * 3, [0, 0, 0, 1, 1, 2, 3], atol=1e-12)
    np.testing.assert_allclose(attack.tpr * 4, [0, 1, 2, 2, 3, 3, 4])
    np.testing.assert_array_equal(attack.thresholds, [-np.inf, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    np.testing.assert_array_equal(attack.found, [0.5, 0.75, 0.75, 0.75])
    assert attack.auc == pytest.approx((3 + 3 + 2 + 0.5) / 12)


def test_without_false_positives_the_interval_says_how_little_that_means():
    """0 of 20 others: the exact upper end is 1 - 0.025^(1/20); all of 5 members: the lower end is 0.025^(1/5)."""
    attack = membership_attack(np.zeros(5), np.ones(20))
    np.testing.assert_array_equal(attack.rates, [0.001, 0.01])
    np.testing.assert_array_equal(attack.found, [1, 1])
    np.testing.assert_allclose(attack.found_interval, [[0.025**0.2, 1]] * 2)
    np.testing.assert_allclose(attack.false_interval, [[0, 1 - 0.025**0.05]] * 2)
    wider = membership_attack(np.zeros(5), np.ones(20), confidence=0.99)
    assert wider.false_interval[0, 1] == pytest.approx(1 - 0.005**0.05)


def test_one_false_positive_in_a_thousand_is_allowed_at_that_rate(rng):
    others = np.append(rng.uniform(1, 2, 999), 0.5)
    attack = membership_attack([0.4, 0.6, 0.7, 5], others)
    assert attack.found[0] == 0.75
    assert membership_attack([0.4, 0.6, 0.7, 5], others[:-2].tolist() + [0.5]).found[0] == 0.25  # 1 in 998 is more


def test_losses_that_say_nothing_recognise_as_many_as_the_rate(rng):
    attack = membership_attack(rng.random(20_000), rng.random(20_000))
    assert attack.auc == pytest.approx(0.5, abs=0.01)
    for rate, found in zip(attack.rates, attack.found, strict=True):
        low, high = wilson_interval(round(found * 20_000), 20_000, 0.9999)
        assert low < rate < high


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"members": []}, "members"),
        ({"members": [[1.0]]}, "members"),
        ({"others": [1, np.nan]}, "others must be finite, .* place 1"),
        ({"others": ["a"]}, "others"),
        ({"rates": [0]}, "rates"),
        ({"rates": [1.0]}, "rates"),
        ({"rates": []}, "rates"),
        ({"confidence": 95}, "confidence"),
    ],
)
def test_attack_refuses(wrong, says):
    with pytest.raises(ValueError, match=says):
        membership_attack(**({"members": [1.0, 2], "others": [3.0]} | wrong))


# DP-SGD


def test_each_patient_takes_part_by_a_lot_of_his_own(rng):
    """Numbers drawn vary as those of a binomial law, and places are drawn alike."""
    draws = [poisson_sample(50, 0.2, rng) for _ in range(4000)]
    sizes = np.array([len(draw) for draw in draws])
    assert sizes.mean() == pytest.approx(10, abs=4 * math.sqrt(8 / 4000))
    assert sizes.var() == pytest.approx(8, rel=0.1)
    each = np.bincount(np.concatenate(draws), minlength=50)
    assert np.abs(each - 800).max() < 5 * math.sqrt(640)
    assert all((np.diff(draw) > 0).all() for draw in draws)
    assert len(poisson_sample(5, 0, rng)) == 0
    np.testing.assert_array_equal(poisson_sample(5, 1, rng), range(5))


def test_clipping_worked_by_hand(rng):
    """Norms over both arrays: 5 (shortened to 2.5), 1 and 0 (left as they are); four were expected."""
    a = np.array([[3.0, 0], [0.6, 0], [0, 0]])
    b = np.array([4.0, -0.8, 0])
    got = clip_and_noise([a, b], 2.5, 0, 4, rng)
    np.testing.assert_allclose(got[0], [(1.5 + 0.6) / 4, 0])
    np.testing.assert_allclose(got[1], (2 - 0.8) / 4)


@pytest.mark.parametrize("patients", [0, 3])
def test_noise_has_the_clip_times_the_multiplier_as_its_deviation(rng, patients):
    """And nothing else varies: with nobody drawn it is still there."""
    gradients = [np.full((patients, 200, 100), 1e6, np.float32), np.zeros((patients, 7), np.float32)]
    big, small = clip_and_noise(gradients, 0.5, 3, 10, rng)
    assert big.shape == (200, 100)
    assert small.shape == (7,)
    assert big.dtype == small.dtype == np.float32
    mean = patients * 0.5 / math.sqrt(20_000) / 10
    assert big.std() == pytest.approx(0.15, rel=0.03)
    assert big.mean() == pytest.approx(mean, abs=4 * 0.15 / math.sqrt(20_000))
    assert 0 < np.abs(small).max() < 5 * 0.15
    again = clip_and_noise(gradients, 0.5, 3, 10, rng)[0]
    assert abs(np.corrcoef(big.ravel(), again.ravel())[0, 1]) < 0.05


def test_one_patient_moves_the_sum_by_the_clip_at_most(rng):
    gradients = [rng.normal(0, 10, (6, 4, 3)), rng.normal(0, 0.1, (6, 5))]
    everyone = clip_and_noise(gradients, 1.5, 0, 1, rng)
    for k in range(6):
        others = clip_and_noise([np.delete(array, k, axis=0) for array in gradients], 1.5, 0, 1, rng)
        moved = math.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(everyone, others, strict=True)))
        assert moved == pytest.approx(1.5)


GRADIENTS = [np.ones((3, 2)), np.ones((3, 4))]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"per_patient_gradients": []}, "at least one array"),
        ({"per_patient_gradients": [np.ones((3, 2)), np.ones((2, 4))]}, "one number of patients"),
        ({"per_patient_gradients": [np.float64(1)]}, "one number of patients"),
        ({"per_patient_gradients": [np.ones((3, 2), int)]}, r"\[0\] of floating-point"),
        ({"per_patient_gradients": [np.ones(3), np.full(3, np.inf)]}, r"\[1\] must be finite"),
        ({"clip": 0}, "clip above 0"),
        ({"clip": np.inf}, "clip"),
        ({"noise_multiplier": -1}, "noise_multiplier of 0 or more"),
        ({"noise_multiplier": np.nan}, "noise_multiplier"),
        ({"expected_count": 0}, "expected_count above 0"),
        ({"rng": 3}, "generator"),
    ],
)
def test_clip_and_noise_refuses(rng, wrong, says):
    right = {"per_patient_gradients": GRADIENTS, "clip": 1, "noise_multiplier": 1, "expected_count": 3, "rng": rng}
    with pytest.raises(ValueError, match=says):
        clip_and_noise(**(right | wrong))


@pytest.mark.parametrize(("count", "rate", "says"), [(0, 0.5, "count"), (2.0, 0.5, "count"), (3, 10, "rate")])
def test_poisson_sample_refuses(rng, count, rate, says):
    with pytest.raises(ValueError, match=says):
        poisson_sample(count, rate, rng)
    with pytest.raises(ValueError, match="generator"):
        poisson_sample(3, 0.5, np.random)


# Epsilon


@pytest.fixture(scope="module")
def ours():
    return np.array([epsilon(noise, rate, int(steps), delta) for noise, rate, steps, delta in DP["cases"]])


def test_epsilon_is_that_of_dp_accounting(ours):
    """Within 2 % where it promises something; above 8 dp-accounting's own excess at fractional orders grows."""
    theirs, low = DP["rdp"], DP["rdp"] <= 8
    assert low.sum() > 60
    np.testing.assert_allclose(ours[low], theirs[low], rtol=0.02)
    least = theirs <= 2
    assert least.sum() > 20
    np.testing.assert_allclose(ours[least], theirs[least], rtol=1e-3)


def test_epsilon_is_never_above_dp_accountings_and_never_below_the_exact_one(ours):
    """The PLD's is exact but for rounding up by 1e-4 a step at most."""
    assert (ours <= DP["rdp"] * (1 + 1e-9)).all()
    assert (DP["pld"] <= ours).all()
    assert (DP["pld"] < 0.9 * ours).any()


def test_the_divergence_is_the_integral_at_fractional_orders_too():
    found = [_renyi(*point) for point in DP["exact"][:, :3]]
    np.testing.assert_allclose(found, DP["exact"][:, 3], rtol=1e-8, atol=1e-13)


def test_epsilon_at_the_ends():
    assert epsilon(0, 0.1, 1, 1e-5) == math.inf
    assert epsilon(0, 0, 1, 1e-5) == epsilon(1, 0.1, 0, 1e-5) == epsilon(0, 0.1, 0, 1e-5) == 0
    assert epsilon(10, 1e-4, 1, 0.01) == 0


def test_epsilon_rises_with_what_is_taken_and_falls_with_noise():
    least = epsilon(1, 0.01, 100, 1e-5)
    assert epsilon(1, 0.02, 100, 1e-5) > least
    assert epsilon(1, 0.01, 200, 1e-5) > least
    assert epsilon(1, 0.01, 100, 1e-6) > least
    assert epsilon(0.9, 0.01, 100, 1e-5) > least


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ((-1, 0.1, 1, 1e-5), "noise_multiplier"),
        ((0.05, 0.1, 1, 1e-5), "noise_multiplier of 0, or 0.1"),
        ((np.inf, 0.1, 1, 1e-5), "noise_multiplier"),
        ((1, 1.1, 1, 1e-5), "rate"),
        ((1, 0.1, -1, 1e-5), "steps"),
        ((1, 0.1, 1.5, 1e-5), "steps"),
        ((1, 0.1, 1, 0), "delta"),
        ((1, 0.1, 1, 1), "delta"),
    ],
)
def test_epsilon_refuses(case, says):
    with pytest.raises(ValueError, match=says):
        epsilon(*case)


# Three hospitals


def gradients(weights, X, y):
    """Of the mean log loss of a logistic regression."""
    w, b = weights
    wrong = 1 / (1 + np.exp(-(X @ w + b))) - y
    return [X.T @ wrong / len(X), np.array(wrong.mean())]


def step(weights, X, y, rate=0.5):
    return [a - rate * g for a, g in zip(weights, gradients(weights, X, y), strict=True)]


@pytest.mark.parametrize("sizes", [(40, 40, 40), (10, 30, 80)])
def test_one_local_step_each_is_one_step_on_all_patients(rng, sizes):
    """For skewed hospitals too: labels and images differ between them."""
    start = [rng.normal(size=5), np.array(0.3)]
    data = [(rng.normal(k, 1, (n, 5)), (rng.random(n) < 0.2 + 0.3 * k).astype(float)) for k, n in enumerate(sizes)]
    averaged = federated_average([step(start, X, y) for X, y in data], sizes)
    pooled = step(start, np.concatenate([X for X, _ in data]), np.concatenate([y for _, y in data]))
    for a, b, before in zip(averaged, pooled, start, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)
        assert np.abs(b - before).max() > 1e-2
    if len(set(sizes)) > 1:
        unweighted = federated_average([step(start, X, y) for X, y in data], [1, 1, 1])
        assert np.abs(unweighted[0] - pooled[0]).max() > 1e-2


def test_the_average_keeps_types_and_leaves_the_weights_alone():
    lists = [[np.full((2, 3), value, np.float32), np.array([value])] for value in (1.0, 4.0)]
    before = [[array.copy() for array in hospital] for hospital in lists]
    got = federated_average(lists, [2, 1])
    assert [array.dtype for array in got] == [np.float32, np.float64]
    np.testing.assert_allclose(got[0], np.full((2, 3), 2))
    np.testing.assert_allclose(federated_average(lists, [0, 7])[1], [4])
    for hospital, old in zip(lists, before, strict=True):
        for array, was in zip(hospital, old, strict=True):
            np.testing.assert_array_equal(array, was)


@pytest.mark.parametrize(
    ("weights", "counts", "says"),
    [
        ([], [], "at least 1"),
        ([[np.ones(2)]], [1, 2], "one count"),
        ([[np.ones(2)]], [0], "not all 0"),
        ([[np.ones(2)], [np.ones(2)]], [3, -1], "0 or more"),
        ([[np.ones(2)], [np.ones(2)]], [3, np.nan], "0 or more"),
        ([[np.ones(2)], [np.ones((2, 1))]], [1, 1], r"1 has \[\(2, 1\)\]"),
        ([[np.ones(2)], [np.ones(2), np.ones(2)]], [1, 1], "from every hospital"),
        ([[np.ones(2)], [np.array([1, np.nan])]], [1, 1], r"weights\[1\]\[0\] must be finite"),
        ([[np.ones(2, int)]], [1], "floating-point"),
    ],
)
def test_federated_average_refuses(weights, counts, says):
    with pytest.raises(ValueError, match=says):
        federated_average(weights, counts)


# At rest and under way


@pytest.fixture
def key():
    pytest.importorskip("cryptography", reason="encrypt and decrypt need the package cryptography")
    return secrets.token_bytes(32)


@pytest.mark.parametrize("shape", [(), (0, 4), (3,), (4, 5, 6)])
@pytest.mark.parametrize("dtype", ["bool", "uint8", ">i2", "<u4", "float16", "float32", ">f8", "complex64"])
def test_what_was_encrypted_comes_back(rng, key, shape, dtype):
    array = (100 * rng.normal(size=shape) ** 2).astype(dtype)
    back = decrypt(encrypt(array, key), key)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, array)
    assert back.flags.writeable


def test_an_array_in_another_order_of_memory_comes_back(rng, key):
    volume = rng.integers(0, 99, (4, 5, 6)).transpose(2, 0, 1)[::2]
    np.testing.assert_array_equal(decrypt(encrypt(volume, key), key), volume)


def test_any_other_byte_is_noticed(rng, key):
    """Every byte in turn: first line, header, nonce, content, tag; and every end cut off."""
    data = encrypt(np.arange(6, dtype=np.uint8).reshape(2, 3), key)
    for k in range(len(data)):
        changed = bytearray(data)
        changed[k] ^= 1 << int(rng.integers(8))
        with pytest.raises(ValueError, match="encrypt"):
            decrypt(bytes(changed), key)
        with pytest.raises(ValueError, match="encrypt"):
            decrypt(data[:k], key)
    with pytest.raises(ValueError, match="changed"):
        decrypt(data + b"\0", key)


def test_a_header_of_another_file_is_noticed(key):
    """Of the same length: (2, 3) becomes (3, 2), and whole numbers become fractions."""
    array = np.arange(6, dtype="<i4").reshape(2, 3)
    data = encrypt(array, key)
    for old, new in ((b"[2, 3]", b"[3, 2]"), (b"<i4", b"<f4")):
        assert old in data
        with pytest.raises(ValueError, match="not decrypted"):
            decrypt(data.replace(old, new), key)
    np.testing.assert_array_equal(decrypt(data, key), array)


def test_another_key_is_told_and_opens_nothing(key):
    data = encrypt(np.arange(6), key)
    with pytest.raises(ValueError, match="another key"):
        decrypt(data, secrets.token_bytes(32))


def test_the_same_twice_is_not_the_same(key):
    """A new nonce: the same image under the same key shows no likeness."""
    array = np.zeros(1000, np.uint8)
    found = {encrypt(array, key)[-1028:] for _ in range(50)}
    assert len({data[:12] for data in found}) == 50
    assert len({data[12:] for data in found}) == 50
    assert len(set(next(iter(found)))) > 200  # of zeros nothing is left


def test_it_is_aes_gcm_as_the_library_has_it(key):
    """Taken apart by hand, with the header as what goes along unencrypted."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    data = encrypt(np.arange(5, dtype=np.uint8), key)
    front, nonce, locked = data[:-33], data[-33:-21], data[-21:]
    assert front.endswith(b'{"shape": [5], "dtype": "|u1"}')
    assert AESGCM(key).decrypt(nonce, locked, front) == bytes(range(5))


@pytest.mark.parametrize("wrong", [b"short", bytes(16), "a" * 32, None])
def test_a_key_is_32_bytes(wrong):
    for call in (lambda: encrypt(np.ones(2), wrong), lambda: decrypt(b"", wrong)):
        with pytest.raises(ValueError, match="32 random bytes") as error:
            call()
        assert "a" * 32 not in str(error.value)


def test_encrypt_refuses_what_is_no_array_of_numbers(key):
    for wrong in (np.array(["a"]), np.array([None]), np.zeros(2, [("x", int)])):
        with pytest.raises(ValueError, match="bool or numbers"):
            encrypt(wrong, key)
    with pytest.raises(ValueError, match="in parts"):
        encrypt(np.broadcast_to(np.uint8(0), 2**31), key)
    for wrong in (b"", b"something else", "text", None):
        with pytest.raises(ValueError, match="bytes that encrypt gave"):
            decrypt(wrong, key)


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(ImportError, match="pip install cryptography"):
        encrypt(np.ones(2), bytes(32))
