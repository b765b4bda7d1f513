"""F tests of several contrasts being zero together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, fdtrc

from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

DEPENDENT = 1e-10
"""An eigenvalue of the contrasts' correlation matrix below this is a linear dependence."""


@dataclass(frozen=True, slots=True)
class FTest:
    """A test of several contrasts being zero together.

    Attributes:
        num_df: contrasts, l.
        den_df: denominator degrees of freedom, m; infinite for a chi-square test.
        scale: by which the Wald F was multiplied (Kenward-Roger's lambda; else 1).
        f_value: the scaled F.
        p_value: its upper tail.
    """

    num_df: int
    den_df: float
    scale: float
    f_value: float
    p_value: float


def upper_tail(num_df: int, den_df: float, f_value: float) -> float:
    """``P(F(num_df, den_df) > f_value)``; by chi-square where ``den_df`` is infinite."""
    if np.isinf(den_df):
        return float(chdtrc(num_df, num_df * f_value))
    return float(fdtrc(num_df, den_df, f_value)) if den_df > 0.0 else float("nan")


def wald_statistic(rows: Matrix, value: Vector) -> float:
    """Wald's F statistic from a root of the contrasts' covariance; nothing is squared.

    Args:
        rows: (l, p) so that ``rows rows'`` is the covariance of l contrasts.
        value: (l,) contrasts, in the same unit.

    Raises:
        ModelError: rows that are not linearly independent.
    """
    lengths = np.sqrt((rows * rows).sum(axis=1))
    if not len(rows) or not (lengths > 0.0).all():
        raise ModelError("an F test needs one or more contrasts, none of them zero")
    _, triangle = np.linalg.qr((rows / lengths[:, None]).T)
    size = np.linalg.svd(triangle, compute_uv=False)
    if len(rows) > rows.shape[1] or size[-1] ** 2 < DEPENDENT:
        raise ModelError("the contrasts of an F test are linearly dependent; leave some out")
    free = np.linalg.solve(triangle.T, value / lengths)
    return float(free @ free) / len(rows)


def rooted_f(rows: Matrix, value: Vector, den_df: float) -> FTest:
    """Wald's F test on given denominator df, infinite for chi-square: :func:`wald_statistic`."""
    f_value = wald_statistic(rows, value)
    return FTest(len(rows), den_df, 1.0, f_value, upper_tail(len(rows), den_df, f_value))
