"""A delimited text file as header and rows of text, strictly: what is ambiguous is refused."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from harness.data.cells import MISSING, NUMBER
from harness.errors import DataError, Problem

DELIMITERS = {".csv": ",", ".tsv": "\t"}
MAX_COLUMNS = 10_000
_NO_NAME_IN_R = re.compile(r"\.|\.\.\.|\.\.\d+")
_BLOCK = 5_000

_MARKS = {
    b"\xef\xbb\xbf": "starts with a byte-order mark; save it as UTF-8 without one",
    b"\xff\xfe": "is UTF-16; save it as UTF-8",
    b"\xfe\xff": "is UTF-16; save it as UTF-8",
}


class TableError(DataError):
    """A file that is no plain table, with the place where it is not.

    Attributes:
        file: as the user gave it.
        line: None where the whole file is wrong.
        reason: in words.
    """

    def __init__(self, file: str, line: int | None, reason: str) -> None:
        self.file, self.line, self.reason = file, line, reason
        super().__init__(f"{file}: {reason}" if line is None else f"{file}:{line}: {reason}")

    @property
    def problem(self) -> Problem:
        """The same as a problem among others."""
        return Problem(self.file, self.line, "", self.reason)


@dataclass(frozen=True, slots=True)
class TextTable:
    """A file's cells as written.

    Attributes:
        file: the file's name as the user gave it.
        header: column names.
        columns: one tuple of cells a column, each as long as there are rows.
        lines: the line of the file on which each row starts.
    """

    file: str
    header: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    @property
    def n_rows(self) -> int:
        """Number of data rows."""
        return len(self.lines)


def read_table_text(path: Path, content: bytes | None = None) -> TextTable:
    """Read a .csv or .tsv file.

    Args:
        path: the file; its suffix says what separates the columns.
        content: the file's bytes where they have been read already.

    Raises:
        TableError: with file and line: not UTF-8, a byte-order mark, an empty file, a header
            with empty, repeated, numeric or case-only different names, a ragged or blank row,
            a quotation that does not end.
    """
    shown = str(path)
    delimiter = DELIMITERS.get(path.suffix.lower())
    if delimiter is None:
        raise TableError(shown, None, "the suffix must be .csv or .tsv; nothing else is read")
    text = _decode(read_bytes(path) if content is None else content, shown)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[list[str]] = []
    lines: list[int] = []
    block: list[list[str]] = []
    start, blank = 1, 0
    try:
        header = next(reader)
        _check_header(header, shown, delimiter)
        columns = [[] for _ in header]
        start = reader.line_num + 1
        for row in reader:
            if not row:
                blank = blank or start
            elif blank:
                raise TableError(shown, blank, "a blank line")
            elif len(row) != len(header):
                what = f"{len(row)} cells, the header has {len(header)}"
                raise TableError(shown, start, what)
            else:
                lines.append(start)
                block.append(row)
            start = reader.line_num + 1
            if len(block) == _BLOCK:
                _append(columns, block)
    except csv.Error as error:
        reason = "a quotation that does not end" if "unexpected end" in str(error) else str(error)
        raise TableError(shown, start, reason) from error
    _append(columns, block)
    return TextTable(shown, tuple(header), tuple(map(tuple, columns)), tuple(lines))


def _append(columns: list[list[str]], block: list[list[str]]) -> None:
    """Move a block of rows into the columns; few rows at a time keep the collector quiet."""
    for column, cells in zip(columns, zip(*block, strict=True), strict=False):
        column.extend(cells)
    block.clear()


def read_bytes(path: Path) -> bytes:
    """The bytes of a regular file.

    Raises:
        TableError: not there, not a regular file, or not readable.
    """
    if not path.exists():
        raise TableError(str(path), None, "does not exist")
    if not path.is_file():
        raise TableError(str(path), None, "is not a regular file")
    try:
        return path.read_bytes()
    except OSError as error:
        raise TableError(str(path), None, f"cannot be read: {error.strerror}") from error


def _decode(raw: bytes, shown: str) -> str:
    for mark, reason in _MARKS.items():
        if raw.startswith(mark):
            raise TableError(shown, 1, reason)
    if (nul := raw.find(b"\0")) >= 0:
        raise TableError(shown, _line(raw, nul), "a NUL byte; this is not a text file")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 (byte 0x{raw[error.start]:02x})"
        raise TableError(shown, _line(raw, error.start), reason) from error
    if not text.strip():
        raise TableError(shown, None, "is empty")
    return text


def _line(raw: bytes, position: int) -> int:
    return raw.count(b"\n", 0, position) + 1


def _check_header(header: list[str], shown: str, delimiter: str) -> None:
    if len(header) > MAX_COLUMNS:
        raise TableError(shown, 1, f"{len(header)} columns; {MAX_COLUMNS} can be read")
    if not header:
        raise TableError(shown, 1, "a blank line where the header should be")
    if len(header) == 1:
        other = next((d for d in (";", "\t", ",", "|") if d != delimiter and d in header[0]), None)
        if other is not None:
            raise TableError(shown, 1, f"columns seem separated by {other!r}, not {delimiter!r}")
    if all(NUMBER.fullmatch(name) or name in MISSING for name in header):
        raise TableError(shown, 1, "there is no header: the first line holds no names")
    seen: dict[str, str] = {}
    for position, name in enumerate(header, start=1):
        if not name.strip():
            raise TableError(shown, 1, f"column {position} has no name")
        if name != name.strip() or not name.isprintable():
            raise TableError(shown, 1, f"the name {name!r} has outer blanks or control characters")
        if _NO_NAME_IN_R.fullmatch(name):
            raise TableError(shown, 1, f"R can have no column called `{name}`; rename it")
        other = seen.get(name.casefold())
        if other == name:
            raise TableError(shown, 1, f"two columns named `{name}`")
        if other is not None:
            raise TableError(shown, 1, f"the columns `{other}` and `{name}` differ only by case")
        seen[name.casefold()] = name
