from __future__ import annotations

import math
from dataclasses import replace

import pytest
from estimates_by_hand import KEY, pair

from harness.compare import compare_model
from harness.compare.boundary import Boundary
from harness.compare.drawn import Drawn
from harness.compare.measure import Measured, Pair, measure
from harness.compare.policy import Policy, default_policy
from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict
from harness.estimates.table import EstimateRow
from harness.models.inference import MonteCarlo, PooledEffect

POLICY = default_policy()


def measure_drawn(quantity: str, python: Drawn, r: Drawn, policy: Policy) -> Measured:
    row = EstimateRow("mi(x)", quantity, python.value)
    pair = Pair({}, {}, "satterthwaite", Boundary(), policy, drawn={row.key: (python, r)})
    return measure(row, python.value, r.value, pair)


def side(value: float, mc_error: float = 0.3, std_error: float = 2.0) -> Drawn:
    return Drawn(value, mc_error, std_error)


@pytest.mark.parametrize("quantity", ["estimate", "std_error", "df", "statistic", "p_value"])
def test_two_answers_are_held_at_four_standard_errors_of_their_difference(quantity: str) -> None:
    near = measure_drawn(quantity, side(1.0), side(1.0 + 3.99 * 0.5, 0.4), POLICY)
    far = measure_drawn(quantity, side(1.0), side(1.0 + 4.01 * 0.5, 0.4), POLICY)
    assert (near.delta, near.limit) == (pytest.approx(3.99), 4.0)
    assert (near.within, far.within) == (True, False)
    assert (near.metric, near.tier) == ("MCSE", "T4")


@pytest.mark.parametrize(
    ("quantity", "scale"),
    [("estimate", 2.0), ("conf_low", 2.0), ("std_error", 5.0), ("df", 5.0), ("p_value", 1.0)],
)
def test_what_is_not_random_is_held_to_its_rounding(quantity: str, scale: float) -> None:
    least = (POLICY.drawn_df if quantity == "df" else POLICY.drawn_rounding) * scale
    for factor, within in ((3.9, True), (4.1, False)):
        found = measure_drawn(
            quantity, side(5.0, 0.0), side(5.0 + factor * least, 0.0, 9.0), POLICY
        )
        assert found.within is within


@pytest.mark.parametrize(
    ("python", "r"),
    [
        (side(1.0, math.nan), side(1.1)),
        (side(1.0, math.inf), side(1.1)),
        (side(1.0), side(math.nan)),
        (side(1.0), side(math.inf)),
        (side(0.0, 0.0, math.nan), side(1e-300, 0.0, math.nan)),
    ],
)
def test_an_error_that_is_no_number_excuses_nothing(python: Drawn, r: Drawn) -> None:
    assert measure_drawn("estimate", python, r, POLICY).delta == math.inf
    assert measure_drawn("estimate", r, python, POLICY).delta == math.inf


def test_what_both_sides_lack_or_agree_on_is_no_difference() -> None:
    assert measure_drawn("df", side(math.inf, 0.0), side(math.inf, 0.0), POLICY).delta == 0.0
    assert measure_drawn("df", side(math.nan), side(math.nan), POLICY).delta == 0.0
    assert measure_drawn("df", side(7.0, math.nan), side(7.0), POLICY).delta == 0.0


def test_a_quantity_that_is_never_drawn_has_no_limit() -> None:
    with pytest.raises(KeyError, match="no tolerance for criterion at tier T4"):
        measure_drawn("criterion", side(1.0), side(1.0), POLICY)


def pooled(estimate: float, p_value: float, mcse: float) -> PooledEffect:
    errors = MonteCarlo(*[mcse] * 4, 0.02, mcse, mcse)
    return PooledEffect(
        "mi(x)", estimate, 1.0, 60.0, estimate, p_value, estimate - 2.0, estimate + 2.0, errors
    )


def verdicts(ours: PooledEffect, theirs: PooledEffect) -> dict[str, DiffRow]:
    python, r = pair()
    rows = compare_model(
        KEY,
        replace(python, imputed=(ours,)),
        replace(r, imputed=(theirs,)),
    )
    return {row.quantity: row for row in rows if row.term == "mi(x)"}


def test_rows_of_a_model_are_held_by_their_monte_carlo_errors() -> None:
    found = verdicts(pooled(3.0, 0.003, 0.3), pooled(4.0, 0.001, 0.3))
    assert {row.verdict for row in found.values()} == {Verdict.MATCH}
    assert {(row.tier, row.metric, row.limit) for row in found.values()} == {("T4", "MCSE", 4.0)}
    far = verdicts(pooled(3.0, 0.003, 0.1), pooled(4.0, 0.001, 0.1))
    assert far["estimate"].verdict is Verdict.DIFFERS
    assert far["std_error"].verdict is Verdict.MATCH


def test_a_decision_within_chance_is_a_match_that_says_so_and_beyond_it_flips() -> None:
    near = verdicts(pooled(2.0, 0.047, 0.3), pooled(2.0, 0.053, 0.3))["p_value"]
    assert near.verdict is Verdict.MATCH
    assert near.note == (
        "p is on the other side of 0.05; within Monte-Carlo error: more imputations would settle it"
    )
    far = verdicts(pooled(2.0, 0.001, 0.3), pooled(2.0, 0.4, 0.3))["p_value"]
    assert far.verdict is Verdict.DECISION_FLIPS
