"""The planted truth beside the synthetic trial, and whether the trial shows it."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.random import PCG64, Generator

from .study_files import StudyFiles

PLANTED_ITEMS = ["fiqr_12", "fiqr_13", "fiqr_14", "fiqr_15"]


@pytest.fixture(scope="module")
def truth(mbsr: StudyFiles) -> dict[str, Any]:
    return json.loads((mbsr.folder / "truth" / "planted.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def waves(mbsr: StudyFiles) -> pd.DataFrame:
    """Pre and post side by side, with log markers, indexed by arm and woman."""
    frame = mbsr.frame.copy()
    for marker in ("il6", "cxcl8", "il10", "crp"):
        frame[f"ln_{marker}"] = np.log(frame[marker])
    numbers = [c for c in frame.columns if pd.api.types.is_float_dtype(frame[c])]
    return frame.pivot(index=["arm", "id"], columns="time", values=numbers)


def change(waves: pd.DataFrame, name: str) -> pd.Series:
    return (waves[name]["post"] - waves[name]["pre"]).dropna()


def test_population_meets_the_calibration(truth: dict[str, Any]) -> None:
    outcomes = truth["population"]["outcomes"]
    targets = {
        "fiqr_total": (64, 18),
        "fiqr_function": (18, 7),
        "fiqr_impact": (13.5, 5),
        "fiqr_symptoms": (33.5, 9),
        "pss_total": (24, 8),
        "hads_anxiety": (12, 4),
        "hads_depression": (10.5, 4.5),
        "pcs_total": (28, 12),
        "pips_total": (58, 14),
    }
    for name, (mean, sd) in targets.items():
        assert outcomes[name]["baseline_mean"] == pytest.approx(mean, rel=0.03), name
        assert outcomes[name]["baseline_sd"] == pytest.approx(sd, rel=0.03), name
        assert outcomes[name]["pre_post_r_tau"] == pytest.approx(0.6, abs=0.05), name
    assert outcomes["fiqr_total"]["effect_in_baseline_sd"] == pytest.approx(-0.8, abs=0.03)
    assert outcomes["ln_il10"]["change_tau"] == pytest.approx(-0.25, abs=0.01)
    assert outcomes["ln_il10"]["effect"] == pytest.approx(0.25, abs=0.01)
    for marker in ("ln_il6", "ln_cxcl8", "ln_crp"):
        assert abs(outcomes[marker]["effect"]) < 0.01, marker
        assert 0.5 <= outcomes[marker]["pre_post_r_tau"] <= 0.8, marker
    assert 0.10 <= truth["population"]["lost_share"] <= 0.15


def test_the_later_questionnaires_meet_their_calibration(
    truth: dict[str, Any], eudaimon3: StudyFiles
) -> None:
    """FSDC is that of the three-arm trial; a score's effect has the sign planted in its items."""
    outcomes, scales = truth["population"]["outcomes"], truth["planted"]["scales"]
    targets = {"fsdc_wpi": (11, 4), "fsdc_sss": (8.3, 2.2), "misci_total": (25, 8)}
    for name, (mean, sd) in targets.items():
        assert outcomes[name]["baseline_mean"] == pytest.approx(mean, rel=0.03), name
        assert outcomes[name]["baseline_sd"] == pytest.approx(sd, rel=0.05), name
    path = eudaimon3.folder / "truth" / "planted.json"
    other = json.loads(path.read_text(encoding="utf-8"))["population"]["outcomes"]["fsdc_total"]
    assert outcomes["fsdc_total"]["baseline_mean"] == pytest.approx(
        other["baseline_mean"], rel=0.05
    )
    for scale in ("fsdc", "misci", "ffmq", "scs"):
        for name in (name for name in outcomes if name.startswith(f"{scale}_")):
            effect = outcomes[name]["effect_in_baseline_sd"]
            assert 0.4 < effect * np.sign(scales[scale]["shift_mbsr"]) < 0.85, name
            assert abs(outcomes[name]["change_tau"]) < 0.1, name
            assert outcomes[name]["pre_post_r_tau"] == pytest.approx(0.55, abs=0.07), name
    assert {name: scales[name]["shift_mbsr"] > 0 for name in ("fsdc", "misci", "ffmq", "scs")} == {
        **dict.fromkeys(("misci", "ffmq", "scs"), True),
        "fsdc": False,
    }


def test_what_joined_later_moved_nothing_before_it(generator: dict[str, ModuleType]) -> None:
    """The women of a seed without the later questionnaires are the women of that seed."""
    simulate = generator["simulate"]
    first = simulate.populate(Generator(PCG64(3)), 10)
    rng = Generator(PCG64(3))
    people = simulate.populate(rng, 10)
    before = rng.bit_generator.state
    simulate.answer_more(simulate.stream(3, "questionnaires"), people)
    assert rng.bit_generator.state == before
    assert all((people.columns[name] == values).all() for name, values in first.columns.items())
    assert len(people.columns) > len(first.columns)


