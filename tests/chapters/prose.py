"""Reads a chapter's source as text: its cells, headings, formulas and the notation table of chapter 02."""

import ast
import functools
import re
from dataclasses import dataclass

import jupytext

from tools import chapter as chapters
from tools.chapter import Chapter

TEXTS = chapters.find_texts()

HEADING = re.compile(
    r"^## (?:(?P<id>\d+\.\d+) )?(?P<title>.+?)(?: · (?P<mark>core|extra) · (?P<minutes>\d+) min)?$", re.M
)
COMMANDS = (
    "log|max|min|exp|sum|frac|cdot|cdots|dots|ldots|le|ge|ne|ll|gg|approx|pm|partial|quad|qquad|times|in|odot|sqrt|hat|bar"
    "|top|to|leftarrow|rightarrow|lfloor|rfloor|lceil|rceil|lVert|rVert|left|right|big|Big|bigl|bigr|begin|end"
)
MATH = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.S)


@dataclass(frozen=True)
class Source:
    """The cells of a chapter's source."""

    chapter: Chapter
    text_cells: tuple[str, ...]
    code_cells: tuple[str, ...]

    @property
    def prose(self) -> str:
        """All text cells in one string."""
        return "\n\n".join(self.text_cells)

    @property
    def headings(self) -> list[re.Match]:
        """The sections, in order."""
        return list(HEADING.finditer(self.prose))

    @property
    def formulas(self) -> list[str]:
        """Everything between dollar signs."""
        return [display or inline for display, inline in MATH.findall(without_code(self.prose))]


@functools.cache
def read(chapter: Chapter) -> Source:
    """The cells of a chapter."""
    cells = jupytext.read(chapter.text).cells
    return Source(
        chapter,
        tuple(c.source for c in cells if c.cell_type == "markdown"),
        tuple(c.source for c in cells if c.cell_type == "code"),
    )


def without_code(text: str) -> str:
    """Text without `inline code` and fenced blocks."""
    return re.sub(r"`[^`\n]*`", " ", re.sub(r"```.*?```", " ", text, flags=re.S))


def without_math(text: str) -> str:
    """Text without formulas."""
    return MATH.sub(" ", text)


def symbols(formula: str) -> set[str]:
    """The letters of a formula that stand for something: X, W, P, ...; words and commands are left out."""
    formula = re.sub(r"\\(?:text|mathrm|operatorname)\{[^}]*\}", " ", formula)
    formula = re.sub(r"\\(?:begin|end)\{[a-z]+\}", " ", formula)
    formula = re.sub(rf"\\(?:{COMMANDS})(?![a-z])|\\[,;!]", " ", formula)
    return set(re.findall(r"[A-Za-z]|\\[a-z]+", formula))


@functools.cache
def notation() -> dict[str, str]:
    """The notation tables of chapter 02: symbol -> its name in code (an index: itself)."""
    (chapter,) = [text for text in TEXTS if text.number == "02"]
    tables = [part.split("\n\n")[0] for part in read(chapter).prose.split("| symbol |")[1:]]
    rows = [line.strip("|").split("|") for table in tables for line in table.splitlines() if line.startswith("| $")]
    pairs = {}
    for row in rows:
        names = re.findall(r"\$([^$]+)\$", row[0])
        code = re.findall(r"`([^`]+)`", row[-1]) or names  # an index needs no name of its own
        assert len(names) == len(code), f"the row {row[0].strip()} has {len(names)} symbols and {len(code)} code names"
        for name, written in zip(names, code, strict=True):
            assert name not in pairs, f"{name} stands in the table twice: one symbol, one meaning"
            pairs[name] = written
    return pairs


def assigned_names(source: str) -> set[str]:
    """The names a code cell gives a value to, loop variables and arguments included."""
    tree = ast.parse(re.sub(r"(?m)^[%!].*$", "", source))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return names | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
