from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.compare import metrics

INF, NAN = math.inf, math.nan
ALL = {
    "absolute": metrics.absolute,
    "deviance": metrics.deviance,
    "exact": metrics.exact,
    "relative": metrics.relative,
    "ulp": metrics.ulp,
    "SE": lambda a, b: metrics.in_se(a, b, [1.0]),
}


@pytest.mark.parametrize("metric", ALL.values(), ids=ALL)
class TestEveryMetric:
    def test_nan_on_one_side_is_an_infinite_difference(self, metric) -> None:
        assert metric(NAN, 1.0) == INF
        assert metric(1.0, NAN) == INF
        assert metric(NAN, INF) == INF

    def test_nan_on_both_sides_is_none(self, metric) -> None:
        assert metric(NAN, NAN) == 0

    def test_infinities(self, metric) -> None:
        assert metric(INF, INF) == 0
        assert metric(-INF, -INF) == 0
        assert metric(INF, -INF) == INF
        assert metric(INF, 1e308) == INF
        assert metric(0.0, -INF) == INF

    @given(a=st.floats(), b=st.floats())
    def test_symmetric_never_negative_never_nan(self, metric, a: float, b: float) -> None:
        delta = metric(a, b)
        assert delta >= 0
        assert delta == metric(b, a)

    @given(a=st.floats(allow_nan=False))
    def test_nothing_differs_from_itself(self, metric, a: float) -> None:
        assert metric(a, a) == 0
        assert metric(0.0, -0.0) == 0


def test_relative_is_taken_of_the_smaller_magnitude() -> None:
    assert metrics.relative(1.0, 1.5) == 0.5
    assert metrics.relative(-1.0, 1.0) == 2.0
    assert metrics.relative(0.0, 1e-300) == INF


def test_tiny_p_values_are_not_equal_by_default() -> None:
    # np.allclose(1e-12, 1e-9) is True: its absolute tolerance is 1e-8.
    assert metrics.relative(1e-12, 1e-9) > 900


def test_below_the_smallest_normal_double_relative_precision_does_not_exist() -> None:
    assert metrics.relative(5e-324, 0.0) == 0
    assert metrics.relative(1e-310, 3e-309) == 0
    assert metrics.relative(1e-300, 2e-300) == pytest.approx(1.0)


def test_se_units_use_the_smallest_usable_standard_error() -> None:
    assert metrics.in_se(1.0, 1.5, [0.5, 0.25]) == 2.0
    assert metrics.in_se(1.0, 1.5, [NAN, 0.0, INF, 0.5]) == 1.0
    assert metrics.in_se(1.0, 1.0 + 1e-15, [0.0]) == INF
    assert metrics.in_se(1.0, 1.0, []) == 0


def test_ulp_counts_doubles() -> None:
    assert metrics.ulp(1.0, math.nextafter(1.0, 2)) == 1
    assert metrics.ulp(5e-324, -5e-324) == 2
    assert metrics.ulp(1.0, 1.0 + 2**-50) == 4


def test_the_smallest_normal_double_has_relative_precision() -> None:
    tiny = 2.2250738585072014e-308
    assert metrics.relative(tiny, tiny / 2) == 1.0
    assert metrics.relative(math.nextafter(tiny, 0), tiny / 2) == 0
