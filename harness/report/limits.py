"""How much of each limit a run has used, and how much anybody ever has."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.compare.observed import is_slack, largest_and_counts
from harness.compare.policy import Policy, default_policy
from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict
from harness.report.figures import share, small
from harness.report.views import Line

LIMITS_HEADER = (
    "tier",
    "quantity",
    "numbers",
    "limit",
    "largest here",
    "of limit",
    "where",
    "largest ever",
    "remark",
)


def limit_lines(rows: Sequence[DiffRow], policy: Policy | None = None) -> list[Line]:
    """A line a record of the policy that a run's matching numbers were held to.

    ``slack`` marks a limit of which nobody has ever used one per cent, ``new`` a difference
    larger than any that ``make observe`` has seen.
    """
    policy = policy or default_policy()
    seen, counts = largest_and_counts(rows, policy)
    lines = []
    for record in policy.tolerances:
        row = seen.get(record)
        if row is None or row.delta is None:
            continue
        remark = "slack" if is_slack(record) else ""
        if not math.isnan(record.observed) and row.delta > record.observed:
            remark = "new"
        methods = f" ({', '.join(record.df_methods)})" if record.df_methods else ""
        if record.at_least > 0.0:
            methods += f" from {small(record.at_least)}"
        elif math.isfinite(record.below):
            methods += f" below {small(record.below)}"
        cells = (
            record.tier,
            f"{record.quantity}{methods}",
            str(counts[record]),
            "propagated" if record.limit is None else f"{record.limit:.2g} {record.metric}",
            small(row.delta),
            share(row),
            " ".join(part for part in (row.place, row.term) if part),
            "" if math.isnan(record.observed) else small(record.observed),
            remark,
        )
        lines.append(Line(cells, Verdict.MATCH))
    return lines
