"""Tier T1: everything at one theta, each number in its unit, the worst of each quantity shown."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from estimates_by_hand import KEY, at_boundary, pair, with_value

from harness.compare import CrossCheck, Verdict, compare_model, default_policy
from harness.compare.algebra import QUANTITIES
from harness.compare.policy import Policy
from harness.compare.rows import DiffRow
from harness.estimates import estimate_rows
from harness.models.inference import LowerBound, UpperBound
from harness.models.record import Estimates, ReferenceQuality


def t1(
    at_r: Estimates, r: Estimates, python: Estimates | None = None, policy: Policy | None = None
) -> list[DiffRow]:
    cross = CrossCheck(python_at_r=r.fit.criterion, numbers_at_r=at_r)
    rows = compare_model(KEY, python or r, r, cross, policy=policy)
    return [row for row in rows if row.tier == "T1"]


def test_one_row_a_quantity_where_all_is_well() -> None:
    python, r = pair()
    rows = t1(python, r)
    assert [row.quantity for row in rows] == [
        "criterion", "estimate", "std_error", "df", "sd", "cor", "sigma", "loglik", "aic", "bic",
    ]  # fmt: skip
    assert {row.quantity for row in rows} == {"criterion", *QUANTITIES}
    assert {row.verdict for row in rows} == {Verdict.MATCH}
    assert rows[1].note == "at r's theta, the nearest to its limit of 4"
    assert {row.quantity: row.metric for row in rows} == {
        **dict.fromkeys(("criterion", "loglik", "aic", "bic"), "deviance"),
        **dict.fromkeys(("std_error", "df", "sd", "cor", "sigma"), "relative"),
        "estimate": "SE",
    }


NUMBERS = [row for row in estimate_rows(pair()[0]) if row.quantity in QUANTITIES]


@pytest.mark.parametrize("side", ["python", "r"])
@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: f"{n.term or 'fit'}-{n.quantity}")
def test_ten_limits_off_is_red_and_a_tenth_is_not(number: object, side: str) -> None:
    from harness.estimates import EstimateRow

    assert isinstance(number, EstimateRow)
    python, r = pair()
    policy = default_policy()
    limit = policy.find(number.quantity, "T1", df_method=r.df_method).limit_at(float(number.value))
    unit = abs(float(number.value))
    if number.quantity == "estimate":
        unit = next(e.std_error for e in r.fixed if e.term == number.term)
    elif number.quantity in ("loglik", "aic", "bic"):
        unit = 1.0
    for steps, expected in ((10.0, Verdict.DIFFERS), (0.1, Verdict.MATCH)):
        wrong = float(number.value) + steps * limit * unit
        if side == "python":
            rows = t1(with_value(python, number.term, number.quantity, wrong), r, python)
        else:
            off = with_value(r, number.term, number.quantity, wrong)
            rows = t1(python, off, off)
        (row,) = [x for x in rows if (x.term, x.quantity) == (number.term, number.quantity)]
        assert row.verdict is expected, row


@pytest.mark.parametrize(
    ("said", "off", "expected"),
    [
        (None, 5e-6, Verdict.DIFFERS),
        (8e-6, 5e-6, Verdict.MATCH),
        (8e-6, 9e-6, Verdict.DIFFERS),
        (1e-9, 5e-7, Verdict.MATCH),
        (math.nan, 5e-6, Verdict.DIFFERS),
        (0.5, 9e-5, Verdict.MATCH),
        (math.inf, 2e-4, Verdict.DIFFERS),
    ],
    ids=["nothing", "within-it", "beyond-it", "less-than-the-policy", "no-number", "much", "any"],
)
def test_df_are_held_to_what_the_reference_says_its_derivatives_are_worth(
    said: float | None, off: float, expected: Verdict
) -> None:
    python, r = pair()
    r = replace(r, quality=ReferenceQuality(clean=True, df_error=said))
    df = next(e.df for e in r.fixed if e.term == "week")
    (row,) = [row for row in t1(with_value(r, "week", "df", df * (1 + off)), r, python)
              if row.quantity == "df"]  # fmt: skip
    assert (row.term, row.verdict) == ("week", expected)
    assert row.limit == {8e-6: 8e-6, 0.5: 1e-4, math.inf: 1e-4}.get(said or 0.0, 1e-6)


@pytest.mark.parametrize(
    ("df_method", "quantity"),
    [("satterthwaite", "estimate"), ("satterthwaite", "std_error"), ("kenward-roger", "df")],
)
def test_nothing_else_is(df_method: Any, quantity: str) -> None:
    r = pair()[1]
    r = replace(r, df_method=df_method, quality=ReferenceQuality(clean=True, df_error=0.5))
    value = next(getattr(e, quantity) for e in r.fixed if e.term == "week")
    at_r = with_value(replace(r), "week", quantity, value * 1.001)
    (row,) = [row for row in t1(at_r, r) if row.red]
    assert (row.term, row.quantity, row.verdict) == ("week", quantity, Verdict.DIFFERS)


def test_every_number_beyond_its_limit_is_listed() -> None:
    python, r = pair()
    at_r = with_value(python, "week", "std_error", 0.5)
    at_r = with_value(at_r, "(Intercept)", "std_error", 3.0)
    bad = [row for row in t1(at_r, r, python) if row.red]
    assert [row.term for row in bad] == ["(Intercept)", "week"]
    assert {row.note for row in bad} == {"the numbers disagree at the same theta (r's)"}


def test_nan_on_one_side_is_red() -> None:
    python, r = pair()
    at_r = with_value(python, "sigma", "sigma", math.nan)
    assert [row.quantity for row in t1(at_r, r, python) if row.red] == ["sigma"]


def test_nan_on_either_side_leaves_the_limit_of_the_other_s_size() -> None:
    # At 1e9 the floor of 64 spacings of doubles is above the limit itself.
    fits = [with_value(side, "", "aic", 1e9) for side in pair()]
    nothing = [with_value(side, "", "aic", math.nan) for side in pair()]
    for python, r in ((nothing[0], fits[1]), (fits[0], nothing[1])):
        (row,) = [row for row in t1(python, r, r) if row.quantity == "aic"]
        assert (row.red, row.delta) == (True, math.inf)
        assert row.limit == 64 * math.ulp(1e9)


def test_counted_df_are_exact_here_too() -> None:
    python, r = pair(df_method="residual")
    at_r = with_value(python, "week", "df", math.nextafter(44.4, 45))
    found = [row for row in t1(at_r, r, python) if row.quantity == "df"]
    assert [(row.term, row.red) for row in found] == [("week", True)]


@pytest.mark.parametrize(
    ("intercept", "week", "nearest"), [(5e-3, 9e-5, "week"), (9e-3, 5e-5, "(Intercept)")]
)
def test_nearest_is_the_largest_share_of_a_number_s_own_limit(
    intercept: float, week: float, nearest: str
) -> None:
    policy = default_policy()
    (shared,) = [t for t in policy.tolerances if (t.tier, t.quantity) == ("T1", "std_error")]
    others = [t for t in policy.tolerances if t is not shared]
    of_size = (replace(shared, limit=1e-4, below=1.0), replace(shared, limit=1e-2, at_least=1.0))
    python, r = pair()
    at_r = with_value(python, "(Intercept)", "std_error", 1.5 * (1 + intercept))
    at_r = with_value(at_r, "week", "std_error", 0.21 * (1 + week))
    rows = t1(at_r, r, python, replace(policy, tolerances=(*others, *of_size)))
    assert [row.term for row in rows if row.quantity == "std_error"] == [nearest]


def test_on_the_boundary_df_and_correlations_are_not_held_and_the_rest_is() -> None:
    python, r = at_boundary(), at_boundary("lme4")
    assert {row.quantity: row.metric for row in t1(python, r)} == {
        **dict.fromkeys(("criterion", "loglik", "aic", "bic"), "deviance"),
        **dict.fromkeys(("std_error", "sigma"), "relative"),
        "estimate": "SE",
        "sd": "absolute",
    }


def test_another_problem_is_not_held_to_any_algebra() -> None:
    python, r = pair()
    rows = t1(python, replace(r, n_obs=7), python)
    assert {row.verdict for row in rows} == {Verdict.DIFFERENT_MODEL}


def test_without_numbers_only_the_criterion_is_held() -> None:
    python, r = pair()
    rows = compare_model(KEY, python, r, CrossCheck(python_at_r=r.fit.criterion))
    assert [row.quantity for row in rows if row.tier == "T1"] == ["criterion"]


@pytest.mark.parametrize(("off", "red"), [(1e-25, False), (0.9e-10, False), (1.1e-10, True)])
def test_on_the_boundary_a_standard_deviation_is_held_as_a_share_of_sigma(
    off: float, red: bool
) -> None:
    python, r = at_boundary(), at_boundary("lme4")
    sigma = next(part.estimate for part in r.random if part.term == "sigma")
    at_r = with_value(python, "sd(subject:week)", "sd", off * sigma)
    rows = t1(at_r, r, python)
    assert [row.term for row in rows if row.red] == (["sd(subject:week)"] if red else [])
    assert {row.metric for row in rows if row.quantity == "sd"} == {"absolute"}


@pytest.mark.parametrize("sigma", [0.5, 0.0, math.nan, None])
def test_on_the_boundary_without_a_sigma_there_is_no_share_to_hold(sigma: float | None) -> None:
    answers = []
    for answer in (at_boundary(), at_boundary("lme4")):
        *parts, residual = answer.random
        last = () if sigma is None else (replace(residual, estimate=sigma),)
        answers.append(replace(answer, random=(*parts, *last)))
    python, r = answers
    at_r = with_value(python, "sd(subject:week)", "sd", 1e-25)
    red = [row.term for row in t1(at_r, r, python) if row.red]
    assert red == ([] if sigma == 0.5 else ["sd(subject:week)"])


def test_what_hangs_on_a_bound_is_no_algebra_of_theta() -> None:
    python, r = pair()
    low = LowerBound("jn(a by z, inside, low)", 1.25, 0.5, 44.0)
    high = UpperBound("jn(a by z, inside, high)", 2.25, 0.5, 44.0)
    with_bounds = replace(python, lower_bounds=(low,), upper_bounds=(high,))
    other = {"std_error": 0.5 * (1 + 1e-8), "df": 44.0001}
    off = replace(r, lower_bounds=(replace(low, **other),), upper_bounds=(replace(high, **other),))
    rows = t1(with_bounds, off, with_bounds)
    assert not [x for x in rows if x.term in (low.term, high.term)]
