"""The profiled REML or ML criterion with its analytic gradient and Hessian in theta.

With ``S = Lambda Lambda'`` (relative covariance of one group's random effects) and, for each
pattern k, ``H_k = (I + S A_k)^-1``, ``N_k = A_k H_k`` and ``M_k = H_k S``,

    Omega(S) = W'W - sum_g C_g' M_k(g) C_g  =  W' V^-1 W,        Omega = Rho' Rho,

Rho (P, P) upper triangular. Its leading block belongs to X and its last diagonal entry is the
root of the penalised residual sum of squares, so the criterion is

    f = sum_k n_k log|I + A_k S| + sum_j w_j log(Rho_jj^2) + constant

with ``w_j`` 1 under REML (0 under ML) for the p columns of X and ``w_P = d`` residual degrees of
freedom (n - p under REML, n under ML). The derivatives follow from ``dM = H dS H'``,
``dH = -H dS N`` and ``dN = -N dS N``: everything in S, then by the chain rule in theta,
``dS_i = E_i Lambda' + Lambda E_i'``.

Bates, Maechler, Bolker & Walker (2015), J. Stat. Softw. 67(1), for the criterion; Wolfinger,
Tobias & Sall (1994), SIAM J. Sci. Comput. 15(6), for derivatives from cross products.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from harness.engines.port.crossproducts import CrossProducts

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Problem:
    """A criterion ready to be evaluated.

    Attributes:
        data: the summed data.
        reml: which criterion.
        d: residual degrees of freedom of the criterion.
        weights: (P,) weight of each ``log(Rho_jj^2)``.
        pair_weights: (P, P) weight of each squared entry in the second derivative.
        constant: what does not depend on theta.
    """

    data: CrossProducts
    reml: bool
    d: int
    weights: Vector
    pair_weights: Matrix
    constant: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The criterion at one theta, with derivatives and the factors inference needs.

    Attributes:
        theta: (t,) covariance parameters in the standardised basis of ``CrossProducts``.
        value: the criterion, in deviance units.
        gradient: (t,).
        hessian: (t, t).
        S_gradient: (q, q) symmetric gradient in S; on the boundary it must be positive
            semidefinite where S vanishes.
        Rho_inverse: (P, P) inverse of the factor of Omega.
        rho: last diagonal entry of Rho.
        U: (t, P, P) ``Rho^-T (-dOmega_i) Rho^-1``.
    """

    theta: Vector
    value: float
    gradient: Vector
    hessian: Matrix
    S_gradient: Matrix
    Rho_inverse: Matrix
    rho: float
    U: Matrix


class NotPositiveError(ArithmeticError):
    """Omega lost positive definiteness in floating point: theta is far beyond the data's scale."""


def problem(data: CrossProducts, reml: bool) -> Problem:
    """Set up the criterion of summed data."""
    p = data.p
    n = data.n_obs
    d = n - p if reml else n
    weights = np.full(p + 1, 1.0 if reml else 0.0)
    weights[p] = d
    pair_weights = np.full((p + 1, p + 1), float(d))
    pair_weights[:p, :p] = 1.0 if reml else 0.0
    scale = abs(data.R[p, p])
    constant = d * (1.0 + math.log(2.0 * math.pi / d) + 2.0 * math.log(scale))
    if reml:
        constant += 2.0 * float(np.log(np.abs(data.R.diagonal()[:p])).sum())
    return Problem(data, reml, d, weights, pair_weights, constant)


def evaluate(at: Problem, theta: Vector) -> Evaluation:
    """Criterion, gradient and Hessian at theta (t,).

    Raises:
        NotPositiveError: rounding destroyed Omega.
    """
    if at.data.q == 1:
        return _evaluate_scalar(at, theta)
    return _evaluate_general(at, theta)


def _factor(Omega: Matrix) -> tuple[Matrix, Matrix]:
    """Upper Cholesky factor of Omega and its inverse."""
    Rho, info = lapack.dpotrf(Omega, lower=0, clean=1)
    if info != 0:
        raise NotPositiveError
    inverse, info = lapack.dtrtri(Rho, lower=0)
    if info != 0:
        raise NotPositiveError
    return Rho, inverse


def _evaluate_scalar(at: Problem, theta: Vector) -> Evaluation:
    """One random effect a group: every matrix over patterns is a vector."""
    data = at.data
    P = data.p + 1
    S = float(theta[0]) ** 2
    A = data.A.reshape(-1)
    K = 1.0 + S * A
    H = 1.0 / K
    N = A * H
    H2 = H * H
    rows = np.empty((3, len(A)))
    np.multiply(H, S, out=rows[0])
    rows[1] = H2
    np.multiply(H2, N, out=rows[2])
    D = (rows @ data.B).reshape(3, P, P)
    Omega = -D[0]
    Omega.flat[:: P + 1] += 1.0
    Rho, inverse = _factor(Omega)
    U = inverse.T @ D[1:] @ inverse
    diagonals = U.reshape(2, P * P)[:, :: P + 1] @ at.weights
    U1 = U[0]
    value = at.constant + float(data.count @ np.log(K))
    value += 2.0 * float(np.log(Rho.diagonal()) @ at.weights)
    g = float(data.count @ N) - float(diagonals[0])
    h = (
        2.0 * float(diagonals[1])
        - float(data.count @ (N * N))
        - float((at.pair_weights * U1).ravel() @ U1.ravel())
    )
    t = float(theta[0])
    return Evaluation(
        theta=theta,
        value=value,
        gradient=np.array([2.0 * t * g]),
        hessian=np.array([[2.0 * g + 4.0 * S * h]]),
        S_gradient=np.array([[g]]),
        Rho_inverse=inverse,
        rho=float(Rho[-1, -1]),
        U=2.0 * t * U[:1],
    )


