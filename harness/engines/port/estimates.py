"""A fit of the port as the record every engine answers with."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from harness.engines.port.besides import besides_of, tobit_besides
from harness.models.prints import problem_print
from harness.models.record import Estimates, FixedEffect

if TYPE_CHECKING:
    from harness.engines.port.fitted import FittedModel
    from harness.engines.port.lm import LinearFit
    from harness.engines.port.repeated.fit import RepeatedFit
    from harness.engines.port.tobit.fit import TobitFit
    from harness.engines.port.wald import WaldTable
    from harness.models.spec import DfMethod


def mixed_estimates(fit: FittedModel, df: DfMethod, level: float) -> Estimates:
    """A mixed model's estimates as the common record, tests by ``df`` at ``level``."""
    spec = fit.design.spec
    return Estimates(
        engine="port",
        formula=spec.formula.text,
        reml=spec.reml,
        df_method=df,
        n_obs=fit.n_obs,
        groups=fit.groups,
        singular=fit.singular,
        converged=fit.converged,
        messages=fit.messages,
        fixed=_rows(fit.names, fit.table(df, level)),
        random=fit.varcorr,
        fit=fit.statistics,
        theta=tuple(fit.theta.tolist()),
        min_eigen=fit.min_eigen,
        problem=problem_print(fit.design),
        versions=_versions(),
        **besides_of(fit, df, level),
    )


def repeated_estimates(fit: RepeatedFit, df: DfMethod, level: float) -> Estimates:
    """The estimates of a model by visit as the common record, tests by ``df`` at ``level``."""
    spec = fit.design.spec
    problem = problem_print(fit.design, fit.seen)
    return Estimates(
        engine="port",
        formula=spec.formula.text,
        reml=spec.reml,
        df_method=df,
        n_obs=fit.n_obs,
        groups=problem.groups,
        singular=False,
        converged=fit.converged,
        messages=fit.messages,
        fixed=_rows(fit.names, fit.table(df, level)),
        random=fit.varcorr,
        fit=fit.statistics,
        theta=tuple(fit.theta.tolist()),
        min_eigen=math.nan,
        problem=problem,
        versions=_versions(),
        **besides_of(fit, df, level),
    )


def linear_estimates(fit: LinearFit, df: DfMethod, level: float) -> Estimates:
    """A linear model's estimates as the common record, tests by ``df`` at ``level``."""
    design = fit.design
    return Estimates(
        engine="port",
        formula=design.spec.formula.text,
        reml=False,
        df_method="z" if df == "z" else "residual",
        n_obs=fit.n_obs,
        groups={},
        singular=False,
        converged=True,
        messages=design.messages,
        fixed=_rows(fit.names, fit.table(df, level)),
        random=fit.varcorr,
        fit=fit.statistics,
        min_eigen=math.nan,
        problem=problem_print(design),
        versions=_versions(),
        **besides_of(fit, df, level),
    )


def tobit_estimates(fit: TobitFit, level: float) -> Estimates:
    """A Tobit model's estimates as the common record, z tests at ``level``."""
    design = fit.design
    return Estimates(
        engine="port",
        formula=design.spec.formula.text,
        reml=False,
        df_method="z",
        n_obs=fit.n_obs,
        groups={},
        singular=False,
        converged=True,
        messages=design.messages,
        fixed=_rows(fit.names, fit.table(level)),
        random=fit.varcorr,
        fit=fit.statistics,
        min_eigen=math.nan,
        problem=problem_print(design),
        versions=_versions(),
        **tobit_besides(fit, level),
    )


def _rows(names: tuple[str, ...], table: WaldTable) -> tuple[FixedEffect, ...]:
    """The coefficient table, one record a row."""
    return tuple(FixedEffect(name, *row) for name, row in zip(names, table.rows(), strict=True))


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    """Versions of whatever computed the numbers."""
    from importlib.metadata import version
    from platform import python_version

    packages = ("lmm-harness", "numpy", "scipy", "pandas", "statsmodels")
    return {"python": python_version(), **{name: version(name) for name in packages}}
