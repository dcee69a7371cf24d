"""What a trained network gives away about its patients, and what keeps it from doing so.

An attack (`membership_attack`), a defence and its price (`poisson_sample`, `clip_and_noise`, `epsilon`), training that
leaves the images where they are (`federated_average`), and a lock (`encrypt`, `decrypt`).
"""

import json
import math
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from helpers.metrics import auc, roc_curve

ORDERS = np.r_[np.linspace(1.1, 10.9, 99), 11:64, 128, 256, 512, 1024]  # of Rényi divergences, as in dp-accounting
LEAST_NOISE = 0.1
KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 12, 16
MAGIC = b"course-aes-gcm-1\n"
MOST_BYTES = 2**31 - 1 - TAG_BYTES  # what the library encrypts in one go


# Was he in the training set?


class Attack(NamedTuple):
    """What `membership_attack` found. The arrays of R entries have one for each of `rates`."""

    fpr: np.ndarray  # (K + 1,) share of the others taken for members, at each threshold
    tpr: np.ndarray  # (K + 1,) share of the members recognised
    thresholds: np.ndarray  # (K + 1,) who has at most this loss is called a member; the first is -infinity
    auc: float
    rates: np.ndarray  # (R,) the false-positive rates asked for
    found: np.ndarray  # (R,) true-positive rate at the last threshold that keeps to the rate
    found_interval: np.ndarray  # (R, 2) of the members at this threshold
    false_interval: np.ndarray  # (R, 2) of the others at this threshold: how far the rate itself is known


def membership_attack(
    members: np.ndarray, others: np.ndarray, rates: Sequence[float] = (0.001, 0.01), confidence: float = 0.95
) -> Attack:
    """Tell by the loss who was in the training set: a network errs less on whom it has seen (Yeom et al., CSF 2018).

    An attack that is sure of a few does harm, though it is no better than chance on the rest: the area under the curve
    hides it, the true-positive rate at a low false-positive rate shows it (Carlini et al. 2022, arXiv 2112.03570).

    Parameters
    ----------
    members, others : (M,) and (N,) losses, one a patient (of several images, the mean), of patients who were and who
        were not in the training set, alike in everything else; lower means member
    rates : false-positive rates, above 0 and below 1, to which the thresholds keep in these data. Below 1 / N that
        means no false positive at all: look at `false_interval`
    confidence : of the exact intervals, each for a share at a fixed threshold (Clopper and Pearson, Biometrika 1934)

    Raises
    ------
    ValueError : other shapes, nobody in one group, nan or infinity, rates or a confidence outside 0 to 1
    """
    from scipy.stats import binomtest

    members, others = _checked_losses(members, "members"), _checked_losses(others, "others")
    rates = np.atleast_1d(np.asarray(rates, float))
    if rates.ndim != 1 or not len(rates) or not ((rates > 0) & (rates < 1)).all():
        raise ValueError(f"expected false-positive rates above 0 and below 1 (1 % is 0.01), got {rates.tolist()}")
    if not 0 < confidence < 1:
        raise ValueError(f"expected a confidence between 0 and 1, e.g. 0.95, got {confidence}")
    y = np.repeat([1, 0], [len(members), len(others)])
    scores = -np.concatenate([members, others])
    fpr, tpr, thresholds = roc_curve(y, scores)
    at = np.searchsorted(fpr, rates, side="right") - 1  # the last point that keeps to each rate

    def interval(share, n):
        return tuple(binomtest(round(share * n), n).proportion_ci(confidence, method="exact"))

    found_interval = np.array([interval(tpr[k], len(members)) for k in at])
    false_interval = np.array([interval(fpr[k], len(others)) for k in at])
    return Attack(fpr, tpr, -thresholds, auc(y, scores), rates, tpr[at], found_interval, false_interval)


# Training that hides each patient: DP-SGD


