"""The layers of `helpers.nn`, forward and backward, against TensorFlow and against finite differences."""

import os

import numpy as np
import pytest

from helpers import nn

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
tf = pytest.importorskip("tensorflow")

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
CHECKED = 1e-7  # a gradient and its finite differences, norm-wise, in float64
CASES = 200


def same(ours, theirs, dtype: str, where) -> None:
    """One shape, the dtype that went in, and max|diff| / max|ref| within the tolerance."""
    theirs = np.asarray(theirs)
    assert (ours.shape, ours.dtype) == (theirs.shape, dtype), where
    gap, size = np.abs(ours - theirs).max(), np.abs(theirs).max()
    assert gap <= TOLERANCE[dtype] * size, f"{gap / size if size else gap:.1e} at {where}"


def drawn(rng, dtype: str, *shape: int) -> np.ndarray:
    """Random numbers that nobody may write to."""
    values = rng.normal(size=shape).astype(dtype)
    values.setflags(write=False)
    return values


def whole(rng, low: int, high: int, count: int = 2) -> tuple[int, ...]:
    return tuple(int(k) for k in rng.integers(low, high + 1, count))


def dilated(K: np.ndarray, rates: tuple[int, int]) -> np.ndarray:
    """K with zeros written between its weights: TensorFlow has no CPU gradient for a dilated convolution."""
    kh, kw, *channels = K.shape
    written_out = np.zeros((rates[0] * (kh - 1) + 1, rates[1] * (kw - 1) + 1, *channels), K.dtype)
    written_out[:: rates[0], :: rates[1]] = K
    return written_out


def geometry(rng) -> dict:
    """A random convolution whose kernel fits into its padded image."""
    while True:
        size, kernel, stride, dilation = whole(rng, 1, 13), whole(rng, 1, 4), whole(rng, 1, 3), whole(rng, 1, 3)
        amount = (whole(rng, 0, 3), whole(rng, 0, 3))
        padding = [0, 2, "valid", "same", amount][rng.integers(5)]
        sides = {0: ((0, 0), (0, 0)), 2: ((2, 2), (2, 2)), "valid": ((0, 0), (0, 0)), amount: amount}.get(padding)
        if rng.random() < 0.5:  # one number for both axes
            stride, dilation = (stride[0],) * 2, (dilation[0],) * 2
        covered = [r * (f - 1) + 1 for r, f in zip(dilation, kernel, strict=True)]
        if sides is None or all(c <= n + sum(s) for c, n, s in zip(covered, size, sides, strict=True)):
            channels = {"N": rng.integers(1, 4), "C_in": rng.integers(1, 5), "C_out": rng.integers(1, 5)}
            words = {"stride": stride, "padding": padding, "dilation": dilation}
            return {"size": size, "kernel": kernel, "sides": sides, **channels, "words": words}


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_convolution_equals_tensorflow(dtype):
    rng = np.random.default_rng(0)
    for _ in range(CASES):
        g = geometry(rng)
        words = {key: v[0] if key != "padding" and v[0] == v[1] else v for key, v in g["words"].items()}
        X, K = drawn(rng, dtype, g["N"], *g["size"], g["C_in"]), drawn(rng, dtype, *g["kernel"], g["C_in"], g["C_out"])
        b = drawn(rng, dtype, g["C_out"])
        variables = tf.constant(X), tf.constant(dilated(K, g["words"]["dilation"])), tf.constant(b)
        with tf.GradientTape() as tape:
            tape.watch(variables)
            image = tf.pad(variables[0], ((0, 0), *(g["sides"] or ((0, 0), (0, 0))), (0, 0)))
            padding = "VALID" if g["sides"] else "SAME"
            without = tf.nn.conv2d(image, variables[1], g["words"]["stride"], padding)
            Y = tf.nn.bias_add(without, variables[2])
        same(nn.conv2d(X, K, b, **words), Y, dtype, g)
        same(nn.conv2d(X, K, None, **words), without, dtype, g)
        dY = drawn(rng, dtype, *Y.shape)
        dX, dK, db = tape.gradient(Y, variables, dY)
        ours = nn.conv2d_backward(dY, X, K, **words)
        rows, columns = g["words"]["dilation"]
        for name, mine, theirs in zip(("dX", "dK", "db"), ours, (dX, dK[::rows, ::columns], db), strict=True):
            same(mine, theirs, dtype, (name, g))


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_dilation_equals_tensorflows_own_forward(dtype):
    rng = np.random.default_rng(1)
    for rate in (1, 2, 3):
        for padding in ("valid", "same"):
            X, K = drawn(rng, dtype, 2, 11, 9, 3), drawn(rng, dtype, 3, 2, 3, 4)
            Y = tf.nn.conv2d(X, K, 1, padding.upper(), dilations=rate)
            same(nn.conv2d(X, K, None, padding=padding, dilation=rate), Y, dtype, (rate, padding))


