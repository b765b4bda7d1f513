"""Where the search begins: moment estimates, and a scan of the line when there is one parameter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.engines.port.criterion import Problem, values
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
    relative covariance; exact for balanced data. Groups whose own design is deficient do not
    contribute. Eigenvalues are kept away from zero, so that the search starts in the interior.
    """
    data = at.data
    q, P = data.q, data.p + 1
    E = data.B.reshape(len(data.R), q, q, P, P)[:, :, :, -1, -1]
    R, count = data.R, data.count
    pivots = np.einsum("kii->ki", R)
    good = (pivots > 1e-3).all(axis=1)
    if not good.all():
        R, count, E = R[good], count[good], E[good]
    groups = float(count.sum())
    spare = data.n_obs - float(data.count @ (pivots > 0.0).sum(axis=1))
    freedom = groups - (data.p / q if at.reml else 0.0)
    if groups < 2 or spare < 1 or freedom < 1:
        return data.structure.theta(np.eye(q))
    inverse = 1.0 / R if q == 1 else np.linalg.inv(R)
    across = inverse.transpose(0, 2, 1)
    residual = _unexplained(data.within) / spare
    spread = (inverse @ E @ across).sum(axis=0) / (residual * freedom)
    S = spread - np.tensordot(count, inverse @ across, 1) / groups
    return _factor_theta(data.structure, S)


def _unexplained(within: Matrix) -> float:
    """Share of the response left by the groups' own designs and by X within groups."""
    left = float(within[-1, -1])
    if left < 0.1 and len(within) > 1:
        w, V = np.linalg.eigh(within[:-1, :-1])
        seen = w > 1e-9
        left -= float(((within[-1, :-1] @ V)[seen] ** 2 / w[seen]).sum())
    return max(left, 1e-20)


def _factor_theta(structure: Structure, S: Matrix) -> Vector:
    """Theta of the blocks of a symmetric matrix, made positive definite."""
    if structure.q == 1:
        return np.asarray(np.sqrt(np.maximum(S[0], 0.01)))
    Lambda = np.zeros_like(S)
    for span in structure.spans():
        w, V = np.linalg.eigh(S[span, span])
        w = np.maximum(w, max(0.02 * float(w[-1]), 0.002))
        Lambda[span, span] = np.linalg.cholesky((V * w) @ V.T)
    return structure.theta(Lambda)


def scan(at: Problem, first: Vector) -> list[Vector]:
    """Starts for one parameter: every dip of the criterion along the scanned line.

    Args:
        at: a problem with one covariance parameter.
        first: the moment start (1,), scanned along with the grid.

    Returns:
        The lowest dip first; a criterion with one minimum gives one start.
    """
    S = np.sort(np.append(SCAN, first[0] ** 2))
    f = values(at, np.sqrt(S)[:, None, None])
    lower = np.concatenate(([np.inf], f[:-1]))
    upper = np.concatenate((f[1:], [np.inf]))
    dips = np.flatnonzero((f <= lower) & (f <= upper) & np.isfinite(f))
    order = dips[np.argsort(f[dips], kind="stable")]
    if not len(order):
        return [first]
    # Zero itself is stationary by symmetry: start beside it and let the search come back.
    return [np.sqrt(np.maximum(S[k : k + 1], 1e-4)) for k in order]


def alternatives(structure: Structure) -> list[Vector]:
    """Starts for a second look: small, middling and large, and each column nearly absent."""
    identity = np.eye(structure.q)
    starts = [identity, 0.1 * identity, 3.0 * identity]
    for j in range(structure.q):
        without = identity.copy()
        without[j, j] = 0.03
        starts.append(without)
    return [structure.theta(Lambda) for Lambda in starts]
