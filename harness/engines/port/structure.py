"""How theta fills the relative covariance factor Lambda of one group."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Structure:
    """The pattern of Lambda: one lower triangle a term, theta by columns as in lme4.

    Attributes:
        blocks: number of random effects of each term; q is their sum.
        rows: (t,) row of each theta in Lambda (q, q).
        columns: (t,) column of each theta.
        basis: (t, q, q) derivative of Lambda with respect to each theta.
        same_column: (t, t) 2 where two thetas share their column, else 0.
        q: random effects of one group.
        diagonal: (t,) which thetas stand on Lambda's diagonal.
        places: (t,) place of each theta in the flat Lambda.
        row_pairs: (t, t) place, in a flat (q, q) matrix, of the rows of two thetas.
        chain: (t, t) place in the flat Lambda of the derivative of S in theta i at the place of
            theta j, half of it on the diagonal; where there is none, a place that is zero.
        products: (4, t, t) places in a flat (q, q, q, q) tensor; see
            :func:`harness.engines.port.criterion.evaluate`.
    """

    blocks: tuple[int, ...]
    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]
    basis: Matrix
    same_column: Matrix
    q: int
    diagonal: npt.NDArray[np.bool_]
    places: npt.NDArray[np.intp]
    row_pairs: npt.NDArray[np.intp]
    chain: npt.NDArray[np.intp]
    products: npt.NDArray[np.intp]

    @property
    def t(self) -> int:
        """Number of covariance parameters."""
        return len(self.rows)

    def spans(self) -> tuple[slice, ...]:
        """The rows of each block."""
        ends = np.cumsum(self.blocks)
        return tuple(slice(int(e) - b, int(e)) for e, b in zip(ends, self.blocks, strict=True))

    def Lambda(self, theta: Vector) -> Matrix:  # noqa: N802
        """The factor (q, q) of a theta (t,)."""
        factor = np.zeros((self.q, self.q))
        factor.put(self.places, theta)
        return factor

    def theta(self, Lambda: Matrix) -> Vector:
        """The theta (t,) of a factor (q, q)."""
        return Lambda.take(self.places)


_KNOWN: dict[tuple[int, ...], Structure] = {}


def structure_of(blocks: tuple[int, ...]) -> Structure:
    """The structure of terms with these numbers of random effects; made once."""
    known = _KNOWN.get(blocks)
    if known is not None:
        return known
    places = []
    offset = 0
    for size in blocks:
        places += [(offset + i, offset + j) for j in range(size) for i in range(j, size)]
        offset += size
    rows = np.array([i for i, _ in places], dtype=np.intp)
    columns = np.array([j for _, j in places], dtype=np.intp)
    basis = np.zeros((len(places), offset, offset))
    basis[np.arange(len(places)), rows, columns] = 1.0
    same = 2.0 * (columns[:, None] == columns[None, :])
    q = offset
    # Of dS = E Lambda' + Lambda E', row r of theta (r, c) and column x hold Lambda[x, c].
    r, c = rows[:, None], columns[:, None]
    other = np.where(rows == r, columns, np.where(columns == r, rows, -1))
    chain = np.where(other >= 0, other * q + c, q - 1)  # Lambda[0, q - 1] is zero for q > 1
    a, b = rows[:, None], columns[:, None]
    products = np.stack(
        [
            ((x * q + y) * q + z) * q + w
            for x, y, z, w in (
                (columns, a, b, rows),
                (rows, a, b, columns),
                (columns, b, a, rows),
                (rows, b, a, columns),
            )
        ]
    )
    made = _KNOWN[blocks] = Structure(
        *(blocks, rows, columns, basis, same, q, rows == columns),
        *(rows * q + columns, r * q + rows, chain, products),
    )
    return made


def canonical(structure: Structure, factor: Matrix) -> Matrix:
    """The lower factor with non-negative diagonal of the covariance ``factor factor'``.

    A column whose diagonal vanishes is zero throughout, so that a singular covariance has one
    spelling. ``factor`` (q, q) is block diagonal, each block any square root of its covariance.
    """
    Lambda = np.zeros_like(factor)
    for span in structure.spans():
        block = factor[span, span]
        size = block.shape[0]
        if size == 1:
            Lambda[span, span] = abs(block)
        elif size == 2:
            Lambda[span, span] = _lower_of_two(block)
        else:
            Lambda[span, span] = _lower(block)
    return Lambda


def _lower_of_two(block: Matrix) -> Matrix:
    """:func:`_lower` of a 2 x 2 block, in closed form."""
    (a, b), (c, d) = block.tolist()
    first, second = math.hypot(a, b), math.hypot(c, d)
    if first == 0.0:
        return np.array([[0.0, 0.0], [0.0, second]])
    last = abs(a * d - b * c) / first
    return np.array([[first, 0.0], [(a * c + b * d) / first, last * (last > 1e-14 * second)]])


def _lower(block: Matrix) -> Matrix:
    """Lower factor of one block by rotating its rows, semidefinite blocks included."""
    size = block.shape[0]
    rest = block.copy()
    lower = np.zeros((size, size))
    norms = np.sqrt((block * block).sum(axis=1))
    for j in range(size):
        length = float(np.sqrt(rest[j] @ rest[j]))
        if length <= 1e-14 * norms[j] or length == 0.0:
            continue
        unit = rest[j] / length
        lower[j:, j] = rest[j:] @ unit
        rest[j:] -= np.outer(lower[j:, j], unit)
    return lower
