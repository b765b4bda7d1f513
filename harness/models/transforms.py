"""The whitelisted functions of a formula on vectors, bit for bit as R computes them.

The elementary functions go through :mod:`math`, hence the C library that R calls too; numpy's
vectorised ``log`` and ``exp`` differ from it in the last bit on some processors, and a model
matrix is only comparable by hash if every bit agrees. Sums run in extended precision and in
row order, as R's ``mean`` and ``colMeans`` do.

``scale``, ``center`` and ``poly`` have constants of their own: means, a spread, coefficients of a
recurrence. They are always those of the data a model was fitted to, whatever rows the columns are
wanted for, as R's ``makepredictcall`` has it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import ModelError

Vector = npt.NDArray[np.float64]


def power(base: float, exponent: float) -> float:
    """C's ``pow`` with R's special cases (``1^NA`` and ``NA^0`` are 1)."""
    if exponent == 2.0:
        return base * base
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.inf if base > 0 or exponent % 2 == 0 else -math.inf
    except ValueError:  # 0^-1 is Inf in R, (-8)^(1/3) is NaN
        return math.inf if base == 0 else math.nan


def each(function: Callable[..., float], *vectors: Vector) -> Vector:
    """Apply a scalar function row by row."""
    return np.fromiter(
        map(function, *(v.tolist() for v in vectors)), dtype=np.float64, count=len(vectors[0])
    )


def _logarithm(function: Callable[[float], float], pole: float) -> Callable[[Vector], Vector]:
    """A logarithm from the C library with R's values at and beyond the pole."""

    def value(x: float) -> float:
        if x > pole:
            return function(x)
        return -math.inf if x == pole else math.nan

    return lambda vector: each(value, vector)


def _exp(vector: Vector) -> Vector:
    def value(x: float) -> float:
        try:
            return math.exp(x)
        except OverflowError:
            return math.inf

    return each(value, vector)


def _sqrt(vector: Vector) -> Vector:
    with np.errstate(invalid="ignore"):
        return np.sqrt(vector)  # correctly rounded everywhere


def _running_total(vector: npt.NDArray[Any]) -> np.longdouble:
    """Sum in extended precision and in row order, as R accumulates."""
    if not len(vector):
        return np.longdouble(0)
    return np.longdouble(np.add.accumulate(vector, dtype=np.longdouble)[-1])


def mean_of(known: Vector) -> float:
    """R's ``mean``: the sum over the count, refined once."""
    mean = _running_total(known) / len(known)
    mean += _running_total(known - mean) / len(known)
    return float(mean)


def center(vector: Vector, of: Vector | None = None) -> Vector:
    """``x - mean(x)`` over the rows where ``x`` is known; the mean refined as R's ``mean`` does.

    Args:
        vector: what is centred.
        of: the data whose mean is taken; by default ``vector``.
    """
    known = _known(vector if of is None else of)
    return vector - mean_of(known) if len(known) else vector


def scale(vector: Vector, of: Vector | None = None) -> Vector:
    """R's ``scale``: less the column mean, over the root of the sum of squares by n - 1.

    Args:
        vector: what is scaled.
        of: the data whose mean and spread are taken; by default ``vector``.
    """
    known = _known(vector if of is None else of)
    if not len(known):
        return vector
    mean, spread = _mean_and_spread(known)
    with np.errstate(all="ignore"):
        return (vector - mean) / spread


def scale_spread(of: Vector) -> float:
    """By what :func:`scale` divides."""
    return _mean_and_spread(_known(of))[1]


def _known(vector: Vector) -> Vector:
    return vector[~np.isnan(vector)]


def _mean_and_spread(known: Vector) -> tuple[float, float]:
    """Column mean as ``colMeans`` has it, and root of the sum of squares about it by n - 1."""
    mean = float(np.float64(_running_total(known) / len(known)))
    moved = known - mean
    squares = moved[~np.isnan(moved)] ** 2  # an infinite value is refused later, by name
    return mean, math.sqrt(float(_running_total(squares)) / max(1, len(known) - 1))


def orthogonal_polynomials(vector: Vector, degree: int, label: str) -> tuple[Vector, ...]:
    """R's ``poly``: orthonormal to the constant and to each other, leading coefficient positive.

    Raises:
        ModelError: missing values, or no more distinct values than ``degree``.
    """
    if np.isnan(vector).any():
        raise ModelError(f"`{label}` has missing values: R's poly() refuses them, drop those rows")
    if len(np.unique(vector)) <= degree:
        raise ModelError(f"`{label}`: the degree must be less than the number of distinct values")
    moved = vector - mean_of(vector)
    powers = np.vander(moved, degree + 1, increasing=True)
    q, r = np.linalg.qr(powers)
    raw = q * np.diag(r)
    raw /= np.sqrt((raw**2).sum(axis=0))
    return tuple(np.ascontiguousarray(raw[:, k]) for k in range(1, degree + 1))


def orthogonal_polynomials_at(
    vector: Vector, degree: int, label: str, of: Vector
) -> tuple[tuple[Vector, ...], tuple[Vector, ...]]:
    """The polynomials of :func:`orthogonal_polynomials` at other points, and their slopes.

    By their recurrence ``p_(k+1) = (x - a_k) p_k - b_k p_(k-1)``, ``a_k = sum x q_k^2`` with q the
    normalised polynomials on the data (Kennedy & Gentle 1980, *Statistical Computing*, p. 343).

    Args:
        vector: (m,) points.
        degree: highest degree.
        label: R's name, for messages.
        of: (n,) data on which they are orthonormal.

    Returns:
        ``degree`` vectors (m,) of values, and as many of derivatives.

    Raises:
        ModelError: as :func:`orthogonal_polynomials`.
    """
    basis = orthogonal_polynomials(of, degree, label)
    mean = mean_of(of)
    x, data = vector - mean, of - mean
    size = 1.0 / math.sqrt(len(of))
    before, now = np.zeros_like(x), np.full_like(x, size)
    d_before, d_now = np.zeros_like(x), np.zeros_like(x)
    q_before, q_now = np.zeros_like(data), np.full_like(data, size)
    values: list[Vector] = []
    slopes: list[Vector] = []
    for q in basis:
        a, b = float((data * q_now) @ q_now), float((data * q_now) @ q_before)
        norm = float((data * q_now) @ q)  # of x q_k less its parts along q_k and q_(k-1)
        step = ((x - a) * now - b * before) / norm
        d_step = (now + (x - a) * d_now - b * d_before) / norm
        before, now, d_before, d_now = now, step, d_now, d_step
        q_before, q_now = q_now, q
        values.append(now)
        slopes.append(d_now)
    return tuple(values), tuple(slopes)


FUNCTIONS: dict[str, Callable[[Vector], Vector]] = {
    "log": _logarithm(math.log, 0.0),
    "log2": _logarithm(math.log2, 0.0),
    "log10": _logarithm(math.log10, 0.0),
    "log1p": _logarithm(math.log1p, -1.0),
    "exp": _exp,
    "sqrt": _sqrt,
    "I": lambda vector: vector,
}
"""Functions of each row alone."""

LOCATED: dict[str, Callable[[Vector, Vector | None], Vector]] = {"scale": scale, "center": center}
"""Functions with constants taken from the data."""
