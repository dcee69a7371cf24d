"""A threshold on the probabilities of a model: what it does to 1000 patients, and where it stands on the ROC curve."""

import functools
import math

import numpy as np

from helpers.display import Shown, contact_sheet
from helpers.metrics import decision_cost, predictive_values, roc_curve, sensitivity_specificity
from helpers.widgets.marks import GREEN, ORANGE, Mark, circle, drawn, point
from helpers.widgets.shell import At, View, explorer, slider
from helpers.widgets.stage import SHARP, Stage

PATIENTS = 1000
LEAST, MOST = 0.5, 50.0  # per cent of the patients who have cancer
GROUPS = {  # in the order of the dots: those with cancer first, those who test positive side by side
    "missed cancer": {"marker": "o", "ms": 5.2, "mec": "#D55E00", "mew": 1.7, "mfc": "none"},
    "found cancer": {"marker": "o", "ms": 6.4, "mfc": "#0072B2", "mec": "none"},
    "false alarm": {"marker": "^", "ms": 6.4, "mfc": "#E69F00", "mec": "none"},
    "rightly left alone": {"marker": "o", "ms": 2.4, "mfc": "#999999", "mec": "none"},
}
_ROWS, _COLUMNS = 25, 40
_RING = "#222222"


def per_thousand(sensitivity: float, specificity: float, prevalence: float) -> tuple[int, int, int, int]:
    """Of 1000 patients how many are of each of `GROUPS`, in whole patients.

    First those with cancer, then the found among them, then the false alarms among the others: so they add up to 1000,
    and those with cancer are as many at every threshold.
    """
    sick = round(PATIENTS * prevalence)
    found, alarms = round(sick * sensitivity), round((PATIENTS - sick) * (1 - specificity))
    return sick - found, found, alarms, PATIENTS - sick - alarms


