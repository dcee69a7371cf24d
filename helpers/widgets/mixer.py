"""What a network sees of a tumour when sequences are left out, beside the truth; and a mix of those that it gets."""

import functools
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from helpers import metrics
from helpers.data.phantoms.brain_mri import LABELS, SEQUENCES
from helpers.display import Shown, contact_sheet
from helpers.widgets.marks import BLUE, ORANGE, WHITE, Mark, drawn, line, point, text
from helpers.widgets.shell import View, explorer, slider

MIX = "a mix"
WIDTH = 400  # CSS pixels of a picture
_LOOKS = {  # of the regions: colour and dash of their outlines, and that in words
    "WT": (BLUE, (), "blue, solid"),
    "TC": (ORANGE, (7, 4), "orange, dashed"),
    "ET": ("#F0E442", (3, 4), "yellow, dotted"),
}


def inside(images: np.ndarray) -> np.ndarray:
    """Where the brain is: some sequence of images (..., C) is not 0. All of an image that is 0 everywhere."""
    brain = (images != 0).any(axis=-1)
    return brain | ~brain.any(axis=(-2, -1), keepdims=True)


def greys(images: np.ndarray) -> np.ndarray:
    """Images (n, H, W, C) of any scale as uint8: each sequence from its 1st to its 99th percentile in the brain.

    Outside the brain: 0.
    """
    shown = np.zeros(images.shape, np.uint8)
    for image, brain, grey in zip(images, inside(images), shown, strict=True):
        low, high = np.percentile(image[brain], [1, 99], axis=0)
        grey[brain] = np.rint(np.clip((image[brain] - low) / np.maximum(high - low, 1e-12), 0, 1) * 255)
    return shown


def outlines(mask: np.ndarray, colour: str, **look) -> list[Mark]:
    """The outline of a mask (H, W): a line around each of its pieces and holes."""
    from skimage.measure import find_contours

    paths = find_contours(np.pad(mask, 1).astype(float), 0.5)
    return [line(path[:, ::-1] - 0.5, colour, **look) for path in paths]


def as_images(images, names: Sequence[str]) -> np.ndarray:
    """(n, H, W, C) finite numbers, as many sequences as names, or a ValueError."""
    images = np.asarray(images)
    if images.ndim != 4 or not images.size or images.shape[3] != len(names):
        raise ValueError(f"expected images (n, H, W, {len(names)}), a channel for each of {names}, got {images.shape}")
    if not np.isfinite(images).all():
        raise ValueError("expected finite images, got nan or infinity; find out where it comes from, 0 / 0 perhaps")
    return images


