"""The bands that results must stay within (chapters/bands.toml), and how an author gets one from several seeds.

    ["02".dead_units]            # chapter, name of the result
    low = 0.4
    high = 0.7
    seeds = 10                   # how many seeds the band comes from,
    min = 0.44                   # and the least and the largest value they gave: what a text can quote
    max = 0.65
    ["07".auc.gpu.real]          # the same for one profile, or for one profile and one source
    ...

`python -m tools.bands NN --seeds 10` runs a chapter with ten seeds and prints bands to paste.
"""

import argparse
import dataclasses
import itertools
import math
import re
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat

from tools import chapter
from tools.chapter import COURSE, Chapter, ChapterError

PROFILES = ("cpu", "gpu")
SOURCES = ("phantom", "real")


@dataclass(frozen=True)
class Band:
    """The closed interval [low, high]; the number of seeds it comes from, and the range of what they gave."""

    low: float
    high: float
    seeds: int | None = None
    min: float | None = None
    max: float | None = None


Bands = Mapping[str, Mapping[str, Mapping[tuple[str, ...], Band]]]  # chapter -> name -> (profile, source) -> band


@dataclass(frozen=True)
class Judged:
    """A result beside its band. Without a result `value` is None; without a band `low` and `high` are."""

    name: str
    value: float | None
    low: float | None
    high: float | None

    @property
    def verdict(self) -> str:
        """ "in band", "out of band", "no band" or "no result"; NaN is out of every band."""
        if self.low is None or self.high is None:
            return "no band"
        if self.value is None:
            return "no result"
        return "in band" if self.low <= self.value <= self.high else "out of band"

    @property
    def ok(self) -> bool:
        """Whether there is a result and it is in its band."""
        return self.verdict == "in band"

    def __str__(self) -> str:
        value = "" if self.value is None else f" = {self.value:.6g}"
        band = "" if self.low is None else f" [{self.low:g}, {self.high:g}]"
        return f"{self.name}{value}: {self.verdict}{band}"


def read_bands(course: Path = COURSE) -> Bands:
    """All bands of the course; none when the file is missing. Raises ChapterError where the file is malformed."""
    table = chapter.read_toml(course / "chapters" / "bands.toml")
    bands: dict[str, dict[str, dict[tuple[str, ...], Band]]] = {}
    for number, names in table.items():
        if not re.fullmatch(r"\d\d", number) or not isinstance(names, dict):
            raise ChapterError(f'bands.toml: expected tables such as ["02".name], got {number!r}.')
        bands[number] = {name: _entry(entry, f'["{number}".{name}]', PROFILES) for name, entry in names.items()}
    return bands


def _entry(entry: object, where: str, branches: Sequence[str]) -> dict[tuple[str, ...], Band]:
    """The bands of one table: its own, and those of the tables named in `branches` below it."""
    own = {field.name for field in dataclasses.fields(Band)}
    if not isinstance(entry, dict) or set(entry) - own - set(branches):
        known = ", ".join([*sorted(own), *branches])
        raise ChapterError(f"bands.toml, {where}: expected a table of some of {known}; got {entry!r}.")
    found: dict[tuple[str, ...], Band] = {}
    if own & set(entry):
        found[()] = _band(entry, where)
    for branch in branches:
        if branch in entry:
            below = _entry(entry[branch], f"{where[:-1]}.{branch}]", SOURCES if branches is PROFILES else ())
            found |= {(branch, *key): band for key, band in below.items()}
    if not found:
        raise ChapterError(f"bands.toml, {where}: expected low and high, got an empty table.")
    return found


def _band(entry: Mapping[str, object], where: str) -> Band:
    band = Band(entry.get("low"), entry.get("high"), entry.get("seeds"), entry.get("min"), entry.get("max"))
    inner = [value for value in (band.min, band.max) if value is not None]
    order = [band.low, *inner, band.high]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in order)
    if not numbers or not all(a <= b for a, b in itertools.pairwise(order)):  # NaN fails the comparison
        got = ", ".join(f"{key} = {entry.get(key)!r}" for key in ("low", "min", "max", "high"))
        raise ChapterError(f"bands.toml, {where}: expected numbers low <= min <= max <= high, got {got}.")
    if band.seeds is not None and (not isinstance(band.seeds, int) or band.seeds < 1):
        raise ChapterError(f"bands.toml, {where}: seeds must be a whole number from 1, not {band.seeds!r}.")
    return band


def applying(number: str, profile: str | None, source: str | None, bands: Bands) -> dict[str, Band]:
    """The band of each result of a chapter in a run: profile and source first, then profile alone, then neither."""
    found = {}
    for name, variants in bands.get(number, {}).items():
        for key in ((profile, source), (profile,), ()):
            if key in variants:
                found[name] = variants[key]
                break
    return found


