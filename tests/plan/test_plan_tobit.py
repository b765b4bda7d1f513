"""Tobit models of a plan: limits stand where values are censored, or the plan is refused."""

# ruff: noqa: E501 - the table of mistakes has one case a line

from __future__ import annotations

import pytest
from marker_study import PLAN, write_markers
from small_study import changed, line_with, the_problem

from harness.errors import PlanError
from harness.models.expand import tasks
from harness.plan import load_plan

OUTCOME = "outcomes: [ln_il6_lod]"
CENSORED = "    censored: {below: il6_low}\n"


def test_a_tobit_model_is_a_censored_linear_model_with_z_tests(tmp_path):
    plan = load_plan(write_markers(tmp_path))
    (spec,) = [task.spec for task in tasks(plan) if task.key.analysis == "below"]
    assert (spec.method, spec.censored, spec.df_method) == ("survreg", "il6_low", "z")
    assert spec.columns == ("ln_il6_lod", "arm", "ln_il6_0", "il6_low")
    assert {task.spec.method for task in tasks(plan)} == {"lmer", "lm", "survreg"}


@pytest.mark.parametrize(
    ("formula", "outcome"),
    [
        ('"{outcome} ~ arm + ln_il6_0"', "il6_lod"),
        ('"log2({outcome}) ~ arm + ln_il6_0"', "il6_lod"),
        ('"I(({outcome})) ~ arm + ln_il6_0"', "ln_il6_lod"),
    ],
)
def test_the_response_is_a_marker_or_an_increasing_call_on_one(tmp_path, formula, outcome):
    text = changed(PLAN, '"{outcome} ~ arm + ln_il6_0"', formula)
    text = changed(text, OUTCOME, f"outcomes: [{outcome}]")
    load_plan(write_markers(tmp_path, plan=text))


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        (OUTCOME, "outcomes: [ln_il6]", "outcomes[0]", "`il6` has rule lod/sqrt2; censored values stand at their limit"),
        (OUTCOME, "outcomes: [ratio]", "outcomes[0]", "`il6/il10` is no increasing call on one marker"),
        (OUTCOME, "outcomes: [ratio_0]", "outcomes[0]", "`baseline(ratio)` is no increasing call"),
        (OUTCOME, "outcomes: [fiq]", "outcomes[0]", "`fiq` has no rule in `detection:`"),
        ("also: {il6_half: lod/2, il6_lod: lod}", "also: {il6_half: lod/2, il6_lod: lod/2}", "outcomes[0]", "`il6_lod` has rule lod/2"),
        (CENSORED, "    censored: {below: fiq}\n", "outcomes[0]", "`detection.il6` has `il6_low` as below, `censored` has `fiq`"),
        (CENSORED, "", "", "kind tobit needs `censored: {below: <flag column>}`"),
        (CENSORED, f"{CENSORED}    df: residual\n", "df", "a Tobit model has z tests"),
        (CENSORED, f"{CENSORED}    weights: fiq\n", "weights", "is not available for a Tobit model"),
        (CENSORED, f"{CENSORED}    report: [anova]\n", "report[0]", "anova is not available for a Tobit model"),
        (CENSORED, f"{CENSORED}    reml: true\n", "reml", "has no meaning for a linear model"),
        ('"{outcome} ~ arm + ln_il6_0"', '"{outcome} ~ arm + (1 | id)"', "formula", "kind tobit has no random terms"),
        ("kind: tobit", "kind: ols", "censored", "is for kind tobit, not ols"),
    ],
)  # fmt: skip
def test_what_is_no_tobit_model_is_told_with_its_line(tmp_path, old, new, key, message):
    text = changed(PLAN, old, new)
    with pytest.raises(PlanError) as caught:
        load_plan(write_markers(tmp_path, plan=text))
    found = the_problem(caught.value.problems, f"analyses[1]{'.' if key else ''}{key}", message)
    at = {"": "  - id: below", "outcomes[0]": "    outcomes: [", "censored": CENSORED}.get(key)
    tail = text[text.index("  - id: below") :]
    before = text[: text.index("  - id: below")].count("\n")
    wanted = at.strip() if at else new.strip().splitlines()[-1].strip()
    assert found.line == before + line_with(tail, wanted)
