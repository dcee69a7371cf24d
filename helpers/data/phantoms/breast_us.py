"""A breast ultrasound phantom: no mass, a benign or a malignant one, with its true outline and its BI-RADS terms."""

from dataclasses import dataclass

import numpy as np

from helpers.data.case import Case
from helpers.data.phantoms.breast_anatomy import DEPTH, add_band, add_island, draw_breast, shadow, tissue
from helpers.data.phantoms.breast_mass import add_mass, draw_lesion
from helpers.data.phantoms.shapes import burn_in, generators

KINDS = ("normal", "benign", "malignant")
IMAGES_EACH = 2  # two planes through the same breast
AGES = (49, 45, 57)  # years, mean of each kind
BANDS = (0.75, 0.5, 0.0)  # how often each kind has a bright band of tissue
# Seed and indices of 10 benign and 10 malignant test images, one a patient, read by the learner: not for training
HELD_OUT = (
    0,
    tuple(20_000_000 + 2 * k for k in (1, 3, 4, 6, 7, 8, 9, 11, 13, 14, 15, 17, 18, 20, 22, 23, 24, 27, 28, 29)),
)
NO_MASS = dict.fromkeys(("shape", "orientation", "margin", "posterior", "calcifications"), "none")


@dataclass(frozen=True)
class _Scanner:
    across: float  # mm, width of the beam at its focus (standard deviation)
    along: float  # mm, length of the pulse (standard deviation)
    looks: int  # directions that are averaged
    loss: float  # share of shadows and enhancement that it shows: low frequencies lose less
    dynamic: float  # dB from black to white
    gain: float  # dB
    gamma: float  # of the grey curve
    edges: float  # how much of what a blur takes away is added


SCANNERS = {
    "A": _Scanner(across=0.17, along=0.09, looks=3, loss=1, dynamic=52, gain=0, gamma=1.6, edges=0),
    "B": _Scanner(across=0.3, along=0.17, looks=2, loss=0.75, dynamic=42, gain=3, gamma=0.95, edges=0.6),
}


def breast_us(
    seed: int, index: int, size: int = 128, kind: str | None = None, site: str = "A", shortcut: bool = False
) -> Case:
    """Make one image of a breast, 40 mm deep and wide, without a mass or with one.

    Benign and malignant differ in what the BI-RADS lexicon describes (ACR BI-RADS Atlas, 2013): shape, orientation,
    margin, what lies behind, and calcifications; cancers also have a bright rim more often. Each is a tendency
    (`breast_mass`), none is a rule, and 2 of 100 of either kind are drawn by the numbers of the other. Size, depth and
    darkness of a mass come from the same distributions for both kinds. A normal breast has an island of fat in place of
    the mass, and bright bands of tissue are commonest in normal images and absent around cancers, for these have a
    rim: so brightness tells little.

    The two images of a patient, index // 2, are two planes through the same breast: the same layers, tissue, scanner
    settings and traits of the mass; other lobules, another outline, another place to the side, other speckle.

    Site B is a scanner of lower frequency: coarser speckle of two looks instead of three, weaker shadows, a narrower
    dynamic range, brighter, with edges enhanced. Anatomy and truth are those of site A.

    Realistic: lobules of fat between ligaments, muscle fibres, speckle from scatterers and a beam with a focus, looks
    from several directions averaged, shadows, edge shadows, enhancement, gain by depth. Not realistic: outlines are
    star-shaped and spikes too even, a mass does not push its surroundings aside, an island of fat can look like a
    blurred mass, no cysts, vessels, ribs or nipple, every image as deep. How common kinds and traits are, sizes and
    ages are chosen to teach.

    Parameters
    ----------
    seed, index : 0 or more; the same two give the same image, whatever else was made before
    size : H = W in pixels, at least 64
    kind : "normal", "benign", "malignant"; None: by patient, each once among patients 3b, 3b + 1 and 3b + 2
    site : "A" or "B", the scanner
    shortcut : burn a letter and a digit into 95 of 100 malignant images and 5 of 100 others

    Returns
    -------
    Case : image (H, W, 1) uint8, up is the skin; label 0 normal, 1 benign, 2 malignant; mask (H, W) uint8, 1 in the
        mass; spacing (2,) mm; table: "age" in years, and as words "shape", "orientation" (round counts as not
        parallel), "margin", "posterior", "calcifications" of the mass as it was drawn, all "none" if there is none

    Raises
    ------
    ValueError : another kind or site, a size below 64, seed or index below 0
    """
    if kind not in (None, *KINDS):
        raise ValueError(f"expected kind 'normal', 'benign', 'malignant' or None, got {kind!r}")
    if site not in SCANNERS:
        raise ValueError(f"expected site 'A' or 'B', got {site!r}")
    if size < 64:
        raise ValueError(f"expected a size of at least 64 pixels, got {size}: outlines would be lost")
    patient = index // IMAGES_EACH
    facts, layers, place, traits, settings = generators("breast_us patient", seed, patient, 5)
    plane, extras, detail, speckle, mark = generators("breast_us image", seed, index, 5)
    label = KINDS.index(kind) if kind else kind_of(seed, patient)
    radius, darker = 4.8 * 1.6 ** place.random(), place.uniform(0, 5)
    breast = draw_breast(layers, 2.8 * radius + 2)
    depth = place.uniform(breast.skin + 1.5 * radius + 0.5, breast.muscle - 1.2 * radius - 0.5)
    cx = extras.uniform(-1, 1) * (18.5 - 1.6 * radius)
    middle = ((np.arange(size) + 0.5) * DEPTH / size).astype(np.float32)
    y, x = np.meshgrid(middle, middle - np.float32(DEPTH / 2), indexing="ij")
    echo, loss = tissue(plane, breast, x, y)
    if extras.random() < 0.5:
        at = extras.uniform(-18, 18), extras.uniform(breast.front, breast.back)
        echo = add_island(extras, breast, echo, x, y, *at, 2 * 3 ** extras.random(), extras.uniform(-1, 3))
    mask = np.zeros(x.shape, bool)
    # What a mass, its rim and its shadow do to an image's brightness, other tissue does where they are missing
    if not label:
        echo = add_island(detail, breast, echo, x, y, cx, depth, 0.88 * radius, detail.uniform(0.5, 4.5))
        if detail.random() < 0.15:
            loss = loss + shadow(x, y, detail.uniform(-18, 18), 0.55 * radius, depth - radius, detail.uniform(5, 14))
    if detail.random() < BANDS[label]:
        echo = add_band(detail, echo, x, y, depth + detail.uniform(-1, 1) * radius)
    if label:
        lesion = draw_lesion(traits, label == 2, radius, depth, darker)
        echo, loss, mask = add_mass(detail, lesion, cx, breast.fat, echo, loss, x, y)
    image = _scanned(speckle, settings, SCANNERS[site], echo, loss, y)[..., None]
    if mark.random() < (0.95 if label == 2 else 0.05) and shortcut:
        burn_in(image, mark, 235)
    table = {"age": float(np.clip(round(facts.normal(AGES[label], 12)), 20, 90))}
    table |= lesion.descriptors() if label else NO_MASS
    return Case(image, np.full(2, DEPTH / size), f"p{patient:04d}", label, mask.astype(np.uint8), table=table)


