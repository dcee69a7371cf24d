"""What `helpers.nn` says to arguments that do not fit: which one, what was expected, what came."""

import re

import numpy as np
import pytest

from helpers import nn

RNG = np.random.default_rng(0)
X, K, b = RNG.normal(size=(2, 6, 5, 3)), RNG.normal(size=(3, 2, 3, 4)), RNG.normal(size=4)
dY, pooled = RNG.normal(size=(2, 4, 4, 4)), RNG.normal(size=(2, 3, 2, 3))
rows, W, dA = RNG.normal(size=(7, 5)), RNG.normal(size=(5, 4)), RNG.normal(size=(7, 4))
Z, y, gain = RNG.normal(size=(7, 4)), np.array([0, 1, 2, 3, 0, 1, 2]), RNG.normal(size=3)

# Every function with arguments that fit, by name
GOOD = {
    nn.conv2d_loops: {"X": X[0, :, :, 0], "K": np.ones((3, 3))},
    nn.columns: {"X": X, "kernel_size": 3, "stride": 1, "padding": 0, "dilation": 1},
    nn.conv2d: {"X": X, "K": K, "b": b, "stride": 1, "padding": 0, "dilation": 1},
    nn.conv2d_backward: {"dY": dY, "X": X, "K": K, "stride": 1, "padding": 0, "dilation": 1},
    nn.max_pool2d: {"X": X, "size": 2, "stride": 2},
    nn.max_pool2d_backward: {"dY": pooled, "X": X, "size": 2, "stride": 2},
    nn.average_pool2d: {"X": X, "size": 2, "stride": 2},
    nn.average_pool2d_backward: {"dY": pooled, "X": X, "size": 2, "stride": 2},
    nn.dense_forward: {"X": rows, "W": W, "b": b},
    nn.dense_backward: {"dA": dA, "X": rows, "W": W},
    nn.relu_backward: {"dH": rows, "A": rows},
    nn.cross_entropy: {"Z": Z, "y": y},
    nn.softmax_cross_entropy_backward: {"Z": Z, "y": y},
    nn.softmax: {"Z": Z},
    nn.log_softmax: {"Z": Z},
    nn.mean_squared_error: {"Y": Z, "T": Z},
    nn.mean_squared_error_backward: {"Y": Z, "T": Z},
    nn.batch_norm: {"X": X, "gain": gain, "shift": gain},
    nn.batch_norm_backward: {"dY": X, "X": X, "gain": gain},
    nn.dropout: {"X": X, "drop": 0.5, "rng": RNG},
    nn.flatten: {"X": X},
}


def refused(call, *words: str) -> str:
    """The call must end with a ValueError that says each of `words`, and what came."""
    with pytest.raises(ValueError) as error:  # noqa: PT011
        call()
    message = str(error.value)
    for word in (*words, "came"):
        assert re.search(rf"(?<!\w){re.escape(word)}(?!\w)", message), f"no {word!r} in: {message}"
    return message


def arrays(without=()) -> list:
    """Every function with the name of each of its arrays of floats."""
    return [
        pytest.param(f, name, id=f"{f.__name__}-{name}")
        for f, good in GOOD.items()
        for name, value in good.items()
        if f not in without and isinstance(value, np.ndarray) and value.dtype.kind == "f"
    ]


def test_the_arguments_called_good_are():
    for f, good in GOOD.items():
        f(**good)


@pytest.mark.parametrize(("f", "name"), arrays(without={nn.flatten, nn.dropout}))  # these two take any shape
def test_an_array_of_another_rank_is_refused(f, name):
    wrong = GOOD[f][name][None]
    entrywise = f in {nn.relu_backward, nn.mean_squared_error, nn.mean_squared_error_backward}  # either may be wrong
    refused(lambda: f(**GOOD[f] | {name: wrong}), str(wrong.shape), *([] if entrywise else [name]))


