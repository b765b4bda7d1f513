"""What rounding leaves of lmerTest's df where a theta is nearly zero, and whether R says it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.compare import Verdict, compare_model
from harness.compare.fits import cross_check
from harness.data.derive import derive
from harness.data.study import open_study
from harness.engines.port.engine import PortEngine
from harness.engines.r.engine import RLiveEngine
from harness.language import parse_formula
from harness.models.record import Estimates
from harness.models.spec import ModelKey, ModelSpec

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
SPEC = ModelSpec(parse_formula("y ~ arm * t + (t | id)"))


def trial(seed: int, slope: float, unit: float) -> pd.DataFrame:
    """60 patients at up to 4 visits; intercepts and slopes are not correlated."""
    random = np.random.default_rng(seed)
    rows = []
    for patient in range(60):
        intercept, rise = random.normal(), slope * random.normal()
        for visit in range(4):
            if visit and random.random() < 0.2:
                continue
            y = 20 + intercept + rise * visit + 0.5 * visit * (patient % 2) + random.normal()
            rows.append((str(patient), "AB"[patient % 2], visit * unit, y))
    found = pd.DataFrame(rows, columns=["id", "arm", "t", "y"])
    return found.astype({"id": "category", "arm": "category"})


def error(spec: ModelSpec, frame: pd.DataFrame, r: Estimates) -> float:
    """The largest share R's df are off the port's at R's theta, as 60 digits confirm."""
    ours = PortEngine().at(spec, frame, r.theta)
    return max(abs(b.df / a.df - 1) for a, b in zip(ours.fixed, r.fixed, strict=True))


def with_theta(frame: pd.DataFrame, r: Estimates, wanted: float) -> pd.DataFrame:
    """The same patients by a clock whose origin makes intercepts and slopes so little correlated.

    With theta (a, b, c) their covariance is ``ab + o (b^2 + c^2)`` at the origin o, and theta's
    second entry that over the first.
    """
    a, b, c = r.theta
    slope = b * b + c * c
    return frame.assign(t=frame["t"] - (wanted * a - a * b) / slope)


WANTED = (3e-2, 3e-3, 1e-3, 3e-4, 1e-4)
Answers = dict[tuple[int, float], tuple[float, Estimates]]


@pytest.fixture(scope="session")
def answers(lme4: RLiveEngine) -> Answers:
    """By seed and theta: how far R's df are off, and R's answer."""
    found = {}
    for seed in (0, 2, 3):
        frame = trial(seed, 0.3, 1.0)
        plain = lme4.fit(SPEC, frame)
        for wanted in WANTED:
            moved = with_theta(frame, plain, wanted)
            r = lme4.fit(SPEC, moved)
            assert r.theta[1] == pytest.approx(wanted, rel=0.2)
            found[seed, wanted] = (error(SPEC, moved, r), r)
    return found


def said(r: Estimates) -> float:
    assert r.quality is not None
    assert r.quality.df_error is not None
    return r.quality.df_error


def test_no_df_are_off_by_more_than_r_says(answers: Answers) -> None:
    """Truncation, which is not counted, stays below 1e-8 here."""
    for case, (off, r) in answers.items():
        assert off <= max(said(r), 1e-8), (case, off, said(r))
    assert max(off for off, _ in answers.values()) > 1e-5, "no case shows what this is about"


def test_nor_does_r_say_much_more_than_that(answers: Answers) -> None:
    """A bound that excuses anything would be none."""
    for case, (off, r) in answers.items():
        assert said(r) < max(200 * off, 1e-6), (case, off, said(r))
        assert (said(r) < 1e-6) == (case[1] == 3e-2), (case, said(r))


def test_the_diff_table_holds_df_to_what_r_says(lme4: RLiveEngine) -> None:
    """Patients of btheb seen after baseline, with slopes: a theta of -6.6e-4, df off by 1.7e-6."""
    study = open_study(FIXTURES / "btheb" / "plan.yaml")
    frame = derive(study)
    seen = frame.loc[(frame["month"] != "0") & frame["bdi"].notna(), "subject"]
    frame = frame[frame["subject"].isin(seen)]
    spec = ModelSpec(parse_formula("bdi ~ treatment * months + (months | subject)"))
    r = lme4.fit(spec, frame)
    port = PortEngine()
    ours = port.fit(spec, frame)
    cross = cross_check(port, spec, frame, ours, r)
    assert min(map(abs, r.theta)) < 1e-3
    assert error(spec, frame, r) > 1e-6
    rows = compare_model(ModelKey("trend", "mITT", "bdi"), ours, r, cross)
    assert {row.verdict for row in rows} == {Verdict.MATCH}
    (df,) = [row for row in rows if (row.tier, row.quantity) == ("T1", "df")]
    assert df.limit == said(r)
    unsaid = replace(r, quality=None)
    rows = compare_model(ModelKey("trend", "mITT", "bdi"), ours, unsaid, cross)
    assert {row.quantity for row in rows if row.red} == {"df"}


def test_df_of_which_rounding_takes_too_much_are_no_reference(lme4: RLiveEngine) -> None:
    frame = trial(0, 0.3, 1.0)
    frame = with_theta(frame, lme4.fit(SPEC, frame), 2e-5)
    r = lme4.fit(SPEC, frame)
    assert r.quality is not None
    assert not r.quality.clean
    (reason,) = r.quality.reasons
    assert reason == (
        f"rounding may leave lmerTest's df wrong by a share of {said(r):.2g}: "
        f"it differentiates in steps of a tenth of id.t.(Intercept) = {r.theta[1]:.3g}; "
        "Kenward-Roger's need none"
    )
    kenward_roger = lme4.fit(replace(SPEC, df_method="kenward-roger"), frame)
    assert kenward_roger.quality is not None
    assert kenward_roger.quality.clean
    assert kenward_roger.quality.df_error is None
