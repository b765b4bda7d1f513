"""What the limits have seen: the largest difference that matched, by record of the policy."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from harness.compare.metrics import larger_magnitude
from harness.compare.policy import Policy, Tolerance
from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict

SLACK = 0.01
"""A limit of which no difference has ever taken this share could be tighter."""


def record_of(row: DiffRow, policy: Policy) -> Tolerance | None:
    """The policy's record a row was held to; None for rows that were not measured."""
    held = _held(row, policy)
    return None if held is None else held[0]


def _held(row: DiffRow, policy: Policy) -> tuple[Tolerance, float] | None:
    """A row's record, and the limit it has for numbers of that size."""
    if row.python is None or row.r is None:
        return None
    size = larger_magnitude(float(row.python), float(row.r))
    method = row.df_method.rpartition(" | ")[2]
    try:
        record = policy.find(row.quantity, row.tier, df_method=method, magnitude=size)
    except KeyError:
        return None
    return record, record.limit_at(size)


def largest(rows: Iterable[DiffRow], policy: Policy) -> dict[Tolerance, DiffRow]:
    """The row with the largest difference among those that matched, by the record they match.

    Models with a red row do not count: what matched there is not what two right answers look like.
    Nor do numbers that were held to something else than their record: components on the boundary,
    and what agrees only to the digits printed.
    """
    return largest_and_counts(rows, policy)[0]


def largest_and_counts(
    rows: Iterable[DiffRow], policy: Policy
) -> tuple[dict[Tolerance, DiffRow], Counter[Tolerance]]:
    """What :func:`largest` gives, and how many numbers each record was asked about."""
    given = tuple(rows)
    spoilt = {(row.place, row.model) for row in given if row.red}
    found: dict[int, list[DiffRow]] = {}
    asked: dict[int, int] = {}
    records: dict[int, Tolerance] = {}
    for row in given:
        held = _held(row, policy)
        if held is None:
            continue
        record, limit = held
        # By identity: a policy's records are few, and hashing one costs more than all the rest.
        asked[id(record)] = asked.get(id(record), 0) + 1
        records[id(record)] = record
        if row.verdict is not Verdict.MATCH:
            continue
        if spoilt and (row.place, row.model) in spoilt:
            continue
        own = row.metric == record.metric and (record.limit is None or row.limit == limit)
        # A flat component may match beyond its limit; that says nothing of the limit.
        if own and row.share <= 1.0:
            found.setdefault(id(record), []).append(row)
    seen = {records[k]: max(of, key=lambda row: row.delta or 0.0) for k, of in found.items()}
    return seen, Counter({records[k]: count for k, count in asked.items()})


def is_slack(record: Tolerance) -> bool:
    """Whether the limit is a hundred times what it has ever been asked to allow, or more."""
    return record.limit is not None and record.observed < SLACK * record.limit


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
        done.append(re.sub(r"(?m)^(boundary = .*\n)", rf"{line}\1", bare))
    return head + "".join(done)


def _rounded_up(value: float) -> float:
    """To two digits, never below the value but for its own rounding."""
    if value == 0.0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / unit * (1.0 - 1e-12)) * unit
