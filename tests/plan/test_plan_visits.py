"""Visits an analysis names, and placeholders that mean something only at some of them."""

# ruff: noqa: E501 - the table of mistakes has one case a line

import pytest
from small_study import PLAN, changed, line_with, the_problem, write_study
from small_study import problems_of as problems_of_opening

from harness.data.study import open_study
from harness.plan import load_plan
from harness.plan.placed import placed_columns
from harness.plan.visits import visits_of

LATER = '    formula: "{outcome} ~ {baseline} + arm"\n    at: [2]\n'
CHANGE = changed(PLAN, '    formula: "{outcome} ~ arm + bdi"\n', LATER)
CHANGE = changed(CHANGE, "outcomes: [gain]", "outcomes: [bdi]")
FORMULA = "{outcome} ~ {baseline} + arm"
WHOLE = changed(CHANGE, "    at: [2]\n", "")
CONSTRAINED = changed(
    PLAN, '"{outcome} ~ arm * visit + (1 | id)"', '"{outcome} ~ visit + {arm_after} + (1 | id)"'
)

MISTAKES = [
    # id, plan, where the message stands, key, message
    ("unknown visit", changed(CHANGE, "at: [2]", "at: [2, 6]"), "at: [2, 6]", "analyses[2].at[1]", "`6` is no level of visit; there are 0, 2"),
    ("visit twice", changed(CHANGE, "at: [2]", "at: [2, '2']"), "at: [2", "analyses[2].at[1]", "`2` stands twice"),
    ("no visit", changed(CHANGE, "at: [2]", "at: []"), "at: []", "analyses[2].at", "at least 1 entry"),
    ("not a list", changed(CHANGE, "at: [2]", "at: 2"), "at: 2", "analyses[2].at", "must be a list"),
    ("baseline at baseline", changed(CHANGE, "at: [2]", "at: [0, 2]"), "at: [0", "analyses[2].at", "`{baseline}` is the outcome itself at `0`"),
    ("baseline in all rows", WHOLE, FORMULA, "analyses[2].formula", "name the later visits that the analysis uses, at: [2]"),
    ("change in all rows", changed(WHOLE, FORMULA, "{change} ~ arm"), "{change} ~", "analyses[2].formula", "`{change}` is zero at `0`"),
    ("time at one visit", changed(CHANGE, FORMULA, "{outcome} ~ {baseline} + arm * visit"), "{outcome} ~ {baseline} + arm * visit", "analyses[2].formula", "`visit` has one value at `2`: leave it out"),
    ("patients at one visit", changed(changed(CHANGE, FORMULA, FORMULA + " + (1 | id)"), "kind: ols", "kind: lmm"), FORMULA, "analyses[2].formula", "one row a `id` at `2`"),
    ("change on the right only", changed(CHANGE, FORMULA, "bdi ~ {change} + arm"), "bdi ~ {change}", "analyses[2].formula", "left of `~` stands `{outcome}` or `{change}`"),
    ("arms at baseline", changed(CONSTRAINED, "{arm_after}", "arm + {arm_after}"), "visit + arm", "analyses[0].formula", "`{arm_after}` stands in place of `arm`"),
    ("no time", changed(CONSTRAINED, "visit + {arm_after}", "{arm_after}"), "{arm_after} +", "analyses[0].formula", "`{arm_after}` needs `visit` beside it"),
    ("no baseline", changed(CONSTRAINED, "    reml: true\n", "    at: [2]\n"), "at: [2]", "analyses[0].at", "is about `0`, which is left out"),
    ("means of arms alike", changed(CONSTRAINED, "report: [coefficients, random, fit]", "report: [coefficients, contrasts]"), "contrasts", "analyses[0].report[1]", "are the differences of the arms already"),
    ("observed values", changed(CHANGE, "    at: [2]\n", "    at: [2]\n    report: [coefficients, responders]\n"), "responders", "analyses[2].report[1]", "of the values observed since `0`, which `at` leaves out"),
    ("another scale", changed(CHANGE, "    at: [2]\n", "    at: [2]\n    scales: [raw, rank]\n"), "scales", "analyses[2].scales", "derive the other scale's own"),
    ("taken name", changed(CHANGE, '  gain: "change(bdi)"\n', '  gain: "change(bdi)"\n  BDI.baseline: "bdi"\n'), FORMULA, "analyses[2].formula", "`{baseline}` is a column `bdi.baseline`, and there is `BDI.baseline` already"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("plan", "place", "key", "message"), [c[1:] for c in MISTAKES], ids=[c[0] for c in MISTAKES]
)
def test_a_mistake_is_told_with_its_line(tmp_path, plan, place, key, message):
    problem = the_problem(problems_of_opening(open_study, tmp_path, plan=plan), key, message)
    assert problem.line == line_with(plan, place)


def test_the_columns_of_placeholders_have_one_name_each_and_are_not_asked_for_unused(tmp_path):
    plan = load_plan(write_study(tmp_path, plan=CHANGE))
    assert [(name, c.expression) for name, c in placed_columns(plan).items()] == [
        ("bdi.baseline", "baseline(bdi)")
    ]
    assert placed_columns(load_plan(write_study(tmp_path))) == {}


def test_visits_stand_in_the_order_of_the_design(tmp_path):
    three = changed(CHANGE, "levels: [0, 2]", "levels: [0, 2, 10]")
    plan = load_plan(write_study(tmp_path, plan=changed(three, "at: [2]", "at: [10, 2]")))
    assert visits_of(plan, plan.analyses[2]) == ("2", "10")
    assert visits_of(plan, plan.analyses[0]) == ("0", "2", "10")


def test_the_effect_size_may_be_in_units_of_the_baseline(tmp_path):
    more = (
        LATER + '    report: [effect_size]\n    effect_size: {sd: baseline, column: "{baseline}"}\n'
    )
    text = changed(CHANGE, LATER, more.replace("{baseline} + ", "", 1))
    plan = open_study(write_study(tmp_path, plan=text)).plan
    assert list(placed_columns(plan)) == ["bdi.baseline"]
