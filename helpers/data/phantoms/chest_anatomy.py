"""The chest of one patient without what is inside the lungs: skin, fat, muscle, bones, heart, great vessels, liver."""

import numpy as np

from helpers.data.phantoms.chest_plane import Bend, Plane, Texture, View, fill, path, tubes, within
from helpers.data.phantoms.shapes import ellipse, smooth_max

FAT, MUSCLE, SKIN, AIR = -105, 52, -10, -1000  # HU
VERTEBRA = 25.0  # mm from one to the next


def _box(x, y, a: float, b: float) -> np.ndarray:
    """About the distance to an outline of half axes a and b, fuller than an ellipse."""
    u, v = (x / a) ** 2, (y / b) ** 2
    return (0.55 * np.sqrt(u + v) + 0.45 * np.sqrt(np.sqrt(u * u + v * v)) - 1) * b


def _egg(x, y, z, centre, axes, tilt: float = 0.0) -> np.ndarray:
    """About the distance to an ellipsoid turned by `tilt` around its upright axis; below 0 inside."""
    cos, sin = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
    x, y = x - np.float32(centre[0]), y - np.float32(centre[1])
    square = ((x * cos + y * sin) / axes[0]) ** 2 + ((y * cos - x * sin) / axes[1]) ** 2
    return (np.sqrt(square + ((z - centre[2]) / axes[2]) ** 2) - 1) * min(axes)


def _union(p: np.ndarray, q: np.ndarray, width: float) -> np.ndarray:
    return -smooth_max(-p, -q, width)


