"""The networks of chapters 07 to 10 in Keras 3, written with `keras` alone, so that they run on any of its backends."""

from helpers.lazy import arriving

_HOMES = {
    "FasterRCNN": "helpers.models.faster_rcnn",
    "article_chain": "helpers.models.unet",
    "article_cnn": "helpers.models.cnn",
    "augmentation": "helpers.models.cnn",
    "batches": "helpers.models.training",
    "blocks": "helpers.models.cnn",
    "build_unet": "helpers.models.unet",
    "card": "helpers.models.store",
    "cross_entropy": "helpers.models.unet",
    "decode_boxes": "helpers.models.faster_rcnn",
    "detect": "helpers.models.faster_rcnn",
    "dice_cross_entropy": "helpers.models.unet",
    "fit_classifier": "helpers.models.training",
    "fit_detector": "helpers.models.faster_rcnn",
    "fit_segmenter": "helpers.models.unet",
    "focal_tversky_loss": "helpers.models.unet",
    "keep": "helpers.models.store",
    "logits": "helpers.models.training",
    "make_anchors": "helpers.models.faster_rcnn",
    "probabilities": "helpers.models.unet",
    "roi_align": "helpers.models.faster_rcnn",
    "shipped": "helpers.models.store",
    "small_cnn": "helpers.models.cnn",
    "soft_dice_loss": "helpers.models.unet",
    "standardise": "helpers.models.unet",
    "without_channels": "helpers.models.unet",
}

__getattr__, __dir__, __all__ = arriving(__name__, _HOMES)
