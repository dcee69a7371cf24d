"""A reader study: the learner rates 20 breast ultrasound phantoms and sees what can be said of their reading.

The 20 are held out (`helpers.data.phantoms.breast_us.HELD_OUT`): a later chapter tests a network on them and draws its
curve beside the reader's. Nothing may be trained on them.
"""

import functools
from dataclasses import dataclass

import numpy as np

from helpers.data.case import Case
from helpers.data.phantoms.breast_us import HELD_OUT, KINDS, breast_us
from helpers.display import Picture, Shown, contact_sheet, figure, img, png, to_html
from helpers.exercises import progress
from helpers.metrics import sensitivity_specificity, wilson_interval

STEPS = ("surely benign", "probably benign", "cannot say", "probably malignant", "surely malignant")
CALLED = 4  # from this rating on a mass counts as called malignant
EXAMPLES = {"benign": (44, 40), "malignant": (2, 128)}  # indices with the seed of the study, not among its cases
ID = "1.13"  # where the ratings stand in the progress file

_ABOUT = """**Benign or malignant?** Four examples first. Look at three things. They are drawn from BI-RADS, the lexicon
for breast imaging (ACR, 2013):

**outline**: oval and sharp speaks for benign; irregular, spiky or blurred for malignant

**orientation**: wider than tall speaks for benign; taller than wide for malignant

**behind it**: a broad shadow speaks a little for malignant

None of the three is sure. We built them into these phantoms; on patients there is more to know."""
_BLIND = "Nothing is told until the last: who learns on the way is another reader at the end than at the start."
_AGAIN = f'`reset("{ID}")`, then this cell again, starts anew. You have seen the answer then, so that is another study.'


@dataclass(frozen=True)
class Summary:
    """What a reading says.

    sensitivity, specificity at "rated CALLED or higher", with intervals (low, high) of 95 % (Wilson); roc (4, 2):
    (1 - specificity, sensitivity) at each of `thresholds`, "this rating or higher"; text says it in words.
    """

    sensitivity: float
    sensitivity_interval: tuple[float, float]
    specificity: float
    specificity_interval: tuple[float, float]
    thresholds: tuple[int, ...]
    roc: np.ndarray
    text: str


@functools.cache
def reader_cases() -> tuple[Case, ...]:
    """The 20 held-out phantoms, 10 benign and 10 malignant, in the order in which they are read."""
    seed, indices = HELD_OUT
    return tuple(breast_us(seed, index) for index in indices)


def reader_labels() -> np.ndarray:
    """(20,) 1 malignant, 0 benign."""
    return np.array([int(KINDS[case.label] == "malignant") for case in reader_cases()])


def reader_ratings() -> tuple[np.ndarray, np.ndarray] | None:
    """The learner's ratings (20,) from 1 to 5 and the labels (20,), 1 malignant; None until all 20 are rated."""
    ratings = _stored()
    if len(ratings) < len(reader_cases()):
        return None
    return np.array(ratings), reader_labels()


