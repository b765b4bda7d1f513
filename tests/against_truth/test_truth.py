"""The port against 45-digit arithmetic: how far each number is from the true one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from design import exact_model
from exact import WORKING, Model, profiled
from mpmath import mp, mpf

import harness
from harness.engines.port.engine import PortEngine
from harness.language import parse_formula
from harness.models.design import build_design
from harness.models.spec import ModelSpec

pytestmark = pytest.mark.truth

CASES = {path.stem: path for path in sorted((Path(__file__).parent / "truth").glob("*.json"))}

# Worst seen: criterion 1.4e-12, beta 4e-13 SE, SE 2.6e-12, sigma 1.1e-12, df 8e-12, excess 5e-22
# deviance units; a limit is ten to thirty times that. In `far-apart` the data themselves keep nine
# of sixteen digits of what varies within patients: 4e-8, 1.3e-9, 5e-10, 5e-10, 9e-16, 4e-18.
LIMITS = {
    "criterion": 3e-11,
    "beta": 1e-11,
    "std_error": 3e-11,
    "sigma": 3e-11,
    "df": 1e-10,
    "excess": 1e-20,
}
FAR_APART = {
    "criterion": 5e-7,
    "beta": 2e-8,
    "std_error": 1e-8,
    "sigma": 1e-8,
    "df": 1e-10,
    "excess": 1e-16,
}


def limits(record: dict[str, Any]) -> dict[str, float]:
    return FAR_APART if float(record["truth"]["theta"][0]) > 1e5 else LIMITS


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[dict[str, Any], pd.DataFrame]:
    record = json.loads(CASES[request.param].read_text(encoding="utf-8"))
    frame = pd.DataFrame(record["data"])
    for column, levels in record["levels"].items():
        frame[column] = pd.Categorical(frame[column], categories=levels)
    return record, frame


def numbers(values: list[str]) -> np.ndarray:
    return np.array([float(value) for value in values])


def test_there_are_cases() -> None:
    assert len(CASES) >= 14


def test_every_number_is_the_true_one(case: tuple[dict[str, Any], pd.DataFrame]) -> None:
    record, frame = case
    truth = record["truth"]
    fit = harness.lmer(record["formula"], frame, reml=record["reml"])
    table = fit.table()
    error = numbers(truth["std_error"])
    off = {
        "criterion": abs(fit.criterion - float(truth["criterion"])),
        "beta": np.abs((table.estimate - numbers(truth["beta"])) / error).max(),
        "std_error": np.abs(table.std_error / error - 1).max(),
        "sigma": abs(fit.sigma / float(truth["sigma"]) - 1),
        "df": np.abs(table.df / numbers(truth["df"]) - 1).max(),
    }
    allowed = limits(record)
    wrong = {name: (value, allowed[name]) for name, value in off.items() if value > allowed[name]}
    assert not wrong, f"beyond the limit: {wrong}; all: {off}"


def test_criterion_at_the_true_theta_and_beside_it(
    case: tuple[dict[str, Any], pd.DataFrame],
) -> None:
    """The algebra alone: no optimiser on either side."""
    record, frame = case
    spec = ModelSpec(parse_formula(record["formula"]), reml=record["reml"])
    theta = numbers(record["truth"]["theta"])
    at = PortEngine().criterion_at(spec, frame, theta)
    limit = limits(record)["criterion"]
    assert at == pytest.approx(float(record["truth"]["criterion"]), abs=limit)
    beside = PortEngine().criterion_at(spec, frame, 1.1 * theta)
    with mp.workdps(40):
        exact = profiled(model_of(record, frame), [mpf(float(value)) for value in 1.1 * theta])
        assert beside == pytest.approx(float(exact), abs=limit)


def test_nothing_is_lost_in_deviance(case: tuple[dict[str, Any], pd.DataFrame]) -> None:
    """The exact criterion at the port's theta exceeds the true minimum by less than rounding."""
    record, frame = case
    fit = harness.lmer(record["formula"], frame, reml=record["reml"])
    with mp.workdps(WORKING):
        reached = profiled(model_of(record, frame), [mpf(value) for value in fit.theta.tolist()])
        excess = reached - mpf(record["truth"]["criterion"])
    assert -1e-40 < excess < limits(record)["excess"], f"excess {mp.nstr(excess, 5)}"


def test_truth_is_stationary(case: tuple[dict[str, Any], pd.DataFrame]) -> None:
    """The stored theta is the optimum, and the stored criterion is the exact one there."""
    record, frame = case
    truth = record["truth"]
    with mp.workdps(WORKING):
        theta = [mpf(value) for value in truth["theta"]]
        value = profiled(model_of(record, frame), theta)
        assert abs(value - mpf(truth["criterion"])) < mpf(10) ** -40
        assert all(abs(mpf(slope)) < mpf(10) ** -38 for slope in truth["gradient"])


def model_of(record: dict[str, Any], frame: pd.DataFrame) -> Model:
    spec = ModelSpec(parse_formula(record["formula"]), reml=record["reml"])
    return exact_model(build_design(spec, frame))
