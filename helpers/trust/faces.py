"""A face in a head scan: who can tell a person by it, and what taking the face away leaves.

A scan of a head holds its skin. Of 84 volunteers a face-recognition service put the right scan first for 70 (83 %) when
it was given their photographs (Schwarz et al. 2019, N Engl J Med 381, 1684-1686). Defacing helps, and not fully: of 157
volunteers 97 % were matched before, 28 to 38 % after three popular programs (Schwarz et al. 2021, NeuroImage 231,
117845). The heads here are made up, so the shares measured on them say nothing about patients.
"""

import numpy as np

FIELD = 256.0  # mm along each axis of a phantom
SKIN, MUSCLE, BONE, BRAIN = 0.8, 0.55, 0.1, 0.6  # grey values, as of a T1-weighted MRI; air is 0
SURFACE = 0.35  # a threshold between air and skin
# From below the chin to the crown, in mm from the height of the eyes: how wide a head is, how far it reaches to the
# front and to the back, from a line between the ears
_HEIGHTS = (-122, -115, -95, -60, -20, 20, 60, 88, 105, 113, 116)
_WIDTHS = (0, 26, 46, 60, 70, 74, 71, 56, 36, 18, 0)
_FRONTS = (0, 66, 82, 86, 88, 90, 84, 66, 42, 20, 0)
_BACKS = (0, 5, 15, 40, 80, 96, 90, 68, 42, 20, 0)


