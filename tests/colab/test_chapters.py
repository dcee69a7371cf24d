"""The committed set-up cells, in a kernel like Colab's, and the imports that follow them."""

import nbformat
import pytest

from tools import chapter, requirements
from tools.chapter import COURSE, Chapter

CLONE = "/content/course"
NOTEBOOKS = [Chapter(COURSE, path.stem) for path in sorted((COURSE / "chapters").glob("[0-9][0-9]_*.ipynb"))]
ASKED = "\nimport os, pathlib; asked_of_pip = pathlib.Path(os.environ['COURSE_PIP_RECORD']).read_text().split()"


def setup_and_imports(given, colab):
    """The first two code cells of a notebook; the course goes beside the working folder instead of to /content."""
    cells = [cell.source for cell in nbformat.read(given.notebook, as_version=4).cells if cell.cell_type == "code"]
    assert cells[0].count(CLONE) == 1
    return cells[0].replace(CLONE, str(colab.content / "course")), cells[1]


def test_there_are_chapters():
    assert NOTEBOOKS


@pytest.mark.parametrize("given", NOTEBOOKS, ids=[given.name for given in NOTEBOOKS])
def test_the_course_is_fetched_and_what_is_missing_installed(given, colab, lacking):
    setup, imports = setup_and_imports(given, colab)
    needs = [requirements.name_of(package) for package in chapter.read_front_matter(given).needs.values()]
    *asked, helpers = colab.run(
        setup, imports, ASKED + "\nimport helpers; print(*asked_of_pip, helpers.__file__)"
    ).split()
    assert asked == [package for package in needs if package in lacking]
    assert helpers == str(colab.content / "course" / "helpers" / "__init__.py")


def test_the_stand_in_hides_a_package_until_pip_was_asked_for_it(colab, lacking):
    name = lacking[0]
    look = (
        f"import importlib.util, sys; assert 'google.colab' in sys.modules; print(importlib.util.find_spec({name!r}))"
    )
    install = f"import subprocess; subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', {name!r}], check=True)"
    assert colab.run(look) == "None\n"
    assert colab.run(look, install, f"import {name}; print({name}.__name__)" + ASKED) == f"{name}\n"


def test_the_stand_in_refuses_what_the_course_does_not_list(colab):
    install = "subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', 'no-such-package'], check=True)"
    with pytest.raises(Exception, match="CalledProcessError"):
        colab.run("import subprocess, sys\n" + install)


def test_only_an_anywidget_turns_the_custom_widget_manager_on(colab):
    """The stand-in knows what Colab's switch does: without one, widgets are drawn by Colab's own manager."""
    slider = "from google.colab import output; import ipywidgets; ipywidgets.FloatSlider()\n"
    show = "print(output._widgets._installed_url)"
    assert colab.run(slider + show) == "None\n"
    assert "example.org" in colab.run(slider, "import anywidget\nanywidget.AnyWidget()\n" + show)
