"""Estimates written down without fitting anything: what the comparison and the reports are fed."""

from __future__ import annotations

import hashlib
import math
import struct
from dataclasses import replace
from typing import Any

from harness.models.inference import EffectSize, MarginalMean, MeanContrast, TermTest
from harness.models.record import (
    ColumnPrint,
    Estimates,
    FitStatistics,
    FixedEffect,
    ProblemPrint,
    RandomEffect,
    ReferenceQuality,
)
from harness.models.spec import ModelKey

KEY = ModelKey("efficacy", "ITT", "bdi")
FORMULA = "bdi ~ treatment * week + (week | subject)"
SIGMA = 5.25
THETA = (1.6, -0.25, 0.75)


def column(name: str, values: list[float]) -> ColumnPrint:
    """A print of real values, as either engine makes it."""
    values = [v + 0.0 for v in values]
    return ColumnPrint(
        name=name,
        sha256=hashlib.sha256(struct.pack(f"<{len(values)}d", *values)).hexdigest(),
        total=math.fsum(values),
        moment=math.fsum(v * i for i, v in enumerate(values, start=1)),
        size=math.fsum(abs(v) for v in values),
    )


def problem(**changes: Any) -> ProblemPrint:
    """A small problem: 6 rows, 3 subjects, treatment and week and a logged covariate."""
    week = [0.0, 2.0, 0.0, 2.0, 0.0, 2.0]
    arm = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    dose = [math.log(v) for v in (1.5, 2.5, 3.5, 4.5, 5.5, 6.5)]
    given: dict[str, Any] = {
        "n_obs": 6,
        "groups": {"subject": 3},
        "levels": {"treatment": ("TAU", "BtheB")},
        "x": (
            column("(Intercept)", [1.0] * 6),
            column("treatmentBtheB", arm),
            column("week", week),
            column("log(dose)", dose),
        ),
        "y": column("bdi", [20.0, 11.0, 25.5, 9.0, 31.0, 28.0]),
        "z": (column("subject", [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]),),
        "reml": True,
    }
    return ProblemPrint(**{**given, **changes})


def effect(term: str, b: float, se: float, df: float, p: float, q: float) -> FixedEffect:
    """A coefficient with the interval ``b -+ q se``."""
    return FixedEffect(term, b, se, df, b / se, p, b - q * se, b + q * se)


def estimates(engine: str = "port", **changes: Any) -> Estimates:
    """A fit well inside the parameter space, with a tiny, a middling and a large p value."""
    t1, t2, t3 = THETA
    sd_week = math.hypot(t2, t3)
    given: dict[str, Any] = {
        "engine": engine,
        "formula": FORMULA,
        "reml": True,
        "df_method": "satterthwaite",
        "n_obs": 6,
        "groups": {"subject": 3},
        "singular": False,
        "converged": True,
        "messages": (),
        "fixed": (
            effect("(Intercept)", 23.5, 1.5, 61.3, 1.2e-23, 1.9996),
            effect("treatmentBtheB", -4.2, 1.9, 60.9, 0.0309, 1.9998),
            effect("week", -0.31, 0.21, 44.4, 0.147, 2.0149),
            effect("log(dose)", 0.8, 0.9, 58.8, 0.378, 2.0012),
        ),
        "random": (
            RandomEffect("sd(subject:(Intercept))", SIGMA * t1),
            RandomEffect("sd(subject:week)", SIGMA * sd_week),
            RandomEffect("cor(subject:(Intercept),week)", t2 / sd_week),
            RandomEffect("sigma", SIGMA),
        ),
        "fit": FitStatistics(criterion=1234.5, loglik=-617.25, aic=1250.5, bic=1275.25),
        "theta": THETA,
        "min_eigen": 0.71,
        "problem": problem(),
        "versions": {"numpy": "2.4"},
    }
    return Estimates(**{**given, **changes})


def pair(**changes: Any) -> tuple[Estimates, Estimates]:
    """Two equal answers, port's and lme4's."""
    return (
        estimates("port", **changes),
        estimates("lme4", quality=ReferenceQuality(clean=True), **changes),
    )


def besides() -> dict[str, Any]:
    """What was asked besides, as far as two means, a contrast, a test and an effect size go."""
    mean, contrast = "treatment=TAU, week=2", "BtheB - TAU | week=2"
    return {
        "emmeans": (
            MarginalMean(mean, 22.9, 1.4, 70.1, 22.9 - 1.994 * 1.4, 22.9 + 1.994 * 1.4),
            MarginalMean("treatment=BtheB, week=2", *[math.nan] * 5),
        ),
        "contrasts": (
            MeanContrast(
                *(contrast, -4.2, 1.9, 60.9, -4.2 / 1.9, 0.0309),
                *(-4.2 - 1.9998 * 1.9, -4.2 + 1.9998 * 1.9),
            ),
        ),
        "anova": (TermTest("anova(treatment)", 1.0, 60.9, 4.886, 0.0309),),
        "effect_sizes": (EffectSize(contrast, -0.42, -0.8, -0.04, 10.0),),
    }


def at_boundary(engine: str = "port", **changes: Any) -> Estimates:
    """A singular fit: the slope has no variance, its correlation is undefined."""
    given: dict[str, Any] = {
        "singular": True,
        "min_eigen": 0.0,
        "theta": (1.6, 0.0, 0.0),
        "random": (
            RandomEffect("sd(subject:(Intercept))", SIGMA * 1.6),
            RandomEffect("sd(subject:week)", 0.0),
            RandomEffect("cor(subject:(Intercept),week)", math.nan),
            RandomEffect("sigma", SIGMA),
        ),
    }
    return estimates(engine, **{**given, **changes})


def with_value(answer: Estimates, term: str, quantity: str, value: Any) -> Estimates:
    """The same answer with one number replaced."""
    if quantity in ("n_obs", "singular", "converged"):
        return replace(answer, **{quantity: value})
    if quantity == "n_groups":
        return replace(answer, groups={**answer.groups, term: value})
    if quantity in ("sd", "cor", "sigma"):
        random = tuple(
            replace(part, estimate=value) if part.term == term else part for part in answer.random
        )
        return replace(answer, random=random)
    if term == "":
        return replace(answer, fit=replace(answer.fit, **{quantity: value}))
    found: dict[str, Any] = {}
    for part in ("fixed", "emmeans", "contrasts", "anova", "effect_sizes"):
        rows = getattr(answer, part)
        found[part] = rows and tuple(
            replace(row, **{quantity: value})
            if row.term == term and hasattr(row, quantity)
            else row
            for row in rows
        )
    return replace(answer, **found)
