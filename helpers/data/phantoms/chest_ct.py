"""A chest CT phantom with lung nodules: single axial slices and whole scans, in Hounsfield units."""

import functools
from dataclasses import dataclass, replace

import numpy as np

from helpers.data.case import Case, Findings
from helpers.data.phantoms import chest_nodules, chest_scanner
from helpers.data.phantoms.chest_anatomy import Body
from helpers.data.phantoms.chest_lung import Lungs
from helpers.data.phantoms.chest_nodules import LEAST_SEEN, Lump
from helpers.data.phantoms.chest_plane import SLAB, Plane, View
from helpers.data.phantoms.shapes import burn_in, generators

IMAGES_EACH = 4  # slices of one patient
WHOLE = 330.0  # mm; from this field of view on, the whole chest is shown
LOWEST, HIGHEST = -84.0, 76.0  # mm from the roots of the lungs: between these a scan lies


@dataclass(frozen=True)
class _Patient:
    """heights (Z,) mm of the slices of the scan, from below; slices: heights (4,) of the single ones."""

    body: Body
    lungs: Lungs
    view: View
    heights: np.ndarray
    slices: np.ndarray
    nodules: list[Lump]
    excluded: list[Lump]
    scars: list[Lump]


def chest_ct(
    seed: int,
    index: int,
    size: int = 128,
    spacing: float = 0.8,
    nodules: int | None = None,
    site: str = "A",
    shortcut: bool = False,
    dose: tuple[float, int] | None = None,
) -> Case:
    """Make one axial slice of a chest; up is the front, the patient's right is on the left.

    A patient is one thing in space, of which four indices show four slices: chest wall, heart, vessels, bronchi and
    nodules go on from slice to slice, as in `chest_scan` of the same patient. Three of the four slices of a patient
    with nodules go through one, so that there are enough of them to learn from.

    Realistic: layers of skin, fat and muscle, obliquely cut ribs, vertebrae and discs, their Hounsfield units; trees
    of arteries and veins that fill the lungs, with bronchi beside the arteries; partial volume in a slab of 2.5 mm, so
    that vessels seen end on look like nodules; sizes of nodules (those of LUNA16) and how many scans have none; solid,
    part-solid and ground-glass nodules, some at the pleura or at a vessel, some with spicules; grain of filtered back
    projection. Not realistic: organs from ellipsoids and tubes, so that heart, stomach and hila are plainer than real
    ones; no lobes in the vessel tree, no motion, metal, emphysema or other disease; arms, neck and upper abdomen are
    not shown; how often a slice holds a nodule, and the kinds, are chosen to teach.

    Parameters
    ----------
    seed, index : 0 or more; the same two give the same image, whatever else was made before. Patient = index // 4
    size : H = W in pixels, at least 64
    spacing : mm a pixel, 0.4 to 2.5; size * spacing is the field of view: 128 pixels of 0.8 mm are a region of a lung,
        256 one side of the chest; from 330 mm on (256 pixels of 1.4 mm) it is the whole chest
    nodules : how many the patient has, 0 to 6, and then each slice goes through one; None: a random number from 0 to 4
    site : scanner "A", with a soft kernel and little noise; or "B": the same anatomy with a sharp kernel (finer detail,
        bright rims), two to four times the noise with finer grain, and lungs 25 HU denser
    shortcut : burn a mark into 95 % of the slices with a nodule and 5 % of the others
    dose : (photons a ray, views): noise and streaks from counted photons, see `chest_scanner.measure`; (100000, 180)
        looks clinical, (3000, 30) shows streaks

    Returns
    -------
    Case: image (H, W, 1) int16 HU; label 1 if a nodule counts in this slice. nodules: boxes around the pixels at least
    half filled by it, given if these are 2 mm or more across; centres: the middles of the boxes; diameters_mm of the
    whole nodule; kinds "solid", "part-solid" or "ground-glass". excluded, which count neither way: kinds "small"
    (nodules below 3 mm), "scar", "plaque", and "faint": a nodule of which this slice shows too little

    Raises
    ------
    ValueError : an argument outside what is said above
    """
    _check(size, spacing, nodules, site)
    if dose is not None and (np.shape(dose) != (2,) or not (dose[0] >= 1 and dose[1] >= 2)):
        raise ValueError(f"expected a dose of (photons a ray >= 1, views >= 2), such as (100000, 180), got {dose}")
    number, which = divmod(index, IMAGES_EACH)
    noise, mark = generators("chest_ct", seed, index, 2)
    patient = _patient(seed, number, size, spacing, nodules)
    hu, found, excluded = _slice(patient, patient.slices[which], site, noise, dose)
    label = int(len(found.boxes) > 0)
    image = hu[:, :, None]
    _mark(image, mark, shortcut, label)
    return Case(image, np.array([spacing, spacing]), f"p{number:04d}", label, nodules=found, excluded=excluded)


