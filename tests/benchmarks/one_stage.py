"""Two stages against one: Faster R-CNN and a network of equal size without a second stage, on the same slices.

    python -m tests.benchmarks.one_stage [seeds]

Both are trained as chapter 08 trains, on the same slices in the same order, and scored on the same 400 slices and
60 scans. The one-stage network spends the head's parameters on more convolutions before the anchors' numbers, and
takes the RPN's boxes and scores for its answer. Prints a row a seed; about five minutes a seed.
"""

import os
import sys

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")


def one_stage():
    import keras
    from keras import ops

    from helpers.models import FasterRCNN
    from helpers.models.faster_rcnn import conv_norm_relu, rpn_head

    class OneStage(FasterRCNN):
        LOSSES = {"loss_objectness": 1.0, "loss_rpn_box_reg": 0.5}

        def __init__(self, channels: int = 32, before: int = 5) -> None:
            super().__init__(channels=channels, units=1)
            self.rpn_head.trainable = self.box_head.trainable = False  # nothing asks them
            features = keras.Input((*(n // self.STRIDE for n in self.size), channels))
            x = features
            for _ in range(before):
                x = conv_norm_relu(x, channels)
            self.rpn_head = keras.Model(features, rpn_head(channels, 4)(x))

        def call(self, inputs, training: bool = False):
            targets = inputs if isinstance(inputs, dict) else {"images": inputs}
            _, logits, deltas = self.propose(targets["images"], training)
            anchors = ops.expand_dims(ops.array(self.anchors), 0)
            if training:
                return self.rpn_losses(logits, deltas, anchors, targets)
            boxes, scores = self.filter_proposals(logits, deltas, anchors)
            return boxes, ops.sigmoid(scores)

    return OneStage()


def precisions(model, data) -> dict[str, float]:
    """AP of a trained detector on test slices: what is smaller than asked, and what is excluded, counts neither way."""
    import numpy as np

    from helpers.metrics import box_average_precision
    from helpers.models import detect

    boxes, scores = detect(model, data.images)
    truth = [np.concatenate([case.nodules.boxes, case.excluded.boxes]) for case in data]
    found = {}
    for least, threshold in ((6, 0.5), (4, 0.5), (4, 0.3)):
        small = [
            np.concatenate([case.nodules.diameters_mm < least, np.ones(len(case.excluded.boxes), bool)])
            for case in data
        ]
        found[f"AP{100 * threshold:.0f} from {least} mm"] = box_average_precision(
            truth, boxes, scores, threshold, small
        )
    return found


def trained(model, seed: int, epochs: int = 6, n: int = 1600):
    """A detector after the training of chapter 08."""
    import numpy as np

    from helpers import load
    from helpers.models import fit_detector

    cases = [case for k, case in enumerate(load("chest_ct", "train", n=n)) if len(case.nodules.boxes) or k % 3 == 0]
    images = np.stack([case.image for case in cases])
    boxes, excluded = [case.nodules.boxes for case in cases], [case.excluded.boxes for case in cases]
    fit_detector(model, images, boxes, excluded, epochs, seed=seed)
    return model


def scan_scores(model, scans) -> tuple[float, float]:
    """CPM, and sensitivity at one false positive a scan."""
    import numpy as np

    from helpers.metrics import cpm, find_hits, froc, merge_slices, sensitivity_at
    from helpers.models import detect

    boxes, scores = detect(model, np.concatenate([case.image for case in scans]), 0.02)
    ends = np.cumsum([len(case.image) for case in scans])
    all_scores, hits, counts = [], [], []
    for case, end in zip(scans, ends, strict=True):
        here = slice(end - len(case.image), end)
        marks, mark_scores = merge_slices(boxes[here], scores[here], case.spacing)
        truth = [
            part
            for found in (case.nodules, case.excluded)
            for part in (found.centres * case.spacing, found.diameters_mm / 2)
        ]
        all_scores.append(mark_scores)
        hits.append(find_hits(marks, *truth))
        counts.append(len(case.nodules.centres))
    curve = froc(all_scores, hits, counts)[:2]
    return cpm(*curve), float(sensitivity_at(*curve, rates=[1.0])[0])


def main(seeds: int) -> None:
    import keras
    import numpy as np

    from helpers import load
    from helpers.models import FasterRCNN

    slices, scans = load("chest_ct", "test", n=400), list(load("chest_ct", "test", n=60, scans=True))
    for seed in range(seeds):
        for make in (FasterRCNN, one_stage):
            keras.utils.set_random_seed(seed)
            model = trained(make(), seed)
            count = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
            told = precisions(model, slices) | dict(
                zip(("CPM", "sensitivity at 1"), scan_scores(model, scans), strict=True)
            )
            print(seed, make.__name__, count, {name: round(value, 3) for name, value in told.items()}, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
