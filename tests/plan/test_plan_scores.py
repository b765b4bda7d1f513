"""The section ``scores:``: what it means, and every way of getting it wrong, with its line."""

# ruff: noqa: E501 - the tables of mistakes have one case a line

import jsonschema
import pytest
import yaml
from scored_study import PLAN, write_scored
from small_study import line_with, the_problem

from harness.errors import PlanError
from harness.plan import load_plan, plan_schema, read_plan
from harness.plan.scores import (
    answer_columns,
    direction_of,
    form_of,
    missing_rule,
    possible_columns,
    score_columns,
)
from harness.scoring import instruments

ENTRY = "  pss: {instrument: PSS-10, items: {prefix: q, width: 2}}\n"
TEN = "[a, b, c, d, e, f, g, h, i, j]"
FACETS = "observing: [1, 2, 3, 4], describing: [5, 6, 7, 8], awareness: [9, 10, 11, 12], nonjudging: [13, 14, 15, 16], nonreactivity: [17, 18, 19, 20]"


def loaded(folder, entry):
    assert ENTRY in PLAN
    return load_plan(write_scored(folder, plan=PLAN.replace(ENTRY, f"  {entry}\n")))


def problems(folder, entry, plan=PLAN):
    with pytest.raises(PlanError) as caught:
        load_plan(write_scored(folder, plan=plan.replace(ENTRY, f"  {entry}\n")))
    return caught.value.problems


