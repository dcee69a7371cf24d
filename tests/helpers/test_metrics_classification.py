"""Curves, probabilities, intervals: right against scikit-learn, SciPy and counting, over hundreds of random cases."""

import time
from statistics import NormalDist

import numpy as np
import pytest
import sklearn.metrics
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from helpers import metrics
from helpers.metrics import (
    auc,
    average_precision,
    bootstrap_interval,
    brier_score,
    correct_prior,
    decision_cost,
    expected_calibration_error,
    fit_platt,
    fit_temperature,
    log_loss,
    precision_recall_curve,
    predictive_values,
    reliability,
    roc_curve,
    sensitivity_specificity,
    sigmoid,
    threshold_for,
    wilson_interval,
)

CASES = 500
SIZES = (2, 3, 8, 60, 900)
SCORES = {
    "normal": lambda rng, y: rng.normal(size=len(y)) + y,
    "the wrong way": lambda rng, y: rng.normal(size=len(y)) - 2 * y,
    "ties": lambda rng, y: np.round(rng.normal(size=len(y)) + y, 1),
    "integers": lambda rng, y: rng.integers(-3, 3, size=len(y)) + y,
    "all alike": lambda rng, y: np.full(len(y), 0.3),
    "far out": lambda rng, y: rng.choice([-1e6, -1, 0, 1e-6, 1e6], size=len(y)) + rng.integers(2, size=len(y)),
    "float32": lambda rng, y: (rng.normal(size=len(y)) + y).astype("float32"),
    "apart": lambda rng, y: rng.random(len(y)) + 2 * y,
}
PROBABILITIES = {
    "any": lambda rng, y: rng.random(len(y)),
    "sure": lambda rng, y: expit(20 * rng.normal(size=len(y))),
    "0 and 1 too": lambda rng, y: np.where(rng.random(len(y)) < 0.3, rng.integers(2, size=len(y)), rng.random(len(y))),
    "nearly 0 and 1": lambda rng, y: np.abs(rng.integers(2, size=len(y)) - 10.0 ** rng.uniform(-20, 0, len(y))),
    "float32": lambda rng, y: rng.random(len(y)).astype("float32"),
}


def labels(rng, n: int, both: bool = True) -> np.ndarray:
    """Labels of several number types, often few of one class; `both`: each class at least once."""
    y = rng.random(n) < rng.choice([0.01, 0.1, 0.5, 0.95])
    if both:
        y[rng.permutation(n)[:2]] = [True, False]
    return y.astype(rng.choice(["bool", "int64", "uint8", "float64"]))


