"""The diff table as files: CSV and JSON for machines, Markdown for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from functools import lru_cache
from operator import attrgetter

from harness.compare.rows import COLUMNS, DiffRow
from harness.compare.table import DiffTable
from harness.estimates.files import listed_json
from harness.models.record import as_json
from harness.report.figures import exact_figure
from harness.spreadsheet import defuse

_VALUES = ("python", "r", "delta", "limit")
_cells_of = attrgetter(*COLUMNS)
_IS_VALUE = tuple(name in _VALUES for name in COLUMNS)


def diff_csv(table: DiffTable) -> str:
    """The table as CSV, as ``rows_csv`` writes rows."""
    return rows_csv(table.rows)


def rows_csv(rows: Iterable[DiffRow]) -> str:
    """Rows as CSV: one a number, full precision, flags as 1 and 0.

    ``Inf``, ``-Inf`` and ``NaN`` are spelt as R and pandas read them; an empty cell is a value
    that side does not have. Text that a spreadsheet would run as a formula gets an apostrophe
    in front; our own numbers keep their minus sign.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        cells = zip(_IS_VALUE, _cells_of(row), strict=True)
        writer.writerow([exact_figure(cell) if number else _label(cell) for number, cell in cells])
    return buffer.getvalue()


def diff_json(
    table: DiffTable, *, study: str = "", synthetic: bool = False, exit_code: int | None = None
) -> str:
    """The table as JSON: counts and exit code first, then the rows; doubles read back exactly.

    Args:
        table: the table.
        study: id of the study, if it is one's.
        synthetic: whether its data are made up.
        exit_code: of the whole run; the table's own if None.
    """
    head = {
        "version": 1,
        "study": study,
        "synthetic": synthetic,
        "exit_code": table.exit_code if exit_code is None else exit_code,
        "counts": {str(verdict): count for verdict, count in table.counts.items()},
    }
    rows = (dict(zip(COLUMNS, map(as_json, _cells_of(row)), strict=True)) for row in table.rows)
    return listed_json(head, "rows", rows)


@lru_cache(maxsize=4096)
def _label(value: object) -> str:
    return "" if value is None else defuse(str(value), label=True)
