"""Without each patient: the numbers of the other way to them, and whose p does not count."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from port_data import two_wave

import harness
from harness.engines.port.engine import PortEngine
from harness.language.formula import parse_formula
from harness.models.besides import Besides, LeaveOneOut
from harness.models.inference import LeftOut
from harness.models.mean_terms import foremost_term
from harness.models.spec import ModelSpec

FORMULA = "y ~ arm * time + (1 | id)"
EACH = Besides(("leave_one_out",), leave_one_out=LeaveOneOut("id", "arm"))


def left_out(frame: pd.DataFrame, formula: str = FORMULA) -> tuple[LeftOut, ...]:
    model = ModelSpec(parse_formula(formula), besides=EACH)
    found = PortEngine().fit(model, frame)
    assert found.refused is None
    return found.leave_one_out or ()


def test_estimates_are_those_that_the_sums_give() -> None:
    frame = two_wave()
    low, high = left_out(frame)
    fit = harness.lmer(FORMULA, frame)
    name = low.term.removeprefix("leave-one-out(").removesuffix("), lowest")
    each = fit.beta[list(fit.names).index(name)] + fit.influence().dfbeta[name]
    assert (low.estimate, high.estimate) == pytest.approx((each.min(), each.max()), rel=1e-9)
    assert (low.without, high.without) == (each.idxmin(), each.idxmax())
    G = len(each)
    assert (
        low.std_error
        == high.std_error
        == pytest.approx(np.sqrt((G - 1) ** 2 / G) * each.std(), rel=1e-8)
    )


def test_p_is_that_of_the_file_without_the_patient() -> None:
    frame = two_wave()
    low, high = left_out(frame)
    less = frame[frame["id"] != high.p_without]
    table = harness.lmer(FORMULA, less).summary(df="satterthwaite").set_index("term")
    name = high.term.removeprefix("leave-one-out(").removesuffix("), highest")
    assert high.p_value == pytest.approx(table.loc[name, "p_value"], rel=1e-12)
    assert low.p_value < high.p_value


def test_a_fit_on_the_boundary_has_estimates_and_no_p() -> None:
    frame = two_wave(seed=3, correlation=-0.5)
    low, high = left_out(frame)
    assert low.estimate < high.estimate
    assert math.isnan(low.p_value)
    assert (low.p_without, high.p_without) == ("", "")


def test_the_term_is_the_last_of_the_highest_order_with_the_arm() -> None:
    for text, place in (
        ("y ~ a + arm * t", 3), ("y ~ arm * a + a:b:c + arm:b", 3), ("y ~ a * b", None),
        ("y ~ log(arm) + b", 0),
    ):  # fmt: skip
        formula = parse_formula(text)
        found = foremost_term(formula, "arm")
        assert found == place, [term.factors for term in formula.terms]


def test_a_patient_without_whom_there_is_no_coefficient_does_not_count() -> None:
    frame = two_wave()
    ids = list(frame["id"].unique()[:6])
    frame = frame[frame["id"].isin(ids)]
    frame = frame.assign(arm=np.where(frame["id"] == ids[0], "y", "x"))
    low, high = left_out(frame, "y ~ arm + (1 | id)")
    fits = [harness.lmer("y ~ arm + (1 | id)", frame[frame["id"] != one]) for one in ids[1:]]
    values = [float(fit.beta[1]) for fit in fits]
    assert (low.estimate, high.estimate) == pytest.approx((min(values), max(values)))
    assert low.without == str(ids[1 + int(np.argmin(values))])
