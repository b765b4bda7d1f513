"""Planned contrasts between arms: read as they are spelt, refused with their line."""

import jsonschema
import pytest
import yaml
from small_study import PLAN, changed, line_with, problems_of, the_problem, write_study

from harness.models.expand import tasks
from harness.plan import load_plan
from harness.plan.schema import plan_schema

ASKED = changed(
    PLAN, "report: [coefficients, random, fit]", "report: [coefficients, contrasts, effect_size]"
)
NUMBERED = ASKED.replace("[TAU, New]", "[0, 1, 2]")


def with_arms(arms: str, text: str = ASKED) -> str:
    return changed(text, "    reml: true\n", f"    reml: true\n    arms: {arms}\n")


def test_pairs_are_read_and_asked_in_their_order(tmp_path):
    pairs = "[[2, 1], ['0', 1]]"
    plan = load_plan(write_study(tmp_path, plan=with_arms(pairs, NUMBERED)))
    assert plan.analyses[0].arms == (("2", "1"), ("0", "1"))
    first, *_, last = tasks(plan)
    assert first.spec.besides is not None
    assert first.spec.besides.pairs == ((2, 1), (0, 1))
    assert first.spec.besides.as_json()["compare"] == [["2", "1"], ["0", "1"]]
    assert last.spec.besides is None


def test_an_editor_takes_arms_that_look_like_numbers(tmp_path):
    plan = yaml.safe_load(with_arms("[[2, 1]]", NUMBERED))
    jsonschema.validate(plan, plan_schema())
    plan["analyses"][0]["arms"][0].append(0)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plan, plan_schema())


def test_unless_told_otherwise_each_arm_less_the_first_and_no_request_says_so(tmp_path):
    (task, *_) = tasks(load_plan(write_study(tmp_path, plan=NUMBERED)))
    assert task.spec.besides is not None
    assert task.spec.besides.pairs == ((1, 0), (2, 0))
    assert "compare" not in task.spec.besides.as_json()


MISTAKES = [
    (
        "unknown arm",
        with_arms("[[New, MBSR]]"),
        "analyses[0].arms[0][1]",
        "no arm `MBSR`; there are TAU, New",
    ),
    ("itself", with_arms("[[New, New]]"), "analyses[0].arms[0]", "compares `New` with itself"),
    (
        "twice",
        with_arms("[[New, TAU], [New, TAU]]"),
        "analyses[0].arms[1]",
        "are compared by pair 1",
    ),
    (
        "twice the other way",
        with_arms("[[New, TAU], [TAU, New]]"),
        "analyses[0].arms[1]",
        "`TAU` and `New` are compared by pair 1",
    ),
    ("three in a pair", with_arms("[[New, TAU, New]]"), "analyses[0].arms[0]", "at most 2 items"),
    ("no pair", with_arms("[]"), "analyses[0].arms", "needs at least 1 entry"),
    (
        "for nothing",
        with_arms("[[New, TAU]]", PLAN),
        "analyses[0].arms",
        "has no effect: report none of contrasts, effect_size",
    ),
    (
        "no arm in the model",
        with_arms("[[New, TAU]]", changed(ASKED, "~ arm * visit +", "~ visit +")),
        "analyses[0].arms",
        "`arm` is not among the fixed effects of `bdi ~ visit + (1 | id)`",
    ),
]


@pytest.mark.parametrize(
    ("plan", "key", "message"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_each_mistake_is_told_with_its_line(tmp_path, plan, key, message):
    problem = the_problem(problems_of(load_plan, tmp_path, plan=plan), key, message)
    assert problem.line == line_with(plan, "    arms:")
