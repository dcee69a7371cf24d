"""Other right answers to the exercises of chapter 07."""

import numpy as np
import sklearn.linear_model
import sklearn.metrics
import sklearn.utils.class_weight  # noqa: F401  (all of these now, not while the clock of a check runs)

from helpers.metrics import sigmoid


def _weights_loop(y, C):
    weights = []
    for k in range(C):
        weights.append(len(y) / (C * np.sum(y == k)))
    return np.array(weights)


def _weights_balanced(y, C):
    counts = np.unique(y, return_counts=True)[1]
    return counts.mean() / counts


def _weights_sklearn(y, C):
    from sklearn.utils.class_weight import compute_class_weight

    return compute_class_weight("balanced", classes=np.arange(C), y=y)


def _curve_counted(y, scores):
    order = np.argsort(-scores)
    y, scores = y[order], scores[order]
    last = np.append(scores[1:] != scores[:-1], True)
    tpr = np.concatenate([[0], np.cumsum(y == 1)[last] / np.sum(y == 1)])
    fpr = np.concatenate([[0], np.cumsum(y == 0)[last] / np.sum(y == 0)])
    return fpr, tpr


def _curve_loops(y, scores):
    fpr, tpr = [], []
    for threshold in [np.inf, *sorted(set(scores), reverse=True)]:
        found = alarms = 0
        for label, score in zip(y, scores, strict=True):
            if score >= threshold and label:
                found += 1
            elif score >= threshold:
                alarms += 1
        fpr.append(alarms / (y == 0).sum())
        tpr.append(found / y.sum())
    return [np.array(fpr), np.array(tpr)]


def _curve_sklearn(y, scores):
    from sklearn.metrics import roc_curve

    return roc_curve(y, scores, drop_intermediate=False)[:2]


def _auc_loops(y, scores):
    won, pairs = 0.0, 0
    for i in np.flatnonzero(y == 1):
        for j in np.flatnonzero(y == 0):
            pairs += 1
            if scores[i] > scores[j]:
                won += 1
            elif scores[i] == scores[j]:
                won += 0.5
    return won / pairs


def _auc_trapezoids(y, scores):
    return np.trapezoid(*_curve_counted(y, scores)[::-1])


def _auc_ranks(y, scores):
    from scipy.stats import rankdata

    n = int(y.sum())
    return (rankdata(scores)[y == 1].sum() - n * (n + 1) / 2) / (n * (len(y) - n))


def _auc_sklearn(y, scores):
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(y, scores)


def _quick_auc(y, scores):
    gaps = scores[y == 1][:, None] - scores[y == 0]
    return ((gaps > 0) + 0.5 * (gaps == 0)).mean()


def _interval_choice(y, scores, patients, rng, repeats=1000):
    names, values = np.unique(patients), []
    while len(values) < repeats:
        rows = [row for name in rng.choice(names, len(names)) for row in np.flatnonzero(patients == name)]
        if len(set(y[rows])) == 2:
            values.append(_quick_auc(y[rows], scores[rows]))
    return tuple(np.quantile(values, (0.025, 0.975)))


def _interval_masks(y, scores, patients, rng, repeats=1000):
    """How often each image was drawn, with one-class draws left out; sorted by hand; a list."""
    names, owner = np.unique(patients, return_inverse=True)
    values = []
    for _ in range(repeats):
        times = np.bincount(rng.integers(0, len(names), size=len(names)), minlength=len(names))[owner]
        drawn = np.repeat(np.arange(len(y)), times)
        if y[drawn].any() and not y[drawn].all():
            values.append(_quick_auc(y[drawn], scores[drawn]))
    values.sort()
    return [values[int(0.025 * len(values))], values[int(0.975 * len(values))]]


def _interval_dict(y, scores, patients, rng, repeats=1000):
    """The AUC as an area; draws with one class only are nan."""
    rows_of = {}
    for row, name in enumerate(patients):
        rows_of.setdefault(name, []).append(row)
    people, values = list(rows_of), []
    for _ in range(repeats):
        rows = sum((rows_of[people[k]] for k in rng.integers(len(people), size=len(people))), [])
        values.append(_auc_trapezoids(y[rows], scores[rows]) if 0 < sum(y[rows]) < len(rows) else np.nan)
    return np.nanpercentile(values, [2.5, 97.5])


def _predictive_people(sensitivity, specificity, prevalence):
    ill = 1_000_000 * prevalence
    healthy = 1_000_000 - ill
    found, alone = ill * sensitivity, healthy * specificity
    return found / (found + healthy - alone), alone / (alone + ill - found)


def _predictive_odds(sensitivity, specificity, prevalence):
    odds = prevalence / (1 - prevalence)
    after_positive = odds * sensitivity / (1 - specificity)
    after_negative = odds * (1 - sensitivity) / specificity
    return [after_positive / (1 + after_positive), np.float64(1 / (1 + after_negative))]


