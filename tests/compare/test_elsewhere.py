"""Tier T1 away from the reference's optimum: at the start of the search and at Python's theta."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from estimates_by_hand import KEY, THETA, pair

from harness.compare import CrossCheck, Verdict, compare_model, default_policy
from harness.compare.cross import BothAt
from harness.compare.rows import DiffRow
from harness.models.record import AtTheta, Coefficient

START = AtTheta(
    "start", (1.0, 0.0, 1.0), 1301.25, 5.5,
    (Coefficient("(Intercept)", 23.0, 1.25), Coefficient("week", -0.5, 0.25)),
)  # fmt: skip
ASKED = replace(START, place="asked", theta=THETA, criterion=1234.5)


def both(python: AtTheta, r: AtTheta) -> BothAt:
    return BothAt(python, r, at_python=r.place == "asked")


def rows_of(*places: BothAt) -> list[DiffRow]:
    python, r = pair()
    cross = CrossCheck(r.fit.criterion, elsewhere=places)
    return [row for row in compare_model(KEY, python, r, cross) if row.tier == "T1"]


def off(side: AtTheta, quantity: str, steps: float) -> AtTheta:
    """One number of a side, so many limits of tier T1 away."""
    if quantity == "criterion":
        return replace(side, criterion=side.criterion + steps * 1e-8)
    if quantity == "sigma":
        return replace(side, sigma=side.sigma * (1 + steps * 1e-10))
    first, second = side.coefficients
    if quantity == "estimate":
        second = replace(second, estimate=second.estimate + steps * 1e-9 * second.std_error)
    else:
        second = replace(second, std_error=second.std_error * (1 + steps * 1e-10))
    return replace(side, coefficients=(first, second))


def test_a_criterion_a_theta_and_the_nearest_number_over_all_thetas() -> None:
    rows = rows_of(both(START, START), both(ASKED, ASKED))
    assert [(row.quantity, row.note) for row in rows] == [
        ("criterion", "both criteria at r's theta"),
        ("criterion", "both criteria at the start of the search"),
        ("criterion", "both criteria at python's theta"),
        ("sigma", "at the start of the search, the nearest to its limit of 2 at 2 thetas"),
        ("estimate", "at the start of the search, the nearest to its limit of 4 at 2 thetas"),
        ("std_error", "at the start of the search, the nearest to its limit of 4 at 2 thetas"),
    ]
    assert {row.verdict for row in rows} == {Verdict.MATCH}
    assert [(row.term, row.python, row.r) for row in rows[3:]] == [
        ("sigma", 5.5, 5.5), ("(Intercept)", 23.0, 23.0), ("(Intercept)", 1.25, 1.25),
    ]  # fmt: skip


def test_the_numbers_at_r_s_theta_count_among_the_thetas() -> None:
    python, r = pair()
    cross = CrossCheck(
        r.fit.criterion, numbers_at_r=python, elsewhere=(both(START, START), both(ASKED, ASKED))
    )
    notes = {row.quantity: row.note for row in compare_model(KEY, python, r, cross)}
    assert notes["sigma"] == "at r's theta, the nearest to its limit of 3 at 3 thetas"
    cross = replace(cross, elsewhere=(both(START, START),))
    notes = {row.quantity: row.note for row in compare_model(KEY, python, r, cross)}
    assert notes["sigma"] == "at r's theta, the nearest to its limit of 2 at 2 thetas"


def test_a_number_elsewhere_is_held_by_its_methods_own_record() -> None:
    policy = default_policy()
    (shared,) = [t for t in policy.tolerances if (t.tier, t.quantity) == ("T1", "sigma")]
    own = replace(shared, df_methods=("satterthwaite",), limit=1.0)
    policy = replace(policy, tolerances=(*policy.tolerances, own))
    for method, red in (("satterthwaite", []), ("z", ["sigma"])):
        python, r = pair(df_method=method)
        cross = CrossCheck(r.fit.criterion, elsewhere=(both(START, off(START, "sigma", 10.0)),))
        rows = compare_model(KEY, python, r, cross, policy=policy)
        assert [row.quantity for row in rows if row.red] == red


@pytest.mark.parametrize("where", ["start", "asked"])
@pytest.mark.parametrize("side", ["python", "r"])
@pytest.mark.parametrize("quantity", ["criterion", "sigma", "estimate", "std_error"])
def test_ten_limits_off_is_red_and_a_tenth_is_not(quantity: str, side: str, where: str) -> None:
    for steps in (10.0, -10.0, 0.1, -0.1):
        places = []
        for place in (START, ASKED):
            wrong = off(place, quantity, steps) if place.place == where else place
            places.append(both(wrong, place) if side == "python" else both(place, wrong))
        red = [row for row in rows_of(*places) if row.red]
        assert [row.quantity for row in red] == ([quantity] if abs(steps) > 1 else [])
        words = "the start of the search" if where == "start" else "python's"
        what = "criteria" if quantity == "criterion" else "numbers"
        assert {row.note for row in red} <= {f"the {what} disagree at the same theta ({words})"}
        assert {row.cause for row in red} <= {"algebra: not the same numbers at the same theta"}


def test_the_number_nearest_to_its_limit_is_shown_whichever_theta_it_is_at() -> None:
    rows = rows_of(both(START, START), both(ASKED, off(ASKED, "sigma", 0.5)))
    (row,) = [row for row in rows if row.quantity == "sigma"]
    assert row.note == "at python's theta, the nearest to its limit of 2 at 2 thetas"
    assert row.share == pytest.approx(0.5, rel=1e-4)


def test_a_coefficient_only_one_side_has_is_red() -> None:
    lacking = replace(START, coefficients=START.coefficients[:1])
    for given in (both(START, lacking), both(lacking, START)):
        red = [row for row in rows_of(given) if row.red]
        assert [(row.term, row.quantity) for row in red] == [
            ("week", "estimate"), ("week", "std_error"),
        ]  # fmt: skip
        assert all(row.delta == math.inf for row in red)


def test_a_theta_of_an_earlier_day_is_called_so() -> None:
    stale = BothAt(ASKED, ASKED, at_python=False)
    assert stale.words == "the theta python had when r was asked"


def test_another_problem_is_held_to_nothing() -> None:
    python, r = pair()
    cross = CrossCheck(r.fit.criterion, elsewhere=(both(START, START),))
    rows = compare_model(KEY, python, replace(r, n_obs=7), cross)
    assert {row.verdict for row in rows} == {Verdict.DIFFERENT_MODEL}
