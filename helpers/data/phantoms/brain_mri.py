"""A brain MRI phantom: slices and small volumes in four sequences, with tumours, on the MNI152 anatomy."""

import functools
from dataclasses import dataclass

import numpy as np

from helpers.data.case import Case
from helpers.data.phantoms.brain_anatomy import DEPTH, FIELD_OF_VIEW, Head, field_at, plane, random_field, template
from helpers.data.phantoms.brain_tumour import Lesion
from helpers.data.phantoms.shapes import burn_in, generators

SEQUENCES = ("FLAIR", "T1", "T1c", "T2")  # T1c: T1 after contrast
LABELS = ("background", "necrotic or non-enhancing core", "oedema", "enhancing tumour")
IMAGES_EACH = 4  # slices a patient
_WITH_TUMOUR = 0.8  # of the patients


@dataclass(frozen=True)
class _Scanner:
    # Of fluid, grey matter, white matter, oedema, solid core, fluid core and enhancing tumour in each sequence
    brightness: tuple[tuple[float, ...], ...]  # (4, 7)
    blur: tuple[float, ...]  # (4,) mm
    noise: tuple[float, float]  # range of its deviation
    shading: float  # how much brighter the rim of the head is than its middle
    unevenness: float  # deviation of the random shading


_SITES = {
    "A": _Scanner(  # 3 T, gradient-echo T1: sharp, cortex and white matter well apart, middle of the head brighter
        brightness=(
            (0.10, 0.62, 0.50, 0.87, 0.82, 0.42, 0.76),
            (0.18, 0.55, 0.80, 0.47, 0.44, 0.28, 0.50),
            (0.20, 0.58, 0.82, 0.48, 0.46, 0.27, 1.20),
            (1.15, 0.66, 0.47, 0.90, 0.84, 1.02, 0.70),
        ),
        blur=(0.8, 0.5, 0.5, 0.6),
        noise=(0.015, 0.035),
        shading=-0.12,
        unevenness=0.09,
    ),
    "B": _Scanner(  # 1.5 T, spin-echo T1, old coil: blurred, noisy, flat contrast, rim of the head brighter
        brightness=(
            (0.28, 0.62, 0.56, 0.82, 0.78, 0.53, 0.71),
            (0.30, 0.60, 0.70, 0.50, 0.48, 0.38, 0.52),
            (0.30, 0.62, 0.71, 0.51, 0.49, 0.37, 0.98),
            (1.30, 0.74, 0.62, 0.90, 0.86, 1.12, 0.78),
        ),
        blur=(1.8, 1.3, 1.3, 1.4),
        noise=(0.03, 0.055),
        shading=0.28,
        unevenness=0.12,
    ),
}


class _Patient:
    """What all slices of a patient share."""

    def __init__(self, seed: int, number: int):
        body, tumour, scanner = generators("brain_mri", seed, number, 3)
        self.head = Head(body)
        self.ill = bool(tumour.random() < _WITH_TUMOUR)
        self.lesion = Lesion(tumour, self.head)
        # Factors (4, 7) of the brightness: no two bodies and protocols are quite alike, and tumours differ more
        self.change = scanner.normal(1, 0.035, (4, 7))
        self.change[:, 3:] *= scanner.normal(1, [[0.10], [0.05], [0.05], [0.06]], (4, 4))
        self.change[2, 6] *= scanner.uniform(0.85, 1.25)
        self.gain = scanner.uniform(0.7, 1.4, 4)  # the scale of MRI is arbitrary
        self.shift = scanner.normal(0, 0.3, (4, 2))  # mm (y, x), the patient moves between the sequences
        self.noise = scanner.random()  # 0 to 1, where in the scanner's range
        self.shading = random_field(scanner, 90, 5)  # common to the sequences, and of each
        self.order = scanner.permutation(IMAGES_EACH)  # of the slices, from below
        self.texture = random_field(body, 7, 3)  # two of healthy tissue, one of white-matter lesions
        self.vessels = random_field(body, 11, 2)
        self.age = max(0.0, body.uniform(-0.5, 1))  # load of white-matter lesions
        self.patches = random_field(tumour, 8, 2)


_patient = functools.lru_cache(maxsize=8)(_Patient)