@pytest.mark.parametrize(("f", "name"), arrays(without={nn.conv2d_loops}))  # the loops take what they are given
def test_nan_and_infinity_are_refused_with_their_place(f, name):
    for bad in (np.nan, np.inf, -np.inf):
        values = GOOD[f][name].copy()
        values.flat[-1] = bad
        place = ", ".join(str(size - 1) for size in values.shape)
        with pytest.raises(nn.NotFinite, match=re.escape(f"{name} must be finite; {name}[{place}] is {bad}")):
            f(**GOOD[f] | {name: values})


def test_large_numbers_are_finite_though_their_sum_is_not():
    X = np.full((1, 4, 4, 1), 3e38, np.float32)
    assert nn.max_pool2d(X).max() == X.max()


@pytest.mark.parametrize(("f", "name"), arrays(without={nn.conv2d_loops}))  # the loops take whole numbers too
def test_integers_and_lists_are_refused(f, name):
    refused(lambda: f(**GOOD[f] | {name: np.ones_like(GOOD[f][name], dtype=np.uint8)}), name, "uint8")
    refused(lambda: f(**GOOD[f] | {name: GOOD[f][name].tolist()}), name, "list")


@pytest.mark.parametrize(
    ("f", "name", "wrong", "word"),
    [
        (nn.conv2d, "K", K[:, :, :2], "(3, 2, 2, 4)"),
        (nn.conv2d, "b", b[:3], "(3,)"),
        (nn.conv2d_backward, "K", K[:, :, :2], "(3, 2, 2, 4)"),
        (nn.conv2d_backward, "dY", dY[:, 1:], "(2, 3, 4, 4)"),
        (nn.max_pool2d_backward, "dY", dY, "(2, 4, 4, 4)"),
        (nn.average_pool2d_backward, "dY", pooled[:1], "(1, 3, 2, 3)"),
        (nn.dense_forward, "X", rows[:, :4], "(7, 4)"),
        (nn.dense_forward, "b", b[:1], "(1,)"),
        (nn.dense_backward, "dA", dA[:6], "(6, 4)"),
        (nn.relu_backward, "A", rows[:1], "(1, 5)"),
        (nn.mean_squared_error, "T", Z[:, :1], "(7, 1)"),
        (nn.mean_squared_error_backward, "T", Z[0], "(4,)"),
        (nn.batch_norm, "shift", gain[:1], "(1,)"),
        (nn.batch_norm_backward, "dY", X[:1], "(1, 6, 5, 3)"),
        (nn.conv2d, "X", X[:0], "(0, 6, 5, 3)"),
        (nn.dense_forward, "X", rows[:0], "(0, 5)"),
    ],
)
def test_sizes_that_do_not_match_are_refused_where_numpy_would_stretch_them(f, name, wrong, word):
    refused(lambda: f(**GOOD[f] | {name: wrong}), name, word)


@pytest.mark.parametrize("wrong", [0, -1, 1.0, True, "2", (1, 0), (1, 1, 1), None])
def test_steps_and_windows_are_whole_numbers_from_1_on(wrong):
    for f in (nn.columns, nn.conv2d, nn.conv2d_backward):
        for name in ("stride", "dilation"):
            refused(lambda f=f, name=name: f(**GOOD[f] | {name: wrong}), name)
    refused(lambda: nn.columns(X, wrong), "kernel_size")
    for f in (nn.max_pool2d, nn.max_pool2d_backward, nn.average_pool2d, nn.average_pool2d_backward):
        for name in ("size", "stride"):
            refused(lambda f=f, name=name: f(**GOOD[f] | {name: wrong}), name)
    for name in ("size", "kernel_size", "stride", "dilation"):
        refused(lambda name=name: nn.output_size(**{"size": 9, "kernel_size": 3} | {name: wrong}), name)


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "full", (1, 2), ((1, 2), (3,)), ((0, 0), (0, -1)), None])
def test_padding_has_four_forms(wrong):
    for f in (nn.columns, nn.conv2d, nn.conv2d_backward):
        refused(lambda f=f: f(**GOOD[f] | {"padding": wrong}), "padding")
    if not isinstance(wrong, int) or wrong != 0:
        refused(lambda: nn.output_size(9, 3, padding=wrong), "padding")


