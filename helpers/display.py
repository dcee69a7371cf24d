"""What a cell shows: text with a coloured edge, a figure with its description, a widget with a still beside it."""

import base64
import html
import inspect
import io
import re
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

VIEW = "application/vnd.jupyter.widget-view+json"
EDGE = {"good": "#009E73", "bad": "#D55E00", "note": "#0072B2"}  # Okabe and Ito: told apart by colour-blind readers


_BOLD = re.compile(r"\*\*(.+?)\*\*")
_ITALIC = re.compile(r"(?<![*\w])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![*\w])")


def to_html(text: str) -> str:
    """Plain text to HTML: `code`, **bold**, *italic*, blank lines part paragraphs, indented blocks are kept."""
    parts = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        safe = html.escape(block, quote=False)
        if all(line.startswith("    ") for line in block.splitlines()):
            code = re.sub("(?m)^    ", "", safe) + "</pre>"
            if parts and parts[-1].endswith("</pre>"):  # a blank line within the code
                parts[-1] = parts[-1].removesuffix("</pre>") + "\n\n" + code
            else:
                parts.append(f"<pre style='margin:4px 0;white-space:pre;overflow-x:auto'>{code}")
            continue
        words = re.split(r"`([^`]+)`", safe)  # every second piece is code, where ** means a power
        words[::2] = [_ITALIC.sub(r"<i>\1</i>", _BOLD.sub(r"<b>\1</b>", text)) for text in words[::2]]
        words[1::2] = [f"<code>{code}</code>" for code in words[1::2]]
        parts.append(f"<p style='margin:4px 0'>{''.join(words)}</p>".replace("\n", "<br>"))
    return "".join(parts)


class Message:
    """A few lines to the learner: HTML with a coloured edge in a notebook, the same words as text elsewhere."""

    def __init__(self, text: str, kind: str = "note") -> None:
        self.text, self.kind = text, kind

    def __repr__(self) -> str:
        words = re.split(r"(`[^`]+`|(?m:^    .*$))", self.text)  # every second piece is code, where * is a product
        words[::2] = [_ITALIC.sub(r"\1", _BOLD.sub(r"\1", text)) for text in words[::2]]
        return "".join(words)

    def _repr_html_(self) -> str:
        style = f"border-left:4px solid {EDGE[self.kind]};padding:2px 12px;max-width:46em"
        return f"<div style='{style}'>{to_html(self.text)}</div>"


def in_notebook() -> bool:
    """True inside a Jupyter kernel; False in plain Python and in a terminal IPython."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None


def put(thing: Any) -> None:
    """Show something at once: displayed in a notebook, printed elsewhere."""
    if not in_notebook():
        print(repr(thing))
        return
    from IPython.display import display

    display(thing)


def say(text: str, kind: str = "note") -> None:
    """Show a message at once."""
    put(Message(text, kind))


def png(picture: np.ndarray) -> bytes:
    """PNG of a uint8 picture, (H, W) or (H, W, 3), as small as it gets: grey is stored as grey.

    The same pixels are always the same bytes: no date, no tag.
    """
    from PIL import Image

    if picture.dtype != np.uint8 or picture.ndim not in (2, 3):
        raise ValueError(f"expected uint8 pixels (H, W) or (H, W, 3), got {picture.dtype} {picture.shape}")
    if picture.ndim == 3 and (picture == picture[..., :1]).all():
        picture = picture[..., 0]
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "png", optimize=True)
    return out.getvalue()


def still_bytes(pixels: np.ndarray) -> bytes:
    """A uint8 picture (H, W) or (H, W, 3) for the page: PNG, or JPEG where that is much smaller, as for photographs."""
    from PIL import Image

    data, out = png(pixels), io.BytesIO()
    Image.fromarray(pixels).save(out, "jpeg", quality=85, subsampling=0, optimize=True)
    return out.getvalue() if len(out.getvalue()) < 0.75 * len(data) else data


def img(data: bytes, alt: str, width: int) -> str:
    """An HTML image of PNG or JPEG bytes, `width` CSS pixels wide, with its description."""
    if not alt.strip():
        raise ValueError("a picture needs an alt text: one or two sentences that say what it shows")
    code, kind = base64.b64encode(data).decode(), "png" if data.startswith(b"\x89PNG") else "jpeg"
    style = "max-width:100%;background:white"
    return f'<img alt="{html.escape(alt)}" width="{width}" style="{style}" src="data:image/{kind};base64,{code}">'


def contact_sheet(
    pictures: Sequence[np.ndarray], titles: Sequence[str], columns: int = 2, font_size: int = 30
) -> np.ndarray:
    """Pictures uint8 (H, W) or (H, W, 3) in rows, each under its title; (H', W', 3)."""
    from PIL import Image, ImageDraw, ImageFont

    strip, gap, font = font_size + 14, 12, ImageFont.load_default(size=font_size)
    rows = [range(k, min(k + columns, len(pictures))) for k in range(0, len(pictures), columns)]
    heights = [max(pictures[k].shape[0] for k in row) + strip for row in rows]
    widths = [max(picture.shape[1] for picture in pictures[c::columns]) + gap for c in range(columns)]
    sheet = Image.new("RGB", (sum(widths) - gap, sum(heights)), "white")
    pen = ImageDraw.Draw(sheet)
    for k, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
        left, top = sum(widths[: k % columns]), sum(heights[: k // columns])
        pen.text((left + picture.shape[1] // 2, top + strip // 2), title, fill="black", font=font, anchor="mm")
        sheet.paste(Image.fromarray(picture), (left, top + strip))
    return np.asarray(sheet)


class Picture:
    """An image in a cell's output with its alt text, which screen readers and pages without pictures show."""

    def __init__(self, data: bytes, alt: str, width: int) -> None:
        self.html, self.alt = img(data, alt, width), alt

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": f"[figure: {self.alt}]"}