def cases(kinds: dict, both: bool = True):
    rng = np.random.default_rng(0)
    for i in range(CASES):
        y = labels(rng, SIZES[i // len(kinds) % len(SIZES)], both)
        yield y, kinds[list(kinds)[i % len(kinds)]](rng, y.astype(float))


def assert_close(ours, theirs, atol=1e-9):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)


# Curves


def test_roc_curve_is_that_of_scikit_learn():
    for y, scores in cases(SCORES):
        expected = sklearn.metrics.roc_curve(y, scores, drop_intermediate=False)
        for ours, theirs in zip(roc_curve(y, scores), expected, strict=True):
            assert_close(ours, theirs)


def test_roc_curve_by_hand():
    fpr, tpr, thresholds = roc_curve([1, 0, 1, 0, 0], [0.9, 0.6, 0.6, 0.2, 0.1])
    assert_close(fpr, [0, 0, 1 / 3, 2 / 3, 1])
    assert_close(tpr, [0, 1 / 2, 1, 1, 1])
    assert thresholds.tolist() == [np.inf, 0.9, 0.6, 0.2, 0.1]


def test_each_point_of_the_roc_curve_is_what_its_threshold_gives():
    for y, scores in list(cases(SCORES))[:60]:
        for fpr, tpr, threshold in zip(*roc_curve(y, scores), strict=True):
            sensitivity, specificity = sensitivity_specificity(y, scores >= threshold)
            assert_close((tpr, 1 - fpr), (sensitivity, specificity))


def test_auc_is_that_of_scikit_learn():
    for y, scores in cases(SCORES):
        assert_close(auc(y, scores), sklearn.metrics.roc_auc_score(y, scores))


def test_auc_is_the_share_of_pairs_in_the_right_order_and_the_area_under_the_curve():
    for y, scores in cases(SCORES):
        diseased, healthy = scores[y == 1][:, None], scores[y == 0]
        assert_close(auc(y, scores), np.mean((diseased > healthy) + (diseased == healthy) / 2))
        fpr, tpr, _ = roc_curve(y, scores)
        assert_close(auc(y, scores), np.trapezoid(tpr, fpr))


def test_auc_by_hand():
    assert auc([1, 1, 0, 0], [3, 1, 2, 1]) == 2.5 / 4  # 3 wins twice; 1 loses to 2 and ties with 1
    assert auc([1, 0], [5, 5]) == 0.5


def test_auc_sees_the_order_alone():
    for y, scores in cases(SCORES):
        distinct, place = np.unique(scores, return_inverse=True)
        for same_order in (place, np.exp(place / len(place)), 3 * place - 1e6):
            assert auc(y, same_order) == auc(y, scores)


def test_auc_turns_round_with_the_scores_and_with_the_labels():
    for y, scores in cases(SCORES):
        assert_close(auc(y, -scores.astype(float)), 1 - auc(y, scores), atol=1e-15)
        assert_close(auc(1 - y.astype(int), scores), 1 - auc(y, scores), atol=1e-15)


def test_precision_recall_curve_is_that_of_scikit_learn():
    for y, scores in cases(SCORES):
        expected = sklearn.metrics.precision_recall_curve(y, scores)
        for ours, theirs in zip(precision_recall_curve(y, scores), expected, strict=True):
            assert_close(ours, theirs)
        assert_close(average_precision(y, scores), sklearn.metrics.average_precision_score(y, scores))


def test_precision_needs_no_healthy():
    precision, recall, _ = precision_recall_curve([1, 1], [0.2, 0.7])
    assert precision.tolist() == [1, 1, 1]
    assert recall.tolist() == [1, 0.5, 0]
    assert average_precision([1, 1], [0.2, 0.7]) == 1


def test_threshold_for_is_the_highest_score_that_finds_enough():
    for i, (y, scores) in enumerate(cases(SCORES)):
        diseased = scores[y == 1]
        sensitivity = (0, 0.8, 0.95, 1, i % (len(diseased) + 1) / len(diseased))[i % 5]
        enough = [score for score in scores if np.mean(diseased >= score) >= sensitivity]
        threshold = threshold_for(y, scores, sensitivity)
        assert threshold == max(enough)
        assert sensitivity_specificity(y, scores >= threshold)[0] >= sensitivity


# What is refused


BAD = {
    "another length": ([0, 1], [0.1, 0.2, 0.3], "one shape"),
    "two axes": ([[0, 1]], [[0.1, 0.2]], "one shape"),
    "a column": ([0, 1], [[0.1], [0.2]], "one shape"),
    "a number": (1, 0.5, "one shape"),
    "nothing": ([], [], "one shape"),
    "labels 1 and 2": ([1, 2], [0.1, 0.2], "y must hold 0 and 1"),
    "labels -1 and 1": ([-1, 1], [0.1, 0.2], "y must hold 0 and 1"),
    "labels between": ([0, 0.5, 1], [0.1, 0.2, 0.3], "y must hold 0 and 1"),
    "names as labels": (["benign", "malignant"], [0.1, 0.2], "y must hold 0 and 1"),
    "nan as label": ([0, 1, np.nan], [0.1, 0.2, 0.3], "y must hold 0 and 1"),
    "nan": ([0, 1, 1], [0.1, np.nan, 0.3], "finite, got nan or infinity at place 1"),
    "infinity": ([0, 1, 1], [0.1, 0.2, -np.inf], "finite, got nan or infinity at place 2"),
}
RANKING = {
    "roc_curve": roc_curve,
    "auc": auc,
    "precision_recall_curve": precision_recall_curve,
    "average_precision": average_precision,
    "threshold_for": lambda y, scores: threshold_for(y, scores, 0.9),
    "bootstrap_interval": lambda y, scores: bootstrap_interval(y, scores, np.arange(3), np.random.default_rng(0)),
    "fit_platt": fit_platt,
    "fit_temperature": fit_temperature,
}
JUDGING = {
    "log_loss": log_loss,
    "brier_score": brier_score,
    "reliability": reliability,
    "expected_calibration_error": expected_calibration_error,
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", RANKING | JUDGING)
def test_what_does_not_fit_is_refused(name, bad):
    y, values, says = BAD[bad]
    with pytest.raises(ValueError, match=says):
        (RANKING | JUDGING)[name](y, values)


@pytest.mark.parametrize("name", sorted(set(RANKING) - {"precision_recall_curve", "average_precision"}))
@pytest.mark.parametrize("y", [[0, 0, 0], [1, 1, 1]])
def test_one_class_alone_is_refused(name, y):
    with pytest.raises(ValueError, match=f"diseased and healthy.*got {sum(y)} and {3 - sum(y)} of them"):
        RANKING[name](y, [0.1, -0.2, 0.3])


@pytest.mark.parametrize("name", ["precision_recall_curve", "average_precision"])
def test_precision_without_diseased_is_refused(name):
    with pytest.raises(ValueError, match="needs diseased"):
        RANKING[name]([0, 0], [0.1, 0.2])


@pytest.mark.parametrize("name", JUDGING)
@pytest.mark.parametrize("p", [[0.2, 1.1], [-0.1, 0.4]])
def test_what_is_no_probability_is_refused(name, p):
    with pytest.raises(ValueError, match="from 0 to 1"):
        JUDGING[name]([0, 1], p)


# Probabilities


def test_sigmoid_is_that_of_scipy_and_never_overflows():
    z = np.concatenate([np.random.default_rng(0).normal(0, 20, 2000), [-1e6, -745, -40, 0, 40, 745, 1e6]])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        np.testing.assert_allclose(sigmoid(z), expit(z), rtol=1e-14, atol=1e-300)
    assert sigmoid(0) == 0.5
    assert sigmoid(np.zeros((2, 3), "float32")).dtype == "float32"


def test_log_loss_and_brier_score_are_those_of_scikit_learn():
    for y, p in cases(PROBABILITIES, both=False):
        single = p.dtype == "float32"  # there scikit-learn adds up in float32
        expected = sklearn.metrics.log_loss(y.astype(int), p, labels=[0, 1])
        assert_close(log_loss(y, p), expected, 1e-5 if single else 1e-9)
        expected = sklearn.metrics.brier_score_loss(y.astype(int), p, pos_label=1)
        assert_close(brier_score(y, p), expected, 1e-6 if single else 1e-9)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_being_sure_and_wrong_costs_as_much_as_in_scikit_learn(kind):
    p = np.array([0, 1], kind)
    assert log_loss([1, 0], p) == pytest.approx(-np.log(float(np.finfo(kind).eps)), rel=1e-6)
    assert log_loss([1, 0], p) == pytest.approx(sklearn.metrics.log_loss([1, 0], p), rel=1e-3)
    assert log_loss([1, 0], [0, 1]) == -np.log(2.0**-52)


def test_probabilities_by_hand():
    assert log_loss([1, 0], [0.5, 0.5]) == pytest.approx(np.log(2))
    assert brier_score([1, 0], [0.6, 0.3]) == pytest.approx((0.16 + 0.09) / 2)


def test_reliability_is_the_calibration_curve_of_scikit_learn():
    for i, (y, p) in enumerate(cases(PROBABILITIES, both=False)):
        bins = 1 + i % 20
        mean_p, share, count = reliability(y, p, bins)
        assert mean_p.shape == share.shape == count.shape == (bins,)
        expected_share, expected_p = calibration_curve(y.astype(int), p.astype(float), n_bins=bins)
        assert_close(share[count > 0], expected_share)
        assert_close(mean_p[count > 0], expected_p)
        assert np.isnan(mean_p[count == 0]).all()
        assert np.isnan(share[count == 0]).all()
        assert count.sum() == len(y)


@pytest.mark.parametrize("bins", [1, 3, 7, 10, 49, 100])
def test_a_bin_holds_its_lower_edge_and_the_last_one_both(bins):
    edges = np.array([k / bins for k in range(bins + 1)])
    assert reliability(np.ones(bins + 1), edges, bins)[2].tolist() == [1] * (bins - 1) + [2]
    below = np.nextafter(edges[1:], 0)
    assert reliability(np.ones(bins), below, bins)[2].tolist() == [1] * bins


def test_expected_calibration_error_weighs_each_gap_by_the_cases_of_its_bin():
    for i, (y, p) in enumerate(cases(PROBABILITIES, both=False)):
        bins = 1 + i % 20
        expected = 0
        for k in range(bins):
            here = (p >= k / bins) & ((p < (k + 1) / bins) | (k == bins - 1))
            expected += abs(y[here].sum() - p[here].astype(float).sum()) / len(y)
        assert_close(expected_calibration_error(y, p, bins), expected)


def test_calibration_by_hand():
    y, p = [0, 1, 1, 1], [0.2, 0.2, 0.7, 1.0]
    mean_p, share, count = reliability(y, p, bins=2)
    assert_close(mean_p, [0.2, 0.85])
    assert_close(share, [0.5, 1])
    assert count.tolist() == [2, 2]
    assert expected_calibration_error(y, p, bins=2) == pytest.approx((0.3 + 0.15) / 2)
    assert expected_calibration_error(y, p) == pytest.approx((2 * 0.3 + 0.3 + 0) / 4)  # ten bins
    rng = np.random.default_rng(0)
    y, p = labels(rng, 300), rng.random(300)
    assert len(reliability(y, p)[0]) == 10
    assert expected_calibration_error(y, p) == expected_calibration_error(y, p, bins=10)


def test_no_bins_are_refused():
    for measure in (reliability, expected_calibration_error):
        with pytest.raises(ValueError, match="at least 1 bin"):
            measure([0, 1], [0.1, 0.2], bins=0)


# What a result means


def test_predictive_values_and_cost_are_those_of_a_counted_table():
    rng = np.random.default_rng(0)
    for _ in range(CASES):
        found, missed, false_alarms, left_alone = rng.integers(0, 4 ** rng.integers(1, 8), size=4)
        diseased, healthy = found + missed, false_alarms + left_alone
        if diseased == 0 or healthy == 0:
            continue
        shares = found / diseased, left_alone / healthy, diseased / (diseased + healthy)
        ppv, npv = predictive_values(*shares)
        positive, negative = found + false_alarms, missed + left_alone
        assert_close(ppv, found / positive if positive else np.nan)
        assert_close(npv, left_alone / negative if negative else np.nan)
        total = 30 * missed + 2.5 * false_alarms
        assert_close(decision_cost(*shares, missed=30, false_alarm=2.5), total / (diseased + healthy))


def test_predictive_values_by_hand():
    """Of 1000, 10 are diseased: 9 found, 1 missed; of 990 healthy 99 false alarms."""
    ppv, npv = predictive_values(0.9, 0.9, 0.01)
    assert (ppv, npv) == pytest.approx((9 / 108, 891 / 892))
    assert decision_cost(0.9, 0.9, 0.01, missed=100, false_alarm=1) == pytest.approx((100 * 1 + 99) / 1000)


def test_predictive_values_where_nobody_tests_positive_or_negative():
    assert_close(predictive_values(0, 1, 0.2), (np.nan, 0.8))
    assert_close(predictive_values(1, 0, 0.2), (0.2, np.nan))
    assert_close(predictive_values(0.9, 0.8, 0), (0, 1))
    assert_close(predictive_values(0.9, 0.8, 1), (1, 0))
    assert_close(predictive_values(1, 1, 0), (np.nan, 1))


def test_arrays_go_entry_by_entry():
    prevalence = np.array([0, 0.01, 0.5, 1])
    ppv, npv = predictive_values(0.9, 0.8, prevalence)
    cost = decision_cost(0.9, 0.8, prevalence, 10, 1)
    for k, share in enumerate(prevalence):
        assert (ppv[k], npv[k]) == predictive_values(0.9, 0.8, share)
        assert cost[k] == decision_cost(0.9, 0.8, share, 10, 1)


@pytest.mark.parametrize("bad", [-0.01, 1.01, 90, np.nan, np.array([0.5, 2])])
@pytest.mark.parametrize("name", ["sensitivity", "specificity", "prevalence"])
def test_percent_in_place_of_shares_are_refused(name, bad):
    shares = {"sensitivity": 0.9, "specificity": 0.9, "prevalence": 0.1} | {name: bad}
    with pytest.raises(ValueError, match=f"{name} must be a share"):
        predictive_values(**shares)
    with pytest.raises(ValueError, match=f"{name} must be a share"):
        decision_cost(**shares, missed=1, false_alarm=1)
    if name == "sensitivity" and np.ndim(bad) == 0:
        with pytest.raises(ValueError, match="sensitivity must be a share"):
            threshold_for([0, 1], [0.1, 0.2], bad)


def test_wilson_interval_is_that_of_95_percent_and_takes_neither_0_nor_1():
    assert wilson_interval(3, 10) == wilson_interval(3, 10, 0.95)
    for confidence in (0, 1):
        with pytest.raises(ValueError, match="confidence between 0 and 1"):
            wilson_interval(3, 10, confidence)


# Probabilities put right


def test_correct_prior_is_bayes_rule():
    """Two normal distributions: their logit is known for every prevalence."""
    score = np.linspace(-3, 4, 50)

    def logit(prevalence):
        diseased = prevalence * np.exp(-((score - 1) ** 2) / 2)
        return np.log(diseased / ((1 - prevalence) * np.exp(-(score**2) / 2)))

    for trained in (0.02, 0.5, 0.9):
        for expected in (0.005, 0.5, 0.7):
            assert_close(correct_prior(logit(trained), trained, expected), logit(expected))
    assert_close(sigmoid(correct_prior(0.0, trained=0.5, expected=0.01)), 0.01)


@pytest.mark.parametrize(("trained", "expected"), [(0, 0.5), (1, 0.5), (0.5, 0), (0.5, 1), (50, 0.1), (0.5, np.nan)])
def test_shares_without_a_logit_are_refused(trained, expected):
    with pytest.raises(ValueError, match="between 0 and 1"):
        correct_prior(np.zeros(3), trained, expected)


LOGITS = {
    "normal": lambda rng, y: rng.normal(size=len(y)) + y,
    "nearly apart": lambda rng, y: rng.normal(size=len(y)) + 4 * y,
    "the wrong way": lambda rng, y: rng.normal(size=len(y)) - y,
    "ties": lambda rng, y: np.round(rng.normal(size=len(y)) + y),
    "shifted": lambda rng, y: rng.normal(size=len(y)) + y + 30,
    "large": lambda rng, y: 1000 * (rng.normal(size=len(y)) + y),
    "a few far out": lambda rng, y: rng.standard_cauchy(len(y)) + y,
}


def overlap(y, z) -> bool:
    """The classes cannot be parted by a threshold, whichever side the diseased are on."""
    diseased, healthy = z[y == 1], z[y == 0]
    return diseased.min() < healthy.max() and healthy.min() < diseased.max()


def test_platt_is_logistic_regression_and_its_gradient_is_zero():
    fitted = 0
    for i, (y, z) in enumerate(cases(LOGITS)):
        if not overlap(y, z):
            continue
        fitted += 1
        slope, offset = fit_platt(y, z)
        residual = sigmoid(slope * z + offset) - y
        assert abs(residual.mean()) < 1e-8
        assert abs((residual * z).mean()) < 1e-8 * max(1, np.abs(z).mean())
        if i % 3 == 0:  # scikit-learn, on numbers of a size that it manages
            centre, spread = z.mean(), z.std()
            theirs = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=1000)
            theirs.fit(((z - centre) / spread)[:, None], y.astype(int))
            ours = slope * spread, offset + slope * centre
            expected = theirs.coef_[0, 0], theirs.intercept_[0]
            np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-6)
    assert fitted > CASES / 2


