"""A comparison in a few counts and the largest difference of each quantity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.compare.rows import DiffRow
from harness.compare.table import DiffTable, Unasked
from harness.compare.verdict import Verdict

_UNEQUAL = (Verdict.DIFFERS, Verdict.DECISION_FLIPS)


@dataclass(frozen=True, slots=True)
class Largest:
    """One quantity: how many numbers, and the one furthest from the other side's.

    Attributes:
        quantity: which; ``criterion at r's theta`` for the check at one theta.
        compared: numbers both sides have.
        unequal: of them, those that differ or lead to another decision.
        row: the number with the largest difference as a share of its limit; None where there is
            no difference.
    """

    quantity: str
    compared: int
    unequal: int
    row: DiffRow | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of the numbers of two files; the counts add up to all rows.

    Attributes:
        models: how many models have numbers on both sides.
        models_left, models_right: how many have them on one side only.
        compared: numbers both sides have, the sum of the six below.
        exactly: equal, bit for bit.
        within: not equal, and no further apart than allowed.
        printed: further apart, but equal to the digits printed.
        unequal: differ, or lead to another decision.
        not_judged: boundary fits, other models, references that are not clean.
        only_left, only_right: numbers only one side has.
        not_computed: models neither side answered.
        unasked: quantities only one file speaks of; not among the counts.
        largest: by quantity, in the order of the table.
    """

    models: int
    models_left: int
    models_right: int
    compared: int
    exactly: int
    within: int
    printed: int
    unequal: int
    not_judged: int
    only_left: int
    only_right: int
    not_computed: int
    unasked: tuple[Unasked, ...]
    largest: tuple[Largest, ...]


def summary(table: DiffTable) -> Summary:
    """Count a diff table as a comparison of two files."""
    rows = table.rows
    both = [row for row in rows if _both(row)]
    matches = [row for row in both if row.verdict is Verdict.MATCH]
    exactly = sum(row.delta == 0 for row in matches)
    printed = sum(row.printed for row in matches)
    unequal = sum(row.verdict in _UNEQUAL for row in both)
    sides = [(_any(m, "python"), _any(m, "r")) for m in table.models]
    return Summary(
        models=sides.count((True, True)),
        models_left=sides.count((True, False)),
        models_right=sides.count((False, True)),
        compared=len(both),
        exactly=exactly,
        within=len(matches) - exactly - printed,
        printed=printed,
        unequal=unequal,
        not_judged=len(both) - len(matches) - unequal,
        only_left=sum(row.python is not None and row.r is None for row in rows),
        only_right=sum(row.python is None and row.r is not None for row in rows),
        not_computed=sum(row.python is None and row.r is None for row in rows),
        unasked=table.unasked,
        largest=_largest(both),
    )


def _largest(rows: Sequence[DiffRow]) -> tuple[Largest, ...]:
    groups: dict[str, list[DiffRow]] = {}
    for row in rows:
        name = f"{row.quantity} at r's theta" if row.tier == "T1" else row.quantity
        groups.setdefault(name, []).append(row)
    found = []
    for name, group in groups.items():
        apart = [row for row in group if row.delta and not math.isnan(row.share)]
        unequal = sum(row.verdict in _UNEQUAL for row in group)
        worst = max(apart, key=lambda row: row.share, default=None)
        found.append(Largest(name, len(group), unequal, worst))
    return tuple(found)


def _both(row: DiffRow) -> bool:
    return row.python is not None and row.r is not None


def _any(rows: Sequence[DiffRow], side: str) -> bool:
    return any(getattr(row, side) is not None for row in rows)
