"""Exercise 7.8: how far the AUC may be off, a bootstrap over patients."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.exercises.exercise import Case, Exercise, Misconception, Verdict
from helpers.exercises.limits import Outcome, call
from helpers.metrics import auc


def _gaps(y, scores):
    return scores[y == 1][:, None] - scores[y == 0]


def bootstrap_interval(
    y: np.ndarray, scores: np.ndarray, patients: np.ndarray, rng: np.random.Generator, repeats: int = 1000
) -> tuple[float, float]:
    """95 % interval for the AUC: draw whole patients with replacement, as many as there are, and take the AUC of all
    their images; again and again. Between the 2.5th and the 97.5th percentile.

    y (N,), scores (N,), patients (N,) whose image it is: any number of images a patient, in any order, ids of any
    kind; rng draws; a draw with one class only is drawn again -> (low, high)
    """
    images = [np.flatnonzero(patients == patient) for patient in np.unique(patients)]
    values = []
    while len(values) < repeats:
        drawn = rng.integers(len(images), size=len(images))
        rows = np.concatenate([images[k] for k in drawn])
        if 0 < y[rows].sum() < len(rows):  # no AUC where one class is missing
            values.append(auc(y[rows], scores[rows]))
    low, high = np.percentile(values, [2.5, 97.5])
    return low, high


# Each row a patient with all images. Chosen so that the interval is clearly another one for each wrong way of drawing.
_MALIGNANT = ([1.79], [2.04], [1.32], [1.35, 1.16], [1.57, 0.96, 1.23, 0.98, 1.53], [1.23], [3.19, 3.56])
_BENIGN = (
    [1.01, 0.93],
    [0.97, 1.14, 0.98, 1.5],
    [1.23, -0.02, 0.85, 0.65, 0.48],
    [-0.72],
    [-0.59, -0.88],
    [3.08, 3.02, 3.0],
    [-0.7, 0.01, -0.21],
    [-0.68, -0.3],
    [3.18, 3.11, 2.77, 3.68, 3.21],
    [-0.39, -0.06, 0.68, -0.11, 0.08],
)


def _interval_cases(rng: np.random.Generator) -> list[Case]:
    def case(names: np.ndarray, repeats: int, note: str) -> Case:
        people = [*_MALIGNANT, *_BENIGN]
        y = np.repeat([1, 0], [sum(map(len, _MALIGNANT)), sum(map(len, _BENIGN))])
        scores = np.round(np.concatenate(people) * rng.uniform(1, 3) + rng.normal(), 3)
        order = rng.permutation(len(y))
        patients = np.repeat(rng.permutation(names), [len(images) for images in people])
        generator = np.random.default_rng(rng.integers(1 << 30))
        return Case((y[order], scores[order], patients[order], generator, repeats), note)

    named = np.array([f"P{number}" for number in range(31, 48)])
    six = np.repeat([31, 32, 33, 34, 35, 36], [2, 4, 3, 2, 1, 3])
    few = np.array([0.8, 1.9, 2.2, 1.6, 1.8, 1.4, 0.2, 0.9, 1.3, 0.4, 1.2, 0.1, 0.3, 0.5, 0.7])
    return [
        case(np.arange(100, 117), 2000, "17 patients, 45 images, one to five a patient"),
        case(named, 100, "17 patients with names, 45 images"),
        Case(
            ((six < 33).astype(int), few, six, np.random.default_rng(rng.integers(1 << 30)), 200),
            "six patients, two of them malignant: about one draw in eleven holds no malignant one",
        ),
    ]


_DRAWS = 10_000

# How often each image is drawn, by the right idea and by wrong ones: (rng, owner (N,), patients P) -> (_DRAWS, N)
_WAYS: dict[str, Callable] = {
    "patients": lambda rng, owner, P: rng.multinomial(P, np.full(P, 1 / P), size=_DRAWS)[:, owner],
    "images": lambda rng, owner, P: rng.multinomial(len(owner), np.full(len(owner), 1 / len(owner)), size=_DRAWS),
    "each once": lambda rng, owner, P: np.minimum(_WAYS["patients"](rng, owner, P), 1),
    "one image": lambda rng, owner, P: (
        _WAYS["patients"](rng, owner, P) * np.isin(np.arange(len(owner)), np.unique(owner, return_index=True)[1])
    ),
    "too many": lambda rng, owner, P: rng.multinomial(len(owner), np.full(P, 1 / P), size=_DRAWS)[:, owner],
    "by images": lambda rng, owner, P: rng.multinomial(P, np.bincount(owner) / len(owner), size=_DRAWS)[:, owner],
    "by images, too many": lambda rng, owner, P: rng.multinomial(
        len(owner), np.bincount(owner) / len(owner), size=_DRAWS
    )[:, owner],
    "neighbours": lambda rng, owner, P: np.pad(
        np.repeat(rng.multinomial(P, np.full(P, 1 / P), size=_DRAWS), 2, axis=1), ((0, 0), (0, len(owner)))
    )[:, : len(owner)],
}


def _drawn_aucs(case: Case, way: str = "patients") -> np.ndarray:
    """The AUCs of many test sets drawn in this way, sorted."""
    return _aucs(way, *(tuple(column.tolist()) for column in case.args[:3]))


@functools.lru_cache(maxsize=32)
def _aucs(way: str, *columns: tuple) -> np.ndarray:
    y, scores, patients = map(np.array, columns)
    names, owner = np.unique(patients, return_inverse=True)
    times = _WAYS[way](np.random.default_rng(7), owner, len(names)).astype(float)
    malignant, other = times[:, y == 1], times[:, y == 0]
    both = malignant.any(axis=1) & other.any(axis=1)
    malignant, other = malignant[both], other[both]
    gaps = _gaps(y, scores)
    won = ((malignant @ ((gaps > 0) + 0.5 * (gaps == 0))) * other).sum(axis=1)
    return np.sort(won / (malignant.sum(axis=1) * other.sum(axis=1)))


def _off(values: np.ndarray, share: float, end: float, repeats: int) -> float:
    """How far `end` is from the quantile `share` of the values, in standard errors of so many draws."""
    below = np.searchsorted(values, end - 1e-9) / len(values)  # an AUC may be summed in any order
    upto = np.searchsorted(values, end + 1e-9) / len(values)
    if upto == 0 or below == 1:
        return math.inf  # no draw at all lies out there
    away = max(below - share, 0.0) + min(upto - share, 0.0)
    return away / math.sqrt(share * (1 - share) / repeats)


def _ends(value: Any) -> tuple[float, float] | None:
    """(low, high) where the value is two numbers; else None."""
    if not isinstance(value, tuple | list | np.ndarray) or np.shape(value) != (2,):
        return None
    ends = np.asarray(value)
    return tuple(float(end) for end in ends) if ends.dtype.kind in "biuf" else None


def _misses(case: Case, ends: tuple[float, float], way: str = "patients", tail: float = 0.025) -> float:
    """How far an interval is from the one of this way of drawing, in standard errors of both ends together."""
    values, repeats = _drawn_aucs(case, way), case.args[4]
    return math.hypot(_off(values, tail, ends[0], repeats), _off(values, 1 - tail, ends[1], repeats))


def _verify_interval(case: Case, value: Any) -> str | None:
    if value is None:
        return "Your function gave back None; two numbers were expected, low and high. Is the `return` missing?"
    ends = _ends(value)
    if ends is None:
        came = f"an array of shape {np.shape(value)}" if isinstance(value, np.ndarray) else f"{type(value).__name__}"
        return f"Two numbers were expected, the low and the high end of the interval; {came} came."
    low, high = ends
    yours = f"Your interval goes from {low:.3f} to {high:.3f}"
    if not np.isfinite(ends).all():
        return f"{yours}."
    if low > high:
        return f"{yours}; the first number should be the low end."
    if low < 0 or high > 1:
        return f"{yours}. An AUC is never below 0 or above 1."
    if _misses(case, ends) <= 4.8:  # by chance about once in ten thousand
        return None
    due = np.quantile(_drawn_aucs(case), [0.025, 0.975])
    return (
        f"{yours}, a width of {high - low:.3f}. Drawn as the docstring says, it goes from about {due[0]:.2f} to "
        f"{due[1]:.2f}, a width of {due[1] - due[0]:.2f}: further off than chance explains."
    )


def _bootstrap_uses_the_rng(interval: Callable) -> str | None:
    """Two intervals from one generator differ, those of two generators with one seed agree; one draw has no width."""
    y, scores = np.repeat([0, 1], 15), np.arange(30) % 17 / 10
    rng = np.random.default_rng(1)

    def again(rng, repeats=40):
        return np.asarray(interval(y.copy(), scores.copy(), np.arange(30), rng, repeats), float)

    low, high = again(np.random.default_rng(3), 1)
    if high - low > 1e-9:
        return (
            "The interval is right, but `repeats` does not come in: asked for a single draw (`repeats=1`), your "
            f"function gave {low:.3f} to {high:.3f}. One AUC is both ends at once. Is the number of draws written in?"
        )
    same_seed = [again(np.random.default_rng(2)) for _ in range(2)]
    if np.array_equal(again(rng), again(rng)) or not np.array_equal(*same_seed):
        return (
            "The interval is right, but the chance does not come from `rng`. Called twice with one generator, your "
            "function should draw other patients; called with two generators of the same seed, the same ones twice. "
            "Draw with `rng`, and make no generator of your own."
        )
    return None


def _spread_misses(case: Case, ends: tuple[float, float], factor: float) -> float:
    """How far an interval is from AUC (or mean of the draws) plus and minus `factor` standard deviations."""
    values, repeats, area = _drawn_aucs(case), case.args[4], auc(*case.args[:2])
    around_auc = abs(sum(ends) / 2 - area) < 1e-9 or ends[1] == 1  # exactly, unless cut off at 1
    middles = np.array([values.mean(), area] if around_auc else [values.mean()])
    reach, chance = factor * values.std(), values.std() * math.sqrt((1 + factor**2 / 2) / repeats)
    highs = middles + reach
    high = np.minimum(np.abs(ends[1] - highs), np.abs(ends[1] - np.minimum(1, highs)))
    return float(np.hypot(ends[0] - (middles - reach), high).min() / chance)


def _nearest(case: Case, ends: tuple[float, float]) -> str | None:
    """The idea whose interval is nearest, the right one among them; None if none is near."""
    off = {way: _misses(case, ends, way) for way in _WAYS}
    off["90 %"] = _misses(case, ends, tail=0.05)
    off |= {f"{factor} errors": _spread_misses(case, ends, factor) for factor in (1, 1.96)}
    idea = min(off, key=off.get)
    return idea if off[idea] <= 6 else None


def _idea(*names: str) -> Callable[[Case, Any], bool]:
    """The sign of an interval that lies nearer to one of these ideas than to any other."""
    return _on_ends(lambda case, low, high: _nearest(case, (low, high)) in names)


def _on_ends(judge: Callable[[Case, float, float], bool]) -> Callable[[Case, Any], bool]:
    """A sign that looks at the two ends, both finite."""

    def sign(case: Case, value: Any) -> bool:
        ends = _ends(value)
        return ends is not None and bool(np.isfinite(ends).all()) and bool(judge(case, *ends))

    return sign


def _exchanged(case: Case, low: float, high: float) -> bool:
    return low > high and _nearest(case, (high, low)) is not None


def _like_guessing(case: Case, low: float, high: float) -> bool:
    return abs(low + high - 1) < 0.1 and 0.05 < high - low < 0.6


def _written_in(case: Case, low: float, high: float) -> bool:
    """Below every AUC there is, in a case in which draws without one come often."""
    values = _drawn_aucs(case)
    return low in (0, 0.5) and low < values[0] and len(values) < 0.95 * _DRAWS


def _is_nan(case: Case, value: Any) -> bool:
    ends = _ends(value)
    return ends is not None and bool(np.isnan(ends).any())


def _percent_as_share(case: Case, low: float, high: float) -> bool:
    return low <= high <= np.quantile(_drawn_aucs(case), 0.04)


def _shrunk(case: Case, low: float, high: float) -> bool:
    values = _drawn_aucs(case)
    inside = np.quantile(values, 0.1) < low < high < np.quantile(values, 0.99)
    return inside and high - low < 0.25 * np.diff(np.quantile(values, [0.025, 0.975]))[0]


def _all_draws(case: Case, low: float, high: float) -> bool:
    values = _drawn_aucs(case)
    return low <= np.quantile(values, 0.006) and high >= np.quantile(values, 0.994) and (low, high) != (0, 1)


def _percentiles(values, y, scores):
    return np.percentile(values, [2.5, 97.5])


def _quick_auc(y, scores):
    gaps = _gaps(y, scores)
    return ((gaps > 0) + 0.5 * (gaps == 0)).mean()


def _resampled(
    draw: Callable, ends: Callable = _percentiles, rows_of: Callable | None = None, redraw: bool = True
) -> Callable:
    """A wrong bootstrap: `draw(names, patients, rng)` gives names, `rows_of(patients, drawn)` their images."""

    def wrong(y, scores, patients, rng, repeats=1000):
        names, values = np.unique(patients), []
        images = {name: np.flatnonzero(patients == name) for name in names}
        while len(values) < repeats:
            drawn = draw(names, patients, rng)
            rows = rows_of(patients, drawn) if rows_of else np.concatenate([images[name] for name in drawn])
            both = 0 < y[rows].sum() < len(rows)
            if both or not redraw:
                values.append(_quick_auc(y[rows], scores[rows]) if both else auc(y[rows], scores[rows]))
        return tuple(float(end) for end in ends(np.array(values), y, scores))

    return wrong


def _names(names, patients, rng):
    return rng.choice(names, len(names))


def _image_rows(patients, drawn):
    return drawn


def _torn_apart(y, scores, patients, rng, repeats=1000):
    values, N = [], len(y)
    for _ in range(repeats):
        drawn = y[rng.integers(N, size=N)]
        if 0 < drawn.sum() < N:
            values.append(_quick_auc(drawn, scores[rng.integers(N, size=N)]))
    return tuple(np.percentile(values, [2.5, 97.5]))


def _shuffled_scores(y, scores, patients, rng, repeats=1000):
    return tuple(np.percentile([_quick_auc(y, rng.permutation(scores)) for _ in range(repeats)], [2.5, 97.5]))


def _auc_or_nan(y, scores, patients, rng, repeats=1000):
    names, values = np.unique(patients), []
    for _ in range(repeats):
        rows = np.concatenate([np.flatnonzero(patients == name) for name in rng.choice(names, len(names))])
        values.append(_quick_auc(y[rows], scores[rows]))  # the mean of no pairs is nan
    return tuple(np.percentile(values, [2.5, 97.5]))


def _normal(factor: float, middle: Callable = lambda values, y, scores: auc(y, scores)) -> Callable:
    def ends(values, y, scores):
        centre, reach = middle(values, y, scores), factor * values.std()
        return centre - reach, centre + reach

    return ends


def _mean_of_draws(values, y, scores):
    return values.mean()


def _with_half(y, scores, patients, rng, repeats=1000):
    names, values = np.unique(patients), []
    for _ in range(repeats):
        rows = np.concatenate([np.flatnonzero(patients == name) for name in rng.choice(names, len(names))])
        values.append(_quick_auc(y[rows], scores[rows]) if 0 < y[rows].sum() < len(rows) else 0.5)
    return tuple(np.percentile(values, [2.5, 97.5]))


def _neighbours(patients, drawn):
    places = np.searchsorted(np.unique(patients), drawn)
    return np.concatenate([2 * places, 2 * places + 1])


class _WithSlowAuc(Exercise):
    """Whoever is too slow for thousands of draws, with scikit-learn's AUC for one, is judged by fewer."""

    def _first_problem(self, fn: Callable, case: Case, outcome: Outcome, seconds: float) -> Verdict | None:
        if outcome.timed_out:
            case = Case((*case.args[:4], 300), case.note)
            outcome = call(fn, case.args)
        verdict = super()._first_problem(fn, case, outcome, seconds)
        if not outcome.timed_out:
            return verdict
        return Verdict(
            verdict.status,
            f"{verdict.text}\n\nOr is it your `auc` of 7.7? Here it is called for every draw, and the cells below take "
            "thousands of draws: one with two loops can be too slow for that.",
        )


