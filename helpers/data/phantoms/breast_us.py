"""A breast ultrasound phantom: skin, fat, gland and muscle with one mass, benign or malignant, and its true outline."""

from dataclasses import dataclass

import numpy as np

from helpers.data.phantoms.shapes import generators, inside, ragged, smooth_field

DEPTH = 40.0  # mm, height and width of the image
KINDS = ("benign", "malignant")
# Seed and indices of 10 benign and 10 malignant images, read by the learner and a test for networks: not for training
HELD_OUT = (138, tuple(range(20)))


@dataclass(frozen=True)
class BreastImage:
    """One image; up is the skin.

    pixels (H, W) uint8; label 0 benign, 1 malignant; mask (H, W) bool, True in the mass; spacing (2,) mm a pixel
    (rows, columns).
    """

    pixels: np.ndarray
    label: int
    mask: np.ndarray
    spacing: np.ndarray


@dataclass(frozen=True)
class _Mass:
    """distance (H, W): mm to the outline, below 0 inside; the rest says how it looks."""

    distance: np.ndarray
    angle: np.ndarray
    margin: float  # mm over which the edge blurs
    echo: float  # dB
    behind: float  # dB per mm lost behind it; below 0: the tissue behind it is brighter
    halo: float  # dB, bright seam around it
    specks: int  # calcifications


def breast_us(seed: int, index: int, size: int = 128, kind: str | None = None) -> BreastImage:
    """Make one image of a breast, 40 mm deep and wide, with one mass.

    Benign and malignant differ in what the BI-RADS lexicon describes (D'Orsi and others, ACR BI-RADS Atlas, 2013):
    shape (oval / irregular), orientation (wider than tall / taller than wide), margin (sharp / blurred, angular, spiky)
    and what lies behind (brighter / in shadow). Each is a tendency, none is a rule: one in four of either kind looks
    much like the other. How dark and how large a mass is and how bright the image tells nothing: both kinds draw those
    from the same distributions.

    Realistic: speckle from scatterers and the width of a beam, three looks averaged, shadows and edge shadows, gain and
    dynamic range that vary. Not realistic: layers too tidy, a mass in every image, no cysts, no blood vessels, no marks
    burned in, both kinds equally common.

    Parameters
    ----------
    seed, index : 0 or more; the same two give the same image, whatever else was made before
    size : H = W in pixels, at least 64
    kind : "benign", "malignant"; None: either, by chance

    Raises
    ------
    ValueError : another kind, a size below 64, seed or index below 0
    """
    if kind not in (None, *KINDS):
        raise ValueError(f"expected kind 'benign', 'malignant' or None, got {kind!r}")
    if size < 64:
        raise ValueError(f"expected a size of at least 64 pixels, got {size}: outlines would be lost")
    choice, tissue, lesion, scatter = generators("breast_us", seed, index, 4)
    chance = KINDS[int(choice.random() < 0.5)]
    kind = kind or chance
    middle = ((np.arange(size) + 0.5) * DEPTH / size).astype(np.float32)
    y, x = np.meshgrid(middle, middle - DEPTH / 2, indexing="ij")
    echo, loss = _layers(tissue, x, y)
    mass = _benign(lesion, x, y) if kind == "benign" else _malignant(lesion, x, y)
    echo, loss = _with_mass(lesion, mass, echo, loss, x, y)
    pixels = _scanned(scatter, echo, loss, y)
    return BreastImage(pixels, KINDS.index(kind), mass.distance < 0, np.full(2, DEPTH / size))


