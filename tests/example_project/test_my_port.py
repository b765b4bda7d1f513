"""The project's own tests: its port against R."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from my_port import random_intercept

DATA = pd.read_csv(Path(__file__).with_name("sleep.csv"), dtype={"Subject": "str"})
FORMULA = "Reaction ~ Days + (1 | Subject)"


def test_the_port_gives_rs_numbers(r_reference, assert_equivalent):
    mine = random_intercept("Reaction ~ Days", "Subject", DATA, method="bfgs", gtol=1e-10)
    assert_equivalent(mine, r_reference(FORMULA, DATA, df="z"))


def test_an_optimiser_that_stops_early_is_seen(r_reference, assert_equivalent):
    mine = random_intercept("Reaction ~ Days", "Subject", DATA, method=["lbfgs"])
    with pytest.raises(pytest.fail.Exception) as told:
        assert_equivalent(mine, r_reference(FORMULA, DATA, df="z"))
    assert "std_error of (Intercept): differs" in str(told.value)
    assert "limit 1e-06" in str(told.value)
    assert "reproduce: pytest test_my_port.py::test_an_optimiser" in str(told.value)


@pytest.mark.live_r
def test_a_model_without_a_record(r_reference, assert_equivalent):
    half = DATA[DATA["Days"] < 5]
    mine = random_intercept("Reaction ~ Days", "Subject", half, method="bfgs", gtol=1e-10)
    assert_equivalent(mine, r_reference(FORMULA, half, df="z"))