def poisson_sample(count: int, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Who takes part in a step: each patient by a lot of his own, so that the number varies and may be 0.

    `epsilon` holds for this way to draw alone, not for shuffled batches of one size.

    count : patients there are, 1 or more; rate : probability of each, 0 to 1

    Returns (n,) int64, different places from 0 to count - 1, rising. A ValueError for other arguments.
    """
    _check_whole("count", count, 1)
    _check_share("rate", rate)
    _check_rng(rng)
    return np.flatnonzero(rng.random(count) < rate)


def clip_and_noise(
    per_patient_gradients: Sequence[np.ndarray],
    clip: float,
    noise_multiplier: float,
    expected_count: float,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """The mean gradient of a sample of patients, such that none of them stands out (Abadi et al. 2016, algorithm 1).

    Each patient's gradient, all arrays together, is shortened to the L2 norm `clip` if it is longer. The sum gets
    normal noise of standard deviation clip * noise_multiplier in every number, and is divided by the number of patients
    that one expects: the number drawn would itself give a patient away. (arXiv 1607.00133. Ordinary floating-point
    noise, as here, leaks through its last bits: Mironov, CCS 2012. Use a vetted library for real patients.)

    Parameters
    ----------
    per_patient_gradients : for each weight array of the network one (P, ...), for the P patients drawn by
        `poisson_sample`, P = 0 included; of a patient with several images, the mean of her images' gradients. No batch
        normalisation: it mixes patients before they can be told apart
    clip : above 0, in the gradient's units
    noise_multiplier : 0 or more; 0 hides nobody
    expected_count : rate * all patients, above 0; the same in every step

    Returns
    -------
    gradients : one (...) for each array, of its floating-point type

    Raises
    ------
    ValueError : no arrays, another number of patients in one than in another, nan or infinity, other arguments
    """
    arrays = [np.asarray(array) for array in per_patient_gradients]
    if not arrays or any(array.ndim == 0 or len(array) != len(arrays[0]) for array in arrays):
        shapes = [array.shape for array in arrays]
        raise ValueError(f"expected arrays (P, ...) with one number of patients P, at least one array, got {shapes}")
    for k, array in enumerate(arrays):
        _check_floats(f"per_patient_gradients[{k}]", array)
    _check_number("clip", clip, above=True)
    _check_number("noise_multiplier", noise_multiplier)
    _check_number("expected_count", expected_count, above=True)
    _check_rng(rng)
    flat = [array.reshape(len(array), math.prod(array.shape[1:])).astype(float) for array in arrays]
    norm = np.sqrt(sum((rows**2).sum(axis=1) for rows in flat))  # (P,)
    keep = clip / np.maximum(norm, clip)
    noisy = []
    for array, rows in zip(arrays, flat, strict=True):
        total = keep @ rows + rng.normal(0, clip * noise_multiplier, rows.shape[1])
        noisy.append((total / expected_count).reshape(array.shape[1:]).astype(array.dtype))
    return noisy


def epsilon(noise_multiplier: float, rate: float, steps: int, delta: float) -> float:
    """What `steps` steps of DP-SGD give away about a patient at most: (epsilon, delta) differential privacy.

    With or without one patient, the probability of anything the training may end in changes by a factor of e^epsilon at
    most, but for a part delta. The Rényi divergence of one step (Mironov, Talwar and Zhang 2019, arXiv 1908.10530,
    section 3.3) times the steps is turned into epsilon (Canonne, Kamath and Steinke 2020, arXiv 2004.00010, proposition
    12), at the order that gives the least. A bound: dp-accounting's PLD accountant proves smaller ones. Its Rényi
    accountant agrees within 2 % up to an epsilon of 8; above, it gives more, as it errs upwards at orders like 1.5.

    Parameters
    ----------
    noise_multiplier : as in `clip_and_noise`: 0, which protects nobody, or 0.1 and more
    rate : probability of each patient to take part in a step, 0 to 1, as in `poisson_sample`
    steps : 0 or more
    delta : between 0 and 1; below 1 / patients, else one patient's record may be published outright

    Returns
    -------
    epsilon : 0 or more; infinite without noise

    Raises
    ------
    ValueError : other arguments
    """
    _check_number("noise_multiplier", noise_multiplier)
    if 0 < noise_multiplier < LEAST_NOISE:
        raise ValueError(f"expected a noise_multiplier of 0, or {LEAST_NOISE} and more, got {noise_multiplier}")
    _check_share("rate", rate)
    _check_whole("steps", steps, 0)
    if not 0 < delta < 1:
        raise ValueError(f"expected a delta above 0 and below 1, e.g. 1e-5, got {delta}")
    if rate == 0 or steps == 0:
        return 0.0
    if noise_multiplier == 0:
        return math.inf
    divergence = steps * np.array([_renyi(order, noise_multiplier, rate) for order in ORDERS])
    if (np.expm1(-divergence) > -(delta**2)).any():  # so near that delta alone covers it (Bretagnolle and Huber 1979)
        return 0.0
    bound = divergence + np.log1p(-1 / ORDERS) - np.log(delta * ORDERS) / (ORDERS - 1)
    return float(max(bound.min(), 0))


def _renyi(order: float, noise: float, rate: float) -> float:
    """Rényi divergence of the sampled Gaussian: log(A) / (order - 1).

    A is the mean over z ~ N(0, noise^2) of (1 - rate + rate * N(z; 1, noise^2) / N(z; 0, noise^2))^order. The sum over
    a grid is exact but for rounding: of an integer order, A is a sum of normal curves at 0, 1, ..., order, none of
    which has a part above 1e-30 outside the grid, and its step is a quarter of their width.
    """
    from scipy.special import logsumexp

    if rate == 1:
        return order / (2 * noise**2)
    step = min(noise, noise**2) / 4  # of other orders the curve has corners as sharp as noise^2
    z = np.arange(-12 * noise, order + 12 * noise, step)
    mixed = np.logaddexp(math.log1p(-rate), math.log(rate) + (2 * z - 1) / (2 * noise**2))
    log_mean = logsumexp(order * mixed - z**2 / (2 * noise**2)) + math.log(step / (noise * math.sqrt(2 * math.pi)))
    return log_mean / (order - 1)


# Three hospitals


def federated_average(weights: Sequence[Sequence[np.ndarray]], counts: Sequence[float]) -> list[np.ndarray]:
    """The mean of the hospitals' weights, each counting by its patients (McMahan et al. 2017, arXiv 1602.05629).

    weights : for each hospital the list of its arrays, as `model.get_weights()` gives them, after it trained on its own
        from common weights; counts : for each hospital the patients (or images) it trained on, 0 or more, not all 0

    Returns the list of mean arrays, of their floating-point type. What leaves a hospital is weights, not images; that
    alone does not hide patients (Zhu et al. 2019, arXiv 1906.08935).

    A ValueError for lists that do not match, weights that are not floating-point, nan or infinity, other counts.
    """
    weights = [[np.asarray(array) for array in hospital] for hospital in weights]
    counts = np.asarray(counts, float)
    if not weights or counts.shape != (len(weights),):
        raise ValueError(f"expected one count for each of {len(weights)} hospitals, at least 1, got {counts.shape}")
    if not (np.isfinite(counts) & (counts >= 0)).all() or counts.sum() == 0:
        raise ValueError(f"expected counts of 0 or more, not all 0, got {counts.tolist()}")
    expected = [array.shape for array in weights[0]]
    for k, hospital in enumerate(weights):
        shapes = [array.shape for array in hospital]
        if shapes != expected:
            raise ValueError(f"expected arrays {expected} from every hospital, as from the first; {k} has {shapes}")
        for j, array in enumerate(hospital):
            _check_floats(f"weights[{k}][{j}]", array)
    shares = counts / counts.sum()
    return [np.tensordot(shares, np.stack(of), axes=1).astype(of[0].dtype) for of in zip(*weights, strict=True)]


# At rest and under way


def encrypt(array: np.ndarray, key: bytes) -> bytes:
    """An array behind a lock: nobody reads it or changes it unnoticed without the key (AES-256-GCM, NIST SP 800-38D).

    The key is 32 random bytes, `secrets.token_bytes(32)`: not a password, which can be guessed. Who has it reads
    everything; who loses it has lost the images. It must not lie beside the data, in a notebook, a repository, a log or
    an e-mail, but in the hospital's key store, or in a file that one account alone may read; and it travels by another
    way than the data.

    Shape and type stand in front unencrypted, but cannot be changed unnoticed. Each call draws a new nonce: twice
    the same with one key would betray both images, so take a new key before 2^32 calls. Two whole files that change
    places go unnoticed: put what tells them apart into the array or the key.

    Parameters
    ----------
    array : any shape, of bool, integers, floating-point or complex numbers, below 2 GiB
    key : 32 bytes

    Returns
    -------
    data : a line that tells the format, 4 bytes with the length of the header, the header, 12 bytes of nonce, what is
        encrypted, 16 bytes of tag

    Raises
    ------
    ValueError : another key, another type, an array too large
    ImportError : the package `cryptography` is not installed
    """
    cipher = _cipher(key)
    array = np.asarray(array)
    if array.dtype.kind not in "biufc":
        raise ValueError(f"expected an array of bool or numbers, got {array.dtype}")
    if array.nbytes > MOST_BYTES:
        raise ValueError(f"expected an array of at most {MOST_BYTES} bytes, got {array.nbytes}; encrypt it in parts")
    header = json.dumps({"shape": array.shape, "dtype": array.dtype.str}).encode()
    front = MAGIC + len(header).to_bytes(4, "big") + header
    nonce = os.urandom(NONCE_BYTES)
    return front + nonce + cipher.encrypt(nonce, array.tobytes(), front)


def decrypt(data: bytes, key: bytes) -> np.ndarray:
    """The array that `encrypt` was given, or an error if a single bit of data or key is another.

    A ValueError for data that `encrypt` did not write, that were changed, cut off or encrypted with another key, and
    for a key that is not 32 bytes; an ImportError without the package `cryptography`.
    """
    cipher = _cipher(key)
    if not isinstance(data, (bytes, bytearray)) or not data.startswith(MAGIC):
        raise ValueError("expected the bytes that encrypt gave: these do not start with its first line")
    start = len(MAGIC) + 4
    end = start + int.from_bytes(data[len(MAGIC) : start], "big")
    if len(data) < max(start, end) + NONCE_BYTES + TAG_BYTES:
        raise ValueError(f"expected the bytes that encrypt gave: these {len(data)} are cut off or changed")
    from cryptography.exceptions import InvalidTag

    front, nonce, locked = data[:end], data[end : end + NONCE_BYTES], data[end + NONCE_BYTES :]
    try:
        plain = cipher.decrypt(nonce, locked, front)
    except InvalidTag:
        raise ValueError("not decrypted: this is another key, or the data were changed after encrypt") from None
    header = json.loads(front[start:])  # only now is it known to be what encrypt wrote
    return np.frombuffer(plain, header["dtype"]).reshape(header["shape"]).copy()


def _cipher(key: bytes):
    if not isinstance(key, (bytes, bytearray)) or len(key) != KEY_BYTES:
        came = f"{len(key)} bytes" if isinstance(key, (bytes, bytearray)) else type(key).__name__  # never the key
        raise ValueError(f"expected a key of {KEY_BYTES} random bytes, secrets.token_bytes({KEY_BYTES}), got {came}")
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise ImportError("encrypt and decrypt need a package that is not there: pip install cryptography") from error
    return AESGCM(bytes(key))


# What comes in


def _checked_losses(losses, name: str) -> np.ndarray:
    losses = np.asarray(losses)
    if losses.ndim != 1 or not len(losses) or losses.dtype.kind not in "iuf":
        raise ValueError(f"expected {name} (N,), a loss each, N at least 1, got {losses.dtype} of shape {losses.shape}")
    if not np.isfinite(losses).all():
        raise ValueError(f"{name} must be finite, got nan or infinity at place {np.argmin(np.isfinite(losses))}")
    return losses.astype(float)


def _check_floats(name: str, array: np.ndarray) -> None:
    if array.dtype.kind != "f":
        raise ValueError(f"expected {name} of floating-point numbers, got {array.dtype}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got nan or infinity")


def _check_number(name: str, value: float, above: bool = False) -> None:
    if not (0 < value < math.inf or (value == 0 and not above)):
        raise ValueError(f"expected a finite {name} {'above 0' if above else 'of 0 or more'}, got {value}")


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"expected a {name} from 0 to 1 (10 % is 0.1), got {value}")


def _check_whole(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"expected {name} to be a whole number from {least} on, got {value!r}")


def _check_rng(rng: np.random.Generator) -> None:
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng must be a generator, e.g. np.random.default_rng(0), got {rng!r}")
