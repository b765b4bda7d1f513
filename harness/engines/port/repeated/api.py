"""``harness.mmrm``: a formula, a data frame, who and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

import pandas as pd

from harness.engines.port.api import with_extras
from harness.engines.port.arguments import check_call
from harness.engines.port.criterion import NotPositiveError
from harness.engines.port.crossproducts import check_residual
from harness.engines.port.repeated.checks import check_determined, diverged
from harness.engines.port.repeated.fit import Information, RepeatedFit
from harness.engines.port.repeated.likelihood import RepeatedCriterion
from harness.engines.port.repeated.occasions import known_rows, occasions
from harness.engines.port.repeated.patterns import Occasions, RepeatedData, repeated_data
from harness.engines.port.repeated.search import RepeatedSearch, search
from harness.engines.port.repeated.structures import structure_and_start, structure_name
from harness.errors import ModelError
from harness.language import parse_formula
from harness.models.design import build_design
from harness.models.spec import ModelSpec


def mmrm(
    formula: str,
    data: pd.DataFrame,
    subject: str = "id",
    visit: str = "week",
    covariance: str = "un",
    reml: bool = True,
    offset: str | None = None,
    contrasts: Mapping[str, Any] | None = None,
    information: Information = "expected",
    starts: int = 1,
) -> RepeatedFit:
    """Fit a linear model whose residuals within a subject have a covariance by visit.

    Args:
        formula: fixed effects only, e.g. ``"y ~ base + arm * week"``.
        data: one row a subject and visit; visits may be missing, incomplete rows are omitted.
        subject: column of the subjects; rows of different subjects are independent.
        visit: column of the visits. A factor's levels are in order, numbers are ordered. AR(1)
            and Toeplitz lags count visits, not time: weeks 2, 4, 8 are visits 1, 2, 3.
        covariance: ``un``, ``cs``, ``csh``, ``ar1``, ``ar1h``, ``toep``, ``toeph``, ``id`` or
            ``diag``, or in words (``unstructured``, ``compound symmetry``, ...).
        reml: restricted maximum likelihood, or maximum likelihood.
        offset: column that enters the mean with coefficient 1, beside any ``offset(x)`` of the
            formula.
        contrasts: column -> coding of its factor, as for ``lmer``.
        information: of the covariance parameters in Kenward-Roger's method: ``expected``, as in
            the paper and pbkrtest, or ``observed``, as in SAS.
        starts: descents of the search; more than one try random starts, the same in every run.

    Raises:
        FormulaError: what is not a formula.
        DataError: an absent column, no rows.
        ModelError: data on which the model cannot be fitted.
    """
    check_call(formula, data, reml)
    name = structure_name(covariance)
    if not isinstance(starts, int) or starts < 1:
        raise ModelError(f"starts must be a whole number, 1 or more, not {starts!r}")
    if information not in get_args(Information):
        raise ModelError(f"unknown information `{information}`; one of: expected, observed")
    spec = with_extras(ModelSpec(parse_formula(formula), reml=bool(reml)), None, offset, contrasts)
    if spec.mixed:
        raise ModelError(
            f"`{formula}` has random effects; a repeated-measures model has fixed effects and a "
            "covariance by visit: leave them out, or use lmer"
        )
    rows, said = known_rows(spec.formula, data, subject, visit)
    design = build_design(spec, rows)
    check_residual(design)
    seen = occasions(rows, design.frame.omitted, subject, visit)
    summed = repeated_data(design, seen.place())
    check_determined(name, summed, seen)
    at, found = _optimum(name, summed, seen, reml, starts)
    return RepeatedFit(design, seen, name, at, found, (said,) if said else (), information)


def by_ml(fit: RepeatedFit) -> RepeatedFit:
    """The same model of the same rows by maximum likelihood."""
    design = replace(fit.design, spec=replace(fit.design.spec, reml=False))
    at, found = _optimum(fit.structure, fit._criterion.data, fit.seen, reml=False, starts=1)
    return RepeatedFit(design, fit.seen, fit.structure, at, found, fit._messages, fit.information)


def _optimum(
    name: str, data: RepeatedData, seen: Occasions, reml: bool, starts: int
) -> tuple[RepeatedCriterion, RepeatedSearch]:
    """The criterion of summed data and its minimum.

    Raises:
        ModelError: the criterion falls without bound towards a singular covariance.
    """
    moments = data.moments
    structure, start = structure_and_start(name, moments)
    at = RepeatedCriterion(data, structure, reml)
    try:
        found = search(at, start, starts - 1)
    except NotPositiveError:
        raise ModelError(diverged(seen, moments)) from None
    if found.singular:
        raise ModelError(diverged(seen, found.at.Sigma))
    return at, found
