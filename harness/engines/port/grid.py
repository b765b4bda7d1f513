"""A look at the whole surface of a small model with two crossed or nested variances.

Where a second minimum may lie, a model with two grouping factors of one random intercept (or
slope) each and few columns is evaluated on a grid of both variances, in one batch of small
Cholesky factors: a fraction of what descents from other starts take, and it sees more.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.engines.port.blocked import BlockedProblem
from harness.engines.port.criterion import Evaluation
from harness.engines.port.crossing import DenseCrossing

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

SIZES = np.concatenate(([0.0], np.geomspace(0.03, 180.0, 17) ** 2))
"""Relative variances looked at: standard deviations by factors of 1.7."""

SMALL = 60
"""Columns of the second factor, X and y together up to which the grid is the cheaper look."""


def fits(at: BlockedProblem) -> bool:
    """Whether a criterion can be looked at on the grid."""
    data = at.data
    return (
        data.structure.blocks == (1, 1)
        and len(data.factors) == 2
        and isinstance(data.B, DenseCrossing)
        and len(data.within_zz) + data.p + 1 <= SMALL
    )


def on_grid(at: BlockedProblem, first: Vector, second: Vector) -> Matrix:
    """The criterion (k, l) at relative variances of the first (k,) and second factor (l,).

    With the second factor's columns beside W, ``[Lambda_2 Z_2  W]'V_1^-1 [Lambda_2 Z_2  W] +
    diag(I, 0)`` has a Cholesky factor whose pivots are those of M and of Omega.
    """
    data = at.data
    if not isinstance(data.B, DenseCrossing):
        raise TypeError("the grid needs the crossing of the factors held densely")
    N, P = len(data.within_zz), data.p + 1
    K = 1.0 + np.multiply.outer(first, data.R.ravel() ** 2)
    columns = np.concatenate((data.B.B[:, 0], data.c[:, 0]), axis=1)  # (G, N + P)
    weighed = (1.0 / K)[:, data.pattern, None] * columns
    whole = columns.T @ weighed
    whole[:, :N, :N] += data.within_zz
    whole[:, :N, N:] += data.within_zw
    whole[:, N:, :N] += data.within_zw.T
    whole[:, N:, N:] += data.within
    scale = np.ones((len(second), N + P))
    scale[:, :N] = np.sqrt(second)[:, None]
    system = whole[:, None] * (scale[:, :, None] * scale[:, None, :])
    system.reshape(len(first), len(second), -1)[:, :, : N * (N + P) : N + P + 1] += 1.0
    try:
        pivots = np.log(np.linalg.cholesky(system).diagonal(axis1=2, axis2=3))
    except np.linalg.LinAlgError:
        return np.full((len(first), len(second)), np.inf)
    weights = np.concatenate((np.ones(N), at.weights))
    count = np.bincount(data.pattern, minlength=data.R.shape[0])
    return np.asarray(
        at.constant + (np.log(K) @ count)[:, None] + 2.0 * (pivots @ weights), dtype=np.float64
    )


def other_dips(at: BlockedProblem, found: Evaluation) -> list[Vector]:
    """Starts in every dip of the grid but that of a minimum already found; lowest first."""
    order = [int(factor.members[0]) for factor in at.data.factors]
    f = np.full((len(SIZES) + 2,) * 2, np.inf)
    f[1:-1, 1:-1] = on_grid(at, SIZES, SIZES)
    here = f[1:-1, 1:-1]
    dip = np.isfinite(here)
    for i, j in np.ndindex(3, 3):
        dip &= here <= f[i : i + len(SIZES), j : j + len(SIZES)]
    edges = np.concatenate(([0.0], SIZES, [np.inf]))
    starts = []
    for k, m in sorted(np.argwhere(dip).tolist(), key=lambda cell: float(here[*cell])):
        known = all(
            edges[c] <= S <= edges[c + 2]
            for c, S in zip((k, m), found.theta[order] ** 2, strict=True)
        )
        if not known:
            start = np.empty(2)
            start[order] = np.sqrt(np.maximum(SIZES[[k, m]], 1e-4))
            starts.append(start)
    return starts
