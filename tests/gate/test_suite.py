"""The strict reading of suite files; none of this imports Great Expectations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import SuiteError
from harness.gate import read_suite

from .conftest import ROOT, SuiteWriter, rule

GOOD = {"column": "score", "min_value": 0}
RANGE = "expect_column_values_to_be_between"


@pytest.mark.parametrize("name", ["btheb", "mbsr", "eudaimon3"])
def test_the_suites_of_the_repository_are_complete(name: str) -> None:
    suite = read_suite(ROOT / "expectations" / f"{name}.json")
    assert len(suite.rules) >= 25
    assert suite.name == name
    for one in suite.rules:
        assert one.sentence.endswith("."), one.rule
        assert one.severity in {"critical", "warning"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"meta": {}}, r"expectation 1 \(.*\): meta\.rule, the id of the rule, is missing"),
        ({"meta": {"rule": " "}}, "meta.rule, the id of the rule, is missing"),
        ({"meta": {"rule": "TYPE"}}, "rule TYPE: the id is kept for the gate's own rule"),
        ({"meta": {"rule": "R", "allow_vacous": True}}, "unknown key 'meta.allow_vacous'"),
        ({"meta": {"rule": "R", "allow_vacuous": 1}}, "meta.allow_vacuous true or false"),
        ({"meta": {"rule": "R", "source": "me"}}, "meta.source is codebook or hand"),
        ({"notes": ""}, "rule R: notes, the rule as a plain sentence, is missing"),
        ({"severity": "Critical"}, "severity 'Critical' is not one of critical, warning, info"),
        ({"kwarg": {}}, "unknown key 'kwarg'"),
        ({"kwargs": []}, r"type \(text\) and kwargs \(object\) are needed"),
        ({"type": None}, r"type \(text\) and kwargs \(object\) are needed"),
        ({"kwargs": {**GOOD, "result_format": "BASIC"}}, "result_format is set by the gate"),
        ({"kwargs": {**GOOD, "catch_exceptions": True}}, "catch_exceptions is set by the gate"),
        ({"kwargs": {**GOOD, "condition_parser": "pandas"}}, "condition_parser is set by the gate"),
    ],
)
def test_a_malformed_rule_is_named(
    change: dict[str, Any], message: str, write_suite: SuiteWriter
) -> None:
    path = write_suite({**rule("R", RANGE, **GOOD), **change})
    with pytest.raises(SuiteError, match=message) as caught:
        read_suite(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('true') == 0",
        "(lambda: score)() == 1",
        "score[0] == 1",
        "open('x') == 1",
        "eval('score') == 1",
        "@score == 1",
        "score == 1; score == 2",
        "[score for score in score] == 1",
        "f'{score}' == 1",
        "",
    ],
)
def test_a_hostile_expression_is_refused_before_anything_runs(
    expression: str, write_suite: SuiteWriter
) -> None:
    path = write_suite(rule("R", "expect_rows_to_satisfy", expression=expression))
    with pytest.raises(SuiteError, match=rf"{path}: rule R: "):
        read_suite(path)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("score > 0", "must be structured"),
        ({"type": "pass_through", "pass_through_filter": "@__import__('os')"}, "is not one of"),
        ({"type": "comparison", "column": {"name": "a"}, "operator": "=="}, "has exactly"),
        (
            {"type": "comparison", "column": "a", "operator": "==", "parameter": 1},
            "names its column as",
        ),
        (
            {"type": "comparison", "column": {"name": "a"}, "operator": "~", "parameter": 1},
            "operator '~' is not one of",
        ),
        (
            {"type": "comparison", "column": {"name": "a"}, "operator": "==", "parameter": None},
            "compares with a number or a text",
        ),
        (
            {"type": "comparison", "column": {"name": "a"}, "operator": "IN", "parameter": "b"},
            "operator IN needs a list",
        ),
        ({"type": "nullity", "column": {"name": "a"}, "is_null": 1}, "is_null true or false"),
        ({"type": "and", "conditions": []}, "needs a list of conditions"),
        ({"type": "or", "conditions": ["a == 1"]}, "must be structured"),
    ],
)
def test_only_structured_row_conditions_are_read(
    condition: object, message: str, write_suite: SuiteWriter
) -> None:
    path = write_suite(rule("R", RANGE, **GOOD, row_condition=condition))
    with pytest.raises(SuiteError, match=message):
        read_suite(path)


def test_a_rule_id_used_twice_is_refused(write_suite: SuiteWriter) -> None:
    path = write_suite(rule("R", RANGE, **GOOD), rule("Q", RANGE, **GOOD), rule("R", RANGE, **GOOD))
    with pytest.raises(SuiteError, match=r"rule id R is used twice \(expectations 1 and 3\)"):
        read_suite(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r":1: is not JSON"),
        ('{"name": "a",\n "name": "b"}', "the key `name` is given twice"),
        ('{"name": "a", "expectations": [NaN]}', "bare NaN is not JSON"),
        ("[]", "a suite is an object"),
        ('{"name": "a", "expectation": []}', "unknown key 'expectation'"),
        ('{"name": "a", "expectations": []}', "has no rules"),
        ('{"name": "a", "expectations": {}}', "has no rules"),
        ('{"name": "a"}', "has no rules"),
        ('{"name": "a", "meta": {"keys": []}}', "meta has only key, study"),
        ('{"name": "a", "meta": {"key": "id"}}', r"meta\.key is a list"),
        ("[" * 100_000, "is nested more than 40 deep"),
    ],
    ids=lambda value: value[:30],
)
def test_a_broken_file_is_one_line(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "suite.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SuiteError, match=message) as caught:
        read_suite(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_not_text_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="cannot read the suite: No such file"):
        read_suite(tmp_path / "absent.json")
    (tmp_path / "latin.json").write_bytes(b'{"name": "\xe9"}')
    with pytest.raises(SuiteError, match=r"latin\.json: is not UTF-8 \(byte 11\)"):
        read_suite(tmp_path / "latin.json")


def test_the_columns_of_a_rule_are_all_it_reads(write_suite: SuiteWriter) -> None:
    condition = {
        "type": "or",
        "conditions": [
            {"type": "nullity", "column": {"name": "w"}, "is_null": False},
            {"type": "comparison", "column": {"name": "v"}, "operator": "<", "parameter": 1},
        ],
    }
    path = write_suite(
        rule("A", "expect_rows_to_satisfy", expression="x > log(`y z`) or true", unit="id"),
        rule("B", "expect_constant_within", unit="id", column_list=["a", "b"]),
        rule("C", RANGE, column="u", row_condition=condition),
    )
    assert [one.columns for one in read_suite(path).rules] == [
        ("id", "x", "y z"),
        ("a", "b", "id"),
        ("u", "w", "v"),
    ]


def test_parameters_are_filled_in_and_must_agree_with_the_plan(write_suite: SuiteWriter) -> None:
    kwargs = {"by": ["arm"], "unit": "id", "counts": {"$PARAMETER": "consort"}}
    suite = read_suite(write_suite(rule("R", "expect_group_counts_to_equal", **kwargs)))
    assert suite.parameters == ("consort",)
    (filled,) = suite.with_parameters({"consort": {"T": 1}})
    assert filled.kwargs["counts"] == {"T": 1}
    with pytest.raises(SuiteError, match="suite parameter 'consort' has no value"):
        suite.with_parameters({})
    with pytest.raises(SuiteError, match="gives 'consrot', which no rule uses"):
        suite.with_parameters({"consort": {}, "consrot": {}})


def test_reading_a_suite_does_not_import_great_expectations() -> None:
    code = (
        "import sys; from harness.gate import read_suite, run_gate, write_gate; "
        f"read_suite({str(ROOT / 'expectations' / 'btheb.json')!r}); "
        "sys.exit('great_expectations' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert done.returncode == 0


def test_great_expectations_reads_the_same_file(btheb: Any) -> None:
    """A suite file stays GX's own format: GX builds every rule of it by itself."""
    import great_expectations as gx

    import harness.gate.rules  # noqa: F401 - registers the trial rules

    spec = json.loads(btheb.suite.read_text(encoding="utf-8"))
    for entry in spec["expectations"]:  # GX resolves parameters at run time, ours are filled first
        entry["kwargs"] = {
            name: btheb.parameters[value["$PARAMETER"]]
            if isinstance(value, dict) and "$PARAMETER" in value
            else value
            for name, value in entry["kwargs"].items()
            if name != "row_condition"
        }
    suite = gx.ExpectationSuite(**spec)
    assert len(suite.expectations) == len(spec["expectations"])


