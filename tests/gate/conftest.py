"""The studies, opened once, and the gate as the tests call it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.data import open_study
from harness.gate import GateReport, run_gate

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class GatedStudy:
    """A study of the repository as the gate sees it."""

    name: str
    frame: pd.DataFrame = field(repr=False)
    key: tuple[str, str]
    parameters: dict[str, Any]
    suite: Path
    codebook: Path

    def gate(self, frame: pd.DataFrame | None = None, **other: Any) -> GateReport:
        """The study's suite on its own data, or on others."""
        given = {"key": self.key, "parameters": self.parameters, **other}
        return run_gate(self.frame if frame is None else frame, self.suite, **given)


def _open(name: str) -> GatedStudy:
    study = open_study(ROOT / "fixtures" / name / "plan.yaml")
    assert study.findings == ()
    plan = study.plan
    return GatedStudy(
        name=name,
        frame=study.frame,
        key=(plan.data.id, plan.data.time.column),
        parameters=dict(plan.gate.parameters),
        suite=ROOT / "expectations" / f"{name}.json",
        codebook=ROOT / "fixtures" / name / "codebook.csv",
    )


@pytest.fixture(scope="session")
def btheb() -> GatedStudy:
    return _open("btheb")


@pytest.fixture(scope="session")
def mbsr() -> GatedStudy:
    return _open("mbsr")


@pytest.fixture(scope="session")
def eudaimon3() -> GatedStudy:
    return _open("eudaimon3")


@pytest.fixture
def small() -> pd.DataFrame:
    """Three patients, two visits, a score and a date; patient c has no score at post."""
    return pd.DataFrame(
        {
            "id": pd.Categorical(list("aabbcc")),
            "arm": pd.Categorical(["T", "T", "M", "M", "M", "M"], categories=["T", "M"]),
            "time": pd.Categorical(["pre", "post"] * 3, categories=["pre", "post"]),
            "score": [1.0, 2.0, 3.0, 4.0, 5.0, None],
            "date": pd.to_datetime(["2021-01-01", "2021-03-01"] * 3),
            "note": pd.Series(["x", "y", None, "z", "=1+1", "-3"], dtype="str"),
        }
    )


SuiteWriter = Callable[..., Path]


@pytest.fixture
def write_suite(tmp_path: Path) -> SuiteWriter:
    """Writes a suite file of the given rules and returns its path."""

    def write(*rules: dict[str, Any], meta: dict[str, Any] | None = None) -> Path:
        path = tmp_path / "suite.json"
        spec = {"name": "test", "meta": meta or {}, "expectations": list(rules)}
        path.write_text(json.dumps(spec), encoding="utf-8")
        return path

    return write


def rule(
    name: str,
    kind: str,
    severity: str = "critical",
    meta: dict[str, Any] | None = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """One rule as a suite file states it."""
    return {
        "type": kind,
        "severity": severity,
        "notes": f"Sentence of {name}.",
        "meta": {"rule": name, **(meta or {})},
        "kwargs": kwargs,
    }


def verdicts(report: GateReport) -> dict[str, str]:
    """Rule id to verdict."""
    return {found.rule: found.verdict for found in report.rules}


def broken(report: GateReport) -> Sequence[str]:
    """Ids of the rules that failed, could not be run or judged nothing."""
    return [found.rule for found in report.with_verdict("fail", "error", "vacuous")]
