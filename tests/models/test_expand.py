"""From a plan to its models."""

from small_study import PLAN, changed, write_study

from harness.models.besides import Besides, DesignColumn, EffectUnit
from harness.models.expand import tasks
from harness.plan import load_plan


def expanded(folder, text=PLAN):
    return tasks(load_plan(write_study(folder, plan=text)))


def test_one_task_for_each_analysis_set_outcome_and_moderator_in_plan_order(tmp_path):
    assert [
        (t.key.analysis, t.key.set, t.key.outcome, t.key.moderator) for t in expanded(tmp_path)
    ] == [
        ("efficacy", "ITT", "bdi", ""),
        ("efficacy", "ITT", "ln_il6", ""),
        ("efficacy", "PP", "bdi", ""),
        ("efficacy", "PP", "ln_il6", ""),
        ("moderation", "ITT", "bdi", "il6_0"),
        ("moderation", "ITT", "bdi", "body mass"),
        ("change", "PP", "gain", ""),
    ]


def test_placeholders_are_filled_and_back_ticked(tmp_path):
    texts = [t.spec.formula.text for t in expanded(tmp_path)]
    assert texts[1] == "ln_il6 ~ arm * visit + (1 | id)"
    assert texts[5] == "bdi ~ arm * visit * `body mass` + (1 | id)"


def test_a_column_name_cannot_add_terms(tmp_path):
    hostile = "x + sessions) + (1 | arm"
    text = changed(PLAN, '"body mass"]', f'"{hostile}"]')
    spec = expanded(tmp_path, text)[5].spec
    assert len(spec.formula.random) == 1
    assert hostile in spec.formula.columns
    assert "sessions" not in spec.formula.columns


def test_choices_of_the_analysis_reach_the_model(tmp_path):
    text = changed(PLAN, "reml: true", "reml: false")
    text = changed(text, "df: satterthwaite", "df: z")
    text = changed(text, "report: [coefficients, random, fit]", "report: [coefficients]")
    first = expanded(tmp_path, text)[0]
    assert (first.spec.reml, first.spec.df_method, first.report) == (False, "z", ("coefficients",))


def test_defaults_follow_from_the_formula(tmp_path):
    found = {t.key.analysis: t.spec for t in expanded(tmp_path)}
    assert (found["moderation"].df_method, found["moderation"].reml) == ("satterthwaite", True)
    assert (found["change"].df_method, found["change"].mixed) == ("residual", False)


def test_weights_offset_and_contrasts_reach_every_model_that_has_them(tmp_path):
    more = "reml: true\n    weights: sessions\n    offset: body mass\n    contrasts: {visit: sum}"
    spec = expanded(tmp_path, changed(PLAN, "reml: true", more))[0].spec
    assert (spec.weights, spec.offset) == ("sessions", "body mass")
    assert spec.contrasts == (("visit", "sum"),)
    assert spec.columns == ("bdi", "arm", "visit", "id", "sessions", "body mass")
    text = changed(PLAN, '"body mass"]', '"body mass", late]\n    contrasts: {late: sum}')
    assert [t.spec.contrasts for t in expanded(tmp_path, text)[4:7]] == [(), (), (("late", "sum"),)]


REPORT = "report: [coefficients, random, fit]"


def test_nothing_is_asked_besides_unless_reported(tmp_path):
    assert {t.spec.besides for t in expanded(tmp_path)} == {None}


def test_what_is_reported_is_asked_of_every_model(tmp_path):
    text = changed(PLAN, REPORT, "report: [effect_size, anova, coefficients, emmeans]")
    text = changed(text, "reml: true", "reml: true\n    means: {weights: cells}")
    found = [t.spec.besides for t in expanded(tmp_path, text)]
    assert found[4:] == [None] * 3
    assert (
        found[0]
        == found[3]
        == Besides(
            ("emmeans", "anova", "effect_size"),
            DesignColumn("arm", ("TAU", "New")),
            DesignColumn("visit", ("0", "2")),
            "cells",
        )
    )


def test_arm_and_time_count_as_far_as_the_formula_has_them(tmp_path):
    text = changed(PLAN, REPORT, "report: [contrasts]")
    text = changed(text, '"{outcome} ~ arm * visit + (1 | id)"', '"{outcome} ~ arm + (visit | id)"')
    besides = expanded(tmp_path, text)[0].spec.besides
    assert (besides.arm.column, besides.time) == ("arm", None)


def test_a_baseline_column_goes_with_the_model(tmp_path):
    more = 'reml: true\n    effect_size: {sd: baseline, column: "{outcome}_0"}'
    text = changed(changed(PLAN, REPORT, "report: [effect_size]"), "reml: true", more)
    specs = [t.spec for t in expanded(tmp_path, text)]
    assert specs[1].besides.unit == EffectUnit("baseline", None, "ln_il6_0", "arm", "id")
    assert specs[1].columns == ("ln_il6", "arm", "visit", "id", "ln_il6_0")
    text = changed(text, "report: [effect_size]", "report: [emmeans]").replace(more, "reml: true")
    assert expanded(tmp_path, text)[1].spec.columns == ("ln_il6", "arm", "visit", "id")
