"""Wald tests and intervals of single coefficients, given their degrees of freedom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from harness.engines.port.intervals.level import check_level

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WaldTable:
    """Tests of each coefficient against zero; every field is (p,), in the coefficient's unit.

    Attributes:
        estimate: coefficients.
        std_error: their standard errors.
        df: degrees of freedom, inf for a normal test.
        statistic: estimate over standard error.
        p_value: two-sided.
        conf_low: lower bound of the interval.
        conf_high: upper bound.
    """

    estimate: Vector
    std_error: Vector
    df: Vector
    statistic: Vector
    p_value: Vector
    conf_low: Vector
    conf_high: Vector

    def rows(self) -> Iterator[tuple[float, ...]]:
        """The numbers of each coefficient, in the order of the fields."""
        columns = (getattr(self, f.name).tolist() for f in fields(self))
        return zip(*columns, strict=True)


def wald_table(estimate: Vector, std_error: Vector, df: Vector, level: float) -> WaldTable:
    """Two-sided t tests, normal ones where ``df`` is infinite, and intervals of level ``level``.

    Raises:
        ModelError: a level not between 0 and 1.
    """
    check_level(level)
    statistic = estimate / std_error
    tail = 0.5 * (1.0 + level)
    if np.isfinite(df).all():
        p_value = 2.0 * stdtr(df, -np.abs(statistic))
        half = stdtrit(df, tail) * std_error
    elif np.isinf(df).all():
        p_value = 2.0 * ndtr(-np.abs(statistic))
        half = ndtri(tail) * std_error
    else:
        finite = np.where(np.isfinite(df), df, 1.0)
        normal = np.isinf(df)
        z = -np.abs(statistic)
        p_value = 2.0 * np.where(normal, ndtr(z), stdtr(finite, z))
        half = np.where(normal, ndtri(tail), stdtrit(finite, tail)) * std_error
        p_value = np.where(np.isnan(df), np.nan, p_value)
        half = np.where(np.isnan(df), np.nan, half)
    return WaldTable(estimate, std_error, df, statistic, p_value, estimate - half, estimate + half)


def critical(df: Vector, alpha: float) -> Vector:
    """(k,) value that ``|t|`` exceeds with probability alpha; normal where ``df`` is infinite."""
    normal = np.isinf(df)
    quantile = stdtrit(np.where(normal, 1.0, df), 1.0 - alpha / 2.0)
    return np.asarray(np.where(normal, ndtri(1.0 - alpha / 2.0), quantile))
