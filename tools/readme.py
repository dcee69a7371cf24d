"""The table of chapters in README.md, written from the chapters themselves: `python -m tools.readme`."""

import re
import sys
from pathlib import Path

from tools import build, chapter
from tools.chapter import COURSE, ChapterError

PLAN = {
    "01": "Medical images are arrays",
    "02": "Neurons and ReLU",
    "03": "Convolution and pooling",
    "04": "Backpropagation",
    "05": "Training",
    "06": "A CNN in Keras",
    "07": "Classification: breast cancer",
    "08": "Detection: Faster R-CNN on lung nodules",
    "09": "Segmentation: U-Net on brain tumours",
    "10": "Trust: privacy, explanation, other hospitals, cost",
}
MARKERS = re.compile(r"(<!-- chapters -->\n).*?(<!-- /chapters -->)", re.S)


def table(course: Path = COURSE) -> str:
    """The ten chapters as a Markdown table: minutes and badges of those that are there, the others as planned."""
    texts = {text.number: text for text in chapter.find_texts(course=course)}
    measured = chapter.read_toml(course / "chapters" / "measured.toml")
    rows = [
        "| | chapter | learner's minutes (core, estimated) | cells run (measured) | open |",
        "|---|---|---|---|---|",
    ]
    for number, title in PLAN.items():
        if number not in texts:
            rows.append(f"| {number} | {title} | | | not there yet |")
            continue
        text = texts[number]
        minutes = chapter.read_front_matter(text).minutes
        seconds = f"up to {measured[number]['seconds']} s" if number in measured else ""
        link = f"[{title}](chapters/{text.notebook.name})"
        rows.append(f"| {number} | {link} | {minutes} | {seconds} | {build.badges(text)} |")
    return "\n".join(rows) + "\n"


def written(course: Path = COURSE) -> str:
    """README.md with its table brought up to date. Raises ChapterError when the markers are gone."""
    page = (course / "README.md").read_text(encoding="utf-8")
    if not MARKERS.search(page):
        raise ChapterError("README.md: expected <!-- chapters --> and <!-- /chapters --> around the table of chapters.")
    return MARKERS.sub(lambda found: found[1] + table(course) + found[2], page)


def main() -> int:
    """Write README.md anew."""
    chapter.write_text(COURSE / "README.md", written())
    return 0


if __name__ == "__main__":
    sys.exit(main())
