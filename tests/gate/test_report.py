"""The written report: counts in gate.json and gate.md, patients only in queries.csv."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from harness.gate import run_gate, write_gate

from .conftest import GatedStudy, SuiteWriter, rule

KEY = ("id", "time")


def test_the_three_files_of_a_refused_study(btheb: GatedStudy, tmp_path: Path) -> None:
    frame = btheb.frame.copy()
    frame.loc[6, "bdi"] = 64
    report = btheb.gate(frame, data_sha256="ab" * 32)
    paths = write_gate(report, tmp_path / "new" / "folder")
    assert [path.name for path in paths] == ["gate.json", "gate.md", "queries.csv"]
    assert sorted(path.name for path in paths[0].parent.iterdir()) == sorted(p.name for p in paths)

    record = json.loads(paths[0].read_text(encoding="utf-8"))
    assert (record["verdict"], record["exit_code"], record["queries"]) == ("fail", 3, 1)
    assert record["counts"] == {"pass": 30, "fail": 1, "vacuous": 0, "error": 0}
    assert record["suite"]["sha256"] == hashlib.sha256(btheb.suite.read_bytes()).hexdigest()
    assert record["data"] == {"sha256": "ab" * 32, "rows": 500, "key": ["subject", "month"]}
    assert record["versions"]["great_expectations"].startswith("1.")
    assert record["versions"]["pandas"] == pd.__version__
    assert record["parameters"] == btheb.parameters
    (failed,) = (one for one in record["rules"] if one["verdict"] == "fail")
    assert (failed["rule"], failed["n_judged"], failed["n_failed"]) == ("RANGE-bdi", 380, 1)

    text = paths[1].read_text(encoding="utf-8")
    assert "**FAIL** (exit 3). The data may not be analysed: 1 critical rule failed." in text
    assert (
        "- `RANGE-bdi` (critical) failed: 1 of 380 judged. bdi is between 0 and 63 points." in text
    )
    assert text.count("\n| ") == len(report.rules) + 1

    with paths[2].open(encoding="utf-8", newline="") as file:
        (line,) = csv.DictReader(file)
    assert (line["rule"], line["id"], line["time"], line["value"], line["row"]) == (
        *("RANGE-bdi", "S002", "2", "64", "7"),
    )
    assert line["allowed"] == "0 to 63"
    assert line["resolution"] == ""


def test_a_pass_says_so(btheb: GatedStudy, tmp_path: Path) -> None:
    _, markdown, queries = write_gate(btheb.gate(), tmp_path)
    assert "**PASS** (exit 0)" in markdown.read_text(encoding="utf-8")
    assert queries.read_text(encoding="utf-8").count("\n") == 1


def test_no_patient_s_value_is_in_the_shared_files(
    small: pd.DataFrame, write_suite: SuiteWriter, tmp_path: Path
) -> None:
    small["id"] = pd.Categorical(["secret-a"] * 2 + ["secret-b"] * 2 + ["secret-c"] * 2)
    small.loc[0, "score"] = 98765.0
    path = write_suite(
        rule("A", "expect_column_values_to_be_between", column="score", max_value=9),
        rule("B", "expect_column_values_to_be_in_set", column="id", value_set=["x"]),
        rule("C", "expect_column_max_to_be_between", column="score", max_value=9),
        rule("D", "expect_column_values_to_be_between", column="note", max_value=9),
        rule("E", "expect_column_distinct_values_to_be_in_set", column="id", value_set=["x"]),
    )
    report = run_gate(small, path, key=KEY)
    shared, markdown, queries = write_gate(report, tmp_path)
    for file in (shared, markdown):
        text = file.read_text(encoding="utf-8")
        assert "secret" not in text
    assert "secret-a" in queries.read_text(encoding="utf-8")
    assert "98765" in queries.read_text(encoding="utf-8")


def test_a_killed_write_leaves_the_old_file(
    btheb: GatedStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_gate(btheb.gate(), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_gate(btheb.gate(btheb.frame.assign(bdi=99.0)), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_same_data_give_the_same_bytes(btheb: GatedStudy, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write_gate(btheb.gate(), tmp_path / folder)
    for name in ("gate.json", "gate.md", "queries.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_pipe_in_a_sentence_does_not_break_the_table(
    small: pd.DataFrame, write_suite: SuiteWriter, tmp_path: Path
) -> None:
    entry = rule("A", "expect_column_to_exist", column="score") | {"notes": "a | b\nc."}
    _, markdown, _ = write_gate(run_gate(small, write_suite(entry), key=KEY), tmp_path)
    (row,) = (line for line in markdown.read_text().splitlines() if line.startswith("| A "))
    assert r"| a \| b c. " in row