def test_platt_arrives_where_full_newton_steps_never_do():
    """Some diseased far on the other side: full steps end nowhere."""
    y, z = np.repeat([1, 0, 1, 1], [14, 3, 63, 2]), np.repeat([-14.78, -0.11, -0.36, 0.22], [14, 3, 63, 2])
    slope, offset = fit_platt(y, z)
    residual = sigmoid(slope * z + offset) - y
    assert_close([residual.mean(), (residual * z).mean()], 0, 1e-8)


def test_platt_finds_the_logistic_curve_that_made_the_labels():
    rng = np.random.default_rng(0)
    z = rng.normal(0, 2, 100_000)
    y = rng.random(len(z)) < expit(0.5 * z - 1)
    assert fit_platt(y, z) == pytest.approx((0.5, -1), abs=0.04)  # the standard errors are below 0.01


@pytest.mark.parametrize(
    ("y", "z", "says"),
    [
        ([0, 0, 1, 1], [1, 2, 3, 4], "parts the classes"),
        ([1, 1, 0, 0], [1, 2, 3, 4], "parts the classes"),
        ([0, 0, 1, 1], [1, 2, 2, 4], "parts the classes"),
        ([1, 1, 0, 0], [1, 2, 2, 4], "parts the classes"),
        ([0, 1, 0, 1], [2, 2, 2, 2], "alike"),
    ],
)
def test_what_has_no_best_slope_is_refused(y, z, says):
    with pytest.raises(ValueError, match=says):
        fit_platt(y, z)


