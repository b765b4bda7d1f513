"""What a specification asks besides the fit, against closed forms and the fit's own methods."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from port_data import two_wave

import harness
from harness.engines.port.engine import PortEngine
from harness.engines.port.fit import fit_design
from harness.language import parse_formula
from harness.models.besides import Besides, DesignColumn, EffectUnit, Part
from harness.models.design import build_design
from harness.models.record import Estimates
from harness.models.spec import ModelSpec

ALL: tuple[Part, ...] = ("emmeans", "contrasts", "anova", "effect_size")
ARM = DesignColumn("arm", ("TAU", "MBSR"))
TIME = DesignColumn("time", ("pre", "post"))
FORMULA = "y ~ arm * time + (1 | id)"


def answered(frame: pd.DataFrame, formula: str = FORMULA, **choices: Any) -> Estimates:
    given = {"besides": Besides(ALL, ARM, TIME), **choices}
    return PortEngine().fit(ModelSpec(parse_formula(formula), **given), frame)


def unbalanced() -> pd.DataFrame:
    """Two visits, some missing; a site of three levels and unequal size; months as numbers."""
    frame = two_wave(seed=5)
    rng = np.random.default_rng(2)
    site = np.repeat(rng.choice(["a", "b", "c"], len(frame) // 2, p=[0.6, 0.3, 0.1]), 2)
    frame["site"] = pd.Categorical(site, ["a", "b", "c"])
    frame["months"] = np.where(frame["time"] == "pre", 0.0, 2.5)
    frame["y"] += np.where(site == "c", 12.0, 0.0)
    frame["y0"] = frame.groupby("id", observed=True)["y"].transform("first")
    frame.loc[frame.index[[3, 11, 40]], "y"] = np.nan
    return frame


def test_nothing_is_answered_that_was_not_asked() -> None:
    found = answered(two_wave(), besides=None)
    parts = (found.emmeans, found.contrasts, found.anova, found.effect_sizes, found.refused)
    assert parts == (None,) * 5
    only = answered(two_wave(), besides=Besides(("contrasts",), ARM, TIME))
    assert only.contrasts is not None
    assert (only.emmeans, only.anova, only.effect_sizes, only.refused) == (None,) * 4


def test_of_complete_data_means_are_cell_means_and_the_change_is_a_t_test() -> None:
    from scipy.stats import ttest_ind

    frame = two_wave()
    found = answered(frame)
    cells = frame.groupby(["time", "arm"], observed=True)["y"].mean()
    assert found.emmeans is not None
    for row, ((time, arm), mean) in zip(found.emmeans, cells.items(), strict=True):
        assert row.term == f"arm={arm}, time={time}"
        assert row.emmean == pytest.approx(mean, rel=1e-11)
    wide = frame.pivot_table(index="id", columns="time", values="y", observed=True)
    gain = (wide["post"] - wide["pre"]).to_numpy()
    arm = frame.groupby("id", observed=True)["arm"].first().reindex(wide.index).astype(str)
    test = ttest_ind(gain[arm == "MBSR"], gain[arm == "TAU"])
    assert found.contrasts is not None
    change = found.contrasts[-1]
    assert change.term == "(MBSR - TAU) x (post - pre)"
    assert change.contrast == pytest.approx(gain[arm == "MBSR"].mean() - gain[arm == "TAU"].mean())
    assert change.statistic == pytest.approx(test.statistic, rel=1e-8)
    assert change.df == pytest.approx(len(gain) - 2, rel=1e-8)
    assert change.p_value == pytest.approx(test.pvalue, rel=1e-7)
    assert found.anova is not None
    last = found.anova[-1]
    assert last.term == "anova(arm:time)"
    assert last.f_value == pytest.approx(test.statistic**2, rel=1e-8)
    assert (last.num_df, last.den_df) == (1.0, pytest.approx(change.df))
    assert last.p_value == pytest.approx(change.p_value, rel=1e-10)


@pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger", "residual", "z"])
@pytest.mark.parametrize("weights", ["equal", "proportional", "outer", "cells", "flat"])
def test_they_are_what_the_fit_offers_as_methods(method: Any, weights: Any) -> None:
    frame, formula = unbalanced(), "y ~ arm * time + site + (1 | id)"
    besides = Besides(ALL, ARM, TIME, weights)
    found = answered(frame, formula, besides=besides, df_method=method, conf_level=0.9)
    fit = harness.lmer(formula, frame)
    asked: dict[str, Any] = {"weights": weights, "df": method, "level": 0.9}
    means = fit.emmeans(["arm", "time"], **asked).table()
    assert found.emmeans is not None
    for name in ("emmean", "std_error", "df", "conf_low", "conf_high"):
        assert [getattr(row, name) for row in found.emmeans] == means[name].tolist()
    by_time = fit.emmeans("arm", by="time", **asked).contrast("revpairwise", adjust="none").table()
    assert found.contrasts is not None
    for name in ("std_error", "df", "statistic", "p_value", "conf_low", "conf_high"):
        ours = [getattr(row, name) for row in found.contrasts[:2]]
        assert ours == pytest.approx(by_time[name].tolist(), rel=1e-12)
    tests = fit.anova(type=3, df=method)
    assert found.anova is not None
    assert [row.f_value for row in found.anova] == tests["f_value"].tolist()
    assert [row.den_df for row in found.anova] == tests["den_df"].tolist()


def test_other_weights_are_other_means() -> None:
    frame, formula = unbalanced(), "y ~ arm * time + site + (1 | id)"
    by_weights = {}
    for weights in ("equal", "proportional", "cells"):
        found = answered(frame, formula, besides=Besides(("emmeans",), ARM, TIME, weights))
        assert found.emmeans is not None
        by_weights[weights] = found.emmeans[0].emmean
    assert len({round(value, 3) for value in by_weights.values()}) == 3


def test_a_time_that_is_a_number_stands_at_the_plans_levels() -> None:
    frame = unbalanced()
    months = DesignColumn("months", ("0", "2.5", "6"))
    found = answered(frame, "y ~ arm * months + (1 | id)", besides=Besides(ALL, ARM, months))
    fit = harness.lmer("y ~ arm * months + (1 | id)", frame)
    assert found.emmeans is not None
    assert [row.term for row in found.emmeans][-1] == "arm=MBSR, months=6"
    b = fit.beta
    assert found.emmeans[-1].emmean == pytest.approx(b[0] + b[1] + 6 * (b[2] + b[3]), rel=1e-12)
    assert found.contrasts is not None
    assert found.contrasts[-1].term == "(MBSR - TAU) x (6 - 0)"
    assert found.contrasts[-1].contrast == pytest.approx(6 * b[3], rel=1e-12)


def test_a_number_within_factor_has_means_where_it_occurs() -> None:
    months = DesignColumn("months", ("0", "2.5", "6"))
    formula = "y ~ arm * factor(months) + (1 | id)"
    found = answered(unbalanced(), formula, besides=Besides(("emmeans",), ARM, months))
    assert found.emmeans is not None
    absent = [row.term for row in found.emmeans if math.isnan(row.emmean)]
    assert absent == ["arm=TAU, months=6", "arm=MBSR, months=6"]


def numbers(row: Any) -> list[float]:
    return [
        value for value in (getattr(row, n) for n in row.__slots__) if not isinstance(value, str)
    ]


def test_a_level_without_rows_has_no_numbers_and_hides_none() -> None:
    three = DesignColumn("arm", ("TAU", "MBSR", "ACT"))
    frame = two_wave()
    frame["arm"] = frame["arm"].cat.add_categories("ACT")
    found = answered(frame, besides=Besides(ALL, three, TIME))
    whole = answered(two_wave())
    for rows, known in ((found.emmeans, whole.emmeans), (found.contrasts, whole.contrasts)):
        assert rows is not None
        assert known is not None
        of_act = [row for row in rows if "ACT" in row.term]
        assert of_act
        assert all(np.isnan(numbers(row)).all() for row in of_act)
        assert tuple(row for row in rows if "ACT" not in row.term) == known


def test_a_set_without_the_reference_arm_has_no_contrasts() -> None:
    frame = two_wave().query("arm == 'MBSR'")
    found = answered(frame, "y ~ time + (1 | id)", besides=Besides(ALL, ARM, None))
    assert set(found.refused or {}) == {"emmeans", "contrasts", "effect_size"}
    three = DesignColumn("arm", ("CBT", "TAU", "MBSR"))
    found = answered(two_wave(), besides=Besides(ALL, three, TIME))
    assert found.contrasts is not None
    assert all(math.isnan(row.contrast) for row in found.contrasts)
    assert found.effect_sizes is not None
    assert all(np.isnan([row.d, row.d_low, row.d_high]).all() for row in found.effect_sizes)


def test_an_empty_cell_is_not_estimable_and_the_others_are() -> None:
    frame = unbalanced()
    frame["dose"] = pd.Categorical(frame["site"].astype(str), ["a", "b", "c"])
    frame = frame[~((frame["dose"] == "c") & (frame["time"] == "post"))]
    dose = DesignColumn("dose", ("a", "b", "c"))
    found = answered(frame, "y ~ dose * time + (1 | id)", besides=Besides(ALL, dose, TIME))
    assert found.emmeans is not None
    assert found.contrasts is not None
    missing = [row.term for row in found.emmeans if math.isnan(row.emmean)]
    assert missing == ["dose=c, time=post"]
    missing = [row.term for row in found.contrasts if math.isnan(row.contrast)]
    assert missing == ["c - a | time=post", "(c - a) x (post - pre)"]


class TestEffectSizes:
    def sd(
        self, unit: EffectUnit, frame: pd.DataFrame, formula: str = FORMULA, **more: Any
    ) -> float:
        found = answered(frame, formula, besides=Besides(ALL, ARM, TIME, unit=unit), **more)
        assert found.refused is None
        assert found.effect_sizes is not None
        assert found.contrasts is not None
        for d, row in zip(found.effect_sizes, found.contrasts, strict=True):
            assert d.term == row.term
            values = (row.contrast / d.sd, row.conf_low / d.sd, row.conf_high / d.sd)
            assert (d.d, d.d_low, d.d_high) == values
        (sd,) = {row.sd for row in found.effect_sizes}
        return sd

    def test_residual_is_sigma(self) -> None:
        frame = unbalanced()
        fit = harness.lmer(FORMULA, frame)
        assert self.sd(EffectUnit("residual"), frame) == pytest.approx(fit.sigma, rel=1e-14)

    def test_total_is_the_default_and_of_one_intercept_the_sum(self) -> None:
        frame = unbalanced()
        fit = harness.lmer(FORMULA, frame)
        between, within = (part.estimate for part in fit.varcorr)
        assert self.sd(EffectUnit(), frame) == pytest.approx(math.hypot(between, within), rel=1e-13)

    def test_total_of_slopes_is_the_mean_over_rows(self) -> None:
        frame = unbalanced()
        frame["w"] = np.random.default_rng(1).uniform(0.5, 2.0, len(frame))
        formula = "y ~ arm * time + (0 + months | id) + (1 | site)"
        fit = harness.lmer(formula, frame, weights="w")
        sd = {part.term: part.estimate for part in fit.varcorr}
        used = frame.dropna(subset=["y"])
        variance = (
            sd["sd(site:(Intercept))"] ** 2
            + (sd["sd(id:months)"] * used["months"]) ** 2
            + sd["sigma"] ** 2 / used["w"]
        )
        found = self.sd(EffectUnit(), frame, formula, weights="w")
        assert found == pytest.approx(math.sqrt(variance.mean()), rel=1e-12)

    def test_total_of_a_linear_model_is_sigma(self) -> None:
        frame = unbalanced()
        fit = harness.lm("y ~ arm * time", frame)
        assert self.sd(EffectUnit(), frame, "y ~ arm * time") == fit.sigma

    def test_baseline_is_pooled_within_arms_over_patients(self) -> None:
        frame = unbalanced()
        frame.loc[frame["id"] == "P004", "y"] = np.nan  # a patient of whom no row is used
        first = frame.dropna(subset=["y"]).drop_duplicates("id")
        groups = [own["y0"].to_numpy() for _, own in first.groupby("arm", observed=True)]
        pooled = sum(len(own) * own.var() for own in groups) / (len(first) - 2)
        unit = EffectUnit("baseline", None, "y0", "arm", "id")
        assert self.sd(unit, frame) == pytest.approx(math.sqrt(pooled), rel=1e-13)

    def test_given_is_the_number(self) -> None:
        assert self.sd(EffectUnit("given", 7.5), two_wave()) == 7.5

    def test_no_baseline_values_refuse_effect_sizes_only(self) -> None:
        frame = unbalanced().assign(y0=np.nan)
        unit = EffectUnit("baseline", None, "y0", "arm", "id")
        found = answered(frame, besides=Besides(ALL, ARM, TIME, unit=unit))
        assert found.effect_sizes == ()
        assert found.refused == {
            "effect_size": "no two values of `y0` in one arm to take a deviation from"
        }
        assert found.contrasts


def test_the_theta_given_reaches_what_follows() -> None:
    frame = unbalanced()
    spec = ModelSpec(parse_formula(FORMULA), besides=Besides(ALL, ARM, TIME))
    port = PortEngine()
    here = port.fit(spec, frame)
    there = port.at(spec, frame, [2.0])
    assert replace(port.at(spec, frame, here.theta), messages=()).contrasts == here.contrasts
    assert there.contrasts != here.contrasts
    assert there.contrasts is not None
    assert math.isfinite(there.contrasts[0].contrast)


def test_the_df_method_asked_for_is_that_of_all_parts() -> None:
    fit = harness.lmer(FORMULA, unbalanced())
    spec = ModelSpec(parse_formula(FORMULA), besides=Besides(ALL, ARM, TIME))
    asked = fit_design(build_design(spec, unbalanced())).estimates("z")
    assert asked.emmeans is not None
    assert asked.anova is not None
    assert {row.df for row in asked.emmeans} == {math.inf}
    assert {row.den_df for row in asked.anova} == {math.inf}
    wanted = fit.emmeans(["arm", "time"], df="z").table()["conf_low"].tolist()
    assert [row.conf_low for row in asked.emmeans] == wanted
