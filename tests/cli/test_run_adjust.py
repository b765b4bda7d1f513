"""Whole runs with p values adjusted over families: live, cached, recorded, in plain R, in part."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.engines.r.channel import Channel
from harness.engines.r.seal import seal
from harness.errors import ReferenceUnavailable

from .conftest import ROOT, Run, StudyCopy
from .test_run import rows_of

pytestmark = pytest.mark.live_r
Copy = Callable[[str], StudyCopy]

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


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    """The plan of a small trial, two visits' changes adjusted together in each set."""
    shutil.copytree(ROOT / "tests" / "example_project" / "trial", tmp_path / "trial")
    plan = tmp_path / "trial" / "plan.yaml"
    text = plan.read_text(encoding="utf-8")
    assert "    sets: [ITT, PP]\n" in text
    sets = "    sets: [ITT, PP]\n"
    plan.write_text(text.replace(sets, f"{sets}    adjust: {{method: BH}}\n"), encoding="utf-8")
    return plan


def test_live_in_plain_r_recorded_in_part_and_broken(
    harness: Run, trial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "live"
    told = harness("run", trial, "--reference", "live", "--out", out)
    assert told.code == 0, told.out + told.err
    live = adjusted_in(out)
    assert len(live) == 4
    assert all(python == pytest.approx(r, rel=1e-5) for python, r in live.values())
    for name in ("ITT", "PP"):
        assert f"BH over 2 tests of efficacy in {name}: p < 0.05 in " in told.out
    models = json.loads((out / "estimates.json").read_text(encoding="utf-8"))["models"]
    assert sum(len(model["answer"]["adjusted"]) for model in models) == 2 * 4
    assert hold_reproduce_r(out) == 4
    told = harness("compare", out / "estimates.json", out / "estimates.json")
    assert told.code == 0, told.out + told.err
    assert harness("record", trial).code == 0

    def refuse(_: Channel) -> None:
        raise ReferenceUnavailable("R was started")

    monkeypatch.setattr(Channel, "_running", refuse)
    recorded = ("run", trial, "--reference", "recorded", "--out", tmp_path / "recorded")
    told = harness(*recorded)
    assert told.code == 0, told.out + told.err
    assert adjusted_in(tmp_path / "recorded") == live

    record = trial.parent / "reference" / "adjusted.json"
    raw = json.loads(record.read_text(encoding="utf-8"))
    raw["families"][0]["tests"][0]["p_value"] /= 2
    raw["sha256"] = seal(raw)
    record.write_text(json.dumps(raw), encoding="utf-8")
    told = harness(*recorded)
    assert told.code == 4
    (line,) = [line for line in told.out.splitlines() if "not computed" in line and "BH of" in line]
    assert "efficacy/ITT/score: p_adjusted of BH of efficacy in ITT" in line
    assert "in the model's own record; `harness record PLAN`" in line

    whole = trial.read_text(encoding="utf-8")
    trial.write_text(whole.replace("[score]", "[score, sessions]"), encoding="utf-8")
    told = harness(*recorded, "--only", "efficacy/*/score")
    assert told.code == 0, told.out + told.err
    assert adjusted_in(tmp_path / "recorded") == {}
    part = "no adjusted p, because only 1 of its 2 models were chosen"
    assert f"BH of efficacy in ITT: {part}" in told.out


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
def test_a_second_run_starts_no_r(
    harness: Run, study: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    btheb = asked(study, "{method: BH, family: plan}")
    live = ("run", btheb.plan, "--reference", "live", "--out")
    assert harness(*live, tmp_path / "first").code == 0

    def refuse(_: Channel) -> None:
        raise ReferenceUnavailable("R was started")

    monkeypatch.setattr(Channel, "_running", refuse)
    told = harness(*live, tmp_path / "second")
    assert told.code == 0, told.out + told.err
    assert "BH over 5 tests of visits and trend in completers" in told.out
    assert len(adjusted_in(tmp_path / "first")) == 10
    assert adjusted_in(tmp_path / "second") == adjusted_in(tmp_path / "first")


@pytest.mark.exhaustive
def test_a_record_of_another_day_is_said(harness: Run, study: Copy) -> None:
    btheb = asked(study, "{method: holm}")
    assert harness("record", btheb.plan).code == 0
    assert harness("record", btheb.plan, "--check").code == 0
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
