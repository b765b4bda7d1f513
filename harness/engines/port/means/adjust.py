"""Adjusting a family of tests and intervals for its size.

Tests: Tukey, Sidak, Bonferroni, Holm, Hochberg, Hommel, Benjamini & Hochberg, Benjamini &
Yekutieli, Scheffe, and the exact multivariate t (``mvt``; ``dunnett`` is the same for treatments
against one control). Step-wise procedures have no intervals of their own: theirs are Bonferroni's,
as emmeans does it. A test that could not be done counts in the size of its family.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri, fdtri, ndtr, ndtri, stdtr, stdtrit

from harness.engines.port.ftest import upper_tail
from harness.engines.port.means.multivariate_t import LargestT
from harness.engines.port.means.studentized_range import range_point, range_tail
from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

STEPWISE = {
    "bonferroni": "bonferroni",
    "holm": "holm",
    "hochberg": "simes-hochberg",
    "hommel": "hommel",
    "BH": "fdr_bh",
    "BY": "fdr_by",
}
"""Adjustments of p values alone, by statsmodels' names."""

ADJUSTMENTS = ("none", "tukey", "sidak", "scheffe", *STEPWISE, "dunnett", "mvt")
SYNONYMS = {"fdr": "BH", "bh": "BH", "by": "BY", "dunnettx": "dunnett"}

OWN_INTERVALS = ("none", "tukey", "sidak", "scheffe", "bonferroni", "dunnett", "mvt")
"""Adjustments with intervals of their own."""


@dataclass(frozen=True, slots=True)
class Family:
    """Tests that are adjusted together.

    Attributes:
        size: how many were wanted.
        statistic: (k,) of the k that could be done.
        df: (k,) degrees of freedom, infinite for normal tests.
        covariance: makes the (k, k) covariance of the estimates, in any unit.
        pairs_of: the number of means all of whose pairs are compared, or 0.
        rank: of the wanted contrasts.
    """

    size: int
    statistic: Vector
    df: Vector
    covariance: Callable[[], Matrix]
    pairs_of: int
    rank: int


@dataclass(frozen=True, slots=True)
class Adjusted:
    """An adjusted family.

    Attributes:
        p_value: (k,) adjusted.
        p_error: (k,) standard error of p values that were sampled; 0 for all others.
        critical: (k,) half widths of the intervals in standard errors.
        method: what was done for the p values.
        interval_method: what was done for the intervals.
    """

    p_value: Vector
    p_error: Vector
    critical: Vector
    method: str
    interval_method: str


def known_adjustment(name: str) -> str:
    """The adjustment meant by a name.

    Raises:
        ModelError: none of that name.
    """
    name = SYNONYMS.get(name, name)
    if name not in ADJUSTMENTS:
        raise ModelError(f"adjust: `{name}` is none of {', '.join(ADJUSTMENTS)}")
    return name


def adjusted(family: Family, method: str, level: float) -> Adjusted:
    """Adjust a family's p values and intervals.

    Tukey's distribution is that of all pairs of means: elsewhere Sidak's takes its place, as in
    emmeans, and is named.

    Args:
        family: the tests.
        method: see ``ADJUSTMENTS``.
        level: of the intervals together.

    Raises:
        ModelError: an unknown adjustment.
    """
    method = known_adjustment(method)
    if method == "tukey" and not family.pairs_of:
        method = "sidak"
    interval = method if method in OWN_INTERVALS else "bonferroni"
    t, df = np.abs(family.statistic), family.df
    single = two_sided(t, df)
    p_value: Vector
    error = np.zeros(len(t))
    if method in STEPWISE:
        p_value = _stepwise(single, family.size, STEPWISE[method])
    elif method == "tukey":
        p_value = _tukey_tail(t, df, family.pairs_of)
    elif method == "sidak":
        with np.errstate(divide="ignore"):  # a p value of 1 stays one
            p_value = -np.expm1(family.size * np.log1p(-single))
    elif method == "scheffe":
        p_value = np.array(
            [
                upper_tail(family.rank, nu, q * q / family.rank)
                for q, nu in zip(t.tolist(), df.tolist(), strict=True)
            ]
        )
    elif method in ("dunnett", "mvt"):
        p_value, error = _largest_tail(t, df, _largest(family))
    else:
        p_value = single
    return Adjusted(
        np.clip(p_value, 0.0, 1.0), error, _critical(family, interval, level), method, interval
    )


