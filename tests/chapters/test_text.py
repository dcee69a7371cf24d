"""Every chapter, read as text: its grammar, its notation, its words."""

import re
import statistics
from urllib.parse import urlsplit

import pytest

from helpers.exercises import registry
from tests.chapters.prose import TEXTS, assigned_names, notation, read, symbols, without_code, without_math
from tools.chapter import COURSE, read_front_matter

every = pytest.mark.parametrize("chapter", TEXTS, ids=lambda c: c.name)
ENDING = ["Quiz", "In the clinic", "What the article got wrong", "Summary"]


@every
def test_it_opens_with_title_source_objectives_and_budget(chapter):
    opening = read(chapter).text_cells[0]
    assert re.match(rf"# {chapter.number} [A-Z]", opening)
    assert "{{badges}}" in opening
    assert "{{budget}}" in opening
    assert "the article" in opening
    objectives = re.findall(
        r"(?m)^- (\w+)", opening.split("**When you are through, you can**")[1].split("{{budget}}")[0]
    )
    assert 3 <= len(objectives) <= 5
    assert not {"understand", "know", "learn"} & set(objectives), "an objective is something the learner can do"


@every
def test_every_numbered_section_is_core_or_extra_with_minutes(chapter):
    number = int(chapter.number)
    numbered = [h for h in read(chapter).headings if h["id"]]
    assert [h["id"] for h in numbered] == [
        f"{number}.{k}"
        for k in range(int(numbered[0]["id"].split(".")[1]), len(numbered) + int(numbered[0]["id"].split(".")[1]))
    ]
    for heading in numbered[:-1]:  # the last is "What the article got wrong"
        assert heading["mark"], f"{heading[0]}: expected '· core · 8 min' or '· extra · 8 min'"


@every
def test_the_ending_has_its_parts_in_order(chapter):
    titles = [h["title"] for h in read(chapter).headings]
    assert titles[-len(ENDING) :] == ENDING
    assert "### Read on" in read(chapter).text_cells[-1]


@every
def test_the_minutes_add_up_and_the_core_takes_60_to_90_a_sitting(chapter):
    core = sum(int(h["minutes"]) for h in read(chapter).headings if h["mark"] == "core")
    assert core == read_front_matter(chapter).minutes
    sittings = 2 if "two sittings" in read(chapter).text_cells[0] else 1
    assert 60 * sittings <= core <= 90 * sittings


@every
def test_sections_teach_by_predicting_building_and_breaking(chapter):
    source = read(chapter)
    code, prose = "\n".join(source.code_cells), source.prose
    exercises = registry.exercises(chapter.number)
    assert code.count("predict(") >= 3
    assert prose.count("### Break it") >= 2
    sections = {h["id"] for h in source.headings}
    assert set(exercises) <= sections, "an exercise carries the number of its section"
    for id in exercises:
        assert f'# hint("{id}")' in code
        assert f'# solution("{id}")' in code
    assert f'quiz("{int(chapter.number)}")' in code


@every
def test_references_to_sections_and_chapters_lead_somewhere(chapter):
    sections = {h["id"] for h in read(chapter).headings}
    prose = without_code(read(chapter).prose)
    for id in re.findall(r"[Ss]ection (\d+\.\d+)\b(?!\.)", prose):
        assert id in sections, f"there is no section {id}"
    assert all(1 <= int(n) <= 10 for n in re.findall(r"[Cc]hapters? (\d+)", prose))


@every
def test_code_cells_are_short(chapter):
    lengths = [len([line for line in cell.splitlines() if line.strip()]) for cell in read(chapter).code_cells]
    assert max(lengths) <= 15
    assert statistics.median(lengths) <= 8
    assert sum(n > 12 for n in lengths) <= len(lengths) / 10
    assert max(len(line) for cell in read(chapter).code_cells for line in cell.splitlines()) <= 100


@every
def test_every_figure_has_a_description(chapter):
    code = "\n".join(read(chapter).code_cells)
    assert not re.search(r"plt\.show\(|\.imshow\([^)]*\)\s*$(?!\n)", code)
    for call in re.findall(r"(?s)\bfigure\((.*?)\)\n", code + "\n"):
        texts = re.findall(r'"((?:[^"\\]|\\.)*)"', call)
        assert len("".join(texts)) >= 40, f"figure({call[:40]}...: expected an alt text that says what it shows"
    for alt in re.findall(r"!\[(.*?)\]\(", read(chapter).prose):
        assert len(alt) >= 5


