"""From gradients to the next parameters. Taught in chapter 05."""

import math
from collections.abc import Callable

import numpy as np

from helpers.nn.inputs import check_whole

Rate = float | Callable[[int], float]  # a learning rate, or a function of the step, counted from 1


def _check_shapes(where: str, theta: np.ndarray, **others: np.ndarray) -> None:
    """The others must have the shape of theta: NumPy would stretch one of them without a word."""
    for name, values in others.items():
        if np.shape(values) != np.shape(theta):
            raise ValueError(
                f"{where}: {name} must have the shape of theta, {np.shape(theta)}; {np.shape(values)} came."
            )


def sgd_step(theta: np.ndarray, g: np.ndarray, learning_rate: float) -> np.ndarray:
    """One step of gradient descent: theta - learning_rate * g.  theta, g of one shape -> theta, a new array."""
    _check_shapes("sgd_step", theta, g=g)
    return theta - learning_rate * g


def momentum_step(
    theta: np.ndarray, g: np.ndarray, m: np.ndarray, learning_rate: float, beta: float = 0.9
) -> tuple[np.ndarray, np.ndarray]:
    """Walk along a running sum of the gradients. (Polyak 1964; Sutskever, Martens, Dahl, Hinton 2013)

    Parameters
    ----------
    theta, g : parameters and gradient, of one shape
    m : the running sum so far, the same shape; zeros at the start
    beta : how much of it is kept in a step

    Returns
    -------
    theta, m : new arrays
    """
    _check_shapes("momentum_step", theta, g=g, m=m)
    m = beta * m + g
    return theta - learning_rate * m, m


def rmsprop_step(
    theta: np.ndarray, g: np.ndarray, q: np.ndarray, learning_rate: float, beta: float = 0.9, eps: float = 1e-7
) -> tuple[np.ndarray, np.ndarray]:
    """Divide each gradient by its own usual size. (Tieleman, Hinton 2012)

    q, the running mean of squared gradients, has the shape of theta and is zeros at the start -> theta, q
    """
    _check_shapes("rmsprop_step", theta, g=g, q=q)
    q = beta * q + (1 - beta) * g**2
    return theta - learning_rate * g / (np.sqrt(q) + eps), q


def adam_step(
    theta: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    q: np.ndarray,
    t: int,
    learning_rate: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Momentum over RMSProp, both corrected for starting at 0. (Kingma, Ba 2015, algorithm 1; q is their v)

    Parameters
    ----------
    theta, g : parameters and gradient, of one shape
    m, q : running means of the gradient and of its square, the same shape; zeros at the start
    t : number of the step, from 1
    beta1, beta2 : how much of m and of q is kept in a step
    eps : keeps the division finite

    Returns
    -------
    theta, m, q : new arrays
    """
    check_whole("t", t, 1, "adam_step")
    _check_shapes("adam_step", theta, g=g, m=m, q=q)
    m = beta1 * m + (1 - beta1) * g
    q = beta2 * q + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    q_hat = q / (1 - beta2**t)
    return theta - learning_rate * m_hat / (np.sqrt(q_hat) + eps), m, q


def cosine_decay(rate: float, steps: int) -> Callable[[int], float]:
    """A learning rate that falls from `rate` to 0 over `steps` steps along half a cosine. (Loshchilov, Hutter 2017)"""
    return lambda t: rate * 0.5 * (1 + math.cos(math.pi * min(t - 1, steps) / steps))


def step_decay(rate: float, every: int, factor: float = 0.1) -> Callable[[int], float]:
    """A learning rate that is multiplied by `factor` after every `every` steps."""
    return lambda t: rate * factor ** ((t - 1) // every)


class Optimiser:
    """Moves the parameters of a network along its gradients; what it remembers of each parameter it keeps itself.

    Parameters
    ----------
    learning_rate : a number, or a function from the step t = 1, 2, ... to a number
    weight_decay : in every step each weight (not the biases) also shrinks by learning_rate * weight_decay of itself,
        apart from its gradient (Loshchilov, Hutter 2019)
    """

    def __init__(self, learning_rate: Rate, weight_decay: float = 0.0) -> None:
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.t = 0
        self.memory: dict[str, list[np.ndarray]] = {}

    def rate(self) -> float:
        """The learning rate of the step under way."""
        return float(self.learning_rate(self.t) if callable(self.learning_rate) else self.learning_rate)

    def step(self, network) -> None:
        """One step for every parameter of `network`, along the gradients of its last backward pass."""
        self.t += 1
        gradients = network.gradients()
        for name, theta in network.parameters().items():
            old = theta
            if self.weight_decay and theta.ndim > 1:
                theta = theta * theta.dtype.type(1 - self.rate() * self.weight_decay)
            old[...] = self.move(name, theta, gradients[name])

    def move(self, name: str, theta: np.ndarray, g: np.ndarray) -> np.ndarray:
        """The parameter `name` after this step."""
        raise NotImplementedError

    def recall(self, name: str, count: int, theta: np.ndarray) -> list[np.ndarray]:
        """What is remembered of parameter `name`: `count` arrays, zeros at the start."""
        return self.memory.setdefault(name, [np.zeros_like(theta) for _ in range(count)])


class SGD(Optimiser):
    """Gradient descent; with `momentum` above 0 along a running sum of the gradients."""

    def __init__(self, learning_rate: Rate, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        super().__init__(learning_rate, weight_decay)
        self.momentum = momentum

    def move(self, name: str, theta: np.ndarray, g: np.ndarray) -> np.ndarray:
        if not self.momentum:
            return sgd_step(theta, g, self.rate())
        (m,) = self.recall(name, 1, theta)
        theta, self.memory[name][0] = momentum_step(theta, g, m, self.rate(), self.momentum)
        return theta


class RMSProp(Optimiser):
    """Each gradient divided by its own usual size."""

    def __init__(self, learning_rate: Rate = 0.001, beta: float = 0.9, weight_decay: float = 0.0) -> None:
        super().__init__(learning_rate, weight_decay)
        self.beta = beta

    def move(self, name: str, theta: np.ndarray, g: np.ndarray) -> np.ndarray:
        (q,) = self.recall(name, 1, theta)
        theta, self.memory[name][0] = rmsprop_step(theta, g, q, self.rate(), self.beta)
        return theta


class Adam(Optimiser):
    """Momentum over RMSProp, both corrected for starting at 0."""

    def __init__(
        self, learning_rate: Rate = 0.001, beta1: float = 0.9, beta2: float = 0.999, weight_decay: float = 0.0
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.beta1, self.beta2 = beta1, beta2

    def move(self, name: str, theta: np.ndarray, g: np.ndarray) -> np.ndarray:
        m, q = self.recall(name, 2, theta)
        theta, *self.memory[name] = adam_step(theta, g, m, q, self.t, self.rate(), self.beta1, self.beta2)
        return theta
