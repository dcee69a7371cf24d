"""A server that computes on what it cannot read: a logistic layer on encrypted features.

The client has features and the keys, the server a layer. The client encrypts and sends; the server multiplies and adds
on ciphertexts and sends back an encrypted logit; the client decrypts it. What still leaks: to the server the shapes,
how many vectors came when, from whom, and how long it took; to the client the answers, and as many of them as there are
weights, plus one, give the whole layer away. Nobody has proved that the server used the layer it promised. Encryption
hides what is sent and not what a model has learnt by heart.
"""

import json
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

from helpers.places import COURSE

STORED = COURSE / "data" / "encrypted_inference.json"


def ckks_logits(features: np.ndarray, weights: np.ndarray, bias: float) -> tuple[np.ndarray, dict[str, Any]]:
    """Logits of a logistic layer by CKKS (Cheon et al. 2017), where a ciphertext is a whole vector, nearly exact.

    Polynomials of degree 8,192 and 160 bits of modulus: 128 bits of security, room for one product. The server gets
    the public key and those that turn a vector, to add up its entries. A decrypted answer carries noise that depends
    on the secret key: never publish it (Li and Micciancio 2021).

    Parameters
    ----------
    features : (N, D)
    weights : (D,), which stay with the server, not encrypted
    bias : one number, likewise

    Returns
    -------
    logits : (N,), decrypted
    measured : error (largest difference from the plain product), milliseconds (`key_ms` once; `encrypt_ms`,
        `product_ms`, `decrypt_ms` a vector, medians), bytes (`key_bytes` of what the server gets once; `vector_bytes`,
        `answer_bytes`), parameters and versions

    Raises
    ------
    ImportError : tenseal is missing
    ValueError : shapes that do not fit
    """
    try:
        import tenseal
    except ImportError as error:
        raise ImportError("CKKS needs tenseal: pip install tenseal; or take the stored results") from error
    features, weights = _checked(features, weights)

    def keys():
        context = tenseal.context(tenseal.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=[60, 40, 60])
        context.global_scale = 2**40
        context.generate_galois_keys()
        return context

    client, key_ms = _timed(keys)
    public = client.serialize(save_secret_key=False, save_relin_keys=False)
    server = tenseal.context_from(public)  # all that the server has: it could not decrypt

    def encrypt(row):
        return tenseal.ckks_vector(client, row.tolist()).serialize()

    def product(sent):
        return (tenseal.ckks_vector_from(server, sent).dot(weights.tolist()) + float(bias)).serialize()

    def decrypt(answer):
        return tenseal.ckks_vector_from(client, answer).decrypt()[0]

    logits, measured = _exchange(features, encrypt, product, decrypt, len)
    measured |= {"key_ms": key_ms, "key_bytes": len(public), "error": _error(logits, features, weights, bias)}
    return logits, measured | {"parameters": "degree 8192, modulus 60+40+60 bits, scale 2^40", **_versions("tenseal")}


def paillier_logits(
    features: np.ndarray, weights: np.ndarray, bias: float, key_bits: int = 3072
) -> tuple[np.ndarray, dict[str, Any]]:
    """Logits of a logistic layer by Paillier (1999): sums of ciphertexts, and ciphertexts times plain numbers, exact.

    Every feature is a ciphertext of its own, every weight is plain. The server learns nothing of the features but
    their number: phe sends the exponent of a number unencrypted, so all are rounded to the same 2^-40 here, or it would
    tell their rough size. Whoever has the private key reads everything, each feature included: raw Paillier hides
    nothing from him, and a client that shares it with the server has encrypted in vain.

    Parameters, returns and errors as `ckks_logits`, with phe; with gmpy2 it takes an eighth of the time.
    key_bits : of the modulus; 3,072 are held to give 128 bits of security, as CKKS has here, 2,048 give 112
    """
    try:
        from phe import paillier
    except ImportError as error:
        raise ImportError("Paillier needs phe: pip install phe gmpy2; or take the stored results") from error
    features, weights = _checked(features, weights)
    (public, private), key_ms = _timed(lambda: paillier.generate_paillier_keypair(n_length=key_bits))
    plain = [paillier.EncodedNumber.encode(public, weight, precision=2**-40) for weight in weights.tolist()]
    size = (public.nsquare.bit_length() + 7) // 8  # bytes of a ciphertext

    def encrypt(row):
        numbers = [public.encrypt(value, precision=2**-40) for value in row.tolist()]
        return [(number.ciphertext(), number.exponent) for number in numbers]

    def product(sent):
        numbers = (paillier.EncryptedNumber(public, *number) for number in sent)
        answer = sum((number * weight for number, weight in zip(numbers, plain, strict=True)), start=float(bias))
        return [(answer.ciphertext(), answer.exponent)]  # made random again: tells the weights to nobody

    def decrypt(answer):
        return private.decrypt(paillier.EncryptedNumber(public, *answer[0]))

    logits, measured = _exchange(features, encrypt, product, decrypt, lambda numbers: size * len(numbers))
    measured |= {"key_ms": key_ms, "key_bytes": (key_bits + 7) // 8, "error": _error(logits, features, weights, bias)}
    return logits, measured | {"parameters": f"modulus {key_bits} bits", **_versions("phe", "gmpy2")}


def stored_encrypted() -> dict[str, Any]:
    """What both cost on the features of 20 phantoms, measured once: `ckks` and `paillier` as the functions above tell.

    `tests/benchmarks/encrypted.py` wrote it. Show it as stored, not as measured here.
    """
    return json.loads(STORED.read_text(encoding="utf-8"))


def _checked(features: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    features, weights = np.asarray(features, float), np.asarray(weights, float)
    if features.ndim != 2 or not len(features) or weights.shape != features.shape[1:]:
        raise ValueError(f"expected features (N, D) and weights (D,), got {features.shape} and {weights.shape}")
    return features, weights


def _error(logits: np.ndarray, features: np.ndarray, weights: np.ndarray, bias: float) -> float:
    return float(np.abs(logits - (features @ weights + bias)).max())


def _timed(call: Callable, *arguments) -> tuple[Any, float]:
    """What a call gives, and its milliseconds."""
    start = time.perf_counter()
    result = call(*arguments)
    return result, 1e3 * (time.perf_counter() - start)


def _exchange(features, encrypt, product, decrypt, size) -> tuple[np.ndarray, dict[str, Any]]:
    """One vector after the other to the server and back: the logits, and what the steps took."""
    logits, spent, sent, answer = [], [], None, None
    for row in features:
        sent, encrypting = _timed(encrypt, row)
        answer, multiplying = _timed(product, sent)
        logit, decrypting = _timed(decrypt, answer)
        logits.append(logit)
        spent.append((encrypting, multiplying, decrypting))
    times = dict(zip(("encrypt_ms", "product_ms", "decrypt_ms"), np.median(spent, axis=0).tolist(), strict=True))
    sizes = {"vector_bytes": size(sent), "answer_bytes": size(answer)}
    return np.array(logits), {"vectors": len(features), "features": features.shape[1], **times, **sizes}


def _versions(*packages: str) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except ImportError:  # importlib.metadata.PackageNotFoundError
            found[package] = "missing"
    return found
