"""Limits of derived numbers, from the limits of what they are made of."""

from __future__ import annotations

import math
from collections.abc import Iterable


def statistic_limit(t: float, estimate_limit: float, std_error_limit: float) -> float:
    """Largest change of ``t = b/SE`` that ``b`` and ``SE`` within their limits can cause.

    ``|dt| <= |db|/SE + |t| |dSE|/SE``, to first order.

    Args:
        t: the statistic.
        estimate_limit: limit of ``|db|/SE``.
        std_error_limit: limit of ``|dSE|/SE``.

    Returns:
        The limit in SE units; infinities and NaN of ``t`` add nothing.
    """
    return estimate_limit + (abs(t) * std_error_limit if math.isfinite(t) else 0.0)


def interval_limit(
    q: float, df: float, estimate_limit: float, std_error_limit: float, df_limit: float
) -> float:
    """Largest change of a bound ``b +- q(df) SE``, in SE units, within the limits of its parts.

    ``|db|/SE + q |dSE|/SE + |dq/d log df| |d df|/df``. The t quantile is
    ``z + (z^3 + z)/(4 df) + ...`` (Fisher and Cornish 1960), so ``(q^3 + q)/(4 df)``, with the
    t quantile in place of the smaller normal one, bounds ``|dq/d log df|`` from above for levels
    of 80 % and more. It is exact to first order in 1/df: for a 95 % interval 1 % too wide at
    df 66, 26 % at df 5, a factor 2.5 at df 2. As df goes to 0 the tail ``P(T > q)`` behaves as
    ``q^-df / 2``, so ``|dq/d log df|`` approaches ``q log(1 / alpha) / df`` for a two-sided
    ``alpha``; ``7 q / df`` bounds that up to a level of 99.9 % and takes over where it is smaller.

    Args:
        q: the t quantile of the interval.
        df: its degrees of freedom; infinite for a z interval.
        estimate_limit: limit of ``|db|/SE``.
        std_error_limit: limit of ``|dSE|/SE``.
        df_limit: limit of ``|d df|/df``; 0 where df must be exact.

    Returns:
        The limit in SE units; a quantile or df that is not a positive number adds nothing.
    """
    limit = estimate_limit
    if math.isfinite(q) and q > 0:
        limit += q * std_error_limit
        if math.isfinite(df) and df > 0:
            limit += min((q * q * q + q) / 4, 7 * q) / df * df_limit
    return limit


def adjusted_limit(deciding: Iterable[tuple[float, float]]) -> float:
    """Largest relative change of an adjusted p that the family's p values within limits can cause.

    Bonferroni, Holm, BH and BY turn m p values into adjusted ones that never fall when a p rises
    and that double when all p double (before the cut at 1, which only brings numbers closer). So if
    each p of one side lies between the other side's divided and multiplied by a factor, so do the
    adjusted ones: the relative error is carried over with the factor 1, whatever m. Each adjusted p
    is a multiple of one p of its family; for BH and BY, whose minimum can only be lower elsewhere,
    it is within that p's own relative limit of the other side's, for Holm's maximum likewise, on
    one of the two sides. Hence the larger of the two sides' relative limits of the deciding p.

    Args:
        deciding: of each side the p value that decides the adjusted one, and its relative limit.

    Returns:
        The relative limit; 0 where no side names a p.
    """
    return max((limit for p, limit in deciding if not math.isnan(p)), default=0.0)
