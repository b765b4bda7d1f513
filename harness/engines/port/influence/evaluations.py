"""The criteria without each group, with gradients and Hessians, all groups at a time.

The formulae are those of :mod:`harness.engines.port.criterion`. The sum over patterns is that of
all data at each deletion's own theta, one matrix product for all, less the group's own part. That
difference costs the digits by which the rest is smaller than the whole; deletions for which it
matters are not made here (:mod:`harness.engines.port.influence.groups`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.engines.port.criterion import Problem
from harness.engines.port.influence.contributions import Contributions
from harness.engines.port.weighed import capacitance

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

ENTRIES = 2_000_000
"""Numbers of one array of the evaluation held at a time."""


@dataclass(frozen=True, slots=True)
class Evaluations:
    """Criteria of k deletions, each at its own theta; fields as of ``criterion.Evaluation``.

    Attributes:
        value: (k,) infinite where rounding destroyed Omega.
        gradient: (k, t).
        hessian: (k, t, t).
        S_gradient: (k, q, q).
        Rho_inverse: (k, P, P).
        rho: (k,).
    """

    value: Vector
    gradient: Matrix
    hessian: Matrix
    S_gradient: Matrix
    Rho_inverse: Matrix
    rho: Vector

    def put(self, place: Index, other: Evaluations, rows: Index) -> None:
        """Overwrite the deletions at ``place`` by those of another at ``rows``."""
        for name in self.__slots__:
            getattr(self, name)[place] = getattr(other, name)[rows]

    def at(self, rows: Index) -> Evaluations:
        """Some of the deletions."""
        return Evaluations(*(getattr(self, name)[rows] for name in self.__slots__))


def evaluate_without(
    at: Problem, parts: Contributions, groups: Index, theta: Matrix
) -> Evaluations:
    """Criteria without each of some groups (k,) at thetas (k, t)."""
    t, m, q = at.data.structure.t, len(at.data.R), at.data.q
    step = max(1, ENTRIES // ((t + 1) * m * q * q + (at.data.p + 1) ** 2 * (t + 1)))
    pieces = [
        _evaluate(at, parts, groups[start : start + step], theta[start : start + step])
        for start in range(0, max(1, len(groups)), step)
    ]
    if len(pieces) == 1:
        return pieces[0]
    fields = Evaluations.__slots__
    return Evaluations(*(np.concatenate([getattr(x, name) for x in pieces]) for name in fields))


def _evaluate(at: Problem, parts: Contributions, groups: Index, theta: Matrix) -> Evaluations:
    data = at.data
    structure = data.structure
    q, t, P, m = structure.q, structure.t, data.p + 1, len(data.R)
    k = len(groups)
    R, c, own = data.R, data.c[groups], data.pattern[groups]
    each = np.arange(k)
    d = parts.d[groups]
    weights = np.tile(at.weights, (k, 1))
    weights[:, -1] = d

    Lambda = np.zeros((k, q, q))
    Lambda[:, structure.rows, structure.columns] = theta
    root = (R[None] @ Lambda[:, None]).reshape(k * m, q, q)
    J, logdet = capacitance(root, np.eye(q))
    J, logdet = J.reshape(k, m, q, q), logdet.reshape(k, m)
    K = J @ R
    Kt = K.swapaxes(2, 3)
    N = R.swapaxes(1, 2) @ K
    EL = structure.basis @ Lambda.swapaxes(1, 2)[:, None]
    dS = EL + EL.swapaxes(2, 3)  # (k, t, q, q)

    rows = np.empty((k, t + 1, m, q, q))
    rows[:, 0] = J
    np.matmul(K[:, None] @ dS[:, :, None], Kt[:, None], out=rows[:, 1:])
    D = (rows.reshape(k * (t + 1), m * q * q) @ data.B).reshape(k, t + 1, P, P)
    mine = rows[each, :, own]  # (k, t + 1, q, q)
    D -= c.swapaxes(1, 2)[:, None] @ (mine @ c[:, None])
    Omega = parts.within[groups] + D[:, 0]
    inverse, good = _inverse_factors(Omega)
    U = inverse.swapaxes(1, 2)[:, None] @ D[:, 1:] @ inverse[:, None]

    Y = (inverse * weights[:, None]) @ inverse.swapaxes(1, 2)
    tau = (Y.reshape(k, P * P) @ data.B.T).reshape(k, m, q, q)
    tau[each, own] -= c @ Y @ c.swapaxes(1, 2)
    count = np.tile(data.count, (k, 1))
    count[each, own] -= 1.0
    Q = Kt @ tau @ K
    pull = N * count[:, :, None, None] - Q
    G = pull.sum(axis=1)
    G = 0.5 * (G + G.swapaxes(1, 2))

    pivots = -np.log(np.diagonal(inverse, axis1=1, axis2=2))
    value = (
        constants(at, parts, groups)
        + (count * logdet).sum(axis=1)
        + 2.0 * (pivots * weights).sum(axis=1)
    )
    gradient = 2.0 * (G @ Lambda)[:, structure.rows, structure.columns]

    left = ((Q - pull)[:, None] @ dS[:, :, None]).reshape(k, t, m * q * q)
    right = (N[:, None] @ dS[:, :, None]).swapaxes(3, 4).reshape(k, t, m * q * q)
    curvature = left @ right.swapaxes(1, 2)
    pair = np.tile(at.pair_weights, (k, 1, 1))
    pair[:, -1, :] = pair[:, :, -1] = d[:, None]
    flat = U.reshape(k, t, P * P)
    hessian = 0.5 * (curvature + curvature.swapaxes(1, 2))
    hessian -= (flat * pair.reshape(k, 1, P * P)) @ flat.swapaxes(1, 2)
    hessian += structure.same_column * G[:, structure.rows[:, None], structure.rows]
    return Evaluations(
        value=np.where(good, value, np.inf),
        gradient=gradient,
        hessian=hessian,
        S_gradient=G,
        Rho_inverse=inverse,
        rho=1.0 / inverse[:, -1, -1],
    )


def _inverse_factors(Omega: Matrix) -> tuple[Matrix, npt.NDArray[np.bool_]]:
    """Inverses (k, P, P) of the upper Cholesky factors, and which exist; the identity elsewhere."""
    good = np.linalg.eigvalsh(Omega)[:, 0] > 0.0
    safe = np.where(good[:, None, None], Omega, np.eye(Omega.shape[1]))
    lower = np.linalg.cholesky(safe)
    return np.ascontiguousarray(np.linalg.inv(lower).swapaxes(1, 2)), good


def constants(at: Problem, parts: Contributions, groups: Index) -> Vector:
    """What does not depend on theta (k,)."""
    F = np.abs(at.data.F.diagonal())
    d = parts.d[groups]
    constant = d * (1.0 + np.log(2.0 * math.pi / d) + 2.0 * math.log(F[-1]))
    constant -= parts.log_weights[groups]
    return constant + 2.0 * float(np.log(F[:-1]).sum()) if at.reml else constant
