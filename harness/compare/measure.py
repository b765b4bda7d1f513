"""One number of each side: how far apart, in which unit, held against which limit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from harness.compare import metrics
from harness.compare.boundary import Boundary, rule_of
from harness.compare.drawn import Drawn, in_monte_carlo_errors
from harness.compare.policy import Policy, Tolerance
from harness.compare.propagation import adjusted_limit, interval_limit, statistic_limit
from harness.estimates.table import EstimateRow, Value
from harness.models.inference import df_method_of

Rows = Mapping[tuple[str, str, int], Value]

METRICS: dict[str, Callable[[float, float], float]] = {
    "relative": metrics.relative,
    "absolute": metrics.absolute,
    "deviance": metrics.deviance,
    "exact": metrics.exact,
    "ulp": metrics.ulp,
}
"""The metrics that need nothing but the two numbers; ``SE`` needs errors."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A difference in its unit.

    Attributes:
        delta: the difference, zero or more, infinite when only one side is a number.
        metric, limit, tier: unit, largest difference that matches, question asked.
        comparable: false where the boundary rule says that neither outcome means anything.
    """

    delta: float
    metric: str
    limit: float
    tier: str
    comparable: bool = True

    @property
    def within(self) -> bool:
        """Whether the difference is one that matches."""
        return self.delta <= self.limit


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides of one model as rows by key, with what decides how they are measured.

    Attributes:
        python, r: the numbers.
        df_method: of the model.
        boundary: whether the pair lies on it.
        policy: the tolerances.
        optimum: the tier of what follows a search: T2, or T3 where r's was lme4's default.
        deciding: by term the p values, of each side that names one, that decide the adjusted p.
        drawn: what both sides drew random numbers for, with its Monte-Carlo errors.
    """

    python: Rows
    r: Rows
    df_method: str
    boundary: Boundary
    policy: Policy
    optimum: str = "T2"
    deciding: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    drawn: Mapping[tuple[str, str, int], tuple[Drawn, Drawn]] = field(default_factory=dict)

    def values(self, row: EstimateRow, quantity: str) -> list[float]:
        """The two sides' values of another quantity of the same term, those that exist."""
        key = (row.term, quantity, row.occurrence)
        return [float(side[key]) for side in (self.python, self.r) if key in side]

    def about(self, term: str) -> Pair:
        """The same with the df method of a term's own tests."""
        method = df_method_of(term, self.df_method)
        return self if method == self.df_method else replace(self, df_method=method)

    def tolerance(self, quantity: str, tier: str, magnitude: float = 0.0) -> Tolerance:
        """The policy's record for a number of this model."""
        return self.policy.find(quantity, tier, df_method=self.df_method, magnitude=magnitude)


def measure(row: EstimateRow, python: Value, r: Value, pair: Pair) -> Measured:
    """Measure one number.

    Args:
        row: the number's key (either side's row).
        python: the port's value.
        r: the reference's value.
        pair: the model it belongs to.
    """
    a, b = float(python), float(r)
    if row.key in pair.drawn:
        drawn = pair.policy.find(row.quantity, "T4")
        delta = in_monte_carlo_errors(row.quantity, *pair.drawn[row.key], pair.policy)
        return Measured(delta, drawn.metric, drawn.limit_at(0.0), drawn.tier)
    pair = pair.about(row.term)
    tier = "T0" if row.quantity in ("n_obs", "n_groups") else pair.optimum
    magnitude = metrics.larger_magnitude(a, b)
    tolerance = pair.tolerance(row.quantity, tier, magnitude)
    rule = rule_of(tolerance, pair.policy, pair.df_method) if pair.boundary else "compare"
    # Where neither side gives a sigma there are no shares, and two NaN would pass for the same.
    no_share = row.quantity == "sd" and all(
        math.isnan(_share(side, row.term)) for side in (pair.python, pair.r)
    )
    if rule == "over sigma" and not no_share:
        return _over_sigma(row, a, b, pair, tier)
    limit = _propagated(row, magnitude, pair) if tolerance.limit is None else None
    return Measured(
        delta=_delta(row, a, b, tolerance.metric, pair),
        metric=tolerance.metric,
        limit=tolerance.limit_at(magnitude) if limit is None else limit,
        tier=tier,
        comparable=rule != "not comparable",
    )


