"""``harness run`` on whole studies: what passes, what is refused, and what is left behind."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import FIXTURES, Run, StudyCopy

Copy = Callable[[str], StudyCopy]
FILES = {
    "diff.csv", "diff.json", "diff.md", "estimates.json", "gate.json", "gate.md", "queries.csv",
    "report.html", "manifest.json", "reproduce.R", "lme4_defaults.csv",
}  # fmt: skip


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "diff.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "sets"),
    [
        ("btheb", {"ITT", "completers"}),
        ("mbsr", {"ITT", "PP", "PP4", "mITT"}),
        ("mbsr_null", {"ITT", "PP"}),
        ("eudaimon3", {"ITT", "PP"}),
    ],
)
def test_every_number_matches_the_recorded_reference(
    harness: Run, tmp_path: Path, name: str, sets: set[str]
) -> None:
    out = tmp_path / "out"
    told = harness("run", FIXTURES / name / "plan.yaml", "--out", out, "--reference", "recorded")
    assert told.code == 0, told.out + told.err
    assert "recorded references" in told.out
    rows = rows_of(out)
    assert {row["verdict"] for row in rows} == {"match"}
    assert {row["set"] for row in rows} == sets
    several = {"sets.csv"} if len(sets) > 1 else set()
    assert {path.name for path in out.iterdir()} == FILES | several


@pytest.mark.recorded
def test_synthetic_data_are_called_so_everywhere(harness: Run, tmp_path: Path) -> None:
    plan = FIXTURES / "mbsr" / "plan.yaml"
    out = tmp_path / "out"
    told = harness(
        "run", plan, "--out", out, "--reference", "recorded", "--only", "efficacy/ITT/fiqr_total"
    )
    assert told.code == 0
    for text in (told.out, *((out / name).read_text() for name in ("diff.md", "report.html"))):
        assert "SYNTHETIC" in text


@pytest.mark.recorded
def test_one_corrupt_cell_is_refused_with_rule_and_row(
    harness: Run, study: Copy, tmp_path: Path
) -> None:
    copy = study("btheb")
    copy.edit(copy.data, "S001,TAU,No,>6m,3,0,0,29", "S001,TAU,No,>6m,3,0,0,129")
    out = tmp_path / "out"
    told = harness("run", copy.plan, "--out", out, "--reference", "recorded")
    assert told.code == 3
    assert "nothing was fitted" in told.err
    queries = list(csv.DictReader((out / "queries.csv").open(encoding="utf-8", newline="")))
    assert {(q["id"], q["column"]) for q in queries} == {("S001", "bdi")}
    ranges = [q for q in queries if q["value"] == "129" and q["rule"].startswith("RANGE")]
    assert len(ranges) == 1
    assert f"{ranges[0]['rule']}" in (out / "gate.md").read_text()
    assert json.loads((out / "estimates.json").read_text())["models"] == []
    assert rows_of(out) == []


@pytest.mark.recorded
def test_a_cell_that_is_no_number_is_a_query_not_a_crash(
    harness: Run, study: Copy, tmp_path: Path
) -> None:
    copy = study("btheb")
    copy.edit(copy.data, "S001,TAU,No,>6m,3,0,0,29", "S001,TAU,No,>6m,3,0,0,<30")
    out = tmp_path / "out"
    told = harness("gate", copy.plan, "--out", out)
    assert told.code == 3
    queries = list(csv.DictReader((out / "queries.csv").open(encoding="utf-8", newline="")))
    assert ("TYPE", "S001", "<30") in [(q["rule"], q["id"], q["value"]) for q in queries]


def drop_column(copy: StudyCopy) -> None:
    lines = [line.split(",") for line in copy.data.read_text().splitlines()]
    at = lines[0].index("bdi")
    copy.data.write_text(
        "\n".join(",".join(c for i, c in enumerate(row) if i != at) for row in lines)
    )
    copy.unpin()


def misspell_a_rule(copy: StudyCopy) -> None:
    copy.edit(copy.suite, "expect_column_values_to_be_between", "expect_column_values_to_be_betwen")


def empty_the_suite(copy: StudyCopy) -> None:
    suite = json.loads(copy.suite.read_text())
    copy.suite.write_text(json.dumps({**suite, "expectations": []}))


def drop_the_suite(copy: StudyCopy) -> None:
    copy.suite.unlink()


def change_the_data_behind_the_pin(copy: StudyCopy) -> None:
    copy.data.write_text(copy.data.read_text().replace("29", "28", 1))


@pytest.mark.parametrize(
    ("damage", "code", "said"),
    [
        (drop_column, 2, "bdi"),
        (misspell_a_rule, 4, "betwen"),
        (empty_the_suite, 4, "no rules"),
        (drop_the_suite, 4, "btheb.json"),
        (change_the_data_behind_the_pin, 2, "sha256"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_check_that_cannot_be_made_never_passes(
    harness: Run,
    study: Copy,
    tmp_path: Path,
    damage: Callable[[StudyCopy], None],
    code: int,
    said: str,
) -> None:
    copy = study("btheb")
    damage(copy)
    out = tmp_path / "out"
    told = harness("run", copy.plan, "--out", out, "--reference", "recorded")
    assert told.code == code, told.err
    assert said in told.err
    assert not (out / "diff.csv").exists()


@pytest.mark.parametrize("command", ["gate", "run", "record"])
def test_a_rule_that_cannot_be_checked_is_exit_4_for_every_command(
    harness: Run, study: Copy, tmp_path: Path, command: str
) -> None:
    copy = study("btheb")
    suite = json.loads(copy.suite.read_text())
    rule = {
        "type": "expect_column_values_to_be_between",
        "severity": "critical",
        "notes": "Weight is positive.",
        "meta": {"rule": "WEIGHT-01", "source": "hand"},
        "kwargs": {"column": "weight", "min_value": 0},
    }
    copy.suite.write_text(json.dumps({**suite, "expectations": [*suite["expectations"], rule]}))
    out = [] if command == "record" else ["--out", tmp_path / "out"]
    told = harness(command, copy.plan, *out)
    assert told.code == 4, told.err
    assert "WEIGHT-01" in told.err


@pytest.mark.recorded
def test_an_altered_record_is_refused_and_the_other_rows_are_there(
    harness: Run, study: Copy, tmp_path: Path
) -> None:
    copy = study("btheb")
    record = copy.folder / "reference" / "visits.ITT.bdi.json"
    copy.edit(record, '"n_obs": 380', '"n_obs": 381')
    out = tmp_path / "out"
    told = harness("run", copy.plan, "--out", out, "--reference", "recorded")
    assert told.code == 4
    assert "visits.ITT.bdi" in told.err
    verdicts = {(row["analysis"], row["set"]): set() for row in rows_of(out)}
    for row in rows_of(out):
        verdicts[row["analysis"], row["set"]].add(row["verdict"])
    assert verdicts.pop(("visits", "ITT")) == {"python only"}
    assert all(found == {"match"} for found in verdicts.values())
    assert len(verdicts) == 3


@pytest.mark.recorded
def test_data_changed_since_the_recording_are_refused(
    harness: Run, study: Copy, tmp_path: Path
) -> None:
    copy = study("btheb")
    copy.edit(copy.data, "S001,TAU,No,>6m,3,0,0,29", "S001,TAU,No,>6m,3,0,0,28")
    told = harness("run", copy.plan, "--out", tmp_path / "out", "--reference", "recorded")
    assert told.code == 4
    assert "the data have changed" in told.err
