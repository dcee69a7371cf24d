"""The classifiers of chapter 07: what they are, what training them does, and that they need no particular backend."""

import os
from pathlib import Path

import numpy as np
import pytest

from helpers import load
from helpers.metrics import auc
from helpers.models import (
    article_cnn,
    augmentation,
    batches,
    blocks,
    card,
    fit_classifier,
    keep,
    logits,
    shipped,
    small_cnn,
)
from tests.helpers.backends import ran

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
WIDTHS = (4, 8)
# Dark and bright images, 1 the bright ones, in the other order than their brightness is learned from
EASY = """
import numpy as np
rng = np.random.default_rng(0)
y = np.arange(64) % 2
X = np.clip(rng.normal(80 + 90 * y[:, None, None, None], 20, (64, 16, 16, 1)), 0, 255).astype(np.uint8)
"""


@pytest.fixture
def easy():
    space = {}
    exec(EASY, space)  # the same lines run below in a process with another backend
    return space["X"], space["y"]


def trained(easy, **options):
    import keras

    keras.utils.set_random_seed(0)
    model = small_cnn((16, 16, 1), WIDTHS)
    return model, fit_classifier(model, *easy, 8, **options)


def test_the_small_network_has_61073_parameters_at_every_size():
    assert {small_cnn((size, size, 1)).count_params() for size in (32, 64, 128)} == {61_073}
    shapes = [layer.output.shape[1:3] for layer in small_cnn((64, 64, 1)).layers if layer.name.startswith("conv")]
    assert shapes == [(32, 32), (16, 16), (8, 8), (4, 4)]
    first = small_cnn((28, 28, 1), first_stride=1).layers[1]
    assert first.output.shape[1:] == (28, 28, 16)


def test_the_article_s_network_has_three_blocks_and_two_dense_layers():
    kinds = [type(layer).__name__ for layer in article_cnn((64, 64, 1)).layers]
    assert kinds == ["Rescaling", *["Conv2D", "MaxPooling2D"] * 3, "Flatten", "Dense", "Dense"]


def test_both_give_one_logit_and_take_images_as_they_are():
    X = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1), dtype=np.uint8)
    for model in (article_cnn((32, 32, 1)), small_cnn((32, 32, 1))):
        assert model.output_shape == (None, 1)
        assert np.abs(logits(model, X)).max() < 10  # unscaled pixels would give logits in the hundreds


def test_augmentation_adds_no_weights_and_changes_nothing_at_test_time():
    plain, changed = small_cnn((32, 32, 1)), small_cnn((32, 32, 1), augmented=augmentation())
    changed.set_weights(plain.get_weights())
    X = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 1), dtype=np.uint8)
    assert np.array_equal(logits(plain, X), logits(changed, X))


def test_augmentation_mirrors_left_to_right_and_never_turns_upside_down():
    from keras import ops

    image = np.zeros((1, 20, 20, 1), np.float32)
    image[:, :8], image[:, :8, 12:] = 100, 200  # bright above, brightest at its right
    layers = augmentation()
    seen = set()
    for _ in range(40):
        changed = ops.convert_to_tensor(image)
        for layer in layers:
            changed = layer(changed, training=True)
        changed = ops.convert_to_numpy(changed)[0, ..., 0]
        assert changed[2:5].mean() > changed[15:18].mean()
        seen.add(bool(changed[3:5, :6].mean() > changed[3:5, 14:].mean()))
    assert seen == {False, True}


def test_blocks_hold_every_weight_once():
    model = small_cnn((32, 32, 1))
    parts = blocks(model)
    assert [len(part) for part in parts] == [2, 2, 2, 2, 1]
    assert sum(w.shape.num_elements() for part in parts for layer in part for w in layer.weights) == 61_073


@pytest.mark.parametrize("backend", ["tensorflow", "another"])
def test_an_epoch_has_every_example_once_each_epoch_in_a_new_order(backend, monkeypatch):
    import keras

    if backend == "another":
        monkeypatch.setattr(keras.backend, "backend", lambda: "another")
    X, y = np.arange(70).reshape(70, 1, 1, 1), np.arange(70)

    def epoch(data):
        given = data if backend == "tensorflow" else [data[k] for k in range(len(data))]
        pairs = [(np.array(images), np.array(labels)) for images, labels in given]
        assert [len(labels) for _, labels in pairs] == [32, 32, 6]
        assert all(np.array_equal(images.ravel(), labels) for images, labels in pairs)
        if backend == "another":
            data.on_epoch_end()
        return np.concatenate([labels for _, labels in pairs])

    data = batches(X, y, seed=3)
    first, second = epoch(data), epoch(data)
    assert sorted(first) == sorted(second) == list(range(70))
    assert not np.array_equal(first, second)
    assert np.array_equal(epoch(batches(X, y, seed=3)), first)
    assert np.array_equal(epoch(batches(X, y)), y)


