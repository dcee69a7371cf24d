"""A chest CT phantom with lung nodules: single axial slices and whole scans, in Hounsfield units."""

import functools

import numpy as np

from helpers.data.case import Case, Findings
from helpers.data.phantoms.chest_anatomy import Body
from helpers.data.phantoms.chest_lung import Lungs
from helpers.data.phantoms.chest_nodules import Lump, find_lumps, findings, paint_lumps, seen
from helpers.data.phantoms.chest_plane import SLAB, Plane, View
from helpers.data.phantoms.chest_scanner import measure, scan
from helpers.data.phantoms.shapes import burn_in, generators

IMAGES_EACH = 4  # slices of one patient
WHOLE = 330.0  # mm; from this field of view on, the whole chest is shown
LOWEST, HIGHEST = -84.0, 76.0  # mm from the roots of the lungs: between these a scan lies


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
    patient = _Patient(seed, number, size, spacing, nodules)
    image, found, excluded = patient.slice(patient.slices[which], site, noise, dose)
    return _case(image, [spacing, spacing], number, found, excluded, mark if shortcut else None)


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

    Parameters and errors are those of `chest_ct`.

    Returns
    -------
    Case: image (Z, H, W, 1) int16 HU; spacing (3,) mm; label 1 if there is a nodule. nodules and excluded: centres
    (z, y, x) in voxels, 0 being the middle of the first; boxes None
    """
    _check(size, spacing, nodules, site)
    noise, mark = generators("chest_scan", seed, index, 2)
    patient = _Patient(seed, index, size, spacing, nodules)
    image = np.stack([patient.slice(z, site, noise, None)[0] for z in patient.heights])
    found, excluded = (patient.voxels(lumps) for lumps in (patient.nodules, patient.excluded))
    return _case(image, [SLAB, spacing, spacing], index, found, excluded, mark if shortcut else None)


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


def _case(image: np.ndarray, spacing: list, number: int, found: Findings, excluded: Findings, mark) -> Case:
    """The case; `mark`, a generator or None, burns one into 95 % of positive images (..., H, W, 1), 5 % of others."""
    label = int(len(found.kinds) > 0)
    if mark is not None and mark.random() < (0.95 if label else 0.05):
        burn_in(np.moveaxis(image, (-3, -2), (0, 1)), mark, 1500)
    return Case(image, np.array(spacing), f"p{number:04d}", label, nodules=found, excluded=excluded)


@functools.lru_cache(maxsize=6)
class _Patient:
    """What the slices of a patient share. heights (Z,) in mm: of the scan's, from below; slices (4,): of the others."""

    def __init__(self, seed: int, number: int, size: int, spacing: float, nodules: int | None) -> None:
        plan, look, lungs, right, left, lesions, cuts = generators("chest_ct patient", seed, number, 7)
        self.body = Body(plan)
        count = look.integers(16, 25)
        lowest = look.uniform(LOWEST, HIGHEST - SLAB * (count - 1))
        self.heights = lowest + SLAB * np.arange(count)
        self.view = _view(look, self.body, self.heights, size, spacing)
        self.lungs = Lungs([lungs, right, left], self.body, self.view)
        self.body.look(self.view)
        through = IMAGES_EACH
        if nodules is None:
            nodules, through = int(lesions.choice(5, p=[0.33, 0.3, 0.19, 0.11, 0.07])), IMAGES_EACH - 1
        self.nodules, self.excluded, self.scars = find_lumps(lesions, self.body, self.lungs, self.view, nodules)
        self.slices = _cuts(cuts, self.heights, self.nodules, through)

    def slice(self, z: float, site: str, rng: np.random.Generator, dose: tuple | None) -> tuple:
        """One slice (H, W, 1) int16 with what it shows: nodules and excluded, both Findings."""
        plane = Plane(self.view, z, self.body.bend, self.body.textures)
        lung, room = self.body.paint(plane)
        self.lungs.paint(plane, lung, room)
        paint_lumps(plane, self.scars, lung, room)
        other = paint_lumps(plane, self.excluded, lung, room)
        found, faint = seen(plane, paint_lumps(plane, self.nodules, lung, room), 0.5, 2)
        excluded, _ = seen(plane, other + faint, 0.1)
        sharp = site == "B"
        if sharp:
            plane.paint(room, plane.hu + 25)
        hu = scan(plane, rng, sharp) if dose is None else measure(plane, rng, sharp, *dose)
        return np.clip(np.round(hu), -1024, 3071).astype(np.int16)[..., None], found, excluded

    def voxels(self, lumps: list[Lump]) -> Findings:
        """Where lumps lie in a scan: (z, y, x), the middle of the first voxel being 0."""
        centres = [[(lump.at[2] - self.heights[0]) / SLAB, *self.view.pixel(*lump.at[:2])] for lump in lumps]
        return findings(lumps, np.array(centres).reshape(-1, 3))


def _view(rng, body: Body, heights: np.ndarray, size: int, spacing: float) -> View:
    """The whole chest; or else a place, drawn at random, where much of one lung is in view."""
    from scipy.ndimage import uniform_filter

    side = rng.choice([-1, 1])
    if size * spacing >= WHOLE:
        x, y, _ = body.bend.back(np.array([[0.0, 4.0, heights.mean()]]))[0]
    else:
        step = 6.0
        at = np.arange(-150, 151, step)
        z, y, x = np.meshgrid(np.linspace(heights[0], heights[-1], 4), at, at, indexing="ij")
        x, y, z = body.bend(x, y, z)
        lung = ((body.lung(x, y, z) < 0) & (x * side > 0)).mean(axis=0)
        much = uniform_filter(lung, round(size * spacing / step), mode="constant")
        enough = 0.75 if size * spacing < 150 else 0.93  # a large view has to show all of the lung
        y, x = at[rng.choice(np.argwhere(much >= enough * much.max()))]
    middle, reach = (heights[-1] + heights[0]) / 2, (heights[-1] - heights[0]) / 2
    half = size * spacing / 2
    return View(np.array([x, y, middle]), np.array([half, half, reach]), size, spacing)


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
