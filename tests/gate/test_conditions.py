"""Structured row conditions select the rows they say, without pandas' query."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.gate.conditions import check_condition, rows_where

FRAME = pd.DataFrame(
    {
        "n": [1.0, 2.0, np.nan, 4.0],
        "level": pd.Categorical(["0", "10", None, "2"], categories=["0", "2", "10"]),
        "day": pd.to_datetime(["2021-01-01", "2021-02-01", None, "2021-03-01"]),
        "word": pd.Series(["a", "b' or True or '", None, "c"], dtype="str"),
        "a b": [1.0, 0.0, 0.0, 1.0],
    }
)


def compare(name: str, sign: str, value: Any) -> dict[str, Any]:
    return {
        "type": "comparison",
        "column": {"name": name},
        "operator": sign,
        "parameter": value,
    }


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        (compare("n", "==", 2), [1]),
        (compare("n", "!=", 2), [0, 3]),
        (compare("n", ">=", 2), [1, 3]),
        (compare("n", "<", 2), [0]),
        (compare("n", "IN", [1, 4]), [0, 3]),
        (compare("n", "NOT_IN", [1, 4]), [1]),
        (compare("level", "==", "2"), [3]),
        (compare("level", "==", 2), [3]),
        (compare("level", "==", "two"), []),
        (compare("level", "!=", "2"), [0, 1]),
        (compare("level", ">=", "2"), [1, 3]),
        (compare("level", "IN", ["0", "10"]), [0, 1]),
        (compare("level", "NOT_IN", ["0", "10"]), [3]),
        (compare("day", ">", "2021-01-31"), [1, 3]),
        (compare("day", "IN", ["2021-01-01"]), [0]),
        (compare("word", "==", "b' or True or '"), [1]),
        (compare("word", "==", "a' or True or '"), []),
        (compare("a b", "==", 1), [0, 3]),
        ({"type": "nullity", "column": {"name": "n"}, "is_null": True}, [2]),
        ({"type": "nullity", "column": {"name": "word"}, "is_null": False}, [0, 1, 3]),
        ({"type": "and", "conditions": [compare("n", ">", 1), compare("n", "<", 4)]}, [1]),
        ({"type": "or", "conditions": [compare("n", "==", 1), compare("level", "==", 2)]}, [0, 3]),
    ],
)
def test_rows_of_a_condition(condition: dict[str, Any], rows: list[int]) -> None:
    check_condition(condition)
    assert list(np.flatnonzero(rows_where(condition, FRAME))) == rows


def test_an_order_with_what_is_not_a_level_is_an_error() -> None:
    with pytest.raises(ValueError, match="'two', not a level of"):
        rows_where(compare("level", "<", "two"), FRAME)


def test_it_agrees_with_great_expectations_own_reading() -> None:
    """Where GX's own way is defined and safe, the rows are the same."""
    from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine

    engine = PandasExecutionEngine()
    for condition in (
        compare("n", ">=", 2),
        compare("n", "NOT_IN", [1.0, 4.0]),
        compare("word", "==", "a"),
        {"type": "nullity", "column": {"name": "n"}, "is_null": True},
        {"type": "and", "conditions": [compare("n", ">", 1), compare("a b", "==", 1)]},
    ):
        theirs = engine._apply_row_condition_filter(FRAME, condition, {}).index
        ours = np.flatnonzero(rows_where(condition, FRAME))
        # GX's NOT_IN keeps a missing value; a missing value satisfies no comparison here.
        known = [row for row in theirs if condition["type"] == "nullity" or FRAME["n"].notna()[row]]
        assert list(ours) == known, condition
