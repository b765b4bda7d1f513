"""Rubin's rules: one answer from the answers of m completed data sets.

``Q_i`` and ``U_i`` are the estimate and its variance in completed data set i. With
``Qbar = mean(Q)``, ``W = mean(U)`` and ``B = var(Q)`` (divisor m - 1) the total variance is
``T = W + (1 + 1/m) B`` (Rubin 1987, Multiple Imputation for Nonresponse in Surveys, eq. 3.1.2 to
3.1.5). With ``lambda = (1 + 1/m) B / T`` and ``nu`` the degrees of freedom of complete data, the t
reference has (Barnard & Rubin 1999, Biometrika 86, 948-955, eq. 3)

    1 / df = 1 / df_old + 1 / df_obs,  df_old = (m - 1) / lambda^2,
    df_obs = nu (nu + 1) / (nu + 3) (1 - lambda).

The finite number of imputations leaves every one of these numbers random. How much is told by the
jackknife over imputations: each is computed m times, leaving out one imputation, with the factor
1 + 1/m and the m - 1 of ``df_old`` kept, because the answer for this m is what a repetition gives
(as in Royston, Carlin & White 2009, Stata J. 9, 252-264). Of the estimate that is exactly
``sqrt(B / m)``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from harness.engines.port.intervals.level import check_level
from harness.engines.port.wald import wald_table
from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Numbers:
    """What pooling gives for k coefficients; every field is (k,), errors and bounds in their unit.

    Attributes:
        estimate: mean over imputations.
        std_error: root of the total variance.
        df: Barnard and Rubin's degrees of freedom.
        statistic: estimate over standard error.
        p_value: two-sided.
        conf_low: lower bound of the interval.
        conf_high: upper bound.
        within: mean of the variances.
        between: variance of the estimates.
        fmi: fraction of missing information, ``(r + 2 / (df + 3)) / (r + 1)`` with
            ``r = (1 + 1/m) B / W`` (Rubin 1987, eq. 3.1.10): above 0 even where nothing is missing.
    """

    estimate: Vector
    std_error: Vector
    df: Vector
    statistic: Vector
    p_value: Vector
    conf_low: Vector
    conf_high: Vector
    within: Vector
    between: Vector
    fmi: Vector


@dataclass(frozen=True, slots=True)
class Pooled:
    """Pooled coefficients with what the finite number of imputations leaves open.

    Attributes:
        numbers: pooled.
        mc_error: Monte-Carlo standard error of each of them, by the jackknife; NaN with two
            imputations, of which leaving out one leaves no variance.
        imputations: m.
        df_complete: (k,) degrees of freedom that complete data would have, the mean if every data
            set has its own.
        level: of the intervals.
    """

    numbers: Numbers
    mc_error: Numbers
    imputations: int
    df_complete: Vector
    level: float


def pool(
    estimates: npt.ArrayLike,
    variances: npt.ArrayLike,
    df_complete: npt.ArrayLike = np.inf,
    level: float = 0.95,
) -> Pooled:
    """Pool the answers of m completed data sets.

    Args:
        estimates: (m, k), or (m,) for one coefficient.
        variances: as ``estimates``, in the squared unit.
        df_complete: degrees of freedom without missing values: one number, (k,), or as
            ``estimates`` where each data set has its own, whose mean is taken; infinite for Rubin's
            (1987) large-sample rule.
        level: of the intervals.

    Raises:
        ModelError: fewer than two imputations, shapes that differ, values that are not finite,
            or variances or degrees of freedom that are not above zero.
    """
    check_level(level)
    Q, U, nu = _checked(estimates, variances, df_complete)
    m = len(Q)
    freedom = nu.mean(axis=0)
    numbers = _numbers(Q.mean(axis=0), U.mean(axis=0), Q.var(axis=0, ddof=1), m, freedom, level)
    return Pooled(numbers, _jackknife(Q, U, nu, level), m, freedom, level)


def _jackknife(Q: Matrix, U: Matrix, nu: Matrix, level: float) -> Numbers:
    m, k = Q.shape
    if m < 3:
        return Numbers(*(np.full(k, np.nan) for _ in fields(Numbers)))
    # Around the mean, so that means far from zero cost no digits.
    centre = Q.mean(axis=0)
    q = Q - centre
    means = -q / (m - 1)
    B = np.maximum(((q * q).sum(axis=0) - q * q - (m - 1) * means**2) / (m - 2), 0.0)
    W = (U.sum(axis=0) - U) / (m - 1)
    # Where all data sets have one number of degrees of freedom, a sum over them would round it.
    same = (nu == nu[0]).all(axis=0)
    finite = np.where(same, 0.0, nu)
    freedom = np.where(same, nu, (finite.sum(axis=0) - finite) / (m - 1))
    without = _numbers(centre + means, W, B, m, freedom, level)
    errors = []
    for field in fields(Numbers):
        values: Matrix = getattr(without, field.name)
        spread = values.std(axis=0) * np.sqrt(m - 1.0)
        # What is the same without each of them does not vary; infinite numbers have no spread.
        errors.append(np.where((values == values[0]).all(axis=0), 0.0, spread))
    return Numbers(*errors)


def _numbers(Q: Matrix, W: Matrix, B: Matrix, m: int, nu: Matrix, level: float) -> Numbers:
    """The rules, elementwise over any shape."""
    inflated = (1.0 + 1.0 / m) * B
    T = W + inflated
    with np.errstate(divide="ignore", invalid="ignore"):
        lam = inflated / T
        df_old = (m - 1.0) / lam**2
        scale = np.where(np.isinf(nu), 1.0, (nu + 1.0) / (nu + 3.0))
        df_obs = scale * nu * (1.0 - lam)
        df = np.where(np.isinf(nu), df_old, 1.0 / (1.0 / df_old + 1.0 / df_obs))
        r = inflated / W
        fmi = (r + 2.0 / (df + 3.0)) / (r + 1.0)
        shape = np.shape(Q)
        table = wald_table(np.ravel(Q), np.sqrt(np.ravel(T)), np.ravel(df), level)
    usual = [getattr(table, f.name).reshape(shape) for f in fields(table)]
    return Numbers(*usual, *(np.asarray(more) for more in (W, B, fmi)))


def _checked(
    estimates: npt.ArrayLike, variances: npt.ArrayLike, df_complete: npt.ArrayLike
) -> tuple[Matrix, Matrix, Matrix]:
    Q = np.asarray(estimates, dtype=np.float64)
    U = np.asarray(variances, dtype=np.float64)
    if Q.ndim not in (1, 2) or Q.shape != U.shape or not Q.size:
        raise ModelError(
            f"estimates and variances must both be (m, k) or (m,), not {Q.shape} and {U.shape}"
        )
    if len(Q) < 2:
        raise ModelError("one imputation cannot be pooled: its variance leaves out what is missing")
    one = Q.ndim == 1
    Q, U = Q.reshape(len(Q), -1), U.reshape(len(U), -1)
    usable = np.isfinite(Q) & np.isfinite(U) & (U > 0.0)
    if not usable.all():
        row = int(np.argwhere(~usable)[0][0])
        raise ModelError(f"imputation {row + 1} has no finite estimate with a variance above 0")
    nu = np.asarray(df_complete, dtype=np.float64)
    try:
        nu = np.broadcast_to(nu.reshape(-1, 1) if one and nu.ndim == 1 else nu, Q.shape)
    except ValueError:
        raise ModelError(
            f"df_complete must be one number, (k,) or as the estimates, not {nu.shape}"
        ) from None
    if not (nu > 0.0).all():
        raise ModelError("the degrees of freedom of complete data must be above 0")
    return Q, U, nu
