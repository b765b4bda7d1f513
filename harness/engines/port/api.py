"""``harness.lmer`` and ``harness.lm``: a formula and a data frame, as in R."""

from __future__ import annotations

import pandas as pd

from harness.engines.port.fit import Fit, fit_design
from harness.engines.port.lm import LinearFit
from harness.errors import ModelError
from harness.language import parse_formula
from harness.models.design import build_design
from harness.models.spec import ModelSpec


def lmer(formula: str, data: pd.DataFrame, reml: bool = True) -> Fit:
    """Fit a linear mixed model.

    Args:
        formula: lme4 syntax, e.g. ``"Reaction ~ Days + (Days | Subject)"``.
        data: numbers as numbers; ``Categorical`` columns keep their order of levels, text becomes
            a factor with levels in code-point order. Incomplete rows are omitted.
        reml: restricted maximum likelihood, or maximum likelihood.

    Raises:
        FormulaError: what is not a formula.
        DataError: an absent column, no rows.
        ModelError: data on which the model cannot be fitted.
    """
    spec = ModelSpec(parse_formula(formula), reml=reml)
    if not spec.mixed:
        raise ModelError(f"`{formula}` has no random effects; use lm, or add (1 | group)")
    return fit_design(build_design(spec, data))


def lm(formula: str, data: pd.DataFrame) -> LinearFit:
    """Fit a linear model by least squares; arguments and errors as for :func:`lmer`."""
    spec = ModelSpec(parse_formula(formula), reml=False, df_method="residual")
    if spec.mixed:
        raise ModelError(f"`{formula}` has random effects; use lmer")
    return LinearFit(build_design(spec, data))
