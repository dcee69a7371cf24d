"""How good a test is: numbers with their intervals."""

from helpers.metrics.classification import sensitivity_specificity, wilson_interval

__all__ = ["sensitivity_specificity", "wilson_interval"]
