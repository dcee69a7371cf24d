"""The widgets of chapter 01 in JupyterLab, on a notebook of their own: a learner hunts, sets windows, cuts a brain."""

import pytest
from playwright.sync_api import expect

from helpers.widgets import hunt
from tests.browser.conftest import changed, fingerprint

SETUP = """\
import sys
sys.path.insert(0, "..")
import numpy as np
from helpers.data.mni import load_mni152
from helpers.data.phantoms import chest_ct
from helpers.widgets import nodule_hunt, three_planes, window_explorer
chest = np.kron(chest_ct(0, 3, size=256, spacing=1.4).image[..., 0], np.ones((2, 2), int))
brain = load_mni152()"""
CELLS = [SETUP, "nodule_hunt()", "window_explorer(chest, (0.7, 0.7))", "three_planes(brain.values, brain.affine)"]


@pytest.fixture(scope="module", autouse=True)
def _long_waits():
    expect.set_options(timeout=30_000)


def test_the_nodule_is_found_by_a_click_once_the_window_fits(notebook):
    cell = notebook.cell("nodule_hunt()")
    cell.get_by_role("button", name="show it without predicting").click()
    picture, words = notebook.canvas("nodule_hunt()"), cell.locator(".widget-html-content").last
    notebook.screenshot("01_hunt_soft_tissue")
    box, game = picture.bounding_box(), hunt.hunted()
    scale = box["width"] / game.hu.shape[1]
    picture.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    expect(words).to_contain_text("The nodule is")
    before = fingerprint(picture)
    for handle, key, times in ((0, "PageDown", 6), (1, "PageUp", 3)):
        cell.locator(".noUi-handle").nth(handle).focus()
        for _ in range(times):
            notebook.page.keyboard.press(key)
    changed(picture, before)
    notebook.screenshot("01_hunt_lung")
    picture.click(position={"x": game.x * scale, "y": game.y * scale})
    expect(words).to_contain_text("Yes: a nodule of")
    notebook.screenshot("01_hunt_found")


def test_a_preset_moves_the_sliders_and_the_pointer_reads_hounsfield_units(notebook):
    cell = notebook.cell("window_explorer(chest")
    picture, words = notebook.canvas("window_explorer(chest"), cell.locator(".widget-html-content").last
    before = fingerprint(picture)
    expect(cell.locator("select")).to_have_value("soft tissue")
    cell.locator("select").select_option("lung")
    changed(picture, before)
    expect(words).to_contain_text("Level -600 HU, width 1500 HU")
    expect(cell.locator("select")).to_have_value("lung")
    picture.hover(position={"x": 150.5, "y": 250.5})
    expect(words).to_contain_text("shown as grey")
    notebook.screenshot("01_window")
    histogram = notebook.canvas("window_explorer(chest", 1)
    histogram.hover(position={"x": 150, "y": 150})
    expect(words).to_contain_text("pixels.")


def test_the_arrow_keys_in_one_plane_move_the_others(notebook):
    axial, coronal, sagittal = (notebook.canvas("three_planes(brain", k) for k in range(3))
    words = notebook.cell("three_planes(brain").locator(".widget-html-content").last
    before = [fingerprint(canvas) for canvas in (axial, coronal, sagittal)]
    axial.focus()
    for key in ("ArrowRight", "Shift+ArrowDown"):
        notebook.page.keyboard.press(key)
    expect(words).to_contain_text("Voxel (i, j, k) = (97, 106, 94)")
    changed(coronal, before[1])
    changed(sagittal, before[2])
    assert fingerprint(axial) == before[0]
    axial.click(position={"x": 90, "y": 90})
    expect(words).not_to_contain_text("(97, 106, 94)")
    words.scroll_into_view_if_needed()
    notebook.screenshot("01_planes")
