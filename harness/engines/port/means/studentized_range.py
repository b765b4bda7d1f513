"""The studentised range: the largest difference of k independent normals over a chi's root mean.

With W(w) the distribution of the range itself and f the density of s, the estimated standard
deviation on nu df over the true one,

    W(w) = k int phi(z) [Phi(z) - Phi(z - w)]^(k-1) dz,    P(q) = int f(s) W(q s) ds

(Copenhaver & Holland 1988, J. Stat. Comput. Simul. 30, 1-15). Both integrands are smooth: fixed
Gauss-Legendre nodes over all that a double can see give twelve digits of P, absolute, in a
hundredth of the time that nested adaptive quadrature takes.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri, gammaln, ndtr

Vector = npt.NDArray[np.float64]

NODES = 160
"""Of each of the two integrals."""

REACH = 9.0
"""Standard deviations of z beyond which the normal density is below 1e-18."""

FEW = 10.0
"""Degrees of freedom below which s is integrated on another scale."""

TAIL = 1e-17
"""Probability of s that is left out at either end."""


@cache
def _nodes() -> tuple[Vector, Vector]:
    x, w = np.polynomial.legendre.leggauss(NODES)
    return x, w


def range_tail(q: Vector, means: int, df: float) -> Vector:
    """Probability (m,) that the studentised range of ``means`` normals exceeds q (m,).

    Args:
        q: zero or more.
        means: two or more.
        df: of the estimated standard deviation, above zero; it may be infinite.
    """
    x, weight = _nodes()
    if np.isinf(df):
        s, density = np.ones(1), np.ones(1)
    else:
        # chdtri(df, p) is the point exceeded with probability p; its root over df is s.
        low = float(np.sqrt(chdtri(df, 1.0 - 1e-16) / df))
        high = float(np.sqrt(chdtri(df, TAIL) / df))
        # Few df: s^(df - 1) is not smooth at zero, as a fourth root's power it is.
        power = 4.0 if df < FEW else 1.0
        start, end = low ** (1.0 / power), high ** (1.0 / power)
        u = start + 0.5 * (end - start) * (x + 1.0)
        s = u**power
        log = 0.5 * df * np.log(0.5 * df) - gammaln(0.5 * df) + np.log(2.0 * power)
        log = log + (power * df - 1.0) * np.log(u) - 0.5 * df * s * s
        density = np.exp(log) * weight * 0.5 * (end - start)
        density /= density.sum()  # what the ends lack, and the rounding of the constants
    z = REACH * x
    phi = np.exp(-0.5 * z * z) * weight * REACH / np.sqrt(2.0 * np.pi)
    below = ndtr(z)
    tails = []
    for each in np.asarray(q, dtype=np.float64).tolist():
        between = below - ndtr(z - each * s[:, None])
        tails.append(float(density @ (1.0 - means * (between ** (means - 1)) @ phi)))
    return np.asarray(np.clip(np.array(tails), 0.0, 1.0), dtype=np.float64)


def range_point(level: float, means: int, df: float, near: float = 3.5) -> float:
    """The q that the studentised range stays below with probability ``level``.

    Args:
        level: between 0 and 1.
        means: two or more.
        df: above zero.
        near: where the search begins.
    """
    from scipy.optimize import brentq

    def excess(q: float) -> float:
        return float(range_tail(np.array([q]), means, df)[0]) - (1.0 - level)

    low, high = 0.5 * near, 2.0 * near
    while excess(low) < 0.0:
        low *= 0.5
    while excess(high) > 0.0:
        high *= 2.0
    return float(brentq(excess, low, high, xtol=1e-12, rtol=1e-13))
