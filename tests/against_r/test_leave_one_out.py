"""The analysis without each patient: R and the port, number by number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from question_cases import change, patients
from r_examples import spec

from harness.compare import Verdict, compare_model
from harness.engines.port.engine import PortEngine
from harness.engines.r.engine import RLiveEngine
from harness.models.besides import Besides, LeaveOneOut
from harness.models.spec import ModelKey, ModelSpec

PORT = PortEngine()
KEY = ModelKey("analysis", "set", "y")
EACH = Besides(("leave_one_out",), leave_one_out=LeaveOneOut("id", "arm"))


def few() -> pd.DataFrame:
    """Twelve patients, one of whom alone has a dose, and one without an outcome."""
    frame = patients()
    frame = frame[frame["id"].cat.codes < 12].reset_index(drop=True)
    frame["alone"] = np.where(frame["id"] == "p003", "yes", "no")
    frame.loc[frame["id"] == "p005", "y"] = np.nan
    return frame


def on_the_edge() -> pd.DataFrame:
    """Patients who differ less than chance would have it, but for one: without her no variance."""
    frame = few()
    mean = frame.groupby("id", observed=True)["y"].transform("mean")
    frame["y"] = frame["y"] - mean + 50.0
    return frame.assign(y=lambda d: d["y"] + 30.0 * (d["id"] == "p002"))


Case = tuple[ModelSpec, Callable[[], pd.DataFrame]]
CASES: dict[str, Case] = {
    "intercept": (spec("y ~ arm * visit + alone + (1 | id)", besides=EACH), few),
    "linear": (spec("y ~ arm * base + dose", weights="w", offset="o", besides=EACH), change),
    "edge": (spec("y ~ arm * week + (1 | id)", besides=EACH), on_the_edge),
    "slopes": (spec("y ~ arm * scale(week) + (week | id)", reml=False, besides=EACH), patients),
    "kenward-roger": (
        spec("y ~ arm * week + (1 | id)", df_method="kenward-roger", besides=EACH), few,
    ),
    "linear-z": (spec("y ~ base + arm", df_method="z", besides=EACH), change),
}  # fmt: skip
QUICK = ("intercept", "linear", "edge")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.exhaustive) for name in CASES],
)
def test_every_number_matches(lme4: RLiveEngine, name: str) -> None:
    model, make = CASES[name]
    frame = make()
    python, r = PORT.fit(model, frame), lme4.fit(model, frame)
    rows = [row for row in compare_model(KEY, python, r) if row.term.startswith("leave-one-out(")]
    assert {row.verdict for row in rows} == {Verdict.MATCH}, [row for row in rows if row.red]
    assert len(rows) == 3 * len(python.leave_one_out or ())
    for ours, theirs in zip(python.leave_one_out or (), r.leave_one_out or (), strict=True):
        assert (ours.without, ours.p_without) == (theirs.without, theirs.p_without)
    assert r.quality is not None
    assert r.quality.clean
    if name == "intercept":
        ours, theirs = python.leave_one_out or (), r.leave_one_out or ()
        names = [f"leave-one-out(armB:visit{week})" for week in ("w4", "w8", "w12")]
        assert [row.term for row in ours] == [
            f"{name}, {end}" for name in names for end in ("lowest", "highest")
        ]
        notes = [row.note for row in rows[:3]]
        assert notes == [f"without {ours[0].without}", "", f"without {ours[0].p_without}"]
        moved = replace(theirs[0], p_value=theirs[0].p_value + 1e-5)
        red = compare_model(KEY, python, replace(r, leave_one_out=(moved, *theirs[1:])))
        assert [row.quantity for row in red if row.red] == ["p_value"]
    if name == "edge":
        assert not python.singular
        assert "p002" not in [row.p_without for row in python.leave_one_out or ()]


def test_a_model_without_the_arm_has_none_on_either_side(lme4: RLiveEngine) -> None:
    model = spec("y ~ week + (1 | id)", besides=EACH)
    for side in (PORT.fit(model, few()), lme4.fit(model, few())):
        assert side.leave_one_out == ()
        assert side.refused == {"leave_one_out": "no term of the fixed effects has `arm`"}
