"""Phantoms: images made by rule, with true labels, boxes and masks. They look like the real thing and are not."""

from helpers.data.phantoms.brain_mri import brain_mri
from helpers.data.phantoms.breast_us import breast_us
from helpers.data.phantoms.chest_ct import chest_ct

__all__ = ["brain_mri", "breast_us", "chest_ct"]
