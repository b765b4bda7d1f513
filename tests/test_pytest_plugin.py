"""The plugin as an outside project uses it: live R, its records, and neither."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = """
import dataclasses

import pandas as pd
import pytest

import harness

data = pd.DataFrame({
    "id": [f"p{i:02d}" for i in range(12) for _ in range(2)],
    "time": ["a_pre", "b_post"] * 12,
    "y": [5.1, 3.0, 6.2, 5.9, 4.4, 2.1, 7.9, 6.0, 5.5, 5.7, 3.8, 1.2,
          6.6, 4.9, 8.1, 7.0, 4.9, 4.1, 5.2, 2.8, 6.9, 6.1, 7.3, 4.4],
})
FORMULA = "y ~ time + (1 | id)"


def test_the_port_is_equivalent(r_reference, assert_equivalent):
    assert_equivalent(harness.lmer(FORMULA, data), r_reference(FORMULA, data))


def test_a_port_that_is_off_fails_with_the_red_rows(r_reference, assert_equivalent):
    reference = r_reference(FORMULA, data)
    first, second = reference.fixed
    wrong = dataclasses.replace(second, estimate=second.estimate + 0.01 * second.std_error)
    mine = dataclasses.replace(reference, fixed=(first, wrong))
    with pytest.raises(pytest.fail.Exception) as told:
        assert_equivalent(mine, reference)
    assert "estimate of timeb_post: differs" in str(told.value)
    assert "0.01 SE" in str(told.value)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A package of somebody else's, with its own tests and its own folder of records."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nharness_records = records\n", encoding="utf-8")
    (tmp_path / "test_port.py").write_text(PROJECT, encoding="utf-8")
    return tmp_path


def run(project: Path, *options: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the project's tests; ``path`` replaces PATH, so that R can be out of sight."""
    environment = {name: value for name, value in os.environ.items() if name != "R_HOME"}
    if path is not None:
        environment["PATH"] = path
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.live_r
def test_live_then_recorded_then_replayed_without_r(project: Path, tmp_path: Path) -> None:
    live = run(project)
    assert live.returncode == 0, live.stdout
    assert not (project / "records").exists()

    recording = run(project, "--harness-record")
    assert recording.returncode == 0, recording.stdout
    assert len(list((project / "records").glob("*.json"))) == 1

    replayed = run(project, path=str(tmp_path / "nothing"))
    assert replayed.returncode == 0, replayed.stdout


def test_without_r_and_without_a_record_the_test_is_red(project: Path, tmp_path: Path) -> None:
    told = run(project, path=str(tmp_path / "nothing"))
    assert told.returncode == 1
    assert "2 failed" in told.stdout
    assert "no recorded reference for `y ~ time + (1 | id)`" in told.stdout
    assert "R is not installed" in told.stdout


def test_recording_without_r_is_red(project: Path, tmp_path: Path) -> None:
    told = run(project, "--harness-record", path=str(tmp_path / "nothing"))
    assert told.returncode == 1
    assert "R is not installed" in told.stdout
