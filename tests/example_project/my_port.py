"""A random-intercept model on statsmodels, answering as every engine of the harness does."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

from harness.models.record import Estimates, FitStatistics, FixedEffect, RandomEffect

Z = 1.959963984540054


def random_intercept(fixed: str, group: str, data: pd.DataFrame, **optimiser: object) -> Estimates:
    """Fit ``fixed + (1 | group)`` by REML, with z tests and 95 % limits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = smf.mixedlm(fixed, data, groups=group).fit(reml=True, **optimiser)
    sigma = math.sqrt(fit.scale)
    sd = math.sqrt(fit.cov_re.iloc[0, 0])
    n, parameters = len(data), len(fit.fe_params) + 2
    effects = zip(fit.fe_params.index, fit.fe_params, fit.bse_fe, strict=True)
    return Estimates(
        engine="statsmodels",
        formula=f"{fixed} + (1 | {group})",
        reml=True,
        df_method="z",
        n_obs=n,
        groups={group: data[group].nunique()},
        singular=bool(sd / sigma < 1e-4),
        converged=bool(fit.converged),
        messages=(),
        fixed=tuple(_effect(name, b, se) for name, b, se in effects),
        random=(RandomEffect(f"sd({group}:(Intercept))", sd), RandomEffect("sigma", sigma)),
        fit=FitStatistics(
            criterion=-2 * fit.llf,
            loglik=fit.llf,
            aic=-2 * fit.llf + 2 * parameters,
            bic=-2 * fit.llf + math.log(n) * parameters,
        ),
        theta=(sd / sigma,),
        min_eigen=sd / sigma,
    )


def _effect(name: str, b: float, se: float) -> FixedEffect:
    term = "(Intercept)" if name == "Intercept" else name
    z = b / se
    p = float(math.erfc(abs(z) / math.sqrt(2)))
    return FixedEffect(term, b, se, np.inf, z, p, b - Z * se, b + Z * se)
