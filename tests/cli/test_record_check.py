"""Every record of every study is what R says today, bit by bit or by the policy; else it is red."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from r_examples import SLEEP, sleepstudy, spec

from harness.data.derive import derive
from harness.data.study import open_study
from harness.engines.port.engine import PortEngine
from harness.engines.r import record as record_module
from harness.engines.r.engine import RLiveEngine
from harness.models.expand import tasks
from harness.models.families import families
from harness.models.record import Estimates
from harness.models.spec import ModelKey
from harness.pipeline import selected_tasks
from harness.plan import load_plan
from harness.record_check import disagreements
from harness.sets.analysis_set import analysis_sets

from .conftest import FIXTURES, Run, StudyCopy

Copy = Callable[[str], StudyCopy]
STUDIES = sorted(path.parent.name for path in FIXTURES.glob("*/plan.yaml"))
KEY = ModelKey("a", "b", "Reaction")
VERSIONS = {"R": "4.2.2", "lme4": "1.1-31", "BLAS": "libblas.so.3.11.0"}


def check_records(harness: Run, name: str, only: str | None) -> None:
    plan = FIXTURES / name / "plan.yaml"
    before = {path: path.read_bytes() for path in (plan.parent / "reference").iterdir()}
    part = () if only is None else ("--only", only)
    asked = selected_tasks(open_study(plan), only)
    told = harness("record", plan, "--check", "--jobs", "2", *part)
    assert told.code == 0, told.out + told.err
    assert told.err == ""
    # Families that the part has whole are one record more.
    chosen = {task.key for task in asked}
    whole = [f for f in families(load_plan(plan)) if {m.key for m in f.members} <= chosen]
    records = len(asked) + any(family.adjusts for family in whole)
    assert told.out.startswith(f"{records} recorded references in")
    assert only is not None or records == len(before)
    assert before == {path: path.read_bytes() for path in (plan.parent / "reference").iterdir()}


@pytest.mark.live_r
@pytest.mark.parametrize("name", STUDIES)
def test_every_record_of_every_study_is_what_r_says(harness: Run, name: str) -> None:
    """Of `mbsr`, whose grid has hundreds, those of one outcome and set."""
    check_records(harness, name, "*/PP/fiqr_total" if name == "mbsr" else None)


@pytest.mark.live_r
@pytest.mark.exhaustive
def test_every_record_of_the_grid_is_what_r_says(harness: Run) -> None:
    check_records(harness, "mbsr", None)


def test_records_are_written_of_the_whole_plan_only(harness: Run) -> None:
    told = harness("record", FIXTURES / "btheb" / "plan.yaml", "--only", "visits")
    assert told.code == 2
    assert "--only goes with --check" in told.err


@pytest.mark.live_r
def test_what_differs_is_missing_or_is_too_many_is_said(harness: Run, study: Copy) -> None:
    copy = study("btheb")
    folder = copy.folder / "reference"

    def edit(name: str, change: Callable[[dict[str, Any]], None], *, reseal: bool = True) -> None:
        path = folder / name
        raw = json.loads(path.read_text(encoding="utf-8"))
        change(raw)
        if reseal:
            raw["sha256"] = record_module._seal(raw)
        path.write_text(json.dumps(raw), encoding="utf-8")

    def next_df(raw: dict[str, Any]) -> None:
        row = raw["answer"]["fixed"][1]
        row["df"] = math.nextafter(row["df"], 0)

    edit("visits.ITT.bdi.json", next_df)
    shutil.copy(folder / "visits.ITT.bdi.json", folder / "visits.ITT.old.json")
    told = harness("record", copy.plan, "--check")
    assert told.code == 1, told.out + told.err
    assert told.out.startswith("3 recorded references in")
    assert "harness: visits.ITT.bdi: fixed[1].df: recorded " in told.err
    assert "harness: visits.ITT.old.json: no model of the plan has this record" in told.err
    assert told.err.count("\n") == 2

    (folder / "visits.ITT.bdi.json").unlink()
    (folder / "visits.ITT.old.json").unlink()
    edit("trend.ITT.bdi.json", lambda raw: raw["answer"].update(n_obs=1), reseal=False)
    edit("trend.completers.bdi.json", lambda raw: raw["answer"]["fit"].update(criterion=1.0))
    edit("visits.completers.bdi.json", lambda raw: raw["data"].update(columns_sha256="0" * 64))
    told = harness("record", copy.plan, "--check")
    assert told.code == 4
    for line in (
        "visits.ITT.bdi: no recorded reference",
        "visits.completers.bdi: recorded reference",
        "the data have changed since",
        "it was altered after it was written",
        "at its estimates these data give",
    ):
        assert line in told.err
    assert told.err.count("\n") == 4


@pytest.mark.live_r
def test_r_is_asked_at_the_thetas_of_the_record(
    harness: Run, study: Copy, lme4: RLiveEngine
) -> None:
    """Another machine's Python may end in other bits; the record is still what R says."""
    copy = study("btheb")
    opened = open_study(copy.plan)
    frame = derive(opened)
    sets = analysis_sets(opened.plan, frame)
    task = tasks(opened.plan)[0]
    rows = frame.loc[sets[task.key.set].mask]
    theta = [1.0001 * value for value in PortEngine().fit(task.spec, rows).theta]
    there = lme4.fit(task.spec, rows, [theta])
    path = copy.folder / "reference" / f"{task.key.slug}.json"
    before = path.read_bytes()
    record_module.write_record(
        path.parent, task.key, task.spec, rows, there, data_sha256=opened.data_sha256
    )
    assert path.read_bytes() != before
    told = harness("record", copy.plan, "--check")
    assert told.code == 0, told.out + told.err
    run = harness("run", copy.plan, "--reference", "recorded", "--out", copy.folder / "out")
    assert run.code == 0, run.out + run.err
    table = (copy.folder / "out" / "diff.csv").read_text(encoding="utf-8")
    assert table.count("both criteria at the theta python had when r was asked") == 1


@pytest.fixture(scope="module")
def answer() -> Estimates:
    return replace(PortEngine().fit(spec(SLEEP), sleepstudy()), versions=VERSIONS)


def moved(answer: Estimates, by_se: float) -> Estimates:
    """The same answer with one coefficient moved by a share of its standard error."""
    first, *rest = answer.fixed
    estimate = first.estimate + by_se * first.std_error
    return replace(answer, fixed=(replace(first, estimate=estimate), *rest))


def newer(answer: Estimates) -> Estimates:
    return replace(answer, versions={**VERSIONS, "BLAS": "libopenblas.so.0"})


def test_of_the_same_versions_every_bit_counts(answer: Estimates) -> None:
    replayed = replace(answer, versions={**VERSIONS, "recorded": "2026-01-01"})
    assert disagreements(KEY, replayed, answer, None) == ()
    (line,) = disagreements(KEY, replayed, moved(answer, 1e-14), None)
    assert line.startswith("fixed[0].estimate: recorded 251.405")
    warned = replace(answer, messages=("careful",))
    assert len(disagreements(KEY, replayed, warned, None)) == 1


def test_of_another_blas_the_limits_count(answer: Estimates) -> None:
    assert disagreements(KEY, answer, newer(moved(answer, 1e-7)), None) == ()
    lines = disagreements(KEY, answer, newer(moved(answer, 1e-5)), None)
    assert any(line.startswith("estimate of (Intercept): differs") for line in lines)
    other = replace(newer(answer), n_obs=179)
    assert disagreements(KEY, answer, other, None)
    fewer = replace(newer(answer), fixed=answer.fixed[:1])
    assert disagreements(KEY, answer, fewer, None)
