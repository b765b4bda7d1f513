"""The export of Beat the Blues against what is printed about it."""

from __future__ import annotations

from .study_files import StudyFiles


def test_size_is_hundred_patients_by_five_visits(btheb: StudyFiles) -> None:
    assert len(btheb.frame) == 500
    arms = btheb.frame.groupby("treatment")["subject"].nunique()
    assert arms.to_dict() == {"BtheB": 52, "TAU": 48}


def test_post_scores_are_those_the_handbook_fits(btheb: StudyFiles) -> None:
    """Everitt and Hothorn's lmer of the post-treatment scores: 280 observations, 97 subjects."""
    post = btheb.frame[(btheb.frame["months"] > 0) & btheb.frame["bdi"].notna()]
    assert (len(post), post["subject"].nunique()) == (280, 97)


def test_month_and_months_are_one_number(btheb: StudyFiles) -> None:
    assert (btheb.text["month"] == btheb.text["months"]).all()


def test_n_scores_counts_the_scores(btheb: StudyFiles) -> None:
    counted = btheb.frame.groupby("subject")["bdi"].transform("count")
    assert (counted == btheb.frame["n_scores"]).all()


def test_dropout_is_monotone(btheb: StudyFiles) -> None:
    missing = btheb.frame.pivot(index="subject", columns="months", values="bdi").isna().astype(int)
    assert (missing.diff(axis=1).iloc[:, 1:] >= 0).to_numpy().all()


def test_traits_are_constant_within_patient(btheb: StudyFiles) -> None:
    for trait in ("treatment", "drug", "length", "n_scores"):
        assert (btheb.text.groupby("subject")[trait].nunique() == 1).all(), trait
