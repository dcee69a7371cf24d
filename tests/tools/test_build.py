"""From a text to a notebook: what is in it, that it is the same each time, and what stops it."""

import hashlib
import tomllib

import nbformat
import pytest

from tools import bands, build, chapter
from tools.chapter import ChapterError

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
RICH = f"""
    # Title

    {{{{badges}}}}

    {{{{budget}}}}

    ```{{code-cell}} ipython3
    :tags: [parameters]
    PROFILE = "cpu"
    SEED = 1
    ```

    The share is {{{{share:.1%}}}} (between {{{{share.low:.2f}}}} and {{{{share.high:.2f}}}}), in full {{{{share}}}}.

    ```{{code-cell}} ipython3
    from helpers import result
    result("share", 0.256)
    print({{"b", "a", "c", "d", "e", "f"}})   # the order of a set differs between unseeded processes
    for i in range(3): print(i, flush=True)
    ```

    ```{{code-cell}} ipython3
    from IPython.display import HTML
    HTML('<img alt="one grey pixel" src="data:image/png;base64,{PIXEL}">')
    ```

    ```{{code-cell}} ipython3
    import ipywidgets
    class Still(ipywidgets.IntSlider):
        def _repr_mimebundle_(self, **options):
            return super()._repr_mimebundle_(**options) | {{"text/html": "<b>still</b>"}}
        def __repr__(self):
            return "a slider"
    Still()
    ```

    ```{{code-cell}} ipython3
    :tags: [raises-exception]
    {{}}["{{{{share}}}}"]
    ```

    Twice the same.

    ```{{code-cell}} ipython3
    ```

    +++

    Twice the same.
    """


def rich(small):
    small.write("chapters/bands.toml", '["02".share]\nlow = 0.2\nhigh = 0.3\n')
    return small.chapter("02_relu", RICH)


def test_two_builds_are_byte_identical(small):
    given = rich(small)
    build.build(given)
    first = given.notebook.read_bytes()
    given.notebook.unlink()
    build.build(given)
    assert given.notebook.read_bytes() == first
    _looks_as_it_should(given)


KEEPS = """
    # Title {{{{badges}}}} {{{{budget}}}}

    ```{{code-cell}} ipython3
    import os, pathlib
    folder = pathlib.Path(os.environ["COURSE_KEEP"])  # where `keep` of helpers.models stores
    folder.mkdir()
    (folder / "net.npz").write_bytes(b"weights")
    {last}
    ```
    """


def test_a_network_that_a_chapter_keeps_goes_to_data_if_the_chapter_is_built(small):
    with pytest.raises(build.BuildError):
        build.build(small.chapter("03_fails", KEEPS.format(last="raise ValueError")))
    assert not (small.folder / "data" / "net.npz").exists()
    build.build(small.chapter("02_keeps", KEEPS.format(last="")))
    assert (small.folder / "data" / "net.npz").read_bytes() == b"weights"


def _looks_as_it_should(given):
    notebook = nbformat.read(given.notebook, as_version=4)
    nbformat.validate(notebook)
    cells, code = notebook.cells, [c for c in notebook.cells if c.cell_type == "code" and c.source]
    assert notebook.metadata == build.METADATA
    assert [c.cell_type for c in cells[:3]] == ["markdown", "code", "code"]
    assert chapter.tags(cells[1]) == ["setup"]
    assert [c.execution_count for c in code] == list(range(1, len(code) + 1))
    assert (
        "https://colab.research.google.com/github/someone/a-course/blob/main/chapters/02_relu.ipynb" in cells[0].source
    )
    assert "75 minutes (the author's estimate); how long its cells run" in cells[0].source
    assert cells[3].source == "The share is 25.6% (between 0.20 and 0.30), in full 0.256."
    assert len(cells[4].outputs) == 1
    assert list(code[4].outputs[0].data) == ["text/html", "text/plain"]
    assert 'alt="one grey pixel"' in code[3].outputs[0].data["text/html"]
    assert code[5].source == '{}["{{share}}"]', "code must never be filled in"
    assert code[5].outputs[0].ename == "KeyError"
    plain = hashlib.sha256(b"markdownTwice the same.").hexdigest()[:8]
    assert [c.id for c in cells if c.source == "Twice the same."] == [plain, f"{plain}-2"]
    assert not any("execution" in c.metadata for c in cells)


