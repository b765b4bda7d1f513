"""Recorded references as an engine: what R once answered, replayed where there is no R."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from harness.engines.r.record import Record, find_record, refuse_record
from harness.errors import ModelError
from harness.models.record import Estimates
from harness.models.spec import ModelKey, ModelSpec

CRITERION_LIMIT = 1e-10
"""Largest relative difference between the stored criterion and the one evaluated anew. Algebra at
a given theta agrees to about 1e-15 across implementations; altered estimates or data do not."""

CriterionAt = Callable[[ModelSpec, pd.DataFrame, Sequence[float]], float]


class RecordedEngine:
    """Replays a study's ``reference`` folder; trusts no record that does not verify itself.

    Args:
        folder: where the records are.
        criterion_at: evaluates the model's criterion at a theta, in Python; it is given each
            record's theta, and a record whose stored criterion it contradicts is refused.
    """

    def __init__(self, folder: Path, criterion_at: CriterionAt) -> None:
        self._folder, self._criterion_at = Path(folder), criterion_at

    @property
    def folder(self) -> Path:
        """Where the records are."""
        return self._folder

    @property
    def name(self) -> str:
        """``lme4``, whose answers these are."""
        return "lme4"

    def fit(self, spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
        """R's recorded answer to the same model on the same data, whichever key it was made for.

        Raises: as ``answer``.
        """
        return self._replay(find_record(self._folder, spec, frame), spec, frame)

    def answer(self, key: ModelKey, spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
        """R's recorded answer to one model of the plan.

        Args:
            key: names the record.
            spec: the model.
            frame: the rows to be analysed; they must be those R was given.

        Returns:
            The answer; ``versions["recorded"]`` says from which day.

        Raises:
            ReferenceUnavailable: nothing was recorded for the model.
            RecordRefused: the record is corrupt, altered, or does not belong to these data.
        """
        return self._replay(find_record(self._folder, spec, frame, key), spec, frame)

    def _replay(self, record: Record, spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
        found = record.estimates
        if why := contradiction(found, spec, frame, self._criterion_at):
            refuse_record(record.path, why)
        return replace(found, versions={**found.versions, "recorded": record.date})


def contradiction(
    answer: Estimates, spec: ModelSpec, frame: pd.DataFrame, criterion_at: CriterionAt
) -> str:
    """Hold an answer against the data: its criterion, evaluated anew at its own estimates.

    Args:
        answer: of R, however it came here.
        spec: the model.
        frame: the rows.
        criterion_at: evaluates the criterion of a mixed model at a theta, in Python.

    Returns:
        What is wrong, in words; empty when the criterion agrees to ``CRITERION_LIMIT``.
    """
    stored = answer.fit.criterion
    try:
        if spec.method == "survreg":
            here = tobit_criterion(spec, frame, answer)
        elif spec.method != "lm":
            here = criterion_at(spec, frame, answer.theta)
        else:
            here = linear_model_criterion(spec, frame, answer)
    except ModelError as error:
        return f"it cannot be verified: {error}"
    if abs(here - stored) <= CRITERION_LIMIT * max(1.0, abs(stored)):
        return ""
    return f"its criterion is {stored:.17g}, but at its estimates these data give {here:.17g}"


def linear_model_criterion(spec: ModelSpec, frame: pd.DataFrame, estimates: Estimates) -> float:
    """Minus twice the log-likelihood of a linear model at the coefficients and sigma stored.

    Args:
        spec: the model, without random terms.
        frame: the data.
        estimates: its answer; ``sigma`` is the root of the residual mean square on n - p.

    Returns:
        n log(2 pi s2) + RSS / s2 with s2 = sigma^2 (n - p) / n, the maximum-likelihood variance,
        less the sum of the logs of the weights, by which RSS is weighted; NaN when a coefficient or
        sigma has no column or value.
    """
    from harness.models.design import build_design

    design = build_design(spec, frame)
    coefficients = {row.term: row.estimate for row in estimates.fixed}
    sigma = {row.term: row.estimate for row in estimates.random}.get("sigma", math.nan)
    if set(coefficients) != set(design.names) or not sigma > 0:
        return math.nan
    n, p = design.X.shape
    fitted = design.X @ np.array([coefficients[name] for name in design.names])
    residual = design.working(design.y - fitted)
    s2 = sigma**2 * (n - p) / n
    weights = 0.0 if design.weights is None else float(np.log(design.weights).sum())
    return float(n * math.log(2 * math.pi * s2) - weights + residual @ residual / s2)


def tobit_criterion(spec: ModelSpec, frame: pd.DataFrame, estimates: Estimates) -> float:
    """Minus twice the log-likelihood of a Tobit model at the coefficients and sigma stored.

    Args:
        spec: the model, with a column of censored rows.
        frame: the data.
        estimates: its answer.

    Returns:
        The sum over seen rows of ``log(2 pi sigma^2) + z^2`` and over censored ones of
        ``-2 log Phi(z)``, z the residual over sigma; NaN when a coefficient or sigma has no column
        or value.
    """
    from scipy.special import log_ndtr

    from harness.models.design import build_design

    design = build_design(spec, frame)
    coefficients = {row.term: row.estimate for row in estimates.fixed}
    sigma = {row.term: row.estimate for row in estimates.random}.get("sigma", math.nan)
    if set(coefficients) != set(design.names) or not sigma > 0 or design.censored is None:
        return math.nan
    fitted = design.X @ np.array([coefficients[name] for name in design.names])
    z = design.working(design.y - fitted) / sigma
    below = design.censored == 1.0
    seen = z[~below]
    constant = len(seen) * math.log(2 * math.pi * sigma**2)
    return float(constant + seen @ seen - 2.0 * log_ndtr(z[below]).sum())
