"""A volume cut three ways: a point chosen in one plane moves the other two."""

from dataclasses import dataclass

import numpy as np

from helpers.display import Shown, contact_sheet
from helpers.widgets.marks import Mark, drawn, line, text
from helpers.widgets.shell import At, View, explorer, slider

VOXEL = ("i", "j", "k")
_PLANES = {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}  # world axes that run across and up
_LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))  # the two ends of each world axis
_CROSS = "#FFB000"
_ROOM = 800  # CSS pixels for the three together


@dataclass(frozen=True)
class _Axis:
    """One world axis of a picture: the voxel index at each pixel along it, and how to get back."""

    voxels: np.ndarray  # (pixels,) index along the volume's own axis
    pixels_a_voxel: float
    backwards: bool  # the index falls along the picture

    def pixel(self, voxel: float) -> float:
        """The middle of a voxel, in pixels along the picture."""
        place = (voxel + 0.5) * self.pixels_a_voxel
        return len(self.voxels) - place if self.backwards else place


class Planes:
    """A volume and its three planes through one voxel.

    Parameters
    ----------
    values : (I, J, K), any numbers; what is not uint8 is shown from its 1st to its 99th percentile
    affine : (4, 4), voxel (i, j, k, 1) -> world (x, y, z, 1) in mm, RAS: x to the patient's right, y to the front, z up
    convention : "radiological", the patient's right on the left of the picture, or "neurological"

    Raises
    ------
    ValueError : a shape that does not fit, an affine that is none, another convention
    """

    def __init__(self, values: np.ndarray, affine: np.ndarray, convention: str = "radiological") -> None:
        if np.ndim(values) != 3:
            raise ValueError(f"expected a volume (I, J, K), got shape {np.shape(values)}")
        if np.shape(affine) != (4, 4) or abs(np.linalg.det(np.asarray(affine)[:3, :3])) < 1e-9:
            raise ValueError("expected an affine (4, 4) that can be inverted, voxel -> world in mm")
        if convention not in ("radiological", "neurological"):
            raise ValueError(f'expected "radiological" or "neurological", got {convention!r}')
        from nibabel.orientations import io_orientation

        self.values, self.affine, self.convention = values, np.asarray(affine, float), convention
        self._grey = _grey(values)
        order = io_orientation(self.affine)  # for each voxel axis: the world axis it is nearest to, and which way
        spacing = np.linalg.norm(self.affine[:3, :3], axis=0)
        # Voxel axis (0, 1, 2 for i, j, k) of each world axis, and the axis as it is drawn.
        self._axis_of = [int(np.flatnonzero(order[:, 0] == world)[0]) for world in range(3)]
        self.axes = [self._drawn_axis(world, order, spacing) for world in range(3)]

    def _drawn_axis(self, world: int, order: np.ndarray, spacing: np.ndarray) -> _Axis:
        axis = self._axis_of[world]
        size, scale = self.values.shape[axis], spacing[axis] / spacing.min()
        voxels = np.minimum((np.arange(round(size * scale)) + 0.5) / scale, size - 1).astype(int)
        # Pictures run to the left ear or the right one, from front to back, from the top down.
        falls = self.convention == "radiological" if world == 0 else True
        backwards = falls == (order[axis, 1] > 0)
        return _Axis(voxels[::-1] if backwards else voxels, scale, backwards)

    def picture(self, plane: str, state: dict) -> np.ndarray:
        """state {"i", "j", "k"} -> uint8 (H, W): the plane through that voxel."""
        across, down = _PLANES[plane]
        through = 3 - across - down
        where = [slice(None)] * 3
        where[self._axis_of[through]] = int(state[VOXEL[self._axis_of[through]]])
        cut = self._grey[tuple(where)]
        if self._axis_of[down] > self._axis_of[across]:
            cut = cut.T
        return np.ascontiguousarray(cut[np.ix_(self.axes[down].voxels, self.axes[across].voxels)])

    def place(self, plane: str, state: dict) -> tuple[float, float]:
        """Where the voxel is in the picture of that plane: (x, y)."""
        return tuple(self.axes[world].pixel(int(state[VOXEL[self._axis_of[world]]])) for world in _PLANES[plane])

    def chosen(self, state: dict, at: At) -> dict:
        """The voxel under a place in one of the pictures; the third index stays."""
        pixels = zip(_PLANES[at.view], (at.x, at.y), strict=True)
        return {VOXEL[self._axis_of[world]]: float(self.axes[world].voxels[pixel]) for world, pixel in pixels}

    def marks(self, plane: str, state: dict) -> list[Mark]:
        """Cross hairs, and the letters of the patient's sides at the four edges."""
        across, down = _PLANES[plane]
        width, height = len(self.axes[across].voxels), len(self.axes[down].voxels)
        x, y = self.place(plane, state)
        cross = [line([(x, 0), (x, height)], _CROSS, width=1), line([(0, y), (width, y)], _CROSS, width=1)]
        falls = self.convention == "radiological" if across == 0 else True
        left, right = reversed(_LETTERS[across]) if falls else _LETTERS[across]
        low, high = _LETTERS[down]
        edge = 0.05 * width
        places = ((edge, height / 2, left), (width - edge, height / 2, right))
        places += ((width / 2, edge, high), (width / 2, height - edge, low))
        return [*cross, *(text(*place) for place in places)]

    def world(self, state: dict) -> np.ndarray:
        """The voxel's centre in mm, (x, y, z)."""
        return self.affine[:3, :3] @ [int(state[name]) for name in VOXEL] + self.affine[:3, 3]

    def caption(self, state: dict) -> str:
        """Voxel, value, world, and which side is which."""
        voxel = tuple(int(state[name]) for name in VOXEL)
        x, y, z = self.world(state)
        side = "right" if self.convention == "radiological" else "left"
        ways = ", ".join(
            f"{abs(mm):.0f} mm {up if mm > 0 else down}"
            for mm, up, down in (
                (x, "to the right", "to the left"),
                (y, "to the front", "to the back"),
                (z, "up", "down"),
            )
        )
        return (
            f"Voxel (i, j, k) = {voxel}, value **{self.values[voxel]:.4g}**. World (x, y, z) = ({x:.1f}, {y:.1f}, "
            f"{z:.1f}) mm, from the origin: {ways}.\n"
            f"In the axial and the coronal picture the left side is the patient's **{side}** ({self.convention} "
            "convention)."
        )


