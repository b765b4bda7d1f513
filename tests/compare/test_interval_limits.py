"""The limit of an interval's bound, where the sides do not give the same numbers."""

from __future__ import annotations

import math

import pytest
from estimates_by_hand import KEY

from harness.compare import DiffRow
from harness.compare.keyed import compare_numbers
from harness.compare.policy import default_policy
from harness.estimates.numbers import ModelNumbers
from harness.estimates.written import Written

DF = 40.0
WHOLE = {"conf_low": 8.0, "conf_high": 12.0, "std_error": 1.0, "df": DF}
# Quantile 2: the limits of estimate and standard error, and what df at 1e-4 moves.
LIMIT = 1e-6 + 2 * 1e-6 + (2**3 + 2) / 4 / DF * 1e-4


def bound(python: dict[str, float], r: dict[str, float], quantity: str = "conf_low") -> DiffRow:
    sides = (
        ModelNumbers(KEY, "", {("x", n, 0): Written(v) for n, v in given.items()}, "satterthwaite")
        for given in (python, r)
    )
    spoken = frozenset({"conf_low", "conf_high", "statistic"})
    rows = compare_numbers(KEY, *sides, spoken=spoken, policy=default_policy(), label="")
    return next(row for row in rows if row.quantity == quantity)


def without(*names: str) -> dict[str, float]:
    return {name: value for name, value in WHOLE.items() if name not in names}


def limit(python: dict[str, float], r: dict[str, float]) -> float:
    found = bound(python, r).limit
    assert found is not None
    return found


def both_ways(one: dict[str, float], other: dict[str, float]) -> float:
    first, second = limit(one, other), limit(other, one)
    assert first == second
    return first


def test_two_whole_intervals() -> None:
    assert both_ways(WHOLE, WHOLE) == pytest.approx(LIMIT, rel=1e-12)


def test_the_tighter_side_holds() -> None:
    wide = {**WHOLE, "conf_high": 1000.0}
    assert both_ways(WHOLE, wide) == pytest.approx(LIMIT, rel=1e-12)
    narrow = {**WHOLE, "conf_high": 8.5}
    assert both_ways(WHOLE, narrow) < LIMIT


@pytest.mark.parametrize("missing", [("std_error",), ("std_error", "df")])
def test_a_side_without_a_standard_error_cannot_widen_the_limit(missing: tuple[str, ...]) -> None:
    """A paper's bounds without their standard error: the other side's own interval decides."""
    paper = {**without(*missing), "conf_high": 1000.0}
    assert both_ways(WHOLE, paper) == pytest.approx(LIMIT, rel=1e-12)
    assert bound({**paper, "conf_low": 8.001}, WHOLE).red


def test_without_any_standard_error_the_estimates_own_limit_holds() -> None:
    assert both_ways(without("std_error"), without("std_error")) == 1e-6


@pytest.mark.parametrize("se", [0.0, -1.0, math.nan])
def test_a_standard_error_that_is_none_gives_no_quantile(se: float) -> None:
    odd = {**WHOLE, "std_error": se}
    assert both_ways(odd, odd) == 1e-6
    assert both_ways(odd, WHOLE) == pytest.approx(LIMIT, rel=1e-12)


def test_without_df_they_add_nothing() -> None:
    assert both_ways(without("df"), without("df")) == pytest.approx(3e-6, rel=1e-12)
    assert both_ways({**WHOLE, "df": math.inf}, WHOLE) == pytest.approx(3e-6, rel=1e-12)


def test_a_small_standard_error_counts() -> None:
    small = {**WHOLE, "conf_low": 9.8, "conf_high": 10.2, "std_error": 0.1}
    assert both_ways(small, small) == pytest.approx(LIMIT, rel=1e-9)


@pytest.mark.parametrize("t", [0.5, -40.0])
def test_the_limit_of_a_statistic_grows_with_it(t: float) -> None:
    """By the limit of the standard error; an interval beside it has no say."""
    given = {**WHOLE, "statistic": t}
    found = bound(given, given, "statistic")
    assert (found.metric, found.limit) == ("SE", pytest.approx(1e-6 + abs(t) * 1e-6, rel=1e-12))
