"""Exercises, predictions and quiz of chapter 10, trust."""

from helpers.exercises.chapter10_behaviour import FUSE, GRAD_CAM, INTEGRATED_GRADIENTS, QUANTISE
from helpers.exercises.chapter10_privacy import DEIDENTIFY, ENCRYPT_VOLUME
from helpers.exercises.chapter10_training import CLIP_AND_NOISE, FEDERATED_AVERAGE, MEMBERSHIP_ATTACK

EXERCISES = (
    DEIDENTIFY,
    ENCRYPT_VOLUME,
    MEMBERSHIP_ATTACK,
    CLIP_AND_NOISE,
    FEDERATED_AVERAGE,
    GRAD_CAM,
    INTEGRATED_GRADIENTS,
    QUANTISE,
    FUSE,
)

PREDICTIONS = {}

QUIZ = ()
