"""What a plan asks of an analysis' sensitivity: what is read, and what is refused with its line."""

# ruff: noqa: E501 - the table of mistakes has one case a line

from pathlib import Path

import pytest
from small_study import PLAN, changed, line_with, the_problem, write_study
from small_study import problems_of as problems_of_opening

from harness.data.study import open_study
from harness.models.besides import Robust
from harness.models.expand import tasks
from harness.models.scale import Scaled
from harness.plan import load_plan

EFFICACY = "    reml: true\n"
CHANGE = '    formula: "{outcome} ~ arm + bdi"\n'


def efficacy(more: str) -> str:
    """The plan with lines added to its mixed analysis."""
    return changed(PLAN, EFFICACY, f"{EFFICACY}{more}")


def change(more: str) -> str:
    """The plan with lines added to its linear analysis."""
    return changed(PLAN, CHANGE, f"{CHANGE}{more}")


def test_robust_errors_are_asked_by_patient_or_by_row(tmp_path: Path) -> None:
    plan = changed(efficacy("    robust: CR2\n"), CHANGE, f"{CHANGE}    robust: HC3\n")
    first, *_, moderation, last = (
        task.spec for task in tasks(load_plan(write_study(tmp_path, plan=plan)))
    )
    assert first.besides is not None
    assert first.besides.parts == ("robust",)
    assert first.besides.robust == Robust("CR2", "id")
    assert "id" in first.columns
    assert first.besides.as_json() == {
        "parts": ["robust"],
        "robust": {"kind": "CR2", "cluster": "id"},
    }
    assert moderation.besides is None
    assert last.besides is not None
    assert last.besides.robust == Robust("HC3")
    assert last.besides.as_json()["robust"] == {"kind": "HC3"}


def test_patients_are_left_out_by_the_plans_columns(tmp_path: Path) -> None:
    plan = efficacy("    leave_one_out: true\n")
    first, *_, last = tasks(load_plan(write_study(tmp_path, plan=plan)))
    assert first.spec.besides is not None
    assert first.spec.besides.parts == ("leave_one_out",)
    assert first.spec.besides.as_json() == {
        "parts": ["leave_one_out"], "leave_one_out": {"patient": "id", "arm": "arm"},
    }  # fmt: skip
    assert last.spec.besides is None


def test_an_analysis_is_repeated_on_every_scale_of_its_outcomes(tmp_path: Path) -> None:
    plan = efficacy("    scales: [raw, rank, winsor]\n    winsor: 0.1\n")
    found = tasks(load_plan(write_study(tmp_path, plan=plan)))
    names = ["bdi", "rank(bdi)", "winsor(bdi)", "ln_il6", "rank(ln_il6)", "winsor(ln_il6)"]
    assert [task.key.outcome for task in found[:12]] == names * 2
    assert [task.key.outcome for task in found[12:]] == ["bdi", "bdi", "gain"]
    raw, rank, winsor = found[:3]
    assert raw.scaled is None
    assert rank.spec.formula.text == "rank.bdi ~ arm * visit + (1 | id)"
    assert rank.key.slug == "efficacy.ITT.rank%28bdi%29"
    assert winsor.scaled == Scaled("winsor", "bdi", "visit", 0.1)
    assert winsor.spec.columns[0] == "winsor.bdi"


MISTAKES = [
    ("kind", efficacy("    robust: HC2\n"), "robust: HC2", "analyses[0].robust", "is HC3 or CR2"),
    ("hc3 of a mixed model", efficacy("    robust: HC3\n"), "robust", "analyses[0].robust", "HC3 is for linear models"),
    ("weights", efficacy("    robust: CR2\n    weights: sessions\n"), "robust", "analyses[0].robust", "with prior weights"),
    ("offset", efficacy("    robust: CR2\n    offset: sessions\n"), "robust", "analyses[0].robust", "with an offset"),
    ("offset in the formula", changed(efficacy("    robust: CR2\n"), '"{outcome} ~ arm * visit + (1 | id)"', '"{outcome} ~ arm + offset(sessions) + (1 | id)"'), "robust", "analyses[0].robust", "with an offset"),
    ("scale", efficacy("    scales: [raw, ranks]\n"), "scales: [raw, r", "analyses[0].scales[1]", "did you mean rank?"),
    ("no arm", changed(efficacy("    leave_one_out: true\n"), '"{outcome} ~ arm * visit + (1 | id)"', '"{outcome} ~ visit + (1 | id)"'), "leave_one_out", "analyses[0].leave_one_out", "needs `arm` among the fixed effects"),
    ("scale twice", efficacy("    scales: [rank, rank]\n"), "scales: [r", "analyses[0].scales[1]", "`rank` stands twice"),
    ("share without", efficacy("    winsor: 0.1\n"), "winsor", "analyses[0].winsor", "has no effect: scales has no winsor"),
    ("share", efficacy("    scales: [winsor]\n    winsor: 0.5\n"), "winsor: 0.5", "analyses[0].winsor", "less than 0.5"),
    ("scaled already", changed(efficacy("    scales: [raw, rank]\n"), '"{outcome} ~ arm * visit + (1 | id)"', '"log({outcome}) ~ arm * visit + (1 | id)"'), "scales: [r", "analyses[0].scales", "`{outcome}` alone"),
    ("on the right", changed(efficacy("    scales: [raw, rank]\n"), '"{outcome} ~ arm * visit + (1 | id)"', '"{outcome} ~ arm * visit + log({outcome}) + (1 | id)"'), "scales: [r", "analyses[0].scales", "right of `~`"),
    ("responders", changed(efficacy("    scales: [raw, rank]\n"), "report: [coefficients, random, fit]", "report: [responders]"), "scales: [r", "analyses[0].scales", "responders are counted"),
    ("unit", changed(efficacy("    scales: [raw, rank]\n    effect_size: {sd: given, value: 3}\n"), "report: [coefficients, random, fit]", "report: [effect_size]").replace("outcomes: [bdi, ln_il6]", "outcomes: [bdi]"), "scales: [r", "analyses[0].scales", "sd: given"),
]  # fmt: skip


@pytest.mark.parametrize(("plan", "place", "key", "message"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])  # fmt: skip
def test_one_mistake_is_one_problem_with_its_line(
    tmp_path: Path, plan: str, place: str, key: str, message: str
) -> None:
    found = problems_of_opening(load_plan, tmp_path, plan=plan)
    assert the_problem(found, key, message).line == line_with(plan, place)
    assert len(found) == 1


def test_a_column_that_is_there_already_is_not_replaced(tmp_path: Path) -> None:
    plan = changed(
        efficacy("    scales: [raw, rank]\n"), "derive:\n", 'derive:\n  rank.bdi: "bdi"\n'
    )
    found = problems_of_opening(open_study, tmp_path, plan=plan)
    problem = the_problem(found, "analyses[0].scales[1]", "the data have a column `rank.bdi`")
    assert problem.line == line_with(plan, "scales: [r")
