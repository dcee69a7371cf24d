"""Chapter 02 in JupyterLab, as a learner meets it."""

import os
import re
import time

import numpy as np
import pytest
from playwright.sync_api import expect

from helpers.widgets import neuron
from tests.browser.conftest import changed, fingerprint

NAME = "02_neurons_and_relu"
SOLVED = """def relu(A):
    return np.maximum(A, 0)

relu = check("2.3", relu)"""


@pytest.fixture(scope="module", autouse=True)
def _long_waits():
    expect.set_options(timeout=30_000)


def test_a_solved_answer_survives_a_newer_text(open_notebook, course):
    """With a pairing at rest, the text would win and the answer would be gone."""
    notebook = open_notebook(f"my/{NAME}.ipynb")
    notebook.run_all()
    notebook.write("def relu(A):", SOLVED)
    expect(notebook.cell("def relu(A):")).to_contain_text("2.3 passed")
    notebook.screenshot("02_relu_passed")
    notebook.page.keyboard.press("Control+S")
    copy, text = course / "my" / f"{NAME}.ipynb", course / "chapters" / "text" / f"{NAME}.md"
    before = text.read_bytes()
    for _ in range(60):
        if "return np.maximum(A, 0)" in copy.read_text():
            break
        time.sleep(0.5)
    later = time.time() + 3600
    os.utime(text, (later, later))
    again = open_notebook(f"my/{NAME}.ipynb")
    expect(again.cell("def relu(A):")).to_contain_text("return np.maximum(A, 0)")
    assert "return np.maximum(A, 0)" in copy.read_text()
    assert text.read_bytes() == before


def test_a_saved_chapter_opened_without_its_kernel_shows_stills(open_notebook, course):
    """Saved widgets would say "Error displaying widget: model not found"."""
    notebook = open_notebook(f"my/{NAME}.ipynb")
    notebook.run_all()
    notebook.page.keyboard.press("Control+S")
    copy = course / "my" / f"{NAME}.ipynb"
    for _ in range(60):
        if "decision line" in copy.read_text():
            break
        time.sleep(0.5)
    assert "decision line" in copy.read_text()
    assert "widget-view" not in copy.read_text()
    notebook.command("Kernel", "Shut Down Kernel")
    expect(notebook.page.get_by_text("No Kernel").first).to_be_visible()
    again = open_notebook(f"my/{NAME}.ipynb")
    explorer = again.cell("neuron_explorer()")
    explorer.scroll_into_view_if_needed()
    expect(explorer.locator("img")).to_have_attribute("alt", re.compile("decision line"))
    expect(again.page.get_by_text("Error displaying widget")).to_have_count(0)
    again.screenshot("02_reopened")


def test_a_committed_notebook_shows_stills_with_descriptions(open_notebook):
    notebook = open_notebook(f"chapters/{NAME}.ipynb")
    still = notebook.cell("neuron_explorer()").locator("img")
    expect(still).to_have_attribute("alt", re.compile("decision line"))
    notebook.cell("neuron_explorer()").scroll_into_view_if_needed()
    notebook.screenshot("02_still")
    pictures = notebook.page.locator(".jp-OutputArea img")
    assert pictures.count() >= 4
    assert all(pictures.nth(i).get_attribute("alt") for i in range(pictures.count()))


def test_a_live_kernel_shows_widgets_that_answer(open_notebook):
    notebook = open_notebook(f"my/{NAME}.ipynb")
    notebook.run_all()
    explorer = notebook.cell("neuron_explorer()")
    explorer.get_by_role("button", name="show it without predicting").click()
    picture, words = notebook.canvas("neuron_explorer()"), explorer.locator(".widget-html-content").last
    expect(explorer.locator(".widget-slider")).to_have_count(3)
    expect(explorer.locator("img")).to_have_count(0)  # the live picture, not the still beside it
    before, said = fingerprint(picture), words.inner_text()
    handle = explorer.locator(".noUi-handle").nth(2)
    handle.focus()
    for _ in range(5):
        notebook.page.keyboard.press("ArrowRight")
    changed(picture, before)
    expect(words).not_to_have_text(said)
    X, _ = neuron.two_features()
    x, y = neuron._places()[np.where(X[:, 0] < 3.9, X[:, 0], 0).argmax()]  # the largest nuclei that are drawn
    scale = picture.bounding_box()["width"] / 644
    picture.hover(position={"x": x * scale, "y": y * scale})
    expect(words).to_contain_text("This mass is malignant: worst radius 33.1")
    notebook.screenshot("02_neuron_live")

    slope = notebook.cell("activation_explorer()")
    slope.get_by_role("button", name="show it without predicting").click()
    slope.scroll_into_view_if_needed()
    slope.locator("select").select_option("sigmoid")
    expect(slope.locator(".widget-html").last).to_contain_text("sigmoid at a = 1.0: output 0.7311, slope 0.1966")
    notebook.canvas("activation_explorer()").hover(position={"x": 150, "y": 100})
    expect(slope.locator(".widget-html").last).not_to_contain_text("a = 1.0")
    notebook.screenshot("02_activation_live")
    assert notebook.errors == []


def test_predictions_and_quiz_answer_in_the_page_and_are_kept(open_notebook, course):
    notebook = open_notebook(f"my/{NAME}.ipynb")
    notebook.run_all()
    question = notebook.cell('predict("2.1a"')
    question.scroll_into_view_if_needed()
    picture = notebook.cell("neuron_explorer()").locator(".course-canvas")
    expect(picture).to_be_hidden()
    button = question.get_by_role("button", name="That is my prediction")
    expect(button).to_be_disabled()
    question.get_by_label("it moves to larger radii").check()
    button.click()
    expect(question).to_contain_text("You said: it moves to larger radii")
    expect(picture).to_be_visible()
    question.get_by_role("button", name="was I right?").click()
    expect(question).to_contain_text("It came true.")
    quiz = notebook.cell('quiz("2")')
    quiz.scroll_into_view_if_needed()
    quiz.get_by_label("It turns.").check()
    expect(quiz).to_contain_text("Only the weights turn the line")
    notebook.screenshot("02_quiz")
    stored = (course / "my" / "progress.json").read_text()
    assert '"2.1a": 1' in stored
    assert '"2.q1": 0' in stored


def test_nothing_is_red_or_a_wall_of_warnings(open_notebook):
    notebook = open_notebook(f"my/{NAME}.ipynb")
    notebook.run_all()
    red = notebook.page.locator(".jp-OutputArea-output[data-mime-type$=stderr]").all_inner_texts()
    assert len(red) == 2  # what the article prints, run on purpose
    assert all("ValueError: " in text for text in red)
    assert notebook.errors == []
