"""``harness.mmrm``: a formula, a data frame, who and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
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
from harness.engines.port.repeated.search import RepeatedSearch, given_search, search
from harness.engines.port.repeated.structures import (
    structure_and_start,
    structure_at,
    structure_name,
)
from harness.errors import ModelError
from harness.language import parse_formula
from harness.models.design import Design, build_design
from harness.models.spec import Covariance, ModelSpec, Repeated

Matrix = npt.NDArray[np.float64]


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
    return fit_repeated(
        replace(spec, repeated=Repeated(subject, visit, name)), data, information, starts
    )


def fit_repeated(
    spec: ModelSpec, data: pd.DataFrame, information: Information = "expected", starts: int = 1
) -> RepeatedFit:
    """Fit a model as specified; arguments and errors as for :func:`mmrm`."""
    prepared = prepare(spec, data)
    name = prepared.name
    at, found = _optimum(name, prepared.data, prepared.seen, spec.reml, starts)
    return RepeatedFit(
        prepared.design, prepared.seen, name, at, found, prepared.messages, information
    )


def repeated_at(spec: ModelSpec, data: pd.DataFrame, theta: Sequence[float]) -> RepeatedFit:
    """The fit that a search would report if it ended at a covariance; nothing is optimised.

    Args:
        spec: the model.
        data: the rows.
        theta: lower triangle (V (V + 1) / 2,) by columns of the Cholesky factor of the covariance
            by visit, in the outcome's unit.

    Raises:
        ModelError: as ``mmrm``, or a theta that is no covariance of this structure.
    """
    prepared = prepare(spec, data)
    unit = abs(float(prepared.data.F[-1, -1]))
    Sigma = covariance_of(theta, len(prepared.seen.visits)) / unit**2
    structure, phi = structure_at(prepared.name, Sigma)
    at = RepeatedCriterion(prepared.data, structure, spec.reml)
    try:
        found = at.evaluate(phi)
    except NotPositiveError:
        raise ModelError(f"theta {tuple(theta)} is too large for these data") from None
    return RepeatedFit(
        prepared.design, prepared.seen, prepared.name, at, given_search(found), prepared.messages
    )


def covariance_of(theta: Sequence[float], visits: int) -> Matrix:
    """The covariance (visits, visits) of a theta.

    Raises:
        ModelError: of another length, not finite, or with a diagonal that is not positive.
    """
    given = np.asarray(theta, dtype=np.float64)
    wanted = visits * (visits + 1) // 2
    if given.shape != (wanted,):
        raise ModelError(f"theta has {len(theta)} entries; {visits} visits have {wanted}")
    L = np.zeros((visits, visits))
    L.T[np.triu_indices(visits)] = given
    if not (np.isfinite(given).all() and (L.diagonal() > 0.0).all()):
        raise ModelError(f"theta {tuple(theta)} is no Cholesky factor")
    return np.asarray(L @ L.T)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model by visit, ready for a search.

    Attributes:
        name: of the covariance.
        design: of the fixed effects.
        seen: who was seen when.
        data: summed.
        messages: what was omitted.
    """

    name: Covariance
    design: Design
    seen: Occasions
    data: RepeatedData
    messages: tuple[str, ...]


def prepare(spec: ModelSpec, data: pd.DataFrame) -> Prepared:
    """Design, occasions and sums of a model by visit.

    Raises:
        ModelError: as ``mmrm``, or a model that is not by visit.
    """
    if spec.repeated is None:
        raise ModelError(f"`{spec.formula.text}` has no covariance by visit")
    name, subject, visit = spec.repeated.covariance, spec.repeated.subject, spec.repeated.visit
    rows, said = known_rows(spec.formula, data, subject, visit)
    design = build_design(spec, rows)
    check_residual(design)
    seen = occasions(rows, design.frame.omitted, subject, visit)
    summed = repeated_data(design, seen.place())
    check_determined(name, summed, seen)
    return Prepared(name, design, seen, summed, (said,) if said else ())


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
