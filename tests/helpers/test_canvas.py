"""The canvas without a page: what is packed and sent, what arrives, what is refused; marks on stills."""

import sys
import types

import numpy as np
import pytest

from helpers.display import VIEW, Shown, colab_metadata
from helpers.widgets import marks
from helpers.widgets.canvas import Canvas, stamp
from tests.helpers.players import click, hover, paint

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4)


def test_a_picture_travels_as_raw_bytes_with_its_size():
    canvas = Canvas(GREY, alt="twelve greys")
    assert canvas.picture == {"data": bytes(range(12)), "width": 4, "height": 3, "channels": 1}
    canvas.show(np.stack([GREY, GREY + 1, GREY + 2], axis=2))
    assert canvas.picture["channels"] == 3
    assert canvas.picture["data"][:6] == bytes([0, 1, 2, 1, 2, 3])


def test_a_part_of_a_larger_array_is_packed_as_it_looks():
    canvas = Canvas(GREY[::-1, 1:3], alt="a part, upside down")
    assert list(canvas.picture["data"]) == [9, 10, 5, 6, 1, 2]


def test_the_same_picture_is_not_sent_again():
    canvas, sent = Canvas(GREY, alt="greys"), []
    canvas.observe(lambda change: sent.append(change["new"]), "picture")
    canvas.show(GREY.copy())
    assert sent == []
    canvas.show(GREY + 1)
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (np.zeros((3, 4)), r"uint8 pixels.*float64 \(3, 4\).*window"),
        (np.zeros((3, 4, 4), np.uint8), r"\(3, 4, 4\)"),
        (np.zeros(3, np.uint8), r"\(3,\)"),
        (np.zeros((0, 4), np.uint8), r"\(0, 4\)"),
        ([[1, 2]], r"list \(1, 2\)"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(pixels, said):
    with pytest.raises(ValueError, match=said):
        Canvas(pixels, alt="something")
    with pytest.raises(ValueError, match=said):
        Canvas(GREY, alt="greys").show(pixels)


def test_a_canvas_without_description_or_with_an_unknown_setting_is_refused():
    with pytest.raises(ValueError, match="alt text"):
        Canvas(GREY, alt=" ")
    with pytest.raises(ValueError, match="no size"):
        Canvas(GREY, alt="greys", size=3)


def test_pointer_and_clicks_arrive():
    canvas, seen = Canvas(GREY, alt="greys"), []
    canvas.observe(lambda change: seen.append((change["name"], tuple(change["new"]))), ["hover", "click"])
    hover(canvas, 2, 1)
    click(canvas, 3, 0)
    click(canvas, 3, 0)
    assert seen == [("hover", (2, 1, 0)), ("click", (3, 0, 1)), ("click", (3, 0, 2))]


def disc(shape: tuple[int, int], x: int, y: int, radius: int) -> np.ndarray:
    rows, columns = np.indices(shape)
    return ((columns - x) ** 2 + (rows - y) ** 2 <= radius**2).astype(np.uint8)


@pytest.mark.parametrize(("x", "y"), [(10, 8), (0, 0), (19, 14), (5, 14)])
@pytest.mark.parametrize("radius", [0, 1, 3, 6])
def test_the_brush_is_a_disc_cut_at_the_edges(x, y, radius):
    mask = np.zeros((15, 20), np.uint8)
    stamp(mask, x, y, radius, 1)
    assert np.array_equal(mask, disc(mask.shape, x, y, radius))


def test_strokes_paint_and_erase():
    canvas = Canvas(np.zeros((15, 20), np.uint8), alt="black", mode="paint")
    paint(canvas, [(5, 5), (12, 9)], radius=3)
    paint(canvas, [(5, 5)], radius=2, value=0)
    both = disc((15, 20), 5, 5, 3) | disc((15, 20), 12, 9, 3)
    assert np.array_equal(canvas.painted, both & ~disc((15, 20), 5, 5, 2) & 1)
    assert canvas.strokes == 2


def test_a_mask_can_be_set_and_the_same_mask_set_again_after_strokes():
    canvas, sent = Canvas(GREY, alt="greys"), []
    canvas.observe(lambda change: sent.append(change["new"]["data"]), "mask")
    empty = np.zeros((3, 4), bool)
    canvas.set_mask(empty)
    paint(canvas, [(1, 1)])
    canvas.set_mask(empty)
    assert sent == [bytes(12), bytes(12)]
    assert not canvas.painted.any()
    canvas.set_mask(np.eye(3, 4) * 7)
    assert canvas.painted.tolist() == np.eye(3, 4).tolist()
    with pytest.raises(ValueError, match=r"\(3, 4\), got \(4, 3\)"):
        canvas.set_mask(np.zeros((4, 3)))


def test_a_picture_of_another_size_has_nothing_painted():
    canvas = Canvas(GREY, alt="greys")
    canvas.set_mask(np.ones((3, 4)))
    canvas.show(GREY + 1)
    assert canvas.painted.all()
    canvas.show(np.zeros((5, 5), np.uint8))
    assert canvas.painted.shape == (5, 5)
    assert not canvas.painted.any()


# Colab ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def colab(monkeypatch):
    """A stand-in for google.colab.output that notes whether the custom manager is on."""
    output = types.ModuleType("google.colab.output")
    output._widgets = types.SimpleNamespace(_installed_url=None)

    def switch(url):
        output._widgets._installed_url = url

    output.enable_custom_widget_manager = lambda: switch("https://manager")
    output.disable_custom_widget_manager = lambda: switch(None)
    monkeypatch.setitem(sys.modules, "google.colab.output", output)
    return output


def test_on_colab_the_custom_manager_serves_this_output_alone(colab):
    import ipywidgets

    canvas = Canvas(GREY, alt="greys")
    assert colab._widgets._installed_url is None  # anywidget switched it on for the whole notebook; it is off again
    box = ipywidgets.VBox([ipywidgets.HBox([canvas])])
    data, metadata = Shown(box, GREY, "greys")._repr_mimebundle_()
    assert metadata == {VIEW: {"colab": {"custom_widget_manager": {"url": "https://manager"}}}}
    assert data[VIEW]["model_id"] == box.model_id
    assert colab._widgets._installed_url is None
    plain = Shown(ipywidgets.HTML("no canvas"), GREY, "greys")._repr_mimebundle_()
    assert set(plain) == {VIEW, "text/html", "text/plain"}  # data alone: Colab's own manager draws it


def test_a_colab_that_has_changed_keeps_its_manager_on(colab):
    del colab._widgets
    colab.enable_custom_widget_manager = lambda: None
    colab.disable_custom_widget_manager = lambda: pytest.fail("without its address the manager must stay on")
    assert colab_metadata() == {}


def test_elsewhere_there_is_no_metadata():
    assert set(Shown(Canvas(GREY, alt="greys"), GREY, "greys")._repr_mimebundle_()) == {VIEW, "text/html", "text/plain"}


# Marks on stills ------------------------------------------------------------------------------------------------------

BLACK = np.zeros((20, 30), np.uint8)
RED = "#FF0000"


def red(picture: np.ndarray) -> np.ndarray:
    return (picture[..., 0] > 200) & (picture[..., 1] < 60)


def test_a_still_has_two_pixels_for_each_css_pixel():
    assert marks.drawn(BLACK, []).shape == (40, 60, 3)
    assert marks.drawn(BLACK, [], width=90).shape == (120, 180, 3)


def test_pixels_stay_squares_unless_smooth():
    picture = np.array([[0, 255]], np.uint8)
    assert set(np.unique(marks.drawn(picture, [], width=20))) == {0, 255}
    assert len(np.unique(marks.drawn(picture, [], width=20, smooth=True))) > 2


def test_marks_lie_where_they_say():
    """Zoom 2, lines of 2 CSS pixels: 4 pixels wide, around twice the given place."""
    picture = red(marks.drawn(BLACK, [marks.box(5, 10, 15, 25, RED)]))
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    assert rows[[0, -1]] == pytest.approx([10, 30], abs=2.5)
    assert columns[[0, -1]] == pytest.approx([20, 50], abs=2.5)
    assert not picture[16:24, 26:44].any()  # hollow
    assert red(marks.drawn(BLACK, [marks.box(5, 10, 15, 25, RED, width=0, fill=RED)]))[11:29, 21:49].all()

    rows, columns = np.nonzero(red(marks.drawn(BLACK, [marks.circle(15, 10, 6, RED)])))
    assert np.hypot(rows - 20, columns - 30) == pytest.approx(12, abs=3.5)

    rows, columns = np.nonzero(red(marks.drawn(BLACK, [marks.point(4.5, 7.5, RED)])))
    assert (rows.mean(), columns.mean()) == pytest.approx((15, 9), abs=0.6)


def test_dashes_leave_gaps_and_text_is_drawn():
    whole = red(marks.drawn(BLACK, [marks.line([(0, 10), (30, 10)], RED)]))[20]
    dashed = red(marks.drawn(BLACK, [marks.line([(0, 10), (30, 10)], RED, dash=(4, 4))]))[20]
    assert whole.mean() > 0.95
    assert 0.3 < dashed.mean() < 0.7
    assert (marks.drawn(BLACK, [marks.text(15, 10, "R")]) > 200).any()
