"""Suites from strangers: patterns that never end, names that would steer a terminal."""

from __future__ import annotations

import time

import pandas as pd
import pytest

from harness.gate import run_gate, validator
from harness.gate.queries import sheet
from harness.gate.report import gate_markdown
from harness.gate.time_limit import time_limit

from .conftest import SuiteWriter, rule, verdicts

RANGE = "expect_column_values_to_be_between"
MATCH = "expect_column_values_to_match_regex"


def test_a_pattern_that_never_ends_is_an_error_of_its_rule_alone(
    write_suite: SuiteWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validator, "PATTERN_SECONDS", 1.0)
    frame = pd.DataFrame({"id": ["a" * 60, "b" * 60], "score": [1.0, 2.0]})
    path = write_suite(
        rule("SLOW", MATCH, column="id", regex="^(([a-z]?)+)+!$"),
        rule("QUICK", MATCH, column="id", regex="^[a-z]+$"),
        rule("RANGE", RANGE, column="score", min_value=0),
    )
    start = time.monotonic()
    report = run_gate(frame, path, key=("id",))
    assert time.monotonic() - start < 30
    assert verdicts(report)["SLOW"] == "error"
    assert (verdicts(report)["QUICK"], verdicts(report)["RANGE"]) == ("pass", "pass")
    assert report.exit_code == 4
    (slow,) = (found for found in report.rules if found.rule == "SLOW")
    assert slow.detail == "the regular expression took longer than 1 s"


def test_a_time_limit_leaves_no_alarm_behind() -> None:
    with time_limit(0.05, "this"):
        pass
    time.sleep(0.1)
    with (
        pytest.raises(TimeoutError, match=r"this took longer than 0\.05 s"),
        time_limit(0.05, "this"),
    ):
        time.sleep(2)


def test_patterns_with_groups_say_nothing_on_stderr(
    write_suite: SuiteWriter, recwarn: pytest.WarningsRecorder
) -> None:
    path = write_suite(rule("R", MATCH, column="id", regex="^(a|b)$"))
    assert run_gate(pd.DataFrame({"id": ["a", "b"]}), path, key=("id",)).exit_code == 0
    assert [str(w.message) for w in recwarn if "match groups" in str(w.message)] == []


def test_control_characters_in_rules_and_cells_are_shown_not_obeyed(
    write_suite: SuiteWriter,
) -> None:
    odd = rule("X\n\x1b[2J", RANGE, column="score", min_value=9)
    odd["notes"] = "\x1b[31mred \u202e."
    frame = pd.DataFrame({"id": ["\x1b]0;a", "b"], "score": [1.0, 2.0]})
    report = run_gate(frame, write_suite(odd), key=("id",))
    assert report.exit_code == 3
    for text in (gate_markdown(report), sheet(report.queries)):
        assert not set("\x1b\u202e\x07") & set(text)
    assert "\\x1b]0;a" in sheet(report.queries)
    rows = [line for line in gate_markdown(report).splitlines() if "[2J" in line]
    assert all(line.startswith(("- `X", "| X")) for line in rows), rows
