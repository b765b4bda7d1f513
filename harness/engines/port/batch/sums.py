"""The sums of many responses on one design with one grouping factor.

X and Z are shared, so of the cross products of :mod:`harness.engines.port.crossproducts` only
those with the response differ between replicates: with ``W_r = [Q e_r]``, Q the orthonormal basis
of X and ``e_r`` the unit residual of response r,

    Omega_r = [ Q'V^-1 Q   Q'V^-1 e_r ]
              [   .        e_r'V^-1 e_r ]

needs for each pattern the outer products of Q's rows (shared), and P = p + 1 numbers for each
replicate and pair of random effects.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.engines.port.criterion import Problem
from harness.engines.port.crossproducts import NO_RESIDUAL
from harness.engines.port.groups import standardise_columns
from harness.engines.port.structure import Structure
from harness.models.design import Design

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Shared:
    """What every replicate has in common.

    Attributes:
        at: criterion of the model's own response, whose X, Z and patterns are used.
        Q: (n, p) orthonormal basis of X, ``X = Q F_X``.
        XX: (m q q, p p) the part of the cross products ``B`` that belongs to X.
        order: rows sorted by group, or None where they are.
        starts: (G,) first row of each group in that order.
        columns: q columns of ``Z~`` in that order.
        by_pattern: groups sorted by pattern, or None where they are.
        pattern_starts: (m,) first group of each pattern in that order.
    """

    at: Problem
    Q: Matrix
    XX: Matrix
    order: Index | None
    starts: Index
    columns: tuple[Vector, ...]
    by_pattern: Index | None
    pattern_starts: Index

    @property
    def structure(self) -> Structure:
        """Pattern of Lambda."""
        return self.at.data.structure


@dataclass(frozen=True, slots=True)
class Replicates:
    """The sums of R responses.

    Attributes:
        shared: what they have in common.
        index: (R,) their positions among all responses.
        with_y: (R, m q q, P) summed products of the rows of ``c_g`` that belong to X and to the
            response with that of the response, symmetric in the pair of effects.
        within: (R, P) last row of the part of ``W'W`` outside the groups' designs.
        gamma: (R, p) ``Q'y``.
        scale: (R,) length of the residual of y on X.
    """

    shared: Shared
    index: Index
    with_y: Matrix
    within: Matrix
    gamma: Matrix
    scale: Vector

    def take(self, chosen: Index | npt.NDArray[np.bool_]) -> Replicates:
        """Some of the replicates."""
        return replace(
            self,
            index=self.index[chosen],
            with_y=self.with_y[chosen],
            within=self.within[chosen],
            gamma=self.gamma[chosen],
            scale=self.scale[chosen],
        )


def shared_sums(design: Design, at: Problem) -> Shared:
    """What all responses of a design share.

    Args:
        design: the design.
        at: its criterion, in the orthonormal basis of least squares (not ``careful``).
    """
    data = at.data
    if design.factor.Q is not None:
        Q = np.ascontiguousarray(design.factor.Q[:, : data.p])
    else:
        F = data.F[: data.p, : data.p]
        Q = np.ascontiguousarray(np.linalg.solve(F.T, design.XY[:, :-1].T).T)
    grouping = design.groupings[0]
    codes = grouping.codes
    starts = np.zeros(len(grouping.sizes), dtype=np.intp)
    np.cumsum(grouping.sizes[:-1], out=starts[1:])
    order = None if (codes[1:] >= codes[:-1]).all() else np.argsort(codes, kind="stable")
    Z, _ = standardise_columns(design.working_random)
    by_pattern = None
    if (data.pattern[1:] < data.pattern[:-1]).any():
        by_pattern = np.argsort(data.pattern, kind="stable")
    pattern_starts = np.zeros(len(data.count), dtype=np.intp)
    pattern_starts[1:] = np.cumsum(data.count[:-1])
    P, size = data.p + 1, len(data.B)
    XX = data.B.reshape(size, P, P)[:, : data.p, : data.p].reshape(size, data.p**2)
    columns = tuple(Z if order is None else [z[order] for z in Z])
    return Shared(at, Q, XX, order, starts, columns, by_pattern, pattern_starts)


def replicate_sums(shared: Shared, Y: Matrix) -> tuple[Replicates, Index]:
    """Sum responses Y (n, R), working ones where there are weights or an offset.

    Returns:
        The sums of those that X does not reproduce, and the positions of those it does.
    """
    data = shared.at.data
    Q = shared.Q
    Y = np.ascontiguousarray(Y)
    gamma = Q.T @ Y
    E = Y - Q @ gamma
    again = Q.T @ E  # what rounding left, for responses far from zero
    E -= Q @ again
    gamma += again
    scale = np.sqrt(np.einsum("nr,nr->r", E, E))
    size = np.sqrt((gamma * gamma).sum(axis=0) + scale * scale)
    exact = ~(scale > NO_RESIDUAL * size)
    failed = np.flatnonzero(exact)
    if len(failed):
        E, gamma, scale = E[:, ~exact], gamma[:, ~exact], scale[~exact]
    E /= scale
    c = _group_parts(shared, E)
    own = data.c[:, :, : data.p]
    last = np.empty((data.p + 1, E.shape[1]))
    last[:-1] = Q.T @ E - np.einsum("gaj,gar->jr", own, c, optimize=True)
    last[-1] = 1.0 - np.einsum("gar,gar->r", c, c)
    made = Replicates(
        shared=shared,
        index=np.flatnonzero(~exact),
        with_y=_pattern_products(shared, own, c),
        within=np.ascontiguousarray(last.T),
        gamma=np.ascontiguousarray(gamma.T),
        scale=scale,
    )
    return made, failed


def _group_parts(shared: Shared, E: Matrix) -> Matrix:
    """``c_g`` (G, q, R) of the responses' unit residuals E (n, R): ``R_g^-T Z~_g'e``."""
    data = shared.at.data
    if shared.order is not None:
        E = E[shared.order]
    c = np.empty((len(shared.starts), data.q, E.shape[1]))
    for j, column in enumerate(shared.columns):
        product = E if (column == 1.0).all() else column[:, None] * E
        rest = np.add.reduceat(product, shared.starts, axis=0)
        for i in range(j):
            rest -= data.R[data.pattern, i, j][:, None] * c[:, i]
        pivot = data.R[:, j, j]
        inverse = np.divide(1.0, pivot, out=np.zeros_like(pivot), where=pivot > 0.0)
        c[:, j] = rest * inverse[data.pattern][:, None]
    return c


def _pattern_products(shared: Shared, own: Matrix, c: Matrix) -> Matrix:
    """(R, m q q, P): sums over each pattern's groups, made symmetric in the pair of effects.

    Args:
        shared: patterns.
        own: (G, q, p) rows of ``c_g`` of X.
        c: (G, q, R) rows of the responses.
    """
    G, q, p = own.shape
    R = c.shape[2]
    m = len(shared.pattern_starts)
    sums = np.empty((R, m, q, q, p + 1))
    if shared.by_pattern is not None:
        own, c = own[shared.by_pattern], c[shared.by_pattern]
    if 4 * m <= G:
        ends = np.append(shared.pattern_starts[1:], G)
        for k, (start, end) in enumerate(zip(shared.pattern_starts, ends, strict=True)):
            size = end - start
            mine, yours = own[start:end].reshape(size, q * p), c[start:end].reshape(size, q * R)
            sums[:, k, :, :, :p] = (mine.T @ yours).reshape(q, p, q, R).transpose(3, 0, 2, 1)
            sums[:, k, :, :, p] = np.einsum("gar,gbr->rab", c[start:end], c[start:end])
    else:
        for a in range(q):
            for b in range(q):
                for j in range(p + 1):
                    mine = own[:, a, j, None] if j < p else c[:, a]
                    product = mine * c[:, b]
                    if m < G:
                        product = np.add.reduceat(product, shared.pattern_starts, axis=0)
                    sums[:, :, a, b, j] = product.T
    if q > 1:
        sums = 0.5 * (sums + sums.transpose(0, 1, 3, 2, 4))
    return sums.reshape(R, m * q * q, p + 1)
