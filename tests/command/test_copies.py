"""The learner's copies are made once and never written again; `update` and `--fresh` put versions beside them."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest

from tests.command.conftest import Course, write_notebook
from tools import copies, update
from tools.common import Problem, write_new

KERNEL = {"display_name": "Course", "language": "python", "name": "medical-imaging-course-12345678"}
ANSWER = b'{"cells": [], "metadata": {"kernelspec": {"name": "mine"}}, "nbformat": 4, "nbformat_minor": 5}'
TODAY = date.today().isoformat()


def names(course: Course) -> list[str]:
    return sorted(path.name for path in (course.root / "my").iterdir())


def test_copies_carry_the_kernel_and_no_outputs(course: Course) -> None:
    made = copies.make_copies(course.root, KERNEL)
    assert [path.name for path in made] == ["01_images.ipynb", "02_numbers.ipynb"]
    committed = json.loads((course.root / "chapters" / "01_images.ipynb").read_text())
    copy = json.loads(made[0].read_text())
    assert copy["metadata"].pop("kernelspec") == KERNEL
    committed["metadata"].pop("kernelspec")
    for cell in committed["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    assert copy == committed


def test_a_learners_file_is_never_overwritten(course: Course) -> None:
    copies.make_copies(course.root, KERNEL)
    (course.root / "my" / "01_images.ipynb").write_bytes(ANSWER)
    write_notebook(course.root / "chapters" / "01_images.ipynb", "1 Changed")
    assert copies.make_copies(course.root, KERNEL) == []
    assert (course.root / "my" / "01_images.ipynb").read_bytes() == ANSWER


def test_a_file_of_that_name_that_we_did_not_make_stays(course: Course) -> None:
    (course.root / "my").mkdir()
    (course.root / "my" / "01_images.ipynb").write_bytes(ANSWER)
    assert [path.name for path in copies.make_copies(course.root, KERNEL)] == ["02_numbers.ipynb"]
    assert (course.root / "my" / "01_images.ipynb").read_bytes() == ANSWER


@pytest.mark.parametrize("links", [True, False])
def test_new_files_never_replace_one_that_appeared_meanwhile(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError("this file system has no hard links")

    if not links:
        monkeypatch.setattr("os.link", no_links)
    assert write_new(tmp_path / "a", b"first")
    assert not write_new(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_fresh_keeps_the_old_copy_under_a_dated_name_each_time(course: Course) -> None:
    copies.make_copies(course.root, KERNEL)
    chapter = course.root / "chapters" / "01_images.ipynb"
    for expected in (f"01_images_until_{TODAY}.ipynb", f"01_images_until_{TODAY}_2.ipynb"):
        (course.root / "my" / "01_images.ipynb").write_bytes(ANSWER)
        kept = copies.make_fresh(course.root, chapter, KERNEL)
        assert kept.name == expected
        assert kept.read_bytes() == ANSWER
        assert "as committed" in (course.root / "my" / "01_images.ipynb").read_text()


def test_chapter_numbers(course: Course) -> None:
    assert copies.pick(course.root, "2") == copies.pick(course.root, "02") == course.root / "chapters/02_numbers.ipynb"
    for wrong in ("3", "two", "-1"):
        with pytest.raises(Problem, match="There are: 01, 02"):
            copies.pick(course.root, wrong)


def test_course_without_notebooks_says_so(course: Course) -> None:
    shutil.rmtree(course.root / "chapters")
    with pytest.raises(Problem, match="holds no notebooks"):
        copies.chapters(course.root)


def test_start_page_links_every_chapter_and_its_other_versions(course: Course) -> None:
    copies.make_copies(course.root, KERNEL)
    copies.make_fresh(course.root, course.root / "chapters" / "02_numbers.ipynb", KERNEL)
    page = copies.write_start_page(course.root).read_text()
    assert r"| [1 Images \| voxels](01_images.ipynb) |  |" in page
    assert f"| [2 Numbers](02_numbers.ipynb) | [until_{TODAY}](02_numbers_until_{TODAY}.ipynb) |" in page


def test_damaged_record_is_said_and_nothing_is_touched(course: Course) -> None:
    copies.make_copies(course.root, KERNEL)
    (course.root / "my" / copies.ORIGIN).write_text("{")
    with pytest.raises(Problem, match="damaged"):
        copies.put_newer_beside(course.root)


# ---- update, with a published course on this disk


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def clone(course: Course) -> Course:
    """A clone with copies made; `publish` changes what it follows."""
    published = course.root.with_name("published")
    (course.root / ".gitignore").write_text("my/\nbuild/\n.venv/\n__pycache__/\n")
    shutil.move(course.root, published)
    git(published, "init", "-q")
    git(published, "add", "-A")
    git(published, "commit", "-qm", "first")
    git(published.parent, "clone", "-q", "published", "course")
    copies.make_copies(course.root, KERNEL)
    return course


def publish(course: Course, **headings: str) -> None:
    published = course.root.with_name("published")
    for name, heading in headings.items():
        write_notebook(next((published / "chapters").glob(f"*{name}.ipynb")), heading)
    git(published, "commit", "-qam", "changed")


def test_update_puts_a_changed_chapter_beside_the_learners(clone: Course) -> None:
    learner = clone.root / "my" / "02_numbers.ipynb"
    learner.write_bytes(ANSWER)
    publish(clone, numbers="2 Better numbers")
    code, output = clone.run("update")
    assert code == 0
    newer = clone.root / "my" / f"02_numbers_new_{TODAY}.ipynb"
    assert f"my/{newer.name}" in output
    assert copies.title(newer) == "2 Better numbers"
    assert json.loads(newer.read_text())["metadata"]["kernelspec"] == {"name": "mine"}
    assert learner.read_bytes() == ANSWER
    assert [name for name in names(clone) if "_new_" in name] == [newer.name]
    assert newer.name in (clone.root / "my" / copies.START_PAGE).read_text()


def test_update_offers_a_version_once(clone: Course) -> None:
    publish(clone, numbers="2 Better numbers")
    assert clone.run("update")[0] == 0
    before = names(clone)
    code, output = clone.run("update")
    assert (code, output) == (0, "There is nothing newer.\n")
    assert names(clone) == before


def test_update_knows_what_a_file_of_unknown_origin_was_before(clone: Course) -> None:
    (clone.root / "my" / copies.ORIGIN).unlink()
    publish(clone, numbers="2 Better numbers")
    assert clone.run("update")[0] == 0
    assert [name for name in names(clone) if "_new_" in name] == [f"02_numbers_new_{TODAY}.ipynb"]


def test_update_says_when_requirements_changed(clone: Course) -> None:
    published = clone.root.with_name("published")
    (published / "requirements.txt").write_text("tiny>=1.5\n")
    git(published, "commit", "-qam", "needs more")
    assert "the next" in clone.run("update")[1]


def test_update_refuses_changed_files_and_loses_nothing(clone: Course) -> None:
    publish(clone, numbers="2 Better numbers")
    answered = clone.root / "chapters" / "01_images.ipynb"
    answered.write_bytes(ANSWER)
    head = git(clone.root, "rev-parse", "HEAD")
    code, output = clone.run("update")
    assert code == 1
    assert "chapters/01_images.ipynb" in output
    assert "git stash" in output
    assert answered.read_bytes() == ANSWER
    assert git(clone.root, "rev-parse", "HEAD") == head


def test_update_refuses_a_diverged_history(clone: Course) -> None:
    publish(clone, numbers="2 Better numbers")
    (clone.root / "notes.txt").write_text("mine")
    git(clone.root, "add", "notes.txt")
    git(clone.root, "commit", "-qm", "mine")
    head = git(clone.root, "rev-parse", "HEAD")
    code, output = clone.run("update")
    assert code == 1
    assert "commits of its own" in output
    assert git(clone.root, "rev-parse", "HEAD") == head


def test_update_of_a_clone_that_is_only_ahead_has_nothing_to_bring(clone: Course) -> None:
    (clone.root / "notes.txt").write_text("mine")
    git(clone.root, "add", "notes.txt")
    git(clone.root, "commit", "-qm", "mine")
    assert clone.run("update") == (0, "There is nothing newer.\n")


def test_update_keeps_an_untracked_file_that_stands_in_the_way(clone: Course) -> None:
    published = clone.root.with_name("published")
    (published / "notes.txt").write_text("theirs")
    git(published, "add", "notes.txt")
    git(published, "commit", "-qm", "notes")
    (clone.root / "notes.txt").write_text("mine")
    code, output = clone.run("update")
    assert code == 1
    assert "notes.txt" in output
    assert (clone.root / "notes.txt").read_text() == "mine"


def test_update_without_the_published_course_says_so(clone: Course) -> None:
    shutil.rmtree(clone.root.with_name("published"))
    code, output = clone.run("update")
    assert code == 1
    assert "could not be reached" in output


def test_update_off_a_branch_says_so(clone: Course) -> None:
    git(clone.root, "checkout", "-q", "--detach")
    code, output = clone.run("update")
    assert code == 1
    assert "git checkout main" in output


def test_update_of_a_downloaded_folder_says_what_to_do(course: Course) -> None:
    code, output = course.run("update")
    assert code == 1
    assert "no git clone" in output
    assert "copy your folder my/" in output


def test_update_does_not_take_an_outer_clone_for_the_course(course: Course) -> None:
    git(course.root.parent, "init", "-q")
    assert not update._is_clone(course.root)
    assert course.run("update")[0] == 1


def test_my_folder_brought_into_a_newer_download_gets_the_new_versions(course: Course) -> None:
    copies.make_copies(course.root, KERNEL)
    write_notebook(course.root / "chapters" / "01_images.ipynb", "1 Newer")
    assert f"my/01_images_new_{TODAY}.ipynb" in course.run("update")[1]
