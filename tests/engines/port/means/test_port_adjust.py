"""Adjustments: closed forms, printed tables, definitions by hand, one route against another."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import harness
from harness.engines.port.means.adjust import ADJUSTMENTS, Family, adjusted, two_sided
from harness.engines.port.means.contrasts import contrast_set
from harness.engines.port.means.multivariate_t import LargestT

SINGLE_STEP = ("none", "tukey", "sidak", "scheffe", "bonferroni", "dunnett", "mvt")


def correlations(method: str, k: int, variances: object = 1.0) -> np.ndarray:
    """Of contrasts of k independent means."""
    C = contrast_set(method, [f"m{j}" for j in range(k)]).coefficients
    V = C @ np.diag(np.broadcast_to(np.asarray(variances, dtype=float), k)) @ C.T
    sd = np.sqrt(V.diagonal())
    return V / np.outer(sd, sd)


def sampled(R: np.ndarray) -> LargestT:
    """The same by points on the sphere, whatever better way there is."""
    route = LargestT(R)
    route.__dict__["loadings"] = None
    return route


class TestLargestT:
    @pytest.mark.parametrize("df", [1.0, 4.3, 50.0, np.inf])
    def test_one_is_student(self, df: float) -> None:
        wanted = 2 * (stats.norm.sf(2.3) if np.isinf(df) else stats.t.sf(2.3, df))
        for R in (np.eye(1), np.array([[1.0, -1.0], [-1.0, 1.0]])):
            assert LargestT(R).tail(2.3, df) == (pytest.approx(wanted, rel=1e-12), 0.0)
        exact = stats.norm.ppf(0.975) if np.isinf(df) else stats.t.ppf(0.975, df)
        assert LargestT(np.eye(1)).quantile(0.95, df) == pytest.approx(exact, rel=1e-12)

    @pytest.mark.parametrize("m", [2, 3, 7])
    @pytest.mark.parametrize("q", [0.5, 2.0, 6.0, 12.0])
    def test_independent_normals(self, m: int, q: float) -> None:
        wanted = -math.expm1(m * math.log1p(-2 * stats.norm.sf(q)))
        tail, error = LargestT(np.eye(m)).tail(q, np.inf)
        assert tail == pytest.approx(wanted, rel=1e-12)
        assert error == 0.0

    @pytest.mark.parametrize("df", [2.5, 9.0, 71.3, np.inf])
    @pytest.mark.parametrize("q", [1.0, 2.5, 4.0])
    def test_pairs_of_three_are_the_studentised_range(self, q: float, df: float) -> None:
        wanted = stats.studentized_range.sf(q * math.sqrt(2), 3, df)
        # scipy's integral is good to 1e-11 of 1
        assert LargestT(correlations("pairwise", 3)).tail(q, df)[0] == pytest.approx(
            wanted, rel=1e-9, abs=2e-11
        )

    @pytest.mark.parametrize("k", [4, 6])
    def test_pairs_of_more_within_the_error_stated(self, k: int) -> None:
        largest = LargestT(correlations("pairwise", k))
        for q in (2.0, 3.0, 5.0):
            for df in (5.3, 71.3, np.inf):
                wanted = stats.studentized_range.sf(q * math.sqrt(2), k, df)
                tail, error = largest.tail(q, df)
                assert 0.0 < error < min(1e-4, 3e-3 * wanted)
                assert abs(tail - wanted) <= 4.0 * error

    @pytest.mark.parametrize(
        ("df", "points"),
        [
            (5, (3.03, 3.29)),
            (10, (2.57, 2.76, 2.89, 2.99)),
            (20, (2.38, 2.54, 2.65, 2.73, 2.80)),
            (np.inf, (2.21, 2.35, 2.44, 2.51, 2.57)),
        ],
    )
    def test_dunnetts_table(self, df: float, points: tuple[float, ...]) -> None:
        # Dunnett (1964), Biometrics 20, table II: two-sided, joint level 95 %, 2 treatments and up.
        for k, printed in enumerate(points, start=2):
            got = LargestT(correlations("trt.vs.ctrl", k + 1)).quantile(0.95, df)
            assert abs(got - printed) <= 0.0051

    @pytest.mark.parametrize("variances", [1.0, [0.2, 1.0, 3.0, 5.0, 1.0], [9.0, 1, 2, 1, 2]])
    def test_quadrature_and_sphere_agree_on_one_control(self, variances: object) -> None:
        R = correlations("trt.vs.ctrl", 5, variances)
        exact, other = LargestT(R), sampled(R)
        assert exact.loadings is not None
        for df in (3.0, 17.5, np.inf):
            for q in (1.5, 2.5, 4.0):
                tail, error = other.tail(q, df)
                assert error > 0.0
                assert abs(tail - exact.tail(q, df)[0]) <= 4.0 * error
            assert exact.quantile(0.9, df) == pytest.approx(other.quantile(0.9, df), rel=1e-3)

    def test_signs_do_not_matter(self) -> None:
        R = correlations("trt.vs.ctrl", 5)
        flip = np.diag([1.0, -1.0, 1.0, -1.0])
        turned = LargestT(flip @ R @ flip)
        assert turned.loadings is not None
        assert turned.tail(2.2, 12.0)[0] == pytest.approx(LargestT(R).tail(2.2, 12.0)[0], rel=1e-11)

    def test_what_is_no_product_is_sampled(self) -> None:
        assert LargestT(correlations("consec", 5)).loadings is None
        assert LargestT(correlations("pairwise", 4)).loadings is None
        nearly = 0.999 * np.ones((4, 4)) + 0.001 * np.eye(4)
        assert LargestT(nearly).loadings is None, "too steep for quadrature"
        one = 2 * stats.t.sf(2.0, 30.0)
        assert one < LargestT(nearly).tail(2.0, 30.0)[0] < 1.1 * one

    def test_a_dominated_statistic_adds_nothing(self) -> None:
        # The third is the first again: two tests, not three.
        R = np.array([[1.0, 0.3, 1.0], [0.3, 1.0, 0.3], [1.0, 0.3, 1.0]])
        assert LargestT(R).tail(2.1, 8.0)[0] == pytest.approx(
            LargestT(R[:2, :2]).tail(2.1, 8.0)[0], rel=1e-12
        )

    def test_the_same_points_every_time(self) -> None:
        R = correlations("consec", 6)
        assert LargestT(R).tail(2.0, 11.0) == LargestT(R).tail(2.0, 11.0)


def family(t: list[float], df: object, size: int = 0, pairs_of: int = 0) -> Family:
    values = np.array(t)
    return Family(
        size=size or len(t),
        statistic=values,
        df=np.broadcast_to(np.asarray(df, dtype=float), len(t)).copy(),
        covariance=lambda: 4.0 * correlations("trt.vs.ctrl", len(t) + 1),
        pairs_of=pairs_of,
        rank=len(t),
    )


class TestAdjusted:
    T = (2.9, -0.4, 2.2, 2.5, -3.3)

    @pytest.mark.parametrize("method", ADJUSTMENTS)
    @pytest.mark.parametrize("df", [11.0, np.inf])
    def test_never_below_the_single_test_and_in_its_order(self, method: str, df: float) -> None:
        got = adjusted(family(list(self.T), df), method, 0.95)
        single = two_sided(np.array(self.T), np.full(5, df))
        assert (got.p_value >= single - 1e-15).all()
        assert (got.p_value <= 1.0).all()
        order = np.argsort(single)
        assert all(a <= b for a, b in pairwise(got.p_value[order]))
        assert (got.critical >= two_sided_point(0.05, df) - 1e-12).all()

    @pytest.mark.parametrize("method", SINGLE_STEP)
    @pytest.mark.parametrize("df", [8.4, 60.0, np.inf])
    @pytest.mark.parametrize("level", [0.9, 0.95])
    def test_interval_and_p_value_say_the_same(self, method: str, df: float, level: float) -> None:
        made = family([1.0, 2.0, 3.0], df, pairs_of=3)
        critical = adjusted(made, method, level).critical
        edge = adjusted(replace(made, statistic=critical), method, level)
        assert edge.p_value == pytest.approx(np.full(3, 1.0 - level), rel=1e-7)

    def test_step_down_and_step_up_by_hand(self) -> None:
        p = two_sided(np.array(self.T), np.full(5, np.inf))
        rank = np.argsort(p)
        s = p[rank]
        n = len(s)
        holm = np.maximum.accumulate((n - np.arange(n)) * s)
        hochberg = np.minimum.accumulate(((n - np.arange(n)) * s)[::-1])[::-1]
        bh = np.minimum.accumulate((n / np.arange(1, n + 1) * s)[::-1])[::-1]
        by = bh * (1 / np.arange(1, n + 1)).sum()
        for method, wanted in {"holm": holm, "hochberg": hochberg, "BH": bh, "BY": by}.items():
            got = adjusted(family(list(self.T), np.inf), method, 0.95)
            assert got.p_value[rank] == pytest.approx(np.minimum(wanted, 1.0), rel=1e-12)
            assert got.interval_method == "bonferroni"

    def test_tests_that_could_not_be_done_count(self) -> None:
        got = adjusted(family([2.5, 1.0], 20.0, size=6), "holm", 0.95)
        single = two_sided(np.array([2.5, 1.0]), np.full(2, 20.0))
        assert got.p_value == pytest.approx(np.minimum(single * [6, 5], 1.0), rel=1e-13)

    def test_tukey_of_other_families_is_sidak_and_says_so(self) -> None:
        got = adjusted(family([2.5, 1.0], 20.0), "tukey", 0.95)
        assert (got.method, got.interval_method) == ("sidak", "sidak")

    def test_two_means_need_no_adjustment(self) -> None:
        made = family([2.5], 17.3, pairs_of=2)
        for method in ("tukey", "sidak", "scheffe", "bonferroni", "mvt", "holm"):
            got = adjusted(made, method, 0.95)
            assert got.p_value[0] == pytest.approx(2 * stats.t.sf(2.5, 17.3), rel=1e-9)
            assert got.critical[0] == pytest.approx(stats.t.ppf(0.975, 17.3), rel=1e-9)

    def test_each_statistic_on_its_own_df(self) -> None:
        df = np.array([5.0, 12.5, np.inf, np.nan])
        made = family([2.5, 2.5, 2.5, 2.5], df, pairs_of=4)
        for method in ADJUSTMENTS:
            if method in ("dunnett", "mvt"):
                continue
            got = adjusted(made, method, 0.95)
            assert np.isnan(got.p_value).tolist() == [False, False, False, True], method
            assert got.p_value[0] >= got.p_value[1] >= got.p_value[2]
            assert got.critical[0] > got.critical[1] > got.critical[2]
        largest = adjusted(made, "mvt", 0.95)
        assert np.isnan(largest.p_value[3])
        assert largest.p_value[0] > largest.p_value[1] > largest.p_value[2]


def two_sided_point(alpha: float, df: float) -> float:
    return float(stats.norm.isf(alpha / 2) if np.isinf(df) else stats.t.isf(alpha / 2, df))


def test_dunnett_in_a_balanced_model_is_the_printed_one() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"arm": np.repeat(list("abcde"), 5), "y": rng.normal(size=25)})
    fit = harness.lm("y ~ arm", frame)
    table = fit.emmeans("arm", contrast="trt.vs.ctrl").table()
    assert set(table["adjust"]) == set(table["conf_adjust"]) == {"dunnett"}
    half = (table["conf_high"] - table["estimate"]) / table["std_error"]
    assert half.to_numpy() == pytest.approx(np.full(4, 2.65), abs=0.0051)
    assert (table["p_error"] == 0.0).all()
    sampled_table = fit.emmeans("arm", contrast="consec").table()
    assert set(sampled_table["adjust"]) == {"mvt"}
    assert (sampled_table["p_error"] > 0.0).all()
