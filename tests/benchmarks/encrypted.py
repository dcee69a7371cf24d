"""What it costs to keep features from the server that judges them: CKKS and Paillier against the plain product.

    python -m tests.benchmarks.encrypted PYTHON

PYTHON is that of an environment with numpy, tenseal, phe and gmpy2, which the course does not need. It gets the 64
features of 20 phantoms of the test split, as the last layer but one of the network of chapter 07 gives them, and that
network's dense layer, and runs the two functions of `helpers.trust.encrypted` on them. What it writes to
data/encrypted_inference.json are medians of milliseconds a vector, on whatever machine this is.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from helpers.trust.encrypted import STORED, ckks_logits, paillier_logits

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # as the course has it
VECTORS = 20


def layer() -> dict[str, np.ndarray]:
    """Features (20, 64), and the dense layer that turns them into logits."""
    import keras

    from helpers import load
    from helpers.models import shipped, small_cnn

    network = shipped("breast_cnn", small_cnn((64, 64, 1)))
    images = load("breast_us", "test", n=VECTORS, size=64).images
    features = keras.Model(network.inputs[0], network.layers[-2].output)(images, training=False)
    weights, bias = network.layers[-1].get_weights()
    logits = network(images, training=False).numpy()[:, 0]
    return {"features": np.asarray(features, float), "weights": weights[:, 0], "bias": bias, "logits": logits}


def measured(path: Path) -> dict[str, object]:
    """Both schemes on the stored layer."""
    with np.load(path) as file:
        features, weights, bias, logits = (file[name] for name in ("features", "weights", "bias", "logits"))
    found = {}
    for name, scheme in (("ckks", ckks_logits), ("paillier", paillier_logits)):
        decrypted, numbers = scheme(features, weights, float(bias[0]))
        numbers["error_of_network"] = float(np.abs(decrypted - logits).max())  # float32, as Keras computes it
        found[name] = {k: float(f"{value:.4g}") if isinstance(value, float) else value for k, value in numbers.items()}
    return found


def main(python: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer.npz"
        data = layer()
        np.savez(path, **data)
        command = [python, "-m", "tests.benchmarks.encrypted", "--measure", str(path)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    found["network"] = "breast_cnn: 64 features of 20 phantoms of breast ultrasound, one dense layer"
    found["logits"] = {
        "smallest": round(float(data["logits"].min()), 3),
        "largest": round(float(data["logits"].max()), 3),
    }
    found["machine"] = (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    STORED.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(STORED.read_text(encoding="utf-8"))


if __name__ == "__main__":
    if sys.argv[1] == "--measure":
        print(json.dumps(measured(Path(sys.argv[2]))))
    else:
        main(sys.argv[1])
