"""The data of a repeated-measures model: patients with the same visits form a pattern.

``[X y] = W F`` with orthonormal columns of W, the last one (the least-squares residual) scaled to
mean square one. Patient i of pattern k has the rows ``w_i`` (T_k, P) of W, one a visit, and the
covariance ``Sigma_k``, the pattern's rows and columns of the covariance of all visits. All the
likelihood needs is ``sum_i w_i' Sigma_k^-1 w_i`` for every Sigma, hence the sums over the
pattern's patients of ``w_i[a]' w_i[b]`` for each two visits a, b.

Those sums are kept as their square root: the rows of a triangular factor of the (patients, T_k P)
matrix of the ``w_i``, each a *representative* (T_k, P). There are at most as many as that matrix
has rank, which in a trial is the number of arms and covariates plus the visits, however many
patients there are. Whitening representatives loses no digits to cancellation, as summing
``Sigma^-1[a, b]`` times the sums would when visits are highly correlated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import lapack

from harness.errors import ModelError
from harness.models.design import Design
from harness.models.variables import level_text

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

ROUNDING = 1e-12
"""Representatives smaller than this share of the largest are dropped: sums change by its square."""

NOTHING = 1e-13
"""A column of W whose part at one visit is a smaller share of it is zero there."""


@dataclass(frozen=True, slots=True)
class Occasions:
    """Who was seen when, on the rows used.

    Attributes:
        subject: the subjects' column.
        visit: the visits' column.
        subjects: texts or numbers of the G subjects present.
        visits: text of each of the V visits present, in order.
        subject_codes: (n,).
        visit_codes: (n,).
    """

    subject: str
    visit: str
    subjects: pd.Index
    visits: tuple[str, ...]
    subject_codes: npt.NDArray[Any]
    visit_codes: npt.NDArray[Any]

    def place(self) -> Index:
        """(G, V) row of each subject at each visit, -1 where there is none.

        Raises:
            ModelError: a subject has two rows at one visit.
        """
        G, V = len(self.subjects), len(self.visits)
        cell = self.subject_codes.astype(np.int64) * V + self.visit_codes
        rows = np.full(G * V, -1, dtype=np.intp)
        rows[cell] = np.arange(len(cell))
        if (rows >= 0).sum() < len(cell):
            size = np.bincount(cell, minlength=G * V)
            double = np.flatnonzero(size > 1)
            shown = ", ".join(
                f"`{level_text(self.subjects[c // V])}` at `{self.visits[c % V]}` ({size[c]} rows)"
                for c in double[:3]
            )
            more = f" and {len(double) - 3} more" if len(double) > 3 else ""
            raise ModelError(
                f"more than one row of a `{self.subject}` at a `{self.visit}`: {shown}{more}; "
                "keep one row a visit, or use lmer"
            )
        return rows.reshape(G, V)


@dataclass(frozen=True, slots=True)
class RepeatedData:
    """The summed data; P = p + 1, m patterns, R representatives.

    Attributes:
        n_obs: rows.
        p: columns of X.
        F: (P, P) upper triangular, ``[X y] = W F``.
        mask: (m, V) which visits a pattern has.
        order: (m, V) the visits a pattern has, in order, then the others.
        count: (m,) its patients.
        pattern: (G,) pattern of each subject.
        C: (R, V, P) representatives by pattern: the T_k visits it has, in order, then zeros.
        owner: (R,) pattern of each.
        starts: (m,) first representative of each pattern.
    """

    n_obs: int
    p: int
    F: Matrix
    mask: npt.NDArray[np.bool_]
    order: Index
    count: Vector
    pattern: Index
    C: Matrix
    owner: Index
    starts: Index

    @property
    def pairs(self) -> Matrix:
        """(V, V) number of subjects seen at both visits."""
        present = self.mask.astype(np.float64)
        return np.asarray((present * self.count[:, None]).T @ present)

    @property
    def moments(self) -> Matrix:
        """(V, V) mean products of least-squares residuals, NaN for pairs nobody has."""
        e = np.empty(self.C.shape[:2])
        np.put_along_axis(e, self.order[self.owner], self.C[:, :, self.p], axis=1)
        pairs = self.pairs
        return np.divide(e.T @ e, pairs, out=np.full_like(pairs, np.nan), where=pairs > 0.0)


def repeated_data(design: Design, place: Index) -> RepeatedData:
    """Sum a design over the patients of each pattern.

    Args:
        design: of the fixed effects.
        place: (G, V) row of each subject at each visit, -1 where there is none.
    """
    W, F = _basis(design)
    n, P = W.shape
    V = place.shape[1]
    mask, pattern = _patterns(place >= 0)
    members = np.argsort(pattern, kind="stable")
    count = np.bincount(pattern, minlength=len(mask))
    blocks, sizes = [], []
    start = 0
    for present, patients in zip(mask, count.tolist(), strict=True):
        rows = place[members[start : start + patients]][:, present]
        start += patients
        few = _representatives(W[rows])
        block = np.zeros((len(few), V, P))
        block[:, : present.sum()] = few.reshape(len(few), -1, P)
        blocks.append(block)
        sizes.append(len(few))
    return RepeatedData(
        n_obs=n,
        p=P - 1,
        F=F,
        mask=mask,
        order=np.argsort(~mask, axis=1, kind="stable"),
        count=count.astype(np.float64),
        pattern=pattern,
        C=np.concatenate(blocks),
        owner=np.repeat(np.arange(len(mask)), sizes),
        starts=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp),
    )


def _basis(design: Design) -> tuple[Matrix, Matrix]:
    """``W`` (n, P), rows contiguous, and ``F`` with ``[X y] = W F``; its last column unit size."""
    F = design.factor.R.copy()
    if design.factor.Q is not None:
        W = np.array(design.factor.Q, order="C")
    else:
        W = np.ascontiguousarray(np.linalg.solve(F.T, design.XY.T).T)
    size = np.sqrt(len(W))
    W[:, -1] *= size
    F[-1, -1] /= size
    return W, F


def _patterns(present: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.bool_], Index]:
    """Distinct rows (m, V) of who has which visits (G, V), and each subject's (G,)."""
    packed = np.packbits(present, axis=1)
    keys = np.ascontiguousarray(packed).view([("", packed.dtype)] * packed.shape[1]).ravel()
    _, first, pattern = np.unique(keys, return_index=True, return_inverse=True)
    return present[first], pattern.ravel()


