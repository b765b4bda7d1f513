"""``harness run`` on sets of patients: the same rows as a condition on columns gives."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Run, StudyCopy
from .test_run import rows_of

Copy = Callable[[str], StudyCopy]


@pytest.mark.recorded
def test_complete_cases_are_those_the_data_count(harness: Run, study: Copy, tmp_path: Path) -> None:
    """The record of ``n_scores == 5`` answers for the set of patients: the data are the same."""
    btheb = study("btheb")
    btheb.edit(btheb.plan, 'completers: "n_scores == 5"', "completers: {complete: [bdi]}")
    btheb.edit(btheb.plan, "analyses:\n", "flow: {disposition: length}\nanalyses:\n")
    out = tmp_path / "out"
    told = harness("run", btheb.plan, "--out", out, "--reference", "recorded")
    assert told.code == 0, told.out + told.err
    assert {row["verdict"] for row in rows_of(out)} == {"match"}
    assert "set completers: 52 patients, 260 rows (TAU 25 of 48, BtheB 27 of 52)" in told.out
    assert (
        "patients: 100 randomised (TAU 48, BtheB 52); seen at 0: 48 + 52, 2: 45 + 52, 3: 36 + 37"
        in told.out
    )
    line = next(text for text in told.out.split("\n") if text.startswith("across sets:"))
    assert (
        "2 of 5 coefficients and 3 of 10 contrasts lead to another decision in completers" in line
    )
    with (out / "sets.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    flips = [row["term"] for row in rows if row["another_decision"] == "1"]
    assert flips[:2] == ["treatmentBtheB:month2", "treatmentBtheB:month3"]
    diff = {
        (row["analysis"], row["set"], row["term"], row["quantity"]): row["python"]
        for row in reversed(rows_of(out))
    }
    for row in rows:
        key = (row["analysis"], row["set"], row["term"])
        assert row["estimate"] == diff[*key, row["quantity"]]
        assert row["p_value"] == diff[*key, "p_value"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "disposition: &gt;6m" in page
    assert "patients with bdi at every time" in page


@pytest.mark.recorded
def test_a_gate_that_refuses_leaves_no_results_across_sets(
    harness: Run, study: Copy, tmp_path: Path
) -> None:
    btheb = study("btheb")
    out = tmp_path / "out"
    harness("run", btheb.plan, "--out", out, "--reference", "recorded", "--only", "trend")
    assert (out / "sets.csv").exists()
    btheb.edit(btheb.data, "S001,TAU,No,>6m,3,0,0,29", "S001,TAU,No,>6m,3,0,0,129")
    told = harness("run", btheb.plan, "--out", out, "--reference", "recorded")
    assert told.code == 3
    assert not (out / "sets.csv").exists()
    assert "patients:" not in told.out
