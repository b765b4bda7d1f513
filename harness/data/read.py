"""Data files to typed frames: by a codebook, or for one model by what the columns hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.data import cells
from harness.data.codebook import Codebook, Variable
from harness.data.hash import sha256_of
from harness.data.table import TextTable, read_bytes, read_table_text
from harness.errors import DataError
from harness.language import factor_of_numbers, spell_number

_WANTED = {
    "integer": "a whole number",
    "number": "a number",
    "flag": "true or false",
    "date": "a date as YYYY-MM-DD",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A cell that could not be read as its type; in the frame it is missing.

    Attributes:
        row: 1-based number of the data row (the line below the header is row 1).
        variable: column name.
        text: the cell as written.
        wanted: what it should be, in words.
    """

    row: int
    variable: str
    text: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A data file, read.

    Attributes:
        frame: typed columns in file order, on an index from 0.
        findings: cells that are not of their type.
        sha256: of the file's bytes.
    """

    frame: pd.DataFrame
    findings: tuple[Finding, ...]
    sha256: str


def read_frame(path: str | Path, codebook: Codebook) -> Reading:
    """Read a data file by its codebook.

    Id and factor columns become ``Categorical`` (id: levels in code-point order of the text;
    factor: the codebook's order), integer, number and flag columns float64, date columns
    datetime64, text columns str.

    Raises:
        DataError: the file cannot be read, has a column the codebook does not have, or lacks
            one that it has.
    """
    path = Path(path)
    raw = read_bytes(path)
    table = read_table_text(path, raw)
    missing, undeclared = compare_columns(table.header, codebook)
    for name in missing:
        raise DataError(f"{path}:1: the codebook's column `{name}` is not in the file")
    for name in undeclared:
        raise DataError(f"{path}:1: the column `{name}` is not in the codebook {codebook.file}")
    return typed(table, codebook, sha256_of(raw))


def compare_columns(
    header: tuple[str, ...], codebook: Codebook
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The codebook's columns that the file lacks, and the file's that the codebook lacks."""
    declared = codebook.by_name
    missing = tuple(name for name in declared if name not in header)
    return missing, tuple(name for name in header if name not in declared)


def typed(table: TextTable, codebook: Codebook, sha256: str) -> Reading:
    """Type the columns that file and codebook share."""
    declared = codebook.by_name
    columns: dict[str, pd.Series] = {}
    findings: list[Finding] = []
    for name, text in zip(table.header, table.columns, strict=True):
        if name not in declared:
            continue
        variable = declared[name]
        columns[name], unread = _column(text, variable)
        wanted = _WANTED.get(variable.type) or f"one of {', '.join(variable.levels)}"
        findings += [Finding(at + 1, name, text[at], wanted) for at in unread]
    findings.sort(key=lambda finding: finding.row)
    frame = pd.DataFrame(columns, index=pd.RangeIndex(table.n_rows))
    return Reading(frame, tuple(findings), sha256)


def _column(text: tuple[str, ...], variable: Variable) -> cells.Column:
    match variable.type:
        case "id":
            return cells.factor(text, None)
        case "factor":
            return cells.factor(text, variable.levels)
        case "integer":
            return cells.floats(text, cells.integer)
        case "number":
            return cells.floats(text, cells.number)
        case "flag":
            return cells.floats(text, cells.flag)
        case "date":
            return cells.dates(text)
        case "text":
            return cells.words(text)


def read_table(
    path: str | Path, factors: dict[str, tuple[str, ...] | None] | None = None
) -> pd.DataFrame:
    """Read a data file without a codebook, for one model.

    A column whose cells are all numbers is float64 unless ``factors`` names it; any other
    column is a factor with levels in code-point order (R's order in the C locale).

    Args:
        path: a .csv or .tsv file.
        factors: columns that are factors, with their levels in coding order, or None for the
            levels that occur: numbers ascending as R's ``factor(x)``, text in code-point order.

    Raises:
        DataError: the file cannot be read; a column mixes numbers and text and is not named;
            ``factors`` names no column, or levels that do not cover the cells.
    """
    factors = factors or {}
    path = Path(path)
    table = read_table_text(path)
    for name in factors:
        if name not in table.header:
            known = ", ".join(table.header[:20]) + (", …" if len(table.header) > 20 else "")
            raise DataError(f"{path}: no column `{name}` to make a factor of; there are {known}")
    columns = {
        name: _guessed(table, name, text, name in factors, factors.get(name))
        for name, text in zip(table.header, table.columns, strict=True)
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(table.n_rows))


def _guessed(
    table: TextTable,
    name: str,
    text: tuple[str, ...],
    named: bool,
    levels: tuple[str, ...] | None,
) -> pd.Series:
    numbers, unread = cells.floats(text, cells.number)
    numeric = not unread
    if named and levels is not None:
        return _leveled(table, name, text, levels, numeric)
    if numeric:
        return pd.Series(factor_of_numbers(numbers.to_numpy())) if named else numbers
    if not named and len(unread) < sum(cell not in cells.MISSING for cell in text):
        line, cell = table.lines[unread[0]], text[unread[0]]
        raise DataError(
            f"{table.file}:{line}: `{name}` holds numbers, but here `{cell}`; "
            f"name it with --factor {name} if it is a factor"
        )
    return cells.factor(text, None)[0]


def _leveled(
    table: TextTable, name: str, text: tuple[str, ...], levels: tuple[str, ...], numeric: bool
) -> pd.Series:
    """A factor with the levels asked for; numbers are matched by value (``1.0`` is level 1)."""
    if len(set(levels)) < len(levels):
        raise DataError(f"--factor {name}: a level stands twice")
    shown = text
    if numeric:
        shown = tuple(cell if cell in cells.MISSING else spell_number(float(cell)) for cell in text)
        levels = tuple(
            level if (value := cells.number(level)) is None else spell_number(value)
            for level in levels
        )
    column, unread = cells.factor(shown, levels)
    if unread:
        line, cell = table.lines[unread[0]], text[unread[0]]
        raise DataError(
            f"{table.file}:{line}: `{cell}` is none of the levels {', '.join(levels)} of `{name}`"
        )
    for level in levels:
        if level not in shown:
            raise DataError(f"--factor {name}: the level `{level}` does not occur in {table.file}")
    return column
