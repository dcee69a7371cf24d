"""The U-Net, a network that labels every pixel, in two or three dimensions and on every backend of Keras.

After Ronneberger, Fischer and Brox, MICCAI 2015 (arXiv 1505.04597): a path down that sees ever more at ever fewer
places, a path up to the size of the image, and skip connections that hand fine detail across. Images are (N, H, W, C)
or (N, Z, H, W, C), label maps the same without C; K labels, 0 is background.
"""

import math
from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops

from helpers.waiting import progress_bar

GROUPS = 8  # that channels are normalised in, or as many of them as divide their number
BACKGROUND = 3.0  # log odds that a pixel is background, before anything is learned
_KINDS = {  # number of axes of the image -> convolution, up-convolution, pooling, up-sampling
    2: (layers.Conv2D, layers.Conv2DTranspose, layers.MaxPooling2D, layers.UpSampling2D),
    3: (layers.Conv3D, layers.Conv3DTranspose, layers.MaxPooling3D, layers.UpSampling3D),
}


# ---------------------------------------------------------------- networks


def standardise(images: np.ndarray) -> np.ndarray:
    """Each channel to mean 0 and deviation 1 over its pixels above 0; the others, and a channel without any, become 0.

    images : all of ONE patient, (..., C): slices (Z, H, W, C) together, so that a slice full of tumour stays bright.
        The scale of MRI is arbitrary, and outside the brain it is 0

    Returns float32 of the same shape. A ValueError for images that are not finite.
    """
    images = np.asarray(images, np.float32)
    _finite(images)
    out = np.zeros_like(images)
    for channel in range(images.shape[-1]):
        inside = images[..., channel] > 0
        if inside.any():
            values = images[..., channel][inside]
            out[..., channel][inside] = (values - values.mean()) / (values.std() + 1e-6)
    return out


def conv_block(x, width: int, count: int = 2):
    """`count` times convolution of 3 in each direction, group normalisation, ReLU.  x (N, ..., C) -> (N, ..., width)"""
    convolution = _KINDS[len(x.shape) - 2][0]
    for _ in range(count):
        x = convolution(width, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.GroupNormalization(math.gcd(GROUPS, width))(x))
    return x


def build_unet(
    input_shape: tuple[int, ...],
    outputs: int,
    base: int = 16,
    levels: int = 4,
    *,
    stem: int = 0,
    skips: bool = True,
    deep_supervision: bool = False,
) -> keras.Model:
    """From images as `standardise` gives them to logits of each pixel.

    Parameters
    ----------
    input_shape : (H, W, C), or (Z, H, W, C) for a network in three dimensions; H, W, Z must be divisible by
        2 ** levels, with a stem by 2 ** (levels + 1)
    outputs : K, logits of each pixel
    base, levels : channels at the top, twice as many at each of the `levels` below it
    stem : channels of one convolution at the start and one at the end; all others then work at half the resolution, in
        a third of the time; 0 for none
    skips : False leaves out what makes it a U-Net
    deep_supervision : also predict from the lower levels of the way up, which trains them more directly

    Returns
    -------
    keras.Model : (N, *input_shape) -> logits (N, ..., K); with deep supervision a list of these, the finest first

    Raises
    ------
    ValueError : a shape that cannot be halved so often
    """
    convolution, up_convolution, _, _ = _kind(input_shape, levels + bool(stem))
    images = keras.Input(input_shape)
    x = images
    if stem:
        fine = x = conv_block(x, stem, 1)
        x = convolution(base, 2, strides=2)(x)
    coarse = wired(x, base, levels, skips)
    if stem:
        x = up_convolution(stem, 2, strides=2)(coarse[0])
        x = conv_block(_joined(x, fine, skips), stem, 1)
        coarse.insert(0, x)
    heads = coarse if deep_supervision else coarse[:1]
    logits = [_at_full_size(each, outputs, 2**k) for k, each in enumerate(heads)]
    return keras.Model(images, logits if deep_supervision else logits[0], name="unet")


def wired(x, base: int, levels: int, skips: bool = True) -> list:
    """The U-Net between its first convolution and its last: what each level of the way up gives, the finest first."""
    _, up_convolution, pooling, _ = _KINDS[len(x.shape) - 2]
    handed_over, found = [], []
    for level in range(levels):
        x = conv_block(x, base * 2**level)
        handed_over.append(x)
        x = pooling(2)(x)
    x = conv_block(x, base * 2**levels)
    for level in reversed(range(levels)):
        x = up_convolution(base * 2**level, 2, strides=2)(x)
        x = conv_block(_joined(x, handed_over[level], skips), base * 2**level)
        found.insert(0, x)
    return found


