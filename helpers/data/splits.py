"""Training and test sets that share no patient."""

import hashlib
from collections.abc import Sequence

import numpy as np


def split_by_patient(patients: np.ndarray, test_share: float, rng: np.random.Generator) -> np.ndarray:
    """Which images go to the test set, so that no patient is on both sides.

    Parameters
    ----------
    patients : (N,), whose image each row is
    test_share : share of the *patients* that go to the test set, between 0 and 1
    rng : draws the patients

    Returns
    -------
    bool (N,), True where the image belongs to the test set: round(test_share * patients) of them, at least one
    """
    names = rng.permutation(np.unique(patients))
    return np.isin(patients, names[: max(1, round(test_share * len(names)))])


def split_by_name(names: Sequence[str], split: str) -> list[int]:
    """Which cases belong to a split where the publisher made none: 70 % of the names train, 15 % val, 15 % test.

    The same names always part the same way: the order of their SHA-256 decides, not that in the folder. More names may
    move some to another side. Of one name the test set gets it, of three each set one.

    Parameters
    ----------
    names : (N,), whose case each is, a patient or a series; they may repeat
    split : "train", "val", "test" or "all"

    Returns
    -------
    indices of the cases, in the order of `names`
    """
    order = sorted(set(names), key=lambda name: hashlib.sha256(name.encode()).digest())
    held_out = max(1, round(0.15 * len(order)))
    parts = {
        "all": order,
        "test": order[:held_out],
        "val": order[held_out : 2 * held_out],
        "train": order[2 * held_out :],
    }
    chosen = set(parts[split])
    return [k for k, name in enumerate(names) if name in chosen]
