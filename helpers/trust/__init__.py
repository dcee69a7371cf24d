"""Why believe a network? What it looks at, what it gives away, what it costs, and for whom it holds."""

from helpers.lazy import arriving

_HOMES = {
    "ckks_logits": "helpers.trust.encrypted",
    "clip_and_noise": "helpers.trust.privacy",
    "decrypt": "helpers.trust.privacy",
    "deface": "helpers.trust.faces",
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
    "head_phantom": "helpers.trust.faces",
    "identifiers_left": "helpers.trust.deidentification",
    "integrated_gradients": "helpers.trust.explanation",
    "litert_trial": "helpers.trust.litert",
    "membership_attack": "helpers.trust.privacy",
    "occlusion_map": "helpers.trust.explanation",
    "paillier_logits": "helpers.trust.encrypted",
    "pointing_game": "helpers.trust.explanation",
    "poisson_sample": "helpers.trust.privacy",
    "quantise": "helpers.trust.cost",
    "randomised": "helpers.trust.explanation",
    "recognised": "helpers.trust.faces",
    "render_face": "helpers.trust.faces",
    "stored_encrypted": "helpers.trust.encrypted",
    "weighted_map": "helpers.trust.explanation",
}

__getattr__, __dir__, __all__ = arriving(__name__, _HOMES)
