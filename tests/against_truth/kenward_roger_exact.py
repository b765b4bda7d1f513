"""Kenward and Roger (1997) in 40-digit arithmetic, term by term as published.

V is inverted group by group as it stands; nothing is shared with the package. The covariance
parameters are the distinct entries of each random term's covariance and sigma^2, the information is
the expected one, and the residual variance is taken out: ``V = I + sum_r gamma_r Z E_r Z'``.
"""

from __future__ import annotations

from dataclasses import dataclass

from exact import Model, Vector
from mpmath import mp, mpf

DIGITS = 60
"""Digits carried; random effects 1e6 residual SDs large cost a dozen."""


@dataclass(frozen=True)
class Exact:
    """Phi and Phi_A with sigma^2 taken out, W, the P_r, and sigma."""

    Phi: mp.matrix
    adjusted: mp.matrix
    W: mp.matrix
    P: list[mp.matrix]
    sigma: mpf
    beta: mp.matrix

    def test(self, L: mp.matrix) -> tuple[mpf, mpf, mpf]:
        """Denominator df m, lambda and the scaled F of L beta = 0; section 3 of the paper."""
        ell = L.rows
        Theta = L.T * (L * self.Phi * L.T) ** -1 * L
        U = [Theta * self.Phi * P * self.Phi for P in self.P]
        A1 = A2 = mpf(0)
        for r, left in enumerate(U):
            for s, right in enumerate(U):
                A1 += self.W[r, s] * _trace(left) * _trace(right)
                A2 += self.W[r, s] * _trace(left * right)
        B = (A1 + 6 * A2) / (2 * ell)
        g = ((ell + 1) * A1 - (ell + 4) * A2) / ((ell + 2) * A2)
        scale = 3 * ell + 2 * (1 - g)
        c1, c2, c3 = g / scale, (ell - g) / scale, (ell + 2 - g) / scale
        E = 1 / (1 - A2 / ell)
        V = (mpf(2) / ell) * (1 + c1 * B) / ((1 - c2 * B) ** 2 * (1 - c3 * B))
        m = 4 + (ell + 2) / (ell * V / (2 * E**2) - 1)
        shrink = m / (E * (m - 2))
        value = L * self.beta
        wald = (value.T * (L * self.adjusted * L.T) ** -1 * value)[0] / self.sigma**2
        return m, shrink, shrink * wald / ell

    def std_error(self) -> Vector:
        return [self.sigma * mp.sqrt(self.adjusted[j, j]) for j in range(self.Phi.rows)]


def _trace(A: mp.matrix) -> mpf:
    return mp.fsum(A[k, k] for k in range(A.rows))


def kenward_roger(model: Model, theta: Vector) -> Exact:
    """Everything the tests need, at any theta; a variance may be zero."""
    q, p = model.groups[0].Z.cols, model.p
    Lambda = mp.zeros(q, q)
    units = []
    for places, value in zip(model.places, theta, strict=True):
        E = mp.zeros(q, q)
        for i, j in places:
            Lambda[i, j] = value
            E[i, j] = E[j, i] = 1
        units.append(E)
    k = len(units) + 1
    information, twice = mp.zeros(p, p), mp.zeros(k, k)
    P = [mp.zeros(p, p) for _ in range(k)]
    Q = [[mp.zeros(p, p) for _ in range(k)] for _ in range(k)]
    xy, yy = mp.zeros(p, 1), mpf(0)
    for group in model.groups:
        n = group.y.rows
        half = group.Z * Lambda
        inverse = (mp.eye(n) + half * half.T) ** -1
        G = [*(group.Z * E * group.Z.T for E in units), mp.eye(n)]
        whole = [inverse * g for g in G]
        right = inverse * group.X
        information += group.X.T * right
        xy += right.T * group.y
        yy += (group.y.T * inverse * group.y)[0]
        for r in range(k):
            P[r] -= right.T * G[r] * right
            left = right.T * G[r] * inverse
            for s in range(k):
                Q[r][s] += left * G[s] * right
                twice[r, s] += _trace(whole[r] * whole[s])
    Phi = information**-1
    beta = Phi * xy
    sigma = mp.sqrt((yy - (xy.T * beta)[0]) / model.d)
    for r in range(k):
        for s in range(k):
            twice[r, s] += _trace(Phi * P[r] * Phi * P[s]) - 2 * _trace(Phi * Q[r][s])
    W = 2 * twice**-1
    middle = mp.zeros(p, p)
    for r in range(k):
        for s in range(k):
            middle += W[r, s] * (Q[r][s] - P[r] * Phi * P[s])
    return Exact(Phi, Phi + 2 * Phi * middle * Phi, W, P, sigma, beta)
