"""The first of several grouping factors, eliminated group by group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.engines.port.factors import FactorSums
from harness.engines.port.weighed import capacitance

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Eliminated:
    """What is left when the first factor is eliminated: functions of its covariance alone.

    Attributes:
        key: the entries of ``Lambda_1`` it belongs to.
        J: (G, q_1, q_1) ``(I + R_g S_1 R_g')^-1``.
        K: (G, q_1, q_1) ``J_g R_g``.
        N: (G, q_1, q_1) ``R_g'J_g R_g``.
        logdet: ``log|V_1|``.
        A: (N, N).
        C: (N, P).
        Omega: (P, P) ``Omega_1``.
    """

    key: bytes
    J: Matrix
    K: Matrix
    N: Matrix
    logdet: float
    A: Matrix
    C: Matrix
    Omega: Matrix


def eliminate(data: FactorSums, Lambda: Matrix) -> Eliminated:
    """Eliminate the first factor at its Lambda (q_1, q_1)."""
    J, logdet = capacitance(data.R, Lambda)
    K = J @ data.R
    N = (data.R.transpose(0, 2, 1) @ K)[data.pattern]
    count = np.bincount(data.pattern, minlength=len(J))
    J, K = J[data.pattern], K[data.pattern]
    Jc = J @ data.c
    P = data.c.shape[2]
    return Eliminated(
        key=Lambda.tobytes(),
        J=J,
        K=K,
        N=N,
        logdet=float(count @ logdet),
        A=data.within_zz + data.B.gram(J),
        C=data.within_zw + data.B.back(Jc),
        Omega=data.within + data.c.reshape(-1, P).T @ Jc.reshape(-1, P),
    )
