"""The networks of chapters 07 to 10 in Keras 3, written with `keras` alone, so that they run on any of its backends."""

from helpers.lazy import arriving

_HOMES = {
    "article_cnn": "helpers.models.cnn",
    "augmentation": "helpers.models.cnn",
    "blocks": "helpers.models.cnn",
    "small_cnn": "helpers.models.cnn",
    "FasterRCNN": "helpers.models.faster_rcnn",
    "decode_boxes": "helpers.models.faster_rcnn",
    "detect": "helpers.models.faster_rcnn",
    "fit_detector": "helpers.models.faster_rcnn",
    "make_anchors": "helpers.models.faster_rcnn",
    "roi_align": "helpers.models.faster_rcnn",
    "batches": "helpers.models.training",
    "card": "helpers.models.store",
    "fit_classifier": "helpers.models.training",
    "keep": "helpers.models.store",
    "logits": "helpers.models.training",
    "shipped": "helpers.models.store",
}

__getattr__, __dir__, __all__ = arriving(__name__, _HOMES)
