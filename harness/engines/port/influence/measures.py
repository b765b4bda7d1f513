"""Measures of what each group does to the estimates, from the estimates without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import solve_triangular

from harness.engines.port.influence.deletion import leave_groups_out
from harness.models.variables import level_text

if TYPE_CHECKING:
    from harness.engines.port.fitted import FittedModel

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Influence:
    """What each group of one grouping factor does to a fit.

    Attributes:
        group: the grouping factor.
        dfbeta: change of each coefficient when the group is left out (without it, less with it).
        dfbetas: that change over the coefficient's standard error without the group.
        estimates: ``theta1 ...``, ``sigma`` and ``criterion`` without the group.
        measures: ``rows`` of the group; ``cooks_distance``,
            ``(beta_g - beta)' Var(beta)^-1 (beta_g - beta) / p`` with the variance from all rows;
            ``covratio``, the determinant of Var(beta) without the group
            over that with it, and ``note``.
    """

    group: str
    dfbeta: pd.DataFrame
    dfbetas: pd.DataFrame
    estimates: pd.DataFrame
    measures: pd.DataFrame

    def __repr__(self) -> str:
        distance = self.measures["cooks_distance"].dropna()
        what = "no estimates without any of them"
        if len(distance):
            what = f"largest Cook's distance {distance.max():.3g} ({distance.idxmax()})"
        return f"<Influence of {len(self.measures)} groups of {self.group}: {what}>"


def influence(fit: FittedModel, group: str) -> Influence:
    """Leave out each group of a grouping factor in turn, and measure what that changes."""
    found = leave_groups_out(fit, group)
    grouping = next(g for g in fit.design.groupings if g.label == group)
    index = pd.Index([level_text(level) for level in grouping.levels], name=group)
    names = list(fit.names)
    p = len(names)
    change = found.beta - fit.beta
    std_error = found.sigma[:, None] * np.sqrt((found.half * found.half).sum(axis=2))
    half = fit._solution.half
    # half is triangular: the quadratic form needs no inverse, the determinants no expansion.
    moved = solve_triangular(half, change.T, check_finite=False).T / fit.sigma
    with np.errstate(divide="ignore"):
        logs = np.log(np.abs(np.einsum("gii->gi", found.half))) + np.log(found.sigma)[:, None]
    ratio = np.exp(2.0 * (logs - np.log(np.abs(half.diagonal()) * fit.sigma)).sum(axis=1))
    thetas = [f"theta{k + 1}" for k in range(found.theta.shape[1])]
    estimates = np.column_stack([found.theta, found.sigma, found.criterion])
    return Influence(
        group,
        pd.DataFrame(change, index=index, columns=names),
        pd.DataFrame(change / std_error, index=index, columns=names),
        pd.DataFrame(estimates, index=index, columns=[*thetas, "sigma", "criterion"]),
        pd.DataFrame(
            {
                "rows": grouping.sizes,
                "cooks_distance": (moved * moved).sum(axis=1) / p if p else np.nan,
                "covratio": ratio,
                "note": found.notes,
            },
            index=index,
        ),
    )
