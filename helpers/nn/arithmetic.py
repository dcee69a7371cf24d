"""What a network sees and what it costs, on paper. Taught in chapter 03."""

import math
from typing import NamedTuple

from helpers.nn.convolution import output_size


def receptive_field(layers: list[tuple[int, ...]]) -> int:
    """How many input pixels, along one axis, one output pixel depends on.

    Each layer widens the field by its own reach, (f - 1) r, counted in its own pixels; these lie as many input pixels
    apart as the strides before it multiply to.

    Parameters
    ----------
    layers : (kernel_size, stride) or (kernel_size, stride, dilation) of each convolution and pooling, first to last

    Examples
    --------
    >>> receptive_field([(3, 1), (2, 2), (3, 1)])
    8
    """
    field, apart = 1, 1
    for kernel_size, stride, *dilation in layers:
        field += (kernel_size - 1) * (dilation[0] if dilation else 1) * apart
        apart *= stride
    return field


class Row(NamedTuple):
    """One layer of a network on paper; shapes without the batch axis."""

    name: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


def layer_table(input_shape: tuple[int, ...], layers: list[tuple]) -> list[Row]:
    """Shape, parameters and multiply-adds of every layer for one example.

    Parameters
    ----------
    input_shape : (H, W, C)
    layers : ("conv", channels, kernel_size), stride 1 and no padding; ("pool", size), stride as size; ("flatten",);
        ("dense", units)

    Raises
    ------
    ValueError : a layer of another kind, a kernel that does not fit, a dense layer on a grid
    """
    shape, rows = tuple(input_shape), []
    for kind, *numbers in layers:
        parameters = multiply_adds = 0
        if kind == "conv":
            channels, f = numbers
            weights = f * f * shape[2] * channels
            shape = (output_size(shape[0], f), output_size(shape[1], f), channels)
            parameters, multiply_adds = weights + channels, weights * shape[0] * shape[1]
        elif kind == "pool":
            shape = (*(output_size(n, numbers[0], numbers[0]) for n in shape[:2]), shape[2])
        elif kind == "flatten":
            shape = (math.prod(shape),)
        elif kind == "dense" and len(shape) == 1:
            weights = shape[0] * numbers[0]
            shape = (numbers[0],)
            parameters, multiply_adds = weights + numbers[0], weights
        elif kind == "dense":
            raise ValueError(f"A dense layer needs a row of numbers; it would get a grid, {shape}. Flatten first.")
        else:
            raise ValueError(f'A layer is "conv", "pool", "flatten" or "dense"; {kind!r} came.')
        rows.append(Row(kind, shape, parameters, multiply_adds))
    return rows


def count_parameters(input_shape: tuple[int, ...], layers: list[tuple]) -> int:
    """How many weights and biases a network has.  Arguments and errors as `layer_table`."""
    return sum(row.parameters for row in layer_table(input_shape, layers))
