"""The marginal likelihood written out: covariance matrices of the data, nothing profiled away.

``y ~ N(X beta, V)``, ``V = sigma^2 (diag(1 / w) + Z S Z')``, ``S = Lambda Lambda'`` in blocks. Rows
that share no group are independent, so V falls into blocks that are formed and factored as they
stand. Nothing is shared with the port: no cross-products, no theta's derivatives, no patterns. With
``digits`` the same operations run on numbers of that many decimal digits.

Harville (1977), *J. Am. Stat. Assoc.* 72(358), for the restricted likelihood.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from harness.models.design import Design

Array = npt.NDArray[Any]
"""Doubles, or objects: numbers of ``mpmath``."""


@dataclass(frozen=True, slots=True)
class Marginal:
    """The model at given variance components.

    Attributes:
        criterion: REML criterion, or minus twice the log-likelihood, at these components and this
            sigma; coefficients are the generalised least squares ones.
        profiled: the same with sigma at its best for these components, which is what programs
            report for a theta.
        beta: (p,) generalised least squares coefficients.
        std_error: (p,) roots of the diagonal of ``(X'V^-1 X)^-1``, with the given sigma.
        sigma: the best sigma for these components.
        digits: decimal digits of the arithmetic; 0 for doubles.
    """

    criterion: float
    profiled: float
    beta: tuple[float, ...]
    std_error: tuple[float, ...]
    sigma: float
    digits: int


def independent_rows(design: Design) -> list[npt.NDArray[np.intp]]:
    """Rows that hang together through a shared group, in order; V is zero between the sets."""
    n = design.frame.n_obs
    links = [np.arange(n)]
    columns = [np.arange(n)]
    offset = n
    for grouping in design.groupings:
        links.append(np.arange(n))
        columns.append(offset + grouping.codes.astype(np.intp))  # pandas packs codes
        offset += len(grouping.sizes)
    row, column = np.concatenate(links), np.concatenate(columns)
    graph = coo_array((np.ones(len(row)), (row, column)), shape=(offset, offset))
    _, label = connected_components(graph)
    order = np.argsort(label[:n])
    ends = np.flatnonzero(np.diff(label[:n][order])) + 1
    return [np.sort(part) for part in np.split(order, ends)]


def work(design: Design) -> int:
    """Multiplications of :func:`marginal`, roughly: decides what precision can be afforded."""
    width = design.X.shape[1] + 1
    return sum(len(part) ** 2 * (len(part) + width) for part in independent_rows(design))


def marginal(design: Design, Lambda: Sequence[Array], sigma: float, digits: int = 0) -> Marginal:
    """Evaluate the likelihood at given components.

    Args:
        design: of a mixed model.
        Lambda: (q, q) lower relative covariance factor of each random-effects term, in the order
            of ``design.random``.
        sigma: residual standard deviation, in the outcome's unit.
        digits: decimal digits to compute with; 0 for doubles.

    Raises:
        numpy.linalg.LinAlgError, ZeroDivisionError: a covariance that is not positive.
    """
    with mpmath.workdps(digits):
        return _marginal(design, Lambda, sigma, digits)


def _marginal(design: Design, Lambda: Sequence[Array], sigma: float, digits: int) -> Marginal:
    lift, real = (_lift, mpmath) if digits else (np.asarray, math)
    y = design.y if design.offset is None else lift(design.y) - lift(design.offset)
    XY = np.column_stack([lift(design.X), lift(y)])
    n, p = len(XY), XY.shape[1] - 1
    S = [lift(factor) @ lift(factor).T for factor in Lambda]
    log_v: Any = 0.0
    inner: Array = lift(np.zeros((p + 1, p + 1)))
    for rows in independent_rows(design):
        L = cholesky(_covariance(design, S, rows, lift))
        half = forward(L, XY[rows])
        inner = inner + half.T @ half
        log_v = log_v + 2 * sum(real.log(value) for value in L.diagonal())
    R = cholesky(inner[:p, :p])
    right = forward(R, inner[:p, p])
    beta = backward(R, right)
    residual = inner[p, p] - right @ right
    reml = design.spec.reml
    d = n - p if reml else n
    rest = log_v + (2 * sum(real.log(value) for value in R.diagonal()) if reml else 0.0)
    best = residual / d
    square = lift(np.array([sigma]))[0] ** 2
    unit = forward(R, lift(np.eye(p)))
    errors = [sigma * float(real.sqrt(column @ column)) for column in unit.T]
    return Marginal(
        criterion=float(rest + d * real.log(2 * real.pi * square) + residual / square),
        profiled=float(rest + d * (1 + real.log(2 * real.pi * best))),
        beta=tuple(float(value) for value in beta),
        std_error=tuple(errors),
        sigma=float(real.sqrt(best)),
        digits=digits,
    )


def _covariance(design: Design, S: Sequence[Array], rows: Array, lift: Any) -> Array:
    """The block (rows, rows) of V over sigma squared."""
    codes_of = {grouping.label: grouping.codes[rows] for grouping in design.groupings}
    ones = np.ones(len(rows))
    V: Array = np.diag(lift(ones) / lift(ones if design.weights is None else design.weights[rows]))
    for term, block in zip(design.random, S, strict=True):
        Z = np.column_stack([lift(column[rows]) for column in term.columns])
        codes = codes_of[term.group]
        V = V + (Z @ block @ Z.T) * (codes[:, None] == codes[None, :])
    return V


def cholesky(A: Array) -> Array:
    """Lower triangular factor of a positive definite matrix, in the arithmetic of its entries."""
    if A.dtype != object:
        return np.linalg.cholesky(A)
    size = len(A)
    L = np.full((size, size), mpmath.mpf(0))
    for j in range(size):
        pivot = A[j, j] - L[j, :j] @ L[j, :j]
        if not pivot > 0:
            raise np.linalg.LinAlgError("not positive definite")
        L[j, j] = mpmath.sqrt(pivot)
        for i in range(j + 1, size):
            L[i, j] = (A[i, j] - L[i, :j] @ L[j, :j]) / L[j, j]
    return L


def forward(L: Array, B: Array) -> Array:
    """``L^-1 B`` of a lower triangular L."""
    if not len(L):
        return B
    if L.dtype != object:
        return solve_triangular(L, B, lower=True)
    X = B.copy()
    for i in range(len(L)):
        X[i] = (X[i] - L[i, :i] @ X[:i]) / L[i, i]
    return X


def backward(L: Array, b: Array) -> Array:
    """``L'^-1 b`` of a lower triangular L."""
    if not len(L):
        return b
    if L.dtype != object:
        return solve_triangular(L, b, lower=True, trans="T")
    x = b.copy()
    for i in reversed(range(len(L))):
        x[i] = (x[i] - L[i + 1 :, i] @ x[i + 1 :]) / L[i, i]
    return x


def _lift(values: Any) -> Array:
    given = np.asarray(values)
    if given.dtype == object:
        return given
    lifted = np.empty(given.shape, dtype=object)
    lifted.ravel()[:] = [mpmath.mpf(float(value)) for value in given.ravel()]
    return lifted
