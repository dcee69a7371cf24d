"""A set of cases: one at a time, or whole columns; memory stays flat when it is iterated."""

import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

from helpers.data.case import Case, Findings
from helpers.data.dataset import Card, Dataset
from helpers.data.errors import DataError

CARD = Card("spots", "bright spots", "phantom", "train", "by patient", "none", "nobody", ("dark", "bright"))


@dataclass
class Spots:
    """Cases whose pixels hold their number; `read` lists which were asked for."""

    count: int
    side: int = 8
    scans: bool = False

    def __post_init__(self):
        self.read: list[int] = []

    def __len__(self) -> int:
        return self.count

    def cases(self, numbers):
        for k in numbers:
            self.read.append(k)
            shape = (3, self.side, self.side, 1) if self.scans else (self.side, self.side, 1)
            boxes = None if self.scans else np.full((k % 3, 4), k, np.float32)
            found = Findings(np.zeros((k % 3, 2)), np.zeros(k % 3), np.array(["solid"] * (k % 3), np.str_), boxes)
            yield Case(np.full(shape, k, np.float32), np.full(len(shape) - 1, 0.8), f"p{k // 2}", k % 2, nodules=found,
                       mask=np.full(shape[:-1], k % 2, np.uint8), table={"age": 40.0 + k})  # fmt: skip


def test_one_case_some_cases_all_cases():
    data = Dataset(CARD, Spots(10))
    assert len(data) == 10
    assert data[3].image[0, 0, 0] == data[-7].image[0, 0, 0] == 3
    assert [case.patient for case in data[4:8]] == ["p2", "p2", "p3", "p3"]
    assert len(data[::3]) == 4
    assert [case.patient for case in data[[0, 9]]] == ["p0", "p4"]
    assert data[data.labels == 1].labels.tolist() == [1] * 5
    assert repr(data[2]) == "Case(image (8, 8, 1) float32, spacing [0.8 0.8], patient p1, label 0, " + (
        "mask (8, 8) uint8, nodules: 2, table {'age': 42.0})"
    )
    with pytest.raises(IndexError, match="there are 10 cases, 0 to 9; got 10"):
        data[10]


def test_columns_fit_the_cases():
    data = Dataset(CARD, Spots(10))
    assert data.images.shape == (10, 8, 8, 1)
    assert data.masks.shape == (10, 8, 8)
    assert data.labels.tolist() == [0, 1] * 5
    assert data.patients.tolist() == [f"p{k // 2}" for k in range(10)]
    assert [len(boxes) for boxes in data.boxes] == [k % 3 for k in range(10)]
    assert data.spacing.tolist() == [0.8, 0.8]
    assert data.table["age"].tolist() == [40 + k for k in range(10)]
    assert (data.images[:, 0, 0, 0] == np.arange(10)).all()
    assert (data[2:5].images[:, 0, 0, 0] == [2, 3, 4]).all()


def test_a_chosen_order_is_kept():
    data = Dataset(CARD, Spots(10), [7, 2, 2])
    assert data.images[:, 0, 0, 0].tolist() == [7, 2, 2]
    assert data[0].patient == "p3"


def test_all_columns_together_read_each_case_once():
    source = Spots(6)
    data = Dataset(CARD, source)
    _ = data.images, data.masks, data.labels, data.boxes, data.table
    assert source.read == list(range(6))


def test_iterating_needs_the_memory_of_one_case():
    """Peak over 8 cases of 2 MB and over 64 of them."""

    def peak(count: int) -> int:
        data = Dataset(CARD, Spots(count, side=700))
        tracemalloc.start()
        for _ in data:
            pass
        high = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return high

    assert peak(64) < 1.2 * peak(8)


def test_what_a_set_does_not_have_is_said():
    class Bare(Spots):
        def cases(self, numbers):
            for k in numbers:
                yield Case(np.zeros((4 + k % 2, 4, 1)), None)

    data = Dataset(CARD, Bare(4))
    for column in ("labels", "patients", "spacing", "boxes"):
        with pytest.raises(DataError, match="spots has no .* for every case"):
            getattr(data, column)
    with pytest.raises(DataError, match="have different shapes, .4, 4, 1. and .5, 4, 1.*one at a time"):
        _ = data.images
    with pytest.raises(DataError, match="spots has no masks"):
        _ = data[::2].masks
    with pytest.raises(DataError, match="is empty"):
        _ = data[:0].labels
    with pytest.raises(DataError, match="whole scans, which have no boxes"):
        _ = Dataset(CARD, Spots(2, scans=True)).boxes


def test_images_that_would_fill_the_memory_are_refused(monkeypatch):
    monkeypatch.setattr("helpers.data.dataset.MOST_BYTES", 1000)
    with pytest.raises(DataError, match="would take .* of memory.*one at a time"):
        _ = Dataset(CARD, Spots(10)).images


@pytest.mark.parametrize("scans", [False, True])
def test_a_set_shows_itself_as_a_picture_with_the_facts(scans):
    html = Dataset(CARD, Spots(10, scans=scans))._repr_html_()
    assert html.count("<img ") == 1
    first = "phantom, dark, slice 1" if scans else "phantom, dark"
    assert f'alt="8 pictures, bright spots (phantom): {first}, phantom, bright' in html
    for fact in ("10 cases of bright spots", "by patient", "0 dark, 1 bright", "licence: none", "cite: nobody"):
        assert fact in html
    text = repr(Dataset(CARD, Spots(10, scans=scans)))
    assert "10 cases of bright spots (phantom)" in text


def test_an_empty_set_shows_its_facts():
    assert "0 cases" in Dataset(CARD, Spots(0))._repr_html_()


def test_a_single_scan_shows_its_slices():
    html = Dataset(CARD, Spots(1, scans=True))._repr_html_()
    assert "3 pictures, bright spots (phantom): slice 0, slice 1, slice 2." in html
