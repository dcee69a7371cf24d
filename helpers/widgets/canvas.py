"""The one canvas of the course: a picture that reports where the learner points, clicks and paints.

Python sets pixels and marks and hears events. All that has to be quick under the hand (the cursor, the brush) happens
in the page, in canvas.js. Pixels travel as raw bytes, in one message for each picture.
"""

from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from helpers.display import colab_metadata


def stamp(mask: np.ndarray, x: int, y: int, radius: int, value: int) -> None:
    """Set the disc around (x, y) in `mask` (H, W), in place; the same whole-number rule as `stamp` in canvas.js."""
    height, width = mask.shape
    for row in range(max(0, y - radius), min(height - 1, y + radius) + 1):
        half = int((radius**2 - (row - y) ** 2) ** 0.5)
        mask[row, max(0, x - half) : max(0, min(width, x + half + 1))] = value


class Canvas(anywidget.AnyWidget):
    """A uint8 picture that reports pointer, clicks and brush strokes, in picture pixels (x right, y down, from 0).

    Parameters
    ----------
    pixels : uint8 (H, W) or (H, W, 3)
    alt : what the picture shows, for those who cannot see it
    **traits : starting values of the traits below

    Attributes
    ----------
    marks : list of marks over the picture (see `helpers.widgets.marks`), drawn as sharp as the screen allows
    width : CSS pixels of the picture (0: its own); it shrinks where the page has less room
    smooth : False shows every pixel as a square (medical pixels), True interpolates (rendered figures)
    readout : a line below with the position of the pointer
    mode : "point", "paint" or "erase"; when painting, Shift or the right button erases
    radius, ink : of the brush: pixels, and [red, green, blue, opacity] from 0 to 255
    says : what a screen reader hears when the arrow keys rest
    cursor : [x, y], where the arrow keys start from
    hover : [x, y, held] while the pointer is over the picture or keys move it, else []; `held` is 1 while the
        button is down, and when arrow keys moved it
    click : (x, y, how many so far) of the last click
    strokes : how many brush strokes have ended, each already in `painted`
    painted : uint8 (H, W), 1 where the learner has painted; not a trait: change it with `set_mask`

    Raises
    ------
    ValueError : pixels that are no uint8 picture, or no alt text
    """

    # The text and not the path: a path would make anywidget watch the file.
    _esm = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")

    picture = traitlets.Dict().tag(sync=True)
    marks = traitlets.List().tag(sync=True)
    mask = traitlets.Dict({"count": 0}).tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    says = traitlets.Unicode().tag(sync=True)
    cursor = traitlets.List().tag(sync=True)
    width = traitlets.Int(0).tag(sync=True)
    smooth = traitlets.Bool(False).tag(sync=True)
    readout = traitlets.Bool(True).tag(sync=True)
    mode = traitlets.Enum(["point", "paint", "erase"], "point").tag(sync=True)
    radius = traitlets.Int(4).tag(sync=True)
    ink = traitlets.List([255, 120, 0, 140]).tag(sync=True)

    hover = traitlets.List().tag(sync=True, echo_update=False)  # what the page says need not be sent back to it
    # These come as messages, not as changes of a trait: of those only the last arrives when the kernel is slow.
    click = traitlets.Tuple((0, 0, 0))
    strokes = traitlets.Int(0)

    def __init__(self, pixels: np.ndarray, *, alt: str, **traits: Any) -> None:
        if not alt.strip():
            raise ValueError("a canvas needs an alt text: one or two sentences that say what it shows")
        unknown = sorted(set(traits) - set(self.trait_names()))
        if unknown:
            raise ValueError(f"a Canvas has no {', '.join(unknown)}; see help(Canvas) for what can be set")
        picture = _packed(pixels)
        self.painted = np.zeros(pixels.shape[:2], np.uint8)
        super().__init__(picture=picture, alt=alt, **traits)
        self.on_msg(self._told)
        colab_metadata()  # switches off what anywidget has just switched on for a whole Colab notebook

    def show(self, pixels: np.ndarray) -> None:
        """Put up other pixels, uint8 (H, W) or (H, W, 3). The same are not sent again; another size clears the mask.

        Raises
        ------
        ValueError : pixels that are no uint8 picture
        """
        self.picture = _packed(pixels)
        if pixels.shape[:2] != self.painted.shape:
            self.painted = np.zeros(pixels.shape[:2], np.uint8)

    def set_mask(self, mask: np.ndarray) -> None:
        """Replace what has been painted (to undo, to clear, for a first guess) with `mask` (H, W), where it is not 0.

        Raises
        ------
        ValueError : a mask of another size than the picture
        """
        if np.shape(mask) != self.painted.shape:
            raise ValueError(f"expected a mask of the picture's shape {self.painted.shape}, got {np.shape(mask)}")
        self.painted = (np.asarray(mask) != 0).astype(np.uint8)
        # Counted, because the same mask must be sent again when strokes have changed it in the page.
        self.mask = {"data": self.painted.tobytes(), "count": self.mask["count"] + 1}

    def _told(self, _: "Canvas", message: dict, buffers: list) -> None:
        if message.get("kind") == "click":
            self.click = (message["x"], message["y"], self.click[2] + 1)
        elif message.get("kind") == "stroke":
            for x, y in message["points"]:
                stamp(self.painted, x, y, message["radius"], message["value"])
            self.strokes += 1


def _packed(pixels: np.ndarray) -> dict[str, Any]:
    shape, dtype = np.shape(pixels), getattr(pixels, "dtype", type(pixels).__name__)
    if dtype != np.uint8 or not (len(shape) == 2 or len(shape) == 3 and shape[2] == 3) or 0 in shape:
        raise ValueError(
            f"expected uint8 pixels (H, W) or (H, W, 3), got {dtype} {shape}; "
            "for other values choose a window first, e.g. window(hu, level, width)"
        )
    channels = 1 if len(shape) == 2 else 3
    return {"data": pixels.tobytes(), "width": shape[1], "height": shape[0], "channels": channels}
