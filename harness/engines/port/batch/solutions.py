"""From many optima in the standardised basis to estimates in the data's units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from harness.engines.port.batch.evaluation import Evaluations
from harness.engines.port.batch.sums import Replicates
from harness.engines.port.structure import Structure

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Solutions:
    """Estimates of R replicates.

    Attributes:
        beta: (R, p).
        half: (R, p, p) with ``Var(beta) = sigma^2 half half'``.
        sigma: (R,).
        theta: (R, t) for the data's own Z, canonical.
    """

    beta: Matrix
    half: Matrix
    sigma: Vector
    theta: Matrix

    @property
    def std_error(self) -> Matrix:
        """(R, p) standard errors of the coefficients."""
        length = np.sqrt((self.half * self.half).sum(axis=2))
        return np.asarray(self.sigma[:, None] * length)


def solve_all(data: Replicates, at: Evaluations) -> Solutions:
    """Coefficients, sigma and theta of every replicate's evaluated criterion."""
    own = data.shared.at
    p, structure = own.data.p, data.shared.structure
    inverse = at.Rho_inverse
    turned = data.gamma - (data.scale * at.rho)[:, None] * inverse[:, :p, p]
    if p:
        F_inverse, _ = lapack.dtrtri(own.data.F[:p, :p], lower=0)
        beta = turned @ F_inverse.T
        half = F_inverse @ inverse[:, :p, :p]
    else:
        beta, half = turned, np.empty((len(turned), 0, 0))
    sigma = data.scale * at.rho / np.sqrt(own.d)
    Lambda = np.zeros((len(turned), structure.q, structure.q))
    Lambda[:, structure.rows, structure.columns] = at.theta
    outside: Matrix = np.asarray(np.linalg.solve(own.data.T, Lambda), dtype=np.float64)
    lower = canonical_all(structure, outside)
    return Solutions(beta, half, sigma, lower[:, structure.rows, structure.columns])


def canonical_all(structure: Structure, factors: Matrix) -> Matrix:
    """:func:`harness.engines.port.structure.canonical` of many factors (R, q, q) at once."""
    lower = np.zeros_like(factors)
    for span in structure.spans():
        rest = factors[:, span, span].copy()
        norms = np.sqrt((rest * rest).sum(axis=2))
        for k, j in enumerate(range(span.start, span.stop)):
            length = np.sqrt((rest[:, k] * rest[:, k]).sum(axis=1))
            there = (length > 1e-14 * norms[:, k]) & (length > 0.0)
            unit = rest[:, k] / np.where(there, length, 1.0)[:, None]
            unit[~there] = 0.0
            along = (rest[:, k:] @ unit[:, :, None])[:, :, 0]
            lower[:, j : span.stop, j] = along
            rest[:, k:] -= along[:, :, None] * unit[:, None, :]
    return lower
