"""Outliers by a stated rule: which values lie beyond the fences, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.plan.schema import Plan
from harness.plan.sections.markers import OutlierRule, Outliers

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def fences(values: Floats, rule: OutlierRule, limit: float) -> tuple[float, float]:
    """The values beyond which others are outliers.

    Args:
        values: (n,) some of them NaN, which do not count.
        rule: ``z``, mean and ``limit`` standard deviations (n - 1) to either side; ``iqr``, the
            quartiles and ``limit`` times their distance (Tukey 1977, *Exploratory Data Analysis*);
            ``quantile``, the quantiles ``limit`` and ``1 - limit``. Quantiles are linear between
            order statistics (type 7 of Hyndman & Fan 1996, Am. Stat. 50, 361-365).
        limit: of the rule.

    Returns:
        Lower and upper fence in the unit of the values; infinite where fewer than three count.
    """
    known = values[~np.isnan(values)]
    if len(known) < 3:
        return -np.inf, np.inf
    if rule == "z":
        middle, width = float(known.mean()), limit * float(known.std(ddof=1))
        return middle - width, middle + width
    if rule == "iqr":
        low, high = np.quantile(known, [0.25, 0.75])
        return float(low - limit * (high - low)), float(high + limit * (high - low))
    low, high = np.quantile(known, [limit, 1.0 - limit])
    return float(low), float(high)


def without_outliers(values: Floats, groups: Floats, entry: Outliers) -> Floats:
    """The values (n,) with outliers dropped (NaN) or moved to the fence they lie beyond.

    Args:
        values: (n,) NaN where missing.
        groups: (n,) codes of the groups that have fences of their own; NaN for none, and such a
            row's value is left as it is.
        entry: the rule.
    """
    result = values.copy()
    for group in np.unique(groups[~np.isnan(groups)]):
        rows = groups == group
        low, high = fences(values[rows], entry.rule, entry.limit)
        kept = np.clip(values[rows], low, high)
        result[rows] = np.where(kept == values[rows], kept, np.nan) if entry.drops else kept
    return result


def outlier_column(plan: Plan, entry: Outliers, frame: pd.DataFrame) -> pd.Series:
    """The column of an entry of ``outliers:``, its source being there."""
    values = np.asarray(frame[entry.of], dtype=np.float64)
    groups = np.zeros(len(values))
    if entry.per == "time":
        codes = pd.factorize(frame[plan.data.time.column], sort=True)[0]
        groups = np.where(codes < 0, np.nan, codes)
    return pd.Series(without_outliers(values, groups, entry), index=frame.index)


def in_order(plan: Plan, columns: set[str]) -> Iterator[tuple[str, bool]]:
    """Derived columns and those of ``outliers:``, each of these right behind its source.

    Args:
        plan: the plan.
        columns: those of the data, detection and scores included.

    Yields:
        Name, and whether it is of ``outliers:``; entries without a source come last.
    """
    known, waiting = set(columns), dict(plan.outliers)

    def released() -> Iterator[tuple[str, bool]]:
        while ready := [name for name, entry in waiting.items() if entry.of in known]:
            for name in ready:
                del waiting[name]
                known.add(name)
                yield name, True

    yield from released()
    for name in plan.derive:
        yield name, False
        known.add(name)
        yield from released()
    yield from ((name, True) for name in waiting)


def outlier_sentences(plan: Plan, frame: pd.DataFrame) -> tuple[str, ...]:
    """One line an entry for a reader: the rule, and how many values it changed in each arm.

    Args:
        plan: the plan.
        frame: with all derived columns.
    """
    found = []
    for name, entry in plan.outliers.items():
        before = np.asarray(frame[entry.of], dtype=np.float64)
        there = ~np.isnan(before)
        changed = there & (np.asarray(frame[name], dtype=np.float64) != before)
        arm = frame[plan.data.arm.column].astype(object)
        by_arm = ", ".join(
            f"{level} {int(changed[arm == level].sum())} of {int(there[arm == level].sum())}"
            for level in plan.data.arm.levels
        )
        done = "dropped" if entry.drops else "moved to the fence"
        within = f"within {plan.data.time.column}" if entry.per == "time" else "over all rows"
        found.append(
            f"outliers of {entry.of}: {entry.words} {within}, {done} in {name}: "
            f"{int(changed.sum())} of {int(there.sum())}, {by_arm}"
        )
    return tuple(found)
