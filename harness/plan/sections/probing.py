"""How means, effect sizes and moderations of an analysis are taken, as a plan says it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harness.plan.sections.section import Line, Section

MeanWeights = Literal["equal", "proportional", "outer", "cells", "flat"]
EffectSd = Literal["residual", "total", "baseline", "given"]


class Probe(Section):
    """How a moderation is probed."""

    at: tuple[str | float, ...] = Field(
        default=("mean-sd", "mean", "mean+sd"),
        min_length=1,
        description="Moderator values of the simple slopes: numbers, or mean, mean-sd, mean+2sd, "
        "median, percentiles such as q25; over patients.",
    )
    johnson_neyman: bool = Field(default=False, description="Compute the region of significance.")
    alpha: float = Field(
        default=0.05, gt=0, lt=1, description="Two-sided level of the region of significance."
    )
    control: Literal["none", "fdr"] = Field(
        default="none",
        description="fdr: the region's level is lowered so that alpha is the rate of false "
        "discoveries over the values observed (Esarey & Sumner 2018).",
    )


class Means(Section):
    """How marginal means are taken."""

    weights: MeanWeights = Field(
        default="equal",
        description="How the variables averaged over count: equal; proportional to the frequencies "
        "of their combinations; outer: to the product of their own frequencies; cells: to the "
        "frequencies within each mean; flat: equal over cells with data.",
    )


class EffectSizes(Section):
    """The standard deviation that effect sizes are counted in."""

    sd: EffectSd = Field(
        default="total",
        description="total: of the outcome given the fixed effects, random effects and residual; "
        "residual: sigma; baseline: of `column` within arms at each patient's first row; given.",
    )
    value: float | None = Field(
        default=None, gt=0, description="For given: the standard deviation, in the outcome's unit."
    )
    column: Line | None = Field(
        default=None,
        description="For baseline: column of baseline values; `{baseline}`, or a name, "
        "perhaps with `{outcome}` in it.",
    )
