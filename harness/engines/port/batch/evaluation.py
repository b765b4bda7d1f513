"""The criterion of many responses, each at its own theta, with gradient and Hessian.

The formulae are those of :mod:`harness.engines.port.criterion` with one more axis: replicates come
first everywhere. Blocks of X against X are sums shared by all replicates and weighed by one matrix
product; only the last row and column of Omega are a replicate's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.engines.port.batch.sums import Replicates
from harness.engines.port.weighed import capacitance

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


@dataclass(slots=True)
class Evaluations:
    """Criteria of R replicates, each at its own theta.

    Attributes:
        theta: (R, t) in the standardised basis.
        value: (R,) criterion; inf where Omega lost positive definiteness.
        gradient: (R, t).
        hessian: (R, t, t).
        S_gradient: (R, q, q) gradient in the covariance.
        Rho_inverse: (R, P, P).
        rho: (R,).
        U: (R, t, P, P) ``Rho^-T (-dOmega_i) Rho^-1``.
    """

    theta: Matrix
    value: Vector
    gradient: Matrix
    hessian: Matrix
    S_gradient: Matrix
    Rho_inverse: Matrix
    rho: Vector
    U: Matrix

    def put(self, rows: npt.NDArray[Any], other: Evaluations) -> None:
        """Replace some replicates' values (``other`` has as many as ``rows`` selects)."""
        for name in Evaluations.__slots__:
            getattr(self, name)[rows] = getattr(other, name)

    def take(self, rows: npt.NDArray[Any]) -> Evaluations:
        """Some replicates' values."""
        return Evaluations(*(getattr(self, name)[rows] for name in Evaluations.__slots__))


def evaluate_all(data: Replicates, theta: Matrix) -> Evaluations:
    """Criterion, gradient and Hessian of every replicate at theta (R, t)."""
    shared = data.shared
    at, structure = shared.at, shared.structure
    sums = at.data
    p, q, t = sums.p, structure.q, structure.t
    P, r, m = p + 1, len(theta), len(sums.R)
    R = sums.R
    Lambda = np.zeros((r, q, q))
    Lambda[:, structure.rows, structure.columns] = theta
    J, logdet = _capacitance(R, Lambda)
    K = _times(J, R)  # (r, m, q, q)
    Kt = K.transpose(0, 1, 3, 2)
    N = _times(R.transpose(0, 2, 1), K)
    EL = structure.basis @ Lambda.transpose(0, 2, 1)[:, None]
    dS = EL + EL.transpose(0, 1, 3, 2)  # (r, t, q, q)

    rows = np.empty((r, t + 1, m, q, q))
    rows[:, 0] = J
    rows[:, 1:] = _times(_times(K[:, None], dS[:, :, None]), Kt[:, None])
    flat_rows = rows.reshape(r, t + 1, m * q * q)
    D = np.empty((r, t + 1, P, P))
    XX = shared.XX
    D[:, :, :p, :p] = (flat_rows.reshape(r * (t + 1), m * q * q) @ XX).reshape(r, t + 1, p, p)
    D[:, :, p, :] = flat_rows @ data.with_y
    D[:, :, :p, p] = D[:, :, p, :p]
    Omega = D[:, 0]
    Omega[:, :p, :p] += sums.within[:p, :p]
    Omega[:, p, :] += data.within
    Omega[:, :p, p] = Omega[:, p, :p]
    L, good = _cholesky(Omega)
    lower: Matrix = np.asarray(np.linalg.inv(L), dtype=np.float64)
    inverse = lower.transpose(0, 2, 1)
    U = lower[:, None] @ D[:, 1:] @ inverse[:, None]

    Y = (inverse * at.weights) @ lower
    tau = Y[:, :p, :p].reshape(r, p * p) @ XX.T
    weights_y = 2.0 * Y[:, p]
    weights_y[:, p] *= 0.5
    tau += (data.with_y @ weights_y[:, :, None])[:, :, 0]
    pulled = _times(_times(Kt, tau.reshape(r, m, q, q)), K)
    nN = N * sums.count[:, None, None]
    pull = nN - pulled
    G = pull.sum(axis=1)
    G = 0.5 * (G + G.transpose(0, 2, 1))

    constant = _constants(data)
    diagonal = np.einsum("rii->ri", L)
    value = constant + logdet @ sums.count + 2.0 * (np.log(diagonal) @ at.weights)
    gradient = 2.0 * (G @ Lambda)[:, structure.rows, structure.columns]

    left = _times((pulled - pull)[:, None], dS[:, :, None]).reshape(r, t, m * q * q)
    right = _times(N[:, None], dS[:, :, None]).transpose(0, 1, 2, 4, 3).reshape(r, t, m * q * q)
    curvature = left @ right.transpose(0, 2, 1)
    flat = U.reshape(r, t, P * P)
    hessian = 0.5 * (curvature + curvature.transpose(0, 2, 1))
    hessian -= (flat * at.pair_weights.ravel()) @ flat.transpose(0, 2, 1)
    hessian += structure.same_column * G[:, structure.rows[:, None], structure.rows]
    value = np.where(good, value, np.inf)
    rho = L[:, p, p].copy()
    return Evaluations(theta, value, gradient, hessian, G, inverse, rho, U)