def test_temperature_has_the_smallest_log_loss():
    fitted = 0
    for y, z in cases(LOGITS):
        margin = np.where(y == 1, z, -z)
        if margin.sum() <= 0 or margin.min() >= 0:
            continue
        fitted += 1
        T = fit_temperature(y, z)
        assert abs(np.mean((sigmoid(z / T) - y) * z)) < 1e-9 * max(1, np.abs(z).mean())

        def loss(log_T, margin=margin):
            return np.logaddexp(0, -margin / np.exp(log_T)).mean()

        best = minimize_scalar(loss, bounds=(np.log(T) - 3, np.log(T) + 2), options={"xatol": 1e-10}, method="bounded")
        assert loss(np.log(T)) <= best.fun + 1e-12
        assert np.log(T) == pytest.approx(best.x, abs=1e-4)
    assert fitted > CASES / 4


def test_temperature_finds_how_much_the_logits_were_stretched():
    rng = np.random.default_rng(0)
    z = rng.normal(0, 2, 100_000)
    y = rng.random(len(z)) < expit(z)
    for stretch in (0.01, 1, 300):
        assert fit_temperature(y, stretch * z) == pytest.approx(stretch, rel=0.03)


@pytest.mark.parametrize(
    ("y", "z", "says"),
    [
        ([0, 1, 0, 1], [-2, 1, -1, 3], "right side"),
        ([0, 1, 0, 1], [-2, 1, -1, 0], "right side"),
        ([1, 0, 1, 0], [-2, 1, -1, 3], "wrong way"),
        ([1, 0, 1, 0], [1, 1, -1, -1], "says nothing"),
        ([0, 1], [0, 0], "says nothing"),
    ],
)
def test_what_has_no_best_temperature_is_refused(y, z, says):
    with pytest.raises(ValueError, match=says):
        fit_temperature(y, z)


