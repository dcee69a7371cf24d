"""Pictures that answer the hand: each a pure function from a state to pixels, in the shell that `shell` describes."""

from helpers.lazy import arriving

_HOMES = {
    "activation_explorer": "helpers.widgets.activation",
    "anchor_explorer": "helpers.widgets.anchors",
    "annotation_desk": "helpers.widgets.annotation",
    "augmentation_gallery": "helpers.widgets.augmentations",
    "detection_explorer": "helpers.widgets.detections",
    "explanation_toggle": "helpers.widgets.explanation",
    "feature_map_explorer": "helpers.widgets.feature_maps",
    "gradient_check_explorer": "helpers.widgets.gradient_check",
    "graph_stepper": "helpers.widgets.graph",
    "interval_explorer": "helpers.widgets.sample_size",
    "kernel_explorer": "helpers.widgets.kernel",
    "learning_curve_explorer": "helpers.widgets.learning_curve",
    "mask_explorer": "helpers.widgets.mask_metrics",
    "neuron_explorer": "helpers.widgets.neuron",
    "nodule_hunt": "helpers.widgets.hunt",
    "pooling_explorer": "helpers.widgets.pooling",
    "price_page": "helpers.widgets.price",
    "ravine_explorer": "helpers.widgets.ravine",
    "reader_ratings": "helpers.widgets.reader",
    "reader_study": "helpers.widgets.reader",
    "sequence_mixer": "helpers.widgets.mixer",
    "three_planes": "helpers.widgets.planes",
    "threshold_explorer": "helpers.widgets.threshold",
    "window_explorer": "helpers.widgets.window",
}

__getattr__, __dir__, __all__ = arriving(__name__, _HOMES)
