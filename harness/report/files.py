"""The diff table as files: CSV and JSON for machines, Markdown for people."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable

from harness.compare.rows import COLUMNS, DiffRow
from harness.compare.table import DiffTable
from harness.models.record import as_json
from harness.report.figures import exact_figure
from harness.spreadsheet import defuse

_VALUES = ("python", "r", "delta", "limit")


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
        writer.writerow([_cell(row, name) for name in COLUMNS])
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
    document = {
        "version": 1,
        "study": study,
        "synthetic": synthetic,
        "exit_code": table.exit_code if exit_code is None else exit_code,
        "counts": {str(verdict): count for verdict, count in table.counts.items()},
        "rows": [{name: as_json(getattr(row, name)) for name in COLUMNS} for row in table.rows],
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _cell(row: DiffRow, name: str) -> str:
    value = getattr(row, name)
    if name in _VALUES:
        return exact_figure(value)
    return "" if value is None else defuse(str(value), label=True)
