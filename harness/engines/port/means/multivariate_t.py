"""The largest of several correlated t statistics: its tail and its quantiles.

``T = A z / s`` with rows of A of unit length, z standard normal in r dimensions (r the rank of the
correlation matrix ``A A'``, which may be singular, as for all pairs) and ``df s^2`` chi-square.
Three ways to ``P(max |T_j| > q)``, each for any df, whole or not:

- r = 1, 2: in closed form; by the angle of z, with Gauss-Legendre between the angles at which the
  largest of the ``|a_j'u|`` changes.
- ``rho_ij = lambda_i lambda_j`` (treatments against one control: Dunnett 1955, J. Am. Stat. Assoc.
  50): the statistics are independent given one normal variable and s; two nested quadratures, nodes
  doubled until nothing changes.
- otherwise spherical-radial: z = R u, with M(u) the largest ``|a_j'u|`` the tail is the mean over
  the sphere of ``P(F(r, df) > q^2 / (r M^2))`` (Deak 1980, Numer. Math. 35; Genz & Bretz 2009,
  *Computation of Multivariate Normal and t Probabilities*, section 4.1). The radius is exact, hence
  far tails keep their relative accuracy; the sphere is sampled by scrambled Sobol points with a
  fixed seed, and the spread over independent scramblings is the standard error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, fdtrc, gammainccinv, gammaincinv, ndtr, ndtri, stdtr, stdtrit

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

RANK = 1e-10
"""An eigenvalue of the correlation matrix below this share of the largest is rounding."""

PRODUCT = 1e-9
"""Largest error of a correlation that counts as a product."""

NEAR_ONE = 0.99
"""Largest |lambda| for nested quadrature: beyond it the inner integrand is too steep."""

SCRAMBLINGS = 16
POINTS = 16384
BINS = 4096
SEED = 20090711

CONVERGED = 1e-6
"""Change by twice the nodes at which quadrature stops: Gauss's error about squares each time."""


@dataclass(frozen=True)
class LargestT:
    """``max |T_j|`` for a correlation matrix.

    Attributes:
        correlation: (m, m), unit diagonal, positive semidefinite.
    """

    correlation: Matrix

    @cached_property
    def directions(self) -> Matrix:
        """(m, r) rows of unit length whose products are the correlations."""
        w, V = np.linalg.eigh(self.correlation)
        used = w > RANK * w[-1]
        A = V[:, used] * np.sqrt(w[used])
        return np.asarray(A / np.sqrt((A * A).sum(axis=1, keepdims=True)))

    @cached_property
    def loadings(self) -> Vector | None:
        """(m,) lambda with ``rho_ij = lambda_i lambda_j``, or None."""
        R = self.correlation
        m = len(R)
        if m < 3:
            return None
        off = R - np.diag(R.diagonal())
        if np.abs(off).max() <= PRODUCT:
            return np.zeros(m)
        if off[1, 2] * off[0, 1] * off[0, 2] <= 0.0:
            return None
        first = np.sqrt(off[0, 1] * off[0, 2] / off[1, 2])
        loadings = np.concatenate(([first], off[0, 1:] / first))
        product = np.outer(loadings, loadings)
        np.fill_diagonal(product, 0.0)
        fits = np.abs(product - off).max() <= PRODUCT
        return loadings if fits and np.abs(loadings).max() <= NEAR_ONE else None

    @cached_property
    def _reach(self) -> tuple[Vector, Matrix]:
        """Values of M(u) over the sphere and their shares (scramblings, values).

        Values that agree to 1/4096 are one, their mean: the tail is smooth in M.
        """
        from scipy.stats import qmc

        A = self.directions
        count, total = np.zeros((SCRAMBLINGS, BINS)), np.zeros(BINS)
        for k in range(SCRAMBLINGS):
            points = qmc.Sobol(A.shape[1], rng=np.random.default_rng([SEED, k])).random(POINTS)
            z = ndtri(np.clip(points, 1e-16, 1.0 - 1e-16))
            u = z / np.sqrt((z * z).sum(axis=1, keepdims=True))
            reach = np.abs(u @ A.T).max(axis=1)
            at = np.minimum((reach * BINS).astype(np.intp), BINS - 1)
            count[k] = np.bincount(at, minlength=BINS)
            total += np.bincount(at, weights=reach, minlength=BINS)
        used = count.any(axis=0)
        return total[used] / count[:, used].sum(axis=0), count[:, used] / POINTS

    @cached_property
    def _arcs(self) -> tuple[Vector, Vector]:
        """Nodes' M(u) and weights over half a circle, for rank 2."""
        A = self.directions
        angle = np.arctan2(A[:, 1], A[:, 0])
        i, j = np.triu_indices(len(A), 1)
        # |cos(x - a)| = |cos(x - b)| where x is half way, or a quarter turn from it.
        middle = 0.5 * (angle[i] + angle[j])
        edges = np.unique(np.concatenate(([0.0], middle, middle + np.pi / 2)) % np.pi)
        edges = np.append(edges, np.pi)
        x, w = np.polynomial.legendre.leggauss(32)
        half = 0.5 * np.diff(edges)[:, None]
        at = (0.5 * (edges[1:] + edges[:-1]))[:, None] + half * x
        reach = np.abs(np.cos(at.reshape(-1, 1) - angle)).max(axis=1)
        return reach, (half * w / np.pi).ravel()

    def tail(self, q: float, df: float) -> tuple[float, float]:
        """``P(max |T_j| > q)`` and its standard error (0 where it is not sampled).

        Args:
            q: positive.
            df: degrees of freedom, infinite for normal variables.
        """
        r = self.directions.shape[1]
        if r == 1:
            return (2.0 * ndtr(-q) if np.isinf(df) else 2.0 * float(stdtr(df, -q))), 0.0
        if r == 2:
            reach, weights = self._arcs
            return float(_radial_tail(r, df, q / reach) @ weights), 0.0
        if self.loadings is not None:
            return _product_tail(q, df, self.loadings), 0.0
        reach, share = self._reach
        means = share @ _radial_tail(r, df, q / reach)
        return float(means.mean()), float(means.std(ddof=1) / np.sqrt(SCRAMBLINGS))

    def quantile(self, level: float, df: float) -> float:
        """The q that ``max |T_j|`` exceeds with probability ``1 - level``."""
        from scipy.optimize import brentq

        def point(tail: float) -> float:
            return -float(ndtri(tail) if np.isinf(df) else stdtrit(df, tail))

        alpha = 1.0 - level
        low, high = point(0.5 * alpha), point(0.5 * alpha / len(self.correlation))
        if high - low <= 1e-12 * high:
            return low
        # Sampled tails may miss the bounds (one test, Bonferroni) by their error.
        low, high = 0.99 * low, 1.01 * high
        return float(brentq(lambda q: self.tail(q, df)[0] - alpha, low, high, xtol=1e-11))


