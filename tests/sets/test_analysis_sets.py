"""Analysis sets: which rows, how many patients, and what is undecided."""

import numpy as np
import pandas as pd
import pytest
from small_study import PLAN, changed, write_study

from harness.data import derive, open_study
from harness.errors import DataError
from harness.plan.schema import Factor
from harness.sets import analysis_set, analysis_sets

VISIT = Factor(column="visit", levels=("0", "2"))


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "id": pd.Categorical(["a", "a", "b", "b", "c"], categories=["a", "b", "c", "d"]),
            "arm": pd.Categorical(["TAU", "TAU", "New", "New", "New"]),
            "sessions": [np.nan, np.nan, 8.0, 8.0, np.nan],
        },
        index=[3, 1, 4, 1, 5],
    )


def test_itt_is_everybody(frame):
    everybody = analysis_set("ITT", "true", frame, "id", VISIT)
    assert (everybody.n_rows, everybody.n_ids, everybody.undecided) == (5, 3, 0)
    assert everybody.mask.dtype == np.bool_
    assert everybody.mask.all()


def test_a_missing_condition_excludes_and_is_counted(frame):
    protocol = analysis_set("PP", "arm == 'TAU' or sessions >= 6", frame, "id", VISIT)
    assert protocol.mask.tolist() == [True, True, True, True, False]
    assert (protocol.n_rows, protocol.n_ids, protocol.undecided) == (4, 2, 1)


def test_the_negation_does_not_take_the_undecided_either(frame):
    rest = analysis_set("notPP", "not (sessions >= 9)", frame, "id", VISIT)
    assert rest.mask.tolist() == [False, False, True, True, False]
    assert rest.undecided == 3


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            "sessions > 100",
            r"set `X` is empty: `sessions > 100` holds for no row; for 3 rows it is",
        ),
        ("false", "is empty: `false` holds for no row$"),
        ("sessions", "is not a condition"),
        ("arm == 'Tau'", "'Tau' is not a level"),
        ("age > 3", "no column `age`"),
        ("sessions >", "ends where"),
    ],
)
def test_a_set_that_selects_nothing_or_makes_no_sense_is_an_error(frame, expression, message):
    with pytest.raises(DataError, match=message) as caught:
        analysis_set("X", expression, frame, "id", VISIT)
    assert caught.value.exit_code == 2


def test_all_sets_of_a_plan_in_plan_order(tmp_path):
    study = open_study(write_study(tmp_path))
    sets = analysis_sets(study.plan, derive(study))
    assert list(sets) == ["ITT", "PP"]
    assert sets["PP"].expression == "arm == 'TAU' or sessions >= 6"
    assert (sets["ITT"].n_rows, sets["ITT"].n_ids) == (16, 8)
    assert (sets["PP"].n_rows, sets["PP"].n_ids) == (12, 6)


def test_sets_may_use_derived_columns(tmp_path):
    text = changed(PLAN, "arm == 'TAU' or sessions >= 6", "is_missing(gain) or ln_il6 > 1")
    study = open_study(write_study(tmp_path, plan=text))
    frame = derive(study)
    expected = frame["gain"].isna() | (frame["ln_il6"] > 1)
    assert analysis_sets(study.plan, frame)["PP"].mask.tolist() == expected.tolist()
