"""Exercises of chapter 10 on training: who was in the training set, a defence with noise, three hospitals."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.exercises.exercise import Case, Exercise, Misconception, compare

# 10.5 -----------------------------------------------------------------------------------------------------------------


def membership_attack(members, others, rate):
    """Tell by the loss who was in the training set: the lower the loss, the more likely a member.

    members (M,), others (N,): losses of patients who were and were not in it -> (auc, found); auc: the share of pairs
    in which the member has the lower loss, ties half; found: the largest share of members with "loss <= t" over
    thresholds t, among those at which the share of others with "loss <= t" is at most rate
    """
    gap = others[:, None] - members  # (N, M): above 0 where the member has the lower loss
    auc = ((gap > 0) + 0.5 * (gap == 0)).mean()
    found = 0.0
    for t in members:  # between two members' losses nobody more is found
        if (others <= t).mean() <= rate:
            found = max(found, (members <= t).mean())
    return auc, found


def _attack_cases(rng: np.random.Generator) -> list[Case]:
    def losses(shape, number, digits=4):
        return np.round(rng.gamma(shape, 0.5, number), digits)

    def case(members, others, rate, note):
        return Case((np.array(members, float), np.array(others, float), rate), note)

    tied = np.r_[0.1, 0.2, 0.2, 0.3, 0.3, 0.3, rng.permutation([0.4, 0.5, 0.6, 0.9])]
    return [
        case([0.2, 0.9, 0.1, 0.4], [0.5, 1.5, 0.3, 0.8, 0.7], 0.25, "four members, five others"),
        case(rng.permutation(tied), [0.2, 0.3, 0.3, 0.5, 0.7, 0.8, 1.0], 0.3, "members and others with the same loss"),
        case(losses(1, 40), losses(2, 30), 0.01, "30 others and a rate of 1 %: not one may be called a member"),
        case(losses(1, 61), losses(2, 37), 0.1, "61 members, 37 others"),
        case([0.4, 0.6, 0.7, 1.2], [0.3, 0.5, 0.8, 1.1, 1.3, 1.4], 0.1, "the lowest loss is no member's"),
        case([1.1, 0.1, 0.35, 0.6, 0.9], rng.permutation([0.2, 0.3, 0.7, 0.8]), 0.5, "two of four others are the rate"),
        case(losses(1, 50, 1), losses(2, 44, 1), 0.2, "losses of one digit"),
        case(losses(3, 20), losses(1, 25), 0.3, "members with the higher losses"),
        case(10 ** rng.uniform(-7, 0, 40), 10 ** rng.uniform(-6, 2, 35), 0.1, "losses from 0.0000001 to 100"),
    ]


def _pairs(members, others, tie=0.5) -> float:
    gap = np.subtract.outer(others, members)
    return ((gap > 0) + tie * (gap == 0)).mean()


def _attacked(found: Callable, auc: Callable = _pairs) -> Callable:
    return lambda members, others, rate: (auc(members, others), found(members, others, rate))


def _found(members, others, rate) -> float:
    return membership_attack(members, others, rate)[1]


def _best(score: Callable, may: Callable) -> Callable:
    """Over all thresholds that are losses: the largest score(tpr, fpr) among those that may(fpr, rate)."""

    def found(members, others, rate):
        points = (((members <= t).mean(), (others <= t).mean()) for t in np.append(members, others))
        return max((score(tpr, fpr) for tpr, fpr in points if may(fpr, rate)), default=0.0)

    return found


def _within(fpr, rate) -> bool:
    return fpr <= rate


def _strict(of_members: bool) -> Callable:
    """Below t for one group, at most t for the other."""

    def found(members, others, rate):
        called = (lambda group, t: group < t), (lambda group, t: group <= t)
        ours, theirs = called if of_members else called[::-1]
        shares = (ours(members, t).mean() for t in np.append(members, others) if theirs(others, t).mean() <= rate)
        return max(shares, default=0.0)

    return found


def _at(threshold: Callable, most: Callable = np.less_equal) -> Callable:
    return lambda members, others, rate: most(members, threshold(members, others, rate)).mean()


def _between(members, others, rate) -> float:
    """On a line between two points of the curve."""
    thresholds = np.unique(np.append(members, others))
    fpr, tpr = ([0, *((group <= t).mean() for t in thresholds)] for group in (others, members))
    return np.interp(rate, fpr, tpr)


def _place_in_others(offset: int) -> Callable:
    def threshold(members, others, rate):
        return np.sort(others)[max(0, min(int(rate * len(others)) + offset, len(others) - 1))]

    return threshold


def _counted(members, others, rate) -> float:
    return _found(members, others, rate) * len(members)


def _precision(members, others, rate) -> float:
    found, points = 0.0, 0.0
    for t in members:
        hit, alarm = (members <= t).sum(), (others <= t).sum()
        if alarm / len(others) <= rate and hit / len(members) > found:
            found, points = hit / len(members), hit / (hit + alarm)
    return points


def _first_beyond(members, others, rate) -> float:
    """The first threshold at which the rate is reached or passed."""
    for t in np.unique(np.append(members, others)):
        if (others <= t).mean() >= rate:
            return (members <= t).mean()
    return 1.0


MEMBERSHIP_ATTACK = Exercise(
    id="10.5",
    reference=membership_attack,
    cases=_attack_cases,
    points=2,
    returns=("auc", "found"),
    hints=(
        "Two numbers from the same idea. The first looks at all pairs of a member and another patient: in which share "
        "is the member's loss the lower one? The second tries thresholds: who lies at or below is called a member.",
        "For `auc`: `others[:, None] - members` is a table of all pairs, as in 7.7. For `found`: at each threshold t, "
        "`(others <= t).mean()` is the share of false alarms, and `(members <= t).mean()` the share of members "
        "picked out. Which t need to be tried?",
        "Try each member's loss as t: in between, nobody more is picked out. Where the share of false alarms is at "
        "most `rate`, keep the largest share of members. Begin with 0: perhaps no threshold keeps to the rate.",
    ),
    why="The AUC says how well the attack tells members from others on the whole. The share found at a low rate "
    "says for how many patients it is nearly sure, and these are the ones who are harmed.",
    misconceptions=(
        Misconception(
            "high loss means member",
            "You called patients with a *high* loss members. A network errs less on whom it has seen, so the low "
            "losses give members away. Turned round, the attack looks harmless, and the hospital believes that its "
            "network keeps its patients' secret.",
            (
                lambda members, others, rate: membership_attack(-members, -others, rate),
                _attacked(_found, lambda members, others: 1 - _pairs(members, others)),
                lambda members, others, rate: (_pairs(members, others), _found(-members, -others, rate)),
            ),
        ),
        Misconception(
            "members and others exchanged",
            "Members and others changed places at the threshold. The rate is a share of the *others*: of those who "
            "were never in the training set and are accused of it. `found` is a share of the members.",
            (
                lambda members, others, rate: membership_attack(others, members, rate),
                _attacked(lambda members, others, rate: _found(others, members, rate)),
            ),
        ),
        Misconception(
            "a threshold from the members",
            "You took the threshold from the members' losses: then the share found is about the rate itself, whatever "
            "the network gives away. The rate limits false alarms, so it is the *others* who decide where the "
            "threshold lies.",
            (
                _attacked(_at(lambda members, others, rate: np.quantile(members, rate))),
                _attacked(_at(lambda members, others, rate: np.quantile(members, 1 - rate))),
                _attacked(_at(lambda members, others, rate: np.quantile(np.append(members, others), rate))),
            ),
        ),
        Misconception(
            "the advantage in place of the share found",
            "You gave the largest difference, members minus others, or the accuracy. Such a mean over everybody hides "
            "an attack that is sure of a few and lost with the rest. For those few it is no comfort. Asked for is the "
            "share of members found while false alarms stay within the rate.",
            (
                _attacked(_best(lambda tpr, fpr: tpr - fpr, lambda fpr, rate: True)),
                _attacked(_best(lambda tpr, fpr: tpr - fpr, _within)),
                _attacked(_best(lambda tpr, fpr: (tpr + 1 - fpr) / 2, lambda fpr, rate: True)),
                _attacked(_best(lambda tpr, fpr: (tpr + 1 - fpr) / 2, _within)),
            ),
        ),
        Misconception(
            "a share of those who are called members",
            "You divided by everybody who is called a member. That is a predictive value, and it depends on how many "
            "members were put into the test. Divide by the number of members.",
            (_attacked(_precision),),
        ),
        Misconception(
            "numbers in place of shares",
            "`found` is a number of patients, or percent. Asked for is a share, from 0 to 1: only then can networks "
            "with "
            "training sets of different size be compared.",
            (
                _attacked(_counted),
                _attacked(lambda members, others, rate: 100 * _found(members, others, rate)),
            ),
        ),
        Misconception(
            "a threshold of its own",
            "Your threshold is a fixed loss: the one of a coin (log 2), 0.5, or a mean. It does not ask how many "
            "others "
            "lie below: with one network nobody is falsely accused, with the next every second patient. The rate "
            "decides where the threshold lies.",
            (
                _attacked(_at(lambda members, others, rate: 0.5)),
                _attacked(_at(lambda members, others, rate: math.log(2))),
                _attacked(_at(lambda members, others, rate: rate)),
                _attacked(_at(lambda members, others, rate: members.mean())),
                _attacked(_at(lambda members, others, rate: others.mean())),
            ),
        ),
        Misconception(
            "more false alarms than the rate",
            "At your threshold more of the others lie at or below than the rate allows: by one, by a tie, or because a "
            "percentile was taken between two of them. The attack then looks stronger than it is. Count the others "
            "at the threshold.",
            (
                _attacked(_at(lambda members, others, rate: np.quantile(others, rate))),
                *(
                    _attacked(_at(lambda members, others, rate, way=way: np.quantile(others, rate, method=way)))
                    for way in ("lower", "higher", "nearest")
                ),
                _attacked(_at(_place_in_others(0))),
                _attacked(_at(_place_in_others(1))),
                _attacked(_first_beyond),
                _attacked(_strict(of_members=False)),
            ),
        ),
        Misconception(
            "fewer than the rate allows",
            "You stopped too early: a higher threshold still keeps to the rate. A share of others that is *equal* to "
            "the rate is allowed, and so is every member whose loss is at the threshold. A hospital that tests this "
            "way believes that fewer patients can be picked out than really can.",
            (
                _attacked(_best(lambda tpr, fpr: tpr, lambda fpr, rate: fpr < rate)),
                _attacked(_strict(of_members=True)),
                _attacked(_at(_place_in_others(-1))),
                _attacked(_best(lambda tpr, fpr: tpr, lambda fpr, rate: fpr == 0)),
                _attacked(_at(lambda members, others, rate: np.quantile(others, rate), np.less)),
            ),
        ),
        Misconception(
            "between two thresholds",
            "Your number lies on a line between two thresholds. No threshold reaches it: who is called a member and "
            "who "
            "is not changes patient by patient. Take the last threshold that keeps to the rate.",
            (_attacked(_between),),
        ),
        Misconception(
            "ties counted whole or not at all",
            "Where member and other have the same loss, the attack can only guess: such a pair counts half. Counted "
            "whole, a network that gives everybody the same loss would have an AUC of 1; not at all, of 0.",
            tuple(_attacked(_found, lambda members, others, tie=tie: _pairs(members, others, tie)) for tie in (0, 1)),
        ),
        Misconception(
            "auc and found exchanged",
            "The two numbers are in the other order: first `auc`, then `found`.",
            (lambda members, others, rate: membership_attack(members, others, rate)[::-1],),
        ),
    ),
)

# 10.6 -----------------------------------------------------------------------------------------------------------------


def clip_and_noise(gradients, clip, noise_multiplier, expected_count, rng):
    """The mean gradient of the patients drawn, such that none of them stands out.

    gradients (P, D), one row a patient, perhaps none; each row longer than clip is shortened to the L2 norm clip; to
    each of the D sums comes normal noise with standard deviation clip * noise_multiplier, drawn with rng; all is
    divided by expected_count -> (D,)
    """
    norm = np.linalg.norm(gradients, axis=1, keepdims=True)  # (P, 1)
    shortened = gradients * clip / np.maximum(norm, clip)  # whoever is shorter than clip stays
    noise = rng.normal(0, clip * noise_multiplier, gradients.shape[1])
    return (shortened.sum(axis=0) + noise) / expected_count


def _noise_cases(rng: np.random.Generator) -> list[Case]:
    def case(gradients, clip, noise_multiplier, expected_count, note):
        generator = np.random.default_rng(rng.integers(1 << 30))
        return Case((np.asarray(gradients, float), clip, noise_multiplier, expected_count, generator), note)

    def rows(P, D, scale=1.0):
        return rng.normal(size=(P, D)) * scale * rng.uniform(0.2, 3, size=(P, 1))

    with_zero = rows(4, 3)
    with_zero[1] = 0
    return [
        case([[3, 4], [0.3, 0.4], [0, -2]], 1.0, 0.0, 4, "no noise; norms of 5, 0.5 and 2"),
        case(rows(6, 5), 2.0, 0.0, 10, "no noise"),
        case(rows(7, 4, 0.1), 3.0, 0.0, 5, "no noise, and nobody longer than clip"),
        case(with_zero, 0.5, 0.0, 3, "no noise; one patient's gradient is 0"),
        case(np.zeros((0, 4)), 1.5, 0.0, 8, "no noise; nobody was drawn"),
        case(rows(12, 4000, 0.05), 2.5, 0.6, 40, "12 patients, noise on 4000 numbers"),
        case(np.zeros((0, 3000)), 0.4, 1.2, 6, "nobody was drawn, noise on 3000 numbers"),
    ]


def _without_noise(case: Case) -> np.ndarray:
    """The right sum, before the noise."""
    gradients, clip, *_ = case.args
    return clip_and_noise(gradients, clip, 0.0, 1.0, np.random.default_rng(0))


def _noise_in(case: Case, value: Any) -> np.ndarray | None:
    """What lies above the right sum, in units of the noise's standard deviation; None where no noise is asked for."""
    gradients, clip, noise_multiplier, expected_count, _ = case.args
    if not noise_multiplier or np.shape(value) != gradients.shape[1:] or np.asarray(value).dtype.kind != "f":
        return None
    return (np.asarray(value) * expected_count - _without_noise(case)) / (clip * noise_multiplier)


