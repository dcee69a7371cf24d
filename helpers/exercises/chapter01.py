"""Exercises, predictions, self-test and quiz of chapter 01, medical images are arrays."""

import numpy as np

from helpers.data.geometry import resample_spacing, voxel_to_world
from helpers.data.intensity import hounsfield, window
from helpers.data.splits import split_by_patient
from helpers.exercises.exercise import Case, Exercise, Misconception
from helpers.exercises.registry import ComesTrue, Option, Question


def _hounsfield_cases(rng: np.random.Generator) -> list[Case]:
    small = np.array([[0, 1024], [2024, 50]], dtype=np.uint16)
    return [
        Case((small, 1.0, -1024.0)),
        Case((rng.integers(0, 4096, size=(3, 5)).astype(np.int16), 0.5, -500.0), "a slope that is not 1"),
        Case((rng.integers(0, 4096, size=(2, 3)).astype(np.uint16), 1, -1024), "slope and intercept are integers"),
        Case((rng.integers(-1000, 2000, size=(4, 2)).astype(np.int16), 1.0, 0.0), "already in HU: intercept 0"),
        Case((rng.integers(0, 4096, size=(2, 3, 4)).astype(np.uint16), 2.0, -1000.0), "a volume"),
        Case((np.array([40000, 65535], dtype=np.uint16), 1.0, -1024.0), "large stored values"),
    ]


HOUNSFIELD = Exercise(
    id="1.4",
    reference=hounsfield,
    cases=_hounsfield_cases,
    hints=(
        "One multiplication and one addition, the same for every pixel: no loop.",
        "The stored type may be unsigned: it holds nothing below 0, and air is at -1000. Which type holds both, and "
        "decimals too?",
        "`stored.astype(np.float64)` makes a copy that holds negative numbers and decimals. Then slope, then "
        "intercept.",
    ),
    why="Convert first, then compute. The order in the file is: times the slope, plus the intercept.",
    misconceptions=(
        Misconception(
            "computed in the stored type",
            "The stored type here is unsigned: it holds no -1000. Then either NumPy stops with an OverflowError, or "
            "dark pixels wrap round and come out brighter than any bone. Convert to float first and stay there.",
            (
                lambda stored, slope, intercept: slope * stored + intercept,
                lambda stored, slope, intercept: (slope * stored + intercept).astype(stored.dtype),
                lambda stored, slope, intercept: (slope * stored.astype(float) + intercept).astype(stored.dtype),
                lambda stored, slope, intercept: (slope * stored + intercept).astype(np.float64),
            ),
        ),
        Misconception(
            "intercept before slope",
            "The order matters: first times the slope, then plus the intercept. While the slope is 1 nobody notices; "
            "not every file has slope 1.",
            (lambda stored, slope, intercept: slope * (stored.astype(float) + intercept),),
        ),
        Misconception(
            "intercept forgotten",
            "Air came out near 0. In HU air is -1000 and water 0: hold your result against two materials that you "
            "know.",
            (
                lambda stored, slope, intercept: stored,
                lambda stored, slope, intercept: stored.astype(float),
                lambda stored, slope, intercept: slope * stored.astype(float),
            ),
        ),
        Misconception(
            "intercept subtracted",
            "The intercept already carries its sign: -1024 is *added*. Subtracting it makes everything 2048 too large.",
            (lambda stored, slope, intercept: slope * stored.astype(float) - intercept,),
        ),
        Misconception(
            "slope forgotten",
            "The intercept is there, the slope is not. It is 1 in many files, and 0.5 or 2 in others.",
            (lambda stored, slope, intercept: stored.astype(float) + intercept,),
        ),
        Misconception(
            "slope and intercept exchanged",
            "The slope multiplies, the intercept is added: you have them the other way round.",
            (lambda stored, slope, intercept: intercept * stored.astype(float) + slope,),
        ),
        Misconception(
            "the way back",
            "That is the way from HU to stored values: minus the intercept, divided by the slope. Here it goes the "
            "other way.",
            (lambda stored, slope, intercept: (stored.astype(float) - intercept) / slope,),
        ),
        Misconception(
            "rounded",
            "Half units are lost. With a slope of 0.5 every second stored value ends in .5: keep the result as float.",
            (
                lambda stored, slope, intercept: (slope * stored.astype(float) + intercept).astype(np.int16),
                lambda stored, slope, intercept: (slope * stored.astype(float) + intercept).astype(int),
                lambda stored, slope, intercept: np.round(slope * stored.astype(float) + intercept),
            ),
        ),
        Misconception(
            "scaled to this picture",
            "You stretched the picture between its own darkest and brightest pixel. HU are absolute: -1000 is air in "
            "every picture of every hospital.",
            (
                lambda stored, slope, intercept: (stored - stored.min()) / (stored.max() - stored.min()),
                lambda stored, slope, intercept: stored / stored.max(),
            ),
        ),
    ),
)


def _window_cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case((np.array([[-1000.0, -160.0, 0.0], [40.0, 80.0, 1000.0]]), 40, 400), "air, fat, water, tissue, bone"),
        Case((rng.normal(40, 60, size=(4, 5)), 40, 80), "a brain window"),
        Case((rng.integers(-1100, 300, size=(3, 4, 5)).astype(np.int16), -600, 1500), "a lung window, integers"),
        Case((np.full((2, 3), 55.0), 40, 80), "all pixels alike"),
        Case((rng.uniform(-200, 200, size=7), 10.5, 33.0), "one row, level and width not whole"),
    ]


