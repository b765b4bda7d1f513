"""Whole rows of a comparison with a table, every column of them, word for word."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import pytest

from harness.compare import DiffRow, Verdict
from harness.compare.keyed import compare_numbers
from harness.compare.policy import default_policy
from harness.estimates.numbers import ModelNumbers
from harness.estimates.quantities import QUANTITIES
from harness.estimates.written import Written
from harness.models.record import NotComputed
from harness.models.spec import ModelKey

KEY = ModelKey("main", "ITT", "bdi", "age")
BLANK: dict[str, Any] = {
    "analysis": "main",
    "set": "ITT",
    "outcome": "bdi",
    "moderator": "age",
    "model": "",
    "published": None,
    "delta": None,
    "metric": "",
    "limit": None,
    "tier": "T2",
    "df_method": "",
    "cause": "",
    "note": "",
    "exit_code": 1,
    "printed": False,
}
Given = dict[tuple[str, str], Any]


def side(given: Given, method: str = "", answer: NotComputed | None = None) -> ModelNumbers:
    numbers = {
        (*name, 0): value if isinstance(value, Written) else Written(value)
        for name, value in given.items()
    }
    return ModelNumbers(KEY, "", numbers, method, answer)


def rows(python: ModelNumbers, r: ModelNumbers, label: str = "") -> list[dict[str, Any]]:
    found = compare_numbers(
        KEY, python, r, spoken=frozenset(QUANTITIES), policy=default_policy(), label=label
    )
    return [{field.name: getattr(row, field.name) for field in fields(DiffRow)} for row in found]


@pytest.mark.parametrize(
    ("name", "tier"),
    [(("", "n_obs"), "T0"), (("g", "n_groups"), "T0"), (("x", "estimate"), "T2")],
)
def test_a_number_of_one_side(name: tuple[str, str], tier: str) -> None:
    term, quantity = name
    base = {**BLANK, "term": term, "quantity": quantity, "tier": tier}
    have, lack = side({name: 3}), side({})
    assert rows(have, lack) == [
        {
            **base,
            "python": 3,
            "r": None,
            "verdict": Verdict.PYTHON_ONLY,
            "note": "r has no such row",
        }
    ]
    assert rows(lack, have) == [
        {
            **base,
            "python": None,
            "r": 3,
            "verdict": Verdict.R_ONLY,
            "note": "python has no such row",
        }
    ]


def test_refusals_say_why_and_how_grave() -> None:
    refused = side({}, answer=NotComputed("lme4", "timed out", 4))
    told = {"term": "x", "quantity": "df", "note": "lme4: timed out", "exit_code": 4}
    assert rows(side({("x", "df"): 3.0}), refused) == [
        {**BLANK, **told, "python": 3.0, "r": None, "verdict": Verdict.PYTHON_ONLY}
    ]
    mild = side({}, answer=NotComputed("port", "no", 1))
    (row,) = rows(mild, side({("x", "df"): 3.0}))
    assert (row["exit_code"], row["verdict"]) == (1, Verdict.R_ONLY)


def test_a_match_a_difference_and_a_label() -> None:
    python = side({("x", "std_error"): 2.0, ("x", "df"): 8.0}, "satterthwaite")
    r = side({("x", "std_error"): 2.0, ("x", "df"): 4.0}, "z")
    shared = {"term": "x", "model": "M", "df_method": "satterthwaite | z"}
    match, apart = rows(python, r, "M")
    assert match == {
        **BLANK,
        **shared,
        "quantity": "std_error",
        "python": 2.0,
        "r": 2.0,
        "delta": 0.0,
        "metric": "relative",
        "limit": 1e-6,
        "verdict": Verdict.MATCH,
        "exit_code": 0,
    }
    assert apart == {
        **BLANK,
        **shared,
        "quantity": "df",
        "python": 8.0,
        "r": 4.0,
        "delta": 4.0,
        "metric": "exact",  # R's method decides how df are held
        "limit": 0.0,
        "verdict": Verdict.DIFFERS,
    }


def test_the_method_of_either_side_is_known() -> None:
    numbers: Given = {("x", "df"): 8.0}
    for sides in ((side(numbers, "z"), side(numbers)), (side(numbers), side(numbers, "z"))):
        (row,) = rows(*sides)
        assert (row["df_method"], row["metric"]) == ("z", "exact")


@pytest.mark.parametrize(
    ("name", "values", "note"),
    [
        (("x", "p_value"), (0.06, 0.04), "p is on the other side of 0.05"),
        (
            ("x", "p_value"),
            (0.05, 0.05 - 1e-9),
            "p is on the other side of 0.05; the numbers agree within their limit: a knife edge",
        ),
        (("x", "conf_low"), (0.5, -0.5), "the interval excludes 0 on one side only"),
        (("", "singular"), (True, False), "one side calls the fit singular"),
    ],
)
def test_a_flipped_decision(name: tuple[str, str], values: tuple[Any, Any], note: str) -> None:
    (row,) = rows(*(side({name: value}) for value in values))
    assert (row["verdict"], row["note"]) == (Verdict.DECISION_FLIPS, note)
    assert row["exit_code"] == 1


def test_another_problem_is_no_numeric_difference() -> None:
    python = side({("g", "n_groups"): 3, ("x", "df"): 8.0, ("y", "df"): 1.0})
    r = side({("g", "n_groups"): 4, ("x", "df"): 8.0})
    told = "another problem: 3 groups of g in python, 4 in r"
    found = rows(python, r)
    assert [row["verdict"] for row in found] == [Verdict.DIFFERENT_MODEL] * 3
    assert [row["note"] for row in found] == [told, told, "r has no such row"]
    (first, *_) = rows(side({("", "n_obs"): 6}), side({("", "n_obs"): 5}))
    assert first["note"] == "another problem: 6 rows in python, 5 in r"
    assert first["tier"] == "T0"


def test_nan_on_both_sides_and_on_one() -> None:
    (both,) = rows(side({("x", "df"): math.nan}), side({("x", "df"): math.nan}))
    assert (both["verdict"], both["note"], both["delta"]) == (Verdict.MATCH, "NaN on both sides", 0)
    (one,) = rows(side({("x", "df"): math.nan}), side({("x", "df"): 1.0}))
    assert (one["verdict"], one["note"], one["delta"]) == (Verdict.DIFFERS, "", math.inf)


@pytest.mark.parametrize("name", ["python", "r"])
def test_a_table_may_say_that_the_fit_is_singular(name: str) -> None:
    plain: Given = {("x", "df"): 8.0}
    flagged: Given = {**plain, ("", "singular"): True}
    given = (flagged, plain) if name == "python" else (plain, flagged)
    sides = [side(numbers, "satterthwaite") for numbers in given]
    (row,) = [found for found in rows(*sides) if found["quantity"] == "df"]
    assert (row["verdict"], row["exit_code"]) == (Verdict.BOUNDARY, 0)
    assert row["note"] == f"boundary fit: {name} calls it singular"
    unflagged = side({**plain, ("", "singular"): False}, "satterthwaite")
    (row,) = [found for found in rows(unflagged, unflagged) if found["quantity"] == "df"]
    assert row["verdict"] is Verdict.MATCH


def test_a_number_that_agrees_to_its_digits() -> None:
    from fractions import Fraction

    printed = Written(1.4, "1.4", Fraction(1, 20))
    (row,) = rows(side({("x", "cor"): 1.42}), side({("x", "cor"): printed}))
    assert row["note"] == "agrees to the digits printed (r: 1.4)"
    assert (row["printed"], row["verdict"], row["metric"]) == (True, Verdict.MATCH, "absolute")
    assert row["delta"] == pytest.approx(0.02)
    assert row["limit"] == pytest.approx(0.05 + 1e-4)
    (row,) = rows(side({("x", "cor"): 1.5}), side({("x", "cor"): printed}))
    assert row["note"] == "beyond the digits printed (r: 1.4)"
    assert (row["printed"], row["verdict"]) == (False, Verdict.DIFFERS)
    fine = Written(1.4, "1.4", Fraction(1, 10**15))
    (row,) = rows(side({("x", "cor"): 1.5}), side({("x", "cor"): fine}))
    assert row["note"] == ""
