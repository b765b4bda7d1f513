"""The closed forms of a two-wave trial, on every outcome of the synthetic one."""

from __future__ import annotations

import pandas as pd
import pytest

from harness.data.derive import derive
from harness.data.study import open_study

from .identities import IDENTITIES, Trial, broken
from .study_files import FIXTURES


@pytest.fixture(scope="module")
def trials() -> dict[str, Trial]:
    """Each outcome of the plan, of the patients who have it at both visits."""
    study = open_study(FIXTURES / "mbsr" / "plan.yaml")
    frame, data = derive(study), study.plan.data
    outcomes = dict.fromkeys(name for a in study.plan.analyses for name in a.outcomes)
    return {
        name: trial
        for name in outcomes
        if (trial := complete(frame, name, data.id, data.arm.column, data.time.column)) is not None
    }


def complete(frame: pd.DataFrame, outcome: str, who: str, arm: str, time: str) -> Trial | None:
    """The complete pairs of one outcome; None for one that is not measured twice."""
    columns = {who: "id", arm: "arm", time: "time", outcome: "y"}
    rows = frame[[*columns, "age"]].rename(columns=columns | {"age": "z"}).dropna()
    rows = rows[rows.groupby("id", observed=True)["y"].transform("size") == 2]
    if rows.empty:
        return None
    rows["id"] = rows["id"].astype(str)
    rows["z"] = rows.groupby("id")["z"].transform("first")
    wide = rows.pivot(index="id", columns="time", values="y")
    first = rows.drop_duplicates("id").set_index("id").loc[wide.index]
    return Trial(
        rows.sort_values(["id", "time"]).reset_index(drop=True),
        pd.DataFrame(
            {
                "pre": wide["pre"].astype(float),
                "post": wide["post"].astype(float),
                "treated": (first["arm"] == "MBSR"),
                "z": first["z"].astype(float),
            }
        ),
    )


def test_the_outcomes_are_those_of_the_plan(trials: dict[str, Trial]) -> None:
    assert {"fiqr_total", "pips_total", "fiqr_12", "ln_il6", "ln_cxcl8_il10"} <= set(trials)
    assert all(trial.n >= 50 and min(trial.sizes) >= 25 for trial in trials.values())


@pytest.mark.truth
@pytest.mark.parametrize("name", IDENTITIES)
def test_an_identity_holds_for_every_outcome(trials: dict[str, Trial], name: str) -> None:
    for outcome, trial in trials.items():
        if name == "boundary":
            claims = IDENTITIES[name](trial.reflected if trial.interior else trial)
        else:  # of an outcome on the boundary the others hold once it is turned about
            claims = IDENTITIES[name](trial if trial.interior else trial.reflected)
        for claim in claims:
            assert claim.holds, (outcome, claim)


@pytest.mark.truth
@pytest.mark.parametrize("name", IDENTITIES)
def test_what_breaks_an_identity_is_seen(trials: dict[str, Trial], name: str) -> None:
    trial = trials["fiqr_total"]
    if name == "boundary":
        trial = trial.reflected
    assert all(claim.holds for claim in IDENTITIES[name](trial))
    assert not all(claim.holds for claim in broken(name, trial))
