"""Models with a covariance by visit, number by number against nlme's gls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest
from visits import by_visit, mmrm_spec

from harness.compare.fits import cross_check
from harness.compare.model import compare_model
from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict
from harness.engines.port.engine import PortEngine
from harness.engines.r.engine import RLiveEngine
from harness.engines.r.record import write_record
from harness.engines.r.recorded import RecordedEngine, contradiction
from harness.errors import ModelError, RecordRefused
from harness.models.besides import Besides, DesignColumn, EffectUnit, Probe
from harness.models.contrasts import codings
from harness.models.spec import Covariance, ModelKey, ModelSpec, Repeated

KEY = ModelKey("visits", "all", "y")
PORT = PortEngine()
BESIDES = Besides(
    ("emmeans", "contrasts", "anova", "effect_size", "slopes", "johnson_neyman"),
    DesignColumn("arm", ("A", "B")),
    DesignColumn("week", ("w0", "w4", "w8")),
    probe=Probe("age", ("mean-sd", 50.0), "id"),
)


def rows_of(lme4: RLiveEngine, spec: ModelSpec, frame: pd.DataFrame) -> tuple[DiffRow, ...]:
    python = PORT.fit(spec, frame)
    r = lme4.fit(spec, frame, also_at=(python.theta,))
    assert r.quality is not None
    assert r.quality.clean, r.quality.reasons
    assert contradiction(r, spec, frame, PORT.criterion_at) == ""
    return compare_model(KEY, python, r, cross_check(PORT, spec, frame, python, r))


def only_matches(rows: tuple[DiffRow, ...]) -> None:
    off = [row for row in rows if row.verdict is not Verdict.MATCH]
    assert not off, off[0]
    held = {(row.quantity, row.tier) for row in rows}
    both = {row.note for row in rows if row.quantity == "criterion" and row.tier == "T1"}
    assert both == {"both criteria at r's theta", "both criteria at python's theta"}
    wanted = {("estimate", "T1"), ("std_error", "T1"), ("df", "T1"), ("sd", "T1"), ("sd", "T2")}
    assert wanted <= held


@pytest.mark.parametrize("covariance", get_args(Covariance))
def test_every_number_of_a_covariance_matches_at_both_optima_and_at_each(
    lme4: RLiveEngine, covariance: Covariance
) -> None:
    only_matches(rows_of(lme4, mmrm_spec(covariance), by_visit()))


@pytest.mark.parametrize("df", ["satterthwaite", "residual", "z"])
def test_ml_with_the_errors_of_its_own_likelihood(lme4: RLiveEngine, df: str) -> None:
    # Satterthwaite's under ML; a formula's functions see every row, complete or not.
    formula = "y ~ scale(age) + arm * week" if df == "satterthwaite" else "y ~ arm * week"
    spec = replace(mmrm_spec("csh", formula, reml=False), df_method=df)  # type: ignore[arg-type]
    only_matches(rows_of(lme4, spec, by_visit()))


def test_what_is_asked_besides_of_sum_coded_factors_with_a_covariate(lme4: RLiveEngine) -> None:
    spec = replace(
        mmrm_spec("un", "y ~ arm * week * age"), besides=BESIDES, contrasts=codings({"week": "sum"})
    )
    rows = rows_of(lme4, spec, by_visit())
    only_matches(rows)
    terms = {row.term for row in rows}
    assert {"arm=B, week=w8", "(B - A) x (w8 - w0)", "anova(arm:week:age)"} <= terms
    assert any(term.startswith("jn((B - A) x (w4 - w0) by age") for term in terms)


def test_one_term_and_one_sigma(lme4: RLiveEngine) -> None:
    asked = Besides(("anova", "effect_size"), None, BESIDES.time, unit=EffectUnit("residual"))
    rows = rows_of(lme4, replace(mmrm_spec("ar1", "y ~ week"), besides=asked), by_visit())
    only_matches(rows)
    assert {row.quantity for row in rows} >= {"d", "den_df"}


def test_names_that_are_no_code(lme4: RLiveEngine) -> None:
    names = {"id": "patient no", "week": "week (of 8)", "age": "age; at entry", "y": "y"}
    frame = by_visit().rename(columns=names)
    spec = mmrm_spec("csh", "y ~ `age; at entry` + arm * `week (of 8)`")
    spec = replace(spec, repeated=Repeated("patient no", "week (of 8)", "csh"))
    rows = rows_of(lme4, spec, frame)
    only_matches(rows)
    assert "sd(`patient no`:week (of 8)=w4)" in {row.term for row in rows}


def test_who_was_seen_when_is_part_of_the_problem(lme4: RLiveEngine) -> None:
    """Rows of two patients exchanged at one visit: X, y and the counts stay as they were."""
    frame = by_visit()
    rows = frame.index[(frame["week"] == "w4") & frame["y"].notna() & (frame["arm"] == "A")][:2]
    swapped = frame.copy()
    swapped.loc[rows, "id"] = frame.loc[rows[::-1], "id"].to_numpy()
    spec = mmrm_spec("un", "y ~ arm * week")
    found = compare_model(KEY, PORT.fit(spec, frame), lme4.fit(spec, swapped))
    assert {row.verdict for row in found} == {Verdict.DIFFERENT_MODEL}
    assert "grouping factor id differ" in found[0].note


def test_an_answer_with_another_criterion_is_contradicted_by_the_data(lme4: RLiveEngine) -> None:
    frame, spec = by_visit(), mmrm_spec("cs")
    r = lme4.fit(spec, frame)
    moved = replace(r, theta=(r.theta[0] * 1.001, *r.theta[1:]))
    assert "no covariance of structure `cs`" in contradiction(moved, spec, frame, PORT.criterion_at)
    other = replace(r, fit=replace(r.fit, criterion=r.fit.criterion * (1 + 1e-9)))
    assert "its criterion is" in contradiction(other, spec, frame, PORT.criterion_at)


def test_a_record_is_replayed_and_one_of_another_covariance_is_refused(
    lme4: RLiveEngine, tmp_path: Path
) -> None:
    frame, spec = by_visit(), mmrm_spec("cs")
    r = lme4.fit(spec, frame)
    write_record(tmp_path, KEY, spec, frame, r)
    recorded = RecordedEngine(tmp_path, PORT.criterion_at)
    again = recorded.answer(KEY, spec, frame)
    assert replace(again, versions=r.versions) == replace(r, versions=r.versions)
    with pytest.raises(RecordRefused, match="its covariance is 'cs', the model's is 'csh'"):
        recorded.answer(KEY, mmrm_spec("csh"), frame)


def test_two_rows_at_one_visit_are_refused_by_r_too(lme4: RLiveEngine) -> None:
    frame = by_visit()
    twice = pd.concat([frame, frame[frame["y"].notna()].iloc[:1]], ignore_index=True)
    with pytest.raises(ModelError, match=r"has week w\d twice"):
        lme4.fit(mmrm_spec(), twice)
