"""Repeated measures: closed forms, dense algebra, other models that must agree, invariances."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from port_data import classic, longitudinal, two_wave
from repeated_dense import dense_criterion, dense_kenward_roger, dense_satterthwaite
from scipy import stats

import harness
from harness.engines.port.repeated import patterns
from harness.engines.port.repeated.fit import RepeatedFit
from harness.engines.port.repeated.likelihood import RepeatedCriterion
from harness.engines.port.repeated.structures import ALIASES
from harness.errors import DataError, ModelError

STRUCTURES = list(ALIASES)


@cache
def unbalanced() -> pd.DataFrame:
    """Forty patients, four visits, a fifth missing; a baseline covariate."""
    data = longitudinal(1, groups=40, visits=4).rename(columns={"g": "id"})
    data["week"] = pd.Categorical(data["t"].map({0.0: "w0", 1.0: "w2", 2.0: "w4", 3.0: "w8"}))
    base = np.random.default_rng(5).normal(50.0, 9.0, size=40)
    data["base"] = base[data["id"].cat.codes]
    return data


@cache
def complete(subjects: int = 14, visits: int = 3, seed: int = 2) -> pd.DataFrame:
    """Every visit of every patient, two arms."""
    rng = np.random.default_rng(seed)
    L = np.tril(rng.normal(size=(visits, visits))) + 1.5 * np.eye(visits)
    y = rng.normal(size=(subjects, visits)) @ L.T + np.arange(visits)
    return pd.DataFrame(
        {
            "id": np.repeat(np.arange(subjects), visits),
            "week": np.tile([f"w{k}" for k in range(visits)], subjects),
            "arm": np.repeat(np.where(np.arange(subjects) % 2, "B", "A"), visits),
            "y": y.ravel(),
        }
    )


@cache
def fitted(
    covariance: str, reml: bool = True, formula: str = "y ~ base + arm * week"
) -> RepeatedFit:
    return harness.mmrm(formula, unbalanced(), covariance=covariance, reml=reml)


def off(got: object, wanted: object) -> float:
    """Largest relative difference."""
    return float(np.abs(np.asarray(got) / np.asarray(wanted) - 1.0).max())


@pytest.mark.parametrize("reml", [True, False], ids=["reml", "ml"])
@pytest.mark.parametrize("covariance", STRUCTURES)
class TestAgainstDenseAlgebra:
    def test_the_criterion_is_the_density_s(self, covariance: str, reml: bool) -> None:
        fit = fitted(covariance, reml)
        assert fit.criterion == pytest.approx(dense_criterion(fit, fit.covariance_matrix), abs=1e-9)

    def test_nothing_near_is_lower(self, covariance: str, reml: bool) -> None:
        fit = fitted(covariance, reml)
        at, end = fit._criterion, fit._search.at
        rng = np.random.default_rng(1)
        for _ in range(20):
            step = rng.normal(scale=0.05, size=len(end.phi))
            L = at.structure.factor(end.phi + step) * at.data.F[-1, -1]
            assert dense_criterion(fit, L @ L.T) > fit.criterion

    def test_derivatives(self, covariance: str, reml: bool) -> None:
        fit = fitted(covariance, reml)
        at, end = fit._criterion, fit._search.at
        phi = end.phi + np.random.default_rng(2).normal(scale=0.3, size=len(end.phi))
        point = at.evaluate(phi)
        steps = 1e-5 * np.eye(len(phi))
        slope = [(at.evaluate(phi + h).value - at.evaluate(phi - h).value) / 2e-5 for h in steps]
        bend = [
            (at.evaluate(phi + h).gradient - at.evaluate(phi - h).gradient) / 2e-5 for h in steps
        ]
        assert np.abs(point.gradient - slope).max() < 1e-7 * np.abs(slope).max()
        assert np.abs(point.hessian - bend).max() < 1e-8 * np.abs(bend).max()

    def test_the_end_is_as_demanded(self, covariance: str, reml: bool) -> None:
        fit = fitted(covariance, reml)
        record = fit.optimum
        assert fit.converged
        assert record.gradient_norm < 1e-11
        assert record.starts == 1
        assert len(record.end) == fit._criterion.structure.parameters
        assert record.trace[-1] == (record.end, fit.criterion)
        sd = np.sqrt(fit.variances.to_numpy())
        assert record.end[0] == pytest.approx(sd[0], rel=1e-14)

    def test_satterthwaite(self, covariance: str, reml: bool) -> None:
        fit = fitted(covariance, reml)
        L = np.vstack([np.eye(len(fit.names)), np.arange(1.0, 10.0)])
        # Second derivatives by differences in the dense code.
        assert off(fit.contrast_df(L), dense_satterthwaite(fit, L)) < 1e-8


@pytest.mark.parametrize("covariance", STRUCTURES)
def test_kenward_roger_s_published_formulae(covariance: str) -> None:
    fit = fitted(covariance)
    slow = dense_kenward_roger(fit)
    length = np.sqrt(slow.adjusted.diagonal())
    assert off(fit.table("kenward-roger").std_error, length) < 1e-10
    difference = (fit.covariance("kenward-roger") - slow.adjusted) / np.outer(length, length)
    assert np.abs(difference).max() < 1e-10
    one_by_one = [slow.test(row[None, :], fit.beta)[0] for row in np.eye(len(fit.names))]
    assert off(fit.df("kenward-roger"), one_by_one) < 1e-9
    L = np.eye(len(fit.names))[-3:]
    m, scale, f_value = slow.test(L, fit.beta)
    test = fit.f_test(L, "kenward-roger")
    assert off([test.den_df, test.scale, test.f_value], [m, scale, f_value]) < 1e-9


@pytest.mark.parametrize("covariance", STRUCTURES)
def test_complete_visits_have_one_information_or_two(covariance: str) -> None:
    asked = {"formula": "y ~ arm * week", "data": complete(), "covariance": covariance}
    expected = harness.mmrm(**asked).df("kenward-roger")
    observed = harness.mmrm(**asked, information="observed").df("kenward-roger")
    # Where S vanishes at the optimum, not only along the structure, they are the same.
    assert (off(observed, expected) < 1e-9) is (covariance in ("un", "cs", "id", "diag"))


class TestClosedForms:
    @pytest.mark.parametrize("covariance", ["un", "csh"])
    @pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger"])
    def test_two_visits_give_the_t_test_on_change(self, covariance: str, method: str) -> None:
        data = two_wave()
        wide = data.pivot(index="id", columns="time", values="y")
        change = (wide["post"] - wide["pre"]).to_numpy()
        treated = (data.groupby("id", observed=True)["arm"].first() == "MBSR").to_numpy()
        test = stats.ttest_ind(change[treated], change[~treated])
        fit = harness.mmrm("y ~ arm * time", data, visit="time", covariance=covariance)
        row = fit.summary(method).set_index("term").loc["armMBSR:timepost"]
        assert row["df"] == pytest.approx(68.0, rel=1e-11)
        assert row["statistic"] == pytest.approx(test.statistic, rel=1e-11)
        assert row["p_value"] == pytest.approx(test.pvalue, rel=1e-9)
        interval = test.confidence_interval()
        assert row["conf_low"] == pytest.approx(interval.low, rel=1e-9)
        assert row["conf_high"] == pytest.approx(interval.high, rel=1e-9)

    @pytest.mark.parametrize("visits", [2, 3, 5])
    def test_a_joint_test_is_hotelling_s_t2(self, visits: int) -> None:
        data = complete(visits=visits)
        wide = data.pivot(index="id", columns="week", values="y").to_numpy()
        N = len(wide)
        mean, S = wide.mean(axis=0), np.cov(wide.T)
        t2 = N * mean @ np.linalg.solve(S, mean)
        fit = harness.mmrm("y ~ 0 + week", data)
        test = fit.f_test(np.eye(visits), "kenward-roger")
        assert test.den_df == pytest.approx(N - visits, rel=1e-9)
        assert test.scale == pytest.approx((N - visits) / (N - 1), rel=1e-9)
        assert test.f_value == pytest.approx(t2 * (N - visits) / (visits * (N - 1)), rel=1e-9)
        assert off(fit.covariance_matrix, S) < 1e-10
        assert fit.df() == pytest.approx(np.full(visits, N - 1.0), rel=1e-10)

    def test_two_arms_give_the_two_sample_t2(self) -> None:
        data = complete()
        wide = data.pivot(index=["arm", "id"], columns="week", values="y")
        A, B = wide.loc["A"].to_numpy(), wide.loc["B"].to_numpy()
        N, V = len(wide), 3
        S = ((len(A) - 1) * np.cov(A.T) + (len(B) - 1) * np.cov(B.T)) / (N - 2)
        gap = B.mean(axis=0) - A.mean(axis=0)
        t2 = len(A) * len(B) / N * gap @ np.linalg.solve(S, gap)
        fit = harness.mmrm("y ~ week + arm:week", data)
        L = np.eye(len(fit.names))[[n.startswith("week") and ":arm" in n for n in fit.names]]
        if not len(L):
            L = np.eye(len(fit.names))[["arm" in n for n in fit.names]]
        test = fit.f_test(L, "kenward-roger")
        assert test.den_df == pytest.approx(N - V - 1, rel=1e-9)
        assert test.f_value == pytest.approx(t2 * (N - V - 1) / (V * (N - 2)), rel=1e-9)

    @pytest.mark.parametrize("reml", [True, False])
    def test_complete_visits_have_the_multivariate_regression_s_covariance(
        self, reml: bool
    ) -> None:
        data = complete()
        wide = data.pivot(index=["arm", "id"], columns="week", values="y")
        centred = wide - wide.groupby("arm").transform("mean")
        S = (centred.T @ centred).to_numpy() / (len(wide) - (2 if reml else 0))
        fit = harness.mmrm("y ~ arm * week", data, reml=reml)
        assert off(fit.covariance_matrix, S) < 1e-9
        assert list(fit.R.columns) == ["w0", "w1", "w2"]

    def test_one_visit_each_with_own_variances_is_welch_s_test(self) -> None:
        rng = np.random.default_rng(3)
        a, b = rng.normal(0, 1, 9), rng.normal(1, 4, 14)
        data = pd.DataFrame({"y": [*a, *b], "g": ["a"] * 9 + ["b"] * 14, "id": np.arange(23)})
        fit = harness.mmrm("y ~ g", data, visit="g", covariance="diag")
        test = stats.ttest_ind(b, a, equal_var=False)
        row = fit.summary().iloc[1]
        assert row["df"] == pytest.approx(test.df, rel=1e-11)
        assert row["p_value"] == pytest.approx(test.pvalue, rel=1e-10)

    def test_independent_visits_are_the_linear_model(self) -> None:
        fit, plain = fitted("id"), harness.lm("y ~ base + arm * week", unbalanced())
        assert off(fit.beta, plain.beta) < 1e-11
        assert off(fit.table().std_error, plain.table().std_error) < 1e-11
        assert fit.sigma == pytest.approx(plain.sigma, rel=1e-12)
        for method in ("satterthwaite", "kenward-roger", "residual"):
            assert fit.df(method) == pytest.approx(plain.contrast_df(None), rel=1e-10)
        ml = fitted("id", reml=False)
        assert ml.loglik == pytest.approx(plain.loglik, rel=1e-13)
        assert ml.statistics.aic == pytest.approx(plain.statistics.aic, rel=1e-13)
        assert ml.statistics.bic == pytest.approx(plain.statistics.bic, rel=1e-13)


class TestCompoundSymmetryIsARandomIntercept:
    MODELS = (
        ("unbalanced", unbalanced, "y ~ base + arm * week", "id", "week"),
        ("two-wave", two_wave, "y ~ arm * time * scale(z)", "id", "time"),
        ("sleepstudy", lambda: classic("sleepstudy"), "Reaction ~ Days", "Subject", "Days"),
    )

    @pytest.mark.parametrize("reml", [True, False], ids=["reml", "ml"])
    @pytest.mark.parametrize("model", MODELS, ids=[m[0] for m in MODELS])
    def test_every_number(self, model: tuple, reml: bool) -> None:
        _, data, formula, subject, visit = model
        cs = harness.mmrm(formula, data(), subject, visit, "cs", reml)
        mixed = harness.lmer(f"{formula} + (1 | {subject})", data(), reml)
        assert not mixed.singular
        assert cs.criterion == pytest.approx(mixed.criterion, abs=1e-10)
        assert cs.sigma**2 == pytest.approx(mixed.sigma**2 * (1 + mixed.theta[0] ** 2), rel=1e-9)
        methods = ("satterthwaite", "kenward-roger") if reml else ("satterthwaite",)
        for method in methods:
            ours, theirs = cs.table(method), mixed.table(method)
            assert np.abs((ours.estimate - theirs.estimate) / theirs.std_error).max() < 1e-9
            assert off(ours.std_error, theirs.std_error) < 1e-9
            assert off(ours.df, theirs.df) < 1e-8
            L = np.eye(len(cs.names))[1:]
            a, b = cs.f_test(L, method), mixed.f_test(L, method)
            assert off([a.den_df, a.scale, a.f_value], [b.den_df, b.scale, b.f_value]) < 1e-8

    def test_a_negative_correlation_is_found_where_the_mixed_model_is_singular(self) -> None:
        data = two_wave(seed=3, correlation=-0.5)
        cs = harness.mmrm("y ~ arm * time", data, visit="time", covariance="cs")
        mixed = harness.lmer("y ~ arm * time + (1 | id)", data)
        assert mixed.singular
        assert cs.correlations.iloc[0, 1] < -0.2
        assert cs.criterion < mixed.criterion - 1.0
        assert cs.df()[3] == pytest.approx(68.0, rel=1e-10)


class TestInvariance:
    @pytest.mark.parametrize("unit", [1e-6, 1e9])
    @pytest.mark.parametrize("covariance", ["un", "ar1h", "toep"])
    def test_unit_of_the_outcome(self, covariance: str, unit: float) -> None:
        data = unbalanced()
        base = fitted(covariance)
        other = harness.mmrm(
            "y ~ base + arm * week", data.assign(y=data["y"] * unit), covariance=covariance
        )
        assert off(other.beta, unit * base.beta) < 1e-10
        assert off(other.covariance_matrix, unit**2 * base.covariance_matrix) < 1e-9
        for method in ("satterthwaite", "kenward-roger"):
            assert off(other.df(method), base.df(method)) < 1e-8
            assert off(other.table(method).std_error, unit * base.table(method).std_error) < 1e-9

    def test_origin_of_a_covariate(self) -> None:
        data = unbalanced()
        base = fitted("un")
        moved = harness.mmrm("y ~ base + arm * week", data.assign(base=data["base"] + 1e6))
        assert off(moved.df()[1:], base.df()[1:]) < 1e-7
        assert off(moved.table().std_error[1:], base.table().std_error[1:]) < 1e-8
        assert moved.criterion == pytest.approx(base.criterion, abs=1e-7)

    @pytest.mark.parametrize("covariance", ["un", "toeph", "cs"])
    def test_representatives_stand_for_every_patient(
        self, covariance: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        base = fitted(covariance)
        monkeypatch.setattr(patterns, "_representatives", lambda rows: rows)
        alone = harness.mmrm("y ~ base + arm * week", unbalanced(), covariance=covariance)
        few, all_of_them = base._criterion.data, alone._criterion.data
        assert len(all_of_them.C) == 40 > len(few.C)
        assert alone.criterion == pytest.approx(base.criterion, abs=1e-10)
        assert off(alone.df(), base.df()) < 1e-9
        assert off(alone.df("kenward-roger"), base.df("kenward-roger")) < 1e-9

    def test_order_of_the_rows(self) -> None:
        shuffled = unbalanced().sample(frac=1.0, random_state=9)
        other = harness.mmrm("y ~ base + arm * week", shuffled)
        assert other.criterion == pytest.approx(fitted("un").criterion, abs=1e-10)
        assert off(other.df(), fitted("un").df()) < 1e-9

    def test_order_of_the_visits_matters_to_ar1_alone(self) -> None:
        data = unbalanced()
        levels = ["w8", "w0", "w4", "w2"]
        turned = data.assign(week=pd.Categorical(data["week"], categories=levels))
        for covariance, same in (("un", True), ("csh", True), ("ar1", False), ("toep", False)):
            other = harness.mmrm("y ~ base + arm * week", turned, covariance=covariance)
            assert other.visits == tuple(levels)
            equal = abs(other.criterion - fitted(covariance).criterion) < 1e-9
            assert equal is same, covariance

    def test_numbered_visits_are_ordered_and_only_their_rank_counts(self) -> None:
        base = fitted("ar1")
        data = unbalanced()
        week = data["week"].map({"w0": 0, "w2": 2, "w4": 10, "w8": 100}).astype(float)
        other = harness.mmrm(
            "y ~ base + arm * week", data.assign(v=week), visit="v", covariance="ar1"
        )
        assert other.visits == ("0", "2", "10", "100")
        assert other.criterion == pytest.approx(base.criterion, abs=1e-11)
        assert other.R.loc["0", "100"] == pytest.approx(
            base.sigma**2 * base.correlations.iloc[0, 1] ** 3, rel=1e-10
        )

    def test_nested_structures_have_ordered_criteria(self) -> None:
        value = {name: fitted(name).criterion for name in STRUCTURES}
        chains = ("id cs toep toeph un", "id ar1 toep", "ar1 ar1h toeph", "id diag csh toeph")
        for chain in chains:
            names = chain.split()
            for less, more in pairwise(names):
                assert value[more] < value[less], f"{more} contains {less}"


class TestHardSurfaces:
    def test_ten_visits_of_eighteen_subjects(self) -> None:
        fit = harness.mmrm("Reaction ~ Days", classic("sleepstudy"), "Subject", "Days")
        assert fit._criterion.structure.parameters == 55
        assert fit.converged
        assert fit.optimum.gradient_norm < 1e-10
        assert fit.criterion == pytest.approx(dense_criterion(fit, fit.covariance_matrix), abs=1e-8)

    @pytest.mark.parametrize("ratio", [1e2, 1e3, 1e4])
    def test_patients_far_apart_cost_few_digits(self, ratio: float) -> None:
        data = unbalanced()
        level = ratio * np.random.default_rng(8).normal(size=40)[data["id"].cat.codes]
        far = data.assign(y=data["y"] + level)
        cs = harness.mmrm("y ~ arm * week", far, covariance="cs")
        mixed = harness.lmer("y ~ arm * week + (1 | id)", far)
        assert cs.converged
        # The data keep 16 digits less those of the ratio; both sides lose some more.
        assert cs.criterion == pytest.approx(mixed.criterion, abs=1e-8)
        assert off(cs.table().std_error, mixed.table().std_error) < 1e-12 * ratio
        assert off(cs.df(), mixed.df()) < 2e-12 * ratio

    @pytest.mark.parametrize("ratio", [3e3, 1e7])
    def test_an_unstructured_matrix_far_out_ends_in_words_not_in_numpy(self, ratio: float) -> None:
        data = unbalanced()
        level = ratio * np.random.default_rng(8).normal(size=40)[data["id"].cat.codes]
        far = data.assign(y=data["y"] + level)
        if ratio > 1e5:
            with pytest.raises(ModelError, match="become singular"):
                harness.mmrm("y ~ arm * week", far)
            return
        fit = harness.mmrm("y ~ arm * week", far)
        assert fit.criterion == pytest.approx(dense_criterion(fit, fit.covariance_matrix), abs=1e-4)
        assert any("nearly singular" in message for message in fit.messages)

    def test_nearly_singular_correlations_are_said(self) -> None:
        data = unbalanced()
        level = 1e3 * np.random.default_rng(8).normal(size=40)[data["id"].cat.codes]
        fit = harness.mmrm("y ~ arm * week", data.assign(y=data["y"] + level), covariance="cs")
        assert any("nearly singular" in message for message in fit.messages)
        assert not any("nearly singular" in message for message in fitted("cs").messages)

    def test_more_starts_find_the_same_end(self) -> None:
        fit = harness.mmrm("y ~ base + arm * week", unbalanced(), starts=4)
        record = fit.optimum
        assert record.starts == 4
        assert max(record.rivals) == pytest.approx(fit.criterion, abs=1e-9)
        assert fit.criterion == pytest.approx(fitted("un").criterion, abs=1e-10)

    def test_cost_does_not_depend_on_the_number_of_patients(self) -> None:
        data = complete(subjects=3000)
        fit = harness.mmrm("y ~ arm * week", data)
        # Two arms and three visits of the residual span what 3,000 patients hold.
        assert len(fit._criterion.data.C) == 5


def test_the_surface_is_small() -> None:
    fit = fitted("un")
    assert isinstance(fit._criterion, RepeatedCriterion)
    assert fit.groups == {"id": 40}
    assert fit.n_obs == len(unbalanced())
    assert "un(week | id)" in repr(fit)
    table = fit.table("z", 0.9)
    assert np.isinf(table.df).all()
    assert off(table.p_value, 2 * stats.norm.sf(np.abs(fit.beta) / table.std_error)) < 1e-12
    assert fit.variant("kenward-roger").startswith("Kenward-Roger 1997, linear")
    assert "second derivatives left out" in fitted("ar1").variant("kenward-roger")
    assert fit.variant() == "Satterthwaite, observed information"


def test_varcorr_names_visits_as_no_random_term_would() -> None:
    rows = {row.term: row.estimate for row in fitted("un").varcorr}
    R = fitted("un").R
    assert rows["sd(id:week=w2)"] == pytest.approx(np.sqrt(R.loc["w2", "w2"]), rel=1e-14)
    assert rows["cor(id:week=w0,week=w8)"] == pytest.approx(
        fitted("un").correlations.loc["w0", "w8"], rel=1e-14
    )
    assert len(rows) == 10


def test_an_offset_is_taken_from_the_outcome() -> None:
    data = unbalanced().assign(o=lambda d: d["t"] * 1.7)
    fit = harness.mmrm("y ~ base + arm * week", data, offset="o")
    plain = harness.mmrm("I(y - o) ~ base + arm * week", data)
    assert off(fit.beta, plain.beta) < 1e-11
    assert off(fit.residuals(), plain.residuals()) < 1e-9
    assert fit.fitted == pytest.approx(plain.fitted + data["o"].to_numpy(), rel=1e-12)
    written = harness.mmrm("y ~ base + arm * week + offset(o)", data)
    assert written.criterion == pytest.approx(fit.criterion, abs=1e-11)


def test_a_coding_changes_coefficients_and_nothing_else() -> None:
    fit = harness.mmrm("y ~ arm * week", unbalanced(), reml=False, contrasts={"arm": "sum"})
    plain = harness.mmrm("y ~ arm * week", unbalanced(), reml=False)
    assert fit.criterion == pytest.approx(plain.criterion, abs=1e-10)
    assert fit.fitted == pytest.approx(plain.fitted, rel=1e-10)
    assert fit.names != plain.names


def test_residuals() -> None:
    fit = fitted("un")
    raw = fit.residuals()
    assert np.array_equal(raw, fit.design.y - fit.fitted)
    sd = fit.variances.to_numpy() ** 0.5
    assert np.array_equal(fit.residuals("pearson"), raw / sd[fit.seen.visit_codes])
    normalized = fit.residuals("normalized")
    for subject in range(40):
        rows = np.flatnonzero(fit.seen.subject_codes == subject)
        rows = rows[np.argsort(fit.seen.visit_codes[rows])]
        v = fit.seen.visit_codes[rows]
        L = np.linalg.cholesky(fit.covariance_matrix[np.ix_(v, v)])
        assert L @ normalized[rows] == pytest.approx(raw[rows], abs=1e-12)
    # Under REML their squares sum to the residual degrees of freedom: the scale is at its optimum.
    d = fit.n_obs - len(fit.names)
    assert float(normalized @ normalized) == pytest.approx(d, rel=1e-10)


class TestRefusals:
    """One line that names the column and the remedy; never numpy, never a silent NaN."""

    @staticmethod
    def refused(data: pd.DataFrame, words: str, **asked: object) -> None:
        formula = str(asked.pop("formula", "y ~ arm * week"))
        with pytest.raises((ModelError, DataError), match=words) as caught:
            harness.mmrm(formula, data, **asked)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)

    def test_two_rows_at_one_visit(self) -> None:
        data = unbalanced()
        first = data[data["id"] == "g000"].head(1)
        self.refused(
            pd.concat([data, first]),
            r"more than one row of a `id` at a `week`: `g000` at `w\d` \(2 rows\); keep one row",
        )

    def test_visits_nobody_has_both_of(self) -> None:
        data = unbalanced()
        odd = data["id"].cat.codes % 2 == 1
        split = data[~(odd & (data["week"] == "w8")) & ~(~odd & (data["week"] == "w4"))]
        words = "no `id` has both `w4` and `w8` of `week`: their covariance is not determined"
        self.refused(split, words)
        assert harness.mmrm("y ~ arm + week", split, covariance="toeph").converged

    def test_a_lag_nobody_has(self) -> None:
        data = unbalanced()
        odd = data["id"].cat.codes % 2 == 1
        split = data[~(odd & (data["week"] == "w8")) & ~(~odd & (data["week"] == "w0"))]
        self.refused(split, "two visits of `week` that are 3 apart", covariance="toep")
        assert harness.mmrm("y ~ arm + week", split, covariance="ar1").converged

    @pytest.mark.parametrize("covariance", ["cs", "ar1h"])
    def test_one_visit_each(self, covariance: str) -> None:
        single = unbalanced().groupby("id", observed=True).nth([0]).copy()
        single["week"] = pd.Categorical(np.arange(len(single)) % 2)
        self.refused(single, "no `id` has two visits", covariance=covariance)

    def test_fewer_subjects_than_visits(self) -> None:
        data = complete(subjects=4, visits=5)
        self.refused(data, "correlations become singular .visits w", formula="y ~ week")

    def test_copied_visits(self) -> None:
        data = complete()
        later = data["week"] == "w2"
        copied = data.assign(y=np.where(later, data["y"].shift(1), data["y"]))
        self.refused(copied, "become singular .visits w1, w2 of `week`, .*copied values")

    def test_a_visit_that_is_fitted_exactly(self) -> None:
        data = unbalanced()
        two = data[data["week"] == "w8"].groupby("arm", observed=True).head(1).index
        thin = data[(data["week"] != "w8") | data.index.isin(two)]
        self.refused(thin, "reproduce the 2 rows at `w8` of `week` exactly", covariance="diag")

    def test_an_outcome_without_residual(self) -> None:
        data = unbalanced()
        exact = data.assign(y=data["base"] * 2 + 1)
        self.refused(exact, "exact combination", formula="y ~ base", covariance="cs")

    @pytest.mark.parametrize(
        ("words", "asked"),
        [
            ("unknown covariance structure `band`; one of: un", {"covariance": "band"}),
            ("no column `visit` in the data for visit=; it has: id, arm", {"visit": "visit"}),
            ("no column `pat` in the data for subject=", {"subject": "pat"}),
            ("unknown information `both`; one of: expected", {"information": "both"}),
            ("has random effects", {"formula": "y ~ arm + (1 | id)"}),
            ("no column `z`", {"formula": "y ~ z"}),
            ("`arm` has one value", {"visit": "arm", "data": "A"}),
        ],
    )
    def test_what_is_not_a_model(self, words: str, asked: dict[str, object]) -> None:
        data = unbalanced()
        if asked.get("data"):
            data = data[data["arm"] == asked["data"]]
            asked = {"formula": "y ~ t", "visit": "arm"}
        self.refused(data, words, **asked)

    def test_kenward_roger_by_ml_and_methods_that_are_none(self) -> None:
        ml = fitted("un", reml=False)
        for ask in (ml.df, ml.table, ml.summary, ml.covariance):
            with pytest.raises(ModelError, match="Kenward-Roger needs a REML fit"):
                ask("kenward-roger")
        with pytest.raises(ModelError, match="unknown df method `kr`"):
            ml.df("kr")  # type: ignore[arg-type]
        with pytest.raises(ModelError, match="no residuals `scaled`"):
            ml.residuals("scaled")  # type: ignore[arg-type]
        with pytest.raises(ModelError, match="no single sigma; ask for variances"):
            _ = ml.sigma
        with pytest.raises(ModelError, match="linearly dependent"):
            ml.f_test(np.ones((2, 9)))


def test_a_cell_nobody_is_in_costs_its_column_only() -> None:
    data = unbalanced()
    empty = data[~((data["arm"] == "B") & (data["week"] == "w8"))]
    fit = harness.mmrm("y ~ arm * week", empty)
    assert fit.design.dropped == ("armB:weekw8",)
    assert any("rank deficient" in message for message in fit.messages)
    own = empty.assign(late=(empty["week"] == "w8").astype(float))
    same = harness.mmrm("y ~ arm * factor(t3) + late", own.assign(t3=own["t"].clip(upper=2.0)))
    # One mean structure in two spellings, their columns related by a matrix of determinant one.
    assert same.criterion == pytest.approx(fit.criterion, abs=1e-10)
    assert fit.predict() == pytest.approx(same.predict(), rel=1e-8)
    assert off(fit.covariance_matrix, same.covariance_matrix) < 1e-8


class TestMissingRows:
    def test_rows_without_subject_or_visit_are_omitted_and_counted(self) -> None:
        data = unbalanced().copy()
        base = harness.mmrm("y ~ arm * week", data.drop(index=[3, 10]))
        data.loc[3, "week"] = np.nan
        data["id"] = data["id"].astype(object)
        data.loc[10, "id"] = None
        fit = harness.mmrm("y ~ arm * week", data)
        assert fit.design.frame.omitted.tolist() == [3, 10]
        assert fit.messages == ("2 rows without `id` or `week` omitted",)
        assert fit.criterion == pytest.approx(base.criterion, abs=1e-10)

    def test_a_subject_without_a_complete_row_vanishes(self) -> None:
        data = unbalanced()
        fit = harness.mmrm("y ~ arm * week", data.assign(y=data["y"].mask(data["id"] == "g007")))
        assert fit.groups == {"id": 39}
        assert "g007" not in set(fit.seen.subjects)

    def test_nobody_is_known(self) -> None:
        data = unbalanced().assign(id=None)
        with pytest.raises(DataError, match="no row has both `id` and `week`"):
            harness.mmrm("y ~ arm", data)
