"""One analysis over several sets: what stands beside what, and what is another decision."""

from __future__ import annotations

import math

import pytest
from rows_by_hand import row

from harness.compare.across_sets import AcrossSets, across_sets, pairs
from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict

MODEL = "bdi ~ arm * time * age + arm:sex + (1 | id)"
TERM = "armNew:timepost:age"
LEVELS = ("TAU", "New", "Th:ird")


def numbers(
    term: str, name: str, values: tuple[float, ...], quantity: str = "estimate", **changes: object
) -> list[DiffRow]:
    """Estimate, standard error, limits and p of one term in one set; what R says is far off."""
    parts = (quantity, "std_error", "conf_low", "conf_high", "p_value")
    given = {"set": name, "model": MODEL, "verdict": Verdict.MATCH, **changes}
    return [
        row(term, part, value, value + 1e3, **given)
        for part, value in zip(parts, values, strict=True)
    ]


IN_ITT = (-3.0, 2.0, -7.0, 1.0, 0.06)
IN_PP = (-5.0, 2.5, -10.0, -0.1, 0.04)


def compared(*rows: list[DiffRow], alpha: float = 0.05) -> tuple[AcrossSets, ...]:
    return across_sets([one for of in rows for one in of], "arm", LEVELS, alpha)


def test_a_flip_is_another_decision_and_the_distance_is_in_the_first_sets_se() -> None:
    (one,) = compared(numbers(TERM, "ITT", IN_ITT), numbers(TERM, "PP", IN_PP))
    first, other = one.sets
    assert (one.place, one.term, one.quantity, one.model) == (
        *("efficacy/bdi", TERM, "estimate"),
        MODEL,
    )
    assert (first.set, first.decision, first.apart, first.another) == ("ITT", "none", None, None)
    assert (other.set, other.decision, other.another) == ("PP", "negative", True)
    assert other.apart == -1.0  # (-5 + 3) / 2, whatever PP's own error
    assert (other.estimate, other.std_error, other.conf_low, other.conf_high, other.p_value) == (
        IN_PP
    )


@pytest.mark.parametrize(
    ("first", "second", "another"),
    [
        ((2.0, 0.01), (-2.0, 0.01), True),
        ((2.0, 0.01), (9.0, 0.04999), False),
        ((2.0, 0.01), (2.0, 0.05), True),  # p < alpha, as everywhere in the harness
        ((2.0, 0.3), (-2.0, 0.3), False),  # nothing is claimed of either
    ],
    ids=["other sign", "both", "p is alpha", "neither"],
)
def test_the_decision_is_significance_and_then_the_sign(
    first: tuple[float, float], second: tuple[float, float], another: bool
) -> None:
    sides = [
        numbers(TERM, name, (estimate, 1.0, 0.0, 0.0, p))
        for name, (estimate, p) in (("ITT", first), ("PP", second))
    ]
    (one,) = compared(*sides)
    assert one.sets[1].another is another


def test_alpha_is_given() -> None:
    sides = numbers(TERM, "ITT", IN_ITT), numbers(TERM, "PP", IN_PP)
    assert [s.decision for s in compared(*sides, alpha=0.01)[0].sets] == ["none", "none"]


NAMES = {
    TERM: True,
    "armTh:ird:timepost:age": True,
    "arm1:timepost:age": True,  # coded by contr.sum
    "arm.L:time.Q:age": True,  # coded by contr.poly
    "armNew:timepost": False,  # of a lower order
    "armNew:sexf": False,
    "timepost:age": False,  # without the arm
    "armbandage:timepost:age": False,  # another column
    "(Intercept)": False,
    "armNew": False,
}


@pytest.mark.parametrize(("term", "about"), NAMES.items(), ids=NAMES)
def test_the_coefficients_are_those_of_the_highest_order_with_the_arm(
    term: str, about: bool
) -> None:
    found = compared(numbers(term, "ITT", IN_ITT), numbers(term, "PP", IN_PP))
    assert [one.term for one in found] == ([term] if about else [])


