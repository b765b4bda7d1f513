"""Effect sizes of observed values, responders, changes within arms: the port's beside R's."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from besides_cases import ARM, VISIT
from observed_cases import CASES, CROSSED, asked
from question_cases import patients
from r_examples import spec

from harness.compare import CrossCheck, Verdict, compare_model
from harness.engines.port.engine import PortEngine
from harness.engines.r.engine import RLiveEngine
from harness.models.besides import Besides
from harness.models.observed import ResponderRule
from harness.models.record import Estimates
from harness.models.spec import ModelKey

KEY = ModelKey("analysis", "set", "outcome")
PORT = PortEngine()


def both(lme4: RLiveEngine, name: str) -> tuple[Estimates, Estimates]:
    model, frame = CASES[name]
    return PORT.fit(model, frame()), lme4.fit(model, frame())


def numbers_of(side: Estimates, field: str) -> dict[str, Any]:
    return {row.term: row for row in getattr(side, field)}


@pytest.mark.parametrize("name", CASES)
def test_every_number_agrees(lme4: RLiveEngine, name: str) -> None:
    python, r = both(lme4, name)
    rows = compare_model(KEY, python, r)
    assert {row.verdict for row in rows} == {Verdict.MATCH}, [row for row in rows if row.red][:3]
    assert (python.refused, r.refused) == (None, None)
    besides = CASES[name][0].besides
    assert besides is not None
    assert besides.observed is not None
    times = len(besides.observed.time.levels) - 1
    found = {row.quantity: 0 for row in rows}
    for row in rows:
        found[row.quantity] += 1
    compared = times * len(besides.pairs)
    assert found["smd"] == found["n_first"] == 2 * compared
    assert found["smd_se"] == found["rho"] == found["fisher_p"] == compared
    assert found["responders"] == times * (len(besides.pairs) + 1)


def test_what_does_not_exist_is_missing_on_both_sides(lme4: RLiveEngine) -> None:
    for side in both(lme4, "few"):
        sizes = numbers_of(side, "d_ppc2")
        assert math.isfinite(sizes["d_ppc2((mid - low) x (w4 - w0))"].smd_se)
        assert math.isnan(sizes["d_ppc2((mid - low) x (w8 - w0))"].rho)
        assert math.isfinite(sizes["d_ppc2((mid - low) x (w8 - w0))"].smd)
        groups = numbers_of(side, "hedges_g")
        assert math.isnan(groups["hedges_g(mid - low | visit=w8)"].smd)
        assert math.isnan(groups["hedges_g(high - low | visit=w4)"].smd)
        assert math.isfinite(groups["hedges_g(mid - low | visit=w4)"].smd)
    for side in both(lme4, "arm-absent"):
        assert numbers_of(side, "responders")["responders(dose=mid | visit=w4)"].patients == 0
        assert math.isnan(
            numbers_of(side, "risk_differences")["responders(mid - low | visit=w4)"].nnt
        )


def test_the_rows_used_make_sizes_and_all_rows_make_responders(lme4: RLiveEngine) -> None:
    model, frame = CASES["rows-omitted"]
    whole = replace(model, formula=spec("y ~ dose * visit").formula)
    for engine in (PORT, lme4):
        fewer, more = engine.fit(model, frame()), engine.fit(whole, frame())
        assert fewer.responders == more.responders
        assert fewer.risk_differences == more.risk_differences
        pairs = zip(fewer.hedges_g or (), more.hedges_g or (), strict=True)
        assert all(a.n_first < b.n_first for a, b in pairs)


def a_row_twice(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.iloc[[5]]], ignore_index=True)


def a_patient_in_both_arms(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[frame.index[5], "arm"] = "A" if frame["arm"].iloc[5] == "B" else "B"
    return frame


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(a_row_twice, "has two rows at one time"), (a_patient_in_both_arms, "is in two arms")],
)
def test_patients_that_are_not_one_are_refused_by_both(
    lme4: RLiveEngine, spoil: Any, reason: str
) -> None:
    frame = spoil(patients())
    model = spec("y ~ arm + visit", besides=asked())
    rows = compare_model(KEY, PORT.fit(model, frame), lme4.fit(model, frame))
    refused = [row for row in rows if row.verdict is Verdict.NOT_COMPUTED]
    assert [row.term for row in refused] == ["d_ppc2", "hedges_g", "responders"]
    assert all(row.note.count(reason) == 2 for row in refused)


def test_another_rule_is_another_count(lme4: RLiveEngine) -> None:
    model, frame = CASES["two-arms"]
    python = PORT.fit(model, frame())
    linear = replace(model, formula=spec("y ~ arm").formula)
    rule = ResponderRule(21.0, "lower", "nonresponder", "newcombe")
    r = lme4.fit(replace(linear, besides=asked(rule=rule)), frame())
    answered = replace(python, responders=r.responders, risk_differences=r.risk_differences)
    red = {row.quantity for row in compare_model(KEY, python, answered) if row.red}
    assert {"responders", "risk_difference"} <= red


def test_nobody_says_which_way_is_better(lme4: RLiveEngine) -> None:
    model = spec("y ~ arm + visit", besides=asked(rule=ResponderRule(), parts=("responders",)))
    for side in (PORT.fit(model, patients()), lme4.fit(model, patients())):
        assert side.refused == {"responders": "which way `y` improves is not known"}


def test_changes_within_arms_stand_below_the_difference(lme4: RLiveEngine) -> None:
    besides = Besides(("contrasts", "changes", "effect_size"), ARM, VISIT)
    model = spec(CROSSED, besides=besides)
    python, r = PORT.fit(model, patients()), lme4.fit(model, patients())
    there = PORT.at(replace(model, besides=besides.sums), patients(), r.theta)
    rows = compare_model(KEY, python, r, CrossCheck(there.fit.criterion, numbers_at_r=there))
    assert {row.verdict for row in rows} == {Verdict.MATCH}
    held = {row.note for row in rows if (row.tier, row.quantity) == ("T1", "contrast")}
    assert held == {"at r's theta, the nearest to its limit of 13"}
    for side in (python, r):
        terms = [row.term for row in side.contrasts or ()]
        assert terms[4:7] == ["(B - A) x (w4 - w0)", "w4 - w0 | arm=A", "w4 - w0 | arm=B"]
        assert len(terms) == 4 + 3 * 3
        by_term = numbers_of(side, "contrasts")
        own = [by_term[f"w4 - w0 | arm={arm}"].contrast for arm in "AB"]
        assert own[1] - own[0] == pytest.approx(by_term["(B - A) x (w4 - w0)"].contrast, rel=1e-9)
        assert [row.term for row in side.effect_sizes or ()] == [
            t for t in terms if "arm=" not in t
        ]
