from __future__ import annotations

import math

import pytest
from scipy import stats

from harness.compare.propagation import adjusted_limit, interval_limit, statistic_limit


def test_the_limit_of_t_is_the_limits_of_its_parts() -> None:
    assert statistic_limit(-3.0, 1e-6, 2e-6) == pytest.approx(7e-6)
    assert statistic_limit(math.inf, 1e-6, 2e-6) == 1e-6


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95, 0.99, 0.999])
@pytest.mark.parametrize("df", [0.01, 0.1, 0.5, 1, 2, 3, 5, 10, 30, 66, 1000])
def test_the_df_part_bounds_what_df_can_move_the_quantile(level: float, df: float) -> None:
    def q(nu: float) -> float:
        return float(stats.t.isf((1 - level) / 2, nu))

    moved = (q(df * math.exp(-1e-4)) - q(df * math.exp(1e-4))) / 2e-4
    bound = interval_limit(q(df), df, 0.0, 0.0, 1.0)
    assert bound >= moved
    if df >= 30:
        assert bound <= 1.12 * moved


def test_a_bound_within_its_parts_limits_is_within_its_own() -> None:
    b, se, df = -4.2, 1.9, 60.9

    def low(b: float, se: float, df: float) -> float:
        return b - float(stats.t.isf(0.025, df)) * se

    limit = interval_limit(float(stats.t.isf(0.025, df)), df, 1e-6, 1e-6, 1e-4)
    moved = abs(low(b - 1e-6 * se, se * (1 + 1e-6), df * (1 - 1e-4)) - low(b, se, df)) / se
    assert 0.9 * limit < moved <= limit


def test_a_z_interval_has_no_df_part() -> None:
    assert interval_limit(1.96, math.inf, 1e-6, 1e-6, 1e-4) == pytest.approx(2.96e-6)
    assert interval_limit(math.nan, 10.0, 1e-6, 1e-6, 1e-4) == 1e-6


def test_a_quantile_beyond_cubing_still_has_a_finite_limit() -> None:
    """With df near 0 the t quantile exceeds 1e103 and its cube no double."""
    assert interval_limit(1e250, 0.01, 1e-6, 1e-6, 1e-4) == pytest.approx(7e248, rel=1e-3)


def test_a_quantile_below_one_counts_and_one_that_is_none_does_not() -> None:
    """A 50 % interval has a quantile of 0.68; bounds in the wrong order have a negative one."""
    limit = interval_limit(0.5, 40.0, 1e-6, 1e-6, 1e-4)
    assert limit == pytest.approx(1e-6 + 0.5e-6 + (0.125 + 0.5) / 4 / 40 * 1e-4, rel=1e-12)
    for q in (0.0, -2.0, -math.inf, math.inf, math.nan):
        assert interval_limit(q, 40.0, 1e-6, 1e-6, 1e-4) == 1e-6


def test_df_that_are_none_add_nothing_and_small_ones_do() -> None:
    for df in (0.0, -1.0, math.inf, math.nan):
        assert interval_limit(2.0, df, 1e-6, 1e-6, 1e-4) == pytest.approx(3e-6, rel=1e-12)
    half = interval_limit(2.0, 0.5, 1e-6, 1e-6, 1e-4)
    assert half == pytest.approx(3e-6 + (8 + 2) / 4 / 0.5 * 1e-4, rel=1e-12)


def test_an_adjusted_p_has_the_wider_limit_of_the_two_that_decide_it() -> None:
    assert adjusted_limit([(0.01, 1e-4), (0.02, 5e-5)]) == 1e-4
    assert adjusted_limit([(0.02, 5e-5), (0.01, 1e-4)]) == 1e-4
    assert adjusted_limit([(math.nan, 1e-2), (0.02, 5e-5)]) == 5e-5
    assert adjusted_limit([]) == 0.0
