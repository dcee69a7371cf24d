"""What the exercises of chapter 07 say to answers that come close."""

import time

import numpy as np
import pytest

from helpers import metrics
from helpers.exercises import chapter07_bootstrap as bootstrap
from helpers.exercises import chapter07_evaluation as evaluation
from helpers.exercises.chapter07_bootstrap import BOOTSTRAP
from helpers.exercises.chapter07_evaluation import AUC, PREDICTIVE, ROC_CURVE
from helpers.exercises.chapter07_probabilities import CALIBRATION, CLASS_WEIGHTS, ENSEMBLE, PLATT, TEMPERATURE
from helpers.exercises.exercise import Case
from tests.exercises.right_answers.chapter07 import RIGHT


def named(exercise, name):
    return next(m for m in exercise.misconceptions if m.name == name)


def test_the_course_s_roc_curve_is_that_of_the_metrics():
    rng = np.random.default_rng(3)
    for _ in range(50):
        y, scores = rng.permutation(np.arange(20) % 3 == 0).astype(int), rng.integers(0, 9, size=20) / 4
        for ours, theirs in zip(evaluation.roc_curve(y, scores), metrics.roc_curve(y, scores), strict=False):
            np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_the_course_s_bootstrap_is_that_of_the_metrics():
    y, scores, patients, _, _ = bootstrap._interval_cases(np.random.default_rng(4))[0].args
    ours = bootstrap.bootstrap_interval(y, scores, patients, np.random.default_rng(5), 8000)
    theirs = metrics.bootstrap_interval(y, scores, patients, np.random.default_rng(6), 8000)
    assert np.abs(np.subtract(ours, theirs)).max() < 0.02  # five standard errors of the wider tail


def test_the_quick_draws_agree_with_drawing_one_by_one():
    args = bootstrap._interval_cases(np.random.default_rng(4))[0].args
    one_by_one = metrics.bootstrap_interval(*args[:3], np.random.default_rng(8), 8000)
    assert bootstrap._misses(Case((*args[:4], 8000)), one_by_one) < 4.5


@pytest.mark.parametrize("answer", RIGHT["7.8"], ids=lambda answer: answer.__name__)
def test_a_right_bootstrap_passes_whatever_the_seed(answer):
    for seed in range(100, 112):
        verdict = BOOTSTRAP.judge(answer, seed)
        assert verdict.status == "passed", verdict.text


def test_a_bootstrap_that_makes_its_own_chance_does_not_pass():
    verdict = BOOTSTRAP.judge(
        lambda y, scores, patients, rng, repeats=1000: bootstrap.bootstrap_interval(
            y, scores, patients, np.random.default_rng(0), repeats
        )
    )
    assert "does not come from `rng`" in verdict.text


@pytest.mark.parametrize("number", [100, 1000])
def test_a_number_of_draws_that_is_written_in_does_not_pass(number):
    def fixed(y, scores, patients, rng, repeats=1000):
        return bootstrap.bootstrap_interval(y, scores, patients, rng, number)

    assert "`repeats` does not come in" in BOOTSTRAP.holds(fixed)
    assert BOOTSTRAP.judge(fixed).status == "wrong"


def test_a_bootstrap_that_takes_too_long_is_told_that_it_may_be_the_auc():
    def slow(*args):
        while True:
            pass

    verdict = BOOTSTRAP.judge(slow)
    assert verdict.status == "raised"
    assert "`auc` of 7.7" in verdict.text


def test_a_slow_auc_is_judged_by_fewer_draws():
    """As scikit-learn's, which takes a millisecond a call."""

    def slowly(interval):
        def slow(y, scores, patients, rng, repeats=1000):
            time.sleep(repeats / 1000)
            return interval(y, scores, patients, rng, repeats)

        return slow

    assert BOOTSTRAP.judge(slowly(bootstrap.bootstrap_interval)).status == "passed"
    verdict = BOOTSTRAP.judge(slowly(named(BOOTSTRAP, "images drawn in place of patients").wrong[1]))
    assert "further off than chance explains" in verdict.text


def test_an_interval_not_understood_gets_no_reason():
    values = bootstrap._drawn_aucs(bootstrap._interval_cases(np.random.default_rng(0))[0])
    for ends in [(0.0, 1.0), (values.mean(), values.std()), (values[0], np.quantile(values, 0.95))]:
        assert BOOTSTRAP.judge(lambda *args, ends=ends: ends).misconception is None


def test_a_bootstrap_that_sorts_the_caller_s_scores_is_told_so():
    def in_place(y, scores, patients, rng, repeats=1000):
        order = np.argsort(patients)
        y[:], scores[:], patients[:] = y[order], scores[order], patients[order]
        return bootstrap.bootstrap_interval(y, scores, patients, rng, repeats)

    assert "changed" in BOOTSTRAP.judge(in_place).text


