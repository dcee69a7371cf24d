"""How large the first weights are. Taught in chapter 05."""

import math

import numpy as np

from helpers.nn.inputs import check_whole


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Inputs of one unit, and outputs that one input reaches: (fan_in, fan_out).

    Dense (D, M): D and M. Convolution (kh, kw, C_in, C_out): kh * kw * C_in and kh * kw * C_out.

    Raises
    ------
    ValueError : neither two sizes nor four, or one of them no whole number from 1 on
    """
    if len(shape) not in (2, 4):
        raise ValueError(f"shape must be (D, M) or (kh, kw, C_in, C_out); {shape} came.")
    for size in shape:
        check_whole("each size in shape", size, 1, "initialisation")
    patch = math.prod(shape[:-2])
    return patch * shape[-2], patch * shape[-1]


def he_init(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Normal, mean 0, variance 2 / fan_in: keeps the mean square of the activations through ReLU layers.

    (He, Zhang, Ren, Sun 2015)

    Parameters
    ----------
    shape : (D, M) or (kh, kw, C_in, C_out)
    rng : where the chance comes from

    Returns
    -------
    weights : `shape`, float64
    """
    return rng.normal(0, np.sqrt(2 / fans(shape)[0]), size=shape)


def glorot_init(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Uniform between -+ sqrt(6 / (fan_in + fan_out)): Keras's default. (Glorot, Bengio 2010)

    shape (D, M) or (kh, kw, C_in, C_out) -> weights of that shape, float64
    """
    edge = np.sqrt(6 / sum(fans(shape)))
    return rng.uniform(-edge, edge, size=shape)


INITIALISERS = {"he": he_init, "glorot": glorot_init}
