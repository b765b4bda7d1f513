"""The synthetic three-arm trial as a data manager would check it, and the truth beside it."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.random import PCG64, Generator

from .study_files import StudyFiles

ARMS = ["TAU", "MBSR", "FibroQoL"]
TIMES = ["pre", "post", "m6", "m12"]
FUNCTION = [f"fiqr_{k:02d}" for k in range(1, 10)]
IMPACT = [f"fiqr_{k:02d}" for k in range(10, 12)]
SYMPTOMS = [f"fiqr_{k:02d}" for k in range(12, 22)]


@pytest.fixture(scope="module")
def truth(eudaimon3: StudyFiles) -> dict[str, Any]:
    return json.loads((eudaimon3.folder / "truth" / "planted.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def outcomes(eudaimon3: StudyFiles) -> pd.DataFrame:
    """The three outcomes, scored here in words of its own."""
    frame = eudaimon3.frame
    fiqr = frame[FUNCTION].mean(axis=1) * 3 + frame[IMPACT].mean(axis=1) * 2
    return frame[["id", "arm", "time"]].assign(
        fiqr_total=fiqr + frame[SYMPTOMS].mean(axis=1) * 5,
        pcs_total=frame["pcs_total"],
        fsdc_total=frame["wpi"] + frame["sss"],
    )


def changes(outcomes: pd.DataFrame, name: str) -> pd.DataFrame:
    """Change from baseline, one row a patient, a column a later visit, indexed by arm."""
    wide = outcomes.pivot(index=["arm", "id"], columns="time", values=name)
    return wide[TIMES[1:]].sub(wide["pre"], axis=0).droplevel("id")


def test_says_that_it_is_synthetic(eudaimon3: StudyFiles) -> None:
    assert eudaimon3.plan["study"]["synthetic"] is True
    assert (eudaimon3.text["synthetic"] == "true").all()
    assert "**SYNTHETIC.**" in (eudaimon3.folder / "README.md").read_text(encoding="utf-8")


def test_seventy_five_an_arm_each_with_a_baseline(eudaimon3: StudyFiles) -> None:
    pre = eudaimon3.frame[eudaimon3.frame["time"] == "pre"]
    assert pre["arm"].value_counts().to_dict() == dict.fromkeys(ARMS, 75)
    assert set(pre["id"]) == set(eudaimon3.frame["id"])


def test_who_is_lost_does_not_come_back(eudaimon3: StudyFiles) -> None:
    visits = eudaimon3.frame.groupby("id")["time"].agg(list)
    assert all(made == TIMES[: len(made)] for made in visits)
    state = eudaimon3.frame.groupby("id")["disposition"].first()
    assert ((state == "completed") == (visits.map(len) == 4)).all()


def test_groups_lie_in_one_cohort_and_one_arm(eudaimon3: StudyFiles) -> None:
    """Partial nesting: twenty groups of eight or seven in two arms, none in usual treatment."""
    pre = eudaimon3.frame[eudaimon3.frame["time"] == "pre"]
    assert ((pre["group"] == "none") == (pre["arm"] == "TAU")).all()
    groups = pre[pre["group"] != "none"].groupby("group")
    assert (groups[["cohort", "arm"]].nunique() == 1).all().all()
    assert sorted(groups.size()) == [7] * 10 + [8] * 10
    assert (pd.crosstab(pre["cohort"], pre["arm"]) == 15).all().all()


def test_at_most_one_answer_of_a_domain_is_skipped(eudaimon3: StudyFiles) -> None:
    empty = eudaimon3.frame.isna()
    for domain in (FUNCTION, SYMPTOMS):
        assert set(empty[domain].sum(axis=1)) == {0, 1}
    rest = [c for c in eudaimon3.frame if c not in [*FUNCTION, *SYMPTOMS, "sessions"]]
    assert not empty[rest].any().any()


def test_population_meets_what_the_readme_says(truth: dict[str, Any]) -> None:
    found = truth["population"]["outcomes"]
    for name, mean, sd in (("fiqr_total", 64, 18), ("pcs_total", 28, 12), ("fsdc_total", 19, 5)):
        assert found[name]["baseline_mean"] == pytest.approx(mean, rel=0.05), name
        assert found[name]["baseline_sd"] == pytest.approx(sd, rel=0.06), name
        assert found[name]["pre_post_r_tau"] == pytest.approx(0.6, abs=0.05), name
    planted = truth["planted"]["scales"]
    for name in ("fiqr", "pcs", "fsdc"):
        for arm in ARMS[1:]:
            moved = list(found[f"{name}_total"]["effect"][arm].values())
            order = np.argsort(planted[name]["course"][arm], kind="stable")
            assert (np.diff(np.array(moved)[order]) > -0.25).all(), (name, arm)
    lost = truth["population"]["lost_by"]
    assert 0.10 <= lost["post"] <= 0.15
    assert 0.20 <= lost["m12"] <= 0.28


def test_sample_truth_recomputes_from_the_file(
    truth: dict[str, Any], outcomes: pd.DataFrame, eudaimon3: StudyFiles
) -> None:
    sample = truth["sample"]
    assert sample["rows"] == len(outcomes)
    assert sample["visits"] == eudaimon3.plan["gate"]["parameters"]["consort"]
    assert sample["skipped_answers"] == eudaimon3.frame[FUNCTION + SYMPTOMS].isna().sum().sum()
    for name, facts in sample["outcomes"].items():
        pre = outcomes.loc[outcomes["time"] == "pre", name]
        assert pre.mean() == pytest.approx(facts["baseline_mean"], abs=1e-4), name
        assert pre.std() == pytest.approx(facts["baseline_sd"], abs=1e-4), name
        means = changes(outcomes, name).groupby(level="arm").mean()
        for arm in ARMS[1:]:
            effect = (means.loc[arm] - means.loc["TAU"]).to_dict()
            assert effect == pytest.approx(facts["effect"][arm], abs=1e-4), (name, arm)


def test_sample_effects_are_near_the_population(
    truth: dict[str, Any], outcomes: pd.DataFrame
) -> None:
    """Each difference of mean changes within three standard errors of what was planted."""
    for name, facts in truth["population"]["outcomes"].items():
        by_arm = changes(outcomes, name).groupby(level="arm")
        mean, error = by_arm.mean(), by_arm.var() / by_arm.count()
        for arm in ARMS[1:]:
            for visit in TIMES[1:]:
                off = mean.loc[arm, visit] - mean.loc["TAU", visit] - facts["effect"][arm][visit]
                limit = 3 * np.sqrt(error.loc[arm, visit] + error.loc["TAU", visit])
                assert abs(off) < limit, (name, arm, visit)


def test_drop_out_follows_the_last_fiqr_and_not_the_arm(generator3: dict[str, ModuleType]) -> None:
    simulate = generator3["simulate"]
    rng = Generator(PCG64(7))
    people = simulate.populate(rng, 45_000)
    fiqr = simulate.scored(people.columns)["fiqr_total"]
    made = simulate.visits_made(rng, fiqr)
    for visit in (1, 2, 3):
        still = made >= visit
        lost = made[still] == visit
        quarter = np.searchsorted(
            np.quantile(fiqr[still, visit - 1], [0.25, 0.5, 0.75]), fiqr[still, visit - 1]
        )
        shares = [lost[quarter == q].mean() for q in range(4)]
        assert shares == sorted(shares)
        assert shares[3] > 2.5 * shares[0]
        for q in range(4):
            arms = [lost[(quarter == q) & (people.arm[still] == arm)].mean() for arm in range(3)]
            assert max(arms) - min(arms) < 0.03, f"visit {visit}, quarter {q + 1}"


def test_groups_differ_by_what_was_planted_and_only_after_baseline(
    generator3: dict[str, ModuleType],
) -> None:
    """The spread of group means beyond what patients explain is the planted group SD."""
    simulate, scales = generator3["simulate"], generator3["scales"]
    people = simulate.populate(Generator(PCG64(8)), 90_000)
    fiqr = simulate.scored(people.columns)["fiqr_total"]
    table = pd.DataFrame(fiqr, columns=TIMES).assign(arm=people.arm, group=people.group)
    planted = scales.SCALES[0].group_sd
    for arm, there in ((0, False), (1, True), (2, True)):
        mine = table[table["arm"] == arm]
        # Usual treatment has no groups: any cut into sevens and eights will do.
        by = mine["group"] if there else np.arange(len(mine)) // 8
        for visit in TIMES:
            grouped = mine.groupby(by)[visit]
            n = grouped.size()
            size = (n.sum() - (n**2).sum() / n.sum()) / (len(n) - 1)
            between = (n * (grouped.mean() - mine[visit].mean()) ** 2).sum() / (len(n) - 1)
            within = (grouped.var() * (n - 1)).sum() / (n.sum() - len(n))
            variance = (between - within) / size
            if there and visit != "pre":
                # An item's latent SD is about 3.05 points, and FIQR total has ten of them.
                assert np.sqrt(variance) == pytest.approx(30.5 * planted, rel=0.15), (arm, visit)
            else:
                assert abs(variance) < 2.5, (arm, visit)


def test_seed_meets_every_condition_and_is_the_first(
    generator3: dict[str, ModuleType], truth: dict[str, Any]
) -> None:
    planted, simulate = generator3["planted"], generator3["simulate"]
    assert truth["seed"] == planted.SEED
    met = [s for s in range(1, planted.SEED + 1) if not planted.unmet(simulate.trial(s))]
    assert met == [planted.SEED]
