"""The deviance of a mixed model with one standard deviation or correlation held.

As a function of theta and ``eta = log sigma`` the deviance (minus twice the log-likelihood, fixed
effects at their best) is, with ``rho^2`` the penalised residual sum of squares,

    D(theta, eta) = log|V(theta)| + n log(2 pi) + 2 n eta + rho^2(theta) exp(-2 eta).

Each constraint is eliminated by a substitution, which leaves an unconstrained smooth problem with
analytic derivatives:

- ``sd_i = s``: effect i leads its term, its variance is one entry, ``theta_k = s scale / sigma``;
- ``cor_ij = sin w``: effects i and j lead; with ``theta_k = v^2`` and u^2 in place of the SD of j
  the other two entries are ``shear v^2 + u^2 sin w`` and ``u^2 cos w``, sigma at its best;
- ``sigma = s``: eta is given.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from harness.engines.port.blocked import BlockedProblem
from harness.engines.port.criterion import Evaluation, Problem
from harness.engines.port.intervals.leading import Leading
from harness.engines.port.surface import Sums, Surface

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


class Held:
    """What the search asks of a criterion, for one with a constraint eliminated."""

    def __init__(self, at: Surface) -> None:
        self.at = at

    @property
    def data(self) -> Sums:
        """The summed data."""
        return self.at.data

    @property
    def reml(self) -> bool:
        """Profiles are of the likelihood."""
        return False

    @property
    def d(self) -> int:
        """Residual degrees of freedom of the criterion."""
        return self.at.d

    def evaluate(self, theta: Vector) -> Evaluation:
        """Deviance, gradient and Hessian in the free parameters."""
        return self.at.evaluate(theta)

    def exact(self, found: Evaluation) -> Evaluation:
        """An evaluation with its Hessian exact."""
        return found

    def permuted(self, order: npt.NDArray[np.intp]) -> Surface:
        """Refused: the constraint names its effects by their places."""
        raise TypeError("the effects of a constrained criterion have their places")


RETUNED = 1e-3
"""Relative change of the penalised residual sum of squares at which its weight is set anew."""


class Split:
    """The deviance of an ML criterion as a function of theta and eta.

    A criterion ``log|V| + w log rho^2`` comes with the gradient of ``log rho^2`` (the last diagonal
    entries of U), so one evaluation gives D and its gradient whatever w is. Its Hessian is that of
    D where w is ``rho^2 exp(-2 eta)``; near a minimum that hardly changes, so w follows it and the
    Hessian is exact in the end.
    """

    def __init__(self, at: Surface) -> None:
        if not isinstance(at, Problem | BlockedProblem) or at.reml:
            raise TypeError("profiles need an ML criterion")
        p = at.data.p
        self._p = p
        self._n = at.data.n_obs
        self._last = np.zeros(p + 1)
        self._last[p] = 1.0
        self._pairs = np.ones((p + 1, p + 1))
        self._pairs[:p, :p] = 0.0
        self._weight = float(at.d)
        self._at = replace(at, constant=0.0)
        self._constant = self._n * math.log(2.0 * math.pi) - at.data.log_weights
        self._log_scale = 2.0 * math.log(abs(float(at.data.F[-1, -1])))

    def deviance(self, theta: Vector, eta: float) -> tuple[Evaluation, float, Vector, Matrix]:
        """The evaluation at theta (t,), D, and its derivatives in (theta, eta)."""
        found = self._at.evaluate(theta)
        log_rho = 2.0 * math.log(found.rho)
        square = math.exp(log_rho + self._log_scale - 2.0 * eta)
        if abs(square - self._weight) > RETUNED * self._weight:
            self._weight = square
            self._at = replace(
                self._at, weights=square * self._last, pair_weights=square * self._pairs
            )
            found = self._at.evaluate(theta)
        t, w = len(theta), self._weight
        u = -found.U[:, self._p, self._p]
        value = found.value - w * log_rho + self._constant + 2.0 * self._n * eta + square
        slope = np.empty(t + 1)
        slope[:t] = found.gradient + (square - w) * u
        slope[t] = 2.0 * self._n - 2.0 * square
        bend = np.empty((t + 1, t + 1))
        bend[:t, :t] = found.hessian + square * (u[:, None] * u)
        bend[:t, t] = bend[t, :t] = -2.0 * square * u
        bend[t, t] = 4.0 * square
        return found, value, slope, bend


class HeldSigma(Held):
    """Sigma held; free: theta."""

    def __init__(self, at: Surface, split: Split, eta: float) -> None:
        super().__init__(at)
        self._split, self._eta = split, eta

    def evaluate(self, theta: Vector) -> Evaluation:
        """Deviance, gradient and Hessian in theta."""
        found, value, slope, bend = self._split.deviance(theta, self._eta)
        t = len(theta)
        return replace(found, theta=theta, value=value, gradient=slope[:t], hessian=bend[:t, :t])


class HeldSD(Held):
    """The SD of the leading effect held; free: the other thetas, then eta."""

    def __init__(self, lead: Leading, split: Split, sd: float) -> None:
        super().__init__(lead.at)
        self._split = split
        self._root = sd * lead.scale
        structure = lead.at.data.structure
        t = structure.t
        own = (structure.rows == lead.place) & (structure.columns == lead.place)
        self._k = int(np.flatnonzero(own)[0])
        self._rest = np.flatnonzero(~own)
        # The Jacobian of (theta, eta) in the free parameters; one entry is set at each evaluation.
        self._J = np.zeros((t + 1, t))
        self._J[self._rest, np.arange(t - 1)] = 1.0
        self._J[t, t - 1] = 1.0

    def free(self, theta: Vector, eta: float) -> Vector:
        """The free parameters of a theta (t,) and eta."""
        return np.append(theta[self._rest], eta)

    def evaluate(self, theta: Vector) -> Evaluation:
        """Deviance, gradient and Hessian in the free parameters (t,)."""
        k, eta = self._k, float(theta[-1])
        own = self._root * math.exp(-eta)
        full = np.empty(len(theta))
        full[self._rest] = theta[:-1]
        full[k] = own
        found, value, slope, bend = self._split.deviance(full, eta)
        J = self._J
        J[k, -1] = -own  # d theta_k / d eta
        hessian = J.T @ bend @ J
        hessian[-1, -1] += slope[k] * own
        return replace(found, theta=theta, value=value, gradient=slope @ J, hessian=hessian)


class HeldCorrelation(Held):
    """The correlation of the two leading effects held at ``sin angle``; sigma at its best.

    Free: theta with v, u in place of the first two effects' diagonal entries, without the entry
    between them.
    """

    def __init__(self, lead: Leading, angle: float) -> None:
        super().__init__(lead.at)
        structure = lead.at.data.structure
        place = lead.place

        def entry(i: int, j: int) -> int:
            found = (structure.rows == place + i) & (structure.columns == place + j)
            return int(np.flatnonzero(found)[0])

        self._first, self._between, self._second = entry(0, 0), entry(1, 0), entry(1, 1)
        self._rest = np.delete(np.arange(structure.t), self._between)
        self._shear = lead.shear
        self._sin, self._cos = math.sin(angle), math.cos(angle)

    def free(self, theta: Vector) -> Vector:
        """The free parameters (t - 1,) of a theta (t,) in its spelling."""
        first = theta[self._first]
        across = theta[self._between] - self._shear * first
        x = theta.copy()
        x[self._first] = math.sqrt(abs(first))
        x[self._second] = math.sqrt(math.hypot(across, theta[self._second]))
        return x[self._rest]

    def angle(self, theta: Vector) -> float:
        """The angle of a theta (t,); the arc sine of its correlation."""
        across = theta[self._between] - self._shear * theta[self._first]
        return math.atan2(across, abs(float(theta[self._second])))

    def evaluate(self, theta: Vector) -> Evaluation:
        """Deviance, gradient and Hessian in the free parameters."""
        full = np.empty(len(theta) + 1)
        full[self._rest] = theta
        i, j, k = self._first, self._between, self._second
        v, u = float(full[i]), float(full[k])
        full[i] = v * v
        full[j] = self._shear * v * v + u * u * self._sin
        full[k] = u * u * self._cos
        found = self.at.evaluate(full)
        J = np.eye(len(full))
        J[i, i], J[j, i] = 2.0 * v, 2.0 * v * self._shear
        J[j, k], J[k, k] = 2.0 * u * self._sin, 2.0 * u * self._cos
        J = J[:, self._rest]
        g = found.gradient
        hessian = J.T @ found.hessian @ J
        hessian[i, i] += 2.0 * (g[i] + self._shear * g[j])
        hessian[k - 1, k - 1] += 2.0 * (self._sin * g[j] + self._cos * g[k])
        return replace(found, theta=theta, gradient=g @ J, hessian=hessian)