def judge(
    chapter: str, results: Mapping[str, float], profile: str | None, source: str | None, bands: Bands | None = None
) -> list[Judged]:
    """Each result of chapter "NN" against its band, in the order of `results`; then the bands without a result.

    `profile` and `source` are those of the run (None where the chapter has no such parameter). `bands` are read from
    chapters/bands.toml when they are not given.
    """
    own = applying(chapter, profile, source, read_bands() if bands is None else bands)
    names = [*results, *(name for name in own if name not in results)]
    return [
        Judged(name, results.get(name), own[name].low if name in own else None, own[name].high if name in own else None)
        for name in names
    ]


def propose(values: Sequence[float]) -> Band:
    """A band from the values of several seeds: mean plus and minus 4 sd, widened to the range of the values.

    Its ends are rounded outwards to a tenth of its width's leading digit. Values that are all the same give a band of
    a millionth around them (other processors round differently), integers only themselves. At least 2 finite values.
    """
    least, most = min(values), max(values)
    mean, spread = statistics.fmean(values), 4 * statistics.stdev(values)
    low, high = min(least, mean - spread), max(most, mean + spread)
    if least == most:
        if float(least).is_integer():
            return Band(least, most, len(values), least, most)
        low, high = least - 1e-6 * abs(least), most + 1e-6 * abs(most)
    digits = 1 - math.floor(math.log10(high - low))
    step = 10.0**-digits
    low, high = round(math.floor(low / step) * step, digits), round(math.ceil(high / step) * step, digits)
    return Band(low, high, len(values), least, most)


def proposal(number: str, name: str, values: Sequence[float], variant: Sequence[str] = ()) -> str:
    """The lines of TOML to paste for one result, with what they come from as a comment above."""
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return f"# {name}: no band, expected a finite value from 2 seeds or more, got {', '.join(map(str, values))}"
    band = propose(values)
    mean, sd = statistics.fmean(values), statistics.stdev(values)
    lines = [f"# mean {mean:.6g}, sd {sd:.2g}", f'["{number}".{".".join((name, *variant))}]']
    return "\n".join(lines + [f"{key} = {value!r}" for key, value in dataclasses.asdict(band).items()]) + "\n"


class Draft(Chapter):
    """A chapter as its text stands, not yet run: bands come before the build, which fails without them."""

    @property
    def notebook(self) -> Path:
        """Beside the other things that can be made again."""
        return self.course / "build" / "bands" / f"{self.name}.ipynb"


def results_by_seed(given: Chapter, seeds: range, profile: str | None, source: str | None) -> dict[str, list[float]]:
    """Runs a chapter's text once a seed and gives the values of each result; raises ChapterError when a run fails."""
    from tools import build, run  # both judge by this module

    draft, notebook = Draft(given.course, given.name), build.read_text(given)
    chapter.write_text(draft.notebook, nbformat.writes(notebook))
    if "SEED" not in chapter.parameters(notebook):
        raise ChapterError(f"Chapter {given.number} assigns no SEED in its parameters cell: all runs would be alike.")
    values: dict[str, list[float]] = {}
    for seed in seeds:
        [outcome] = run.run([draft], run.Settings(profile, source, seed), draft.notebook.parent / "run")
        if outcome.error:
            raise ChapterError(f"Chapter {given.number} failed with seed {seed}: {outcome.error}")
        print(f"seed {seed}: {outcome.seconds:.1f} s", file=sys.stderr)
        for judged in outcome.judged:
            if judged.value is not None:
                values.setdefault(judged.name, []).append(judged.value)
    return values


def main(argv: Sequence[str] | None = None, course: Path = COURSE) -> int:
    """Runs one chapter with several seeds and prints a proposed band for each of its results."""
    parser = argparse.ArgumentParser(prog="python -m tools.bands", description=main.__doc__)
    parser.add_argument("chapter", metavar="NN", help="number of the chapter")
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="how many seeds, from 0 on (at least 2)")
    parser.add_argument("--profile", choices=PROFILES)
    parser.add_argument("--source", choices=SOURCES)
    chosen = parser.parse_args(argv)
    if chosen.seeds < 2:
        parser.error(f"--seeds must be at least 2 (a spread needs two values), not {chosen.seeds}")
    if chosen.source and not chosen.profile:
        parser.error("--source also needs --profile: bands are kept by profile, then by source")
    try:
        [given] = chapter.find_texts([chosen.chapter], course)
        values = results_by_seed(given, range(chosen.seeds), chosen.profile, chosen.source)
    except ChapterError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted: no bands.", file=sys.stderr)
        return 130
    print(f"# Proposed: mean +- 4 sd over {chosen.seeds} seeds, widened to their min and max, rounded outwards.")
    print("# Look at each before pasting it into chapters/bands.toml: does the text still hold at both ends?")
    variant = [part for part in (chosen.profile, chosen.source) if part]
    for name, numbers in values.items():
        print(proposal(given.number, name, numbers, variant))
    return 0


if __name__ == "__main__":
    sys.exit(main())