MISTAKES = [
    ("unknown instrument", "x: {instrument: PSS10, items: {prefix: q}}", "scores.x.instrument", "did you mean PSS-10?"),
    ("unknown key", "x: {instrument: PIPS, items: {prefix: q}, mising: one}", "scores.x.mising", "did you mean `missing`?"),
    ("unknown key of items", "x: {instrument: PIPS, items: {prefx: q}}", "scores.x.items.prefx", "did you mean `prefix`?"),
    ("no items", "x: {instrument: PIPS}", "scores.x.items", "is missing"),
    ("no instrument", "x: {items: {prefix: q}}", "scores.x.instrument", "is missing"),
    ("items as a list", "x: {instrument: PSS-10, items: [a, b]}", "scores.x.items", "must be a mapping"),
    ("neither prefix nor columns", "x: {instrument: PIPS, items: {width: 2}}", "scores.x.items", "either `prefix` or `columns`"),
    ("both", f"x: {{instrument: PSS-10, items: {{prefix: q, columns: {TEN}}}}}", "scores.x.items", "either `prefix` or `columns`"),
    ("width with columns", f"x: {{instrument: PSS-10, items: {{columns: {TEN}, width: 2}}}}", "scores.x.items.width", "goes with `prefix`"),
    ("width too wide", "x: {instrument: PSS-10, items: {prefix: q, width: 9}}", "scores.x.items.width", "less than or equal to 4"),
    ("too few columns", "x: {instrument: PSS-10, items: {columns: [a, b]}}", "scores.x.items.columns", "2 columns; PSS-10 has 10 items"),
    ("a column twice", f"x: {{instrument: PSS-10, items: {{columns: {TEN.replace('b', 'a')}}}}}", "scores.x.items.columns[1]", "`a` stands twice"),
    ("unknown rule", "x: {instrument: PIPS, items: {prefix: q}, missing: mean}", "scores.x.missing", "refuse, prorate, half, one or zero, not \"mean\""),
    ("rule of another", "x: {instrument: PIPS, items: {prefix: q}, missing: zero}", "scores.x.missing", "PIPS has no rule `zero`; refuse, one, half, prorate"),
    ("version not said", "x: {instrument: FFMQ, items: {prefix: q}}", "scores.x.version", "39, 24, 20, 15; say which"),
    ("version unknown", "x: {instrument: FFMQ, version: 38, items: {prefix: q}}", "scores.x.version", "not `38`"),
    ("version of an only form", "x: {instrument: PCS, version: 13, items: {prefix: q}}", "scores.x.version", "PCS has no versions, not `13`"),
    ("version as a list", "x: {instrument: FFMQ, version: [39], items: {prefix: q}}", "scores.x.version", "must be text"),
    ("direction not said", "x: {instrument: MISCI, items: {prefix: q}}", "scores.x.direction", "both are in use"),
    ("direction contradicted", "x: {instrument: PCS, direction: higher is better, items: {prefix: q}}", "scores.x.direction", "of PCS higher is worse"),
    ("direction unknown", "x: {instrument: MISCI, direction: up, items: {prefix: q}}", "scores.x.direction", "higher is worse or higher is better, not"),
    ("recoded in vain", "x: {instrument: PCS, recoded: true, items: {prefix: q}}", "scores.x.recoded", "no reversed items"),
    ("key not given", "x: {instrument: FFMQ, version: 20, items: {prefix: q}}", "scores.x.key", "is not known here; give observing"),
    ("key without reversed", f"x: {{instrument: FFMQ, version: 20, items: {{prefix: q}}, key: {{{FACETS}}}}}", "scores.x.reversed", "say which items are reversed"),
    ("reversed without key", "x: {instrument: PCS, reversed: [1], items: {prefix: q}}", "scores.x.reversed", "goes with `key`"),
    ("key of an unknown part", f"x: {{instrument: FFMQ, version: 20, items: {{prefix: q}}, reversed: [], key: {{{FACETS.replace('observing', 'observation')}}}}}", "scores.x.key.observation", "did you mean `observing`?"),
    ("an item twice", f"x: {{instrument: FFMQ, version: 20, items: {{prefix: q}}, reversed: [], key: {{{FACETS.replace('20]', '1]')}}}}}", "scores.x.key", "item 1 stands twice"),
    ("an item too many", f"x: {{instrument: FFMQ, version: 20, items: {{prefix: q}}, reversed: [], key: {{{FACETS.replace('20]', '20, 21]')}}}}}", "scores.x.key.nonreactivity", "5 items; there are 4"),
    ("an item beyond", f"x: {{instrument: FFMQ, version: 20, items: {{prefix: q}}, reversed: [], key: {{{FACETS.replace('20]', '21]')}}}}}", "scores.x.key", "item 21; items are 1 to 20"),
    ("reversed beyond", f"x: {{instrument: FFMQ, version: 20, items: {{prefix: q}}, reversed: [0], key: {{{FACETS}}}}}", "scores.x.reversed", "item 0; items are 1 to 20"),
    ("an item as text", f"x: {{instrument: FFMQ, version: 20, items: {{prefix: q}}, reversed: [a], key: {{{FACETS}}}}}", "scores.x.reversed[0]", "must be a number"),
    ("name of no score", "x: {instrument: PSS-10, items: {prefix: q}, names: {totl: y}}", "scores.x.names.totl", "did you mean `total`?"),
    ("a score that is the arm", "x: {instrument: PSS-10, items: {prefix: q}, names: {total: arm}}", "scores.x.names.total", "`arm` is the design's `arm` already"),
    ("a score that is derived", "x: {instrument: PSS-10, items: {prefix: q}, names: {total: Stress_0}}", "scores.x.names.total", "is the derived column `stress_0` already"),
    ("a score that is an item", "x: {instrument: PSS-10, items: {prefix: q}, names: {total: q3}}", "scores.x.names.total", "it cannot be a score"),
    ("an entry of no name", '"x y": {instrument: PSS-10, items: {prefix: q}}', "scores.x y", "is a letter, then letters"),
    ("decimals", "x: {instrument: PSS-10, items: {prefix: q}, decimals: 7}", "scores.x.decimals", "less than or equal to 6"),
    ("an entry as text", "x: PSS-10", "scores.x", "must be a mapping"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "key", "message"), [c[1:] for c in MISTAKES], ids=[c[0] for c in MISTAKES]
)
def test_one_mistake_is_one_problem_with_line_and_key(tmp_path, entry, key, message):
    found = problems(tmp_path, entry)
    problem = the_problem(found, key, message)
    assert problem.line == line_with(PLAN, ENTRY)
    others = [p for p in found if p is not problem]
    assert all(p.key.startswith(("scores.x.key", "scores.x.items")) for p in others), others


def test_two_entries_cannot_give_one_column(tmp_path):
    more = "pss: {instrument: PSS-10, items: {prefix: q}}\n  PSS: {instrument: PSS-10, items: {prefix: r}}"
    found = problems(tmp_path, more)
    assert the_problem(found, "scores.PSS", "`PSS_total` is a score of `pss` already")


