"""The course's own network in NumPy: every function is taught in a chapter and held against a library by a test.

Row convention: a batch X is (N, D), one example a row; a layer is X @ W + b.
"""

from helpers.nn.activations import ACTIVATIONS, Activation, relu
from helpers.nn.layers import count_dead_units, dense_forward
from helpers.nn.losses import cross_entropy, log_softmax, softmax

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "count_dead_units",
    "cross_entropy",
    "dense_forward",
    "log_softmax",
    "relu",
    "softmax",
]
