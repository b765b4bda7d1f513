"""One line a red number: what, how far, against which limit, why, and how to see it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict
from harness.plain import plain
from harness.report.figures import apart, difference, figure, small


def failure_line(row: DiffRow, command: str = "") -> str:
    """A red row as one line.

    Args:
        row: any row; a refusal without numbers works too.
        command: what runs the study; ``--only`` with the row's model is added.
    """
    what = f"{row.quantity} of {row.term}" if row.term else row.quantity or "the whole model"
    place = f"{row.place}: " if row.place else ""
    parts = [f"{place}{what}: {row.verdict}"]
    left, right = apart(row.python, row.r)
    if row.quantity:
        parts.append(f"python {left or 'none'}, r {right or 'none'}")
    if row.delta is not None and row.limit is not None:
        parts.append(f"difference {difference(row)}, limit {small(row.limit)} ({row.tier})")
    if row.cause:
        parts.append(f"likely cause: {row.cause}")
    if row.note:
        parts.append(row.note)
    if command:
        only = f" --only {shlex.quote(row.place)}" if row.place else ""
        parts.append(f"reproduce: {command}{only}")
    return plain("; ".join(parts))


def failure_lines(rows: Iterable[DiffRow], command: str = "", most: int = 20) -> list[str]:
    """The red rows among ``rows``, one line each, at most ``most`` and then a count.

    Rows of a model that was not the same problem, or that one side did not answer at all, say
    one thing many times: the first stands for them.
    """
    red = [row for row in rows if row.red]
    lines: list[str] = []
    told: set[tuple[str, str, str]] = set()
    left_out = 0
    for row in red:
        if row.verdict is Verdict.DIFFERENT_MODEL or row.delta is None:
            said = (row.place, row.model, row.cause or row.note)
            if said in told:
                continue
            told.add(said)
            same = sum(1 for r in red if (r.place, r.model, r.cause or r.note) == said)
            tail = f" (and {same - 1} more rows of this model)" if same > 1 else ""
        else:
            tail = ""
        if len(lines) < most:
            lines.append(failure_line(row, command) + tail)
        else:
            left_out += 1
    if left_out:
        lines.append(f"... and {left_out} more; `--full` prints every row")
    return lines


def counts_line(counts: dict[Verdict, int]) -> str:
    """``62 numbers: 60 match, 2 boundary``."""
    total = sum(counts.values())
    if not total:
        return "no number was compared"
    listed = ", ".join(f"{figure(count)} {verdict}" for verdict, count in counts.items())
    return f"{total} number{'s' if total != 1 else ''}: {listed}"
