"""Conditional SDs, residuals and predictions: dense algebra, identities, lme4."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from port_data import classic, longitudinal, trial_by_site
from prediction_models import MODELS, SLOPES, dense, fit_of, fitted

import harness
from harness.engines.port.predictions import decorrelate
from harness.engines.port.predictions.checks import normal_quantiles, standardised_modes
from harness.errors import DataError, ModelError

FAR = ("far-from-zero", "giga", "nano")
"""Where dense inverses are no better a truth than the port; an invariance stands in for them."""


class TestConditionalCovariance:
    @pytest.mark.parametrize("name", MODELS)
    def test_is_that_of_the_dense_joint_distribution(self, name: str) -> None:
        fit = fitted(name)
        whole = dense(fit)
        for label, columns in whole.place.items():
            wanted = fit.sigma**2 * np.stack([whole.covariance[np.ix_(g, g)] for g in columns])
            got = fit.conditional_covariance(label)
            assert np.abs(got - wanted).max() <= 1e-11 * np.abs(wanted).max()
            frame = fit.ranef(label, condvar=True)
            q = wanted.shape[1]
            assert list(frame.columns[q:]) == [f"sd({column})" for column in frame.columns[:q]]
            sd = np.sqrt(np.einsum("gaa->ga", got))
            assert (frame.to_numpy()[:, q:] == sd).all()
            assert frame.iloc[:, :q].equals(fit.ranef(label))
            assert (fit.conditional_sd(label).to_numpy() == sd).all()

    def test_balanced_one_way_in_closed_form(self) -> None:
        fit = harness.lmer("Yield ~ 1 + (1 | Batch)", classic("Dyestuff"))
        between = fit.theta[0] ** 2 * fit.sigma**2
        wanted = between * fit.sigma**2 / (fit.sigma**2 + 5 * between)
        assert fit.conditional_covariance().ravel() == pytest.approx(wanted, rel=1e-14)

    def test_large_effects_cost_no_digits(self) -> None:
        # As S grows the conditional variance tends to the residual's, here over 5 rows.
        frame = classic("Dyestuff")
        step = 1e6 * frame["Batch"].cat.codes.astype(float) ** 2
        fit = harness.lmer("Yield ~ 1 + (1 | Batch)", frame.assign(Yield=frame["Yield"] + step))
        shrunken = fit.theta[0] ** 2 / (1 + 5 * fit.theta[0] ** 2)
        assert fit.conditional_covariance().ravel() == pytest.approx(
            fit.sigma**2 * shrunken, rel=1e-14
        )

    def test_the_unit_and_the_origin_of_the_slope_change_nothing_else(self) -> None:
        frame = classic("sleepstudy").sample(frac=0.8, random_state=1)
        base = harness.lmer(SLOPES, frame).ranef(condvar=True)
        far = harness.lmer(SLOPES, frame.assign(Days=1e3 * frame["Days"] + 1e6))
        assert far.ranef(condvar=True)["sd(Days)"].to_numpy() == pytest.approx(
            1e-3 * base["sd(Days)"].to_numpy(), rel=1e-7
        )


class TestResiduals:
    @pytest.mark.parametrize("name", MODELS)
    def test_normalized_is_the_cholesky_factor_at_work(self, name: str) -> None:
        fit = fitted(name)
        L = np.linalg.cholesky(dense(fit).V)
        wanted = np.linalg.solve(L, fit.residuals("marginal")) / fit.sigma
        assert np.abs(fit.residuals("normalized") - wanted).max() <= 1e-9

    @pytest.mark.parametrize("name", MODELS)
    def test_normalized_squares_sum_to_the_residual_degrees_of_freedom(self, name: str) -> None:
        # Sigma squared is their mean over n - p (n by ML).
        fit = fitted(name)
        d = fit.n_obs - len(fit.beta) if MODELS[name].reml else fit.n_obs
        assert float((fit.residuals("normalized") ** 2).sum()) == pytest.approx(d, rel=1e-10)

    def test_normalized_keeps_its_digits_where_effects_are_large(self) -> None:
        frame = classic("sleepstudy")
        step = 1e6 * frame["Subject"].cat.codes.astype(float) ** 2
        fit = harness.lmer(SLOPES, frame.assign(Reaction=frame["Reaction"] + step))
        d = fit.n_obs - 2
        assert float((fit.residuals("normalized") ** 2).sum()) == pytest.approx(d, rel=1e-7)

    def test_kinds_differ_by_weight_and_sigma(self) -> None:
        fit = fitted("weights-offset")
        weights = fit.design.weights
        assert weights is not None
        raw = fit.design.y - fit.fitted
        assert (fit.residuals() == raw).all()
        assert fit.residuals("pearson") == pytest.approx(raw * np.sqrt(weights), rel=1e-14)
        assert fit.residuals("scaled") == pytest.approx(
            raw * np.sqrt(weights) / fit.sigma, rel=1e-14
        )
        offset = fit.design.offset
        assert offset is not None
        fixed = fit.design.X @ fit.beta + offset
        assert fit.residuals("marginal") == pytest.approx(fit.design.y - fixed, rel=1e-14)

    def test_rows_tied_by_crossed_factors_are_taken_apart_where_they_fall_apart(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        frame = classic("Pastes")  # batches of six rows that share nothing
        fit = harness.lmer("strength ~ 1 + (1 | batch/cask)", frame)
        monkeypatch.setattr(decorrelate, "TIED", 6)
        fit.residuals("normalized")
        monkeypatch.setattr(decorrelate, "TIED", 5)
        with pytest.raises(ModelError, match="cask:batch and batch tie together: 6"):
            fit.residuals("normalized")


def new_rows_of(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows with groups the fit knows, in another order; and some with other groups or gaps."""
    frame = MODELS[name].data()
    seen = frame.sample(n=min(20, len(frame)), random_state=3).reset_index(drop=True)
    new = seen.copy()
    group = {"pastes": "cask", "penicillin": "plate"}.get(
        name, fitted(name).design.groupings[0].label
    )
    new[group] = new[group].astype(object)
    new.loc[[0, 4], group] = "someone else"
    numbers = [c for c in ("Days", "t") if c in new]
    for column in numbers:
        seen[column] += 0.5
        new[column] += 0.25
        new.loc[2, column] = np.nan
    return seen, new


