"""Whole runs with robust tests, other scales and patients left out: live, recorded, in plain R."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Run, StudyCopy
from .test_run import rows_of

Copy = Callable[[str], StudyCopy]

ASKED = "    robust: {robust}\n    scales: [raw, rank, winsor]\n    leave_one_out: true\n"
LINEAR = f"""\
  - id: visits
    kind: ancova
    formula: "{{outcome}} ~ treatment * bdi_0"
    outcomes: [bdi]
    sets: [second]
{ASKED.format(robust="HC3")}"""
QUANTITIES = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")


def linear(study: Copy) -> StudyCopy:
    """Beat the Blues, its second visit alone, given the first."""
    btheb = study("btheb")
    text = btheb.plan.read_text(encoding="utf-8")
    head, tail = text.split("analyses:\n")
    head += 'derive: {bdi_0: "baseline(bdi)"}\nanalyses:\n'
    head = head.replace("sets:\n", "sets:\n  second: \"month == '2'\"\n")
    btheb.plan.write_text(head + LINEAR + tail[tail.index("reference:") :], encoding="utf-8")
    return btheb


def printed_by_r(out: Path) -> dict[tuple[str, str, str], float]:
    """Model, term and quantity of the numbers that ``reproduce.R`` prints of what is repeated."""
    told = subprocess.run(
        ["Rscript", "reproduce.R"], cwd=out, capture_output=True, text=True, check=True
    )
    found: dict[tuple[str, str, str], float] = {}
    model = ""
    for line in told.stdout.splitlines():
        if line.startswith("== "):
            model = line[3:].strip()
        elif line.startswith(("HC3(", "CR2(")):
            term, *cells = line.rsplit(maxsplit=7)
            found |= {(model, term, q): float(c) for q, c in zip(QUANTITIES, cells, strict=True)}
        elif line.startswith("leave-one-out("):
            term, *cells = line.rsplit(maxsplit=5)
            names = ("estimate", "std_error", "p_value")
            found |= {(model, term, q): float(c) for q, c in zip(names, cells[:3], strict=True)}
    return found


def hold_reproduce_r(out: Path) -> int:
    """Hold what the script a run left prints against the run's reference numbers."""
    wanted = {
        (" / ".join((row["analysis"], row["set"], row["outcome"])), row["term"], row["quantity"]): (
            float(row["r"])
        )
        for row in rows_of(out)
        if row["tier"] == "T2" and re.match(r"HC3\(|CR2\(|leave-one-out\(", row["term"])
    }
    printed = printed_by_r(out)
    assert printed.keys() == wanted.keys()
    for key, number in printed.items():
        assert number == pytest.approx(wanted[key], rel=5e-6, abs=2e-6), key
    return len(wanted)


@pytest.mark.live_r
def test_a_linear_analysis_is_repeated_and_plain_r_gives_it(
    harness: Run, study: Copy, tmp_path: Path
) -> None:
    btheb, out = linear(study), tmp_path / "out"
    assert harness("record", btheb.plan).code == 0
    told = harness("run", btheb.plan, "--out", out, "--reference", "recorded")
    assert told.code == 0, told.out + told.err
    rows = rows_of(out)
    assert {row["verdict"] for row in rows} == {"match"}
    assert [*dict.fromkeys(row["outcome"] for row in rows)] == ["bdi", "rank(bdi)", "winsor(bdi)"]
    assert {row["model"] for row in rows if row["outcome"] == "rank(bdi)"} == {
        "rank.bdi ~ treatment * bdi_0"
    }
    # Four coefficients of seven numbers, one of them at two ends of three, on three scales.
    assert hold_reproduce_r(out) == 3 * (4 * 7 + 2 * 3)
    assert "HC3(coefficient): the test with errors that let every row have a variance" in told.out
    assert "rank(bdi): its ranks over all rows of the set, ties averaged" in told.out
    assert "winsor(bdi): values beyond the 5 % quantiles of their month in the set" in told.out
    assert "leave-one-out(coefficient): smallest and largest estimate" in told.out
    # Another share is another column: what was recorded is not of these data.
    btheb.edit(btheb.plan, "    leave_one_out:", "    winsor: 0.1\n    leave_one_out:")
    told = harness("run", btheb.plan, "--out", out, "--reference", "recorded")
    assert told.code == 4
    assert "the data have changed since" in told.out


@pytest.mark.live_r
@pytest.mark.exhaustive
def test_a_mixed_analysis_is_repeated_and_plain_r_gives_it(
    harness: Run, study: Copy, tmp_path: Path
) -> None:
    btheb, out = study("btheb"), tmp_path / "out"
    asked = ASKED.format(robust="CR2")
    btheb.edit(btheb.plan, "    reml: true\n", f"    reml: true\n{asked}", count=1)
    told = harness("run", btheb.plan, "--out", out, "--reference", "live")
    assert told.code == 0, told.out + told.err
    assert hold_reproduce_r(out) == 2 * 3 * (10 * 7 + 4 * 2 * 3)
    named = next(line for line in told.out.splitlines() if "leave-one-out(coefficient)" in line)
    assert "S088 (treatmentBtheB:month2: p 0.018902" in named
