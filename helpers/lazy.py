"""Names that arrive when they are used, so that importing a package costs nothing."""

import importlib
from collections.abc import Callable


def arriving(package: str, homes: dict[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package whose names live in other modules (PEP 562).

    Parameters
    ----------
    package : its name
    homes : public name -> module it is imported from
    """
    names = sorted(homes)

    def __getattr__(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"{package} has no {name!r}. It has: {', '.join(names)}")
        return getattr(importlib.import_module(homes[name]), name)

    return __getattr__, lambda: names, names
