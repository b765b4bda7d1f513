"""A delimited text file as header and rows of text, strictly: what is ambiguous is refused."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from harness.data.cells import MISSING, NUMBER
from harness.errors import DataError

DELIMITERS = {".csv": ",", ".tsv": "\t"}
MAX_COLUMNS = 10_000

_MARKS = {
    b"\xef\xbb\xbf": "starts with a byte-order mark; save it as UTF-8 without one",
    b"\xff\xfe": "is UTF-16; save it as UTF-8",
    b"\xfe\xff": "is UTF-16; save it as UTF-8",
}


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
        DataError: with file and line: not UTF-8, a byte-order mark, an empty file, a header
            with empty, repeated, numeric or case-only different names, a ragged or blank row,
            a quotation that does not end.
    """
    shown = str(path)
    delimiter = DELIMITERS.get(path.suffix.lower())
    if delimiter is None:
        raise DataError(f"{shown}: the suffix must be .csv or .tsv; nothing else can be read yet")
    text = _decode(read_bytes(path) if content is None else content, shown)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    start = 1
    try:
        header = next(reader, None)
        if header is None:
            raise DataError(f"{shown}: is empty")
        _check_header(header, shown, delimiter)
        start = reader.line_num + 1
        for row in reader:
            rows.append(row)
            lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        reason = "a quotation that does not end" if "unexpected end" in str(error) else str(error)
        raise DataError(f"{shown}:{start}: {reason}") from error
    while rows and not rows[-1]:
        rows.pop()
        lines.pop()
    width = len(header)
    for row, line in zip(rows, lines, strict=True):
        if len(row) != width:
            what = f"{len(row)} cells, the header has {width}" if row else "a blank line"
            raise DataError(f"{shown}:{line}: {what}")
    columns = tuple(zip(*rows, strict=True)) if rows else tuple(() for _ in header)
    return TextTable(shown, tuple(header), columns, tuple(lines))


def read_bytes(path: Path) -> bytes:
    """The bytes of a regular file.

    Raises:
        DataError: not there, not a regular file, or not readable.
    """
    if not path.exists():
        raise DataError(f"{path}: does not exist")
    if not path.is_file():
        raise DataError(f"{path}: is not a regular file")
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def _decode(raw: bytes, shown: str) -> str:
    for mark, reason in _MARKS.items():
        if raw.startswith(mark):
            raise DataError(f"{shown}:1: {reason}")
    if (nul := raw.find(b"\0")) >= 0:
        raise DataError(f"{shown}:{_line(raw, nul)}: a NUL byte; this is not a text file")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{shown}:{_line(raw, error.start)}: not UTF-8 (byte 0x{raw[error.start]:02x})"
        ) from error
    if not text.strip():
        raise DataError(f"{shown}: is empty")
    return text


def _line(raw: bytes, position: int) -> int:
    return raw.count(b"\n", 0, position) + 1


def _check_header(header: list[str], shown: str, delimiter: str) -> None:
    place = f"{shown}:1:"
    if len(header) > MAX_COLUMNS:
        raise DataError(f"{place} {len(header)} columns; {MAX_COLUMNS} can be read")
    if not header:
        raise DataError(f"{place} a blank line where the header should be")
    if len(header) == 1:
        other = next((d for d in (";", "\t", ",", "|") if d != delimiter and d in header[0]), None)
        if other is not None:
            raise DataError(
                f"{place} the columns seem to be separated by {other!r}, not {delimiter!r}"
            )
    if all(NUMBER.fullmatch(name) or name in MISSING for name in header):
        raise DataError(f"{place} there is no header: the first line holds no names")
    seen: dict[str, str] = {}
    for position, name in enumerate(header, start=1):
        if not name.strip():
            raise DataError(f"{place} column {position} has no name")
        if name != name.strip() or not name.isprintable():
            raise DataError(f"{place} the name {name!r} has blanks around it or control characters")
        other = seen.get(name.casefold())
        if other == name:
            raise DataError(f"{place} two columns named `{name}`")
        if other is not None:
            raise DataError(f"{place} the columns `{other}` and `{name}` differ only by case")
        seen[name.casefold()] = name
