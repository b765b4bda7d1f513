from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from estimates_by_hand import KEY, estimates, with_value

from harness.compare import Verdict, compare_estimates, compare_files
from harness.compare.policy import Policy, default_policy
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


def loose() -> Policy:
    """A policy under which anything matches that is measured."""
    policy = default_policy()
    return replace(
        policy,
        tolerances=tuple(
            t if t.metric == "exact" else replace(t, limit=1e9) for t in policy.tolerances
        ),
    )


def test_the_policy_given_is_the_one_that_holds(tmp_path: Path) -> None:
    wrong = with_value(estimates(), "week", "std_error", 0.2103)
    left, right = write_fit(tmp_path / "a.json", wrong), write_fit(tmp_path / "b.json", estimates())
    runs = [
        run_file(tmp_path / "c.json", KeyedAnswer(KEY, wrong)),
        run_file(tmp_path / "d.json", KeyedAnswer(KEY, estimates())),
    ]
    table = tmp_path / "e.csv"
    table.write_text("term,std_error\nweek,0.2103\n", encoding="utf-8")
    other = tmp_path / "f.csv"
    other.write_text("term,std_error\nweek,0.2100\n", encoding="utf-8")
    for files in ((left, right), runs, (table, other)):
        assert compare_files(*files).exit_code == 1
        assert compare_files(*files, policy=loose()).exit_code == 0
    assert compare_estimates(wrong, estimates()).exit_code == 1
    assert compare_estimates(wrong, estimates(), policy=loose()).exit_code == 0


def test_the_name_of_a_model_of_which_nothing_is_known(tmp_path: Path) -> None:
    table = compare_estimates(estimates(), estimates("lme4"))
    assert (table.rows[0].analysis, table.rows[0].set, table.rows[0].outcome) == ("", "", "bdi")
    nested = estimates(formula="y ~ x + I(a ~ b)")
    assert compare_estimates(nested, nested).rows[0].outcome == "y"
    (row,) = compare_estimates(NotComputed("a", "x", 4), NotComputed("b", "y", 4)).rows
    assert (row.analysis, row.set, row.outcome, row.model) == ("", "", "", "")
    named = compare_estimates(estimates(), estimates("lme4"), key=OTHER)
    assert named.rows[0].place == "efficacy/PP/bdi"


def test_a_label_names_the_engine_where_there_are_two(tmp_path: Path) -> None:
    one = run_file(tmp_path / "one.json", KeyedAnswer(KEY, estimates("port")))
    assert {row.model for row in compare_files(one, one).rows} == {estimates().formula}
    both = [KeyedAnswer(KEY, estimates(name)) for name in ("port", "lme4")]
    two = run_file(tmp_path / "two.json", *both)
    turned = run_file(tmp_path / "turned.json", *both[::-1])
    labels = list(dict.fromkeys(row.model for row in compare_files(two, turned).rows))
    assert labels == [f"{estimates().formula} [{name}]" for name in ("port", "lme4")]
    refused = run_file(
        tmp_path / "refused.json",
        *(KeyedAnswer(KEY, NotComputed(name, "no", 4)) for name in ("port", "lme4")),
    )
    rows = compare_files(refused, refused).rows
    assert [row.model for row in rows] == [" [port]", " [lme4]"]
    alone = run_file(tmp_path / "alone.json", KeyedAnswer(KEY, NotComputed("port", "no", 4)))
    assert compare_files(alone, alone).rows[0].model == ""


def test_a_model_that_neither_file_has_of_an_engine_hides_no_other(tmp_path: Path) -> None:
    answers = [
        KeyedAnswer(KEY, estimates("port")),
        KeyedAnswer(KEY, estimates("lme4")),
        KeyedAnswer(OTHER, estimates("lme4")),
    ]
    table = compare_files(*[run_file(tmp_path / f"{n}.json", *answers) for n in "ab"])
    found = {(row.set, row.model.rpartition(" ")[2]) for row in table.rows}
    assert found == {("ITT", "[port]"), ("ITT", "[lme4]"), ("PP", "[lme4]")}
    assert table.exit_code == 0


def test_a_model_of_one_run_says_which_file_lacks_it(tmp_path: Path) -> None:
    both = [KeyedAnswer(key, estimates("port")) for key in (KEY, OTHER)]
    left, right = run_file(tmp_path / "a.json", *both), run_file(tmp_path / "b.json", both[0])
    for files, lacking in (((left, right), right), ((right, left), right)):
        table = compare_files(*files)
        assert {row.note for row in table.red} == {f"port: {lacking} has no such model"}
        assert table.exit_code == 1


def test_engines_that_do_not_go_together_are_listed(tmp_path: Path) -> None:
    left = run_file(
        tmp_path / "a.json",
        *(KeyedAnswer(KEY, estimates(name)) for name in ("port", "lme4")),
    )
    right = run_file(
        tmp_path / "b.json",
        *(KeyedAnswer(KEY, estimates(name)) for name in ("nlme", "glmmTMB")),
    )
    with pytest.raises(DataError) as caught:
        compare_files(left, right)
    assert str(caught.value) == (
        f"{left} holds port, lme4 and {right} nlme, glmmTMB: "
        "the files must hold the same engines, or one each"
    )


def test_a_fit_and_a_run_are_named_whichever_comes_first(tmp_path: Path) -> None:
    fit = write_fit(tmp_path / "fit.json", estimates())
    run = run_file(tmp_path / "run.json", KeyedAnswer(KEY, estimates("port")))
    for files in ((fit, run), (run, fit)):
        with pytest.raises(DataError) as caught:
            compare_files(*files)
        told = f"{fit} holds one fit and {run} a whole run: compare two files of a kind"
        assert str(caught.value) == told


def test_what_cannot_be_compared_in_memory_is_said() -> None:
    import harness.compare

    with pytest.raises(TypeError) as caught:
        harness.compare(estimates(), "b.json")
    assert str(caught.value) == "compare two files, or two Estimates or fits, not one of each"
