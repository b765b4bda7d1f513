"""Whole runs with p values adjusted over families: live, cached, recorded, in plain R, in part."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.engines.r.channel import Channel
from harness.engines.r.seal import seal
from harness.errors import ReferenceUnavailable

from .conftest import Run, StudyCopy
from .test_run import rows_of

pytestmark = pytest.mark.live_r
Copy = Callable[[str], StudyCopy]

FAMILIES = {f"BH over 5 tests of visits and trend in {name}" for name in ("ITT", "completers")}
FULL = "report: [coefficients, random, fit, emmeans, contrasts, anova, effect_size]"
PLAIN = "report: [coefficients, random, fit]"


def asked(study: Copy, adjust: str, report: str = PLAIN) -> StudyCopy:
    """Beat the Blues with `adjust` in both analyses: changes at four visits, and a slope."""
    btheb = study("btheb")
    btheb.edit(btheb.plan, FULL, f"{report}\n    adjust: {adjust}", count=2)
    return btheb


def adjusted_in(out: Path) -> dict[tuple[str, str], tuple[float, float]]:
    """Both sides' adjusted p values of the diff table by model and term."""
    return {
        ("/".join((row["analysis"], row["set"], row["outcome"])), row["term"]): (
            *(float(row["python"]), float(row["r"])),
        )
        for row in rows_of(out)
        if row["quantity"] == "p_adjusted" and row["tier"] == "T2"
    }


def hold_reproduce_r(out: Path) -> int:
    """Hold the families that the script prints against R's numbers of the run."""
    told = subprocess.run(
        ["Rscript", "reproduce.R"], cwd=out, capture_output=True, text=True, check=True
    )
    printed: dict[tuple[str, str], float] = {}
    inside = False
    for line in told.stdout.splitlines():
        inside = (inside or line.startswith("## ")) and not line.startswith("== ")
        name, *cells = line.rsplit(maxsplit=2) or [""]
        if inside and " in " in name and len(cells) == 2 and not name.startswith("##"):
            term, place = name.split(" in ")
            printed[place, term] = float(cells[1])
    wanted = adjusted_in(out)
    assert printed == pytest.approx({key: r for key, (_, r) in wanted.items()}, rel=2e-4)
    return len(printed)


def test_live_cached_recorded_and_broken(
    harness: Run, study: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    btheb = asked(study, "{method: BH, family: plan}")
    out = tmp_path / "live"
    told = harness("run", btheb.plan, "--reference", "live", "--out", out)
    assert told.code == 0, told.out + told.err
    live = adjusted_in(out)
    assert len(live) == 10
    assert all(python == pytest.approx(r, rel=1e-5) for python, r in live.values())
    for family in FAMILIES:
        assert f"{family}: p < 0.05 in " in told.out
    models = json.loads((out / "estimates.json").read_text(encoding="utf-8"))["models"]
    assert sum(len(model["answer"]["adjusted"]) for model in models) == 2 * 10
    assert hold_reproduce_r(out) == 10
    told = harness("compare", out / "diff.csv", out / "estimates.json")
    assert told.code == 2  # several engines beside one: the message is not of adjusted p values
    told = harness("compare", out / "estimates.json", out / "estimates.json")
    assert told.code == 0, told.out + told.err

    assert harness("record", btheb.plan).code == 0
    record = btheb.folder / "reference" / "adjusted.json"
    assert harness("record", btheb.plan, "--check").code == 0

    def refuse(_: Channel) -> None:
        raise ReferenceUnavailable("R was started")

    monkeypatch.setattr(Channel, "_running", refuse)
    for mode in ("live", "recorded"):
        again = tmp_path / mode
        told = harness("run", btheb.plan, "--reference", mode, "--out", again)
        assert told.code == 0, told.out + told.err
        assert adjusted_in(again) == live
    told = harness("run", btheb.plan, "--only", "visits", "--out", out, "--reference", "recorded")
    assert told.code == 0, told.out + told.err
    assert adjusted_in(out) == {}
    part = "no adjusted p, because only 1 of its 2 models were chosen"
    assert f"BH of visits and trend in ITT: {part}" in told.out

    def edit(change: Callable[[dict[str, Any]], Any]) -> None:
        raw = json.loads(record.read_text(encoding="utf-8"))
        change(raw["families"][0]["tests"][0])
        raw["sha256"] = seal(raw)
        record.write_text(json.dumps(raw), encoding="utf-8")

    edit(lambda test: test.update(p_value=test["p_value"] / 2))
    told = harness("run", btheb.plan, "--reference", "recorded", "--out", out)
    assert told.code == 4
    (line,) = [line for line in told.out.splitlines() if "not computed" in line and "BH of" in line]
    assert "in the model's own record; `harness record PLAN`" in line
    assert "visits/ITT/bdi: p_adjusted of BH of visits and trend in ITT" in line
    record.unlink()
    told = harness("run", btheb.plan, "--reference", "recorded", "--out", out)
    assert told.code == 4
    assert "no recorded adjustments" in told.out


@pytest.mark.exhaustive
@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger", "residual", "z"])
def test_plain_r_gives_them_by_every_test_and_method(
    harness: Run, study: Copy, tmp_path: Path, df: str
) -> None:
    anova = "report: [coefficients, random, fit, anova]"
    btheb = asked(study, "{method: BY, tests: anova, family: analysis}", anova)
    btheb.edit(btheb.plan, "df: satterthwaite", f"df: {df}", count=2)
    out = tmp_path / "out"
    told = harness("run", btheb.plan, "--reference", "live", "--out", out)
    assert told.code == 0, told.out + told.err
    assert "BY over 1 test of trend in completers" in told.out
    assert hold_reproduce_r(out) == 4


@pytest.mark.exhaustive
def test_a_record_of_another_day_is_said(harness: Run, study: Copy) -> None:
    btheb = asked(study, "{method: holm}")
    assert harness("record", btheb.plan).code == 0
    record = btheb.folder / "reference" / "adjusted.json"
    whole = record.read_text(encoding="utf-8")
    record.write_text(whole.replace('"method": "holm"', '"method": "BH"'), encoding="utf-8")
    told = harness("record", btheb.plan, "--check")
    assert told.code == 4
    assert "adjusted.json: recorded adjustments" in told.err
    record.unlink()
    told = harness("record", btheb.plan, "--check")
    assert "no recorded adjustments" in told.err
    record.write_text(whole, encoding="utf-8")
    btheb.edit(btheb.plan, "    adjust: {method: holm}\n", "", count=2)
    told = harness("record", btheb.plan, "--check")
    assert told.code == 1
    assert "adjusted.json: no model of the plan has this record" in told.err
