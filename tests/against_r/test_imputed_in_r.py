"""Imputation against mice, and jump to reference against R's own: the same distribution (T4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from r_examples import spec
from trial_with_losses import COLUMNS, trial_with_losses

import harness
from harness.compare.drawn import Drawn, in_monte_carlo_errors
from harness.compare.policy import default_policy
from harness.engines.port.imputation import chained
from harness.engines.port.imputation.imputed import Imputed, PooledFit
from harness.engines.r.engine import RLiveEngine
from harness.errors import ModelError

R_COLUMNS = {"subject": "id", "visit": "visit", "arm": "arm"}
ANCOVA = "y ~ arm + base"
NUMBERS = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")


def asked_of_r(
    lme4: RLiveEngine, model: str, data: pd.DataFrame, m: int, **more: Any
) -> dict[str, Any]:
    df = "satterthwaite" if "|" in model else "residual"
    asked = {**R_COLUMNS, "imputations": m, "iterations": 10, "seed": 1, **more}
    return lme4.ask("imputed", spec(model, df_method=df), data, **asked)


def beyond(ours: PooledFit, theirs: dict[str, Any]) -> list[str]:
    """Every number that is further off than chance, in words."""
    assert [row["term"] for row in theirs["rows"]] == list(ours.names)
    found = []
    for j, row in enumerate(theirs["rows"]):
        for name in NUMBERS:
            python, error, se = (
                float(getattr(numbers, quantity)[j])
                for numbers, quantity in (
                    (ours.pooled.numbers, name),
                    (ours.pooled.mc_error, name),
                    (ours.pooled.numbers, "std_error"),
                )
            )
            r = Drawn(row[name], row["mcse"][name], row["std_error"])
            off = in_monte_carlo_errors(name, Drawn(python, error, se), r, default_policy())
            if off > default_policy().find(name, "T4").limit_at(0.0):
                found.append(f"{row['term']} {name}: {python} {row[name]} {off:.1f} MCSE")
    return found


@pytest.fixture(scope="module")
def two_waves() -> pd.DataFrame:
    return trial_with_losses(25, 2, seed=8, loss=(0.5, 0.6))


@pytest.fixture(scope="module")
def at_random(lme4: RLiveEngine, two_waves: pd.DataFrame) -> dict[str, Any]:
    return asked_of_r(lme4, ANCOVA, two_waves, 150, visits=["v1"])


def drawn(data: pd.DataFrame, m: int = 2000, **more: Any) -> Imputed:
    return harness.impute(data, "y", **COLUMNS, imputations=m, iterations=10, **more)


def test_missing_at_random_by_mice(at_random: dict[str, Any], two_waves: pd.DataFrame) -> None:
    assert beyond(drawn(two_waves).fit(ANCOVA, visits=["v1"]), at_random) == []


def test_parameters_that_are_not_drawn_are_seen(
    at_random: dict[str, Any], two_waves: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def improper(D: np.ndarray, y: np.ndarray, *_: object) -> tuple[np.ndarray, np.ndarray]:
        beta, rss, *_ = np.linalg.lstsq(D[0], y[0])
        n, p = D[0].shape
        return np.tile(beta, (len(D), 1)), np.full(len(D), np.sqrt(rss[0] / (n - p)))

    monkeypatch.setattr(chained, "posterior_draws", improper)
    found = beyond(drawn(two_waves).fit(ANCOVA, visits=["v1"]), at_random)
    assert any("armNew std_error" in line for line in found), found


def test_an_arm_missing_in_the_model_of_imputation_is_seen(
    at_random: dict[str, Any], two_waves: pd.DataFrame
) -> None:
    blind = harness.impute(
        two_waves.assign(all="all"), "y", id="id", time="visit", arm="all", imputations=2000
    )
    found = beyond(blind.fit(ANCOVA, visits=["v1"]), at_random)
    assert any("armNew estimate" in line for line in found), found


def test_jump_to_reference_by_rs_own_draws(lme4: RLiveEngine) -> None:
    data = trial_with_losses(25, 3, seed=8, loss=(0.3, 0.6))
    r = asked_of_r(
        lme4, ANCOVA, data, 60, visits=["v2"], iterations=2, reference="TAU", baseline="v0"
    )
    start = harness.impute(data, "y", **COLUMNS, imputations=2000, iterations=2)
    jumped = start.jump_to_reference("TAU", baseline="v0")
    assert beyond(jumped.fit(ANCOVA, visits=["v2"]), r) == []
    assert beyond(start.fit(ANCOVA, visits=["v2"]), r) != []


def test_shifted_values_and_a_mixed_model(lme4: RLiveEngine, two_waves: pd.DataFrame) -> None:
    model = "y ~ arm * visit + (1 | id)"
    r = asked_of_r(lme4, model, two_waves, 12, delta=5.0, delta_arm="New", by_arm=False)
    start = drawn(two_waves, 500, by_arm=False)
    assert beyond(start.shifted(5.0, "New").fit(model), r) == []
    assert beyond(start.shifted(-5.0, "New").fit(model), r) != []


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"imputations": 2}, "`imputations` is not from 3"),
        ({"iterations": 1.5}, "`iterations` is not a whole number"),
        ({"visits": ["v9"]}, "no visit `v9`"),
        ({"reference": "Placebo"}, "no patient is in arm `Placebo`"),
        ({"reference": "TAU", "baseline": "v1"}, "`baseline` is not the first visit"),
        ({"covariates": ["visit"]}, "`visit` varies within a patient"),
        ({"covariates": ["one"]}, "mice changed the model of imputation"),
        ({"model": "y ~ arm + late"}, "`late` is missing in the completed data"),
    ],
)
def test_r_refuses_what_it_cannot_impute(
    lme4: RLiveEngine, two_waves: pd.DataFrame, asked: dict[str, Any], message: str
) -> None:
    given = {"model": ANCOVA, "m": 3, **_renamed(asked)}
    with pytest.raises(ModelError, match=message):
        asked_of_r(lme4, data=two_waves.assign(one=1.0, late=two_waves["y"]), **given)


def _renamed(asked: dict[str, Any]) -> dict[str, Any]:
    return {("m" if name == "imputations" else name): value for name, value in asked.items()}


def test_the_same_seed_gives_the_same_answer_and_leaves_rs_own_alone(
    lme4: RLiveEngine, two_waves: pd.DataFrame
) -> None:
    one, two = (asked_of_r(lme4, ANCOVA, two_waves, 4, visits=["v1"])["rows"] for _ in range(2))
    assert one == two
    assert asked_of_r(lme4, ANCOVA, two_waves, 4, visits=["v1"], seed=2)["rows"] != one


FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.mark.exhaustive
@pytest.mark.parametrize("jump", [False, True], ids=["at-random", "jump-to-reference"])
def test_a_real_trial_of_five_visits(lme4: RLiveEngine, jump: bool) -> None:
    data = pd.read_csv(FIXTURES / "btheb" / "btheb.csv")
    data["month"] = data["month"].astype(str).astype("category")
    data["treatment"] = pd.Categorical(data["treatment"], ["TAU", "BtheB"])
    model, m = "bdi ~ treatment * month + (1 | subject)", 150
    asked = {"covariates": ["drug"], "imputations": m, "iterations": 10, "seed": 1}
    more = {"reference": "TAU", "baseline": "0"} if jump else {}
    columns = {"subject": "subject", "visit": "month", "arm": "treatment"}
    with RLiveEngine(timeout=1800) as engine:
        r = engine.ask("imputed", spec(model), data, **columns, **asked, **more)
    ours = harness.impute(data, "bdi", id="subject", time="month", arm="treatment", **asked)
    ours = ours.jump_to_reference("TAU", baseline="0") if jump else ours
    assert beyond(ours.fit(model), r) == []
