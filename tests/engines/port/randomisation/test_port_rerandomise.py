"""The re-randomisation test: closed forms, every arrangement, blocks, R on the same draws."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from port_data import two_wave
from port_r import ask_r

import harness
from harness.engines.port.rerandomise import Rerandomised, arrangements
from harness.errors import ModelError

MIXED = "y ~ arm * time + (1 | id)"
TERM = "armMBSR:timepost"
COLUMNS = {"arm": "arm", "patient": "id"}


def site_trial() -> pd.DataFrame:
    """Two waves with missing outcomes and a patient without any, in three sites."""
    frame = two_wave()
    code = frame["id"].cat.codes.to_numpy()
    frame = frame.assign(site=pd.Categorical(np.array(["n", "s", "w"])[code % 3]))
    frame.loc[frame.index[[3, 10, 41]], "y"] = np.nan
    frame.loc[code == 7, "y"] = np.nan
    return frame


def test_where_every_patient_has_both_waves_t_is_that_of_the_changes() -> None:
    frame = two_wave()
    found = harness.rerandomise(harness.lmer(MIXED, frame), TERM, **COLUMNS, n=40, seed=3)
    wide = frame.pivot(index="id", columns="time", values="y").loc[list(found.patients)]
    change = (wide["post"] - wide["pre"]).to_numpy()
    arms = frame.drop_duplicates("id").set_index("id")["arm"].loc[list(found.patients)]
    for places, t in zip(found.draws, found.statistics, strict=True):
        new = arms.to_numpy()[places] == "MBSR"
        a, b = change[new], change[~new]
        pooled = (a.var() * len(a) + b.var() * len(b)) / (len(change) - 2)
        error = np.sqrt(pooled * (1 / len(a) + 1 / len(b)))
        assert t == pytest.approx((a.mean() - b.mean()) / error, rel=1e-7)


def test_p_is_the_share_of_all_arrangements_that_are_as_far_from_zero() -> None:
    rng = np.random.default_rng(2)
    y = rng.normal(size=8) + np.array([1.2] * 4 + [0.0] * 4)
    frame = pd.DataFrame({"id": [f"p{k}" for k in range(8)], "arm": ["b"] * 4 + ["a"] * 4, "y": y})
    fit = harness.lm("y ~ arm", frame)
    differences = [
        abs(y[list(four)].mean() - np.delete(y, four).mean()) for four in combinations(range(8), 4)
    ]
    own = y[:4].mean() - y[4:].mean()
    exact = np.mean(np.array(differences) >= abs(own) * (1 - 1e-12))
    found = harness.rerandomise(fit, "armb", **COLUMNS, n=600)
    assert abs(found.p_value - exact) < 4.0 * found.mc_error
    far = np.sum(np.abs(found.statistics) >= abs(found.statistic) * (1 - 1e-9))
    assert found.p_value == (1 + far) / 601
    assert found.mc_error == pytest.approx(np.sqrt(found.p_value * (1 - found.p_value) / 600))


def test_two_seeds_agree_within_their_monte_carlo_error() -> None:
    frame = site_trial()
    fit = harness.lmer("y ~ arm + time + (1 | id)", frame)
    first, second = (
        harness.rerandomise(fit, "armMBSR", **COLUMNS, n=150, seed=seed) for seed in (1, 2)
    )
    assert not np.array_equal(first.draws, second.draws)
    assert abs(first.p_value - second.p_value) < 4.0 * np.hypot(first.mc_error, second.mc_error)
    again = harness.rerandomise(fit, "armMBSR", **COLUMNS, n=150, seed=1)
    assert np.array_equal(first.statistics, again.statistics)
    # The t test's own p is near: the outcome is normal.
    table = fit.summary().set_index("term")
    assert abs(first.p_value - table.loc["armMBSR", "p_value"]) < 4.0 * first.mc_error


def test_arms_are_drawn_within_blocks_and_keep_their_numbers() -> None:
    strata = np.array([0, 1, 0, 1, 1, 2, 0])
    draws = arrangements(strata, 200, seed=5)
    assert (np.sort(draws, axis=1) == np.arange(7)).all()
    assert (strata[draws] == strata).all()
    assert len(np.unique(draws, axis=0)) > 30
    assert (draws[:, 5] == 5).all()


MODELS: dict[str, tuple[str, str, str | None]] = {
    "mixed": (MIXED, TERM, None),
    "mixed-blocks": ("y ~ arm * time + site + (1 | id)", TERM, "site"),
    "linear": ("y ~ arm * time + z", "armMBSR", "site"),
}


@pytest.fixture(scope="module")
def drawn() -> dict[str, Rerandomised]:
    frame = site_trial()
    found = {}
    for name, (formula, term, blocks) in MODELS.items():
        fit = harness.lmer(formula, frame) if "|" in formula else harness.lm(formula, frame)
        found[name] = harness.rerandomise(fit, term, **COLUMNS, n=50, seed=9, blocks=blocks)
    return found


@pytest.mark.live_r
def test_r_has_the_same_statistics_on_the_same_draws(
    tmp_path: Path, drawn: dict[str, Rerandomised]
) -> None:
    told: dict[str, Any] = {}
    for name, (formula, term, _) in MODELS.items():
        facts = {
            "formula": formula, "term": term, "mixed": "|" in formula,
            "draws": drawn[name].draws.tolist(), "patients": list(drawn[name].patients),
        }  # fmt: skip
        told[name] = (site_trial(), facts)
    answers = ask_r(Path(__file__).parent / "rerandomise.R", tmp_path, told)
    for name, one in drawn.items():
        assert one.failed == 0
        assert len(one.patients) == site_trial().dropna()["id"].nunique()
        theirs = np.array([float(t) for t in answers[name]["t"]])
        assert one.statistics == pytest.approx(theirs, abs=2e-6)
        assert np.ptp(theirs) > 1.0


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "term": ({"term": "armX"}, "no coefficient `armX`"),
    "arm": ({"arm": "z"}, "`z` is not in the model"),
    "patient": ({"patient": "subject"}, "no column `subject`"),
    "arms-of-a-patient": ({"arm": "time"}, "`time` is not the same in all rows of a patient"),
    "blocks": ({"blocks": "time"}, "`time` is not the same in all rows of a patient"),
    "n": ({"n": 0}, "n must be a whole number from 1, not 0"),
    "seed": ({"seed": 1.5}, "seed must be a whole number from 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_drawn_is_refused(case: str) -> None:
    changed, words = REFUSED[case]
    arguments = {"term": TERM, **COLUMNS, "n": 3, **changed}
    fit = harness.lmer(MIXED, two_wave())
    with pytest.raises(ModelError, match=words):
        harness.rerandomise(fit, arguments.pop("term"), **arguments)
