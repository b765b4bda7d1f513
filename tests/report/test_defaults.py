"""What lme4 prints by default, in the reports: beside the table, never among its counts."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from estimates_by_hand import KEY, pair, with_value

from harness.compare import DiffTable, compare_model, join
from harness.compare.reported import reported_rows
from harness.models.record import Estimates, Reported
from harness.models.spec import ModelKey
from harness.report.content import RunRecord
from harness.report.defaults import DEFAULTS_HEADER, defaults_lines, defaults_sentence
from harness.report.files import rows_csv
from harness.report.html import report_html
from harness.report.markdown import diff_markdown
from harness.report.run_files import write_run
from harness.report.terminal import render_diff


def table(*answers: Estimates, messages: tuple[str, ...] = ()) -> DiffTable:
    """Models whose default fits printed these answers' numbers."""
    python, r = pair()
    rows, told = [], []
    for place, printed in enumerate(answers):
        key = replace(KEY, outcome=f"bdi{place}")
        reported = Reported(
            messages, printed.fixed, printed.random, printed.fit.criterion, printed.theta
        )
        rows.append(compare_model(key, python, r))
        told += reported_rows(key, python, replace(r, reported=reported))
    return replace(join(rows), reported=tuple(told))


def short_of_the_optimum() -> Estimates:
    _, r = pair()
    printed = with_value(r, "", "criterion", r.fit.criterion + 5.1e-4)
    printed = with_value(printed, "week", "df", 128.0)
    return with_value(printed, "treatmentBtheB", "p_value", 0.06)


def test_where_r_did_not_look_nothing_is_said() -> None:
    plain = table()
    assert defaults_sentence(plain) == ""
    assert "by default" not in render_diff(plain, colour=False)


def test_the_same_numbers_are_one_sentence() -> None:
    _, r = pair()
    said = defaults_sentence(table(r, with_value(r, "week", "df", 44.4 * 1.002)))
    assert said == (
        "as lme4 reports by default: the same in 2 models, within limits of print "
        "(nearest 20 % of a limit); information"
    )
    assert defaults_lines(table(r, r)) == []


def test_other_numbers_are_a_line_a_model() -> None:
    _, r = pair()
    given = table(r, short_of_the_optimum(), messages=("Model failed to converge",))
    assert defaults_sentence(given) == (
        "as lme4 reports by default: other numbers in 1 of 2 models; information, counted nowhere"
    )
    (line,) = defaults_lines(given)
    cells = dict(zip(DEFAULTS_HEADER, line.cells, strict=True))
    assert cells["model"] == "efficacy/ITT/bdi1"
    assert (cells["numbers"], cells["beyond"]) == ("21", "3")
    assert cells["furthest"] == "df of week"
    assert (cells["Python"], cells["lme4 by default"]) == ("44.400000", "128.00000")
    assert (cells["difference"], cells["limit"]) == ("1.9 relative", "0.01")
    assert cells["remark"].startswith(
        "stopped 0.00051 above the lowest criterion; 1 decision flips; "
    )
    assert cells["remark"].endswith("lme4 says: Model failed to converge")


def test_a_model_lme4_refuses_by_default_says_why() -> None:
    python, r = pair()
    told = reported_rows(KEY, python, replace(r, reported=Reported(("no, <b>never</b>",))))
    (line,) = defaults_lines(DiffTable((), reported=told))
    assert line.cells[-1] == "lme4 by default: no, <b>never</b>"


@pytest.mark.parametrize("printed", ["the same", "others"])
def test_every_report_has_it_and_no_count_does(
    record: Callable[..., RunRecord], tmp_path: Path, printed: str
) -> None:
    _, r = pair()
    diff = table(r if printed == "the same" else short_of_the_optimum(), messages=("<i>",))
    made = record(diff=diff)
    sentence = defaults_sentence(diff)
    assert sentence in render_diff(diff, colour=False)
    assert "## As lme4 reports by default" in diff_markdown(made)
    page = report_html(made)
    assert "<h2>As lme4 reports by default</h2>" in page
    assert "<i>" not in page
    assert sum(diff.counts.values()) == len(diff.rows)
    write_run(made, tmp_path)
    rows = list(csv.DictReader((tmp_path / "lme4_defaults.csv").open(encoding="utf-8")))
    assert {row["tier"] for row in rows} == {"T3"}
    assert len(rows) == len(diff.reported)
    assert "T3" not in (tmp_path / "diff.csv").read_text(encoding="utf-8")


def test_a_run_without_it_leaves_no_file_of_an_earlier_one(
    record: Callable[..., RunRecord], tmp_path: Path
) -> None:
    (tmp_path / "lme4_defaults.csv").write_text("of an earlier run\n", encoding="utf-8")
    write_run(record(), tmp_path)
    assert not (tmp_path / "lme4_defaults.csv").exists()


def test_a_formula_in_a_name_is_defused() -> None:
    python, r = pair()
    key = ModelKey("=cmd()", "ITT", "bdi")
    reported = Reported((), r.fixed, r.random, r.fit.criterion)
    told = reported_rows(key, python, replace(r, reported=reported))
    read = list(csv.DictReader(io.StringIO(rows_csv(told))))
    assert {row["analysis"] for row in read} == {"'=cmd()"}
