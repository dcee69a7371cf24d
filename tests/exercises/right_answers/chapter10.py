"""Other right answers to the exercises of chapter 10."""

import copy
import math
import os
import random
import secrets

import numpy as np


def _deidentify_table_first(header, actions, new_uid):
    """Goes through the table, not through the header."""
    do = {
        "K": lambda value: (
            [_deidentify_table_first(item, actions, new_uid) for item in value] if type(value) is list else value
        ),
        "Z": lambda value: "",
        "D": lambda value: "ANONYMOUS",
        "U": new_uid,
    }
    return {
        keyword: do[action](header[keyword])
        for keyword, action in actions.items()
        if keyword in header and action in do
    }


def _deidentify_on_a_copy(header, actions, new_uid):
    clean = copy.deepcopy(header)

    def visit(data):
        for keyword in list(data):
            action = actions.get(keyword)
            if action is None or action == "X":
                del data[keyword]
            elif action == "U":
                data[keyword] = new_uid(data[keyword])
            elif action in "ZD":
                data[keyword] = {"Z": "", "D": "ANONYMOUS"}[action]
            elif isinstance(data[keyword], list):
                for item in data[keyword]:
                    visit(item)

    visit(clean)
    return clean


def _deidentify_match(header, actions, new_uid):
    result = dict()
    for keyword, value in header.items():
        match actions.get(keyword, "X"), value:
            case "K", list(items):
                result[keyword] = []
                for item in items:
                    result[keyword].append(_deidentify_match(item, actions, new_uid))
            case "K", _:
                result[keyword] = value
            case "Z", _:
                result[keyword] = ""
            case "D", _:
                result[keyword] = "ANONYMOUS"
            case "U", uid:
                result[keyword] = new_uid(uid)
    return result


def _encrypt_volume_secrets(volume, key, header):
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(12)
    locked = AESGCM(key).encrypt(nonce, volume.ravel().view(np.uint8).tobytes(), header)
    return b"".join([nonce, locked])


def _encrypt_volume_cipher(volume, key, header):
    """By the layer below, with the tag by hand."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    nonce = os.urandom(12)
    cipher = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
    cipher.authenticate_additional_data(header)
    return bytearray(nonce) + cipher.update(volume.tobytes()) + cipher.finalize() + cipher.tag


def _membership_attack_loops(members, others, rate):
    won = 0
    for member in members:
        for other in others:
            won += 1 if member < other else 0.5 if member == other else 0
    best = 0
    for t in sorted({*members, *others}):
        false_alarms = sum(other <= t for other in others) / len(others)
        if false_alarms > rate:
            break
        best = sum(member <= t for member in members) / len(members)
    return won / (len(members) * len(others)), best


def _membership_attack_by_order(members, others, rate):
    """Strictly below the first of the others who would be one too many."""
    from scipy.stats import rankdata

    M, N = len(members), len(others)
    ranks = rankdata(np.r_[members, others])[M:]
    area = (ranks.sum() - N * (N + 1) / 2) / (M * N)
    allowed = math.floor(rate * N)
    return area, np.mean(members < np.sort(others)[allowed])


def _membership_attack_sklearn(members, others, rate):
    from sklearn.metrics import roc_auc_score, roc_curve

    y = np.concatenate([np.ones(len(members)), np.zeros(len(others))])
    scores = -np.concatenate([members, others])
    fpr, tpr, _ = roc_curve(y, scores, drop_intermediate=False)
    return [roc_auc_score(y, scores), tpr[fpr <= rate].max()]


def _clip_and_noise_loop(gradients, clip, noise_multiplier, expected_count, rng):
    total = np.zeros(gradients.shape[1])
    for row in gradients:
        norm = math.sqrt((row**2).sum())
        total += row if norm <= clip else row * (clip / norm)
    total += clip * noise_multiplier * rng.standard_normal(len(total))
    return total / expected_count


def _clip_and_noise_one_by_one(gradients, clip, noise_multiplier, expected_count, rng):
    """The noise is drawn number by number, divided for itself."""
    norm = np.sqrt(np.einsum("pd,pd->p", gradients, gradients))
    factor = np.minimum(1, clip / (norm + 1e-300))
    mean = factor @ gradients / expected_count
    sd = clip * noise_multiplier / expected_count
    return mean + np.array([rng.normal(0, sd) for _ in range(gradients.shape[1])])


def _federated_average_loops(weights, counts):
    result = []
    for k in range(len(weights[0])):
        total = np.zeros_like(weights[0][k])
        for hospital, count in zip(weights, counts, strict=True):
            total += count * hospital[k]
        result.append(total / sum(counts))
    return result


def _federated_average_numpy(weights, counts):
    return tuple(np.average(arrays, axis=0, weights=counts) for arrays in map(np.stack, zip(*weights, strict=True)))


def _grad_cam_loop(values, slopes):
    result = np.zeros(values.shape[:2])
    for k in range(values.shape[2]):
        result += slopes[:, :, k].mean() * values[:, :, k]
    result[result < 0] = 0
    return result


def _grad_cam_product(values, slopes):
    found = values @ slopes.reshape(-1, slopes.shape[-1]).mean(axis=0)
    return np.where(found > 0, found, 0)


def _integrated_gradients_list(gradient, image, baseline, steps):
    shares = np.linspace(0, 1, 2 * steps + 1)[1::2]
    return (image - baseline) * np.mean([gradient((1 - s) * baseline + s * image) for s in shares], axis=0)


def _integrated_gradients_pieces(gradient, image, baseline, steps):
    """Piece by piece, each with its own gradient."""
    piece = (image - baseline) / steps
    place, parts = baseline + piece / 2, np.zeros_like(image)
    for _ in range(steps):
        parts += gradient(place) * piece
        place = place + piece
    return parts


def _quantise_columns(W):
    flat = W.reshape(-1, W.shape[-1])
    scale = np.ones(flat.shape[1])
    codes = np.zeros(flat.shape, dtype="int8")
    for c in range(flat.shape[1]):
        largest = max(abs(flat[:, c]))
        if largest:
            scale[c] = largest / 127
            codes[:, c] = np.rint(flat[:, c] / scale[c])
    return codes.reshape(W.shape), scale


def _quantise_extremes(W):
    rows = np.moveaxis(W, -1, 0).reshape(W.shape[-1], -1)
    largest = np.maximum(rows.max(axis=1), -rows.min(axis=1))
    largest[largest == 0] = 127
    return [np.int8(np.around(127 * W / largest)), largest / 127]


def _fuse_filled(features, table, mean, std):
    """The mean put in where something is missing, then standardised."""
    flags = np.isnan(table).astype(float)
    filled = np.where(flags == 1, mean, table)
    return np.hstack((features, (filled - mean) / std, flags))


def _fuse_loops(features, table, mean, std):
    N, F = features.shape
    T = table.shape[1]
    fused = np.zeros((N, F + 2 * T))
    fused[:, :F] = features
    for n in range(N):
        for t in range(T):
            if math.isnan(table[n, t]):
                fused[n, F + T + t] = 1
            else:
                fused[n, F + t] = (table[n, t] - mean[t]) / std[t]
    return fused


def _encrypt_volume_in_steps(volume, key, header):
    """The nonce from the system's generator as a number; written into place in a buffer of the right length."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    content = volume.tobytes()
    locked = bytearray(12 + len(content) + 16)
    locked[:12] = random.SystemRandom().getrandbits(96).to_bytes(12, "big")
    locked[12:] = AESGCM(key).encrypt(bytes(locked[:12]), content, header)
    return bytes(locked)