def values_on_line(data: Replicates, S: Vector) -> Matrix:
    """The criterion (s, R) of models with one covariance parameter, at relative variances S (s,).

    All replicates are evaluated at the same points, so what belongs to X is computed once a point.
    """
    sums = data.shared.at.data
    K = 1.0 + S[:, None] * sums.R.reshape(-1) ** 2  # (s, m)
    return _values(data, 1.0 / K, np.log(K) @ sums.count)


def values_of(data: Replicates, factors: Matrix) -> Matrix:
    """The criterion (s, R) of all replicates at factors (s, q, q), as on a line."""
    sums = data.shared.at.data
    J, logdet = capacitance(sums.R[None], factors[:, None])
    return _values(data, J.reshape(len(factors), -1), logdet @ sums.count)


def _values(data: Replicates, J: Matrix, fixed: Vector) -> Matrix:
    """The criterion (s, R), given ``J`` (s, m q q) and the patterns' determinants (s,)."""
    at, sums = data.shared.at, data.shared.at.data
    p = sums.p
    XX = sums.within[:p, :p] + (J @ data.shared.XX).reshape(len(J), p, p)
    last = data.within[:, None, :] + J @ data.with_y
    L, good = _cholesky(XX)
    lower = np.linalg.inv(L)
    inside = np.einsum("sij,rsj->rsi", lower, last[:, :, :p])
    square = last[:, :, p] - (inside * inside).sum(axis=2)
    if p:
        fixed = fixed + 2.0 * at.weights[0] * np.log(np.einsum("sii->si", L)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        result = _constants(data)[:, None] + fixed + at.d * np.log(square)
    return np.where(good & (square > 0.0), result, np.inf).T


def _constants(data: Replicates) -> Vector:
    """What does not depend on theta (R,): that of the model's own response, rescaled."""
    at = data.shared.at
    own = abs(float(at.data.F[-1, -1]))
    moved: Vector = at.constant + 2.0 * at.d * np.log(data.scale / own)
    return moved


def _times(a: Matrix, b: Matrix) -> Matrix:
    """Products of small matrices; of 1 x 1 ones elementwise, which is much faster."""
    return np.asarray(a * b if a.shape[-1] == 1 else a @ b)


def _capacitance(R: Matrix, Lambda: Matrix) -> tuple[Matrix, Matrix]:
    """``(I + R S R')^-1`` (r, m, q, q) and its log-determinant's negative (r, m)."""
    q = R.shape[1]
    if q == 1:  # elementwise, which is much faster
        square = (R[None] * Lambda[:, None])[..., 0, 0] ** 2
        return (1.0 / (1.0 + square))[..., None, None], np.log1p(square)
    return capacitance(R[None], Lambda[:, None])


def _cholesky(Omega: Matrix) -> tuple[Matrix, npt.NDArray[np.bool_]]:
    """Lower factors, and which matrices have one; the others get the identity."""
    good = np.ones(len(Omega), dtype=np.bool_)
    try:
        return np.asarray(np.linalg.cholesky(Omega), dtype=np.float64), good
    except np.linalg.LinAlgError:
        pass
    L = np.empty_like(Omega)
    for k, matrix in enumerate(Omega):
        try:
            L[k] = np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            good[k] = False
            L[k] = np.eye(len(matrix))
    return L, good
