"""Learning curves of several trainings: loss and accuracy, training and validation, epoch by epoch."""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from helpers.display import Shown, contact_sheet
from helpers.widgets.marks import Mark, line, point
from helpers.widgets.shell import View, explorer, slider
from helpers.widgets.stage import SHARP, Stage

GAP, LEARNED = 0.05, 0.90  # accuracies, of the two rules
RULES = (
    f"Two rules of thumb: *overfitting* where the training accuracy is {100 * GAP:.0f} points or more above the "
    f"validation accuracy; otherwise *underfitting* where the training accuracy is below {LEARNED:.0%}."
)
_CURVES = {"loss": ("loss", "val_loss"), "accuracy": ("accuracy", "val_accuracy")}  # view: training, validation
_LOOKS = {"training": ("#0072B2", "-"), "validation": ("#D55E00", "--")}
_LEAST, _MOST = 1e-4, 1e2  # losses shown


def verdict(accuracy: float, val_accuracy: float) -> str:
    """What `RULES` say of two accuracies: "overfitting", "underfitting" or neither."""
    if accuracy - val_accuracy >= GAP:
        return "overfitting"
    return "underfitting" if accuracy < LEARNED else "neither overfitting nor underfitting"


class LearningCurves:
    """Trainings, and all that their widget shows of them.

    Parameters
    ----------
    runs : name -> object with the lists `loss`, `val_loss`, `accuracy`, `val_accuracy`, one entry an epoch

    Raises
    ------
    ValueError : no run; a run without an epoch, with lists of different lengths, with nan or infinity
    """

    def __init__(self, runs: Mapping[str, Any]) -> None:
        if not runs:
            raise ValueError('expected at least one training, e.g. {"Adam": fit(...)}; got none')
        keys = [key for pair in _CURVES.values() for key in pair]
        self.runs = {name: {key: np.asarray(getattr(run, key), float) for key in keys} for name, run in runs.items()}
        for name, run in self.runs.items():
            lengths = {key: len(values) for key, values in run.items()}
            if len(set(lengths.values())) > 1 or not lengths["loss"]:
                raise ValueError(
                    f"run {name!r}: expected four lists of one length, one entry an epoch, got {lengths}; train with "
                    "validation=(X, y), and leave out a run that stopped in its first epoch"
                )
            if not all(np.isfinite(values).all() for values in run.values()):
                raise ValueError(f"run {name!r}: expected finite numbers, got nan or infinity; cut its lists before it")
        self.epochs = max(len(run["loss"]) for run in self.runs.values())
        self._stages = {view: Stage((4.0, 2.9), functools.partial(self._build, view), SHARP) for view in _CURVES}

    def _build(self, view: str, fig):
        axes = fig.subplots()
        values = np.concatenate([run[key] for run in self.runs.values() for key in _CURVES[view]])
        axes.set(xlim=(0.5, self.epochs + 0.5), xlabel="epoch", ylabel=view)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if view == "loss":
            low, high = np.clip([values.min(), values.max()], _LEAST, _MOST)
            axes.set(yscale="log", ylim=(0.8 * low, 1.25 * high), ylabel="loss (log scale)")
        else:
            axes.set_ylim(values.min() - 0.02, 1.01)
        lines = [axes.plot([], [], look, color=colour, label=name)[0] for name, (colour, look) in _LOOKS.items()]
        fig.legend(loc="outside upper center", ncols=2)
        return axes, *lines

    def _now(self, state: dict) -> tuple[dict, int]:
        """The chosen run, and the epoch, from 1: its last where it is shorter than others."""
        run = self.runs[state["run"]]
        return run, min(int(state["epoch"]), len(run["loss"]))

    def picture(self, view: str, state: dict) -> np.ndarray:
        """state {"run": name} -> uint8 (580, 840, 3): "loss" or "accuracy"; the axes are the same for every run."""
        stage, run = self._stages[view], self.runs[state["run"]]
        for artist, key in zip(stage.parts[1:], _CURVES[view], strict=True):
            artist.set_data(np.arange(1, len(run[key]) + 1), run[key])
        stage.restored()
        return stage.drawn(*stage.parts[1:])

    def pointed_at(self, state: dict) -> int | None:
        """The epoch of the chosen run that is nearest to the pointer; None beside the graphs."""
        at = state["hover"]
        place = at and self._stages[at.view].to_data(self._stages[at.view].parts[0], at.x, at.y)
        return int(np.clip(round(place[0]), 1, len(self.runs[state["run"]]["loss"]))) if place else None

    def marks(self, view: str, state: dict) -> list[Mark]:
        """The chosen epoch with its two values, and the epoch under the pointer, dashed."""
        (run, epoch), stage, pointed = self._now(state), self._stages[view], self.pointed_at(state)
        axes, bounds = stage.parts[0], np.array(stage.parts[0].get_ylim())
        upright = functools.partial(line, colour="#444444", width=1, edge=False)
        dots = stage.to_pixels(axes, [epoch] * 2, np.clip([run[key][epoch - 1] for key in _CURVES[view]], *bounds))
        marks = [upright(stage.to_pixels(axes, [epoch] * 2, bounds))]
        marks += [point(*dot, colour) for dot, (colour, _) in zip(dots, _LOOKS.values(), strict=True)]
        if pointed is not None:
            marks.append(upright(stage.to_pixels(axes, [pointed] * 2, bounds), dash=(3, 3)))
        return marks

    def numbers(self, run: str, epoch: int) -> str:
        """One epoch of a run in words, with its verdict."""
        loss, val_loss, accuracy, val_accuracy = (values[epoch - 1] for values in self.runs[run].values())
        return (
            f"loss {loss:.3g} in training, {val_loss:.3g} in validation, a gap of **{val_loss - loss:.3g}**; accuracy "
            f"{accuracy:.1%} and {val_accuracy:.1%}, a gap of **{100 * (accuracy - val_accuracy):.1f} points**: "
            f"**{verdict(accuracy, val_accuracy)}**."
        )

    def caption(self, state: dict) -> str:
        """The numbers of the epoch, the best epoch, the rules, what is under the pointer."""
        (run, epoch), pointed = self._now(state), self.pointed_at(state)
        best = int(run["val_loss"].argmin()) + 1
        words = (
            f"{state['run']}, epoch {epoch} of {len(run['loss'])}: {self.numbers(state['run'], epoch)}\nThe lowest "
            f"validation loss of this run is {run['val_loss'][best - 1]:.3g}, in epoch {best}.\n{RULES}"
        )
        return words if pointed is None else f"{words}\nEpoch {pointed}: {self.numbers(state['run'], pointed)}"