def test_moderation_is_planted_on_four_items_and_on_no_other(truth: dict[str, Any]) -> None:
    slopes = truth["population"]["moderation"]
    assert truth["planted"]["moderation"]["items"] == PLANTED_ITEMS
    assert len(slopes) == 10
    for item, slope in slopes.items():
        if item in PLANTED_ITEMS:
            assert slope > 1.2, item
        else:
            assert abs(slope) < 0.1, item


def test_sample_truth_recomputes_from_the_file(truth: dict[str, Any], waves: pd.DataFrame) -> None:
    for name, facts in truth["sample"]["outcomes"].items():
        means = change(waves, name).groupby("arm").mean()
        pre = waves[name]["pre"]
        assert pre.mean() == pytest.approx(facts["baseline_mean"], abs=1e-4), name
        assert pre.std() == pytest.approx(facts["baseline_sd"], abs=1e-4), name
        assert means["MBSR"] - means["TAU"] == pytest.approx(facts["effect"], abs=1e-4), name


def test_sample_counts_recompute_from_the_file(truth: dict[str, Any], mbsr: StudyFiles) -> None:
    sample, frame = truth["sample"], mbsr.frame
    pre = frame[frame["time"] == "pre"]
    assert sample["rows"] == len(frame)
    assert sample["randomised"] == pre["arm"].value_counts().to_dict()
    assert sample["lost"] == pre[pre["disposition"] == "lost"]["arm"].value_counts().to_dict()
    assert sample["per_protocol_mbsr"] == (pre["sessions"] >= 6).sum()
    assert sample["acute_crp"] == frame["crp_acute"].sum()
    for marker, count in sample["below_lod"].items():
        assert count == frame[f"{marker}_below_lod"].sum(), marker


def test_sample_effects_are_near_the_population(truth: dict[str, Any], waves: pd.DataFrame) -> None:
    """Each difference of mean changes within three standard errors of what was planted."""
    for name, planted in truth["population"]["outcomes"].items():
        groups = [g for _, g in change(waves, name).groupby("arm", sort=True)]
        effect = groups[0].mean() - groups[1].mean()
        error = np.sqrt(sum(g.var() / len(g) for g in groups))
        assert abs(effect - planted["effect"]) < 3 * error, name


def test_planted_directions_show_in_the_sample(waves: pd.DataFrame) -> None:
    for name in ("fiqr_total", "pips_total", "pcs_total", "pss_total", "hads_total"):
        means = change(waves, name).groupby("arm").mean()
        assert means["MBSR"] < means["TAU"], name
    il10 = change(waves, "ln_il10").groupby("arm").mean()
    assert il10["TAU"] < -0.1
    assert abs(il10["MBSR"]) < 0.1


@pytest.mark.parametrize("item", PLANTED_ITEMS)
def test_baseline_cxcl8_attenuates_the_planted_item(waves: pd.DataFrame, item: str) -> None:
    slopes = {}
    for arm in ("TAU", "MBSR"):
        y = change(waves, item)[arm]
        z = waves["ln_cxcl8"]["pre"][arm].reindex(y.index).dropna()
        slopes[arm] = np.polyfit(z, y.reindex(z.index), 1)[0]
    assert slopes["MBSR"] - slopes["TAU"] > 0.5


def test_dropout_depends_on_baseline_fiqr_and_not_on_arm(generator: dict[str, ModuleType]) -> None:
    simulate = generator["simulate"]
    rng = Generator(PCG64(7))
    people = simulate.populate(rng, 40_000)
    lost = simulate.lost_at_post(rng, people)
    fiqr = people.columns["fiqr_total"][:, 0]
    quarter = np.searchsorted(np.quantile(fiqr, [0.25, 0.5, 0.75]), fiqr)
    shares = [lost[quarter == q].mean() for q in range(4)]
    assert shares == sorted(shares)
    assert shares[3] > 3 * shares[0]
    for q in range(4):
        arms = [lost[(quarter == q) & (people.mbsr == arm)].mean() for arm in (False, True)]
        assert abs(arms[1] - arms[0]) < 0.03, f"quarter {q + 1}"


def test_seed_meets_every_condition(
    generator: dict[str, ModuleType], truth: dict[str, Any]
) -> None:
    planted, simulate = generator["planted"], generator["simulate"]
    assert truth["seed"] == planted.SEED
    assert planted.unmet(simulate.trial(planted.SEED)) == []


@pytest.mark.exhaustive
def test_seed_is_the_first_that_does(generator: dict[str, ModuleType]) -> None:
    planted, simulate = generator["planted"], generator["simulate"]
    met = [s for s in range(1, planted.SEED) if not planted.unmet(simulate.trial(s))]
    assert met == []
