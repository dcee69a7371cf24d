"""How long something takes, in the time that a fixed piece of work takes at the same moment on the same machine.

Absolute times differ from machine to machine and from minute to minute; this ratio hardly does.
"""

import time
from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

_IMAGE = np.random.default_rng(0).random((256, 256))


def _fixed_work() -> None:
    """3 to 4 ms here: filters, draws and steps of plain Python, as making a phantom has them."""
    gaussian_filter(_IMAGE, 4)
    np.random.default_rng(0).normal(size=(256, 256))
    sum(k * k for k in range(20_000))


def against_yardstick(work: Callable[[int], object], count: int, rounds: int = 3) -> float:
    """Processor time of `work(k)` in units of the fixed work, the least of some rounds.

    work : called with 0, 1, 2 ... ; no number comes twice, for what was made before may be kept
    count : calls in a round; the fixed work is done once after each, so that both meet the same machine
    """
    _fixed_work()
    ratios = []
    for round_ in range(rounds):
        ours = fixed = 0.0
        for k in range(count):
            start = time.thread_time()
            work(round_ * count + k)
            between = time.thread_time()
            _fixed_work()
            ours, fixed = ours + between - start, fixed + time.thread_time() - between
        ratios.append(ours / fixed)
    return min(ratios)
