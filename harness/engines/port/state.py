"""The dense matrices of one evaluation with several grouping factors, and products with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.engines.port.factors import Factor, FactorSums

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class State:
    """Notation of :mod:`harness.engines.port.blocked`.

    Attributes:
        data: the summed data.
        J: (G, q_1, q_1).
        K: (G, q_1, q_1).
        N: (G, q_1, q_1) ``R_g'J_g R_g``.
        A: (N, N).
        H: (N, N).
        pulled: (G, q_1, q_1) ``K_g'B_g H B_g'K_g``.
    """

    data: FactorSums
    J: Matrix
    K: Matrix
    N: Matrix
    A: Matrix
    H: Matrix
    pulled: Matrix

    def times(self, x1: Matrix, x2: Matrix) -> tuple[Matrix, Matrix]:
        """``Z'V^-1 Z x`` for x1 (G, q_1, k) of the first factor and x2 (N, k) of the others."""
        B = self.data.B
        Kt = self.K.transpose(0, 2, 1)
        v1 = self.N @ x1 + Kt @ B.times(x2)
        v2 = B.back(self.K @ x1) + self.A @ x2
        y = self.H @ v2
        return v1 - Kt @ B.times(y), v2 - self.A @ y


def across(factors: Sequence[Factor], block: Matrix, X: Matrix) -> Matrix:
    """Multiply every group's rows of X (N, k) by its factor's part of a (q, q) matrix."""
    result = np.empty(X.shape)
    for f in factors:
        own = block[f.square]
        if len(own) == 1:
            np.multiply(X[f.place], own[0, 0], out=result[f.place])
        else:
            rows = X[f.place].reshape(f.groups, len(own), -1)
            result[f.place] = (own @ rows).reshape(-1, X.shape[1])
    return result


def beside(factors: Sequence[Factor], D: tuple[Matrix, Matrix]) -> list[Matrix]:
    """``(D_1, D_2)`` as one array (G_f, q_f, k) for each factor."""
    first, rest = D
    return [first] + [
        rest[f.place].reshape(f.groups, len(f.members), rest.shape[1]) for f in factors[1:]
    ]