def head_phantom(seed: int, visit: int = 0, size: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """A made-up head, nobody's: skin, muscle, skull and brain, as a scanner might see them.

    The person, `seed`, decides the measures of head, nose, eye sockets, brow, lips, chin and ears, each drawn by
    itself. The visit decides how the head lies (turned about each axis by 1.5 degrees, shifted by 2 mm: standard
    deviations) and the noise. What gives it away: both sides are alike, eyes are closed hollows, there is no hair, the
    brain is an ellipsoid, and nobody grows older from visit to visit.

    Parameters
    ----------
    seed, visit : 0 or more; the same two give the same voxels
    size : voxels a side, 32 or more, of a cube of 256 mm

    Returns
    -------
    volume : (Z, Y, X) float32, air 0, skin 0.8; z to the crown, y to the back, x to the left of the person
    brain : (Z, Y, X) bool

    Raises
    ------
    ValueError : fewer than 32 voxels a side
    """
    from scipy.ndimage import affine_transform

    if size < 32:
        raise ValueError(f"expected a size of 32 voxels or more, got {size}: below, a nose is smaller than a voxel")
    voxel = FIELD / size
    at = (np.arange(size, dtype=np.float32) + 0.5) * voxel - FIELD / 2
    person = np.random.default_rng([seed, 0])
    front, back, scale = _outline(person, at - 4, at)
    y = at[None, :, None]
    inside = np.minimum(y - front[:, None], back[:, None] - y)  # mm below the skin, along y
    volume = np.where(inside < 6, SKIN, MUSCLE).astype(np.float32) * np.clip(inside / voxel + 0.5, 0, 1)
    from_centre = (at - 50) / (57 * scale[0]), (at - 3) / (80 * scale[1]), at / (63 * scale[2])
    r = np.sqrt(sum(a[..., None, None].swapaxes(0, axis) ** 2 for axis, a in enumerate(from_centre)))
    face_bone = (inside > 8) & (inside < 14) & (y < 0) & (at[:, None, None] < 10)
    volume[(inside > 5) & (face_bone | ((r >= 1) & (r < 1.09)))] = BONE
    volume[r < 1] = BRAIN

    lies = np.random.default_rng([seed, 1, visit])
    turn = _turn(np.radians(lies.normal(0, 1.5, 3)))
    middle = np.full(3, (size - 1) / 2)
    offset = middle - turn @ (middle + lies.normal(0, 2, 3) / voxel)
    volume = affine_transform(volume, turn, offset, order=1)
    brain = affine_transform((r < 1).astype(np.uint8), turn, offset, order=0).astype(bool)
    return np.abs(volume + lies.normal(0, 0.02, volume.shape).astype(np.float32)), brain


def _outline(person: np.random.Generator, z: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the skin of a person begins and ends along y, each (Z, X) in mm (inf and -inf: no skin), and the scale."""
    from scipy.interpolate import PchipInterpolator

    scale = person.normal(1, 0.04, 3)
    z, x = z[:, None] / scale[0], np.abs(x[None]) / scale[2]

    def bump(high, z0, x0, tall, wide):
        return high * np.exp(-(((z - z0) / tall) ** 2 + ((x - x0) / wide) ** 2) / 2)

    inside = (z > _HEIGHTS[0]) & (z < _HEIGHTS[-1])
    width, forward, backward = (
        np.where(inside, PchipInterpolator(_HEIGHTS, values)(np.clip(z, _HEIGHTS[0], _HEIGHTS[-1])), 0)
        for values in (_WIDTHS, _FRONTS, _BACKS)
    )
    width = width + bump(person.normal(0, 4), -85, 0, 20, 1e3) * inside  # a broad or a narrow jaw
    round_ = np.sqrt(np.clip(1 - (x / np.maximum(width, 1e-3)) ** 2, 0, 1))
    front, back = -forward * round_, backward * round_

    eyes, apart = person.normal(0, 3), person.normal(31, 3)
    tip, long, broad = person.normal(-43, 5), person.normal(23, 5), person.normal(9, 2)
    mouth = person.normal(-72, 4)
    nose = np.interp(z, [tip - 13, tip - 5, tip, eyes, eyes + 14], [0, 0.6 * long, long, person.normal(8, 2), 0])
    front -= nose * np.exp(-((x / (broad * np.interp(z, [tip, eyes], [1, 0.7]))) ** 2) / 2)
    front += bump(person.normal(10, 2.5), eyes, apart, 9, 12)  # eye sockets
    front -= bump(person.normal(5, 2.5), eyes + 17, apart * 0.8, 6, 17)  # brow
    front -= bump(person.normal(5, 2), -28, person.normal(46, 3), 14, 13)  # cheekbones
    front -= bump(person.normal(5, 1.5), mouth + 5, 0, 4, person.normal(17, 3))  # lips, and the line between them
    front -= bump(person.normal(5, 1.5), mouth - 6, 0, 4, person.normal(15, 3))
    front -= bump(person.normal(9, 4), -104, 0, 10, person.normal(17, 3))  # chin

    off, tall = person.normal(14, 4), person.normal(30, 3)  # ears
    height = (z + 12) / tall
    ear = (np.abs(height) < 1) & (x < width + off * np.sqrt(np.clip(1 - height**2, 0, 1)))
    neck = (z < -70) & (x < 54)
    none = round_ <= 0
    front, back = np.where(none, np.inf, front), np.where(none, -np.inf, back)
    for part, first, last in ((ear & none, 2, 22), (neck, 35 - 55 * np.sqrt(np.clip(1 - (x / 54) ** 2, 0, 1)), 80)):
        front = np.where(part, np.minimum(front, first), front)
        back = np.where(part, np.maximum(back, last), back)
    return (front * scale[1]).astype(np.float32), (back * scale[1]).astype(np.float32), scale


def _turn(angles: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) by three angles in radians, about z, then y, then x."""
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        i, j = (k for k in range(3) if k != axis)
        step = np.eye(3)
        step[i, i] = step[j, j] = np.cos(angle)
        step[i, j], step[j, i] = -np.sin(angle), np.sin(angle)
        turn = step @ turn
    return turn


def render_face(volume: np.ndarray, threshold: float = SURFACE) -> np.ndarray:
    """The surface of a head as seen from the front, lit from in front and above (orthographic, Lambert's law).

    Parameters
    ----------
    volume : (Z, Y, X), z to the crown, y to the back
    threshold : the surface is where a ray from the front first meets a voxel above it; between it and the voxel before
        it is found by linear interpolation

    Returns
    -------
    picture : (Z, X) uint8, the crown in the upper rows; 0 where a ray meets nothing or the surface turns from the light

    Raises
    ------
    ValueError : not a volume
    """
    volume = np.asarray(volume)
    if volume.ndim != 3:
        raise ValueError(f"expected a volume (Z, Y, X), got shape {volume.shape}")
    above = volume > threshold
    hit, first = above.any(axis=1), above.argmax(axis=1)
    value, before = (np.take_along_axis(volume, np.maximum(k, 0)[:, None], axis=1)[:, 0] for k in (first, first - 1))
    step = np.where(first > 0, (value - threshold) / np.maximum(value - before, 1e-6), 0)
    depth = np.where(hit, first - step, volume.shape[1])
    down, across = np.gradient(depth)  # the normal towards the viewer is (dz, -1, dx) / length
    light = (1 + 0.5 * down) / np.sqrt((1 + down**2 + across**2) * 1.25)
    return (255 * np.clip(light, 0, 1) * hit).astype(np.uint8)[::-1]


def deface(volume: np.ndarray, brain: np.ndarray, margin: float = 3.0) -> np.ndarray:
    """A head without its face: air where a voxel lies in front of and below the brain.

    A plane that leans by 45 degrees, downwards to the back, is moved towards the brain from in front and below, as
    near as `margin`; what lies before it goes. Quickshear (Schimke and Hale 2011) cuts by a plane too; mri_deface and
    pydeface (Bischoff-Grethe et al. 2007; Gulban et al. 2019) cut by a mask of the face fitted to the head. Forehead,
    ears and the outline of the skull stay.

    Parameters
    ----------
    volume : (Z, Y, X), z to the crown, y to the back
    brain : (Z, Y, X) bool
    margin : voxels between the plane and the nearest voxel of the brain, 0 or more

    Returns
    -------
    defaced : (Z, Y, X), a copy; every voxel of the brain as it was

    Raises
    ------
    ValueError : shapes that differ, no brain, a margin below 0
    """
    volume, brain = np.asarray(volume), np.asarray(brain, bool)
    if volume.ndim != 3 or volume.shape != brain.shape or not brain.any() or margin < 0:
        raise ValueError(
            f"expected a volume (Z, Y, X), a brain mask of its shape that is not empty and a margin of 0 or more, got "
            f"{volume.shape}, {brain.shape} with {int(brain.sum())} voxels, and {margin}"
        )
    z, y = np.ogrid[: volume.shape[0], : volume.shape[1]]
    along = (z + y) / np.sqrt(2)  # (Z, Y): voxels from the lower front edge of the field
    nearest = along[brain.any(axis=2)].min()
    return np.where((along < nearest - margin)[..., None], 0, volume).astype(volume.dtype)


def recognised(gallery: np.ndarray, queries: np.ndarray, reach: int = 3) -> float:
    """Share of queries whose most similar picture of the gallery is of the same person; chance is 1 / N.

    Similar is what correlates (Pearson), pixel by pixel, at the best of all shifts up to `reach`: a simple stand-in for
    face-recognition software, which knows more about faces.

    Parameters
    ----------
    gallery, queries : (N, H, W), person n at place n of both
    reach : pixels by which a query is moved up, down and sideways, its borders wrapping around

    Raises
    ------
    ValueError : shapes that differ, fewer than two persons
    """
    gallery, queries = np.asarray(gallery, float), np.asarray(queries, float)
    if gallery.ndim != 3 or gallery.shape != queries.shape or len(gallery) < 2:
        raise ValueError(
            f"expected two stacks of pictures (N, H, W), N at least 2, got {gallery.shape}, {queries.shape}"
        )
    known, asked = (_standardised(pictures) for pictures in (gallery, queries))
    steps = range(-reach, reach + 1)
    alike = np.max(
        [
            np.roll(asked, (i, j), (1, 2)).reshape(len(asked), -1) @ known.reshape(len(known), -1).T
            for i in steps
            for j in steps
        ],
        axis=0,
    )  # (queries, gallery)
    return float((alike.argmax(axis=1) == np.arange(len(alike))).mean())


def _standardised(pictures: np.ndarray) -> np.ndarray:
    """Each picture (N, H, W) with mean 0 and length 1."""
    pictures = pictures - pictures.mean(axis=(1, 2), keepdims=True)
    return pictures / np.maximum(np.linalg.norm(pictures, axis=(1, 2), keepdims=True), 1e-12)
