"""The part of the Hessian that needs more than diagonal blocks: ``tr(N dS_i N dS_j)``.

``N = Z'V^-1 Z`` couples all groups of all factors. For each pair of factors one needs the sums over
their groups g and h of the products ``N_gh[a, b] N_gh[c, d]``, from which the traces follow for
every theta. Where the first factor is involved, the sum over its groups is taken inside, so that
no matrix has more rows or columns than the dense block.

Exactly that takes five products of dense matrices, more than all the rest of an evaluation. To
choose a step of the search an estimate is enough: each sum is the mean, over random signs s of the
groups h, of a product of ``sum_h N_gh s_h`` with itself (Hutchinson 1990, Commun. Stat. Simul.
Comput. 19(2)), within a per cent for thousands of groups. Where a factor has no more groups than
signs would be drawn, unit vectors take their place and the sums are exact.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.engines.port.state import State, beside

Matrix = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

PROBES = 16
"""Sign vectors drawn for each factor when traces are estimated."""


def trace_products(state: State, dS: Matrix) -> Matrix:
    """``tr(N dS_i N dS_j)`` (t, t).

    Args:
        state: the matrices at one theta.
        dS: (t, q, q) derivatives of the covariance of all factors' effects.
    """
    q = dS.shape[1]
    first, *others = state.data.factors
    products = np.zeros((q, q, q, q))
    HA = state.H @ state.A
    rest = -HA
    rest.flat[:: len(HA) + 1] += 1.0  # I - H A
    N = state.A @ rest
    for f in others:
        for g in others:
            block = N[f.place, g.place].reshape(f.groups, len(f.members), g.groups, -1)
            wide = block.transpose(1, 3, 0, 2).reshape(len(f.members) * len(g.members), -1)
            shape = (len(f.members), len(g.members)) * 2
            products[_open(f.members, g.members, f.members, g.members)] = (wide @ wide.T).reshape(
                shape
            )
    T = state.data.B.outer(state.K)
    for a, i in enumerate(first.members):
        for c, k in enumerate(first.members):
            middle = T[a][c] @ rest
            for f in others:
                width = len(f.members)
                left = rest[:, f.place].reshape(-1, width)
                right = middle[:, f.place].reshape(-1, width)
                sums = left.T @ right
                products[i, f.members[:, None], k, f.members] = sums
                products[f.members[:, None], i, f.members, k] = sums
    products[_open(*[first.members] * 4)] = _within_first(state, T)
    return _traces(products, dS)


def _open(*members: Index) -> tuple[Index, ...]:
    """Index of the cells that every combination of positions names."""
    last = len(members) - 1
    return tuple(m.reshape((-1,) + (1,) * (last - k)) for k, m in enumerate(members))


def estimated_trace_products(state: State, dS: Matrix) -> Matrix:
    """:func:`trace_products` estimated from fixed random signs; the same at every call."""
    q = dS.shape[1]
    factors = state.data.factors
    products = np.zeros((q, q, q, q))
    rng = np.random.default_rng(1990)
    for f in factors:  # by decreasing size: what later, smaller factors know better replaces
        width = len(f.members)
        few = f.groups <= PROBES
        signs = np.eye(f.groups) if few else rng.choice([-1.0, 1.0], size=(f.groups, PROBES))
        k = signs.shape[1]
        x1 = np.zeros((factors[0].groups, len(factors[0].members), width * k))
        x2 = np.zeros((len(state.A), width * k))
        own = beside(factors, (x1, x2))[factors.index(f)]
        for b in range(width):
            own[:, b, b * k : (b + 1) * k] = signs
        moved = beside(factors, state.times(x1, x2))
        for g, part in zip(factors, moved, strict=True):
            cells = part.reshape(g.groups, len(g.members), width, k).transpose(1, 2, 0, 3)
            wide = cells.reshape(len(g.members) * width, -1)
            gram = wide @ wide.T / (1 if few else k)
            apart = gram.reshape(len(g.members), width, len(g.members), width)
            products[np.ix_(g.members, f.members, g.members, f.members)] = apart
            turned = apart.transpose(1, 0, 3, 2)
            products[np.ix_(f.members, g.members, f.members, g.members)] = turned
    return _traces(products, dS)


def _traces(products: Matrix, dS: Matrix) -> Matrix:
    """``tr(N dS_i N dS_j)`` from the sums of products ``N_gh[a, b] N_gh[c, d]``."""
    t, q = dS.shape[:2]
    left = np.tensordot(products, dS, axes=((1, 3), (1, 2)))  # (a, c, j)
    return dS.transpose(0, 2, 1).reshape(t, q * q) @ left.reshape(q * q, t)


def _within_first(state: State, T: list[list[Matrix]]) -> Matrix:
    """The products over pairs of groups of the first factor (q_1, q_1, q_1, q_1)."""
    width = len(T)
    n, p = (x.reshape(len(x), -1) for x in (state.N, state.pulled))
    np_sum = n.T @ p
    own = (n.T @ n - np_sum - np_sum.T).reshape((width,) * 4)
    HT = [[state.H @ T[a][c] for c in range(width)] for a in range(width)]
    crossed = np.empty_like(own)
    for a, b, c, d in np.ndindex(*own.shape):
        crossed[a, b, c, d] = float((HT[b][d] * HT[c][a].T).sum())
    return own + crossed