# The bootstrap


def of_patients(rng, patients: int, images: int, alike: float, shift: float = 1.0):
    """Patients with one label and several images each; `alike` of the variance of a score is the patient's own."""
    label = np.arange(patients) % 2
    own = rng.normal(0, alike**0.5, patients) + shift * label
    ids = np.repeat(np.arange(patients), images)
    return label[ids], own[ids] + rng.normal(0, (1 - alike) ** 0.5, len(ids)), ids


def test_bootstrap_draws_whole_patients_with_replacement():
    rng = np.random.default_rng(1)
    patients = rng.permutation(np.repeat(np.arange(30), rng.integers(1, 6, 30)))
    y = (np.arange(30) % 3 == 0)[patients]
    draws = []

    def look(y_drawn, rows):
        assert (y_drawn == y[rows.astype(int)]).all()  # a label stays with its score
        often = np.bincount(rows.astype(int), minlength=len(y))
        of_patient = [np.unique(often[patients == patient]) for patient in range(30)]
        assert all(len(times) == 1 for times in of_patient)  # all images of a patient, equally often
        draws.append([int(times[0]) for times in of_patient])
        return 0.0

    bootstrap_interval(y, np.arange(len(y)), patients, rng, repeats=200, statistic=look)
    draws = np.array(draws)
    assert draws.shape == (200, 30)
    assert (draws.sum(axis=1) == 30).all()  # as many patients as there are
    assert draws.max() > 1
    assert_close(draws.mean(axis=0), 1, 0.36)  # each as often as the others: 5 standard errors of 1 / sqrt(200)


