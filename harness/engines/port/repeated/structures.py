"""Covariance structures by visit: the matrix as a function of free parameters, two derivatives.

Structures are named as in mmrm and glmmTMB; plain words are understood too. Free parameters are
unbounded: logs of standard deviations, the correlations of
:mod:`harness.engines.port.repeated.correlations`, and for the unstructured matrix the Cholesky
factor with logs on its diagonal (Pinheiro & Bates 1996, Stat. Comput. 6, 289-296).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from harness.engines.port.repeated.correlations import (
    Autoregressive,
    Correlation,
    Exchangeable,
    Independent,
    Toeplitz,
    Values,
)
from harness.errors import ModelError
from harness.models.spec import Covariance

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

ALIASES: dict[Covariance, tuple[str, ...]] = {
    "un": ("us", "unstructured"),
    "cs": ("compound symmetry", "exchangeable"),
    "csh": ("heterogeneous compound symmetry",),
    "ar1": ("autoregressive",),
    "ar1h": ("heterogeneous autoregressive",),
    "toep": ("toeplitz",),
    "toeph": ("heterogeneous toeplitz",),
    "id": ("independent", "identity"),
    "diag": ("diagonal", "heterogeneous independent"),
}
"""Every structure's name and the words it answers to."""

IMPOSSIBLE = 1e-10
"""Correlations of pairs of visits with a smaller eigenvalue are no start of a search."""

LEAST = 0.05
"""Smallest eigenvalue of the correlations that are one in their place."""


class Structure(Protocol):
    """A family of covariance matrices of V visits with t free parameters."""

    @property
    def parameters(self) -> int:
        """Free parameters, t."""

    @property
    def deviations(self) -> int:
        """How many of the natural parameters are standard deviations."""

    def factor(self, free: Vector) -> Matrix:
        """Lower triangular L (V, V) with ``L L'`` the covariance at free parameters (t,).

        Raises:
            LinAlgError: it is not positive definite in floating point.
        """

    def slopes(self, free: Vector, L: Matrix) -> Matrix:
        """(t, V, V) derivatives of the covariance, whitened: ``L^-1 dSigma L^-T``."""

    def curvature(self, free: Vector, L: Matrix, S: Matrix) -> Matrix:
        """(t, t) sums of symmetric S (V, V) times the whitened second derivatives."""

    def natural(self, free: Vector) -> Vector:
        """(t,) standard deviations, then distinct correlations."""


@dataclass(frozen=True, slots=True)
class Unstructured:
    """Any covariance, ``base C C' base'`` with C lower triangular, log of its diagonal free.

    Attributes:
        base: (V, V) lower triangular: the start, so that parameters there are zero and of one
            size whatever the visits' variances.
    """

    base: Matrix

    @property
    def parameters(self) -> int:
        """V (V + 1) / 2."""
        return len(self.base) * (len(self.base) + 1) // 2

    @property
    def deviations(self) -> int:
        """One a visit."""
        return len(self.base)

    def _factor(self, free: Vector) -> tuple[Matrix, Index, Index, Vector]:
        """C, row and column of each parameter, and what its entry's derivative is."""
        V = len(self.base)
        rows, columns = np.tril_indices(V)
        C = np.zeros((V, V))
        C[rows, columns] = free
        diagonal = np.arange(V)
        # Beyond e^350 there is no square in floating point; the search turns back long before.
        C[diagonal, diagonal] = np.exp(np.clip(C[diagonal, diagonal], -350.0, 350.0))
        slope = np.where(rows == columns, C[rows, columns], 1.0)
        return C, rows, columns, slope

    def factor(self, free: Vector) -> Matrix:
        """``base C``."""
        return np.asarray(self.base @ self._factor(free)[0])

    def slopes(self, free: Vector, L: Matrix) -> Matrix:
        """``C^-1 dC`` and its transpose: nothing cancels however singular the covariance."""
        C, rows, columns, slope = self._factor(free)
        left = np.linalg.inv(C).T[rows] * slope[:, None]
        half = left[:, :, None] * np.eye(len(C))[columns][:, None, :]
        return np.asarray(half + half.transpose(0, 2, 1))

    def curvature(self, free: Vector, L: Matrix, S: Matrix) -> Matrix:
        """Second derivatives summed against S."""
        C, rows, columns, slope = self._factor(free)
        inverse = np.linalg.inv(C)
        inner = inverse.T @ S @ inverse
        same = columns[:, None] == columns[None, :]
        total = 2.0 * np.where(same, inner[np.ix_(rows, rows)], 0.0) * np.outer(slope, slope)
        bend = 2.0 * slope * (inverse.T @ S)[rows, columns]
        return np.asarray(total + np.diag(np.where(rows == columns, bend, 0.0)))

    def natural(self, free: Vector) -> Vector:
        """Standard deviations, then correlations of the lower triangle by row."""
        L = self.factor(free)
        Sigma = L @ L.T
        sd = np.sqrt(Sigma.diagonal())
        below = np.tril_indices(len(sd), -1)
        return np.concatenate([sd, (Sigma / np.outer(sd, sd))[below]])


