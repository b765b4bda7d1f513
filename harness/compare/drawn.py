"""Two answers that hang on random numbers: the same distribution?"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from harness.compare import metrics
from harness.compare.policy import Policy
from harness.models.inference import MonteCarlo, PooledEffect
from harness.models.record import Estimates

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


def in_monte_carlo_errors(quantity: str, python: Drawn, r: Drawn, policy: Policy) -> float:
    """How far apart two drawn numbers are, in Monte-Carlo errors of the difference (T4)."""
    share = policy.drawn_df if quantity == "df" else policy.drawn_rounding
    least = share * _scale(quantity, python, r)
    return metrics.in_mcse(python.value, r.value, (python.mc_error, r.mc_error), least)


def drawn_numbers(
    python: Estimates, r: Estimates
) -> dict[tuple[str, str, int], tuple[Drawn, Drawn]]:
    """Of every number that both sides drew: each side's, by term, quantity and occurrence."""
    theirs = {row.term: row for row in r.imputed or ()}
    return {
        (ours.term, field.name, 0): (
            _drawn(ours, field.name),
            _drawn(theirs[ours.term], field.name),
        )
        for ours in python.imputed or ()
        if ours.term in theirs
        for field in fields(MonteCarlo)
    }


def _drawn(row: PooledEffect, quantity: str) -> Drawn:
    return Drawn(getattr(row, quantity), getattr(row.mcse, quantity), row.std_error)


def _scale(quantity: str, *sides: Drawn) -> float:
    """The smaller of the two sides', so that a number that is wrong cannot excuse another."""
    if quantity in UNIT_SCALE:
        return 1.0
    sizes = (abs(side.value if quantity in OWN_SCALE else side.std_error) for side in sides)
    return min((size for size in sizes if math.isfinite(size)), default=0.0)
