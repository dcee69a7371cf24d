"""The breast-mass table (WDBC) that ships inside scikit-learn, and the small network of chapter 02 trained on it.

569 breast masses, 30 numbers each, computed from a picture of cells drawn out with a fine needle. CC BY 4.0;
W. Wolberg, O. Mangasarian, N. Street, W. Street (as the archive lists them), 1995, doi 10.24432/C5DW2B.
"""

from dataclasses import dataclass

import numpy as np

from helpers.places import COURSE

NETWORK_FILE = COURSE / "data" / "wdbc_network.npz"


@dataclass(frozen=True)
class Table:
    """X (N, D) float64 features, y (N,) labels (1 malignant, 0 benign), the D feature names."""

    X: np.ndarray
    y: np.ndarray
    names: list[str]


def load_wdbc() -> Table:
    """The whole table: N = 569 masses, D = 30 features.

    scikit-learn has 0 for malignant. Here 1 is malignant: the thing one looks for is the positive class.
    """
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    return Table(data.data, 1 - data.target, [str(name) for name in data.feature_names])


def train_network(seed: int) -> dict[str, np.ndarray]:
    """Train 30 -> 8 ReLU -> 2 logits on 70 % of the table with scikit-learn; the other 30 % are held out.

    Returns
    -------
    mean, scale (D,) of the training rows; W1 (D, 8), b1 (8,), W2 (8, 2), b2 (2,); held_out: row numbers never seen
    """
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    table = load_wdbc()
    train, held_out = train_test_split(np.arange(len(table.y)), test_size=0.3, stratify=table.y, random_state=seed)
    mean, scale = table.X[train].mean(axis=0), table.X[train].std(axis=0)
    model = MLPClassifier((8,), activation="relu", alpha=0.01, max_iter=1500, random_state=seed)
    model.fit((table.X[train] - mean) / scale, table.y[train])
    W1, w = model.coefs_  # scikit-learn has one output a, and P(malignant) = sigmoid(a)
    b1, b = model.intercepts_
    W2, b2 = np.hstack([-w / 2, w / 2]), np.hstack([-b / 2, b / 2])  # softmax(-a/2, a/2) is the same
    return dict(mean=mean, scale=scale, W1=W1, b1=b1, W2=W2, b2=b2, held_out=np.sort(held_out))


def load_network() -> dict[str, np.ndarray]:
    """The weights that ship with the course: train_network(seed=0), as tools/make_wdbc_network.py stored them."""
    with np.load(NETWORK_FILE) as file:
        return {name: file[name] for name in file.files}
