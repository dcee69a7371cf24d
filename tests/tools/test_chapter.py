"""What a chapter is: how it is found, what its front matter must say, what it is run with."""

import nbformat
import psutil
import pytest

from tools import chapter
from tools.chapter import ChapterError

TITLE = "# Title\n"


def test_chapters_are_found_by_number_with_or_without_the_zero(small):
    for name in ("02_relu", "10_trust", "notes"):
        small.chapter(name, TITLE)
    assert [c.name for c in chapter.find_texts(course=small.folder)] == ["02_relu", "10_trust"]
    assert [c.name for c in chapter.find_texts(["10", "2", "02"], small.folder)] == ["10_trust", "02_relu"]


def test_an_unknown_chapter_says_which_there_are(small):
    small.chapter("02_relu", TITLE)
    small.chapter("03_convolution", TITLE)
    with pytest.raises(ChapterError, match="no chapter 12; there are 02, 03"):
        chapter.find_texts(["12"], small.folder)


def test_no_chapters_and_two_with_one_number_are_errors(small):
    with pytest.raises(ChapterError, match="There are no chapters: expected files such as 02_relu.ipynb"):
        chapter.find_notebooks(course=small.folder)
    small.chapter("02_relu", TITLE)
    small.chapter("02_other", TITLE)
    with pytest.raises(ChapterError, match="02_other and 02_relu have the same number"):
        chapter.find_texts(course=small.folder)


def test_front_matter_is_read(small):
    given = small.chapter("02_relu", TITLE, course='{number: "02", minutes: 75, needs: {sklearn: scikit-learn}}')
    assert chapter.read_front_matter(given) == chapter.FrontMatter("02", 75, {"sklearn": "scikit-learn"})


@pytest.mark.parametrize(
    ("course", "complaint"),
    [
        ('{number: "03", minutes: 75, needs: {}}', "course.number must be \"02\" .* not '03'"),
        ("{number: 02, minutes: 75, needs: {}}", 'course.number must be "02" .* not 2'),
        ('{number: "02", minutes: "75", needs: {}}', "course.minutes must be a whole number"),
        ('{number: "02", minutes: 0, needs: {}}', "course.minutes must be a whole number"),
        ('{number: "02", minutes: 75, needs: [numpy]}', "course.needs must map"),
        ('{number: "02", minutes: 75, needs: {scikit-learn: x}}', "course.needs must map"),
        ("none", "expected a part `course:`"),
        ("{", "not YAML"),
    ],
)
def test_wrong_front_matter_says_what_was_expected(small, course, complaint):
    given = small.chapter("02_relu", TITLE, course=course)
    with pytest.raises(ChapterError, match=f"(?s)02_relu.md, front matter: .*{complaint}"):
        chapter.read_front_matter(given)


def test_jupytext_formats_are_refused(small):
    given = small.chapter("02_relu", TITLE)
    given.text.write_text(given.text.read_text().replace("jupytext: {", "jupytext: {formats: 'ipynb,md', "))
    with pytest.raises(ChapterError, match="`formats` would write learners' answers back"):
        chapter.read_front_matter(given)


def test_the_address_comes_from_pyproject_unless_overridden(small, monkeypatch):
    assert chapter.repository(small.folder) == "https://github.com/someone/a-course"
    monkeypatch.setenv("COURSE_REPO", "https://example.org/mine.git/")
    assert chapter.repository(small.folder) == "https://example.org/mine"


def test_a_missing_address_is_an_error(small):
    small.write("pyproject.toml", "[project]\n")
    with pytest.raises(ChapterError, match="expected an address in .project.urls..repository"):
        chapter.repository(small.folder)


def test_parameters_are_what_the_tagged_cell_assigns():
    cells = [
        nbformat.v4.new_code_cell("SEED = 1"),
        nbformat.v4.new_code_cell(
            'PROFILE = "cpu"  # or "gpu"\nOTHER = 2\nSEED = 3 + 4', metadata={"tags": ["parameters"]}
        ),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    assert chapter.parameters(notebook) == {"PROFILE": "cpu", "SEED": None}


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    path.write_text("old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        chapter.write_text(path, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]
    assert path.read_text() == "old"


def test_a_result_that_is_no_number_is_refused(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"name": "a", "value": 1}\n{"name": "b", "value": NaN}\n')
    assert [name for name, _ in chapter.read_results(path)] == ["a", "b"]
    path.write_text('{"name": "a", "value": "high"}\n')
    with pytest.raises(ChapterError, match="a result must be a number"):
        chapter.read_results(path)
    path.write_text("half a li")
    with pytest.raises(ChapterError, match="expected a line with name and value"):
        chapter.read_results(path)
    assert chapter.read_results(tmp_path / "none") == []


def test_memory_counts_a_process_and_forgets_one_that_is_gone():
    own = chapter.tree_memory(psutil.Process().pid)
    assert own > chapter.tree_memory(psutil.Process().pid, root=False)
    assert chapter.tree_memory(2**22 + 1) == 0


def test_widgets_go_only_where_something_else_shows():
    view = "application/vnd.jupyter.widget-view+json"
    both = nbformat.v4.new_output("display_data", {view: {"model_id": "1"}, "text/html": "<b>still</b>"})
    alone = nbformat.v4.new_output("display_data", {view: {"model_id": "1"}})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[both, alone])])
    notebook.metadata["widgets"] = {"state": {}}
    chapter.drop_widgets(notebook)
    assert [list(o.data) for o in notebook.cells[0].outputs] == [["text/html"], [view]]
    assert "widgets" not in notebook.metadata
