"""Hypotheses of a plan: the three ways to write one, and what no data could make sense of."""

from __future__ import annotations

import jsonschema
import pytest
import yaml
from small_study import PLAN, changed, line_with, problems_of, the_problem, write_study

from harness.models.expand import tasks
from harness.models.hypothesis import Hypothesis
from harness.plan import load_plan
from harness.plan.schema import Plan, plan_schema

KEY = "    hypotheses:\n"


def with_hypotheses(*lines: str, after: str = "    reml: true\n") -> str:
    """The plan with hypotheses in one of its analyses, one a line."""
    return changed(PLAN, after, after + KEY + "".join(f"      {line}\n" for line in lines))


OF_MODERATION = '    moderators: [il6_0, "body mass"]\n'
WRITTEN = with_hypotheses(
    'one: {"armNew:visit2": 1, "(Intercept)": -2}',
    'both: [{"armNew": 1}, {visit2: 1.5}]',
    'against: {rows: {"armNew": 1}, equals: -3}',
    "numbers: {rows: [{armNew: 1}, {visit2: 1}], equals: [1, 0.5]}",
)


def test_a_hypothesis_is_a_row_several_rows_or_rows_and_what_they_equal(tmp_path):
    plan = load_plan(write_study(tmp_path, plan=WRITTEN))
    besides = tasks(plan)[0].spec.besides
    assert besides.parts == ("hypotheses",)
    assert besides.hypotheses == (
        Hypothesis("one", ((("armNew:visit2", 1.0), ("(Intercept)", -2.0)),), (0.0,)),
        Hypothesis("both", ((("armNew", 1.0),), (("visit2", 1.5),)), (0.0, 0.0)),
        Hypothesis("against", ((("armNew", 1.0),),), (-3.0,)),
        Hypothesis("numbers", ((("armNew", 1.0),), (("visit2", 1.0),)), (1.0, 0.5)),
    )
    again = Plan.model_validate_json(plan.model_dump_json())
    assert again.model_dump() == plan.model_dump()
    jsonschema.validate(yaml.safe_load(WRITTEN), plan_schema())


def test_placeholders_are_filled_as_r_spells_the_column(tmp_path):
    text = with_hypotheses('h: {"armNew:visit2:{moderator}": 1}', after=OF_MODERATION)
    plan = load_plan(write_study(tmp_path, plan=text))
    found = [t.spec.besides.hypotheses[0].rows for t in tasks(plan) if t.key.moderator]
    assert found == [
        ((("armNew:visit2:il6_0", 1.0),),),
        ((("armNew:visit2:`body mass`", 1.0),),),
    ]


@pytest.mark.parametrize(
    ("line", "key", "message"),
    [
        ('h: {"armnew": 1}', "h", "has no coefficient `armnew`; its terms are (Intercept), arm, v"),
        ('h: {"armNew:visit3": 1}', "h", "has no coefficient `armNew:visit3`"),
        ('h: {"visit2:armNew": 1}', "h", "has no coefficient `visit2:armNew`"),
        ('h: [{"armNew": 1}, {"il6_0": 1}]', "h", "has no coefficient `il6_0`"),
        ('h: {"{moderator}": 1}', "h", "has no coefficient `{moderator}`"),
        ('h: {"armNew": 0}', "h", "names no coefficient with a factor other than 0"),
        ("h: {}", "h", "names no coefficient with a factor other than 0"),
        ("h: {rows: {armNew: 1}, equals: [1, 2]}", "h", "equals has not one number for each row"),
        ('h: {"armNew": one}', "h.rows[0].armNew", 'must be a number, not "one"'),
        ("h: {rows: {armNew: 1}, equal: 1}", "h.equal", "unknown key"),
        ("h: []", "h.rows", "needs at least 1 entry"),
        ("h: 1", "h", "must be a mapping of keys to values"),
    ],
)
def test_what_no_data_could_test_is_told_with_its_line(tmp_path, line, key, message):
    text = with_hypotheses(line)
    found = problems_of(load_plan, tmp_path, plan=text)
    problem = the_problem(found, f"analyses[0].hypotheses.{key}", message)
    assert problem.line == line_with(text, line)


def test_a_model_without_an_intercept_has_none_to_test(tmp_path):
    text = with_hypotheses('h: {"(Intercept)": 1}').replace("~ arm * visit", "~ 0 + arm * visit")
    found = problems_of(load_plan, tmp_path, plan=text)
    the_problem(
        found, "analyses[0].hypotheses.h", "no coefficient `(Intercept)`; its terms are arm"
    )


def test_levels_of_a_coded_factor_are_not_guessed(tmp_path):
    text = with_hypotheses("h: {arm1: 1}").replace(KEY, f"    contrasts: {{arm: sum}}\n{KEY}")
    assert load_plan(write_study(tmp_path, plan=text)).analyses[0].hypotheses["h"]