class TestPredictions:
    @pytest.mark.parametrize("name", MODELS)
    def test_the_fitted_data_give_the_fitted_values(self, name: str) -> None:
        fit = fitted(name)
        size = np.abs(fit.design.y).max()
        for values in (fit.predict(), fit.predict(MODELS[name].data())):
            assert np.abs(values - fit.fitted).max() <= 1e-12 * size
        fixed = fit.design.y - fit.residuals("marginal")
        for values in (fit.predict(random=False), fit.predict(MODELS[name].data(), random=False)):
            assert np.abs(values - fixed).max() <= 1e-12 * size

    @pytest.mark.parametrize("name", [name for name in MODELS if name not in FAR])
    def test_errors_are_those_of_the_dense_joint_distribution(self, name: str) -> None:
        fit = fitted(name)
        d = dense(fit)
        seen, _ = new_rows_of(name)
        Phi = np.linalg.inv(d.X.T @ np.linalg.solve(d.V, d.X))
        M = d.S @ d.Z.T @ np.linalg.solve(d.V, d.X)  # modes of the columns of X
        joint = np.block([[Phi, -Phi @ M.T], [-M @ Phi, d.covariance + M @ Phi @ M.T]])
        # More rows give scale() and poly() other constants.
        own_constants = name in {"two-wave", "constants-of-the-fit"}
        for frame in (None,) if own_constants else (None, seen):
            table = fit.prediction_table(frame)
            x, z = rows_at(name, frame)
            both = np.hstack([x, z])
            wanted = fit.sigma * np.sqrt(np.einsum("na,ab,nb->n", both, joint, both))
            assert table["std_error"].to_numpy() == pytest.approx(wanted, rel=1e-8)
            first = fit.design.groupings[0].label
            of_first = np.zeros_like(both)
            places = len(fit.beta) + d.place[first].ravel()
            of_first[:, places] = both[:, places]
            of_first[:, : len(fit.beta)] = x
            wanted = fit.sigma * np.sqrt(np.einsum("na,ab,nb->n", of_first, joint, of_first))
            table = fit.prediction_table(frame, random=[first])
            assert table["std_error"].to_numpy() == pytest.approx(wanted, rel=1e-8)
            table = fit.prediction_table(frame, random=False)
            wanted = fit.sigma * np.sqrt(np.einsum("na,ab,nb->n", x, Phi, x))
            assert table["std_error"].to_numpy() == pytest.approx(wanted, rel=1e-9)

    def test_intervals_of_means_and_of_new_observations(self) -> None:
        fit = fitted("weights-offset")
        weights = fit.design.weights
        assert weights is not None
        table = fit.prediction_table(level=0.9)
        wide = 1.6448536269514722
        half = 0.5 * (table["conf_high"] - table["conf_low"])
        assert half.to_numpy() == pytest.approx(wide * table["std_error"].to_numpy(), rel=1e-12)
        spread = np.sqrt(table["std_error"].to_numpy() ** 2 + fit.sigma**2 / weights)
        half = 0.5 * (table["pred_high"] - table["pred_low"])
        assert half.to_numpy() == pytest.approx(wide * spread, rel=1e-12)
        assert "pred_low" not in fit.prediction_table(random=False)
        assert table["prediction"].to_numpy() == pytest.approx(fit.fitted, rel=1e-14)

    def test_a_new_group_has_all_its_variance_ahead(self) -> None:
        fit = fitted("sleepstudy")
        new = pd.DataFrame({"Days": [3.0], "Subject": ["nobody"]})
        table = fit.prediction_table(new, allow_new_levels=True)
        x = np.array([1.0, 3.0])
        Lambda = fit._solution.Lambda
        wanted = x @ fit.vcov @ x + fit.sigma**2 * (x @ Lambda @ Lambda.T @ x)
        assert table["std_error"].iloc[0] == pytest.approx(np.sqrt(wanted), rel=1e-12)
        assert table["prediction"].iloc[0] == pytest.approx(x @ fit.beta, rel=1e-13)
        half = 0.5 * (table["pred_high"] - table["pred_low"]).iloc[0]
        assert half == pytest.approx(1.959963984540054 * np.sqrt(wanted + fit.sigma**2), rel=1e-12)

    def test_rows_with_gaps_have_nan_and_keep_their_labels(self) -> None:
        fit = fitted("sleepstudy")
        new = pd.DataFrame(
            {"Days": [1.0, np.nan, 2.0], "Subject": ["308", "309", None]}, index=["a", "b", "c"]
        )
        assert np.isnan(fit.predict(new)).tolist() == [False, True, True]
        assert np.isnan(fit.predict(new, random=False)).tolist() == [False, True, False]
        table = fit.prediction_table(new)
        assert table.index.tolist() == ["a", "b", "c"]
        assert table.isna().all(axis=1).tolist() == [False, True, True]
        assert np.isnan(fit.predict(new.iloc[1:])).all()
        assert fit.prediction_table(new.iloc[1:]).columns.equals(table.columns)

    def test_omitted_rows_are_labelled(self) -> None:
        frame = classic("sleepstudy").set_index(np.arange(180) + 1000)
        frame.loc[1003, "Reaction"] = np.nan
        table = harness.lmer(SLOPES, frame).prediction_table()
        assert table.index.tolist() == [k for k in range(1000, 1180) if k != 1003]

    def test_constants_are_those_of_the_fit(self) -> None:
        frame = MODELS["constants-of-the-fit"].data()
        formula = "y ~ poly(t, 2) + scale(z) + (scale(t) | g)"
        fit = harness.lmer(formula, frame)
        by_hand = frame.assign(
            u=(frame["t"] - frame["t"].mean()) / frame["t"].std(),
            v=(frame["z"] - frame["z"].mean()) / frame["z"].std(),
        )
        plain = harness.lmer("y ~ t + v + (u | g)", by_hand)
        some = by_hand.head(3)
        assert fit.predict(frame.head(3)) == pytest.approx(plain.predict(some), rel=1e-9)
        table, wanted = fit.prediction_table(frame.head(3)), plain.prediction_table(some)
        assert table.to_numpy() == pytest.approx(wanted.to_numpy(), rel=1e-8)

    def test_numbers_as_groups_are_found_again(self) -> None:
        frame = classic("sleepstudy")
        number = frame["Subject"].astype(str).astype(int)
        fit = harness.lmer("Reaction ~ Days + (Days | who)", frame.assign(who=number))
        base = fitted("sleepstudy").fitted
        for kind in (int, float, str):
            new = frame.assign(who=number.astype(kind))
            assert fit.predict(new) == pytest.approx(base, rel=1e-12)

    @pytest.mark.parametrize(
        ("new", "arguments", "error", "words"),
        [
            ({"Days": [1.0], "Subject": ["me"]}, {}, ModelError, "has not seen `Subject` `me`"),
            ({"Days": [1.0]}, {}, DataError, "no column `Subject`; the prediction needs"),
            ({"Subject": ["308"]}, {"random": False}, DataError, "no column `Days`"),
            ({"Days": [1.0]}, {"random": ["who"]}, ModelError, "no grouping factor `who`"),
        ],
    )
    def test_refusals_say_what_to_do(
        self, new: dict[str, list[object]], arguments: dict, error: type, words: str
    ) -> None:
        with pytest.raises(error, match=words):
            fitted("sleepstudy").predict(pd.DataFrame(new), **arguments)

    def test_a_level_of_a_fixed_factor_is_never_new(self) -> None:
        new = MODELS["unbalanced"].data().head(2).assign(arm="C")
        with pytest.raises(ModelError, match="`arm` has no level `C`"):
            fitted("unbalanced").predict(new, allow_new_levels=True)

    def test_a_level_between_0_and_1(self) -> None:
        with pytest.raises(ModelError, match="level must lie between 0 and 1, not 95"):
            fitted("sleepstudy").prediction_table(level=95)


