"""``reproduce.R`` selects, run by R, the very rows that the harness does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from trial_of_gaps import write_gaps

from harness.data.derive import derive
from harness.data.study import open_study
from harness.models.expand import tasks
from harness.report.reproduce import reproduce_script
from harness.sets import analysis_sets


@pytest.mark.live_r
def test_r_selects_the_same_rows(tmp_path: Path, r_home: Path) -> None:
    wanted, parts = [], []
    for folder, week in (("factor", "factor,0;4;100000"), ("number", "number,")):
        study = open_study(write_gaps(tmp_path / folder, week=week))
        sets = analysis_sets(study.plan, derive(study))
        data = Path(folder) / "gaps.csv"
        script = reproduce_script(study.plan, study.codebook, tasks(study.plan), data)
        lines = [line for line in script.split("\n") if not line.startswith("show(")]
        lines += [f'cat("{folder}", rownames(set_{k}), "\\n")' for k in range(1, len(sets) + 1)]
        parts.append("\n".join(lines))
        wanted += [[folder, *(str(row + 1) for row in s.mask.nonzero()[0])] for s in sets.values()]
    (tmp_path / "s.R").write_text("\n".join(parts), encoding="utf-8")
    ran = subprocess.run(
        ["Rscript", "--vanilla", "s.R"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert [line.split() for line in ran.stdout.splitlines()] == wanted
    assert len(wanted) == 16
