"""Pictures that answer the hand: each a pure function from a state to pixels, in the shell that `shell` describes."""

from helpers.lazy import arriving

_HOMES = {
    "activation_explorer": "helpers.widgets.activation",
    "neuron_explorer": "helpers.widgets.neuron",
    "nodule_hunt": "helpers.widgets.hunt",
    "reader_ratings": "helpers.widgets.reader",
    "reader_study": "helpers.widgets.reader",
    "three_planes": "helpers.widgets.planes",
    "window_explorer": "helpers.widgets.window",
}

__getattr__, __dir__, __all__ = arriving(__name__, _HOMES)