def test_scores_as_a_list_are_a_problem_of_the_section(tmp_path):
    plan = PLAN.replace("scores:\n" + ENTRY, "scores: [PSS-10]\n")
    with pytest.raises(PlanError) as caught:
        load_plan(write_scored(tmp_path, plan=plan))
    assert [p.key for p in caught.value.problems] == ["scores"]


def test_a_broken_entry_does_not_hide_the_other_problems(tmp_path):
    plan = PLAN.replace("PSS-10", "PSS-11").replace("baseline(pss_total)", "baseline(")
    path = write_scored(tmp_path, plan=plan)
    assert [p.key for p in read_plan(path).problems] == ["scores.pss.instrument", "derive.stress_0"]


def test_hostile_numbers_are_counted_not_searched(tmp_path):
    """A hundred thousand item numbers are refused in the time it takes to read them."""
    numbers = ", ".join(["1"] * 90_000)
    entry = f"x: {{instrument: FFMQ, version: 20, items: {{prefix: q}}, key: {{observing: [{numbers}]}}}}"
    assert the_problem(problems(tmp_path, entry), "scores.x.key.observing", "90000 items")


@pytest.mark.parametrize(
    "evil", ["__class__", "a.__init__", "x`y", "../x", "%s", "{outcome}", "q\u0000"]
)
def test_a_hostile_prefix_is_a_name_and_nothing_more(tmp_path, evil):
    entry = f'x: {{instrument: PSS-10, items: {{prefix: "{evil}"}}}}'
    if "\u0000" in evil:
        assert any("not YAML" in p.message for p in problems(tmp_path, entry))
        return
    score = loaded(tmp_path, entry).scores["x"]
    assert answer_columns(score, 10)[0] == f"{evil}1"


def test_what_an_entry_means(tmp_path):
    plan = loaded(
        tmp_path,
        "pss: {instrument: PSS-10, items: {prefix: pre_, width: 3, suffix: _v1}, names: {total: stress}}",
    )
    score = plan.scores["pss"]
    assert answer_columns(score, 2) == ("pre_001_v1", "pre_002_v1")
    assert score_columns("pss", score, form_of(score)) == {"total": "stress"}
    assert (missing_rule(score), direction_of(score)) == ("refuse", "higher is worse")


def test_a_version_may_be_a_number_or_text(tmp_path):
    for spelt in ("39", "'39'"):
        plan = loaded(tmp_path, f"x: {{instrument: FFMQ, version: {spelt}, items: {{prefix: q}}}}")
        assert form_of(plan.scores["x"]).n_items == 39


def test_a_key_of_the_plans_own_is_the_one_that_holds(tmp_path):
    entry = f"x: {{instrument: FFMQ, version: 20, items: {{prefix: q}}, reversed: [9, 13], key: {{{FACETS}}}}}"
    form = form_of(loaded(tmp_path, entry).scores["x"])
    assert form.keyed
    assert (form.parts[4].items, form.reversed) == ((17, 18, 19, 20), (9, 13))


def test_direction_of_misci_is_the_plans(tmp_path):
    entry = "x: {instrument: MISCI, direction: higher is better, items: {prefix: q}}"
    assert direction_of(loaded(tmp_path, entry).scores["x"]) == "higher is better"


def test_fiqr_prorates_by_its_manual_unless_told_otherwise(tmp_path):
    for said, rule in (("", "prorate"), (", missing: refuse", "refuse")):
        plan = loaded(tmp_path, f"x: {{instrument: FIQR, items: {{prefix: q}}{said}}}")
        assert missing_rule(plan.scores["x"]) == rule


def test_the_schema_lists_instruments_and_rules():
    schema = plan_schema()
    score = schema["$defs"]["Score"]["properties"]
    assert set(score["instrument"]["enum"]) == set(instruments())
    assert score["version"]["anyOf"][0] == {"type": ["string", "integer"]}
    assert schema["properties"]["scores"]["additionalProperties"] == {"$ref": "#/$defs/Score"}
    assert "scores" not in schema["required"]
    plan = PLAN.replace(ENTRY, "  x: {instrument: FFMQ, version: 39, items: {prefix: q}}\n")
    jsonschema.validate(yaml.safe_load(plan), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(plan.replace("FFMQ", "FFMQ39")), schema)


def test_columns_a_broken_entry_could_have_given():
    assert {"x_total", "x_function", "x_case", "x_nonjudging"} <= possible_columns(["x"])