@pytest.mark.parametrize("answer", [None, 0.1, (0.5, 0.6, 0.7), ("low", "high"), np.zeros(2000)], ids=str)
def test_what_is_no_interval_is_told_what_was_expected(answer):
    assert "wo numbers" in BOOTSTRAP.judge(lambda *args: answer).text
    assert "wo numbers" in PLATT.judge(lambda y, z: answer).text


def test_an_interval_shows_both_widths():
    verdict = BOOTSTRAP.judge(named(BOOTSTRAP, "images drawn in place of patients").wrong[0])
    assert "a width of" in verdict.text
    assert "further off than chance explains" in verdict.text


def test_scikit_learn_s_own_curve_is_told_what_is_missing():
    from sklearn.metrics import roc_curve

    three = ROC_CURVE.judge(lambda y, scores: roc_curve(y, scores))
    assert "gave back 3 values; 2 were expected, in this order: `fpr`, `tpr`" in three.text
    two = ROC_CURVE.judge(lambda y, scores: roc_curve(y, scores)[:2])
    assert two.misconception == "points on a straight line left out"


def test_lists_come_close():
    assert "NumPy array" in ROC_CURVE.judge(lambda *a: [part.tolist() for part in evaluation.roc_curve(*a)]).text
    assert "NumPy array" in CLASS_WEIGHTS.judge(lambda y, C: CLASS_WEIGHTS.reference(y, C).tolist()).text


def test_labels_taken_for_scores_are_not_called_something_they_are_not():
    assert AUC.judge(lambda y, scores: 1.0).misconception is None


def test_a_fit_far_off_shows_the_loss_and_both_derivatives():
    text = PLATT.judge(lambda y, z: (0.1, 0.0)).text
    assert "the smallest possible is" in text
    assert "by the slope" in text


def test_scikit_learn_with_its_penalty_is_named_and_without_passes():
    from sklearn.linear_model import LogisticRegression

    def fit(C):
        def platt(y, z):
            model = LogisticRegression(C=C).fit(z[:, None], y)
            return model.coef_, model.intercept_

        return platt

    assert PLATT.judge(fit(1.0)).misconception == "a penalty on the slope"
    assert PLATT.judge(fit(1e6)).status == "passed"


def test_gradient_descent_that_runs_away_is_told_so():
    def diverging(y, z):
        slope, offset = 1.0, 0.0
        for _ in range(200):
            gap = metrics.sigmoid(slope * z + offset) - y
            slope, offset = slope - 1e9 * np.mean(gap * z), offset - 1e9 * np.mean(gap)
        return slope, offset

    assert PLATT.judge(diverging).misconception == "ran away"


def test_an_array_of_one_temperature_is_asked_for_as_a_number():
    verdict = TEMPERATURE.judge(lambda y, z: np.array([metrics.fit_temperature(y, z)]))
    assert "One number was expected" in verdict.text


def test_a_temperature_says_on_which_side_it_lies():
    assert "still surer than" in TEMPERATURE.judge(lambda y, z: 0.9 * metrics.fit_temperature(y, z)).text
    assert "still less sure than" in TEMPERATURE.judge(lambda y, z: 1.1 * metrics.fit_temperature(y, z)).text


@pytest.mark.parametrize("first", [True, False])
def test_bins_closed_on_the_right_are_told_where_an_edge_belongs(first):
    """With p = 0 in the first bin, and without."""

    def closed_right(y, p, bins=10):
        which = np.digitize(p, np.linspace(0, 1, bins + 1)[1:-1], right=True)
        which[(p == 0) & (not first)] = -1
        return sum(abs((y - p)[which == k].sum()) for k in range(bins)) / len(y)

    expected = "an edge in the wrong bin" if first else "p = 0 is in no bin"
    assert CALIBRATION.judge(closed_right).misconception == expected


def test_a_list_without_room_for_p_1_is_told_where_it_belongs():
    def in_lists(y, p, bins=10):
        gaps = [0.0] * bins
        for label, value in zip(y, p, strict=True):
            gaps[int(value * bins)] += label - value
        return sum(abs(gap) for gap in gaps) / len(y)

    verdict = CALIBRATION.judge(in_lists)
    assert verdict.misconception == "p = 1 is in no bin"
    assert "the number `bins`" in verdict.text


def test_an_average_of_logits_is_called_what_it_is():
    verdict = ENSEMBLE.judge(lambda logits: metrics.sigmoid(logits.mean(axis=0)))
    assert "geometric mean of the odds" in verdict.text


def test_predictive_values_show_by_name_which_one_is_wrong():
    def npv_wrong(*shares):
        return metrics.predictive_values(*shares)[0], 0.5

    assert "`npv`: Your result is 0.5" in PREDICTIVE.judge(npv_wrong).text
