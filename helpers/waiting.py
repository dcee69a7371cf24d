"""One line that says how far something is."""

import sys

from helpers.places import headless


def progress_bar(what: str, total: int | None = None, unit: str = "", **options):
    """A tqdm bar that shows up after a second, and goes when it is done; silent where nobody watches.

    Parameters
    ----------
    what : stands in front of the bar
    total : how many steps; None: unknown
    unit : what is counted; "B" counts bytes, in kB and MB
    options : more for tqdm, such as `initial`, or `iterable`, over which the bar then runs
    """
    from tqdm import tqdm

    if unit == "B":
        options |= {"unit_scale": True, "unit_divisor": 1000}
    return tqdm(
        desc=what,
        total=total,
        unit=unit or "it",
        delay=1,
        leave=False,
        disable=headless(),
        file=sys.stdout,
        dynamic_ncols=True,
        **options,
    )