POOLINGS = {
    "max": (nn.max_pool2d, nn.max_pool2d_backward, tf.nn.max_pool2d),
    "average": (nn.average_pool2d, nn.average_pool2d_backward, tf.nn.avg_pool2d),
}


@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
@pytest.mark.parametrize("kind", POOLINGS)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_pooling_equals_tensorflow(dtype, kind, ties):
    """With ties, among few whole numbers: the gradient goes where TensorFlow sends it."""
    forward, backward, theirs = POOLINGS[kind]
    rng = np.random.default_rng(2)
    for _ in range(CASES):
        (rows, columns), stride = whole(rng, 1, 4), whole(rng, 1, 4)
        N, C, height, width = rng.integers(1, 4), rng.integers(1, 4), *(rng.integers(0, 9, 2) + (rows, columns))
        X = drawn(rng, dtype, N, height, width, C)
        X = np.round(X) if ties else X
        words = {"size": (rows, columns), "stride": stride}
        if rng.random() < 0.5:
            words = {"size": min(rows, columns), "stride": stride[0]}
        image = tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(image)
            Y = theirs(image, words["size"], words["stride"], "VALID")
        same(forward(X, **words), Y, dtype, (X.shape, words))
        dY = drawn(rng, dtype, *Y.shape)
        same(backward(dY, X, **words), tape.gradient(Y, image, dY), dtype, (X.shape, words))


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_dense_relu_and_softmax_cross_entropy_equal_tensorflow(dtype):
    rng = np.random.default_rng(3)
    for _ in range(CASES):
        N, D, M = whole(rng, 1, 20, 3)
        X, W, b = drawn(rng, dtype, N, D), drawn(rng, dtype, D, M), drawn(rng, dtype, M)
        y = rng.integers(0, M, N)
        variables = [tf.constant(values) for values in (X, W, b)]
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(variables)
            A = variables[0] @ variables[1] + variables[2]
            H = tf.nn.relu(A)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, A)
            loss = tf.reduce_mean(losses)
        where = (N, D, M)
        ours = nn.dense_forward(X, W, b)
        same(ours, A, dtype, where)
        assert abs(nn.cross_entropy(ours, y) - loss) <= TOLERANCE[dtype] * max(float(loss), 1), where
        same(nn.softmax(ours), tf.nn.softmax(A), dtype, where)
        if M > 1:  # over one class there is nothing to decide: both gradients are rounding
            same(nn.softmax_cross_entropy_backward(ours, y), tape.gradient(loss, A), dtype, where)
        dH = drawn(rng, dtype, N, M)
        dA = nn.relu_backward(dH, ours)
        same(nn.relu(ours), H, dtype, where)
        same(dA, tape.gradient(H, A, dH), dtype, where)
        for mine, theirs in zip(nn.dense_backward(dA, X, W), tape.gradient(H, variables, dH), strict=True):
            same(mine, theirs, dtype, where)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_batch_norm_and_mean_squared_error_equal_keras(dtype):
    rng = np.random.default_rng(4)
    for shape in [(20, 5), (4, 6, 5, 3)]:
        X, gain, shift = drawn(rng, dtype, *shape) * 3 + 1, drawn(rng, dtype, shape[-1]), drawn(rng, dtype, shape[-1])
        layer = tf.keras.layers.BatchNormalization(dtype=dtype)
        layer.build((None, *shape[1:]))
        layer.gamma.assign(gain)
        layer.beta.assign(shift)
        image = tf.constant(X)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(image)
            Y = layer(image, training=True)
        dY = drawn(rng, dtype, *shape)
        same(nn.batch_norm(X, gain, shift), Y, dtype, shape)
        for mine, theirs in zip(
            nn.batch_norm_backward(dY, X, gain),
            tape.gradient(Y, [image, layer.gamma.value, layer.beta.value], dY),
            strict=True,
        ):
            same(mine, theirs, dtype, shape)
        T = drawn(rng, dtype, *shape)
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = tf.reduce_mean((image - T) ** 2)
        assert nn.mean_squared_error(X, T) == pytest.approx(float(loss), rel=TOLERANCE[dtype])
        same(nn.mean_squared_error_backward(X, T), tape.gradient(loss, image), dtype, shape)


