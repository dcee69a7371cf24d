"""Training and test sets that share no patient."""

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