def _radial_tail(r: int, df: float, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """``P(R > x s)`` for R the length of r standard normals."""
    if np.isinf(df):
        return np.asarray(chdtrc(r, x * x))
    return np.asarray(fdtrc(r, df, x * x / r))


def _product_tail(q: float, df: float, loadings: Vector) -> float:
    """The tail with correlations ``lambda_i lambda_j``, nodes doubled until it stands still."""
    before = np.inf
    value = 0.0
    for n in (64, 128, 256, 512):
        value = _nested(q, df, loadings, n)
        if abs(value - before) <= CONVERGED * value:
            break
        before = value
    return value


def _nested(q: float, df: float, loadings: Vector, n: int) -> float:
    """The two quadratures with n nodes for s and 2 n for the common normal variable."""
    x, w = np.polynomial.legendre.leggauss(2 * n)
    z, wz = 10.0 * x, 10.0 * w * np.exp(-50.0 * x * x) / np.sqrt(2.0 * np.pi)
    if np.isinf(df):
        s, ws = np.ones(1), np.ones(1)
    else:
        x, w = np.polynomial.legendre.leggauss(n)
        # Beyond these ends s has probability 1e-22 a side.
        low = 0.5 * np.log(gammaincinv(0.5 * df, 1e-22) * 2.0 / df)
        high = 0.5 * np.log(gammainccinv(0.5 * df, 1e-22) * 2.0 / df)
        u = 0.5 * (high + low) + 0.5 * (high - low) * x
        s = np.exp(u)
        exponent = df * (u - 0.5 * s * s)
        ws = w * np.exp(exponent - exponent.max())
        ws /= ws.sum()
    log_inside = np.zeros((len(s), len(z)))
    for loading in loadings:
        rest = np.sqrt(1.0 - loading * loading)
        up = ndtr((loading * z - q * s[:, None]) / rest)
        down = ndtr((-loading * z - q * s[:, None]) / rest)
        log_inside += np.log1p(-np.minimum(up + down, 1.0 - 1e-16))
    return float(ws @ (-np.expm1(log_inside) @ wz))