def test_a_suite_that_never_ends_is_not_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    endless = tmp_path / "endless.json"
    endless.symlink_to("/dev/zero")
    for path in (pipe, endless, tmp_path):
        with pytest.raises(SuiteError, match="not a regular file"):
            read_suite(path)


@pytest.mark.parametrize("depth", [41, 900, 200_000])
def test_a_suite_nested_without_end_is_refused(depth: int, tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_text(f'{{"name": "x", "expectations": {"[" * depth}{"]" * depth}}}')
    with pytest.raises(SuiteError, match="nested more than 40 deep"):
        read_suite(path)


def test_a_parameter_is_a_name_and_never_a_formula(write_suite: SuiteWriter) -> None:
    sneaky = {"column": "score", "min_value": {"$PARAMETER": "9 ^ 9 ^ 9", "and": 1}}
    with pytest.raises(SuiteError, match=r"rule R: a parameter is .* and nothing beside it"):
        read_suite(write_suite(rule("R", RANGE, **sneaky)))
    suite = read_suite(write_suite(rule("R", RANGE, column="score", min_value={"$PARAMETER": "a"})))
    with pytest.raises(SuiteError, match="asks for a parameter itself"):
        suite.with_parameters({"a": {"$PARAMETER": "9 ^ 9 ^ 9"}})


def test_a_rule_that_lets_everything_pass_is_refused(write_suite: SuiteWriter) -> None:
    with pytest.raises(SuiteError, match="rule R: mostly 0 would pass anything"):
        read_suite(write_suite(rule("R", RANGE, **GOOD, mostly=0)))
