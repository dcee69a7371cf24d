"""The widgets of chapter 05: the ravine and its edge, learning curves and what is said of them."""

import numpy as np
import pytest

from helpers.nn import History
from helpers.widgets import learning_curve_explorer, ravine, ravine_explorer
from helpers.widgets.learning_curve import LearningCurves, verdict
from helpers.widgets.shell import At
from tests.helpers.players import hover, leave, parts, words

# The ravine -----------------------------------------------------------------------------------------------------------

VIEWS = ("ravine", "curve")


def test_the_path_follows_the_closed_form_of_gradient_descent():
    """Without momentum and noise each step multiplies a parameter by 1 - learning rate x curvature."""
    for rate in (0.001, 0.02, 0.09, 0.15):
        theta, losses = ravine.path(ravine.START | {"learning_rate": rate})
        t = np.arange(ravine.STEPS + 1)[:, None]
        expected = ravine.BEGIN * (1 - rate * ravine.CURVATURES) ** t
        np.testing.assert_allclose(theta, expected, rtol=1e-9, atol=1e-30)
        np.testing.assert_allclose(losses, 0.5 * (ravine.CURVATURES * expected**2).sum(axis=1), rtol=1e-9)


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.6, 0.9])
def test_the_edge_is_where_the_steps_begin_to_diverge(beta):
    """A hundredth below it the later losses are smaller than the earlier ones, a hundredth above it larger."""
    edge = 2 * (1 + beta) / 20
    for part, grows, said in ((0.98, False, "do not diverge"), (1.02, True, "they diverge")):
        state = ravine.START | {"learning_rate": part * edge, "momentum": beta}
        losses = ravine.path(state)[1]
        assert (losses[-20:].mean() > losses[20:40].mean()) == grows
        assert said in ravine.caption(state)
    assert "on the edge" in ravine.caption(ravine.START | {"learning_rate": edge, "momentum": beta})
    assert f"2 (1 + {beta:.2f}) = {2 * (1 + beta):.2f}" in ravine.caption(ravine.START | {"momentum": beta})


def test_noise_keeps_the_loss_up_and_is_the_same_at_every_call():
    quiet, loud = (ravine.START | {"learning_rate": 0.05, "noise": noise} for noise in (0.0, 5.0))
    assert ravine.path(loud)[1][-20:].mean() > 10 * ravine.path(quiet)[1][-20:].mean()
    ravine._path.cache_clear()
    first = ravine.path(loud)[0].copy()
    ravine._path.cache_clear()
    assert np.array_equal(ravine.path(loud)[0], first)
    assert "off by about 5.0" in ravine.caption(loud)
    assert f"last 20 steps: {ravine.path(loud)[1][-20:].mean():.3g}" in ravine.caption(loud)
    assert "off by about" not in ravine.caption(quiet)


@pytest.mark.parametrize("view", VIEWS)
def test_a_picture_of_the_ravine_depends_on_its_state_alone(view):
    first = ravine.picture(view, ravine.START)
    for change in ({"learning_rate": 0.09}, {"momentum": 0.5}, {"noise": 3.0}, {"step": 5.0}):
        other = ravine.picture(view, ravine.START | change)
        assert other.shape == first.shape
        assert not np.array_equal(other, first)
    assert np.array_equal(ravine.picture(view, ravine.START), first)


def test_a_path_that_runs_to_infinity_is_drawn_and_told():
    state = ravine.START | {"learning_rate": 0.3162, "momentum": 0.95, "noise": 10.0, "step": 100.0}
    assert np.isfinite(ravine.path(state)[1]).all()
    assert "they diverge" in ravine.caption(state)
    assert not np.array_equal(ravine.picture("curve", state), ravine.picture("curve", state | {"step": 0.0}))


def test_under_the_pointer_stand_loss_gradient_and_the_next_step():
    stage = ravine._stage("ravine")
    ((x, y),) = stage.to_pixels(stage.parts[0], -5.0, 1.5)
    state = ravine.START | {"learning_rate": 0.04, "hover": At("ravine", int(x), int(y))}
    px, py = ravine.pointed_at(state["hover"])
    assert (px, py) == pytest.approx((-5.0, 1.5), abs=0.05)
    lands = ravine.loss(np.array([px * (1 - 0.04), py * (1 - 0.8)]))
    said = ravine.caption(state)
    assert f"gradient ({px:.1f}, {20 * py:.1f})" in said
    assert f"leads to a loss of {lands:.3g}." in said
    white, dot = ravine.marks(state)
    expected = stage.to_pixels(stage.parts[0], [px, px * 0.96], [py, py * 0.2])
    np.testing.assert_allclose(white["points"], expected, atol=1e-6)
    assert (dot["x"], dot["y"]) == pytest.approx(tuple(expected[0]))
    outside = state | {"hover": At("ravine", 0, 0)}
    assert ravine.marks(outside) == []
    assert ravine.caption(outside) == ravine.caption(state | {"hover": None})


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.3])
def test_the_white_step_never_leaves_the_axes(rate):
    stage = ravine._stage("ravine")
    y0, x0, y1, x1 = stage.box(stage.parts[0])
    for x in range(x0 + 1, x1 - 1, 40):
        for y in range(y0 + 1, y1 - 1, 20):
            white, _ = ravine.marks(ravine.START | {"learning_rate": rate, "hover": At("ravine", x, y)})
            for px, py in white["points"]:
                assert x0 - 1 <= px <= x1 + 1
                assert y0 - 1 <= py <= y1 + 1