class Mixer:
    """Slices, and what networks say of each subset of their sequences. Arguments and errors: `sequence_mixer`."""

    def __init__(self, images, truth, predict, names: Sequence[str] = SEQUENCES) -> None:
        self.images, self.truth, self.names = as_images(images, names), np.asarray(truth), tuple(names)
        if self.truth.shape != self.images.shape[:3]:
            raise ValueError(f"expected truth {self.images.shape[:3]}, as the images, got {self.truth.shape}")
        if not predict:
            raise ValueError('expected a network or more, e.g. {"trained on all four": predict}, got none')
        self.slices = [f"slice {k}" for k in range(1, len(self.images) + 1)]
        self.greys, self.true = greys(self.images), metrics.regions(self.truth)  # (3, n, H, W)
        self.subsets = [on for on in itertools.product((True, False), repeat=len(names)) if any(on)]
        stacked = np.concatenate([np.where(on, self.images, 0) for on in self.subsets])
        self.answers = {name: self._asked(name, network, stacked) for name, network in predict.items()}
        self.dice = {name: self._scored(answers) for name, answers in self.answers.items()}
        self.outlined = functools.lru_cache(maxsize=200)(self._outlined)

    def _asked(self, name: str, network: Callable, stacked: np.ndarray) -> np.ndarray:
        labels = np.asarray(network(stacked))
        if labels.shape != stacked.shape[:3] or labels.dtype.kind not in "iu":
            advice = "of probabilities take argmax over the channels"
            raise ValueError(
                f"{name}: expected labels {stacked.shape[:3]} as integers, got {labels.dtype} {labels.shape}; {advice}"
            )
        return labels.reshape(len(self.subsets), *self.truth.shape)

    def _scored(self, answers: np.ndarray) -> np.ndarray:
        """(subsets, n, 3) Dice of WT, TC and ET."""
        scores = np.empty((*answers.shape[:2], 3))
        for where in np.ndindex(answers.shape[:2]):
            pairs = zip(metrics.regions(answers[where]), self.true[:, where[1]], strict=True)
            scores[where] = [metrics.dice(*pair) for pair in pairs]
        return scores

    def where(self, state: dict) -> tuple[int, int]:
        """Of the subset that is on, and of the slice, the place."""
        on = tuple(state[f"on {name}"] for name in self.names)
        return self.subsets.index(on), self.slices.index(state["slice"])

    def answer(self, state: dict) -> np.ndarray:
        """The network's labels (H, W)."""
        return self.answers[state["network"]][self.where(state)]

    def weights(self, state: dict) -> np.ndarray:
        """(C,) of each sequence in the grey picture; they add up to 1."""
        if state["show"] != MIX:
            return np.array([float(name == state["show"]) for name in self.names])
        weights = np.array([state[f"weight {name}"] * state[f"on {name}"] for name in self.names])
        return weights / weights.sum()

    def picture(self, state: dict) -> np.ndarray:
        """state {"slice", "show", "on <sequence>", "weight <sequence>"} -> uint8 (H, W)."""
        return np.rint(self.greys[self.slices.index(state["slice"])] @ self.weights(state)).astype(np.uint8)

    def _outlined(self, network: str | None, subset: int, z: int) -> list[Mark]:
        regions = self.true[:, z] if network is None else metrics.regions(self.answers[network][subset, z])
        return [
            mark
            for region, (colour, dash, _) in zip(regions, _LOOKS.values(), strict=True)
            for mark in outlines(region, colour, dash=dash, width=2.3, edge=False)
        ]

    def marks(self, view: str, state: dict) -> list[Mark]:
        """A title, the outlines of WT, TC and ET, true or answered; where the pointer is in the other view."""
        (subset, z), at, (height, width) = self.where(state), state["hover"], self.truth.shape[1:]
        title = "truth" if view == "truth" else f"network, from {', '.join(self._gets(subset))}"
        marks = [text(width / 2, 0.04 * height, title, WHITE, 13), *self._legend(height, width)]
        marks += self.outlined(*((None, 0, z) if view == "truth" else (state["network"], subset, z)))
        return marks if at is None or at.view == view else [*marks, point(at.x + 0.5, at.y + 0.5, WHITE, 6)]

    def _legend(self, height: int, width: int) -> list[Mark]:
        """A short line and a name for each region, in the lower left corner."""
        marks = []
        for k, (name, (colour, dash, _)) in enumerate(_LOOKS.items()):
            y = height * (0.87 + 0.05 * k)
            marks += [line([(0.02 * width, y), (0.11 * width, y)], colour, dash=dash, width=2.3, edge=False)]
            marks += [text(0.13 * width, y, name, colour, 12, "left")]
        return marks

    def _gets(self, subset: int) -> list[str]:
        return [name for name, on in zip(self.names, self.subsets[subset], strict=True) if on]

    def turned(self, state: dict, name: str) -> dict:
        """One sequence stays on; who moves a weight wants to see that sequence in the mix."""
        if name.startswith("on ") and not any(state[f"on {each}"] for each in self.names):
            return {name: True}
        if name.startswith("weight "):
            return {"show": MIX, name.replace("weight", "on", 1): True}
        return {}

    def caption(self, state: dict) -> str:
        """What the network gets, its Dice now and with all sequences, what is shown, and what is under the pointer."""
        (subset, z), at = self.where(state), state["hover"]
        gets = self._gets(subset)
        lacks = [name for name in self.names if name not in gets]
        now, best = self.dice[state["network"]][[subset, 0], z]
        each = [f"{region} **{a:.2f}** ({b:.2f})" for region, a, b in zip(metrics.REGIONS, now, best, strict=True)]
        words = (
            f"{state['slice'].capitalize()}, network *{state['network']}*. It gets **{', '.join(gets)}**"
            f"{f'; {_listed(lacks)} 0 everywhere' if lacks else ''}.\n"
            f"Dice on this slice, in brackets with all sequences: {', '.join(each)}."
        )
        none = [region for region, mask in zip(metrics.REGIONS, self.true[:, z], strict=True) if not mask.any()]
        if none:
            words += f" The truth has no {' and no '.join(none)} here: Dice is 1 if the network finds none, else 0."
        words += f"\nGrey: {self._shown(state, gets)}. Outlines: "
        words += ", ".join(f"{name} {look[2]}" for name, look in _LOOKS.items()) + "."
        if at is None:
            return words
        values = (f"{name} {value:.3g}" for name, value in zip(self.names, self.images[z, at.y, at.x], strict=True))
        true, said = (LABELS[labels[at.y, at.x]] for labels in (self.truth[z], self.answer(state)))
        return f"{words}\nRow {at.y}, column {at.x}: truth {true}, network {said}. {', '.join(values)}."

    def _shown(self, state: dict, gets: list[str]) -> str:
        if state["show"] != MIX:
            return state["show"] + ("" if state["show"] in gets else ", which the network does not get")
        parts = [f"{weight:.0%} {name}" for name, weight in zip(self.names, self.weights(state), strict=True) if weight]
        return f"a mix of {', '.join(parts)}" if len(parts) > 1 else f"all {parts[0].split(maxsplit=1)[1]}"

    def telling(self) -> str:
        """The slice with the largest enhancing tumour; without any, the one with the largest tumour."""
        et, wt = self.true[2].sum(axis=(1, 2)), self.true[0].sum(axis=(1, 2))
        return self.slices[int((et if et.any() else wt).argmax())]

    def costliest(self, state: dict) -> str:
        """The sequence without which the mean Dice of the slice's three regions is lowest."""
        _, z = self.where(state)
        without = [tuple(name != each for each in self.names) for name in self.names]
        scores = [self.dice[state["network"]][self.subsets.index(on), z].mean() for on in without]
        return self.names[int(np.argmin(scores))]


