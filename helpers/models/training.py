"""Batches, training and logits of a classifier, the same on every backend of Keras."""

from typing import TYPE_CHECKING

import numpy as np

from helpers.waiting import progress_bar

if TYPE_CHECKING:
    import keras


def batches(X: np.ndarray, y: np.ndarray, seed: int | None = None, batch_size: int = 32):
    """What `fit` takes: batches of images and labels; with a seed in a new order every epoch.

    On TensorFlow a tf.data pipeline without automatic tuning, which costs time with images this small; elsewhere a
    `keras.utils.PyDataset`.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return _py_dataset(X, y, seed, batch_size)
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    pairs = tf.data.Dataset.from_tensor_slices((X, y))
    if seed is not None:
        pairs = pairs.shuffle(len(X), seed=seed)
    return pairs.batch(batch_size).with_options(options)


def _py_dataset(X: np.ndarray, y: np.ndarray, seed: int | None, batch_size: int):
    import keras

    class Batches(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()
            self.rng = None if seed is None else np.random.default_rng(seed)
            self.on_epoch_end()

        def __len__(self) -> int:
            return -(-len(X) // batch_size)

        def __getitem__(self, k: int) -> tuple[np.ndarray, np.ndarray]:
            chosen = self.order[k * batch_size : (k + 1) * batch_size]
            return X[chosen], y[chosen]

        def on_epoch_end(self) -> None:
            self.order = np.arange(len(X)) if self.rng is None else self.rng.permutation(len(X))

    return Batches()


def fit_classifier(
    model: "keras.Model",
    X: np.ndarray,
    y: np.ndarray,
    epochs: int,
    *,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    weights: dict[int, float] | None = None,
    learning_rate: float = 0.003,
    batch_size: int = 32,
    seed: int = 0,
) -> dict[str, list[float]]:
    """Train a network that gives one logit: Adam, a learning rate that falls to 0, cross-entropy of logits.

    Parameters
    ----------
    X, y : images (N, H, W, C) as the network takes them; labels (N,), 1 is the thing looked for
    validation : images and labels. In the last quarter of the epochs, when the steps are small, training ends once
        their AUC has not risen for 2 epochs; the weights of the best of these epochs are taken back
    weights : label -> how much an example of it counts

    Returns
    -------
    history : name -> one value an epoch: "loss", "auc", and with validation "val_loss", "val_auc"
    """
    import keras

    pace = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * -(-len(X) // batch_size))
    model.compile(
        optimizer=keras.optimizers.Adam(pace),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.AUC(from_logits=True, name="auc")],
    )
    early = keras.callbacks.EarlyStopping(
        "val_auc", mode="max", patience=2, restore_best_weights=True, start_from_epoch=3 * epochs // 4
    )
    with progress_bar("training", epochs, "epochs") as bar:
        told = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: bar.update())
        return model.fit(
            batches(X, y, seed, batch_size),
            epochs=epochs,
            validation_data=None if validation is None else batches(*validation, batch_size=256),
            class_weight=weights,
            callbacks=[told] if validation is None else [told, early],
            shuffle=False,
            verbose=0,
        ).history


def logits(model: "keras.Model", X: np.ndarray, batch_size: int = 256) -> np.ndarray:
    """The logit of each image.  X (N, H, W, C) -> (N,)"""
    from keras import ops

    parts = [model(X[k : k + batch_size], training=False) for k in range(0, len(X), batch_size)]
    return np.concatenate([ops.convert_to_numpy(part)[:, 0] for part in parts])