def test_bootstrap_takes_the_percentiles_of_the_draws():
    y, scores, patients = of_patients(np.random.default_rng(0), 20, 2, 0.5)
    for confidence, expected in ((0.9, (5, 95)), (0.95, (2.5, 97.5)), (0.5, (25, 75))):
        values = iter(np.random.default_rng(0).permutation(101).tolist())
        interval = bootstrap_interval(
            y, scores, patients, np.random.default_rng(0), 101, lambda y, s, values=values: next(values), confidence
        )
        assert interval == pytest.approx(expected)


def test_bootstrap_draws_again_where_one_class_is_missing():
    y, scores = np.array([1, 1] + [0] * 20), np.arange(22.0)
    for truth, rare in ((y, 1), (1 - y, 0)):
        drawn = []  # how many of the rare class each draw has

        def count(y, scores, rare=rare, drawn=drawn):
            drawn.append((y == rare).sum())
            return 0.0

        bootstrap_interval(truth, scores, np.arange(22), np.random.default_rng(0), 300, count)
        assert len(drawn) == 300
        assert min(drawn) == 1  # never 0, and one is enough
        assert max(drawn) > 2


def test_bootstrap_defaults_are_1000_draws_the_auc_and_95_percent():
    y, scores, patients = of_patients(np.random.default_rng(0), 40, 3, 0.5)
    implied = bootstrap_interval(y, scores, patients, np.random.default_rng(7))
    said = bootstrap_interval(y, scores, patients, np.random.default_rng(7), 1000, auc, 0.95)
    assert implied == said
    assert implied[0] < auc(y, scores) < implied[1]
    draws = []
    bootstrap_interval(y, scores, patients, np.random.default_rng(7), statistic=lambda y, s: draws.append(1) or 0)
    assert len(draws) == 1000
    wider = bootstrap_interval(y, scores, patients, np.random.default_rng(7), confidence=0.99)
    assert wider[0] < implied[0] < implied[1] < wider[1]


