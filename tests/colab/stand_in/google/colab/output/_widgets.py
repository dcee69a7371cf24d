"""Colab's switch: while the custom manager is on, every widget output of the session is marked with its address."""

from IPython import get_ipython

VIEW = "application/vnd.jupyter.widget-view+json"
_installed_url = None  # anywidget reads it by this name


def enable_custom_widget_manager():
    """Mark widget outputs from now on."""
    global _installed_url
    if _installed_url is None:
        get_ipython().display_pub.register_hook(_mark)
    _installed_url = "https://example.org/custom-widget-manager.js"


def disable_custom_widget_manager():
    """Leave widget outputs to Colab's own manager again."""
    global _installed_url
    if _installed_url is not None:
        get_ipython().display_pub.unregister_hook(_mark)
    _installed_url = None


def _mark(message):
    content = message.get("content", {})
    if VIEW in content.get("data", {}):
        content.setdefault("metadata", {})[VIEW] = {"colab": {"custom_widget_manager": {"url": _installed_url}}}
    return message
