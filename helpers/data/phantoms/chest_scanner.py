"""What a CT scanner makes of a slice: blur, noise, streaks."""

import numpy as np

from helpers.data.phantoms.chest_plane import Plane

WATER = 0.0195  # attenuation of water in 1 / mm at about 70 keV, as if all photons had this one energy


def scan(plane: Plane, rng: np.random.Generator, sharp: bool) -> np.ndarray:
    """Blur and noise: filtered back projection makes fine grain and leaves no slow drift.

    A sharp kernel shows finer detail, with a rim at edges, and finer and stronger noise. There is more noise in the
    middle of the chest, where most rays are lost.
    """
    from scipy.ndimage import gaussian_filter

    blur, fall, level = (0.35, 0.62, rng.uniform(45, 70)) if sharp else (0.62, 0.36, rng.uniform(12, 26))  # HU of noise
    image = gaussian_filter(plane.hu, blur / plane.pixel)
    if sharp:
        image += 0.75 * (image - gaussian_filter(plane.hu, 0.9 / plane.pixel))
    frequency = np.hypot(np.fft.rfftfreq(plane.size), np.fft.fftfreq(plane.size)[:, None]) / plane.pixel  # 1 / mm
    grain = np.fft.rfft2(rng.standard_normal(image.shape)) * frequency * np.exp(-((frequency / fall) ** 2))
    noise = np.fft.irfft2(grain, s=image.shape)
    strength = 1.25 - 0.7 * np.clip((plane.x / 170) ** 2 + (plane.y / 130) ** 2, 0, 1)
    return image + noise * strength * (level / noise.std())


def measure(plane: Plane, rng: np.random.Generator, sharp: bool, photons: float, views: int) -> np.ndarray:
    """Send `photons` a ray through a slice, from `views` sides over half a turn, count them, put it together again.

    Photons of one energy; parallel rays; what lies outside the slice counts as air. So a small field of view has less
    noise than it would have in a whole chest.
    """
    from skimage.transform import iradon, radon

    pad = int(np.ceil(0.21 * plane.size)) + 1  # the corners must lie inside the circle that turns
    thickness = np.pad(np.clip(1 + plane.hu / 1000, 0, None) * WATER * plane.pixel, pad)
    angles = np.linspace(0, 180, views, endpoint=False)
    rays = radon(thickness, angles, circle=True)
    counts = rng.poisson(photons * np.exp(-rays))
    rays = np.log(photons / np.maximum(counts, 1))
    again = iradon(rays, angles, filter_name="ramp" if sharp else "hann", circle=True)[pad:-pad, pad:-pad]
    return (again / (WATER * plane.pixel) - 1) * 1000
