"""Writes data/wdbc_network.npz, the weights of chapter 02: `python -m tools.make_wdbc_network`."""

import numpy as np

from helpers.data.wdbc import NETWORK_FILE, train_network


def main() -> None:
    """Train with seed 0 and store the arrays, weights in float32."""
    network = train_network(seed=0)
    small = {k: v.astype(np.int32 if k == "held_out" else np.float32) for k, v in network.items()}
    NETWORK_FILE.parent.mkdir(exist_ok=True)
    np.savez(NETWORK_FILE, **small)
    print(f"{NETWORK_FILE.name}: {NETWORK_FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
