"""The variance of a prediction ``x'beta + z'b`` about its truth.

The error of the estimated coefficients enters twice, for the conditional modes are computed with
them. With ``D = S Z'V^-1 X``, the modes of the columns of X, and ``C`` the conditional covariance
of the random effects given beta (:mod:`harness.engines.port.predictions.posterior`),

    Var / sigma^2 = (x - D'z)'(X'V^-1 X)^-1 (x - D'z) + z'C z,

Henderson's (1975, Biometrics 31, 423-447) variance of a best linear unbiased prediction, theta
taken as known. For the rows of the data themselves it is the diagonal of the matrix that turns y
into the fitted values: their leverage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from harness.engines.port.blocked import BlockedProblem, solved
from harness.engines.port.criterion import Evaluation, Problem
from harness.engines.port.predictions.posterior import FactorPosterior, conditional_root
from harness.engines.port.state import across
from harness.engines.port.surface import Surface

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

ENTRIES = 4_000_000
"""Numbers held at a time where every row meets every effect of the other factors."""


@dataclass(frozen=True, slots=True)
class Row:
    """One grouping factor's part of some rows.

    Attributes:
        z: (k, q) random-effects columns in the standardised basis.
        codes: (k,) group of each row, -1 for one the fit has not seen.
    """

    z: Matrix
    codes: npt.NDArray[Any]


def relative_variance(
    at: Surface,
    evaluation: Evaluation,
    factors: Mapping[str, FactorPosterior],
    x: Matrix,
    rows: Mapping[str, Row],
) -> Vector:
    """Variance of predictions over sigma squared (k,).

    Args:
        at: the problem.
        evaluation: at the estimates.
        factors: every grouping factor's conditional means and covariances.
        x: (k, p) fixed effects' rows in the basis W.
        rows: the random effects that belong to the prediction, by factor; may be none.
    """
    p = at.data.p
    rest = x.copy()
    for label, row in rows.items():
        seen = row.codes >= 0
        means = factors[label].means[row.codes[seen], :, :p]
        rest[seen] -= np.einsum("nq,nqp->np", row.z[seen], means)
    lengths = rest @ evaluation.Rho_inverse[:p, :p]
    variance: Vector = (lengths * lengths).sum(axis=1)
    for label, row in rows.items():
        new = row.codes < 0
        if new.any():
            variance[new] += np.einsum("na,ab,nb->n", row.z[new], factors[label].S, row.z[new])
    if isinstance(at, BlockedProblem):
        return variance + _of_several(at, evaluation, rows, len(x))
    if not isinstance(at, Problem):
        raise TypeError(f"no prediction errors for a {type(at).__name__}")
    for row in rows.values():
        seen = row.codes >= 0
        Lambda = at.data.structure.Lambda(evaluation.theta)
        half = conditional_root(at.data.R, Lambda)[at.data.pattern[row.codes[seen]]]
        variance[seen] += (np.einsum("nab,nb->na", half, row.z[seen]) ** 2).sum(axis=1)
    return variance


def _of_several(
    at: BlockedProblem, evaluation: Evaluation, rows: Mapping[str, Row], k: int
) -> Vector:
    """``z'C z`` (k,) over the groups the fit has seen.

    The first factor's own part, and the squared length of what is left of z in the other factors'
    effects when the first factor's are expressed by them.
    """
    data = at.data
    first, *others = data.factors
    point = solved(at, evaluation.theta)
    Lambda, A = point.Lambda, point.state.A
    M = across(others, Lambda.T, across(others, Lambda.T, A).T)
    M.flat[:: len(M) + 1] += 1.0
    across_2 = across(others, Lambda.T, np.eye(len(M)))
    root = solve_triangular(np.linalg.cholesky(M), across_2, lower=True).T  # root root' = H
    variance = np.zeros(k)
    own = Lambda[np.ix_(first.members, first.members)]
    head = rows.get(first.label)
    pull = None
    if head is not None:
        half = conditional_root(data.R, own)[data.pattern]
        seen = head.codes >= 0
        inside = np.einsum("nab,nb->na", half[head.codes[seen]], head.z[seen])
        variance[seen] += (inside * inside).sum(axis=1)
        pull = point.state.K.transpose(0, 2, 1) @ data.B.times(root)
        pull = own @ own.T @ pull
    step = max(1, ENTRIES // max(1, len(M)))
    for start in range(0, k, step):
        part = slice(start, min(k, start + step))
        u = np.zeros((part.stop - start, len(M)))
        if head is not None and pull is not None:
            seen = head.codes[part] >= 0
            codes = head.codes[part][seen]
            u[seen] -= np.einsum("nq,nqk->nk", head.z[part][seen], pull[codes])
        for f in others:
            if (row := rows.get(f.label)) is None:
                continue
            seen = row.codes[part] >= 0
            codes = row.codes[part][seen].astype(np.intp)
            width = len(f.members)
            for b in range(width):
                effects = root[f.place.start + codes * width + b]
                u[seen] += row.z[part][seen, b, None] * effects
        variance[part] += (u * u).sum(axis=1)
    return variance
