"""Likelihood-ratio tests of models and of random terms: densities by brute force, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypotheses_data import cells
from port_data import classic, dense_criterion, longitudinal, trial_by_site, two_wave
from scipy import stats

import harness
from harness.engines.port.hypotheses.likelihood_ratio import by_ml, linear_loglik
from harness.engines.port.hypotheses.random_terms import reductions
from harness.errors import ModelError

SLOPES = "Reaction ~ Days + (Days | Subject)"
INTERCEPTS = "Reaction ~ Days + (1 | Subject)"


class TestModels:
    def test_every_column_follows_from_the_fits_by_ml(self) -> None:
        frame = classic("sleepstudy")
        large, small = harness.lmer(SLOPES, frame), harness.lmer(INTERCEPTS, frame)
        table = large.compare(small)
        fresh = [harness.lmer(f, frame, reml=False) for f in (INTERCEPTS, SLOPES)]
        assert table["model"].tolist() == [INTERCEPTS, SLOPES]
        assert table["n_par"].tolist() == [4, 6]
        for column in ("aic", "bic", "loglik"):
            wanted = [getattr(fit.statistics, column) for fit in fresh]
            assert table[column].to_numpy() == pytest.approx(wanted, rel=1e-12)
        chisq = fresh[0].criterion - fresh[1].criterion
        assert table["chisq"][1] == pytest.approx(chisq, rel=1e-9)
        assert table["p_value"][1] == pytest.approx(stats.chi2.sf(chisq, 2), rel=1e-8)
        assert np.isnan(table.loc[0, ["chisq", "df", "p_value"]].astype(float)).all()

    def test_order_of_the_models_does_not_matter_and_fits_stay_as_they_are(self) -> None:
        frame = classic("sleepstudy")
        fits = [harness.lmer(SLOPES, frame), harness.lm("Reaction ~ Days", frame)]
        before = fits[0].criterion
        one = harness.likelihood_ratio(*fits)
        pd.testing.assert_frame_equal(one, harness.likelihood_ratio(*fits[::-1]))
        assert fits[0].design.spec.reml
        assert fits[0].criterion == before
        assert by_ml(fits[1]) is fits[1]

    def test_a_larger_model_that_fits_worse_has_chi_square_zero(self) -> None:
        frame = cells(1)
        for k in range(9):
            frame[f"u{k}"] = np.random.default_rng(k).normal(size=len(frame))
        noise = harness.lm("y ~ " + " + ".join(f"u{k}" for k in range(9)), frame)
        table = harness.likelihood_ratio(harness.lm("y ~ x * a", frame), noise)
        assert table["n_par"].tolist() == [7, 11]
        assert table["loglik"][1] < table["loglik"][0]
        assert table.loc[1, ["chisq", "df", "p_value"]].tolist() == [0.0, 4.0, 1.0]

    def test_models_of_one_size_have_no_test(self) -> None:
        frame = cells(1)
        table = harness.likelihood_ratio(
            harness.lmer("y ~ x + (1 | g)", frame), harness.lmer("y ~ z + (1 | g)", frame)
        )
        assert table["df"][1] == 0.0
        assert np.isnan(table["p_value"][1])

    @pytest.mark.parametrize("weights", [None, "w"])
    def test_restricted_likelihood_of_a_linear_model_by_brute_force(
        self, weights: str | None
    ) -> None:
        frame = longitudinal(1)
        frame["w"] = np.random.default_rng(2).uniform(0.5, 2.0, size=len(frame))
        fit = harness.lmer("y ~ arm * t + (1 | g)", frame, weights=weights)
        root = np.ones(fit.n_obs) if weights is None else np.sqrt(frame["w"].to_numpy())
        y, X = fit.design.y * root, fit.design.X * root[:, None]
        for reml in (True, False):
            # A random effect of variance zero leaves the linear model.
            wanted = dense_criterion(y, X, np.zeros((len(y), 1)), np.zeros((1, 1)), reml)
            wanted -= 2.0 * np.log(root).sum()
            assert linear_loglik(fit.design, reml) == pytest.approx(-0.5 * wanted, rel=1e-12)
        linear = harness.lm("y ~ arm * t", frame, weights=weights)
        assert linear_loglik(fit.design, False) == pytest.approx(linear.loglik, rel=1e-12)

    def test_repeated_measures_beside_the_mixed_model_they_equal(self) -> None:
        # Compound symmetry with a positive correlation is a random intercept.
        frame = two_wave()
        mixed = harness.lmer("y ~ arm * time + (1 | id)", frame)
        even = harness.mmrm("y ~ arm * time", frame, "id", "time", covariance="cs")
        uneven = harness.mmrm("y ~ arm * time", frame, "id", "time", covariance="un")
        for refit in (True, False):
            table = harness.likelihood_ratio(uneven, mixed, even, refit=refit)
            assert table["n_par"].tolist() == [6, 6, 7]
            assert table["model"][2] == "y ~ arm * time, un(time | id)"
            assert table["chisq"][1] == pytest.approx(0.0, abs=1e-9)
            fresh = [
                harness.mmrm("y ~ arm * time", frame, "id", "time", covariance=c, reml=not refit)
                for c in ("cs", "un")
            ]
            wanted = fresh[0].criterion - fresh[1].criterion
            assert table["chisq"][2] == pytest.approx(wanted, abs=1e-9)

    def test_reml_without_refit_takes_the_restricted_likelihood_of_the_linear_model(self) -> None:
        frame = classic("sleepstudy")
        fit, linear = harness.lmer(INTERCEPTS, frame), harness.lm("Reaction ~ Days", frame)
        table = fit.compare(linear, refit=False)
        ranova = fit.ranova()
        assert table["chisq"][1] == pytest.approx(ranova["lrt"][1], rel=1e-12)
        assert table["loglik"].tolist() == pytest.approx(ranova["loglik"].tolist()[::-1], rel=1e-12)


class TestRefusals:
    def test_one_model(self) -> None:
        with pytest.raises(ModelError, match="two or more models"):
            harness.likelihood_ratio(harness.lm("y ~ x", cells(1)))

    def test_different_responses(self) -> None:
        frame = cells(1)
        with pytest.raises(ModelError, match=r"different responses: `y` in .*, `z` in"):
            harness.likelihood_ratio(harness.lm("y ~ x", frame), harness.lm("z ~ x", frame))

    def test_different_rows_name_the_column_that_makes_them_incomplete(self) -> None:
        frame = cells(1)
        frame.loc[[3, 50], "x"] = np.nan
        with pytest.raises(ModelError, match=r"different rows: 118 in .*, 120 in") as caught:
            harness.likelihood_ratio(harness.lm("y ~ a + x", frame), harness.lm("y ~ a", frame))
        assert "(`y ~ a + x` also needs x)" in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_as_many_rows_with_other_responses(self) -> None:
        frame = cells(1)
        other = frame.assign(y=frame["y"] + 1.0)
        with pytest.raises(ModelError, match="different rows"):
            harness.likelihood_ratio(harness.lm("y ~ a", frame), harness.lm("y ~ a + x", other))

    def test_different_weights(self) -> None:
        frame = cells(1).assign(w=2.0)
        weighted = harness.lm("y ~ a + x", frame, weights="w")
        with pytest.raises(ModelError, match="different weights"):
            harness.likelihood_ratio(harness.lm("y ~ a", frame), weighted)

    def test_restricted_likelihoods_of_different_fixed_effects(self) -> None:
        frame = classic("sleepstudy")
        fits = [harness.lmer(f"Reaction ~ {x} + (1 | Subject)", frame) for x in ("Days", "1")]
        with pytest.raises(ModelError, match=r"different fixed effects: .* use refit=True"):
            harness.likelihood_ratio(*fits, refit=False)

    def test_reml_beside_ml(self) -> None:
        frame = classic("sleepstudy")
        fits = [harness.lmer(SLOPES, frame), harness.lmer(INTERCEPTS, frame, reml=False)]
        with pytest.raises(ModelError, match="some models are fitted by REML and some by ML"):
            harness.likelihood_ratio(*fits, refit=False)


class TestRandomTerms:
    def test_each_row_is_a_fresh_fit_of_the_reduced_model(self) -> None:
        frame = trial_by_site(1)
        fit = harness.lmer("y ~ arm * t + (t | id) + (1 | site) + (1 | rater)", frame)
        table = fit.ranova().set_index("term")
        reduced = {
            "t in (t | id)": "y ~ arm * t + (1 | id) + (1 | site) + (1 | rater)",
            "(1 | site)": "y ~ arm * t + (t | id) + (1 | rater)",
            "(1 | rater)": "y ~ arm * t + (t | id) + (1 | site)",
        }
        assert table.index.tolist() == ["<none>", *reduced]
        assert table.loc["<none>", "loglik"] == fit.loglik
        for term, formula in reduced.items():
            fresh = harness.lmer(formula, frame)
            row = table.loc[term]
            assert row["loglik"] == pytest.approx(fresh.loglik, rel=1e-11)
            assert row["aic"] == pytest.approx(fresh.statistics.aic, rel=1e-11)
            assert row["n_par"] == len(fresh.names) + len(fresh.theta) + 1
            assert row["lrt"] == pytest.approx(fresh.criterion - fit.criterion, abs=1e-7)
            assert row["p_value"] == pytest.approx(stats.chi2.sf(row["lrt"], row["df"]), rel=1e-9)

    def test_mixtures_of_chi_squares(self) -> None:
        table = harness.lmer(SLOPES, classic("sleepstudy")).ranova()
        lrt = table["lrt"][1]
        wanted = 0.5 * (stats.chi2.sf(lrt, 1) + stats.chi2.sf(lrt, 2))
        assert table["p_value_mixture"][1] == pytest.approx(wanted, rel=1e-10)
        table = harness.lmer(INTERCEPTS, classic("sleepstudy")).ranova()
        wanted = 0.5 * stats.chi2.sf(table["lrt"][1], 1)
        assert table["p_value_mixture"][1] == pytest.approx(wanted, rel=1e-10)

    def test_a_variance_at_zero_has_p_one(self) -> None:
        table = harness.lmer("Yield ~ 1 + (1 | Batch)", classic("Dyestuff2")).ranova()
        assert table.loc[1, "lrt"] == pytest.approx(0.0, abs=1e-9)
        assert table.loc[1, "p_value"] == pytest.approx(1.0, abs=1e-4)

    def test_no_mixture_where_another_variance_is_zero_or_several_effects_go(self) -> None:
        frame = cells(6, rows=12)
        frame["h"] = pd.Categorical(np.arange(len(frame)) % 9)
        frame["y"] -= frame.groupby("h", observed=True)["y"].transform("mean")
        fit = harness.lmer("y ~ x + (1 | g) + (1 | h)", frame)
        table = fit.ranova().set_index("term")
        assert fit.singular, "the case needs h's variance at zero"
        assert np.isnan(table.loc["(1 | g)", "p_value_mixture"])
        assert table.loc["(1 | h)", "p_value_mixture"] > 0.5
        several = harness.lmer("y ~ x + (1 + a | g)", cells(6, rows=12)).ranova()
        assert several.loc[1, "df"] == 5.0
        assert np.isnan(several.loc[1, "p_value_mixture"])

    @pytest.mark.parametrize(
        ("term", "labels", "left"),
        [
            ("(x | g)", ["x in (x | g)"], ["(1 | g)"]),
            ("(0 + x | g)", ["x in (0 + x | g)"], [""]),
            ("(0 + c | g)", ["c in (0 + c | g)"], ["(1 | g)"]),
            ("(x || g)", ["(1 | g)", "x in (0 + x | g)"], ["(0 + x | g)", "(1 | g)"]),
            (
                "(x + c | g)",
                ["x in (x + c | g)", "c in (x + c | g)"],
                ["(c | g)", "(x | g)"],
            ),
            ("(x * c | g)", ["x:c in (x + c + x:c | g)"], ["(x + c | g)"]),
        ],
    )
    def test_what_is_reduced_to_what(self, term: str, labels: list[str], left: list[str]) -> None:
        frame = cells(6, rows=12)
        fixed = "log(y + 50) ~ a + x * c"
        design = harness.lmer(f"{fixed} + {term}", frame).design
        found = list(reductions(design))
        assert [label for label, _ in found] == labels
        for (_, reduced), right in zip(found, left, strict=True):
            wanted = f"{fixed} + {right}" if right else fixed
            text = reduced.spec.formula.text.replace("a + x + c + x:c", "a + x * c")
            assert text == wanted
            assert reduced.names == design.names
            assert reduced.frame.response == design.frame.response

    def test_rows_stay_when_a_variable_goes(self) -> None:
        frame = trial_by_site(1)
        frame.loc[:4, "t"] = np.nan
        fit = harness.lmer("y ~ arm + (t | id)", frame)
        _, reduced = next(reductions(fit.design))
        assert reduced.frame.n_obs == fit.n_obs == len(frame) - 5
        table = fit.ranova()
        kept = harness.lmer("y ~ arm + (1 | id)", frame.iloc[5:])
        assert table["loglik"][1] == pytest.approx(kept.loglik, rel=1e-10)

    @pytest.mark.parametrize("fixed", ["y ~ x + offset(log(z))", "y ~ 0 + offset(z)", "y ~ 0 + a"])
    def test_offsets_weights_and_nested_factors_stay(self, fixed: str) -> None:
        frame = cells(6, groups=5, rows=50)
        frame["w"] = np.random.default_rng(3).uniform(0.5, 2.0, size=len(frame))
        frame["p q"] = pd.Categorical(np.arange(len(frame)) % 4)
        fit = harness.lmer(f"{fixed} + (x | g/`p q`/c)", frame, weights="w")
        for label, reduced in reductions(fit.design):
            names = [term.group for term in reduced.random]
            assert names == [term.group for term in fit.design.random]
            assert sum(len(term.names) for term in reduced.random) == 5, label
            fresh = harness.lmer(reduced.spec.formula.text, frame, weights="w").design
            assert fresh.names == reduced.names
            assert pytest.approx(reduced.XY) == fresh.XY
            pairs = zip(fresh.random, reduced.random, strict=True)
            assert all(one.names == two.names for one, two in pairs)

    def test_codings_stay(self) -> None:
        frame = cells(6, rows=12)
        fit = harness.lmer("y ~ a + x + (x | g)", frame, contrasts={"a": "sum"})
        plain = harness.lmer("y ~ a + x + (x | g)", frame).ranova()
        # The restricted likelihood hangs on the coding by log|C'C|, the ratio does not.
        table = fit.ranova()
        assert table["lrt"][1] == pytest.approx(plain["lrt"][1], abs=1e-8)
        assert table["loglik"][1] != pytest.approx(plain["loglik"][1], abs=1e-3)


@pytest.mark.parametrize("formula", ["y ~ f + (f || g)", "y ~ t + (1 | g) + (0 + f | g)"])
def test_a_reduced_term_that_stands_already_is_not_put_twice(formula: str) -> None:
    # What is left of (0 + f | g) is (1 | g), which the model has: the term goes altogether.
    frame = longitudinal(2)
    rng = np.random.default_rng(0)
    frame = frame.assign(f=rng.choice(["a", "b"], len(frame)))
    fit = harness.lmer(formula, frame)
    table = fit.ranova()
    fixed = formula.split(" + (", maxsplit=1)[0]
    without = harness.lmer(f"{fixed} + (1 | g)", frame)
    row = table.set_index("term").loc["f in (0 + f | g)"]
    assert row["loglik"] == pytest.approx(without.loglik, abs=1e-9)
    assert row["df"] == 3.0
