"""The six things Great Expectations gets quietly wrong, each shown red through our own gate."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from harness.data import Finding
from harness.errors import DataError, SuiteError
from harness.gate import run_gate

from .conftest import ROOT, GatedStudy, SuiteWriter, broken, rule, verdicts

RANGE = "expect_column_values_to_be_between"
KEY = ("id", "time")


def in_range(name: str = "R-1", **other: object) -> dict[str, object]:
    return rule(name, RANGE, **{"column": "score", "min_value": 0, "max_value": 9, **other})


# Guard 1


def test_a_misspelt_rule_type_is_refused_and_the_right_one_suggested(
    small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    path = write_suite(rule("R-1", "expect_column_values_to_be_betwen", column="score"))
    with pytest.raises(SuiteError, match=rf"{path}: rule R-1: .*did you mean {RANGE}\?") as caught:
        run_gate(small, path, key=KEY)
    assert caught.value.exit_code == 4


def test_an_unknown_severity_is_refused(small: pd.DataFrame, write_suite: SuiteWriter) -> None:
    path = write_suite(in_range() | {"severity": "fatal"})
    with pytest.raises(SuiteError, match=r"rule R-1: severity 'fatal' is not one of critical"):
        run_gate(small, path, key=KEY)


def test_a_rule_type_that_needs_sql_is_refused(
    small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    path = write_suite(rule("R-1", "unexpected_rows_expectation", unexpected_rows_query="select"))
    with pytest.raises(SuiteError, match=r"rule R-1: .* needs SQL"):
        run_gate(small, path, key=KEY)


def test_an_unknown_argument_is_refused(small: pd.DataFrame, write_suite: SuiteWriter) -> None:
    path = write_suite(rule("R-1", RANGE, column="score", min=0, max_value=9))
    with pytest.raises(SuiteError, match=r"rule R-1: expect_column_values_to_be_between: "):
        run_gate(small, path, key=KEY)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"by": ["arm"], "unit": "id", "counts": {"T": 1.5}},
        {"by": ["arm"], "unit": "id", "counts": {"T": "1"}},
        {"by": ["arm"], "unit": "id"},
        {"by": ["arm"], "unit": "id", "counts": {"T": 1}, "mostly": 0.5},
    ],
    ids=["not-whole", "text", "absent", "unknown"],
)
def test_the_arguments_of_a_trial_rule_are_checked(
    kwargs: dict[str, object], small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    path = write_suite(rule("R-1", "expect_group_counts_to_equal", **kwargs))
    with pytest.raises(SuiteError, match=r"rule R-1: expect_group_counts_to_equal: "):
        run_gate(small, path, key=KEY)


# Guard 2


def test_an_empty_suite_is_refused(small: pd.DataFrame, write_suite: SuiteWriter) -> None:
    with pytest.raises(SuiteError, match="has no rules, so it would pass anything"):
        run_gate(small, write_suite(), key=KEY)


# Guard 3


def where(level: str) -> dict[str, object]:
    return {
        "row_condition": {
            "type": "comparison",
            "column": {"name": "arm"},
            "operator": "==",
            "parameter": level,
        }
    }


def test_a_condition_that_selects_no_row_is_vacuous_and_not_a_pass(
    small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    report = run_gate(small, write_suite(in_range(**where("zzz"))), key=KEY)
    assert verdicts(report)["R-1"] == "vacuous"
    assert (report.verdict, report.exit_code) == ("error", 4)


def test_a_condition_selects_the_rows_it_says(
    small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    tight = in_range(max_value=3, **where("T"))
    report = run_gate(small, write_suite(tight), key=KEY)
    (result,) = [found for found in report.rules if found.rule == "R-1"]
    assert (result.verdict, result.n_judged) == ("pass", 2)
    report = run_gate(small, write_suite(in_range(max_value=3, **where("M"))), key=KEY)
    (result,) = [found for found in report.rules if found.rule == "R-1"]
    assert (result.verdict, result.n_judged, result.n_failed) == ("fail", 3, 2)
    assert [(query.id, query.row) for query in report.queries] == [("b", 4), ("c", 5)]


@pytest.mark.parametrize(
    ("severity", "meta", "exit_code"),
    [("critical", {}, 4), ("critical", {"allow_vacuous": True}, 0), ("warning", {}, 0)],
)
def test_a_vacuous_rule_blocks_if_critical_and_not_allowed(
    severity: str,
    meta: dict[str, object],
    exit_code: int,
    small: pd.DataFrame,
    write_suite: SuiteWriter,
) -> None:
    entry = in_range(**where("zzz"))
    entry["severity"] = severity
    entry["meta"] = {"rule": "R-1", **meta}
    report = run_gate(small, write_suite(entry), key=KEY)
    assert verdicts(report)["R-1"] == "vacuous"
    assert report.exit_code == exit_code


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("expect_column_values_to_be_between", {"column": "score", "min_value": 0}),
        ("expect_column_mean_to_be_between", {"column": "score", "min_value": 0}),
        ("expect_column_stdev_to_be_between", {"column": "score", "min_value": 0}),
        ("expect_cells_to_be_between", {"column_list": ["score"], "min_value": 0}),
        ("expect_cells_to_be_whole", {"column_list": ["score"]}),
        ("expect_rows_to_satisfy", {"expression": "score >= 0"}),
        ("expect_items_to_sum_to_total", {"column_list": ["score", "score"]}),
        (
            "expect_change_to_be_between",
            {"unit": "id", "time": "time", "baseline": "pre", "column": "score", "min_value": 0},
        ),
    ],
)
def test_a_wholly_missing_column_is_vacuous(
    kind: str, kwargs: dict[str, object], small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    small["score"] = np.nan
    report = run_gate(small, write_suite(rule("R-1", kind, **kwargs)), key=KEY)
    assert broken(report) == ["R-1"]
    assert verdicts(report)["R-1"] in {"vacuous", "error"}
    assert report.exit_code == 4


# Guard 4


def test_columns_equal_but_for_case_are_an_error(
    small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    small["Score"] = 99.0
    report = run_gate(small, write_suite(in_range(), in_range("R-2", column="Score")), key=KEY)
    assert broken(report) == ["CASE", "R-1", "R-2"]
    assert report.exit_code == 4


def test_a_column_is_not_found_under_another_case(
    small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    frame = small.rename(columns={"score": "Score"})
    report = run_gate(frame, write_suite(in_range()), key=KEY)
    (result,) = report.with_verdict("error")
    assert result.detail == (
        "column 'score' is not in the data (there is 'Score'; names are case-sensitive)"
    )
    assert report.exit_code == 4


def test_two_columns_of_one_name_are_refused(small: pd.DataFrame, write_suite: SuiteWriter) -> None:
    frame = pd.concat([small, small[["score"]]], axis=1)
    with pytest.raises(DataError, match="two columns named 'score'"):
        run_gate(frame, write_suite(in_range()), key=KEY)


# Guard 5


@pytest.mark.parametrize("name", ["btheb", "mbsr", "eudaimon3"])
def test_every_column_of_a_study_has_a_rule_on_missing_values(
    name: str, request: pytest.FixtureRequest
) -> None:
    """Wholly missing, each column of each study is noticed, bar the one that may be empty."""
    study: GatedStudy = request.getfixturevalue(name)
    from harness.gate import read_suite

    limited = {
        column
        for one in read_suite(study.suite).rules
        if one.type == "expect_share_missing_to_be_at_most" and one.condition is None
        for column in one.kwargs["column_list"]
    }
    assert set(study.frame.columns) - limited == ({"lost_reason"} if name == "mbsr" else set())


def test_an_emptied_column_stops_the_study(btheb: GatedStudy) -> None:
    report = btheb.gate(btheb.frame.assign(bdi=np.nan))
    found = verdicts(report)
    assert found["RANGE-bdi"] == "vacuous"
    assert found["MISSING-25"] == "fail"
    assert report.exit_code == 4


def test_a_visit_that_was_never_entered_stops_the_study(
    small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    """Half of the values may be missing, but not all of one visit."""
    share = rule(
        "R-1", "expect_share_missing_to_be_at_most", column_list=["score"], at_most=0.5, by=["time"]
    )
    assert run_gate(small, write_suite(share), key=KEY).exit_code == 0
    small.loc[small["time"] == "post", "score"] = np.nan
    report = run_gate(small, write_suite(share), key=KEY)
    assert report.exit_code == 3
    assert [query.row for query in report.queries] == [2, 4, 6]


# Guard 6


@pytest.mark.parametrize("column", ["subject", "treatment", "month", "bdi", "drug"])
def test_a_removed_column_is_exit_4_or_a_data_error(column: str, btheb: GatedStudy) -> None:
    frame = btheb.frame.drop(columns=column)
    if column in btheb.key:
        with pytest.raises(DataError, match=f"no column '{column}'"):
            btheb.gate(frame)
        return
    report = btheb.gate(frame)
    assert report.exit_code == 4
    errors = report.with_verdict("error")
    assert errors
    assert all(one.detail == f"column '{column}' is not in the data" for one in errors)
    assert verdicts(report)["COLUMNS"] == "fail"


def test_a_rule_on_the_wrong_type_is_an_error_and_not_bad_data(
    small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    report = run_gate(small, write_suite(in_range(column="note")), key=KEY)
    assert "of the same type" in report.with_verdict("error")[0].detail
    assert (report.verdict, report.exit_code, report.queries) == ("error", 4, ())


@pytest.mark.parametrize(
    "expression",
    ["score + 1", "log(note) > 0", "arm == 'typo'", "change(score) > 0"],
    ids=["number", "log-of-text", "no-level", "no-panel"],
)
def test_an_expression_that_cannot_be_evaluated_is_an_error(
    expression: str, small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    path = write_suite(rule("R-1", "expect_rows_to_satisfy", expression=expression))
    report = run_gate(small, path, key=KEY)
    assert verdicts(report)["R-1"] == "error"
    assert report.exit_code == 4


@pytest.mark.parametrize("name", ["score.values", "score.__class__"])
def test_a_dotted_name_is_a_column_and_never_an_attribute(
    name: str, small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    path = write_suite(rule("R-1", "expect_rows_to_satisfy", expression=f"{name} == 1"))
    report = run_gate(small, path, key=KEY)
    assert report.with_verdict("error")[0].detail == f"column '{name}' is not in the data"
    assert report.exit_code == 4
    report = run_gate(small.assign(**{name: 1.0}), path, key=KEY)
    assert report.exit_code == 0


def test_an_error_in_a_warning_is_still_exit_4(
    small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    entry = in_range(column="absent") | {"severity": "warning"}
    assert run_gate(small, write_suite(entry), key=KEY).exit_code == 4


def test_an_absent_column_fails_the_rule_that_asks_whether_it_exists(
    small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    path = write_suite(rule("R-1", "expect_column_to_exist", column="absent"))
    report = run_gate(small, path, key=KEY)
    assert verdicts(report)["R-1"] == "fail"
    assert report.exit_code == 3


# Verdict and severity


def test_a_warning_is_shown_and_does_not_block(
    small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    entry = in_range(max_value=3) | {"severity": "warning"}
    report = run_gate(small, write_suite(entry), key=KEY)
    assert verdicts(report)["R-1"] == "fail"
    assert (report.verdict, report.exit_code) == ("pass", 0)
    assert [query.row for query in report.queries] == [4, 5]


def test_an_error_outweighs_a_failure(small: pd.DataFrame, write_suite: SuiteWriter) -> None:
    path = write_suite(in_range(max_value=3), in_range("R-2", column="absent"))
    report = run_gate(small, path, key=KEY)
    assert verdicts(report) == {"TYPE": "pass", "CASE": "pass", "R-1": "fail", "R-2": "error"}
    assert (report.verdict, report.exit_code) == ("error", 4)


def test_results_keep_the_order_of_the_suite(small: pd.DataFrame, write_suite: SuiteWriter) -> None:
    rules = [
        in_range("Z"),
        in_range("A", **where("M")),
        rule("M", "expect_cells_to_be_whole", column_list=["score"]),
        in_range("B", column="absent"),
    ]
    report = run_gate(small, write_suite(*rules), key=KEY)
    assert [found.rule for found in report.rules] == ["TYPE", "CASE", "Z", "A", "M", "B"]


def test_an_empty_frame_does_not_pass(btheb: GatedStudy) -> None:
    assert btheb.gate(btheb.frame.iloc[:0]).exit_code == 4


def test_findings_fail_the_built_in_rule_type(btheb: GatedStudy) -> None:
    frame = btheb.frame.copy()
    frame.loc[3, "bdi"] = np.nan
    report = btheb.gate(frame, findings=(Finding(4, "bdi", "1,5", "a whole number"),))
    assert broken(report) == ["TYPE"]
    assert (report.verdict, report.exit_code) == ("fail", 3)
    (query,) = report.queries
    assert (
        query.rule,
        query.id,
        query.time,
        query.column,
        query.value,
        query.allowed,
        query.row,
    ) == (*("TYPE", "S001", "5", "bdi", "1,5", "a whole number", 4),)


def test_rows_beyond_the_listing_limit_are_judged_in_two_passes(
    small: pd.DataFrame, write_suite: SuiteWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first pass only counts; the second lists the rows of what failed: same report."""
    path = write_suite(in_range(max_value=3), in_range("R-2"))
    whole = run_gate(small, path, key=KEY)
    monkeypatch.setattr("harness.gate.validator.LARGE", 2)
    assert run_gate(small, path, key=KEY) == whole
    assert [query.row for query in whole.queries] == [4, 5]


