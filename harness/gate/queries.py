"""The query sheet: one line for each cell the data manager is asked about."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.data.read import Finding
from harness.gate.checks import expected_total
from harness.gate.suite import Rule
from harness.gate.verdict import Query
from harness.plain import plain
from harness.spreadsheet import defuse


def queries_of_rule(
    rule: Rule,
    cells: Iterable[tuple[int, str]],
    frame: pd.DataFrame,
    key: Sequence[str],
    detail: str = "",
) -> tuple[Query, ...]:
    """The query lines of one failing rule.

    Args:
        rule: the rule.
        cells: (row position, column or columns joined by ``; ``) of each failure; none for a
            rule on counts, which becomes one line about the data as a whole.
        frame: the data, indexed 0, 1, ….
        key: the columns of the patient and, where there is one, of the visit.
        detail: the rule's own line, for a rule without cells.
    """
    cells = tuple(cells)
    if not cells:
        named = "; ".join(rule.columns)
        return (Query(rule.rule, rule.sentence, "", "", named, detail, allowed(rule), None),)
    named_by = (rule.rule, rule.sentence)
    return cell_queries(named_by, cells, _allowed_by_row(rule, frame), frame, key)


def cell_queries(
    rule: tuple[str, str],
    cells: Iterable[tuple[int, str]],
    permitted: Callable[[int, str], str],
    frame: pd.DataFrame,
    key: Sequence[str],
) -> tuple[Query, ...]:
    """The query lines of failing cells.

    Args:
        rule: its id and its sentence.
        cells: (row position, column or columns joined by ``; ``) of each failure.
        permitted: what would be accepted in a cell, in words.
        frame: the data, indexed 0, 1, ….
        key: the columns of the patient and, where there is one, of the visit.
    """
    texts = _Texts(frame, key)
    return tuple(
        Query(
            rule=rule[0],
            sentence=rule[1],
            id=texts.key(row, 0),
            time=texts.key(row, 1),
            column=column,
            value=texts.value(row, column),
            allowed=permitted(row, column),
            row=row + 1,
        )
        for row, column in cells
    )


def queries_of_findings(
    rule: str, sentence: str, findings: Iterable[Finding], frame: pd.DataFrame, key: Sequence[str]
) -> tuple[Query, ...]:
    """The query lines of cells that could not be read; the frame holds a gap in their place."""
    texts = _Texts(frame, key)
    return tuple(
        Query(
            rule=rule,
            sentence=sentence,
            id=texts.key(finding.row - 1, 0),
            time=texts.key(finding.row - 1, 1),
            column=finding.variable,
            value=finding.text,
            allowed=finding.wanted,
            row=finding.row,
        )
        for finding in findings
    )


def allowed(rule: Rule) -> str:
    """What a rule accepts, as the sheet's ``allowed`` column says it."""
    kwargs: Mapping[str, Any] = rule.kwargs
    if "expression" in kwargs:
        share = f" in at most {kwargs['at_most']:.0%} of rows" if "at_most" in kwargs else ""
        return f"{kwargs['expression']}{share}"
    if "counts" in kwargs:
        return "; ".join(f"{group}: {n}" for group, n in kwargs["counts"].items())
    if (codes := kwargs.get("codes")) is not None:
        return "a value, or an empty cell; not " + ", ".join(_plain(code) for code in codes)
    if (values := kwargs.get("value_set") or kwargs.get("values")) is not None:
        negated = "_not_" in rule.type
        return ("none of " if negated else "") + ", ".join(_plain(value) for value in values)
    if kwargs.get("min_value") is not None or kwargs.get("max_value") is not None:
        return _limits(kwargs.get("min_value"), kwargs.get("max_value"))
    return _BY_TYPE.get(rule.type, "")


_BY_TYPE = {
    "expect_cells_to_be_whole": "a whole number",
    "expect_constant_within": "one value within each patient",
    "expect_compound_columns_to_be_unique": "no second row with these values",
    "expect_column_values_to_be_unique": "no second row with this value",
    "expect_column_values_to_not_be_null": "a value",
    "expect_column_values_to_be_null": "an empty cell",
    "expect_share_missing_to_be_at_most": "a value",
    "expect_dropout_to_be_monotone": "an empty cell after a gap",
}


def _allowed_by_row(rule: Rule, frame: pd.DataFrame) -> Callable[[int, str], str]:
    """The ``allowed`` text of each failing cell; it depends on the row where a total is stated."""
    if rule.type != "expect_items_to_sum_to_total":
        text = allowed(rule)
        return lambda _row, _column: text
    kwargs = rule.kwargs
    totals = expected_total(frame, kwargs["column_list"], kwargs.get("divisor", 1.0))

    def total(row: int, _column: str) -> str:
        if totals[row] != totals[row]:
            return "an empty cell: an item is missing"
        return f"{_plain(round(float(totals[row]), 4))}, the sum of the items"

    return total


def _limits(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {_plain(high)}"
    return f"at least {_plain(low)}" if high is None else f"{_plain(low)} to {_plain(high)}"


class _Texts:
    """Cells of a frame as a person writes them; a column is taken out of the frame once."""

    def __init__(self, frame: pd.DataFrame, key: Sequence[str]) -> None:
        self._frame, self._key = frame, [name for name in key if name in frame.columns]
        self._columns: dict[str, npt.NDArray[np.object_]] = {}

    def _text(self, row: int, name: str) -> str:
        if name not in self._columns:
            self._columns[name] = self._frame[name].astype(object).to_numpy()
        return _plain(self._columns[name][row])

    def key(self, row: int, place: int) -> str:
        """The patient (place 0) or visit (place 1) of a row; empty where there is none."""
        if place >= len(self._key) or not 0 <= row < len(self._frame):
            return ""
        return self._text(row, self._key[place])

    def value(self, row: int, column: str) -> str:
        """What the data say: the cell, or ``a=1; b=empty`` for columns joined by ``; ``."""
        if column in self._frame.columns:
            return self._text(row, column)
        names = [name for name in column.split("; ") if name in self._frame.columns]
        return "; ".join(f"{name}={self._text(row, name) or 'empty'}" for name in names)


def _plain(value: object) -> str:
    """A cell as a person writes it: 3 rather than 3.0, a date without its midnight."""
    if value is None or value is pd.NA or bool(pd.isna(value)):  # type: ignore[call-overload]
        return ""
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d" if value == value.normalize() else "%Y-%m-%dT%H:%M:%S")
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(float(value))
    return str(value)


def sheet(queries: Iterable[Query]) -> str:
    """The query sheet as CSV text, every text cell defused."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [field.name for field in fields(Query)]
    writer.writerow(names)
    for query in queries:
        cells = (getattr(query, name) for name in names)
        writer.writerow(["" if cell is None else defuse(_visible(str(cell))) for cell in cells])
    return out.getvalue()


def _visible(text: str) -> str:
    """A cell whose line ends stay and whose other control characters are shown."""
    return "".join(c if c in "\n\r" else plain(c) for c in text)
