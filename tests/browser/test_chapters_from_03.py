"""Chapters from 03 on in JupyterLab: they run to their end, nothing is red that should not be, every widget answers."""

import pytest
from playwright.sync_api import expect

# chapter -> its widgets: the call, how many pictures; and how many errors it shows on purpose
CHAPTERS = {
    "03_convolution_and_pooling": ({"kernel_explorer(": 3, "pooling_explorer(": 2}, 1),
    "04_backpropagation": ({"graph_stepper(": 1, "gradient_check_explorer(": 1}, 0),
    "05_training": ({"ravine_explorer(": 2, "learning_curve_explorer(": 2}, 1),
    "06_a_cnn_in_keras": ({"feature_map_explorer(": 3}, 0),
    "07_classification": ({"augmentation_gallery(": 2, "interval_explorer(": 2, "threshold_explorer(": 2}, 0),
    "08_faster_rcnn": ({"anchor_explorer(": 2, "detection_explorer(": 2}, 0),
    "09_unet": ({"mask_explorer(": 2, "sequence_mixer(": 2, "annotation_desk(": 1}, 0),
    "10_trust": ({"explanation_toggle(": 2, "price_page(": 1}, 0),
}


@pytest.fixture(scope="module", autouse=True)
def _long_waits():
    expect.set_options(timeout=60_000)


@pytest.mark.parametrize("name", CHAPTERS)
def test_it_runs_to_its_end_and_its_widgets_answer(open_notebook, name):
    widgets, errors = CHAPTERS[name]
    notebook = open_notebook(f"my/{name}.ipynb")
    notebook.run_all(seconds=600)  # from 05 on they train, here without what an earlier run has kept; 09 took 240 s
    red = notebook.page.locator(".jp-OutputArea-output[data-mime-type$=stderr]").all_inner_texts()
    assert len(red) == errors, red
    assert all("Error: " in text for text in red)
    for call, pictures in widgets.items():
        cell = notebook.cell(call)
        curtain = cell.get_by_role("button", name="show it without predicting")
        if curtain.count():
            curtain.click()
        picture = notebook.canvas(call)
        expect(cell.locator(".course-canvas canvas[role=application]")).to_have_count(pictures)
        assert picture.bounding_box()["width"] > 100
        words = cell.locator(".widget-html-content").last
        drawn = cell.locator(".course-canvas")
        before, said = [canvas.screenshot() for canvas in drawn.all()], words.inner_text()
        handle = cell.locator(".noUi-handle").first
        handle.focus()
        for _ in range(4):
            notebook.page.keyboard.press("ArrowRight")
        expect(words).not_to_have_text(said)
        notebook.page.wait_for_timeout(300)
        assert [canvas.screenshot() for canvas in drawn.all()] != before  # pixels, or the marks over them
        notebook.screenshot(f"{name[:2]}_{call.strip('(')}")
    assert notebook.errors == []
