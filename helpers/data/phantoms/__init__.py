"""Phantoms: images made by rule, with true labels, boxes and masks. They look like the real thing and are not."""

from helpers.data.phantoms.brain_mri import BrainSlice, brain_mri
from helpers.data.phantoms.breast_us import BreastImage, breast_us
from helpers.data.phantoms.chest_ct import ChestSlice, chest_ct

__all__ = ["BrainSlice", "BreastImage", "ChestSlice", "brain_mri", "breast_us", "chest_ct"]
