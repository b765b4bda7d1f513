"""What is left in the output folder, and folders that cannot be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import FIXTURES, ROOT, Run, StudyCopy

Copy = Callable[[str], StudyCopy]
PLAN = FIXTURES / "btheb" / "plan.yaml"
RECORDED = ("--reference", "recorded", "--quiet")
CORRUPT = ("S001,TAU,No,>6m,3,0,0,29", "S001,TAU,No,>6m,3,0,0,129")


@pytest.mark.recorded
@pytest.mark.parametrize("command", ["gate", "run"])
def test_a_refusal_leaves_nothing_that_looks_like_its_result(
    harness: Run, study: Copy, tmp_path: Path, command: str
) -> None:
    copy, out = study("btheb"), tmp_path / "out"
    assert harness("run", copy.plan, "--out", out, *RECORDED).code == 0
    copy.edit(copy.data, *CORRUPT)
    told = harness(command, copy.plan, "--out", out, "--quiet")
    assert told.code == 3
    left = {path.name for path in out.iterdir()}
    assert "reproduce.R" not in left
    if command == "gate":
        assert left == {"gate.json", "gate.md", "queries.csv"}
        assert "the diff table of an earlier run was removed" in told.err
    else:
        assert json.loads((out / "diff.json").read_text())["rows"] == []


def test_a_refusal_removes_nothing_that_no_run_wrote(
    harness: Run, study: Copy, tmp_path: Path
) -> None:
    copy, out = study("btheb"), tmp_path / "out"
    out.mkdir()
    (out / "diff.csv").write_text("mine")
    copy.edit(copy.data, *CORRUPT)
    assert harness("gate", copy.plan, "--out", out, "--quiet").code == 3
    assert (out / "diff.csv").read_text() == "mine"


def test_a_refusal_names_its_rules(harness: Run, study: Copy, tmp_path: Path) -> None:
    copy = study("btheb")
    copy.edit(copy.data, *CORRUPT)
    told = harness("run", copy.plan, "--out", tmp_path / "out", "--quiet")
    assert "nothing was fitted: RANGE-bdi failed: see " in told.err, told.err


@pytest.mark.recorded
def test_a_part_of_the_plan_is_called_a_part(harness: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    only = "visits/ITT/bdi"
    told = harness("run", PLAN, "--out", out, "--reference", "recorded", "--only", only)
    assert told.code == 0
    for text in (told.out, (out / "report.html").read_text()):
        assert f"--only {only}: 1 of 4 models" in text
    assert "1 of 4 models" in (out / "diff.md").read_text()
    command = json.loads((out / "manifest.json").read_text())["command"]
    assert command == f"harness run {PLAN} --reference recorded --only {only}"


@pytest.mark.parametrize("command", ["gate", "run"])
@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_folder_that_cannot_be_is_said_before_anything_is_read(
    harness: Run, tmp_path: Path, command: str, below: str
) -> None:
    (tmp_path / "file").write_text("")
    told = harness(command, tmp_path / "no-plan.yaml", "--out", tmp_path / "file" / below)
    assert told.code == 2
    assert told.err.rstrip().endswith(f"cannot be written ({tmp_path}/file is not a folder)")


@pytest.mark.recorded
@pytest.mark.parametrize("name", ["manifest.json", "diff.csv", "reproduce.R"])
def test_a_file_that_cannot_be_replaced_is_named(harness: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    told = harness("run", PLAN, "--out", tmp_path, *RECORDED, "--only", "trend/ITT")
    assert told.code == 2
    assert f"{tmp_path / name}: cannot be " in told.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_an_output_that_takes_nothing_is_said_in_one_line() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        told = _schema(stdout=full)
    assert told.returncode == 4
    assert told.stderr == "harness: cannot write on: No space left on device\n"


def test_a_closed_output_is_no_accident() -> None:
    told = subprocess.run(
        ["/bin/sh", "-c", f"'{sys.executable}' -m harness doctor >&-"],
        capture_output=True, text=True, cwd=ROOT, check=False, timeout=120,
    )  # fmt: skip
    assert told.returncode in (0, 4)
    assert "Traceback" not in told.stderr


def test_a_reader_who_leaves_is_not_told_of_a_difference() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody:
        told = _schema(stdout=nobody)
    assert (told.returncode, told.stderr) == (141, "")


def test_names_cannot_forge_lines_or_steer_the_terminal(
    harness: Run, study: Copy, tmp_path: Path
) -> None:
    copy = study("btheb")
    copy.edit(copy.plan, "version: 1", 'version: 1\n"\\e[2J\\nharness: all is well": 1')
    told = harness("run", copy.plan, "--out", tmp_path / "out")
    assert told.code == 2
    assert "\x1b" not in told.err
    assert len(told.err.splitlines()) == 1
    assert "\\x1b[2J\\nharness: all is well: unknown key" in told.err


def _schema(**streams: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-m", "harness", "schema"],
        stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False, timeout=60, **streams,
    )  # fmt: skip
