"""Estimates from a CSV file, whoever made it: broom, R's own tables, a diff table, a person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from harness.data.cells import MISSING
from harness.data.table import TableError, TextTable, read_table_text
from harness.errors import DataError
from harness.estimates.columns import KEYS, ROW_NAMES, Layout, layout
from harness.estimates.quantities import FLAG_QUANTITIES, PROBLEM_QUANTITIES, QUANTITIES, WHOLE_FIT
from harness.estimates.tidy import Component, UnknownComponent, component_terms, is_component
from harness.estimates.written import Written, read_number, rounded, unrounded
from harness.models.record import random_quantity
from harness.models.spec import ModelKey
from harness.plain import plain
from harness.spreadsheet import defuse
from harness.strict_json import regular_bytes

MAX_BYTES = 50_000_000
SUFFIXES = (".csv", ".tsv")

_BOM = b"\xef\xbb\xbf"
_UNNAMED = re.compile(rb'(?:"")?(?=[,\t])')
_FLAGS = {"true": True, "TRUE": True, "1": True, "false": False, "FALSE": False, "0": False}


@dataclass(frozen=True, slots=True)
class PrintedNumber:
    """One number of a file.

    Attributes:
        key: the model, as far as the file names it.
        engine: ``python`` or ``r`` of a diff table, else empty.
        term, quantity: which number, in this package's names.
        written: the number as printed.
        df_method: of the model, where the file says it.
        line: of the file.
        column: numbers of one column were rounded alike.
    """

    key: ModelKey
    engine: str
    term: str
    quantity: str
    written: Written
    df_method: str
    line: int
    column: str


@dataclass(frozen=True, slots=True)
class PrintedFile:
    """A CSV file of estimates.

    Attributes:
        keys: which of analysis, set, outcome and moderator the file has columns for.
        numbers: in the order of the file.
    """

    keys: tuple[str, ...]
    numbers: tuple[PrintedNumber, ...]


def read_csv_estimates(path: str | Path) -> PrintedFile:
    """Read a CSV or TSV file of estimates.

    Wide: a column ``term`` and one column a quantity, under the names of this package, of broom
    or of R's coefficient tables. Long: ``term``, ``quantity`` and ``value``. An empty cell or
    ``NA`` is no number; what rounding may have taken from a number is read off its column.

    Raises:
        DataError: one line naming the file and, where there is one, the line: no regular file,
            too large, no plain table, an unknown column, a cell that is no number, a number
            given twice, or no number at all.
    """
    shown = str(path)
    table = read_table_text(Path(path), _content(path))
    columns = layout(shown, table.header)
    numbers = list(_long(table, columns) if columns.values else _wide(table, columns))
    if not numbers:
        raise TableError(shown, None, "holds no number")
    _unique(shown, numbers)
    return PrintedFile(columns.keys, _with_rounding(numbers))


def _content(path: str | Path) -> bytes:
    """The bytes, without Excel's mark, and with a name for R's column of row names."""
    try:
        content = regular_bytes(Path(path), MAX_BYTES)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    content = content.removeprefix(_BOM)
    return (
        _UNNAMED.sub(ROW_NAMES.encode(), content, count=1) if _UNNAMED.match(content) else content
    )


class _Row:
    """One line of the file by column name; complains with its line number."""

    def __init__(self, table: TextTable, at: int, columns: Layout) -> None:
        self._cells = dict(zip(table.header, (column[at] for column in table.columns), strict=True))
        self._columns, self.line, self.file = columns, table.lines[at], table.file

    def cell(self, name: str) -> str:
        """The cell, empty where it is missing or the file has no such column."""
        text = self._cells.get(name, "")
        return "" if text in MISSING else text

    def name(self, column: str) -> str:
        """A cell that names something, without the apostrophe that keeps formulas asleep."""
        text = self._cells.get(column, "")
        if text.startswith("'") and defuse(text[1:], label=True) == text:
            return text[1:]
        return text

    @property
    def key(self) -> ModelKey:
        return ModelKey(**{name: self.name(name) for name in KEYS})

    def refuse(self, reason: str) -> TableError:
        return TableError(self.file, self.line, reason)

    def number(
        self, engine: str, term: str, quantity: str, column: str, measured: str
    ) -> PrintedNumber:
        """The number in ``column``."""
        if (quantity in WHOLE_FIT) == bool(term):
            what = "belongs to the whole fit; its term is empty" if term else "has no term"
            raise self.refuse(f"{quantity} {what}")
        return PrintedNumber(
            key=self.key,
            engine=engine,
            term=term,
            quantity=quantity,
            written=self._written(self.cell(column), quantity, column),
            df_method=self.cell("df_method"),
            line=self.line,
            column=measured,
        )

    def _written(self, text: str, quantity: str, column: str) -> Written:
        shown = f"{column} `{plain(text)[:40]}`"
        if quantity in FLAG_QUANTITIES:
            if text not in _FLAGS:
                raise self.refuse(f"{shown} is neither TRUE nor FALSE")
            return Written(_FLAGS[text], text)
        try:
            written = read_number(text)
        except ValueError as error:
            raise self.refuse(f"{shown} {error}") from error
        if quantity in PROBLEM_QUANTITIES:
            value = written.value
            if not float(value).is_integer() or value < 0:
                raise self.refuse(f"{shown} is no count")
            return Written(int(value), text)
        return written


def _rows(table: TextTable, columns: Layout) -> Iterator[_Row]:
    for at in range(table.n_rows):
        yield _Row(table, at, columns)


def _long(table: TextTable, columns: Layout) -> Iterator[PrintedNumber]:
    for row in _rows(table, columns):
        quantity = row.cell("quantity")
        given = {column: engine for column, engine in columns.values.items() if row.cell(column)}
        if row.cell("tier") == "T1" or (not quantity and not given):
            continue  # a cross-check of a diff table, and a model of one that nobody answered
        if quantity not in QUANTITIES:
            raise row.refuse(
                f"quantity `{plain(quantity)[:40]}` is none of {', '.join(QUANTITIES)}"
            )
        for column, engine in given.items():
            yield row.number(engine, row.name(columns.term), quantity, column, quantity)


def _wide(table: TextTable, columns: Layout) -> Iterator[PrintedNumber]:
    rows = list(_rows(table, columns))
    terms = _component_terms(rows, columns)
    for row in rows:
        term = terms.get(row.line, row.name(columns.term))
        for column, quantity in columns.quantities.items():
            if not row.cell(column):
                continue
            named = quantity
            if quantity == "estimate" and (row.line in terms or _is_ours(row, term)):
                named = random_quantity(term)
            yield row.number("", term, named, column, column)


def _component_terms(rows: list[_Row], columns: Layout) -> dict[int, str]:
    """Line -> our name of the variance component it lists; checks what else a row may be."""
    found: dict[ModelKey, dict[int, Component]] = {}
    for row in rows:
        effect, part = row.cell("effect"), row.cell("component")
        if effect not in ("", "fixed", "ran_pars"):
            raise row.refuse(f"effect `{plain(effect)[:40]}` is not compared; keep fixed, ran_pars")
        if part not in ("", "cond"):
            raise row.refuse(f"component `{plain(part)[:40]}` is not compared; keep cond")
        name, group = row.name(columns.term), row.cell("group")
        if effect == "ran_pars" or (not effect and group and is_component(name)):
            found.setdefault(row.key, {})[row.line] = Component(group, name)
        elif group:
            raise row.refuse(f"`{plain(name)[:60]}` has a group and is no variance component")
    terms: dict[int, str] = {}
    for components in found.values():
        try:
            named = component_terms(components.values())
        except UnknownComponent as error:
            line = next(line for line, one in components.items() if one == error.row)
            raise TableError(rows[0].file, line, plain(str(error))) from error
        terms |= {line: named[component] for line, component in components.items()}
    return terms


def _is_ours(row: _Row, term: str) -> bool:
    """Whether a row without ``effect`` lists a component under the name of this package."""
    if row.cell("effect"):
        return False
    try:
        random_quantity(term)
    except ValueError:
        return False
    return True


def _unique(file: str, numbers: list[PrintedNumber]) -> None:
    seen: dict[tuple[ModelKey, str, str, str], int] = {}
    for number in numbers:
        name = (number.key, number.engine, number.term, number.quantity)
        if name in seen:
            what = (
                f"{number.quantity} of `{plain(number.term)}`" if number.term else number.quantity
            )
            raise TableError(
                file, number.line, f"{what} is given twice, first in line {seen[name]}"
            )
        seen[name] = number.line


def _with_rounding(numbers: list[PrintedNumber]) -> tuple[PrintedNumber, ...]:
    """The numbers, each with what rounding may have moved it by; counts are never rounded."""
    exact = unrounded(number.written for number in numbers)
    columns: dict[tuple[str, str], list[int]] = {}
    for at, number in enumerate(numbers):
        if number.quantity not in PROBLEM_QUANTITIES:
            columns.setdefault((number.column, number.engine), []).append(at)
    found = list(numbers)
    for places in columns.values():
        cells = rounded((numbers[at].written for at in places), exact=exact)
        for at, cell in zip(places, cells, strict=True):
            found[at] = replace(numbers[at], written=cell)
    return tuple(found)
