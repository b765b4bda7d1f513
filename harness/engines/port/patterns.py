"""Groups with the same design, taken together: their factor and their summed outer products."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from harness.engines.port.groups import FEW

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

DEFICIENT = 1e-13
"""A squared pivot of ``A_g`` below this share of its diagonal entry is zero."""

REGULAR = 1e-6
"""A squared pivot above this share of its diagonal entry needs no care."""

BLOCK = 8192
"""Groups taken at a time where there are many."""

SMALL = 5000
"""Groups up to which one product for each group takes less time than several long vectors."""


def split(
    A: Matrix, C: Matrix, pattern: Index, count: Vector, inverse: Matrix | None
) -> tuple[Matrix, Matrix, Matrix]:
    """What each group's own design explains, with the sums over each pattern.

    Args:
        A: (m, q, q) ``Z_g'Z_g`` of each pattern.
        C: (G, q, P) ``Z_g'W_g``, or ``Z_g'[X y]_g``; overwritten.
        pattern: (G,) pattern of each group.
        count: (m,) groups of each pattern.
        inverse: (P, P) ``F^-1`` if C is of ``[X y] = W F``, else None.

    Returns:
        ``R`` (m, q, q), ``c`` (G, q, P) and ``B`` (m q q, P P); see :func:`factored` and
        :func:`outer_sums`.
    """
    G, q, P = C.shape
    factors = _inverse_factors(A) if len(A) <= FEW and G > SMALL else None
    if factors is None:
        R, c = factored(A, in_basis(C, inverse), pattern)
        return R, c, outer_sums(c, pattern, count)
    # Many groups of few patterns: matrix products with some thousand groups side by side, in place.
    right = np.eye(P) if inverse is None else inverse
    wide = C.reshape(G, q * P)
    sums = np.zeros((len(A), q * P, q * P))
    for k, left in enumerate(factors[1]):
        change = np.kron(left, right)
        members = np.flatnonzero(pattern == k)
        for start in range(0, len(members), BLOCK):
            here = members[start : start + BLOCK]
            own = wide.take(here, axis=0) @ change
            sums[k] += own.T @ own.copy()  # a copy: numpy's symmetric product is the slower one
            wide[here] = own
    return factors[0], C, _by_pair(sums.reshape(len(A), q, P, q, P))


def in_basis(C: Matrix, inverse: Matrix | None) -> Matrix:
    """``Z_g'W_g`` (G, q, P) of ``Z_g'[X y]_g``, given ``F^-1`` (P, P); as it is without."""
    return C if inverse is None else (C.reshape(-1, C.shape[2]) @ inverse).reshape(C.shape)


def _inverse_factors(A: Matrix) -> tuple[Matrix, Matrix] | None:
    """``R`` (m, q, q) and its inverses, or None if a design is deficient or nearly so."""
    if len(A) <= FEW:
        return _few_inverse_factors(A)
    try:
        L = np.linalg.cholesky(A)
    except np.linalg.LinAlgError:
        return None
    pivots = L.diagonal(axis1=1, axis2=2)
    if not (pivots * pivots > REGULAR * A.diagonal(axis1=1, axis2=2)).all():
        return None
    R = np.ascontiguousarray(L.transpose(0, 2, 1))
    return R, np.asarray(np.linalg.inv(R))


def _few_inverse_factors(A: Matrix) -> tuple[Matrix, Matrix] | None:
    """:func:`_inverse_factors` of a few designs, one by one."""
    R, inverse = np.empty_like(A), np.empty_like(A)
    for k, one in enumerate(A):
        upper, info = lapack.dpotrf(one, lower=0, clean=1)
        if info != 0:
            return None
        pivot = upper.diagonal()
        if not (pivot * pivot > REGULAR * one.diagonal()).all():
            return None
        R[k] = upper
        inverse[k], _ = lapack.dtrtri(upper, lower=0)
    return R, inverse


def factored(A: Matrix, C: Matrix, pattern: Index) -> tuple[Matrix, Matrix]:
    """``R_k`` with ``R_k'R_k = A_k`` (m, q, q) and ``c_g = R^-T C_g`` (G, q, P).

    A Cholesky factorisation of all patterns at once; a pivot that vanishes leaves a zero row, so
    groups whose own design is deficient (a patient seen once) need no special treatment.
    """
    q = A.shape[1]
    alone = len(A) == 1
    factors = _inverse_factors(A) if len(C) <= SMALL else None
    if factors is not None:
        across = factors[1].transpose(0, 2, 1)
        return factors[0], np.asarray((across[0] if alone else across[pattern]) @ C)
    R = np.zeros_like(A)
    c = np.zeros_like(C)
    for j in range(q):
        square = A[:, j, j]
        if j:
            square = square - (R[:, :j, j] ** 2).sum(axis=1)
            square = np.where(square > DEFICIENT * A[:, j, j], square, 0.0)
        pivot = np.sqrt(square)
        whole = bool(pivot.all())
        inverse = (
            1.0 / pivot
            if whole
            else np.divide(1.0, pivot, out=np.zeros_like(pivot), where=pivot > 0.0)
        )
        R[:, j, j] = pivot
        for k in range(j + 1, q):
            R[:, j, k] = (A[:, j, k] - (R[:, :j, j] * R[:, :j, k]).sum(axis=1)) * inverse
        rest = C[:, j]
        for i in range(j):
            rest = rest - (R[0, i, j] if alone else R[pattern, i, j][:, None]) * c[:, i]
        c[:, j] = rest * (inverse[0] if alone else inverse[pattern][:, None])
    return R, c


def outer_sums(c: Matrix, pattern: Index, count: Vector) -> Matrix:
    """Summed outer products (m q q, P P) of each pattern's ``c_g``."""
    G, q, P = c.shape
    m = len(count)
    if m == 1:
        wide = c.reshape(G, q * P)
        return _by_pair((wide.T @ wide).reshape(1, q, P, q, P))
    if 2 * m > G:
        order = np.argsort(pattern, kind="stable")
        ordered = c[order]
        outer = (ordered[:, :, None, :, None] * ordered[:, None, :, None, :]).reshape(G, -1)
        if m < G:
            starts = np.concatenate(([0], np.cumsum(count[:-1]))).astype(np.intp)
            outer = np.add.reduceat(outer, starts, axis=0)
        return outer.reshape(m * q * q, P * P)
    wide = c.reshape(G, q * P)
    sums = np.empty((m, q * P, q * P))
    wide = wide[np.argsort(pattern, kind="stable")]
    start = 0
    for k, end in enumerate(np.cumsum(count).astype(np.intp).tolist()):
        members = wide[start:end]
        np.dot(members.T, members, out=sums[k])
        start = end
    return _by_pair(sums.reshape(m, q, P, q, P))


def _by_pair(outer: Matrix) -> Matrix:
    """(m, q, P, q, P) to (m q q, P P): one row for each pattern and pair of positions."""
    m, q, P = outer.shape[:3]
    return np.ascontiguousarray(outer.transpose(0, 1, 3, 2, 4)).reshape(m * q * q, P * P)


def own_slopes(R: Matrix, c: Matrix, pattern: Index) -> Matrix:
    """Least squares of W on each group's own columns, ``R_g b_g = c_g`` (G, q, P).

    Positions in which a group's design is deficient are left at zero.
    """
    member = R[pattern]
    b = np.zeros_like(c)
    for j in reversed(range(R.shape[1])):
        rest = c[:, j] - np.einsum("gk,gkp->gp", member[:, j, j + 1 :], b[:, j + 1 :])
        pivot = member[:, j, j, None]
        np.divide(rest, pivot, out=b[:, j], where=pivot > 0.0)
    return b