@dataclass(frozen=True, slots=True)
class Scaled:
    """Standard deviations times a correlation: ``diag(s) C diag(s)``.

    Attributes:
        correlation: of the visits.
        spread: (h, V) which of the h log standard deviations each visit has: one for all, or its
            own.
    """

    correlation: Correlation
    spread: Matrix

    @property
    def parameters(self) -> int:
        """Standard deviations and correlation parameters."""
        return len(self.spread) + self.correlation.parameters

    @property
    def deviations(self) -> int:
        """One, or one a visit."""
        return len(self.spread)

    def _sd(self, free: Vector) -> Vector:
        """(V,) standard deviations."""
        return np.exp(np.clip(free[: len(self.spread)] @ self.spread, -350.0, 350.0))

    def _whitened(self, free: Vector, L: Matrix) -> tuple[Matrix, Matrix, Values]:
        """What the derivatives consist of, whitened.

        ``L^-1 E_a L`` (h, V, V) for the standard deviations, of which E_a marks the visits, and
        ``L^-1 (ss' where r_k stands) L^-T`` (m, V, V) for each distinct correlation.
        """
        inverse = np.linalg.inv(L)
        K = (inverse * self.spread[:, None, :]) @ L
        sd = self._sd(free)
        values = self.correlation.values(free[len(self.spread) :])
        index = self.correlation.index
        where = index == np.arange(len(values.r))[:, None, None]
        return K, inverse @ (np.outer(sd, sd) * where) @ inverse.T, values

    def factor(self, free: Vector) -> Matrix:
        """Cholesky's."""
        values = self.correlation.values(free[len(self.spread) :])
        C = np.append(values.r, 1.0)[self.correlation.index]
        return np.asarray(self._sd(free)[:, None] * np.linalg.cholesky(C))

    def slopes(self, free: Vector, L: Matrix) -> Matrix:
        """Derivatives."""
        K, bands, values = self._whitened(free, L)
        by_correlation = np.tensordot(values.first, bands, 1)
        return np.concatenate([K + K.transpose(0, 2, 1), by_correlation])

    def curvature(self, free: Vector, L: Matrix, S: Matrix) -> Matrix:
        """Second derivatives summed against S."""
        K, bands, values = self._whitened(free, L)
        h, V = len(K), len(S)
        t = self.parameters
        SK = (S @ K).reshape(h, V * V)
        total = np.empty((t, t))
        # E_a E_b is E_a where they are the same and zero where not.
        total[:h, :h] = 2.0 * SK @ K.reshape(h, V * V).T + np.diag(
            2.0 * SK[:, :: V + 1].sum(axis=1)
        )
        by_correlation = np.tensordot(values.first, bands, 1)
        turned = (S @ by_correlation).reshape(t - h, V * V)
        total[h:, :h] = 2.0 * turned @ K.reshape(h, V * V).T
        total[:h, h:] = total[h:, :h].T
        total[h:, h:] = values.second @ (bands * S).sum(axis=(1, 2))
        return total

    def natural(self, free: Vector) -> Vector:
        """Standard deviations, then as many correlations as are free."""
        h, u = len(self.spread), self.correlation.parameters
        return np.concatenate([np.exp(free[:h]), self.correlation.values(free[h:]).r[:u]])


