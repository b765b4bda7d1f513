"""Other rows that may have been answered with: sets, rules for missing values, rows left out."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from asked_trial import spec
from pandas.testing import assert_frame_equal
from small_trial import PLAIN, SPEC, about, answer, kinds, small

from harness.compare.causes import Asked, rows
from harness.compare.causes.rows import other_outcome, other_rows
from harness.models.record import Estimates


class TestOutcome:
    def test_the_sign_of_a_column_is_turned(self) -> None:
        given = about()
        (change,) = other_outcome(given)
        assert kinds([change]) == {"sign"}
        assert (change.words, change.spec) == ("turned the sign of `y`", SPEC)
        assert change.frame is not None
        assert_frame_equal(change.frame, small(y=-small()["y"]))

    def test_that_of_an_expression_is_not(self) -> None:
        assert list(other_outcome(about(given=spec("log(y) ~ week")))) == []


class TestRows:
    def found(self, given: Asked, off: Estimates) -> dict[str, pd.DataFrame]:
        changes = list(other_rows(given, answer(given.frame, given.spec), off))
        assert all(change.spec is given.spec for change in changes)
        assert kinds(changes) <= {"set", "missing", "rows"}
        assert len({change.words for change in changes}) == len(changes)
        return {c.words: c.frame for c in changes if c.frame is not None}

    def test_nothing_where_counts_and_responses_are_equal(self) -> None:
        assert self.found(about(), answer(small())) == {}
        assert self.found(about(), replace(answer(small()), problem=None)) == {}

    def test_equal_counts_of_other_responses_are_looked_at(self) -> None:
        other = small(y=small()["y"].replace(7.0, 7.5))
        assert "carried the last value forward" in self.found(about(), answer(other))
        off = replace(answer(small()), groups={"id": 3}, problem=None)
        assert "carried the last value forward" in self.found(about(), off)

    def test_other_sets_come_first(self) -> None:
        sets = {"PP": small()[3:], "safety": small()[:9]}
        found = self.found(about(sets=sets), answer(small()[1:]))
        assert list(found)[:2] == ["analysed the set PP", "analysed the set safety"]
        assert_frame_equal(found["analysed the set PP"], sets["PP"])

    def test_complete_patients(self) -> None:
        words = "kept only patients without a missing value"
        found = self.found(about(), answer(small()[1:]))
        assert_frame_equal(found[words], small()[small()["id"] != "P1"])
        week = small().assign(week=[math.nan, *small()["week"][1:]])
        found = self.found(about(week), answer(week[2:]))
        assert_frame_equal(found[words], week[~week["id"].isin(["P1", "P3"])])

    def test_the_last_value_is_carried_forward_in_order_of_time(self) -> None:
        shuffled = small().iloc[[5, 4, 3, 0, 1, 2, 6, 7, 8, 11, 10, 9]]
        found = self.found(about(shuffled), answer(small()[1:]))["carried the last value forward"]
        assert_frame_equal(found, shuffled.assign(y=shuffled["y"].fillna(8.0)))

    def test_visits_of_one_time_are_taken_in_the_order_of_the_data(self) -> None:
        y = [float(k) if k % 4 else math.nan for k in range(1, 61)]
        frame = pd.DataFrame({"y": y, "week": [float(k % 3) for k in range(60)], "id": "P1"})
        given = spec("y ~ week", df_method="residual", reml=False)
        found = self.found(about(frame, given), answer(frame[1:], given))
        filled = list(y)
        order = sorted(range(60), key=lambda k: k % 3)
        for before, after in pairwise(order):
            filled[after] = filled[before] if math.isnan(y[after]) else y[after]
        assert found["carried the last value forward"]["y"].tolist() == filled

    def test_nobody_s_value_is_carried_to_another_patient(self) -> None:
        frame = small(y=[math.nan, *small()["y"][1:]])
        found = self.found(about(frame), answer(frame[2:]))["carried the last value forward"]
        assert math.isnan(found["y"].iloc[0])

    def test_the_mean_is_put_in(self) -> None:
        found = self.found(about(), answer(small()[1:]))
        frame = found["put the mean in place of missing outcomes"]
        assert_frame_equal(frame, small(y=small()["y"].fillna(small()["y"].mean())))

    def test_every_column_of_the_response_is_filled(self) -> None:
        before = [1.0, math.nan, *range(3, 13)]
        given = spec("y - before ~ week + (1 | id)")
        frame = small(before=before)
        found = self.found(about(frame, given), answer(frame[2:], given))
        carried = found["carried the last value forward"]
        assert (carried["before"].iloc[1], carried["y"].iloc[4]) == (1.0, 8.0)
        means = found["put the mean in place of missing outcomes"]
        assert means["before"].iloc[1] == pytest.approx(76.0 / 11.0)
        assert means["y"].iloc[4] == small()["y"].mean()

    def test_without_a_name_of_the_patient_only_the_mean_is_put_in(self) -> None:
        given = about(given=PLAIN, id="", time="week")
        words = [w for w in self.found(given, answer(small()[1:], PLAIN)) if "left out" not in w]
        assert words == ["put the mean in place of missing outcomes"]

    def test_without_a_time_nothing_is_carried_forward(self) -> None:
        words = [w for w in self.found(about(time=""), answer(small()[1:])) if "left" not in w]
        assert words == [
            "kept only patients without a missing value",
            "put the mean in place of missing outcomes",
        ]

    def left_out(self, given: Asked, off: Estimates) -> dict[str, pd.DataFrame]:
        return {w: f for w, f in self.found(given, off).items() if w.startswith("left out ")}

    def test_the_patient_that_accounts_for_the_print(self) -> None:
        fewer = small()[small()["id"] != "P4"]
        found = self.left_out(about(), answer(fewer))
        assert list(found) == ["left out the 3 rows with id P4", "left out the 3 rows with arm a"]
        assert_frame_equal(found["left out the 3 rows with id P4"], fewer)

    def test_a_patient_goes_with_the_rows_that_did_not_count(self) -> None:
        fewer = small()[small()["id"] != "P1"]
        found = self.left_out(about(), answer(fewer))
        assert_frame_equal(found["left out the 2 rows with id P1"], fewer)

    def test_without_a_print_every_patient_with_as_many_rows(self) -> None:
        off = replace(answer(small()[:8]), problem=None)
        assert off.n_obs == 7
        silent = replace(off, n_obs=8)
        assert list(self.left_out(about(), silent)) == [
            "left out the 3 rows with id P3",
            "left out the 3 rows with id P4",
            "left out the 3 rows with id P2",
            "left out the 3 rows with arm a",
        ]

    def test_a_level_of_a_factor(self) -> None:
        fewer = small()[small()["arm"] != "b"]
        assert list(self.left_out(about(), answer(fewer))) == ["left out the 6 rows with arm b"]

    def test_a_number_is_no_level(self) -> None:
        fewer = small()[small()["week"] != 0.0]
        assert self.left_out(about(), answer(fewer)) == {}

    def test_the_patient_is_looked_at_in_a_model_that_does_not_name_him(self) -> None:
        fewer = small()[small()["id"] != "P4"]
        found = self.left_out(about(given=PLAIN), answer(fewer, PLAIN))
        assert list(found) == ["left out the 3 rows with id P4", "left out the 3 rows with arm a"]

    def test_a_single_row(self) -> None:
        fewer = small().drop(index=7)
        found = self.left_out(about(), answer(fewer))
        assert list(found) == ["left out the row of id P4, week 1.0"]
        assert_frame_equal(found["left out the row of id P4, week 1.0"], fewer)

    @pytest.mark.parametrize(
        ("known", "words"),
        [
            ({"id": "id", "time": ""}, "the row of id P4"),
            ({"id": "", "time": "week"}, "the row of week 1.0"),
            ({"id": "", "time": ""}, "row 8"),
        ],
    )
    def test_a_row_is_called_by_what_is_known(self, known: dict[str, str], words: str) -> None:
        off = answer(small().drop(index=7), PLAIN)
        assert list(self.left_out(about(given=PLAIN, **known), off)) == [f"left out {words}"]

    def test_a_patient_of_one_row(self) -> None:
        frame = small()[:10]
        found = self.left_out(about(frame), answer(frame[:9]))
        assert list(found) == ["left out the row with id P2", "left out the row of id P2, week 0.0"]

    def test_without_a_print_every_row_that_counts(self) -> None:
        off = replace(answer(small()), n_obs=10, problem=None)
        found = self.left_out(about(), off)
        assert len(found) == 11
        assert "left out the row of id P1, week 1.0" not in found

    def test_responses_that_are_equal_to_rounding_are_taken_for_equal(self) -> None:
        shifted = small(y=small()["y"] * (1.0 + 1e-12))
        found = self.left_out(about(), answer(shifted.drop(index=7)))
        assert list(found) == ["left out the row of id P4, week 1.0"]
        shifted = small(y=small()["y"] * (1.0 + 1e-8))
        assert self.left_out(about(), answer(shifted.drop(index=7))) == {}

    def test_no_row_is_left_out_of_a_fit_to_more_rows(self) -> None:
        off = replace(answer(small()), n_obs=12, problem=None)
        assert self.left_out(about(), off) == {}

    def test_rows_without_a_patient_are_no_obstacle(self) -> None:
        ids = pd.Categorical(np.repeat(["P3", None, "P4", "P2"], 3))
        given = about(small(id=ids), PLAIN)
        fewer = small(id=ids)[ids != "P4"]
        assert "left out the 3 rows with id P4" in self.left_out(given, answer(fewer, PLAIN))

    def test_there_is_an_end_to_trying(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rows, "MOST_LEFT_OUT", 4)
        off = replace(answer(small()), n_obs=10, problem=None)
        assert len(self.left_out(about(), off)) == 4