def _grey(hu, level, width):
    """The LINEAR rule, before clipping and rounding."""
    return 255 * ((np.asarray(hu, float) - (level - 0.5)) / (width - 1) + 0.5)


def _between(hu, low, high):
    """Grey levels of a window from `low` to `high`."""
    with np.errstate(all="ignore"):
        return np.rint(np.clip(255 * (np.asarray(hu, float) - low) / (high - low), 0, 255)).astype(np.uint8)


def _slipped(formula):
    """A formula, followed by clipping, rounding and conversion as they should be."""
    return lambda hu, level, width: np.rint(np.clip(formula(hu, level, width), 0, 255)).astype(np.uint8)


def _stretched(hu):
    """Grey levels from the darkest to the brightest pixel of the picture."""
    return _between(hu, hu.min(), hu.max())


def _bytes(grey):
    """What a careless conversion gives: 256 wraps round to 0."""
    return np.asarray(grey).astype(np.int64).astype(np.uint8)


WINDOW = Exercise(
    id="1.5",
    reference=window,
    cases=_window_cases,
    keeps_dtype=True,
    hints=(
        "Put the formula into NumPy first, without any limits, and look at what comes out for air and for bone.",
        "Below 0 is black, above 255 is white: `np.clip`. Then round, then convert to `np.uint8`, in this order.",
        "`grey = 255 * ((hu - (level - 0.5)) / (width - 1) + 0.5)`, then clip between 0 and 255, round, convert.",
    ),
    why="A fixed window gives the same tissue the same grey in every picture. Clip while they can still be negative.",
    misconceptions=(
        Misconception(
            "level taken for the lower edge",
            "The level is the *centre* of the window. It runs half a width to each side of the level.",
            (
                lambda hu, level, width: _between(hu, level, level + width),
                lambda hu, level, width: _between(hu, level - 0.5, level + width - 1.5),
                lambda hu, level, width: _between(hu, level, level + width - 1),
            ),
        ),
        Misconception(
            "the whole width on each side",
            "Your window is twice as wide as asked for: half the width goes to each side of the level.",
            (lambda hu, level, width: _between(hu, level - width, level + width),),
        ),
        Misconception(
            "scaled to this picture",
            "The same tissue would get another grey in every slice. A window is fixed by level and width, not by the "
            "darkest and the brightest pixel that happen to be there.",
            (
                lambda hu, level, width: _stretched(hu),
                lambda hu, level, width: _stretched(np.clip(hu, level - width / 2, level + width / 2)),
            ),
        ),
        Misconception(
            "converted before clipping",
            "Values outside the window wrapped round: 256 became 0, so bone may be dark and air bright. Clip first, "
            "convert last.",
            (
                lambda hu, level, width: _grey(hu, level, width).astype(np.uint8),
                lambda hu, level, width: np.rint(_grey(hu, level, width)).astype(np.uint8),
                lambda hu, level, width: _bytes(np.rint(_grey(hu, level, width))),
                lambda hu, level, width: _bytes(_grey(hu, level, width)),
            ),
        ),
        Misconception(
            "cut off in place of rounded",
            "`astype` cuts the decimals off: 127.8 becomes 127, and only a perfect 255 is white. Round first.",
            (lambda hu, level, width: np.clip(_grey(hu, level, width), 0, 255).astype(np.uint8),),
        ),
        Misconception(
            "the rule for continuous values",
            "That is DICOM's other rule, LINEAR_EXACT: from level - width/2 to level + width/2. It holds only where "
            "a file names it. Without a name LINEAR holds, which counts whole numbers: level - 0.5 and width - 1.",
            (
                lambda hu, level, width: _between(hu, level - width / 2, level + width / 2),
                lambda hu, level, width: np.clip(255 * ((hu - level) / width + 0.5), 0, 255).astype(np.uint8),
                lambda hu, level, width: np.interp(hu, [level - width / 2, level + width / 2], [0, 255]).astype(
                    np.uint8
                ),
                lambda hu, level, width: np.interp(hu, [level - width / 2, level + width / 2], [0, 255]),
            ),
        ),
        Misconception(
            "from 0 to 1",
            "Your result runs from 0 to 1. Grey levels of 8 bits run from 0 to 255.",
            (
                lambda hu, level, width: np.clip(_grey(hu, level, width) / 255, 0, 1),
                lambda hu, level, width: np.rint(np.clip(_grey(hu, level, width) / 255, 0, 1)).astype(np.uint8),
                lambda hu, level, width: np.clip(_grey(hu, level, width) / 255, 0, 1).astype(np.uint8),
            ),
        ),
        Misconception(
            "black on both sides",
            "What lies above the window is white, not black: a bone must not look like air.",
            (
                lambda hu, level, width: np.where(
                    (_grey(hu, level, width) >= 0) & (_grey(hu, level, width) <= 255),
                    np.rint(_grey(hu, level, width)),
                    0,
                ).astype(np.uint8),
            ),
        ),
        Misconception(
            "not clipped",
            "The formula alone goes below 0 for air and above 255 for bone. Limit it to 0 ... 255 before you round "
            "and convert.",
            (
                lambda hu, level, width: _grey(hu, level, width),
                lambda hu, level, width: np.rint(_grey(hu, level, width)),
                lambda hu, level, width: np.rint(_grey(hu, level, width)).astype(int),
                lambda hu, level, width: _grey(hu, level, width).astype(int),
            ),
        ),
        Misconception(
            "a slip in copying the formula",
            "A sign or a bracket differs from the formula. From HU goes (level - 0.5), both together; that is "
            "divided by (width - 1); to the quotient comes 0.5; and all of it is multiplied by 255.",
            (
                *map(
                    _slipped,
                    (
                        lambda hu, level, width: 255 * ((hu - level - 0.5) / (width - 1) + 0.5),
                        lambda hu, level, width: 255 * ((hu - (level + 0.5)) / (width - 1) + 0.5),
                        lambda hu, level, width: 255 * ((hu - level) / (width - 1) + 0.5),
                        lambda hu, level, width: 255 * ((hu - (level - 0.5)) / width + 0.5),
                        lambda hu, level, width: 255 * ((hu - (level - 0.5)) / width - 1 + 0.5),
                        lambda hu, level, width: 255 * ((hu - (level - 0.5)) / ((width - 1) + 0.5)),
                        lambda hu, level, width: 255 * (hu - (level - 0.5)) / (width - 1) + 0.5,
                        lambda hu, level, width: 255 * ((hu - (level - 0.5)) / (width - 1) - 0.5),
                        lambda hu, level, width: 256 * ((hu - (level - 0.5)) / (width - 1) + 0.5),
                        lambda hu, level, width: 255 * (hu - (level - 0.5) / (width - 1) + 0.5),
                    ),
                ),
            ),
        ),
        Misconception(
            "level and width exchanged",
            "Level and width have changed places: the level is the middle, the width how many values there are.",
            (lambda hu, level, width: window(hu, width, level),),
        ),
        Misconception(
            "one window for all",
            "Your window is always the same. Use the arguments `level` and `width`, not the numbers of the example.",
            (lambda hu, level, width: window(hu, 40, 400), lambda hu, level, width: window(hu, 40, 80)),
        ),
        Misconception(
            "only clipped",
            "The values are cut off, but they are still HU. Stretch them to 0 ... 255.",
            (
                lambda hu, level, width: np.clip(hu, level - width / 2, level + width / 2),
                lambda hu, level, width: np.clip(hu, 0, 255).astype(np.uint8),
            ),
        ),
        Misconception(
            "black and white exchanged",
            "The greys are upside down: in CT dense matter is bright.",
            (lambda hu, level, width: 255 - window(hu, level, width),),
        ),
        Misconception(
            "not rounded, not converted",
            "The greys are right, but they still have decimals. A picture wants whole grey levels of type uint8.",
            (
                lambda hu, level, width: np.clip(_grey(hu, level, width), 0, 255),
                lambda hu, level, width: np.rint(np.clip(_grey(hu, level, width), 0, 255)),
                lambda hu, level, width: np.rint(np.clip(_grey(hu, level, width), 0, 255)).astype(int),
                lambda hu, level, width: np.clip(_grey(hu, level, width), 0, 255).astype(int),
            ),
        ),
    ),
)


