"""Sums within groups, and groups with the same design."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.errors import ModelError
from harness.models.design import RandomDesign
from harness.models.frame import Grouping

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

COLUMNWISE = 200_000
"""Entries of the row-by-row products beyond which sums are formed a pair of columns at a time."""

SAME_DESIGN = 2.0**-44
"""Share of the largest ``Z_g'Z_g`` up to which two groups' designs are the same."""

COLLINEAR = 1e-10
"""A random-effects column whose part outside its predecessors is a smaller share of it is one."""


def standardise_columns(random: tuple[RandomDesign, ...]) -> tuple[list[Vector], Matrix]:
    """Columns ``Z~`` and ``T`` (q, q) with ``Z = Z~ T``: orthogonal, mean square 1, by terms.

    Every column is computed by the same few elementwise operations in every row, so that equal
    rows of Z stay equal and patterns can be recognised.

    Raises:
        ModelError: a column of a term is a combination of the term's other columns.
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
            if T[j, j] <= COLLINEAR * np.sqrt(np.dot(column, column) / n):
                raise ModelError(
                    f"random effect `{name} | {term.group}` is a combination of the term's other "
                    "columns, or zero throughout; leave it out of the random term"
                )
            columns.append(rest if T[j, j] == 1.0 else rest / T[j, j])
    return columns, T


def group_sums(Z: list[Vector], W: Matrix, grouping: Grouping) -> tuple[Matrix, Matrix]:
    """``Z_g'Z_g`` (G, q, q) and ``Z_g'W_g`` (G, q, P) of every group."""
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
        return sums[:, :, :q], np.ascontiguousarray(sums[:, :, q:])

    def total(product: Vector) -> Vector:
        if in_order:
            return np.add.reduceat(product, starts)
        return np.asarray(np.bincount(codes, weights=product, minlength=G), dtype=np.float64)

    A = np.empty((G, q, q))
    C = np.empty((G, q, P))
    for a in range(q):
        plain = bool((Z[a] == 1.0).all())
        for b in range(a + 1):
            same = plain and a == b
            A[:, a, b] = A[:, b, a] = grouping.sizes if same else total(Z[a] * Z[b])
        for j in range(P):
            C[:, a, j] = total(W[:, j] if plain else Z[a] * W[:, j])
    return A, C


def collapse(A: Matrix) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """First member (m,) and membership (G,) of each class of equal matrices (G, q, q).

    Equal means equal to ``SAME_DESIGN`` of the largest entry: the same visits summed in another
    order differ in the last bits. Rows are hashed to 64 bits and the classes verified entry by
    entry, so a collision costs time, never correctness: every group is then its own pattern.
    """
    G = len(A)
    rows = A.reshape(G, -1)
    if (rows == rows[0]).all():
        return np.zeros(1, dtype=np.intp), np.zeros(G, dtype=np.intp)
    quantum = SAME_DESIGN * float(np.abs(rows).max())
    cells = np.rint(rows / quantum).astype(np.int64).view(np.uint64)
    k = cells.shape[1]
    weights = _MULTIPLIERS[:k] if k <= len(_MULTIPLIERS) else _multipliers(k)
    key = ((cells ^ (cells >> np.uint64(29))) * weights).sum(axis=1, dtype=np.uint64)
    _, first, pattern = np.unique(key, return_index=True, return_inverse=True)
    if not np.array_equal(cells[first][pattern], cells):
        return np.arange(G), np.arange(G)
    return first, pattern


def _multipliers(k: int) -> npt.NDArray[np.uint64]:
    """Odd multipliers for the row hash."""
    draw = np.random.default_rng(20120609).integers(0, 2**63, size=k, dtype=np.uint64)
    return draw * np.uint64(2) + np.uint64(1)


_MULTIPLIERS = _multipliers(16)
