"""Quantiles of bootstrap replicates, and how far they are from those of infinitely many."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

Vector = npt.NDArray[np.float64]


def order_quantile(ordered: Vector, alpha: float) -> float:
    """Quantile alpha of R ordered replicates: the order statistic of rank ``(R + 1) alpha``.

    Ranks that are not whole are interpolated on the scale of the normal quantile; Davison &
    Hinkley (1997), *Bootstrap Methods and their Application*, equation 5.8.
    """
    count = len(ordered)
    rank = (count + 1) * alpha
    whole = round(rank)
    if abs(rank - whole) < 1e-9 * count and 1 <= whole <= count:
        return float(ordered[whole - 1])
    below = int(np.floor(rank))
    if below < 1 or below >= count:
        return float(ordered[0] if below < 1 else ordered[-1])
    low, high = ndtri(below / (count + 1.0)), ndtri((below + 1.0) / (count + 1.0))
    share = float((ndtri(alpha) - low) / (high - low))
    return float(ordered[below - 1] + share * (ordered[below] - ordered[below - 1]))


def quantile_error(ordered: Vector, alpha: float) -> float:
    """Monte-Carlo standard error of a quantile of R ordered replicates.

    Half the distance of the order statistics one binomial standard deviation of the rank to
    either side: no density is estimated.
    """
    count = len(ordered)
    spread = np.sqrt(count * alpha * (1.0 - alpha))
    at = count * alpha - 0.5
    low, high = np.interp([at - spread, at + spread], np.arange(count), ordered)
    return 0.5 * float(high - low)