def _clip_and_noise_around_the_sum(gradients, clip, noise_multiplier, expected_count, rng):
    def shortened(row):
        return row / max(1.0, np.linalg.norm(row) / clip)

    total = sum(map(shortened, gradients), np.zeros(gradients.shape[1]))
    return rng.normal(loc=total, scale=noise_multiplier * clip) / expected_count


def _federated_average_flat(weights, counts):
    """A hospital's weights as one long row; cut up again at the end."""
    rows = np.array([np.concatenate([array.ravel() for array in hospital]) for hospital in weights])
    mean = np.asarray(counts) @ rows / np.sum(counts)
    ends = np.cumsum([array.size for array in weights[0]])[:-1]
    return [part.reshape(array.shape) for part, array in zip(np.split(mean, ends), weights[0], strict=True)]


def _grad_cam_einsum(values, slopes):
    height, width, _ = slopes.shape
    cam = np.einsum("ijc,klc->ij", values, slopes) / (height * width)
    return cam * (cam > 0)


def _integrated_gradients_halved(gradient, image, baseline, steps):
    """The way is halved until one step is left."""

    def total(first, last):
        if last - first == 1:
            share = (first + last) / (2 * steps)
            return gradient(image * share + baseline * (1 - share))
        middle = (first + last) // 2
        return total(first, middle) + total(middle, last)

    return np.multiply(image - baseline, total(0, steps)) / steps


def _quantise_nearest_level(W):
    """The nearest of all 255 levels of a channel."""
    scale = np.array([np.abs(W[..., c]).max() / 127 or 1.0 for c in range(W.shape[-1])])
    levels = np.arange(-127, 128)
    gaps = np.abs(W[..., None] - scale[:, None] * levels)
    return levels[gaps.argmin(axis=-1)].astype(np.int8), scale


def _fuse_masked(features, table, mean, std):
    known = np.isfinite(table)
    scaled = np.zeros(table.shape)
    scaled[known] = ((table - mean) / std)[known]
    return np.hstack((features, scaled, (~known).astype(float)))


RIGHT = {
    "10.2": [_deidentify_table_first, _deidentify_on_a_copy, _deidentify_match],
    "10.4": [_encrypt_volume_secrets, _encrypt_volume_cipher, _encrypt_volume_in_steps],
    "10.5": [_membership_attack_loops, _membership_attack_by_order, _membership_attack_sklearn],
    "10.6": [_clip_and_noise_loop, _clip_and_noise_one_by_one, _clip_and_noise_around_the_sum],
    "10.9": [_federated_average_loops, _federated_average_numpy, _federated_average_flat],
    "10.11": [_grad_cam_loop, _grad_cam_product, _grad_cam_einsum],
    "10.13": [_integrated_gradients_list, _integrated_gradients_pieces, _integrated_gradients_halved],
    "10.17": [_quantise_columns, _quantise_extremes, _quantise_nearest_level],
    "10.18": [_fuse_filled, _fuse_loops, _fuse_masked],
}
