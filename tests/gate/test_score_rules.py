"""The gate on questionnaires: possible answers, and scores that are what the answers give."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from scored_study import ANSWERS, CODEBOOK, PLAN, STORED, TOTALS, data, write_scored
from small_study import changed

from harness.data import open_study
from harness.errors import SuiteError
from harness.gate import GateReport, read_suite, write_gate
from harness.pipeline import gate_study, run

from .conftest import SuiteWriter, broken, rule


def gate(folder: Path, **files: str) -> GateReport:
    return gate_study(open_study(write_scored(folder, **files)))


def stored(**changes: str) -> list[str]:
    """The true totals as cells, some of them changed by row."""
    cells = [str(total) for total in TOTALS]
    for row, cell in changes.items():
        cells[int(row.removeprefix("row"))] = cell
    return cells


def test_scores_that_agree_pass(tmp_path: Path) -> None:
    report = gate(tmp_path, codebook=CODEBOOK + STORED, text=data(stored()))
    by_rule = {one.rule: one for one in report.rules}
    assert list(by_rule) == ["TYPE", "CASE", "ANSWERS:pss", "SCORES:pss", "KEY-01"]
    assert (by_rule["ANSWERS:pss"].n_judged, by_rule["SCORES:pss"].n_judged) == (80, 8)
    assert (report.verdict, report.exit_code, report.queries) == ("pass", 0, ())


def test_a_score_the_file_lacks_has_nothing_to_compare(tmp_path: Path) -> None:
    report = gate(tmp_path)
    assert [one.rule for one in report.rules] == ["TYPE", "CASE", "ANSWERS:pss", "KEY-01"]


def test_a_score_that_disagrees_blocks_with_its_row_and_both_values(tmp_path: Path) -> None:
    report = gate(tmp_path, codebook=CODEBOOK + STORED, text=data(stored(row3="21")))
    assert (report.exit_code, list(broken(report))) == (3, ["SCORES:pss"])
    (query,) = report.queries
    assert (query.id, query.time, query.column, query.row) == ("p1", "post", "pss_total", 4)
    assert (query.value, query.allowed) == ("21", "20, recomputed from the answers")
    (failed,) = report.with_verdict("fail")
    assert (failed.n_judged, failed.n_failed, failed.detail) == (8, 1, "pss_total: 1")
    assert "21" not in failed.sentence + failed.detail


def test_nothing_is_fitted_on_scores_that_disagree(tmp_path: Path) -> None:
    path = write_scored(tmp_path, codebook=CODEBOOK + STORED, text=data(stored(row0="17")))
    result = run(path, reference="recorded")
    assert (result.exit_code, result.fits) == (3, ())


def test_a_score_beside_missing_answers_and_a_missing_score_disagree(tmp_path: Path) -> None:
    answers = [ANSWERS[0].replace("0", ".", 1), *ANSWERS[1:]]
    text = data(stored(row1=""), answers)
    report = gate(tmp_path, codebook=CODEBOOK + STORED, text=text)
    assert [(q.row, q.value, q.allowed) for q in report.queries] == [
        (1, "16", "an empty cell: the answers give no score"),
        (2, "", "40, recomputed from the answers"),
    ]
    both = gate(tmp_path / "b", codebook=CODEBOOK + STORED, text=data(stored(row0=""), answers))
    assert both.exit_code == 0


def test_a_rounded_score_needs_to_be_declared(tmp_path: Path) -> None:
    answers = [ANSWERS[0].replace("0", ".", 1), *ANSWERS[1:]]
    text = data(stored(row0="17.78"), answers)
    codebook = CODEBOOK + STORED.replace("integer", "number")
    plan = changed(PLAN, "width: 2}", "width: 2}, missing: one")
    assert gate(tmp_path / "a", plan=plan, codebook=codebook, text=text).exit_code == 3
    plan = changed(plan, "missing: one", "missing: one, decimals: 2")
    assert gate(tmp_path / "b", plan=plan, codebook=codebook, text=text).exit_code == 0
    plan = changed(plan, "decimals: 2", "decimals: 3")
    assert gate(tmp_path / "c", plan=plan, codebook=codebook, text=text).exit_code == 3


def test_scores_from_answers_that_were_not_reversed_are_seen(tmp_path: Path) -> None:
    sums = [str(sum(map(int, row.split()))) for row in ANSWERS]
    report = gate(tmp_path, codebook=CODEBOOK + STORED, text=data(sums))
    (failed,) = report.with_verdict("fail")
    assert (failed.rule, failed.n_failed) == ("SCORES:pss", 7)  # all twos is twenty either way


def hint(report: GateReport) -> str:
    (failed,) = report.with_verdict("fail")
    _, _, said = failed.detail.partition("; ")
    return said


def test_the_refusal_names_the_entry_under_which_all_would_agree(tmp_path: Path) -> None:
    one_gone = [ANSWERS[0].replace("0", ".", 1), *ANSWERS[1:]]
    number = CODEBOOK + STORED.replace("integer", "number")
    sums = [str(sum(map(int, row.split()))) for row in ANSWERS]
    cases = {
        "`missing: one`": data(stored(row0=repr(160 / 9)), one_gone),
        "`missing: one`, `decimals: 3`": data(stored(row0="17.778"), one_gone),
        "`recoded: true`": data(sums),
        "": data(stored(row3="21")),
    }
    for place, (entry, text) in enumerate(cases.items()):
        said = hint(gate(tmp_path / str(place), codebook=number, text=text))
        assert said == (f"with {entry} in the plan's `pss` all would agree" if entry else "")


def test_rounding_alone_and_another_form_are_named(tmp_path: Path) -> None:
    """A mean of twelve answers, stored with two decimals, or as the sum the plan did not ask."""
    answers = [f"{row} {row[:3]}" for row in ["3 2 5 4 1 2 3 4 5 1"] * 7 + ["5 2 5 4 1 2 3 4 5 2"]]
    items = [f"q{k:02d}" for k in range(1, 13)]
    # Items 1, 4, 8, 9, 11 and 12 count 6 minus the answer: 3+2+5+2+1+2+3+2+1+1+3+4 = 29, then
    # 1+2+5+2+1+2+3+2+1+2+1+4 = 26.
    sums = [29] * 7 + [26]
    head = CODEBOOK[: CODEBOOK.index("q01")]
    codebook = head + "".join(f"{item},integer,,,1,5,,,,,,\n" for item in items)
    codebook += "pss_total,number,,,,,,,higher is better,,,\n"
    plan = changed(PLAN, "instrument: PSS-10", "instrument: SCS-SF, version: mean")
    for place, (entry, values) in enumerate(
        {
            "`decimals: 2`": [f"{total / 12:.2f}" for total in sums],
            "`version: sum`": [str(total) for total in sums],
        }.items()
    ):
        text = data(values, answers).replace("q10,", "q10,q11,q12,", 1)
        report = gate(tmp_path / str(place), plan=plan, codebook=codebook, text=text)
        assert hint(report) == f"with {entry} in the plan's `pss` all would agree"


@pytest.mark.parametrize("answer", ["5", "-1", "2.5"])
def test_an_impossible_answer_blocks(answer: str, tmp_path: Path) -> None:
    answers = [*ANSWERS[:7], ANSWERS[7][:-1] + answer]
    codebook = CODEBOOK.replace("q10,integer,,,0,4", "q10,number,,,,")
    report = gate(tmp_path, codebook=codebook, text=data(answers=answers))
    assert (report.exit_code, list(broken(report))) == (3, ["ANSWERS:pss"])
    (query,) = report.queries
    assert (query.id, query.time, query.column) == ("p3", "post", "q10")
    assert (query.value, query.allowed) == (answer, "0 to 4, whole")


def test_no_answer_at_all_is_nothing_to_judge(tmp_path: Path) -> None:
    empty = [" ".join(["."] * 10)] * 8
    report = gate(tmp_path, text=data(answers=empty))
    assert (report.exit_code, list(broken(report))) == (4, ["ANSWERS:pss"])


def test_the_query_sheet_has_the_values_and_the_report_does_not(tmp_path: Path) -> None:
    report = gate(tmp_path, codebook=CODEBOOK + STORED, text=data(stored(row6="33")))
    written = write_gate(report, tmp_path / "out")
    with written[2].open(encoding="utf-8", newline="") as file:
        (line,) = csv.DictReader(file)
    assert (line["rule"], line["value"], line["allowed"][:2]) == ("SCORES:pss", "33", "30")
    text = written[1].read_text(encoding="utf-8")
    assert "`SCORES:pss` (critical) failed: 1 of 8 judged; pss_total: 1." in text


@pytest.mark.parametrize("name", ["ANSWERS:pss", "SCORES:anything"])
def test_a_suite_cannot_take_the_names(name: str, write_suite: SuiteWriter) -> None:
    kind = "expect_column_values_to_not_be_null"
    with pytest.raises(SuiteError, match="kept for the gate's own rule"):
        read_suite(write_suite(rule(name, kind, column="id")))