def _grey(values: np.ndarray) -> np.ndarray:
    """What is shown of any values: uint8, same shape."""
    values = np.asarray(values)
    if values.dtype == np.uint8:
        return values
    low, high = np.percentile(values, [1, 99])
    return (np.clip((values - low) / max(high - low, 1e-12), 0, 1) * 255).astype(np.uint8)


def three_planes(
    values: np.ndarray,
    affine: np.ndarray,
    what: str = "a brain",
    convention: str = "radiological",
    waits_for: str | None = None,
) -> Shown:
    """The widget: click, drag or use the arrow keys in one plane, and the other two follow.

    Parameters
    ----------
    values, affine, convention : as `Planes`
    what : what the volume is, for the descriptions
    waits_for : id of the prediction to be made first

    Raises
    ------
    ValueError : as `Planes`
    """
    planes = Planes(values, affine, convention)
    middle = {name: float(size // 2) for name, size in zip(VOXEL, values.shape, strict=True)}
    controls = {
        name: slider(f"voxel {name}", middle[name], 0, size - 1, step=1, readout_format=".0f")
        for name, size in zip(VOXEL, values.shape, strict=True)
    }
    zoom = min(4.0, _ROOM / sum(len(planes.axes[across].voxels) for across, _ in _PLANES.values()))
    views = {plane: _view(planes, plane, what, zoom) for plane in _PLANES}
    pictures = [
        drawn(view.picture(middle), view.marks(middle), view.width * 3 // 4, smooth=True) for view in views.values()
    ]
    left = "right" if convention == "radiological" else "left"
    alt = (
        f"Three planes through the middle of {what}, with cross hairs: axial (across the body), coronal (like a face "
        "seen from the front) and sagittal (from the side). Letters name the patient's sides: L left, R right, A "
        f"front, P back, S up, I down. The patient's {left} is on the left of the axial and the coronal picture."
    )
    still = contact_sheet(pictures, list(_PLANES), columns=3)
    return explorer(
        views,
        planes.caption,
        controls,
        still,
        alt,
        on_hover=lambda state, at: planes.chosen(state, at) if at.held else {},
        on_click=planes.chosen,
        waits_for=waits_for,
        still_width=_ROOM,
    )


def _view(planes: Planes, plane: str, what: str, zoom: float) -> View:
    across, down = _PLANES[plane]
    through = VOXEL[planes._axis_of[3 - across - down]]
    return View(
        lambda state: planes.picture(plane, state),
        f"{plane.capitalize()} plane of {what}.",
        lambda state: planes.marks(plane, state),
        width=round(zoom * len(planes.axes[across].voxels)),
        uses=(through,),
        cursor=lambda state: tuple(int(place) for place in planes.place(plane, state)),
    )
