"""Every rule of every suite is broken once: the proof that it would notice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from harness.gate import read_suite

from . import corruption_btheb, corruption_eudaimon3, corruption_mbsr
from .conftest import ROOT, GatedStudy, broken, verdicts
from .corruption import Corruption

TABLES = {
    "btheb": corruption_btheb.CORRUPTIONS,
    "mbsr": corruption_mbsr.CORRUPTIONS,
    "eudaimon3": corruption_eudaimon3.CORRUPTIONS,
}


@pytest.mark.parametrize("name", TABLES)
def test_every_rule_has_a_corruption(name: str) -> None:
    suite = read_suite(ROOT / "expectations" / f"{name}.json")
    assert set(TABLES[name]) == {rule.rule for rule in suite.rules}


@pytest.mark.parametrize("name", TABLES)
def test_the_study_passes_its_own_gate(name: str, request: pytest.FixtureRequest) -> None:
    report = request.getfixturevalue(name).gate()
    assert broken(report) == []
    assert (report.verdict, report.exit_code, report.queries) == ("pass", 0, ())


def changed_columns(before: pd.DataFrame, after: pd.DataFrame) -> set[str] | None:
    """The columns that differ; None if rows or columns came or went."""
    if len(before) != len(after) or list(before) != list(after):
        return None
    return {name for name in before if list(before[name].map(str)) != list(after[name].map(str))}


def rules_reading(study: GatedStudy, columns: set[str], path: Path) -> GatedStudy:
    """The study with the rules that read one of ``columns``; no other rule can change its mind."""
    suite = read_suite(study.suite)
    kept = {rule.rule for rule in suite.rules if columns & set(rule.columns)}
    spec = json.loads(study.suite.read_text(encoding="utf-8"))
    spec["expectations"] = [one for one in spec["expectations"] if one["meta"]["rule"] in kept]
    path.write_text(json.dumps(spec), encoding="utf-8")
    asked = read_suite(path).parameters
    given = {name: value for name, value in study.parameters.items() if name in asked}
    return replace(study, suite=path, parameters=given)


def check(study: GatedStudy, rule: str, corruption: Corruption, tmp_path: Path) -> None:
    frame = corruption.of(study.frame)
    columns = changed_columns(study.frame, frame)
    assert columns != set(), "the corruption changes nothing"
    if columns is not None:
        study = rules_reading(study, columns, tmp_path / "suite.json")
    report = study.gate(frame)
    found = verdicts(report)
    assert found.get(rule) == "fail", f"{rule} did not notice; broken: {broken(report)}"
    assert set(broken(report)) == {rule, *corruption.also}
    by_id = {one.rule: one for one in report.rules}
    critical = any(by_id[name].severity == "critical" for name in broken(report))
    assert report.exit_code == (3 if critical else 0)
    assert any(query.rule == rule for query in report.queries)


@pytest.mark.parametrize("rule", corruption_btheb.CORRUPTIONS)
def test_btheb_rule_notices(rule: str, btheb: GatedStudy, tmp_path: Path) -> None:
    check(btheb, rule, corruption_btheb.CORRUPTIONS[rule], tmp_path)


@pytest.mark.parametrize("rule", corruption_mbsr.CORRUPTIONS)
def test_mbsr_rule_notices(rule: str, mbsr: GatedStudy, tmp_path: Path) -> None:
    check(mbsr, rule, corruption_mbsr.CORRUPTIONS[rule], tmp_path)


@pytest.mark.parametrize("rule", corruption_eudaimon3.CORRUPTIONS)
def test_eudaimon3_rule_notices(rule: str, eudaimon3: GatedStudy, tmp_path: Path) -> None:
    check(eudaimon3, rule, corruption_eudaimon3.CORRUPTIONS[rule], tmp_path)