def _verify_noisy(case: Case, value: Any) -> str | None:
    gradients, clip, noise_multiplier, expected_count, _ = case.args
    problem = compare(_without_noise(case) / expected_count, value, np.inf if noise_multiplier else 1e-9)
    noise = _noise_in(case, value)
    if problem and not noise_multiplier:
        return f"{problem} (noise_multiplier is 0 here, so no noise belongs into it.)"
    if problem or noise is None:
        return problem
    if not np.isfinite(noise).all():
        return "There is nan or infinity in your result."
    D, sd = len(noise), noise.std()
    due, came = clip * noise_multiplier, sd * clip * noise_multiplier
    if abs(sd - 1) > 6 / math.sqrt(2 * D):
        told = f"The noise in your sum has a standard deviation of {came:.3g}; {due:.3g} was expected."
        return f"{told} (Measured on {D} numbers: your result times expected_count, minus the sum of shortened rows.)"
    if abs(noise.mean()) > 6 / math.sqrt(D):
        return f"Your sum is off by {noise.mean() * due:.3g} in the mean over {D} numbers: more than noise explains."
    if abs((np.abs(noise) < 1).mean() - 0.683) > 0.05:
        return "The noise has the right standard deviation, but is not normal."
    return None


_CLIPPED: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {  # gradients (P, D), clip -> the sum (D,)
    "right": lambda G, clip: (G * clip / np.maximum(np.linalg.norm(G, axis=1, keepdims=True), clip)).sum(axis=0),
    "the mean": lambda G, clip: len(G) * G.mean(axis=0) * min(1, clip / np.linalg.norm(G.mean(axis=0))),
    "the sum": lambda G, clip: G.sum(axis=0) * min(1, clip / np.linalg.norm(G.sum(axis=0))),
    "numbers": lambda G, clip: np.clip(G, -clip, clip).sum(axis=0),
    "numbers above": lambda G, clip: np.minimum(G, clip).sum(axis=0),
    "all to clip": lambda G, clip: (G * clip / np.linalg.norm(G, axis=1, keepdims=True)).sum(axis=0),
    "all to 1": lambda G, clip: (G / np.linalg.norm(G, axis=1, keepdims=True)).sum(axis=0),
    "shorter made longer": lambda G, clip: (G * np.maximum(1, clip / np.linalg.norm(G, axis=1, keepdims=True))).sum(0),
    "whole norm": lambda G, clip: G.sum(axis=0) * min(1, clip / np.linalg.norm(G)),
    "columns": lambda G, clip: (G * clip / np.maximum(np.linalg.norm(G, axis=0), clip)).sum(axis=0),
    "left out": lambda G, clip: G[np.linalg.norm(G, axis=1) <= clip].sum(axis=0),
    "not at all": lambda G, clip: G.sum(axis=0),
    "L1": lambda G, clip: (G * clip / np.maximum(np.abs(G).sum(axis=1, keepdims=True), clip)).sum(axis=0),
    "squared": lambda G, clip: (G * clip / np.maximum((G**2).sum(axis=1, keepdims=True), clip)).sum(axis=0),
    "largest": lambda G, clip: (G * clip / np.maximum(np.abs(G).max(axis=1, keepdims=True), clip)).sum(axis=0),
}


