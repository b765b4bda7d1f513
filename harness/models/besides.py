"""What is asked of a model besides its fit: means, contrasts, tests of terms, effect sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from harness.models.hypothesis import Hypothesis
    from harness.models.imputation import Imputation
    from harness.models.observed import Observed

Part = Literal[
    "emmeans",
    "contrasts",
    "anova",
    "effect_size",
    "slopes",
    "johnson_neyman",
    "changes",
    "d_ppc2",
    "hedges_g",
    "responders",
    "robust",
    "leave_one_out",
    "imputed",
    "hypotheses",
]
MeanWeights = Literal["equal", "proportional", "outer", "cells", "flat"]
"""How what the means are averaged over counts; ``averages`` of the port says what each means."""
Unit = Literal["residual", "total", "baseline", "given"]
RobustKind = Literal["HC3", "CR2"]
Control = Literal["none", "fdr"]
"""What keeps a region of significance from many false discoveries along the moderator."""

FIELDS: Mapping[Part, tuple[str, ...]] = {
    "emmeans": ("emmeans",),
    "contrasts": ("contrasts",),
    "anova": ("anova",),
    "effect_size": ("effect_sizes",),
    "slopes": ("slopes",),
    "johnson_neyman": ("lower_bounds", "upper_bounds"),
    "changes": (),
    "d_ppc2": ("d_ppc2",),
    "hedges_g": ("hedges_g",),
    "responders": ("responders", "risk_differences"),
    "robust": ("robust",),
    "leave_one_out": ("leave_one_out",),
    "imputed": ("imputed",),
    "hypotheses": ("hypotheses", "joint_hypotheses"),
}
"""The fields of ``Estimates`` that answer each part, in the order in which they are shown.

Changes within arms stand among the contrasts, below the difference between them.
"""
OBSERVED: tuple[Part, ...] = ("d_ppc2", "hedges_g", "responders")
"""Parts of the observed values: no model's numbers are in them."""
ANSWERS: tuple[str, ...] = tuple(field for fields in FIELDS.values() for field in fields)
"""All of them."""


@dataclass(frozen=True, slots=True)
class DesignColumn:
    """The column of arms or of times.

    Attributes:
        column: its name.
        levels: as the plan spells them; the first is the reference arm, or baseline.
    """

    column: str
    levels: tuple[str, ...]

    @property
    def numbers(self) -> tuple[float, ...] | None:
        """The levels as numbers, for a column that is one; None if one of them is not finite."""
        try:
            found = tuple(float(level) for level in self.levels)
        except ValueError:
            return None
        return found if all(math.isfinite(value) for value in found) else None


@dataclass(frozen=True, slots=True)
class EffectUnit:
    """The standard deviation that effect sizes are counted in; d = contrast / sd.

    Attributes:
        by: ``residual``, sigma; ``total``, the root of the mean over rows of the variance given
            the fixed effects; ``baseline``, that of a column within arms, pooled, over the first
            row of each patient; ``given``, a number.
        value: where it is given, in the outcome's unit.
        column, arm, patient: for ``baseline``: the columns of baseline values, arms and patients.
    """

    by: Unit = "total"
    value: float | None = None
    column: str = ""
    arm: str = ""
    patient: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is computed from, if it is not of the model."""
        return (self.column, self.arm, self.patient) if self.by == "baseline" else ()

    @property
    def formula(self) -> str:
        """What d is, in words, for a report."""
        words = {
            "residual": "sigma, the residual standard deviation",
            "total": "the root of the mean over rows of the variance that the fixed effects leave "
            "(random effects and residual; Hedges 2007)",
            "baseline": f"the standard deviation of {self.column} within {self.arm}, pooled by "
            f"n - 1, over the first row of each {self.patient} (Morris 2008)",
            "given": "the number the plan gives",
        }
        return f"d = contrast / SD, taken as known (Feingold 2013); SD is {words[self.by]}"


@dataclass(frozen=True, slots=True)
class Probe:
    """How an effect's dependence on a moderator is probed.

    Attributes:
        moderator: numeric column.
        at: values of the simple slopes: numbers, or their names (``mean-sd``, ``q25``), which are
            taken over patients, one value each.
        patient: column that identifies them.
        alpha: two-sided level of the region of significance.
        control: ``fdr`` keeps the rate of false discoveries over the values observed at alpha.
    """

    moderator: str
    at: tuple[str | float, ...]
    patient: str
    alpha: float = 0.05
    control: Control = "none"

    @property
    def controlled(self) -> bool:
        """Whether the region's level is not simply alpha."""
        return self.control != "none"

    def as_json(self) -> dict[str, Any]:
        """As ``r_reference/probe.R`` reads it; a value has a name or a number."""
        return {
            "moderator": self.moderator,
            "names": [at if isinstance(at, str) else "" for at in self.at],
            "values": [0.0 if isinstance(at, str) else float(at) for at in self.at],
            "per": self.patient,
            "alpha": self.alpha,
            **({"control": self.control} if self.controlled else {}),
        }


