"""JSON back into the record every engine answers with; strict, because a file may be anyone's.

The types of :mod:`harness.models.record` say what must be there: no list of keys is kept here.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

from harness.models.besides import ANSWERS
from harness.models.record import Estimates, random_quantity
from harness.plain import plain

_NOT_FINITE = {"Inf": math.inf, "-Inf": -math.inf, "NaN": math.nan, "NA": math.nan}


class MalformedRecord(ValueError):
    """JSON that is not the record it should be.

    Attributes:
        key: the place, e.g. ``fixed[2].std_error``; empty for the whole.
        reason: what is wrong there.
    """

    def __init__(self, key: str, reason: str) -> None:
        self.key, self.reason = key, reason
        super().__init__(plain(f"{key}: {reason}" if key else reason))


class JsonValue:
    """A JSON value together with where it stands, e.g. ``fixed[2].std_error``."""

    __slots__ = ("_raw", "key")

    def __init__(self, raw: Any, key: str = "") -> None:
        self._raw, self.key = raw, key

    def refuse(self, reason: str) -> NoReturn:
        """Raise :class:`MalformedRecord` for this place."""
        raise MalformedRecord(self.key, reason)

    @property
    def is_null(self) -> bool:
        """Whether the value is JSON's null."""
        return self._raw is None

    def fields(self, required: Iterable[str], optional: Iterable[str] = ()) -> dict[str, JsonValue]:
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

    def members(self) -> dict[str, JsonValue]:
        """The members of an object, whatever their names."""
        if not isinstance(self._raw, dict):
            self.refuse(f"must be an object, not {self._described()}")
        return {name: self._child(name, raw) for name, raw in self._raw.items()}

    def items(self) -> Iterator[JsonValue]:
        """The elements of an array."""
        if not isinstance(self._raw, list):
            self.refuse(f"must be an array, not {self._described()}")
        for index, raw in enumerate(self._raw):
            yield JsonValue(raw, f"{self.key}[{index}]")

    def number(self) -> float:
        """A double; ``null`` is NaN; "Inf", "-Inf", "NaN" and "NA" are read as R writes them."""
        raw = self._raw
        if raw is None:
            return math.nan
        if isinstance(raw, str) and raw in _NOT_FINITE:
            return _NOT_FINITE[raw]
        if isinstance(raw, bool) or not isinstance(raw, (int, float)):
            self.refuse(f'must be a number, null, "Inf" or "-Inf", not {self._described()}')
        try:
            number = float(raw)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):  # 1e999: infinity is written "Inf"
            self.refuse("is beyond the range of a double")
        return number

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

    def _child(self, name: str, raw: Any = None) -> JsonValue:
        return JsonValue(raw, f"{self.key}.{name}" if self.key else name)

    def _described(self) -> str:
        written = json.dumps(self._raw, ensure_ascii=False)
        return written if len(written) <= 40 else written[:37] + "..."


def decode_estimates(value: JsonValue) -> Estimates:
    """The estimates a JSON object holds, written by ``as_json``, by R or by anyone else.

    Raises:
        MalformedRecord: naming the place of what is missing, unknown, of another type, a term
            given twice, or a random term of unknown form.
    """
    made = decode(Estimates, value)
    assert isinstance(made, Estimates)  # noqa: S101 - what decode was asked for
    members = value.members()
    named = ("fixed", "random", *ANSWERS, "adjusted")
    tables = [(name, members[name]) for name in named if name in members]
    if made.reported is not None:
        reported = members["reported"].members()
        tables += [(table, reported[table]) for table in ("fixed", "random") if table in reported]
    for table, rows in tables:
        seen: set[str] = set()
        if rows.is_null:
            continue
        for item in rows.items():
            place = item.members()["term"]
            term = place.text()
            if term in seen:
                place.refuse(f"`{term}` is given twice")
            seen.add(term)
            if table == "random":
                try:
                    random_quantity(term)
                except ValueError as error:
                    place.refuse(str(error))
    return made


def decode(wanted: Any, value: JsonValue) -> Any:
    """A value of the type ``wanted``, as the records of this package use types.

    These are dataclasses, ``str``, ``bool``, ``float``, ``int`` (always a count), ``X | None``,
    ``tuple[X, ...]`` and ``dict[str, X]``.

    Raises:
        MalformedRecord: naming the place that does not fit.
    """
    origin, parts = get_origin(wanted), get_args(wanted)
    if is_dataclass(wanted):
        record: Any = wanted  # mypy would have it hashable
        names, optional = _names(record)
        got = value.fields((name for name in names if name not in optional), optional)
        hints = _hints(record)
        return record(**{name: decode(hints[name], got[name]) for name in names if name in got})
    if origin in (Union, types.UnionType):  # only ever `X | None`
        some = next(part for part in parts if part is not types.NoneType)
        return None if value.is_null else decode(some, value)
    if origin is tuple:
        return tuple(decode(parts[0], item) for item in value.items())
    if origin is dict:
        return {name: decode(parts[1], item) for name, item in value.members().items()}
    if wanted is str:
        return value.text()
    if wanted is bool:
        return value.boolean()
    if wanted is int:
        return value.count()
    if wanted is float:
        return value.number()
    raise TypeError(f"{wanted!r} is no type of a record")


@cache
def _hints(wanted: Any) -> dict[str, Any]:
    return get_type_hints(wanted)


@cache
def _names(wanted: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of a dataclass's fields in order, and of those that may be left out."""
    every = fields(wanted)
    optional = (
        f.name for f in every if f.default is not MISSING or f.default_factory is not MISSING
    )
    return tuple(f.name for f in every), tuple(optional)