def _noisy(clipped: str = "right", sd: Callable | None = None, divisor: Callable | None = None) -> Callable:
    """A wrong answer by its parts: how it clips, sd(clip, noise, P, count) in the sum, divisor(P, count)."""

    def wrong(gradients, clip, noise_multiplier, expected_count, rng):
        P, D = gradients.shape
        scale = sd(clip, noise_multiplier, P, expected_count) if sd else clip * noise_multiplier
        total = _CLIPPED[clipped](gradients, clip) + scale * rng.standard_normal(D)
        return total / (divisor(P, expected_count) if divisor else expected_count)

    return wrong


def _clips(*ways: str) -> Callable[[Case, Any], bool]:
    """The sign of one of these ways to clip, whatever the sum is divided by; only where there is no noise."""

    def sign(case: Case, value: Any) -> bool:
        gradients, clip, noise_multiplier, expected_count, _ = case.args
        if noise_multiplier or not len(gradients) or np.shape(value) != gradients.shape[1:]:
            return False
        with np.errstate(all="ignore"):
            sums = [_CLIPPED[way](gradients, clip) for way in ways]
        divisors = (expected_count, len(gradients), 1)
        return any(np.allclose(value, total / count, rtol=1e-6, atol=1e-12) for total in sums for count in divisors)

    return sign


