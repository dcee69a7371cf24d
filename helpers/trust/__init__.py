"""Why believe a network? What it looks at, what it gives away, what it costs, and for whom it holds."""

from helpers.lazy import arriving

_HOMES = {
    "clip_and_noise": "helpers.trust.privacy",
    "decrypt": "helpers.trust.privacy",
    "deidentify": "helpers.trust.deidentification",  # needs pydicom, which not every chapter brings along on Colab
    "encrypt": "helpers.trust.privacy",
    "epsilon": "helpers.trust.privacy",
    "federated_average": "helpers.trust.privacy",
    "find_burned_in_text": "helpers.trust.deidentification",
    "fuse": "helpers.trust.fusion",
    "grad_cam": "helpers.trust.explanation",
    "gradient": "helpers.trust.explanation",
    "gradient_times_input": "helpers.trust.explanation",
    "guided_backpropagation": "helpers.trust.explanation",
    "identifiers_left": "helpers.trust.deidentification",
    "integrated_gradients": "helpers.trust.explanation",
    "membership_attack": "helpers.trust.privacy",
    "occlusion_map": "helpers.trust.explanation",
    "pointing_game": "helpers.trust.explanation",
    "poisson_sample": "helpers.trust.privacy",
    "quantise": "helpers.trust.cost",
    "randomised": "helpers.trust.explanation",
    "weighted_map": "helpers.trust.explanation",
}

__getattr__, __dir__, __all__ = arriving(__name__, _HOMES)