def kind_of(seed: int, patient: int) -> int:
    """A patient's label; each kind occurs once among patients 3b, 3b + 1 and 3b + 2."""
    (order,) = generators("breast_us kinds", seed, patient // 3, 1)
    return int(order.permutation(3)[patient % 3])


def _scanned(rng, settings, scanner: _Scanner, echo, loss, y) -> np.ndarray:
    """Speckle: random scatterers seen through a beam, short along it and wide across, wider away from the focus.

    settings : generator of what the patient's images share
    """
    from scipy.ndimage import gaussian_filter, gaussian_filter1d

    size, pixel = len(echo), DEPTH / len(echo)
    focus = settings.uniform(12, 24)  # mm
    sliders = np.interp(y[:, 0], np.linspace(0, DEPTH, 8), settings.normal(0, 2.5, 8))[:, None]  # dB, gain by depth
    dynamic, gain = scanner.dynamic + settings.uniform(-6, 6), scanner.gain + settings.uniform(-4, 4)
    gamma = scanner.gamma + settings.uniform(-0.2, 0.2)
    power = np.exp((echo - scanner.loss * loss + sliders.astype(np.float32)) * np.float32(np.log(10) / 10))
    amplitude = np.sqrt(power + 4e-4 * np.exp(y / 12))  # the second: noise of the electronics, raised with depth
    waves = rng.standard_normal((2 * scanner.looks, size, size), np.float32) * amplitude
    length = scanner.along / pixel + 0.25
    waves = gaussian_filter1d(waves, length, axis=1)
    bands = []
    for rows in np.array_split(np.arange(size), 8):
        width = float(scanner.across / pixel * (1 + abs(rows.mean() * pixel - focus) / 16) + 0.2)
        seen = gaussian_filter1d(waves[:, rows], width, axis=2) ** 2
        seen = np.sqrt(seen[: scanner.looks] + seen[scanner.looks :]).mean(axis=0)
        bands.append(seen * (2 * (width * length) ** 0.5))  # a blur weakens the waves by the root of its area
    decibel = np.log(np.concatenate(bands) + 1e-4) * np.float32(20 / np.log(10)) + gain
    if scanner.edges:
        decibel += scanner.edges * (decibel - gaussian_filter(decibel, 0.6 / pixel))
    return np.round(255 * np.clip(decibel / dynamic + 0.74, 0, 1) ** gamma).astype(np.uint8)
