"""A kernel of nine weights over an image: every output pixel shows the nine products it is the sum of."""

import numpy as np

from helpers.display import Shown, contact_sheet
from helpers.nn import conv2d
from helpers.widgets.marks import WHITE, Mark, box, drawn, text
from helpers.widgets.shell import At, View, explorer, slider

OWN = "your own"
EDGE = [[-1, 0, 1]] * 3
KERNELS = {
    "edge left-right": EDGE,
    "edge up-down": np.transpose(EDGE),
    "edge, turned": np.rot90(EDGE, 2),
    "blur": np.full((3, 3), 1 / 9),
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
}
_RANGES = {"stride": (1, 3), "padding": (0, 2), "dilation": (1, 2)}
_ROOM = 2  # pixels around the image in its view: for the padding
_BLANK = (44, 62, 92)  # where no pixel is
_MINUS, _ZERO, _PLUS = np.array([[0, 105, 180], [70, 70, 70], [205, 90, 0]])  # colours of weights -1, 0 and 1


class Convolved:
    """An image (H, W), kernels by name, and all that the widget shows: "cell" of a state is which weight is chosen."""

    def __init__(self, image: np.ndarray, unit: str, kernels: dict) -> None:
        if np.ndim(image) != 2 or min(np.shape(image)) < 5 or not np.isfinite(image).all():
            raise ValueError(f"expected an image (H, W) of 5 x 5 or more finite numbers, got shape {np.shape(image)}")
        if wrong := [f"{name!r} has {np.shape(K)}" for name, K in kernels.items() if np.shape(K) != (3, 3)]:
            raise ValueError(f"expected kernels of shape (3, 3), but {', '.join(wrong)}")
        self.image, self.unit = np.asarray(image, float), f" {unit}".rstrip()
        self.kernels = {name: tuple(np.ravel(K).astype(float).tolist()) for name, K in kernels.items()}
        self.frame = np.add(self.image.shape, 2 * _ROOM)

    def output(self, state: dict) -> tuple[np.ndarray, float, float]:
        """Y (H', W'), and what is black and white in it: -m and m where the weights add up to 0, else its two ends."""
        K = np.reshape(state["weights"], (3, 3, 1, 1))
        Y = conv2d(self.image[None, :, :, None], K, None, *_steps(state))[0, :, :, 0]
        m = np.abs(Y).max()
        return (Y, -m, m) if abs(K.sum()) < 1e-9 else (Y, Y.min(), Y.max())

    def picture(self, state: dict) -> np.ndarray:
        """The image in its padding: uint8 (H + 4, W + 4, 3)."""
        return self._framed(np.pad(self.image, _steps(state)[1]), self.image.min(), self.image.max())

    def result(self, state: dict) -> np.ndarray:
        """The output, its pixels as large as those of the image: uint8 (H + 4, W + 4, 3)."""
        return self._framed(*self.output(state))

    def _framed(self, values: np.ndarray, low: float, high: float) -> np.ndarray:
        pixels, (top, left) = np.full((*self.frame, 3), _BLANK, np.uint8), (self.frame - values.shape) // 2
        grey = np.clip((values - low) / (high - low), 0, 1) if high > low else np.full(values.shape, 0.5)
        pixels[top : top + len(grey), left : left + len(grey[0])] = np.rint(255 * grey)[..., None]
        return pixels

    def chosen(self, state: dict) -> tuple[int, int, np.ndarray] | None:
        """Row and column of the output pixel under the pointer, and the nine values that it is made of."""
        at, (s, p, r), size = state["hover"], _steps(state), self.output(state)[0].shape
        i, j = (-1, -1) if at is None or at.view != "output" else np.array([at.y, at.x]) - (self.frame - size) // 2
        if not (0 <= i < size[0] and 0 <= j < size[1]):
            return None
        return int(i), int(j), np.pad(self.image, p)[i * s :: r, j * s :: r][:3, :3].ravel()

    def over_image(self, state: dict) -> list[Mark]:
        """The border between image and padding, and the nine pixels of the chosen output pixel."""
        chosen, (s, p, r) = self.chosen(state), _steps(state)
        marks = [box(_ROOM, _ROOM, *(self.frame - _ROOM), WHITE, width=1, dash=(4, 3))]
        for u, v in np.ndindex(3, 3) if chosen else ():
            y, x = (_ROOM - p + place * s + step * r for place, step in zip(chosen, (u, v), strict=False))
            marks.append(box(y, x, y + 1, x + 1, width=1.5, edge=False))
        return marks

    def over_output(self, state: dict) -> list[Mark]:
        """A box round the chosen output pixel."""
        at = state["hover"]
        return [box(at.y, at.x, at.y + 1, at.x + 1)] if self.chosen(state) else []

    def over_kernel(self, state: dict) -> list[Mark]:
        """A box round the weight that the slider moves; in each cell its weight, for the chosen output its product."""
        chosen, (u, v) = self.chosen(state), divmod(state["cell"], 3)
        marks = [box(u + 0.04, v + 0.04, u + 0.96, v + 0.96, WHITE)]
        for k, weight in enumerate(state["weights"]):
            y, x = k // 3 + (0.23 if chosen else 0.5), k % 3 + 0.5
            marks.append(text(x, y, f"{weight:.3g}", size=18))
            if chosen:
                marks.append(text(x, y + 0.3, f"× {chosen[2][k]:.5g}", size=14))
                marks.append(text(x, y + 0.56, f"= {weight * chosen[2][k] + 0:.5g}", size=14))
        return marks

    def caption(self, state: dict) -> str:
        """The kernel, size and greys of the output, and what is under the pointer."""
        (Y, low, high), chosen, (s, p, r), unit = self.output(state), self.chosen(state), _steps(state), self.unit
        weights, at, row, column = state["weights"], state["hover"], *divmod(state["cell"], 3)
        words = (
            f"Kernel **{state['kernel']}**: a flat area comes out as {round(sum(weights), 9):.3g} times its value. "
            f"The slider moves row {row}, column {column}: {weights[state['cell']]:.3g}.\nOutput: `floor(("
            f"{len(self.image)} + 2×{p} - {r}×2 - 1) / {s}) + 1` = {len(Y)} rows, {len(Y[0])} columns. "
            f"Black is {low + 0:.5g}{unit}, white {high:.5g}{unit}.\n"
        )
        if chosen:
            terms = " + ".join(f"({w:.3g} × {x:.5g})" for w, x in zip(weights, chosen[2], strict=True))
            return f"{words}Output row {chosen[0]}, column {chosen[1]}: {terms} = **{Y[chosen[:2]]:.5g}{unit}**."
        if at is not None and at.view == "image":
            value = np.pad(self.image, _ROOM)[at.y, at.x]
            return f"{words}Image row {at.y - _ROOM}, column {at.x - _ROOM}: **{value:.5g}{unit}**."
        if at is not None and at.view == "kernel":
            return (
                f"{words}Row {at.y}, column {at.x} of the kernel: {weights[3 * at.y + at.x]:.3g}. Click to change it."
            )
        return f"{words}Click a weight to change it. Point at the output to see the nine products of a pixel."

    def moved(self, state: dict, control: str) -> dict:
        """A preset sets all weights, the slider the chosen one."""
        preset, cell = control == "kernel" and state["kernel"] in self.kernels, state["cell"]
        weights = self.kernels[state["kernel"]] if preset else state["weights"]
        if control == "weight":
            weights = (*weights[:cell], state["weight"], *weights[cell + 1 :])
        name = next((name for name, K in self.kernels.items() if K == weights), OWN)
        return {"kernel": name, "weights": weights, "weight": weights[cell]}


