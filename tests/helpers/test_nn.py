"""The course's functions against trusted libraries, and against finite differences."""

import numpy as np
import pytest
from scipy import special

from helpers import nn


def relative(a, b) -> float:
    return float(np.abs(a - b).max() / np.abs(b).max())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spread", [1, 30, 1000])
def test_softmax_and_log_softmax_equal_scipy(seed, spread):
    Z = np.random.default_rng(seed).normal(0, spread, size=(7, 4))
    assert relative(nn.softmax(Z), special.softmax(Z, axis=1)) < 1e-13
    assert relative(nn.log_softmax(Z), special.log_softmax(Z, axis=1)) < 1e-13


@pytest.mark.parametrize("seed", range(5))
def test_cross_entropy_equals_scikit_learn(seed):
    from sklearn.metrics import log_loss

    rng = np.random.default_rng(seed)
    Z, y = rng.normal(0, 2, size=(20, 4)), np.arange(20) % 4
    assert nn.cross_entropy(Z, y) == pytest.approx(log_loss(y, special.softmax(Z, axis=1)), rel=1e-12)


def test_softmax_does_not_care_about_a_constant_in_a_row():
    Z = np.random.default_rng(0).normal(size=(3, 5))
    assert relative(nn.softmax(Z + np.array([[1000.0], [-1000.0], [5.0]])), nn.softmax(Z)) < 1e-12


def test_knowing_nothing_costs_log_c():
    assert nn.cross_entropy(np.zeros((6, 3)), np.arange(6) % 3) == pytest.approx(np.log(3))


def test_the_forward_pass_equals_keras():
    keras = pytest.importorskip("keras")
    rng = np.random.default_rng(0)
    X, W, b = rng.normal(size=(6, 5)), rng.normal(size=(5, 4)), rng.normal(size=4)
    y = np.array([0, 3, 1, 2, 2, 0])
    layer = keras.layers.Dense(4, dtype="float64")
    layer.build((None, 5))
    layer.set_weights([W, b])
    A = nn.dense_forward(X, W, b)
    assert relative(A, np.asarray(layer(X))) < 1e-12
    assert relative(nn.relu(A), np.asarray(keras.ops.relu(A))) < 1e-12
    assert relative(nn.softmax(A), np.asarray(keras.ops.softmax(A))) < 1e-12
    losses = keras.ops.sparse_categorical_crossentropy(y, A, from_logits=True)
    assert nn.cross_entropy(A, y) == pytest.approx(float(np.mean(losses)), rel=1e-6)


@pytest.mark.parametrize("name", nn.ACTIVATIONS)
def test_slopes_equal_finite_differences(name):
    activation = nn.ACTIVATIONS[name]
    a = np.array([-5.0, -1.3, -0.2, 0.4, 2.0, 6.0])  # away from the kink at 0
    step = 1e-6
    numeric = (activation.value(a + step) - activation.value(a - step)) / (2 * step)
    assert np.abs(activation.slope(a) - numeric).max() < 1e-8


def test_sigmoid_equals_scipy_without_overflow():
    a = np.array([-1000.0, -30, -1, 0, 1, 30, 1000])
    with np.errstate(all="raise", under="ignore"):
        assert np.allclose(nn.ACTIVATIONS["sigmoid"].value(a), special.expit(a), rtol=1e-14, atol=0)


def test_relu_keeps_its_input_and_dtype():
    A = np.array([-1, 2], np.float32)
    A.setflags(write=False)
    assert nn.relu(A).dtype == np.float32
    assert nn.relu(A).tolist() == [0, 2]


def test_dead_units_are_those_whose_output_is_always_zero():
    rng = np.random.default_rng(1)
    for _ in range(20):
        X, W, b = rng.normal(size=(30, 4)), rng.normal(size=(4, 50)), rng.normal(-3, 2, size=50)
        H = nn.relu(nn.dense_forward(X, W, b))
        assert nn.count_dead_units(X, W, b) == sum(not column.any() for column in H.T)