def _turn(rng: np.random.Generator) -> np.ndarray:
    """A random rotation, (3, 3)."""
    return np.linalg.qr(rng.normal(size=(3, 3)))[0]


def _affine(direction: np.ndarray, spacing, origin) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = direction * np.asarray(spacing)
    affine[:3, 3] = origin
    return affine


def _affine_cases(rng: np.random.Generator) -> list[Case]:
    flipped = _affine(np.diag([-1.0, 1.0, 1.0]), (2, 2, 3), (90, -126, -72))
    sagittal = _affine(np.array([[0, 0, -1], [1, 0, 0], [0, 1, 0.0]]), (1.0, 1.5, 4.0), (70, -110, -60))

    def random(N: int) -> tuple:
        affine = _affine(_turn(rng), rng.uniform(0.5, 4, size=3), rng.normal(0, 80, size=3))
        return affine, rng.integers(0, 120, size=(N, 3))

    return [
        Case((flipped, np.array([[0, 0, 0], [10, 20, 5]])), "the first index runs from right to left"),
        Case(random(4), "a tilted scan"),
        Case((sagittal, rng.integers(0, 200, size=(5, 3))), "a sagittal scan: its axes are in another order"),
        Case(random(3), "three voxels, tilted"),
        Case(random(1), "a single voxel"),
    ]


def _spacing_of(affine):
    return np.linalg.norm(affine[:3, :3], axis=0)


