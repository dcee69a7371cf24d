"""Training is cached by code and settings; a bad cache costs time, never the result. Results are recorded."""

import json

import numpy as np
import pytest

from helpers import cached, result
from helpers.data import wdbc
from helpers.places import cache_folder

CALLS = []


def train(profile, source, seed):
    CALLS.append(seed)
    return {"W": np.full(3, seed), "history": np.arange(4.0)}


@pytest.fixture(autouse=True)
def _forget():
    CALLS.clear()


def test_the_second_run_takes_the_weights_from_disk():
    first = cached(train, profile="cpu", source="phantom", seed=1)
    again = cached(train, seed=1, source="phantom", profile="cpu")
    assert CALLS == [1]
    assert np.array_equal(first["W"], again["W"])


@pytest.mark.parametrize("change", [{"profile": "gpu"}, {"source": "real"}, {"seed": 2}])
def test_another_setting_trains_anew(change):
    settings = {"profile": "cpu", "source": "phantom", "seed": 1}
    cached(train, **settings)
    cached(train, **settings | change)
    assert len(CALLS) == 2


def test_changed_code_trains_anew(tmp_path, monkeypatch):
    import importlib

    monkeypatch.syspath_prepend(tmp_path)
    values = []
    for k in (1, 2):
        path = tmp_path / "recipe.py"
        path.write_text(f"def train(seed):\n    return {{'W': {k}}}\n" + "# \n" * k)
        import recipe

        importlib.reload(recipe)
        values.append(int(cached(recipe.train, seed=0)["W"]))
    assert values == [1, 2]


def test_a_damaged_file_is_trained_over(capsys):
    cached(train, profile="cpu", source="phantom", seed=1)
    (path,) = (cache_folder() / "training").glob("*.npz")
    for damage in (b"", b"no zip", path.read_bytes()[:100]):
        path.write_bytes(damage)
        assert cached(train, profile="cpu", source="phantom", seed=1)["W"].tolist() == [1, 1, 1]
        assert "made again" in capsys.readouterr().out
    assert len(CALLS) == 4


def test_a_cache_that_cannot_be_written_costs_no_result(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file"))
    assert cached(train, profile="cpu", source="phantom", seed=1)["W"].tolist() == [1, 1, 1]
    assert "could not be stored" in capsys.readouterr().out


def test_result_prints_and_records(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("COURSE_RESULTS_DIR", raising=False)
    result("held_out_accuracy", np.float32(0.95914))
    assert capsys.readouterr().out == "held out accuracy: 0.9591\n"
    monkeypatch.setenv("COURSE_RESULTS_DIR", str(tmp_path / "results"))
    monkeypatch.setenv("COURSE_CHAPTER", "02")
    result("a", float("nan"))
    result("b", 1e9)
    lines = [json.loads(line) for line in (tmp_path / "results" / "02.jsonl").read_text().splitlines()]
    assert [line["name"] for line in lines] == ["a", "b"]
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path / "one.jsonl"))
    result("c", 2)
    assert json.loads((tmp_path / "one.jsonl").read_text()) == {"chapter": "02", "name": "c", "value": 2.0}


def test_the_shipped_network_is_what_its_recipe_gives():
    """Weights move a little with scikit-learn's version; what the network says hardly may."""
    shipped, again = wdbc.load_network(), wdbc.train_network(seed=0)
    assert np.array_equal(shipped["held_out"], again["held_out"])
    table = wdbc.load_wdbc()

    def said(net):
        X = (table.X - net["mean"]) / net["scale"]
        return (np.maximum(X @ net["W1"] + net["b1"], 0) @ net["W2"] + net["b2"]).argmax(axis=1)

    assert (said(shipped) == said(again)).mean() > 0.99


def test_the_table_has_malignant_as_the_positive_class():
    table = wdbc.load_wdbc()
    assert table.X.shape == (569, 30)
    assert table.y.sum() == 212
    radius = table.X[:, table.names.index("mean radius")]
    assert radius[table.y == 1].mean() > radius[table.y == 0].mean()