def chest_scan(
    seed: int,
    index: int,
    size: int = 128,
    spacing: float = 0.8,
    nodules: int | None = None,
    site: str = "A",
    shortcut: bool = False,
) -> Case:
    """Make a scan of patient `index`: 16 to 24 slices of 2.5 mm, from below, of what `chest_ct` shows slices of.

    Parameters
    ----------
    as of `chest_ct`

    Returns
    -------
    Case: image (Z, H, W, 1) int16 HU; spacing (3,) mm; label 1 if there is a nodule. nodules and excluded: centres
    (z, y, x) in voxels, 0 being the middle of the first; boxes None

    Raises
    ------
    ValueError : an argument outside what is said for `chest_ct`
    """
    _check(size, spacing, nodules, site)
    noise, mark = generators("chest_scan", seed, index, 2)
    patient = _patient(seed, index, size, spacing, nodules)
    image = np.stack([_slice(patient, z, site, noise, None)[0] for z in patient.heights])[..., None]
    label = int(len(patient.nodules) > 0)
    _mark(np.moveaxis(image, 0, -1), mark, shortcut, label)
    spacings = np.array([SLAB, spacing, spacing])
    found, excluded = (_voxels(patient, lumps) for lumps in (patient.nodules, patient.excluded))
    return Case(image, spacings, f"p{index:04d}", label, nodules=found, excluded=excluded)


def _check(size, spacing, nodules, site) -> None:
    if size < 64:
        raise ValueError(f"expected a size of at least 64 pixels, got {size}: nothing could be told from so few")
    if not 0.4 <= spacing <= 2.5:
        raise ValueError(f"expected a spacing of 0.4 to 2.5 mm, got {spacing}")
    if size * spacing < 50:
        raise ValueError(f"expected a field of view of 50 mm or more, got {size} pixels of {spacing} mm")
    if nodules is not None and not 0 <= nodules <= 6:
        raise ValueError(f"expected 0 to 6 nodules or None, got {nodules}")
    if site not in ("A", "B"):
        raise ValueError(f"expected site 'A' or 'B', got {site!r}")


@functools.lru_cache(maxsize=6)
def _patient(seed: int, number: int, size: int, spacing: float, nodules: int | None) -> _Patient:
    """All that the slices of a patient share."""
    plan, look, lungs, right, left, lesions, cuts = generators("chest_ct patient", seed, number, 7)
    body = Body(plan)
    count = look.integers(16, 25)
    lowest = look.uniform(LOWEST, HIGHEST - SLAB * (count - 1))
    heights = lowest + SLAB * np.arange(count)
    view = _view(look, body, heights, size, spacing)
    inside = Lungs([lungs, right, left], body, view, heights[0], heights[-1])
    body.look(view, heights[0], heights[-1])
    if nodules is None:
        nodules, through = int(lesions.choice(5, p=[0.33, 0.3, 0.19, 0.11, 0.07])), IMAGES_EACH - 1
    else:
        through = IMAGES_EACH
    found = chest_nodules.find_lumps(lesions, body, inside, view, heights[0], heights[-1], nodules)
    return _Patient(body, inside, view, heights, _cuts(cuts, heights, found[0], through), *found)