VOXEL_TO_WORLD = Exercise(
    id="1.9",
    reference=voxel_to_world,
    cases=_affine_cases,
    hints=(
        "Do the voxel [0, 0, 0] by hand: all products vanish, and the last column of the affine remains.",
        "One step along i moves by the first *column* of the 3 x 3 part. Your voxels are rows, so which product?",
        "`voxels @ affine[:3, :3].T` does all rows at once; then add the translation `affine[:3, 3]` to each row.",
    ),
    why="The columns of the 3 x 3 part are the steps along i, j, k in mm. For points in rows it is transposed.",
    misconceptions=(
        Misconception(
            "index order exchanged",
            "First and last index are exchanged. The affine wants the index order of its own file: nibabel's arrays "
            "are (i, j, k), an array from SimpleITK is (k, j, i).",
            (lambda affine, voxels: voxel_to_world(affine, voxels[:, ::-1]),),
        ),
        Misconception(
            "direction ignored",
            "Index times spacing plus origin is right while the axes are not turned. Here an axis points the other "
            "way, or the scan is tilted: multiply by the whole 3 x 3 part.",
            (
                lambda affine, voxels: voxels * _spacing_of(affine) + affine[:3, 3],
                lambda affine, voxels: voxels * np.diag(affine)[:3] + affine[:3, 3],
                lambda affine, voxels: voxels * np.abs(np.diag(affine)[:3]) + affine[:3, 3],
                lambda affine, voxels: voxels * affine[:3, :3].sum(axis=0) + affine[:3, 3],
            ),
        ),
        Misconception(
            "translation forgotten",
            "The voxel [0, 0, 0] does not lie at 0 mm: the last *column* of the affine says where it lies. Add it.",
            (
                lambda affine, voxels: voxels @ affine[:3, :3].T,
                lambda affine, voxels: voxels @ affine[:3, :3],
                lambda affine, voxels: voxels @ affine[:3, :3].T + affine[3, :3],
            ),
        ),
        Misconception(
            "not transposed",
            "Your voxels are rows. In a row times a matrix the steps must be its rows, but in the affine they are "
            "the *columns*: transpose the 3 x 3 part. With an untilted axial scan nobody would notice.",
            (
                lambda affine, voxels: voxels @ affine[:3, :3] + affine[:3, 3],
                lambda affine, voxels: (np.c_[voxels, np.ones(len(voxels))] @ affine)[:, :3] + affine[:3, 3],
            ),
        ),
        Misconception(
            "left and right, front and back exchanged",
            "The point is mirrored: left became right and front became back. A NIfTI affine gives RAS as it is; the "
            "signs of the first two numbers change only on the way to DICOM's LPS.",
            (
                lambda affine, voxels: voxel_to_world(affine, voxels) * [-1, -1, 1],
                lambda affine, voxels: voxel_to_world(affine, voxels * [-1, -1, 1]),
            ),
        ),
        Misconception(
            "one point a column",
            "The values are there, but lying down: each *row* of the result is one voxel's position.",
            (
                lambda affine, voxels: affine[:3, :3] @ voxels.T + affine[:3, 3:],
                lambda affine, voxels: (affine @ np.c_[voxels, np.ones(len(voxels))].T)[:3],
            ),
        ),
        Misconception(
            "a fourth number",
            "The fourth number, always 1, only carries the translation through the product. Leave it out of the "
            "result.",
            (
                lambda affine, voxels: np.c_[voxels, np.ones(len(voxels))] @ affine.T,
                lambda affine, voxels: (affine @ np.c_[voxels, np.ones(len(voxels))].T).T,
            ),
        ),
        Misconception(
            "cut to whole numbers",
            "Millimetres have decimals, and here they are cut off or rounded. (An array made by "
            "`np.zeros_like(voxels)` holds integers only, as the voxels do.)",
            (
                lambda affine, voxels: voxel_to_world(affine, voxels).astype(int),
                lambda affine, voxels: np.round(voxel_to_world(affine, voxels)),
            ),
        ),
        Misconception(
            "translation before the steps",
            "The translation was added to the *index*, so it was multiplied by the steps. It is in millimetres: add "
            "it last.",
            (
                lambda affine, voxels: (voxels + affine[:3, 3]) @ affine[:3, :3].T,
                lambda affine, voxels: (voxels + affine[:3, 3]) @ affine[:3, :3],
            ),
        ),
        Misconception(
            "translation subtracted",
            "The last column says where voxel (0, 0, 0) lies: it is added, with the sign that it has.",
            (lambda affine, voxels: voxels @ affine[:3, :3].T - affine[:3, 3],),
        ),
        Misconception(
            "world to voxel",
            "That is the way back, from millimetres to an index. It needs the inverse; this way needs the affine "
            "itself.",
            (lambda affine, voxels: voxel_to_world(np.linalg.inv(affine), voxels),),
        ),
        Misconception(
            "matrix times rows",
            "The matrix stands in front of points that are rows. That runs for three points only, and is wrong there.",
            (
                lambda affine, voxels: affine[:3, :3] @ voxels + affine[:3, 3],
                lambda affine, voxels: affine[:3, :3] @ voxels + affine[:3, 3:],
            ),
        ),
    ),
)


def _resample_cases(rng: np.random.Generator) -> list[Case]:
    return [
        Case((np.array([[0.0, 10.0, 20.0], [30.0, 40.0, 50.0]]), (2.0, 1.0), (1.0, 1.0)), "rows at half the distance"),
        Case((rng.normal(size=(5, 4, 6)), (5.0, 0.5, 0.5), (2.5, 1.0, 0.75)), "thick slices"),
        Case((rng.normal(size=(7, 6)), (1.0, 1.0), (2.0, 3.0)), "coarser"),
        Case((rng.integers(0, 100, size=(8, 5)).astype(np.int16), (0.75, 0.75), (1.0, 0.5)), "integers"),
    ]


def _sampled(volume, places, order=1):
    from scipy.ndimage import map_coordinates

    return map_coordinates(volume.astype(float), np.meshgrid(*places, indexing="ij"), order=order, mode="nearest")


def _by_shape(count):
    """Resampling with another number of voxels, the places as they should be."""

    def resample(volume, spacing, new_spacing):
        steps = np.array(new_spacing) / spacing
        sizes = [int(count(n, s)) for n, s in zip(volume.shape, steps, strict=True)]
        return _sampled(volume, [np.arange(m) * s for m, s in zip(sizes, steps, strict=True)])

    return resample


def _places_by(place):
    """Resampling with the right number of voxels, read at other places."""

    def resample(volume, spacing, new_spacing):
        sizes = resample_spacing(volume, spacing, new_spacing).shape
        rows = zip(sizes, spacing, new_spacing, strict=True)
        return _sampled(volume, [place(np.arange(m), old, new) for m, old, new in rows])

    return resample


