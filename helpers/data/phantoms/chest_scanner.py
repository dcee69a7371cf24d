"""What a CT scanner makes of a slice: blur, noise, streaks."""

import numpy as np

WATER = 0.0195  # attenuation of water in 1 / mm at about 70 keV, as if all photons had this one energy


def scan(
    hu: np.ndarray, rng: np.random.Generator, spacing: float, place: tuple, sharp: bool, level: float
) -> np.ndarray:
    """Blur and noise: filtered back projection makes fine grain and leaves no slow drift.

    Parameters
    ----------
    hu : (H, W) what is there
    place : x (H, W) and y (H, W) in mm from the middle of the chest, where most rays are lost and noise is strongest
    sharp : the kernel; a sharp one shows finer detail, with a rim at edges, and finer and stronger noise
    level : the standard deviation of the noise in HU
    """
    from scipy.ndimage import gaussian_filter

    size = len(hu)
    if sharp:
        soft = gaussian_filter(hu, 0.9 / spacing)
        image = gaussian_filter(hu, 0.35 / spacing)
        image += 0.75 * (image - soft)
    else:
        image = gaussian_filter(hu, 0.62 / spacing)
    frequency = np.hypot(np.fft.rfftfreq(size), np.fft.fftfreq(size)[:, None]) / spacing  # 1 / mm
    fall = 0.62 if sharp else 0.36
    grain = np.fft.rfft2(rng.standard_normal((size, size))) * frequency * np.exp(-((frequency / fall) ** 2))
    noise = np.fft.irfft2(grain, s=(size, size))
    x, y = place
    strength = 1.25 - 0.7 * np.clip((x / 170) ** 2 + (y / 130) ** 2, 0, 1)
    return image + noise * strength * (level / noise.std())


def measure(
    hu: np.ndarray, rng: np.random.Generator, spacing: float, sharp: bool, photons: float, views: int
) -> np.ndarray:
    """Send counted photons through a slice (H, W) from `views` sides and put it together again.

    Photons of one energy; parallel rays; what lies outside the slice counts as air. So a small field of view has less
    noise than it would have in a whole chest.

    Parameters
    ----------
    photons : that set out on each ray
    views : from how many sides, over half a turn
    """
    from skimage.transform import iradon, radon

    pad = int(np.ceil(0.21 * len(hu))) + 1  # the corners must lie inside the circle that turns
    thickness = np.pad(np.clip(1 + hu / 1000, 0, None) * WATER * spacing, pad)
    angles = np.linspace(0, 180, views, endpoint=False)
    rays = radon(thickness, angles, circle=True)
    counts = rng.poisson(photons * np.exp(-rays))
    rays = np.log(photons / np.maximum(counts, 1))
    again = iradon(rays, angles, filter_name="ramp" if sharp else "hann", circle=True)[pad:-pad, pad:-pad]
    return (again / (WATER * spacing) - 1) * 1000
