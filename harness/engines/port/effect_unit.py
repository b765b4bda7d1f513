"""The standard deviation that effect sizes are counted in.

Taken as known, as Feingold (2013), Psychol. Methods 18, 1-25, has it for multilevel models: limits
of d are those of the contrast over the same number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from harness.errors import ModelError

if TYPE_CHECKING:
    from harness.engines.port.fitted import FittedModel
    from harness.engines.port.lm import LinearFit
    from harness.engines.port.repeated.fit import RepeatedFit
    from harness.models.besides import EffectUnit
    from harness.models.design import Design


def unit_sd(fit: FittedModel | LinearFit | RepeatedFit, unit: EffectUnit) -> float:
    """The standard deviation, in the outcome's unit.

    Raises:
        ModelError: there is none: no baseline values, or it is not positive.
    """
    if unit.by == "given":
        found = np.nan if unit.value is None else unit.value
    elif unit.by == "baseline":
        found = baseline_sd(fit.design, unit)
    elif unit.by == "total":
        found = total_sd(fit)
    else:
        found = fit.sigma
    if not (np.isfinite(found) and found > 0.0):
        raise ModelError("the standard deviation of effect sizes is not a positive number")
    return float(found)


def total_sd(fit: FittedModel | LinearFit | RepeatedFit) -> float:
    """Root of the mean over rows of ``Var(y_i)`` given the fixed effects.

    ``z_i'Sigma z_i + sigma^2 / w_i``; in a linear model sigma^2, in one by visit the visit's own.
    With one random intercept it is d_T's of Hedges (2007), J. Educ. Behav. Stat. 32, 341-370.
    """
    from harness.engines.port.lm import LinearFit
    from harness.engines.port.predictions.explained import random_variances
    from harness.engines.port.repeated.fit import RepeatedFit

    if isinstance(fit, LinearFit):
        return fit.sigma
    if isinstance(fit, RepeatedFit):
        return float(np.sqrt(fit.covariance_matrix.diagonal()[fit.seen.visit_codes].mean()))
    w = fit.design.weights
    share = 1.0 if w is None else float(np.mean(1.0 / w))
    between = random_variances(fit.design, fit._solution.Lambda, fit.sigma)
    return float(np.sqrt(sum(between.values()) + fit.sigma**2 * share))


def baseline_sd(design: Design, unit: EffectUnit) -> float:
    """Standard deviation of a column within arms, pooled by n - 1, over patients' first rows.

    Of the rows used. Morris (2008), Organ. Res. Methods 11, 364-386, d_ppc2 without its bias
    correction.

    Raises:
        ModelError: no two values of one arm.
    """
    data = design.frame.data[list(unit.columns)]
    rows = data[design.used].drop_duplicates(unit.patient).dropna(subset=[unit.column, unit.arm])
    values = pd.Series(rows[unit.column].to_numpy(np.float64))
    groups = values.groupby(rows[unit.arm].astype(str).to_numpy())
    freedom = int((groups.size() - 1).sum())
    if freedom < 1:
        raise ModelError(f"no two values of `{unit.column}` in one arm to take a deviation from")
    squares = sum(float(((own - own.mean()) ** 2).sum()) for _, own in groups)
    return float(np.sqrt(squares / freedom))
