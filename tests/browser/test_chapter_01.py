"""Chapter 01 in JupyterLab, as somebody meets it who has never opened a medical image."""

import re

import pytest
from playwright.sync_api import expect

NAME = "01_medical_images"


@pytest.fixture(scope="module", autouse=True)
def _long_waits():
    expect.set_options(timeout=30_000)


def test_a_committed_notebook_shows_stills_with_descriptions(open_notebook):
    notebook = open_notebook(f"chapters/{NAME}.ipynb")
    for call, words in {
        "nodule_hunt()": "lung window",
        "window_explorer(hu": "four windows",
        "three_planes(brain": "cross hairs",
        "reader_study()": "reader study",
    }.items():
        picture = notebook.cell(call).locator("img")
        expect(picture).to_have_count(1)
        expect(picture).to_have_attribute("alt", re.compile(words, re.I))
    pictures = notebook.page.locator(".jp-OutputArea img")
    assert pictures.count() >= 13
    assert all(len(pictures.nth(i).get_attribute("alt")) >= 40 for i in range(pictures.count()))
    notebook.cell("nodule_hunt()").scroll_into_view_if_needed()
    notebook.screenshot("01_still")


def test_the_first_five_minutes(open_notebook):
    """Predict, and the picture comes alive; nothing red, nothing but the course's own words."""
    notebook = open_notebook(f"my/{NAME}.ipynb")
    notebook.run_all()
    assert notebook.page.locator(".jp-OutputArea-output[data-mime-type$=stderr]").count() == 0
    hunt = notebook.cell("nodule_hunt()")
    hunt.scroll_into_view_if_needed()
    expect(hunt).to_contain_text("First your prediction 1.1a")
    notebook.screenshot("01_before_the_prediction")
    question = notebook.cell('predict("1.1a"')
    question.get_by_label("their values lie below what the picture shows").check()
    question.get_by_role("button", name="That is my prediction").click()
    expect(hunt.locator(".widget-slider")).to_have_count(2)
    expect(hunt).to_contain_text("One nodule hides in a lung.")
    notebook.canvas("nodule_hunt()")
    notebook.screenshot("01_hunt")
    question.get_by_role("button", name="was I right?").click()
    expect(question).to_contain_text("It came true.")
    assert notebook.errors == []


def test_a_miss_in_the_self_test_names_the_page_to_read(open_notebook):
    notebook = open_notebook(f"my/{NAME}.ipynb")
    notebook.run_all()
    test = notebook.cell('quiz("1.2")')
    test.scroll_into_view_if_needed()
    test.get_by_label("(4, 3, 3)").check()
    expect(test).to_contain_text("Page A in section 1.15")
    notebook.screenshot("01_self_test")


def test_the_reader_study_keeps_its_ratings(open_notebook, course):
    notebook = open_notebook(f"my/{NAME}.ipynb")
    notebook.run_all()
    study = notebook.cell("reader_study()")
    study.scroll_into_view_if_needed()
    expect(study).to_contain_text("1 of 20")
    study.get_by_role("button", name=re.compile("^5")).click()
    expect(study).to_contain_text("2 of 20")
    notebook.screenshot("01_reader")
    assert '"1.13": [\n   5\n  ]' in (course / "my" / "progress.json").read_text()
    notebook.run_all()
    expect(notebook.cell("reader_study()")).to_contain_text("2 of 20")
    for _ in range(19):
        notebook.cell("reader_study()").get_by_role("button", name=re.compile("^2")).click()
    expect(notebook.cell("reader_study()")).to_contain_text("Sensitivity")
    notebook.cell("reader_study()").scroll_into_view_if_needed()
    notebook.screenshot("01_reader_result")
    assert notebook.errors == []
