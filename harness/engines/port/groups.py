"""Sums within groups, and groups with the same design."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import ModelError
from harness.models.design import RandomDesign
from harness.models.frame import Grouping

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

COLUMNWISE = 200_000
"""Entries of the row-by-row products beyond which sums are formed a pair of columns at a time."""

ROWS = 16_384
"""Rows summed at a time."""

FEW = 4
"""Classes of equal designs that are looked for one by one before all groups are hashed."""

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
            order = np.argsort(codes, kind="stable")
            stacked, codes = stacked[order], codes[order]
        sums = _stacked_sums(stacked, q, codes, grouping.sizes, starts)
        return sums[:, :, :q], np.ascontiguousarray(sums[:, :, q:])

    if in_order:
        return _sums_in_order(Z, W, grouping.sizes, starts)
    codes = codes.astype(np.intp, copy=False)

    def total(product: Vector) -> Vector:
        return np.asarray(np.bincount(codes, weights=product, minlength=G), dtype=np.float64)

    A = np.empty((G, q, q))
    C = np.empty((G, q, P))
    for a in range(q):
        plain = bool(Z[a][0] == 1.0 and (Z[a] == 1.0).all())
        for b in range(a + 1):
            same = plain and a == b
            A[:, a, b] = A[:, b, a] = grouping.sizes if same else total(Z[a] * Z[b])
        for j in range(P):
            C[:, a, j] = total(W[:, j] if plain else Z[a] * W[:, j])
    return A, C


def _sums_in_order(
    Z: list[Vector], W: Matrix, sizes: Index, starts: Index
) -> tuple[Matrix, Matrix]:
    """:func:`group_sums` of rows that stand group after group.

    Some thousand rows at a time, which stay in the processor's cache: their columns are laid out
    row by row and summed by a sparse matrix that holds one column of Z at the places of its rows.
    """
    from scipy.sparse import csr_matrix

    P = W.shape[1]
    q, G = len(Z), len(sizes)
    ends = starts + sizes
    plain = [bool(z[0] == 1.0 and (z == 1.0).all()) for z in Z]
    others = [b for b in range(q) if not plain[b]]
    A = np.empty((G, q, q))
    C = np.empty((G, q, P))
    longest = max(ROWS, int(sizes.max()))
    space = np.empty((longest, P + len(others)))
    place = np.arange(longest, dtype=np.int32)
    ones = np.ones(longest)
    first = 0
    while first < G:
        begin = int(starts[first])
        after = max(first + 1, int(np.searchsorted(ends, begin + longest, side="right")))
        rows = slice(begin, int(ends[after - 1]))
        k = rows.stop - begin
        block = space[:k]
        for j in range(P):
            block[:, j] = W[rows, j]
        for j, b in enumerate(others):
            block[:, P + j] = Z[b][rows]
        bounds = np.append(starts[first:after] - begin, k).astype(np.int32)
        here = slice(first, after)
        for a in range(q):
            values = ones[:k] if plain[a] else Z[a][rows]
            sums = csr_matrix((values, place[:k], bounds), shape=(after - first, k)) @ block
            C[here, a] = sums[:, :P]
            for j, b in enumerate(others):
                A[here, a, b] = A[here, b, a] = sums[:, P + j]
        first = after
    for a in range(q):
        if plain[a]:
            A[:, a, a] = sizes
            for b in range(a):
                if plain[b]:
                    A[:, a, b] = A[:, b, a] = sizes
    return A, C


def _stacked_sums(
    rows: Matrix, q: int, codes: npt.NDArray[Any], sizes: Index, starts: Index
) -> Matrix:
    """Sums (G, q, w) over each group's rows of the outer products of their first q entries.

    Args:
        rows: (n, w), group after group.
        q: how many entries stand on the left.
        codes: (n,) group of each row.
        sizes: (G,) rows of each group.
        starts: (G,) first row of each group.
    """
    n, w = rows.shape
    G, most = len(sizes), int(sizes.max())
    if G * most > 3 * n:
        return np.asarray(np.add.reduceat(rows[:, :q, None] * rows[:, None, :], starts, axis=0))
    if G * most > n:  # groups of one length, short ones filled with rows of zeros
        filled = np.zeros((G * most, w))
        place = np.arange(n)
        place += (np.arange(0, G * most, most) - starts)[codes]
        filled[place] = rows
        rows = filled
    batch = rows.reshape(G, most, w)
    return np.asarray(batch[:, :, :q].transpose(0, 2, 1) @ batch)


def collapse(A: Matrix) -> tuple[Index, Index]:
    """First member (m,) and membership (G,) of each class of equal matrices (G, q, q).

    Equal means equal to ``SAME_DESIGN`` of the largest entry: the same visits summed in another
    order differ in the last bits. Rows are hashed to 64 bits and the classes verified entry by
    entry, so a collision costs time, never correctness: every group is then its own pattern.
    """
    G, q = A.shape[:2]
    one = A[0]
    if bool((A[-1] == one).all()) and bool((one == A).all()):
        return np.zeros(1, dtype=np.intp), np.zeros(G, dtype=np.intp)
    columns = [np.ascontiguousarray(A[:, i, j]) for i in range(q) for j in range(i + 1)]
    quantum = SAME_DESIGN * max(float(np.abs(column).max()) for column in columns)
    few = _few_classes(columns, quantum)
    if few is not None:
        return few
    rows = np.column_stack(columns)
    cells = np.rint(rows / quantum).astype(np.int64).view(np.uint64)
    k = cells.shape[1]
    weights = _MULTIPLIERS[:k] if k <= len(_MULTIPLIERS) else _multipliers(k)
    key = ((cells ^ (cells >> np.uint64(29))) * weights).sum(axis=1, dtype=np.uint64)
    _, first, pattern = np.unique(key, return_index=True, return_inverse=True)
    if not np.array_equal(cells[first][pattern], cells):
        return np.arange(G), np.arange(G)
    return first, pattern


def _few_classes(columns: list[Vector], quantum: float) -> tuple[Index, Index] | None:
    """Classes of rows within a quantum of their first, or None when there are more than a few."""
    pattern = np.zeros(len(columns[0]), dtype=np.intp)
    first: list[int] = []
    left: Index | None = None  # all
    while left is None or len(left):
        if len(first) == FEW:
            return None
        chosen = 0 if left is None else int(left[0])
        apart = np.zeros(len(columns[0]) if left is None else len(left), dtype=np.bool_)
        for column in columns:
            apart |= np.abs((column if left is None else column[left]) - column[chosen]) > quantum
        first.append(chosen)
        left = np.flatnonzero(apart) if left is None else left[apart]
        pattern[left] = len(first)
    return np.array(first), pattern


def _multipliers(k: int) -> npt.NDArray[np.uint64]:
    """Odd multipliers for the row hash."""
    draw = np.random.default_rng(20120609).integers(0, 2**63, size=k, dtype=np.uint64)
    return draw * np.uint64(2) + np.uint64(1)


_MULTIPLIERS = _multipliers(16)
