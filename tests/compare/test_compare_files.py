from __future__ import annotations

from pathlib import Path

import pytest
from estimates_by_hand import KEY, estimates, with_value

from harness.compare import Verdict, compare_estimates, compare_files
from harness.errors import DataError
from harness.estimates import KeyedAnswer, write_fit, write_run
from harness.models.record import NotComputed
from harness.models.spec import ModelKey

OTHER = ModelKey("efficacy", "PP", "bdi")


def test_two_fits_of_any_two_engines(tmp_path: Path) -> None:
    left = write_fit(tmp_path / "a.json", estimates("statsmodels"))
    right = write_fit(tmp_path / "b.json", estimates("glmmTMB"))
    table = compare_files(left, right)
    assert set(table.counts) == {Verdict.MATCH}
    assert table.exit_code == 0
    assert table.rows[0].outcome == "bdi"


def test_a_wrong_number_in_a_file_is_found(tmp_path: Path) -> None:
    left = write_fit(tmp_path / "a.json", with_value(estimates(), "week", "std_error", 0.2103))
    table = compare_files(left, write_fit(tmp_path / "b.json", estimates()))
    assert [(row.term, row.quantity) for row in table.red] == [("week", "std_error")]
    assert table.exit_code == 1


def run_file(path: Path, *answers: KeyedAnswer) -> Path:
    return write_run(path, answers)


def test_two_runs_of_the_same_engines_are_joined_by_model_and_engine(tmp_path: Path) -> None:
    both = (KeyedAnswer(KEY, estimates("port")), KeyedAnswer(KEY, estimates("lme4")))
    changed = (both[0], KeyedAnswer(KEY, with_value(estimates("lme4"), "week", "df", 50.0)))
    table = compare_files(
        run_file(tmp_path / "a.json", *both), run_file(tmp_path / "b.json", *changed)
    )
    (row,) = table.red
    assert row.model.endswith("[lme4]")
    assert (row.python, row.r) == (44.4, 50.0)


def test_runs_of_one_engine_each_are_compared_across(tmp_path: Path) -> None:
    left = run_file(tmp_path / "a.json", KeyedAnswer(KEY, estimates("port")))
    right = run_file(tmp_path / "b.json", KeyedAnswer(KEY, estimates("glmmTMB")))
    assert compare_files(left, right).exit_code == 0


def test_a_model_of_one_run_only_is_a_finding(tmp_path: Path) -> None:
    left = run_file(
        tmp_path / "a.json", KeyedAnswer(KEY, estimates()), KeyedAnswer(OTHER, estimates())
    )
    right = run_file(tmp_path / "b.json", KeyedAnswer(KEY, estimates()))
    table = compare_files(left, right)
    assert {row.set for row in table.red} == {"PP"}
    assert {row.verdict for row in table.red} == {Verdict.PYTHON_ONLY}
    assert "b.json has no such model" in table.red[0].note
    assert table.exit_code == 1


def test_a_refusal_in_a_run_keeps_its_code(tmp_path: Path) -> None:
    left = run_file(tmp_path / "a.json", KeyedAnswer(KEY, estimates()))
    right = run_file(tmp_path / "b.json", KeyedAnswer(KEY, NotComputed("lme4", "timed out", 4)))
    assert compare_files(left, right).exit_code == 4


def test_files_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    fit = write_fit(tmp_path / "fit.json", estimates())
    run = run_file(
        tmp_path / "run.json",
        KeyedAnswer(KEY, estimates("port")),
        KeyedAnswer(KEY, estimates("lme4")),
    )
    third = run_file(tmp_path / "third.json", KeyedAnswer(KEY, estimates("glmmTMB")))
    with pytest.raises(DataError, match=r"fit\.json holds one fit and .*run\.json a whole run"):
        compare_files(run, fit)
    with pytest.raises(DataError, match=r"port, lme4 and .*glmmTMB: the files must hold"):
        compare_files(run, third)


def test_the_package_itself_can_be_called(tmp_path: Path) -> None:
    import harness.compare

    left = write_fit(tmp_path / "a.json", estimates())
    assert harness.compare(left, str(left)).exit_code == 0
    assert harness.compare(estimates(), with_value(estimates(), "week", "df", 9.0)).exit_code == 1
    with pytest.raises(TypeError, match="not one of each"):
        harness.compare(left, estimates())


def test_estimates_in_memory() -> None:
    table = compare_estimates(estimates(), with_value(estimates("lme4"), "week", "df", 50.0))
    assert [(row.term, row.quantity) for row in table.red] == [("week", "df")]
    assert table.rows[0].outcome == "bdi"


def test_fits_in_memory_are_compared_by_their_own_records() -> None:
    import pandas as pd

    import harness

    y = [1.0, 2.5, 2.0, 4.5, 3.0, 5.5, 2.0, 3.0, 1.5, 4.0, 2.5, 6.0]
    data = pd.DataFrame({"y": y, "x": [0, 1] * 6, "g": list("aabbccddeeff")})
    reml, ml = (harness.lmer("y ~ x + (1 | g)", data, reml=flag) for flag in (True, False))
    assert harness.compare(reml, reml).exit_code == 0
    assert harness.compare(reml, ml.estimates()).exit_code == 1
