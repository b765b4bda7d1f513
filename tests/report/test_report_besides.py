"""Means, contrasts, tests and effect sizes in reports: a line each, and what they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from estimates_by_hand import KEY, besides, estimates, pair

from harness.compare import DiffTable, Verdict, compare_model
from harness.language import parse_formula
from harness.models.besides import Besides, DesignColumn, EffectUnit
from harness.models.record import NotComputed
from harness.models.spec import ModelKey, ModelSpec, ModelTask
from harness.report.content import RunRecord
from harness.report.definitions import definitions
from harness.report.html import report_html
from harness.report.markdown import diff_markdown
from harness.report.reproduce_besides import asked_in_r
from harness.report.terminal import render_run
from harness.report.views import coefficient_lines

Record = Callable[..., RunRecord]
ARM = DesignColumn("arm", ("TAU", 'N"ew'))
TIME = DesignColumn("week", ("0", "2"))
ALL = Besides(("emmeans", "contrasts", "anova", "effect_size"), ARM, TIME)


def task(besides: Besides | None, set_name: str = "ITT") -> ModelTask:
    formula = parse_formula("bdi ~ arm * week + (1 | id)")
    return ModelTask(ModelKey("efficacy", set_name, "bdi"), ModelSpec(formula, besides=besides))


def test_each_has_a_line_behind_the_fits() -> None:
    lines = coefficient_lines(compare_model(KEY, *pair(**besides())))
    names = [line.cells[0] for line in lines]
    assert names[names.index("criterion") + 1 :] == [
        "treatment=TAU, week=2",
        "treatment=BtheB, week=2",
        "BtheB - TAU | week=2",
        "d of BtheB - TAU | week=2",
        "anova(treatment)",
    ]
    cells = {line.cells[0]: line.cells for line in lines}
    assert cells["treatment=TAU, week=2"][1] == "22.9000"
    assert cells["treatment=TAU, week=2"][4] == ""
    assert cells["BtheB - TAU | week=2"][4] == "0.0309"
    assert cells["d of BtheB - TAU | week=2"][1] == "-0.420000"
    assert cells["anova(treatment)"][1:5] == ("4.88600", "4.88600", "0 relative", "0.0309")


def test_a_line_of_d_is_red_by_itself() -> None:
    python, r = pair(**besides())
    assert r.effect_sizes is not None
    off = replace(r, effect_sizes=(replace(r.effect_sizes[0], d=-0.43),))
    red = {
        line.cells[0]
        for line in coefficient_lines(compare_model(KEY, python, off))
        if line.verdict.red
    }
    assert red == {"d of BtheB - TAU | week=2"}


def test_a_part_that_nobody_answered_has_a_line() -> None:
    python, r = pair(**{**besides(), "anova": ()}, refused={"anova": "no term"})
    lines = {line.cells[0]: line for line in coefficient_lines(compare_model(KEY, python, r))}
    assert lines["anova"].verdict is Verdict.NOT_COMPUTED


def test_what_they_are_stands_in_every_report(record: Record) -> None:
    said = definitions([(task(ALL), estimates(**besides()), estimates("lme4", **besides()))])
    table = DiffTable(compare_model(KEY, *pair(**besides())))
    made = record(diff=table, definitions=said)
    for text in (render_run(made), report_html(made), diff_markdown(made)):
        assert "averaged over other factors, all combinations alike" in text
        assert "F tests of type III hypotheses" in text
        assert "d = contrast / SD" in text


def test_each_definition_is_said_once_and_each_deviation_by_model() -> None:
    first, second = estimates(**besides()), estimates(**besides())
    assert second.effect_sizes is not None
    second = replace(second, effect_sizes=(replace(second.effect_sizes[0], sd=9.0),))
    said = definitions(
        [(task(ALL), first, first), (task(ALL, "PP"), second, first), (task(None), first, first)]
    )
    assert len(said) == 3
    assert said[2].endswith(
        ": 10.0000 in efficacy/ITT/bdi, 9.00000 (python), 10.0000 (r) in efficacy/PP/bdi"
    )
    assert "all combinations alike (equal)" in said[0]


def test_a_side_without_an_answer_has_no_deviation() -> None:
    said = definitions([(task(ALL), estimates(**besides()), NotComputed("lme4", "died"))])
    assert said[2].endswith(": 10.0000 (python), none (r) in efficacy/ITT/bdi")


def test_each_unit_is_told_by_its_formula() -> None:
    words = {
        "residual": "SD is sigma",
        "total": "the variance that the fixed effects leave",
        "given": "the number the plan gives",
        "baseline": "the standard deviation of bdi_0 within arm, pooled by n - 1",
    }
    for by, said in words.items():
        unit = EffectUnit(by, 2.0, "bdi_0", "arm", "id")  # type: ignore[arg-type]
        assert said in unit.formula


def test_what_is_asked_is_spelt_for_r() -> None:
    spec = task(replace(ALL, unit=EffectUnit("given", 2.5), weights="cells")).spec
    assert asked_in_r(spec).split("\n") == [
        'list(parts = c("emmeans", "contrasts", "anova", "effect_size"),',
        '  weights = "cells",',
        '  at = list(week = c("0" = 0.0, "2" = 2.0)),',
        "  cells = list(",
        '    "arm=TAU, week=0" = list(arm = "TAU", week = "0"),',
        '    "arm=\\"N\\\\\\"ew\\", week=0" = list(arm = "N\\"ew", week = "0"),',
        '    "arm=TAU, week=2" = list(arm = "TAU", week = "2"),',
        '    "arm=\\"N\\\\\\"ew\\", week=2" = list(arm = "N\\"ew", week = "2")),',
        "  contrasts = list(",
        '    "\\"N\\\\\\"ew\\" - TAU | week=0" = '
        'c("arm=\\"N\\\\\\"ew\\", week=0" = 1, "arm=TAU, week=0" = -1),',
        '    "\\"N\\\\\\"ew\\" - TAU | week=2" = '
        'c("arm=\\"N\\\\\\"ew\\", week=2" = 1, "arm=TAU, week=2" = -1),',
        '    "(\\"N\\\\\\"ew\\" - TAU) x (2 - 0)" = '
        'c("arm=\\"N\\\\\\"ew\\", week=2" = 1, "arm=TAU, week=2" = -1, '
        '"arm=\\"N\\\\\\"ew\\", week=0" = -1, "arm=TAU, week=0" = 1)),',
        '  sd = list(by = "given", value = 2.5))',
    ]
    assert asked_in_r(task(Besides(("anova",))).spec) == 'list(parts = c("anova"))'
    assert asked_in_r(task(None).spec) == ""


def test_analyses_of_which_the_same_is_true_share_a_line() -> None:
    other = ModelTask(ModelKey("trend", "ITT", "bdi"), task(ALL).spec)
    answer = estimates(**besides())
    said = definitions([(task(ALL), answer, answer), (other, answer, answer)])
    assert len(said) == 3
    assert all(line.startswith("efficacy, trend: ") for line in said)
    assert said[2].endswith(": 10.0000 in efficacy/ITT/bdi, 10.0000 in trend/ITT/bdi")