def _kind(input_shape: tuple[int, ...], halvings: int):
    """The layers for images of this shape, (H, W, C) or (Z, H, W, C)."""
    dims = len(input_shape) - 1
    if dims not in _KINDS or any(side % 2**halvings for side in input_shape[:-1]):
        raise ValueError(
            f"expected (H, W, C) or (Z, H, W, C) with sides divisible by 2 ** {halvings} = {2**halvings}, "
            f"got {input_shape}: crop or pad the images"
        )
    return _KINDS[dims]


def _joined(x, skip, skips: bool):
    return layers.Concatenate()([skip, x]) if skips else x


def _at_full_size(x, outputs: int, times: int):
    """Logits of features (N, ..., C) that are `times` smaller than the image.

    The first guess is background nearly everywhere. Dice of a rare label has hardly any gradient while a quarter of all
    pixels is called by its name, and training stands still for a while (a prior as in Lin et al., arXiv 1708.02002).
    """
    convolution, _, _, up_sampling = _KINDS[len(x.shape) - 2]
    prior = keras.initializers.Constant([BACKGROUND] + [0.0] * (outputs - 1))
    x = convolution(outputs, 1, bias_initializer=prior)(x)
    return up_sampling(times)(x) if times > 1 else x


def article_chain(input_shape: tuple[int, ...], outputs: int, base: int = 16) -> keras.Model:
    """The article's diagram of 6.3: convolution, ReLU and pooling four times, three more convolutions, the output.

    The diagram has no way up: its output has a sixteenth of the sides. Here it is enlarged to the size of the image, so
    that it can be scored at all. Widths are ours: `base`, doubled at each pooling. Shapes as for `build_unet`.
    """
    pooling = _kind(input_shape, 4)[2]
    images = keras.Input(input_shape)
    x = images
    for level in range(4):
        x = pooling(2)(conv_block(x, base * 2**level, 1))
    x = conv_block(x, base * 8, 3)
    return keras.Model(images, _at_full_size(x, outputs, 16), name="article_chain")


# ---------------------------------------------------------------- losses


def cross_entropy(labels, logits):
    """Mean over all pixels of minus the log probability of the true label.

    labels (N, ...) integers, or (N, ..., 1); logits (N, ..., K)
    """
    return -ops.mean(ops.sum(_one_hot(labels, logits) * ops.log_softmax(logits), axis=-1))


def soft_dice_loss(labels, logits, smooth: float = 1.0):
    """1 minus Dice of probabilities, each label over the whole batch, mean over all but background.

    After Milletari, Navab and Ahmadi, 3DV 2016 (arXiv 1606.04797), without their squares. smooth : added above and
    below, so that a label that is nowhere costs nothing where nothing is predicted
    """
    together, truth, predicted = _overlaps(labels, logits)
    return 1 - ops.mean(((2 * together + smooth) / (truth + predicted + smooth))[1:])


def dice_cross_entropy(labels, logits):
    """Cross-entropy, which clears the background at once, plus soft Dice, to which small labels count as large ones."""
    return cross_entropy(labels, logits) + soft_dice_loss(labels, logits)


def focal_tversky_loss(labels, logits, alpha: float = 0.3, beta: float = 0.7, gamma: float = 0.75, smooth: float = 1.0):
    """Dice in which missed pixels (beta) cost more than invented ones (alpha), raised to the power of gamma.

    After Abraham and Khan, ISBI 2019 (arXiv 1810.07842), who call the weight of missed pixels alpha; alpha = beta = 1/2
    and gamma = 1 is the soft Dice loss with twice the smoothing.
    """
    together, truth, predicted = _overlaps(labels, logits)
    missed, invented = truth - together, predicted - together
    index = (together + smooth) / (together + alpha * invented + beta * missed + smooth)
    return ops.mean((1 - index[1:]) ** gamma)


def _one_hot(labels, logits):
    """Labels (N, ...) or (N, ..., 1) to (N, ..., K), as the logits."""
    return ops.one_hot(ops.cast(ops.reshape(labels, ops.shape(logits)[:-1]), "int32"), logits.shape[-1])


