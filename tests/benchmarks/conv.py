"""How fast the course's NumPy network is beside TensorFlow's: `python -m tests.benchmarks.conv`, about two minutes.

NumPy and TensorFlow each live in a process of their own, with two threads, and take turns: a round times both, one
after the other, the best of many calls each. What is printed is the median and the range over the rounds, of the
milliseconds and of the ratio within a round. Run it on an idle machine: on a busy one NumPy's two threads wait for each
other and lose far more than their share. `python -m tests.benchmarks.conv 1` gives each one thread: that can bear it.
"""

import functools
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

BATCH, ROUNDS, SECONDS = 64, 15, 0.15  # SECONDS: how long one round times one task of one library
LAYERS = {"28x28x1 -> 32": (28, 1, 32), "13x13x32 -> 64": (13, 32, 64)}
TASKS = [f"{way}: {layer}" for layer in LAYERS for way in ("forward", "backward")]
STEPS = ["train_on_batch", "tf.function"]  # both are Keras's network, the same one
THREADS = ["OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"]
AS_IN_THE_COURSE = {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "2"}


def arrays(layer: str):
    """X, K, b and a gradient dY of a 3x3 "valid" layer, float32."""
    import numpy as np

    size, channels, kernels = LAYERS[layer]
    rng = np.random.default_rng(0)
    shapes = (BATCH, size, size, channels), (3, 3, channels, kernels), (kernels,), (BATCH, size - 2, size - 2, kernels)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def digits_batch():
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.random((BATCH, 8, 8, 1), np.float32), rng.integers(0, 10, BATCH)


def four_loops(X, K) -> list:
    """`conv2d_loops` without NumPy's help: output pixels and weights one by one."""
    f, (height, width) = len(K), X.shape
    return [
        [sum(X[i + u, j + v] * K[u, v] for u in range(f) for v in range(f)) for j in range(width - f + 1)]
        for i in range(height - f + 1)
    ]


@functools.cache
def numpy_call(task: str) -> Callable:
    from helpers import nn

    if task in STEPS:
        layers = [nn.Conv2D(16, padding="same"), nn.ReLU(), nn.MaxPool2D()]
        layers += [nn.Conv2D(32, padding="same"), nn.ReLU(), nn.MaxPool2D(), nn.Flatten(), nn.Dense(10)]
        network, optimiser = nn.Sequential(layers, input_shape=(8, 8, 1)), nn.Adam()
        X, y = digits_batch()

        def step() -> None:
            network.loss_and_gradients(X, y)
            optimiser.step(network)

        return step
    way, layer = task.split(": ")
    X, K, b, dY = arrays(layer)
    if way == "four loops":
        return lambda: four_loops(X[0, :, :, 0], K[:, :, 0, 0])
    if way == "two loops":
        return lambda: nn.conv2d_loops(X[0, :, :, 0], K[:, :, 0, 0])
    return (lambda: nn.conv2d_backward(dY, X, K)) if way == "backward" else lambda: nn.conv2d(X, K, b)


@functools.cache
def tensorflow_call(task: str) -> Callable:
    import tensorflow as tf

    if task in STEPS:
        return keras_step(compiled=task == "tf.function")
    way, layer = task.split(": ")
    X, K, b, dY = map(tf.constant, arrays(layer))
    options = {"strides": [1, 1, 1, 1], "padding": "VALID"}

    @tf.function
    def forward():
        return tf.nn.bias_add(tf.nn.conv2d(X, K, **options), b)

    @tf.function
    def backward():
        dX = tf.raw_ops.Conv2DBackpropInput(input_sizes=X.shape, filter=K, out_backprop=dY, **options)
        dK = tf.raw_ops.Conv2DBackpropFilter(input=X, filter_sizes=K.shape, out_backprop=dY, **options)
        return dX, dK, tf.raw_ops.BiasAddGrad(out_backprop=dY)

    return backward if way == "backward" else forward


def keras_step(compiled: bool) -> Callable:
    """One training step of the network in `numpy_call`: Keras's own, or a hand-written one that TensorFlow compiles."""
    import keras
    import tensorflow as tf
    from keras import layers

    stack = [keras.Input((8, 8, 1))]
    for channels in (16, 32):
        stack += [layers.Conv2D(channels, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
    model = keras.Sequential([*stack, layers.Flatten(), layers.Dense(10)])
    loss, optimiser = keras.losses.SparseCategoricalCrossentropy(from_logits=True), keras.optimizers.Adam()
    X, y = digits_batch()
    if not compiled:
        model.compile(optimiser, loss)
        return lambda: model.train_on_batch(X, y)
    optimiser.build(model.trainable_variables)
    X, y = tf.constant(X), tf.constant(y)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            value = loss(y, model(X, training=True))
        optimiser.apply(tape.gradient(value, model.trainable_variables), model.trainable_variables)
        return value

    return step


def best(library: str, task: str) -> float:
    """Milliseconds of the fastest call in one round."""
    call = numpy_call(task) if library == "numpy" else tensorflow_call(task)
    call()
    fastest, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        started = time.perf_counter()
        call()
        fastest = min(fastest, time.perf_counter() - started)
    return 1000 * fastest


def spread(values: list[float], form: str = "6.2f") -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form.strip('6')}} to {max(values):{form.strip('6')}})"


def main(threads: str = "2") -> None:
    os.environ.update(dict.fromkeys(THREADS, threads) | AS_IN_THE_COURSE)
    new = functools.partial(ProcessPoolExecutor, 1, get_context("spawn"))
    with new() as numpy, new() as tensorflow:
        print(f"batch {BATCH}, float32, threads each: {threads}, {ROUNDS} rounds: median (range)")
        print(f"{'':<25} {'NumPy ms':<24} {'TensorFlow ms':<24} NumPy / TensorFlow")
        for task in TASKS + STEPS:
            ours, theirs = [], []
            for _ in range(ROUNDS + 1):
                ours.append(numpy.submit(best, "numpy", task).result())
                theirs.append(tensorflow.submit(best, "tensorflow", task).result())
            del ours[0], theirs[0]  # the round that imports and traces
            ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
            name = f"step, {task}" if task in STEPS else task
            print(f"{name:<25} {spread(ours):<24} {spread(theirs):<24} {spread(ratios)}", flush=True)
        layer = next(iter(LAYERS))
        pairs = LAYERS[layer][-1] * BATCH
        for way in ("four loops", "two loops"):
            ratios = []
            for _ in range(ROUNDS):
                loops, columns = (numpy.submit(best, "numpy", f"{w}: {layer}").result() for w in (way, "forward"))
                ratios.append(loops * pairs / columns)
            print(f"{way} / columns, {layer}, {pairs} pairs of image and kernel: {spread(ratios, '.0f')}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
