"""Exercises, predictions and quizzes: what they are, how they are judged, what of them is remembered."""

from helpers.exercises.assigned import homework, receipt
from helpers.exercises.commands import check, hint, reset, score, solution
from helpers.exercises.questions import predict, quiz

__all__ = ["check", "hint", "homework", "predict", "quiz", "receipt", "reset", "score", "solution"]