def test_bootstrap_is_a_matter_of_the_generator_alone():
    y, scores, patients = of_patients(np.random.default_rng(0), 40, 3, 0.5)
    first = bootstrap_interval(y, scores, patients, np.random.default_rng(7), 200)
    assert first == bootstrap_interval(y, scores, patients, np.random.default_rng(7), 200)
    assert first != bootstrap_interval(y, scores, patients, np.random.default_rng(8), 200)
    names = [f"patient {10 - patient}" for patient in patients]
    assert first == bootstrap_interval(list(y), list(scores), names, np.random.default_rng(7), 200)
    places = [("Berlin", int(patient)) for patient in patients]
    assert first == bootstrap_interval(y, scores, places, np.random.default_rng(7), 200)


def test_bootstrap_takes_any_statistic():
    y, scores, patients = of_patients(np.random.default_rng(0), 40, 3, 0.5)
    p = sigmoid(scores)

    def sensitivity(y, p):
        return sensitivity_specificity(y, p >= 0.5)[0]

    for statistic in (sensitivity, log_loss, brier_score, expected_calibration_error, average_precision):
        low, high = bootstrap_interval(y, p, patients, np.random.default_rng(0), 200, statistic)
        assert low < statistic(y, p) < high or statistic is expected_calibration_error  # that one is biased upwards
        assert low < high


@pytest.mark.parametrize("kind", ["float32", "int64"])
def test_the_statistic_gets_what_was_given(kind):
    y, scores, patients = of_patients(np.random.default_rng(0), 10, 2, 0.5)

    def look(y, scores):
        assert (y.dtype, scores.dtype) == ("uint8", kind)
        return 0.0

    assert bootstrap_interval(y.astype("uint8"), scores.astype(kind), patients, np.random.default_rng(0), 5, look) == (
        0,
        0,
    )


def test_by_patient_is_wider_than_by_image_where_images_of_a_patient_are_alike():
    def width(interval):
        return interval[1] - interval[0]

    ratio = {}
    for alike in (0.0, 0.9):
        ratios = []
        for seed in range(12):
            rng = np.random.default_rng(seed)
            y, scores, patients = of_patients(rng, 60, 4, alike)
            by_patient = bootstrap_interval(y, scores, patients, rng, 300)
            by_image = bootstrap_interval(y, scores, np.arange(len(y)), rng, 300)
            ratios.append(width(by_patient) / width(by_image))
        ratio[alike] = np.mean(ratios)
    # The variance of a mean grows by 1 + (images - 1) * alike = 3.7, the width by its root: 1.9
    assert 1.6 < ratio[0.9] < 2.2
    assert 0.85 < ratio[0.0] < 1.1


