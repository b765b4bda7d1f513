"""What an analysis asks besides its fit: what can be asked, and what is refused with its line."""

# ruff: noqa: E501 - the table of mistakes has one case a line

import pytest
from small_study import PLAN, changed, line_with, the_problem, write_study
from small_study import problems_of as problems_of_opening

from harness.data.study import open_study
from harness.plan import load_plan

REPORT = "report: [coefficients, random, fit]"
EVERYTHING = "report: [coefficients, random, fit, emmeans, contrasts, anova, effect_size]"
ASKED = changed(PLAN, REPORT, EVERYTHING)
OLS = '    formula: "{outcome} ~ arm + bdi"\n'


def with_line(line: str, text: str = ASKED) -> str:
    """The plan with one more key in its first analysis."""
    return changed(text, "    reml: true\n", f"    reml: true\n    {line}\n")


@pytest.mark.parametrize("weights", ["equal", "proportional", "outer", "cells", "flat"])
def test_every_weighting_is_read(tmp_path, weights):
    plan = load_plan(write_study(tmp_path, plan=with_line(f"means: {{weights: {weights}}}")))
    assert plan.analyses[0].means.weights == weights
    assert plan.analyses[0].report[3:] == ("emmeans", "contrasts", "anova", "effect_size")


def test_means_are_weighted_equally_unless_told_otherwise(tmp_path):
    plan = load_plan(write_study(tmp_path, plan=with_line("means: {}")))
    assert plan.analyses[0].means.weights == "equal"
    assert load_plan(write_study(tmp_path, plan=ASKED)).analyses[0].means is None


NO_TERM = changed(ASKED, '"{outcome} ~ arm * visit + (1 | id)"', '"{outcome} ~ 1 + (1 | id)"')
NEITHER = changed(
    ASKED, '"{outcome} ~ arm * visit + (1 | id)"', '"{outcome} ~ sessions + (visit | id)"'
)
NO_INTERCEPT = changed(
    ASKED, '"{outcome} ~ arm * visit + (1 | id)"', '"{outcome} ~ 0 + arm + (1 | id)"'
)
ODD = changed(
    PLAN,
    '    moderators: [il6_0, "body mass"]\n',
    f'    moderators: [il6_0, "body mass"]\n    {EVERYTHING}\n',
)

