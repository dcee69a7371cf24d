"""The chest without what is inside the lungs: skin, fat, muscle, bones, heart and great vessels."""

import numpy as np

from helpers.data.phantoms.shapes import ellipse, smooth_field, smooth_max

FAT, MUSCLE, SKIN, AIR = -105, 52, -10, -1000  # HU
LIVER = 0.75  # the level at which its dome comes into view


def paint(plane, rng: np.random.Generator, level: float) -> np.ndarray:
    """Paint the chest at a level from 0 (top of the lungs) to 1 (their base), lungs left open.

    Returns
    -------
    lung (H, W): distance in mm to the edge of the lungs, below 0 inside
    """
    width, depth = 128 + rng.uniform(-6, 6), 92 + rng.uniform(-8, 8)  # half axes of the rib cage
    heart = float(np.interp(level, [0, 0.4, 0.7, 1], [0.25, 0.5, 1, 1.1]))  # how much room it takes
    rim = ellipse(plane.x, plane.y, 0, 0, width, depth)
    skin = _paint_wall(plane, rng, width, depth)
    lung = _lungs(plane, width, depth, heart, level)
    if level > LIVER:
        reach = _dome(level) + 8
        _organ(plane, -60, 5, reach, 0.8 * reach, 58)
    _paint_mediastinum(plane, rng, lung, level, heart)
    _paint_spine(plane, rng, depth - 32)
    _paint_ribs(plane, rng, rim, width, depth)
    if level < 0.55:
        _paint_shoulder_blades(plane, rng, width, depth)
    plane.paint(plane.cover(-skin), AIR)  # nothing sticks out
    _paint_table(plane, rng, skin)
    return lung


def _organ(plane, cx, cy, a, b, hu, tilt=0.0) -> None:
    where = plane.near(cx, cy, max(a, b))
    plane.paint(plane.cover(ellipse(plane.x[where], plane.y[where], cx, cy, a, b, tilt)), hu, where)


def _bone(plane, where, distance, cortex, marrow=180.0, shell=2.2) -> None:
    plane.paint(plane.cover(distance), cortex, where)
    plane.paint(plane.cover(distance + shell), marrow, where)


def _bony_ellipse(plane, cx, cy, a, b, cortex, tilt=0.0, marrow=180.0, shell=2.2) -> None:
    where = plane.near(cx, cy, max(a, b))
    _bone(plane, where, ellipse(plane.x[where], plane.y[where], cx, cy, a, b, tilt), cortex, marrow, shell)


def _rounded_box(x, y, a, b, power) -> np.ndarray:
    """1 on the outline of a shape between an ellipse (power 2) and a box, less inside."""
    return (np.abs(x / a) ** power + np.abs(y / b) ** power) ** (1 / power)


def _paint_wall(plane, rng, width, depth) -> np.ndarray:
    """Skin, fat with septa, the muscles of the wall with fat between their layers; returns the distance to the skin."""
    fat = rng.uniform(8, 26)
    outline = _rounded_box(plane.x, plane.y + 2, width + fat + 14, depth + fat + 10, 2.4)
    body = (outline - 1) * (depth + fat + 10)
    plane.paint(plane.cover(body), SKIN)
    septa = 45 * np.exp(-((smooth_field(rng, plane.size, 16) / 0.07) ** 2))
    plane.paint(plane.cover(body + 2.5), FAT + septa + 5 * smooth_field(rng, plane.size, 10))
    outline = _rounded_box(plane.x, plane.y - 2, width + 12, depth + 7, 2.2)
    muscle = (outline - 1) * depth + 3 * smooth_field(rng, plane.size, 7)
    fibres = 10 * smooth_field(rng, plane.size, 40) - 60 * np.exp(-((smooth_field(rng, plane.size, 14) / 0.08) ** 2))
    plane.paint(plane.cover(muscle), MUSCLE + fibres)
    between = np.abs(muscle + 7 + 2.5 * smooth_field(rng, plane.size, 6)) - 1.2
    plane.paint(plane.cover(between), -60)
    return body