def _capacitance(A: Matrix, S: Matrix) -> tuple[Matrix, Vector]:
    """``(I + A S)^-1`` (m, q, q) and ``log|I + A S|`` (m,)."""
    q = A.shape[1]
    K = A @ S
    if q == 2:
        a, b, c, d = K[:, 0, 0], K[:, 0, 1], K[:, 1, 0], K[:, 1, 1]
        # trace + product of determinants: sums of non-negative terms, no cancellation.
        det_A = A[:, 0, 0] * A[:, 1, 1] - A[:, 0, 1] * A[:, 1, 0]
        det_S = S[0, 0] * S[1, 1] - S[0, 1] * S[1, 0]
        extra = a + d + np.maximum(det_A * det_S, 0.0)
        det = 1.0 + extra
        inverse = np.empty_like(K)
        inverse[:, 0, 0] = 1.0 + d
        inverse[:, 0, 1] = -b
        inverse[:, 1, 0] = -c
        inverse[:, 1, 1] = 1.0 + a
        inverse /= det[:, None, None]
        return inverse, np.log1p(extra)
    K = K + np.eye(q)
    return np.asarray(np.linalg.inv(K)), np.asarray(np.linalg.slogdet(K)[1])


def _evaluate_general(at: Problem, theta: Vector) -> Evaluation:
    """Several random effects a group."""
    data = at.data
    structure = data.structure
    q, t, P = structure.q, structure.t, data.p + 1
    m = len(data.A)
    Lambda = structure.Lambda(theta)
    S = Lambda @ Lambda.T
    Ht, logdet = _capacitance(data.A, S)  # H' = (I + A S)^-1
    H = Ht.transpose(0, 2, 1)
    N = Ht @ data.A
    EL = structure.basis @ Lambda.T
    dS = EL + EL.transpose(0, 2, 1)  # (t, q, q)

    rows = np.empty((t + 1, m, q, q))
    np.matmul(S, Ht, out=rows[0])
    HdS = H[None] @ dS[:, None]  # (t, m, q, q)
    np.matmul(HdS, Ht[None], out=rows[1:])
    D = (rows.reshape(t + 1, m * q * q) @ data.B).reshape(t + 1, P, P)
    Omega = -D[0]
    Omega.flat[:: P + 1] += 1.0
    Rho, inverse = _factor(Omega)
    U = inverse.T @ D[1:] @ inverse

    # The pull of each pattern: tau_k = B_k contracted with d f / d Omega.
    Y = (inverse * at.weights) @ inverse.T
    tau = (data.B @ Y.ravel()).reshape(m, q, q)
    Q = Ht @ tau @ H
    nN = N * data.count[:, None, None]
    pull = nN - Q
    G = pull.sum(axis=0)
    G = 0.5 * (G + G.T)

    value = at.constant + float(data.count @ logdet)
    value += 2.0 * float(np.log(Rho.diagonal()) @ at.weights)
    gradient = 2.0 * (G @ Lambda)[structure.rows, structure.columns]

    left = ((Q - pull)[None] @ dS[:, None]).reshape(t, m * q * q)
    right = (N[None] @ dS[:, None]).transpose(0, 1, 3, 2).reshape(t, m * q * q)
    curvature = left @ right.T
    flat = U.reshape(t, P * P)
    hessian = 0.5 * (curvature + curvature.T) - (flat * at.pair_weights.ravel()) @ flat.T
    hessian += structure.same_column * G[structure.rows[:, None], structure.rows]
    return Evaluation(
        theta=theta,
        value=value,
        gradient=gradient,
        hessian=hessian,
        S_gradient=G,
        Rho_inverse=inverse,
        rho=float(Rho[-1, -1]),
        U=U,
    )


def values(at: Problem, S: Matrix) -> Vector:
    """The criterion at many relative covariances (r, q, q) at once; inf where rounding fails."""
    data = at.data
    r, q = S.shape[:2]
    P = data.p + 1
    K = data.A[None] @ S[:, None] + np.eye(q)
    sign, logdet = np.linalg.slogdet(K)
    M = S[:, None] @ np.linalg.inv(K)
    Omega = np.eye(P) - (M.reshape(r, -1) @ data.B).reshape(r, P, P)
    minors_sign, minors = np.linalg.slogdet(Omega)
    result = at.constant + logdet @ data.count + at.d * minors
    if data.p:
        x_sign, x_minor = np.linalg.slogdet(Omega[:, :-1, :-1])
        result = result + (at.weights[0] - at.d) * x_minor
    else:
        x_sign = np.ones(r)
    good = (minors_sign > 0) & (x_sign > 0) & (sign > 0).all(axis=1) & np.isfinite(result)
    return np.where(good, result, np.inf)
