"""What a report says of changes within arms, sizes of observed values and responders."""

from __future__ import annotations

from dataclasses import replace

from estimates_by_hand import estimates

from harness.language import parse_formula
from harness.models.besides import OBSERVED, Besides, DesignColumn
from harness.models.observed import Observed, ResponderRule
from harness.models.spec import ModelKey, ModelSpec, ModelTask
from harness.report.definitions import definitions
from harness.report.reproduce_besides import asked_in_r
from harness.report.reproduce_observed import observed_in_r

ARM = DesignColumn("arm", ("TAU", 'N"ew', "ACT"))
TIME = DesignColumn("week", ("0", "2"))
RULE = ResponderRule(30.0, "higher", "exclude", "wald")
ALL = Besides(
    ("contrasts", "changes", *OBSERVED),
    *(ARM, TIME),
    compare=(("ACT", 'N"ew'),),
    observed=Observed("id", ARM, TIME, "bdi", RULE),
)


def task(besides: Besides) -> ModelTask:
    formula = parse_formula("bdi ~ arm * week + (1 | id)")
    return ModelTask(ModelKey("efficacy", "ITT", "bdi"), ModelSpec(formula, besides=besides))


def said(besides: Besides) -> str:
    return "\n".join(definitions([(task(besides), estimates(), estimates("lme4"))]))


def test_every_formula_and_rule_is_said() -> None:
    text = said(ALL)
    for part in (
        'planned contrasts between arms: ACT - N"ew',
        "an arm's own change is no evidence of an effect",
        "SD at 0 within the two arms, pooled by n - 1, c = 1 - 3 / (4 df - 1)",
        "smd_se^2 = c^2 df / (df - 2) (2 (1 - rho) (1 / n_first + 1 / n_second) + d^2) - d^2",
        "J = gamma(df / 2) / (sqrt(df / 2) gamma((df - 1) / 2))",
        "bdi higher by at least 30 % of the patient's own value at 0",
        "(not_positive) are left out",
        "limits Wald's; nnt = 1 / risk_difference, negative for harm",
        "from nnt_low through infinity to nnt_high (Altman 1998)",
    ):
        assert part in text, part
    usual = replace(ALL, compare=(), observed=Observed("id", ARM, TIME, "y", ResponderRule()))
    assert "planned" not in said(usual)
    assert "count as non-responders: patients are all of the arm in the set" in said(usual)
    assert "limits Newcombe's hybrid score (1998, method 10)" in said(usual)
    assert "responders" not in said(replace(ALL, parts=("contrasts",), observed=None))


def test_what_is_asked_is_spelt_for_r() -> None:
    assert observed_in_r(task(ALL).spec).split("\n") == [
        'list(patient = "id",',
        '  outcome = "bdi",',
        '  arm = list(column = "arm", levels = c("TAU", "N\\"ew", "ACT")),',
        '  time = list(column = "week", levels = c("0", "2"), numbers = c(0.0, 2.0)),',
        "  d_ppc2 = list(",
        '    "d_ppc2((ACT - \\"N\\\\\\"ew\\") x (2 - 0))" = c(2, 3, 2)),',
        "  hedges_g = list(",
        '    "hedges_g(ACT - \\"N\\\\\\"ew\\" | week=2)" = c(2, 3, 2)),',
        "  responders = list(",
        '    "responders(arm=\\"N\\\\\\"ew\\" | week=2)" = c(2, 2),',
        '    "responders(arm=ACT | week=2)" = c(2, 3)),',
        "  risk_differences = list(",
        '    "responders(ACT - \\"N\\\\\\"ew\\" | week=2)" = c(2, 3, 2)),',
        "  percent = 30.0,",
        '  direction = "higher",',
        '  missing = "exclude",',
        '  interval = "wald")',
    ]
    assert observed_in_r(task(replace(ALL, observed=None)).spec) == ""
    assert 'within = c("2 - 0 | arm=\\"N\\\\\\"ew\\"", "2 - 0 | arm=ACT")' in asked_in_r(
        task(ALL).spec
    )
