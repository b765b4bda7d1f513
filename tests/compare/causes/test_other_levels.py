"""Other orders of levels, factors for numbers and numbers for factors: which, and how called."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from asked_trial import spec
from pandas.testing import assert_frame_equal
from small_trial import about, answer, kinds, small

from harness.compare.causes.rows import other_levels, other_types
from harness.models.record import Estimates


class TestLevels:
    def orders(self, off: Estimates, frame: pd.DataFrame | None = None) -> dict[str, list[str]]:
        given = about(frame)
        changes = list(other_levels(given, off))
        assert kinds(changes) <= {"levels"}
        found = {}
        for change in changes:
            assert change.spec is given.spec
            assert change.frame is not None
            name = change.words.split("`")[-2]
            found[change.words] = list(change.frame[name].cat.categories)
            assert_frame_equal(change.frame.astype("object"), given.frame.astype("object"))
        return found

    def test_without_a_print_all_orders_are_tried_a_group_s_reference_level_is_none(self) -> None:
        silent = replace(answer(small()), problem=None)
        assert self.orders(silent) == {
            "took `c` for the reference level of `arm`": ["c", "b", "a"],
            "took `a` for the reference level of `arm`": ["a", "b", "c"],
            "put the levels of `arm` in alphabetical order": ["a", "b", "c"],
            "reversed the levels of `arm`": ["a", "c", "b"],
            "put the levels of `id` in the order in which they appear": ["P3", "P1", "P4", "P2"],
            "reversed the levels of `id`": ["P4", "P3", "P2", "P1"],
        }

    def test_levels_in_the_order_in_which_they_appear_the_absent_last(self) -> None:
        levels = ["z", "a", "c", "b"]
        frame = small(arm=pd.Categorical(np.repeat(["b", "c", "a", "b"], 3), levels))
        found = self.orders(replace(answer(small()), problem=None), frame)
        assert found["put the levels of `arm` in the order in which they appear"] == [
            "b", "c", "a", "z",
        ]  # fmt: skip

    def test_texts_are_taken_in_alphabetical_order(self) -> None:
        frame = small(arm=np.repeat(["b", None, "a", "b"], 3))
        found = self.orders(replace(answer(small()), problem=None), frame)
        assert {words: order for words, order in found.items() if "`arm`" in words} == {
            "took `b` for the reference level of `arm`": ["b", "a"],
            "put the levels of `arm` in the order in which they appear": ["b", "a"],
            "reversed the levels of `arm`": ["b", "a"],
        }

    def test_a_flag_has_two_levels(self) -> None:
        """Its names are R's: TRUE and FALSE."""
        frame = small(arm=np.repeat([True, False, True, True], 3))
        silent = replace(answer(small()), problem=None)
        given = about(frame)
        (first, *rest) = (c for c in other_levels(given, silent) if "`arm`" in c.words)
        assert first.words == "took `TRUE` for the reference level of `arm`"
        assert first.frame is not None
        texts = np.repeat(["TRUE", "FALSE", "TRUE", "TRUE"], 3)
        assert first.frame["arm"].tolist() == texts.tolist()
        assert [c.words for c in rest] == [
            "put the levels of `arm` in the order in which they appear",
            "reversed the levels of `arm`",
        ]
        off = answer(first.frame)
        (change,) = (c for c in other_levels(given, off) if "`arm`" in c.words)
        assert change.words == first.words

    def test_levels_that_are_numbers_are_sorted_as_text_and_spelt_as_by_r(self) -> None:
        arm = pd.Categorical(np.repeat([2.0, 10.0, 9.0, 2.0], 3), [10.0, 2.0, 9.0])
        found = self.orders(replace(answer(small()), problem=None), small(arm=arm))
        assert {words: order for words, order in found.items() if "`arm`" in words} == {
            "took `2` for the reference level of `arm`": [2, 10, 9],
            "took `9` for the reference level of `arm`": [9, 10, 2],
            "put the levels of `arm` in the order in which they appear": [2, 10, 9],
            "reversed the levels of `arm`": [9, 2, 10],
        }
        other = arm.reorder_categories([9.0, 10.0, 2.0])
        found = self.orders(answer(small(arm=other)), small(arm=arm))
        assert found["took `9` for the reference level of `arm`"] == [9, 10, 2]
        other = arm.reorder_categories([10.0, 9.0, 2.0])
        found = self.orders(answer(small(arm=other)), small(arm=arm))
        assert found["ordered the levels of `arm` 10 < 9 < 2"] == [10, 9, 2]

    @pytest.mark.parametrize(("count", "tried"), [(12, 11), (13, 0)])
    def test_each_level_is_tried_as_the_first_unless_there_are_many(
        self, count: int, tried: int
    ) -> None:
        levels = [f"L{k:02d}" for k in range(count)]
        frame = small(arm=pd.Categorical(np.repeat(["L00", "L01", "L02", "L00"], 3), levels))
        found = self.orders(replace(answer(small()), problem=None), frame)
        assert sum("reference level of `arm`" in words for words in found) == tried

    def test_a_print_tells_the_order(self) -> None:
        other = small(arm=small()["arm"].cat.reorder_categories(["a", "c", "b"]))
        found = self.orders(answer(other))
        assert {words: order for words, order in found.items() if "`arm`" in words} == {
            "took `a` for the reference level of `arm`": ["a", "c", "b"]
        }
        other = small(arm=small()["arm"].cat.reorder_categories(["b", "a", "c"]))
        found = self.orders(answer(other))
        assert {words: order for words, order in found.items() if "`arm`" in words} == {
            "ordered the levels of `arm` b < a < c": ["b", "a", "c"]
        }
        assert not any("`arm`" in words for words in self.orders(answer(small())))

    def test_levels_the_print_does_not_have_come_last(self) -> None:
        """It has those present; names that are not R's are spelt as R spells them."""
        levels = ["z", "b", "c", "a"]
        arm = pd.Categorical(np.repeat(["b", "c", "a", "b"], 3), levels)
        given = about(small(arm=arm))
        found = list(other_levels(given, answer(small(arm=arm.reorder_categories(levels[::-1])))))
        (change,) = (c for c in found if "`arm`" in c.words)
        assert change.words == "took `a` for the reference level of `arm`"
        assert change.frame is not None
        assert list(change.frame["arm"].cat.categories) == ["a", "c", "b", "z"]

    def test_a_name_in_backticks_is_found_in_the_print(self) -> None:
        given = spec("y ~ `the arm` + week")
        frame = small().rename(columns={"arm": "the arm"})
        arm = frame["the arm"].cat.reorder_categories(["c", "b", "a"])
        other = frame.assign(**{"the arm": arm})
        (change,) = other_levels(about(frame, given), answer(other, given))
        assert change.words == "took `c` for the reference level of `the arm`"

    def test_a_print_of_other_levels_does_not_tell_the_order(self) -> None:
        off = answer(small())
        assert off.problem is not None
        other = replace(off, problem=replace(off.problem, levels={"arm": ("x", "y")}))
        found = self.orders(other)
        assert "took `c` for the reference level of `arm`" in found


