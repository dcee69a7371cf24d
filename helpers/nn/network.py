"""Layers with parameters, one after the other: a whole network that can be trained. Taught in chapters 04 and 05.

Each layer remembers from its forward pass what its backward pass needs, and leaves there the gradients of its own
parameters. The functions that do the arithmetic are those of the chapters.
"""

from collections.abc import Sequence

import numpy as np

from helpers.nn import convolution, layers, losses, pooling
from helpers.nn.activations import relu, relu_backward
from helpers.nn.initialisers import INITIALISERS
from helpers.nn.inputs import check_array, check_finite, check_whole, pair


class Layer:
    """One layer: `build` once, then `forward` and `backward` in turns.

    `parameters` and `gradients` are dicts with the same names. `needs_input_gradient` is False for the first layer
    with parameters: before it there is nothing to learn, and nobody asks for the gradient of the data.
    """

    needs_input_gradient = True

    def __init__(self) -> None:
        self.parameters: dict[str, np.ndarray] = {}
        self.gradients: dict[str, np.ndarray] = {}

    @property
    def name(self) -> str:
        """What kind of layer it is."""
        return type(self).__name__

    def build(self, shape: tuple[int, ...], rng: np.random.Generator) -> tuple[int, ...]:
        """Make the parameters for inputs of `shape` (without the batch axis); the shape of the outputs."""
        return shape

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """The output for a batch X."""
        raise NotImplementedError

    def backward(self, dY: np.ndarray) -> np.ndarray | None:
        """From the gradient of the output to that of the input; None where nobody needs it."""
        raise NotImplementedError


class _WithWeights(Layer):
    def __init__(self, init: str) -> None:
        super().__init__()
        if init not in INITIALISERS:
            raise ValueError(f"init must be one of {', '.join(INITIALISERS)}; {init!r} came.")
        self.init = INITIALISERS[init]


class Dense(_WithWeights):
    """X (N, D) -> X W + b (N, units).  Parameters W (D, units) and b (units,)."""

    def __init__(self, units: int, init: str = "he") -> None:
        super().__init__(init)
        self.units = check_whole("units", units, 1, "Dense")

    def build(self, shape, rng):
        if len(shape) != 1:
            raise ValueError(f"Dense must get a row of numbers for each example; a grid {shape} came. Flatten first.")
        self.parameters = {"W": self.init((shape[0], self.units), rng), "b": np.zeros(self.units)}
        return (self.units,)

    def forward(self, X, training=False):
        self.X = X
        return layers.dense_forward(X, self.parameters["W"], self.parameters["b"])

    def backward(self, dY):
        check_array("dY", dY, (len(self.X), self.units), "Dense")
        self.gradients = {"W": self.X.T @ dY, "b": dY.sum(axis=0)}
        return dY @ self.parameters["W"].T if self.needs_input_gradient else None


class Conv2D(_WithWeights):
    """X (N, H, W, C_in) -> Y (N, H', W', channels).  Parameters K (kh, kw, C_in, channels) and b (channels,)."""

    def __init__(self, channels: int, kernel_size=3, stride=1, padding="valid", dilation=1, init: str = "he") -> None:
        super().__init__(init)
        self.channels = check_whole("channels", channels, 1, "Conv2D")
        self.kernel_size = pair("kernel_size", kernel_size, 1, "Conv2D")
        self.slide = {"stride": stride, "padding": padding, "dilation": dilation}

    def build(self, shape, rng):
        if len(shape) != 3:
            raise ValueError(f"Conv2D must get images (H, W, C); {shape} came.")
        K = self.init((*self.kernel_size, shape[2], self.channels), rng)
        self.parameters = {"K": K, "b": np.zeros(self.channels)}
        empty = convolution.columns(np.zeros((1, *shape)), self.kernel_size, **self.slide)
        return (*empty.shape[1:3], self.channels)

    def forward(self, X, training=False):
        K, b = self.parameters["K"], self.parameters["b"]
        convolution.check_kernel(X, K, b)
        self.rows, self.shape = convolution.columns(X, self.kernel_size, **self.slide), X.shape
        return convolution.weighted(self.rows, K, b)

    def backward(self, dY):
        K = self.parameters["K"]
        check_array("dY", dY, (*self.rows.shape[:3], self.channels), "Conv2D")
        dK, db = convolution.kernel_gradients(dY, self.rows, K)
        self.gradients = {"K": dK, "b": db}
        return convolution.image_gradient(dY, self.shape, K, **self.slide) if self.needs_input_gradient else None