MISTAKES = [
    # id, plan, where the message stands, key, message
    (
        "weights",
        with_line("means: {weights: even}"),
        "even",
        "analyses[0].means.weights",
        "is equal, proportional, outer, cells or flat",
    ),
    (
        "unknown key",
        with_line("means: {weigths: equal}"),
        "weigths",
        "analyses[0].means.weigths",
        "did you mean `weights`?",
    ),
    (
        "means for nothing",
        with_line("means: {weights: flat}", PLAN),
        "means",
        "analyses[0].means",
        "has no effect: report none of emmeans, contrasts, effect_size",
    ),
    (
        "unit for nothing",
        with_line("effect_size: {sd: residual}", PLAN),
        "effect_size",
        "analyses[0].effect_size",
        "has no effect: report has no effect_size",
    ),
    (
        "unit",
        with_line("effect_size: {sd: pooled}"),
        "pooled",
        "analyses[0].effect_size.sd",
        "is residual, total, baseline or given",
    ),
    (
        "given without value",
        with_line("effect_size: {sd: given}"),
        "effect_size: {",
        "analyses[0].effect_size.sd",
        "given needs `value`",
    ),
    (
        "baseline without column",
        with_line("effect_size: {sd: baseline}"),
        "effect_size: {",
        "analyses[0].effect_size.sd",
        "baseline needs `column`",
    ),
    (
        "value without given",
        with_line("effect_size: {sd: total, value: 3}"),
        "effect_size: {",
        "analyses[0].effect_size.value",
        "is for sd: given, not total",
    ),
    (
        "column without baseline",
        with_line("effect_size: {column: il6_0}"),
        "effect_size: {",
        "analyses[0].effect_size.column",
        "is for sd: baseline, not total",
    ),
    (
        "no positive value",
        with_line("effect_size: {sd: given, value: 0}"),
        "effect_size: {",
        "analyses[0].effect_size.value",
        "greater than 0",
    ),
    (
        "one value for two outcomes",
        with_line("effect_size: {sd: given, value: 3}"),
        "effect_size: {",
        "analyses[0].effect_size.value",
        "one number for several outcomes",
    ),
    (
        "one column for two outcomes",
        with_line("effect_size: {sd: baseline, column: il6_0}"),
        "effect_size: {",
        "analyses[0].effect_size.column",
        "write `{outcome}` in it",
    ),
    (
        "neither arm nor time",
        NEITHER,
        "report: [coefficients, random, fit, emm",
        "analyses[0].report[3]",
        "emmeans needs `arm` or `visit` among the fixed effects; `bdi ~ sessions + (visit | id)` has neither",
    ),
    (
        "no contrasts either",
        NEITHER,
        "report: [coefficients, random, fit, emm",
        "analyses[0].report[4]",
        "contrasts needs `arm` or `visit`",
    ),
    (
        "nor effect sizes",
        NEITHER,
        "report: [coefficients, random, fit, emm",
        "analyses[0].report[6]",
        "effect_size needs `arm` or `visit`",
    ),
    (
        "no term to test",
        NO_TERM,
        "report: [coefficients, random, fit, emm",
        "analyses[0].report[5]",
        "anova needs a term to test",
    ),
    (
        "no intercept",
        NO_INTERCEPT,
        "report: [coefficients, random, fit, emm",
        "analyses[0].report[5]",
        "type III, which needs an intercept",
    ),
    (
        "a name that needs back-ticks",
        ODD,
        f"    {EVERYTHING}",
        "analyses[1].report[5]",
        "R cannot be asked for it with a column `body mass`",
    ),
]


@pytest.mark.parametrize(
    ("plan", "at", "key", "message"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_each_mistake_is_told_with_its_line(tmp_path, plan, at, key, message):
    problem = the_problem(problems_of_opening(load_plan, tmp_path, plan=plan), key, message)
    assert problem.line == line_with(plan, at)


def test_a_wrong_part_does_not_hide_what_else_is_wrong(tmp_path):
    plan = changed(with_line("means: {weights: even}"), "    kind: ols", "    kind: old")
    keys = {problem.key for problem in problems_of_opening(load_plan, tmp_path, plan=plan)}
    assert keys == {"analyses[0].means.weights", "analyses[2].kind"}


@pytest.mark.parametrize(
    ("column", "message"),
    [("{outcome}_0", "no column `bdi_0`"), ("note_{outcome}", "no column `note_bdi`")],
)
def test_the_baseline_column_is_one_of_the_data(tmp_path, column, message):
    plan = with_line(f'effect_size: {{sd: baseline, column: "{column}"}}')
    found = problems_of_opening(open_study, tmp_path, plan=plan)
    assert the_problem(found, "analyses[0].effect_size.column", message).line


def test_the_baseline_column_is_a_number(tmp_path):
    plan = changed(with_line("effect_size: {sd: baseline, column: note}"), "[bdi, ln_il6]", "[bdi]")
    found = problems_of_opening(open_study, tmp_path, plan=plan)
    the_problem(found, "analyses[0].effect_size.column", "`note` is not a number")


def test_a_baseline_column_by_outcome_is_found(tmp_path):
    plan = changed(
        PLAN, "  gain:", '  bdi_0: "baseline(bdi)"\n  ln_il6_0: "baseline(ln_il6)"\n  gain:'
    )
    plan = with_line(
        'effect_size: {sd: baseline, column: "{outcome}_0"}', changed(plan, REPORT, EVERYTHING)
    )
    assert (
        open_study(write_study(tmp_path, plan=plan)).plan.analyses[0].effect_size.sd == "baseline"
    )