def numeric(f, X: np.ndarray) -> np.ndarray:
    return nn.numerical_gradient(f, X)


def test_the_numerical_gradient_is_that_of_known_functions():
    X = np.random.default_rng(0).normal(size=(3, 4, 2))
    X.setflags(write=False)
    gradient = numeric(lambda X: np.sin(X).sum() + X[0, 0, 0] * X[1, 1, 1], X)
    true = np.cos(X)
    true[0, 0, 0] += X[1, 1, 1]
    true[1, 1, 1] += X[0, 0, 0]
    assert gradient.dtype == np.float64
    assert np.abs(gradient - true).max() < 1e-9
    exact = nn.numerical_gradient(lambda X: float((X**2).sum()), np.array([1.0, -2.0]), step=0.5)
    assert exact.tolist() == [2, -4]  # central differences know a parabola at any step
    assert nn.numerical_gradient(lambda X: float((X**3).sum()), np.zeros(1, np.float32), step=0.5)[0] == 0.25


def test_the_relative_error_is_norm_wise():
    a = np.array([[3.0, 0.0], [0.0, 4.0]])
    assert nn.relative_error(a, a) == 0
    assert nn.relative_error(a, -a) == 1
    assert nn.relative_error(np.zeros(3), np.zeros(3)) == 0
    assert nn.relative_error(a, 3 * a) == pytest.approx(10 / 20)
    assert nn.relative_error(a + [[0, 1e-9], [0, 0]], a) == pytest.approx(
        1e-10
    )  # one bad small entry is not a bad tensor