def clicked(state: dict, at: At) -> dict:
    """A click on a weight gives it to the slider."""
    cell = 3 * at.y + at.x
    return {"cell": cell, "weight": state["weights"][cell]} if at.view == "kernel" else {}


def in_colour(state: dict) -> np.ndarray:
    """The kernel, a pixel a weight: blue below 0, grey at 0, orange above; uint8 (3, 3, 3)."""
    part = np.clip(state["weights"], -1, 1).reshape(3, 3, 1)
    return np.where(part > 0, _ZERO + part * (_PLUS - _ZERO), _ZERO - part * (_MINUS - _ZERO)).astype(np.uint8)


def _steps(state: dict) -> tuple[int, int, int]:
    return tuple(int(state[name]) for name in _RANGES)


def kernel_explorer(
    image: np.ndarray, unit: str = "HU", kernels: dict | None = None, waits_for: str | None = None
) -> Shown:
    """The widget: image (H, W), about 24 to 40 pixels a side, with the unit of its values; kernel; output.

    `kernels`: name -> (3, 3) weights from -8 to 8, by default `KERNELS`. `waits_for`: the prediction to be made first.
    ValueError: an image that is not (H, W), finite and at least 5 x 5, a kernel that is not (3, 3).
    """
    import ipywidgets as widgets

    shown = Convolved(image, unit, KERNELS if kernels is None else kernels)
    name, *_ = shown.kernels
    start = {"weights": shown.kernels[name], "cell": 4}
    look = {"description": "kernel", "style": {"description_width": "9em"}}
    controls = {
        "kernel": widgets.Dropdown(options=[*shown.kernels, OWN], value=name, **look),
        "weight": slider("chosen weight", start["weights"][4], -8, 8, readout_format=".2f"),
        **{name: slider(name, low, low, high, step=1, readout_format=".0f") for name, (low, high) in _RANGES.items()},
    }
    views = {
        "image": View(shown.picture, "The image.", shown.over_image, 300, False, ("padding",)),
        "kernel": View(in_colour, "Nine weights.", shown.over_kernel, 210, False, ("weights",)),
        "output": View(shown.result, "The output.", shown.over_output, 300, False, ("weights", *_RANGES)),
    }
    plain = {name: low for name, (low, _) in _RANGES.items()}
    outputs = {name: shown.result(plain | {"weights": K}) for name, K in [*shown.kernels.items()][:5]}
    stills = [drawn(pixels, [], 240) for pixels in (shown.picture(plain), *outputs.values())]
    still = contact_sheet(stills, ["the image", *outputs], min(3, len(stills)))
    alt = (
        f"An image of {' x '.join(map(str, shown.image.shape))} pixels, and what these kernels make of it: "
        f"{'; '.join(outputs)}. Where the weights of a kernel add up to 0, as those of an edge kernel do, flat areas "
        "are mid grey; a step from dark to bright and one from bright to dark stand out, one white, the other black."
    )
    answers = {"start": start, "on_click": clicked, "on_control": shown.moved, "waits_for": waits_for}
    return explorer(views, shown.caption, controls, still, alt, **answers)
