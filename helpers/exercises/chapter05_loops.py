"""The training loop of chapter 05, and loops and steps with one thing wrong, which its exercises recognise."""

from collections.abc import Callable

import numpy as np

from helpers import nn


def sgd_in_place(theta, g, learning_rate):
    theta -= learning_rate * g
    return theta


def sgd_whole_list(theta, g, learning_rate):
    for i in range(len(theta)):
        theta[i] = theta[i] - learning_rate * g[i]
    return theta


def train(
    theta: np.ndarray,
    gradient: Callable,
    X: np.ndarray,
    y: np.ndarray,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Gradient descent on minibatches, every epoch in a new order.

    Parameters
    ----------
    theta : parameters to start from; left as they are
    gradient : (theta, X, y) -> g, the gradient of the mean loss over these examples
    X, y : (N, D) and (N,), the training set
    epochs : how often every example is used
    batch_size : examples a step; the last batch of an epoch holds what is left
    learning_rate : times the gradient is the step
    rng : gives the order of each epoch, rng.permutation(N)

    Returns
    -------
    theta : parameters after the last step
    """
    for _ in range(epochs):
        order = rng.permutation(len(y))
        for start in range(0, len(y), batch_size):
            batch = order[start : start + batch_size]
            g = gradient(theta, X[batch], y[batch])
            theta = theta - learning_rate * g
    return theta


def squared_error_gradient(theta, X, y):
    """the gradient of mean((X @ theta - y)**2)"""
    return 2 * X.T @ (X @ theta - y) / len(y)


def trainer(
    order="every epoch", full=False, sign=-1, update="every batch", labels="same", drop_last=False, stop="",
    stride=None, undo=False,
):  # fmt: skip
    """A training loop with one thing wrong (with order "shuffled on" there is nothing wrong)."""

    def wrong(theta, gradient, X, y, epochs, batch_size, learning_rate, rng):
        N = len(y)
        places = rng.permutation(N) if order == "once" else np.arange(N)
        for _ in range(epochs):
            if order in ("every epoch", "shuffled on"):
                places = rng.permutation(N) if order == "every epoch" else places[rng.permutation(N)]
            for start in range(0, N - batch_size + 1 if drop_last else N, stride or batch_size):
                if order == "every batch":
                    places = rng.permutation(N)
                batch = places[start : start + batch_size]
                targets = y[start : start + len(batch)] if labels == "left behind" else y[batch]
                g = gradient(theta, X, y) if full else gradient(theta, X[batch], targets)
                if update == "every batch":
                    theta = theta + sign * learning_rate * g
                if undo:
                    theta = theta - sign * learning_rate * gradient(theta, X[batch], y[batch])
                if stop == "batch":
                    return theta
            if update == "every epoch":
                theta = theta + sign * learning_rate * g
            if stop == "epoch":
                return theta
        return theta

    return wrong


def trainer_with_the_whole_set(theta, gradient, X, y, epochs, batch_size, learning_rate, rng):
    def twice(theta, X_batch, y_batch):
        g = gradient(theta, X_batch, y_batch)
        return g + gradient(theta - learning_rate * g, X, y)

    return train(theta, twice, X, y, epochs, batch_size, learning_rate, rng)


def loops_exchanged(order_inside: bool) -> Callable:
    def wrong(theta, gradient, X, y, epochs, batch_size, learning_rate, rng):
        for start in range(0, len(y), batch_size):
            order = rng.permutation(len(y)) if not order_inside else None
            for _ in range(epochs):
                order = rng.permutation(len(y)) if order_inside else order
                batch = order[start : start + batch_size]
                theta = theta - learning_rate * gradient(theta, X[batch], y[batch])
        return theta

    return wrong


def in_place_trainer(theta, gradient, X, y, epochs, batch_size, learning_rate, rng):
    for _ in range(epochs):
        order = rng.permutation(len(y))
        for start in range(0, len(y), batch_size):
            batch = order[start : start + batch_size]
            theta -= learning_rate * gradient(theta, X[batch], y[batch])
    return theta


def momentum(step: Callable) -> Callable:
    return lambda theta, g, m, learning_rate, beta=0.9: step(theta, g, m, learning_rate, beta)


def momentum_in_place(theta, g, m, learning_rate, beta=0.9):
    m *= beta
    m += g
    return theta - learning_rate * m, m


def adam(
    power=lambda t: t, first=True, second=True, inside=False, square=True, root=True, keep="means", sign=-1,
    memory=True, eps_on=True, rate=True, of="g", exchanged=False, bracket=lambda beta, t: 1 - beta**t,
):  # fmt: skip
    """Adam with one thing wrong."""

    def wrong(theta, g, m, q, t, learning_rate, beta1=0.9, beta2=0.999, eps=1e-8):
        beta1, beta2 = (beta2, beta1) if exchanged else (beta1, beta2)
        m = beta1 * m + (1 - beta1) * g
        q = beta2 * q + (1 - beta2) * (m**2 if of == "m" else g**2 if square else g)
        mean = (m if memory else g) / (bracket(beta1, power(t)) if first else 1)
        mean_square = q / (bracket(beta2, power(t)) if second else 1)
        added = eps if eps_on else 0
        below = np.sqrt(mean_square + added) if inside else (np.sqrt(mean_square) if root else mean_square) + added
        theta = theta + sign * (learning_rate if rate else 1) * mean / below
        results = {"means": (theta, m, q), "corrected": (theta, mean, mean_square), "nothing": theta}
        return (results | {"last": (m, q, theta), "q first": (theta, q, m)})[keep]

    return wrong


def adam_in_place(theta, g, m, q, t, learning_rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m *= beta1
    m += (1 - beta1) * g
    q *= beta2
    q += (1 - beta2) * g**2
    return theta - learning_rate * m / (1 - beta1**t) / (np.sqrt(q / (1 - beta2**t)) + eps), m, q


def adam_old_state(theta, g, m, q, *rest):
    return nn.adam_step(theta, g, m, q, *rest)[0], m, q


def adam_short(theta, g, m, q, t, learning_rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, q = beta1 * m + (1 - beta1) * g, beta2 * q + (1 - beta2) * g**2
    return theta - learning_rate * np.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (np.sqrt(q) + eps), m, q


def adam_sums(theta, g, m, q, t, learning_rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m, q = beta1 * m + g, beta2 * q + g**2
    return theta - learning_rate * m / (1 - beta1**t) / (np.sqrt(q / (1 - beta2**t)) + eps), m, q
