"""Numbers that were printed: do they agree to the digits that are there?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from harness.compare.measure import Measured
from harness.estimates.written import Written


@dataclass(frozen=True, slots=True)
class AsPrinted:
    """Two numbers held against the digits of the coarser one.

    Attributes:
        gap: their difference, in their own unit.
        allowed: half a unit in the last digit of the coarser, and the policy's limit on top.
        text: the coarser number or numbers as printed, with their side.
        coarse: whether the digits allow more than the policy does.
    """

    gap: float
    allowed: float
    text: str
    coarse: bool

    @property
    def agree(self) -> bool:
        """Whether rounding alone can have set them apart."""
        return self.gap <= self.allowed


def as_printed(python: Written, r: Written, measured: Measured) -> AsPrinted | None:
    """Hold two numbers that are further apart than the policy's limit against their digits.

    The number behind ``1.40`` lies within 1.395 and 1.405. Rounding is granted to one side, the
    coarser: two numbers printed to the same digits must be the same, or 1.40 and 1.41 would
    agree at 1.405. The policy's limit is granted on top, as it would be between the numbers that
    were rounded; a metric is linear in the difference, so it translates into the numbers' unit.

    Args:
        python: one number, with what rounding may have moved it by.
        r: the other.
        measured: their difference under the policy.

    Returns:
        None where digits have no say: an exact quantity, a number that was not rounded, no number.
    """
    half = max(python.half_unit, r.half_unit)
    if not half or measured.metric == "exact":
        return None
    if not (math.isfinite(python.value) and math.isfinite(r.value)):
        return None
    gap = abs(python.exactly - r.exactly)
    limit = Fraction(0)
    if 0 < measured.delta < math.inf and math.isfinite(measured.limit):
        limit = Fraction(measured.limit) * gap / Fraction(measured.delta)
    coarse = [
        f"{name}: {side.text}"
        for name, side in (("python", python), ("r", r))
        if side.half_unit == half
    ]
    return AsPrinted(*_doubles(gap, half + limit), ", ".join(coarse), half > limit)


def _doubles(gap: Fraction, allowed: Fraction) -> tuple[float, float]:
    """Both as doubles that keep their order: 1.395 is exactly half a unit from 1.40."""
    rounded = float(allowed)
    if gap <= allowed:
        return min(float(gap), rounded), rounded
    return max(float(gap), math.nextafter(rounded, math.inf)), rounded