def _pinned(volume, spacing, new_spacing):
    sizes = resample_spacing(volume, spacing, new_spacing).shape
    return _sampled(volume, [np.linspace(0, n - 1, m) for n, m in zip(volume.shape, sizes, strict=True)])


def _zoomed(volume, spacing, new_spacing, **options):
    from scipy.ndimage import zoom

    return zoom(volume.astype(float), np.array(spacing) / new_spacing, order=1, **options)


def _edges(volume, spacing, new_spacing):
    steps = np.array(new_spacing) / spacing
    sizes = np.rint(np.array(volume.shape) / steps).astype(int)
    return _sampled(volume, [(np.arange(m) + 0.5) * s - 0.5 for m, s in zip(sizes, steps, strict=True)])


def _other_order(order):
    def sample(volume, spacing, new_spacing):
        steps = np.array(new_spacing) / spacing
        sizes = resample_spacing(volume, spacing, new_spacing).shape
        return _sampled(volume, [np.arange(m) * s for m, s in zip(sizes, steps, strict=True)], order)

    return sample


RESAMPLE = Exercise(
    id="1.10",
    reference=resample_spacing,
    cases=_resample_cases,
    points=2,
    hints=(
        "One axis first. Where do the new voxels lie, counted in *old* voxels? The first at 0, the next one step on.",
        "The step is new_spacing / spacing. How many steps fit before the last old voxel? One voxel more than that.",
        "`scipy.ndimage.map_coordinates(volume, places, order=1)` reads a volume between its voxels; "
        "`np.meshgrid(..., indexing='ij')` makes `places` from one list of positions an axis.",
    ),
    why="The new grid starts at the first voxel and has exactly the spacing asked for, so every distance stays right.",
    misconceptions=(
        Misconception(
            "factor upside down",
            "A *smaller* spacing needs *more* voxels. Yours has fewer: the step in old voxels is new / old.",
            (
                lambda volume, spacing, new_spacing: resample_spacing(volume, new_spacing, spacing),
                lambda volume, spacing, new_spacing: _zoomed(volume, new_spacing, spacing),
            ),
        ),
        Misconception(
            "another number of voxels",
            "Count the steps that fit between the first and the last *old* voxel, n - 1 intervals; there is one "
            "voxel more than steps, and a step that does not fit entirely is left out (floor, not round).",
            (
                _by_shape(lambda n, s: np.floor(n / s)),
                _by_shape(lambda n, s: np.floor((n - 1) / s)),
                _by_shape(lambda n, s: np.round((n - 1) / s) + 1),
                _by_shape(lambda n, s: np.ceil((n - 1) / s) + 1),
                _by_shape(lambda n, s: np.floor(n / s) + 1),
                _by_shape(lambda n, s: np.round(n / s)),
                _by_shape(lambda n, s: np.ceil(n / s)),
            ),
        ),
        Misconception(
            "places in another unit",
            "The number of voxels is right, but the old volume is read at the wrong places. It is asked by voxel "
            "*index*: new voxel number m lies at m * new_spacing mm, and that divided by the old spacing is an index.",
            (
                _places_by(lambda m, old, new: m * new),
                _places_by(lambda m, old, new: m * old / new),
                _places_by(lambda m, old, new: m * old),
                _places_by(lambda m, old, new: m * 1.0),
            ),
        ),
        Misconception(
            "last voxel pinned",
            "You stretched the grid so that the last voxel stays too. Then the spacing is not the one asked for but "
            "somewhat off, and every millimetre measured on it as well.",
            (_pinned, _zoomed),
        ),
        Misconception(
            "edges in place of centres",
            "You lined up the *edges* of the first voxels. That is a convention too, but here the *centre* of the "
            "first voxel stays where it is.",
            (_edges, lambda *args: _zoomed(*args, grid_mode=True, mode="nearest")),
        ),
        Misconception(
            "nearest voxel",
            "You copied the nearest voxel. Between two voxels lie values between theirs: linear interpolation. (For "
            "a *mask* the nearest voxel is right: there is no label 1.5.)",
            (_other_order(0),),
        ),
        Misconception(
            "spline",
            "That is a cubic spline, the default of scipy's functions. It overshoots next to edges: `order=1` is "
            "linear.",
            (_other_order(3),),
        ),
        Misconception(
            "spacing in another order",
            "The spacings belong to the axes in their order. Yours are read from the back.",
            (lambda volume, spacing, new_spacing: resample_spacing(volume, spacing[::-1], new_spacing[::-1]),),
        ),
        Misconception(
            "stored type kept",
            "Values between two whole numbers were rounded or cut off. Convert to float before you interpolate.",
            (
                lambda volume, spacing, new_spacing: resample_spacing(volume, spacing, new_spacing).astype(
                    volume.dtype
                ),
                lambda volume, spacing, new_spacing: np.rint(resample_spacing(volume, spacing, new_spacing)).astype(
                    int
                ),
            ),
        ),
    ),
)