def _listed(names: list[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"


def flowing(shown: Shown, waits_for: str | None) -> Shown:
    """The controls of an explorer side by side where there is room, and not each in a row of its own."""
    body = shown.widget if waits_for is None else shown.widget.children[1]
    body.children[0].layout.flex_flow, body.children[0].layout.max_width = "row wrap", f"{2 * WIDTH + 30}px"
    return shown


def sequence_mixer(
    images: np.ndarray,
    truth: np.ndarray,
    predict: dict[str, Callable[[np.ndarray], np.ndarray]],
    names: Sequence[str] = SEQUENCES,
    waits_for: str | None = None,
) -> Shown:
    """The widget: slices in several sequences, the true regions, and what a network says when sequences are left out.

    Each network is asked once, at the start, for all subsets of the sequences of all slices; one left out is 0.

    Parameters
    ----------
    images : (n, H, W, C), any scale, 0 outside the brain
    truth : (n, H, W) labels 0 to 3, as `metrics.regions` takes them
    predict : name of a network -> function from images (m, H, W, C) to labels (m, H, W)
    names : of the C sequences, two or more
    waits_for : id of the prediction to be made first

    A ValueError for shapes that do not fit, values that are not finite or no labels, no network, a single sequence.
    """
    import ipywidgets as widgets

    if len(set(names)) != len(names) or len(names) < 2:
        raise ValueError(f"expected names of two sequences or more, each another, got {names}")
    shown, partial = Mixer(images, truth, predict, names), functools.partial
    networks = list(predict)
    width = "20em" if len(networks) > 1 else "30em"  # so that they fill a row
    look = {"style": {"description_width": "5em"}, "layout": {"width": width, "max_width": "100%"}}
    controls = {
        "slice": widgets.Dropdown(options=shown.slices, value=shown.telling(), description="slice", **look),
        "show": widgets.Dropdown(options=[*names, MIX], value=names[0], description="shown", **look),
        "network": widgets.Dropdown(options=networks, value=networks[0], description="network", **look),
    }
    for name in names:
        controls[f"on {name}"] = widgets.Checkbox(True, description=name, indent=False, layout={"width": "7em"})
        controls[f"weight {name}"] = slider("weight", 0.5, 0.1, 1, 0.1)
        controls[f"weight {name}"].style.description_width, controls[f"weight {name}"].layout.width = "5em", "22em"
    start = {name: control.value for name, control in controls.items()} | {"hover": None}
    if len(networks) == 1:
        del controls["network"]
    uses = ("slice", "show", *(f"{kind} {name}" for kind in ("on", "weight") for name in names))
    views = {
        view: View(shown.picture, alt, partial(shown.marks, view), WIDTH, smooth=False, uses=uses)
        for view, alt in (("truth", "A slice, the truth."), ("answer", "The same slice, the network's answer."))
    }
    lost = shown.costliest(start)
    states = {"all sequences": start, f"without {lost}": start | {f"on {lost}": False}}
    pictures = [drawn(shown.picture(s), shown.marks(view, s), 260) for s in states.values() for view in views]
    titles = [title for name in states for title in (name, name)]
    alt = f"A slice with the true regions beside a network's answer: with all sequences, and without {lost}, which "
    alt += "costs this slice the most. " + " ".join(shown.caption(s) for s in states.values()).replace("*", "")
    own = {} if "network" in controls else {"network": networks[0]}
    act = {"start": own, "on_control": shown.turned, "waits_for": waits_for}
    return flowing(explorer(views, shown.caption, controls, contact_sheet(pictures, titles), alt, **act), waits_for)
