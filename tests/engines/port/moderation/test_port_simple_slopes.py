"""Simple slopes: contrasts of the coefficients at values of the moderator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from moderation_data import change_scores, moderated_trial
from scipy import stats

import harness
from harness.engines.port.moderation.slopes import value_at
from harness.errors import ModelError

MODEL = "y ~ arm * time * z + (1 | id)"
METHODS = ("satterthwaite", "kenward-roger", "residual", "z")


@pytest.fixture(scope="module")
def fit() -> Any:
    return harness.lmer(MODEL, moderated_trial())


@pytest.mark.parametrize("method", METHODS)
def test_three_way_slopes_are_the_two_coefficients_at_each_value(fit: Any, method: Any) -> None:
    values = [-1.0, 0.0, 2.5]
    table = harness.simple_slopes(fit, ("arm", "time"), "z", values, df=method).table()
    effect, product = (fit.names.index(n) for n in ("armMBSR:timepost", "armMBSR:timepost:z"))
    L = np.zeros((3, len(fit.names)))
    L[:, effect], L[:, product] = 1.0, values
    errors = np.sqrt(np.einsum("ij,jk,ik->i", L, fit.covariance(method), L))
    df = fit.contrast_df(L, method)
    assert table["slope"].to_numpy() == pytest.approx(L @ fit.beta, rel=1e-12)
    assert table["std_error"].to_numpy() == pytest.approx(errors, rel=1e-12)
    assert table["df"].to_numpy() == pytest.approx(df, rel=1e-10)
    t = stats.t(df) if np.isfinite(df).all() else stats.norm()
    p = 2 * t.sf(np.abs(L @ fit.beta) / errors)
    assert table["p_value"].to_numpy() == pytest.approx(p, rel=1e-9)
    assert set(table["effect"]) == {"(arm: MBSR - TAU) x (time: post - pre)"}
    assert set(table["df_method"]) == {method}


def test_at_zero_and_one_apart_they_are_the_models_own_coefficients(fit: Any) -> None:
    """Centred and uncentred predictors give the same tests of the highest-order term."""
    frame = moderated_trial()
    centred = harness.lmer(MODEL, frame.assign(z=frame["z"] - 1.75))
    plain = harness.simple_slopes(fit, ("arm", "time"), "z", [1.75]).table().iloc[0]
    own = centred.summary().set_index("term").loc["armMBSR:timepost"]
    for name, other in (("slope", "estimate"), ("std_error", "std_error"), ("p_value", "p_value")):
        assert plain[name] == pytest.approx(own[other], rel=1e-7)
    pair = [m.summary().set_index("term").loc["armMBSR:timepost:z"] for m in (fit, centred)]
    assert pair[0]["statistic"] == pytest.approx(pair[1]["statistic"], rel=1e-8)


def test_another_coding_gives_the_same_slopes(fit: Any) -> None:
    coded = harness.lmer(MODEL, moderated_trial(), contrasts={"arm": "sum", "time": "helmert"})
    tables = [harness.simple_slopes(m, ("arm", "time"), "z").table() for m in (fit, coded)]
    for name in ("slope", "std_error", "df", "p_value"):
        assert tables[1][name].to_numpy() == pytest.approx(tables[0][name].to_numpy(), rel=1e-6)


def test_one_factor_at_a_level_of_the_other(fit: Any) -> None:
    table = harness.simple_slopes(fit, "arm", "z", [2.0], at={"time": "post"}).table()
    names, beta = list(fit.names), fit.beta
    wanted = sum(
        weight * beta[names.index(name)]
        for name, weight in {
            "armMBSR": 1.0, "armMBSR:timepost": 1.0, "armMBSR:z": 2.0, "armMBSR:timepost:z": 2.0,
        }.items()
    )  # fmt: skip
    assert table["slope"][0] == pytest.approx(wanted, rel=1e-12)
    averaged = harness.simple_slopes(fit, "arm", "z", [2.0]).table()["slope"][0]
    half = 0.5 * (
        beta[names.index("armMBSR:timepost")] + 2 * beta[names.index("armMBSR:timepost:z")]
    )
    assert averaged == pytest.approx(wanted - half, rel=1e-12)


def test_the_slope_of_a_number_is_a_derivative() -> None:
    frame = change_scores()
    frame["dose"] = np.random.default_rng(1).uniform(1, 9, len(frame))
    fit = harness.lm("change ~ dose * z", frame)
    beta = dict(zip(fit.names, fit.beta, strict=True))
    table = harness.simple_slopes(fit, "dose", "z", [0.0, 3.0]).table()
    assert table["slope"].to_numpy() == pytest.approx(
        [beta["dose"], beta["dose"] + 3 * beta["dose:z"]], rel=1e-12
    )
    assert set(table["effect"]) == {"slope of dose"}
    both = harness.lm("change ~ arm * dose * z", frame)
    beta = dict(zip(both.names, both.beta, strict=True))
    table = harness.simple_slopes(both, ("arm", "dose"), "z", [3.0]).table()
    wanted = beta["armMBSR:dose"] + 3 * beta["armMBSR:dose:z"]
    assert table["slope"][0] == pytest.approx(wanted, rel=1e-9)


def test_mean_and_sd_are_over_rows_or_over_patients(fit: Any) -> None:
    frame = moderated_trial()
    rows = harness.simple_slopes(fit, ("arm", "time"), "z").table()
    patients = harness.simple_slopes(fit, ("arm", "time"), "z", per="id").table()
    once = frame.drop_duplicates("id")["z"]
    for table, z in ((rows, frame["z"]), (patients, once)):
        assert table["z"].to_numpy() == pytest.approx(
            [z.mean() - z.std(), z.mean(), z.mean() + z.std()], rel=1e-13
        )
        assert list(table["at"]) == ["mean-sd", "mean", "mean+sd"]
    assert rows["z"][1] != patients["z"][1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mean", 3.0), ("median", 2.5), ("mean-sd", 3 - 2.160246899469287),
        ("mean + sd", 3 + 2.160246899469287), ("mean+2sd", 3 + 2 * 2.160246899469287),
        ("mean-0.5sd", 3 - 0.5 * 2.160246899469287), ("q25", 1.75), ("q0", 1.0), ("q100", 6.0),
        (4, 4.0),
    ],
)  # fmt: skip
def test_values_by_name(name: Any, value: float) -> None:
    assert value_at(np.array([1.0, 2.0, 3.0, 6.0]), name) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(
    "name",
    ["average", "q101", "q-1", "mean-", "meansd", "mean+xsd", "q²", "", np.nan, np.inf, True],
)
def test_a_value_that_is_none_is_refused(name: Any) -> None:
    with pytest.raises(ModelError, match="moderator"):
        value_at(np.array([1.0, 2.0]), name)


def test_whether_a_value_was_observed_is_said(fit: Any) -> None:
    z = moderated_trial()["z"]
    values = [z.min() - 0.1, z.min(), z.max(), z.max() + 0.1]
    table = harness.simple_slopes(fit, ("arm", "time"), "z", values).table()
    assert list(table["observed"]) == [False, True, True, False]


REFUSED = {
    "no-such-column": (("group", "z"), {}, "no `group` in the fixed effects; there are: arm, time"),
    "no-such-moderator": (("arm", "age"), {}, "no `age` in the fixed effects"),
    "a-factor-moderates": (("arm", "time"), {}, "the moderator `time` is a factor"),
    "itself": (("z", "z"), {}, "`z` cannot moderate its own effect"),
    "two-numbers": ((("z", "w"), "v"), {}, "`z` and `w` are both numbers"),
    "moderator-in-at": (("arm", "z"), {"at": {"z": 1}}, "`z` is the moderator"),
    "no-such-level": (({"arm": ("MBSR", "CBT")}, "z"), {}, "`arm` has no level `CBT`"),
    "one-level-twice": (({"arm": ("TAU", "TAU")}, "z"), {}, "two different levels"),
    "no-such-group": (("arm", "z"), {"per": "patient"}, "no column `patient`"),
    "varies-within": (("arm", "v"), {"per": "id"}, "the moderator `v` varies within id"),
    "no-values": (("arm", "z"), {"values": []}, "at least one value"),
    "no-such-df": (("arm", "z"), {"df": "between"}, "between"),
    "no-level": (("arm", "z"), {"level": 1.0}, "level must lie between 0 and 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_asked_is_one_line(case: str) -> None:
    (focal, moderator), given, words = REFUSED[case]
    frame = moderated_trial()
    rng = np.random.default_rng(2)
    frame = frame.assign(v=rng.normal(size=len(frame)), w=rng.normal(size=len(frame)))
    model = harness.lmer("y ~ arm * time * z + w * v + arm:v + (1 | id)", frame)
    with pytest.raises(ModelError) as caught:
        harness.simple_slopes(model, focal, moderator, **given)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_three_arms_have_to_be_named() -> None:
    frame = moderated_trial()
    arm = np.where(frame["id"].cat.codes % 3 == 0, "CBT", frame["arm"].astype(str))
    frame["arm"] = pd.Categorical(arm, categories=["TAU", "MBSR", "CBT"])
    fit = harness.lmer("y ~ arm * z + (1 | id)", frame)
    with pytest.raises(ModelError, match="`arm` has 3 levels"):
        harness.simple_slopes(fit, "arm", "z")
    table = harness.simple_slopes(fit, {"arm": ("CBT", "MBSR")}, "z", [1.0]).table()
    beta = dict(zip(fit.names, fit.beta, strict=True))
    wanted = beta["armCBT"] - beta["armMBSR"] + beta["armCBT:z"] - beta["armMBSR:z"]
    assert table["slope"][0] == pytest.approx(wanted, rel=1e-10)


def test_a_moderator_with_one_value_has_nothing_to_tell() -> None:
    frame = moderated_trial().assign(z=3.0)
    fit = harness.lmer("y ~ arm * time * z + (1 | id)", frame)
    with pytest.raises(ModelError, match="`z` has one value, 3"):
        harness.simple_slopes(fit, ("arm", "time"), "z")


def test_an_effect_the_data_do_not_determine_is_refused() -> None:
    frame = moderated_trial()
    frame = frame[(frame["arm"] == "TAU") | (frame["time"] == "pre")]
    fit = harness.lmer("y ~ arm * time * z + (1 | id)", frame)
    with pytest.raises(ModelError, match="do not determine the effect"):
        harness.simple_slopes(fit, ("arm", "time"), "z")
