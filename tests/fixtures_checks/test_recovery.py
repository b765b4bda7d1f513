"""Do the port's 95 % intervals cover what was planted, over trials simulated afresh?

The fixtures' own seeds are chosen for what they show and prove nothing; here every seed counts.
A trial is simulated, scored, fitted, and each planted effect looked up in its interval. Over 1,500
seeds the six FIQR effects of the three-arm trial are covered 94.3 to 96.5 % of the time; a run of
this file must lie within Monte-Carlo error of 95 %.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

import harness
from harness.scoring import instruments
from harness.scoring.score import score

from .study_files import FIXTURES

Floats = npt.NDArray[np.float64]
Planted = dict[str, float]

FIRST_SEED = 20_000
QUICK, LONG = 12, 200
SIGMAS = 3.5
"""Width of Monte-Carlo error; one run in two thousand is further off by chance."""


def planted(study: str) -> dict[str, Any]:
    """What the parameters amount to on the observed scores."""
    path = FIXTURES / study / "truth" / "planted.json"
    return json.loads(path.read_text(encoding="utf-8"))["population"]


def standardised(
    trials: Iterator[pd.DataFrame], formula: str, truth: Planted
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """(estimate - truth) / SE and whether the interval covers, each of shape (trials, effects)."""
    z, covered = [], []
    for rows in trials:
        table = harness.lmer(formula, rows).summary().set_index("term").loc[list(truth)]
        values = np.array(list(truth.values()))
        z.append((table["estimate"] - values) / table["std_error"])
        covered.append((table["conf_low"] <= values) & (values <= table["conf_high"]))
    return np.array(z, dtype=float), np.array(covered)


def complaints(z: Floats, covered: npt.NDArray[np.bool_]) -> list[str]:
    """What lies beyond Monte-Carlo error: coverage, bias, and standard errors of another size."""
    n = len(z)
    found = []
    for effect, (own, inside) in enumerate(zip(z.T, covered.T, strict=True)):
        if abs(inside.mean() - 0.95) > SIGMAS * np.sqrt(0.95 * 0.05 / n):
            found.append(f"effect {effect}: covered {inside.mean():.1%} of {n} times")
        if abs(own.mean()) > SIGMAS / np.sqrt(n):
            found.append(f"effect {effect}: off by {own.mean():.2f} standard errors")
        spread = own.std(ddof=1)
        if abs(spread - 1) > SIGMAS / np.sqrt(2 * (n - 1)):
            found.append(f"effect {effect}: estimates vary {spread:.2f} standard errors")
    return found


def three_arms(generator: dict[str, ModuleType], n: int) -> Iterator[pd.DataFrame]:
    """Three-arm trials with their outcomes, scored by the harness."""
    scales, simulate = generator["scales"], generator["simulate"]
    items = [f"fiqr_{k:02d}" for k in range(1, 22)]
    form = instruments()["FIQR"].form(None)
    assert form is not None
    for seed in range(FIRST_SEED, FIRST_SEED + n):
        rows = pd.DataFrame(simulate.trial(seed))
        rows["fiqr_total"] = score(form, rows[items].astype(float), "prorate").values["total"]
        rows["fsdc_total"] = rows["wpi"] + rows["sss"]
        rows["arm"] = pd.Categorical(rows["arm"], categories=scales.ARMS)
        rows["time"] = pd.Categorical(rows["time"], categories=scales.TIMES)
        rows["treated"] = ((rows["arm"] != "TAU") & (rows["time"] != "pre")).astype(float)
        yield rows


def two_arms(generator: dict[str, ModuleType], n: int, moderation: float) -> Iterator[pd.DataFrame]:
    """Two-arm trials with baseline ln CXCL8 on every row of a woman."""
    for seed in range(FIRST_SEED, FIRST_SEED + n):
        rows = pd.DataFrame(generator["simulate"].trial(seed, moderation))
        rows["arm"] = pd.Categorical(rows["arm"], categories=["TAU", "MBSR"])
        rows["time"] = pd.Categorical(rows["time"], categories=["pre", "post"])
        rows["ln_cxcl8"] = np.log(rows["cxcl8"].astype(float))
        pre = rows[rows["time"] == "pre"].set_index("id")["ln_cxcl8"]
        rows["ln_cxcl8_0"] = rows["id"].map(pre)
        yield rows


def effects(outcome: str) -> Planted:
    """The six arm by visit effects of the three-arm trial under lme4's names."""
    found = planted("eudaimon3")["outcomes"][outcome]["effect"]
    return {
        f"arm{arm}:time{visit}": effect
        for arm, visits in found.items()
        for visit, effect in visits.items()
    }


