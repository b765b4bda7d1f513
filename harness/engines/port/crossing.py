"""How the first grouping factor crosses the others: the cross products between their columns.

``B_g`` (q, N) is ``R_g^-T Z_g'Z_2`` for group g of the first factor: what the group's own design
explains of the columns ``Z_2`` of all other factors. Where most groups meet most columns it is
held densely; else by its nonzeros, and then the sums ``sum_g B_g' J_g B_g``, needed again for
every theta, are one product of a fixed sparse matrix with the entries of all ``J_g``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

SMALL = 1_000_000
"""Entries of B up to which it is held densely whatever its zeros."""

LARGE = 30_000_000
"""Entries of B beyond which it is never held densely."""

DENSE = 100
"""Multiplications of dense matrices that take no longer than one with a kept pair."""

PAIRS = 10_000_000
"""Most pairs of nonzeros to keep; beyond it their sums are made anew for every theta."""


class Crossing(Protocol):
    """The blocks ``B_g`` and the products the criterion needs of them."""

    def gram(self, J: Matrix) -> Matrix:
        """``sum_g B_g' J_g B_g`` (N, N), for symmetric J (G, q, q)."""

    def within(self, H: Matrix) -> Matrix:
        """``B_g H B_g'`` (G, q, q) of every group, for a symmetric H (N, N)."""

    def times(self, X: Matrix) -> Matrix:
        """``B_g X`` (G, q, k), for X (N, k)."""

    def back(self, Y: Matrix) -> Matrix:
        """``sum_g B_g' Y_g`` (N, k), for Y (G, q, k)."""

    def outer(self, K: Matrix) -> list[list[Matrix]]:
        """``sum_g (K_g'B_g)[a]' (K_g'B_g)[c]`` (N, N), for each pair a, c; K is (G, q, q)."""

    def permuted(self, order: Index) -> Crossing:
        """The same with the columns in another order."""


@dataclass(frozen=True, slots=True)
class DenseCrossing:
    """Every block in full.

    Attributes:
        B: (G, q, N).
    """

    B: Matrix

    def gram(self, J: Matrix) -> Matrix:
        """See :class:`Crossing`."""
        N = self.B.shape[2]
        return self.B.reshape(-1, N).T @ (J @ self.B).reshape(-1, N)

    def within(self, H: Matrix) -> Matrix:
        """See :class:`Crossing`."""
        G, q, N = self.B.shape
        product = (self.B.reshape(-1, N) @ H).reshape(G, q, N)
        return product @ self.B.transpose(0, 2, 1)

    def times(self, X: Matrix) -> Matrix:
        """See :class:`Crossing`."""
        G, q, N = self.B.shape
        return (self.B.reshape(-1, N) @ X).reshape(G, q, -1)

    def back(self, Y: Matrix) -> Matrix:
        """See :class:`Crossing`."""
        N = self.B.shape[2]
        return self.B.reshape(-1, N).T @ Y.reshape(-1, Y.shape[2])

    def outer(self, K: Matrix) -> list[list[Matrix]]:
        """See :class:`Crossing`."""
        kappa = K.transpose(0, 2, 1) @ self.B
        q = kappa.shape[1]
        return [[kappa[:, a].T @ kappa[:, c] for c in range(q)] for a in range(q)]

    def permuted(self, order: Index) -> DenseCrossing:
        """See :class:`Crossing`."""
        return DenseCrossing(np.ascontiguousarray(self.B[:, :, order]))


