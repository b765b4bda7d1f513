"""Derived columns, in the plan's order; each may use those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from harness.data.detection import add_detected
from harness.data.levels import at_levels
from harness.data.outliers import in_order, outlier_column
from harness.data.scores import add_scores
from harness.errors import DataError, FormulaError
from harness.language import Panel, evaluate, parse_expression
from harness.plan.placed import Placed, arm_after_levels, placed_columns
from harness.plan.schema import Plan

if TYPE_CHECKING:
    from harness.data.study import Study


def panel_of(plan: Plan) -> Panel:
    """The columns that ``baseline()`` and ``change()`` need."""
    time = plan.data.time
    return Panel(id=plan.data.id, time=time.column, baseline_level=time.levels[0])


def derive(study: Study) -> pd.DataFrame:
    """The study's frame with the scores it lacks, its rules of detection and its derived columns.

    Truth values become numbers (1, 0, missing): a formula can use them.

    Raises:
        DataError: a derived column that cannot be computed.
    """
    frame = add_detected(add_scores(study.frame, study.scores), study.detected)
    return derived(study.plan, frame)


def derived(plan: Plan, frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` with the plan's derived columns, and those that its formulas' placeholders name.

    Raises:
        DataError: a derived column that cannot be computed.
    """
    panel = panel_of(plan)
    result = frame.copy(deep=False)
    for name, is_outliers in in_order(plan, set(frame.columns)):
        if is_outliers:
            result[name] = outlier_column(plan, plan.outliers[name], result)
            continue
        try:
            result[name] = one(plan.derive[name], result, panel)
        except FormulaError as error:
            raise DataError(f"derived column `{name}`: {error}") from error
    for name, column in placed_columns(plan).items():
        try:
            result[name] = placed(column, result, plan)
        except FormulaError as error:
            raise DataError(f"`{{{column.placeholder}}}`: {error}") from error
    return result


def placed(column: Placed, frame: pd.DataFrame, plan: Plan) -> pd.Series:
    """A column that a placeholder of a formula stands for.

    Raises:
        FormulaError: the outcome has no baseline.
        DataError: two baseline rows of one id.
    """
    if column.expression:
        return one(column.expression, frame, panel_of(plan))
    return arm_after(plan, frame)


def arm_after(plan: Plan, frame: pd.DataFrame) -> pd.Series:
    """The arm after the first visit, a factor with a level for each other arm at each later one.

    At the first visit, and in the first arm at all, it is the first arm; missing where arm or
    time is.
    """
    arm, time = plan.data.arm, plan.data.time
    levels = arm_after_levels(plan)
    arms = {level: at_levels(frame[arm.column], (level,)) for level in arm.levels}
    times = {level: at_levels(frame[time.column], (level,)) for level in time.levels}
    known = np.any(list(arms.values()), axis=0) & np.any(list(times.values()), axis=0)
    first = known & (arms[arm.levels[0]] | times[time.levels[0]])
    later = [arms[one] & times[visit] for visit in time.levels[1:] for one in arm.levels[1:]]
    codes = np.full(len(frame), -1)
    for code, rows in enumerate((first, *later)):
        codes[rows] = code
    found = pd.Categorical.from_codes(codes, categories=pd.Index(levels))
    return pd.Series(found, index=frame.index)


def one(text: str, frame: pd.DataFrame, panel: Panel) -> pd.Series:
    """One derived column.

    Raises:
        FormulaError: the expression does not fit the frame.
        DataError: two baseline rows of one id.
    """
    value = evaluate(parse_expression(text), frame, panel)
    return value.astype("Float64").astype("float64") if value.dtype == "boolean" else value
