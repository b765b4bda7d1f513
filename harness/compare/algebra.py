"""Tier T1: every number at one theta, where nothing is optimised and only the algebra is left."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from harness.compare import metrics
from harness.compare.boundary import Boundary
from harness.compare.cross import BothAt
from harness.compare.measure import METRICS, Measured
from harness.compare.policy import Policy
from harness.estimates.table import EstimateRow, estimate_rows
from harness.models.inference import df_method_of
from harness.models.record import AtTheta, Coefficient, Estimates

QUANTITIES = ("estimate", "std_error", "df", "sd", "cor", "sigma", "loglik", "aic", "bic")
"""What is held to T1 beside the criterion; tests and intervals follow from estimate, error, df."""
BESIDES = ("emmean", "contrast", "slope")
"""What is held besides, where it was asked for: sums of coefficients."""


@dataclass(frozen=True, slots=True)
class Held:
    """A number of both sides at one theta.

    Attributes:
        row: its key, with the port's value.
        r: the reference's value.
        measured: the difference in its unit.
        where: which theta, in words.
        of: how many numbers of this quantity were held, over all thetas; this is the one nearest
            to its limit, or one beyond it.
    """

    row: EstimateRow
    r: float
    measured: Measured
    where: str
    of: int = 0


def held_at_one_theta(
    python: Estimates | None,
    r: Estimates,
    elsewhere: Sequence[BothAt],
    boundary: Boundary,
    policy: Policy,
) -> Iterator[Held]:
    """The number of each quantity nearest to its limit at any theta, and every number beyond it.

    Args:
        python: the port's numbers at the reference's theta; None if it was not evaluated there.
        r: the reference's answer.
        elsewhere: both sides at other thetas.
        boundary: on the boundary degrees of freedom and correlations are not held, and standard
            deviations as shares of sigma: one of them is zero, which is no measure.
        policy: the tolerances.
    """
    found: dict[str, list[Held]] = {}
    at_r: Iterable[Held] = ()
    if python is not None:
        at_r = (_as_known(held, r, policy) for held in _at_optimum(python, r, boundary, policy))
    for held in chain(at_r, *(_at_place(both, r.df_method, policy) for both in elsewhere)):
        found.setdefault(held.row.quantity, []).append(held)
    for numbers in found.values():
        nearest = max(numbers, key=lambda held: _share(held.measured))
        for held in numbers:
            if held is nearest or not held.measured.within:
                yield replace(held, of=len(numbers))


def _as_known(held: Held, r: Estimates, policy: Policy) -> Held:
    """Degrees of freedom are held to what the reference says its own derivatives are worth.

    Whatever it says, not to less than two optima's: a file may be anyone's.
    """
    error = None if r.quality is None else r.quality.df_error
    method = df_method_of(held.row.term, r.df_method)
    # Exact ones and those in closed form, which a model may have besides, have tighter limits.
    if held.row.quantity != "df" or error is None or method != "satterthwaite":
        return held
    between_optima = policy.find("df", "T2", df_method=method).limit_at(held.r)
    error = min(error, between_optima)
    measured = held.measured
    if not error > measured.limit:
        return held
    return replace(held, measured=replace(measured, limit=error))


def _at_optimum(
    python: Estimates, r: Estimates, boundary: Boundary, policy: Policy
) -> Iterator[Held]:
    """Every number at the reference's theta."""
    theirs = {row.key: row.value for row in estimate_rows(r)}
    errors = {row.term: float(row.value) for row in estimate_rows(r) if row.quantity == "std_error"}
    sigma = next((part.estimate for part in r.random if part.term == "sigma"), math.nan)
    for row in estimate_rows(python):
        if row.quantity not in (*QUANTITIES, *BESIDES) or row.key not in theirs:
            continue
        # A bound is where t crosses a quantile: it hangs on df, and with it what is known of it.
        if any((row.term, end, 0) in theirs for end in ("jn_low", "jn_high")):
            continue
        if boundary and row.quantity in ("df", "cor"):
            continue
        value, other = float(row.value), float(theirs[row.key])
        measured = _measured(row, value, other, errors, r.df_method, policy)
        # Without a sigma there is no share, and the ratio of the two is held as it is inside.
        if boundary and row.quantity == "sd" and sigma > 0.0:
            shares = (value / sigma, other / sigma)
            measured = Measured(metrics.absolute(*shares), "absolute", measured.limit, "T1")
        yield Held(row, other, measured, "r's theta")


def _at_place(both: BothAt, df_method: str, policy: Policy) -> Iterator[Held]:
    """What follows from another theta; a coefficient one side lacks is infinitely different."""
    ours, theirs = both.python, both.r
    errors = {c.term: c.std_error for c in theirs.coefficients}
    numbers: list[tuple[str, str, float, float]] = []
    if not (math.isnan(ours.sigma) and math.isnan(theirs.sigma)):  # a model by visit has none
        numbers.append(("sigma", "sigma", ours.sigma, theirs.sigma))
    pairs = _by_term(ours), _by_term(theirs)
    for term in dict.fromkeys((*pairs[0], *pairs[1])):
        a, b = (side.get(term, _NONE) for side in pairs)
        numbers.append((term, "estimate", a.estimate, b.estimate))
        numbers.append((term, "std_error", a.std_error, b.std_error))
    for term, quantity, a_value, b_value in numbers:
        row = EstimateRow(term, quantity, a_value)
        measured = _measured(row, a_value, b_value, errors, df_method, policy)
        yield Held(row, b_value, measured, both.words)


_NONE = Coefficient("", math.nan, math.nan)


def _by_term(side: AtTheta) -> dict[str, Coefficient]:
    return {c.term: c for c in side.coefficients}


def _measured(
    row: EstimateRow,
    value: float,
    other: float,
    errors: dict[str, float],
    df_method: str,
    policy: Policy,
) -> Measured:
    magnitude = metrics.larger_magnitude(value, other)
    df_method = df_method_of(row.term, df_method)
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
