from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from estimates_by_hand import KEY, pair, with_value

from harness.compare import CrossCheck, DiffTable, compare_model, join
from harness.models.spec import ModelKey
from harness.report.content import RunRecord
from harness.report.failure import failure_line, failure_lines
from harness.report.terminal import chosen, render_diff, render_run

Make = Callable[..., RunRecord]


def test_a_matching_model_is_a_line_a_coefficient_and_a_count() -> None:
    table = DiffTable(compare_model(KEY, *pair(), CrossCheck(1234.5)))
    shown = render_diff(table, colour=False)
    assert "treatmentBtheB" in shown
    assert "-4.20000" in shown
    assert "To look at" not in shown
    assert shown.split("\n")[-1] == f"{len(table.rows)} numbers: {len(table.rows)} match"
    assert len(shown.split("\n")) < 20


def test_the_worst_number_of_a_coefficient_stands_for_it() -> None:
    python, r = pair()
    python = with_value(python, "week", "df", 44.4 * (1 + 5e-5))
    shown = render_diff(DiffTable(compare_model(KEY, python, r, None)), colour=False)
    (line,) = [line for line in shown.split("\n") if line.startswith("week")]
    assert "50 % df" in line
    assert line.endswith("match")
    python = with_value(python, "week", "df", 44.5)
    shown = render_diff(DiffTable(compare_model(KEY, python, r, None)), colour=False)
    (line,) = [line for line in shown.split("\n") if line.startswith("week")]
    assert line.endswith("differs")


def test_full_prints_every_number_red_first(record: Make) -> None:
    run = record()
    shown = render_run(run, full=True, colour=False)
    for quantity in ("conf_low", "std_error", "aic", "converged"):
        assert quantity in shown
    block = shown.split("efficacy / PP / bdi")[1].split("\n")
    assert "decision flips" in block[4]


def test_many_models_are_summarised_and_red_ones_shown() -> None:
    python, r = pair()
    models = []
    for index in range(30):
        key = ModelKey("efficacy", "ITT", f"outcome{index}")
        wrong = with_value(python, "week", "std_error", 0.3) if index == 17 else python
        models.append(compare_model(key, wrong, r, CrossCheck(1234.5)))
    table = join(models)
    assert [rows[0].outcome for rows in chosen(table)] == ["outcome0", "outcome17"]
    shown = render_diff(table, colour=False)
    assert shown.count("sd(subject:week)") == 2
    summary = [line for line in shown.split("\n") if line.startswith("efficacy  ")]
    assert len(summary) == 30
    assert "outcome17" in summary[0]
    assert len(shown.split("\n")) < 80


def test_nothing_compared_is_said() -> None:
    assert render_diff(DiffTable(()), colour=False) == "no number was compared"


def test_colour_follows_the_terminal_and_no_color(
    monkeypatch: pytest.MonkeyPatch, record: Make
) -> None:
    run = record()
    assert "\x1b[31m" in render_run(run, colour=True)
    assert "\x1b" not in render_run(run, colour=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert "\x1b" in render_run(run)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in render_run(run)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    assert "\x1b" not in render_run(run)
    monkeypatch.setenv("FORCE_COLOR", "1")  # shown on a terminal later, by whoever captures it
    assert "\x1b" in render_run(run)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in render_run(run)


class TestFailureLines:
    def row(self):
        python, r = pair()
        python = with_value(python, "week", "std_error", 0.21 * (1 + 3e-4))
        (row,) = DiffTable(compare_model(KEY, python, r, None)).red
        return row

    def test_a_line_says_what_how_far_and_how_to_see_it_again(self) -> None:
        line = failure_line(self.row(), "harness run plan.yaml")
        assert line == (
            "efficacy/ITT/bdi: std_error of week: differs; python 0.21006300, r 0.21000000; "
            "difference 0.0003 relative, limit 1e-06 (T2); "
            "reproduce: harness run plan.yaml --only efficacy/ITT/bdi"
        )

    def test_values_show_enough_digits_to_differ(self) -> None:
        python, r = pair()
        python = with_value(python, "", "loglik", -617.25 - 2e-7)
        (row,) = DiffTable(compare_model(KEY, python, r, None)).red
        assert "python -617.25000020" in failure_line(row)
        assert "r -617.25000000" in failure_line(row)

    def test_the_cause_is_named(self) -> None:
        python, r = pair()
        from dataclasses import replace

        python = with_value(replace(python, df_method="z"), "week", "df", float("inf"))
        lines = failure_lines(compare_model(KEY, python, r, None))
        assert "likely cause: df method: z in python, satterthwaite in r" in lines[0]

    def test_a_hostile_model_name_cannot_leave_the_command(self) -> None:
        from dataclasses import replace

        row = replace(self.row(), analysis="a; rm -rf ~", set="$(x)")
        assert "--only 'a; rm -rf ~/$(x)/bdi'" in failure_line(row, "harness run p")

    def test_one_line_stands_for_a_model_that_was_not_the_same(self) -> None:
        from dataclasses import replace

        python, r = pair()
        rows = compare_model(KEY, replace(python, n_obs=5), r, None)
        (line,) = failure_lines(rows)
        assert "5 rows in python, 6 in r" in line
        assert line.endswith(f"(and {len(rows) - 1} more rows of this model)")

    def test_long_lists_are_cut_and_say_so(self) -> None:
        rows = [self.row()] * 25
        lines = failure_lines(rows)
        assert len(lines) == 21
        assert lines[-1] == "... and 5 more; `--full` prints every row"


def test_moderators_that_match_share_a_line_and_one_that_does_not_has_its_own() -> None:
    python, r = pair()
    wrong = with_value(python, "week", "std_error", 0.3)
    models = [
        compare_model(
            ModelKey("grid", "ITT", outcome, f"z{k}"),
            wrong if (outcome, k) == ("bdi", 2) else python,
            r,
            CrossCheck(1234.5),
        )
        for outcome in ("bdi", "pain")
        for k in range(4)
    ]
    shown = render_diff(join(models), colour=False)
    lines = [line for line in shown.split("\n") if line.startswith("grid ") and " / " not in line]
    assert [
        next(text for text in ("bdi by z2", "bdi by 3 m", "pain by 4 m") if text in line).replace(
            " m", " moderators"
        )
        for line in lines
    ] == ["bdi by z2", "bdi by 3 moderators", "pain by 4 moderators"]
    numbers = len(models[1])
    assert f" {3 * numbers} " in lines[1]
    assert f" {4 * numbers} " in lines[2]
    assert lines[1].endswith("match")
    full = render_diff(join(models), full=True, colour=False)
    assert "pain by z3" in full
    assert "moderators" not in full