def test_the_curve_reads_the_loss_of_the_step_under_the_pointer():
    stage = ravine._stage("curve")
    for step in (0, 37, 100):
        ((x, y),) = stage.to_pixels(stage.parts[0], step, 1.0)
        said = ravine.caption(ravine.START | {"hover": At("curve", int(x), int(y))})
        assert f"At step {step} the loss is **{ravine.path(ravine.START)[1][step]:.3g}**." in said


def test_the_learning_rate_slider_redraws_and_moves_in_powers_of_ten(headless):
    """It is no FloatSlider, so the tests of all widgets pass it by."""
    shown = ravine_explorer()
    (rate,), canvases = parts(shown, "FloatLogSlider"), parts(shown, "Canvas")
    assert [10**rate.min, 10**rate.max] == pytest.approx([0.001, 0.3162], rel=1e-3)
    before = [canvas.picture["data"] for canvas in canvases], words(shown)
    rate.value = 0.1
    assert all(canvas.picture["data"] != data for canvas, data in zip(canvases, before[0], strict=True))
    assert words(shown) != before[1]
    assert "on the edge" in words(shown)  # exactly reachable
    pixels = canvases[0].picture["data"]
    hover(canvases[0], 300, 200)
    assert "One step from here" in words(shown)
    leave(canvases[0])
    assert "One step from here" not in words(shown)
    assert canvases[0].picture["data"] == pixels


def test_the_still_of_the_ravine_shows_what_its_alt_text_says():
    alt = ravine_explorer().alt
    for rate, beta in ((0.02, 0.0), (0.09, 0.0), (0.02, 0.8)):
        assert f"{ravine.path({'learning_rate': rate, 'momentum': beta, 'noise': 0.0})[1][40]:.2g}" in alt
    losses = ravine.path({"learning_rate": 0.11, "momentum": 0.0, "noise": 0.0})[1]
    assert (np.diff(losses[5:40]) > 0).all()


# Learning curves ------------------------------------------------------------------------------------------------------

T = np.arange(1, 41)


def a_history(epochs: int = 40, lowest: int = 20, gap: float = 0.1) -> History:
    """Invented: the training loss falls, the validation loss rises again after an epoch; accuracies a gap apart."""
    t = T[:epochs]
    accuracy = 0.98 - 0.5 * np.exp(-t / 6)
    val_loss = 0.2 + 0.001 * (t - lowest) ** 2
    return History(list(np.exp(-t / 10)), list(accuracy), list(val_loss), list(accuracy - gap))


def some_runs() -> dict[str, History]:
    return {"long": a_history(), "short": a_history(12, 5, 0.02)}


@pytest.mark.parametrize(
    ("accuracy", "val_accuracy", "said"),
    [
        (1.0, 0.84, "overfitting"),
        (0.6, 0.1, "overfitting"),  # learnt by heart, as with shuffled labels
        (0.41, 0.44, "underfitting"),
        (0.88, 0.86, "underfitting"),
        (0.99, 0.96, "neither overfitting nor underfitting"),
        (0.93, 0.94, "neither overfitting nor underfitting"),
    ],
)
def test_the_verdict_follows_the_two_rules(accuracy, val_accuracy, said):
    assert verdict(accuracy, val_accuracy) == said


def test_the_caption_tells_the_epoch_the_gaps_and_the_best_epoch():
    runs = some_runs()
    curves = LearningCurves(runs)
    for epoch in (1, 17, 40):
        said = curves.caption({"run": "long", "epoch": float(epoch), "hover": None})
        loss, val_loss = runs["long"].loss[epoch - 1], runs["long"].val_loss[epoch - 1]
        assert f"long, epoch {epoch} of 40: loss {loss:.3g} in training, {val_loss:.3g} in validation" in said
        assert f"a gap of **{val_loss - loss:.3g}**" in said
        assert "a gap of **10.0 points**: **overfitting**" in said
        assert "The lowest validation loss of this run is 0.2, in epoch 20." in said
        assert "5 points or more" in said  # the rule is told
        assert "below 90%" in said
    assert "short, epoch 12 of 12" in curves.caption({"run": "short", "epoch": 33.0, "hover": None})


