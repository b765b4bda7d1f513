"""JSON back into the record every engine answers with; strict, because a record may be corrupt."""

from __future__ import annotations

import math
import types
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from harness.models.record import Estimates


class AnswerError(ValueError):
    """JSON that is not the record it should be; the message says where."""


def estimates_from_json(raw: Any) -> Estimates:
    """Rebuild ``Estimates`` from the JSON of ``as_json`` or of R.

    Raises:
        AnswerError: a field is missing, unknown or of another type.
    """
    made = _read(Estimates, raw, "answer")
    assert isinstance(made, Estimates)  # noqa: S101 - what _read was asked for
    return made


def _read(wanted: Any, raw: Any, where: str) -> Any:
    origin, parts = get_origin(wanted), get_args(wanted)
    if is_dataclass(wanted):
        return _read_record(wanted, raw, where)
    if origin in (Union, types.UnionType):  # only ever `X | None` in these records
        if raw is None:
            return None
        return _read(next(part for part in parts if part is not type(None)), raw, where)
    if origin is tuple:
        if not isinstance(raw, list):
            raise AnswerError(f"{where} is not an array")
        return tuple(_read(parts[0], item, f"{where}[{i}]") for i, item in enumerate(raw))
    if origin is dict:
        if not isinstance(raw, dict):
            raise AnswerError(f"{where} is not an object")
        return {key: _read(parts[1], item, f"{where}.{key}") for key, item in raw.items()}
    if wanted is float:
        return _number(raw, where)
    if wanted is int and isinstance(raw, float) and raw.is_integer():
        return int(raw)
    if not isinstance(raw, wanted) or (wanted is int and isinstance(raw, bool)):
        raise AnswerError(f"{where} is {raw!r}, not {wanted.__name__}")
    return raw


def _read_record(wanted: Any, raw: Any, where: str) -> Any:
    if not isinstance(raw, dict):
        raise AnswerError(f"{where} is not an object")
    hints = _hints(wanted)
    if unknown := sorted(set(raw) - set(hints)):
        raise AnswerError(f"{where} has the unknown field {unknown[0]}")
    values = {}
    for field in fields(wanted):
        if field.name in raw:
            values[field.name] = _read(hints[field.name], raw[field.name], f"{where}.{field.name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise AnswerError(f"{where} lacks the field {field.name}")
    return wanted(**values)


@cache
def _hints(wanted: Any) -> dict[str, Any]:
    return get_type_hints(wanted)


def _number(raw: Any, where: str) -> float:
    if raw is None:
        return math.nan
    if raw in ("Inf", "-Inf"):
        return math.inf if raw == "Inf" else -math.inf
    if isinstance(raw, (int, float)) and not isinstance(raw, bool):
        return float(raw)
    raise AnswerError(f"{where} is {raw!r}, not a number")
