"""Which tests of a plan are adjusted together."""

import pandas as pd
import pytest
from small_study import PLAN, changed, write_study

from harness.data.derive import derive
from harness.data.study import open_study
from harness.language import parse_formula
from harness.models.families import Member, families
from harness.models.rows import rows_of
from harness.models.spec import ModelKey, ModelSpec, ModelTask
from harness.plan import load_plan
from harness.sets.enough import sufficient_sets

REPORT = "    report: [coefficients, random, fit]\n"
MODERATION = '    moderators: [il6_0, "body mass"]\n'


def plan(first="", second=""):
    """The small plan with the two analyses' `adjust`."""
    text = changed(PLAN, REPORT, f"{REPORT}    adjust: {first}\n") if first else PLAN
    more = f"{MODERATION}    adjust: {second}\n"
    return changed(text, MODERATION, more) if second else text


def found(tmp_path, **asked):
    listed = families(load_plan(write_study(tmp_path, plan=plan(**asked))))
    return [
        (family.method, family.of, [member.key.place for member in family.members])
        for family in listed
    ]


def test_a_plan_that_asks_for_none_has_none(tmp_path):
    assert found(tmp_path) == []


def test_an_analysis_is_a_family_in_each_set(tmp_path):
    assert found(tmp_path, first="{method: BH, family: analysis}") == [
        ("BH", "efficacy in ITT", ["efficacy/ITT/bdi", "efficacy/ITT/ln_il6"]),
        ("BH", "efficacy in PP", ["efficacy/PP/bdi", "efficacy/PP/ln_il6"]),
    ]


def test_each_outcome_or_moderator_is_one(tmp_path):
    assert found(tmp_path, first="{method: holm, family: outcome}") == [
        ("holm", "efficacy of bdi in ITT", ["efficacy/ITT/bdi"]),
        ("holm", "efficacy of ln_il6 in ITT", ["efficacy/ITT/ln_il6"]),
        ("holm", "efficacy of bdi in PP", ["efficacy/PP/bdi"]),
        ("holm", "efficacy of ln_il6 in PP", ["efficacy/PP/ln_il6"]),
    ]
    assert found(tmp_path, second="{method: BY, family: moderator}") == [
        ("BY", "moderation by il6_0 in ITT", ["moderation/ITT/bdi/il6_0"]),
        ("BY", "moderation by body mass in ITT", ["moderation/ITT/bdi/body mass"]),
    ]


def test_another_scale_of_the_outcome_is_another_family(tmp_path):
    study = open_study(
        write_study(tmp_path, plan=plan(first="{method: BH}\n    scales: [raw, rank]"))
    )
    listed = families(study.plan)
    assert [(family.of, [member.key.place for member in family.members]) for family in listed] == [
        ("efficacy in ITT", ["efficacy/ITT/bdi", "efficacy/ITT/ln_il6"]),
        ("efficacy in ITT (rank)", ["efficacy/ITT/rank(bdi)", "efficacy/ITT/rank(ln_il6)"]),
        ("efficacy in PP", ["efficacy/PP/bdi", "efficacy/PP/ln_il6"]),
        ("efficacy in PP (rank)", ["efficacy/PP/rank(bdi)", "efficacy/PP/rank(ln_il6)"]),
    ]
    frame = derive(study)
    sets = sufficient_sets(study, frame)
    first = (family.members[0] for family in listed[:2])
    raw, ranks = (one.tests(rows_of(one.task, sets, frame)) for one in first)
    assert raw == ranks != ()


def test_groups_of_outcomes_are_families_of_their_own(tmp_path):
    asked = "{method: BH, groups: {mood: [bdi], blood: [ln_il6]}}"
    assert [family[1:] for family in found(tmp_path, first=asked)][:2] == [
        ("efficacy, mood, in ITT", ["efficacy/ITT/bdi"]),
        ("efficacy, blood, in ITT", ["efficacy/ITT/ln_il6"]),
    ]


def test_the_plans_family_holds_every_analysis_of_one_method_and_never_two_sets(tmp_path):
    both = found(tmp_path, first="{method: BH, family: plan}", second="{method: BH, family: plan}")
    assert [(of, len(members)) for _, of, members in both] == [
        ("efficacy and moderation in ITT", 4),
        ("efficacy in PP", 2),
    ]
    apart = found(
        tmp_path, first="{method: BH, family: plan}", second="{method: holm, family: plan}"
    )
    assert [(method, of) for method, of, _ in apart] == [
        ("BH", "efficacy in ITT"),
        ("BH", "efficacy in PP"),
        ("holm", "moderation in ITT"),
    ]


def test_the_tests_are_those_of_the_design(tmp_path):
    study = open_study(
        write_study(tmp_path, plan=plan(first="{method: BH}", second="{method: BH}"))
    )
    frame = derive(study)
    names = [
        (member.key.place, member.tests(frame))
        for family in families(study.plan)
        for member in family.members
        if member.key.set == "ITT"
    ]
    assert names == [
        ("efficacy/ITT/bdi", ("armNew:visit2",)),
        ("efficacy/ITT/ln_il6", ("armNew:visit2",)),
        ("moderation/ITT/bdi/il6_0", ("armNew:visit2:il6_0",)),
        ("moderation/ITT/bdi/body mass", ("armNew:visit2:`body mass`",)),
    ]


ROWS = pd.DataFrame(
    {
        "y": [1.0, 2.5, 2.0, 4.0, 3.5, 3.0, 5.0, 1.5, 2.0, 6.0, 4.5, 5.5],
        "arm": pd.Categorical(["a", "b", "c"] * 4),
        "visit": pd.Categorical(["0", "0", "0", "1", "1", "1"] * 2),
    }
)


def member(formula="y ~ arm * visit", **changes):
    given = {"terms": ("arm:visit",), **changes}
    return Member(ModelTask(ModelKey("a", "s", "y"), ModelSpec(parse_formula(formula))), **given)


def test_three_arms_are_two_tests_and_a_column_the_data_cannot_tell_is_none():
    assert member().tests(ROWS) == ("armb:visit1", "armc:visit1")
    assert member(anova=True).tests(ROWS) == ("anova(arm:visit)",)
    without = ROWS[~((ROWS["arm"] == "c") & (ROWS["visit"] == "1"))]
    assert member().tests(without) == ("armb:visit1",)


@pytest.mark.parametrize(
    ("tests", "sentence"),
    [(147, "BH over 147 tests of moderation in ITT"), (1, "BH over 1 test of moderation in ITT")],
)
def test_the_size_is_stated(tmp_path, tests, sentence):
    loaded = load_plan(write_study(tmp_path, plan=plan(second="{method: BH}")))
    (family,) = families(loaded)
    assert family.sentence(tests) == sentence
    loaded = load_plan(write_study(tmp_path, plan=plan(second="{method: none}")))
    assert families(loaded)[0].sentence(2) == "not adjusted: 2 tests of moderation in ITT"
