"""The log-likelihood of a linear model whose outcome is known only to lie at or below some values.

Tobin (1958), Econometrica 26, 24-36: an outcome ``y* ~ N(X beta, sigma^2)`` is seen as y where it
lies above a limit and as the limit itself, y, where it does not. With ``z = (y - X beta) / sigma``

    l = sum_seen [log phi(z) - log sigma] + sum_below log Phi(z).

Olsen (1978), Econometrica 46, 1211-1215: in ``theta = 1 / sigma`` and ``delta = beta / sigma`` it
is concave everywhere, so that Newton's steps lead to its one maximum. The same holds in any linear
change of these, of which the one here has orthogonal columns: ``z = A v``, ``v = (eta, theta)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import erfcx, log_ndtr

from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MAX_STEPS = 100
DECREMENT = 1e-20
"""Newton's decrement, in units of the log-likelihood, below which the search has ended."""


def log_likelihood(residual: Vector, sigma: float, below: Bools) -> float:
    """The log-likelihood above.

    Args:
        residual: (n,) outcome or limit less the mean, in the outcome's unit.
        sigma: standard deviation of the outcome given the mean, positive.
        below: (n,) where the outcome is the limit.
    """
    z = residual / sigma
    seen = z[~below]
    constant = len(seen) * (0.5 * math.log(2.0 * math.pi) + math.log(sigma))
    return float(log_ndtr(z[below]).sum() - 0.5 * (seen @ seen) - constant)


def mills_ratio(z: Vector) -> Vector:
    """``phi(z) / Phi(z)`` (k,), to the last digits in either tail."""
    with np.errstate(over="ignore"):
        return np.asarray(math.sqrt(2.0 / math.pi) / erfcx(-z / math.sqrt(2.0)))


@dataclass(frozen=True, slots=True)
class Derivatives:
    """What Newton's method needs at a v of p + 1 numbers.

    Attributes:
        value: the log-likelihood, less a constant.
        gradient: (p + 1,).
        information: (p + 1, p + 1) negative Hessian, positive definite.
    """

    value: float
    gradient: Vector
    information: Matrix


def value_at(A: Matrix, below: Bools, v: Vector) -> float:
    """The log-likelihood at v less a constant, minus infinity where theta is not positive."""
    if not v[-1] > 0.0:
        return -math.inf
    z = A @ v
    seen = z[~below]
    found = log_ndtr(z[below]).sum() - 0.5 * (seen @ seen) + len(seen) * math.log(v[-1])
    return float(found)


def derivatives_at(A: Matrix, below: Bools, v: Vector) -> Derivatives:
    """Value, gradient and information at v (Olsen 1978, equations 5 and 6).

    Args:
        A: (n, p + 1) with ``z = A v``; the last column multiplies theta.
        below: (n,) where the outcome is the limit.
        v: (p + 1,), its last entry theta positive.
    """
    z, seen = A @ v, int((~below).sum())
    ratio = mills_ratio(z[below])
    slope, weight = -z, np.ones(len(z))
    slope[below] = ratio
    weight[below] = np.clip(ratio * (ratio + z[below]), 0.0, 1.0)
    gradient = A.T @ slope
    gradient[-1] += seen / v[-1]
    information = A.T @ (A * weight[:, None])
    information[-1, -1] += seen / v[-1] ** 2
    return Derivatives(value_at(A, below, v), gradient, information)


@dataclass(frozen=True, slots=True)
class Maximum:
    """Where the log-likelihood is largest.

    Attributes:
        v: (p + 1,).
        root: (p + 1, p + 1) with ``root root'`` the inverse of the information there.
        gradient_norm: largest absolute entry of the gradient at the end.
        steps: Newton steps taken.
    """

    v: Vector
    root: Matrix
    gradient_norm: float
    steps: int


def maximise(A: Matrix, below: Bools, start: Vector) -> Maximum:
    """The maximum, by Newton's method from ``start`` with steps halved until they rise.

    Args:
        A: as :func:`derivatives_at`; it must have a maximum (:mod:`.existence`).
        below: as there.
        start: (p + 1,), its last entry positive.

    Raises:
        ModelError: no maximum in ``MAX_STEPS`` steps.
    """
    v = start.copy()
    for steps in range(MAX_STEPS):
        here = derivatives_at(A, below, v)
        try:
            factor = np.linalg.cholesky(here.information)
        except np.linalg.LinAlgError:
            break
        whitened = np.linalg.solve(factor, here.gradient)
        decrement = float(whitened @ whitened)
        if decrement <= DECREMENT:
            root = np.linalg.solve(factor, np.eye(len(v))).T
            return Maximum(v, root, float(np.abs(here.gradient).max()), steps)
        step = np.linalg.solve(factor.T, whitened)
        length = 1.0
        # So near the maximum that rounding hides the rise, whole steps are safe: l is concave.
        while decrement > 1e-8 and not (
            value_at(A, below, v + length * step) >= here.value + 1e-4 * length * decrement
        ):
            length /= 2.0
            if length < 1e-10:
                break
        v = v + length * step
    raise ModelError(
        "the Tobit likelihood was not maximised: too few rows above the limit tell the terms "
        "apart; use fewer terms"
    )
