"""Activation functions and their slopes. Taught in chapter 02, used by every layer after it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from helpers.nn.inputs import check_alike


def relu(A: np.ndarray) -> np.ndarray:
    """The larger of each value and 0.  A (any shape) -> same shape and dtype; A is left as it is.

    Examples
    --------
    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    return np.maximum(A, 0)


def relu_slope(A: np.ndarray) -> np.ndarray:
    """1 where A > 0, else 0.  At exactly 0 there is no slope: Keras's relu takes 0, and so do we."""
    return (A > 0).astype(A.dtype)


def relu_backward(dH: np.ndarray, A: np.ndarray) -> np.ndarray:
    """The gradient passes where A > 0 and stops elsewhere.

    dH, gradient of the loss with respect to relu(A), and A, the pre-activations, of one shape -> dA, the same shape
    """
    check_alike("relu_backward", dH=dH, A=A)
    return dH * (A > 0)


def leaky_relu(A: np.ndarray, leak: float = 0.1) -> np.ndarray:
    """A where A > 0, else leak * A.  Same shape as A. (Maas, Hannun, Ng 2013)"""
    return np.where(A > 0, A, leak * A)


def leaky_relu_slope(A: np.ndarray, leak: float = 0.1) -> np.ndarray:
    """1 where A > 0, else leak."""
    return np.where(A > 0, 1.0, leak)


def sigmoid(A: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-A)), without overflow for any A.  Same shape as A, values from 0 to 1."""
    small = np.exp(-np.abs(A))  # at most 1, whatever the sign of A
    return np.where(A >= 0, 1 / (1 + small), small / (1 + small))


def sigmoid_slope(A: np.ndarray) -> np.ndarray:
    """sigmoid(A) * (1 - sigmoid(A)): never above 1/4."""
    return sigmoid(A) * (1 - sigmoid(A))


def tanh_slope(A: np.ndarray) -> np.ndarray:
    """1 - tanh(A)**2: 1 at 0, and near 0 from about |A| = 3 on."""
    return 1 - np.tanh(A) ** 2


def identity(A: np.ndarray) -> np.ndarray:
    """A itself: a layer without an activation."""
    return A


def identity_slope(A: np.ndarray) -> np.ndarray:
    """1 everywhere."""
    return np.ones_like(A)


@dataclass(frozen=True)
class Activation:
    """A function of one number, applied entry by entry, and its slope."""

    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]


ACTIVATIONS = {
    "ReLU": Activation(relu, relu_slope),
    "leaky ReLU": Activation(leaky_relu, leaky_relu_slope),
    "sigmoid": Activation(sigmoid, sigmoid_slope),
    "tanh": Activation(np.tanh, tanh_slope),
    "none": Activation(identity, identity_slope),
}
