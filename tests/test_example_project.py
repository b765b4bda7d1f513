"""An outside project with the plugin: with R, without R, in two processes, and all that is red."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).with_name("example_project")
PLAN = ("--harness-plan", "trial/plan.yaml")
ALONE = ("trial/plan.yaml", *PLAN)
IDS = [
    "trial/plan.yaml::trial/gate",
    "trial/plan.yaml::trial/efficacy/ITT/score",
    "trial/plan.yaml::trial/efficacy/PP/score",
]

# A port whose coefficients are a thousandth of a standard error off.
WRONG_PORT = """
from dataclasses import replace
from harness.engines.port.engine import PortEngine

right = PortEngine.fit

def wrong(self, spec, frame):
    found = right(self, spec, frame)
    off = tuple(replace(e, estimate=e.estimate + 1e-3 * e.std_error) for e in found.fixed)
    return replace(found, fixed=off)

PortEngine.fit = wrong
"""


@dataclass(frozen=True)
class Project:
    """A copy of the example, to run and to damage."""

    folder: Path

    def run(self, *options: str, r: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        environment.pop("R_HOME", None)
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(self.folder), str(EXAMPLE.parents[1]), environment.get("PYTHONPATH", "")]
        )
        if not r:
            environment["PATH"] = str(self.folder / "nothing")
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return Project(folder)


def outcomes(told: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Test id -> word, of a run with ``-v``, in one process or many."""
    found = {}
    for line in told.stdout.splitlines():
        words = [w for w in line.split() if w in ("PASSED", "FAILED", "SKIPPED", "ERROR")]
        ids = [w for w in line.split() if "::" in w]
        if words and ids and ("[" in line):
            found[ids[0]] = words[0]
    return found


@pytest.mark.recorded
def test_without_r_the_records_are_replayed_and_live_tests_are_skipped(project: Project) -> None:
    told = project.run("-rs", *PLAN, r=False)
    assert told.returncode == 0, told.stdout
    assert "5 passed, 1 skipped" in told.stdout
    assert "R is not installed" in told.stdout


@pytest.mark.recorded
def test_two_processes_find_the_same_tests_and_share_them(project: Project) -> None:
    told = project.run("-v", "-n", "2", "--harness-reference", "recorded", *PLAN)
    assert told.returncode == 0, told.stdout
    found = outcomes(told)
    assert {found[name] for name in IDS} == {"PASSED"}
    assert "5 passed, 1 skipped" in told.stdout


@pytest.mark.live_r
def test_with_r_everything_runs(project: Project) -> None:
    told = project.run("-n", "2", "--harness-reference", "live", *PLAN)
    assert told.returncode == 0, told.stdout
    assert "6 passed" in told.stdout


def test_collecting_reads_the_plan_and_no_data(project: Project) -> None:
    (project.folder / "trial" / "trial.csv").unlink()
    (project.folder / "trial" / "suite.json").unlink()
    told = project.run("--collect-only", "-q", *ALONE)
    assert told.returncode == 0, told.stdout
    assert told.stdout.splitlines()[:3] == IDS
    run = project.run("-q", *ALONE)
    assert run.returncode == 1
    assert "3 failed" in run.stdout
    assert "Traceback" not in run.stdout
    assert "trial.csv: does not exist" in run.stdout


@pytest.mark.recorded
def test_one_model_by_its_id_or_by_a_word(project: Project) -> None:
    for choice in (("trial/plan.yaml::trial/efficacy/PP/score",), ("-k", "PP", "trial/plan.yaml")):
        told = project.run("-v", "--harness-reference", "recorded", *choice, *PLAN)
        assert outcomes(told) == {IDS[2]: "PASSED"}, told.stdout