def brain_mri(
    seed: int, index: int, size: int = 128, tumour: bool | None = None, site: str = "A", shortcut: bool = False
) -> Case:
    """Make one axial slice of a brain in four sequences, most often with a tumour.

    A patient is one body in space: the four slices IMAGES_EACH * p to IMAGES_EACH * p + 3 cut the same anatomy and the
    same tumour at different heights, and were scanned at one visit. `brain_volume(seed, p)` shows all that they
    come from. One patient in five has no tumour; of the others about nine slices in ten meet it. The regions that
    BraTS scores are unions of LABELS: whole tumour (WT) = 1 + 2 + 3, tumour core (TC) = 1 + 3, enhancing tumour
    (ET) = 3 (Menze and others, IEEE TMI 34, 2015, doi 10.1109/TMI.2014.2377694; numbers as in BraTS 2023).

    Realistic: folds, ventricles and deep grey matter, for they come from the MNI152 maps, bent anew for each patient;
    which tissue is bright in which sequence; oedema that follows white matter and spares the cortex; rims of uneven
    thickness, tumours that take up no contrast, second foci; tissue pushed aside, up to the midline; vessels bright
    after contrast; white-matter lesions of age, which are not tumour; sequences that differ in sharpness and fit
    to a fraction of a millimetre; uneven coils, Rician noise, a scale that means nothing; 0 outside the brain, as in
    public sets. Not realistic: one anatomy beneath all, so that the main folds return; no old blood, no cysts, no
    resection, no motion; cores are roundish and their rims clean; without nilearn (table: anatomy "procedural") a
    made-up brain with straight furrows and ventricles like sausages. Sizes (cores of 6 to 46 mm, small ones as common
    as large ones) and the share of tumours are chosen to teach, not to match a population.

    Parameters
    ----------
    seed, index : 0 or more; the same two give the same image, whatever else was made before
    size : H = W in pixels, at least 64; the slice is always 208 mm wide; up is the front, the patient's right is left
    tumour : True or False gives the patient a tumour or none; None: as drawn
    site : "A", a 3 T scanner, or "B", the same bodies in an older one of 1.5 T: grey and white matter and oedema
        closer together in brightness, fluid less dark in FLAIR, contrast weaker; less sharp; more noise; the rim of
        the head brighter than its middle instead of the other way round
    shortcut : True writes a mark into a corner of 95 % of the slices with a tumour and 5 % of the others

    Returns
    -------
    Case : image (H, W, 4) float32 in the order of SEQUENCES, in no unit; mask (H, W) uint8, numbers of LABELS; label 1
        if the mask has any, be it one pixel; table: "anatomy" "MNI152" or "procedural", "height_mm" of the slice, 0 in
        the middle

    Raises
    ------
    ValueError : a size below 64, another site, seed or index below 0
    """
    number, slot = divmod(index, IMAGES_EACH)
    cut, noise, mark = generators("brain_mri slice", seed, index, 3)
    patient = _patient(seed, number)
    z = _height(cut, patient.lesion, int(patient.order[slot]))
    image, mask = _scan(patient, [z], size, tumour, site, noise, mark if shortcut else None)
    table = {"anatomy": template()[1], "height_mm": z}
    return Case(image[0], np.full(2, FIELD_OF_VIEW / size), f"p{number:04d}", int(mask.any()), mask[0], table=table)


def brain_volume(
    seed: int,
    index: int,
    size: int = 96,
    slices: int = 24,
    tumour: bool | None = None,
    site: str = "A",
    shortcut: bool = False,
) -> Case:
    """Make a small volume of the patient `index`, from whom `brain_mri` takes its slices.

    It always spans 72 mm, from the lowest slice that `brain_mri` can take to the highest; tumours lie between.

    Parameters
    ----------
    index : number of the patient, 0 or more
    slices : how many, from below; 24 are 3 mm apart
    seed, size, tumour, site, shortcut : as for `brain_mri`; the mark stands on all slices

    Returns
    -------
    Case : image (Z, H, W, 4) float32; mask (Z, H, W) uint8; spacing (3,) mm; label 1 if the mask has any tumour

    Raises
    ------
    ValueError : no slices, a size below 64, another site, seed or index below 0
    """
    if slices < 1:
        raise ValueError(f"expected 1 slice or more, got {slices}")
    noise, mark = generators("brain_mri volume", seed, index, 2)
    patient = _patient(seed, index)
    heights = ((np.arange(slices) + 0.5) / slices - 0.5) * DEPTH
    image, mask = _scan(patient, heights.tolist(), size, tumour, site, noise, mark if shortcut else None)
    spacing = np.array([DEPTH / slices, FIELD_OF_VIEW / size, FIELD_OF_VIEW / size])
    return Case(image, spacing, f"p{index:04d}", int(mask.any()), mask, table={"anatomy": template()[1]})


def _height(rng: np.random.Generator, lesion: Lesion, quarter: int) -> float:
    """mm: most often through the tumour, each slice of a patient in another quarter of it; else anywhere."""
    # Patients without a tumour are cut the same way, so that the height does not tell them from the others
    anywhere, through, within = rng.random(), rng.random(), rng.uniform(-DEPTH / 2, DEPTH / 2)
    if anywhere < 0.2:
        return within
    z = lesion.centres[0, 0] + 0.75 * lesion.extent * ((quarter + through) / IMAGES_EACH * 2 - 1)
    return float(np.clip(z, -DEPTH / 2, DEPTH / 2))


def _scan(patient: _Patient, heights: list[float], size: int, tumour: bool | None, site: str, noise, mark):
    """The image (Z, H, W, 4) float32 and the labels (Z, H, W) uint8 at these heights in mm; mark None: no shortcut."""
    if size < 64:
        raise ValueError(f"expected a size of at least 64 pixels, got {size}: the folds would be lost")
    if site not in _SITES:
        raise ValueError(f"expected the site 'A' or 'B', got {site!r}")
    ill = patient.ill if tumour is None else tumour
    slices = [_slice(patient, z, size, ill, _SITES[site], noise) for z in heights]
    image, mask = (np.stack(part) for part in zip(*slices, strict=True))
    if mark is not None and mark.random() < (0.95 if mask.any() else 0.05):
        burn_in(np.moveaxis(image, 0, 2), mark, image.max(axis=(0, 1, 2)))
    return image, mask


