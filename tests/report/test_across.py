"""What the reports say of results across sets, and the file they leave."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from harness.compare.across_sets import AcrossSets, InSet
from harness.report.across import ACROSS_HEADER, across_lines, across_sentence
from harness.report.content import RunRecord
from harness.report.html import report_html
from harness.report.markdown import diff_markdown
from harness.report.run_files import write_run
from harness.report.terminal import render_run

ITT = InSet("ITT", -2.5, 1.0, -4.5, -0.5, 0.0123456789, "negative")
SAME = InSet("PP", -2.25, 1.0, -4.25, -0.25, 0.03, "negative", 0.25, another=False)
OTHER = InSet("PP", -1.5, 1.0, -3.5, 0.5, 0.2, "none", 1.0, another=True)
NOT = InSet("PP", note="p_value: differs")


def result(term: str, *sets: InSet, quantity: str = "estimate") -> AcrossSets:
    return AcrossSets("efficacy", "bdi", "", "bdi ~ arm", term, quantity, sets or (ITT, OTHER))


def test_nothing_to_say_of_one_set() -> None:
    assert across_sentence(()) == ""


def test_the_same_decision_is_a_short_sentence() -> None:
    results = (result("a", ITT, SAME), result("c", ITT, SAME, quantity="contrast"))
    assert across_sentence(results) == (
        "across sets: 1 coefficient and 1 contrast lead to the same decision in PP as in ITT; "
        "information"
    )


def test_one_alone_leads() -> None:
    only = (result("arm", ITT, SAME),)
    assert across_sentence(only).startswith(
        "across sets: 1 coefficient leads to the same decision in PP as in ITT"
    )


def test_other_decisions_are_counted_and_the_first_are_named() -> None:
    results = (
        *(result(f"k{k}", ITT, OTHER, quantity="contrast") for k in range(3)),
        result("armNew"),
        result("armOld", ITT, SAME),
        result("armOdd", ITT, NOT),
    )
    assert across_sentence(results) == (
        "across sets: 1 of 2 coefficients and 3 of 3 contrasts lead to another decision in PP "
        "than in ITT: efficacy/bdi armNew, efficacy/bdi k0, efficacy/bdi k1 and 1 more, "
        "1 not compared; information"
    )
    assert "1 of 1 coefficient leads to another" in across_sentence((result("a"),))
    assert "no results lead to the same decision in PP as in ITT, 1 not compared" in (
        across_sentence((result("a", ITT, NOT),))
    )


def test_other_decisions_come_first_in_the_table() -> None:
    lines = across_lines((result("same", ITT, SAME), result("odd", ITT, NOT), result("other")))
    cells = [dict(zip(ACROSS_HEADER, line.cells, strict=True)) for line in lines]
    assert [c["term"] for c in cells] == ["other", "", "same", "", "odd", ""]
    assert [c["decision"] for c in cells] == [
        *("negative", "another: none, not negative", "negative", "negative", "negative"),
        "not compared: p_value: differs",
    ]
    assert cells[1]["from the first set, in its SE"] == "+1.00"
    assert cells[1]["95 % interval"] == "-3.500 to 0.5000"


def test_every_report_has_it_and_no_count_or_exit_code_does(
    record: Callable[..., RunRecord], tmp_path: Path
) -> None:
    without, told = record(), record(across=(result("a<b>"),))
    assert told.exit_code == without.exit_code
    assert told.diff.counts == without.diff.counts
    shown = render_run(told, colour=False).split("\n")
    (line,) = [line for line in shown if line.startswith("across sets: 1 of 1 coefficient")]
    assert shown[shown.index(line) + 2] == render_run(without, colour=False).split("\n")[-1]
    assert "## Across analysis sets" in diff_markdown(told)
    assert "<h2>Across analysis sets</h2>" in report_html(told)
    assert "a&lt;b&gt;" in report_html(told)
    write_run(told, tmp_path)
    rows = list(csv.DictReader((tmp_path / "sets.csv").open(encoding="utf-8")))
    assert [(r["set"], r["first_set"], r["another_decision"]) for r in rows] == [
        ("ITT", "ITT", ""),
        ("PP", "ITT", "1"),
    ]
    assert float(rows[0]["p_value"]) == 0.0123456789
    assert "sets.csv" not in (tmp_path / "diff.json").read_text(encoding="utf-8")
    write_run(without, tmp_path)
    assert not (tmp_path / "sets.csv").exists()