def reader_summary(ratings: np.ndarray, labels: np.ndarray) -> Summary:
    """Sensitivity and specificity of a reading with their intervals, and the points of its ROC curve.

    Parameters
    ----------
    ratings : (N,) from 1 surely benign to 5 surely malignant
    labels : (N,) 1 malignant, 0 benign

    Raises
    ------
    ValueError : a rating outside 1 to 5, shapes that differ, one kind only
    """
    ratings, labels = np.asarray(ratings), np.asarray(labels)
    if not np.isin(ratings, range(1, len(STEPS) + 1)).all():
        raise ValueError(f"expected ratings from 1 to {len(STEPS)}, got {sorted(set(ratings.tolist()))}")
    thresholds = tuple(range(2, len(STEPS) + 1))
    points = [sensitivity_specificity(labels, ratings >= threshold) for threshold in thresholds]
    sensitivity, specificity = points[thresholds.index(CALLED)]
    malignant, benign = int((labels == 1).sum()), int((labels == 0).sum())
    found, spared = round(sensitivity * malignant), round(specificity * benign)
    intervals = wilson_interval(found, malignant), wilson_interval(spared, benign)
    (low, high), (low_spared, high_spared) = intervals
    n, width = len(labels), max(high - low, high_spared - low_spared)
    text = "\n\n".join(
        [
            f'A rating of {CALLED} ("{STEPS[CALLED - 1]}") or higher counts as calling a mass malignant.',
            f"**Sensitivity {sensitivity:.2f}**, 95 % interval {low:.2f} to {high:.2f}: "
            f"you called {found} of {malignant} malignant masses.",
            f"**Specificity {specificity:.2f}**, 95 % interval {low_spared:.2f} to {high_spared:.2f}: "
            f"you left alone {spared} of {benign} benign ones.",
            f"These are {n} phantoms, not patients: this says nothing of how well people read real images. And {n} "
            f"cases are few. The wider interval spans {width:.2f}, so with {n} others you could do quite differently.",
        ]
    )
    roc = np.array([(1 - spec, sens) for sens, spec in points])
    return Summary(sensitivity, intervals[0], specificity, intervals[1], thresholds, roc, text)


def reader_study() -> Shown:
    """Rate the 20 phantoms, one at a time. No answer is told before the end: who learns on the way is another reader.

    Each rating is kept at once; a restart goes on where it was, and reset("1.13") begins again.
    """
    cases = reader_cases()
    still = contact_sheet([_half(case) for case in cases], [str(k) for k in range(1, len(cases) + 1)], columns=5)
    alt = (
        f"The {len(cases)} breast ultrasound phantoms of the reader study, numbered, without labels: each shows a dark "
        "mass in brighter tissue. Run the cell to rate them one by one."
    )
    return Shown(_Study().widget, still[..., 0], alt, width=560)  # one channel: all of it is grey


def _half(case: Case) -> np.ndarray:
    """Half as many pixels each way, so that the still stays small."""
    height, width = case.image.shape[:2]
    return case.image.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)).astype(np.uint8)


def _stored() -> list[int]:
    """The ratings kept so far; none when what is kept is not what this study writes."""
    kept = progress.read().get("reader", {})
    ratings = kept.get(ID) if isinstance(kept, dict) else None
    allowed = range(1, len(STEPS) + 1)
    sound = isinstance(ratings, list) and len(ratings) <= len(reader_cases()) and all(r in allowed for r in ratings)
    return ratings if sound else []


class _Study:
    """The widgets and what the buttons do."""

    def __init__(self) -> None:
        import ipywidgets as widgets

        self.ratings = _stored()
        self.case, self.words = widgets.HTML(), widgets.HTML()
        self.steps = [
            widgets.Button(description=f"{k} {step}", layout={"width": "auto"}) for k, step in enumerate(STEPS, 1)
        ]
        self.undo = widgets.Button(description="undo last", layout={"width": "auto"})
        for rating, button in enumerate(self.steps, 1):
            button.on_click(lambda _, rating=rating: self._rate(rating))
        self.undo.on_click(lambda _: self._take_back())
        self.buttons = widgets.HBox([*self.steps, self.undo], layout={"flex_flow": "row wrap"})
        self.widget = widgets.VBox([widgets.HTML(_examples()), self.case, self.buttons, self.words])
        self._draw()

    def _rate(self, rating: int) -> None:
        if len(self.ratings) < len(reader_cases()):  # a second click may arrive before the buttons are gone
            self._keep([*self.ratings, rating])

    def _take_back(self) -> None:
        if len(self.ratings) < len(reader_cases()):  # not once the answers have been seen
            self._keep(self.ratings[:-1])

    def _keep(self, ratings: list[int]) -> None:
        self.ratings = ratings
        problem = ""

        def write(data: dict) -> None:
            kept = data.get("reader")
            data["reader"] = (kept if isinstance(kept, dict) else {}) | {ID: ratings}

        try:
            progress.update(write)
        except progress.ProgressError as error:
            problem = str(error)
        self._draw(problem)

    def _draw(self, problem: str = "") -> None:
        done, total = len(self.ratings), len(reader_cases())
        self.undo.disabled = done == 0
        if done < total:
            alt = f"Case {done + 1} of {total}, a breast ultrasound phantom with one mass, to be judged by eye."
            self.case.value = f"<p role='status'><b>{done + 1} of {total}</b></p>" + img(
                png(reader_cases()[done].image[..., 0]), alt, 420
            )
            self.words.value = to_html(problem or _BLIND)
            return
        self.buttons.layout.display = "none"
        self.case.value = f"<p role='status'><b>All {total} are rated.</b></p>"
        summary = reader_summary(self.ratings, reader_labels())
        words = "\n\n".join([problem, summary.text, _AGAIN])
        self.words.value = roc_picture(summary).html + to_html(words) + _wrong_calls(self.ratings)


