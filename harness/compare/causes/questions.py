"""Other questions that one may have answered on the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

import pandas as pd

from harness.compare.causes.asked import Asked
from harness.compare.causes.change import Change
from harness.language.formula import RandomTerm
from harness.language.nodes import Name
from harness.models.contrasts import CODINGS
from harness.models.spec import Covariance, DfMethod, ModelSpec
from harness.models.variables import Factor, evaluate_variable

LEVELS = (0.9, 0.99, 0.8, 0.95)
"""Levels of confidence that papers use."""

_TESTS = {
    "satterthwaite": "took Satterthwaite degrees of freedom",
    "kenward-roger": "took Kenward-Roger degrees of freedom and standard errors",
    "residual": "took the residual degrees of freedom",
    "z": "took normal instead of t distributions (z tests)",
}


def other_tests(asked: Asked) -> Iterator[Change]:
    """Other degrees of freedom, other levels of confidence: the fit is the same."""
    spec = asked.spec
    methods: tuple[DfMethod, ...] = get_args(DfMethod)
    for method in methods:
        if method == spec.df_method or (method == "kenward-roger" and not spec.reml):
            continue
        if spec.method in ("lm", "survreg") and method not in ("residual", "z"):
            continue
        yield _asked(asked, "df", _TESTS[method], df_method=method)
    for level in LEVELS:
        if level != spec.conf_level:
            yield _asked(
                asked, "level", f"gave intervals of level {level:g}, not {spec.conf_level:g}",
                conf_level=level,
            )  # fmt: skip


def other_fits(asked: Asked) -> Iterator[Change]:
    """Another criterion, coding, weighting or covariance of the random effects."""
    spec = asked.spec
    if spec.method not in ("lm", "survreg"):
        words = "fitted by ML, not REML" if spec.reml else "fitted by REML, not ML"
        changed = replace(spec, reml=not spec.reml)
        if not changed.reml and changed.df_method == "kenward-roger":
            changed = replace(changed, df_method="satterthwaite")
        yield Change("reml", words, changed, asked.frame)
    yield from _codings(asked)
    if spec.weights:
        yield _asked(asked, "weights", f"left out the weights `{spec.weights}`", weights="")
    if spec.offset:
        yield _asked(asked, "offset", f"left out the offset `{spec.offset}`", offset="")
    yield from _random_parts(asked)
    yield from _covariances(asked)


def _covariances(asked: Asked) -> Iterator[Change]:
    """Every other covariance by visit."""
    repeated = asked.spec.repeated
    if repeated is None:
        return
    for covariance in get_args(Covariance):
        if covariance != repeated.covariance:
            yield _asked(
                asked, "covariance", f"took the covariance {covariance} by `{repeated.visit}`",
                repeated=replace(repeated, covariance=covariance),
            )  # fmt: skip


def _codings(asked: Asked) -> Iterator[Change]:
    """Every factor's contrasts, one at a time and all together."""
    given = dict(asked.spec.contrasts)
    factors = [name for name in fixed_columns(asked.spec) if is_factor(asked.frame, name)]
    for coding in CODINGS:
        others = [name for name in factors if given.get(name, "treatment") != coding]
        for name in others:
            changed = {**given, name: coding}
            yield _asked(
                asked, "coding", f"coded `{name}` by {coding} contrasts",
                contrasts=tuple(changed.items()),
            )  # fmt: skip
        if len(others) > 1:
            changed = {**given, **dict.fromkeys(others, coding)}
            yield _asked(
                asked, "coding", f"coded every factor by {coding} contrasts",
                contrasts=tuple(changed.items()),
            )  # fmt: skip


def _random_parts(asked: Asked) -> Iterator[Change]:
    """Each random effect left out, and each correlated term uncorrelated."""
    formula = asked.spec.formula
    for place, term in enumerate(formula.random):
        group = term.group_label
        if term.intercept and term.terms:
            apart = (replace(term, terms=()), *_alone(term))
            yield _with_random(asked, place, apart, f"left out the correlations within `{group}`")
        for k, slope in enumerate(term.terms):
            rest = replace(term, terms=term.terms[:k] + term.terms[k + 1 :])
            kept = (rest,) if rest.intercept or rest.terms else ()
            words = f"left out the random slope of `{slope.label}` in `{group}`"
            yield _with_random(asked, place, kept, words)
        if term.intercept:
            kept = (replace(term, intercept=False),) if term.terms else ()
            yield _with_random(asked, place, kept, f"left out the random intercept of `{group}`")


def _alone(term: RandomTerm) -> tuple[RandomTerm, ...]:
    return tuple(replace(term, intercept=False, terms=(slope,)) for slope in term.terms)


def _with_random(asked: Asked, place: int, instead: tuple[RandomTerm, ...], words: str) -> Change:
    formula = asked.spec.formula
    random = formula.random[:place] + instead + formula.random[place + 1 :]
    # The text stays: it is what was asked, and what the answer is labelled with.
    changed = replace(asked.spec, formula=replace(formula, random=random))
    return Change("random", words, changed, asked.frame)


def _asked(asked: Asked, kind: str, words: str, **changes: object) -> Change:
    return Change(kind, words, replace(asked.spec, **changes), asked.frame)  # type: ignore[arg-type]


def fixed_columns(spec: ModelSpec) -> tuple[str, ...]:
    """Data columns of the fixed part, the response not among them."""
    grouping = {name for term in spec.formula.random for name in term.group}
    response = replace(spec.formula, terms=(), random=(), offsets=()).columns
    return tuple(
        name for name in spec.formula.columns if name not in grouping and name not in response
    )


def is_factor(frame: pd.DataFrame, name: str) -> bool:
    """Whether a formula takes the column for a factor."""
    return isinstance(evaluate_variable(Name(name), frame), Factor)
