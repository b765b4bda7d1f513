"""What an expression can be worth in each row, and how columns become that and back."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.language.tokens import r_number

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Comparable = Floats | npt.NDArray[np.datetime64]

FUNCTIONS: dict[str, Callable[[Floats], Floats]] = {
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "I": lambda x: x,
    "center": lambda x: x - _mean(x),
    "scale": lambda x: (x - _mean(x)) / _standard_deviation(x),
}
ARITHMETIC: dict[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers, one a row; ``literal`` is R's spelling if this is a number as written."""

    values: Floats
    literal: str | None = None
    kind = "a number"


@dataclass(frozen=True, slots=True)
class Truths:
    """Truth values; where ``known`` is false the value is missing and ``true`` is false."""

    true: Bools
    known: Bools
    kind = "true or false"


@dataclass(frozen=True, slots=True)
class Factor:
    """A categorical column; a missing value has code -1."""

    values: pd.Categorical
    kind = "a factor"


@dataclass(frozen=True, slots=True)
class Words:
    """Text, on an index from 0."""

    values: pd.Series
    kind = "text"


@dataclass(frozen=True, slots=True)
class Dates:
    """Dates; NaT is missing."""

    values: npt.NDArray[np.datetime64]
    kind = "a date"


@dataclass(frozen=True, slots=True)
class Literal:
    """A string as written: a level, a text or an ISO date, as its other side says."""

    text: str
    kind = "a string"


Value = Numbers | Truths | Factor | Words | Dates | Literal


def factor_of_numbers(values: Floats) -> pd.Categorical:
    """R's ``factor(x)`` of numbers: levels ascending, spelled with at most 15 digits.

    Args:
        values: shape (n,); NaN is missing.
    """
    known = ~np.isnan(values)
    distinct = np.unique(values[known])
    spelled = [spell_number(value) for value in distinct]
    place = {level: code for code, level in enumerate(dict.fromkeys(spelled))}
    codes = np.full(len(values), -1, dtype=np.int64)
    if len(distinct):
        places = np.array([place[level] for level in spelled], dtype=np.int64)
        codes[known] = places[np.searchsorted(distinct, values[known])]
    dtype = pd.CategoricalDtype(list(place))
    return pd.Categorical.from_codes(codes, dtype=dtype)


def spell_number(value: float) -> str:
    """A number as R's ``as.character`` spells it (15 significant digits)."""
    return f"-{r_number(-value)}" if value < 0 else r_number(value)


def read_value(series: pd.Series) -> Value:
    """A column as a value; the dtype alone decides which kind."""
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return Factor(pd.Categorical(series))
    if pd.api.types.is_bool_dtype(dtype):
        known = series.notna().to_numpy(dtype=bool)
        return Truths(series.fillna(False).to_numpy(dtype=bool), known)
    if pd.api.types.is_numeric_dtype(dtype):
        return Numbers(series.to_numpy(dtype=np.float64, na_value=np.nan))
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return Dates(series.to_numpy(dtype="datetime64[ns]"))
    return Words(series.reset_index(drop=True))


def as_series(value: Value, index: pd.Index) -> pd.Series | None:
    """A value as a column on ``index``; None for a string as written, which is no column."""
    match value:
        case Numbers():
            return pd.Series(value.values, index=index, dtype="float64")
        case Truths():
            mask = pd.arrays.BooleanArray(value.true.copy(), ~value.known)
            return pd.Series(mask, index=index)
        case Words():
            return pd.Series(value.values.array, index=index)
        case Literal():
            return None
        case _:
            return pd.Series(value.values, index=index)


def compare(relation: str, left: Comparable, right: Comparable) -> Bools:
    """``left relation right``, row by row; what missing values give has no meaning."""
    return np.asarray(COMPARISONS[relation](left, right), dtype=np.bool_)


def finite(function: Callable[..., Floats], *operands: Floats) -> Floats:
    """Apply ``function``; whatever is not finite afterwards is missing."""
    with np.errstate(all="ignore"):
        result = np.asarray(function(*operands), dtype=np.float64)
    missing = ~np.isfinite(result)
    for operand in operands:
        missing |= np.isnan(operand)  # NaN^0 is 1 in floating point; a missing value stays missing
    return np.where(missing, np.nan, result)


def _mean(x: Floats) -> float:
    known = x[~np.isnan(x)]
    return float(known.mean()) if len(known) else np.nan


def _standard_deviation(x: Floats) -> float:
    known = x[~np.isnan(x)]
    return float(known.std(ddof=1)) if len(known) > 1 else np.nan
