"""The sums over groups that a criterion with several random effects a group takes at one theta.

With J, K and N as in :mod:`harness.engines.port.criterion` and (a, b) the place of each theta,

    omega = sum_g c_g'J_k c_g,      E_ab = sum_g h_a'h_b,      h = K_k'c_g,

so that the derivative of ``-Omega`` in any S is ``sum_ab dS_ab E_ab``. What the second derivative
needs beside, given ``Y = d f / d Omega``, is ``Q_k = sum_g h Y h'`` and

    G = sum_k (n_k N_k - Q_k),      T = sum_k (2 Q_k - n_k N_k) x N_k.

Groups that share designs are taken by patterns; groups with designs of their own by their ``c_g``,
some thousand at a time, without their outer products.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import numpy.typing as npt

from harness.engines.port.crossproducts import CrossProducts

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

BLOCK = 2048
"""Groups taken at a time: what they need stays in the processor's cache."""

FEW = 4
"""Patterns up to which plain arithmetic is faster than arrays."""


class Weighed(Protocol):
    """The sums at one theta.

    Attributes:
        omega: (P, P).
        E: (t, P, P).
        logdet: ``sum_g log|I + R S R'|``.
    """

    omega: Matrix
    E: Matrix
    logdet: float

    def pull(self, Y: Matrix) -> tuple[Matrix, Matrix]:
        """G (q, q) and T (q q, q q), given Y (P, P)."""


def weighed(data: CrossProducts, Lambda: Matrix) -> Weighed:
    """The sums at a factor Lambda (q, q)."""
    if data.pooled is None:
        return _OwnDesigns(data, Lambda)
    return _Patterns(data, data.pooled, Lambda)


class _Patterns:
    """Sums over patterns of groups with one design."""

    def __init__(self, data: CrossProducts, B: Matrix, Lambda: Matrix) -> None:
        structure = data.structure
        J, self.K, self.N, logdet = matrices(data.R, Lambda)
        m, q = J.shape[:2]
        t, P = structure.t, data.p + 1
        rows = np.empty((t + 1, m, q, q))
        rows[0] = J
        across = self.K.transpose(2, 0, 1)
        left, right = across.take(structure.rows, axis=0), across.take(structure.columns, axis=0)
        np.multiply(left[:, :, :, None], right[:, :, None, :], out=rows[1:])
        D = (rows.reshape(t + 1, m * q * q) @ B).reshape(t + 1, P, P)
        self.omega, self.E = D[0], D[1:]
        self.logdet = float(data.count @ logdet)
        self.B, self.count = B, data.count

    def pull(self, Y: Matrix) -> tuple[Matrix, Matrix]:
        m, q = self.K.shape[:2]
        tau = (self.B @ Y.ravel()).reshape(m, q, q)
        Q = self.K.transpose(0, 2, 1) @ tau @ self.K
        nN = self.N * self.count[:, None, None]
        rest = nN - Q
        T = (Q - rest).reshape(m, q * q).T @ self.N.reshape(m, q * q)
        return (rest[0] if m == 1 else rest.sum(axis=0)), T


class _OwnDesigns:
    """Sums over groups each of which is a pattern of its own."""

    def __init__(self, data: CrossProducts, Lambda: Matrix) -> None:
        structure = data.structure
        q, P, G = data.q, data.p + 1, len(data.R)
        self.omega = np.zeros((P, P))
        gram = np.zeros((q * P, q * P))
        self.logdet = 0.0
        self.blocks: list[tuple[Matrix, Matrix]] = []
        for start in range(0, G, BLOCK):
            here = slice(start, start + BLOCK)
            J, K, N, logdet = matrices(data.R[here], Lambda)
            size = len(logdet)
            c = data.c[here].reshape(size, q * P).T.copy().reshape(q, P, size)
            J, K, N = (np.ascontiguousarray(x.transpose(1, 2, 0)) for x in (J, K, N))
            h, g = np.empty_like(c), np.empty_like(c)
            for a in range(q):
                np.multiply(K[0, a], c[0], out=h[a])
                np.multiply(J[a, 0], c[0], out=g[a])
                for b in range(1, q):
                    h[a] += K[b, a] * c[b]
                    g[a] += J[a, b] * c[b]
                self.omega += c[a] @ g[a].T
            wide = h.reshape(q * P, size)
            gram += wide @ wide.T.copy()  # a copy: numpy's symmetric product is the slower one
            self.logdet += float(logdet.sum())
            self.blocks.append((h, N))
        self.E = gram.reshape(q, P, q, P)[structure.rows, :, structure.columns, :]

    def pull(self, Y: Matrix) -> tuple[Matrix, Matrix]:
        q = len(self.blocks[0][1])
        G, T = np.zeros((q, q)), np.zeros((q * q, q * q))
        for h, N in self.blocks:
            Yh = Y @ h
            Q = np.empty_like(N)
            for a in range(q):
                for b in range(a + 1):
                    (h[a] * Yh[b]).sum(axis=0, out=Q[a, b])
                    Q[b, a] = Q[a, b]
            rest = N - Q
            G += rest.sum(axis=2)
            T += (Q - rest).reshape(q * q, -1) @ N.reshape(q * q, -1).T
        return G, T


