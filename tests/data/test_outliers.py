"""Outliers: fences by each rule, one set a visit, in order with what is derived, counted by arm."""

from __future__ import annotations

import numpy as np
import pytest
from marker_study import PLAN, write_markers
from small_study import changed, line_with, the_problem

from harness.data import derive, open_study
from harness.data.outliers import fences, outlier_sentences, without_outliers
from harness.errors import PlanError
from harness.plan.sections.markers import Outliers

NAN = np.nan
VALUES = np.array([1.0, 2.0, 3.0, 4.0, 10.0, NAN])


@pytest.mark.parametrize(
    ("rule", "limit", "low", "high"),
    [
        ("z", 1.5, 4 - 1.5 * np.sqrt(50 / 4), 4 + 1.5 * np.sqrt(50 / 4)),
        ("iqr", 1.5, 2 - 3.0, 4 + 3.0),
        ("quantile", 0.1, 1.4, 7.6),
    ],
)
def test_fences_are_those_of_the_rule(rule, limit, low, high):
    assert fences(VALUES, rule, limit) == pytest.approx((low, high), rel=1e-14)


def test_fewer_than_three_values_have_no_outlier():
    assert fences(np.array([1.0, NAN, 99.0]), "z", 0.1) == (-np.inf, np.inf)


def entry(action, rule="iqr"):
    return Outliers(of="x", rule=rule, limit=1.5, action=action, per="time")


def test_an_outlier_is_dropped_or_moved_within_its_group():
    values = np.concatenate([VALUES, VALUES + 100, [5000.0]])
    groups = np.array([0.0] * 6 + [1.0] * 6 + [NAN])
    dropped = without_outliers(values, groups, entry("drop"))
    np.testing.assert_array_equal(
        dropped, [1, 2, 3, 4, NAN, NAN, 101, 102, 103, 104, NAN, NAN, 5000]
    )
    moved = without_outliers(values, groups, entry("winsor"))
    np.testing.assert_array_equal(moved, [1, 2, 3, 4, 7, NAN, 101, 102, 103, 104, 107, NAN, 5000])


def test_a_column_without_outliers_is_there_for_what_is_derived_after_its_source(tmp_path):
    study = open_study(write_markers(tmp_path))
    frame = derive(study)
    for visit in ("pre", "post"):
        rows = (frame["visit"] == visit).to_numpy()
        x = frame["ln_il10"][rows]
        beyond = (x - x.mean()).abs() > 1.5 * x.std()
        assert beyond.sum() > 0
        np.testing.assert_array_equal(frame["ln_il10_in"][rows], x.where(~beyond))
    gone = frame["inside"].isna()
    np.testing.assert_array_equal(gone, frame["ln_il10_in"].isna())
    moved, dropped, _ = outlier_sentences(study.plan, frame)
    n = int((frame["il6_in"] != frame["il6"]).sum())
    assert n > 0
    arms = [int((frame["il6_in"] != frame["il6"])[frame["arm"] == a].sum()) for a in ("TAU", "New")]
    assert moved == (
        "outliers of il6: more than 1.5 IQR beyond the quartiles within visit, moved to the fence "
        f"in il6_in: {n} of 80, TAU {arms[0]} of 40, New {arms[1]} of 40"
    )
    assert dropped.startswith("outliers of ln_il10: |z| > 1.5 within visit, dropped in ln_il10_in:")


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ("{of: il6,", "{of: il5,", "outliers.il6_in.of", "no column `il5`; did you mean `il"),
        ("{of: il6,", "{of: arm,", "outliers.il6_in.of", "`arm` is not a number"),
        ("limit: 0.1,", "limit: 0.5,", "outliers.ln_il10_mid.limit", "is a share below 0.5"),
        ("limit: 1.5, action: drop", "limit: 0, action: drop", "outliers.ln_il10_in.limit", "than"),
        ("winsor, per: time", "trim, per: time", "outliers.il6_in.action", "is drop or winsor"),
        ("  il6_in:", "  fiq:", "outliers.fiq", "the data have a column `fiq` already"),
        ("  il6_in:", "  inside:", "outliers.inside", "another part of the plan makes this"),
        ("{il6_half: lod/2", "{il6_in: lod/2", "detection.il6.also.il6_in", "of `outliers`"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_told_with_its_line(tmp_path, old, new, key, message):
    plan = changed(PLAN, old, new)
    with pytest.raises(PlanError) as caught:
        open_study(write_markers(tmp_path, plan=plan))
    assert the_problem(caught.value.problems, key, message).line == line_with(plan, new.strip())


def test_a_broken_source_is_told_once(tmp_path):
    plan = changed(PLAN, 'ln_il10: "log(il10)"', 'ln_il10: "log(nothing)"')
    with pytest.raises(PlanError) as caught:
        open_study(write_markers(tmp_path, plan=plan))
    assert [problem.key for problem in caught.value.problems] == ["derive.ln_il10"]
