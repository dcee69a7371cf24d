"""The tumour of the brain MRI phantom: a core with an enhancing rim amid oedema, one shape in space for a patient."""

import numpy as np

from helpers.data.phantoms.brain_anatomy import DEPTH, FIELD_OF_VIEW, Head, field_at, plane, random_field
from helpers.data.phantoms.shapes import inside

SMALLEST, LARGEST = 3.0, 23.0  # mm, mean radius of the core


class Lesion:
    """A tumour somewhere in white matter, of one or two foci; in mm from the middle of the head (z, y, x).

    Small ones are as common as large ones (radii even on a log scale).
    """

    def __init__(self, rng: np.random.Generator, head: Head):
        radius = float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))
        self.reach = min(rng.uniform(2, 9) + radius * rng.uniform(0.1, 0.6), 30 - radius)  # of oedema beyond the core
        self.extent = radius + 0.7 * self.reach  # about how far it goes up and down from its middle, with the oedema
        centre = _place(rng, head, radius + self.reach)
        turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
        stretch = np.exp(rng.normal(0, 0.17, 3))
        self.shape = (turn * (stretch / np.cbrt(stretch.prod()))) @ turn.T  # (3, 3) turns and stretches the foci
        centres, radii = [centre], [radius]
        if rng.random() < 0.15:
            aside = rng.standard_normal(3)
            aside *= radius * rng.uniform(1.3, 2.0) / np.linalg.norm(aside)
            centres.append(centre + aside)
            radii.append(radius * rng.uniform(0.35, 0.7))
        self.centres, self.radii = np.array(centres), np.array(radii)  # (n, 3), (n,)
        kind = rng.choice(["ring", "solid", "none"], p=[0.7, 0.15, 0.15])
        # Mean thickness of the enhancing rim, 0 where nothing enhances
        self.rim = {"ring": rng.uniform(1.4, 2.4) + 0.08 * radius, "solid": 2 * radius, "none": 0.0}[kind]
        self.wet = rng.uniform(0.0, 0.3) if kind == "none" else rng.uniform(0.45, 1.0)  # 1: core fluid, 0: solid
        self.swelling = rng.uniform(0.3, 0.55)  # 0 to 1: how much tissue is pushed aside
        self.rough, self.fine = random_field(rng, 17, 4), random_field(rng, 7.5, 3)

    def push(self, z: float, size: int) -> np.ndarray:
        """Mass effect: (3, size, size) float32 mm from each pixel at height z to where its tissue lay in health.

        Tissue moves straight away from the tumour, less the farther it is, and not at all at the skull.
        """
        y, x = plane(size)
        cz, cy, cx = self.centres[0]
        away = np.stack([np.full_like(y, z - cz), y - np.float32(cy), x - np.float32(cx)])
        width = np.float32(2.3 * (self.radii[0] + 0.3 * self.reach))
        skull = np.sqrt((x / 70) ** 2 + (y / 90) ** 2 + np.float32(((z + 10) / 66) ** 2))  # 1: about there
        fade = np.clip((1 - skull) / 0.3, 0, 1)
        return away * (-self.swelling * fade * np.exp(-(away**2).sum(axis=0) / width**2))

    def shares(self, healthy: np.ndarray, there: np.ndarray, z: float) -> tuple[np.ndarray, ...]:
        """What each pixel at height z mm consists of, and its label.

        healthy (3, H, W): shares of fluid, grey and white matter, pushed aside already; there (3, H, W): the places of
        the pixels in the template, mm. Returns shares (6, H, W) of fluid, grey matter, white matter, oedema, core,
        enhancing tumour; labels (H, W) uint8.
        """
        from scipy.ndimage import gaussian_filter

        size = healthy.shape[1]
        fluid, grey, white = healthy
        brain = healthy.sum(axis=0)
        bulge, border, thick, spread = field_at(self.rough, z, size)
        fine = field_at(self.fine, z, size)
        radius = self.radii[0]
        core_edge = self._distance(z, size) + np.float32(min(0.26 * radius, 4.0)) * bulge
        core_edge += np.float32(min(0.15 * radius, 1.6)) * fine[0]
        rim = np.float32(self.rim) * np.clip(1 + 0.7 * thick + 0.45 * fine[1], 0, None)
        reach = np.float32(self.reach) * (1 + 0.35 * spread) + 1.4 * fine[2] + 1.5 * border
        cortex = 1 - np.clip(gaussian_filter(white, 1.5 * size / FIELD_OF_VIEW) / 0.65, 0, 1)
        across = np.clip(-np.sign(self.centres[0, 2]) * there[2], 0, None)  # mm on the other side of the midline
        oedema = inside(core_edge - reach + 11 * cortex + 1.2 * across, 1.3) * (1 - np.clip(1.6 * fluid - 0.2, 0, 1))
        ventricle = np.clip(2 * gaussian_filter(fluid, 2.5 * size / FIELD_OF_VIEW) - 0.5, 0, 1)  # not furrows
        core = inside(core_edge, 0.5) * (1 - ventricle)
        enhancing = core * (1 - inside(core_edge + rim, 0.35)) if self.rim else np.zeros_like(core)
        labels = np.zeros(fluid.shape, np.uint8)
        labels[oedema > 0.5] = 2
        labels[core > 0.5] = 1
        labels[(core > 0.5) & (enhancing > 0.5 * core)] = 3
        labels[brain <= 0.5] = 0
        kept = (1 - oedema) * (1 - core)
        tumour = np.stack([oedema * (1 - core), core - enhancing, enhancing]) * brain
        return np.concatenate([healthy * kept, tumour]), labels

    def _distance(self, z: float, size: int) -> np.ndarray:
        """mm to the surface of the nearest focus, below 0 inside, before it is made rough; (size, size) float32."""
        y, x = plane(size)
        nearest = np.full_like(y, np.inf)
        beyond = np.float32(2 * max(abs(z) - DEPTH / 2 + 9, 0))  # lets it end before the volume does
        for (cz, cy, cx), radius in zip(self.centres, self.radii, strict=True):
            a, b, c = (column[:, None, None] for column in self.shape.T.astype(np.float32))
            there = a * np.float32(z - cz) + b * (y - np.float32(cy)) + c * (x - np.float32(cx))
            nearest = np.minimum(nearest, np.linalg.norm(there, axis=0) - np.float32(radius))
        return nearest + beyond


def _place(rng: np.random.Generator, head: Head, extent: float) -> np.ndarray:
    """A place in white matter (3,) mm (z, y, x), away from the midline, so that the lesion lies between the heights."""
    z = rng.uniform(-1, 1) * (DEPTH / 2 - 4 - extent)
    white = head.tissues(head.places(z, 52), z)[2]
    y, x = plane(52)
    possible = (white > 0.6) & (np.abs(x) > 9)
    here = rng.integers(possible.sum())
    return np.array([z, y[possible][here], x[possible][here]])
