"""How JupyterLab saves a learner's notebook when `course.py lab` has started it."""

LIVE = "application/vnd.jupyter.widget-view+json"


def without_live_widgets(model, **kwargs):
    """Leave out what only a running kernel can draw: a notebook that is opened again then shows the stills."""
    if model["type"] != "notebook":
        return
    for cell in model["content"]["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if len(data) > 1:  # never the only thing there is to see
                data.pop(LIVE, None)


c.FileContentsManager.pre_save_hook = without_live_widgets  # noqa: F821 - Jupyter hands `c` in
