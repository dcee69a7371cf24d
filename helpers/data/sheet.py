"""The card of a set: its first cases as a picture, and the facts."""

import html

import numpy as np

from helpers.data.case import Case
from helpers.data.dataset import Card, Dataset
from helpers.data.intensity import window
from helpers.display import contact_sheet, img, still_bytes, to_html

SIDE, SHOWN, COLUMNS = 280, 8, 4  # pixels of one picture, how many at most, how many in a row
YELLOW = (240, 228, 66)


def card_html(data: Dataset) -> str:
    """Some cases side by side, of a single scan its slices, and the card in words, as HTML."""
    card = data.card
    step = 1 if card.kind == "phantom" else max(1, len(data) // SHOWN)  # sorted sets show more than their first class
    cases = list(data[: step * SHOWN : step])
    words = to_html(repr(data).replace("\n", "\n\n"))
    if not cases:
        return words
    if len(cases) == 1 and cases[0].image.ndim == 4:
        depth = len(cases[0].image)
        shown = [(cases[0], k) for k in np.linspace(0, depth - 1, min(depth, SHOWN)).astype(int)]
        titles = [f"slice {k}" for _, k in shown]
    else:
        shown = [(case, _telling_slice(case) if case.image.ndim == 4 else None) for case in cases]
        titles = [title(case, card) + (f", slice {k}" if k is not None else "") for case, k in shown]
    columns = min(COLUMNS, len(shown))
    sheet = contact_sheet([draw(case, card, k) for case, k in shown], titles, columns, font_size=24)
    alt = f"{len(shown)} pictures, {card.called}: {', '.join(titles)}."
    if any(case.mask is not None or case.nodules is not None for case in cases):
        words += to_html("The yellow lines are the truth: outlines of masks, boxes around nodules.")
    return img(still_bytes(sheet), alt, 160 * columns) + f"<div style='max-width:46em'>{words}</div>"


def title(case: Case, card: Card) -> str:
    """What stands over a case: its class, else its shape; a phantom is called one."""
    if case.label is not None and card.classes:
        words = card.classes[case.label]
    else:
        words = " x ".join(str(n) for n in case.image.shape[:-1])
    return f"phantom, {words}" if card.kind == "phantom" else words


def draw(case: Case, card: Card, k: int | None = None) -> np.ndarray:
    """One case as uint8 (SIDE, SIDE, 3), of a scan slice k; masks and boxes outlined."""
    from PIL import Image, ImageDraw

    image, mask = case.image, case.mask
    boxes = np.empty((0, 4)) if case.nodules is None or case.nodules.boxes is None else case.nodules.boxes
    if image.ndim == 4:
        image, mask = image[k], None if mask is None else mask[k]
    grey = grey_levels(image, card)
    if mask is not None and mask.any():
        grey = _outlined(grey, mask)
    scale = SIDE / max(grey.shape[:2])
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    picture = Image.fromarray(grey).convert("RGB").resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    for y0, x0, y1, x1 in boxes * scale:
        pen.rectangle((x0 - 2, y0 - 2, x1 + 2, y1 + 2), outline=YELLOW)
    canvas = Image.new("RGB", (SIDE, SIDE), "white")
    canvas.paste(picture, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.asarray(canvas)


def _telling_slice(case: Case) -> int:
    if case.mask is not None and case.mask.any():
        return int((case.mask > 0).sum(axis=(1, 2)).argmax())
    if case.nodules is not None and len(case.nodules.centres):
        return int(np.clip(np.rint(case.nodules.centres[0, 0]), 0, len(case.image) - 1))
    return len(case.image) // 2


def grey_levels(image: np.ndarray, card: Card) -> np.ndarray:
    """(H, W, C) as uint8: colour as it is, CT in its window, anything else from its 1st to its 99th percentile."""
    if image.shape[-1] == 3 and image.dtype == np.uint8:
        return image
    first = image[..., 0]
    if card.window:
        return window(first, *card.window)
    if first.dtype == np.uint8 and first.max() > 16:
        return first
    low, high = np.percentile(first, (1, 99))
    return np.uint8(np.clip((first - low) / max(high - low, 1e-6), 0, 1) * 255)


def _outlined(grey: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The rim of the mask in yellow."""
    from scipy.ndimage import binary_erosion

    colour = np.repeat(grey[..., None], 3, axis=-1) if grey.ndim == 2 else grey.copy()
    colour[(mask > 0) & ~binary_erosion(mask > 0)] = YELLOW
    return colour


def table_html(rows: list[list[str]], head: list[str]) -> str:
    """A plain HTML table."""
    cells = "".join(f"<th style='text-align:left'>{html.escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td style='text-align:left'>{html.escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"
