"""Kenward-Roger's sums where the effects of crossed factors are far above the residual.

:mod:`harness.engines.port.kenward_roger_blocked` takes ``N = Z'V^-1 Z`` as ``A - A H A``, of which
``lambda^2`` of sixteen digits are lost for effects lambda residual standard deviations large: with
two crossed factors at 1e4 the df were off by 5e-4. Here a QR decomposition of all rows (the
augmented system of Bates et al. 2015, J. Stat. Softw. 67(1)) keeps all but lambda's: with

    [Z Lambda; I] = [Q_1; Q_2] R,        Q_2 = R^-1,

it is ``V^-1 = I - Q_1 Q_1'`` and, L and S being columns of large and of small effects,

    N_LL = Lambda^-T (I - Q_2 Q_2') Lambda^-1     N_LS = Lambda^-T Q_2 Q_1'Z_S
    N_SS = Z_S'(I - Q_1 Q_1')(I - Q_1 Q_1')Z_S + Z_S'Q_1 Q_2'Q_2 Q_1'Z_S

and alike for ``D = Z'V^-1 X``. It has a column for every random effect: for moderate designs only.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from harness.engines.port.factors import Factor, FactorSums
from harness.engines.port.kenward_roger import Unadjusted, symmetric_units, unit_information

Matrix = npt.NDArray[np.float64]

LARGE = 30.0
"""A theta above this, in two factors, is worth it: three digits are lost otherwise."""

MOST_NUMBERS = 3_000_000
"""Most numbers of the augmented matrix: beyond it the rows are not worth their digits."""


def by_rows_pays(data: FactorSums, Lambda: Matrix) -> bool:
    """Whether two or more factors have large effects and the rows are few enough."""
    large = [np.abs(Lambda[f.square].diagonal()).max() > LARGE for f in data.factors]
    columns = sum(f.groups * len(f.members) for f in data.factors)
    return sum(large) > 1 and (data.n_obs + columns) * columns <= MOST_NUMBERS


class RowSums:
    """``N`` and ``D`` of all effects of all factors, and what the method makes of them."""

    def __init__(self, data: FactorSums, Lambda: Matrix, root: Matrix) -> None:
        """Decompose the rows.

        Args:
            data: the summed data, with its rows.
            Lambda: (q, q) relative covariance factor of all factors' effects.
            root: (p, p) with ``root' X'V^-1 X root = I``, but for the digits its own sums lost.

        ``turn`` (p, p) is what ``root`` lacks: with ``root @ turn`` it is so to the last digit.
        """
        self.data = data
        factors = data.factors
        Z = np.concatenate([_columns(data, f) for f in factors], axis=1)
        X = data.W[:, : len(root)] @ root
        n, q = Z.shape
        scaled = _times(factors, Lambda, Z)
        Q, _ = np.linalg.qr(np.concatenate([scaled, np.eye(q)]))
        Q1, Q2 = Q[:n], Q[n:]
        # V^-1 is a projection of the augmented rows: with what it leaves, sums are of squares.
        _, triangle = np.linalg.qr(_left(Q, Q1, X))
        self.turn = np.linalg.inv(triangle)
        right = np.concatenate([Z, X @ self.turn], axis=1)
        rest = _left(Q, Q1, right)
        # Rows of N and D: as they stand, and where effects are large from the other side.
        whole = rest[:, :q].T @ rest
        pushed = Q2 @ (Q1.T @ right)
        places = _places(factors)
        large = []
        for f, place in zip(factors, places, strict=True):
            block = Lambda[f.square]
            if np.abs(block.diagonal()).min() >= 1.0:
                whole[place] = _solved(block, pushed[place])
                large.append((place, block))
        middle = np.eye(q) - Q2 @ Q2.T
        for place, block in large:
            for other, beside in large:
                left = _solved(block, middle[place, other])
                whole[place, other] = _solved(beside, left.T).T
            for other in places:
                if all(other != known for known, _ in large):
                    whole[other, place] = whole[place, other].T
        self.N = 0.5 * (whole[:, :q] + whole[:, :q].T)
        self.D = whole[:, q:]

    def traces(self, q: int) -> Matrix:
        """Sum over the groups of each factor of the diagonal blocks of N (q, q)."""
        found = np.zeros((q, q))
        for f, place in zip(self.data.factors, _places(self.data.factors), strict=True):
            width = len(f.members)
            blocks = self.N[place, place].reshape(f.groups, width, f.groups, width)
            found[f.square] = np.einsum("gagb->ab", blocks)
        return found

    def unadjusted(self, change: Matrix) -> Unadjusted:
        """The sums, with the effects in the basis ``change`` (q, q)."""
        units = symmetric_units(self.data.structure)
        E = change @ units @ change.T
        moved = [_times(self.data.factors, E_r, self.N) for E_r in E]  # N E_r
        pulled = [_times(self.data.factors, E_r, self.D.T).T for E_r in E]  # E_r D
        traces = np.array([[float((a * b.T).sum()) for b in moved] for a in moved])
        pulls = np.array([[float((a * (self.N @ b)).sum()) for b in pulled] for a in pulled])
        return Unadjusted(
            P=np.array([self.D.T @ part for part in pulled]),
            E=E,
            trace=np.array([np.trace(part) for part in moved]),
            information=traces - 2.0 * pulls,
            whole=float(traces.diagonal().max()),
        )

    def squares(self, directions: Matrix) -> Matrix:
        """``sum_k D'E_k N E_k D`` (p, p) over E_k (k, q, q)."""
        pulled = [_times(self.data.factors, E_k, self.D.T).T for E_k in directions]
        total = np.zeros((self.D.shape[1],) * 2)
        for part in pulled:
            total += part.T @ self.N @ part
        return total


