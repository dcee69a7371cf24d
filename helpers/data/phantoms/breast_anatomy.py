"""The healthy breast as ultrasound sees it: skin, lobules of fat between ligaments, gland, muscle, shadows."""

from dataclasses import dataclass

import numpy as np

from helpers.data.phantoms.shapes import ellipse, inside, smooth_field

DEPTH = 40.0  # mm, height and width of the image


@dataclass(frozen=True)
class Breast:
    """What all images of one patient share: depths in mm below the probe, echoes in dB."""

    skin: float
    front: float  # where gland begins
    back: float  # where gland ends
    muscle: float
    lobule: float  # width of a lobule
    dense: float  # 0 fatty to 1 dense: how much of what lies between front and back is gland
    fat: float  # echo
    gland: float  # echo
    grain: float  # how uneven the gland is, dB
    shadows: float  # how many shadows of ligaments to expect in a plane


def draw_breast(rng: np.random.Generator, room: float) -> Breast:
    """A patient's breast; at least `room` mm lie between skin and muscle."""
    skin = rng.uniform(1.2, 2.3)
    muscle = max(rng.uniform(24, 36), skin + room)
    return Breast(
        skin=skin,
        front=skin + rng.uniform(1.5, 9),
        back=muscle - rng.uniform(0.5, 5),
        muscle=muscle,
        lobule=rng.uniform(4.5, 8),
        dense=rng.beta(2, 1.4),
        fat=rng.uniform(-15, -10),
        gland=rng.uniform(-4, 3),
        grain=rng.uniform(1.5, 4),
        shadows=rng.uniform(0.3, 2.2),
    )