FAULTY = """
    # Title {{shar:.2f}}

    ```{code-cell} ipython3
    from helpers import result
    result("share", 0.9)
    result("stray", 1)
    result("twice", 1)
    result("twice", 2)
    result("budget", 2)
    ```

    {{share:.2q}} and {{no tag}}

    ```{code-cell} ipython3
    import os, sys, warnings
    warnings.warn("a wall of text")
    ```

    ```{code-cell} ipython3
    print(object(), os.getcwd())
    ```

    ```{code-cell} ipython3
    from IPython.display import display
    display({"image/png": "aaaa", "text/plain": "x"}, raw=True)
    display({"text/html": "<img alt='' src='x.png'>"}, raw=True)
    display({"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}, raw=True)
    ```

    ```{code-cell} ipython3
    :tags: [stderr-expected]
    print("this one may", file=sys.stderr)
    ```
    """


def test_a_failing_build_says_all_that_is_wrong_and_leaves_the_old_notebook(small, capsys):
    small.write("chapters/bands.toml", '["02".share]\nlow = 0.2\nhigh = 0.3\n["02".missing]\nlow = 0\nhigh = 1\n')
    given = small.chapter("02_relu", FAULTY)
    given.notebook.write_text("the old one")
    assert build.main(["02"], small.folder) == 1
    said = capsys.readouterr().err
    line = given.text.read_text().splitlines().index("{{share:.2q}} and {{no tag}}") + 1
    for complaint in (
        f"02_relu: line {line - 11}: {{{{shar:.2f}}}} is unknown; nearest: share",
        f"line {line}: {{{{share:.2q}}}} cannot be written so",
        f"line {line}: {{{{no tag}}}} is not a tag",
        "result share = 0.9: out of band [0.2, 0.3]",
        "result stray = 1: no band (python -m tools.bands 02 proposes one)",
        "result missing: no result [0, 1]",
        "result twice is recorded 2 times",
        "a result must not be called budget",
        "cell 5 `import os, sys, warnings`: writes to stderr: ",
        "cell 6 `print(object(), os.getcwd())`: a memory address",
        f"cell 6 `print(object(), os.getcwd())`: a path of this machine: {small.folder}",
        "a picture without a description; return figure(fig, alt)",
        "an <img> without alt text",
        "a widget with nothing to show without a kernel",
    ):
        assert complaint in said
    assert "this one may" not in said
    assert given.notebook.read_text() == "the old one"
    assert (small.folder / "build" / "failed" / "02_relu.ipynb").exists()


def test_a_cell_that_raises_fails_its_chapter_and_not_the_next(small, capsys):
    raising = small.chapter("02_relu", "# Title\n\n```{code-cell} ipython3\n# why\nx = 1 / 0\n```\n")
    raising.notebook.write_text("the old one")
    dying = small.chapter("03_convolution", "# Title\n\n```{code-cell} ipython3\nimport os; os._exit(3)\n```\n")
    fine = small.chapter("04_training", "# Title\n")
    assert build.main([], small.folder) == 1
    out, err = capsys.readouterr()
    assert "02_relu: cell 3 `x = 1 / 0`: ZeroDivisionError: division by zero" in err
    assert "03_convolution: cell 3 `import os; os._exit(3)`: the kernel died" in err
    assert raising.notebook.read_text() == "the old one"
    assert not dying.notebook.exists()
    assert fine.notebook.exists()
    assert out.startswith("04_training  ")


def test_what_is_measured_is_a_first_run(small, monkeypatch):
    """With what an earlier run has trained and kept, the seconds would be another learner's second run."""
    monkeypatch.setenv("COURSE_CACHE", str(small.folder / "kept"))
    code = "import os; print('from', os.environ['COURSE_CACHE'][-4:])"
    given = small.chapter("02_relu", f"# Title\n\n```{{code-cell}} ipython3\n{code}\n```\n")

    def said():
        cells = nbformat.read(given.notebook, as_version=4).cells
        return [cell.outputs[0].text for cell in cells if cell.cell_type == "code" and cell.outputs]

    build.build(given)
    assert said() == ["from kept\n"]
    build.build(given, measuring=True)
    assert said() == ["from ache\n"]


