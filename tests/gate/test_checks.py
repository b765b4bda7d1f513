"""The checks as pure functions: what is judged, what fails, what a missing value does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.gate import checks
from harness.gate.checks import Judgement

NAN = np.nan


def rows(judgement: Judgement) -> tuple[list[int], list[int]]:
    """Rows judged and rows failed."""
    judged = np.flatnonzero(judgement.judged.any(axis=1))
    return list(judged), list(np.flatnonzero(judgement.failed.any(axis=1)))


@pytest.fixture
def panel() -> pd.DataFrame:
    """Patients a (complete), b (gap at 2), c (lost after 1)."""
    return pd.DataFrame(
        {
            "id": pd.Categorical(list("aaabbbccc")),
            "time": pd.Categorical(["1", "2", "10"] * 3, categories=["1", "2", "10"]),
            "y": [1.0, 2.0, 3.0, 4.0, NAN, 6.0, 7.0, NAN, NAN],
            "n": [3.0, 3.0, 3.0, 2.0, 2.0, 2.0, 2.0, 1.0, NAN],
        }
    )


def test_between_includes_its_limits_and_catches_infinity() -> None:
    frame = pd.DataFrame({"x": [0, 10, -0.001, 10.001, NAN, np.inf]})
    assert rows(checks.cells_between(frame, ["x"], 0, 10)) == ([0, 1, 2, 3, 5], [2, 3, 5])
    assert rows(checks.cells_between(frame, ["x"], min_value=0)) == ([0, 1, 2, 3, 5], [2, 5])


def test_between_marks_the_cell_and_not_the_row() -> None:
    frame = pd.DataFrame({"x": [1.0, 99.0], "y": [99.0, 1.0]})
    failed = checks.cells_between(frame, ["x", "y"], 0, 10).failed
    assert failed.tolist() == [[False, True], [True, False]]


def test_between_needs_numbers_and_a_limit() -> None:
    with pytest.raises(TypeError, match="column x is not numeric"):
        checks.cells_between(pd.DataFrame({"x": ["<0.5"]}), ["x"], 0, 10)
    with pytest.raises(ValueError, match="needs min_value or max_value"):
        checks.cells_between(pd.DataFrame({"x": [1.0]}), ["x"])


def test_whole_and_set() -> None:
    frame = pd.DataFrame({"x": [0.0, 1.0, 1.5, NAN, 2.0]})
    assert rows(checks.cells_whole(frame, ["x"])) == ([0, 1, 2, 4], [2])
    assert rows(checks.cells_in(frame, ["x"], [0, 1])) == ([0, 1, 2, 4], [2, 4])


def test_codes_are_looked_for_in_each_column_s_own_terms() -> None:
    frame = pd.DataFrame(
        {
            "x": [-9.0, 9.0, NAN],
            "f": pd.Categorical(["-9", "N/A ", "ok"]),
            "d": pd.to_datetime(["1900-01-01", "2020-01-01", None]),
            "t": pd.Series(["Missing", None, "-9.0"], dtype="str"),
        }
    )
    codes = [-9, "-9", "n/a", "missing", "1900-01-01"]
    failed = checks.cells_not_codes(frame, ["x", "f", "d", "t"], codes).failed
    assert failed.tolist() == [
        [True, True, True, True],
        [False, True, False, False],
        [False, False, False, False],
    ]


def test_missing_share_is_exact_at_its_limit() -> None:
    frame = pd.DataFrame({"x": [NAN] * 3 + [1.0] * 17})
    assert checks.missing_at_most(frame, ["x"], 0.15).success
    assert not checks.missing_at_most(frame, ["x"], 0.1499).success
    assert rows(checks.missing_at_most(frame, ["x"], 0.1))[1] == [0, 1, 2]


def test_missing_share_sees_the_wholly_missing_group(panel: pd.DataFrame) -> None:
    panel.loc[panel["time"] == "10", "y"] = NAN
    assert checks.missing_at_most(panel, ["y"], 0.6).success
    assert rows(checks.missing_at_most(panel, ["y"], 0.6, by=["time"]))[1] == [2, 5, 8]


def test_items_sum_with_divisor_and_gaps() -> None:
    frame = pd.DataFrame(
        {
            "a": [1.0, 1.0, NAN, 1.0, NAN, 1.0],
            "b": [2.0, 2.0, 2.0, 2.0, NAN, 2.0],
            "total": [1.0, 1.02, 1.0, NAN, NAN, 1.01],
        }
    )
    judged, failed = rows(checks.items_sum(frame, ["a", "b", "total"], divisor=3))
    assert judged == [0, 1, 2, 3, 5]
    assert failed == [1, 2, 3]  # wrong; total of an absent item; absent total of present items


def test_items_sum_leaves_a_row_unscored_on_both_sides_alone() -> None:
    frame = pd.DataFrame({"a": [NAN], "b": [2.0], "total": [NAN]})
    assert rows(checks.items_sum(frame, ["a", "b", "total"])) == ([0], [])


def test_rows_satisfy_judges_only_what_is_known() -> None:
    frame = pd.DataFrame({"x": [1.0, NAN, 3.0, NAN], "y": [1.0, 5.0, 1.0, NAN]})
    assert rows(checks.rows_satisfy(frame, "x <= y")) == ([0, 2], [2])
    # Kleene: known as soon as one side decides.
    assert rows(checks.rows_satisfy(frame, "x <= y or y > 4")) == ([0, 1, 2], [2])


def test_rows_satisfy_with_a_panel(panel: pd.DataFrame) -> None:
    found = checks.rows_satisfy(panel, "change(y) <= 1", unit="id", time="time", baseline="1")
    assert rows(found) == ([0, 1, 2, 3, 5, 6], [2, 5])
    with pytest.raises(ValueError, match="given together"):
        checks.rows_satisfy(panel, "change(y) <= 1", unit="id")


def test_share_satisfying_in_groups() -> None:
    frame = pd.DataFrame({"g": list("aaaabbbb"), "x": [1, 0, 0, 0, 1, 1, 0, NAN]})
    found = checks.share_satisfying(frame, "x == 1", 0.25, by=["g"])
    assert rows(found) == ([0, 1, 2, 3, 4, 5, 6], [4, 5])
    assert checks.share_satisfying(frame, "x == 1", 0.5).success


def test_constant_within_counts_a_gap_as_a_second_value() -> None:
    frame = pd.DataFrame({"id": list("aabbcc"), "x": [1, 1, 2, 3, 4, NAN], "z": [NAN] * 6})
    found = checks.constant_within(frame, "id", ["x", "z"])
    assert np.argwhere(found.failed).tolist() == [[2, 0], [3, 0], [4, 0], [5, 0]]


def test_every_unit_has_a_row(panel: pd.DataFrame) -> None:
    found = checks.every_unit_has(panel.drop(index=[3]), "id", "time", ["1", "10"])
    assert rows(found) == ([0, 3, 5], [3])
    assert found.detail == "1 without time 1"
    assert not checks.every_unit_has(panel, "id", "time", ["5"]).success


def test_change_between_numbers_and_dates(panel: pd.DataFrame) -> None:
    given = {"unit": "id", "time": "time", "baseline": "1"}
    assert rows(checks.change_between(panel, **given, column="y", max_value=1)) == (
        [1, 2, 5],
        [2, 5],
    )
    panel["day"] = pd.to_datetime("2021-01-01") + pd.to_timedelta([0, 30, 60] * 3, unit="D")
    panel.loc[5, "day"] = pd.Timestamp("2020-12-31")
    found = checks.change_between(panel, **given, column="day", min_value=1, max_value=60)
    assert rows(found) == ([1, 2, 4, 5, 7, 8], [5])


def test_change_has_no_baseline_without_a_baseline_row(panel: pd.DataFrame) -> None:
    given = {"unit": "id", "time": "time", "baseline": "1", "column": "y", "max_value": 0}
    assert rows(checks.change_between(panel.drop(index=[0]), **given))[1] == [4]


def test_dropout_that_comes_back(panel: pd.DataFrame) -> None:
    assert rows(checks.dropout_monotone(panel, "id", "time", "y")) == ([3, 4, 5, 6, 7, 8], [5])
    shuffled = panel.sample(frac=1, random_state=1)
    found = checks.dropout_monotone(shuffled, "id", "time", "y")
    assert [shuffled.index[k] for k in rows(found)[1]] == [5]


def test_counts_of_observations(panel: pd.DataFrame) -> None:
    assert rows(checks.counts_observed(panel, "id", "y", "n")) == ([0, 1, 2, 3, 4, 5, 6, 7], [6])


def test_units_that_do_not_differ(panel: pd.DataFrame) -> None:
    assert checks.units_differ(panel, "id", "time", ["y"]).success
    panel["y"] = [1.0, 2.0, 3.0] * 2 + [7.0, NAN, NAN]
    found = checks.units_differ(panel, "id", "time", ["y"])
    assert rows(found) == ([0, 3], [0, 3])
    assert checks.units_differ(panel, "id", "time", ["y"], at_least=4).success


def test_group_counts_name_every_group_that_differs(panel: pd.DataFrame) -> None:
    panel["arm"] = pd.Categorical(["T"] * 6 + ["M"] * 3)
    found = checks.group_counts(panel, ["arm"], "id", {"T": 2, "M": 2, "X": 1})
    assert not found.success
    assert found.detail == "M: 1 found, 2 expected; X: 0 found, 1 expected"
    assert checks.group_counts(panel, ["arm"], "id", {"T": 2, "M": 1}).success
    assert checks.group_counts(panel, ["arm"], "id", {"T": 2}).detail == "M: 1 found, 0 expected"
    both = checks.group_counts(panel, ["arm", "time"], "id", {})
    assert "T | 10: 2 found, 0 expected" in both.detail


def test_a_correlation_holds_within_its_limits_over_rows_with_both() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0, NAN], "b": [8.0, 6.0, 5.0, 1.0, 99.0]})
    r = np.corrcoef(frame["a"][:4], frame["b"][:4])[0, 1]
    below = checks.correlation_between(frame, ["a", "b"], max_value=0)
    assert below.success
    assert rows(below) == ([0, 1, 2, 3], [])
    assert f"r {r:.2f} over 4 rows" in below.detail
    assert not checks.correlation_between(frame, ["a", "b"], min_value=0).success
    assert not checks.correlation_between(frame.assign(b=1.0), ["a", "b"]).success
    assert not checks.correlation_between(frame[:2], ["a", "b"]).success
