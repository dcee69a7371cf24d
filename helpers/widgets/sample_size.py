"""Test sets of one size, each with the interval of its AUC: how wide they are, and how many miss the AUC of all."""

import math
from typing import NamedTuple

import numpy as np

from helpers.display import Shown, contact_sheet
from helpers.metrics import auc
from helpers.widgets.marks import GREEN, ORANGE, Mark, line, point
from helpers.widgets.shell import View, explorer
from helpers.widgets.stage import SHARP, Stage

SHOWN, DRAWN = 60, 500  # test sets of a size: in the picture, and for what is counted
SIZES = [int(round(10 ** (k / 10), 1 - k // 10)) for k in range(10, 34)]  # 10, 13, 16, 20, ... 2000 patients
_FOUR_TIMES = 6  # steps in SIZES
_LOOKS = {"patient": ("#009E73", "-"), "image": ("#CC79A7", "--")}  # the units, with colour and dash of their widths
_HOW = (
    "An interval is the AUC ± 1.96 standard errors, by DeLong's formula; by patient, as Obuchowski extended it to "
    "patients with several images. It is close to a bootstrap, and quicker. With few patients both miss too often."
)


class Draws(NamedTuple):
    """Test sets of one size, the first SHOWN by their AUC: the AUC (DRAWN,), and by unit the ends (2, DRAWN)."""

    aucs: np.ndarray
    ends: dict[str, np.ndarray]

    def width(self, unit: str) -> float:
        """The mean width of the intervals."""
        return float((self.ends[unit][1] - self.ends[unit][0]).mean())

    def holds(self, unit: str, value: float) -> np.ndarray:
        """Which intervals hold a value: (DRAWN,)."""
        return (self.ends[unit][0] <= value) & (value <= self.ends[unit][1])


def placements(y: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The AUC of test sets that hold each image some times, and how far each image is from it.

    y, scores : (N,) labels 0 or 1, and scores
    weights : (T, N) how often each of T test sets holds an image; each set holds both labels
    returns : aucs (T,), and excess (T, N): the share of the pairs with an image that are in the right order, less the
        AUC, over the number of images with its label
    """
    excess = np.empty(weights.shape)
    for label in (0, 1):  # both lead to the same AUC
        own, other = np.flatnonzero(y == label), np.flatnonzero(y != label)
        other = other[np.argsort(scores[other])]
        passed = np.zeros((len(weights), len(other) + 1))
        np.cumsum(weights[:, other], axis=1, out=passed[:, 1:])
        first, last = (np.searchsorted(scores[other], scores[own], side=side) for side in ("left", "right"))
        below = (passed[:, first] + passed[:, last]) / (2 * passed[:, -1:])  # ties count a half
        share, n = below if label else 1 - below, weights[:, own].sum(axis=1, keepdims=True)
        aucs = (weights[:, own] * share).sum(axis=1, keepdims=True) / n
        excess[:, own] = (share - aucs) / n
    return aucs[:, 0], excess


def standard_error(y: np.ndarray, excess: np.ndarray, weights: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """The standard error of each AUC of `placements`: (T,).

    By DeLong et al. (Biometrics 44:837, 1988), as Obuchowski (Biometrics 53:567, 1997) extended it to clusters of
    images that resemble each other. Where each image is a cluster of its own, the two are the same.

    y, excess, weights : as in `placements`; the images of a cluster are drawn equally often
    clusters : (N,) the numbers 0, 1, 2, ... in order: which images belong together; at least 2 drawn for each label
    """
    starts = np.flatnonzero(np.diff(clusters, prepend=-1))
    times = weights[:, starts]  # how often each cluster was drawn
    sums = [np.add.reduceat(np.where(y == label, excess, 0.0), starts, axis=1) for label in (0, 1)]
    has = [np.logical_or.reduceat(y == label, starts) for label in (0, 1)]
    numbers = [times[:, having].sum(axis=1) for having in has] + [times.sum(axis=1)]
    squares = [sums[0] ** 2, sums[1] ** 2, 2 * sums[0] * sums[1]]  # of each label, and both together
    variance = sum((times * s).sum(axis=1) * n / (n - 1) for s, n in zip(squares, numbers, strict=True))
    return np.sqrt(np.maximum(variance, 0.0))


class SampleSize:
    """A test set from which smaller and larger ones are drawn, and all that the widget shows of them.

    Whole patients are drawn, with replacement. A draw with fewer than two patients of either kind is drawn again; the
    smallest size is the first of SIZES in which two of the rarer kind are expected.

    y, scores, patients : (N,) 1 has cancer, 0 has not; higher is more suspicious; any ids
    ValueError : as `auc`; an AUC of 0 or 1; a shape of patients that differs; too few patients of either kind
    """

    def __init__(self, y: np.ndarray, scores: np.ndarray, patients: np.ndarray) -> None:
        self.truth = auc(y, scores)
        if np.shape(patients) != np.shape(y):
            raise ValueError(f"expected a patient id for each of the {len(y)} images, got shape {np.shape(patients)}")
        if self.truth in (0, 1):
            raise ValueError(f"expected scores that overlap between the two kinds, got an AUC of {self.truth:.0f}")
        names, ids = np.unique(patients, return_inverse=True)
        order = np.argsort(ids, kind="stable")
        self._y, self._scores, self._ids = np.asarray(y, int)[order], np.asarray(scores, float)[order], ids[order]
        self.patients = len(names)
        self._has = np.array([np.bincount(self._ids[self._y == label], minlength=len(names)) for label in (0, 1)]) > 0
        rarer = int(self._has.sum(axis=1).min())
        self.sizes = [n for n in SIZES if n * rarer >= 2 * len(names)]
        if rarer < 2 or not self.sizes:
            need = "at least two patients with cancer and two without, and one of either in 1000"
            raise ValueError(f"expected {need}, got {rarer} of one kind among {len(names)}")
        rng = np.random.default_rng(0)
        self.draws = [self._draw(n, rng) for n in self.sizes]
        sets, widths = Stage((4.4, 3.6), self._build_sets), Stage((3.4, 3.6), self._build_widths, SHARP)
        self.stages, self._lines = {"sets": sets, "widths": widths}, widths.drawn()

    def _draw(self, n: int, rng: np.random.Generator) -> Draws:
        """DRAWN test sets of n patients."""
        times = np.zeros((DRAWN, self.patients), int)  # how often each patient was drawn
        again = np.arange(DRAWN)
        while again.size:
            drawn = rng.integers(self.patients, size=(again.size, n)) + self.patients * np.arange(again.size)[:, None]
            times[again] = np.bincount(drawn.ravel(), minlength=again.size * self.patients).reshape(again.size, -1)
            again = again[(times[again] @ self._has.T < 2).any(axis=1)]
        weights = times[:, self._ids]
        aucs, excess = placements(self._y, self._scores, weights)
        order = np.append(np.argsort(aucs[:SHOWN]), np.arange(SHOWN, DRAWN))
        ends = {}
        for unit, clusters in {"patient": self._ids, "image": np.arange(len(self._ids))}.items():
            half = 1.96 * standard_error(self._y, excess, weights, clusters)
            ends[unit] = np.clip([aucs - half, aucs + half], 0, 1)[:, order]
        return Draws(aucs[order], ends)

    def _build_sets(self, fig):
        axes = fig.subplots()
        axes.set(xlim=(max(0.0, self.truth - 0.5), 1.005), ylim=(-1, SHOWN), yticks=[])
        axes.set(xlabel="AUC", ylabel=f"{SHOWN} test sets, by their AUC")
        axes.axvline(self.truth, color="black", lw=1)
        looks = {"holds the AUC of all": ("#0072B2", 1, "o", 2.5), "misses it": ("#D55E00", 2, "D", 2.8)}
        artists = [
            axes.plot([], [], kind, color=colour, lw=width, ms=size)[0]
            for colour, width, dot, size in looks.values()
            for kind in ("-", dot)
        ]
        fig.legend(artists[::2], looks, loc="outside upper center", ncols=2)
        return axes, *artists

    def _build_widths(self, fig):
        axes, n = fig.subplots(), np.array(self.sizes)
        for unit, (colour, dash) in _LOOKS.items():
            axes.plot(n, [draws.width(unit) for draws in self.draws], dash, color=colour, label=f"by {unit}")
        rule = self.draws[-1].width("patient") * np.sqrt(n[-1] / n)
        axes.plot(n, rule, ":", color="#777777", lw=1.2, label=r"as $1 / \sqrt{n}$")
        axes.set(xscale="log", yscale="log", xlabel="number of patients n", ylabel="mean width of the intervals")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set(major_formatter="{x:g}", minor_formatter="")
        axes.yaxis.get_major_locator().set_params(subs=(1, 2, 5))
        fig.legend(loc="outside upper center", ncols=3, columnspacing=1)
        return (axes,)

    def place(self, patients: float) -> int:
        """The size nearest to a number of patients, as a place in `sizes`."""
        return int(np.abs(np.log(np.array(self.sizes) / patients)).argmin())

    def sets(self, state: dict) -> np.ndarray:
        """state {"patients", "unit"} -> uint8 (414, 506, 3): the intervals of 60 test sets, the lowest AUC below."""
        draws, unit, stage = self.draws[self.place(state["patients"])], state["unit"], self.stages["sets"]
        holds, (low, high), row = draws.holds(unit, self.truth)[:SHOWN], draws.ends[unit][:, :SHOWN], np.arange(SHOWN)
        points = np.stack([low, high, np.full(SHOWN, np.nan)], axis=1)  # nan: the pen is lifted
        for which, lines, dots in ((holds, *stage.parts[1:3]), (~holds, *stage.parts[3:])):
            lines.set_data(points[which].ravel(), np.repeat(row[which], 3))
            dots.set_data(draws.aucs[:SHOWN][which], row[which])
        stage.restored()
        return stage.drawn(*stage.parts[1:])

    def widths(self, state: dict) -> np.ndarray:
        """The same whatever the state: uint8 (720, 680, 3)."""
        return self._lines

    def pointed_at(self, view: str, state: dict) -> tuple[float, float] | None:
        """What is under the pointer in "sets", AUC and row, or in "widths", number of patients and width."""
        at, stage = state["hover"], self.stages[view]
        return stage.to_data(stage.parts[0], at.x, at.y) if at and at.view == view else None

    def over_sets(self, state: dict) -> list[Mark]:
        """The AUC under the pointer."""
        pointed, stage = self.pointed_at("sets", state), self.stages["sets"]
        if pointed is None:
            return []
        ends = stage.to_pixels(stage.parts[0], [pointed[0]] * 2, [-1, SHOWN])
        return [line(ends, "#444444", width=1, edge=False, dash=(3, 3))]

    def over_widths(self, state: dict) -> list[Mark]:
        """The chosen number of patients, and that under the pointer."""
        pointed, stage = self.pointed_at("widths", state), self.stages["widths"]
        places = [self.place(n) for n in (state["patients"], *(pointed or ())[:1])]
        widths = [self.draws[place].width(state["unit"]) for place in places]
        dots = stage.to_pixels(stage.parts[0], [self.sizes[place] for place in places], widths)
        return [point(*dot, colour, size) for dot, colour, size in zip(dots, (ORANGE, GREEN), (11, 8), strict=False)]

    def caption(self, state: dict) -> str:
        """How many miss, how wide they are, how they were made, and what is under the pointer."""
        place, unit = self.place(state["patients"]), state["unit"]
        draws, (other,) = self.draws[place], set(_LOOKS) - {unit}
        missed, width = ~draws.holds(unit, self.truth), draws.width(unit)
        far = place + _FOUR_TIMES if place + _FOUR_TIMES < len(self.sizes) else max(place - _FOUR_TIMES, 0)
        rule = width * math.sqrt(self.sizes[place] / self.sizes[far])
        words = (
            f"{SHOWN} test sets of **{self.sizes[place]} patients**, drawn with replacement from the {self.patients} "
            f"given, whose AUC is **{self.truth:.3f}** (black line); each with its 95% interval.\nComputed by {unit}, "
            f"**{missed[:SHOWN].sum()} of {SHOWN} miss the line** (orange); of {DRAWN} drawn alike {missed.mean():.1%} "
            f"miss it, where 5% should. Mean width **{width:.3f}** (by {other} {draws.width(other):.3f}); with "
            f"{self.sizes[far]} patients {self.draws[far].width(unit):.3f}, and {rule:.3f} if it went exactly as "
            f"1 / sqrt(n).\n{_HOW}"
        )
        perfect = int((draws.aucs[:SHOWN] == 1).sum())
        if perfect:
            words += f"\nIn {perfect} of the {SHOWN} the AUC happens to be 1, and the formula gives no width at all."
        if pointed := self.pointed_at("sets", state):
            one = int(np.clip(round(pointed[1]), 0, SHOWN - 1))
            low, high = draws.ends[unit][:, one]
            words += (
                f"\nThis test set: AUC {draws.aucs[one]:.3f}, interval {low:.3f} to {high:.3f}. An AUC of "
                f"{pointed[0]:.3f} (dashed) lies in {draws.holds(unit, pointed[0])[:SHOWN].sum()} of the {SHOWN}."
            )
        elif pointed := self.pointed_at("widths", state):
            there = self.place(pointed[0])
            words += f"\n{self.sizes[there]} patients (green): mean width {self.draws[there].width(unit):.3f}."
        return words


def interval_explorer(y: np.ndarray, scores: np.ndarray, patients: np.ndarray, waits_for: str | None = None) -> Shown:
    """The widget: how many patients a test set has, and whether its interval is computed by patient or by image.

    Arguments and errors as `SampleSize`; waits_for : id of the prediction to be made first
    """
    import ipywidgets as widgets

    shown = SampleSize(y, scores, patients)
    look = {"style": {"description_width": "9em"}, "layout": {"width": "36em", "max_width": "100%"}}
    ends = {"min": math.log10(shown.sizes[0]), "max": math.log10(shown.sizes[-1]), "step": 0.1, "readout_format": ".2r"}
    start = max(100, shown.sizes[0])
    controls = {
        "patients": widgets.FloatLogSlider(start, **ends, description="patients", **look),
        "unit": widgets.ToggleButtons(options=list(_LOOKS), description="interval by", **look),
    }
    views = {
        "sets": View(shown.sets, "Intervals of 60 test sets.", shown.over_sets, 440),
        "widths": View(shown.widths, "Their mean width at each size.", shown.over_widths, 340, uses=()),
    }
    states = [{"patients": n, "unit": unit, "hover": None} for n in (start, 1000) for unit in _LOOKS]
    titles = [f"{state['patients']} patients, by {state['unit']}" for state in states]
    still = contact_sheet([shown.sets(state) for state in states], titles)
    alt = f"Four times {SHOWN} intervals. " + " ".join(shown.caption(state).replace("**", "") for state in states)
    return explorer(views, shown.caption, controls, still, alt, waits_for=waits_for)
