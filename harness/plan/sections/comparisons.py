"""Comparisons between arms in a plan: which pairs, and who is a responder."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from harness.plan.sections.section import Line, Section, spelt

Arm = Annotated[Line, BeforeValidator(spelt)]
ArmPair = Annotated[
    tuple[Arm, Arm], Field(description="Two levels of the arm: the first less the second.")
]


class Responder(Section):
    """Who is a responder, and how the shares of two arms are compared."""

    percent: float = Field(
        default=20,
        gt=0,
        le=100,
        description="By how many per cent of the patient's own first value the outcome improves.",
    )
    direction: Literal["lower", "higher"] | None = Field(
        default=None, description="Which way is better; default: as the codebook has it."
    )
    missing: Literal["nonresponder", "exclude"] = Field(
        default="nonresponder",
        description="Patients without a first or a later value, or with a first value of zero or "
        "below: nonresponder (all of the arm count) or exclude.",
    )
    interval: Literal["newcombe", "wald"] = Field(
        default="newcombe",
        description="Of the risk difference: Newcombe's hybrid score, or the normal one.",
    )