def _divides_by(divisor: Callable) -> Callable[[Case, Any], bool]:
    def sign(case: Case, value: Any) -> bool:
        gradients, _, noise_multiplier, expected_count, _ = case.args
        if noise_multiplier or np.shape(value) != gradients.shape[1:]:
            return False
        with np.errstate(all="ignore"):
            due = _without_noise(case) / np.float64(divisor(len(gradients), expected_count))
        return np.allclose(value, due, rtol=1e-6, atol=1e-12, equal_nan=True)

    return sign


def _has_sd(sd: Callable) -> Callable[[Case, Any], bool]:
    """The sign of noise whose standard deviation in the sum is sd(clip, noise, P, count) in place of clip * noise."""

    def sign(case: Case, value: Any) -> bool:
        gradients, clip, noise_multiplier, expected_count, _ = case.args
        noise = _noise_in(case, value)
        if noise is None or not np.isfinite(noise).all():
            return False
        due = sd(clip, noise_multiplier, len(gradients), expected_count)
        return abs(noise.std() * clip * noise_multiplier - due) <= 0.05 * due + 1e-12

    return sign


def _any_of(*signs: Callable) -> Callable[[Case, Any], bool]:
    return lambda case, value: any(sign(case, value) for sign in signs)


def _zero_row_is_nan(case: Case, value: Any) -> bool:
    gradients, _, noise_multiplier, *_ = case.args
    came = np.asarray(value)
    return not noise_multiplier and came.dtype.kind == "f" and len(gradients) > 0 and bool(np.isnan(came).any())


