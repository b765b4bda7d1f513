"""The REML or ML criterion of a repeated-measures model, its gradient and its Hessian.

With ``Sigma(phi) = L L'`` the covariance of all visits, ``Sigma_k = L_k L_k'`` its part a pattern
has, ``V`` the block diagonal covariance of y and ``Omega = W'V^-1 W = Rho'Rho`` (P, P),

    f = sum_k n_k log|Sigma_k| + log|Omega_XX| + rho^2 + constant,

rho the last diagonal entry of Rho; ``log|Omega_XX|`` under REML only. Rho and the orthonormal
``L_k^-1 W Rho^-1`` come from a QR factorisation of the whitened representatives.

Derivatives are taken in coordinates in which Sigma is the identity, so that they keep their
digits when visits are nearly collinear: the rows of L a pattern has are ``L_k B_k`` with
orthonormal rows of ``B_k`` (an LQ factorisation, which gives ``L_k``), hence with ``E_k`` marking
its visits ``E_k Sigma_k^-1 E_k' = L^-T Pi_k L^-1``, ``Pi_k = B_k'B_k`` a projection. With
``D_i = L^-1 Sigma_i L^-T``, ``Y = B_k' L_k^-1 w Rho^-1`` (V, P) for each representative w,
``U_i = sum Y' D_i Y`` and ``N_k`` the sum of ``Y diag(omega) Y'`` in pattern k, omega being 1 (0
under ML) for the columns of X and rho^2 for y,

    f_i  = <S, D_i>,       S = sum_k n_k Pi_k - N_k,
    f_ij = <S, D_ij> + sum_k tr(D_i Pi_k D_j (2 N_k - n_k Pi_k))
           - [tr(U_i U_j)_XX under REML] - 2 rho^2 (U_i)_yX (U_j)_Xy.

Wolfinger, Tobias & Sall (1994), SIAM J. Sci. Comput. 15(6), 1294-1310; Lindstrom & Bates (1988),
J. Am. Stat. Assoc. 83, 1014-1022. All patterns are handled at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.engines.port.criterion import NotPositiveError
from harness.engines.port.repeated.patterns import RepeatedData
from harness.engines.port.repeated.structures import Structure

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """The criterion at one phi, with derivatives and what inference needs.

    Attributes:
        phi: (t,) free parameters.
        value: the criterion, in deviance units.
        gradient: (t,).
        hessian: (t, t) exact.
        L: (V, V) factor of the covariance by visit, in the unit in which ``W`` has the residual.
        D: (t, V, V) whitened derivatives of the covariance.
        projection: (m, V, V) ``Pi_k``.
        Y: (R, V, P) whitened representatives in the basis of Q.
        Rho: (P, P) upper triangular.
        U: (t, P, P).
    """

    phi: Vector
    value: float
    gradient: Vector
    hessian: Matrix
    L: Matrix
    D: Matrix
    projection: Matrix
    Y: Matrix
    Rho: Matrix
    U: Matrix

    @property
    def Sigma(self) -> Matrix:  # noqa: N802
        """(V, V) covariance by visit."""
        return self.L @ self.L.T


@dataclass(frozen=True, slots=True)
class RepeatedCriterion:
    """A criterion ready to be evaluated.

    Attributes:
        data: the summed data.
        structure: of the covariance.
        reml: which criterion.
    """

    data: RepeatedData
    structure: Structure
    reml: bool

    @property
    def d(self) -> int:
        """Rows, under REML less columns of X."""
        return self.data.n_obs - (self.data.p if self.reml else 0)

    @property
    def constant(self) -> float:
        """What does not depend on phi."""
        size = np.log(np.abs(self.data.F.diagonal()))
        value = self.d * (math.log(2.0 * math.pi) + 2.0 * float(size[-1]))
        return value + (2.0 * float(size[:-1].sum()) if self.reml else 0.0)

    def evaluate(self, phi: Vector) -> Point:
        """Criterion, gradient and Hessian at phi (t,).

        Raises:
            NotPositiveError: the covariance is not positive definite in floating point.
        """
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            point = self._evaluate(phi)
        if not (math.isfinite(point.value) and np.isfinite(point.hessian).all()):
            raise NotPositiveError("the criterion is not finite")
        return point

    def _evaluate(self, phi: Vector) -> Point:
        data, p = self.data, self.data.p
        try:
            L = self.structure.factor(phi)
            log_det, inverse, B = _by_pattern(L, data)
            whitened = inverse[data.owner] @ data.C
            R, V, P = whitened.shape
            Q, Rho = np.linalg.qr(whitened.reshape(R * V, P))
        except np.linalg.LinAlgError:
            raise NotPositiveError("the visits' covariance is not positive definite") from None
        Y = B.transpose(0, 2, 1)[data.owner] @ Q.reshape(R, V, P)
        projection = B.transpose(0, 2, 1) @ B
        D = self.structure.slopes(phi, L)
        t = len(D)

        pivots = np.abs(Rho.diagonal())
        rho2 = float(pivots[p] * pivots[p])
        value = float(data.count @ log_det) + rho2 + self.constant
        if self.reml:
            value += 2.0 * float(np.log(pivots[:p]).sum())

        weights = np.full(P, 1.0 if self.reml else 0.0)
        weights[p] = rho2
        N = self.sums(Y * weights, Y)
        known = data.count[:, None, None] * projection
        S = (known - N).sum(axis=0)
        S = 0.5 * (S + S.T)
        flat = D.reshape(t, V * V)
        U = self.sandwich(Y, D)
        kernel = _kernel(projection, 2.0 * N - known)
        hessian = flat @ kernel @ flat.T + self.structure.curvature(phi, L, S)
        across = U[:, p, :p]
        hessian -= 2.0 * rho2 * (across @ across.T)
        if self.reml:
            inside = U[:, :p, :p].reshape(t, p * p)
            hessian -= inside @ inside.T
        hessian = 0.5 * (hessian + hessian.T)
        return Point(phi, value, flat @ S.ravel(), hessian, L, D, projection, Y, Rho, U)

    def sums(self, left: Matrix, right: Matrix) -> Matrix:
        """(m, V, V) for each pattern the sum of ``left right'`` over its representatives."""
        return np.add.reduceat(left @ right.transpose(0, 2, 1), self.data.starts, axis=0)

    def sandwich(self, Y: Matrix, D: Matrix) -> Matrix:
        """(t, P, P) ``sum Y' D_i Y`` over all representatives (R, V, P)."""
        R, V, P = Y.shape
        rows = Y.reshape(R, V * P)
        gram = (rows.T @ rows).reshape(V, P, V, P).transpose(0, 2, 1, 3).reshape(V * V, P * P)
        return np.asarray((D.reshape(len(D), V * V) @ gram).reshape(len(D), P, P))

    def expected_information(self, point: Point) -> Matrix:
        """(t, t) ``tr(V^-1 V_i V^-1 V_j)`` less what X takes: twice the expected information.

        Kenward & Roger (1997), Biometrics 53, 983-997: with ``P_i = -U_i`` and ``Q_ij`` in the
        basis in which Phi is the identity, ``tr(..) - 2 tr(Q_ij) + tr(P_i P_j)``.
        """
        data, p = self.data, self.data.p
        t, V, _ = point.D.shape
        X = point.Y[:, :, :p]
        N = self.sums(X, X)
        kernel = _kernel(point.projection, data.count[:, None, None] * point.projection - 2.0 * N)
        flat = point.D.reshape(t, V * V)
        inside = point.U[:, :p, :p].reshape(t, p * p)
        total = flat @ kernel @ flat.T + inside @ inside.T
        return np.asarray(0.5 * (total + total.T))


