"""The border between Python and R inside the worker: our own converter, by declared type.

rpy2's automatic conversion is not used: it turns an integer ``NA`` into -2147483648, a float NaN
into ``NaN`` rather than ``NA``, and large integers into text. Here a column goes over as one
block of memory under the type it declares, and an answer comes back as plain JSON types. The
module needs a running R and is only imported by the worker.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from harness.engines.r.columns import NA_INTEGER, Column

ri: Any = import_module("rpy2.rinterface")  # its own type hints do not cover what it exports
NACharacterType: Any = import_module("rpy2.rinterface_lib.sexp").NACharacterType


def vector_of(column: Column) -> Any:
    """A column as an R vector; a factor has all its levels, in order, used or not."""
    if column.type == "double":
        return ri.FloatSexpVector.from_memoryview(column.values.data)
    codes = ri.IntSexpVector.from_memoryview(column.values.data)
    if column.type == "integer":
        return codes
    if column.type == "logical":
        return ri.baseenv["as.logical"](codes)
    texts = ri.StrSexpVector(list(column.levels))
    if column.type == "string":
        return ri.baseenv["["](texts, codes)
    return ri.baseenv["structure"](codes, levels=texts, **{"class": ri.StrSexpVector(["factor"])})


def column_list(column: Column) -> Any:
    """A column as the entry of ``request$data`` that ``r_reference/frame.R`` reads."""
    return _named_list(
        {
            "name": ri.StrSexpVector([column.name]),
            "type": ri.StrSexpVector([column.type]),
            "values": vector_of(column),
        }
    )


def request_list(request: Mapping[str, Any], columns: Sequence[Column]) -> Any:
    """A request with its columns as the list that ``answer()`` takes."""
    items = {key: to_r(value) for key, value in request.items()}
    items["data"] = ri.ListSexpVector([column_list(column) for column in columns])
    return _named_list(items)


def to_r(value: Any) -> Any:
    """Plain JSON types as jsonlite reads them with ``simplifyVector = FALSE``."""
    if value is None:
        return ri.NULL
    if isinstance(value, bool):
        return ri.BoolSexpVector([value])
    if isinstance(value, int) and abs(value) < 2**31:
        return ri.IntSexpVector([value])
    if isinstance(value, (int, float)):
        return ri.FloatSexpVector([float(value)])
    if isinstance(value, str):
        return ri.StrSexpVector([value])
    if isinstance(value, Mapping):
        return _named_list({str(key): to_r(item) for key, item in value.items()})
    if isinstance(value, Sequence):
        return ri.ListSexpVector([to_r(item) for item in value])
    raise TypeError(f"no R form for {type(value).__name__}")


def from_r(value: Any) -> Any:
    """An R answer as plain JSON types, by the rule of ``to_json`` in ``r_reference/io.R``.

    Named lists and vectors become objects, unnamed lists arrays, a vector of one a scalar unless
    it has class ``AsIs``; ``NA`` and ``NaN`` become None, infinities ``"Inf"`` and ``"-Inf"``, a
    factor its level texts.
    """
    if isinstance(value, type(ri.NULL)):
        return None
    names = value.names
    if isinstance(value, ri.ListSexpVector):
        items = [from_r(item) for item in value]
    else:
        items = _atoms(value)
    if not isinstance(names, type(ri.NULL)):
        return dict(zip((str(name) for name in names), items, strict=True))
    if isinstance(value, ri.ListSexpVector):
        return items
    if len(items) == 1 and "AsIs" not in tuple(value.rclass):
        return items[0]
    return items


def _atoms(vector: Any) -> list[Any]:
    if isinstance(vector, ri.FloatSexpVector):
        return [_plain_double(item) for item in vector]
    if isinstance(vector, ri.BoolSexpVector):
        return [None if int(item) == NA_INTEGER else bool(item) for item in vector]
    if isinstance(vector, ri.IntSexpVector):
        if "factor" in tuple(vector.rclass):
            return _atoms(ri.baseenv["as.character"](vector))
        return [None if int(item) == NA_INTEGER else int(item) for item in vector]
    if isinstance(vector, ri.StrSexpVector):
        return [None if isinstance(item, NACharacterType) else str(item) for item in vector]
    raise TypeError(f"no plain form for an R value of type {vector.typeof.name}")


def _plain_double(item: float) -> float | str | None:
    number = float(item)
    if math.isnan(number):
        return None
    if math.isinf(number):
        return "Inf" if number > 0 else "-Inf"
    return number


def _named_list(items: Mapping[str, Any]) -> Any:
    made = ri.ListSexpVector(list(items.values()))
    made.names = ri.StrSexpVector(list(items))
    return made