@dataclass(frozen=True, slots=True)
class SparseCrossing:
    """Only the nonzeros.

    Attributes:
        parts: for each effect a of the first factor the rows a of all blocks, CSR (G, N); all
            parts have the same pattern.
        pairs: CSR (N N, G q (q + 1) / 2), from the lower triangles of the J to the lower triangle
            of their gram, or None where that is too much to keep.
    """

    parts: tuple[Any, ...]
    pairs: Any

    def gram(self, J: Matrix) -> Matrix:
        """See :class:`Crossing`."""
        q = len(self.parts)
        N = self.parts[0].shape[1]
        if self.pairs is None:
            total = np.zeros((N, N))
            for a in range(q):
                weighed = sum(_rows_scaled(self.parts[c], J[:, a, c]) for c in range(q))
                total += (self.parts[a].T @ weighed).toarray()
            return total
        rows, columns = np.tril_indices(q)
        weights = J[:, rows, columns] * np.where(rows == columns, 1.0, 2.0)
        lower: Matrix = (self.pairs @ weights.ravel()).reshape(N, N)
        full: Matrix = lower + lower.T
        full.flat[:: N + 1] *= 0.5
        return full

    def within(self, H: Matrix) -> Matrix:
        """See :class:`Crossing`."""
        q = len(self.parts)
        G = self.parts[0].shape[0]
        result = np.empty((G, q, q))
        if self.pairs is None:
            for c in range(q):
                product = self.parts[c] @ H
                for a in range(q):
                    result[:, a, c] = np.asarray(
                        self.parts[a].multiply(product).sum(axis=1)
                    ).ravel()
            return result
        doubled = 2.0 * H
        doubled.flat[:: len(H) + 1] *= 0.5
        rows, columns = np.tril_indices(q)
        sums = (self.pairs.T @ doubled.ravel()).reshape(G, len(rows))
        result[:, rows, columns] = sums
        result[:, columns, rows] = sums
        return result

    def times(self, X: Matrix) -> Matrix:
        """See :class:`Crossing`."""
        return np.stack([part @ X for part in self.parts], axis=1)

    def back(self, Y: Matrix) -> Matrix:
        """See :class:`Crossing`."""
        return np.asarray(sum(part.T @ Y[:, a] for a, part in enumerate(self.parts)))

    def outer(self, K: Matrix) -> list[list[Matrix]]:
        """See :class:`Crossing`."""
        q = len(self.parts)
        kappa = [
            sum(_rows_scaled(self.parts[b], K[:, b, a]) for b in range(q)).tocsr() for a in range(q)
        ]
        return [[(kappa[a].T @ kappa[c]).toarray() for c in range(q)] for a in range(q)]

    def permuted(self, order: Index) -> SparseCrossing:
        """See :class:`Crossing`."""
        return sparse_crossing(tuple(part[:, order].tocsr() for part in self.parts))


def _rows_scaled(part: Any, weights: Vector) -> Any:
    """A CSR matrix with its rows multiplied by weights (G,); the pattern is shared."""
    from scipy.sparse import csr_matrix

    scaled = part.data * np.repeat(weights, np.diff(part.indptr))
    return csr_matrix((scaled, part.indices, part.indptr), shape=part.shape)


def crossing(parts: tuple[Any, ...]) -> Crossing:
    """Hold the rows of the blocks, one CSR matrix (G, N) an effect, in the cheaper way."""
    G, N = parts[0].shape
    q = len(parts)
    entries = G * q * N
    dense = entries <= SMALL or (
        entries <= LARGE and entries * N <= DENSE * _pairs(parts[0]) * q * (q + 1) // 2
    )
    if dense:
        return DenseCrossing(np.stack([part.toarray() for part in parts], axis=1))
    return sparse_crossing(parts)


def _pairs(part: Any) -> int:
    """Pairs of nonzeros in the same row, each with itself included."""
    size = np.diff(part.indptr).astype(np.int64)
    return int((size * (size + 1) // 2).sum())


def sparse_crossing(parts: tuple[Any, ...]) -> SparseCrossing:
    """The blocks by their nonzeros, with the pairs of nonzeros of each group if they fit."""
    from scipy.sparse import csr_matrix

    first = parts[0]
    first.sort_indices()
    for part in parts[1:]:
        part.sort_indices()
    G, N = first.shape
    q = len(parts)
    size = np.diff(first.indptr)
    triangle = q * (q + 1) // 2
    count = _pairs(first)
    if count * triangle > PAIRS:
        return SparseCrossing(parts, None)
    # Nonzero k of a group pairs with itself and the nonzeros before it in the group.
    begin = np.repeat(first.indptr[:-1], size).astype(np.int32)
    partners = np.arange(first.nnz, dtype=np.int32) - begin + 1
    left = np.repeat(np.arange(first.nnz, dtype=np.int32), partners)
    right = np.arange(count, dtype=np.int32)
    right -= np.repeat((np.cumsum(partners, dtype=np.int64) - partners - begin), partners)
    values = np.empty((count, triangle))
    for k, (a, c) in enumerate(zip(*np.tril_indices(q), strict=True)):
        values[:, k] = parts[a].data[left]
        values[:, k] *= parts[c].data[right]
        if a != c:
            values[:, k] += parts[c].data[left] * parts[a].data[right]
            values[:, k] *= 0.5
    cell = first.indices.astype(np.int64 if N * N > 2**31 - 1 else np.int32)
    cells = cell[left]
    cells *= N
    cells += cell[right]
    del right
    columns = np.repeat(np.arange(G, dtype=np.int32), size)[left]
    del left
    if triangle > 1:
        cells = np.repeat(cells, triangle)
        columns = (columns[:, None] * triangle + np.arange(triangle, dtype=np.int32)).ravel()
    pairs = csr_matrix((values.ravel(), (cells, columns)), shape=(N * N, G * triangle))
    return SparseCrossing(parts, pairs)
