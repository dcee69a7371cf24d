"""The shell around pictures: controls above them, numbers below, one redraw for each move. How to make a widget:

A widget is a pure function from a state to pixels, and a caption. The state is a dict of plain values: that of each
control by name, what `start` adds, and where the pointer is. With that the shell does the rest.

    def picture(state):                                   # uint8 (H, W) or (H, W, 3)
        return window(HU, state["level"], 400)

    def caption(state):                                   # **bold**, *italic* and `code` work
        at = state["hover"]                               # At(view, x, y, held), or None
        return f"level {state['level']:.0f} HU" + (f", here {HU[at.y, at.x]} HU" if at else "")

    def level_explorer():
        controls = {"level": slider("level (HU)", 40, -1000, 1000, step=10)}
        views = {"slice": View(picture, alt="A slice of a chest CT phantom.", width=512, smooth=False)}
        still = contact_sheet([picture({"level": level}) for level in (-600, 40)], ["level -600 HU", "level 40 HU"])
        return explorer(views, caption, controls, still, "Two pictures of one slice. At -600 HU ...")

- `state["hover"]` is where the pointer is now, `state["click"]` where it was clicked last. `marks` of a view draws over
  its picture, which costs almost nothing: prefer a mark to new pixels for whatever follows the hand.
- `on_hover(state, at)` and `on_click(state, at)` may return changes of the state: {"level": 40.0} moves that slider
  too. An entry that no control shows must be in `start`, e.g. {"misses": ()}. `on_control(state, name)` does the same
  when the learner has moved control `name`: a preset that moves two sliders.
- Several views stand side by side, and below each other where the page is narrow. Pixels are computed again only when
  something changed that they depend on (`uses`), and sent only when they differ.
- `waits_for="2.1a"`: the widget shows one line until the learner has made that prediction. Headless, nothing waits.
- The page sends a new move only when the kernel has answered the last one, so moves never queue.
- Controls are FloatSlider (`slider`), Dropdown, Checkbox, ToggleButton(s): all that has a `value`. On Colab a Tab, an
  Accordion or an IntSlider beside a canvas is not drawn rightly.

In tests, call `picture`, `caption` and `marks` with a state. To play a learner: `shown.widget` holds the canvases;
`canvas.hover = [x, y, 0]` and `canvas.click = (x, y, n)`, with n counting up, do what the page does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from helpers.display import Message, Shown, to_html
from helpers.exercises.questions import when_predicted
from helpers.widgets.marks import Mark

WIDTH = 560  # CSS pixels of a picture
_POINTER = ("hover", "click")


class At(NamedTuple):
    """A place in a view: column x, row y in picture pixels; `held` while the button is down, or moved by arrow keys."""

    view: str
    x: int
    y: int
    held: bool = False


@dataclass(frozen=True)
class View:
    """One picture of a widget.

    Parameters
    ----------
    picture : state -> uint8 pixels (H, W) or (H, W, 3), always of one size
    alt : what the live picture shows, in a sentence
    marks : state -> marks over the picture (`helpers.widgets.marks`)
    width : CSS pixels; less where the page has less room
    smooth : True for figures, False for medical pixels, which are shown as squares
    uses : names in the state that the pixels depend on; by default all but the pointer
    cursor : state -> (x, y), where the arrow keys start from; by default where they were
    """

    picture: Callable[[dict], np.ndarray]
    alt: str
    marks: Callable[[dict], Sequence[Mark]] | None = None
    width: int = WIDTH
    smooth: bool = True
    uses: tuple[str, ...] | None = None
    cursor: Callable[[dict], tuple[int, int]] | None = None


Answer = Callable[[dict, At], dict]


def explorer(
    views: dict[str, View],
    caption: Callable[[dict], str],
    controls: dict[str, Any],
    still: np.ndarray,
    alt: str,
    *,
    start: dict[str, Any] | None = None,
    on_hover: Answer | None = None,
    on_click: Answer | None = None,
    on_control: Callable[[dict, str], dict] | None = None,
    waits_for: str | None = None,
    still_width: int = WIDTH * 3 // 2,
) -> Shown:
    """A widget that redraws its pictures when a control or the pointer moves.

    Parameters
    ----------
    views : name -> View, shown side by side in this order
    caption : state -> the numbers in words, below the pictures; a screen reader gets them when the arrow keys rest
    controls : name -> core ipywidget with a `value`
    still, alt : what pages without a kernel show
    start : entries of the state that no control shows
    on_hover, on_click : (state, At) -> changes of the state
    on_control : (state, name of the control that was moved) -> changes of the state
    waits_for : id of the prediction to be made first
    still_width : CSS pixels of the still

    Raises
    ------
    ValueError : a name used twice, or changes of something that is not in the state
    """
    import ipywidgets as widgets

    live = _Live(views, caption, controls, start or {}, on_hover, on_click, on_control)
    row = widgets.HBox(list(live.canvases.values()), layout={"flex_flow": "row wrap", "align_items": "flex-start"})
    body = widgets.VBox([widgets.VBox(list(controls.values())), row, live.words])
    box = body if waits_for is None else widgets.VBox([_curtain(waits_for, body), body])
    return Shown(box, still, alt, width=still_width)


class _Live:
    """The widgets of an explorer and what keeps them in step."""

    def __init__(self, views, caption, controls, start, on_hover, on_click, on_control) -> None:
        import ipywidgets as widgets

        from helpers.widgets.canvas import Canvas  # not above: importing this room must not import anywidget

        names = [*controls, *start, *_POINTER]
        if len(set(names)) < len(names):
            raise ValueError(
                f"controls, start and the pointer ({', '.join(_POINTER)}) need names of their own: {names}"
            )
        self.views, self.caption, self.controls = views, caption, controls
        self.own = {**start, "hover": None, "click": None}
        self.words = widgets.HTML(layout={"min_height": "4.5em"})  # so that a line more does not move the page
        self.changing = False
        self.last = state = self._state()
        self.used = {name: self._depends(view, state) for name, view in views.items()}
        self.canvases = {
            name: Canvas(view.picture(state), alt=view.alt, width=view.width, smooth=view.smooth, readout=False)
            for name, view in views.items()
        }
        for name, canvas in self.canvases.items():
            canvas.layout.max_width = "100%"
            canvas.observe(self._listener(name, "hover", on_hover), "hover")
            canvas.observe(self._listener(name, "click", on_click), "click")
        for name, control in controls.items():
            control.observe(self._turned(name, on_control), "value")
        self._tell(state)

    def _state(self) -> dict:
        return {name: _value(control) for name, control in self.controls.items()} | self.own

    @staticmethod
    def _depends(view: View, state: dict) -> dict:
        uses = [name for name in state if name not in _POINTER] if view.uses is None else view.uses
        return {name: state[name] for name in uses}

    def _listener(self, view: str, kind: str, answer: Answer | None) -> Callable[[dict], None]:
        def listen(change: dict) -> None:
            at = self._at(view, kind, change["new"])
            now = self.own["hover"]
            if at is None and now is not None and now.view != view:
                return  # the pointer has left this view for another, which has already spoken
            self.own[kind] = at
            if at is not None and answer is not None:
                self._change(answer(self._state(), at))
            self._draw()

        return listen

    def _turned(self, control: str, answer: Callable[[dict, str], dict] | None) -> Callable[[dict], None]:
        def listen(_: dict) -> None:
            if self.changing:
                return
            if answer is not None:
                self._change(answer(self._state(), control))
            self._draw()

        return listen

    def _at(self, view: str, kind: str, sent: Sequence[int]) -> At | None:
        if not sent:
            return None
        picture = self.canvases[view].picture
        x, y = min(sent[0], picture["width"] - 1), min(sent[1], picture["height"] - 1)
        return At(view, x, y, held=kind == "hover" and bool(sent[2]))

    def _change(self, changes: dict) -> None:
        unknown = sorted(set(changes) - (set(self.controls) | set(self.own)))
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no control and not in `start`; there are {', '.join(self.last)}")
        self.changing = True  # one redraw for all of them
        try:
            for name, value in changes.items():
                if name in self.controls:
                    self.controls[name].value = value
                else:
                    self.own[name] = value
        finally:
            self.changing = False

    def _draw(self) -> None:
        state = self._state()
        if state == self.last:
            return
        self.last = state
        for name, view in self.views.items():
            depends = self._depends(view, state)
            if depends != self.used[name]:
                self.used[name] = depends
                self.canvases[name].show(view.picture(state))
        self._tell(state)

    def _tell(self, state: dict) -> None:
        """Everything but the pixels: marks, cursors, words."""
        words = self.caption(state)
        self.words.value = _lines(words)
        for name, view in self.views.items():
            canvas = self.canvases[name]
            if view.marks is not None:
                canvas.marks = list(view.marks(state))
            if view.cursor is not None:
                canvas.cursor = list(view.cursor(state))
            if state["hover"] is not None and state["hover"].view == name:
                canvas.says = repr(Message(words)).replace("`", "")


def _value(control) -> Any:
    """What a control stands at. The slider in the page may send 400.00000000000006 where it means 400."""
    return round(control.value, 9) if isinstance(control.value, float) else control.value


def _lines(text: str) -> str:
    """HTML of a few lines set closer than ipywidgets does, whose lines are as high as a control."""
    return f"<div style='line-height:1.5;max-width:64em'>{to_html(text)}</div>"


def _curtain(prediction: str, body):
    """One line in place of `body`, which comes alive with the prediction, or without it at the press of a button."""
    import ipywidgets as widgets

    words = f"First your prediction {prediction}, just above. Then this comes alive."
    button = widgets.Button(description="show it without predicting", layout={"width": "max-content"})
    curtain = widgets.VBox([widgets.HTML(_lines(words)), button], layout={"align_items": "flex-start"})
    body.layout.display = "none"

    def lift(_: Any = None) -> None:
        curtain.layout.display, body.layout.display = "none", None

    button.on_click(lift)
    when_predicted(prediction, lift)
    return curtain


def slider(label: str, value: float, low: float, high: float, step: float = 0.1, readout_format: str = ".1f"):
    """A slider with room for its label, that reports while it moves."""
    import ipywidgets as widgets

    return widgets.FloatSlider(
        value=value,
        min=low,
        max=high,
        step=step,
        readout_format=readout_format,
        description=label,
        style={"description_width": "9em"},
        layout={"width": "36em", "max_width": "100%"},
    )
