"""The part of the Hessian that needs more than diagonal blocks: ``tr(N dS_i N dS_j)``.

``N = Z'V^-1 Z`` couples all groups of all factors. For each pair of factors one needs the sums over
their groups g and h of the products ``N_gh[a, b] N_gh[c, d]``, from which the traces follow for
every theta. Where the first factor is involved, the sum over its groups is taken inside, so that
no matrix has more rows or columns than the dense block.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.engines.port.state import State

Matrix = npt.NDArray[np.float64]


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
            products[np.ix_(f.members, g.members, f.members, g.members)] = (wide @ wide.T).reshape(
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
    products[np.ix_(*[first.members] * 4)] = _within_first(state, T)
    return np.asarray(np.einsum("abcd,jbd,ica->ij", products, dS, dS, optimize=True))


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