def _layers(rng, x, y) -> tuple[np.ndarray, np.ndarray]:
    """Echo of the healthy breast in dB, and the loss in dB that lies over it (shadows of ligaments)."""
    size = len(x)
    skin = rng.uniform(1.4, 2.4)
    gland = skin + rng.uniform(4, 10) + 1.4 * smooth_field(rng, size, 2) + 0.7 * smooth_field(rng, size, 5)
    back = gland + rng.uniform(10, 17) + 1.6 * smooth_field(rng, size, 2) + 0.6 * smooth_field(rng, size, 6)
    muscle = np.minimum(back + rng.uniform(2, 5), 36) + 0.8 * smooth_field(rng, size, 2)
    echo = -13 + 1.5 * smooth_field(rng, size, 9)  # fat
    septa = np.exp(-((smooth_field(rng, size, 7, 5) / 0.11) ** 2)) * np.clip(smooth_field(rng, size, 6) + 0.6, 0, 1)
    echo += 9 * septa * (y < muscle)
    lobes = 12 + 3.5 * smooth_field(rng, size, 10) + 2 * smooth_field(rng, size, 20)
    ducts = 6 * np.exp(-((smooth_field(rng, size, 16, 6) / 0.12) ** 2))
    echo += inside(np.maximum(gland - y, y - back), 0.5) * (lobes - ducts)
    streaks = np.exp(-((smooth_field(rng, size, 26, 4) / 0.25) ** 2)) * np.clip(smooth_field(rng, size, 12, 5), 0, 2)
    echo += inside(muscle - y, 0.4) * (9 * streaks - 4)
    echo += 9 * np.exp(-(((y - muscle) / 0.35) ** 2)) * np.clip(0.7 + 0.5 * smooth_field(rng, size, 6), 0, 1)
    echo = np.where(y < skin, 0, echo) + 9 * np.exp(-(((y - skin) / 0.25) ** 2))
    loss = np.zeros_like(x)
    for _ in range(rng.integers(0, 3)):
        at, width = rng.uniform(-18, 18), rng.uniform(0.8, 2.2)
        loss += rng.uniform(2, 7) * np.exp(-(((x - at) / width) ** 2)) * inside(gland - y, 2)
    return echo, loss


