"""``harness power``: what the models of a plan could find."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from harness.data.derive import derive
from harness.data.study import open_study
from harness.engines.port.fit import fit_design
from harness.engines.port.power.api import power
from harness.models.design import build_design
from harness.models.expand import tasks
from harness.planned_power import foremost
from harness.sets.analysis_set import analysis_sets

from .conftest import FIXTURES, Run, StudyCopy

PLAN = FIXTURES / "mbsr" / "plan.yaml"
ONE = ("--only", "efficacy/ITT/fiqr_total", "--sims", "200")


def test_a_line_a_coefficient(harness: Run) -> None:
    told = harness("power", PLAN, "--only", "efficacy/ITT/fiqr_*", "--sims", "100", "--effect", "9")
    assert told.code == 0, told.err
    assert told.out.count("armMBSR:timepost") == 4
    assert "SYNTHETIC" in told.out
    assert "found with power 0.8" in told.out
    assert "power at 9" in told.out
    assert "100 simulated trials a model (seed 1)" in told.out


def test_the_numbers_are_those_of_the_model(harness: Run) -> None:
    told = harness("power", PLAN, *ONE, "--effect", "8", "--seed", "3", "--json")
    document = json.loads(told.out)
    (term,) = document["terms"]
    study = open_study(PLAN)
    frame = derive(study)
    task = next(t for t in tasks(study.plan) if t.key.place == "efficacy/ITT/fiqr_total")
    rows = frame.loc[analysis_sets(study.plan, frame)["ITT"].mask]
    design = build_design(task.spec, rows)
    right = power(fit_design(design), "armMBSR:timepost", n_sim=200, seed=3)
    assert term["term"] == "armMBSR:timepost"
    assert term["detectable"]["effect"] == right.detectable(0.8).effect
    assert term["at"]["power"] == right.at(8.0).power
    assert term["outcome_sd"] == pytest.approx(rows["fiqr_total"].std(), rel=1e-12)
    assert document["synthetic"] is True
    assert document["data_sha256"] == study.data_sha256
    assert foremost(design) == ("armMBSR:timepost",)


def test_another_term_power_and_level(harness: Run) -> None:
    given = ("--term", "timepost", "--power", "0.9", "--alpha", "0.01", "--json")
    (term,) = json.loads(harness("power", PLAN, *ONE, *given).out)["terms"]
    (usual,) = json.loads(harness("power", PLAN, *ONE, "--term", "timepost", "--json").out)["terms"]
    assert term["term"] == "timepost"
    assert term["detectable"]["power"] == 0.9
    assert term["detectable"]["effect"] > usual["detectable"]["effect"]
    assert term["at"] is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--term", "armCBT"), "efficacy/ITT/fiqr_total: no coefficient `armCBT`"),
        (("--power", "1.5"), "power must lie between alpha = 0.05 and 1"),
        (("--alpha", "0"), "alpha must lie between 0 and 1"),
        (("--sims", "0"), "--sims"),
        (("--only", "nothing"), "no model has such a name"),
    ],
)
def test_what_cannot_be_asked_is_one_line(harness: Run, given: tuple[str, ...], words: str) -> None:
    told = harness("power", PLAN, *ONE, *given)
    assert told.code == 2
    assert words in told.err
    assert told.err.count("\n") == 1


def test_data_the_gate_refuses_are_not_simulated(
    harness: Run, study: Callable[[str], StudyCopy]
) -> None:
    copy = study("btheb")
    copy.edit(copy.data, "29", "290")
    told = harness("power", copy.plan, "--sims", "10")
    assert told.code == 3
    assert told.out == ""
    assert "nothing was simulated" in told.err