def tissue(rng: np.random.Generator, breast: Breast, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One plane through a breast.

    Parameters
    ----------
    x, y : (H, W) float32, mm to the right of the middle and below the probe

    Returns
    -------
    echo (H, W) in dB; loss (H, W), the dB that the beam lost on its way by more than depth alone
    """
    size, pixel = len(x), DEPTH / len(x)
    gap, gland = _lobules(rng, breast, x, y)
    faces = np.minimum(np.abs(np.gradient(gap, axis=0)) / pixel, 1)  # near 1 where a septum lies across the beam
    septa = np.exp(-((gap / 0.32) ** 2)) * (0.3 + 0.7 * faces) * np.clip(0.7 + 0.6 * smooth_field(rng, size, 9), 0, 1.5)
    uneven = 0.8 * (smooth_field(rng, size, 9) + smooth_field(rng, size, 24, 9) + smooth_field(rng, size, 44, 16))
    ducts = np.exp(-((smooth_field(rng, size, 14, 5) / 0.13) ** 2)) * np.clip(smooth_field(rng, size, 6, 3), 0, 1)
    fat = breast.fat + _in_fat(rng, size)
    echo = fat + gland * (breast.gland + breast.grain * uneven - 8 * ducts - fat) + (14 - 10 * gland) * septa
    echo = _with_muscle(rng, breast, echo, x, y)
    under = y - breast.skin - 0.12 * smooth_field(rng, size, 3)
    echo = np.where(under < 0, -3 + 1.5 * smooth_field(rng, size, 30, 8), echo)
    echo += 7 * np.exp(-((under / 0.25) ** 2)) + 9 * np.exp(-((y / 0.3) ** 2))
    return echo, _shadows(rng, breast, x, y)


def add_island(
    rng: np.random.Generator, breast: Breast, echo: np.ndarray, x: np.ndarray, y: np.ndarray, cx, cy, radius, darker
) -> np.ndarray:
    """Put an island of fat into the gland, flat, soft at the edge, with septa: what looks like a mass and is none.

    Parameters
    ----------
    echo, x, y : (H, W) dB and mm
    cx, cy, radius : mm, its middle and the radius of a circle of its area
    darker : dB below the patient's other fat
    """
    size, stretch = len(x), rng.uniform(1.2, 1.6)
    distance = ellipse(x, y, cx, cy, radius * stretch, radius / stretch, rng.normal(0, 0.25))
    distance += 0.13 * radius * smooth_field(rng, size, 9) + 0.3 * smooth_field(rng, size, 20)
    share = inside(distance, rng.uniform(0.5, 1))
    septa = np.exp(-((smooth_field(rng, size, 8, 4) / 0.12) ** 2))
    return echo + share * (breast.fat - darker + _in_fat(rng, size) + 7 * septa - echo)


def add_band(rng: np.random.Generator, echo: np.ndarray, x: np.ndarray, y: np.ndarray, at: float) -> np.ndarray:
    """Lay a band of bright fibrous tissue across the plane, `at` mm deep in the middle."""
    size = len(x)
    line = at + rng.uniform(-0.35, 0.35) * x + 2 * smooth_field(rng, size, 2)
    share = inside(np.abs(y - line) - rng.uniform(1, 2.2), 0.5) * np.clip(0.7 + 0.6 * smooth_field(rng, size, 7), 0, 1)
    return echo + share * np.clip(rng.uniform(2, 7) - echo, 0, 12)


def _in_fat(rng, size: int) -> np.ndarray:
    return smooth_field(rng, size, 9) + 1.2 * smooth_field(rng, size, 36, 9)


def _lobules(rng, breast: Breast, x, y) -> tuple[np.ndarray, np.ndarray]:
    """About the mm to the nearest septum, and the share of gland: cells around points, each more or less gland.

    Cells instead of layers: they give the scalloped border of fat and gland, and fat within gland. The points stand on
    a jittered grid, and each pixel asks the nine around it which two are nearest (Worley, A cellular texture basis
    function, 1996).
    """
    from scipy.ndimage import gaussian_filter

    size, wide, tall = len(x), breast.lobule, 0.48 * breast.lobule
    u = (x + DEPTH / 2 + 1.3 * smooth_field(rng, size, 6)) / wide + 2
    v = (y + 0.9 * smooth_field(rng, size, 5)) / tall + 2
    grid = int(DEPTH / tall) + 6, int(DEPTH / wide) + 6
    at_u = (np.arange(grid[1]) + rng.uniform(0.08, 0.92, grid)).astype(np.float32)
    at_v = (np.arange(grid[0])[:, None] + rng.uniform(0.08, 0.92, grid)).astype(np.float32)
    depth = (at_v - 2) * tall + rng.normal(0, 1, grid)
    of_gland = np.clip(rng.normal(0.15 + 1.1 * breast.dense, 0.4, grid), 0, 1)
    of_gland = np.where((depth > breast.front) & (depth < breast.back), of_gland, 0).astype(np.float32)
    cell = v.astype(np.intp) * grid[1] + u.astype(np.intp)
    first = np.full_like(x, np.inf)
    second, gland = first, np.zeros_like(x)
    for step in (down * grid[1] + right for down in (-1, 0, 1) for right in (-1, 0, 1)):
        far = (at_u.take(cell + step) - u) ** 2 + (at_v.take(cell + step) - v) ** 2
        gland = np.where(far < first, of_gland.take(cell + step), gland)
        second = np.minimum(second, np.maximum(first, far))
        first = np.minimum(first, far)
    return (np.sqrt(second) - np.sqrt(first)) * (0.5 * tall), gaussian_filter(gland, 0.6 * size / DEPTH)


def _with_muscle(rng, breast: Breast, echo, x, y) -> np.ndarray:
    """Fibres that run along the chest wall, under a bright fascia."""
    size = len(x)
    below = y - breast.muscle - 0.9 * smooth_field(rng, size, 2) - rng.uniform(-0.08, 0.08) * x
    starts = np.cumsum(rng.uniform(0.35, 1.3, 40))  # mm below the fascia; each fibre fades over 0.3 mm
    heights = np.stack([rng.uniform(0, 1, 40), np.zeros(40)], axis=1).ravel()
    stretched = below * (1 + 0.06 * smooth_field(rng, size, 2))
    fibres = np.interp(stretched, np.repeat(starts, 2) + np.tile([0, 0.3], 40), heights).astype(np.float32)
    fibres *= np.clip(0.5 + 0.8 * smooth_field(rng, size, 14, 5), 0, 1.5)
    echo = echo + inside(-below, 0.3) * (breast.fat - 2 + 9 * fibres - echo)
    return echo + 8 * np.exp(-((below / 0.35) ** 2)) * np.clip(0.6 + 0.5 * smooth_field(rng, size, 6), 0, 1.2)


def _shadows(rng, breast: Breast, x, y) -> np.ndarray:
    """Loss in dB: streaks that grow with depth, shadows of ligaments, brighter columns, a probe's edge off the skin."""
    loss = 0.04 * y * smooth_field(rng, len(x), 2, 18)
    for _ in range(rng.poisson(breast.shadows)):
        at, width, start = rng.uniform(-19, 19), rng.uniform(0.5, 3.5), rng.uniform(3, breast.back)
        deep = rng.uniform(2, 12) if rng.random() < 0.75 else rng.uniform(-5, -1)
        loss += shadow(x, y, at, width, start, deep)
    if rng.random() < 0.15:
        side = rng.choice([-0.5, 0.5]) * DEPTH
        loss += rng.uniform(4, 14) * np.exp(-(((x - float(side)) / rng.uniform(1.5, 5)) ** 2))
    return loss


def shadow(x: np.ndarray, y: np.ndarray, at: float, width: float, start: float, deep: float) -> np.ndarray:
    """Loss (H, W) of a shadow `deep` dB dark, around x = `at`, from the depth `start` on, all in mm."""
    return deep * np.exp(-(((x - at) / width) ** 2)) * inside(start - y, 1.5)