def rows_at(name: str, frame: pd.DataFrame | None) -> tuple[np.ndarray, np.ndarray]:
    """Dense rows of X and Z of the fit, or of a fit to the data with new rows put below them."""
    if frame is None:
        d = dense(fitted(name))
        return d.X, d.Z
    data = MODELS[name].data()
    stacked = dense(fit_of(name, pd.concat([data, frame], ignore_index=True)))
    return stacked.X[len(data) :], stacked.Z[len(data) :]


class TestCheckData:
    @pytest.mark.parametrize("name", [name for name in MODELS if name not in FAR])
    def test_modes_over_their_marginal_sd(self, name: str) -> None:
        fit = fitted(name)
        d = dense(fit)
        Vi = np.linalg.inv(d.V)
        P = Vi - Vi @ d.X @ np.linalg.solve(d.X.T @ Vi @ d.X, d.X.T @ Vi)
        spread = (d.S @ d.Z.T @ P @ d.Z @ d.S).diagonal()
        for label, columns in d.place.items():
            factor = fit._posterior[label]
            got = standardised_modes(factor, fit.at, fit._solution.residual) / fit.sigma
            modes = fit.ranef(label).to_numpy()
            known = spread[columns] > 1e-11 * d.S.diagonal()[columns]
            wanted = modes[known] / (fit.sigma * np.sqrt(spread[columns][known]))
            assert got[known] == pytest.approx(wanted, rel=1e-6, abs=1e-8)

    def test_tables(self) -> None:
        fit = fitted("crossed")
        found = fit.check_data()
        qq = found.residual_qq
        assert (np.diff(qq["observed"]) >= 0).all()
        assert qq["observed"].to_numpy() == pytest.approx(fit.residuals("scaled")[qq["row"]])
        sizes = found.random_qq.groupby(["group", "effect"], sort=False).size()
        assert dict(sizes) == {
            ("id", "(Intercept)"): 25,
            ("id", "t"): 25,
            ("rater", "(Intercept)"): 7,
        }
        rows = found.rows
        assert rows["fitted"].to_numpy() == pytest.approx(fit.fitted)
        assert rows["sqrt_abs_residual"].to_numpy() ** 2 == pytest.approx(rows["residual"].abs())
        assert found.normality["quantity"].tolist() == [
            "residual",
            "id:(Intercept)",
            "id:t",
            "rater:(Intercept)",
        ]
        assert found.normality["p_value"].between(0, 1).all()

    def test_an_effect_without_variance_has_no_quantiles(self) -> None:
        fit = harness.lmer("Yield ~ 1 + (1 | Batch)", classic("Dyestuff2"))
        found = fit.check_data()
        assert len(found.random_qq) == 0
        assert np.isnan(found.normality["p_value"].iloc[1])
        assert found.normality["n"].tolist() == [30, 0]

    def test_quantiles_are_symmetric_and_those_of_small_samples(self) -> None:
        for n in (1, 2, 10, 11, 500):
            z = normal_quantiles(n)
            assert z == pytest.approx(-z[::-1], abs=1e-12)
        # Blom's (1 - 3/8) / (3 + 1/4)
        assert normal_quantiles(3)[0] == pytest.approx(-0.8694237, abs=1e-6)


