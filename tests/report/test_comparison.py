"""The summary of a comparison of two files, as text and as JSON, and through the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from estimates_by_hand import estimates, with_value

from harness.cli.main import status
from harness.compare import compare_files
from harness.estimates import write_fit
from harness.report.comparison import comparison_json, summary_text
from harness.report.files import diff_json

PAPER = (
    "term,estimate,p_value\n(Intercept),23.50,0.000\ntreatmentBtheB,-4.20,0.031\n"
    "week,-0.33,0.147\nmonth,1.00,0.500\n"
)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    paper = tmp_path / "paper.csv"
    paper.write_text(PAPER, encoding="utf-8")
    ours = with_value(estimates(), "treatmentBtheB", "estimate", -4.2031)
    return write_fit(tmp_path / "ours.json", ours), paper


def test_the_text_counts_and_says_where(files: tuple[Path, Path]) -> None:
    text = summary_text(compare_files(*files), "ours.json", "paper.csv")
    lines = text.split("\n")
    assert lines[:5] == [
        "left   ours.json",
        "right  paper.csv",
        "models: 1 on both sides",
        "numbers on both sides: 6: 2 equal exactly, 3 equal to the digits printed, 1 unequal",
        "only left: 2, only right: 2",
    ]
    assert lines[5].startswith("not compared, the right file has none; only left: aic (1), bic (1)")
    cells = {line.split()[0]: line.split() for line in lines[9:]}
    assert cells["estimate"][:5] == ["estimate", "3", "1", "0.095", "SE"]
    assert cells["estimate"][-1] == "week"
    assert cells["p_value"][-1] == "treatmentBtheB"


def test_the_json_holds_the_summary_and_the_rows_of_the_diff_table(
    files: tuple[Path, Path],
) -> None:
    table = compare_files(*files)
    document = json.loads(comparison_json(table))
    told = document.pop("summary")
    assert document == json.loads(diff_json(table))
    assert (told["compared"], told["exactly"], told["printed"], told["unequal"]) == (6, 2, 3, 1)
    assert (told["only_left"], told["only_right"], told["models"]) == (2, 2, 1)
    assert {"side": "python", "quantity": "aic", "count": 1} in told["unasked"]
    largest = told["largest"][0]
    assert (largest["quantity"], largest["term"], largest["metric"]) == ("estimate", "week", "SE")
    assert largest["delta"] == pytest.approx(0.02 / 0.21)


def test_names_from_files_cannot_move_the_cursor(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(f"term,estimate\nx\x1b[2J,{ord(name[0])}\n", encoding="utf-8")
    table = compare_files(tmp_path / "a.csv", tmp_path / "b.csv")
    assert "\x1b" not in summary_text(table, "a", "b\x1b[2J")


def test_the_command_prints_both_and_leaves_with_the_tables_code(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["compare", *map(str, files)]) == 1
    told = capsys.readouterr().out
    assert "estimate of week: differs" in told
    assert "3 equal to the digits printed" in told
    assert status(["compare", *map(str, files), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["summary"]["unequal"] == 1
    assert status(["compare", *map(str, files), "--quiet"]) == 1
    assert capsys.readouterr().out == ""


def test_a_file_that_cannot_be_read_is_one_line_and_exit_2(
    tmp_path: Path, files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text('term,estimate\na,"1,40"\n', encoding="utf-8")
    assert status(["compare", str(files[0]), str(bad)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert f"{bad}:2: estimate `1,40` is not a number" in said.err
