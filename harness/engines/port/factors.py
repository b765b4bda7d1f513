"""The data of a model with several grouping factors, summed in one pass.

The factor with most random effects comes first: its block of the system stays block diagonal and
is eliminated group by group, exactly as the only factor of a simple model
(:mod:`harness.engines.port.crossproducts`). What is left couples all columns ``Z_2`` of the other
factors and is one dense block (Bates, Maechler, Bolker & Walker 2015, J. Stat. Softw. 67(1)).
With ``B_g = R_g^-T Z_g'Z_2`` and ``c_g = R_g^-T Z_g'W`` for group g of the first factor,

    Z_2'V_1^-1 Z_2 = (Z_2'Z_2 - sum B_g'B_g) + sum B_g'J_g B_g,      J_g = (I + R_g S_1 R_g')^-1,

and alike for ``Z_2'V_1^-1 W`` and ``W'V_1^-1 W``: sums of a part within the groups, which does not
depend on theta, and a part that vanishes as ``S_1`` grows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.engines.port.crossing import Crossing, crossing
from harness.engines.port.crossproducts import check_residual, log_weights
from harness.engines.port.groups import collapse, group_sums, standardise_columns
from harness.engines.port.patterns import factored
from harness.engines.port.structure import Structure, structure_of
from harness.errors import ModelError
from harness.models.design import Design

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

MOST_COLUMNS = 15_000
"""Random effects outside the largest factor that the dense block takes (1.8 GB a matrix)."""


@dataclass(frozen=True, slots=True)
class Factor:
    """One grouping factor.

    Attributes:
        label: lme4's name.
        members: (q_f,) positions of its random effects among all.
        codes: (n,) group of each row.
        groups: number of groups.
        place: its columns among those of ``Z_2``, group by group; empty for the first factor.
    """

    label: str
    members: Index
    codes: npt.NDArray[Any]
    groups: int
    place: slice

    @property
    def square(self) -> tuple[Index, Index]:
        """Index of its own block in a (q, q) matrix over all random effects."""
        return self.members[:, None], self.members


@dataclass(frozen=True, slots=True)
class FactorSums:
    """The summed data.

    Attributes:
        n_obs: rows.
        p: columns of X; P = p + 1 below.
        structure: pattern of Lambda over the terms of all factors; q effects.
        F: (P, P) upper triangular, ``[X y] = W F``.
        T: (q, q) upper triangular by blocks, ``Z = Z~ T``.
        factors: the first factor, then the others.
        R: (m, q_1, q_1) factor of ``Z_g'Z_g`` for each pattern of the first factor's groups.
        pattern: (G,) pattern of each group.
        c: (G, q_1, P).
        B: the blocks ``B_g``.
        within: (P, P) part of ``W'W`` outside the groups of the first factor.
        within_zz: (N, N) that part of ``Z_2'Z_2``.
        within_zw: (N, P) that part of ``Z_2'W``.
        Z: q vectors (n,).
        W: (n, P).
        careful: whether residual sums are made row by row.
        log_weights: sum of the logs of the prior weights, whose roots multiply every row.
    """

    n_obs: int
    p: int
    structure: Structure
    F: Matrix
    T: Matrix
    factors: tuple[Factor, ...]
    R: Matrix
    pattern: Index
    c: Matrix
    B: Crossing
    within: Matrix
    within_zz: Matrix
    within_zw: Matrix
    Z: tuple[Vector, ...]
    W: Matrix
    careful: bool = False
    log_weights: float = 0.0

    def permuted(self, order: Index) -> FactorSums:
        """The same data with the random effects (q,) in another order within their terms."""
        columns = np.arange(len(self.within_zz))
        first, *others = self.factors
        for factor in others:
            local = _local(factor, order)
            inside = columns[factor.place].reshape(factor.groups, -1)
            columns[factor.place] = inside[:, local].ravel()
        return replace(
            self,
            R=np.ascontiguousarray(self.R[:, :, _local(first, order)]),
            B=self.B.permuted(columns),
            within_zz=np.ascontiguousarray(self.within_zz[columns][:, columns]),
            within_zw=self.within_zw[columns],
            Z=tuple(self.Z[k] for k in order),
        )


def _local(factor: Factor, order: Index) -> Index:
    """The part of an order of all random effects that concerns one factor."""
    return np.searchsorted(factor.members, order[factor.members])


def factor_sums(design: Design, Rho: Matrix | None = None, F: Matrix | None = None) -> FactorSums:
    """Sum a design with several grouping factors.

    Args:
        design: the design.
        Rho: (P, P) factor of Omega at the theta of interest: the sums are then made in the basis
            in which it is the identity, and residual sums row by row.
        F: the basis ``Rho`` refers to; the design's own if absent.

    Raises:
        ModelError: a response that X reproduces exactly, or too many columns for a dense block.
    """
    check_residual(design)
    Z, T = standardise_columns(design.working_random)
    structure = structure_of(tuple(len(term.names) for term in design.random))
    W, F = _basis(design, Rho, F)
    factors = _factors(design)
    first, *others = factors
    N = sum(f.groups * len(f.members) for f in others)
    if N > MOST_COLUMNS:
        raise ModelError(
            f"{N:,} random effects besides those of `{first.label}` ({MOST_COLUMNS:,} at most in "
            "the port); simplify the random terms, or use the engine lme4"
        )
    groupings = {grouping.label: grouping for grouping in design.groupings}
    zz = np.zeros((N, N))
    zw = np.empty((N, W.shape[1]))
    for k, f in enumerate(others):
        own, with_w = group_sums([Z[j] for j in f.members], W, groupings[f.label])
        zw[f.place] = with_w.reshape(-1, W.shape[1])
        view = zz[f.place, f.place].reshape(f.groups, len(f.members), f.groups, len(f.members))
        view[np.arange(f.groups), :, np.arange(f.groups), :] = own
        for other in others[:k]:
            block = _between(f, other, Z)
            zz[f.place, other.place] = block
            zz[other.place, f.place] = block.T
    A, C = group_sums([Z[j] for j in first.members], W, groupings[first.label])
    representative, pattern = collapse(A)
    R, c = factored(A[representative], C, pattern)
    B = crossing(_blocks(first, others, Z, R, pattern, N))
    identity = np.broadcast_to(np.eye(len(first.members)), A.shape)
    wide = c.reshape(-1, W.shape[1])
    return FactorSums(
        n_obs=design.frame.n_obs,
        p=len(design.names),
        structure=structure,
        F=F,
        T=T,
        factors=factors,
        R=R,
        pattern=pattern,
        c=c,
        B=B,
        within=W.T @ W - wide.T @ wide,
        within_zz=zz - B.gram(identity),
        within_zw=zw - B.back(c),
        Z=tuple(Z),
        W=W,
        careful=Rho is not None,
        log_weights=log_weights(design),
    )


def _basis(design: Design, Rho: Matrix | None, F: Matrix | None) -> tuple[Matrix, Matrix]:
    """``W`` (n, P) and ``F`` with ``[X y] = W F``."""
    if Rho is not None:
        F = Rho @ (design.factor.R if F is None else F)
    elif design.factor.Q is not None:
        return design.factor.Q, design.factor.R
    else:
        F = design.factor.R
    rows = np.linalg.solve(F.T, design.XY.T)
    W: Matrix = np.ascontiguousarray(rows).T
    return W, F


def _factors(design: Design) -> tuple[Factor, ...]:
    """The grouping factors, that with most random effects first."""
    owners = [term.group for term in design.random for _ in term.names]
    sized = []
    for grouping in design.groupings:
        members = np.array([k for k, o in enumerate(owners) if o == grouping.label], dtype=np.intp)
        sized.append((len(members) * len(grouping.sizes), members, grouping))
    sized.sort(key=lambda entry: -entry[0])
    made = []
    start = 0
    for number, (size, members, grouping) in enumerate(sized):
        place = slice(start, start + size) if number else slice(0, 0)
        start = place.stop
        made.append(Factor(grouping.label, members, grouping.codes, len(grouping.sizes), place))
    return tuple(made)


def _between(f: Factor, g: Factor, Z: list[Vector]) -> Matrix:
    """``Z_f'Z_g`` (G_f q_f, G_g q_g)."""
    cells = f.codes.astype(np.int64) * g.groups + g.codes
    block = np.empty((f.groups, len(f.members), g.groups, len(g.members)))
    for a, i in enumerate(f.members):
        for b, j in enumerate(g.members):
            sums = np.bincount(cells, weights=Z[i] * Z[j], minlength=f.groups * g.groups)
            block[:, a, :, b] = sums.reshape(f.groups, g.groups)
    return block.reshape(f.groups * len(f.members), -1)


def _blocks(
    first: Factor, others: list[Factor], Z: list[Vector], R: Matrix, pattern: Index, N: int
) -> tuple[Any, ...]:
    """The rows of ``B_g`` for each effect of the first factor, CSR (G, N) of one pattern."""
    from scipy.sparse import csr_matrix

    columns, factors = [], []
    for f in others:
        width = len(f.members)
        for b, j in enumerate(f.members):
            columns.append(f.codes.astype(np.int32) * np.int32(width) + np.int32(f.place.start + b))
            factors.append(Z[j])
    place = np.concatenate(columns)
    rows = np.tile(first.codes.astype(np.int32), len(columns))
    parts = []
    for i in first.members:
        values = np.concatenate([Z[i] * column for column in factors])
        part = csr_matrix((values, (rows, place)), shape=(first.groups, N))
        part.sum_duplicates()
        parts.append(part)
    group = np.repeat(pattern, np.diff(parts[0].indptr))
    for j, part in enumerate(parts):
        for i in range(j):
            part.data -= R[group, i, j] * parts[i].data
        pivot = R[group, j, j]
        part.data = np.divide(part.data, pivot, out=np.zeros_like(pivot), where=pivot > 0.0)
    return tuple(parts)
