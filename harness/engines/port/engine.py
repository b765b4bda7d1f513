"""The port as an engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from harness.engines.port.fit import Fit, fit_design
from harness.engines.port.given import fit_at
from harness.engines.port.lm import LinearFit
from harness.engines.port.tobit.fit import TobitFit
from harness.models.design import build_design
from harness.models.record import AtTheta, Coefficient, Estimates
from harness.models.spec import ModelSpec


class PortEngine:
    """Mixed models by this package, linear models by statsmodels on the same design."""

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
        design = build_design(spec, frame)
        if spec.method == "survreg":
            return TobitFit(design).estimates(spec.conf_level)
        fit = fit_design(design) if spec.mixed else LinearFit(design)
        return fit.estimates(spec.df_method, spec.conf_level)

    def criterion_at(self, spec: ModelSpec, frame: pd.DataFrame, theta: Sequence[float]) -> float:
        """The criterion at lme4's ``theta``, nothing optimised.

        Raises:
            ModelError: as ``fit``, or a theta of the wrong length.
        """
        return fit_at(build_design(spec, frame), theta).criterion

    def at(self, spec: ModelSpec, frame: pd.DataFrame, theta: Sequence[float]) -> Estimates:
        """Every number as it follows from lme4's ``theta``, nothing optimised.

        Raises:
            ModelError: as ``criterion_at``.
        """
        fit = fit_at(build_design(spec, frame), theta)
        return fit.estimates(spec.df_method, spec.conf_level)

    def evaluated_at(
        self, spec: ModelSpec, frame: pd.DataFrame, thetas: Sequence[Sequence[float]]
    ) -> tuple[AtTheta, ...]:
        """Criterion, sigma and coefficients at each of several thetas, nothing optimised.

        Raises:
            ModelError: as ``criterion_at``.
        """
        design = build_design(spec, frame)
        return tuple(_algebra(fit_at(design, theta), theta) for theta in thetas)


def _algebra(fit: Fit, theta: Sequence[float]) -> AtTheta:
    # Satterthwaite's covariance is the plain one: no df method has adjusted it.
    errors = np.sqrt(np.diag(fit.covariance("satterthwaite")))
    return AtTheta(
        place="asked",
        theta=tuple(float(value) for value in theta),
        criterion=fit.criterion,
        sigma=float(fit.sigma),
        coefficients=tuple(
            Coefficient(name, float(b), float(e))
            for name, b, e in zip(fit.design.names, fit.beta, errors, strict=True)
        ),
    )
