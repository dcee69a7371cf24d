"""A matplotlib figure that is drawn once: a move redraws only what moves."""

from collections.abc import Callable
from typing import Any

import numpy as np

QUICK, SHARP = 115, 200  # dots an inch: of a picture that every move draws anew; of one that stays


class Stage:
    """A figure, its background kept as pixels.

    Parameters
    ----------
    size : inches (width, height); 5.6 in are shown 560 CSS pixels wide
    build : figure -> whatever later draws need (axes, artists), kept as `parts`. What is to move is best made empty
        here, and drawn anew by `draw`.
    dpi : QUICK or SHARP
    """

    def __init__(self, size: tuple[float, float], build: Callable[[Any], Any], dpi: int = QUICK) -> None:
        from matplotlib import style
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        with style.context("helpers.course"):
            self.figure = Figure(figsize=size, dpi=dpi)
            self._canvas = FigureCanvasAgg(self.figure)
            self.parts = build(self.figure)
            self._canvas.draw()
        self.figure.set_layout_engine("none")  # the layout is found once, not at every move
        self._background = self._canvas.copy_from_bbox(self.figure.bbox)

    def restored(self) -> np.ndarray:
        """Back to the background: its pixels (H, W, 4), to be changed in place."""
        self._canvas.restore_region(self._background)
        return np.asarray(self._canvas.buffer_rgba())

    def drawn(self, *artists) -> np.ndarray:
        """Draw these artists over what is there: uint8 pixels (H, W, 3)."""
        for artist in artists:
            artist.axes.draw_artist(artist)
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()

    def box(self, axes) -> tuple[int, int, int, int]:
        """The pixels inside the axes: (y0, x0, y1, x1), the end not included."""
        left, bottom, right, top = np.round(axes.bbox.extents).astype(int)
        height = round(self.figure.bbox.height)
        return height - top, left, height - bottom, right

    def to_data(self, axes, x: float, y: float) -> tuple[float, float] | None:
        """What stands at picture pixel (x, y), in the units of the axes; None outside them."""
        height = round(self.figure.bbox.height)
        place = x + 0.5, height - y - 0.5
        if not axes.bbox.contains(*place):
            return None
        return tuple(axes.transData.inverted().transform(place).tolist())

    def to_pixels(self, axes, x, y) -> np.ndarray:
        """Where data points are in the picture: (n, 2) as (x, y), for marks."""
        points = axes.transData.transform(np.stack([np.atleast_1d(x), np.atleast_1d(y)], axis=1))
        return np.stack([points[:, 0], round(self.figure.bbox.height) - points[:, 1]], axis=1)
