"""Rules on the rows of one patient taken together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from harness.gate.checks.judgement import Bools, Judgement, column_vector


def constant_within(frame: pd.DataFrame, unit: str, column_list: Sequence[str]) -> Judgement:
    """Each column takes one value within each patient; a value beside a gap is two values."""
    groups = frame.groupby(unit, observed=True, dropna=False, sort=False)
    failed = [
        (groups[name].transform("nunique", dropna=False) > 1).to_numpy(dtype=bool)
        for name in column_list
    ]
    known = frame[unit].notna().to_numpy(dtype=bool)
    judged = np.repeat(known[:, None], len(column_list), axis=1)
    return Judgement(tuple(column_list), judged, np.column_stack(failed) & judged)


def every_unit_has(
    frame: pd.DataFrame, unit: str, column: str, values: Sequence[str | float]
) -> Judgement:
    """Every patient has a row with each of ``values`` in ``column``, a baseline row for one.

    Judged is the first row of each patient, which is also the row that fails.
    """
    known = frame[unit].notna().to_numpy(dtype=bool)
    first = known & ~frame[unit].duplicated().to_numpy(dtype=bool)
    failed = np.zeros(len(frame), dtype=bool)
    lacking: list[str] = []
    for value in values:
        has = set(frame.loc[_equals(frame[column], value), unit].dropna())
        without = first & ~frame[unit].isin(has).to_numpy(dtype=bool)
        if without.any():
            lacking.append(f"{int(without.sum())} without {column} {value}")
        failed |= without
    return Judgement((column,), column_vector(first), column_vector(failed), ", ".join(lacking))


def change_between(
    frame: pd.DataFrame,
    *,
    unit: str,
    time: str,
    baseline: str | float,
    column: str,
    min_value: float | None = None,
    max_value: float | None = None,
) -> Judgement:
    """``column`` minus the same patient's baseline value lies within the limits.

    The unit of a date is the day, so limits 42 and 112 say "six to sixteen weeks later", and a
    ``min_value`` above zero says that the dates are in order. Baseline rows and rows with either
    value missing are not judged.
    """
    at_baseline = _equals(frame[time], baseline)
    dates = pd.api.types.is_datetime64_any_dtype(frame[column].dtype)
    start = (
        frame.loc[at_baseline, [unit, column]]
        .dropna()
        .drop_duplicates(unit)
        .set_index(unit)[column]
    )
    change = frame[column] - frame[unit].astype(object).map(start)
    days = change.dt.total_seconds() / 86400 if dates else change
    moved = days.to_numpy(dtype=float, na_value=np.nan)
    judged = ~at_baseline & ~np.isnan(moved)
    low = -np.inf if min_value is None else min_value
    high = np.inf if max_value is None else max_value
    return Judgement(
        (column,), column_vector(judged), column_vector(judged & ((moved < low) | (moved > high)))
    )


def dropout_monotone(frame: pd.DataFrame, unit: str, time: str, column: str) -> Judgement:
    """Once a patient's ``column`` is missing it stays missing at every later ``time``.

    Failed are the values that come back after a gap: a visit entered under the wrong number, or
    an intermittent gap that the description of drop-out must mention. Patients with a gap are
    judged; a complete patient has nothing to come back from.
    """
    order = (
        frame[time].cat.codes if isinstance(frame[time].dtype, pd.CategoricalDtype) else frame[time]
    )
    work = pd.DataFrame({"unit": frame[unit], "order": order, "gap": frame[column].isna()})
    work = work.sort_values("order", kind="stable")
    before = work.groupby("unit", observed=True, sort=False)["gap"].cummax()
    back = (before & ~work["gap"]).reindex(frame.index).to_numpy(dtype=bool)
    seen = frame[column].isna().groupby(frame[unit], observed=True).transform("any")
    judged = seen.to_numpy(dtype=bool)
    return Judgement((column,), column_vector(judged), column_vector(judged & back))


def _equals(column: pd.Series, value: str | float) -> Bools:
    """Equality in the column's own terms: levels of a factor are text, numbers are numbers."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return (column == float(value)).to_numpy(dtype=bool)
    return column.astype(object).map(str).eq(str(value)).to_numpy(dtype=bool)


def counts_observed(frame: pd.DataFrame, unit: str, column: str, count: str) -> Judgement:
    """``count`` states at how many visits the patient's ``column`` was observed.

    Analysis sets are often written on such a count, so a wrong one moves a patient between sets.
    """
    observed = frame[column].notna().groupby(frame[unit], observed=True).transform("sum")
    judged = (frame[count].notna() & frame[unit].notna()).to_numpy(dtype=bool)
    agrees = (observed == frame[count]).to_numpy(dtype=bool)
    return Judgement((count,), column_vector(judged), column_vector(judged & ~agrees))


def units_differ(
    frame: pd.DataFrame, unit: str, time: str, column_list: Sequence[str], at_least: int = 3
) -> Judgement:
    """No two patients have the same values in all columns at all visits.

    Two patients with one long series of answers are usually one patient entered twice. Patients
    with fewer than ``at_least`` values are not judged: short series agree by chance.
    """
    known = frame.loc[frame[unit].notna() & frame[time].notna()]
    wide = known.drop_duplicates([unit, time]).pivot(
        index=unit, columns=time, values=list(column_list)
    )
    enough = wide.notna().sum(axis=1) >= at_least
    twins = set(wide.index[enough][wide[enough].duplicated(keep=False).to_numpy()])
    long = set(wide.index[enough])
    first = ~frame[unit].duplicated().to_numpy(dtype=bool)
    judged = first & frame[unit].isin(long).to_numpy(dtype=bool)
    failed = judged & frame[unit].isin(twins).to_numpy(dtype=bool)
    return Judgement((unit,), column_vector(judged), column_vector(failed))