def _one_number(case: Case, value: Any) -> bool:
    noise = _noise_in(case, value)
    return noise is not None and noise.std() < 1e-6 < abs(noise.mean())


def _one_number_for_all(gradients, clip, noise_multiplier, expected_count, rng):
    total = _CLIPPED["right"](gradients, clip)
    return (total + rng.normal(0, clip * noise_multiplier)) / expected_count


def _zero_over_zero(gradients, clip, noise_multiplier, expected_count, rng):
    norm = np.linalg.norm(gradients, axis=1, keepdims=True)
    return (gradients / norm * np.minimum(norm, clip)).sum(axis=0) / expected_count


def _per_patient(clip, noise, P, count) -> float:
    return clip * noise * math.sqrt(P)


_OTHER_SD = {
    "noise": lambda clip, noise, P, count: noise,
    "squared": lambda clip, noise, P, count: (clip * noise) ** 2,
    "root": lambda clip, noise, P, count: math.sqrt(clip * noise),
    "over clip": lambda clip, noise, P, count: noise / clip,
}


def _noise_uses_the_rng(noisy: Callable) -> str | None:
    """One seed gives the same noise twice, another seed another one."""
    gradients = np.arange(12.0).reshape(3, 4) / 10
    first, again, other = (
        np.asarray(noisy(gradients.copy(), 1.0, 1.0, 4, np.random.default_rng(seed)), float) for seed in (1, 1, 2)
    )
    if np.array_equal(first, other) or not np.array_equal(first, again):
        return (
            "The result is right, but the noise does not come from `rng`. Two generators of the same seed should give "
            "the same noise, two seeds another one. Noise that is always the same can be subtracted, and then it hides "
            "nobody; noise from elsewhere makes a training that nobody can repeat."
        )
    return None


