"""The orthogonal factor of ``[X y]``: rank decision and conditioning in one step.

Everything the likelihood needs is computed in the basis ``Q`` of ``[X y] = Q R``, where a
predictor far from zero or a response of 1e9 costs no digits. Few rows are factored by
Householder reflections. Many rows are first summed into their cross-product matrix, one pass
at the speed of a matrix product, and its Cholesky factor serves when the scaled columns are
well conditioned; if not, Householder it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

Matrix = npt.NDArray[np.float64]

RANK_TOLERANCE = 1e-7
"""A column whose part outside its predecessors is smaller than this share of it is dependent.

It is the tolerance of R's ``lm`` and ``lmer``.
"""

SMALL = 50_000
"""Entries of ``[X y]`` up to which Householder reflections are the faster choice, too."""

ROWS = 16_384
"""Rows multiplied at a time."""

WELL_CONDITIONED = 100.0
"""Condition of the scaled columns up to which cross products lose at most four digits."""


@dataclass(frozen=True, slots=True)
class OrthogonalFactor:
    """``[X y] = Q R``.

    Attributes:
        R: (P, P) upper triangular, P = p + 1; its last column describes the response.
        Q: (n, P) with orthonormal columns, or None when R came from the cross products.
    """

    R: Matrix
    Q: Matrix | None


def orthogonal_factor(XY: Matrix) -> OrthogonalFactor:
    """Factor ``[X y]`` (n, P), F-ordered.

    Source: Golub & Van Loan, *Matrix Computations*, sections 5.2 and 5.3.
    """
    if XY.size > SMALL:
        R = _from_cross_products(XY)
        if R is not None:
            return OrthogonalFactor(R, None)
    P = XY.shape[1]
    reflected, tau, _, failed = lapack.dgeqrf(XY)
    R = reflected[:P].copy()
    R.put(_below(P), 0.0)
    Q, _, failed_too = lapack.dorgqr(reflected, tau)
    if failed or failed_too:
        raise ArithmeticError("LAPACK refused a QR factorisation")
    return OrthogonalFactor(R, Q)


@lru_cache(maxsize=64)
def _below(P: int) -> npt.NDArray[np.intp]:
    """Places below the diagonal of a flat (P, P) matrix."""
    i, j = np.tril_indices(P, -1)
    return np.asarray(i * P + j, dtype=np.intp)


def _from_cross_products(XY: Matrix) -> Matrix | None:
    """Cholesky factor of ``[X y]'[X y]``, or None unless the scaled columns condition it well."""
    gram = _gram(XY)
    scale = np.sqrt(np.diag(gram))
    if not scale.all():
        return None
    try:
        L = np.linalg.cholesky(gram / np.outer(scale, scale))
    except np.linalg.LinAlgError:
        return None
    condition = np.linalg.norm(L) * np.linalg.norm(np.linalg.inv(L))
    return L.T * scale if condition <= WELL_CONDITIONED else None


def _gram(XY: Matrix) -> Matrix:
    """``[X y]'[X y]``, some thousand rows at a time.

    The second factor is a copy because numpy takes a slower routine for the product of a narrow
    matrix with itself; the copy stays in the processor's cache.
    """
    total = np.zeros((XY.shape[1], XY.shape[1]))
    for start in range(0, len(XY), ROWS):
        block = XY[start : start + ROWS]
        total += block.T @ block.copy(order="F")
    return total


def dependent_columns(R: Matrix) -> list[int]:
    """Positions of columns that depend on those before them, by R's tolerance.

    Args:
        R: (p, p) triangular factor of X; dependence among its columns is that among X's.

    Returns:
        Dependent columns in order; each is judged against the independent columns before it.
    """
    norms = np.sqrt((R * R).sum(axis=0))
    size = np.abs(R.diagonal())
    if (size > RANK_TOLERANCE * norms).all():
        return []
    basis: list[npt.NDArray[np.float64]] = []
    dependent: list[int] = []
    for j in range(R.shape[1]):
        rest = R[:, j].copy()
        for _ in range(2):  # a second pass removes what rounding left of the first
            for unit in basis:
                rest -= (unit @ rest) * unit
        length = float(np.sqrt(rest @ rest))
        if norms[j] == 0.0 or length <= RANK_TOLERANCE * norms[j]:
            dependent.append(j)
        else:
            basis.append(rest / length)
    return dependent
