"""One pass over the rows: everything the likelihood needs to know about the data.

With one grouping factor the criterion depends on the data only through ``[X y]'[X y]`` and, for
each group g, ``A_g = Z_g'Z_g`` and ``Z_g'[X y]_g``; and on a group's design only through its
``A_g``. Groups with the same ``A_g`` (patients with the same visits) are one *pattern*.

All columns are first brought into a basis in which they are nearly orthonormal, ``[X y] = W F``
and ``Z = Z~ T`` for each random-effects term, so that no digits are lost to predictors far from
zero or badly scaled responses. Then each group is split into what its own ``Z~_g`` can explain
and the rest. With ``A_g = R_g'R_g`` and ``c_g = R_g^-T Z~_g'W_g``,

    W'V^-1 W = within + sum_g c_g' (I + R_g S R_g')^-1 c_g,      within = W'W - sum_g c_g'c_g,

a sum of positive semidefinite matrices: nothing cancels however large the relative covariance S
is. Of the ``c_g`` each pattern needs the sum of their outer products only, so one evaluation
costs as much as there are patterns, whatever the number of groups.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.engines.port.groups import collapse, group_sums, standardise_columns
from harness.engines.port.structure import Structure, structure_of
from harness.errors import ModelError
from harness.models.design import Design

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

NO_RESIDUAL = 1e-12
"""A response whose part outside X is smaller than this share of it is fitted exactly."""

DEFICIENT = 1e-13
"""A squared pivot of ``A_g`` below this share of its diagonal entry is zero."""


@dataclass(frozen=True, slots=True)
class CrossProducts:
    """The data of a model with one grouping factor, summed.

    Attributes:
        n_obs: rows.
        p: columns of X; P = p + 1 below.
        structure: pattern of Lambda.
        F: (P, P) upper triangular, ``[X y] = W F``; ``W'W = I`` unless ``careful``.
        T: (q, q) upper triangular by blocks, ``Z = Z~ T``.
        R: (m, q, q) upper triangular factor of each pattern's ``Z~'Z~``; a zero row where
            the pattern's design is deficient.
        count: (m,) groups of each pattern.
        B: (m q q, P P) for pattern k and positions a, b the summed outer product of rows a and b
            of ``c_g``.
        within: (P, P) part of ``W'W`` outside the groups' designs.
        c: (G, q, P) ``c_g`` of each group.
        pattern: (G,) pattern of each group.
        careful: whether the sums were refined.
    """

    n_obs: int
    p: int
    structure: Structure
    F: Matrix
    T: Matrix
    R: Matrix
    count: Vector
    B: Matrix
    within: Matrix
    c: Matrix
    pattern: npt.NDArray[np.intp]
    careful: bool = False

    @property
    def q(self) -> int:
        """Random effects of one group."""
        return self.structure.q


def cross_products(design: Design) -> CrossProducts:
    """Sum a design with one grouping factor.

    Raises:
        ModelError: a response that X reproduces exactly.
    """
    check_residual(design)
    F = design.factor.R
    p = len(design.names)
    Z, T = standardise_columns(design.random)
    structure = structure_of(tuple(len(term.names) for term in design.random))
    W = design.XY if design.factor.Q is None else design.factor.Q
    A, C = group_sums(Z, W, design.groupings[0])
    if design.factor.Q is None:
        # Summed from [X y] itself: W = [X y] F^-1.
        C = _columns_solved(F, C)
    first, pattern = collapse(A)
    R, c = factored(A[first], C, pattern)
    count = np.bincount(pattern, minlength=len(first)).astype(np.float64)
    wide = c.reshape(-1, p + 1)
    within = np.eye(p + 1) - wide.T @ wide
    B = _outer_sums(c, pattern, count)
    return CrossProducts(design.frame.n_obs, p, structure, F, T, R, count, B, within, c, pattern)


def check_residual(design: Design) -> None:
    """Refuse a response that X reproduces.

    Raises:
        ModelError: no residual is left.
    """
    F = design.factor.R
    p = len(design.names)
    if abs(F[p, p]) <= NO_RESIDUAL * np.sqrt(F[:, p] @ F[:, p]):
        raise ModelError(
            f"outcome `{design.frame.response}` is an exact combination of the fixed effects: "
            "no variance is left; leave out the term it was computed from"
        )


def refined(data: CrossProducts, design: Design, Rho: Matrix) -> CrossProducts:
    """The same sums in the basis in which Omega is the identity, ``within`` from every row.

    Worth a second pass when the random effects explain nearly everything: least squares is then
    a poor basis, and the difference of ``W'W`` and ``sum c'c`` has lost the digits that matter.

    Args:
        data: sums whose Omega became small.
        design: where they came from.
        Rho: (P, P) factor of Omega at the theta of interest.
    """
    Z, _ = standardise_columns(design.random)
    F = Rho @ data.F
    if design.factor.Q is None or data.careful:
        rows = np.linalg.solve(F.T, design.XY.T)
    else:
        rows = np.linalg.solve(Rho.T, design.factor.Q.T)
    W: Matrix = np.ascontiguousarray(rows, dtype=np.float64).T
    A, C = group_sums(Z, W, design.groupings[0])
    first, pattern = collapse(A)
    R, c = factored(A[first], C, pattern)
    count = np.bincount(pattern, minlength=len(first)).astype(np.float64)
    # Least squares within each group: R_g b_g = c_g, deficient positions left at zero.
    member = R[pattern]
    b = np.zeros_like(c)
    for j in reversed(range(data.q)):
        rest = c[:, j] - np.einsum("gk,gkp->gp", member[:, j, j + 1 :], b[:, j + 1 :])
        pivot = member[:, j, j, None]
        np.divide(rest, pivot, out=b[:, j], where=pivot > 0.0)
    codes = design.groupings[0].codes
    for a in range(data.q):
        W -= Z[a][:, None] * b[codes, a]
    return replace(
        data,
        F=F,
        R=R,
        count=count,
        B=_outer_sums(c, pattern, count),
        within=W.T @ W,
        c=c,
        pattern=pattern,
        careful=True,
    )


def _columns_solved(F: Matrix, C: Matrix) -> Matrix:
    """``C_g F^-1`` for every group."""
    solved = np.linalg.solve(F.T, C.reshape(-1, len(F)).T).T.reshape(C.shape)
    return np.ascontiguousarray(solved)


def factored(A: Matrix, C: Matrix, pattern: npt.NDArray[np.intp]) -> tuple[Matrix, Matrix]:
    """``R_k`` with ``R_k'R_k = A_k`` (m, q, q) and ``c_g = R^-T C_g`` (G, q, P).

    A Cholesky factorisation of all patterns at once; a pivot that vanishes leaves a zero row, so
    groups whose own design is deficient (a patient seen once) need no special treatment.
    """
    q = A.shape[1]
    alone = len(A) == 1
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


def _outer_sums(c: Matrix, pattern: npt.NDArray[np.intp], count: Vector) -> Matrix:
    """Summed outer products (m q q, P P) of each pattern's ``c_g``."""
    G, q, P = c.shape
    m = len(count)
    if m == 1:
        wide = c.reshape(G, q * P)
        return _by_pair((wide.T @ wide).reshape(1, q, P, q, P))
    order = np.argsort(pattern, kind="stable")
    ordered = c[order]
    if 2 * m > G:
        outer = (ordered[:, :, None, :, None] * ordered[:, None, :, None, :]).reshape(G, -1)
        if m < G:
            starts = np.concatenate(([0], np.cumsum(count[:-1]))).astype(np.intp)
            outer = np.add.reduceat(outer, starts, axis=0)
        return outer.reshape(m * q * q, P * P)
    wide = ordered.reshape(G, q * P)
    sums = np.empty((m, q * P, q * P))
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
