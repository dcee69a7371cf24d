"""How fast `hausdorff95` is beside the plain way with SciPy: `python -m tests.benchmarks.hd95`, about half a minute.

The plain way crops both masks to their joint bounding box, erodes them and takes two distance transforms. Both run in
turns on the same masks; what is printed is the median of their CPU times and of the ratio within a turn.
"""

import time

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt, gaussian_filter

from helpers.metrics import hausdorff95

PHANTOM = (24, 96, 96), (3.0, 208 / 96, 208 / 96)  # a whole brain of the course: voxels, mm
TURNS = 15


def ball(shape, middle, radius) -> np.ndarray:
    """Radius in voxels, one number, or one for each axis."""
    offset = np.indices(shape).T - np.array(middle)
    return (((offset / radius) ** 2).sum(axis=-1) <= 1).T


def masks() -> dict:
    """Two masks and a spacing each."""
    shape, spacing = PHANTOM
    rng = np.random.default_rng(0)
    tumour = ball(shape, (12, 40, 50), (5, 9, 11))
    island, voxel = np.zeros(shape, bool), np.zeros(shape, bool)
    island[20, 85, 10] = voxel[12, 40, 50] = True
    rough = gaussian_filter(rng.normal(size=(80,) * 3), 1)
    rougher = rough + gaussian_filter(rng.normal(size=(80,) * 3), 1) / 2
    moved, far = ball((80,) * 3, (42, 41, 37), 30), ball((120,) * 3, (90, 90, 90), 25)
    return {
        "tumour, shifted": (tumour, np.roll(tumour, (1, 2), (0, 1)), spacing),
        "tumour, far island": (tumour | island, tumour, spacing),
        "tumour, one voxel": (tumour, voxel, spacing),
        "one voxel, twice": (voxel, np.roll(voxel, 2, 1), spacing),
        "a slice": (tumour[12], np.roll(tumour[12], 3, 0), spacing[1:]),
        "balls of 30 voxels": (ball((80,) * 3, (40, 40, 40), 30), moved, (1.0, 1.0, 1.0)),
        "balls far apart": (ball((120,) * 3, (28, 28, 28), 25), far, (1.0, 0.8, 0.8)),
        "rough, 80 x 80 x 80": (rough > 0, rougher > 0, (1.0, 1.0, 1.0)),
        "noise, 80 x 80 x 80": (rng.random((80,) * 3) > 0.5, rng.random((80,) * 3) > 0.5, (1.0, 1.0, 1.0)),
    }


def phantoms() -> dict:
    from helpers import load

    pairs = {}
    for k, case in enumerate(load("brain_mri", "test", n=3, size=96, scans=True, seed=0)):
        truth = case.mask > 0
        pairs[f"phantom {k}"] = truth, np.roll(truth, (1, -1, 2), (0, 1, 2)), tuple(case.spacing)
    return pairs


def plain(a, b, spacing) -> float:
    filled = [np.flatnonzero((a | b).any(axis=tuple({*range(a.ndim)} - {axis}))) for axis in range(a.ndim)]
    box = tuple(slice(places[0], places[-1] + 1) for places in filled)
    a, b = a[box], b[box]
    edge_a, edge_b = a & ~binary_erosion(a), b & ~binary_erosion(b)
    from_a = distance_transform_edt(~edge_b, sampling=spacing)[edge_a]
    from_b = distance_transform_edt(~edge_a, sampling=spacing)[edge_b]
    return max(np.percentile(from_a, 95), np.percentile(from_b, 95))


def seconds(function, pair) -> float:
    began = time.process_time()
    function(*pair)
    return time.process_time() - began


def compare(pair, turns: int = TURNS) -> np.ndarray:
    """(3,) medians: CPU seconds of ours, of the plain way, and the ratio of both in one turn."""
    took = np.array([(seconds(hausdorff95, pair), seconds(plain, pair)) for _ in range(turns)])
    return np.array([*np.median(took, axis=0), np.median(took[:, 0] / took[:, 1])])


if __name__ == "__main__":
    print(f"{'':22}{'ours, ms':>10}{'plain, ms':>11}{'ratio':>7}")
    for name, pair in (masks() | phantoms()).items():
        ours, theirs, ratio = compare(pair)
        print(f"{name:22}{ours * 1e3:10.2f}{theirs * 1e3:11.2f}{ratio:7.2f}")