def test_a_kernel_or_window_larger_than_the_padded_image_is_refused():
    refused(lambda: nn.conv2d(X, np.ones((7, 1, 3, 1)), None), "padded image", "7 x 1", "6 x 5")
    refused(lambda: nn.conv2d(X, np.ones((3, 3, 3, 1)), None, dilation=3), "padded image", "7 x 7", "6 x 5")
    refused(lambda: nn.conv2d(X, np.ones((9, 1, 3, 1)), None, padding=1), "padded image", "9 x 1", "8 x 7")
    assert nn.conv2d(X, np.ones((8, 7, 3, 1)), None, padding=1).shape == (2, 1, 1, 1)
    refused(lambda: nn.conv2d_backward(dY, X, np.ones((7, 1, 3, 4))), "padded image")
    refused(lambda: nn.columns(X, 6), "padded image", "6 x 5")
    refused(lambda: nn.output_size(4, 5), "5", "4")
    refused(lambda: nn.conv2d_loops(np.ones((4, 9)), np.ones((5, 5))), "5", "4")
    for f in (nn.max_pool2d, nn.average_pool2d):
        refused(lambda f=f: f(X, 6), "6", "5")


def test_the_loops_take_one_image_and_one_square_kernel():
    refused(lambda: nn.conv2d_loops(X[0], np.ones((3, 3))), "X", "K", "(6, 5, 3)")
    refused(lambda: nn.conv2d_loops(X[0, :, :, 0], np.ones((3, 1))), "X", "K", "(3, 1)")


@pytest.mark.parametrize("f", [nn.cross_entropy, nn.softmax_cross_entropy_backward])
def test_labels_are_one_whole_number_a_row(f):
    refused(lambda: f(Z, np.eye(4)[y]), "y", "(7, 4)")
    refused(lambda: f(Z, y.astype(float)), "y", "float64")
    refused(lambda: f(Z, y[:, None]), "y", "(7, 1)")
    refused(lambda: f(Z, y[:6]), "y", "(6,)")
    refused(lambda: f(Z, y.tolist()), "y", "list")
    refused(lambda: f(Z, y + 1), "labels", "3", "4")
    refused(lambda: f(Z, y - 1), "labels", "-1")


@pytest.mark.parametrize("drop", [-0.1, 1.0, 1.5, np.nan])
def test_dropout_drops_less_than_everything(drop):
    refused(lambda: nn.dropout(rows, drop, RNG), "drop", repr(drop))
    refused(lambda: nn.Dropout(drop), "drop", repr(drop))


@pytest.mark.parametrize("init", [nn.he_init, nn.glorot_init])
def test_initial_weights_have_two_axes_or_four(init):
    for shape in [(5,), (3, 4, 5), (3, 0), (3, 3, 1, -1), (2.0, 3)]:
        refused(lambda shape=shape: init(shape, RNG), "shape")


def test_a_step_wants_everything_in_the_shape_of_theta():
    theta, column, none = np.ones(3), np.ones((3, 1)), np.zeros(3)
    refused(lambda: nn.sgd_step(theta, column, 0.1), "g", "(3,)", "(3, 1)")
    refused(lambda: nn.momentum_step(theta, column, none, 0.1), "g", "(3, 1)")
    refused(lambda: nn.momentum_step(theta, theta, column, 0.1), "m", "(3, 1)")
    refused(lambda: nn.rmsprop_step(theta, theta, column, 0.1), "q", "(3, 1)")
    refused(lambda: nn.adam_step(theta, theta, none, column, 1, 0.1), "q", "(3, 1)")
    refused(lambda: nn.adam_step(theta, theta, none, none, 0, 0.1), "t", "0")