@pytest.mark.parametrize("view", ["loss", "accuracy"])
def test_the_cursor_stands_on_the_curves(view):
    """Where a dot is, the picture has the colour of its curve."""
    curves = LearningCurves(some_runs())
    for epoch in (3, 12, 29):
        state = {"run": "long", "epoch": float(epoch), "hover": None}
        pixels = curves.picture(view, state).astype(int)
        upright, *dots = curves.marks(view, state)
        for dot, colour in zip(dots, [(0, 114, 178), (213, 94, 0)], strict=True):
            x, y = int(dot["x"]), int(dot["y"])
            assert dot["x"] == pytest.approx(upright["points"][0][0])
            near = pixels[y - 12 : y + 13, x - 12 : x + 13]
            assert np.abs(near - colour).sum(axis=-1).min() < 30


def test_pixels_follow_the_run_alone_and_the_axes_stay():
    curves = LearningCurves(some_runs())
    for view in ("loss", "accuracy"):
        first, other = (curves.picture(view, {"run": run}) for run in ("long", "short"))
        assert not np.array_equal(first, other)
        assert np.array_equal(curves.picture(view, {"run": "long"}), first)
        y0, x0, y1, x1 = curves._stages[view].box(curves._stages[view].parts[0])
        differs = (first != other).any(axis=2)
        differs[y0 - 3 : y1 + 3, x0 - 3 : x1 + 3] = False  # the curves; what is left are axes, labels and legend
        assert not differs.any()


def test_the_epoch_under_the_pointer_is_read_in_both_graphs():
    runs = some_runs()
    curves = LearningCurves(runs)
    for view in ("loss", "accuracy"):
        stage = curves._stages[view]
        middle = np.mean(stage.box(stage.parts[0])[::2])
        for run, epoch, read in (("long", 31, 31), ("short", 31, 12)):
            ((x, _),) = stage.to_pixels(stage.parts[0], epoch, 0.5)
            state = {"run": run, "epoch": 2.0, "hover": At(view, int(x), int(middle))}
            assert f"Epoch {read}: loss {runs[run].loss[read - 1]:.3g} in training" in curves.caption(state)
            assert len(curves.marks(view, state)) == 4
        beside = {"run": "long", "epoch": 2.0, "hover": At(view, 0, 0)}
        assert curves.caption(beside) == curves.caption(beside | {"hover": None})
        assert len(curves.marks(view, beside)) == 3


def test_losses_beyond_the_axes_keep_their_marks_inside():
    run = a_history()
    run.loss[0], run.val_loss[0], run.loss[5] = 1e9, 0.0, 1e-12
    curves = LearningCurves({"wild": run})
    y0, _, y1, _ = curves._stages["loss"].box(curves._stages["loss"].parts[0])
    for epoch in (1.0, 6.0):
        state = {"run": "wild", "epoch": epoch, "hover": None}
        assert all(y0 - 1 <= dot["y"] <= y1 + 1 for dot in curves.marks("loss", state)[1:])
        assert curves.picture("loss", state).shape == (580, 800, 3)
    assert "loss 1e+09 in training" in curves.caption({"run": "wild", "epoch": 1.0, "hover": None})


def test_another_run_moves_curves_cursor_and_words(headless):
    shown = learning_curve_explorer(some_runs())
    (run,), (epoch,) = parts(shown, "Dropdown"), parts(shown, "FloatSlider")
    loss, accuracy = parts(shown, "Canvas")
    assert (epoch.min, epoch.max) == (1, 40)
    before = [(canvas.picture["data"], canvas.marks) for canvas in (loss, accuracy)]
    epoch.value = 9
    assert [canvas.picture["data"] for canvas in (loss, accuracy)] == [data for data, _ in before]  # marks alone
    assert all(canvas.marks != marks for canvas, (_, marks) in zip((loss, accuracy), before, strict=True))
    run.value = "short"
    assert all(canvas.picture["data"] != data for canvas, (data, _) in zip((loss, accuracy), before, strict=True))
    assert "short, epoch 9 of 12" in words(shown)


def test_a_single_epoch_is_enough(headless):
    shown = learning_curve_explorer({"one": a_history(1)})
    assert "one, epoch 1 of 1" in words(shown)


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ({}, "at least one training"),
        ({"Adam": History([1.0], [0.5])}, r"run 'Adam': expected four lists.*'val_loss': 0.*validation=\(X, y\)"),
        ({"Adam": History(stopped="nan")}, "run 'Adam': .*stopped in its first epoch"),
        ({"Adam": History([np.nan], [0.5], [1.0], [0.5])}, "run 'Adam': expected finite numbers"),
    ],
)
def test_what_is_no_learning_curve_is_refused_in_words(runs, said):
    with pytest.raises(ValueError, match=said):
        learning_curve_explorer(runs)
