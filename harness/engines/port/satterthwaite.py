"""Satterthwaite's degrees of freedom, with every derivative analytic.

The variance of a contrast, ``v = l' Var(beta_hat) l``, is a function of the variance parameters
(theta, sigma). Satterthwaite matches its first two moments to a scaled chi-square:
``df = 2 v^2 / (g' C g)`` with ``g`` the gradient of v and ``C`` the asymptotic covariance of the
variance parameters, twice the inverse Hessian of the deviance (the REML criterion for a REML
fit). That is the definition of Kuznetsova, Brockhoff & Christensen (2017), J. Stat. Softw.
82(13), who differentiate numerically.

Sigma can be eliminated exactly. In (theta, psi = log sigma^2) the deviance at the optimum has
second derivatives ``F + d u u'``, ``-d u`` and ``d``, where F is the Hessian of the *profiled*
criterion, ``u`` the gradient of the log penalised residual sum of squares and d the residual
degrees of freedom. Inverting by blocks gives

    1 / df = 1 / d + z' F^-1 z,        z = d log v_profiled / d theta,

``v_profiled`` being v with sigma at its optimum for each theta. The result does not depend on
how the covariance is parametrised.

On the boundary (a column of Lambda is zero) the thetas of that column are held fixed. By symmetry
z and the mixed second derivatives vanish there, so holding them or not gives the same df.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from harness.engines.port.criterion import FLAT, Evaluation
from harness.engines.port.ftest import FTest, upper_tail, wald_statistic
from harness.engines.port.surface import Surface

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

FAR_FROM_FLAT = 1e-3
"""Ratio of Cholesky pivots above which no direction of the criterion is anywhere near flat."""

SAME_DF = 1e-8
"""Single df that differ by less are one."""

TIED = 1e-9
"""Standard deviations of uncorrelated contrasts that differ by a smaller share are one."""


def log_variance_gradient(half: Matrix, evaluation: Evaluation) -> Matrix:
    """Gradient (t, k) of the log profiled variance of k contrasts.

    Args:
        half: (k, p) rows ``l' R_X^-1 Rho_X^-1``, so that v is sigma^2 times their squared length.
        evaluation: the criterion at the optimum.
    """
    p = half.shape[1]
    t = len(evaluation.theta)
    U = evaluation.U
    if t == 1:
        spread = ((half @ U[0, :p, :p]) * half).sum(axis=1)
        return np.asarray((spread / (half * half).sum(axis=1) - U[0, p, p])[None, :])
    spread = ((half @ U[:, :p, :p]) * half).sum(axis=2)
    return np.asarray(spread / (half * half).sum(axis=1) - U[:, p, p][:, None])


def satterthwaite_df(at: Surface, evaluation: Evaluation, half: Matrix) -> Vector:
    """Degrees of freedom (k,) of k contrasts at an optimum.

    Args:
        at: the criterion.
        evaluation: it and its derivatives at the optimum.
        half: (k, p), see :func:`log_variance_gradient`.

    Returns:
        NaN where the criterion is flat in a direction the contrast's variance depends on.
    """
    structure = at.data.structure
    zero_columns = structure.columns[structure.diagonal & (evaluation.theta == 0.0)]
    z = log_variance_gradient(half, evaluation)
    F = evaluation.hessian
    if len(zero_columns):
        free = ~np.isin(structure.columns, zero_columns)
        z, F = z[free], F[np.ix_(free, free)]
        if not free.any():
            return np.full(len(half), float(at.d))
    if len(z) == 1:
        bend = float(F[0, 0])
        share = z[0] ** 2 / bend if bend > 0.0 else np.full(len(half), np.nan)
    else:
        share = _quadratic(F, z)
    return 1.0 / (1.0 / at.d + share)


def satterthwaite_f(at: Surface, evaluation: Evaluation, rows: Matrix, value: Vector) -> FTest:
    """F test of k contrasts together, on df by Fai & Cornelius.

    Args:
        at: the criterion.
        evaluation: it and its derivatives at the optimum.
        rows: (k, p) contrasts times ``half``.
        value: (k,) contrasts over sigma.

    Raises:
        ModelError: contrasts that are not linearly independent.
    """
    slope = variance_slope(evaluation.hessian, evaluation.U)
    return fai_cornelius(rows, value, lambda one: satterthwaite_df(at, evaluation, one), slope)


def fai_cornelius(
    rows: Matrix, value: Vector, single_df: Callable[[Matrix], Vector], slope: Matrix
) -> FTest:
    """F test of k contrasts together from the df of single ones.

    The contrasts are turned into uncorrelated ones, along the eigenvectors of their covariance, so
    the df hang (in the third digit) on which rows spell the hypothesis, as lmerTest's do; F is the
    mean of their squared t statistics, and its df those for which an F variable has the mean of
    that sum, ``E = sum nu/(nu - 2)`` over the k single df: ``2 E / (E - k)``, and 2 where a single
    one is not above 2.
    Fai & Cornelius (1996), J. Stat. Comput. Simul. 54, as in Kuznetsova et al. (2017).

    Args:
        rows: (k, p) so that ``rows rows'`` is the covariance of the contrasts.
        value: (k,) contrasts, in the same unit.
        single_df: df (k,) of such rows (k, p).
        slope: (p, p) see :func:`variance_slope`.

    Raises:
        ModelError: contrasts that are not linearly independent.
    """
    f_value = wald_statistic(rows, value)
    k = len(rows)
    nu = single_df(_uncorrelated(rows, slope))
    if np.ptp(nu) < SAME_DF:
        den_df = float(nu.mean())
    elif (nu <= 2.0).any():
        den_df = 2.0
    else:
        E = float((nu / (nu - 2.0)).sum())
        den_df = 2.0 * E / (E - k)
    return FTest(k, den_df, 1.0, f_value, upper_tail(k, den_df, f_value))


def variance_slope(hessian: Matrix, U: Matrix) -> Matrix:
    """A derivative (p, p) of the coefficients' covariance, where ``rows`` have it at identity.

    Args:
        hessian: (t, t) of the criterion.
        U: (t, P, P) the derivative in each parameter.

    Returns:
        Their sum, each parameter in the unit in which its curvature is 1.
    """
    bend = hessian.diagonal()
    unit = np.divide(1.0, np.sqrt(np.abs(bend)), out=np.zeros_like(bend), where=bend > 0.0)
    return np.asarray(np.tensordot(unit, U, axes=1))[:-1, :-1]


def _uncorrelated(rows: Matrix, slope: Matrix) -> Matrix:
    """The contrasts (k, p) along the eigenvectors of their covariance, each of unit variance.

    Where eigenvalues tie, every rotation will do, the df hang on it, and rounding would choose
    (two contrasts of one variance, on 42 and on 210 df, get any value from 69 to 140). The limit
    from parameters nearby is taken: the rotation that diagonalises the covariance's derivative as
    well. In balanced data it separates the strata, and other derivatives are diagonal there, too.
    """
    _, size, turned = np.linalg.svd(rows, full_matrices=False)
    joined = -np.diff(size) < TIED * size[:-1]
    if not joined.any():
        return np.asarray(turned)
    start = 0
    for end in [*(np.flatnonzero(~joined) + 1), len(size)]:
        tied = turned[start:end]
        _, within = np.linalg.eigh(tied @ slope @ tied.T)
        turned[start:end] = within.T @ tied
        start = end
    return np.asarray(turned)


def _quadratic(F: Matrix, z: Matrix) -> Vector:
    """``z'F^-1 z`` of each column of z; directions in which both vanish do not count."""
    L, info = lapack.dpotrf(F, lower=1, clean=0)
    if info == 0 and L.diagonal().min() > FAR_FROM_FLAT * L.diagonal().max():
        x, _ = lapack.dtrtrs(L, z, lower=1)
        return np.asarray((x * x).sum(axis=0))
    w, V = np.linalg.eigh(F)
    x = V.T @ z
    flat = w <= FLAT * w[-1]
    if flat.any():
        hangs = np.abs(x[flat]) > 1e-6 * (1.0 + np.abs(z).max())
        share = (x[~flat] ** 2 / w[~flat, None]).sum(axis=0)
        return np.where(hangs.any(axis=0), np.nan, share)
    return np.asarray((x * x / w[:, None]).sum(axis=0))
