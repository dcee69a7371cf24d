"""Exercises, predictions and quiz of chapter 09, segmentation of brain tumours."""

from helpers.exercises.chapter09_masks import DICE, HAUSDORFF95, REGIONS
from helpers.exercises.chapter09_network import CONV_BLOCK, SLIDING_WINDOW, SOFT_DICE_LOSS, UNET

EXERCISES = (REGIONS, DICE, HAUSDORFF95, CONV_BLOCK, UNET, SOFT_DICE_LOSS, SLIDING_WINDOW)

PREDICTIONS = {}

QUIZ = ()