class TestTypes:
    def found(self, frame: pd.DataFrame) -> dict[str, pd.Series]:
        given = about(frame)
        changes = list(other_types(given))
        assert kinds(changes) <= {"type"}
        found = {}
        for change in changes:
            assert change.spec is given.spec
            assert change.frame is not None
            name = change.words.split("`")[1]
            found[change.words] = change.frame[name]
            assert_frame_equal(change.frame.drop(columns=name), frame.drop(columns=name))
        return found

    def test_a_factor_of_numbers_is_taken_for_a_number(self) -> None:
        arm = pd.Categorical(np.repeat(["2", "10", None, "2"], 3), ["2", "10"])
        found = self.found(small(arm=arm))
        assert list(found) == ["took `arm` for a number", "took `week` for a factor"]
        column = found["took `arm` for a number"]
        assert column.dtype == np.float64
        assert column.dropna().tolist() == [2.0] * 3 + [10.0] * 3 + [2.0] * 3
        assert column.isna().tolist() == [False] * 6 + [True] * 3 + [False] * 3

    def test_a_flag_is_taken_for_zero_and_one(self) -> None:
        found = self.found(small(arm=np.repeat([True, False, True, True], 3)))
        assert found["took `arm` for a number"].tolist() == [1.0] * 3 + [0.0] * 3 + [1.0] * 6

    def test_integers_become_doubles(self) -> None:
        arm = pd.Categorical(np.repeat([1, 2, 3, 1], 3))
        assert self.found(small(arm=arm))["took `arm` for a number"].dtype == np.float64

    def test_a_factor_of_words_is_not(self) -> None:
        assert list(self.found(small())) == ["took `week` for a factor"]
        half = pd.Categorical(np.repeat(["1", "2", "unknown", "1"], 3))
        assert list(self.found(small(arm=half))) == ["took `week` for a factor"]

    @pytest.mark.parametrize(("count", "tried"), [(12, True), (13, False)])
    def test_a_number_of_few_values_is_taken_for_a_factor(self, count: int, tried: bool) -> None:
        frame = pd.concat([small()] * 2, ignore_index=True)
        frame["week"] = [float(k % count) for k in range(len(frame))]
        found = self.found(frame)
        assert ("took `week` for a factor" in found) is tried
        if tried:
            assert list(found["took `week` for a factor"].cat.categories) == list(range(count))
