"""Whole runs with changes within arms, sizes of observed values and responders, and plain R's."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Run, StudyCopy
from .test_run import rows_of

Copy = Callable[[str], StudyCopy]

ANALYSES = """\
analyses:
  - id: visits
    kind: lmm
    formula: "{outcome} ~ treatment * month + (1 | subject)"
    outcomes: [bdi]
    sets: [ITT]
    report: [REPORT]
    arms: [[TAU, BtheB]]
"""
EVERYTHING = "[contrasts, changes, effect_size, d_ppc2, hedges_g, responders]"
NUMBERS = {
    "contrasts": (
        *("contrast", "std_error", "df", "statistic"),
        *("p_value", "conf_low", "conf_high"),
    ),
    "effect sizes": ("d", "d_low", "d_high"),
    "d_ppc2": ("smd", "smd_se", "smd_low", "smd_high", "rho", "n_first", "n_second"),
    "hedges_g": ("smd", "smd_low", "smd_high", "n_first", "n_second"),
    "responders": ("responders", "patients", "incomplete", "not_positive"),
    "risk differences": (
        *("risk_difference", "rd_low", "rd_high"),
        *("nnt", "nnt_low", "nnt_high", "fisher_p"),
    ),
}


def asked(btheb: StudyCopy, report: str) -> None:
    """The study with this one analysis."""
    text = btheb.plan.read_text(encoding="utf-8")
    start, end = text.index("analyses:\n"), text.index("reference:")
    analyses = ANALYSES.replace("[REPORT]", report)
    btheb.plan.write_text(text[:start] + analyses + text[end:], encoding="utf-8")


def printed_by_r(out: Path) -> dict[tuple[str, str], float]:
    """Term and quantity of every number besides the fit that ``reproduce.R`` prints."""
    told = subprocess.run(
        ["Rscript", "reproduce.R"], cwd=out, capture_output=True, text=True, check=True
    )
    found: dict[tuple[str, str], float] = {}
    section = ""
    for line in told.stdout.splitlines():
        if line.startswith("-- "):
            section = next(name for name in NUMBERS if line[3:].startswith(name))
        elif section and line.strip():
            term, *cells = line.strip().rsplit(maxsplit=len(NUMBERS[section]))
            if len(cells) == len(NUMBERS[section]) and cells[0] != NUMBERS[section][0]:
                named = zip(NUMBERS[section], cells, strict=True)
                found |= {(term, quantity): float(cell) for quantity, cell in named}
    return found


@pytest.mark.live_r
@pytest.mark.parametrize(
    ("interval", "missing"),
    [
        ("newcombe", "nonresponder"),
        pytest.param("wald", "exclude", marks=pytest.mark.exhaustive),
    ],
)
def test_every_number_matches_and_plain_r_gives_it(
    harness: Run, study: Copy, tmp_path: Path, interval: str, missing: str
) -> None:
    btheb = study("btheb")
    rule = f"responder: {{percent: 25, interval: {interval}, missing: {missing}}}"
    asked(btheb, f"{EVERYTHING}\n    {rule}")
    out = tmp_path / "out"
    told = harness("run", btheb.plan, "--out", out, "--reference", "live")
    assert told.code == 0, told.out + told.err
    rows = [row for row in rows_of(out) if row["tier"] == "T2"]
    wanted = {
        (row["term"], row["quantity"]): float(row["r"])
        for row in rows
        if any(mark in row["term"] for mark in (" - ", "responders("))
    }
    printed = printed_by_r(out)
    assert printed.keys() == wanted.keys()
    for key, number in printed.items():
        limit = 2e-4 if key[1] in ("df", "p_value") else 5e-6
        assert number == pytest.approx(wanted[key], rel=limit, abs=2e-6), key
    # Four visits after the first: each arm's own change below the difference between arms.
    terms = list(dict.fromkeys(row["term"] for row in rows))
    change = terms.index("(TAU - BtheB) x (2 - 0)")
    assert terms[change + 1 : change + 3] == [
        "2 - 0 | treatment=TAU",
        "2 - 0 | treatment=BtheB",
    ]
    patients = {value for (_, quantity), value in wanted.items() if quantity == "patients"}
    assert patients == ({48.0, 52.0} if missing == "nonresponder" else {45, 52, 36, 37, 29, 25, 27})
    assert "c = 1 - 3 / (4 df - 1)" in told.out
    assert "bdi lower by at least 25 % of the patient's own value at 0" in told.out


def test_changes_without_contrasts_are_refused(harness: Run, study: Copy, tmp_path: Path) -> None:
    btheb = study("btheb")
    asked(btheb, "[coefficients, effect_size, changes]")
    told = harness("run", btheb.plan, "--out", tmp_path / "out", "--reference", "recorded")
    assert told.code == 2
    (line,) = told.err.splitlines()
    assert "report[2]: an arm's own change is no evidence of an effect" in line