def _left(Q: Matrix, Q1: Matrix, right: Matrix) -> Matrix:
    """``[right; 0]`` less its projection: the rows whose products are ``right'V^-1 right``."""
    rest = -(Q @ (Q1.T @ right))
    rest[: len(right)] += right
    return rest


def row_sums(data: FactorSums, Lambda: Matrix, root: Matrix) -> tuple[Unadjusted, RowSums]:
    """Kenward-Roger's sums from the rows; arguments as of :class:`RowSums`."""
    found = RowSums(data, Lambda, root)
    change = unit_information(data.structure, found.traces(len(Lambda)))
    return found.unadjusted(change), found


def _places(factors: Sequence[Factor]) -> list[slice]:
    """The columns of each factor among all, group by group."""
    ends = np.cumsum([0] + [f.groups * len(f.members) for f in factors]).tolist()
    return [slice(a, b) for a, b in pairwise(ends)]


def _columns(data: FactorSums, f: Factor) -> Matrix:
    """Z (n, G q_f) of one factor, group by group."""
    Z = np.zeros((len(f.codes), f.groups, len(f.members)))
    for a, k in enumerate(f.members):
        Z[np.arange(len(f.codes)), f.codes, a] = data.Z[k]
    return Z.reshape(len(f.codes), -1)


def _times(factors: Sequence[Factor], block: Matrix, right: Matrix) -> Matrix:
    """``right (k, N) @ B``, B having a factor's part of a (q, q) matrix for each of its groups."""
    result = np.empty(right.shape)
    for f, place in zip(factors, _places(factors), strict=True):
        part = right[:, place].reshape(len(right), f.groups, len(f.members))
        result[:, place] = (part @ block[f.square]).reshape(len(right), -1)
    return result


def _solved(block: Matrix, rows: Matrix) -> Matrix:
    """``Lambda_f^-T rows`` for rows (G q_f, k), group by group."""
    width = len(block)
    parts = rows.reshape(-1, width, rows.shape[1])
    return np.asarray(np.linalg.solve(block.T, parts)).reshape(rows.shape)
