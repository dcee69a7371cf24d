"""The README's table of chapters is in step with the chapters, and names the two commands."""

from tools import readme
from tools.chapter import COURSE


def test_the_table_is_in_step():
    assert (COURSE / "README.md").read_text(encoding="utf-8") == readme.written(), "python -m tools.readme"


def test_it_names_all_ten_chapters_and_the_two_commands():
    page = (COURSE / "README.md").read_text(encoding="utf-8")
    assert all(f"| {number} | " in page for number in readme.PLAN)
    assert "python3 course.py lab" in page
    assert "python3 course.py test" in page
