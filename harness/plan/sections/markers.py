"""The parts of a plan on markers: what stands below their limits, censoring, outliers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harness.plan.sections.section import Line, Section

DetectionRule = Literal["lod", "lod/2", "lod/sqrt2", "drop", "as-is"]
OutlierRule = Literal["z", "iqr", "quantile"]


class Detection(Section):
    """What stands for the values of a marker that lie below its limit of detection."""

    below: Line | None = Field(
        default=None,
        description="Flag column, true where the value lies below the limit; without it, where "
        "the value is smaller than the codebook's lod.",
    )
    rule: DetectionRule = Field(
        description="What stands there: the codebook's lod, lod/2, lod/sqrt2, nothing (drop), or "
        "what the file has (as-is)."
    )
    also: dict[Line, DetectionRule] = Field(
        default_factory=dict, description="New columns with the same marker by other rules."
    )


class Censored(Section):
    """Which rows of a Tobit model's outcome are known only to lie below a limit."""

    below: Line = Field(
        description="Flag column, true where the outcome lies below its limit of detection; the "
        "limit stands there (rule lod)."
    )


class Outliers(Section):
    """A column without the outliers of another one."""

    of: Line = Field(description="The column: of the data, of `detection:` or derived.")
    rule: OutlierRule = Field(
        description="z: `limit` standard deviations from the mean; iqr: `limit` times the "
        "quartiles' distance beyond them; quantile: beyond the quantiles limit and 1 - limit."
    )
    limit: float = Field(gt=0, description="Of the rule: 3, 1.5, 0.05 ...")
    action: Literal["drop", "winsor"] = Field(
        description="drop: an outlier becomes missing; winsor: the fence it lies beyond."
    )
    per: Literal["all", "time"] = Field(
        description="Whether mean, spread and quantiles are those of all rows or of each time."
    )

    @property
    def drops(self) -> bool:
        """Whether outliers become missing."""
        return self.action == "drop"

    @property
    def words(self) -> str:
        """The rule for a reader."""
        return {
            "z": f"|z| > {self.limit:g}",
            "iqr": f"more than {self.limit:g} IQR beyond the quartiles",
            "quantile": f"beyond the quantiles {self.limit:g} and {1 - self.limit:g}",
        }[self.rule]
