"""Outcomes on other scales: by hand, and as R makes them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.errors import DataError
from harness.models.scale import Scaled, logged, ranked, winsorised, with_scale

NAN = np.nan
VALUES = np.array([3.0, 1.0, NAN, 3.0, 50.0, 2.0, 3.0, -4.0])


def test_ranks_average_ties_and_leave_missing_values_out() -> None:
    found = ranked(VALUES)
    assert found.tolist() == pytest.approx([5, 2, NAN, 5, 7, 3, 5, 1], nan_ok=True)


def test_tails_are_cut_within_groups() -> None:
    visits = np.array(["a"] * 5 + ["b"] * 3)
    found = winsorised(VALUES, visits, 0.25)
    # a: 1 3 3 50, quartiles 2.5 and 14.75; b: -4 2 3, quartiles -1 and 2.5.
    assert found.tolist() == pytest.approx([3, 2.5, NAN, 3, 14.75, 2, 2.5, -1], nan_ok=True)
    assert VALUES[4] == 50.0


def test_without_a_visit_a_value_stays_and_a_visit_without_values_is_none() -> None:
    values = np.array([1.0, 9.0, NAN, 100.0])
    found = winsorised(values, np.array(["a", "a", "b", None], dtype=object), 0.1)
    assert found.tolist() == pytest.approx([1.8, 8.2, NAN, 100.0], nan_ok=True)


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_what_has_no_logarithm_is_refused(value: float) -> None:
    with pytest.raises(DataError, match=rf"`crp` has the value {value:g}, which has no logarithm"):
        logged(np.array([2.0, NAN, value]), "crp")


def test_only_the_rows_given_count_and_they_stay_as_they_are() -> None:
    frame = pd.DataFrame({"y": [9.0, 1.0, 5.0, 7.0], "visit": list("aabb")}, index=[4, 3, 2, 1])
    rows = frame.iloc[1:]
    found = with_scale(rows, Scaled("rank", "y"))
    assert found["rank.y"].to_dict() == {3: 1.0, 2: 2.0, 1: 3.0}
    assert "rank.y" not in rows.columns
    assert with_scale(rows, None) is rows
    assert Scaled("winsor", "y", "visit").label == "winsor(y)"
