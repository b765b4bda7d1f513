"""Rules on rows, written as restricted expressions (never ``eval``, never ``DataFrame.query``)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from harness.gate.checks.judgement import Bools, Judgement, column_vector
from harness.language import Panel, evaluate, names_in, parse_expression

CONSTANTS = frozenset({"true", "false"})


def expression_columns(expression: str) -> tuple[str, ...]:
    """The columns an expression names, in order of first appearance."""
    return tuple(n for n in names_in(parse_expression(expression)) if n not in CONSTANTS)


def rows_satisfy(
    frame: pd.DataFrame,
    expression: str,
    unit: str | None = None,
    time: str | None = None,
    baseline: str | None = None,
) -> Judgement:
    """Every row satisfies ``expression``; a row on which it is unknown is not judged.

    Args:
        frame: the data.
        expression: a restricted expression with a Boolean value.
        unit: column of the patient, needed with ``time`` and ``baseline`` where the expression
            calls ``baseline()`` or ``change()``.
        time: column of the visit.
        baseline: the level of ``time`` that is the baseline.
    """
    known, holds = _truth(frame, expression, _panel(unit, time, baseline))
    label = "; ".join(expression_columns(expression))
    return Judgement((label,), column_vector(known), column_vector(known & ~holds))


def share_satisfying(
    frame: pd.DataFrame,
    expression: str,
    at_most: float,
    by: Sequence[str] = (),
) -> Judgement:
    """At most the share ``at_most`` of the judged rows of each group satisfies ``expression``."""
    known, holds = _truth(frame, expression, None)
    failed = np.zeros(len(frame), dtype=bool)
    number = (
        frame.groupby(list(by), observed=True, dropna=False).ngroup().to_numpy()
        if by
        else np.zeros(len(frame), dtype=int)
    )
    worst = 0.0
    for k in np.unique(number):
        rows = (number == k) & known
        if not rows.any():
            continue
        share = float(holds[rows].mean())
        worst = max(worst, share)
        if share > at_most:
            failed |= rows & holds
    label = "; ".join(expression_columns(expression))
    detail = f"largest share {worst:.1%}, allowed {at_most:.1%}"
    return Judgement((label,), column_vector(known), column_vector(failed), detail)


def _panel(unit: str | None, time: str | None, baseline: str | None) -> Panel | None:
    if unit is None and time is None and baseline is None:
        return None
    if unit is None or time is None or baseline is None:
        raise ValueError("unit, time and baseline are given together or not at all")
    return Panel(unit, time, baseline)


def _truth(frame: pd.DataFrame, expression: str, panel: Panel | None) -> tuple[Bools, Bools]:
    value = evaluate(parse_expression(expression), frame, panel)
    if not pd.api.types.is_bool_dtype(value.dtype):
        raise TypeError(f"`{expression}` is not a condition: its value is {value.dtype}")
    known = value.notna().to_numpy(dtype=bool)
    holds = value.fillna(False).to_numpy(dtype=bool)
    return known, holds
