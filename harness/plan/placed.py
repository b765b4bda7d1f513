"""The columns that placeholders of a formula stand for and the data lack.

``{baseline}`` is the outcome's value at the patient's first visit and ``{change}`` the outcome less
that, by ``baseline()`` and ``change()`` of ``derive:``. ``{arm_after}`` is the arm after the first
visit, at which all arms are one: with it instead of the arm, arms share their baseline mean (Liang
& Zeger 2000, Sankhya B 62, 134-148). Its coefficients are each arm less the first at each later
visit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from harness.errors import FormulaError
from harness.language import quote_name
from harness.language.tokens import placeholders
from harness.plan.document import Path_
from harness.plan.schema import Analysis, Plan

Placeholder = Literal["baseline", "change", "arm_after"]

ARM_AFTER = "arm.after"
"""The column ``{arm_after}``."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A column that a placeholder stands for.

    Attributes:
        placeholder: which.
        outcome: whose baseline or change it is; empty for the arm's.
        place: where in the plan it is asked for first.
    """

    placeholder: Placeholder
    outcome: str
    place: Path_

    @property
    def name(self) -> str:
        """The column's name."""
        return column_names(self.outcome)[self.placeholder]

    @property
    def expression(self) -> str:
        """What the column is, as ``derive:`` would have it; empty for the arm's."""
        if self.placeholder == "arm_after":
            return ""
        return f"{self.placeholder}({quote_name(self.outcome)})"


def column_names(outcome: str) -> dict[str, str]:
    """The column that each of these placeholders stands for: ``bdi.baseline``, ``bdi.change``."""
    return {
        "baseline": f"{outcome}.baseline",
        "change": f"{outcome}.change",
        "arm_after": ARM_AFTER,
    }


def placed_columns(plan: Plan) -> dict[str, Placed]:
    """Every column that a placeholder of the plan stands for, by name, in plan order."""
    found: dict[str, Placed] = {}
    for position, analysis in enumerate(plan.analyses):
        for placeholder, key in _used(analysis):
            place: Path_ = ("analyses", position, *key)
            for outcome in ("",) if placeholder == "arm_after" else analysis.outcomes:
                column = Placed(placeholder, outcome, place)
                found.setdefault(column.name, column)
    return found


def used_placeholders(analysis: Analysis) -> frozenset[str]:
    """The placeholders of an analysis' formula; none where it cannot be read."""
    try:
        return frozenset(placeholders(analysis.formula))
    except FormulaError:
        return frozenset()


def arm_after_levels(plan: Plan) -> tuple[str, ...]:
    """Levels of ``{arm_after}``: the first arm, then each other one at each later visit."""
    arm, time = plan.data.arm, plan.data.time
    later = (f"{level}.{visit}" for visit in time.levels[1:] for level in arm.levels[1:])
    return (arm.levels[0], *later)


def _used(analysis: Analysis) -> Iterator[tuple[Placeholder, tuple[str, ...]]]:
    used = used_placeholders(analysis)
    for placeholder in get_args(Placeholder):
        if placeholder in used:
            yield placeholder, ("formula",)
    unit = analysis.effect_size
    if unit is not None and unit.column is not None and "{baseline}" in unit.column:
        yield "baseline", ("effect_size", "column")