def _by_pattern(L: Matrix, data: RepeatedData) -> tuple[Vector, Matrix, Matrix]:
    """``log|Sigma_k|`` (m,), ``L_k^-1`` (m, V, V) and ``B_k`` (m, V, V), visits as in ``order``.

    What a pattern lacks comes last: the identity in ``L_k``, zero in ``B_k``.
    """
    V = len(L)
    lacking = np.arange(V) >= data.mask.sum(axis=1)[:, None]
    rows = np.where(lacking[:, :, None], 0.0, L[data.order])
    turned, upper = np.linalg.qr(rows.transpose(0, 2, 1))
    place = np.arange(V)
    upper[:, place, place] += lacking
    log_det = 2.0 * np.log(np.abs(upper[:, place, place])).sum(axis=1)
    B = np.where(lacking[:, :, None], 0.0, turned.transpose(0, 2, 1))
    return log_det, np.linalg.inv(upper.transpose(0, 2, 1)), B


def _kernel(A: Matrix, B: Matrix) -> Matrix:
    """``K`` (V V, V V) with ``vec(J)' K vec(H) = sum_k tr(J A_k H B_k)`` for symmetric stacks."""
    m, V, _ = A.shape
    product = A.reshape(m, V * V).T @ B.reshape(m, V * V)
    return product.reshape(V, V, V, V).transpose(3, 0, 1, 2).reshape(V * V, V * V)
