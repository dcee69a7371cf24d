"""Why believe a network? What it looks at, what it gives away, what it costs."""

from helpers.lazy import arriving
from helpers.trust.explanation import (
    grad_cam,
    gradient,
    gradient_times_input,
    guided_backpropagation,
    integrated_gradients,
    occlusion_map,
    pointing_game,
    randomised,
)
from helpers.trust.privacy import (
    clip_and_noise,
    decrypt,
    encrypt,
    epsilon,
    federated_average,
    membership_attack,
    poisson_sample,
)

__all__ = [
    "clip_and_noise",
    "decrypt",
    "encrypt",
    "epsilon",
    "federated_average",
    "grad_cam",
    "gradient",
    "gradient_times_input",
    "guided_backpropagation",
    "integrated_gradients",
    "membership_attack",
    "occlusion_map",
    "pointing_game",
    "poisson_sample",
    "randomised",
]

# Needs pydicom, which not every chapter brings along on Colab: imported when used
__getattr__, _, _with_pydicom = arriving(
    __name__,
    dict.fromkeys(
        ("deidentify", "find_burned_in_text", "identifiers_left"),
        "helpers.trust.deidentification",
    ),
)
__all__ += _with_pydicom
