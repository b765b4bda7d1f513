"""Likelihood-ratio tests of nested models.

Twice the difference of the maximised log-likelihoods is referred to chi-square on the difference of
the numbers of parameters (Wilks 1938, Ann. Math. Stat. 9(1)). Restricted likelihoods of models with
different fixed effects cannot be compared (they are likelihoods of different contrasts of y), so
REML fits are refitted by ML. Mixed, repeated-measures and linear models can stand side by side.
Where the smaller model fixes a variance at zero the p value is too large;
:mod:`harness.engines.port.hypotheses.random_terms` has the mixture.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from harness.engines.port.arguments import check_flag
from harness.engines.port.criterion import fixed_parts
from harness.engines.port.crossproducts import log_weights
from harness.engines.port.fit import Fit, fit_design
from harness.engines.port.lm import LinearFit
from harness.engines.port.repeated import api as repeated
from harness.engines.port.repeated.fit import RepeatedFit
from harness.errors import ModelError
from harness.models.design import Design

if TYPE_CHECKING:
    from harness.engines.port.fitted import FittedModel

    Compared = FittedModel | LinearFit | RepeatedFit


def likelihood_ratio(fit: Compared, *others: Compared, refit: bool = True) -> pd.DataFrame:
    """Compare nested models of the same rows by their likelihoods.

    Args:
        fit: a model.
        others: more models, in any order.
        refit: fit REML fits anew by ML; if false they must have the same fixed effects.

    Returns:
        One row a model, by number of parameters: formula, number of parameters, AIC, BIC,
        log-likelihood, minus twice it, and against the row before: chi-square (0 where the larger
        model fits worse), its df and p value, NaN where there is none.

    Raises:
        ModelError: fewer than two models, different rows or responses, or restricted likelihoods
            that cannot be compared.
    """
    fits = [fit, *others]
    if len(fits) < 2:
        raise ModelError("a likelihood-ratio test needs two or more models")
    for one in fits:
        if not isinstance(one, Fit | LinearFit | RepeatedFit):
            raise ModelError(
                f"{type(one).__name__} is no fitted model; compare what lmer, lm or mmrm returned"
            )
    check_flag("refit", refit, "False compares the fits as they are")
    for other in others:
        _check_same_rows(fit.design, other.design)
    if refit:
        fits = [by_ml(one) for one in fits]
    reml = any(not isinstance(one, LinearFit) and one.design.spec.reml for one in fits)
    if reml:
        _check_restricted(fits)
    fits.sort(key=parameters)
    n_par = np.array([parameters(one) for one in fits])
    loglik = np.array(
        [
            linear_loglik(one.design, reml=True)
            if reml and isinstance(one, LinearFit)
            else one.loglik
            for one in fits
        ]
    )
    chisq, df, p_value = np.full((3, len(fits)), np.nan)
    chisq[1:] = np.maximum(0.0, 2.0 * np.diff(loglik))
    df[1:] = np.diff(n_par)
    more = df > 0.0
    p_value[more] = chdtrc(df[more], chisq[more])
    return pd.DataFrame(
        {
            "model": [_named(one) for one in fits],
            "n_par": n_par,
            "aic": -2.0 * loglik + 2.0 * n_par,
            "bic": -2.0 * loglik + np.log(fits[0].n_obs) * n_par,
            "loglik": loglik,
            "deviance": -2.0 * loglik,
            "chisq": chisq,
            "df": df,
            "p_value": p_value,
        }
    )


def _named(fit: Compared) -> str:
    """The formula, and the covariance by visit where there is one."""
    text = fit.design.spec.formula.text
    if isinstance(fit, RepeatedFit):
        return f"{text}, {fit.structure}({fit.seen.visit} | {fit.seen.subject})"
    return text


def parameters(fit: Compared) -> int:
    """Coefficients and parameters of the covariance, sigma among them: what AIC counts."""
    statistics = fit.statistics
    return round(0.5 * (statistics.aic - statistics.criterion))


def by_ml(fit: Compared) -> Compared:
    """The same model of the same rows by maximum likelihood."""
    if isinstance(fit, LinearFit) or not fit.design.spec.reml:
        return fit
    if isinstance(fit, RepeatedFit):
        return repeated.by_ml(fit)
    design = fit.design
    return fit_design(replace(design, spec=replace(design.spec, reml=False)))


def linear_loglik(design: Design, reml: bool) -> float:
    """Log-likelihood of the linear model of a design, its random terms left out."""
    F, n = design.factor.R, design.frame.n_obs
    return -0.5 * fixed_parts(n, F, reml, log_weights(design))[3]


def _check_same_rows(first: Design, other: Design) -> None:
    """Refuse models whose likelihoods are of different data."""
    a, b = first.spec.formula.text, other.spec.formula.text
    if first.frame.response != other.frame.response:
        raise ModelError(
            f"different responses: `{first.frame.response}` in `{a}`, `{other.frame.response}` in "
            f"`{b}`; likelihoods are comparable for one response only"
        )
    if first.frame.n_obs != other.frame.n_obs or not np.array_equal(first.y, other.y):
        counts = f"{first.frame.n_obs} in `{a}`, {other.frame.n_obs} in `{b}`"
        raise ModelError(
            f"different rows: {counts}{_incomplete(first, other)}; fit both to the rows that are "
            "complete in the columns of both"
        )
    for what, one, two in (
        ("weights", first.weights, other.weights),
        ("offsets", first.offset, other.offset),
    ):
        same = one is two or (one is not None and two is not None and np.array_equal(one, two))
        if not same:
            raise ModelError(f"different {what} in `{a}` and `{b}`: likelihoods not comparable")


def _incomplete(first: Design, other: Design) -> str:
    """Which column leaves rows out of one model only."""
    more = max(first, other, key=lambda design: len(design.frame.omitted))
    less = other if more is first else first
    extra = [name for name in more.spec.columns if name not in less.spec.columns]
    if not extra or first.frame.n_rows != other.frame.n_rows:
        return ""
    return f" (`{more.spec.formula.text}` also needs {', '.join(extra)})"


def _check_restricted(fits: list[Compared]) -> None:
    """Refuse restricted likelihoods of different contrasts of y, or beside full ones."""
    first = fits[0].design
    for fit in fits:
        design = fit.design
        if not isinstance(fit, LinearFit) and not design.spec.reml:
            raise ModelError(
                "some models are fitted by REML and some by ML; use refit=True, or fit all alike"
            )
        if design.names != first.names or not np.array_equal(design.X, first.X):
            raise ModelError(
                f"`{first.spec.formula.text}` and `{design.spec.formula.text}` have different "
                "fixed effects: their REML criteria cannot be compared; use refit=True"
            )