class Threshold:
    """What a model said of a test set, and all that the widget shows of it.

    Parameters
    ----------
    y : (N,) 1 has cancer, 0 has not
    scores : (N,) probabilities of cancer

    Raises
    ------
    ValueError : as `roc_curve`; or scores that are no probabilities
    """

    def __init__(self, y: np.ndarray, scores: np.ndarray) -> None:
        self.y, self.scores = np.asarray(y), np.asarray(scores, float)
        self.fpr, self.tpr, thresholds = roc_curve(self.y, self.scores)
        if self.scores.min() < 0 or self.scores.max() > 1:
            raise ValueError(
                f"expected probabilities between 0 and 1, got scores from {self.scores.min():.3g} to "
                f"{self.scores.max():.3g}; of logits take sigmoid(z)"
            )
        # The slider ends at 1 and is read to nine decimals; a little below a score is the same point of the curve.
        self.thresholds = np.floor(np.minimum(thresholds, 1) * 1e9) / 1e9
        self._dots = Stage((4.4, 3.2), self._build_dots)
        self._roc = Stage((3.4, 3.2), self._build_roc, SHARP)
        self._curve = self._roc.drawn()
        self._places = self._roc.to_pixels(self._roc.parts, self.fpr, self.tpr)

    def _build_dots(self, fig):
        fig.set_layout_engine("none")
        axes = fig.add_axes((0.0, 0.0, 1.0, 0.85))
        axes.set(xlim=(0, _COLUMNS), ylim=(_ROWS, 0))
        axes.axis("off")
        lines = [axes.plot([], [], ls="none", label=name, **look)[0] for name, look in GROUPS.items()]
        fig.legend(handles=lines, loc="upper center", ncols=2, handletextpad=0.3)
        return axes, *lines

    def _build_roc(self, fig):
        axes = fig.subplots()
        axes.plot([0, 1], [0, 1], ":", color="#777777", lw=1)
        axes.plot(self.fpr, self.tpr, "-", color="#0072B2", clip_on=False)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", ylabel="sensitivity")
        axes.set_xlabel("false positive rate = 1 - specificity")
        return axes

    def rates(self, state: dict) -> tuple[float, float]:
        """Sensitivity and specificity at the threshold: counted among those with cancer, and among the others."""
        return sensitivity_specificity(self.y, self.scores >= state["threshold"])

    def groups(self, state: dict) -> tuple[int, int, int, int]:
        """`per_thousand` at the threshold and the prevalence."""
        return per_thousand(*self.rates(state), prevalence(state))

    def cheapest(self, state: dict) -> tuple[int, float]:
        """The point of the curve with the lowest cost, and its cost per 1000 patients in false alarms."""
        costs = PATIENTS * decision_cost(self.tpr, 1 - self.fpr, prevalence(state), cost_ratio(state), 1)
        return int(costs.argmin()), float(costs.min())

    def dots(self, state: dict) -> np.ndarray:
        """state {"threshold", "prevalence"} -> uint8 (368, 506, 3): 1000 patients in the order of GROUPS."""
        axes, *lines = self._dots.parts
        row, column = np.divmod(np.arange(PATIENTS), _COLUMNS)
        ends = np.cumsum([0, *self.groups(state)])
        for line, first, last in zip(lines, ends, ends[1:], strict=False):
            line.set_data(column[first:last] + 0.5, row[first:last] + 0.5)
        self._dots.restored()
        return self._dots.drawn(*lines)

    def roc(self, state: dict) -> np.ndarray:
        """The same whatever the state: uint8 (640, 680, 3)."""
        return self._curve

    def pointed_at(self, at: At | None) -> int | None:
        """In the dots the patient, from 0; on the ROC curve the nearest of its points."""
        if at is None:
            return None
        if at.view == "dots":
            place = self._dots.to_data(self._dots.parts[0], at.x, at.y)
            return int(place[1]) * _COLUMNS + int(place[0]) if place else None
        if self._roc.to_data(self._roc.parts, at.x, at.y) is None:
            return None
        return int(np.hypot(*(self._places - (at.x + 0.5, at.y + 0.5)).T).argmin())

    def chosen(self, state: dict, at: At) -> dict:
        """A click on the curve takes the threshold of the nearest point."""
        here = self.pointed_at(at)
        return {} if at.view == "dots" or here is None else {"threshold": float(self.thresholds[here])}

    def marks(self, view: str, state: dict) -> list[Mark]:
        """On the curve: the threshold, the lowest cost as a ring, the point under the pointer; in the dots: a ring."""
        at = state["hover"]
        here = self.pointed_at(at) if at is not None and at.view == view else None
        if view == "dots":
            axes = self._dots.parts[0]
            places = [] if here is None else self._dots.to_pixels(axes, here % _COLUMNS + 0.5, here // _COLUMNS + 0.5)
            return [circle(*place, 8.0, _RING, edge=False) for place in places]
        sensitivity, specificity = self.rates(state)
        (now,) = self._roc.to_pixels(self._roc.parts, 1 - specificity, sensitivity)
        marks = [circle(*self._places[self.cheapest(state)[0]], 16.0, _RING, edge=False), point(*now, ORANGE, 11)]
        return marks if here is None else [*marks, point(*self._places[here], GREEN)]

    def caption(self, state: dict) -> str:
        """All numbers of the threshold, and what is under the pointer."""
        (sensitivity, specificity), share, ratio = self.rates(state), prevalence(state), cost_ratio(state)
        (missed, found, alarms, alone), (best, lowest) = self.groups(state), self.cheapest(state)
        ppv, npv = predictive_values(sensitivity, specificity, share)
        cost = PATIENTS * decision_cost(sensitivity, specificity, share, missed=ratio, false_alarm=1)
        someone = self.tpr[best] + self.fpr[best] > 0
        where = f"at threshold {self.thresholds[best]:.4g}" if someone else "where no one tests positive"
        words = (
            f"Threshold {state['threshold']:.4g}: sensitivity **{sensitivity:.1%}**, specificity **{specificity:.1%}**"
            ", each counted within its group, so the prevalence does not move it.\n"
            f"Of 1000 patients {missed + found} have cancer (prevalence {share:.1%}): **{found} found**, **{missed} "
            f"missed**; of the others **{alarms} false alarms**, {alone} rightly left alone.\n"
            f"{_share('PPV', ppv, 'positive', 'have')} {_share('NPV', npv, 'negative', 'do not have')}\n"
            f"A missed cancer counts as {ratio:g} false alarm{'s' if ratio > 1 else ''}: 1000 patients cost "
            f"**{cost:.1f}** false alarms. The lowest, {lowest:.1f}, is {where} (ring)."
        )
        here = self.pointed_at(state["hover"])
        return words if here is None else f"{words}\n{self._under(state, here)}"

    def _under(self, state: dict, here: int) -> str:
        if state["hover"].view == "dots":
            group = int(np.searchsorted(np.cumsum(self.groups(state)), here, side="right"))
            return f"Patient {here + 1} of 1000: {list(GROUPS)[group]}."
        return (
            f"The nearest point of the curve (green): threshold {self.thresholds[here]:.4g}, sensitivity "
            f"{self.tpr[here]:.1%}, specificity {1 - self.fpr[here]:.1%}. A click takes it."
        )


def prevalence(state: dict) -> float:
    """The share with cancer, a whole number of 1000 patients: the slider moves in powers of ten, 0.6309... %."""
    return round(state["prevalence"], 1) / 100


def cost_ratio(state: dict) -> float:
    """How many false alarms a missed cancer counts as, to two digits: 13, not 12.589..."""
    return float(f"{state['cost']:.2g}")


def _share(name: str, value: float, result: str, verb: str) -> str:
    if math.isnan(value):
        return f"{name}: no one tests {result}."
    return f"{name} **{value:.1%}**: of those who test {result}, so many {verb} cancer."


def threshold_explorer(y: np.ndarray, scores: np.ndarray, waits_for: str | None = None) -> Shown:
    """The widget: a threshold, the prevalence (at first that of the test set), and what a missed cancer costs.

    Arguments and errors as `Threshold`; waits_for : id of the prediction to be made first
    """
    import ipywidgets as widgets

    shown = Threshold(y, scores)
    look = {"style": {"description_width": "9em"}, "layout": {"width": "36em", "max_width": "100%"}}
    own = min(max(100 * float(shown.y.mean()), LEAST), MOST)
    ends = {"min": math.log10(LEAST), "max": math.log10(MOST), "step": 0.1}
    controls = {
        "threshold": slider("threshold", 0.5, 0, 1, 0.01, ".2f"),
        "prevalence": widgets.FloatLogSlider(own, **ends, readout_format=".1f", description="prevalence (%)", **look),
        "cost": widgets.FloatLogSlider(
            10, min=0, max=2, step=0.1, readout_format=".2r", description="cost of a miss", **look
        ),
    }
    partial = functools.partial
    views = {
        "dots": View(shown.dots, "1000 patients.", partial(shown.marks, "dots"), 440, uses=("threshold", "prevalence")),
        "roc": View(shown.roc, "The ROC curve with the threshold.", partial(shown.marks, "roc"), 340, uses=()),
    }
    states = [{"threshold": 0.5, "prevalence": share, "cost": 10.0, "hover": None} for share in (own, 1.0)]
    pictures = [
        picture
        for state in states
        for picture in (
            shown.dots(state),
            drawn(shown.roc(state), shown.marks("roc", state), 195, smooth=True),
        )
    ]
    titles = [
        title
        for state in states
        for title in (f"prevalence {prevalence(state):.1%}, threshold 0.5", "ROC; ring: lowest cost")
    ]
    alt = "1000 patients as dots beside a ROC curve, twice. " + " ".join(
        shown.caption(state).replace("**", "") for state in states
    )
    return explorer(
        views, shown.caption, controls, contact_sheet(pictures, titles), alt, on_click=shown.chosen, waits_for=waits_for
    )
