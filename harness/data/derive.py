"""Derived columns, in the plan's order; each may use those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from harness.data.detection import add_detected
from harness.data.outliers import in_order, outlier_column
from harness.data.scores import add_scores
from harness.errors import DataError, FormulaError
from harness.language import Panel, evaluate, parse_expression
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
    """``frame`` with the plan's derived columns; ``frame`` itself is not changed.

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
    return result


def one(text: str, frame: pd.DataFrame, panel: Panel) -> pd.Series:
    """One derived column.

    Raises:
        FormulaError: the expression does not fit the frame.
        DataError: two baseline rows of one id.
    """
    value = evaluate(parse_expression(text), frame, panel)
    return value.astype("Float64").astype("float64") if value.dtype == "boolean" else value
