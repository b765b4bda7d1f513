"""What lme4 prints with its defaults, as people read it: information beside the diff table."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.compare.rows import DiffRow
from harness.compare.table import DiffTable
from harness.compare.verdict import Verdict
from harness.report.figures import apart, difference, share, small
from harness.report.views import Line

DEFAULTS_TITLE = "As lme4 reports by default"
DEFAULTS_HEADER = (
    "model",
    "numbers",
    "beyond",
    "furthest",
    "Python",
    "lme4 by default",
    "difference",
    "limit",
    "remark",
)


def defaults_sentence(table: DiffTable) -> str:
    """What came of it in one line; empty where R did not look."""
    models = _by_model(table.reported)
    if not models:
        return ""
    beyond = [rows for rows in models if any(row.red for row in rows)]
    if not beyond:
        worst = _furthest(table.reported)
        nearest = f"nearest {share(worst)} of a limit" if worst is not None else "nothing measured"
        return (
            f"as lme4 reports by default: the same in {_counted(len(models))}, within limits of "
            f"print ({nearest}); information"
        )
    return (
        f"as lme4 reports by default: other numbers in {len(beyond)} of {_counted(len(models))}; "
        "information, counted nowhere"
    )


def defaults_lines(table: DiffTable) -> list[Line]:
    """A line a model where plain ``lmer`` prints other numbers, with the one furthest off."""
    lines = []
    for rows in _by_model(table.reported):
        red = [row for row in rows if row.red]
        if not red:
            continue
        worst = _furthest(red) or red[0]
        left, right = apart(worst.python, worst.r)
        criterion = next((row for row in rows if row.quantity == "criterion"), worst)
        cells = (
            worst.place,
            str(len(rows)),
            str(len(red)),
            " of ".join(part for part in (worst.quantity, worst.term) if part),
            left,
            right,
            difference(worst),
            small(worst.limit),
            _remark(criterion, red),
        )
        lines.append(Line(cells, Verdict.MATCH))
    return lines


def _remark(criterion: DiffRow, red: Sequence[DiffRow]) -> str:
    parts = []
    if isinstance(criterion.python, float) and isinstance(criterion.r, float):
        gap = criterion.r - criterion.python
        if math.isfinite(gap) and criterion.red:
            parts.append(f"stopped {small(gap)} above the lowest criterion")
    flips = sum(row.verdict is Verdict.DECISION_FLIPS for row in red)
    if flips:
        parts.append(f"{flips} decision{'s flip' if flips > 1 else ' flips'}")
    if criterion.note:
        parts.append(criterion.note)
    return "; ".join(parts)


def _furthest(rows: Sequence[DiffRow]) -> DiffRow | None:
    measured = [
        row for row in rows if row.verdict is not Verdict.BOUNDARY and not math.isnan(row.share)
    ]
    return max(measured, key=lambda row: row.share, default=None)


def _by_model(rows: Sequence[DiffRow]) -> list[tuple[DiffRow, ...]]:
    return list(DiffTable(tuple(rows)).models)


def _counted(models: int) -> str:
    return f"{models} model{'s' if models != 1 else ''}"
