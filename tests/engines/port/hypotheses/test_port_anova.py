"""Tables of terms: closed forms, what each type of hypothesis must not hang on, F tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypotheses_data import cells
from port_data import classic, longitudinal, trial_by_site, two_wave
from scipy import stats

import harness
from harness.engines.port.hypotheses.contrasts import term_contrasts
from harness.engines.port.hypotheses.effects import effects_of
from harness.engines.port.satterthwaite import fai_cornelius
from harness.errors import ModelError

CELLS = "y ~ a * b * c + x * a + z + (1 | g)"


def relevelled(frame: pd.DataFrame) -> pd.DataFrame:
    """Every factor with its levels in reverse order."""
    turned = {
        name: frame[name].cat.reorder_categories(frame[name].cat.categories[::-1])
        for name in ("a", "b", "c")
    }
    return frame.assign(**turned)


def close(one: pd.DataFrame, other: pd.DataFrame, rel: float) -> None:
    """Two tables with the same tests, terms in any order of their variables."""
    keys = [
        {":".join(sorted(t.split(":"))): k for k, t in enumerate(f["term"])} for f in (one, other)
    ]
    assert keys[0].keys() == keys[1].keys()
    other = other.iloc[[keys[1][key] for key in keys[0]]]
    assert one["num_df"].tolist() == other["num_df"].tolist()
    assert one["f_value"].to_numpy() == pytest.approx(other["f_value"].to_numpy(), rel=rel)
    assert one["den_df"].to_numpy() == pytest.approx(other["den_df"].to_numpy(), rel=rel)


class TestDesignTerms:
    def test_terms_and_the_columns_that_belong_to_them(self) -> None:
        design = harness.lmer("y ~ x + a * c + (1 | g)", cells(1)).design
        assert design.terms == ("x", "a", "c", "a:c")
        assert design.names == ("(Intercept)", "x", "aa2", "aa3", "cc2", "aa2:cc2", "aa3:cc2")
        assert design.assign == (0, 1, 2, 2, 3, 4, 4)

    def test_dropped_columns_leave_the_others_where_they_belong(self) -> None:
        frame = cells(2, empty=True)
        frame["x2"] = 2.0 * frame["x"]
        design = harness.lmer("y ~ x + x2 + a * b + (1 | g)", frame).design
        assert "x2" in design.dropped
        assert len(design.assign) == len(design.names)
        owners = dict(zip(design.names, design.assign, strict=True))
        assert owners["aa3:bb3"] == 1 + design.terms.index("a:b")
        assert 1 + design.terms.index("x2") not in design.assign

    def test_coded_columns_are_combinations_of_indicators(self) -> None:
        for coding in ("treatment", "sum", "helmert", "poly"):
            frame = cells(2, empty=True)
            fit = harness.lmer(CELLS, frame, contrasts={"a": coding, "b": coding})
            effects = effects_of(fit.design)
            X = fit.design.X
            made = effects.R @ effects.B
            assert made.T @ made == pytest.approx(X.T @ X, rel=1e-10, abs=1e-8)


class TestClosedForms:
    def test_balanced_split_plot_is_the_textbook_table(self) -> None:
        # Whole plots (recipe within replicate) and temperatures within them, all balanced.
        frame = classic("cake")
        fit = harness.lmer("angle ~ recipe * temperature + (1 | recipe:replicate)", frame)
        plots = frame.groupby(["recipe", "replicate"], observed=True)["angle"].mean()
        by_recipe = [plots[r].to_numpy() for r in frame["recipe"].cat.categories]
        whole = stats.f_oneway(*by_recipe)
        for kind in (1, 2, 3):
            for method in ("satterthwaite", "kenward-roger"):
                table = fit.anova(kind, method).set_index("term")
                assert table["num_df"].tolist() == [2, 5, 10]
                assert table["den_df"].to_numpy() == pytest.approx([42, 210, 210], rel=1e-7)
                assert table.loc["recipe", "f_value"] == pytest.approx(whole.statistic, rel=1e-7)
                assert table.loc["recipe", "p_value"] == pytest.approx(whole.pvalue, rel=1e-6)

    def test_type_three_of_full_cells_is_equality_of_unweighted_means(self) -> None:
        fit = harness.lmer("y ~ a * c + (1 | g)", cells(1))
        beta = dict(zip(fit.names, np.eye(len(fit.names)), strict=True))

        def mean(level: str) -> np.ndarray:
            own = beta["(Intercept)"] + 0.5 * beta["cc2"]
            return own if level == "a1" else own + beta[f"a{level}"] + 0.5 * beta[f"a{level}:cc2"]

        L = np.array([mean("a2") - mean("a1"), mean("a3") - mean("a1")])
        effects = effects_of(fit.design)
        assert term_contrasts(effects, 3)[0] == pytest.approx(L, abs=1e-13)

    def test_a_number_times_a_factor_does_not_contain_the_factor(self) -> None:
        # As SAS has it: `a` is then tested where the number is zero, in types II and III.
        fit = harness.lmer("y ~ a * z + (1 | g)", cells(1))
        wanted = fit.f_test(np.eye(6)[[1, 2]], "kenward-roger")
        for kind in (2, 3):
            table = fit.anova(kind, "kenward-roger").set_index("term")
            assert table.loc["a", "f_value"] == pytest.approx(wanted.f_value, rel=1e-9)
            assert table.loc["a", "den_df"] == pytest.approx(wanted.den_df, rel=1e-9)
        # The number itself: its slope averaged over the levels.
        L = np.array([[0.0, 0.0, 0.0, 1.0, 1 / 3, 1 / 3]])
        mean = fit.f_test(L, "kenward-roger").f_value
        assert table.loc["z", "f_value"] == pytest.approx(mean, rel=1e-9)

    def test_types_one_and_two_of_a_linear_model_are_differences_of_sums_of_squares(self) -> None:
        frame = cells(2, empty=True)

        def rss(formula: str) -> float:
            fit = harness.lm(formula, frame)
            return fit.sigma**2 * fit.df_residual

        one = harness.lm("y ~ a * b + x", frame).anova(1).set_index("term")["sum_sq"]
        two = harness.lm("y ~ a * b + x", frame).anova(2).set_index("term")["sum_sq"]
        assert one["a"] == pytest.approx(rss("y ~ 1") - rss("y ~ a"), rel=1e-10)
        assert one["x"] == pytest.approx(rss("y ~ a + b") - rss("y ~ a + b + x"), rel=1e-10)
        assert two["a"] == pytest.approx(rss("y ~ b + x") - rss("y ~ a + b + x"), rel=1e-10)
        assert two["a:b"] == pytest.approx(rss("y ~ a + b + x") - rss("y ~ a * b + x"), rel=1e-10)
        assert one["a:b"] == pytest.approx(two["a:b"], rel=1e-10)

    def test_weights_count_in_the_sums_of_squares_of_a_linear_model(self) -> None:
        frame = cells(3)
        frame["w"] = np.random.default_rng(0).uniform(0.5, 3.0, size=len(frame))

        def rss(formula: str) -> float:
            fit = harness.lm(formula, frame, weights="w")
            return fit.sigma**2 * fit.df_residual

        two = harness.lm("y ~ a * b + x", frame, weights="w").anova(2).set_index("term")["sum_sq"]
        assert two["a"] == pytest.approx(rss("y ~ b + x") - rss("y ~ a + b + x"), rel=1e-10)

    def test_chi_square_and_residual_df(self) -> None:
        fit = harness.lmer(CELLS, cells(1))
        chi, f = fit.anova(2, "z"), fit.anova(2, "residual")
        assert np.isinf(chi["den_df"]).all()
        wanted = stats.chi2.sf(chi["f_value"] * chi["num_df"], chi["num_df"])
        assert chi["p_value"].to_numpy() == pytest.approx(wanted, rel=1e-10)
        assert (f["den_df"] == fit.n_obs - len(fit.names)).all()
        wanted = stats.f.sf(f["f_value"], f["num_df"], f["den_df"])
        assert f["p_value"].to_numpy() == pytest.approx(wanted, rel=1e-10)
        assert f["f_value"].to_numpy() == pytest.approx(chi["f_value"].to_numpy(), rel=1e-12)


class TestInvariance:
    @pytest.mark.parametrize("empty", [False, True])
    @pytest.mark.parametrize("kind", [2, 3])
    def test_order_of_levels_and_of_terms(self, kind: int, empty: bool) -> None:
        frame = cells(2, empty=empty)
        base = harness.lmer("y ~ a * b + c * a + x + (1 | g)", frame).anova(kind, "kenward-roger")
        turned = harness.lmer("y ~ a * b + c * a + x + (1 | g)", relevelled(frame))
        other = harness.lmer("y ~ x + a * c + b * a + (1 | g)", frame)
        close(base, turned.anova(kind, "kenward-roger"), 1e-7)
        close(base, other.anova(kind, "kenward-roger"), 1e-7)

    @pytest.mark.parametrize("coding", ["sum", "helmert", "poly"])
    @pytest.mark.parametrize("empty", [False, True])
    @pytest.mark.parametrize("kind", [1, 2, 3])
    def test_coding(self, kind: int, empty: bool, coding: str) -> None:
        frame = cells(2, empty=empty)
        base = harness.lmer(CELLS, frame).anova(kind, "kenward-roger")
        coded = harness.lmer(CELLS, frame, contrasts={"a": coding, "b": coding, "c": coding})
        close(base, coded.anova(kind, "kenward-roger"), 1e-7)

    @pytest.mark.parametrize("formula", ["y ~ 0 + a * b + (1 | g)", "y ~ a + a:b + (1 | g)"])
    @pytest.mark.parametrize("kind", [2, 3])
    def test_where_lmertest_hangs_on_the_first_level(self, kind: int, formula: str) -> None:
        # lmerTest tests `a` at the first level of b here: its F changes with the order of levels.
        frame = cells(4)
        base = harness.lmer(formula, frame).anova(kind, "kenward-roger")
        turned = harness.lmer(formula, relevelled(frame)).anova(kind, "kenward-roger")
        close(base, turned, 1e-7)
        if kind == 3:
            plain = harness.lmer("y ~ a * b + (1 | g)", frame).anova(kind, "kenward-roger")
            assert base["f_value"][0] == pytest.approx(plain["f_value"][0], rel=1e-7)

    @pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger", "z"])
    def test_unit_of_the_outcome(self, method: str) -> None:
        frame = cells(1)
        base = harness.lmer(CELLS, frame).anova(3, method)
        for unit in (1e-6, 1e9):
            other = harness.lmer(CELLS, frame.assign(y=frame["y"] * unit)).anova(3, method)
            close(base, other, 1e-8)
            assert other["sum_sq"].to_numpy() / unit**2 == pytest.approx(
                base["sum_sq"].to_numpy(), rel=1e-8
            )

    @pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger"])
    def test_origin_of_a_number(self, method: str) -> None:
        frame = longitudinal(1)
        far = frame.assign(t=frame["t"] + 10_000.0)
        for formula in ("y ~ arm * t + (1 | g)", "y ~ arm * t + (t | g)"):
            base = harness.lmer(formula, frame).anova(1, method)
            close(base, harness.lmer(formula, far).anova(1, method), 1e-7)
        near, away = harness.lm("y ~ arm * t", frame), harness.lm("y ~ arm * t", far)
        close(near.anova(1), away.anova(1), 1e-9)


class TestDegenerate:
    def test_a_term_that_others_determine_has_no_test(self) -> None:
        frame = cells(1)
        frame["site"] = pd.Categorical(frame["a"].astype(str) + frame["b"].astype(str))
        table = harness.lmer("y ~ a + site + (1 | g)", frame).anova(3).set_index("term")
        assert table.loc["a", "num_df"] == 0
        assert np.isnan(table.loc["a", ["den_df", "f_value", "p_value"]].astype(float)).all()
        assert table.loc["site", "num_df"] == 6  # what cells add to a's means
        dropped = harness.lmer("y ~ x + x2 + (1 | g)", frame.assign(x2=-frame["x"])).anova()
        assert dropped["num_df"].tolist() == [1, 0]

    def test_no_terms_give_an_empty_table(self) -> None:
        table = harness.lmer("Yield ~ 1 + (1 | Batch)", classic("Dyestuff")).anova()
        assert len(table) == 0
        assert list(table.columns)[:3] == ["term", "sum_sq", "mean_sq"]

    def test_refusals(self) -> None:
        fit = harness.lmer("y ~ arm * time + (1 | id)", two_wave(), reml=False)
        with pytest.raises(ModelError, match="no type 4 of tests"):
            fit.anova(4)  # type: ignore[arg-type]
        with pytest.raises(ModelError, match="needs a REML fit"):
            fit.anova(3, "kenward-roger")
        with pytest.raises(ModelError, match="unknown df method `kr`"):
            fit.anova(3, "kr")  # type: ignore[arg-type]

    def test_repeated_measures_have_the_table_without_sums_of_squares(self) -> None:
        frame = two_wave()
        fit = harness.mmrm("y ~ arm * time", frame, visit="time", subject="id")
        table = fit.anova(3, "kenward-roger")
        assert list(table.columns) == ["term", "num_df", "den_df", "f_value", "p_value"]
        assert table["den_df"].to_numpy() == pytest.approx([68.0] * 3, rel=1e-9)


class TestFaiCornelius:
    """The df of several contrasts together."""

    def test_strata_of_equal_variance_are_told_apart_by_the_derivative(self) -> None:
        # One contrast between whole plots (42 df), one within (210), scaled to one variance: by
        # rounding, any rotation of the two would do, and the df be anything from 69 to 140.
        fit = harness.lmer("angle ~ recipe * temperature + (1 | recipe:replicate)", classic("cake"))
        terms = term_contrasts(effects_of(fit.design), 3)
        rows = np.vstack([terms[0][:1], terms[1][:1]])
        rows /= np.sqrt((rows @ fit.vcov * rows).sum(axis=1))[:, None]
        assert rows @ fit.vcov @ rows.T == pytest.approx(np.eye(2), abs=1e-12)
        E = 42 / 40 + 210 / 208
        for angle in (0.0, 0.4, np.pi / 4, 1.3):
            turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
            test = fit.f_test(turn @ rows, "satterthwaite")
            assert test.den_df == pytest.approx(2 * E / (E - 2), rel=1e-9)

    def test_f_does_not_hang_on_the_rows_and_keeps_its_digits(self) -> None:
        fit = harness.lmer("y ~ arm * t + (t | id) + (1 | rater)", trial_by_site(1))
        L = np.random.default_rng(1).normal(size=(3, 4))
        base = fit.f_test(L, "satterthwaite").f_value
        mixed = np.array([[1e6, 2e6, 0.0], [0.0, 1.0, 1.0], [1e-6, 0.0, 3e-6]]) @ L
        for method in ("satterthwaite", "residual", "z"):
            assert fit.f_test(L, method).f_value == pytest.approx(base, rel=1e-11)
            assert fit.f_test(mixed, method).f_value == pytest.approx(base, rel=1e-9)

    def test_a_single_df_of_two_or_less_gives_two(self) -> None:
        rows, value = np.diag([1.0, 2.0]), np.ones(2)
        for nu, wanted in (([2.0, 50.0], 2.0), ([4.0, 4.0 + 1e-10], 4.0), ([1.0, 1.0], 1.0)):
            test = fai_cornelius(rows, value, lambda _, nu=nu: np.array(nu), np.zeros((2, 2)))
            assert test.den_df == pytest.approx(wanted, rel=1e-9)
        assert test.f_value == pytest.approx((1 + 0.25) / 2)
