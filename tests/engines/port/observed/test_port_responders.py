"""Who is a responder, and which values are a patient's, by hand-made patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.engines.port.observed.answers import counted
from harness.engines.port.observed.values import patient_values, positions
from harness.errors import ModelError
from harness.models.besides import DesignColumn
from harness.models.observed import Observed, ResponderRule

NAN = np.nan
LOWER = ResponderRule(20.0, "lower", "nonresponder")
TRIAL = Observed("id", DesignColumn("arm", ("T", "N")), DesignColumn("week", ("0", "2.5")), "y")


@pytest.mark.parametrize(
    ("first", "later", "responds"),
    [
        (50.0, 40.0, 1),
        (3.3, 2.64, 1),  # 3.3 - 2.64 is less than a fifth of 3.3 in doubles
        (200 / 3, 160 / 3, 1),
        (0.7, 0.56, 1),
        (50.0, 40.01, 0),
        (15.0, 12.0000001, 0),
        (50.0, 61.0, 0),
    ],
)
def test_a_fifth_less_is_a_fifth_less(first: float, later: float, responds: int) -> None:
    assert counted(np.array([first]), np.array([later]), LOWER) == (responds, 1, 0, 0)
    higher = ResponderRule(20.0, "higher", "exclude")
    up = counted(np.array([first]), np.array([2 * first - later]), higher)
    assert up == (responds, 1, 0, 0)


@pytest.mark.parametrize(("missing", "patients"), [("nonresponder", 7), ("exclude", 2)])
def test_patients_of_whom_nothing_is_known(missing: str, patients: int) -> None:
    first = np.array([50.0, 50.0, NAN, 50.0, NAN, 0.0, -4.0])
    later = np.array([10.0, 50.0, 10.0, NAN, NAN, 0.0, -9.0])
    rule = ResponderRule(20.0, "lower", missing)  # type: ignore[arg-type]
    assert counted(first, later, rule) == (1, patients, 3, 2)


def rows(*given: tuple[object, object, object, float]) -> pd.DataFrame:
    return pd.DataFrame(list(given), columns=["id", "arm", "week", "y"])


def test_values_stand_by_patient_and_time() -> None:
    frame = rows(
        *(("b", "N", 2.5, 7.0), ("a", "T", 0.0, 1.0), (None, "T", 0.0, 99.0)),
        *(("b", None, 0.0, 5.0), ("a", "T", 4.0, 98.0), ("c", "X", 0.0, 3.0)),
    )
    found = patient_values(frame, frame["y"].to_numpy(), TRIAL)
    assert found.arms.tolist() == [1, 0, -1]
    assert found.of(1).tolist() == [[5.0, 7.0]]
    np.testing.assert_array_equal(found.of(0), [[1.0, NAN]])
    texts = pd.Series(["2.5", "0", None, "0.0"], dtype="string")
    assert positions(texts, TRIAL.time).tolist() == [1, 0, -1, -1]
    kinds = pd.Series(pd.Categorical(["N", "T", None], ["N", "T"]))
    assert positions(kinds, TRIAL.arm).tolist() == [1, 0, -1]


def test_a_patient_is_in_one_arm_and_has_one_row_at_a_time() -> None:
    twice = rows(("a", "T", 0.0, 1.0), ("b", "N", 0.0, 1.0), ("a", "T", 0.0, 1.0))
    with pytest.raises(ModelError, match="two rows at one time"):
        patient_values(twice, twice["y"].to_numpy(), TRIAL)
    torn = rows(("a", "T", 0.0, 1.0), ("a", "N", 2.5, 1.0))
    with pytest.raises(ModelError, match="in two arms"):
        patient_values(torn, torn["y"].to_numpy(), TRIAL)
