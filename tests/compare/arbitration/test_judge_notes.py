"""The likelihood's word, row by row: who is off, by how much, in which unit, from what."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rows_by_hand import row

from harness.compare.arbitration.judge import Judgement
from harness.compare.arbitration.marginal import Marginal
from harness.compare.arbitration.notes import judged
from harness.compare.policy import default_policy
from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict

AT = Marginal(
    criterion=1234.75,
    profiled=1234.5,
    beta=(23.5, -0.25),
    std_error=(1.5, 0.125),
    sigma=5.25,
    digits=30,
)
"""Dyadic numbers: differences from them are what they look like."""

NAMES = ("(Intercept)", "week")
SAID = "third evaluator (marginal likelihood, 30 digits), at each side's own components: "


def note(of: DiffRow, python: Marginal | None = AT, r: Marginal | None = AT) -> str:
    (done,) = judged([of], Judgement(NAMES, python, r))
    assert replace(done, note=of.note) == of
    return done.note


@pytest.mark.parametrize(
    ("term", "quantity", "right", "off", "said"),
    [
        ("week", "estimate", -0.25, -0.1875, "off by 0.5 SE from -0.25"),
        ("week", "std_error", 0.125, 0.1875, "off by 0.5 relative from 0.125"),
        ("sigma", "sigma", 5.25, 10.5, "off by 1 relative from 5.25"),
        ("", "criterion", 1234.5, 1232.5, "off by 2 deviance from 1234.5"),
    ],
)
def test_the_side_that_is_off_is_told_in_the_unit_of_the_row(
    term: str, quantity: str, right: float, off: float, said: str
) -> None:
    tail = "; both sides' components are equally likely" if quantity == "criterion" else ""
    assert note(row(term, quantity, right, off)) == (
        f"{SAID}python as the likelihood has it, r {said}{tail}"
    )
    assert note(row(term, quantity, off, right)) == (
        f"{SAID}python {said}, r as the likelihood has it{tail}"
    )


def test_every_side_is_held_against_its_own_components() -> None:
    other = replace(AT, sigma=10.5)
    assert note(row("sigma", "sigma", 5.25, 10.5), AT, other) == (
        f"{SAID}python as the likelihood has it, r as the likelihood has it"
    )


@pytest.mark.parametrize(("side", "other"), [("python", "r"), ("r", "python")])
def test_a_side_without_components_is_passed_over(side: str, other: str) -> None:
    found = note(row("sigma", "sigma", 5.25, 5.25), **{side: None})  # type: ignore[arg-type]
    assert found == f"{SAID}{other} as the likelihood has it"


def test_a_side_without_the_number_is_passed_over() -> None:
    said = f"{SAID}r as the likelihood has it"
    assert note(row("sigma", "sigma", None, 5.25)) == said
    assert note(row("sigma", "sigma", 5.25, None)) == said.replace("r as", "python as")


def test_nothing_is_said_where_neither_side_is_judged() -> None:
    assert note(row("sigma", "sigma", 5.25, 6.0, note="as it was"), None, None) == "as it was"


def test_nothing_is_said_of_a_coefficient_the_design_does_not_have() -> None:
    for quantity in ("estimate", "std_error"):
        assert note(row("week:arm", quantity, 1.0, 2.0, note="as it was")) == "as it was"


def test_the_note_of_the_comparison_stays_in_front() -> None:
    found = note(row("sigma", "sigma", 5.25, 5.25, note="as it was"))
    assert found.startswith(f"as it was; {SAID}python as")


def test_the_arithmetic_is_told() -> None:
    doubles = replace(AT, digits=0)
    said = "third evaluator (marginal likelihood, doubles), at each side's own components: "
    assert note(row("sigma", "sigma", 5.25, 5.25), doubles, doubles).startswith(said)


@pytest.mark.parametrize("term", ["week", "sigma", ""])
def test_a_difference_within_the_limit_is_none(term: str) -> None:
    quantity = {"week": "estimate", "sigma": "sigma", "": "criterion"}[term]
    truth = {"week": -0.25, "sigma": 5.25, "": 1234.5}[term]
    limit = default_policy().find(quantity, "T2").limit_at(abs(truth))
    unit = {"week": 0.125, "sigma": 5.25, "": 1.0}[term]
    inside, outside = truth + 0.9 * limit * unit, truth + 1.1 * limit * unit
    found = note(row(term, quantity, inside, outside))
    assert "python as the likelihood has it, r off by" in found


def test_a_difference_of_the_whole_limit_is_none() -> None:
    limit = default_policy().find("criterion", "T2").limit_at(0.0)
    at = replace(AT, profiled=0.0)
    found = note(row("", "criterion", limit, 1.001 * limit), at, at)
    assert "python as the likelihood has it, r off by" in found


@pytest.mark.parametrize(
    ("python", "r", "said"),
    [
        (1234.75, 1234.75, "both sides' components are equally likely"),
        (1234.75, 1235.25, "python's components have the lower criterion, by 0.5"),
        (1236.0, 1234.75, "r's components have the lower criterion, by 1.25"),
    ],
)
def test_whose_components_are_better_is_said_in_the_row_of_the_criterion(
    python: float, r: float, said: str
) -> None:
    sides = replace(AT, criterion=python), replace(AT, criterion=r)
    assert note(row("", "criterion", 1234.5, 1234.5), *sides).endswith(f"has it; {said}")
    assert "components have" not in note(row("sigma", "sigma", 5.25, 5.25), *sides)


@pytest.mark.parametrize("side", ["python", "r"])
def test_one_side_alone_is_not_better(side: str) -> None:
    found = note(row("", "criterion", 1234.5, 1234.5), **{side: None})  # type: ignore[arg-type]
    assert found.endswith(" as the likelihood has it")


@pytest.mark.parametrize(
    "change", [{"verdict": Verdict.MATCH}, {"tier": "T1"}, {"quantity": "df", "term": "week"}]
)
def test_other_rows_are_left_alone(change: dict[str, object]) -> None:
    given = replace(row("sigma", "sigma", 5.25, 6.0), **change)  # type: ignore[arg-type]
    assert note(given) == ""


def test_every_row_of_a_model_has_its_own_word() -> None:
    rows = (row("sigma", "sigma", 5.25, 6.0), row("week", "df", 40.0, 41.0))
    done = judged(rows, Judgement(NAMES, AT, AT), default_policy())
    assert (bool(done[0].note), done[1]) == (True, rows[1])
