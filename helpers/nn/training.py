"""Training a network, and checking its gradients. Taught in chapters 04 and 05."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from threadpoolctl import threadpool_limits

from helpers.nn.gradient_check import relative_error
from helpers.nn.inputs import NotFinite, check_array, check_logits, check_whole
from helpers.nn.losses import cross_entropy
from helpers.nn.network import Sequential
from helpers.nn.optimisers import Optimiser


@dataclass
class History:
    """What a training gave, one entry an epoch; `stopped` says why if it ended early.

    `loss` and `accuracy` are means over the batches of the epoch, seen while the network was learning; `val_loss` and
    `val_accuracy` are those of the validation set at the end of the epoch (empty without one).
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    stopped: str = ""


@threadpool_limits.wrap(limits=1, user_api="blas")  # small products end before a second thread has woken up
def fit(
    network: Sequential,
    optimiser: Optimiser,
    X: np.ndarray,
    y: np.ndarray,
    epochs: int,
    batch_size: int = 64,
    seed: int = 0,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    shuffle: bool = True,
) -> History:
    """Train `network` on X (N, ...) and labels y (N,), `epochs` times through, in batches.

    Parameters
    ----------
    batch_size : examples a step; the last batch of an epoch may be smaller
    seed : of the order of the examples
    validation : (X, y) that are measured after each epoch and never learned from
    shuffle : False takes the examples in the order they came, every epoch

    Returns
    -------
    history : a `History`. When the loss is no finite number any more the training ends, and `stopped` says so.

    Raises
    ------
    ValueError : X and y of different lengths, no examples, epochs or batch_size below 1, inputs that do not fit
    """
    if not isinstance(optimiser, Optimiser):
        raise ValueError(f"fit: optimiser must be one such as Adam(0.001), with its brackets; {optimiser!r} came.")
    check_whole("epochs", epochs, 1, "fit")
    check_whole("batch_size", batch_size, 1, "fit")
    for images, labels in [(X, y)] + [validation] * (validation is not None):  # what is found later is divergence
        check_array("X", images, ("N", *network.input_shape), "fit")
        check_logits(np.zeros((len(images), *network.shapes[-1])), labels, "fit")
    rng, history = np.random.default_rng(seed), History()
    for epoch in range(1, epochs + 1):
        order = rng.permutation(len(X)) if shuffle else np.arange(len(X))
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                loss, accuracy = _epoch(network, optimiser, X, y, order, batch_size)
                measured = None if validation is None else evaluate(network, *validation)
        except NotFinite as error:
            history.stopped = f"Stopped in epoch {epoch}: {error}"
            return history
        history.loss.append(loss)
        history.accuracy.append(accuracy)
        if measured is not None:
            history.val_loss.append(measured[0])
            history.val_accuracy.append(measured[1])
    return history


def _epoch(network, optimiser, X, y, order: np.ndarray, batch_size: int) -> tuple[float, float]:
    """One step for every batch; mean loss and share of right answers, each seen before its step."""
    loss = right = 0.0
    for start in range(0, len(X), batch_size):
        batch = order[start : start + batch_size]
        loss += network.loss_and_gradients(X[batch], y[batch], training=True) * len(batch) / len(X)
        right += (network.logits.argmax(axis=1) == y[batch]).sum() / len(X)
        optimiser.step(network)
    return float(loss), float(right)


def evaluate(network: Sequential, X: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Mean cross-entropy, and the share of X (N, ...) that comes out as y (N,) says."""
    Z = network.forward(X)
    return cross_entropy(Z, y), float((Z.argmax(axis=1) == y).mean())


def check_gradients(
    network: Sequential, X: np.ndarray, y: np.ndarray, step: float = 1e-5, entries: int = 50, seed: int = 0
) -> dict[str, float]:
    """Hold the gradients of every parameter against central differences of the loss.

    Parameters
    ----------
    step : how far a parameter is moved
    entries : at most so many entries of each parameter are tried, drawn with `seed`

    Returns
    -------
    errors : name of the parameter -> norm-wise relative error over the entries tried

    Raises
    ------
    ValueError : the network is not float64 (in float32 the differences drown in rounding)
    """
    if network.dtype != np.float64:
        raise ValueError(
            f'check_gradients must get a float64 network, Sequential(..., dtype="float64"); {network.dtype} came.'
        )
    network.loss_and_gradients(X, y)
    rng, errors = np.random.default_rng(seed), {}
    for name, values in network.parameters().items():
        chosen = rng.choice(values.size, size=min(entries, values.size), replace=False)
        numeric = [_slope(lambda: network.loss(X, y), values.reshape(-1), place, step) for place in chosen]
        errors[name] = relative_error(network.gradients()[name].reshape(-1)[chosen], np.array(numeric))
    return errors


def _slope(loss: Callable[[], float], flat: np.ndarray, place: int, step: float) -> float:
    """Central difference of `loss` in one entry of `flat`, which is a view of a parameter."""
    value = flat[place]
    flat[place] = value + step
    above = loss()
    flat[place] = value - step
    below = loss()
    flat[place] = value
    return (above - below) / (2 * step)
