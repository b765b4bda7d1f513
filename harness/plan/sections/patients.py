"""What a plan says of patients as a whole: sets of them, and the columns of their flow."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from harness.plan.sections.section import Line, Section


class PatientSet(Section):
    """An analysis set of whole patients, by all their visits: who satisfies every part given."""

    where: Line | None = Field(
        default=None,
        description="Condition on the patient, e.g. `arm == 'TAU' or sessions >= 6`: the same at "
        "all visits, or missing at some.",
    )
    complete: tuple[Line, ...] = Field(
        default=(), description="Columns of which the patient has a value at every time."
    )
    observed_after_baseline: tuple[Line, ...] = Field(
        default=(), description="Columns of which the patient has a value after the first time."
    )

    @property
    def text(self) -> str:
        """The set in words, for a reader."""
        parts = [f"{', '.join(self.complete)} at every time"] if self.complete else []
        if self.observed_after_baseline:
            parts.append(f"{', '.join(self.observed_after_baseline)} after baseline")
        if self.where is not None:
            parts.append(self.where)
        return "patients with " + "; and ".join(parts)


SET_TAGS = ("rows", "patients")
"""Which of its two forms a set has; validation puts it into the place of a mistake."""


def _form(given: Any) -> str:
    return SET_TAGS[isinstance(given, (dict, PatientSet))]


SetRule = Annotated[
    Annotated[Line, Tag(SET_TAGS[0])] | Annotated[PatientSet, Tag(SET_TAGS[1])],
    Discriminator(_form),
]
"""A condition over rows, or a set of patients."""


class FlowColumns(Section):
    """What the flow of patients is counted by, besides id, arm and time."""

    seen: tuple[Line, ...] | None = Field(
        default=None,
        min_length=1,
        description="A patient is seen at a visit where one of these columns has a value; "
        "default: the outcomes of all analyses.",
    )
    disposition: Line | None = Field(
        default=None, description="Column that says what became of the patient, one value each."
    )
    reason: Line | None = Field(
        default=None, description="Column that says why the patient was lost, one value each."
    )


def set_text(rule: str | PatientSet) -> str:
    """A set of either form in words."""
    return rule if isinstance(rule, str) else rule.text
