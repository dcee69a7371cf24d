"""Marks over a picture: boxes, lines, circles, points, text. The canvas draws them live, `drawn` on a still.

Places are in picture pixels, not necessarily whole ones: pixel (x, y) reaches from x to x + 1, its centre is x + 0.5.
A box of pixels is (y0, x0, y1, x1) with the end not included, as everywhere in the course. Widths and letter sizes are
CSS pixels, the same at every zoom. Colours are "#rrggbb"; a fill may be "#rrggbbaa".
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

ORANGE = "#FF9A1F"  # these are seen on grey pictures, with their dark edge on white ones too
GREEN = "#2EE6A8"
BLUE = "#56B4E9"
WHITE = "#FFFFFF"

Mark = dict  # what travels to the page


def box(y0: float, x0: float, y1: float, x1: float, colour: str = ORANGE, **look: Any) -> Mark:
    """The outline of rows y0 to y1 and columns x0 to x1."""
    corners = {"y0": float(y0), "x0": float(x0), "y1": float(y1), "x1": float(x1)}
    return {"kind": "box", **corners, **_look(colour, **look)}


def line(points: Iterable[Sequence[float]], colour: str = ORANGE, **look: Any) -> Mark:
    """A line through points (x, y)."""
    return {"kind": "line", "points": [[float(x), float(y)] for x, y in points], **_look(colour, **look)}


def circle(x: float, y: float, r: float, colour: str = ORANGE, **look: Any) -> Mark:
    """A circle of radius r, in picture pixels: it grows with the picture."""
    return {"kind": "circle", "x": float(x), "y": float(y), "r": float(r), **_look(colour, **look)}


def _look(
    colour: str, width: float = 2.0, dash: Sequence[float] = (), fill: str = "", edge: bool = True
) -> dict[str, Any]:
    """Of boxes, lines and circles: width of the line (0: none), its dashes (on, off), a fill, a dark edge or none."""
    return {"colour": colour, "width": width, "dash": list(dash), "fill": fill, "edge": edge}


def point(x: float, y: float, colour: str = ORANGE, size: float = 8.0) -> Mark:
    """A dot, `size` CSS pixels across at every zoom."""
    return {"kind": "point", "x": float(x), "y": float(y), "colour": colour, "size": size}


def text(x: float, y: float, text: str, colour: str = WHITE, size: float = 14.0, align: str = "center") -> Mark:
    """Letters whose middle ("left", "right": whose end) is at (x, y)."""
    return {"kind": "text", "x": float(x), "y": float(y), "text": text, "colour": colour, "size": size, "align": align}


def drawn(pixels: np.ndarray, marks: Sequence[Mark], width: int = 0, smooth: bool = False) -> np.ndarray:
    """A picture with its marks, for stills: uint8 (H', W', 3), two pixels a CSS pixel of `width` (0: its own)."""
    from PIL import Image, ImageDraw, ImageFont

    rows, columns = pixels.shape[:2]
    zoom = 2 * (width or columns) / columns
    size = (round(columns * zoom), round(rows * zoom))
    how = Image.Resampling.BICUBIC if smooth or zoom < 1 else Image.Resampling.NEAREST
    image = Image.fromarray(pixels).convert("RGB").resize(size, how)
    for mark in marks:
        pen = ImageDraw.Draw(image, "RGBA")
        if mark["kind"] == "text":
            font = ImageFont.load_default(size=2 * mark["size"])
            anchor = {"center": "mm", "left": "lm", "right": "rm"}[mark["align"]]
            place = (mark["x"] * zoom, mark["y"] * zoom)
            pen.text(place, mark["text"], mark["colour"], font, anchor, stroke_width=3, stroke_fill="black")
        elif mark["kind"] == "point":
            r = mark["size"]
            x, y = mark["x"] * zoom, mark["y"] * zoom
            pen.ellipse((x - r, y - r, x + r, y + r), fill=mark["colour"], outline="black", width=2)
        else:
            _stroke(pen, mark, zoom)
    return np.asarray(image)


def _stroke(pen, mark: Mark, zoom: float) -> None:
    if mark.get("fill") and mark["kind"] == "box":
        pen.rectangle([mark[key] * zoom for key in ("x0", "y0", "x1", "y1")], fill=mark["fill"])
    elif mark.get("fill"):
        pen.circle((mark["x"] * zoom, mark["y"] * zoom), mark["r"] * zoom, fill=mark["fill"])
    if not mark["width"]:
        return
    path = _path(mark) * zoom
    if mark["edge"]:
        pen.line(_flat(path), fill="#00000099", width=round(2 * mark["width"] + 3), joint="curve")
    for piece in _dashes(path, 2 * np.array(mark["dash"])):
        pen.line(_flat(piece), fill=mark["colour"], width=round(2 * mark["width"]), joint="curve")


def _flat(path: np.ndarray) -> list[tuple[float, float]]:
    return [tuple(place) for place in path.tolist()]


def _path(mark: Mark) -> np.ndarray:
    """The outline of a mark as points (n, 2)."""
    if mark["kind"] == "line":
        return np.array(mark["points"]).reshape(-1, 2)
    if mark["kind"] == "box":
        x0, y0, x1, y1 = (mark[key] for key in ("x0", "y0", "x1", "y1"))
        return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]])
    turn = np.linspace(0, 2 * np.pi, 121)
    return np.stack([mark["x"] + mark["r"] * np.cos(turn), mark["y"] + mark["r"] * np.sin(turn)], axis=1)


def _dashes(path: np.ndarray, dash: np.ndarray) -> list[np.ndarray]:
    """The pieces of a path that a dash pattern (on, off, ...) leaves; the whole path without one."""
    if not dash.size or len(path) < 2:
        return [path]
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    pattern = dash if dash.size % 2 == 0 else np.tile(dash, 2)
    ends = np.cumsum(np.tile(pattern, int(along[-1] // pattern.sum()) + 1))
    starts = np.concatenate([[0.0], ends[1::2]])
    pieces = []
    for start, end in zip(starts, ends[::2], strict=False):
        at = np.unique(np.clip([start, *along[(along > start) & (along < end)], end], 0, along[-1]))
        if len(at) > 1:
            pieces.append(np.stack([np.interp(at, along, path[:, k]) for k in (0, 1)], axis=1))
    return pieces
