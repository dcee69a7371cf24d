"""What in an image a network's answer hangs on.

`occlusion_map` asks nothing of a network but answers. The other maps follow a logit backwards through a network. They
need Keras on TensorFlow: Keras itself has no call for the gradient of an output with respect to an input.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import keras

BATCH = 64  # images that go backwards through a network together


def occlusion_map(
    score: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    size: int = 8,
    stride: int = 4,
    fill: float | None = None,
) -> np.ndarray:
    """How far a score drops when a square of the image is covered (Zeiler and Fergus, ECCV 2014).

    It asks nothing of the network but answers. What it shows depends on the square: one smaller than the thing looked
    for leaves enough of it, and a covered square is itself something that the network has never seen.

    Parameters
    ----------
    score : images (N, H, W, C) -> (N,) numbers; it gets the image and all its covered copies in one call
    image : (H, W, C), of any type
    size : side of the square in pixels
    stride : pixels from one square to the next
    fill : what the square is filled with; None: the mean of each channel of this image

    Returns
    -------
    drop : (H', W') with H' = (H - size) // stride + 1: score of the image minus score with the square at rows
        i * stride to i * stride + size - 1 covered, and columns likewise; above 0: the square spoke for a high score

    Raises
    ------
    ValueError : an image of another shape, a square that does not fit into it, a stride below 1, scores that are not
        one number an image
    """
    image = np.asarray(image)
    if image.ndim != 3:
        raise ValueError(f"expected one image (H, W, C), got shape {image.shape}; give one image of a batch at a time")
    height, width = image.shape[:2]
    if not 1 <= size <= min(height, width):
        raise ValueError(
            f"expected a square of 1 to {min(height, width)} pixels, as the image is {height} x {width}; got {size}"
        )
    if stride < 1:
        raise ValueError(f"expected a stride of at least 1 pixel, got {stride}")
    value = image.mean(axis=(0, 1)) if fill is None else fill
    if np.issubdtype(image.dtype, np.integer):
        value = np.round(value)
    rows, columns = range(0, height - size + 1, stride), range(0, width - size + 1, stride)
    images = np.repeat(image[None], 1 + len(rows) * len(columns), axis=0)
    corners = ((top, left) for top in rows for left in columns)
    for covered, (top, left) in zip(images[1:], corners, strict=True):
        covered[top : top + size, left : left + size] = value
    scores = np.asarray(score(images))
    if scores.shape != (len(images),):
        raise ValueError(f"expected score to give {(len(images),)}, one number an image, got {scores.shape}")
    return (scores[0] - scores[1:]).reshape(len(rows), len(columns))


def gradient(model: "keras.Model", images: np.ndarray, target: int | np.ndarray | None = None) -> np.ndarray:
    """How steeply a logit rises with each pixel: d logit / d pixel (Simonyan et al. 2014, arXiv 1312.6034).

    Parameters
    ----------
    model : Sequential or functional network that takes images (N, H, W, C) and ends in logits (N, K), K = 1 included;
        after a sigmoid or softmax the slopes of sure answers would vanish
    images : (N, H, W, C), of any type, on the scale that the network takes
    target : which logit, 0 to K - 1, one for all images or (N,); None: each image's highest, of one logit that one

    Returns
    -------
    slopes : (N, H, W, C) float32, logits per unit of a pixel; above 0: a brighter pixel raises the logit

    Raises
    ------
    ValueError : a network with several inputs, or that gives no (N, K); images of another shape than it takes, none,
        or with nan or infinity; a target that is not there
    RuntimeError : Keras runs on another backend than TensorFlow
    """
    images, target = _checked(model, images, target)
    return _slopes(model, model.inputs[0], images, target)[1]


def gradient_times_input(
    model: "keras.Model", images: np.ndarray, target: int | np.ndarray | None = None
) -> np.ndarray:
    """Gradient times pixel value, in logits (Shrikumar et al. 2016, arXiv 1605.01713): black pixels get 0.

    In a linear network without bias the map adds up to the logit. Arguments, shape and errors as in `gradient`.
    """
    return gradient(model, images, target) * np.asarray(images, np.float32)


def integrated_gradients(
    model: "keras.Model",
    images: np.ndarray,
    baseline: float | np.ndarray = 0.0,
    steps: int = 64,
    target: int | np.ndarray | None = None,
) -> np.ndarray:
    """Mean gradient on the straight way from a baseline to the image, times the way (Sundararajan et al., ICML 2017).

    The map adds up to logit(image) - logit(baseline): completeness. ReLUs bend the way, so steps leave a gap; check it.
    For 40 phantoms and the network of chapter 07 it was within 1 % of the difference in 30 with 64 steps from black, in
    38 with 256.

    Parameters
    ----------
    model, images, target : as in `gradient`; a target of None is each image's highest logit, on the whole way
    baseline : an image that says nothing: one number, or an array (C,), (H, W, C) or (N, H, W, C)
    steps : gradients on the way, each in the middle of one of `steps` equal pieces

    Returns
    -------
    parts : (N, H, W, C) float32, what each pixel adds to the logit, in logits

    Raises
    ------
    ValueError, RuntimeError : as in `gradient`; a baseline of another shape or not finite, fewer than 1 step
    """
    images, target = _checked(model, images, target)
    baseline = np.asarray(baseline, np.float32)
    if not np.isfinite(baseline).all():
        raise ValueError("expected a baseline of finite numbers, got nan or infinity")
    if baseline.shape not in ((), *(images.shape[axis:] for axis in (0, 1, 3))):
        raise ValueError(
            f"expected a baseline that is a number or of shape {images.shape[3:]}, {images.shape[1:]} or "
            f"{images.shape}, got {baseline.shape}"
        )
    if steps < 1:
        raise ValueError(f"expected at least 1 step, got {steps}")
    ways = images - baseline
    shares = ((np.arange(steps) + 0.5) / steps).astype(np.float32)[:, None, None, None]
    parts = np.empty_like(images)
    for part, image, way, logit in zip(parts, images, ways, target, strict=True):
        between = image - (1 - shares) * way  # (steps, H, W, C)
        part[...] = way * _slopes(model, model.inputs[0], between, np.repeat(logit, steps))[1].mean(axis=0)
    return parts


def guided_backpropagation(
    model: "keras.Model", images: np.ndarray, target: int | np.ndarray | None = None
) -> np.ndarray:
    """The gradient, but on the way back each ReLU lets through only what is above 0 (Springenberg et al. 2015).

    arXiv 1412.6806. A ReLU is `layers.ReLU`, `activation="relu"` of any layer, and `keras.ops.relu`, also with an upper
    limit; ReLUs inside layers of your own are not found. It works on a copy: `model` stays as it is.

    Arguments, shape and errors as in `gradient`; also a ValueError for a network without ReLU.
    """
    images, target = _checked(model, images, target)
    guided = _guided(model)
    return _slopes(guided, guided.inputs[0], images, target)[1]


def grad_cam(
    model: "keras.Model",
    images: np.ndarray,
    layer: str | None = None,
    target: int | np.ndarray | None = None,
) -> np.ndarray:
    """Where a convolutional layer found what speaks for a logit (Selvaraju et al., ICCV 2017, equations 1 and 2).

    Each channel of the layer is weighed by the mean of its gradient; the weighted channels are added, and what is below
    0 is dropped. On the image, bilinear: `skimage.transform.resize(maps, (N, H, W), order=1, mode="edge")`.

    Parameters
    ----------
    model, images, target : as in `gradient`
    layer : name of a layer with an output (N, h, w, channels), h and w smaller than the image's after pooling; None:
        the last that has more than one position, which is what the network pools into a vector

    Returns
    -------
    maps : (N, h, w) float32, 0 or more, in the layer's units times logits; 0 everywhere if nothing speaks for the logit

    Raises
    ------
    ValueError, RuntimeError : as in `gradient`; no such layer, a layer with an output of another shape
    """
    images, target = _checked(model, images, target)
    values, slopes = _slopes(model, _found_layer(model, layer).output, images, target)
    return weighted_map(values, slopes)


def weighted_map(values: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """The core of Grad-CAM: the channels of a layer added with weights, and what is below 0 dropped.

    values, slopes : (..., h, w, C), what a layer gives, and d logit / d values. A channel's weight is its mean slope

    Returns maps (..., h, w), 0 or more (Selvaraju et al., ICCV 2017, equations 1 and 2). A ValueError for other shapes.
    """
    values, slopes = np.asarray(values), np.asarray(slopes)
    if values.ndim < 3 or values.shape != slopes.shape:
        raise ValueError(f"expected values and slopes of one shape (..., h, w, C), got {values.shape}, {slopes.shape}")
    weights = slopes.mean(axis=(-3, -2))
    return np.maximum(np.einsum("...hwc,...c->...hw", values, weights), 0)


# Are the maps any good?


def randomised(model: "keras.Model", seed: int, layers: int | Literal["all"] = "all") -> "keras.Model":
    """A copy whose upper layers have forgotten what they learned: their weights are drawn anew by their initialisers.

    A map that looks the same for the copy does not show what the network has learned (Adebayo et al., NeurIPS 2018,
    arXiv 1810.03292). How alike two maps rank the pixels: `scipy.stats.spearmanr(abs(a), abs(b), axis=None)`.

    Parameters
    ----------
    model : Sequential or functional network; it stays as it is
    seed : the same seed draws the same weights; those of a layer do not depend on how many layers are drawn
    layers : how many of the layers that have weights, from the top (the output); "all" of them. A batch normalisation
        counts as a layer, and starts again with mean 0 and variance 1. So does a network inside the network

    Raises
    ------
    ValueError : more layers than there are; a network that is neither Sequential nor functional
    """
    import keras

    _check_network(model)
    weighted = [layer.name for layer in model.layers if layer.weights]
    count = len(weighted) if layers == "all" else layers
    if not (isinstance(count, (int, np.integer)) and 0 <= count <= len(weighted)):
        raise ValueError(f'expected "all" or 0 to {len(weighted)} layers, as so many have weights, got {layers!r}')
    rng = np.random.default_rng(seed)

    def drawn(layer):
        config = layer.get_config()
        for name, value in config.items():
            if name.endswith("initializer") and "seed" in value["config"]:
                value["config"]["seed"] = int(rng.integers(2**31))
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=drawn, recursive=True)
    for name in weighted[: len(weighted) - count]:
        copy.get_layer(name).set_weights(model.get_layer(name).get_weights())
    return copy


def pointing_game(maps: np.ndarray, masks: np.ndarray) -> float:
    """The share of images whose map has its maximum in the mask (Zhang et al., ECCV 2016, without their 15 pixels).

    Where several pixels share the maximum, the image counts by the share of them in the mask, as if one were drawn by
    lot: a map that is the same everywhere scores the share of the image that the mask covers.

    Parameters
    ----------
    maps : (N, H, W), larger where more speaks for the thing looked for; of pixels with a sign and channels, for
        instance, `abs(maps).sum(axis=-1)`
    masks : (N, H, W) of bool or of 0 and 1, each with at least one pixel: leave images without the thing out

    Raises
    ------
    ValueError : other shapes, maps with nan or infinity, masks with other values, an empty mask
    """
    maps, masks = np.asarray(maps), np.asarray(masks)
    if maps.ndim != 3 or maps.shape != masks.shape or not len(maps):
        raise ValueError(
            f"expected maps and masks of one shape (N, H, W), N at least 1, got {maps.shape} and {masks.shape}; "
            "enlarge maps to the masks, and add up the channels of maps of pixels"
        )
    if not np.isfinite(maps).all():
        raise ValueError("expected maps of finite numbers, got nan or infinity")
    if not np.isin(masks, (0, 1)).all():
        raise ValueError("expected masks of 0 and 1, got other values; of a label map take one label: labels == 1")
    empty = np.flatnonzero(~masks.any(axis=(1, 2)))
    if len(empty):
        raise ValueError(f"expected a pixel in each mask, got none in {empty[:5].tolist()}; leave these images out")
    highest = maps == maps.max(axis=(1, 2), keepdims=True)
    return float(((highest & (masks == 1)).sum(axis=(1, 2)) / highest.sum(axis=(1, 2))).mean())


# Backwards through a network


def _slopes(model, of, images, target) -> tuple[np.ndarray, np.ndarray]:
    """The values of one tensor of a network, its input included, and how steeply the target logit rises with each."""
    import keras
    import tensorflow as tf

    network = keras.Model(model.inputs[0], [of, model.outputs[0]])
    values, slopes = [], []
    for start in range(0, len(images), BATCH):
        part = slice(start, start + BATCH)
        batch = tf.constant(images[part])
        with tf.GradientTape() as tape:
            tape.watch(batch)
            looked_at, logits = network(batch, training=False)
            chosen = tf.gather(logits, target[part], axis=1, batch_dims=1)
        values.append(looked_at)
        slopes.append(tape.gradient(chosen, looked_at))
        if slopes[-1] is None:
            raise ValueError("expected a network with a gradient, got one with a step that has none, such as rounding")
    return np.concatenate(values), np.concatenate(slopes)


def _guided(model):
    """A copy with the same weights, whose ReLUs let only what is above 0 back through them."""
    import keras
    import tensorflow as tf

    @tf.custom_gradient
    def only_above_0(values):
        return tf.identity(values), tf.nn.relu  # forward as it is, backward a ReLU of the gradient

    class Guided(keras.layers.Layer):
        def __init__(self, relu):
            super().__init__(name=relu.name, autocast=False)
            self.relu = type(relu).from_config(relu.get_config())

        def call(self, values):
            return only_above_0(self.relu(values))

    changed = []

    def guided(layer):
        # keras.ops.relu and keras.activations.relu in a functional network are operations, not layers
        if isinstance(layer, keras.layers.ReLU) or type(layer).__name__ in ("Relu", "Relu6", "ReLU"):
            changed.append(layer)
            return Guided(layer)
        copy = type(layer).from_config(layer.get_config())
        activation = getattr(layer, "activation", None)
        if activation in (keras.activations.relu, keras.activations.relu6):
            changed.append(layer)
            copy.activation = lambda values: only_above_0(activation(values))
        return copy

    copy = keras.models.clone_model(model, clone_function=guided, recursive=True)
    if not changed:
        raise ValueError("expected a network with a ReLU, got none: guided backpropagation would be the gradient")
    copy.set_weights(model.get_weights())
    return copy


def _found_layer(model, name: str | None):
    maps = [layer for layer in model.layers if len(getattr(layer.output, "shape", ())) == 4]
    if name is None:
        maps = [layer for layer in maps if tuple(layer.output.shape[1:3]) != (1, 1)]
        if not maps:
            raise ValueError("expected a network with a layer whose output is (N, h, w, channels), got none")
        return maps[-1]
    for layer in maps:
        if layer.name == name:
            return layer
    known = ", ".join(layer.name for layer in maps)
    for layer in model.layers:
        if layer.name == name:
            raise ValueError(
                f"expected a layer with an output (N, h, w, channels): {known}; {name} gives {layer.output.shape}"
            )
    raise ValueError(f"expected the name of a layer with an output (N, h, w, channels): {known}; got {name!r}")


# What comes in


def _check_network(model) -> None:
    tensors = [getattr(model, name, None) or [] for name in ("inputs", "outputs")]
    if [len(found) for found in tensors] != [1, 1] or len(tensors[1][0].shape) != 2:
        shapes = [[tuple(tensor.shape) for tensor in found] for found in tensors]
        raise ValueError(
            "expected a Sequential or functional Keras network that begins with keras.Input, takes one array of images "
            f"and gives logits (N, K), got {type(model).__name__} with inputs {shapes[0]} and outputs {shapes[1]}"
        )


def _checked(model, images, target) -> tuple[np.ndarray, np.ndarray]:
    """Images as float32 and the target of each."""
    import keras

    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(f"expected Keras on TensorFlow, whose gradients are used, got {keras.backend.backend()}")
    _check_network(model)
    images, wanted = np.asarray(images), tuple(model.inputs[0].shape[1:])
    if len(wanted) != 3:
        raise ValueError(f"expected a network that takes images (N, H, W, C), got one that takes (N, {wanted})")
    sides = zip(wanted, images.shape[1:], strict=False)
    if images.ndim != 4 or not len(images) or not all(n in (None, came) for n, came in sides):
        wanted = ", ".join("any" if n is None else str(n) for n in wanted)
        raise ValueError(
            f"expected images (N, {wanted}), N at least 1, got shape {images.shape}; one image is image[None]"
        )
    if images.dtype.kind not in "biuf" or not np.isfinite(images).all():
        raise ValueError(f"expected images of finite numbers, got {images.dtype} with nan, infinity or no numbers")
    images = images.astype(np.float32)
    return images, _checked_target(model, images, target)


def _checked_target(model, images, target) -> np.ndarray:
    count = model.outputs[0].shape[1]
    if target is None:
        parts = [model(images[k : k + BATCH], training=False) for k in range(0, len(images), BATCH)]
        return np.concatenate(parts).argmax(axis=1)
    target = np.asarray(target)
    if target.shape not in ((), (len(images),)) or target.dtype.kind not in "iu":
        raise ValueError(
            f"expected one whole number as target, or {len(images)}, one an image, got {target.dtype} of shape "
            f"{target.shape}"
        )
    if target.min() < 0 or target.max() >= count:
        raise ValueError(f"expected a target from 0 to {count - 1}, got {target.min()} to {target.max()}")
    return np.broadcast_to(target, len(images))
