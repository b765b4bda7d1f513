"""``harness run`` with R at hand, R killed, and R gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from worker_processes import kill_in_flight

from harness.engines.r.engine import RLiveEngine
from harness.models.record import Estimates
from harness.models.spec import ModelSpec

from .conftest import FIXTURES, ROOT, Run, StudyCopy
from .test_run import rows_of

Copy = Callable[[str], StudyCopy]
STUDIES = [
    ("btheb", ()),
    ("mbsr", ("--only", "[em][fo]*/PP/pips_total")),
    ("eudaimon3", ()),
    pytest.param("mbsr", (), marks=pytest.mark.exhaustive, id="mbsr-whole"),
]
"""Studies, and the part of them: `mbsr` has 409 models; here efficacy and moderation."""


@pytest.mark.live_r
@pytest.mark.parametrize(("name", "part"), STUDIES)
def test_every_number_matches_live_r(
    harness: Run, tmp_path: Path, name: str, part: tuple[str, ...]
) -> None:
    plan = FIXTURES / name / "plan.yaml"
    live = harness("run", plan, "--out", tmp_path / "live", "--reference", "live", *part)
    assert live.code == 0, live.out + live.err
    assert "reference: live R" in live.out
    assert {row["verdict"] for row in rows_of(tmp_path / "live")} == {"match"}


@pytest.mark.recorded
def test_without_r_the_table_is_the_same_and_says_so(tmp_path: Path) -> None:
    """A machine without R: nothing of it on the PATH, no R_HOME."""
    bare = {name: value for name, value in os.environ.items() if name != "R_HOME"}
    bare["PATH"] = str(tmp_path / "nothing")
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "harness",
            "run",
            "fixtures/btheb/plan.yaml",
            "--out",
            tmp_path / "out",
        ],
        capture_output=True,
        text=True,
        env=bare,
        cwd=ROOT,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert (
        "recorded references in fixtures/btheb/reference, because R is not installed" in told.stdout
    )
    assert {row["verdict"] for row in rows_of(tmp_path / "out")} == {"match"}


@pytest.mark.recorded
def test_live_without_r_is_exit_4_and_tells_what_to_install(
    harness: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("R_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    told = harness(
        "run", FIXTURES / "btheb" / "plan.yaml", "--out", tmp_path / "out", "--reference", "live"
    )
    assert told.code == 4
    assert "apt-get install" in told.err
    assert told.err.count("\n") == 1


class Dying(RLiveEngine):
    """Fits in R, and has R's process killed while it fits the first model of ``bdi_doubled``."""

    deaths = 0

    def fit(
        self, spec: ModelSpec, frame: pd.DataFrame, also_at: Sequence[Sequence[float]] = ()
    ) -> Estimates:
        if "doubled" in spec.formula.text and Dying.deaths:
            kill_in_flight(self, Dying.deaths)
            Dying.deaths = 0
        return super().fit(spec, frame, also_at)