def _calibration_edges(y, p, bins=10):
    edges, total = np.linspace(0, 1, bins + 1), 0
    for k in range(bins):
        last = k == bins - 1
        inside = (p >= edges[k]) & ((p < edges[k + 1]) | last)
        if inside.sum() == 0:
            continue
        total += inside.mean() * np.abs(p[inside].mean() - y[inside].mean())
    return total


def _calibration_sums(y, p, bins=10):
    which = np.clip(np.floor(p * bins).astype(int), 0, bins - 1)
    return np.abs(np.bincount(which, weights=y - p, minlength=bins)).sum() / len(p)


def _calibration_digitize(y, p, bins=10):
    which = np.digitize(p, np.linspace(0, 1, bins + 1)[1:-1])
    return sum(abs((y - p)[which == k].sum()) for k in range(bins)) / len(y)


def _platt_descent(y, z):
    slope, offset = 1.0, 0.0
    for _ in range(5000):
        p = 1 / (1 + np.exp(-(slope * z + offset)))
        slope -= 0.3 * np.mean((p - y) * z)
        offset -= 0.3 * np.mean(p - y)
    return slope, offset


def _platt_short_descent(y, z):
    """Nearly at the minimum."""
    slope, offset = 0.0, 0.0
    for _ in range(600):
        p = sigmoid(slope * z + offset)
        slope, offset = slope - 0.5 * np.mean((p - y) * z), offset - 0.5 * np.mean(p - y)
    return slope, offset


def _platt_newton(y, z):
    X, w = np.stack([z, np.ones_like(z)], axis=1), np.zeros(2)
    for _ in range(15):
        p = sigmoid(X @ w)
        w -= np.linalg.solve((X.T * (p * (1 - p))) @ X, X.T @ (p - y))
    return w


def _platt_scipy(y, z):
    from scipy.optimize import minimize

    return minimize(lambda w: np.mean(np.logaddexp(0, w[0] * z + w[1]) - y * (w[0] * z + w[1])), [1.0, 0.0]).x


def _platt_sklearn(y, z):
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e6).fit(z[:, None], y)
    return model.coef_[0, 0], model.intercept_[0]


def _temperature_grid(y, z):
    best, smallest = None, np.inf
    for T in np.arange(0.05, 10, 0.01):
        p = sigmoid(z / T)
        with np.errstate(all="ignore"):
            loss = -np.mean(np.log(np.where(y == 1, p, 1 - p)))
        if loss < smallest:
            best, smallest = T, loss
    return best


def _temperature_coarse(y, z):
    grid = np.geomspace(0.1, 10, 200)
    return grid[np.argmin([np.mean(np.logaddexp(0, z / T) - y * z / T) for T in grid])]


def _temperature_descent(y, z):
    factor = 1.0
    for _ in range(3000):
        factor -= 0.3 * np.mean((sigmoid(factor * z) - y) * z)
    return 1 / factor


def _temperature_scipy(y, z):
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda T: np.mean(np.logaddexp(0, z / T) - y * z / T), bounds=(0.01, 50), method="bounded")
    return found.x


def _ensemble_loop(logits):
    p = np.zeros(logits.shape[1])
    for row in logits:
        p += sigmoid(row)
    return p / len(logits)


def _ensemble_exp(logits):
    e = np.exp(logits)
    return np.mean(e / (1 + e), axis=0)


def _predictive_table(sensitivity, specificity, prevalence):
    table = np.array([[sensitivity, 1 - sensitivity], [1 - specificity, specificity]])
    table = table * np.array([[prevalence], [1 - prevalence]])
    return tuple(np.diag(table) / table.sum(axis=0))


def _ensemble_tanh(logits):
    return np.mean(0.5 + 0.5 * np.tanh(np.asarray(logits) / 2), axis=0)


RIGHT = {
    "7.5": [_weights_loop, _weights_balanced, _weights_sklearn],
    "7.6": [_curve_counted, _curve_loops, _curve_sklearn],
    "7.7": [_auc_loops, _auc_trapezoids, _auc_ranks, _auc_sklearn],
    "7.8": [_interval_choice, _interval_masks, _interval_dict],
    "7.10": [_predictive_people, _predictive_odds, _predictive_table],
    "7.11": [_calibration_edges, _calibration_sums, _calibration_digitize],
    "7.12": [_platt_descent, _platt_short_descent, _platt_newton, _platt_scipy, _platt_sklearn],
    "7.13": [_temperature_grid, _temperature_coarse, _temperature_descent, _temperature_scipy],
    "7.14": [_ensemble_loop, _ensemble_exp, _ensemble_tanh],
}
