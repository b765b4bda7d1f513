"""Models with a covariance by visit in a plan: what is read, and what is refused with its line."""

# ruff: noqa: E501 - the table of mistakes has one case a line

import pytest
from small_study import PLAN, changed, csv_text, line_with, rows, the_problem, write_study
from small_study import problems_of as problems_of_opening

from harness.data.derive import derive
from harness.data.study import open_study
from harness.errors import PlanError
from harness.models.expand import tasks
from harness.models.spec import Repeated
from harness.plan import load_plan
from harness.sets.enough import sufficient_sets

LMM = '    kind: lmm\n    formula: "{outcome} ~ arm * visit + (1 | id)"\n'
MMRM = changed(PLAN, LMM, '    kind: mmrm\n    formula: "{outcome} ~ arm * visit"\n')


def with_line(line: str) -> str:
    """The plan with one more key in its model by visit."""
    return changed(MMRM, "    reml: true\n", f"    reml: true\n    {line}\n")


MISTAKES = [
    # id, plan, where the message stands, key, message
    ("kenward-roger", changed(MMRM, "df: satterthwaite", "df: kenward-roger"), "df: kenward-roger", "analyses[0].df", "with mmrm: satterthwaite, residual or z"),
    ("random term", changed(MMRM, "arm * visit\"\n", "arm * visit + (1 | id)\"\n"), "(1 | id)\"\n    outcomes: [bdi, ln_il6]", "analyses[0].formula", "kind mmrm has no random terms"),
    ("weights", with_line("weights: sessions"), "weights:", "analyses[0].weights", "is not for mmrm; leave it out"),
    ("offset", with_line("offset: sessions"), "offset:", "analyses[0].offset", "is not for mmrm; leave it out"),
    ("robust", with_line("robust: HC3"), "robust:", "analyses[0].robust", "is not for mmrm in this version"),
    ("leave one out", with_line("leave_one_out: true"), "leave_one_out:", "analyses[0].leave_one_out", "is not for mmrm in this version"),
    ("covariance", with_line("covariance: us"), "covariance:", "analyses[0].covariance", "is un, cs, csh, ar1, ar1h, toep, toeph, id or diag"),
    ("covariance of a mixed model", changed(PLAN, "    reml: true\n", "    covariance: un\n"), "covariance:", "analyses[0].covariance", "is for kind mmrm, not lmm"),
    ("one visit", changed(with_line("at: [2]"), "arm * visit\"\n", "arm\"\n"), "at: [2]", "analyses[0].at", "needs two visits or more"),
    ("sigma of several", changed(with_line("effect_size: {sd: residual}"), "report: [coefficients, random, fit]", "report: [effect_size]"), "effect_size: {sd", "analyses[0].effect_size.sd", "un has a residual variance for each time"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("plan", "place", "key", "message"), [c[1:] for c in MISTAKES], ids=[c[0] for c in MISTAKES]
)
def test_a_mistake_is_told_with_its_line(tmp_path, plan, place, key, message):
    problem = the_problem(problems_of_opening(open_study, tmp_path, plan=plan), key, message)
    assert problem.line == line_with(plan, place)


def test_subject_visit_and_covariance_reach_the_model(tmp_path):
    plain = tasks(
        load_plan(write_study(tmp_path, plan=changed(MMRM, "    df: satterthwaite\n", "")))
    )[0].spec
    assert (plain.method, plain.repeated) == ("mmrm", Repeated("id", "visit", "un"))
    assert (plain.df_method, plain.reml, plain.mixed) == ("satterthwaite", True, False)
    assert plain.columns == ("bdi", "arm", "visit", "id")
    other = tasks(load_plan(write_study(tmp_path, plan=with_line("covariance: ar1h"))))[0].spec
    assert other.repeated == Repeated("id", "visit", "ar1h")
    assert tasks(load_plan(write_study(tmp_path)))[0].spec.repeated is None


def test_two_rows_of_a_patient_at_one_visit_are_told_with_the_line(tmp_path):
    study = open_study(write_study(tmp_path, plan=MMRM, data=csv_text([*rows(), rows()[3]])))
    with pytest.raises(PlanError, match="p1 has two rows at visit 2, mmrm needs one") as told:
        sufficient_sets(study, derive(study))
    assert told.value.exit_code == 2
    assert [p.line for p in told.value.problems] == [line_with(MMRM, "kind: mmrm")]
    again = write_study(tmp_path, data=csv_text([*rows(), rows()[3]]))
    assert list(sufficient_sets(open_study(again), derive(open_study(again)))) == ["ITT", "PP"]
