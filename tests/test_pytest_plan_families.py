"""Families of tests as one more item of a plan, replayed without R."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.compare import Verdict
from harness.engines.multiplicity import adjusted_p
from harness.engines.r.adjusted import AdjustedByR, PValues, write_adjusted
from harness.pytest_plan import PlanRun

EXAMPLE = Path(__file__).with_name("example_project")
TERMS = ("armnew:visit1", "armnew:visit2")

pytestmark = pytest.mark.recorded


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """The example's trial with its two visits' changes adjusted together in each set."""
    folder = tmp_path / "trial"
    shutil.copytree(EXAMPLE / "trial", folder)
    path = folder / "plan.yaml"
    text = path.read_text(encoding="utf-8")
    asked = "    sets: [ITT, PP]\n"
    assert asked in text
    path.write_text(text.replace(asked, f"{asked}    adjust: {{method: holm}}\n"), encoding="utf-8")
    return path


def recorded(folder: Path, name: str) -> AdjustedByR:
    """What R would have answered of the p values it has recorded."""
    record = json.loads((folder / f"efficacy.{name}.score.json").read_text(encoding="utf-8"))
    p = {row["term"]: row["p_value"] for row in record["answer"]["fixed"]}
    values = tuple(p[term] for term in TERMS)
    tests = tuple(f"{term} in efficacy/{name}/score" for term in TERMS)
    asked = PValues(f"efficacy in {name}", "holm", tests, values)
    return AdjustedByR(asked, tuple(adjusted_p(values, "holm").tolist()))


def test_every_family_is_held(plan: Path) -> None:
    reference = plan.parent / "reference"
    known = [recorded(reference, name) for name in ("ITT", "PP")]
    write_adjusted(reference / "adjusted.json", known, {})
    run = PlanRun(plan, "recorded")
    table = run.compare_families()
    assert {row.verdict for row in table.rows} == {Verdict.MATCH}
    assert [(row.set, row.term) for row in table.rows if row.tier == "T2"] == [
        (name, term) for name in ("ITT", "PP") for term in TERMS
    ]
    assert [row.tier for row in table.rows].count("T1") == 2
    assert not any(row.quantity == "p_adjusted" for row in run.compare("efficacy/PP/score").rows)
    run.close()


def test_the_families_are_one_item_behind_the_models(plan: Path) -> None:
    told = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "-q"),
            *("plan.yaml", "--harness-plan", "plan.yaml"),
        ],
        cwd=plan.parent,
        env={**os.environ, "PYTHONPATH": str(EXAMPLE.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line for line in told.stdout.splitlines() if "::" in line] == [
        f"plan.yaml::trial/{name}"
        for name in ("gate", "efficacy/ITT/score", "efficacy/PP/score", "families")
    ]
