"""Influence, leverage, residuals and conditional SDs: dense algebra, fresh fits, lme4."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from port_data import classic, dense_z, longitudinal, trial_by_site, two_wave

import harness
from harness.engines.port.fit import Fit
from harness.engines.port.influence import deletion
from harness.errors import ModelError

SLOPES = "Reaction ~ Days + (Days | Subject)"


def unbalanced() -> pd.DataFrame:
    return longitudinal(5, groups=25)


def singular() -> pd.DataFrame:
    return longitudinal(4, groups=20, sd=(1.0, 0.0), missing=0.3)


def sites() -> pd.DataFrame:
    return trial_by_site(1, patients=25, sites=5)


def visits_close_together() -> pd.DataFrame:
    """Four patients are seen twice within minutes: their own slopes are all but undetermined."""
    frame = longitudinal(5, groups=25, grid=False)
    place = frame.groupby("g", observed=True).cumcount()
    close = frame["g"].isin(["g003", "g007", "g011", "g015"])
    frame.loc[close, "t"] = 2.0 + 1e-4 * place[close]
    return frame[~close | (place < 2)].reset_index(drop=True)


def negative() -> pd.DataFrame:
    return two_wave(seed=3, correlation=-0.5)


MODELS: dict[str, tuple[Callable[[], pd.DataFrame], str]] = {
    "sleepstudy": (lambda: classic("sleepstudy"), SLOPES),
    "sleepstudy-uncorrelated": (
        lambda: classic("sleepstudy"),
        "Reaction ~ Days + (Days || Subject)",
    ),
    "two-wave": (two_wave, "y ~ arm * time + (1 | id)"),
    "unbalanced": (unbalanced, "y ~ arm * t + (t | g)"),
    "singular": (singular, "y ~ arm * t + (t | g)"),
    "two-wave-singular": (negative, "y ~ arm * time + (1 | id)"),
    "near-singular": (
        lambda: longitudinal(7, groups=25, sd=(1.0, 0.1)),
        "y ~ arm * t + (t | g)",
    ),
    "visits-close-together": (visits_close_together, "y ~ arm * t + (t || g)"),
    "three-effects": (lambda: classic("cake"), "angle ~ recipe + (recipe | replicate)"),
    "ml": (unbalanced, "y ~ arm * t + (t || g)"),
    "outcome-in-giga": (
        lambda: unbalanced().assign(y=lambda d: 1e9 * d["y"]),
        "y ~ arm * t + (t | g)",
    ),
    "outcome-in-nano": (
        lambda: unbalanced().assign(y=lambda d: 1e-6 * d["y"]),
        "y ~ arm * t + (t | g)",
    ),
    "far-from-zero": (
        lambda: unbalanced().assign(t=lambda d: d["t"] + 1000.0),
        "y ~ arm * t + (1 | g)",
    ),
    "penicillin": (lambda: classic("Penicillin"), "diameter ~ 1 + (1 | plate) + (1 | sample)"),
    "pastes": (lambda: classic("Pastes"), "strength ~ 1 + (1 | batch) + (1 | sample)"),
    "crossed": (sites, "y ~ arm * t + (t | id) + (1 | rater)"),
}
ONE_FACTOR = [name for name, (_, formula) in MODELS.items() if formula.count("|") <= 2]
ONE_FACTOR = [name for name in ONE_FACTOR if name not in ("penicillin", "pastes", "crossed")]


WEIGHTED = {"weighted": "w", "weighted-crossed": "w"}


def weighed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(w=np.random.default_rng(9).uniform(0.2, 5.0, len(frame)))


MODELS["weighted"] = (lambda: weighed(unbalanced()), "y ~ arm * t + (t | g)")
MODELS["weighted-crossed"] = (lambda: weighed(sites()), "y ~ arm * t + (1 | id) + (1 | rater)")
ONE_FACTOR.append("weighted")


def fit_of(model: str, frame: pd.DataFrame) -> Fit:
    reml = model != "ml"
    return harness.lmer(MODELS[model][1], frame, reml, weights=WEIGHTED.get(model))


@cache
def fitted(model: str) -> Fit:
    return fit_of(model, MODELS[model][0]())


def dense_v(fit: Fit) -> np.ndarray:
    """V relative to sigma^2."""
    weights = fit.design.weights
    V = np.eye(fit.n_obs) if weights is None else np.diag(1.0 / weights)
    codes = {grouping.label: grouping.codes for grouping in fit.design.groupings}
    position = 0
    for term in fit.design.random:
        size = len(term.names)
        factor = np.zeros((size, size))
        for j in range(size):
            factor[j:, j] = fit.theta[position : position + size - j]
            position += size - j
        Z = dense_z([list(term.columns)], codes[term.group])
        S = np.kron(np.eye(Z.shape[1] // size), factor @ factor.T)
        V += Z @ S @ Z.T
    return V


@pytest.mark.parametrize("model", [m for m in MODELS if m != "far-from-zero"])
def test_leverage_is_the_diagonal_of_the_dense_hat_matrix(model: str) -> None:
    fit = fitted(model)
    X = fit.design.X
    Vi = np.linalg.inv(dense_v(fit))
    Phi = np.linalg.inv(X.T @ Vi @ X)
    R = np.eye(fit.n_obs) if fit.design.weights is None else np.diag(1.0 / fit.design.weights)
    hat = np.eye(fit.n_obs) - R @ (Vi - Vi @ X @ Phi @ X.T @ Vi)
    assert np.abs(hat @ fit.design.y - fit.fitted).max() <= 1e-9 * np.abs(fit.design.y).max()
    assert fit.leverage() == pytest.approx(hat.diagonal(), abs=1e-10)


def test_leverage_of_all_rows_sums_to_the_effective_number_of_parameters() -> None:
    fit = harness.lmer("Yield ~ 1 + (1 | Batch)", classic("Dyestuff"))
    # Balanced one-way: the mean and, for each of 6 batches, a shrunken deviation.
    shrunken = 5 * fit.theta[0] ** 2 / (1 + 5 * fit.theta[0] ** 2)
    assert fit.leverage().sum() == pytest.approx(1 + 5 * shrunken, rel=1e-12)


class TestLeavingGroupsOut:
    @pytest.mark.parametrize("model", ONE_FACTOR)
    def test_every_row_is_a_fresh_fit_of_the_rows_left(self, model: str) -> None:
        frame, fit = MODELS[model][0](), fitted(model)
        found = fit.influence()
        group = found.group
        for g, level in enumerate(fit.design.groupings[0].levels[:12]):
            fresh = fit_of(model, frame[frame[group].astype(str) != str(level)])
            se = np.sqrt(fresh.vcov.diagonal())
            row = found.estimates.iloc[g]
            assert row["criterion"] == pytest.approx(fresh.criterion, abs=1e-9), level
            assert np.abs(found.dfbeta.iloc[g] + fit.beta - fresh.beta).max() <= 1e-9 * se.max()
            assert row["sigma"] == pytest.approx(fresh.sigma, rel=1e-9)
            assert row.filter(like="theta").to_numpy() == pytest.approx(fresh.theta, abs=1e-8)
            ratio = found.dfbeta.iloc[g].to_numpy() / found.dfbetas.iloc[g].to_numpy()
            # A coefficient of the other arm does not move at all: 0 / 0.
            same = np.isnan(ratio) | (np.abs(ratio - se) <= 1e-8 * se)
            assert same.all()

    def test_measures_follow_their_definitions(self) -> None:
        fit = fitted("unbalanced")
        found = fit.influence()
        change = found.dfbeta.to_numpy()
        cook = [d @ np.linalg.inv(fit.vcov) @ d / len(fit.beta) for d in change]
        assert found.measures["cooks_distance"].to_numpy() == pytest.approx(cook, rel=1e-10)
        frame = MODELS["unbalanced"][0]()
        level = found.measures.index[3]
        fresh = harness.lmer(MODELS["unbalanced"][1], frame[frame["g"].astype(str) != level])
        ratio = np.linalg.det(fresh.vcov) / np.linalg.det(fit.vcov)
        assert found.measures["covratio"].iloc[3] == pytest.approx(ratio, rel=1e-6)
        assert (found.measures["note"] == "").all()
        assert level in found.dfbeta.index

    def test_a_coefficient_only_one_group_determines_is_nan_without_it(self) -> None:
        frame = unbalanced()
        frame["only"] = (frame["g"] == "g003").astype(float) * frame["t"]
        fit = harness.lmer("y ~ t + only + (1 | g)", frame)
        found = fit.influence()
        note = found.measures.loc["g003", "note"]
        assert note == "the other groups do not determine `only`"
        assert np.isnan(found.dfbeta.loc["g003", "only"])
        assert np.isnan(found.measures.loc["g003", "cooks_distance"])
        fresh = harness.lmer("y ~ t + (1 | g)", frame[frame["g"] != "g003"])
        left = found.dfbeta.loc["g003", list(fresh.names)].to_numpy()
        assert left == pytest.approx(fresh.beta - fit.beta[:2], abs=1e-9)
        se = left / found.dfbetas.loc["g003", list(fresh.names)].to_numpy()
        assert se == pytest.approx(np.sqrt(fresh.vcov.diagonal()), rel=1e-9)
        assert found.estimates.loc["g003", "criterion"] == pytest.approx(fresh.criterion, abs=1e-9)
        others = found.measures.drop(index="g003")
        assert (others["note"] == "").all()
        assert np.isfinite(others["cooks_distance"]).all()

    def test_coefficients_that_mean_something_else_without_the_group_are_nan(self) -> None:
        # The reference level is one group's alone: intercept and both differences go with it.
        frame = unbalanced()
        arm = np.where(frame["g"] == "g003", "0", frame["arm"].astype(str))
        fit = harness.lmer("y ~ arm + t + (1 | g)", frame.assign(arm=arm))
        assert fit.names == ("(Intercept)", "armA", "armB", "t")
        found = fit.influence()
        assert found.dfbeta.loc["g003"].isna().tolist() == [True, True, True, False]
        fresh = harness.lmer("y ~ arm + t + (1 | g)", frame[frame["g"] != "g003"])
        assert found.dfbeta.loc["g003", "t"] == pytest.approx(fresh.beta[2] - fit.beta[3], abs=1e-9)

    def test_where_nothing_can_be_fitted_without_a_group_the_note_says_why(self) -> None:
        frame = unbalanced()
        frame["x"] = np.where(frame["g"] == "g003", frame["t"], 0.0)
        found = harness.lmer("y ~ t + (x || g)", frame).influence()
        assert "`x | g` is a combination" in found.measures.loc["g003", "note"]
        assert found.estimates.loc["g003"].isna().all()
        two = frame[frame["g"].isin(["g001", "g002"])]
        found = harness.lmer("y ~ t + (1 | g)", two).influence()
        assert found.measures["note"].str.contains("one level").all()
        assert "no estimates without any of them" in repr(found)

    def test_a_group_with_most_of_the_variation_leaves_the_others_their_digits(self) -> None:
        frame = unbalanced()
        wild = (frame["g"] == "g002").to_numpy()
        frame.loc[wild, "y"] *= 1e6 * np.where(np.arange(wild.sum()) % 2, 1.0, -1.0)
        found = harness.lmer("y ~ t + (1 | g)", frame).influence()
        fresh = harness.lmer("y ~ t + (1 | g)", frame[~wild])
        at = list(found.measures.index).index("g002")
        assert found.estimates.iloc[at]["sigma"] == pytest.approx(fresh.sigma, rel=1e-10)
        assert found.estimates.iloc[at]["theta1"] == pytest.approx(fresh.theta[0], rel=1e-8)

    @pytest.mark.parametrize("group", ["id", "rater"])
    def test_several_grouping_factors_are_fitted_afresh(self, group: str) -> None:
        data, formula = MODELS["crossed"]
        frame, fit = data(), fitted("crossed")
        found = fit.influence(group)
        for level in found.measures.index[:3]:
            fresh = harness.lmer(formula, frame[frame[group] != level])
            change = found.dfbeta.loc[level].to_numpy()
            assert change == pytest.approx(fresh.beta - fit.beta, abs=1e-8)
            assert found.estimates.loc[level, "sigma"] == pytest.approx(fresh.sigma, rel=1e-8)
            assert found.measures.loc[level, "rows"] == (frame[group] == level).sum()

    def test_a_thousand_patients_are_left_out_without_a_thousand_fits(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise AssertionError("a group was fitted on its own")

        monkeypatch.setattr(deletion, "optimise", refuse)
        monkeypatch.setattr(deletion, "rows_kept", refuse)
        fit = harness.lmer("y ~ arm * t + (t | g)", longitudinal(1, groups=1000))
        found = fit.influence()
        assert np.isfinite(found.dfbeta.to_numpy()).all()

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"group": "nobody"}, "no grouping factor `nobody`; the model has: id, rater"),
            ({}, "name a grouping factor; the model has: id, rater"),
        ],
    )
    def test_refusals_say_what_to_do(self, arguments: dict[str, str], words: str) -> None:
        with pytest.raises(ModelError, match=words):
            fitted("crossed").influence(**arguments)


def test_an_unknown_kind_of_residual_is_refused() -> None:
    with pytest.raises(ModelError, match="no residuals `deviance`; one of: raw"):
        fitted("two-wave").residuals("deviance")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("influence")
    models = {}
    for name, (data, formula) in MODELS.items():
        frame = data()
        frame.to_csv(folder / f"{name}.csv", index=False, float_format="%.17g")
        models[name] = {
            "file": f"{name}.csv",
            "formula": formula,
            "theta": fitted(name).theta.tolist(),
            "weights": WEIGHTED.get(name, ""),
            "reml": name != "ml",
            "leave_out": name in ("sleepstudy", "unbalanced", "singular"),
            "factors": {
                column: [str(level) for level in frame[column].cat.categories]
                for column in frame.columns
                if isinstance(frame[column].dtype, pd.CategoricalDtype)
            },
        }
    (folder / "models.json").write_text(json.dumps(models), encoding="utf-8")
    script = Path(__file__).with_name("influence.R")
    said = subprocess.run(
        ["Rscript", "--vanilla", str(script), str(folder)], capture_output=True, text=True
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def numbers(texts: list[str] | str) -> np.ndarray:
    return np.array(texts if isinstance(texts, list) else [texts], dtype=float)


@pytest.mark.live_r
class TestLme4:
    @pytest.mark.parametrize("model", MODELS)
    def test_rows_and_effects_at_the_same_theta(self, answers: dict, model: str) -> None:
        fit, r = fitted(model), answers[model]
        # lme4 loses digits when predictors stand far from zero; the dense test above has none.
        limit = 1e-6 if model == "far-from-zero" else 1e-9
        assert fit.leverage() == pytest.approx(numbers(r["hat"]), abs=limit)
        for kind in ("pearson", "marginal"):
            gap = np.abs(fit.residuals(kind) - numbers(r[kind])).max() / fit.sigma
            assert gap <= limit, kind
        assert fit.residuals("scaled") == pytest.approx(numbers(r["scaled"]), abs=limit)
        assert fit.cooks_distance() == pytest.approx(numbers(r["cook"]), rel=1e-6, abs=limit)
        for label, theirs in r["sd"].items():
            ours = fit.conditional_sd(label)
            table = numbers(theirs).reshape(ours.shape)
            assert ours.to_numpy() == pytest.approx(table, rel=limit, abs=limit * fit.sigma), label

    @pytest.mark.parametrize("model", ["sleepstudy", "unbalanced", "singular"])
    def test_groups_left_out_beside_fresh_lmer_fits(self, answers: dict, model: str) -> None:
        fit, r = fitted(model), answers[model]
        found = fit.influence()
        for g, theirs in enumerate(r["without"]):
            se = numbers(theirs["se"])
            beta = found.dfbeta.iloc[g].to_numpy() + fit.beta
            gap = found.estimates.iloc[g]["criterion"] - float(theirs["criterion"])
            assert gap <= 1e-8, f"group {g}: lme4 found a lower criterion by {gap:.2g}"
            if gap < -1e-6:
                continue  # lme4 stopped too early: its estimates are not the optimum's
            assert np.abs(beta - numbers(theirs["beta"])).max() <= 1e-5 * se.max()
            ours = found.dfbeta.iloc[g].to_numpy() / found.dfbetas.iloc[g].to_numpy()
            assert ours == pytest.approx(se, rel=1e-4)

    @pytest.mark.parametrize("model", ["sleepstudy", "unbalanced"])
    def test_the_measures_are_lme4s_up_to_its_factor(self, answers: dict, model: str) -> None:
        """On lme4's own deletions its definitions are ours; Cook's but for (G - p) / G."""
        found, r = fitted(model).influence(), answers[model]["lme4"]
        G, p = found.dfbeta.shape
        full, vcov = numbers(r["full"]), numbers(r["vcov"]).reshape(p, p)
        change = numbers(r["beta"]).reshape(G, p) - full
        se = numbers(r["se"]).reshape(G, p)
        assert numbers(r["dfbeta"]).reshape(G, p) == pytest.approx(change, abs=1e-12)
        assert numbers(r["dfbetas"]).reshape(G, p) == pytest.approx(change / se, abs=1e-12)
        cook = np.einsum("gp,pr,gr->g", change, np.linalg.inv(vcov), change) / p
        assert numbers(r["cook"]) == pytest.approx(cook * (G - p) / G, rel=1e-9)
        # Its deletions stop where its default optimiser does.
        ours = found.dfbetas.loc[r["deleted"]].to_numpy()
        assert np.abs(ours - change / se).max() < 1e-4
        distance = found.measures.loc[r["deleted"], "cooks_distance"].to_numpy()
        assert distance == pytest.approx(cook, rel=1e-3, abs=1e-6)
