"""The profiled REML or ML criterion with its analytic gradient and Hessian in theta.

With ``S = Lambda Lambda'`` (relative covariance of one group's random effects) and, for each
pattern k, ``J_k = (I + R_k S R_k')^-1``, ``K_k = J_k R_k`` and ``N_k = R_k'J_k R_k``,

    Omega(S) = within + sum_g c_g' J_k(g) c_g  =  W' V^-1 W,        Omega = Rho' Rho,

Rho (P, P) upper triangular. Its leading block belongs to X and its last diagonal entry is the
root of the penalised residual sum of squares, so the criterion is

    f = -sum_k n_k log|J_k| + sum_j w_j log(Rho_jj^2) + constant

with ``w_j`` 1 under REML (0 under ML) for the p columns of X and ``w_P = d`` residual degrees of
freedom (n - p under REML, n under ML). The derivatives follow from ``dJ = -K dS K'`` and
``dN = -N dS N``: everything in S, then by the chain rule in theta,
``dS_i = E_i Lambda' + Lambda E_i'``.

Bates, Maechler, Bolker & Walker (2015), J. Stat. Softw. 67(1), for the criterion; Wolfinger,
Tobias & Sall (1994), SIAM J. Sci. Comput. 15(6), for derivatives from cross products.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from harness.engines.port.crossproducts import CrossProducts
from harness.engines.port.weighed import capacitance, weighed

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


FLAT = 1e-11
"""Share of the largest curvature below which a direction of the criterion is flat."""


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

    def evaluate(self, theta: Vector) -> Evaluation:
        """Criterion, gradient and Hessian at theta (t,)."""
        return evaluate(self, theta)

    def exact(self, found: Evaluation) -> Evaluation:
        """An evaluation with its Hessian exact; here it always is."""
        return found

    def permuted(self, order: npt.NDArray[np.intp]) -> Problem:
        """The same criterion with the random effects (q,) in another order within their terms."""
        R = np.ascontiguousarray(self.data.R[:, :, order])
        return replace(self, data=replace(self.data, R=R))


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
    return Problem(data, reml, *fixed_parts(data.n_obs, data.F, reml, data.log_weights))


def fixed_parts(
    n: int, F: Matrix, reml: bool, log_weights: float = 0.0
) -> tuple[int, Vector, Matrix, float]:
    """``d``, ``weights``, ``pair_weights`` and ``constant`` of a problem of n rows in basis F.

    ``log_weights`` is the sum of the logs of the prior weights, by which minus twice the
    log-likelihood of the rows is lower than that of the rows times the weights' roots.
    """
    p = len(F) - 1
    d = n - p if reml else n
    weights = np.full(p + 1, 1.0 if reml else 0.0)
    weights[p] = d
    pair_weights = np.full((p + 1, p + 1), float(d))
    pair_weights[:p, :p] = 1.0 if reml else 0.0
    scale = abs(F[p, p])
    constant = d * (1.0 + math.log(2.0 * math.pi / d) + 2.0 * math.log(scale)) - log_weights
    if reml:
        constant += 2.0 * float(np.log(np.abs(F.diagonal()[:p])).sum())
    return d, weights, pair_weights, constant


def inverse_factor(evaluation: Evaluation) -> Matrix:
    """Rho (P, P) from its inverse."""
    Rho, _ = lapack.dtrtri(evaluation.Rho_inverse, lower=0)
    return np.asarray(Rho)


def loses_digits(evaluation: Evaluation) -> bool:
    """Whether Omega is so small that the sums should be made again in a better basis."""
    return bool(np.abs(evaluation.Rho_inverse.diagonal()).max() > 10.0)


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
    A = data.R.reshape(-1) ** 2
    K = 1.0 + S * A
    J = 1.0 / K
    N = A * J
    rows = np.empty((3, len(A)))
    rows[0] = J
    np.multiply(N, J, out=rows[1])
    np.multiply(rows[1], N, out=rows[2])
    D = (rows @ data.B).reshape(3, P, P)
    Omega = data.within + D[0]
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


def _evaluate_general(at: Problem, theta: Vector) -> Evaluation:
    """Several random effects a group.

    With v = dS / dtheta at the places of theta (half of it on the diagonal), the derivatives in S
    that :mod:`harness.engines.port.weighed` sums over groups are brought to theta at the end.
    """
    structure = at.data.structure
    t, P = structure.t, at.data.p + 1
    Lambda = structure.Lambda(theta)
    sums = weighed(at.data, Lambda)
    Rho, inverse = _factor(at.data.within + sums.omega)
    Y = (inverse * at.weights) @ inverse.T
    G, T = sums.pull(Y)
    G = 0.5 * (G + G.T)
    v = Lambda.take(structure.chain)

    value = at.constant + sums.logdet
    value += 2.0 * float(np.log(Rho.diagonal()) @ at.weights)
    half = (v @ (inverse.T @ sums.E @ inverse).reshape(t, P * P)).reshape(t, P, P)
    U = half + half.transpose(0, 2, 1)
    flat = U.reshape(t, P * P)
    in_S = np.add.reduce(T.take(structure.products))  # trace of (2Q - nN) dS N dS
    curvature = v @ in_S @ v.T
    hessian = 0.5 * (curvature + curvature.T) - (flat * at.pair_weights.ravel()) @ flat.T
    hessian += structure.same_column * G.take(structure.row_pairs)
    return Evaluation(
        theta=theta,
        value=value,
        gradient=2.0 * (G @ Lambda).take(structure.places),
        hessian=hessian,
        S_gradient=G,
        Rho_inverse=inverse,
        rho=float(Rho[-1, -1]),
        U=U,
    )


def values(at: Problem, Lambda: Matrix) -> Vector:
    """The criterion at many factors (r, q, q) at once; inf where rounding fails."""
    data = at.data
    r, q = Lambda.shape[:2]
    P = data.p + 1
    if q == 1:
        K = 1.0 + np.multiply.outer(Lambda.ravel() ** 2, data.R.ravel() ** 2)
        J, logdet = 1.0 / K, np.log(K)
    else:
        J, logdet = capacitance(data.R[None], Lambda[:, None])
    Omega = data.within + (J.reshape(r, -1) @ data.B).reshape(r, P, P)
    rest = at.constant + logdet @ data.count
    try:
        pivots = np.linalg.cholesky(Omega).diagonal(axis1=1, axis2=2)
    except np.linalg.LinAlgError:
        pivots = _pivots(Omega)
    else:
        if math.isfinite(np.add.reduce(pivots, axis=None)):
            return np.asarray(rest + 2.0 * (np.log(pivots) @ at.weights))
    with np.errstate(all="ignore"):  # where Omega overflowed, or is not positive
        result = rest + 2.0 * (np.log(pivots) @ at.weights)
    return np.where(np.isfinite(result), result, np.inf)


def _pivots(Omega: Matrix) -> Matrix:
    """Diagonals (r, P) of the Cholesky factors of matrices (r, P, P); NaN where there is none."""
    pivots = np.full(Omega.shape[:2], np.nan)
    for k, one in enumerate(Omega):
        factor, info = lapack.dpotrf(one, lower=1, clean=0)
        if info == 0:
            pivots[k] = factor.diagonal()
    return pivots