def test_95_percent_of_the_intervals_by_patient_hold_the_truth_and_fewer_by_image():
    """Margin: over 200 sets the standard deviation of the share is 1.5 %, and percentile intervals from 60 patients
    themselves hold the truth 1 to 2 % less often than they should. 95 % less these and three deviations are 88 %."""
    truth = NormalDist().cdf(1 / 2**0.5)  # two unit normals, one apart
    by_patient, by_image = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        y, scores, patients = of_patients(rng, 60, 3, 0.9)
        low, high = bootstrap_interval(y, scores, patients, rng, 200)
        by_patient.append(low <= truth <= high)
        if seed % 2:
            low, high = bootstrap_interval(y, scores, np.arange(len(y)), rng, 100)
            by_image.append(low <= truth <= high)
    assert 0.88 < np.mean(by_patient) < 0.99
    assert np.mean(by_image) < 0.85


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"y": [1, 0, 0, 0], "patients": [0, 1, 2, 3]}, "2 patients with diseased"),
        ({"y": [1, 1, 1, 0], "patients": [0, 1, 2, 3]}, "2 patients with healthy"),
        ({"patients": [0, 0, 1, 2]}, "2 patients with diseased"),
        ({"patients": [0, 1, 2, 2]}, "2 patients with healthy"),
        ({"patients": [0, 1, 2]}, r"shape \(4,\).*got \(3,\)"),
        ({"patients": np.arange(4)[:, None]}, r"shape \(4,\).*got \(4, 1\)"),
        ({"patients": None}, "one id for each image"),
        ({"patients": np.array(3)}, "one id for each image"),
        ({"rng": 0}, "generator"),
        ({"rng": np.random}, "generator"),
        ({"repeats": 0}, "repeats from 1 on"),
        ({"confidence": 0}, "confidence between"),
        ({"confidence": 1}, "confidence between"),
        ({"confidence": 95}, "confidence between"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(changed, says):
    arguments = {"y": [1, 1, 0, 0], "scores": [0.1, 0.2, 0.3, 0.4], "patients": [0, 1, 2, 3]}
    arguments |= {"rng": np.random.default_rng(0), "repeats": 3}
    bootstrap_interval(**arguments)
    with pytest.raises(ValueError, match=says):
        bootstrap_interval(**(arguments | changed))


def test_one_draw_is_enough_to_run():
    y, scores, patients = of_patients(np.random.default_rng(0), 6, 2, 0.5)
    low, high = bootstrap_interval(y, scores, patients, np.random.default_rng(0), repeats=1)
    assert low == high


def test_a_patient_may_have_diseased_and_healthy_images():
    low, high = bootstrap_interval([1, 0, 1, 0], [3, 1, 4, 2], ["a", "a", "b", "b"], np.random.default_rng(0), 50)
    assert (low, high) == (1, 1)


def test_a_thousand_draws_of_600_images_take_no_time_to_speak_of():
    y, scores, patients = of_patients(np.random.default_rng(0), 200, 3, 0.5)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        bootstrap_interval(y, scores, patients, np.random.default_rng(0))
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.5


def test_nothing_is_changed_and_numbers_come_back_as_numbers():
    y, scores, patients = of_patients(np.random.default_rng(0), 20, 2, 0.5)
    y[:2] = 1 - y[:2]
    p = sigmoid(scores)
    before = y.copy(), p.copy()
    for name, function in (RANKING | JUDGING).items():
        if name != "bootstrap_interval":
            function(y, p if name in JUDGING else scores)
    bootstrap_interval(y, p, patients, np.random.default_rng(0), 5)
    assert (y == before[0]).all()
    assert (p == before[1]).all()
    for name in ("auc", "average_precision", "log_loss", "brier_score", "expected_calibration_error"):
        assert type(getattr(metrics, name)(y, p)) is float
    for number in (*fit_platt(y, scores), fit_temperature(y, scores), threshold_for(y, scores, 0.5)):
        assert type(number) is float
