"""The rows of a model at its visits, and the columns that its placeholders stand for."""

import pandas as pd
import pytest
from small_study import CODEBOOK, PLAN, changed, csv_text, rows, write_study

from harness.data.derive import derive
from harness.data.study import open_study
from harness.models.expand import tasks
from harness.models.rows import rows_of
from harness.sets.enough import sufficient_sets

OLS = 'formula: "{outcome} ~ arm + bdi"\n    outcomes: [gain]'
CHANGE = changed(
    PLAN, OLS, 'formula: "{change} ~ {baseline} + arm"\n    at: [2]\n    outcomes: [bdi]'
)
NUMBER = changed(CODEBOOK, "visit,factor,0;2,", "visit,number,,")


@pytest.mark.parametrize("codebook", [CODEBOOK, NUMBER], ids=["factor", "number"])
def test_rows_of_the_visits_named_with_baseline_and_change_of_the_outcome(tmp_path, codebook):
    study = open_study(write_study(tmp_path, plan=CHANGE, codebook=codebook))
    frame = derive(study)
    sets = sufficient_sets(study, frame)
    task = next(task for task in tasks(study.plan) if task.key.analysis == "change")
    found = rows_of(task, sets, frame)
    assert task.spec.formula.text == "bdi.change ~ bdi.baseline + arm"
    assert [str(float(v)) for v in found["visit"]] == ["2.0"] * len(found)
    assert len(found) == sets["PP"].n_rows / 2
    first = frame.loc[[str(float(v)) == "0.0" for v in frame["visit"]]].set_index("id")["bdi"]
    start = first.loc[list(found["id"])].to_numpy()
    pd.testing.assert_series_equal(
        found["bdi.baseline"].reset_index(drop=True), pd.Series(start), check_names=False
    )
    pd.testing.assert_series_equal(found["bdi.change"], found["bdi"] - start, check_names=False)
    other = next(task for task in tasks(study.plan) if task.key.analysis == "efficacy")
    assert len(rows_of(other, sets, frame)) == len(frame)
    assert len(rows_of(task, sets, frame, "ITT")) == len(frame) / 2


@pytest.mark.parametrize("codebook", [CODEBOOK, NUMBER], ids=["factor", "number"])
def test_the_arms_are_one_at_the_first_visit(tmp_path, codebook):
    text = changed(
        PLAN, '"{outcome} ~ arm * visit + (1 | id)"', '"{outcome} ~ visit + {arm_after} + (1 | id)"'
    )
    table = rows()
    table[1]["arm"] = ""  # a TAU patient's later row
    study = open_study(write_study(tmp_path, plan=text, codebook=codebook, data=csv_text(table)))
    after = derive(study)["arm.after"]
    assert list(after.cat.categories) == ["TAU", "New.2"]
    wanted = ["TAU", None, "TAU", "New.2"] + ["TAU", "TAU", "TAU", "New.2"] * 3
    assert [None if pd.isna(value) else value for value in after] == wanted


def test_an_arm_with_one_patient_at_the_visit_is_told_with_the_visit(tmp_path):
    table = rows()
    for place in (1, 5, 9):  # three of the four TAU patients are not seen again
        table[place]["bdi"] = ""
    study = open_study(write_study(tmp_path, plan=CHANGE, data=csv_text(table)))
    with pytest.raises(Exception, match="one patient of arm TAU at 2, an arm needs more") as told:
        sufficient_sets(study, derive(study))
    assert getattr(told.value, "exit_code", None) == 2
