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

import numpy as np
import numpy.typing as npt

from harness.engines.port.criterion import FLAT, Evaluation
from harness.engines.port.surface import Surface

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


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


def _quadratic(F: Matrix, z: Matrix) -> Vector:
    """``z'F^-1 z`` of each column of z; directions in which both vanish do not count."""
    w, V = np.linalg.eigh(F)
    x = V.T @ z
    flat = w <= FLAT * w[-1]
    if flat.any():
        hangs = np.abs(x[flat]) > 1e-6 * (1.0 + np.abs(z).max())
        share = (x[~flat] ** 2 / w[~flat, None]).sum(axis=0)
        return np.where(hangs.any(axis=0), np.nan, share)
    return np.asarray((x * x / w[:, None]).sum(axis=0))
