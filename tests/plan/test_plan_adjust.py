"""Adjustment for multiple testing: what a plan can ask, and what is refused with its line."""

# ruff: noqa: E501 - the table of mistakes has one case a line

import pytest
from small_study import PLAN, changed, line_with, the_problem, write_study
from small_study import problems_of as problems_of_opening

from harness.data.study import open_study
from harness.errors import ModelError
from harness.language import parse_formula
from harness.plan import load_plan
from harness.plan.adjust import tested_terms as terms_of

REPORT = "    report: [coefficients, random, fit]\n"
MODERATION = '    moderators: [il6_0, "body mass"]\n'
OLS = '    formula: "{outcome} ~ arm + bdi"\n'


def efficacy(adjust, text=PLAN):
    """The plan with `adjust` in its first analysis, of bdi and ln_il6."""
    return changed(text, REPORT, f"{REPORT}    adjust: {adjust}\n")


def moderation(adjust, text=PLAN):
    return changed(text, MODERATION, f"{MODERATION}    adjust: {adjust}\n")


@pytest.mark.parametrize("method", ["BH", "BY", "holm", "bonferroni", "none"])
def test_every_method_is_read_and_all_else_has_a_default(tmp_path, method):
    plan = load_plan(write_study(tmp_path, plan=efficacy(f"{{method: {method}}}")))
    adjust = plan.analyses[0].adjust
    assert (adjust.method, adjust.family, adjust.tests) == (method, "analysis", "coefficients")
    assert adjust.groups == {}


def test_the_form_in_the_manual_and_every_family_are_read(tmp_path):
    for family in ("analysis", "outcome", "moderator", "plan"):
        asked = moderation(f"{{method: BH, family: {family}}}")
        assert load_plan(write_study(tmp_path, plan=asked)).analyses[1].adjust.family == family
    asked = efficacy("{method: BH, groups: {mood: [bdi], blood: [ln_il6]}}")
    assert load_plan(write_study(tmp_path, plan=asked)).analyses[0].adjust.groups == {
        "mood": ("bdi",),
        "blood": ("ln_il6",),
    }


FORMULA = '"{outcome} ~ arm * visit + (1 | id)"'
BH = "{method: BH}"
MISTAKES = [
    # id, plan, where the message stands, key, message
    ("method", efficacy("{method: Holm}"), "adjust", "analyses[0].adjust.method", "did you mean holm?"),
    ("no method", efficacy("{family: plan}"), "adjust", "analyses[0].adjust.method", "is missing"),
    ("family", efficacy("{method: BH, family: set}"), "adjust", "analyses[0].adjust.family", "is analysis, outcome, moderator or plan"),
    ("unknown key", efficacy("{method: BH, group: {}}"), "adjust", "analyses[0].adjust.group", "did you mean `groups`?"),
    ("no anova", efficacy("{method: BH, tests: anova}"), "adjust", "analyses[0].adjust.tests", "anova needs `anova` in the analysis' report"),
    ("no moderators", efficacy("{method: BH, family: moderator}"), "adjust", "analyses[0].adjust.family", "the analysis names no moderators"),
    ("no arm", efficacy(BH, changed(PLAN, FORMULA, '"{outcome} ~ visit + (1 | id)"')), "adjust", "analyses[0].adjust", "holds the arm, `arm`: nothing to adjust"),
    ("no contrast", efficacy(BH, changed(PLAN, FORMULA, '"{outcome} ~ 0 + arm + (1 | id)"')), "adjust", "analyses[0].adjust", "are no differences between arms: add the intercept"),
    ("two alike", efficacy(BH, changed(PLAN, FORMULA, '"{outcome} ~ arm * sessions + arm * il6 + (1 | id)"')), "adjust", "analyses[0].adjust", "`arm:sessions` and `arm:il6` of"),
    ("group by outcome", efficacy("{method: BH, family: outcome, groups: {all: [bdi, ln_il6]}}"), "adjust", "analyses[0].adjust.groups", "has no meaning with family: outcome: each outcome is a family already"),
    ("group in plan", efficacy("{method: BH, family: plan, groups: {all: [bdi, ln_il6]}}"), "adjust", "analyses[0].adjust.groups", "has no meaning with family: plan"),
    ("in no group", efficacy("{method: BH, groups: {mood: [bdi]}}"), "adjust", "analyses[0].adjust.groups", "`ln_il6` is in no group"),
    ("in two groups", efficacy("{method: BH, groups: {mood: [bdi], all: [bdi, ln_il6]}}"), "adjust", "analyses[0].adjust.groups", "`bdi` is in 2 groups"),
    ("twice in one", efficacy("{method: BH, groups: {all: [bdi, bdi, ln_il6]}}"), "adjust", "analyses[0].adjust.groups", "`bdi` is in 2 groups"),
    ("no such outcome", efficacy("\n      method: BH\n      groups:\n        all: [bdi, ln_il6]\n        rest:\n          - gain"), "- gain", "analyses[0].adjust.groups.rest[0]", "`gain` is no outcome of the analysis"),
    ("empty group", efficacy("{method: BH, groups: {all: [bdi, ln_il6], rest: []}}"), "adjust", "analyses[0].adjust.groups.rest", "needs at least 1 entry"),
]  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES, ids=[case[0] for case in MISTAKES])
def test_a_mistake_is_told_with_its_line(tmp_path, case):
    _, plan, where, key, message = case
    found = problems_of_opening(open_study, tmp_path, plan=plan)
    assert the_problem(found, key, message).line == line_with(plan, where)
    assert len(found) == 1, "\n".join(map(str, found))


@pytest.mark.parametrize(
    ("formula", "moderator", "terms"),
    [
        ("y ~ arm * visit + (1 | id)", "", "arm:visit"),
        ("y ~ arm * visit * z + (1 | id)", "z", "arm:visit:z"),
        ("y ~ arm * visit + z + (1 | id)", "z", "arm:visit"),
        ("y ~ arm + base", "", "arm"),
        ("y ~ arm * z + base", "z", "arm:z"),
        ("y ~ visit + arm:visit + (1 | id)", "", "visit:arm"),
        # The time comes before the order, the moderator before the time.
        ("y ~ arm * visit + arm * sex * age + (1 | id)", "", "arm:visit"),
        ("y ~ arm * visit + arm * z + (1 | id)", "z", "arm:z"),
        ("y ~ arm * week + (week | id)", "", "arm:week"),
        (
            "y ~ arm * visit * (log(z) + I(z^2)) + (1 | id)",
            "z",
            "arm:visit:log(z) arm:visit:I(z^2)",
        ),
        ("y ~ arm * visit * sex + (1 | id)", "", "arm:visit:sex"),
    ],
)
def test_the_terms_an_analysis_is_about(formula, moderator, terms):
    found = terms_of(parse_formula(formula), "arm", "visit", moderator)
    assert " ".join(term.label for term in found) == terms


@pytest.mark.parametrize(
    "formula", ["y ~ arm:visit", "y ~ 0 + arm", "y ~ arm + arm:visit", "y ~ 0 + arm:visit"]
)
def test_means_of_cells_are_no_tests_of_arms(formula):
    with pytest.raises(ModelError, match="no differences between arms"):
        terms_of(parse_formula(formula), "arm", "visit", "")
