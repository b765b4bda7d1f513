"""What is asked of a model whose missing outcomes are imputed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Imputation:
    """How missing outcomes are imputed, and under which assumptions the model is then fitted.

    Attributes:
        patient, time, arm: columns.
        covariates: columns with one value a patient that help to predict the outcome.
        reference: the arm whose patients set the mean of those who jump to it.
        baseline: level of the time column before treatment.
        imputations, iterations, seed, by_arm: of the draws, each side's own.
        delta: added to what was imputed, in the outcome's unit; None for no such answer.
        delta_arm: in this arm only; empty for all.
        jump: whether, as one more answer, patients of other arms who were lost jump to the
            reference.
    """

    patient: str
    time: str
    arm: str
    covariates: tuple[str, ...]
    reference: str
    baseline: str
    imputations: int = 50
    iterations: int = 20
    seed: int = 1
    by_arm: bool = True
    delta: float | None = None
    delta_arm: str = ""
    jump: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it needs beside those of the model."""
        return (self.patient, self.time, self.arm, *self.covariates)

    @property
    def labels(self) -> dict[Literal["random", "delta", "jump"], str]:
        """What stands behind a coefficient's name in each answer: ``mi(x)``, ``mi(x, TAU +5)``."""
        found: dict[Literal["random", "delta", "jump"], str] = {"random": ""}
        if self.delta is not None:
            found["delta"] = f", {self.delta_arm or 'all'} {self.delta:+g}"
        if self.jump:
            found["jump"] = f", jump to {self.reference}"
        return found

    def as_json(self) -> dict[str, Any]:
        """As ``r_reference/impute.R`` reads it."""
        found: dict[str, Any] = {
            "subject": self.patient,
            "visit": self.time,
            "arm": self.arm,
            "covariates": list(self.covariates),
            "imputations": self.imputations,
            "iterations": self.iterations,
            "seed": self.seed,
            "by_arm": self.by_arm,
            "labels": dict(self.labels),
        }
        if self.delta is not None:
            found["delta"] = self.delta
            if self.delta_arm:
                found["delta_arm"] = self.delta_arm
        if self.jump:
            found |= {"reference": self.reference, "baseline": self.baseline}
        return found