def structure_name(asked: str) -> Covariance:
    """The short name of a structure.

    Raises:
        ModelError: no such structure.
    """
    words = str(asked).strip().lower().replace("_", " ").replace("-", " ")
    for name, others in ALIASES.items():
        if words == name or words in others:
            return name
    known = ", ".join(f"{name} ({others[-1]})" for name, others in ALIASES.items())
    raise ModelError(f"unknown covariance structure `{asked}`; one of: {known}")


def structure_and_start(name: str, moments: Matrix) -> tuple[Structure, Vector]:
    """A structure and free parameters near given moments.

    Args:
        name: short name.
        moments: (V, V) covariance of residuals by visit; positive diagonal, NaN for pairs of
            visits nobody has.
    """
    V = len(moments)
    sd = np.sqrt(moments.diagonal())
    R = moments / np.outer(sd, sd)
    if name == "un":
        base = sd[:, None] * np.linalg.cholesky(_possible(R))
        return Unstructured(base), np.zeros(V * (V + 1) // 2)
    family = name.removesuffix("h")
    kinds: dict[str, type[Independent | Exchangeable | Autoregressive | Toeplitz]] = {
        "cs": Exchangeable,
        "ar1": Autoregressive,
        "toep": Toeplitz,
    }
    correlation: Correlation = kinds.get(family, Independent)(V)
    each = name.endswith("h") or name == "diag"
    spread = np.eye(V) if each else np.ones((1, V))
    log_sd = np.log(sd) if each else np.array([0.5 * np.log((sd * sd).mean())])
    index = correlation.index
    known = (index >= 0) & ~np.isnan(R)
    size = int(index.max()) + 1
    count = np.bincount(index[known], minlength=size)
    total = np.bincount(index[known], weights=R[known], minlength=size)
    means = np.divide(total, count, out=np.full(size, np.nan), where=count > 0)
    return Scaled(correlation, spread), np.concatenate([log_sd, correlation.start(means)])


def structure_at(name: str, Sigma: Matrix) -> tuple[Structure, Vector]:
    """A structure and the free parameters at which it is a given covariance (V, V) of it.

    Where a search starts is kept away from the ends of the correlations' range; this is not.

    Raises:
        ModelError: a matrix that is no covariance, or none of this structure.
    """
    try:
        if name == "un":
            base = np.asarray(np.linalg.cholesky(Sigma), dtype=np.float64)
            return Unstructured(base), np.zeros(len(base) * (len(base) + 1) // 2)
        structure, phi = structure_and_start(name, Sigma)
        if name.removesuffix("h") == "cs":
            r = float(Sigma[1, 0] / np.sqrt(Sigma[0, 0] * Sigma[1, 1]))
            phi[-1] = np.log((1.0 + (len(Sigma) - 1) * r) / (1.0 - r))
        L = structure.factor(phi)
        least = float(Sigma.diagonal().min())
        if np.allclose(L @ L.T, Sigma, rtol=1e-9, atol=1e-9 * least):
            return structure, phi
    except np.linalg.LinAlgError:
        pass
    raise ModelError(f"theta is no covariance of structure `{name}`")


def _possible(R: Matrix) -> Matrix:
    """Correlations (V, V) of pairs; drawn towards zero where together they are impossible."""
    R = np.nan_to_num(R)
    low = float(np.linalg.eigvalsh(R)[0])
    share = 1.0 if low >= IMPOSSIBLE else (1.0 - LEAST) / (1.0 - low)
    return share * R + (1.0 - share) * np.eye(len(R))
