"""A whole run with imputed outcomes: live, from the record, in plain R, and wrong."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.engines.port.imputation import api

from .conftest import Run, StudyCopy
from .test_run import rows_of

Copy = Callable[[str], StudyCopy]

MISSING = "missing: {imputations: 30, delta: 5, delta_arm: MBSR, reference_based: jump}"
FINAL = f"""\
  - id: final
    kind: ancova
    formula: "{{outcome}} ~ arm + fiqr_total_0"
    outcomes: [fiqr_after]
    sets: [ITT]
    {MISSING}
"""
EFFICACY = f"""\
  - id: efficacy
    kind: lmm
    formula: "{{outcome}} ~ arm * time + (1 | id)"
    outcomes: [fiqr_total]
    sets: [ITT, PP]
    {MISSING}
"""
DERIVED = """\
derive:
  fiqr_total_0: "baseline(fiqr_total)"
  after: "time == 'post'"
  fiqr_after: "fiqr_total + 0 / after"
"""


@pytest.fixture
def mbsr(study: Copy) -> StudyCopy:
    """The trial with one imputed model, whose outcome is there after treatment only."""
    return planned(study, FINAL)


def planned(study: Copy, analyses: str) -> StudyCopy:
    copy = study("mbsr")
    text = copy.plan.read_text(encoding="utf-8")
    text = re.sub(r"(?ms)^analyses:.*?(?=^reference:)", f"analyses:\n{analyses}", text)
    copy.plan.write_text(text.replace("derive:\n", DERIVED), encoding="utf-8")
    return copy


def drawn(out: Path) -> list[dict[str, str]]:
    return [row for row in rows_of(out) if row["tier"] == "T4"]


@pytest.mark.live_r
def test_both_sides_impute_and_agree(
    harness: Run, mbsr: StudyCopy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, wrong = tmp_path / "out", tmp_path / "wrong"
    assert harness("record", mbsr.plan).code == 0
    told = harness("run", mbsr.plan, "--out", out, "--reference", "recorded")
    assert told.code == 0, told.out + told.err
    assert "mi(term): missing outcomes drawn 30 times, at random, by arm" in told.out
    rows = drawn(out)
    assert len(rows) == 7 * 3 * 3, "seven numbers of each coefficient under each assumption"
    assert {row["verdict"] for row in rows} == {"match"}
    assert {row["metric"] for row in rows} == {"MCSE"}
    by_term = {(row["term"], row["quantity"]): row for row in rows}
    effect = "armMBSR"
    at_random, worse, jumped = (
        float(by_term[f"mi({effect}{label})", "estimate"]["r"])
        for label in ("", ", MBSR +5", ", jump to TAU")
    )
    assert at_random < jumped < 0
    assert at_random < worse

    # Plain R has the numbers of the reference.
    printed = subprocess.run(
        ["Rscript", "reproduce.R"], cwd=out, capture_output=True, text=True, check=True
    ).stdout
    found = {}
    for line in printed.splitlines():
        if line.startswith("mi("):
            term, estimate, std_error, *_ = line.rsplit(maxsplit=7)
            found[term.strip()] = float(estimate), float(std_error)
    assert len(found) == 3 * 3
    for row in rows:
        if row["quantity"] in ("estimate", "std_error"):
            number = found[row["term"]][row["quantity"] == "std_error"]
            assert number == pytest.approx(float(row["r"]), rel=1e-6, abs=1e-6), row["term"]

    # A port whose draws are off is seen, in what was drawn and nowhere else.
    draw = api.draw_chained
    monkeypatch.setattr(api, "draw_chained", lambda wide, **how: draw(wide, **how) + 5.0)
    told = harness("run", mbsr.plan, "--out", wrong, "--reference", "recorded")
    assert told.code == 1
    assert "differs" in {row["verdict"] for row in drawn(wrong)}
    others = {row["verdict"] for row in rows_of(wrong) if row["tier"] != "T4"}
    assert others == {"match"}


@pytest.mark.live_r
@pytest.mark.exhaustive
def test_mixed_models_of_two_sets(harness: Run, study: Copy, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = harness("run", planned(study, EFFICACY).plan, "--out", out, "--reference", "live")
    assert told.code == 0, told.out + told.err
    rows = drawn(out)
    assert len(rows) == 2 * 7 * 4 * 3
    assert {row["verdict"] for row in rows} == {"match"}


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        ("missing: {imputations: 2}", "missing.imputations", "greater than or equal to 3"),
        ("missing: {method: locf}", "missing.method", 'is mi, not "locf"'),
        ("missing: {delta_arm: MBSR}", "missing.delta_arm", "has no effect: there is no delta"),
        (
            "missing: {delta: 5, delta_arm: Placebo}",
            "missing.delta_arm",
            "no arm `Placebo`; there are TAU, MBSR",
        ),
        ("missing: {covariates: [weight]}", "missing.covariates", "weight"),
        ("missing: {}\n    weights: age", "missing", "is not available with weights"),
    ],
)
def test_a_plan_that_cannot_be_imputed_is_refused_with_its_line(
    harness: Run, mbsr: StudyCopy, tmp_path: Path, change: str, line: str, message: str
) -> None:
    mbsr.edit(mbsr.plan, MISSING, change)
    told = harness("run", mbsr.plan, "--out", tmp_path / "out")
    assert told.code == 2
    assert line in told.err
    assert message in told.err
    assert re.search(r"plan\.yaml:\d+: ", told.err)