def test_training_learns_and_records(easy):
    model, history = trained(easy)
    assert set(history) == {"loss", "auc"}
    assert len(history["loss"]) == 8
    assert history["loss"][-1] < history["loss"][0]
    scores = logits(model, easy[0])
    assert scores.shape == (64,)
    assert scores[easy[1] == 1].min() > scores[easy[1] == 0].max()


def test_the_best_epoch_of_the_last_quarter_is_taken_back(easy):
    X, y = easy
    model, history = trained(easy, validation=(X, 1 - y), learning_rate=0.03)  # what is learned makes this AUC fall
    assert history["val_auc"][-1] < 0.2
    assert auc(1 - y, logits(model, X)) == pytest.approx(max(history["val_auc"][6:]), abs=0.02)


def test_weights_raise_the_logits_of_the_class_they_favour(easy):
    X, y = easy
    noise = np.random.default_rng(1).permutation(y)  # nothing to learn but how common 1 is
    plain, _ = trained((X, noise), learning_rate=0.03)
    favoured, _ = trained((X, noise), weights={0: 1.0, 1: 20.0}, learning_rate=0.03)
    assert logits(favoured, X).mean() > logits(plain, X).mean() + 1


def test_the_same_seed_gives_the_same_network(easy):
    one, _ = trained(easy, seed=1)
    again, _ = trained(easy, seed=1)
    other, _ = trained(easy, seed=2)
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), again.get_weights(), strict=True))
    assert not np.array_equal(logits(one, easy[0]), logits(other, easy[0]))


def test_what_is_kept_comes_back_the_same(easy, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_KEEP", str(tmp_path / "kept"))
    model, _ = trained(easy)
    path = keep("easy", model, "# Easy\n\nFor tests.")
    assert path == tmp_path / "kept" / "easy.npz"
    again = shipped("easy", small_cnn((16, 16, 1), WIDTHS), path.parent)
    assert np.array_equal(logits(model, easy[0]), logits(again, easy[0]))
    assert card("easy", path.parent) == "# Easy\n\nFor tests.\n"
    with pytest.raises(ValueError, match="other shapes"):
        shipped("easy", small_cnn((16, 16, 1), (4, 9)), path.parent)
    with pytest.raises(ValueError, match="no network 'hard' ships with the course; there are easy"):
        shipped("hard", model, path.parent)


def test_a_learner_s_own_network_goes_to_the_cache_and_a_large_one_nowhere(own_places, monkeypatch):
    monkeypatch.delenv("COURSE_KEEP", raising=False)
    assert keep("easy", small_cnn((16, 16, 1), WIDTHS), "x") == own_places / "cache" / "models" / "easy.npz"
    with pytest.raises(ValueError, match="at most 2 MB of weights, got 5.1 MB"):
        keep("large", article_cnn((128, 128, 1), (16, 32, 80)), "x")


ELSEWHERE = f"""
{EASY}
import keras
from helpers.metrics import auc
from helpers.models import augmentation, fit_classifier, logits, small_cnn
keras.utils.set_random_seed(0)
model = small_cnn((16, 16, 1), (4, 8), augmented=augmentation())
before = auc(y, logits(model, X))
history = fit_classifier(model, X, y, 1, validation=(X, y), weights={{0: 1.0, 1: 1.0}}, batch_size=4)
print(len(history["loss"]), before, auc(y, logits(model, X)))
"""


def test_it_trains_on_jax():
    epochs, before, after = map(float, ran(ELSEWHERE, "jax")[-3:])
    assert epochs == 1
    assert after > 0.95 > before


@pytest.mark.long
@pytest.mark.skipif("COURSE_TEST_DATA" not in os.environ, reason="COURSE_TEST_DATA names no folder with real images")
def test_on_real_chest_x_rays_it_reaches_an_auc_of_095():
    """PneumoniaMNIST at 28 pixels, official split, five seeds; no mirroring, which would move the heart."""
    import keras

    path = Path(os.environ["COURSE_TEST_DATA"]) / "pneumoniamnist" / "pneumoniamnist_reconstructed.npz"
    train, val, test = (load("pneumoniamnist", split, path=path, unverified=True) for split in ("train", "val", "test"))
    found = []
    for seed in range(5):
        keras.utils.set_random_seed(seed)
        model = small_cnn((28, 28, 1), first_stride=1)
        fit_classifier(model, train.images, train.labels, 6, validation=(val.images, val.labels), seed=seed)
        found.append(auc(test.labels, logits(model, test.images)))
    print(np.round(found, 4))
    assert np.median(found) >= 0.95
    assert min(found) >= 0.94
