"""Values below a limit of detection: by flag or limit, by each rule, counted and checked."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from marker_study import CODEBOOK, PLAN, data, write_markers
from small_study import changed, line_with, the_problem

from harness.data import derive, open_study
from harness.data.detection import substituted
from harness.errors import PlanError

LOW = np.array([1.0, 1.0, 0.0, math.nan, 0.0])
VALUES = np.array([0.35, math.nan, 3.0, 2.0, math.nan])


@pytest.mark.parametrize(
    ("rule", "there"),
    [
        ("lod", 0.7),
        ("lod/2", 0.35),
        ("lod/sqrt2", 0.7 / math.sqrt(2)),
        ("drop", math.nan),
    ],
)
def test_a_rule_speaks_where_the_flag_is_true_and_a_missing_flag_leaves_nothing(rule, there):
    found = substituted(VALUES, LOW, 0.7, rule)
    np.testing.assert_array_equal(found, [there, there, 3.0, math.nan, math.nan])
    np.testing.assert_array_equal(VALUES, [0.35, math.nan, 3.0, 2.0, math.nan])


def test_as_is_changes_nothing():
    np.testing.assert_array_equal(substituted(VALUES, LOW, 0.7, "as-is"), VALUES)


def test_markers_are_replaced_before_anything_is_derived(tmp_path):
    study = open_study(write_markers(tmp_path))
    frame = derive(study)
    low = study.frame["il6_low"].to_numpy() == 1
    assert low.sum() == 25
    raw = study.frame["il6"].to_numpy()
    assert set(raw[low & ~np.isnan(raw)]) == {0.35}
    for column, value in (("il6", 0.7 / math.sqrt(2)), ("il6_half", 0.35), ("il6_lod", 0.7)):
        assert set(frame[column][low]) == {value}  # the empty flagged cell, too
        np.testing.assert_array_equal(frame[column][~low], raw[~low])
    np.testing.assert_array_equal(frame["ln_il6_half"], np.log(frame["il6_half"]))
    few = study.frame["il10"].to_numpy() < 0.8
    assert 2 < few.sum() < 20
    np.testing.assert_array_equal(np.isnan(frame["il10"]), few)
    np.testing.assert_array_equal(frame["ratio"].isna(), few)


def test_the_share_below_the_limit_is_told_by_arm_and_time(tmp_path):
    text = data().replace("P5,0.35,true", "P5,0.35,", 1).replace(",0.35,true", ",0.35,false", 1)
    study = open_study(write_markers(tmp_path, text=text))
    il6, il10 = study.detected
    whole, *groups = il6.counts
    assert [g.group for g in groups] == ["TAU pre", "TAU post", "New pre", "New post"]
    assert (whole.below, whole.measured) == (23, 79)
    frame = study.frame
    for group in groups:
        arm, visit = group.group.split()
        rows = (frame["arm"] == arm) & (frame["visit"] == visit)
        assert group.below == (frame["il6_low"][rows] == 1).sum()
        assert group.measured == frame["il6_low"][rows].notna().sum()
    assert il6.sentence.startswith(
        "detection of il6: limit 0.7 pg/mL (flag il6_low); below it 23 of 79 (29.1 %), TAU pre "
    )
    assert il6.sentence.endswith(
        "; in their place: il6 lod/sqrt2, il6_half lod/2, il6_lod lod; left out "
        "because the flag is missing: 1; WARNING: smaller than the limit but not flagged: 1"
    )
    few = int((frame["il10"] < 0.8).sum())
    assert f"(values smaller than it); below it {few} of 80" in il10.sentence


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ("  il10: {rule", "  il11: {rule", "detection.il11", "no column `il11`; did you mean"),
        ("  il10: {rule", "  fiq: {rule", "detection.fiq", "fill `lod` in"),
        ("  il10: {rule", "  arm: {rule", "detection.arm", "is of type factor; only a number"),
        ("rule: drop", "rule: lod/3", "detection.il10.rule", "lod/sqrt2, drop"),
        ("rule: drop", "below: arm, rule: drop", "detection.il10.below", "of type factor, not"),
        ("below: il6_low, rule", "below: il6_lo, rule", "detection.il6.below", "mean `il6_low`?"),
        ("il6_half: lod/2", "fiq: lod/2", "detection.il6.also.fiq", "the data have a column `fiq`"),
        ("il6_half: lod/2", "ratio: lod", "detection.il6.also.ratio", "a derived column has this"),
        ("il6_half: lod/2", "il6: lod", "detection.il6.also.il6", "makes this column already"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_told_with_its_line_and_hides_its_consequences(
    tmp_path: Path, old: str, new: str, key: str, message: str
) -> None:
    plan = changed(PLAN, old, new)
    with pytest.raises(PlanError) as caught:
        open_study(write_markers(tmp_path, plan=plan))
    found = the_problem(caught.value.problems, key, message)
    assert found.line == line_with(plan, new.strip())
    if "il6" not in old:  # else the Tobit model or what is derived of a column has a problem, too
        assert len(caught.value.problems) == 1


def test_a_limit_must_be_positive(tmp_path):
    path = write_markers(tmp_path, codebook=changed(CODEBOOK, ",,,0.8,", ",,,0,"))
    with pytest.raises(PlanError, match=r"limit of detection 0 \(.*codebook\.csv, line 8\)"):
        open_study(path)
