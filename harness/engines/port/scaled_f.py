"""Degrees of freedom and scale of Kenward and Roger's F test, by matching two moments.

Kenward & Roger (1997), Biometrics 53, section 3; A1 and A2 as in
:mod:`harness.engines.port.kenward_roger`.
"""

from __future__ import annotations

import math

NEAR_TWO = 1e-2
"""Where the denominator df are this close to 2, lambda is not computed but 1, as in pbkrtest."""

EXACT = 1e-9
"""Relative difference of A2/l and c2 B up to which the method is taken for exact."""


def denominator(ell: int, A1: float, A2: float) -> tuple[float, float]:
    """Denominator df m and scale lambda of an F test of l contrasts.

    The F statistic's mean and variance to first order, ``E = 1 + A2/l`` and ``V = (2/l)(1 + B)``,
    are replaced by rational functions with the same expansion, ``E* = 1/(1 - A2/l)`` and
    ``V* = (2/l)(1 + c1 B)/((1 - c2 B)^2 (1 - c3 B))``, and matched to those of F(l, m). They are
    exact in two cases: balanced one-way layouts, ``A1 = l A2``, single contrasts among them, and
    Hotelling's T2, ``A1 = 2 A2/(l + 1)``. There ``c2 B = A2/l``, and what is 0/0 on 2 df cancels.
    """
    B = (A1 + 6.0 * A2) / (2.0 * ell)
    g = ((ell + 1.0) * A1 - (ell + 4.0) * A2) / ((ell + 2.0) * A2)
    below = 3.0 * ell + 2.0 * (1.0 - g)
    c1, c2, c3 = g / below, (ell - g) / below, (ell + 2.0 - g) / below
    top, pole = A2 / ell, c2 * B
    if abs(top - pole) < EXACT * top:
        gain = (c1 + c3) * B
        m = 4.0 + (ell + 2.0) * (1.0 - c3 * B) / gain
        return m, m * gain / (ell + 2.0)
    # With rho = V*/(2 E*^2): m = 4 + (l + 2)/(l rho - 1), lambda = m/(E* (m - 2)).
    upper = (1.0 - top) ** 2 * (1.0 + c1 * B)
    lower = (1.0 - pole) ** 2 * (1.0 - c3 * B)
    if upper == lower:
        return math.inf, 1.0 - top
    m = 4.0 + (ell + 2.0) * lower / (upper - lower)
    return m, 1.0 if abs(m - 2.0) < NEAR_TWO else m * (1.0 - top) / (m - 2.0)
