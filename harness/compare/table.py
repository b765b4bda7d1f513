"""The diff table: every row of every model, and what they come to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.compare.rows import COLUMNS, DiffRow
from harness.compare.verdict import Verdict
from harness.errors import EXIT_NOT_RUN

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Unasked:
    """A quantity that one file has and the other does not speak of: told, and no finding.

    Attributes:
        side: ``python`` or ``r``: the one that has it.
        quantity: which.
        count: numbers of it.
    """

    side: str
    quantity: str
    count: int


@dataclass(frozen=True, slots=True)
class DiffTable:
    """All rows, in the order of the plan.

    Attributes:
        rows: one a number.
        unasked: what could not be compared because one file does not speak of it.
        reported: tier T3, what lme4 prints by default beside the port: information that no verdict,
            count or exit code hangs on.
    """

    rows: tuple[DiffRow, ...]
    unasked: tuple[Unasked, ...] = ()
    reported: tuple[DiffRow, ...] = ()

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many rows ended with each verdict, in the order of the contract; no zeros."""
        found = dict.fromkeys(Verdict, 0)
        for row in self.rows:
            found[row.verdict] += 1
        return {verdict: count for verdict, count in found.items() if count}

    @property
    def red(self) -> tuple[DiffRow, ...]:
        """The rows a person has to look at."""
        return tuple(row for row in self.rows if row.red)

    @property
    def exit_code(self) -> int:
        """The highest code of any row; a table without rows compared nothing: no success."""
        return max((row.exit_code for row in self.rows), default=EXIT_NOT_RUN)

    @property
    def models(self) -> tuple[tuple[DiffRow, ...], ...]:
        """The rows by model, in the order of first appearance."""
        found: dict[tuple[str, ...], list[DiffRow]] = {}
        for row in self.rows:
            key = (row.analysis, row.set, row.outcome, row.moderator, row.model)
            found.setdefault(key, []).append(row)
        return tuple(tuple(rows) for rows in found.values())

    @property
    def worst(self) -> DiffRow | None:
        """The row that comes nearest to its limit, or lies furthest beyond it."""
        measured = [row for row in self.rows if not math.isnan(row.share)]
        return max(measured, key=lambda row: row.share, default=None)

    def to_frame(self) -> pd.DataFrame:
        """The table under the contract's column names; values as floats, flags as 1 and 0."""
        import pandas as pd

        columns = {name: [_cell(getattr(row, name)) for row in self.rows] for name in COLUMNS}
        numbers = dict.fromkeys(("python", "r", "delta", "limit"), "float64")
        return pd.DataFrame(columns).astype(numbers)

    def _repr_html_(self) -> str:
        frame = self.to_frame()
        return str(frame.to_html(index=False, max_rows=60))  # names are escaped


def join(models: Iterable[tuple[DiffRow, ...]]) -> DiffTable:
    """One table of the rows of many models."""
    return DiffTable(tuple(row for rows in models for row in rows))


def _cell(value: object) -> object:
    """A verdict as a plain string, anything else as it is."""
    return str(value) if isinstance(value, Verdict) else value