def two_sided(t: Vector, df: Vector) -> Vector:
    """Two-sided p values of t statistics, normal where ``df`` is infinite."""
    finite = np.where(np.isfinite(df), df, 1.0)
    tail = np.where(np.isinf(df), ndtr(-np.abs(t)), stdtr(finite, -np.abs(t)))
    return np.where(np.isnan(df), np.nan, 2.0 * tail)


def two_sided_point(alpha: float, df: Vector) -> Vector:
    """The |t| exceeded with probability alpha."""
    finite = np.where(np.isfinite(df), df, 1.0)
    # From the lower tail: 1 - alpha / 2 would lose the digits of a small alpha.
    point = np.where(np.isinf(df), -ndtri(0.5 * alpha), -stdtrit(finite, 0.5 * alpha))
    return np.where(np.isnan(df), np.nan, point)


def _critical(family: Family, method: str, level: float) -> Vector:
    """Half widths of intervals in standard errors."""
    df, alpha = family.df, 1.0 - level
    match method:
        case "tukey":
            return _tukey_points(level, family.pairs_of, df)
        case "sidak":
            return two_sided_point(-np.expm1(np.log(level) / family.size), df)
        case "bonferroni":
            return two_sided_point(alpha / family.size, df)
        case "scheffe":
            return _each(df, lambda nu: _scheffe_point(level, family.rank, nu))
        case "dunnett" | "mvt":
            largest = _largest(family)
            return _each(df, lambda nu: largest.quantile(level, nu))
        case _:
            return two_sided_point(alpha, df)


def _each(df: Vector, point: Callable[[float], float]) -> Vector:
    """A quantile for each df, computed once for equal ones; NaN for NaN."""
    known = {nu: point(nu) for nu in sorted(set(df[~np.isnan(df)].tolist()))}
    return np.array([known.get(nu, np.nan) for nu in df.tolist()])


def _stepwise(p: Vector, size: int, method: str) -> Vector:
    """Adjusted by statsmodels; tests not done count as p values of 1, as in R's ``p.adjust``."""
    from statsmodels.stats.multitest import multipletests

    known = ~np.isnan(p)
    result = np.full(len(p), np.nan)
    if known.any():
        padded = np.concatenate((p[known], np.ones(size - int(known.sum()))))
        result[known] = multipletests(padded, method=method)[1][: int(known.sum())]
    return result


def _tukey_tail(t: Vector, df: Vector, means: int) -> Vector:
    """Tail of the studentised range at ``t sqrt(2)``."""
    if means == 2:
        return two_sided(t, df)
    tail = np.full(len(t), np.nan)
    for nu in set(df[~np.isnan(df)].tolist()):
        rows = df == nu
        tail[rows] = range_tail(t[rows] * np.sqrt(2.0), means, nu)
    return tail


def _tukey_points(level: float, means: int, df: Vector) -> Vector:
    """Quantiles of the studentised range over ``sqrt(2)``, one for each df."""
    if means == 2:
        return two_sided_point(1.0 - level, df)
    return _each(df, lambda nu: range_point(level, means, nu) / float(np.sqrt(2.0)))


def _scheffe_point(level: float, rank: int, df: float) -> float:
    square = chdtri(rank, 1.0 - level) if np.isinf(df) else rank * fdtri(rank, df, level)
    return float(np.sqrt(square))


def _largest(family: Family) -> LargestT:
    V = family.covariance()
    sd = np.sqrt(V.diagonal())
    correlation = np.clip(V / np.outer(sd, sd), -1.0, 1.0)
    np.fill_diagonal(correlation, 1.0)
    return LargestT(correlation)


def _largest_tail(t: Vector, df: Vector, largest: LargestT) -> tuple[Vector, Vector]:
    """Tails and their standard errors, each statistic on its own df."""
    pairs = [
        largest.tail(q, nu) if nu == nu else (np.nan, np.nan)  # noqa: PLR0124
        for q, nu in zip(t.tolist(), df.tolist(), strict=True)
    ]
    both = np.array(pairs).reshape(-1, 2)
    return both[:, 0], both[:, 1]