@pytest.fixture
def doubled(study: Copy, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plan with a second outcome, fitted by an R that may die of it."""
    copy = study("btheb")
    copy.edit(copy.plan, "sets:\n", 'derive:\n  bdi_doubled: "2 * bdi"\nsets:\n')
    copy.edit(copy.plan, "outcomes: [bdi]", "outcomes: [bdi, bdi_doubled]")
    monkeypatch.setattr("harness.engines.reference.RLiveEngine", Dying)
    return copy.plan


@pytest.mark.live_r
def test_r_killed_twice_by_a_fit_costs_that_model_only(
    harness: Run, doubled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dying, "deaths", 2)
    out = tmp_path / "out"
    told = harness("run", doubled, "--out", out, "--reference", "live")
    assert told.code == 4, told.out + told.err
    assert "R was killed by SIGKILL, and did so again" in told.err
    lost = [row for row in rows_of(out) if row["verdict"] == "python only"]
    assert {(row["analysis"], row["set"], row["outcome"]) for row in lost} == {
        ("visits", "ITT", "bdi_doubled")
    }
    assert all("SIGKILL" in row["note"] for row in lost)
    others = [row for row in rows_of(out) if row not in lost]
    assert {row["verdict"] for row in others} == {"match"}
    assert ("visits", "completers", "bdi_doubled") in {
        (row["analysis"], row["set"], row["outcome"]) for row in others
    }


@pytest.mark.live_r
def test_r_killed_once_by_a_fit_costs_nothing_and_is_said(
    harness: Run, doubled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    calm = harness("run", doubled, "--out", tmp_path / "calm", "--reference", "live")
    assert "second attempt" not in calm.out + calm.err
    monkeypatch.setattr(Dying, "deaths", 1)
    told = harness("run", doubled, "--out", out, "--reference", "live")
    assert told.code == 0, told.out + told.err
    assert (out / "diff.csv").read_bytes() == (tmp_path / "calm" / "diff.csv").read_bytes()
    assert "(1 of 6 at the second attempt)" in told.out
    assert "second attempt: visits.ITT.bdi_doubled: R was killed by SIGKILL" in told.err
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["reference_answers"]["models"] == 6
    (retried,) = manifest["reference_answers"]["retried"]
    assert "R was killed by SIGKILL" in retried
    (noted,) = [
        answer
        for answer in json.loads((out / "estimates.json").read_text(encoding="utf-8"))["models"]
        if any("second attempt" in message for message in answer["answer"]["messages"])
    ]
    assert noted["outcome"] == "bdi_doubled"


@pytest.mark.live_r
def test_several_r_processes_give_the_same_table(harness: Run, tmp_path: Path) -> None:
    plan = FIXTURES / "btheb" / "plan.yaml"
    for jobs in ("1", "2"):
        told = harness("run", plan, "--out", tmp_path / jobs, "--reference", "live", "--jobs", jobs)
        assert told.code == 0
    assert (tmp_path / "1" / "diff.csv").read_bytes() == (tmp_path / "2" / "diff.csv").read_bytes()


def hold_reproduce_r(out: Path) -> None:
    """Run the script a run left and hold what it prints against the run's reference numbers."""
    told = subprocess.run(
        ["Rscript", "reproduce.R"], cwd=out, capture_output=True, text=True, check=True
    )
    printed: dict[tuple[str, str], list[float]] = {}
    model = ""
    for line in told.stdout.splitlines():
        cells = line.split()
        if line.startswith("== "):
            model = line[3:].strip()
        elif len(cells) == 6 and "Residual" not in line:
            try:
                printed[model, cells[0]] = [float(cell) for cell in cells[1:]]
            except ValueError:
                continue  # a heading of six words
    quantities = ("estimate", "std_error", "df", "statistic", "p_value")
    wanted: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows_of(out):
        if row["quantity"] in quantities and row["tier"] == "T2":
            parts = (row["analysis"], row["set"], row["outcome"], row["moderator"])
            place = " / ".join(filter(None, parts))
            wanted.setdefault((place, row["term"]), {})[row["quantity"]] = float(row["r"])
    # Means, contrasts and tests of terms are held in test_run_besides.py.
    wanted = {key: numbers for key, numbers in wanted.items() if "estimate" in numbers}
    assert printed.keys() == wanted.keys()
    for key, numbers in printed.items():
        reference = [wanted[key][quantity] for quantity in quantities]
        np.testing.assert_allclose(
            numbers[:2], reference[:2], rtol=2e-6, atol=1e-6, err_msg=str(key)
        )
        np.testing.assert_allclose(numbers[2:], reference[2:], rtol=2e-4, err_msg=str(key))


@pytest.mark.live_r
@pytest.mark.parametrize(("name", "part"), STUDIES)
def test_reproduce_r_gives_the_reference_numbers_without_python(
    harness: Run, tmp_path: Path, name: str, part: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    harness("run", FIXTURES / name / "plan.yaml", "--out", out, "--reference", "recorded", *part)
    hold_reproduce_r(out)


@pytest.mark.live_r
@pytest.mark.parametrize(("df", "limit"), [("kenward-roger", 1e-5), ("residual", 0.0), ("z", 0.0)])
def test_every_number_matches_by_other_df(
    harness: Run, study: Copy, tmp_path: Path, df: str, limit: float
) -> None:
    btheb = study("btheb")
    btheb.edit(btheb.plan, "df: satterthwaite", f"df: {df}", count=2)
    out = tmp_path / "out"
    told = harness("run", btheb.plan, "--out", out, "--reference", "live")
    assert told.code == 0, told.out + told.err
    rows = rows_of(out)
    assert {row["verdict"] for row in rows} == {"match"}
    dfs = [row for row in rows if row["quantity"] == "df" and row["tier"] == "T2"]
    assert {float(row["limit"]) for row in dfs} == {limit}
    assert {row["df_method"] for row in rows if row["quantity"] == "df"} == {df}
    hold_reproduce_r(out)


@pytest.mark.live_r
def test_every_number_matches_with_weights_offset_and_contrasts(
    harness: Run, study: Copy, tmp_path: Path
) -> None:
    btheb = study("btheb")
    btheb.edit(btheb.plan, "analyses:\n", 'derive: {precision: "1 / (1 + months)"}\nanalyses:\n')
    more = (
        "    weights: precision\n    offset: months\n    contrasts: {treatment: sum, month: poly}\n"
    )
    with_time = more.replace(", month: poly", "")
    formula = '    formula: "{outcome} ~ treatment * '
    btheb.edit(btheb.plan, f"{formula}month + ", f"{more}{formula}month + ")
    btheb.edit(btheb.plan, f"{formula}months + ", f"{with_time}{formula}months + ")
    out = tmp_path / "out"
    told = harness("run", btheb.plan, "--out", out, "--reference", "live")
    assert told.code == 0, told.out + told.err
    rows = rows_of(out)
    assert {row["verdict"] for row in rows} == {"match"}
    terms = {row["term"] for row in rows}
    assert {"treatment1", "month.L", "month^4", "treatment1:month.Q", "treatment1:months"} <= terms
    script = (out / "reproduce.R").read_text(encoding="utf-8")
    assert "weights = precision, offset = months" in script
    hold_reproduce_r(out)