def test_the_gate_prints_nothing_and_leaves_the_process_as_it_was(
    write_suite: SuiteWriter,
) -> None:
    """In a process of its own: pytest would swallow what GX logs."""
    failing = in_range(max_value=3), in_range("R-2", column="word")
    script = f"""
import sys, warnings
import pandas as pd
from harness.errors import SuiteError
from harness.gate import run_gate
from harness.gate.suite import Rule
from harness.gate.validator import build

shown = warnings.showwarning
frame = pd.DataFrame({{"id": [1, 2], "score": [1.0, 5.0], "word": ["a", "b"]}})
found = [rule.verdict for rule in run_gate(frame, {str(write_suite(*failing))!r}, key=["id"]).rules]
assert found == ["pass", "pass", "fail", "error"], found
for change in ({{"kwargs": {{"colum": "a"}}}}, {{"severity": "fatal"}}):
    given = {{"kwargs": {{"column": "a"}}, "severity": "critical", **change}}
    try:
        build("suite.json", [Rule("R", {RANGE!r}, condition=None, sentence="s.", **given)])
    except SuiteError as error:
        assert str(error).startswith("suite.json: rule R: "), error
    else:
        raise AssertionError("not refused: " + str(change))
assert warnings.showwarning is shown
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_frame_is_left_as_it_was(btheb: GatedStudy) -> None:
    before = btheb.frame.copy(deep=True)
    btheb.gate()
    pd.testing.assert_frame_equal(btheb.frame, before)


def test_a_frame_with_another_index_is_judged_by_its_rows(
    small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    small.index = pd.Index([10, 10, 7, 8, 9, 9])
    report = run_gate(small, write_suite(in_range(max_value=3)), key=KEY)
    assert [(query.id, query.row) for query in report.queries] == [("b", 4), ("c", 5)]


def test_a_suite_with_another_key_than_the_plan_is_refused(
    small: pd.DataFrame, write_suite: SuiteWriter
) -> None:
    path = write_suite(in_range(), meta={"key": ["patient", "visit"]})
    with pytest.raises(
        SuiteError, match=r"meta\.key is patient, visit, the plan's key is id, time"
    ):
        run_gate(small, path, key=KEY)