@pytest.fixture(scope="module")
def answers(r_home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("predictions")
    models = {}
    for name, model in MODELS.items():
        frame = model.data()
        seen, new = new_rows_of(name)
        for part, rows in (("", frame), ("-seen", seen), ("-new", new)):
            rows.to_csv(folder / f"{name}{part}.csv", index=False, float_format="%.17g")
        models[name] = {
            "file": f"{name}.csv",
            "seen": f"{name}-seen.csv",
            "new": f"{name}-new.csv",
            "formula": model.formula,
            "one": model.one,
            "weights": model.weights,
            "reml": model.reml,
            "theta": fitted(name).theta.tolist(),
            "factors": {
                column: [str(level) for level in frame[column].cat.categories]
                for column in frame.columns
                if isinstance(frame[column].dtype, pd.CategoricalDtype)
            },
        }
    (folder / "models.json").write_text(json.dumps(models), encoding="utf-8")
    script = Path(__file__).with_name("predictions.R")
    said = subprocess.run(
        [str(r_home / "bin" / "Rscript"), "--vanilla", str(script), str(folder)],
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def numbers(texts: list[str] | str) -> np.ndarray:
    return np.array(texts if isinstance(texts, list) else [texts], dtype=float)


@pytest.mark.live_r
@pytest.mark.parametrize("name", MODELS)
class TestLme4:
    def test_predictions_at_the_same_theta(self, answers: dict, name: str) -> None:
        fit, r = fitted(name), answers[name]
        seen, new = new_rows_of(name)
        first = fit.design.groupings[0].label
        got = {
            "fitted": fit.predict(),
            "fixed": fit.predict(random=False),
            "one": fit.predict(random=[first]),
            "seen": fit.predict(seen),
            "new_one": fit.predict(seen, random=[first]),
            "new": fit.predict(new, allow_new_levels=True),
            "new_fixed": fit.predict(new, random=False),
        }
        # Of the outcome's own size: what is left of a 17-digit theta after two factorisations.
        limit = 1e-10 * float(np.abs(fit.design.y).max())
        wrong = {}
        for key, values in got.items():
            theirs = numbers(r[key])
            assert (np.isnan(values) == np.isnan(theirs)).all(), key
            gap = float(np.nanmax(np.abs(values - theirs)))
            if not gap <= limit:
                wrong[key] = gap
        assert not wrong, wrong

    def test_variances_and_errors_at_the_same_theta(self, answers: dict, name: str) -> None:
        fit, r = fitted(name), answers[name]
        limit = 1e-6 if name == "far-from-zero" else 1e-9
        explained = fit.explained
        by_factor: dict[str, float] = {}
        groups = r["term_group"] if isinstance(r["term_group"], list) else [r["term_group"]]
        for label, value in zip(groups, numbers(r["by_term"]), strict=True):
            label = next(g for g in fit.groups if label == g or label.startswith(f"{g}."))
            by_factor[label] = by_factor.get(label, 0.0) + value
        assert explained.random == pytest.approx(by_factor, rel=limit)
        fixed, random = float(r["var_fixed"]), float(r["var_random"])
        residual = fit.sigma**2
        whole = fixed + random + residual
        assert fit.r2() == pytest.approx((fixed / whole, (fixed + random) / whole), rel=limit)
        assert fit.icc() == pytest.approx(random / (random + residual), rel=limit)
        assert fit.icc(adjusted=False) == pytest.approx(random / whole, rel=limit)
        table = fit.prediction_table(random=False)
        assert table["std_error"].to_numpy() == pytest.approx(numbers(r["se_fixed"]), rel=limit)

    def test_quantiles_of_residuals(self, answers: dict, name: str) -> None:
        r, found = answers[name], fitted(name).check_data()
        theirs = numbers(r["qq"])[found.residual_qq["row"]]
        assert np.sort(found.residual_qq["theoretical"]) == pytest.approx(
            np.sort(theirs), abs=1e-12
        )
        test = found.normality.iloc[0]
        # Both are Royston's (1995) approximation; its coefficients are rounded to six digits.
        limit = 1e-4 if name == "far-from-zero" else 1e-5
        assert test["statistic"] == pytest.approx(numbers(r["shapiro"])[0], rel=limit)


def test_a_large_fit_predicts_in_a_moment() -> None:
    fit = harness.lmer("y ~ arm * t + (t | g)", longitudinal(3, groups=2000))
    assert fit.leverage().sum() > 1000
    crossed = harness.lmer(
        "y ~ arm * t + (t | id) + (1 | rater)", trial_by_site(3, patients=400, raters=60)
    )
    table = crossed.prediction_table()
    assert table["std_error"].to_numpy() ** 2 == pytest.approx(
        crossed.sigma**2 * crossed.leverage(), rel=1e-10
    )


class TestGroupsCalledByNumbers:
    """A group is found again by its label, however its column stores it."""

    @pytest.mark.parametrize(
        "formula", ["y ~ t + (1 | site/id)", "y ~ t + (t | id) + (1 | site:arm)"]
    )
    @pytest.mark.parametrize("dtype", ["int64", "float64", "Int64", "category", "string"])
    def test_predictions_of_the_data_are_the_fitted_values(self, formula: str, dtype: str) -> None:
        frame = trial_by_site(2)
        for name in ("id", "site"):
            frame[name] = (pd.factorize(frame[name])[0] + 1).astype("int64")
        fit = harness.lmer(formula, frame.astype({"id": dtype, "site": dtype}))
        plain = harness.lmer(formula, frame)
        label = next(name for name in fit.groups if ":" in name)
        assert set(fit.ranef(label).index) == set(plain.ranef(label).index)
        assert not any("." in text for text in fit.ranef(label).index)
        for new in (fit.design.frame.data, frame):
            np.testing.assert_allclose(fit.predict(new), fit.fitted, rtol=1e-12)

    @pytest.mark.parametrize("dtype", ["bool", "boolean", "object"])
    def test_truth_values_as_groups(self, dtype: str) -> None:
        frame = longitudinal(3)
        frame["late"] = (frame["t"] > frame["t"].median()).astype(dtype)
        fit = harness.lmer("y ~ arm + (1 | g) + (1 | late)", frame)
        assert list(fit.ranef("late").index) == ["FALSE", "TRUE"]
        np.testing.assert_allclose(fit.predict(frame), fit.fitted, rtol=1e-12)

    def test_groups_kept_in_single_precision(self) -> None:
        frame = longitudinal(3)
        frame["g"] = (pd.factorize(frame["g"])[0] / 10.0).astype("float32")
        fit = harness.lmer("y ~ arm + (1 | g)", frame)
        np.testing.assert_allclose(fit.predict(frame), fit.fitted, rtol=1e-12)

    def test_ids_of_sixteen_digits_keep_apart(self) -> None:
        frame = longitudinal(3)
        codes = pd.factorize(frame["g"])[0]
        fit = harness.lmer("y ~ arm + t + (t | g)", frame.assign(g=codes + 1234567890123450))
        plain = harness.lmer("y ~ arm + t + (t | g)", frame.assign(g=codes))
        assert fit.ranef().index.is_unique
        assert fit.ranef().index[0] == "1234567890123450"
        np.testing.assert_array_equal(fit.ranef().to_numpy(), plain.ranef().to_numpy())
        np.testing.assert_allclose(fit.predict(fit.design.frame.data), fit.fitted, rtol=1e-12)

    @pytest.mark.parametrize("order", [1, -1], ids=["sorted", "unsorted"])
    @pytest.mark.parametrize("formula", ["y ~ arm + (1 | g)", "y ~ factor(g) + (1 | arm)"])
    def test_ids_that_floats_would_merge(self, formula: str, order: int) -> None:
        frame = longitudinal(3).iloc[::order]
        codes = pd.factorize(frame["g"], sort=True)[0].astype("int64")
        frame = frame.assign(g=codes + 2**53)
        with pytest.raises(ModelError, match=r"beyond 2\^53.*make the column text"):
            harness.lmer(formula, frame)
        text = frame.assign(g=frame["g"].astype(str))
        assert harness.lmer("y ~ arm + (1 | g)", text).groups["g"] == len(np.unique(codes))
        with pytest.raises(ModelError, match=r"beyond 2\^53"):
            harness.mmrm("y ~ arm", frame.drop_duplicates(["g", "t"]), "g", "t", "cs")


def test_cooks_distance_is_of_fixed_effects() -> None:
    fit = harness.lmer("y ~ 0 + (1 | g)", longitudinal(3))
    with pytest.raises(ModelError, match="the model has none"):
        fit.cooks_distance()
