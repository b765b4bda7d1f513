"""Who is off, by how much: the third evaluator's word in the rows."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from functools import cache

import pandas as pd
import pytest
from port_data import classic

from harness.compare import compare_model
from harness.compare.arbitration import judge, judged
from harness.compare.arbitration import judge as judge_both
from harness.compare.arbitration.marginal import work
from harness.compare.rows import DiffRow
from harness.engines.port.engine import PortEngine
from harness.language import parse_formula
from harness.models.design import build_design
from harness.models.record import Estimates
from harness.models.spec import ModelKey, ModelSpec

judge_module = sys.modules["harness.compare.arbitration.judge"]
"""The package names its function like the module."""

SPEC = ModelSpec(parse_formula("Reaction ~ Days + (Days | Subject)"))
KEY = ModelKey("a", "s", "Reaction")


def frame() -> pd.DataFrame:
    return classic("sleepstudy")


@cache
def right() -> Estimates:
    return PortEngine().fit(SPEC, frame())


def notes(python: Estimates, r: Estimates) -> dict[tuple[str, str], str]:
    rows = compare_model(KEY, python, r)
    done = judged(rows, judge(SPEC, frame(), python, r))
    assert [replace(row, note="") for row in done] == [replace(row, note="") for row in rows]
    return {(row.term, row.quantity): row.note for row in done if row.red}


def wrong_error(answer: Estimates) -> Estimates:
    first, *rest = answer.fixed
    return replace(answer, fixed=(replace(first, std_error=1.001 * first.std_error), *rest))


WORDS = "third evaluator (marginal likelihood, 30 digits), at each side's own components: "


@pytest.mark.parametrize("side", ["python", "r"])
def test_the_side_that_is_off_is_told_with_the_size_and_the_truth(side: str) -> None:
    pair = (wrong_error(right()), right()) if side == "python" else (right(), wrong_error(right()))
    note = notes(*pair)["(Intercept)", "std_error"]
    other = "r" if side == "python" else "python"
    truth = right().fixed[0].std_error
    assert WORDS in note
    assert f"{side} off by 0.001 relative from {truth!r}"[:30] in note
    assert f"{other} as the likelihood has it" in note


def test_a_criterion_that_is_none_of_its_components_is_told() -> None:
    off = replace(right(), fit=replace(right().fit, criterion=right().fit.criterion - 0.5))
    note = notes(right(), off)["", "criterion"]
    assert "r off by 0.5 deviance from 1743.62827" in note
    assert "both sides' components are equally likely" in note


def test_the_components_with_the_lower_criterion_are_named() -> None:
    theta = tuple(1.01 * value for value in right().theta)
    note = notes(right(), replace(right(), theta=theta, fit=replace(right().fit, criterion=1744.0)))
    assert "python's components have the lower criterion, by" in note["", "criterion"]


def test_sigma_and_coefficients_are_settled_too() -> None:
    random = tuple(
        replace(part, estimate=25.6) if part.term == "sigma" else part for part in right().random
    )
    first, *rest = right().fixed
    fixed = (replace(first, estimate=first.estimate + 0.1 * first.std_error), *rest)
    found = notes(right(), replace(right(), random=random, fixed=fixed))
    assert "r off by" in found["sigma", "sigma"]
    assert "r off by 0.1 SE from 251.4051" in found["(Intercept)", "estimate"]


def test_what_does_not_follow_from_components_is_left_alone() -> None:
    first, *rest = right().fixed
    off = replace(right(), fixed=(replace(first, df=18.0), *rest))
    assert notes(right(), off) == {("(Intercept)", "df"): ""}


def test_an_engine_may_list_its_coefficients_in_another_order() -> None:
    swapped = replace(right(), fixed=right().fixed[::-1])
    note = notes(swapped, wrong_error(right()))["(Intercept)", "std_error"]
    assert "python as the likelihood has it, r off by 0.001 relative" in note


@pytest.mark.parametrize(
    "broken",
    [
        replace(right(), random=(), theta=()),
        replace(right(), theta=(1.0, 2.0)),
        replace(right(), random=tuple(p for p in right().random if p.term != "sigma")),
    ],
    ids=["no-components", "short-theta", "no-sigma"],
)
def test_a_side_without_usable_components_is_not_judged(broken: Estimates) -> None:
    found = judge_both(SPEC, frame(), right(), broken)
    assert found.r is None
    assert found.python is not None


@pytest.mark.parametrize("sigma", [math.nan, math.inf, 0.0, -25.6])
def test_a_sigma_that_is_none_is_not_judged(sigma: float) -> None:
    random = tuple(
        replace(part, estimate=sigma) if part.term == "sigma" else part for part in right().random
    )
    found = judge_both(SPEC, frame(), replace(right(), random=random), right())
    assert found.python is None
    assert found.r is not None


def test_a_small_sigma_is_judged() -> None:
    small = frame().assign(Reaction=frame()["Reaction"] / 1000.0)
    answer = PortEngine().fit(SPEC, small)
    found = judge_both(SPEC, small, answer, answer)
    assert found.r is not None
    assert found.r.sigma == pytest.approx(0.0255918, rel=1e-5)


def test_components_that_are_no_covariance_are_not_judged() -> None:
    random = tuple(
        replace(part, estimate=1.2) if part.term.startswith("cor") else part
        for part in right().random
    )
    found = judge_both(SPEC, frame(), right(), replace(right(), random=random, theta=()))
    assert found.python is not None
    assert found.r is None


def test_the_precision_is_what_the_size_affords(monkeypatch: pytest.MonkeyPatch) -> None:
    effort = work(build_design(SPEC, frame()))
    for limit, digits in ((effort, 30), (effort - 1, 0)):
        monkeypatch.setattr(judge_module, "AFFORDABLE", limit)
        found = judge_both(SPEC, frame(), right(), right())
        assert found.r is not None
        assert found.r.digits == digits
    monkeypatch.setattr(judge_module, "DENSE", effort)
    assert judge_both(SPEC, frame(), right(), right()).r is not None
    monkeypatch.setattr(judge_module, "DENSE", effort - 1)
    assert judge_both(SPEC, frame(), right(), right()).r is None


def test_a_model_that_cannot_be_set_up_is_not_judged() -> None:
    found = judge_both(SPEC, frame().drop(columns="Days"), right(), right())
    assert (found.python, found.r) == (None, None)
    rows = compare_model(KEY, right(), wrong_error(right()))
    assert judged(rows, found) == rows


def test_rows_that_match_keep_their_notes() -> None:
    rows: tuple[DiffRow, ...] = compare_model(KEY, right(), right())
    assert judged(rows, judge_both(SPEC, frame(), right(), right())) == rows
