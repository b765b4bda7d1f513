"""Sizes of observed values and responders in the diff table: held whatever the fit is."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from estimates_by_hand import KEY, at_boundary, pair

from harness.compare import Verdict, compare_model
from harness.models.inference import ChangeSize, GroupSize, Responders, RiskDifference
from harness.models.record import Estimates
from harness.report.views import coefficient_lines

PAIR, ARM = "responders(BtheB - TAU | week=2)", "responders(treatment=BtheB | week=2)"
ANSWERS: dict[str, Any] = {
    "d_ppc2": (
        ChangeSize(
            *("d_ppc2((BtheB - TAU) x (2 - 0))", -0.42, 0.2, -0.812, -0.028, 0.6, 52.0, 45.0)
        ),
    ),
    "hedges_g": (GroupSize("hedges_g(BtheB - TAU | week=2)", -0.4, -0.79, -0.01, 52.0, 45.0),),
    "responders": (Responders(ARM, 21.0, 52.0, 0.0, 1.0),),
    "risk_differences": (
        RiskDifference(PAIR, 0.19, 0.0012, 0.36, 1 / 0.19, 1 / 0.36, 1 / 0.0012, 0.049),
    ),
}


def changed(answer: Estimates, field: str, **numbers: float) -> Estimates:
    (row,) = getattr(answer, field)
    return replace(answer, **{field: (replace(row, **numbers),)})


def red(python: Estimates, r: Estimates) -> dict[str, Verdict]:
    return {row.quantity: row.verdict for row in compare_model(KEY, python, r) if row.red}


def test_equal_answers_match_in_every_number() -> None:
    rows = compare_model(KEY, *pair(**ANSWERS))
    assert {row.verdict for row in rows} == {Verdict.MATCH}
    assert len(rows) == len(compare_model(KEY, *pair())) + 7 + 5 + 4 + 7


@pytest.mark.parametrize(
    ("field", "numbers"),
    [
        ("d_ppc2", {"smd_high": 1e-10}),
        ("hedges_g", {"smd_high": 1e-10}),
        ("risk_differences", {"rd_low": -1e-13}),
        ("risk_differences", {"fisher_p": 0.05}),
    ],
)
def test_a_decision_that_flips_is_red(field: str, numbers: dict[str, float]) -> None:
    python, r = pair(**ANSWERS)
    assert red(python, changed(r, field, **numbers)) == dict.fromkeys(
        numbers, Verdict.DECISION_FLIPS
    )
    assert red(changed(python, field, **numbers), r) == dict.fromkeys(
        numbers, Verdict.DECISION_FLIPS
    )


@pytest.mark.parametrize(
    ("field", "numbers"),
    [
        ("d_ppc2", {"smd": -0.42 + 1e-8}),
        ("d_ppc2", {"rho": 0.61}),
        ("hedges_g", {"smd_low": -0.79 - 1e-7}),
        ("hedges_g", {"n_second": 44.0}),
        ("responders", {"responders": 20.0}),
        ("responders", {"not_positive": 0.0}),
        ("risk_differences", {"nnt_high": math.inf}),
        ("risk_differences", {"nnt": -1 / 0.19}),
    ],
)
def test_a_fit_on_the_boundary_excuses_nothing(field: str, numbers: dict[str, float]) -> None:
    python, r = at_boundary(**ANSWERS), at_boundary("lme4", **ANSWERS)
    assert not red(python, r)
    assert red(python, changed(r, field, **numbers)) == dict.fromkeys(numbers, Verdict.DIFFERS)


def test_a_side_that_refused_says_why() -> None:
    python, r = pair(**ANSWERS)
    r = replace(r, d_ppc2=(), refused={"d_ppc2": "two rows of one patient"})
    (size, *_) = [row for row in compare_model(KEY, python, r) if row.red]
    assert (size.quantity, size.note) == ("smd", "r: two rows of one patient")
    python = replace(python, d_ppc2=(), refused={"d_ppc2": "in two arms"})
    (both,) = [row for row in compare_model(KEY, python, r) if row.red]
    assert (both.term, both.quantity) == ("d_ppc2", "smd")
    assert both.note == "python: in two arms; r: two rows of one patient"


def test_each_has_a_line_and_the_nnt_one_below_its_difference() -> None:
    lines = {
        line.cells[0]: line for line in coefficient_lines(compare_model(KEY, *pair(**ANSWERS)))
    }
    assert list(lines)[-5:] == [
        "d_ppc2((BtheB - TAU) x (2 - 0))",
        "hedges_g(BtheB - TAU | week=2)",
        ARM,
        PAIR,
        f"nnt of {PAIR}",
    ]
    assert lines[PAIR].cells[1:6] == ("0.190000", "0.190000", "0 absolute", "0.0490", "0.0490")
    assert lines[f"nnt of {PAIR}"].cells[1:3] == ("5.26316", "5.26316")
    python, r = pair(**ANSWERS)
    off = coefficient_lines(compare_model(KEY, python, changed(r, "risk_differences", nnt=5.0)))
    assert [line.cells[0] for line in off if line.verdict.red] == [f"nnt of {PAIR}"]
