"""What a user gets wrong on the command line: exit 2, one line, and what to do."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import FIXTURES, ROOT, Run

SLEEP = FIXTURES / "classics" / "sleepstudy.csv"


@pytest.mark.parametrize("command", ["doctor", "schema", "gate", "run", "fit", "compare", "record"])
def test_every_command_has_help(harness: Run, command: str) -> None:
    told = harness(command, "--help")
    assert told.code == 0
    assert "Usage: harness" in told.out


def test_help_comes_within_half_a_second() -> None:
    durations = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "harness", "--help"], check=True, capture_output=True, cwd=ROOT
        )
        durations.append(time.perf_counter() - start)
    assert min(durations) < 0.5, f"`harness --help` took {min(durations):.2f} s at best"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fit", "Reaction ~ Days + (Days | Subjct)", SLEEP], "no column `Subjct`"),
        (["fit", "Reaction ~ Days +", SLEEP], "at character"),
        (["fit", "Reaction ~ `a\nb` + Days", SLEEP], "`a\\nb`"),
        (["fit", "Reaction ~ Days", SLEEP, "--factor", "a\nb"], "a\\nb"),
        (["fit", "Reaction ~ system(1)", SLEEP], "no function `system`"),
        (["fit", "Reaction ~ Days", "nowhere.csv"], "nowhere.csv: does not exist"),
        (["fit", "Reaction ~ Days", SLEEP, "--engine", "sas"], "no engine is called 'sas'"),
        (["fit", "Reaction ~ Days", SLEEP, "--factor", "Dayz"], "no column `Dayz`"),
        (["fit", "Reaction ~ Days", SLEEP, "--factor", "=1"], "name each column once"),
        (["fit", "Reaction ~ Days", SLEEP, "--factor", "Days=0,0"], "levels must be distinct"),
        (["fit", "Reaction ~ Days", SLEEP, "--df", "magic"], "magic"),
        (
            ["fit", "Reaction ~ Days + (1 | Subject)", SLEEP, "--ml", "--df", "kenward-roger"],
            "Kenward-Roger needs a REML fit",
        ),
        (["fit", "Reaction ~ Days", SLEEP, "--weights", "w"], "no column `w`"),
        (
            ["fit", "Reaction ~ 1", SLEEP, "--weights", "Days"],
            "weights `Days` are not all",
        ),
        (["fit", "Reaction ~ Days", SLEEP, "--offset", "o"], "no column `o`"),
        (["fit", "Reaction ~ Days", SLEEP, "--contrasts", "Days"], "COL=sum"),
        (["fit", "Reaction ~ Days", SLEEP, "--contrasts", "Days=sums"], "no coding `sums`"),
        (["fit", "Reaction ~ Days", SLEEP, "--contrasts", "Days=[[1],[-1]]"], "is for Python"),
        (["fit", "Reaction ~ Days", SLEEP, "--weights", ""], "leave --weights out"),
        (["fit", "Reaction ~ Days", SLEEP, "--offset", ""], "leave --offset out"),
        (["fit", "Reaction ~ Days", SLEEP, "--contrasts", "Days=sum"], "the column is a number"),
        (["fit", "Days ~ Days + (1 | Subject)", SLEEP], "the outcome is also a predictor"),
        (["fit", "Reaction ~ Days"], "DATA"),
        (["run", "nowhere/plan.yaml"], "nowhere/plan.yaml"),
        (["run", FIXTURES / "btheb" / "plan.yaml", "--only", "nothing/*"], "visits/ITT/bdi"),
        (["compare", SLEEP, SLEEP], "sleepstudy.csv"),
        (["frobnicate"], "frobnicate"),
        (["run", "--frobnicate"], "frobnicate"),
    ],
    ids=lambda value: " ".join(Path(str(v)).name for v in value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_and_exit_2(harness: Run, arguments: list[str], said: str) -> None:
    told = harness(*arguments)
    assert told.code == 2, told.err
    assert said in told.err
    assert told.err.startswith("harness: ")
    assert told.err.count("\n") == 1, told.err
    assert told.out == ""


def test_weights_offset_and_contrasts_reach_the_fit(harness: Run) -> None:
    formula = "diameter ~ sample + (1 | plate)"
    data = FIXTURES / "classics" / "Penicillin.csv"
    asked = ("fit", formula, data, "--factor", "sample", "--json")
    plain = json.loads(harness(*asked).out)
    told = harness(*asked, "--weights", "diameter", "--contrasts", "sample=sum")
    record = json.loads(told.out)
    names = [row["term"] for row in record["fixed"]]
    assert names == ["(Intercept)", *(f"sample{k}" for k in range(1, 6))]
    assert record["problem"]["weights"]["name"] == "diameter"
    assert record["fit"]["criterion"] != plain["fit"]["criterion"]
    assert not {"weights", "offset"} & set(plain["problem"])
    moved = json.loads(harness(*asked, "--offset", "diameter").out or "{}")
    assert moved == {}, "an outcome less itself is constant"


def test_the_summary_says_what_stands_beside_the_formula(harness: Run) -> None:
    data = FIXTURES / "classics" / "Penicillin.csv"
    asked = ("fit", "diameter ~ sample + (1 | plate)", data, "--factor", "sample")
    told = harness(*asked, "--weights", "diameter", "--contrasts", "sample=sum")
    lines = told.out.splitlines()
    formula = lines.index("Formula: diameter ~ sample + (1 | plate)")
    assert lines[formula + 1 : formula + 4] == ["Weights: diameter", "Contrasts: sample sum", ""]
    asked = ("fit", "Reaction ~ 1 + (1 | Subject)", SLEEP)
    assert "Offset: Days\n\n" in harness(*asked, "--offset", "Days").out
    plain = harness(*asked).out
    assert not any(label in plain for label in ("Weights:", "Offset:", "Contrasts:"))


def test_the_json_record_has_the_contract_s_keys_in_order(harness: Run) -> None:
    told = harness(
        "fit", "Reaction ~ Days + (Days | Subject)", SLEEP, "--factor", "Subject", "--json"
    )
    record = json.loads(told.out)
    assert list(record)[:13] == [
        "engine", "formula", "reml", "df_method", "n_obs", "groups", "singular", "converged",
        "messages", "fixed", "random", "fit", "theta",
    ]  # fmt: skip
    assert list(record["fixed"][0]) == [
        "term", "estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high",
    ]  # fmt: skip
    assert [row["term"] for row in record["random"]] == [
        "sd(Subject:(Intercept))", "sd(Subject:Days)", "cor(Subject:(Intercept),Days)", "sigma",
    ]  # fmt: skip
    assert record["groups"] == {"Subject": 18}
    assert record["n_obs"] == 180
    # The REML optimum of sleepstudy's slopes model, from a 45-digit solution.
    assert record["fit"]["criterion"] == pytest.approx(1743.6282719585, abs=1e-9)


def test_kenward_roger_is_one_option_away(harness: Run) -> None:
    formula = "Reaction ~ Days + (Days | Subject)"
    arguments = ("fit", formula, SLEEP, "--factor", "Subject", "--df", "kenward-roger")
    assert "t-tests use Kenward-Roger's method" in harness(*arguments).out
    record = json.loads(harness(*arguments, "--json").out)
    assert record["df_method"] == "kenward-roger"
    # Balanced: one line a subject, 18 subjects.
    assert [row["df"] for row in record["fixed"]] == pytest.approx([17.0, 17.0], rel=1e-9)


def test_a_file_compared_with_itself_matches(harness: Run, tmp_path: Path) -> None:
    told = harness("fit", "Reaction ~ Days + (1 | Subject)", SLEEP, "--factor", "Subject", "--json")
    left = tmp_path / "left.json"
    left.write_text(told.out, encoding="utf-8")
    assert harness("compare", left, left).code == 0


def test_a_changed_digit_is_found(harness: Run, tmp_path: Path) -> None:
    told = harness("fit", "Reaction ~ Days + (1 | Subject)", SLEEP, "--factor", "Subject", "--json")
    left, right = tmp_path / "left.json", tmp_path / "right.json"
    left.write_text(told.out, encoding="utf-8")
    record = json.loads(told.out)
    record["fixed"][1]["estimate"] += 1e-4 * record["fixed"][1]["std_error"]
    right.write_text(json.dumps(record), encoding="utf-8")
    told = harness("compare", left, right)
    assert told.code == 1
    assert "estimate of Days: differs" in told.out


def test_the_schema_is_json_schema(harness: Run) -> None:
    schema = json.loads(harness("schema").out)
    assert schema["$schema"].endswith("2020-12/schema")
    assert {"study", "data", "sets", "analyses"} <= set(schema["properties"])
