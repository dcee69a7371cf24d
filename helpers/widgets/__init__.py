"""Pictures that answer the hand: each a pure function from a state to pixels, and a thin shell of core ipywidgets."""

from helpers.widgets.activation import activation_explorer
from helpers.widgets.neuron import neuron_explorer

__all__ = ["activation_explorer", "neuron_explorer"]
