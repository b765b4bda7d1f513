"""The export of Beat the Blues against what is printed about it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import minimize_scalar

from .study_files import StudyFiles

Floats = npt.NDArray[np.float64]


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


def profiled(theta: float, blocks: list[tuple[Floats, Floats]]) -> tuple[float, Floats]:
    """Minus twice the profiled log-likelihood of a random intercept, and its fixed effects.

    Args:
        theta: Standard deviation of the intercepts relative to the residual's.
        blocks: Response (n_i,) and design (n_i, p) of each patient.
    """
    n = sum(len(y) for y, _ in blocks)
    logdet, cross, right, square = 0.0, 0.0, 0.0, 0.0
    for y, x in blocks:
        v = np.eye(len(y)) + theta**2
        logdet += np.linalg.slogdet(v)[1]
        cross += x.T @ np.linalg.solve(v, x)
        right += x.T @ np.linalg.solve(v, y)
        square += y @ np.linalg.solve(v, y)
    beta = np.linalg.solve(cross, right)
    sigma2 = (square - right @ beta) / n
    return logdet + n * (1 + np.log(2 * np.pi * sigma2)), beta


def test_gives_the_fit_the_handbook_prints(btheb: StudyFiles) -> None:
    """Maximum likelihood, random intercept: HSAUR3's vignette on longitudinal data, part I."""
    rows = btheb.frame.assign(
        pre=btheb.frame.groupby("subject")["bdi"].transform("first"),
        treated=(btheb.frame["treatment"] == "BtheB").astype(float),
        drugs=(btheb.frame["drug"] == "Yes").astype(float),
        long=(btheb.frame["length"] == ">6m").astype(float),
        one=1.0,
    )
    rows = rows[(rows["months"] > 0) & rows["bdi"].notna()]
    design = ["one", "pre", "months", "treated", "drugs", "long"]
    blocks = [(r["bdi"].to_numpy(), r[design].to_numpy()) for _, r in rows.groupby("subject")]
    theta = minimize_scalar(lambda t: profiled(t, blocks)[0], bounds=(0.1, 5), method="bounded").x
    deviance, beta = profiled(theta, blocks)
    printed = [5.59239, 0.63968, -0.70476, -2.32908, -2.82495, 0.19708]
    assert beta == pytest.approx(printed, abs=2e-5)
    assert theta == pytest.approx(6.984 / 5.014, abs=5e-4)
    assert deviance == pytest.approx(1871.5, abs=0.05)
