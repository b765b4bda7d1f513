"""Kenward and Roger (1997) with n x n matrices, term by term as published: slow and plain.

Written without the port's algebra: the parameters are the entries of each covariance matrix and
sigma^2, in the outcome's unit, and every product is formed as the paper writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from port_data import dense_z

import harness.engines.port.fit as port

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Dense:
    """What the paper's section 2 needs: Phi, W, the P_r, and the adjusted Phi."""

    Phi: Matrix
    W: Matrix
    P: list[Matrix]
    adjusted: Matrix

    def test(self, L: Matrix, beta: Matrix) -> tuple[float, float, float]:
        """Denominator df m, lambda and the scaled F, section 3 of the paper."""
        ell, Phi = len(L), self.Phi
        Theta = L.T @ np.linalg.inv(L @ Phi @ L.T) @ L
        U = [Theta @ Phi @ P @ Phi for P in self.P]
        A1 = A2 = 0.0
        for r, s in product(range(len(U)), repeat=2):
            A1 += self.W[r, s] * np.trace(U[r]) * np.trace(U[s])
            A2 += self.W[r, s] * np.trace(U[r] @ U[s])
        B = (A1 + 6 * A2) / (2 * ell)
        g = ((ell + 1) * A1 - (ell + 4) * A2) / ((ell + 2) * A2)
        c1 = g / (3 * ell + 2 * (1 - g))
        c2 = (ell - g) / (3 * ell + 2 * (1 - g))
        c3 = (ell + 2 - g) / (3 * ell + 2 * (1 - g))
        E = 1 / (1 - A2 / ell)
        V = (2 / ell) * (1 + c1 * B) / ((1 - c2 * B) ** 2 * (1 - c3 * B))
        rho = V / (2 * E**2)
        m = 4 + (ell + 2) / (ell * rho - 1)
        scale = m / (E * (m - 2))
        wald = (L @ beta) @ np.linalg.solve(L @ self.adjusted @ L.T, L @ beta)
        return m, scale, scale * wald / ell


def dense(fit: port.Fit) -> Dense:
    """The paper's quantities for a fit of the port, at the port's estimates."""
    design = fit.design
    X, n = design.X, fit.n_obs
    codes_of = {grouping.label: grouping.codes for grouping in design.groupings}
    G, gamma = [], []
    position = 0
    for term in design.random:
        size = len(term.names)
        factor = np.zeros((size, size))
        for j in range(size):
            factor[j:, j] = fit.theta[position : position + size - j]
            position += size - j
        D = fit.sigma**2 * factor @ factor.T
        codes = codes_of[term.group]
        groups = int(codes.max()) + 1
        Z = dense_z([list(term.columns)], codes)
        for i in range(size):
            for j in range(i + 1):
                unit = np.zeros((size, size))
                unit[i, j] = unit[j, i] = 1.0
                G.append(Z @ np.kron(np.eye(groups), unit) @ Z.T)
                gamma.append(D[i, j])
    G.append(np.eye(n) if design.weights is None else np.diag(1.0 / design.weights))
    gamma.append(fit.sigma**2)
    V = sum(value * matrix for value, matrix in zip(gamma, G, strict=True))
    Vi = np.linalg.inv(V)
    Phi = np.linalg.inv(X.T @ Vi @ X)
    P = [-X.T @ Vi @ g @ Vi @ X for g in G]
    k = range(len(G))
    Q = [[X.T @ Vi @ G[r] @ Vi @ G[s] @ Vi @ X for s in k] for r in k]
    half = [Vi @ g for g in G]
    twice = np.array(
        [
            [
                np.sum(half[r] * half[s].T)
                - 2 * np.trace(Phi @ Q[r][s])
                + np.trace(Phi @ P[r] @ Phi @ P[s])
                for s in k
            ]
            for r in k
        ]
    )
    W = 2 * np.linalg.inv(twice)
    middle = sum(W[r, s] * (Q[r][s] - P[r] @ Phi @ P[s]) for r, s in product(k, k))
    return Dense(Phi, W, P, Phi + 2 * Phi @ middle @ Phi)
