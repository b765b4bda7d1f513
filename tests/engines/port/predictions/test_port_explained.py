"""ICC, R squared and design effect: closed forms, definitions, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from port_data import classic, longitudinal, two_wave
from prediction_models import SLOPES, dense, fitted

import harness
from harness.engines.port.predictions.explained import cluster_size, design_effect
from harness.errors import ModelError


class TestRandomIntercepts:
    def test_one_way_icc_is_the_anova_estimate(self) -> None:
        frame = classic("Dyestuff")
        fit = harness.lmer("Yield ~ 1 + (1 | Batch)", frame)
        means = frame.groupby("Batch", observed=True)["Yield"].mean()
        within = frame["Yield"] - means.loc[frame["Batch"]].to_numpy()
        msw = float((within**2).sum()) / 24
        msb = 5 * float(means.var(ddof=1))
        assert fit.icc() == pytest.approx((msb - msw) / (msb + 4 * msw), rel=1e-10)
        assert fit.r2() == pytest.approx((0.0, fit.icc()), rel=1e-14)
        assert fit.explained.fixed == 0.0

    def test_two_wave_icc_is_the_correlation_within_arms_and_visits(self) -> None:
        frame = two_wave()
        fit = harness.lmer("y ~ arm * time + (1 | id)", frame)
        wide = frame.pivot(index="id", columns="time", values="y")
        arm = frame.groupby("id", observed=True)["arm"].first()
        left = wide - wide.groupby(arm, observed=True).transform("mean")
        covariance = np.cov(left.T) * 69 / 68
        # Compound symmetry: the mean variance over visits.
        icc = covariance[0, 1] / (0.5 * np.trace(covariance))
        assert fit.icc() == pytest.approx(icc, rel=1e-10)

    def test_parts_of_several_factors_add_up(self) -> None:
        fit = fitted("penicillin")
        parts = [fit.icc(group) for group in fit.groups]
        assert sum(parts) == pytest.approx(fit.icc(), rel=1e-14)
        table = fit.explained.table()
        assert table.index.tolist() == ["plate", "sample"]
        assert table["icc"].tolist() == parts
        assert table["cluster_size"].tolist() == [6.0, 24.0]
        with pytest.raises(ModelError, match="no grouping factor `rater`"):
            fit.icc("rater")

    def test_no_variance_explains_nothing(self) -> None:
        fit = harness.lmer("Yield ~ 1 + (1 | Batch)", classic("Dyestuff2"))
        assert fit.icc() == 0.0
        assert fit.explained.design_effect == {"Batch": 1.0}


class TestRandomSlopes:
    def test_the_variance_is_the_mean_over_rows(self) -> None:
        # Johnson (2014): the mean of s0^2 + 2 t s01 + t^2 s1^2.
        frame = classic("sleepstudy")
        fit = harness.lmer(SLOPES, frame)
        S = fit.sigma**2 * fit._solution.Lambda @ fit._solution.Lambda.T
        t = frame["Days"].to_numpy()
        wanted = float(np.mean(S[0, 0] + 2 * t * S[0, 1] + t**2 * S[1, 1]))
        assert fit.explained.random == pytest.approx({"Subject": wanted}, rel=1e-12)
        fixed = float(np.var(t, ddof=1)) * fit.beta[1] ** 2
        assert fit.explained.fixed == pytest.approx(fixed, rel=1e-12)
        whole = fixed + wanted + fit.sigma**2
        assert fit.r2() == pytest.approx((fixed / whole, (fixed + wanted) / whole), rel=1e-12)

    def test_the_origin_of_the_slope_does_not_matter(self) -> None:
        frame = longitudinal(1)
        base = harness.lmer("y ~ arm * t + (t | g)", frame)
        moved = harness.lmer("y ~ arm * t + (t | g)", frame.assign(t=frame["t"] + 500.0))
        assert moved.r2() == pytest.approx(base.r2(), rel=1e-7)
        assert moved.icc() == pytest.approx(base.icc(), rel=1e-7)


class TestDesignEffect:
    @pytest.mark.parametrize("name", ["two-wave", "penicillin", "pastes"])
    def test_is_the_inflation_of_the_variance_of_the_mean(self, name: str) -> None:
        # Kish: Var(mean) of all rows over that of independent rows with the same variance.
        fit = fitted(name)
        V = dense(fit).V
        n = len(V)
        inflation = V.sum() / n**2 / (V.diagonal().mean() / n)
        by_factor = fit.explained.design_effect
        assert 1 + sum(d - 1 for d in by_factor.values()) == pytest.approx(inflation, rel=1e-12)

    def test_unequal_groups_too(self) -> None:
        fit = harness.lmer("y ~ t + (1 | g)", longitudinal(1, missing=0.4))
        V = dense(fit).V
        inflation = V.sum() / len(V) / V.diagonal().mean()
        assert fit.explained.design_effect["g"] == pytest.approx(inflation, rel=1e-12)
        sizes = fit.design.groupings[0].sizes
        assert fit.explained.cluster_size["g"] > sizes.mean()

    def test_by_hand(self) -> None:
        assert cluster_size(np.array([1.0, 3.0])) == 2.5
        assert design_effect(2.5, 0.2) == pytest.approx(1.3)
