"""How an analysis has its missing outcomes imputed, as a part of the plan."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harness.plan.sections.section import Line, Section


class Missing(Section):
    """Multiple imputation of the outcome beside the fit to what was seen."""

    method: Literal["mi"] = Field(default="mi", description="Multiple imputation.")
    imputations: int = Field(default=50, ge=3, le=10_000, description="Completed data sets.")
    iterations: int = Field(default=20, ge=1, le=1_000, description="Steps of each chain.")
    seed: int = Field(default=1, ge=0, le=2_147_483_647, description="Of each side's own draws.")
    by_arm: bool = Field(
        default=True,
        description="A model of imputation for each arm; false: the arm is a predictor only.",
    )
    covariates: tuple[Line, ...] = Field(
        default=(),
        description="Columns with one value a patient that help to predict the outcome, beside the "
        "predictors of the formula.",
    )
    delta: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="One more answer: this is added to what was imputed, in the outcome's unit.",
    )
    delta_arm: Line | None = Field(default=None, description="With delta: in this arm only.")
    reference_based: Literal["jump"] | None = Field(
        default=None,
        description="One more answer: patients of other arms who were lost jump to the reference.",
    )
