"""Great Expectations' structured ``row_condition``, evaluated here instead of by pandas ``query``.

GX turns a condition into a string and hands it to ``DataFrame.query``, and it has a condition
type that passes any string through. A suite is data, not code, so the harness reads the
structured form itself, selects the rows, and gives GX a frame on which no condition is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from harness.gate.checks.judgement import Bools
from harness.language.values import COMPARISONS

_KEYS = {
    "comparison": {"type", "column", "operator", "parameter"},
    "nullity": {"type", "column", "is_null"},
    "and": {"type", "conditions"},
    "or": {"type", "conditions"},
}


def check_condition(condition: object) -> None:
    """Refuse what is not a structured condition.

    Raises:
        ValueError: with the reason, in words for the author of the suite.
    """
    if not isinstance(condition, Mapping):
        raise ValueError(
            "row_condition must be structured, as "
            '{"type": "comparison", "column": {"name": ...}, "operator": "==", "parameter": ...}; '
            "text conditions are code and are refused"
        )
    kind = condition.get("type")
    if kind not in _KEYS:
        raise ValueError(f"row_condition type {kind!r} is not one of {', '.join(_KEYS)}")
    if set(condition) != _KEYS[kind]:
        raise ValueError(f"row_condition of type {kind} has exactly {sorted(_KEYS[kind])}")
    if kind in {"and", "or"}:
        parts = condition["conditions"]
        if not isinstance(parts, list) or not parts:
            raise ValueError(f"row_condition of type {kind} needs a list of conditions")
        for part in parts:
            check_condition(part)
        return
    column = condition["column"]
    if not isinstance(column, Mapping) or not isinstance(column.get("name"), str):
        raise ValueError('row_condition names its column as {"name": ...}')
    if kind == "nullity" and not isinstance(condition["is_null"], bool):
        raise ValueError("row_condition of type nullity has is_null true or false")
    if kind == "comparison":
        _check_comparison(condition)


def _check_comparison(condition: Mapping[str, Any]) -> None:
    sign, parameter = condition["operator"], condition["parameter"]
    if sign in {"IN", "NOT_IN"}:
        if not isinstance(parameter, list):
            raise ValueError(f"row_condition operator {sign} needs a list")
    elif sign not in COMPARISONS:
        raise ValueError(
            f"row_condition operator {sign!r} is not one of {', '.join(COMPARISONS)}, IN"
        )
    elif parameter is None or isinstance(parameter, (list, dict)):
        raise ValueError("row_condition compares with a number or a text")


def condition_columns(condition: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns a checked condition reads."""
    if "conditions" in condition:
        found = [c for part in condition["conditions"] for c in condition_columns(part)]
        return tuple(dict.fromkeys(found))
    return (str(condition["column"]["name"]),)


def rows_where(condition: Mapping[str, Any], frame: pd.DataFrame) -> Bools:
    """The rows a checked condition selects; a missing value satisfies no comparison."""
    match condition["type"]:
        case "and":
            parts = [rows_where(part, frame) for part in condition["conditions"]]
            return np.asarray(np.logical_and.reduce(parts), dtype=bool)
        case "or":
            parts = [rows_where(part, frame) for part in condition["conditions"]]
            return np.asarray(np.logical_or.reduce(parts), dtype=bool)
        case "nullity":
            missing = frame[condition["column"]["name"]].isna().to_numpy(dtype=bool)
            return np.asarray(missing if condition["is_null"] else ~missing, dtype=bool)
        case _:
            return _compare(condition, frame[condition["column"]["name"]])


def _compare(condition: Mapping[str, Any], column: pd.Series) -> Bools:
    known = column.notna().to_numpy(dtype=bool)
    sign, parameter = condition["operator"], condition["parameter"]
    if isinstance(column.dtype, pd.CategoricalDtype):
        # Levels are text in the typed frame; 0 in a suite means the level "0". Order comparisons
        # follow the order of the levels.
        levels = [str(level) for level in column.cat.categories]
        return known & _compare_levels(sign, parameter, levels, column.cat.codes.to_numpy())
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        dates = [
            pd.Timestamp(p) for p in (parameter if isinstance(parameter, list) else [parameter])
        ]
        parameter = dates if isinstance(parameter, list) else dates[0]
    if sign in {"IN", "NOT_IN"}:
        inside = column.isin(parameter).to_numpy(dtype=bool)
        return known & (inside if sign == "IN" else ~inside)
    values = column[known]
    selected = np.zeros(len(column), dtype=bool)
    selected[known] = np.asarray(COMPARISONS[sign](values, parameter), dtype=bool)
    return selected


def _compare_levels(sign: str, parameter: Any, levels: list[str], codes: Any) -> Bools:
    wanted = [str(p) for p in (parameter if isinstance(parameter, list) else [parameter])]
    unknown = [level for level in wanted if level not in levels]
    if unknown and sign in {"<", "<=", ">", ">="}:
        raise ValueError(f"row_condition compares with {unknown[0]!r}, not a level of {levels}")
    places = [levels.index(level) for level in wanted if level in levels]
    if sign in {"==", "IN", "!=", "NOT_IN"}:
        inside = np.isin(codes, places)
        return inside if sign in {"==", "IN"} else ~inside
    return np.asarray(COMPARISONS[sign](codes, places[0]), dtype=bool)