def distinct(rng, *shape: int) -> np.ndarray:
    """Numbers that lie at least 0.02 apart and 0.01 from 0: no kink and no tie within reach of a finite difference."""
    count = int(np.prod(shape))
    return ((rng.permutation(count) - count // 2 + 0.5) * 0.02).reshape(shape)


def pairs() -> dict:
    """Every forward function with its backward: (forward, backward, the arrays that get a gradient)."""
    rng = np.random.default_rng(5)
    X, K, b = distinct(rng, 2, 7, 6, 3), rng.normal(size=(3, 2, 3, 4)), rng.normal(size=4)
    rows, W = distinct(rng, 6, 5), rng.normal(size=(5, 4))
    gain, shift = rng.normal(size=3), rng.normal(size=3)
    slid = {"stride": 2, "padding": ((1, 0), (0, 2)), "dilation": (2, 1)}
    over = {"size": 3, "stride": 2}

    def with_norm(dY, X, gain, shift):
        return nn.batch_norm_backward(dY, X, gain)

    return {
        "relu": (nn.relu, nn.relu_backward, [rows]),
        "dense": (nn.dense_forward, lambda dA, X, W, b: nn.dense_backward(dA, X, W), [rows, W, b]),
        "conv2d": (nn.conv2d, lambda dY, X, K, b: nn.conv2d_backward(dY, X, K), [X, K, b]),
        "conv2d, stride, padding, dilation": (
            lambda X, K, b: nn.conv2d(X, K, b, **slid),
            lambda dY, X, K, b: nn.conv2d_backward(dY, X, K, **slid),
            [X, K, b],
        ),
        "max_pool2d": (nn.max_pool2d, nn.max_pool2d_backward, [X]),
        "max_pool2d, windows overlap": (
            lambda X: nn.max_pool2d(X, **over),
            lambda dY, X: nn.max_pool2d_backward(dY, X, **over),
            [X],
        ),
        "average_pool2d": (nn.average_pool2d, nn.average_pool2d_backward, [X]),
        "batch_norm of rows": (nn.batch_norm, with_norm, [rows[:, :3], gain, shift]),
        "batch_norm of images": (nn.batch_norm, with_norm, [X, gain, shift]),
    }


@pytest.mark.parametrize("name", pairs())
def test_every_backward_function_equals_finite_differences(name):
    forward, backward, arrays = pairs()[name]
    dY = np.random.default_rng(6).normal(size=forward(*arrays).shape)
    gradients = backward(dY, *arrays)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    assert len(gradients) == len(arrays)
    for k, gradient in enumerate(gradients):
        numbers = numeric(lambda moved, k=k: (forward(*arrays[:k], moved, *arrays[k + 1 :]) * dY).sum(), arrays[k])
        assert nn.relative_error(gradient, numbers) < CHECKED, (name, k)


def test_the_gradients_of_the_losses_equal_finite_differences():
    rng = np.random.default_rng(7)
    Z, T, y = rng.normal(0, 3, size=(5, 4)), rng.normal(size=(5, 4)), np.array([0, 3, 1, 1, 2])
    losses = [
        (lambda Z: nn.cross_entropy(Z, y), nn.softmax_cross_entropy_backward(Z, y)),
        (lambda Y: nn.mean_squared_error(Y, T), nn.mean_squared_error_backward(Z, T)),
    ]
    for loss, gradient in losses:
        assert nn.relative_error(gradient, numeric(loss, Z)) < CHECKED


IMAGES, ROWS = (2, 7, 6, 3), (6, 5)
LAYERS = {
    "Dense": (lambda: nn.Dense(4), ROWS),
    "Conv2D": (lambda: nn.Conv2D(4), IMAGES),
    "Conv2D, all options": (lambda: nn.Conv2D(4, (2, 3), stride=(2, 1), padding="same", dilation=2), IMAGES),
    "ReLU": (nn.ReLU, ROWS),
    "MaxPool2D": (nn.MaxPool2D, IMAGES),
    "MaxPool2D, windows overlap": (lambda: nn.MaxPool2D(3, 1), IMAGES),
    "AveragePool2D": (lambda: nn.AveragePool2D(2), IMAGES),
    "Flatten": (nn.Flatten, IMAGES),
    "Dropout": (lambda: nn.Dropout(0.4), ROWS),
    "BatchNorm of rows": (nn.BatchNorm, ROWS),
    "BatchNorm of images": (nn.BatchNorm, IMAGES),
}


@pytest.mark.parametrize("training", [False, True], ids=["in use", "training"])
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_passes_the_gradient_check(name, training):
    make, shape = LAYERS[name]
    layer, rng = make(), np.random.default_rng(8)
    output_shape = layer.build(shape[1:], rng)
    X = distinct(rng, *shape)
    for values in layer.parameters.values():  # biases and gains that are not 0 and 1
        values += rng.normal(size=values.shape)
    if name.startswith("BatchNorm"):
        layer.forward(3 * X + 1, training=True)  # so that the running mean and variance are not 0 and 1 either

    def forward(X):
        layer.rng = np.random.default_rng(9)  # dropout drops the same entries every time
        return layer.forward(X, training)

    Y = forward(X)
    assert Y.shape == (shape[0], *output_shape)
    dY = rng.normal(size=Y.shape)
    dX = layer.backward(dY)
    gradients = dict(layer.gradients)
    assert set(gradients) == set(layer.parameters)
    assert nn.relative_error(dX, numeric(lambda X: (forward(X) * dY).sum(), X)) < CHECKED
    for key, values in layer.parameters.items():

        def loss(moved, key=key):
            layer.parameters[key] = moved
            return (forward(X) * dY).sum()

        assert nn.relative_error(gradients[key], numeric(loss, values)) < CHECKED, key
        layer.parameters[key] = values


def test_conv2d_loops_equals_conv2d_of_one_image():
    rng = np.random.default_rng(10)
    for _ in range(20):
        f = int(rng.integers(1, 5))
        X, K = drawn(rng, "float64", *(rng.integers(0, 8, 2) + f)), drawn(rng, "float64", f, f)
        same(nn.conv2d_loops(X, K), nn.conv2d(X[None, ..., None], K[..., None, None], None)[0, ..., 0], "float64", f)


def test_columns_holds_each_patch_as_one_row():
    X = np.arange(2.0 * 5 * 4 * 3).reshape(2, 5, 4, 3)
    rows = nn.columns(X, (3, 2), stride=(2, 1))
    assert rows.shape == (2, 2, 3, 18)
    for i in range(2):
        for j in range(3):
            assert np.array_equal(rows[:, i, j], X[:, 2 * i : 2 * i + 3, j : j + 2].reshape(2, -1))


def test_the_output_size_is_that_of_the_output():
    rng = np.random.default_rng(11)
    tried = 0
    while tried < CASES:
        size, f, stride, padding, dilation = (int(rng.integers(low, 9)) for low in (1, 1, 1, 0, 1))
        if dilation * (f - 1) + 1 > size + 2 * padding:
            with pytest.raises(ValueError, match="kernel"):
                nn.output_size(size, f, stride, padding, dilation)
            continue
        tried += 1
        Y = nn.conv2d(np.ones((1, size, size, 1)), np.ones((f, f, 1, 1)), None, stride, padding, dilation)
        assert nn.output_size(size, f, stride, padding, dilation) == Y.shape[1]


def test_flatten_reads_row_by_row_as_keras():
    X = np.arange(24.0).reshape(2, 3, 2, 2)
    assert np.array_equal(nn.flatten(X), tf.keras.layers.Flatten()(X))


@pytest.mark.parametrize("drop", [0.0, 0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(drop):
    """Share and mean lie within five standard errors of what they should be: once in a million by chance."""
    count = 200_000
    X = np.ones((200, 1000), np.float32)
    Y = nn.dropout(X, drop, np.random.default_rng(12))
    assert Y.dtype == np.float32
    assert abs((Y == 0).mean() - drop) <= 5 * np.sqrt(drop * (1 - drop) / count)
    assert abs(Y.mean() - 1) <= 5 * np.sqrt(drop / (1 - drop) / count) + 1e-6
    assert np.allclose(Y[Y != 0], 1 / (1 - drop), rtol=1e-6)
    assert np.array_equal(Y, nn.dropout(X, drop, np.random.default_rng(12)))
    assert drop == 0 or not np.array_equal(Y, nn.dropout(X, drop, np.random.default_rng(13)))


@pytest.mark.parametrize(("shape", "fan_in", "fan_out"), [((60, 40), 60, 40), ((3, 2, 8, 20), 48, 120)])
def test_initial_weights_have_the_variance_of_their_rule(shape, fan_in, fan_out):
    """Over 40 seeds; five standard errors of a variance, which for n normal numbers is sqrt(2 / n) of it."""
    he, glorot = (
        np.stack([f(shape, np.random.default_rng(s)) for s in range(40)]) for f in (nn.he_init, nn.glorot_init)
    )
    near = 5 * np.sqrt(2 / he.size)
    assert he.var() == pytest.approx(2 / fan_in, rel=near)
    assert glorot.var() == pytest.approx(2 / (fan_in + fan_out), rel=near)
    edge = np.sqrt(6 / (fan_in + fan_out))
    assert 0.999 * edge < np.abs(glorot).max() <= edge
    kurtosis = (he**4).mean() / he.var() ** 2
    assert kurtosis == pytest.approx(3, abs=5 * np.sqrt(24 / he.size))  # a normal distribution; uniform has 1.8
    for sample in (he, glorot):
        assert abs(sample.mean()) < 5 * np.sqrt(sample.var() / sample.size)


def test_layers_start_as_their_rule_says():
    rng = np.random.default_rng(14)
    for layer, shape, key in (
        (nn.Dense(50, init="glorot"), (60,), "W"),
        (nn.Conv2D(50, init="glorot"), (8, 8, 20), "K"),
    ):
        layer.build(shape, rng)
        fans = 110 if key == "W" else 9 * 70
        assert 0.98 < np.abs(layer.parameters[key]).max() / np.sqrt(6 / fans) <= 1
        assert not layer.parameters["b"].any()
    layer = nn.Dense(200)
    layer.build((300,), rng)
    assert layer.parameters["W"].var() == pytest.approx(2 / 300, rel=5 * np.sqrt(2 / 60_000))