class Body:
    """One patient, as a plan in mm: x to the left, y to the back, z to the head; the lungs' roots lie at z = 0."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.bend = Bend(rng)
        self.width, self.depth = 122 + rng.uniform(-7, 7), 92 + rng.uniform(-7, 7)  # of the space within the ribs
        self.fat, self.muscle = rng.uniform(6, 26), rng.uniform(9, 14)
        self.breast = float(rng.choice([0, rng.uniform(16, 36)]))
        self.spine = self.depth - 42
        self.contrast = float(rng.choice([0, 0, 110, 170]))  # HU that an injected contrast medium adds to blood
        self.table = rng.random() < 0.7
        self.ribs = rng.normal(0, 1, (2, 2, 64))  # side; how far off its place, how thick; number
        self.phases = rng.uniform(0, 1, 3)  # ribs, vertebrae, stomach
        self.textures = [Texture(rng, step) for step in (2.2, 8.0, 24.0)]  # fine, coarse, broad
        self._plan = self._mediastinum(rng)

    def rim(self, x, y, z) -> np.ndarray:
        """About the distance in mm to the inner side of the ribs, below 0 inside; narrower towards the top."""
        narrow = 1 - 0.2 * (np.maximum(z - 25, 0) / 50) ** 2
        return _box(x / narrow, y / narrow, self.width, self.depth)

    def heart(self, x, y, z) -> np.ndarray:
        """About the distance to the pericardium."""
        ventricles = _egg(x, y, z, (22, -34, -46), (58, 44, 50), 0.45)
        return _union(ventricles, _egg(x, y, z, (-14, -24, -30), (36, 36, 46)), 12)

    def dome(self, x, y, z) -> np.ndarray:
        """About the distance to what lies below the diaphragm."""
        right = _egg(x, y, z, (-60, 2, -135), (78, 86, 90))
        return np.minimum(right, _egg(x, y, z, (56, 0, -140), (68, 76, 84)))

    def chest(self, x, y, z) -> np.ndarray:
        """About the distance to the pleura, below 0 inside, as if there were no diaphragm."""
        middle = np.abs(x - 2) - (3.5 + 20 * np.exp(-(((y + 2) / 36) ** 2)))
        middle = _union(middle, self.heart(x, y, z), 8)
        middle = _union(middle, ellipse(x, y, 0, self.spine, 22, 19), 8)
        middle = _union(middle, ellipse(x, y, 0, self.spine + 30, 44, 22), 8)
        middle = _union(middle, _egg(x, y, z, (17, 0, 43), (15, 38, 17), -0.12), 6)
        middle = np.minimum(middle, ellipse(x, y, 20, self.spine - 14, 12, 12) + np.maximum(z - 42, 0))
        return smooth_max(self.rim(x, y, z) + 1.5, -middle, 7)

    def lung(self, x, y, z) -> np.ndarray:
        """About the distance in mm to the edge of the lungs, below 0 inside."""
        return np.maximum(self.chest(x, y, z), -self.dome(x, y, z))

    def room(self, points: np.ndarray) -> np.ndarray:
        """How far in mm places (n, 3) in the scanner are from all that is not lung, below 0 outside the lungs."""
        room = -self.lung(*self.bend(*points.T))
        for x0, y0, z0, x1, y1, z1, first, last in np.concatenate([pieces for pieces, _ in self._tubes]):
            from_start, along = points - [x0, y0, z0], np.array([x1 - x0, y1 - y0, z1 - z0])
            t = np.clip((from_start * along).sum(axis=1) / (along * along).sum(), 0, 1)
            away = np.linalg.norm(from_start - t[:, None] * along, axis=1)
            room = np.minimum(room, away - first - t * (last - first))
        return room

    def paint(self, plane: Plane) -> tuple[np.ndarray, np.ndarray]:
        """Paint a slice, with lungs empty.

        Returns the distance (H, W) in mm to the edge of the lungs, below 0 inside, and their share (H, W) of pixels.
        """
        x, y, z = plane.x, plane.y, plane.level
        rim, chest, dome = self.rim(x, y, z), self.chest(x, y, z), self.dome(x, y, z)
        self._paint_wall(plane, rim)
        plane.paint(plane.cover(rim + 0.5), -92 + 18 * np.clip(plane.coarse, -1, 2) + 6 * plane.fine)  # fat
        self._paint_spine(plane)
        self._paint_ribs(plane, rim)
        if z > -5:
            self._paint_shoulder_blades(plane)
        share = plane.cover(chest) * (1 - plane.cover(dome, 2.4))
        plane.paint(share, -870)
        if z < 20:
            self._paint_heart(plane)
        if z < -40:
            self._paint_belly(plane, dome, rim)
        for pieces, hu in self._tubes:
            part = fill(plane, pieces)
            plane.paint(part, hu)
            share *= 1 - part
        return np.maximum(chest, -dome), share

    def _paint_wall(self, plane, rim) -> None:
        """Skin, fat with septa, breasts, muscles with fat between their layers, the scanner's table."""
        x, y, z = plane.x, plane.y, plane.level
        wide = self.width + self.fat + 17 + 0.25 * max(z - 20, 0)
        skin = _box(x, y + 2, wide, self.depth + 0.8 * self.fat + 16)
        if self.breast:
            breast = _egg(np.abs(x), y, z, (68, 2 - self.depth, -22), (56, 24 + self.breast, 52), 0.2)
            skin = _union(skin, breast, 12)
        plane.paint(plane.cover(skin), SKIN)
        septa = 60 * np.exp(-((plane.coarse / 0.09) ** 2)) * (plane.broad > -0.3)
        plane.paint(plane.cover(skin + 2.2), FAT + septa + 5 * plane.fine)
        if self.breast:
            plane.paint(plane.cover(breast + 14 + 6 * plane.coarse) * plane.cover(skin + 6), 15 + 20 * plane.fine)
        thick = self.muscle + 9 * np.clip(y / self.depth, 0, 1.2) ** 2 + 2.5 * plane.broad
        chest_muscle = np.exp(-(((np.abs(x) - 62) / 36) ** 2) - ((y + self.depth) / 40) ** 2)
        thick = thick + np.clip((z + 10) / 30, 0, 1) * 17 * chest_muscle
        thick = np.minimum(thick, 8 - rim - skin)  # stays below the skin
        muscle = smooth_max(rim - thick - 2, skin + 4, 3)
        streaks = np.clip((y - 30) / 50, 0.15, 1) * -110 * np.exp(-((plane.coarse / 0.12) ** 2))
        plane.paint(plane.cover(muscle), MUSCLE + 8 * plane.fine + streaks)
        plane.paint(0.85 * plane.cover(np.abs(rim - 10 - 1.5 * plane.broad) - 0.8 - 0.6 * plane.coarse), -80)
        air = plane.cover(-skin)
        plane.paint(air, AIR)
        if self.table:
            shell = ellipse(plane.columns[None, :], plane.rows[:, None], 0, -170, 300, 346)
            plane.paint(plane.cover(np.maximum(shell, -12 - shell)) * air, -940)
            plane.paint(plane.cover(np.abs(shell) - 1.2) * air, -350)
            plane.paint(plane.cover(np.abs(shell + 12) - 0.8) * air, -500)

    def _blob(self, plane, cx, cy, a, b, hu, tilt=0.0, shell=0.0, marrow=0.0, amount=1.0) -> None:
        """An ellipse of one tissue, or a bone: a shell of `hu` around marrow."""
        where = plane.near(cx, cy, max(a, b))
        distance = ellipse(plane.x[where], plane.y[where], cx, cy, a, b, tilt)
        plane.paint(amount * plane.cover(distance), hu, where)
        if shell:
            plane.paint(amount * plane.cover(distance + shell), marrow, where)

    def _paint_spine(self, plane) -> None:
        """A vertebra or a disc, its arch, of which the height decides what is seen, and the muscles of the back."""
        at = self.spine
        where = plane.near(0, at + 32, 60)
        x, y = np.abs(plane.x[where]), plane.y[where]
        muscle = _union(ellipse(x, y, 26, at + 34, 26, 16, -0.2), ellipse(x, y, 12, at + 22, 17, 12), 4)
        streaks = -100 * np.exp(-((plane.coarse[where] / 0.14) ** 2)) * (y > at + 26)
        plane.paint(plane.cover(muscle + plane.coarse[where]), MUSCLE + 8 * plane.fine[where] + streaks, where)
        height = (plane.level / VERTEBRA + self.phases[1]) % 1  # 0 and 1: middle of a disc
        disc = float(np.clip((abs(height - 0.5) - 0.36) / 0.06, 0, 1))
        wings = float(np.clip(3 - 9 * abs(height - 0.62), 0, 1))
        for side in (-1, 1):
            self._blob(plane, side * 27, at + 22, 16, 4, 480, side * 0.5, 1.1, 150, wings)
            self._blob(plane, side * 38, at + 24, 13, 3.6, 520, side * 0.15, 1, 150, 1 - wings)
            self._blob(plane, side * 12, at + 20, 5, 8, 520, side * 0.3, 1.5, 260)
            self._blob(plane, side * 7, at + 30, 9, 3.2, 520, side * 0.6, 1.2, 260)
        self._blob(plane, 0, at + 37, 3.6, 7 + 5 * height, 480, 0, 1.1, 200)
        where = plane.near(0, at, 20)
        x, y = plane.x[where], plane.y[where]
        body = smooth_max(ellipse(x, y, 0, at, 18, 15), y - at - 12 + 0.012 * x * x, 3)
        plane.paint(plane.cover(body), 480 - 380 * disc, where)
        marrow = 140 + 60 * abs(height - 0.5) + 55 * plane.fine[where]
        plane.paint(plane.cover(body + 1.5), marrow + disc * (85 - marrow), where)
        self._blob(plane, 0, at + 20, 9.5, 8, -40)  # fat around
        self._blob(plane, 0, at + 20, 7.5, 6.2, 30)  # the cord in its fluid

    def _paint_ribs(self, plane, rim) -> None:
        """Ribs run down and forward, then rise as cartilage: a slice cuts each obliquely. The breastbone ends them."""
        cage = np.abs(rim - 5.5) < 8
        x, y, depth = plane.x[cage], plane.y[cage], rim[cage]
        angle = np.arctan2(np.abs(x), y * np.float32(self.width / self.depth))  # 0 at the spine, pi at the breastbone
        side = (x > 0).astype(int)
        climb = (plane.level + 95 * np.sin(0.62 * angle)) / VERTEBRA + self.phases[0] + 0.3 * side
        number = np.round(climb).astype(int)
        off, thick = self.ribs[side, 0, number % 64], self.ribs[side, 1, number % 64]
        rise = ((climb - number) * VERTEBRA + 1.3 * off) / (6.3 + 0.5 * thick)
        half = 3.3 + 0.35 * thick
        rib = (np.hypot(rise, (depth - 5.5) / half) - 1) * half
        rib = np.maximum(rib, np.where(y < 0, 20 - np.abs(x), 30 - np.abs(x)))
        cartilage = np.clip((angle - 2.3 - 0.1 * off) / 0.08, 0, 1)
        for inset, bone in ((0, 620 + 60 * thick), (1.1, 110 + 60 * plane.fine[cage])):
            hu = plane.hu[cage]
            plane.hu[cage] = hu + plane.cover(rib + inset) * (bone + cartilage * (95 - bone) - hu)
        wide = float(np.interp(plane.level, [-70, -50, 30, 70], [5, 15, 17, 30]))
        self._blob(plane, 0, -self.depth - 3, wide, 5.5, 380, 0, 1.4, 130)

    def _paint_shoulder_blades(self, plane) -> None:
        """They end below the roots of the lungs and reach further in towards the top."""
        size = float(np.clip((plane.level + 5) / 40, 0, 1))
        for side in (-1, 1):
            cx, cy, tilt = side * (self.width - 24), 0.62 * self.depth + 14, -side * 0.75
            self._blob(plane, cx + side * 3, cy + 3, 18 + 27 * size, 6 + 11 * size, MUSCLE, tilt)
            self._blob(plane, cx, cy, 8 + 24 * size, 3.4, 520, tilt, 1.3, 220)
            self._blob(plane, cx + side * 11, cy + 6, 11, 3, 500, tilt + side * 1.1, 1.2, 220, size > 0.6)

    def _paint_heart(self, plane) -> None:
        """Pericardium, fat, muscle, and cavities with blood."""
        where = plane.near(8, -30, 76)
        x, y, z = plane.x[where], plane.y[where], plane.level
        bag, rough = self.heart(x, y, z), plane.coarse[where]
        plane.paint(plane.cover(bag, 2), -88, where)
        plane.paint(0.6 * plane.cover(np.abs(bag + 1) - 0.6), 0, where)
        muscle = bag + 4 + 2.5 * rough
        grooves = (np.abs(x - 2 + 0.5 * y) - 4) * 0.7 + np.clip(-bag - 12, 0, 30)  # where the coronary arteries run
        muscle = smooth_max(muscle, -grooves, 4)
        plane.paint(plane.cover(muscle, 2), 48 + 0.35 * self.contrast, where)
        rooms = [((40, -24, -46), (30, 17, 36), 0.55, 1.0), ((8, -51, -45), (37, 17, 36), 0.35, 0.8)]
        rooms += [((-26, -26, -34), (18, 25, 36), 0, 0.75), ((6, 6, -22), (29, 15, 21), 0, 1.0)]
        for centre, axes, tilt, amount in rooms:
            room = smooth_max(_egg(x, y, z, centre, axes, tilt) + rough, muscle + 3, 3)
            plane.paint(plane.cover(room, 2), 40 + amount * self.contrast, where)

    def _paint_belly(self, plane, dome, rim) -> None:
        """Liver on the right; fat, spleen and a stomach with a bubble of air on the left."""
        x, y, z = plane.x, plane.y, plane.level
        below = plane.cover(dome, 2.4) * plane.cover(rim + 2)
        left = np.clip((x - 8) / 8 + 0.5, 0, 1)
        liver = 58 + 0.35 * self.contrast + 4 * plane.fine + 0.25 * self.contrast * (plane.coarse > 1.9)
        plane.paint(below * (1 - left), liver)
        plane.paint(below * left, 40)
        plane.paint(below * left * plane.cover(dome + 3), -95 + 12 * plane.coarse)
        spleen = _egg(x, y, z, (80, 36, -116), (44, 40, 62), -0.6) + 1.5 * plane.coarse
        plane.paint(below * left * plane.cover(spleen), 52 + 0.5 * self.contrast)
        stomach = _egg(x, y, z, (44, -16, -112), (44, 48, 56), 0.3) + 2 * plane.coarse
        plane.paint(below * left * plane.cover(stomach), 45)
        content = np.where(y < -34 + 30 * self.phases[2], -920, 25 + 20 * plane.coarse)
        plane.paint(below * left * plane.cover(stomach + 4), content)

    def _mediastinum(self, rng) -> list[tuple[np.ndarray, float]]:
        """Great vessels, airways, gullet and lymph nodes: tubes on the plan with their HU, in order of painting."""
        down = self.spine - 14
        aorta = [(2, -28, -22), (-6, -36, -2), (-5, -36, 24), (1, -27, 40), (13, 2, 46), (20, down - 8, 38)]
        aorta += [(21, down, 22), (19, down - 1, -40), (10, down - 8, -95)]
        branches = [[(-1, -22, 46), (-10, -14, 90)], [(7, -10, 50), (9, -2, 90)], [(14, 4, 50), (20, 8, 90)]]
        systemic = [path(aorta, [16, 15, 14.5, 13, 12, 11.5, 11, 11, 10])]
        systemic += [path(branch, [6, 4.5]) for branch in branches]
        veins = [path([(-20, -22, -20), (-21, -28, 20), (-19, -28, 52), (-26, -28, 90)], [11, 9, 8, 8])]
        veins += [path([(-17, -30, 54), (6, -38, 62), (24, -30, 90)], 6.5)]
        veins += [path([(-7, down + 2, -90), (-8, down + 2, 30), (-18, 12, 36), (-20, -22, 34)], [3.5, 4, 4, 5])]
        lungs = [path([(14, -50, -18), (17, -44, 2), (22, -26, 14)], [15, 14, 13])]
        lungs += [path([(22, -26, 14), (31, -8, 16), (38, 10, 6), (40, 18, -22)], [12, 10.5, 9, 6])]
        lungs += [path([(18, -24, 12), (-8, -12, 8), (-28, -2, 4), (-38, 10, -22)], [11, 10, 9, 6])]
        lungs += [path([(s * 18 + 4, 8, -18), (s * 36 + 2, 6, -12), (s * 50, -8, 4)], [8, 6, 3.5]) for s in (-1, 1)]
        lungs += [path([(s * 16 + 4, 14, -26), (s * 34 + 2, 22, -36), (s * 46, 34, -52)], [8, 6, 3]) for s in (-1, 1)]
        airway = [path([(0, 10, 95), (1, 15, 24)], 8.5)]
        airway += [path([(2, 14, 26), (20, 14, 8), (34, 15, -2), (36, 22, -30)], [8, 6.5, 5.5, 3.5])]
        airway += [path([(0, 14, 26), (-18, 14, 10), (-28, 14, -6), (-34, 20, -32)], [8, 7.5, 6, 4])]
        airway += [path([(-18, 14, 10), (-38, 8, 18), (-50, 2, 34)], [5.5, 4, 2.5])]
        wall = [pieces + [0, 0, 0, 0, 0, 0, 1.5, 1.5] for pieces in airway]
        gullet = path([(3, 30, 95), (4, 33, 20), (4, 32, -50), (10, down - 24, -95)], rng.uniform(5, 7))
        gas = path([(3, 30, 95), (4, 33, 20), (4, 32, -50)], rng.choice([0.2, 1.5, 2.5]))
        stations = [(-14, 0, 50), (-16, -6, 34), (20, -8, 30), (2, 20, 4), (34, 8, 10), (-32, 6, 12), (0, -60, 40)]
        nodes = np.array(stations)[rng.integers(len(stations), size=16)] + rng.normal(0, 6, (16, 3))
        nodes = tubes(nodes, nodes + rng.normal(0, 3, (16, 3)), rng.uniform(1.5, 4, 16), rng.uniform(1.5, 4, 16))
        groups = [([nodes, gullet], 38), (veins, 40 + 0.9 * self.contrast), (systemic, 42 + self.contrast)]
        groups += [(lungs, 40 + self.contrast), (wall, 20), (airway, AIR), ([gas], -700)]
        return [(np.concatenate(parts), hu) for parts, hu in groups]

    def shown(self, pieces: np.ndarray, view: View) -> np.ndarray:
        """Those of the tubes (n, 8) of the plan that a view shows, where they lie in the scanner."""
        ends = self.bend.back(pieces[:, :6].reshape(-1, 3)).reshape(-1, 6)
        return within(np.hstack([ends, pieces[:, 6:] * self.bend.scale]), view, 2)

    def look(self, view: View) -> None:
        """Choose what will be painted; `room` and `paint` need it."""
        self._tubes = [(self.shown(pieces, view), hu) for pieces, hu in self._plan]