CLIP_AND_NOISE = Exercise(
    id="10.6",
    reference=clip_and_noise,
    cases=_noise_cases,
    verify=_verify_noisy,
    holds=_noise_uses_the_rng,
    points=2,
    hints=(
        "Four steps, in this order: shorten each patient's row if it is longer than clip; add the rows up; add noise "
        "to "
        "the sum; divide. Work the first case out by hand: the norms are 5, 0.5 and 2.",
        "`np.linalg.norm(gradients, axis=1, keepdims=True)` is the length of each row. A row of norm 5 and a clip of "
        "1 is "
        "multiplied by 1/5; a row of norm 0.5 stays as it is. The larger of norm and clip helps, and nothing is ever "
        "divided by 0.",
        "Each row times `clip / np.maximum(norm, clip)`, then the sum over the rows. "
        "`rng.normal(0, clip * noise_multiplier, D)` is the noise, one number for each of the D. Divide all that by "
        "`expected_count`, not by the number of rows.",
    ),
    why="After the clipping no patient moves the sum by more than clip, and the noise is as large as that: whether "
    "one of them took part is hard to see, and an accountant adds up the steps. The number drawn would give it away "
    "again, so the divisor is fixed.",
    misconceptions=(
        Misconception(
            "clips the mean in place of the patients",
            "You shortened the sum or the mean. One patient with a huge gradient still decides where it points, and "
            "whoever sees it sees the patient. Each patient is shortened before the rows come together.",
            (_noisy("the mean"), _noisy("the sum"), _noisy("the mean", divisor=lambda P, count: P)),
            sign=_clips("the mean", "the sum"),
        ),
        Misconception(
            "clips every number",
            "You limited each number by itself. A patient's row of 1,000 numbers may then still have a norm of 32 "
            "times "
            "clip, and the noise, made for clip, does not hide it. Shorten "
            "the row as a whole.",
            (_noisy("numbers"), _noisy("numbers above"), _noisy("largest")),
            sign=_clips("numbers", "numbers above", "largest"),
        ),
        Misconception(
            "shorter rows made longer",
            "You made all rows equally long. A patient whom the network already knows has a short gradient; made "
            "longer, she pulls as much as everybody else, and the training never comes to rest. Only rows longer "
            "than clip are shortened.",
            (_noisy("all to clip"), _noisy("all to 1"), _noisy("shorter made longer")),
            sign=_clips("all to clip", "all to 1", "shorter made longer"),
        ),
        Misconception(
            "one norm for everybody",
            "You took one norm for the whole table, or one for each column. A single patient with a long gradient then "
            "makes everybody else's short as well, and a single column is no patient. Who is protected is the patient: "
            "one norm for each row.",
            (_noisy("whole norm"), _noisy("columns")),
            sign=_clips("whole norm", "columns"),
        ),
        Misconception(
            "long rows left out",
            "Rows longer than clip are left out, in place of being shortened. These are the patients from whom the "
            "network has most to learn: the rare and the difficult ones.",
            (_noisy("left out"),),
            sign=_clips("left out"),
        ),
        Misconception(
            "nothing shortened",
            "No row was shortened. One patient with a gradient a hundred times as long shows through any noise: it is "
            "clip that says how much noise is enough.",
            (_noisy("not at all"),),
            sign=_clips("not at all"),
        ),
        Misconception(
            "another norm",
            "You measured the rows by another norm: the sum of absolute values, or the square. The accountant's "
            "epsilon "
            "holds for the L2 norm, the root of the sum of squares.",
            (_noisy("L1"), _noisy("squared")),
            sign=_clips("L1", "squared"),
        ),
        Misconception(
            "divided by a length of 0",
            "A patient's gradient can be 0: the network has nothing to learn from her. 0 / 0 is nan, and this one "
            "patient "
            "makes every weight of the network nan. Divide by the larger of norm and clip.",
            (_zero_over_zero,),
            sign=_zero_row_is_nan,
        ),
        Misconception(
            "divided by the number drawn",
            "You divided by the number of patients who were drawn. It changes from step to step, and gives away "
            "whether "
            "one more was there; with nobody drawn it is 0 / 0. The expected number is the same in every step.",
            (_noisy(divisor=lambda P, count: P), _noisy(divisor=lambda P, count: max(P, 1))),
            sign=_any_of(_divides_by(lambda P, count: P), _divides_by(lambda P, count: max(P, 1))),
        ),
        Misconception(
            "not divided",
            "You gave the sum. Asked for is the mean: the sum divided by the number of patients whom one expects, or "
            "the "
            "step becomes many times too long.",
            (_noisy(divisor=lambda P, count: 1),),
            sign=_divides_by(lambda P, count: 1),
        ),
        Misconception(
            "one number for all",
            "You drew a single number and added it to all. Whoever subtracts one gradient entry from the next is rid "
            "of "
            "it, and sees the patients. Each of the D numbers needs noise of its own.",
            (_one_number_for_all,),
            sign=_one_number,
        ),
        Misconception(
            "no noise",
            "There is no noise. Shortened gradients alone hide nobody: the sums with and without a patient are still "
            "two "
            "different sums, and the accountant's epsilon is infinite.",
            (_noisy(sd=lambda clip, noise, P, count: 0.0),),
            sign=_has_sd(lambda clip, noise, P, count: 0.0),
        ),
        Misconception(
            "noise for each patient",
            "You gave each patient noise of her own and added it up: the standard deviation is the root of the number "
            "of patients too large. It protects, but costs far more than it must, and what the network learns for "
            "its patients drowns in it. One draw for the sum is enough.",
            (_noisy(sd=_per_patient),),
            sign=lambda case, value: len(case.args[0]) > 1 and _has_sd(_per_patient)(case, value),
        ),
        Misconception(
            "noise after the division",
            "The noise came after the division, so it is too large by the expected number of patients. Nothing is "
            "left to "
            "be learned. The noise belongs to the sum; the division makes it smaller together with the sum.",
            (_noisy(sd=lambda clip, noise, P, count: clip * noise * count),),
            sign=_has_sd(lambda clip, noise, P, count: clip * noise * count),
        ),
        Misconception(
            "noise divided twice",
            "The noise is too small by the expected number of patients. The accountant counts on noise of clip times "
            "`noise_multiplier` in the *sum*: with so little, patients can be picked out whom the epsilon promises "
            "to hide.",
            (_noisy(sd=lambda clip, noise, P, count: clip * noise / count),),
            sign=_has_sd(lambda clip, noise, P, count: clip * noise / count),
        ),
        Misconception(
            "another standard deviation",
            "The noise has another standard deviation than clip times `noise_multiplier`: a factor is missing, or it "
            "was "
            "taken for a variance. What has to be hidden is one patient, and a patient weighs clip at most. With a "
            "larger clip and the same noise, the promised epsilon is not kept.",
            tuple(_noisy(sd=sd) for sd in _OTHER_SD.values()),
            sign=_any_of(*map(_has_sd, _OTHER_SD.values())),
        ),
    ),
)

