"""Reading JSON strictly: every complaint names the file and the key, nothing is guessed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import DataError

_NOT_FINITE = {"Inf": math.inf, "-Inf": -math.inf, "NaN": math.nan, "NA": math.nan}


class Value:
    """A JSON value together with where it stands, e.g. ``fixed[2].std_error``."""

    __slots__ = ("_file", "_raw", "key")

    def __init__(self, raw: Any, file: str, key: str = "") -> None:
        self._raw, self._file, self.key = raw, file, key

    def refuse(self, reason: str) -> NoReturn:
        """Raise the one-line error for this place."""
        place = f"{self._file}: {self.key}" if self.key else self._file
        raise DataError(f"{place}: {reason}")

    @property
    def is_null(self) -> bool:
        """Whether the value is JSON's null."""
        return self._raw is None

    def fields(self, required: Iterable[str], optional: Iterable[str] = ()) -> dict[str, Value]:
        """The members of an object that must have ``required`` and may have ``optional``.

        A key that is neither is refused: a misspelt optional key must not pass for an absent one.
        """
        members = self.members()
        required, optional = tuple(required), tuple(optional)
        for name in required:
            if name not in members:
                self._child(name).refuse("is missing")
        for name, value in members.items():
            if name not in required and name not in optional:
                value.refuse(f"is not a key here; allowed: {', '.join((*required, *optional))}")
        return members

    def members(self) -> dict[str, Value]:
        """The members of an object, whatever their names."""
        if not isinstance(self._raw, dict):
            self.refuse(f"must be an object, not {self._described()}")
        return {name: self._child(name, raw) for name, raw in self._raw.items()}

    def items(self) -> Iterator[Value]:
        """The elements of an array."""
        if not isinstance(self._raw, list):
            self.refuse(f"must be an array, not {self._described()}")
        for index, raw in enumerate(self._raw):
            yield Value(raw, self._file, f"{self.key}[{index}]")

    def number(self) -> float:
        """A double; ``null`` is NaN; "Inf", "-Inf", "NaN" and "NA" are read as R writes them."""
        raw = self._raw
        if raw is None:
            return math.nan
        if isinstance(raw, str) and raw in _NOT_FINITE:
            return _NOT_FINITE[raw]
        if isinstance(raw, bool) or not isinstance(raw, (int, float)):
            self.refuse(f'must be a number, null, "Inf" or "-Inf", not {self._described()}')
        return float(raw)

    def count(self) -> int:
        """A whole number of things, zero or more."""
        raw = self._raw
        whole = isinstance(raw, int) or (isinstance(raw, float) and raw.is_integer())
        if isinstance(raw, bool) or not whole or raw < 0:
            self.refuse(f"must be a whole number, not {self._described()}")
        return int(raw)

    def text(self) -> str:
        """A string."""
        if not isinstance(self._raw, str):
            self.refuse(f"must be a string, not {self._described()}")
        return self._raw

    def boolean(self) -> bool:
        """``true`` or ``false``."""
        if not isinstance(self._raw, bool):
            self.refuse(f"must be true or false, not {self._described()}")
        return self._raw

    def _child(self, name: str, raw: Any = None) -> Value:
        return Value(raw, self._file, f"{self.key}.{name}" if self.key else name)

    def _described(self) -> str:
        written = json.dumps(self._raw, ensure_ascii=False)
        return written if len(written) <= 40 else written[:37] + "..."


def read_json(path: str | Path) -> Value:
    """Parse a JSON file.

    Raises:
        DataError: when the file cannot be read, is not UTF-8, is not JSON, holds a bare
            ``NaN`` or ``Infinity``, or gives a key twice in one object.
    """
    file = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: is not UTF-8 (byte {error.start + 1})") from error

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        for name in names:
            if names.count(name) > 1:
                raise DataError(f"{file}: {name}: given twice in one object")
        return dict(pairs)

    def bare(constant: str) -> NoReturn:
        raise DataError(f'{file}: bare {constant} is not JSON; write null, "Inf" or "-Inf"')

    try:
        raw = json.loads(text, object_pairs_hook=unique, parse_constant=bare)
    except json.JSONDecodeError as error:
        raise DataError(f"{file}:{error.lineno}: is not JSON ({error.msg})") from error
    except RecursionError as error:
        raise DataError(f"{file}: is nested too deeply") from error
    return Value(raw, file)
