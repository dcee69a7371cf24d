"""CSV files that people open in a spreadsheet: read as they come back, written so that nothing in them is a formula."""

import csv
import io
from pathlib import Path

from tools.homework.roster import decoded

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: object) -> str:
    """Text for one cell; what a spreadsheet would take for a formula gets an apostrophe in front."""
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) and text != "-" else text  # Moodle writes - where there is no date


def bare(text: str) -> str:
    """What `cell` was given."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def read_table(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Header, and rows with their line numbers; comma, semicolon or tab, any common encoding."""
    text = decoded(path.read_bytes())
    delimiter = max((",", ";", "\t"), key=text.split("\n", 1)[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = [part.strip() for part in next(reader, [])]
    rows = []
    for row in reader:
        if any(part.strip() for part in row):
            rows.append((reader.line_num, dict(zip(header, row + [""] * len(header), strict=False))))
    return header, rows


def write_table(rows: list[list[object]]) -> bytes:
    """A CSV file in UTF-8; numbers stay numbers."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(
        [[part if isinstance(part, int | float) else cell(part) for part in row] for row in rows]
    )
    return text.getvalue().encode()
