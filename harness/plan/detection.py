"""Values below a limit of detection: which columns a plan makes of them, and by which rule."""

from __future__ import annotations

from collections.abc import Callable

from harness.plan.document import Path_
from harness.plan.schema import Plan
from harness.plan.sections.markers import Detection, DetectionRule


def detection_columns(name: str, entry: Detection) -> dict[str, DetectionRule]:
    """The columns an entry of ``detection:`` makes, the marker's own first, and their rules."""
    return {name: entry.rule, **entry.also}


def check_detection(plan: Plan, report: Callable[[Path_, str], None]) -> None:
    """Report new columns whose name another part of the plan makes, too.

    Args:
        plan: the plan.
        report: takes the problems.
    """
    made = {name.casefold(): f"the entry `{name}`" for name in plan.detection}
    derived = {name.casefold() for name in plan.derive}
    for name, outliers in plan.outliers.items():
        where: Path_ = ("outliers", name)
        if name.casefold() in derived | made.keys():
            report(where, "another part of the plan makes this column, too")
        if outliers.rule == "quantile" and outliers.limit >= 0.5:
            report((*where, "limit"), "of the quantile rule is a share below 0.5")
        made.setdefault(name.casefold(), "an entry of `outliers`")
    for name, entry in plan.detection.items():
        for column in entry.also:
            here: Path_ = ("detection", name, "also", column)
            folded = column.casefold()
            if folded in made:
                report(here, f"{made[folded]} makes this column already")
            elif folded in derived:
                report(here, "a derived column has this name, too")
            made.setdefault(folded, f"the entry `{name}`")
