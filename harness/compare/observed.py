"""What the limits have seen: the largest difference that matched, by record of the policy."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from harness.compare.policy import Policy, Tolerance
from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict

SLACK = 0.01
"""A limit of which no difference has ever taken this share could be tighter."""


def record_of(row: DiffRow, policy: Policy) -> Tolerance | None:
    """The policy's record a row was held to; None for rows that were not measured."""
    if row.delta is None or row.limit is None:
        return None
    sizes = [abs(float(v)) for v in (row.python, row.r) if v is not None and math.isfinite(v)]
    method = row.df_method.rpartition(" | ")[2]
    try:
        return policy.find(
            row.quantity, row.tier, df_method=method, magnitude=max(sizes, default=0.0)
        )
    except KeyError:
        return None


def largest(rows: Iterable[DiffRow], policy: Policy) -> dict[Tolerance, DiffRow]:
    """The row with the largest difference among those that matched, by the record they match.

    Models with a red row do not count: what matched there is not what two right answers look like.
    Nor do standard deviations on the boundary, which are held in another unit than their record's.
    """
    given = tuple(rows)
    spoilt = {(row.place, row.model) for row in given if row.red}
    found: dict[Tolerance, DiffRow] = {}
    for row in given:
        if (row.place, row.model) in spoilt:
            continue
        record = record_of(row, policy)
        if record is None or row.verdict is not Verdict.MATCH or row.metric != record.metric:
            continue
        # A flat component may match beyond its limit; that says nothing of the limit.
        if row.delta is None or row.limit is None or row.delta > row.limit:
            continue
        before = found.get(record)
        if before is None or before.delta is None or row.delta > before.delta:
            found[record] = row
    return found


def is_slack(record: Tolerance) -> bool:
    """Whether the limit is a hundred times what it has ever been asked to allow, or more."""
    if record.limit is None or record.limit == 0.0 or math.isnan(record.observed):
        return False
    return record.observed < SLACK * record.limit


def rewritten(text: str, policy: Policy, maxima: Mapping[Tolerance, float]) -> str:
    """The policy file with larger differences written into its records; nothing gets smaller.

    Args:
        text: of the file that ``policy`` was read from.
        policy: its records, in the order of the file.
        maxima: the largest difference of a record, in its metric.
    """
    parts = re.split(r"(?m)^(?=\[\[tolerance\]\]$)", text)
    head, blocks = parts[0], parts[1:]
    if len(blocks) != len(policy.tolerances):
        raise ValueError("the text is not the policy's")
    done = []
    for record, block in zip(policy.tolerances, blocks, strict=True):
        seen = maxima.get(record, math.nan)
        known = record.observed
        if math.isnan(seen) or seen <= known:
            done.append(block)
            continue
        line = f"observed = {_rounded_up(seen):.1e}\n"
        bare = re.sub(r"(?m)^observed = .*\n", "", block)
        done.append(re.sub(r"(?m)^(boundary = .*\n)", rf"{line}\1", bare, count=1))
    return head + "".join(done)


def _rounded_up(value: float) -> float:
    """To two digits, never below the value."""
    if value == 0.0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / unit * (1.0 - 1e-12)) * unit
