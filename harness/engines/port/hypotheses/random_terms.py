"""Tests of the random effects: each term reduced in turn, against the model with all.

A slope, or a factor's effects, is taken out of its term; a term with an intercept only goes
altogether, and when it was the last the linear model is what is left. The fixed effects stay, so
restricted likelihoods are comparable. As lmerTest's ``ranova``; see ``reductions`` for one
difference.

The null hypothesis puts a variance at the edge of what is possible, and chi-square on the
difference of parameters is then too large a yardstick. Where one effect leaves a term of k (and no
variance is zero in the reduced model) the statistic is distributed as an even mixture of
chi-squares on k - 1 and k df: Self & Liang (1987), J. Am. Stat. Assoc. 82; Stram & Lee (1994),
Biometrics 50. ``p_value_mixture`` is NaN elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
from scipy.special import chdtrc

from harness.engines.port.fit import fit_design
from harness.engines.port.hypotheses.likelihood_ratio import linear_loglik, parameters
from harness.language import parse_formula
from harness.language.formula import RandomTerm, Term
from harness.language.nodes import deparse
from harness.models.design import Design, with_random
from harness.models.variables import Factor

if TYPE_CHECKING:
    from harness.engines.port.fitted import FittedModel

COLUMNS = ("term", "n_par", "loglik", "aic", "lrt", "df", "p_value", "p_value_mixture")


def random_terms_table(fit: FittedModel) -> pd.DataFrame:
    """Test each random term; the criterion stays that of the fit, REML or ML.

    Returns:
        One row a reduced model, the first that of the fit: what was taken out, number of
        parameters, log-likelihood, AIC, twice the difference of the log-likelihoods, its df, the p
        value by chi-square and by the mixture of chi-squares.
    """
    full = parameters(fit)
    aic = -2.0 * fit.loglik + 2.0 * full
    rows = [("<none>", full, fit.loglik, aic, math.nan, math.nan, math.nan, math.nan)]
    before = sum(len(term.names) for term in fit.design.random)
    for label, design in reductions(fit.design):
        if design.random:
            reduced = fit_design(design)
            count, loglik, singular = parameters(reduced), reduced.loglik, reduced.singular
        else:
            count, singular = len(design.names) + 1, False
            loglik = linear_loglik(design, design.spec.reml)
        lrt = max(0.0, 2.0 * (fit.loglik - loglik))
        df = full - count
        after = sum(len(term.names) for term in design.random)
        single = before - after == 1 and not singular
        rows.append(
            (
                label,
                count,
                loglik,
                -2.0 * loglik + 2.0 * count,
                lrt,
                float(df),
                float(chdtrc(df, lrt)) if df > 0 else math.nan,
                _mixture(df, lrt) if single else math.nan,
            )
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _mixture(k: int, lrt: float) -> float:
    """Upper tail of the even mixture of chi-squares on k - 1 and on k df; that on 0 is a zero."""
    below = float(chdtrc(k - 1, lrt)) if k > 1 else float(lrt == 0.0)
    return 0.5 * below + 0.5 * float(chdtrc(k, lrt))


def reductions(design: Design) -> Iterator[tuple[str, Design]]:
    """Each reduction of one random term: what it takes out, and the design without it.

    ``(0 + x | g)`` of a number x is dropped; lmerTest puts ``(1 | g)`` in its place, which is
    no smaller model. ``(0 + f | g)`` of a factor becomes ``(1 | g)`` in both, here unless the model
    has that term already: ``(f || g)``.
    """
    formula = design.spec.formula
    for k, term in enumerate(formula.random):
        before, after = formula.random[:k], formula.random[k + 1 :]
        if not term.terms:
            yield _spelt(term), _with(design, (*before, *after))
        for slope in term.terms:
            if any(set(slope.factors) < set(other.factors) for other in term.terms):
                continue  # an interaction needs its margins
            left = _without(term, slope, design)
            yield f"{slope.label} in {_spelt(term)}", _with(design, (*before, *left, *after))


def _without(term: RandomTerm, slope: Term, design: Design) -> tuple[RandomTerm, ...]:
    """What is left of a random term without one of its slopes."""
    fewer = tuple(other for other in term.terms if other is not slope)
    left = replace(term, terms=fewer)
    if not (fewer or term.intercept):
        variables = [design.frame.variables[deparse(node)] for node in slope.factors]
        if not all(isinstance(variable, Factor) for variable in variables):
            return ()
        left = RandomTerm(True, (), term.group)
    # What is left may stand in the model already, as ``(1 | g)`` beside ``(0 + f | g)`` does.
    return () if left in design.spec.formula.random else (left,)


def _spelt(term: RandomTerm) -> str:
    """A random term as a formula has it."""
    parts = [slope.label for slope in term.terms]
    if not term.intercept:
        parts.insert(0, "0")
    return f"({' + '.join(parts) or '1'} | {term.group_label})"


def _with(design: Design, random: tuple[RandomTerm, ...]) -> Design:
    """The design with other random terms, under the formula that says so."""
    formula = design.spec.formula
    fixed = [term.label for term in formula.terms]
    if not formula.intercept or not fixed:
        fixed.insert(0, "1" if formula.intercept else "0")
    fixed += [f"offset({deparse(node)})" for node in formula.offsets]
    right = " + ".join([*fixed, *(_spelt(term) for term in random)])
    return with_random(design, parse_formula(f"{deparse(formula.response)} ~ {right}"))
