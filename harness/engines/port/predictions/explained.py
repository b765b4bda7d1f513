"""How much of the variance fixed and random effects explain: ICC, R squared, design effect.

A random term with slopes has another variance in every row; its share is the mean over the rows
used (Johnson 2014, Methods Ecol. Evol. 5, 944-946). With one intercept a factor this is the
variance itself (Nakagawa & Schielzeth 2013, Methods Ecol. Evol. 4, 133-142). Prior weights do not
enter: the residual variance is that of a row of weight 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

    from harness.engines.port.fitted import FittedModel
    from harness.models.design import Design

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ExplainedVariance:
    """The parts of the outcome's variance, and the ratios made of them.

    Attributes:
        fixed: variance of ``X beta`` over the rows (divisor n - 1).
        random: mean variance of the random effects of each grouping factor.
        residual: sigma squared.
        r2_marginal: share of the fixed effects.
        r2_conditional: share of fixed and random effects.
        cluster_size: rows of each factor's groups, averaged over rows, ``sum m^2 / n``.
        design_effect: ``1 + (m - 1) icc`` of each factor with that m (Kish 1965, *Survey Sampling*,
            section 5.4): how often the variance of the mean is that of n independent rows.
    """

    fixed: float
    random: dict[str, float]
    residual: float
    r2_marginal: float
    r2_conditional: float
    cluster_size: dict[str, float]
    design_effect: dict[str, float]

    def icc(self, group: str | None = None, adjusted: bool = True) -> float:
        """Intraclass correlation: share of the random effects, or of one factor's.

        Args:
            group: a grouping factor; by default all together.
            adjusted: in what the fixed effects leave; else in the whole variance ("conditional").
        """
        between = sum(self.random.values())
        part = between if group is None else self.random[group]
        return part / (between + self.residual + (0.0 if adjusted else self.fixed))

    def table(self) -> pd.DataFrame:
        """One row a grouping factor: variance, icc, cluster_size, design_effect."""
        import pandas as pd

        return pd.DataFrame(
            {
                "variance": self.random,
                "icc": {group: self.icc(group) for group in self.random},
                "cluster_size": self.cluster_size,
                "design_effect": self.design_effect,
            }
        ).rename_axis("group")


def explained_variance(fit: FittedModel) -> ExplainedVariance:
    """Split the variance of a mixed model's outcome."""
    design = fit.design
    residual = fit.sigma**2
    random = random_variances(design, fit._solution.Lambda, fit.sigma)
    fixed = variance_over_rows(design.X @ fit.beta)
    between = sum(random.values())
    left = between + residual
    m = {g.label: cluster_size(g.sizes.astype(np.float64)) for g in design.groupings}
    return ExplainedVariance(
        fixed=fixed,
        random=random,
        residual=residual,
        r2_marginal=fixed / (fixed + left),
        r2_conditional=(fixed + between) / (fixed + left),
        cluster_size=m,
        design_effect={g: design_effect(m[g], random[g] / left) for g in random},
    )


def variance_over_rows(values: Vector) -> float:
    """Variance (divisor n - 1); zero where the values differ by rounding only."""
    rounding = 1e-15 * float(np.abs(values).max())
    return 0.0 if float(np.ptp(values)) <= 4.0 * rounding else float(np.var(values, ddof=1))


def random_variances(design: Design, Lambda: Matrix, sigma: float) -> dict[str, float]:
    """Mean over the rows of ``z'Sigma z``, the terms of a grouping factor together.

    Args:
        design: the model.
        Lambda: (q, q) relative covariance factor for the data's own Z.
        sigma: residual standard deviation.
    """
    total = {grouping.label: 0.0 for grouping in design.groupings}
    start = 0
    for term in design.random:
        span = slice(start, start + len(term.names))
        start = span.stop
        loaded = np.column_stack(term.columns) @ Lambda[span, span]
        total[term.group] += sigma**2 * float((loaded * loaded).sum(axis=1).mean())
    return total


def cluster_size(sizes: Vector) -> float:
    """Size of the group of an average row, ``sum m^2 / sum m``: m where all are equal."""
    return float((sizes * sizes).sum() / sizes.sum())


def design_effect(size: float, icc: float) -> float:
    """Variance of the mean of clustered rows over that of as many independent ones."""
    return 1.0 + (size - 1.0) * icc