def _view(rng, body: Body, heights: np.ndarray, size: int, spacing: float) -> View:
    """The whole chest; or else a place, drawn at random, where much of one lung is in view."""
    from scipy.ndimage import uniform_filter

    side = rng.choice([-1, 1])
    if size * spacing >= WHOLE:
        x, y, _ = body.bend.back(np.array([[0.0, 4.0, heights.mean()]]))[0]
        return View(x, y, size, spacing)
    step = 6.0
    at = np.arange(-150, 151, step)
    z, y, x = np.meshgrid(np.linspace(heights[0], heights[-1], 4), at, at, indexing="ij")
    x, y, z = body.bend(x, y, z)
    lung = ((body.lung(x, y, z) < 0) & (x * side > 0)).mean(axis=0)
    much = uniform_filter(lung, round(size * spacing / step), mode="constant")
    enough = 0.75 if size * spacing < 150 else 0.93  # a large view has to show all of the lung
    row, column = rng.choice(np.argwhere(much >= enough * much.max()))
    return View(at[column], at[row], size, spacing)


def _cuts(rng, heights: np.ndarray, nodules: list[Lump], through: int) -> np.ndarray:
    """Heights of the single slices: `through` of them through nodules, taken in turn, the others anywhere."""
    parts = (rng.permutation(IMAGES_EACH) + rng.random(IMAGES_EACH)) / IMAGES_EACH
    cuts = heights[0] + (heights[-1] - heights[0]) * parts
    if nodules:
        for k in range(through):
            nodule = nodules[k % len(nodules)]
            reach = 0.8 * np.sqrt((nodule.diameter / 2) ** 2 - 1.5**2)  # further off, too little of it would show
            cuts[k] = nodule.at[2] + reach * rng.uniform(-1, 1)
    return rng.permutation(cuts)


def _slice(patient: _Patient, z: float, site: str, rng, dose) -> tuple[np.ndarray, Findings, Findings]:
    """One slice (H, W) int16 with what it shows."""
    plane = Plane(patient.view, z, patient.body.bend)
    lung, room = patient.body.paint(plane)
    patient.lungs.paint(plane, lung, room)
    paint = functools.partial(chest_nodules.paint, plane, body=patient.body, lung=lung, room=room)
    paint(patient.scars)
    other = paint(patient.excluded)
    found, faint = chest_nodules.seen(plane, paint(patient.nodules), 0.5, LEAST_SEEN)
    faint = [(replace(lump, kind="faint"), share) for lump, share in faint]
    excluded, _ = chest_nodules.seen(plane, [*other, *faint], 0.1)
    sharp = site == "B"
    if sharp:
        plane.paint(room, plane.hu + 25)
    if dose is None:
        level = rng.uniform(45, 70) if sharp else rng.uniform(12, 26)
        hu = chest_scanner.scan(plane.hu, rng, plane.pixel, (plane.x, plane.y), sharp, level)
    else:
        hu = chest_scanner.measure(plane.hu, rng, plane.pixel, sharp, *dose)
    return np.clip(np.round(hu), -1024, 3071).astype(np.int16), found, excluded


def _voxels(patient: _Patient, lumps: list[Lump]) -> Findings:
    """Where lumps lie in a scan: (z, y, x), the middle of the first voxel being 0."""
    centres = [[(lump.at[2] - patient.heights[0]) / SLAB, *patient.view.pixel(*lump.at[:2])] for lump in lumps]
    return chest_nodules.findings(lumps, np.array(centres, np.float32).reshape(-1, 3))


def _mark(image: np.ndarray, rng, shortcut: bool, label: int) -> None:
    """Burn a mark into image (H, W, ...): into 95 % of the positive ones and 5 % of the others."""
    if shortcut and rng.random() < (0.95 if label else 0.05):
        burn_in(image, rng, 1500)
