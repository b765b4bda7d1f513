"""The synthetic trial as a data manager would check it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from .study_files import StudyFiles

MARKERS = ("il6", "cxcl8", "il10")
TRAITS = [
    "arm",
    "randomised_on",
    "cohort",
    "disposition",
    "lost_reason",
    "sessions",
    "age",
    "height_cm",
    "synthetic",
    "education",
    "years_ill",
    "menopause",
    "cigarettes",
    "caffeine",
    "comorbidities",
    "antidepressant",
    "opioid",
]
FFMQ = [f"ffmq_{k:02d}" for k in (3, 4, 7, 8, 9, 13, 14)]
SCS = [f"scs_{k:02d}" for k in (1, 4, 8, 9, 11, 12)]


def test_says_that_it_is_synthetic(mbsr: StudyFiles) -> None:
    assert mbsr.plan["study"]["synthetic"] is True
    assert (mbsr.text["synthetic"] == "true").all()


def test_thirty_five_women_an_arm_each_with_a_baseline(mbsr: StudyFiles) -> None:
    pre = mbsr.frame[mbsr.frame["time"] == "pre"]
    assert pre["arm"].value_counts().to_dict() == {"TAU": 35, "MBSR": 35}
    assert set(pre["id"]) == set(mbsr.frame["id"])


def test_lost_women_have_a_reason_and_no_post_row(mbsr: StudyFiles) -> None:
    lost = mbsr.frame["disposition"] == "lost"
    assert (mbsr.frame["lost_reason"].notna() == lost).all()
    visits = mbsr.frame.groupby("id")["time"].apply(set)
    state = mbsr.frame.groupby("id")["disposition"].first()
    assert (visits[state == "lost"] == {"pre"}).all()
    assert (visits[state == "completed"] == {"pre", "post"}).all()
    assert 0.10 <= (state == "lost").mean() <= 0.15


@pytest.mark.parametrize("trait", TRAITS)
def test_trait_is_constant_within_woman(mbsr: StudyFiles, trait: str) -> None:
    assert (mbsr.text.groupby("id")[trait].nunique() == 1).all()


def test_sessions_belong_to_mbsr(mbsr: StudyFiles) -> None:
    assert (mbsr.frame["sessions"].isna() == (mbsr.frame["arm"] == "TAU")).all()
    completed = mbsr.frame[(mbsr.frame["arm"] == "MBSR") & (mbsr.frame["time"] == "post")]
    assert (completed["sessions"] < 6).any(), "per protocol equals the completers"


@pytest.mark.parametrize("item", ["pss_04", "pss_05", "pss_07", "pss_08"])
def test_reversed_item_is_four_minus_the_answer(mbsr: StudyFiles, item: str) -> None:
    assert (mbsr.frame[f"{item}r"] == 4 - mbsr.frame[item]).all()


@pytest.mark.parametrize("item", [*FFMQ, *SCS])
def test_reversed_item_is_six_minus_the_answer(mbsr: StudyFiles, item: str) -> None:
    assert (mbsr.frame[f"{item}r"] == 6 - mbsr.frame[item]).all()
    directions = set(mbsr.codebook.loc[[item, f"{item}r"], "direction"])
    assert directions == {"higher is worse", "higher is better"}


def test_each_item_goes_with_the_rest_of_its_scale(mbsr: StudyFiles) -> None:
    pre = mbsr.frame[mbsr.frame["time"] == "pre"]
    for variable, row in mbsr.codebook[mbsr.codebook["items"] != ""].iterrows():
        items = row["items"].partition(" / ")[0].split(";")
        for item in items:
            rest = pre[[other for other in items if other != item]].sum(axis=1)
            assert pre[item].corr(rest) > 0, f"{item} against the rest of {variable}"


@pytest.mark.parametrize("marker", MARKERS)
def test_below_the_limit_stands_half_the_limit(mbsr: StudyFiles, marker: str) -> None:
    limit = float(mbsr.codebook.loc[marker, "lod"])
    given = mbsr.frame[mbsr.frame[marker].notna()]
    below = given[f"{marker}_below_lod"] == 1
    assert (given.loc[below, marker] == limit / 2).all()
    assert (given.loc[~below, marker] >= limit).all()


def test_limits_are_the_declared_ones(mbsr: StudyFiles) -> None:
    limits = {m: float(mbsr.codebook.loc[m, "lod"]) for m in MARKERS}
    assert limits == {"il6": 0.11, "cxcl8": 0.13, "il10": 0.56}


def test_acute_crp_is_flagged(mbsr: StudyFiles) -> None:
    given = mbsr.frame[mbsr.frame["crp"].notna()]
    assert ((given["crp"] > 10) == (given["crp_acute"] == 1)).all()


def test_a_visit_without_blood_has_no_marker_at_all(mbsr: StudyFiles) -> None:
    columns = ["plate", *MARKERS, *(f"{m}_below_lod" for m in MARKERS), "crp", "crp_acute"]
    empty = mbsr.frame[columns].isna()
    assert (empty.nunique(axis=1) == 1).all()
    assert empty["plate"].sum() == 3


@pytest.mark.parametrize("marker", MARKERS)
def test_two_wells_have_a_cv_where_there_is_something_to_measure(
    mbsr: StudyFiles, marker: str
) -> None:
    given = mbsr.frame[f"{marker}_cv"].notna()
    assert (given == (mbsr.frame[f"{marker}_below_lod"] == 0)).all()
    assert mbsr.frame[f"{marker}_cv"].max() <= 20


def test_draws_are_known_of_every_sample_and_no_other(mbsr: StudyFiles) -> None:
    for fact in ("draw_hour", "fasting"):
        assert (mbsr.frame[fact].notna() == (mbsr.text["plate"] != "")).all(), fact


def test_a_womans_visits_share_a_plate(mbsr: StudyFiles) -> None:
    assert (mbsr.frame.dropna(subset=["plate"]).groupby("id")["plate"].nunique() == 1).all()


def test_plates_hold_as_many_of_each_arm(mbsr: StudyFiles) -> None:
    number = mbsr.frame["id"].str[1:].astype(int)
    women = mbsr.frame.assign(block=(number - 1) // 10).drop_duplicates("id")
    assert (pd.crosstab(women["block"], women["arm"]) == 5).all().all()
    assert (women.dropna(subset=["plate"]).groupby("block")["plate"].nunique() == 1).all()


def test_bmi_is_weight_over_height_squared(mbsr: StudyFiles) -> None:
    bmi = mbsr.frame["weight_kg"] / (mbsr.frame["height_cm"] / 100) ** 2
    assert (bmi - mbsr.frame["bmi"]).abs().max() <= 0.05 + 1e-9


def test_dates_are_in_order_on_weekdays(mbsr: StudyFiles) -> None:
    dates = mbsr.frame.pivot(index="id", columns="time", values="date")
    drawn = mbsr.frame.groupby("id")["randomised_on"].first()
    assert (dates["pre"] <= drawn).all()
    assert drawn.is_monotonic_increasing, "women are numbered in the order of randomisation"
    post = dates["post"].dropna()
    assert (drawn.reindex(post.index) < post).all()
    weeks = (dates["post"] - dates["pre"]).dropna().dt.days / 7
    assert weeks.between(6, 16).all()
    assert (mbsr.frame["date"].dt.day_of_week < 5).all()
    assert (mbsr.frame["randomised_on"].dt.day_of_week < 5).all()


def test_no_two_visits_give_the_same_answers(mbsr: StudyFiles) -> None:
    items = [v for v in mbsr.codebook.index if v.rpartition("_")[2].isdigit()]
    assert len(items) == 21 + 12 + 13 + 10 + 14 + 25 + 10 + 15 + 12
    assert not mbsr.text.duplicated(items).any()


def test_efficacy_analyses_every_questionnaire_score(mbsr: StudyFiles) -> None:
    efficacy = next(a for a in mbsr.plan["analyses"] if a["id"] == "efficacy")
    assert sorted(efficacy["outcomes"]) == sorted(mbsr.codebook.index[mbsr.codebook["items"] != ""])
    assert efficacy["sets"] == ["ITT", "PP"]


def test_every_random_intercept_fit_is_interior(mbsr: StudyFiles) -> None:
    """Pre and post correlate positively within arm, so the intercept variance is not 0."""
    derived = mbsr.frame.assign(**{f"ln_{m}": np.log(mbsr.frame[m]) for m in (*MARKERS, "crp")})
    names = [*mbsr.codebook.index[mbsr.codebook["items"] != ""], "ln_il6", "ln_cxcl8", "ln_il10"]
    protocol = (derived["arm"] == "TAU") | (derived["sessions"] >= 6)
    for name in (*names, "ln_crp"):
        for rows in (derived, derived[protocol]):
            wide = rows.pivot(index=["arm", "id"], columns="time", values=name).dropna()
            centred = wide - wide.groupby("arm").transform("mean")
            r = centred["pre"].corr(centred["post"])
            assert r > 0.3, f"{name}: pre and post correlate {r:.2f}"
