"""The query sheet: what it says, and that no spreadsheet runs it."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest

from harness.data import Finding
from harness.gate import Query, run_gate
from harness.gate.queries import sheet

from .conftest import GatedStudy, SuiteWriter, rule

KEY = ("id", "time")


def test_every_text_cell_of_the_sheet_is_defused() -> None:
    evil = "=HYPERLINK(1)"
    line = Query(evil, evil, evil, evil, evil, evil, evil, 3, evil)
    (_, cells) = csv.reader(io.StringIO(sheet([line])))
    assert cells == [f"'{evil}"] * 7 + ["3", f"'{evil}"]


def test_the_sheet_survives_commas_quotes_and_line_ends() -> None:
    line = Query("R", "a, b", "x", "", "c", 'say "no"\nnow', "", None)
    (head, cells) = csv.reader(io.StringIO(sheet([line])))
    assert ",".join(head) == "rule,sentence,id,time,column,value,allowed,row,resolution"
    assert cells == ["R", "a, b", "x", "", "c", 'say "no"\nnow', "", "", ""]


def test_a_finding_from_the_file_is_defused(btheb: GatedStudy) -> None:
    finding = Finding(2, "bdi", "=cmd|' /C calc'!A0", "a whole number")
    report = btheb.gate(findings=(finding,))
    (_, cells) = csv.reader(io.StringIO(sheet(report.queries)))
    assert cells[5] == "'=cmd|' /C calc'!A0"
    assert cells[7] == "2"


def test_a_finding_beyond_the_frame_or_in_the_key_has_no_patient(small: pd.DataFrame) -> None:
    from harness.gate.queries import queries_of_findings

    small.loc[0, "id"] = None
    found = [Finding(1, "id", "?", "an id"), Finding(99, "score", "?", "a number")]
    lines = queries_of_findings("TYPE", "s.", found, small, KEY)
    assert [(line.id, line.time) for line in lines] == [("", "pre"), ("", "")]


@pytest.mark.parametrize(
    ("kind", "kwargs", "column", "value", "allowed"),
    [
        (
            "expect_column_values_to_be_between",
            {"column": "score", "min_value": 0, "max_value": 4.5},
            *("score", "5", "0 to 4.5"),
        ),
        (
            "expect_cells_to_be_between",
            {"column_list": ["score"], "max_value": 4},
            *("score", "5", "at most 4"),
        ),
        (
            "expect_column_values_to_be_in_set",
            {"column": "score", "value_set": [1, 2, 3, 4]},
            *("score", "5", "1, 2, 3, 4"),
        ),
        (
            "expect_cells_not_to_be_codes",
            {"column_list": ["score"], "codes": [5, "x"]},
            *("score", "5", "a value, or an empty cell; not 5, x"),
        ),
        (
            "expect_rows_to_satisfy",
            {"expression": "score < 5 or note == 'x'"},
            *("score; note", "score=5; note==1+1", "score < 5 or note == 'x'"),
        ),
        (
            "expect_rows_to_satisfy",
            {"expression": "date < '2021-01-01' or score < 5 or is_missing(score)"},
            "date; score",
            "date=2021-01-01; score=5",
            "date < '2021-01-01' or score < 5 or is_missing(score)",
        ),
        (
            "expect_items_to_sum_to_total",
            {"column_list": ["score", "double"], "divisor": 0.5},
            *("double", "7", "10, the sum of the items"),
        ),
    ],
)
def test_a_query_line_says_what_is_there_and_what_would_do(
    kind: str,
    kwargs: dict[str, object],
    column: str,
    value: str,
    allowed: str,
    small: pd.DataFrame,
    write_suite: SuiteWriter,
) -> None:
    small["double"] = small["score"] * 2
    small.loc[4, "double"] = 7
    report = run_gate(small, write_suite(rule("R-1", kind, **kwargs)), key=KEY)
    (line,) = report.queries
    assert line == Query("R-1", "Sentence of R-1.", "c", "pre", column, value, allowed, 5)


def test_a_duplicated_key_lists_both_rows(small: pd.DataFrame, write_suite: SuiteWriter) -> None:
    small.loc[1, "time"] = "pre"
    path = write_suite(
        rule("K", "expect_compound_columns_to_be_unique", column_list=["id", "time"])
    )
    report = run_gate(small, path, key=KEY)
    assert [(line.row, line.column, line.value) for line in report.queries] == [
        (1, "id; time", "id=a; time=pre"),
        (2, "id; time", "id=a; time=pre"),
    ]


def test_a_rule_on_counts_is_one_line_without_a_patient(
    small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    path = write_suite(
        rule("F", "expect_group_counts_to_equal", by=["arm"], unit="id", counts={"T": 1, "M": 3})
    )
    (line,) = run_gate(small, path, key=KEY).queries
    assert line == Query(
        "F",
        "Sentence of F.",
        "",
        "",
        "arm; id",
        "M: 2 found, 3 expected",
        "T: 1; M: 3",
        None,
    )


def test_a_study_without_visits_has_no_time(small: pd.DataFrame, write_suite: SuiteWriter) -> None:
    path = write_suite(rule("R", "expect_cells_to_be_between", column_list=["score"], max_value=4))
    (line,) = run_gate(small, path, key=("id",)).queries
    assert (line.id, line.time) == ("c", "")
