"""What all phantoms are made of: random numbers by (seed, index), smooth random fields, shapes with soft edges."""

import functools

import numpy as np


def generators(kind: str, seed: int, index: int, parts: int) -> list[np.random.Generator]:
    """Independent random generators, one for each part of an image; they depend on kind, seed and index alone.

    Raises
    ------
    ValueError : seed or index below 0
    """
    if seed < 0 or index < 0:
        raise ValueError(f"expected a seed and an index of 0 or more, got seed {seed} and index {index}")
    root = np.random.SeedSequence([seed, index, *kind.encode()])
    return [np.random.default_rng(child) for child in root.spawn(parts)]


@functools.cache
def spline_basis(size: int, knots: int) -> np.ndarray:
    """(size, knots + 3) float32: row i holds the weights of the cubic B-splines at the middle of pixel i."""
    from scipy.interpolate import BSpline

    at = (np.arange(size) + 0.5) / size * knots
    return BSpline.design_matrix(at, np.arange(-3.0, knots + 4), 3).toarray().astype(np.float32)


def smooth_field(rng: np.random.Generator, size: int, knots: int, across: int | None = None) -> np.ndarray:
    """A smooth random field (size, size) float32, mean 0, standard deviation about 1.

    Its random numbers do not depend on `size`: the same field comes at every resolution.

    Parameters
    ----------
    knots, across : how many bumps fit from top to bottom and, if that differs, from left to right
    """
    down, right = spline_basis(size, knots), spline_basis(size, across or knots)
    noise = rng.standard_normal((down.shape[1], right.shape[1])).astype(np.float32)
    return down @ noise @ right.T / np.float32(0.479)  # 0.479: mean of the summed squares of the weights


def inside(distance: np.ndarray, width: float) -> np.ndarray:
    """1 where the signed distance is well below 0, 0 well above; the step between is about 4 * `width` wide."""
    from scipy.special import expit

    return expit(distance * np.float32(-1 / width))


def ellipse(x, y, cx: float, cy: float, a: float, b: float, tilt: float = 0.0) -> np.ndarray:
    """About the distance to an ellipse of half axes a and b, turned by `tilt` radians; below 0 inside."""
    cos, sin = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
    u = ((x - cx) * cos + (y - cy) * sin) / a
    v = ((y - cy) * cos - (x - cx) * sin) / b
    return (np.hypot(u, v) - 1) * min(a, b)


def smooth_max(p: np.ndarray, q, width: float) -> np.ndarray:
    """The larger of the two, rounded over `width` where they meet: the overlap of two shapes without a corner."""
    h = np.clip(0.5 + 0.5 * (p - q) / width, 0, 1)
    return q + (p - q) * h + width * h * (1 - h)


def ragged(angle: np.ndarray, rng: np.random.Generator, size: float, orders: range) -> np.ndarray:
    """How far an outline departs from round, by angle: random waves of the given orders, finer ones smaller."""
    wave = np.zeros_like(angle)
    for m in orders:
        wave += rng.normal(0, size / m**0.6) * np.cos(m * angle + rng.uniform(0, 2 * np.pi))
    return wave


def burn_in(image: np.ndarray, rng: np.random.Generator, value: float) -> None:
    """Write a mark such as technicians leave, a letter and a digit, near a corner of the image (H, W, ...), in place.

    Parameters
    ----------
    value : what its pixels become
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = image.shape[:2]
    tall = max(8, round(0.11 * min(height, width)))
    text = rng.choice(list("LRCX")) + str(rng.integers(1, 10))
    mark = Image.new("L", (2 * tall, tall + 2))
    font = ImageFont.load_default(size=tall)
    ImageDraw.Draw(mark).text((tall, tall // 2 + 1), text, fill=255, font=font, anchor="mm")
    strokes = np.asarray(mark) > 100
    margin = max(2, tall // 3)
    top = margin if rng.random() < 0.5 else height - margin - strokes.shape[0]
    left = margin if rng.random() < 0.5 else width - margin - strokes.shape[1]
    image[top : top + strokes.shape[0], left : left + strokes.shape[1]][strokes] = value
