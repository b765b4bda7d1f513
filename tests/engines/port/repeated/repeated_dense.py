"""Repeated measures with n x n matrices, in the outcome's unit and natural parameters: slow, plain.

Written without the port's algebra. ``Sigma`` is a function of natural parameters (entries,
standard deviations, correlations), differentiated numerically in complex arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import numpy.typing as npt
from kenward_roger_dense import Dense

from harness.engines.port.repeated.fit import RepeatedFit

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


def natural(name: str, R: Matrix) -> tuple[Callable[[Vector], Matrix], Vector]:
    """A structure as the textbook writes it, and its parameters at a covariance R (V, V)."""
    V = len(R)
    lag = np.abs(np.arange(V)[:, None] - np.arange(V))
    sd = np.sqrt(R.diagonal())
    C = R / np.outer(sd, sd)
    rows, columns = np.tril_indices(V)
    eye = np.eye(V)

    def unstructured(x: Vector) -> Matrix:
        S = np.zeros((V, V), dtype=x.dtype)
        S[rows, columns] = S[columns, rows] = x
        return S

    def spread(x: Vector) -> Matrix:
        return np.outer(x[:V], x[:V])

    by_lag = np.array([C[0, h] for h in range(1, V)])
    bands = np.array([R[0, h] for h in range(V)])
    kinds: dict[str, tuple[Callable[[Vector], Matrix], Vector]] = {
        "un": (unstructured, R[rows, columns]),
        "cs": (lambda x: x[0] * eye + x[1], np.array([R[0, 0] - R[0, 1], R[0, 1]])),
        "csh": (lambda x: spread(x) * (eye + (1 - eye) * x[V]), np.append(sd, C[0, 1])),
        "ar1": (lambda x: x[0] * x[1] ** lag, np.array([R[0, 0], C[0, 1]])),
        "ar1h": (lambda x: spread(x) * x[V] ** lag, np.append(sd, C[0, 1])),
        "toep": (lambda x: x[lag], bands),
        "toeph": (
            lambda x: spread(x) * np.append(np.ones(1), x[V:])[lag],
            np.concatenate([sd, by_lag]),
        ),
        "id": (lambda x: x[0] * eye, np.array([R[0, 0]])),
        "diag": (lambda x: np.diag(x), R.diagonal().copy()),
    }
    return kinds[name]


def parts(fit: RepeatedFit) -> tuple[Matrix, Vector, npt.NDArray[np.bool_], Matrix]:
    """X, y, who shares a subject (n, n), and visit dummies (n, V)."""
    s, v = fit.seen.subject_codes, fit.seen.visit_codes
    return fit.design.X, fit.design.y, s[:, None] == s[None, :], np.eye(len(fit.visits))[v]


def dense_criterion(fit: RepeatedFit, Sigma: Matrix) -> float:
    """Minus twice the (restricted) log-likelihood, from the normal density."""
    X, y, together, D = parts(fit)
    V = np.where(together, D @ Sigma @ D.T, 0.0)
    Vi = np.linalg.inv(V)
    A = X.T @ Vi @ X
    r = y - X @ np.linalg.solve(A, X.T @ Vi @ y)
    reml = fit.design.spec.reml
    d = len(y) - (X.shape[1] if reml else 0)
    value = d * np.log(2 * np.pi) + np.linalg.slogdet(V)[1] + r @ Vi @ r
    return float(value + (np.linalg.slogdet(A)[1] if reml else 0.0))


def derivatives(fit: RepeatedFit) -> tuple[list[Matrix], list[list[Matrix]]]:
    """First and second derivatives (n, n) of V in the natural parameters."""
    _, _, together, D = parts(fit)
    sigma, x = natural(fit.structure, fit.covariance_matrix)
    t = len(x)
    unit = np.eye(t) * np.maximum(np.abs(x), 0.1 * np.abs(x).max())[:, None]

    def first(at: Vector, i: int) -> Matrix:
        h = 1e-30
        return sigma(at + 1j * h * unit[i]).imag / (h * unit[i, i])

    def second(i: int, j: int) -> Matrix:
        h = 1e-3  # natural parameters enter as polynomials of low degree; Richardson's step
        near, far = (
            (first(x + k * h * unit[j], i) - first(x - k * h * unit[j], i)) / (2 * k * h)
            for k in (1, 2)
        )
        return (4 * near - far) / (3 * unit[j, j])

    def spread(S: Matrix) -> Matrix:
        return np.where(together, D @ S @ D.T, 0.0)

    ones = [spread(first(x, i)) for i in range(t)]
    return ones, [[spread(second(i, j)) for j in range(t)] for i in range(t)]


def dense_satterthwaite(fit: RepeatedFit, contrasts: Matrix) -> Vector:
    """Degrees of freedom from the observed information, by the textbook's formulae."""
    X, y, together, D = parts(fit)
    Vi = np.linalg.inv(np.where(together, D @ fit.covariance_matrix @ D.T, 0.0))
    ones, twos = derivatives(fit)
    Phi = np.linalg.inv(X.T @ Vi @ X)
    P = Vi - Vi @ X @ Phi @ X.T @ Vi
    M = P if fit.design.spec.reml else Vi
    t = len(ones)
    H = np.empty((t, t))
    Py = P @ y
    for i, j in product(range(t), range(t)):
        H[i, j] = np.trace(M @ twos[i][j]) - np.trace(M @ ones[i] @ M @ ones[j])
        H[i, j] += 2 * Py @ ones[i] @ P @ ones[j] @ Py - Py @ twos[i][j] @ Py
    C = 2 * np.linalg.inv(H)
    df = []
    for row in contrasts:
        w = Vi @ X @ Phi @ row
        g = np.array([w @ one @ w for one in ones])
        df.append(2 * (row @ Phi @ row) ** 2 / (g @ C @ g))
    return np.array(df)


def dense_kenward_roger(fit: RepeatedFit) -> Dense:
    """Kenward & Roger (1997), section 2, without the term in second derivatives."""
    X, _, together, D = parts(fit)
    Vi = np.linalg.inv(np.where(together, D @ fit.covariance_matrix @ D.T, 0.0))
    ones, _ = derivatives(fit)
    Phi = np.linalg.inv(X.T @ Vi @ X)
    t = len(ones)
    ViX = Vi @ X
    P = [-ViX.T @ one @ ViX for one in ones]
    Q = [[ViX.T @ a @ Vi @ b @ ViX for b in ones] for a in ones]
    information = np.empty((t, t))
    for i, j in product(range(t), range(t)):
        information[i, j] = np.trace(Vi @ ones[i] @ Vi @ ones[j])
        information[i, j] -= 2 * np.trace(Phi @ Q[i][j]) - np.trace(Phi @ P[i] @ Phi @ P[j])
    W = 2 * np.linalg.inv(information)
    Lambda = sum(W[i, j] * (Q[i][j] - P[i] @ Phi @ P[j]) for i, j in product(range(t), range(t)))
    return Dense(Phi, W, P, Phi + 2 * Phi @ Lambda @ Phi)