def test_networks_on_paper_name_the_layer_that_does_not_fit():
    for layers in [[(3,)], [(3, 1, 1, 1)], [(3, 0)], [(0, 1)], [(3, 1, 0)], [(3.0, 1)]]:
        refused(lambda layers=layers: nn.receptive_field(layers), "layer")
    for layers in [[("conv", 3)], [("conv", 0, 3)], [("pool",)], [("dense", 2.5)], [("relu",)], [("dense", 3)]]:
        for f in (nn.layer_table, nn.count_parameters):
            refused(lambda f=f, layers=layers: f((8, 8, 1), [("conv", 2, 3), *layers]), layers[0][0])
    refused(lambda: nn.layer_table((8, 8, 1), [("flatten",), ("conv", 2, 3)]), "conv", "(64,)")
    refused(lambda: nn.layer_table((4, 4, 1), [("conv", 2, 5)]), "5", "4")


CLASSES = {
    "units": [lambda: nn.Dense(0), lambda: nn.Dense(2.0)],
    "channels": [lambda: nn.Conv2D(-1), lambda: nn.Conv2D("8")],
    "kernel_size": [lambda: nn.Conv2D(4, 0), lambda: nn.Conv2D(4, (3, 3, 3))],
    "init": [lambda: nn.Dense(3, init="zeros"), lambda: nn.Conv2D(3, init="normal")],
    "stride": [lambda: built(nn.Conv2D(4, stride=0)), lambda: built(nn.MaxPool2D(2, 0))],
    "dilation": [lambda: built(nn.Conv2D(4, dilation=0))],
    "padding": [lambda: built(nn.Conv2D(4, padding="full"))],
    "padded image": [
        lambda: built(nn.Conv2D(4, 9)),
        lambda: built(nn.MaxPool2D(9)),
        lambda: built(nn.AveragePool2D(9)),
    ],
    "size": [lambda: built(nn.MaxPool2D(0)), lambda: built(nn.AveragePool2D(0))],
    "dtype": [lambda: nn.Sequential([nn.Flatten()], (8, 8, 1), dtype="float16")],
}


def built(layer: nn.Layer) -> nn.Sequential:
    return nn.Sequential([layer, nn.Flatten(), nn.Dense(3)], (8, 8, 1))


@pytest.mark.parametrize(("word", "make"), [(word, make) for word, makes in CLASSES.items() for make in makes])
def test_a_layer_says_what_is_wrong_with_its_options_before_any_data(word, make):
    refused(make, word)


def test_layers_that_do_not_follow_each_other_are_refused():
    refused(lambda: nn.Sequential([], (8, 8, 1)), "layer")
    refused(lambda: nn.Sequential([nn.Conv2D(2), nn.Dense(3)], (8, 8, 1)), "Dense", "(6, 6, 2)")
    refused(lambda: nn.Sequential([nn.Flatten(), nn.Conv2D(2)], (8, 8, 1)), "Conv2D", "(64,)")
    refused(lambda: nn.Sequential([nn.Flatten(), nn.MaxPool2D()], (8, 8, 1)), "X", "N, H, W, C")


