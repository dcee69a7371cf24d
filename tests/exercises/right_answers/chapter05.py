"""Other right answers to the exercises of chapter 05."""

import numpy as np
from scipy import stats


def _sgd_entries(theta, g, learning_rate):
    out = np.empty_like(theta)
    for place in np.ndindex(theta.shape):
        out[place] = theta[place] - learning_rate * g[place]
    return out


def _sgd_sum(theta, g, learning_rate):
    return np.add(theta, -g * learning_rate)


def _train_shuffle(theta, gradient, X, y, epochs, batch_size, learning_rate, rng):
    theta, places = theta.copy(), None
    for _ in range(epochs):
        places = np.arange(len(X))
        rng.shuffle(places)
        X_new, y_new = X[places], y[places]
        for k in range(int(np.ceil(len(X) / batch_size))):
            part = slice(k * batch_size, (k + 1) * batch_size)
            theta -= learning_rate * gradient(theta, X_new[part], y_new[part])
    return theta


def _train_while(theta, gradient, X, y, epochs, batch_size, learning_rate, rng):
    epoch = 0
    while epoch < epochs:
        left = list(rng.permutation(len(y)))
        while left:
            batch, left = left[:batch_size], left[batch_size:]
            theta = theta - gradient(theta, X[batch], y[batch]) * learning_rate
        epoch += 1
    return theta


def _train_shuffled_on(theta, gradient, X, y, epochs, batch_size, learning_rate, rng):
    order = np.arange(len(y))
    for _ in range(epochs):
        rng.shuffle(order)
        for start in range(0, len(y), batch_size):
            batch = order[start : start + batch_size]
            theta = theta - learning_rate * gradient(theta, X[batch], y[batch])
    return theta


def _train_sets_shuffled(theta, gradient, X, y, epochs, batch_size, learning_rate, rng):
    for _ in range(epochs):
        order = rng.permutation(len(y))
        X, y = X[order], y[order]
        for start in range(0, len(y), batch_size):
            batch = slice(start, start + batch_size)
            theta = theta - learning_rate * gradient(theta, X[batch], y[batch])
    return theta


def _momentum_list(theta, g, m, learning_rate, beta=0.9):
    speed = g + m * beta
    return [theta + -learning_rate * speed, speed]


def _momentum_parts(theta, g, m, learning_rate, beta=0.9):
    kept = beta * m
    return theta - learning_rate * kept - learning_rate * g, kept + g


def _adam_moving(theta, g, m, q, t, learning_rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m = m + (1 - beta1) * (g - m)
    q = q + (1 - beta2) * (g * g - q)
    rate = learning_rate / (1 - beta1**t)
    return theta - rate * m / (np.sqrt(q) / np.sqrt(1 - beta2**t) + eps), m, q


def _adam_loops(theta, g, m, q, t, learning_rate, beta1=0.9, beta2=0.999, eps=1e-8):
    out = [np.zeros_like(theta) for _ in range(3)]
    for i in np.ndindex(theta.shape):
        out[1][i] = beta1 * m[i] + (1 - beta1) * g[i]
        out[2][i] = beta2 * q[i] + (1 - beta2) * g[i] ** 2
        above, below = out[1][i] / (1 - beta1**t), (out[2][i] / (1 - beta2**t)) ** 0.5 + eps
        out[0][i] = theta[i] - learning_rate * above / below
    return tuple(out)


def _he_scaled(shape, rng):
    fan_in = 1
    for size in shape[:-1]:
        fan_in *= size
    return rng.standard_normal(shape) * (2 / fan_in) ** 0.5


def _he_uniform(shape, rng):
    edge = np.sqrt(6 / np.prod(shape[:-1]))
    return rng.uniform(-edge, edge, shape)


def _dropout_copy(X, drop, rng):
    out = X / (1 - drop)
    out[rng.random(X.shape) < drop] = 0
    return out


def _dropout_choice(X, drop, rng):
    return X * rng.choice([0.0, 1 / (1 - drop)], size=X.shape, p=[drop, 1 - drop])


def _dropout_binomial(X, drop, rng):
    return np.where(rng.binomial(1, 1 - drop, X.shape) == 1, X / (1 - drop), 0.0)


def _sgd_weighted_sum(theta, g, learning_rate):
    return np.einsum("k,k...->...", [1.0, -learning_rate], np.stack([theta, g]))


def _momentum_entries(theta, g, m, learning_rate, beta=0.9):
    new_m = np.zeros(m.shape)
    new_theta = np.zeros(theta.shape)
    for k in np.ndindex(theta.shape):
        new_m[k] = beta * m[k] + g[k]
        new_theta[k] = theta[k] - learning_rate * new_m[k]
    return new_theta, new_m


def _adam_one_rate(theta, g, m, q, t, learning_rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m = m + (1 - beta1) * (g - m)
    q = q + (1 - beta2) * (g * g - q)
    root = (1 - beta2**t) ** 0.5
    return theta - learning_rate * root / (1 - beta1**t) * m / (np.sqrt(q) + eps * root), m, q


def _he_unit_by_unit(shape, rng):
    *before, units = shape
    sd = np.sqrt(2 / np.prod(before))
    return np.stack([rng.normal(scale=sd, size=before) for _ in range(units)], axis=-1)


def _he_truncated(shape, rng):
    """As Keras does it: nothing beyond two standard deviations, made wider for what is cut off."""
    sd = (2 / np.prod(shape[:-1])) ** 0.5 / stats.truncnorm.std(-2, 2)
    return stats.truncnorm.rvs(-2, 2, scale=sd, size=shape, random_state=rng)


RIGHT = {
    "5.2": [_sgd_entries, _sgd_sum, _sgd_weighted_sum],
    "5.4": [_train_shuffle, _train_while, _train_shuffled_on, _train_sets_shuffled],
    "5.5": [_momentum_list, _momentum_parts, _momentum_entries],
    "5.6": [_adam_moving, _adam_loops, _adam_one_rate],
    "5.7": [_he_scaled, _he_uniform, _he_unit_by_unit, _he_truncated],
    "5.11": [_dropout_copy, _dropout_choice, _dropout_binomial],
}