@pytest.mark.recorded
def test_a_wrong_port_is_red_with_everything_one_needs(project: Project) -> None:
    (project.folder / "wrong_port.py").write_text(WRONG_PORT, encoding="utf-8")
    told = project.run("-v", "-p", "wrong_port", "--harness-reference", "recorded", *ALONE)
    assert told.returncode == 1
    assert outcomes(told) == dict(zip(IDS, ("PASSED", "FAILED", "FAILED"), strict=True))
    assert "efficacy/ITT/score: estimate of (Intercept): differs; python " in told.stdout
    assert "difference 0.001 SE, limit 1e-06 (T2)" in told.stdout
    command = "harness run trial/plan.yaml --reference recorded --only efficacy/ITT/score"
    assert f"reproduce: {command}" in told.stdout
    assert "Traceback" not in told.stdout


def test_a_refusal_of_the_gate_is_one_failing_test(project: Project) -> None:
    project.edit("trial/trial.csv", "s00,usual,0,,", "s00,usual,0,,9")
    told = project.run("-v", "-n", "2", "--harness-reference", "recorded", *ALONE)
    assert told.returncode == 1
    assert outcomes(told) == dict(zip(IDS, ("FAILED", "SKIPPED", "SKIPPED"), strict=True))
    assert "gate: fail, 1 of 13 rules in the way; nothing was fitted" in told.stdout
    assert "RANGE-score: fail, 1 of 47: score is between 0 and 60 points." in told.stdout
    assert "reproduce: harness gate trial/plan.yaml" in told.stdout


def test_a_refusal_is_not_lost_when_the_gates_own_test_is_not_selected(project: Project) -> None:
    project.edit("trial/trial.csv", "s00,usual,0,,", "s00,usual,0,,9")
    told = project.run("-v", "-k", "PP", "--harness-reference", "recorded", *ALONE)
    assert told.returncode == 1
    assert outcomes(told) == {IDS[2]: "FAILED"}
    assert "RANGE-score" in told.stdout


def test_live_asked_for_and_no_r_is_red(project: Project) -> None:
    told = project.run("--harness-reference", "live", *PLAN, r=False)
    assert told.returncode == 1
    assert "1 passed" in told.stdout  # the gate needs no R
    assert "5 failed" in told.stdout
    assert "R is not installed" in told.stdout


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--harness-plan", "none.yaml"), 4, "there is no file"),
        (("--harness-record", "--harness-reference", "recorded"), 4, "--harness-record fits in R"),
        (("--harness-reference", "sometimes"), 4, "invalid choice"),
    ],
)
def test_options_that_cannot_be_followed(
    project: Project, options: tuple[str, ...], code: int, said: str
) -> None:
    told = project.run(*options)
    assert told.returncode == code
    assert said in told.stderr + told.stdout
    assert "Traceback" not in told.stderr


def test_a_mistake_in_the_plan_is_told_with_its_line(project: Project) -> None:
    project.edit("trial/plan.yaml", "kind: lmm", "kind: lm")
    told = project.run("-q", *ALONE)
    assert told.returncode == 2
    assert "plan.yaml:16: analyses[0].kind" in told.stdout
    assert "Traceback" not in told.stdout


def test_every_marker_is_registered_once(project: Project) -> None:
    for folder, options in ((project.folder, []), (EXAMPLE.parents[1], ["-c", "pyproject.toml"])):
        told = subprocess.run(
            [sys.executable, "-m", "pytest", *options, "--markers"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in ("live_r", "recorded", "truth", "exhaustive"):
            assert told.stdout.count(f"@pytest.mark.{name}:") == 1, folder


def test_the_trial_is_what_its_script_makes() -> None:
    sys.path.insert(0, str(EXAMPLE / "trial"))
    try:
        from make_trial import table
    finally:
        sys.path.remove(str(EXAMPLE / "trial"))
    assert (EXAMPLE / "trial" / "trial.csv").read_text(encoding="utf-8") == table()
    sleep = EXAMPLE.parents[1] / "fixtures" / "classics" / "sleepstudy.csv"
    assert (EXAMPLE / "sleep.csv").read_bytes() == sleep.read_bytes()