def matrices(R: Matrix, Lambda: Matrix) -> tuple[Matrix, Matrix, Matrix, Vector]:
    """J, K, N (m, q, q) of each pattern and ``log|I + R S R'|`` (m,)."""
    m, q = R.shape[:2]
    if q == 2 and m <= FEW:
        return _few_of_two(R, Lambda)
    J, logdet = capacitance(R, Lambda)
    if q == 2:
        (a, b), (c, d) = R.transpose(1, 2, 0)
        top, off, bottom = J[:, 0, 0], J[:, 0, 1], J[:, 1, 1]
        K, N = np.empty_like(J), np.empty_like(J)
        K[:, 0, 0] = k = top * a + off * c
        K[:, 1, 0] = u = off * a + bottom * c
        K[:, 0, 1] = r = top * b + off * d
        K[:, 1, 1] = s = off * b + bottom * d
        N[:, 0, 0] = a * k + c * u
        N[:, 0, 1] = N[:, 1, 0] = a * r + c * s
        N[:, 1, 1] = b * r + d * s
        return J, K, N, logdet
    K = J @ R
    return J, K, R.transpose(0, 2, 1) @ K, logdet


def capacitance(R: Matrix, Lambda: Matrix) -> tuple[Matrix, Vector]:
    """``(I + R S R')^-1`` (..., q, q) and ``log|I + R S R'|`` (...), of stacks of both."""
    q = R.shape[-1]
    root = R @ Lambda
    if q == 2:
        a, b, c, d = root[..., 0, 0], root[..., 0, 1], root[..., 1, 0], root[..., 1, 1]
        top, bottom, off = a * a + b * b, c * c + d * d, a * c + b * d
        # The determinant as 1 + trace + squared determinant of the root: nothing cancels.
        extra = top + bottom + (a * d - b * c) ** 2
        J = np.empty_like(root)
        J[..., 0, 0] = 1.0 + bottom
        J[..., 1, 1] = 1.0 + top
        J[..., 0, 1] = J[..., 1, 0] = -off
        J /= (1.0 + extra)[..., None, None]
        return J, np.log1p(extra)
    K = root @ root.swapaxes(-1, -2) + np.eye(q)
    return np.asarray(np.linalg.inv(K)), np.asarray(np.linalg.slogdet(K)[1])


def _few_of_two(R: Matrix, Lambda: Matrix) -> tuple[Matrix, Matrix, Matrix, Vector]:
    """:func:`matrices` of a few patterns of two effects, number by number."""
    (p, r), (s, t) = Lambda.tolist()
    found, logdet = [], []
    for (a, b), (c, d) in R.tolist():
        e, f, g, h = a * p + b * s, a * r + b * t, c * p + d * s, c * r + d * t
        top, bottom, off = e * e + f * f, g * g + h * h, e * g + f * h
        det = e * h - f * g
        extra = top + bottom + det * det
        logdet.append(math.log1p(extra))
        size = 1.0 + extra
        first, last, cross = (1.0 + bottom) / size, (1.0 + top) / size, -off / size
        k, x = first * a + cross * c, first * b + cross * d
        u, y = cross * a + last * c, cross * b + last * d
        ab = a * x + c * y
        found.append((first, cross, cross, last, k, x, u, y, a * k + c * u, ab, ab, b * x + d * y))
    J, K, N = np.array(found).reshape(len(found), 3, 2, 2).transpose(1, 0, 2, 3)
    return J, K, N, np.array(logdet)
