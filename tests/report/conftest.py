from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from estimates_by_hand import KEY, at_boundary, estimates, pair, with_value

from harness.compare import CrossCheck, DiffTable, compare_model, join
from harness.estimates import KeyedAnswer
from harness.gate.verdict import GateReport, RuleResult
from harness.models.record import NotComputed, RandomEffect
from harness.models.spec import ModelKey
from harness.report.content import RunRecord, SetFlow
from harness.report.manifest import Environment, Manifest

AGREED = CrossCheck(python_at_r=1234.5)


def mixed_table() -> DiffTable:
    """One model that matches, one that flips, one on the boundary, one R did not answer."""
    python, r = pair()
    return join(
        [
            compare_model(KEY, python, r, AGREED),
            compare_model(
                ModelKey("efficacy", "PP", "bdi"),
                with_value(python, "treatmentBtheB", "p_value", 0.06),
                r,
                AGREED,
            ),
            compare_model(
                ModelKey("efficacy", "ITT", "pain"), at_boundary(), at_boundary("lme4"), AGREED
            ),
            compare_model(
                ModelKey("mod", "PP", "pain", "il6"),
                python,
                NotComputed("lme4", "R crashed (signal 11)"),
                None,
            ),
        ]
    )


def _hostile_table(label: str) -> DiffTable:
    """Every place a stranger's text can reach, filled with ``label``."""
    python, r = pair()
    fixed = (replace(python.fixed[0], term=label), *python.fixed[1:])
    random = (RandomEffect(f"sd({label}:{label})", 1.0), *python.random)
    groups = {label: 3}
    python = replace(python, formula=label, fixed=fixed, random=random, groups=groups, problem=None)
    r = with_value(replace(python, engine="lme4", problem=None), label, "estimate", 99.0)
    key = ModelKey(label, label, label, label)
    return join(
        [
            compare_model(key, python, r, None),
            compare_model(ModelKey(label, "2", label), python, NotComputed(label, label), None),
            compare_model(ModelKey(label, "3", label), python, replace(r, groups={"a": 3}), None),
        ]
    )


GATE = GateReport(
    suite="btheb",
    suite_sha256="ab",
    data_sha256="cd",
    key=("subject", "month"),
    n_rows=6,
    parameters={},
    versions={},
    rules=(
        RuleResult("KEY-01", "unique", ("subject",), "one row a visit", "critical", "pass", 6, 0),
        RuleResult("BDI-02", "range", ("bdi",), "0 to 63", "warning", "fail", 6, 1, "1 of 6"),
    ),
    queries=(),
)

MANIFEST = Manifest(
    study="btheb",
    command="harness run plan.yaml",
    sha256={"data": "cd", "plan": "ef"},
    r_scripts={"fit_lmer.R": "01"},
    environment=Environment("3.11", {"numpy": "2.4"}, "openblas 0.3", {}, "C", "Linux"),
    r={"R": "4.2.2", "lme4": "1.1-31"},
    reference="live",
    started="2026-01-02T03:04:05Z",
    gate="pass",
    exit_code=0,
)


@pytest.fixture
def record() -> Callable[..., RunRecord]:
    def make(**changes: Any) -> RunRecord:
        table = changes.pop("diff", None) or mixed_table()
        given: dict[str, Any] = {
            "study": "btheb",
            "title": "Beat the Blues",
            "synthetic": False,
            "diff": table,
            "gate": GATE,
            "sets": (SetFlow("ITT", "true", 6, 3), SetFlow("PP", "sessions >= 6", 4, 2, 1)),
            "answers": (KeyedAnswer(KEY, estimates()),),
            "reference": "live: R 4.2.2, lme4 1.1-31",
            "manifest": MANIFEST,
            "exit_code": table.exit_code,
            "command": "harness run plan.yaml",
        }
        return RunRecord(**{**given, **changes})

    return make


@pytest.fixture
def hostile_table() -> Callable[[str], DiffTable]:
    return _hostile_table