def _split_cases(rng: np.random.Generator) -> list[Case]:
    def case(patients: np.ndarray, share: float, note: str) -> Case:
        return Case((patients, share, np.random.default_rng(rng.integers(1 << 30))), note)

    def images(P: int) -> np.ndarray:
        return np.repeat(np.arange(100, 100 + P), rng.integers(1, 7, size=P))

    letters = np.array(["B", "A", "C", "A", "D", "B", "C", "A"])
    named = np.array([f"P{name}" for name in images(30)])
    one_with_many = np.concatenate([np.full(300, 7), np.arange(20, 79)])
    return [
        case(letters, 0.25, "four patients, eight images"),
        case(rng.permutation(images(40)), 0.25, "40 patients"),
        case(named, 0.2, "30 patients, in order"),
        case(one_with_many, 0.25, "60 patients, one of them with 300 images"),
        case(one_with_many[::-1].copy(), 0.2, "60 patients, one of them with 300 images"),
    ]


def _is_mask(case: Case, value) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == bool and value.shape == case.args[0].shape


def _sides(case: Case, value) -> tuple[set, set, list]:
    """Patients of the training images, of the test images, and all in order."""
    patients = case.args[0]
    return set(patients[~value].tolist()), set(patients[value].tolist()), np.unique(patients).tolist()


