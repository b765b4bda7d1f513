"""Other readings of the same fit: another theta, other errors, signs and units."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from statistics import median

import numpy as np

from harness.compare.causes.asked import Asked
from harness.compare.causes.besides import besides_scaled, besides_unadjusted
from harness.compare.causes.change import Change
from harness.engines.port.engine import PortEngine
from harness.engines.port.fit import Fit, fit_design
from harness.engines.port.wald import wald_table
from harness.models.design import build_design
from harness.models.record import Estimates, FixedEffect

UNITS = {
    math.log(10.0): "natural logarithms for common ones",
    1.0 / math.log(10.0): "common logarithms for natural ones",
    1.0 / math.log(2.0): "binary logarithms for natural ones",
    math.log(2.0): "natural logarithms for binary ones",
}
"""Factors with a name."""

SAME_UNIT = 1e-6
"""How closely sigma, coefficients and errors must agree on a factor, relative."""


_NOT_ADJUSTED = {
    "kenward-roger": "did not adjust the standard errors (Kenward-Roger)",
    "satterthwaite": "took Kenward-Roger's degrees of freedom with errors not adjusted",
}


def stopped_elsewhere(asked: Asked, right: Estimates, off: Estimates) -> Iterator[Change]:
    """Everything as it follows from the theta at which the other search ended."""
    if len(off.theta) != len(right.theta) or off.theta == right.theta:
        return
    gap = off.fit.criterion - right.fit.criterion
    if gap >= 0.0:
        words = f"stopped {gap:.2g} above the lowest criterion; its numbers follow from there"
    else:
        words = f"found a criterion {-gap:.2g} lower; its numbers follow from there"

    def answer() -> Estimates:
        spec = asked.spec
        found = PortEngine().at(spec, asked.frame, off.theta)
        return replace(found, converged=off.converged)

    yield Change("optimum", words, answer=answer, off_optimum=True)


def other_errors(asked: Asked) -> Iterator[Change]:
    """Kenward-Roger's degrees of freedom beside errors that are not adjusted."""
    spec = asked.spec
    if spec.mixed and spec.reml and spec.df_method in _NOT_ADJUSTED:
        words = _NOT_ADJUSTED[spec.df_method]
        yield Change("kenward-roger", words, answer=partial(_mixed_errors, asked))


def _mixed_errors(asked: Asked) -> Estimates:
    spec = asked.spec
    fit: Fit = fit_design(build_design(spec, asked.frame))
    covariance = fit.covariance("satterthwaite")
    table = wald_table(
        fit.beta, np.sqrt(np.diag(covariance)), fit.df("kenward-roger"), spec.conf_level
    )
    plain = fit.estimates(spec.df_method)
    rows = zip(plain.fixed, table.rows(), strict=True)
    fixed = tuple(FixedEffect(e.term, *row) for e, row in rows)
    return replace(plain, fixed=fixed, **besides_unadjusted(fit, spec.conf_level))


def other_signs(right: Estimates, off: Estimates) -> Iterator[Change]:
    """The coefficients that have the other sign, turned."""
    theirs = {effect.term: effect.estimate for effect in off.fixed}
    turned = [e.term for e in right.fixed if e.estimate * theirs.get(e.term, math.nan) < 0.0]
    if not turned:
        return
    named = ", ".join(f"`{term}`" for term in turned)
    fixed = tuple(_turned(e) if e.term in turned else e for e in right.fixed)
    answer = partial(replace, right, fixed=fixed)
    yield Change("sign", f"turned the sign of {named}", answer=answer, blind=True)


def _turned(effect: FixedEffect) -> FixedEffect:
    return replace(
        effect,
        estimate=-effect.estimate,
        statistic=-effect.statistic,
        conf_low=-effect.conf_high,
        conf_high=-effect.conf_low,
    )


def other_unit(right: Estimates, off: Estimates) -> Iterator[Change]:
    """The outcome in another unit: every number in that unit times one factor."""
    factor = _factor(right, off)
    if math.isnan(factor) or abs(factor - 1.0) <= SAME_UNIT:
        return
    words = f"has the outcome in another unit, times {factor:.6g}"
    for at, known in UNITS.items():
        if abs(factor / at - 1.0) <= SAME_UNIT:
            words = f"took {known}"
    yield Change("unit", words, answer=_scaled(right, factor), blind=True)


def _factor(right: Estimates, off: Estimates) -> float:
    """The factor on which all standard errors agree; NaN if there is none."""
    errors = {effect.term: effect.std_error for effect in off.fixed}
    factors = [
        errors[e.term] / e.std_error
        for e in right.fixed
        if e.term in errors and e.std_error > 0.0 and errors[e.term] > 0.0
    ]
    if not factors:
        return math.nan
    middle = median(factors)
    agreed = all(abs(f / middle - 1.0) <= SAME_UNIT for f in factors)
    return middle if agreed else math.nan


def _scaled(right: Estimates, factor: float) -> Callable[[], Estimates]:
    def answer() -> Estimates:
        fixed = tuple(
            replace(
                e,
                estimate=factor * e.estimate,
                std_error=factor * e.std_error,
                conf_low=factor * e.conf_low,
                conf_high=factor * e.conf_high,
            )
            for e in right.fixed
        )
        random = tuple(
            r if r.term.startswith("cor(") else replace(r, estimate=factor * r.estimate)
            for r in right.random
        )
        d = right.n_obs - len(right.fixed) if right.reml else right.n_obs
        rise = 2.0 * d * math.log(factor)
        fit = replace(
            right.fit,
            criterion=right.fit.criterion + rise,
            loglik=right.fit.loglik - 0.5 * rise,
            aic=right.fit.aic + rise,
            bic=right.fit.bic + rise,
        )
        besides = besides_scaled(right, factor)
        return replace(right, fixed=fixed, random=random, fit=fit, **besides)

    return answer
