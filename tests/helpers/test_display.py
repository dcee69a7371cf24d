"""What a cell shows: pictures with descriptions, messages, sources, a widget with its still."""

import base64
import io

import ipywidgets
import numpy as np
import pytest
from PIL import Image

from helpers import Shown, figure, show
from helpers.display import VIEW, Message, img, png, still_bytes, to_html
from helpers.nn import relu


def test_a_figure_is_an_image_with_alt_text_and_closed():
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(4, 2))
    ax.plot([1, 2])
    bundle = figure(fig, 'a line "rising" from 1 to 2')._repr_mimebundle_()
    assert 'alt="a line &quot;rising&quot; from 1 to 2"' in bundle["text/html"]
    assert 'width="384"' in bundle["text/html"]
    assert "image/png" not in bundle
    assert not plt.fignum_exists(fig.number)
    picture = Image.open(io.BytesIO(base64.b64decode(bundle["text/html"].split("base64,")[1].split('"')[0])))
    assert picture.size == (768, 384)  # two pixels a CSS pixel: sharp


def test_the_same_figure_is_the_same_bytes():
    import matplotlib.pyplot as plt

    def once():
        fig, ax = plt.subplots()
        ax.plot([1, 3, 2])
        return figure(fig, "a line").html

    assert once() == once()


@pytest.mark.parametrize("alt", ["", "  "])
def test_a_picture_without_alt_text_is_refused(alt):
    with pytest.raises(ValueError, match="alt text"):
        Shown(ipywidgets.HTML(), np.zeros((2, 2), np.uint8), alt)


def test_shown_carries_widget_still_and_text():
    widget = ipywidgets.HTML("live")
    bundle = Shown(widget, np.zeros((4, 6, 3), np.uint8), "black")._repr_mimebundle_()
    assert bundle[VIEW]["model_id"] == widget.model_id
    assert 'alt="black"' in bundle["text/html"]
    assert bundle["text/plain"] == "black"


def test_png_goes_there_and_back_and_wrong_pixels_are_refused():
    picture = np.random.default_rng(0).integers(0, 256, size=(5, 7, 3)).astype(np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(picture)))), picture)
    with pytest.raises(ValueError, match="float64"):
        png(np.zeros((2, 2)))


def test_messages_are_html_and_text_and_escape_what_a_learner_wrote():
    message = Message("**Not yet.** `A < B`\n\n    <script>\n    [[1 2]]", "bad")
    assert repr(message).startswith("Not yet. `A < B`")
    page = message._repr_html_()
    assert "<b>Not yet.</b>" in page
    assert "<code>A &lt; B</code>" in page
    assert "<script>" not in page
    assert "<pre" in page


def test_italic_and_bold_and_products():
    assert to_html("one *row*, **each**, 2 * 3 * 4") == (
        "<p style='margin:4px 0'>one <i>row</i>, <b>each</b>, 2 * 3 * 4</p>"
    )
    assert repr(Message("one *row*, **each**")) == "one row, each"


def test_stars_in_code_stay_stars():
    assert to_html("`2 ** 3 ** 4`") == "<p style='margin:4px 0'><code>2 ** 3 ** 4</code></p>"


def test_show_renders_the_source_itself():
    page = show(relu)._repr_markdown_()
    assert page.startswith("```python\ndef relu(A")
    assert "return np.maximum(A, 0)" in page
    with pytest.raises(TypeError, match="show\\(relu\\)"):
        show(3)


def test_a_photograph_is_stored_as_jpeg_and_a_drawing_as_png():
    rng = np.random.default_rng(0)
    photograph = np.clip(np.cumsum(rng.normal(0, 3, size=(200, 300, 3)), axis=1) + 128, 0, 255).astype(np.uint8)
    drawing = np.full((200, 300, 3), 255, np.uint8)
    drawing[50:150, 100] = (0, 114, 178)
    assert still_bytes(photograph).startswith(b"\xff\xd8")
    assert still_bytes(drawing).startswith(b"\x89PNG")
    assert "data:image/jpeg" in img(still_bytes(photograph), "noise", 300)


def test_a_grey_picture_is_stored_as_grey_and_nothing_is_lost():
    grey = np.arange(200, dtype=np.uint8).reshape(10, 20)
    stored = Image.open(io.BytesIO(png(np.repeat(grey[..., None], 3, axis=2))))
    assert stored.mode == "L"
    assert np.array_equal(np.asarray(stored), grey)
