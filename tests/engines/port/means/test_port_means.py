"""Marginal means by hand: from raw cell means, by brute force, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import harness
from harness.engines.port.means.comparisons import Contrasts
from harness.engines.port.means.contrasts import contrast_set
from harness.engines.port.means.emmeans import Means
from harness.engines.port.means.grid import reference_grid
from harness.engines.port.repeated.api import mmrm
from harness.errors import ModelError


def trial(n: int = 90, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    arm = rng.choice(["TAU", "MBSR", "CBT"], size=n, p=[0.5, 0.3, 0.2])
    frame = pd.DataFrame(
        {
            "arm": pd.Categorical(arm, ["TAU", "MBSR", "CBT"]),
            "sex": rng.choice(["f", "m"], size=n, p=[0.7, 0.3]),
            "month": rng.choice([2, 3, 8], size=n, p=[0.5, 0.3, 0.2]),
            "x": rng.uniform(1.0, 9.0, size=n),
            "w": rng.uniform(0.5, 3.0, size=n),
            "id": np.arange(n) // 3,
        }
    )
    frame["y"] = rng.normal(size=n) + 0.3 * frame["x"] + frame["id"] % 5
    return frame


def visits(n: int = 30, seed: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"id": np.repeat(np.arange(n), 3), "visit": np.tile(["v1", "v2", "v3"], n)})
    rows["arm"] = np.where(rows["id"] % 2, "MBSR", "TAU")
    rows["y"] = rng.normal(size=3 * n) + rng.normal(size=n)[rows["id"]]
    return rows


class TestByHand:
    def test_means_of_a_full_model_are_means_of_cells(self) -> None:
        frame = trial()
        cells = frame.groupby(["arm", "sex"], observed=True)["y"].mean().unstack()
        counts = frame.groupby(["arm", "sex"], observed=True)["y"].count().unstack()
        fit = harness.lm("y ~ arm * sex", frame)
        share = counts.sum() / len(frame)
        for weights, wanted in {
            "equal": cells.mean(axis=1),
            "proportional": (cells * share).sum(axis=1),
            "outer": (cells * share).sum(axis=1),
            "cells": frame.groupby("arm", observed=True)["y"].mean(),
            "flat": cells.mean(axis=1),
        }.items():
            table = fit.emmeans("arm", weights=weights).table()
            assert table["emmean"].to_numpy() == pytest.approx(wanted.to_numpy(), rel=1e-12)
            assert table["arm"].tolist() == ["TAU", "MBSR", "CBT"]
        assert fit.emmeans([]).table()["emmean"].iloc[0] == pytest.approx(cells.to_numpy().mean())

    def test_an_ancova_mean_is_at_the_covariates_mean(self) -> None:
        frame = trial()
        fit = harness.lm("y ~ arm + x", frame)
        beta = fit.beta
        wanted = beta[0] + np.array([0.0, beta[1], beta[2]]) + beta[3] * frame["x"].mean()
        table = fit.emmeans("arm").table()
        assert table["emmean"].to_numpy() == pytest.approx(wanted, rel=1e-13)
        L = np.column_stack([np.ones(3), [0, 1, 0], [0, 0, 1], np.full(3, frame["x"].mean())])
        assert table["std_error"].to_numpy() ** 2 == pytest.approx(
            (L @ fit.vcov @ L.T).diagonal(), rel=1e-12
        )
        half = stats.t.ppf(0.975, len(frame) - 4) * table["std_error"]
        assert (table["conf_high"] - table["emmean"]).to_numpy() == pytest.approx(half.to_numpy())
        assert set(table["df_method"]) == {"residual"}

    @pytest.mark.parametrize("coding", ["sum", "helmert", "poly"])
    def test_the_coding_of_factors_changes_nothing(self, coding: str) -> None:
        frame = trial()
        plain = harness.lmer("y ~ arm * sex + x + (1 | id)", frame)
        coded = harness.lmer(
            "y ~ arm * sex + x + (1 | id)", frame, contrasts={"arm": coding, "sex": "sum"}
        )
        for df in ("satterthwaite", "kenward-roger"):
            ours, theirs = (f.emmeans("arm", by="sex", df=df).table() for f in (plain, coded))
            for column in ("emmean", "std_error", "df"):
                assert ours[column].to_numpy() == pytest.approx(theirs[column].to_numpy(), rel=1e-8)
        assert plain.joint_tests()["f_value"].to_numpy() == pytest.approx(
            coded.joint_tests()["f_value"].to_numpy(), rel=1e-7
        )

    @pytest.mark.parametrize("unit", [1e-6, 1e9])
    def test_units_and_origins_change_nothing(self, unit: float) -> None:
        frame = trial()
        formula = "y ~ arm * sex + x + (1 | id)"
        moved = frame.assign(y=frame["y"] * unit, x=frame["x"] + 1e5)
        base, other = (harness.lmer(formula, data) for data in (frame, moved))
        for df in ("satterthwaite", "kenward-roger"):
            a = base.emmeans("arm", by="sex", df=df).contrast("pairwise").table()
            b = other.emmeans("arm", by="sex", df=df).contrast("pairwise").table()
            assert b["estimate"].to_numpy() / unit == pytest.approx(a["estimate"].to_numpy())
            assert b["std_error"].to_numpy() / unit == pytest.approx(a["std_error"], rel=1e-8)
            assert b["df"].to_numpy() == pytest.approx(a["df"].to_numpy(), rel=1e-7)

    def test_the_two_wave_interaction_is_the_t_test_on_change(self) -> None:
        rng = np.random.default_rng(5)
        pre, post = rng.normal(size=(2, 40))
        arm = np.resize(["a", "b"], 40)
        frame = pd.DataFrame(
            {
                "y": np.concatenate([pre, post + pre]),
                "time": ["pre"] * 40 + ["zpost"] * 40,
                "arm": np.tile(arm, 2),
                "id": np.tile(np.arange(40), 2),
            }
        )
        fit = harness.lmer("y ~ arm * time + (1 | id)", frame)
        row = fit.emmeans(["arm", "time"], interaction="pairwise").table().iloc[0]
        test = stats.ttest_ind(post[arm == "a"], post[arm == "b"])
        assert row["statistic"] == pytest.approx(-test.statistic, rel=1e-10)
        assert row["p_value"] == pytest.approx(test.pvalue, rel=1e-9)
        assert row["df"] == pytest.approx(38.0)
        assert (row["arm_pairwise"], row["time_pairwise"]) == ("a - b", "pre - zpost")


class TestGrid:
    def test_what_becomes_of_each_kind_of_variable(self) -> None:
        frame = trial().assign(flag=lambda d: d["x"] > 5, two=lambda d: (d["w"] > 1) + 3.0)
        fit = harness.lm("y ~ arm + sex + factor(month) + log(x) + flag + two", frame)
        values = reference_grid(fit.design).values
        assert values["month"] == (2.0, 3.0, 8.0)
        assert values["two"] == (3.0, 4.0)
        assert values["flag"] == ("FALSE", "TRUE")
        assert values["x"] == (pytest.approx(frame["x"].mean(), rel=1e-15),)
        counts = reference_grid(fit.design).counts
        assert counts.sum() == len(frame)
        table = fit.emmeans("flag", at={"flag": [True], "month": ["3", 8]}).table()
        assert table["flag"].tolist() == ["TRUE"]

    def test_scale_and_poly_keep_the_constants_of_the_data(self) -> None:
        frame = trial()
        at = {"x": [1.0, 4.0, 12.0]}
        plain = harness.lm("y ~ arm + x + I(x^2)", frame).emmeans("x", at=at).table()
        for formula in ("y ~ arm + poly(x, 2)", "y ~ arm + scale(x) + I(scale(x)^2)"):
            other = harness.lm(formula, frame).emmeans("x", at=at).table()
            for column in ("emmean", "std_error"):
                assert other[column].to_numpy() == pytest.approx(plain[column].to_numpy(), rel=1e-9)

    def test_an_offset_is_held_at_its_mean_and_cancels_in_contrasts(self) -> None:
        frame = trial()
        free = harness.lm("y ~ arm + x", frame.assign(y=frame["y"] - frame["w"]))
        fit = harness.lm("y ~ arm + x", frame, offset="w")
        wanted = free.emmeans("arm").table()["emmean"] + frame["w"].mean()
        got = fit.emmeans("arm")
        assert got.table()["emmean"].to_numpy() == pytest.approx(wanted.to_numpy(), rel=1e-12)
        assert got.contrast("pairwise").functions.constant.tolist() == [0.0, 0.0, 0.0]
        with pytest.raises(ModelError, match="an offset takes part"):
            got.joint()
        assert fit.emtrends("arm", var="x").table()["trend"].iloc[0] == fit.beta[3]

    def test_weights_of_rows_are_no_frequencies(self) -> None:
        frame = trial()
        fit = harness.lm("y ~ arm + sex", frame, weights="w")
        share = (frame["sex"] == "m").mean()
        got = fit.emmeans("arm", weights="proportional").table()["emmean"].iloc[0]
        assert got == pytest.approx(fit.beta[0] + share * fit.beta[3], rel=1e-12)


class TestTrends:
    @pytest.mark.parametrize(
        ("term", "slope"),
        [
            ("log(x)", lambda x, b: b / x),
            ("log2(x)", lambda x, b: b / x / np.log(2)),
            ("log10(x)", lambda x, b: b / x / np.log(10)),
            ("log1p(x)", lambda x, b: b / (1 + x)),
            ("exp(x)", lambda x, b: b * np.exp(x)),
            ("sqrt(x)", lambda x, b: b / 2 / np.sqrt(x)),
            ("I(1 / x)", lambda x, b: -b / x**2),
            ("I(x^3)", lambda x, b: 3 * b * x**2),
            ("I(-x * (x - 2))", lambda x, b: b * (2 - 2 * x)),
            ("I(2^x)", lambda x, b: b * 2**x * np.log(2)),
            ("center(x)", lambda x, b: b + 0 * x),
            ("log(scale(x) + 5)", None),
        ],
    )
    def test_derivatives(self, term: str, slope: object) -> None:
        frame = trial()
        fit = harness.lm(f"y ~ arm + {term}", frame)
        x = np.array([1.5, 3.0, 7.0])
        if slope is None:
            s = frame["x"].std()
            wanted = fit.beta[3] / s / ((x - frame["x"].mean()) / s + 5)
        else:
            wanted = slope(x, fit.beta[3])
        got = fit.emtrends("x", var="x", at={"x": x.tolist()}).table()
        assert got["trend"].to_numpy() == pytest.approx(wanted, rel=1e-10)
        assert got["x"].tolist() == x.tolist()

    def test_poly_and_interactions_by_differences(self) -> None:
        frame = trial()
        fit = harness.lm("y ~ arm * poly(x, 3) + x:sex", frame)
        h = 1e-4
        for x in (2.0, 6.5):
            up, down = (
                fit.emmeans("arm", at={"x": x + d}).table()["emmean"].to_numpy() for d in (h, -h)
            )
            got = fit.emtrends("arm", var="x", at={"x": x}).table()["trend"].to_numpy()
            assert got == pytest.approx((up - down) / (2 * h), rel=1e-6)

    def test_what_has_no_slope(self) -> None:
        fit = harness.lm("y ~ arm + factor(month) + sqrt(x)", trial())
        with pytest.raises(ModelError, match=r"`month` is a factor in the model"):
            fit.emtrends("arm", var="month")
        with pytest.raises(ModelError, match="no fixed effect depends on `w`"):
            fit.emtrends("arm", var="w")
        with pytest.raises(ModelError, match=r"`sqrt\(x\)` has no finite slope at x = 0"):
            fit.emtrends("arm", var="x", at={"x": 0.0})


class TestEstimability:
    def empty(self) -> pd.DataFrame:
        return trial().query("not (arm == 'CBT' and sex == 'm')").reset_index(drop=True)

    def test_an_empty_cell_has_no_mean_and_says_so(self) -> None:
        fit = harness.lm("y ~ arm * sex", self.empty())
        assert fit.design.dropped == ("armCBT:sexm",)
        table = fit.emmeans(["arm", "sex"]).table()
        lost = (table["arm"] == "CBT") & (table["sex"] == "m")
        assert table.loc[lost, ["emmean", "std_error", "df", "conf_low"]].isna().all(axis=None)
        assert table.loc[lost, "note"].tolist() == ["non-estimable"]
        assert (table.loc[~lost, "note"] == "").all()
        assert table.loc[~lost, "emmean"].notna().all()
        assert fit.emmeans("arm").table()["note"].tolist() == ["", "", "non-estimable"]
        cells = fit.emmeans("arm", weights="cells").table()
        wanted = self.empty().groupby("arm", observed=True)["y"].mean()
        assert cells["emmean"].to_numpy() == pytest.approx(wanted.to_numpy(), rel=1e-12)

    def test_a_contrast_can_be_estimable_though_its_means_are_not(self) -> None:
        # The covariate is twice another one: no mean at x alone, but differences between arms.
        frame = trial().assign(twice=lambda d: 2 * d["x"] + 1)
        fit = harness.lm("y ~ arm + x + twice", frame)
        at = {"x": 1.0, "twice": 0.0}
        means = fit.emmeans("arm", at=at)
        assert set(means.table()["note"]) == {"non-estimable"}
        got = means.contrast("pairwise").table()
        wanted = harness.lm("y ~ arm + x", frame).emmeans("arm", contrast="pairwise").table()
        for column in ("estimate", "std_error", "p_value", "conf_low"):
            assert got[column].to_numpy() == pytest.approx(wanted[column].to_numpy(), rel=1e-9)
        on_the_line = fit.emmeans("arm", at={"x": 1.0, "twice": 3.0}).table()
        assert (on_the_line["note"] == "").all()

    @pytest.mark.parametrize("unit", [1e-6, 1.0, 1e9])
    def test_no_unit_of_a_covariate_decides_it(self, unit: float) -> None:
        frame = self.empty().assign(x=lambda d: d["x"] * unit)
        fit = harness.lm("y ~ arm * sex + x", frame)
        notes = fit.emmeans(["arm", "sex"]).table()["note"]
        assert (notes == "non-estimable").sum() == 1

    def test_a_joint_test_is_of_what_can_be_estimated(self) -> None:
        fit = harness.lm("y ~ arm * sex", self.empty())
        table = fit.joint_tests().set_index("term")
        assert table.loc["arm:sex", "num_df"] == 1
        assert table.loc["arm:sex", "note"] == "df reduced by non-estimability"
        # The one interaction left is that of the first two arms, which a smaller model tests too.
        small = harness.lm("y ~ arm * sex", self.empty().query("arm != 'CBT'"))
        value, variance = small.beta[3], small.vcov[3, 3] / small.sigma**2
        wanted = value**2 / (variance * fit.sigma**2)
        assert table.loc["arm:sex", "f_value"] == pytest.approx(wanted, rel=1e-10)

    def test_cells_without_observations_cannot_be_weighed_by(self) -> None:
        frame = self.empty()
        fit = harness.lm("y ~ arm + sex + x", frame)
        got = fit.emmeans(["arm"], at={"sex": ["m"]}, weights="cells").table()
        assert got["note"].iloc[2].startswith("non-estimable: no observations")
        assert np.isnan(got["emmean"].iloc[2])
        assert fit.emmeans(["arm"], at={"sex": ["m"]}).table()["emmean"].notna().all()

    def test_a_comparison_of_what_is_the_same_is_no_test(self) -> None:
        fit = harness.lm("y ~ arm + x", trial())
        row = fit.emmeans("x", at={"x": [2.0, 2.0]}, contrast="pairwise").table().iloc[0]
        assert (row["estimate"], row["std_error"]) == (0.0, 0.0)
        assert np.isnan(row["p_value"])
        assert row["note"] == "zero whatever the coefficients"


class TestJointTests:
    def test_one_term_is_the_models_f_test(self) -> None:
        fit = harness.lm("y ~ arm + x", trial())
        table = fit.joint_tests().set_index("term")
        test = fit.f_test(np.array([[0.0, 1, 0, 0], [0.0, 0, 1, 0]]))
        assert table.loc["arm", "f_value"] == pytest.approx(test.f_value, rel=1e-11)
        assert table.loc["x", "f_value"] == pytest.approx(fit.table().statistic[3] ** 2, rel=1e-10)

    def test_contrasts_of_a_family_test_what_the_term_tests(self) -> None:
        fit = harness.lmer("y ~ arm * sex + (1 | id)", trial())
        pairs = fit.emmeans("arm", contrast="pairwise", df="kenward-roger").joint().iloc[0]
        term = fit.joint_tests(df="kenward-roger").iloc[0]
        assert pairs["num_df"] == term["num_df"] == 2
        assert pairs["f_value"] == pytest.approx(term["f_value"], rel=1e-9)
        assert pairs["den_df"] == pytest.approx(term["den_df"], rel=1e-9)
        assert pairs["note"] == "df reduced by linear dependence"

    def test_nothing_to_test(self) -> None:
        with pytest.raises(ModelError, match="no term to test"):
            harness.lmer("y ~ arm + (1 | id)", trial()).joint_tests(by="arm")


class TestContrastNames:
    @pytest.mark.parametrize(
        ("method", "names"),
        [
            ("pairwise", ["a - b", "a - (c-d)", "b - (c-d)"]),
            ("revpairwise", ["b - a", "(c-d) - a", "(c-d) - b"]),
            ("trt.vs.ctrl", ["b - a", "(c-d) - a"]),
            ("consec", ["b - a", "(c-d) - b"]),
            ("eff", ["a effect", "b effect", "(c-d) effect"]),
            ("poly", ["linear", "quadratic"]),
        ],
    )
    def test_names_as_emmeans_spells_them(self, method: str, names: list[str]) -> None:
        assert list(contrast_set(method, ["a", "b", "c-d"]).names) == names

    @pytest.mark.parametrize("k", range(2, 12))
    def test_polynomials_are_orthogonal_whole_numbers(self, k: int) -> None:
        C = contrast_set("poly", [str(j) for j in range(k)]).coefficients
        assert (np.round(C) == C).all()
        assert (C.sum(axis=1) == 0.0).all()
        gram = C @ C.T
        assert (gram == np.diag(gram.diagonal())).all()
        x = np.arange(k) - (k - 1) / 2
        for degree, row in enumerate(C, start=1):
            assert row @ x**degree > 0.0
        assert len(C) == min(k - 1, 6)

    def test_polynomials_of_the_book(self) -> None:
        # Fisher & Yates (1963), Statistical Tables, table XXIII, n = 5 and n = 9.
        C = contrast_set("poly", list("abcde")).coefficients
        assert C.tolist() == [
            [-2, -1, 0, 1, 2],
            [2, -1, -2, -1, 2],
            [-1, 2, 0, -2, 1],
            [1, -4, 6, -4, 1],
        ]
        quadratic = contrast_set("poly", list("abcdefghi")).coefficients[1]
        assert quadratic.tolist() == [28, 7, -8, -17, -20, -17, -8, 7, 28]

    def test_numbers_stand_behind_their_variable(self) -> None:
        fit = harness.lm("y ~ factor(month) * sex", trial())
        got = fit.emmeans(["month", "sex"], contrast="trt.vs.ctrl", ref="month3 f").table()
        assert got["contrast"].iloc[0] == "month2 f - month3 f"
        assert len(got) == 5
        by = fit.emmeans("month", by="sex", contrast="pairwise").table()
        assert by["contrast"].tolist()[:2] == ["month2 - month3", "month2 - month8"]
        assert by["sex"].tolist() == ["f", "f", "f", "m", "m", "m"]


def test_a_contrast_regrouped_by_another_variable() -> None:
    fit = harness.lm("y ~ arm * sex", trial())
    means = fit.emmeans(["arm", "sex"])
    assert isinstance(means, Means)
    ours = means.contrast("pairwise", by="arm").table()
    wanted = fit.emmeans("sex", by="arm", contrast="pairwise").table()
    pd.testing.assert_frame_equal(ours, wanted, rtol=1e-12)
    everything = means.contrast("pairwise", by=()).table()
    assert len(everything) == 15


def test_repeated_measures_have_means_too() -> None:
    fit = mmrm("y ~ arm * visit", visits(), subject="id", visit="visit", covariance="un")
    got = fit.emmeans("arm", by="visit", contrast="pairwise", df="kenward-roger")
    assert isinstance(got, Contrasts)
    table = got.table()
    assert table["visit"].tolist() == ["v1", "v2", "v3"]
    assert (table["df_method"] == "kenward-roger").all()
    # Complete data, unstructured: at each visit the t test of two groups.
    data = visits()
    for visit, row in zip(("v1", "v2", "v3"), table.to_dict("records"), strict=True):
        at = data[data["visit"] == visit]
        test = stats.ttest_ind(at.loc[at["arm"] == "MBSR", "y"], at.loc[at["arm"] == "TAU", "y"])
        assert row["statistic"] == pytest.approx(test.statistic, rel=1e-7)


def test_the_reading_of_a_table() -> None:
    fit = harness.lmer("y ~ arm + (1 | id)", trial())
    means = fit.emmeans("arm")
    assert "TAU" in repr(means)
    assert "<table" in means._repr_html_()
    contrasts = means.contrast("pairwise")
    assert "TAU - MBSR" in repr(contrasts)
    assert "note" not in repr(contrasts)
    assert "note" in contrasts.table()
    assert means.L.shape == contrasts.L.shape == (3, 3)
    assert means.method == "satterthwaite"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"specs": "armm"}, "no variable `armm` in the fixed effects; there are: arm, sex, x"),
        ({"specs": "arm", "at": {"z": 1}}, "at: no variable `z`"),
        ({"specs": "arm", "at": {"arm": "ACT"}}, "`arm` has no level `ACT`; it has: TAU"),
        ({"specs": "arm", "at": {"x": "much"}}, "`x` is a number"),
        ({"specs": "arm", "at": {"x": []}}, "no values for `x`"),
        ({"specs": "arm", "at": {"x": -1}}, r"`log\(x\)` is not a finite number at x = -1"),
        ({"specs": "arm", "weights": "some"}, "weights: `some` is none of equal"),
        ({"specs": "arm", "df": "best"}, "unknown df method `best`"),
        ({"specs": "arm", "level": 95}, "level must lie between 0 and 1, not 95"),
        ({"specs": "arm", "adjust": "duncan"}, "adjust: `duncan` is none of none, tukey"),
        ({"specs": "arm", "contrast": "all"}, "no contrasts `all`; one of pairwise"),
        ({"specs": [], "contrast": "pairwise"}, "need two or more means; here is 1"),
        ({"specs": "arm", "contrast": {"a": [1, -1]}}, "contrast `a` needs 3 finite coefficients"),
        ({"specs": "arm", "contrast": {}}, "own contrasts: none given"),
        ({"specs": "arm", "contrast": "trt.vs.ctrl", "ref": "ACT"}, "ref: no mean `ACT`"),
        ({"specs": "arm", "contrast": "trt.vs.ctrl", "ref": 3}, "ref: no mean `3`"),
        ({"specs": "arm", "contrast": "eff", "interaction": "eff"}, "not for both"),
        ({"specs": "arm", "interaction": ["eff", "eff"]}, "2 methods for 1 variables"),
    ],
)
def test_what_cannot_be_asked(asked: dict, words: str) -> None:
    fit = harness.lmer("y ~ arm + sex + log(x) + (1 | id)", trial())
    with pytest.raises(ModelError, match=words):
        fit.emmeans(**asked).table()


def test_a_grid_that_would_not_fit_into_memory() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({k: rng.choice(list("abcdefghij"), size=300) for k in "stuvwxq"})
    frame["y"] = rng.normal(size=300)
    fit = harness.lm("y ~ s + t + u + v + w + x + q", frame)
    with pytest.raises(ModelError, match="the reference grid has 10000000 rows"):
        fit.emmeans("s")
    assert len(fit.emmeans("s", at={"t": "a", "u": "a", "v": "a", "w": "a"}).table()) == 10
