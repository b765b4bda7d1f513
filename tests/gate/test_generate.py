"""Suites are what the codebooks give, to the byte, and hand-written rules survive."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.data import read_codebook
from harness.gate.generate import main, regenerate, render

from .conftest import ROOT

NAMES = ["btheb", "mbsr", "eudaimon3"]
HEAD = "variable,type,levels,unit,min,max,lod,items,direction,label,times,missing\n"


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_suite_is_what_the_codebook_gives(name: str) -> None:
    suite = ROOT / "expectations" / f"{name}.json"
    codebook = read_codebook(ROOT / "fixtures" / name / "codebook.csv")
    present = suite.read_text(encoding="utf-8")
    assert regenerate(codebook.variables, present, name) == present, (
        f"run python -m harness.gate.generate fixtures/{name}/codebook.csv {suite}"
    )


@pytest.fixture
def copies(tmp_path: Path) -> tuple[Path, Path]:
    shutil.copy(ROOT / "fixtures" / "btheb" / "codebook.csv", tmp_path / "codebook.csv")
    shutil.copy(ROOT / "expectations" / "btheb.json", tmp_path / "btheb.json")
    return tmp_path / "codebook.csv", tmp_path / "btheb.json"


def test_a_changed_codebook_changes_its_rules_and_only_those(
    copies: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    codebook, suite = copies
    before = json.loads(suite.read_text())["expectations"]
    assert main([str(codebook), str(suite), "--check"]) == 0
    codebook.write_text(codebook.read_text().replace(",0,63,", ",0,60,"))
    assert main([str(codebook), str(suite), "--check"]) == 1
    assert "run without --check" in capsys.readouterr().err
    assert json.loads(suite.read_text())["expectations"] == before
    assert main([str(codebook), str(suite)]) == 0
    assert main([str(codebook), str(suite), "--check"]) == 0
    after = json.loads(suite.read_text())["expectations"]
    changed = [new["meta"]["rule"] for old, new in zip(before, after, strict=True) if old != new]
    assert changed == ["RANGE-bdi"]


def test_a_new_suite_is_made_from_a_codebook_alone(tmp_path: Path) -> None:
    codebook, suite = tmp_path / "codebook.csv", tmp_path / "study.json"
    codebook.write_text(HEAD + "id,id,,,,,,,,,,\narm,factor,A;B,,,,,,,,,\n")
    assert main([str(codebook), str(suite)]) == 0
    spec = json.loads(suite.read_text())
    assert (spec["name"], spec["meta"]) == ("study", {"key": ["id"]})
    assert [entry["meta"]["rule"] for entry in spec["expectations"]] == [
        *("COLUMNS", "LEVELS-arm", "CODES-arm", "MISSING-0"),
    ]


def rules_of(lines: str, tmp_path: Path, key: str = '["id", "visit"]') -> dict[str, dict]:
    path = tmp_path / "codebook.csv"
    path.write_text(HEAD + "id,id,,,,,,,,,,\nvisit,factor,pre;post,,,,,,,,,\n" + lines)
    variables = read_codebook(path).variables
    text = regenerate(variables, f'{{"name": "s", "meta": {{"key": {key}}}}}', "s")
    return {entry["meta"]["rule"]: entry for entry in json.loads(text)["expectations"]}


def test_items_of_one_scale_share_a_rule(tmp_path: Path) -> None:
    lines = "".join(f"q_{k},integer,,points,0,4,,,,,,\n" for k in (1, 2, 3))
    rules = rules_of(lines + "q_4,integer,,points,0,5,,,,,,\nil6,number,,,0,,,,,,,\n", tmp_path)
    assert rules["RANGE-q_1..q_3"]["kwargs"]["column_list"] == ["q_1", "q_2", "q_3"]
    assert rules["RANGE-q_4"]["kwargs"] == {"column": "q_4", "min_value": 0, "max_value": 5}
    assert rules["RANGE-il6"]["kwargs"] == {"column": "il6", "min_value": 0}
    assert rules["RANGE-il6"]["notes"] == "il6 is at least 0."


def test_a_total_is_the_sum_of_its_items_over_its_divisor(tmp_path: Path) -> None:
    lines = "a,number,,,,,,,,,,\nb,number,,,,,,,,,,\nt,number,,,,,,a;b / 3,,,,\n"
    rule = rules_of(lines, tmp_path)["SUM-t"]
    assert rule["kwargs"] == {"column_list": ["a", "b", "t"], "divisor": 3, "tolerance": 0.01}
    assert rule["notes"] == "t is the sum of a and b divided by 3."


def test_missing_shares_follow_times_and_limits(tmp_path: Path) -> None:
    lines = (
        "a,number,,,,,,,,,,\nb,number,,,,,,,,,,0.2\n"
        "c,number,,,,,,,,,pre,\nd,number,,,,,,,,,post,0.15\ne,text,,,,,,,,,,1\n"
    )
    rules = rules_of(lines, tmp_path)
    assert rules["MISSING-0"]["kwargs"] == {"column_list": ["id", "visit", "a"], "at_most": 0}
    assert rules["MISSING-20"]["kwargs"] == {
        "column_list": ["b"],
        "at_most": 0.2,
        "by": ["visit"],
    }
    at_post = rules["MISSING-post-15"]["kwargs"]
    assert at_post["row_condition"]["parameter"] == ["post"]
    assert rules["MISSING-pre-0"]["kwargs"]["column_list"] == ["c"]
    named = [
        c
        for r in rules.values()
        if r["meta"]["rule"].startswith("MISSING")
        for c in r["kwargs"]["column_list"]
    ]
    assert "e" not in named
    assert rules["CODES-visit"]["kwargs"]["column_list"] == ["visit", "e"]


def test_codes_inside_a_range_are_values(tmp_path: Path) -> None:
    lines = "w,number,,kg,35,110,,,,,,\nx,number,,,0,,,,,,,\nz,number,,,,,,,,,,\n"
    rules = rules_of(lines + "h,number,,cm,140,185,,,,,,\n", tmp_path)
    assert rules["CODES-h"]["kwargs"]["codes"] == [-9, -99, -999, 99, 999, 9999]
    assert rules["CODES-w"]["kwargs"] == {
        "column_list": ["w", "x"],
        "codes": [-9, -99, -999, 999, 9999],
    }
    assert rules["CODES-z"]["kwargs"]["codes"] == [-999, 999, 9999]


def test_a_bad_codebook_or_suite_is_a_message(
    copies: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    codebook, suite = copies
    suite.write_text('{"name": "btheb", "expectations": []}')
    assert main([str(codebook), str(suite)]) == 4
    codebook.write_text(HEAD + "id,identity,,,,,,,,,,\n")
    suite.unlink()
    assert main([str(codebook), str(suite)]) == 2
    err = capsys.readouterr().err
    assert "has no rules" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "value",
    [{}, [], {"a": {}}, {"a": ["x" * 60] * 5, "b": [[1, 2], {"c": "é"}]}, list(range(200))],
)
def test_rendered_json_reads_back(value: object) -> None:
    text = render(value)
    assert json.loads(text) == value
    assert max(map(len, text.splitlines())) <= 100
