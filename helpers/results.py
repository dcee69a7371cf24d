"""`result`: a number that a chapter stands for, printed for the learner and recorded for whoever runs the chapter."""

import json
import os
from pathlib import Path


def result(name: str, value: float) -> None:
    """Print and record a number. Never judges and never raises because of its size.

    `course.py build`, `run` and the tests hold it against chapters/bands.toml; a learner only sees the line.

    Parameters
    ----------
    name : letters, digits and underscores, as in bands.toml
    value : one number
    """
    value = float(value)
    print(f"{name.replace('_', ' ')}: {value:.4g}")
    target = _target()
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        line = {"chapter": os.environ.get("COURSE_CHAPTER", ""), "name": name, "value": value}
        with target.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _target() -> Path | None:
    if os.environ.get("COURSE_RESULTS"):
        return Path(os.environ["COURSE_RESULTS"])
    if os.environ.get("COURSE_RESULTS_DIR"):
        return Path(os.environ["COURSE_RESULTS_DIR"]) / f"{os.environ.get('COURSE_CHAPTER', 'unknown')}.jsonl"
    return None
