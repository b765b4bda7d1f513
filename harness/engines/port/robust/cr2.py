"""CR2: standard errors and degrees of freedom where whole clusters may vary as they like.

Bell & McCaffrey (2002), Survey Methodology 28, 169-181; for any working covariance and for clusters
that leave nothing of some coefficients Pustejovsky & Tipton (2018), J. Bus. Econ. Stat. 36,
672-683, theorem 1 and equations 9 and 11 there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import qr, solve_triangular

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

DETERMINED = 1e-10
"""Below this, one less a squared singular value: a direction of a cluster that fits itself."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The rows of one cluster and how the working model has them vary.

    Attributes:
        rows: (m,) their positions.
        root: (m, m) lower Cholesky factor L of their working covariance ``V = L L'``, in any unit.
    """

    rows: npt.NDArray[np.intp]
    root: Matrix


@dataclass(frozen=True, slots=True)
class ClusterRobust:
    """Errors of each coefficient that hold whatever rows of a cluster have to do with each other.

    Attributes:
        std_error: (p,) in the coefficient's unit.
        df: (p,) Satterthwaite's degrees of freedom under the working model.
    """

    std_error: Vector
    df: Vector


def cr2_errors(X: Matrix, y: Vector, clusters: Sequence[Cluster]) -> ClusterRobust:
    """CR2 of generalised least squares with the inverse of the working covariance as weights.

    With ``W = V^-1``, ``M = (X'WX)^-1`` and e the residuals, ``Var(b) = M sum_i [X_i'W_i A_i e_i]
    [...]' M``, ``A_i = D_i' B_i^{+1/2} D_i``, ``B_i = D_i (V_i - X_i M X_i') D_i'``, where ``D_i =
    L_i'`` is the upper Cholesky factor of ``V_i``. Were V true, the expectation would be the true
    variance. That of a coefficient is ``sum_i (g_i'y)^2``, and its df ``2 E^2 / Var = (sum_i
    S_ii)^2 / sum_ij S_ij^2`` with ``S_ij = g_i'V g_j``.

    Everything is computed in whitened rows, ``Q R = L^-1 X``: ``B_i = G G'`` with ``G = L_i'L_i U
    sqrt(1 - s^2)``, U and s of the singular value decomposition of ``Q_i``, so that an inverse root
    costs no more digits than V has, and what is singular shows as ``s = 1`` in any unit.

    Args:
        X: (n, p) of full rank.
        y: (n,) response less its offset.
        clusters: with every row in one of them, two or more.
    """
    n, p = X.shape
    whitened = np.empty((n, p + 1))
    for one in clusters:
        own = np.column_stack([X[one.rows], y[one.rows]])
        whitened[one.rows] = solve_triangular(one.root, own, lower=True, check_finite=False)
    Q, R = qr(whitened[:, :p], mode="economic", check_finite=False)
    e = whitened[:, p] - Q @ (Q.T @ whitened[:, p])
    contrasts = solve_triangular(R, np.eye(p))  # row j: the coefficient j, in the basis Q

    scores = np.empty((len(clusters), p))
    own_parts = np.empty((len(clusters), p))
    shared = np.empty((len(clusters), p, p))  # cluster, coefficient, basis
    for k, one in enumerate(clusters):
        T, B_i = _adjusted(Q[one.rows], one.root), Q[one.rows]
        along = contrasts @ T
        scores[k] = along @ e[one.rows]
        own_parts[k] = (along * along).sum(axis=1)
        shared[k] = along @ B_i
    variance = (scores * scores).sum(axis=0)
    # S_ij = [i = j] own_i - shared_i'shared_j
    lengths = (shared * shared).sum(axis=2)
    total = (own_parts - lengths).sum(axis=0)
    gram = np.einsum("kja,kjb->jab", shared, shared)
    squares = (own_parts * (own_parts - 2.0 * lengths)).sum(axis=0) + (gram * gram).sum(axis=(1, 2))
    return ClusterRobust(np.sqrt(variance), total * total / squares)


def _adjusted(Q: npt.NDArray[Any], root: npt.NDArray[Any]) -> Matrix:
    """(p, m) ``Q_i' B_i^{+1/2} L'L``: what takes whitened residuals to a cluster's score."""
    U, s, _ = np.linalg.svd(Q, full_matrices=True)
    left = np.ones(len(Q))
    left[: len(s)] = np.maximum(1.0 - s * s, 0.0)
    free = left > DETERMINED
    K = root.T @ root
    G = K @ (U[:, free] * np.sqrt(left[free]))
    P, size, _ = np.linalg.svd(G, full_matrices=False)
    return np.asarray((Q.T @ P / size) @ (P.T @ K))
