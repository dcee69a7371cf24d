"""A picture through a convolutional network: its feature maps, what each of their pixels sees, the probabilities."""

import functools
import math

import numpy as np

from helpers.display import Shown, contact_sheet
from helpers.nn import output_size, receptive_field
from helpers.widgets.marks import Mark, box, drawn
from helpers.widgets.shell import View, explorer, slider
from helpers.widgets.stage import SHARP, Stage

_SHEET, _GAP = 496, 4  # pixels of the grid of maps, both ways, and between two maps


class FeatureMaps:
    """Pictures, what a network makes of them layer by layer, and all that the widget shows of it.

    Parameters
    ----------
    images : (N, H, W)
    maps : name of a layer -> its output (N, H', W', C)
    probabilities : (N, classes)
    kernel_chain : name of a layer -> (kernel_size, stride) of each convolution and pooling up to it, all unpadded
    labels : (N,) the true classes, told in the caption; or None

    Raises
    ------
    ValueError : arrays that do not fit each other, a chain that does not lead to its maps, maps too large to show
    """

    def __init__(
        self,
        images: np.ndarray,
        maps: dict,
        probabilities: np.ndarray,
        kernel_chain: dict,
        labels: np.ndarray | None = None,
    ) -> None:
        shapes = np.shape(images), np.shape(probabilities)
        if len(shapes[0]) != 3 or len(shapes[1]) != 2 or shapes[0][0] != shapes[1][0]:
            raise ValueError(f"expected images (N, H, W), e.g. X[..., 0], and probabilities (N, classes), got {shapes}")
        if not maps or set(maps) != set(kernel_chain):
            raise ValueError(f"expected the layers of maps in kernel_chain, got {list(maps)} and {list(kernel_chain)}")
        if labels is not None and np.shape(labels) != shapes[0][:1]:
            raise ValueError(f"expected one label for each of the {len(images)} images, got shape {np.shape(labels)}")
        self.images, self.maps, self.probabilities, self.chain = images, maps, probabilities, kernel_chain
        self.labels = labels
        for name, layer in maps.items():
            size = [functools.reduce(lambda n, fs: output_size(n, *fs), kernel_chain[name], n) for n in shapes[0][1:]]
            expected, came = (len(images), *size, np.shape(layer)[-1]), np.shape(layer)
            if came != expected:
                raise ValueError(f"layer {name!r}: its kernel_chain, without padding, leads to {expected}, got {came}")
            if not self._grid(name)[2]:
                raise ValueError(f"layer {name!r}: its maps do not fit side by side, {came}; take [..., :16] of them")
        self._grey_images, self._grey = _grey(images)[0], {name: _grey(layer) for name, layer in maps.items()}
        self._bars = Stage((2.8, 2.8), self._build, SHARP)

    def _build(self, fig):
        axes, classes = fig.subplots(), range(self.probabilities.shape[1])
        axes.set(ylim=(0, 1), xlabel="class", ylabel="probability", xticks=classes)
        return axes, axes.bar(classes, np.zeros(len(classes)), color="#0072B2")

    def _grid(self, layer: str) -> tuple[int, int, int]:
        """How the maps of a layer are drawn: maps in a row, pixels from one to the next, pixels a pixel of a map."""
        columns = math.ceil(math.sqrt(self.maps[layer].shape[3]))
        return columns, _SHEET // columns, (_SHEET // columns - _GAP) // max(self.maps[layer].shape[1:3])

    def image(self, state: dict) -> np.ndarray:
        """state {"image"} -> uint8 (H, W)."""
        return self._grey_images[int(state["image"])]

    def sheet(self, state: dict) -> np.ndarray:
        """state {"image", "layer"} -> uint8 (496, 496): the maps of the layer row by row, all on one grey scale."""
        columns, tile, scale = self._grid(state["layer"])
        large = self._grey[state["layer"]][0][int(state["image"])].repeat(scale, axis=0).repeat(scale, axis=1)
        sheet = np.full((_SHEET, _SHEET), 255, np.uint8)
        for c in range(large.shape[2]):
            y, x = c // columns * tile, c % columns * tile
            sheet[y : y + large.shape[0], x : x + large.shape[1]] = large[..., c]
        return sheet

    def bars(self, state: dict) -> np.ndarray:
        """state {"image"} -> uint8 (560, 560, 3): the probabilities."""
        for bar, probability in zip(self._bars.parts[1], self.probabilities[int(state["image"])], strict=True):
            bar.set_height(probability)
        self._bars.restored()
        return self._bars.drawn(*self._bars.parts[1])

    def pixel(self, state: dict) -> tuple[int, int, int] | None:
        """Row, column and channel of the feature-map pixel under the pointer."""
        at, (columns, tile, scale) = state["hover"], self._grid(state["layer"])
        if at is None or at.view != "maps" or at.x // tile >= columns:
            return None
        place = at.y % tile // scale, at.x % tile // scale, at.y // tile * columns + at.x // tile
        return place if np.all(np.array(place) < self.maps[state["layer"]].shape[1:]) else None

    def field(self, layer: str, row: int, column: int) -> tuple[int, int, int, int]:
        """The receptive field of a place in a layer, in pixels of the image: (y0, x0, y1, x1), the end excluded."""
        size, apart = receptive_field(list(self.chain[layer])), math.prod(stride for _, stride in self.chain[layer])
        return row * apart, column * apart, row * apart + size, column * apart + size

    def marks(self, view: str, state: dict) -> list[Mark]:
        """Frames of the feature-map pixel under the pointer: in "maps" its own, in "image" what it sees."""
        pixel, (columns, tile, scale) = self.pixel(state), self._grid(state["layer"])
        if pixel is None:
            return []
        y, x = pixel[2] // columns * tile + pixel[0] * scale, pixel[2] % columns * tile + pixel[1] * scale
        return [box(y, x, y + scale, x + scale) if view == "maps" else box(*self.field(state["layer"], *pixel[:2]))]

    def caption(self, state: dict) -> str:
        """What the network says, the layer and its grey scale, what is under the pointer."""
        i, name, at, pixel = int(state["image"]), state["layer"], state["hover"], self.pixel(state)
        p, layer, (_, low, high) = self.probabilities[i], self.maps[name][i], self._grey[name]
        (h, w, channels), dead, size = layer.shape, (layer == 0).all(axis=(0, 1)).sum(), self.field(name, 0, 0)[2]
        true = "" if self.labels is None else f" It is class **{self.labels[i]}**."
        words = (
            f"Image {i}: the network says class **{p.argmax()}**, with probability {p.max():.3f}.{true}\nLayer {name}: "
            f"{channels} maps of {h} x {w}, {dead} of them 0 everywhere for this image. One grey scale for all: black "
            f"is {low:.3g}, white {high:.3g}. Each of their pixels sees {size} x {size} pixels of the image."
        )
        if pixel:
            (row, column, c), (y0, x0, y1, x1) = pixel, self.field(name, *pixel[:2])
            words += f"\nMap {c}, row {row}, column {column}: **{layer[pixel]:.3g}**. It sees rows {y0} to {y1 - 1}, "
            words += f"columns {x0} to {x1 - 1} of the image (orange frame)."
        elif at and at.view == "image":
            words += f"\nRow {at.y}, column {at.x} of the image: **{self.images[i, at.y, at.x]:.3g}**."
        elif at and at.view == "probabilities" and (place := self._bars.to_data(self._bars.parts[0], at.x, at.y)):
            c = min(max(round(place[0]), 0), len(p) - 1)
            words += f"\nClass {c}: probability **{p[c]:.2g}**."
        return words


