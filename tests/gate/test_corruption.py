"""Every rule of every suite is broken once: the proof that it would notice."""

from __future__ import annotations

import pytest

from harness.gate import read_suite

from . import corruption_btheb, corruption_mbsr
from .conftest import ROOT, GatedStudy, broken, verdicts
from .corruption import Corruption

TABLES = {"btheb": corruption_btheb.CORRUPTIONS, "mbsr": corruption_mbsr.CORRUPTIONS}


@pytest.mark.parametrize("name", TABLES)
def test_every_rule_has_a_corruption(name: str) -> None:
    suite = read_suite(ROOT / "expectations" / f"{name}.json")
    assert set(TABLES[name]) == {rule.rule for rule in suite.rules}


@pytest.mark.parametrize("name", TABLES)
def test_the_study_passes_its_own_gate(name: str, request: pytest.FixtureRequest) -> None:
    report = request.getfixturevalue(name).gate()
    assert broken(report) == []
    assert (report.verdict, report.exit_code, report.queries) == ("pass", 0, ())


def check(study: GatedStudy, rule: str, corruption: Corruption) -> None:
    report = study.gate(corruption.of(study.frame))
    found = verdicts(report)
    assert found[rule] == "fail", f"{rule} did not notice; broken: {broken(report)}"
    assert set(broken(report)) == {rule, *corruption.also}
    by_id = {one.rule: one for one in report.rules}
    critical = any(by_id[name].severity == "critical" for name in broken(report))
    assert report.exit_code == (3 if critical else 0)
    assert any(query.rule == rule for query in report.queries)


@pytest.mark.parametrize("rule", corruption_btheb.CORRUPTIONS)
def test_btheb_rule_notices(rule: str, btheb: GatedStudy) -> None:
    check(btheb, rule, corruption_btheb.CORRUPTIONS[rule])


@pytest.mark.parametrize("rule", corruption_mbsr.CORRUPTIONS)
def test_mbsr_rule_notices(rule: str, mbsr: GatedStudy) -> None:
    check(mbsr, rule, corruption_mbsr.CORRUPTIONS[rule])