def learning_curve_explorer(runs: Mapping[str, Any], waits_for: str | None = None) -> Shown:
    """The widget: which training, which epoch.  Arguments and errors as `LearningCurves`; waits_for : a prediction."""
    import ipywidgets as widgets

    curves = LearningCurves(runs)
    names, style = list(curves.runs), {"description_width": "9em"}
    controls = {
        "run": widgets.Dropdown(options=names, value=names[0], description="training", style=style),
        "epoch": slider("epoch", 1, 1, curves.epochs, 1, ".0f"),
    }

    def view(name: str) -> View:
        picture, marks = functools.partial(curves.picture, name), functools.partial(curves.marks, name)
        return View(picture, f"{name.capitalize()} in training and in validation.", marks, width=400, uses=("run",))

    titles = {f"{run}: {name}": curves.picture(name, {"run": run}) for run in names for name in _CURVES}
    still = contact_sheet(list(titles.values()), list(titles))
    ends = [
        f"{run}, after {n} epochs: {curves.numbers(run, n)}" for run in names for n in [len(curves.runs[run]["loss"])]
    ]
    alt = f"Learning curves, loss on the left, accuracy on the right. {' '.join(ends)} {RULES}".replace("*", "")
    return explorer({name: view(name) for name in _CURVES}, curves.caption, controls, still, alt, waits_for=waits_for)
