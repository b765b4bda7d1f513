"""The port as an engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from harness.engines.port.criterion import evaluate, inverse_factor, loses_digits, problem
from harness.engines.port.crossproducts import cross_products, refined
from harness.engines.port.fit import Fit, fit_design
from harness.engines.port.lm import LinearFit
from harness.engines.port.solution import standardise
from harness.engines.port.wald import WaldTable
from harness.errors import ModelError
from harness.models.design import Design, build_design
from harness.models.prints import problem_print
from harness.models.record import Estimates, FixedEffect
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
        if not spec.mixed:
            return _linear(spec, LinearFit(design))
        return _mixed(spec, fit_design(design))

    def criterion_at(self, spec: ModelSpec, frame: pd.DataFrame, theta: Sequence[float]) -> float:
        """The criterion at lme4's ``theta``, nothing optimised.

        Raises:
            ModelError: as ``fit``, or a theta of the wrong length.
        """
        if not spec.mixed:
            raise ModelError(f"`{spec.formula.text}` has no random effects, hence no theta")
        design = build_design(spec, frame)
        data = cross_products(design)
        at = problem(data, spec.reml)
        wanted = at.data.structure.t
        if len(theta) != wanted:
            raise ModelError(f"theta has {len(theta)} entries; `{spec.formula.text}` has {wanted}")
        inner = standardise(at, np.asarray(theta, dtype=np.float64))
        found = evaluate(at, inner)
        if loses_digits(found):
            data = refined(data, design, inverse_factor(found))
            found = evaluate(problem(data, spec.reml), inner)
        return found.value


def _mixed(spec: ModelSpec, fit: Fit) -> Estimates:
    """A mixed model's estimates as the common record."""
    return Estimates(
        engine="port",
        formula=spec.formula.text,
        reml=spec.reml,
        df_method=spec.df_method,
        n_obs=fit.n_obs,
        groups=fit.groups,
        singular=fit.singular,
        converged=fit.converged,
        messages=fit.messages,
        fixed=_rows(fit.names, fit.table(spec.df_method, spec.conf_level)),
        random=fit.varcorr,
        fit=fit.statistics,
        theta=tuple(fit.theta.tolist()),
        min_eigen=fit.min_eigen,
        problem=problem_print(fit.design),
        versions=_versions(),
    )


def _linear(spec: ModelSpec, fit: LinearFit) -> Estimates:
    """A linear model's estimates as the common record."""
    design: Design = fit.design
    return Estimates(
        engine="port",
        formula=spec.formula.text,
        reml=False,
        df_method="z" if spec.df_method == "z" else "residual",
        n_obs=fit.n_obs,
        groups={},
        singular=False,
        converged=True,
        messages=design.messages,
        fixed=_rows(fit.names, fit.table(spec.df_method, spec.conf_level)),
        random=fit.varcorr,
        fit=fit.statistics,
        min_eigen=math.nan,
        problem=problem_print(design),
        versions=_versions(),
    )


def _rows(names: tuple[str, ...], table: WaldTable) -> tuple[FixedEffect, ...]:
    """The coefficient table, one record a row."""
    columns = (
        table.estimate,
        table.std_error,
        table.df,
        table.statistic,
        table.p_value,
        table.conf_low,
        table.conf_high,
    )
    numbers = zip(*(column.tolist() for column in columns), strict=True)
    return tuple(FixedEffect(name, *row) for name, row in zip(names, numbers, strict=True))


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    """Versions of whatever computed the numbers."""
    from importlib.metadata import version
    from platform import python_version

    packages = ("lmm-harness", "numpy", "scipy", "pandas", "statsmodels")
    return {"python": python_version(), **{name: version(name) for name in packages}}