@dataclass(frozen=True, slots=True)
class Robust:
    """Tests of the coefficients with errors that do not believe the model's variances.

    Attributes:
        kind: ``HC3``, rows with variances of their own, of a linear model; ``CR2``, clusters within
            which rows vary as they like.
        cluster: column that names the clusters, for CR2.
    """

    kind: RobustKind
    cluster: str = ""

    def term(self, name: str) -> str:
        """What the test of a coefficient is called."""
        return f"{self.kind}({name})"

    def as_json(self) -> dict[str, str]:
        """As ``r_reference/robust.R`` reads it."""
        return {"kind": self.kind} | ({"cluster": self.cluster} if self.cluster else {})


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """The analysis repeated without each patient.

    Attributes:
        patient: column that identifies them.
        arm: column of the arms: what is told is the foremost term that has it.
    """

    patient: str
    arm: str

    def as_json(self) -> dict[str, str]:
        """As ``r_reference/leave_one_out.R`` reads it."""
        return {"patient": self.patient, "arm": self.arm}


@dataclass(frozen=True, slots=True)
class Besides:
    """What is asked besides the fit.

    Attributes:
        parts: which answers.
        arm, time: the trial's columns, as far as the fixed effects have them.
        weights: of what the means are averaged over.
        unit: of the effect sizes.
        probe: of the moderation, where simple slopes or a region are asked for.
        compare: pairs of arms, the first less the second; none for each arm less the first.
        observed: the trial's columns, where the observed values are asked about.
        robust: which errors, where robust tests are asked for.
        leave_one_out: which patients, where the analysis is to be repeated without each.
        imputation: of missing outcomes, where it is asked for.
        hypotheses: on the coefficients.
    """

    parts: tuple[Part, ...]
    arm: DesignColumn | None = None
    time: DesignColumn | None = None
    weights: MeanWeights = "equal"
    unit: EffectUnit = EffectUnit()
    probe: Probe | None = None
    compare: tuple[tuple[str, str], ...] = ()
    observed: Observed | None = None
    imputation: Imputation | None = None
    hypotheses: tuple[Hypothesis, ...] = ()

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Positions of the arms that are compared, the first less the second; none without arms."""
        arm = self.arm or (self.observed.arm if self.observed is not None else None)
        if arm is None:
            return ()
        place = {level: k for k, level in enumerate(arm.levels)}
        if not self.compare:
            return tuple((k, 0) for k in range(1, len(place)))
        return tuple((place[first], place[second]) for first, second in self.compare)

    robust: Robust | None = None
    leave_one_out: LeaveOneOut | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Data columns needed beside those of the model."""
        found = self.unit.columns if "effect_size" in self.parts else ()
        found += (self.probe.patient,) if self.probe is not None else ()
        found += self.observed.columns if self.observed is not None else ()
        found += (self.robust.cluster,) if self.robust and self.robust.cluster else ()
        found += (self.leave_one_out.patient,) if self.leave_one_out is not None else ()
        return (*found, *self.imputation.columns) if self.imputation is not None else found

    @property
    def sums(self) -> Besides:
        """The parts that follow from theta alone: sums of coefficients, and robust tests."""
        of_theta = ("emmeans", "contrasts", "changes", "slopes", "robust")
        return replace(self, parts=tuple(part for part in self.parts if part in of_theta))

    @property
    def of_means(self) -> bool:
        """Whether any part is made of marginal means."""
        others = ("anova", "hypotheses", *OBSERVED, "robust", "leave_one_out", "imputed")
        return any(part not in others for part in self.parts)

    @property
    def design(self) -> tuple[DesignColumn, ...]:
        """The columns whose levels have means."""
        return tuple(column for column in (self.arm, self.time) if column is not None)

    def as_json(self) -> dict[str, Any]:
        """As ``r_reference/besides.R`` reads it, and as a record says what was asked."""
        found: dict[str, Any] = {"parts": list(self.parts)}
        if self.of_means:
            for name, column in (("arm", self.arm), ("time", self.time)):
                if column is not None:
                    found[name] = {"column": column.column, "levels": list(column.levels)}
                    if column.numbers is not None:
                        found[name]["numbers"] = list(column.numbers)
            found["weights"] = self.weights
        if self.compare:
            found["compare"] = [list(pair) for pair in self.compare]
        if self.observed is not None:
            found["observed"] = self.observed.as_json()
        if self.probe is not None:
            found["probe"] = self.probe.as_json()
        if self.robust is not None:
            found["robust"] = self.robust.as_json()
        if self.leave_one_out is not None:
            found["leave_one_out"] = self.leave_one_out.as_json()
        if self.imputation is not None:
            found["imputed"] = self.imputation.as_json()
        if self.hypotheses:
            found["hypotheses"] = [one.as_json() for one in self.hypotheses]
        if "effect_size" in self.parts:
            found["by_sd"] = self.unit.by
            if self.unit.by == "given" and self.unit.value is not None:
                found["sd"] = self.unit.value
            if self.unit.by == "baseline":
                found |= {"baseline": self.unit.column, "per": self.unit.patient}
                found["pooled_over"] = self.unit.arm
        return found