class ReLU(Layer):
    """The larger of each entry and 0."""

    def forward(self, X, training=False):
        check_array("X", X, np.shape(X), "ReLU")
        self.A = X
        return relu(X)

    def backward(self, dY):
        return relu_backward(dY, self.A)


class MaxPool2D(Layer):
    """The largest value of each window.  X (N, H, W, C) -> Y (N, H', W', C); stride is `size` unless it is given."""

    forth, back = staticmethod(pooling.max_pool2d), staticmethod(pooling.max_pool2d_backward)

    def __init__(self, size=2, stride=None) -> None:
        super().__init__()
        self.window = {"size": size, "stride": size if stride is None else stride}

    def build(self, shape, rng):
        return self.forth(np.zeros((1, *shape)), **self.window).shape[1:]

    def forward(self, X, training=False):
        self.X = X
        return self.forth(X, **self.window)

    def backward(self, dY):
        return self.back(dY, self.X, **self.window)


class AveragePool2D(MaxPool2D):
    """The mean of each window."""

    forth, back = staticmethod(pooling.average_pool2d), staticmethod(pooling.average_pool2d_backward)


class Flatten(Layer):
    """One row an example.  X (N, H, W, C) -> (N, H * W * C)"""

    def build(self, shape, rng):
        return (int(np.prod(shape)),)

    def forward(self, X, training=False):
        self.shape = X.shape
        return layers.flatten(X)

    def backward(self, dY):
        return dY.reshape(self.shape)


class Dropout(Layer):
    """While training, drops a share of the entries; else lets everything through."""

    def __init__(self, drop: float) -> None:
        super().__init__()
        layers.dropout(np.zeros(1), drop, np.random.default_rng(0))  # says what is wrong with `drop`
        self.drop = drop

    def build(self, shape, rng):
        self.rng = np.random.default_rng(rng.integers(2**32))
        return shape

    def forward(self, X, training=False):
        check_array("X", X, np.shape(X), "Dropout")
        self.factor = layers.dropout(np.ones_like(X), self.drop, self.rng) if training else np.ones_like(X)
        return X * self.factor

    def backward(self, dY):
        return dY * self.factor


class BatchNorm(Layer):
    """Each unit or channel to mean 0 and variance 1, then gain and shift.

    While training, mean and variance are those of the batch, and running means of both are kept; after it the running
    ones are used, so that an example's output does not depend on its neighbours.
    """

    def __init__(self, keep: float = 0.99, eps: float = 1e-3) -> None:
        super().__init__()
        self.keep, self.eps = keep, eps

    def build(self, shape, rng):
        self.parameters = {"gain": np.ones(shape[-1]), "shift": np.zeros(shape[-1])}
        self.mean, self.variance = np.zeros(shape[-1]), np.ones(shape[-1])
        return shape

    def forward(self, X, training=False):
        gain, shift = self.parameters["gain"], self.parameters["shift"]
        layers.check_channels(X, gain, "BatchNorm")
        self.X, self.training = X, training
        if not training:
            return (gain * (X - self.mean) / np.sqrt(self.variance + self.eps) + shift).astype(X.dtype)
        axes = tuple(range(X.ndim - 1))
        self.mean = self.keep * self.mean + (1 - self.keep) * X.mean(axes)
        self.variance = self.keep * self.variance + (1 - self.keep) * X.var(axes)
        return layers.batch_norm(X, gain, shift, self.eps)

    def backward(self, dY):
        gain = self.parameters["gain"]
        if self.training:
            dX, dgain, dshift = layers.batch_norm_backward(dY, self.X, gain, self.eps)
        else:
            std = np.sqrt(self.variance + self.eps)
            axes = tuple(range(dY.ndim - 1))
            dX, dgain = (dY * gain / std).astype(dY.dtype), (dY * (self.X - self.mean) / std).sum(axes)
            dshift = dY.sum(axes)
        self.gradients = {"gain": dgain.astype(gain.dtype), "shift": dshift}
        return dX