SINGLE = {
    "Dense": (nn.Dense(4), rows),
    "Conv2D": (nn.Conv2D(4), X),
    "MaxPool2D": (nn.MaxPool2D(), X),
    "AveragePool2D": (nn.AveragePool2D(), X),
    "Flatten": (nn.Flatten(), X),
    "Dropout": (nn.Dropout(0.5), rows),
    "BatchNorm": (nn.BatchNorm(), rows),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", SINGLE)
def test_a_layer_refuses_what_its_function_refuses(name, training):
    layer, good = SINGLE[name]
    layer.build(good.shape[1:], RNG)
    layer.forward(good, training)
    bad = good.copy()
    bad.flat[3] = np.nan
    with pytest.raises(nn.NotFinite, match=r"X\[.*\] is nan"):
        layer.forward(bad, training)
    refused(lambda: layer.forward(np.ones(good.shape, int), training), "X", "int64")
    if layer.parameters:
        refused(lambda: layer.forward(good[..., :-1], training), str(good[..., :-1].shape[-1]))


def small_network(**words) -> nn.Sequential:
    return nn.Sequential([nn.Conv2D(3), nn.ReLU(), nn.Flatten(), nn.Dense(4)], input_shape=(6, 5, 3), **words)


def test_a_network_refuses_what_does_not_fit():
    network, labels = small_network(), np.array([0, 3])
    nan = X.copy()
    nan[1, 0, 0, 0] = np.nan
    calls = [network.forward, network.predict, network.activations]
    for call in (*calls, lambda X: network.loss(X, labels), lambda X: network.loss_and_gradients(X, labels)):
        refused(lambda call=call: call(X[0]), "X", "(6, 5, 3)")
        refused(lambda call=call: call(X[:, :, :, :2]), "X", "(2, 6, 5, 2)")
        refused(lambda call=call: call(np.ones((2, 6, 5, 3), np.uint8)), "X", "uint8")
        with pytest.raises(nn.NotFinite, match=re.escape("X[1, 0, 0, 0] is nan")):
            call(nan)
    for call in (network.loss, network.loss_and_gradients):
        refused(lambda call=call: call(X, labels + 1), "labels", "4")
        refused(lambda call=call: call(X, np.eye(4)[labels]), "y", "(2, 4)")
    refused(lambda: nn.check_gradients(network, X, labels), "float64", "float32")


def test_parameters_are_set_whole_or_not_at_all():
    network = small_network()
    before = {name: values.copy() for name, values in network.parameters().items()}
    for wrong, word in [
        ({"9.K": np.ones(3)}, "9.K"),
        ({"0.K": np.ones((3, 3))}, "0.K"),
        ({"3.b": np.full(4, np.nan)}, "3.b"),
    ]:
        with pytest.raises(ValueError, match=re.escape(word)):
            network.set_parameters({"0.b": np.ones(3), **wrong})
        for name, values in network.parameters().items():
            assert np.array_equal(values, before[name]), (word, name)


def test_fit_refuses_the_data_before_the_first_step():
    network, optimiser, labels = small_network(), nn.SGD(0.1), np.array([0, 3])
    before = network.parameters()["0.K"].copy()

    def trained(X=X, y=labels, epochs=1, **words):
        return nn.fit(network, optimiser, X, y, epochs, **words)

    for wrong in ("Adam", nn.Adam):
        refused(lambda wrong=wrong: nn.fit(network, wrong, X, labels, 1), "optimiser", "Adam")
    refused(lambda: trained(epochs=0), "epochs", "0")
    refused(lambda: trained(batch_size=0), "batch_size", "0")
    refused(lambda: trained(y=labels[:1]), "y", "(1,)")
    refused(lambda: trained(y=[0, 3]), "y", "list")
    refused(lambda: trained(y=np.array([0, 4])), "labels", "4")
    refused(lambda: trained(X[:0], labels[:0]), "X", "(0, 6, 5, 3)")
    refused(lambda: trained(X[..., 0]), "X", "(2, 6, 5)")
    refused(lambda: trained(validation=(X, labels[:1])), "y", "(1,)")
    nan = X.copy()
    nan[-1] = np.nan
    for words in ({"X": nan}, {"validation": (nan, labels)}):
        with pytest.raises(nn.NotFinite, match=re.escape("X[1, 0, 0, 0] is nan")):
            trained(**words, batch_size=1, shuffle=False)
    assert np.array_equal(network.parameters()["0.K"], before)
    assert optimiser.t == 0