def _polar(rng, x, y, aspect: float, tilt: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Angle and relative distance from the middle of a mass `aspect` times as tall as wide, and its mean radius."""
    cx, cy = rng.uniform(-8, 8), rng.uniform(12, 23)
    radius = np.exp(rng.uniform(np.log(3.2), np.log(6.2)))
    a, b = radius / np.sqrt(aspect), radius * np.sqrt(aspect)
    u, v = (x - cx) * np.cos(tilt) + (y - cy) * np.sin(tilt), (y - cy) * np.cos(tilt) - (x - cx) * np.sin(tilt)
    return np.arctan2(v / b, u / a), np.hypot(u / a, v / b), radius


def _benign(rng, x, y) -> _Mass:
    """Oval, wider than tall, sharp; one in four lobed and less sharp."""
    lobed = rng.random() < 1 / 4
    angle, far, radius = _polar(rng, x, y, rng.uniform(0.5, 0.9), rng.normal(0, 0.2))
    distance = (far - 1 - ragged(angle, rng, 0.12 if lobed else 0.04, range(2, 7))) * radius
    distance += (0.2 if lobed else 0.08) * smooth_field(rng, len(x), 24)
    behind = rng.choice([rng.uniform(-1.1, -0.4), rng.uniform(-0.1, 0.1), rng.uniform(0.2, 0.9)], p=[0.45, 0.4, 0.15])
    return _Mass(distance, angle, rng.uniform(0.12, 0.5 if lobed else 0.3), _darkness(rng), behind, 0, 0)


def _malignant(rng, x, y) -> _Mass:
    """Irregular, often taller than wide, blurred, some with spikes; one in four nearly oval."""
    tame = rng.random() < 1 / 4
    angle, far, radius = _polar(rng, x, y, rng.uniform(0.65, 1.0 if tame else 1.5), rng.normal(0, 0.3))
    edge = 0.97 + ragged(angle, rng, 0.06 if tame else 0.12, range(2, 9))
    if not tame and rng.random() < 0.6:
        count, turn, length = rng.integers(6, 13), rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.35)
        spikes = np.clip(np.cos(count * angle + turn + 1.5 * np.sin(2 * angle + turn)), 0, 1) ** 3
        edge += length * (spikes - 0.2) * np.clip(1 + ragged(angle, rng, 0.5, range(1, 5)), 0, 1.6)
    distance = (far - np.maximum(edge, 0.35)) * radius + (0.15 if tame else 0.3) * smooth_field(rng, len(x), 28)
    behind = rng.choice([rng.uniform(-0.5, -0.2), rng.uniform(-0.1, 0.1), rng.uniform(0.3, 1.2)], p=[0.15, 0.35, 0.5])
    specks = int(rng.integers(3, 9)) if rng.random() < 0.35 else 0
    return _Mass(distance, angle, rng.uniform(0.2, 0.6), _darkness(rng), behind, rng.uniform(0, 5), specks)


def _darkness(rng) -> float:
    """Echo of a mass in dB, the same for both kinds."""
    return rng.uniform(-29, -20)


def _with_mass(rng, mass: _Mass, echo, loss, x, y) -> tuple[np.ndarray, np.ndarray]:
    """Put the mass into the echo, and what it does to the beam into the loss."""
    from scipy.ndimage import gaussian_filter1d

    pixel = DEPTH / len(x)
    share = inside(mass.distance, mass.margin)
    echo = echo + mass.halo * inside(np.abs(mass.distance - 0.9) - 0.9, 0.4) * (1 - share)
    content = mass.echo + 2 * smooth_field(rng, len(x), 12)
    rows, columns = np.nonzero(mass.distance < -0.4)
    for _ in range(mass.specks):
        k = rng.integers(len(rows))
        from_speck = (y - y[rows[k], columns[k]]) ** 2 + (x - x[rows[k], columns[k]]) ** 2
        content = content + 18 * np.exp(-from_speck / 0.2**2)
    echo = echo * (1 - share) + content * share
    seam = np.exp(-((mass.distance / 0.3) ** 2))
    sharp = np.clip((0.35 - mass.margin) / 0.15, 0, 1)
    echo += 5 * sharp * seam * np.abs(np.sin(mass.angle)) ** 2  # front and back wall face the beam
    along = mass.behind * share + 0.6 * sharp * seam * np.abs(np.cos(mass.angle)) ** 14  # the sides bend it away
    beam = np.clip(np.cumsum(along, axis=0) * pixel, -7, 14)
    return echo, loss + gaussian_filter1d(beam, 0.4 / pixel, axis=1)


def _scanned(rng, echo, loss, y) -> np.ndarray:
    """Speckle: random scatterers seen through a beam, short along it and wide across, wider away from the focus."""
    from scipy.ndimage import gaussian_filter

    pixel = DEPTH / len(echo)
    off_focus = np.clip(np.abs(y - 18) / 20, 0, 1)
    amplitude = 10 ** (echo / 20)
    looks = []
    for _ in range(3):  # three directions, averaged, as scanners do
        waves = rng.standard_normal((2, *echo.shape), np.float32) * amplitude
        near, far = (gaussian_filter(waves, (0, 0.1 / pixel + 0.25, w / pixel + 0.2)) for w in (0.16, 0.38))
        looks.append(
            sum(np.hypot(*beam) / beam.std() * weight for beam, weight in ((near, 1 - off_focus), (far, off_focus)))
        )
    signal = np.mean(looks, axis=0)
    signal = signal / np.median(signal) * 10 ** (-(loss + 0.12 * (y - 18)) / 20)
    signal = np.hypot(signal, 0.02 * rng.standard_normal(echo.shape))  # noise of the electronics
    dynamic, gain = rng.uniform(46, 56), rng.uniform(-3, 4)  # dB
    grey = np.clip((20 * np.log10(signal + 1e-4) + gain) / dynamic + 0.52, 0, 1)
    return np.round(255 * grey**2 * (1.9 - 0.9 * grey)).astype(np.uint8)