NESTED = "{} ~ arm * time + (1 | id) + (0 + treated | group)"
MODERATED = "{} ~ arm * time * ln_cxcl8_0 + (1 | id)"


def check_effects(generator: dict[str, ModuleType], outcome: str, n: int) -> None:
    truth = effects(outcome)
    assert len(truth) == 6
    found = standardised(three_arms(generator, n), NESTED.format(outcome), truth)
    assert complaints(*found) == []


def check_moderation(generator: dict[str, ModuleType], study: str, item: str, n: int) -> None:
    moderation = 0.0 if study == "mbsr_null" else generator["simulate"].MODERATION
    truth = {"armMBSR:timepost:ln_cxcl8_0": planted(study)["moderation"][item]}
    trials = two_arms(generator, n, moderation)
    assert complaints(*standardised(trials, MODERATED.format(item), truth)) == []


def test_planted_effects_are_covered(generator3: dict[str, ModuleType]) -> None:
    check_effects(generator3, "fiqr_total", QUICK)


def test_no_moderation_is_found_as_none(generator: dict[str, ModuleType]) -> None:
    check_moderation(generator, "mbsr_null", "fiqr_12", QUICK)


@pytest.mark.exhaustive
@pytest.mark.parametrize("outcome", ["fiqr_total", "pcs_total", "fsdc_total"])
def test_planted_effects_are_covered_over_many_seeds(
    generator3: dict[str, ModuleType], outcome: str
) -> None:
    check_effects(generator3, outcome, LONG)


@pytest.mark.exhaustive
@pytest.mark.parametrize("item", ["fiqr_12", "fiqr_13", "fiqr_14", "fiqr_15"])
@pytest.mark.parametrize("study", ["mbsr", "mbsr_null"])
def test_moderation_and_its_absence_are_covered_over_many_seeds(
    generator: dict[str, ModuleType], study: str, item: str
) -> None:
    check_moderation(generator, study, item, LONG)


def fair(n: int) -> Floats:
    return np.random.default_rng(1).standard_normal((n, 1))


WRONG: dict[str, tuple[Callable[[Floats], Floats], str]] = {
    "biased": (lambda z: z + 0.5, "off by"),
    "standard errors too small": (lambda z: 1.4 * z, "covered"),
    "standard errors too large": (lambda z: 0.7 * z, "vary 0."),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_engine_is_noticed(kind: str) -> None:
    """What each complaint is for, on normal deviates: half a standard error, or SEs 40 % off."""
    change, words = WRONG[kind]
    assert complaints(fair(LONG), np.abs(fair(LONG)) < 1.96) == []
    z = change(fair(LONG))
    assert any(words in one for one in complaints(z, np.abs(z) < 1.96))


def test_a_wrong_truth_is_noticed_in_a_dozen_trials(generator3: dict[str, ModuleType]) -> None:
    """Effects planted three standard errors elsewhere."""
    truth = {name: effect - 9 for name, effect in effects("fiqr_total").items()}
    found = standardised(three_arms(generator3, QUICK), NESTED.format("fiqr_total"), truth)
    assert len(complaints(*found)) >= 6
