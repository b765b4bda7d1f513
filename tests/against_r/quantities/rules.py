"""Where R is the noisier side, or answers another question: every exception by name.

A rule either widens a limit, or takes another reference for the same quantity. None lets a
quantity go: what R cannot say in one unit, or on the boundary, it says in another unit or of the
model without what is zero there, and where R has no answer the truth is computed
(``test_beyond_r.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from models import MODELS
from quantities import QUANTITIES


@dataclass(frozen=True)
class Rule:
    """An exception.

    Attributes:
        reason: why, and what holds the port instead.
        holds: whether it holds for a model's quantity at a tier (``at``, ``own``).
        limit: the limit then, in the quantity's unit.
    """

    reason: str
    holds: Callable[[str, str, str], bool]
    limit: float


RULES: dict[str, Rule] = {
    "rounded-rows": Rule(
        "lmerTest rounds its contrasts of type III to seven digits (0.1666667 for 1/6); "
        "`hypothesis_*` asks it of unrounded ones, at the tier's own limits",
        lambda model, quantity, tier: quantity.startswith("anova_3_"),
        5e-6,
    ),
    "chord": Rule(
        "emtrends takes the slope of a chord over a thousandth of the range, 2e-3 standard errors "
        "off a parabola's; the derivative is held by test_slope_of_a_parabola",
        lambda model, quantity, tier: (
            model == "sleepstudy-quadratic-reml" and quantity.startswith("trend_")
        ),
        5e-3,
    ),
    "unscaled-f": Rule(
        "emmeans leaves Kenward and Roger's scale out of F, 3e-3 off with nine patients; "
        "`hypothesis_kr_f` holds F with its scale to pbkrtest's",
        lambda model, quantity, tier: model == "few-groups-reml" and quantity == "joint_kr_f",
        5e-3,
    ),
    "far-predictor": Rule(
        "with ages near 2026 R's inverse of the information keeps ten digits; the port is held to "
        "its own answer at ages near 45, and that one to R (test_equivariance.py)",
        lambda model, quantity, tier: (
            model == "far-covariate-reml" and not satterthwaite(quantity) and tier == "at"
        ),
        2e-9,
    ),
    "far-predictor-numeric": Rule(
        "the same, and lmerTest's numeric derivatives of it",
        lambda model, quantity, tier: (
            model == "far-covariate-reml" and satterthwaite(quantity) and tier == "at"
        ),
        2e-5,
    ),
    "large-effects": Rule(
        "with effects 30 residual standard deviations large pbkrtest's df keep nine digits; "
        "40-digit arithmetic has the port right to 1e-14 there (tests/against_truth)",
        lambda model, quantity, tier: (
            model == "large-effects-30-reml"
            and tier == "at"
            and quantity in ("anova_1_kr_df", "anova_2_kr_df", "hypothesis_kr_df")
        ),
        2e-9,
    ),
    "boundary-components": Rule(
        "on the boundary a component is compared as its share of sigma",
        lambda model, quantity, tier: (
            quantity == "varcorr" and tier == "own" and MODELS[model].boundary
        ),
        1e-3,
    ),
}
"""Wider limits, by name."""


def limit_of(model: str, quantity: str, tier: str) -> tuple[float | None, str]:
    """The limit of a model's quantity at a tier, and the name of the rule that widened it."""
    limit: float | None = getattr(QUANTITIES[quantity], tier)
    named = ""
    for name, rule in RULES.items():
        if limit is not None and rule.limit > limit and rule.holds(model, quantity, tier):
            limit, named = rule.limit, name
    return limit, named


NUMERIC_DERIVATIVES = (
    "lmerTest differentiates numerically in steps made for numbers near 1: for responses of the "
    "order 1e-6 or 1e9 it says 2.2 or 30,000 df for 88.6. In such a unit R is asked for its df in "
    "the twin's unit, and its estimates are multiplied by the unit"
)
BOUNDARY_DF = (
    "on the boundary lmerTest drops whatever Hessian eigenvalues are below 1e-8, so its df jump. "
    "There the df are R's of the model without what is zero; where a correlation is at one there "
    "is no such model, and 50-digit arithmetic decides (test_beyond_r.py)"
)


def satterthwaite(quantity: str) -> bool:
    return "sw" in quantity.split("_")


def in_the_responses_unit(quantity: str) -> bool:
    """Whether a twin's answer must be multiplied by the unit; df, F and p must not."""
    return quantity.rsplit("_", maxsplit=1)[-1] in ("estimate", "se", "ci") or quantity == "wald_sw"
