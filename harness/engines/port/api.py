"""``harness.lmer`` and ``harness.lm``: a formula and a data frame, as in R."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from harness.engines.port.arguments import check_call
from harness.engines.port.fit import Fit, fit_design
from harness.engines.port.lm import LinearFit
from harness.errors import ModelError
from harness.language import parse_formula
from harness.models.contrasts import codings
from harness.models.design import build_design
from harness.models.spec import ModelSpec


def lmer(
    formula: str,
    data: pd.DataFrame,
    reml: bool = True,
    weights: str | None = None,
    offset: str | None = None,
    contrasts: Mapping[str, Any] | None = None,
) -> Fit:
    """Fit a linear mixed model.

    Args:
        formula: lme4 syntax, e.g. ``"Reaction ~ Days + (Days | Subject)"``.
        data: numbers as numbers; ``Categorical`` columns keep their order of levels, text becomes
            a factor with levels in code-point order. Incomplete rows are omitted.
        reml: restricted maximum likelihood, or maximum likelihood.
        weights: column of prior weights, ``Var(e_i) = sigma^2 / w_i``; rows where it is missing
            are omitted.
        offset: column that enters the mean with coefficient 1, beside any ``offset(x)`` of the
            formula.
        contrasts: column -> coding of its factor, in fixed and random terms alike: ``"sum"``,
            ``"helmert"``, ``"poly"``, ``"treatment"`` (what every other factor has, ordered or
            not), or an own matrix with one row a level, whose columns a DataFrame can name.

    Raises:
        FormulaError: what is not a formula.
        DataError: an absent column, no rows.
        ModelError: data on which the model cannot be fitted.
    """
    check_call(formula, data, reml)
    spec = ModelSpec(parse_formula(formula), reml=bool(reml))
    if not spec.mixed:
        raise ModelError(f"`{formula}` has no random effects; use lm, or add (1 | group)")
    return fit_design(build_design(with_extras(spec, weights, offset, contrasts), data))


def lm(
    formula: str,
    data: pd.DataFrame,
    weights: str | None = None,
    offset: str | None = None,
    contrasts: Mapping[str, Any] | None = None,
) -> LinearFit:
    """Fit a linear model by least squares; arguments and errors as for :func:`lmer`."""
    check_call(formula, data)
    spec = ModelSpec(parse_formula(formula), reml=False, df_method="residual")
    if spec.mixed:
        raise ModelError(f"`{formula}` has random effects; use lmer")
    return LinearFit(build_design(with_extras(spec, weights, offset, contrasts), data))


def with_extras(
    spec: ModelSpec, weights: str | None, offset: str | None, contrasts: Mapping[str, Any] | None
) -> ModelSpec:
    """The specification with what most models do not have."""
    if weights is None and offset is None and contrasts is None:
        return spec
    return replace(
        spec,
        weights=_column("weights", weights),
        offset=_column("offset", offset),
        contrasts=codings(contrasts),
    )


def _column(role: str, name: str | None) -> str:
    """A column's name, or nothing.

    Raises:
        ModelError: not a name, such as the values themselves.
    """
    if name is None:
        return ""
    if not isinstance(name, str) or not name:
        raise ModelError(f"{role}: name a column of the data, not {type(name).__name__}")
    return name
