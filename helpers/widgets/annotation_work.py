"""What is done on one slice at the annotation desk: steps that can be undone, and what they took."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from helpers import metrics

STARTS = "nothing", "proposal"
PAUSE = 10.0  # seconds: a longer pause counts as this
TOLERANCE = 2.0  # mm, of the surface Dice


class Work:
    """What has been done on one slice: the mask as it is, the masks before each step, and what it took.

    truth, proposal : (H, W) bool; start : one of STARTS; clock : seconds, as time.monotonic
    """

    def __init__(self, truth: np.ndarray, proposal: np.ndarray, start: str, clock: Callable[[], float]) -> None:
        self.truth, self.proposal, self.clock = truth, proposal, clock
        self.strokes, self.before, self.result = 0, [], None
        self._active, self._last, self._begun = 0.0, None, None  # seconds; `_begun` in those of `_active`
        self._trail = deque(maxlen=5_000)  # (seconds, place) of the pointer before the first stroke
        self.begin(start)

    def begin(self, start: str) -> None:
        """Take `start`, before the first stroke."""
        self.start, self.mask = start, self._origin(start)

    def _origin(self, start: str) -> np.ndarray:
        return self.proposal.copy() if start == "proposal" else np.zeros_like(self.proposal)

    def tick(self, place: Sequence[int] = ()) -> None:
        """The learner is at work, with the pointer at `place` (x, y): the time since the last tick counts."""
        now = self.clock()
        self._active += min(now - (now if self._last is None else self._last), PAUSE)
        self._last = now
        if self._begun is None and len(place):
            self._trail.append((self._active, tuple(place)))

    def step(self, mask: np.ndarray, points: Sequence[Sequence[int]]) -> None:
        """A stroke through `points` (x, y), or a click, has made `mask` of what was there."""
        self.tick()
        if self._begun is None:  # a stroke is told when it ends; it began when the pointer came to its path
            path, self._begun = {tuple(place) for place in points}, self._active
            for seconds, place in reversed(self._trail):
                if place not in path:
                    break
                self._begun = seconds
        self.strokes += 1
        self._change(mask)

    def _change(self, mask: np.ndarray) -> None:
        if (mask != self.mask).any():
            self.before.append(self.mask)
            self.mask = mask

    def undo(self) -> None:
        """Take the last change back, if there is one. The stroke and its time were spent all the same."""
        self.tick()
        if self.before and self.result is None:
            self.mask = self.before.pop()

    def reset(self) -> None:
        """Back to the start; this too can be undone."""
        self.tick()
        if self.result is None:
            self._change(self._origin(self.start))

    def finish(self, number: int, spacing: Sequence[float]) -> dict[str, Any]:
        """Compare with the truth: the row of the slice `number`."""
        self.tick()
        self.result = {
            "slice": number,
            "start": self.start,
            "strokes": self.strokes,
            "seconds": 0.0 if self._begun is None else self._active - self._begun,
            "dice_before": metrics.dice(self._origin(self.start), self.truth),
            "dice_after": metrics.dice(self.mask, self.truth),
            "surface_dice": metrics.surface_dice(self.mask, self.truth, spacing, TOLERANCE),
        }
        return self.result


def clicked(mask: np.ndarray, x: int, y: int) -> np.ndarray:
    """`mask` (H, W) without the piece at (x, y), or with the hole there filled; unchanged outside.

    Pixels that touch at a corner belong to one piece. A hole is what is cut off from the edge of the image.
    """
    from scipy import ndimage

    here = mask[y, x]
    pieces, _ = ndimage.label(
        mask if here else np.pad(~mask, 1, constant_values=True), np.ones((3, 3)) if here else None
    )
    if not here:
        outside, pieces = pieces[0, 0], pieces[1:-1, 1:-1]
        if pieces[y, x] == outside:
            return mask
    return np.where(pieces == pieces[y, x], not here, mask)
