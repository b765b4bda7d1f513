"""What is asked of a model besides its fit: means, contrasts, tests of terms, effect sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Part = Literal["emmeans", "contrasts", "anova", "effect_size", "slopes", "johnson_neyman"]
MeanWeights = Literal["equal", "proportional", "outer", "cells", "flat"]
"""How what the means are averaged over counts; ``averages`` of the port says what each means."""
Unit = Literal["residual", "total", "baseline", "given"]
Control = Literal["none", "fdr"]
"""What keeps a region of significance from many false discoveries along the moderator."""

FIELDS: Mapping[Part, tuple[str, ...]] = {
    "emmeans": ("emmeans",),
    "contrasts": ("contrasts",),
    "anova": ("anova",),
    "effect_size": ("effect_sizes",),
    "slopes": ("slopes",),
    "johnson_neyman": ("lower_bounds", "upper_bounds"),
}
"""The fields of ``Estimates`` that answer each part, in the order in which they are shown."""
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
class Besides:
    """What is asked besides the fit.

    Attributes:
        parts: which answers.
        arm, time: the trial's columns, as far as the fixed effects have them.
        weights: of what the means are averaged over.
        unit: of the effect sizes.
        probe: of the moderation, where simple slopes or a region are asked for.
    """

    parts: tuple[Part, ...]
    arm: DesignColumn | None = None
    time: DesignColumn | None = None
    weights: MeanWeights = "equal"
    unit: EffectUnit = EffectUnit()
    probe: Probe | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Data columns needed beside those of the model."""
        found = self.unit.columns if "effect_size" in self.parts else ()
        return (*found, self.probe.patient) if self.probe is not None else found

    @property
    def sums(self) -> Besides:
        """The parts that are sums of coefficients, so that they follow from theta alone."""
        kept = tuple(part for part in self.parts if part in ("emmeans", "contrasts", "slopes"))
        return replace(self, parts=kept)

    @property
    def of_means(self) -> bool:
        """Whether any part is made of marginal means."""
        return any(part != "anova" for part in self.parts)

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
        if self.probe is not None:
            found["probe"] = self.probe.as_json()
        if "effect_size" in self.parts:
            found["by_sd"] = self.unit.by
            if self.unit.by == "given" and self.unit.value is not None:
                found["sd"] = self.unit.value
            if self.unit.by == "baseline":
                found |= {"baseline": self.unit.column, "per": self.unit.patient}
                found["pooled_over"] = self.unit.arm
        return found
