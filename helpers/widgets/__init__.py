"""Pictures that answer the hand: each a pure function from a state to pixels, in the shell that `shell` describes."""

import importlib

_HOMES = {
    "activation_explorer": "helpers.widgets.activation",
    "neuron_explorer": "helpers.widgets.neuron",
    "nodule_hunt": "helpers.widgets.hunt",
    "reader_ratings": "helpers.widgets.reader",
    "reader_study": "helpers.widgets.reader",
    "three_planes": "helpers.widgets.planes",
    "window_explorer": "helpers.widgets.window",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"helpers.widgets has no {name!r}. It has: {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