def _representatives(rows: Matrix) -> Matrix:
    """Fewest rows (r, T P) with the same cross products as those of many patients (G, T, P).

    A QR factorisation with column pivoting of the columns at equal length; what is left when the
    pivots have reached rounding is dropped. Golub & Van Loan, *Matrix Computations*, section 5.4.
    """
    G, T, P = rows.shape
    k = T * P
    size = np.sqrt((rows * rows).sum(axis=0))
    # A column that is zero at a visit but for rounding must not be blown up to unit length.
    nothing = (size <= NOTHING * np.sqrt((size * size).sum(axis=0))).ravel()
    flat = rows.reshape(G, k)
    if G == 1:
        return flat
    if 2 * k < G:  # most of the work by blocked reflections, without pivoting
        flat = np.triu(lapack.dgeqrf(flat)[0][:k])
    scale = np.where(nothing, 0.0, 1.0 / np.where(nothing, 1.0, size.ravel()))
    reflected, order, _, _, _ = lapack.dgeqp3(flat * scale)
    factor = np.triu(reflected[: min(len(flat), k)])
    pivots = np.abs(factor.diagonal())
    rank = max(int((pivots > ROUNDING * pivots[0]).sum()), 1)
    few = np.zeros((rank, k))
    few[:, order - 1] = factor[:rank]
    return np.asarray(few * size.ravel())
