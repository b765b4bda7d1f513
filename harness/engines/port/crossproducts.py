"""One pass over the rows: everything the likelihood needs to know about the data.

With one grouping factor the criterion depends on the data only through ``[X y]'[X y]`` and,
for each group g, ``A_g = Z_g'Z_g`` and ``C_g = Z_g'[X y]_g``; and on a group only through its
``A_g``. Groups with the same ``A_g`` (patients with the same visits) are one *pattern*: their
number and their summed outer products ``sum_g vec(C_g) vec(C_g)'`` are kept, so that one
evaluation costs as much as there are patterns, whatever the number of groups.

All columns are first brought into a basis in which they are nearly orthonormal: ``[X y] = W R``
and, for each random-effects term, ``Z = Z~ T``. No digits are then lost to predictors far from
zero or to badly scaled responses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.engines.port.structure import Structure, structure_of
from harness.errors import ModelError
from harness.models.design import Design, RandomDesign
from harness.models.frame import Grouping

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

NO_RESIDUAL = 1e-12
"""A response whose part outside X is smaller than this share of it is fitted exactly."""

COLUMNWISE = 200_000
"""Entries of the row-by-row products beyond which sums are formed a pair of columns at a time."""


@dataclass(frozen=True, slots=True)
class CrossProducts:
    """The data of a model with one grouping factor, summed.

    Attributes:
        n_obs: rows.
        p: columns of X; P = p + 1 below.
        structure: pattern of Lambda.
        R: (P, P) upper triangular, ``[X y] = W R`` with ``W'W = I``.
        T: (q, q) upper triangular by blocks, ``Z = Z~ T``.
        A: (m, q, q) ``Z~'Z~`` of each pattern.
        count: (m,) groups of each pattern.
        B: (m q q, P P) for pattern k and random effects a, b the summed outer product of rows a
            and b of ``C_g = Z~_g'W_g``.
        C: (G, q, P) ``C_g`` of each group, for the predictions of the random effects.
        pattern: (G,) pattern of each group.
    """

    n_obs: int
    p: int
    structure: Structure
    R: Matrix
    T: Matrix
    A: Matrix
    count: Vector
    B: Matrix
    C: Matrix
    pattern: npt.NDArray[np.intp]

    @property
    def q(self) -> int:
        """Random effects of one group."""
        return self.structure.q


def cross_products(design: Design) -> CrossProducts:
    """Sum a design with one grouping factor.

    Raises:
        ModelError: several grouping factors, or a response that X reproduces exactly.
    """
    if len(design.groupings) != 1:
        labels = ", ".join(grouping.label for grouping in design.groupings)
        raise ModelError(
            f"models with several grouping factors ({labels}) are not in the port yet; "
            "use one grouping factor, or the engine lme4"
        )
    grouping = design.groupings[0]
    R = design.factor.R
    p = len(design.names)
    if abs(R[p, p]) <= NO_RESIDUAL * np.sqrt(R[:, p] @ R[:, p]):
        raise ModelError(
            f"outcome `{design.frame.response}` is an exact combination of the fixed effects: "
            "no variance is left; leave out the term it was computed from"
        )
    Z, T = _standardise(design.random)
    structure = structure_of(tuple(len(term.names) for term in design.random))
    W = design.XY if design.factor.Q is None else design.factor.Q
    A, C = _group_sums(Z, W, grouping)
    if design.factor.Q is None:
        # C holds Z~'[X y]; W = [X y] R^-1.
        C = np.asarray(
            np.linalg.solve(R.T, C.reshape(-1, p + 1).T).T.reshape(C.shape), dtype=np.float64
        )
    A, count, B, pattern = _collapse(A, C)
    return CrossProducts(design.frame.n_obs, p, structure, R, T, A, count, B, C, pattern)


def _standardise(random: tuple[RandomDesign, ...]) -> tuple[list[Vector], Matrix]:
    """Columns ``Z~`` and ``T`` with ``Z = Z~ T``: orthogonal of mean square 1 within each term.

    Every column is computed by the same few elementwise operations in every row, so that equal
    rows of Z stay equal to the last bit and patterns can be recognised.
    """
    q = sum(len(term.names) for term in random)
    T = np.zeros((q, q))
    columns: list[Vector] = []
    for term in random:
        start = len(columns)
        for name, column in zip(term.names, term.columns, strict=True):
            j = len(columns)
            n = len(column)
            rest = column
            for i in range(start, j):
                T[i, j] = np.dot(columns[i], rest) / n
                if T[i, j] != 0.0:
                    rest = rest - T[i, j] * columns[i]
            T[j, j] = np.sqrt(np.dot(rest, rest) / n)
            if T[j, j] <= 1e-10 * np.sqrt(np.dot(column, column) / n) or T[j, j] == 0.0:
                raise ModelError(
                    f"random effect `{name} | {term.group}` is a combination of the term's other "
                    "columns (or zero throughout); leave it out of the random term"
                )
            columns.append(rest if T[j, j] == 1.0 else rest / T[j, j])
    return columns, T


def _group_sums(Z: list[Vector], W: Matrix, grouping: Grouping) -> tuple[Matrix, Matrix]:
    """``Z~_g'Z~_g`` (G, q, q) and ``Z~_g'W_g`` (G, q, P) of every group."""
    codes = grouping.codes
    n, P = W.shape
    q = len(Z)
    G = len(grouping.sizes)
    in_order = bool((codes[1:] >= codes[:-1]).all())
    starts = np.zeros(G, dtype=np.intp)
    np.cumsum(grouping.sizes[:-1], out=starts[1:])
    if n * q * (P + q) <= COLUMNWISE:
        stacked = np.empty((n, q + P))
        for j, column in enumerate(Z):
            stacked[:, j] = column
        stacked[:, q:] = W
        if not in_order:
            stacked = stacked[np.argsort(codes, kind="stable")]
        products = stacked[:, :q, None] * stacked[:, None, :]
        sums = np.add.reduceat(products, starts, axis=0)
        return np.ascontiguousarray(sums[:, :, :q]), np.ascontiguousarray(sums[:, :, q:])

    def total(product: Vector) -> Vector:
        if in_order:
            return np.add.reduceat(product, starts)
        return np.asarray(np.bincount(codes, weights=product, minlength=G), dtype=np.float64)

    A = np.empty((G, q, q))
    C = np.empty((G, q, P))
    for a in range(q):
        plain = bool((Z[a] == 1.0).all())
        for b in range(a + 1):
            A[:, a, b] = A[:, b, a] = grouping.sizes if plain and a == b else total(Z[a] * Z[b])
        for j in range(P):
            C[:, a, j] = total(W[:, j] if plain else Z[a] * W[:, j])
    return A, C


def _collapse(A: Matrix, C: Matrix) -> tuple[Matrix, Vector, Matrix, npt.NDArray[np.intp]]:
    """Patterns: distinct ``A_g`` with their counts and summed outer products."""
    G, q, P = C.shape
    flat = A.reshape(G, q * q)
    if (flat == flat[0]).all():
        wide = C.reshape(G, q * P)
        outer = (wide.T @ wide).reshape(1, q, P, q, P)
        pattern = np.zeros(G, dtype=np.intp)
        return A[:1], np.array([float(G)]), _by_pair(outer), pattern
    first, pattern = _distinct(flat)
    m = len(first)
    count = np.bincount(pattern, minlength=m).astype(np.float64)
    if m > G // 2:
        outer = C[:, :, :, None, None] * C[:, None, None, :, :]
        if m < G:
            outer = _summed_by(outer.reshape(G, -1), pattern, m).reshape(m, q, P, q, P)
        else:
            order = np.empty(G, dtype=np.intp)
            order[pattern] = np.arange(G)
            outer = outer[order]
        return A[first], count, _by_pair(outer), pattern
    wide = C.reshape(G, q * P)[np.argsort(pattern, kind="stable")]
    ends = np.cumsum(count).astype(np.intp).tolist()
    outer = np.empty((m, q * P, q * P))
    start = 0
    for k, end in enumerate(ends):
        members = wide[start:end]
        np.dot(members.T, members, out=outer[k])
        start = end
    return A[first], count, _by_pair(outer.reshape(m, q, P, q, P)), pattern


def _by_pair(outer: Matrix) -> Matrix:
    """(m, q, P, q, P) to (m q q, P P): one row for each pattern and pair of random effects."""
    m, q, P = outer.shape[:3]
    return np.ascontiguousarray(outer.transpose(0, 1, 3, 2, 4)).reshape(m * q * q, P * P)


def _summed_by(rows: Matrix, pattern: npt.NDArray[np.intp], m: int) -> Matrix:
    """Sum rows over patterns."""
    order = np.argsort(pattern, kind="stable")
    starts = np.searchsorted(pattern[order], np.arange(m))
    return np.add.reduceat(rows[order], starts, axis=0)


def _distinct(rows: Matrix) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """First member and membership of each class of bit-identical rows (G, k).

    Rows are hashed to 64 bits and the classes verified entry by entry, so a collision costs
    time, never correctness: the rows are then their own classes.
    """
    bits = rows.view(np.uint64)
    weights = _HASH[: bits.shape[1]] if bits.shape[1] <= len(_HASH) else _more(bits.shape[1])
    mixed = bits ^ (bits >> np.uint64(29))
    key = (mixed * weights).sum(axis=1, dtype=np.uint64)
    _, first, pattern = np.unique(key, return_index=True, return_inverse=True)
    if not np.array_equal(rows[first][pattern], rows):
        return np.arange(len(rows)), np.arange(len(rows))
    return first, pattern


def _more(k: int) -> npt.NDArray[np.uint64]:
    """Odd multipliers for the row hash."""
    draw = np.random.default_rng(20120609).integers(0, 2**63, size=k, dtype=np.uint64)
    return draw * np.uint64(2) + np.uint64(1)


_HASH = _more(16)