def test_measuring_rewrites_one_entry_and_only_when_asked(small):
    other = '["09"]\nseconds = 30\nmemory_gb = 0.2\ncores = 2\ngpu = false\npython = "3.12.1"\ntensorflow = "2.20"\n'
    path = small.write("chapters/measured.toml", other)
    given = small.chapter(
        "02_relu",
        "# Title\n{{budget}}\n\n```{code-cell} ipython3\nx = bytearray(400_000_000); import time; time.sleep(1)\n```\n",
    )
    build.build(given)
    assert path.read_text() == other
    build.build(given, measuring=True)
    entries = tomllib.loads(path.read_text())
    assert entries["09"] == tomllib.loads(other)["09"]
    assert entries["02"]["seconds"] == 30
    assert 0.4 <= entries["02"]["memory_gb"] <= 0.8
    assert set(entries["02"]) == set(entries["09"])
    sentence = nbformat.read(given.notebook, as_version=4).cells[0].source
    assert f"for up to 30 s and take up to {entries['02']['memory_gb']} GB" in sentence


def test_a_notebook_may_not_be_large(small, monkeypatch):
    given = small.chapter("02_relu", "# Title\n")
    monkeypatch.setattr(build, "LARGEST", 700)
    with pytest.raises(ChapterError, match="02_relu: is 0.0 MB, may be 0.0007 MB"):
        build.build(given)
    assert not given.notebook.exists()


def test_a_text_needs_a_text_cell(small):
    given = small.chapter("02_relu", "```{code-cell} ipython3\n1\n```\n")
    with pytest.raises(ChapterError, match="expected a text cell with the title"):
        build.read_text(given)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://github.com/a/b", "[Show on GitHub](https://github.com/a/b/blob/main/chapters/02_relu.ipynb)"),
        ("https://example.org/b", "[The course's repository](https://example.org/b)"),
    ],
)
def test_badges_lead_to_the_repository(small, monkeypatch, address, expected):
    monkeypatch.setenv("COURSE_REPO", address)
    assert build.badges(small.chapter("02_relu", "# Title\n")).endswith(expected)


def test_the_budget_is_one_sentence_in_round_numbers():
    measured = {"seconds": 150, "memory_gb": 1.2, "cores": 2, "gpu": False}
    assert build.budget(75, measured) == (
        "Plan about 75 minutes (the author's estimate); its cells run for up to 2.5 minutes and take up to 1.2 GB "
        "(2 cores, no GPU)."
    )


def test_base64_that_spells_a_path_is_no_fault(small):
    html = f'<img alt="x" src="data:image/png;base64,AAAA{small.folder}AAA=">'
    cell = nbformat.v4.new_code_cell("x", outputs=[nbformat.v4.new_output("display_data", {"text/html": html})])
    notebook = nbformat.v4.new_notebook(cells=[cell])
    assert build.faults_in_outputs(notebook, small.folder) == []


def test_the_profile_of_the_chapter_chooses_its_band(small):
    small.write("chapters/bands.toml", '["02".x.gpu]\nlow = 0\nhigh = 1\n["02".x]\nlow = 5\nhigh = 6\n')
    given = small.chapter("02_relu", "# Title\n")
    execution = build.Execution(1.0, 1, [("x", 0.5)])
    assert build.faults_in_results(given, execution, {"PROFILE": "gpu"}) == []
    assert build.faults_in_results(given, execution, {"PROFILE": "cpu"}) == ["result x = 0.5: out of band [5, 6]"]


def test_tags_name_results_and_ends_of_bands():
    names = build.numbers_of({"x": 1.5, "y": 3}, {"x": bands.Band(1, 2), "y": bands.Band(0, 9, 10, 2, 4)})
    ends = {"y.low": 0, "y.high": 9, "y.seeds": 10, "y.min": 2, "y.max": 4}
    assert names == {"x": 1.5, "x.low": 1, "x.high": 2, "y": 3, **ends}
    assert all(build.TAG_INSIDE.fullmatch(name) for name in names)