def _verify_split(case: Case, value) -> str | None:
    patients, share, _ = case.args
    if value is None:
        return "Your function gave back None; one True or False an image was expected. Is the `return` missing?"
    alike = isinstance(value, list | np.ndarray) and len(value) == len(patients)
    if alike and not _is_mask(case, value) and set(map(str, value)) <= {"0", "1", "True", "False", "0.0", "1.0"}:
        return "There is one entry an image, but this is no NumPy array of True and False: it needs dtype bool."
    if not _is_mask(case, value):
        came = (
            f"an array of {value.dtype}, shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        )
        return f"Expected one True (test) or False (training) for each of the {len(patients)} images; {came} came."
    train, test, names = _sides(case, value)
    both = sorted(train & test)
    wanted = max(1, share * len(names))
    if not test or not train:
        return f"The {'test' if not test else 'training'} set is empty."
    if both:
        shown = ", ".join(map(str, both[:4])) + (", ..." if len(both) > 4 else "")
        return f"{len(both)} of {len(names)} patients have images on both sides: {shown}."
    if abs(len(test) - wanted) >= 1:
        return f"{len(test)} of {len(names)} patients are in the test set; a share of {share:g} is {wanted:g}."
    if _in_order(case, value):
        return "The patients of the test set follow each other in the list. They were not drawn by chance."
    return None


def _uses_the_rng(split) -> str | None:
    """Two draws from one generator differ, two generators of one seed agree."""
    patients = np.repeat(np.arange(40), 3)
    rng = np.random.default_rng(1)
    if np.array_equal(split(patients, 0.25, rng), split(patients, 0.25, rng)) or not np.array_equal(
        split(patients, 0.25, np.random.default_rng(2)), split(patients, 0.25, np.random.default_rng(2))
    ):
        return (
            "No patient is on both sides, but the chance does not come from `rng`. Called twice with one generator, "
            "your function should give two different splits; called with two generators of the same seed, the same "
            "split twice. Draw with `rng.permutation` or `rng.choice`, and make no generator of your own. "
            "(scikit-learn wants a number: `random_state=int(rng.integers(2**31))`.)"
        )
    return None


def _overlaps(case: Case, value) -> bool:
    return _is_mask(case, value) and bool(_sides(case, value)[0] & _sides(case, value)[1])


def _in_order(case: Case, value) -> bool:
    """The test patients are the first or the last of the sorted list, or of the list as it came."""
    if not _is_mask(case, value):
        return False
    _, test, names = _sides(case, value)
    came = list(dict.fromkeys(case.args[0].tolist()))
    ends = [part for order in (names, came) for part in (order[: len(test)], order[-len(test) :])]
    return len(names) >= 20 and len(test) >= 4 and any(test == set(part) for part in ends)


def _exchanged(case: Case, value) -> bool:
    if not _is_mask(case, value) or _overlaps(case, value):
        return False
    train, test, names = _sides(case, value)
    return len(train) == round(case.args[1] * len(names)) < len(test)


def _another_number(case: Case, value) -> bool:
    """Nobody is on both sides, but there are too few or too many test patients."""
    return _is_mask(case, value) and not _overlaps(case, value)


def _until_enough_images(patients, share, rng):
    test = np.zeros(len(patients), bool)
    for name in rng.permutation(np.unique(patients)):
        if test.sum() >= share * len(patients):
            break
        test |= patients == name
    return test


def _first(patients, share, rng, reverse=False):
    names = np.unique(patients)[:: -1 if reverse else 1]
    return np.isin(patients, names[: round(share * len(names))])


def _shuffled_images(patients, share, rng):
    test = np.zeros(len(patients), bool)
    test[rng.permutation(len(patients))[: round(share * len(patients))]] = True
    return test


SPLIT = Exercise(
    id="1.14",
    reference=split_by_patient,
    cases=_split_cases,
    verify=_verify_split,
    holds=_uses_the_rng,
    hints=(
        "Draw *patients*, not images. Each name should be in the hat once: `np.unique(patients)`.",
        "Shuffle the names with the rng, and take the first round(test_share * number of names).",
        "`np.isin(patients, chosen)` is True for every image whose patient was chosen.",
    ),
    why="Names are drawn, each once; `np.isin` then takes all images of the chosen ones.",
    misconceptions=(
        Misconception(
            "images shuffled",
            "You drew images. Patients with images on both sides let a model recognise people in place of disease: "
            "your test set holds somebody it has already seen. Draw patients, then take all their images.",
            (
                _shuffled_images,
                lambda patients, share, rng: rng.random(len(patients)) < share,
                lambda patients, share, rng: np.arange(len(patients)) < share * len(patients),
            ),
            sign=_overlaps,
        ),
        Misconception(
            "not drawn by chance",
            "No leak, but names are often given in order of time or of hospital: then test and training patients "
            "differ in more than chance. Shuffle the *patients* with the rng.",
            (_first, lambda *args: _first(*args, reverse=True)),
            sign=_in_order,
        ),
        Misconception(
            "training and test exchanged",
            "True should mark the *test* images. Yours marks the training images.",
            (lambda *args: ~split_by_patient(*args),),
            sign=_exchanged,
        ),
        Misconception(
            "another number of patients",
            "The number of test *patients* does not fit the share. Draw from a list that has each name once "
            "(`np.unique`), and draw no name twice. If you counted *images* until there were enough: a patient with "
            "300 of them then decides how many people are tested.",
            (
                _until_enough_images,
                lambda patients, share, rng: np.isin(
                    patients, rng.permutation(patients)[: round(share * len(np.unique(patients)))]
                ),
                lambda patients, share, rng: np.isin(
                    patients, rng.permutation(patients)[: round(share * len(patients))]
                ),
                lambda patients, share, rng: np.isin(
                    patients, rng.choice(np.unique(patients), round(share * len(np.unique(patients))))
                ),
            ),
            sign=_another_number,
        ),
        Misconception(
            "row numbers in place of a mask",
            "These are names or row numbers. What is asked for has one True or False for every image, so that "
            "`images[test]` and `images[~test]` are the two sets.",
            (
                lambda *args: np.flatnonzero(split_by_patient(*args)),
                lambda patients, share, rng: rng.permutation(np.unique(patients))[
                    : round(share * len(np.unique(patients)))
                ],
            ),
            sign=lambda case, value: isinstance(value, np.ndarray) and value.shape != case.args[0].shape,
        ),
        Misconception(
            "two sets in place of a mask",
            "You gave back two things. One mask is enough: True where an image belongs to the test set; what is left "
            "is the training set.",
            (
                lambda *args: (~split_by_patient(*args), split_by_patient(*args)),
                lambda *args: [np.flatnonzero(~split_by_patient(*args)), np.flatnonzero(split_by_patient(*args))],
            ),
            sign=lambda case, value: isinstance(value, tuple | list) and len(value) == 2,
        ),
    ),
)

EXERCISES = (HOUNSFIELD, WINDOW, VOXEL_TO_WORLD, RESAMPLE, SPLIT)

PREDICTIONS = {
    "1.1a": ComesTrue(
        1, "Air and lung lie far below what is shown, and whatever lies below it is black, however different."
    ),
    "1.4a": ComesTrue(
        1,
        "Without the intercept every value is 1024 too large: 300 stored is -724 HU, and everything but the lungs "
        "lies above.",
    ),
    "1.5a": ComesTrue(0, "The same 256 greys are spent on half as many HU, so each HU gets twice as many."),
    "1.8a": ComesTrue(2, "The first index of this array runs from left to right, so fixing it gives a side view."),
    "1.9a": ComesTrue(2, "LPS counts the first two axes the other way: both signs change, the third stays."),
    "1.14a": ComesTrue(
        2, "Nearly every test picture has sisters of the same patient in the training set, with the same label."
    ),
    "1.17a": ComesTrue(
        2,
        "Names and times follow the scanner and the archive, not the body. The header says where each slice lies; here "
        "the largest number is the lowest slice.",
    ),
}

_PAGE = "Page {} in section 1.15 has it in five lines."


def _missed(text: str, page: str) -> str:
    return f"{text} {_PAGE.format(page)}"


SECTION_QUIZZES = {
    "1.2": (
        Question(
            "`A` has shape (4, 3), `b` has shape (3,). What is the shape of `A + b`?",
            (
                Option("(4, 3)", "b is added to each of the four rows.", True),
                Option("an error", _missed("NumPy lines shapes up from the last axis: 3 meets 3.", "A")),
                Option("(4, 3, 3)", _missed("Adding makes no new axis here: b is stretched over the rows.", "A")),
            ),
        ),
        Question(
            "`A` has shape (4, 3), `c` has shape (4,). What is `A + c`?",
            (
                Option("(4, 3)", _missed("Shapes are lined up from the *last* axis: 3 meets 4.", "A")),
                Option("an error", "3 meets 4 on the last axis. `A + c[:, None]` would do it: (4, 1) stretches.", True),
                Option("(4, 4)", _missed("Only a size of 1 is stretched; 3 is not 1 and not 4.", "A")),
            ),
        ),
        Question(
            "`A` has shape (4, 3). What is the shape of `A.mean(axis=0)`?",
            (
                Option("(4,)", _missed("Axis 0 is the one that *goes*. The 4 is gone, the 3 stays.", "B")),
                Option("one number", _missed("That is `A.mean()` without an axis.", "B")),
                Option("(3,)", "Axis 0 runs down the rows, and is averaged away.", True),
            ),
        ),
        Question(
            "A batch of 10 grey pictures of 32 rows and 48 columns has shape (10, 32, 48). How do you get the "
            "brightest pixel of each picture?",
            (
                Option(
                    "X.max(axis=0)", _missed("That compares the ten pictures with each other, pixel by pixel.", "B")
                ),
                Option("X.max(axis=(1, 2))", "Rows and columns go, one number a picture stays.", True),
                Option("X.max()", _missed("That is the brightest pixel of all ten pictures.", "B")),
            ),
        ),
        Question(
            "`X` is (5, 3), `W` is (3, 2). What is the shape of `X @ W`?",
            (
                Option("(5, 2)", "The inner 3 is summed away, the outer sizes stay.", True),
                Option("(3, 3)", _missed("The *inner* sizes meet and go: (5, 3) with (3, 2).", "C")),
                Option("an error", _missed("The inner sizes are both 3, so it runs.", "C")),
            ),
        ),
        Question(
            "What is the entry in row 0, column 1 of [[1, 2], [3, 4]] @ [[5, 6], [7, 8]]?",
            (
                Option("12", _missed("That is 2 * 6: entry by entry. A matrix product sums row times column.", "C")),
                Option("22", "Row (1, 2) times column (6, 8): 1 * 6 + 2 * 8.", True),
                Option("19", _missed("That is column 0: 1 * 5 + 2 * 7.", "C")),
            ),
        ),
        Question(
            "`hu` holds -1000, 0 and 50. What is `hu[hu > -500].mean()`?",
            (
                Option("25", "Only 0 and 50 pass the mask.", True),
                Option("2/3", _missed("That is the mean of True and False. The mask *picks* from hu.", "A")),
                Option("-316.7", _missed("That is the mean of all three; the mask leaves -1000 out.", "A")),
            ),
        ),
        Question(
            "`a = hu; a[0] = 7`. What happens to `hu`?",
            (
                Option("Nothing.", _missed("`a = hu` copies nothing: both names mean the same array.", "A")),
                Option("hu[0] is 7 too.", "Both names mean one array. `hu.copy()` makes a second.", True),
                Option("An error.", _missed("It runs, silently. `a` and `hu` are one array.", "A")),
            ),
        ),
        Question(
            "At some point a curve has slope -2. You go 0.01 to the right. By how much does its height change, about?",
            (
                Option("It falls by 0.02.", "Slope times step: -2 * 0.01.", True),
                Option("It falls by 2.", _missed("The slope is the change *per unit*. Your step is 0.01.", "D")),
                Option("It rises by 0.02.", _missed("A negative slope falls to the right.", "D")),
            ),
        ),
        Question(
            "What is the slope of 3 x * x at x = 2?",
            (
                Option("6", _missed("The slope of x * x is 2 x, which is 4 at x = 2; then times 3.", "D")),
                Option("12", "3 * 2 x = 6 x, and x is 2.", True),
                Option(
                    "It has none: it is curved.", _missed("A curve has a slope at each point, of its tangent.", "D")
                ),
            ),
        ),
    )
}

QUIZ = (
    Question(
        "A pixel of a CT stores 1064. The header says slope 1, intercept -1024. What is it likely to be?",
        (
            Option("Soft tissue: 40 HU.", "1064 - 1024 = 40 HU: grey matter, for example.", True),
            Option(
                "Bone: 1064 is large.", "Large against what? Stored values have no meaning before slope and intercept."
            ),
            Option("Air: it is below 2000.", "Air is at -1000 HU: it would be stored as 24."),
        ),
    ),
    Question(
        "A brain bleed of 65 HU lies in brain of 35 HU. In which window do you see it best?",
        (
            Option("level 40, width 80", "80 HU share all the greys: 30 HU are more than a third of the scale.", True),
            Option("level 600, width 2800", "Then 30 HU are one per cent of the scale: less than three grey levels."),
            Option(
                "level -600, width 1500", "That window ends at about 150 HU; 30 HU are five grey levels near white."
            ),
        ),
    ),
    Question(
        "Two MR scans of one patient: the brain has 300 in one and 900 in the other. What follows?",
        (
            Option("The brain has changed.", "MR values have no unit: gain and sequence scale them as they like."),
            Option(
                "One of them lacks its rescale slope.",
                "Even with a slope, gain and sequence would still scale the numbers as they like.",
            ),
            Option(
                "Nothing yet.", "Scale each scan by its own values first, then compare patterns, not numbers.", True
            ),
        ),
    ),
    Question(
        "Two points are 20 voxels apart along one axis. The spacing is (5.0, 0.5, 0.5) mm, axes (z, y, x). How far "
        "apart are they?",
        (
            Option("10 mm", "Only if they lie in one slice. Along z 20 voxels are 100 mm."),
            Option("It depends on the direction.", "10 mm within a slice, 100 mm across slices. Say which axis.", True),
            Option("100 mm", "Only across slices. Within a slice 20 voxels are 10 mm."),
        ),
    ),
    Question(
        "One lesion, the same voxels, two programs: one puts it into the right lung, one into the left. What do you "
        "look at first?",
        (
            Option(
                "The lesion detector.", "The voxels are the same. The programs disagree on what the voxels' axes mean."
            ),
            Option("The window.", "It changes greys, never places."),
            Option("The affine, and RAS against LPS.", "The signs of the first two axes differ between the two.", True),
        ),
    ),
    Question(
        "900 slices of 30 patients. You shuffle the slices and keep 20 % for the test. The test accuracy is 97 %. "
        "You say:",
        (
            Option(
                "97 % for new patients.", "Every patient is in the training set too: this says nothing about new ones."
            ),
            Option(
                "Nothing about new patients.",
                "Neighbouring slices look alike; split by patient and measure again.",
                True,
            ),
            Option(
                "97 %, because 180 test slices are enough.",
                "They are 180 slices of 30 people whom the model has seen. Their number does not help.",
            ),
        ),
    ),
)