def _paint_table(plane, rng, skin) -> None:
    """Under most patients the scanner's table shows: a thin bright shell filled with foam."""
    if rng.random() < 0.7:
        shell = ellipse(plane.straight_x, plane.straight_y, 0, -170, 300, 172 + rng.uniform(158, 168))
        air = plane.cover(-skin)
        plane.paint(plane.cover(shell) * plane.cover(-12 - shell) * air, -940)
        plane.paint(plane.cover(np.abs(shell) - 1.3) * air, -350)
        plane.paint(plane.cover(np.abs(shell + 12) - 0.9) * air, -500)


def _lungs(plane, width, depth, heart, level) -> np.ndarray:
    """Distance to the edge of both lungs, below 0 inside; the heart dents the left one, the liver lifts the right."""
    x, y = plane.x, plane.y
    inner = ellipse(x, y, 0, 0, width - 13, depth - 12) + np.float32(np.interp(level, [0, 0.3, 1], [18, 4, 0]))
    dent, spine = np.exp(-(((y + 18) / 38) ** 2)), np.exp(-(((y - 62) / 24) ** 2))
    left = smooth_max(inner, 15 + 42 * heart * dent + 18 * spine - x, 10)
    right = smooth_max(inner, x + 13 + 20 * heart * dent + 20 * spine, 10)
    if level > LIVER:
        right = smooth_max(right, -ellipse(x, y, -60, 5, _dome(level), 0.8 * _dome(level)), 8)
    front = -(y + depth - 18)  # room for the breastbone
    return smooth_max(np.minimum(left, right), front, 8)


def _dome(level) -> float:
    """Half width in mm of the dome of the liver, below the right lung."""
    return 32 + (level - LIVER) * 120


def _paint_mediastinum(plane, rng, lung, level, heart) -> None:
    """What lies between the lungs. `blood` is bright in some: contrast was given."""
    x, y = plane.x, plane.y
    blood = rng.choice([42, 42, 150, 210])
    middle = np.maximum(np.abs(x - 5) - 55, ellipse(x, y, 5, -10, 70, 75))
    if level > LIVER:
        middle = np.maximum(middle, -ellipse(x, y, -60, 5, _dome(level) + 6, 0.8 * _dome(level) + 6))
    fat = plane.cover(middle) * plane.cover(-lung)
    plane.paint(0.8 * fat, -85 + 12 * smooth_field(rng, plane.size, 24))
    for _ in range(rng.integers(4, 9)):  # lymph nodes
        _organ(plane, rng.normal(2, 16), rng.normal(-12, 22), *rng.uniform(2, 5, 2), 38, rng.uniform(0, 3))
    paint_level = _paint_arch if level < 0.45 else _paint_fork if level < 0.65 else _paint_heart
    paint_level(plane, rng, level, heart, blood)
    _organ(plane, 4, 38, 7, 6, 35)  # oesophagus
    _organ(plane, 4, 39, 2, 1.3, -600)


def _airway(plane, cx, cy, a, b, tilt=0.0) -> None:
    _organ(plane, cx, cy, a + 1.6, b + 1.6, 5, tilt)
    _organ(plane, cx, cy, a, b, AIR, tilt)


def _paint_arch(plane, rng, level, heart, blood) -> None:
    """Arch of the aorta, upper vena cava, windpipe."""
    length = 30 if level > 0.25 else 14
    _organ(plane, 18, -8, 13, length, blood, 0.5 + rng.normal(0, 0.08))
    _organ(plane, -16, -22, 9, 8, 0.9 * blood)
    if level <= 0.25:
        _organ(plane, -3, -20, 6, 6, blood)
    _airway(plane, rng.normal(0, 2), 8, 9.5, 8.5)


def _paint_fork(plane, rng, level, heart, blood) -> None:
    """Both aortas, the artery of the lungs, the two main bronchi."""
    _organ(plane, -4, -30, 15, 15, blood)
    _organ(plane, 22, -22, 22, 12, 1.05 * blood, -0.4)
    _organ(plane, -22, -5, 17, 8, 1.05 * blood, 0.3)
    _organ(plane, -20, -19, 8, 7, 0.9 * blood)
    for side in (-1, 1):
        _airway(plane, side * 20, 10, 8.5, 5.5, side * 0.5)
    _organ(plane, 24, 46, 12, 12, blood)


