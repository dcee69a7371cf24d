"""Plays a learner at a widget without a page: finds its parts, and does what messages from the page do."""

import re
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np


def parts(shown: Any, kind: str) -> list:
    """The widgets of a class by name, in order of appearance, e.g. parts(shown, "Canvas")."""

    def within(widget: Any) -> list:
        found = [widget] if type(widget).__name__ == kind else []
        return found + [part for child in getattr(widget, "children", ()) for part in within(child)]

    return within(shown.widget)


def words(shown: Any) -> str:
    """The caption of an explorer, as HTML."""
    return parts(shown, "HTML")[-1].value


def plain(shown: Any) -> str:
    """The caption without its tags."""
    return re.sub("<[^>]+>", "", words(shown))


def numbers(pattern: str, said: str) -> list[float]:
    """The numbers where the pattern has groups."""
    return [float(number) for number in re.search(pattern, said.replace("**", "")).groups()]


def seconds_of_moves(moves: Iterable[Callable]) -> list[float]:
    """Wall time of each move, in the quickest of three rounds."""
    rounds = []
    for _ in range(3):
        rounds.append([])
        for move in moves:
            start = time.perf_counter()
            move()
            rounds[-1].append(time.perf_counter() - start)
    return min(rounds, key=np.median)


def hover(canvas: Any, x: int, y: int, held: int = 0) -> None:
    """The pointer moves to (x, y), in picture pixels."""
    canvas.set_state({"hover": [x, y, held]})


def leave(canvas: Any) -> None:
    """The pointer leaves the picture."""
    canvas.set_state({"hover": []})


def click(canvas: Any, x: int, y: int) -> None:
    """A click at (x, y)."""
    canvas._handle_custom_msg({"kind": "click", "x": x, "y": y}, [])


def paint(canvas: Any, points: list[tuple[int, int]], radius: int = 2, value: int = 1) -> None:
    """A stroke of the brush through `points`; value 0 erases."""
    canvas._handle_custom_msg({"kind": "stroke", "points": points, "radius": radius, "value": value}, [])
