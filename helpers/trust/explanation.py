"""What in an image a network's answer hangs on."""

from collections.abc import Callable

import numpy as np


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
