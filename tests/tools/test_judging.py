"""Bands: which one applies, what is inside, what the file must look like, how one is proposed from seeds."""

import math
import tomllib

import pytest

from tools import bands
from tools.bands import Band
from tools.chapter import ChapterError


def read(small, text):
    small.write("chapters/bands.toml", text)
    return bands.read_bands(small.folder)


def test_the_most_specific_band_applies(small):
    known = read(
        small,
        """
        ["07".auc]
        low = 0.5
        high = 0.9
        seeds = 10
        ["07".auc.gpu]
        low = 0.6
        high = 0.9
        ["07".auc.gpu.real]
        low = 0.7
        high = 0.9
        ["07".only_gpu.gpu]
        low = 0
        high = 1
        """,
    )

    def low(profile, source):
        return bands.applying("07", profile, source, known)["auc"].low

    assert low(None, None) == low("cpu", "real") == 0.5
    assert low("gpu", None) == low("gpu", "phantom") == 0.6
    assert low("gpu", "real") == 0.7
    assert "only_gpu" not in bands.applying("07", "cpu", "real", known)
    assert bands.applying("08", "gpu", "real", known) == {}


def test_a_result_is_judged_by_closed_bands_and_nan_is_outside():
    known = {"02": {name: {(): Band(1, 2)} for name in ("a", "b", "c", "d", "missing")}}
    results = {"a": 1, "b": 2.0, "c": 2.1, "d": math.nan, "stray": 5}
    judged = bands.judge("02", results, None, None, known)
    assert [(j.name, j.verdict) for j in judged] == [
        ("a", "in band"),
        ("b", "in band"),
        ("c", "out of band"),
        ("d", "out of band"),
        ("stray", "no band"),
        ("missing", "no result"),
    ]
    assert [j.ok for j in judged] == [True, True, False, False, False, False]


def test_no_file_is_no_bands(small):
    assert bands.read_bands(small.folder) == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[02.x\n", "bands.toml is not TOML"),
        ("[relu.x]\nlow = 1\nhigh = 2", r"expected tables such as \[\"02\".name\], got 'relu'"),
        (
            '["02".x]\nlow = 1',
            r'\["02".x\]: expected numbers low <= min <= max <= high, got low = 1, min = None, max = None, high = None',
        ),
        ('["02".x]\nlow = 2\nhigh = 1', "expected numbers low <= min"),
        ('["02".x]\nlow = nan\nhigh = 1', "expected numbers low <= min"),
        ('["02".x]\nlow = "a"\nhigh = 1', "expected numbers low <= min"),
        ('["02".x]\nlow = 0\nhigh = 1\nseeds = 0', "seeds must be a whole number"),
        ('["02".x]\nlow = 0\nhihg = 1', "expected a table of some of high, low, max, min, seeds, cpu, gpu; got"),
        ('["02".x.gpu.cpu]\nlow = 0\nhigh = 1', r'\["02".x.gpu\]: expected a table of some of .*, phantom, real; got'),
        ('["02".x.gpu.real.more]\nlow = 0\nhigh = 1', r'\["02".x.gpu.real\]: expected'),
        ('["02".x]\n', "expected low and high, got an empty table"),
        ('["02"]\nx = 1', "expected a table of some of"),
        ('["02".x]\nlow = 0\nhigh = 1\nmax = 2', "got low = 0, min = None, max = 2, high = 1"),
    ],
)
def test_a_malformed_file_is_a_plain_error(small, text, complaint):
    with pytest.raises(ChapterError, match=complaint):
        read(small, text)


def test_a_proposed_band_is_four_sd_wide_and_holds_its_values():
    values = [0.50, 0.52, 0.48, 0.51, 0.49]  # mean 0.5, sd 0.0158
    band = bands.propose(values)
    assert band.low == pytest.approx(0.5 - 4 * 0.0158, abs=0.011)
    assert band.low <= 0.5 - 4 * 0.0158
    assert band.high >= 0.5 + 4 * 0.0158
    assert band.seeds == 5
    outlier = [0.0] * 99 + [1.0]  # mean + 4 sd = 0.41
    assert bands.propose(outlier).high >= 1


@pytest.mark.parametrize(
    ("value", "low", "high"), [(9, 9, 9), (0.9590643274853801, 0.9590643, 0.9590644), (1234.5678, 1234.5678, 1234.5678)]
)
def test_values_without_spread_give_a_band_around_them(value, low, high):
    band = bands.propose([value] * 3)
    assert band.low <= low <= high <= band.high
    assert band.high - band.low <= 4e-6 * value
    assert isinstance(value, int) or band.high - band.low >= 2e-6 * value
    if isinstance(value, int):
        assert (band.low, band.high, band.min, band.max) == (9, 9, 9, 9)


def test_a_proposal_can_be_pasted():
    text = bands.proposal("07", "auc", [0.9, 0.92], ["gpu", "real"])
    entry = tomllib.loads(text)["07"]["auc"]["gpu"]["real"]
    assert entry["low"] <= 0.9 < 0.92 <= entry["high"]
    assert (entry["seeds"], entry["min"], entry["max"]) == (2, 0.9, 0.92)
    assert "no band" in bands.proposal("07", "auc", [0.9, math.nan])


CHAPTER = """
    # Title

    ```{code-cell} ipython3
    :tags: [parameters]
    SEED = 5
    ```

    ```{code-cell} ipython3
    from helpers import result
    result("ten_times_seed", 10 * SEED)
    ```
    """


def test_bands_from_seeds_are_printed_with_how_they_were_made(small, capsys):
    small.chapter("02_relu", CHAPTER)
    assert bands.main(["2", "--seeds", "2"], small.folder) == 0
    out = capsys.readouterr().out
    assert "mean +- 4 sd over 2 seeds, widened to their min and max" in out
    entry = tomllib.loads(out)["02"]["ten_times_seed"]
    assert entry["low"] <= 5 - 4 * 7.07
    assert entry["high"] >= 5 + 4 * 7.07
    assert (entry["min"], entry["max"]) == (0, 10)


def test_seeds_need_a_chapter_that_takes_one(small, capsys):
    small.chapter("02_relu", "# Title\n")
    assert bands.main(["02"], small.folder) == 1
    assert "assigns no SEED" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        bands.main(["02", "--seeds", "1"], small.folder)
    assert "at least 2" in capsys.readouterr().err