@functools.cache
def _examples() -> str:
    """What to look for, and two labelled phantoms of each kind, as HTML."""
    cells = []
    for kind, indices in EXAMPLES.items():
        for index in indices:
            case = breast_us(HELD_OUT[0], index, kind=kind)
            cells.append((case, f"Example of a {kind} mass in a breast ultrasound phantom.", kind))
    return to_html(_ABOUT) + _row(cells)


def _row(cells: list[tuple[Case, str, str]]) -> str:
    """Small pictures side by side, each (case, alt text, caption), as HTML."""
    pictures = [(img(png(case.image[..., 0]), alt, 150), caption) for case, alt, caption in cells]
    figures = (
        f"<figure style='margin:4px'>{picture}<figcaption>{caption}</figcaption></figure>"
        for picture, caption in pictures
    )
    return f"<div style='display:flex;flex-wrap:wrap'>{''.join(figures)}</div>"


def _wrong_calls(ratings: list[int]) -> str:
    """The cases called wrongly, each with its true label and its rating, as HTML."""
    cells = []
    for number, (rating, case) in enumerate(zip(ratings, reader_cases(), strict=True), 1):
        true = KINDS[case.label]
        if (rating >= CALLED) != (true == "malignant"):
            alt = f"Case {number}, a breast ultrasound phantom with a {true} mass."
            cells.append((case, alt, f"no. {number}: {true}, you said {rating}"))
    if not cells:
        return to_html("You called all 20 rightly.")
    head = to_html("**Called wrongly** (a rating of 3, cannot say, counts as not called):")
    return head + _row(cells)


def roc_picture(summary: Summary) -> Picture:
    """The four points of a reading in ROC space, each with the ratings that count as a call there."""
    import matplotlib.pyplot as plt

    with plt.style.context("helpers.course"):
        fig, axes = plt.subplots(figsize=(3.6, 3.4))
        x, y = np.vstack([(0, 0), summary.roc[::-1], (1, 1)]).T
        axes.plot(x, y, "o-", label="you")
        axes.plot([0, 1], [0, 1], color="grey", lw=1, ls=":", label="by chance")
        for point in np.unique(summary.roc, axis=0):  # thresholds may share a point
            here = [str(t) for t, at in zip(summary.thresholds, summary.roc, strict=True) if np.array_equal(at, point)]
            axes.annotate(f"≥ {', '.join(here)}", point, xytext=(6, -10), textcoords="offset points")
        axes.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        axes.legend(loc="lower right")
    points = ", ".join(f"{sens:.2f} at {fpr:.2f}" for fpr, sens in summary.roc)
    return figure(
        fig, f"Your ROC points: sensitivity at 1 - specificity for ratings of 2, 3, 4 and 5 or higher: {points}."
    )