# 10.9 -----------------------------------------------------------------------------------------------------------------


def federated_average(weights, counts):
    """The mean of the hospitals' weights, each hospital counting by its patients.

    weights: for each of H hospitals the list of its arrays, the same shapes everywhere; counts (H,) patients
    -> list of arrays
    """
    shares = counts / counts.sum()
    mean = []
    for k in range(len(weights[0])):
        mean.append(sum(share * hospital[k] for share, hospital in zip(shares, weights, strict=True)))
    return mean


def _hospital_cases(rng: np.random.Generator) -> list[Case]:
    def case(H, shapes, counts, note):
        return Case(([[rng.normal(size=shape) for shape in shapes] for _ in range(H)], np.array(counts)), note)

    large, small = [np.array([1.0, 2.0]), np.array([[10.0]])], [np.array([5.0, -2.0]), np.array([[30.0]])]
    return [
        Case(([large, small], np.array([30, 10])), "two hospitals, 30 patients and 10; two arrays each"),
        case(3, [(3, 3, 1, 2), (2,), (4, 3), (3,)], [120, 35, 7], "three hospitals, four arrays each"),
        case(4, [(2, 3), (3,)], [20, 25, 15, 11], "four hospitals, none with half of the patients"),
        case(3, [(2, 2), (2, 2)], [3, 0, 9], "one hospital without patients; two arrays of one shape"),
        case(1, [(3,), (2, 4)], [17], "one hospital alone"),
        case(2, [(5,), (2, 2)], [0.25, 0.5], "counts that are shares of something larger"),
    ]


def _averaged(shares: Callable) -> Callable:
    """A wrong mean by its weights: shares(counts, arrays of all hospitals (H, ...)) -> (H,)."""

    def wrong(weights, counts):
        stacks = [np.stack(arrays) for arrays in zip(*weights, strict=True)]
        return [np.tensordot(shares(counts, stack), stack, axes=1) for stack in stacks]

    return wrong


def _uniform(counts, stack) -> np.ndarray:
    return np.full(len(counts), 1 / len(counts))


def _by_size(counts, stack) -> np.ndarray:
    return counts / counts.sum() * stack[0].size


def _first_array(weights, counts):
    return federated_average([hospital[:1] for hospital in weights], counts)


def _first_alone(weights, counts):
    return federated_average(weights, counts)[0]


def _first_array_only_averaged(weights, counts):
    return [federated_average(weights, counts)[0], *weights[0][1:]]


def _across_layers(weights, counts):
    return [np.mean([array.mean() for array in hospital]) for hospital in weights]


def _one_number_an_array(weights, counts):
    return [array.mean() for array in federated_average(weights, counts)]


