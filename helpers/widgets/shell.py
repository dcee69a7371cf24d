"""The shell around a picture: controls above it, numbers below it, one redraw for each move."""

from collections.abc import Callable

import numpy as np

from helpers.display import Shown, img, png, to_html

WIDTH = 560  # CSS pixels of a picture


def explorer(
    picture: Callable[[dict], np.ndarray],
    caption: Callable[[dict], str],
    controls: dict,
    still: np.ndarray,
    alt: str,
) -> Shown:
    """Controls that redraw a picture.

    Parameters
    ----------
    picture : state (name of a control -> its value) -> uint8 pixels (H, W, 3)
    caption : state -> the numbers in words, below the picture; a screen reader gets them too
    controls : name -> core ipywidget with a `value`
    still, alt : what pages without a kernel show
    """
    import ipywidgets as widgets

    canvas, words = widgets.HTML(), widgets.HTML()

    def draw(_=None) -> None:
        state = {name: control.value for name, control in controls.items()}
        words.value = to_html(caption(state))
        canvas.value = img(png(picture(state)), caption(state).replace("**", ""), WIDTH)

    for control in controls.values():
        control.observe(draw, "value")
    draw()
    return Shown(widgets.VBox([widgets.VBox(list(controls.values())), canvas, words]), still, alt, width=WIDTH * 3 // 2)


def slider(label: str, value: float, low: float, high: float, step: float = 0.1):
    """A slider with room for its label, that reports while it moves."""
    import ipywidgets as widgets

    return widgets.FloatSlider(
        value=value,
        min=low,
        max=high,
        step=step,
        description=label,
        style={"description_width": "9em"},
        layout={"width": "36em", "max_width": "100%"},
    )


def rendered(fig) -> np.ndarray:
    """The pixels of a figure made without pyplot: uint8 (H, W, 3)."""
    return np.asarray(fig.canvas.buffer_rgba())[..., :3].copy()


def contact_sheet(pictures: list[np.ndarray], titles: list[str]) -> np.ndarray:
    """Pictures (H, W, 3) of one size, two in a row, each under its title: what pages without a kernel show."""
    from PIL import Image, ImageDraw, ImageFont

    strip, font = 44, ImageFont.load_default(size=30)
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // 2)
    sheet = Image.new("RGB", (2 * width, rows * (height + strip)), "white")
    pen = ImageDraw.Draw(sheet)
    for k, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
        left, top = (k % 2) * width, (k // 2) * (height + strip)
        pen.text((left + width // 2, top + strip // 2), title, fill="black", font=font, anchor="mm")
        sheet.paste(Image.fromarray(picture), (left, top + strip))
    return np.asarray(sheet)
