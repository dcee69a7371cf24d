import numpy as np
import pytest

keras = pytest.importorskip("keras")
pytest.importorskip("tensorflow")

from helpers.models import small_cnn  # noqa: E402
from helpers.trust import litert_trial  # noqa: E402
from helpers.trust.litert import KINDS  # noqa: E402


@pytest.fixture(scope="module")
def asked():
    keras.utils.set_random_seed(3)
    model = small_cnn((32, 32, 1), (8, 12, 16))
    images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 1), dtype=np.uint8)
    return model, images, litert_trial(model, images, images[:20])


def test_float_kinds_answer_as_the_network_does(asked):
    model, images, trial = asked
    expected = np.asarray(model(images.astype("float32"), training=False))[:, 0]
    assert np.allclose(trial["keras"]["logits"], expected, atol=1e-5)
    assert np.allclose(trial["float32"]["logits"], expected, atol=1e-4)
    assert np.allclose(trial["float16"]["logits"], expected, atol=0.02 * np.ptp(expected))


def test_int8_answers_nearly_so_and_is_quantised(asked):
    _, _, trial = asked
    expected, found = trial["float32"]["logits"], trial["int8"]["logits"]
    assert np.corrcoef(expected, found)[0, 1] > 0.9
    assert not np.allclose(expected, found, atol=1e-6)


def test_each_kind_is_smaller_than_the_one_before(asked):
    _, _, trial = asked
    sizes = [trial[kind]["bytes"] for kind in KINDS]
    assert sizes[0] > sizes[1] > sizes[2]


def test_times_are_of_all_images(asked):
    _, images, trial = asked
    for row in trial.values():
        assert len(row["logits"]) == len(images)
        assert row["seconds"] > 0
        assert row["cpu_seconds"] > 0


@pytest.mark.parametrize(
    ("images", "calibration"),
    [((9, 32, 32, 1), (5, 32, 32, 1)), ((20, 16, 32, 1), (5, 32, 32, 1)), ((20, 32, 32, 1), (0, 32, 32, 1))],
)
def test_too_few_or_other_images_are_refused(asked, images, calibration):
    with pytest.raises(ValueError, match="expected 10 or more images"):
        litert_trial(asked[0], np.zeros(images), np.zeros(calibration))


def test_a_failure_tells_the_last_lines(asked, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(RuntimeError, match="LiteRT did not work"):
        litert_trial(asked[0], asked[1], asked[1][:5])
