"""Whole runs in which the reference answered something else: detected, and named as the cause."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from tampering import (
    Tamper,
    by_ml,
    opened,
    releveled,
    sum_coded,
    with_z,
    without_patient,
)

import harness
from harness.compare import Verdict
from harness.engines.port.engine import PortEngine
from harness.engines.port.given import fit_at
from harness.models.design import build_design
from harness.models.record import Estimates
from harness.models.spec import ModelSpec
from harness.pipeline import RunResult

if TYPE_CHECKING:
    from harness.engines.protocol import Engine
    from harness.engines.r.engine import RLiveEngine

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"

CASES: dict[str, list[tuple[Tamper, str]]] = {
    "btheb": [
        (by_ml, "r fitted by ML, not REML"),
        (with_z, "r took normal instead of t distributions (z tests)"),
        (releveled("treatment"), "r took `BtheB` for the reference level of `treatment`"),
        (sum_coded("treatment"), "r coded `treatment` by sum contrasts"),
        (without_patient("subject", 7), "r left out the * rows with subject *"),
    ],
    "mbsr": [
        (by_ml, "r fitted by ML, not REML"),
        (with_z, "r took normal instead of t distributions (z tests)"),
        (releveled("arm"), "r took `MBSR` for the reference level of `arm`"),
        (sum_coded("arm"), "r coded `arm` by sum contrasts"),
        (without_patient("id", 31), "r left out the * rows with id *"),
    ],
}
NAMES = ["ml", "z", "reference-level", "contrast-coding", "patient-dropped"]
TAMPERED = [
    pytest.param(study, tamper, said, id=f"{study}-{name}")
    for study, cases in CASES.items()
    for name, (tamper, said) in zip(NAMES, cases, strict=True)
]


def run(study: str, engine: Engine, tamper: Tamper, monkeypatch: pytest.MonkeyPatch) -> RunResult:
    monkeypatch.setattr("harness.pipeline.open_references", opened(engine, tamper))
    # Of 409 models those of who moderates one outcome; their family is not whole, nothing adjusts.
    only = "moderation/ITT/fiqr_total" if study == "mbsr" else None
    return harness.run(FIXTURES / study / "plan.yaml", only=only)


def causes_by_model(result: RunResult) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in result.table.rows:
        if row.red:
            found.setdefault(row.place, set()).add(row.cause)
    return found


def fits(cause: str, pattern: str) -> bool:
    from fnmatch import fnmatchcase

    return fnmatchcase(cause, pattern)


def check_every_model(result: RunResult, said: str) -> None:
    found = causes_by_model(result)
    assert result.exit_code == 1
    assert set(found) == {fitted.task.key.place for fitted in result.fits}
    for place, causes in found.items():
        assert len(causes) == 1, f"{place}: {causes}"
        assert all(fits(cause, said) for cause in causes), f"{place}: {causes}"


@pytest.mark.parametrize(("study", "tamper", "said"), TAMPERED)
def test_every_model_names_it(
    study: str, tamper: Tamper, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_every_model(run(study, PortEngine(), tamper, monkeypatch), said)


@pytest.mark.live_r
@pytest.mark.parametrize(("study", "tamper", "said"), TAMPERED[:5])
def test_every_model_names_it_when_r_did_it(
    study: str, tamper: Tamper, said: str, monkeypatch: pytest.MonkeyPatch, lme4: RLiveEngine
) -> None:
    check_every_model(run(study, lme4, tamper, monkeypatch), said)


def test_the_dropped_patient_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("btheb", PortEngine(), without_patient("subject", 7), monkeypatch)
    frame = pd.read_csv(FIXTURES / "btheb" / "btheb.csv")
    eighth = frame.dropna(subset=["bdi"])["subject"].drop_duplicates().iloc[7]
    first = next(row for row in result.table.rows if row.red)
    assert first.verdict is Verdict.DIFFERENT_MODEL
    assert first.cause.endswith(f"rows with subject {eighth}")


def test_a_reference_stopped_short_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lme4's default does on a flat criterion: an end that is not the lowest."""

    class Short:
        name = "lme4"

        def fit(self, spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
            design = build_design(spec, frame)
            theta = PortEngine().fit(spec, frame).theta
            short = fit_at(design, [1.01 * value for value in theta])
            return replace(short.estimates(spec.df_method), converged=True)

    result = run("btheb", Short(), lambda spec, frame: (spec, frame), monkeypatch)
    reds = [row for row in result.table.rows if row.red]
    assert reds
    for row in reds:
        assert row.cause.startswith("r stopped "), row.cause
        assert row.cause.endswith("above the lowest criterion; its numbers follow from there")
    (note,) = {
        row.note for row in reds if row.quantity == "criterion" and "visits/ITT" in row.place
    }
    assert "python's components have the lower criterion, by" in note