def _delta(row: EstimateRow, a: float, b: float, metric: str, pair: Pair) -> float:
    if metric != "SE":
        return METRICS[metric](a, b)
    if row.quantity == "statistic":
        # Already in standard errors.
        return metrics.absolute(a, b)
    return metrics.in_se(a, b, pair.values(row, "std_error"))


def _propagated(row: EstimateRow, magnitude: float, pair: Pair) -> float:
    if row.quantity == "p_adjusted":
        # Where no side says which p decides, the adjusted one stands for it: none is larger.
        deciding = pair.deciding.get(row.term) or pair.values(row, "p_adjusted")
        return adjusted_limit((p, _relative_limit(p, pair)) for p in deciding)
    estimate = pair.tolerance("estimate", "T2").limit_at(0.0)
    std_error = pair.tolerance("std_error", "T2").limit_at(0.0)
    if row.quantity == "statistic":
        return statistic_limit(magnitude, estimate, std_error)
    of_df = pair.tolerance("df", "T2").limit_at(0.0)
    # The tighter of the two sides' limits holds, so that a wrong interval cannot widen it; a side
    # that does not give bounds and standard error together has none.
    limits = [
        interval_limit(quantile, df, estimate, std_error, of_df)
        for quantile, df in (_quantile_and_df(row, side) for side in (pair.python, pair.r))
        if not math.isnan(quantile)
    ]
    return min(limits, default=estimate)


def _relative_limit(p: float, pair: Pair) -> float:
    """The limit of a p value, as a share of the smaller of two p values that are that far apart."""
    tolerance = pair.tolerance("p_value", "T2", p)
    limit = tolerance.limit_at(p)
    if tolerance.metric == "relative":
        return limit
    return limit / (p - limit) if p > limit else 0.0  # no p value is that small or negative here


def _quantile_and_df(row: EstimateRow, side: Rows) -> tuple[float, float]:
    """What one side's interval of the row's term says of its t quantile; NaN where it says none."""
    low, high, se, df = (
        float(side.get((row.term, name, row.occurrence), math.nan))
        for name in ("conf_low", "conf_high", "std_error", "df")
    )
    return (high - low) / (2 * se) if se > 0 else math.nan, df


def _over_sigma(row: EstimateRow, a: float, b: float, pair: Pair, tier: str) -> Measured:
    """On the boundary: SD as a share of sigma; correlations of components that have a variance."""
    limit = pair.policy.over_sigma
    shares = {
        term: tuple(_share(side, term) for side in (pair.python, pair.r))
        for term in _standard_deviations(row, pair)
    }
    if row.quantity == "sd":
        return Measured(metrics.absolute(*shares[row.term]), "absolute", limit, tier)
    vanished = any(not share >= limit for both in shares.values() for share in both)
    return Measured(metrics.absolute(a, b), "absolute", limit, tier, comparable=not vanished)


def _share(side: Rows, term: str) -> float:
    sigma = float(side.get(("sigma", "sigma", 0), math.nan))
    return float(side.get((term, "sd", 0), math.nan)) / sigma if sigma else math.nan


def _standard_deviations(row: EstimateRow, pair: Pair) -> list[str]:
    """The ``sd`` terms a row hangs on: itself, or the two of a correlation."""
    if row.quantity == "sd":
        return [row.term]
    # cor(g:a,b) belongs to sd(g:a) and sd(g:b). Names may hold colons and commas, so the terms
    # that exist decide where to cut.
    inside = row.term[len("cor(") : -1]
    both = dict.fromkeys((*pair.python, *pair.r))
    known = [term for term, quantity, _ in both if quantity == "sd"]
    for first in known:
        body = first[len("sd(") : -1]
        if not inside.startswith(f"{body},"):
            continue
        second_name = inside[len(body) + 1 :]
        for second in known:
            other = second[len("sd(") : -1]
            if other.endswith(f":{second_name}") and body.startswith(other[: -len(second_name)]):
                return [first, second]
    return []