def _overlaps(labels, logits):
    """Three (K,): sum of the probability of the true label, number of its pixels, sum of its probabilities."""
    truth, predicted = _one_hot(labels, logits), ops.softmax(logits)
    axes = tuple(range(len(logits.shape) - 1))
    return ops.sum(truth * predicted, axes), ops.sum(truth, axes), ops.sum(predicted, axes)


# ---------------------------------------------------------------- fit and predict


def fit_segmenter(
    model: keras.Model,
    images: np.ndarray,
    masks: np.ndarray,
    epochs: int,
    *,
    loss: Callable = dice_cross_entropy,
    missing: float = 0.0,
    learning_rate: float = 0.005,
    batch_size: int = 8,
    seed: int = 0,
) -> list[float]:
    """Train a network: Adam, a rate that falls to 0, images mirrored left to right with a chance of one half.

    Parameters
    ----------
    images (N, ..., C); masks (N, ...) : labels 0 to K - 1
    loss : of labels and logits; with deep supervision each coarser output counts half as much as the one before
    missing : chance that a channel of an image is left out, all 0 (modality dropout); one, drawn by lot, always stays

    Returns
    -------
    history : the mean loss of each epoch

    Raises
    ------
    ValueError : masks of another shape, labels that the network does not have, images that are not finite
    """
    final = model.outputs[0]
    _check(model, images)
    if masks.shape != images.shape[:-1] or len(images) < batch_size:
        raise ValueError(
            f"expected masks {images.shape[:-1]}, one label a pixel, and {batch_size} images or more, got {masks.shape}"
        )
    if not np.issubdtype(masks.dtype, np.integer) or masks.min() < 0 or masks.max() >= final.shape[-1]:
        raise ValueError(
            f"expected whole numbers from 0 to {final.shape[-1] - 1} in the masks, got {masks.dtype} "
            f"from {masks.min()} to {masks.max()}"
        )
    steps = len(images) // batch_size
    pace = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * steps)
    shares = [0.5**k for k in range(len(model.outputs))]
    model.compile(
        keras.optimizers.Adam(pace),
        [loss] * len(shares),
        loss_weights=[share / sum(shares) for share in shares],
    )
    model.optimizer.build(model.trainable_variables)  # else the first step is traced twice, once to make them
    rng = np.random.default_rng(seed)
    history = []
    for _ in progress_bar("training", epochs, "epochs", iterable=range(epochs)):
        told = []
        for chosen in rng.permutation(len(images))[: steps * batch_size].reshape(steps, batch_size):
            x, y = without_channels(images[chosen], missing, rng), masks[chosen].astype(np.int32)
            turned = rng.random(len(x)) < 0.5
            x[turned], y[turned] = x[turned][..., ::-1, :], y[turned][..., ::-1]
            losses = model.train_on_batch(x, [y] * len(shares), return_dict=True)  # of this batch alone
            told.append(float(losses["loss"]))
        history.append(float(np.mean(told)))
    return history


def without_channels(images: np.ndarray, chance: float, rng: np.random.Generator) -> np.ndarray:
    """A copy of images (N, ..., C) in which channels are all 0, each with this chance; one by lot always stays."""
    count, channels = len(images), images.shape[-1]
    kept = rng.random((count, channels)) >= chance
    kept[np.arange(count), rng.integers(channels, size=count)] = True
    return images * kept.reshape(count, *[1] * (images.ndim - 2), channels).astype(images.dtype)


def probabilities(model: keras.Model, images: np.ndarray, batch_size: int = 24) -> np.ndarray:
    """Probability of each label at each pixel.  images (N, ..., C) -> (N, ..., K) float32

    Raises ValueError for images of another shape, or not finite.
    """
    _check(model, images)
    parts = []
    for k in range(0, len(images), batch_size):
        batch = images[k : k + batch_size]
        spare = np.repeat(batch[:1], batch_size - len(batch), axis=0)  # another shape would have to be compiled anew
        logits = model.predict_on_batch(np.concatenate([batch, spare]))
        logits = logits[0] if isinstance(logits, list) else logits
        parts.append(ops.convert_to_numpy(ops.softmax(logits[: len(batch)])))
    return np.concatenate(parts)


def _check(model: keras.Model, images: np.ndarray) -> None:
    wanted = model.input_shape[1:]
    if images.shape[1:] != wanted:
        raise ValueError(f"expected images (N, {', '.join(map(str, wanted))}), got {images.shape}: crop or pad them")
    _finite(images)


def _finite(images: np.ndarray) -> None:
    if not np.isfinite(images).all():
        raise ValueError("expected finite numbers in the images, found nan or inf")
