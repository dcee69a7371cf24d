"""Seconds of training to a mean Dice of 0.90: the chapter's U-Net against MONAI's BasicUNet of equal size.

    python -m tests.benchmarks.unet_race PYTHON [ROUNDS]

PYTHON is that of an environment with MONAI and PyTorch (pip install monai torch), which the course does not need. Both
get the same 1,600 slices of the phantom in batches of 8, cross-entropy plus soft Dice, a constant rate, the same two
threads, and take turns. The clock stands still while 200 other slices are scored, every two seconds of training; it
runs while a network is compiled. Dice is that of oedema, core and enhancing tumour over all pixels, and its mean. The
time is that of the first of three scores in a row that reach 0.90. BasicUNet has half its usual channels (496,388
weights against 487,148), instance norm, AdamW; ours starts with a bias for background.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # as the course has it
GOAL, IN_A_ROW, EVERY, MOST = 0.90, 3, 2.0, 240.0  # mean Dice, scores, seconds, seconds
BATCH = 8


def mean_dice(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Of labels 1, 2, 3 over all pixels of all images, and the mean of the three."""
    pairs = [(predicted == label, truth == label) for label in (1, 2, 3)]
    return float(np.mean([2 * (p & t).sum() / max(p.sum() + t.sum(), 1) for p, t in pairs]))


def race(step: Callable, predict: Callable, data: dict[str, np.ndarray], seed: int) -> dict[str, object]:
    """`step(images, masks)` trains on a batch, `predict(images)` gives label maps."""
    rng = np.random.default_rng(seed)
    scores, trained, due, order = [], 0.0, EVERY, np.zeros(0, int)
    while trained < MOST and not (len(scores) >= IN_A_ROW and min(score for _, score in scores[-IN_A_ROW:]) >= GOAL):
        order = order if len(order) >= BATCH else rng.permutation(len(data["X"]))
        chosen, order = order[:BATCH], order[BATCH:]
        start = time.perf_counter()
        step(data["X"][chosen], data["Y"][chosen])
        trained += time.perf_counter() - start
        if trained >= due:
            scores.append((round(trained, 1), round(mean_dice(predict(data["V"]), data["M"]), 4)))
            due = trained + EVERY
    reached = len(scores) >= IN_A_ROW and min(score for _, score in scores[-IN_A_ROW:]) >= GOAL
    return {"seconds": scores[-IN_A_ROW][0] if reached else None, "last": scores[-1]}


def ours(data: dict[str, np.ndarray], seed: int) -> dict[str, object]:
    """The network of chapter 09, in Keras."""
    import keras

    from helpers.models import build_unet, dice_cross_entropy, probabilities

    keras.utils.set_random_seed(seed)
    model = build_unet(data["X"].shape[1:], 4, 16, 3, stem=8)
    model.compile(keras.optimizers.Adam(0.005), dice_cross_entropy)
    model.optimizer.build(model.trainable_variables)
    found = race(
        lambda x, y: model.train_on_batch(x, y.astype(np.int32)),
        lambda images: probabilities(model, images, batch_size=50).argmax(-1),
        data,
        seed,
    )
    return found | {"parameters": model.count_params()}


def monai(data: dict[str, np.ndarray], seed: int) -> dict[str, object]:
    """BasicUNet with half its channels, in PyTorch."""
    import torch
    from monai.losses import DiceCELoss
    from monai.networks.nets import BasicUNet

    torch.manual_seed(seed)
    torch.set_num_threads(2)
    model = BasicUNet(spatial_dims=2, in_channels=4, out_channels=4, features=(16, 16, 32, 64, 128, 16))
    loss = DiceCELoss(to_onehot_y=True, softmax=True, include_background=False, batch=True)
    optimiser = torch.optim.AdamW(model.parameters(), 0.002)

    def step(images: np.ndarray, masks: np.ndarray) -> None:
        model.train()
        optimiser.zero_grad()
        x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
        loss(model(x), torch.from_numpy(masks.astype(np.int64))[:, None]).backward()
        optimiser.step()

    def predict(images: np.ndarray) -> np.ndarray:
        model.eval()
        with torch.no_grad():
            batches = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).split(50)
            return torch.cat([model(batch).argmax(1) for batch in batches]).numpy()

    found = race(step, predict, data, seed)
    return found | {"parameters": sum(weights.numel() for weights in model.parameters())}


def slices(split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 96, 80, 4), standardised by patient, and masks."""
    from helpers import load
    from helpers.models import standardise

    data = load("brain_mri", split, n=count, size=96)
    images = data.images[:, :, 8:-8]
    for patient in np.unique(data.patients):
        which = data.patients == patient
        images[which] = standardise(images[which])
    return images, data.masks[:, :, 8:-8]


def main(python: str, rounds: int = 5) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        (X, Y), (V, M) = slices("train", 1600), slices("test", 200)
        np.savez(path, X=X, Y=Y, V=V, M=M)
        pairs = []
        for seed in range(rounds):
            found = {}
            for name, program in (("ours", sys.executable), ("monai", python))[:: 1 if seed % 2 == 0 else -1]:
                command = [program, "-m", "tests.benchmarks.unet_race", name, str(path), str(seed)]
                ran = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "2"})
                if ran.returncode:
                    raise SystemExit(ran.stderr)
                found[name] = json.loads(ran.stdout.splitlines()[-1])
                print(seed, name, found[name], flush=True)
            pairs.append([found[name]["seconds"] or np.inf for name in ("ours", "monai")])
    seconds = np.array(pairs)
    ratios = seconds[:, 0] / seconds[:, 1]
    print("seconds to 0.90, median: ours, monai", np.median(seconds, axis=0).round(1))
    print("ours / monai: median", round(float(np.median(ratios)), 2), "of", np.sort(ratios).round(2))


if __name__ == "__main__":
    if sys.argv[1] in ("ours", "monai"):
        contender = {"ours": ours, "monai": monai}[sys.argv[1]]
        print(json.dumps(contender(dict(np.load(sys.argv[2])), int(sys.argv[3]))))
    else:
        main(sys.argv[1], *map(int, sys.argv[2:]))
