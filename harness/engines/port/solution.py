"""From the optimum in the standardised basis back to the outcome's and the predictors' units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from harness.engines.port.criterion import Evaluation
from harness.engines.port.structure import canonical
from harness.engines.port.surface import Surface
from harness.models.read_only import read_only

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Solution:
    """The estimates of a mixed model.

    Attributes:
        beta: (p,) fixed effects.
        half: (p, p) with ``Var(beta) = sigma^2 half half'``; row j belongs to coefficient j.
        sigma: residual standard deviation.
        Lambda: (q, q) relative covariance factor for the data's own Z.
        theta: (t,) its free entries, in lme4's order.
        residual: (P,) ``y - X beta`` in the basis W of the cross products.
    """

    beta: Vector
    half: Matrix
    sigma: float
    Lambda: Matrix
    theta: Vector
    residual: Vector


def solve(at: Surface, evaluation: Evaluation) -> Solution:
    """Coefficients, sigma and theta of an evaluated criterion."""
    data = at.data
    p = data.p
    F = data.F
    inverse = evaluation.Rho_inverse
    scale = float(F[p, p])
    # Generalised least squares of the unit residual e on the basis of X.
    gamma = -evaluation.rho * inverse[:p, p]
    if p:
        F_inverse, _ = lapack.dtrtri(F[:p, :p], lower=0)
        beta = F_inverse @ (F[:p, p] + scale * gamma)
        half = F_inverse @ inverse[:p, :p]
    else:
        beta, half = np.empty(0), np.empty((0, 0))
    residual = np.empty(p + 1)
    residual[:p] = -scale * gamma
    residual[p] = scale
    sigma = abs(scale) * evaluation.rho / float(np.sqrt(at.d))
    Lambda = unstandardise(at, evaluation.theta)
    theta = data.structure.theta(Lambda)
    return Solution(
        *(read_only(beta), read_only(half), sigma),
        *(read_only(Lambda), read_only(theta), read_only(residual)),
    )


def unstandardise(at: Surface, theta: Vector) -> Matrix:
    """Lambda (q, q) for the data's own Z, of a theta in the standardised basis."""
    structure = at.data.structure
    inner = structure.Lambda(theta)
    if structure.q == 1:
        return inner / at.data.T
    turned, _ = lapack.dtrtrs(at.data.T, inner)
    return canonical(structure, turned)


def standardise(at: Surface, theta: Vector) -> Vector:
    """Theta in the standardised basis, of a theta for the data's own Z."""
    structure = at.data.structure
    return structure.theta(canonical(structure, at.data.T @ structure.Lambda(theta)))
