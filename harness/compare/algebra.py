"""Tier T1: every number at one theta, where nothing is optimised and only the algebra is left."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.compare import metrics
from harness.compare.boundary import Boundary
from harness.compare.measure import METRICS, Measured
from harness.compare.policy import Policy
from harness.estimates.table import EstimateRow, estimate_rows
from harness.models.record import Estimates

QUANTITIES = ("estimate", "std_error", "df", "sd", "cor", "sigma", "loglik", "aic", "bic")
"""What is held to T1 beside the criterion; tests and intervals follow from estimate, error, df."""
BESIDES = ("emmean", "contrast")
"""What is held besides, where it was asked for: sums of coefficients."""


@dataclass(frozen=True, slots=True)
class Held:
    """A number of both sides at one theta.

    Attributes:
        row: its key, with the port's value.
        r: the reference's value.
        measured: the difference in its unit.
        of: how many numbers of this quantity were held; this is the one nearest to its limit, or
            one beyond it.
    """

    row: EstimateRow
    r: float
    measured: Measured
    of: int


def held_at_one_theta(
    python: Estimates, r: Estimates, boundary: Boundary, policy: Policy
) -> Iterator[Held]:
    """The number of each quantity nearest to its limit, and every number beyond it.

    Args:
        python: the port's numbers at the reference's theta.
        r: the reference's answer.
        boundary: on the boundary degrees of freedom and correlations are not held, and standard
            deviations as shares of sigma: one of them is zero, which is no measure.
        policy: the tolerances.
    """
    theirs = {row.key: row.value for row in estimate_rows(r)}
    errors = {row.term: float(row.value) for row in estimate_rows(r) if row.quantity == "std_error"}
    sigma = next((part.estimate for part in r.random if part.term == "sigma"), math.nan)
    found: dict[str, list[Held]] = {}
    for row in estimate_rows(python):
        if row.quantity not in (*QUANTITIES, *BESIDES) or row.key not in theirs:
            continue
        if boundary and row.quantity in ("df", "cor"):
            continue
        value, other = float(row.value), float(theirs[row.key])
        measured = _measured(row, value, other, errors, r.df_method, policy)
        if boundary and row.quantity == "sd":
            shares = (value / sigma, other / sigma)
            measured = Measured(metrics.absolute(*shares), "absolute", measured.limit, "T1")
        found.setdefault(row.quantity, []).append(Held(row, other, measured, 0))
    for numbers in found.values():
        nearest = max(numbers, key=lambda held: _share(held.measured))
        for held in numbers:
            if held is nearest or not held.measured.within:
                yield Held(held.row, held.r, held.measured, len(numbers))


def _measured(
    row: EstimateRow,
    value: float,
    other: float,
    errors: dict[str, float],
    df_method: str,
    policy: Policy,
) -> Measured:
    magnitude = max(abs(value), abs(other))
    tolerance = policy.find(row.quantity, "T1", df_method=df_method, magnitude=magnitude)
    if tolerance.metric == "SE":
        delta = metrics.in_se(value, other, [errors.get(row.term, math.nan)])
    else:
        delta = METRICS[tolerance.metric](value, other)
    return Measured(delta, tolerance.metric, tolerance.limit_at(magnitude), "T1")


def _share(measured: Measured) -> float:
    if measured.delta == 0.0:
        return 0.0
    return measured.delta / measured.limit if measured.limit > 0.0 else math.inf
