"""What a choice costs: curves over a setting, read at one setting and held against the first. One page a topic."""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from helpers.display import Shown, contact_sheet
from helpers.widgets.marks import Mark, line, point
from helpers.widgets.shell import View, explorer, slider
from helpers.widgets.stage import SHARP, Stage

COLOURS, LOOKS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7"), ("-", "--", "-.", ":")
_TICKS = 10  # at most, of the settings


class Prices:
    """Pages of curves, and all that their widget shows of them.

    Parameters
    ----------
    pages : name -> {"setting": what varies, "values": M numbers or short strings, "curves": name -> M numbers, one to
        four curves, "note": a sentence}; settings are drawn at equal distances, in this order

    Raises
    ------
    ValueError : no page, an entry that is missing, fewer than two settings, a curve of another length or with nan
    """

    def __init__(self, pages: Mapping[str, Mapping[str, Any]]) -> None:
        if not pages:
            raise ValueError('expected at least one page, e.g. {"privacy": {"setting": "epsilon", ...}}; got none')
        self.pages = {}
        for name, page in pages.items():
            missing = [key for key in ("setting", "values", "curves", "note") if key not in page]
            if missing:
                raise ValueError(f"page {name!r}: {', '.join(missing)} missing; expected setting, values, curves, note")
            values = [value if isinstance(value, str) else f"{value:g}" for value in page["values"]]
            curves = {label: np.asarray(numbers, float) for label, numbers in page["curves"].items()}
            lengths = {label: numbers.shape for label, numbers in curves.items()}
            if len(values) < 2 or not 1 <= len(curves) <= len(COLOURS) or set(lengths.values()) != {(len(values),)}:
                raise ValueError(
                    f"page {name!r}: expected two settings or more and 1 to {len(COLOURS)} curves with a number for "
                    f"each, got {len(values)} settings and {lengths}"
                )
            if not all(np.isfinite(numbers).all() for numbers in curves.values()):
                raise ValueError(f"page {name!r}: expected finite numbers, got nan or infinity; leave that setting out")
            self.pages[name] = {"setting": page["setting"], "values": values, "curves": curves, "note": page["note"]}
        self._stages = {name: Stage((5.6, 4.2), functools.partial(self._build, name), SHARP) for name in self.pages}
        self._pictures = {name: stage.drawn() for name, stage in self._stages.items()}

    def _build(self, name: str, fig):
        page = self.pages[name]
        count, every = len(page["values"]), -(-len(page["values"]) // _TICKS)
        rows = fig.subplots(len(page["curves"]), sharex=True, squeeze=False)[:, 0]
        for k, (axes, (label, numbers)) in enumerate(zip(rows, page["curves"].items(), strict=True)):
            axes.plot(range(count), numbers, LOOKS[k], color=COLOURS[k], marker="o", markersize=4)
            axes.set_title(label, loc="left", fontsize=10, color=COLOURS[k])
            axes.locator_params(axis="y", nbins=5)
            axes.margins(y=0.2)
        rows[-1].set(xlim=(-0.3, count - 0.7), xlabel=page["setting"], xticks=range(0, count, every))
        rows[-1].set_xticklabels(page["values"][::every])
        return rows

    def setting(self, state: dict) -> int:
        """The chosen setting of the page, from 0: its last where it has fewer."""
        return min(int(state["setting"]), len(self.pages[state["page"]]["values"])) - 1

    def picture(self, state: dict) -> np.ndarray:
        """state {"page"} -> uint8 (840, 1120, 3): an axis a curve, one below the other."""
        return self._pictures[state["page"]]

    def pointed_at(self, state: dict) -> int | None:
        """The setting nearest to the pointer, from 0; None to the left and right of the axes."""
        at, stage = state["hover"], self._stages[state["page"]]
        y0, x0, y1, x1 = stage.box(stage.parts[0])
        if at is None or not x0 < at.x < x1 - 1:
            return None
        x, _ = stage.to_data(stage.parts[0], at.x, (y0 + y1) / 2)
        return int(np.clip(round(x), 0, len(self.pages[state["page"]]["values"]) - 1))

    def marks(self, state: dict) -> list[Mark]:
        """A line at the chosen setting with its values, and a dashed one at that under the pointer."""
        stage, page = self._stages[state["page"]], self.pages[state["page"]]
        chosen, pointed, marks = self.setting(state), self.pointed_at(state), []
        for k, (axes, numbers) in enumerate(zip(stage.parts, page["curves"].values(), strict=True)):
            for setting, dash in ((chosen, ()), (pointed, (3, 3))):
                if setting is not None:
                    ends = stage.to_pixels(axes, [setting] * 2, axes.get_ylim())
                    marks.append(line(ends, "#444444", width=1, edge=False, dash=dash))
            marks.append(point(*stage.to_pixels(axes, chosen, numbers[chosen])[0], COLOURS[k], 10))
        return marks

    def numbers(self, name: str, setting: int) -> str:
        """The numbers of a setting of a page in words, and how far they are from those of the first."""
        page, words = self.pages[name], []
        for label, numbers in page["curves"].items():
            now, first = numbers[setting], numbers[0]
            change = f"{now - first:+.3g}" + (f", {now / first - 1:+.0%}" if first else "")
            words.append(f"{label} **{now:.4g}**" + (f" ({change})" if setting else ""))
        return f"{page['setting']} **{page['values'][setting]}**: {'; '.join(words)}."

    def caption(self, state: dict) -> str:
        """The numbers at the setting, against the first; the note; what is under the pointer."""
        name, chosen, pointed = state["page"], self.setting(state), self.pointed_at(state)
        page = self.pages[name]
        against = f"In brackets: the change from {page['setting']} {page['values'][0]}." if chosen else "The first one."
        words = f"*{name}*, {self.numbers(name, chosen)} {against}\n{page['note']}"
        return words if pointed is None else f"{words}\nUnder the pointer, {self.numbers(name, pointed)}"


def price_page(pages: Mapping[str, Mapping[str, Any]], waits_for: str | None = None) -> Shown:
    """The widget: which page, which setting.  Arguments and errors as `Prices`; waits_for : a prediction."""
    import ipywidgets as widgets

    prices = Prices(pages)
    names, style = list(prices.pages), {"description_width": "9em"}
    counts = {name: len(page["values"]) for name, page in prices.pages.items()}
    controls = {
        "page": widgets.Dropdown(options=names, value=names[0], description="page", style=style),
        "setting": slider("setting", 1, 1, counts[names[0]], 1, ".0f"),
    }

    def resize(change: dict) -> None:
        controls["setting"].max = counts[change["new"]]

    controls["page"].observe(resize, "value")
    views = {"curves": View(prices.picture, "Curves over the settings.", prices.marks, uses=("page",))}
    pictures = [prices.picture({"page": name}) for name in names[:4]]
    still = contact_sheet(pictures, names[:4])
    ends = [f"{name}: {prices.numbers(name, 0)} {prices.numbers(name, counts[name] - 1)}" for name in names[:4]]
    ends = [f"{words} {prices.pages[name]['note']}" for name, words in zip(names, ends, strict=False)]
    alt = f"Curves, one page a topic, first and last setting. {' '.join(ends)}".replace("*", "")
    return explorer(views, prices.caption, controls, still, alt, waits_for=waits_for)
