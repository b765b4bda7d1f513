"""Repeated measures against SAS PROC MIXED: listings that the authors of R's mmrm published.

Data and numbers: github.com/openpharma/mmrm (Apache-2.0), a simulated trial of 200 patients and
four visits. ``fev.csv`` is typed from the listing design/SAS/sas_resid_un.txt (commit c0f4e28),
nine decimals; that SAS's criterion comes out to ten digits says it was typed correctly. The rest
is from design/SAS/sas_log_reml.txt, design/KR/{kr1_us,kr_cs}.txt and, at full precision,
design/KR/{kr_cs,kr1_csh,kr1_toeph}.csv, design/ddfm_covtype/{kr1_us,kr1_ar1,kr1_arh1,kr_toep}.csv.

SAS stops when the next step promises less than 1e-8 of the criterion, 3e-5 deviance units here; its
covariance parameters are then up to some thousandths of their standard errors off, unless the last
Newton step overshoots that by far, as it does for cs and ar1.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from repeated_dense import dense_criterion

import harness
from harness.engines.port.repeated.fit import RepeatedFit

FULL = "fev1 ~ race + sex + arm * visit"


@cache
def fev() -> pd.DataFrame:
    wide = pd.read_csv(Path(__file__).with_name("fev.csv"))
    long = wide.melt(["id", "arm", "race", "sex"], var_name="visit", value_name="fev1")
    return long.assign(sex=pd.Categorical(long["sex"], categories=["M", "F"]))


@cache
def fitted(formula: str, covariance: str, information: str = "observed") -> RepeatedFit:
    return harness.mmrm(
        formula, fev(), visit="visit", covariance=covariance, information=information
    )


def test_the_data_are_those_sas_read() -> None:
    fit = fitted(FULL, "un")
    assert len(fev()) == 800
    assert fit.n_obs == 537
    assert fit.groups == {"id": 197}  # SAS counts three patients without a value, too


def test_unstructured_reml() -> None:
    fit = fitted(FULL, "un")
    excess = 3386.44987722 - fit.criterion
    assert 0.0 < excess < 3e-5, "SAS is on the way to where we are"
    R = [
        [40.5509, 14.3982, 4.9744, 13.3731],
        [14.3982, 26.5692, 2.7851, 7.4790],
        [4.9744, 2.7851, 14.8970, 0.9017],
        [13.3731, 7.4790, 0.9017, 95.5528],
    ]
    # In the exact likelihood SAS's covariance gives SAS's criterion, but for its four decimals.
    assert dense_criterion(fit, np.array(R)) == pytest.approx(3386.44987722, abs=5e-7)
    assert np.abs(fit.covariance_matrix - R).max() < 5e-3


SOLUTION = {
    "armTRT": (3.7745, 1.0741, 146),
    "visitVIS2": (4.8396, 0.8016, 144),
    "visitVIS3": (10.3422, 0.8227, 156),
    "visitVIS4": (15.0537, 1.3129, 138),
    "armTRT:visitVIS2": (-0.04231, 1.1292, 139),
    "armTRT:visitVIS3": (-0.6939, 1.1876, 158),
    "armTRT:visitVIS4": (0.6240, 1.8510, 130),
    "raceB": (1.5305, 0.6244, 169),
    "raceW": (5.6436, 0.6656, 157),
    "sexF": (0.3262, 0.5319, 166),
    "(Intercept)": (30.7774, 0.8865, 219),
}


@pytest.mark.parametrize("term", SOLUTION)
def test_satterthwaite_solution(term: str) -> None:
    estimate, std_error, df = SOLUTION[term]
    row = fitted(FULL, "un").summary().set_index("term").loc[term]
    printed = 5e-5  # half a unit of the last digit
    assert row["estimate"] == pytest.approx(estimate, abs=printed + 3e-4 * std_error)
    assert row["std_error"] == pytest.approx(std_error, abs=printed + 1e-4 * std_error)
    assert abs(row["df"] - df) < 0.5


@pytest.mark.parametrize(
    ("terms", "df", "f_value"),
    [(("raceB", "raceW"), 166, 36.92), (("sexF",), 166, 0.38), (":", 148, 0.26)],
)
def test_satterthwaite_type_3_tests(terms: tuple[str, ...], df: int, f_value: float) -> None:
    fit = fitted(FULL, "un")
    wanted = [":" in name if terms == ":" else name in terms for name in fit.names]
    test = fit.f_test(np.eye(len(fit.names))[wanted])
    assert abs(test.den_df - df) < 0.5
    assert abs(test.f_value - f_value) < 0.005 + 1e-4 * f_value


TYPE_3 = {
    "arm": (1, 169, 31.67),
    "visit": (3, 148, 142.11),
    "arm:visit": (3, 148, 0.26),
    "race": (2, 166, 36.92),
    "sex": (1, 166, 0.38),
}


def test_joint_tests_are_sas_s_type_3_tests() -> None:
    found = fitted(FULL, "un").joint_tests().set_index("term")
    assert set(found.index) == set(TYPE_3)
    for term, (num_df, den_df, f_value) in TYPE_3.items():
        row = found.loc[term]
        assert row["num_df"] == num_df
        # SAS's own optimum is some 1e-4 off in F.
        assert abs(row["f_value"] - f_value) < 0.005 + 2e-4 * f_value
        if num_df == 1:
            assert abs(row["den_df"] - den_df) < 0.5
    # With several rows Fai and Cornelius's df hang on how the hypothesis is spelt (F does not): SAS
    # takes rows of coefficients, as the test above, marginal means give others.
    assert found.loc["arm:visit", "den_df"] > 155.0


MEANS = {
    "un": {"PBO": (41.0058, 0.4547, 162), "TRT": (44.8255, 0.4801, 159)},
    "cs": {"PBO": (40.2495, 0.5560, 187), "TRT": (44.4461, 0.5703, 168)},
}


@pytest.mark.parametrize("covariance", MEANS)
def test_least_squares_means(covariance: str) -> None:
    means = fitted("fev1 ~ arm", covariance).emmeans("arm", df="kenward-roger").table()
    for row in means.to_dict("records"):
        mean, std_error, df = MEANS[covariance][row["arm"]]
        # SAS is 8e-6 deviance units above the minimum, hence up to 3e-3 errors away from it.
        assert row["emmean"] == pytest.approx(mean, abs=2e-3 * std_error)
        assert row["std_error"] == pytest.approx(std_error, abs=1e-4)
        assert abs(row["df"] - df) < 0.6


@pytest.mark.parametrize(
    ("patient", "scaled", "pearson"),
    [
        ("PT190", (0.63615, 0.53088, -0.28835, 0.96246), (0.63615, 0.75612, -0.12290, 1.11340)),
        ("PT192", (-1.22436, 0.69868, -0.16385, 3.15003), (-1.22436, 0.09081, -0.36817, 2.85267)),
        ("PT1", (-0.23957, -3.23322), (-0.23957, -3.23296)),
    ],
)
def test_residuals(patient: str, scaled: tuple, pearson: tuple) -> None:
    fit = fitted(FULL, "un")
    rows = np.flatnonzero(fit.seen.subject_codes == list(fit.seen.subjects).index(patient))
    assert fit.residuals("normalized")[rows] == pytest.approx(scaled, abs=3e-4)
    assert fit.residuals("pearson")[rows] == pytest.approx(pearson, abs=3e-4)


LINEAR = {
    # FEV1 ~ ARMCD, ddfm=kr(linear) (kr for cs, toep, un, where it is the same): the difference.
    "un": (3.81972492174648, 0.66124382270307, 160.733266403768, 4e-4),
    "cs": (4.19663617897035, 0.7964696053595, 177.038485931223, 2e-6),
    "csh": (3.77090812499029, 0.67403858183242, 190.737701349941, 4e-4),
    "ar1": (4.22574315817874, 0.96058142305176, 188.46934887972, 2e-6),
    "ar1h": (3.72674356244499, 0.75924807546934, 188.225339095373, 1e-4),
    "toep": (4.47051860580552, 0.87839805519623, 160.027408337368, 1e-4),
    "toeph": (3.92287746213894, 0.72537324518435, 180.062730071701, 1e-5),
}


@pytest.mark.parametrize("covariance", LINEAR)
def test_linear_kenward_roger_of_sas_takes_the_observed_information(covariance: str) -> None:
    estimate, std_error, df, limit = LINEAR[covariance]
    fit = fitted("fev1 ~ arm", covariance)
    row = fit.summary("kenward-roger").iloc[1]
    assert abs(row["estimate"] - estimate) < limit * std_error
    assert row["std_error"] == pytest.approx(std_error, rel=limit)
    assert row["df"] == pytest.approx(df, rel=limit)
    assert "observed information" in fit.variant("kenward-roger")
    # By the expected information, pbkrtest's, other numbers come out.
    other = fitted("fev1 ~ arm", covariance, "expected").df("kenward-roger")[1]
    assert abs(other - df) > 10 * limit * df or covariance == "csh"


def test_the_criterion_of_a_step_that_overshot_the_tolerance() -> None:
    assert fitted("fev1 ~ arm", "cs").criterion == pytest.approx(3890.97896859, abs=6e-9)
    assert 0.0 < 3667.96276376 - fitted("fev1 ~ arm", "un").criterion < 3e-5
