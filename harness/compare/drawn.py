"""Two answers that hang on random numbers: the same distribution?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.compare import metrics
from harness.compare.measure import Measured
from harness.compare.policy import Policy

OWN_SCALE = ("std_error", "df")
UNIT_SCALE = ("statistic", "p_value")


@dataclass(frozen=True, slots=True)
class Drawn:
    """One side's number.

    Attributes:
        value: the number.
        mc_error: its Monte-Carlo standard error.
        std_error: the coefficient's standard error, in whose unit estimates and bounds are seen.
    """

    value: float
    mc_error: float
    std_error: float


def measure_drawn(quantity: str, python: Drawn, r: Drawn, policy: Policy) -> Measured:
    """Measure a number that both sides drew, in Monte-Carlo errors of the difference (T4).

    Raises:
        KeyError: the policy has no tolerance for the quantity at T4.
    """
    tolerance = policy.find(quantity, "T4")
    least = policy.drawn_rounding * _scale(quantity, python, r)
    errors = (python.mc_error, r.mc_error)
    return Measured(
        delta=metrics.in_mcse(python.value, r.value, errors, least),
        metric=tolerance.metric,
        limit=tolerance.limit_at(0.0),
        tier=tolerance.tier,
    )


def _scale(quantity: str, *sides: Drawn) -> float:
    """The smaller of the two sides', so that a number that is wrong cannot excuse another."""
    if quantity in UNIT_SCALE:
        return 1.0
    sizes = (abs(side.value if quantity in OWN_SCALE else side.std_error) for side in sides)
    return min((size for size in sizes if math.isfinite(size)), default=0.0)
