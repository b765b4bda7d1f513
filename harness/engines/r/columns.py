"""A frame's columns under declared types: what is sent to R, byte for byte.

Nothing is guessed on either side. A column is one of five types; its values are little-endian
doubles, or 32-bit integers in which the smallest one is R's ``NA_integer_``.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import DataError
from harness.models.variables import level_text

ColumnType = Literal["double", "integer", "logical", "string", "factor"]

NA_INTEGER = -(2**31)
"""R's missing integer, logical or factor code."""

NA_REAL = np.uint64(0x7FF0_0000_0000_07A2)
"""The bits of R's ``NA_real_``: a NaN with 1954 in its low word."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column as R will hold it.

    Attributes:
        name: column name, any text.
        type: R's type.
        values: (n,) float64 for ``double``, else int32: integers, 0/1 for ``logical``, and
            1-based positions in ``levels`` for ``factor`` and ``string``.
        levels: a factor's levels in coding order, used or not; a string column's distinct texts.
    """

    name: str
    type: ColumnType
    values: npt.NDArray[Any]
    levels: tuple[str, ...] = ()

    @property
    def header(self) -> dict[str, Any]:
        """Everything but the values, as plain JSON."""
        return {
            "name": self.name,
            "type": self.type,
            "rows": len(self.values),
            "levels": list(self.levels),
        }

    def to_bytes(self) -> bytes:
        """The values, little-endian."""
        return self.values.astype(self.values.dtype.newbyteorder("<"), copy=False).tobytes()

    @classmethod
    def from_bytes(cls, header: dict[str, Any], content: bytes) -> Column:
        """The inverse of ``header`` and ``to_bytes``."""
        dtype = "<f8" if header["type"] == "double" else "<i4"
        values = np.frombuffer(content, dtype=dtype, count=header["rows"])
        return cls(header["name"], header["type"], values, tuple(header["levels"]))


def columns_of(frame: pd.DataFrame, names: Iterable[str]) -> tuple[Column, ...]:
    """The named columns of a frame, each under the type its dtype declares.

    Args:
        frame: floats and nullable floats become ``double``, integer dtypes ``integer``, booleans
            ``logical``, categoricals ``factor`` (never ordered), text ``string``.
        names: which columns, in the order wanted.

    Raises:
        DataError: a column is missing, doubled, of another dtype, or holds a value R cannot.
    """
    columns = []
    places: dict[object, list[int]] = {}
    for i, present in enumerate(frame.columns.tolist()):
        places.setdefault(present, []).append(i)
    for name in names:
        found = places.get(name, [])
        if not found:
            raise DataError(f"no column `{name}` in the data")
        if len(found) > 1:
            raise DataError(f"the data have {len(found)} columns named `{name}`, not one")
        columns.append(column_of(name, frame.iloc[:, found[0]]))
    return tuple(columns)


def column_of(name: str, series: pd.Series[Any]) -> Column:
    """One column under the type its dtype declares (see ``columns_of``)."""
    dtype: Any = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _factor(name, series)
    kind = getattr(dtype, "kind", "O")
    if kind == "f":
        return _double(name, series)
    if kind in "iu":
        return _integer(name, series)
    if kind == "b":
        missing = series.isna().to_numpy(dtype=bool)
        truth = series.fillna(False).to_numpy(dtype=bool)
        values = np.where(missing, NA_INTEGER, truth).astype(np.int32)
        return Column(name, "logical", values)
    if isinstance(dtype, pd.StringDtype) or kind == "O":
        return _string(name, series)
    raise DataError(f"column `{name}` has type {dtype}: make it a number, a factor or text for R")


def frame_sha256(columns: Sequence[Column]) -> str:
    """The hash of columns as sent: names, types, levels and every value, in order."""
    digest = hashlib.sha256()
    for column in columns:
        header = json.dumps(column.header, ensure_ascii=True, sort_keys=True)
        digest.update(header.encode("ascii") + b"\n")
        digest.update(column.to_bytes())
    return digest.hexdigest()


def plain_columns(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Columns as the JSON that ``r_reference/frame.R`` reads."""
    plain = []
    for column in columns:
        entry: dict[str, Any] = {"name": column.name, "type": column.type}
        if column.type == "double":
            entry["values"] = [_json_number(value) for value in column.values.tolist()]
        else:
            codes = [None if v == NA_INTEGER else v for v in column.values.tolist()]
            if column.type == "string":
                entry["values"] = [None if v is None else column.levels[v - 1] for v in codes]
            elif column.type == "logical":
                entry["values"] = [None if v is None else bool(v) for v in codes]
            else:
                entry["values"] = codes
            if column.type == "factor":
                entry["levels"] = list(column.levels)
        plain.append(entry)
    return plain


def _json_number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    return value


def _double(name: str, series: pd.Series[Any]) -> Column:
    if getattr(series.dtype, "itemsize", 8) > 8:
        raise DataError(f"column `{name}` has type {series.dtype}: R's numbers are float64")
    values = series.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    values.view(np.uint64)[np.isnan(values)] = NA_REAL
    return Column(name, "double", values)


def _integer(name: str, series: pd.Series[Any]) -> Column:
    missing = series.isna().to_numpy(dtype=bool)
    known = series[~missing]
    if len(known) and (int(known.min()) <= NA_INTEGER or int(known.max()) > 2**31 - 1):
        raise DataError(
            f"column `{name}` holds integers beyond R's 32 bits: make it float64 "
            "(exact to 2^53), or a factor if it is an id"
        )
    values = np.full(len(series), NA_INTEGER, dtype=np.int32)
    values[~missing] = known.to_numpy(dtype=np.int64)
    return Column(name, "integer", values)


def _factor(name: str, series: pd.Series[Any]) -> Column:
    categorical = series.cat
    levels = tuple(_level_text(name, level) for level in categorical.categories.tolist())
    if len(set(levels)) != len(levels):
        raise DataError(f"column `{name}` has two levels that are spelt alike")
    codes = categorical.codes.to_numpy().astype(np.int32)
    return Column(name, "factor", _codes_from_zero(codes), levels)


def _string(name: str, series: pd.Series[Any]) -> Column:
    codes, texts = pd.factorize(series, sort=False)
    for text in texts:
        if not isinstance(text, str):
            raise DataError(f"column `{name}` holds {text!r} among texts: give it one type")
    levels = tuple(_level_text(name, text) for text in texts)
    return Column(name, "string", _codes_from_zero(codes.astype(np.int32)), levels)


def _codes_from_zero(codes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Codes from 0 with -1 for missing, as R's from 1 with its own missing value."""
    return np.where(codes < 0, np.int32(NA_INTEGER), codes + np.int32(1)).astype(np.int32)


def _level_text(name: str, level: Any) -> str:
    """A level as text; numbers as R spells them."""
    if not isinstance(level, (str, int, float)):
        raise DataError(f"column `{name}` has a level {level!r}: levels are texts or numbers")
    text = level_text(level)
    if "\0" in text:
        raise DataError(f"column `{name}` holds a text with a zero byte, which R cannot")
    return text