def test_terms_of_the_same_order_are_all_told() -> None:
    model = "bdi ~ arm * time + arm * sex"
    terms = ("armNew:timepost", "armNew:sexf", "armNew")
    rows = [numbers(t, name, IN_PP, model=model) for name in ("ITT", "PP") for t in terms]
    assert [one.term for one in compared(*rows)] == ["armNew:timepost", "armNew:sexf"]


def test_contrasts_stand_behind_the_coefficients() -> None:
    contrast = "New - TAU | time=post"
    rows = [
        numbers(term, name, IN_PP, quantity)
        for name in ("ITT", "PP")
        for term, quantity in ((contrast, "contrast"), (TERM, "estimate"))
    ]
    assert [(one.term, one.quantity) for one in compared(*rows)] == [
        (TERM, "estimate"),
        (contrast, "contrast"),
    ]


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not Verdict.MATCH])
def test_a_number_that_is_no_match_is_not_compared(verdict: Verdict, place: int) -> None:
    second = numbers(TERM, "PP", IN_PP)
    second[place] = numbers(TERM, "PP", IN_PP, verdict=verdict)[place]
    (one,) = compared(numbers(TERM, "ITT", IN_ITT), second)
    other = one.sets[1]
    assert (other.another, other.estimate, other.apart, other.decision) == (None, None, None, "")
    assert other.note == f"{second[place].quantity}: {verdict}"
    # In the first set: nothing can be compared with it.
    (one,) = compared(second, numbers(TERM, "ITT", IN_ITT))
    assert (one.sets[1].another, one.sets[1].note) == (None, "PP has no result")
    assert one.sets[1].decision == "none"


def test_what_is_not_there_is_not_compared() -> None:
    refused = [row("", "", None, None, set="PP", model="", verdict=Verdict.NOT_COMPUTED, note="no")]
    (one,) = compared(numbers(TERM, "ITT", IN_ITT), refused)
    assert (one.sets[1].another, one.sets[1].note) == (None, "no")
    (one,) = compared(numbers(TERM, "ITT", IN_ITT), numbers("armNew", "PP", IN_PP))
    assert one.sets[1].note == f"has no {TERM}"
    (one,) = compared(numbers(TERM, "ITT", IN_ITT), numbers(TERM, "PP", IN_PP)[:-1])
    assert one.sets[1].note == "not every number is there"
    nothing = (math.nan,) * 5
    (one,) = compared(numbers(TERM, "ITT", IN_ITT), numbers(TERM, "PP", nothing))
    assert one.sets[1].note == "not a number on either side"


def test_the_algebra_at_one_theta_is_not_an_answer() -> None:
    at_theta = numbers(TERM, "PP", (9.0, 9.0, 9.0, 9.0, 0.9), tier="T1")
    (one,) = compared(numbers(TERM, "ITT", IN_ITT), at_theta, numbers(TERM, "PP", IN_PP))
    assert one.sets[1].estimate == -5.0


def test_only_analyses_on_several_sets_are_told_and_each_for_itself() -> None:
    rows = [
        numbers(TERM, "ITT", IN_ITT),
        numbers(TERM, "ITT", IN_ITT, outcome="pain"),
        numbers(TERM, "PP", IN_PP, outcome="pain"),
        numbers(TERM, "PP", IN_PP, analysis="other"),
        numbers(TERM, "PP", IN_PP, outcome="pain", moderator="age"),
    ]
    (one,) = compared(*rows)
    assert one.place == "efficacy/pain"


def test_pairs_of_sets_in_the_order_of_the_plan() -> None:
    rows = [
        numbers(TERM, name, IN_ITT, outcome=outcome)
        for outcome in ("bdi", "pain")
        for name in ("ITT", "PP", "mITT")
    ]
    assert [(pair, len(found)) for pair, found in pairs(compared(*rows))] == [
        (("ITT", "PP"), 2),
        (("ITT", "mITT"), 2),
    ]