BOOTSTRAP = _WithSlowAuc(
    id="7.8",
    reference=bootstrap_interval,
    cases=_interval_cases,
    verify=_verify_interval,
    holds=_bootstrap_uses_the_rng,
    points=2,
    hints=(
        "Imagine that the study is repeated with as many patients of the same kind. You have no others, so put the "
        "patients you have into a hat and draw, putting each back: some come twice, some not at all. Take *all* images "
        "of each, as often as the patient was drawn, and compute the AUC. Repeat.",
        "First collect the rows of each patient: `np.flatnonzero(patients == patient)` for each of "
        "`np.unique(patients)`. Draw as many patients as there are: `rng.integers(P, size=P)` gives P places among P. "
        "Join their rows with `np.concatenate`, and index y and scores with the same rows.",
        "If the drawn images are all malignant or all not, draw again (`while len(values) < repeats`). At the end: "
        "`np.percentile(values, [2.5, 97.5])`. (Use your `auc` of 7.7; scikit-learn's takes far longer a call.)",
    ),
    why="What varies from study to study is *who comes*. So patients are drawn, with replacement, and each brings all "
    "images. The middle 95 % of the AUCs is the interval.",
    misconceptions=(
        Misconception(
            "a draw with one class gives nan",
            "Some draws held only malignant patients or none, and there is no AUC for them: one nan among the values "
            "makes the whole interval nan. Draw again in that case.",
            (_auc_or_nan,),
            sign=_is_nan,
        ),
        Misconception(
            "a draw with one class stops",
            "By chance a draw holds only malignant patients, or none. No pairs, no AUC: look at the labels that were "
            "drawn before you call `auc`, and draw again. It happens when patients are few, so it comes late and "
            "seldom: the kind of error that appears after an hour.",
            (_resampled(_names, redraw=False),),
        ),
        Misconception(
            "a number where there is no AUC",
            "Some draws held only malignant patients or none, and your low end looks as if 0.5 (or 0) was written in "
            "for them. Nobody measured that: these draws have no AUC. Draw again.",
            (_with_half,),
            sign=_on_ends(_written_in),
        ),
        Misconception(
            "the ends exchanged",
            "The high end came first. First low, then high.",
            (lambda *args: bootstrap_interval(*args)[::-1],),
            sign=_on_ends(_exchanged),
        ),
        Misconception(
            "without replacement",
            "The width is 0: you drew everybody once, in another order, which is the same set again. Put each patient "
            "back into the hat (with replacement), so that some come twice and some not at all.",
            (
                _resampled(lambda names, patients, rng: rng.permutation(names)),
                _resampled(lambda names, patients, rng: rng.choice(names, len(names), replace=False)),
                _resampled(lambda names, patients, rng: names),
            ),
            sign=_on_ends(lambda case, low, high: abs(high - low) < 1e-9),
        ),
        Misconception(
            "smallest and largest",
            "This looks like the smallest and the largest value: all draws lie between them, not 95 %, and the more "
            "you draw the wider it gets. Cut off 2.5 % on each side. (Or did you draw fewer patients than there are?)",
            (_resampled(_names, lambda values, y, scores: (values.min(), values.max())),),
            sign=_on_ends(_all_draws),
        ),
        Misconception(
            "labels and scores drawn separately",
            "Your interval lies around 0.5, the AUC of guessing. It looks as if labels and scores were drawn (or "
            "shuffled) separately, so that each score stands beside somebody else's label. Draw *rows*, and use the "
            "same rows for both.",
            (_torn_apart, _shuffled_scores),
            sign=_on_ends(_like_guessing),
        ),
        Misconception(
            "percent taken for a share",
            "Both ends lie among the smallest values. `np.percentile` wants percent, from 0 to 100: 0.975 is not even "
            "one percent. (`np.quantile` wants shares, 0.025 and 0.975.)",
            (_resampled(_names, lambda values, y, scores: np.percentile(values, [0.025, 0.975])),),
            sign=_on_ends(_percent_as_share),
        ),
        Misconception(
            "divided by the root of the draws",
            "The interval is far too narrow, and more draws would make it narrower still. The spread over the draws "
            "*is* the standard error of the AUC. More draws do not make more patients: do not divide by the root of "
            "their number.",
            (
                _resampled(_names, lambda v, y, s: _normal(1.96 / math.sqrt(len(v)))(v, y, s)),
                _resampled(_names, lambda v, y, s: _normal(1.96 / math.sqrt(len(v)), _mean_of_draws)(v, y, s)),
                _resampled(_names, lambda v, y, s: _normal(1.96 / math.sqrt(len(y)))(v, y, s)),
            ),
            sign=_on_ends(_shrunk),
        ),
        Misconception(
            "one standard error",
            "That is the AUC plus and minus *one* standard error: it would hold about 68 %. For 95 % take the 2.5th "
            "and the 97.5th percentile.",
            (_resampled(_names, _normal(1)),),
            sign=_idea("1 errors"),
        ),
        Misconception(
            "1.96 standard errors",
            "This looks like the normal interval, AUC plus and minus 1.96 standard errors, a good approximation for "
            "many patients. With few, and an AUC near 1, the draws are lopsided and the interval is not: it can end "
            "above 1, where no AUC is. Asked for are the percentiles of the draws. (If you did take them: are there "
            "`repeats` draws?)",
            (
                _resampled(_names, _normal(1.96)),
                _resampled(_names, _normal(1.96, _mean_of_draws)),
                _resampled(_names, lambda v, y, s: np.clip(_normal(1.96)(v, y, s), 0, 1)),
            ),
            sign=_idea("1.96 errors"),
        ),
        Misconception(
            "images drawn in place of patients",
            "You drew images. Images of one patient resemble each other: the second says little that the first did not "
            "say. Counting them as separate people makes the interval too narrow, so that the result looks surer than "
            "it is. Draw *patients*, and take all their images. (Rows 2k and 2k + 1 are not those of patient k either: "
            "one has five images, another one, and they stand anywhere. Only `patients` says whose an image is.)",
            (
                _resampled(_names, rows_of=_neighbours),
                _resampled(
                    lambda names, patients, rng: rng.integers(len(patients), size=len(patients)), rows_of=_image_rows
                ),
                _resampled(lambda names, patients, rng: rng.choice(len(patients), len(patients)), rows_of=_image_rows),
            ),
            sign=_idea("images", "neighbours"),
        ),
        Misconception(
            "each drawn patient once",
            "A patient who was drawn twice came once. (`np.isin` and sets forget how often.) Then every draw is a "
            "part of the same people, without weights, and the interval is too narrow. Take the images *as often as* "
            "the patient was drawn.",
            (_resampled(_names, rows_of=lambda patients, drawn: np.flatnonzero(np.isin(patients, drawn))),),
            sign=_idea("each once"),
        ),
        Misconception(
            "one image a patient",
            "Each drawn patient brought one image. The AUC of the test set is over *all* images: take all of each "
            "drawn patient.",
            (
                _resampled(
                    _names, rows_of=lambda patients, drawn: np.array([np.argmax(patients == name) for name in drawn])
                ),
            ),
            sign=_idea("one image"),
        ),
        Misconception(
            "too many patients drawn",
            "You drew as many patients as there are *images*. That is a larger study than yours, and its interval is "
            "narrower. Draw as many patients as there are patients.",
            (_resampled(lambda names, patients, rng: rng.choice(names, len(patients))),),
            sign=_idea("too many"),
        ),
        Misconception(
            "patients with many images drawn more often",
            "You drew from a list in which each patient stands as often as there are images. Who was scanned five "
            "times is not five times as likely to come to the next study. Put each name into the hat once: "
            "`np.unique`.",
            (
                _resampled(lambda names, patients, rng: rng.choice(patients, len(names))),
                _resampled(lambda names, patients, rng: rng.choice(patients, len(patients))),
            ),
            sign=_idea("by images", "by images, too many"),
        ),
        Misconception(
            "the 5th and the 95th percentile",
            "That is the middle 90 %: 5 % are cut off on *each* side. For 95 % there may be 5 % outside in all: 2.5 % "
            "below and 2.5 % above.",
            (
                _resampled(_names, lambda values, y, scores: np.percentile(values, [5, 95])),
                _resampled(_names, lambda values, y, scores: np.quantile(values, [0.05, 0.95])),
            ),
            sign=_idea("90 %"),
        ),
    ),
)