def figure(fig, alt: str) -> Picture:
    """Show a matplotlib figure, sharp on every screen, with a description.

    Parameters
    ----------
    fig : matplotlib figure; it is closed, so that it does not appear a second time
    alt : what the figure shows, in a sentence or two, for those who cannot see it
    """
    import matplotlib.pyplot as plt
    from PIL import Image

    out = io.BytesIO()
    fig.savefig(out, dpi=2 * 96)  # two pixels a CSS pixel
    plt.close(fig)
    return Picture(still_bytes(np.asarray(Image.open(out).convert("RGB"))), alt, round(fig.get_figwidth() * 96))


class Shown:
    """What a cell returns for a widget: live where there is a kernel, a still picture or text where there is none.

    Not a widget itself: a layout returned bare would carry no still on GitHub, in print or in an HTML page.

    Parameters
    ----------
    widget : an ipywidgets widget
    still : uint8 picture (H, W) or (H, W, 3) of the same idea, or HTML
    alt : what the still shows; also the plain-text form
    width : CSS pixels of a still picture

    Raises
    ------
    ValueError : no alt text, or a still that is no uint8 picture
    """

    def __init__(self, widget, still: np.ndarray | str, alt: str, width: int = 560) -> None:
        self.widget, self.alt = widget, alt
        self.html = still if isinstance(still, str) else img(still_bytes(still), alt, width)

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any] | tuple[dict[str, Any], dict[str, Any]]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        data = {VIEW: view, "text/html": self.html, "text/plain": self.alt}
        metadata = colab_metadata() if _holds_anywidget(self.widget) else {}
        return (data, metadata) if metadata else data


def _holds_anywidget(widget) -> bool:
    """Whether an anywidget is in this layout: its model comes from a module that Colab's own manager does not have."""
    if getattr(widget, "_model_module", "") == "anywidget":
        return True
    return any(_holds_anywidget(child) for child in getattr(widget, "children", ()))


def colab_metadata() -> dict[str, Any]:
    """Metadata that makes Colab draw one output with its custom widget manager; empty anywhere else.

    anywidget turns that manager on for the whole notebook, where it fails to draw widgets that have nothing to do with
    ours (Tab, Accordion). So it is switched off again here. Its address is all that an output needs to be drawn by it.
    """
    output = sys.modules.get("google.colab.output")
    if output is None:
        return {}
    output.enable_custom_widget_manager()
    address = getattr(getattr(output, "_widgets", None), "_installed_url", None)  # private; anywidget reads it too
    if address is None:
        return {}  # Colab has changed: the manager stays on, so that our widgets are drawn at least
    output.disable_custom_widget_manager()
    return {VIEW: {"colab": {"custom_widget_manager": {"url": address}}}}


class Source:
    """The source of a function, coloured by the notebook itself, so that it is readable in a dark theme too."""

    def __init__(self, code: str, intro: str = "") -> None:
        self.code, self.intro = code, intro

    def __repr__(self) -> str:
        return f"{self.intro}\n\n{self.code}".strip()

    def _repr_markdown_(self) -> str:
        return f"{self.intro}\n\n```python\n{self.code}\n```".strip()


def show(fn) -> Source:
    """Render the source of one of the course's functions: what is read here is what runs.

    Raises
    ------
    TypeError : `fn` is no function or class whose source Python can find
    """
    try:
        return Source(inspect.getsource(inspect.unwrap(fn)).rstrip())
    except (TypeError, OSError) as error:
        raise TypeError(f"show() wants a function or a class of the course, e.g. show(relu); got {fn!r}") from error
