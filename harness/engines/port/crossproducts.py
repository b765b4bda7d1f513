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
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from harness.engines.port.exact_outcome import exact_outcome
from harness.engines.port.groups import collapse, group_sums, standardise_columns
from harness.engines.port.patterns import factored, in_basis, outer_sums, own_slopes, split
from harness.engines.port.structure import Structure, structure_of
from harness.models.design import Design

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

NO_RESIDUAL = 1e-12
"""A response whose part outside X is smaller than this share of it is fitted exactly."""


@dataclass(frozen=True)
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
        pooled: :attr:`B`, or None where each group is a pattern of its own.
        within: (P, P) part of ``W'W`` outside the groups' designs.
        c: (G, q, P) ``c_g`` of each group.
        pattern: (G,) pattern of each group.
        careful: whether the sums were refined.
        log_weights: sum of the logs of the prior weights, whose roots multiply every row.
    """

    n_obs: int
    p: int
    structure: Structure
    F: Matrix
    T: Matrix
    R: Matrix
    count: Vector
    pooled: Matrix | None
    within: Matrix
    c: Matrix
    pattern: npt.NDArray[np.intp]
    careful: bool = False
    log_weights: float = 0.0

    @property
    def q(self) -> int:
        """Random effects of one group."""
        return self.structure.q

    @cached_property
    def B(self) -> Matrix:  # noqa: N802
        """(m q q, P P) for pattern k and a, b the summed outer product of rows a, b of ``c_g``."""
        if self.pooled is not None:
            return self.pooled
        return outer_sums(self.c, self.pattern, self.count)


def cross_products(design: Design) -> CrossProducts:
    """Sum a design with one grouping factor.

    Raises:
        ModelError: a response that X reproduces exactly.
    """
    check_residual(design)
    F = design.factor.R
    p = len(design.names)
    Z, T = standardise_columns(design.working_random)
    structure = structure_of(tuple(len(term.names) for term in design.random))
    W = design.XY if design.factor.Q is None else design.factor.Q
    A, C = group_sums(Z, W, design.groupings[0])
    del Z  # as large as the data, and done with
    inverse = None
    if design.factor.Q is None:  # summed from [X y] itself: W = [X y] F^-1
        inverse, _ = lapack.dtrtri(F, lower=0)
    first, pattern = _patterns(A)
    count = np.bincount(pattern, minlength=len(first)).astype(np.float64)
    q, P = structure.q, p + 1
    if q > 1 and len(first) == len(A):
        R, c, pooled = *factored(A, in_basis(C, inverse), pattern), None
        wide = c.reshape(-1, P)
        own = wide.T @ wide.copy()  # a copy: numpy's symmetric product is the slower one
    else:
        R, c, pooled = split(A[first], C, pattern, count, inverse)
        own = pooled.reshape(-1, q * q, P * P)[:, :: q + 1].sum(axis=(0, 1)).reshape(P, P)
    within = np.eye(P) - own
    return CrossProducts(
        *(design.frame.n_obs, p, structure, F, T, R, count, pooled, within, c, pattern),
        log_weights=log_weights(design),
    )


def _patterns(A: Matrix) -> tuple[Index, Index]:
    """Classes of equal designs (see :func:`..groups.collapse`), or each group for itself.

    Where more than half of the groups would be a pattern, patterns save nothing.
    """
    first, pattern = collapse(A)
    if A.shape[1] > 1 and 2 * len(first) > len(A):
        everyone = np.arange(len(A))
        return everyone, everyone
    return first, pattern


def log_weights(design: Design) -> float:
    """Sum of the logs of the prior weights; 0 without."""
    return 0.0 if design.weights is None else float(np.log(design.weights).sum())


def check_residual(design: Design) -> None:
    """Refuse a response that X reproduces.

    Raises:
        ModelError: no residual is left.
    """
    F = design.factor.R
    p = len(design.names)
    if abs(F[p, p]) <= NO_RESIDUAL * np.sqrt(F[:, p] @ F[:, p]):
        raise exact_outcome(design)


def refined(data: CrossProducts, design: Design, Rho: Matrix) -> CrossProducts:
    """The same sums in the basis in which Omega is the identity, ``within`` from every row.

    Worth a second pass when the random effects explain nearly everything: least squares is then
    a poor basis, and the difference of ``W'W`` and ``sum c'c`` has lost the digits that matter.

    Args:
        data: sums whose Omega became small.
        design: where they came from.
        Rho: (P, P) factor of Omega at the theta of interest.
    """
    Z, _ = standardise_columns(design.working_random)
    F = Rho @ data.F
    if design.factor.Q is None or data.careful:
        rows = np.linalg.solve(F.T, design.XY.T)
    else:
        rows = np.linalg.solve(Rho.T, design.factor.Q.T)
    W: Matrix = np.ascontiguousarray(rows, dtype=np.float64).T
    A, C = group_sums(Z, W, design.groupings[0])
    first, pattern = _patterns(A)
    R, c = factored(A[first], C, pattern)
    count = np.bincount(pattern, minlength=len(first)).astype(np.float64)
    b = own_slopes(R, c, pattern)
    codes = design.groupings[0].codes
    for a in range(data.q):
        W -= Z[a][:, None] * b[codes, a]
    return replace(
        data,
        F=F,
        R=R,
        count=count,
        pooled=None if data.q > 1 and len(R) == len(c) else outer_sums(c, pattern, count),
        within=W.T @ W,
        c=c,
        pattern=pattern,
        careful=True,
    )