def _paint_heart(plane, rng, level, heart, blood) -> None:
    x, y = plane.x, plane.y
    wall = -smooth_max(-ellipse(x, y, 22, -20, 44 * heart, 34 * heart, 0.4), -ellipse(x, y, -12, -12, 24, 30), 15)
    wall = wall + 2 * smooth_field(rng, plane.size, 8)
    plane.paint(plane.cover(wall), 45)
    groove = 0.7 * plane.cover(np.abs(wall + 5 + 2 * smooth_field(rng, plane.size, 9)) - 1.2)
    plane.paint(groove * (smooth_field(rng, plane.size, 6) > 0.2), -70)  # fat over the coronary arteries
    _organ(plane, 10, -26, 20, 15, 0.7 * blood + 14, 0.3)
    _organ(plane, 34, -6, 20, 14, blood, 0.4)
    _organ(plane, -18, -14, 13, 17, 0.8 * blood + 8, 0.2)
    _organ(plane, 22, 48, 11, 11, blood)


def _paint_spine(plane, rng, y) -> None:
    """A vertebra whose body has its middle at depth y, with the muscles at its sides."""
    _organ(plane, 0, y + 40, 24, 13, 55)
    for side in (-1, 1):
        _organ(plane, side * 33, y + 27, 26, 11, 55, -side * 0.35)
    for side in (-1, 1):
        _bony_ellipse(plane, side * 25, y + 20, 17, 4.5, 480, side * -0.45 + rng.normal(0, 0.06))
        _bony_ellipse(plane, side * 13, y + 16, 6, 9, 480)
    _bony_ellipse(plane, rng.normal(0, 1), y + 36, 4, 13 + rng.uniform(-4, 2), 480)
    marrow = 170 + 18 * smooth_field(rng, plane.size, 60)[plane.near(0, y, 18)]
    _bony_ellipse(plane, 0, y, 18, 14.5, 430, marrow=marrow, shell=1.8)
    _organ(plane, 0, y + 19, 9.5, 8.5, 25)  # spinal canal


def _paint_ribs(plane, rng, rim, width, depth) -> None:
    """Ribs run down and forward, so that a slice cuts each obliquely: an arc along the cage, no two alike."""
    count = rng.integers(6, 9)
    for side in (-1, 1):
        for t in np.linspace(-1.12, 1.15, count) + rng.normal(0, 0.08, count):
            angle = t if side > 0 else np.pi - t
            cx, cy = (width - 6) * np.cos(angle), (depth - 6) * np.sin(angle)
            where = plane.near(cx, cy, 24)
            x, y = plane.x[where] - cx, plane.y[where] - cy
            tangent = np.array([-width * np.sin(angle), depth * np.cos(angle)])
            along = (x * tangent[0] + y * tangent[1]) / np.hypot(*tangent)
            across = np.abs(rim[where] + 6 + rng.uniform(-0.25, 0.25) * along) - rng.uniform(3, 4.4)
            rib = smooth_max(np.abs(along) - rng.uniform(5, 20), across, 4)
            _bone(plane, where, rib, rng.uniform(450, 700), 240, 1.5)
    _bony_ellipse(plane, 0, -depth + 4, 20 + rng.uniform(-3, 5), 6.5, 350, marrow=140, shell=1.8)  # breastbone


def _paint_shoulder_blades(plane, rng, width, depth) -> None:
    for side in (-1, 1):
        tilt = -side * (0.75 + rng.normal(0, 0.06))
        cx, cy = side * (width - 24), depth * 0.62 + 10
        _organ(plane, cx + side * 4, cy + 4, 42, 14, MUSCLE, tilt)
        _bony_ellipse(plane, cx, cy, 32, 3.6, 520, tilt, marrow=220, shell=1.4)
        _bony_ellipse(plane, cx + side * 10, cy + 6, 11, 3.2, 500, tilt + side * 1.1, marrow=220, shell=1.4)