def _one_row(weights, counts):
    return np.concatenate([array.ravel() for array in federated_average(weights, counts)])


def _largest_hospital(weights, counts):
    return weights[int(np.argmax(counts))]


def _added_into_the_first(weights, counts):
    shares = counts / counts.sum()
    for k, array in enumerate(weights[0]):
        array *= shares[0]
        for share, other in zip(shares[1:], weights[1:], strict=True):
            array += share * other[k]
    return weights[0]


FEDERATED_AVERAGE = Exercise(
    id="10.9",
    reference=federated_average,
    cases=_hospital_cases,
    hints=(
        "A hospital with three times as many patients counts three times as much. In the first case the shares are "
        "30 / 40 and 10 / 40: begin with those.",
        "Array by array: the first arrays of all hospitals give the first array of the result. "
        "`zip(*weights)` brings together what belongs together: first the first arrays of all, then the second.",
        "For each such group: the sum of share times array over the hospitals. The result is a list, as long as the "
        "list of one hospital.",
    ),
    why="Each patient weighs the same, wherever she was treated: so a hospital weighs as its patients together. "
    "After one step of equal length this is the step that the pooled patients would have taken.",
    misconceptions=(
        Misconception(
            "every hospital the same",
            "Every hospital counts the same, however many patients it has. A patient of the small hospital then weighs "
            "many times as much as one of the large, and a few unusual ones turn the common network. Each *patient* "
            "should weigh the same.",
            (_averaged(_uniform),),
        ),
        Misconception(
            "added up and not divided",
            "You added up and did not divide by all patients together: weights that are a hundred times too large. No "
            "hospital's network looks like that, and its answers are worth nothing.",
            (
                _averaged(lambda counts, stack: counts * 1.0),
                _averaged(lambda counts, stack: np.ones(len(counts))),
            ),
        ),
        Misconception(
            "divided by something else",
            "You divided by another number than that of all patients together: by the largest hospital, or by the "
            "number "
            "of hospitals. The shares must add up to 1, or even hospitals that agree get other weights back.",
            (
                _averaged(lambda counts, stack: counts / counts.max()),
                _averaged(lambda counts, stack: counts / len(counts)),
                _averaged(lambda counts, stack: counts / counts.sum() / len(counts)),
            ),
        ),
        Misconception(
            "whole numbers divided",
            "The shares are whole numbers, 0 or 1: a hospital with less than half of the patients has nothing to say. "
            "If "
            "none has a majority, all weights are 0, and the common network says the same of every patient.",
            (
                _averaged(lambda counts, stack: counts // counts.sum()),
                _averaged(lambda counts, stack: np.round(counts / counts.sum())),
            ),
        ),
        Misconception(
            "weighed by the size of the arrays",
            "The number of weights in an array has come in. What counts is how many patients stand behind it: both "
            "hospitals' arrays have the same size.",
            (_averaged(_by_size), _averaged(lambda counts, stack: counts / counts.sum() / stack[0].size)),
        ),
        Misconception(
            "fewer patients count more",
            "The small hospital counts more than the large one. With every patient fewer it would have more to say.",
            (
                _averaged(lambda counts, stack: (1 - counts / counts.sum()) / max(len(counts) - 1, 1)),
                _averaged(lambda counts, stack: (1 / counts) / (1 / counts).sum()),
                _averaged(lambda counts, stack: counts[::-1] / counts.sum()),
            ),
        ),
        Misconception(
            "one array only",
            "Only the first array was averaged. The others are missing, or are those of one hospital: a network put "
            "together from layers that never worked with each other.",
            (_first_array, _first_alone, _first_array_only_averaged),
        ),
        Misconception(
            "arrays mixed with each other",
            "You averaged across arrays, or all numbers of an array. A kernel of the first layer and a bias of the "
            "last "
            "have nothing in common. Only what stands at the same place in each hospital's network is averaged.",
            (_across_layers, _one_number_an_array),
        ),
        Misconception(
            "one row of numbers",
            "All weights came as one long row. Nobody can put that into a network: give a list of arrays, with the "
            "shapes that came in.",
            (_one_row,),
        ),
        Misconception(
            "one hospital's weights",
            "You gave back the weights of one hospital. What the others have learned from their patients is lost.",
            (_largest_hospital, lambda weights, counts: weights[0], lambda weights, counts: weights[-1]),
        ),
        Misconception(
            "into one hospital's own arrays",
            "You wrote the mean into the arrays of one hospital. Its own network is gone before anybody could compare "
            "the two. Make new arrays.",
            (_added_into_the_first,),
        ),
    ),
)