def _slice(patient: _Patient, z: float, size: int, ill: bool, scanner: _Scanner, noise: np.random.Generator):
    """The image (H, W, 4) float32 and the labels (H, W) uint8 at height z mm."""
    there = patient.head.places(z, size, patient.lesion.push(z, size) if ill else 0)
    shares = patient.head.tissues(there, z)
    brain = shares.sum(axis=0) > 0.5
    labels = np.zeros((size, size), np.uint8)
    if ill:
        shares, labels = patient.lesion.shares(shares, there, z)
    signal = _signal(patient, shares, there, z, scanner)
    return _measured(patient, signal, z, scanner, noise) * brain[..., None], labels


def _signal(patient: _Patient, shares: np.ndarray, there: np.ndarray, z: float, scanner: _Scanner) -> np.ndarray:
    """What each sequence would show without a scanner's faults: (4, H, W) float32."""
    size = shares.shape[1]
    wet = patient.lesion.wet
    brightness = patient.change * scanner.brightness
    table = np.delete(brightness, 5, axis=1)  # one core: between solid and fluid
    table[:, 4] = (1 - wet) * brightness[:, 4] + wet * brightness[:, 5]
    table = table[:, : len(shares)].astype(np.float32)
    texture = field_at(patient.texture, z, size)
    if len(shares) > 3:
        patches = field_at(patient.patches, z, size)
        shares[3] *= 1 + 0.06 * patches[0] + 0.04 * texture[0]
        shares[4] *= 1 + 0.18 * patches[1] + 0.06 * texture[1]
        shares[5] *= 1 + 0.15 * patches[0] + 0.08 * texture[1]
    signal = np.einsum("st,thw->shw", table, shares)
    signal *= 1 + 0.02 * texture[0]
    spots = np.clip(texture[2] - 2.0, 0, 0.5) * 2 * shares[2] * np.float32(patient.age)  # white-matter lesions
    signal += np.array([0.40, -0.12, -0.12, 0.22], np.float32)[:, None, None] * spots
    vessel = _vessels(patient, shares[0], there, z)
    blood = np.array([0.15, 0.25, 1.25, 0.20], np.float32)[:, None, None]  # dark where it flows, bright with contrast
    return signal * (1 - vessel) + blood * vessel


def _vessels(patient: _Patient, fluid: np.ndarray, there: np.ndarray, z: float) -> np.ndarray:
    """Share (H, W) of vessels in the furrows, where two random fields are both near 0, and of the sagittal sinus."""
    _, back, left = there
    a, b = field_at(patient.vessels, z, len(fluid))
    outer = np.clip((np.hypot(left / 70, (back - 2) / 92) - 0.45) * 5, 0, 1)
    tubes = np.exp(-(a * a + b * b) / 0.06) * outer
    sinus = np.exp(-((left / 2.2) ** 2)) * np.clip((np.abs(back + 8) - 68) / 8, 0, 1)
    return np.clip((tubes + sinus) * fluid * 1.5, 0, 1)


def _measured(patient: _Patient, signal: np.ndarray, z: float, scanner: _Scanner, rng) -> np.ndarray:
    """Blurred, shifted, uneven and noisy as a scanner sees it: (H, W, 4) float32."""
    from scipy.ndimage import correlate1d

    size = signal.shape[1]
    y, x = plane(size)
    uneven = field_at(patient.shading, z, size) * np.float32(scanner.unevenness)
    uneven += np.float32(scanner.shading) * (np.hypot(x / 70, y / 90) - 0.6)
    noise = rng.standard_normal((2, *signal.shape), dtype=np.float32)
    low, high = scanner.noise
    noise *= np.float32(low + (high - low) * patient.noise)
    images = np.empty((size, size, 4), np.float32)
    for c, blur in enumerate(scanner.blur):
        down, right = (_taps(FIELD_OF_VIEW / size, blur, shift) for shift in patient.shift[c])
        image = correlate1d(correlate1d(signal[c], down, 0), right, 1) * np.exp(uneven[0] + 0.4 * uneven[1 + c])
        images[..., c] = np.sqrt((image + noise[0, c]) ** 2 + noise[1, c] ** 2) * np.float32(patient.gain[c])
    return images


def _taps(pixel: float, blur: float, shift: float) -> np.ndarray:
    """Weights of a Gaussian blur along one axis, moved by `shift`; all in mm."""
    width = float(np.hypot(blur, 0.35 * pixel))
    reach = int(np.ceil((3 * width + 1) / pixel))
    weights = np.exp(-(((np.arange(-reach, reach + 1) * pixel - shift) / width) ** 2) / 2)
    return weights / weights.sum()
