"""Networks that look at an image and give one logit: how much speaks for the thing looked for.

Images go in as they are, (N, H, W, C) from 0 to 255: the first layer divides, so that no saved network can be fed
pixels of another scale.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def article_cnn(input_shape: tuple[int, int, int], widths: Sequence[int] = (16, 32, 64)) -> "keras.Sequential":
    """The article's diagram of 6.1: convolution, ReLU and pooling three times, a dense layer, the output.

    Parameters
    ----------
    input_shape : (H, W, C) of the images
    widths : kernels of the three convolutions and units of the dense layer (the last); no number is in the article
    """
    import keras
    from keras import layers

    parts = [keras.Input(input_shape), layers.Rescaling(1 / 255)]
    for width in widths:
        parts += [layers.Conv2D(width, 3, activation="relu"), layers.MaxPooling2D(2)]
    return keras.Sequential([*parts, layers.Flatten(), layers.Dense(widths[-1], activation="relu"), layers.Dense(1)])


def small_cnn(
    input_shape: tuple[int, int, int],
    widths: Sequence[int] = (16, 32, 64, 64),
    augmented: Sequence["keras.Layer"] = (),
    first_stride: int = 2,
    drop: float = 0.2,
) -> "keras.Sequential":
    """Blocks of convolution, batch normalisation and ReLU, the mean over all positions, one dense layer.

    No layer depends on the size of the image, so the number of parameters does not either: 61,073 with the four widths
    given here, nearly all of them in the last two convolutions.

    Parameters
    ----------
    input_shape : (H, W, C) of the images
    widths : kernels of each block
    augmented : layers that change training images at random (`augmentation`)
    first_stride : stride of the first convolution; 2 leaves the others a quarter of the pixels, 1 suits images below 32
    drop : share of the averaged channels that is dropped in training
    """
    import keras
    from keras import layers

    parts = [keras.Input(input_shape), layers.Rescaling(1 / 255), *augmented]
    for k, width in enumerate(widths, 1):
        size, stride = (5, first_stride) if k == 1 else (3, 1)
        parts += [
            layers.Conv2D(width, size, strides=stride, padding="same", use_bias=False, name=f"conv_{k}"),
            layers.BatchNormalization(momentum=0.9, name=f"norm_{k}"),
            layers.ReLU(),
        ]
        if k < len(widths):
            parts.append(layers.MaxPooling2D(2))
    return keras.Sequential([*parts, layers.GlobalAveragePooling2D(), layers.Dropout(drop), layers.Dense(1)])


def augmentation(shift: float = 0.1) -> list["keras.Layer"]:
    """Changes of a breast ultrasound image that keep its label: mirrored left to right, moved by up to `shift`.

    Not turned upside down, for the beam comes from the skin; not stretched, for "taller than wide" is a sign.
    """
    from keras import layers

    return [layers.RandomFlip("horizontal"), layers.RandomTranslation(shift, shift, fill_mode="reflect")]


def blocks(model: "keras.Sequential") -> list[list["keras.Layer"]]:
    """The layers of a `small_cnn` that have parameters, block by block, the dense layer last."""
    found = [layer for layer in model.layers if layer.weights]
    return [*(found[k : k + 2] for k in range(0, len(found) - 1, 2)), found[-1:]]
