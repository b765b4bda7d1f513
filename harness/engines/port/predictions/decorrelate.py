"""Residuals made independent: ``L^-1 r`` with ``L L' = V = I + Z S Z'``, rows in their order.

Each number is what a row adds to the rows before it: its distance from its conditional mean given
them, in conditional standard deviations (Houseman, Ryan & Coull 2004, JASA 99, 383-394).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from harness.errors import ModelError
from harness.models.design import Design

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

TIED = 6000
"""Rows that several grouping factors may tie together: their covariance is factored densely."""


def decorrelated(design: Design, Lambda: Matrix, r: Vector) -> Vector:
    """``L^-1 r`` (n,).

    Args:
        design: the model.
        Lambda: (q, q) relative covariance factor for the data's own Z.
        r: (n,), rows times the roots of the prior weights.

    Raises:
        ModelError: more than ``TIED`` rows hang together through several grouping factors.
    """
    terms = design.working_random
    columns = [column for term in terms for column in term.columns]
    if len(design.groupings) == 1:
        Z = np.column_stack(columns)
        return within_groups(Z @ Lambda, r, design.groupings[0].codes)
    owners = [term.group for term in terms for _ in term.names]
    codes = {grouping.label: grouping.codes for grouping in design.groupings}
    result = np.empty_like(r)
    for rows in _tied(design):
        if len(rows) > TIED:
            raise ModelError(
                f"normalized residuals factor the covariance of all rows that "
                f"{' and '.join(codes)} tie together: {len(rows):,} (at most {TIED:,}); "
                "use kind='scaled'"
            )
        V = np.eye(len(rows))
        for label, code in codes.items():
            members = [k for k, owner in enumerate(owners) if owner == label]
            Z = np.column_stack([columns[k][rows] for k in members])
            loaded = Z @ Lambda[np.ix_(members, members)]
            V += (loaded @ loaded.T) * (code[rows][:, None] == code[rows])
        result[rows] = solve_triangular(np.linalg.cholesky(V), r[rows], lower=True)
    return result


def _tied(design: Design) -> list[npt.NDArray[np.intp]]:
    """The rows that share groups, directly or through others, in the order of the data."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = design.frame.n_obs
    tails, heads, offset = [], [], n
    for grouping in design.groupings:
        tails.append(np.arange(n))
        heads.append(offset + grouping.codes.astype(np.intp))
        offset += len(grouping.sizes)
    tail, head = np.concatenate(tails), np.concatenate(heads)
    graph = coo_matrix((np.ones(len(tail)), (tail, head)), shape=(offset, offset))
    _, label = connected_components(graph, directed=False)
    order = np.argsort(label[:n], kind="stable")
    return np.split(order, np.flatnonzero(np.diff(label[:n][order])) + 1)


def within_groups(loaded: Matrix, r: Vector, codes: npt.NDArray[np.intp]) -> Vector:
    """``L^-1 r`` (n,) where groups are independent, all groups one row at a time.

    The square-root form of the Kalman filter, which keeps the digits where random effects are
    large (Potter 1963; Bierman 1977, *Factorization Methods for Discrete Sequential Estimation*,
    chapter 2): per group the mean u and a root P of the covariance of the spherical effects.

    Args:
        loaded: (n, q) ``Z Lambda``.
        r: (n,).
        codes: (n,) group of each row.
    """
    q = loaded.shape[1]
    G = int(codes.max()) + 1
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes, minlength=G)
    place = np.arange(len(r)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    u = np.zeros((G, q))
    P = np.tile(np.eye(q), (G, 1, 1))
    result = np.empty_like(r)
    by_place = np.argsort(place, kind="stable")
    for at in np.split(order[by_place], np.cumsum(np.bincount(place))[:-1]):
        g, z = codes[at], loaded[at]
        root = P[g]
        a = np.einsum("nab,na->nb", root, z)
        f = 1.0 + (a * a).sum(axis=1)
        e = r[at] - (z * u[g]).sum(axis=1)
        gain = np.einsum("nab,nb->na", root, a)
        result[at] = e / np.sqrt(f)
        u[g] += gain * (e / f)[:, None]
        P[g] = root - gain[:, :, None] * a[:, None, :] / (f + np.sqrt(f))[:, None, None]
    return result