def _grey(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Grey values, and what is black (0, or the smallest value if that is less) and white (the largest)."""
    low, high = min(0.0, float(values.min())), float(values.max())
    return ((values - low) / max(high - low, 1e-12) * 255).astype(np.uint8), low, high


def feature_map_explorer(
    images: np.ndarray,
    maps: dict,
    probabilities: np.ndarray,
    kernel_chain: dict,
    waits_for: str | None = None,
    labels: np.ndarray | None = None,
) -> Shown:
    """The widget: which layer, which image.  Arguments and errors as `FeatureMaps`; waits_for : a prediction."""
    import ipywidgets as widgets

    shown, layers = FeatureMaps(images, maps, probabilities, kernel_chain, labels), list(maps)
    partial = functools.partial
    controls = {
        "layer": widgets.Dropdown(options=layers, description="layer", style={"description_width": "9em"}),
        "image": slider("image", 0, 0, len(images) - 1, 1, ".0f"),
    }
    views = {
        "image": View(shown.image, "The image.", partial(shown.marks, "image"), 280, False, ("image",)),
        "maps": View(shown.sheet, "The maps.", partial(shown.marks, "maps"), _SHEET, False, ("image", "layer")),
        "probabilities": View(shown.bars, "The probability of each class.", width=280, uses=("image",)),
    }
    states = [{"image": 0, "layer": layer, "hover": None} for layer in (layers[0], layers[-1])]
    pictures = [drawn(shown.image(states[0]), [], 240), shown.bars(states[0]), *map(shown.sheet, states)]
    still = contact_sheet(pictures, ["image 0", "probabilities", layers[0], layers[-1]])
    alt = "An image, probabilities, two layers. " + " ".join(shown.caption(state) for state in states).replace("**", "")
    return explorer(views, shown.caption, controls, still, alt, waits_for=waits_for)