@every
def test_formulas_use_declared_symbols_only(chapter):
    known = symbols(" ".join(notation())) | {"d", "e"}  # d as in dh/da, e the base of exp
    for formula in read(chapter).formulas:
        assert symbols(formula) <= known, f"{formula}: not in the notation table of chapter 02"


@every
def test_one_letter_names_in_code_are_those_of_the_notation_table(chapter):
    for cell in read(chapter).code_cells:
        names = {re.sub(r"\d+$", "", name) for name in assigned_names(cell)}
        undeclared = {name for name in names if len(name) == 1} - {*notation().values(), "_"}
        assert not undeclared, f"{undeclared} in {cell.splitlines()[0]!r}: not in the notation table of chapter 02"


def test_the_names_of_the_notation_table_are_used_as_written():
    code = "\n".join(cell for chapter in TEXTS for cell in read(chapter).code_cells)
    code += "\n".join(
        path.read_text() for room in ("nn", "widgets") for path in (COURSE / "helpers" / room).glob("*.py")
    )
    for symbol, name in notation().items() - {(index, index) for index in "ijk"}:
        assert re.search(rf"\b{name}\d*\b", code), f"{symbol} is written `{name}`, but no code does"


BANNED = r"\b(simply|obviously|trivially?|of course|powerful|amazing|cutting-edge|state-of-the-art|delve|leverage)\b"


@every
def test_words_that_belittle_or_boast_are_absent(chapter):
    found = re.findall(BANNED, without_code(read(chapter).prose), flags=re.I)
    assert not found


@every
def test_no_absolute_path(chapter):
    assert_no_absolute_path(chapter.text.read_text(encoding="utf-8"))


def assert_no_absolute_path(text: str) -> None:
    found = re.search(r"(?<![\w.])/(?:home|Users|root|tmp|mnt|work)/\w|[A-Z]:\\\w", text)
    assert not found, found


PAGES = [*(c.text for c in TEXTS), *sorted(COURSE.glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_are_well_formed(page):
    text = without_code(page.read_text(encoding="utf-8"))
    assert not re.search(r"\]\s+\(http", text), "a space between ] and ( breaks the link"
    for target in re.findall(r"\]\(([^)\s]*)\)", text):
        parts = urlsplit(target)
        if parts.scheme:
            assert parts.scheme in ("http", "https", "mailto"), target
            assert "." in parts.netloc or parts.scheme == "mailto", target
        else:
            assert parts.path == "" or (page.parent / parts.path).exists(), f"{target} does not exist"


@pytest.fixture(scope="module")
def dictionary():
    from spellchecker import SpellChecker

    words = SpellChecker(language="en", distance=1)
    extra = (COURSE / "tests" / "chapters" / "words.txt").read_text(encoding="utf-8").split()
    words.word_frequency.load_words(word.lower() for word in extra)
    return words


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_spelling(page, dictionary):
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"(?s)\A---\n.*?\n---\n", " ", text)
    assert_spelled(without_math(without_code(text)), dictionary)


@pytest.mark.parametrize("number", registry.chapters())
def test_spelling_of_messages(number, dictionary):
    module = registry.chapter(number)
    texts = [t for e in module.EXERCISES for t in (*e.hints, e.why, *(m.message for m in e.misconceptions))]
    texts += [t for q in module.QUIZ for t in (q.text, *(x for o in q.options for x in (o.text, o.reply)))]
    assert_spelled(without_code(" ".join(texts)), dictionary)


def assert_spelled(text: str, dictionary) -> None:
    text = re.sub(r"https?://\S+|\{\{.*?\}\}|<[^>]+>|\]\([^)]*\)", " ", text)
    words = {w.strip("'").removesuffix("'s") for w in re.findall(r"[A-Za-z][a-z']+(?![\w])", text)}
    unknown = sorted(w for w in dictionary.unknown(w for w in words if w) if len(w) > 2)
    assert not unknown, f"not in the dictionary (tests/chapters/words.txt takes terms of the field): {unknown}"
