"""Red rows come back with their cause and with the likelihood's word, the others as they were."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from harness.compare import compare_model, default_policy
from harness.compare.causes import Asked
from harness.compare.diagnose import diagnosed
from harness.compare.policy import Policy
from harness.compare.rows import DiffRow
from harness.engines.port.engine import PortEngine
from harness.language import parse_formula
from harness.models.record import Answer, Estimates, NotComputed
from harness.models.spec import ModelKey, ModelSpec

SPEC = ModelSpec(parse_formula("y ~ week + (1 | id)"))
STRAIGHT = ModelSpec(parse_formula("y ~ week"), df_method="residual", reml=False)
THIRD = "third evaluator (marginal likelihood, 30 digits)"


@cache
def frame() -> pd.DataFrame:
    """10 patients, 4 weeks."""
    rng = np.random.default_rng(4)
    week = np.tile([0.0, 1.0, 2.0, 4.0], 10)
    who = np.repeat(np.arange(10), 4)
    y = 20.0 - week + rng.normal(0.0, 3.0, 10)[who] + rng.normal(size=40)
    return pd.DataFrame({"y": y, "week": week, "id": pd.Categorical([f"P{k}" for k in who])})


@cache
def right(spec: ModelSpec = SPEC) -> Estimates:
    return PortEngine().fit(spec, frame())


def with_error(answer: Estimates, factor: float) -> Estimates:
    first, *rest = answer.fixed
    return replace(answer, fixed=(replace(first, std_error=factor * first.std_error), *rest))


def explained(r: Answer, spec: ModelSpec = SPEC, policy: Policy | None = None) -> list[DiffRow]:
    """The rows that came back another than they went in."""
    rows = compare_model(ModelKey("a", "s", "y"), right(spec), r)
    assert any(row.red for row in rows)
    done = diagnosed(rows, Asked(spec, frame(), id="id"), right(spec), r, policy)
    assert [replace(row, cause="", note="") for row in done] == [
        replace(row, cause="", note="") for row in rows
    ]
    return [new for new, old in zip(done, rows, strict=True) if new != old]


def test_another_model_has_its_cause_and_no_judgement() -> None:
    rows = explained(PortEngine().fit(replace(SPEC, reml=False), frame()))
    assert {row.cause for row in rows} == {"r fitted by ML, not REML"}
    assert not any(THIRD in row.note for row in rows)


def test_a_number_without_a_cause_is_judged() -> None:
    (row,) = explained(with_error(right(), 1.5))
    assert (row.quantity, row.cause) == ("std_error", "")
    assert "none of " in row.note
    assert row.note.index("none of ") < row.note.index(THIRD)
    assert "python as the likelihood has it, r off by 0.5 relative from " in row.note


def test_a_linear_model_is_not_judged() -> None:
    (row,) = explained(with_error(right(STRAIGHT), 1.5), STRAIGHT)
    assert "none of " in row.note
    assert THIRD not in row.note


def test_a_caller_s_own_policy_holds() -> None:
    policy = default_policy()
    wide = tuple(
        replace(t, limit=1.0) if t.quantity == "std_error" else t for t in policy.tolerances
    )
    (row,) = explained(with_error(right(), 1.5), policy=replace(policy, tolerances=wide))
    assert "none of " not in row.note, "both sides agree with the port"
    assert "python as the likelihood has it, r as the likelihood has it" in row.note


def test_a_refusal_is_left_as_it_is() -> None:
    assert explained(NotComputed("lme4", "R is missing")) == []


def test_rows_that_match_are_left_as_they_are() -> None:
    rows = compare_model(ModelKey("a", "s", "y"), right(), right())
    assert diagnosed(rows, Asked(SPEC, frame()), right(), right()) == rows