class Sequential:
    """Layers one after the other; the last gives logits, the loss is softmax cross-entropy.

    Parameters
    ----------
    stack : the layers, first to last
    input_shape : of one example, (D,) or (H, W, C)
    seed : of the first weights and of dropout
    dtype : "float32" or "float64"

    Examples
    --------
    >>> network = Sequential([Conv2D(8), ReLU(), MaxPool2D(), Flatten(), Dense(10)], input_shape=(8, 8, 1))
    >>> network.forward(np.zeros((5, 8, 8, 1), "float32")).shape
    (5, 10)
    """

    def __init__(
        self, stack: Sequence[Layer], input_shape: tuple[int, ...], seed: int = 0, dtype: str = "float32"
    ) -> None:
        if np.dtype(dtype) not in (np.dtype("float32"), np.dtype("float64")):
            raise ValueError(f'dtype must be "float32" or "float64"; {dtype!r} came.')
        self.layers, self.input_shape, self.dtype = list(stack), tuple(input_shape), np.dtype(dtype)
        if not self.layers:
            raise ValueError("A network needs at least one layer; an empty list came.")
        rng = np.random.default_rng(seed)
        self.shapes, shape = [], self.input_shape
        for layer in self.layers:
            shape = layer.build(shape, rng)
            layer.parameters = {name: values.astype(self.dtype) for name, values in layer.parameters.items()}
            self.shapes.append(shape)
        self.first = next((i for i, layer in enumerate(self.layers) if layer.parameters), 0)
        self.layers[self.first].needs_input_gradient = False

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """The logits Z (N, C) of a batch X (N, *input_shape), which is converted to the network's dtype.

        Raises
        ------
        ValueError : another shape, integers; NotFinite : nan or infinity in X or on the way
        """
        Y = self.converted(X)
        for layer in self.layers:
            Y = layer.forward(Y, training)
        return Y

    def converted(self, X: np.ndarray) -> np.ndarray:
        """X in the network's dtype, once it has been checked."""
        check_array("X", X, ("N", *self.input_shape), "Sequential")
        return X.astype(self.dtype, copy=False)

    def activations(self, X: np.ndarray) -> list[tuple[str, np.ndarray]]:
        """What every layer gives for X, first to last: (name, array)."""
        found, Y = [], self.converted(X)
        for layer in self.layers:
            Y = layer.forward(Y)
            found.append((layer.name, Y))
        return found

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The class with the largest logit, (N,)."""
        return self.forward(X).argmax(axis=1)

    def loss(self, X: np.ndarray, y: np.ndarray) -> float:
        """Mean cross-entropy of the batch."""
        return losses.cross_entropy(self.forward(X), y)

    def loss_and_gradients(self, X: np.ndarray, y: np.ndarray, training: bool = False) -> float:
        """Forward, then backward: the mean cross-entropy; every layer then holds its gradients.

        `training=True` drops units and normalises over the batch, as training does.
        """
        self.logits = Z = self.forward(X, training)
        dY = losses.softmax_cross_entropy_backward(Z, y)
        for layer in reversed(self.layers[self.first :]):
            dY = layer.backward(dY)
        return losses.cross_entropy(Z, y)

    def parameters(self) -> dict[str, np.ndarray]:
        """Every parameter by name: "0.K" is the K of the first layer. The arrays themselves, not copies."""
        return {f"{i}.{key}": values for i, layer in enumerate(self.layers) for key, values in layer.parameters.items()}

    def gradients(self) -> dict[str, np.ndarray]:
        """The gradients of the last backward pass, under the names of the parameters."""
        return {f"{i}.{key}": values for i, layer in enumerate(self.layers) for key, values in layer.gradients.items()}

    def set_parameters(self, values: dict[str, np.ndarray]) -> None:
        """Write `values` into the parameters of these names, converted to the network's dtype.

        Raises
        ------
        ValueError : a name that is not there, a shape that does not fit, nan or infinity; then nothing is changed
        """
        own = self.parameters()
        for name, new in values.items():
            if name not in own:
                raise ValueError(f"There is no parameter {name!r}; there are {', '.join(own)}.")
            if np.shape(new) != own[name].shape:
                raise ValueError(f"Parameter {name} must have shape {own[name].shape}; {np.shape(new)} came.")
            check_finite(name, np.asarray(new), "set_parameters")
        for name, new in values.items():
            own[name][...] = new

    def summary(self) -> str:
        """A table: layer, shape of its output without the batch axis, number of parameters."""
        rows = [
            (str(i), layer.name, str(shape), sum(values.size for values in layer.parameters.values()))
            for i, (layer, shape) in enumerate(zip(self.layers, self.shapes, strict=True))
        ]
        lines = [f"{i:>2}  {name:<14} {shape:<16} {count:>9,}" for i, name, shape, count in rows]
        total = sum(count for *_, count in rows)
        return "\n".join([f"    {'layer':<14} {'output':<16} parameters", *lines, f"    {'all':<31} {total:>9,}"])
