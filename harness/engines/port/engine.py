"""The port as an engine."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from harness.engines.port.fit import Fit, fit_design
from harness.engines.port.given import fit_at
from harness.engines.port.lm import LinearFit
from harness.engines.port.repeated.api import fit_repeated, repeated_at
from harness.engines.port.repeated.fit import RepeatedFit
from harness.engines.port.tobit.fit import TobitFit
from harness.models.design import build_design
from harness.models.record import AtTheta, Coefficient, Estimates
from harness.models.spec import ModelSpec


class PortEngine:
    """Mixed, by-visit and Tobit models by this package, linear models by statsmodels."""

    @property
    def name(self) -> str:
        """``port``."""
        return "port"

    def fit(self, spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
        """Fit one model.

        Raises:
            DataError: an absent column, no rows.
            ModelError: data on which the model cannot be fitted, or a model not in the port.
        """
        if spec.method == "survreg":
            return TobitFit(build_design(spec, frame)).estimates(spec.conf_level)
        return _fitted(spec, frame).estimates(spec.df_method, spec.conf_level)

    def criterion_at(self, spec: ModelSpec, frame: pd.DataFrame, theta: Sequence[float]) -> float:
        """The criterion at lme4's ``theta``, nothing optimised.

        Raises:
            ModelError: as ``fit``, or a theta of the wrong length.
        """
        return _at(spec, frame, theta).criterion

    def at(self, spec: ModelSpec, frame: pd.DataFrame, theta: Sequence[float]) -> Estimates:
        """Every number as it follows from lme4's ``theta``, nothing optimised.

        Raises:
            ModelError: as ``criterion_at``.
        """
        return _at(spec, frame, theta).estimates(spec.df_method, spec.conf_level)

    def evaluated_at(
        self, spec: ModelSpec, frame: pd.DataFrame, thetas: Sequence[Sequence[float]]
    ) -> tuple[AtTheta, ...]:
        """Criterion, sigma and coefficients at each of several thetas, nothing optimised.

        Raises:
            ModelError: as ``criterion_at``.
        """
        if spec.method == "mmrm":
            return tuple(_algebra(repeated_at(spec, frame, theta), theta) for theta in thetas)
        design = build_design(spec, frame)
        return tuple(_algebra(fit_at(design, theta), theta) for theta in thetas)


def _fitted(spec: ModelSpec, frame: pd.DataFrame) -> Fit | LinearFit | RepeatedFit:
    if spec.method == "mmrm":
        return fit_repeated(spec, frame)
    design = build_design(spec, frame)
    return fit_design(design) if spec.mixed else LinearFit(design)


def _at(spec: ModelSpec, frame: pd.DataFrame, theta: Sequence[float]) -> Fit | RepeatedFit:
    if spec.method == "mmrm":
        return repeated_at(spec, frame, theta)
    return fit_at(build_design(spec, frame), theta)


def _algebra(fit: Fit | RepeatedFit, theta: Sequence[float]) -> AtTheta:
    # Satterthwaite's covariance is the plain one: no df method has adjusted it.
    errors = np.sqrt(np.diag(fit.covariance("satterthwaite")))
    return AtTheta(
        place="asked",
        theta=tuple(float(value) for value in theta),
        criterion=fit.criterion,
        sigma=float(fit.sigma) if fit.design.spec.mixed else math.nan,
        coefficients=tuple(
            Coefficient(name, float(b), float(e))
            for name, b, e in zip(fit.design.names, fit.beta, errors, strict=True)
        ),
    )
