"""Where the search begins: moment estimates, and a scan of the line when there is one parameter."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from harness.engines.port.criterion import Problem, values
from harness.engines.port.groups import FEW
from harness.engines.port.structure import Structure

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

SCAN = np.concatenate(([0.0], np.logspace(-3.0, 4.5, 11)))
"""Relative variances at which a one-parameter criterion is looked at before it is minimised."""

SCAN_PATTERNS = 2000
"""Patterns up to which the scan is made; it costs as much as a dozen evaluations."""


def moment_start(at: Problem) -> Vector:
    """Theta from the groups' own least-squares coefficients of the response's residual.

    The spread of the coefficients ``A_g^-1 c_g`` less their sampling variance estimates the
    relative covariance; exact for balanced data, where every column of X varies either between
    groups or within them. Groups whose own design is deficient do not contribute. Eigenvalues are
    kept away from zero, so that the search starts in the interior.
    """
    data = at.data
    q, p = data.q, data.p
    if data.pooled is None:
        e = data.c[:, :, p]
        E = e[:, :, None] * e[:, None, :]
    else:
        E = data.pooled[:, -1].reshape(len(data.R), q, q)
    R, count = data.R, data.count
    pivots = R.diagonal(axis1=1, axis2=2)
    if float(pivots.min()) > 1e-3:
        groups = float(count.sum())
        rank = data.n_obs - q * groups
    else:
        rank = data.n_obs - float(count @ (pivots > 0.0).sum(axis=1))
        good = (pivots > 1e-3).all(axis=1)
        R, count, E = R[good], count[good], E[good]
        groups = float(count.sum())
    between = within = 0.0  # columns of X estimated between groups, for each effect, and within
    if at.reml and data.careful:
        between = p / q
    elif at.reml:
        within = float(data.within.diagonal()[:p].sum())
        between = (p - within) / q
    spare, freedom = rank - within, groups - between
    if groups < 2 or spare < 1 or freedom < 1:
        return data.structure.theta(np.eye(q))
    if q == 1:
        inverse = np.reciprocal(R)
    elif len(R) <= FEW:
        inverse = np.array([lapack.dtrtri(one, lower=0)[0] for one in R])
    else:
        inverse = np.asarray(np.linalg.inv(R), dtype=np.float64)
    residual = _unexplained(data.within) / spare
    # One product for the spread of the coefficients and for their sampling variance.
    weighed = E.reshape(len(count), q * q) / (residual * freedom)
    weighed[:, :: q + 1] -= count[:, None] / groups
    S = (inverse @ weighed.reshape(E.shape) @ inverse.transpose(0, 2, 1)).sum(axis=0)
    return _factor_theta(data.structure, S)


def _unexplained(within: Matrix) -> float:
    """Share of the response left by the groups' own designs and by X within groups."""
    left = float(within[-1, -1])
    if left < 0.1 and len(within) > 1 and float(within.diagonal()[:-1].max()) > 1e-9 / len(within):
        w, V, _ = lapack.dsyevd(within[:-1, :-1])
        seen = w > 1e-9
        left -= float(((within[-1, :-1] @ V)[seen] ** 2 / w[seen]).sum())
    return max(left, 1e-20)


def _factor_theta(structure: Structure, S: Matrix) -> Vector:
    """Theta of the blocks of a symmetric matrix, made positive definite."""
    if structure.q == 1:
        return np.asarray(np.sqrt(np.maximum(S[0], 0.01)))
    Lambda = np.zeros_like(S)
    for span in structure.spans():
        L, info = lapack.dpotrf(S[span, span], lower=1, clean=1)
        if info == 0 and L.diagonal().min() ** 2 > 0.1 * float(S[span, span].trace()):
            Lambda[span, span] = L  # far from the boundary already
            continue
        w, V, _ = lapack.dsyevd(S[span, span])
        w = np.maximum(w, max(0.02 * float(w[-1]), 0.002))
        Lambda[span, span] = lapack.dpotrf((V * w) @ V.T, lower=1, clean=1)[0]
    return structure.theta(Lambda)


def scan(at: Problem, first: Vector) -> list[Vector]:
    """Starts for one parameter: every dip of the criterion along the scanned line.

    Args:
        at: a problem with one covariance parameter.
        first: the moment start (1,), scanned along with the grid.

    Returns:
        The lowest dip first; a criterion with one minimum gives one start.
    """
    S = np.concatenate((SCAN, first * first))
    S.sort()
    f = [math.inf, *values(at, np.sqrt(S)[:, None, None]).tolist(), math.inf]
    dips = [
        (f[k], k - 1)
        for k in range(1, len(f) - 1)
        if f[k] <= f[k - 1] and f[k] <= f[k + 1] and f[k] < math.inf
    ]
    # Zero itself is stationary by symmetry: start beside it and let the search come back.
    return [np.sqrt(np.maximum(S[k : k + 1], 1e-4)) for _, k in sorted(dips)] or [first]


def alternatives(structure: Structure) -> list[Vector]:
    """Starts for a second look: small to very large, and each column nearly absent."""
    identity = np.eye(structure.q)
    starts = [size * identity for size in (1.0, 0.1, 3.0, 20.0, 150.0)]
    for j in range(structure.q):
        without = identity.copy()
        without[j, j] = 0.03
        starts.append(without)
    return [structure.theta(Lambda) for Lambda in starts]


def beside(structure: Structure, theta: Vector) -> list[Vector]:
    """Starts near a minimum (t,) with each of its columns nearly absent, the others as they are."""
    starts = []
    for j in np.flatnonzero(structure.diagonal):
        if abs(theta[j]) > 0.1:
            start = theta.copy()
            start[structure.columns == structure.columns[j]] *= 0.03 / theta[j]
            starts.append(start)
    return starts
