"""Standardised mean differences of observed values: Morris' d_ppc2 and Hedges' g.

Pure functions of two groups, in the order compared: the first less the second. What does not
exist, for too few values or none that differ, is NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
_NAN = math.nan
NODES = 400


@dataclass(frozen=True, slots=True)
class Standardised:
    """A standardised difference with its limits; ``se`` is NaN where none is defined here."""

    d: float
    se: float
    low: float
    high: float


NOTHING = Standardised(_NAN, _NAN, _NAN, _NAN)


def morris_d(
    change: tuple[float, float],
    sd: tuple[float, float],
    n: tuple[int, int],
    rho: float,
    level: float = 0.95,
) -> Standardised:
    """d_ppc2, the difference of two groups' changes over the SD of their first values, pooled.

    Morris (2008), Organ. Res. Methods 11, 364-386: eq. 8 the size, eq. 9 the SD, eq. 10
    ``c = 1 - 3 / (4 m - 1)`` with ``m = n_1 + n_2 - 2``, eq. 25 the variance

        c^2 m / (m - 2) (2 (1 - rho) (1 / n_1 + 1 / n_2) + d^2) - d^2,

    in which d itself stands for the population's size, and first and later values have one SD.
    The limits are d less and plus the normal quantile times its root.

    Args:
        change: mean change of either group, in the outcome's unit.
        sd: SD of the first values of either group.
        n: patients of either group.
        rho: correlation of first and later values within groups; NaN leaves d alone.
        level: of the limits, between 0 and 1.

    Returns:
        Numbers without unit; a variance needs m > 2.
    """
    m = n[0] + n[1] - 2
    if min(n) < 1 or m < 1:
        return NOTHING
    pooled = math.sqrt(((n[0] - 1) * sd[0] ** 2 + (n[1] - 1) * sd[1] ** 2) / m)
    if not pooled > 0.0:
        return NOTHING
    c = 1.0 - 3.0 / (4.0 * m - 1.0)
    d = c * (change[0] - change[1]) / pooled
    if m <= 2:
        return Standardised(d, _NAN, _NAN, _NAN)
    sampling = 2.0 * (1.0 - rho) * (1.0 / n[0] + 1.0 / n[1])
    se = math.sqrt(c**2 * m / (m - 2.0) * (sampling + d**2) - d**2)
    half = normal_quantile(0.5 + level / 2.0) * se
    return Standardised(d, se, d - half, d + half)


def pooled_correlation(pairs: list[tuple[Vector, Vector]]) -> float:
    """Correlation of x and y within groups: sums of squares and products about group means.

    ``sum S_xy / sqrt(sum S_xx sum S_yy)``, over the groups; NaN where either does not vary.

    Args:
        pairs: (n_g,) x and y of each group.
    """
    sums = np.zeros(3)
    for x, y in pairs:
        if len(x):
            dx, dy = centred(x), centred(y)
            sums += (dx @ dx, dy @ dy, dx @ dy)
    product = math.sqrt(sums[0] * sums[1])
    return float(min(1.0, max(-1.0, sums[2] / product))) if product > 0.0 else _NAN


def centred(x: Vector) -> Vector:
    """Values (n,) less their mean; exactly zero where all are equal."""
    if len(x) == 0 or x.min() == x.max():
        return np.zeros(len(x))
    return np.asarray(x - x.mean(), dtype=np.float64)


def hedges_g(first: Vector, second: Vector, level: float = 0.95) -> Standardised:
    """g, the difference of two groups' means over their pooled SD, less its bias.

    ``J(m) d`` with the exact ``J(m) = gamma(m/2) / (sqrt(m/2) gamma((m-1)/2))``,
    ``m = n_1 + n_2 - 2`` (Hedges 1981, J. Educ. Stat. 6, 107-128; ``1 - 3 / (4 m - 1)`` is within
    1e-3 of it from m = 8 on). Limits are exact for normal values of one SD: the noncentralities at
    which t is the quantile (Steiger & Fouladi 1997; Cumming & Finch 2001), times J.

    Args:
        first: (n,) values, two or more.
        second: (m,) the same of the group it is compared with.
        level: of the limits, between 0 and 1.
    """
    n = (len(first), len(second))
    if min(n) < 2:
        return NOTHING
    m = n[0] + n[1] - 2
    squares = sum(float(centred(x) @ centred(x)) for x in (first, second))
    if not squares > 0.0:
        return NOTHING
    root = math.sqrt(1.0 / n[0] + 1.0 / n[1])
    t = float(first.mean() - second.mean()) / (math.sqrt(squares / m) * root)
    low, high = noncentral_t_limits(t, m, level)
    scale = hedges_correction(m) * root
    return Standardised(scale * t, _NAN, scale * low, scale * high)


def hedges_correction(m: int) -> float:
    """``J(m) = gamma(m/2) / (sqrt(m/2) gamma((m-1)/2))`` to 1e-15, m from 2 on.

    Below 202 from central binomial coefficients, whole numbers; above by the ratio's asymptotic
    series (Tricomi & Erdelyi 1951, Pacific J. Math. 1, 133-142), where a difference of logarithms
    would lose digits as m grows.
    """
    x = (m - 1) / 2  # gamma(x + 1/2) / gamma(x)
    if m >= 202:
        terms = (-1 / 8, 1 / 128, 5 / 1024, -21 / 32768, -399 / 262144)
        series = 1.0 + sum(c / x**k for k, c in enumerate(terms, start=1))
        return math.sqrt(x / (m / 2)) * series
    n = (m - 1) // 2
    binomial = math.comb(2 * n, n)
    # x is n, or n + 1/2
    up, down = (n * binomial, 1 << 2 * n) if m % 2 else (1 << 2 * n, binomial)
    root = math.sqrt(math.pi) if m % 2 else 1.0 / math.sqrt(math.pi)
    return up / down * root / math.sqrt(m / 2)


def noncentral_t_limits(t: float, df: int, level: float) -> tuple[float, float]:
    """The noncentralities at which t is the upper and the lower quantile.

    Roots to 1e-13 of ``P(T <= t) = E Phi(t s - delta)`` with ``s^2 = chi^2 / df``, by
    Gauss-Legendre where all but 1e-17 of s lies: 1e-13 of the probability, up to |t| of 40.
    (scipy's noncentral t is NaN for some t and delta of opposite sign.)

    Args:
        t: statistic.
        df: degrees of freedom, one or more.
        level: of the limits, between 0 and 1.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    s, weights = _scaled_chi(df)
    tail = (1.0 - level) / 2.0

    def solved(p: float) -> float:
        def excess(delta: float) -> float:
            return float(weights @ ndtr(t * s - delta)) - p

        reach = 5.0 + abs(t)
        while excess(t - reach) < 0.0 or excess(t + reach) > 0.0:
            reach *= 2.0
        return float(brentq(excess, t - reach, t + reach, xtol=1e-13, rtol=1e-14))

    return solved(1.0 - tail), solved(tail)


@lru_cache(maxsize=64)
def _scaled_chi(df: int) -> tuple[Vector, Vector]:
    """(k,) nodes of sqrt(chi^2 / df), and weights that sum to one."""
    from scipy.special import chdtri, gammaincinv

    low = math.sqrt(2.0 * gammaincinv(df / 2.0, 1e-17) / df)
    high = math.sqrt(chdtri(df, 1e-17) / df)
    x, w = np.polynomial.legendre.leggauss(NODES)
    s = low + (high - low) * (x + 1.0) / 2.0
    log_density = (df - 1.0) * np.log(s) - df * (s**2 - 1.0) / 2.0
    weights = w * np.exp(log_density - log_density.max())
    return s, weights / weights.sum()


def normal_quantile(p: float) -> float:
    """The standard normal's quantile, to the last bits."""
    from scipy.special import ndtri

    return float(ndtri(p))
