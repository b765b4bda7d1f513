"""The parts of ``reproduce.R`` that pick visits, and give the arms one baseline."""

from __future__ import annotations

from collections.abc import Sequence

from harness.data.codebook import Codebook
from harness.models.spec import ModelTask
from harness.plan.placed import ARM_AFTER, arm_after_levels
from harness.plan.schema import Plan
from harness.report.r_text import r_string


def at_visits(rows: str, task: ModelTask, codebook: Codebook) -> str:
    """The rows of a set at a model's visits."""
    if task.at is None:
        return rows
    variable = codebook.by_name.get(task.at.column)
    numbers = task.at.numbers if variable is not None and variable.numeric else None
    levels = map(r_string, task.at.levels) if numbers is None else map(repr, numbers)
    column = f"{rows}[[{r_string(task.at.column)}]]"
    return f"{rows}[{column} %in% c({', '.join(levels)}), ]"


def arm_after_in_r(plan: Plan) -> list[str]:
    """The lines that make the arm after the first visit, in which all arms are one."""
    arm, time, after = plan.data.arm, plan.data.time, f"data[[{r_string(ARM_AFTER)}]]"
    levels = arm_after_levels(plan)
    listed = ", ".join(map(r_string, levels))

    def of(column: str, level: str) -> str:
        return f"data[[{r_string(column)}]] == {r_string(level)}"

    def among(column: str, wanted: Sequence[str]) -> str:
        return f"data[[{r_string(column)}]] %in% c({', '.join(map(r_string, wanted))})"

    known = f"{among(arm.column, arm.levels)} & {among(time.column, time.levels)}"
    first = f"({of(arm.column, arm.levels[0])} | {of(time.column, time.levels[0])})"
    lines = [
        f"{after} <- factor(rep(NA, nrow(data)), levels = c({listed}))",
        f"{after}[which({known} & {first})] <- {r_string(levels[0])}",
    ]
    pairs = ((visit, one) for visit in time.levels[1:] for one in arm.levels[1:])
    for level, (visit, one) in zip(levels[1:], pairs, strict=True):
        rows = f"{of(arm.column, one)} & {of(time.column, visit)}"
        lines.append(f"{after}[which({rows})] <- {r_string(level)}")
    return lines
