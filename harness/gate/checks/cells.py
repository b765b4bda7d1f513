"""Rules on single cells: limits, sets, whole numbers, missing-value codes, missing shares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.gate.checks.judgement import Bools, Judgement


def cells_between(
    frame: pd.DataFrame,
    column_list: Sequence[str],
    min_value: float | None = None,
    max_value: float | None = None,
) -> Judgement:
    """Every number lies within the limits, both included; missing cells are not judged."""
    if min_value is None and max_value is None:
        raise ValueError("a range needs min_value or max_value")
    values = _numbers(frame, column_list)
    low = -np.inf if min_value is None else min_value
    high = np.inf if max_value is None else max_value
    outside = (values < low) | (values > high) | np.isinf(values)
    return Judgement(tuple(column_list), ~np.isnan(values), outside)


def cells_in(
    frame: pd.DataFrame, column_list: Sequence[str], value_set: Sequence[float]
) -> Judgement:
    """Every number is one of ``value_set``; missing cells are not judged."""
    values = _numbers(frame, column_list)
    judged = ~np.isnan(values)
    return Judgement(
        tuple(column_list), judged, judged & ~np.isin(values, np.asarray(value_set, dtype=float))
    )


def cells_whole(frame: pd.DataFrame, column_list: Sequence[str]) -> Judgement:
    """Every number is a whole number; missing cells are not judged."""
    values = _numbers(frame, column_list)
    judged = ~np.isnan(values)
    return Judgement(tuple(column_list), judged, judged & (values != np.round(values)))


def cells_not_codes(
    frame: pd.DataFrame, column_list: Sequence[str], codes: Sequence[float | str]
) -> Judgement:
    """No cell holds a missing-value code such as -9, 999 or ``unknown``.

    Numeric codes are looked for in numeric columns; text codes in text, factor and date columns,
    ignoring case and outer blanks (dates as ``YYYY-MM-DD``).
    """
    numbers = np.asarray([c for c in codes if not isinstance(c, str)], dtype=float)
    texts = {c.strip().casefold() for c in codes if isinstance(c, str)}
    failed: list[Bools] = []
    for name in column_list:
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column.dtype):
            hit = np.isin(column.to_numpy(dtype=float, na_value=np.nan), numbers)
        else:
            as_text = column.dt.strftime("%Y-%m-%d") if _is_date(column) else column.astype(object)
            coded = [isinstance(v, str) and v.strip().casefold() in texts for v in as_text]
            hit = np.asarray(coded, dtype=bool)
        failed.append(hit)
    judged = frame[list(column_list)].notna().to_numpy(dtype=bool)
    return Judgement(tuple(column_list), judged, np.column_stack(failed) & judged)


def missing_at_most(
    frame: pd.DataFrame,
    column_list: Sequence[str],
    at_most: float = 0.0,
    by: Sequence[str] = (),
) -> Judgement:
    """No column misses more than the share ``at_most`` of its cells.

    With ``by``, no column is wholly empty in any group of rows either, so that a visit that was
    never entered cannot hide behind the others. Judged are all cells, for a missing cell is what
    the rule is about; failed are the missing cells of the columns (and groups) at fault.
    """
    missing = frame[list(column_list)].isna().to_numpy(dtype=bool)
    if not len(frame):
        return Judgement(tuple(column_list), missing, missing)
    share = missing.mean(axis=0)
    failed = missing & (share > at_most)  # exact at the limit: 3/20 and 0.15 are the same double
    for rows in _groups(frame, by):
        failed[rows] |= missing[rows] & missing[rows].all(axis=0)
    detail = f"largest share missing {share.max():.1%}, allowed {at_most:.1%}"
    return Judgement(tuple(column_list), np.ones_like(missing), failed, detail)


def _groups(frame: pd.DataFrame, by: Sequence[str]) -> list[Bools]:
    if not by:
        return []
    number = frame.groupby(list(by), observed=True, dropna=False).ngroup().to_numpy()
    return [number == k for k in range(int(number.max(initial=-1)) + 1)]


def _numbers(frame: pd.DataFrame, column_list: Sequence[str]) -> npt.NDArray[np.float64]:
    for name in column_list:
        if not pd.api.types.is_numeric_dtype(frame[name].dtype):
            raise TypeError(f"column {name} is not numeric ({frame[name].dtype})")
    return np.column_stack(
        [frame[name].to_numpy(dtype=float, na_value=np.nan) for name in column_list]
    )


def _is_date(column: pd.Series) -> bool:
    return pd.api.types.is_datetime64_any_dtype(column.dtype)
