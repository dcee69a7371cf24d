"""A stand-in for `google.colab.output`: which widget manager draws the widgets."""

from google.colab.output import _widgets

enable_custom_widget_manager = _widgets.enable_custom_widget_manager
disable_custom_widget_manager = _widgets.disable_custom_widget_manager
