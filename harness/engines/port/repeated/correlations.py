"""Correlations of visits as functions of free parameters, with two derivatives.

A family gives the distinct off-diagonal correlations ``r`` (m,) and says which of them stands
where. Every family is open: each real parameter vector is a positive definite matrix and
conversely, so that a search needs no bounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

NEAREST = 1e-10
"""How near to one, or its other bound, a correlation may be where a search starts."""

INSIDE = 0.95
"""Partial correlation that takes the place of an impossible one."""


@dataclass(frozen=True, slots=True)
class Values:
    """Distinct correlations and their derivatives in the u free parameters.

    Attributes:
        r: (m,).
        first: (u, m).
        second: (u, u, m).
    """

    r: Vector
    first: Matrix
    second: Matrix


class Correlation(Protocol):
    """A family of correlation matrices of V visits."""

    @property
    def index(self) -> Index:
        """(V, V) position in r of each entry, -1 on the diagonal; all below m."""

    @property
    def parameters(self) -> int:
        """Free parameters, u."""

    def values(self, free: Vector) -> Values:
        """Correlations at free parameters (u,)."""

    def start(self, r: Vector) -> Vector:
        """Free parameters (u,) near given correlations (m,), NaN where nothing is known."""


def _one_value(visits: int) -> Index:
    """(V, V): every pair of visits has the first value."""
    return np.zeros((visits, visits), dtype=np.intp) - np.eye(visits, dtype=np.intp)


@dataclass(frozen=True, slots=True)
class Independent:
    """No correlation."""

    visits: int

    @property
    def index(self) -> Index:
        """(V, V): the one off-diagonal value is zero."""
        return _one_value(self.visits)

    @property
    def parameters(self) -> int:
        """None."""
        return 0

    def values(self, free: Vector) -> Values:
        """Zero."""
        return Values(np.zeros(1), np.zeros((0, 1)), np.zeros((0, 0, 1)))

    def start(self, r: Vector) -> Vector:
        """Nothing to start from."""
        return np.zeros(0)


@dataclass(frozen=True, slots=True)
class Exchangeable:
    """One correlation r for every pair of visits, ``-1/(V - 1) < r < 1``.

    The free parameter is the log ratio of the two eigenvalues, ``(1 + (V-1) r) / (1 - r)``.
    """

    visits: int

    @property
    def index(self) -> Index:
        """(V, V)."""
        return _one_value(self.visits)

    @property
    def parameters(self) -> int:
        """One."""
        return 1

    def values(self, free: Vector) -> Values:
        """``r = (e^x - 1) / (e^x + V - 1)``."""
        x, V = float(free[0]), self.visits
        if x > 0.0:  # by e^-x, which cannot overflow
            e = math.exp(-x)
            below = 1.0 + (V - 1) * e
            r, slope = (1.0 - e) / below, V * e / below**2
            bend = slope * ((V - 1) * e - 1.0) / below
        else:
            e = math.exp(x)
            below = e + V - 1
            r, slope = (e - 1.0) / below, V * e / below**2
            bend = slope * (V - 1 - e) / below
        return Values(np.array([r]), np.array([[slope]]), np.array([[[bend]]]))

    def start(self, r: Vector) -> Vector:
        """The parameter of a correlation, kept away from the ends of its range."""
        V = self.visits
        value = min(max(float(r[0]), -INSIDE / (V - 1)), 1.0 - NEAREST)
        return np.array([math.log((1.0 + (V - 1) * value) / (1.0 - value))])


def _lags(visits: int) -> Index:
    """(V, V) lag of two visits less one, -1 on the diagonal."""
    place = np.arange(visits)
    return np.asarray(np.abs(place[:, None] - place[None, :]) - 1, dtype=np.intp)


@dataclass(frozen=True, slots=True)
class Autoregressive:
    """Correlation ``rho^lag`` with the lag counted in visits, ``rho = tanh x``."""

    visits: int

    @property
    def index(self) -> Index:
        """(V, V)."""
        return _lags(self.visits)

    @property
    def parameters(self) -> int:
        """One."""
        return 1

    def values(self, free: Vector) -> Values:
        """Powers of rho."""
        rho = math.tanh(float(free[0]))
        slope = 1.0 - rho * rho
        lag = np.arange(1.0, self.visits)
        r = rho**lag
        by_rho = lag * rho ** (lag - 1.0)
        twice = np.zeros_like(lag)
        twice[1:] = (lag * (lag - 1.0))[1:] * rho ** (lag[1:] - 2.0)
        second = twice * slope**2 - 2.0 * rho * slope * by_rho
        return Values(r, (by_rho * slope)[None, :], second[None, None, :])

    def start(self, r: Vector) -> Vector:
        """From the first lag with a known correlation; an even one tells the size only."""
        known = np.flatnonzero(~np.isnan(r))
        lag = int(known[0]) + 1
        rho = math.copysign(abs(float(r[lag - 1])) ** (1.0 / lag), r[lag - 1])
        return np.array([math.atanh(min(max(rho, NEAREST - 1.0), 1.0 - NEAREST))])


@dataclass(frozen=True, slots=True)
class Toeplitz:
    """One correlation for each lag, by partial autocorrelations ``tanh x_k``.

    Monahan (1984), Biometrika 71, 403-404: the partial autocorrelations range freely over
    (-1, 1), and Durbin's and Levinson's recursion gives the correlations.
    """

    visits: int

    @property
    def index(self) -> Index:
        """(V, V)."""
        return _lags(self.visits)

    @property
    def parameters(self) -> int:
        """One for each lag."""
        return self.visits - 1

    def values(self, free: Vector) -> Values:
        """Correlations by lag."""
        partial = np.tanh(free)
        slope = 1.0 - partial * partial
        plain = from_partial(partial)
        first = slope[:, None] * plain.first
        second = slope[:, None, None] * slope[None, :, None] * plain.second
        own = np.arange(len(free))
        second[own, own] += (-2.0 * partial * slope)[:, None] * plain.first
        return Values(plain.r, first, second)

    def start(self, r: Vector) -> Vector:
        """Partial autocorrelations of given correlations, kept inside (-1, 1)."""
        partial = to_partial(np.nan_to_num(r))
        out = np.abs(partial) >= 1.0 - NEAREST
        return np.arctanh(np.where(out, np.sign(partial) * INSIDE, partial))


def from_partial(partial: Vector) -> Values:
    """Autocorrelations of given partial ones (u,), with derivatives in them.

    The recursion is run on each quantity together with its gradient and Hessian; the coefficients
    f of the best linear prediction from the last k values and the share v of variance left:

        r_k = sum_i f_i r_(k-i) + pi_k v,    f_i <- f_i - pi_k f_(k-i),    v <- v (1 - pi_k^2).

    Monahan (1984), Biometrika 71, 403-404.
    """
    u = len(partial)
    r, first, second = np.zeros(u), np.zeros((u, u)), np.zeros((u, u, u))
    f, df, ddf = np.zeros(0), np.zeros((0, u)), np.zeros((0, u, u))
    v, dv, ddv = 1.0, np.zeros(u), np.zeros((u, u))
    for k in range(u):
        pi, unit = float(partial[k]), np.eye(u)[k]
        back, dback, ddback = r[:k][::-1], first[:k][::-1], second[:k][::-1]
        mixed = df.T @ dback + np.outer(unit, dv)
        r[k] = f @ back + pi * v
        first[k] = back @ df + f @ dback + v * unit + pi * dv
        second[k] = np.tensordot(back, ddf, 1) + np.tensordot(f, ddback, 1)
        second[k] += pi * ddv + mixed + mixed.T
        turned, dturned, ddturned = f[::-1], df[::-1], ddf[::-1]
        cross = dturned[:, :, None] * unit
        ddf = ddf - pi * ddturned - cross - cross.transpose(0, 2, 1)
        df = df - pi * dturned - turned[:, None] * unit
        f = f - pi * turned
        f, df = np.append(f, pi), np.vstack([df, unit])
        ddf = np.concatenate([ddf, np.zeros((1, u, u))])
        left, pull = 1.0 - pi * pi, np.outer(unit, dv)
        ddv = left * ddv - 2.0 * pi * (pull + pull.T) - 2.0 * v * np.outer(unit, unit)
        dv = left * dv - 2.0 * pi * v * unit
        v *= left
    return Values(r, np.ascontiguousarray(first.T), np.moveaxis(second, 0, 2).copy())


def to_partial(r: Vector) -> Vector:
    """Partial autocorrelations (u,) of autocorrelations (u,), which need not be possible ones.

    Where they are not, those that follow an impossible one are zero.
    """
    partial = np.zeros(len(r))
    f = np.zeros(0)
    v = 1.0
    for k in range(len(r)):
        partial[k] = (r[k] - f @ r[:k][::-1]) / v
        if abs(partial[k]) >= 1.0:
            break
        f = np.append(f - partial[k] * f[::-1], partial[k])
        v *= 1.0 - partial[k] ** 2
    return partial
