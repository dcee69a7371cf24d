"""A logistic layer on encrypted features: against the plain product, and what is stored of it.

tenseal and phe are not among the course's packages: pip install tenseal phe gmpy2, or these tests skip.
"""

import sys

import numpy as np
import pytest

from helpers.trust.encrypted import ckks_logits, paillier_logits, stored_encrypted

MEASURED = {
    *("vectors", "features", "parameters", "error", "key_ms", "encrypt_ms", "product_ms", "decrypt_ms"),
    *("key_bytes", "vector_bytes", "answer_bytes"),
}
SCHEMES = [
    pytest.param(ckks_logits, {}, "tenseal", id="ckks"),
    pytest.param(paillier_logits, {"key_bits": 1024}, "phe", id="paillier"),
]


@pytest.mark.parametrize(("scheme", "options", "package"), SCHEMES)
def test_logits_are_those_of_the_plain_product(scheme, options, package):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install {package}")
    rng = np.random.default_rng(0)
    features, weights, bias = rng.gamma(1, 1, (3, 17)), rng.normal(size=17), -0.7
    logits, measured = scheme(features, weights, bias, **options)
    plain = [sum(f * w for f, w in zip(row, weights, strict=True)) + bias for row in features]
    assert logits.shape == (3,)
    np.testing.assert_allclose(logits, plain, rtol=0, atol=1e-4)
    assert measured["error"] == pytest.approx(np.abs(logits - plain).max(), abs=1e-12)
    assert set(measured) >= MEASURED | {package}
    assert (measured["vectors"], measured["features"]) == (3, 17)
    assert min(measured[name] for name in MEASURED if name.endswith(("_ms", "_bytes"))) > 0


@pytest.mark.parametrize("value", [0.0, 1e-3, 0.1, 123.0])
def test_an_encrypted_number_does_not_tell_its_size(value):
    """phe leaves the exponent readable: it must be the same for all numbers."""
    paillier = pytest.importorskip("phe.paillier", reason="phe is not installed: pip install phe")
    public, _ = paillier.generate_paillier_keypair(n_length=256)
    assert public.encrypt(value, precision=2**-40).exponent == -10  # of 16


@pytest.mark.parametrize(("scheme", "options", "package"), SCHEMES)
def test_without_the_package_it_says_how_to_install_it(scheme, options, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=f"pip install {package}.*stored"):
        scheme(np.ones((2, 3)), np.ones(3), 0.0, **options)


@pytest.mark.parametrize(("scheme", "options", "package"), SCHEMES)
@pytest.mark.parametrize(("features", "weights"), [((2, 3), (4,)), ((3,), (3,)), ((0, 3), (3,)), ((2, 3), (3, 1))])
def test_shapes_that_do_not_fit(scheme, options, package, features, weights):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install {package}")
    with pytest.raises(ValueError, match="weights"):
        scheme(np.ones(features), np.ones(weights), 0.0, **options)


@pytest.mark.parametrize(("name", "package"), [("ckks", "tenseal"), ("paillier", "phe")])
def test_what_is_stored_is_complete_and_near_the_plain_product(name, package):
    stored = stored_encrypted()[name]
    assert set(stored) >= MEASURED | {package}
    assert (stored["vectors"], stored["features"]) == (20, 64)
    assert 0 < stored["error"] <= 1e-4
    assert 0 < stored["error_of_network"] <= 1e-4
    assert stored["vector_bytes"] > 8 * 64  # longer than in the clear
    assert min(stored[key] for key in MEASURED if key.endswith(("_ms", "_bytes"))) > 0


def test_what_is_stored_says_of_what_and_where():
    stored = stored_encrypted()
    assert "breast_cnn" in stored["network"]
    assert stored["logits"]["smallest"] < stored["logits"]["largest"]
    assert stored["machine"].startswith(("Linux", "Darwin", "Windows"))
