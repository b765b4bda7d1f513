"""The codebook: what each column of a data file holds, and within which limits."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, cast, get_args

from harness.data.cells import MISSING, NUMBER, number
from harness.data.table import TableError, TextTable, read_bytes, read_table_text
from harness.errors import PlanError, Problem

VariableType = Literal["id", "factor", "integer", "number", "date", "text", "flag"]
Direction = Literal["", "higher is worse", "higher is better"]

COLUMNS = (
    *("variable", "type", "levels", "unit", "min", "max", "lod", "items"),
    *("direction", "label", "times", "missing"),
)
_REQUIRED = ("variable", "type")
MAX_BYTES = 5_000_000

_NUMERIC = ("integer", "number", "flag")
_Report = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Variable:
    """One column of the data file.

    Attributes:
        name: column name.
        type: what its cells are.
        levels: of a factor, in coding order.
        unit: of measurement.
        minimum: smallest allowed value, in ``unit``.
        maximum: largest allowed value.
        lod: limit of detection.
        items: columns that a total sums.
        divisor: what the sum of the items is divided by.
        direction: which way is worse for the patient.
        label: for tables.
        times: time levels at which it is collected; empty: every row.
        missing: largest allowed share of missing values where it is collected.
        line: line of the codebook.
    """

    name: str
    type: VariableType
    levels: tuple[str, ...] = ()
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    lod: float | None = None
    items: tuple[str, ...] = ()
    divisor: float = 1.0
    direction: Direction = ""
    label: str = ""
    times: tuple[str, ...] = ()
    missing: float = 0.0
    line: int = 0

    @property
    def numeric(self) -> bool:
        """Whether the column is read as numbers."""
        return self.type in _NUMERIC


@dataclass(frozen=True, slots=True)
class Codebook:
    """All variables of a data file, in file order.

    Attributes:
        file: as the user gave it.
        variables: one for each line that could be read.
        unread: names on lines that could not; their columns are not unknown.
    """

    file: str
    variables: tuple[Variable, ...]
    unread: frozenset[str] = frozenset()

    @property
    def by_name(self) -> dict[str, Variable]:
        """Variables by column name."""
        return {variable.name: variable for variable in self.variables}


def read_codebook(path: str | Path) -> Codebook:
    """Read a codebook.

    Raises:
        PlanError: with every problem, each with its line.
    """
    codebook, problems = parse_codebook(Path(path))
    if problems or codebook is None:
        raise PlanError(problems)
    return codebook


def parse_codebook(path: Path) -> tuple[Codebook | None, tuple[Problem, ...]]:
    """Read a codebook and collect its problems; rows that are wrong are left out."""
    shown = str(path)
    try:
        raw = read_bytes(path)
        if len(raw) > MAX_BYTES:
            raise TableError(shown, None, f"larger than {MAX_BYTES} bytes")
        table = read_table_text(path, raw)
    except TableError as error:
        return None, (error.problem,)
    problems = list(_check_columns(table))
    if any(name not in table.header for name in _REQUIRED):
        return None, tuple(problems)
    variables: dict[str, Variable] = {}
    unread: set[str] = set()
    for position in range(table.n_rows):
        own: list[Problem] = []
        made = _variable(table, position, own)
        problems += own
        if made is None:
            unread.add(table.columns[table.header.index("variable")][position])
            continue
        first = variables.setdefault(made.name.casefold(), made)
        if first is not made:
            key = f"{made.name}.variable"
            problems.append(Problem(shown, made.line, key, f"stands already in line {first.line}"))
    codebook = Codebook(shown, tuple(variables.values()), frozenset(unread))
    problems += _check_items(codebook)
    if not any(variable.type == "id" for variable in codebook.variables):
        problems.append(Problem(shown, None, "", "no variable of type id"))
    return codebook, tuple(sorted(problems, key=lambda problem: problem.line or 0))


def _check_columns(table: TextTable) -> Iterator[Problem]:
    for name in table.header:
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(COLUMNS)}"
            yield Problem(table.file, 1, name, f"unknown column; {hint}")
    for name in _REQUIRED:
        if name not in table.header:
            yield Problem(table.file, 1, name, "the column is missing")


def _variable(table: TextTable, position: int, problems: list[Problem]) -> Variable | None:
    """One row; None if it cannot even say which column it is about."""
    line = table.lines[position]
    cell = {
        name: "" if (text := column[position]) in MISSING else text
        for name, column in zip(table.header, table.columns, strict=True)
    }
    # A level or a column may be called NA only if it is written among others.
    name = cell["variable"]

    def report(column: str, message: str) -> None:
        problems.append(Problem(table.file, line, f"{name}.{column}" if name else column, message))

    if not name or name != name.strip():
        report("variable", "has no name" if not name else "has blanks around its name")
        return None
    kind = cell["type"]
    if kind not in get_args(VariableType):
        near = difflib.get_close_matches(kind, get_args(VariableType), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        report("type", f"is {', '.join(get_args(VariableType))}, not `{kind}`{hint}")
        return None
    read = partial(_read_number, cell, report)
    minimum, maximum, lod, missing = read("min"), read("max"), read("lod"), read("missing")
    levels = _listed(cell, "levels", report)
    items, divisor = _items(cell, report)
    if kind == "factor" and len(levels) < 2:
        report("levels", "a factor has at least two levels, separated by `;`")
    if kind != "factor" and levels:
        report("levels", f"only a factor has levels; this is {kind}")
    if kind not in _NUMERIC and (minimum, maximum, lod) != (None, None, None):
        report("min", f"limits are for numbers; this is {kind}")
    if minimum is not None and maximum is not None and minimum > maximum:
        report("max", f"is below min ({cell['max']} < {cell['min']})")
    if missing is not None and not 0 <= missing <= 1:
        report("missing", f"is a share from 0 to 1, not {cell['missing']}")
    if cell.get("direction", "") not in get_args(Direction):
        report("direction", "is `higher is worse`, `higher is better` or empty")
    if items and kind not in ("integer", "number"):
        report("items", f"a sum of items is a number; this is {kind}")
    return Variable(
        name=name,
        type=cast("VariableType", kind),
        levels=levels,
        unit=cell.get("unit", ""),
        minimum=minimum,
        maximum=maximum,
        lod=lod,
        items=items,
        divisor=divisor,
        direction=cast("Direction", cell.get("direction", "")),
        label=cell.get("label", ""),
        times=_listed(cell, "times", report),
        missing=missing if missing is not None else 0.0,
        line=line,
    )


def _read_number(cell: dict[str, str], report: _Report, column: str) -> float | None:
    text = cell.get(column, "")
    if not text:
        return None
    value = number(text)
    if value is None:
        report(column, f"`{text}` is not a number")
    return value


def _listed(cell: dict[str, str], column: str, report: _Report) -> tuple[str, ...]:
    text = cell.get(column, "")
    if not text:
        return ()
    parts = tuple(text.split(";"))
    for position, part in enumerate(parts):
        if not part or part != part.strip() or part in MISSING:
            report(column, f"entry {position + 1} is empty, `NA` or has blanks around it")
    distinct = tuple(dict.fromkeys(parts))
    if len(distinct) < len(parts):
        twice = next(part for part in distinct if parts.count(part) > 1)
        report(column, f"`{twice}` stands twice")
    return distinct


def _items(cell: dict[str, str], report: _Report) -> tuple[tuple[str, ...], float]:
    """``a;b;c`` or ``a;b;c / 3``."""
    text = cell.get("items", "")
    names, slash, divided = text.rpartition(" / ")
    if not slash:
        return _listed(cell, "items", report), 1.0
    value = number(divided) if NUMBER.fullmatch(divided) else None
    if value is None or value <= 0:
        report("items", f"what follows ` / ` must be a positive number, not `{divided}`")
        value = 1.0
    return _listed({"items": names}, "items", report), value


def _check_items(codebook: Codebook) -> Iterator[Problem]:
    known = codebook.by_name
    for variable in codebook.variables:
        key = f"{variable.name}.items"
        for item in variable.items:
            if item == variable.name:
                message = "a total cannot be one of its own items"
            elif item not in known:
                message = f"no variable `{item}`"
            elif not known[item].numeric:
                message = f"`{item}` is {known[item].type}; items are numbers"
            else:
                continue
            yield Problem(codebook.file, variable.line, key, message)
