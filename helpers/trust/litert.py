"""What a network costs once it is converted for small computers: bytes, time, processor time, and its answers.

Conversion and measurement run in a process of their own: TensorFlow's threads do not disturb them, and what the
converter prints stays there.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

KINDS = ("float32", "float16", "int8")


def litert_trial(model: "keras.Model", images: np.ndarray, calibration: np.ndarray) -> dict[str, dict]:
    """A network as it is and as LiteRT (once TensorFlow Lite) in three kinds, on the same images in one run.

    One image at a time on one thread, after ten that do not count. float16 halves the weights and computes with
    float32; int8 stores and computes weights and values with 8 bits, the input and the logits stay float32 (Jacob et
    al. 2018, arXiv 1712.05877).

    Parameters
    ----------
    model : takes images (N, H, W, C), gives logits (N, 1)
    images : (N, H, W, C), N at least 10
    calibration : (M, H, W, C), other images, from which the range of every value is taken for int8

    Returns
    -------
    trial : "keras", "float32", "float16", "int8" -> "logits" (N,), "bytes" (of the file; of "keras" the weights),
        "seconds" and "cpu_seconds" for the N images. Times are those of this machine at this moment

    Raises
    ------
    ValueError : fewer than 10 images, or images of another shape than the network takes
    RuntimeError : the process failed; with the last it wrote
    """
    images, calibration = np.asarray(images, np.float32), np.asarray(calibration, np.float32)
    wanted = tuple(model.input_shape[1:])
    if len(images) < 10 or images.shape[1:] != wanted or calibration.shape[1:] != wanted or not len(calibration):
        raise ValueError(
            f"expected 10 or more images and at least one for calibration, each {wanted}, got {images.shape} and "
            f"{calibration.shape}"
        )
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.keras")
        np.savez(Path(folder) / "images.npz", images=images, calibration=calibration)
        command = [sys.executable, "-m", "helpers.trust.litert", folder]
        ran = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
        if ran.returncode:
            raise RuntimeError("LiteRT did not work; the last it wrote: " + " / ".join(ran.stderr.splitlines()[-3:]))
        trial = json.loads((Path(folder) / "trial.json").read_text(encoding="utf-8"))
    return {kind: row | {"logits": np.array(row["logits"])} for kind, row in trial.items()}


def _converted(model, kind: str, calibration: np.ndarray) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        converter.representative_dataset = lambda: ([image[None]] for image in calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return converter.convert()


def _asked(answer, images: np.ndarray) -> dict[str, object]:
    """The logits of images one by one, and how long they took."""
    for image in images[:10]:
        answer(image[None])
    wall, cpu = time.perf_counter(), time.process_time()
    logits = [float(answer(image[None])) for image in images]
    return {"logits": logits, "seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}


def _main(folder: Path) -> None:
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = keras.saving.load_model(folder / "model.keras", compile=False)
    data = np.load(folder / "images.npz")
    graph = tf.function(lambda image: model(image, training=False))
    trial = {"keras": _asked(lambda image: graph(image).numpy()[0, 0], data["images"])}
    trial["keras"]["bytes"] = sum(weights.nbytes for weights in model.get_weights())
    for kind in KINDS:
        content = _converted(model, kind, data["calibration"])
        interpreter = tf.lite.Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
        into, out = (part()[0]["index"] for part in (interpreter.get_input_details, interpreter.get_output_details))

        def answer(image, interpreter=interpreter, into=into, out=out):
            interpreter.set_tensor(into, image)
            interpreter.invoke()
            return interpreter.get_tensor(out)[0, 0]

        trial[kind] = _asked(answer, data["images"]) | {"bytes": len(content)}
    (folder / "trial.json").write_text(json.dumps(trial), encoding="utf-8")


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
