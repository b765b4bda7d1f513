"""The profiled criterion of a model with several grouping factors, with gradient and Hessian.

Notation as in :mod:`harness.engines.port.factors`: factor 1 is eliminated group by group, which
leaves for the columns ``Z_2`` of all others

    A = Z_2'V_1^-1 Z_2,    C = Z_2'V_1^-1 W,    Omega_1 = W'V_1^-1 W,    V_1 = I + Z_1 S_1 Z_1',

all functions of ``S_1`` alone, and then one dense Cholesky factor, of
``M = I + Lambda_2'A Lambda_2``:

    log|V| = log|V_1| + log|M|,    Omega = Omega_1 - C'H C,    H = Lambda_2 M^-1 Lambda_2'.

With ``N = Z'V^-1 Z``, ``D = Z'V^-1 W`` and ``Y`` the derivative of the criterion in Omega, the
gradient in the covariance of one factor is the sum over its groups of ``N_gg - D_g Y D_g'``; it
needs the diagonal blocks of N only. The Hessian is that of
:mod:`harness.engines.port.criterion` with N no longer block diagonal.

Bates, Maechler, Bolker & Walker (2015), J. Stat. Softw. 67(1), for the factorisation; Wolfinger,
Tobias & Sall (1994), SIAM J. Sci. Comput. 15(6), for derivatives from cross products.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from harness.engines.port.criterion import Evaluation, NotPositiveError, fixed_parts
from harness.engines.port.curvature import estimated_trace_products, trace_products
from harness.engines.port.elimination import Eliminated, eliminate
from harness.engines.port.factors import Factor, FactorSums
from harness.engines.port.state import State, across, beside

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

INVERTIBLE = 1e3
"""Norm of ``Lambda_f^-1`` up to which the diagonal blocks of N are recovered from those of M^-1."""


EXACT = 300
"""Columns of the dense block beyond which the search does with an estimate of the Hessian."""


@dataclass(frozen=True, slots=True)
class BlockedProblem:
    """A criterion ready to be evaluated; fields as in :class:`..criterion.Problem`.

    Attributes:
        remembered: the last elimination: many steps change the other factors' theta only.
    """

    data: FactorSums
    reml: bool
    d: int
    weights: Vector
    pair_weights: Matrix
    constant: float
    remembered: list[Eliminated] = field(default_factory=list)

    def permuted(self, order: npt.NDArray[np.intp]) -> BlockedProblem:
        """The same criterion with the random effects in another order within their terms."""
        return replace(self, data=self.data.permuted(order), remembered=[])

    def eliminated(self, Lambda: Matrix) -> Eliminated:
        """The first factor eliminated at a Lambda (q, q) of all effects; the last is remembered."""
        own = Lambda[self.data.factors[0].square]
        if not self.remembered or self.remembered[0].key != own.tobytes():
            self.remembered.clear()
            self.remembered.append(eliminate(self.data, own))
        return self.remembered[0]

    def evaluate(self, theta: Vector) -> Evaluation:
        """Criterion, gradient and Hessian at theta (t,).

        Raises:
            NotPositiveError: rounding destroyed Omega or M.
        """
        return _evaluate(self, theta, exact=False)

    @property
    def estimates(self) -> bool:
        """Whether the search does with an estimate of the Hessian."""
        return len(self.data.within_zz) > EXACT

    def exact(self, found: Evaluation) -> Evaluation:
        """An evaluation with its Hessian exact."""
        return _evaluate(self, found.theta, exact=True) if self.estimates else found


def blocked_problem(data: FactorSums, reml: bool) -> BlockedProblem:
    """Set up the criterion of summed data."""
    return BlockedProblem(data, reml, *fixed_parts(data.n_obs, data.F, reml, data.log_weights))


def _inverse(M: Matrix) -> tuple[Matrix, float]:
    """Inverse and log-determinant of a symmetric positive definite matrix."""
    L, info = lapack.dpotrf(M.T, lower=1, clean=1, overwrite_a=1)
    if info != 0:
        raise NotPositiveError
    logdet = 2.0 * float(np.log(L.diagonal()).sum())
    half, info = lapack.dpotri(L, lower=1, overwrite_c=1)
    if info != 0:
        raise NotPositiveError
    half = half.T  # C-ordered; what is below the diagonal is zero
    full: Matrix = half + half.T
    full.flat[:: len(full) + 1] *= 0.5
    return full, logdet


@dataclass(frozen=True, slots=True)
class Point:
    """The system solved at one theta.

    Attributes:
        Lambda: (q, q).
        state: the dense matrices.
        D: ``Z'V^-1 W`` of the first factor (G, q_1, P) and of the others (N, P).
        Omega: (P, P).
        logdet: ``log|V|``.
        traces: (q, q) sum over the groups of each factor of the diagonal blocks of ``Z'V^-1 Z``;
            zero between effects of different factors.
    """

    Lambda: Matrix
    state: State
    D: tuple[Matrix, Matrix]
    Omega: Matrix
    logdet: float
    traces: Matrix


def solved(at: BlockedProblem, theta: Vector) -> Point:
    """Solve the system at theta (t,).

    Raises:
        NotPositiveError: rounding destroyed M.
    """
    data = at.data
    first, *others = data.factors
    Lambda = data.structure.Lambda(theta)
    left = at.eliminated(Lambda)
    A, C = left.A, left.C

    scaled = across(others, Lambda.T, across(others, Lambda.T, A).T)  # Lambda_2'A Lambda_2
    scaled.flat[:: len(A) + 1] += 1.0
    inverse_M, logdet = _inverse(scaled)
    H = across(others, Lambda, across(others, Lambda, inverse_M).T)
    X = H @ C  # S_2 D_2: the other factors' effects of each column of W
    D2 = _slopes(others, Lambda, A, C, X)
    e = data.c - data.B.times(X)
    D1 = left.K.transpose(0, 2, 1) @ e
    if data.careful:
        Omega = _by_rows(data, Lambda @ Lambda.T, D1, D2)
    else:
        Omega = left.Omega - C.T @ X
        Omega = 0.5 * (Omega + Omega.T)

    pulled = left.K.transpose(0, 2, 1) @ data.B.within(H) @ left.K
    traces = np.zeros_like(Lambda)
    traces[first.square] = (left.N - pulled).sum(axis=0)
    for f in others:
        traces[f.square] = _trace_block(f, Lambda, A, H, inverse_M)
    state = State(data, left.J, left.K, left.N, A, H, pulled)
    return Point(Lambda, state, (D1, D2), Omega, left.logdet + logdet, traces)


def _evaluate(at: BlockedProblem, theta: Vector, exact: bool) -> Evaluation:
    data = at.data
    structure = data.structure
    found = solved(at, theta)
    Lambda, state, D = found.Lambda, found.state, found.D
    Rho, info = lapack.dpotrf(found.Omega, lower=0, clean=1)
    if info != 0:
        raise NotPositiveError
    inverse, info = lapack.dtrtri(Rho, lower=0)
    if info != 0:
        raise NotPositiveError

    value = at.constant + found.logdet
    value += 2.0 * float(np.log(Rho.diagonal()) @ at.weights)

    root = inverse * np.sqrt(at.weights)
    G = found.traces.copy()
    for f, part in zip(data.factors, beside(data.factors, D), strict=True):
        drawn = (part @ root).transpose(1, 0, 2).reshape(len(f.members), -1)
        G[f.square] -= drawn @ drawn.T
    G = 0.5 * (G + G.T)
    gradient = 2.0 * (G @ Lambda)[structure.rows, structure.columns]

    EL = structure.basis @ Lambda.T
    dS = EL + EL.transpose(0, 2, 1)
    U = by_direction(data.factors, beside(data.factors, D), inverse, dS)
    flat = U.reshape(len(dS), -1)
    traces = trace_products if exact or not at.estimates else estimated_trace_products
    hessian = 2.0 * pulls(state, D, root, dS) - traces(state, dS)
    hessian -= (flat * at.pair_weights.ravel()) @ flat.T
    hessian += structure.same_column * G[structure.rows[:, None], structure.rows]
    return Evaluation(
        theta=theta,
        value=value,
        gradient=gradient,
        hessian=0.5 * (hessian + hessian.T),
        S_gradient=G,
        Rho_inverse=inverse,
        rho=float(Rho[-1, -1]),
        U=U,
    )


def _trace_block(f: Factor, Lambda: Matrix, A: Matrix, H: Matrix, inverse_M: Matrix) -> Matrix:
    """Sum of the diagonal blocks of N that belong to a factor other than the first (q_f, q_f).

    ``Lambda'N Lambda = I - M^-1`` gives them wherever Lambda is safely invertible; else
    ``N = A - A H A``.
    """
    width = len(f.members)
    block = Lambda[f.square]
    if (np.abs(block.diagonal()) > 1.0 / INVERTIBLE).all():
        back = np.linalg.inv(block)
        if np.abs(back).max() <= INVERTIBLE:
            blocks = inverse_M[f.place, f.place].reshape(f.groups, width, f.groups, width)
            middle = np.einsum("gagb->ab", blocks)
            return np.asarray(back.T @ (f.groups * np.eye(width) - middle) @ back)
    columns = A[:, f.place]
    less = (H @ columns).reshape(len(A), f.groups, width)
    plain = A[f.place, f.place].reshape(f.groups, width, f.groups, width)
    whole = columns.reshape(len(A), f.groups, width)
    return np.asarray(np.einsum("gagb->ab", plain) - np.einsum("kga,kgb->ab", whole, less))


def by_direction(
    factors: tuple[Factor, ...], D: list[Matrix], inverse: Matrix, dS: Matrix
) -> Matrix:
    """``R'D'dS_i D R`` (t, k, k) for every symmetric dS_i (q, q) and a matrix R (P, k)."""
    P = inverse.shape[1]
    U = np.zeros((len(dS), P, P))
    for f, part in zip(factors, D, strict=True):
        width = len(f.members)
        wide = (part @ inverse).reshape(f.groups, width * P)
        outer = (wide.T @ wide).reshape(width, P, width, P)
        U += np.einsum("iac,apcr->ipr", dS[:, f.members[:, None], f.members], outer)
    return U


def pulls(state: State, D: tuple[Matrix, Matrix], root: Matrix, dS: Matrix) -> Matrix:
    """``tr(R'D'dS_i N dS_j D R)`` (t, t) for a matrix R (P, k): ``root``."""
    data = state.data
    t, k = len(dS), root.shape[1]
    first, *others = data.factors
    parts = beside(data.factors, (D[0] @ root, D[1] @ root))
    moved1 = np.einsum("iac,gcp->gaip", dS[:, first.members[:, None], first.members], parts[0])
    x1 = moved1.reshape(first.groups, len(first.members), t * k)
    x2 = np.empty((len(state.A), t * k))
    for f, part in zip(others, parts[1:], strict=True):
        moved = np.einsum("iac,gcp->gaip", dS[:, f.members[:, None], f.members], part)
        x2[f.place] = moved.reshape(-1, t * k)
    y1, y2 = state.times(x1, x2)

    def by_theta(a: Matrix, b: Matrix) -> Matrix:
        left = a.reshape(-1, t, k).transpose(1, 0, 2).reshape(t, -1)
        right = b.reshape(-1, t, k).transpose(1, 0, 2).reshape(t, -1)
        return left @ right.T

    return by_theta(x1, y1) + by_theta(x2, y2)


def _by_rows(data: FactorSums, S: Matrix, D1: Matrix, D2: Matrix) -> Matrix:
    """Omega from the residual of every row.

    ``Omega = (W - Z B)'(W - Z B) + D'S D`` with ``B = S D``: a sum of squares, stationary in B, so
    an error of B enters squared and nothing cancels when random effects explain nearly all of W.
    """
    residual = data.W.copy()
    Omega = np.zeros((residual.shape[1],) * 2)
    for f, part in zip(data.factors, beside(data.factors, (D1, D2)), strict=True):
        effects = S[f.square] @ part
        Omega += part.reshape(-1, part.shape[2]).T @ effects.reshape(-1, part.shape[2])
        for a, k in enumerate(f.members):
            residual -= data.Z[k][:, None] * effects[f.codes, a]
    return 0.5 * (Omega + Omega.T) + residual.T @ residual


def _slopes(factors: list[Factor], Lambda: Matrix, A: Matrix, C: Matrix, X: Matrix) -> Matrix:
    """``D_2 = C - A X``, or ``S_2^-1 X`` for a factor whose effects are large.

    The first cancels as S grows, the second where it is singular.
    """
    D = C - A @ X
    for f in factors:
        block = Lambda[f.square]
        if np.abs(block.diagonal()).min() < 1.0:
            continue
        back = np.linalg.inv(block)
        rows = X[f.place].reshape(f.groups, len(block), -1)
        D[f.place] = (back.T @ back @ rows).reshape(-1, X.shape[1])
    return D
