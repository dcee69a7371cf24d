"""What a network sees and what it costs, on paper. Taught in chapter 03."""

import math
from typing import NamedTuple

from helpers.nn.convolution import output_size
from helpers.nn.inputs import check_whole


def receptive_field(layers: list[tuple[int, ...]]) -> int:
    """How many input pixels, along one axis, one output pixel depends on.

    Each layer widens the field by its own reach, (f - 1) r, counted in its own pixels; these lie as many input pixels
    apart as the strides before it multiply to.

    Parameters
    ----------
    layers : (kernel_size, stride) or (kernel_size, stride, dilation) of each convolution and pooling, first to last

    Raises
    ------
    ValueError : an entry with one number, or with more than three, or one that is no whole number from 1 on

    Examples
    --------
    >>> receptive_field([(3, 1), (2, 2), (3, 1)])
    8
    """
    field, apart = 1, 1
    for layer in layers:
        if len(layer) not in (2, 3):
            raise ValueError(f"A layer must be (kernel_size, stride) or (kernel_size, stride, dilation); {layer} came.")
        for number in layer:
            check_whole("each number of a layer", number, 1, "receptive_field")
        kernel_size, stride, *dilation = layer
        field += (kernel_size - 1) * (dilation[0] if dilation else 1) * apart
        apart *= stride
    return field


class Row(NamedTuple):
    """One layer of a network on paper; shapes without the batch axis."""

    name: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


_NUMBERS = {"conv": 2, "pool": 1, "flatten": 0, "dense": 1}  # how many stand behind each kind of layer


def layer_table(input_shape: tuple[int, ...], layers: list[tuple]) -> list[Row]:
    """Shape, parameters and multiply-adds of every layer for one example.

    Parameters
    ----------
    input_shape : (H, W, C)
    layers : ("conv", channels, kernel_size), stride 1 and no padding; ("pool", size), stride as size; ("flatten",);
        ("dense", units)

    Raises
    ------
    ValueError : a layer of another kind, a kernel that does not fit, a dense layer on a grid, another one on a row
    """
    shape, rows = tuple(input_shape), []
    for kind, *numbers in layers:
        if _NUMBERS.get(kind) != len(numbers):
            raise ValueError(
                'A layer must be ("conv", channels, kernel_size), ("pool", size), ("flatten",) or ("dense", units); '
                f"{(kind, *numbers)} came."
            )
        for number in numbers:
            check_whole(f"each number of {kind}", number, 1, "layer_table")
        if (len(shape) == 1) != (kind == "dense"):
            needed = "a row of numbers: flatten first" if kind == "dense" else "a grid (H, W, C)"
            raise ValueError(f"A {kind} layer must get {needed}; {shape} came.")
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
        else:
            weights = shape[0] * numbers[0]
            shape = (numbers[0],)
            parameters, multiply_adds = weights + numbers[0], weights
        rows.append(Row(kind, shape, parameters, multiply_adds))
    return rows


def count_parameters(input_shape: tuple[int, ...], layers: list[tuple]) -> int:
    """How many weights and biases a network has.  Arguments and errors as `layer_table`."""
    return sum(row.parameters for row in layer_table(input_shape, layers))
